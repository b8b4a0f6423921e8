//! A list of strings and integers in one allocation, byte for byte as Redis keeps and saves it.
//!
//! ```text
//! total bytes (u32)   count (u16)   entry ... entry   FF
//! ```
//!
//! Numbers are little-endian. The count is [`COUNT_UNKNOWN`] when it does not fit: then it is found by walking. An
//! entry is its encoding, its data and its backlen, the length of the two in groups of seven bits, the highest
//! first, to be read backwards:
//!
//! ```text
//! 0iiiiiii                               an integer 0..=127
//! 10llllll                      data     a string of up to 63 bytes
//! 110iiiii iiiiiiii                      an integer of 13 bits, two's complement
//! 1110llll llllllll             data     a string of up to 4095 bytes
//! 11110000 l (u32)              data     a longer string
//! 11110001 / 2 / 3 / 4          data     an integer of 16, 24, 32, 64 bits
//! ```
//!
//! A string that reads back the same as an integer is kept as one, so equal texts have equal bytes.

mod entry;
mod walk;

pub use self::entry::Item;
pub use self::walk::entries_with_places;

use self::entry::{Encoded, checked_entry_end, entry_end, entry_start, integer_of, item_at};
use super::{Malformed, reserve_snugly, shrink_if_sparse};

/// What the header says of a count that needs more than 16 bits.
const COUNT_UNKNOWN: u16 = u16::MAX;

/// Bytes before the first entry.
const HEADER_LEN: usize = 6;

/// The byte behind the last entry.
const END: u8 = 0xff;

/// A list of strings and integers, packed.
///
/// It is always well-formed. A [`Position`] stays valid until the listpack is changed before it or at it.
#[derive(Clone, PartialEq, Eq)]
pub struct Listpack {
    bytes: Vec<u8>,
}

/// Where an entry begins: its offset in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(u32);

impl Default for Listpack {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Listpack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl Listpack {
    /// The size in bytes up to which a listpack may grow, whatever the configured limits say.
    pub const MAX: usize = 1 << 30;

    /// The size in bytes of a listpack without entries.
    pub const EMPTY_LEN: usize = HEADER_LEN + 1;

    /// A listpack without entries.
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// A listpack without entries that takes entries of `encoded_bytes` in all before it needs more memory.
    pub fn with_capacity(encoded_bytes: usize) -> Self {
        let mut bytes = Vec::with_capacity(Self::EMPTY_LEN + encoded_bytes);
        bytes.extend([Self::EMPTY_LEN as u8, 0, 0, 0, 0, 0, END]);
        Self { bytes }
    }

    /// The listpack that `bytes` are, if they are one. Every entry is looked at, so that no later access can fail.
    ///
    /// # Errors
    ///
    /// Whenever Redis's own deep check fails. Backlens must in addition be written in as few bytes as possible, as
    /// every Redis writes them.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Malformed> {
        let end = bytes.len().checked_sub(1).ok_or(Malformed)?;
        if bytes.len() < Self::EMPTY_LEN
            || bytes.len() as u64 != u64::from(total_bytes(&bytes))
            || bytes[end] != END
        {
            return Err(Malformed);
        }
        let mut at = HEADER_LEN;
        let mut count = 0usize;
        while at < end {
            at = checked_entry_end(&bytes[..end], at).ok_or(Malformed)?;
            count += 1;
        }
        let stated = stated_count(&bytes);
        if stated != COUNT_UNKNOWN && usize::from(stated) != count {
            return Err(Malformed);
        }
        Ok(Self { bytes })
    }

    /// The packed form, header and end included.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The packed form, header and end included.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The size of the packed form in bytes.
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// How many entries there are. Walks if there are more than 65,534 or once were.
    pub fn len(&self) -> usize {
        match stated_count(&self.bytes) {
            COUNT_UNKNOWN => self.positions().count(),
            count => usize::from(count),
        }
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == Self::EMPTY_LEN
    }

