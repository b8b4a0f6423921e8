//! Four threads for what may take long: syncing the append-only file, writing snapshots, freeing files, freeing memory.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryIter, select, unbounded};
use lastsave_dict::Chunk;
use lastsave_engine::{Job, JobId, JobOutcome, SnapshotPart, SnapshotWriter, Step};
use lastsave_keyspace::{Garbage, Object};
use lastsave_vfs::{FileId, OpenMode, SyncKind, Vfs};
use rustix::event::EventfdFlags;

use crate::RealDisk;
use crate::disk::OpenFile;

/// What a thread has to say.
pub enum Report {
    /// A snapshot has taken in this many parts; these are their chunks, emptied.
    Progress(JobId, usize, Vec<Chunk<Object>>),
    /// A job has ended.
    Done(JobId, JobOutcome),
}

enum SnapshotOrder {
    Start(JobId, Box<SnapshotWriter>, RealDisk),
    Part(JobId, SnapshotPart),
    Stop,
}

/// The threads and the channels to them. Dropping it ends them, once they have done what they were given.
///
/// How much waits in the channels is bounded by the engine: one sync, and a limited number of parts of a snapshot.
pub struct Workers {
    syncs: Option<Sender<(JobId, FileId, RealDisk)>>,
    snapshots: Option<Sender<SnapshotOrder>>,
    garbage: Option<Sender<(JobId, Vec<Garbage>)>>,
    /// Nothing is sent; the thread that frees files ends when it is dropped.
    files_end: Option<Sender<()>>,
    reports: Receiver<Report>,
    /// Readable while there are reports.
    wake: Arc<OwnedFd>,
    /// The last snapshot to be stopped: it shall not take another step.
    stopped: Arc<AtomicU64>,
    /// Set when they are to end: nothing waits any more.
    ending: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// The way back to the main thread.
#[derive(Clone)]
struct Reporter {
    reports: Sender<Report>,
    wake: Arc<OwnedFd>,
}

impl Reporter {
    fn report(&self, report: Report) {
        // Nobody listens once the process is about to end.
        if self.reports.send(report).is_ok() {
            let _ = rustix::io::write(&*self.wake, &1u64.to_ne_bytes());
        }
    }
}

impl Workers {
    /// Starts the threads, and has `disk` leave closing to one of them.
    ///
    /// # Errors
    /// If the system has no thread or descriptor left.
    pub fn start(disk: &mut RealDisk) -> std::io::Result<Self> {
        let wake = rustix::event::eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        let wake = Arc::new(wake);
        let (report, reports) = unbounded();
        let reporter = Reporter {
            reports: report,
            wake: wake.clone(),
        };
        let stopped = Arc::new(AtomicU64::new(0));
        let ending = Arc::new(AtomicBool::new(false));
        let (syncs, sync_orders) = unbounded();
        let (snapshots, snapshot_orders) = unbounded();
        let (garbage, garbage_orders) = unbounded();
        let (closer, to_close) = unbounded();
        let (files_end, end) = unbounded();
        disk.close_by(closer);
        let named = |name: &str| thread::Builder::new().name(name.into());
        let threads = vec![
            named("aof-sync").spawn({
                let reporter = reporter.clone();
                move || sync_files(&sync_orders, &reporter)
            })?,
            named("snapshot").spawn({
                let reporter = reporter.clone();
                let (stopped, ending) = (stopped.clone(), ending.clone());
                move || write_snapshots(&snapshot_orders, &reporter, &stopped, &ending)
            })?,
            named("free-memory").spawn({
                let reporter = reporter.clone();
                move || free_memory(&garbage_orders, &reporter)
            })?,
            named("free-files").spawn(move || free_files(&to_close, &end))?,
        ];
        Ok(Self {
            syncs: Some(syncs),
            snapshots: Some(snapshots),
            garbage: Some(garbage),
            files_end: Some(files_end),
            reports,
            wake,
            stopped,
            ending,
            threads,
        })
    }

    /// A descriptor that can be read while there are reports.
    pub fn wake(&self) -> &OwnedFd {
        &self.wake
    }

    /// The reports since the last call; the descriptor is quiet afterwards.
    pub fn take_reports(&self) -> TryIter<'_, Report> {
        let _ = rustix::io::read(&*self.wake, &mut [0; 8]);
        self.reports.try_iter()
    }

    /// Starts a job on the files of `disk`. What takes no time is done at once: its outcome.
    pub fn start_job(&self, id: JobId, job: Job, disk: &RealDisk) -> Option<JobOutcome> {
        let mut disk = disk.clone();
        match job {
            Job::SyncAof(ticket) => send(&self.syncs, (id, ticket.file, disk)),
            Job::Snapshot(writer) => {
                send(&self.snapshots, SnapshotOrder::Start(id, writer, disk));
            }
            Job::Unlink(paths) => {
                for path in paths {
                    unlink(&mut disk, &path);
                }
                return Some(JobOutcome::Done { len: 0 });
            }
            Job::Free(garbage) => send(&self.garbage, (id, garbage)),
        }
        None
    }

    /// Passes a part to the snapshot that is being written.
    pub fn feed_job(&self, id: JobId, part: SnapshotPart) {
        send(&self.snapshots, SnapshotOrder::Part(id, part));
    }

    /// Stops a snapshot; its temporary file is removed soon, and nothing more is reported of it.
    pub fn stop_job(&self, id: JobId) {
        self.stopped.store(id.0, Ordering::Release);
        send(&self.snapshots, SnapshotOrder::Stop);
    }
}

