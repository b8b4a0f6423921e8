//! The calls of the process: [`Vfs`] over the simulated disk, with faults, crash points and the trace.

use std::sync::Arc;

use super::{CrashPoint, Dir, Event, Handle, Node, SimDisk, fail};
use crate::{DirEntry, Errno, FileId, Op, OpenMode, Result, SyncKind, Vfs};

/// What an owner may be allowed to do with a file or directory.
const READ: u16 = 4;
const WRITE: u16 = 2;
const SEARCH: u16 = 1;

/// `EBADF`: the handle is not open, or not open for this.
const BAD_HANDLE: Errno = Errno::Other(9);

type Outcome<T> = std::result::Result<T, Errno>;

/// An operation about to be done.
struct Call<'a> {
    op: Op,
    path: &'a str,
    to: Option<&'a str>,
    bytes: &'a [u8],
    /// The file that a sync is for.
    synced: Option<u64>,
}

impl<'a> Call<'a> {
    fn new(op: Op, path: &'a str) -> Self {
        Self {
            op,
            path,
            to: None,
            bytes: &[],
            synced: None,
        }
    }
}

/// What an operation did: for the trace, where and how much.
struct Done<T> {
    value: T,
    offset: u64,
    len: u64,
}

impl<T> Done<T> {
    fn of(value: T) -> Self {
        Self {
            value,
            offset: 0,
            len: 0,
        }
    }
}

impl SimDisk {
    /// Does one operation that counts: `act` is told how many bytes of the call's it may write.
    fn operate<T>(
        &mut self,
        call: &Call<'_>,
        act: impl FnOnce(&mut Self, usize) -> Outcome<Done<T>>,
    ) -> Result<T> {
        let error = fail(call.op, call.path);
        if self.frozen {
            return Err(error(Errno::Io));
        }
        self.meet_boundary(call.op);
        self.op_count += 1;
        let crash = self
            .crash
            .filter(|&(op, _)| op == self.op_count)
            .map(|(_, point)| point);
        if crash == Some(CrashPoint::Before) {
            self.frozen = true;
            return Err(error(Errno::Io));
        }
        let struck = self
            .faults
            .strike(call.op, call.path, call.to, call.bytes.len())
            .and_then(|granted| self.permit(call).map(|()| granted));
        let granted = match struck {
            Ok(granted) => match crash {
                Some(CrashPoint::Within(bytes)) => Ok(granted.min(bytes)),
                _ => Ok(granted),
            },
            Err(errno) => {
                if let Some(file) = call.synced.and_then(|inode| self.tree.file_mut(inode).ok()) {
                    file.image.drop_dirty();
                }
                Err(errno)
            }
        };
        let outcome = granted.and_then(|granted| act(self, granted));
        let (offset, len) = outcome
            .as_ref()
            .map_or((0, 0), |done| (done.offset, done.len));
        match call.op {
            Op::Write => self.totals.bytes_written += len,
            Op::Sync if outcome.is_ok() => {
                self.totals.bytes_synced += len;
                self.totals.syncs += 1;
            }
            _ => {}
        }
        let written = if call.bytes.is_empty() {
            &[]
        } else {
            &call.bytes[..len as usize]
        };
        self.trace.record(
            self.op_count,
            &Event {
                op: call.op,
                path: call.path,
                to: call.to,
                offset,
                len,
                bytes: written,
                error: outcome.as_ref().err().copied(),
            },
        );
        match crash {
            Some(CrashPoint::Within(_)) => {
                self.frozen = true;
                Err(error(Errno::Io))
            }
            Some(_) => {
                self.frozen = true;
                outcome.map(|done| done.value).map_err(error)
            }
            None => outcome.map(|done| done.value).map_err(error),
        }
    }

    /// Does a call that changes nothing: `act` is told how many of `len` bytes it may read.
    fn look<T>(
        &mut self,
        op: Op,
        path: &str,
        len: usize,
        act: impl FnOnce(&mut Self, usize) -> Outcome<T>,
    ) -> Result<T> {
        if self.frozen {
            return Err(fail(op, path)(Errno::Io));
        }
        self.faults
            .strike(op, path, None, len)
            .and_then(|granted| act(self, granted))
            .map_err(fail(op, path))
    }

    /// Whether permissions and the state of the file system allow a call that changes something.
    fn permit(&self, call: &Call<'_>) -> Outcome<()> {
        let exists = || self.tree.lookup(call.path).is_ok();
        let needless = match call.op {
            // There is nothing to write, so nobody minds.
            Op::Sync => call.synced.is_none_or(|inode| {
                self.tree
                    .file(inode)
                    .is_ok_and(|file| file.image.is_synced())
            }),
            Op::SyncDir => {
                (self.tree.lookup(call.path)).is_ok_and(|dir| !self.tree.is_pending(dir))
            }
            // It would fail with `EEXIST` anyway.
            Op::CreateDir => exists(),
            _ => false,
        };
        if self.read_only && !needless {
            return Err(Errno::ReadOnly);
        }
        match call.op {
            Op::Open if exists() => self.allow(call.path, WRITE),
            Op::SyncDir => self.allow(call.path, READ),
            Op::Open | Op::Unlink | Op::CreateDir | Op::Rename => [Some(call.path), call.to]
                .into_iter()
                .flatten()
                .try_for_each(|path| self.allow(parent_of(path), WRITE | SEARCH)),
            _ => Ok(()),
        }
    }

