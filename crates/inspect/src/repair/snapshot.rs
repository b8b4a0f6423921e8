//! Salvaging snapshots.

mod recover;
mod search;

use std::collections::{BTreeMap, BTreeSet};

use lastsave_dict::ValueRef;
use lastsave_keyspace::{OwnedValue, Settings};
use lastsave_rdb::walk::{self, Cursor, Refusal, opcode, value_type};
use lastsave_rdb::{Compressor, crc64, encode_value_with};

use super::Report;
use crate::Limits;
use crate::build::Builder;
use crate::inspector::Findings;
use crate::rdb::{Record, is_compressed, walk_record};
use crate::words::quoted;

/// Bytes read ahead where a record may begin.
const AHEAD: usize = 512;

/// A search for the next record reads each byte so many times, at most, all in all.
const SEARCH_FACTOR: u64 = 256;

/// A record that can be kept.
#[derive(Clone)]
struct Kept {
    start: usize,
    end: usize,
    /// Its own database, for a key.
    db: u64,
    /// Where its type, name and value begin, for a key.
    key: Option<KeyParts>,
}

#[derive(Clone)]
struct KeyParts {
    kind: u8,
    /// The type byte.
    type_at: usize,
    value_at: usize,
    expires: bool,
    name: Vec<u8>,
}

/// What can stand in a file.
enum Found {
    Key(KeyParts),
    Database(u64),
    SizeHint(u64),
    /// Kept as it is.
    Other,
    /// Belongs to newer versions only, and says nothing about the data.
    Dropped,
    /// Its end can be told, and no server would take it: why.
    Refused(String),
    End,
}

/// Makes a sound snapshot of `bytes` in `out`. `in_log`: commands may follow. Returns where the snapshot ends, if its end
/// was found.
pub(super) fn salvage(
    bytes: &[u8],
    in_log: bool,
    out: &mut Vec<u8>,
    report: &mut Report,
) -> Result<Option<usize>, String> {
    let mut salvage = Salvage {
        bytes,
        in_log,
        version: 10,
        settings: Settings::default(),
        kept: Vec::new(),
        names: BTreeSet::new(),
        db: 0,
        db_at: 0,
        said: None,
        lost: 0,
        effort: (bytes.len() as u64).saturating_mul(SEARCH_FACTOR) + (64 << 20),
    };
    salvage.header(report);
    let end = salvage.records(report);
    if salvage.kept.iter().all(|kept| kept.key.is_none()) && !report.left_out.is_empty() {
        return Err(match report.left_out.first() {
            Some(first) => format!(
                "no key in it can be read: at {}: {}",
                first.range.start, first.reason
            ),
            None => "no key in it can be read".into(),
        });
    }
    salvage.write(out, report);
    Ok(end)
}

/// Where a sound snapshot ends.
pub(super) fn end_of(bytes: &[u8]) -> Option<usize> {
    salvage(bytes, true, &mut Vec::new(), &mut Report::default()).ok()?
}

struct Salvage<'a> {
    bytes: &'a [u8],
    in_log: bool,
    version: u32,
    settings: Settings,
    kept: Vec<Kept>,
    /// The checksums of the names that were kept, with their databases: no two keys may be the same.
    names: BTreeSet<(u64, u64)>,
    db: u64,
    /// Where in `kept` the database begins.
    db_at: usize,
    /// How many keys the database is said to have.
    said: Option<u64>,
    /// How many of them were lost.
    lost: u64,
    /// Bytes that searches may still read.
    effort: u64,
}

