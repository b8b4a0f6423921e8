//! The teaching switch: what `redis-faithful yes` brings back.
//!
//! Wherever Redis 7.0 loses data and we do not, the code asks [`Engine::repeats`] at the one place where Redis goes
//! wrong. So this list, and a search for a name in it, is all there is to the switch. Each has a row in
//! `docs/differences.md` and a test in `tests/tests/defects.rs` that loses data with the switch on and none with it off.

use crate::engine::Engine;

/// What Redis 7.0.15 does wrong about durability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    /// 1: a rewrite opens the new incr file without `O_APPEND`. After a short write is cut off, the next one leaves a
    /// hole of NULs.
    HoleAfterShortWrite,
    /// 2: when the directory cannot be synced behind a new manifest's rename, the base that it names is deleted.
    DanglingManifest,
    /// 3: a transaction torn inside a command is cut behind its last whole command. MULTI stays open and swallows every
    /// later write at the next load.
    OpenMulti,
    /// 4: a file that begins with a snapshot and is torn in the first command behind it is cut to nothing.
    PreambleCut,
    /// 5: a torn tail in a file that is not the last is cut before the start is refused. The next start finds nothing
    /// wrong and loads with a gap.
    CutBeforeRefusal,
    /// 6: replies do not wait for write(2), which waits for a slow fsync up to two seconds, or has failed.
    ReplyBeforeWrite,
    /// 7: what a failed fsync was for counts as synced. Since nothing is left to sync, nothing ends the refusal of
    /// writes that it began.
    FailedSyncCounts,
    /// 8 and 10: `appendonly yes` without a log starts empty, whatever the RDB file holds: after switching it on in the
    /// file, or at run time without getting as far as the first base.
    EmptyWithoutLog,
    /// 9: files of a log without their manifest, or which a damaged one does not name, are no log: some are overwritten,
    /// others deleted, or reappear later.
    UnlistedFilesIgnored,
    /// 11: temporary files of runs that died stay.
    OrphansStay,
    /// 12: of a log's framing only so much is looked at as is needed to read on, and commands that fail are passed over.
    LaxFraming,
    /// A file that ends in zeros, as a power loss may leave it, is bad format instead of a torn tail.
    ZerosAreBadFormat,
    /// A log that was switched off counts again as soon as `appendonly` is `yes`, however much newer the RDB file is.
    StaleLogCounts,
    /// A single file of Redis before 7.0 is moved into the directory before it is known whether it can be loaded.
    MovedBeforeLoaded,
    /// SHUTDOWN exits though the log could not be written.
    ExitUnwritten,
}

impl Engine {
    /// Whether to do as Redis does.
    pub(crate) fn repeats(&self, _defect: Defect) -> bool {
        self.config.redis_faithful
    }
}
