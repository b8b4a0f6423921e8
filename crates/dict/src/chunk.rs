//! Records of a snapshot: raw copies of entries, fit for another thread.

use crate::entry::{Entry, Kind, Shape};
use crate::{Object, Tag, ValueRef};

/// Raw records of a snapshot, in the order of the walk: flat bytes, and the frozen objects beside them. Fit for
/// another thread; [`Chunk::clear`] keeps the memory, so that chunks can be pooled.
#[derive(Clone)]
pub struct Chunk<F> {
    /// Records behind each other, laid out as entries are; the pointer of an object is left out.
    bytes: Vec<u8>,
    /// The objects of those records that have one, in order.
    frozen: Vec<F>,
    /// What the frozen objects take on the heap.
    frozen_bytes: usize,
    records: usize,
}

/// Which record of a [`Chunk`] comes next.
#[derive(Clone, Copy, Debug, Default)]
pub struct Position {
    offset: usize,
    frozen: usize,
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
            frozen_bytes: 0,
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
    /// Bytes of the records, and of what their frozen objects keep alive, as if nothing else did.
    pub fn held_bytes(&self) -> usize {
        self.bytes.len() + self.frozen_bytes
    }
    /// Forgets the records and keeps the memory, if that is not more than `max_kept_bytes`.
    pub fn clear(&mut self, max_kept_bytes: usize) {
        self.bytes.clear();
        self.bytes.shrink_to(max_kept_bytes);
        self.frozen.clear();
        self.frozen_bytes = 0;
        self.records = 0;
    }
    /// The record at a position, and the position of the next; `None` at the end.
    pub fn get(&self, at: Position) -> Option<(Record<'_, F>, Position)> {
        let rest = self.bytes.get(at.offset..)?;
        if rest.is_empty() {
            return None;
        }
        let (record, len) = read_record(rest, self.frozen.get(at.frozen));
        let next = Position {
            offset: at.offset + len,
            frozen: at.frozen + usize::from(matches!(record.value, ValueRef::Object(_))),
        };
        Some((record, next))
    }
    /// The records in order.
    pub fn records(&self) -> impl Iterator<Item = Record<'_, F>> {
        let mut at = Position::default();
        std::iter::from_fn(move || {
            let (record, next) = self.get(at)?;
            at = next;
            Some(record)
        })
    }

    /// Moves the records of `other` to the end of this chunk. Returns an empty chunk, with what memory is left over.
    pub(crate) fn append(&mut self, mut other: Self) -> Self {
        if self.is_empty() {
            return std::mem::replace(self, other);
        }
        self.bytes.append(&mut other.bytes);
        self.frozen.append(&mut other.frozen);
        self.frozen_bytes += std::mem::take(&mut other.frozen_bytes);
        self.records += std::mem::take(&mut other.records);
        other
    }

    /// Copies an entry.
    ///
    /// # Safety
    /// The entry is live, not being changed, and its object is an `O`.
    pub(crate) unsafe fn push<O: Object<Frozen = F>>(&mut self, entry: Entry) {
        // SAFETY: the caller's promise, and neither reference outlives this function.
        unsafe {
            if let ValueRef::Object(object) = entry.value::<O>() {
                self.frozen_bytes += object.memory_bytes();
                self.frozen.push(object.freeze());
            }
            self.bytes.extend_from_slice(entry.record());
        }
        self.records += 1;
    }
}

/// Reads the record at the front of `bytes`, whose object, if it has one, is `frozen`, and says how long it is.
fn read_record<'a, F>(bytes: &'a [u8], frozen: Option<&'a F>) -> (Record<'a, F>, usize) {
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
            ValueRef::Object(frozen.expect("one frozen object per record of one")),
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
