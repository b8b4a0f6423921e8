//! [`Vfs`] over real files.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::Sender;
use lastsave_vfs::{DirEntry, Errno, Error, FileId, Op, OpenMode, Result, SyncKind, Vfs};
use rustix::fs::{Advice, AtFlags, FileType, Mode, OFlags, SeekFrom};
use rustix::io::Errno as Os;

/// A real directory and the files opened in it. A clone shares the open files, so that a [`FileId`] means the same
/// on every thread; a path that begins with `/` leaves the directory.
///
/// Closing a file while another thread syncs it is harmless: that thread holds it open until it is done.
#[derive(Clone, Debug)]
pub struct RealDisk {
    dir: Arc<OwnedFd>,
    files: Arc<Mutex<Files>>,
    /// Who closes files, if that may take long: the last close of an unlinked file frees its blocks.
    closer: Option<Sender<OpenFile>>,
}

/// An open file; dropping the last one closes it.
pub(crate) type OpenFile = Arc<Handle>;

/// A descriptor and the path that it was opened by.
#[derive(Debug)]
pub(crate) struct Handle {
    fd: OwnedFd,
    path: String,
}

#[derive(Debug, Default)]
struct Files {
    open: BTreeMap<FileId, OpenFile>,
    last_id: u64,
}

impl RealDisk {
    /// The files of a directory, which must exist.
    pub fn new(dir: &Path) -> Result<Self> {
        Ok(Self {
            dir: Arc::new(open_root(dir)?),
            files: Arc::default(),
            closer: None,
        })
    }

    /// Has files closed by whoever receives them, from now on and for clones made later.
    pub(crate) fn close_by(&mut self, closer: Sender<OpenFile>) {
        self.closer = Some(closer);
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        // The table is whole between any two statements that hold the lock.
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, op: Op, file: FileId) -> Result<OpenFile> {
        self.files()
            .open
            .get(&file)
            .cloned()
            .ok_or_else(|| error(op, "", Os::BADF))
    }

    /// Does something with an open file; a call that a signal interrupted is made again.
    fn with<T>(
        &self,
        op: Op,
        file: FileId,
        mut call: impl FnMut(&OwnedFd) -> rustix::io::Result<T>,
    ) -> Result<T> {
        let handle = self.handle(op, file)?;
        rustix::io::retry_on_intr(|| call(&handle.fd))
            .map_err(|errno| error(op, &handle.path, errno))
    }

    fn open_dir(&self, op: Op, path: &str) -> Result<OwnedFd> {
        let name = if path.is_empty() { "." } else { path };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat(&*self.dir, name, flags, Mode::empty())
            .map_err(|errno| error(op, path, errno))
    }
}

impl Vfs for RealDisk {
    fn open(&mut self, path: &str, mode: OpenMode) -> Result<FileId> {
        let flags = match mode {
            OpenMode::Read => OFlags::RDONLY,
            OpenMode::Append => OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE,
            OpenMode::Truncate => OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC,
            OpenMode::Positioned => OFlags::WRONLY | OFlags::CREATE,
            OpenMode::Update => OFlags::RDWR,
        };
        let flags = flags | OFlags::CLOEXEC;
        let fd = rustix::io::retry_on_intr(|| {
            rustix::fs::openat(&*self.dir, path, flags, Mode::from_raw_mode(0o644))
        })
        .map_err(|errno| error(Op::Open, path, errno))?;
        if mode == OpenMode::Positioned {
            rustix::fs::seek(&fd, SeekFrom::End(0))
                .map_err(|errno| error(Op::Open, path, errno))?;
        }
        let mut files = self.files();
        files.last_id += 1;
        let id = FileId(files.last_id);
        let path = path.to_owned();
        files.open.insert(id, Arc::new(Handle { fd, path }));
        Ok(id)
    }

    fn write(&mut self, file: FileId, bytes: &[u8]) -> Result<usize> {
        match self.with(Op::Write, file, |fd| rustix::io::write(fd, bytes))? {
            0 if !bytes.is_empty() => Err(error(Op::Write, "", Os::IO)),
            taken => Ok(taken),
        }
    }

    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            let at = offset + done as u64;
            done += self.with(Op::Write, file, |fd| {
                rustix::io::pwrite(fd, &bytes[done..], at)
            })?;
        }
        Ok(())
    }

    fn read_at(&mut self, file: FileId, offset: u64, buf: &mut [u8]) -> Result<usize> {
        self.with(Op::Read, file, |fd| {
            rustix::io::pread(fd, &mut *buf, offset)
        })
    }

    fn len(&mut self, file: FileId) -> Result<u64> {
        self.with(Op::Len, file, |fd| rustix::fs::fstat(fd))
            .map(|stat| stat.st_size as u64)
    }

    fn truncate(&mut self, file: FileId, len: u64) -> Result<()> {
        self.with(Op::Truncate, file, |fd| rustix::fs::ftruncate(fd, len))
    }

    fn sync(&mut self, file: FileId, kind: SyncKind) -> Result<()> {
        self.with(Op::Sync, file, |fd| match kind {
            // Pages that are said to be needed no more are written back first, without waiting.
            SyncKind::Begin => rustix::fs::fadvise(fd, 0, None, Advice::DontNeed),
            SyncKind::Data => rustix::fs::fdatasync(fd),
            SyncKind::All => rustix::fs::fsync(fd),
        })
    }

    fn close(&mut self, file: FileId) {
        let handle = self.files().open.remove(&file);
        if let (Some(handle), Some(closer)) = (handle, &self.closer) {
            // If nobody receives any more, it is closed here after all.
            let _ = closer.send(handle);
        }
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        rustix::fs::renameat(&*self.dir, from, &*self.dir, to)
            .map_err(|errno| error(Op::Rename, from, errno))
    }

    fn unlink(&mut self, path: &str) -> Result<()> {
        rustix::fs::unlinkat(&*self.dir, path, AtFlags::empty())
            .map_err(|errno| error(Op::Unlink, path, errno))
    }

    fn create_dir(&mut self, path: &str) -> Result<()> {
        rustix::fs::mkdirat(&*self.dir, path, Mode::from_raw_mode(0o755))
            .map_err(|errno| error(Op::CreateDir, path, errno))
    }

    fn sync_dir(&mut self, path: &str) -> Result<()> {
        let dir = self.open_dir(Op::SyncDir, path)?;
        rustix::io::retry_on_intr(|| rustix::fs::fsync(&dir))
            .map_err(|errno| error(Op::SyncDir, path, errno))
    }

    fn list(&mut self, path: &str) -> Result<Vec<DirEntry>> {
        let fail = |errno| error(Op::List, path, errno);
        let dir = self.open_dir(Op::List, path)?;
        let mut entries = Vec::new();
        for entry in rustix::fs::Dir::read_from(&dir).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let stat = match rustix::fs::statat(&dir, name, AtFlags::empty()) {
                Ok(stat) => stat,
                // Removed since, or a link to nowhere.
                Err(Os::NOENT) => continue,
                Err(errno) => return Err(fail(errno)),
            };
            let is_dir = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
            entries.push(DirEntry {
                name: name.to_string_lossy().into_owned(),
                is_dir,
                len: if is_dir { 0 } else { stat.st_size as u64 },
            });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// Clones made before stay in the directory that they know: what a job has begun there it ends there.
    fn change_dir(&mut self, path: &str) -> Result<String> {
        let dir = self.open_dir(Op::Open, path)?;
        let full_path = full_path(&dir).map_err(|errno| error(Op::Open, path, errno))?;
        self.dir = Arc::new(dir);
        Ok(full_path)
    }
}

