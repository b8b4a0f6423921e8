//! Reading values: what each type of value is made of in a file, and what is refused.
//!
//! ```text
//! 00 string      <string>
//! 01 list        <length> <string> …                        in order
//! 02 set         <length> <string> …
//! 03 sorted set  <length> (<string> <score as text>) …
//! 04 hash        <length> (<string> <string>) …
//! 05 sorted set  <length> (<string> <score, 8 bytes>) …     from the greatest score to the least
//! 09 hash        <zipmap>
//! 0A list        <ziplist>
//! 0B set         <integer set>
//! 0C sorted set  <ziplist>                                  each member before its score
//! 0D hash        <ziplist>                                  each field before its value
//! 0E list        <length> <ziplist> …
//! 0F stream      see `stream`
//! 10 hash        <listpack>
//! 11 sorted set  <listpack>
//! 12 list        <length> (01 <string> | 02 <listpack>) …   01: an element that is large
//! 13 stream
//! 14 set         <listpack>                                 from version 11 on
//! 15 stream                                                 likewise
//! ```
//!
//! What is packed is a string, often a compressed one. Version 10 writes 00, 02, 04, 05, 0B and 10 to 13.

mod stream;

use std::borrow::Cow;
use std::fmt;
use std::io::Read;

use lastsave_keyspace::values::intset::IntSet;
use lastsave_keyspace::values::listpack::{Item, Listpack};
use lastsave_keyspace::values::{
    End, Hash, HashLimits, List, ListOptions, Node, Set, SortedSet, SortedSetLimits,
};
use lastsave_keyspace::{Object, OwnedValue, Settings, number};

use crate::format::{container, text_score, value_type};
use crate::input::{Fault, Input};
use crate::ziplist::Ziplist;
use crate::zipmap::Zipmap;

/// Why a value cannot be read.
#[derive(Debug)]
pub(crate) enum ValueFault {
    /// A primitive cannot be read.
    Read(Fault),
    /// A primitive cannot be read; if that is because the input ends, Redis says so in these words.
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

/// What Redis says of an unsound value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// The line of its source that it names.
    pub line: u32,
    /// The reason.
    pub text: Cow<'static, str>,
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "function at rdb.c:{} -> {}", self.line, self.text)
    }
}

impl From<Fault> for ValueFault {
    fn from(fault: Fault) -> Self {
        Self::Read(fault)
    }
}

fn corrupt(line: u32, text: impl Into<Cow<'static, str>>) -> ValueFault {
    ValueFault::Corrupt(Words {
        line,
        text: text.into(),
    })
}

/// Reads the value of a key whose type is `kind`, in the encoding that `settings` ask for.
pub(crate) fn read_value<R: Read>(
    input: &mut Input<R>,
    kind: u8,
    settings: &Settings,
) -> Result<OwnedValue, ValueFault> {
    let object = match kind {
        value_type::STRING => return Ok(OwnedValue::Text(input.string()?)),
        value_type::LIST => Object::List(list(input, settings)?),
        value_type::LIST_ZIPLIST => Object::List(list_of_ziplist(input, settings)?),
        value_type::LIST_QUICKLIST | value_type::LIST_QUICKLIST_2 => {
            Object::List(list_of_nodes(input, kind, settings)?)
        }
        value_type::SET => Object::Set(set(input, settings)?),
        value_type::SET_INTSET => {
            let unsound = || corrupt(2214, "Intset integrity check failed.");
            let integers = IntSet::from_bytes(input.string()?).map_err(|_| unsound())?;
            if integers.is_empty() {
                return Err(unsound());
            }
            Object::Set(Set::from_intset(integers, settings.set_max_intset_entries))
        }
        value_type::SET_LISTPACK => Object::Set(set_of_pack(&input.string()?, settings)?),
        value_type::HASH => Object::Hash(hash(input, settings)?),
        value_type::HASH_ZIPMAP => Object::Hash(hash_of_zipmap(&input.string()?, settings)?),
        value_type::HASH_ZIPLIST => {
            let unsound = || corrupt(2275, "Hash ziplist integrity check failed.");
            let pack = pack_of_ziplist(&input.string()?).ok_or_else(unsound)?;
            Object::Hash(hash_of_pack(pack, settings, unsound)?)
        }
        value_type::HASH_LISTPACK => {
            let unsound = || corrupt(2301, "Hash listpack integrity check failed.");
            let pack = Listpack::from_bytes(input.string()?).map_err(|_| unsound())?;
            Object::Hash(hash_of_pack(pack, settings, unsound)?)
        }
        value_type::SORTED_SET | value_type::SORTED_SET_2 => {
            Object::SortedSet(sorted_set(input, kind, settings)?)
        }
        value_type::SORTED_SET_ZIPLIST => {
            let unsound = || corrupt(2229, "Zset ziplist integrity check failed.");
            let pack = pack_of_ziplist(&input.string()?).ok_or_else(unsound)?;
            Object::SortedSet(sorted_set_of_pack(pack, settings, unsound)?)
        }
        value_type::SORTED_SET_LISTPACK => {
            let unsound = || corrupt(2255, "Zset listpack integrity check failed.");
            let pack = Listpack::from_bytes(input.string()?).map_err(|_| unsound())?;
            Object::SortedSet(sorted_set_of_pack(pack, settings, unsound)?)
        }
        value_type::STREAM | value_type::STREAM_2 | value_type::STREAM_3 => {
            Object::Stream(stream::stream(input, kind)?)
        }
        _ => return Err(ValueFault::UnknownType),
    };
    Ok(OwnedValue::Object(object))
}

