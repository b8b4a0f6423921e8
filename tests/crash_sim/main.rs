//! The simulated crash test: runs of a few hundred requests, with saves and rewrites, are crashed at every operation
//! on the disk, by a process kill and by a power loss, and what a restart brings back is held against what was promised.
//!
//! The oracles:
//!
//! - **P**: the recovered data are those after some prefix of the requests; a transaction counts as one step (**A**);
//! - **F**: that prefix reaches what the policy promises, by the test's own record of replies and completed syncs;
//! - **O**: the server starts, or it refuses and leaves every file as it is; it may refuse only if the power loss has
//!   lost a page in the middle of a file;
//! - **I**: recovering twice gives the same data and the same files, no temporary one among them.
//!
//! Commands in the log carry no checksum, as in Redis. A page lost inside one long value, with pages behind it that
//! survive, is therefore not noticed. Such cases are counted, not hidden.
//!
//! `LASTSAVE_LONG=1` tries many more ways to lose power at every point. `UPDATE_DOCS=1` writes the table of counts
//! into docs/reliability.md.

mod check;
mod driver;
mod machine;
mod script;

use check::{Checker, Crash, Findings, Kind, Promise};
use driver::Driver;
use lastsave_vfs::{Errno, Fault, Op, SimDisk, Survival};
use script::{Item, request, workload};

/// A run to crash.
struct Variant {
    name: &'static str,
    config: &'static str,
    script: Vec<Item>,
    restarts: &'static [(&'static str, Promise)],
}

const SWITCHED_SMALL: &str = "switched, small";
const ALWAYS: &str = "appendonly yes\nappendfsync always\nsave \"\"\n";
const EVERYSEC: &str = "appendonly yes\nappendfsync everysec\nsave 6 10\n";
const EVERYSEC_FULL: &str =
    "appendonly yes\nappendfsync everysec\nsave 6 10\nstop-writes-on-bgsave-error no\n";
const NO: &str = "appendonly yes\nappendfsync no\nsave \"\"\n";
const RDB: &str = "appendonly no\nsave 3 10\n";
const LAX: &str = "appendonly yes\nappendfsync always\nno-appendfsync-on-rewrite yes\nsave \"\"\n";

