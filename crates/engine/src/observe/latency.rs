//! The latency monitor: when something held the server up, by kind of event.

use std::collections::{BTreeMap, VecDeque};

/// So many samples are kept of each kind.
const MOST_SAMPLES: usize = 160;

/// What was measured of one kind of event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    /// `(second since the epoch, milliseconds)`, the oldest first, one a second at most.
    pub(crate) samples: VecDeque<(u64, u64)>,
    /// The longest of all that there were, in milliseconds.
    pub(crate) max_ms: u64,
}

/// The series by the name of their event.
#[derive(Clone, Debug, Default)]
pub(crate) struct LatencyMonitor {
    series: BTreeMap<&'static str, Series>,
}

impl LatencyMonitor {
    /// Notes that an event took this long. Of several in one second the longest is kept.
    pub(crate) fn add(&mut self, event: &'static str, now_s: u64, duration_ms: u64) {
        let series = self.series.entry(event).or_default();
        series.max_ms = series.max_ms.max(duration_ms);
        match series.samples.back_mut() {
            Some((second, longest_ms)) if *second == now_s => {
                *longest_ms = duration_ms.max(*longest_ms);
            }
            _ => {
                series.samples.push_back((now_s, duration_ms));
                if series.samples.len() > MOST_SAMPLES {
                    series.samples.pop_front();
                }
            }
        }
    }

    /// Forgets one event, or all. Returns how many were known.
    pub(crate) fn reset(&mut self, event: Option<&[u8]>) -> usize {
        let before = self.series.len();
        self.series.retain(|name, _| {
            event.is_some_and(|event| !name.as_bytes().eq_ignore_ascii_case(event))
        });
        before - self.series.len()
    }

    pub(crate) fn get(&self, event: &[u8]) -> Option<&Series> {
        self.series.get(std::str::from_utf8(event).ok()?)
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&'static str, &Series)> {
        self.series.iter().map(|(name, series)| (*name, series))
    }
}

impl Series {
    /// The reply to LATENCY GRAPH: the samples as columns four characters high, each with its age below.
    pub(crate) fn graph(&self, event: &str, now_s: u64) -> String {
        let latencies = self.samples.iter().map(|(_, ms)| *ms);
        let (low, high) = (
            latencies.clone().min().unwrap_or(0),
            latencies.max().unwrap_or(0),
        );
        let mut text = format!(
            "{event} - high {high} ms, low {low} ms (all time high {} ms)\n{}\n",
            self.max_ms,
            "-".repeat(GRAPH_COLUMNS)
        );
        let columns: Vec<(u64, String)> = self
            .samples
            .iter()
            .map(|(second, ms)| (*ms, age(now_s.saturating_sub(*second))))
            .collect();
        for part in columns.chunks(GRAPH_COLUMNS) {
            draw(part, low, high, &mut text);
        }
        text
    }
}

/// A graph that is wider goes on below.
const GRAPH_COLUMNS: usize = 80;

/// Lines of the graph above the labels.
const GRAPH_ROWS: u64 = 4;

/// How long ago, in the unit that suits it.
fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

fn draw(columns: &[(u64, String)], low: u64, high: u64, text: &mut String) {
    /// What a character shows of a column that ends inside it, from the bottom up.
    const TIPS: [char; 3] = ['_', 'o', '#'];
    let steps = GRAPH_ROWS * TIPS.len() as u64;
    let range = (high - low).max(1);
    for row in (0..GRAPH_ROWS).rev() {
        let line: String = columns
            .iter()
            .map(|(ms, _)| {
                let height = ((ms - low) * steps / range).min(steps - 1);
                match height.checked_sub(row * TIPS.len() as u64) {
                    None => ' ',
                    Some(step) => TIPS.get(step as usize).copied().unwrap_or('|'),
                }
            })
            .collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push('\n');
    let label_rows = columns
        .iter()
        .map(|(_, label)| label.len())
        .max()
        .unwrap_or(0);
    for row in 0..label_rows {
        let line: String = columns
            .iter()
            .map(|(_, label)| label.chars().nth(row).unwrap_or(' '))
            .collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_keeps_its_longest_and_old_seconds_go() {
        let mut monitor = LatencyMonitor::default();
        monitor.add("command", 5, 30);
        monitor.add("command", 5, 20);
        assert_eq!(monitor.get(b"command").unwrap().samples, [(5, 30)]);
        for second in 6..400 {
            monitor.add("command", second, 10);
        }
        let series = monitor.get(b"command").unwrap();
        assert_eq!(series.samples.len(), MOST_SAMPLES);
        assert_eq!(
            (series.max_ms, series.samples.back()),
            (30, Some(&(399, 10)))
        );
        assert_eq!(monitor.reset(Some(b"other")), 0);
        assert_eq!(monitor.reset(Some(b"COMMAND")), 1);
    }

    #[test]
    fn a_graph_has_a_column_a_sample() {
        let mut series = Series::default();
        series.samples.extend([(10, 100), (70, 450), (95, 200)]);
        series.max_ms = 450;
        assert_eq!(
            series.graph("command", 100),
            format!(
                "command - high 450 ms, low 100 ms (all time high 450 ms)\n{}\n #\n |\n |_\n_||\n\n135\nm0s\n s\n",
                "-".repeat(80)
            )
        );
    }
}
