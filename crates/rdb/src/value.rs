//! Reading values.

use std::borrow::Cow;
use std::io::Read;

use lastsave_keyspace::{OwnedValue, Settings};

use crate::format::value_type;
use crate::input::{Fault, Input};

/// Why a value cannot be read.
#[derive(Debug)]
pub(crate) enum ValueFault {
    /// A primitive cannot be read.
    Read(Fault),
    /// A primitive cannot be read; if that is because the input ends, Redis says it in these words.
    ReadPart(Fault, Words),
    /// The value is unsound.
    Corrupt(Words),
    /// The value is unsound; Redis gives no reason.
    Unsaid,
    /// A collection has no elements.
    Empty,
    /// There is no such type, or values of it are not read.
    UnknownType,
}

/// What Redis says of an unsound value, and the line of its `rdb.c` that says so.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) line: u32,
    pub(crate) text: Cow<'static, str>,
}

impl From<Fault> for ValueFault {
    fn from(fault: Fault) -> Self {
        Self::Read(fault)
    }
}

/// Reads the value of a key whose type is `kind`, in the encoding that `settings` ask for.
pub(crate) fn read_value<R: Read>(
    input: &mut Input<R>,
    kind: u8,
    settings: &Settings,
) -> Result<OwnedValue, ValueFault> {
    let _ = settings;
    match kind {
        value_type::STRING => Ok(OwnedValue::Text(input.string()?)),
        _ => Err(ValueFault::UnknownType),
    }
}
