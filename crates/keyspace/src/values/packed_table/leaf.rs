//! A leaf: some dozens of entries in one packed buffer.

use std::sync::Arc;

use super::{Entry, hash_of};

/// The most entries of a leaf. With it, a leaf and its counters fill an allocator's class of 224 bytes.
pub(super) const MOST_ENTRIES: usize = 48;

/// The most bytes that entries are added up to.
const MOST_BYTES: usize = 4096;

/// The longest entry that stands in the buffer itself, in bytes of key and value together.
const MOST_INLINE: usize = 1024;

/// What an entry begins with whose bytes are elsewhere; the other begin with an even byte.
const IS_BLOB: u8 = 1;

/// The bytes of the length that opens a blob.
const BLOB_HEADER: usize = 4;

/// Entries whose hashes lie in one interval.
///
/// The buffer holds them back to back, each `key length * 2` (one or two bytes, seven bits each), key, value. A long one
/// is two bytes, [`IS_BLOB`] and its place among the blobs.
#[derive(Clone)]
pub(super) struct Leaf {
    bytes: Vec<u8>,
    /// Long entries: the key's length, key, value.
    blobs: Vec<Arc<[u8]>>,
    /// What did not fit although all hashes are equal.
    pub(super) next: Option<Arc<Leaf>>,
    /// Where each entry ends in the buffer.
    ends: [u16; MOST_ENTRIES],
    /// The last byte of each entry's hash.
    tags: [u8; MOST_ENTRIES],
    len: u8,
}

impl Leaf {
    pub(super) fn new() -> Self {
        Self {
            bytes: Vec::new(),
            blobs: Vec::new(),
            next: None,
            ends: [0; MOST_ENTRIES],
            tags: [0; MOST_ENTRIES],
            len: 0,
        }
    }

    /// The number of entries, those of the leaves behind left out.
    pub(super) fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Heap bytes of the leaf and those behind it, the allocator's rounding included.
    pub(super) fn memory_bytes(&self) -> usize {
        self.chain().map(Self::own_bytes).sum()
    }

    fn own_bytes(&self) -> usize {
        let blobs = self.blobs.iter().map(|blob| allocated(16 + blob.len()));
        allocated(16 + LEAF_BYTES)
            + allocated(self.bytes.len())
            + allocated(8 * 2 * self.blobs.len())
            + blobs.sum::<usize>()
    }

