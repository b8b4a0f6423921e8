//! The oracles can fail: with something deliberately wrong, each of them sees it.

use lastsave_vfs::{Errno, Fault, Op, SimDisk};

use crate::check::{Checker, Crash, Promise};
use crate::crashes::{PLAN, Plan, crash_everywhere};
use crate::driver::{Driver, START_US};
use crate::machine::Machine;
use crate::runs::{self, Run};
use crate::script::{Item, requests};

const POWER: Plan = Plan {
    power: true,
    seeds: 1,
    ..PLAN
};

#[test]
fn oracle_sees_a_sync_that_does_not_sync() {
    let run = runs::always(1);
    let mut machine = Machine::new(SimDisk::new(None), 1);
    machine.lying = true;
    let mut driver = Driver::start_on(run.config, machine, 1, START_US, true);
    let mut checker = Checker::new(run.name, run.restarts);
    for item in &run.script[..40] {
        driver.play(item);
        for point in driver.take_points() {
            let crash = Crash::Power(lastsave_vfs::Survival::None);
            checker.check(&driver.history, &point, crash, false);
        }
    }
    let seen = &checker.findings.violations;
    assert!(seen.iter().any(|text| text.starts_with("F ")), "{seen:#?}");
}

#[test]
fn oracle_sees_a_log_that_is_not_synced_within_a_second() {
    let run = runs::no(1);
    let mut driver = Driver::start(run.config, SimDisk::new(None), 1, 1, false);
    driver.everysec = true;
    for item in requests("SET a 1; +1000; SET b 1; +2000; SET c 1; +1000") {
        driver.play(&item);
    }
    assert!(!driver.complaints.is_empty(), "it is not synced at all");
}

/// A run whose engine has Redis's defects.
fn faithful(lines: &str) -> Run {
    const CONFIG: &str = "appendonly yes\nappendfsync everysec\nsave \"\"\nredis-faithful yes\n";
    Run {
        name: "faithful",
        config: CONFIG,
        script: requests(lines),
        restarts: &[(CONFIG, Promise::Log)],
        schedules: 3,
    }
}

#[test]
fn oracle_sees_the_writes_that_a_torn_transaction_swallows() {
    let run = faithful("SET a 1; MULTI; SET b 1; SET c 1; EXEC; +100; SET d 1; +100");
    let plan = Plan {
        kill: true,
        thorough_every: 1,
        ..POWER
    };
    let seen = crash_everywhere(&run, plan).violations;
    let lost = |text: &String| text.contains("a write after the recovery is lost");
    assert!(seen.iter().any(lost), "{seen:#?}");
}

#[test]
fn oracle_sees_the_hole_that_a_full_disk_leaves() {
    let run = faithful("SET a 1; +100; BGREWRITEAOF; @40; SET b 1; +100");
    let mut driver = Driver::start(run.config, SimDisk::new(None), 1, 1, false);
    for item in &run.script {
        driver.play(item);
    }
    driver.finish_jobs();
    let full = Fault::once(Op::Write, Errno::NoSpace).accepting(9);
    driver.machine.tape.disk.add_fault(full);
    for item in requests("SET c 1; +2000; SET d 1; +2000; SET e 1; +2000") {
        driver.play(&item);
    }
    let mut checker = Checker::new(run.name, run.restarts);
    checker.check_now(&driver, Crash::Kill, false);
    let seen = &checker.findings.violations;
    assert!(!seen.is_empty(), "{:#?}", driver.log);
}

#[test]
fn oracle_sees_a_manifest_that_names_a_missing_file() {
    let run = faithful("SET a 1; BGREWRITEAOF");
    let mut driver = Driver::start(run.config, SimDisk::new(None), 1, 1, false);
    for item in &run.script {
        driver.play(item);
    }
    // The one behind the renaming of the new manifest.
    let fault = Fault::once(Op::SyncDir, Errno::Io).on("appendonlydir");
    driver.machine.tape.disk.add_fault(fault);
    driver.finish_jobs();
    let found = crate::faults::sound_files(&driver.machine.tape.disk);
    assert!(
        found.is_err_and(|fault| fault.contains("which is missing")),
        "{:#?}",
        driver.log
    );
}

#[test]
fn oracle_sees_a_file_that_is_neither_the_old_nor_the_new_save() {
    let run = &runs::saves(1, &[(runs::RDB, Promise::Save)])[0];
    let mut driver = Driver::start(run.config, SimDisk::new(None), 1, 1, false);
    for item in requests("SET a 1; SAVE; SET a 2; SET a 3; SAVE; SET a 4; SAVE") {
        driver.play(&item);
    }
    driver.play(&Item::Advance(1));
    // The save before the last one comes back.
    let mut other = Driver::start(run.config, SimDisk::new(None), 1, 1, false);
    for item in requests("SET a 1; SAVE; SET a 2; SET a 3; SAVE") {
        other.play(&item);
    }
    let old = other
        .machine
        .tape
        .disk
        .read("dump.rdb")
        .expect("it was saved");
    let disk = &mut driver.machine.tape.disk;
    disk.write_file("dump.rdb", &old).expect("there is space");
    let mut checker = Checker::new(run.name, run.restarts);
    checker.check_now(&driver, Crash::Kill, false);
    assert!(!checker.findings.violations.is_empty());
}
