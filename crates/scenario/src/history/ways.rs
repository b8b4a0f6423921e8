//! The ways through history: to a moment, to the next or the last event of a kind, and on from there.

use super::thread::{Place, Thread};
use super::{Branch, Goal, History, MAX_BRANCHES, Present};
use crate::shell::Turn;
use crate::{Progress, Shell, StepKind, Style};

impl History {
    // Going somewhere.

    /// Goes to the moment at which the clock showed `to_us`, microseconds since the epoch; [`History::run`] gets there. What
    /// was being carried out stands still until [`History::present`].
    pub fn seek(&mut self, to_us: u64) {
        self.stop_playing();
        if to_us >= self.end_us() {
            return self.present();
        }
        let place = self.thread.place_at(to_us);
        self.go_to(Goal::Place(place));
    }

    /// Goes to the next moment of the past at which something of the kind happened, or to the present. In the present use the
    /// line `step`.
    pub fn step(&mut self, kind: StepKind) {
        let Some(present) = &self.present else { return };
        let count = self.shell.world().tally().of(kind) + 1;
        if present.shell.world().tally().of(kind) < count {
            return self.present();
        }
        self.go_to(Goal::Count {
            kind,
            count,
            below: None,
        });
    }

    /// Goes back to the last moment before this one at which something of the kind happened, or to the beginning.
    pub fn back(&mut self, kind: StepKind) {
        self.stop_playing();
        self.settle();
        let here = self.here();
        let mut count = self.shell.world().tally().of(kind);
        if self.arrived == Some((kind, here)) {
            count = count.saturating_sub(1);
        }
        self.go_to(Goal::Count {
            kind,
            count,
            below: Some(here),
        });
    }

    /// Goes back by so much time.
    pub fn back_by(&mut self, duration_us: u64) {
        self.stop_playing();
        let now_us = self.shell.world().now_us();
        self.seek(now_us.saturating_sub(duration_us).max(crate::START_US));
    }

    /// Goes back to before the last line. Returns whether there is one.
    pub fn undo(&mut self) -> bool {
        self.stop_playing();
        self.settle();
        let here = self.here();
        let last = self.thread.lines.iter().rev().find(|line| {
            let text = line.text.trim();
            Place::before(line.first_step) < here
                && line.is_command
                && !text.is_empty()
                && !text.starts_with('#')
        });
        let Some(line) = last else { return false };
        self.go_to(Goal::Place(Place::before(line.first_step)));
        true
    }

    /// Goes back to the present, where what was being carried out goes on.
    pub fn present(&mut self) {
        self.goal = None;
        if let Some(present) = self.present.take() {
            self.shell = present.shell;
            let entered = std::mem::replace(&mut self.waiting, present.waiting);
            self.waiting.extend(entered);
        }
    }

    /// Makes the moment looked at the present; what came after it is put aside. Returns whether there was anything.
    pub fn fork(&mut self) -> bool {
        let Some(present) = self.present.take() else {
            return false;
        };
        self.goal = None;
        let left_at_us = self.shell.world().now_us();
        let thread = self.thread.clone();
        self.put_aside(thread, present, left_at_us);
        if self.at.us > 0 {
            self.end_wait_at(self.at);
        } else {
            self.thread.cut(self.at, left_at_us);
            self.shell.drop_rest();
        }
        self.thread.work = self.thread.checkpoints.last().map_or(0, |last| last.work);
        let number = self.next_branch - 1;
        self.say(
            Style::Dim,
            &format!("(what came after is put aside: `branch {number}` takes it up again)\n"),
        );
        true
    }

    /// Takes up again what was put aside under a number; what is done now is put aside in its stead. Returns whether there
    /// is such a branch.
    pub fn take_up(&mut self, number: u32) -> bool {
        let Some(index) = self.branches.iter().position(|it| it.number == number) else {
            return false;
        };
        self.stop_playing();
        self.present();
        self.flush();
        let taken = self.branches.remove(index);
        let taken_lines = taken.thread.lines.iter().map(|line| &line.text);
        let mut pairs = self.thread.lines.iter().zip(taken_lines);
        let is_prefix = self.shell.is_idle()
            && self.waiting.is_empty()
            && self.thread.lines.len() < taken.thread.lines.len()
            && pairs.all(|(mine, theirs)| mine.text == *theirs);
        let thread = std::mem::replace(&mut self.thread, taken.thread);
        let shell = std::mem::replace(&mut self.shell, taken.present.shell);
        let waiting = std::mem::replace(&mut self.waiting, taken.present.waiting);
        if !is_prefix {
            let present = Box::new(Present { shell, waiting });
            self.put_aside(thread, present, taken.left_at_us);
        }
        true
    }

    pub(super) fn put_aside(&mut self, thread: Thread, present: Box<Present>, left_at_us: u64) {
        if self.branches.len() == MAX_BRANCHES {
            self.branches.remove(0);
        }
        self.branches.push(Branch {
            number: self.next_branch,
            left_at_us,
            thread,
            present,
        });
        self.next_branch += 1;
    }

    // The past.

