//! Cases 1 to 7: crashes at every operation on the disk.

use lastsave_tests::proof::long;
use lastsave_vfs::{SimDisk, Survival};

use crate::check::{Checker, Crash, Findings};
use crate::driver::Driver;
use crate::machine::Machine;
use crate::prove;
use crate::runs::{self, Run};

/// How a run is crashed at each of its points.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) kill: bool,
    pub(crate) power: bool,
    /// So many power losses at each point leave a part by lot.
    pub(crate) seeds: u64,
    /// One crash in so many is followed by recovering twice and by writing on; 0: none.
    pub(crate) thorough_every: u64,
    /// One crash in so many is followed by crashes during the recovery; 0: none.
    pub(crate) again_every: u64,
    /// How long syncs of the log take, in microseconds.
    pub(crate) sync_times_us: &'static [u64],
    /// A power loss may tear pages, and carry out names' operations in another order.
    pub(crate) wild: bool,
}

/// Nothing at all, to be filled in.
pub(crate) const PLAN: Plan = Plan {
    kill: false,
    power: false,
    seeds: 0,
    thorough_every: 0,
    again_every: 0,
    sync_times_us: &[],
    wild: false,
};

fn power() -> Plan {
    Plan {
        power: true,
        seeds: if long() { 6 } else { 1 },
        thorough_every: if long() { 3 } else { 23 },
        ..PLAN
    }
}

/// Runs a script, with its jobs in the way of the engine's own operations differently each time, and crashes it
/// everywhere.
pub(crate) fn crash_everywhere(run: &Run, plan: Plan) -> Findings {
    let mut checker = Checker::new(run.name, run.restarts);
    for schedule in 0..run.schedules * if long() { 3 } else { 1 } {
        crash_one_schedule(run, plan, schedule, &mut checker);
    }
    checker.findings
}

fn crash_one_schedule(run: &Run, plan: Plan, schedule: u64, checker: &mut Checker<'_>) {
    let mut disk = SimDisk::new(None);
    disk.set_tearing(plan.wild);
    disk.set_reordering(plan.wild);
    let mut machine = Machine::new(disk, schedule);
    machine.sync_times_us = plan.sync_times_us.to_vec();
    let mut driver = Driver::start_on(run.config, machine, 1, crate::driver::START_US, true);
    let mut number = 0;
    for item in &run.script {
        driver.play(item);
        if driver.exited.is_some() {
            driver.machine.tape.point_now();
        }
        checker.hear(&mut driver);
        for point in driver.take_points() {
            let mut crashes = Vec::new();
            if plan.kill {
                crashes.push(Crash::Kill);
            }
            if plan.power {
                crashes.push(Crash::Power(Survival::None));
                crashes.push(Crash::Power(Survival::All));
            }
            let seeds = (0..plan.seeds).map(|seed| Survival::Seeded(number + seed));
            crashes.extend(seeds.map(Crash::Power));
            for (index, &crash) in crashes.iter().enumerate() {
                let chosen =
                    |every: u64| every > 0 && (number + 5 * index as u64).is_multiple_of(every);
                // The first start makes what is never made again.
                let thorough =
                    plan.thorough_every > 0 && number < 30 || chosen(plan.thorough_every);
                if plan.again_every == 0 {
                    checker.check(&driver.history, &point, crash, thorough);
                } else if chosen(plan.again_every) {
                    checker.check_in_recovery(&driver.history, &point, crash, 2);
                }
            }
            number += 1;
        }
        if driver.exited.is_some() {
            break;
        }
    }
}

#[test]
fn case_01_power_loss_at_every_operation() {
    let mut runs = vec![runs::always(1), runs::everysec(2), runs::policies(5)];
    runs.extend(runs::saves(6, &[(runs::RDB, crate::check::Promise::Save)]));
    prove(
        1,
        "power loss before, in and after every operation: nothing, everything or a part by lot survives",
        "P, A, F, O, I",
        &runs,
        |run| crash_everywhere(run, power()),
    );
}

#[test]
fn case_01_other_forms_of_files() {
    prove(
        1,
        "the same with bases of commands, timestamps, automatic rewrites",
        "P, A, F, O, I",
        &runs::other_forms(11),
        |run| crash_everywhere(run, power()),
    );
}

