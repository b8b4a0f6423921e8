//! What the page shows, as plain data.

use serde::{Deserialize, Serialize};

/// Which parts of a [`View`] are wanted: the expensive ones only when their tab is open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewRequest {
    /// The keys tab: a page of keys, whose names contain `filter`.
    pub keys: Option<KeysRequest>,
    /// The files tab: the tree, and this file's bytes.
    pub files: Option<FilesRequest>,
    /// The configuration tab.
    pub config: bool,
    /// The text of INFO.
    pub info: bool,
    /// The alerts.
    pub alerts: bool,
    /// The timeline with at most this many points.
    pub timeline_points: usize,
    /// The expectations that were checked.
    pub checks: bool,
    /// Single writes and what becomes of them.
    pub writes: Option<WritesRequest>,
}

/// See [`ViewRequest::writes`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WritesRequest {
    /// How many rows to skip.
    pub offset: usize,
    /// How many rows at most.
    pub limit: usize,
    /// Which.
    pub which: WritesFilter,
}

/// Which writes are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum WritesFilter {
    /// All, with those that were never acknowledged.
    #[default]
    All,
    /// Acknowledged ones that came back, or that any crash would leave.
    Kept,
    /// Acknowledged ones that the last crash took.
    Lost,
    /// Acknowledged ones that a crash now would take.
    Exposed,
}

/// See [`ViewRequest::keys`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysRequest {
    /// The database.
    pub db: usize,
    /// Text that a key's name must contain, or a pattern as KEYS takes it; empty for all.
    pub filter: String,
    /// How many rows to skip.
    pub offset: usize,
    /// How many rows at most.
    pub limit: usize,
    /// Only keys that the last crash took, changed or brought back.
    pub changed_only: bool,
    /// The key whose details are wanted, as [`KeyRow::key`] names it.
    pub selected: Option<String>,
}

/// See [`ViewRequest::files`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesRequest {
    /// The path of the file whose bytes are wanted, if any.
    pub path: Option<String>,
    /// The first byte wanted.
    pub offset: u64,
    /// How many bytes at most.
    pub len: usize,
    /// The file as it was right before the last power loss, with what that took.
    pub before_crash: bool,
    /// Where this key is written, in which database.
    pub locate: Option<KeyName>,
}

/// A key by its database and its name, which is escaped as redis-cli does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyName {
    /// The database.
    pub db: usize,
    /// The name, escaped.
    pub name: String,
}

/// A place where a key is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPlace {
    /// The file.
    pub path: String,
    /// The first byte of the command or of the key in a snapshot.
    pub start: u64,
    /// Behind the last byte.
    pub end: u64,
}

/// Single writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WritesView {
    /// How many rows there are of what was asked for.
    pub total: u64,
    /// The rows asked for, in the order the writes were executed.
    pub rows: Vec<WriteRow>,
    /// All writes.
    pub all: u64,
    /// How many of them [`WritesFilter::Kept`] shows.
    pub kept: u64,
    /// How many of them [`WritesFilter::Lost`] shows.
    pub lost: u64,
    /// How many of them [`WritesFilter::Exposed`] shows.
    pub exposed: u64,
}

/// One write. Times are microseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteRow {
    /// Its number, from 1, in the order of execution.
    pub number: u64,
    /// When its reply left, if it did.
    pub acknowledged_at_us: Option<u64>,
    /// The command's name.
    pub command: String,
    /// Its first key, escaped as redis-cli does; the end of a very long one is missing.
    pub key: String,
    /// How many bytes of the key are missing.
    pub key_cut: u64,
    /// When it was appended to the log, if that was on.
    pub appended_at_us: Option<u64>,
    /// When the operating system took it.
    pub written_at_us: Option<u64>,
    /// When it became durable, by a sync or a finished save.
    pub durable_at_us: Option<u64>,
    /// The first finished snapshot that holds it.
    pub base: Option<String>,
    /// Where it stands.
    pub fate: WriteFate,
    /// Why, in words.
    pub why: String,
    /// The file of the log that has it, and its bytes there: path, start, end.
    pub bytes: Option<(String, u64, u64)>,
}

