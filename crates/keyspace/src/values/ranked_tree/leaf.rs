//! A leaf: up to 64 scored members in order, packed side by side.

use std::cmp::Ordering;
use std::sync::Arc;

use super::{give_back, make_room};

/// Where a leaf is split.
const MAX_MEMBERS: usize = 64;

/// Where a leaf is split for the bytes of its members.
const MAX_BYTES: usize = 2048;

/// A leaf with fewer members looks for a neighbour to join.
const MIN_MEMBERS: usize = 16;

/// What two neighbours may have together so that they are joined, leaving room to grow again.
const JOINED_MEMBERS: usize = 48;
const JOINED_BYTES: usize = 1536;

/// Longer members live outside of the leaf, so that copying a leaf stays cheap.
const MAX_PACKED_LEN: usize = 256;

/// Marks in [`Leaf::ends`] a member that lives outside.
const OUTSIDE: u16 = 1 << 15;

/// Scores and members in order of both.
#[derive(Clone, Debug, Default)]
pub(super) struct Leaf {
    scores: Vec<f64>,
    /// Where each member ends in `bytes`, with [`OUTSIDE`] set for those that are in `outside`.
    ends: Vec<u16>,
    bytes: Vec<u8>,
    /// The long members, in order.
    outside: Vec<Arc<[u8]>>,
}

/// Compares as Redis orders sorted sets: by score, then by the bytes of the member.
pub(in super::super) fn order(one: (f64, &[u8]), other: (f64, &[u8])) -> Ordering {
    // Scores are numbers; -0 equals 0.
    let scores = one.0.partial_cmp(&other.0).unwrap_or(Ordering::Equal);
    scores.then_with(|| one.1.cmp(other.1))
}

impl Leaf {
    pub(super) fn len(&self) -> usize {
        self.scores.len()
    }

    pub(super) fn score(&self, index: usize) -> f64 {
        self.scores[index]
    }

    pub(super) fn set_score(&mut self, index: usize, score: f64) {
        self.scores[index] = score;
    }

    pub(super) fn member(&self, index: usize) -> &[u8] {
        let end = self.ends[index];
        if end & OUTSIDE != 0 {
            return &self.outside[self.outside_before(index)];
        }
        &self.bytes[self.start(index)..usize::from(end)]
    }

    pub(super) fn entry(&self, index: usize) -> (f64, &[u8]) {
        (self.score(index), self.member(index))
    }

    /// Where `member` is, whatever its score.
    pub(super) fn find(&self, member: &[u8]) -> Option<usize> {
        if member.len() > MAX_PACKED_LEN {
            return (0..self.len()).find(|index| self.member(*index) == member);
        }
        let mut start = 0;
        self.ends.iter().position(|end| {
            let end_of_bytes = usize::from(end & !OUTSIDE);
            let len = end_of_bytes - start;
            let same = len == member.len()
                && self.bytes[start..end_of_bytes] == *member
                && end & OUTSIDE == 0;
            start = end_of_bytes;
            same
        })
    }

    /// The number of entries that lie before a bound: `before` is true for exactly those.
    pub(super) fn count(&self, before: impl Fn(f64, &[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if before(self.score(middle), self.member(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    pub(super) fn insert(&mut self, index: usize, score: f64, member: &[u8]) {
        make_room(&mut self.scores, 1);
        self.scores.insert(index, score);
        make_room(&mut self.ends, 1);
        let start = self.start(index);
        if member.len() > MAX_PACKED_LEN {
            self.outside
                .insert(self.outside_before(index), Arc::from(member));
            self.ends.insert(index, start as u16 | OUTSIDE);
            return;
        }
        make_room(&mut self.bytes, member.len());
        self.bytes.splice(start..start, member.iter().copied());
        self.ends.insert(index, start as u16);
        for end in &mut self.ends[index..] {
            *end += member.len() as u16;
        }
    }

    pub(super) fn remove(&mut self, index: usize) {
        self.scores.remove(index);
        let start = self.start(index);
        let end = self.ends[index];
        if end & OUTSIDE != 0 {
            self.outside.remove(self.outside_before(index));
        }
        let end = usize::from(end & !OUTSIDE);
        self.bytes.drain(start..end);
        self.ends.remove(index);
        for later in &mut self.ends[index..] {
            *later -= (end - start) as u16;
        }
        give_back(&mut self.scores);
        give_back(&mut self.ends);
        give_back(&mut self.bytes);
    }

    /// Whether it must be split.
    pub(super) fn is_too_large(&self) -> bool {
        self.len() > MAX_MEMBERS || self.bytes.len() > MAX_BYTES
    }

    pub(super) fn is_small(&self) -> bool {
        self.len() < MIN_MEMBERS
    }

    /// Whether it and `other` make one leaf with room to spare.
    pub(super) fn fits(&self, other: &Self) -> bool {
        self.len() + other.len() <= JOINED_MEMBERS
            && self.bytes.len() + other.bytes.len() <= JOINED_BYTES
    }

    /// The index that splits the leaf into halves of about the same size.
    pub(super) fn middle(&self) -> usize {
        const ENTRY: usize = size_of::<f64>() + size_of::<u16>();
        let half = (self.bytes.len() + self.len() * ENTRY) / 2;
        let before = (1..self.len()).take_while(|index| self.start(*index) + index * ENTRY < half);
        (before.count() + 1).min(self.len() - 1)
    }

    /// Keeps the entries before `index` and returns the others.
    pub(super) fn split_off(&mut self, index: usize) -> Self {
        let start = self.start(index);
        let mut right = Self {
            outside: self.outside.split_off(self.outside_before(index)),
            scores: self.scores.split_off(index),
            ends: self.ends.split_off(index),
            bytes: self.bytes.split_off(start),
        };
        for end in &mut right.ends {
            *end -= start as u16;
        }
        self.scores.shrink_to_fit();
        self.ends.shrink_to_fit();
        self.bytes.shrink_to_fit();
        right
    }

    /// Takes over the entries of the leaf behind it.
    pub(super) fn append(&mut self, right: &Self) {
        let start = self.bytes.len() as u16;
        make_room(&mut self.scores, right.len());
        make_room(&mut self.ends, right.len());
        make_room(&mut self.bytes, right.bytes.len());
        self.scores.extend_from_slice(&right.scores);
        self.ends.extend(right.ends.iter().map(|end| end + start));
        self.bytes.extend_from_slice(&right.bytes);
        self.outside.extend_from_slice(&right.outside);
    }

    /// Where the member at `index` starts in `bytes`.
    fn start(&self, index: usize) -> usize {
        index
            .checked_sub(1)
            .map_or(0, |before| usize::from(self.ends[before] & !OUTSIDE))
    }

    /// The number of long members before `index`.
    fn outside_before(&self, index: usize) -> usize {
        if self.outside.is_empty() {
            return 0;
        }
        let ends = self.ends[..index].iter();
        ends.filter(|end| **end & OUTSIDE != 0).count()
    }
}

/// The heap bytes that a member takes beside what every entry takes.
pub(super) fn member_bytes(member: &[u8]) -> usize {
    // A pointer with a length, and the counts of an `Arc`.
    const SHARED: usize = 16 + 16;
    if member.len() > MAX_PACKED_LEN {
        member.len() + SHARED
    } else {
        member.len()
    }
}
