//! Growing a tree within its limits.

use std::borrow::Cow;
use std::ops::Range;

use crate::words::grouped;
use crate::{Limits, Node, NodeKind};

/// Takes the parts of records as they are met. What the limits forbid is counted and costs nothing.
pub(crate) struct Builder {
    depth: usize,
    parts: usize,
    /// Whether anything is to be kept.
    on: bool,
    open: Vec<Frame>,
    /// How many nodes are open within one that is not kept.
    muted: usize,
    done: Vec<Node>,
}

struct Frame {
    node: Node,
    /// Parts that there was no room for.
    hidden: u64,
}

impl Frame {
    /// Puts a node in the place of the parts that were hidden, which end at `end`.
    fn tell_hidden(&mut self, end: u64) {
        let hidden = std::mem::take(&mut self.hidden);
        if hidden == 0 {
            return;
        }
        let last = self.node.children.last();
        let from = last.map_or(self.node.range.start, |last| last.range.end);
        let decompressed = last.is_some_and(|last| last.decompressed);
        self.node.children.push(Node {
            range: from..end.max(from),
            decompressed,
            kind: NodeKind::More,
            label: Cow::Borrowed("…"),
            value: format!("{} more", grouped(hidden)),
            children: Vec::new(),
        });
    }
}

impl Builder {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            depth: limits.depth,
            parts: limits.parts,
            on: false,
            open: Vec::new(),
            muted: 0,
            done: Vec::new(),
        }
    }

    /// Forgets what is open, and keeps what comes, or does not.
    pub(crate) fn start(&mut self, on: bool) {
        self.on = on;
        self.open.clear();
        self.muted = 0;
    }

    /// Whether anything of this record is kept.
    pub(crate) fn is_on(&self) -> bool {
        self.on
    }

    /// Whether a part of this kind that comes now is kept. There is always room for what is said of a record; it is the
    /// user's data that a record may have any amount of.
    pub(crate) fn keeps(&self, kind: NodeKind) -> bool {
        let is_data = matches!(kind, NodeKind::Text | NodeKind::Element | NodeKind::Command);
        let has_room = |frame: &Frame| !is_data || frame.node.children.len() < self.parts;
        self.on
            && self.muted == 0
            && self.open.len() <= self.depth
            && self.open.last().is_none_or(has_room)
    }

    fn hide(&mut self) {
        if self.muted == 0
            && self.open.len() <= self.depth
            && let Some(frame) = self.open.last_mut()
        {
            frame.hidden += 1;
        }
    }

    /// A node begins; its parts come next.
    pub(crate) fn open(&mut self, start: u64, kind: NodeKind, label: &'static str) {
        if !self.on {
            return;
        }
        if !self.keeps(kind) {
            self.hide();
            self.muted += 1;
            return;
        }
        self.open.push(Frame {
            node: Node {
                range: start..start,
                decompressed: false,
                kind,
                label: Cow::Borrowed(label),
                value: String::new(),
                children: Vec::new(),
            },
            hidden: 0,
        });
    }

    /// The node begun last ends here.
    pub(crate) fn close(&mut self, end: u64, value: impl FnOnce() -> String) {
        if !self.on {
            return;
        }
        if self.muted > 0 {
            self.muted -= 1;
            return;
        }
        let Some(mut frame) = self.open.pop() else {
            return;
        };
        frame.tell_hidden(end);
        let mut node = frame.node;
        node.range.end = end;
        node.value = value();
        self.add(node);
    }

    /// As [`Builder::close`], for a node that was decompressed.
    pub(crate) fn close_decompressed(&mut self, end: u64, value: impl FnOnce() -> String) {
        if self.muted == 0
            && let Some(frame) = self.open.last_mut()
        {
            frame.node.decompressed = true;
        }
        self.close(end, value);
    }

    /// A node without parts.
    pub(crate) fn leaf(
        &mut self,
        range: Range<u64>,
        kind: NodeKind,
        label: &'static str,
        value: impl FnOnce() -> String,
    ) {
        self.open(range.start, kind, label);
        self.close(range.end, value);
    }

    /// Closes whatever is open at `end`.
    pub(crate) fn close_all(&mut self, end: u64) {
        self.muted = 0;
        while !self.open.is_empty() {
            self.close(end, || "not whole".into());
        }
    }

    /// An error where nothing else fits: it is kept even if the limits are reached.
    pub(crate) fn error(&mut self, range: Range<u64>, text: &str) {
        if !self.on {
            return;
        }
        let node = Node {
            range,
            decompressed: false,
            kind: NodeKind::Error,
            label: Cow::Borrowed("error"),
            value: text.to_owned(),
            children: Vec::new(),
        };
        self.add(node);
    }

    fn add(&mut self, node: Node) {
        match self.open.last_mut() {
            Some(frame) => {
                frame.tell_hidden(node.range.start);
                frame.node.children.push(node);
            }
            None => self.done.push(node),
        }
    }

    /// The records that are whole.
    pub(crate) fn take(&mut self) -> Vec<Node> {
        std::mem::take(&mut self.done)
    }
}
