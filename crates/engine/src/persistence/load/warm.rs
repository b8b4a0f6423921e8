//! A start that goes on from where another has come to.
//!
//! For whoever starts servers on many states of one disk, each a little longer than the one before: the data set is taken over,
//! and of the log only what is new is replayed. Everything else of a start is as ever.

use lastsave_keyspace::Keyspace;

use super::clock::Clock;
use crate::engine::Engine;
use crate::{LoadProgress, LoadSource, LoadedFile};

/// What a start has loaded from an append-only file.
#[derive(Clone)]
pub struct Loaded {
    keyspace: Keyspace,
    files: Vec<LoadedFile>,
    end: LoadEnd,
}

/// Where loading has ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LoadEnd {
    progress: LoadProgress,
    /// The database selected by the last file's commands.
    db: usize,
    /// Whether the last file is one of commands that can be gone on with.
    goes_on: bool,
}

/// Where in the last file a start goes on.
#[derive(Clone, Copy)]
pub(super) struct Resumed {
    pub(super) offset: u64,
    /// The commands before it.
    pub(super) items: u64,
    pub(super) db: usize,
}

impl Loaded {
    /// The last file of the log, and how many of its bytes are loaded.
    pub fn last_file(&self) -> Option<(&str, u64)> {
        let last = self.files.last()?;
        Some((&last.path, last.used_len))
    }
}

impl Engine {
    /// Ends the engine and keeps what its start has loaded, if that was an append-only file that ends in commands, without
    /// checksum lines. No command may have been executed since the start.
    pub fn into_loaded(self) -> Option<Loaded> {
        let end = self.load_end;
        let usable = self.load_report.source == LoadSource::Aof
            && end.goes_on
            && !self.exited
            && !self.config.aof_checksums;
        let files = self.load_report.files.clone();
        usable.then(|| Loaded {
            files,
            end,
            keyspace: self.into_keyspace(),
        })
    }

    /// Has [`Engine::start`] go on from what another start has loaded, under the same configuration. The caller vouches for the
    /// files: they are the same but for what was appended to the last of them.
    pub fn go_on_from(&mut self, loaded: Loaded) {
        self.loaded_before = Some(Box::new(loaded));
    }

    /// Takes over what was loaded before, if it was from these files.
    pub(super) fn take_over(&mut self, paths: &[String], clock: &mut Clock<'_>) -> Option<Resumed> {
        let loaded = *self.loaded_before.take()?;
        let same = loaded.files.iter().map(|file| &file.path).eq(paths);
        if !same {
            return None;
        }
        let mut files = loaded.files;
        let last = files.pop()?;
        self.keyspace = loaded.keyspace;
        self.keyspace.set_restore_time(self.now_us);
        clock.take_over(
            loaded.end.progress,
            files.iter().map(|file| file.used_len).sum(),
        );
        self.load_report.files = files;
        Some(Resumed {
            offset: last.used_len,
            items: last.items,
            db: loaded.end.db,
        })
    }

    /// Notes where loading has ended.
    pub(super) fn note_end(&mut self, clock: &Clock<'_>, db: usize, goes_on: bool) {
        self.load_end = LoadEnd {
            progress: clock.progress(),
            db,
            goes_on,
        };
    }
}
