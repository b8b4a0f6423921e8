//! Sine, cosine and arc sine to the last bit, the same on every machine.
//!
//! The platform's own functions differ in the last bit between a native build and the browser, and stored distances
//! would show it. These carry about twice the bits of a double through the steps that matter and round once, so that
//! what they return is the nearest double but for very few arguments, as with the C library that Redis uses.

/// A number in two parts: the second is at most half of the last bit of the first.
#[derive(Clone, Copy)]
struct Double {
    high: f64,
    low: f64,
}

/// Half of pi in three parts of some 33 bits each, so that products with small integers are exact.
const HALF_PI: [f64; 3] = [
    f64::from_bits(0x3FF9_21FB_5440_0000),
    f64::from_bits(0x3DD0_B461_1A60_0000),
    f64::from_bits(0x3BA3_198A_2E03_7073),
];

/// The third and fifth coefficients of the sine's series, and those of the cosine's from the fourth power on, in two
/// parts.
const ONE_SIXTH: Double = Double {
    high: 1.0 / 6.0,
    low: 9.251_858_538_542_97e-18,
};
const ONE_120TH: Double = Double {
    high: 1.0 / 120.0,
    low: 1.156_482_317_317_871_4e-19,
};
const ONE_24TH: Double = Double {
    high: 1.0 / 24.0,
    low: 2.312_964_634_635_742_7e-18,
};

/// The sine of an angle of at most some thousand turns.
pub(crate) fn sine(angle: f64) -> f64 {
    let (quarters, rest) = reduced(angle);
    match quarters & 3 {
        0 => sine_near_zero(rest).rounded(),
        1 => cosine_near_zero(rest).rounded(),
        2 => -sine_near_zero(rest).rounded(),
        _ => -cosine_near_zero(rest).rounded(),
    }
}

/// The cosine of an angle of at most some thousand turns.
pub(crate) fn cosine(angle: f64) -> f64 {
    let (quarters, rest) = reduced(angle);
    match quarters & 3 {
        0 => cosine_near_zero(rest).rounded(),
        1 => -sine_near_zero(rest).rounded(),
        2 => -cosine_near_zero(rest).rounded(),
        _ => sine_near_zero(rest).rounded(),
    }
}

/// The angle from 0 to a quarter of a turn that has this sine, which is from 0 to 1.
pub(crate) fn arc_sine(sine: f64) -> f64 {
    if sine.is_nan() || sine > 1.0 {
        return f64::NAN;
    }
    if sine <= 0.5 {
        return arc_sine_near_zero(Double::from(sine)).rounded();
    }
    // Near 1 the curve is steep; half of the complement is where it is flat.
    let half_complement = Double::from((1.0 - sine) / 2.0);
    let rest = arc_sine_near_zero(half_complement.root()).times(Double::from(2.0));
    let half_pi = Double::sum(HALF_PI[0], HALF_PI[1]).plus(Double::from(HALF_PI[2]));
    half_pi.plus(rest.negated()).rounded()
}

/// The angle as a number of quarter turns and what is left, which is at most an eighth of a turn.
fn reduced(angle: f64) -> (i64, Double) {
    let quarters = (angle / std::f64::consts::FRAC_PI_2).round();
    if quarters == 0.0 {
        return (0, Double::from(angle));
    }
    let [first, second, third] = HALF_PI.map(|part| quarters * part);
    // The first subtraction is exact, as both are close.
    let rest = Double::sum(angle - first, -second).plus(Double::from(-third));
    (quarters as i64, rest)
}

fn sine_near_zero(angle: Double) -> Double {
    let square = angle.times(angle);
    let x = square.high;
    // The terms from the seventh power on are so small that their rounding does not show.
    let tail = -1.0 / 5_040.0
        + x * (1.0 / 362_880.0
            + x * (-1.0 / 39_916_800.0
                + x * (1.0 / 6_227_020_800.0
                    + x * (-1.0 / 1_307_674_368_000.0 + x / 355_687_428_096_000.0))));
    let series = square.times(ONE_120TH.plus(Double::from(x * tail)));
    let series = square.times(series.plus(ONE_SIXTH.negated()));
    angle.plus(angle.times(series))
}

fn cosine_near_zero(angle: Double) -> Double {
    let square = angle.times(angle);
    let x = square.high;
    let tail = -1.0 / 720.0
        + x * (1.0 / 40_320.0
            + x * (-1.0 / 3_628_800.0
                + x * (1.0 / 479_001_600.0
                    + x * (-1.0 / 87_178_291_200.0 + x / 20_922_789_888_000.0))));
    let series = square.times(ONE_24TH.plus(Double::from(x * tail)));
    let series = square.times(series.plus(Double::from(-0.5)));
    Double::from(1.0).plus(series)
}