impl Salvage<'_> {
    fn header(&mut self, report: &mut Report) {
        let version = self
            .bytes
            .first_chunk()
            .and_then(|header| walk::version(*header));
        match version {
            Some(version @ 1..=12) => {
                self.version = version;
                if version > 10 {
                    report
                        .notes
                        .push(format!("version {version} became version 10"));
                }
            }
            _ => {
                let len = self.bytes.len().min(walk::HEADER_LEN) as u64;
                report.leave_out(
                    0..len,
                    None,
                    "no header of a known version; taken for version 10",
                );
            }
        }
    }

    /// What stands at `at`, and where it ends.
    fn read(&self, at: usize) -> Result<(Found, usize), String> {
        // Two empty strings whose names are empty, too: no two keys have one name.
        if self.bytes[at..].starts_with(&[0; 6]) {
            return Err("nothing but zeros".into());
        }
        let mut cursor = Cursor::with_buffer(&self.bytes[at..], AHEAD);
        let limits = Limits::default();
        let mut out = Builder::new(&limits);
        let mut findings = Findings::default();
        let record = walk_record(&mut cursor, self.version, &mut out, &mut findings)
            .map_err(|stop| stop.to_string())?;
        let end = at + cursor.at();
        let found = match record {
            Record::Key {
                name,
                kind,
                value_at,
                expires_at_ms,
            } => {
                let value = &self.bytes[at + value_at..end];
                match self.refused(kind, value) {
                    Some(Refusal::Empty) => {
                        Found::Refused("it has no elements: servers pass over it".into())
                    }
                    Some(Refusal::Unsound(reason)) => Found::Refused(reason.into_owned()),
                    None => Found::Key(KeyParts {
                        kind,
                        type_at: at + prefix_len(&self.bytes[at..end]),
                        value_at: at + value_at,
                        expires: expires_at_ms.is_some(),
                        name,
                    }),
                }
            }
            Record::End => Found::End,
            Record::Database(database) => Found::Database(database),
            Record::Other => match self.bytes[at] {
                opcode::RESIZE_DB => Found::SizeHint(length_at(self.bytes, at + 1)),
                opcode::SLOT_INFO => Found::Dropped,
                opcode::FUNCTION => {
                    Found::Refused("a library of functions in a form that no release reads".into())
                }
                _ => Found::Other,
            },
        };
        Ok((found, end))
    }

    fn refused(&self, kind: u8, value: &[u8]) -> Option<Refusal> {
        if matches!(kind, value_type::STRING | value_type::MODULE_2) && !is_compressed(value) {
            return None;
        }
        walk::value(kind, value, &self.settings).err()
    }

    /// Reads record after record. Returns the end of the snapshot, if it was found.
    fn records(&mut self, report: &mut Report) -> Option<usize> {
        let mut at = walk::HEADER_LEN.min(self.bytes.len());
        loop {
            let (reason, refused_end) = match self.read(at) {
                Ok((Found::End, end)) => {
                    self.end(end, report);
                    return Some(end);
                }
                Ok((Found::Refused(reason), end)) => (reason, Some(end)),
                Ok((found, end)) => match self.keep(found, at, end, report) {
                    Ok(()) => {
                        at = end;
                        continue;
                    }
                    Err(reason) => (reason, None),
                },
                Err(_)
                    if matches!(self.bytes[at..], [] | [opcode::END, ..])
                        && at + 9 > self.bytes.len() =>
                {
                    self.close_database(report);
                    report.notes.push("the end was missing".into());
                    report.suspect |= at == self.bytes.len();
                    return None;
                }
                Err(reason) => (reason, None),
            };
            at = self.recover(at, reason, refused_end, report)?;
        }
    }

    fn end(&mut self, end: usize, report: &mut Report) {
        self.close_database(report);
        if !self.checksum_fits(end) && report.left_out.is_empty() && report.missing_keys == 0 {
            report.suspect = true;
            let note = "every record can be read, but the checksum does not fit: some byte is not what was saved";
            report.notes.push(note.into());
        }
        if end < self.bytes.len() && !self.in_log {
            let note = format!(
                "the {} bytes behind the end were not looked at",
                self.bytes.len() - end
            );
            report.notes.push(note);
        }
    }

    /// Whether the checksum before `end` is that of the bytes before it.
    fn checksum_fits(&self, end: usize) -> bool {
        let Some((content, stored)) = self.bytes[..end].split_last_chunk() else {
            return true;
        };
        let stored = u64::from_le_bytes(*stored);
        self.version < 5 || stored == 0 || stored == crc64(content)
    }

    /// The name of the key at `at`, if so much of it can be read.
    fn name_at(&self, at: usize) -> Option<Vec<u8>> {
        let rest = &self.bytes[at..];
        let prefix = prefix_len(rest);
        let kind = *rest.get(prefix)?;
        if !walk::is_readable_type(kind) && !walk::is_value_type(kind) {
            return None;
        }
        let mut cursor = Cursor::with_buffer(&rest[prefix + 1..], AHEAD);
        let text = cursor.text().ok()?;
        Some(cursor.content(&text).ok()?.into_owned())
    }

    /// Takes a record over.
    ///
    /// # Errors
    /// Why it cannot be one.
    fn keep(
        &mut self,
        found: Found,
        at: usize,
        end: usize,
        report: &mut Report,
    ) -> Result<(), String> {
        let mut kept = Kept {
            start: at,
            end,
            db: self.db,
            key: None,
        };
        match found {
            Found::Key(parts) => {
                if !self.names.insert((self.db, crc64(&parts.name))) {
                    return Err("a key of this name is there already".into());
                }
                kept.key = Some(parts);
                report.keys += 1;
            }
            Found::Database(db) => {
                self.close_database(report);
                self.db = db;
                return Ok(());
            }
            Found::SizeHint(keys) => {
                self.said = Some(keys);
                return Ok(());
            }
            // They come first, so that a database's keys are all that is kept since it began.
            Found::Other => {
                self.kept.insert(self.db_at, kept);
                self.db_at += 1;
                return Ok(());
            }
            Found::Dropped | Found::Refused(..) | Found::End => return Ok(()),
        }
        self.kept.push(kept);
        Ok(())
    }

    /// Compares what the database is said to have with what was met.
    fn close_database(&mut self, report: &mut Report) {
        let have = (self.kept.len() - self.db_at) as u64 + self.lost;
        if let Some(said) = self.said.take() {
            report.missing_keys += said.saturating_sub(have);
        }
        self.db_at = self.kept.len();
        self.lost = 0;
    }

    /// Writes what is kept as a snapshot of version 10.
    fn write(&self, out: &mut Vec<u8>, report: &mut Report) {
        let begin = out.len();
        out.extend_from_slice(b"REDIS0010");
        for kept in self.kept.iter().filter(|kept| kept.key.is_none()) {
            out.extend_from_slice(&self.bytes[kept.start..kept.end]);
        }
        let mut by_db: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for (kept, key) in self
            .kept
            .iter()
            .filter_map(|kept| Some((kept, kept.key.as_ref()?)))
        {
            let (keys, expiring) = by_db.entry(kept.db).or_default();
            *keys += 1;
            *expiring += u64::from(key.expires);
        }
        let mut compressor = Compressor::new();
        for (db, (keys, expiring)) in by_db {
            out.push(opcode::SELECT_DB);
            push_length(out, db);
            out.push(opcode::RESIZE_DB);
            push_length(out, keys);
            push_length(out, expiring);
            for kept in self.kept.iter().filter(|kept| kept.db == db) {
                let Some(key) = &kept.key else { continue };
                if walk::is_value_type(key.kind) {
                    out.extend_from_slice(&self.bytes[kept.start..kept.end]);
                    continue;
                }
                // A type that version 10 has not: the same value in one that it has.
                let value = walk::value(
                    key.kind,
                    &self.bytes[key.value_at..kept.end],
                    &self.settings,
                );
                let Ok(value) = value else { continue };
                let mut encoded = Vec::new();
                match &value {
                    OwnedValue::Object(object) => {
                        encode_value_with(
                            &mut encoded,
                            ValueRef::Object(object),
                            Some(&mut compressor),
                        );
                    }
                    OwnedValue::Text(text) => {
                        encode_value_with(
                            &mut encoded,
                            ValueRef::Bytes(text),
                            Some(&mut compressor),
                        );
                    }
                }
                out.extend_from_slice(&self.bytes[kept.start..key.type_at]);
                out.push(encoded[0]);
                out.extend_from_slice(&self.bytes[key.type_at + 1..key.value_at]);
                out.extend_from_slice(&encoded[1..]);
            }
        }
        out.push(opcode::END);
        let checksum = crc64(&out[begin..]);
        out.extend_from_slice(&checksum.to_le_bytes());
        if self.effort == 0 {
            report
                .notes
                .push("the search for readable records was given up".into());
        }
    }
}

