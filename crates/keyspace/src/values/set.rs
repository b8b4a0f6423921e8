//! Sets: an intset while all members are integers and few, then a packed table.

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Set;

impl Set {
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
        "hashtable"
    }
}
