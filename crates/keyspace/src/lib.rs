//! The keyspace: databases of keys and values, expiry, and the commands that work on nothing else.
//!
//! Deliberately absent: clients, files, configuration files, sockets, a clock. A command is called with its
//! words, the time and a place for its reply ([`Call`]); what it did to the data, and in which form it must be
//! written to the append-only file, comes back as [`Effects`].
//!
//! [`COMMANDS`] is the one table of commands, those of the server included: `engine` provides the handlers of
//! the rows marked [`Handler::Server`].

mod call;
mod evict;
mod garbage;
mod geo;
mod object;
mod partial_sort;
mod store;
mod table;
mod tag;
pub mod values;

pub mod commands;
pub mod glob;
pub mod number;

pub use call::{
    Block, BlockedOn, Blocking, Call, Effects, Event, EventClass, Origin, Propagated, TimedOut,
};
pub use evict::{Among, EvictionPolicy};
pub use garbage::Garbage;
pub use object::{Object, OwnedValue, Type, Usage, encoding_name};
pub use store::{CopyPosition, Database, ExpireSlice, Keyspace, Settings};
pub use table::{
    ACL_CATEGORIES, COMMANDS, Command, CommandFlags, Group, Handler, KeyRange, KeySpec, KeysBegin,
    KeysExtent, Resolved, ServerCommand, arity_error, lookup, lookup_subcommand, resolve,
    unknown_command_error,
};
pub use tag::{Lfu, UsageClock};
