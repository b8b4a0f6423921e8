//! The simulated disk: the contract of [`Vfs`](crate::Vfs) and not a promise more.
//!
//! # The fault model
//!
//! There are two of everything: what the running system sees (*written*) and what the device holds (*durable*).
//!
//! ```text
//!               write            sync
//!   process ───────────▶ written ─────▶ durable      bytes, per page of 4 KiB, and the size
//!               rename,          sync_dir
//!   process ───────────▶ written ─────▶ durable      names, per directory
//!               unlink …
//!
//!   kill         handles vanish, written stays
//!   power loss   written := durable + whatever of the rest is chosen to survive
//! ```
//!
//! A **process kill** ([`SimDisk::kill`]) closes every handle. Files without a name are freed. Nothing else changes.
//!
//! A **power loss** ([`SimDisk::power_loss`]) keeps what is durable, and chooses from the rest:
//!
//! - *Bytes.* Each page changed since the file's last sync holds its old or its new content, independently of
//!   every other page. With [`SimDisk::set_tearing`] that holds for each sector of 512 bytes; otherwise a page is never
//!   torn.
//! - *Size.* The size is the durable one, or any that the file has passed through since. It is independent of the
//!   pages: content behind the size is cut off, and size without content reads as zeros.
//! - *Names.* Of the operations in one directory since its last [`sync_dir`](crate::Vfs::sync_dir), a prefix
//!   survives, as in a journalling file system; directories are independent of each other. With
//!   [`SimDisk::set_reordering`] it is a prefix of each name's operations, independently of other names. A rename survives
//!   wholly or not at all, also from one directory to another: then it belongs to the order of both.
//! - *Bytes and names* are independent: a file may have its name and no bytes. Bytes without a name are gone. A
//!   directory whose own name is lost is gone with everything in it.
//!
//! **Write-back** ([`SimDisk::wake_flusher`]) makes durable what is old, and happens only if the driver lets it: nothing here
//! depends on it.
//!
//! A **failed sync** makes nothing durable. Its pages count as clean from then on, as in Linux: reading still
//! shows them, no later sync writes them, and only changing them again makes them dirty again. After a power loss
//! they hold what the device held before. (A seeded survival throws a coin for each: the failed sync may have got
//! some of them out.) A later sync that succeeds still makes the *size* durable, so such a page may read as zeros
//! in the middle of the file. A failed sync of a directory leaves its names as they were: a later one may succeed.
//!
//! A **full disk** takes as many bytes as fit and then fails with `ENOSPC`. Names and directories take no space.
//! A file takes its written size for as long as it has a name or an open handle.
//!
//! A **read-only** file system ([`SimDisk::set_read_only`]) and **permissions** ([`SimDisk::set_mode`]) refuse what they
//! refuse in Linux to a process that owns all files and is not root.
//!
//! **Decay**: a bit that turns over ([`SimDisk::flip_bit`]) is read as it is then, and nothing tells. A bad sector
//! ([`SimDisk::spoil_sectors`]) fails every read of it with `EIO` until it is written as a whole; a page cache that
//! might still have it is not modelled.
//!
//! **Ordered faults** ([`Fault`]) make calls of any kind fail, fall short or take long: from a certain one on, a number
//! of times or for good, on some paths or all. A failed call other than a write or a sync has no effect. `close` does
//! not fail.
//!
//! The disk has no clock. It adds the delays of slow calls up for its driver, which charges them to whatever time it
//! keeps ([`SimDisk::take_delay_us`]); how long a call takes otherwise is for the driver to say.
//!
//! Not modelled: hard and symbolic links, owners, a device that lies about having synced, bytes that go astray to
//! another file.
//!
//! # Crash points
//!
//! Every call that changes something, or tries to, counts as one operation ([`SimDisk::op_count`]). A driver that
//! runs a program once knows their number; it runs the program again with [`SimDisk::crash_at`] set to each. When
//! the point is reached the disk *freezes*: every further call fails with `EIO` and changes nothing, as if the
//! program had stopped there. The driver then calls [`SimDisk::kill`] or [`SimDisk::power_loss`], which also
//! thaws. A clone shares all pages with its original, so trying many survivals of one moment is cheap.

