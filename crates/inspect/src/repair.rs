//! Salvage: a sound file made of what can be read of a broken one, and a list of what was left out.
//!
//! What is kept was read as a server reads it: a record of a snapshot that decodes, a command that is known and whole. What
//! is behind the damage counts only where its beginning can be told:
//!
//! - in a snapshot, where records follow each other from there to the end of the file, and no more of them than the
//!   database is said to have. If more than one record is missing, the first one found might be an accident of the bytes
//!   before it, and is left out too.
//! - in a log with checksum lines, behind the next one; otherwise at the next command, words being passed over as words.
//!   Transactions are kept whole or not at all.
//!
//! The result is byte for byte the original, but for what was left out, counts and checksums.

mod directory;
mod log;
mod replay;
mod snapshot;

use std::ops::Range;

use serde::Serialize;

use crate::words::{counted, grouped};

pub use directory::{NamedFile, directory};

/// What a salvage came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Keys of snapshots that were kept.
    pub keys: u64,
    /// Commands of logs that were kept.
    pub commands: u64,
    /// What was left out, in order.
    pub left_out: Vec<LeftOut>,
    /// Keys that a snapshot says it has beyond those that were kept or are named in `left_out`.
    pub missing_keys: u64,
    /// What else there is to know.
    pub notes: Vec<String>,
    /// Something is wrong that cannot be put down to any part of the file: its checksum does not fit what could be read.
    pub suspect: bool,
}

/// Something that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The file, if there are several.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// Its bytes.
    pub range: Range<u64>,
    /// The key that it was, or the command, if that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// Why.
    pub reason: String,
}

impl Report {
    /// Whether everything was kept.
    pub fn nothing_lost(&self) -> bool {
        self.left_out.is_empty() && self.missing_keys == 0 && !self.suspect
    }

    fn leave_out(&mut self, range: Range<u64>, what: Option<String>, reason: impl Into<String>) {
        let reason = reason.into();
        // Damage that goes on is one.
        if let Some(last) = self.left_out.last_mut()
            && what.is_none()
            && last.what.is_none()
            && last.range.end == range.start
            && last.reason == reason
        {
            last.range.end = range.end;
            return;
        }
        self.left_out.push(LeftOut {
            file: String::new(),
            range,
            what,
            reason,
        });
    }

    /// Takes over the report on a file of several.
    fn append(&mut self, file: &str, other: Self) {
        self.keys += other.keys;
        self.commands += other.commands;
        self.missing_keys += other.missing_keys;
        self.suspect |= other.suspect;
        self.notes.extend(
            other
                .notes
                .into_iter()
                .map(|note| format!("{file}: {note}")),
        );
        self.left_out
            .extend(other.left_out.into_iter().map(|left_out| LeftOut {
                file: file.to_owned(),
                ..left_out
            }));
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for LeftOut {
            file,
            range,
            what,
            reason,
        } in &self.left_out
        {
            let Range { start, end } = range;
            write!(f, "left out: ")?;
            if !file.is_empty() {
                write!(f, "{file}, ")?;
            }
            if start < end {
                write!(f, "bytes {start} to {end}")?;
            } else {
                write!(f, "at {start}")?;
            }
            match what {
                Some(what) => writeln!(f, ", {what}: {reason}")?,
                None => writeln!(f, ": {reason}")?,
            }
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        if self.missing_keys > 0 {
            let missing = counted(self.missing_keys, "key more is", "keys more are");
            writeln!(
                f,
                "left out: {missing} missing, going by what the snapshot says it has"
            )?;
        }
        let kept = match (self.keys, self.commands) {
            (keys, 0) => counted(keys, "key", "keys"),
            (0, commands) => counted(commands, "command", "commands"),
            (keys, commands) => format!(
                "{} and {}",
                counted(keys, "key", "keys"),
                counted(commands, "command", "commands")
            ),
        };
        if self.nothing_lost() {
            return write!(f, "nothing lost: {kept} kept");
        }
        let left_out: u64 = self
            .left_out
            .iter()
            .map(|left_out| left_out.range.end - left_out.range.start)
            .sum();
        write!(
            f,
            "{kept} kept, {} ({}) left out",
            counted(self.left_out.len() as u64, "piece", "pieces"),
            counted(left_out, "byte", "bytes")
        )?;
        if self.suspect {
            write!(f, "; some value may not be what was saved")?;
        }
        write!(
            f,
            "{}",
            if self.missing_keys > 0 {
                format!(", {} missing", grouped(self.missing_keys))
            } else {
                String::new()
            }
        )
    }
}

/// Salvages a single file, of a name that may tell what it is. Returns its new content.
///
/// # Errors
/// Why nothing could be done.
pub fn file(name: &str, bytes: &[u8]) -> Result<(Vec<u8>, Report), String> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut report = Report::default();
    let is_snapshot = name.ends_with(".rdb");
    let begins_as_one = bytes.starts_with(b"REDIS");
    if bytes.is_empty() {
        return match is_snapshot {
            true => Err("it is empty".into()),
            false => Ok((out, report)),
        };
    }
    if is_snapshot || begins_as_one {
        let is_log = !is_snapshot && snapshot::end_of(bytes).is_some_and(|end| end < bytes.len());
        if !is_log {
            snapshot::salvage(bytes, false, &mut out, &mut report)?;
            return Ok((out, report));
        }
    } else if !bytes.contains(&b'*') {
        return Err("it is neither a snapshot nor a log".into());
    }
    directory::salvage(bytes, &mut None, &mut out, &mut report, &[])?;
    if report.commands == 0 && !begins_as_one {
        return Err("no command in it can be read".into());
    }
    Ok((out, report))
}

#[cfg(test)]
mod tests;
