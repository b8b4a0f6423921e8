//! The walk over the data that feeds a background job, in slices, with a bounded number of parts under way.

use std::collections::VecDeque;

use lastsave_dict::{Chunk, Slice};
use lastsave_keyspace::{CopyPosition, Object, UsageClock};
use lastsave_rdb::{Aux, EncoderOptions};
use lastsave_vfs::{Error, Vfs};

use crate::engine::Engine;
use crate::job::{
    Job, JobId, JobKind, SnapshotPart, SnapshotSpec, SnapshotWriter, Step, Withdrawal,
};
use crate::{Event, JobOutcome, Output, REDIS_VERSION};

/// What is walked at once: some tens of microseconds, whether entries are small or large.
const SLICE: Slice = Slice {
    max_entries: 1000,
    max_bytes: 256 << 10,
};

/// Parts under way at most. With small keys a part is under 100 KB, so the ring stays within a megabyte or two, and a job
/// that fails at its first step has not made much work.
const MAX_PARTS_UNDER_WAY: usize = 16;

/// Bytes that parts under way keep alive at most, give or take a part. Values of several megabytes get there.
const MAX_BYTES_UNDER_WAY: usize = 8 << 20;

/// Bytes of records that wait because of changes ahead of the walk: from here on clients wait too, until the job has
/// caught up.
const MAX_BYTES_PENDING: usize = 24 << 20;

/// A snapshot being written.
#[derive(Clone)]
pub(crate) struct Snapshot {
    pub(crate) job: JobId,
    pub(crate) kind: JobKind,
    /// The process that is seen to write it.
    pub(crate) pid: u32,
    pub(crate) temp_path: String,
    /// The path that the finished file will have.
    pub(crate) path: String,
    pub(crate) started_us: u64,
    pub(crate) writes_at_cut: u64,
    pub(crate) dirty_at_cut: u64,
    /// The log's appended offset at the cut: the snapshot holds everything before it.
    pub(crate) offset_at_cut: u64,
    pub(crate) keys_at_cut: u64,
    pub(crate) keys_walked: u64,
    withdrawal: Withdrawal,
    /// The sizes of the parts under way, in order: [`SnapshotPart::held_bytes`].
    under_way: VecDeque<usize>,
    bytes_under_way: usize,
    walked: bool,
    pool: Vec<Chunk<Object>>,
}

/// Who is seen to write a snapshot, and how long it took to have that process.
#[derive(Clone, Copy)]
pub(crate) struct Writing {
    pub(crate) pid: Option<u32>,
    took_us: u64,
}

impl Snapshot {
    pub(crate) fn parts_done(&mut self, parts: usize, mut chunks: Vec<Chunk<Object>>) {
        self.bytes_under_way -= self.under_way.drain(..parts).sum::<usize>();
        self.pool.append(&mut chunks);
    }

    /// A part to be fed to the job.
    fn feed(&mut self, part: SnapshotPart) -> Output {
        self.under_way.push_back(part.held_bytes());
        self.bytes_under_way += part.held_bytes();
        self.keys_walked += part.keys() as u64;
        Output::FeedJob(self.job, part)
    }

    /// Whether the walk can go on at once.
    pub(crate) fn wants_walk(&self) -> bool {
        !self.walked
            && self.under_way.len() < MAX_PARTS_UNDER_WAY
            && self.bytes_under_way < MAX_BYTES_UNDER_WAY
    }
}

impl Engine {
    /// After engine and writer were cloned: this engine's is the say over this writer, which carries out its job. Clones are
    /// independent of their originals, and of each other until then.
    pub fn adopt_writer(&self, job: JobId, writer: &mut SnapshotWriter) {
        if let Some(snapshot) = &self.snapshot
            && snapshot.job == job
        {
            writer.set_withdrawal(snapshot.withdrawal.share());
        }
    }

