//! What the bytes of a file mean: every part of a snapshot, an append-only log or a manifest, with its place.
//!
//! Deliberately absent: files, directories, a terminal. Bytes go in through [`std::io::Read`], a tree comes out, record by
//! record. Reading is total: any input ends in nodes, without a panic. Memory is taken for the largest record of the
//! file, and for what [`Limits`] let through of it; not for the file.
//!
//! # The tree
//!
//! [`Inspector::next_node`] yields the records of a file in order. Of this snapshot
//!
//! ```text
//! 52 45 44 49 53 30 30 31 30  FE 00  00 03 6B 65 79 C0 05  FF <8 bytes>
//! ```
//!
//! it yields four, the third of which has parts of its own:
//!
//! ```text
//!  0..9   header      REDIS0010: a snapshot, format version 10
//!  9..11  database    0
//! 11..18  key         "key" = "5"
//! 11..12    type      0: string
//! 12..16    name      "key" (6-bit length)
//! 16..18    value     "5" (8-bit integer)
//! 18..27  end         and a checksum over everything before it: 0123456789abcdef, right
//! ```
//!
//! The ranges of a node's children follow each other and lie within its own, but for what was compressed: such nodes
//! count from the first decompressed byte, and say so ([`Node::decompressed`]).
//!
//! Where a file cannot be read any further there is a node of kind [`NodeKind::Error`] that says why, and the rest is one of
//! kind [`NodeKind::Unread`]. A value that does not hold what it promises is read past: the error is among its parts.
//! [`Inspector::finish`] sums it all up in a [`Verdict`].
//!
//! [`repair`] makes sound files of broken ones; [`load`] and [`diff`] load data sets as the server does, and compare two.

mod aof;
mod build;
mod inspector;
mod manifest;
mod rdb;
mod words;

pub mod diff;
pub mod load;
pub mod print;
pub mod repair;

use std::borrow::Cow;
use std::ops::Range;

use serde::Serialize;

pub use inspector::Inspector;
pub use words::{counted, date_of, moment, quoted};

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its bytes: offsets in the file, or, if [`Node::decompressed`], in the decompressed string that it is part of.
    pub range: Range<u64>,
    /// Whether the range counts decompressed bytes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub decompressed: bool,
    /// What kind of thing it is.
    pub kind: NodeKind,
    /// What it is to the node above: `name`, `field`, `length`.
    pub label: Cow<'static, str>,
    /// What it says, for people.
    pub value: String,
    /// What it is made of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Node>,
}

/// What kind of thing a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    /// A snapshot's magic and version.
    Header,
    /// A fact about the file or its data set: auxiliary field, database, size hint.
    About,
    /// A key with its value.
    Key,
    /// A library of functions.
    Library,
    /// Data of a module.
    Module,
    /// The end of a snapshot.
    End,
    /// A command of a log.
    Command,
    /// MULTI, the commands behind it, and EXEC.
    Transaction,
    /// A line of a log that is no command.
    Annotation,
    /// A line of a manifest.
    Line,
    /// Part of a record: a type, a time, a length, a header.
    Field,
    /// Part of a record: a string or a number of the user's.
    Text,
    /// Part of a value: an element of a collection, a node, a group.
    Element,
    /// What was left out of the tree for its length.
    More,
    /// Why something cannot be read.
    Error,
    /// What was not read for an error before it.
    Unread,
}

/// How much of a file goes into the tree.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Levels below the records.
    pub depth: usize,
    /// Parts of one node; those behind them are counted.
    pub parts: usize,
    /// Bytes of a string.
    pub text: usize,
    /// Records that have bytes within are yielded. Those before are read all the same.
    pub window: Range<u64>,
    /// Only keys that match this glob pattern, and commands that name one.
    pub keys: Option<Vec<u8>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: usize::MAX,
            parts: 64,
            text: 60,
            window: 0..u64::MAX,
            keys: None,
        }
    }
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// A snapshot, of this version.
    Rdb(u32),
    /// Commands.
    Aof,
    /// Commands behind a snapshot of this version.
    AofWithPreamble(u32),
    /// A list of the files of a log.
    Manifest,
    /// No bytes.
    Empty,
    /// None of these.
    Unknown,
}

/// Something wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where.
    pub range: Range<u64>,
    /// The key whose value it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What.
    pub text: String,
}

/// What there is to say of a whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// What it is.
    pub format: Format,
    /// The bytes that were read.
    pub read_len: u64,
    /// Keys of a snapshot.
    pub keys: u64,
    /// How many of them expire.
    pub expiring: u64,
    /// Commands of a log.
    pub commands: u64,
    /// What is wrong, in order; no more than a thousand.
    pub problems: Vec<Problem>,
    /// How many problems there are.
    pub problem_count: u64,
}

impl Verdict {
    /// Whether a server would load the file as it is.
    pub fn is_sound(&self) -> bool {
        self.problem_count == 0
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys = |f: &mut std::fmt::Formatter<'_>| {
            write!(f, ", {}", counted(self.keys, "key", "keys"))?;
            if self.expiring > 0 {
                write!(f, " ({} with an expiry)", words::grouped(self.expiring))?;
            }
            Ok(())
        };
        match self.problems.first() {
            None => f.write_str("sound: ")?,
            Some(first) => {
                let problems = counted(self.problem_count, "problem", "problems");
                let at = first.range.start;
                write!(
                    f,
                    "NOT sound, {problems}, the first at {at}: {}; ",
                    first.text
                )?;
            }
        }
        match self.format {
            Format::Rdb(version) => {
                write!(f, "a snapshot of version {version}")?;
                keys(f)?;
            }
            Format::Aof => write!(f, "a log")?,
            Format::AofWithPreamble(version) => {
                write!(f, "a log behind a snapshot of version {version}")?;
                keys(f)?;
            }
            Format::Manifest => write!(f, "a manifest")?,
            Format::Empty => write!(f, "an empty file")?,
            Format::Unknown => write!(f, "neither a snapshot nor a log nor a manifest")?,
        }
        if matches!(self.format, Format::Aof | Format::AofWithPreamble(_)) {
            write!(f, ", {}", counted(self.commands, "command", "commands"))?;
        }
        write!(f, ", {}", counted(self.read_len, "byte", "bytes"))
    }
}

#[cfg(test)]
mod tests;
