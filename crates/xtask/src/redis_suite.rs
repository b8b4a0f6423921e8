//! `cargo xtask redis-suite`: Redis's own Tcl suite, with our server where it expects `src/redis-server`.
//!
//! The suite belongs to Redis and is not part of this repository: the user names an unpacked source tree of the
//! version we are compatible with, and the parts that a run needs are copied out of it. No test is changed. What
//! cannot run, most of it because it needs a command that is not there yet, is listed in tests/redis-suite/skip.txt, with
//! the reason.

use std::{
    collections::BTreeMap,
    fmt, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use clap::Args;

use crate::{
    tools,
    util::{self, Result, at, cargo, command, find_program, run_logged},
};

/// The units whose every test passes that is not in the skip list.
const UNITS: [&str; 42] = [
    "unit/type/string",
    "unit/type/incr",
    "unit/type/list",
    "unit/type/list-2",
    "unit/type/list-3",
    "unit/type/set",
    "unit/type/zset",
    "unit/type/hash",
    "unit/type/stream",
    "unit/type/stream-cgroups",
    "unit/keyspace",
    "unit/expire",
    "unit/scan",
    "unit/sort",
    "unit/multi",
    "unit/bitops",
    "unit/bitfield",
    "unit/geo",
    "unit/hyperloglog",
    "unit/dump",
    "unit/protocol",
    "unit/pubsub",
    "unit/pubsubshard",
    "unit/slowlog",
    "unit/latency-monitor",
    "unit/info",
    "unit/info-command",
    "unit/quit",
    "unit/other",
    "unit/introspection",
    "unit/introspection-2",
    "unit/limits",
    "unit/lazyfree",
    "unit/querybuf",
    "unit/auth",
    "unit/networking",
    "unit/shutdown",
    "integration/rdb",
    "integration/corrupt-dump",
    "integration/convert-zipmap-hash-on-load",
    "integration/convert-ziplist-hash-on-load",
    "integration/convert-ziplist-zset-on-load",
];

/// As [`UNITS`], those that take long: they come last.
const LONG_UNITS: [&str; 6] = [
    "unit/obuf-limits",
    "unit/maxmemory",
    "unit/client-eviction",
    "unit/aofrw",
    "integration/aof",
    "integration/aof-multi-part",
];

/// What is copied from the source tree; the rest is what Redis is compiled from.
const COPIED: [&str; 4] = ["runtest", "redis.conf", "tests", "utils"];

/// Programs that some tests start, the system's own: ours to be tested is the server.
const LINKED: [&str; 4] = [
    "redis-cli",
    "redis-benchmark",
    "redis-check-aof",
    "redis-check-rdb",
];

/// The version whose suite it is.
const VERSION: &str = "7.0.15";

/// Ports that one run may use, from its base port on.
const PORT_COUNT: u32 = 1000;

/// The options of `cargo xtask redis-suite`.
#[derive(Args)]
#[command(after_help = NOTES)]
pub(crate) struct Options {
    /// An unpacked source tree of Redis 7.0.15
    #[arg(long, value_name = "DIR")]
    source: PathBuf,
    /// Run only these units (unit/type/list, type/list, integration/aof or aof); may be given more than once
    #[arg(long, value_name = "UNIT", num_args = 1.., value_delimiter = ',')]
    only: Vec<String>,
    /// Run only the test of this name, or those that match /REGEXP; may be given more than once
    #[arg(long, value_name = "TEST")]
    test: Vec<String>,
    /// Run the tests of the skip list too
    #[arg(long)]
    no_skip: bool,
    /// Test this program instead of building lastsave-server
    #[arg(long, value_name = "PROGRAM")]
    server: Option<PathBuf>,
    /// Test processes that a unit may use at once
    #[arg(long, default_value_t = 1)]
    clients: u32,
    /// The first of 1000 ports that the servers under test use; by default other runs are unlikely to use it too
    #[arg(long, value_name = "PORT")]
    base_port: Option<u32>,
    /// End a unit that makes no progress for so long
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    timeout: u32,
    /// Keep the folder in which the suite ran, with the servers' logs, and say where it is
    #[arg(long)]
    keep: bool,
}

const NOTES: &str = "\
The source tree is not downloaded: `apt-get source redis` or the tarball of redis.io, unpacked, will do.
It needs tclsh (Debian: tcl), redis-cli, redis-benchmark, redis-check-aof and redis-check-rdb.

Each unit's output is kept in target/xtask/redis-suite/UNIT.log. A unit that ends before its last test is
shown as broken, with the first error: most often a command or an option that a test takes for granted is not
there, and the exception ends the file. Run it alone, with `--keep`, and read the server's log in
tests/tmp/server.*/stdout of the folder that is printed.

What a server must have before any test runs: a log line with ` PID: <pid>`, PING, `Ready to accept` in the
log, SELECT, and every directive of tests/assets/default.conf. Between tests it needs FLUSHALL, INFO, CONFIG
GET/SET, OBJECT ENCODING and DEBUG; tests that check data across a restart use DEBUG RELOAD and DEBUG DIGEST.";

/// Runs the suite and prints one table. `false` if any test failed.
pub(crate) fn run(options: &Options) -> Result<bool> {
    tools::ensure_debian_packages()?;
    if find_program("tclsh").is_none() {
        return Err("tclsh is missing; install Tcl (Debian: apt-get install tcl)".into());
    }
    check_version(&options.source)?;
    let skips = SkipList::read(&util::root().join("tests/redis-suite/skip.txt"))?;
    let server = match &options.server {
        Some(path) => path.canonicalize().map_err(at(path))?,
        None => build()?,
    };
    let folder = std::env::temp_dir().join(format!("lastsave-suite-{}", std::process::id()));
    let outcome = prepare(&options.source, &folder, &server)
        .and_then(|()| run_units(options, &folder, &skips));
    if options.keep {
        println!("the suite ran in {}", folder.display());
    } else {
        let _ = fs::remove_dir_all(&folder);
    }
    outcome
}

fn run_units(options: &Options, folder: &Path, skips: &SkipList) -> Result<bool> {
    let logs = util::state_dir().join("redis-suite");
    fs::create_dir_all(&logs).map_err(at(&logs))?;
    let mut results = Vec::new();
    for unit in units(options)? {
        let result = run_unit(options, folder, &logs, &unit, skips)?;
        println!("{result}");
        results.push(result);
    }
    print_table(&results);
    Ok(results.iter().all(UnitResult::passed))
}

/// The units asked for, by their full names.
fn units(options: &Options) -> Result<Vec<String>> {
    if options.only.is_empty() {
        return Ok(UNITS
            .iter()
            .chain(&LONG_UNITS)
            .map(|&unit| unit.to_owned())
            .collect());
    }
    let full_name = |unit: &String| {
        let candidates = [
            unit.clone(),
            format!("unit/{unit}"),
            format!("integration/{unit}"),
        ];
        candidates
            .into_iter()
            .find(|unit| options.source.join(format!("tests/{unit}.tcl")).is_file())
            .ok_or(format!("the suite has no unit `{unit}`"))
    };
    options.only.iter().map(full_name).collect()
}

fn check_version(source: &Path) -> Result<()> {
    let path = source.join("src/version.h");
    let text = fs::read_to_string(&path).map_err(at(&path))?;
    if text.contains(&format!("\"{VERSION}\"")) {
        return Ok(());
    }
    Err(format!("{} is not Redis {VERSION}", source.display()))
}

/// Optimized, but linked quickly: it is built after every change.
fn build() -> Result<PathBuf> {
    println!("building lastsave-server …");
    let mut build = cargo();
    build
        .args(["build", "--release", "--quiet", "--locked"])
        .args(["--package", "lastsave-server", "--bin", "lastsave-server"])
        .env("CARGO_PROFILE_RELEASE_LTO", "off");
    util::run(&mut build)?;
    Ok(util::root().join("target/release/lastsave-server"))
}

/// Makes the folder the suite runs in. The server is copied, so that it may be built anew meanwhile.
fn prepare(source: &Path, folder: &Path, server: &Path) -> Result<()> {
    let programs = folder.join("src");
    fs::create_dir_all(&programs).map_err(at(&programs))?;
    let mut copy = command("cp");
    copy.arg("-r")
        .args(COPIED.map(|name| absolute(source).join(name)));
    util::run(copy.arg(folder))?;
    let to = programs.join("redis-server");
    fs::copy(server, &to).map_err(at(&to))?;
    for name in LINKED {
        let program = find_program(name).ok_or(format!("{name} is missing"))?;
        symlink(program, programs.join(name)).map_err(at(&programs))?;
    }
    Ok(())
}

fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn run_unit(
    options: &Options,
    folder: &Path,
    logs: &Path,
    unit: &str,
    skips: &SkipList,
) -> Result<UnitResult> {
    let log = logs.join(format!("{}.log", unit.replace('/', "-")));
    fs::write(&log, "").map_err(at(&log))?;
    let skip_file = folder.join("skipped-tests");
    let skipped = if options.no_skip {
        String::new()
    } else {
        skips.of(unit)
    };
    fs::write(&skip_file, skipped).map_err(at(&skip_file))?;
    let base_port = options
        .base_port
        .unwrap_or(21_000 + std::process::id() % 30 * PORT_COUNT);
    let mut suite = command("./runtest");
    suite
        .current_dir(folder)
        .env("TERM", "dumb")
        .args(["--clients", &options.clients.to_string()])
        .args(["--timeout", &options.timeout.to_string()])
        .args(["--baseport", &base_port.to_string()])
        .args(["--portcount", &PORT_COUNT.to_string()])
        .args(["--tags", "-slow", "--durable", "--dont-clean"])
        .arg("--skipfile")
        .arg(&skip_file)
        .args(["--single", unit]);
    for test in &options.test {
        suite.args(["--only", test]);
    }
    run_logged(&mut suite, &log)?;
    let text = fs::read(&log).map_err(at(&log))?;
    Ok(UnitResult::of(unit, &String::from_utf8_lossy(&text)))
}

/// What a unit's run printed, counted.
#[derive(Debug, Default, PartialEq, Eq)]
struct UnitResult {
    unit: String,
    ok: usize,
    /// By name, with the first line of the reason.
    failed: Vec<(String, String)>,
    /// By the skip list.
    skipped: usize,
    /// By tags that the suite leaves out of a normal run.
    ignored: usize,
    /// Why the unit ended before its last test, if it did.
    broken: Option<String>,
}

impl UnitResult {
    fn of(unit: &str, output: &str) -> Self {
        let mut result = Self {
            unit: unit.to_owned(),
            ..Self::default()
        };
        let mut lines = output.lines();
        let mut ended = false;
        while let Some(line) = lines.next() {
            let Some((status, rest)) = status_of(line) else {
                continue;
            };
            match status {
                "ok" => result.ok += 1,
                "skip" => result.skipped += 1,
                "ignore" => result.ignored += 1,
                "err" => {
                    let mut following = lines.clone();
                    result.failed.push(failure(rest, &mut following));
                }
                "exception" | "TIMEOUT" => result.broken = Some(rest.to_owned()),
                status if status.ends_with("done") => ended = true,
                _ => {}
            }
        }
        if !ended && result.broken.is_none() {
            let last = output.lines().rev().find(|line| !line.trim().is_empty());
            result.broken = Some(last.unwrap_or("it printed nothing").to_owned());
        }
        result
    }

    fn passed(&self) -> bool {
        self.failed.is_empty() && self.broken.is_none()
    }
}

impl fmt::Display for UnitResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<26} {:>4} ok {:>4} failed {:>4} skipped",
            self.unit,
            self.ok,
            self.failed.len(),
            self.skipped
        )?;
        if let Some(why) = &self.broken {
            write!(f, "  broken: {}", shortened(why))?;
        }
        Ok(())
    }
}