#[test]
fn case_01_torn_pages_and_names_in_any_order() {
    let mut runs = vec![runs::always(21), runs::everysec(22), runs::no(23)];
    runs.extend(runs::saves(24, &[(runs::RDB, crate::check::Promise::Save)]));
    let plan = Plan {
        power: false,
        seeds: if long() { 12 } else { 2 },
        wild: true,
        ..power()
    };
    prove(
        1,
        "the same on a disk that tears pages into sectors and orders names as it likes",
        "P, A, F, O, I",
        &runs,
        |run| crash_everywhere(run, plan),
    );
}

#[test]
fn case_01_every_subset_in_small_runs() {
    prove(
        1,
        "power loss at every operation of small runs: every subset of unsynced pages, sizes and names",
        "P, A, F, O",
        &runs::small(),
        |run| exhaust(run, &[]),
    );
}

/// Cuts the power at every operation, in every way there is.
fn exhaust(run: &Run, sync_times_us: &[u64]) -> Findings {
    let mut checker = Checker::new(run.name, run.restarts);
    let limit = if long() { 4_000 } else { 250 };
    for schedule in 0..run.schedules {
        let mut machine = Machine::new(SimDisk::new(None), schedule);
        machine.sync_times_us = sync_times_us.to_vec();
        let start_us = crate::driver::START_US;
        let mut driver = Driver::start_on(run.config, machine, 1, start_us, true);
        for item in &run.script {
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
fn case_11_no_gap_between_two_files_of_the_log() {
    prove(
        11,
        "power loss at every operation of rewrites, with the sync of the file before under way for up to 30 s: every subset survives",
        "P: no command of a new file without all of the one before it",
        &runs::rotations(),
        |run| exhaust(run, &[0, 3_000_000, 30_000_000]),
    );
}

#[test]
fn case_02_crashes_during_recovery() {
    let mut runs = vec![
        runs::always(1),
        runs::everysec(2),
        runs::no(3),
        runs::lax(4),
        runs::policies(5),
    ];
    runs.extend(runs::saves(6, &[(runs::RDB, crate::check::Promise::Save)]));
    runs.extend(runs::other_forms(11));
    let plan = Plan {
        kill: true,
        again_every: if long() { 19 } else { 211 },
        ..power()
    };
    prove(
        2,
        "another crash at every operation of the recovery, and a third one during the next recovery",
        "P, A, F, O",
        &runs,
        |run| crash_everywhere(run, plan),
    );
}

#[test]
fn case_03_always_loses_nothing_acknowledged() {
    let plan = Plan {
        kill: true,
        ..power()
    };
    prove(
        3,
        "appendfsync always: transactions, batches, all types",
        "P, A; F: everything acknowledged",
        &[runs::always(31), runs::always(32)],
        |run| crash_everywhere(run, plan),
    );
}

#[test]
fn case_04_everysec_loses_what_followed_the_last_completed_sync() {
    // Up to half a minute, which a failing device may take.
    let plan = Plan {
        sync_times_us: &[0, 1_000, 400_000, 1_100_000, 2_500_000, 30_000_000],
        ..power()
    };
    prove(
        4,
        "appendfsync everysec, syncs take 0 to 30 s",
        "P, A; F: everything acknowledged before the last completed sync was submitted; none stays unsynced for longer than a second and two syncs",
        &[runs::everysec(41), runs::everysec(42)],
        |run| crash_everywhere(run, plan),
    );
}

#[test]
fn case_05_a_process_kill_loses_nothing_acknowledged() {
    let mut runs = vec![
        runs::always(51),
        runs::everysec(52),
        runs::no(53),
        runs::lax(54),
        runs::policies(55),
    ];
    runs.extend(runs::other_forms(56));
    let plan = Plan {
        kill: true,
        thorough_every: if long() { 3 } else { 23 },
        sync_times_us: &[0, 2_500_000],
        ..PLAN
    };
    prove(
        5,
        "process kill at every operation and inside writes, every policy, slow syncs",
        "P, A, O, I; F: everything acknowledged",
        &runs,
        |run| crash_everywhere(run, plan),
    );
}

#[test]
fn case_06_no_keeps_a_prefix() {
    prove(
        6,
        "appendfsync no: power loss at every operation",
        "P, A, O; F: the last rewrite",
        &[runs::no(61), runs::no(62)],
        |run| crash_everywhere(run, power()),
    );
}

#[test]
fn case_07_the_floor_drops_only_while_a_job_runs() {
    prove(
        7,
        "no-appendfsync-on-rewrite, under always and everysec",
        "P, A, O; F: the policy's floor of all that was acknowledged while no job ran",
        &[runs::lax(71), runs::lax_everysec(72)],
        |run| crash_everywhere(run, power()),
    );
}