mod boundary;
mod calls;
mod device;
mod faults;
mod image;
mod survive;
#[cfg(test)]
mod tests;
mod trace;
mod tree;
mod writeback;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

pub use boundary::{Boundary, ImageHasher, Stride};
pub use faults::{Effect, Fault};
pub use survive::{Choose, EveryChoice, Survival};
pub use trace::OpRecord;
pub use writeback::WrittenBack;

use crate::{Errno, Error, FileId, Op, Result};
use faults::Faults;
use survive::{Coins, Least, Most};
use trace::{Event, Trace};
use tree::{Dir, File, Node, Tree};

/// A disk in memory that can be killed, cut off, filled and broken. See the module's documentation.
#[derive(Clone, Debug)]
pub struct SimDisk {
    tree: Tree,
    handles: BTreeMap<FileId, Handle>,
    next_handle: u64,
    capacity: Option<u64>,
    used: u64,
    faults: Faults,
    read_only: bool,
    op_count: u64,
    totals: Totals,
    crash: Option<(u64, CrashPoint)>,
    frozen: bool,
    trace: Trace,
    journal: Option<Box<boundary::Journal>>,
    flusher: writeback::Flusher,
}

/// What processes have asked of a disk, all in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Bytes written to files.
    pub bytes_written: u64,
    /// Bytes that syncs of files have made durable.
    pub bytes_synced: u64,
    /// Syncs of files that succeeded.
    pub syncs: u64,
}

/// An open file.
#[derive(Clone, Debug)]
struct Handle {
    inode: u64,
    path: Arc<str>,
    writable: bool,
    append: bool,
    /// Where the next write goes, unless at the end.
    offset: u64,
}

/// When exactly the disk freezes at an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPoint {
    /// Before it has any effect.
    Before,
    /// After so many bytes of it, if it is a write; after it, if not.
    Within(usize),
    /// After it. The call itself still succeeds.
    After,
}

/// One file, as [`SimDisk::files`] gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileStatus {
    /// The path.
    pub path: String,
    /// The inode: the same across renames and crashes.
    pub inode: u64,
    /// The size in bytes as the running system sees it.
    pub len: u64,
    /// The size in bytes that the device holds for it.
    pub durable_len: u64,
    /// Bytes that the next sync will write.
    pub unsynced_bytes: u64,
    /// Bytes that a failed sync has given up on: readable, and gone with the power.
    pub dropped_bytes: u64,
    /// Whether the device knows the file by this path's last name.
    pub name_durable: bool,
}

impl SimDisk {
    /// An empty disk that holds `capacity_bytes`, or any number of bytes.
    pub fn new(capacity_bytes: Option<u64>) -> Self {
        Self {
            tree: Tree::new(),
            handles: BTreeMap::new(),
            next_handle: 1,
            capacity: capacity_bytes,
            used: 0,
            faults: Faults::default(),
            read_only: false,
            op_count: 0,
            totals: Totals::default(),
            crash: None,
            frozen: false,
            trace: Trace::default(),
            journal: None,
            flusher: writeback::Flusher::default(),
        }
    }

    // Crashes.

    /// The process is gone: its handles vanish, and files that have no name are freed. Thaws the disk.
    pub fn kill(&mut self) {
        for handle in std::mem::take(&mut self.handles).into_values() {
            self.drop_handle(&handle);
        }
        self.tree.collect();
        self.thaw();
    }

    /// The power is gone: what is durable remains, and of the rest what `survival` says. All that is left is
    /// durable then. Thaws the disk.
    pub fn power_loss(&mut self, survival: Survival) {
        match survival {
            Survival::None => self.power_loss_by(&mut Least),
            Survival::All => self.power_loss_by(&mut Most),
            Survival::Seeded(seed) => self.power_loss_by(&mut Coins(seed)),
        }
    }

