//! Work that is done elsewhere: syncing, writing snapshots, unlinking.
//!
//! A job is a value with no tie to the engine: the native server carries it out on a thread, the simulated world in
//! slices of its own time. Either way a crash may land between any two of its steps.

mod as_commands;

use std::sync::{Arc, Mutex, PoisonError};

use lastsave_aof::SyncTicket;
use lastsave_dict::{Chunk, Position, Record};
use lastsave_keyspace::{Garbage, Object};
use lastsave_rdb::{Aux, Encoder, EncoderOptions};
use lastsave_vfs::{Error, FileId, OpenMode, Result, SyncKind, Vfs};

use self::as_commands::CommandEncoder;

/// A job, named by the engine. Numbers rise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobId(pub u64);

/// What kind of snapshot a job writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    /// BGSAVE: the RDB file.
    Save,
    /// BGREWRITEAOF: a base file.
    Rewrite,
}

/// Work for the driver.
#[derive(Clone, Debug)]
pub enum Job {
    /// Sync a file of the append-only log: `vfs.sync(ticket.file, SyncKind::Data)`.
    SyncAof(SyncTicket),
    /// Write a snapshot: [`SnapshotWriter::step`] until it is done, with the parts that follow by
    /// [`crate::Output::FeedJob`].
    Snapshot(Box<SnapshotWriter>),
    /// Unlink these files; errors are of no consequence.
    Unlink(Vec<String>),
    /// Drop these, which may take long; there is nothing to report but that it is done.
    Free(Vec<Garbage>),
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    /// It did what it should. A snapshot's size in bytes; 0 for other jobs.
    Done {
        /// The size of the finished file.
        len: u64,
    },
    /// A file operation failed. Its temporary file is gone.
    Failed(Error),
    /// It could not even be started: `fork` has no memory. Only a simulated world says so.
    NotStarted,
    /// It was stopped by [`crate::Output::KillJob`] or by a signal from outside (its number).
    Killed(i32),
}

/// The signal by which somebody ends a job without calling it a failure.
pub(crate) const SIGUSR1: i32 = 10;

/// A part of a snapshot on its way to its writer.
#[derive(Clone)]
pub enum SnapshotPart {
    /// How many keys, and how many of them expiring, each database that has keys holds: `(db, keys, expiring)`.
    Databases(Vec<(usize, u64, u64)>),
    /// Records of one database.
    Records(usize, Chunk<Object>),
    /// There is no more.
    End,
}

impl SnapshotPart {
    /// How many keys it has.
    pub fn keys(&self) -> usize {
        match self {
            Self::Records(_, chunk) => chunk.len(),
            Self::Databases(_) | Self::End => 0,
        }
    }

    /// Bytes that it keeps alive.
    pub fn held_bytes(&self) -> usize {
        match self {
            Self::Records(_, chunk) => chunk.held_bytes(),
            Self::Databases(_) | Self::End => 0,
        }
    }
}

impl std::fmt::Debug for SnapshotPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Databases(databases) => f.debug_tuple("Databases").field(databases).finish(),
            Self::Records(db, chunk) => write!(f, "Records({db}, {} records)", chunk.len()),
            Self::End => f.write_str("End"),
        }
    }
}

/// What a step of a [`SnapshotWriter`] did.
#[derive(Debug)]
pub enum Step {
    /// It waits for the next part.
    NeedPart,
    /// It wrote this many bytes, and there is more to do at once.
    Wrote(usize),
    /// It did an operation without bytes (open, sync, rename), and there is more to do at once.
    Operation,
    /// The file stands, durably, under its final path; its size in bytes.
    Done(u64),
}

/// What a [`SnapshotWriter`] is to write, and where.
#[derive(Clone, Debug)]
pub struct SnapshotSpec {
    /// Whether it is the RDB file or a base file.
    pub kind: JobKind,
    /// The path that is written to.
    pub temp_path: String,
    /// The path that the finished file is renamed to, with a sync of its directory; `None` leaves that to the engine.
    pub final_path: Option<String>,
    /// How to encode; `None` writes commands instead (`aof-use-rdb-preamble no`).
    pub rdb: Option<(EncoderOptions, Aux)>,
    /// What time, in seconds since the epoch, is noted ahead of commands (`aof-timestamp-enabled`).
    pub timestamp_s: Option<u64>,
    /// Whether commands are followed by checksum lines (`aof-checksums`).
    pub checksums: bool,
    /// How long to wait after each key, in microseconds (`rdb-key-save-delay`): for tests. The driver does the waiting.
    pub key_delay_us: u64,
    /// Begin to write back each time some megabytes have been written: `rdb-save-incremental-fsync`.
    pub incremental_sync: bool,
}

