//! The ledger: every write that changed data, when it was acknowledged, and where in the log it stands.
//!
//! A recovered state is a prefix of the writes in the order they were executed. So all that has to be known of a file
//! is how many writes it holds, and a verdict is one number: how many writes are there again. The files are known by
//! their inodes, which renames and crashes do not change:
//!
//! ```text
//!   writes   0 1 2 3 4 5 6 7 8 9 …          in order of execution, 16 bytes each
//!            ├───────────┤                  a snapshot holds the first six
//!                        ├─────┤            its incr file goes on from there: byte 0 is behind write 5,
//!                                           byte 412 is behind write 8
//! ```

use std::collections::BTreeMap;

/// A write whose reply has not been released.
const UNACKNOWLEDGED: u64 = u64::MAX;

/// One write.
#[derive(Clone, Copy, Debug)]
struct Write {
    /// When its reply was released, microseconds since the epoch.
    acknowledged_at_us: u64,
    /// The log offset behind it, in the process that executed it; 0 with the append-only file off.
    offset: u64,
}

/// A stretch of an incr file, written by one process.
#[derive(Clone, Copy, Debug)]
struct LogStretch {
    /// Where it begins in the file.
    file_start: u64,
    /// The log offset of its first byte.
    offset_start: u64,
    /// The writes that come before it.
    first_write: usize,
    /// Behind the last write of its process.
    end_write: usize,
}

/// The writes that came behind a point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tail {
    /// How many of them were acknowledged.
    pub acknowledged: u64,
    /// When the first of those was, microseconds since the epoch.
    pub oldest_at_us: Option<u64>,
}

/// See the module's documentation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    writes: Vec<Write>,
    acknowledged: u64,
    /// The first write of the running process.
    process_start: usize,
    snapshots: BTreeMap<u64, usize>,
    logs: BTreeMap<u64, Vec<LogStretch>>,
    /// The writes that a start after a power loss would find.
    durable: usize,
    /// The acknowledged ones behind them.
    exposed: u64,
}

impl Ledger {
    /// A write was executed; its reply is not released yet. Returns its number.
    #[inline]
    pub(crate) fn executed(&mut self, offset: u64) -> usize {
        self.writes.push(Write {
            acknowledged_at_us: UNACKNOWLEDGED,
            offset,
        });
        self.writes.len() - 1
    }

    /// The reply to a write was released.
    #[inline]
    pub(crate) fn acknowledge(&mut self, write: usize, now_us: u64) {
        self.writes[write].acknowledged_at_us = now_us;
        self.acknowledged += 1;
        if write >= self.durable {
            self.exposed += 1;
        }
    }

    /// Writes acknowledged and not known to be lost.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Writes executed whose replies were never released.
    pub(crate) fn unacknowledged(&self) -> u64 {
        self.writes.len() as u64 - self.acknowledged
    }

    /// Acknowledged writes that a power loss would take.
    #[inline]
    pub(crate) fn exposed(&self) -> u64 {
        self.exposed
    }

    /// The writes that a start after a power loss would find.
    pub(crate) fn durable(&self) -> usize {
        self.durable
    }

    /// All writes known.
    pub(crate) fn len(&self) -> usize {
        self.writes.len()
    }

    /// The number, among all, of the write that its process counts as its `count`th: what comes before is held.
    pub(crate) fn of_process(&self, count: u64) -> usize {
        (self.process_start + count as usize).min(self.writes.len())
    }

    /// A start after a power loss would now find the first `durable` writes.
    pub(crate) fn set_durable(&mut self, durable: usize) {
        let durable = durable.min(self.writes.len());
        let (range, rises) = if durable >= self.durable {
            (self.durable..durable, true)
        } else {
            (durable..self.durable, false)
        };
        let acknowledged = self.writes[range]
            .iter()
            .filter(|write| write.acknowledged_at_us != UNACKNOWLEDGED)
            .count() as u64;
        if rises {
            self.exposed -= acknowledged;
        } else {
            self.exposed += acknowledged;
        }
        self.durable = durable;
    }

    /// How many writes stand before `offset` in the log of the running process.
    pub(crate) fn up_to_offset(&self, offset: u64) -> usize {
        let own = &self.writes[self.process_start..];
        self.process_start + own.partition_point(|write| write.offset <= offset)
    }

    /// The acknowledged writes from number `from` on.
    pub(crate) fn tail(&self, from: usize) -> Tail {
        let mut tail = Tail::default();
        for write in &self.writes[from.min(self.writes.len())..] {
            if write.acknowledged_at_us != UNACKNOWLEDGED {
                tail.acknowledged += 1;
                let oldest = tail.oldest_at_us.unwrap_or(u64::MAX);
                tail.oldest_at_us = Some(oldest.min(write.acknowledged_at_us));
            }
        }
        tail
    }

    /// When the oldest acknowledged write from number `from` on was acknowledged. Replies leave in order, so it is the
    /// first.
    pub(crate) fn oldest_at_us(&self, from: usize) -> Option<u64> {
        self.writes[from.min(self.writes.len())..]
            .iter()
            .map(|write| write.acknowledged_at_us)
            .find(|at_us| *at_us != UNACKNOWLEDGED)
    }

    // Files.

