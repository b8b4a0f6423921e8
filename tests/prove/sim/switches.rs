//! Cases 24 to 27: the log switched on while the server runs or by editing the file, replaced files removed, and old files
//! upgraded.

use lastsave_tests::proof::{Proof, long};
use lastsave_vfs::{Errno, Fault, Op, SimDisk, Survival};

use crate::check::{Checker, Crash, Findings, Promise};
use crate::crashes::{PLAN, Plan, crash_everywhere};
use crate::driver::{Driver, START_US};
use crate::machine::Machine;
use crate::prove;
use crate::runs::{self, ALWAYS, RDB, Run};
use crate::script::{Item, request, requests, workload};
use crate::setup::{CONFIG_PATH, FROM_FILE};

fn everywhere() -> Plan {
    Plan {
        kill: true,
        power: true,
        seeds: if long() { 4 } else { 1 },
        thorough_every: if long() { 3 } else { 13 },
        ..PLAN
    }
}

#[test]
fn case_24_switched_on_at_run_time() {
    prove(
        24,
        "CONFIG SET appendonly yes, and no, a crash at every operation; restarted as before and with the log",
        "P, A, F, O, I: the last save until the first rewrite has ended, then what the log promises",
        &runs::switched(241),
        |run| crash_everywhere(run, everywhere()),
    );
}

#[test]
fn case_24_switched_on_with_config_rewrite() {
    const CONFIG: &str = "appendonly no\nappendfsync always\nsave 3 10\n";
    let run = |name, lines: &str| Run {
        name,
        config: FROM_FILE,
        script: requests(lines),
        restarts: &[(FROM_FILE, Promise::AsConfigured)],
        schedules: if long() { 200 } else { 30 },
    };
    let before = "SET a 1; RPUSH l a; SAVE; SET b 1; ";
    let runs = [
        run(
            "rewritten at once",
            &format!(
                "{before}CONFIG SET appendonly yes; CONFIG REWRITE; SET c 1; @3; SET d 1; @9; SET e 1; @9"
            ),
        ),
        run(
            "rewritten in the middle",
            &format!(
                "{before}CONFIG SET appendonly yes; @3; SET c 1; @2; CONFIG REWRITE; SET d 1; @9; SET e 1; @9"
            ),
        ),
        run(
            "rewritten afterwards",
            &format!(
                "{before}CONFIG SET appendonly yes; @20; SET c 1; CONFIG REWRITE; SET d 1; @9; BGREWRITEAOF; SET e 1; @9"
            ),
        ),
        run(
            "and switched off again",
            &format!(
                "{before}CONFIG SET appendonly yes; CONFIG REWRITE; SET c 1; @20; SET d 1; SAVE; CONFIG SET appendonly no; CONFIG REWRITE; SET e 1; SAVE; SET f 1"
            ),
        ),
    ];
    prove(
        24,
        "the same with CONFIG REWRITE, restarted as the file says",
        "P, A, F, O, I",
        &runs,
        |run| {
            let mut checker = Checker::new(run.name, run.restarts);
            for schedule in 0..run.schedules {
                let mut disk = SimDisk::new(None);
                disk.write_file(CONFIG_PATH, CONFIG.as_bytes())
                    .expect("the disk is empty");
                let machine = Machine::new(disk, schedule);
                let driver = Driver::start_on(run.config, machine, 1, START_US, true);
                crash_at_every_point(run, driver, &mut checker);
            }
            checker.findings
        },
    );
}

/// Plays a script and crashes it at each of its points, in each way.
fn crash_at_every_point(run: &Run, mut driver: Driver, checker: &mut Checker<'_>) {
    for item in &run.script {
        driver.play(item);
        checker.hear(&mut driver);
        for (number, point) in driver.take_points().into_iter().enumerate() {
            let seed = Survival::Seeded(point.disk.op_count());
            let losses = [Survival::None, Survival::All, seed].map(Crash::Power);
            for crash in losses.into_iter().chain([Crash::Kill]) {
                checker.check(&driver.history, &point, crash, number % 7 == 0);
            }
        }
        if driver.exited.is_some() {
            break;
        }
    }
}

#[test]
fn case_25_switched_on_by_editing_the_file() {
    prove(
        25,
        "appendonly yes in the file, and only an RDB file on the disk, after a crash at every operation of its saves",
        "P, F: the data of the RDB file; I; what is written then outlives the next crash",
        &runs::saves(251, &[(ALWAYS, Promise::Save)]),
        |run| crash_everywhere(run, everywhere()),
    );
}

