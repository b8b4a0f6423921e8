//! Cases 22 and 23: background jobs that fail or are killed, and the file that a save leaves.

use lastsave_tests::proof::{Proof, long};
use lastsave_vfs::{Errno, Fault, Op, SimDisk};

use crate::check::{Crash, Promise, files};
use crate::crashes::{PLAN, Plan, crash_everywhere};
use crate::driver::Driver;
use crate::prove;
use crate::runs::{self, ALWAYS, RDB};
use crate::script::{Item, request, requests};

const SAVES: &str = "appendonly no\nsave 3600 1000\n";

/// Values of all types, in two databases.
const DATA: &str = "SET a 1; RPUSH l a b c; SADD s 1 2; HSET h f v; ZADD z 1 m; XADD x * f v; SELECT 1; SET b 2; SELECT 0";

/// A background job that is about to fail.
struct Patient<'a> {
    driver: Driver,
    is_save: bool,
    what: String,
    proof: &'a mut Proof,
}

impl<'a> Patient<'a> {
    fn new(is_save: bool, what: String, proof: &'a mut Proof) -> Self {
        let config = if is_save { SAVES } else { ALWAYS };
        let mut driver = Driver::start(config, SimDisk::new(None), 1, 3, false);
        driver.machine.concurrent = false;
        for item in requests(DATA) {
            driver.play(&item);
        }
        driver.play(&request(if is_save { "SAVE" } else { "SET a 2" }));
        driver.play(&request("SET a 3"));
        driver.finish_jobs();
        proof.case();
        Self {
            driver,
            is_save,
            what,
            proof,
        }
    }

    fn start_job(&mut self) {
        self.driver.play(&request(self.command()));
    }

    fn command(&self) -> &'static str {
        if self.is_save {
            "BGSAVE"
        } else {
            "BGREWRITEAOF"
        }
    }

    fn demand(&mut self, holds: bool, what: &str) {
        if !holds {
            let log = self.driver.log.iter().rev().take(4).collect::<Vec<_>>();
            self.proof
                .violation(format!("{}: {what}; {log:?}", self.what));
        }
    }

    fn demand_info(&mut self, field: &str, expected: &str) {
        let found = self.driver.info(field);
        self.demand(found == expected, &format!("{field} is {found}"));
    }

    /// The job has failed: what must be so, until it succeeds.
    fn examine(&mut self, before: &SimDisk) {
        self.driver.catch_up();
        let (running, status) = if self.is_save {
            ("rdb_bgsave_in_progress", "rdb_last_bgsave_status")
        } else {
            ("aof_rewrite_in_progress", "aof_last_bgrewrite_status")
        };
        self.demand_info(running, "0");
        self.demand_info(status, "err");
        let left = files(&self.driver.machine.tape.disk);
        let temporary = left.keys().any(|path| path.contains("temp-"));
        self.demand(!temporary, "a temporary file stays");
        let unchanged = left.get("dump.rdb") == files(before).get("dump.rdb");
        self.demand(unchanged, "dump.rdb has changed");

        // A failed save stops writes, and PING with them; a failed rewrite does not.
        for line in ["SET a 4", "PING"] {
            let refused = self
                .driver
                .ask(line)
                .starts_with(b"-MISCONF Redis is configured to save RDB");
            self.demand(
                refused == self.is_save,
                &format!("{line} is answered wrongly"),
            );
        }
        if self.is_save {
            self.driver.ask("CONFIG SET stop-writes-on-bgsave-error no");
            let lifted = self.driver.ask("SET a 4") == b"+OK\r\n";
            self.demand(
                lifted,
                "stop-writes-on-bgsave-error no does not lift MISCONF",
            );
            self.driver
                .ask("CONFIG SET stop-writes-on-bgsave-error yes");
            self.driver.ask("CONFIG SET save ");
            let lifted = self.driver.ask("SET a 5") == b"+OK\r\n";
            self.demand(lifted, "CONFIG SET save \"\" does not lift MISCONF");
        }
        self.demand_restart();

        self.driver.machine.tape.disk.clear_faults();
        self.driver.no_memory = false;
        let command = self.command();
        let reply = self.driver.ask(command);
        self.demand(
            reply.starts_with(b"+Background"),
            "the next try does not start",
        );
        self.driver.finish_jobs();
        self.demand_info(status, "ok");
        let accepted = self.driver.ask("SET a 6") == b"+OK\r\n";
        self.demand(accepted, "writes are refused after a success");
        self.demand_restart();
    }

    /// A killed process comes back with what it had.
    fn demand_restart(&mut self) {
        let mut disk = self.driver.machine.tape.disk.clone();
        Crash::Kill.apply(&mut disk);
        disk.clear_faults();
        let config = if self.is_save { SAVES } else { ALWAYS };
        let again = Driver::start(config, disk, 2, 1, false);
        let floor = match self.is_save {
            true => self.driver.marks().saved,
            false => self.driver.marks().acked,
        };
        let found =
            again.exited.is_none() && self.driver.history[floor..].contains(&again.history[0]);
        self.demand(found, "a restart brings back other data");
    }
}