    /// Like [`SimDisk::power_loss`], with every single decision left to `choose`.
    pub fn power_loss_by(&mut self, choose: &mut dyn Choose) {
        self.handles.clear();
        self.flusher = writeback::Flusher::default();
        self.tree.power_loss(choose);
        self.used = self.tree.files().map(|(_, file)| file.image.len()).sum();
        self.thaw();
    }

    /// Freezes the disk when operation number `op` (see [`SimDisk::op_count`]) is reached.
    pub fn crash_at(&mut self, op: u64, point: CrashPoint) {
        self.crash = Some((op, point));
    }

    /// Whether the point of [`SimDisk::crash_at`] was reached, and neither a kill nor a power loss has come since.
    pub fn frozen(&self) -> bool {
        self.frozen
    }

    fn thaw(&mut self) {
        self.crash = None;
        self.frozen = false;
    }

    /// How many operations that change something have been asked for, successful or not: opening a file that has
    /// to be made or emptied, write, truncate, sync, rename, unlink, `create_dir`, `sync_dir`.
    pub fn op_count(&self) -> u64 {
        self.op_count
    }

    /// What processes have written and synced so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    // Faults and space.

    /// Adds a rule. Of several that match a call and make it fail or fall short, the first added decides.
    pub fn add_fault(&mut self, fault: Fault) {
        self.faults.add(fault);
    }

    /// Forgets all rules.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// Forgets the rules that are unwanted.
    pub fn remove_faults(&mut self, unwanted: impl FnMut(&Fault) -> bool) {
        self.faults.remove(unwanted);
    }

    /// The rules in force, with what is left of them.
    pub fn faults(&self) -> &[Fault] {
        self.faults.rules()
    }

    /// How many microseconds the calls since the last time this was asked were delayed by rules.
    pub fn take_delay_us(&mut self) -> u64 {
        self.faults.take_delay_us()
    }

    /// How many microseconds the next such call on this path would be delayed by rules.
    pub fn delay_us(&self, op: Op, path: &str) -> u64 {
        self.faults.delay_us(op, path)
    }

    /// The path that an open file was opened by: what rules go by.
    pub fn path_of(&self, file: FileId) -> Option<&str> {
        self.handles.get(&file).map(|handle| &*handle.path)
    }

    /// How many bytes fit.
    pub fn capacity(&self) -> Option<u64> {
        self.capacity
    }

    /// Changes how many bytes fit. What is there stays, even if it is more.
    pub fn set_capacity(&mut self, capacity_bytes: Option<u64>) {
        self.capacity = capacity_bytes;
    }

    /// How many bytes are taken.
    pub fn used_bytes(&self) -> u64 {
        self.used
    }

    fn free_bytes(&self) -> u64 {
        self.capacity
            .map_or(u64::MAX, |capacity| capacity.saturating_sub(self.used))
    }

    // What happened.

    /// A hash over all operations and their bytes so far: the same program gives the same hash everywhere.
    pub fn trace_hash(&self) -> u64 {
        self.trace.hash()
    }

    /// Keeps the last `capacity` operations for [`SimDisk::drain_ops`]; 0, as at first, keeps none.
    pub fn log_ops(&mut self, capacity: usize) {
        self.trace.set_log_capacity(capacity);
    }

    /// Takes the logged operations, oldest first.
    pub fn drain_ops(&mut self) -> Vec<OpRecord> {
        self.trace.drain()
    }

    // Looking at it from outside.

    /// Every file that has a name, sorted by path.
    pub fn files(&self) -> Vec<FileStatus> {
        let status = |(path, place, inode): (String, tree::Place, u64)| {
            let image = &self
                .tree
                .file(inode)
                .expect("paths() lists files only")
                .image;
            FileStatus {
                path,
                inode,
                len: image.len(),
                durable_len: image.durable_len(),
                unsynced_bytes: image.dirty_bytes(),
                dropped_bytes: image.dropped_bytes(),
                name_durable: self.tree.name_is_durable(&place),
            }
        };
        self.tree.paths().into_iter().map(status).collect()
    }

