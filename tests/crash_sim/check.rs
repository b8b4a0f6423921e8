//! The oracles: what a recovery must bring back, and what it must leave alone.

use std::collections::BTreeMap;

use lastsave_vfs::{EveryChoice, SimDisk, Survival};

use crate::driver::{Data, Driver, State, data_of};
use crate::machine::{Marks, Point};
use crate::script::{Item, request};

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Kill,
    PowerNone,
    PowerAll,
    PowerSome,
    /// Power losses with every subset of what is unsynced.
    PowerEvery,
    /// A crash, and another one during the recovery.
    Twice,
    /// Writes fail for want of space, and then there is space again.
    Full,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kill => "process kill",
            Self::PowerNone => "power loss, nothing unsynced survives",
            Self::PowerAll => "power loss, everything written survives",
            Self::PowerSome => "power loss, some of it survives",
            Self::PowerEvery => "power loss, every subset survives",
            Self::Full => "disk full, then killed",
            Self::Twice => "crash during the recovery from a crash",
        }
    }
}

/// One way to crash.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Crash {
    Kill,
    Power(Survival),
}

impl Crash {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Kill => Kind::Kill,
            Self::Power(Survival::None) => Kind::PowerNone,
            Self::Power(Survival::All) => Kind::PowerAll,
            Self::Power(Survival::Seeded(_)) => Kind::PowerSome,
        }
    }

    fn apply(self, disk: &mut SimDisk) {
        match self {
            Self::Kill => disk.kill(),
            Self::Power(survival) => disk.power_loss(survival),
        }
    }
}

/// What a restart can be held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    /// The last completed save.
    Save,
    /// What the log's policy promises; before the log is on, the last completed save.
    Log,
}

impl Promise {
    fn floor(self, marks: &Marks, power: bool) -> usize {
        match self {
            Self::Log if marks.log_on && power => {
                marks.acked_always.max(marks.synced).max(marks.rewritten)
            }
            Self::Log if marks.log_on => marks.acked,
            Self::Log | Self::Save => marks.saved,
        }
    }
}

/// Counts of one kind of crash.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count {
    pub(crate) cases: u64,
    /// Starts refused, with the files left alone, where a page in the middle of a file was lost.
    pub(crate) refused: u64,
    /// Values with a lost page inside that the file format cannot tell.
    pub(crate) silent: u64,
    pub(crate) violations: u64,
}

/// What the checks of a run have found.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) counts: BTreeMap<Kind, Count>,
    pub(crate) violations: Vec<String>,
}

impl Findings {
    pub(crate) fn count(&mut self, kind: Kind) -> &mut Count {
        self.counts.entry(kind).or_default()
    }

    pub(crate) fn violation(&mut self, kind: Kind, text: String) {
        self.count(kind).violations += 1;
        if self.violations.len() < 200 {
            self.violations.push(text);
        }
    }
}

/// A run's history, and how it is to be restarted.
pub(crate) struct Checker<'a> {
    pub(crate) name: &'a str,
    pub(crate) restarts: &'a [(&'a str, Promise)],
    pub(crate) findings: Findings,
}

/// What is known of a crash's circumstances.
struct Circumstances<'a> {
    kind: Kind,
    what: &'a str,
    marks: &'a Marks,
    power: bool,
    /// Whether a page in the middle of a file was lost.
    holes: bool,
}

