//! The runs that are crashed: a configuration, a script, and how to restart.

use crate::check::{Promise, Restart};
use crate::script::{Item, requests, workload};

/// A run to crash.
pub(crate) struct Run {
    pub(crate) name: &'static str,
    pub(crate) config: &'static str,
    pub(crate) script: Vec<Item>,
    pub(crate) restarts: &'static [Restart],
    /// With how many orders of its jobs' operations among the engine's own it is run.
    pub(crate) schedules: u64,
}

pub(crate) const ALWAYS: &str = "appendonly yes\nappendfsync always\nsave \"\"\n";
pub(crate) const EVERYSEC: &str = "appendonly yes\nappendfsync everysec\nsave 6 10\n";
pub(crate) const NO: &str = "appendonly yes\nappendfsync no\nsave \"\"\n";
pub(crate) const RDB: &str = "appendonly no\nsave 3 10\n";
const LAX: &str = "appendonly yes\nappendfsync always\nno-appendfsync-on-rewrite yes\nsave \"\"\n";
const LAX_EVERYSEC: &str =
    "appendonly yes\nappendfsync everysec\nno-appendfsync-on-rewrite yes\nsave \"\"\n";
const AS_COMMANDS: &str = "appendonly yes\nappendfsync always\nsave \"\"\naof-use-rdb-preamble no\naof-timestamp-enabled yes\n";
const CHECKED: &str = "appendonly yes\nappendfsync everysec\nsave 6 10\naof-checksums yes\n";
const STAMPED: &str = "appendonly yes\nappendfsync everysec\nsave \"\"\naof-timestamp-enabled yes\nauto-aof-rewrite-min-size 1\nauto-aof-rewrite-percentage 50\n";

