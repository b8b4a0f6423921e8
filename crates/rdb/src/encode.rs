//! Writing.

use lastsave_dict::{Record, ValueRef};
use lastsave_keyspace::Object;

use crate::crc::Crc64;
use crate::format::{encoding, opcode, value_type};
use crate::lzf::Compressor;

/// How to encode.
#[derive(Clone, Copy, Debug)]
pub struct EncoderOptions {
    /// `rdbcompression`: LZF for strings over 20 bytes, where it saves at least 4.
    pub compression: bool,
    /// `rdbchecksum`: CRC-64 at the end, or eight zero bytes.
    pub checksum: bool,
}

/// The auxiliary fields at the head of a file.
#[derive(Clone, Debug)]
pub struct Aux {
    /// `redis-ver`.
    pub version: &'static str,
    /// `ctime`: seconds since the epoch.
    pub created_at_s: u64,
    /// `used-mem`: bytes.
    pub used_memory: u64,
    /// `aof-base`: whether the file is the base of an append-only file.
    pub aof_base: bool,
}

/// Encodes a snapshot into a buffer that the caller drains as it goes: [`Encoder::new`], then for each database
/// [`Encoder::database`] and its records, then [`Encoder::finish`]; [`Encoder::take`] at any time.
pub struct Encoder {
    options: EncoderOptions,
    compressor: Compressor,
    checksum: Crc64,
    selected: Option<usize>,
    pending: Vec<u8>,
}

impl Encoder {
    /// Begins with the magic `REDIS0010` and the auxiliary fields.
    pub fn new(options: EncoderOptions, aux: &Aux) -> Self {
        let mut encoder = Self {
            options,
            compressor: Compressor::new(),
            checksum: Crc64::new(),
            selected: None,
            pending: Vec::with_capacity(256),
        };
        encoder
            .pending
            .extend_from_slice(format!("REDIS{:04}", crate::VERSION).as_bytes());
        encoder.aux_text(b"redis-ver", aux.version.as_bytes());
        // The pointer width of the process means nothing here; every build writes the same bytes.
        encoder.aux_number(b"redis-bits", 64);
        encoder.aux_number(b"ctime", aux.created_at_s);
        encoder.aux_number(b"used-mem", aux.used_memory);
        encoder.aux_number(b"aof-base", u64::from(aux.aof_base));
        encoder
    }

    fn aux_text(&mut self, name: &[u8], value: &[u8]) {
        self.pending.push(opcode::AUX);
        self.string(name);
        self.string(value);
    }

    fn aux_number(&mut self, name: &[u8], value: u64) {
        self.aux_text(name, value.to_string().as_bytes());
    }

    fn string(&mut self, bytes: &[u8]) {
        put_string(
            &mut self.pending,
            bytes,
            self.options.compression.then_some(&mut self.compressor),
        );
    }

    /// Says how many keys, and how many with an expiry, database `db` has: SELECTDB and RESIZEDB, a hint to the loader.
    pub fn database(&mut self, db: usize, keys: u64, expiring: u64) {
        self.select(db);
        self.pending.push(opcode::RESIZE_DB);
        put_length(&mut self.pending, keys);
        put_length(&mut self.pending, expiring);
    }

    fn select(&mut self, db: usize) {
        self.selected = Some(db);
        self.pending.push(opcode::SELECT_DB);
        put_length(&mut self.pending, db as u64);
    }

    /// One key; SELECTDB before it if the database differs from the last one.
    pub fn record(&mut self, db: usize, record: &Record<'_, Object>) {
        if self.selected != Some(db) {
            self.select(db);
        }
        let out = &mut self.pending;
        if let Some(expires_at_ms) = record.expires_at_ms {
            out.push(opcode::EXPIRE_TIME_MS);
            out.extend_from_slice(&expires_at_ms.to_le_bytes());
        }
        out.push(type_of(record.value));
        self.string(record.key);
        put_value(
            &mut self.pending,
            record.value,
            self.options.compression.then_some(&mut self.compressor),
        );
    }

    /// The end marker and the checksum. The last bytes are then in [`Encoder::pending`].
    pub fn finish(&mut self) {
        self.pending.push(opcode::END);
        let checksum = if self.options.checksum {
            self.checksum.update(&self.pending);
            self.checksum.value()
        } else {
            0
        };
        self.pending.extend_from_slice(&checksum.to_le_bytes());
    }

    /// Bytes encoded and not drained yet.
    pub fn pending(&self) -> &[u8] {
        &self.pending
    }

