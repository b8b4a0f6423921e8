//! What is wrong with the device and the file system besides ordered faults: rot, bad sectors, permissions, habits.

#[cfg(test)]
mod tests;

use std::ops::Range;

use super::{SimDisk, fail};
use crate::{Errno, Op, Result};

/// `EINVAL`: there is no such byte or bit.
const INVALID: Errno = Errno::Other(22);

impl SimDisk {
    /// Turns bit `bit` (0 is the lowest) of the byte at `offset` over, in the file as it is read and on the device. No
    /// call knows of it: nothing becomes dirty, so no sync writes it again. Fails if there is no such byte or bit.
    pub fn flip_bit(&mut self, path: &str, offset: u64, bit: u8) -> Result<()> {
        let flip = |disk: &mut Self| {
            let image = &mut disk.tree.file_mut(disk.tree.lookup(path)?)?.image;
            if offset >= image.len() || bit > 7 {
                return Err(INVALID);
            }
            image.flip_bit(offset, bit);
            Ok(())
        };
        flip(self).map_err(fail(Op::Write, path))
    }

    /// Makes the sectors of 512 bytes that hold these bytes of a file unreadable: a read gives what comes before, and
    /// fails with `EIO` at the first of them. A sector is good again once it is written as a whole.
    pub fn spoil_sectors(&mut self, path: &str, range: Range<u64>) -> Result<()> {
        let spoil = |disk: &mut Self| {
            let image = &mut disk.tree.file_mut(disk.tree.lookup(path)?)?.image;
            image.spoil(range);
            Ok(())
        };
        spoil(self).map_err(fail(Op::Write, path))
    }

    /// Makes every sector of a file readable.
    pub fn mend_sectors(&mut self, path: &str) -> Result<()> {
        let mend = |disk: &mut Self| {
            let image = &mut disk.tree.file_mut(disk.tree.lookup(path)?)?.image;
            image.mend();
            Ok(())
        };
        mend(self).map_err(fail(Op::Write, path))
    }

    /// The bytes of a file that cannot be read: sorted, merged ranges.
    pub fn bad_ranges(&self, path: &str) -> Vec<Range<u64>> {
        let file = self
            .tree
            .lookup(path)
            .and_then(|inode| self.tree.file(inode));
        file.map(|file| file.image.bad_ranges()).unwrap_or_default()
    }

    /// The permission bits of a file or directory as chmod(1) numbers them: 0o644 and 0o755 at first.
    pub fn mode(&self, path: &str) -> Option<u16> {
        let inode = self.tree.lookup(path).ok()?;
        Some(self.tree.mode(inode))
    }

    /// Changes permission bits, durably at once. The process owns everything, so the owner's count: to open a file for
    /// reading or writing, to list a directory or sync it (read), to change its names (write and search), to reach
    /// anything in it (search). Files that are open stay so.
    pub fn set_mode(&mut self, path: &str, mode: u16) -> Result<()> {
        let inode = self.tree.lookup(path).map_err(fail(Op::Open, path))?;
        self.tree.set_mode(inode, mode);
        Ok(())
    }

    /// Whether the file system is read-only.
    pub fn read_only(&self) -> bool {
        self.read_only
    }

    /// Makes the file system read-only, as a kernel does that has found it broken: every call that changes something
    /// fails with `EROFS`, also on files that are open, and a sync that has something to do is a failed sync.
    pub fn set_read_only(&mut self, read_only: bool) {
        self.read_only = read_only;
    }

    /// Whether a power loss tears pages.
    pub fn tearing(&self) -> bool {
        self.tree.habits.tearing
    }

    /// Lets a power loss tear pages: each sector of 512 bytes that was changed survives by itself. Off at first.
    pub fn set_tearing(&mut self, tearing: bool) {
        self.tree.habits.tearing = tearing;
    }

    /// Whether a power loss reorders changes of names.
    pub fn reordering(&self) -> bool {
        self.tree.habits.reordering
    }

    /// Lets the changes of different names in one directory survive a power loss in any order. Those of one name stay
    /// in order, and a rename, which is of two names, stays atomic. Off at first.
    pub fn set_reordering(&mut self, reordering: bool) {
        self.tree.habits.reordering = reordering;
    }
}