    /// Whether `more` bytes can be added without passing [`Self::MAX`].
    pub fn has_room(&self, more: usize) -> bool {
        self.bytes.len().saturating_add(more) <= Self::MAX
    }

    /// The bytes that `text` takes as an entry, backlen included.
    pub fn encoded_len(text: &[u8]) -> usize {
        Encoded::of_text(text).len()
    }

    /// The bytes that `number` takes as an entry, backlen included.
    pub fn encoded_integer_len(number: i64) -> usize {
        Encoded::of_integer(number).len()
    }

    /// The first entry.
    pub fn first(&self) -> Option<Position> {
        self.at(HEADER_LEN)
    }

    /// The last entry.
    pub fn last(&self) -> Option<Position> {
        (!self.is_empty()).then(|| position(entry_start(&self.bytes, self.end())))
    }

    /// The entry behind the one at `position`.
    pub fn next(&self, position: Position) -> Option<Position> {
        self.at(entry_end(&self.bytes, position.offset()))
    }

    /// The entry before the one at `position`.
    pub fn prev(&self, position: Position) -> Option<Position> {
        let at = position.offset();
        (at > HEADER_LEN).then(|| self::position(entry_start(&self.bytes, at)))
    }

    /// The entry number `index`: from 0, or from the end if negative, where -1 is the last. Walks from the nearer
    /// end.
    pub fn seek(&self, index: i64) -> Option<Position> {
        let stated = stated_count(&self.bytes);
        let mut index = index;
        if stated != COUNT_UNKNOWN {
            let count = i64::from(stated);
            if index >= count || index < -count {
                return None;
            }
            if index > count / 2 {
                index -= count;
            } else if index < -count / 2 {
                index += count;
            }
        }
        if index >= 0 {
            self.forward_from(HEADER_LEN)
                .nth(usize::try_from(index).ok()?)
        } else {
            self.positions()
                .nth_back(usize::try_from(index.checked_neg()? - 1).ok()?)
        }
    }

