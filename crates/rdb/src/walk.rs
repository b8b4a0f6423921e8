//! For tools that show a file, or salvage from one: the primitives of the format, with the bytes that they take.
//!
//! The decoder yields values and forgets where they stood. A [`Cursor`] keeps the bytes of the record at hand, so that
//! it can be read twice: once to find its end, and once more to say what it is made of. What the parts of a record are
//! is said in the crate's description and in the module `value`; which of them follow each other here is up to the
//! caller.

use std::borrow::Cow;
use std::io::{ErrorKind, Read};
use std::ops::Range;

use lastsave_keyspace::values::listpack::{self, Item};
use lastsave_keyspace::{OwnedValue, Settings};

use crate::decode::leading_number;
use crate::format::{TYPE_NAMES, encoding};
use crate::input::Input;
use crate::value::{ValueFault, read_value};
use crate::{lzf, ziplist, zipmap};
use lastsave_crc::Crc64;

pub use crate::check::module_name;
pub use crate::format::{
    container, is_readable_type, is_value_type, module_opcode, opcode, text_score, value_type,
};
pub use crate::input::Fault;

const FIRST_BUFFER: usize = 64 << 10;

/// Bytes of the header: `REDIS` and four digits.
pub const HEADER_LEN: usize = 9;

/// Reads primitives one after the other. Memory is taken for the record between [`Cursor::mark`] and the position, and
/// never for what is announced and not there.
pub struct Cursor<R> {
    reader: R,
    /// The record's bytes are from `mark` to `at`; those read ahead go on to `end`.
    buf: Vec<u8>,
    mark: usize,
    at: usize,
    end: usize,
    /// The bytes before it are in the checksum.
    summed: usize,
    /// The file offset of `buf[mark]`.
    offset: u64,
    checksum: Crc64,
}

/// A string as it stands in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Where it is in the record, its length included.
    pub place: Range<usize>,
    /// Where its bytes are in the record, compressed or not.
    pub body: Range<usize>,
    /// How many bytes it has, decompressed.
    pub len: u64,
    /// How it is written.
    pub form: TextForm,
}

/// How a string is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextForm {
    /// As it is.
    Plain,
    /// As an integer of so many bits.
    Integer(u32),
    /// Compressed.
    Lzf,
}

impl<R: Read> Cursor<R> {
    /// Reads from the start of a file.
    pub fn new(reader: R) -> Self {
        Self::with_buffer(reader, FIRST_BUFFER)
    }

    /// As [`Cursor::new`], reading so many bytes ahead to begin with.
    pub fn with_buffer(reader: R, len: usize) -> Self {
        Self {
            reader,
            buf: vec![0; len],
            mark: 0,
            at: 0,
            end: 0,
            summed: 0,
            offset: 0,
            checksum: Crc64::new(),
        }
    }

    /// Begins a record at the position.
    pub fn mark(&mut self) {
        self.offset += (self.at - self.mark) as u64;
        self.mark = self.at;
    }

    /// Goes back to the beginning of the record.
    pub fn rewind(&mut self) {
        self.at = self.mark;
    }

    /// The file offset of the record's first byte.
    pub fn record_offset(&self) -> u64 {
        self.offset
    }

    /// The position within the record.
    pub fn at(&self) -> usize {
        self.at - self.mark
    }

    /// The bytes of the record up to the position.
    pub fn record(&self) -> &[u8] {
        &self.buf[self.mark..self.at]
    }

    /// The checksum of the whole file up to the position.
    pub fn checksum(&mut self) -> u64 {
        self.sum_to(self.at);
        self.checksum.value()
    }

    /// The bytes read ahead, and the reader.
    pub fn into_rest(mut self) -> (Vec<u8>, R) {
        self.buf.truncate(self.end);
        self.buf.drain(..self.at);
        (self.buf, self.reader)
    }

