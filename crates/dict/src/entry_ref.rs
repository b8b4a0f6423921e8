//! Entries, borrowed from the table.

use std::fmt;
use std::marker::PhantomData;

use crate::entry::Entry;
use crate::segment::Slot;
use crate::snapshot::Unlocked;
use crate::table::Table;
use crate::{Object, Tag, Value, ValueRef};

/// An entry, borrowed.
pub struct EntryRef<'a, O> {
    entry: Entry,
    _dict: PhantomData<&'a O>,
}

impl<O> Clone for EntryRef<'_, O> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<O> Copy for EntryRef<'_, O> {}

impl<'a, O> EntryRef<'a, O> {
    /// # Safety
    /// The entry is live, its object is an `O`, and it stays so and unchanged during `'a`.
    #[inline]
    pub(crate) unsafe fn new(entry: Entry) -> Self {
        Self {
            entry,
            _dict: PhantomData,
        }
    }

    pub(crate) fn entry(&self) -> Entry {
        self.entry
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> &'a [u8] {
        // SAFETY: the promise given to `new`.
        unsafe { self.entry.key() }
    }
    /// The value.
    #[inline]
    pub fn value(&self) -> ValueRef<'a, O> {
        // SAFETY: the promise given to `new`.
        unsafe { self.entry.value() }
    }
    /// The expiry, in milliseconds since the epoch.
    #[inline]
    pub fn expires_at_ms(&self) -> Option<u64> {
        // SAFETY: the promise given to `new`.
        unsafe { self.entry.expires_at_ms() }
    }
    /// The caller's 28 bits.
    #[inline]
    pub fn tag(&self) -> Tag {
        // SAFETY: the promise given to `new`.
        unsafe { self.entry.shape().tag() }
    }
}

impl<O: fmt::Debug> fmt::Debug for EntryRef<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryRef")
            .field("key", &self.key())
            .field("value", &self.value())
            .field("expires_at_ms", &self.expires_at_ms())
            .field("tag", &self.tag())
            .finish()
    }
}

/// An entry that may be changed. To hold one is proof that a running snapshot has taken what it needs.
pub struct EntryMut<'a, O: Object> {
    table: &'a mut Table<O>,
    at: Unlocked,
    slot: *mut Slot,
}

impl<'a, O: Object> EntryMut<'a, O> {
    /// # Safety
    /// The place is of this table and current, and the slot is in use and of the place's bucket.
    #[inline]
    pub(crate) unsafe fn new(table: &'a mut Table<O>, at: Unlocked, slot: *mut Slot) -> Self {
        Self { table, at, slot }
    }

    #[inline]
    fn entry(&self) -> Entry {
        // SAFETY: the slot is in use, and the borrow of the table keeps it.
        Entry::from_raw(unsafe { (*self.slot).pointer() })
    }

    #[inline]
    fn shared(&self) -> EntryRef<'_, O> {
        // SAFETY: the table's entries are live; a change needs this `EntryMut` exclusively.
        unsafe { EntryRef::new(self.entry()) }
    }

    /// The key.
    pub fn key(&self) -> &[u8] {
        self.shared().key()
    }
    /// The value.
    pub fn value(&self) -> ValueRef<'_, O> {
        self.shared().value()
    }
    /// The object, to change in place; `None` if the value is not one.
    pub fn object_mut(&mut self) -> Option<&mut O> {
        // SAFETY: the entry is live, and this `EntryMut` is exclusively borrowed.
        unsafe { self.entry().object_mut() }
    }
    /// The bytes, to change in place; `None` if the value is not [`ValueRef::Bytes`].
    pub fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        // SAFETY: the entry is live, and this `EntryMut` is exclusively borrowed.
        unsafe { self.entry().bytes_mut() }
    }
    /// Replaces the value and keeps expiry and tag. Returns the replaced object, if one was.
    pub fn set_value(&mut self, value: Value<'_, O>) -> Option<O> {
        // SAFETY: the promise given to `new`; nothing borrows the entry.
        unsafe {
            self.table
                .change(&self.at, self.slot, |entry| entry.replace_value(value))
        }
    }
    /// The expiry, in milliseconds since the epoch.
    pub fn expires_at_ms(&self) -> Option<u64> {
        self.shared().expires_at_ms()
    }
    /// Sets or removes the expiry.
    pub fn set_expires_at_ms(&mut self, expires_at_ms: Option<u64>) {
        // SAFETY: the promise given to `new`; nothing borrows the entry.
        unsafe {
            self.table.change(&self.at, self.slot, |entry| {
                (entry.replace_expiry(expires_at_ms), ())
            });
        }
    }
    /// The caller's 28 bits.
    pub fn tag(&self) -> Tag {
        self.shared().tag()
    }
    /// Changes the caller's 28 bits.
    pub fn set_tag(&mut self, tag: Tag) {
        // SAFETY: the entry is live, and this `EntryMut` is exclusively borrowed.
        unsafe { self.entry().set_tag(tag) }
    }
}
