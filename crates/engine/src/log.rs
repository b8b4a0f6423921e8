//! Log lines in Redis's format.

/// How important a line is; `loglevel` shows a level and those above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `.`
    Debug,
    /// `-`
    Verbose,
    /// `*`
    Notice,
    /// `#`
    Warning,
}

impl Level {
    /// The mark in the line.
    pub fn mark(self) -> char {
        match self {
            Self::Debug => '.',
            Self::Verbose => '-',
            Self::Notice => '*',
            Self::Warning => '#',
        }
    }
}

/// `1234:M 22 Nov 2026 03:17:04.120 * text`, the time in UTC shifted by `utc_offset_s`.
pub fn format_log_line(
    pid: u32,
    level: Level,
    now_us: u64,
    utc_offset_s: i64,
    text: &str,
) -> String {
    format_log_line_as('M', pid, level, now_us, utc_offset_s, text)
}

/// As [`format_log_line`], for another role: `C` for a process that does not serve (yet).
pub fn format_log_line_as(
    role: char,
    pid: u32,
    level: Level,
    now_us: u64,
    utc_offset_s: i64,
    text: &str,
) -> String {
    let now_s = (now_us / 1_000_000) as i64 + utc_offset_s;
    let (year, month, day) = civil_from_days(now_s.div_euclid(86_400));
    let second_of_day = now_s.rem_euclid(86_400);
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    format!(
        "{pid}:{role} {day:02} {} {year} {:02}:{:02}:{:02}.{:03} {} {text}",
        MONTHS[month as usize - 1],
        second_of_day / 3600,
        second_of_day / 60 % 60,
        second_of_day % 60,
        now_us / 1000 % 1000,
        level.mark(),
    )
}

/// The proleptic Gregorian date of a day number, 0 being 1970-01-01: Howard Hinnant's algorithm,
/// <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>.
fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u32;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    } as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_as_redis_prints_it() {
        assert_eq!(
            format_log_line(
                1,
                Level::Notice,
                1_795_317_424_120_000,
                0,
                "Ready to accept connections"
            ),
            "1:M 22 Nov 2026 03:17:04.120 * Ready to accept connections",
        );
    }
}
