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

use check::{Checker, Crash, Findings, Promise};
use driver::Driver;
use lastsave_vfs::{SimDisk, Survival};
use script::{Item, request, workload};

/// A run to crash.
struct Variant {
    name: &'static str,
    config: &'static str,
    script: Vec<Item>,
    restarts: &'static [(&'static str, Promise)],
}

const ALWAYS: &str = "appendonly yes\nappendfsync always\nsave \"\"\n";
const EVERYSEC: &str = "appendonly yes\nappendfsync everysec\nsave 6 10\n";
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
    let switched = [
        (20, "BGSAVE"),
        (50, "CONFIG SET appendonly yes"),
        (110, "BGREWRITEAOF"),
        (150, "FLUSHDB"),
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
    script.extend(last.map(|(_, line)| request(line)));
    script
}

fn long() -> bool {
    std::env::var_os("LASTSAVE_LONG").is_some()
}

/// Runs a variant and crashes it everywhere.
fn enumerate(variant: &Variant) -> Findings {
    let mut checker = Checker {
        name: variant.name,
        restarts: variant.restarts,
        findings: Findings::default(),
    };
    let mut driver = Driver::start(variant.config, SimDisk::new(None), 1, 11, true);
    let (thorough_every, twice_every, seeds) = if long() { (1, 5, 12) } else { (23, 97, 1) };
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
                let thorough = (number + 5 * index as u64).is_multiple_of(thorough_every);
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
    checker.findings
}

#[test]
fn every_crash_keeps_what_was_promised() {
    let variants = variants();
    let only = std::env::var("LASTSAVE_ONLY").ok();
    let findings: Vec<(&str, Findings)> = std::thread::scope(|scope| {
        let threads: Vec<_> = variants
            .iter()
            .filter(|variant| only.as_ref().is_none_or(|only| variant.name == only))
            .map(|variant| (variant.name, scope.spawn(|| enumerate(variant))))
            .collect();
        threads
            .into_iter()
            .map(|(name, thread)| (name, thread.join().expect(name)))
            .collect()
    });
    let mut violations = Vec::new();
    println!(
        "| run | crash | cases | refused | unnoticed | violations |\n|---|---|---|---|---|---|"
    );
    for (name, findings) in findings {
        for (kind, count) in &findings.counts {
            println!(
                "| {name} | {} | {} | {} | {} | {} |",
                kind.name(),
                count.cases,
                count.refused,
                count.silent,
                count.violations
            );
        }
        violations.extend(findings.violations);
    }
    for violation in violations.iter().take(2000) {
        println!("{violation}");
    }
    assert!(violations.is_empty(), "{} violations", violations.len());
}
