//! Reading an append-only file back: requests and annotations, one after the other.
//!
//! This is the grammar of Redis's loader, not of its protocol: no inline requests, no limits, numbers as atoi(3)
//! reads them, and the two bytes behind a word are skipped whatever they are. So what Redis opens, this opens,
//! and the other way round. Two exceptions: a negative word length, on which Redis aborts, is bad format; and an
//! annotation without its line end is truncated, where Redis goes on and appends the next command to that line.
//!
//! [Checksum lines](Checksum) are verified wherever there are some.
//!
//! A [strict](Reader::strict) reader takes numbers and line ends only as every writer writes them, so that fewer bits
//! can flip unnoticed.

use std::ops::Range;

use lastsave_resp::Args;

use crate::checksum::{CHECKSUM_LINE_LEN, Checksum, ends_in_checksum};
use crate::text::leading_number;

/// The longest header or annotation; a longer line is read as several.
const MAX_LINE: usize = 1023;
const FIRST_BUFFER: usize = 64 << 10;

/// One thing read from a file of commands.
#[derive(Debug)]
pub enum Entry<'a> {
    /// A request; it has at least one word.
    Command(Args<'a>),
    /// A `#` line, without `#` and line end. `TS:1700000000` is a timestamp.
    Annotation(&'a [u8]),
}

/// Why reading stopped before the end.
#[derive(Debug)]
pub enum ReadError {
    /// The file ends inside an entry: what a crash leaves behind.
    Truncated {
        /// Where the file is whole: the end of the last whole command, or of a checksum line behind it. Other annotations
        /// belong to what is cut.
        offset: u64,
    },
    /// From somewhere inside an entry on there is nothing but zero bytes: what a power loss leaves that kept the file's
    /// size and not its last pages. To Redis this is bad format.
    ZeroTail {
        /// As for [`ReadError::Truncated`].
        offset: u64,
    },
    /// Bytes that no append ever wrote.
    BadFormat {
        /// The end of the last whole command.
        offset: u64,
    },
    /// The bytes are not those that a checksum line was written for.
    WrongChecksum {
        /// The range of the file that the checksum covers.
        range: Range<u64>,
    },
    /// The file could not be read.
    Io(std::io::Error),
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Truncated { offset } => {
                write!(f, "the file ends inside a command, behind offset {offset}")
            }
            Self::ZeroTail { offset } => {
                write!(f, "the file ends in zeros, behind offset {offset}")
            }
            Self::BadFormat { offset } => write!(f, "bad format behind offset {offset}"),
            Self::WrongChecksum { range } => write!(
                f,
                "the bytes {} to {} do not have the checksum that follows them",
                range.start, range.end
            ),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// What stopped an entry, before it is known where.
enum Stop {
    End,
    BadFormat,
    Io(std::io::Error),
}

/// Yields the entries of a file of commands.
///
/// The buffer is reused and grows only with the bytes of one entry: a header that announces more than the
/// file holds allocates nothing for it.
#[derive(Debug)]
pub struct Reader<R> {
    reader: R,
    buf: Vec<u8>,
    /// Where the entry being read begins in `buf`.
    start: usize,
    /// How far the entry is parsed, from `start`.
    parsed: usize,
    /// Where the bytes read end in `buf`.
    end: usize,
    /// The file offset of `start`.
    offset: u64,
    /// The end of the last whole command.
    whole: u64,
    /// The words of the entry, from `start`.
    words: Vec<Range<u32>>,
    strict: bool,
    /// Of the file from `unchecked_from` on, as far as `buf` was counted in: up to `summed`.
    checksum: Checksum,
    summed: usize,
    unchecked_from: u64,
}

impl<R: std::io::Read> Reader<R> {
    /// Reads from `reader`, with `ahead` (bytes read from it already) first; `offset` is the file offset of the
    /// first of them.
    pub fn new(ahead: Vec<u8>, reader: R, offset: u64) -> Self {
        let end = ahead.len();
        Self {
            reader,
            buf: ahead,
            start: 0,
            parsed: 0,
            end,
            offset,
            whole: offset,
            words: Vec::new(),
            strict: false,
            checksum: Checksum::new(),
            summed: 0,
            unchecked_from: offset,
        }
    }

    /// The same, taking nothing but what a writer of such files writes: plain digits, and `\r\n` behind each number and
    /// each word.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// The next entry; `None` at a clean end.
    ///
    /// After an error the reader says nothing more that means anything.
    pub fn next_entry(&mut self) -> Result<Option<Entry<'_>>, ReadError> {
        self.start += self.parsed;
        self.offset += self.parsed as u64;
        self.parsed = 0;
        self.words.clear();
        let first = match self.read_entry() {
            Ok(first) => first,
            Err(Stop::End) if self.start == self.end => return Ok(None),
            Err(Stop::End) if ends_in_checksum(&self.buf[self.start..self.end]) => {
                // A write is torn before its last line, not behind it: a length is wrong somewhere.
                let end = self.offset + (self.end - self.start - CHECKSUM_LINE_LEN) as u64;
                return Err(ReadError::WrongChecksum {
                    range: self.unchecked_from..end,
                });
            }
            Err(Stop::End) => return Err(ReadError::Truncated { offset: self.whole }),
            Err(Stop::BadFormat) => {
                let offset = self.whole;
                let zeros = self.ends_in_zeros().map_err(ReadError::Io)?;
                return Err(match zeros {
                    true => ReadError::ZeroTail { offset },
                    false => ReadError::BadFormat { offset },
                });
            }
            Err(Stop::Io(error)) => return Err(ReadError::Io(error)),
        };
        let entry = &self.buf[self.start..self.start + self.parsed];
        if first == b'#' {
            let text = entry[1..].strip_suffix(b"\n").unwrap_or(&entry[1..]);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            self.checksum.update(&self.buf[self.summed..self.start]);
            self.summed = self.start;
            if let Some(right) = self.checksum.verify(text) {
                let range = self.unchecked_from..self.offset;
                self.summed += self.parsed;
                self.unchecked_from = self.offset + self.parsed as u64;
                self.whole = self.unchecked_from;
                if !right {
                    return Err(ReadError::WrongChecksum { range });
                }
            }
            return Ok(Some(Entry::Annotation(text)));
        }
        self.whole = self.offset + self.parsed as u64;
        Ok(Some(Entry::Command(Args::new(entry, &self.words))))
    }

    /// The file offset behind the last entry.
    pub fn offset(&self) -> u64 {
        self.offset + self.parsed as u64
    }

    /// The bytes behind the last entry that were read already, not looked at yet.
    pub fn buffered(&self) -> &[u8] {
        &self.buf[self.start + self.parsed..self.end]
    }

    /// The offset behind the last checksum line, or where reading began: what follows is not covered yet.
    pub fn unchecked_from(&self) -> u64 {
        self.unchecked_from
    }

    /// Reads one entry into the buffer and returns its first byte.
    fn read_entry(&mut self) -> Result<u8, Stop> {
        self.need(1)?;
        match self.buf[self.start] {
            b'#' => {
                self.line()?;
                return Ok(b'#');
            }
            b'*' => {}
            _ => return Err(Stop::BadFormat),
        }
        let count = self.number()? as i32;
        if count < 1 {
            return Err(Stop::BadFormat);
        }
        for _ in 0..count {
            self.need(1)?;
            if self.buf[self.start + self.parsed] != b'$' {
                return Err(Stop::BadFormat);
            }
            let len = u64::try_from(self.number()?).map_err(|_| Stop::BadFormat)?;
            // A length that no memory could hold is more than the file does, on any machine.
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            self.need(len.saturating_add(2))?;
            let word = self.parsed..self.parsed + len;
            let (Ok(from), Ok(to)) = (u32::try_from(word.start), u32::try_from(word.end)) else {
                return Err(Stop::Io(std::io::Error::other(
                    "a command of more than 4 GiB",
                )));
            };
            let behind = self.start + word.end;
            match self.buf[behind..behind + 2] {
                [b'\r', b'\n'] => {}
                [first, _] if self.strict => {
                    self.parsed = word.end + usize::from(first == b'\r');
                    return Err(Stop::BadFormat);
                }
                // Redis skips these two bytes unseen. Zeros to the end of the file are a torn tail all the same.
                [0, 0] => {
                    self.parsed = word.end;
                    if self.ends_in_zeros().map_err(Stop::Io)? {
                        return Err(Stop::BadFormat);
                    }
                }
                _ => {}
            }
            self.words.push(from..to);
            self.parsed = word.end + 2;
        }
        Ok(b'*')
    }

    /// Whether the file ends in zeros, at least one, that begin at `parsed` or before. Keeps what it reads.
    fn ends_in_zeros(&mut self) -> Result<bool, std::io::Error> {
        let mut seen = self.parsed;
        loop {
            let unseen = self.start + seen..self.end;
            if self.buf[unseen.clone()].iter().any(|&byte| byte != 0) {
                return Ok(false);
            }
            seen += unseen.len();
            match self.fill() {
                Ok(()) => {}
                Err(Stop::Io(error)) => return Err(error),
                Err(Stop::End | Stop::BadFormat) => {
                    return Ok(self.buf[self.start..self.start + seen].ends_with(&[0]));
                }
            }
        }
    }

    /// The number on the line at `parsed`, behind its first byte.
    fn number(&mut self) -> Result<i64, Stop> {
        let bytes = &self.buf[self.start + self.parsed..self.end];
        let mut number = 0;
        let mut at = 1;
        while at < 18
            && let Some(digit) = bytes.get(at).map(|byte| byte.wrapping_sub(b'0'))
            && digit < 10
        {
            number = number * 10 + i64::from(digit);
            at += 1;
        }
        if at > 1 && bytes.get(at..at + 2) == Some(b"\r\n") && (bytes[1] != b'0' || at == 2) {
            self.parsed += at + 2;
            return Ok(number);
        }
        let line = self.line()?;
        let line = &self.buf[self.start + line.start + 1..self.start + line.end];
        if self.strict && !is_plain_number(line) {
            return Err(Stop::BadFormat);
        }
        Ok(leading_number(line))
    }

    /// Takes the line at `parsed`, its line end included.
    fn line(&mut self) -> Result<Range<usize>, Stop> {
        let start = self.parsed;
        let mut len = 0;
        while len < MAX_LINE {
            self.need(len + 1)?;
            len += 1;
            if self.buf[self.start + start + len - 1] == b'\n' {
                break;
            }
        }
        self.parsed += len;
        Ok(start..start + len)
    }

    /// Reads until there are `len` bytes behind `parsed`.
    fn need(&mut self, len: usize) -> Result<(), Stop> {
        while self.end - self.start - self.parsed < len {
            self.fill()?;
        }
        Ok(())
    }

    /// Reads more, after making room.
    fn fill(&mut self) -> Result<(), Stop> {
        if self.end == self.buf.len() {
            if self.start > 0 {
                self.checksum.update(&self.buf[self.summed..self.start]);
                self.summed = 0;
                self.buf.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            if self.end * 2 >= self.buf.len() {
                self.buf.resize((self.buf.len() * 2).max(FIRST_BUFFER), 0);
            }
        }
        loop {
            match self.reader.read(&mut self.buf[self.end..]) {
                Ok(0) => return Err(Stop::End),
                Ok(len) => {
                    self.end += len;
                    return Ok(());
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Stop::Io(error)),
            }
        }
    }
}

/// Whether a line is a number as writers write it.
fn is_plain_number(line: &[u8]) -> bool {
    line.strip_suffix(b"\r\n").is_some_and(|digits| {
        digits.iter().all(u8::is_ascii_digit)
            && (1..=18).contains(&digits.len())
            && (digits[0] != b'0' || digits.len() == 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes a few at a time.
    struct Drip<'a>(&'a [u8], usize);

    impl std::io::Read for Drip<'_> {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            let len = self.0.len().min(self.1).min(buf.len());
            buf[..len].copy_from_slice(&self.0[..len]);
            self.0 = &self.0[len..];
            Ok(len)
        }
    }

    #[derive(Debug, PartialEq, Eq)]
    enum End {
        Clean,
        Truncated(u64),
        ZeroTail(u64),
        BadFormat(u64),
    }

    /// Every entry as text, with the offset behind it, and how the reading ended.
    fn read(bytes: &[u8], drip: usize) -> (Vec<(String, u64)>, End) {
        let ahead = bytes.len().min(3);
        let mut reader = Reader::new(bytes[..ahead].to_vec(), Drip(&bytes[ahead..], drip), 0);
        let mut entries = Vec::new();
        loop {
            let text = match reader.next_entry() {
                Ok(Some(Entry::Command(args))) => format!("{args:?}"),
                Ok(Some(Entry::Annotation(text))) => text.escape_ascii().to_string(),
                Ok(None) => return (entries, End::Clean),
                Err(ReadError::Truncated { offset }) => return (entries, End::Truncated(offset)),
                Err(ReadError::ZeroTail { offset }) => return (entries, End::ZeroTail(offset)),
                Err(ReadError::BadFormat { offset }) => return (entries, End::BadFormat(offset)),
                Err(error) => panic!("{error}"),
            };
            entries.push((text, reader.offset()));
        }
    }

    fn end(bytes: &[u8]) -> End {
        read(bytes, usize::MAX).1
    }

    const LOG: &[u8] =
        b"#TS:1700000000\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n#TS:1700000001\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n";

    #[test]
    fn commands_and_annotations_in_order() {
        let expected = [
            ("TS:1700000000", 16),
            ("[\"SELECT\", \"0\"]", 39),
            ("TS:1700000001", 55),
            ("[\"SET\", \"k\", \"\"]", 81),
        ];
        let expected: Vec<_> = expected
            .map(|(text, offset)| (text.to_owned(), offset))
            .into();
        for drip in [1, 2, 7, usize::MAX] {
            assert_eq!(read(LOG, drip), (expected.clone(), End::Clean));
        }
    }

    #[test]
    fn zeros_up_to_the_end_are_a_torn_tail_wherever_they_begin() {
        // A command that lacks nothing but the last byte of its line end is whole.
        let torn = |len: &usize| ![38, 80].contains(len);
        for zeros in [1, 2, 3, 100, 2000, 70_000] {
            for len in (0..LOG.len()).filter(torn) {
                let mut bytes = LOG[..len].to_vec();
                bytes.resize(len + zeros, 0);
                let whole = if len < 39 { 0 } else { 39 };
                let (_, seen) = read(&bytes, 4096);
                // Few zeros may not fill the line or the word that they stand in.
                assert!(
                    seen == End::ZeroTail(whole) || seen == End::Truncated(whole),
                    "{zeros} zeros behind {len} bytes: {seen:?}"
                );
                bytes.push(b'x');
                assert_ne!(read(&bytes, 4096).1, End::ZeroTail(whole));
            }
        }
    }

    #[test]
    fn every_truncation_is_one_and_names_the_last_whole_command() {
        for len in 0..LOG.len() {
            let whole = if len < 39 { 0 } else { 39 };
            let (_, seen) = read(&LOG[..len], 5);
            let clean = [0, 16, 39, 55].contains(&len);
            assert_eq!(
                seen,
                if clean {
                    End::Clean
                } else {
                    End::Truncated(whole)
                },
                "{len} bytes"
            );
        }
    }

    #[test]
    fn bytes_that_no_append_wrote() {
        let cases: [&[u8]; 8] = [
            b"\0x",
            b"PING\r\n",
            b"*0\r\n",
            b"*-1\r\n",
            b"*x\r\n",
            b"*1\r\n:4\r\n",
            b"*1\r\n$-1\r\n",
            b"*4294967296\r\n$4\r\nPING\r\n",
        ];
        for bad in cases {
            assert_eq!(end(bad), End::BadFormat(0), "{}", bad.escape_ascii());
            assert_eq!(end(&[LOG, bad].concat()), End::BadFormat(LOG.len() as u64));
        }
    }

    #[test]
    fn what_the_loader_of_redis_lets_pass() {
        for odd in [
            &b"*1x\n$4 and more\r\nPING\r\n"[..],
            b"* +1\r\n$4\r\nPINGxy",
            b"*4294967297\r\n$4\r\nPING\r\n",
        ] {
            let (entries, end) = read(odd, 4);
            assert_eq!(
                (entries[0].0.as_str(), end),
                ("[\"PING\"]", End::Clean),
                "{}",
                odd.escape_ascii()
            );
        }
        let long = [b"#", &[b'x'; 1022][..], b"*1\r\n$4\r\nPING\r\n"].concat();
        assert_eq!(
            read(&long, 100).0.len(),
            2,
            "an annotation ends after 1023 bytes"
        );
    }

    #[test]
    fn a_strict_reader_lets_pass_what_writers_write() {
        let strictly = |bytes: &[u8], drip| {
            let mut reader = Reader::new(Vec::new(), Drip(bytes, drip), 0).strict(true);
            loop {
                match reader.next_entry() {
                    Ok(Some(_)) => {}
                    Ok(None) => return End::Clean,
                    Err(ReadError::Truncated { offset }) => return End::Truncated(offset),
                    Err(ReadError::ZeroTail { offset }) => return End::ZeroTail(offset),
                    Err(ReadError::BadFormat { offset }) => return End::BadFormat(offset),
                    Err(error) => panic!("{error}"),
                }
            }
        };
        for drip in [1, 3, usize::MAX] {
            assert_eq!(strictly(LOG, drip), End::Clean);
            for odd in [
                &b"*1x\n$4\r\nPING\r\n"[..],
                b"*1\n$4\r\nPING\r\n",
                b"*01\r\n$4\r\nPING\r\n",
                b"* 1\r\n$4\r\nPING\r\n",
                b"*1\r\n$04\r\nPING\r\n",
                b"*1\r\n$4\r\nPINGxy",
                b"*1\r\n$4\r\nPING\r\r",
            ] {
                let text = odd.escape_ascii();
                assert_eq!(strictly(odd, drip), End::BadFormat(0), "{text}");
            }
            for len in 0..LOG.len() {
                assert_eq!(strictly(&LOG[..len], drip), end(&LOG[..len]), "{len} bytes");
                let mut bytes = LOG[..len].to_vec();
                bytes.resize(len + 5000, 0);
                let whole = if len < 39 { 0 } else { 39 };
                let whole = if len == 81 { 81 } else { whole };
                assert_eq!(strictly(&bytes, drip), End::ZeroTail(whole), "{len} bytes");
            }
        }
    }

    #[test]
    fn announced_sizes_allocate_nothing() {
        let bytes = b"*2147483647\r\n$9223372036854775807\r\nabc";
        let mut reader = Reader::new(Vec::new(), &bytes[..], 0);
        assert!(matches!(
            reader.next_entry(),
            Err(ReadError::Truncated { offset: 0 })
        ));
        assert!(reader.buf.len() <= 2 * FIRST_BUFFER && reader.words.capacity() < 100);
    }

    #[test]
    fn a_word_larger_than_the_buffer() {
        let word = vec![b'w'; 300_000];
        let entry = [b"*2\r\n$4\r\nECHO\r\n$300000\r\n", &word[..], b"\r\n"].concat();
        let log = [LOG, &entry, &entry, LOG].concat();
        let mut reader = Reader::new(Vec::new(), Drip(&log, 1000), 100);
        let mut words = 0;
        while let Some(entry) = reader.next_entry().expect("whole") {
            if let Entry::Command(args) = entry
                && args.get(1) == Some(&word[..])
            {
                words += 1;
            }
        }
        assert_eq!((words, reader.offset()), (2, 100 + log.len() as u64));
        assert!(reader.buf.len() < 2 * entry.len() + 2 * FIRST_BUFFER);
    }
}