    /// Takes the pending bytes out (they are counted in the checksum), leaving an empty buffer of `replacement`'s memory.
    pub fn take(&mut self, mut replacement: Vec<u8>) -> Vec<u8> {
        if self.options.checksum {
            self.checksum.update(&self.pending);
        }
        replacement.clear();
        std::mem::replace(&mut self.pending, replacement)
    }
}

/// The type byte and the encoded value of one key, as RDB and DUMP share them.
pub fn encode_value(out: &mut Vec<u8>, value: ValueRef<'_, Object>, options: EncoderOptions) {
    let mut compressor = options.compression.then(Compressor::new);
    encode_value_with(out, value, compressor.as_mut());
}

/// As [`encode_value`], with the memory of a compressor that lives on; without one, nothing is compressed.
pub fn encode_value_with(
    out: &mut Vec<u8>,
    value: ValueRef<'_, Object>,
    compressor: Option<&mut Compressor>,
) {
    out.push(type_of(value));
    put_value(out, value, compressor);
}

fn type_of(value: ValueRef<'_, Object>) -> u8 {
    match value {
        ValueRef::Integer(_) | ValueRef::Bytes(_) | ValueRef::Object(Object::Text(_)) => {
            value_type::STRING
        }
        ValueRef::Object(_) => todo!("collections"),
    }
}

fn put_value(out: &mut Vec<u8>, value: ValueRef<'_, Object>, compressor: Option<&mut Compressor>) {
    match value {
        ValueRef::Integer(number) => put_integer(out, number),
        ValueRef::Bytes(bytes) => put_string(out, bytes, compressor),
        ValueRef::Object(Object::Text(text)) => put_string(out, text, compressor),
        ValueRef::Object(_) => todo!("collections"),
    }
}

/// An integer in the shortest of the integer encodings, or as its decimal text if it needs more than 32 bits.
fn put_integer(out: &mut Vec<u8>, number: i64) {
    if let Ok(small) = i32::try_from(number) {
        put_small_integer(out, small);
    } else {
        let text = number.to_string();
        put_length(out, text.len() as u64);
        out.extend_from_slice(text.as_bytes());
    }
}

fn put_small_integer(out: &mut Vec<u8>, number: i32) {
    if let Ok(number) = i8::try_from(number) {
        out.push(encoding::INT8);
        out.extend_from_slice(&number.to_le_bytes());
    } else if let Ok(number) = i16::try_from(number) {
        out.push(encoding::INT16);
        out.extend_from_slice(&number.to_le_bytes());
    } else {
        out.push(encoding::INT32);
        out.extend_from_slice(&number.to_le_bytes());
    }
}

/// A string: as an integer if it is the canonical text of one of at most 32 bits, compressed if that is worth it,
/// or as it is.
fn put_string(out: &mut Vec<u8>, bytes: &[u8], compressor: Option<&mut Compressor>) {
    if let Some(number) = canonical_i32(bytes) {
        return put_small_integer(out, number);
    }
    if bytes.len() > MAX_UNCOMPRESSED
        && let Some(compressed) = compressor.and_then(|compressor| compressor.compress(bytes))
    {
        out.push(encoding::LZF);
        put_length(out, compressed.len() as u64);
        put_length(out, bytes.len() as u64);
        out.extend_from_slice(compressed);
        return;
    }
    put_length(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Strings up to this length, in bytes, are never compressed.
const MAX_UNCOMPRESSED: usize = 20;

/// The longest decimal text of an `i32`, in bytes.
const MAX_I32_TEXT: usize = 11;

/// The number whose canonical decimal text is `text`: no plus sign, no leading zero, no minus zero.
fn canonical_i32(text: &[u8]) -> Option<i32> {
    if text.len() > MAX_I32_TEXT {
        return None;
    }
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    let mut magnitude = 0_i64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        magnitude = magnitude * 10 + i64::from(digit - b'0');
    }
    i32::try_from(if negative { -magnitude } else { magnitude }).ok()
}

/// A length, in one, two, five or nine bytes.
fn put_length(out: &mut Vec<u8>, length: u64) {
    if length < 1 << 6 {
        out.push(length as u8);
    } else if length < 1 << 14 {
        out.extend_from_slice(&(length as u16 | 1 << 14).to_be_bytes());
    } else if let Ok(length) = u32::try_from(length) {
        out.push(encoding::LENGTH_32);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.push(encoding::LENGTH_64);
        out.extend_from_slice(&length.to_be_bytes());
    }
}

#[cfg(test)]
mod tests;
