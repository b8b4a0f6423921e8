//! `cargo xtask test`: every check there is, in one run, with one count at the end.
//!
//! Parts run one after the other and all of them run, whatever fails. Each writes a log to target/xtask;
//! of a part that fails, the lines that say why are shown.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    count::{self, Count},
    page,
    serve::Server,
    size, tools,
    util::{self, Result, at, cargo, command, find_program, run_logged, show},
};

/// The packages that run natively.
const NATIVE: &str = "--workspace --exclude lastsave-web";

/// The packages that are compiled for WebAssembly, the core among what they depend on.
const WASM: &str =
    "--package lastsave-web --package lastsave-wasm-tests --target wasm32-unknown-unknown";

/// How many lines of a failed part are shown; its log has the rest.
const SHOWN_LINES: usize = 300;

/// One part of the tests.
struct Part {
    name: &'static str,
    about: &'static str,
    /// Prepares what it needs and runs; the log is there to be written to.
    run: fn(&Path) -> Result<Count>,
}

/// In this order: what fails within seconds comes first, what needs a browser last.
const PARTS: [Part; 8] = [
    Part {
        name: "fmt",
        about: "rustfmt would change nothing",
        run: fmt,
    },
    Part {
        name: "clippy",
        about: "no lint warning, tests included",
        run: clippy,
    },
    Part {
        name: "clippy-wasm",
        about: "no lint warning in the page",
        run: clippy_wasm,
    },
    Part {
        name: "docs",
        about: "the documentation builds without a warning",
        run: docs,
    },
    Part {
        name: "unit",
        about: "unit, property and documentation tests of the crates",
        run: unit,
    },
    Part {
        name: "suite",
        about: "the whole: golden scenarios, real redis-server, crashes, tidiness",
        run: suite,
    },
    Part {
        name: "wasm",
        about: "the same core as WebAssembly in Chromium",
        run: wasm,
    },
    Part {
        name: "browser",
        about: "the page, end to end, in Chromium; the same traces in Firefox",
        run: browser,
    },
];

/// Prints the parts.
pub(crate) fn list() {
    for part in &PARTS {
        println!("{:<11} {}", part.name, part.about);
    }
}

/// Runs the parts named in `only`, or all, and prints the count on the last line. `false` if anything failed.
pub(crate) fn run(only: &[String]) -> Result<bool> {
    if let Some(unknown) = only
        .iter()
        .find(|name| PARTS.iter().all(|part| part.name != **name))
    {
        return Err(format!(
            "there is no part `{unknown}`; see: cargo xtask test --list"
        ));
    }
    let chosen: Vec<&Part> = PARTS
        .iter()
        .filter(|part| only.is_empty() || only.iter().any(|name| name == part.name))
        .collect();
    fs::create_dir_all(util::state_dir()).map_err(at(&util::state_dir()))?;

    let started = Instant::now();
    let mut sum = Count::default();
    let mut failed = Vec::new();
    for (index, part) in chosen.iter().enumerate() {
        let log = util::state_dir().join(format!("{}.log", part.name));
        fs::write(&log, "").map_err(at(&log))?;
        println!(
            "[{}/{}] {}: {} …",
            index + 1,
            chosen.len(),
            part.name,
            part.about
        );
        let part_started = Instant::now();
        let count = (part.run)(&log).unwrap_or_else(|message| {
            println!("      {message}");
            Count {
                failed: 1,
                ..Count::default()
            }
        });
        if count.failed > 0 {
            show_failures(&log);
            failed.push(part.name);
        }
        println!(
            "      {}: {count} in {}",
            part.name,
            seconds(part_started.elapsed())
        );
        sum += count;
    }
    println!("{} parts in {}", chosen.len(), seconds(started.elapsed()));
    if !failed.is_empty() {
        println!("failed: {} (logs in target/xtask)", failed.join(", "));
    }
    println!("{sum}");
    Ok(failed.is_empty())
}

fn fmt(log: &Path) -> Result<Count> {
    tools::ensure_component("fmt")?;
    one_check(&mut cargo_line("fmt --all --check"), log)
}

fn clippy(log: &Path) -> Result<Count> {
    tools::ensure_component("clippy")?;
    let line = format!("clippy --locked {NATIVE} --all-targets --keep-going -- -D warnings");
    one_check(&mut cargo_line(&line), log)
}

fn clippy_wasm(log: &Path) -> Result<Count> {
    tools::ensure_component("clippy")?;
    tools::ensure_wasm_target()?;
    let line = format!("clippy --locked {WASM} --all-targets --keep-going -- -D warnings");
    one_check(&mut cargo_line(&line), log)
}

fn docs(log: &Path) -> Result<Count> {
    let line = format!("doc --locked --no-deps {NATIVE}");
    one_check(cargo_line(&line).env("RUSTDOCFLAGS", "-D warnings"), log)
}

fn unit(log: &Path) -> Result<Count> {
    // Some crates have redis-server itself as the oracle of their tests.
    tools::ensure_debian_packages()?;
    let line = format!(
        "test --locked --no-fail-fast {NATIVE} --exclude lastsave-tests --exclude lastsave-wasm-tests"
    );
    cargo_test(&mut cargo_line(&line), log)
}

