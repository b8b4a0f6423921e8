//! Entries, borrowed from the table.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

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

impl<O: Object> EntryRef<'_, O> {
    /// Bytes of the entry and of its object. The same on every target.
    pub fn memory_bytes(&self) -> usize {
        // SAFETY: the promise given to `new`.
        unsafe { self.entry.memory_bytes::<O>() }
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

/// An object that is being changed. When it is let go, the table learns how much memory it takes now.
pub struct ObjectMut<'a, O: Object> {
    table: &'a mut Table<O>,
    object: &'a mut O,
    counted_bytes: usize,
}

impl<'a, O: Object> ObjectMut<'a, O> {
    /// Objects live in allocations of their own, so that one may be borrowed beside its table.
    fn new(table: &'a mut Table<O>, object: &'a mut O) -> Self {
        let counted_bytes = object.memory_bytes();
        Self {
            table,
            object,
            counted_bytes,
        }
    }
}

impl<O: Object> Deref for ObjectMut<'_, O> {
    type Target = O;

    fn deref(&self) -> &O {
        self.object
    }
}

impl<O: Object> DerefMut for ObjectMut<'_, O> {
    fn deref_mut(&mut self) -> &mut O {
        self.object
    }
}

impl<O: Object> Drop for ObjectMut<'_, O> {
    fn drop(&mut self) {
        self.table
            .object_resized(self.counted_bytes, self.object.memory_bytes());
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
    pub fn object_mut(&mut self) -> Option<ObjectMut<'_, O>> {
        let entry = self.entry();
        // SAFETY: the entry is live, and this `EntryMut` is exclusively borrowed.
        let object = unsafe { entry.object_mut::<O>() }?;
        Some(ObjectMut::new(self.table, object))
    }
    /// As [`EntryMut::object_mut`], for as long as the table is borrowed.
    pub fn into_object_mut(self) -> Option<ObjectMut<'a, O>> {
        let entry = self.entry();
        // SAFETY: the entry is live, and this `EntryMut`, which is given up, was the only way to it.
        let object = unsafe { entry.object_mut::<O>() }?;
        Some(ObjectMut::new(self.table, object))
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
