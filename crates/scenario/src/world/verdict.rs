//! The verdict: which acknowledged writes a start has brought back, and why the others are lost.

use std::sync::Arc;

use lastsave_engine::{Engine, LoadReport, LoadSource};
use lastsave_keyspace::Keyspace;
use lastsave_vfs::SimDisk;

use super::World;
use super::keys::{self, Difference};
use super::server::LogState;
use crate::VerdictView;
use crate::units::{about, count};

/// A server process that has ended.
#[derive(Clone)]
pub(super) struct Ended {
    /// Its data at the end.
    pub(super) keyspace: Arc<Keyspace>,
    /// What ended it, in words.
    pub(super) cause: String,
    pub(super) at_us: u64,
    /// Whether the power went too.
    pub(super) power: bool,
    /// Whether a start has brought back what could be.
    pub(super) settled: bool,
    /// Whether its append-only file was on.
    pub(super) log: bool,
    /// What of it a start would load, and the kernel goes on writing back.
    pub(super) left_log: Option<LogState>,
    /// Bytes in its append-only file's buffer at the end.
    pub(super) unwritten: u64,
    /// How the data recovered differ from its own.
    pub(super) difference: Arc<Difference>,
    /// The syncs of the log that were to come.
    pub(super) next_syncs: NextSyncs,
    /// Why writes are lost, once it is settled that some are.
    pub(super) loss: Loss,
}

/// The syncs of a log that a crash has come before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NextSyncs {
    /// The one under way: the writes it was for, and when it would have ended.
    pub(super) under_way: Option<(usize, u64)>,
    /// When the one after it would have ended, or nearly; `None` if none was to come: that was left to the kernel.
    pub(super) next_us: Option<u64>,
}

/// Why the writes that a start has not found are lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Loss {
    /// The files were changed by hand, or whatever else.
    #[default]
    Unknown,
    /// The RDB file is there, and was not looked at because the log is on.
    SnapshotIgnored,
    /// The log is there, and was not looked at because it is off.
    LogIgnored,
    /// The log's files are gone.
    LogGone,
    /// They came behind the last save.
    BehindSave,
    /// There was no save.
    NeverSaved,
    /// They were written and not synced.
    NotSynced,
    /// They were in the process's buffer.
    NotWritten,
}

/// What is known of the writes that a start has found.
pub(super) enum Found {
    /// The first so many.
    Exactly(usize),
    /// A file was changed by hand: only the data can be compared.
    Unknown,
}

impl World {
    /// Says that a server has ended, before it is known what comes back.
    pub(super) fn announce_end(&mut self) {
        let Some(ended) = &self.ended else { return };
        self.verdict = Some(VerdictView {
            cause: ended.cause.clone(),
            crashed_at_us: ended.at_us,
            acknowledged: self.ledger.acknowledged(),
            unacknowledged: self.ledger.unacknowledged(),
            keys_before: ended.keyspace.len() as u64,
            explanation: "Start the server to see what comes back.".into(),
            ..VerdictView::default()
        });
    }

    /// Enters in the ledger what a start has found, and gives the verdict if a server ended before.
    pub(super) fn settle_start(&mut self, engine: &Engine, took_us: u64) {
        let report = engine.load_report();
        let difference = match &self.ended {
            Some(ended) if !ended.settled => {
                let now_ms = self.now_us / 1000;
                Some(keys::compare(&ended.keyspace, engine.keyspace(), now_ms))
            }
            _ => None,
        };
        let found = self.found(&self.disk, report, self.ended_at_point);
        let recovered = match (&found, &difference) {
            (Found::Exactly(writes), _) => *writes,
            (Found::Unknown, Some(difference)) => self.estimate(difference),
            (Found::Unknown, None) => 0,
        };
        if let Some(difference) = difference {
            self.give_verdict(engine, took_us, &found, recovered, difference);
        }
        self.ledger.recovered(recovered, self.now_us);
        self.ledger.set_durable(recovered, self.now_us);
        self.timeline
            .set_exposed(self.now_us, self.ledger.exposed());
    }

