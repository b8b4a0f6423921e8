//! Writing values.

use lastsave_dict::ValueRef;
use lastsave_keyspace::Object;
use lastsave_keyspace::values::listpack::Item;
use lastsave_keyspace::values::stream::{Group, StreamId};
use lastsave_keyspace::values::{Hash, List, Node, Set, SortedSet, Stream};

use super::EncoderOptions;
use crate::format::{container, encoding, value_type};
use crate::lzf::Compressor;

/// The type byte and the encoded value of one key, as RDB and DUMP share them.
pub fn encode_value(out: &mut Vec<u8>, value: ValueRef<'_, Object>, options: EncoderOptions) {
    let mut compressor = options.compression.then(Compressor::new);
    encode_value_with(out, value, compressor.as_mut());
}

/// As [`encode_value`], with the memory of a compressor that lives on; without one, nothing is compressed.
pub fn encode_value_with(
    out: &mut Vec<u8>,
    value: ValueRef<'_, Object>,
    compressor: Option<&mut Compressor>,
) {
    let mut writer = ValueWriter { out, compressor };
    writer.kind(value);
    writer.value(value);
}

/// Appends keys and values.
pub(super) struct ValueWriter<'a> {
    pub(super) out: &'a mut Vec<u8>,
    /// What compresses long strings, if they are to be.
    pub(super) compressor: Option<&'a mut Compressor>,
}

impl ValueWriter<'_> {
    /// The type byte.
    pub(super) fn kind(&mut self, value: ValueRef<'_, Object>) {
        self.out.push(match value {
            ValueRef::Integer(_) | ValueRef::Bytes(_) | ValueRef::Object(Object::Text(_)) => {
                value_type::STRING
            }
            ValueRef::Object(Object::List(_)) => value_type::LIST_QUICKLIST_2,
            ValueRef::Object(Object::SortedSet(set)) => match set.as_listpack() {
                Some(_) => value_type::SORTED_SET_LISTPACK,
                None => value_type::SORTED_SET_2,
            },
            ValueRef::Object(Object::Stream(_)) => value_type::STREAM_2,
            ValueRef::Object(Object::Set(set)) => match set.as_intset() {
                Some(_) => value_type::SET_INTSET,
                None => value_type::SET,
            },
            ValueRef::Object(Object::Hash(hash)) => match hash.as_listpack() {
                Some(_) => value_type::HASH_LISTPACK,
                None => value_type::HASH,
            },
        });
    }

    /// The value.
    pub(super) fn value(&mut self, value: ValueRef<'_, Object>) {
        match value {
            ValueRef::Integer(number) => put_integer(self.out, number),
            ValueRef::Bytes(bytes) => self.string(bytes),
            ValueRef::Object(Object::Text(text)) => self.string(text),
            ValueRef::Object(Object::List(list)) => self.list(list),
            ValueRef::Object(Object::SortedSet(set)) => self.sorted_set(set),
            ValueRef::Object(Object::Stream(stream)) => self.stream(stream),
            ValueRef::Object(Object::Set(set)) => self.set(set),
            ValueRef::Object(Object::Hash(hash)) => self.hash(hash),
        }
    }

    fn list(&mut self, list: &List) {
        put_length(self.out, list.nodes().len() as u64);
        for (at, node) in list.nodes().enumerate() {
            let container = match node {
                Node::Plain(_) => container::PLAIN,
                Node::Packed(_) => container::PACKED,
            };
            put_length(self.out, container);
            if self.compressor.is_some() || !list.is_inner(at) {
                self.string(node.as_bytes());
            } else {
                // The server has it compressed, and so it is saved whatever `rdbcompression` says.
                self.compressed_node(node.as_bytes());
            }
        }
    }

    fn compressed_node(&mut self, bytes: &[u8]) {
        let mut compressor = Compressor::new();
        match compressor.compress(bytes) {
            Some(compressed) if compressed.len() + MIN_NODE_SAVING < bytes.len() => {
                put_compressed(self.out, compressed, bytes.len());
            }
            _ => self.string(bytes),
        }
    }

    fn set(&mut self, set: &Set) {
        if let Some(integers) = set.as_intset() {
            return self.string(integers.as_bytes());
        }
        put_length(self.out, set.len() as u64);
        for member in set.iter() {
            self.item(member);
        }
    }

    fn hash(&mut self, hash: &Hash) {
        if let Some(pack) = hash.as_listpack() {
            return self.string(pack.as_bytes());
        }
        put_length(self.out, hash.len() as u64);
        for (field, value) in hash.iter() {
            self.item(field);
            self.item(value);
        }
    }

    fn sorted_set(&mut self, set: &SortedSet) {
        if let Some(pack) = set.as_listpack() {
            return self.string(pack.as_bytes());
        }
        put_length(self.out, set.len() as u64);
        // The greatest first: that is the order in which Redis loads them fastest.
        for (member, score) in set.iter().rev() {
            self.item(member);
            self.out.extend_from_slice(&score.to_le_bytes());
        }
    }

    fn stream(&mut self, stream: &Stream) {
        let entries = stream.entries();
        put_length(self.out, entries.nodes_len() as u64);
        for (id, node) in entries.nodes() {
            self.string(&id.to_be_bytes());
            self.string(node);
        }
        let counters = entries.counters();
        put_length(self.out, counters.length);
        self.id(counters.last_id);
        self.id(counters.first_id);
        self.id(counters.max_deleted_id);
        put_length(self.out, counters.entries_added);
        put_length(self.out, stream.groups().len() as u64);
        for (name, group) in stream.groups().iter() {
            self.string(name);
            self.group(group);
        }
    }

    fn group(&mut self, group: &Group) {
        self.id(group.last_id);
        put_length(self.out, group.entries_read.cast_unsigned());
        put_length(self.out, group.pending_len() as u64);
        for (id, pending) in group.pending_from(StreamId::MIN) {
            self.out.extend_from_slice(&id.to_be_bytes());
            self.out
                .extend_from_slice(&pending.delivered_at_ms.to_le_bytes());
            put_length(self.out, pending.deliveries);
        }
        put_length(self.out, group.consumers_len() as u64);
        for (name, consumer) in group.consumers() {
            self.string(name);
            self.out
                .extend_from_slice(&consumer.seen_at_ms.to_le_bytes());
            put_length(self.out, consumer.pending_len() as u64);
            for id in consumer.pending_from(StreamId::MIN) {
                self.out.extend_from_slice(&id.to_be_bytes());
            }
        }
    }

    fn id(&mut self, id: StreamId) {
        put_length(self.out, id.ms);
        put_length(self.out, id.seq);
    }

    fn item(&mut self, item: Item<'_>) {
        self.string(item.text(&mut itoa::Buffer::new()));
    }

    /// A string: as an integer if it is the canonical text of one of at most 32 bits, compressed if that is worth it,
    /// or as it is.
    pub(super) fn string(&mut self, bytes: &[u8]) {
        if let Some(number) = canonical_i32(bytes) {
            return put_small_integer(self.out, number);
        }
        if bytes.len() > MAX_UNCOMPRESSED
            && let Some(compressor) = &mut self.compressor
            && let Some(compressed) = compressor.compress(bytes)
        {
            return put_compressed(self.out, compressed, bytes.len());
        }
        put_length(self.out, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }
}

