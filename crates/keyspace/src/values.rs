//! What a value is made of: the packed forms that Redis's files hold, and the structures of large collections.
//!
//! Every collection is cheap to clone, whatever its size: large ones share their nodes, and a change copies the
//! nodes on its way only while a clone (a snapshot, a COPY) still holds them. No change so costs more than a few
//! nodes, and a snapshot needs no hook beside the table's.

pub mod intset;
pub mod listpack;

mod hash;
mod list;
mod packed_table;
mod ranked_tree;
mod set;
mod sorted_set;
mod stream;
