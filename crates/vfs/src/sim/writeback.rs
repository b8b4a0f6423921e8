//! Write-back: what the kernel makes durable by itself, once it is old enough.
//!
//! # What Linux does
//!
//! A flusher thread wakes up every `vm.dirty_writeback_centisecs` (5 s) and writes every file that has been dirty for
//! `vm.dirty_expire_centisecs` (30 s) or longer. The journal of ext4 commits names and sizes every 5 s (`commit=5`), and
//! with `data=ordered` a size never before the bytes that it covers.
//!
//! # What is modelled
//!
//! The disk has no clock: whoever drives it says when the flusher wakes up ([`SimDisk::wake_flusher`]), or never does, as
//! those who prove what syncs alone promise. At each wake-up
//!
//! - *names* changed since the last one become durable, in all directories, in their order;
//! - *bytes and the size* of a file become durable as they were at the last wake-up that is `dirty_expire_us` or longer ago, if
//!   the file has only been appended to since. One that was cut or changed elsewhere starts to wait anew.
//!
//! So with Linux's settings an appended byte is durable 30 to 35 s after it was written, never earlier. Linux writes all dirty
//! pages of such a file, the young ones too: that they are there is luck, which nobody should count on, and which
//! [`Survival::All`](crate::Survival::All) and seeds have. Left out as well: that writing takes time; `vm.dirty_background_ratio`,
//! by which much dirty memory is written earlier; and laptop mode, which writes later.
//!
//! The flusher makes no calls of a process. So it is no operation that a crash can come before, it counts in no totals, and
//! faults of calls do not concern it. What a failed sync has dropped stays dropped. A read-only file system is left alone.

use std::collections::{BTreeMap, VecDeque};

use super::SimDisk;

/// What the flusher remembers of files that were dirty when it woke up, by inode; of each the oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Flusher {
    seen: BTreeMap<u64, VecDeque<Seen>>,
}

/// A dirty file at a wake-up.
#[derive(Clone, Copy, Debug)]
struct Seen {
    at_us: u64,
    len: u64,
    /// [`super::image::Image::edits`] then: while it stays, the file is only appended to.
    edits: u64,
}

