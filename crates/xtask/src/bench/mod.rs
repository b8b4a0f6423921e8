//! `cargo xtask bench`: Lastsave beside redis-server on the same machine, in the same minutes.
//!
//! Only ratios of one run count, on any machine: both servers run side by side, every measurement alternates between
//! them (A/B/B/A), and both sides are warm. Processor time per command comes first, because it does not depend on
//! how fast the client is; throughput and latency on a machine where client and server share two cores mostly show
//! the client.

mod client;
mod files;
mod load;
mod saving;
mod side;
mod table;

use std::path::{Path, PathBuf};

use crate::tools;
use crate::util::{self, Result, at, cargo, command, find_program};
use client::Collection;
use side::{Folder, Side, Usage};
use table::{Table, Unit};

/// How much is measured.
struct Scale {
    keys: u64,
    /// Commands in a run without and with pipelining.
    commands: u64,
    pipelined_commands: u64,
    /// Keys behind a figure of memory per key.
    memory_keys: u64,
    /// Keys in the files that are saved and loaded, and in a server that saves under load.
    file_keys: u64,
}

const QUICK: Scale = Scale {
    keys: 100_000,
    commands: 100_000,
    pipelined_commands: 800_000,
    memory_keys: 200_000,
    file_keys: 300_000,
};

const USUAL: Scale = Scale {
    keys: 1_000_000,
    commands: 400_000,
    pipelined_commands: 3_000_000,
    memory_keys: 500_000,
    file_keys: 1_000_000,
};

const FULL: Scale = Scale {
    keys: 1_000_000,
    commands: 1_000_000,
    pipelined_commands: 8_000_000,
    memory_keys: 1_000_000,
    file_keys: 2_000_000,
};

/// What `cargo xtask bench` is told.
pub(crate) struct Options {
    pub(crate) quick: bool,
    pub(crate) full: bool,
    /// Only commands over the network.
    pub(crate) commands_only: bool,
    /// Only memory per key and element.
    pub(crate) memory_only: bool,
    /// Only saving and loading.
    pub(crate) files_only: bool,
    /// Only the crash sweep, which needs no other server.
    pub(crate) sweep_only: bool,
    /// Another build of the server instead of one made now.
    pub(crate) server: Option<PathBuf>,
}

/// Measures and prints the table.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.sweep_only {
        return sweep();
    }
    tools::ensure_debian_packages()?;
    let ours = match &options.server {
        // The servers start in directories of their own.
        Some(path) => path.canonicalize().map_err(at(path))?,
        None => build()?,
    };
    let find = |name| find_program(name).ok_or(format!("{name} is missing"));
    let programs = Programs {
        ours,
        redis: find("redis-server")?,
        benchmark: find("redis-benchmark")?,
    };
    let scale = match options {
        Options { full: true, .. } => FULL,
        Options { quick: true, .. } => QUICK,
        _ => USUAL,
    };
    let mut table = Table::default();
    let all = !(options.commands_only || options.memory_only || options.files_only);
    if all || options.commands_only {
        for appendonly in [false, true] {
            commands(&programs, &scale, appendonly, &mut table)?;
        }
    }
    if all || options.memory_only {
        memory(&programs, scale.memory_keys, &mut table)?;
    }
    if all || options.files_only {
        files::measure(&programs, scale.file_keys, &mut table)?;
        saving::measure(&programs, scale.file_keys, &mut table)?;
    }
    println!("\n{table}");
    Ok(())
}

struct Programs {
    ours: PathBuf,
    redis: PathBuf,
    benchmark: PathBuf,
}

impl Programs {
    /// Both servers' programs, ours first.
    fn servers(&self) -> [&Path; 2] {
        [&self.ours, &self.redis]
    }

    /// Both servers with the same settings in these directories, ours first.
    fn start_in(&self, folders: &[Folder; 2], settings: &[&str]) -> Result<[Side; 2]> {
        Ok([
            Side::start_in(&self.ours, folders[0].path(), settings)?,
            Side::start_in(&self.redis, folders[1].path(), settings)?,
        ])
    }

    /// Both servers with the same settings in directories of their own, ours first.
    fn start(&self, settings: &[&str]) -> Result<[Side; 2]> {
        Ok([
            Side::start(&self.ours, settings)?,
            Side::start(&self.redis, settings)?,
        ])
    }
}

/// A crash before every disk operation of a run of 10,000 commands; prints how long recovering them all took.
fn sweep() -> Result<()> {
    println!("building lastsave for release …");
    let mut build = cargo();
    build.args(["build", "--release", "--quiet", "--locked"]);
    util::run(build.args(["--package", "lastsave-server", "--bin", "lastsave"]))?;
    let mut sweep = std::process::Command::new(util::root().join("target/release/lastsave"));
    util::run(
        sweep
            .args(["sweep", "crates/xtask/src/bench/sweep.scenario"])
            .current_dir(util::root()),
    )
}

fn build() -> Result<PathBuf> {
    println!("building lastsave-server for release …");
    let mut build = cargo();
    build.args(["build", "--release", "--quiet", "--locked"]);
    util::run(build.args(["--package", "lastsave-server", "--bin", "lastsave-server"]))?;
    Ok(util::root().join("target/release/lastsave-server"))
}

/// The order of runs: each side is once before and once after the other, and what changes with time falls on both.
const ALTERNATING: [usize; 4] = [0, 1, 1, 0];

