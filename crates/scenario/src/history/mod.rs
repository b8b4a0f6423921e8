//! A shell with a past: its machine can be seen as it was at any moment, and taken another way from there.
//!
//! Whatever happens is recorded as lines and steps, and now and then the machine is cloned. A moment is reached by taking the
//! last clone before it and carrying out again what came between, which is the same bit by bit. Looking back changes nothing;
//! a line entered while looking at the past puts what came after aside, as a branch that can be taken up again.
//!
//! ```text
//!  lines        redis-server │ workload … │ advance 47m                       │ crash power │ …
//!  steps        read, run    │ read, run  │ read, run and wait ─────────────► │ read, run   │
//!  checkpoints  ·                 ·            ·          ·          ·             ·
//!                                                     └──► the moment looked at: (step, up to when it has waited)
//! ```

mod thread;
mod ways;
mod words;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::shell::Turn;
use crate::units::about;
use crate::{
    Attachments, Completion, Progress, Shell, Span, StepKind, Style, TimelineView, View,
    ViewRequest, World,
};
use thread::{Line, Place, Step, Thread};

/// Branches kept at most; the oldest goes first.
const MAX_BRANCHES: usize = 6;

/// The line that a playing clock is carried out as, until it is known how long it played.
const PLAYED: &str = "advance 36525d";

/// A shell with a past. See the module's documentation; a [`Shell`]'s methods do here what they do there.
pub struct History {
    seed: u64,
    /// The machine looked at.
    shell: Shell,
    /// Where it stands, while that is the past.
    at: Place,
    thread: Thread,
    /// While the past is looked at: the machine of the present, and the lines that wait there.
    present: Option<Box<Present>>,
    /// Lines entered and not carried out yet.
    waiting: VecDeque<(usize, String)>,
    goal: Option<Goal>,
    /// What the last way led to, and where that was.
    arrived: Option<(StepKind, Place)>,
    /// Up to when the clock plays, while it does.
    plays_until_us: Option<u64>,
    branches: Vec<Branch>,
    next_branch: u32,
    output: Vec<Span>,
}

/// Where things stand at the end of a thread.
struct Present {
    shell: Shell,
    waiting: VecDeque<(usize, String)>,
}

/// A course of events put aside.
struct Branch {
    number: u32,
    left_at_us: u64,
    thread: Thread,
    present: Box<Present>,
}

/// A moment on the way to which the machine is.
#[derive(Clone, Copy, Debug)]
enum Goal {
    Place(Place),
    /// When so much of a kind had happened, or the last time before that which comes before a place.
    Count {
        kind: StepKind,
        count: u64,
        below: Option<Place>,
    },
}

/// What is known of the past while it is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastView {
    /// The moment looked at, microseconds since the epoch.
    pub at_us: u64,
    /// The present.
    pub end_us: u64,
    /// The line that comes next, if none is under way.
    pub next_line: Option<String>,
}

/// A course of events that was put aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchView {
    /// What `branch N` calls it.
    pub number: u32,
    /// Where it was left, microseconds since the epoch.
    pub left_at_us: u64,
    /// Its end.
    pub end_us: u64,
    /// Its last line.
    pub last_line: String,
}

