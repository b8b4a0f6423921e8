//! A hash table of byte strings in compact, shared leaves: large hashes and sets, and the members of sorted sets.
//!
//! A hash is 64 bits of rapidhash, the same natively and in wasm. The entries are kept in the order of hashes, in a B+tree: a leaf has
//! the entries of one interval of hashes, some dozens of them, packed into one buffer; what leads to the leaves are nodes of up to 256
//! children with the hash that each begins at. A full leaf is split in the middle, at its own time. So memory is
//! the same per entry whatever their number (splitting by bits of the hash, all leaves are split at once, and between these
//! times are half empty or in sizes that the allocator has no use for), and no change takes longer than a few small buffers do.
//!
//! Nodes and leaves are shared between clones. A change copies those on its way that a clone still holds, and no others.
//!
//! Entries of one and the same hash, more than a leaf holds, are chained.
//!
//! SCAN keeps its promise for the same reason as in the keyspace's own table (`lastsave_dict`): a cursor says that *every entry
//! whose hash is less has been visited*, which no split and no merge makes untrue. Where leaves part, hashes
//! of few leading bits are preferred, so that cursors, their bits reversed, are small numbers.

mod leaf;

use std::sync::Arc;

use leaf::{Leaf, MOST_ENTRIES, allocated};

/// A key and its value.
pub type Entry<'a> = (&'a [u8], &'a [u8]);

/// A leaf with fewer entries is merged with a neighbour, if that has few, too.
const FEW_ENTRIES: usize = MOST_ENTRIES / 4;

/// The most children of a node.
const MOST_CHILDREN: usize = 256;

/// A node with fewer children is merged with a neighbour, if that has few, too.
const FEW_CHILDREN: usize = MOST_CHILDREN / 4;

/// How often a random entry is tried for before any will do.
const MOST_TRIES: u32 = 256;

fn hash_of(key: &[u8]) -> u64 {
    #[cfg(test)]
    if key.starts_with(b"alike:") {
        return 1 << 60;
    }
    rapidhash::v3::rapidhash_v3(key)
}

/// The table. A clone is cheap, whatever the size.
#[derive(Clone)]
pub struct PackedTable {
    root: Child,
    len: usize,
    memory_bytes: usize,
}

impl std::fmt::Debug for PackedTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[derive(Clone)]
enum Child {
    Leaf(Arc<Leaf>),
    Node(Arc<Node>),
}

/// Children that are all leaves, or all nodes of one height.
#[derive(Clone)]
struct Node {
    /// The least hash of each child.
    starts: Vec<u64>,
    children: Vec<Child>,
}

impl Default for PackedTable {
    fn default() -> Self {
        Self::new()
    }
}

impl PackedTable {
    /// An empty table.
    pub fn new() -> Self {
        let leaf = Leaf::new();
        Self {
            len: 0,
            memory_bytes: leaf.memory_bytes(),
            root: Child::Leaf(Arc::new(leaf)),
        }
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Heap bytes, shared or not, the allocator's rounding included. The same on every target.
    pub fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// Whether there is such a key.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.find(hash_of(key), key).is_some()
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.find(hash_of(key), key).map(|(_, value)| value)
    }

