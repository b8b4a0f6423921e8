//! The command-line tools: Redis's two file checkers, and `lastsave`, which has them too, shows what files are made of, and runs
//! scenarios.

mod compare;
mod diff;
mod inspect;
mod link;
mod repair;
mod sweep;

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::time::Instant;

use lastsave_aof::check::{Invocation, run as run_check_aof};
use lastsave_engine::{Level, REDIS_VERSION, format_log_line_as};
use lastsave_rdb::check::{Report, check};
use lastsave_scenario::Scenario;
use lastsave_vfs::{OpenMode, Reader, Vfs};

use crate::RealDisk;
use crate::process::now_us;
use crate::settings::strerror;
use crate::zone::Zone;

pub use compare::{CompareArguments, compare};
pub use diff::{DiffArguments, diff};
pub use inspect::{InspectOptions, inspect};
pub use link::{LinkOptions, OpenOptions, link, open};
pub use repair::{RepairOptions, repair};
pub use sweep::{SweepArguments, sweep};

/// `redis-check-rdb` with the words behind its name: prints what Redis's tool prints, and returns its status.
pub fn check_rdb(args: &[String]) -> i32 {
    let [path] = args else {
        eprintln!("Usage: redis-check-rdb <rdb-file-name>");
        return 1;
    };
    match path.as_str() {
        "-v" | "--version" => {
            println!("redis-check-rdb {REDIS_VERSION}");
            return 0;
        }
        "-h" | "--help" => {
            print!("{CHECK_RDB_HELP}");
            return 0;
        }
        _ => {}
    }
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) => {
            println!("[offset 0] Checking RDB file {path}");
            eprintln!("Cannot open file {path}: {}", strerror(&error));
            return 1;
        }
    };
    let report = check(BufReader::new(file), path, now_us() / 1000);
    let mut output = report.output.clone();
    append_log_line(&report, &mut output);
    print_bytes(&output);
    report.exit_code()
}

/// `redis-check-aof` with the words behind its name: prints what Redis's tool prints, asks what it asks, changes the
/// file only with `--fix` or `--truncate-to-timestamp`, and returns its status.
pub fn check_aof(args: &[String]) -> i32 {
    match args {
        [word] if word == "-h" || word == "--help" => {
            print!("{CHECK_AOF_HELP}");
            return 0;
        }
        [word] if word == "-v" || word == "--version" => {
            println!("redis-check-aof {REDIS_VERSION}");
            return 0;
        }
        _ => {}
    }
    let mut disk = match RealDisk::new(Path::new(".")) {
        Ok(disk) => disk,
        Err(error) => {
            eprintln!("Cannot open this directory: {error}");
            return 1;
        }
    };
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let log_prefix = log_line("");
    let mut check_rdb = |vfs: &mut dyn Vfs, path: &str, output: &mut Vec<u8>| {
        let file = vfs.open(path, OpenMode::Read).ok()?;
        let reader = BufReader::new(Reader::new(vfs, file));
        // The tool names a file of a manifest as the manifest does.
        let name = match path.rsplit_once('/') {
            Some((_, name)) if words.last() != Some(&path) => name,
            _ => path,
        };
        let report = check(reader, name, now_us() / 1000);
        vfs.close(file);
        output.extend_from_slice(&report.output);
        append_log_line(&report, output);
        report.ok.then_some(report.end)
    };
    let mut invocation = Invocation {
        args: &words,
        program: "redis-check-aof",
        answer: None,
        log_prefix: &log_prefix,
    };
    let mut outcome = run_check_aof(&mut disk, &invocation, &mut check_rdb);
    print_bytes(&outcome.output);
    if outcome.exit_code.is_none() {
        let mut answer = String::new();
        // Whoever cannot be asked has not agreed.
        let _ = std::io::stdin().read_line(&mut answer);
        invocation.answer = Some(&answer);
        let shown = outcome.output.len();
        outcome = run_check_aof(&mut disk, &invocation, &mut check_rdb);
        print_bytes(&outcome.output[shown.min(outcome.output.len())..]);
    }
    outcome
        .exit_code
        .expect("with an answer it does not ask again")
}

