//! The hash table of the keyspace.
//!
//! Deliberately absent: databases, commands, clocks, files. A [`Dict`] maps byte strings to values with an
//! optional expiry; what an expiry means is the caller's business.
//!
//! (The helper who writes this replaces this paragraph with the memory layout, drawn, and the two arguments
//! that matter: why SCAN returns every element present throughout, and why a snapshot equals the table at its
//! cut.)

use std::marker::PhantomData;

/// A value too large or too structured to live inside the entry.
pub trait Object {
    /// What a snapshot takes of it at a cut: cheap to make, independent of later changes, fit for another thread.
    type Frozen: Send + 'static;

    /// The value as it is now.
    fn freeze(&self) -> Self::Frozen;
}

/// A value to store.
#[derive(Debug)]
pub enum Value<'a, O> {
    /// Stored as eight bytes.
    Integer(i64),
    /// Stored inside the entry, copied.
    Bytes(&'a [u8]),
    /// Stored behind a pointer.
    Object(O),
}

/// A value in the table, borrowed. In a snapshot's record, `O` is [`Object::Frozen`].
#[derive(Debug)]
pub enum ValueRef<'a, O> {
    /// An integer.
    Integer(i64),
    /// A byte string that lives inside the entry.
    Bytes(&'a [u8]),
    /// An object behind a pointer.
    Object(&'a O),
}

impl<O> Clone for ValueRef<'_, O> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<O> Copy for ValueRef<'_, O> {}

/// What an entry carries besides key, value and expiry: 28 bits that the caller gives a meaning to (access
/// clock or frequency, encoding marks). A fresh entry has 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tag(pub u32);

/// The table. See the crate's documentation.
pub struct Dict<O: Object> {
    _objects: PhantomData<O>,
}

/// An entry, borrowed.
pub struct EntryRef<'a, O> {
    _dict: PhantomData<&'a O>,
}

/// An entry that may be changed. To hold one is proof that a running snapshot has taken what it needs.
pub struct EntryMut<'a, O: Object> {
    _dict: PhantomData<&'a mut O>,
}

/// Where a [`Dict::scan`] goes on. 0 is both the beginning and the end.
pub type Cursor = u64;

impl<O: Object> Dict<O> {
    /// An empty table whose order is decided by `seed`. Allocates nothing until the first insertion.
    pub fn new(seed: u64) -> Self {
        let _ = seed;
        todo!("helper")
    }
    /// The number of entries.
    pub fn len(&self) -> usize {
        todo!("helper")
    }
    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The number of entries with an expiry.
    pub fn expiring_len(&self) -> usize {
        todo!("helper")
    }
    /// The sum of the expiries, in milliseconds: INFO's `avg_ttl` derives from it.
    pub fn expiry_sum_ms(&self) -> u128 {
        todo!("helper")
    }
    /// Makes room for `additional` entries at once, as a loader that knows the count does. A hint: bounded by
    /// what the caller can vouch for.
    pub fn reserve(&mut self, additional: usize) {
        let _ = additional;
        todo!("helper")
    }
    /// Bytes allocated by the table and its entries, objects' own memory left out.
    pub fn memory_bytes(&self) -> usize {
        todo!("helper")
    }
    /// The hash of a key, for [`Dict::prefetch`].
    pub fn hash(&self, key: &[u8]) -> u64 {
        let _ = key;
        todo!("helper")
    }
    /// Brings the bucket of `hash` into the cache: call it for a batch of keys before looking them up. Does
    /// nothing on wasm.
    pub fn prefetch(&self, hash: u64) {
        let _ = hash;
        todo!("helper")
    }
    /// The entry of `key`.
    pub fn get(&self, key: &[u8]) -> Option<EntryRef<'_, O>> {
        let _ = key;
        todo!("helper")
    }
    /// The entry of `key`, to change. Emits its bucket first if a snapshot has not visited it.
    pub fn get_mut(&mut self, key: &[u8]) -> Option<EntryMut<'_, O>> {
        let _ = key;
        todo!("helper")
    }
    /// Adds or replaces the entry of `key`; the tag becomes `tag`, the expiry `expires_at_ms`. Returns the object
    /// that was replaced, if one was, so that the caller may free it lazily, and whether the key was new.
    pub fn insert(
        &mut self,
        key: &[u8],
        value: Value<'_, O>,
        expires_at_ms: Option<u64>,
        tag: Tag,
    ) -> Inserted<O> {
        let _ = (key, value, expires_at_ms, tag);
        todo!("helper")
    }
    /// Removes the entry of `key`. `None` if there was none.
    pub fn remove(&mut self, key: &[u8]) -> Option<Removed<O>> {
        let _ = key;
        todo!("helper")
    }
    /// Removes every entry. During a snapshot the entries not visited yet stay until the walk has passed them.
    pub fn clear(&mut self) {
        todo!("helper")
    }
    /// Visits at least one bucket at `cursor` and returns the next cursor, 0 at the end. Every entry present
    /// from the first call to the last is visited at least once, whatever is inserted or removed between calls.
    pub fn scan(&self, cursor: Cursor, visit: &mut dyn FnMut(EntryRef<'_, O>)) -> Cursor {
        let _ = (cursor, visit);
        todo!("helper")
    }
    /// As [`Dict::scan`], but passes over whole segments without an expiring entry and visits expiring entries
    /// only: the active expiry cycle.
    pub fn scan_expiring(&self, cursor: Cursor, visit: &mut dyn FnMut(EntryRef<'_, O>)) -> Cursor {
        let _ = (cursor, visit);
        todo!("helper")
    }
    /// A random entry, every entry about equally likely. `next_random` yields uniformly distributed words.
    pub fn random(&self, next_random: &mut dyn FnMut() -> u64) -> Option<EntryRef<'_, O>> {
        let _ = next_random;
        todo!("helper")
    }
    /// Every entry, in the table's order, which depends on the seed and the keys' history only.
    pub fn iter(&self) -> impl Iterator<Item = EntryRef<'_, O>> {
        std::iter::empty()
    }

    /// Begins a snapshot: from here on [`Dict::snapshot_walk`] yields exactly the entries of this moment.
    ///
    /// # Panics
    /// If one is already running.
    pub fn snapshot_begin(&mut self) {
        todo!("helper")
    }
    /// Whether a snapshot is running (begun, and its last chunk not yet yielded).
    pub fn snapshot_running(&self) -> bool {
        todo!("helper")
    }
    /// Walks on by about `max_entries` entries and appends their records to `chunk`, those of buckets that
    /// mutations emitted since the last call first. Returns whether the snapshot is complete.
    pub fn snapshot_walk(&mut self, max_entries: usize, chunk: &mut Chunk<O::Frozen>) -> bool {
        let _ = (max_entries, chunk);
        todo!("helper")
    }
    /// Gives a running snapshot up.
    pub fn snapshot_abandon(&mut self) {
        todo!("helper")
    }
}

