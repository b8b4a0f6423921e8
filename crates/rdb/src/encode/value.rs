//! Writing values, whole or in pieces.

mod stream;

use lastsave_dict::ValueRef;
use lastsave_keyspace::Object;
use lastsave_keyspace::values::listpack::Item;
use lastsave_keyspace::values::{Hash, List, Node, Set, SortedSet};

use super::EncoderOptions;
use crate::format::{container, encoding, value_type};
use crate::lzf::{self, Compressor};

use stream::StreamRest;

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
    let compresses = compressor.is_some();
    let mut idle = Compressor::new();
    let mut writer = ValueWriter {
        out,
        compressor: compressor.unwrap_or(&mut idle),
        compresses,
        parts_strings: false,
    };
    writer.kind(value);
    writer.value(value);
}

/// Appends keys and values.
pub(super) struct ValueWriter<'a> {
    pub(super) out: &'a mut Vec<u8>,
    pub(super) compressor: &'a mut Compressor,
    /// Whether long strings are compressed.
    pub(super) compresses: bool,
    /// Whether strings of more than [`PART_LEN`] are written, and compressed, part by part. Redis reads them, but would have
    /// compressed them a little differently.
    pub(super) parts_strings: bool,
}

/// How far the writing of an object has come.
#[derive(Clone)]
pub(super) enum Rest {
    /// A string remains, from here on.
    Text(TextRest),
    /// A list's nodes from this one on.
    Nodes(usize),
    /// A list's nodes from this one on, of which this much remains.
    Node(usize, TextRest),
    /// The entries of a hash or set from this cursor on.
    Table(u64),
    /// So many members of a sorted set, those of the least ranks.
    Ranks(usize),
    /// Parts of a stream.
    Stream(StreamRest),
}

/// How far the writing of a long string has come.
#[derive(Clone, Copy)]
pub(super) enum TextRest {
    /// It is being found out what compressing it comes to: `compressed` bytes up to `offset`.
    Measure { offset: usize, compressed: usize },
    /// It goes on at this offset, compressed.
    Compressed(usize),
    /// It goes on at this offset, as it is.
    Plain(usize),
}

/// Strings longer than this are written in parts of this length, in bytes.
pub(super) const PART_LEN: usize = 256 << 10;

