//! Values as whoever shows or compares them sees them, whatever their encoding.

use lastsave_dict::ValueRef;

use super::listpack::Item;
use super::stream::StreamId;
use crate::Object;
use crate::number::print_double;
use crate::object::Text;

/// A hash of what a value is: equal for equal values of the same type, however they are kept.
pub fn value_digest(value: ValueRef<'_, Object>) -> u64 {
    let mut record = Vec::new();
    append_digest(value, &mut record);
    rapidhash::v3::rapidhash_v3(&record)
}

/// Appends what the digest of a value is made of.
pub(crate) fn append_digest(value: ValueRef<'_, Object>, record: &mut Vec<u8>) {
    if let Some(mut text) = Text::of(value) {
        return record.extend_from_slice(text.as_bytes());
    }
    let ValueRef::Object(object) = value else {
        return;
    };
    record.push(object.kind() as u8);
    match object {
        Object::Text(_) => {}
        Object::List(list) => {
            for item in list.iter() {
                append_item(item, record);
            }
        }
        Object::Set(set) => {
            append_unordered(record, set.iter().map(|member| [member, Item::Bytes(b"")]));
        }
        Object::Hash(hash) => {
            append_unordered(record, hash.iter().map(|(field, value)| [field, value]));
        }
        Object::SortedSet(set) => set.append_digest(record),
        Object::Stream(stream) => stream.append_digest(record),
    }
}

fn append_item(item: Item<'_>, record: &mut Vec<u8>) {
    record.extend_from_slice(&(item.len() as u64).to_le_bytes());
    item.append_to(record);
}

/// Appends the same for the same elements in any order.
fn append_unordered<'a>(record: &mut Vec<u8>, elements: impl Iterator<Item = [Item<'a>; 2]>) {
    let mut sum = 0u64;
    let mut element = Vec::new();
    for items in elements {
        element.clear();
        for item in items {
            append_item(item, &mut element);
        }
        sum = sum.wrapping_add(rapidhash::v3::rapidhash_v3(&element));
    }
    record.extend_from_slice(&sum.to_le_bytes());
}

/// The beginning of a value, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// How much there is: bytes of a string, elements of anything else.
    pub len: u64,
    /// The first elements, each in its parts: one for a string, a list and a set, field and value for a hash, member and
    /// score for a sorted set, the ID and the fields and values for a stream.
    pub elements: Vec<Vec<Vec<u8>>>,
}

impl Preview {
    /// The first `max_elements` elements of a value. Parts are cut to `max_bytes`.
    pub fn of(value: ValueRef<'_, Object>, max_elements: usize, max_bytes: usize) -> Self {
        let cut = |text: &[u8]| text[..text.len().min(max_bytes)].to_vec();
        let part = |item: Item<'_>| match item {
            Item::Bytes(bytes) => cut(bytes),
            Item::Integer(number) => number.to_string().into_bytes(),
        };
        if let Some(mut text) = Text::of(value) {
            let text = text.as_bytes();
            return Self {
                len: text.len() as u64,
                elements: vec![vec![cut(text)]],
            };
        }
        let ValueRef::Object(object) = value else {
            return Self::default();
        };
        let (len, elements) = match object {
            Object::Text(_) => (0, Vec::new()),
            Object::List(list) => (
                list.len() as u64,
                list.iter()
                    .take(max_elements)
                    .map(|item| vec![part(item)])
                    .collect(),
            ),
            Object::Set(set) => (
                set.len() as u64,
                set.iter()
                    .take(max_elements)
                    .map(|item| vec![part(item)])
                    .collect(),
            ),
            Object::Hash(hash) => (
                hash.len() as u64,
                hash.iter()
                    .take(max_elements)
                    .map(|(field, value)| vec![part(field), part(value)])
                    .collect(),
            ),
            Object::SortedSet(set) => (
                set.len() as u64,
                set.iter()
                    .take(max_elements)
                    .map(|(member, score)| vec![part(member), print_double(score).into_bytes()])
                    .collect(),
            ),
            Object::Stream(stream) => (
                stream.entries().len(),
                stream
                    .entries()
                    .range(StreamId::MIN, StreamId::MAX)
                    .take(max_elements)
                    .map(|entry| {
                        let mut parts = vec![entry.id.to_string().into_bytes()];
                        for (field, value) in entry.fields {
                            parts.extend([part(field), part(value)]);
                        }
                        parts
                    })
                    .collect(),
            ),
        };
        Self { len, elements }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{End, Hash, HashLimits, List, Set};
    use super::*;

    const PACKED: HashLimits = HashLimits {
        entries: 512,
        value: 64,
    };
    const LARGE: HashLimits = HashLimits {
        entries: 0,
        value: 0,
    };

    fn digest(object: &Object) -> u64 {
        value_digest(ValueRef::Object(object))
    }

    #[test]
    fn a_digest_tells_values_apart_and_not_their_encodings() {
        let hash = |fields: &[(&[u8], &[u8])], limits| {
            let mut hash = Hash::default();
            for (field, value) in fields {
                hash.insert(field, value, limits);
            }
            digest(&Object::Hash(hash))
        };
        let same = hash(&[(b"a", b"1"), (b"b", b"2")], PACKED);
        assert_eq!(same, hash(&[(b"b", b"2"), (b"a", b"1")], LARGE));
        assert_ne!(same, hash(&[(b"a", b"2"), (b"b", b"1")], PACKED));
        assert_ne!(same, hash(&[(b"a", b"1")], PACKED));
        let set = |members: &[&[u8]], max_integers| {
            let mut set = Set::default();
            for member in members {
                set.insert(member, max_integers);
            }
            digest(&Object::Set(set))
        };
        assert_eq!(set(&[b"1", b"2"], 512), set(&[b"2", b"1"], 0));
        assert_ne!(set(&[b"1", b"2"], 512), set(&[b"12"], 512));
    }

    #[test]
    fn a_preview_is_cut_in_both_directions() {
        let mut list = List::default();
        for text in [&b"one"[..], b"a long one", b"3"] {
            list.push(End::Right, text, 1 << 30);
        }
        let preview = Preview::of(ValueRef::Object(&Object::List(list)), 2, 4);
        assert_eq!(preview.len, 3);
        assert_eq!(preview.elements, [[b"one".to_vec()], [b"a lo".to_vec()]]);
        let text = Preview::of(ValueRef::Integer(-12_345), 1, 3);
        assert_eq!((text.len, &text.elements[0][0][..]), (6, &b"-12"[..]));
    }
}
