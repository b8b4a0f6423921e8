//! One call of a command: what it is given, and what it leaves behind.

use lastsave_dict::{EntryMut, EntryRef, Tag, Value, ValueRef};
use lastsave_resp::{Args, ArgsBuf, Reply};

use crate::object::{Collection, Edit};
use crate::{Garbage, Keyspace, Object, tag};

/// The answer where a value is of another type than the command works on.
pub(crate) const WRONG_TYPE: &str =
    "WRONGTYPE Operation against a key holding the wrong kind of value";

/// An error has been answered, and nothing is left to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered;

/// Who is asking: it decides whether expired keys are removed and what may be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A client, or the terminal: expired keys are gone.
    Client,
    /// The loader replaying an append-only file: nothing expires, everything is obeyed.
    Replay,
}

/// Whether a command that finds nothing may wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocking {
    /// In a transaction or a replay: it answers at once, as if its time had run out.
    No,
    /// It may: see [`Effects::block`].
    Yes,
    /// It has been waiting, and one of its keys became ready: it may go on waiting, and a key of another type is no
    /// error now.
    Again,
}

/// What a client waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockedOn {
    /// Elements of a list.
    List,
    /// Members of a sorted set.
    SortedSet,
    /// Entries of a stream.
    Stream,
}

/// The answer to a command whose time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimedOut {
    /// A missing value.
    Null,
    /// A missing array.
    NullArray,
}

/// How a client is to wait whose command found nothing.
#[derive(Clone, Debug)]
pub struct Block {
    /// The keys of the call's database that may bring what it waits for, the preferred one first.
    pub keys: Vec<Vec<u8>>,
    /// What it waits for.
    pub kind: BlockedOn,
    /// When it stops waiting, in microseconds since the epoch; `None`: never.
    pub deadline_us: Option<u64>,
    /// The answer then.
    pub on_timeout: TimedOut,
    /// It is tried again too when one of the keys is deleted: XREADGROUP then answers with an error.
    pub also_when_deleted: bool,
    /// What is tried again, if not the request as it was sent: XREAD makes `$` concrete.
    pub request: Option<ArgsBuf>,
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
    /// Whether it may wait.
    pub blocking: Blocking,
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

impl EventClass {
    /// Its place in [`Effects::notifying`].
    pub const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// Something that happened to a key, as keyspace notifications tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its class.
    pub class: EventClass,
    /// Its name: `set`, `lpush`, `expired`.
    pub name: &'static str,
    /// The database.
    pub db: usize,
    /// The key.
    pub key: Vec<u8>,
}

/// What a call did. Reused from call to call: [`Effects::clear`] keeps the memory.
#[derive(Clone, Debug, Default)]
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
    /// Set by the server while there is no append-only file: `instead` and `ahead` need not be filled.
    pub unlogged: bool,
    /// Keys changed, for WATCH; recorded only while [`Effects::watching`].
    pub touched: Vec<(usize, Vec<u8>)>,
    /// Databases emptied or swapped, for WATCH; every key of them counts as touched. Recorded always.
    pub touched_dbs: Vec<usize>,
    /// What happened to keys, in order; only the classes of [`Effects::notifying`].
    pub events: Vec<Event>,
    /// The classes of events that somebody wants to hear of: a sum of [`EventClass::bit`]s.
    pub notifying: u16,
    /// Keys that may now have what a client waits for; recorded only while [`Effects::someone_blocks`].
    pub ready: Vec<(usize, Vec<u8>)>,
    /// Whether any client waits for a key.
    pub someone_blocks: bool,
    /// The key that became ready, set by the server for a command that is tried again: it is served from no other.
    pub awaited: Option<Vec<u8>>,
    /// Set by a command that found nothing, has answered nothing and wants to wait.
    pub block: Option<Block>,
    /// Lines for the log, of no consequence to most readers: level verbose.
    pub log: Vec<String>,
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
    /// What was removed and takes long to free.
    pub garbage: Vec<Garbage>,
}

impl Effects {
    /// Forgets everything but what the server asks for: `watching`, `notifying`, `someone_blocks`, `unlogged`.
    pub fn clear(&mut self) {
        self.dirty = 0;
        self.ahead.clear();
        self.instead.clear();
        self.suppressed = false;
        self.touched.clear();
        self.touched_dbs.clear();
        self.events.clear();
        self.ready.clear();
        self.awaited = None;
        self.block = None;
        self.log.clear();
        self.flushed_all = false;
        self.hits = 0;
        self.misses = 0;
        self.expired = 0;
        self.garbage.clear();
    }

    /// Frees a value that was removed: elsewhere if `lazily` and it takes long.
    pub(crate) fn free(&mut self, object: Option<Object>, lazily: bool) {
        if lazily
            && let Some(object) = object
            && object.is_slow_to_free()
        {
            self.garbage.push(Garbage::Value(object));
        }
    }

