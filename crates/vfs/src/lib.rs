//! Files as a database sees them: what a call does, and what of it survives a crash right after.
//!
//! Deliberately absent: real files (the native server implements [`Vfs`] over them), paths outside one
//! directory tree, permissions, clocks, threads.
//!
//! Two kinds of crash matter. A **process kill** loses nothing that a call here has returned from: the
//! operating system still holds it. A **power loss** keeps only what the contracts below call *durable*.
//!
//! [`SimDisk`] implements the contract and nothing more: what is not promised durable, it may lose.

mod error;
mod sim;

pub mod contract;

pub use error::{Errno, Error, Op, Result};
pub use sim::{
    Boundary, Choose, CrashPoint, Effect, EveryChoice, Fault, FileStatus, ImageHasher, OpRecord,
    SimDisk, Stride, Survival, Totals, WrittenBack,
};

/// An open file. Valid until [`Vfs::close`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileId(pub u64);

/// How [`Vfs::open`] opens a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// For reading; the file must exist.
    Read,
    /// For writing behind its end, wherever that is; made if missing.
    Append,
    /// For writing from the start; made if missing, emptied if not.
    Truncate,
    /// For writing behind its end as it is now, and from then on behind the last write, wherever the end is; made if
    /// missing. A cut does not move that position, so that the next write leaves a hole of zeros: files that are cut want
    /// [`OpenMode::Append`].
    Positioned,
    /// For reading and changing in place; the file must exist.
    Update,
}

/// What [`Vfs::sync`] makes durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncKind {
    /// Nothing: what has been written is only sent on its way to the device, so that a later sync has less to wait for.
    Begin,
    /// The bytes, and the size needed to read them back: `fdatasync`.
    Data,
    /// All of the file's own state: `fsync`.
    All,
}

/// One name in a directory, as [`Vfs::list`] gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// The name, without its directory.
    pub name: String,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// The size in bytes; 0 for a directory.
    pub len: u64,
}

/// The file operations of Lastsave. Paths are relative to the data directory, separated by `/`.
///
/// Every method says what survives a power loss right after it returns `Ok`. After an error nothing more is
/// promised than before the call, except where said.
pub trait Vfs {
    /// Opens a file. A file made by it exists durably only after [`Vfs::sync_dir`] of its directory; emptying
    /// one is durable only after [`Vfs::sync`].
    fn open(&mut self, path: &str, mode: OpenMode) -> Result<FileId>;

    /// Writes at the end of the file ([`OpenMode::Append`]) or behind the last write, and returns how many bytes
    /// were taken, at least 1: like write(2) it may take fewer than given. Durable only after [`Vfs::sync`];
    /// until then any subset of its pages may survive, in any order.
    fn write(&mut self, file: FileId, bytes: &[u8]) -> Result<usize>;

    /// Writes over existing bytes at `offset` ([`OpenMode::Update`]), all of them or an error. As durable as
    /// [`Vfs::write`].
    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<()>;

    /// Reads up to `buf.len()` bytes at `offset`; 0 only at the end of the file.
    fn read_at(&mut self, file: FileId, offset: u64, buf: &mut [u8]) -> Result<usize>;

    /// The size of the open file.
    fn len(&mut self, file: FileId) -> Result<u64>;

    /// Cuts the file to `len` bytes. Durable only after [`Vfs::sync`].
    fn truncate(&mut self, file: FileId, len: u64) -> Result<()>;

    /// Makes everything written to this file so far durable (but see [`SyncKind::Begin`]); not its name (see [`Vfs::sync_dir`]). After an
    /// error nothing about unsynced bytes is known, and a later success says nothing about them.
    fn sync(&mut self, file: FileId, kind: SyncKind) -> Result<()>;

    /// Closes the file. Makes nothing durable.
    fn close(&mut self, file: FileId);

    /// Gives a file another name, replacing what had it. Atomic: a crash leaves the old or the new; durable
    /// only after [`Vfs::sync_dir`].
    fn rename(&mut self, from: &str, to: &str) -> Result<()>;

    /// Removes a name. Durable only after [`Vfs::sync_dir`]. Open handles stay valid.
    fn unlink(&mut self, path: &str) -> Result<()>;

    /// Makes a directory. Durable only after [`Vfs::sync_dir`] of its parent.
    fn create_dir(&mut self, path: &str) -> Result<()>;

    /// Makes the names of a directory durable: files made, renamed and removed in it. `""` is the data directory.
    fn sync_dir(&mut self, path: &str) -> Result<()>;

    /// The names in a directory, sorted.
    fn list(&mut self, path: &str) -> Result<Vec<DirEntry>>;

