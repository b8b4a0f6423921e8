//! Reading.

use std::borrow::Cow;
use std::fmt;
use std::io::Read;

use lastsave_keyspace::{OwnedValue, Settings, Usage};

use crate::check::module_name;
use crate::format::{is_readable_type, opcode, value_type};
use crate::input::{Fault, Input};
use crate::value::{ValueFault, Words, read_value};

/// The newest version whose files can be read, as far as they contain nothing but what version 10 knows.
const NEWEST_READABLE_VERSION: u32 = 12;

/// The first version with a checksum at the end.
const FIRST_CHECKSUMMED_VERSION: u32 = 5;

/// One thing read from a file.
#[derive(Clone, Debug)]
pub enum Item {
    /// An auxiliary field.
    Aux(Vec<u8>, Vec<u8>),
    /// The keys to come belong to this database.
    SelectDb(u64),
    /// A hint: how many keys the database has, and how many of them expire. Nothing vouches for it.
    ResizeDb(u64, u64),
    /// A key.
    Key {
        /// Its name.
        key: Vec<u8>,
        /// Its value.
        value: OwnedValue,
        /// Its expiry, in milliseconds since the epoch; one before the epoch is given as 0.
        expires_at_ms: Option<u64>,
        /// What is known of its use.
        usage: Usage,
    },
    /// A key whose value is a collection without elements. Redis passes over it, and counts it.
    EmptyKey(Vec<u8>),
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
    /// Functions, or the data of a module: refused rather than passed over, since the next save would lose them. In Redis's
    /// words, if it has any.
    Foreign(Cow<'static, str>),
    /// A length, an encoding, a compressed string or a value that cannot be.
    Malformed(Cow<'static, str>),
    /// A value that contradicts itself, in Redis's words.
    Unsound(Words),
    /// The checksum at the end differs from the content's.
    WrongChecksum {
        /// As stored.
        expected: u64,
        /// As computed.
        actual: u64,
    },
}

impl fmt::Display for DecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnexpectedEof => f.write_str("Unexpected EOF reading RDB file"),
            Self::Io(error) => write!(f, "Error reading RDB file: {error}"),
            Self::WrongSignature => f.write_str("Wrong signature trying to load DB from file"),
            Self::UnsupportedVersion(version) => {
                write!(f, "Can't handle RDB format version {version}")
            }
            Self::UnknownType(number) => write!(f, "Invalid object type: {number}"),
            Self::Foreign(what) | Self::Malformed(what) => f.write_str(what),
            Self::Unsound(words) => f.write_str(&words.text),
            // Redis calls the computed checksum the expected one.
            Self::WrongChecksum { expected, actual } => {
                write!(
                    f,
                    "Wrong RDB checksum expected: ({actual:x}) but got ({expected:x}). Aborting now."
                )
            }
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[offset {}] {}", self.offset, self.kind)
    }
}

impl std::error::Error for DecodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            DecodeErrorKind::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Fault> for DecodeErrorKind {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Eof => Self::UnexpectedEof,
            Fault::Io(error) => Self::Io(error),
            Fault::LengthForm => Self::Malformed("Unknown length encoding".into()),
            Fault::LengthValue => Self::Malformed("Impossible length".into()),
            Fault::StringEncoding(_) => Self::Malformed("Unknown RDB string encoding type".into()),
            Fault::Compressed => Self::Malformed("Invalid LZF compressed string".into()),
        }
    }
}

/// Yields the items of a file: [`Decoder::new`], then [`Decoder::next_item`] until [`Item::End`] or an error.
pub struct Decoder<R> {
    input: Input<R>,
    version: u32,
    item_start: u64,
    /// Which encodings values get.
    settings: Settings,
    /// What the opcodes before a key said of its expiry.
    expires_at_ms: Option<u64>,
    /// What they said of its use.
    usage: Usage,
    /// Where the field being read begins.
    field_start: u64,
}

impl<R: Read> Decoder<R> {
    /// Reads and checks the header. `checksum`: whether to compare the CRC (`rdbchecksum`). Values get the encodings
    /// of the default settings.
    pub fn new(reader: R, checksum: bool) -> Result<Self, DecodeError> {
        Self::with_settings(reader, checksum, Settings::default())
    }

    /// As [`Decoder::new`]; values get the encodings of these settings.
    pub fn with_settings(
        reader: R,
        checksum: bool,
        settings: Settings,
    ) -> Result<Self, DecodeError> {
        let mut decoder = Self {
            input: Input::new(reader, checksum),
            version: 0,
            item_start: 0,
            settings,
            expires_at_ms: None,
            usage: Usage::Unknown,
            field_start: 0,
        };
        decoder.version = decoder.header().map_err(|kind| decoder.error(kind))?;
        Ok(decoder)
    }

    fn header(&mut self) -> Result<u32, DecodeErrorKind> {
        let header: [u8; 9] = self.input.array()?;
        let version = match header.strip_prefix(b"REDIS") {
            Some(digits) => leading_number(digits),
            None => return Err(DecodeErrorKind::WrongSignature),
        };
        if (1..=NEWEST_READABLE_VERSION).contains(&version) {
            Ok(version)
        } else {
            Err(DecodeErrorKind::UnsupportedVersion(version))
        }
    }

    /// The version in the header.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The offset behind the last item.
    pub fn offset(&self) -> u64 {
        self.input.offset()
    }

    /// The offset of the last item's first byte. The opcodes that say a key's expiry and idle time belong to the
    /// key; the checksum belongs to the end.
    pub fn item_start(&self) -> u64 {
        self.item_start
    }