/// What [`Dict::insert`] did.
pub struct Inserted<O> {
    /// Whether the key was not there before.
    pub new: bool,
    /// The object that the new value replaced.
    pub replaced: Option<O>,
}

/// What [`Dict::remove`] took out.
pub struct Removed<O> {
    /// The object of the entry, if its value was one.
    pub object: Option<O>,
    /// The expiry of the entry.
    pub expires_at_ms: Option<u64>,
}

impl<'a, O> EntryRef<'a, O> {
    /// The key.
    pub fn key(&self) -> &'a [u8] {
        todo!("helper")
    }
    /// The value.
    pub fn value(&self) -> ValueRef<'a, O> {
        todo!("helper")
    }
    /// The expiry, in milliseconds since the epoch.
    pub fn expires_at_ms(&self) -> Option<u64> {
        todo!("helper")
    }
    /// The caller's 28 bits.
    pub fn tag(&self) -> Tag {
        todo!("helper")
    }
}

impl<'a, O: Object> EntryMut<'a, O> {
    /// The key.
    pub fn key(&self) -> &[u8] {
        todo!("helper")
    }
    /// The value.
    pub fn value(&self) -> ValueRef<'_, O> {
        todo!("helper")
    }
    /// The object, to change in place; `None` if the value is not one.
    pub fn object_mut(&mut self) -> Option<&mut O> {
        todo!("helper")
    }
    /// The bytes, to change in place; `None` if the value is not [`ValueRef::Bytes`].
    pub fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        todo!("helper")
    }
    /// Replaces the value and keeps expiry and tag. Returns the replaced object, if one was.
    pub fn set_value(&mut self, value: Value<'_, O>) -> Option<O> {
        let _ = value;
        todo!("helper")
    }
    /// The expiry, in milliseconds since the epoch.
    pub fn expires_at_ms(&self) -> Option<u64> {
        todo!("helper")
    }
    /// Sets or removes the expiry.
    pub fn set_expires_at_ms(&mut self, expires_at_ms: Option<u64>) {
        let _ = expires_at_ms;
        todo!("helper")
    }
    /// The caller's 28 bits.
    pub fn tag(&self) -> Tag {
        todo!("helper")
    }
    /// Changes the caller's 28 bits.
    pub fn set_tag(&mut self, tag: Tag) {
        let _ = tag;
        todo!("helper")
    }
}

/// Raw records of a snapshot, in the order of the walk: flat bytes, and the frozen objects beside them. Fit for
/// another thread; [`Chunk::clear`] keeps the memory, so that chunks can be pooled.
pub struct Chunk<F> {
    _frozen: PhantomData<F>,
}

/// One entry as it was at the cut.
pub struct Record<'a, F> {
    /// The key.
    pub key: &'a [u8],
    /// The value.
    pub value: ValueRef<'a, F>,
    /// The expiry, in milliseconds since the epoch.
    pub expires_at_ms: Option<u64>,
    /// The caller's 28 bits.
    pub tag: Tag,
}

impl<F> Chunk<F> {
    /// No records.
    pub fn new() -> Self {
        Self {
            _frozen: PhantomData,
        }
    }
    /// Whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The number of records.
    pub fn len(&self) -> usize {
        todo!("helper")
    }
    /// Bytes held.
    pub fn memory_bytes(&self) -> usize {
        todo!("helper")
    }
    /// Forgets the records and keeps the memory.
    pub fn clear(&mut self) {
        todo!("helper")
    }
    /// The records in order.
    pub fn records(&self) -> impl Iterator<Item = Record<'_, F>> {
        std::iter::empty()
    }
}

impl<F> Default for Chunk<F> {
    fn default() -> Self {
        Self::new()
    }
}
