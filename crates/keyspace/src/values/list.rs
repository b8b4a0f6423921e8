//! Lists: a deque of listpacks, filled, split and merged where Redis's are, so that what is saved has the same bytes.
//!
//! A node is either a listpack of some elements or a single large element as it is. Which elements share a node
//! follows from how the list came about: elements added at an end fill the node there, an element added inside
//! splits a node that is full, and neighbours are merged after a split if both fit into one. Taking elements out
//! merges nothing.

use std::collections::{VecDeque, vec_deque};
use std::sync::Arc;

use super::listpack::{self, Item, Listpack};

mod insert;

/// Bytes that a node of up to so many bytes may have where the limit is one of size: -1, -2, … -5.
const NODE_BYTES: [usize; 5] = [4096, 8192, 16384, 32768, 65536];

/// The most bytes of a node where the limit is a number of elements.
const SAFE_NODE_BYTES: usize = 8192;

/// What a new element is taken to cost beside its text.
const ENTRY_OVERHEAD: usize = 8;

/// Bytes of a node beside its listpack: counts, pointers, length and capacity, and the deque's slot.
const NODE_OVERHEAD: usize = 64;

/// Bytes of the deque and its counts.
const LIST_OVERHEAD: usize = 48;

/// Nodes shorter than this are not worth compressing.
const MIN_COMPRESSED_BYTES: usize = 48;

/// How full a list's nodes get. A list keeps what was configured when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListOptions {
    /// `list-max-listpack-size`: elements in a node, or, negative, -1 to -5 for 4 to 64 KiB.
    pub fill: i32,
    /// `list-compress-depth`: nodes at either end that are not kept compressed; 0: none is.
    pub compress_depth: i32,
}

impl Default for ListOptions {
    fn default() -> Self {
        Self {
            fill: -2,
            compress_depth: 0,
        }
    }
}

/// One end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The head, where the element with index 0 is.
    Left,
    /// The tail.
    Right,
}

/// Some neighbouring elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// One or more elements in a listpack.
    Packed(Listpack),
    /// One element too large for a listpack.
    Plain(Vec<u8>),
}

impl Node {
    /// How many elements it has.
    pub fn count(&self) -> usize {
        match self {
            Self::Packed(pack) => pack.len(),
            Self::Plain(_) => 1,
        }
    }

    /// What is saved of it.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Packed(pack) => pack.as_bytes(),
            Self::Plain(text) => text,
        }
    }

    /// Its elements in order.
    pub fn items(&self) -> impl Iterator<Item = Item<'_>> {
        self.entries()
    }

    fn byte_len(&self) -> usize {
        self.as_bytes().len()
    }

    fn is_plain(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// A listpack of one element.
    fn of_one(text: &[u8]) -> Self {
        let mut pack = Listpack::with_capacity(Listpack::encoded_len(text));
        pack.push_back(text);
        Self::Packed(pack)
    }

    fn entries(&self) -> Entries<'_> {
        match self {
            Self::Packed(pack) => Entries::Packed(pack.iter()),
            Self::Plain(text) => Entries::Plain(Some(text)),
        }
    }

    /// The elements from number `offset` on, which is there.
    fn entries_from(&self, offset: usize) -> Entries<'_> {
        match self {
            Self::Packed(pack) => pack.seek(offset as i64).map_or(Entries::Plain(None), |at| {
                Entries::Packed(pack.iter_from(at))
            }),
            Self::Plain(text) => Entries::Plain(Some(text)),
        }
    }
}

/// A list of strings. A clone shares every node.
///
/// `large_len`, where a function takes it, is the length in bytes from which on an element gets a node of its own.
#[derive(Clone, Debug, Default)]
pub struct List {
    nodes: Arc<VecDeque<Arc<Node>>>,
    /// Elements in all nodes.
    len: usize,
    /// Bytes of what all nodes hold.
    node_bytes: usize,
    options: ListOptions,
}

impl List {
    /// An empty list. Options out of range count as the nearest in range.
    pub fn new(options: ListOptions) -> Self {
        let mut list = Self::default();
        list.set_options(options);
        list
    }

    /// Changes how nodes are filled from now on.
    pub fn set_options(&mut self, options: ListOptions) {
        self.options = ListOptions {
            fill: options.fill.clamp(-5, i32::from(i16::MAX)),
            compress_depth: options.compress_depth.clamp(0, i32::from(u16::MAX)),
        };
    }

    /// How nodes are filled.
    pub fn options(&self) -> ListOptions {
        self.options
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Heap bytes it owns, the same on every target.
    pub fn memory_bytes(&self) -> usize {
        LIST_OVERHEAD + self.nodes.len() * NODE_OVERHEAD + self.node_bytes
    }

    /// The name of its encoding, as OBJECT ENCODING says it.
    pub fn encoding_name(&self) -> &'static str {
        "quicklist"
    }