#[test]
fn case_25_crashes_while_the_log_is_built() {
    let plan = Plan {
        again_every: if long() { 3 } else { 41 },
        ..everywhere()
    };
    prove(
        25,
        "a crash at every operation of the start that builds the log from the RDB file",
        "P, F: the data of the RDB file, by the next start too",
        &runs::saves(252, &[(ALWAYS, Promise::Save)]),
        |run| crash_everywhere(run, plan),
    );
}

#[test]
fn case_25_the_snapshot_is_left_alone() {
    let mut proof = Proof::of(
        25,
        "appendonly yes in the file, then writes and a rewrite, then appendonly no again",
        "dump.rdb is what it was, to the byte",
    );
    for seed in 0..if long() { 100 } else { 10 } {
        let mut driver = Driver::start(RDB, SimDisk::new(None), 1, seed, false);
        for item in workload(seed, 60, &[(40, "SAVE"), (60, "SAVE; SHUTDOWN")]) {
            driver.play(&item);
        }
        let mut disk = driver.machine.tape.disk.clone();
        disk.kill();
        let snapshot = disk.read("dump.rdb").expect("it was saved");
        let mut with_log = Driver::start(ALWAYS, disk, 2, seed, false);
        for item in requests("SET a 1; BGREWRITEAOF; @30; SET b 1") {
            with_log.play(&item);
        }
        let mut disk = with_log.machine.tape.disk.clone();
        disk.kill();
        proof.case();
        if disk.read("dump.rdb").ok().as_ref() != Some(&snapshot) {
            proof.violation(format!("seed {seed}: dump.rdb has changed"));
        }
        let again = Driver::start(RDB, disk, 3, seed, false);
        if again.history[0] != with_log.history[0] {
            proof.violation(format!(
                "seed {seed}: dump.rdb holds other data than were loaded"
            ));
        }
    }
    proof.finish();
}

/// Rewrites that fail leave several files, which the one that succeeds replaces all at once.
fn many_replaced() -> Run {
    let failing = "BGREWRITEAOF; @2; SET a 1; !; INCR c; ";
    let lines = format!(
        "SET k 1; {failing}{failing}{failing}BGREWRITEAOF; @30; INCR c; @9; {failing}BGREWRITEAOF; INCR c; @40; INCR c"
    );
    Run {
        name: "many files replaced",
        config: ALWAYS,
        script: requests(&lines),
        restarts: &[(ALWAYS, Promise::Log)],
        schedules: if long() { 60 } else { 10 },
    }
}

#[test]
fn case_26_removing_replaced_files_is_interrupted() {
    let runs = [many_replaced()];
    prove(
        26,
        "a crash before each unlink of files that a rewrite has replaced, and at all else",
        "P, A, F, O, I: after the next start none of them is there or listed",
        &runs,
        |run| {
            let plan = Plan {
                thorough_every: 1,
                ..everywhere()
            };
            crash_everywhere(run, plan)
        },
    );
    prove(
        26,
        "the same, and another crash at every operation of the recovery",
        "P, A, F, O",
        &runs,
        |run| {
            let plan = Plan {
                again_every: if long() { 5 } else { 61 },
                ..everywhere()
            };
            crash_everywhere(run, plan)
        },
    );
}

#[test]
fn case_26_an_unlink_fails() {
    prove(
        26,
        "each unlink of replaced files fails, once and for a while",
        "P, A, F, O: what could not be removed stays listed as replaced, and is removed by the next start",
        &[many_replaced()],
        |run| {
            let mut findings = Findings::default();
            for after in 0..14 {
                for times in [1, 3, 100] {
                    findings.counts.cases += 1;
                    if let Err(fault) = fail_to_unlink(run, after, times) {
                        findings
                            .violations
                            .push(format!("unlink {after} ×{times}: {fault}"));
                    }
                }
            }
            findings
        },
    );
}