    /// What a snapshot of this kind is to be encoded as.
    pub(crate) fn snapshot_spec(
        &self,
        kind: JobKind,
        temp_path: String,
        final_path: Option<String>,
    ) -> SnapshotSpec {
        let as_rdb = kind == JobKind::Save || self.config.aof_use_rdb_preamble;
        SnapshotSpec {
            kind,
            temp_path,
            final_path,
            key_delay_us: self.config.rdb_key_save_delay_us.max(0) as u64,
            timestamp_s: self.config.aof_timestamp_enabled.then(|| self.now_s()),
            checksums: self.config.aof_checksums,
            rdb: as_rdb.then(|| {
                let options = EncoderOptions {
                    compression: self.config.rdbcompression,
                    checksum: self.config.rdbchecksum,
                    usage: UsageClock::new(&self.keyspace.settings, self.now_us),
                };
                let aux = Aux {
                    version: REDIS_VERSION,
                    created_at_s: self.now_s(),
                    used_memory: self.data_bytes(),
                    aof_base: kind == JobKind::Rewrite,
                };
                (options, aux)
            }),
            incremental_sync: match kind {
                JobKind::Save => self.config.rdb_save_incremental_fsync,
                JobKind::Rewrite => self.config.aof_rewrite_incremental_fsync,
            },
        }
    }

    /// The keys of each database, for the snapshot's hints to its loader.
    fn database_sizes(&self) -> Vec<(usize, u64, u64)> {
        let sizes = self.keyspace.databases.iter().enumerate();
        sizes
            .map(|(db, database)| {
                (
                    db,
                    database.keys.len() as u64,
                    database.keys.expiring_len() as u64,
                )
            })
            .filter(|(_, keys, _)| *keys > 0)
            .collect()
    }

    /// The process that is seen to write the next snapshot: one made for it, if the driver does so.
    pub(crate) fn start_child(&mut self, kind: JobKind) -> Writing {
        self.observed.pause();
        let began_us = self.observed.start();
        let pid = self.hooks.start_child(kind, &self.config);
        let took_us = self.observed.since(began_us);
        self.observed.pause();
        Writing { pid, took_us }
    }

    /// Cuts a snapshot and starts the job that writes it. `path` is what the finished file will be called.
    pub(crate) fn start_snapshot(&mut self, spec: SnapshotSpec, path: String, by: Writing) {
        assert!(self.snapshot.is_none(), "one snapshot at a time");
        let job = self.next_job();
        let (kind, temp_path) = (spec.kind, spec.temp_path.clone());
        self.stats.snapshots += 1;
        let databases = self.database_sizes();
        let writer = Box::new(SnapshotWriter::new(spec));
        self.observed.pause();
        let began_us = self.observed.start();
        self.keyspace.snapshot_begin();
        let took_us = by.took_us + self.observed.since(began_us);
        self.stats.latest_fork_us = took_us;
        self.observe_event("fork", took_us);
        let mut snapshot = Snapshot {
            job,
            kind,
            pid: by.pid.unwrap_or(self.host.pid),
            temp_path,
            path: path.clone(),
            started_us: self.now_us,
            writes_at_cut: self.stats.writes,
            dirty_at_cut: self.saves.dirty,
            offset_at_cut: self.aof_offsets().map_or(0, |offsets| offsets.appended),
            keys_at_cut: self.keyspace.len() as u64,
            keys_walked: 0,
            withdrawal: writer.withdrawal(),
            under_way: VecDeque::new(),
            bytes_under_way: 0,
            walked: false,
            pool: Vec::new(),
        };
        self.event(Event::SnapshotCut {
            job: Some(job),
            path,
            writes: self.stats.writes,
        });
        self.outputs
            .push_back(Output::StartJob(job, Job::Snapshot(writer)));
        let databases = snapshot.feed(SnapshotPart::Databases(databases));
        self.outputs.push_back(databases);
        self.snapshot = Some(snapshot);
    }

    /// Has the walks of snapshots go on in [`Engine::handle_timeout`] alone, not with each report of progress: for a driver that
    /// lets some time pass between slices.
    pub fn pace_walks(&mut self) {
        self.paces_walks = true;
    }

    /// Whether a snapshot's walk goes on in the next [`Engine::handle_timeout`], which therefore is due.
    pub fn is_walking(&self) -> bool {
        self.snapshot.as_ref().is_some_and(Snapshot::wants_walk)
    }

    /// Whether the driver is to leave the input of clients where it is: so many changes have outrun the running snapshot that
    /// the records they emitted would take more than a few megabytes, unless its job catches up.
    pub fn holds_input(&self) -> bool {
        self.snapshot.is_some() && self.keyspace.snapshot_pending_bytes() > MAX_BYTES_PENDING
    }