/// What the runs with a log do about files.
pub(crate) const FILES: [(usize, &str); 9] = [
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

const SAVES: [(usize, &str); 7] = [
    (30, "BGSAVE"),
    (70, "SAVE"),
    (100, "BGSAVE"),
    (103, "FLUSHALL"),
    (150, "FLUSHDB"),
    (170, "BGSAVE"),
    (200, "SHUTDOWN"),
];

const FLUSHES: [(usize, &str); 10] = [
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

const SWITCHED: [(usize, &str); 4] = [
    (20, "BGSAVE"),
    (
        50,
        "CONFIG SET appendonly yes; SET k1 1; @1; SET k1 2; @1; SET k1 3",
    ),
    (110, "BGREWRITEAOF"),
    (150, "FLUSHDB"),
];

const OFF: [(usize, &str); 5] = [
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

const POLICIES: [(usize, &str); 8] = [
    (30, "CONFIG SET appendfsync always"),
    (62, "BGREWRITEAOF"),
    (64, "CONFIG SET appendfsync everysec"),
    (100, "CONFIG SET appendfsync no"),
    (125, "BGREWRITEAOF"),
    (127, "CONFIG SET appendfsync always"),
    (150, "FLUSHDB"),
    (170, "CONFIG SET appendfsync everysec"),
];

fn run(
    name: &'static str,
    config: &'static str,
    restarts: &'static [Restart],
    seed: u64,
    special: &[(usize, &str)],
) -> Run {
    Run {
        name,
        config,
        script: workload(seed, 200, special),
        restarts,
        schedules: 2,
    }
}

/// A run over `appendfsync always`.
pub(crate) fn always(seed: u64) -> Run {
    run("always", ALWAYS, &[(ALWAYS, Promise::Log)], seed, &FILES)
}

pub(crate) fn everysec(seed: u64) -> Run {
    let restarts = &[(EVERYSEC, Promise::Log)];
    run("everysec", EVERYSEC, restarts, seed, &FILES)
}

pub(crate) fn no(seed: u64) -> Run {
    run("no", NO, &[(NO, Promise::Log)], seed, &FILES)
}

pub(crate) fn lax(seed: u64) -> Run {
    run(
        "always, lax on rewrite",
        LAX,
        &[(LAX, Promise::Log)],
        seed,
        &FILES,
    )
}

pub(crate) fn lax_everysec(seed: u64) -> Run {
    let restarts = &[(LAX_EVERYSEC, Promise::Log)];
    run(
        "everysec, lax on rewrite",
        LAX_EVERYSEC,
        restarts,
        seed,
        &FILES,
    )
}

/// Runs whose files have other forms: a base of commands, timestamps, checksums, automatic rewrites.
pub(crate) fn other_forms(seed: u64) -> Vec<Run> {
    vec![
        run(
            "bases of commands",
            AS_COMMANDS,
            &[(AS_COMMANDS, Promise::Log), (ALWAYS, Promise::Log)],
            seed,
            &FILES,
        ),
        run(
            "timestamps, automatic rewrites",
            STAMPED,
            &[(STAMPED, Promise::Log)],
            seed + 1,
            &[(90, "FLUSHDB"), (150, "BGREWRITEAOF")],
        ),
        run(
            "checksums",
            CHECKED,
            &[(CHECKED, Promise::Log), (EVERYSEC, Promise::Log)],
            seed + 2,
            &FILES,
        ),
    ]
}

pub(crate) fn policies(seed: u64) -> Run {
    let restarts = &[(EVERYSEC, Promise::Log)];
    run("policy changed", EVERYSEC, restarts, seed, &POLICIES)
}

/// Runs without a log. They have few operations on the disk.
pub(crate) fn saves(seed: u64, restarts: &'static [Restart]) -> Vec<Run> {
    [("save points", &SAVES[..]), ("saves cut short", &FLUSHES)]
        .into_iter()
        .map(|(name, special)| Run {
            schedules: 8,
            ..run(name, RDB, restarts, seed, special)
        })
        .collect()
}

/// Runs that switch the log on while they run.
pub(crate) fn switched(seed: u64) -> Vec<Run> {
    const FROM_ALWAYS: &str = "appendonly no\nappendfsync always\nsave 3 10\n";
    const FROM_EVERYSEC: &str = "appendonly no\nappendfsync everysec\nsave 3 10\n";
    let small = "SET a 1; CONFIG SET appendonly yes; @1; SET b 1; @2; SET c 1; @3; SET d 1; @3; SET e 1; @3";
    let to_always = &[(RDB, Promise::Save), (ALWAYS, Promise::Log)];
    let to_everysec = &[(RDB, Promise::Save), (EVERYSEC, Promise::Log)];
    vec![
        Run {
            schedules: 8,
            ..run(
                "switched on and off",
                FROM_ALWAYS,
                &[(RDB, Promise::Save)],
                seed,
                &OFF,
            )
        },
        Run {
            name: "switched, small",
            config: FROM_ALWAYS,
            script: requests(small),
            restarts: to_always,
            schedules: 80,
        },
        run(
            "switched to always",
            FROM_ALWAYS,
            to_always,
            seed + 1,
            &SWITCHED,
        ),
        run(
            "switched to everysec",
            FROM_EVERYSEC,
            to_everysec,
            seed + 2,
            &SWITCHED,
        ),
    ]
}

/// Runs whose log has an unsynced end when a rewrite goes on in a new file.
pub(crate) fn rotations() -> Vec<Run> {
    let lines = "SET a 1; INCR c; BGREWRITEAOF; INCR c; SET b 1; @3; INCR c; BGREWRITEAOF; INCR c; +1000; INCR c; @30; INCR c; BGREWRITEAOF; INCR c; INCR c";
    let run = |name, config, restarts| Run {
        name,
        config,
        script: requests(lines),
        restarts,
        schedules: 1,
    };
    vec![
        run("always", ALWAYS, &[(ALWAYS, Promise::Log)]),
        run("everysec", EVERYSEC, &[(EVERYSEC, Promise::Log)]),
        run("no", NO, &[(NO, Promise::Log)]),
    ]
}

/// Runs so small that every way to lose power can be tried.
pub(crate) fn small() -> Vec<Run> {
    let lines = "SET a 1; MULTI; RPUSH l a b; INCR c; EXEC; BGREWRITEAOF; SET b 2; @2; APPEND b x; @20; DEL a; BGSAVE; @3; XADD x * f v; @9";
    let run = |name, config, restarts| Run {
        name,
        config,
        script: requests(lines),
        restarts,
        schedules: 3,
    };
    vec![
        run("small, always", ALWAYS, &[(ALWAYS, Promise::Log)]),
        run("small, everysec", EVERYSEC, &[(EVERYSEC, Promise::Log)]),
        run("small, no", NO, &[(NO, Promise::Log)]),
        run(
            "small, bases of commands",
            AS_COMMANDS,
            &[(AS_COMMANDS, Promise::Log)],
        ),
    ]
}
