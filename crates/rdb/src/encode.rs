//! Writing.

mod value;

use lastsave_dict::{Object as _, Record, ValueRef};
use lastsave_keyspace::{Object, Usage, UsageClock};

use crate::format::opcode;
use crate::lzf::Compressor;
use lastsave_crc::Crc64;

use value::{Rest, ValueWriter, put_length};
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

/// Values that take no more memory than this, in bytes, are encoded at once.
const SMALL_BYTES: usize = 64 << 10;

/// About so many bytes are added to the buffer by one [`Encoder::advance`].
const ADVANCE_LEN: usize = 64 << 10;

/// Encodes a snapshot into a buffer that the caller drains as it goes: [`Encoder::new`], then for each database
/// [`Encoder::database`] and its records, then [`Encoder::finish`]; [`Encoder::take`] at any time.
///
/// A record is either added whole, by [`Encoder::record`], or by [`Encoder::begin`] and [`Encoder::advance`] until there is no
/// more of it: then the buffer grows by a bounded number of bytes at a time, whatever the size of the value (but of an
/// element in it).
#[derive(Clone)]
pub struct Encoder {
    options: EncoderOptions,
    compressor: Compressor,
    checksum: Crc64,
    selected: Option<usize>,
    /// A large value that is not written whole yet.
    open: Option<(Object, Rest)>,
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
            open: None,
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
            compressor: &mut self.compressor,
            compresses: self.options.compression,
            parts_strings: true,
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
        self.begin(db, record);
        while self.advance() {}
    }

    /// As [`Encoder::record`], but a large value may be left open.
    ///
    /// # Panics
    /// If one is open already.
    pub fn begin(&mut self, db: usize, record: &Record<'_, Object>) {
        assert!(self.open.is_none(), "the value before is not whole");
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
        match record.value {
            ValueRef::Object(object) if object.memory_bytes() > SMALL_BYTES => {
                self.open = writer.begin(object).map(|rest| (object.clone(), rest));
            }
            value => writer.value(value),
        }
    }

    /// Goes on with the value that is open. Returns false if there is none.
    pub fn advance(&mut self) -> bool {
        let Some((object, mut rest)) = self.open.take() else {
            return false;
        };
        let enough = self.pending.len() + ADVANCE_LEN;
        let mut writer = self.writer();
        while let Some(next) = writer.piece(&object, rest) {
            if writer.out.len() >= enough {
                self.open = Some((object, next));
                break;
            }
            rest = next;
        }
        true
    }

    /// The end marker and the checksum. The last bytes are then in [`Encoder::pending`].
    ///
    /// # Panics
    /// If a value is open.
    pub fn finish(&mut self) {
        assert!(self.open.is_none(), "the last value is not whole");
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
