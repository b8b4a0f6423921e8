//! The ledger: every write that changed data, when it was acknowledged, and where in the log it stands.
//!
//! A recovered state is a prefix of the writes in the order they were executed. So all that has to be known of a file
//! is how many writes it holds, and a verdict is one number: how many writes are there again. The files are known by
//! their inodes, which renames and crashes do not change:
//!
//! ```text
//!   writes   0 1 2 3 4 5 6 7 8 9 …          in order of execution, 40 bytes each
//!            ├───────────┤                  a snapshot holds the first six
//!                        ├─────┤            its incr file goes on from there: byte 0 is behind write 5,
//!                                           byte 412 is behind write 8
//! ```
//!
//! When a write was written and synced is not kept with each: it follows from short lists of when how many were.
//! Clones share all of it but the newest few hundred writes.

mod entry;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

pub(crate) use entry::{Base, Entry};

use super::shared_list::SharedList;

/// Set in [`Write::at_us`] while the reply has not been released.
const UNACKNOWLEDGED: u64 = 1 << 63;

/// When what the log's buffer still holds was written.
const STILL_HELD_BACK: u64 = u64::MAX;

/// Bytes of a key kept with its write; longer ones are kept beside.
const SHORT_KEY: usize = 18;

/// Bytes kept of a long key. A key is kept to be shown, never to tell writes apart, and once for each of its writes: whole,
/// a few thousand writes of one key of a megabyte would take gigabytes.
const LONG_KEY: usize = 512;

/// [`Write::key_len`] of a key that is kept beside.
const IS_LONG: u8 = u8::MAX;

/// One write.
#[derive(Clone, Copy, Debug)]
struct Write {
    /// When its reply was released, microseconds since the epoch; until then when it was executed, and a flag.
    at_us: u64,
    /// The log offset behind it, in the process that executed it; 0 with the append-only file off.
    offset: u64,
    /// How long its reply has waited, in microseconds, or as much of it as fits.
    waited_us: u32,
    command: u8,
    key_len: u8,
    key: [u8; SHORT_KEY],
}

impl Write {
    fn acknowledged_at_us(&self) -> Option<u64> {
        (self.at_us & UNACKNOWLEDGED == 0).then_some(self.at_us)
    }

    fn executed_at_us(&self) -> u64 {
        (self.at_us & !UNACKNOWLEDGED) - u64::from(self.waited_us)
    }
}

/// From a moment on so many writes, at least, were somewhere.
#[derive(Clone, Debug)]
struct Advance {
    at_us: u64,
    /// So many.
    writes: usize,
    /// Whether the kernel did it by itself.
    by_kernel: bool,
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
    history: History,
    acknowledged: u64,
    /// The first write of the running process.
    process_start: usize,
    snapshots: BTreeMap<u64, usize>,
    logs: BTreeMap<u64, Vec<LogStretch>>,
    /// The writes that a start after a power loss would find.
    durable: usize,
    /// The acknowledged ones behind them.
    exposed: u64,
    /// Whether the log's buffer has held writes back since the last of [`History::written`].
    behind: bool,
    /// What was known at the last crash, before the lost writes were forgotten, and how many came back.
    before: Option<(History, usize)>,
}

/// All writes, and when they got where.
#[derive(Clone, Debug, Default)]
struct History {
    writes: SharedList<Write>,
    /// Commands by the numbers that writes have.
    commands: Vec<&'static str>,
    /// Long keys by the numbers of their writes, cut, with their lengths.
    long_keys: SharedList<(usize, Arc<[u8]>, usize)>,
    /// When how many writes were durable.
    durable: SharedList<Advance>,
    /// When how many writes had been written, where the log's buffer had held them back: the range that was.
    held_back: SharedList<(Range<usize>, u64)>,
    bases: SharedList<Base>,
}

