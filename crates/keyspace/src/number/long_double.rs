//! The x87's 80-bit floating-point numbers, which Redis adds with in INCRBYFLOAT: 64 bits of mantissa, 15 bits
//! of exponent. Every result is the exact one, rounded once to the nearest, ties to even.

use super::big::Natural;

/// A finite or infinite 80-bit number. Not-a-number has no representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongDouble {
    negative: bool,
    magnitude: Magnitude,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Magnitude {
    /// `mantissa * 2^exponent`.
    Finite {
        mantissa: u64,
        exponent: i32,
    },
    Infinite,
}

const MANTISSA_BITS: usize = 64;

/// The exponent of the smallest number, `1 * 2^-16445`.
const MIN_EXPONENT: i32 = -16_445;

/// The exponent of the largest numbers, whose mantissa has all of its 64 bits.
const MAX_EXPONENT: i32 = 16_320;

/// Redis reads no longer text as a number.
const MAX_TEXT_LEN: usize = 5 * 1024 - 1;

/// Decimal exponents beyond this are out of reach whatever the digits before them.
const MAX_DECIMAL_EXPONENT: i64 = 100_000;

impl LongDouble {
    /// Reads what Redis accepts as a float: what C's `strtold` takes whole (decimal, hexadecimal, `inf`,
    /// `infinity`), with no space before it; not a number that overflows or vanishes, and not `nan`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.is_empty() || text.len() > MAX_TEXT_LEN {
            return None;
        }
        let (negative, unsigned) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        if unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity") {
            return Some(Self {
                negative,
                magnitude: Magnitude::Infinite,
            });
        }
        let magnitude = match unsigned {
            [b'0', b'x' | b'X', rest @ ..] => parse_hexadecimal(rest)?,
            rest => parse_decimal(rest)?,
        };
        (magnitude != Magnitude::Infinite).then_some(Self {
            negative,
            magnitude,
        })
    }

    /// Whether the number is finite.
    pub fn is_finite(self) -> bool {
        self.magnitude != Magnitude::Infinite
    }

    /// A thousand times the number, the next integer up. `None` if 64 bits do not hold it.
    pub fn thousandfold_rounded_up(self) -> Option<i64> {
        let Magnitude::Finite { mantissa, exponent } = self.magnitude else {
            return None;
        };
        let mut thousandfold = Natural::from(mantissa);
        thousandfold.multiply_by_power_of_ten(3);
        let Magnitude::Finite { mantissa, exponent } = round(&thousandfold, exponent, false) else {
            return None;
        };
        let magnitude = match u32::try_from(exponent) {
            Ok(_) if mantissa == 0 => 0,
            Ok(exponent) if exponent < 64 => i128::from(mantissa) << exponent,
            Ok(_) => return None,
            Err(_) => {
                let shift = exponent.unsigned_abs();
                let whole = mantissa.checked_shr(shift).unwrap_or(0);
                let is_exact = whole.checked_shl(shift).unwrap_or(0) == mantissa;
                let goes_up = !is_exact && !self.negative;
                i128::from(whole) + i128::from(goes_up)
            }
        };
        i64::try_from(if self.negative { -magnitude } else { magnitude }).ok()
    }

    /// The sum, or `None` if it is not a finite number.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let Magnitude::Finite {
            mantissa: mine,
            exponent: my_exponent,
        } = self.magnitude
        else {
            return None;
        };
        let Magnitude::Finite {
            mantissa: theirs,
            exponent: their_exponent,
        } = other.magnitude
        else {
            return None;
        };
        let exponent = my_exponent.min(their_exponent);
        let mut sum = Natural::from(mine).shifted_left((my_exponent - exponent) as usize);
        let addend = Natural::from(theirs).shifted_left((their_exponent - exponent) as usize);
        let negative = if self.negative == other.negative {
            sum.add(&addend);
            self.negative
        } else if addend <= sum {
            let difference_is_zero = addend == sum;
            sum.subtract(&addend);
            self.negative && !difference_is_zero
        } else {
            let mut difference = addend;
            difference.subtract(&sum);
            sum = difference;
            other.negative
        };
        let sum = Self {
            negative,
            magnitude: round(&sum, exponent, false),
        };
        sum.is_finite().then_some(sum)
    }
}

impl From<i64> for LongDouble {
    fn from(number: i64) -> Self {
        Self {
            negative: number < 0,
            magnitude: Magnitude::Finite {
                mantissa: number.unsigned_abs(),
                exponent: 0,
            },
        }
    }
}

/// As Redis prints it for people: 17 digits behind the point, rounded, less the zeros at the end.
impl std::fmt::Display for LongDouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const DIGITS: usize = 17;
        let sign = if self.negative { "-" } else { "" };
        let Magnitude::Finite { mantissa, exponent } = self.magnitude else {
            return write!(f, "{sign}inf");
        };
        let mut scaled = Natural::from(mantissa);
        scaled.multiply_by_power_of_ten(DIGITS as u32);
        let scaled = if exponent >= 0 {
            scaled.shifted_left(exponent as usize)
        } else {
            scaled.shifted_right_rounded(exponent.unsigned_abs() as usize, false)
        };
        if scaled.is_zero() {
            return f.write_str("0");
        }
        let digits = scaled.into_decimal();
        let padding = (DIGITS + 1).saturating_sub(digits.len());
        let digits = [vec![b'0'; padding], digits].concat();
        let (whole, fraction) = digits.split_at(digits.len() - DIGITS);
        let fraction_len = fraction
            .iter()
            .rposition(|digit| *digit != b'0')
            .map_or(0, |last| last + 1);
        let text = |digits: &[u8]| String::from_utf8_lossy(digits).into_owned();
        match fraction_len {
            0 => write!(f, "{sign}{}", text(whole)),
            len => write!(f, "{sign}{}.{}", text(whole), text(&fraction[..len])),
        }
    }
}

