//! The disk and the threads beside the engine's own: every job runs one operation at a time, also in the middle of a
//! call of the engine, and every operation leaves a mark to crash at.

use std::collections::VecDeque;

use lastsave_aof::SyncTicket;
use lastsave_engine::{JobId, JobKind, JobOutcome, SnapshotPart, SnapshotWriter, Step};
use lastsave_vfs::{
    CrashPoint, DirEntry, Errno, Error, FileId, OpenMode, Result, SimDisk, SyncKind, Vfs,
};

/// A small generator of numbers (`SplitMix64`).
#[derive(Clone)]
pub(crate) struct Random(pub u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(crate) fn one_in(&mut self, limit: u64) -> bool {
        self.below(limit) == 0
    }
}

/// What is promised at a moment, as positions in the history of requests: by the driver's own record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    /// Requests executed.
    pub(crate) executed: usize,
    /// The last request that was answered without an error.
    pub(crate) acked: usize,
    /// The last one answered while `appendfsync always` was in force.
    pub(crate) acked_always: usize,
    /// What was answered before the submission of the last completed sync of the log.
    pub(crate) synced: usize,
    /// What the last completed save holds.
    pub(crate) saved: usize,
    /// What saves hold that were begun since and have not succeeded: one under way, or one whose file may stand though it
    /// failed.
    pub(crate) attempts: Vec<usize>,
    /// Whether the request being executed may save before it is answered.
    pub(crate) saves_inline: bool,
    /// What the last installed base holds.
    pub(crate) rewritten: usize,
    /// Whether the log is complete: on from the start, or its first rewrite has ended.
    pub(crate) log_on: bool,
}

impl Marks {
    /// A save has succeeded that holds this.
    pub(crate) fn save_succeeded(&mut self, cut: usize) {
        self.saved = self.saved.max(cut);
        let saved = self.saved;
        self.attempts.retain(|attempt| *attempt > saved);
    }
}

/// Where a crash lands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Between the operation before this number and it.
    Before(u64),
    /// In the write of this number, after so many bytes.
    Within(u64, usize),
}

/// A disk at a moment to crash at.
pub(crate) struct Point {
    pub(crate) disk: SimDisk,
    pub(crate) moment: Moment,
    pub(crate) marks: Marks,
}

/// A disk that keeps a copy of itself at each of its operations.
pub(crate) struct Tape {
    pub(crate) disk: SimDisk,
    pub(crate) marks: Marks,
    pub(crate) points: Vec<Point>,
    pub(crate) recording: bool,
    /// Whether an operation has failed with an error that was ordered, and how many have.
    pub(crate) failed: bool,
    pub(crate) failures: u64,
    /// How many points are kept yet from the first ordered error on.
    pub(crate) points_after_failure: usize,
    /// The sizes of all writes so far, while recording.
    pub(crate) write_lens: Vec<usize>,
}

impl Tape {
    fn point(&mut self, disk: SimDisk, moment: Moment) {
        let marks = self.marks.clone();
        self.points.push(Point {
            disk,
            moment,
            marks,
        });
    }

    /// Does an operation, and keeps the disk as it was before if it changed anything.
    fn operate<T>(&mut self, operation: impl FnOnce(&mut SimDisk) -> Result<T>) -> Result<T> {
        let after_failure = self.failed && self.points_after_failure > 0;
        if !self.recording && !after_failure {
            let value = operation(&mut self.disk);
            return self.note_failure(value);
        }
        self.points_after_failure = self.points_after_failure.saturating_sub(1);
        let before = self.disk.clone();
        let value = operation(&mut self.disk);
        if self.disk.op_count() != before.op_count() {
            let number = before.op_count() + 1;
            self.point(before, Moment::Before(number));
        }
        self.note_failure(value)
    }

    /// Notices an error that was ordered: nothing else makes the disk fail in one of these two ways.
    fn note_failure<T>(&mut self, result: Result<T>) -> Result<T> {
        let ordered = |error: &Error| matches!(error.errno, Errno::NoSpace | Errno::Io);
        if result.as_ref().is_err_and(ordered) {
            self.failed = true;
            self.failures += 1;
        }
        result
    }

    /// Keeps the disk as it is now, as a moment behind the last operation.
    pub(crate) fn point_now(&mut self) {
        let number = self.disk.op_count() + 1;
        self.point(self.disk.clone(), Moment::Before(number));
    }
}

impl Vfs for Tape {
    fn open(&mut self, path: &str, mode: OpenMode) -> Result<FileId> {
        self.operate(|disk| disk.open(path, mode))
    }

    fn write(&mut self, file: FileId, bytes: &[u8]) -> Result<usize> {
        if self.recording {
            self.write_lens.push(bytes.len());
            let mut cuts = vec![1, bytes.len() / 2, bytes.len() - 1];
            cuts.dedup();
            for cut in cuts
                .into_iter()
                .filter(|cut| (1..bytes.len()).contains(cut))
            {
                let mut disk = self.disk.clone();
                let number = disk.op_count() + 1;
                disk.crash_at(number, CrashPoint::Within(cut));
                disk.write(file, bytes).expect_err("it freezes");
                self.point(disk, Moment::Within(number, cut));
            }
        }
        self.operate(|disk| disk.write(file, bytes))
    }

    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<()> {
        self.operate(|disk| disk.write_at(file, offset, bytes))
    }

