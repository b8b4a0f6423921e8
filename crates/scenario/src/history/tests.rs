//! History against what happened: every moment is what it was, and its lines lead there.

use super::*;
use crate::START_US;
use crate::world::random::Random;

const SECOND_US: u64 = 1_000_000;

const SCRIPT: [&str; 17] = [
    "cat > redis.conf <<EOF",
    "appendonly yes",
    "save 60 1000",
    "EOF",
    "redis-server redis.conf",
    "workload mixed rate=900 keys=200",
    "advance 3s; BGREWRITEAOF; advance 2s && SET done 1",
    "step save",
    "# a comment",
    "redis-cli",
    "SET typed 1",
    "INCR typed",
    "exit",
    "fault fsync slow 40ms",
    "advance 4s",
    "crash power seed 3",
    "redis-server redis.conf && advance 1s500ms",
];

fn finish(history: &mut History) {
    while history.run(700) != Progress::Idle {}
}

fn told(lines: &[&str]) -> History {
    let mut history = History::new(5);
    for line in lines {
        history.enter(line);
    }
    finish(&mut history);
    history
}

/// Trace hash and prompt: what a machine and its shell have come to.
fn seen(history: &History) -> (u64, String) {
    (history.world().trace_hash(), history.prompt())
}

/// The same of a fresh shell that was given the lines.
fn replayed(history: &History) -> (u64, String) {
    let mut shell = Shell::new(history.seed());
    for line in history.lines() {
        shell.enter(&line);
    }
    while shell.run(u64::MAX) != Progress::Idle {}
    (shell.world().trace_hash(), shell.prompt())
}

#[test]
fn every_moment_is_what_it_was_and_its_lines_lead_there() {
    let mut history = told(&SCRIPT);
    let (end, lines) = (seen(&history), history.lines());
    assert_eq!(lines, SCRIPT);
    let end_us = history.world().now_us();
    let mut random = Random::new(7);
    for _ in 0..25 {
        let to_us = START_US + random.below(end_us - START_US);
        history.seek(to_us);
        finish(&mut history);
        let shown_us = history.world().now_us();
        assert!(shown_us <= to_us + SECOND_US, "{shown_us} for {to_us}");
        assert_eq!(seen(&history), replayed(&history), "{:?}", history.lines());
        let past = history.past().expect("the past is looked at");
        assert_eq!((past.at_us, past.end_us), (shown_us, end_us));
    }
    history.present();
    assert!(!history.is_past());
    assert_eq!(seen(&history), end);
    assert_eq!(history.lines(), lines);
}

#[test]
fn one_steps_back_through_all_there_was_and_forth_again() {
    for (_, kind) in StepKind::ALL {
        let mut history = told(&SCRIPT);
        let end = seen(&history);
        let mut way = Vec::new();
        for _ in 0..12 {
            history.back(kind);
            finish(&mut history);
            let count = history.world().tally().of(kind);
            way.push((count, seen(&history)));
            assert_eq!(seen(&history), replayed(&history), "{kind:?}");
            if count == 0 {
                break;
            }
        }
        assert!(
            way.is_sorted_by(|later, earlier| later.0 > earlier.0),
            "{kind:?}"
        );
        for (count, there) in way.iter().rev().skip(1) {
            history.step(kind);
            finish(&mut history);
            assert_eq!(history.world().tally().of(kind), *count, "{kind:?}");
            assert_eq!(seen(&history), *there, "{kind:?} {count}");
        }
        for _ in 0..5 {
            history.step(kind);
            finish(&mut history);
            assert_eq!(seen(&history), replayed(&history), "{kind:?}");
        }
        history.present();
        assert_eq!(seen(&history), end);
    }
}

#[test]
fn a_line_in_the_past_takes_another_way_and_the_first_is_kept() {
    let mut history = told(&SCRIPT);
    let (end, lines) = (seen(&history), history.lines());
    let end_us = history.world().now_us();
    history.travel("goto +4s");
    finish(&mut history);
    assert!(history.is_past());
    history.enter("SET other 1");
    history.enter("advance 500ms");
    finish(&mut history);
    assert!(!history.is_past());
    let other = (seen(&history), history.lines());
    assert_eq!(seen(&history), replayed(&history));
    assert_eq!(other.1.last().map(String::as_str), Some("advance 500ms"));
    // Within the other way one goes back too, also to before where it parted.
    for at in ["goto +2s", "goto +4s100ms", "back write"] {
        history.travel(at);
        finish(&mut history);
        assert_eq!(seen(&history), replayed(&history), "{at}");
    }
    let branches = history.branches();
    assert_eq!(branches.len(), 1);
    assert_eq!(branches[0].end_us, end_us);
    history.travel("branch 1");
    finish(&mut history);
    assert_eq!((seen(&history), history.lines()), (end, lines));
    history.travel("branch 2");
    finish(&mut history);
    assert_eq!((seen(&history), history.lines()), other);
}

#[test]
fn undo_goes_back_by_a_line() {
    let mut history = told(&["redis-server", "SET a 1", "", "# why", "advance 1s"]);
    for len in [4, 1, 0] {
        history.travel("undo");
        finish(&mut history);
        assert_eq!(history.lines().len(), len);
        assert_eq!(seen(&history), replayed(&history));
    }
    history.travel("undo");
    let told: String = history
        .take_output()
        .into_iter()
        .map(|span| span.text)
        .collect();
    assert!(
        told.ends_with("undo: nothing has been entered yet\n"),
        "{told}"
    );
    history.travel("present");
    assert_eq!(history.lines().len(), 5);
}

