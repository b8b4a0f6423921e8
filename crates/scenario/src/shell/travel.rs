//! The shell one turn at a time, for whoever keeps its history; and `step`, which lets time pass until something happens.

use super::parse::{Condition, Pipeline};
use super::{Io, Mode, Shell, Style, Wait};
use crate::world::{StepKind, Tally};

/// The longest time that `step` lets pass, in microseconds.
const LONGEST_STEP_US: u64 = 3_600_000_000;

/// What a turn of the shell was.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Time passed: so many events. `met` if that ended a `step`.
    Waited { events: u64, met: bool },
    /// A line was read. A bare Redis command has been carried out by that.
    Read,
    /// A pipeline had its turn.
    Ran(Ran),
    /// There was nothing to do.
    Idle,
}

/// A pipeline that had its turn.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Its text; `None` if its condition kept it from running.
    pub(crate) text: Option<String>,
    /// Whether all it does is to let time pass.
    pub(crate) only_waits: bool,
}

/// What ends a wait early.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    kind: StepKind,
    /// What had happened when it began.
    before: Tally,
}

impl Stop {
    fn is_met(&self, now: &Tally) -> bool {
        now.of(self.kind) > self.before.of(self.kind)
    }
}

impl Shell {
    /// Does the next thing there is to do. Time passes up to `horizon_us`, and for about `max_events` events; where the
    /// horizon has been reached, nothing happens any more.
    pub(crate) fn turn(&mut self, horizon_us: u64, max_events: u64) -> Turn {
        self.tell_armed_crash();
        if self.wait.is_some() {
            return self.wait_on(horizon_us, max_events);
        }
        if let Some(pipeline) = self.pipelines.pop_front() {
            let runs = match pipeline.condition {
                Condition::Always => true,
                Condition::AfterSuccess => self.status == 0,
                Condition::AfterFailure => self.status != 0,
            };
            let ran = Ran {
                text: runs.then(|| pipeline.text.clone()),
                only_waits: only_waits(&pipeline),
            };
            if runs {
                self.run_pipeline(pipeline);
            }
            return Turn::Ran(ran);
        }
        match self.lines.pop_front() {
            Some((number, line)) => {
                self.line_number = number;
                self.read_line(&line);
                Turn::Read
            }
            None => Turn::Idle,
        }
    }

    /// Lets time pass towards the end of the wait.
    fn wait_on(&mut self, horizon_us: u64, max_events: u64) -> Turn {
        let Some(wait) = &mut self.wait else {
            return Turn::Idle;
        };
        let until_us = wait.until_us.min(horizon_us.max(wait.reached_us));
        let mut events = 0;
        let (mut done, mut met) = (false, false);
        while events < max_events && !done && !met {
            let slice = if wait.stop.is_some() {
                1
            } else {
                max_events - events
            };
            let (happened, over) = self.world.run_until(until_us, slice);
            events += happened;
            done = over;
            wait.reached_us = if over {
                until_us
            } else {
                wait.reached_us.max(self.world.due_us())
            };
            met = wait
                .stop
                .as_ref()
                .is_some_and(|stop| stop.is_met(&self.world.tally()));
        }
        if met || (done && until_us == wait.until_us) {
            self.end_wait();
        }
        Turn::Waited { events, met }
    }

    /// Whether an event may end the wait: `step`.
    pub(crate) fn steps(&self) -> bool {
        let wait = self.wait.as_ref();
        wait.is_some_and(|wait| wait.stop.is_some())
    }

    /// Forgets what is left of the line.
    pub(crate) fn drop_rest(&mut self) {
        self.pipelines.clear();
        self.lines.clear();
        self.wait = None;
    }

    /// Whether everything entered has been carried out.
    pub(crate) fn is_idle(&self) -> bool {
        self.wait.is_none() && self.pipelines.is_empty() && self.lines.is_empty()
    }

    /// The time that has to pass, while it passes: when it began, up to where it has, and when it ends.
    pub(crate) fn waiting(&self) -> Option<(u64, u64, u64)> {
        let wait = self.wait.as_ref()?;
        Some((wait.from_us, wait.reached_us, wait.until_us))
    }

    /// Sets what a wait is to be, of a machine that was cloned in the middle of it: it may have come to another end since.
    /// `stops` leaves a `step` what it is.
    pub(crate) fn set_waiting(
        &mut self,
        from_us: u64,
        reached_us: u64,
        until_us: u64,
        stops: bool,
    ) {
        let before = self.counts();
        let wait = self.wait.get_or_insert(Wait {
            from_us,
            until_us,
            reached_us,
            stop: None,
            what: "time".into(),
            before,
            tell: false,
        });
        wait.until_us = until_us;
        if !stops {
            wait.stop = None;
        }
    }

    /// Whether a line would be read as a command line, not as text, as an answer, or by redis-cli.
    pub(crate) fn at_prompt(&self) -> bool {
        matches!(self.mode, Mode::Shell)
    }

    /// Whether a line would be read by an interactive redis-cli.
    pub(crate) fn in_redis_cli(&self) -> bool {
        matches!(self.mode, Mode::Redis(_))
    }

    /// Whether a line would answer a question.
    pub(crate) fn asks(&self) -> bool {
        matches!(self.mode, Mode::Answer(_))
    }

    /// `step fsync`: lets time pass until something of the kind happens.
    pub(super) fn step(&mut self, _io: &mut Io, args: &[String]) -> i32 {
        let kind = match args {
            [_] => Some(StepKind::Command),
            [_, word] => StepKind::of_word(word),
            _ => None,
        };
        let Some(kind) = kind else {
            let words = StepKind::ALL.map(|(word, _)| word).join(", ");
            self.complain(&format!("step: to the next what? {words}"));
            return 1;
        };
        self.wait_for(LONGEST_STEP_US, args.join(" "), false);
        let before = self.world.tally();
        if let Some(wait) = &mut self.wait {
            wait.stop = Some(Stop { kind, before });
        }
        0
    }

    /// The words of history reach the shell only where none is kept.
    pub(super) fn has_no_history(&mut self, _io: &mut Io, args: &[String]) -> i32 {
        let word = args.first().map_or("", String::as_str);
        self.complain(&format!(
            "{word}: only a terminal that keeps its history knows the way; a scenario only goes forwards"
        ));
        1
    }

    /// Says what a step has met.
    pub(super) fn tell_stop(&mut self, stop: &Stop) {
        let now = self.world.tally();
        let clock = self.clock_text();
        let word = stop.kind.word();
        if stop.is_met(&now) {
            let number = now.of(stop.kind);
            self.note(Style::Accent, &format!("{clock} · {word} {number}"));
        } else {
            self.note(
                Style::Warning,
                &format!("{clock} · an hour has passed and no {word} came"),
            );
        }
    }
}

/// Whether all that a pipeline does is to let time pass.
fn only_waits(pipeline: &Pipeline) -> bool {
    let [stage] = pipeline.stages.as_slice() else {
        return false;
    };
    let words = stage.words.iter().map(|word| word.text.as_str());
    let first = words.into_iter().find(|word| *word != "sudo");
    let is_plain = stage.input.is_none() && stage.output.is_none() && stage.here.is_none();
    is_plain && first.is_some_and(|word| matches!(word, "advance" | "sleep" | "step"))
}