    /// The entry at `position`.
    pub fn get(&self, position: Position) -> Item<'_> {
        item_at(&self.bytes, position.offset())
    }

    /// All entries in order.
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.positions())
    }

    /// The entries from `position` on.
    pub fn iter_from(&self, position: Position) -> Iter<'_> {
        Iter(self.forward_from(position.offset()))
    }

    /// The positions of all entries in order.
    pub fn positions(&self) -> Positions<'_> {
        self.forward_from(HEADER_LEN)
    }

    /// The first entry that reads as `text`, beginning with the one at `from` and passing over `skip` entries after
    /// each that was compared.
    pub fn find(&self, from: Position, skip: usize, text: &[u8]) -> Option<Position> {
        let number = integer_of(text);
        let end = self.end();
        let mut at = from.offset();
        while at < end {
            let found = match item_at(&self.bytes, at) {
                Item::Bytes(bytes) => bytes == text,
                Item::Integer(integer) => number == Some(integer),
            };
            if found {
                return Some(position(at));
            }
            for _ in 0..=skip {
                at = entry_end(&self.bytes, at);
                if at >= end {
                    return None;
                }
            }
        }
        None
    }

    /// Adds `text` behind the last entry. Like everything that adds, panics beyond 4 GiB: ask [`Self::has_room`].
    pub fn push_back(&mut self, text: &[u8]) {
        self.insert(self.end(), &Encoded::of_text(text));
    }

    /// Adds `number` behind the last entry.
    pub fn push_back_integer(&mut self, number: i64) {
        self.insert(self.end(), &Encoded::of_integer(number));
    }

    /// Adds `item` behind the last entry, an integer as an integer.
    pub fn push_back_item(&mut self, item: Item<'_>) {
        self.insert(self.end(), &Encoded::of(item));
    }

    /// Adds `text` before the first entry.
    pub fn push_front(&mut self, text: &[u8]) {
        self.insert(HEADER_LEN, &Encoded::of_text(text));
    }

    /// Adds `number` before the first entry.
    pub fn push_front_integer(&mut self, number: i64) {
        self.insert(HEADER_LEN, &Encoded::of_integer(number));
    }

    /// Adds `text` before the entry at `position`, which is then the new one's, and returned.
    pub fn insert_before(&mut self, position: Position, text: &[u8]) -> Position {
        self.insert(position.offset(), &Encoded::of_text(text));
        position
    }

    /// Adds `number` before the entry at `position`, which is then the new one's, and returned.
    pub fn insert_before_integer(&mut self, position: Position, number: i64) -> Position {
        self.insert(position.offset(), &Encoded::of_integer(number));
        position
    }

    /// Adds `text` behind the entry at `position` and returns where it is.
    pub fn insert_after(&mut self, position: Position, text: &[u8]) -> Position {
        let at = entry_end(&self.bytes, position.offset());
        self.insert(at, &Encoded::of_text(text));
        self::position(at)
    }

    /// Adds `number` behind the entry at `position` and returns where it is.
    pub fn insert_after_integer(&mut self, position: Position, number: i64) -> Position {
        let at = entry_end(&self.bytes, position.offset());
        self.insert(at, &Encoded::of_integer(number));
        self::position(at)
    }

    /// Puts `text` in the place of the entry at `position`, which stays where it is.
    pub fn replace(&mut self, position: Position, text: &[u8]) -> Position {
        self.overwrite(position, &Encoded::of_text(text));
        position
    }

    /// Puts `number` in the place of the entry at `position`, which stays where it is.
    pub fn replace_integer(&mut self, position: Position, number: i64) -> Position {
        self.overwrite(position, &Encoded::of_integer(number));
        position
    }

    /// Takes out the entry at `position` and returns the one that was behind it.
    pub fn remove(&mut self, position: Position) -> Option<Position> {
        self.remove_range(position, 1)
    }

    /// Takes out `count` entries from `position` on, or as many as there are, and returns the one that was behind
    /// them.
    pub fn remove_range(&mut self, position: Position, count: usize) -> Option<Position> {
        let from = position.offset();
        let end = self.end();
        let mut to = from;
        let mut removed = 0;
        while removed < count && to < end {
            to = entry_end(&self.bytes, to);
            removed += 1;
        }
        self.bytes.drain(from..to);
        shrink_if_sparse(&mut self.bytes);
        self.set_total_bytes();
        let stated = stated_count(&self.bytes);
        if self.is_empty() {
            self.set_count(0);
        } else if stated != COUNT_UNKNOWN {
            self.set_count(usize::from(stated) - removed);
        }
        self.at(from)
    }

    /// Takes out the entries from number `index` on and returns them as a listpack of their own.
    pub fn split_off(&mut self, index: usize) -> Self {
        let count = self.len();
        let Some(cut) = i64::try_from(index).ok().and_then(|index| self.seek(index)) else {
            return Self::new();
        };
        let entries = &self.bytes[cut.offset()..self.end()];
        let mut rest = Self::with_capacity(entries.len());
        rest.bytes.pop();
        rest.bytes.extend_from_slice(entries);
        rest.bytes.push(END);
        rest.set_total_bytes();
        rest.set_count(count - index);

        self.bytes.truncate(cut.offset());
        self.bytes.push(END);
        self.bytes.shrink_to_fit();
        self.set_total_bytes();
        self.set_count(index);
        rest
    }

    /// Adds the entries of `other` behind the last.
    pub fn append(&mut self, other: &Self) {
        let count = match (stated_count(&self.bytes), stated_count(&other.bytes)) {
            (COUNT_UNKNOWN, _) | (_, COUNT_UNKNOWN) => usize::MAX,
            (own, added) => usize::from(own) + usize::from(added),
        };
        reserve_snugly(&mut self.bytes, other.bytes.len() - Self::EMPTY_LEN);
        self.bytes.pop();
        self.bytes.extend_from_slice(&other.bytes[HEADER_LEN..]);
        self.set_total_bytes();
        self.set_count(count);
    }

    /// The offset of the end byte.
    fn end(&self) -> usize {
        self.bytes.len() - 1
    }

    fn at(&self, offset: usize) -> Option<Position> {
        (offset < self.end()).then(|| position(offset))
    }

    fn forward_from(&self, offset: usize) -> Positions<'_> {
        Positions {
            bytes: &self.bytes,
            front: offset,
            back: self.end(),
        }
    }

    fn insert(&mut self, at: usize, entry: &Encoded<'_>) {
        let count = stated_count(&self.bytes);
        self.splice(at, at, entry);
        if count != COUNT_UNKNOWN {
            self.set_count(usize::from(count) + 1);
        }
    }

    fn overwrite(&mut self, position: Position, entry: &Encoded<'_>) {
        let at = position.offset();
        self.splice(at, entry_end(&self.bytes, at), entry);
    }

    /// Puts `entry` where the bytes `from..to` are.
    fn splice(&mut self, from: usize, to: usize, entry: &Encoded<'_>) {
        let old_len = self.bytes.len();
        let entry_len = entry.len();
        let behind = from + entry_len;
        if behind > to {
            reserve_snugly(&mut self.bytes, behind - to);
            self.bytes.resize(old_len + behind - to, END);
        }
        self.bytes.copy_within(to..old_len, behind);
        if behind < to {
            self.bytes.truncate(old_len - (to - behind));
            shrink_if_sparse(&mut self.bytes);
        }
        entry.write(&mut self.bytes[from..behind]);
        self.set_total_bytes();
    }

    fn set_total_bytes(&mut self) {
        let total = u32::try_from(self.bytes.len()).expect("a listpack is far below 4 GiB");
        self.bytes[..4].copy_from_slice(&total.to_le_bytes());
    }

    fn set_count(&mut self, count: usize) {
        let stated = u16::try_from(count).unwrap_or(COUNT_UNKNOWN);
        self.bytes[4..HEADER_LEN].copy_from_slice(&stated.to_le_bytes());
    }
}