/// SET and GET, without and with pipelining.
fn commands(programs: &Programs, scale: &Scale, appendonly: bool, table: &mut Table) -> Result<()> {
    let log = if appendonly { "yes" } else { "no" };
    let sides = programs.start(&["--save", "", "--appendonly", log])?;
    for side in &sides {
        client::fill(side.port(), scale.keys, 3).map_err(|error| format!("filling: {error}"))?;
    }
    // Reading has nothing to do with the log.
    let tests: &[&str] = if appendonly {
        &["SET"]
    } else {
        &["SET", "GET"]
    };
    for test in tests {
        for pipeline in [1, 16] {
            let count = if pipeline == 1 {
                scale.commands
            } else {
                scale.pipelined_commands
            };
            let suffix = if appendonly { ", everysec" } else { "" };
            let name = format!("{test}, -P {pipeline}{suffix}");
            println!("{name} …");
            let mut runs = [Vec::new(), Vec::new()];
            for index in ALTERNATING {
                let before = sides[index].usage();
                let figures =
                    benchmark(programs, &sides[index], test, pipeline, count, scale.keys)?;
                let used = sides[index].usage() - before;
                runs[index].push((figures, used));
            }
            let [ours, redis] = runs.map(|runs| Summary::of(&runs, count));
            table.row(
                &format!("{name}: server CPU per command"),
                Unit::Microseconds,
                ours.cpu_us,
                redis.cpu_us,
            );
            table.row(
                &format!("{name}: commands per second"),
                Unit::PerSecond,
                ours.per_second,
                redis.per_second,
            );
            table.row(
                &format!("{name}: latency p50"),
                Unit::Milliseconds,
                ours.p50_ms,
                redis.p50_ms,
            );
            table.row(
                &format!("{name}: latency p99"),
                Unit::Milliseconds,
                ours.p99_ms,
                redis.p99_ms,
            );
        }
    }
    Ok(())
}

fn mean(figures: &[f64]) -> f64 {
    figures.iter().sum::<f64>() / figures.len() as f64
}

/// What redis-benchmark says of a run.
struct Figures {
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
}

/// The runs of one side together.
struct Summary {
    cpu_us: f64,
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
}

impl Summary {
    fn of(runs: &[(Figures, Usage)], commands: u64) -> Self {
        let len = runs.len() as f64;
        let mean = |pick: &dyn Fn(&Figures) -> f64| {
            runs.iter().map(|(figures, _)| pick(figures)).sum::<f64>() / len
        };
        let cpu_us: f64 = runs.iter().map(|(_, used)| used.cpu_us()).sum();
        Self {
            cpu_us: cpu_us / len / commands as f64,
            per_second: mean(&|figures| figures.per_second),
            p50_ms: mean(&|figures| figures.p50_ms),
            p99_ms: mean(&|figures| figures.p99_ms),
        }
    }
}

fn benchmark(
    programs: &Programs,
    side: &Side,
    test: &str,
    pipeline: u32,
    count: u64,
    keys: u64,
) -> Result<Figures> {
    let mut run = command(&programs.benchmark.to_string_lossy());
    run.args([
        "-p",
        &side.port().to_string(),
        "-c",
        "50",
        "--csv",
        "-t",
        test,
    ]);
    run.args(["-P", &pipeline.to_string(), "-n", &count.to_string()]);
    run.args(["-r", &keys.to_string()]);
    let output = util::output_of(&mut run).ok_or("redis-benchmark failed")?;
    // "test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"
    let line = output.lines().last().unwrap_or_default();
    let fields: Vec<f64> = line
        .split(',')
        .filter_map(|field| field.trim_matches('"').parse().ok())
        .collect();
    match fields[..] {
        [per_second, _, _, p50_ms, _, p99_ms, _] => Ok(Figures {
            per_second,
            p50_ms,
            p99_ms,
        }),
        _ => Err(format!("redis-benchmark says: {line}")),
    }
}

/// What keys cost, 16 bytes long, and what elements of one large value do.
fn memory(programs: &Programs, count: u64, table: &mut Table) -> Result<()> {
    for value_len in [8, 32, 100, 500] {
        let what = format!("memory per key, value of {value_len} B");
        memory_per_item(programs, &what, count, table, &|port| {
            client::fill(port, count, value_len)
        })?;
    }
    for (kind, element) in [
        (Collection::SortedSet, "member of a sorted set, 12 B"),
        (Collection::Hash, "field of a hash, 12 + 8 B"),
        (Collection::Set, "member of a set, 12 B"),
        (Collection::List, "element of a list, 12 B"),
    ] {
        let what = format!("memory per {element}");
        memory_per_item(programs, &what, count, table, &|port| {
            client::fill_collection(port, kind, count)
        })?;
    }
    Ok(())
}

/// What one of `count` keys or elements costs that `fill` puts into the server at a port.
fn memory_per_item(
    programs: &Programs,
    what: &str,
    count: u64,
    table: &mut Table,
    fill: &dyn Fn(u16) -> std::io::Result<()>,
) -> Result<()> {
    println!("{what}, of {count} …");
    let sides = programs.start(&["--save", "", "--appendonly", "no"])?;
    let mut bytes = [0.0; 2];
    for (side, bytes) in sides.iter().zip(&mut bytes) {
        let before = side.rss_bytes();
        fill(side.port()).map_err(|error| format!("filling: {error}"))?;
        *bytes = side.rss_bytes().saturating_sub(before) as f64 / count as f64;
    }
    table.row(what, Unit::Bytes, bytes[0], bytes[1]);
    Ok(())
}