    /// The file behind this inode is a snapshot of the first `writes` writes.
    pub(crate) fn snapshot_holds(&mut self, inode: u64, writes: usize) {
        self.snapshots.insert(inode, writes);
    }

    /// How many writes a snapshot holds, if its making was seen.
    pub(crate) fn snapshot(&self, inode: u64) -> Option<usize> {
        self.snapshots.get(&inode).copied()
    }

    /// From byte `file_len` on, the file behind this inode is the log from `offset` on; `writes` come before.
    pub(crate) fn log_goes_on(&mut self, inode: u64, file_len: u64, offset: u64, writes: usize) {
        let stretches = self.logs.entry(inode).or_default();
        stretches.retain(|stretch| stretch.file_start < file_len);
        stretches.push(LogStretch {
            file_start: file_len,
            offset_start: offset,
            first_write: writes,
            end_write: usize::MAX,
        });
    }

    /// How many writes the first `len` bytes of an incr file end in, if its writing was seen.
    pub(crate) fn log(&self, inode: u64, len: u64) -> Option<usize> {
        let stretches = self.logs.get(&inode)?;
        let stretch = stretches
            .iter()
            .rev()
            .find(|stretch| stretch.file_start <= len)?;
        let end = stretch.end_write.min(self.writes.len());
        let first = stretch.first_write.min(end);
        let offset = stretch.offset_start + (len - stretch.file_start);
        let own = &self.writes[first..end];
        Some(first + own.partition_point(|write| write.offset <= offset))
    }

    /// The file behind `to` is a copy of the one behind `from`.
    pub(crate) fn copy_file(&mut self, from: u64, to: u64) {
        self.forget_file(to);
        if let Some(writes) = self.snapshot(from) {
            self.snapshots.insert(to, writes);
        }
        if let Some(stretches) = self.logs.get(&from).cloned() {
            self.logs.insert(to, stretches);
        }
    }

    /// The content of this file was changed by hand: nothing is known of it any more.
    pub(crate) fn forget_file(&mut self, inode: u64) {
        self.snapshots.remove(&inode);
        self.logs.remove(&inode);
    }

    // Processes.

    /// The process has ended.
    pub(crate) fn process_ended(&mut self) {
        let end = self.writes.len();
        for stretch in self.logs.values_mut().flatten() {
            stretch.end_write = stretch.end_write.min(end);
        }
    }

    /// A new process has loaded the first `recovered` writes; the others are lost and forgotten.
    pub(crate) fn recovered(&mut self, recovered: usize) {
        let recovered = recovered.min(self.writes.len());
        self.set_durable(self.durable.min(recovered));
        let lost = self.tail(recovered).acknowledged;
        self.writes.truncate(recovered);
        self.acknowledged -= lost;
        self.exposed -= lost;
        self.process_start = recovered;
        for stretch in self.logs.values_mut().flatten() {
            stretch.end_write = stretch.end_write.min(recovered);
        }
        for writes in self.snapshots.values_mut() {
            *writes = (*writes).min(recovered);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INCR: u64 = 11;
    const DUMP: u64 = 12;

    /// Ten writes of ten bytes each, acknowledged one a second; the log opened behind the third.
    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        for number in 0..10u64 {
            if number == 3 {
                ledger.log_goes_on(INCR, 0, 0, 3);
            }
            let write = ledger.executed(number.saturating_sub(2) * 10);
            ledger.acknowledge(write, number * 1_000_000);
        }
        ledger
    }

    #[test]
    fn a_length_of_the_log_is_a_number_of_writes() {
        let ledger = ledger();
        for (len, writes) in [(0, 3), (9, 3), (10, 4), (69, 9), (70, 10), (700, 10)] {
            assert_eq!(ledger.log(INCR, len), Some(writes), "{len} bytes");
        }
        assert_eq!(ledger.log(DUMP, 70), None);
    }

    #[test]
    fn exposure_follows_acknowledgements_and_syncs() {
        let mut ledger = ledger();
        assert_eq!(ledger.exposed(), 10);
        ledger.set_durable(ledger.up_to_offset(45));
        assert_eq!((ledger.durable(), ledger.exposed()), (7, 3));
        assert_eq!(ledger.oldest_at_us(7), Some(7_000_000));
        ledger.set_durable(2);
        assert_eq!(ledger.exposed(), 8);
        ledger.executed(80);
        assert_eq!((ledger.exposed(), ledger.unacknowledged()), (8, 1));
    }

    #[test]
    fn recovered_and_lost_make_acknowledged() {
        let mut ledger = ledger();
        ledger.executed(80);
        ledger.process_ended();
        let tail = ledger.tail(6);
        assert_eq!((tail.acknowledged, tail.oldest_at_us), (4, Some(6_000_000)));
        ledger.recovered(6);
        assert_eq!((ledger.acknowledged(), ledger.len()), (6, 6));

        // The next process goes on in the file, cut to what was used of it.
        ledger.log_goes_on(INCR, 30, 0, ledger.of_process(0));
        let write = ledger.executed(10);
        ledger.acknowledge(write, 20_000_000);
        assert_eq!(ledger.log(INCR, 39), Some(6));
        assert_eq!(ledger.log(INCR, 40), Some(7));
        assert_eq!(ledger.log(INCR, 20), Some(5));
    }
}