    /// The bytes of all nodes, headers included, uncompressed.
    pub fn node_bytes(&self) -> usize {
        self.node_bytes
    }

    /// The nodes in order.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = &Node> {
        self.nodes.iter().map(|node| &**node)
    }

    /// The node number `at`.
    pub fn node(&self, at: usize) -> Option<&Node> {
        Some(self.nodes.get(at)?)
    }

    /// Whether Redis would keep the node number `at` compressed, if compressing helps.
    pub fn is_inner(&self, at: usize) -> bool {
        let depth = self.options.compress_depth as usize;
        let from_end = at.min(self.nodes.len().saturating_sub(at + 1));
        depth > 0 && from_end >= depth && self.nodes[at].byte_len() >= MIN_COMPRESSED_BYTES
    }

    /// Adds a node as it was saved. An empty one is left out, as Redis does.
    pub fn push_node(&mut self, node: Node) {
        if node.count() > 0 {
            self.insert_node(self.nodes.len(), node);
        }
    }

    /// Adds an element at one end.
    pub fn push(&mut self, end: End, text: &[u8], large_len: u64) {
        let at = match end {
            End::Left => 0,
            End::Right => self.nodes.len(),
        };
        if text.len() as u64 >= large_len {
            return self.insert_node(at, Node::Plain(text.to_vec()));
        }
        let neighbour = match end {
            End::Left => 0,
            End::Right => self.nodes.len().wrapping_sub(1),
        };
        if !self.has_room(neighbour, text.len()) {
            return self.insert_node(at, Node::of_one(text));
        }
        self.change(neighbour, |pack| match end {
            End::Left => pack.push_front(text),
            End::Right => pack.push_back(text),
        });
    }

    /// Takes an element out at one end. `None` if there is none.
    pub fn pop(&mut self, end: End) -> Option<Vec<u8>> {
        let last = self.nodes.len().checked_sub(1)?;
        let (at, offset) = match end {
            End::Left => (0, 0),
            End::Right => (last, self.nodes[last].count() - 1),
        };
        let item = match end {
            End::Left => self.nodes[at].entries().next()?,
            End::Right => self.nodes[at].entries().next_back()?,
        };
        let element = item.to_vec();
        self.remove_in_node(at, offset, 1);
        Some(element)
    }

    /// The element number `index`.
    pub fn get(&self, index: usize) -> Option<Item<'_>> {
        self.iter_from(index).next()
    }

    /// All elements in order.
    pub fn iter(&self) -> Iter<'_> {
        self.iter_from(0)
    }

    /// The elements from number `index` on, in order.
    pub fn iter_from(&self, index: usize) -> Iter<'_> {
        let Some((at, offset)) = self.locate(index) else {
            return self.iter_none(End::Right);
        };
        Iter {
            nodes: self.nodes.range(at + 1..),
            entries: self.nodes[at].entries_from(offset),
            towards: End::Right,
        }
    }

    /// The element number `index` and those before it, backwards.
    pub fn iter_back_from(&self, index: usize) -> Iter<'_> {
        let Some((at, offset)) = self.locate(index) else {
            return self.iter_none(End::Left);
        };
        let mut entries = self.nodes[at].entries();
        for _ in offset + 1..self.nodes[at].count() {
            entries.next_back();
        }
        Iter {
            nodes: self.nodes.range(..at),
            entries,
            towards: End::Left,
        }
    }

    fn iter_none(&self, towards: End) -> Iter<'_> {
        Iter {
            nodes: self.nodes.range(0..0),
            entries: Entries::Plain(None),
            towards,
        }
    }

    /// Takes out up to `count` elements from number `start` on.
    pub fn remove_range(&mut self, start: usize, count: usize) {
        let mut left = count.min(self.len.saturating_sub(start));
        let Some((mut at, mut offset)) = self.locate(start) else {
            return;
        };
        while left > 0 {
            let removed = left.min(self.nodes[at].count() - offset);
            if !self.remove_in_node(at, offset, removed) {
                at += 1;
            }
            left -= removed;
            offset = 0;
        }
    }

    /// Takes out elements that read as `text`, from one end on, at most `limit`. Returns how many.
    pub fn remove_matching(&mut self, text: &[u8], from: End, limit: usize) -> usize {
        let mut removed = 0;
        let mut unseen = self.nodes.len();
        while unseen > 0 && removed < limit {
            let at = match from {
                End::Left => self.nodes.len() - unseen,
                End::Right => unseen - 1,
            };
            removed += self.remove_matching_in_node(at, text, from, limit - removed);
            unseen -= 1;
        }
        removed
    }

    fn remove_matching_in_node(
        &mut self,
        at: usize,
        text: &[u8],
        from: End,
        limit: usize,
    ) -> usize {
        // Most nodes have no such element, and are not to be copied.
        let mut entries = self.nodes[at].entries();
        if !entries.any(|item| item.eq_text(text)) {
            return 0;
        }
        if self.nodes[at].is_plain() {
            self.remove_node(at);
            return 1;
        }
        let mut removed = 0;
        self.change(at, |pack| {
            let mut next = match from {
                End::Left => pack.first(),
                End::Right => pack.last(),
            };
            while removed < limit
                && let Some(position) = next
            {
                let before = pack.prev(position);
                let behind = if pack.get(position).eq_text(text) {
                    removed += 1;
                    pack.remove(position)
                } else {
                    pack.next(position)
                };
                next = match from {
                    End::Left => behind,
                    End::Right => before,
                };
            }
        });
        if self.nodes[at].count() == 0 {
            self.remove_node(at);
        }
        removed
    }

    /// The node that holds the element number `index`, and the element's number in it. Walks from the nearer end.
    fn locate(&self, index: usize) -> Option<(usize, usize)> {
        if index >= self.len {
            return None;
        }
        if index < self.len / 2 {
            let mut before = 0;
            for (at, node) in self.nodes.iter().enumerate() {
                let count = node.count();
                if index < before + count {
                    return Some((at, index - before));
                }
                before += count;
            }
        } else {
            let mut before = self.len;
            for (at, node) in self.nodes.iter().enumerate().rev() {
                before -= node.count();
                if index >= before {
                    return Some((at, index - before));
                }
            }
        }
        None
    }

    /// Whether an element of `text_len` bytes may be added to the node number `at`, if there is one.
    fn has_room(&self, at: usize, text_len: usize) -> bool {
        self.nodes.get(at).is_some_and(|node| {
            let bytes = node.byte_len() + text_len + ENTRY_OVERHEAD;
            !node.is_plain() && self.fits(bytes, || node.count() + 1)
        })
    }

    /// Whether a node may have so many bytes and elements.
    fn fits(&self, bytes: usize, count: impl FnOnce() -> usize) -> bool {
        match usize::try_from(self.options.fill) {
            Ok(most) => bytes <= SAFE_NODE_BYTES && count() <= most,
            Err(_) => bytes <= NODE_BYTES[self.options.fill.unsigned_abs() as usize - 1],
        }
    }

    fn insert_node(&mut self, at: usize, node: Node) {
        self.len += node.count();
        self.node_bytes += node.byte_len();
        Arc::make_mut(&mut self.nodes).insert(at, Arc::new(node));
    }

    fn remove_node(&mut self, at: usize) -> Option<Arc<Node>> {
        let node = Arc::make_mut(&mut self.nodes).remove(at)?;
        self.len -= node.count();
        self.node_bytes -= node.byte_len();
        Some(node)
    }

    /// Changes a node's listpack and the sums. The node is copied if it is shared.
    fn change<R>(&mut self, at: usize, change: impl FnOnce(&mut Listpack) -> R) -> R {
        let node = Arc::make_mut(&mut Arc::make_mut(&mut self.nodes)[at]);
        let Node::Packed(pack) = node else {
            unreachable!("a large element is replaced, not changed");
        };
        let (len, bytes) = (pack.len(), pack.byte_len());
        let result = change(pack);
        self.len = self.len - len + pack.len();
        self.node_bytes = self.node_bytes - bytes + pack.byte_len();
        result
    }

    /// Takes `count` elements out of a node, and the node if nothing is left in it. Returns whether it is gone.
    fn remove_in_node(&mut self, at: usize, offset: usize, count: usize) -> bool {
        if count == self.nodes[at].count() {
            self.remove_node(at);
            return true;
        }
        self.change(at, |pack| {
            if let Some(position) = pack.seek(offset as i64) {
                pack.remove_range(position, count);
            }
        });
        false
    }
}

/// Elements of a list, in order or backwards.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    /// The nodes not yet begun.
    nodes: vec_deque::Iter<'a, Arc<Node>>,
    /// What is left of the one that was.
    entries: Entries<'a>,
    towards: End,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        loop {
            let (entry, node) = match self.towards {
                End::Right => match self.entries.next() {
                    None => (None, self.nodes.next()),
                    found => (found, None),
                },
                End::Left => match self.entries.next_back() {
                    None => (None, self.nodes.next_back()),
                    found => (found, None),
                },
            };
            if entry.is_some() {
                return entry;
            }
            self.entries = node?.entries();
        }
    }
}

/// Elements of one node.
#[derive(Clone, Debug)]
enum Entries<'a> {
    Packed(listpack::Iter<'a>),
    Plain(Option<&'a [u8]>),
}

impl<'a> Iterator for Entries<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        match self {
            Self::Packed(entries) => entries.next(),
            Self::Plain(text) => text.take().map(Item::Bytes),
        }
    }
}

impl DoubleEndedIterator for Entries<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match self {
            Self::Packed(entries) => entries.next_back(),
            Self::Plain(text) => text.take().map(Item::Bytes),
        }
    }
}

#[cfg(test)]
mod tests;