fn send<T>(orders: &Option<Sender<T>>, order: T) {
    let orders = orders.as_ref().expect("kept until the end");
    assert!(
        orders.send(order).is_ok(),
        "a worker thread has ended before its time"
    );
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Release);
        self.syncs = None;
        self.snapshots = None;
        self.garbage = None;
        self.files_end = None;
        for thread in self.threads.drain(..) {
            // A panic has been reported where it happened.
            let _ = thread.join();
        }
    }
}

fn sync_files(orders: &Receiver<(JobId, FileId, RealDisk)>, reporter: &Reporter) {
    for (id, file, mut disk) in orders {
        let outcome = match disk.sync(file, SyncKind::Data) {
            Ok(()) => JobOutcome::Done { len: 0 },
            Err(error) => JobOutcome::Failed(error),
        };
        reporter.report(Report::Done(id, outcome));
    }
}

struct Running {
    id: JobId,
    writer: Box<SnapshotWriter>,
    disk: RealDisk,
}

fn write_snapshots(
    orders: &Receiver<SnapshotOrder>,
    reporter: &Reporter,
    stopped: &AtomicU64,
    ending: &AtomicBool,
) {
    let mut running: Option<Running> = None;
    // A base file waits under its temporary name for the engine, which may end or withdraw it without knowing it.
    let mut finished: Option<(JobId, String, RealDisk)> = None;
    for order in orders {
        let mut chunk = None;
        match order {
            SnapshotOrder::Start(id, writer, disk) => running = Some(Running { id, writer, disk }),
            SnapshotOrder::Part(id, part) => match &mut running {
                Some(snapshot) if snapshot.id == id => {
                    let keys = part.keys() as u64;
                    chunk = Some(snapshot.writer.feed(part));
                    wait(keys * snapshot.writer.spec().key_delay_us, || {
                        is_stopped(id, stopped) || ending.load(Ordering::Acquire)
                    });
                }
                // It has failed or was stopped meanwhile.
                _ => continue,
            },
            SnapshotOrder::Stop => {
                if let Some((id, temp_path, mut disk)) = finished.take()
                    && stopped.load(Ordering::Acquire) == id.0
                {
                    // One that is gone already is what was wanted.
                    let _ = disk.unlink(&temp_path);
                }
            }
        }
        let Some(snapshot) = &mut running else {
            continue;
        };
        let id = snapshot.id;
        let ended = take_steps(snapshot, stopped);
        if let Some(chunk) = chunk {
            reporter.report(Report::Progress(id, 1, chunk.into_iter().collect()));
        }
        if let Some(outcome) = ended {
            if let (JobOutcome::Done { .. }, None) = (&outcome, &snapshot.writer.spec().final_path)
            {
                let temp_path = snapshot.writer.spec().temp_path.clone();
                finished = Some((id, temp_path, snapshot.disk.clone()));
            }
            running = None;
            if !matches!(outcome, JobOutcome::Killed(_)) {
                reporter.report(Report::Done(id, outcome));
            }
        }
    }
    if let Some(mut snapshot) = running {
        snapshot.writer.abandon(&mut snapshot.disk);
    }
}

/// Waits so long, unless it is stopped meanwhile.
fn wait(mut left_us: u64, stopped: impl Fn() -> bool) {
    while left_us > 0 && !stopped() {
        let slice_us = left_us.min(10_000);
        thread::sleep(Duration::from_micros(slice_us));
        left_us -= slice_us;
    }
}

fn is_stopped(id: JobId, stopped: &AtomicU64) -> bool {
    stopped.load(Ordering::Acquire) == id.0
}

/// Writes what can be written now. Says how it ended, if it did.
fn take_steps(snapshot: &mut Running, stopped: &AtomicU64) -> Option<JobOutcome> {
    loop {
        if is_stopped(snapshot.id, stopped) {
            snapshot.writer.abandon(&mut snapshot.disk);
            return Some(JobOutcome::Killed(0));
        }
        match snapshot.writer.step(&mut snapshot.disk) {
            Ok(Step::NeedPart) => return None,
            Ok(Step::Wrote(_) | Step::Operation) => {}
            Ok(Step::Done(len)) => return Some(JobOutcome::Done { len }),
            Err(error) => {
                snapshot.writer.abandon(&mut snapshot.disk);
                return Some(JobOutcome::Failed(error));
            }
        }
    }
}

/// Drops values of many parts.
fn free_memory(orders: &Receiver<(JobId, Vec<Garbage>)>, reporter: &Reporter) {
    for (id, garbage) in orders {
        drop(garbage);
        reporter.report(Report::Done(id, JobOutcome::Done { len: 0 }));
    }
}

/// Removes a name. The file is held open meanwhile, so that it is the thread that closes files who frees its blocks.
fn unlink(disk: &mut RealDisk, path: &str) {
    let held = disk.open(path, OpenMode::Read);
    // A file that is gone is what was wanted; one that stays is found at the next start.
    let _ = disk.unlink(path);
    if let Ok(file) = held {
        disk.close(file);
    }
}

/// Closes files, whose last holder frees their blocks if they have no name: seconds for gigabytes.
fn free_files(to_close: &Receiver<OpenFile>, end: &Receiver<()>) {
    loop {
        select! {
            recv(to_close) -> file => match file {
                Ok(file) => drop(file),
                Err(_) => return,
            },
            recv(end) -> _ => return,
        }
    }
}