/// Where a write stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WriteFate {
    /// It came back after the last crash.
    Kept,
    /// The last crash took it.
    Lost,
    /// No crash takes it.
    Durable,
    /// A power loss would take it.
    ExposedToPower,
    /// A kill of the process would take it, and a power loss.
    ExposedToKill,
    /// Its reply has not left, or had not when the crash came: nobody was promised anything.
    Unacknowledged,
}

/// What the page shows at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// The clock and what runs.
    pub clock: ClockView,
    /// The four places a write can be.
    pub layers: LayersView,
    /// The last crash's verdict, if there was one.
    pub verdict: Option<VerdictView>,
    /// The keys tab.
    pub keys: Option<KeysView>,
    /// The files tab: every file and directory, in the order of a tree.
    pub files: Option<Vec<FileRow>>,
    /// The bytes of one file.
    pub file: Option<FileView>,
    /// Where the key that was asked for is written, the newest place last; those before the last hundred are left out.
    pub places: Option<Vec<KeyPlace>>,
    /// The configuration tab.
    pub config: Option<Vec<ConfigRow>>,
    /// The text of INFO, or nothing while no server runs.
    pub info: Option<String>,
    /// How many alerts fire.
    pub firing: u64,
    /// The alerts, those that do not fire as well; empty unless asked for.
    pub alerts: Vec<AlertView>,
    /// Single writes.
    pub writes: Option<WritesView>,
    /// The timeline.
    pub timeline: TimelineView,
    /// The expectations checked so far, in order.
    pub checks: Option<Vec<CheckView>>,
}

/// An expectation that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckView {
    /// What it claims: `lost == 1`.
    pub claim: String,
    /// Whether that was so.
    pub met: bool,
    /// The number that was compared, if it was one.
    pub value: Option<u64>,
}

/// A rule that watches the server, as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertView {
    /// What is wrong when it fires.
    pub name: String,
    /// The field of INFO that it reads.
    pub field: String,
    /// When it fires.
    pub threshold: String,
    /// What to do then.
    pub advice: String,
    /// The present value; `None` where the rule does not apply.
    pub value: Option<String>,
    /// Since when it fires, microseconds since the epoch.
    pub since_us: Option<u64>,
}

/// The clock and what runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockView {
    /// Simulated time, microseconds since the epoch.
    pub now_us: u64,
    /// Simulated time since the scenario began, in microseconds.
    pub elapsed_us: u64,
    /// Whether a server is running, and its configuration in a few words (`RDB · 3 save points`, `AOF everysec + RDB`).
    pub server: Option<String>,
    /// The word for the machine's profile (`laptop`).
    pub machine: String,
    /// The running workload in a few words (`sessions, 200/s over 50,000 keys`).
    pub workload: Option<String>,
    /// Faults in force, in the words that set them.
    pub faults: Vec<String>,
    /// Commands executed since the scenario began.
    pub commands: u64,
    /// A hash over everything that has happened.
    pub trace_hash: u64,
}

/// The four places a write can be, in bytes, and what a crash would take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayersView {
    /// Keys in memory.
    pub memory_keys: u64,
    /// Bytes in memory.
    pub memory_bytes: u64,
    /// Bytes of memory that the machine has.
    pub memory_limit_bytes: u64,
    /// Bytes in the append-only file's buffer; `None` with the AOF off.
    pub aof_buffer_bytes: Option<u64>,
    /// Bytes that the operating system holds and has not made durable.
    pub page_cache_bytes: u64,
    /// Durable bytes.
    pub disk_bytes: u64,
    /// Bytes the disk can hold, if it has a limit.
    pub disk_capacity_bytes: Option<u64>,
    /// How long ago the last sync or completed save was, in microseconds.
    pub since_durable_us: Option<u64>,
    /// Writes acknowledged since the scenario began and not known to be lost.
    pub acknowledged: u64,
    /// Acknowledged writes that a power loss now would take.
    pub exposed_power: u64,
    /// The age of the oldest of them, in microseconds.
    pub exposed_power_oldest_us: u64,
    /// Acknowledged writes that a process kill now would take.
    pub exposed_kill: u64,
    /// The age of the oldest of them, in microseconds.
    pub exposed_kill_oldest_us: u64,
}