    /// How many written bytes the device does not hold, in all files that have a name or a handle.
    pub fn unsynced_bytes(&self) -> u64 {
        let alive = self.tree.files().filter(|(_, file)| file.alive());
        alive
            .map(|(_, file)| file.image.dirty_bytes() + file.image.dropped_bytes())
            .sum()
    }

    /// How many bytes a sync of this open file has to write: what a device's speed is to be applied to.
    pub fn unsynced_bytes_of(&self, file: FileId) -> u64 {
        let handle = self.handles.get(&file);
        handle
            .and_then(|handle| self.tree.file(handle.inode).ok())
            .map_or(0, |file| file.image.dirty_bytes())
    }

    /// The bytes of a file that a power loss may take: sorted, merged ranges.
    pub fn dirty_ranges(&self, path: &str) -> Vec<Range<u64>> {
        let file = self
            .tree
            .lookup(path)
            .and_then(|inode| self.tree.file(inode));
        file.map(|file| file.image.unsynced_ranges())
            .unwrap_or_default()
    }

    /// The inode behind a path: kept across renames and crashes, never used again for another file.
    pub fn inode(&self, path: &str) -> Option<u64> {
        self.tree.lookup(path).ok()
    }

    /// Whether the path is a directory.
    pub fn is_dir(&self, path: &str) -> bool {
        self.tree
            .lookup(path)
            .and_then(|inode| self.tree.dir(inode))
            .is_ok()
    }

