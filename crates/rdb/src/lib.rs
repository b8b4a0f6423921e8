//! The RDB format: snapshots of a data set as Redis 7.0 writes them (version 10), read back from older versions too.
//!
//! Deliberately absent: files, jobs, databases to fill. [`Encoder`] appends to a buffer that the caller drains;
//! [`Decoder`] pulls from any [`std::io::Read`] and yields one [`Item`] after the other. Decoding is total: any
//! input ends in items or a [`DecodeError`], without a panic, and allocates at most a small factor of the input.
//!
//! (The helper who writes this draws the format here.)

mod crc;
mod decode;
mod encode;
mod lzf;

pub mod check;

pub use decode::{DecodeError, Decoder, Item};
pub use encode::{Aux, Encoder, EncoderOptions, encode_value};

/// The version that [`Encoder`] writes: Redis 7.0's.
pub const VERSION: u32 = 10;
