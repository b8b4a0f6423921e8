//! Packed forms, cheap to clone and without a second allocation while they are short.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;

use super::intset::IntSet;
use super::listpack::{Item, Listpack};

/// Up to this many bytes, copying is about as fast as counting references.
const COPIED_LEN: usize = 512;

/// What keeps its elements in one buffer.
pub(super) trait Packed: Clone + Default {
    /// The length of the buffer in bytes.
    fn byte_len(&self) -> usize;
}

impl Packed for Listpack {
    fn byte_len(&self) -> usize {
        self.byte_len()
    }
}

impl Packed for IntSet {
    fn byte_len(&self) -> usize {
        self.byte_len()
    }
}

/// A packed form. A clone copies a short one and shares a long one.
#[derive(Clone, Debug)]
pub(super) enum Compact<T> {
    Short(T),
    Long(Arc<T>),
}

impl<T: Packed> Compact<T> {
    pub(super) fn new(packed: T) -> Self {
        if packed.byte_len() > COPIED_LEN {
            Self::Long(Arc::new(packed))
        } else {
            Self::Short(packed)
        }
    }

    /// The form to be changed; a clone does not see it.
    pub(super) fn make_mut(&mut self) -> &mut T {
        if let Self::Short(packed) = self
            && packed.byte_len() > COPIED_LEN
        {
            *self = Self::Long(Arc::new(std::mem::take(packed)));
        }
        match self {
            Self::Short(packed) => packed,
            Self::Long(packed) => Arc::make_mut(packed),
        }
    }

    /// Heap bytes it owns, the same on every target.
    pub(super) fn memory_bytes(&self) -> usize {
        // The counts of an `Arc`, and a vector.
        const LONG: usize = 16 + 24;
        match self {
            Self::Short(packed) => packed.byte_len(),
            Self::Long(packed) => LONG + packed.byte_len(),
        }
    }
}

impl<T: Packed> Default for Compact<T> {
    fn default() -> Self {
        Self::Short(T::default())
    }
}

impl<T> Deref for Compact<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Short(packed) => packed,
            Self::Long(packed) => packed,
        }
    }
}

/// Whether no two items read the same.
pub(super) fn are_distinct<'a>(items: impl Iterator<Item = Item<'a>> + Clone) -> bool {
    let mut text = itoa::Buffer::new();
    let hash = |item: Item<'_>| rapidhash::v3::rapidhash_v3(item.text(&mut text));
    let mut hashes: Vec<u64> = items.clone().map(hash).collect();
    hashes.sort_unstable();
    // Two with the same hash need not be the same.
    hashes.is_sorted_by(|one, next| one < next) || {
        let mut seen = BTreeSet::new();
        items.into_iter().all(|item| seen.insert(item.to_vec()))
    }
}
