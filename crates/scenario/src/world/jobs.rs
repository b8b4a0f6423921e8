//! Jobs in slices of simulated time: an operation takes effect at the end of the time it costs, so that a crash meanwhile
//! finds it undone.

use std::collections::VecDeque;

use lastsave_aof::SyncTicket;
use lastsave_engine::{Job, JobId, JobKind, JobOutcome, SnapshotPart, SnapshotWriter, Step};
use lastsave_keyspace::Garbage;
use lastsave_vfs::{Errno, Error, Op, SyncKind, Vfs};

use super::{SaveFault, World};

/// A job under way.
pub(super) struct RunningJob {
    id: JobId,
    work: Work,
    /// When its next step takes effect; `None` while it waits for a part.
    pub(super) due_us: Option<u64>,
    started_at_us: u64,
}

enum Work {
    Sync(SyncTicket),
    Snapshot {
        writer: Box<SnapshotWriter>,
        parts: VecDeque<SnapshotPart>,
        /// Bytes written since the last sync.
        unsynced_bytes: u64,
        /// The size of the finished file, once it stands.
        done: Option<u64>,
    },
    Unlink(Vec<String>),
    Free(Vec<Garbage>),
    /// Ordered to fail.
    Failing(JobOutcome),
}

/// SIGUSR1: what Redis ends its children with.
const SIGUSR1: i32 = 10;

impl World {
    pub(super) fn start_job(&mut self, id: JobId, job: Job) {
        let (work, cost_us) = match job {
            Job::SyncAof(ticket) => {
                let bytes = self.disk.unsynced_bytes_of(ticket.file);
                (Work::Sync(ticket), self.sync_us(bytes))
            }
            Job::Unlink(paths) => {
                let cost_us = self.profile.unlink_us * paths.len() as u64;
                (Work::Unlink(paths), cost_us)
            }
            Job::Free(garbage) => (Work::Free(garbage), 0),
            Job::Snapshot(writer) => match self.ordered_failure(&writer) {
                Some(outcome) => (Work::Failing(outcome), 0),
                None => {
                    let work = Work::Snapshot {
                        writer,
                        parts: VecDeque::new(),
                        unsynced_bytes: 0,
                        done: None,
                    };
                    (work, self.profile.fsync_us)
                }
            },
        };
        let now_us = self.now_us;
        if let Some(server) = &mut self.server {
            server.jobs.push(RunningJob {
                id,
                work,
                due_us: Some(now_us + cost_us),
                started_at_us: now_us,
            });
        }
    }

    /// How a snapshot that starts now is ordered to fail, if it is.
    fn ordered_failure(&self, writer: &SnapshotWriter) -> Option<JobOutcome> {
        match self.faults.save? {
            SaveFault::Fork => Some(JobOutcome::NotStarted),
            SaveFault::Child if writer.spec().kind == JobKind::Save => {
                Some(JobOutcome::Failed(Error {
                    op: Op::Open,
                    path: writer.spec().temp_path.clone(),
                    errno: Errno::PermissionDenied,
                }))
            }
            SaveFault::Child => None,
        }
    }

    /// How long a sync of so many bytes takes now.
    fn sync_us(&self, bytes: u64) -> u64 {
        let cost_us = self.profile.sync_us(bytes);
        match self.faults.fsync_us {
            Some(fsync_us) => cost_us - self.profile.fsync_us + fsync_us,
            None => cost_us,
        }
    }

    pub(super) fn feed_job(&mut self, id: JobId, part: SnapshotPart) {
        let now_us = self.now_us;
        let Some(job) = self.job_mut(id) else { return };
        if let Work::Snapshot { parts, .. } = &mut job.work {
            parts.push_back(part);
            job.due_us.get_or_insert(now_us);
        }
    }

    pub(super) fn kill_job(&mut self, id: JobId) {
        let Some(server) = &mut self.server else {
            return;
        };
        let Some(index) = server.jobs.iter().position(|job| job.id == id) else {
            return;
        };
        let mut job = server.jobs.remove(index);
        if let Work::Snapshot { writer, .. } = &mut job.work {
            writer.abandon(&mut self.disk);
        }
        server.engine.handle_job_done(
            self.now_us,
            id,
            &JobOutcome::Killed(SIGUSR1),
            &mut self.disk,
        );
    }