fn suite(log: &Path) -> Result<Count> {
    tools::ensure_debian_packages()?;
    // Tests that start the server as a process find it beside themselves, in target/debug.
    let line = format!("build --locked --bins {NATIVE}");
    if !run_logged(&mut cargo_line(&line), log)?.success() {
        return Err("the programs under test do not build".into());
    }
    let packages = "--package lastsave-tests --package lastsave-wasm-tests";
    cargo_test(
        &mut cargo_line(&format!("test --locked --no-fail-fast {packages}")),
        log,
    )
}

fn wasm(log: &Path) -> Result<Count> {
    tools::ensure_wasm_target()?;
    tools::ensure_wasm_bindgen()?;
    tools::ensure_debian_packages()?;
    let driver = find_program("chromedriver").ok_or("chromedriver is missing")?;
    let package = "--package lastsave-wasm-tests --package lastsave-web";
    let target = tools::WASM_TARGET;
    let line = format!("test --locked --no-fail-fast {package} --target {target}");
    let mut tests = cargo_line(&line);
    tests
        .env(
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER",
            "wasm-bindgen-test-runner",
        )
        .env("CHROMEDRIVER", driver)
        // Seconds; a debug build of the core takes its time in a browser.
        .env("WASM_BINDGEN_TEST_TIMEOUT", "300");
    cargo_test(&mut tests, log)
}

fn browser(log: &Path) -> Result<Count> {
    tools::ensure_debian_packages()?;
    let folder = page::build()?;
    let sizes = size::Table::of(&folder)?;
    print!("{sizes}");
    // A page built in a hurry is large, and meant to be.
    let small = page::is_quick()
        || sizes
            .check()
            .inspect_err(|why| println!("      {why}"))
            .is_ok();
    let server = Server::bind(0).map_err(|error| format!("cannot serve the page: {error}"))?;
    let address = server.address().map_err(|error| error.to_string())?;
    std::thread::spawn(move || server.serve(&folder));
    // The page's runs are compared with the native tool's.
    let native = util::root().join("target/debug/lastsave");
    util::run(&mut cargo_line(
        "build --quiet --package lastsave-server --bin lastsave --package lastsave-tests --bin links",
    ))?;
    let links = util::root().join("target/debug/links");
    let mut tests = command("playwright");
    tests
        .args(["test", "--config", "tests/browser/playwright.config.js"])
        .env("LASTSAVE_URL", format!("http://{address}/"))
        .env("LASTSAVE_NATIVE", native)
        .env("LASTSAVE_LINKS", links)
        .env(
            "LASTSAVE_FIREFOX",
            find_program("firefox-esr").ok_or("firefox-esr is missing")?,
        )
        // Firefox is driven over a websocket, which Node.js 20 has behind this option.
        .env("NODE_OPTIONS", "--experimental-websocket")
        .env(
            "LASTSAVE_CHROMIUM",
            find_program("chromium").ok_or("chromium is missing")?,
        )
        .env("FORCE_COLOR", "0");
    let mut count = counted(&mut tests, log, count::playwright)?;
    count += Count {
        passed: small.into(),
        failed: (!small).into(),
        skipped: 0,
    };
    Ok(count)
}

/// `cargo` with a line of words; none of them has a space in it.
fn cargo_line(line: &str) -> Command {
    let mut command = cargo();
    command
        .args(line.split_whitespace())
        .env("CARGO_TERM_COLOR", "never");
    command
}

/// A command that is one check: it passes or it fails.
fn one_check(command: &mut Command, log: &Path) -> Result<Count> {
    let passed = run_logged(command, log)?.success();
    Ok(Count {
        passed: passed.into(),
        failed: (!passed).into(),
        skipped: 0,
    })
}

fn cargo_test(command: &mut Command, log: &Path) -> Result<Count> {
    counted(command, log, count::libtest)
}

/// A command that runs tests, which `count` finds in what it printed.
fn counted(command: &mut Command, log: &Path, count: fn(&str) -> Count) -> Result<Count> {
    let status = run_logged(command, log)?;
    let mut count = count(&fs::read_to_string(log).map_err(at(log))?);
    if !status.success() && count.failed == 0 {
        // It did not compile, or a test process died before it could report.
        println!("      `{}` ended with {status}", show(command));
        count.failed = 1;
    }
    if status.success() && count.passed == 0 {
        return Err(format!("`{}` ran no test", show(command)));
    }
    Ok(count)
}

/// Prints a failed part's log without what went well.
fn show_failures(log: &Path) {
    let text = fs::read(log)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !went_well(line)).collect();
    let skipped = lines.len().saturating_sub(SHOWN_LINES);
    if skipped > 0 {
        println!(
            "      | … {skipped} lines before these are in {}",
            log.display()
        );
    }
    for line in &lines[skipped..] {
        println!("      | {line}");
    }
}

fn went_well(line: &str) -> bool {
    const PROGRESS: [&str; 10] = [
        "Compiling ",
        "Checking ",
        "Finished ",
        "Downloaded ",
        "Downloading ",
        "Documenting ",
        "Running ",
        "Doc-tests ",
        "Blocking ",
        "test result: ok",
    ];
    let line = line.trim_start();
    line.is_empty()
        || PROGRESS.iter().any(|start| line.starts_with(start))
        || (line.starts_with("test ")
            && (line.ends_with("... ok") || line.ends_with("... ignored")))
        || (line.starts_with("running ") && (line.ends_with(" tests") || line.ends_with(" test")))
}

fn seconds(duration: Duration) -> String {
    match duration.as_secs() {
        0..60 => format!("{:.1} s", duration.as_secs_f32()),
        whole => format!("{} min {} s", whole / 60, whole % 60),
    }
}
