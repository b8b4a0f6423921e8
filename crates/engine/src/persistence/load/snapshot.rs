//! Loading RDB files and bases.

use std::io::Read;

use lastsave_keyspace::{OwnedValue, Usage};
use lastsave_rdb::{DecodeError, DecodeErrorKind, Decoder, Item};
use lastsave_vfs::{Errno, OpenMode, Vfs};

use super::ENDED;
use super::clock::{Clock, Ended};
use crate::engine::Engine;
use crate::{Level, LoadedFile};

/// Keys without elements that the log names, of those in one file.
const EMPTY_KEYS_NAMED: u64 = 10;

/// A key of no bytes with a value of none: type, length, length.
const SHORTEST_RECORD: u64 = 3;

/// So many keys are decoded before they are added to the table, so that the waits for its memory overlap.
const KEYS_AT_ONCE: usize = 32;

/// A key that was decoded and is not in the table yet.
struct Decoded {
    db: usize,
    key: Vec<u8>,
    hash: u64,
    value: OwnedValue,
    expires_at_ms: Option<u64>,
    usage: Usage,
    /// Where it ends in the file.
    end: u64,
}

/// What stands behind a snapshot in its file: bytes read ahead, the reader, and the offset of the first of them.
pub(super) struct Rest<R> {
    pub(super) ahead: Vec<u8>,
    pub(super) reader: R,
    pub(super) offset: u64,
}

/// Why a snapshot was not loaded.
pub(super) enum SnapshotError {
    /// It cannot be read.
    Decode(DecodeError),
    /// Loading was ended from outside.
    Ended,
}

impl From<DecodeError> for SnapshotError {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<Ended> for SnapshotError {
    fn from(_: Ended) -> Self {
        Self::Ended
    }
}

impl Engine {
    /// Loads an RDB file. Returns whether there was one.
    pub(super) fn load_rdb_file(
        &mut self,
        path: &str,
        vfs: &mut dyn Vfs,
        clock: &mut Clock<'_>,
    ) -> Result<bool, String> {
        let file = match vfs.open(path, OpenMode::Read) {
            Ok(file) => file,
            Err(error) if error.errno == Errno::NotFound => return Ok(false),
            Err(error) => return Err(format!("Fatal error loading the DB: {error}. Exiting.")),
        };
        let file_len = vfs.len(file).unwrap_or(0);
        self.begin_loading(file_len);
        let result = self
            .load_snapshot(lastsave_vfs::Reader::new(vfs, file), false, clock)
            .map(|(_, items)| items);
        vfs.close(file);
        match result {
            Ok(items) => {
                clock.end_file(file_len);
                let path = path.into();
                self.load_report.files.push(LoadedFile {
                    path,
                    used_len: file_len,
                    file_len,
                    items,
                    unchecked_from: file_len,
                });
                Ok(true)
            }
            Err(SnapshotError::Ended) => Err(ENDED),
            Err(SnapshotError::Decode(error)) => {
                self.log_decode_error(&error);
                if let DecodeErrorKind::Unsound(_) | DecodeErrorKind::WrongChecksum { .. } =
                    &error.kind
                {
                    self.log_check(path, vfs);
                }
                let reason = match &error.kind {
                    DecodeErrorKind::Io(error) => error.to_string(),
                    _ => "Invalid argument".into(),
                };
                Err(format!("Fatal error loading the DB: {reason}. Exiting."))
            }
        }
    }

    /// Puts what redis-check-rdb says of a file into the log, as Redis prints it.
    fn log_check(&mut self, path: &str, vfs: &mut dyn Vfs) {
        let Ok(file) = vfs.open(path, OpenMode::Read) else {
            return;
        };
        let reader = lastsave_vfs::Reader::new(vfs, file);
        let report = lastsave_rdb::check::check(reader, path, self.now_ms());
        vfs.close(file);
        for line in report.output.split(|byte| *byte == b'\n') {
            if !line.is_empty() {
                self.log(Level::Warning, String::from_utf8_lossy(line).into_owned());
            }
        }
        if let Some(line) = report.log_line {
            self.log(Level::Warning, line);
        }
    }

    pub(super) fn log_decode_error(&mut self, error: &DecodeError) {
        let text = match &error.kind {
            DecodeErrorKind::WrongSignature => "Wrong signature trying to load DB from file".into(),
            DecodeErrorKind::UnsupportedVersion(version) => {
                format!("Can't handle RDB format version {version}")
            }
            DecodeErrorKind::WrongChecksum { expected, actual } => format!(
                "Wrong RDB checksum expected: ({actual:x}) but got ({expected:x}). Aborting now."
            ),
            DecodeErrorKind::UnexpectedEof | DecodeErrorKind::Io(_) => {
                format!(
                    "Short read or OOM loading DB. Unrecoverable error, aborting now. (at offset {})",
                    error.offset
                )
            }
            DecodeErrorKind::UnknownType(kind) => format!(
                "Internal error in RDB reading offset {}: Unknown RDB encoding type {kind}",
                error.offset
            ),
            DecodeErrorKind::Foreign(what) => what.clone().into_owned(),
            DecodeErrorKind::Malformed(what) => {
                format!(
                    "Internal error in RDB reading offset {}: {what}",
                    error.offset
                )
            }
            DecodeErrorKind::Unsound(words) => {
                format!(
                    "Internal error in RDB reading offset {}, {words}",
                    error.offset
                )
            }
        };
        self.log(Level::Warning, text);
        if let DecodeErrorKind::WrongChecksum { .. } = &error.kind {
            let text = format!(
                "Internal error in RDB reading offset {}, function at rdb.c:3225 -> RDB CRC error",
                error.offset
            );
            self.log(Level::Warning, text);
        }
    }