    fn allow(&self, path: &str, wanted: u16) -> Outcome<()> {
        if self.tree.permits(path, wanted) {
            Ok(())
        } else {
            Err(Errno::PermissionDenied)
        }
    }

    fn handle(&self, file: FileId, op: Op) -> Result<Handle> {
        self.handles
            .get(&file)
            .cloned()
            .ok_or_else(|| fail(op, "")(BAD_HANDLE))
    }

    /// The handle for a call that changes the file.
    fn writer(&self, file: FileId, op: Op) -> Result<Handle> {
        let handle = self.handle(file, op)?;
        if handle.writable {
            Ok(handle)
        } else {
            Err(fail(op, &handle.path)(BAD_HANDLE))
        }
    }

    fn add_handle(&mut self, inode: u64, path: &str, mode: OpenMode) -> Outcome<FileId> {
        let file = self.tree.file_mut(inode)?;
        file.open += 1;
        let offset = if mode == OpenMode::Positioned {
            file.image.len()
        } else {
            0
        };
        let id = FileId(self.next_handle);
        self.next_handle += 1;
        let handle = Handle {
            inode,
            path: Arc::from(path),
            writable: mode != OpenMode::Read,
            append: mode == OpenMode::Append,
            offset,
        };
        self.handles.insert(id, handle);
        Ok(id)
    }

    /// Opens a file that has to be made or emptied first.
    fn open_changing(&mut self, path: &str, mode: OpenMode) -> Outcome<Done<FileId>> {
        let place = self.tree.place(path)?.ok_or(Errno::IsADirectory)?;
        self.tree.dir(place.dir)?;
        let inode = match self.tree.inode_at(&place) {
            Some(inode) => {
                let image = &mut self.tree.file_mut(inode)?.image;
                self.used -= image.len();
                image.truncate(0);
                inode
            }
            None => self.create_file(place),
        };
        self.add_handle(inode, path, mode).map(Done::of)
    }

    /// Writes as much of `bytes` as fits behind what is there.
    fn write_some(&mut self, inode: u64, offset: u64, bytes: &[u8]) -> Outcome<usize> {
        let len = self.tree.file(inode)?.image.len();
        // Bytes over existing ones, and the gap that a write behind the end leaves, count with the rest.
        let room = (len.saturating_add(self.free_bytes())).saturating_sub(offset);
        let taken = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        if taken == 0 && !bytes.is_empty() {
            return Err(Errno::NoSpace);
        }
        let image = &mut self.tree.file_mut(inode)?.image;
        image.write_at(offset, &bytes[..taken]);
        self.used += image.len() - len;
        Ok(taken)
    }
}

/// The path of the directory that a path is in.
fn parent_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

impl Vfs for SimDisk {
    fn open(&mut self, path: &str, mode: OpenMode) -> Result<FileId> {
        let exists = self.tree.lookup(path);
        match mode {
            OpenMode::Read | OpenMode::Update => {}
            OpenMode::Append | OpenMode::Positioned if exists.is_ok() => {}
            OpenMode::Append | OpenMode::Positioned | OpenMode::Truncate => {
                return self.operate(&Call::new(Op::Open, path), |disk, _| {
                    disk.open_changing(path, mode)
                });
            }
        }
        self.look(Op::Open, path, 0, |disk, _| {
            let inode = exists?;
            if disk.read_only && mode != OpenMode::Read {
                return Err(Errno::ReadOnly);
            }
            let wanted = match mode {
                OpenMode::Read => READ,
                OpenMode::Update => READ | WRITE,
                OpenMode::Append | OpenMode::Truncate | OpenMode::Positioned => WRITE,
            };
            disk.allow(path, wanted)?;
            disk.add_handle(inode, path, mode)
        })
    }

    fn write(&mut self, file: FileId, bytes: &[u8]) -> Result<usize> {
        let handle = self.writer(file, Op::Write)?;
        let call = Call {
            bytes,
            ..Call::new(Op::Write, &handle.path)
        };
        self.operate(&call, |disk, granted| {
            let offset = if handle.append {
                disk.tree.file(handle.inode)?.image.len()
            } else {
                handle.offset
            };
            let taken = disk.write_some(handle.inode, offset, &bytes[..granted])?;
            if let Some(handle) = disk.handles.get_mut(&file) {
                handle.offset = offset + taken as u64;
            }
            Ok(Done {
                value: taken,
                offset,
                len: taken as u64,
            })
        })
    }

    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<()> {
        let handle = self.writer(file, Op::Write)?;
        let call = Call {
            bytes,
            ..Call::new(Op::Write, &handle.path)
        };
        let taken = self.operate(&call, |disk, granted| {
            let taken = disk.write_some(handle.inode, offset, &bytes[..granted])?;
            Ok(Done {
                value: taken,
                offset,
                len: taken as u64,
            })
        })?;
        // A second try at the rest tells why the first fell short.
        if taken < bytes.len() {
            self.write_at(file, offset + taken as u64, &bytes[taken..])
        } else {
            Ok(())
        }
    }