/// What a crash took, known once the server is up again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictView {
    /// The crash in the words that caused it.
    pub cause: String,
    /// When it was, microseconds since the epoch.
    pub crashed_at_us: u64,
    /// Whether the server is up again; until then the numbers below are not known.
    pub recovered_known: bool,
    /// Writes acknowledged before the crash.
    pub acknowledged: u64,
    /// Writes executed whose replies had not left: nobody was promised anything about them.
    pub unacknowledged: u64,
    /// Of these, the ones that are there all the same.
    pub unacknowledged_kept: u64,
    /// Those that are there again.
    pub recovered: u64,
    /// Those that are not.
    pub lost: u64,
    /// The age of the oldest lost write at the crash, in milliseconds.
    pub oldest_lost_ms: u64,
    /// How long the start took, in simulated milliseconds.
    pub recovery_ms: u64,
    /// What was loaded, and why the lost writes are lost, in a sentence or two.
    pub explanation: String,
    /// Keys before and after, and those gone, changed and unexpected.
    pub keys_before: u64,
    /// Keys after the recovery.
    pub keys_after: u64,
    /// Keys that were there before and are not now.
    pub keys_gone: u64,
    /// Keys whose value or expiry differs.
    pub keys_changed: u64,
    /// Keys that were not there before the crash and are now: an older file brought them back.
    pub keys_unexpected: u64,
}

/// A page of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysView {
    /// Keys that match, in all pages.
    pub total: u64,
    /// The keys of each database that has any: `(db, keys)`.
    pub databases: Vec<(usize, u64)>,
    /// The rows asked for, sorted by name.
    pub rows: Vec<KeyRow>,
    /// Whether a crash has been recovered from, so that the three numbers below mean something.
    pub compared: bool,
    /// Keys of this database that were there before the crash and are not now.
    pub gone: u64,
    /// Keys that have another value or expiry.
    pub changed: u64,
    /// Keys that were not there before.
    pub unexpected: u64,
    /// The key asked for.
    pub detail: Option<KeyDetail>,
}

/// One key and its first elements.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyDetail {
    /// The key.
    pub row: KeyRow,
    /// How many elements or bytes the value has.
    pub len: u64,
    /// The first elements, each in its parts: field and value, member and score, an entry's ID and fields.
    pub elements: Vec<Vec<String>>,
    /// Its value before the crash, where that is another.
    pub before: Option<String>,
    /// The command that shows all of it.
    pub line: String,
}

/// One key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRow {
    /// Its name, escaped as redis-cli does.
    pub key: String,
    /// `string`, …
    pub kind: String,
    /// `int`, `embstr`, `raw`, …
    pub encoding: String,
    /// The value, escaped and cut to a readable length.
    pub value: String,
    /// Time to live, in milliseconds.
    pub ttl_ms: Option<u64>,
    /// After a crash: `gone`, `changed`, `unexpected`, or empty.
    pub fate: String,
}

/// One file or directory of the simulated disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRow {
    /// Its path.
    pub path: String,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Its size in bytes.
    pub len: u64,
    /// Of these, bytes not yet durable.
    pub unsynced_bytes: u64,
    /// Whether its name is durable.
    pub name_durable: bool,
    /// Bytes of it that the last power loss took.
    pub lost_bytes: u64,
    /// Whether the last power loss took it whole: it is not there any more.
    pub gone: bool,
}

