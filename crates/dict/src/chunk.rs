//! Records of a snapshot: raw copies of entries, fit for another thread.

use crate::entry::{Entry, Kind, Shape};
use crate::{EntryRef, Object, Tag, ValueRef};

/// Raw records of a snapshot, in the order of the walk: flat bytes, and the frozen objects beside them. Fit for
/// another thread; [`Chunk::clear`] keeps the memory, so that chunks can be pooled.
pub struct Chunk<F> {
    /// Records behind each other, laid out as entries are; the pointer of an object is left out.
    bytes: Vec<u8>,
    /// The objects of those records that have one, in order.
    frozen: Vec<F>,
    records: usize,
}

/// One entry as it was at the cut.
#[derive(Debug)]
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
    pub const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            frozen: Vec::new(),
            records: 0,
        }
    }
    /// Whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The number of records.
    pub fn len(&self) -> usize {
        self.records
    }
    /// Bytes held, what frozen objects refer to left out.
    pub fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.frozen.capacity() * size_of::<F>()
    }
    /// Forgets the records and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.frozen.clear();
        self.records = 0;
    }
    /// The records in order.
    pub fn records(&self) -> impl Iterator<Item = Record<'_, F>> {
        let mut rest = self.bytes.as_slice();
        let mut frozen = self.frozen.iter();
        (0..self.records).map(move |_| {
            let (record, len) = read_record(rest, &mut frozen);
            rest = &rest[len..];
            record
        })
    }

    /// Adds a copy of an entry of a table that is not being changed.
    pub fn copy<O: Object<Frozen = F>>(&mut self, entry: EntryRef<'_, O>) {
        // SAFETY: a borrowed entry is live and unchanged, and its object is an `O`.
        unsafe { self.push::<O>(entry.entry()) }
    }

    /// Moves the records of `other` to the end of this chunk.
    pub(crate) fn append(&mut self, other: &mut Self) {
        if self.is_empty() {
            std::mem::swap(self, other);
        } else {
            self.bytes.append(&mut other.bytes);
            self.frozen.append(&mut other.frozen);
            self.records += std::mem::take(&mut other.records);
        }
    }

    /// Copies an entry.
    ///
    /// # Safety
    /// The entry is live, not being changed, and its object is an `O`.
    pub(crate) unsafe fn push<O: Object<Frozen = F>>(&mut self, entry: Entry) {
        // SAFETY: the caller's promise, and neither reference outlives this function.
        unsafe {
            if let ValueRef::Object(object) = entry.value::<O>() {
                self.frozen.push(object.freeze());
            }
            self.bytes.extend_from_slice(entry.record());
        }
        self.records += 1;
    }
}

/// Reads the record at the front of `bytes` and says how long it is.
fn read_record<'a, F>(
    bytes: &'a [u8],
    frozen: &mut impl Iterator<Item = &'a F>,
) -> (Record<'a, F>, usize) {
    let shape = Shape::parse(|offset| bytes[offset]);
    let (key, value) = bytes[shape.key_offset()..].split_at(shape.key_len());
    let word = |bytes: &[u8]| u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
    let (value, value_len) = match shape.kind() {
        Kind::Integer => (
            ValueRef::Integer(word(value).cast_signed()),
            shape.value_len(),
        ),
        Kind::Bytes => (
            ValueRef::Bytes(&value[..shape.value_len()]),
            shape.value_len(),
        ),
        Kind::Object => (
            ValueRef::Object(frozen.next().expect("one frozen object per record of one")),
            0,
        ),
    };
    let expires_at_ms = shape.expiry_offset().map(|offset| word(&bytes[offset..]));
    (
        Record {
            key,
            value,
            expires_at_ms,
            tag: shape.tag(),
        },
        shape.value_offset() + value_len,
    )
}

impl<F> Default for Chunk<F> {
    fn default() -> Self {
        Self::new()
    }
}
