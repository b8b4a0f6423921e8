//! Salvaging snapshots.

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

/// Records that must follow each other before another damage, for the first of them to be taken for a beginning.
const LEAST_RUN: usize = 8;

/// How far behind the damage, and the first beginning that it found, a search looks on for a better one, in bytes.
const LOOK_ON: usize = 4 << 10;

/// How many records before the place where reading fails may be the ones that lead astray.
const MOST_ASTRAY: usize = 3;

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
            Record::Other => match self.bytes[at] {
                opcode::SELECT_DB => Found::Database(length_at(self.bytes, at + 1)),
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

    /// Where to go on behind damage that shows at `at`.
    ///
    /// A wrong length may have led astray before it showed, so that the last records that were kept are none. And the
    /// first ones that a search finds may be accidents. But a database has as many keys as it is said to have: if one is
    /// lost, those before it, and those behind it up to the end, are one fewer.
    fn recover(
        &mut self,
        at: usize,
        reason: String,
        refused_end: Option<usize>,
        report: &mut Report,
    ) -> Option<usize> {
        let have = self.kept.len() - self.db_at;
        let left = self.said.map(|said| said.saturating_sub(self.lost));
        if let Some(end) = refused_end {
            // Its own lengths lead on, and so do those behind it.
            let mut known = BTreeMap::new();
            let link = self.follow(end, &mut known);
            let run = Run::of(end, &known, true);
            let fits = left.is_none_or(|left| {
                let total = (have + 1 + run.keys.len()) as u64;
                if link.whole {
                    total == left
                } else {
                    total <= left
                }
            });
            if fits && (link.whole || link.records >= LEAST_RUN) {
                return Some(self.leave_gap(have, at, end, reason, report));
            }
        }
        let first_astray = self.kept.len() - (self.kept.len() - self.db_at).min(MOST_ASTRAY);
        let from = self.kept.get(first_astray).map_or(at, |kept| kept.start) + 1;
        let Some(run) = self.find(from, at) else {
            return self.give_up(at, reason, report);
        };
        if run.keys.is_empty() && run.start < run.boundary {
            // What is said of the file, before the first database.
            return Some(self.leave_gap(have, at, run.start.max(at), reason, report));
        }
        if left == Some(have as u64) && run.keys.first().is_some_and(|key| *key >= at) {
            // It is the beginning of a database that is damaged.
            let reason = format!("{reason}; the database of what follows cannot be told");
            report.leave_out(at as u64..run.boundary as u64, None, reason);
            return Some(run.boundary);
        }
        if let Some((keep, next)) = left.and_then(|left| self.fitting(left, at, &run)) {
            return Some(self.leave_gap(keep, at, next, reason, report));
        }
        if run.keys.len() < 2 && self.bytes.get(run.boundary) == Some(&opcode::END) {
            // An end can be an accident, too.
            let end = self.bytes.len();
            self.leave_gap(self.undoubted(), at, end, reason, report);
            self.close_database(report);
            return None;
        }
        if left.is_some_and(|left| have as u64 + run.keys.len() as u64 + 1 > left) {
            let reason = format!("{reason}; the database of what follows cannot be told");
            report.leave_out(at as u64..run.boundary as u64, None, reason);
            self.lost += 1;
            return Some(run.boundary);
        }
        let next = run.keys.get(1).copied().unwrap_or(run.boundary);
        let reason = format!(
            "{reason}; more than one key is missing, and where the first and the last of them begin cannot be told"
        );
        let next = self.leave_gap(self.undoubted(), at, next.max(at), reason, report);
        // How many are lost is not known any more.
        self.said = None;
        Some(next)
    }

    /// How many records of this database are before the last one that may have led astray: those behind it have names
    /// that nobody gave.
    fn undoubted(&self) -> usize {
        let named = |kept: &Kept| kept.key.as_ref().is_some_and(|key| is_text(&key.name));
        let last = self.kept[self.db_at..].iter().rposition(named);
        last.unwrap_or(0)
    }

    /// Leaves out all from `at` on.
    fn give_up(&mut self, at: usize, reason: String, report: &mut Report) -> Option<usize> {
        let what = self.name_at(at).as_deref().map(key_name);
        report.leave_out(at as u64..self.bytes.len() as u64, what, reason);
        self.lost += 1;
        self.close_database(report);
        None
    }

    /// How many of the kept records of this database are before the one that is lost, and where those behind it begin,
    /// if the numbers say so. `left`: how many keys there are, without those that were lost before.
    fn fitting(&self, left: u64, at: usize, run: &Run) -> Option<(usize, usize)> {
        let have = self.kept.len() - self.db_at;
        let start_of = |keep: usize| {
            self.kept
                .get(self.db_at + keep)
                .map_or(at, |kept| kept.start)
        };
        let mut fits = Vec::new();
        for keep in have.saturating_sub(MOST_ASTRAY)..=have {
            let behind = left.checked_sub(keep as u64 + 1);
            let begins = |(next, keys): &&(usize, usize)| {
                // What is behind the beginning of another database belongs to that.
                let is_between = |at: &usize| (start_of(keep)..*next).contains(at);
                Some(*keys as u64) == behind
                    && *next >= start_of(keep)
                    && !run.databases.iter().any(is_between)
            };
            if let Some((next, _)) = run.beginnings.iter().find(begins) {
                fits.push((keep, *next));
            }
        }
        let (keep, next) = *fits.first()?;
        let end_of = self.kept.get(self.db_at + keep).map(|kept| kept.end);
        if end_of.is_none_or(|end| end > next) {
            // The record that is left out cannot be one: what follows it begins within it.
            return Some((keep, next));
        }
        // One of several is right. What all of them keep is.
        let next = fits.last()?.1;
        Some((keep, next))
    }

    /// Leaves out what is between the first `keep` records of this database and `next`.
    fn leave_gap(
        &mut self,
        keep: usize,
        at: usize,
        next: usize,
        reason: String,
        report: &mut Report,
    ) -> usize {
        let astray: Vec<Kept> = self.kept.drain(self.db_at + keep..).collect();
        for kept in &astray {
            if let Some(key) = &kept.key {
                self.names.remove(&(self.db, crc64(&key.name)));
                report.keys -= 1;
            }
        }
        let start = astray.first().map_or(at, |kept| kept.start);
        let what = self.name_at(start).as_deref().map(key_name);
        report.leave_out(start as u64..next as u64, what, reason);
        self.lost += 1;
        next
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

    /// Finds records that follow each other to the end of the file, or a good many: those with the most keys before the
    /// next database. Damage shows at `at`.
    fn find(&mut self, from: usize, at: usize) -> Option<Run> {
        // What is known of the records found: where the next begins, and how far they lead.
        let mut known: BTreeMap<usize, Link> = BTreeMap::new();
        let mut best: Option<(usize, Link)> = None;
        let mut stop = self.bytes.len();
        for start in from..self.bytes.len() {
            if start >= stop || self.effort == 0 {
                break;
            }
            if !may_begin(self.bytes[start]) || known.contains_key(&start) {
                continue;
            }
            let link = self.follow(start, &mut known);
            if !link.whole && (link.records < LEAST_RUN || !link.is_text) {
                continue;
            }
            if link.whole && best.is_none_or(|(_, best)| !best.whole) {
                stop = stop.min(start.max(at).saturating_add(LOOK_ON));
            }
            let rank = |link: &Link| (link.whole, link.records);
            if best.is_none_or(|(_, best)| rank(&link) > rank(&best)) {
                best = Some((start, link));
            }
        }
        let (start, _) = best?;
        let mut run = Run::of(start, &known, false);
        let begins_database = |(at, link): &(&usize, &Link)| {
            link.whole && link.kind == Kind::Boundary && self.bytes[**at] == opcode::SELECT_DB
        };
        run.databases = known
            .iter()
            .filter(begins_database)
            .map(|(at, _)| *at)
            .collect();
        run.beginnings = known
            .iter()
            .filter(|(_, link)| {
                link.whole
                    && !matches!(
                        link.kind,
                        Kind::Other
                            | Kind::Key {
                                name_is_text: false
                            }
                    )
            })
            .map(|(at, link)| (*at, link.keys))
            .collect();
        Some(run)
    }

    /// Follows records from `start` until one is known, cannot be read, or is the end.
    fn follow(&mut self, start: usize, known: &mut BTreeMap<usize, Link>) -> Link {
        let mut chain = Vec::new();
        let mut at = start;
        let mut link = loop {
            if let Some(link) = known.get(&at) {
                break *link;
            }
            let dead = Link {
                next: at,
                kind: Kind::Boundary,
                whole: false,
                records: 0,
                is_text: true,
                keys: 0,
            };
            let Ok((found, end)) = self.read(at) else {
                self.effort = self.effort.saturating_sub(64);
                break dead;
            };
            self.effort = self.effort.saturating_sub((end - at) as u64);
            let kind = match found {
                Found::End => {
                    let next = self.bytes.get(end);
                    let whole = next.is_none_or(|byte| self.in_log && b"*#".contains(byte));
                    break Link {
                        whole,
                        records: usize::from(whole),
                        ..dead
                    };
                }
                Found::Refused(..) => break dead,
                Found::Database(_) => Kind::Boundary,
                Found::Key(key) => Kind::Key {
                    name_is_text: is_text(&key.name),
                },
                Found::SizeHint(_) | Found::Other | Found::Dropped => Kind::Other,
            };
            chain.push((at, end, kind));
            at = end;
        };
        if chain.is_empty() {
            known.insert(start, link);
        } else if link.records > 0 {
            known.insert(at, link);
        }
        for (at, next, kind) in chain.into_iter().rev() {
            link = Link {
                next,
                kind,
                whole: link.whole,
                records: link.records + 1,
                is_text: link.is_text
                    && kind
                        != (Kind::Key {
                            name_is_text: false,
                        }),
                keys: match kind {
                    Kind::Key { .. } => link.keys + 1,
                    Kind::Boundary => 0,
                    Kind::Other => link.keys,
                },
            };
            known.insert(at, link);
        }
        link
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

/// A record that a search found.
#[derive(Clone, Copy)]
struct Link {
    /// Where the next one begins.
    next: usize,
    kind: Kind,
    /// Whether the records from here on lead to the end of the file.
    whole: bool,
    /// How many records there are from here on.
    records: usize,
    /// Whether all names from here on are text.
    is_text: bool,
    /// How many keys there are before the next database.
    keys: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Key {
        name_is_text: bool,
    },
    /// A database, the end, or what cannot be read.
    Boundary,
    Other,
}

/// Records that follow each other.
struct Run {
    /// Where the first begins.
    start: usize,
    /// Where the keys before the next database begin.
    keys: Vec<usize>,
    /// Where the next database begins, or the end.
    boundary: usize,
    /// Where else records begin that lead to the end, and how many keys there are from there to the next database.
    beginnings: Vec<(usize, usize)>,
    /// Where databases begin.
    databases: Vec<usize>,
}

impl Run {
    /// The records from `start` on, without those at the beginning that are accidents, unless it is known for one.
    fn of(start: usize, known: &BTreeMap<usize, Link>, is_certain: bool) -> Self {
        let mut run = Self {
            start,
            keys: Vec::new(),
            boundary: start,
            beginnings: Vec::new(),
            databases: Vec::new(),
        };
        let mut at = start;
        while let Some(link) = known
            .get(&at)
            .filter(|link| link.kind != Kind::Boundary && link.records > 0)
        {
            match link.kind {
                // Accidents have names that nobody gave.
                Kind::Key {
                    name_is_text: false,
                } if run.keys.is_empty() && !is_certain => run.start = link.next,
                Kind::Key { .. } => run.keys.push(at),
                _ => {}
            }
            at = link.next;
        }
        run.boundary = at;
        run
    }
}

/// Whether a name is one that people or programs write as text.
fn is_text(name: &[u8]) -> bool {
    std::str::from_utf8(name)
        .is_ok_and(|name| !name.is_empty() && !name.chars().any(char::is_control))
}

fn key_name(name: &[u8]) -> String {
    format!("key {}", quoted(name, 60))
}

/// Whether a record can begin with this byte.
fn may_begin(byte: u8) -> bool {
    walk::is_value_type(byte) || walk::is_readable_type(byte) || byte >= opcode::SLOT_INFO
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