/// What a wake-up of the flusher made durable of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenBack {
    /// The file.
    pub inode: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl SimDisk {
    /// Whether the flusher has anything to do, now or once it is old enough.
    pub fn wants_flusher(&self) -> bool {
        let quiet = self.read_only || self.frozen;
        !quiet
            && (self.tree.has_pending() || self.tree.files().any(|(_, file)| file.image.is_dirty()))
    }

    /// The flusher wakes up, at a time that is later with each call: what was there for `dirty_expire_us` becomes durable. See
    /// the module `sim::writeback` for what Linux does and what of it is modelled. Returns the files that bytes were
    /// written of.
    pub fn wake_flusher(&mut self, now_us: u64, dirty_expire_us: u64) -> Vec<WrittenBack> {
        if self.read_only || self.frozen {
            return Vec::new();
        }
        if self.tree.has_pending() {
            self.tree.settle();
            self.tree.collect();
        }
        let mut due = Vec::new();
        let mut seen = std::mem::take(&mut self.flusher.seen);
        seen.retain(|inode, _| (self.tree.file(*inode)).is_ok_and(|file| file.image.is_dirty()));
        for (inode, file) in self.tree.files().filter(|(_, file)| file.image.is_dirty()) {
            let (len, edits) = (file.image.len(), file.image.edits());
            let of_file = seen.entry(inode).or_default();
            of_file.retain(|earlier| earlier.edits == edits);
            of_file.push_back(Seen {
                at_us: now_us,
                len,
                edits,
            });
            let old = |seen: &Seen| now_us.saturating_sub(seen.at_us) >= dirty_expire_us;
            let count = of_file.iter().take_while(|seen| old(seen)).count();
            if let Some(oldest) = of_file.drain(..count).next_back() {
                due.push((inode, oldest.len));
            }
        }
        self.flusher.seen = seen;
        let mut written = Vec::new();
        for (inode, len) in due {
            if let Ok(file) = self.tree.file_mut(inode) {
                let bytes = file.image.write_back(len);
                written.extend((bytes > 0).then_some(WrittenBack { inode, bytes }));
            }
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FileId, OpenMode, Survival, SyncKind, Vfs};

    const SECOND_US: u64 = 1_000_000;
    const EXPIRE_US: u64 = 30 * SECOND_US;

    /// What a power loss now leaves of a file at the least.
    fn least(disk: &SimDisk, path: &str) -> Option<Vec<u8>> {
        let mut disk = disk.clone();
        disk.power_loss(Survival::None);
        disk.read(path).ok()
    }

    fn wake(disk: &mut SimDisk, second: u64) -> u64 {
        let written = disk.wake_flusher(second * SECOND_US, EXPIRE_US);
        written.iter().map(|file| file.bytes).sum()
    }

    fn append(disk: &mut SimDisk, file: FileId, bytes: &[u8]) {
        assert_eq!(disk.write(file, bytes), Ok(bytes.len()));
    }

    /// Every second a few bytes are appended, sometimes synced; a model knows of each byte since when it is there.
    #[test]
    fn an_appended_byte_is_durable_30_to_35_s_later_and_not_before() {
        for sync_every in [u64::MAX, 47, 33] {
            let mut disk = SimDisk::new(None);
            let file = disk.open("log", OpenMode::Append).unwrap();
            let (mut born, mut synced, mut content) = (Vec::new(), 0, Vec::new());
            for second in 1..200u64 {
                // The flusher is first where both are due: what comes with it waits for the next.
                if second % 5 == 0 {
                    wake(&mut disk, second);
                }
                let len = (mixed(second) % 3000) as usize;
                let bytes = vec![second as u8; len];
                append(&mut disk, file, &bytes);
                born.extend(std::iter::repeat_n(second, len));
                content.extend(bytes);
                if second % sync_every == 0 {
                    disk.sync(file, SyncKind::Data).unwrap();
                    synced = content.len();
                }
                let Some(held) = least(&disk, "log") else {
                    assert!(second < 5, "the name is durable with the first wake-up");
                    continue;
                };
                assert_eq!(held, content[..held.len()], "second {second}");
                let sure = born.partition_point(|at| at + 35 <= second).max(synced);
                let most = born.partition_point(|at| at + 30 <= second).max(synced);
                assert!(
                    (sure..=most).contains(&held.len()),
                    "second {second}: {} bytes, {sure} to {most} were due",
                    held.len()
                );
            }
        }
    }

    /// A number without order, for lengths.
    fn mixed(number: u64) -> u64 {
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40
    }

    #[test]
    fn a_file_that_is_changed_elsewhere_waits_anew() {
        let mut disk = SimDisk::new(None);
        disk.write_file("a", &[1; 9000]).unwrap();
        let file = disk.open("a", OpenMode::Append).unwrap();
        append(&mut disk, file, &[2; 9000]);
        for second in [5, 10, 15, 20] {
            assert_eq!(wake(&mut disk, second), 0);
        }
        // Cut to less than was durable, and appended to.
        disk.truncate(file, 5000).unwrap();
        append(&mut disk, file, &[3; 100]);
        for second in [25, 30, 35, 40, 45, 50] {
            wake(&mut disk, second);
            append(&mut disk, file, &[4; 2000]);
            assert_eq!(least(&disk, "a"), Some(vec![1; 9000]), "second {second}");
        }
        let cut: Vec<u8> = [&[1; 5000][..], &[3; 100]].concat();
        assert!(wake(&mut disk, 55) >= 100);
        assert_eq!(least(&disk, "a").as_ref(), Some(&cut));
        // What stood behind the cut does not come back, whatever else survives.
        for seed in 0..50 {
            let mut crashed = disk.clone();
            crashed.power_loss(Survival::Seeded(seed));
            let bytes = crashed.read("a").unwrap();
            assert_eq!(bytes[..5100], cut);
            assert!(bytes[5100..].iter().all(|byte| matches!(byte, 0 | 4)));
        }
    }

    #[test]
    fn names_are_durable_with_the_next_wake_up_and_bytes_are_not() {
        let mut disk = SimDisk::new(None);
        disk.write_file("old", b"old").unwrap();
        let file = disk.open("new", OpenMode::Truncate).unwrap();
        append(&mut disk, file, b"new");
        disk.rename("old", "older").unwrap();
        assert_eq!(least(&disk, "new"), None);
        assert_eq!(least(&disk, "old"), Some(b"old".to_vec()));
        assert!(disk.wants_flusher());
        wake(&mut disk, 5);
        assert_eq!(least(&disk, "new"), Some(Vec::new()));
        assert_eq!(least(&disk, "old"), None);
        assert_eq!(least(&disk, "older"), Some(b"old".to_vec()));
        assert_eq!(wake(&mut disk, 35), 3);
        assert_eq!(least(&disk, "new"), Some(b"new".to_vec()));
        assert!(!disk.wants_flusher());
    }

    #[test]
    fn what_a_failed_sync_dropped_is_not_written_back() {
        let mut disk = SimDisk::new(None);
        let file = disk.open("log", OpenMode::Append).unwrap();
        append(&mut disk, file, &[1; 4096]);
        disk.add_fault(crate::Fault::once(crate::Op::Sync, crate::Errno::Io));
        disk.sync(file, SyncKind::Data).unwrap_err();
        append(&mut disk, file, &[2; 4096]);
        for second in (5..=60).step_by(5) {
            wake(&mut disk, second);
        }
        let held: Vec<u8> = [[0; 4096], [2; 4096]].concat();
        assert_eq!(least(&disk, "log"), Some(held));
    }

    #[test]
    fn a_read_only_disk_and_a_frozen_one_are_left_alone() {
        let mut disk = SimDisk::new(None);
        let file = disk.open("log", OpenMode::Append).unwrap();
        append(&mut disk, file, b"bytes");
        disk.set_read_only(true);
        assert!(!disk.wants_flusher());
        for second in [5, 35, 65] {
            assert_eq!(wake(&mut disk, second), 0);
        }
        assert_eq!(least(&disk, "log"), None);
        let (ops, hash) = (disk.op_count(), disk.trace_hash());
        disk.set_read_only(false);
        assert_eq!(wake(&mut disk, 70) + wake(&mut disk, 100), 5);
        assert_eq!((disk.op_count(), disk.trace_hash()), (ops, hash));
        assert_eq!(disk.totals().syncs, 0);
    }
}