    /// Loads the items of a snapshot. Returns what was read ahead behind its end, and how many keys it held. A base
    /// keeps keys that have expired, since the commands behind it may still be about them.
    pub(super) fn load_snapshot<R: Read>(
        &mut self,
        reader: R,
        is_base: bool,
        clock: &mut Clock<'_>,
    ) -> Result<(Rest<R>, u64), SnapshotError> {
        let mut decoder = Decoder::with_settings(
            reader,
            self.config.rdbchecksum,
            self.keyspace.settings.clone(),
        )?;
        let now_ms = self.now_ms();
        let (mut db, mut expired, mut empty) = (0usize, 0u64, 0u64);
        let keys_before = self.saves.loaded;
        let mut decoded = Vec::with_capacity(KEYS_AT_ONCE);
        loop {
            let item = decoder.next_item();
            if decoded.len() == KEYS_AT_ONCE || !matches!(item, Ok(Item::Key { .. })) {
                self.add_decoded(&mut decoded, clock)?;
            }
            match item? {
                Item::Aux(name, value) => self.log_aux(&name, &value),
                Item::SelectDb(number) => {
                    db = usize::try_from(number)
                        .ok()
                        .filter(|db| *db < self.keyspace.databases.len())
                        .ok_or(DecodeError {
                            offset: decoder.offset(),
                            kind: DecodeErrorKind::Malformed(
                                "the data set uses more databases than are configured".into(),
                            ),
                        })?;
                }
                Item::ResizeDb(hint, _) => {
                    // A hint that is a lie must not cost more memory than the keys that the file has room for.
                    let total = self.loading.as_ref().map_or(0, |it| it.total_bytes);
                    let most = total.saturating_sub(decoder.offset()) / SHORTEST_RECORD;
                    self.keyspace.databases[db]
                        .keys
                        .reserve(hint.min(most) as usize);
                }
                Item::Key {
                    key,
                    value,
                    expires_at_ms,
                    usage,
                } => {
                    if !is_base && expires_at_ms.is_some_and(|at_ms| at_ms < now_ms) {
                        expired += 1;
                        self.saves.loaded_expired = expired;
                        self.key_loaded(decoder.offset(), clock)?;
                        continue;
                    }
                    let table = &self.keyspace.databases[db].keys;
                    let hash = table.hash(&key);
                    table.prefetch_to_add(hash);
                    decoded.push(Decoded {
                        db,
                        key,
                        hash,
                        value,
                        expires_at_ms,
                        usage,
                        end: decoder.offset(),
                    });
                }
                Item::EmptyKey(key) => {
                    if empty < EMPTY_KEYS_NAMED {
                        let key = String::from_utf8_lossy(&key).into_owned();
                        let text = format!("rdbLoadObject skipping empty key: {key}");
                        self.log(Level::Notice, text);
                    }
                    empty += 1;
                }
                Item::End => break,
            }
        }
        let keys = self.saves.loaded - keys_before;
        let counts = format!("keys loaded: {keys}, keys expired: {expired}");
        self.log(
            Level::Notice,
            match empty {
                0 => format!("Done loading RDB, {counts}."),
                _ => format!("Done loading RDB, {counts}, empty keys skipped: {empty}."),
            },
        );
        let offset = decoder.offset();
        let (ahead, reader) = decoder.into_rest();
        Ok((
            Rest {
                ahead,
                reader,
                offset,
            },
            keys,
        ))
    }

    /// Adds decoded keys to the table, whose buckets are on their way.
    fn add_decoded(
        &mut self,
        decoded: &mut Vec<Decoded>,
        clock: &mut Clock<'_>,
    ) -> Result<(), Ended> {
        for next in decoded.drain(..) {
            self.keyspace.restore_hashed(
                next.db,
                next.hash,
                &next.key,
                next.value,
                next.expires_at_ms,
                next.usage,
            );
            self.saves.loaded += 1;
            self.key_loaded(next.end, clock)?;
        }
        Ok(())
    }

    fn log_aux(&mut self, name: &[u8], value: &[u8]) {
        let value = String::from_utf8_lossy(value).into_owned();
        match name {
            b"redis-ver" => self.log(
                Level::Notice,
                format!("Loading RDB produced by version {value}"),
            ),
            b"ctime" => {
                let created_s: u64 = value.parse().unwrap_or(0);
                let age_s = self.now_s().saturating_sub(created_s);
                self.log(Level::Notice, format!("RDB age {age_s} seconds"));
            }
            b"used-mem" => {
                let bytes: u64 = value.parse().unwrap_or(0);
                if let Some(loading) = &mut self.loading {
                    loading.rdb_used_mem = bytes;
                }
                let megabytes = bytes as f64 / (1024.0 * 1024.0);
                self.log(
                    Level::Notice,
                    format!("RDB memory usage when created {megabytes:.2} Mb"),
                );
            }
            b"aof-base" if value == "1" => self.log(Level::Notice, "RDB is base AOF"),
            _ => {}
        }
    }
}
