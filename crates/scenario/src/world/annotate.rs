//! What the bytes of a file mean, as rows beside them: the tree of `lastsave inspect`, unrolled.
//!
//! A page of a log is read from the last landmark before it ([`Landmarks`]); a snapshot has none and is read from its
//! beginning, once for each page as long as it does not change.

use std::io::BufReader;
use std::ops::Range;

use lastsave_aof::{Entry, Reader};
use lastsave_inspect::{Format, Inspector, Limits, Node, NodeKind};
use lastsave_vfs::SimDisk;

use super::landmarks::{Landmarks, Source};
use crate::reply::unescaped;
use crate::units::thousands;
use crate::{Annotation, AnnotationKind, KeyName};

/// Rows at most: more than fit a window of bytes that a page can show.
const MAX_ROWS: usize = 4096;

/// Levels below a key that are rows of their own.
const DEPTH: usize = 4;

/// What is known of the file that was looked at last. A clone knows nothing: it would have to be shared to be cheap,
/// and is soon found out again.
#[derive(Debug, Default)]
pub(super) struct Memory {
    landmarks: Option<Landmarks>,
    snapshot: Option<Snapshot>,
}

impl Clone for Memory {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// What is known of a snapshot, of a manifest or of a log behind a snapshot: as long as it does not change.
#[derive(Clone, Debug)]
struct Snapshot {
    path: String,
    edits: Option<(u64, u64)>,
    len: u64,
    about: String,
    problem: Option<(u64, String)>,
    window: Range<u64>,
    rows: Vec<Annotation>,
}

/// What a file is and what a window of its bytes means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Meaning {
    /// What the file is and what is in it, in a few words; empty for a text.
    pub(super) about: String,
    /// Where it breaks, and why.
    pub(super) problem: Option<(u64, String)>,
    /// The rows, in file order.
    pub(super) rows: Vec<Annotation>,
}

/// The meaning of the bytes in `window` of a file of `len` bytes. What cannot be read ends the rows with its reason.
pub(super) fn annotate(
    disk: &SimDisk,
    path: &str,
    len: u64,
    window: Range<u64>,
    memory: &mut Memory,
) -> Meaning {
    let mut first = [0; 5];
    let have = disk.read_some(path, 0, &mut first).unwrap_or(0);
    let first = &first[..have];
    let ends = |all: &[&str]| all.iter().any(|end| path.ends_with(end));
    if ends(&[".conf", ".txt", ".scenario"]) {
        let bytes = disk.read(path).unwrap_or_default();
        return Meaning {
            rows: lines(&bytes, &window),
            ..Meaning::default()
        };
    }
    let is_log = first.starts_with(b"*") || (ends(&[".aof", ".incr"]) && !first.starts_with(b"R"));
    if is_log {
        return log(disk, path, len, window, memory);
    }
    if first.starts_with(b"REDIS") || ends(&[".rdb", ".aof", ".manifest"]) {
        return snapshot(disk, path, len, window, memory);
    }
    Meaning::default()
}

/// A file that is read from its beginning.
fn snapshot(
    disk: &SimDisk,
    path: &str,
    len: u64,
    window: Range<u64>,
    memory: &mut Memory,
) -> Meaning {
    let edits = disk.edits(path);
    let mut known = memory
        .snapshot
        .take()
        .filter(|known| known.path == path && known.edits == edits && known.len == len);
    if known.as_ref().is_none_or(|known| known.window != window) {
        let source = Source {
            disk,
            path,
            offset: 0,
        };
        let limits = Limits {
            depth: DEPTH,
            window: window.clone(),
            ..Limits::default()
        };
        let source = BufReader::with_capacity(64 << 10, source);
        let mut inspector = Inspector::new(source, path, Some(len), limits);
        let mut rows = Vec::new();
        while let Some(node) = inspector.next_node()
            && rows.len() < MAX_ROWS
        {
            let db = inspector.database() as usize;
            unroll(&node, &window, 0, db, 0, &mut rows);
        }
        // An error stands where its value begins, behind the parts of that.
        rows.sort_by_key(|row| row.start);
        let (about, problem) = match known {
            Some(known) => (known.about, known.problem),
            None => {
                let verdict = inspector.finish();
                let first = verdict.problems.first();
                let problem = first.map(|first| (first.range.start, first.text.clone()));
                let said = verdict.to_string();
                let about = match problem.is_some() {
                    true => said.rsplit_once("; ").map_or("", |(_, about)| about),
                    false => said.strip_prefix("sound: ").unwrap_or(""),
                };
                let about = match verdict.format {
                    Format::Unknown => String::new(),
                    _ => about.to_owned(),
                };
                (about, problem)
            }
        };
        known = Some(Snapshot {
            path: path.to_owned(),
            edits,
            len,
            about,
            problem,
            window,
            rows,
        });
    }
    let meaning = known.as_ref().map(|known| Meaning {
        about: known.about.clone(),
        problem: known.problem.clone(),
        rows: known.rows.clone(),
    });
    memory.snapshot = known;
    meaning.unwrap_or_default()
}