/// The number of elements of a collection, which is not empty.
fn elements<R: Read>(input: &mut Input<R>) -> Result<u64, ValueFault> {
    match input.length()? {
        0 => Err(ValueFault::Empty),
        count => Ok(count),
    }
}

fn new_list(settings: &Settings) -> List {
    List::new(ListOptions {
        fill: settings.list_max_listpack_size,
        compress_depth: settings.list_compress_depth,
    })
}

fn list<R: Read>(input: &mut Input<R>, settings: &Settings) -> Result<List, ValueFault> {
    let mut list = new_list(settings);
    for _ in 0..elements(input)? {
        list.push(End::Right, &input.string()?, settings.list_packed_threshold);
    }
    Ok(list)
}

fn list_of_ziplist<R: Read>(input: &mut Input<R>, settings: &Settings) -> Result<List, ValueFault> {
    let bytes = input.string()?;
    let ziplist = Ziplist::new(&bytes)
        .ok_or_else(|| corrupt(2189, "List ziplist integrity check failed."))?;
    let mut list = new_list(settings);
    let mut buffer = itoa::Buffer::new();
    for item in ziplist.iter() {
        let text = item.text(&mut buffer);
        list.push(End::Right, text, settings.list_packed_threshold);
    }
    if list.is_empty() {
        return Err(ValueFault::Empty);
    }
    Ok(list)
}

fn list_of_nodes<R: Read>(
    input: &mut Input<R>,
    kind: u8,
    settings: &Settings,
) -> Result<List, ValueFault> {
    let mut list = new_list(settings);
    for _ in 0..elements(input)? {
        let container = match kind {
            value_type::LIST_QUICKLIST => container::PACKED,
            _ => input.length()?,
        };
        if !matches!(container, container::PLAIN | container::PACKED) {
            return Err(corrupt(2048, "Quicklist integrity check failed."));
        }
        let bytes = input.string()?;
        if bytes.is_empty() {
            return Err(ValueFault::Unsaid);
        }
        list.push_node(match (container, kind) {
            (container::PLAIN, _) => Node::Plain(bytes),
            (_, value_type::LIST_QUICKLIST) => Node::Packed(
                pack_of_ziplist(&bytes)
                    .ok_or_else(|| corrupt(2081, "Ziplist integrity check failed."))?,
            ),
            _ => Node::Packed(
                Listpack::from_bytes(bytes)
                    .map_err(|_| corrupt(2071, "Listpack integrity check failed."))?,
            ),
        });
    }
    if list.is_empty() {
        return Err(ValueFault::Empty);
    }
    Ok(list)
}

/// A ziplist's entries as a listpack.
fn pack_of_ziplist(bytes: &[u8]) -> Option<Listpack> {
    let ziplist = Ziplist::new(bytes)?;
    let mut pack = Listpack::with_capacity(bytes.len());
    for item in ziplist.iter() {
        match item {
            Item::Integer(number) => pack.push_back_integer(number),
            Item::Bytes(text) => pack.push_back(text),
        }
    }
    Some(pack)
}

fn set<R: Read>(input: &mut Input<R>, settings: &Settings) -> Result<Set, ValueFault> {
    let count = elements(input)?;
    // Redis makes a large set at once, and reports from there.
    let large = count > settings.set_max_intset_entries;
    let mut set = Set::default();
    for _ in 0..count {
        let member = input.string()?;
        let small = set.as_intset().is_some() && Item::of(&member).integer().is_some();
        if !set.insert(&member, settings.set_max_intset_entries) {
            let line = if small && !large { 1809 } else { 1829 };
            return Err(corrupt(line, "Duplicate set members detected"));
        }
    }
    Ok(set)
}