    fn job_mut(&mut self, id: JobId) -> Option<&mut RunningJob> {
        let jobs = &mut self.server.as_mut()?.jobs;
        jobs.iter_mut().find(|job| job.id == id)
    }

    /// The job at `index` is due: its next step takes effect.
    pub(super) fn step_job(&mut self, index: usize) {
        let Some(server) = &mut self.server else {
            return;
        };
        let id = server.jobs[index].id;
        let outcome = match &mut server.jobs[index].work {
            Work::Sync(ticket) => Some(outcome_of(self.disk.sync(ticket.file, SyncKind::Data))),
            Work::Unlink(paths) => {
                for path in paths {
                    // Unlinking is tidying up; what stays is removed at the next start.
                    let _ = self.disk.unlink(path);
                }
                Some(JobOutcome::Done { len: 0 })
            }
            Work::Free(garbage) => {
                garbage.clear();
                Some(JobOutcome::Done { len: 0 })
            }
            Work::Failing(outcome) => Some(outcome.clone()),
            Work::Snapshot { .. } => self.step_snapshot(index),
        };
        let Some(server) = &mut self.server else {
            return;
        };
        if let Some(outcome) = outcome {
            let job = server.jobs.remove(index);
            if let Work::Sync(_) = job.work {
                let text = match &outcome {
                    JobOutcome::Failed(error) => format!("fsync failed: {error}"),
                    _ => String::new(),
                };
                self.timeline
                    .span(job.started_at_us, self.now_us, crate::MarkKind::Sync, text);
            }
            server
                .engine
                .handle_job_done(self.now_us, id, &outcome, &mut self.disk);
        }
        self.settle_batch();
    }

    /// One step of a snapshot: its outcome, once it is done.
    fn step_snapshot(&mut self, index: usize) -> Option<JobOutcome> {
        let flush_us = self.sync_us(0);
        let server = self.server.as_mut()?;
        let job = &mut server.jobs[index];
        let Work::Snapshot {
            writer,
            parts,
            unsynced_bytes,
            done,
        } = &mut job.work
        else {
            return None;
        };
        if let Some(len) = *done {
            return Some(JobOutcome::Done { len });
        }
        let cost_us = match writer.step(&mut self.disk) {
            Ok(Step::Wrote(len)) => {
                *unsynced_bytes += len as u64;
                Some(self.profile.write_us(len as u64))
            }
            Ok(Step::Operation) => {
                let bytes = std::mem::take(unsynced_bytes);
                Some(flush_us + self.profile.sync_us(bytes) - self.profile.fsync_us)
            }
            Ok(Step::Done(len)) => {
                *done = Some(len);
                let bytes = std::mem::take(unsynced_bytes);
                Some(flush_us + self.profile.sync_us(bytes) - self.profile.fsync_us)
            }
            Ok(Step::NeedPart) => match parts.pop_front() {
                Some(part) => {
                    let keys = match &part {
                        SnapshotPart::Records(_, chunk) => chunk.len() as u64,
                        _ => 0,
                    };
                    let chunk = writer.feed(part);
                    let id = job.id;
                    job.due_us = Some(self.now_us + self.profile.encode_us(keys));
                    server.engine.handle_job_progress(
                        self.now_us,
                        id,
                        1,
                        chunk.into_iter().collect(),
                    );
                    return None;
                }
                None => None,
            },
            Err(error) => {
                writer.abandon(&mut self.disk);
                return Some(JobOutcome::Failed(error));
            }
        };
        job.due_us = cost_us.map(|cost_us| self.now_us + cost_us);
        None
    }
}

fn outcome_of(result: lastsave_vfs::Result<()>) -> JobOutcome {
    match result {
        Ok(()) => JobOutcome::Done { len: 0 },
        Err(error) => JobOutcome::Failed(error),
    }
}