impl History {
    /// A terminal on a fresh machine.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            shell: Shell::new(seed),
            at: Place::default(),
            thread: Thread::default(),
            present: None,
            waiting: VecDeque::new(),
            goal: None,
            arrived: None,
            plays_until_us: None,
            branches: Vec::new(),
            next_branch: 1,
            output: Vec::new(),
        }
    }

    /// See [`Shell::enter`]. The words of history (`back`, `goto`, …) are obeyed in their turn.
    pub fn enter(&mut self, line: &str) {
        self.enter_numbered(0, line);
    }

    /// See [`Shell::enter_numbered`].
    pub fn enter_numbered(&mut self, line_number: usize, line: &str) {
        self.stop_playing();
        for line in line.trim_end_matches('\n').split('\n') {
            let line = line.trim_end_matches('\r').to_owned();
            self.waiting.push_back((line_number, line));
        }
    }

    /// See [`Shell::run`].
    pub fn run(&mut self, max_events: u64) -> Progress {
        let mut left = max_events.max(1);
        loop {
            if self.goal.is_some() {
                left = self.pursue(left);
                if self.goal.is_some() {
                    return self.seeking();
                }
                continue;
            }
            let idle = self.present.is_some() || self.shell.is_idle();
            if left == 0 && (!idle || !self.waiting.is_empty()) {
                return match self.plays() {
                    true => Progress::Running {
                        what: "time".into(),
                        fraction: 0.0,
                    },
                    false => self.shell.progress(),
                };
            }
            if !idle {
                match self.record_turn(left) {
                    Some(work) => left = left.saturating_sub(work),
                    // The clock that plays has got to where it should.
                    None => return Progress::Idle,
                }
                continue;
            }
            let Some((number, line)) = self.waiting.pop_front() else {
                return Progress::Idle;
            };
            left = left.saturating_sub(1);
            let word = self
                .shell
                .at_prompt()
                .then(|| words::parse(&line))
                .flatten();
            match word {
                Some(word) => self.obey(&line, word),
                None => {
                    self.fork();
                    self.feed(number, &line);
                }
            }
        }
    }

    /// See [`Shell::interrupt`]. On the way to a moment of the past, stays where it has come.
    pub fn interrupt(&mut self) {
        self.waiting.clear();
        if self.plays() {
            return self.stop_playing();
        }
        if self.goal.take().is_some() {
            self.settle();
            return;
        }
        if self.present.is_some() {
            return;
        }
        self.settle();
        let here = self.here();
        if self.shell.asks() {
            self.feed(0, "n");
            self.record_turn(1);
        } else if !self.shell.is_idle() {
            self.thread.cut(here, self.shell.world().now_us());
        } else if !self.shell.at_prompt() && !self.shell.in_redis_cli() {
            // The text of a here-document: it is as if it had not been begun.
            let begun = self.thread.lines.iter().rposition(|line| line.is_command);
            if let Some(line) = begun.and_then(|line| self.thread.lines.get(line)) {
                let place = Place::before(line.first_step);
                self.thread.cut(place, self.shell.world().now_us());
            }
        }
        self.shell.interrupt();
    }

    /// See [`Shell::let_pass`]. The time becomes one line, `advance`, when something else is entered.
    pub fn let_pass(&mut self, duration_us: u64) {
        if let Some(until_us) = &mut self.plays_until_us {
            *until_us = until_us.saturating_add(duration_us);
            return;
        }
        if self.goal.is_some() || !self.waiting.is_empty() {
            return;
        }
        if let Some(present) = &self.present {
            let end_us = present.shell.world().now_us();
            let to_us = self.shell.world().now_us().saturating_add(duration_us);
            if to_us < end_us {
                self.seek(to_us);
            } else {
                self.present();
            }
            return;
        }
        if !self.shell.is_idle() || !(self.shell.at_prompt() || self.shell.in_redis_cli()) {
            return;
        }
        self.flush();
        self.feed(0, PLAYED);
        while self.shell.waiting().is_none() && !self.shell.is_idle() {
            self.record_turn(1);
        }
        self.shell.take_output();
        let now_us = self.shell.world().now_us();
        self.plays_until_us = Some(now_us.saturating_add(duration_us));
    }

    /// Ends the line that a playing clock is.
    pub fn stop_playing(&mut self) {
        if self.plays_until_us.take().is_none() {
            return;
        }
        self.settle();
        let here = self.here();
        if here.us == 0 {
            return;
        }
        let prompt = self.shell.prompt();
        self.end_wait_at(here);
        let told = self.shell.take_output();
        if let Some(line) = self.thread.lines.last() {
            let text = format!("{}\n", line.text);
            self.say(Style::Prompt, &prompt);
            self.say(Style::Input, &text);
        }
        self.output.extend(told);
    }

    /// Whether the clock plays: see [`History::let_pass`].
    pub fn plays(&self) -> bool {
        self.plays_until_us.is_some()
    }

    /// See [`Shell::take_output`].
    pub fn take_output(&mut self) -> Vec<Span> {
        self.flush();
        std::mem::take(&mut self.output)
    }

    /// See [`Shell::prompt`].
    pub fn prompt(&self) -> String {
        self.shell.prompt()
    }

    /// See [`Shell::complete`].
    pub fn complete(&self, line: &str) -> Completion {
        self.shell.complete(line)
    }

    /// See [`Shell::view`]. The timeline goes on to the present.
    pub fn view(&mut self, request: &ViewRequest) -> View {
        let mut view = self.shell.view(request);
        if let Some(present) = &mut self.present {
            view.timeline = timeline(&mut present.shell, request.timeline_points);
        }
        view
    }

    /// See [`Shell::world`]: the machine looked at.
    pub fn world(&self) -> &World {
        self.shell.world()
    }

    /// See [`Shell::expectations`].
    pub fn expectations(&self) -> (u64, &[String]) {
        self.shell.expectations()
    }

    /// The shell looked at.
    pub fn shell(&self) -> &Shell {
        &self.shell
    }

    /// The seed of everything random.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Lines that lead exactly to the moment looked at, on a fresh machine with this seed.
    pub fn lines(&self) -> Vec<String> {
        self.thread.lines_to(self.here())
    }

    /// Lines that lead to the present, those still waiting included.
    pub fn all_lines(&self) -> Vec<String> {
        let present = self.present.as_ref();
        let waiting = present.map_or(&self.waiting, |present| &present.waiting);
        let lines = self.thread.lines.iter().map(|line| &line.text);
        lines
            .chain(waiting.iter().map(|(_, text)| text))
            .cloned()
            .collect()
    }

    /// Lets the machine have files that lines speak of: see [`Shell::attach`].
    pub fn attach(&mut self, attachments: &Attachments) {
        self.shell.attach(attachments);
        if let Some(present) = &mut self.present {
            present.shell.attach(attachments);
        }
    }

    /// Whether the machine is on its way to a moment of the past: what it shows meanwhile is neither.
    pub fn is_seeking(&self) -> bool {
        self.goal.is_some()
    }

    /// Whether the past is looked at.
    pub fn is_past(&self) -> bool {
        self.present.is_some()
    }

    /// What is known of the past while it is looked at.
    pub fn past(&self) -> Option<PastView> {
        let present = self.present.as_ref()?;
        let next = self.thread.line_of(self.at.step);
        let next =
            next.filter(|line| self.at == Place::before(self.thread.lines[*line].first_step));
        Some(PastView {
            at_us: self.shell.world().now_us(),
            end_us: present.shell.world().now_us(),
            next_line: next.map(|line| self.thread.lines[line].text.clone()),
        })
    }

    /// What was put aside.
    pub fn branches(&self) -> Vec<BranchView> {
        let views = self.branches.iter().map(|branch| BranchView {
            number: branch.number,
            left_at_us: branch.left_at_us,
            end_us: branch.present.shell.world().now_us(),
            last_line: branch
                .thread
                .lines
                .last()
                .map_or(String::new(), |line| line.text.clone()),
        });
        views.collect()
    }

    /// What the checkpoints take, in bytes, by estimate.
    pub fn checkpoint_bytes(&self) -> u64 {
        self.thread.bytes()
    }

    // The present.

    fn feed(&mut self, number: usize, text: &str) {
        self.thread.lines.push(Line {
            text: text.to_owned(),
            number,
            first_step: self.thread.steps.len(),
            is_command: self.shell.at_prompt() || self.shell.in_redis_cli(),
        });
        self.shell.enter_numbered(number, text);
    }

    /// Where the machine looked at stands.
    fn here(&self) -> Place {
        if self.present.is_some() {
            return self.at;
        }
        let steps = self.thread.steps.len();
        match self.shell.waiting() {
            Some((_, reached_us, _)) => Place {
                step: steps - 1,
                us: reached_us,
            },
            None => Place::before(steps),
        }
    }

    fn end_us(&self) -> u64 {
        let present = self.present.as_ref();
        let shell = present.map_or(&self.shell, |present| &present.shell);
        shell.world().now_us()
    }

    /// Has the shell take a turn, and records it. Returns how much work that was; `None` if the clock plays and has got to
    /// where it should.
    fn record_turn(&mut self, max_events: u64) -> Option<u64> {
        let horizon_us = self.plays_until_us.unwrap_or(u64::MAX);
        let world = self.shell.world();
        let (began_us, before) = (world.now_us(), world.tally());
        let was_started = world.next_pid();
        let waited = self.shell.waiting();
        if waited.is_some_and(|(_, reached_us, _)| reached_us >= horizon_us) {
            return None;
        }
        let turn = self.shell.turn(horizon_us, max_events.min(MOST_AT_ONCE));
        let now_us = self.shell.world().now_us();
        let wait = self.shell.waiting();
        let mut work = 1;
        match turn {
            Turn::Waited { events, met } => {
                work = events.max(1);
                let due_us = self.shell.world().due_us();
                if let Some(step) = self.thread.steps.last_mut() {
                    step.ended_us = now_us;
                    if let Some((from_us, until_us)) = step.wait.filter(|_| met) {
                        step.wait = Some((from_us, due_us.clamp(from_us, until_us)));
                    }
                }
            }
            Turn::Read | Turn::Ran(_) => {
                if self.shell.world().next_pid() != was_started {
                    work += self.shell.world().loaded_items();
                }
                let (ran, only_waits) = match turn {
                    Turn::Ran(ran) => (ran.text, ran.only_waits),
                    _ => (None, wait.is_some()),
                };
                let stops = self.shell.steps();
                self.thread.steps.push(Step {
                    began_us,
                    ended_us: now_us,
                    before,
                    wait: wait.map(|(from_us, _, until_us)| (from_us, until_us)),
                    stops,
                    ran,
                    only_waits,
                });
            }
            Turn::Idle => {}
        }
        self.thread.work += work;
        if self.thread.wants_checkpoint(self.shell.world().own_bytes()) {
            self.flush();
            self.thread.keep(self.here(), &self.shell);
        }
        Some(work)
    }

    /// Has everything happen that is due at the moment that the machine has reached: between those no line could stop.
    fn settle(&mut self) {
        if let Some((_, reached_us, _)) = self.shell.waiting() {
            self.shell.turn(reached_us, u64::MAX);
            let is_past = self.present.is_some();
            if is_past {
                self.shell.take_output();
                self.at = match self.shell.waiting() {
                    Some((_, reached_us, _)) => Place {
                        us: reached_us,
                        ..self.at
                    },
                    None => Place::before(self.at.step + 1),
                };
            } else if let Some(step) = self.thread.steps.last_mut() {
                step.ended_us = self.shell.world().now_us();
            }
        }
    }

    /// Ends the wait where it has come, at `here`, and forgets what was to come.
    fn end_wait_at(&mut self, here: Place) {
        if let Some((from_us, reached_us, _)) = self.shell.waiting() {
            self.shell
                .set_waiting(from_us, reached_us, reached_us, false);
            self.shell.turn(u64::MAX, u64::MAX);
        }
        self.shell.drop_rest();
        self.thread.cut(here, self.shell.world().now_us());
        let step = if here.us > 0 {
            here.step + 1
        } else {
            here.step
        };
        self.at = Place::before(step);
    }

    // What is printed.

    fn flush(&mut self) {
        let output = self.shell.take_output();
        self.output.extend(output);
    }

    fn say(&mut self, style: Style, text: &str) {
        self.flush();
        self.output.push(Span {
            style,
            text: text.to_owned(),
        });
    }

    /// Says where one has got to.
    fn announce(&mut self) {
        let text = match self.past() {
            Some(past) => format!(
                "{} before the end · `present` leads back\n",
                about(past.end_us.saturating_sub(past.at_us))
            ),
            None => "This is the present.\n".into(),
        };
        self.say(Style::Dim, &text);
    }
}

/// A wait is recorded in turns of so many events, so that checkpoints are not too far apart.
const MOST_AT_ONCE: u64 = 5_000;

fn timeline(shell: &mut Shell, points: usize) -> TimelineView {
    let request = ViewRequest {
        timeline_points: points,
        ..ViewRequest::default()
    };
    shell.view(&request).timeline
}
