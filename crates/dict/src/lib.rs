//! The hash table of the keyspace.
//!
//! Deliberately absent: databases, commands, clocks, files. A [`Dict`] maps byte strings to values with an
//! optional expiry; what an expiry means is the caller's business.
//!
//! # Memory
//!
//! ```text
//!  directory                 segment                                      bucket: one cache line
//!  2^depth handles          ┌────────┐                                   ┌──────┬──────┬───┬──────┬──────┐
//! ┌──────────────┐    ┌────►│ header │ entries, expiring, visited bits   │ slot │ slot │ 7 │ slot │ next │
//! │ 00…          ├────┘     ├────────┤                                   └──┬───┴──────┴───┴──────┴──┬───┘
//! ├──────────────┤          │ bucket ├──────────────────────────────────►   │                        ▼
//! │ 01…          ├────┐     ├────────┤                                      │                 overflow bucket
//! ├──────────────┤    │     │ bucket │ 1 to 63 of them                      ▼
//! │ 10…          ├──┐ │     ├────────┤                  entry: one allocation
//! ├──────────────┤  │ │     │ …      │                 ┌──────┬─────────┬────────┬─────┬───────┐
//! │ 11…          ├──┤ │     └────────┘                 │ head │ lengths │ expiry │ key │ value │
//! └──────────────┘  │ └────► …                         └──────┴─────────┴────────┴─────┴───────┘
//!                   └──────► one segment of depth 1
//! ```
//!
//! A hash is 64 bits of rapidhash, the same natively and in wasm. Its top bits index the directory, whose handle
//! has the segment's pointer, depth and bucket count in eight bytes. A segment of depth *d* holds all entries
//! whose hashes agree in their first *d* bits; the bits behind them choose the bucket, by multiplication with
//! the bucket count instead of by a mask, so that any count will do. A slot has an entry's pointer in 48 bits and
//! sixteen bits of the hash beside it, which tell nearly every other entry apart without reading it. A lookup so
//! waits for two cache lines: the bucket and the entry.
//!
//! A segment grows in steps of about a fifth, from one bucket up to 63, and is then split in two by one more bit
//! of the hash. (When the directory has no such bit yet, it doubles; its handles take next to nothing.) The
//! small steps keep buckets between five and seven entries full, which costs 13 to 14 bytes per entry, overflow
//! buckets included; and as no change touches more than one segment, none takes longer than some
//! microseconds. Small tables are one segment of few buckets, and an empty one nothing. Removal goes the same way
//! back: fewer buckets, then merging with the sibling, with a wide margin between the two directions.
//!
//! If many hashes begin alike, splitting does not separate them. The directory refuses to grow beyond a fraction
//! of the number of entries, and chains get longer instead.
//!
//! # Why SCAN returns every element that is present throughout
//!
//! Directory, segments and buckets are all in the order of hashes: each bucket holds one interval of the 64-bit
//! numbers, and the buckets in order cover them all. A cursor is such a number, and its meaning does not depend
//! on the table's shape: *every entry whose hash is less has been visited* (unless it came later). A call finds
//! the bucket whose interval the cursor falls into, visits all of it, and returns the interval's end. Whatever
//! splits, merges or rebuilds happened between two calls moved no entry to another hash, so the claim still
//! holds; it grows with every call; and at the end of the numbers it is the guarantee. The price of a merge is
//! that some entries below the cursor are visited twice, which SCAN allows. Any 64-bit number is a good cursor.
//!
//! To clients the cursor is shown with its bits reversed. Interval ends have few leading bits, so that makes small
//! numbers of them, as Redis's are; and the end, 2^64, is 0 as the beginning is.
//!
//! # Why a snapshot is the table at its cut
//!
//! Each bucket has one bit, in its segment's header: whether the running snapshot has its entries. The claim, from
//! the cut on: *an entry of the cut is either recorded or, unchanged, in a bucket whose bit is clear; and buckets
//! whose bit is clear hold nothing else.* At the cut all bits are clear (the header names the cut that its
//! bits speak of, so that nothing has to be cleared) and nothing is recorded. The walk goes over the
//! buckets in order, records those whose bit is clear, and sets it. A change of a bucket first does the same with
//! this one bucket, ahead of the walk; splitting, rebuilding and merging do it with all buckets of the segments
//! concerned, and the new segments are born with all bits set. [`Dict::clear`] sets the whole table aside, and
//! the walk goes on there. So each step keeps the claim; no bucket is recorded twice; and when the walk
//! has passed the last bucket, no bit is clear, hence every entry of the cut has been recorded exactly once.
//!
//! That no change forgets its part is left to the compiler. The table's changing methods take a proof, a value
//! that only the module `snapshot` can make, after it has looked at the bit; an [`EntryMut`] carries one.

mod chunk;
mod dict;
mod entry;
mod entry_ref;
mod hasher;
mod place;
mod segment;
mod snapshot;
mod table;
mod tagged;
#[cfg(test)]
mod tests;

pub use chunk::{Chunk, Position, Record};
pub use dict::Dict;
pub use entry_ref::{EntryMut, EntryRef, ObjectMut};
pub use snapshot::Slice;

/// A value too large or too structured to live inside the entry.
pub trait Object {
    /// What a snapshot takes of it at a cut: cheap to make, independent of later changes, fit for another thread.
    type Frozen: Send + 'static;

    /// The value as it is now.
    fn freeze(&self) -> Self::Frozen;

    /// Bytes it takes on the heap, itself included: in constant time, and the same on every target.
    fn memory_bytes(&self) -> usize;
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

/// Where a [`Dict::scan`] goes on. 0 is both the beginning and the end.
pub type Cursor = u64;

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