impl History {
    fn push(&mut self, now_us: u64, offset: u64, command: &'static str, key: &[u8]) {
        // The names are those of one table: where they stand tells them apart.
        let mut known = self.commands.iter();
        let index = known.position(|known| std::ptr::eq(*known, command));
        let index = index.unwrap_or_else(|| {
            self.commands.push(command);
            self.commands.len() - 1
        });
        let mut write = Write {
            at_us: now_us | UNACKNOWLEDGED,
            offset,
            waited_us: 0,
            // There are fewer commands than numbers; a test counts them.
            command: index.min(usize::from(u8::MAX)) as u8,
            key_len: key.len() as u8,
            key: [0; SHORT_KEY],
        };
        if let Some(short) = write.key.get_mut(..key.len()) {
            short.copy_from_slice(key);
        } else {
            write.key_len = IS_LONG;
            let kept = &key[..key.len().min(LONG_KEY)];
            self.long_keys
                .push((self.writes.len(), kept.into(), key.len()));
        }
        self.writes.push(write);
    }

    /// What is kept of a write's key, and how long it is.
    fn key(&self, number: usize, write: &Write) -> (Vec<u8>, usize) {
        if write.key_len != IS_LONG {
            let key = write.key[..usize::from(write.key_len)].to_vec();
            return (key, usize::from(write.key_len));
        }
        let all = 0..self.long_keys.len();
        let place = self.long_keys.partition_point(all, |(of, ..)| *of < number);
        let long = self.long_keys.get(place);
        long.map_or((Vec::new(), 0), |(_, key, len)| (key.to_vec(), *len))
    }

    fn truncate(&mut self, len: usize) {
        self.writes.truncate(len);
        let all = 0..self.long_keys.len();
        let keys = self.long_keys.partition_point(all, |(of, ..)| *of < len);
        self.long_keys.truncate(keys);
        self.set_durable(len, None, false);
        let all = 0..self.held_back.len();
        let held = self
            .held_back
            .partition_point(all, |(range, _)| range.end <= len);
        self.held_back.truncate(held);
        let bases: Vec<Base> = self.bases.range(0..self.bases.len()).cloned().collect();
        self.bases.truncate(0);
        for base in bases {
            let writes = base.writes.min(len);
            self.bases.push(Base { writes, ..base });
        }
    }

    /// So many writes are durable, since now and perhaps by the kernel's doing if they were not before.
    fn set_durable(&mut self, writes: usize, now_us: Option<u64>, by_kernel: bool) {
        let all = 0..self.durable.len();
        let kept = self.durable.partition_point(all, |it| it.writes <= writes);
        let beyond = self.durable.get(kept).cloned();
        self.durable.truncate(kept);
        let reached = self.durable.last().map_or(0, |advance| advance.writes);
        if reached >= writes {
            return;
        }
        if let Some(beyond) = beyond {
            self.durable.push(Advance { writes, ..beyond });
        } else if let Some(at_us) = now_us {
            self.durable.push(Advance {
                at_us,
                writes,
                by_kernel,
            });
        }
    }

    /// When a write became durable, with how many others.
    fn made_durable(&self, number: usize) -> Option<&Advance> {
        let all = 0..self.durable.len();
        let place = self.durable.partition_point(all, |it| it.writes <= number);
        self.durable.get(place)
    }

    fn written_at_us(&self, number: usize, write: &Write) -> Option<u64> {
        let all = 0..self.held_back.len();
        let place = self
            .held_back
            .partition_point(all, |(range, _)| range.end <= number);
        match self.held_back.get(place) {
            _ if write.offset == 0 => None,
            Some((range, at_us)) if range.contains(&number) => {
                Some(*at_us).filter(|at_us| *at_us < STILL_HELD_BACK)
            }
            _ => Some(write.executed_at_us()),
        }
    }

    fn acknowledged(&self, range: Range<usize>) -> u64 {
        let writes = self.writes.range(range);
        writes
            .filter(|write| write.at_us & UNACKNOWLEDGED == 0)
            .count() as u64
    }