fn variants() -> Vec<Variant> {
    let files = [
        (30, "BGSAVE"),
        (62, "BGREWRITEAOF"),
        (100, "BGSAVE"),
        (125, "BGREWRITEAOF"),
        (131, "BGSAVE SCHEDULE"),
        (150, "FLUSHDB"),
        (170, "BGREWRITEAOF"),
        (195, "SAVE"),
        (200, "SHUTDOWN"),
    ];
    let saves = [
        (30, "BGSAVE"),
        (70, "SAVE"),
        (100, "BGSAVE"),
        (103, "FLUSHALL"),
        (150, "FLUSHDB"),
        (170, "BGSAVE"),
        (200, "SHUTDOWN"),
    ];
    let flushes = [
        (20, "BGSAVE; @1; SET k1 a; FLUSHALL; SET k1 b"),
        (40, "MULTI; SET k1 a; FLUSHALL; SET k2 b; EXEC"),
        (60, "BGSAVE; @4; FLUSHALL; SET k1 c"),
        (80, "BGSAVE; @5; FLUSHALL; SET k1 c"),
        (100, "BGSAVE; SAVE; SET k1 d; SAVE"),
        (120, "BGSAVE; @6; FLUSHALL; BGSAVE; FLUSHALL; SET k3 c"),
        (140, "BGSAVE; @7; FLUSHALL"),
        (160, "BGSAVE; @8; FLUSHALL"),
        (180, "BGSAVE; @9; FLUSHALL"),
        (200, "SET k1 a; BGSAVE; @6; SHUTDOWN"),
    ];
    let switched = [
        (20, "BGSAVE"),
        (
            50,
            "CONFIG SET appendonly yes; SET s 1; @1; SET s 2; @1; SET s 3",
        ),
        (110, "BGREWRITEAOF"),
        (150, "FLUSHDB"),
    ];
    let off = [
        (
            20,
            "CONFIG SET appendonly yes; @3; CONFIG SET appendonly no",
        ),
        (
            50,
            "MULTI; SET k1 a; CONFIG SET appendonly yes; SET k1 b; EXEC",
        ),
        (
            90,
            "MULTI; SET k1 c; CONFIG SET appendonly no; SET k1 d; EXEC",
        ),
        (120, "BGSAVE; CONFIG SET appendonly yes"),
        (
            150,
            "BGREWRITEAOF; CONFIG SET appendonly no; CONFIG SET appendonly yes",
        ),
    ];
    let policies = [
        (30, "CONFIG SET appendfsync always"),
        (62, "BGREWRITEAOF"),
        (64, "CONFIG SET appendfsync everysec"),
        (100, "CONFIG SET appendfsync no"),
        (125, "BGREWRITEAOF"),
        (127, "CONFIG SET appendfsync always"),
        (150, "FLUSHDB"),
        (170, "CONFIG SET appendfsync everysec"),
    ];
    let log = |config: &'static str| -> &'static [(&'static str, Promise)] {
        match config {
            ALWAYS => &[(ALWAYS, Promise::Log)],
            EVERYSEC => &[(EVERYSEC, Promise::Log)],
            LAX => &[(LAX, Promise::Log)],
            _ => &[(NO, Promise::Log)],
        }
    };
    let aof = |name, config, seed, special: &[(usize, &str)]| Variant {
        name,
        config,
        script: end(workload(seed, 200, special), special),
        restarts: log(config),
    };
    vec![
        aof("always", ALWAYS, 1, &files),
        aof("everysec", EVERYSEC, 2, &files),
        aof("no", NO, 3, &files),
        aof("always, lax on rewrite", LAX, 4, &files),
        aof("policy changed", EVERYSEC, 5, &policies),
        Variant {
            name: "save points",
            config: RDB,
            script: end(workload(6, 200, &saves), &saves),
            restarts: &[(RDB, Promise::Save)],
        },
        Variant {
            name: "saves cut short",
            config: "appendonly no\nsave 1000 1\n",
            script: end(workload(9, 200, &flushes), &flushes),
            restarts: &[("appendonly no\nsave 1000 1\n", Promise::Save)],
        },
        Variant {
            name: "switched on and off",
            config: RDB,
            script: workload(10, 200, &off),
            restarts: &[(RDB, Promise::Save)],
        },
        Variant {
            name: SWITCHED_SMALL,
            config: "appendonly no\nappendfsync always\nsave 3 10\n",
            script: "SET a 1; CONFIG SET appendonly yes; @1; SET b 1; @2; SET c 1; @3; SET d 1; @3; SET e 1; @3"
                .split("; ")
                .map(request)
                .collect(),
            restarts: &[(RDB, Promise::Save), (ALWAYS, Promise::Log)],
        },
        Variant {
            name: "switched to always",
            config: "appendonly no\nappendfsync always\nsave 3 10\n",
            script: end(workload(7, 200, &switched), &switched),
            restarts: &[(RDB, Promise::Save), (ALWAYS, Promise::Log)],
        },
        Variant {
            name: "switched to everysec",
            config: "appendonly no\nappendfsync everysec\nsave 3 10\n",
            script: end(workload(8, 200, &switched), &switched),
            restarts: &[(RDB, Promise::Save), (EVERYSEC, Promise::Log)],
        },
    ]
}

/// Puts the requests that belong behind the last one there.
fn end(mut script: Vec<Item>, special: &[(usize, &str)]) -> Vec<Item> {
    let last = special.iter().filter(|(position, _)| *position == 200);
    script.extend(last.flat_map(|(_, line)| line.split("; ").map(request)));
    script
}

fn long() -> bool {
    std::env::var_os("LASTSAVE_LONG").is_some()
}

/// Runs a variant, with its jobs in the way of the engine's own operations differently each time, and crashes it
/// everywhere.
fn enumerate(variant: &Variant) -> Findings {
    let mut checker = Checker {
        name: variant.name,
        restarts: variant.restarts,
        findings: Findings::default(),
    };
    // A run that only saves has few operations, and one that switches the log on has only one moment of that.
    let schedules = match variant.config {
        _ if variant.name == SWITCHED_SMALL => 200,
        config if config.starts_with("appendonly no\nsave") => 20,
        _ => 3,
    };
    for schedule in 0..schedules * if long() { 2 } else { 1 } {
        crash_everywhere(variant, schedule, &mut checker);
    }
    checker.findings
}

/// Runs a variant on a disk that is full at each of its writes, and has space again some requests later.
fn fill(variant: &Variant) -> Findings {
    let mut checker = Checker {
        name: variant.name,
        restarts: variant.restarts,
        findings: Findings::default(),
    };
    for after in (0..400).step_by(if long() { 1 } else { 7 }) {
        for (accepting, once) in [(0, false), (1, false), (40, false), (0, true), (7, true)] {
            let fault = Fault {
                times: once.then_some(1),
                ..Fault::always(Op::Write, Errno::NoSpace)
            };
            let fault = fault.after(after).accepting(accepting);
            let what = format!("{}: no space after {after} writes, {fault:?}", variant.name);
            let mut driver = Driver::start(variant.config, SimDisk::new(None), 1, after, false);
            driver.machine.tape.disk.add_fault(fault);
            let mut full_for = 0;
            for item in &variant.script {
                driver.play(item);
                full_for += u64::from(driver.refused > 0 || full_for > 0);
                if full_for == 1 || full_for == 9 {
                    checker.check_full(&driver, false, &what);
                }
                if full_for == 9 {
                    driver.machine.tape.disk.clear_faults();
                    driver.play(&Item::Advance(2_500_000));
                }
            }
            driver.machine.tape.disk.clear_faults();
            if driver.exited.is_none() {
                driver.play(&Item::Advance(2_500_000));
                driver.finish_jobs();
                let refused = driver.refused;
                driver.play(&request("SET probe 1"));
                driver.finish_jobs();
                if driver.refused > refused {
                    checker
                        .findings
                        .violation(Kind::Full, format!("F {what}: still refuses writes"));
                }
                checker.check_full(&driver, true, &what);
            } else {
                checker.check_full(&driver, false, &what);
            }
        }
    }
    checker.findings
}

#[test]
fn a_full_disk_loses_nothing() {
    let special = [(20, "BGREWRITEAOF"), (40, "BGSAVE"), (60, "BGREWRITEAOF")];
    let variant = |name, config, restarts| Variant {
        name,
        config,
        script: workload(20, 100, &special),
        restarts,
    };
    let variants = [
        variant("everysec", EVERYSEC_FULL, &[(EVERYSEC_FULL, Promise::Log)]),
        variant("no", NO, &[(NO, Promise::Log)]),
        variant("always", ALWAYS, &[(ALWAYS, Promise::Log)]),
    ];
    let findings = in_threads(&variants, fill);
    report(findings);
}

fn crash_everywhere(variant: &Variant, schedule: u64, checker: &mut Checker<'_>) {
    let mut driver = Driver::start(variant.config, SimDisk::new(None), 1, schedule, true);
    let (thorough_every, twice_every, seeds) = if long() { (3, 17, 6) } else { (11, 97, 1) };
    let mut number = 0;
    for item in &variant.script {
        driver.play(item);
        if driver.exited.is_some() {
            driver.machine.tape.point_now();
        }
        for point in driver.take_points() {
            let mut crashes = vec![
                Crash::Kill,
                Crash::Power(Survival::None),
                Crash::Power(Survival::All),
            ];
            crashes.extend((0..seeds).map(|seed| Crash::Power(Survival::Seeded(number + seed))));
            for (index, &crash) in crashes.iter().enumerate() {
                // The first start makes what is never made again.
                let thorough =
                    number < 30 || (number + 5 * index as u64).is_multiple_of(thorough_every);
                checker.check(&driver.history, &point, crash, thorough);
                if (number + 31 * index as u64).is_multiple_of(twice_every) && index < 4 {
                    checker.check_twice(&driver.history, &point, crash);
                }
            }
            number += 1;
        }
        if driver.exited.is_some() {
            break;
        }
    }
}

/// Runs a small variant and cuts the power everywhere in every way.
fn exhaust(variant: &Variant) -> Findings {
    let mut checker = Checker {
        name: variant.name,
        restarts: variant.restarts,
        findings: Findings::default(),
    };
    let limit = if long() { 4_000 } else { 400 };
    for schedule in 0..3 {
        let mut driver = Driver::start(variant.config, SimDisk::new(None), 1, schedule, true);
        for item in &variant.script {
            driver.play(item);
            for point in driver.take_points() {
                // With more ways than that the rest of them are left to the seeds of the long runs.
                checker.check_every_survival(&driver.history, &point, limit);
            }
        }
    }
    checker.findings
}

#[test]
fn every_power_loss_in_a_small_run_keeps_what_was_promised() {
    let lines = "SET a 1; MULTI; INCR c; INCR c; EXEC; BGREWRITEAOF; SET b 2; @2; APPEND b x; @20; DEL a; BGSAVE; @3; INCR c; @9";
    let variant = |name, config, restarts| Variant {
        name,
        config,
        script: lines.split("; ").map(request).collect(),
        restarts,
    };
    let variants = [
        variant("small, always", ALWAYS, &[(ALWAYS, Promise::Log)]),
        variant("small, everysec", EVERYSEC, &[(EVERYSEC, Promise::Log)]),
        variant("small, no", NO, &[(NO, Promise::Log)]),
    ];
    report(in_threads(&variants, exhaust));
}

#[test]
fn every_crash_keeps_what_was_promised() {
    let table = report(in_threads(&variants(), enumerate));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        write_docs(&table);
    }
}

