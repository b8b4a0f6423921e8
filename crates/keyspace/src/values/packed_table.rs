//! A hash table of byte strings in compact, shared leaves: large hashes and sets, and the members of sorted sets.
//!
//! A hash is 64 bits of rapidhash, the same natively and in wasm. A leaf holds the entries whose hashes agree in their first
//! bits, some dozens of them, packed into one buffer; when it is full, it is split by one more bit. What leads to the leaves is a trie: a
//! node has up to 256 places for the next up to eight bits, and a leaf of fewer bits stands in the first of the places that
//! are its own, the others being empty. (Each leaf has so exactly one owner.) A node grows by doubling its places, and with no
//! bit left, the leaf in its place gives way to a node of its own. So no change, however large the table, takes longer than
//! a few small buffers do.
//!
//! Nodes and leaves are shared between clones. A change copies those on its way that a clone still holds, and no others.
//!
//! If many hashes begin alike, splitting does not separate them; past [`MOST_DEPTH`] bits leaves are chained instead.
//!
//! All of it is in the order of hashes, as in the keyspace's own table (`lastsave_dict`), and SCAN keeps its promise for the
//! same reason: a cursor says that *every entry whose hash is less has been visited*, which no split and no merge
//! makes untrue.

mod leaf;

use std::sync::Arc;

use leaf::{Leaf, MOST_ENTRIES, allocated};

/// A key and its value.
pub type Entry<'a> = (&'a [u8], &'a [u8]);

/// The most bits of the hash that one node looks at.
const MOST_NODE_BITS: u32 = 8;

/// The most bits of the hash that leaves are told apart by.
const MOST_DEPTH: u32 = 40;

/// A leaf with fewer entries is merged with its sibling if that has few, too.
const FEW_ENTRIES: usize = MOST_ENTRIES / 4;

/// How often a random entry is tried for before any will do.
const MOST_TRIES: u32 = 256;

fn hash_of(key: &[u8]) -> u64 {
    #[cfg(test)]
    if let Some(number) = key.strip_prefix(b"alike:") {
        // Keys whose hashes agree in all bits that leaves are told apart by.
        return rapidhash::v3::rapidhash_v3(number) >> 56;
    }
    rapidhash::v3::rapidhash_v3(key)
}

/// The table. A clone is cheap, whatever the size.
#[derive(Clone)]
pub struct PackedTable {
    root: Place,
    len: usize,
    memory_bytes: usize,
    /// The number of leaves of each depth, the chained ones left out.
    leaves: [u32; MOST_DEPTH as usize + 1],
}

#[derive(Clone)]
enum Place {
    /// Belongs to a leaf in an earlier place; or the table is empty.
    Empty,
    Leaf(Arc<Leaf>),
    Node(Arc<Node>),
}

/// `2^bits` places.
#[derive(Clone)]
struct Node {
    bits: u32,
    places: Vec<Place>,
}

impl PackedTable {
    /// An empty table, which allocates nothing.
    pub fn new() -> Self {
        Self {
            root: Place::Empty,
            len: 0,
            memory_bytes: 0,
            leaves: [0; MOST_DEPTH as usize + 1],
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
        chain(self.leaf(hash)?).find_map(|leaf| Some(leaf.entry(leaf.find(hash, key)?)))
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
        let mut leaf = self.root.leaf_mut(hash);
        while let Some(current) = leaf {
            let current = Arc::make_mut(current);
            if let Some(index) = current.find(hash, key) {
                let before = current.memory_bytes();
                let set = current.set_value(index, value);
                let after = current.memory_bytes();
                self.memory_bytes = self.memory_bytes - before + after;
                return set;
            }
            leaf = current.next.as_mut();
        }
        false
    }

    /// Adds an entry that is not there.
    fn add(&mut self, hash: u64, key: &[u8], value: &[u8]) {
        if let Place::Empty = self.root {
            let leaf = Leaf::new(0);
            self.leaves[0] += 1;
            self.memory_bytes += leaf.memory_bytes();
            self.root = Place::Leaf(Arc::new(leaf));
        }
        loop {
            let leaf = self.root.leaf_mut(hash).expect("the table has a root");
            let mut leaf = Arc::make_mut(leaf);
            if leaf.is_full_for(key, value) {
                if leaf.depth() < MOST_DEPTH {
                    self.split(hash);
                    continue;
                }
                while leaf.is_full_for(key, value) {
                    let depth = leaf.depth();
                    let next = leaf.next.get_or_insert_with(|| {
                        let leaf = Leaf::new(depth);
                        self.memory_bytes += leaf.memory_bytes();
                        Arc::new(leaf)
                    });
                    leaf = Arc::make_mut(next);
                }
            }
            let before = leaf.memory_bytes();
            leaf.push(hash, key, value);
            self.memory_bytes = self.memory_bytes - before + leaf.memory_bytes();
            self.len += 1;
            return;
        }
    }

    /// Removes a key. Returns whether it was there.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let hash = hash_of(key);
        if self.find(hash, key).is_none() {
            return false;
        }
        self.len -= 1;
        if self.is_empty() {
            *self = Self::new();
            return true;
        }
        let mut place = self.root.leaf_mut(hash);
        let mut few = false;
        while let Some(current) = place {
            let leaf = Arc::make_mut(current);
            if let Some(index) = leaf.find(hash, key) {
                let before = leaf.memory_bytes();
                leaf.remove(index);
                few = leaf.len() < FEW_ENTRIES;
                self.memory_bytes = self.memory_bytes - before + leaf.memory_bytes();
                break;
            }
            place = leaf.next.as_mut();
        }
        if few {
            self.merge(hash);
        }
        true
    }