    fn entry(&self, number: usize, in_log: bool) -> Option<Entry> {
        let write = self.writes.get(number)?;
        let bases = self.bases.range(0..self.bases.len());
        let mut bases = bases.filter(|base| base.of_log == in_log);
        let durable = self.made_durable(number);
        let (key, key_len) = self.key(number, write);
        Some(Entry {
            number,
            acknowledged_at_us: write.acknowledged_at_us(),
            appended_at_us: write.executed_at_us(),
            written_at_us: self.written_at_us(number, write),
            durable_at_us: durable.map(|advance| advance.at_us),
            by_kernel: durable.is_some_and(|advance| advance.by_kernel),
            base: bases.find(|base| base.writes > number).cloned(),
            command: self
                .commands
                .get(usize::from(write.command))
                .copied()
                .unwrap_or("?"),
            key,
            key_len,
            bytes: None,
        })
    }
}

impl Ledger {
    /// A write was executed; its reply is not released yet. Returns its number.
    #[inline]
    pub(crate) fn executed(
        &mut self,
        now_us: u64,
        offset: u64,
        command: &'static str,
        key: &[u8],
    ) -> usize {
        self.history.push(now_us, offset, command, key);
        self.history.writes.len() - 1
    }

    /// The reply to a write was released.
    #[inline]
    pub(crate) fn acknowledge(&mut self, write: usize, now_us: u64) {
        if let Some(entry) = self.history.writes.get_mut(write) {
            let executed_at_us = entry.at_us & !UNACKNOWLEDGED;
            let waited_us = now_us.saturating_sub(executed_at_us);
            entry.at_us = now_us;
            entry.waited_us = u32::try_from(waited_us).unwrap_or(u32::MAX);
            self.acknowledged += 1;
            self.exposed += u64::from(write >= self.durable);
        }
    }

    /// Writes acknowledged and not known to be lost.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Writes executed whose replies were never released.
    pub(crate) fn unacknowledged(&self) -> u64 {
        self.len() as u64 - self.acknowledged
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
        self.history.writes.len()
    }

    /// The number, among all, of the write that its process counts as its `count`th: what comes before is held.
    pub(crate) fn of_process(&self, count: u64) -> usize {
        (self.process_start + count as usize).min(self.len())
    }

    /// A start after a power loss would now find the first `durable` writes.
    pub(crate) fn set_durable(&mut self, durable: usize, now_us: u64) {
        self.set_durable_by(durable, now_us, false);
    }

    /// As [`Ledger::set_durable`], because the kernel has written back what was old.
    pub(crate) fn written_back(&mut self, durable: usize, now_us: u64) {
        self.set_durable_by(durable, now_us, true);
    }

    fn set_durable_by(&mut self, durable: usize, now_us: u64, by_kernel: bool) {
        let durable = durable.min(self.len());
        if durable >= self.durable {
            self.exposed -= self.history.acknowledged(self.durable..durable);
        } else {
            self.exposed += self.history.acknowledged(durable..self.durable);
        }
        if durable != self.durable {
            self.history.set_durable(durable, Some(now_us), by_kernel);
        }
        self.durable = durable;
    }

    /// A batch has ended, and what was appended to the log up to this offset was written. `all` says whether that is
    /// everything.
    #[inline]
    pub(crate) fn batch_written(&mut self, offset: u64, all: bool, now_us: u64) {
        if !all || self.behind {
            self.note_held_back(offset, all, now_us);
        }
    }

    #[cold]
    fn note_held_back(&mut self, offset: u64, all: bool, now_us: u64) {
        let written = self.up_to_offset(offset);
        let held_back = &mut self.history.held_back;
        let start = match held_back.last() {
            Some((range, STILL_HELD_BACK)) => {
                let start = range.start;
                held_back.truncate(held_back.len() - 1);
                start
            }
            _ => written,
        };
        if written > start {
            held_back.push((start..written, now_us));
        }
        if !all {
            held_back.push((written..usize::MAX, STILL_HELD_BACK));
        }
        self.behind = !all;
    }