    fn read_at(&mut self, file: FileId, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let handle = self.handle(file, Op::Read)?;
        self.look(Op::Read, &handle.path, buf.len(), |disk, granted| {
            let image = &disk.tree.file(handle.inode)?.image;
            let readable = image.readable_at(offset).ok_or(Errno::Io)?;
            let granted = granted.min(usize::try_from(readable).unwrap_or(usize::MAX));
            Ok(image.read_at(offset, &mut buf[..granted]))
        })
    }

    fn len(&mut self, file: FileId) -> Result<u64> {
        let handle = self.handle(file, Op::Len)?;
        self.look(Op::Len, &handle.path, 0, |disk, _| {
            Ok(disk.tree.file(handle.inode)?.image.len())
        })
    }

    fn truncate(&mut self, file: FileId, len: u64) -> Result<()> {
        let handle = self.writer(file, Op::Truncate)?;
        self.operate(&Call::new(Op::Truncate, &handle.path), |disk, _| {
            let old_len = disk.tree.file(handle.inode)?.image.len();
            if len.saturating_sub(old_len) > disk.free_bytes() {
                return Err(Errno::NoSpace);
            }
            disk.tree.file_mut(handle.inode)?.image.truncate(len);
            disk.used = disk.used - old_len + len;
            Ok(Done {
                value: (),
                offset: len,
                len: 0,
            })
        })
    }

    fn sync(&mut self, file: FileId, kind: SyncKind) -> Result<()> {
        let handle = self.handle(file, Op::Sync)?;
        if kind == SyncKind::Begin {
            // Pages that are not synced may survive at any time, so there is nothing to be done.
            return Ok(());
        }
        let call = Call {
            synced: Some(handle.inode),
            ..Call::new(Op::Sync, &handle.path)
        };
        self.operate(&call, |disk, _| {
            let image = &mut disk.tree.file_mut(handle.inode)?.image;
            let len = image.dirty_bytes();
            image.sync();
            Ok(Done {
                value: (),
                offset: 0,
                len,
            })
        })
    }

    fn close(&mut self, file: FileId) {
        if self.frozen {
            return;
        }
        if let Some(handle) = self.handles.remove(&file) {
            self.drop_handle(&handle);
            if self.tree.file(handle.inode).is_ok_and(|file| !file.named) {
                self.tree.collect();
            }
        }
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        let call = Call {
            to: Some(to),
            ..Call::new(Op::Rename, from)
        };
        self.operate(&call, |disk, _| {
            disk.rename_now(from, to)?;
            disk.tree.collect();
            Ok(Done::of(()))
        })
    }

    fn unlink(&mut self, path: &str) -> Result<()> {
        self.operate(&Call::new(Op::Unlink, path), |disk, _| {
            let place = disk.tree.place(path)?.ok_or(Errno::IsADirectory)?;
            let inode = disk.tree.inode_at(&place).ok_or(Errno::NotFound)?;
            disk.tree.file(inode)?;
            disk.tree.remove(place);
            disk.unname(inode);
            disk.tree.collect();
            Ok(Done::of(()))
        })
    }

    fn create_dir(&mut self, path: &str) -> Result<()> {
        self.operate(&Call::new(Op::CreateDir, path), |disk, _| {
            let place = disk.tree.place(path)?.ok_or(Errno::Exists)?;
            disk.tree.dir(place.dir)?;
            if disk.tree.inode_at(&place).is_some() {
                return Err(Errno::Exists);
            }
            disk.tree.add(place, Node::Dir(Dir::default()));
            Ok(Done::of(()))
        })
    }

    fn sync_dir(&mut self, path: &str) -> Result<()> {
        self.operate(&Call::new(Op::SyncDir, path), |disk, _| {
            let inode = disk.tree.lookup(path)?;
            disk.tree.dir(inode)?;
            disk.tree.sync_dir(inode);
            disk.tree.collect();
            Ok(Done::of(()))
        })
    }

    fn list(&mut self, path: &str) -> Result<Vec<DirEntry>> {
        self.look(Op::List, path, 0, |disk, _| {
            disk.allow(path, READ)?;
            let dir = disk.tree.dir(disk.tree.lookup(path)?)?;
            let entry = |(name, &inode): (&String, &u64)| {
                let file = disk.tree.file(inode);
                DirEntry {
                    name: name.clone(),
                    is_dir: file.is_err(),
                    len: file.map_or(0, |file| file.image.len()),
                }
            };
            Ok(dir.written.iter().map(entry).collect())
        })
    }
}