fn set_of_pack(bytes: &[u8], settings: &Settings) -> Result<Set, ValueFault> {
    let unsound = || corrupt(2240, "Set listpack integrity check failed.");
    let pack = Listpack::from_bytes(bytes.to_vec()).map_err(|_| unsound())?;
    let mut set = Set::default();
    let mut buffer = itoa::Buffer::new();
    for member in &pack {
        if !set.insert(member.text(&mut buffer), settings.set_max_intset_entries) {
            return Err(unsound());
        }
    }
    if set.is_empty() {
        return Err(ValueFault::Empty);
    }
    Ok(set)
}

fn hash<R: Read>(input: &mut Input<R>, settings: &Settings) -> Result<Hash, ValueFault> {
    let limits = HashLimits::from(settings);
    let count = elements(input)?;
    // Redis makes a large hash at once, and reports from there.
    let large = count > limits.entries;
    let mut hash = Hash::default();
    for _ in 0..count {
        let (field, value) = (input.string()?, input.string()?);
        let small = hash.as_listpack().is_some();
        if !hash.insert(&field, &value, limits) {
            return Err(if small && !large {
                corrupt(1951, "Hash with dup elements")
            } else {
                corrupt(2019, "Duplicate hash fields detected")
            });
        }
    }
    Ok(hash)
}

fn hash_of_zipmap(bytes: &[u8], settings: &Settings) -> Result<Hash, ValueFault> {
    let zipmap =
        Zipmap::new(bytes).ok_or_else(|| corrupt(2130, "Zipmap integrity check failed."))?;
    let mut hash = Hash::default();
    for (field, value) in zipmap.iter() {
        if !hash.insert(field, value, HashLimits::from(settings)) {
            let len = field.len();
            return Err(corrupt(
                2154,
                format!("Hash zipmap with dup elements, or big length ({len})"),
            ));
        }
    }
    Ok(hash)
}

fn hash_of_pack(
    pack: Listpack,
    settings: &Settings,
    unsound: impl Fn() -> ValueFault,
) -> Result<Hash, ValueFault> {
    // A field or value that is too long now stays packed, as in Redis.
    let limits = HashLimits {
        value: u64::MAX,
        ..HashLimits::from(settings)
    };
    let hash = Hash::from_listpack(pack, limits).map_err(|_| unsound())?;
    if hash.is_empty() {
        return Err(ValueFault::Empty);
    }
    Ok(hash)
}

fn sorted_set<R: Read>(
    input: &mut Input<R>,
    kind: u8,
    settings: &Settings,
) -> Result<SortedSet, ValueFault> {
    let limits = SortedSetLimits::from(settings);
    let mut set = SortedSet::large();
    for _ in 0..elements(input)? {
        let member = input.string()?;
        let score = match kind {
            value_type::SORTED_SET => score_of_text(input)?,
            _ => f64::from_le_bytes(input.array()?),
        };
        if score.is_nan() {
            return Err(corrupt(1882, "Zset with NAN score detected"));
        }
        if set.insert(&member, score, limits).is_some() {
            return Err(corrupt(1894, "Duplicate zset fields detected"));
        }
    }
    set.fit(limits);
    Ok(set)
}

/// A score as versions before 8 have it: a byte of length, or one of three that stand for what is no number.
fn score_of_text<R: Read>(input: &mut Input<R>) -> Result<f64, ValueFault> {
    match input.byte()? {
        text_score::NEGATIVE_INFINITY => Ok(f64::NEG_INFINITY),
        text_score::INFINITY => Ok(f64::INFINITY),
        text_score::NAN => Ok(f64::NAN),
        len => {
            let text = input.bytes(u64::from(len))?;
            number::parse_double(&text).ok_or(ValueFault::Unsaid)
        }
    }
}

/// Members in order, each before its score. That they are in order is not looked at by Redis, whose commands then
/// answer nonsense; here it is.
fn sorted_set_of_pack(
    pack: Listpack,
    settings: &Settings,
    unsound: impl Fn() -> ValueFault,
) -> Result<SortedSet, ValueFault> {
    // A member that is too long now stays packed, as in Redis.
    let limits = SortedSetLimits {
        value: u64::MAX,
        ..SortedSetLimits::from(settings)
    };
    let set = SortedSet::from_listpack(pack, limits).map_err(|_| unsound())?;
    if set.is_empty() {
        return Err(ValueFault::Empty);
    }
    let in_order = set
        .iter()
        .is_sorted_by(|(member, score), (next, next_score)| {
            score < next_score || score == next_score && text_order(*member, *next).is_lt()
        });
    if in_order { Ok(set) } else { Err(unsound()) }
}

fn text_order(one: Item<'_>, other: Item<'_>) -> std::cmp::Ordering {
    let (mut one_buffer, mut other_buffer) = (itoa::Buffer::new(), itoa::Buffer::new());
    one.text(&mut one_buffer).cmp(other.text(&mut other_buffer))
}