    /// The next item. After [`Item::End`] do not call again; the bytes behind it, if any, are not consumed.
    pub fn next_item(&mut self) -> Result<Item, DecodeError> {
        self.item_start = self.input.offset();
        self.read_item().map_err(|kind| self.error(kind))
    }

    /// Gives the reader back with the bytes that were read ahead and not consumed: the tail of an old
    /// append-only file with an RDB preamble.
    pub fn into_rest(self) -> (Vec<u8>, R) {
        self.input.into_rest()
    }

    fn error(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError {
            offset: self.field_start,
            kind,
        }
    }

    fn read_item(&mut self) -> Result<Item, DecodeErrorKind> {
        loop {
            match self.field(Input::byte)? {
                opcode::EXPIRE_TIME => {
                    let seconds = i32::from_le_bytes(self.field(Input::array)?);
                    self.expires_at_ms = expiry(i64::from(seconds) * 1_000);
                }
                opcode::EXPIRE_TIME_MS => {
                    self.expires_at_ms = expiry(i64::from_le_bytes(self.field(Input::array)?));
                }
                opcode::FREQUENCY => {
                    self.usage = Usage::Frequency(self.field(Input::byte)?);
                }
                opcode::IDLE => self.usage = Usage::IdleSeconds(self.field(Input::length)?),
                opcode::SLOT_INFO if self.version >= 12 => {
                    for _ in 0..3 {
                        self.field(Input::length)?;
                    }
                }
                opcode::AUX => {
                    return Ok(Item::Aux(
                        self.field(Input::string)?,
                        self.field(Input::string)?,
                    ));
                }
                opcode::SELECT_DB => return Ok(Item::SelectDb(self.field(Input::length)?)),
                opcode::RESIZE_DB => {
                    return Ok(Item::ResizeDb(
                        self.field(Input::length)?,
                        self.field(Input::length)?,
                    ));
                }
                opcode::END => return self.end(),
                kind if is_readable_type(kind) => return self.key_and_value(kind),
                opcode::MODULE_AUX => return Err(self.foreign("AUX module data", "module")?),
                value_type::MODULE | value_type::MODULE_2 => {
                    let start = self.field_start;
                    self.field(Input::string)?;
                    let refusal = self.foreign("module data", "module type")?;
                    self.field_start = start;
                    return Err(refusal);
                }
                opcode::FUNCTION | opcode::FUNCTION2 => {
                    let words = "The RDB file contains functions, which cannot be loaded here";
                    return Err(DecodeErrorKind::Foreign(words.into()));
                }
                other => return Err(DecodeErrorKind::UnknownType(other)),
            }
        }
    }

    /// What is to be said of a module's data, at the module's number.
    fn foreign(&mut self, data: &str, whose: &str) -> Result<DecodeErrorKind, DecodeErrorKind> {
        let start = self.field_start;
        let name = module_name(self.field(Input::length)?);
        self.field_start = start;
        let words =
            format!("The RDB file contains {data} I can't load: no matching {whose} '{name}'");
        Ok(DecodeErrorKind::Foreign(words.into()))
    }

    fn key_and_value(&mut self, kind: u8) -> Result<Item, DecodeErrorKind> {
        let key = self.field(Input::string)?;
        self.field_start = self.input.offset();
        let expires_at_ms = self.expires_at_ms.take();
        let usage = std::mem::take(&mut self.usage);
        match read_value(&mut self.input, kind, &self.settings) {
            Ok(value) => Ok(Item::Key {
                key,
                value,
                expires_at_ms,
                usage,
            }),
            Err(ValueFault::Empty) => Ok(Item::EmptyKey(key)),
            Err(ValueFault::Read(fault) | ValueFault::ReadPart(fault, _)) => Err(fault.into()),
            Err(ValueFault::Corrupt(words)) => Err(DecodeErrorKind::Unsound(words)),
            Err(ValueFault::Unsaid) => Err(DecodeErrorKind::Malformed("Unsound value".into())),
            Err(ValueFault::UnknownType) => Err(DecodeErrorKind::UnknownType(kind)),
        }
    }

    /// Reads one field and remembers where it begins, should it prove unreadable.
    fn field<T>(
        &mut self,
        read: impl FnOnce(&mut Input<R>) -> Result<T, Fault>,
    ) -> Result<T, DecodeErrorKind> {
        self.field_start = self.input.offset();
        Ok(read(&mut self.input)?)
    }

    fn end(&mut self) -> Result<Item, DecodeErrorKind> {
        if self.version >= FIRST_CHECKSUMMED_VERSION {
            let actual = self.input.checksum();
            let expected = u64::from_le_bytes(self.field(Input::array)?);
            if let Some(actual) = actual
                && expected != 0
                && expected != actual
            {
                return Err(DecodeErrorKind::WrongChecksum { expected, actual });
            }
        }
        Ok(Item::End)
    }
}

/// An expiry as stored, where -1 means none.
fn expiry(stored_ms: i64) -> Option<u64> {
    (stored_ms != -1).then(|| stored_ms.max(0) as u64)
}

/// The decimal number that `text` begins with, as C's `atoi` reads it; 0 for none, and for a negative one.
pub(crate) fn leading_number(text: &[u8]) -> u32 {
    let text = text.trim_ascii_start();
    let digits = text.strip_prefix(b"+").unwrap_or(text);
    digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
}

#[cfg(test)]
mod tests;