    /// The next byte, which stays there; `None` at the end of the file.
    ///
    /// # Errors
    /// If reading fails.
    pub fn peek(&mut self) -> Result<Option<u8>, Fault> {
        match self.need(1) {
            Ok(()) => Ok(Some(self.buf[self.at])),
            Err(Fault::Eof) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// The next byte.
    ///
    /// # Errors
    /// If there is none.
    pub fn byte(&mut self) -> Result<u8, Fault> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// If there are fewer.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        self.need(N)?;
        let bytes = self.buf[self.at..self.at + N].try_into();
        self.at += N;
        Ok(bytes.expect("a slice of N bytes"))
    }

    /// Takes `len` bytes, and says where they are in the record.
    ///
    /// # Errors
    /// If there are fewer.
    pub fn bytes(&mut self, len: u64) -> Result<Range<usize>, Fault> {
        let len = usize::try_from(len).map_err(|_| Fault::Eof)?;
        self.need(len)?;
        let start = self.at();
        self.at += len;
        Ok(start..start + len)
    }

    /// A length, read as the loader reads it where no encoding is expected.
    ///
    /// # Errors
    /// If it is no length, or stands for "none".
    pub fn length(&mut self) -> Result<u64, Fault> {
        match self.length_or_encoding()? {
            (Some(u64::MAX), _) => Err(Fault::LengthValue),
            (Some(length), _) => Ok(length),
            (None, first) => Ok(u64::from(first & 0x3f)),
        }
    }

    /// A length that may be any number of 64 bits.
    ///
    /// # Errors
    /// If it is no length.
    pub fn any_length(&mut self) -> Result<u64, Fault> {
        match self.length() {
            Err(Fault::LengthValue) => Ok(u64::MAX),
            other => other,
        }
    }

    /// A length, or nothing and the byte that says which encoding follows.
    fn length_or_encoding(&mut self) -> Result<(Option<u64>, u8), Fault> {
        let first = self.byte()?;
        let length = match first >> 6 {
            0 => u64::from(first),
            1 => u64::from(first & 0x3f) << 8 | u64::from(self.byte()?),
            3 => return Ok((None, first)),
            _ => match first {
                encoding::LENGTH_32 => u64::from(u32::from_be_bytes(self.array()?)),
                encoding::LENGTH_64 => u64::from_be_bytes(self.array()?),
                _ => return Err(Fault::LengthForm),
            },
        };
        Ok((Some(length), first))
    }

    /// A string. Its bytes stay where they are: see [`Cursor::content`].
    ///
    /// # Errors
    /// If it is not whole, or announces more than its compressed bytes can stand for.
    pub fn text(&mut self) -> Result<Text, Fault> {
        let start = self.at();
        let (body, len, form) = match self.length_or_encoding()? {
            (Some(u64::MAX), _) => return Err(Fault::LengthValue),
            (Some(len), _) => (self.bytes(len)?, len, TextForm::Plain),
            (None, encoding::LZF) => {
                let compressed_len = self.length()?;
                let len = self.length()?;
                let body = self.bytes(compressed_len)?;
                if !lzf::plausible(compressed_len, len) {
                    return Err(Fault::Compressed);
                }
                (body, len, TextForm::Lzf)
            }
            (None, first) => {
                let bytes = match first {
                    encoding::INT8 => 1,
                    encoding::INT16 => 2,
                    encoding::INT32 => 4,
                    _ => return Err(Fault::StringEncoding(first & 0x3f)),
                };
                let body = self.bytes(bytes)?;
                let len = integer(&self.record()[body.clone()]).to_string().len();
                (body, len as u64, TextForm::Integer(bytes as u32 * 8))
            }
        };
        Ok(Text {
            place: start..self.at(),
            body,
            len,
            form,
        })
    }

    /// The content of a string of this record.
    ///
    /// # Errors
    /// If its compressed bytes are not sound.
    pub fn content(&self, text: &Text) -> Result<Cow<'_, [u8]>, Fault> {
        let body = &self.record()[text.body.clone()];
        match text.form {
            TextForm::Plain => Ok(Cow::Borrowed(body)),
            TextForm::Integer(_) => Ok(Cow::Owned(integer(body).to_string().into_bytes())),
            // Redis takes anything for an empty string whose length says that it is empty.
            TextForm::Lzf if text.len == 0 => Ok(Cow::Borrowed(b"")),
            TextForm::Lzf => usize::try_from(text.len)
                .ok()
                .and_then(|len| lzf::decompress(body, len))
                .map(Cow::Owned)
                .ok_or(Fault::Compressed),
        }
    }