/// Runs with failing unlinks; then a start without them must clear everything away.
fn fail_to_unlink(run: &Run, after: u64, times: u64) -> Result<(), String> {
    let mut disk = SimDisk::new(None);
    let fault = Fault::always(Op::Unlink, Errno::Io).on("appendonlydir/*");
    disk.add_fault(fault.after(after).times(times));
    let mut driver = Driver::start(run.config, disk, 1, after, false);
    for item in &run.script {
        driver.play(item);
        crate::faults::sound_files(&driver.machine.tape.disk)?;
    }
    driver.finish_jobs();
    let mut disk = driver.machine.tape.disk.clone();
    disk.kill();
    disk.clear_faults();
    let mut again = Driver::start(run.config, disk, 2, 1, false);
    if again.exited.is_some() || again.history.first() != driver.history.last() {
        return Err(format!("other data: {:?}", again.log.last()));
    }
    again.finish_jobs();
    let disk = &again.machine.tape.disk;
    let text = disk.read("appendonlydir/appendonly.aof.manifest");
    let manifest = lastsave_aof::Manifest::parse(&text.expect("the log is on"));
    let manifest = manifest.map_err(|error| format!("{error:?}"))?;
    if !manifest.history.is_empty() {
        return Err(format!("still listed: {:?}", manifest.history_names()));
    }
    for file in disk.files() {
        let name = file.path.rsplit('/').next().expect("a path has a name");
        let known = name.ends_with(".manifest")
            || manifest.files().any(|info| info.name == name)
            || !file.path.contains('/');
        if !known {
            return Err(format!("{} stays", file.path));
        }
    }
    Ok(())
}

/// A single file of Redis before 7.0, as commands or behind a snapshot, and the digest of its data.
fn old_file(preamble: bool) -> (Vec<u8>, u64) {
    let config = match preamble {
        true => "appendonly yes\nappendfsync no\nsave \"\"\n",
        false => "appendonly yes\nappendfsync no\nsave \"\"\naof-use-rdb-preamble no\n",
    };
    let mut driver = Driver::start(config, SimDisk::new(None), 1, 1, false);
    for item in workload(271, 60, &[(30, "BGREWRITEAOF; @40")]) {
        driver.play(&item);
    }
    driver.finish_jobs();
    let disk = &driver.machine.tape.disk;
    let text = disk.read("appendonlydir/appendonly.aof.manifest");
    let manifest = lastsave_aof::Manifest::parse(&text.expect("the log is on"));
    let names = manifest.expect("it is whole");
    let mut bytes = Vec::new();
    for info in names.files() {
        let path = format!("appendonlydir/{}", info.name);
        bytes.extend_from_slice(&disk.read(&path).expect("it is listed"));
    }
    (bytes, driver.engine.keyspace().digest())
}

/// A disk with an old file, and an RDB file that is to be passed over.
fn disk_to_upgrade(bytes: &[u8]) -> SimDisk {
    let mut other = Driver::start(RDB, SimDisk::new(None), 1, 1, false);
    for item in requests("SET other 1; SAVE") {
        other.play(&item);
    }
    let mut disk = other.machine.tape.disk.clone();
    disk.kill();
    disk.power_loss(Survival::All);
    disk.write_file("appendonly.aof", bytes)
        .expect("there is space");
    disk
}

#[test]
fn case_27_the_upgrade_is_interrupted() {
    let mut proof = Proof::of(
        27,
        "the upgrade of an old single file, with and without a preamble: a crash at each operation, and again during the next start",
        "P, F: all of its data, every time; I",
    );
    for preamble in [true, false] {
        let (bytes, digest) = old_file(preamble);
        let mut first = Driver::start(ALWAYS, disk_to_upgrade(&bytes), 1, 1, true);
        first.finish_jobs();
        first.machine.tape.point_now();
        for point in first.take_points() {
            for disk in left_by_crashes(&point.disk) {
                let mut second = Driver::start(ALWAYS, disk, 2, 1, true);
                demand(&mut proof, &second, digest, &format!("{:?}", point.moment));
                second.finish_jobs();
                second.play(&request("SET probe 1"));
                second.finish_jobs();
                let written = second.engine.keyspace().digest();
                let mut disk = second.machine.tape.disk.clone();
                for point in second.take_points() {
                    for disk in left_by_crashes(&point.disk) {
                        let third = Driver::start(ALWAYS, disk, 3, 1, false);
                        let what = format!("then {:?}", point.moment);
                        if third.history[0] != written {
                            demand(&mut proof, &third, digest, &what);
                        }
                    }
                }
                disk.kill();
                let last = Driver::start(ALWAYS, disk, 4, 1, false);
                demand(&mut proof, &last, written, "after a write");
            }
        }
    }
    proof.finish();
}

