//! Where the server stands: what INFO, the page's layers and verdicts are made from.

use lastsave_aof::Offsets;

/// A snapshot of the engine's counters. Cheap to make.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Write commands of clients that changed data since the start, transactions counted once.
    pub writes: u64,
    /// All commands executed.
    pub commands: u64,
    /// Changes since the last completed save: `rdb_changes_since_last_save`.
    pub dirty: u64,
    /// The start of the last completed save, seconds since the epoch: LASTSAVE.
    pub last_save_s: u64,
    /// Whether the last background save succeeded.
    pub last_bgsave_ok: bool,
    /// Whether the last rewrite succeeded.
    pub last_rewrite_ok: bool,
    /// Whether a save or a rewrite is under way, and its kind.
    pub snapshot_running: Option<crate::JobKind>,
    /// The append-only file.
    pub aof: Option<AofStatus>,
    /// Keys in all databases.
    pub keys: u64,
    /// Connected clients.
    pub clients: u64,
    /// Bytes of the table and its values.
    pub used_memory: u64,
}

/// The append-only file's part of [`Status`].
#[derive(Clone, Debug, Default)]
pub struct AofStatus {
    /// Whether the log is complete, so that a recovery would be made from it; until the first rewrite after CONFIG SET
    /// appendonly yes has ended, it is not.
    pub on: bool,
    /// The three offsets.
    pub offsets: Offsets,
    /// The sizes of base and incr files together: `aof_current_size`.
    pub current_size: u64,
    /// The size after the last rewrite or start: `aof_base_size`.
    pub base_size: u64,
    /// Whether the last write to it succeeded.
    pub last_write_ok: bool,
    /// Whether a sync is under way: `aof_pending_bio_fsync`.
    pub sync_running: bool,
    /// How often a write had to wait for a sync that took too long: `aof_delayed_fsync`.
    pub delayed_fsyncs: u64,
    /// When the last successful sync ended, microseconds since the epoch.
    pub last_sync_us: Option<u64>,
    /// The path of the incr file in use.
    pub incr_path: String,
}

/// What a data set was loaded from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoadSource {
    /// There was nothing.
    #[default]
    Nothing,
    /// The RDB file.
    Rdb,
    /// The append-only file.
    Aof,
}

/// One file that was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedFile {
    /// Its path.
    pub path: String,
    /// The bytes that were used: all of it, or up to a truncated tail.
    pub used_len: u64,
    /// The bytes that were there.
    pub file_len: u64,
    /// Keys (of a snapshot) or commands (of an incr file) loaded from it.
    pub items: u64,
    /// From this offset on no checksum line of the append-only file covers it.
    pub unchecked_from: u64,
}

/// What the start found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// What the data set was loaded from.
    pub source: LoadSource,
    /// The files, in the order they were loaded.
    pub files: Vec<LoadedFile>,
    /// Keys after loading.
    pub keys: u64,
}

/// How far loading has come: what the time it takes derives from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadProgress {
    /// Bytes read.
    pub bytes: u64,
    /// Keys taken from snapshots.
    pub keys: u64,
    /// Commands replayed.
    pub commands: u64,
    /// How long loading is to wait, all in all: `key-load-delay`, in microseconds.
    pub delay_us: u64,
}
