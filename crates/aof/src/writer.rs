//! Appending: the buffer, the file, and the three offsets.

use lastsave_vfs::{FileId, Result, Vfs};

/// How far the log has come, in bytes since this process opened it. `synced <= written <= appended`, and none of
/// them ever goes back. A reply that waits for an offset is released when the one its policy names has passed it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    /// In the buffer of the process: gone with the process.
    pub appended: u64,
    /// Taken by the operating system: survives a process kill.
    pub written: u64,
    /// On the device: survives a power loss.
    pub synced: u64,
}

/// A sync to be done elsewhere, and told of by [`Writer::sync_done`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncTicket {
    /// The file to sync, with [`lastsave_vfs::SyncKind::Data`].
    pub file: FileId,
    /// The offset that is durable once it has succeeded.
    pub offset: u64,
    /// Whether the file takes no more bytes and is closed afterwards (by the writer, in [`Writer::sync_done`]).
    pub last: bool,
}

/// Appends to the last incremental file of a log.
#[derive(Debug)]
pub struct Writer {}

impl Writer {
    /// Goes on in `file`, opened with [`lastsave_vfs::OpenMode::Append`] and holding `file_len` bytes.
    pub fn new(file: FileId, file_len: u64) -> Self {
        let _ = (file, file_len);
        todo!("helper")
    }

    /// How far the log has come.
    pub fn offsets(&self) -> Offsets {
        todo!("helper")
    }

    /// The size of the current incremental file, in bytes written.
    pub fn file_len(&self) -> u64 {
        todo!("helper")
    }

    /// The bytes appended and not written.
    pub fn buffered(&self) -> &[u8] {
        todo!("helper")
    }

    /// Lets `encode` append one unit (a command, or a whole MULTI … EXEC) to the buffer. Returns the appended offset behind it.
    pub fn append(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> u64 {
        let _ = encode;
        todo!("helper")
    }

    /// Writes what is buffered, unless a [`Writer::rotate`] still waits for the old file's sync. After a short
    /// write the file is cut back to where it was, so that it ends in a whole unit, and everything stays
    /// buffered; if even that fails, the taken part counts as written and the rest stays buffered.
    pub fn flush(&mut self, vfs: &mut dyn Vfs) -> Result<()> {
        let _ = vfs;
        todo!("helper")
    }

    /// The sync worth starting now: `None` if everything written is synced or one is under way.
    pub fn begin_sync(&mut self) -> Option<SyncTicket> {
        todo!("helper")
    }

    /// Whether a sync is under way.
    pub fn sync_running(&self) -> bool {
        todo!("helper")
    }

    /// A sync has ended: moves the synced offset, or, after an error, remembers that nothing is known of the
    /// bytes it was for. Closes a file that took its last bytes.
    pub fn sync_done(&mut self, ticket: SyncTicket, ok: bool, vfs: &mut dyn Vfs) {
        let _ = (ticket, ok, vfs);
        todo!("helper")
    }

    /// Goes on in a new file, `file`, empty. The old one must be synced (the returned ticket, if it has unsynced
    /// bytes) before the first byte goes into the new one: otherwise a power loss could keep later commands and
    /// lose earlier ones. Until then [`Writer::flush`] holds bytes back.
    pub fn rotate(&mut self, file: FileId, vfs: &mut dyn Vfs) -> Option<SyncTicket> {
        let _ = (file, vfs);
        todo!("helper")
    }
}
