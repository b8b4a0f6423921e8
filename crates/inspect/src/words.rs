//! Bytes, counts and times as people read them.

/// Bytes in double quotes, unprintable ones escaped as redis-cli does; with more than `max` of them, `…` for the rest.
pub fn quoted(bytes: &[u8], max: usize) -> String {
    let mut out = String::from("\"");
    escape_into(&mut out, &bytes[..bytes.len().min(max)]);
    out.push('"');
    if bytes.len() > max {
        out.push('…');
    }
    out
}

/// As [`quoted`], without the quotes.
pub(crate) fn escaped(bytes: &[u8], max: usize) -> String {
    let mut out = String::new();
    escape_into(&mut out, &bytes[..bytes.len().min(max)]);
    if bytes.len() > max {
        out.push('…');
    }
    out
}

fn escape_into(out: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'"' => out.push_str("\\\""),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x07 => out.push_str("\\a"),
            0x08 => out.push_str("\\b"),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                out.push_str("\\x");
                out.push(char::from(DIGITS[usize::from(byte >> 4)]));
                out.push(char::from(DIGITS[usize::from(byte & 15)]));
            }
        }
    }
}

/// A number with its thousands apart: `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 key`, `1,234 keys`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        grouped(number),
        if number == 1 { one } else { many }
    )
}

/// A time in milliseconds since the epoch: `2023-11-14 22:13:20.123 UTC`. Far from any year that people write, the
/// number itself.
pub fn moment(ms: i64) -> String {
    const DAY_MS: i64 = 86_400_000;
    const YEAR_3000_MS: i64 = 32_503_680_000_000;
    if !(0..YEAR_3000_MS).contains(&ms) {
        return format!("{ms} ms since 1970");
    }
    let (year, month, day) = date(ms / DAY_MS);
    let (seconds, millis) = (ms % DAY_MS / 1000, ms % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{millis:03} UTC")
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
pub fn date_of(day: u64) -> (u64, u64, u64) {
    let (year, month, day) = date(day.cast_signed());
    (year as u64, month as u64, day as u64)
}

fn date(day: i64) -> (i64, i64, i64) {
    // Counted from 0000-03-01, so that the leap day is the last of its year.
    let day = day + 719_468;
    let (era, day_of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_counts() {
        assert_eq!(moment(0), "1970-01-01 00:00:00.000 UTC");
        assert_eq!(moment(1_700_000_000_123), "2023-11-14 22:13:20.123 UTC");
        assert_eq!(moment(951_782_400_000), "2000-02-29 00:00:00.000 UTC");
        assert_eq!(moment(-1), "-1 ms since 1970");
        assert_eq!(counted(1_234_567, "key", "keys"), "1,234,567 keys");
        assert_eq!(counted(1, "key", "keys"), "1 key");
        assert_eq!(grouped(999), "999");
    }

    #[test]
    fn text_is_escaped_and_cut() {
        assert_eq!(quoted(b"a\"\n\xff", 9), "\"a\\\"\\n\\xff\"");
        assert_eq!(quoted(b"abcdef", 3), "\"abc\"…");
    }
}
