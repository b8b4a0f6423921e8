//! Reading.

use lastsave_keyspace::OwnedValue;

/// One thing read from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// An auxiliary field.
    Aux(Vec<u8>, Vec<u8>),
    /// The keys to come belong to this database.
    SelectDb(u64),
    /// A hint: how many keys the database has, and how many of them expire.
    ResizeDb(u64, u64),
    /// A key.
    Key {
        /// Its name.
        key: Vec<u8>,
        /// Its value.
        value: OwnedValue,
        /// Its expiry, in milliseconds since the epoch.
        expires_at_ms: Option<u64>,
    },
    /// The end, with its checksum right or switched off. Nothing follows.
    End,
}

/// Why a file is refused, and where: [`DecodeError::offset`] is the first byte not understood.
#[derive(Debug)]
pub struct DecodeError {
    /// The offset of the item or field that could not be read.
    pub offset: u64,
    /// What is wrong with it.
    pub kind: DecodeErrorKind,
}

/// See [`DecodeError`].
#[derive(Debug)]
pub enum DecodeErrorKind {
    /// The file ends inside an item.
    UnexpectedEof,
    /// Reading failed.
    Io(std::io::Error),
    /// It does not open with `REDIS` and a number.
    WrongSignature,
    /// A version that this decoder does not know.
    UnsupportedVersion(u32),
    /// A value type or opcode that this decoder does not know.
    UnknownType(u8),
    /// A length, an encoding or a compressed string that cannot be.
    Malformed(&'static str),
    /// The checksum at the end differs from the content's.
    WrongChecksum {
        /// As stored.
        expected: u64,
        /// As computed.
        actual: u64,
    },
}

/// Yields the items of a file.
pub struct Decoder<R> {
    _reader: R,
}

impl<R: std::io::Read> Decoder<R> {
    /// Reads and checks the header. `checksum`: whether to compare the CRC (`rdbchecksum`).
    pub fn new(reader: R, checksum: bool) -> Result<Self, DecodeError> {
        let _ = (reader, checksum);
        todo!("helper")
    }

    /// The version in the header.
    pub fn version(&self) -> u32 {
        todo!("helper")
    }

    /// The offset behind the last item.
    pub fn offset(&self) -> u64 {
        todo!("helper")
    }

    /// The next item. After [`Item::End`] do not call again; the bytes behind it, if any, are not consumed.
    pub fn next_item(&mut self) -> Result<Item, DecodeError> {
        todo!("helper")
    }

    /// Gives the reader back with the bytes that were read ahead and not consumed: the tail of an old
    /// append-only file with an RDB preamble.
    pub fn into_rest(self) -> (Vec<u8>, R) {
        todo!("helper")
    }
}