    /// All entries, in the order of hashes as far as leaves go.
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            table: self,
            leaf: self.leaf(0),
            index: 0,
            end: self.leaf(0).and_then(|leaf| end_of(0, leaf)),
            left: self.len,
        }
    }

    /// Visits some dozens of entries from `cursor` on and returns where to go on, 0 for the end. Every entry that is present from
    /// the call with cursor 0 to the one that returns 0 is visited at least once. Any number is a good cursor.
    pub fn scan(&self, cursor: u64, visit: &mut dyn FnMut(Entry<'_>)) -> u64 {
        let position = cursor.reverse_bits();
        let Some(first) = self.leaf(position) else {
            return 0;
        };
        for leaf in chain(first) {
            (0..leaf.len()).for_each(|index| visit(leaf.entry(index)));
        }
        end_of(position, first).map_or(0, u64::reverse_bits)
    }

    /// An entry, each with the same chance. `next_random` yields random words. (Where more hashes begin alike than chance
    /// would have it, chances are only similar.)
    pub fn random(&self, next_random: &mut dyn FnMut() -> u64) -> Option<Entry<'_>> {
        let deepest = self.leaves.iter().rposition(|leaves| *leaves > 0)? as u32;
        for _ in 0..MOST_TRIES {
            let leaf = self.leaf(next_random())?;
            let word = next_random();
            // A leaf of one bit less is met twice as often, whatever it holds.
            if word.leading_zeros() < deepest - leaf.depth() {
                continue;
            }
            let total: usize = chain(leaf).map(Leaf::len).sum();
            let index = (word & 0xffff_ffff) as usize % total.max(MOST_ENTRIES);
            if index < total {
                return nth(leaf, index);
            }
        }
        let mut position = next_random();
        loop {
            let leaf = self.leaf(position)?;
            let total: usize = chain(leaf).map(Leaf::len).sum();
            if total > 0 {
                return nth(leaf, next_random() as usize % total);
            }
            position = end_of(position, leaf).unwrap_or(0);
        }
    }

    /// The leaf that keys of this hash are in.
    fn leaf(&self, hash: u64) -> Option<&Leaf> {
        let mut place = &self.root;
        let mut rest = hash;
        loop {
            match place {
                Place::Empty => return None,
                Place::Leaf(leaf) => return Some(leaf),
                Place::Node(node) => {
                    place = &node.places[node.owner(rest)];
                    rest <<= node.bits;
                }
            }
        }
    }

    fn split(&mut self, hash: u64) {
        let leaf = self.leaf(hash).expect("a full leaf is there");
        let depth = leaf.depth() as usize;
        let before = leaf.memory_bytes();
        let halves = leaf.split();
        self.leaves[depth] -= 1;
        self.leaves[depth + 1] += 2;
        self.memory_bytes -= before;
        self.memory_bytes += halves.iter().map(Leaf::memory_bytes).sum::<usize>();
        let mut nodes = 0;
        self.root.split(hash, 0, halves.map(Arc::new), &mut nodes);
        self.memory_bytes += nodes;
    }

    fn merge(&mut self, hash: u64) {
        if let Some(merge) = self.root.merge(hash, 0) {
            self.leaves[merge.depth as usize] -= 2;
            self.leaves[merge.depth as usize - 1] += 1;
            self.memory_bytes = self.memory_bytes + merge.added_bytes - merge.freed_bytes;
        }
    }
}

/// What merging two leaves did.
struct Merge {
    /// The depth that they were of.
    depth: u32,
    added_bytes: usize,
    freed_bytes: usize,
}

impl Place {
    /// The leaf that keys of this hash are in; the way to it is no longer shared.
    fn leaf_mut(&mut self, hash: u64) -> Option<&mut Arc<Leaf>> {
        let mut place = self;
        let mut rest = hash;
        loop {
            match place {
                Self::Empty => return None,
                Self::Leaf(leaf) => return Some(leaf),
                Self::Node(node) => {
                    let node = Arc::make_mut(node);
                    let owner = node.owner(rest);
                    rest <<= node.bits;
                    place = &mut node.places[owner];
                }
            }
        }
    }