    /// Makes another directory the data directory, and returns its full path. Open files stay what they are. A disk
    /// that has but the one refuses.
    fn change_dir(&mut self, path: &str) -> Result<String> {
        Err(Error {
            op: Op::Open,
            path: path.to_owned(),
            errno: Errno::NotSupported,
        })
    }
}

/// No files at all: every call is refused. For code that must not touch any.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFiles;

impl NoFiles {
    fn refuse<T>(op: Op, path: &str) -> Result<T> {
        Err(Error {
            op,
            path: path.to_owned(),
            errno: Errno::PermissionDenied,
        })
    }
}

impl Vfs for NoFiles {
    fn open(&mut self, path: &str, _mode: OpenMode) -> Result<FileId> {
        Self::refuse(Op::Open, path)
    }

    fn write(&mut self, _file: FileId, _bytes: &[u8]) -> Result<usize> {
        Self::refuse(Op::Write, "")
    }

    fn write_at(&mut self, _file: FileId, _offset: u64, _bytes: &[u8]) -> Result<()> {
        Self::refuse(Op::Write, "")
    }

    fn read_at(&mut self, _file: FileId, _offset: u64, _buf: &mut [u8]) -> Result<usize> {
        Self::refuse(Op::Read, "")
    }

    fn len(&mut self, _file: FileId) -> Result<u64> {
        Self::refuse(Op::Len, "")
    }

    fn truncate(&mut self, _file: FileId, _len: u64) -> Result<()> {
        Self::refuse(Op::Truncate, "")
    }

    fn sync(&mut self, _file: FileId, _kind: SyncKind) -> Result<()> {
        Self::refuse(Op::Sync, "")
    }

    fn close(&mut self, _file: FileId) {}

    fn rename(&mut self, from: &str, _to: &str) -> Result<()> {
        Self::refuse(Op::Rename, from)
    }

    fn unlink(&mut self, path: &str) -> Result<()> {
        Self::refuse(Op::Unlink, path)
    }

    fn create_dir(&mut self, path: &str) -> Result<()> {
        Self::refuse(Op::CreateDir, path)
    }

    fn sync_dir(&mut self, path: &str) -> Result<()> {
        Self::refuse(Op::SyncDir, path)
    }

    fn list(&mut self, path: &str) -> Result<Vec<DirEntry>> {
        Self::refuse(Op::List, path)
    }
}

/// Writes all of `bytes`, however often [`Vfs::write`] takes fewer. On an error, `Err((written, error))` tells
/// how many bytes were taken before it.
pub fn write_all(
    vfs: &mut dyn Vfs,
    file: FileId,
    bytes: &[u8],
) -> std::result::Result<(), (usize, Error)> {
    let mut written = 0;
    while written < bytes.len() {
        written += vfs
            .write(file, &bytes[written..])
            .map_err(|error| (written, error))?;
    }
    Ok(())
}

/// Reads a whole file.
pub fn read_file(vfs: &mut dyn Vfs, path: &str) -> Result<Vec<u8>> {
    let file = vfs.open(path, OpenMode::Read)?;
    let mut reader = Reader::new(vfs, file);
    let mut bytes = Vec::new();
    let result = std::io::Read::read_to_end(&mut reader, &mut bytes);
    let error = reader.take_error();
    vfs.close(file);
    match (result, error) {
        (_, Some(error)) => Err(error),
        (Ok(_), None) => Ok(bytes),
        (Err(_), None) => unreachable!("the reader fails only with an error of the file system"),
    }
}

/// Reads an open file from a position on, as a [`std::io::Read`].
pub struct Reader<'a> {
    vfs: &'a mut dyn Vfs,
    file: FileId,
    offset: u64,
    error: Option<Error>,
}

impl<'a> Reader<'a> {
    /// Reads `file` from its start.
    pub fn new(vfs: &'a mut dyn Vfs, file: FileId) -> Self {
        Self {
            vfs,
            file,
            offset: 0,
            error: None,
        }
    }

    /// Reads `file` from an offset on.
    pub fn from(vfs: &'a mut dyn Vfs, file: FileId, offset: u64) -> Self {
        Self {
            offset,
            ..Self::new(vfs, file)
        }
    }

    /// Where the next read begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The file system's own error behind the last failed read.
    pub fn take_error(&mut self) -> Option<Error> {
        self.error.take()
    }
}

impl std::io::Read for Reader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        match self.vfs.read_at(self.file, self.offset, buf) {
            Ok(len) => {
                self.offset += len as u64;
                Ok(len)
            }
            Err(error) => {
                let text = error.to_string();
                self.error = Some(error);
                Err(std::io::Error::other(text))
            }
        }
    }
}