    /// How many writes the files loaded from this disk hold, as the ledger knows them. If the crash was `at_point`, there may
    /// be files that were made but never heard of: they are empty.
    pub(super) fn found(&self, disk: &SimDisk, report: &LoadReport, at_point: bool) -> Found {
        let inode = |path: &str| disk.inode(path);
        // A snapshot may stand before its end is heard of.
        let snapshot = |path: &str, inode| {
            let known = self.ledger.snapshot(inode);
            known.or_else(|| self.snapshot_under_way(path))
        };
        match (report.source, report.files.as_slice()) {
            (_, []) | (LoadSource::Nothing, _) => Found::Exactly(0),
            (LoadSource::Rdb, [file, ..]) => inode(&file.path)
                .and_then(|inode| snapshot(&file.path, inode))
                .map_or(Found::Unknown, Found::Exactly),
            (LoadSource::Aof, files) => {
                let mut writes = 0;
                for file in files {
                    let Some(inode) = inode(&file.path) else {
                        return Found::Unknown;
                    };
                    let log = self.ledger.log(inode, file.used_len);
                    match log.or_else(|| snapshot(&file.path, inode)) {
                        Some(held) => writes = writes.max(held),
                        None if at_point && file.items == 0 => {}
                        None => return Found::Unknown,
                    }
                }
                Found::Exactly(writes)
            }
        }
    }

    /// How many writes are likely to be there, from the keys that differ: each is one lost write at least.
    fn estimate(&self, difference: &Difference) -> usize {
        let differing = (difference.gone.len() + difference.changed.len()) as u64;
        let mut from = self.ledger.len();
        while from > 0 && self.ledger.tail(from).acknowledged < differing {
            // Acknowledged writes are dense, so this steps by what is missing and ends after a few rounds.
            let missing = differing - self.ledger.tail(from).acknowledged;
            from = from.saturating_sub(missing as usize);
        }
        from
    }

    fn give_verdict(
        &mut self,
        engine: &Engine,
        took_us: u64,
        found: &Found,
        recovered: usize,
        difference: Difference,
    ) {
        let tail = self.ledger.tail(recovered);
        let Some(ended) = &mut self.ended else { return };
        let acknowledged = self.ledger.acknowledged();
        let unacknowledged_kept = {
            let kept = recovered as u64;
            kept.saturating_sub(acknowledged - tail.acknowledged)
        };
        ended.settled = true;
        let oldest_us = tail
            .oldest_at_us
            .map_or(0, |oldest_us| ended.at_us.saturating_sub(oldest_us));
        let facts = Facts {
            report: engine.load_report(),
            lost: tail.acknowledged,
            acknowledged,
            oldest_us,
            known: matches!(found, Found::Exactly(_)),
            power: ended.power,
            log: ended.log,
            log_is_on: engine.config().appendonly,
            unwritten: ended.unwritten,
            left_to_kernel: ended.next_syncs.next_us.is_none(),
            expire_us: (self.profile.writeback_interval_us > 0)
                .then_some(self.profile.dirty_expire_us),
            snapshot: Some(engine.config().dbfilename.as_str())
                .filter(|path| self.disk.inode(path).is_some()),
        };
        ended.loss = facts.loss();
        self.verdict = Some(VerdictView {
            cause: ended.cause.clone(),
            crashed_at_us: ended.at_us,
            recovered_known: true,
            acknowledged,
            unacknowledged: self.ledger.unacknowledged(),
            unacknowledged_kept,
            recovered: acknowledged - tail.acknowledged,
            lost: tail.acknowledged,
            oldest_lost_ms: oldest_us / 1000,
            recovery_ms: took_us / 1000,
            explanation: facts.explain(),
            keys_before: difference.before,
            keys_after: engine.keyspace().len() as u64,
            keys_gone: difference.gone.len() as u64,
            keys_changed: difference.changed.len() as u64,
            keys_unexpected: difference.unexpected.len() as u64,
        });
        ended.difference = Arc::new(difference);
        self.verdict_process = self.processes;
    }
}

/// What an explanation is made from.
struct Facts<'a> {
    report: &'a LoadReport,
    lost: u64,
    acknowledged: u64,
    oldest_us: u64,
    known: bool,
    power: bool,
    log: bool,
    log_is_on: bool,
    unwritten: u64,
    /// Whether no fsync of the log was to come.
    left_to_kernel: bool,
    /// How old unsynced bytes are when the kernel writes them by itself, if it does.
    expire_us: Option<u64>,
    /// The RDB file, if it is there.
    snapshot: Option<&'a str>,
}

