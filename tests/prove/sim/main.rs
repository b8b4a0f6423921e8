//! The fault cases of docs/reliability.md that are proved on the simulated disk. Runs of some hundred requests over all
//! types of values, with saves and rewrites, are crashed at every operation on the disk, by a process kill and by a power
//! loss, and hit by every kind of failing call; what a restart brings back is held against what was promised.
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
//! survive, is therefore not noticed. Such cases are counted, not hidden: only where the test finds, in the bytes
//! themselves, that no length of any word was hurt.
//!
//! That these oracles can fail is shown in `oracles.rs`.
//!
//! `LASTSAVE_LONG=1` tries many more ways to fail, at more points. `LASTSAVE_ONLY` names one run to do alone.

mod check;
mod clock;
mod crashes;
mod damage;
mod driver;
mod faults;
mod jobs;
mod machine;
mod oracles;
mod programs;
mod runs;
mod script;
mod setup;
mod switches;

use check::Findings;
use lastsave_tests::proof::Proof;
use runs::Run;

/// Does `task` for each run, on as many threads as there are processors, and counts what it finds as a proof of the case.
fn prove(
    number: u8,
    what: &str,
    oracle: &str,
    runs: &[Run],
    task: impl Fn(&Run) -> Findings + Sync,
) {
    let mut proof = Proof::of(number, what, oracle);
    for findings in in_threads(runs, task) {
        proof.add(findings.counts);
        for violation in findings.violations {
            proof.violation(violation);
        }
    }
    proof.finish();
}

fn in_threads(runs: &[Run], task: impl Fn(&Run) -> Findings + Sync) -> Vec<Findings> {
    let only = std::env::var("LASTSAVE_ONLY").ok();
    let task = &task;
    std::thread::scope(|scope| {
        let threads: Vec<_> = runs
            .iter()
            .filter(|run| only.as_ref().is_none_or(|only| run.name == only))
            .map(|run| (run.name, scope.spawn(move || task(run))))
            .collect();
        threads
            .into_iter()
            .map(|(name, thread)| thread.join().unwrap_or_else(|_| panic!("{name} panicked")))
            .collect()
    })
}
