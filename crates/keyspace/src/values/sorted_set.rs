//! Sorted sets: a listpack while small, then a tree with a table beside it.

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct SortedSet;

impl SortedSet {
    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        true
    }

    /// Heap bytes it owns, the same on every target.
    pub fn memory_bytes(&self) -> usize {
        0
    }

    /// The name of its encoding, as OBJECT ENCODING says it.
    pub fn encoding_name(&self) -> &'static str {
        "skiplist"
    }
}