/// The word in brackets at the beginning of a line, and what follows it.
fn status_of(line: &str) -> Option<(&str, &str)> {
    let (status, rest) = line.strip_prefix('[')?.split_once("]:")?;
    Some((status, rest.trim()))
}

/// A failed test's name, and why. `rest` is `NAME in FILE`, or the reason itself where no test was running.
fn failure<'a>(rest: &str, following: &mut impl Iterator<Item = &'a str>) -> (String, String) {
    let Some((name, _)) = rest.rsplit_once(" in tests/") else {
        return ("(outside of a test)".to_owned(), rest.to_owned());
    };
    // Where a command failed, the suite cuts off the beginning of the error and then shows it in full.
    let cut = following.next().unwrap_or_default();
    let full = following.next().unwrap_or_default();
    let reason = if full.ends_with(cut) { full } else { cut };
    (name.to_owned(), reason.to_owned())
}

fn print_table(results: &[UnitResult]) {
    let failed: Vec<&UnitResult> = results.iter().filter(|result| !result.passed()).collect();
    for result in &failed {
        println!("\n{}", result.unit);
        for (name, reason) in &result.failed {
            println!("  {name}\n      {}", shortened(reason));
        }
        if let Some(why) = &result.broken {
            println!("  broken: {}", shortened(why));
        }
    }
    let sum = |count: fn(&UnitResult) -> usize| results.iter().map(count).sum::<usize>();
    println!(
        "\n{} units, {} of them without failure: {} ok, {} failed, {} skipped, {} left out by tags",
        results.len(),
        results.len() - failed.len(),
        sum(|result| result.ok),
        sum(|result| result.failed.len()),
        sum(|result| result.skipped),
        sum(|result| result.ignored),
    );
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 200;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Tests that are not run, by unit.
#[derive(Debug, Default)]
struct SkipList {
    by_unit: BTreeMap<String, String>,
}

impl SkipList {
    fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(at(path))?;
        Self::parse(&text).map_err(|line| {
            format!(
                "{}: `{line}` stands under no [unit] or has no reason above it",
                path.display()
            )
        })
    }

    /// Reads `[unit]` headings, `# reason` lines, and below each reason the tests it is true of. `Err` is a line
    /// that stands outside of that order.
    fn parse(text: &str) -> std::result::Result<Self, String> {
        let mut list = Self::default();
        let mut unit = None;
        let mut has_reason = false;
        for line in text
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty())
        {
            if let Some(name) = line
                .strip_prefix('[')
                .and_then(|line| line.strip_suffix(']'))
            {
                unit = Some(name.to_owned());
                has_reason = false;
            } else if line.starts_with('#') {
                has_reason = true;
            } else if let (Some(unit), true) = (&unit, has_reason) {
                let tests = list.by_unit.entry(unit.clone()).or_default();
                tests.push_str(line);
                tests.push('\n');
            } else {
                return Err(line.to_owned());
            }
        }
        Ok(list)
    }

    /// The unit's tests as the suite's own skip file, which has no comments.
    fn of(&self, unit: &str) -> String {
        self.by_unit.get(unit).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_units_output_is_counted() {
        let output = "[ready]: 77\nTesting unit/x\n[ok]: one [a] (3 ms)\n[skip]: two\n[ignore]: three: Tag: slow denied\n\
                      [err]: four in a row in tests/unit/x.tcl\nExpected '1' to be equal to '2'\n[1/1 done]: unit/x (1 seconds)\n";
        let result = UnitResult::of("unit/x", output);
        let four = (
            "four in a row".to_owned(),
            "Expected '1' to be equal to '2'".to_owned(),
        );
        assert_eq!((result.ok, result.skipped, result.ignored), (1, 1, 1));
        assert_eq!((&result.failed, &result.broken), (&vec![four], &None));
        assert!(!result.passed());
    }

    #[test]
    fn a_unit_that_ends_early_is_broken_even_without_a_failed_test() {
        let output =
            "[ok]: one (3 ms)\n[exception]: Executing test client: ERR unknown command.\nmore\n";
        let result = UnitResult::of("unit/x", output);
        assert_eq!(
            result.broken.as_deref(),
            Some("Executing test client: ERR unknown command.")
        );
        let silent = UnitResult::of("unit/x", "[ok]: one (3 ms)\n");
        assert!(!silent.passed());
    }

    #[test]
    fn every_skipped_test_has_a_unit_and_a_reason() {
        let list = SkipList::parse("# what this is\n\n[unit/a]\n# EVAL\none\n/^two.*\n").unwrap();
        assert_eq!(
            (list.of("unit/a"), list.of("unit/b")),
            ("one\n/^two.*\n".into(), String::new())
        );
        assert_eq!(SkipList::parse("[unit/a]\none\n").unwrap_err(), "one");
        assert_eq!(SkipList::parse("# why\none\n").unwrap_err(), "one");
    }
}
