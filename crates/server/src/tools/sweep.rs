//! `lastsave sweep`: a crash before every disk operation of a scenario.

use std::io::{IsTerminal, Write};
use std::time::Instant;

use lastsave_scenario::sweep::{Summary, SweepPoint, SweepProgress, SweepReport, sparkline};
use lastsave_scenario::{CrashKind, Sweep, SweepOptions};

use super::{print_bytes, read_scenario};

/// What `lastsave sweep` is told.
#[derive(Clone, Debug)]
pub struct SweepArguments {
    /// The ways to crash, by their words.
    pub kinds: Vec<String>,
    /// How many points at most.
    pub points: u64,
    /// Print this point as a scenario: an operation's number, or `worst`.
    pub cell: Option<String>,
    /// Print JSON.
    pub json: bool,
}

/// Columns of the chart.
const COLUMNS: usize = 72;

/// `lastsave sweep`: returns 0 if every crash keeps what the policy promises, 1 if not, 2 if the file is no scenario or an
/// argument is none.
pub fn sweep(path: &str, arguments: &SweepArguments) -> i32 {
    let complain = |message: String| {
        eprintln!("lastsave: {message}");
        2
    };
    let scenario = match read_scenario(path) {
        Ok(scenario) => scenario,
        Err(message) => return complain(message),
    };
    let mut kinds = Vec::new();
    for word in &arguments.kinds {
        match CrashKind::parse(word) {
            Some(kind) => kinds.push(kind),
            None => {
                return complain(format!(
                    "{word}: no such crash; there are kill, power, power-all, torn, torn:SEED"
                ));
            }
        }
    }
    let mut sweep = Sweep::new(
        &scenario,
        SweepOptions {
            kinds,
            max_points: arguments.points.max(1),
            ..SweepOptions::default()
        },
    );
    let started = Instant::now();
    run(&mut sweep);
    let wall_s = started.elapsed().as_secs_f64();
    if let Some(wanted) = &arguments.cell {
        return match find(&sweep, wanted) {
            Some(point) => {
                print_bytes(sweep.cell(point, sweep.options().kinds[0]).as_bytes());
                0
            }
            None => complain(format!("{wanted}: no such point in this sweep")),
        };
    }
    let report = sweep.report();
    if arguments.json {
        let all = serde_json::json!({
            "report": report,
            "points": sweep.points(),
            "wall_ms": (wall_s * 10_000.0).round() / 10.0,
        });
        print_bytes(format!("{all:#}\n").as_bytes());
    } else {
        print_bytes(text(&sweep, &report, wall_s).as_bytes());
    }
    i32::from(report.kinds.iter().any(|kind| kind.broken > 0))
}

/// Runs it, with a line of progress for a person.
fn run(sweep: &mut Sweep) {
    let shown = std::io::stderr().is_terminal();
    let mut told = Instant::now();
    sweep.run(&mut |progress: SweepProgress| {
        if shown && told.elapsed().as_millis() > 200 {
            told = Instant::now();
            let percent = progress.fraction * 100.0;
            eprint!("\r{percent:3.0} %  {} points", progress.points);
            // Progress that cannot be shown is no error.
            let _ = std::io::stderr().flush();
        }
        true
    });
    if shown {
        eprint!("\r\x1b[K");
    }
}

fn find<'a>(sweep: &'a Sweep, wanted: &str) -> Option<&'a SweepPoint> {
    let points = sweep.points();
    if wanted == "worst" {
        return points.get(sweep.report().kinds.first()?.worst?);
    }
    let number: u64 = wanted.parse().ok()?;
    points.iter().find(|point| point.number == number)
}

fn text(sweep: &Sweep, report: &SweepReport, wall_s: f64) -> String {
    let mut text = format!(
        "{} disk operations, {} crash points ({}), {} different disk images recovered in {wall_s:.2} s\n",
        report.operations, report.points, report.stride, report.images
    );
    for (index, kind) in report.kinds.iter().enumerate() {
        text.push_str(&chapter(sweep, index, kind));
    }
    text
}

fn chapter(sweep: &Sweep, index: usize, kind: &Summary) -> String {
    let [median, ninety, ninety_nine, most] = kind.lost;
    let lost: Vec<u64> = sweep
        .chart(index, COLUMNS)
        .iter()
        .map(|bin| bin.outcome.lost)
        .collect();
    let mut text = format!(
        "\n{}\n  {}  writes lost, along the run (most {most})\n",
        kind.kind,
        sparkline(&lost, COLUMNS)
    );
    text.push_str(&format!(
        "  lost          at {} points; median {median}, 90 % {ninety}, 99 % {ninety_nine}, most {most}\n",
        kind.losing
    ));
    text.push_str(&format!(
        "  oldest lost   median {} ms, most {} ms before the crash\n",
        kind.oldest_lost_us[0] / 1000,
        kind.oldest_lost_us[3] / 1000
    ));
    let mut at = |name: &str, place: Option<usize>| {
        if let Some(point) = place.and_then(|place| sweep.points().get(place)) {
            text.push_str(&format!(
                "  {name:<12}  operation {}: {}; acknowledged {}, recovered {}\n",
                point.number, point.words, point.acknowledged, point.outcomes[index].recovered
            ));
        }
    };
    if most > 0 {
        at("worst", kind.worst);
    }
    at("broken", kind.first_broken);
    if kind.not_started > 0 {
        text.push_str(&format!(
            "  no start      after {} points\n",
            kind.not_started
        ));
    }
    text.push_str(&match kind.broken {
        0 => "  promise       kept at every point\n".to_owned(),
        broken => format!("  promise       broken at {broken} points\n"),
    });
    text
}
