//! Running a scenario from beginning to end.

use serde::Serialize;

use crate::{Progress, Scenario, Shell};

/// What a run came to. `lastsave run --json` prints it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RunReport {
    /// Writes acknowledged before the (last) crash.
    pub acknowledged: u64,
    /// Those there again after the recovery.
    pub recovered: u64,
    /// Those that are not.
    pub lost: u64,
    /// The age of the oldest lost write at the crash, in milliseconds.
    pub oldest_lost_ms: u64,
    /// How long the recovery took, in simulated milliseconds.
    pub recovery_ms: u64,
    /// A hash over every file operation, reply and clock reading of the run, 16 hexadecimal digits.
    pub trace_hash: String,
    /// Commands executed.
    pub commands: u64,
    /// Expectations met.
    pub passed: u64,
    /// Expectations not met, each in a sentence with its line number.
    pub failures: Vec<String>,
    /// The transcript.
    #[serde(skip)]
    pub transcript: String,
}

/// Events between two calls of `on_progress`.
const EVENTS_PER_SLICE: u64 = 20_000;

impl RunReport {
    /// What must be the same wherever the scenario runs, in one line: the trace hash and the numbers of the verdict.
    pub fn trace_line(&self) -> String {
        format!(
            "{} commands={} acknowledged={} recovered={} lost={} oldest_lost_ms={} recovery_ms={}",
            self.trace_hash,
            self.commands,
            self.acknowledged,
            self.recovered,
            self.lost,
            self.oldest_lost_ms,
            self.recovery_ms
        )
    }
}

/// Runs a scenario to its end. `on_progress` is told, now and then, how much is done, and says whether to go on.
pub fn run(scenario: &Scenario, on_progress: &mut dyn FnMut(f64) -> bool) -> RunReport {
    let mut shell = Shell::new(scenario.seed);
    let mut transcript = String::new();
    let total = scenario.lines.len().max(1) as f64;
    'lines: for (index, (number, line)) in scenario.lines.iter().enumerate() {
        shell.enter_numbered(*number, line);
        loop {
            let progress = shell.run(EVENTS_PER_SLICE);
            for span in shell.take_output() {
                transcript.push_str(&span.text);
            }
            let within = match progress {
                Progress::Idle => break,
                Progress::Running { fraction, .. } => fraction,
            };
            if !on_progress((index as f64 + within) / total) {
                break 'lines;
            }
        }
    }
    report(&shell, transcript)
}

/// What a shell's run came to so far.
fn report(shell: &Shell, transcript: String) -> RunReport {
    let world = shell.world();
    let (passed, failures) = shell.expectations();
    let mut report = RunReport {
        acknowledged: world.acknowledged(),
        recovered: world.acknowledged(),
        trace_hash: format!("{:016x}", world.trace_hash()),
        commands: world.commands(),
        passed,
        failures: failures.to_vec(),
        transcript,
        ..RunReport::default()
    };
    if let Some(verdict) = world.verdict() {
        report.acknowledged = verdict.acknowledged;
        report.recovered = verdict.recovered;
        report.lost = verdict.lost;
        report.oldest_lost_ms = verdict.oldest_lost_ms;
        report.recovery_ms = verdict.recovery_ms;
    }
    report
}
