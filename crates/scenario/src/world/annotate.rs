//! What the bytes of a file mean, as rows beside them: the tree of `lastsave inspect`, unrolled.

use std::ops::Range;

use lastsave_inspect::{Inspector, Limits, Node, NodeKind};

use crate::Annotation;

/// Rows at most: more than fit a window of bytes that a page can show.
const MAX_ROWS: usize = 4096;

/// Levels below a key that are rows of their own.
const DEPTH: usize = 4;

/// The meaning of the bytes in `window`. What cannot be read ends the list with its reason.
pub(super) fn annotate(path: &str, bytes: &[u8], window: Range<u64>) -> Vec<Annotation> {
    let is_known = [".rdb", ".aof", ".incr", ".manifest"]
        .iter()
        .any(|end| path.ends_with(end))
        || bytes.starts_with(b"REDIS")
        || bytes.starts_with(b"*");
    if path.ends_with(".conf") {
        return lines(bytes, &window);
    }
    if !is_known {
        return Vec::new();
    }
    let limits = Limits {
        depth: DEPTH,
        window: window.clone(),
        ..Limits::default()
    };
    let mut inspector = Inspector::new(bytes, path, Some(bytes.len() as u64), limits);
    let mut rows = Vec::new();
    while let Some(node) = inspector.next_node()
        && rows.len() < MAX_ROWS
    {
        unroll(&node, &window, 0, &mut rows);
    }
    // An error stands where its value begins, behind the parts of that.
    rows.sort_by_key(|row| row.start);
    rows
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
            error: false,
        }
    });
    let is_seen = |row: &Annotation| row.end > window.start && row.start < window.end;
    rows.filter(is_seen).take(MAX_ROWS).collect()
}

/// Adds a row for a node that lies in the window, and for its parts.
fn unroll(node: &Node, window: &Range<u64>, depth: usize, rows: &mut Vec<Annotation>) {
    let Range { start, end } = node.range;
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
        rows.push(Annotation {
            start,
            end: end.max(start + 1),
            text: format!("{}{text}", "\u{2003}".repeat(depth)),
            error,
        });
    }
    // What a command and a line are made of is plain to see.
    if matches!(node.kind, NodeKind::Command | NodeKind::Line) {
        return;
    }
    let below = depth + usize::from(node.kind != NodeKind::Transaction);
    for part in &node.children {
        unroll(part, window, below, rows);
    }
}