    fn need(&mut self, len: usize) -> Result<(), Fault> {
        while self.end - self.at < len {
            self.fill()?;
        }
        Ok(())
    }

    /// Reads more, at least one byte, after making room.
    fn fill(&mut self) -> Result<(), Fault> {
        if self.end == self.buf.len() {
            if self.mark > 0 {
                self.sum_to(self.mark);
                self.buf.copy_within(self.mark..self.end, 0);
                self.at -= self.mark;
                self.end -= self.mark;
                self.summed -= self.mark;
                self.mark = 0;
            }
            if self.end * 2 >= self.buf.len() {
                self.buf.resize((self.buf.len() * 2).max(FIRST_BUFFER), 0);
            }
        }
        loop {
            match self.reader.read(&mut self.buf[self.end..]) {
                Ok(0) => return Err(Fault::Eof),
                Ok(len) => {
                    self.end += len;
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Fault::Io(error)),
            }
        }
    }

    fn sum_to(&mut self, to: usize) {
        if to > self.summed {
            self.checksum.update(&self.buf[self.summed..to]);
            self.summed = to;
        }
    }
}

/// The integer of one, two or four bytes, little-endian.
fn integer(bytes: &[u8]) -> i32 {
    match *bytes {
        [a] => i32::from(a as i8),
        [a, b] => i32::from(i16::from_le_bytes([a, b])),
        [a, b, c, d] => i32::from_le_bytes([a, b, c, d]),
        _ => unreachable!("integers have one, two or four bytes"),
    }
}

/// The version in a header, if it is one.
pub fn version(header: [u8; HEADER_LEN]) -> Option<u32> {
    header.strip_prefix(b"REDIS").map(leading_number)
}

/// Redis's name of a value type, as `redis-check-rdb` prints it.
pub fn type_name(kind: u8) -> &'static str {
    match kind {
        value_type::SET_LISTPACK => "set-listpack",
        value_type::STREAM_2 => "stream-v2",
        value_type::STREAM_3 => "stream-v3",
        _ => TYPE_NAMES.get(usize::from(kind)).copied().unwrap_or(""),
    }
}

/// What small collections, and the nodes of large ones, are packed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pack {
    /// A header of 6 bytes, entries, `FF`.
    Listpack,
    /// A header of 10 bytes, entries, `FF`.
    Ziplist,
    /// A count, fields and values in turn, `FF`.
    Zipmap,
    /// A header of 8 bytes, integers.
    IntSet,
}

impl Pack {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Listpack => "listpack",
            Self::Ziplist => "ziplist",
            Self::Zipmap => "zipmap",
            Self::IntSet => "intset",
        }
    }

    /// How many bytes come before the first entry.
    pub fn header_len(self) -> usize {
        match self {
            Self::Listpack => 6,
            Self::Ziplist => 10,
            Self::Zipmap => 1,
            Self::IntSet => 8,
        }
    }

    /// The entries of `bytes` with their places, up to the end or to the first byte that begins no entry. Whether the
    /// rest of it holds is not looked at.
    pub fn entries(self, bytes: &[u8]) -> Box<dyn Iterator<Item = (Range<usize>, Item<'_>)> + '_> {
        match self {
            Self::Listpack => Box::new(listpack::entries_with_places(bytes)),
            Self::Ziplist => Box::new(ziplist::entries_with_places(bytes)),
            Self::Zipmap => Box::new(
                zipmap::entries_with_places(bytes).map(|(place, text)| (place, Item::Bytes(text))),
            ),
            Self::IntSet => {
                let width = match bytes.first() {
                    Some(width @ (2 | 4 | 8)) => usize::from(*width),
                    _ => usize::MAX,
                };
                let integers = bytes.get(self.header_len()..).unwrap_or_default();
                Box::new(
                    integers
                        .chunks_exact(width)
                        .enumerate()
                        .map(move |(index, bytes)| {
                            let at = self.header_len() + index * width;
                            let negative = bytes[width - 1] & 0x80 != 0;
                            let mut wide = [if negative { 0xff } else { 0 }; 8];
                            wide[..width].copy_from_slice(bytes);
                            (at..at + width, Item::Integer(i64::from_le_bytes(wide)))
                        }),
                )
            }
        }
    }
}