/// Some bytes of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileView {
    /// Its path.
    pub path: String,
    /// Its size in bytes.
    pub len: u64,
    /// The offset of the first byte shown.
    pub offset: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Ranges of the file that are not yet durable: `(start, end)`.
    pub unsynced: Vec<(u64, u64)>,
    /// Of the file before a power loss: ranges that it took, `(start, end)`.
    pub lost: Vec<(u64, u64)>,
    /// Whether this is the file before the power loss.
    pub before_crash: bool,
    /// What the file is and what is in it, in a few words; empty for a text.
    pub about: String,
    /// Where it breaks, and why.
    pub problem: Option<(u64, String)>,
    /// What the bytes mean, in file order; a broken file keeps what was parsed, and its last row says what is wrong.
    pub annotations: Vec<Annotation>,
}

/// What a range of bytes means.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    /// The first byte.
    pub start: u64,
    /// Behind the last byte.
    pub end: u64,
    /// A command or an item of the snapshot, in one line.
    pub text: String,
    /// How many rows it is a part of.
    pub depth: u8,
    /// What it is.
    pub kind: AnnotationKind,
    /// The key that it is, or that it is about first.
    pub key: Option<KeyName>,
    /// Whether this is where the file is broken.
    pub error: bool,
}

/// What an [`Annotation`] is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnnotationKind {
    /// Something about the file, or a line of a text.
    #[default]
    About,
    /// A command of a log.
    Command,
    /// A key of a snapshot.
    Key,
    /// Part of a command or a key.
    Part,
    /// What is broken, or cannot be read for that.
    Broken,
}

/// One parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigRow {
    /// Its name.
    pub name: String,
    /// Its value as CONFIG GET prints it.
    pub value: String,
    /// Its default.
    pub default: String,
    /// What documentation files it under.
    pub section: String,
    /// What it does.
    pub help: String,
    /// What its number counts: `bytes`, `seconds`, or empty.
    pub unit: String,
    /// Whether it can change at run time.
    pub mutable: bool,
    /// The values it may have, if they can be listed (`yes`, `no`, `everysec` …).
    pub choices: Vec<String>,
    /// Whether anything obeys it; the others are accepted and shown only.
    pub effective: bool,
}

/// The timeline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TimelineView {
    /// Its beginning, microseconds since the epoch.
    pub start_us: u64,
    /// Its end: now.
    pub end_us: u64,
    /// The exposure curve, in rising time.
    pub points: Vec<TimelinePoint>,
    /// Marks: syncs, saves, rewrites, faults, crashes. Thinned where they are dense.
    pub marks: Vec<TimelineMark>,
}

/// One point of the exposure curve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelinePoint {
    /// When.
    pub at_us: u64,
    /// Acknowledged writes that a power loss at that moment would have taken.
    pub exposed: u64,
}

/// One mark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineMark {
    /// When it began.
    pub at_us: u64,
    /// When it ended, if it took time.
    pub end_us: Option<u64>,
    /// What it is.
    pub kind: MarkKind,
    /// A few words for the tooltip.
    pub text: String,
}

/// What a mark on the timeline is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MarkKind {
    /// The append-only file was synced.
    Sync,
    /// The kernel wrote old unsynced bytes to the device by itself.
    WriteBack,
    /// A save.
    Save,
    /// A save that failed.
    SaveFailed,
    /// A rewrite.
    Rewrite,
    /// A rewrite that failed.
    RewriteFailed,
    /// The server started.
    Start,
    /// A fault was set or lifted.
    Fault,
    /// The process was killed.
    Kill,
    /// The power went.
    PowerLoss,
}

impl MarkKind {
    /// Whether there may be thousands of it, which are thinned where there is no room.
    pub(crate) fn is_common(self) -> bool {
        matches!(self, Self::Sync | Self::WriteBack)
    }
}
