//! What has been carried out, line by line and step by step, and the machine as it was at some moments of it.

use std::rc::Rc;

use crate::Shell;
use crate::units::duration;
use crate::world::Tally;

/// A moment. A *step* is what the shell does at once: it reads a line, or runs a pipeline, and then waits perhaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Steps that are over.
    pub(super) step: usize,
    /// Where the next one waits: everything due up to this time has happened. 0 before it has begun.
    pub(super) us: u64,
}

impl Place {
    /// Before a step.
    pub(super) fn before(step: usize) -> Self {
        Self { step, us: 0 }
    }
}

/// A line that was entered.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) text: String,
    /// Its number in a scenario file, or 0.
    pub(super) number: usize,
    pub(super) first_step: usize,
    /// Whether it was read as a command, not as text or as an answer.
    pub(super) is_command: bool,
}

/// A step.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// The clock at its beginning and, its wait included, at its end: microseconds since the epoch.
    pub(super) began_us: u64,
    pub(super) ended_us: u64,
    /// What had happened before it.
    pub(super) before: Tally,
    /// When it began to wait and when that ends.
    pub(super) wait: Option<(u64, u64)>,
    /// Whether an event may end the wait: `step fsync`.
    pub(super) stops: bool,
    /// The text of a pipeline that ran.
    pub(super) ran: Option<String>,
    /// Whether it does nothing but wait, so that it can be divided.
    pub(super) only_waits: bool,
}

/// The machine at a moment.
pub(super) struct Checkpoint {
    pub(super) place: Place,
    pub(super) before: Tally,
    /// The work that led here: see [`Thread::work`].
    pub(super) work: u64,
    pub(super) shell: Shell,
    /// What it takes that no other shares, but for its files.
    own_bytes: u64,
    /// The inodes and lengths of its files.
    files: Vec<(u64, u64)>,
}

/// Checkpoints take so many bytes together, by estimate.
const MAX_BYTES: u64 = 48 << 20;

/// The least work between two checkpoints: what a page does in about 150 ms, so that a way back takes half of that.
const MIN_WORK: u64 = 100_000;

/// Cloning so many bytes costs about as much as a few events.
const BYTES_PER_EVENT: u64 = 100;

/// A course of events.
#[derive(Clone, Default)]
pub(super) struct Thread {
    pub(super) lines: Vec<Line>,
    pub(super) steps: Vec<Step>,
    /// In order.
    pub(super) checkpoints: Vec<Rc<Checkpoint>>,
    /// How much was done: events, and steps.
    pub(super) work: u64,
}

impl Thread {
    /// The line that a step belongs to.
    pub(super) fn line_of(&self, step: usize) -> Option<usize> {
        let behind = self.lines.partition_point(|line| line.first_step <= step);
        behind.checked_sub(1)
    }

    /// The steps of a line.
    fn steps_of(&self, line: usize) -> std::ops::Range<usize> {
        let end = self.lines.get(line + 1);
        let end = end.map_or(self.steps.len(), |next| next.first_step);
        self.lines[line].first_step..end
    }

    /// Whether the wait of a step can be cut: nothing of its line has to come after it.
    pub(super) fn is_divisible(&self, step: usize) -> bool {
        let Some(line) = self.line_of(step) else {
            return false;
        };
        self.lines[line].is_command && self.steps[step].only_waits
    }

    /// The moment at which the clock showed `us`, to be reached.
    pub(super) fn place_at(&self, us: u64) -> Place {
        let step = self.steps.partition_point(|step| step.ended_us <= us);
        match self.steps.get(step).and_then(|step| step.wait) {
            Some((from_us, _)) if from_us <= us => {
                if self.is_divisible(step) {
                    Place { step, us }
                } else {
                    let line = self.line_of(step).unwrap_or(0);
                    Place::before(self.lines[line].first_step)
                }
            }
            _ => Place::before(step),
        }
    }

    /// The last checkpoint that is not behind `place`.
    pub(super) fn nearest(&self, place: Place) -> Option<&Rc<Checkpoint>> {
        let behind = self.checkpoints.partition_point(|it| it.place <= place);
        self.checkpoints.get(behind.checked_sub(1)?)
    }

    /// Lines that lead to a moment: those carried out before it, and what was carried out of the one after them.
    pub(super) fn lines_to(&self, place: Place) -> Vec<String> {
        let mut lines = Vec::new();
        for (index, line) in self.lines.iter().enumerate() {
            let steps = self.steps_of(index);
            if place >= Place::before(steps.end) {
                lines.push(line.text.clone());
            } else if place > Place::before(steps.start) {
                lines.extend(self.pieces(index, place).into_iter().map(|(_, text)| text));
            } else {
                break;
            }
        }
        lines
    }

