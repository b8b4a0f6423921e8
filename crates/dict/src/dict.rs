//! The table as its users see it.

use crate::chunk::Chunk;
use crate::entry::Entry;
use crate::hasher::Hasher;
use crate::place::Place;
use crate::snapshot::{self, Slice, Snapshots};
use crate::table::Table;
use crate::{Cursor, EntryMut, EntryRef, Inserted, Object, Removed, Tag, Value};

/// How many segments without an expiring entry one call of [`Dict::scan_expiring`] passes over at most.
const MOST_SEGMENTS_PASSED: usize = 256;

/// The table. See the crate's documentation.
pub struct Dict<O: Object> {
    hasher: Hasher,
    table: Table<O>,
    snapshots: Snapshots<O>,
}

impl<O: Object<Frozen: Clone> + Clone> Clone for Dict<O> {
    /// A table of its own that behaves exactly as this one from here on: the same order, the same cursors, the same walk of a
    /// running snapshot. Costs an allocation per entry.
    fn clone(&self) -> Self {
        Self {
            hasher: self.hasher.clone(),
            table: self.table.clone(),
            snapshots: self.snapshots.clone(),
        }
    }
}

impl<O: Object> Dict<O> {
    /// An empty table whose order is decided by `seed`. Allocates nothing until the first insertion.
    pub fn new(seed: u64) -> Self {
        Self {
            hasher: Hasher::new(seed),
            table: Table::new(),
            snapshots: Snapshots::new(),
        }
    }

    /// A table whose hashes have only the bits of `hash_mask`, and whose segments are split when `max_buckets`
    /// are full: collisions, chains, splits and doublings happen early.
    #[cfg(test)]
    pub(crate) fn for_test(seed: u64, hash_mask: u64, max_buckets: usize) -> Self {
        let mut dict = Self::new(seed);
        dict.hasher.mask = hash_mask;
        dict.table = Table::with_max_buckets(max_buckets);
        dict
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.table.len
    }
    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The number of entries with an expiry.
    pub fn expiring_len(&self) -> usize {
        self.table.expiring
    }
    /// No entry expires earlier, in milliseconds since the epoch; the highest number if none expires at all.
    #[inline]
    pub fn earliest_expiry_ms(&self) -> u64 {
        if self.expiring_len() == 0 {
            return u64::MAX;
        }
        self.table.earliest_expiry_ms
    }
    /// The sum of the expiries, in milliseconds: INFO's `avg_ttl` derives from it.
    pub fn expiry_sum_ms(&self) -> u128 {
        self.table.expiry_sum_ms
    }
    /// Bytes allocated by the table, its entries and their objects. The same on every target.
    pub fn memory_bytes(&self) -> usize {
        self.table.memory_bytes()
    }

    /// Makes room for `additional` entries at once, as a loader that knows the count does. A hint: bounded by
    /// what the caller can vouch for.
    pub fn reserve(&mut self, additional: usize) {
        if additional == 0 {
            return;
        }
        let entries = self.len().saturating_add(additional);
        self.table.plant(self.snapshots.cut());
        let mut next = Some(0);
        while let Some(place) = next.and_then(|hash| self.table.place(hash)) {
            let (depth, buckets) = self.table.shape_for(entries);
            if place.segment.depth() < depth {
                let at = self.snapshots.unlock_segment(&mut self.table, place);
                self.table.split(
                    &at,
                    &self.hasher,
                    if place.segment.depth() + 1 == depth {
                        buckets
                    } else {
                        1
                    },
                );
                continue;
            }
            if place.segment.depth() == depth && place.segment.buckets() < buckets {
                let at = self.snapshots.unlock_segment(&mut self.table, place);
                self.table.rebuild(&at, buckets);
            }
            next = place.segment_end();
        }
    }