/// Puts the table between the marks in docs/reliability.md.
fn write_docs(table: &str) {
    const MARKS: [&str; 2] = ["<!-- counts -->\n", "<!-- end of counts -->"];
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reliability.md");
    let text = std::fs::read_to_string(&path).expect("docs/reliability.md can be read");
    let (before, rest) = text.split_once(MARKS[0]).expect("a mark before the table");
    let (_, after) = rest.split_once(MARKS[1]).expect("a mark behind the table");
    let text = format!("{before}{}\n{table}\n{}{after}", MARKS[0], MARKS[1]);
    std::fs::write(path, text).expect("docs/reliability.md can be written");
}

/// Each variant on a thread of its own. `LASTSAVE_ONLY` names one to run alone.
fn in_threads(
    variants: &[Variant],
    run: fn(&Variant) -> Findings,
) -> Vec<(&'static str, Findings)> {
    let only = std::env::var("LASTSAVE_ONLY").ok();
    std::thread::scope(|scope| {
        let threads: Vec<_> = variants
            .iter()
            .filter(|variant| only.as_ref().is_none_or(|only| variant.name == only))
            .map(|variant| (variant.name, scope.spawn(|| run(variant))))
            .collect();
        threads
            .into_iter()
            .map(|(name, thread)| (name, thread.join().expect(name)))
            .collect()
    })
}

/// Prints the counts and returns them as a table. Fails if there is a violation.
fn report(findings: Vec<(&'static str, Findings)>) -> String {
    let mut table = String::from(
        "| run | crash | cases | refused | unnoticed | violations |\n|---|---|---|---|---|---|\n",
    );
    let mut violations = Vec::new();
    for (name, findings) in findings {
        for (kind, count) in &findings.counts {
            table.push_str(&format!(
                "| {name} | {} | {} | {} | {} | {} |\n",
                kind.name(),
                count.cases,
                count.refused,
                count.silent,
                count.violations
            ));
        }
        violations.extend(findings.violations);
    }
    println!("{table}");
    for violation in &violations {
        println!("{violation}");
    }
    assert!(violations.is_empty(), "{} violations", violations.len());
    table
}
