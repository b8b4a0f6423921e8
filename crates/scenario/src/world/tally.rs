//! What has happened so far, counted: where a step ends, and where a way back does.

use serde::{Deserialize, Serialize};

use super::World;
use crate::MarkKind;

/// What one may step to, and back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepKind {
    /// A command was executed.
    Command,
    /// A command changed data.
    Write,
    /// A file was made durable.
    Fsync,
    /// A save ended.
    Save,
    /// A rewrite of the append-only file ended.
    Rewrite,
}

impl StepKind {
    /// Every kind with its word.
    pub const ALL: [(&'static str, Self); 5] = [
        ("command", Self::Command),
        ("write", Self::Write),
        ("fsync", Self::Fsync),
        ("save", Self::Save),
        ("rewrite", Self::Rewrite),
    ];

    /// The kind that a word names.
    pub fn of_word(word: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|(name, _)| *name == word).map(|(_, kind)| kind)
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        let mut all = Self::ALL.into_iter();
        all.find(|(_, kind)| *kind == self)
            .map_or("", |(word, _)| word)
    }
}

/// How much of each kind has happened since the scenario began. Never falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally([u64; StepKind::ALL.len()]);

impl Tally {
    pub(crate) fn of(&self, kind: StepKind) -> u64 {
        self.0[kind as usize]
    }
}

/// What is counted by the world itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    /// Saves and rewrites that have ended, well or not.
    pub(super) saves: u64,
    pub(super) rewrites: u64,
    /// Writes of processes that have ended.
    pub(super) writes_before: u64,
    /// Syncs of disks that were formatted.
    pub(super) syncs_before: u64,
}

impl Counted {
    /// A save or a rewrite has ended.
    pub(super) fn ended(&mut self, kind: MarkKind) {
        match kind {
            MarkKind::Rewrite | MarkKind::RewriteFailed => self.rewrites += 1,
            _ => self.saves += 1,
        }
    }
}

impl World {
    /// How many items the last start has loaded.
    pub(crate) fn loaded_items(&self) -> u64 {
        let engine = self.engine();
        let files = engine.map_or(&[][..], |engine| &engine.load_report().files);
        files.iter().map(|file| file.items).sum()
    }

    /// What a clone of this machine takes that it does not share with it, in bytes, by estimate.
    pub(crate) fn own_bytes(&self) -> u64 {
        /// The engine without data, its clients, buffers, the open ends of lists.
        const ALWAYS: u64 = 192 << 10;
        let pages = self.disk.used_bytes() / 4096;
        let ledger = self.ledger.len() as u64 / 32;
        ALWAYS + self.data_bytes() + pages * 8 + ledger + self.log.len() as u64 * 24
    }

    /// The inodes of the files, with their lengths.
    pub(crate) fn file_lens(&self) -> Vec<(u64, u64)> {
        let files = self.disk.files().into_iter();
        files
            .filter_map(|file| Some((self.disk.inode(&file.path)?, file.len)))
            .collect()
    }
    /// What has happened so far.
    pub(crate) fn tally(&self) -> Tally {
        let (commands, writes) = self.server.as_ref().map_or((0, 0), |server| {
            (server.engine.commands(), server.engine.writes())
        });
        Tally([
            self.commands_before + commands,
            self.counted.writes_before + writes,
            self.counted.syncs_before + self.disk.totals().syncs,
            self.counted.saves,
            self.counted.rewrites,
        ])
    }
}