    /// Sets out for a moment of the past, from the nearest machine there is.
    fn go_to(&mut self, goal: Goal) {
        self.flush();
        if self.present.is_none() {
            self.settle();
        }
        let goal = self.resolve(goal);
        let best = match goal {
            Goal::Place(place) => self.thread.nearest(place),
            Goal::Count { kind, count, .. } => {
                let reached = |count| {
                    let all = &self.thread.checkpoints;
                    all.partition_point(|it| it.before.of(kind) < count)
                };
                // A moment that turns out to be this very one has another before it.
                let behind = reached(count);
                behind
                    .checked_sub(1)
                    .and_then(|it| self.thread.checkpoints.get(it))
            }
        };
        let is_past = self.present.is_some();
        let start = best.map_or(Place::default(), |it| it.place);
        let here_will_do = is_past
            && self.at >= start
            && match goal {
                Goal::Place(place) => self.at <= place,
                Goal::Count { kind, count, .. } => self.shell.world().tally().of(kind) < count,
            };
        if !here_will_do {
            let mut shell = match best {
                Some(checkpoint) => checkpoint.shell.clone(),
                None => Shell::new(self.seed),
            };
            // Files may have come after that machine was put by.
            shell.attach(self.shell.attachments());
            self.at = start;
            if start.us > 0
                && let Some(step) = self.thread.steps.get(start.step)
                && let Some((from_us, until_us)) = step.wait
            {
                shell.set_waiting(from_us, start.us, until_us, step.stops);
            }
            let left = std::mem::replace(&mut self.shell, shell);
            if !is_past {
                let waiting = std::mem::take(&mut self.waiting);
                self.present = Some(Box::new(Present {
                    shell: left,
                    waiting,
                }));
            }
        }
        self.goal = Some(goal);
    }

    /// A count that was reached at once, by a line, is a place.
    fn resolve(&mut self, goal: Goal) -> Goal {
        let Goal::Count {
            kind,
            mut count,
            below,
        } = goal
        else {
            return goal;
        };
        loop {
            let steps = &self.thread.steps;
            let behind = steps.partition_point(|step| step.before.of(kind) < count);
            let place = Place::before(behind);
            let at_once = behind
                .checked_sub(1)
                .is_some_and(|step| steps[step].wait.is_none());
            if !at_once {
                return Goal::Count { kind, count, below };
            }
            if below.is_none_or(|below| place < below) {
                self.arrived = Some((kind, place));
                return Goal::Place(place);
            }
            count -= 1;
        }
    }

    /// Goes on towards the goal, for about so many events. Returns how many are left.
    pub(super) fn pursue(&mut self, mut left: u64) -> u64 {
        while let Some(goal) = self.goal {
            let arrived = match goal {
                Goal::Place(place) => {
                    self.at >= place && (self.at.us == 0 || self.shell.waiting().is_none())
                }
                Goal::Count { kind, count, .. } => {
                    self.shell.world().tally().of(kind) >= count || self.at_end()
                }
            };
            if arrived {
                self.arrive(goal);
                continue;
            }
            if left == 0 {
                return 0;
            }
            let (horizon_us, most) = match goal {
                Goal::Place(place) if place.step == self.at.step => (place.us, left),
                Goal::Place(_) => (u64::MAX, left),
                Goal::Count { kind, count, .. } => {
                    let missing = count - self.shell.world().tally().of(kind);
                    // Few events do so much of anything at once.
                    (u64::MAX, (missing / 8).clamp(1, left))
                }
            };
            let Some(done) = self.repeat_turn(horizon_us, most) else {
                // What was recorded and what happens now differ: the present is still what it is.
                self.present();
                return left;
            };
            left = left.saturating_sub(done.max(1));
            let there =
                matches!(goal, Goal::Place(place) if place.step == self.at.step && place.us > 0);
            if there && done < most && self.shell.waiting().is_some() && self.at.us >= horizon_us {
                self.arrive(goal);
            }
        }
        left
    }

    fn arrive(&mut self, goal: Goal) {
        self.goal = None;
        self.settle();
        if let Goal::Count { kind, count, below } = goal {
            // Several things may have happened at once: then the count was passed by more than one.
            if below.is_some_and(|below| self.at >= below) && count > 0 {
                return self.go_to(Goal::Count {
                    kind,
                    count: count - 1,
                    below,
                });
            }
            self.arrived = Some((kind, self.at));
            if below.is_some() && count == 0 {
                let text = format!("This is the beginning: no {} came before.\n", kind.word());
                self.say(Style::Warning, &text);
            }
        }
    }

    fn at_end(&self) -> bool {
        self.at.step >= self.thread.steps.len()
    }

    /// Does again what was recorded: up to one step, or a part of its wait. Returns how many events that was; `None` where
    /// there is nothing to do.
    fn repeat_turn(&mut self, horizon_us: u64, max_events: u64) -> Option<u64> {
        let step = self.thread.steps.get(self.at.step)?;
        if self.shell.is_idle() {
            let line = self.thread.line_of(self.at.step)?;
            let line = &self.thread.lines[line];
            if line.first_step != self.at.step {
                return None;
            }
            self.shell.enter_numbered(line.number, &line.text);
        }
        let began_waiting = self.shell.waiting().is_some();
        let turn = self.shell.turn(horizon_us, max_events);
        let events = match turn {
            Turn::Waited { events, .. } => events,
            _ => 1,
        };
        if !began_waiting
            && self.shell.waiting().is_some()
            && let Some((from_us, until_us)) = step.wait
        {
            self.shell
                .set_waiting(from_us, from_us, until_us, step.stops);
        }
        self.at = match self.shell.waiting() {
            Some((_, reached_us, _)) => Place {
                us: reached_us,
                ..self.at
            },
            None => Place::before(self.at.step + 1),
        };
        self.shell.take_output();
        Some(events)
    }

    pub(super) fn seeking(&self) -> Progress {
        let (now_us, start_us) = (self.shell.world().now_us(), crate::START_US);
        let there_us = match self.goal {
            Some(Goal::Place(place)) => {
                let step = self.thread.steps.get(place.step);
                place.us.max(step.map_or(start_us, |step| step.began_us))
            }
            _ => self.end_us(),
        };
        let (done, total) = (now_us - start_us, there_us.saturating_sub(start_us).max(1));
        Progress::Running {
            what: "going back".into(),
            fraction: (done as f64 / total as f64).min(1.0),
        }
    }
}