/// What compressing a node of a list must save for the server to keep it so.
const MIN_NODE_SAVING: usize = 8;

fn put_compressed(out: &mut Vec<u8>, compressed: &[u8], length: usize) {
    out.push(encoding::LZF);
    put_length(out, compressed.len() as u64);
    put_length(out, length as u64);
    out.extend_from_slice(compressed);
}

/// An integer in the shortest of the integer encodings, or as its decimal text if it needs more than 32 bits.
fn put_integer(out: &mut Vec<u8>, number: i64) {
    if let Ok(small) = i32::try_from(number) {
        put_small_integer(out, small);
    } else {
        let text = number.to_string();
        put_length(out, text.len() as u64);
        out.extend_from_slice(text.as_bytes());
    }
}

fn put_small_integer(out: &mut Vec<u8>, number: i32) {
    if let Ok(number) = i8::try_from(number) {
        out.push(encoding::INT8);
        out.extend_from_slice(&number.to_le_bytes());
    } else if let Ok(number) = i16::try_from(number) {
        out.push(encoding::INT16);
        out.extend_from_slice(&number.to_le_bytes());
    } else {
        out.push(encoding::INT32);
        out.extend_from_slice(&number.to_le_bytes());
    }
}

/// Strings up to this length, in bytes, are never compressed.
const MAX_UNCOMPRESSED: usize = 20;

/// The longest decimal text of an `i32`, in bytes.
const MAX_I32_TEXT: usize = 11;

/// The number whose canonical decimal text is `text`: no plus sign, no leading zero, no minus zero.
fn canonical_i32(text: &[u8]) -> Option<i32> {
    if text.len() > MAX_I32_TEXT {
        return None;
    }
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    let mut magnitude = 0_i64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        magnitude = magnitude * 10 + i64::from(digit - b'0');
    }
    i32::try_from(if negative { -magnitude } else { magnitude }).ok()
}

/// A length, in one, two, five or nine bytes.
pub(super) fn put_length(out: &mut Vec<u8>, length: u64) {
    if length < 1 << 6 {
        out.push(length as u8);
    } else if length < 1 << 14 {
        out.extend_from_slice(&(length as u16 | 1 << 14).to_be_bytes());
    } else if let Ok(length) = u32::try_from(length) {
        out.push(encoding::LENGTH_32);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.push(encoding::LENGTH_64);
        out.extend_from_slice(&length.to_be_bytes());
    }
}