/// Says that a snapshot is no longer wanted, from the moment on at which the engine decides so. The thread that writes
/// it learns of [`crate::Output::KillJob`] only later, and must not put an old snapshot in a newer one's place meanwhile.
#[derive(Default)]
pub(crate) struct Withdrawal(Arc<Mutex<bool>>);

impl Clone for Withdrawal {
    /// One of its own, for a fork of the engine or of the writer: see [`Engine::adopt_writer`](crate::Engine::adopt_writer).
    fn clone(&self) -> Self {
        let withdrawn = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Self(Arc::new(Mutex::new(withdrawn)))
    }
}

impl Withdrawal {
    /// The same one, for somebody else.
    pub(crate) fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// Withdraws the snapshot. Afterwards it takes its final name no more, unless it already has.
    pub(crate) fn withdraw(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    /// Runs `rename` unless the snapshot was withdrawn, which cannot happen meanwhile.
    fn unless_withdrawn<T>(&self, rename: impl FnOnce() -> T) -> Option<T> {
        let withdrawn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (!*withdrawn).then(rename)
    }
}

/// Writes a snapshot to a file, one operation a step. Used for background jobs, and in one go for SAVE.
#[derive(Clone)]
pub struct SnapshotWriter {
    spec: SnapshotSpec,
    withdrawal: Withdrawal,
    encoding: Encoding,
    /// The records being encoded.
    part: Option<Part>,
    /// Those before, for a pool.
    emptied: Option<Chunk<Object>>,
    state: State,
    file: Option<FileId>,
    /// Encoded bytes taken from the encoder and not written, from `out_start` on.
    out: Vec<u8>,
    out_start: usize,
    ended: bool,
    written_len: u64,
    unsynced_len: u64,
}

impl std::fmt::Debug for SnapshotWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SnapshotWriter")
            .field("spec", &self.spec)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// Records of a database, and which of them comes next.
#[derive(Clone)]
struct Part {
    db: usize,
    chunk: Chunk<Object>,
    next: Position,
}

#[derive(Clone)]
enum Encoding {
    Rdb(Box<Encoder>),
    Commands(Box<CommandEncoder>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Write,
    Sync,
    Rename,
    SyncDir,
    Done,
}

/// Encoded bytes are written in pieces of about this size.
const WRITE_LEN: usize = 256 << 10;

/// An emptied chunk keeps so much memory at most: one that was filled by a burst of changes gives it back.
const MAX_POOLED_BYTES: usize = 512 << 10;

/// With incremental sync, writing back begins each time this many bytes have been written: Redis's 4 MiB. A real sync would
/// make the file system commit its journal, which holds up whoever writes to the log.
const INCREMENTAL_SYNC_LEN: u64 = 4 << 20;

impl SnapshotWriter {
    /// A writer that has done nothing yet.
    pub fn new(spec: SnapshotSpec) -> Self {
        let encoding = match &spec.rdb {
            Some((options, aux)) => Encoding::Rdb(Box::new(Encoder::new(*options, aux))),
            None => Encoding::Commands(Box::new(CommandEncoder::new(
                spec.timestamp_s,
                spec.checksums,
            ))),
        };
        Self {
            spec,
            withdrawal: Withdrawal::default(),
            encoding,
            part: None,
            emptied: None,
            state: State::Open,
            file: None,
            out: Vec::new(),
            out_start: 0,
            ended: false,
            written_len: 0,
            unsynced_len: 0,
        }
    }

    /// What withdraws this snapshot.
    pub(crate) fn withdrawal(&self) -> Withdrawal {
        self.withdrawal.share()
    }

    /// Has the snapshot be withdrawn by this.
    pub(crate) fn set_withdrawal(&mut self, withdrawal: Withdrawal) {
        self.withdrawal = withdrawal;
    }

    /// What it writes, and where.
    pub fn spec(&self) -> &SnapshotSpec {
        &self.spec
    }

    /// Takes the next part in, when [`SnapshotWriter::step`] needs one. Returns the chunk of the part before, emptied, for a
    /// pool.
    ///
    /// # Panics
    /// If the part before is not encoded whole, or was [`SnapshotPart::End`].
    pub fn feed(&mut self, part: SnapshotPart) -> Option<Chunk<Object>> {
        assert!(!self.ended, "a snapshot goes on behind its end");
        assert!(self.part.is_none(), "a part comes before it is needed");
        match part {
            SnapshotPart::Databases(databases) => {
                if let Encoding::Rdb(encoder) = &mut self.encoding {
                    for (db, keys, expiring) in databases {
                        encoder.database(db, keys, expiring);
                    }
                }
            }
            SnapshotPart::Records(db, chunk) => {
                let next = Position::default();
                self.part = Some(Part { db, chunk, next });
            }
            SnapshotPart::End => {
                if let Encoding::Rdb(encoder) = &mut self.encoding {
                    encoder.finish();
                }
                self.ended = true;
            }
        }
        self.emptied.take()
    }

