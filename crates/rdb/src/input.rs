//! A buffered reader that counts, checksums and reads the primitives of the format.

use std::io::{ErrorKind, Read};

use crate::format::encoding;
use crate::lzf;
use lastsave_crc::Crc64;

const BUFFER_BYTES: usize = 256 * 1024;

/// Why a primitive could not be read.
#[derive(Debug)]
pub enum Fault {
    /// The input ends first.
    Eof,
    /// Reading failed.
    Io(std::io::Error),
    /// A length whose first byte announces no form of length.
    LengthForm,
    /// The one length of 64 bits that stands for "none".
    LengthValue,
    /// A string encoding other than the four there are.
    StringEncoding(u8),
    /// A compressed string that does not decompress to its length.
    Compressed,
}

pub(crate) struct Input<R> {
    reader: R,
    buffer: Vec<u8>,
    /// The buffered bytes not consumed yet are `position..filled`.
    position: usize,
    filled: usize,
    /// The buffered bytes consumed and not checksummed yet are `summed..position`.
    summed: usize,
    /// The offset of the buffer's first byte.
    buffer_offset: u64,
    /// The offset at which the last primitive read began.
    read_offset: u64,
    checksum: Option<Crc64>,
}

impl<R: Read> Input<R> {
    pub(crate) fn new(reader: R, checksum: bool) -> Self {
        Self::with_buffer(reader, checksum, BUFFER_BYTES)
    }

    /// For input of about `len` bytes.
    pub(crate) fn with_buffer(reader: R, checksum: bool, len: usize) -> Self {
        Self {
            reader,
            buffer: vec![0; len.clamp(1, BUFFER_BYTES)],
            position: 0,
            filled: 0,
            summed: 0,
            buffer_offset: 0,
            read_offset: 0,
            checksum: checksum.then(Crc64::new),
        }
    }

    /// The number of bytes consumed.
    pub(crate) fn offset(&self) -> u64 {
        self.buffer_offset + self.position as u64
    }

    /// Where the last read of one byte, a fixed number of bytes or a string's bytes began.
    pub(crate) fn read_offset(&self) -> u64 {
        self.read_offset
    }

    /// The checksum of the bytes consumed, if one is kept.
    pub(crate) fn checksum(&mut self) -> Option<u64> {
        self.sum_consumed();
        self.checksum.as_ref().map(Crc64::value)
    }

    /// The buffered bytes not consumed, and the reader.
    pub(crate) fn into_rest(mut self) -> (Vec<u8>, R) {
        self.buffer.truncate(self.filled);
        self.buffer.drain(..self.position);
        (self.buffer, self.reader)
    }

    fn sum_consumed(&mut self) {
        if let Some(checksum) = &mut self.checksum {
            checksum.update(&self.buffer[self.summed..self.position]);
        }
        self.summed = self.position;
    }

    fn available(&self) -> &[u8] {
        &self.buffer[self.position..self.filled]
    }

    /// Replaces the buffer, all of it consumed, by the next bytes of the reader.
    fn refill(&mut self) -> Result<(), Fault> {
        self.sum_consumed();
        self.buffer_offset += self.position as u64;
        (self.position, self.filled, self.summed) = (0, 0, 0);
        self.filled = read_some(&mut self.reader, &mut self.buffer)?;
        Ok(())
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Fault> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        self.read_offset = self.offset();
        if let Some(bytes) = self.available().first_chunk::<N>() {
            let bytes = *bytes;
            self.position += N;
            return Ok(bytes);
        }
        let mut bytes = [0; N];
        let mut have = 0;
        while have < N {
            if self.available().is_empty() {
                self.refill()?;
            }
            let taken = (N - have).min(self.available().len());
            bytes[have..have + taken].copy_from_slice(&self.available()[..taken]);
            self.position += taken;
            have += taken;
        }
        Ok(bytes)
    }

