//! What a value is made of: the packed forms that Redis's files hold, and the structures of large collections.
//!
//! Every collection is cheap to clone, whatever its size: large ones share their nodes, and a change copies the
//! nodes on its way only while a clone (a snapshot, a COPY) still holds them. No change so costs more than a few
//! nodes, and a snapshot needs no hook beside the table's.

pub(crate) mod hyperloglog;
pub mod intset;
pub mod listpack;
pub mod packed_table;
pub mod stream;

mod compact;
mod hash;
mod list;
mod look;
mod ranked_tree;
mod set;
mod shared_vec;
mod sorted_set;

pub use hash::{Fields as HashFields, Hash, Limits as HashLimits};
pub use list::{End, List, ListOptions, Node};
pub(crate) use look::append_digest;
pub use look::{Preview, value_digest};
pub use set::{Members as SetMembers, Set};
pub use sorted_set::{Entries as SortedSetEntries, Limits as SortedSetLimits, SortedSet};
pub use stream::Stream;

/// Bytes are not the packed form they were taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("malformed packed value")
    }
}

impl std::error::Error for Malformed {}

/// Makes room for `more` bytes, with spare room only up to the next size that allocators hand out anyway: a power
/// of two and its quarters.
fn reserve_snugly(bytes: &mut Vec<u8>, more: usize) {
    let needed = bytes.len() + more;
    if needed > bytes.capacity() {
        let step = (needed.next_power_of_two() / 8).max(16);
        bytes.reserve_exact(needed.next_multiple_of(step) - bytes.len());
    }
}

/// Gives memory back when less than half of it is used.
fn shrink_if_sparse(bytes: &mut Vec<u8>) {
    if bytes.len() < bytes.capacity() / 2 {
        bytes.shrink_to(bytes.len().next_multiple_of(16));
    }
}
