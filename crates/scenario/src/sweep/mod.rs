//! The crash sweep: a crash before every disk operation of a run, each recovered by the real engine, and what was acknowledged
//! compared with what came back.
//!
//! ```text
//!   count    the run once, fast: how many operations there are, so that a stride can be chosen
//!   sweep    the run again: before each operation the disk is kept (a clone shares its pages), crashed in every way
//!            asked for, and a server is started on it
//! ```
//!
//! Images that are equal to the last byte are recovered once. A point lies right before its operation, so it is what
//! `crash power at N` does, and opens as a scenario ([`Sweep::cell`]).

mod kind;
mod report;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use lastsave_engine::{Config, Loaded};
use lastsave_vfs::{ImageHasher, Op, SimDisk, Stride};
use serde::{Deserialize, Serialize};

pub use kind::CrashKind;
pub use report::{Bin, Summary, SweepReport, sparkline};

use crate::world::{Moment, Recovery};
use crate::{Progress, Scenario, Shell};

/// What is to be swept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepOptions {
    /// The ways to crash at each point.
    pub kinds: Vec<CrashKind>,
    /// How many points at most; a longer run is swept in strides, which the report states.
    pub max_points: u64,
    /// How many bytes the recoveries may read, roughly: bounds the time when files are large.
    pub max_bytes: u64,
}

impl Default for SweepOptions {
    fn default() -> Self {
        Self {
            kinds: vec![CrashKind::Kill, CrashKind::Power],
            max_points: 25_000,
            max_bytes: 12 << 30,
        }
    }
}

/// What a crash at one point came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Whether the server came up again.
    pub started: bool,
    /// Acknowledged writes that are there again.
    pub recovered: u64,
    /// Acknowledged writes that are not.
    pub lost: u64,
    /// How long before the crash the oldest of those was acknowledged, in microseconds.
    pub oldest_lost_us: u64,
    /// How long the start took, in simulated microseconds.
    pub recovery_us: u64,
    /// Keys after the start.
    pub keys: u64,
    /// Whether this breaks what the policy promises, or leaves a hole in the order of writes.
    pub broken: bool,
}

/// One point of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepPoint {
    /// The number of the disk operation it lies before.
    pub number: u64,
    /// The operation in words.
    pub words: String,
    /// When, microseconds since the epoch.
    pub at_us: u64,
    /// Writes acknowledged by then.
    pub acknowledged: u64,
    /// The index of the scenario's line during which it was.
    pub line: usize,
    /// What each kind of crash came to, in the order of [`SweepOptions::kinds`].
    pub outcomes: Vec<Outcome>,
    /// Which start of a server would be repeated.
    process: u32,
    /// Whether it is the end of the run rather than an operation.
    is_end: bool,
}

/// How far a sweep is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepProgress {
    /// Whether it is done.
    pub done: bool,
    /// How much of it is, 0 to 1.
    pub fraction: f64,
    /// Points recovered so far.
    pub points: u64,
}

enum Phase {
    Count,
    Sweep,
    Done,
}

/// Operations and bytes counted in the first run.
#[derive(Clone, Copy, Debug, Default)]
struct Census {
    writes: u64,
    others: u64,
    /// The sizes of the disk at all operations, added up.
    bytes: u128,
}

/// A sweep under way. See the module's documentation.
pub struct Sweep {
    seed: u64,
    title: String,
    lines: Vec<String>,
    options: SweepOptions,
    phase: Phase,
    shell: Shell,
    /// The line to be entered next.
    next: usize,
    census: Census,
    stride: Stride,
    /// Points that are waiting to be recovered, with the index of their line.
    waiting: VecDeque<(usize, Moment)>,
    points: Vec<SweepPoint>,
    hasher: ImageHasher,
    recoveries: BTreeMap<(u128, u32), Recovery>,
    /// Different images recovered so far.
    images: u64,
    /// The configuration made last, and the text it was made from.
    config: Option<(u32, Vec<u8>, Config)>,
    /// By the kind of crash, the last start: the next may go on from it.
    warm: Vec<Option<Warm>>,
    /// How many starts went on from another.
    resumed: u64,
    /// Has every start begin at the beginning.
    #[cfg(test)]
    cold: bool,
}

/// A start that another may go on from.
struct Warm {
    process: u32,
    config: Vec<u8>,
    /// The disk that it was on.
    disk: SimDisk,
    loaded: Loaded,
}

