//! Values that do not live inside their table entry.

use std::sync::Arc;

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
