//! What the ledger tells of a single write.

use std::ops::Range;
use std::sync::Arc;

/// A finished snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    /// Its path then.
    pub path: Arc<str>,
    /// When it stood.
    pub at_us: u64,
    /// The writes it holds.
    pub writes: usize,
    /// Whether it is a base of the append-only file, not the RDB file.
    pub of_log: bool,
}

/// What is known of one write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its number, from 0.
    pub number: usize,
    /// When its reply left, if it did, microseconds since the epoch.
    pub acknowledged_at_us: Option<u64>,
    /// When it was executed, and appended to the log if that is on.
    pub appended_at_us: u64,
    /// When its bytes went to the operating system; with the log off never.
    pub written_at_us: Option<u64>,
    /// When it became durable, by a sync of the log or a finished save, or by the kernel.
    pub durable_at_us: Option<u64>,
    /// Whether that was the kernel's write-back.
    pub by_kernel: bool,
    /// The first snapshot finished that holds it.
    pub base: Option<Base>,
    /// The command's name.
    pub command: &'static str,
    /// Its first key, if it has one; the end of a very long one is missing.
    pub key: Vec<u8>,
    /// How long that key is, in bytes.
    pub key_len: usize,
    /// The inode of the log's file that has its bytes, and where they are.
    pub bytes: Option<(u64, Range<u64>)>,
}