/// One in so many starts that went on from another is repeated from the beginning, to see that it comes to the same.
const CHECK_EVERY: u64 = 256;

/// Events of the simulation in one step of the first run.
const EVENTS_PER_STEP: u64 = 5_000;

impl Sweep {
    /// A sweep of this run. Crashes that it arms itself (`crash … at N`) are left out of it.
    pub fn new(scenario: &Scenario, options: SweepOptions) -> Self {
        let arms = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.first() == Some(&"crash") && words.iter().rev().nth(1) == Some(&"at")
        };
        let lines = scenario.lines.iter().map(|(_, line)| line.clone());
        Self {
            seed: scenario.seed,
            title: scenario.title.clone(),
            lines: lines.filter(|line| !arms(line)).collect(),
            options,
            phase: Phase::Count,
            shell: Shell::new(scenario.seed),
            next: 0,
            census: Census::default(),
            stride: Stride {
                writes: 1,
                others: 1,
            },
            waiting: VecDeque::new(),
            points: Vec::new(),
            hasher: ImageHasher::default(),
            recoveries: BTreeMap::new(),
            images: 0,
            config: None,
            warm: Vec::new(),
            resumed: 0,
            #[cfg(test)]
            cold: false,
        }
    }

    /// Does a little: some thousand events of the run, or one point. A point takes as long as a server takes to load its files.
    pub fn step(&mut self) -> SweepProgress {
        match self.phase {
            Phase::Count => self.count(),
            Phase::Sweep => match self.waiting.pop_front() {
                Some((line, moment)) => self.recover(line, &moment),
                None => self.go_on(),
            },
            Phase::Done => {}
        }
        self.progress()
    }

    /// Runs to the end, unless `on_progress` says no.
    pub fn run(&mut self, on_progress: &mut dyn FnMut(SweepProgress) -> bool) {
        loop {
            let progress = self.step();
            if progress.done || !on_progress(progress) {
                return;
            }
        }
    }

    /// How far it is.
    pub fn progress(&self) -> SweepProgress {
        /// The part of the first run in all the work.
        const COUNTING: f64 = 0.05;
        let fraction = match self.phase {
            Phase::Count => COUNTING * self.next as f64 / self.lines.len().max(1) as f64,
            Phase::Sweep => {
                let planned = self.planned().max(1) as f64;
                COUNTING + (1.0 - COUNTING) * (self.points.len() as f64 / planned).min(1.0)
            }
            Phase::Done => 1.0,
        };
        SweepProgress {
            done: matches!(self.phase, Phase::Done),
            fraction,
            points: self.points.len() as u64,
        }
    }

    /// The points so far, in the order of the run.
    pub fn points(&self) -> &[SweepPoint] {
        &self.points
    }

    /// What is swept.
    pub fn options(&self) -> &SweepOptions {
        &self.options
    }

    /// Enters lines and has events happen. Returns whether the run is over.
    fn play(&mut self, events: u64) -> bool {
        let progress = self.shell.run(events);
        // What it prints is of no interest here.
        self.shell.take_output();
        if progress != Progress::Idle {
            return false;
        }
        match self.lines.get(self.next) {
            Some(line) => {
                self.shell.enter(line);
                self.next += 1;
                false
            }
            None => true,
        }
    }

    // The first run.

    fn count(&mut self) {
        self.shell.world_mut().log_ops();
        let over = self.play(EVENTS_PER_STEP);
        let used = u128::from(self.shell.world().disk().used_bytes());
        for op in self.shell.world_mut().drain_ops() {
            match op.op {
                Op::Write => self.census.writes += 1,
                _ => self.census.others += 1,
            }
            self.census.bytes += used;
        }
        if over {
            self.begin_sweep();
        }
    }

    fn begin_sweep(&mut self) {
        self.stride = self.choose_stride();
        self.shell = Shell::new(self.seed);
        self.next = 0;
        let stride = self.stride;
        self.shell.world_mut().keep_moments(stride);
        self.phase = Phase::Sweep;
    }

    /// As many points as allowed. Operations other than writes are rarer and more interesting, so they are thinned last.
    fn choose_stride(&self) -> Stride {
        let Census {
            writes,
            others,
            bytes,
        } = self.census;
        let all = writes + others;
        let mean_bytes = bytes / u128::from(all.max(1));
        // Of the others, each goes on from the one before.
        let torn = |kind: &&CrashKind| matches!(kind, CrashKind::Torn(_));
        let whole = self.options.kinds.iter().filter(torn).count() as u128;
        let images = mean_bytes * whole + mean_bytes / 64;
        let affordable = u128::from(self.options.max_bytes) / images.max(1);
        let affordable = u64::try_from(affordable).unwrap_or(u64::MAX);
        let most = self.options.max_points.min(affordable).max(16);
        if all <= most {
            return Stride {
                writes: 1,
                others: 1,
            };
        }
        let others_every = others.div_ceil((most / 2).max(most.saturating_sub(writes)));
        let others_every = others_every.max(1);
        let left = most - others.div_ceil(others_every).min(most - 1);
        Stride {
            writes: writes.div_ceil(left).max(1),
            others: others_every,
        }
    }

    /// How many points there will be.
    fn planned(&self) -> u64 {
        self.census.writes.div_ceil(self.stride.writes)
            + self.census.others.div_ceil(self.stride.others)
            + 1
    }

    // The second run.

    fn go_on(&mut self) {
        let line = self.next.saturating_sub(1);
        let over = self.play(1);
        let moments = self.shell.world_mut().take_moments();
        self.waiting
            .extend(moments.into_iter().map(|moment| (line, moment)));
        if over && self.waiting.is_empty() {
            if self.shell.world().running() {
                let last = self.shell.world().last_moment();
                self.recover(line, &last);
            }
            self.phase = Phase::Done;
            self.recoveries.clear();
            self.warm.clear();
            self.hasher = ImageHasher::default();
        }
    }

    fn recover(&mut self, line: usize, moment: &Moment) {
        let outcomes = (0..self.options.kinds.len())
            .map(|kind| self.outcome(moment, kind))
            .collect();
        self.points.push(SweepPoint {
            number: moment.op.number,
            words: report::words(&moment.op),
            at_us: moment.at_us,
            acknowledged: moment.acknowledged,
            line,
            outcomes,
            process: moment.process,
            is_end: moment.op.op == Op::Close,
        });
    }

    fn outcome(&mut self, moment: &Moment, index: usize) -> Outcome {
        let kind = self.options.kinds[index];
        let mut disk = moment.disk.clone();
        kind.strike(&mut disk);
        let key = (disk.image_hash(&mut self.hasher), moment.process);
        let recovery = match self.recoveries.get(&key) {
            Some(recovery) => *recovery,
            None => {
                let recovery = self.start_on(disk, moment, index);
                self.recoveries.insert(key, recovery);
                self.images += 1;
                recovery
            }
        };
        self.judge(moment, kind, recovery)
    }

    /// Starts the server again on a crashed disk: from where the last start came to, if all that is new is at the log's end.
    fn start_on(&mut self, disk: SimDisk, moment: &Moment, kind: usize) -> Recovery {
        let Some(start) = self.shell.start_of(moment.process) else {
            return Recovery::default();
        };
        let path = start.config_path();
        let text = disk.read(&path).unwrap_or_default();
        let known = self.config.as_ref().filter(|(process, known, _)| {
            // What a file includes may have changed.
            *process == moment.process
                && *known == text
                && !text.windows(7).any(|word| word == b"include")
        });
        let config = match known {
            Some((.., config)) => config.clone(),
            None => match start.configuration(&disk) {
                Ok(config) => {
                    self.config = Some((moment.process, text.clone(), config.clone()));
                    config
                }
                Err(_) => return Recovery::default(),
            },
        };
        self.warm.resize_with(self.options.kinds.len(), || None);
        let warm = self.warm[kind].take().filter(|warm| {
            let last = warm.loaded.last_file();
            warm.process == moment.process
                && warm.config == text
                && last.is_some_and(|(path, len)| disk.has_grown_from(&warm.disk, path, len))
        });
        let world = self.shell.world();
        let from = |before| {
            let (disk, config) = (disk.clone(), config.clone());
            world.recover(disk, config, &path, moment.at_us, before)
        };
        let resumes = warm.is_some();
        let (mut recovery, mut loaded) = from(warm.map(|warm| warm.loaded));
        if resumes {
            self.resumed += 1;
            if !recovery.started || self.resumed.is_multiple_of(CHECK_EVERY) {
                let (again, loaded_again) = from(None);
                assert_eq!(again, recovery, "a start that goes on comes to the same");
                (recovery, loaded) = (again, loaded_again);
            }
        }
        #[cfg(test)]
        let loaded = loaded.filter(|_| !self.cold);
        self.warm[kind] = loaded.map(|loaded| Warm {
            process: moment.process,
            config: text,
            disk,
            loaded,
        });
        recovery
    }

    fn judge(&self, moment: &Moment, kind: CrashKind, recovery: Recovery) -> Outcome {
        let world = self.shell.world();
        let acknowledged = moment.acknowledged;
        let Some(writes) = recovery.writes.filter(|_| recovery.started) else {
            let started = recovery.started;
            return Outcome {
                started,
                recovered: if started { acknowledged } else { 0 },
                lost: if started { 0 } else { acknowledged },
                recovery_us: recovery.took_us,
                keys: recovery.keys,
                broken: !started,
                ..Outcome::default()
            };
        };
        let (among, oldest_at_us) = world.acknowledged_among(writes);
        let recovered = among.min(acknowledged);
        let lost = acknowledged - recovered;
        let oldest_lost_us = match oldest_at_us {
            _ if lost == 0 => 0,
            Some(at_us) => {
                let ended_at_us = moment.ended_at_us.unwrap_or(moment.at_us);
                ended_at_us.saturating_sub(at_us)
            }
            // The run itself has gone through a crash since, and forgotten what that took.
            None => world
                .verdict()
                .map_or(0, |verdict| verdict.oldest_lost_ms * 1000),
        };
        let outcome = Outcome {
            started: true,
            recovered,
            lost,
            oldest_lost_us,
            recovery_us: recovery.took_us,
            keys: recovery.keys,
            broken: false,
        };
        let kept = keeps(moment, kind, &recovery, writes, &outcome);
        Outcome {
            broken: !kept,
            ..outcome
        }
    }

    /// The point as a scenario: the run up to there, the crash, a restart, and what it took.
    pub fn cell(&self, point: &SweepPoint, kind: CrashKind) -> String {
        let what = if point.is_end {
            "the end of the run".to_owned()
        } else {
            format!("operation {}", point.number)
        };
        let title = self.title.split_once(": ").map_or(&*self.title, |it| it.0);
        let mut text = format!(
            "# lastsave scenario 1\n# {title}, {} at {what}\nseed {}\n\n",
            kind.word(),
            self.seed
        );
        let mut lines: Vec<&str> = self.lines[..(point.line + 1).min(self.lines.len())]
            .iter()
            .map(String::as_str)
            .collect();
        let armed = kind.line((!point.is_end).then_some(point.number));
        let tearing = matches!(kind, CrashKind::Torn(_)).then_some("fault tearing");
        if point.is_end {
            lines.extend(tearing);
            lines.push(&armed);
        } else {
            // A new disk counts from the beginning.
            let made = lines.iter().rposition(|line| line.trim() == "mkfs");
            let at = made.filter(|at| *at < point.line).map_or(0, |at| at + 1);
            lines.insert(at, &armed);
            if let Some(tearing) = tearing {
                lines.insert(at, tearing);
            }
        }
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        if let Some(start) = self.shell.start_of(point.process) {
            let line = match start.stdin.as_str() {
                "" => start.text.clone(),
                conf => crate::presets::command_line(conf),
            };
            text.push_str(&format!("{line}\n"));
            if point.process > 1 || point.acknowledged > 0 {
                text.push_str("verdict\n");
            }
        }
        text
    }
}

/// How old the oldest lost write may be under `everysec`, in microseconds: a sync a second, and one may be late.
const EVERYSEC_US: u64 = 2_000_000;

/// Whether a recovery keeps what the policy promises: of each write the one in force when it was acknowledged, or when it was due.
fn keeps(
    moment: &Moment,
    kind: CrashKind,
    recovery: &Recovery,
    writes: usize,
    outcome: &Outcome,
) -> bool {
    if !recovery.whole {
        return false;
    }
    let promise = &moment.promise;
    if !promise.log || !recovery.log {
        // A log that a restart does not look at promises nothing.
        return promise.log || recovery.log || writes >= promise.saved;
    }
    match kind {
        CrashKind::Kill => outcome.lost == 0,
        _ if (promise.always_from).is_some_and(|from| moment.acknowledged > from) => {
            outcome.lost == 0
        }
        _ => {
            let ended_at_us = moment.ended_at_us.unwrap_or(moment.at_us);
            let late = promise.timely_since_us.is_some_and(|since_us| {
                let due_for_us = ended_at_us.saturating_sub(since_us);
                outcome.oldest_lost_us.min(due_for_us) > EVERYSEC_US
            });
            writes >= promise.synced && !late
        }
    }
}
