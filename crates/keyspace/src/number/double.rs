//! 64-bit floating-point numbers as text: scores, distances, coordinates, as C's `strtod` and `%.17g` have them.

use super::big::Natural;
use super::long_double::split_digits;

/// The digits that tell any two doubles apart, which `%.17g` prints at most.
const DIGITS: usize = 17;

/// The bits of a double's mantissa.
const MANTISSA_BITS: i64 = 53;

/// The exponent of the smallest double, `1 * 2^-1074`.
const MIN_EXPONENT: i64 = -1074;

/// Doubles below `2^MAX_EXPONENT` are finite.
const MAX_EXPONENT: i64 = 1024;

/// Reads what Redis accepts as a double: what C's `strtod` takes whole (decimal, hexadecimal, `inf`, `infinity`)
/// with no space before it; not a number that overflows or vanishes, and not `nan`.
pub fn parse_double(text: &[u8]) -> Option<f64> {
    match parse_number(text)? {
        Number::InRange(number) => Some(number),
        Number::OutOfRange(_) => None,
    }
}

/// Reads the bound of a range of scores as Redis does, which is less strict there than [`parse_double`]: nothing at
/// all is 0, spaces may come first, a zero byte ends the text, and a number that is too large is infinite.
pub fn parse_score_bound(text: &[u8]) -> Option<f64> {
    let end = text.iter().position(|byte| *byte == 0);
    let text = &text[..end.unwrap_or(text.len())];
    if text.is_empty() {
        return Some(0.0);
    }
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let spaces = text.iter().take_while(|byte| is_space(byte)).count();
    match parse_number(&text[spaces..])? {
        Number::InRange(number) | Number::OutOfRange(number) => Some(number),
    }
}

/// A number that was read, whether or not a double can be near it.
enum Number {
    InRange(f64),
    /// Infinite or 0, in its place.
    OutOfRange(f64),
}

fn parse_number(text: &[u8]) -> Option<Number> {
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let signed = |magnitude: f64| if negative { -magnitude } else { magnitude };
    if unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity") {
        return Some(Number::InRange(signed(f64::INFINITY)));
    }
    let (magnitude, is_zero) = match unsigned {
        [b'0', b'x' | b'X', digits @ ..] => parse_hexadecimal(digits)?,
        _ => parse_decimal(unsigned)?,
    };
    let in_range = magnitude.is_finite() && (magnitude != 0.0 || is_zero);
    Some(match in_range {
        true => Number::InRange(signed(magnitude)),
        false => Number::OutOfRange(signed(magnitude)),
    })
}

/// The number, infinite or 0 if it is out of range, and whether it was written as 0.
fn parse_decimal(text: &[u8]) -> Option<(f64, bool)> {
    // Rust's parser reads signs and words as well; what comes here must begin with a digit or a point.
    if !matches!(text.first(), Some(b'0'..=b'9' | b'.')) {
        return None;
    }
    let number = std::str::from_utf8(text).ok()?.parse::<f64>().ok()?;
    let is_mantissa = |byte: &&u8| !byte.eq_ignore_ascii_case(&b'e');
    let mut mantissa = text.iter().take_while(is_mantissa);
    let is_zero = number == 0.0 && !mantissa.any(|byte| matches!(byte, b'1'..=b'9'));
    Some((number, is_zero))
}

/// As [`parse_decimal`], behind the `0x`.
fn parse_hexadecimal(text: &[u8]) -> Option<(f64, bool)> {
    let digits = split_digits(text, u8::is_ascii_hexdigit, b'p')?;
    let mut number = Natural::default();
    for digit in digits.whole.iter().chain(digits.fraction) {
        number.multiply_add(16, (*digit as char).to_digit(16)?);
    }
    if number.is_zero() {
        return Some((0.0, true));
    }
    let exponent = digits.exponent - 4 * digits.fraction.len() as i64;
    if number.bit_len() as i64 + exponent > MAX_EXPONENT {
        return Some((f64::INFINITY, false));
    }
    // Numbers near 0 have fewer bits, because their exponent cannot go lower.
    let shift = (number.bit_len() as i64 - MANTISSA_BITS).max(MIN_EXPONENT - exponent);
    let (mantissa, exponent) = if shift <= 0 {
        (number.low_u64(), exponent)
    } else {
        let rounded = number.shifted_right_rounded(shift as usize, false);
        (rounded.low_u64(), exponent + shift)
    };
    if mantissa == 0 {
        return Some((0.0, false));
    }
    // In two steps, for the smallest powers of two are no normal doubles; both are exact.
    let (first, second) = (exponent / 2, exponent - exponent / 2);
    let scaled = mantissa as f64 * power_of_two(first) * power_of_two(second);
    Some((scaled, false))
}

/// `2^exponent`, of which the result is a normal double.
fn power_of_two(exponent: i64) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// The integer that is equal to `number`, if it is in the safe half of the 64-bit range. Redis prints and packs
/// such doubles as integers; -0 so becomes 0.
pub fn double_to_integer(number: f64) -> Option<i64> {
    const LIMIT: f64 = (i64::MAX / 2) as f64;
    let integer = number as i64;
    (number.abs() <= LIMIT && integer as f64 == number).then_some(integer)
}

