//! The RDB format: snapshots of a data set as Redis 7.0 writes them (version 10), read back from older versions too.
//!
//! Deliberately absent: files, jobs, databases to fill. [`Encoder`] appends to a buffer that the caller drains;
//! [`Decoder`] pulls from any [`std::io::Read`] and yields one [`Item`] after the other. Decoding is total: any
//! input ends in items or a [`DecodeError`], without a panic, and allocates at most a small factor of the input.
//!
//! # The file
//!
//! ```text
//! 52 45 44 49 53 30 30 31 30    "REDIS0010": magic and version
//! FA <string> <string>          an auxiliary field, name and value; any number of them
//! FE <length>                   the database of the keys to come
//! FB <length> <length>          how many keys it has, and how many of them expire
//! FC <8 bytes>                  the next key's expiry in ms since the epoch; only if it has one
//! 00 <string> <string>          a key: its type (here a string), its name, its value
//! …                             more keys, more databases
//! FF                            the end
//! <8 bytes>                     CRC-64 of everything before it, or zero if switched off
//! ```
//!
//! Other types of value have other numbers, and are laid out as the module `value` says.
//!
//! Expiries and the checksum are little-endian. Before a key there may also be `FD` and an expiry in seconds (four
//! bytes, before version 3), `F8` and a length (seconds since the last use) or `F9` and a byte (how often it is
//! used). Versions before 5 have no checksum.
//!
//! # Lengths
//!
//! The two high bits of the first byte say how the length goes on:
//!
//! ```text
//! 00LLLLLL                      0 to 63
//! 01LLLLLL LLLLLLLL             up to 16,383, high bits first
//! 10000000 <4 bytes>            big-endian
//! 10000001 <8 bytes>            big-endian
//! 11EEEEEE                      no length: a string in encoding E follows
//! ```
//!
//! # Strings
//!
//! ```text
//! <length> <bytes>              as they are
//! C0 <1 byte>                   the decimal text of an integer, two's complement, little-endian
//! C1 <2 bytes>
//! C2 <4 bytes>
//! C3 <length> <length> <bytes>  compressed by LZF: length compressed, length original, compressed bytes
//! ```
//!
//! So `SET counter 5` and an expiry is `FC` and eight bytes, `00`, `07 63 6F 75 6E 74 65 72`, `C0 05`. A key is a
//! string like any other: the key `123` is `C0 7B`. Only text that the integer prints as becomes one: `007`, `+7` and
//! `-0` stay strings.

mod decode;
mod encode;
mod format;
mod input;
mod lzf;
mod payload;
mod value;
mod ziplist;
mod zipmap;

pub mod check;
#[cfg(test)]
mod samples;
pub mod walk;

pub use decode::{DecodeError, DecodeErrorKind, Decoder, Item};
pub use encode::{Aux, Encoder, EncoderOptions, encode_value, encode_value_with};
pub use lastsave_crc::crc64;
pub use lzf::Compressor;
pub use payload::{dump, restore};
pub use value::Words;

/// The version that [`Encoder`] writes: Redis 7.0's.
pub const VERSION: u32 = 10;
