//! Where a hash belongs in the table.

use crate::segment::Segment;

/// Where a hash belongs. Good until the table's shape changes.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) segment: Segment,
    pub(crate) hash: u64,
}

impl Place {
    #[inline]
    pub(crate) fn bucket(self) -> usize {
        self.segment.bucket_of(self.segment.slot_bits(self.hash))
    }

    /// The least hash behind this place's bucket, `None` at the end of the table.
    pub(crate) fn bucket_end(self) -> Option<u64> {
        self.hash_at(self.segment.first_bits_of(self.bucket() + 1))
    }

    /// The least hash of this place's segment.
    pub(crate) fn segment_start(self) -> u64 {
        self.hash_at(0).expect("a prefix of a hash is one")
    }

    /// The least hash behind this place's segment, `None` at the end of the table.
    pub(crate) fn segment_end(self) -> Option<u64> {
        self.hash_at(1 << 16)
    }

    /// The hash with this segment's prefix and these bits behind it.
    pub(crate) fn hash_at(self, bits: u64) -> Option<u64> {
        let depth = self.segment.depth();
        let prefix = u128::from(self.hash) >> (64 - depth) << (64 - depth);
        u64::try_from(prefix + (u128::from(bits) << (48 - depth))).ok()
    }
}
