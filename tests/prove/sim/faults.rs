//! Cases 13 to 17: calls that fail, at every step of a run.

use std::ops::Range;

use lastsave_aof::{Entry, Manifest, Names, Reader};
use lastsave_tests::proof::long;
use lastsave_vfs::{Errno, Fault, Op, SimDisk, Survival};

use crate::check::{Checker, Crash, Findings, Promise};
use crate::driver::{Driver, START_US};
use crate::machine::Machine;
use crate::prove;
use crate::runs::{ALWAYS, EVERYSEC, NO, RDB, Run};
use crate::script::{Item, request, requests, workload};

/// How many crashes are tried right behind a failure, at the operations that follow it.
const POINTS_AFTER_FAILURE: usize = 5;

/// So many steps of the script after the first failure there is space, or the device works, again.
const STEPS_UNTIL_REPAIR: usize = 9;

/// A save that fails must not stop writes: that is case 22.
const EVERYSEC_ON: &str =
    "appendonly yes\nappendfsync everysec\nsave 6 10\nstop-writes-on-bgsave-error no\n";
const RDB_ON: &str = "appendonly no\nsave 3 10\nstop-writes-on-bgsave-error no\n";
const SWITCHED_ON: &str =
    "appendonly no\nappendfsync always\nsave 3 10\nstop-writes-on-bgsave-error no\n";

/// Short runs over every policy, with background jobs, in which a failure is to be put everywhere.
fn runs(seed: u64) -> Vec<Run> {
    let special = [
        (6, "BGREWRITEAOF; @2"),
        (14, "BGSAVE"),
        (22, "BGREWRITEAOF; @9"),
        (30, "FLUSHALL; SET k1 a"),
        (36, "SAVE"),
    ];
    let run = |name, config, restarts| Run {
        name,
        config,
        script: workload(seed, 45, &special),
        restarts,
        schedules: 1,
    };
    vec![
        run("always", ALWAYS, &[(ALWAYS, Promise::Log)]),
        run("everysec", EVERYSEC_ON, &[(EVERYSEC, Promise::Log)]),
        run("no", NO, &[(NO, Promise::Log)]),
    ]
}

/// Runs without a log, and such as switch it on and off.
fn other_runs(seed: u64) -> Vec<Run> {
    let saves = [
        (6, "BGSAVE; @2"),
        (14, "SAVE"),
        (22, "BGSAVE; @9"),
        (30, "FLUSHALL; SET k1 a"),
        (40, "BGREWRITEAOF; @9"),
    ];
    let switches = [
        (6, "BGSAVE; @2; CONFIG SET appendonly yes; @9; SET k1 a; @9"),
        (20, "@20"),
    ];
    vec![
        Run {
            name: "rdb",
            config: RDB_ON,
            script: workload(seed, 45, &saves),
            restarts: &[(RDB, Promise::Save)],
            schedules: 1,
        },
        Run {
            name: "switched",
            config: SWITCHED_ON,
            script: workload(seed, 45, &switches),
            restarts: &[(ALWAYS, Promise::Log)],
            schedules: 1,
        },
    ]
}

/// Failures to try, one after the other, in runs of their own.
struct Sweep<'a> {
    run: &'a Run,
    checker: Checker<'a>,
}

impl<'a> Sweep<'a> {
    fn new(run: &'a Run) -> Self {
        Self {
            run,
            checker: Checker::new(run.name, run.restarts),
        }
    }

    /// The sizes of the writes of a run in which nothing fails.
    fn write_lens(&self, seed: u64) -> Vec<usize> {
        let mut driver = Driver::start(self.run.config, SimDisk::new(None), 1, seed, true);
        for item in &self.run.script {
            driver.play(item);
            driver.take_points();
        }
        std::mem::take(&mut driver.machine.tape.write_lens)
    }

    /// Makes the call fail that follows so many of its kind, for each number until there is no such call any more.
    fn every_call(&mut self, op: Op, errno: Errno, step: u64) {
        for after in (0..).step_by(step as usize) {
            let once = Fault::once(op, errno).after(after);
            let struck = self.fail(std::slice::from_ref(&once), after);
            self.fail(
                &[Fault {
                    times: None,
                    ..once
                }],
                after,
            );
            if !struck {
                return;
            }
        }
    }

