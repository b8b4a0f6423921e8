//! Which leaf a member is in: a hash table of fingerprints, without the members themselves.

use super::super::shared_vec::SharedVec;
use super::{give_back, make_room};

/// The average number of fingerprints per segment at which the table grows.
const SEGMENT_LEN: usize = 96;

/// Fingerprints compared at a time.
const LANES: usize = 16;

/// A linear hash table: it grows and shrinks by one segment at a time. Every member has one pair of its
/// fingerprint and the number of its leaf; members of the same fingerprint are told apart by looking there.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    segments: SharedVec<Segment>,
    len: usize,
}

/// Pairs in no order, in two arrays.
#[derive(Clone, Debug, Default)]
struct Segment {
    fingerprints: Vec<u32>,
    leaves: Vec<u32>,
}

/// 32 bits of a member's hash: the lower ones choose its segment.
pub(super) fn fingerprint(member: &[u8]) -> u32 {
    rapidhash::v3::rapidhash_v3(member) as u32
}

impl Places {
    /// The leaves in which a member of this fingerprint may be.
    pub(super) fn candidates(&self, fingerprint: u32) -> impl Iterator<Item = usize> + '_ {
        let segment = (self.len > 0).then(|| self.segments.get(self.segment_of(fingerprint)));
        let mut from = 0;
        std::iter::from_fn(move || {
            let segment = segment?;
            let at = segment.find(fingerprint, from)?;
            from = at + 1;
            Some(segment.leaves[at] as usize)
        })
    }

    pub(super) fn insert(&mut self, fingerprint: u32, leaf: usize) {
        if self.len >= self.segments.len() * SEGMENT_LEN {
            self.split_one();
        }
        let index = self.segment_of(fingerprint);
        self.segments.get_mut(index).push(fingerprint, leaf as u32);
        self.len += 1;
    }

    /// Says that a member has moved from one leaf to another.
    pub(super) fn move_to(&mut self, fingerprint: u32, from: usize, to: usize) {
        let index = self.segment_of(fingerprint);
        let segment = self.segments.get_mut(index);
        let at = segment.place_of(fingerprint, from);
        segment.leaves[at] = to as u32;
    }

    pub(super) fn remove(&mut self, fingerprint: u32, leaf: usize) {
        let index = self.segment_of(fingerprint);
        let segment = self.segments.get_mut(index);
        let at = segment.place_of(fingerprint, leaf);
        segment.fingerprints.swap_remove(at);
        segment.leaves.swap_remove(at);
        give_back(&mut segment.fingerprints);
        give_back(&mut segment.leaves);
        self.len -= 1;
        // Half of the growing mark, so that a set around it does not go back and forth.
        if self.segments.len() > 1 && self.len < (self.segments.len() - 1) * (SEGMENT_LEN / 2) {
            self.join_one();
        }
    }

    /// The number of segments.
    pub(super) fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Visits the pairs of one segment, and returns where the walk goes on, 0 at its end. Cursors count with their
    /// bits reversed, so that a walk misses nothing though segments are split and joined meanwhile.
    pub(super) fn scan(&self, cursor: u64, visit: &mut dyn FnMut(u32, usize)) -> u64 {
        if self.len == 0 {
            return 0;
        }
        let index = self.segment_of(cursor as u32);
        let segment = self.segments.get(index);
        for (fingerprint, leaf) in segment.fingerprints.iter().zip(&segment.leaves) {
            visit(*fingerprint, *leaf as usize);
        }
        // The lower bits that choose this segment; a segment that is not split yet is chosen by one bit less.
        let size = self.segments.len().next_power_of_two();
        let stands_for_two =
            size > 1 && index < size / 2 && index + size / 2 >= self.segments.len();
        let bits = size.ilog2() - u32::from(stands_for_two);
        // Adds one to the reversed lower bits.
        let mask = (1u64 << bits) - 1;
        (cursor | !mask)
            .reverse_bits()
            .wrapping_add(1)
            .reverse_bits()
    }

    /// The segment that the lower bits of a fingerprint choose; where it is not there yet, the one that it will
    /// be split from.
    fn segment_of(&self, fingerprint: u32) -> usize {
        let segments = self.segments.len();
        let size = segments.next_power_of_two();
        let index = fingerprint as usize & (size - 1);
        if index < segments {
            index
        } else {
            index & (size / 2 - 1)
        }
    }

    /// Adds a segment, which takes its share from the one that stood in for it.
    fn split_one(&mut self) {
        let new = self.segments.len();
        self.segments.push(Segment::default());
        if new == 0 {
            return;
        }
        let bit = 1 << new.ilog2();
        let old = self.segments.get_mut(new & (bit - 1));
        let mut parts = [Segment::default(), Segment::default()];
        for (fingerprint, leaf) in old.fingerprints.iter().zip(&old.leaves) {
            let part = usize::from(*fingerprint as usize & bit != 0);
            parts[part].push(*fingerprint, *leaf);
        }
        let [stay, go] = parts;
        *old = stay;
        *self.segments.get_mut(new) = go;
    }

    /// Removes the last segment: the one that it was split from takes its pairs back.
    fn join_one(&mut self) {
        let Some(last) = self.segments.pop() else {
            return;
        };
        let bit = 1usize << self.segments.len().ilog2();
        let segment = self.segments.get_mut(self.segments.len() & (bit - 1));
        make_room(&mut segment.fingerprints, last.fingerprints.len());
        make_room(&mut segment.leaves, last.leaves.len());
        segment.fingerprints.extend_from_slice(&last.fingerprints);
        segment.leaves.extend_from_slice(&last.leaves);
    }
}

impl Segment {
    fn push(&mut self, fingerprint: u32, leaf: u32) {
        make_room(&mut self.fingerprints, 1);
        make_room(&mut self.leaves, 1);
        self.fingerprints.push(fingerprint);
        self.leaves.push(leaf);
    }

    /// The first place of a fingerprint, from the place `from` on.
    fn find(&self, fingerprint: u32, from: usize) -> Option<usize> {
        let mut at = from;
        // Without an early way out inside of a chunk, its comparisons are done at once.
        for chunk in self.fingerprints.get(from..)?.chunks(LANES) {
            let found = chunk
                .iter()
                .fold(false, |found, other| found | (*other == fingerprint));
            if found {
                return Some(at + chunk.iter().position(|other| *other == fingerprint)?);
            }
            at += chunk.len();
        }
        None
    }

    /// The place of a pair that is there.
    fn place_of(&self, fingerprint: u32, leaf: usize) -> usize {
        let mut at = self.find(fingerprint, 0);
        while let Some(found) = at {
            if self.leaves[found] as usize == leaf {
                return found;
            }
            at = self.find(fingerprint, found + 1);
        }
        unreachable!("every member has its place");
    }
}