    /// How many writes stand before `offset` in the log of the running process.
    pub(crate) fn up_to_offset(&self, offset: u64) -> usize {
        let own = self.process_start..self.len();
        let writes = &self.history.writes;
        writes.partition_point(own, |write| write.offset <= offset)
    }

    /// The acknowledged writes from number `from` on.
    pub(crate) fn tail(&self, from: usize) -> Tail {
        let mut tail = Tail::default();
        for write in self.history.writes.range(from..self.len()) {
            if let Some(at_us) = write.acknowledged_at_us() {
                tail.acknowledged += 1;
                let oldest = tail.oldest_at_us.unwrap_or(u64::MAX);
                tail.oldest_at_us = Some(oldest.min(at_us));
            }
        }
        tail
    }

    /// When the oldest acknowledged write from number `from` on was acknowledged. Replies leave in order, so it is the
    /// first.
    pub(crate) fn oldest_at_us(&self, from: usize) -> Option<u64> {
        let mut writes = self.history.writes.range(from..self.len());
        writes.find_map(Write::acknowledged_at_us)
    }

    // Single writes.

    /// What is known of a write.
    /// `in_log` says whether bases of the log count, or RDB files.
    pub(crate) fn entry(&self, number: usize, in_log: bool) -> Option<Entry> {
        let mut entry = self.history.entry(number, in_log)?;
        entry.bytes = self.bytes(number);
        Some(entry)
    }

    /// How many writes there were at the last crash, and how many of them came back.
    pub(crate) fn before(&self) -> Option<(usize, usize)> {
        let (history, recovered) = self.before.as_ref()?;
        Some((history.writes.len(), *recovered))
    }

    /// What was known of a write at the last crash.
    pub(crate) fn entry_before(&self, number: usize, in_log: bool) -> Option<Entry> {
        let (history, _) = self.before.as_ref()?;
        history.entry(number, in_log)
    }

    /// How many writes within a range were acknowledged; of those at the last crash, or of those now.
    pub(crate) fn acknowledged_in(&self, at_crash: bool, range: Range<usize>) -> usize {
        self.history_at(at_crash).acknowledged(range) as usize
    }

    /// The number of the `index`th acknowledged write within a range.
    pub(crate) fn nth_acknowledged(
        &self,
        at_crash: bool,
        range: Range<usize>,
        index: usize,
    ) -> Option<usize> {
        let start = range.start;
        let writes = self.history_at(at_crash).writes.range(range).enumerate();
        let acknowledged = writes.filter(|(_, write)| write.acknowledged_at_us().is_some());
        acknowledged.map(|(place, _)| start + place).nth(index)
    }

    fn history_at(&self, crash: bool) -> &History {
        match &self.before {
            Some((history, _)) if crash => history,
            _ => &self.history,
        }
    }

    /// The file of the log that has a write's bytes, and where they are.
    fn bytes(&self, number: usize) -> Option<(u64, Range<u64>)> {
        let writes = &self.history.writes;
        let end = writes.get(number)?.offset;
        for (inode, stretches) in &self.logs {
            for stretch in stretches.iter().rev() {
                let own = stretch.first_write..stretch.end_write;
                if end <= stretch.offset_start || !own.contains(&number) {
                    continue;
                }
                let before = number.checked_sub(1).filter(|before| own.contains(before));
                let start = before.and_then(|before| writes.get(before));
                let start = start
                    .map_or(0, |write| write.offset)
                    .max(stretch.offset_start);
                let in_file = |offset| stretch.file_start + (offset - stretch.offset_start);
                return Some((*inode, in_file(start)..in_file(end)));
            }
        }
        None
    }

    // Files.

    /// The file behind this inode is a snapshot of the first `writes` writes.
    pub(crate) fn snapshot_holds(&mut self, inode: u64, writes: usize) {
        self.snapshots.insert(inode, writes);
    }

