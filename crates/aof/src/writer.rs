//! Appending: the buffer, the files, and the three offsets.

use std::collections::VecDeque;
use std::ops::Range;

use lastsave_vfs::{FileId, OpenMode, Result, Vfs, write_all};

use crate::checksum::Checksum;

/// How many written and unsynced bytes are kept in memory, so that they can be written again after a failed
/// sync, unless [`Writer::set_retained_limit`] says otherwise.
const RETAINED_LIMIT: usize = 32 << 20;

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

/// A sync to be done elsewhere, and told of by [`Writer::sync_done`]. At most one is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncTicket {
    /// The file to sync, with [`lastsave_vfs::SyncKind::Data`].
    pub file: FileId,
    /// The offset that is durable once it has succeeded.
    pub offset: u64,
    /// Whether the file takes no more bytes and is closed afterwards (by the writer, in [`Writer::sync_done`]).
    pub last: bool,
}

/// A file of the log, and which part of the log goes into it.
#[derive(Clone, Debug)]
struct Segment {
    file: FileId,
    /// The file's bytes from before `start`.
    initial_len: u64,
    /// The log offset of its first byte by this process.
    start: u64,
    /// Where the next segment starts, if there is one.
    end: Option<u64>,
    /// Whether it was found with bytes in it of which nobody knows whether they are synced.
    unknown: bool,
}

/// Appends to the last incremental file of a log.
///
/// After a rotation it has two (or more) files for a while. Bytes go into the next file only when all bytes of
/// the one before are durable, so that no power loss can keep a command and lose one before it.
#[derive(Clone, Debug)]
pub struct Writer {
    offsets: Offsets,
    /// The bytes from `written` to `appended`.
    buf: Vec<u8>,
    /// From the one being written to the one that [`Writer::append`]ed bytes end up in. Never empty.
    segments: VecDeque<Segment>,
    running: Option<SyncTicket>,
    /// What a failed sync leaves in doubt; starts at `synced`.
    suspect: Option<Range<u64>>,
    /// The last bytes before `written`, for writing them again.
    retained: Vec<u8>,
    retained_limit: usize,
    /// If the current file has checksum lines: of its bytes behind the last such line, up to the offset `summed`.
    checksum: Option<Checksum>,
    summed: u64,
    /// Whether files from the next on have them.
    sums_next: bool,
}

impl Writer {
    /// Goes on in `file`, opened with [`OpenMode::Append`] and holding `file_len` bytes.
    ///
    /// Whether those bytes are durable is unknown; the first sync makes them so.
    pub fn new(file: FileId, file_len: u64) -> Self {
        let segment = Segment {
            file,
            initial_len: file_len,
            start: 0,
            end: None,
            unknown: file_len > 0,
        };
        Self {
            offsets: Offsets::default(),
            buf: Vec::new(),
            segments: VecDeque::from([segment]),
            running: None,
            suspect: None,
            retained: Vec::new(),
            retained_limit: RETAINED_LIMIT,
            checksum: None,
            summed: 0,
            sums_next: false,
        }
    }

    /// The same, with checksum lines, given the checksum of the file's bytes behind the last such line.
    pub fn with_checksum(mut self, checksum: Checksum) -> Self {
        self.checksum = Some(checksum);
        self
    }

    /// Whether files from the next on have checksum lines.
    pub fn set_checksums(&mut self, on: bool) {
        self.sums_next = on;
    }

    /// How far the log has come.
    pub fn offsets(&self) -> Offsets {
        self.offsets
    }

    /// The size of the current incremental file, in bytes written.
    pub fn file_len(&self) -> u64 {
        let current = self.current();
        current.initial_len + self.offsets.written.saturating_sub(current.start)
    }

    /// The file that bytes appended now will go into.
    pub fn file(&self) -> FileId {
        self.current().file
    }

    /// The bytes appended and not written.
    pub fn buffered(&self) -> &[u8] {
        &self.buf
    }

    /// Whether bytes are, or would be, held back until the old file of a rotation is synced. Then a sync is due
    /// whatever the policy: see [`Writer::begin_sync`].
    pub fn held(&self) -> bool {
        self.segments.len() > 1
    }

