//! Every point of small runs, against what a scenario that crashes there comes to.

use super::*;
use crate::run;

fn scenario(lines: &str) -> Scenario {
    Scenario::parse(&format!(
        "# lastsave scenario 1\n# A run\nseed 3\n\n{lines}"
    ))
    .expect("it is a scenario")
}

fn sweep(lines: &str, kinds: &[CrashKind]) -> Sweep {
    let options = SweepOptions {
        kinds: kinds.to_vec(),
        ..SweepOptions::default()
    };
    let mut sweep = Sweep::new(&scenario(lines), options);
    sweep.run(&mut |_| true);
    sweep
}

const ALL: [CrashKind; 4] = [
    CrashKind::Kill,
    CrashKind::Power,
    CrashKind::PowerAll,
    CrashKind::Torn(5),
];

/// Opens every point as a scenario, and compares what it comes to.
fn every_cell_agrees(lines: &str) {
    let sweep = sweep(lines, &ALL);
    assert!(sweep.points().len() > 5, "{lines}");
    for point in sweep.points() {
        for (kind, outcome) in ALL.into_iter().zip(&point.outcomes) {
            let cell = sweep.cell(point, kind);
            let parsed = Scenario::parse(&cell).expect("a cell is a scenario");
            let report = run(&parsed, &mut |_| true);
            if outcome.started {
                assert_eq!(
                    (report.acknowledged, report.recovered, report.lost),
                    (point.acknowledged, outcome.recovered, outcome.lost),
                    "{cell}\n{}",
                    report.transcript
                );
                assert_eq!(
                    report.oldest_lost_ms,
                    outcome.oldest_lost_us / 1000,
                    "{cell}"
                );
            } else {
                assert!(report.transcript.contains("did not start"), "{cell}");
            }
        }
    }
}

#[test]
fn a_tiny_run_is_known_point_by_point() {
    let lines =
        "redis-server --save \"\" --appendonly yes --appendfsync always\nSET a 1\nSET b 2\n";
    let found = sweep(lines, &[CrashKind::Kill, CrashKind::Power]);
    let writes: Vec<_> = found
        .points()
        .iter()
        .filter(|point| point.words.ends_with(".incr.aof"))
        .skip_while(|point| !point.words.starts_with("write"))
        .map(|point| {
            let [kill, power] = point.outcomes[..] else {
                panic!("two kinds were asked for");
            };
            let words = point.words.split(' ').next().unwrap_or_default();
            (words, point.acknowledged, kill.keys, power.keys, power.lost)
        })
        .collect();
    // Before a write neither has its key; before its fsync a kill keeps it, though nobody was promised it.
    assert_eq!(
        writes,
        [
            ("write", 0, 0, 0, 0),
            ("fsync", 0, 1, 0, 0),
            ("write", 1, 1, 1, 0),
            ("fsync", 1, 2, 1, 0),
        ]
    );
    let report = found.report();
    assert!(
        report
            .kinds
            .iter()
            .all(|kind| kind.broken == 0 && kind.losing == 0)
    );
}

#[test]
fn every_point_opens_as_a_scenario_that_comes_to_the_same() {
    every_cell_agrees(
        "redis-server --appendonly yes\nSET a 1\nMULTI\nINCR n\nINCR n\nEXEC\nadvance 1500ms\nSET b 2\nBGREWRITEAOF\nadvance 300ms\nSET c 3\n",
    );
    every_cell_agrees(
        "redis-server --save 1 1\nSET a 1\nadvance 2s\nSET b 2\nSAVE\nSET c 3\nBGSAVE\nSET d 4\nadvance 200ms\n",
    );
    every_cell_agrees(
        "redis-server --appendonly yes --appendfsync no\nSET a 1\nadvance 1s\nSET b 2\ncrash power\nredis-server --appendonly yes\nSET c 3\nadvance 1200ms\n",
    );
}

#[test]
fn starts_that_go_on_from_another_come_to_the_same() {
    let lines = "redis-server --appendonly yes\nworkload mixed rate=50 keys=20\nadvance 8s\nBGREWRITEAOF\nadvance 4s\nCONFIG SET appendonly no\nadvance 1s\n";
    let found = sweep(lines, &ALL);
    assert!(found.resumed > 200, "{} went on", found.resumed);
    let mut cold = Sweep::new(
        &scenario(lines),
        SweepOptions {
            kinds: ALL.to_vec(),
            ..SweepOptions::default()
        },
    );
    cold.cold = true;
    cold.run(&mut |_| true);
    assert_eq!(cold.resumed, 0);
    assert_eq!(cold.points(), found.points());
}

#[test]
fn a_long_run_is_swept_in_strides_that_are_stated() {
    let options = SweepOptions {
        max_points: 100,
        ..SweepOptions::default()
    };
    let lines = "redis-server --appendonly yes\nworkload counters rate=1000\nadvance 5s\n";
    let mut sweep = Sweep::new(&scenario(lines), options);
    sweep.run(&mut |_| true);
    let report = sweep.report();
    assert!((50..=110).contains(&report.points), "{}", report.points);
    assert!(report.operations > 5000);
    assert!(
        report.stride.starts_with("one write in "),
        "{}",
        report.stride
    );
    // A power loss takes up to a second of a thousand writes a second.
    let power = &report.kinds[1];
    assert!((800..=1100).contains(&power.lost[3]), "{:?}", power.lost);
    assert_eq!(power.broken, 0);
}

/// What was acknowledged under a laxer policy is not yet due when a stricter one comes.
#[test]
fn a_promise_is_of_the_policy_that_a_write_was_acknowledged_under() {
    for (policy, lines) in [
        (
            "everysec",
            "SET a 1\nCONFIG SET appendfsync always\nSET b 2\n",
        ),
        (
            "no",
            "SET a 1\nCONFIG SET appendfsync always\nSET b 2\nadvance 3s\n",
        ),
        (
            "no",
            "SET a 1\nadvance 5s\nCONFIG SET appendfsync everysec\nSET b 2\nadvance 4s\n",
        ),
        (
            "everysec",
            "fault fsync slow 8s\nSET a 1\nadvance 6s\nSET b 2\nfault ok\nSET c 3\nadvance 4s\n",
        ),
    ] {
        let start = format!(
            "machine writeback=off\nredis-server --appendonly yes --save \"\" --appendfsync {policy}"
        );
        let found = sweep(&format!("{start}\n{lines}"), &ALL);
        for point in found.points() {
            assert!(
                point.outcomes.iter().all(|outcome| !outcome.broken),
                "{policy}: {lines}{point:?}"
            );
        }
        let losing = found
            .points()
            .iter()
            .any(|point| point.outcomes[1].lost > 0);
        assert!(losing, "{policy}: {lines}nothing is ever at risk");
    }
}

#[test]
fn kinds_have_words() {
    for kind in ALL {
        assert_eq!(CrashKind::parse(&kind.word()), Some(kind));
    }
    assert_eq!(CrashKind::parse("torn"), Some(CrashKind::Torn(1)));
    assert_eq!(CrashKind::parse("torn:"), None);
}
