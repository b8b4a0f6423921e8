//! Numbers, sizes and times as the page writes them.

/// `564000` as `564,000`.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1` as `1 write`, `2` as `2 writes`.
pub(crate) fn writes(value: u64) -> String {
    format!(
        "{} {}",
        count(value),
        if value == 1 { "write" } else { "writes" }
    )
}

/// `1` as `1 key`, `2` as `2 keys`.
pub(crate) fn keys(value: u64) -> String {
    format!(
        "{} {}",
        count(value),
        if value == 1 { "key" } else { "keys" }
    )
}

/// A number of bytes with three significant digits: `48.1 MB`. Powers of 1024, as Redis counts them.
pub(crate) fn bytes(value: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KB", "MB", "GB", "TB"];
    let mut scaled = value as f64;
    let mut unit = 0;
    while scaled >= 999.5 && unit < UNITS.len() - 1 {
        scaled /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{value} B")
    } else if scaled < 9.995 {
        format!("{scaled:.2} {}", UNITS[unit])
    } else if scaled < 99.95 {
        format!("{scaled:.1} {}", UNITS[unit])
    } else {
        format!("{scaled:.0} {}", UNITS[unit])
    }
}

/// A time span in its two largest units: `47 min 0 s`, `0.82 s`, `12 ms`.
pub(crate) fn duration_us(value: u64) -> String {
    let ms = value / 1_000;
    if value == 0 {
        return "0 s".into();
    }
    if ms == 0 {
        return format!("{value} µs");
    }
    if ms < 100 {
        return format!("{ms} ms");
    }
    if ms < 10_000 {
        return format!("{:.2} s", ms as f64 / 1e3);
    }
    let seconds = (ms + 500) / 1_000;
    match seconds {
        ..60 => format!("{:.1} s", ms as f64 / 1e3),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// A path as a word of the shell.
pub(crate) fn word(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/+=@:".contains(c);
    match path.chars().all(is_plain) && !path.starts_with('-') {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', "'\\''")),
    }
}

/// The time of day, UTC, to the millisecond: `03:16:59.982`.
pub(crate) fn time_of_day(at_us: u64) -> String {
    let ms = at_us / 1_000 % 86_400_000;
    format!("{}.{:03}", clock(ms / 1_000), ms % 1_000)
}

/// The time of day, UTC, to the second: `03:16:59`.
pub(crate) fn time_of_day_short(at_us: u64) -> String {
    clock(at_us / 1_000_000 % 86_400)
}

fn clock(second_of_day: u64) -> String {
    format!(
        "{:02}:{:02}:{:02}",
        second_of_day / 3_600,
        second_of_day / 60 % 60,
        second_of_day % 60
    )
}

/// The date, UTC: `22 Nov 2026`.
pub(crate) fn date(at_us: u64) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    // Days since 1 March of year 0, so that the leap day is the last of its year.
    let days = at_us / 86_400_000_000 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12;
    let year = era * 400 + year_of_era + u64::from(month < 2);
    format!("{day} {} {year}", MONTHS[month as usize])
}

/// A text with its first letter in upper case.
pub(crate) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// The last part of a path.
pub(crate) fn base_name(path: &str) -> &str {
    path.trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or(path)
}

/// A file's name cut at the front, at a dot, where it is too long for a narrow column.
pub(crate) fn short_name(name: &str) -> String {
    const ROOM: usize = 17;
    let cut = name
        .match_indices('.')
        .find(|(at, _)| name.len() - at <= ROOM);
    match cut {
        Some((at, _)) if name.len() > ROOM => format!("…{}", &name[at + 1..]),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn counts_have_thousands_separators() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(564_000), "564,000");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(writes(1), "1 write");
    }

    #[test]
    fn sizes_keep_three_digits() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_000), "0.98 KB");
        assert_eq!(bytes(14_541), "14.2 KB");
        assert_eq!(bytes(50_436_505), "48.1 MB");
        assert_eq!(bytes(u64::MAX), "16777216 TB");
    }

    #[test]
    fn durations_use_the_units_a_person_would() {
        assert_eq!(duration_us(0), "0 s");
        assert_eq!(duration_us(900), "900 µs");
        assert_eq!(duration_us(820_000), "0.82 s");
        assert_eq!(duration_us(2_819_995_000), "47 min 0 s");
        assert_eq!(duration_us(7_260_000_000), "2 h 1 min");
    }

    #[test]
    fn instants_are_utc() {
        let night_us = 1_795_317_420_120_000;
        assert_eq!(time_of_day(night_us), "03:17:00.120");
        assert_eq!(date(night_us), "22 Nov 2026");
        assert_eq!(date(0), "1 Jan 1970");
        assert_eq!(date(951_782_400_000_000), "29 Feb 2000");
    }

    #[test]
    fn the_last_part_of_a_path_is_its_name() {
        assert_eq!(base_name("/data/appendonlydir/"), "appendonlydir");
        assert_eq!(base_name("dump.rdb"), "dump.rdb");
        assert_eq!(short_name("dump.rdb"), "dump.rdb");
        assert_eq!(short_name("appendonly.aof.1.incr.aof"), "…aof.1.incr.aof");
    }
}
