//! The table of results, in Markdown.

use std::fmt;

/// What a figure counts, and which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Microseconds,
    Milliseconds,
    Seconds,
    Bytes,
    Mebibytes,
    PerSecond,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Microseconds => format!("{value:.2} µs"),
            Self::Milliseconds => format!("{value:.3} ms"),
            Self::Seconds => format!("{value:.3} s"),
            Self::Bytes => format!("{value:.0} B"),
            Self::Mebibytes => format!("{value:.1} MiB"),
            Self::PerSecond => format!("{value:.0}/s"),
        }
    }
}

/// Rows of both sides.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<(String, Unit, f64, f64)>,
}

impl Table {
    pub(super) fn row(&mut self, what: &str, unit: Unit, ours: f64, redis: f64) {
        self.rows.push((what.to_owned(), unit, ours, redis));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| what | Lastsave | Redis | ratio |")?;
        writeln!(f, "|---|---:|---:|---:|")?;
        for (what, unit, ours, redis) in &self.rows {
            let (shown, theirs) = (unit.show(*ours), unit.show(*redis));
            writeln!(f, "| {what} | {shown} | {theirs} | {:.2}× |", ours / redis)?;
        }
        f.write_str("\nRatio: Lastsave's figure divided by that of redis-server. Of commands per second more is better, of all else less.\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_both_sides_and_their_ratio() {
        let mut table = Table::default();
        table.row("SET", Unit::Microseconds, 2.0, 4.0);
        let text = table.to_string();
        assert!(
            text.contains("| SET | 2.00 µs | 4.00 µs | 0.50× |"),
            "{text}"
        );
    }
}
