//! The incremental request parser: multibulk (`*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`) and inline (`GET k\r\n`).

use std::ops::Range;

use crate::Args;
use crate::words::split_into;

/// What one request may cost. Exceeding a limit is a [`ProtocolError`], after which the connection is closed.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest bulk string, in bytes: `proto-max-bulk-len`.
    pub max_bulk_len: usize,
    /// The most words in one request.
    pub max_words: usize,
    /// The longest inline request, and the longest `*` or `$` line, in bytes: 64 KiB in Redis.
    pub max_inline_len: usize,
    /// Whether the client has not given its password yet, which errors then say.
    pub unauthenticated: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bulk_len: 512 << 20,
            max_words: i32::MAX as usize,
            max_inline_len: 64 << 10,
            unauthenticated: false,
        }
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
    /// A `$` line whose number is malformed, negative, or above [`Limits::max_bulk_len`]; or a word that would
    /// make the whole request reach 4 GiB.
    InvalidBulkLength,
    /// As [`ProtocolError::InvalidMultibulkLength`] and [`ProtocolError::InvalidBulkLength`], for what only a client
    /// that has given its password may send.
    UnauthenticatedMultibulkLength,
    /// See [`ProtocolError::UnauthenticatedMultibulkLength`].
    UnauthenticatedBulkLength,
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
            Self::UnauthenticatedMultibulkLength => f.write_str("unauthenticated multibulk length"),
            Self::UnauthenticatedBulkLength => f.write_str("unauthenticated bulk length"),
            Self::UnbalancedQuotes => f.write_str("unbalanced quotes in request"),
        }
    }
}

impl std::error::Error for ProtocolError {}

/// Parses one request at a time from the front of a buffer, remembering how far it came in an incomplete one.
///
/// Memory is bounded by the input: a header that announces a million words allocates nothing for them.
#[derive(Clone, Debug, Default)]
pub struct RequestParser {
    limits: Limits,
    state: State,
    /// The words parsed so far: in the input for a multibulk request, in `unquoted` for an inline one.
    words: Vec<Range<u32>>,
    /// The words of an inline request, one behind the other, quotes and escapes resolved.
    unquoted: Vec<u8>,
}

/// How far the parser came in a request that is not complete yet.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// Everything before this offset is parsed.
    position: usize,
    /// How many bytes behind `position` are known to hold no line end.
    scanned: usize,
    /// The words still to come; 0 before the `*` line is parsed.
    words_left: usize,
    /// The length of the word at `position`, if its `$` line is parsed.
    bulk_len: Option<usize>,
    /// How many bytes were there at the last call.
    input_len: usize,
}

/// Word lists larger than this are given back instead of being kept for the next request.
const KEPT_WORDS: usize = 4096;

/// Scratch memory larger than this is given back instead of being kept for the next inline request.
const KEPT_BYTES: usize = 64 << 10;