#[test]
fn case_22_a_job_is_killed_at_every_step() {
    let mut proof = Proof::of(
        22,
        "a background save or rewrite killed by a signal at each of its steps",
        "status, MISCONF, no temporary file, dump.rdb as it was; the next try succeeds and lifts it all",
    );
    for is_save in [true, false] {
        for steps in 0.. {
            let what = format!("killed after {steps} steps, save: {is_save}");
            let mut patient = Patient::new(is_save, what, &mut proof);
            patient.start_job();
            let before = patient.driver.machine.tape.disk.clone();
            patient.driver.play(&Item::Jobs(steps));
            if !patient.driver.machine.kill_snapshot() {
                break;
            }
            let renamed = files(&before).get("dump.rdb")
                != files(&patient.driver.machine.tape.disk).get("dump.rdb");
            if renamed {
                // Killed between its rename and the sync of the directory, its file stands.
                continue;
            }
            patient.examine(&before);
        }
    }
    proof.finish();
}

#[test]
fn case_22_a_job_fails_at_every_call() {
    let mut proof = Proof::of(
        22,
        "every call of a background save or rewrite fails; there is no memory to start it",
        "status, MISCONF, no temporary file, dump.rdb as it was; the next try succeeds and lifts it all",
    );
    for is_save in [true, false] {
        for op in [Op::Open, Op::Write, Op::Sync, Op::Rename] {
            for errno in [Errno::NoSpace, Errno::Io] {
                for accepting in [0, 1, 50] {
                    let what = format!("{op:?} fails, save: {is_save}");
                    let mut patient = Patient::new(is_save, what, &mut proof);
                    let fault = Fault::once(op, errno).on("temp-*").accepting(accepting);
                    let before = patient.driver.machine.tape.disk.clone();
                    patient.driver.machine.tape.disk.add_fault(fault);
                    patient.start_job();
                    patient.driver.finish_jobs();
                    patient.examine(&before);
                }
            }
        }
        let mut patient = Patient::new(is_save, format!("no memory, save: {is_save}"), &mut proof);
        let before = patient.driver.machine.tape.disk.clone();
        patient.driver.no_memory = true;
        patient.start_job();
        patient.examine(&before);
    }
    proof.finish();
}

#[test]
fn case_22_a_save_is_tried_again_after_five_seconds() {
    let mut proof = Proof::of(
        22,
        "automatic saves that go on failing, and then succeed",
        "a try every 6 s, and not before 5 s are over; the first success lifts MISCONF",
    );
    for seed in 0..5 {
        let config = "appendonly no\nsave 1 1\n";
        let mut driver = Driver::start(config, SimDisk::new(None), 1, seed, false);
        let full = Fault::always(Op::Write, Errno::NoSpace).on("temp-*");
        driver.machine.tape.disk.add_fault(full);
        driver.play(&request("SET a 1"));
        let mut tries_ms = Vec::new();
        for tenth in 0..600_u64 {
            let seen = driver.log.len();
            driver.play(&Item::Advance(100_000));
            driver.finish_jobs();
            let started = |line: &&String| line.contains("Background saving started");
            tries_ms.extend(
                driver.log[seen..]
                    .iter()
                    .filter(started)
                    .map(|_| tenth * 100),
            );
        }
        proof.case();
        let pauses: Vec<u64> = tries_ms.windows(2).map(|pair| pair[1] - pair[0]).collect();
        if pauses.len() < 8 || pauses.iter().any(|pause| !(5_000..=6_200).contains(pause)) {
            proof.violation(format!("seed {seed}: tries at {tries_ms:?}"));
        }
        if !driver.ask("SET a 2").starts_with(b"-MISCONF") {
            proof.violation(format!("seed {seed}: a write is not refused"));
        }
        driver.machine.tape.disk.clear_faults();
        driver.play(&Item::Advance(6_500_000));
        driver.finish_jobs();
        if driver.ask("SET a 2") != b"+OK\r\n" {
            proof.violation(format!("seed {seed}: still refuses writes"));
        }
    }
    proof.finish();
}