    pub(super) fn entry(&self, index: usize) -> Entry<'_> {
        let entry = &self.bytes[self.start(index)..usize::from(self.ends[index])];
        let (key_len, rest) = match *entry {
            [IS_BLOB, blob, ..] => {
                let blob = &self.blobs[usize::from(blob)];
                let (len, rest) = blob
                    .split_first_chunk::<BLOB_HEADER>()
                    .expect("a blob opens with a length");
                (u32::from_le_bytes(*len) as usize, rest)
            }
            [low, high, ..] if low >= 0x80 => (
                (usize::from(low & 0x7f) | usize::from(high) << 7) / 2,
                &entry[2..],
            ),
            [low, ..] => (usize::from(low) / 2, &entry[1..]),
            [] => unreachable!("an entry opens with a length"),
        };
        rest.split_at(key_len)
    }

    #[inline]
    pub(super) fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        let tags = &self.tags[..self.len()];
        memchr::memchr_iter(hash as u8, tags).find(|index| self.entry(*index).0 == key)
    }

    /// Whether an entry of this size must go elsewhere.
    pub(super) fn is_full_for(&self, key: &[u8], value: &[u8]) -> bool {
        self.len() == MOST_ENTRIES || self.bytes.len() + packed_len(key, value) > MOST_BYTES
    }

    /// Adds an entry that is not there, where [`Leaf::is_full_for`] allows it.
    fn push(&mut self, hash: u64, key: &[u8], value: &[u8]) {
        let index = self.len();
        self.make_room(packed_len(key, value));
        if is_long(key, value) {
            self.bytes.extend([IS_BLOB, self.blobs.len() as u8]);
            self.blobs.push(blob(key, value));
        } else {
            let header = key.len() * 2;
            if header < 0x80 {
                self.bytes.push(header as u8);
            } else {
                self.bytes
                    .extend([header as u8 | 0x80, (header >> 7) as u8]);
            }
            self.bytes.extend_from_slice(key);
            self.bytes.extend_from_slice(value);
        }
        self.tags[index] = hash as u8;
        self.ends[index] = self.bytes.len() as u16;
        self.len += 1;
    }

    /// Changes the value of an entry. Returns whether there was room; if not, nothing has changed.
    pub(super) fn set_value(&mut self, index: usize, value: &[u8]) -> bool {
        let (key, old) = self.entry(index);
        let grown = self.bytes.len() + value.len();
        if let Some(at) = self.blob_of(index) {
            if !is_long(key, value) {
                return false;
            }
            self.blobs[at] = blob(key, value);
        } else if is_long(key, value) || grown - old.len() > MOST_BYTES {
            return false;
        } else {
            let (old, end) = (old.len(), usize::from(self.ends[index]));
            self.make_room(value.len().saturating_sub(old));
            self.resize(index, end - old, value);
        }
        true
    }

    pub(super) fn remove(&mut self, index: usize) {
        if let Some(at) = self.blob_of(index) {
            self.blobs.swap_remove(at);
            let moved = self.blobs.len();
            if let Some(other) = (0..self.len()).find(|other| self.blob_of(*other) == Some(moved)) {
                let start = self.start(other);
                self.bytes[start + 1] = at as u8;
            }
        }
        let start = self.start(index);
        self.resize(index, start, &[]);
        let len = self.len();
        self.ends.copy_within(index + 1..len, index);
        self.tags.copy_within(index + 1..len, index);
        self.len -= 1;
        let fitting = allocated(self.bytes.len());
        if fitting < self.bytes.capacity() * 3 / 4 {
            self.bytes.shrink_to(fitting);
        }
    }

    /// Where to part the entries, one of hash `new` to be added among them: the two sides have about as many, and a number
    /// of few bits was looked for. `None` if all hashes are equal.
    pub(super) fn separator(&self, new: u64) -> Option<u64> {
        let mut hashes: Vec<u64> = self.entries().map(|(key, _)| hash_of(key)).collect();
        hashes.sort_unstable();
        let len = hashes.len();
        let last = hashes[len - 1];
        if new > last {
            // Probably entries come in the order of hashes, from another table: leaves are then left full.
            return Some(roundest(last, new));
        }
        // Not always in the middle: leaves of one size would be split at one time again.
        let middle = len * 3 / 8 + new as usize % (len / 4).max(1);
        let from_middle = (middle..len).chain(1..middle);
        let mut pairs = from_middle.map(|at| (hashes[at.max(1) - 1], hashes[at]));
        let (from, to) = pairs.find(|(from, to)| from < to)?;
        Some(roundest(from, to))
    }

    /// Two leaves in place of this one: the entries whose hashes are less than `separator`, and the others.
    pub(super) fn split(&self, separator: u64) -> [Self; 2] {
        let mut sides = [Self::new(), Self::new()];
        // Neither buffer is to grow through all sizes.
        let entries = self.chain().flat_map(Self::entries);
        let (mut lens, mut hashed) = ([0, 0], Vec::with_capacity(MOST_ENTRIES));
        for (key, value) in entries {
            let hash = hash_of(key);
            lens[usize::from(hash >= separator)] += packed_len(key, value);
            hashed.push((hash, key, value));
        }
        for (side, len) in sides.iter_mut().zip(lens) {
            side.make_room(len.min(MOST_BYTES));
        }
        for (hash, key, value) in hashed {
            sides[usize::from(hash >= separator)].append(hash, key, value);
        }
        sides
    }

    /// Whether no leaf is behind either, and the entries of both together leave a leaf with room to spare.
    pub(super) fn can_merge(&self, other: &Self) -> bool {
        self.next.is_none()
            && other.next.is_none()
            && self.len() + other.len() <= MOST_ENTRIES * 3 / 4
            && self.bytes.len() + other.bytes.len() <= MOST_BYTES * 3 / 4
    }

    /// One leaf in place of these two.
    pub(super) fn merged(&self, other: &Self) -> Self {
        let mut merged = Self::new();
        merged.make_room(self.bytes.len() + other.bytes.len());
        for (key, value) in self.entries().chain(other.entries()) {
            merged.push(hash_of(key), key, value);
        }
        merged
    }

    /// The leaf and those behind it.
    pub(super) fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |leaf| leaf.next.as_deref())
    }

    /// Lets go of what is behind, as far as it is empty.
    pub(super) fn unchain(&mut self) {
        if self
            .next
            .as_ref()
            .is_some_and(|next| next.chain().all(|leaf| leaf.len() == 0))
        {
            self.next = None;
        }
    }

    /// As [`Leaf::push`], in a leaf behind if this one is full.
    pub(super) fn append(&mut self, hash: u64, key: &[u8], value: &[u8]) {
        let mut leaf = self;
        while leaf.is_full_for(key, value) {
            leaf = Arc::make_mut(leaf.next.get_or_insert_with(|| Arc::new(Self::new())));
        }
        leaf.push(hash, key, value);
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.len()).map(|index| self.entry(index))
    }

    fn start(&self, index: usize) -> usize {
        index
            .checked_sub(1)
            .map_or(0, |before| usize::from(self.ends[before]))
    }

    fn blob_of(&self, index: usize) -> Option<usize> {
        let start = self.start(index);
        (self.bytes[start] == IS_BLOB).then(|| usize::from(self.bytes[start + 1]))
    }

    /// Lets the buffer grow to the sizes that allocators have anyway, and not by doubling.
    fn make_room(&mut self, additional: usize) {
        let needed = self.bytes.len() + additional;
        if needed > self.bytes.capacity() {
            self.bytes
                .reserve_exact(allocated(needed) - self.bytes.len());
        }
    }

    /// Puts `with` in place of an entry's bytes from `from` on.
    fn resize(&mut self, index: usize, from: usize, with: &[u8]) {
        let end = usize::from(self.ends[index]);
        let moved = (from + with.len()) as isize - end as isize;
        self.bytes.splice(from..end, with.iter().copied());
        let len = self.len();
        for end in &mut self.ends[index..len] {
            *end = (*end as isize + moved) as u16;
        }
    }
}

/// The size of a leaf, on every target: a number that 64-bit machines decide.
pub(super) const LEAF_BYTES: usize = 208;

fn is_long(key: &[u8], value: &[u8]) -> bool {
    key.len() + value.len() > MOST_INLINE
}

/// The bytes that an entry takes in the buffer, or one more.
fn packed_len(key: &[u8], value: &[u8]) -> usize {
    2 + if is_long(key, value) {
        0
    } else {
        key.len() + value.len()
    }
}

fn blob(key: &[u8], value: &[u8]) -> Arc<[u8]> {
    let key_len = u32::try_from(key.len()).expect("a request's word has at most 512 MB");
    [&key_len.to_le_bytes(), key, value].concat().into()
}

/// The number of the fewest bits that is above `from` and not above `to`.
fn roundest(from: u64, to: u64) -> u64 {
    let bit = (from ^ to).ilog2();
    to >> bit << bit
}

/// What an allocator gives for so many bytes: four sizes between each power of two and the next.
pub(super) fn allocated(bytes: usize) -> usize {
    let step = (bytes.next_power_of_two() / 8).max(16);
    bytes.next_multiple_of(step)
}
