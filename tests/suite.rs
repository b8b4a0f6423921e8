//! The golden suite: runs every `suite/**/*.scenario`, checks its expectations, its line of `suite/traces.txt` and, behind
//! a line `---`, its transcript. `tests/wasm` runs the same files in Chromium against the same traces.
//!
//! `UPDATE_GOLDEN=1` writes transcripts and traces anew. Words on the command line choose scenarios by their names;
//! `--timings` adds how long each took, `--show` the transcripts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use lastsave_scenario::{Scenario, run};

/// What became of a scenario.
struct Outcome {
    name: String,
    /// What is wrong, if anything.
    failure: Option<String>,
    wall_ms: u128,
    summary: String,
    transcript: String,
    /// Its line of `traces.txt`, without the name.
    trace: String,
}

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite");
    let args: Vec<String> = std::env::args().skip(1).collect();
    let show = args.iter().any(|arg| arg == "--show");
    let timings = args.iter().any(|arg| arg == "--timings");
    let filters: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    paths.retain(|path| {
        let name = name_of(&root, path);
        filters.is_empty() || filters.iter().any(|filter| name.contains(*filter))
    });

    println!("\nrunning {} scenarios", paths.len());
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut outcomes = run_all(&root, &paths, update);
    check_traces(
        &root.join("traces.txt"),
        &mut outcomes,
        update && filters.is_empty(),
    );
    let mut failed = 0;
    for outcome in &outcomes {
        let verdict = if outcome.failure.is_some() {
            "FAILED"
        } else {
            "ok"
        };
        println!("test {} ... {verdict}", outcome.name);
        if timings {
            println!("     {} ms: {}", outcome.wall_ms, outcome.summary);
        }
        if show {
            println!("{}", outcome.transcript);
        }
        failed += usize::from(outcome.failure.is_some());
    }
    for outcome in &outcomes {
        if let Some(failure) = &outcome.failure {
            println!("\n---- {} ----\n{failure}", outcome.name);
        }
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    let passed = outcomes.len() - failed;
    println!(
        "\ntest result: {verdict}. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out\n"
    );
    ExitCode::from(u8::from(failed > 0))
}

/// Runs the scenarios on two threads; the outcomes are in the order of `paths`.
fn run_all(root: &Path, paths: &[PathBuf], update: bool) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = check(root, path, update);
                    outcomes
                        .lock()
                        .expect("no thread panics with the lock")
                        .push(outcome);
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().expect("all threads have ended");
    outcomes.sort_by(|left, right| left.name.cmp(&right.name));
    outcomes
}

/// Compares each run with the numbers and the trace hash that it had before, here and in the browser.
fn check_traces(path: &Path, outcomes: &mut [Outcome], update: bool) {
    if update {
        let lines: String = outcomes
            .iter()
            .map(|outcome| format!("{} {}\n", outcome.name, outcome.trace))
            .collect();
        fs::write(path, lines).expect("the traces are writable");
    }
    let committed = fs::read_to_string(path).expect("the traces are readable");
    for outcome in outcomes {
        let known = committed.lines().find_map(|line| {
            line.split_once(' ')
                .filter(|(name, _)| *name == outcome.name)
                .map(|(_, trace)| trace)
        });
        if known != Some(outcome.trace.as_str()) && outcome.failure.is_none() {
            outcome.failure = Some(format!(
                "trace expected {}\n      actual   {}\n(UPDATE_GOLDEN=1 writes it anew)",
                known.unwrap_or("(none)"),
                outcome.trace
            ));
        }
    }
}

fn collect(dir: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir)
        .expect("the suite's folder is readable")
        .flatten()
    {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "scenario")
        {
            paths.push(path);
        }
    }
}

fn name_of(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path).with_extension("");
    path.to_string_lossy().replace('\\', "/")
}

fn check(root: &Path, path: &Path, update: bool) -> Outcome {
    let text = fs::read_to_string(path).expect("a scenario is readable");
    let started = Instant::now();
    let (failure, summary, transcript, trace) = match Scenario::parse(&text) {
        Ok(scenario) => {
            let report = run(&scenario, &mut |_| true);
            let mut failures = report.failures.clone();
            if report.passed == 0 && report.failures.is_empty() && scenario.expected.is_none() {
                failures.push("it expects nothing".into());
            }
            if let Some(expected) = &scenario.expected {
                if update {
                    let script = &text[..text.len() - expected.len()];
                    fs::write(path, format!("{script}{}", report.transcript))
                        .expect("a scenario is writable");
                } else if *expected != report.transcript {
                    failures.push(first_difference(expected, &report.transcript));
                }
            }
            let summary = format!(
                "acknowledged {} recovered {} lost {} oldest {} ms, recovery {} ms, trace {}",
                report.acknowledged,
                report.recovered,
                report.lost,
                report.oldest_lost_ms,
                report.recovery_ms,
                report.trace_hash
            );
            let failure = (!failures.is_empty())
                .then(|| format!("{}\n\n{}", failures.join("\n"), report.transcript));
            let trace = report.trace_line();
            (failure, summary, report.transcript, trace)
        }
        Err(error) => {
            let failure = Some(error.to_string());
            (failure, String::new(), String::new(), String::new())
        }
    };
    Outcome {
        name: name_of(root, path),
        failure,
        wall_ms: started.elapsed().as_millis(),
        summary,
        trace,
        transcript,
    }
}

fn first_difference(expected: &str, actual: &str) -> String {
    let mut actual_lines = actual.lines();
    for (number, line) in expected.lines().enumerate() {
        let other = actual_lines.next();
        if other != Some(line) {
            let other = other.unwrap_or("(nothing)");
            return format!(
                "line {} of the transcript:\n  expected {line}\n  actual   {other}\n(UPDATE_GOLDEN=1 writes it anew)",
                number + 1
            );
        }
    }
    format!("the transcript goes on: {:?}", actual_lines.next())
}