    /// Walks on by a slice, if the job keeps up.
    pub(crate) fn walk_snapshot(&mut self) {
        let Some(snapshot) = &mut self.snapshot else {
            return;
        };
        if !snapshot.wants_walk() {
            return;
        }
        let mut parts = Vec::new();
        let pool = &mut snapshot.pool;
        snapshot.walked =
            self.keyspace
                .snapshot_walk(SLICE, &mut || pool.pop().unwrap_or_default(), &mut parts);
        for (db, chunk) in parts {
            let records = snapshot.feed(SnapshotPart::Records(db, chunk));
            self.outputs.push_back(records);
        }
        if snapshot.walked {
            let end = snapshot.feed(SnapshotPart::End);
            self.outputs.push_back(end);
        }
    }

    /// Stops the running snapshot and forgets it; the driver removes its file.
    pub(crate) fn kill_snapshot(&mut self) {
        if let Some(snapshot) = self.snapshot.take() {
            snapshot.withdrawal.withdraw();
            self.keyspace.snapshot_abandon();
            self.outputs.push_back(Output::KillJob(snapshot.job));
            self.event(Event::SnapshotFailed {
                path: snapshot.path,
            });
        }
    }

    /// The snapshot's job has ended.
    pub(crate) fn snapshot_done(&mut self, outcome: &JobOutcome, vfs: &mut dyn Vfs) {
        let snapshot = self.snapshot.take().expect("the caller has looked");
        if matches!(outcome, JobOutcome::Done { .. }) {
            assert!(
                snapshot.walked,
                "a job ended well before it was given everything"
            );
        } else {
            if matches!(outcome, JobOutcome::Killed(_)) {
                // Whoever writes it may not know yet.
                snapshot.withdrawal.withdraw();
                self.outputs.push_back(Output::KillJob(snapshot.job));
                if self.hooks.have_children() {
                    // The thread gets round to it later, and nobody should meet the file until then.
                    let began_us = self.begin_event();
                    let _ = vfs.unlink(&snapshot.temp_path);
                    if snapshot.kind == JobKind::Save {
                        self.end_event(began_us, &["rdb-unlink-temp-file"]);
                    }
                }
            }
            self.keyspace.snapshot_abandon();
            self.event(Event::SnapshotFailed {
                path: snapshot.path.clone(),
            });
        }
        match snapshot.kind {
            JobKind::Save => self.background_save_done(&snapshot, outcome, vfs),
            JobKind::Rewrite => self.rewrite_done(&snapshot, outcome, vfs),
        }
    }

    /// Writes a snapshot here and now and returns its size: SAVE, SHUTDOWN, the first base at start.
    pub(crate) fn write_snapshot_now(
        &mut self,
        spec: SnapshotSpec,
        vfs: &mut dyn Vfs,
    ) -> Result<u64, Error> {
        // A background snapshot that is under way keeps its cut: this one reads the data as it is now.
        let mut writer = SnapshotWriter::new(spec);
        let result = self.feed_at_once(&mut writer, vfs);
        if result.is_err() {
            writer.abandon(vfs);
        }
        result
    }

    fn feed_at_once(&self, writer: &mut SnapshotWriter, vfs: &mut dyn Vfs) -> Result<u64, Error> {
        writer.feed(SnapshotPart::Databases(self.database_sizes()));
        let key_delay_us = writer.spec().key_delay_us;
        let (mut at, mut spare) = (CopyPosition::default(), None);
        loop {
            match writer.step(vfs)? {
                Step::NeedPart => {
                    let mut chunk = spare.take().unwrap_or_default();
                    let part = match self.keyspace.copy_slice(&mut at, SLICE, &mut chunk) {
                        Some(db) => SnapshotPart::Records(db, chunk),
                        None => SnapshotPart::End,
                    };
                    if let (Some(sleep), 1..) = (self.hooks.sleep, key_delay_us) {
                        sleep(key_delay_us * part.keys() as u64);
                    }
                    spare = writer.feed(part);
                }
                Step::Wrote(_) | Step::Operation => {}
                Step::Done(len) => return Ok(len),
            }
        }
    }
}

#[cfg(test)]
mod tests;
