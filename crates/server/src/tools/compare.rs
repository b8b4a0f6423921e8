//! `lastsave compare`: a scenario's workload under several configurations.

use lastsave_scenario::Preset;
use lastsave_scenario::compare::{Candidate, Column, Compare, MOST_CANDIDATES};
use lastsave_scenario::presets::PRESETS;

use super::{print_bytes, read_scenario, read_text};

/// What `lastsave compare` is told.
#[derive(Clone, Debug)]
pub struct CompareArguments {
    /// Presets by their words.
    pub presets: Vec<String>,
    /// Files with configurations.
    pub configs: Vec<String>,
    /// The machine to run on.
    pub machine: Option<String>,
    /// Print one column as a scenario: its number, from 1.
    pub column: Option<usize>,
    /// Print JSON.
    pub json: bool,
}

/// `lastsave compare`: returns 0, 1 if a configuration did not start, 2 if the file is no scenario or an argument is none.
pub fn compare(path: &str, arguments: &CompareArguments) -> i32 {
    match compared(path, arguments) {
        Ok(compare) => {
            let columns = compare.columns();
            if let Some(text) = arguments
                .column
                .and_then(|column| compare.scenario(column.checked_sub(1)?))
            {
                print_bytes(text.as_bytes());
            } else if arguments.json {
                print_bytes(format!("{:#}\n", serde_json::json!(columns)).as_bytes());
            } else {
                print_bytes(table(columns).as_bytes());
            }
            for column in columns {
                if let Some(failure) = &column.failure {
                    eprintln!("lastsave: {}: {failure}", column.name);
                }
            }
            i32::from(columns.iter().any(|column| column.failure.is_some()))
        }
        Err(message) => {
            eprintln!("lastsave: {message}");
            2
        }
    }
}

fn compared(path: &str, arguments: &CompareArguments) -> Result<Compare, String> {
    let scenario = read_scenario(path)?;
    let mut candidates = Vec::new();
    for word in &arguments.presets {
        let preset = Preset::find(word).ok_or_else(|| {
            let words: Vec<&str> = PRESETS.iter().map(|preset| preset.word).collect();
            format!("{word}: no such preset; there are {}", words.join(", "))
        })?;
        candidates.push(Candidate::from(preset));
    }
    for path in &arguments.configs {
        let conf = read_text(path).map_err(|reason| format!("{path}: {reason}"))?;
        let name = path.rsplit('/').next().unwrap_or(path).to_owned();
        candidates.push(Candidate { name, conf });
    }
    if candidates.is_empty() {
        let usual = ["first", "hybrid", "enterprise", "always", "everysec", "no"];
        candidates.extend(
            usual
                .iter()
                .filter_map(|word| Preset::find(word))
                .map(Candidate::from),
        );
    }
    if candidates.len() > MOST_CANDIDATES {
        return Err(format!(
            "at most {MOST_CANDIDATES} configurations are compared at once"
        ));
    }
    let mut compare = Compare::new(&scenario, candidates, arguments.machine.as_deref())
        .map_err(|message| format!("{path}: {message}"))?;
    while !compare.step(100_000).done {}
    Ok(compare)
}

/// One row for each figure, one column for each configuration.
fn table(columns: &[Column]) -> String {
    type Figure = fn(&Column) -> String;
    let rows: [(&str, Figure); 16] = [
        ("acknowledged", |it| it.acknowledged.to_string()),
        ("lost", |it| it.lost.to_string()),
        ("oldest lost, ms", |it| it.oldest_lost_ms.to_string()),
        ("recovery, ms", |it| it.recovery_ms.to_string()),
        ("dump.rdb, KB", |it| (it.rdb_bytes / 1000).to_string()),
        ("AOF, KB", |it| (it.aof_bytes / 1000).to_string()),
        ("written, KB", |it| {
            (it.measures.bytes_written / 1000).to_string()
        }),
        ("synced, KB", |it| {
            (it.measures.bytes_synced / 1000).to_string()
        }),
        ("fsyncs", |it| it.measures.fsyncs.to_string()),
        ("p50, us", |it| it.measures.latency.p50_us.to_string()),
        ("p99, us", |it| it.measures.latency.p99_us.to_string()),
        ("p99.9, us", |it| it.measures.latency.p999_us.to_string()),
        ("longest, us", |it| it.measures.latency.max_us.to_string()),
        ("memory, KB", |it| {
            (it.measures.peak_memory_bytes / 1000).to_string()
        }),
        ("fork's copy, KB", |it| {
            (it.measures.peak_extra_bytes / 1000).to_string()
        }),
        ("errors", |it| it.errors.to_string()),
    ];
    let widths: Vec<usize> = columns
        .iter()
        .map(|column| column.name.chars().count().max(10))
        .collect();
    let mut text = format!("{:<16}", "");
    for (column, width) in columns.iter().zip(&widths) {
        text.push_str(&format!("  {:>width$}", column.name));
    }
    text.push('\n');
    for (name, figure) in rows {
        text.push_str(&format!("{name:<16}"));
        for (column, width) in columns.iter().zip(&widths) {
            let value = match &column.failure {
                Some(_) => "-".into(),
                None => figure(column),
            };
            text.push_str(&format!("  {value:>width$}"));
        }
        text.push('\n');
    }
    text
}