    fn find(&self, hash: u64, key: &[u8]) -> Option<Entry<'_>> {
        let mut leaves = self.leaf(hash).0.chain();
        leaves.find_map(|leaf| Some(leaf.entry(leaf.find(hash, key)?)))
    }

    /// Adds an entry or replaces its value. Returns whether the key is new.
    pub fn insert(&mut self, key: &[u8], value: &[u8]) -> bool {
        let hash = hash_of(key);
        match self.find(hash, key) {
            // Nothing shared need be copied.
            Some((_, old)) if old == value => return false,
            Some(_) => {
                if !self.set_value(hash, key, value) {
                    self.remove(key);
                    self.add(hash, key, value);
                }
                return false;
            }
            None => self.add(hash, key, value),
        }
        true
    }

    /// Changes the value of a key that is there; returns whether it had room where it is.
    fn set_value(&mut self, hash: u64, key: &[u8], value: &[u8]) -> bool {
        self.change_leaf(hash, |mut leaf| {
            loop {
                if let Some(index) = leaf.find(hash, key) {
                    return leaf.set_value(index, value);
                }
                match &mut leaf.next {
                    Some(next) => leaf = Arc::make_mut(next),
                    None => return false,
                }
            }
        })
    }

    /// Adds an entry that is not there.
    fn add(&mut self, hash: u64, key: &[u8], value: &[u8]) {
        loop {
            let leaf = self.leaf(hash).0;
            if !leaf.is_full_for(key, value) {
                break;
            }
            let Some(separator) = leaf.separator(hash) else {
                break;
            };
            let mut grown = 0;
            if let Some(right) = self.root.split(hash, separator, &mut grown) {
                let node = Node {
                    starts: vec![0, right.0],
                    children: vec![self.root.clone(), right.1],
                };
                grown += node.memory_bytes() as isize;
                self.root = Child::Node(Arc::new(node));
            }
            self.grow(grown);
        }
        self.change_leaf(hash, |leaf| leaf.append(hash, key, value));
        self.len += 1;
    }

    /// Removes a key. Returns whether it was there.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let hash = hash_of(key);
        if self.find(hash, key).is_none() {
            return false;
        }
        let few = self.change_leaf(hash, |first| {
            let mut leaf = &mut *first;
            loop {
                if let Some(index) = leaf.find(hash, key) {
                    leaf.remove(index);
                    break;
                }
                match &mut leaf.next {
                    Some(next) => leaf = Arc::make_mut(next),
                    None => break,
                }
            }
            first.unchain();
            first.len() < FEW_ENTRIES
        });
        self.len -= 1;
        if few {
            let mut grown = 0;
            self.root.merge(hash, &mut grown);
            self.grow(grown);
        }
        true
    }

    /// Changes the leaf that entries of this hash are in.
    fn change_leaf<R>(&mut self, hash: u64, change: impl FnOnce(&mut Leaf) -> R) -> R {
        let leaf = self.root.leaf_mut(hash);
        let before = leaf.memory_bytes();
        let result = change(leaf);
        let grown = leaf.memory_bytes() as isize - before as isize;
        self.grow(grown);
        result
    }

    fn grow(&mut self, by: isize) {
        self.memory_bytes = self.memory_bytes.strict_add_signed(by);
    }

    /// All entries, in the order of hashes as far as leaves go.
    pub fn iter(&self) -> Iter<'_> {
        let (leaf, end) = self.leaf(0);
        Iter {
            table: self,
            leaf,
            index: 0,
            end,
            left: self.len,
        }
    }

    /// Visits some dozens of entries from `cursor` on and returns where to go on, 0 for the end. Every entry that is present from
    /// the call with cursor 0 to the one that returns 0 is visited at least once. Any number is a good cursor.
    pub fn scan(&self, cursor: u64, visit: &mut dyn FnMut(Entry<'_>)) -> u64 {
        let (first, end) = self.leaf(cursor.reverse_bits());
        for leaf in first.chain() {
            leaf.entries().for_each(&mut *visit);
        }
        end.map_or(0, u64::reverse_bits)
    }

    /// An entry, each with the same chance. `next_random` yields random words. (Entries of one hash, more than a leaf holds, are less
    /// likely.)
    pub fn random(&self, next_random: &mut dyn FnMut() -> u64) -> Option<Entry<'_>> {
        if self.is_empty() {
            return None;
        }
        for _ in 0..MOST_TRIES {
            if let Some(entry) = self.root.random(next_random, true) {
                return Some(entry);
            }
        }
        let mut position = next_random();
        loop {
            let (leaf, end) = self.leaf(position);
            match leaf.len() {
                0 => position = end.unwrap_or(0),
                len => return Some(leaf.entry(next_random() as usize % len)),
            }
        }
    }

    /// The leaf that entries of this hash are in, and the first hash behind it, if there is one.
    fn leaf(&self, hash: u64) -> (&Leaf, Option<u64>) {
        let (mut child, mut end) = (&self.root, None);
        loop {
            match child {
                Child::Leaf(leaf) => return (leaf, end),
                Child::Node(node) => {
                    let index = node.index(hash);
                    child = &node.children[index];
                    end = node.starts.get(index + 1).copied().or(end);
                }
            }
        }
    }
}