impl<'a> IntoIterator for &'a Listpack {
    type Item = Item<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<'a> FromIterator<&'a [u8]> for Listpack {
    fn from_iter<T: IntoIterator<Item = &'a [u8]>>(texts: T) -> Self {
        let mut pack = Self::new();
        for text in texts {
            pack.push_back(text);
        }
        pack
    }
}

impl Position {
    /// The offset in bytes from the beginning of the packed form.
    pub fn offset(self) -> usize {
        self.0 as usize
    }
}

fn position(offset: usize) -> Position {
    Position(offset as u32)
}

/// The positions of entries in order.
#[derive(Clone, Debug)]
pub struct Positions<'a> {
    bytes: &'a [u8],
    front: usize,
    back: usize,
}

impl Iterator for Positions<'_> {
    type Item = Position;

    fn next(&mut self) -> Option<Position> {
        if self.front >= self.back {
            return None;
        }
        let at = self.front;
        self.front = entry_end(self.bytes, at);
        Some(position(at))
    }
}

impl DoubleEndedIterator for Positions<'_> {
    fn next_back(&mut self) -> Option<Position> {
        if self.front >= self.back {
            return None;
        }
        self.back = entry_start(self.bytes, self.back);
        Some(position(self.back))
    }
}

/// Entries in order.
#[derive(Clone, Debug)]
pub struct Iter<'a>(Positions<'a>);

impl<'a> Iterator for Iter<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        let at = self.0.next()?;
        Some(item_at(self.0.bytes, at.offset()))
    }
}

impl<'a> DoubleEndedIterator for Iter<'a> {
    fn next_back(&mut self) -> Option<Item<'a>> {
        let at = self.0.next_back()?;
        Some(item_at(self.0.bytes, at.offset()))
    }
}

fn total_bytes(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

fn stated_count(bytes: &[u8]) -> u16 {
    u16::from_le_bytes([bytes[4], bytes[5]])
}

#[cfg(test)]
mod tests;
