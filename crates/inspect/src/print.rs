//! A tree as lines for people.

use std::fmt::Write;
use std::ops::Range;

use crate::{Node, NodeKind};

/// How lines look.
pub struct Style {
    /// With the escape sequences of terminals for colour.
    pub colour: bool,
    /// The digits of the largest offset.
    pub offset_width: usize,
    /// Levels below the records.
    pub depth: usize,
}

impl Style {
    /// For a file of so many bytes.
    pub fn for_len(len: u64, colour: bool, depth: usize) -> Self {
        Self {
            colour,
            offset_width: len.to_string().len().max(4),
            depth,
        }
    }
}

/// Bytes shown in a line, if any are.
const HEX_BYTES: usize = 8;

const LABEL_WIDTH: usize = 10;

/// Adds the lines of a node to `out`. `bytes`: gives the bytes of a place in the file, which stand beside the nodes then.
pub fn lines<'a>(
    node: &Node,
    style: &'a Style,
    bytes: Option<&'a mut Bytes<'a>>,
    out: &'a mut String,
) {
    let mut printer = Printer { style, bytes, out };
    printer.node(node, 0);
}

/// Gives the bytes of a place in a file.
pub type Bytes<'a> = dyn FnMut(Range<u64>) -> Vec<u8> + 'a;

struct Printer<'a> {
    style: &'a Style,
    bytes: Option<&'a mut Bytes<'a>>,
    out: &'a mut String,
}

impl Printer<'_> {
    fn node(&mut self, node: &Node, depth: usize) {
        let children = if depth < self.style.depth {
            &node.children[..]
        } else {
            &[]
        };
        self.place(node);
        if self.bytes.is_some() {
            self.hex(node, children.is_empty());
        }
        let indent = 2 * depth;
        let width = LABEL_WIDTH.max(12_usize.saturating_sub(indent));
        let (open, close) = self.colour_of(node.kind);
        // Writing to a string cannot fail.
        let _ = writeln!(
            self.out,
            "{:indent$}{open}{:<width$}{close} {}",
            "", node.label, node.value
        );
        for child in children {
            self.node(child, depth + 1);
        }
        // An error must not hide below the level that is shown.
        if children.is_empty() {
            self.errors_below(node, depth + 1);
        }
    }

    fn errors_below(&mut self, node: &Node, depth: usize) {
        for child in &node.children {
            if child.kind == NodeKind::Error {
                self.node(child, depth);
            } else {
                self.errors_below(child, depth);
            }
        }
    }

    fn place(&mut self, node: &Node) {
        let width = self.style.offset_width;
        let (dim, close) = if self.style.colour {
            ("\x1b[2m", "\x1b[0m")
        } else {
            ("", "")
        };
        let Range { start, end } = node.range;
        let sign = if node.decompressed { "+" } else { "" };
        let (start, end) = (format!("{sign}{start}"), format!("{sign}{end}"));
        let width = width + 1;
        let _ = write!(self.out, "{dim}{start:>width$}..{end:<width$}{close}  ");
    }

    /// The first bytes of a node that has no parts below it.
    fn hex(&mut self, node: &Node, leaf: bool) {
        let mut text = String::new();
        if leaf
            && !node.decompressed
            && let Some(bytes) = &mut self.bytes
        {
            let Range { start, end } = node.range;
            let shown = start..end.min(start.saturating_add(HEX_BYTES as u64));
            for byte in bytes(shown.clone()) {
                let _ = write!(text, "{byte:02x} ");
            }
            if shown.end < end {
                text.push('…');
            }
        }
        let width = 3 * HEX_BYTES + 2;
        let _ = write!(self.out, "{text:<width$}");
    }

    fn colour_of(&self, kind: NodeKind) -> (&'static str, &'static str) {
        if !self.style.colour {
            return ("", "");
        }
        let open = match kind {
            NodeKind::Key | NodeKind::Command | NodeKind::Transaction => "\x1b[1;36m",
            NodeKind::Header | NodeKind::About | NodeKind::End | NodeKind::Line => "\x1b[34m",
            NodeKind::Library | NodeKind::Module | NodeKind::Annotation => "\x1b[35m",
            NodeKind::Text | NodeKind::Element => "\x1b[32m",
            NodeKind::Field | NodeKind::More => "\x1b[2m",
            NodeKind::Error | NodeKind::Unread => "\x1b[1;31m",
        };
        (open, "\x1b[0m")
    }
}