    /// What a line has done up to a moment within it, each as a line of its own, with its step.
    fn pieces(&self, line: usize, place: Place) -> Vec<(usize, String)> {
        let done = self.lines[line].first_step..place.step;
        let ran = done.filter_map(|step| Some((step, self.steps[step].ran.clone()?)));
        let mut pieces: Vec<(usize, String)> = ran.collect();
        if let Some(step) = self.steps.get(place.step).filter(|_| place.us > 0)
            && let Some((from_us, _)) = step.wait
        {
            let waited = duration(place.us.saturating_sub(from_us));
            pieces.push((place.step, format!("advance {waited}")));
        }
        pieces
    }

    /// Forgets what comes behind a moment; a line that it lies within becomes what it has done until then.
    pub(super) fn cut(&mut self, place: Place, now_us: u64) {
        let behind = self.checkpoints.partition_point(|it| it.place <= place);
        self.checkpoints.truncate(behind);
        let over = if place.us > 0 {
            place.step + 1
        } else {
            place.step
        };
        if let Some(step) = self.steps.get_mut(place.step).filter(|_| place.us > 0) {
            step.wait = step.wait.map(|(from_us, _)| (from_us, place.us));
            step.stops = false;
            step.ended_us = now_us;
        }
        let within = self.lines.iter().enumerate().find(|(index, line)| {
            let starts = Place::before(line.first_step);
            starts < place && Place::before(self.steps_of(*index).end) > place
        });
        let within = within.map(|(index, _)| index);
        let pieces = within.map(|index| (index, self.pieces(index, place)));
        self.steps.truncate(over);
        let Some((index, pieces)) = pieces else {
            let kept = self.lines.partition_point(|line| line.first_step < over);
            self.lines.truncate(kept);
            return;
        };
        let first = self.lines[index].first_step;
        let number = self.lines[index].number;
        self.lines.truncate(index);
        if let [(_, text)] = pieces.as_slice() {
            self.lines.push(Line {
                text: text.clone(),
                number,
                first_step: first,
                is_command: true,
            });
            return;
        }
        // Each piece is read as a line of its own from now on: the steps get other numbers.
        self.checkpoints.retain(|it| it.place.step <= first);
        let old = self.steps.split_off(first);
        for (step, text) in pieces {
            let ran = &old[step - first];
            self.lines.push(Line {
                text,
                number,
                first_step: self.steps.len(),
                is_command: true,
            });
            self.steps.push(Step {
                ended_us: ran.began_us,
                wait: None,
                ran: None,
                stops: false,
                only_waits: false,
                ..ran.clone()
            });
            self.steps.push(ran.clone());
        }
    }

    /// Whether enough has happened for another checkpoint of this machine to be worth its while.
    pub(super) fn wants_checkpoint(&self, data_bytes: u64) -> bool {
        let last = self.checkpoints.last().map_or(0, |last| last.work);
        self.work - last >= MIN_WORK.max(data_bytes / BYTES_PER_EVENT)
    }

    /// Keeps the machine as it is at `place`, and gives up what is too much.
    pub(super) fn keep(&mut self, place: Place, shell: &Shell) {
        if self.checkpoints.last().is_some_and(|it| it.place >= place) {
            return;
        }
        let world = shell.world();
        let checkpoint = Checkpoint {
            place,
            before: world.tally(),
            work: self.work,
            own_bytes: world.own_bytes(),
            files: world.file_lens(),
            shell: shell.clone(),
        };
        self.checkpoints.push(Rc::new(checkpoint));
        while self.bytes() > MAX_BYTES && self.checkpoints.len() > 1 {
            self.give_one_up();
        }
    }

    /// Gives up the checkpoint that is missed least: where the way between its neighbours is shortest, the older the more
    /// readily. Every moment must stay within reach, so age counts for no more than a factor of two.
    fn give_one_up(&mut self) {
        let mut least: Option<(u64, usize)> = None;
        for index in 0..self.checkpoints.len() - 1 {
            let before = index
                .checked_sub(1)
                .map_or(0, |it| self.checkpoints[it].work);
            let gap = self.checkpoints[index + 1].work - before;
            let age = self.work - self.checkpoints[index].work;
            let missed = (gap << 20) / (self.work + age).max(1);
            if least.is_none_or(|(least, _)| missed < least) {
                least = Some((missed, index));
            }
        }
        if let Some((_, index)) = least {
            self.checkpoints.remove(index);
        }
    }

    /// What the checkpoints take, by estimate: each its own, and the files that the next one does not have any more.
    pub(super) fn bytes(&self) -> u64 {
        let own: u64 = self.checkpoints.iter().map(|it| it.own_bytes).sum();
        let pairs = self.checkpoints.windows(2);
        let files = pairs.map(|pair| {
            let gone = pair[0].files.iter().filter(|(inode, _)| {
                let later = &pair[1].files;
                later.iter().all(|(other, _)| other != inode)
            });
            gone.map(|(_, len)| len).sum::<u64>()
        });
        own + files.sum::<u64>()
    }
}
