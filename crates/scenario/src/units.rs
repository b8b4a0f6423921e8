//! Durations and sizes as people write and read them.

/// Reads a duration: `47m`, `1m30s`, `200ms`, `1.5s`; a bare number is in seconds. In microseconds; `None` if it is none, or
/// longer than a century.
pub fn parse_duration_us(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 6] = [
        ("us", 1),
        ("ms", 1_000),
        ("s", 1_000_000),
        ("m", 60_000_000),
        ("h", 3_600_000_000),
        ("d", 86_400_000_000),
    ];
    const LONGEST_US: u64 = 36_525 * 86_400_000_000;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total_us = 0u64;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, behind) = rest.split_at(digits);
        let letters = behind
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(letters);
        rest = behind;
        let unit_us = match unit {
            "" => 1_000_000,
            _ => UNITS.iter().find(|(name, _)| *name == unit)?.1,
        };
        total_us = total_us.checked_add(decimal_times(number, unit_us)?)?;
    }
    (total_us <= LONGEST_US).then_some(total_us)
}

/// `number`, with decimals perhaps, times `unit`, rounded down.
fn decimal_times(number: &str, unit: u64) -> Option<u64> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || decimals.len() > 9 {
        return None;
    }
    let mut value = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    if !decimals.is_empty() {
        let scaled = decimals.parse::<u64>().ok()?.checked_mul(unit)?;
        value = value.checked_add(scaled / 10u64.pow(decimals.len() as u32))?;
    }
    Some(value)
}

/// A duration as [`parse_duration_us`] reads it, in the largest units that lose nothing.
pub(crate) fn duration(us: u64) -> String {
    if us == 0 {
        return "0s".into();
    }
    let parts = [
        (us / 3_600_000_000, "h"),
        (us / 60_000_000 % 60, "m"),
        (us / 1_000_000 % 60, "s"),
        (us / 1_000 % 1_000, "ms"),
        (us % 1_000, "us"),
    ];
    parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!("{number}{unit}"))
        .collect()
}

/// A duration for a sentence: two or three significant digits.
pub(crate) fn about(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{}.{} ms", us / 1_000, us / 100 % 10),
        1_000_000..120_000_000 => format!("{}.{} s", us / 1_000_000, us / 100_000 % 10),
        120_000_000..7_200_000_000 => {
            let seconds = (us + 500_000) / 1_000_000;
            format!("{} min {} s", seconds / 60, seconds % 60)
        }
        _ => format!("{} h {} min", us / 3_600_000_000, us / 60_000_000 % 60),
    }
}

/// The time of day: `02:31:07.120`.
pub(crate) fn time_of_day(at_us: u64) -> String {
    let second = at_us / 1_000_000 % 86_400;
    format!(
        "{:02}:{:02}:{:02}.{:03}",
        second / 3600,
        second / 60 % 60,
        second % 60,
        at_us / 1000 % 1000
    )
}

/// Reads a size: `10mb`, `1g`, `4096`, in Redis's units (`k` is 1000, `kb` is 1024).
pub(crate) fn parse_bytes(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 9] = [
        ("", 1),
        ("b", 1),
        ("k", 1_000),
        ("kb", 1 << 10),
        ("m", 1_000_000),
        ("mb", 1 << 20),
        ("g", 1_000_000_000),
        ("gb", 1 << 30),
        ("t", 1_000_000_000_000),
    ];
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.to_ascii_lowercase();
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// A size as [`parse_bytes`] reads it, in the largest unit that loses nothing.
pub(crate) fn bytes(size: u64) -> String {
    for (unit, shift) in [("gb", 30), ("mb", 20), ("kb", 10)] {
        if size > 0 && size.is_multiple_of(1 << shift) {
            return format!("{}{unit}", size >> shift);
        }
    }
    size.to_string()
}

/// A size as `ls -h` prints it: `512`, `1.5K`, `37M`, rounded up.
pub(crate) fn human(size: u64) -> String {
    let mut unit = 1u64;
    for letter in ["", "K", "M", "G", "T"] {
        if size < unit * 1024 || letter == "T" {
            if letter.is_empty() {
                return size.to_string();
            }
            let tenths = (u128::from(size) * 10).div_ceil(u128::from(unit)) as u64;
            return if tenths < 100 {
                format!("{}.{}{letter}", tenths / 10, tenths % 10)
            } else {
                format!("{}{letter}", tenths.div_ceil(10))
            };
        }
        unit *= 1024;
    }
    unreachable!("the last unit takes every size")
}

/// So many of something: `1 key`, `564,000 keys`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number))
}

/// A number with commas: `564,000`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, us) in [
            ("47m", 2_820_000_000),
            ("1m30s", 90_000_000),
            ("200ms", 200_000),
            ("1", 1_000_000),
            ("1.5s", 1_500_000),
            ("0.25", 250_000),
            ("17us", 17),
            ("2h", 7_200_000_000),
        ] {
            assert_eq!(parse_duration_us(text), Some(us), "{text}");
            assert_eq!(parse_duration_us(&duration(us)), Some(us), "{text}");
        }
        for text in [
            "",
            "m",
            "5x",
            "-1s",
            "1..5s",
            "99999999999999999999s",
            "5000000h",
            "s5",
        ] {
            assert_eq!(parse_duration_us(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_read_and_written() {
        assert_eq!(parse_bytes("10mb"), Some(10 << 20));
        assert_eq!(parse_bytes("10M"), Some(10_000_000));
        assert_eq!(parse_bytes("mb"), None);
        assert_eq!(bytes(10 << 20), "10mb");
        for (size, text) in [
            (0, "0"),
            (1023, "1023"),
            (1024, "1.0K"),
            (1025, "1.1K"),
            (10_000, "9.8K"),
            (10_241, "11K"),
            (1 << 20, "1.0M"),
            (37 << 20, "37M"),
        ] {
            assert_eq!(human(size), text);
        }
        assert_eq!(thousands(564_000), "564,000");
        assert_eq!(thousands(12), "12");
    }
}