#[test]
fn what_was_interrupted_is_a_line_that_leads_as_far() {
    let mut random = Random::new(3);
    for script in [
        "advance 30s",
        "SET a 1; advance 30s; SET b 1",
        "step save",
        "cat > x <<EOF",
        "sleep 2 && sleep 40",
    ] {
        let mut history = told(&["redis-server --appendonly yes", "workload mixed rate=500"]);
        history.enter(script);
        history.enter("never");
        history.run(1 + random.below(2_000));
        history.interrupt();
        assert_eq!(history.run(1), Progress::Idle);
        assert_eq!(seen(&history), replayed(&history), "{:?}", history.lines());
        history.enter("advance 300ms");
        finish(&mut history);
        assert_eq!(seen(&history), replayed(&history), "{:?}", history.lines());
    }
}

#[test]
fn a_clock_that_plays_is_one_line() {
    let mut history = told(&["redis-server --appendonly yes", "workload mixed rate=500"]);
    for _ in 0..20 {
        history.let_pass(77_777);
        while history.run(10) != Progress::Idle {}
        assert_eq!(seen(&history), replayed(&history));
    }
    history.travel("back 1s");
    finish(&mut history);
    assert!(history.is_past());
    assert_eq!(seen(&history), replayed(&history));
    assert_eq!(history.lines().len(), 3, "{:?}", history.lines());
    // It plays through what has been, and then on.
    for _ in 0..20 {
        history.let_pass(77_777);
        finish(&mut history);
    }
    assert!(!history.is_past());
    history.enter("SET a 1");
    finish(&mut history);
    assert_eq!(seen(&history), replayed(&history));
    let lines = history.lines();
    assert_eq!(lines.len(), 5, "{lines:?}");
}

#[test]
fn what_is_being_carried_out_waits_while_one_looks_back() {
    let mut history = told(&["redis-server --appendonly yes", "workload mixed rate=500"]);
    history.enter("advance 20s");
    history.enter("SET a 1");
    history.run(3_000);
    history.travel("back fsync");
    finish(&mut history);
    assert!(history.is_past());
    assert_eq!(seen(&history), replayed(&history));
    history.travel("present");
    finish(&mut history);
    assert_eq!(seen(&history), replayed(&history));
    assert_eq!(history.lines()[2..], ["advance 20s", "SET a 1"]);
}

#[test]
fn nothing_that_can_be_typed_breaks_it() {
    let mut random = Random::new(11);
    let lines = [
        "back",
        "back 1h",
        "back -1",
        "back save",
        "goto",
        "goto 99:99",
        "goto start",
        "goto end",
        "undo",
        "present",
        "fork",
        "branch",
        "branch 1",
        "branch 9",
        "step",
        "step fsync",
        "step never",
        "advance 2s",
        "advance 0s",
        "redis-server --appendonly yes",
        "crash kill",
        "crash power",
        "workload mixed rate=300",
        "SET a 1",
        "SET a 1; advance 1s; SET b 2",
        "mkfs",
        "cat > x <<EOF",
        "EOF",
        "redis-cli",
        "exit",
        "CONFIG RESETSTAT",
        "sleep 1 | cat",
        "false && advance 5s",
        "SUBSCRIBE a",
    ];
    for seed in 0..60 {
        let mut history = History::new(seed);
        for _ in 0..40 {
            let line = lines[random.below(lines.len() as u64) as usize];
            match random.below(12) {
                0 => history.interrupt(),
                1 => history.let_pass(random.below(SECOND_US)),
                2 => history.seek(START_US + random.below(20 * SECOND_US)),
                3 => drop(history.travel(line)),
                4 => drop(history.view(&ViewRequest::default())),
                _ => history.enter(line),
            }
            if random.below(2) == 0 {
                history.run(1 + random.below(300));
            } else {
                finish(&mut history);
            }
            history.lines();
        }
        finish(&mut history);
    }
}

#[test]
fn files_that_lines_only_name_are_there_in_the_past() {
    let mut files = Attachments::default();
    let sum = files.add(vec![7; 100].into());
    let mut history = told(&["redis-server --save \"\"", "SET before 1"]);
    history.attach(&files);
    history.enter(&format!("upload blob crc:{sum:016x} 100"));
    history.enter("SET behind 1");
    finish(&mut history);
    let end = seen(&history);
    for _ in 0..3 {
        assert!(history.undo());
        finish(&mut history);
    }
    assert!(crate::export(history.world(), "blob").is_none());
    history.seek(u64::MAX);
    finish(&mut history);
    assert!(crate::export(history.world(), "blob").is_some());
    assert_eq!(seen(&history), end);
}

#[test]
fn where_nothing_of_a_kind_came_before_that_is_said() {
    let mut history = told(&["redis-server --save \"\"", "SET a 1"]);
    for _ in 0..2 {
        history.take_output();
        history.travel("back fsync");
        finish(&mut history);
        let told: String = history
            .take_output()
            .into_iter()
            .map(|span| span.text)
            .collect();
        assert!(
            told.ends_with("This is the beginning: no fsync came before.\n"),
            "{told:?}"
        );
        assert_eq!(history.world().now_us(), START_US);
    }
}
