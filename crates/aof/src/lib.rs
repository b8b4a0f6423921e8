//! The multi-part append-only file of Redis 7: the manifest, the writer, the reader, the checker.
//!
//! Deliberately absent: the meaning of any command. What is appended is bytes; what is read back is words.
//!
//! # On disk
//!
//! ```text
//! dump.rdb
//! appendonlydir/                            appenddirname
//! ├── appendonly.aof.manifest               which of these make up the data set, in order
//! ├── appendonly.aof.2.base.rdb             type b: everything up to the last rewrite
//! ├── appendonly.aof.3.incr.aof             type i: the commands since, loaded behind the base
//! ├── appendonly.aof.4.incr.aof             type i: appended to now; there are two while a rewrite runs
//! ├── appendonly.aof.1.base.rdb             type h: replaced by base 2, about to be deleted
//! ├── temp-appendonly.aof.manifest          the next manifest, before it is renamed
//! └── temp-appendonly.aof.incr              in no manifest: commands behind the very first base
//! ```
//!
//! The manifest is text, one file per line, base, history, incrs:
//!
//! ```text
//! file appendonly.aof.2.base.rdb seq 2 type b
//! file appendonly.aof.1.base.rdb seq 1 type h
//! file appendonly.aof.3.incr.aof seq 3 type i
//! file appendonly.aof.4.incr.aof seq 4 type i
//! ```
//!
//! It is replaced as a whole ([`persist`]), so that a crash leaves the old or the new one. A file that it names
//! exists before it does, and is deleted only after a manifest that does not name it is durable.
//!
//! # The three offsets
//!
//! A log has three of them, counted in bytes since the process opened it ([`Offsets`]):
//!
//! ```text
//!            synced             written            appended
//!               │                  │                   │
//!  ─────────────┼──────────────────┼───────────────────┤
//!   on the      │ with the         │ in the buffer     │
//!   device      │ operating system │ of the process    │
//!               │                  │
//!   survives:   │ a process kill   │ neither
//!   a power loss
//! ```
//!
//! A write is [appended](Writer::append) when it is executed and *waits* for an offset: under `appendfsync always`
//! its reply leaves when `synced` has passed it, otherwise when `written` has. None of the three goes back. After
//! a failed sync `synced` stays where it is, until the bytes [in doubt](Writer::suspect) are written again or a new
//! base holds them.
//!
//! At a rewrite the log goes on in another file. Its offsets go on, too:
//!
//! ```text
//!   3.incr.aof  ──────────────────────┐ rotate
//!   4.incr.aof                        └───────────────────
//!                      synced ▲        takes its first byte when `synced` is here
//! ```

mod checksum;
mod manifest;
mod reader;
mod text;
mod writer;

pub mod check;

pub use checksum::Checksum;
pub use manifest::{
    FileInfo, FileType, LoadError, Manifest, ManifestError, Names, PersistError, PersistStep, load,
    persist,
};
pub use reader::{Entry, ReadError, Reader};
pub use writer::{Offsets, SyncTicket, Writer};
