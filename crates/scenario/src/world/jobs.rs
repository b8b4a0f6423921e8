//! Jobs in slices of simulated time: an operation takes effect at the end of the time it costs, so that a crash meanwhile
//! finds it undone.

use std::collections::VecDeque;

use lastsave_aof::SyncTicket;
use lastsave_engine::config::FsyncPolicy;
use lastsave_engine::{
    Engine, Job, JobId, JobKind, JobOutcome, SnapshotPart, SnapshotWriter, Step,
};
use lastsave_keyspace::Garbage;
use lastsave_vfs::{Errno, Error, Op, SyncKind, Vfs};

use super::World;
use super::random::mix;
use super::server::Server;
use super::verdict::NextSyncs;

/// A job under way.
#[derive(Clone)]
pub(super) struct RunningJob {
    id: JobId,
    work: Work,
    /// When its next step takes effect; `None` while it waits for a part.
    pub(super) due_us: Option<u64>,
    started_at_us: u64,
}

#[derive(Clone)]
enum Work {
    Sync(SyncTicket),
    Snapshot {
        writer: Box<SnapshotWriter>,
        parts: VecDeque<SnapshotPart>,
        /// Bytes written since the last sync.
        unsynced_bytes: u64,
        /// The size of the finished file, once it stands.
        done: Option<u64>,
        /// The signal that it is ordered to be killed by once it has written something.
        doomed: Option<i32>,
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
                let path = self.disk.path_of(ticket.file).unwrap_or_default();
                let delay_us = self.disk.delay_us(Op::Sync, path);
                (Work::Sync(ticket), self.sync_us(bytes) + delay_us)
            }
            Job::Unlink(paths) => {
                let costs = paths
                    .iter()
                    .map(|path| self.profile.unlink_us + self.disk.delay_us(Op::Unlink, path));
                let cost_us = costs.sum();
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
                        doomed: self.faults.take_kill(),
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

    /// How long a sync of so many bytes takes that begins now.
    fn sync_us(&self, bytes: u64) -> u64 {
        let drawn = mix(self.seed ^ mix(self.disk.op_count()));
        self.profile.sync_us(bytes) + self.profile.sync_delay_us(drawn)
    }

    /// The syncs of a server's log that are to come.
    pub(super) fn next_syncs(&self, server: &Server) -> NextSyncs {
        let under_way = server
            .jobs
            .iter()
            .find_map(|job| match (&job.work, job.due_us) {
                (Work::Sync(ticket), Some(due_us)) => {
                    Some((self.ledger.up_to_offset(ticket.offset), due_us))
                }
                _ => None,
            });
        let config = server.engine.config();
        let suspended =
            config.no_appendfsync_on_rewrite && server.jobs.iter().any(|job| job.kind().is_some());
        let after_us = under_way.map_or(self.now_us, |(_, due_us)| due_us.max(self.now_us));
        let begins_us = match config.appendfsync {
            _ if suspended || server.log.is_none() => None,
            FsyncPolicy::Always => Some(after_us),
            // With the clock's next second.
            FsyncPolicy::EverySec => Some((after_us / 1_000_000 + 1) * 1_000_000),
            FsyncPolicy::No => None,
        };
        let bytes = self.disk.unsynced_bytes();
        NextSyncs {
            under_way,
            next_us: begins_us.map(|begins_us| begins_us + self.profile.sync_us(bytes)),
        }
    }

    /// How a snapshot that starts now is ordered to fail, if it is.
    fn ordered_failure(&self, writer: &SnapshotWriter) -> Option<JobOutcome> {
        let fails = self.faults.save_fails && writer.spec().kind == JobKind::Save;
        fails.then(|| {
            JobOutcome::Failed(Error {
                op: Op::Open,
                path: writer.spec().temp_path.clone(),
                errno: Errno::PermissionDenied,
            })
        })
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
        let jobs = self.server.iter().flat_map(|server| &server.jobs);
        if let Some(index) = jobs.into_iter().position(|job| job.id == id) {
            self.end_job_by_signal(index, SIGUSR1);
        }
    }

    fn end_job_by_signal(&mut self, index: usize, signal: i32) {
        let Some(server) = &mut self.server else {
            return;
        };
        let mut job = server.jobs.remove(index);
        if let Work::Snapshot { writer, .. } = &mut job.work {
            writer.abandon(&mut self.disk);
        }
        server.engine.handle_job_done(
            self.now_us,
            job.id,
            &JobOutcome::Killed(signal),
            &mut self.disk,
        );
    }

    /// The process that writes a snapshot in the background, if there is one: what it writes.
    pub(crate) fn child(&self) -> Option<JobKind> {
        self.server.as_ref()?.jobs.iter().find_map(RunningJob::kind)
    }

    /// That process's ID.
    pub(crate) fn child_pid(&self) -> Option<u32> {
        let server = self.server.as_ref()?;
        self.child().and(server.engine.last_child_number())
    }

    /// Signals the process that writes a snapshot in the background. Returns whether there is one.
    pub(crate) fn kill_child(&mut self, signal: i32) -> bool {
        let mut jobs = self.server.iter().flat_map(|server| &server.jobs);
        let Some(index) = jobs.position(|job| job.kind().is_some()) else {
            return false;
        };
        self.end_job_by_signal(index, signal);
        self.settle_batch();
        true
    }

    fn job_mut(&mut self, id: JobId) -> Option<&mut RunningJob> {
        let jobs = &mut self.server.as_mut()?.jobs;
        jobs.iter_mut().find(|job| job.id == id)
    }

    /// The job at `index` is due: its next step takes effect. What rules delay it by is its own time, not the server's.
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
            // The job has waited for these already.
            self.disk.take_delay_us();
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
        // What a sync would take now, besides its bytes: the step may turn out to be one.
        let sync_us = self.sync_us(0);
        let server = self.server.as_mut()?;
        let job = &mut server.jobs[index];
        let Work::Snapshot {
            writer,
            parts,
            unsynced_bytes,
            done,
            doomed,
        } = &mut job.work
        else {
            return None;
        };
        if let Some(len) = *done {
            return Some(JobOutcome::Done { len });
        }
        if let Some(signal) = doomed.filter(|_| *unsynced_bytes > 0) {
            writer.abandon(&mut self.disk);
            return Some(JobOutcome::Killed(signal));
        }
        let stepped = writer.step(&mut self.disk);
        let delay_us = self.disk.take_delay_us();
        let cost_us = match stepped {
            Ok(Step::Wrote(len)) => {
                *unsynced_bytes += len as u64;
                Some(self.profile.write_us(len as u64) + delay_us)
            }
            Ok(Step::Operation) => {
                let bytes = std::mem::take(unsynced_bytes);
                Some(sync_us + self.profile.device_us(bytes) + delay_us)
            }
            Ok(Step::Done(len)) => {
                *done = Some(len);
                let bytes = std::mem::take(unsynced_bytes);
                Some(sync_us + self.profile.device_us(bytes) + delay_us)
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

impl RunningJob {
    /// After it was cloned with its engine: lets that one's clone have its say.
    pub(super) fn belong_to(&mut self, engine: &Engine) {
        if let Work::Snapshot { writer, .. } = &mut self.work {
            engine.adopt_writer(self.id, writer);
        }
    }

    /// What it writes, if that is a snapshot.
    fn kind(&self) -> Option<JobKind> {
        match &self.work {
            Work::Snapshot { writer, .. } => Some(writer.spec().kind),
            _ => None,
        }
    }
}

fn outcome_of(result: lastsave_vfs::Result<()>) -> JobOutcome {
    match result {
        Ok(()) => JobOutcome::Done { len: 0 },
        Err(error) => JobOutcome::Failed(error),
    }
}
