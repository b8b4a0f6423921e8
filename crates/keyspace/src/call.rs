//! One call of a command: what it is given, and what it leaves behind.

use lastsave_dict::{EntryMut, EntryRef};
use lastsave_resp::{Args, ArgsBuf, Reply};

use crate::{Keyspace, Object, tag};

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
    /// Commands that go to the append-only file instead of this one as it was called, whatever `dirty` says: a
    /// FLUSHDB of nothing is written too. Where it stays empty and [`Effects::suppressed`] is not set, a call
    /// with `dirty > 0` is written as it was called.
    pub instead: Vec<Propagated>,
    /// Set by a command that changed something and must not be written at all.
    pub suppressed: bool,
    /// Keys changed, for WATCH; recorded only while [`Effects::watching`].
    pub touched: Vec<(usize, Vec<u8>)>,
    /// Databases emptied or swapped, for WATCH; every key of them counts as touched. Recorded always.
    pub touched_dbs: Vec<usize>,
    /// Set by FLUSHALL: what is saved must not bring the data back.
    pub flushed_all: bool,
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
        self.flushed_all = false;
        self.hits = 0;
        self.misses = 0;
        self.expired = 0;
    }

    /// Says that a key changed, or went away, without counting a change.
    pub(crate) fn touch(&mut self, db: usize, key: &[u8]) {
        if self.watching {
            self.touched.push((db, key.to_vec()));
        }
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
        self.effects.touch(db, key);
    }

    /// Has these words written to the append-only file in place of the call's own, behind those said before,
    /// whether or not anything changed.
    pub fn propagate_instead<'w>(&mut self, db: usize, words: impl IntoIterator<Item = &'w [u8]>) {
        self.effects.instead.push(Propagated {
            db,
            args: words.into_iter().collect(),
        });
    }

    /// Has DEL (or UNLINK if `lazy`) of `key` written in place of the call's own words.
    pub(crate) fn propagate_deletion(&mut self, lazy: bool, key: &[u8]) {
        self.propagate_instead(self.db, [deletion(lazy), key]);
    }

    /// Hands the live entry of `key` to `then`, together with the reply, and marks it as used now. Counts a hit
    /// or a miss.
    pub(crate) fn read<R>(
        &mut self,
        key: &[u8],
        then: impl FnOnce(&mut Reply, Option<EntryRef<'_, Object>>) -> R,
    ) -> R {
        let clock = Some(self.now_us);
        self.look_up(key, clock, then)
    }

    /// As [`Call::read`], leaving the time of its last use alone.
    pub(crate) fn peek<R>(
        &mut self,
        key: &[u8],
        then: impl FnOnce(&mut Reply, Option<EntryRef<'_, Object>>) -> R,
    ) -> R {
        self.look_up(key, None, then)
    }

    fn look_up<R>(
        &mut self,
        key: &[u8],
        accessed_at_us: Option<u64>,
        then: impl FnOnce(&mut Reply, Option<EntryRef<'_, Object>>) -> R,
    ) -> R {
        let expires = self.origin == Origin::Client;
        let now_ms = self.now_ms();
        let keys = &mut self.keyspace.databases[self.db].keys;
        let (result, tag) = match keys.get(key) {
            Some(entry) if expires && is_due(&entry, now_ms) => {
                self.remove_expired(self.db, key);
                self.effects.misses += 1;
                return then(self.reply, None);
            }
            Some(entry) => {
                self.effects.hits += 1;
                let tag = entry.tag();
                (then(self.reply, Some(entry)), tag)
            }
            None => {
                self.effects.misses += 1;
                return then(self.reply, None);
            }
        };
        // A snapshot would have to copy the entry first. Redis leaves the clock alone meanwhile, too.
        if let Some(now_us) = accessed_at_us
            && tag::accessed(tag, now_us) != tag
            && !keys.snapshot_running()
            && let Some(mut entry) = keys.get_mut(key)
        {
            entry.set_tag(tag::accessed(tag, now_us));
        }
        result
    }

    /// The live entry of `key` in database `db`, to be changed. Counts no hit and no miss.
    pub(crate) fn entry_mut(&mut self, db: usize, key: &[u8]) -> Option<EntryMut<'_, Object>> {
        self.remove_if_due(db, key);
        self.keyspace.databases[db].keys.get_mut(key)
    }

    /// Whether `key` is in database `db` and has not expired. Counts no hit and no miss.
    pub(crate) fn exists(&mut self, db: usize, key: &[u8]) -> bool {
        !self.remove_if_due(db, key) && self.keyspace.databases[db].keys.get(key).is_some()
    }

    /// Removes `key` of database `db` if its time has come. Returns whether it did.
    pub(crate) fn remove_if_due(&mut self, db: usize, key: &[u8]) -> bool {
        let keys = &self.keyspace.databases[db].keys;
        if self.origin == Origin::Replay || keys.expiring_len() == 0 {
            return false;
        }
        let now_ms = self.now_ms();
        let due = keys.get(key).is_some_and(|entry| is_due(&entry, now_ms));
        if due {
            self.remove_expired(db, key);
        }
        due
    }

    fn remove_expired(&mut self, db: usize, key: &[u8]) {
        self.keyspace.databases[db].keys.remove(key);
        self.effects.expired += 1;
        self.effects.touch(db, key);
        let words = [deletion(self.keyspace.settings.lazy_expire), key];
        self.effects.ahead.push(Propagated {
            db,
            args: words.into_iter().collect(),
        });
    }
}

/// Whether the time of an entry has come.
pub(crate) fn is_due(entry: &EntryRef<'_, Object>, now_ms: u64) -> bool {
    entry
        .expires_at_ms()
        .is_some_and(|expires_at_ms| now_ms > expires_at_ms)
}

/// The name of the command that a removal is written as.
fn deletion(lazy: bool) -> &'static [u8] {
    if lazy { b"UNLINK" } else { b"DEL" }
}
