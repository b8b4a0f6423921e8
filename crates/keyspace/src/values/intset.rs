//! A sorted set of integers in one allocation, byte for byte as Redis keeps and saves it.
//!
//! ```text
//! width in bytes (u32: 2, 4 or 8)   count (u32)   integer ... integer
//! ```
//!
//! Numbers are little-endian. All integers have the width that the widest one ever in the set needs.

use super::{Malformed, reserve_snugly, shrink_if_sparse};

/// Bytes before the first integer.
const HEADER_LEN: usize = 8;

/// A sorted set of integers, packed. It is always well-formed.
#[derive(Clone, PartialEq, Eq)]
pub struct IntSet {
    bytes: Vec<u8>,
}

impl Default for IntSet {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for IntSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self).finish()
    }
}

impl IntSet {
    /// A set without members, of the narrowest width.
    pub fn new() -> Self {
        Self {
            bytes: vec![2, 0, 0, 0, 0, 0, 0, 0],
        }
    }

    /// The set that `bytes` are, if they are one: of a known width, of the stated length, sorted, without
    /// duplicates. It may be empty.
    ///
    /// # Errors
    ///
    /// If `bytes` are no such set.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Malformed> {
        if bytes.len() < HEADER_LEN {
            return Err(Malformed);
        }
        let set = Self { bytes };
        if !matches!(set.header(0), 2 | 4 | 8)
            || (set.bytes.len() - HEADER_LEN) as u64
                != u64::from(set.header(0)) * u64::from(set.header(4))
            || !set.iter().is_sorted_by(|a, b| a < b)
        {
            return Err(Malformed);
        }
        Ok(set)
    }

    /// The packed form, header included.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The packed form, header included.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The size of the packed form in bytes.
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.header(4) as usize
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The member number `index` in rising order, from 0.
    pub fn get(&self, index: usize) -> Option<i64> {
        (index < self.len()).then(|| self.member(index))
    }

    /// A member, chosen by `random`, a number from the whole range of 64 bits.
    pub fn random(&self, random: u64) -> Option<i64> {
        let index = random.checked_rem(self.len() as u64)?;
        self.get(index as usize)
    }

    /// Whether `number` is a member.
    pub fn contains(&self, number: i64) -> bool {
        width_of(number) <= self.width() && self.search(number).is_ok()
    }

    /// All members in rising order.
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            set: self,
            front: 0,
            back: self.len(),
        }
    }

    /// Adds `number`. Returns whether it is new.
    pub fn insert(&mut self, number: i64) -> bool {
        let wanted = width_of(number);
        if wanted > self.width() {
            self.widen(wanted);
        }
        let Err(index) = self.search(number) else {
            return false;
        };
        let width = self.width();
        let at = HEADER_LEN + index * width;
        let old_len = self.bytes.len();
        reserve_snugly(&mut self.bytes, width);
        self.bytes.resize(old_len + width, 0);
        self.bytes.copy_within(at..old_len, at + width);
        self.bytes[at..at + width].copy_from_slice(&number.to_le_bytes()[..width]);
        self.set_len(self.len() + 1);
        true
    }

    /// Takes `number` out. Returns whether it was a member. The width stays, as in Redis.
    pub fn remove(&mut self, number: i64) -> bool {
        if width_of(number) > self.width() {
            return false;
        }
        let Ok(index) = self.search(number) else {
            return false;
        };
        let width = self.width();
        let at = HEADER_LEN + index * width;
        self.bytes.drain(at..at + width);
        shrink_if_sparse(&mut self.bytes);
        self.set_len(self.len() - 1);
        true
    }

    fn header(&self, at: usize) -> u32 {
        let field = self.bytes[at..at + 4].try_into();
        u32::from_le_bytes(field.expect("a slice of four bytes"))
    }

    fn width(&self) -> usize {
        self.header(0) as usize
    }

    fn set_len(&mut self, len: usize) {
        let len = u32::try_from(len).expect("a set of integers stays far below 2^32 members");
        self.bytes[4..HEADER_LEN].copy_from_slice(&len.to_le_bytes());
    }

    fn member(&self, index: usize) -> i64 {
        let members = &self.bytes[HEADER_LEN..];
        match self.width() {
            2 => i64::from(i16::from_le_bytes(nth(members, index))),
            4 => i64::from(i32::from_le_bytes(nth(members, index))),
            _ => i64::from_le_bytes(nth(members, index)),
        }
    }

    /// Where `number` is, or where it would be.
    fn search(&self, number: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.member(middle).cmp(&number) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Ok(middle),
            }
        }
        Err(low)
    }

    /// Gives every member `width` bytes.
    fn widen(&mut self, width: usize) {
        let mut bytes = Vec::with_capacity(HEADER_LEN + (self.len() + 1) * width);
        bytes.extend_from_slice(&(width as u32).to_le_bytes());
        bytes.extend_from_slice(&self.bytes[4..HEADER_LEN]);
        for member in self.iter() {
            bytes.extend_from_slice(&member.to_le_bytes()[..width]);
        }
        self.bytes = bytes;
    }
}

impl<'a> IntoIterator for &'a IntSet {
    type Item = i64;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl FromIterator<i64> for IntSet {
    fn from_iter<T: IntoIterator<Item = i64>>(numbers: T) -> Self {
        let mut set = Self::new();
        for number in numbers {
            set.insert(number);
        }
        set
    }
}

/// The members of an [`IntSet`] in rising order.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    set: &'a IntSet,
    front: usize,
    back: usize,
}

impl Iterator for Iter<'_> {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        if self.front >= self.back {
            return None;
        }
        self.front += 1;
        Some(self.set.member(self.front - 1))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.back - self.front;
        (left, Some(left))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<i64> {
        if self.front >= self.back {
            return None;
        }
        self.back -= 1;
        Some(self.set.member(self.back))
    }
}

impl ExactSizeIterator for Iter<'_> {}

fn width_of(number: i64) -> usize {
    if i16::try_from(number).is_ok() {
        2
    } else if i32::try_from(number).is_ok() {
        4
    } else {
        8
    }
}

fn nth<const WIDTH: usize>(members: &[u8], index: usize) -> [u8; WIDTH] {
    let member = members[index * WIDTH..].first_chunk();
    *member.expect("the index is below the count")
}

#[cfg(test)]
mod tests;
