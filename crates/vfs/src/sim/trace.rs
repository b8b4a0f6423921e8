//! What happened: a running hash over every operation, and a bounded log of the last ones.

use std::collections::VecDeque;

use rapidhash::v3::rapidhash_v3;

use crate::{Errno, Op};

/// One operation that changed something, or tried to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpRecord {
    /// Its number, from 1: what [`SimDisk::op_count`](crate::SimDisk::op_count) was right after it.
    pub number: u64,
    /// The call.
    pub op: Op,
    /// The path, for a rename the old one.
    pub path: String,
    /// The new path of a rename.
    pub to: Option<String>,
    /// Where bytes were written, or the size a file was cut to.
    pub offset: u64,
    /// How many bytes were written, or, for a sync, had to be made durable.
    pub len: u64,
    /// Why it failed.
    pub error: Option<Errno>,
}

/// What is recorded of one operation.
pub(super) struct Event<'a> {
    pub(super) op: Op,
    pub(super) path: &'a str,
    pub(super) to: Option<&'a str>,
    pub(super) offset: u64,
    pub(super) len: u64,
    pub(super) bytes: &'a [u8],
    pub(super) error: Option<Errno>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Trace {
    hash: u64,
    log: VecDeque<OpRecord>,
    log_capacity: usize,
}

impl Trace {
    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    pub(super) fn set_log_capacity(&mut self, capacity: usize) {
        self.log_capacity = capacity;
        let surplus = self.log.len().saturating_sub(capacity);
        self.log.drain(..surplus);
    }

    pub(super) fn drain(&mut self) -> Vec<OpRecord> {
        self.log.drain(..).collect()
    }

    pub(super) fn record(&mut self, number: u64, event: &Event<'_>) {
        let words = [
            self.hash,
            event.op as u64,
            rapidhash_v3(event.path.as_bytes()),
            event.to.map_or(0, |to| rapidhash_v3(to.as_bytes())),
            event.offset,
            event.len,
            rapidhash_v3(event.bytes),
            u64::from(event.error.is_some()),
        ];
        let mut header = [0; 64];
        for (chunk, word) in header.chunks_exact_mut(8).zip(words) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        self.hash = rapidhash_v3(&header);
        if self.log_capacity == 0 {
            return;
        }
        if self.log.len() == self.log_capacity {
            self.log.pop_front();
        }
        self.log.push_back(OpRecord {
            number,
            op: event.op,
            path: event.path.to_owned(),
            to: event.to.map(str::to_owned),
            offset: event.offset,
            len: event.len,
            error: event.error,
        });
    }
}
