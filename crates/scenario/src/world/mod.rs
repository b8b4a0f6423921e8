//! The machine: clock, disk, server, workload, ledger.
//!
//! Time moves from event to event: the workload's next request, the engine's next timeout, a job's next step. Whichever is
//! due first is carried out, the clock standing at its moment; each costs the server some time (see
//! [`MachineProfile`]), so that a later event may find the clock already past it. Nothing happens between events, and a
//! crash may come between any two.

mod alerts;
mod annotate;
mod arrivals;
mod faults;
mod holdings;
mod jobs;
mod keys;
mod landmarks;
mod ledger;
mod locate;
mod measures;
mod memory;
mod points;
mod profile;
pub(crate) mod random;
mod server;
mod shared_list;
mod tally;
mod timeline;
mod verdict;
mod view;
mod workload;
mod wreck;
mod writeback;
mod writes;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use lastsave_engine::{Level, format_log_line};
use lastsave_vfs::{SimDisk, Survival};

pub use arrivals::Pace;
pub(crate) use faults::{ANY_CALL, CALLS, ERRNOS};
pub use faults::{ChildKill, Faults};
pub use measures::{LatencyMeasures, Measures};
pub(crate) use points::{Armed, Moment, Promise, Recovery};
pub(crate) use profile::MOST_MEMORY;
pub use profile::MachineProfile;
pub(crate) use server::{Called, Connection, StartError};
pub use tally::StepKind;
pub(crate) use tally::Tally;
pub(crate) use view::choices;
pub use workload::{WorkloadKind, WorkloadSpec};

use crate::{MarkKind, VerdictView};
use ledger::Ledger;
use measures::Meter;
use random::mix;
use server::Server;
use timeline::Timeline;
use verdict::Ended;
use workload::Workload;

/// When every scenario begins: 2026-11-22 02:30:00 UTC, so that 47 minutes later it is 3:17.
pub const START_US: u64 = 1_795_314_600_000_000;

/// Log lines kept for `log`.
const MAX_LOG_LINES: usize = 10_000;

/// A simulated machine. A clone is a second one in the same state, which goes on in the same way: bit by bit.
#[derive(Clone)]
pub struct World {
    seed: u64,
    profile: MachineProfile,
    now_us: u64,
    disk: SimDisk,
    server: Option<Server>,
    /// How many server processes there have been.
    processes: u32,
    /// The last server that ended, until and after the next one has started.
    ended: Option<Ended>,
    verdict: Option<VerdictView>,
    /// Which process's start the verdict is about.
    verdict_process: u32,
    workload: Option<Workload>,
    faults: Faults,
    ledger: Ledger,
    meter: Meter,
    /// How much memory there is, in bytes.
    memory_limit: u64,
    timeline: Timeline,
    /// A hash over the clock at each event and every reply.
    trace: u64,
    /// Commands executed by processes that have ended.
    commands_before: u64,
    /// The workload's requests that found no server.
    refused: u64,
    /// The workload's requests that were answered with an error.
    errors: u64,
    /// The last such error.
    last_error: Vec<u8>,
    counted: tally::Counted,
    /// When the last event was due.
    due_us: u64,
    /// When the kernel's flusher wakes up next; `u64::MAX` is never.
    flusher_at_us: u64,
    log: VecDeque<(Level, Arc<str>)>,
    /// What the kernel has logged.
    kernel_log: Vec<String>,
    /// Log lines not yet shown, counted from the end of `log`.
    unseen_log: usize,
    /// When files were last written, by inode.
    written_at_us: BTreeMap<u64, u64>,
    /// When a save or a sync last made something durable.
    durable_at_us: Option<u64>,
    alerts: alerts::Alerts,
    /// What is known of the file whose bytes were shown last.
    meaning: annotate::Memory,
    /// The disk before and after the last power loss.
    wreck: Option<Arc<wreck::Wreck>>,
    /// Snapshots that the last server was writing when it ended.
    unheard_cuts: Vec<server::Cut>,
    /// Whether the last server ended in the middle of a disk operation.
    ended_at_point: bool,
    /// A crash that is to happen by itself.
    armed: Option<Armed>,
    /// One that has, and has not been told of.
    happened: Option<Armed>,
    /// For a sweep: the moments kept, which ones are, and what is promised at the next.
    moments: Vec<Moment>,
    stride: Option<lastsave_vfs::Stride>,
    promise: Promise,
}

