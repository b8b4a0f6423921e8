//! Values: what does not live inside its table entry, and strings in every form.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use lastsave_dict::{EntryRef, ObjectMut, Tag, Value, ValueRef};

use crate::values::{Hash, List, Set, SortedSet, Stream};
use crate::{number, tag};

/// A value behind a pointer. Short strings and integers live in the entry itself.
///
/// A clone is cheap and shares what it can; a change afterwards copies only the parts that it touches. So a snapshot takes
/// clones, and COPY too.
#[derive(Clone, Debug)]
pub enum Object {
    /// A long string.
    Text(Arc<Vec<u8>>),
    /// A list.
    List(List),
    /// A set.
    Set(Set),
    /// A hash.
    Hash(Hash),
    /// A sorted set.
    SortedSet(SortedSet),
    /// A stream.
    Stream(Stream),
}

/// What a value is, as TYPE says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is Redis's type of the same name")]
pub enum Type {
    String,
    List,
    Set,
    SortedSet,
    Hash,
    Stream,
}

impl Type {
    /// Its name: `zset` for a sorted set.
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::SortedSet => "zset",
            Self::Hash => "hash",
            Self::Stream => "stream",
        }
    }

    /// The type of a value.
    pub fn of(value: ValueRef<'_, Object>) -> Self {
        match value {
            ValueRef::Integer(_) | ValueRef::Bytes(_) => Self::String,
            ValueRef::Object(object) => object.kind(),
        }
    }
}

impl Object {
    /// Its type.
    pub fn kind(&self) -> Type {
        match self {
            Self::Text(_) => Type::String,
            Self::List(_) => Type::List,
            Self::Set(_) => Type::Set,
            Self::Hash(_) => Type::Hash,
            Self::SortedSet(_) => Type::SortedSet,
            Self::Stream(_) => Type::Stream,
        }
    }
}

/// Bytes of an [`Object`] itself on a 64-bit machine, where most people will compare.
const OBJECT_BYTES: usize = 32;

/// Bytes beside the text of a long string, likewise: counts, pointer, capacity and length.
const TEXT_BYTES: usize = 40;

impl lastsave_dict::Object for Object {
    type Frozen = Self;

    fn freeze(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        OBJECT_BYTES
            + match self {
                Self::Text(text) => TEXT_BYTES + text.len(),
                Self::List(list) => list.memory_bytes(),
                Self::Set(set) => set.memory_bytes(),
                Self::Hash(hash) => hash.memory_bytes(),
                Self::SortedSet(sorted_set) => sorted_set.memory_bytes(),
                Self::Stream(stream) => stream.memory_bytes(),
            }
    }
}

/// A type of value with elements.
pub(crate) trait Collection: Default {
    /// The collection, if the object is of this type.
    fn of(object: &Object) -> Option<&Self>;
    /// The collection to be changed, if the object is of this type.
    fn of_mut(object: &mut Object) -> Option<&mut Self>;
    /// The collection as a value.
    fn into_object(self) -> Object;
    /// Whether there are no elements: Redis keeps no such value, streams excepted.
    fn is_empty(&self) -> bool;
}

macro_rules! collection {
    ($type:ident) => {
        impl Collection for $type {
            fn of(object: &Object) -> Option<&Self> {
                match object {
                    Object::$type(collection) => Some(collection),
                    _ => None,
                }
            }

            fn of_mut(object: &mut Object) -> Option<&mut Self> {
                match object {
                    Object::$type(collection) => Some(collection),
                    _ => None,
                }
            }

            fn into_object(self) -> Object {
                Object::$type(self)
            }

            fn is_empty(&self) -> bool {
                $type::is_empty(self)
            }
        }
    };
}

collection!(List);
collection!(Set);
collection!(Hash);
collection!(SortedSet);
collection!(Stream);

/// A collection in the table that is being changed; its memory is counted anew when it is let go.
pub(crate) struct Edit<'a, T> {
    object: ObjectMut<'a, Object>,
    _type: PhantomData<T>,
}

impl<'a, T: Collection> Edit<'a, T> {
    /// `None` if the object is of another type.
    pub(crate) fn new(object: ObjectMut<'a, Object>) -> Option<Self> {
        T::of(&object)?;
        Some(Self {
            object,
            _type: PhantomData,
        })
    }
}

impl<T: Collection> Deref for Edit<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        T::of(&self.object).expect("the type was looked at")
    }
}

impl<T: Collection> DerefMut for Edit<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        T::of_mut(&mut self.object).expect("the type was looked at")
    }
}

/// What a file, or RESTORE, says of the use of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Usage {
    /// Nothing: it counts as used now.
    #[default]
    Unknown,
    /// It was last used so many seconds ago.
    IdleSeconds(u64),
    /// Its counter under an LFU policy.
    Frequency(u8),
}

/// A value on its way in, as a decoder yields it.
#[derive(Clone, Debug)]
pub enum OwnedValue {
    /// A string.
    Text(Vec<u8>),
    /// Anything else.
    Object(Object),
}

impl OwnedValue {
    /// The value as the table takes it; a short string is moved into `bytes`.
    pub(crate) fn into_value(self, bytes: &mut Vec<u8>) -> Value<'_, Object> {
        match self {
            Self::Object(object) => Value::Object(object),
            Self::Text(text) if text.len() > INLINE_LEN => {
                Value::Object(Object::Text(Arc::new(text)))
            }
            Self::Text(text) => {
                *bytes = text;
                text_value(bytes)
            }
        }
    }
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
    /// `None` if the value is no string.
    pub(crate) fn of(value: ValueRef<'a, Object>) -> Option<Self> {
        match value {
            ValueRef::Integer(number) => Some(Self::Printed(itoa::Buffer::new(), number)),
            ValueRef::Bytes(bytes) => Some(Self::Borrowed(bytes)),
            ValueRef::Object(Object::Text(text)) => Some(Self::Borrowed(text)),
            ValueRef::Object(_) => None,
        }
    }

    pub(crate) fn as_bytes(&mut self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Printed(buffer, number) => buffer.format(*number).as_bytes(),
        }
    }
}

/// The value of an entry, copied out of the table (an object shares what it can until either side changes).
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
            ValueRef::Object(object) => Self::Object(object.clone()),
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
        ValueRef::Object(Object::List(list)) => list.encoding_name(),
        ValueRef::Object(Object::Set(set)) => set.encoding_name(),
        ValueRef::Object(Object::Hash(hash)) => hash.encoding_name(),
        ValueRef::Object(Object::SortedSet(sorted_set)) => sorted_set.encoding_name(),
        ValueRef::Object(Object::Stream(stream)) => stream.encoding_name(),
    }
}