    /// Runs the script with these faults, which are taken away some steps after the first failure, and crashes it at the
    /// operations behind the failure, when they are gone, and at the end. Returns whether anything failed.
    fn fail(&mut self, faults: &[Fault], seed: u64) -> bool {
        let mut machine = Machine::new(SimDisk::new(None), seed);
        machine.tape.points_after_failure = POINTS_AFTER_FAILURE;
        for fault in faults {
            machine.tape.disk.add_fault(fault.clone());
        }
        let mut driver = Driver::start_on(self.run.config, machine, 1, START_US, false);
        self.checker.context = shown(faults);
        let mut steps_since = 0;
        for item in &self.run.script {
            if driver.exited.is_some() {
                break;
            }
            driver.play(item);
            self.look_at(&mut driver);
            steps_since += usize::from(driver.machine.tape.failed);
            if steps_since == 1 {
                self.crash(&driver);
            }
            if steps_since == STEPS_UNTIL_REPAIR {
                self.crash(&driver);
                driver.machine.tape.disk.clear_faults();
                driver.play(&Item::Advance(2_500_000));
            }
        }
        let failed = driver.machine.tape.failed;
        if driver.exited.is_some() {
            self.judge_exit(&driver);
            self.crash(&driver);
            return failed;
        }
        driver.machine.tape.disk.clear_faults();
        driver.play(&Item::Advance(2_500_000));
        driver.finish_jobs();
        driver.play(&Item::Advance(2_500_000));
        driver.finish_jobs();
        let refused = driver.refused;
        driver.play(&request("SET probe 1"));
        driver.finish_jobs();
        if driver.refused > refused {
            let reply = driver.ask("SET probe 2");
            let reply = String::from_utf8_lossy(&reply).into_owned();
            let log = driver.log.iter().rev().take(8).collect::<Vec<_>>();
            let text = format!("F still refuses writes: {reply:?} {log:#?}");
            self.complain(&text);
        }
        let with_log = self.run.restarts[0].1 == Promise::Log;
        self.checker.check_now(&driver, Crash::Kill, with_log);
        self.crash(&driver);
        failed
    }

    fn complain(&mut self, text: &str) {
        let text = format!("{} {}: {text}", self.run.name, self.checker.context);
        self.checker.violation(text);
    }

    /// Crashes as it stands, in each way.
    fn crash(&mut self, driver: &Driver) {
        for crash in [
            Crash::Kill,
            Crash::Power(Survival::None),
            Crash::Power(Survival::All),
        ] {
            self.checker.check_now(driver, crash, false);
        }
    }

    /// What must hold at every moment, and the crashes right behind a failure.
    fn look_at(&mut self, driver: &mut Driver) {
        self.checker.hear(driver);
        if let Err(fault) = sound_files(&driver.machine.tape.disk) {
            self.complain(&format!("O {fault}"));
        }
        for point in driver.take_points() {
            let seed = Survival::Seeded(point.disk.op_count());
            for crash in [
                Crash::Kill,
                Crash::Power(Survival::None),
                Crash::Power(seed),
            ] {
                self.checker.check(&driver.history, &point, crash, false);
            }
        }
    }

    /// The server may stop only where Redis does: while it starts, and where `always` cannot be kept.
    fn judge_exit(&mut self, driver: &Driver) {
        let words = driver.log.last().map_or("", |line| line);
        let while_starting = driver.history.len() == 1;
        let as_redis_does = words.contains("'always'") && words.ends_with("Exiting...");
        if driver.exited != Some(1) || !while_starting && !as_redis_does {
            self.complain(&format!("O stops: {words}"));
        }
    }
}

/// Whether the manifest names only files that are there, and only the last of them ends within a command.
pub(crate) fn sound_files(disk: &SimDisk) -> Result<(), String> {
    let names = Names {
        dir: "appendonlydir".into(),
        file: "appendonly.aof".into(),
    };
    let Ok(text) = disk.read(&names.path(&names.manifest())) else {
        return Ok(());
    };
    let manifest = Manifest::parse(&text).map_err(|error| format!("{error:?}"))?;
    let mut torn: Option<String> = None;
    for info in manifest.base.iter().chain(&manifest.incrs) {
        let path = names.path(&info.name);
        let bytes = disk
            .read(&path)
            .map_err(|_| format!("the manifest names {path}, which is missing"))?;
        if bytes.is_empty() || bytes.starts_with(b"REDIS") {
            continue;
        }
        if let Some(torn) = torn {
            return Err(format!("{torn} ends within a command, and {path} follows"));
        }
        torn = (!ends_whole(&bytes)).then_some(path);
    }
    Ok(())
}

/// Whether commands end with a whole one, outside any transaction.
fn ends_whole(bytes: &[u8]) -> bool {
    let mut reader = Reader::new(Vec::new(), bytes, 0);
    let mut in_multi = false;
    loop {
        match reader.next_entry() {
            Ok(Some(Entry::Command(args))) => {
                in_multi = match &args[0] {
                    b"MULTI" => true,
                    b"EXEC" => false,
                    _ => in_multi,
                }
            }
            Ok(Some(Entry::Annotation(_))) => {}
            Ok(None) => return !in_multi,
            Err(_) => return false,
        }
    }
}

/// Faults in short.
fn shown(faults: &[Fault]) -> String {
    let one = |fault: &Fault| {
        let Fault {
            op, after, accept, ..
        } = fault;
        let times = if fault.times.is_some() {
            "once"
        } else {
            "ever"
        };
        format!("{op:?} {times} after {after} +{accept}")
    };
    format!("{:?}", faults.iter().map(one).collect::<Vec<_>>())
}

