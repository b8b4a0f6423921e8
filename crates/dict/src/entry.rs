//! One entry: key, value, expiry and the caller's tag in a single allocation.
//!
//! ```text
//!  0        4
//! ┌────────┬─────────┬───────────┬──────────┬─────┬────────────────────────────────┐
//! │ head   │ key len │ value len │ expiry   │ key │ value                          │
//! │ 4      │ varint  │ varint    │ 8 bytes  │     │ bytes, 8 of integer or pointer │
//! └────────┴─────────┴───────────┴──────────┴─────┴────────────────────────────────┘
//!                     bytes only  if bit 30
//!
//! head:  31   30       29 28   27 ............ 0
//!       (0)  expires   kind    the caller's tag
//! ```
//!
//! A record in a snapshot's [`Chunk`](crate::Chunk) has the same layout, without the pointer of an object.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr;

use crate::{Object, Tag, Value, ValueRef};

const TAG_BITS: u32 = 28;
const TAG_MASK: u32 = (1 << TAG_BITS) - 1;
const EXPIRES: u32 = 1 << 30;
const HEAD_LEN: usize = 4;
const EXPIRY_LEN: usize = 8;
/// Room for an integer or a pointer; the latter has it on 32-bit targets too, so that sizes agree.
const WORD_LEN: usize = 8;

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Integer = 0,
    Bytes = 1,
    Object = 2,
}

/// Where the parts of an entry lie, and its head.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    head: u32,
    key_len: usize,
    value_len: usize,
    key_offset: usize,
}

impl Shape {
    fn plan(key_len: usize, kind: Kind, value_len: usize, expires: bool, tag: Tag) -> Self {
        let head = tag.0 & TAG_MASK | (kind as u32) << TAG_BITS | if expires { EXPIRES } else { 0 };
        let lengths = varint_len(key_len)
            + if kind == Kind::Bytes {
                varint_len(value_len)
            } else {
                0
            };
        let key_offset = HEAD_LEN + lengths + if expires { EXPIRY_LEN } else { 0 };
        Self {
            head,
            key_len,
            value_len,
            key_offset,
        }
    }

    /// Reads the shape of an entry or record whose byte number `i` is `byte(i)`.
    #[inline]
    pub(crate) fn parse(byte: impl Fn(usize) -> u8) -> Self {
        let head = u32::from_le_bytes([byte(0), byte(1), byte(2), byte(3)]);
        let mut offset = HEAD_LEN;
        let key_len = read_varint(&byte, &mut offset);
        let mut shape = Self {
            head,
            key_len,
            value_len: WORD_LEN,
            key_offset: 0,
        };
        if shape.kind() == Kind::Bytes {
            shape.value_len = read_varint(&byte, &mut offset);
        }
        shape.key_offset = offset + if shape.expires() { EXPIRY_LEN } else { 0 };
        shape
    }

    #[inline]
    pub(crate) fn kind(&self) -> Kind {
        match self.head >> TAG_BITS & 3 {
            0 => Kind::Integer,
            1 => Kind::Bytes,
            _ => Kind::Object,
        }
    }

    #[inline]
    pub(crate) fn expires(&self) -> bool {
        self.head & EXPIRES != 0
    }

    pub(crate) fn tag(&self) -> Tag {
        Tag(self.head & TAG_MASK)
    }

    #[inline]
    pub(crate) fn key_offset(&self) -> usize {
        self.key_offset
    }

    #[inline]
    pub(crate) fn key_len(&self) -> usize {
        self.key_len
    }

    #[inline]
    pub(crate) fn value_offset(&self) -> usize {
        self.key_offset + self.key_len
    }

    #[inline]
    pub(crate) fn value_len(&self) -> usize {
        self.value_len
    }

    /// The offset of the expiry, if the entry has one.
    #[inline]
    pub(crate) fn expiry_offset(&self) -> Option<usize> {
        self.expires().then(|| self.key_offset - EXPIRY_LEN)
    }

    /// Bytes of the whole entry.
    #[inline]
    pub(crate) fn size(&self) -> usize {
        self.value_offset() + self.value_len
    }
}

