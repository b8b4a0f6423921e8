//! The oracles: what a recovery must bring back, and what it must leave alone.

use std::collections::BTreeMap;

use lastsave_tests::proof::Counts;
use lastsave_vfs::{EveryChoice, SimDisk, Survival};

use crate::damage::{Damage, damage};
use crate::driver::Driver;
use crate::machine::{Marks, Point};
use crate::script::{Item, request};
use crate::setup::configured;

/// One way to crash.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Crash {
    Kill,
    Power(Survival),
}

impl Crash {
    pub(crate) fn is_power(self) -> bool {
        matches!(self, Self::Power(_))
    }

    pub(crate) fn apply(self, disk: &mut SimDisk) {
        match self {
            Self::Kill => disk.kill(),
            Self::Power(survival) => disk.power_loss(survival),
        }
    }
}

/// What a restart can be held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    /// The last completed save, or the one that was under way.
    Save,
    /// The one or the other of these: as the configuration that it is restarted with says.
    AsConfigured,
    /// What the log's policy promises; before the log is on, the last completed save.
    Log,
}

impl Promise {
    fn under(self, config: &str) -> Self {
        match self {
            Self::AsConfigured if config.contains("appendonly yes") => Self::Log,
            Self::AsConfigured => Self::Save,
            promise => promise,
        }
    }

    pub(crate) fn floor(self, marks: &Marks, power: bool) -> usize {
        match self {
            Self::Log if marks.log_on && power => {
                marks.acked_always.max(marks.synced).max(marks.rewritten)
            }
            Self::Log if marks.log_on => marks.acked,
            Self::Log | Self::Save | Self::AsConfigured => marks.saved,
        }
    }
}

/// How a run is to be restarted: the configuration, and what it is held to.
pub(crate) type Restart = (&'static str, Promise);

/// What the checks of a run have found.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) counts: Counts,
    pub(crate) violations: Vec<String>,
}

/// A run's name, how it is to be restarted, and what was found.
pub(crate) struct Checker<'a> {
    pub(crate) name: &'a str,
    /// What else is to be said of the run.
    pub(crate) context: String,
    pub(crate) restarts: &'a [Restart],
    pub(crate) findings: Findings,
}