/// Which calls of a run are tried: every one in long runs.
fn step(short: u64) -> u64 {
    if long() { 1 } else { short }
}

/// A full disk at each of a run's writes, taking nothing, one byte, or all but one.
fn fill(run: &Run, writes: Range<usize>) -> Findings {
    let mut sweep = Sweep::new(run);
    let writes = writes.step_by(step(2) as usize);
    for after in writes {
        let seed = after as u64;
        let Some(&len) = sweep.write_lens(seed).get(after) else {
            break;
        };
        let mut accepted = vec![0, 1, len - 1];
        accepted.dedup();
        for accepting in accepted.into_iter().filter(|bytes| *bytes < len) {
            let full = Fault::always(Op::Write, Errno::NoSpace)
                .after(seed)
                .accepting(accepting);
            sweep.fail(&[full.clone().times(1)], seed);
            sweep.fail(&[full], seed);
        }
    }
    sweep.checker.findings
}

#[test]
fn case_13_a_full_disk_at_every_write() {
    let mut runs = runs(131);
    runs.extend(other_runs(132));
    prove(
        13,
        "no space at every write, after 0, 1 or all but one of its bytes, once and for a while; then there is space again",
        "P, A, F, O; afterwards all that was executed is in the file",
        &runs,
        |run| fill(run, 0..400),
    );
}

#[test]
fn case_14_a_full_disk_around_a_rewrite() {
    // Each of these shows if it is applied twice or not at all.
    let lines = "RPUSH l 0; INCR c; APPEND t 0; BGREWRITEAOF; RPUSH l 1; INCR c; @1; RPUSH l 2; @2; APPEND t 1; @3; INCR c; RPUSH l 3; @4; MULTI; INCR c; RPUSH l 4; EXEC; @9; APPEND t 2; BGREWRITEAOF; INCR c; @30; RPUSH l 5; INCR c; RPUSH l 6; INCR c; APPEND t 3; RPUSH l 7";
    let run = |name, config, restarts| Run {
        name,
        config,
        script: requests(lines),
        restarts,
        schedules: 1,
    };
    let runs = [
        run("always", ALWAYS, &[(ALWAYS, Promise::Log)]),
        run("everysec", EVERYSEC_ON, &[(EVERYSEC, Promise::Log)]),
        run("no", NO, &[(NO, Promise::Log)]),
    ];
    prove(
        14,
        "no space at every write around two rewrites",
        "P, A, F: nothing is applied twice; no command is split across files",
        &runs,
        |run| fill(run, 0..100),
    );
}

#[test]
fn case_15_cutting_back_a_short_write_fails_too() {
    let mut runs = runs(151);
    runs.extend(other_runs(152));
    prove(
        15,
        "a short write at every write, and the truncation behind it fails, once and for a while",
        "P, A, F, O; afterwards all that was executed is in the file",
        &runs,
        |run| {
            let mut sweep = Sweep::new(run);
            for after in (0..400).step_by(step(2) as usize) {
                let Some(&len) = sweep.write_lens(after).get(after as usize) else {
                    break;
                };
                for accepting in [1, len / 2, len - 1] {
                    for times in [Some(1), None] {
                        let full = Fault::always(Op::Write, Errno::NoSpace)
                            .after(after)
                            .accepting(accepting);
                        let uncut = Fault::always(Op::Truncate, Errno::Io);
                        let faults = [Fault { times, ..full }, Fault { times, ..uncut }];
                        sweep.fail(&faults, after);
                    }
                }
            }
            sweep.checker.findings
        },
    );
}

#[test]
fn case_16_every_sync_fails() {
    let mut runs = runs(161);
    runs.extend(other_runs(162));
    prove(
        16,
        "an error at every sync of a file or a directory, once and for a while; its pages are dropped, and clean",
        "P, A, F, O: a later sync that succeeds proves nothing about what the failed one was for",
        &runs,
        |run| {
            let mut sweep = Sweep::new(run);
            sweep.every_call(Op::Sync, Errno::Io, step(1));
            sweep.every_call(Op::SyncDir, Errno::Io, step(1));
            sweep.checker.findings
        },
    );
}

#[test]
fn case_17_every_call_about_names_fails() {
    let mut runs = runs(171);
    runs.extend(other_runs(172));
    prove(
        17,
        "an error at every rename, unlink, mkdir, directory sync and open, once and for a while",
        "P, A, F, O: no manifest names a missing file; the server goes on, or stops as Redis does; the files open afterwards",
        &runs,
        |run| {
            let mut sweep = Sweep::new(run);
            for op in [Op::Rename, Op::Unlink, Op::CreateDir, Op::SyncDir, Op::Open] {
                sweep.every_call(op, Errno::Io, step(1));
            }
            sweep.checker.findings
        },
    );
}
