//! Writing.

mod value;

use lastsave_dict::Record;
use lastsave_keyspace::{Object, Usage, UsageClock};

use crate::format::opcode;
use crate::lzf::Compressor;
use lastsave_crc::Crc64;

use value::{ValueWriter, put_length};
pub use value::{encode_value, encode_value_with};

/// How to encode.
#[derive(Clone, Copy, Debug)]
pub struct EncoderOptions {
    /// `rdbcompression`: LZF for strings over 20 bytes, where it saves at least 4.
    pub compression: bool,
    /// `rdbchecksum`: CRC-64 at the end, or eight zero bytes.
    pub checksum: bool,
    /// Tells the use of each key, if the eviction policy looks at it.
    pub usage: Option<UsageClock>,
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
        self.writer().string(bytes);
    }

    fn writer(&mut self) -> ValueWriter<'_> {
        ValueWriter {
            out: &mut self.pending,
            compressor: self.options.compression.then_some(&mut self.compressor),
        }
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
        match self.options.usage.map(|clock| clock.usage(record.tag)) {
            Some(Usage::IdleSeconds(idle_s)) => {
                out.push(opcode::IDLE);
                put_length(out, idle_s);
            }
            Some(Usage::Frequency(count)) => out.extend_from_slice(&[opcode::FREQUENCY, count]),
            Some(Usage::Unknown) | None => {}
        }
        let mut writer = self.writer();
        writer.kind(record.value);
        writer.string(record.key);
        writer.value(record.value);
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

#[cfg(test)]
mod tests;