/// Elements written in one piece.
const PIECE_ELEMENTS: usize = 128;

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
            ValueRef::Object(object) => {
                let mut rest = self.begin(object);
                while let Some(at) = rest {
                    rest = self.piece(object, at);
                }
            }
        }
    }

    /// Begins an object. Returns what remains of it, if anything does.
    pub(super) fn begin(&mut self, object: &Object) -> Option<Rest> {
        match object {
            Object::Text(text) => self.begin_text(text).map(Rest::Text),
            Object::List(list) => {
                put_length(self.out, list.nodes().len() as u64);
                Some(Rest::Nodes(0))
            }
            Object::Set(set) => self.begin_set(set),
            Object::Hash(hash) => self.begin_hash(hash),
            Object::SortedSet(set) => self.begin_sorted_set(set),
            Object::Stream(stream) => Some(Rest::Stream(self.begin_stream(stream))),
        }
    }

    /// Goes on with an object: some dozens of elements, a node, or a part of a long string. Returns what remains.
    pub(super) fn piece(&mut self, object: &Object, rest: Rest) -> Option<Rest> {
        match (object, rest) {
            (Object::Text(text), Rest::Text(at)) => self.text_piece(text, at).map(Rest::Text),
            (Object::List(list), Rest::Nodes(at)) => self.node(list, at),
            (Object::List(list), Rest::Node(at, rest)) => {
                let rest = self.text_piece(list.node(at)?.as_bytes(), rest);
                Some(rest.map_or(Rest::Nodes(at + 1), |rest| Rest::Node(at, rest)))
            }
            (Object::Set(set), Rest::Table(cursor)) => {
                let next = set.scan(cursor, &mut |member| self.item(member));
                (next != 0).then_some(Rest::Table(next))
            }
            (Object::Hash(hash), Rest::Table(cursor)) => {
                let next = hash.scan(cursor, &mut |field, value| {
                    self.item(field);
                    self.item(value);
                });
                (next != 0).then_some(Rest::Table(next))
            }
            (Object::SortedSet(set), Rest::Ranks(left)) => self.members(set, left),
            (Object::Stream(stream), Rest::Stream(rest)) => {
                self.stream_piece(stream, rest).map(Rest::Stream)
            }
            _ => unreachable!("the rest of an object is of its type"),
        }
    }

    fn node(&mut self, list: &List, at: usize) -> Option<Rest> {
        let node = list.node(at)?;
        let container = match node {
            Node::Plain(_) => container::PLAIN,
            Node::Packed(_) => container::PACKED,
        };
        put_length(self.out, container);
        if self.compresses || !list.is_inner(at) {
            let rest = self.begin_text(node.as_bytes());
            return Some(rest.map_or(Rest::Nodes(at + 1), |rest| Rest::Node(at, rest)));
        }
        // The server has it compressed, and so it is saved whatever `rdbcompression` says.
        self.compressed_node(node.as_bytes());
        Some(Rest::Nodes(at + 1))
    }

    fn compressed_node(&mut self, bytes: &[u8]) {
        match self.compressor.compress(bytes) {
            Some(compressed) if compressed.len() + MIN_NODE_SAVING < bytes.len() => {
                put_compressed_head(self.out, compressed.len(), bytes.len());
                self.out.extend_from_slice(compressed);
            }
            _ => self.string(bytes),
        }
    }

    fn begin_set(&mut self, set: &Set) -> Option<Rest> {
        if let Some(integers) = set.as_intset() {
            self.string(integers.as_bytes());
            return None;
        }
        put_length(self.out, set.len() as u64);
        Some(Rest::Table(0))
    }

    fn begin_hash(&mut self, hash: &Hash) -> Option<Rest> {
        if let Some(pack) = hash.as_listpack() {
            self.string(pack.as_bytes());
            return None;
        }
        put_length(self.out, hash.len() as u64);
        Some(Rest::Table(0))
    }

    fn begin_sorted_set(&mut self, set: &SortedSet) -> Option<Rest> {
        if let Some(pack) = set.as_listpack() {
            self.string(pack.as_bytes());
            return None;
        }
        put_length(self.out, set.len() as u64);
        Some(Rest::Ranks(set.len()))
    }

    /// Some of the members left, the greatest first: that is the order in which Redis loads them fastest.
    fn members(&mut self, set: &SortedSet, left: usize) -> Option<Rest> {
        let from = left.saturating_sub(PIECE_ELEMENTS);
        for (member, score) in set.range(from..left).rev() {
            self.item(member);
            self.out.extend_from_slice(&score.to_le_bytes());
        }
        (from > 0).then_some(Rest::Ranks(from))
    }

    fn item(&mut self, item: Item<'_>) {
        match item {
            Item::Integer(number) => put_integer(self.out, number),
            Item::Bytes(bytes) => self.string(bytes),
        }
    }

    /// A string, or the beginning of one that is written in parts.
    fn begin_text(&mut self, bytes: &[u8]) -> Option<TextRest> {
        if !self.parts_strings || bytes.len() <= PART_LEN {
            self.string(bytes);
            return None;
        }
        if self.compresses {
            return Some(TextRest::Measure {
                offset: 0,
                compressed: 0,
            });
        }
        put_length(self.out, bytes.len() as u64);
        Some(TextRest::Plain(0))
    }

    /// Goes on with a long string. What it comes to compressed stands ahead of it, so it is compressed twice rather than
    /// kept.
    fn text_piece(&mut self, bytes: &[u8], rest: TextRest) -> Option<TextRest> {
        let (TextRest::Measure { offset, .. }
        | TextRest::Compressed(offset)
        | TextRest::Plain(offset)) = rest;
        let end = bytes.len().min(offset + PART_LEN);
        let part = &bytes[offset..end];
        let ended = end == bytes.len();
        match rest {
            TextRest::Measure { compressed, .. } => {
                let len = match self.compressor.compress(part) {
                    Some(compressed) => compressed.len(),
                    None => lzf::literals_len(part),
                };
                let compressed = compressed + len;
                let saves = compressed + MIN_SAVING <= bytes.len();
                Some(match (ended, saves) {
                    (false, _) => TextRest::Measure {
                        offset: end,
                        compressed,
                    },
                    (true, true) => {
                        put_compressed_head(self.out, compressed, bytes.len());
                        TextRest::Compressed(0)
                    }
                    (true, false) => {
                        put_length(self.out, bytes.len() as u64);
                        TextRest::Plain(0)
                    }
                })
            }
            TextRest::Compressed(_) => {
                match self.compressor.compress(part) {
                    Some(compressed) => self.out.extend_from_slice(compressed),
                    None => lzf::append_literals(self.out, part),
                }
                (!ended).then_some(TextRest::Compressed(end))
            }
            TextRest::Plain(_) => {
                self.out.extend_from_slice(part);
                (!ended).then_some(TextRest::Plain(end))
            }
        }
    }

    /// A string: as an integer if it is the canonical text of one of at most 32 bits, compressed if that is worth it,
    /// or as it is.
    #[inline]
    pub(super) fn string(&mut self, bytes: &[u8]) {
        if let Some(number) = canonical_i32(bytes) {
            return put_small_integer(self.out, number);
        }
        if bytes.len() > MAX_UNCOMPRESSED
            && self.compresses
            && let Some(compressed) = self.compressor.compress(bytes)
        {
            put_compressed_head(self.out, compressed.len(), bytes.len());
            return self.out.extend_from_slice(compressed);
        }
        put_length(self.out, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }
}

/// What compressing a node of a list must save for the server to keep it so.
const MIN_NODE_SAVING: usize = 8;

/// What compressing a string must save.
const MIN_SAVING: usize = 4;

fn put_compressed_head(out: &mut Vec<u8>, compressed: usize, length: usize) {
    out.push(encoding::LZF);
    put_length(out, compressed as u64);
    put_length(out, length as u64);
}

/// An integer in the shortest of the integer encodings, or as its decimal text if it needs more than 32 bits.
fn put_integer(out: &mut Vec<u8>, number: i64) {
    if let Ok(small) = i32::try_from(number) {
        put_small_integer(out, small);
    } else {
        let mut text = itoa::Buffer::new();
        let text = text.format(number);
        put_length(out, text.len() as u64);
        out.extend_from_slice(text.as_bytes());
    }
}

fn put_small_integer(out: &mut Vec<u8>, number: i32) {
    if let Ok(number) = i8::try_from(number) {
        out.extend_from_slice(&[encoding::INT8, number.cast_unsigned()]);
    } else if let Ok(number) = i16::try_from(number) {
        let [low, high] = number.to_le_bytes();
        out.extend_from_slice(&[encoding::INT16, low, high]);
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
#[inline]
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
#[inline]
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
