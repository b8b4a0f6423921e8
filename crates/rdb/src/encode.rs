//! Writing.

use lastsave_keyspace::FrozenObject;

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

/// Encodes a snapshot into a buffer that the caller drains as it goes.
pub struct Encoder {}

impl Encoder {
    /// Begins with the magic `REDIS0010` and the auxiliary fields.
    pub fn new(options: EncoderOptions, aux: &Aux) -> Self {
        let _ = (options, aux);
        todo!("helper")
    }

    /// Says how many keys, and how many with an expiry, database `db` has: SELECTDB and RESIZEDB, a hint to the loader.
    pub fn database(&mut self, db: usize, keys: u64, expiring: u64) {
        let _ = (db, keys, expiring);
        todo!("helper")
    }

    /// One key; SELECTDB before it if the database differs from the last one.
    pub fn record(&mut self, db: usize, record: &lastsave_dict::Record<'_, FrozenObject>) {
        let _ = (db, record);
        todo!("helper")
    }

    /// The end marker and the checksum. The last bytes are then in [`Encoder::pending`].
    pub fn finish(&mut self) {
        todo!("helper")
    }

    /// Bytes encoded and not drained yet.
    pub fn pending(&self) -> &[u8] {
        todo!("helper")
    }

    /// Takes the pending bytes out (they are counted in the checksum), leaving an empty buffer of `replacement`'s memory.
    pub fn take(&mut self, replacement: Vec<u8>) -> Vec<u8> {
        let _ = replacement;
        todo!("helper")
    }
}

/// The type byte and the encoded value of one key, as RDB and DUMP share them.
pub fn encode_value(
    out: &mut Vec<u8>,
    value: lastsave_dict::ValueRef<'_, FrozenObject>,
    options: EncoderOptions,
) {
    let _ = (out, value, options);
    todo!("helper")
}