impl Checker<'_> {
    /// Crashes at a point and checks every restart. Thoroughly: recovers twice, and writes on.
    pub(crate) fn check(&mut self, history: &[State], point: &Point, crash: Crash, thorough: bool) {
        let mut disk = point.disk.clone();
        crash.apply(&mut disk);
        self.check_left(
            history,
            point,
            &disk,
            crash.kind(),
            &format!("{crash:?}"),
            thorough,
        );
    }

    /// Cuts the power at a point, in every way there is if those are not more than `limit`. Returns whether they were
    /// not.
    pub(crate) fn check_every_survival(
        &mut self,
        history: &[State],
        point: &Point,
        limit: u64,
    ) -> bool {
        let mut choice = EveryChoice::new();
        let mut round = 0;
        while choice.next_round() {
            round += 1;
            if round > limit {
                return false;
            }
            let mut disk = point.disk.clone();
            disk.power_loss_by(&mut choice);
            let crash = format!("choice {round}");
            self.check_left(history, point, &disk, Kind::PowerEvery, &crash, false);
        }
        true
    }

    /// Checks every restart from what a crash has left.
    fn check_left(
        &mut self,
        history: &[State],
        point: &Point,
        disk: &SimDisk,
        kind: Kind,
        crash: &str,
        thorough: bool,
    ) {
        let holes = kind != Kind::Kill && has_holes(&point.disk, disk);
        for &(config, promise) in self.restarts {
            let what = format!(
                "{}: {crash} {:?}, restart {:?}",
                self.name,
                point.moment,
                config.replace('\n', " ")
            );
            let circumstances = Circumstances {
                kind,
                what: &what,
                marks: &point.marks,
                power: kind != Kind::Kill,
                holes,
            };
            self.findings.count(kind).cases += 1;
            let recovered = Driver::start(config, disk.clone(), 2, 1, false);
            if self.judge(history, disk, &recovered, promise, &circumstances) && thorough {
                self.check_again(disk, recovered, config, &circumstances);
                self.check_writing_on(disk, config, promise, &circumstances);
            }
        }
    }

    /// Kills a run whose disk is or was full. What it has executed must all be there if `all`.
    pub(crate) fn check_full(&mut self, driver: &Driver, all: bool, what: &str) {
        let mut disk = driver.machine.tape.disk.clone();
        disk.kill();
        disk.clear_faults();
        let (config, promise) = self.restarts[0];
        let recovered = Driver::start(config, disk.clone(), 2, 1, false);
        let mut marks = driver.marks();
        if all {
            marks.acked = marks.executed;
        }
        let circumstances = Circumstances {
            kind: Kind::Full,
            what,
            marks: &marks,
            power: false,
            holes: false,
        };
        self.findings.count(Kind::Full).cases += 1;
        self.judge(&driver.history, &disk, &recovered, promise, &circumstances);
    }

    /// Oracles P, F and O. Returns whether it started.
    fn judge(
        &mut self,
        history: &[State],
        disk: &SimDisk,
        recovered: &Driver,
        promise: Promise,
        at: &Circumstances<'_>,
    ) -> bool {
        let &Circumstances { kind, what, .. } = at;
        if recovered.exited.is_some() {
            let why = recovered.log.last().cloned().unwrap_or_default();
            if at.holes {
                self.findings.count(kind).refused += 1;
            } else {
                self.findings
                    .violation(kind, format!("O {what}: does not start: {why}"));
            }
            if files(disk) != files(&recovered.machine.tape.disk) {
                self.findings.violation(
                    kind,
                    format!("O {what}: refused, and changed the files: {why}"),
                );
            }
            return false;
        }
        let floor = promise.floor(at.marks, at.power);
        let upto = (at.marks.executed + 2).min(history.len());
        let digest = recovered.history[0].digest;
        match history[..upto]
            .iter()
            .rposition(|state| state.digest == digest)
        {
            Some(position) if position < floor => self.findings.violation(
                kind,
                format!(
                    "F {what}: recovered {position} of {} requests, promised {floor} ({:?})",
                    at.marks.executed, at.marks
                ),
            ),
            Some(_) => {}
            None => {
                let data = data_of(recovered.engine.keyspace());
                let zeroed = at.holes
                    && history[floor.min(upto)..upto]
                        .iter()
                        .any(|state| equal_but_for_zeros(&state.data, &data));
                if zeroed {
                    self.findings.count(kind).silent += 1;
                } else {
                    self.findings.violation(
                        kind,
                        format!("P {what}: no prefix of the history ({:?})", at.marks),
                    );
                }
            }
        }
        true
    }

    /// Oracle I: recovering again, with or without the jobs of the first recovery done, changes nothing.
    fn check_again(
        &mut self,
        disk: &SimDisk,
        mut first: Driver,
        config: &str,
        at: &Circumstances<'_>,
    ) {
        let early = first.machine.tape.disk.clone();
        first.finish_jobs();
        let digest = first.history[0].digest;
        let left = files(&first.machine.tape.disk);
        if let Some(path) = left.keys().find(|path| path.contains("temp-")) {
            self.findings
                .violation(at.kind, format!("I {}: {path} stays", at.what));
        }
        for (again, when) in [
            (first.machine.tape.disk.clone(), "after its jobs"),
            (early, "before its jobs"),
        ] {
            let mut again = again;
            again.kill();
            let mut second = Driver::start(config, again, 3, 2, false);
            second.finish_jobs();
            let now = files(&second.machine.tape.disk);
            if second.exited.is_some() {
                let why = second.log.last().cloned().unwrap_or_default();
                self.findings.violation(
                    at.kind,
                    format!("I {}: killed {when}, does not start again: {why}", at.what),
                );
            } else if second.history[0].digest != digest {
                self.findings
                    .violation(at.kind, format!("I {}: killed {when}, other data", at.what));
            } else if now != left {
                let names = |files: &BTreeMap<String, Vec<u8>>| -> Vec<String> {
                    files
                        .iter()
                        .map(|(path, bytes)| format!("{path} ({})", bytes.len()))
                        .collect()
                };
                self.findings.violation(
                    at.kind,
                    format!(
                        "I {}: killed {when}, other files: {:?} then {:?}, from {:?}",
                        at.what,
                        names(&left),
                        names(&now),
                        names(&files(disk)),
                    ),
                );
            }
        }
    }

    /// What is written and acknowledged after the recovery outlives the next crash.
    fn check_writing_on(
        &mut self,
        disk: &SimDisk,
        config: &str,
        promise: Promise,
        at: &Circumstances<'_>,
    ) {
        let mut driver = Driver::start(config, disk.clone(), 2, 1, false);
        driver.play(&request("SET probe 1"));
        if promise == Promise::Save {
            driver.play(&request("SAVE"));
        }
        driver.finish_jobs();
        driver.play(&Item::Advance(1_500_000));
        driver.finish_jobs();
        if driver.marks().acked == 0 {
            self.findings
                .violation(at.kind, format!("F {}: refuses the next write", at.what));
            return;
        }
        let digest = driver.engine.keyspace().digest();
        let crashes = [Crash::Kill, Crash::Power(Survival::None)];
        let survives_power = promise == Promise::Save || !config.contains("appendfsync no");
        for crash in &crashes[..1 + usize::from(survives_power)] {
            let mut disk = driver.machine.tape.disk.clone();
            crash.apply(&mut disk);
            let again = Driver::start(config, disk, 3, 2, false);
            if again.exited.is_some() || again.history[0].digest != digest {
                let why = again.log.last().cloned().unwrap_or_default();
                self.findings.violation(
                    at.kind,
                    format!(
                        "F {}: a write after the recovery is lost by {crash:?}: {why}",
                        at.what
                    ),
                );
            }
        }
    }

    /// Crashes at a point, and again at every point of the recovery.
    pub(crate) fn check_twice(&mut self, history: &[State], point: &Point, first: Crash) {
        let mut disk = point.disk.clone();
        first.apply(&mut disk);
        let holes = first.kind() == Kind::PowerSome && has_holes(&point.disk, &disk);
        for &(config, promise) in self.restarts {
            let mut recovery = Driver::start(config, disk.clone(), 2, 1, true);
            recovery.finish_jobs();
            recovery.machine.tape.point_now();
            for second_point in recovery.take_points() {
                for second in [
                    Crash::Kill,
                    Crash::Power(Survival::None),
                    Crash::Power(Survival::Seeded(point.disk.op_count())),
                ] {
                    let mut disk = second_point.disk.clone();
                    second.apply(&mut disk);
                    let holes = holes
                        || (second.kind() != Kind::Kill && has_holes(&second_point.disk, &disk));
                    let what = format!(
                        "{}: {first:?} {:?}, then {second:?} {:?}, restart {:?}",
                        self.name,
                        point.moment,
                        second_point.moment,
                        config.replace('\n', " ")
                    );
                    self.findings.count(Kind::Twice).cases += 1;
                    let recovered = Driver::start(config, disk.clone(), 3, 2, false);
                    let circumstances = Circumstances {
                        kind: Kind::Twice,
                        what: &what,
                        marks: &point.marks,
                        power: first.kind() != Kind::Kill || second.kind() != Kind::Kill,
                        holes,
                    };
                    self.judge(history, &disk, &recovered, promise, &circumstances);
                }
            }
        }
    }
}