/// The arc sine of a number from 0 to about 0.7.
fn arc_sine_near_zero(sine: Double) -> Double {
    let x = sine.high;
    if x == 0.0 {
        return sine;
    }
    let square = x * x;
    let mut angle = x * (1.0 + square * (1.0 / 6.0 + square * (3.0 / 40.0 + square * 5.0 / 112.0)));
    // Newton's steps, each of which doubles the digits that are right; the last one is kept in two parts.
    for _ in 0..3 {
        angle += (x - sine_near_zero(Double::from(angle)).high)
            / cosine_near_zero(Double::from(angle)).high;
    }
    let error = sine.plus(sine_near_zero(Double::from(angle)).negated());
    let step = error.rounded() / cosine_near_zero(Double::from(angle)).high;
    Double::sum(angle, step)
}

impl From<f64> for Double {
    fn from(number: f64) -> Self {
        Self {
            high: number,
            low: 0.0,
        }
    }
}

impl Double {
    /// The exact sum of two numbers.
    fn sum(one: f64, other: f64) -> Self {
        let high = one + other;
        let part = high - one;
        Self {
            high,
            low: (one - (high - part)) + (other - part),
        }
    }

    /// The exact product of two numbers.
    fn product(one: f64, other: f64) -> Self {
        let high = one * other;
        let ((a, b), (c, d)) = (halves(one), halves(other));
        Self {
            high,
            low: ((a * c - high) + a * d + b * c) + b * d,
        }
    }

    fn plus(self, other: Self) -> Self {
        let sum = Self::sum(self.high, other.high);
        Self::sum(sum.high, sum.low + (self.low + other.low))
    }

    fn times(self, other: Self) -> Self {
        let product = Self::product(self.high, other.high);
        Self::sum(
            product.high,
            product.low + (self.high * other.low + self.low * other.high),
        )
    }

    fn negated(self) -> Self {
        Self {
            high: -self.high,
            low: -self.low,
        }
    }

    fn root(self) -> Self {
        let root = self.high.sqrt();
        if root == 0.0 {
            return Self::from(0.0);
        }
        let error = self.plus(Self::product(root, root).negated());
        Self::sum(root, error.rounded() / (2.0 * root))
    }

    fn rounded(self) -> f64 {
        self.high + self.low
    }
}

/// A number as the sum of two with half the digits.
fn halves(number: f64) -> (f64, f64) {
    let scaled = number * ((1u64 << 27) + 1) as f64;
    let high = scaled - (scaled - number);
    (high, number - high)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Arguments from 0 to `end`, most of them with all their digits.
    fn arguments(end: f64) -> impl Iterator<Item = f64> {
        (0..20_000u32).map(move |number| end * (f64::from(number) * 0.618_033_988_749_895).fract())
    }

    fn ulps(one: f64, other: f64) -> u64 {
        one.to_bits().abs_diff(other.to_bits())
    }

    /// The platform's functions are right but for a few last bits, and so are these.
    #[test]
    fn the_platform_agrees() {
        type Function = fn(f64) -> f64;
        let functions: [(Function, Function, f64); 4] = [
            (sine, f64::sin, 7.0),
            (cosine, f64::cos, 7.0),
            (arc_sine, f64::asin, 1.0),
            (arc_sine, f64::asin, 0.01),
        ];
        for (ours, theirs, end) in functions {
            let mut different = 0;
            for x in arguments(end) {
                let (one, other) = (ours(x), theirs(x));
                assert!(ulps(one, other) <= 1, "{x}: {one} {other}");
                different += u32::from(one != other);
            }
            assert!(different < 40, "{different} differ up to {end}");
        }
    }

    #[test]
    fn known_values() {
        assert_eq!(sine(0.0), 0.0);
        assert_eq!(cosine(0.0), 1.0);
        assert_eq!(arc_sine(0.0), 0.0);
        assert_eq!(arc_sine(1.0), std::f64::consts::FRAC_PI_2);
        assert_eq!(sine(-1.0), -sine(1.0));
        assert_eq!(cosine(-1.0), cosine(1.0));
        assert_eq!(sine(std::f64::consts::PI), 1.2246467991473532e-16);
        assert_eq!(sine(5e-324), 5e-324);
        assert!(arc_sine(1.5).is_nan());
    }
}
