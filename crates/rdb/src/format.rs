//! The numbers of the format: opcodes, value types, length and string encodings.

/// What may stand where a value type can stand.
pub mod opcode {
    /// A slot of a cluster (version 12): its number, keys and expiring keys.
    pub const SLOT_INFO: u8 = 244;
    /// A library of functions.
    pub const FUNCTION2: u8 = 245;
    /// A library of functions, as release candidates of 7.0 wrote it.
    pub const FUNCTION: u8 = 246;
    /// Data of a module outside the keyspace.
    pub const MODULE_AUX: u8 = 247;
    /// The idle time of the next key, in seconds.
    pub const IDLE: u8 = 248;
    /// The access frequency of the next key.
    pub const FREQUENCY: u8 = 249;
    /// An auxiliary field: two strings.
    pub const AUX: u8 = 250;
    /// The number of keys and of expiring keys of the database.
    pub const RESIZE_DB: u8 = 251;
    /// The expiry of the next key, in milliseconds: eight bytes, little-endian.
    pub const EXPIRE_TIME_MS: u8 = 252;
    /// The expiry of the next key, in seconds: four bytes, little-endian.
    pub const EXPIRE_TIME: u8 = 253;
    /// The database of the keys to come.
    pub const SELECT_DB: u8 = 254;
    /// The end; the checksum follows.
    pub const END: u8 = 255;
}

/// What a value is.
pub mod value_type {
    /// A string.
    pub const STRING: u8 = 0;
    /// A list, element by element.
    pub const LIST: u8 = 1;
    /// A set, member by member.
    pub const SET: u8 = 2;
    /// A sorted set with scores as text.
    pub const SORTED_SET: u8 = 3;
    /// A hash, field by field.
    pub const HASH: u8 = 4;
    /// A sorted set with scores of eight bytes.
    pub const SORTED_SET_2: u8 = 5;
    /// What a module makes of it, without an end.
    pub const MODULE: u8 = 6;
    /// What a module makes of it.
    pub const MODULE_2: u8 = 7;
    /// A hash in a zipmap.
    pub const HASH_ZIPMAP: u8 = 9;
    /// A list in a ziplist.
    pub const LIST_ZIPLIST: u8 = 10;
    /// A set of integers.
    pub const SET_INTSET: u8 = 11;
    /// A sorted set in a ziplist.
    pub const SORTED_SET_ZIPLIST: u8 = 12;
    /// A hash in a ziplist.
    pub const HASH_ZIPLIST: u8 = 13;
    /// A list in ziplists.
    pub const LIST_QUICKLIST: u8 = 14;
    /// A stream, as versions before 10 write it.
    pub const STREAM: u8 = 15;
    /// A hash in a listpack.
    pub const HASH_LISTPACK: u8 = 16;
    /// A sorted set in a listpack.
    pub const SORTED_SET_LISTPACK: u8 = 17;
    /// A list in listpacks, and large elements.
    pub const LIST_QUICKLIST_2: u8 = 18;
    /// A stream.
    pub const STREAM_2: u8 = 19;
    /// A set in a listpack: from version 11 on.
    pub const SET_LISTPACK: u8 = 20;
    /// A stream, as versions from 11 on write it.
    pub const STREAM_3: u8 = 21;
}

/// What a node of a list holds.
pub mod container {
    /// One large element.
    pub const PLAIN: u64 = 1;
    /// A listpack.
    pub const PACKED: u64 = 2;
}

/// What stands for a score that is no number, where the length of its text would be.
pub mod text_score {
    /// Not a number.
    pub const NAN: u8 = 253;
    /// More than any number.
    pub const INFINITY: u8 = 254;
    /// Less than any number.
    pub const NEGATIVE_INFINITY: u8 = 255;
}

/// First bytes of lengths and strings whose two high bits say neither 6 nor 14 bits.
pub(crate) mod encoding {
    /// Four bytes of length follow, big-endian.
    pub(crate) const LENGTH_32: u8 = 0x80;
    /// Eight bytes of length follow, big-endian.
    pub(crate) const LENGTH_64: u8 = 0x81;
    /// A string that is an integer of one byte.
    pub(crate) const INT8: u8 = 0xc0;
    /// A string that is an integer of two bytes, little-endian.
    pub(crate) const INT16: u8 = 0xc1;
    /// A string that is an integer of four bytes, little-endian.
    pub(crate) const INT32: u8 = 0xc2;
    /// A compressed string: its compressed length, its length, its compressed bytes.
    pub(crate) const LZF: u8 = 0xc3;
}

/// The names that Redis gives to the value types, by number.
pub(crate) const TYPE_NAMES: [&str; 19] = [
    "string",
    "list-linked",
    "set-hashtable",
    "zset-v1",
    "hash-hashtable",
    "zset-v2",
    "module-value",
    "",
    "",
    "hash-zipmap",
    "list-ziplist",
    "set-intset",
    "zset-ziplist",
    "hash-ziplist",
    "quicklist",
    "stream",
    "hash-listpack",
    "zset-listpack",
    "quicklist-v2",
];

/// Whether version 10 has a value type of this number.
pub fn is_value_type(number: u8) -> bool {
    matches!(number, 0..=7 | 9..=19)
}

/// Whether values of this type can be read: all that Redis had up to version 12, but those of modules and hashes whose
/// fields expire.
pub fn is_readable_type(number: u8) -> bool {
    matches!(number, 0..=5 | 9..=21)
}

/// What comes next in a module's data, as a length.
pub mod module_opcode {
    /// Nothing.
    pub const END: u64 = 0;
    /// A signed integer, as a length.
    pub const SIGNED: u64 = 1;
    /// An unsigned integer, as a length.
    pub const UNSIGNED: u64 = 2;
    /// Four bytes.
    pub const FLOAT: u64 = 3;
    /// Eight bytes.
    pub const DOUBLE: u64 = 4;
    /// A string.
    pub const STRING: u64 = 5;
}