    /// A snapshot was finished by the server.
    pub(crate) fn base_done(&mut self, base: Base) {
        self.history.bases.push(base);
    }

    /// The last RDB file finished before the last crash.
    pub(crate) fn last_save_before(&self) -> Option<&Base> {
        let (history, _) = self.before.as_ref()?;
        let bases = history.bases.range(0..history.bases.len());
        bases.filter(|base| !base.of_log).last()
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
        let end = stretch.end_write.min(self.len());
        let first = stretch.first_write.min(end);
        let offset = stretch.offset_start + (len - stretch.file_start);
        let writes = &self.history.writes;
        Some(writes.partition_point(first..end, |write| write.offset <= offset))
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
        let end = self.len();
        for stretch in self.logs.values_mut().flatten() {
            stretch.end_write = stretch.end_write.min(end);
        }
        self.behind = false;
    }

    /// A new process has loaded the first `recovered` writes; the others are lost and forgotten, but for what can be
    /// asked of the last crash.
    pub(crate) fn recovered(&mut self, recovered: usize, now_us: u64) {
        let recovered = recovered.min(self.len());
        self.before = Some((self.history.clone(), recovered));
        self.set_durable(self.durable.min(recovered), now_us);
        let lost = self.tail(recovered).acknowledged;
        self.history.truncate(recovered);
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

    fn write(ledger: &mut Ledger, offset: u64) -> usize {
        ledger.executed(0, offset, "set", b"key")
    }

    /// Ten writes of ten bytes each, acknowledged one a second; the log opened behind the third.
    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        for number in 0..10u64 {
            if number == 3 {
                ledger.log_goes_on(INCR, 0, 0, 3);
            }
            let write = write(&mut ledger, number.saturating_sub(2) * 10);
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
    fn a_long_key_is_cut_and_its_length_is_not() {
        let mut ledger = Ledger::default();
        for len in [0, 18, 19, 255, 256, 512, 513, 100_000] {
            let number = ledger.executed(0, 0, "set", &vec![b'k'; len]);
            let entry = ledger.entry(number, false).expect("it was just made");
            assert_eq!((entry.key_len, entry.key.len()), (len, len.min(512)));
        }
    }

    #[test]
    fn every_command_has_a_number() {
        assert!(lastsave_keyspace::COMMANDS.len() <= usize::from(u8::MAX));
    }

    #[test]
    fn exposure_follows_acknowledgements_and_syncs() {
        let mut ledger = ledger();
        assert_eq!(ledger.exposed(), 10);
        ledger.set_durable(ledger.up_to_offset(45), 9_500_000);
        assert_eq!((ledger.durable(), ledger.exposed()), (7, 3));
        assert_eq!(ledger.oldest_at_us(7), Some(7_000_000));
        ledger.set_durable(2, 9_600_000);
        assert_eq!(ledger.exposed(), 8);
        write(&mut ledger, 80);
        assert_eq!((ledger.exposed(), ledger.unacknowledged()), (8, 1));
    }

    #[test]
    fn recovered_and_lost_make_acknowledged() {
        let mut ledger = ledger();
        write(&mut ledger, 80);
        ledger.process_ended();
        let tail = ledger.tail(6);
        assert_eq!((tail.acknowledged, tail.oldest_at_us), (4, Some(6_000_000)));
        ledger.recovered(6, 11_000_000);
        assert_eq!((ledger.acknowledged(), ledger.len()), (6, 6));

        // The next process goes on in the file, cut to what was used of it.
        ledger.log_goes_on(INCR, 30, 0, ledger.of_process(0));
        let write = write(&mut ledger, 10);
        ledger.acknowledge(write, 20_000_000);
        assert_eq!(ledger.log(INCR, 39), Some(6));
        assert_eq!(ledger.log(INCR, 40), Some(7));
        assert_eq!(ledger.log(INCR, 20), Some(5));
    }
}
