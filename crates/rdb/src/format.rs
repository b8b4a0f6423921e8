//! The numbers of the format: opcodes, value types, length and string encodings.

/// What may stand where a value type can stand.
pub(crate) mod opcode {
    /// A slot of a cluster (version 12): its number, keys and expiring keys.
    pub(crate) const SLOT_INFO: u8 = 244;
    /// A library of functions.
    pub(crate) const FUNCTION2: u8 = 245;
    /// A library of functions, as release candidates of 7.0 wrote it.
    pub(crate) const FUNCTION: u8 = 246;
    /// Data of a module outside the keyspace.
    pub(crate) const MODULE_AUX: u8 = 247;
    /// The idle time of the next key, in seconds.
    pub(crate) const IDLE: u8 = 248;
    /// The access frequency of the next key.
    pub(crate) const FREQUENCY: u8 = 249;
    /// An auxiliary field: two strings.
    pub(crate) const AUX: u8 = 250;
    /// The number of keys and of expiring keys of the database.
    pub(crate) const RESIZE_DB: u8 = 251;
    /// The expiry of the next key, in milliseconds: eight bytes, little-endian.
    pub(crate) const EXPIRE_TIME_MS: u8 = 252;
    /// The expiry of the next key, in seconds: four bytes, little-endian.
    pub(crate) const EXPIRE_TIME: u8 = 253;
    /// The database of the keys to come.
    pub(crate) const SELECT_DB: u8 = 254;
    /// The end; the checksum follows.
    pub(crate) const END: u8 = 255;
}

/// What a value is.
pub(crate) mod value_type {
    /// A string.
    pub(crate) const STRING: u8 = 0;
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
pub(crate) fn is_value_type(number: u8) -> bool {
    matches!(number, 0..=7 | 9..=19)
}

/// What comes next in a module's data, as a length.
pub(crate) mod module_opcode {
    /// Nothing.
    pub(crate) const END: u64 = 0;
    /// A signed integer, as a length.
    pub(crate) const SIGNED: u64 = 1;
    /// An unsigned integer, as a length.
    pub(crate) const UNSIGNED: u64 = 2;
    /// Four bytes.
    pub(crate) const FLOAT: u64 = 3;
    /// Eight bytes.
    pub(crate) const DOUBLE: u64 = 4;
    /// A string.
    pub(crate) const STRING: u64 = 5;
}