impl Child {
    /// The leaf that entries of this hash are in; neither it nor what leads to it is shared any more.
    fn leaf_mut(&mut self, hash: u64) -> &mut Leaf {
        let mut child = self;
        loop {
            match child {
                Self::Leaf(leaf) => return Arc::make_mut(leaf),
                Self::Node(node) => {
                    let node = Arc::make_mut(node);
                    let index = node.index(hash);
                    child = &mut node.children[index];
                }
            }
        }
    }

    /// Splits the leaf of this hash. Returns what must stand behind this child, and where that begins. `grown` counts the bytes.
    fn split(&mut self, hash: u64, separator: u64, grown: &mut isize) -> Option<(u64, Self)> {
        *grown -= self.own_bytes();
        let right = match self {
            Self::Leaf(leaf) => {
                let [left, right] = leaf.split(separator);
                *leaf = Arc::new(left);
                Some((separator, Self::Leaf(Arc::new(right))))
            }
            Self::Node(node) => {
                let node = Arc::make_mut(node);
                let index = node.index(hash);
                let new = node.children[index].split(hash, separator, grown);
                new.and_then(|(start, child)| {
                    node.starts.insert(index + 1, start);
                    node.children.insert(index + 1, child);
                    node.split_if_full()
                })
            }
        };
        *grown += self.own_bytes();
        if let Some((_, right)) = &right {
            *grown += right.own_bytes();
        }
        right
    }

    /// Merges what has few entries or children on the way to this hash with a neighbour. `grown` counts the bytes.
    fn merge(&mut self, hash: u64, grown: &mut isize) {
        let Self::Node(node) = self else {
            return;
        };
        let node = Arc::make_mut(node);
        let index = node.index(hash);
        node.children[index].merge(hash, grown);
        if !node.children[index].has_few() {
            return;
        }
        let before = node.memory_bytes();
        let left = index.saturating_sub(1);
        if node.merge_at(left, grown) || node.merge_at(index, grown) {
            *grown += node.memory_bytes() as isize - before as isize;
        }
        if node.children.len() == 1 {
            *grown -= node.memory_bytes() as isize;
            *self = node.children.swap_remove(0);
        }
    }

    fn has_few(&self) -> bool {
        match self {
            Self::Leaf(leaf) => leaf.len() < FEW_ENTRIES,
            Self::Node(node) => node.children.len() < FEW_CHILDREN,
        }
    }

    /// An entry, or none as often as makes all entries of a table as likely.
    fn random(&self, next_random: &mut dyn FnMut() -> u64, is_root: bool) -> Option<Entry<'_>> {
        let word = next_random() as u32 as usize;
        // There is but one root. Of other nodes and leaves, a full one must not be worth less than one with few entries.
        let of = |len: usize, most: usize| if is_root { len } else { most.max(len) };
        match self {
            Self::Node(node) => {
                let index = word % of(node.children.len(), MOST_CHILDREN);
                node.children.get(index)?.random(next_random, false)
            }
            Self::Leaf(first) => {
                let len = first.chain().map(Leaf::len).sum();
                first
                    .chain()
                    .flat_map(Leaf::entries)
                    .nth(word % of(len, MOST_ENTRIES))
            }
        }
    }

    /// Bytes of the leaf or node itself.
    fn own_bytes(&self) -> isize {
        let bytes = match self {
            Self::Leaf(leaf) => leaf.memory_bytes(),
            Self::Node(node) => node.memory_bytes(),
        };
        bytes as isize
    }
}