impl Facts<'_> {
    fn explain(&self) -> String {
        let loaded = self.loaded();
        if !self.known {
            return format!(
                "{loaded} It was changed by hand, so single writes cannot be followed: the keys were compared instead, each that differs counting as one lost write."
            );
        }
        if self.lost == 0 {
            return match self.acknowledged {
                0 => format!("{loaded} No write had been acknowledged."),
                _ => format!("{loaded} Every acknowledged write is in it."),
            };
        }
        format!("{loaded} {}", self.why_lost())
    }

    fn loaded(&self) -> String {
        let items: u64 = self.report.files.iter().map(|file| file.items).sum();
        match (self.report.source, self.report.files.as_slice()) {
            (LoadSource::Nothing, _) | (_, []) if self.ignored().is_some() => {
                "There was no append-only file to load: the server started empty.".into()
            }
            (LoadSource::Nothing, _) | (_, []) => {
                "There was no file to load: the server started empty.".into()
            }
            (LoadSource::Rdb, [file, ..]) => {
                format!("{} was loaded: {}.", file.path, count(items, "key"))
            }
            (LoadSource::Aof, files) => {
                let keys: u64 = files
                    .iter()
                    .filter(|file| file.path.ends_with(".rdb"))
                    .map(|file| file.items)
                    .sum();
                let cut: u64 = files.iter().map(|file| file.file_len - file.used_len).sum();
                let cut = match cut {
                    0 => String::new(),
                    _ => format!(" A torn tail of {} was cut off.", count(cut, "byte")),
                };
                format!(
                    "The append-only file was loaded: {} from its base, then {}.{cut}",
                    count(keys, "key"),
                    count(items - keys, "command")
                )
            }
        }
    }

    /// The snapshot that a start with the log on has not looked at, though there was no log.
    fn ignored(&self) -> Option<&str> {
        let nothing = self.report.source == LoadSource::Nothing;
        self.snapshot.filter(|_| nothing && self.log_is_on)
    }

    fn loss(&self) -> Loss {
        if !self.known {
            return Loss::Unknown;
        }
        if self.ignored().is_some() {
            return Loss::SnapshotIgnored;
        }
        match (self.report.source, self.log) {
            (LoadSource::Rdb | LoadSource::Nothing, true) if !self.log_is_on => Loss::LogIgnored,
            (LoadSource::Nothing, true) => Loss::LogGone,
            (LoadSource::Rdb, false) => Loss::BehindSave,
            (LoadSource::Nothing, false) => Loss::NeverSaved,
            (LoadSource::Aof, _) if self.power => Loss::NotSynced,
            (LoadSource::Aof, _) if self.unwritten > 0 => Loss::NotWritten,
            (_, true) if self.power => Loss::NotSynced,
            _ => Loss::Unknown,
        }
    }

    fn why_lost(&self) -> String {
        let (lost, oldest) = (count(self.lost, "write"), about(self.oldest_us));
        match self.loss() {
            Loss::SnapshotIgnored => format!(
                "{} is there, but with appendonly yes it is not looked at. The next save will overwrite it.",
                self.ignored().unwrap_or_default()
            ),
            Loss::LogIgnored => {
                "Before, the append-only file was on; this start did not look at it (appendonly no).".into()
            }
            Loss::LogGone => "The append-only file that held the writes is gone.".into(),
            Loss::BehindSave => format!(
                "It holds the data as they were at the last completed save. What was acknowledged since ({lost}, the oldest {oldest} before the crash) existed only in the memory of the process."
            ),
            Loss::NeverSaved => format!(
                "No save ever completed and the append-only file was off, so all that was acknowledged ({lost}, the oldest {oldest} before the crash) existed only in the memory of the process."
            ),
            Loss::NotSynced if self.report.source == LoadSource::Aof => format!(
                "The operating system had taken the commands of the last {oldest}, but the device had not: {}.",
                match self.expire_us {
                    Some(us) if self.left_to_kernel => format!(
                        "no fsync was to come, and by itself the kernel writes back only what is {} s old",
                        us / 1_000_000
                    ),
                    _ => "no fsync of them had completed".into(),
                }
            ),
            Loss::NotSynced => format!(
                "The device did not hold the append-only file of the last {oldest}: no fsync of it had completed."
            ),
            Loss::NotWritten => format!(
                "The commands of the last {oldest} were still in the process's own buffer ({}) and went with it.",
                count(self.unwritten, "byte")
            ),
            Loss::Unknown => format!("What was written in the last {oldest} is not in the files."),
        }
    }
}