    /// Puts `halves` in place of the leaf of this hash. `base` is the number of bits that lead here; what nodes take more
    /// memory is added to `added_bytes`.
    fn split(&mut self, hash: u64, base: u32, halves: [Arc<Leaf>; 2], added_bytes: &mut usize) {
        let Self::Node(node) = self else {
            let node = Node {
                bits: 1,
                places: halves.map(Self::Leaf).into(),
            };
            *added_bytes += node.memory_bytes();
            *self = Self::Node(Arc::new(node));
            return;
        };
        let node = Arc::make_mut(node);
        let depth = halves[0].depth();
        if depth > base + node.bits && node.bits < MOST_NODE_BITS {
            let before = node.memory_bytes();
            node.double();
            *added_bytes += node.memory_bytes() - before;
        }
        let owner = node.owner(hash << base);
        if depth > base + node.bits {
            let below = base + node.bits;
            node.places[owner].split(hash, below, halves, added_bytes);
        } else {
            let run = 1 << (base + node.bits - depth);
            let [low, high] = halves;
            node.places[owner] = Self::Leaf(low);
            node.places[owner + run] = Self::Leaf(high);
        }
    }

    /// Merges the leaf of this hash with its sibling, if that is one and both have few entries.
    fn merge(&mut self, hash: u64, base: u32) -> Option<Merge> {
        let Self::Node(node) = self else {
            return None;
        };
        let node = Arc::make_mut(node);
        let owner = node.owner(hash << base);
        let before = node.memory_bytes();
        let mut merge = match &node.places[owner] {
            Self::Empty => return None,
            Self::Node(_) => node.places[owner].merge(hash, base + node.bits)?,
            Self::Leaf(leaf) => {
                let depth = leaf.depth();
                let sibling = owner ^ 1 << (base + node.bits - depth);
                let Self::Leaf(other) = &node.places[sibling] else {
                    return None;
                };
                if !leaf.can_merge(other) {
                    return None;
                }
                let merged = leaf.merged(other);
                let merge = Merge {
                    depth,
                    added_bytes: merged.memory_bytes(),
                    freed_bytes: leaf.memory_bytes() + other.memory_bytes(),
                };
                node.places[owner.max(sibling)] = Self::Empty;
                node.places[owner.min(sibling)] = Self::Leaf(Arc::new(merged));
                merge
            }
        };
        while node.halve() {}
        merge.freed_bytes += before;
        if node.bits > 0 {
            merge.added_bytes += node.memory_bytes();
        } else {
            *self = node.places.swap_remove(0);
        }
        Some(merge)
    }
}

impl Node {
    /// Where the leaf or node of these bits stands; the first ones count.
    #[inline]
    fn owner(&self, hash: u64) -> usize {
        let mut index = (hash >> (64 - self.bits)) as usize;
        while let Place::Empty = self.places[index] {
            index &= index - 1;
        }
        index
    }

    fn double(&mut self) {
        let places = std::mem::take(&mut self.places);
        self.bits += 1;
        self.places = places
            .into_iter()
            .flat_map(|place| [place, Place::Empty])
            .collect();
    }

    /// Drops every second place if nothing stands there. Returns whether it did.
    fn halve(&mut self) -> bool {
        let places = &self.places;
        let is_empty = |index: usize| matches!(places[index], Place::Empty);
        if self.bits == 0 || !(1..places.len()).step_by(2).all(is_empty) {
            return false;
        }
        self.bits -= 1;
        let places = std::mem::take(&mut self.places);
        self.places = places.into_iter().step_by(2).collect();
        true
    }

    fn memory_bytes(&self) -> usize {
        allocated(16 + 32) + allocated(16 * self.places.len())
    }
}

/// A leaf and those behind it.
fn chain(leaf: &Leaf) -> impl Iterator<Item = &Leaf> {
    std::iter::successors(Some(leaf), |leaf| leaf.next.as_deref())
}

fn nth(leaf: &Leaf, mut index: usize) -> Option<Entry<'_>> {
    for leaf in chain(leaf) {
        if index < leaf.len() {
            return Some(leaf.entry(index));
        }
        index -= leaf.len();
    }
    None
}

/// The first hash behind those of the leaf that `position` falls into, if there is one.
fn end_of(position: u64, leaf: &Leaf) -> Option<u64> {
    let last = position | u64::MAX.checked_shr(leaf.depth()).unwrap_or(0);
    last.checked_add(1)
}

/// See [`PackedTable::iter`].
#[derive(Clone)]
pub struct Iter<'a> {
    table: &'a PackedTable,
    /// Where it is, and what comes next there.
    leaf: Option<&'a Leaf>,
    index: usize,
    /// Where the leaves behind begin.
    end: Option<u64>,
    left: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            let leaf = self.leaf?;
            if self.index < leaf.len() {
                let entry = leaf.entry(self.index);
                self.index += 1;
                self.left -= 1;
                return Some(entry);
            }
            self.index = 0;
            self.leaf = leaf.next.as_deref();
            if self.leaf.is_none() {
                let position = self.end?;
                self.leaf = self.table.leaf(position);
                self.end = self.leaf.and_then(|leaf| end_of(position, leaf));
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[cfg(test)]
mod tests;