    /// The hash of a key, for [`Dict::prefetch`] and the methods that take one.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash(key)
    }

    /// Brings the bucket of `hash` into the cache: call it for a batch of keys before looking them up. Does
    /// nothing on wasm.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        self.table.prefetch(hash);
    }

    /// As [`Dict::prefetch`], for keys that are probably to be added: what counts the entries is brought, too.
    #[inline]
    pub fn prefetch_to_add(&self, hash: u64) {
        self.table.prefetch_to_add(hash);
    }

    /// Brings the entry of `hash` into the cache, once its bucket is there: call it for a batch of keys after
    /// [`Dict::prefetch`]. Does nothing on wasm.
    #[inline]
    pub fn prefetch_entry(&self, hash: u64) {
        self.table.prefetch_entry(hash);
    }

    /// The entry of `key`.
    #[inline]
    pub fn get(&self, key: &[u8]) -> Option<EntryRef<'_, O>> {
        self.get_hashed(self.hash(key), key)
    }

    /// As [`Dict::get`], with the key's [`Dict::hash`].
    #[inline]
    pub fn get_hashed(&self, hash: u64, key: &[u8]) -> Option<EntryRef<'_, O>> {
        let place = self.table.place(hash)?;
        let slot = self.table.find(place, key)?;
        // SAFETY: the slot is in use and its entry live, and the borrow of `self` keeps it unchanged.
        Some(unsafe { EntryRef::new(Entry::from_raw((*slot).pointer())) })
    }

    /// The entry of `key`, to change. Emits its bucket first if a snapshot has not visited it.
    #[inline]
    pub fn get_mut(&mut self, key: &[u8]) -> Option<EntryMut<'_, O>> {
        self.get_mut_hashed(self.hash(key), key)
    }

    /// As [`Dict::get_mut`], with the key's [`Dict::hash`].
    #[inline]
    pub fn get_mut_hashed(&mut self, hash: u64, key: &[u8]) -> Option<EntryMut<'_, O>> {
        let place = self.table.place(hash)?;
        let slot = self.table.find(place, key)?;
        let at = self.snapshots.unlock(&mut self.table, place);
        // SAFETY: place and slot are of this table, whose shape has not changed since.
        Some(unsafe { EntryMut::new(&mut self.table, at, slot) })
    }

    /// Adds or replaces the entry of `key`; the tag becomes `tag`, the expiry `expires_at_ms`. Returns the object
    /// that was replaced, if one was, so that the caller may free it lazily, and whether the key was new.
    #[inline]
    pub fn insert(
        &mut self,
        key: &[u8],
        value: Value<'_, O>,
        expires_at_ms: Option<u64>,
        tag: Tag,
    ) -> Inserted<O> {
        self.insert_hashed(self.hash(key), key, value, expires_at_ms, tag)
    }

    /// As [`Dict::insert`], with the key's [`Dict::hash`].
    pub fn insert_hashed(
        &mut self,
        hash: u64,
        key: &[u8],
        value: Value<'_, O>,
        expires_at_ms: Option<u64>,
        tag: Tag,
    ) -> Inserted<O> {
        debug_assert_eq!(hash, self.hash(key));
        self.table.plant(self.snapshots.cut());
        let place = self
            .table
            .place(hash)
            .expect("a table has segments once it is planted");
        let at = self.snapshots.unlock(&mut self.table, place);
        if let Some(slot) = self.table.find(place, key) {
            // SAFETY: place and slot are of this table, whose shape has not changed since; `key` is borrowed
            // from elsewhere, as nothing borrows from a table that is being changed.
            let replaced = unsafe {
                self.table.change(&at, slot, |entry| {
                    entry.replace(key, value, expires_at_ms, tag)
                })
            };
            return Inserted {
                new: false,
                replaced,
            };
        }
        // SAFETY: the place is of this table and current, and the entry is new.
        unsafe {
            self.table
                .add(&at, Entry::new(key, value, expires_at_ms, tag));
        };
        while let Some(place) = self.table.crowded(hash) {
            let at = self.snapshots.unlock_segment(&mut self.table, place);
            self.table.grow(&at, &self.hasher);
        }
        Inserted {
            new: true,
            replaced: None,
        }
    }

    /// Removes the entry of `key`. `None` if there was none.
    pub fn remove(&mut self, key: &[u8]) -> Option<Removed<O>> {
        let hash = self.hash(key);
        let place = self.table.place(hash)?;
        let slot = self.table.find(place, key)?;
        let at = self.snapshots.unlock(&mut self.table, place);
        // SAFETY: place and slot are of this table, whose shape has not changed since; the entry is this
        // function's once it is removed, and freed once.
        let removed = unsafe {
            let entry = self.table.remove(&at, slot);
            let expires_at_ms = entry.expires_at_ms();
            Removed {
                object: entry.into_object(),
                expires_at_ms,
            }
        };
        while let Some((place, sibling)) = self.table.sparse(hash) {
            let at = self.snapshots.unlock_segment(&mut self.table, place);
            if let Some(sibling) = sibling {
                let sibling = self.snapshots.unlock_segment(&mut self.table, sibling);
                self.table.merge(&at, &sibling);
            } else {
                self.table.shrink(&at);
            }
        }
        Some(removed)
    }

    /// Removes every entry. During a snapshot the entries not visited yet stay until the walk has passed them.
    pub fn clear(&mut self) {
        self.snapshots.clear(&mut self.table);
    }

    /// Takes out all entries at once, as a table of their own, and leaves none. `None` during a snapshot, which needs them:
    /// see [`Dict::clear`].
    pub fn detach(&mut self) -> Option<Self> {
        if self.snapshot_running() {
            return None;
        }
        let empty = self.table.successor();
        Some(Self {
            hasher: self.hasher.clone(),
            table: std::mem::replace(&mut self.table, empty),
            snapshots: Snapshots::new(),
        })
    }

    /// Visits at least one bucket at `cursor` and returns the next cursor, 0 at the end. Every entry present
    /// from the first call to the last is visited at least once, whatever is inserted or removed between calls.
    pub fn scan(&self, cursor: Cursor, visit: &mut dyn FnMut(EntryRef<'_, O>)) -> Cursor {
        let Some(place) = self.table.place(cursor.reverse_bits()) else {
            return 0;
        };
        for entry in self.table.entries_at(place) {
            // SAFETY: the entry is live, and the borrow of `self` keeps it unchanged.
            visit(unsafe { EntryRef::new(entry) });
        }
        place.bucket_end().map_or(0, u64::reverse_bits)
    }

    /// As [`Dict::scan`], but passes over whole segments without an expiring entry and visits expiring entries
    /// only.
    pub fn scan_expiring(&self, cursor: Cursor, visit: &mut dyn FnMut(EntryRef<'_, O>)) -> Cursor {
        let place = match self.expiring_place(cursor) {
            Ok(place) => place,
            Err(next) => return next,
        };
        let mut expiring_only = |entry: EntryRef<'_, O>| {
            if entry.expires_at_ms().is_some() {
                visit(entry);
            }
        };
        self.scan(place.hash.reverse_bits(), &mut expiring_only)
    }

    /// As [`Dict::scan_expiring`], but visits only entries that have expired before `now_ms`: the active expiry cycle.
    /// Returns the next cursor, and how many expiring entries there were. As long as none can have expired they are counted
    /// without being read.
    pub fn scan_due(
        &mut self,
        cursor: Cursor,
        now_ms: u64,
        visit: &mut dyn FnMut(EntryRef<'_, O>),
    ) -> (Cursor, usize) {
        if cursor == 0 {
            self.table.pass_earliest_ms = Some(u64::MAX);
        }
        let (next, seen) = match self.expiring_place(cursor) {
            Err(next) => (next, 0),
            Ok(place) => {
                let next = place.bucket_end().map_or(0, u64::reverse_bits);
                let none_due = self.earliest_expiry_ms() >= now_ms;
                match self.table.expiring_at(place).filter(|_| none_due) {
                    Some(seen) => {
                        self.table.pass_earliest_ms = None;
                        (next, seen)
                    }
                    None => (next, self.visit_due(place, now_ms, visit)),
                }
            }
        };
        if next == 0
            && let Some(earliest_ms) = self.table.pass_earliest_ms.take()
        {
            self.table.earliest_expiry_ms = earliest_ms;
        }
        (next, seen)
    }

    /// Visits the entries of a place's bucket that have expired before `now_ms`. Returns how many expire at all.
    fn visit_due(
        &mut self,
        place: Place,
        now_ms: u64,
        visit: &mut dyn FnMut(EntryRef<'_, O>),
    ) -> usize {
        let (mut seen, mut earliest_ms) = (0, u64::MAX);
        for entry in self.table.entries_at(place) {
            // SAFETY: the entry is live, and the borrow of `self` keeps it unchanged.
            let entry = unsafe { EntryRef::new(entry) };
            let Some(expires_at_ms) = entry.expires_at_ms() else {
                continue;
            };
            seen += 1;
            earliest_ms = earliest_ms.min(expires_at_ms);
            if now_ms > expires_at_ms {
                visit(entry);
            }
        }
        let pass = &mut self.table.pass_earliest_ms;
        *pass = pass.map(|met| met.min(earliest_ms));
        seen
    }

    /// Where the next bucket is at or behind `cursor` whose segment has an expiring entry, or where to look on.
    fn expiring_place(&self, cursor: Cursor) -> Result<Place, Cursor> {
        if self.expiring_len() == 0 {
            return Err(0);
        }
        let mut hash = cursor.reverse_bits();
        for _ in 0..MOST_SEGMENTS_PASSED {
            let place = self.table.place(hash).ok_or(0_u64)?;
            if self.table.expiring_in(place) > 0 {
                return Ok(place);
            }
            hash = place.segment_end().ok_or(0_u64)?;
        }
        Err(hash.reverse_bits())
    }

    /// A random entry, every entry about equally likely. `next_random` yields uniformly distributed words.
    pub fn random(&self, next_random: &mut dyn FnMut() -> u64) -> Option<EntryRef<'_, O>> {
        let entry = self.table.random(next_random)?;
        // SAFETY: the entry is live, and the borrow of `self` keeps it unchanged.
        Some(unsafe { EntryRef::new(entry) })
    }

    /// Every entry, in the table's order, which depends on the seed and the keys' history only.
    pub fn iter(&self) -> impl Iterator<Item = EntryRef<'_, O>> {
        // SAFETY: the entries are live, and the borrow of `self` keeps them unchanged.
        self.table
            .entries()
            .map(|entry| unsafe { EntryRef::new(entry) })
    }

    /// Begins a snapshot: from here on [`Dict::snapshot_walk`] yields exactly the entries of this moment.
    ///
    /// # Panics
    /// If one is already running.
    pub fn snapshot_begin(&mut self) {
        self.snapshots.begin();
    }
    /// Whether a snapshot is running (begun, and its last chunk not yet yielded).
    pub fn snapshot_running(&self) -> bool {
        self.snapshots.is_running()
    }
    /// Walks on by about a slice and appends the records to `chunk`, those of buckets that mutations emitted since the
    /// last call first. Returns whether the snapshot is complete.
    pub fn snapshot_walk(&mut self, slice: Slice, chunk: &mut Chunk<O::Frozen>) -> bool {
        self.snapshots.walk(&mut self.table, slice, chunk)
    }
    /// What records hold that mutations emitted since the last walk: [`Chunk::held_bytes`].
    pub fn snapshot_pending_bytes(&self) -> usize {
        self.snapshots.pending_bytes()
    }
    /// Appends copies of the entries as they are now, from a position on, whether or not a snapshot is running. Returns the
    /// position to go on at, as long as the table does not change; 0 is the beginning, and `None` the end.
    pub fn copy_slice(&self, from: u64, slice: Slice, chunk: &mut Chunk<O::Frozen>) -> Option<u64> {
        snapshot::copy_slice(&self.table, from, slice, chunk)
    }
    /// Gives a running snapshot up.
    pub fn snapshot_abandon(&mut self) {
        self.snapshots.abandon();
    }
}