fn varint_len(value: usize) -> usize {
    (usize::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize
}

#[inline]
fn read_varint(byte: impl Fn(usize) -> u8, offset: &mut usize) -> usize {
    let mut value = 0;
    let mut shift = 0;
    loop {
        let next = byte(*offset);
        *offset += 1;
        value |= usize::from(next & 0x7f) << shift;
        if next < 0x80 {
            return value;
        }
        shift += 7;
    }
}

/// An entry's allocation: a copyable handle. It is *live* from [`Entry::new`] until [`Entry::into_object`] or a
/// `replace…` method frees the allocation; the latter then return the handle that is live instead. The type of
/// its object is that of the table it is in.
#[derive(Clone, Copy)]
pub(crate) struct Entry(*mut u8);

impl Entry {
    /// Allocates an entry; the object moves into a box of its own.
    pub(crate) fn new<O>(
        key: &[u8],
        value: Value<'_, O>,
        expires_at_ms: Option<u64>,
        tag: Tag,
    ) -> Self {
        let entry =
            Self::allocate(plan_for(key.len(), &value, expires_at_ms.is_some(), tag).size());
        // SAFETY: the allocation has the size of this very plan, and `key` is outside of it.
        unsafe { entry.fill(key, value, expires_at_ms, tag) };
        entry
    }

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).expect("a key and a value that fit in memory")
    }

    fn allocate(size: usize) -> Self {
        let layout = Self::layout(size);
        // SAFETY: an entry is at least its head, so the size is not zero.
        let start = unsafe { alloc(layout) };
        if start.is_null() {
            handle_alloc_error(layout);
        }
        Self(start)
    }

    /// Writes every part.
    ///
    /// # Safety
    /// The allocation is exactly as large as the plan for these arguments, owns no object, and overlaps none of
    /// them.
    unsafe fn fill<O>(self, key: &[u8], value: Value<'_, O>, expires_at_ms: Option<u64>, tag: Tag) {
        let shape = plan_for(key.len(), &value, expires_at_ms.is_some(), tag);
        // SAFETY: all parts lie within the shape's size, by the caller's promise.
        unsafe {
            self.write_front(&shape, expires_at_ms);
            ptr::copy_nonoverlapping(key.as_ptr(), self.0.add(shape.key_offset()), key.len());
            self.write_value(&shape, value);
        }
    }

    /// Writes head, lengths and expiry.
    ///
    /// # Safety
    /// The allocation is as large as `shape` says.
    unsafe fn write_front(self, shape: &Shape, expires_at_ms: Option<u64>) {
        // SAFETY: the front lies before the key, hence within the allocation.
        unsafe {
            self.0
                .cast::<[u8; HEAD_LEN]>()
                .write(shape.head.to_le_bytes());
            let mut at = self.write_varint(HEAD_LEN, shape.key_len);
            if shape.kind() == Kind::Bytes {
                at = self.write_varint(at, shape.value_len);
            }
            if let Some(expires_at_ms) = expires_at_ms {
                self.0
                    .add(at)
                    .cast::<[u8; EXPIRY_LEN]>()
                    .write(expires_at_ms.to_le_bytes());
            }
        }
    }

    /// Writes a varint at `offset` and returns the offset behind it.
    ///
    /// # Safety
    /// It fits there.
    unsafe fn write_varint(self, mut offset: usize, mut value: usize) -> usize {
        while value >= 0x80 {
            // SAFETY: the caller's promise.
            unsafe { self.0.add(offset).write(value as u8 | 0x80) };
            value >>= 7;
            offset += 1;
        }
        // SAFETY: the caller's promise.
        unsafe { self.0.add(offset).write(value as u8) };
        offset + 1
    }

    /// Writes the value where `shape` has it.
    ///
    /// # Safety
    /// The allocation is as large as `shape` says, which is of the value's kind and length; the bytes are not
    /// part of the allocation; an object that was there has been taken out.
    unsafe fn write_value<O>(self, shape: &Shape, value: Value<'_, O>) {
        // SAFETY: the value's place is within the allocation and as long as the value.
        unsafe {
            let place = self.0.add(shape.value_offset());
            match value {
                Value::Integer(integer) => {
                    place.cast::<[u8; WORD_LEN]>().write(integer.to_le_bytes());
                }
                Value::Bytes(bytes) => ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len()),
                Value::Object(object) => {
                    place
                        .cast::<*mut O>()
                        .write_unaligned(Box::into_raw(Box::new(object)));
                }
            }
        }
    }

    /// The address, for a table's slot.
    pub(crate) fn into_raw(self) -> *mut u8 {
        self.0
    }

    /// The entry at an address that [`Entry::into_raw`] gave.
    pub(crate) fn from_raw(start: *mut u8) -> Self {
        Self(start)
    }

    /// # Safety
    /// The entry is live.
    // In the page this crate is built for speed and its users are for size: what is called most stays a function of this one.
    #[cfg_attr(not(target_family = "wasm"), inline)]
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) unsafe fn shape(self) -> Shape {
        // SAFETY: `parse` asks only for the bytes of the front, which every entry has.
        Shape::parse(|offset| unsafe { self.0.add(offset).read() })
    }

    /// # Safety
    /// The entry is live, and stays so and unchanged during `'a`.
    #[inline]
    pub(crate) unsafe fn key<'a>(self) -> &'a [u8] {
        // SAFETY: the key's bytes were written when the entry was made.
        unsafe {
            let shape = self.shape();
            std::slice::from_raw_parts(self.0.add(shape.key_offset()), shape.key_len())
        }
    }

    /// # Safety
    /// The entry is live, its object is an `O`, and it stays unchanged during `'a`.
    #[inline]
    pub(crate) unsafe fn value<'a, O>(self) -> ValueRef<'a, O> {
        // SAFETY: the value was written with the kind that the head tells.
        unsafe {
            let shape = self.shape();
            let place = self.0.add(shape.value_offset());
            match shape.kind() {
                Kind::Integer => {
                    ValueRef::Integer(i64::from_le_bytes(place.cast::<[u8; WORD_LEN]>().read()))
                }
                Kind::Bytes => {
                    ValueRef::Bytes(std::slice::from_raw_parts(place, shape.value_len()))
                }
                Kind::Object => ValueRef::Object(&*place.cast::<*mut O>().read_unaligned()),
            }
        }
    }

    /// Bytes of the entry and of what its object says it takes.
    ///
    /// # Safety
    /// The entry is live, its object is an `O`, and it is not being changed.
    pub(crate) unsafe fn memory_bytes<O: Object>(self) -> usize {
        // SAFETY: the caller's promise.
        unsafe { self.counted::<O>().0 }
    }

    /// What a table counts of an entry: [`Entry::memory_bytes`] and [`Entry::expires_at_ms`].
    ///
    /// # Safety
    /// As for [`Entry::memory_bytes`].
    pub(crate) unsafe fn counted<O: Object>(self) -> (usize, Option<u64>) {
        // SAFETY: the caller's promise.
        unsafe {
            let shape = self.shape();
            let object = match shape.kind() {
                Kind::Object => {
                    let place = self.0.add(shape.value_offset());
                    (*place.cast::<*mut O>().read_unaligned()).memory_bytes()
                }
                Kind::Integer | Kind::Bytes => 0,
            };
            (shape.size() + object, self.expiry_of(&shape))
        }
    }

    /// # Safety
    /// The entry is live, its object is an `O`, and nothing else refers to it during `'a`.
    pub(crate) unsafe fn object_mut<'a, O>(self) -> Option<&'a mut O> {
        // SAFETY: as for `value`; the caller promises exclusiveness.
        unsafe {
            let shape = self.shape();
            (shape.kind() == Kind::Object).then(|| {
                &mut *self
                    .0
                    .add(shape.value_offset())
                    .cast::<*mut O>()
                    .read_unaligned()
            })
        }
    }

    /// # Safety
    /// The entry is live and nothing else refers to it during `'a`.
    pub(crate) unsafe fn bytes_mut<'a>(self) -> Option<&'a mut [u8]> {
        // SAFETY: as for `value`; the caller promises exclusiveness.
        unsafe {
            let shape = self.shape();
            (shape.kind() == Kind::Bytes).then(|| {
                std::slice::from_raw_parts_mut(self.0.add(shape.value_offset()), shape.value_len())
            })
        }
    }

    /// # Safety
    /// The entry is live.
    #[inline]
    pub(crate) unsafe fn expires_at_ms(self) -> Option<u64> {
        // SAFETY: the caller's promise.
        unsafe { self.expiry_of(&self.shape()) }
    }

    /// # Safety
    /// The entry is live and of this shape.
    #[inline]
    unsafe fn expiry_of(self, shape: &Shape) -> Option<u64> {
        // SAFETY: the shape says where the expiry lies.
        unsafe {
            let offset = shape.expiry_offset()?;
            Some(u64::from_le_bytes(
                self.0.add(offset).cast::<[u8; EXPIRY_LEN]>().read(),
            ))
        }
    }

    /// # Safety
    /// The entry is live and not borrowed.
    pub(crate) unsafe fn set_tag(self, tag: Tag) {
        // SAFETY: every entry has a head.
        unsafe {
            let head = self.shape().head & !TAG_MASK | tag.0 & TAG_MASK;
            self.0.cast::<[u8; HEAD_LEN]>().write(head.to_le_bytes());
        }
    }

    /// The bytes that a snapshot's record shares with the entry: all, or all but an object's pointer.
    ///
    /// # Safety
    /// The entry is live, and stays so and unchanged during `'a`.
    pub(crate) unsafe fn record<'a>(self) -> &'a [u8] {
        // SAFETY: these bytes were all written when the entry was made. The pointer, whose bytes are not plain
        // ones, is left out.
        unsafe {
            let shape = self.shape();
            let len = if shape.kind() == Kind::Object {
                shape.value_offset()
            } else {
                shape.size()
            };
            std::slice::from_raw_parts(self.0, len)
        }
    }

    /// A second entry like this one, with a clone of the object.
    ///
    /// # Safety
    /// The entry is live, its object is an `O`, and it is not being changed.
    pub(crate) unsafe fn duplicate<O: Clone>(self) -> Self {
        // SAFETY: the copy has the size of this very shape; its bytes were all written here, and the object's pointer is
        // left out of them and written by `write_value`.
        unsafe {
            let shape = self.shape();
            if shape.kind() != Kind::Object {
                return self.duplicate_bytes(&shape);
            }
            let object: ValueRef<'_, O> = self.value();
            let ValueRef::Object(object) = object else {
                unreachable!("the shape says that it is an object");
            };
            let object = object.clone();
            let copy = Self::allocate(shape.size());
            ptr::copy_nonoverlapping(self.0, copy.0, shape.value_offset());
            copy.write_value(&shape, Value::Object(object));
            copy
        }
    }

    /// As [`Entry::duplicate`], of an entry without an object.
    ///
    /// # Safety
    /// The entry is live and of this shape, which has no object, and it is not being changed.
    #[cfg_attr(target_family = "wasm", inline(never))]
    unsafe fn duplicate_bytes(self, shape: &Shape) -> Self {
        let copy = Self::allocate(shape.size());
        // SAFETY: the copy has the size of this very shape, all of whose bytes were written here.
        unsafe { ptr::copy_nonoverlapping(self.0, copy.0, shape.size()) };
        copy
    }

    /// Replaces value, expiry and tag, in place if the size stays the same. Returns the entry to use from now
    /// on and the object that was replaced.
    ///
    /// # Safety
    /// The entry is live, not borrowed, its object is an `O`, and `key` equals its key but is not part of it.
    pub(crate) unsafe fn replace<O>(
        self,
        key: &[u8],
        value: Value<'_, O>,
        expires_at_ms: Option<u64>,
        tag: Tag,
    ) -> (Self, Option<O>) {
        // SAFETY: the caller's promises; `fill` gets an allocation of the right size from which the object has
        // been taken.
        unsafe {
            let old = self.shape();
            let new = plan_for(key.len(), &value, expires_at_ms.is_some(), tag);
            if new.size() != old.size() {
                let object = self.into_object();
                return (Self::new(key, value, expires_at_ms, tag), object);
            }
            let object = self.take_object(&old);
            self.fill(key, value, expires_at_ms, tag);
            (self, object)
        }
    }

    /// Replaces the value, in place if key and size stay where they are. Returns as [`Entry::replace`] does.
    ///
    /// # Safety
    /// The entry is live, not borrowed, and its object is an `O`.
    pub(crate) unsafe fn replace_value<O>(self, value: Value<'_, O>) -> (Self, Option<O>) {
        // SAFETY: the caller's promises. In place, `new` differs from `old` in kind at most, so the front and
        // the value fit and the key does not move; otherwise the key is copied before the old entry is freed.
        unsafe {
            let old = self.shape();
            let expires_at_ms = self.expires_at_ms();
            let new = plan_for(old.key_len(), &value, old.expires(), old.tag());
            if new.size() == old.size() && new.key_offset() == old.key_offset() {
                let object = self.take_object(&old);
                self.write_front(&new, expires_at_ms);
                self.write_value(&new, value);
                return (self, object);
            }
            let entry = Self::new(self.key(), value, expires_at_ms, old.tag());
            (entry, self.into_object())
        }
    }

    /// Sets or removes the expiry. Returns the entry to use from now on.
    ///
    /// # Safety
    /// The entry is live and not borrowed.
    pub(crate) unsafe fn replace_expiry(self, expires_at_ms: Option<u64>) -> Self {
        // SAFETY: key and value lie behind each other in both entries and are copied as they are; an object's
        // pointer thereby moves to the new entry, and the old one is freed without it.
        unsafe {
            let old = self.shape();
            if old.expires() == expires_at_ms.is_some() {
                self.write_front(&old, expires_at_ms);
                return self;
            }
            let new = Shape::plan(
                old.key_len,
                old.kind(),
                old.value_len,
                expires_at_ms.is_some(),
                old.tag(),
            );
            let entry = Self::allocate(new.size());
            entry.write_front(&new, expires_at_ms);
            let from = self.0.add(old.key_offset());
            ptr::copy_nonoverlapping(
                from,
                entry.0.add(new.key_offset()),
                old.key_len + old.value_len,
            );
            dealloc(self.0, Self::layout(old.size()));
            entry
        }
    }

    /// Takes the object out; the entry then has none, though its head still says so.
    ///
    /// # Safety
    /// The entry is live with this shape, its object is an `O`, and the value is overwritten or freed without
    /// being used again.
    unsafe fn take_object<O>(self, shape: &Shape) -> Option<O> {
        // SAFETY: the pointer came from a box, and the caller promises that it is not used again.
        unsafe {
            (shape.kind() == Kind::Object).then(|| {
                *Box::from_raw(
                    self.0
                        .add(shape.value_offset())
                        .cast::<*mut O>()
                        .read_unaligned(),
                )
            })
        }
    }

    /// Frees the entry and returns its object.
    ///
    /// # Safety
    /// The entry is live, not borrowed, its object is an `O`; it is not live afterwards.
    pub(crate) unsafe fn into_object<O>(self) -> Option<O> {
        // SAFETY: the allocation was made with this size, which no method changes.
        unsafe {
            let shape = self.shape();
            let object = self.take_object(&shape);
            dealloc(self.0, Self::layout(shape.size()));
            object
        }
    }
}

fn plan_for<O>(key_len: usize, value: &Value<'_, O>, expires: bool, tag: Tag) -> Shape {
    let (kind, value_len) = match value {
        Value::Integer(_) => (Kind::Integer, WORD_LEN),
        Value::Bytes(bytes) => (Kind::Bytes, bytes.len()),
        Value::Object(_) => (Kind::Object, WORD_LEN),
    };
    Shape::plan(key_len, kind, value_len, expires, tag)
}