    /// Records an event if somebody wants to hear of its class.
    #[inline]
    pub(crate) fn notify(&mut self, class: EventClass, name: &'static str, db: usize, key: &[u8]) {
        if self.notifying & class.bit() != 0 {
            let key = key.to_vec();
            self.events.push(Event {
                class,
                name,
                db,
                key,
            });
        }
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

    /// Says that `key` of database `db` was changed by an event of this class and name: WATCH and keyspace
    /// notifications hear of it. Counts one change.
    pub fn modified(&mut self, class: EventClass, event: &'static str, db: usize, key: &[u8]) {
        self.changed(db, key, 1);
        self.notify(class, event, db, key);
    }

    /// Says that `key` of database `db` was changed, `dirty` times; WATCH hears of it.
    pub fn changed(&mut self, db: usize, key: &[u8], dirty: u64) {
        self.effects.dirty += dirty;
        self.effects.touch(db, key);
    }

    /// Tells keyspace notifications of an event, and nobody else.
    #[inline]
    pub fn notify(&mut self, class: EventClass, event: &'static str, db: usize, key: &[u8]) {
        self.effects.notify(class, event, db, key);
    }

    /// Says that a client may find in `key` what it waits for.
    #[inline]
    pub fn ready(&mut self, db: usize, key: &[u8]) {
        if self.effects.someone_blocks {
            self.effects.ready.push((db, key.to_vec()));
        }
    }

    /// Whether a command that is tried again is not to be served from `key`, because it was another one that became
    /// ready.
    pub(crate) fn passes_over(&self, key: &[u8]) -> bool {
        let awaited = self.effects.awaited.as_deref();
        awaited.is_some_and(|awaited| awaited != key)
    }

    /// Has these words written to the append-only file in place of the call's own, behind those said before,
    /// whether or not anything changed.
    pub fn propagate_instead<'w>(&mut self, db: usize, words: impl IntoIterator<Item = &'w [u8]>) {
        if !self.effects.unlogged {
            self.effects.instead.push(Propagated {
                db,
                args: words.into_iter().collect(),
            });
        }
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
        let keys = &self.keyspace.databases[self.db].keys;
        let (result, tag) = match keys.get(key) {
            Some(entry) if expires && is_due(&entry, now_ms) => {
                self.remove_expired(self.db, key);
                self.miss(key);
                return then(self.reply, None);
            }
            Some(entry) => {
                self.effects.hits += 1;
                let tag = entry.tag();
                (then(self.reply, Some(entry)), tag)
            }
            None => {
                self.miss(key);
                return then(self.reply, None);
            }
        };
        // A snapshot would have to copy the entry first. Redis leaves the clock alone meanwhile, too.
        if let Some(now_us) = accessed_at_us
            && !keys.snapshot_running()
        {
            let used = self.keyspace.used_tag(tag, now_us);
            let keys = &mut self.keyspace.databases[self.db].keys;
            if used != tag
                && let Some(mut entry) = keys.get_mut(key)
            {
                entry.set_tag(used);
            }
        }
        result
    }

    fn miss(&mut self, key: &[u8]) {
        self.effects.misses += 1;
        self.notify(EventClass::KeyMiss, "keymiss", self.db, key);
    }

    /// The collection under `key`, to be read, and the reply beside it. Counts a hit or a miss and marks the entry as
    /// used now. A value of another type is answered with an error.
    pub(crate) fn view<T: Collection>(
        &mut self,
        key: &[u8],
    ) -> Result<Option<(&T, &mut Reply)>, Answered> {
        if !self.read(key, |_, entry| entry.is_some()) {
            return Ok(None);
        }
        let entry = self.keyspace.databases[self.db].keys.get(key);
        match entry.expect("it was just found").value() {
            ValueRef::Object(object) if T::of(object).is_some() => {
                Ok(T::of(object).map(|collection| (collection, &mut *self.reply)))
            }
            _ => {
                self.reply.error(WRONG_TYPE);
                Err(Answered)
            }
        }
    }