    /// Does the next operation. After an error call [`SnapshotWriter::abandon`].
    pub fn step(&mut self, vfs: &mut dyn Vfs) -> Result<Step> {
        match self.state {
            State::Open => {
                self.file = Some(vfs.open(&self.spec.temp_path, OpenMode::Truncate)?);
                self.state = State::Write;
                Ok(Step::Operation)
            }
            State::Write => self.step_write(vfs),
            State::Sync => {
                let file = self.open_file();
                vfs.sync(file, SyncKind::All)?;
                vfs.close(file);
                self.file = None;
                self.state = if self.spec.final_path.is_some() {
                    State::Rename
                } else {
                    State::Done
                };
                Ok(if self.state == State::Done {
                    Step::Done(self.written_len)
                } else {
                    Step::Operation
                })
            }
            State::Rename => {
                let withdrawal = self.withdrawal.share();
                let rename = || vfs.rename(&self.spec.temp_path, self.final_path());
                match withdrawal.unless_withdrawn(rename) {
                    Some(renamed) => {
                        renamed?;
                        self.state = State::SyncDir;
                        Ok(Step::Operation)
                    }
                    // Nothing comes but the order to stop.
                    None => Ok(Step::NeedPart),
                }
            }
            State::SyncDir => {
                vfs.sync_dir(parent_dir(self.final_path()))?;
                self.state = State::Done;
                Ok(Step::Done(self.written_len))
            }
            State::Done => Ok(Step::Done(self.written_len)),
        }
    }

    /// Closes and removes the temporary file, as far as that is possible.
    pub fn abandon(&mut self, vfs: &mut dyn Vfs) {
        if let Some(file) = self.file.take() {
            vfs.close(file);
        }
        if !matches!(self.state, State::Open | State::SyncDir | State::Done) {
            // The disk may be what failed; a file that stays is removed at the next start.
            let _ = vfs.unlink(&self.spec.temp_path);
        }
        self.state = State::Done;
    }

    fn step_write(&mut self, vfs: &mut dyn Vfs) -> Result<Step> {
        let file = self.open_file();
        if self.spec.incremental_sync && self.unsynced_len >= INCREMENTAL_SYNC_LEN {
            vfs.sync(file, SyncKind::Begin)?;
            self.unsynced_len = 0;
            return Ok(Step::Operation);
        }
        if self.out_start == self.out.len() {
            self.encode_some();
            let enough = if self.ended { 1 } else { WRITE_LEN };
            if self.encoding.pending_len() < enough {
                if !self.ended {
                    return Ok(Step::NeedPart);
                }
                self.state = State::Sync;
                return self.step(vfs);
            }
            let mut emptied = std::mem::take(&mut self.out);
            emptied.clear();
            self.out = self.encoding.take(emptied);
            self.out_start = 0;
        }
        let taken = vfs.write(file, &self.out[self.out_start..])?;
        self.out_start += taken;
        self.written_len += taken as u64;
        self.unsynced_len += taken as u64;
        Ok(Step::Wrote(taken))
    }

    /// Encodes until there is enough to write, or nothing left to encode.
    fn encode_some(&mut self) {
        while self.encoding.pending_len() < WRITE_LEN {
            if self.encoding.advance() {
                continue;
            }
            let Some(part) = &mut self.part else {
                return;
            };
            match part.chunk.get(part.next) {
                Some((record, next)) => {
                    self.encoding.begin(part.db, &record);
                    part.next = next;
                }
                None => {
                    part.chunk.clear(MAX_POOLED_BYTES);
                    self.emptied = self.part.take().map(|part| part.chunk);
                    return;
                }
            }
        }
    }

    fn open_file(&self) -> FileId {
        self.file
            .expect("the file is open from the first step until its sync")
    }

    fn final_path(&self) -> &str {
        self.spec
            .final_path
            .as_deref()
            .expect("only a snapshot with a final path is renamed")
    }
}

impl Encoding {
    fn begin(&mut self, db: usize, record: &Record<'_, Object>) {
        match self {
            Self::Rdb(encoder) => encoder.begin(db, record),
            Self::Commands(encoder) => encoder.begin(db, record),
        }
    }

    /// Goes on with a large value that is not encoded whole; false if there is none.
    fn advance(&mut self) -> bool {
        match self {
            Self::Rdb(encoder) => encoder.advance(),
            Self::Commands(encoder) => encoder.advance(),
        }
    }

    fn pending_len(&self) -> usize {
        match self {
            Self::Rdb(encoder) => encoder.pending().len(),
            Self::Commands(encoder) => encoder.pending_len(),
        }
    }

    fn take(&mut self, replacement: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Rdb(encoder) => encoder.take(replacement),
            Self::Commands(encoder) => encoder.take(replacement),
        }
    }
}

/// The directory of a path: `""` is the data directory.
pub(crate) fn parent_dir(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}