/// The full path of an open directory.
fn full_path(dir: &OwnedFd) -> rustix::io::Result<String> {
    let link = format!("/proc/self/fd/{}", dir.as_raw_fd());
    let path = rustix::fs::readlink(link, Vec::new())?;
    Ok(path.to_string_lossy().into_owned())
}

fn open_root(dir: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(dir, flags, Mode::empty())
        .map_err(|errno| error(Op::Open, &dir.to_string_lossy(), errno))
}

fn error(op: Op, path: &str, errno: Os) -> Error {
    Error {
        op,
        path: path.to_owned(),
        errno: reason(errno),
    }
}

/// The same reason in the words of [`lastsave_vfs`], whose text is strerror's.
pub(crate) fn reason(errno: Os) -> Errno {
    match errno {
        Os::NOENT => Errno::NotFound,
        Os::ACCESS => Errno::PermissionDenied,
        Os::EXIST => Errno::Exists,
        Os::NOTDIR => Errno::NotADirectory,
        Os::ISDIR => Errno::IsADirectory,
        Os::NOTEMPTY => Errno::NotEmpty,
        Os::NOSPC => Errno::NoSpace,
        Os::IO => Errno::Io,
        Os::ROFS => Errno::ReadOnly,
        Os::MFILE => Errno::TooManyFiles,
        other => Errno::Other(other.raw_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_files_keep_the_contract() {
        for (name, case) in lastsave_vfs::contract::CASES {
            println!("{name}");
            let dir = tempfile::tempdir().expect("a directory");
            case(&mut RealDisk::new(dir.path()).expect("it is there"));
        }
    }

    #[test]
    fn a_file_closed_during_a_sync_elsewhere_is_synced_all_the_same() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut disk = RealDisk::new(dir.path()).expect("it is there");
        let file = disk.open("log", OpenMode::Append).expect("open");
        disk.write(file, b"bytes").expect("write");
        let held = disk.handle(Op::Sync, file).expect("open");
        disk.close(file);
        assert_eq!(rustix::fs::fdatasync(&held.fd), Ok(()));
        let error = disk.sync(file, SyncKind::Data).expect_err("closed");
        assert_eq!(error.to_string(), "Bad file descriptor");
    }

    #[test]
    fn another_directory_is_for_what_is_opened_from_then_on() {
        let first = tempfile::tempdir().expect("a directory");
        let second = first.path().join("second");
        std::fs::create_dir(&second).expect("made");
        let mut disk = RealDisk::new(first.path()).expect("it is there");
        let mut job = disk.clone();
        let file = disk.open("log", OpenMode::Append).expect("open");
        let error = disk.change_dir("missing").expect_err("it is not there");
        assert_eq!(error.to_string(), "No such file or directory");
        let full_path = disk.change_dir("second").expect("it is there");
        assert!(full_path.starts_with('/') && full_path.ends_with("/second"));
        disk.write(file, b"on").expect("the open file stays");
        disk.open("new", OpenMode::Append).expect("open");
        job.rename("log", "old").expect("the clone stays");
        assert!(second.join("new").exists() && first.path().join("old").exists());
    }

    #[test]
    fn clones_share_their_files_and_absolute_paths_leave_the_directory() {
        let dir = tempfile::tempdir().expect("a directory");
        let elsewhere = tempfile::tempdir().expect("a directory");
        let mut disk = RealDisk::new(dir.path()).expect("it is there");
        let path = elsewhere.path().join("redis.conf");
        let path = path.to_str().expect("UTF-8");
        let file = disk.open(path, OpenMode::Truncate).expect("open");
        let mut clone = disk.clone();
        std::thread::spawn(move || clone.write(file, b"port 1\n"))
            .join()
            .expect("no panic")
            .expect("write");
        assert_eq!(std::fs::read(path).expect("read"), b"port 1\n");
    }
}
