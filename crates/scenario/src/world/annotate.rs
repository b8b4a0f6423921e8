//! What the bytes of a file mean: the items of a snapshot, the commands of a log, the lines of a manifest.

use std::ops::Range;

use lastsave_aof::{Entry, ReadError, Reader};
use lastsave_dict::ValueRef;
use lastsave_keyspace::OwnedValue;
use lastsave_rdb::{Decoder, Item};

use crate::Annotation;
use crate::reply::escaped;

/// Rows at most: more than fit a window of bytes that a page can show.
const MAX_ROWS: usize = 4096;

/// A word longer than this is cut, in bytes.
const SHOWN_LEN: usize = 60;

/// The meaning of the bytes in `window`. What cannot be read ends the list with its reason.
pub(super) fn annotate(path: &str, bytes: &[u8], window: Range<u64>) -> Vec<Annotation> {
    let mut rows = Rows {
        rows: Vec::new(),
        window,
    };
    if bytes.starts_with(b"REDIS") {
        if let Some(end) = snapshot(&mut rows, bytes) {
            log(&mut rows, &bytes[end..], end as u64);
        }
    } else if path.ends_with(".aof") || path.ends_with(".incr") || bytes.starts_with(b"*") {
        log(&mut rows, bytes, 0);
    } else if path.ends_with(".manifest") || path.ends_with(".conf") {
        lines(&mut rows, bytes);
    }
    rows.rows
}

/// The rows within a window.
struct Rows {
    rows: Vec<Annotation>,
    window: Range<u64>,
}

impl Rows {
    /// Adds a row if it lies in the window. Returns whether to go on.
    fn push(&mut self, start: u64, end: u64, text: impl FnOnce() -> String) -> bool {
        if end > self.window.start && start < self.window.end {
            self.rows.push(Annotation {
                start,
                end,
                text: text(),
                error: false,
            });
        }
        end < self.window.end && self.rows.len() < MAX_ROWS
    }

    fn error(&mut self, start: u64, end: u64, text: String) {
        self.rows.push(Annotation {
            start,
            end: end.max(start + 1),
            text,
            error: true,
        });
    }
}

/// Reads a snapshot. Returns where it ends, if it was read to the end.
fn snapshot(rows: &mut Rows, bytes: &[u8]) -> Option<usize> {
    let len = bytes.len() as u64;
    let mut decoder = match Decoder::new(bytes, true) {
        Ok(decoder) => decoder,
        Err(error) => {
            rows.error(error.offset, len, describe_error(&error));
            return None;
        }
    };
    let version = decoder.version();
    rows.push(0, decoder.offset(), || {
        format!("magic: a Redis snapshot, format version {version}")
    });
    loop {
        let start = decoder.offset();
        match decoder.next_item() {
            Ok(item) => {
                let end = decoder.offset();
                let is_end = matches!(item, Item::End);
                let goes_on = rows.push(start, end, || describe_item(&item));
                if is_end {
                    return Some(end as usize);
                }
                if !goes_on {
                    return None;
                }
            }
            Err(error) => {
                rows.error(
                    error.offset.max(start).min(len),
                    len,
                    describe_error(&error),
                );
                return None;
            }
        }
    }
}

fn describe_error(error: &lastsave_rdb::DecodeError) -> String {
    use lastsave_rdb::DecodeErrorKind as Kind;
    match &error.kind {
        Kind::UnexpectedEof => "the file ends inside an item".into(),
        Kind::Io(error) => error.to_string(),
        Kind::WrongSignature => "not the signature of a snapshot".into(),
        Kind::UnsupportedVersion(version) => format!("unknown format version {version}"),
        Kind::UnknownType(kind) => format!("unknown type or opcode {kind}"),
        Kind::Foreign(what) | Kind::Malformed(what) => what.to_string(),
        Kind::Unsound(words) => words.text.to_string(),
        Kind::WrongChecksum { expected, actual } => {
            format!("wrong checksum: {expected:016x} is stored, {actual:016x} is the content's")
        }
    }
}

fn describe_item(item: &Item) -> String {
    match item {
        Item::Aux(name, value) => format!("about this file: {} = {}", cut(name), cut(value)),
        Item::SelectDb(db) => format!("database {db}"),
        Item::ResizeDb(keys, expiring) => {
            format!("hint: {keys} keys, {expiring} of them expire")
        }
        Item::Key {
            key,
            value,
            expires_at_ms,
            ..
        } => {
            let value = match value {
                OwnedValue::Text(text) => format!("\"{}\"", cut(text)),
                OwnedValue::Object(object) => format!(
                    "a {} {}",
                    object.kind().name(),
                    super::keys::shown(ValueRef::Object(object))
                ),
            };
            let expiry = match expires_at_ms {
                Some(at_ms) => format!(", expires at {at_ms} ms"),
                None => String::new(),
            };
            format!("\"{}\" = {value}{expiry}", cut(key))
        }
        Item::EmptyKey(key) => format!("\"{}\" without any elements, passed over", cut(key)),
        Item::End => "the end, and a checksum over everything before it".into(),
    }
}

/// Reads commands; `offset` is where `bytes` begin in the file.
fn log(rows: &mut Rows, bytes: &[u8], offset: u64) {
    let len = offset + bytes.len() as u64;
    let mut reader = Reader::new(Vec::new(), bytes, offset);
    loop {
        let start = reader.offset();
        let text = match reader.next_entry() {
            Ok(None) => return,
            Ok(Some(Entry::Annotation(line))) => format!("# {}", cut(line)),
            Ok(Some(Entry::Command(args))) => {
                let words: Vec<String> = args.iter().take(12).map(cut).collect();
                words.join(" ")
            }
            Err(error) => {
                let (at, text) = match error {
                    ReadError::Truncated { offset } => {
                        (offset, "the file ends inside a command".into())
                    }
                    ReadError::ZeroTail { offset } => {
                        (offset, "nothing but zeros from here on".into())
                    }
                    ReadError::BadFormat { offset } => (offset, "not a command".into()),
                    error @ ReadError::WrongChecksum { .. } => (start, error.to_string()),
                    ReadError::Io(error) => (start, error.to_string()),
                };
                return rows.error(at, len, text);
            }
        };
        if !rows.push(start, reader.offset(), || text) {
            return;
        }
    }
}

/// The lines of a text file as they are.
fn lines(rows: &mut Rows, bytes: &[u8]) {
    let mut start = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let end = start + line.len() as u64;
        if !rows.push(start, end, || cut(line.trim_ascii_end())) {
            return;
        }
        start = end;
    }
}

fn cut(bytes: &[u8]) -> String {
    if bytes.len() <= SHOWN_LEN {
        escaped(bytes)
    } else {
        format!("{}…", escaped(&bytes[..SHOWN_LEN]))
    }
}
