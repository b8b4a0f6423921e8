//! Drawing a random entry.

use super::Table;
use crate::Object;
use crate::entry::Entry;

impl<O: Object> Table<O> {
    /// A random entry: see [`crate::Dict::random`].
    pub(crate) fn random(&self, next_random: &mut dyn FnMut() -> u64) -> Option<Entry> {
        /// Buckets are drawn as often as they have entries, up to this many.
        const MOST_PER_BUCKET: u64 = 14;
        /// Enough that a reasonably full table all but never runs out of them.
        const ATTEMPTS: usize = 200;

        if self.len == 0 {
            return None;
        }
        for _ in 0..ATTEMPTS {
            let mut place = self.place(next_random())?;
            // A segment is drawn by the share of hashes it covers and kept by its buckets per such share, so
            // every bucket of the table is equally likely.
            let buckets = place.segment.buckets() as u64;
            let draw = below(
                next_random(),
                (self.max_buckets as u64) << (self.depth() - place.segment.depth()),
            );
            if draw >= buckets {
                continue;
            }
            place.hash = place.hash_at(place.segment.first_bits_of(draw as usize))?;
            let in_bucket = self.entries_at(place).count() as u64;
            if below(next_random(), MOST_PER_BUCKET) < in_bucket {
                return self
                    .entries_at(place)
                    .nth(below(next_random(), in_bucket) as usize);
            }
        }
        // Next to empty: take the first entry behind a random place, or else the first of all.
        let start = next_random();
        let from_start = self
            .segments()
            .skip_while(|place| place.segment_end().is_some_and(|end| end <= start));
        let mut all = from_start.chain(self.segments());
        all.find_map(|place| {
            // SAFETY: the directory holds live segments, and the borrow of the table keeps them unchanged.
            let entries = unsafe { place.segment.header().entries } as u64;
            let nth = below(next_random(), entries.max(1)) as usize;
            // SAFETY: as above.
            unsafe {
                let mut slots = place.segment.chains().flat_map(|chain| chain.slots());
                slots
                    .nth(nth)
                    .map(|slot| Entry::from_raw((*slot).pointer()))
            }
        })
    }
}

/// A number below `bound`, evenly, from a random word.
fn below(word: u64, bound: u64) -> u64 {
    ((u128::from(word) * u128::from(bound)) >> 64) as u64
}