    /// The written content of a file. Knows no faults, works on a frozen disk, counts as no operation: like all
    /// methods of this group it is the hand of somebody at another terminal.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        let read = || {
            let image = &self.tree.file(self.tree.lookup(path)?)?.image;
            let mut bytes = vec![0; image.len() as usize];
            image.read_at(0, &mut bytes);
            Ok(bytes)
        };
        read().map_err(fail(Op::Read, path))
    }

    /// As [`SimDisk::read`], from `offset` on into `buf`; returns how many bytes there were.
    ///
    /// # Errors
    /// If there is no such file.
    pub fn read_some(&self, path: &str, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let file = self
            .tree
            .lookup(path)
            .and_then(|inode| self.tree.file(inode));
        let file = file.map_err(fail(Op::Read, path))?;
        Ok(file.image.read_at(offset, buf))
    }

    /// The inode behind a path and a number that rises whenever bytes of it that were there change or go, so that what
    /// was learned of the file's beginning holds while both stay the same.
    pub fn edits(&self, path: &str) -> Option<(u64, u64)> {
        let inode = self.tree.lookup(path).ok()?;
        Some((inode, self.tree.file(inode).ok()?.image.edits()))
    }

    /// Gives a file this content, durable at once, with its name and the directories it needs, as if it had long
    /// been there. (Operations pending in the same directories become durable with it.)
    pub fn write_file(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        if let Some((dir, _)) = path.rsplit_once('/') {
            self.make_dirs(dir)?;
        }
        self.put(path, bytes).map_err(fail(Op::Write, path))
    }

    fn put(&mut self, path: &str, bytes: &[u8]) -> std::result::Result<(), Errno> {
        let place = self.tree.place(path)?.ok_or(Errno::IsADirectory)?;
        let dir = place.dir;
        let existing = self.tree.inode_at(&place);
        let old_len = match existing {
            Some(inode) => self.tree.file(inode)?.image.len(),
            None => 0,
        };
        if bytes.len() as u64 > self.free_bytes().saturating_add(old_len) {
            return Err(Errno::NoSpace);
        }
        let inode = existing.unwrap_or_else(|| self.create_file(place));
        let image = &mut self.tree.file_mut(inode)?.image;
        image.truncate(0);
        image.write_at(0, bytes);
        image.settle();
        self.used = self.used - old_len + bytes.len() as u64;
        self.tree.sync_dir(dir);
        Ok(())
    }

    /// Makes a directory and those above it, durable at once. One that exists is no error.
    pub fn make_dirs(&mut self, path: &str) -> Result<()> {
        let ends = path.match_indices('/').map(|(end, _)| end);
        for end in ends.chain([path.len()]).filter(|end| *end > 0) {
            let prefix = &path[..end];
            let make = |tree: &mut Tree| {
                if let Some(place) = tree.place(prefix)?
                    && tree.inode_at(&place).is_none()
                {
                    let dir = place.dir;
                    tree.add(place, Node::Dir(Dir::default()));
                    tree.sync_dir(dir);
                }
                tree.dir(tree.lookup(prefix)?).map(|_| ())
            };
            make(&mut self.tree).map_err(fail(Op::CreateDir, prefix))?;
        }
        Ok(())
    }

    /// Removes a file, or a directory with all that is in it, durably at once.
    pub fn remove(&mut self, path: &str) -> Result<()> {
        let place = self
            .tree
            .place(path)
            .and_then(|place| place.ok_or(Errno::PermissionDenied));
        let place = place.map_err(fail(Op::Unlink, path))?;
        let inode = self
            .tree
            .inode_at(&place)
            .ok_or(Errno::NotFound)
            .map_err(fail(Op::Unlink, path))?;
        if let Ok(dir) = self.tree.dir(inode) {
            let names: Vec<String> = dir.written.keys().cloned().collect();
            for name in names {
                self.remove(&format!("{path}/{name}"))?;
            }
        }
        let dir = place.dir;
        self.tree.remove(place);
        self.unname(inode);
        self.tree.sync_dir(dir);
        self.tree.collect();
        Ok(())
    }

    /// Renames a file or a directory, durably at once.
    pub fn move_path(&mut self, from: &str, to: &str) -> Result<()> {
        let dirs = self.rename_now(from, to).map_err(fail(Op::Rename, from))?;
        for dir in dirs {
            self.tree.sync_dir(dir);
        }
        self.tree.collect();
        Ok(())
    }

    /// Makes everything durable, as sync(1) does; what a failed sync has dropped stays dropped.
    pub fn sync_everything(&mut self) {
        let files: Vec<u64> = self.tree.files().map(|(inode, _)| inode).collect();
        for inode in files {
            if let Ok(file) = self.tree.file_mut(inode) {
                file.image.sync();
            }
        }
        self.tree.settle();
        self.tree.collect();
    }

    // Shared by the hand from outside and the calls of the process.

    fn create_file(&mut self, place: tree::Place) -> u64 {
        self.tree.add(
            place,
            Node::File(File {
                named: true,
                ..File::default()
            }),
        )
    }

    fn rename_now(&mut self, from: &str, to: &str) -> std::result::Result<[u64; 2], Errno> {
        let from = self.tree.place(from)?.ok_or(Errno::PermissionDenied)?;
        let to = self.tree.place(to)?.ok_or(Errno::PermissionDenied)?;
        self.tree.dir(to.dir)?;
        let dirs = [from.dir, to.dir];
        if let Some(replaced) = self.tree.rename(from, to)? {
            self.unname(replaced);
        }
        Ok(dirs)
    }

    fn unname(&mut self, inode: u64) {
        self.let_go(inode, |file| file.named = false);
    }

    fn drop_handle(&mut self, handle: &Handle) {
        self.let_go(handle.inode, |file| file.open -= 1);
    }

    /// Takes one reference to a file away; its space is free when that was the last.
    fn let_go(&mut self, inode: u64, release: impl FnOnce(&mut File)) {
        if let Ok(file) = self.tree.file_mut(inode) {
            release(file);
            if !file.alive() {
                self.used -= file.image.len();
            }
        }
    }
}

/// Turns a reason into an error about a call and a path.
fn fail(op: Op, path: &str) -> impl Fn(Errno) -> Error + '_ {
    move |errno| Error {
        op,
        path: path.to_owned(),
        errno,
    }
}
