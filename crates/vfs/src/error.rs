//! What can go wrong with a file, in the words of the operating system.

/// The result of a file operation.
pub type Result<T> = std::result::Result<T, Error>;

/// The operating system's reason. [`Display`](std::fmt::Display) gives what strerror(3) says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errno {
    /// `ENOENT`: no such name.
    NotFound,
    /// `EACCES`: not allowed.
    PermissionDenied,
    /// `EEXIST`: the name is taken.
    Exists,
    /// `ENOTDIR`: a file stands where a directory is needed.
    NotADirectory,
    /// `EISDIR`: a directory stands where a file is needed.
    IsADirectory,
    /// `ENOTEMPTY`: the directory still holds names.
    NotEmpty,
    /// `ENOSPC`: the disk is full.
    NoSpace,
    /// `EIO`: the device failed.
    Io,
    /// `EROFS`: the file system is read-only.
    ReadOnly,
    /// `EMFILE`: too many open files.
    TooManyFiles,
    /// `EOPNOTSUPP`: there is no such thing here.
    NotSupported,
    /// Any other number of the native system, Linux's.
    Other(i32),
}

impl std::fmt::Display for Errno {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotFound => "No such file or directory",
            Self::PermissionDenied => "Permission denied",
            Self::Exists => "File exists",
            Self::NotADirectory => "Not a directory",
            Self::IsADirectory => "Is a directory",
            Self::NotEmpty => "Directory not empty",
            Self::NoSpace => "No space left on device",
            Self::Io => "Input/output error",
            Self::ReadOnly => "Read-only file system",
            Self::TooManyFiles => "Too many open files",
            Self::NotSupported => "Operation not supported",
            Self::Other(1) => "Operation not permitted",
            Self::Other(9) => "Bad file descriptor",
            Self::Other(12) => "Cannot allocate memory",
            Self::Other(16) => "Device or resource busy",
            Self::Other(18) => "Invalid cross-device link",
            Self::Other(22) => "Invalid argument",
            Self::Other(26) => "Text file busy",
            Self::Other(27) => "File too large",
            Self::Other(36) => "File name too long",
            Self::Other(40) => "Too many levels of symbolic links",
            Self::Other(98) => "Address already in use",
            Self::Other(99) => "Cannot assign requested address",
            Self::Other(122) => "Disk quota exceeded",
            Self::Other(number) => return write!(f, "Unknown error {number}"),
        })
    }
}

/// The call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is the method of Vfs of the same name")]
pub enum Op {
    Open,
    Write,
    Read,
    Len,
    Truncate,
    Sync,
    Close,
    Rename,
    Unlink,
    CreateDir,
    SyncDir,
    List,
}

/// A failed file operation. [`Display`](std::fmt::Display) gives the reason alone, as Redis prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The call that failed.
    pub op: Op,
    /// The path that it was about, or that the file was opened by.
    pub path: String,
    /// Why.
    pub errno: Errno,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.errno.fmt(f)
    }
}

impl std::error::Error for Error {}