#[test]
fn case_22_rewrites_that_fail_become_rare() {
    let mut proof = Proof::of(
        22,
        "automatic rewrites that go on failing for ten hours",
        "from the third failure on a pause of 1, 2, 4 … 60 minutes; one by hand starts at once",
    );
    let config = "appendonly yes\nappendfsync no\nsave \"\"\nhz 1\ndynamic-hz no\nauto-aof-rewrite-min-size 1\nauto-aof-rewrite-percentage 1\n";
    let mut driver = Driver::start(config, SimDisk::new(None), 1, 1, false);
    let full = Fault::always(Op::Open, Errno::NoSpace).on("temp-rewriteaof*");
    driver.machine.tape.disk.add_fault(full);
    driver.play(&request("SET a 1"));
    let mut tries_s = Vec::new();
    let mut seen = 0;
    let started = |line: &&String| line.contains("rewriting started by pid");
    for second in 0..36_000_u64 {
        driver.play(&Item::Advance(1_000_000));
        driver.finish_jobs();
        tries_s.extend(driver.log[seen..].iter().filter(started).map(|_| second));
        seen = driver.log.len();
    }
    proof.case();
    let pauses: Vec<u64> = tries_s.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let expected: Vec<u64> = [1, 2, 4, 8, 16, 32]
        .into_iter()
        .chain([60; 20])
        .map(|minutes: u64| minutes * 60)
        .collect();
    let rare: Vec<u64> = pauses
        .iter()
        .copied()
        .filter(|pause| *pause >= 30)
        .collect();
    let close = |(pause, expected): (&u64, &u64)| pause.abs_diff(*expected) <= 5;
    if rare.len() < 13 || pauses.len() - rare.len() > 3 || !rare.iter().zip(&expected).all(close) {
        let log = driver.log.iter().rev().take(6).collect::<Vec<_>>();
        proof.violation(format!("tries after {tries_s:?} s: {log:?}"));
    }
    proof.case();
    if !driver.ask("BGREWRITEAOF").starts_with(b"+Background") {
        proof.violation("by hand, it does not start");
    }
    proof.finish();
}

#[test]
fn case_23_the_file_is_wholly_old_or_new() {
    let plan = Plan {
        kill: true,
        power: true,
        seeds: if long() { 6 } else { 2 },
        ..PLAN
    };
    prove(
        23,
        "dump.rdb after a crash at every operation of saves, also such as were cut short",
        "P: it is the last completed save, or the one under way, and nothing in between",
        &runs::saves(231, &[(RDB, Promise::Save)]),
        |run| crash_everywhere(run, plan),
    );
}

#[test]
fn case_23_lastsave_and_the_count_of_changes_agree_with_the_disk() {
    let mut proof = Proof::of(
        23,
        "INFO's count of changes and LASTSAVE after every step of saves that succeed, fail or are killed",
        "the count is of what the file on the disk lacks; LASTSAVE is when that file was finished",
    );
    let lines = "SET a 1; SET b 1; BGSAVE; @1; SET a 2; @2; SET c 1; @9; SET d 1; BGSAVE; @2; !; SET d 2; SAVE; SET e 1; +3000; BGSAVE; SET e 2; @20; BGSAVE; @3; FLUSHALL; SET f 1; +2000; BGSAVE; !; BGSAVE; @30; SET g 1; SET g 2";
    for seed in 0..if long() { 200 } else { 20 } {
        let config = "appendonly no\nsave 3600 100000\nstop-writes-on-bgsave-error no\n";
        let mut driver = Driver::start(config, SimDisk::new(None), 1, seed, false);
        driver.machine.concurrent = seed % 2 == 0;
        let mut changes = vec![0_u64];
        let mut saved = 0;
        let mut saved_s = driver.now_us / 1_000_000;
        for item in requests(lines) {
            driver.play(&item);
            driver.catch_up();
            let counts = matches!(&item, Item::Request(words) if words[0] == b"SET");
            let so_far = changes.last().copied().unwrap_or_default() + u64::from(counts);
            changes.resize(driver.history.len(), so_far);
            if driver.marks().saved != saved {
                saved = driver.marks().saved;
                saved_s = driver.now_us / 1_000_000;
            }
            let lacking = so_far - changes[saved];
            let dirty = driver.info("rdb_changes_since_last_save");
            changes.resize(driver.history.len(), so_far);
            let last_save = driver.ask("LASTSAVE");
            changes.resize(driver.history.len(), so_far);
            proof.case();
            if dirty != lacking.to_string() {
                proof.violation(format!(
                    "seed {seed}, {item:?}: {dirty} changes, not {lacking}"
                ));
            }
            if last_save != format!(":{saved_s}\r\n").into_bytes() {
                let found = String::from_utf8_lossy(&last_save).into_owned();
                proof.violation(format!(
                    "seed {seed}, {item:?}: LASTSAVE {found}, not {saved_s}"
                ));
            }
        }
    }
    proof.finish();
}