impl RequestParser {
    /// A parser with these limits.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Changes the limits for the requests to come.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The first request in `input`, and how many bytes of `input` it took; `None` if it is still incomplete.
    ///
    /// After `None`, call again with the same bytes and more behind them: what was parsed already is not
    /// parsed again. After `Some((args, taken))`, go on with `input[taken..]`. Empty requests (`\r\n`, `*0\r\n`,
    /// `*-1\r\n`) yield an empty [`Args`], which the caller skips. After an error, give the connection up.
    #[inline]
    pub fn parse<'a>(
        &'a mut self,
        input: &'a [u8],
    ) -> Result<Option<(Args<'a>, usize)>, ProtocolError> {
        match input.first() {
            None => Ok(None),
            Some(b'*') => self.parse_multibulk(input),
            Some(_) => self.parse_inline(input),
        }
    }

    /// How many bytes of the incomplete request are certainly still to come, as its last `$` header says: a
    /// hint for sizing the read. 0 if unknown.
    pub fn missing_len(&self) -> usize {
        match self.state.bulk_len {
            Some(len) => (self.state.position + len + 2).saturating_sub(self.state.input_len),
            None => 0,
        }
    }

    /// Where the long word begins that is not complete yet, in the input of the last call; 0 if there is none. What stands
    /// before it is parsed.
    pub fn long_word_start(&self) -> usize {
        /// Redis keeps such a word in a buffer of its own.
        const LONG_LEN: usize = 32 << 10;
        match self.state.bulk_len {
            Some(len) if len >= LONG_LEN => self.state.position,
            _ => 0,
        }
    }

    fn parse_multibulk<'a>(
        &'a mut self,
        input: &'a [u8],
    ) -> Result<Option<(Args<'a>, usize)>, ProtocolError> {
        let mut state = self.state;
        if state.words_left == 0 {
            self.forget_words();
            let Some(header) =
                self.read_header(input, &mut state, ProtocolError::TooBigMultibulkCount)?
            else {
                self.state = state;
                return Ok(None);
            };
            let count = header.number.ok_or(ProtocolError::InvalidMultibulkLength)?;
            if count > self.limits.max_words as i64 {
                let plausible = self.limits.unauthenticated && count <= i64::from(i32::MAX);
                return Err(if plausible {
                    ProtocolError::UnauthenticatedMultibulkLength
                } else {
                    ProtocolError::InvalidMultibulkLength
                });
            }
            if count <= 0 {
                self.state = State::default();
                return Ok(Some((Args::new(input, &[]), header.end)));
            }
            state = State {
                position: header.end,
                words_left: count as usize,
                ..State::default()
            };
        }
        while state.words_left > 0 {
            let len = match state.bulk_len {
                Some(len) => len,
                None => {
                    let Some(header) =
                        self.read_header(input, &mut state, ProtocolError::TooBigBulkCount)?
                    else {
                        break;
                    };
                    if input[state.position] != b'$' {
                        return Err(ProtocolError::ExpectedDollar(input[state.position]));
                    }
                    let len = header
                        .number
                        .and_then(|number| usize::try_from(number).ok())
                        .filter(|len| (header.end + 2).saturating_add(*len) <= u32::MAX as usize)
                        .ok_or(ProtocolError::InvalidBulkLength)?;
                    if len > self.limits.max_bulk_len {
                        return Err(if self.limits.unauthenticated {
                            ProtocolError::UnauthenticatedBulkLength
                        } else {
                            ProtocolError::InvalidBulkLength
                        });
                    }
                    state.position = header.end;
                    state.scanned = 0;
                    state.bulk_len = Some(len);
                    len
                }
            };
            let end = state.position + len;
            if input.len() < end + 2 {
                break;
            }
            self.words.push(state.position as u32..end as u32);
            state.position = end + 2;
            state.bulk_len = None;
            state.words_left -= 1;
        }
        if state.words_left > 0 {
            self.state = State {
                input_len: input.len(),
                ..state
            };
            return Ok(None);
        }
        self.state = State::default();
        Ok(Some((Args::new(input, &self.words), state.position)))
    }

    /// The `*` or `$` line at `state.position`, or `None` if its end has not arrived. The usual line, a few
    /// digits, is read in place; whatever else is left to [`Self::read_odd_header`].
    #[inline]
    fn read_header(
        &self,
        input: &[u8],
        state: &mut State,
        too_big: ProtocolError,
    ) -> Result<Option<Header>, ProtocolError> {
        let line = &input[state.position..];
        if let [_, first @ b'1'..=b'9', rest @ ..] = line {
            let mut number = i64::from(first - b'0');
            for (index, byte) in rest.iter().take(10).enumerate() {
                let digit = byte.wrapping_sub(b'0');
                if digit <= 9 {
                    number = number * 10 + i64::from(digit);
                } else if *byte == b'\r' && index + 1 < rest.len() {
                    let end = state.position + 2 + index + 2;
                    return Ok(Some(Header {
                        number: Some(number),
                        end,
                    }));
                } else {
                    break;
                }
            }
        }
        self.read_odd_header(input, state, too_big)
    }

    /// As Redis searches: up to the first `\r`, which a NUL byte hides for good, and one more byte, whatever
    /// it is.
    #[cold]
    fn read_odd_header(
        &self,
        input: &[u8],
        state: &mut State,
        too_big: ProtocolError,
    ) -> Result<Option<Header>, ProtocolError> {
        let line = &input[state.position..];
        let Some(len) = find_line_end(b'\r', line, &mut state.scanned, self.limits.max_inline_len)
        else {
            return if line.len() > self.limits.max_inline_len {
                Err(too_big)
            } else {
                Ok(None)
            };
        };
        if len + 2 > line.len() {
            return Ok(None);
        }
        let number = line.get(1..len).and_then(parse_i64);
        Ok(Some(Header {
            number,
            end: state.position + len + 2,
        }))
    }

    fn parse_inline<'a>(
        &'a mut self,
        input: &'a [u8],
    ) -> Result<Option<(Args<'a>, usize)>, ProtocolError> {
        self.forget_words();
        let Some(newline) = find_line_end(
            b'\n',
            input,
            &mut self.state.scanned,
            self.limits.max_inline_len,
        ) else {
            return if input.len() > self.limits.max_inline_len {
                Err(ProtocolError::TooBigInline)
            } else {
                Ok(None)
            };
        };
        self.state = State::default();
        let line = &input[..newline];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !split_into(line, &mut self.unquoted, &mut self.words) {
            return Err(ProtocolError::UnbalancedQuotes);
        }
        Ok(Some((Args::new(&self.unquoted, &self.words), newline + 1)))
    }

    #[inline]
    fn forget_words(&mut self) {
        self.words.clear();
        if self.words.capacity() > KEPT_WORDS {
            self.words.shrink_to(KEPT_WORDS);
        }
        self.unquoted.clear();
        if self.unquoted.capacity() > KEPT_BYTES {
            self.unquoted.shrink_to(KEPT_BYTES);
        }
    }
}

