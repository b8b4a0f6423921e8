//! What makes data outlive the process: the append-only log, saves, rewrites, and the way back.
//!
//! - [`aof`]: appending, flushing, syncing; which replies may leave;
//! - [`snapshot`]: the walk that feeds a background job, one at a time, for a save or a rewrite;
//! - [`save`]: SAVE, BGSAVE and save points;
//! - [`rewrite`]: BGREWRITEAOF, and switching the log on and off at run time;
//! - [`rewrites`]: when a rewrite starts unasked, and how the last ones went;
//! - [`load`]: the start.

mod aof;
mod load;
mod rewrite;
mod rewrites;
mod save;
mod snapshot;
mod superseded;
#[cfg(test)]
mod tests;

pub(crate) use aof::{Aof, FlushSleep};
pub use load::Loaded;
pub(crate) use load::{LoadEnd, Loading};
pub(crate) use rewrites::Rewrites;
pub(crate) use save::Saves;
pub(crate) use snapshot::Snapshot;
