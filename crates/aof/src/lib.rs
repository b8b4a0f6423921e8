//! The multi-part append-only file of Redis 7: the manifest, the writer, the reader, the checker.
//!
//! Deliberately absent: the meaning of any command. What is appended is bytes; what is read back is words.
//!
//! (The helper who writes this draws the directory, the manifest and the three offsets here.)

mod manifest;
mod reader;
mod writer;

pub mod check;

pub use manifest::{FileInfo, FileType, Manifest, ManifestError, Names};
pub use reader::{Entry, ReadError, Reader};
pub use writer::{Offsets, SyncTicket, Writer};