/// A parsed `*` or `$` line.
struct Header {
    /// Its number, if it is one.
    number: Option<i64>,
    /// The offset behind it.
    end: usize,
}

/// The offset of `end` in `line`, if it stands within the first `limit + 1` bytes and no NUL byte stands before
/// it: Redis searches with a C string function. `scanned` bytes were searched before, and are not again.
fn find_line_end(end: u8, line: &[u8], scanned: &mut usize, limit: usize) -> Option<usize> {
    let window = &line[..line.len().min(limit + 1)];
    match memchr::memchr2(end, 0, window.get(*scanned..)?) {
        Some(offset) if window[*scanned + offset] == end => Some(*scanned + offset),
        Some(offset) => {
            *scanned += offset;
            None
        }
        None => {
            *scanned = window.len();
            None
        }
    }
}

/// Reads a decimal integer as Redis's `string2ll` does: no sign `+`, no leading zeros, no spaces, no overflow.
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    // Nineteen digits always fit in 64 bits without a sign.
    let mut magnitude = 0u64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        magnitude = magnitude * 10 + u64::from(digit);
    }
    if negative {
        0i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// Appends `words` to `out` as a multibulk request, as Redis writes it to an append-only file.
pub fn append_request(out: &mut Vec<u8>, words: Args<'_>) {
    let mut digits = itoa::Buffer::new();
    out.push(b'*');
    out.extend_from_slice(digits.format(words.len()).as_bytes());
    out.extend_from_slice(b"\r\n");
    for word in words.iter() {
        let len = digits.format(word.len());
        out.reserve(len.len() + word.len() + 5);
        out.push(b'$');
        out.extend_from_slice(len.as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests;