/// Why a value would be refused, or passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It has no elements: Redis passes over its key.
    Empty,
    /// Redis, and the decoder, refuse the file for it. The reason.
    Unsound(Cow<'static, str>),
}

/// Decodes a value by itself, as the loader does; `bytes` is all that stands behind its key.
///
/// # Errors
/// If the loader refuses it or passes over it.
pub fn value(kind: u8, bytes: &[u8], settings: &Settings) -> Result<OwnedValue, Refusal> {
    let mut input = Input::with_buffer(bytes, false, bytes.len());
    read_value(&mut input, kind, settings).map_err(|fault| match fault {
        ValueFault::Empty => Refusal::Empty,
        ValueFault::Corrupt(words) | ValueFault::ReadPart(_, words) => Refusal::Unsound(words.text),
        ValueFault::Read(fault) => Refusal::Unsound(fault.to_string().into()),
        ValueFault::Unsaid => Refusal::Unsound("Unsound value".into()),
        ValueFault::UnknownType => Refusal::Unsound("Unknown type of value".into()),
    })
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Eof => f.write_str("the file ends inside this record"),
            Self::Io(error) => write!(f, "reading failed: {error}"),
            Self::LengthForm => f.write_str("no form of length begins with this byte"),
            Self::LengthValue => f.write_str("an impossible length"),
            Self::StringEncoding(number) => write!(f, "unknown string encoding {number}"),
            Self::Compressed => {
                f.write_str("the compressed bytes do not decompress to their length")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes a few at a time.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            let len = self.0.len().min(3).min(buf.len());
            buf[..len].copy_from_slice(&self.0[..len]);
            self.0 = &self.0[len..];
            Ok(len)
        }
    }

    #[test]
    fn a_record_can_be_read_twice_and_the_checksum_counts_it_once() {
        let bytes = [
            b"\x03abc\xc1\x39\x30\x0c".as_slice(),
            &[b'x'; 12],
            b"\xc0\xff",
        ]
        .concat();
        let mut cursor = Cursor::new(Drip(&bytes));
        let mut seen = Vec::new();
        while cursor.peek().expect("no error").is_some() {
            cursor.mark();
            let first = cursor.text().expect("a string");
            cursor.rewind();
            assert_eq!(cursor.text().expect("a string"), first);
            seen.push((
                cursor.record_offset(),
                cursor.content(&first).expect("sound").into_owned(),
            ));
        }
        let expected: [(u64, &[u8]); 4] =
            [(0, b"abc"), (4, b"12345"), (7, &[b'x'; 12]), (20, b"-1")];
        assert_eq!(seen, expected.map(|(at, text)| (at, text.to_vec())));
        assert_eq!(cursor.checksum(), crate::crc64(&bytes));
    }

    #[test]
    fn what_is_announced_and_not_there_takes_no_memory() {
        let mut cursor = Cursor::new(&b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff"[..]);
        assert!(matches!(cursor.text(), Err(Fault::Eof)));
        assert!(cursor.buf.len() <= FIRST_BUFFER);
    }

    #[test]
    fn integers_of_an_intset_have_places() {
        let bytes = b"\x02\0\0\0\x02\0\0\0\xff\xff\x07\0";
        let entries: Vec<_> = Pack::IntSet.entries(bytes).collect();
        assert_eq!(
            entries,
            [(8..10, Item::Integer(-1)), (10..12, Item::Integer(7))]
        );
        assert_eq!(Pack::IntSet.entries(b"\x03\0\0\0\x02\0\0\0abcd").count(), 0);
    }
}
