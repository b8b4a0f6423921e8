//! A table once more.

use std::marker::PhantomData;

use super::Table;
use crate::Object;
use crate::segment::Segment;

impl<O: Object + Clone> Clone for Table<O> {
    /// The same shape, order and counts: whatever is done to both has the same results.
    fn clone(&self) -> Self {
        let mut copy = Self {
            directory: Vec::with_capacity(self.directory.len()),
            shift: self.shift,
            max_buckets: self.max_buckets,
            len: self.len,
            expiring: self.expiring,
            expiry_sum_ms: self.expiry_sum_ms,
            earliest_expiry_ms: self.earliest_expiry_ms,
            pass_earliest_ms: self.pass_earliest_ms,
            bytes: self.bytes,
            _objects: PhantomData,
        };
        let mut before = Segment::NONE;
        for &segment in &self.directory {
            let same_run = segment.is(before) && !segment.is(Segment::NONE);
            let handle = match copy.directory.last() {
                Some(&last) if same_run => last,
                _ if segment.is(Segment::NONE) => Segment::NONE,
                // SAFETY: the directory holds live segments, and the borrow of the table keeps them unchanged.
                _ => unsafe { segment.duplicate::<O>() },
            };
            copy.directory.push(handle);
            before = segment;
        }
        copy
    }
}
