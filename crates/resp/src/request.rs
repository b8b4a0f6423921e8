//! The incremental request parser: multibulk (`*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`) and inline (`GET k\r\n`).

use std::ops::Range;

use crate::Args;

/// What one request may cost. Exceeding a limit is a [`ProtocolError`], after which the connection is closed.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest bulk string, in bytes: `proto-max-bulk-len`.
    pub max_bulk_len: usize,
    /// The most words in one request.
    pub max_words: usize,
    /// The longest inline request, and the longest `*` or `$` line, in bytes: 64 KiB in Redis.
    pub max_inline_len: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bulk_len: 512 << 20, max_words: i32::MAX as usize, max_inline_len: 64 << 10 }
    }
}

/// Why bytes are not a request. [`Display`](std::fmt::Display) gives Redis's words, without `-ERR Protocol error: `.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// An inline request longer than [`Limits::max_inline_len`] without a line end.
    TooBigInline,
    /// A `*` line longer than [`Limits::max_inline_len`].
    TooBigMultibulkCount,
    /// A `*` line whose number is malformed or above [`Limits::max_words`].
    InvalidMultibulkLength,
    /// A `$` line longer than [`Limits::max_inline_len`].
    TooBigBulkCount,
    /// A word of a multibulk request that opens with this byte instead of `$`.
    ExpectedDollar(u8),
    /// A `$` line whose number is malformed, negative, or above [`Limits::max_bulk_len`].
    InvalidBulkLength,
    /// An inline request with an open quote, or text right behind a closing one.
    UnbalancedQuotes,
}

impl std::fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooBigInline => f.write_str("too big inline request"),
            Self::TooBigMultibulkCount => f.write_str("too big mbulk count string"),
            Self::InvalidMultibulkLength => f.write_str("invalid multibulk length"),
            Self::TooBigBulkCount => f.write_str("too big bulk count string"),
            Self::ExpectedDollar(byte) => write!(f, "expected '$', got '{}'", *byte as char),
            Self::InvalidBulkLength => f.write_str("invalid bulk length"),
            Self::UnbalancedQuotes => f.write_str("unbalanced quotes in request"),
        }
    }
}

impl std::error::Error for ProtocolError {}

/// Parses one request at a time from the front of a buffer, remembering how far it came in an incomplete one.
///
/// Memory is bounded by the input: a header that announces a million words allocates nothing for them.
#[derive(Debug, Default)]
pub struct RequestParser {
    limits: Limits,
    words: Vec<Range<u32>>,
}

impl RequestParser {
    /// A parser with these limits.
    pub fn new(limits: Limits) -> Self {
        Self { limits, words: Vec::new() }
    }

    /// Changes the limits for the requests to come.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The first request in `input`, and how many bytes of `input` it took; `None` if it is still incomplete.
    ///
    /// After `None`, call again with the same bytes and more behind them: what was parsed already is not
    /// parsed again. After `Some((args, taken))`, go on with `input[taken..]`. Empty requests (`\r\n`, `*0\r\n`,
    /// `*-1\r\n`) yield an empty [`Args`], which the caller skips.
    pub fn parse<'a>(&'a mut self, input: &'a [u8]) -> Result<Option<(Args<'a>, usize)>, ProtocolError> {
        let _ = (&self.limits, &self.words, input);
        todo!("helper")
    }

    /// How many bytes of the incomplete request are certainly still to come, as its last `$` header says: a
    /// hint for sizing the read. 0 if unknown.
    pub fn missing_len(&self) -> usize {
        todo!("helper")
    }
}

/// Appends `words` to `out` as a multibulk request, as Redis writes it to an append-only file.
pub fn append_request(out: &mut Vec<u8>, words: Args<'_>) {
    let _ = (out, words);
    todo!("helper")
}

/// Splits a line into words as Redis does for inline requests, its configuration file and its manifest:
/// `"…"` with escapes (`\n \r \t \b \a \xHH \\ \"`), `'…'` with `\'`. `None` if a quote is open at the end or
/// text follows a closing quote.
pub fn split_words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let _ = line;
    todo!("helper")
}
