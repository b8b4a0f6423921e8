//! The hash table of the keyspace.
//!
//! Deliberately absent: databases, commands, clocks, files. A [`Dict`] maps byte strings to values with an
//! optional expiry; what an expiry means is the caller's business.

mod chunk;
mod dict;
mod entry;
mod entry_ref;
mod hasher;
mod segment;
mod snapshot;
mod table;
mod tagged;
#[cfg(test)]
mod tests;

pub use chunk::{Chunk, Record};
pub use dict::Dict;
pub use entry_ref::{EntryMut, EntryRef};

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