/// An event's kind. Of those due at the same moment, the first in this order comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Job(usize),
    Timer,
    Request,
}

impl World {
    /// A machine with an empty disk, switched on at a fixed date.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            profile: MachineProfile::LAPTOP,
            now_us: START_US,
            disk: SimDisk::new(None),
            server: None,
            processes: 0,
            ended: None,
            verdict: None,
            verdict_process: 0,
            workload: None,
            faults: Faults::default(),
            ledger: Ledger::default(),
            meter: Meter::default(),
            memory_limit: MachineProfile::LAPTOP.memory_bytes,
            timeline: Timeline::new(START_US),
            trace: mix(seed),
            commands_before: 0,
            refused: 0,
            errors: 0,
            last_error: Vec::new(),
            counted: tally::Counted::default(),
            due_us: START_US,
            flusher_at_us: START_US + MachineProfile::LAPTOP.writeback_interval_us,
            log: VecDeque::new(),
            kernel_log: Vec::new(),
            unseen_log: 0,
            written_at_us: BTreeMap::new(),
            durable_at_us: None,
            alerts: alerts::Alerts::default(),
            meaning: annotate::Memory::default(),
            wreck: None,
            unheard_cuts: Vec::new(),
            ended_at_point: false,
            armed: None,
            happened: None,
            moments: Vec::new(),
            stride: None,
            promise: Promise::default(),
        }
    }

    // Getters.

    /// The time, microseconds since the epoch.
    pub fn now_us(&self) -> u64 {
        self.now_us
    }

    /// When the last event was due; it may have happened later, if the server was behind.
    pub(crate) fn due_us(&self) -> u64 {
        self.due_us
    }

    /// The seed of everything random.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The disk.
    pub fn disk(&self) -> &SimDisk {
        &self.disk
    }

    /// How fast the machine is.
    pub fn profile(&self) -> &MachineProfile {
        &self.profile
    }

    /// The last crash's verdict, if there was one.
    pub fn verdict(&self) -> Option<&VerdictView> {
        self.verdict.as_ref()
    }

    /// Whether the verdict was given at the last start.
    pub(crate) fn verdict_is_fresh(&self) -> bool {
        self.verdict_process == self.processes
    }

    /// Writes acknowledged and not known to be lost.
    pub fn acknowledged(&self) -> u64 {
        self.ledger.acknowledged()
    }

    /// Writes executed whose replies were never released.
    pub fn unacknowledged(&self) -> u64 {
        self.ledger.unacknowledged()
    }

    /// The workload's requests that found no server.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// The workload's requests that were answered with an error, and the last such answer.
    pub fn errors(&self) -> (u64, &[u8]) {
        (self.errors, &self.last_error)
    }

    /// Commands executed since the scenario began.
    pub fn commands(&self) -> u64 {
        self.commands_before
            + self
                .server
                .as_ref()
                .map_or(0, |server| server.engine.status().commands)
    }

    /// A hash over every file operation, every reply and the clock at every event.
    pub fn trace_hash(&self) -> u64 {
        mix(self.trace ^ self.disk.trace_hash())
    }

    /// The faults in force, in the words that set them.
    pub fn fault_words(&self) -> Vec<String> {
        let faults = Faults {
            failing_forks: self.failing_forks(),
            ..self.faults.clone()
        };
        faults.words(&self.disk)
    }

    /// How many background jobs to come find no memory: a running server counts them down.
    pub(super) fn failing_forks(&self) -> u64 {
        let server = self.server.as_ref();
        server.map_or(self.faults.failing_forks, |server| {
            server.engine.failing_forks()
        })
    }

    // The clock.

    /// Lets time pass until `until_us`, or until about `max_events` events have happened. Returns how many did, and whether
    /// the time has come.
    pub(crate) fn run_until(&mut self, until_us: u64, max_events: u64) -> (u64, bool) {
        let mut events = 0;
        while events < max_events {
            if !self.step(until_us) {
                self.flush_by(until_us);
                self.now_us = self.now_us.max(until_us);
                return (events, true);
            }
            events += 1;
        }
        (events, false)
    }

    /// Carries out the next event, if one is due by `until_us`.
    fn step(&mut self, until_us: u64) -> bool {
        let Some((due_us, due)) = self.next_event() else {
            if let Some(workload) = &mut self.workload {
                self.refused += workload.skip_until(until_us);
                if workload.is_through() {
                    self.workload = None;
                }
            }
            return false;
        };
        if due_us > until_us {
            return false;
        }
        self.due_us = due_us;
        self.flush_by(self.now_us.max(due_us));
        self.now_us = self.now_us.max(due_us);
        self.fold(self.now_us);
        match due {
            Due::Job(index) => self.step_job(index),
            Due::Timer => self.timer(),
            Due::Request => self.request(due_us),
        }
        self.watch_alerts();
        true
    }

    /// What is due next, and when. Without a server nothing is: requests come and go unheard.
    #[inline]
    fn next_event(&self) -> Option<(u64, Due)> {
        let server = self.server.as_ref()?;
        let mut next: Option<(u64, Due)> = None;
        let mut consider = |at_us: u64, due: Due| {
            if next.is_none_or(|(earliest_us, _)| at_us < earliest_us) {
                next = Some((at_us, due));
            }
        };
        for (index, job) in server.jobs.iter().enumerate() {
            if let Some(due_us) = job.due_us {
                consider(due_us, Due::Job(index));
            }
        }
        if let Some(at_us) = server.engine.next_timeout() {
            consider(at_us, Due::Timer);
        }
        if let Some(workload) = &self.workload {
            consider(workload.next_at_us(), Due::Request);
        }
        next
    }

    fn timer(&mut self) {
        let Some(server) = &mut self.server else {
            return;
        };
        server.engine.handle_timeout(self.now_us, &mut self.disk);
        self.settle_batch();
        self.watch_memory();
        self.now_us += self.profile.timer_us;
    }

    #[inline]
    fn fold(&mut self, word: u64) {
        self.trace = mix(self.trace ^ word);
    }

    // What the shell orders.

    /// Starts a workload in place of the one before.
    pub(crate) fn set_workload(&mut self, spec: Option<WorkloadSpec>) {
        let seed = self.seed;
        self.workload = spec.map(|spec| Workload::new(spec, self.now_us, seed));
    }

    /// Starts a workload of the requests in `bytes`, whole ones only, in place of the one before.
    pub(crate) fn set_file_workload(&mut self, spec: WorkloadSpec, bytes: Vec<u8>) {
        self.workload = Some(Workload::of_file(spec, bytes, self.now_us));
    }

    /// The running workload.
    pub(crate) fn workload(&self) -> Option<&WorkloadSpec> {
        self.workload.as_ref().map(Workload::spec)
    }

    /// Gives the machine another profile, with this much memory and room on its disk instead of its own, if said. No server
    /// may be running.
    pub fn set_profile(
        &mut self,
        profile: MachineProfile,
        memory_bytes: Option<u64>,
        disk_bytes: Option<u64>,
    ) {
        assert!(
            self.server.is_none(),
            "the machine is changed under a server"
        );
        self.profile = profile;
        self.memory_limit = memory_bytes
            .unwrap_or(profile.memory_bytes)
            .min(MOST_MEMORY);
        self.faults.disk_bytes = disk_bytes.or(profile.disk_bytes);
        self.disk.set_capacity(self.faults.disk_bytes);
        self.set_flusher(self.now_us);
    }

    /// How much the machine's disk holds when nothing is broken, if that is limited.
    pub fn disk_bytes(&self) -> Option<u64> {
        self.faults.disk_bytes
    }

    /// What the kernel has logged.
    pub fn kernel_log(&self) -> &[String] {
        &self.kernel_log
    }

    /// Changes the faults in force, with a mark on the timeline.
    pub(crate) fn set_fault(
        &mut self,
        words: &str,
        change: impl FnOnce(&mut Faults, &mut SimDisk),
    ) {
        self.faults.failing_forks = self.failing_forks();
        change(&mut self.faults, &mut self.disk);
        if let Some(server) = &mut self.server {
            server.engine.set_failing_forks(self.faults.failing_forks);
        }
        self.timeline
            .mark(self.now_us, MarkKind::Fault, format!("fault {words}"));
    }

    /// The disk, to be changed by hand. `changed` says whether anything was: then exposure is computed anew.
    pub(crate) fn by_hand<T>(&mut self, act: impl FnOnce(&mut SimDisk) -> T) -> T {
        let result = act(&mut self.disk);
        self.refresh_durable();
        result
    }

    /// The content of a file was changed by hand.
    pub(crate) fn file_changed(&mut self, path: &str) {
        if let Some(inode) = self.disk.inode(path) {
            self.written_at_us.insert(inode, self.now_us);
        }
    }

    /// The content of a file was replaced by hand: what it holds is not known any more.
    pub(crate) fn file_replaced(&mut self, path: &str) {
        if let Some(inode) = self.disk.inode(path) {
            self.ledger.forget_file(inode);
        }
        self.file_changed(path);
    }

    /// A file was copied by hand.
    pub(crate) fn file_copied(&mut self, from: &str, to: &str) {
        if let (Some(from), Some(inode)) = (self.disk.inode(from), self.disk.inode(to)) {
            self.ledger.copy_file(from, inode);
        }
        self.file_changed(to);
        self.refresh_durable();
    }

    /// A file was made from the data as they are now.
    pub(crate) fn file_is_snapshot(&mut self, path: &str) {
        if let Some(inode) = self.disk.inode(path) {
            self.ledger.snapshot_holds(inode, self.ledger.len());
            self.refresh_durable();
        }
    }

    /// When a file was last written.
    pub(crate) fn file_written_at_us(&self, path: &str) -> u64 {
        let inode = self.disk.inode(path);
        inode
            .and_then(|inode| self.written_at_us.get(&inode).copied())
            .unwrap_or(START_US)
    }

    /// Kills the server's process. Returns whether there was one.
    pub(crate) fn kill(&mut self, cause: &str) -> bool {
        let running = self.server.is_some();
        if running {
            self.timeline
                .mark(self.now_us, MarkKind::Kill, cause.to_owned());
            self.end_server(cause, false);
        }
        running
    }

    /// Cuts the power.
    pub(crate) fn power_loss(&mut self, cause: &str, survival: Survival) {
        self.flush_by(self.now_us);
        self.timeline
            .mark(self.now_us, MarkKind::PowerLoss, cause.to_owned());
        self.end_server(cause, true);
        let before = self.disk.clone();
        self.disk.power_loss(survival);
        self.wreck = Some(Arc::new(wreck::Wreck::new(before, &self.disk)));
        self.rearm();
        self.refresh_durable();
    }

    /// Gives the machine an empty disk, as if it had never been used; only the clock goes on. No server may be running.
    pub(crate) fn format(&mut self, words: &str) {
        assert!(self.server.is_none(), "the shell has looked");
        self.trace = self.trace_hash();
        self.counted.syncs_before += self.disk.totals().syncs;
        self.disk = SimDisk::new(self.faults.disk_bytes);
        self.faults = self.faults.mended();
        self.armed = None;
        if let Some(stride) = self.stride {
            self.keep_moments(stride);
        }
        self.ledger = Ledger::default();
        self.meter = Meter::default();
        self.ended = None;
        self.verdict = None;
        self.written_at_us.clear();
        self.durable_at_us = None;
        self.alerts = alerts::Alerts::default();
        self.wreck = None;
        self.timeline
            .mark(self.now_us, MarkKind::Fault, words.to_owned());
        self.timeline.set_exposed(self.now_us, 0);
    }

    // The log.

    pub(crate) fn log(&mut self, pid: u32, level: Level, text: &str) {
        let line = format_log_line(pid, level, self.now_us, 0, text);
        self.log_raw(level, line);
    }

    pub(crate) fn log_raw(&mut self, level: Level, line: String) {
        if self.log.len() == MAX_LOG_LINES {
            self.log.pop_front();
        }
        self.log.push_back((level, line.into()));
        self.unseen_log = (self.unseen_log + 1).min(self.log.len());
    }

    /// The log lines that have come since the last call.
    pub(crate) fn take_log(&mut self) -> Vec<(Level, Arc<str>)> {
        let unseen = std::mem::take(&mut self.unseen_log);
        self.log.range(self.log.len() - unseen..).cloned().collect()
    }

    /// The last `count` log lines.
    pub(crate) fn last_log(&self, count: usize) -> Vec<(Level, Arc<str>)> {
        let skipped = self.log.len().saturating_sub(count);
        self.log.range(skipped..).cloned().collect()
    }
}