    /// The next `length` bytes. The memory taken stays within twice what is really there to read.
    pub(crate) fn bytes(&mut self, length: u64) -> Result<Vec<u8>, Fault> {
        self.read_offset = self.offset();
        let length = usize::try_from(length).map_err(|_| Fault::Eof)?;
        if length <= self.available().len() {
            let bytes = self.available()[..length].to_vec();
            self.position += length;
            return Ok(bytes);
        }
        let mut bytes = self.available().to_vec();
        self.position = self.filled;
        // What follows goes straight into the string, past the buffer, which is left empty at the new offset.
        self.sum_consumed();
        self.buffer_offset += self.position as u64;
        (self.position, self.filled, self.summed) = (0, 0, 0);
        while bytes.len() < length {
            let have = bytes.len();
            let step = have.max(BUFFER_BYTES).min(length - have);
            bytes.resize(have + step, 0);
            let mut end = have;
            while end < have + step {
                match read_some(&mut self.reader, &mut bytes[end..]) {
                    Ok(count) => end += count,
                    Err(fault) => return Err(fault),
                }
            }
            if let Some(checksum) = &mut self.checksum {
                checksum.update(&bytes[have..]);
            }
            self.buffer_offset += step as u64;
        }
        Ok(bytes)
    }

    /// A length, where no encoding is expected: the low six bits of one are then taken for the length, as Redis does.
    pub(crate) fn length(&mut self) -> Result<u64, Fault> {
        match self.length_or_encoding()? {
            Length::Plain(length) => Ok(length),
            Length::Encoding(byte) => Ok(u64::from(byte & 0x3f)),
        }
    }

    /// A length that may be any number of 64 bits.
    pub(crate) fn any_length(&mut self) -> Result<u64, Fault> {
        match self.length() {
            Err(Fault::LengthValue) => Ok(u64::MAX),
            other => other,
        }
    }

    fn length_or_encoding(&mut self) -> Result<Length, Fault> {
        let first = self.byte()?;
        let length = match first >> 6 {
            0 => u64::from(first),
            1 => u64::from(first & 0x3f) << 8 | u64::from(self.byte()?),
            3 => return Ok(Length::Encoding(first)),
            _ => match first {
                encoding::LENGTH_32 => u64::from(u32::from_be_bytes(self.array()?)),
                encoding::LENGTH_64 => u64::from_be_bytes(self.array()?),
                _ => return Err(Fault::LengthForm),
            },
        };
        if length == u64::MAX {
            Err(Fault::LengthValue)
        } else {
            Ok(Length::Plain(length))
        }
    }

    /// A string in any of its encodings, as its bytes.
    pub(crate) fn string(&mut self) -> Result<Vec<u8>, Fault> {
        // Most strings are short, and whole in the buffer.
        if let Some((&len @ 0..64, rest)) = self.available().split_first()
            && let Some(bytes) = rest.get(..usize::from(len))
        {
            let bytes = bytes.to_vec();
            self.read_offset = self.offset() + 1;
            self.position += 1 + bytes.len();
            return Ok(bytes);
        }
        let first = match self.length_or_encoding()? {
            Length::Plain(length) => return self.bytes(length),
            Length::Encoding(first) => first,
        };
        let number = match first {
            encoding::INT8 => i32::from(i8::from_le_bytes(self.array()?)),
            encoding::INT16 => i32::from(i16::from_le_bytes(self.array()?)),
            encoding::INT32 => i32::from_le_bytes(self.array()?),
            encoding::LZF => return self.compressed_string(),
            _ => return Err(Fault::StringEncoding(first & 0x3f)),
        };
        Ok(itoa::Buffer::new().format(number).as_bytes().to_vec())
    }

    fn compressed_string(&mut self) -> Result<Vec<u8>, Fault> {
        let compressed_length = self.length()?;
        let length = self.length()?;
        let compressed = self.bytes(compressed_length)?;
        if length == 0 {
            // Redis takes any compressed bytes for the empty string here: its decompressor's failure and an empty
            // result are both zero.
            return Ok(Vec::new());
        }
        let length = usize::try_from(length).map_err(|_| Fault::Compressed)?;
        lzf::decompress(&compressed, length).ok_or(Fault::Compressed)
    }
}

enum Length {
    Plain(u64),
    /// The whole first byte: `11` and six bits that say which encoding.
    Encoding(u8),
}

/// At least one byte.
fn read_some(reader: &mut impl Read, into: &mut [u8]) -> Result<usize, Fault> {
    loop {
        match reader.read(into) {
            Ok(0) => return Err(Fault::Eof),
            Ok(count) => return Ok(count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Fault::Io(error)),
        }
    }
}
