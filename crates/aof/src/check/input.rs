//! Reading a file piece by piece, as the C library's buffered streams do.

use lastsave_vfs::{FileId, Result, Vfs};

const BUFFER: usize = 64 << 10;

/// A file being read, with a buffer.
pub(super) struct Input {
    file: FileId,
    buf: Vec<u8>,
    /// The file offset of the buffer's first byte.
    start: u64,
    /// What of the buffer is taken.
    taken: usize,
    at_end: bool,
    line: Vec<u8>,
}

impl Input {
    pub(super) fn new(file: FileId) -> Self {
        Self {
            file,
            buf: Vec::new(),
            start: 0,
            taken: 0,
            at_end: false,
            line: Vec::new(),
        }
    }

    /// Where the next byte comes from.
    pub(super) fn offset(&self) -> u64 {
        self.start + self.taken as u64
    }

    /// Whether the last read met the end of the file.
    pub(super) fn at_end(&self) -> bool {
        self.at_end
    }

    pub(super) fn seek(&mut self, offset: u64) {
        self.start = offset;
        self.taken = 0;
        self.buf.clear();
    }

    /// The bytes at hand, at least one unless the file ends here.
    fn fill(&mut self, vfs: &mut dyn Vfs) -> Result<&[u8]> {
        if self.taken == self.buf.len() {
            self.start += self.taken as u64;
            self.taken = 0;
            self.buf.resize(BUFFER, 0);
            let len = vfs.read_at(self.file, self.start, &mut self.buf);
            self.buf.truncate(*len.as_ref().unwrap_or(&0));
            len?;
        }
        self.at_end = self.taken == self.buf.len();
        Ok(&self.buf[self.taken..])
    }

    /// The next byte, which stays there.
    pub(super) fn peek(&mut self, vfs: &mut dyn Vfs) -> Result<Option<u8>> {
        self.fill(vfs).map(|bytes| bytes.first().copied())
    }

    /// The next line with its line end, or its first `max` bytes; empty at the end of the file.
    pub(super) fn line(&mut self, vfs: &mut dyn Vfs, max: usize) -> Result<&[u8]> {
        self.line.clear();
        while self.line.len() < max && self.line.last() != Some(&b'\n') {
            let wanted = max - self.line.len();
            let bytes = self.fill(vfs)?;
            let len = crate::text::line_len(bytes, wanted);
            if len == 0 {
                break;
            }
            self.line
                .extend_from_slice(&self.buf[self.taken..self.taken + len]);
            self.taken += len;
        }
        Ok(&self.line)
    }

    /// Takes `len` bytes, or what there is; the first of them are copied to `first`. Returns how many it took.
    pub(super) fn bytes(&mut self, vfs: &mut dyn Vfs, len: u64, first: &mut [u8]) -> Result<u64> {
        let mut done = 0;
        while done < len {
            let bytes = self.fill(vfs)?;
            if bytes.is_empty() {
                break;
            }
            let take = bytes
                .len()
                .min(usize::try_from(len - done).unwrap_or(usize::MAX));
            if (done as usize) < first.len() {
                let copied = take.min(first.len() - done as usize);
                first[done as usize..done as usize + copied].copy_from_slice(&bytes[..copied]);
            }
            self.taken += take;
            done += take as u64;
        }
        Ok(done)
    }
}
