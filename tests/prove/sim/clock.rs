//! Case 28: the clock jumps, and keys expire across a crash.

use std::collections::BTreeMap;

use lastsave_dict::ValueRef;
use lastsave_keyspace::{Keyspace, Object};
use lastsave_tests::proof::long;
use lastsave_vfs::{SimDisk, Survival};

use crate::check::{Checker, Crash, Findings, Promise};
use crate::crashes::{PLAN, Plan, crash_everywhere};
use crate::driver::{Driver, START_US};
use crate::machine::{Machine, Random};
use crate::prove;
use crate::runs::{ALWAYS, EVERYSEC, NO, RDB, Run};
use crate::script::{Item, request, workload};

#[test]
fn case_28_the_clock_jumps() {
    let special = [
        (10, "~-3600"),
        (20, "BGREWRITEAOF; ~86400"),
        (30, "BGSAVE; ~-172800"),
        (45, "BGREWRITEAOF; @3; ~-5; @3; ~5"),
        (60, "SAVE; ~604800; BGSAVE; @2; ~-604800"),
        (75, "~-90000; BGREWRITEAOF"),
    ];
    let run = |name, config, restarts| Run {
        name,
        config,
        script: workload(281, 90, &special),
        restarts,
        schedules: 2,
    };
    let runs = [
        run("always", ALWAYS, &[(ALWAYS, Promise::Log)]),
        run("everysec", EVERYSEC, &[(EVERYSEC, Promise::Log)]),
        run("no", NO, &[(NO, Promise::Log)]),
        run("rdb", RDB, &[(RDB, Promise::Save)]),
    ];
    let plan = Plan {
        kill: true,
        power: true,
        seeds: if long() { 4 } else { 1 },
        thorough_every: 11,
        ..PLAN
    };
    prove(
        28,
        "the clock jumps by seconds, hours and days, forwards and backwards, with jobs under way; a crash at every operation",
        "P, A, F, O, I; under everysec nothing stays unsynced for longer, by a clock that does not jump",
        &runs,
        |run| crash_everywhere(run, plan),
    );
}

/// Keys, their values, and when they expire.
type Content = BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)>;

fn content(keyspace: &Keyspace) -> Content {
    let entries = keyspace.databases[0].keys.iter().map(|entry| {
        let value = match entry.value() {
            ValueRef::Integer(number) => number.to_string().into_bytes(),
            ValueRef::Bytes(bytes) => bytes.to_vec(),
            ValueRef::Object(Object::Text(text)) => text.to_vec(),
            ValueRef::Object(_) => unreachable!("the script works on strings"),
        };
        (entry.key().to_vec(), (value, entry.expires_at_ms()))
    });
    entries.collect()
}

/// What somebody sees who asks at this time.
fn visible(content: &Content, at_ms: u64) -> Content {
    let mut content = content.clone();
    content.retain(|_, (_, expires_at_ms)| expires_at_ms.is_none_or(|time| time > at_ms));
    content
}

/// Whether some of the keys are gone, and some are still there, that went by themselves between two states: one after the
/// other, each as a unit of the log.
fn is_between(found: &Content, before: &Content, after: &Content) -> bool {
    let within = |small: &Content, large: &Content| {
        small
            .iter()
            .all(|(key, value)| large.get(key) == Some(value))
    };
    within(after, before) && within(after, found) && within(found, before)
}

/// Requests about keys that expire soon, some of them while time passes.
fn expiring(seed: u64) -> Vec<Item> {
    let mut random = Random(seed);
    let mut items = Vec::new();
    for number in 0..60 {
        let key = random.below(8);
        let ms = 300 + 230 * random.below(12);
        items.push(request(&match random.below(9) {
            0 => format!("SET k{key} {number}"),
            1 => format!("PEXPIRE k{key} {ms}"),
            2 => format!("PERSIST k{key}"),
            3 => format!("GETEX k{key} PX {ms}"),
            4 => format!("GET k{key}"),
            5 => format!("APPEND k{key} x"),
            _ => format!("SET k{key} {number} PX {ms}"),
        }));
        if random.one_in(3) {
            items.push(Item::Advance(50_000 + random.below(600_000)));
        }
    }
    items
}

/// Runs a script of expiring keys, crashes it at every operation, and lets a server start some time later, or earlier.
fn expire_across_crashes(run: &Run) -> Findings {
    let mut checker = Checker::new(run.name, run.restarts);
    let (config, promise) = run.restarts[0];
    for seed in 0..run.schedules {
        let machine = Machine::new(SimDisk::new(None), seed);
        let mut driver = Driver::start_on(run.config, machine, 1, START_US, true);
        let mut contents = vec![content(driver.engine.keyspace())];
        for item in expiring(seed) {
            driver.play(&item);
            contents.resize(driver.history.len(), content(driver.engine.keyspace()));
            checker.hear(&mut driver);
            for point in driver.take_points() {
                for crash in [
                    Crash::Kill,
                    Crash::Power(Survival::None),
                    Crash::Power(Survival::All),
                ] {
                    let mut disk = point.disk.clone();
                    crash.apply(&mut disk);
                    for later_s in [0, 1, 3, 86_400, -86_400] {
                        let at_us = driver.now_us.saturating_add_signed(later_s * 1_000_000);
                        checker.findings.counts.cases += 1;
                        let machine = Machine::new(disk.clone(), 1);
                        let again = Driver::start_on(config, machine, 2, at_us, false);
                        let found = visible(&content(again.engine.keyspace()), at_us / 1000);
                        let floor = promise.floor(&point.marks, crash.is_power());
                        let upto = (point.marks.executed + 3).min(contents.len());
                        let at_ms = at_us / 1000;
                        let seen: Vec<Content> = contents[floor..upto]
                            .iter()
                            .map(|content| visible(content, at_ms))
                            .collect();
                        let is_one = seen.contains(&found)
                            || seen
                                .windows(2)
                                .any(|pair| is_between(&found, &pair[0], &pair[1]));
                        if again.exited.is_some() || !is_one {
                            let text = format!(
                                "P {}, seed {seed}: {crash:?} {:?}, restart {later_s} s later: {found:?} is no state from {floor} on",
                                run.name, point.moment
                            );
                            checker.violation(text);
                        }
                    }
                }
            }
        }
    }
    checker.findings
}

#[test]
fn case_28_keys_expire_across_a_crash() {
    let run = |name, config, restarts| Run {
        name,
        config,
        script: Vec::new(),
        restarts,
        schedules: if long() { 100 } else { 6 },
    };
    let runs = [
        run("always", ALWAYS, &[(ALWAYS, Promise::Log)]),
        run("everysec", EVERYSEC, &[(EVERYSEC, Promise::Log)]),
        run("rdb", RDB, &[(RDB, Promise::Save)]),
    ];
    prove(
        28,
        "keys that expire soon, a crash at every operation, a restart at once, seconds or a day later, or a day earlier",
        "P, F: what is seen then is what a state from the floor on shows at that time: nothing comes back, nothing goes early",
        &runs,
        expire_across_crashes,
    );
}