#[test]
fn case_27_a_call_of_the_upgrade_fails() {
    let mut proof = Proof::of(
        27,
        "each call of the start that upgrades an old single file fails, once and for good",
        "P, F: the start refuses or succeeds; the next one has all data",
    );
    for preamble in [true, false] {
        let (bytes, digest) = old_file(preamble);
        for op in [
            Op::Open,
            Op::CreateDir,
            Op::Write,
            Op::Sync,
            Op::Rename,
            Op::SyncDir,
            Op::Read,
            Op::Len,
            Op::List,
        ] {
            for after in 0..30 {
                for fault in [Fault::once(op, Errno::Io), Fault::always(op, Errno::Io)] {
                    let mut disk = disk_to_upgrade(&bytes);
                    disk.add_fault(fault.after(after));
                    let first = Driver::start(ALWAYS, disk, 1, 1, false);
                    let what = format!("{op:?} after {after}, preamble: {preamble}");
                    if first.exited.is_none() {
                        demand(&mut proof, &first, digest, &what);
                    }
                    let mut disk = first.machine.tape.disk.clone();
                    disk.clear_faults();
                    for disk in left_by_crashes(&disk) {
                        let again = Driver::start(ALWAYS, disk, 2, 1, false);
                        demand(&mut proof, &again, digest, &format!("{what}, again"));
                    }
                }
            }
        }
    }
    proof.finish();
}

fn left_by_crashes(disk: &SimDisk) -> Vec<SimDisk> {
    [
        Crash::Kill,
        Crash::Power(Survival::None),
        Crash::Power(Survival::All),
        Crash::Power(Survival::Seeded(disk.op_count())),
    ]
    .into_iter()
    .map(|crash| {
        let mut disk = disk.clone();
        crash.apply(&mut disk);
        disk
    })
    .collect()
}

/// A start must have brought these data.
fn demand(proof: &mut Proof, driver: &Driver, digest: u64, what: &str) {
    proof.case();
    if driver.exited.is_some() || driver.history[0] != digest {
        let why = driver.log.last().cloned().unwrap_or_default();
        proof.violation(format!("{what}: {why}"));
    }
}

#[test]
fn case_24_switching_on_fails_at_every_call() {
    let mut proof = Proof::of(
        24,
        "each call fails while the log is switched on; then nothing fails any more",
        "it comes on by itself, or says that it did not; what is acknowledged afterwards outlives a power loss",
    );
    for op in [
        Op::Open,
        Op::CreateDir,
        Op::Write,
        Op::Sync,
        Op::Rename,
        Op::SyncDir,
        Op::Truncate,
        Op::Read,
        Op::Len,
    ] {
        for after in 0..12 {
            for times in [1, 2, 5] {
                let config = "appendonly no\nappendfsync always\nsave \"\"\n";
                let mut driver = Driver::start(config, SimDisk::new(None), 1, after, false);
                driver.play(&request("SET a 1"));
                driver.catch_up();
                let fault = Fault::always(op, Errno::Io).after(after).times(times);
                driver.machine.tape.disk.add_fault(fault);
                let reply = driver.ask("CONFIG SET appendonly yes");
                driver.machine.tape.failed = false;
                for _ in 0..4 {
                    driver.play(&Item::Advance(1_000_000));
                    driver.finish_jobs();
                }
                driver.machine.tape.disk.clear_faults();
                // From the third failure on it waits for a minute, and for two, and for four.
                for _ in 0..20 {
                    driver.play(&Item::Advance(30_000_000));
                    driver.finish_jobs();
                }
                proof.case();
                let what = format!("{op:?} after {after} ×{times}");
                if driver.exited.is_some() {
                    proof.violation(format!("{what}: stops: {:?}", driver.log.last()));
                    continue;
                }
                if reply != b"+OK\r\n" {
                    proof.refused();
                    continue;
                }
                let accepted = driver.ask("SET b 1") == b"+OK\r\n";
                let mut disk = driver.machine.tape.disk.clone();
                disk.power_loss(Survival::None);
                let again = Driver::start(ALWAYS, disk, 2, 1, false);
                if !accepted || again.history.first() != driver.history.last() {
                    let log = driver.log.iter().rev().take(6).collect::<Vec<_>>();
                    proof.violation(format!("{what}: accepted {accepted}; {log:#?}"));
                }
            }
        }
    }
    proof.finish();
}