/// A file of commands.
fn log(disk: &SimDisk, path: &str, len: u64, window: Range<u64>, memory: &mut Memory) -> Meaning {
    let landmarks = Landmarks::of(disk, path, len, memory.landmarks.take());
    let start = landmarks.before(window.start);
    let source = Source {
        disk,
        path,
        offset: start.offset,
    };
    let limits = Limits {
        depth: DEPTH,
        window: window.start - start.offset..window.end.saturating_sub(start.offset),
        ..Limits::default()
    };
    let source = BufReader::with_capacity(16 << 10, source);
    // A name that is no snapshot's: the first byte need not be one of a log.
    let mut inspector = Inspector::new(source, "log", Some(len - start.offset), limits);
    let mut rows = Vec::new();
    while let Some(node) = inspector.next_node()
        && rows.len() < MAX_ROWS
    {
        unroll(&node, &window, start.offset, start.db, 0, &mut rows);
    }
    name_keys(disk, path, start.db, &mut rows);
    let meaning = Meaning {
        about: format!(
            "a log, {} commands, {} bytes",
            thousands(landmarks.commands),
            thousands(len)
        ),
        problem: landmarks.problem.clone(),
        rows,
    };
    memory.landmarks = Some(landmarks);
    meaning
}

/// Says of each command which key it is about.
fn name_keys(disk: &SimDisk, path: &str, mut db: usize, rows: &mut [Annotation]) {
    /// A longer command's key is not looked for.
    const LONGEST: u64 = 1 << 20;
    for row in rows {
        if row.kind != AnnotationKind::Command || row.end - row.start > LONGEST {
            continue;
        }
        let mut bytes = vec![0; (row.end - row.start) as usize];
        if disk.read_some(path, row.start, &mut bytes).is_err() {
            continue;
        }
        let mut reader = Reader::new(Vec::new(), &bytes[..], 0);
        if let Ok(Some(Entry::Command(args))) = reader.next_entry() {
            if args[0].eq_ignore_ascii_case(b"select") && args.len() == 2 {
                let digits = std::str::from_utf8(&args[1]).ok();
                db = digits.and_then(|digits| digits.parse().ok()).unwrap_or(db);
            }
            row.key = key_of(args).map(|key| KeyName {
                db,
                name: crate::reply::escaped(key),
            });
        }
    }
}

/// The first key that a command names.
pub(super) fn key_of(args: lastsave_resp::Args<'_>) -> Option<&[u8]> {
    let resolved = lastsave_keyspace::resolve(args).ok()?;
    let position = resolved.command.keys.positions(args.len()).next()?;
    args.get(position)
}

/// The lines of a text as they are.
fn lines(bytes: &[u8], window: &Range<u64>) -> Vec<Annotation> {
    let mut start = 0;
    let rows = bytes.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let from = start;
        start += line.len() as u64;
        Annotation {
            start: from,
            end: start,
            text: String::from_utf8_lossy(line.trim_ascii_end()).into_owned(),
            ..Annotation::default()
        }
    });
    let is_seen = |row: &Annotation| row.end > window.start && row.start < window.end;
    rows.filter(is_seen).take(MAX_ROWS).collect()
}

/// Adds a row for a node that lies in the window, and for its parts. Its ranges count from `offset`; a key is in `db`.
fn unroll(
    node: &Node,
    window: &Range<u64>,
    offset: u64,
    db: usize,
    depth: usize,
    rows: &mut Vec<Annotation>,
) {
    let (start, end) = (node.range.start + offset, node.range.end + offset);
    let error = node.kind == NodeKind::Error;
    let is_seen = !node.decompressed && end > window.start && start < window.end;
    if !is_seen && !error {
        return;
    }
    let value = &node.value;
    // A transaction shows as its commands.
    if node.kind != NodeKind::Transaction {
        let text = match (node.kind, &*node.label) {
            (NodeKind::Header, _) => format!("magic: {value}"),
            (NodeKind::About, "aux") => format!("about this file: {value}"),
            (NodeKind::About, "size hint") => format!("hint: {value}"),
            (NodeKind::About | NodeKind::Library | NodeKind::Module, label) => {
                format!("{label} {value}")
            }
            (NodeKind::End, _) => format!("the end, {value}"),
            (NodeKind::More, _) => format!("… {value}"),
            (NodeKind::Field | NodeKind::Text | NodeKind::Element, label) => {
                format!("{label}: {value}")
            }
            _ => value.clone(),
        };
        let kind = match node.kind {
            NodeKind::Key => AnnotationKind::Key,
            NodeKind::Command => AnnotationKind::Command,
            NodeKind::Field | NodeKind::Text | NodeKind::Element | NodeKind::More => {
                AnnotationKind::Part
            }
            NodeKind::Error | NodeKind::Unread => AnnotationKind::Broken,
            _ => AnnotationKind::About,
        };
        rows.push(Annotation {
            start,
            end: end.max(start + 1),
            text,
            depth: depth.min(255) as u8,
            kind,
            key: (kind == AnnotationKind::Key)
                .then(|| key_name(node, db))
                .flatten(),
            error,
        });
    }
    let below = depth + usize::from(node.kind != NodeKind::Transaction);
    for part in &node.children {
        unroll(part, window, offset, db, below, rows);
    }
}

/// The name of a snapshot's key.
fn key_name(node: &Node, db: usize) -> Option<KeyName> {
    let name = node.children.iter().find(|part| part.label == "name")?;
    // `"name" (6-bit length)`, cut if it is long.
    let quoted = name.value.strip_prefix('"')?;
    let (name, rest) = quoted.rsplit_once('"')?;
    let is_whole = !rest.starts_with('…') && unescaped(name).is_some();
    is_whole.then(|| KeyName {
        db,
        name: name.to_owned(),
    })
}