/// Every file with its bytes.
pub(crate) fn files(disk: &SimDisk) -> BTreeMap<String, Vec<u8>> {
    let read = |path: &String| disk.read(path).expect("it is listed");
    disk.files()
        .into_iter()
        .map(|file| (file.path.clone(), read(&file.path)))
        .collect()
}

/// Whether a power loss has left some file other than a prefix of what was written to it.
fn has_holes(written: &SimDisk, left: &SimDisk) -> bool {
    let paths: BTreeMap<u64, String> = written
        .files()
        .into_iter()
        .map(|file| (file.inode, file.path))
        .collect();
    left.files().into_iter().any(|file| {
        paths.get(&file.inode).is_some_and(|path| {
            let whole = written.read(path).expect("it is listed");
            let rest = left.read(&file.path).expect("it is listed");
            !whole.starts_with(&rest)
        })
    })
}

/// Whether two data sets differ only where the second has zero bytes.
fn equal_but_for_zeros(expected: &Data, found: &Data) -> bool {
    expected.len() == found.len()
        && expected.iter().zip(found).all(
            |((key, (value, expiry)), (found_key, (found_value, found_expiry)))| {
                key == found_key
                    && expiry == found_expiry
                    && value.len() == found_value.len()
                    && value
                        .iter()
                        .zip(found_value)
                        .all(|(byte, found)| byte == found || *found == 0)
            },
        )
}
