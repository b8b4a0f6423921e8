//! Reading an append-only file back: requests and annotations, one after the other.

use lastsave_resp::Args;

/// One thing read from a file of commands.
#[derive(Debug)]
pub enum Entry<'a> {
    /// A request.
    Command(Args<'a>),
    /// A `#` line, without `#` and line end. `TS:1700000000` is a timestamp.
    Annotation(&'a [u8]),
}

/// Why reading stopped before the end. [`ReadError::offset`] is the end of the last whole entry.
#[derive(Debug)]
pub enum ReadError {
    /// The file ends inside an entry: what a crash leaves behind.
    Truncated {
        /// The end of the last whole entry.
        offset: u64,
    },
    /// Bytes that no append ever wrote.
    BadFormat {
        /// The end of the last whole entry.
        offset: u64,
    },
    /// The file could not be read.
    Io(std::io::Error),
}

/// Yields the entries of a file of commands.
pub struct Reader<R> {
    _reader: R,
}

impl<R: std::io::Read> Reader<R> {
    /// Reads from `reader`, with `ahead` (bytes read from it already) first; `offset` is the file offset of the
    /// first of them.
    pub fn new(ahead: Vec<u8>, reader: R, offset: u64) -> Self {
        let _ = (ahead, reader, offset);
        todo!("helper")
    }

    /// The next entry; `None` at a clean end.
    pub fn next_entry(&mut self) -> Result<Option<Entry<'_>>, ReadError> {
        todo!("helper")
    }

    /// The file offset behind the last entry.
    pub fn offset(&self) -> u64 {
        todo!("helper")
    }
}
