//! RESP, the Redis serialization protocol: requests in, replies out.
//!
//! Deliberately absent: sockets, clients, commands. [`RequestParser`] turns bytes into [`Args`] without
//! copying them; [`Reply`] appends encoded values to one growing buffer. Both work on whatever part of a
//! stream has arrived.
//!
//! The same request form is what an append-only file holds; `aof` reads it with the laxer grammar of Redis's loader.

mod ahead;
mod args;
mod reply;
mod request;
mod words;

pub use ahead::look_ahead;
pub use args::{Args, ArgsBuf};
pub use reply::{DeferredLen, Protocol, Reply};
pub use request::{Limits, ProtocolError, RequestParser, append_request, parse_i64};
pub use words::split_words;