    /// The collection under `key`, to be changed. Counts no hit and no miss. A value of another type is answered
    /// with an error.
    pub(crate) fn edit<T: Collection>(
        &mut self,
        key: &[u8],
    ) -> Result<Option<Edit<'_, T>>, Answered> {
        let found = self.edit_and_reply(key)?;
        Ok(found.map(|(edit, _)| edit))
    }

    /// As [`Call::edit`], with the reply beside it.
    pub(crate) fn edit_and_reply<T: Collection>(
        &mut self,
        key: &[u8],
    ) -> Result<Option<(Edit<'_, T>, &mut Reply)>, Answered> {
        if self.remove_if_due(self.db, key) {
            return Ok(None);
        }
        let Some(entry) = self.keyspace.entry_in_use(self.db, key, self.now_us) else {
            return Ok(None);
        };
        match entry.into_object_mut().and_then(Edit::new) {
            Some(edit) => Ok(Some((edit, &mut *self.reply))),
            None => {
                self.reply.error(WRONG_TYPE);
                Err(Answered)
            }
        }
    }

    /// As [`Call::edit`], putting an empty collection there if there is no key: the caller fills it.
    pub(crate) fn edit_or_new<T: Collection>(
        &mut self,
        key: &[u8],
    ) -> Result<Edit<'_, T>, Answered> {
        if !self.exists(self.db, key) {
            self.put(self.db, key, T::default().into_object(), None);
        }
        Ok(self.edit(key)?.expect("it is there now"))
    }

    /// Puts a value under `key` of database `db` in place of whatever was there. Counts no change.
    pub(crate) fn put(
        &mut self,
        db: usize,
        key: &[u8],
        object: Object,
        expires_at_ms: Option<u64>,
    ) {
        let tag = tag::fresh(self.now_us);
        self.insert(db, key, Value::Object(object), expires_at_ms, tag);
    }

    /// As [`Call::put`], for a value in any form, with its tag.
    #[inline]
    pub(crate) fn insert(
        &mut self,
        db: usize,
        key: &[u8],
        value: Value<'_, Object>,
        expires_at_ms: Option<u64>,
        tag: Tag,
    ) {
        let may_be_awaited = matches!(value, Value::Object(_));
        let tag = self.counted_tag(db, key, tag);
        let inserted = self.keyspace.databases[db]
            .keys
            .insert(key, value, expires_at_ms, tag);
        if inserted.replaced.is_some() {
            let lazily = self.keyspace.settings.lazy_server_del;
            self.effects.free(inserted.replaced, lazily);
        }
        if inserted.new {
            self.notify(EventClass::New, "new", db, key);
        }
        if may_be_awaited {
            self.ready(db, key);
        }
    }

    /// Removes `key` of database `db`, without an event and without counting a change. Returns whether it was there.
    pub(crate) fn remove(&mut self, db: usize, key: &[u8]) -> bool {
        let lazily = self.keyspace.settings.lazy_server_del;
        self.remove_and_free(db, key, lazily)
    }

    /// As [`Call::remove`]; a value that takes long to free is freed elsewhere if `lazily`.
    pub(crate) fn remove_and_free(&mut self, db: usize, key: &[u8], lazily: bool) -> bool {
        match self.keyspace.databases[db].keys.remove(key) {
            Some(removed) => {
                self.effects.free(removed.object, lazily);
                true
            }
            None => false,
        }
    }

    /// The tag that a key is written with: `fresh`, or, while uses are counted, what is known of an older one under its
    /// name.
    #[inline]
    fn counted_tag(&mut self, db: usize, key: &[u8], fresh: Tag) -> Tag {
        if self.keyspace.settings.lfu.is_none() {
            return fresh;
        }
        let old = self.keyspace.databases[db].keys.get(key);
        let counted = match old.map(|entry| entry.tag()) {
            Some(tag) => self.keyspace.used_tag(tag, self.now_us),
            None => tag::first_counted(fresh, self.now_us),
        };
        tag::marked_as(fresh, counted)
    }

    /// Removes the collection under `key` if nothing is left in it, and tells of it. Returns whether it did.
    pub(crate) fn remove_if_empty<T: Collection>(&mut self, key: &[u8]) -> bool {
        let keys = &mut self.keyspace.databases[self.db].keys;
        let empty = keys.get(key).is_some_and(|entry| {
            matches!(entry.value(), ValueRef::Object(object) if T::of(object).is_some_and(T::is_empty))
        });
        if empty {
            self.remove(self.db, key);
            self.notify(EventClass::Generic, "del", self.db, key);
        }
        empty
    }

    /// The live entry of `key` in database `db`, to be changed. Counts no hit and no miss; marks the entry as used now.
    pub(crate) fn entry_mut(&mut self, db: usize, key: &[u8]) -> Option<EntryMut<'_, Object>> {
        if self.remove_if_due(db, key) {
            return None;
        }
        self.keyspace.entry_in_use(db, key, self.now_us)
    }

    /// Whether `key` is in database `db` and has not expired. Counts no hit and no miss.
    pub(crate) fn exists(&mut self, db: usize, key: &[u8]) -> bool {
        !self.remove_if_due(db, key) && self.keyspace.databases[db].keys.get(key).is_some()
    }

    /// Removes `key` of database `db` if its time has come. Returns whether it had: during a pause it stays, unseen.
    pub(crate) fn remove_if_due(&mut self, db: usize, key: &[u8]) -> bool {
        let keys = &self.keyspace.databases[db].keys;
        let now_ms = self.now_ms();
        if self.origin == Origin::Replay || now_ms <= keys.earliest_expiry_ms() {
            return false;
        }
        let due = keys.get(key).is_some_and(|entry| is_due(&entry, now_ms));
        if due {
            self.remove_expired(db, key);
        }
        due
    }

    fn remove_expired(&mut self, db: usize, key: &[u8]) {
        if self.keyspace.settings.keep_expired {
            return;
        }
        let lazily = self.keyspace.settings.lazy_expire;
        self.remove_and_free(db, key, lazily);
        self.effects.expired += 1;
        self.effects.touch(db, key);
        self.notify(EventClass::Expired, "expired", db, key);
        if !self.effects.unlogged {
            let words = [deletion(lazily), key];
            self.effects.ahead.push(Propagated {
                db,
                args: words.into_iter().collect(),
            });
        }
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