/// What is known of a crash's circumstances.
struct Circumstances<'a> {
    what: &'a str,
    marks: &'a Marks,
    power: bool,
    damage: Damage,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(name: &'a str, restarts: &'a [Restart]) -> Self {
        Self {
            name,
            context: String::new(),
            restarts,
            findings: Findings::default(),
        }
    }

    pub(crate) fn violation(&mut self, text: String) {
        self.findings.violations.push(text);
    }

    /// Takes over what the driver itself has found wrong.
    pub(crate) fn hear(&mut self, driver: &mut Driver) {
        for complaint in std::mem::take(&mut driver.complaints) {
            let text = format!("{} {}: {complaint}", self.name, self.context);
            self.violation(text);
        }
    }

    /// Crashes at a point and checks every restart. Thoroughly: recovers twice, and writes on.
    pub(crate) fn check(&mut self, history: &[u64], point: &Point, crash: Crash, thorough: bool) {
        let mut disk = point.disk.clone();
        crash.apply(&mut disk);
        disk.clear_faults();
        self.check_left(
            history,
            point,
            &disk,
            crash.is_power(),
            &format!("{crash:?}"),
            thorough,
        );
    }

    /// Cuts the power at a point, in every way there is if those are not more than `limit`. Returns whether they were
    /// not.
    pub(crate) fn check_every_survival(
        &mut self,
        history: &[u64],
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
            self.check_left(history, point, &disk, true, &crash, false);
        }
        true
    }

    /// Checks every restart from what a crash has left.
    fn check_left(
        &mut self,
        history: &[u64],
        point: &Point,
        disk: &SimDisk,
        power: bool,
        crash: &str,
        thorough: bool,
    ) {
        let damage = if power {
            damage(&point.disk, disk)
        } else {
            Damage::default()
        };
        for &(config, promise) in self.restarts {
            let config = &*configured(config, disk);
            let promise = promise.under(config);
            let what = format!(
                "{} {}: {crash} {:?}, restart {:?}",
                self.name,
                self.context,
                point.moment,
                config.replace('\n', " ")
            );
            let circumstances = Circumstances {
                what: &what,
                marks: &point.marks,
                power,
                damage,
            };
            self.findings.counts.cases += 1;
            let recovered = Driver::start(config, disk.clone(), 2, 1, false);
            if self.judge(history, disk, &recovered, promise, &circumstances) && thorough {
                self.check_again(disk, recovered, config, &circumstances);
                self.check_writing_on(disk, config, promise, &circumstances);
            }
        }
    }

    /// Ends a run as it stands, by every restart. With `all`, what it has executed must all be there, answered or not.
    pub(crate) fn check_now(&mut self, driver: &Driver, crash: Crash, all: bool) {
        let mut disk = driver.machine.tape.disk.clone();
        crash.apply(&mut disk);
        disk.clear_faults();
        let mut marks = driver.marks().clone();
        if all {
            marks.acked = marks.executed;
        }
        let damage = if crash.is_power() {
            damage(&driver.machine.tape.disk, &disk)
        } else {
            Damage::default()
        };
        for &(config, promise) in self.restarts {
            let config = &*configured(config, &disk);
            let promise = promise.under(config);
            let what = format!(
                "{} {}: {crash:?}, restart {:?}",
                self.name,
                self.context,
                config.replace('\n', " ")
            );
            let circumstances = Circumstances {
                what: &what,
                marks: &marks,
                power: crash.is_power(),
                damage,
            };
            self.findings.counts.cases += 1;
            let recovered = Driver::start(config, disk.clone(), 2, 1, false);
            self.judge(&driver.history, &disk, &recovered, promise, &circumstances);
        }
    }

    /// Oracles P, F and O. Returns whether it started.
    fn judge(
        &mut self,
        history: &[u64],
        disk: &SimDisk,
        recovered: &Driver,
        promise: Promise,
        at: &Circumstances<'_>,
    ) -> bool {
        let &Circumstances { what, marks, .. } = at;
        if recovered.exited.is_some() {
            let why = recovered.log.last().cloned().unwrap_or_default();
            if at.damage.holes {
                self.findings.counts.refused += 1;
            } else {
                self.violation(format!("O {what}: does not start: {why}"));
            }
            if files(disk) != files(&recovered.machine.tape.disk) {
                self.violation(format!("O {what}: refused, and changed the files: {why}"));
            }
            return false;
        }
        let floor = promise.floor(marks, at.power);
        let upto = (marks.executed + 3).min(history.len());
        let digest = recovered.history[0];
        match history[..upto].iter().rposition(|state| *state == digest) {
            Some(position) if position < floor => self.violation(format!(
                "F {what}: recovered {position} of {} requests, promised {floor} ({marks:?})",
                marks.executed
            )),
            Some(_) if promise == Promise::Save && !self.is_a_save(history, marks, digest) => {
                self.violation(format!("P {what}: not what was saved ({marks:?})"));
            }
            Some(_) => {}
            None if at.damage.unnoticeable => self.findings.counts.unnoticed += 1,
            None => self.violation(format!("P {what}: no prefix of the history ({marks:?})")),
        }
        true
    }

    /// Whether these are the data of the last completed save, or of the one under way: a file is wholly one or the other.
    fn is_a_save(&self, history: &[u64], marks: &Marks, digest: u64) -> bool {
        let by_request = match marks.saves_inline {
            true => marks.executed..(marks.executed + 2).min(history.len()),
            false => 0..0,
        };
        history[marks.saved] == digest
            || marks.attempts.iter().any(|cut| history[*cut] == digest)
            || history[by_request].contains(&digest)
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
        let digest = first.history[0];
        let left = files(&first.machine.tape.disk);
        if let Some(path) = left.keys().find(|path| path.contains("temp-")) {
            self.violation(format!("I {}: {path} stays", at.what));
        }
        if config.contains("appendonly yes")
            && let Some(name) = history_left(disk, &first.machine.tape.disk)
        {
            self.violation(format!("I {}: {name} was replaced, and stays", at.what));
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
                self.violation(format!(
                    "I {}: killed {when}, does not start again: {why}",
                    at.what
                ));
            } else if second.history[0] != digest {
                self.violation(format!("I {}: killed {when}, other data", at.what));
            } else if now != left {
                let names = |files: &BTreeMap<String, Vec<u8>>| -> Vec<String> {
                    files
                        .iter()
                        .map(|(path, bytes)| format!("{path} ({})", bytes.len()))
                        .collect()
                };
                self.violation(format!(
                    "I {}: killed {when}, other files: {:?} then {:?}, from {:?}",
                    at.what,
                    names(&left),
                    names(&now),
                    names(&files(disk)),
                ));
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
        let with_log = config.contains("appendonly yes");
        driver.play(&request("SET probe 1"));
        if promise == Promise::Save && !with_log {
            driver.play(&request("SAVE"));
        }
        driver.finish_jobs();
        driver.play(&Item::Advance(1_500_000));
        driver.finish_jobs();
        if driver.marks().acked == 0 {
            return self.violation(format!("F {}: refuses the next write", at.what));
        }
        let digest = driver.engine.keyspace().digest();
        let crashes = [Crash::Kill, Crash::Power(Survival::None)];
        let survives_power = !config.contains("appendfsync no\n");
        for crash in &crashes[..1 + usize::from(survives_power)] {
            let mut disk = driver.machine.tape.disk.clone();
            crash.apply(&mut disk);
            let again = Driver::start(config, disk, 3, 2, false);
            if again.exited.is_some() || again.history[0] != digest {
                let why = again.log.last().cloned().unwrap_or_default();
                self.violation(format!(
                    "F {}: a write after the recovery is lost by {crash:?}: {why}",
                    at.what
                ));
            }
        }
    }

    /// Crashes at a point, and again at every point of the recovery, and so on `depth` times, of which all but the first
    /// are at points chosen by lot.
    pub(crate) fn check_in_recovery(
        &mut self,
        history: &[u64],
        point: &Point,
        first: Crash,
        depth: usize,
    ) {
        let mut disk = point.disk.clone();
        first.apply(&mut disk);
        let damage = match first {
            Crash::Kill => Damage::default(),
            Crash::Power(_) => damage(&point.disk, &disk),
        };
        for &restart in self.restarts {
            let what = format!(
                "{} {}: {first:?} {:?}",
                self.name, self.context, point.moment
            );
            let circumstances = Circumstances {
                what: &what,
                marks: &point.marks,
                power: first.is_power(),
                damage,
            };
            self.crash_again(history, &disk, restart, &circumstances, depth);
        }
    }

    fn crash_again(
        &mut self,
        history: &[u64],
        disk: &SimDisk,
        restart: Restart,
        before: &Circumstances<'_>,
        depth: usize,
    ) {
        let config = &*configured(restart.0, disk);
        let promise = restart.1.under(config);
        let mut recovery = Driver::start(config, disk.clone(), 2, 1, true);
        recovery.finish_jobs();
        recovery.machine.tape.point_now();
        let points = recovery.take_points();
        for (index, point) in points.iter().enumerate() {
            for crash in [
                Crash::Kill,
                Crash::Power(Survival::None),
                Crash::Power(Survival::Seeded(point.disk.op_count())),
            ] {
                let mut disk = point.disk.clone();
                crash.apply(&mut disk);
                let lost = match crash {
                    Crash::Kill => Damage::default(),
                    Crash::Power(_) => damage(&point.disk, &disk),
                };
                let what = format!("{}, then {crash:?} {:?}", before.what, point.moment);
                let circumstances = Circumstances {
                    what: &what,
                    marks: before.marks,
                    power: before.power || crash.is_power(),
                    damage: before.damage.and(lost),
                };
                self.findings.counts.cases += 1;
                let recovered = Driver::start(config, disk.clone(), 3, 2, false);
                self.judge(history, &disk, &recovered, promise, &circumstances);
                // One point of a recovery for each of the depths that follow.
                if depth > 1 && index == disk.op_count() as usize % points.len() {
                    self.crash_again(history, &disk, restart, &circumstances, depth - 1);
                }
            }
        }
    }
}

/// A replaced file that the manifest of `before` lists as such, or that of `after` does, and that `after` has still.
fn history_left(before: &SimDisk, after: &SimDisk) -> Option<String> {
    let manifest = |disk: &SimDisk| {
        let text = disk.read("appendonlydir/appendonly.aof.manifest").ok()?;
        lastsave_aof::Manifest::parse(&text).ok()
    };
    let listed = manifest(after).and_then(|manifest| manifest.history_names().pop());
    let stays = |name: &String| after.read(&format!("appendonlydir/{name}")).is_ok();
    let mut replaced = manifest(before).map_or_else(Vec::new, |manifest| manifest.history_names());
    replaced.retain(stays);
    listed.or(replaced.pop())
}

/// Every file with its bytes.
pub(crate) fn files(disk: &SimDisk) -> BTreeMap<String, Vec<u8>> {
    let read = |path: &String| disk.read(path).expect("it is listed");
    disk.files()
        .into_iter()
        .map(|file| (file.path.clone(), read(&file.path)))
        .collect()
}