    /// The part of the log of which, after a failed sync, nobody knows whether it is durable. It starts at the
    /// synced offset, which does not move until [`Writer::rewrite_suspect`] or [`Writer::superseded`] resolves it.
    pub fn suspect(&self) -> Option<Range<u64>> {
        self.suspect.clone()
    }

    /// How many written bytes are kept in memory for [`Writer::rewrite_suspect`].
    pub fn set_retained_limit(&mut self, bytes: usize) {
        self.retained_limit = bytes;
    }

    /// Lets `encode` append one unit (a command, or a whole MULTI … EXEC) to the buffer. Returns the appended offset behind it.
    pub fn append(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> u64 {
        let before = self.buf.len();
        encode(&mut self.buf);
        assert!(
            self.buf.len() >= before,
            "what was appended is not taken back"
        );
        self.offsets.appended += (self.buf.len() - before) as u64;
        self.offsets.appended
    }

    /// Writes what is buffered, unless a [`Writer::rotate`] still waits for the old file's sync. After a short
    /// write the file is cut back to where it was, so that it ends in a whole unit, and everything stays
    /// buffered; if even that fails, the taken part counts as written and the rest stays buffered.
    pub fn flush(&mut self, vfs: &mut dyn Vfs) -> Result<()> {
        self.settle(vfs);
        if !self.held() {
            self.close_checksum();
        }
        let segment = &self.segments[0];
        let end = segment.end.unwrap_or(self.offsets.appended);
        let len = (end - self.offsets.written) as usize;
        if len == 0 {
            return Ok(());
        }
        let file = segment.file;
        let file_len = segment.initial_len + self.offsets.written - segment.start;
        let result = write_all(vfs, file, &self.buf[..len]);
        let taken = match &result {
            Ok(()) => len,
            Err((0, _)) => 0,
            Err((taken, _)) if vfs.truncate(file, file_len).is_err() => *taken,
            Err(_) => 0,
        };
        self.retain(taken);
        self.buf.drain(..taken);
        self.offsets.written += taken as u64;
        result.map_err(|(_, error)| error)
    }

    /// The sync worth starting now: `None` if everything written is synced, one is under way, or a failed one
    /// has to be recovered from first.
    pub fn begin_sync(&mut self) -> Option<SyncTicket> {
        if self.running.is_some() || self.suspect.is_some() {
            return None;
        }
        let Offsets {
            written, synced, ..
        } = self.offsets;
        let segment = &self.segments[0];
        if written == synced && !segment.unknown {
            return None;
        }
        let last = segment.end == Some(written);
        self.running = Some(SyncTicket {
            file: segment.file,
            offset: written,
            last,
        });
        self.running
    }

    /// Whether a sync is under way.
    pub fn sync_running(&self) -> bool {
        self.running.is_some()
    }

    /// A sync has ended: moves the synced offset, or, after an error, remembers that nothing is known of the
    /// bytes it was for. Closes a file that took its last bytes.
    pub fn sync_done(&mut self, ticket: SyncTicket, ok: bool, vfs: &mut dyn Vfs) {
        assert_eq!(
            self.running.take(),
            Some(ticket),
            "the sync that ends is the one that was begun"
        );
        let segment = &mut self.segments[0];
        if segment.file != ticket.file {
            // A new base has made the file needless meanwhile, and its success or failure with it.
            vfs.close(ticket.file);
        } else if ok {
            segment.unknown = false;
            self.advance_synced(ticket.offset);
        } else {
            // The sync saw what was written after it was begun, too, as far as that was in time.
            self.suspect = Some(self.offsets.synced..self.offsets.written);
        }
        self.settle(vfs);
    }

    /// Goes on in a new file, `file`, empty. The old one must be synced (the returned ticket, if it has unsynced
    /// bytes) before the first byte goes into the new one: otherwise a power loss could keep later commands and
    /// lose earlier ones. Until then [`Writer::flush`] holds bytes back.
    ///
    /// What is still buffered belongs to the old file and goes there. Then, and when a sync is under way, there
    /// is no ticket yet: ask [`Writer::begin_sync`] for it as long as the writer is [held](Writer::held).
    pub fn rotate(&mut self, file: FileId, vfs: &mut dyn Vfs) -> Option<SyncTicket> {
        self.close_checksum();
        let start = self.offsets.appended;
        self.checksum = self.sums_next.then(Checksum::new);
        self.summed = start;
        let current = self.segments.back_mut().expect("there is always a segment");
        current.end = Some(start);
        self.segments.push_back(Segment {
            file,
            initial_len: 0,
            start,
            end: None,
            unknown: false,
        });
        self.settle(vfs);
        if self.held() && self.buf.is_empty() {
            self.begin_sync()
        } else {
            None
        }
    }

    /// Writes what a failed sync has left in doubt over itself, so that the next sync tries it again; `path` is
    /// that of the current file. `Ok(false)` if it is in doubt no longer only by a rewrite: it lies in an older
    /// file or is no longer in memory.
    ///
    /// Reading the bytes back from the file instead would not do: the system may have thrown its copy away and
    /// give what is on the device.
    pub fn rewrite_suspect(&mut self, vfs: &mut dyn Vfs, path: &str) -> Result<bool> {
        let Some(suspect) = self.suspect.clone() else {
            return Ok(true);
        };
        let segment = &self.segments[0];
        let retained_start = self.offsets.written - self.retained.len() as u64;
        if self.held() || segment.unknown || suspect.start < retained_start.max(segment.start) {
            return Ok(false);
        }
        let from = (suspect.start - retained_start) as usize;
        let to = (suspect.end - retained_start) as usize;
        let offset = segment.initial_len + suspect.start - segment.start;
        let file = vfs.open(path, OpenMode::Update)?;
        let written = vfs.write_at(file, offset, &self.retained[from..to]);
        vfs.close(file);
        written?;
        self.suspect = None;
        Ok(true)
    }

    /// Everything up to `offset` is durable by other means: a new base holds it, and the manifest that names
    /// that base is durably in place. Buffered bytes before it are dropped, doubts about them are settled.
    pub fn superseded(&mut self, offset: u64, vfs: &mut dyn Vfs) {
        assert!(
            offset <= self.offsets.appended,
            "nothing holds what was not appended yet"
        );
        let dropped = offset.saturating_sub(self.offsets.written);
        if dropped > 0 {
            self.buf.drain(..dropped as usize);
            self.retained.clear();
            self.offsets.written = offset;
        }
        for segment in &mut self.segments {
            segment.unknown &= segment.end.is_none_or(|end| end > offset);
        }
        match &mut self.suspect {
            Some(suspect) if offset < suspect.end => suspect.start = suspect.start.max(offset),
            _ => self.suspect = None,
        }
        self.advance_synced(offset);
        self.settle(vfs);
    }

    /// Closes all files, synced or not. What is buffered is lost.
    pub fn close(self, vfs: &mut dyn Vfs) {
        for segment in self.segments {
            vfs.close(segment.file);
        }
    }

    /// Covers what was appended since the last checksum line by another one.
    fn close_checksum(&mut self) {
        let Some(checksum) = &mut self.checksum else {
            return;
        };
        let new = (self.offsets.appended - self.summed) as usize;
        checksum.update(&self.buf[self.buf.len() - new..]);
        if new > 0 {
            let before = self.buf.len();
            checksum.close(&mut self.buf);
            self.offsets.appended += (self.buf.len() - before) as u64;
        }
        self.summed = self.offsets.appended;
    }

    fn current(&self) -> &Segment {
        self.segments.back().expect("there is always a segment")
    }

    fn advance_synced(&mut self, offset: u64) {
        self.offsets.synced = self.offsets.synced.max(offset);
        assert!(self.offsets.synced <= self.offsets.written);
        let unsynced = (self.offsets.written - self.offsets.synced) as usize;
        let surplus = self.retained.len().saturating_sub(unsynced);
        self.retained.drain(..surplus);
    }

    /// Keeps the first `len` buffered bytes, which have just been written.
    fn retain(&mut self, len: usize) {
        if self.retained.len() + len > self.retained_limit {
            self.retained.clear();
        }
        if len <= self.retained_limit {
            self.retained.extend_from_slice(&self.buf[..len]);
        }
    }

    /// Closes the files that took their last bytes and have them durably, but for one that is being synced.
    fn settle(&mut self, vfs: &mut dyn Vfs) {
        while let Some(Segment {
            file,
            end: Some(end),
            unknown: false,
            ..
        }) = self.segments.front()
            && self.offsets.synced >= *end
        {
            if self.running.is_none_or(|ticket| ticket.file != *file) {
                vfs.close(*file);
            }
            self.segments.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