impl Node {
    /// The child that entries of this hash are in. Hashes are spread evenly, so that it is near where they would all be
    /// equally far apart.
    #[inline]
    fn index(&self, hash: u64) -> usize {
        let starts = &self.starts[..];
        let (first, last) = (starts[0], starts[starts.len() - 1]);
        if hash >= last {
            return starts.len() - 1;
        }
        let (span, from_first) = (last - first, hash - first);
        // The product has 64 bits at most.
        let shift = (MOST_CHILDREN.ilog2() + 1).saturating_sub(span.leading_zeros());
        let guess = (from_first >> shift) * (starts.len() as u64 - 1) / (span >> shift);
        let mut index = guess as usize;
        while starts[index] > hash {
            index -= 1;
        }
        while starts[index + 1] <= hash {
            index += 1;
        }
        index
    }

    /// Keeps one half of the children and returns the other, with where it begins, if there are too many.
    fn split_if_full(&mut self) -> Option<(u64, Child)> {
        if self.children.len() <= MOST_CHILDREN {
            return None;
        }
        let at = self.children.len() / 2;
        let right = Self {
            starts: self.starts.split_off(at),
            children: self.children.split_off(at),
        };
        self.starts.shrink_to_fit();
        self.children.shrink_to_fit();
        Some((right.starts[0], Child::Node(Arc::new(right))))
    }

    /// Merges the child at `index` with the one behind it, if both together have few. Returns whether it did; `grown` counts the
    /// bytes of the children.
    fn merge_at(&mut self, index: usize, grown: &mut isize) -> bool {
        let [left, right] = match self.children.get_mut(index..index + 2) {
            Some([left, right]) => [left, right],
            _ => return false,
        };
        let before = left.own_bytes() + right.own_bytes();
        match (&mut *left, &*right) {
            (Child::Leaf(left), Child::Leaf(right)) if left.can_merge(right) => {
                *left = Arc::new(left.merged(right));
            }
            (Child::Leaf(_), Child::Leaf(right)) if right.len() == 0 && right.next.is_none() => {}
            (Child::Leaf(left), Child::Leaf(right)) if left.len() == 0 && left.next.is_none() => {
                *left = Arc::clone(right);
            }
            (Child::Node(left), Child::Node(right))
                if left.children.len() + right.children.len() <= MOST_CHILDREN * 3 / 4 =>
            {
                let left = Arc::make_mut(left);
                left.starts.extend_from_slice(&right.starts);
                left.children.extend_from_slice(&right.children);
            }
            _ => return false,
        }
        *grown += left.own_bytes() - before;
        self.starts.remove(index + 1);
        self.children.remove(index + 1);
        true
    }

    fn memory_bytes(&self) -> usize {
        let children = self.children.len().next_power_of_two();
        allocated(16 + 48) + allocated(8 * children) + allocated(16 * children)
    }
}

/// See [`PackedTable::iter`].
#[derive(Clone)]
pub struct Iter<'a> {
    table: &'a PackedTable,
    /// Where it is, and what comes next there.
    leaf: &'a Leaf,
    index: usize,
    /// Where the leaves behind begin.
    end: Option<u64>,
    left: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        while self.index == self.leaf.len() {
            self.index = 0;
            if let Some(next) = &self.leaf.next {
                self.leaf = next;
            } else {
                let leaf;
                (leaf, self.end) = self.table.leaf(self.end?);
                self.leaf = leaf;
            }
        }
        let entry = self.leaf.entry(self.index);
        self.index += 1;
        self.left -= 1;
        Some(entry)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[cfg(test)]
mod tests;