/// Prints a double as C's `%.17g`: 17 digits, trailing zeros left out, an exponent if it is below -4 or above
/// 16. `inf`, `-inf` and `nan` for what is no number.
pub fn print_double(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if number == 0.0 {
        return if number.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    // Most scores are integers of few digits.
    if number.abs() < 1e15
        && let Some(integer) = double_to_integer(number)
    {
        return itoa::Buffer::new().format(integer).to_owned();
    }
    let scientific = format!("{:.*e}", DIGITS - 1, number.abs());
    let (mantissa, exponent) = scientific
        .split_once('e')
        .expect("printed with an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is an integer");
    let digits: String = mantissa.chars().filter(|digit| *digit != '.').collect();
    let significant = digits.trim_end_matches('0');
    let sign = if number < 0.0 { "-" } else { "" };
    if !(-4..DIGITS as i32).contains(&exponent) {
        let (first, rest) = significant.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let exponent_sign = if exponent < 0 { '-' } else { '+' };
        let exponent = exponent.unsigned_abs();
        return format!("{sign}{first}{point}{rest}e{exponent_sign}{exponent:02}");
    }
    if exponent < 0 {
        let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
        return format!("{sign}0.{zeros}{significant}");
    }
    let whole_len = exponent as usize + 1;
    if significant.len() <= whole_len {
        return format!("{sign}{}", &digits[..whole_len]);
    }
    let (whole, fraction) = significant.split_at(whole_len);
    format!("{sign}{whole}.{fraction}")
}

/// Prints a finite double of moderate size without an exponent, as C's `%.17Lf` with trailing zeros left out: as
/// Redis prints coordinates.
pub fn print_double_plainly(number: f64) -> String {
    let text = format!("{number:.17}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0" } else { text }.to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_strtod_takes_whole() {
        for (text, expected) in [
            ("1", 1.0),
            ("-1.5", -1.5),
            ("+.5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("1E-3", 0.001),
            ("inf", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("+INF", f64::INFINITY),
            ("0x10", 16.0),
            ("-0X1.8p1", -3.0),
            ("0x.8", 0.5),
            ("0x1p-1074", 5e-324),
            ("0x1.8p-1074", 1e-323),
            ("0x1.fffffffffffff8p0", 2.0),
            ("0x1.fffffffffffff7p1023", f64::MAX),
            ("0x0p999999", 0.0),
            ("1e-320", 1e-320),
            ("0e-999", 0.0),
            ("1.7976931348623157e308", f64::MAX),
        ] {
            assert_eq!(parse_double(text.as_bytes()), Some(expected), "{text}");
        }
        assert!(parse_double(b"-0").unwrap().is_sign_negative());
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            " 1",
            "1 ",
            "1x",
            ".",
            "e1",
            "1e",
            "1e+",
            "+-1",
            "--1",
            "nan",
            "-nan",
            "nan(1)",
            "in",
            "infinit",
            "0x",
            "0x.",
            "0x1p",
            "0xg",
            "1e309",
            "1e-999",
            "0x1p1024",
            "0x1p-1076",
            "1_0",
            "1\0",
            "\u{e9}",
            "0x1.fffffffffffff8p1023",
        ] {
            assert_eq!(parse_double(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn bounds_of_ranges_are_read_less_strictly() {
        for (text, expected) in [
            ("", Some(0.0)),
            ("1.5", Some(1.5)),
            (" \t\n1", Some(1.0)),
            ("1\0x", Some(1.0)),
            ("-1e999", Some(f64::NEG_INFINITY)),
            ("1e-999", Some(0.0)),
            ("0x1p9999", Some(f64::INFINITY)),
            (" ", None),
            ("1 ", None),
            ("nan", None),
            ("x", None),
        ] {
            assert_eq!(parse_score_bound(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn prints_as_c_does() {
        // Taken from C's printf.
        for (number, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-17.0, "-17"),
            (3.5, "3.5"),
            (0.1, "0.10000000000000001"),
            (-0.001, "-0.001"),
            (0.0001, "0.0001"),
            (0.00001, "1.0000000000000001e-05"),
            (1.5e-7, "1.4999999999999999e-07"),
            (1e15, "1000000000000000"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (123456789012345680.0, "1.2345678901234568e+17"),
            (12345678901234567.0, "12345678901234568"),
            (99999999999999.5, "99999999999999.5"),
            (1e22, "1e+22"),
            (1e100, "1e+100"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (5e-324, "4.9406564584124654e-324"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(print_double(number), expected);
        }
    }

    #[test]
    fn integers_are_known_within_half_the_range() {
        assert_eq!(double_to_integer(-3.0), Some(-3));
        assert_eq!(double_to_integer(-0.0), Some(0));
        assert_eq!(double_to_integer(0.5), None);
        assert_eq!(double_to_integer(4e18), Some(4_000_000_000_000_000_000));
        assert_eq!(double_to_integer((1u64 << 62) as f64), Some(1 << 62));
        assert_eq!(double_to_integer(5e18), None);
        assert_eq!(double_to_integer(f64::NEG_INFINITY), None);
        assert_eq!(double_to_integer(f64::NAN), None);
    }

    proptest! {
        #[test]
        fn printed_numbers_read_back_the_same(bits: u64) {
            let number = f64::from_bits(bits);
            prop_assume!(!number.is_nan());
            prop_assert_eq!(parse_double(print_double(number).as_bytes()), Some(number));
        }
    }
}