fn key_name(name: &[u8]) -> String {
    format!("key {}", quoted(name, 60))
}

/// How many bytes of a record say its expiry and use.
fn prefix_len(record: &[u8]) -> usize {
    let mut at = 0;
    loop {
        at += match record.get(at) {
            Some(&opcode::EXPIRE_TIME) => 5,
            Some(&opcode::EXPIRE_TIME_MS) => 9,
            Some(&opcode::FREQUENCY) => 2,
            Some(&opcode::IDLE) => match record.get(at + 1) {
                Some(0..=0x3f) => 2,
                Some(0x40..=0x7f) => 3,
                Some(0x80) => 6,
                Some(0x81) => 10,
                _ => 2,
            },
            _ => return at.min(record.len()),
        };
    }
}

fn length_at(bytes: &[u8], at: usize) -> u64 {
    Cursor::with_buffer(&bytes[at.min(bytes.len())..], AHEAD)
        .length()
        .unwrap_or(0)
}

fn push_length(out: &mut Vec<u8>, length: u64) {
    match length {
        0..=0x3f => out.push(length as u8),
        0x40..=0x3fff => out.extend_from_slice(&(0x4000 | length as u16).to_be_bytes()),
        _ => match u32::try_from(length) {
            Ok(length) => {
                out.push(0x80);
                out.extend_from_slice(&length.to_be_bytes());
            }
            Err(_) => {
                out.push(0x81);
                out.extend_from_slice(&length.to_be_bytes());
            }
        },
    }
}
