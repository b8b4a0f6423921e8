//! Values: what does not live inside its table entry, and strings in every form.

use std::sync::Arc;

use lastsave_dict::{EntryRef, Tag, Value, ValueRef};

use crate::{number, tag};

/// A value behind a pointer. Short strings and integers live in the entry itself.
#[derive(Debug)]
pub enum Object {
    /// A long string, shared with a snapshot that is still writing it: a change copies it only then.
    Text(Arc<Vec<u8>>),
}

/// What a snapshot holds of an [`Object`].
#[derive(Clone, Debug)]
pub enum FrozenObject {
    /// The string as it was at the cut.
    Text(Arc<Vec<u8>>),
}

impl lastsave_dict::Object for Object {
    type Frozen = FrozenObject;

    fn freeze(&self) -> FrozenObject {
        match self {
            Self::Text(text) => FrozenObject::Text(Arc::clone(text)),
        }
    }
}

/// A value on its way in, as a decoder yields it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnedValue {
    /// A string.
    Text(Vec<u8>),
}

/// The longest string that lives inside its entry, in bytes.
pub(crate) const INLINE_LEN: usize = 1024;

/// The longest text that is tried as an integer: a sign and nineteen digits.
const INTEGER_TEXT_LEN: usize = 20;

/// The longest string whose encoding is called `embstr`.
const EMBSTR_LEN: usize = 44;

/// `text` as a value: an integer if it reads back the same, else the bytes.
pub(crate) fn text_value(text: &[u8]) -> Value<'_, Object> {
    if text.len() <= INTEGER_TEXT_LEN
        && let Some(number) = number::parse_i64(text)
    {
        return Value::Integer(number);
    }
    bytes_value(text)
}

/// `text` as a value, even if it is an integer.
pub(crate) fn bytes_value(text: &[u8]) -> Value<'_, Object> {
    if text.len() <= INLINE_LEN {
        Value::Bytes(text)
    } else {
        Value::Object(Object::Text(Arc::new(text.to_vec())))
    }
}

/// A string, wherever it lives: an integer is printed into the buffer inside.
pub(crate) enum Text<'a> {
    Borrowed(&'a [u8]),
    Printed(itoa::Buffer, i64),
}

impl<'a> Text<'a> {
    pub(crate) fn of(value: ValueRef<'a, Object>) -> Self {
        match value {
            ValueRef::Integer(number) => Self::Printed(itoa::Buffer::new(), number),
            ValueRef::Bytes(bytes) => Self::Borrowed(bytes),
            ValueRef::Object(Object::Text(text)) => Self::Borrowed(text),
        }
    }

    pub(crate) fn as_bytes(&mut self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Printed(buffer, number) => buffer.format(*number).as_bytes(),
        }
    }
}

/// The value of an entry, copied out of the table (a long string is shared until either side changes).
pub(crate) enum Stored {
    Integer(i64),
    Bytes(Vec<u8>),
    Object(Object),
}

impl Stored {
    pub(crate) fn copy_of(value: ValueRef<'_, Object>) -> Self {
        match value {
            ValueRef::Integer(number) => Self::Integer(number),
            ValueRef::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
            ValueRef::Object(Object::Text(text)) => Self::Object(Object::Text(Arc::clone(text))),
        }
    }

    pub(crate) fn into_value(self, bytes: &mut Vec<u8>) -> Value<'_, Object> {
        match self {
            Self::Integer(number) => Value::Integer(number),
            Self::Bytes(copied) => {
                *bytes = copied;
                Value::Bytes(bytes)
            }
            Self::Object(object) => Value::Object(object),
        }
    }
}

/// The name of an entry's encoding, as OBJECT ENCODING says it.
pub fn encoding_name(entry: &EntryRef<'_, Object>) -> &'static str {
    encoding_of(entry.value(), entry.tag())
}

fn encoding_of(value: ValueRef<'_, Object>, tag: Tag) -> &'static str {
    match value {
        ValueRef::Integer(_) => "int",
        ValueRef::Bytes(bytes) if bytes.len() <= EMBSTR_LEN && !tag::is_raw(tag) => "embstr",
        ValueRef::Bytes(_) | ValueRef::Object(Object::Text(_)) => "raw",
    }
}