/// `number * 2^exponent` as the nearest 80-bit number. `sticky`: whether the number is a little larger.
fn round(number: &Natural, exponent: i32, sticky: bool) -> Magnitude {
    if number.is_zero() {
        return Magnitude::Finite {
            mantissa: 0,
            exponent: 0,
        };
    }
    let excess = number.bit_len() as i64 - MANTISSA_BITS as i64;
    // Numbers near 0 have fewer bits, because their exponent cannot go lower.
    let shift = excess.max(i64::from(MIN_EXPONENT) - i64::from(exponent));
    if shift <= 0 {
        // Few bits: exact. The mantissa of a large number must be shifted up to tell whether it overflows.
        let mantissa = number.low_u64();
        let highest = i64::from(exponent) + number.bit_len() as i64 - MANTISSA_BITS as i64;
        return if highest > i64::from(MAX_EXPONENT) {
            Magnitude::Infinite
        } else {
            Magnitude::Finite { mantissa, exponent }
        };
    }
    let rounded = number.shifted_right_rounded(shift as usize, sticky);
    let (mantissa, exponent) = if rounded.bit_len() > MANTISSA_BITS {
        (1 << 63, i64::from(exponent) + shift + 1)
    } else {
        (rounded.low_u64(), i64::from(exponent) + shift)
    };
    if exponent > i64::from(MAX_EXPONENT) {
        Magnitude::Infinite
    } else {
        Magnitude::Finite {
            mantissa,
            exponent: exponent as i32,
        }
    }
}

/// The digits of a number, and where its point and exponent leave the last of them.
pub(super) struct Digits<'a> {
    pub(super) whole: &'a [u8],
    pub(super) fraction: &'a [u8],
    pub(super) exponent: i64,
}

/// `digits [. digits] [marker [sign] digits]`, the whole of `text`, with at least one digit before the marker.
pub(super) fn split_digits(
    text: &[u8],
    is_digit: fn(&u8) -> bool,
    marker: u8,
) -> Option<Digits<'_>> {
    let digits_len = |text: &[u8]| text.iter().take_while(|byte| is_digit(byte)).count();
    let (whole, rest) = text.split_at(digits_len(text));
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => rest.split_at(digits_len(rest)),
        rest => rest.split_at(0),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let exponent = match rest {
        [] => 0,
        [first, rest @ ..] if first.eq_ignore_ascii_case(&marker) => {
            let (negative, digits) = match rest {
                [b'-', digits @ ..] => (true, digits),
                [b'+', digits @ ..] => (false, digits),
                digits => (false, digits),
            };
            if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
                return None;
            }
            let magnitude = digits.iter().fold(0i64, |sum, digit| {
                (sum * 10 + i64::from(digit - b'0')).min(MAX_DECIMAL_EXPONENT)
            });
            if negative { -magnitude } else { magnitude }
        }
        _ => return None,
    };
    Some(Digits {
        whole,
        fraction,
        exponent,
    })
}

fn parse_decimal(text: &[u8]) -> Option<Magnitude> {
    let digits = split_digits(text, u8::is_ascii_digit, b'e')?;
    let number = Natural::from_decimal(digits.whole.iter().chain(digits.fraction).copied());
    if number.is_zero() {
        return Some(round(&number, 0, false));
    }
    let exponent = digits.exponent - digits.fraction.len() as i64;
    // About the decimal exponent of the first digit: the range ends at 4932 and -4951.
    let first = exponent + (number.bit_len() as i64 * 30_103) / 100_000;
    if first > 5_000 {
        return None;
    }
    if first < -5_000 {
        return None;
    }
    if exponent >= 0 {
        let mut number = number;
        number.multiply_by_power_of_ten(exponent as u32);
        return Some(round(&number, 0, false));
    }
    let mut divisor = Natural::from(1u64);
    divisor.multiply_by_power_of_ten(exponent.unsigned_abs() as u32);
    // Enough bits for the mantissa and for rounding, whatever the sizes of the two.
    let bits = MANTISSA_BITS as i64 + 4;
    let shift = bits - 1 - (number.bit_len() as i64 - divisor.bit_len() as i64);
    let (number, divisor) = if shift >= 0 {
        (number.shifted_left(shift as usize), divisor)
    } else {
        (number, divisor.shifted_left(shift.unsigned_abs() as usize))
    };
    let (quotient, rest) = number.divided(&divisor, bits as usize + 1);
    not_vanished(round(&Natural::from(quotient), -shift as i32, rest))
}

fn parse_hexadecimal(text: &[u8]) -> Option<Magnitude> {
    let digits = split_digits(text, u8::is_ascii_hexdigit, b'p')?;
    let mut number = Natural::default();
    for digit in digits.whole.iter().chain(digits.fraction) {
        let value = (*digit as char).to_digit(16)?;
        number.multiply_add(16, value);
    }
    if number.is_zero() {
        return Some(round(&number, 0, false));
    }
    let exponent = digits.exponent - 4 * digits.fraction.len() as i64;
    not_vanished(round(&number, exponent as i32, false))
}

/// A number that is not 0 but too small to be told from it is refused.
fn not_vanished(magnitude: Magnitude) -> Option<Magnitude> {
    (!matches!(magnitude, Magnitude::Finite { mantissa: 0, .. })).then_some(magnitude)
}

#[cfg(test)]
mod tests;
