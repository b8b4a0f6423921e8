//! Faults in any order, on a machine that is crashed over and over: nothing panics, and what `always` promises is kept.

use crate::world::random::Random;
use crate::{Progress, Shell};

/// What breaks, and what goes on meanwhile. None of it changes what a file holds by hand.
const LINES: [&str; 58] = [
    "fault any fail once after 3",
    "fault any fail once after 9",
    "fault any slow 20ms 5 times",
    "fault fsync fail once",
    "fault fsync fail 3 times on *.incr.aof",
    "fault fsync slow 900ms",
    "fault fsyncdir fail once",
    "fault fsyncdir fail once after 2 on appendonlydir",
    "fault write fail ENOSPC once",
    "fault write fail ENOSPC taking 7 once on *.incr.aof",
    "fault write fail ENOSPC taking 1000 3 times",
    "fault write short 5 40 times",
    "fault write slow 300ms",
    "fault truncate fail once",
    "fault rename fail EACCES once",
    "fault rename fail once after 1 on *.manifest",
    "fault unlink fail 2 times",
    "fault open fail EMFILE once",
    "fault open fail once on temp-*",
    "fault mkdir fail once",
    "fault read fail once after 4",
    "fault read short 3",
    "fault size fail once",
    "fault list fail once",
    "fault fork fail once",
    "fault fork fail 3 times",
    "fault child kill once",
    "fault child kill USR1 2 times",
    "fault oom 2 times",
    "fault bgsave fail",
    "fault disk full",
    "fault disk read-only",
    "fault tearing",
    "fault reordering",
    "fault ok",
    "fault ok",
    "chmod u-w appendonlydir",
    "chmod 755 appendonlydir",
    "chmod u-w .",
    "chmod 755 .",
    "SET a 1",
    "SET b 2",
    "MULTI",
    "EXEC",
    "INCR n",
    "BGREWRITEAOF",
    "BGREWRITEAOF",
    "BGSAVE",
    "SAVE",
    "advance 1ms",
    "advance 5ms",
    "advance 200ms",
    "advance 3s",
    "workload mixed rate=300 keys=50",
    "workload off",
    "pkill -USR1 redis-aof-rewrite",
    "SHUTDOWN",
    "CONFIG SET appendfsync always",
];

const CRASHES: [&str; 5] = [
    "crash kill",
    "crash power",
    "crash power all",
    "crash power seed 1",
    "crash power seed 2",
];

const START: &str = "redis-server --appendonly yes --appendfsync always --save \"\"";

fn enter(shell: &mut Shell, line: &str) {
    shell.enter(line);
    while shell.run(100_000) != Progress::Idle {}
}

/// Runs machines on which the server is started by `start`: how many starts brought something back, and what was typed
/// where one of them had lost a write.
fn crash_over_and_over(start: &'static str) -> (u64, Vec<String>) {
    let (mut verdicts, mut losses) = (0, Vec::new());
    for seed in 0..80 {
        let mut random = Random::new(seed);
        let mut shell = Shell::new(seed);
        let mut typed = vec![start];
        enter(&mut shell, start);
        for _ in 0..4 {
            for _ in 0..1 + random.below(14) {
                let line = LINES[random.below(LINES.len() as u64) as usize];
                typed.push(line);
                enter(&mut shell, line);
            }
            let crash = CRASHES[random.below(CRASHES.len() as u64) as usize];
            let mend = ["fault ok", "chmod 755 .", "chmod 755 appendonlydir"];
            for line in [crash].into_iter().chain(mend).chain([start]) {
                typed.push(line);
                enter(&mut shell, line);
            }
            let verdict = shell.world().verdict();
            if let Some(verdict) = verdict.filter(|verdict| verdict.recovered_known) {
                verdicts += 1;
                if verdict.lost > 0 {
                    let lines = typed.join("\n");
                    losses.push(format!("seed {seed}\n\n{lines}\n\n{verdict:?}"));
                }
            }
            if !shell.world().running() {
                // It may refuse what a power loss has left, and everything after that.
                break;
            }
        }
    }
    (verdicts, losses)
}

#[test]
fn what_always_acknowledges_survives_every_fault() {
    let (verdicts, losses) = crash_over_and_over(START);
    assert!(verdicts > 100, "{verdicts} starts brought something back");
    assert!(losses.is_empty(), "{}", losses[0]);
}

/// Another policy promises less, and these machines do lose: the test above could have seen it.
#[test]
fn what_everysec_acknowledges_may_be_lost() {
    let start = "redis-server --appendonly yes --appendfsync everysec --save \"\"";
    assert!(!crash_over_and_over(start).1.is_empty());
}