    fn read_at(&mut self, file: FileId, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let read = self.disk.read_at(file, offset, buf);
        self.note_failure(read)
    }

    fn len(&mut self, file: FileId) -> Result<u64> {
        let len = self.disk.len(file);
        self.note_failure(len)
    }

    fn truncate(&mut self, file: FileId, len: u64) -> Result<()> {
        self.operate(|disk| disk.truncate(file, len))
    }

    fn sync(&mut self, file: FileId, kind: SyncKind) -> Result<()> {
        self.operate(|disk| disk.sync(file, kind))
    }

    fn close(&mut self, file: FileId) {
        self.disk.close(file);
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        self.operate(|disk| disk.rename(from, to))
    }

    fn unlink(&mut self, path: &str) -> Result<()> {
        self.operate(|disk| disk.unlink(path))
    }

    fn create_dir(&mut self, path: &str) -> Result<()> {
        self.operate(|disk| disk.create_dir(path))
    }

    fn sync_dir(&mut self, path: &str) -> Result<()> {
        self.operate(|disk| disk.sync_dir(path))
    }

    fn list(&mut self, path: &str) -> Result<Vec<DirEntry>> {
        let list = self.disk.list(path);
        self.note_failure(list)
    }
}

/// A job on its way.
pub(crate) struct Running {
    pub(crate) id: JobId,
    pub(crate) work: Work,
}

pub(crate) enum Work {
    /// With what was answered before it was submitted, and when the device is done with it.
    Sync(SyncTicket, usize, u64),
    Unlink(VecDeque<String>),
    Snapshot(Writing),
}

/// A snapshot being written.
pub(crate) struct Writing {
    pub(crate) writer: Box<SnapshotWriter>,
    pub(crate) parts: VecDeque<SnapshotPart>,
    /// Whether it has written what it was given.
    pub(crate) hungry: bool,
    /// What the history held when it was cut.
    pub(crate) cut: usize,
}

/// What a job has to tell the engine.
pub(crate) enum News {
    Progress(JobId, Vec<SnapshotChunk>),
    Done(JobId, JobOutcome, Option<(JobKind, usize)>),
}

pub(crate) type SnapshotChunk = lastsave_dict::Chunk<lastsave_keyspace::Object>;

/// The tape and the jobs. As a [`Vfs`] it lets jobs go on between the engine's own operations.
pub(crate) struct Machine {
    pub(crate) tape: Tape,
    pub(crate) jobs: Vec<Running>,
    pub(crate) news: VecDeque<News>,
    pub(crate) random: Random,
    /// Whether jobs run in the middle of the engine's calls.
    pub(crate) concurrent: bool,
    /// The time, microseconds since the epoch.
    pub(crate) now_us: u64,
    /// How long the syncs of the log take, in microseconds, in turn; empty if they take no time of their own.
    pub(crate) sync_times_us: Vec<u64>,
    /// A sync that says that it has synced, and has not.
    pub(crate) lying: bool,
}

impl Machine {
    pub(crate) fn new(disk: SimDisk, seed: u64) -> Self {
        Self {
            tape: Tape {
                disk,
                marks: Marks::default(),
                points: Vec::new(),
                recording: false,
                failed: false,
                failures: 0,
                points_after_failure: 0,
                write_lens: Vec::new(),
            },
            jobs: Vec::new(),
            news: VecDeque::new(),
            random: Random(seed),
            concurrent: true,
            now_us: 0,
            sync_times_us: Vec::new(),
            lying: false,
        }
    }

    /// Whether some job could do something now.
    pub(crate) fn can_step(&self) -> bool {
        self.jobs.iter().any(|job| self.is_ready(job))
    }

    /// When a sync that is under way will have ended, if one is.
    pub(crate) fn next_sync_us(&self) -> Option<u64> {
        let ends = self.jobs.iter().filter_map(|job| match job.work {
            Work::Sync(.., done_us) => Some(done_us),
            _ => None,
        });
        ends.min()
    }

    /// A snapshot waits when it has written what it was given, a sync for the device.
    fn is_ready(&self, job: &Running) -> bool {
        match &job.work {
            Work::Snapshot(writing) => !writing.hungry || !writing.parts.is_empty(),
            Work::Sync(.., done_us) => *done_us <= self.now_us,
            Work::Unlink(_) => true,
        }
    }

    /// A sync of the log that starts now: when the device will be done with it.
    pub(crate) fn sync_done_us(&mut self) -> u64 {
        if self.sync_times_us.is_empty() {
            return 0;
        }
        let choice = self.random.below(self.sync_times_us.len() as u64);
        self.now_us + self.sync_times_us[choice as usize]
    }

