//! One call of a command: what it is given, and what it leaves behind.

use lastsave_resp::{Args, ArgsBuf, Reply};

use crate::Keyspace;

/// Who is asking: it decides whether expired keys are removed and what may be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A client, or the terminal: expired keys are gone.
    Client,
    /// The loader replaying an append-only file: nothing expires, everything is obeyed.
    Replay,
}

/// What a command is called with.
pub struct Call<'a> {
    /// The words, the command's name first.
    pub args: Args<'a>,
    /// The data.
    pub keyspace: &'a mut Keyspace,
    /// The selected database.
    pub db: usize,
    /// The time: microseconds since the epoch, the same throughout a command, a transaction and a script.
    pub now_us: u64,
    /// Who is asking.
    pub origin: Origin,
    /// Where the answer goes.
    pub reply: &'a mut Reply,
    /// What is told to the rest of the server.
    pub effects: &'a mut Effects,
}

/// One command to be written to the append-only file in place of, or ahead of, the one that was called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Propagated {
    /// The database it applies to.
    pub db: usize,
    /// Its words.
    pub args: ArgsBuf,
}

/// The class of a keyspace event, as `notify-keyspace-events` selects them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventClass {
    /// `g`: DEL, EXPIRE, RENAME and the like.
    Generic,
    /// `$`: strings.
    String,
    /// `l`: lists.
    List,
    /// `s`: sets.
    Set,
    /// `h`: hashes.
    Hash,
    /// `z`: sorted sets.
    SortedSet,
    /// `t`: streams.
    Stream,
    /// `x`: a key expired.
    Expired,
    /// `e`: a key was evicted.
    Evicted,
    /// `n`: a key was made.
    New,
    /// `m`: a read missed.
    KeyMiss,
}

/// What a call did. Reused from call to call: [`Effects::clear`] keeps the memory.
#[derive(Debug, Default)]
pub struct Effects {
    /// The number of changes to the data, as save points count them.
    pub dirty: u64,
    /// Commands that go to the append-only file ahead of this one whatever it did: DELs of keys that were
    /// found expired.
    pub ahead: Vec<Propagated>,
    /// Commands that go to the append-only file instead of this one as it was called. Where it stays empty and
    /// [`Effects::suppressed`] is not set, a call with `dirty > 0` is written as it was called.
    pub instead: Vec<Propagated>,
    /// Set by a command that changed something and must not be written at all.
    pub suppressed: bool,
    /// Keys changed, for WATCH; recorded only while [`Effects::watching`].
    pub touched: Vec<(usize, Vec<u8>)>,
    /// Databases emptied or swapped, for WATCH; every key of them counts as touched. Recorded always.
    pub touched_dbs: Vec<usize>,
    /// Whether any client watches any key, so that [`Effects::touched`] is worth recording.
    pub watching: bool,
    /// Keys found, and not found, by commands that read.
    pub hits: u64,
    /// See [`Effects::hits`].
    pub misses: u64,
    /// Keys removed because their time had come.
    pub expired: u64,
}

impl Effects {
    /// Forgets everything but [`Effects::watching`].
    pub fn clear(&mut self) {
        self.dirty = 0;
        self.ahead.clear();
        self.instead.clear();
        self.suppressed = false;
        self.touched.clear();
        self.touched_dbs.clear();
        self.hits = 0;
        self.misses = 0;
        self.expired = 0;
    }
}

impl Call<'_> {
    /// The time in whole milliseconds since the epoch, as expiries are compared with.
    pub fn now_ms(&self) -> u64 {
        self.now_us / 1000
    }

    /// Says that `key` of database `db` was changed by an event of this class and name: WATCH hears of it, and
    /// later keyspace notifications. Counts one change.
    pub fn modified(&mut self, class: EventClass, event: &'static str, db: usize, key: &[u8]) {
        let _ = (class, event);
        self.effects.dirty += 1;
        if self.effects.watching {
            self.effects.touched.push((db, key.to_vec()));
        }
    }

    /// Has these words written to the append-only file in place of the call's own, behind those said before.
    pub fn propagate_instead<'w>(&mut self, db: usize, words: impl IntoIterator<Item = &'w [u8]>) {
        self.effects.instead.push(Propagated {
            db,
            args: words.into_iter().collect(),
        });
    }
}