/// `lastsave run`: runs a scenario file (`-`: the standard input) and prints its transcript and what was lost, or
/// with `json` the figures alone. Returns 0 if every expectation was met, 1 if not, 2 if it is no scenario.
pub fn run_scenario(path: &str, json: bool) -> i32 {
    match read_text(path) {
        Ok(text) => run_text(path, &text, json),
        Err(reason) => {
            eprintln!("lastsave: {path}: {reason}");
            2
        }
    }
}

/// A text file, or the standard input for `-`. Otherwise says why not.
fn read_text(path: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = match path {
        "-" => std::io::stdin().read_to_end(&mut bytes),
        path => File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)),
    };
    read.map_err(|error| strerror(&error))?;
    String::from_utf8(bytes).map_err(|_| "a scenario is UTF-8 text".into())
}

/// Runs the text of a scenario, as [`run_scenario`] does; `name` says where it is from.
fn run_text(name: &str, text: &str, json: bool) -> i32 {
    let scenario = match Scenario::parse(text) {
        Ok(scenario) => scenario,
        Err(error) => {
            eprintln!("lastsave: {name}:{}: {}", error.line_number, error.message);
            return 2;
        }
    };
    let started = Instant::now();
    let report = lastsave_scenario::run(&scenario, &mut |_| true);
    let wall_ms = started.elapsed().as_secs_f64() * 1000.0;
    if json {
        let mut figures = serde_json::to_value(&report).expect("a report is plain data");
        figures["wall_ms"] = serde_json::json!((wall_ms * 10.0).round() / 10.0);
        println!("{figures:#}");
    } else {
        print!("{}", report.transcript);
        println!();
        println!("acknowledged    {}", report.acknowledged);
        println!("recovered       {}", report.recovered);
        println!("lost            {}", report.lost);
        if report.lost > 0 {
            println!(
                "oldest lost     {} ms before the crash",
                report.oldest_lost_ms
            );
        }
        println!("recovery took   {} ms, simulated", report.recovery_ms);
        println!("commands        {}", report.commands);
        println!("trace hash      {}", report.trace_hash);
        println!("wall clock      {wall_ms:.1} ms");
        println!(
            "expectations    {} met, {} not",
            report.passed,
            report.failures.len()
        );
    }
    for failure in &report.failures {
        eprintln!("lastsave: {name}: {failure}");
    }
    i32::from(!report.failures.is_empty())
}

/// Reads a scenario file; `-` is the standard input.
///
/// # Errors
/// What is wrong with it, behind its path.
fn read_scenario(path: &str) -> Result<Scenario, String> {
    let text = read_text(path).map_err(|reason| format!("{path}: {reason}"))?;
    Scenario::parse(&text)
        .map_err(|error| format!("{path}:{}: {}", error.line_number, error.message))
}

/// What the checker leaves through the log, if it does.
fn append_log_line(report: &Report, output: &mut Vec<u8>) {
    if let Some(text) = report.log_line {
        output.extend_from_slice(log_line(text).as_bytes());
        output.push(b'\n');
    }
}

fn log_line(text: &str) -> String {
    let now_us = now_us();
    let offset_s = Zone::local().utc_offset_s((now_us / 1_000_000) as i64);
    format_log_line_as(
        'C',
        std::process::id(),
        Level::Warning,
        now_us,
        offset_s,
        text,
    )
}

fn print_bytes(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    // A reader that has seen enough is no error.
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

/// The time, in milliseconds since the epoch.
pub fn now_ms() -> u64 {
    now_us() / 1000
}

/// The words behind a program's name.
pub fn arguments() -> Vec<String> {
    std::env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect()
}

const CHECK_RDB_HELP: &str = "\
redis-check-rdb: says whether an RDB file is sound, as Redis 7.0's tool of this name does

Usage: redis-check-rdb FILE

It reads the file and changes nothing. The status is 0 if the file is sound, else 1.
";

const CHECK_AOF_HELP: &str = "\
redis-check-aof: says whether an append-only log is sound, as Redis 7.0's tool of this name does

Usage: redis-check-aof [--fix | --truncate-to-timestamp SECONDS] FILE

  FILE                             the manifest (appendonlydir/appendonly.aof.manifest), or a single file
  --fix                            cut off what stands behind the last whole command, after asking
  --truncate-to-timestamp SECONDS  cut off what was written later (needs aof-timestamp-enabled yes)

The status is 0 if the log is sound or was repaired, else 1.
";