    /// Lets one job, by lot, do one operation.
    pub(crate) fn step(&mut self) {
        let ready: Vec<usize> = (0..self.jobs.len())
            .filter(|&index| self.is_ready(&self.jobs[index]))
            .collect();
        if ready.is_empty() {
            return;
        }
        let index = ready[self.random.below(ready.len() as u64) as usize];
        if self.step_job(index) {
            self.jobs.remove(index);
        }
    }

    /// Lets a job do one operation. Returns whether it has ended.
    fn step_job(&mut self, index: usize) -> bool {
        let Running { id, work } = &mut self.jobs[index];
        let id = *id;
        let (outcome, cut) = match work {
            Work::Sync(ticket, answered, _) => match if self.lying {
                Ok(())
            } else {
                self.tape.sync(ticket.file, SyncKind::Data)
            } {
                Ok(()) => {
                    if self.tape.marks.log_on {
                        self.tape.marks.synced = self.tape.marks.synced.max(*answered);
                    }
                    (JobOutcome::Done { len: 0 }, None)
                }
                Err(error) => (JobOutcome::Failed(error), None),
            },
            Work::Unlink(paths) => {
                if let Some(path) = paths.pop_front() {
                    let _ = self.tape.unlink(&path);
                }
                if !paths.is_empty() {
                    return false;
                }
                (JobOutcome::Done { len: 0 }, None)
            }
            Work::Snapshot(Writing {
                writer,
                parts,
                hungry,
                cut,
            }) => match writer.step(&mut self.tape) {
                Ok(Step::NeedPart) => {
                    *hungry = parts.is_empty();
                    if let Some(part) = parts.pop_front() {
                        let chunks = writer.feed(part).into_iter().collect();
                        self.news.push_back(News::Progress(id, chunks));
                    }
                    return false;
                }
                Ok(Step::Wrote(_) | Step::Operation) => return false,
                Ok(Step::Done(len)) => {
                    let kind = writer.spec().kind;
                    if kind == JobKind::Save && writer.spec().final_path.is_some() {
                        self.tape.marks.save_succeeded(*cut);
                    }
                    (JobOutcome::Done { len }, Some((kind, *cut)))
                }
                Err(error) => {
                    writer.abandon(&mut self.tape);
                    (JobOutcome::Failed(error), None)
                }
            },
        };
        self.news.push_back(News::Done(id, outcome, cut));
        true
    }

    pub(crate) fn kill_job(&mut self, id: JobId) {
        if let Some(index) = self.jobs.iter().position(|job| job.id == id) {
            if let Work::Snapshot(mut writing) = self.jobs.remove(index).work {
                writing.writer.abandon(&mut self.tape);
            }
            self.news
                .push_back(News::Done(id, JobOutcome::Killed(9), None));
        }
    }

    /// The job that writes a snapshot is killed by a signal from outside.
    pub(crate) fn kill_snapshot(&mut self) -> bool {
        let is_snapshot = |job: &&Running| matches!(job.work, Work::Snapshot(_));
        let id = self.jobs.iter().find(is_snapshot).map(|job| job.id);
        if let Some(id) = id {
            self.kill_job(id);
        }
        id.is_some()
    }

    fn interleave(&mut self) {
        while self.concurrent && self.random.one_in(3) && self.can_step() {
            self.step();
        }
    }
}

impl Vfs for Machine {
    fn open(&mut self, path: &str, mode: OpenMode) -> Result<FileId> {
        self.interleave();
        self.tape.open(path, mode)
    }

    fn write(&mut self, file: FileId, bytes: &[u8]) -> Result<usize> {
        self.interleave();
        self.tape.write(file, bytes)
    }

    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<()> {
        self.interleave();
        self.tape.write_at(file, offset, bytes)
    }

    fn read_at(&mut self, file: FileId, offset: u64, buf: &mut [u8]) -> Result<usize> {
        self.tape.read_at(file, offset, buf)
    }

    fn len(&mut self, file: FileId) -> Result<u64> {
        self.tape.len(file)
    }

    fn truncate(&mut self, file: FileId, len: u64) -> Result<()> {
        self.interleave();
        self.tape.truncate(file, len)
    }

    fn sync(&mut self, file: FileId, kind: SyncKind) -> Result<()> {
        self.interleave();
        self.tape.sync(file, kind)
    }

    fn close(&mut self, file: FileId) {
        self.tape.close(file);
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        self.interleave();
        self.tape.rename(from, to)
    }

    fn unlink(&mut self, path: &str) -> Result<()> {
        self.interleave();
        self.tape.unlink(path)
    }

    fn create_dir(&mut self, path: &str) -> Result<()> {
        self.interleave();
        self.tape.create_dir(path)
    }

    fn sync_dir(&mut self, path: &str) -> Result<()> {
        self.interleave();
        self.tape.sync_dir(path)
    }

    fn list(&mut self, path: &str) -> Result<Vec<DirEntry>> {
        self.tape.list(path)
    }
}
