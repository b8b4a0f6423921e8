//! The entries of a stream, in nodes by ID, and what is counted of them.

use lastsave_resp::Args;

use super::node::{Entry, Node};
use super::runs::Runs;
use super::{Counters, Group, Inconsistent, StreamId};

/// Bytes that a node takes beside its listpack: ID, pointers, counts.
const NODE_BYTES: usize = 80;

/// The bytes beyond which no node grows, and no entry may be large, whatever the configuration says.
pub(crate) const MAX_NODE_BYTES: usize = 1 << 30;

/// What entries to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// The last so many.
    Last(u64),
    /// Those with this ID or a greater one.
    From(StreamId),
}

/// How a stream is trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trim {
    /// What is kept.
    pub(crate) keep: Keep,
    /// Whether only whole nodes are removed, so that more may be left.
    pub(crate) approximate: bool,
    /// How many entries are removed at most; 0 for any number.
    pub(crate) limit: u64,
}

/// When a node is full.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeLimits {
    /// `stream-node-max-bytes`; 0 for none.
    pub(crate) max_bytes: u64,
    /// `stream-node-max-entries`; 0 for none.
    pub(crate) max_entries: u64,
}

impl NodeLimits {
    fn max_bytes(self) -> usize {
        match usize::try_from(self.max_bytes) {
            Ok(max_bytes @ 1..=MAX_NODE_BYTES) => max_bytes,
            _ => MAX_NODE_BYTES,
        }
    }
}

/// The entries of a stream.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    nodes: Runs<StreamId, Node>,
    /// Bytes of all listpacks.
    packed_bytes: usize,
    /// `length` is always the number of live entries in `nodes`.
    counters: Counters,
}

impl Entries {
    /// Its counters.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The number of entries.
    pub fn len(&self) -> u64 {
        self.counters.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.counters.length == 0
    }

    /// The number of nodes.
    pub fn nodes_len(&self) -> usize {
        self.nodes.len()
    }

    /// The nodes whose master IDs are `first` or greater: master ID and listpack.
    pub fn nodes_from(&self, first: StreamId) -> impl Iterator<Item = (StreamId, &[u8])> {
        let nodes = self.nodes.from(&first);
        nodes.map(|(id, node)| (*id, node.bytes()))
    }

    /// Adds a node that a file holds.
    pub(super) fn push_node(&mut self, id: StreamId, bytes: Vec<u8>) -> Result<(), Inconsistent> {
        let node = Node::from_bytes(bytes)?;
        if self.nodes.get(&id).is_some() {
            return Err(Inconsistent("two nodes of a stream have the same ID"));
        }
        self.packed_bytes += node.bytes().len();
        self.counters.length += node.live_len();
        self.nodes.insert(id, node);
        Ok(())
    }

    pub(super) fn set_counters(&mut self, counters: Counters) -> Result<(), Inconsistent> {
        if counters.length != self.counters.length {
            return Err(Inconsistent("the length of a stream is wrong"));
        }
        self.counters = counters;
        Ok(())
    }

    /// Sets what XSETID sets.
    pub(crate) fn set_last_id(
        &mut self,
        last_id: StreamId,
        entries_added: Option<u64>,
        max_deleted_id: Option<StreamId>,
    ) {
        let counters = &mut self.counters;
        counters.last_id = last_id;
        counters.entries_added = entries_added.unwrap_or(counters.entries_added);
        counters.max_deleted_id = max_deleted_id.unwrap_or(counters.max_deleted_id);
    }

    /// Adds an entry: `words` are its fields and values in turn, at most [`MAX_NODE_BYTES`] together.
    ///
    /// # Panics
    /// If the ID is not greater than the last one.
    pub(crate) fn push(&mut self, id: StreamId, words: Args<'_>, limits: NodeLimits) {
        assert!(id > self.counters.last_id, "IDs grow");
        let max_bytes = limits.max_bytes();
        let words_len: usize = words.iter().map(<[u8]>::len).sum();
        let has_room = |node: &Node| {
            let entries = node.live_len() + node.deleted_len();
            node.bytes().len() + words_len < max_bytes
                && (limits.max_entries == 0 || entries < limits.max_entries)
        };
        let has_room = self.nodes.last().is_some_and(|(_, node)| has_room(node));
        if has_room && let Some((master_id, node)) = self.nodes.last_mut() {
            self.packed_bytes -= node.bytes().len();
            node.push(*master_id, id, words);
            self.packed_bytes += node.bytes().len();
        } else {
            let node = Node::new(words, max_bytes);
            self.packed_bytes += node.bytes().len();
            // After XSETID, a node of deleted entries may be in its place.
            if let Some(before) = self.nodes.insert(id, node) {
                self.packed_bytes -= before.bytes().len();
                self.counters.length -= before.live_len();
            }
        }
        self.counters.length += 1;
        self.counters.entries_added = self.counters.entries_added.wrapping_add(1);
        self.counters.last_id = id;
        if self.counters.length == 1 {
            self.counters.first_id = id;
        }
    }

    /// Deletes entries. Returns how many of them were there.
    pub(crate) fn delete(&mut self, ids: &[StreamId]) -> u64 {
        let (mut deleted, mut first_deleted) = (0, false);
        for id in ids {
            if !self.delete_one(*id) {
                continue;
            }
            deleted += 1;
            first_deleted |= *id == self.counters.first_id;
            self.counters.max_deleted_id = self.counters.max_deleted_id.max(*id);
        }
        if first_deleted || (deleted > 0 && self.is_empty()) {
            self.find_first_id();
        }
        deleted
    }

    fn delete_one(&mut self, id: StreamId) -> bool {
        let found = self
            .nodes
            .covering(&id, &id)
            .flat_map(|(master_id, node)| {
                node.entries(*master_id)
                    .map(move |entry| (master_id, entry))
            })
            .find(|(_, entry)| entry.id == id && !entry.deleted);
        let Some((&master_id, Entry { flags_at, .. })) = found else {
            return false;
        };
        if let Some(node) = self.nodes.get_mut(&master_id) {
            self.packed_bytes -= node.bytes().len();
            self.counters.length -= 1;
            if node.live_len() == 1 {
                self.nodes.remove(&master_id);
            } else {
                node.delete(&[flags_at]);
                self.packed_bytes += node.bytes().len();
            }
        }
        true
    }

    /// Removes what is not to be kept. Returns how many entries that were.
    pub(crate) fn trim(&mut self, trim: Trim) -> u64 {
        let mut removed = 0;
        while let Some((master_id, node)) = self.nodes.first() {
            let (master_id, live) = (*master_id, node.live_len());
            let beyond_limit = trim.limit > 0 && removed + live > trim.limit;
            let remove_all = match trim.keep {
                Keep::Last(count) if self.len() <= count => break,
                Keep::Last(count) => self.len() - live >= count,
                Keep::From(id) => {
                    let last = node.entries(master_id).next_back();
                    last.is_none_or(|last| last.id < id)
                }
            };
            if beyond_limit {
                break;
            }
            if !remove_all {
                if !trim.approximate {
                    removed += self.trim_node(master_id, trim.keep);
                }
                break;
            }
            removed += live;
            self.counters.length -= live;
            self.packed_bytes -= node.bytes().len();
            self.nodes.remove(&master_id);
        }
        if removed > 0 || self.is_empty() {
            self.find_first_id();
        }
        removed
    }

    /// Marks the first entries of a node as deleted. Returns how many.
    fn trim_node(&mut self, master_id: StreamId, keep: Keep) -> u64 {
        let length = self.len();
        let Some(node) = self.nodes.get_mut(&master_id) else {
            return 0;
        };
        let mut flags = Vec::new();
        for entry in node.entries(master_id) {
            let kept = match keep {
                Keep::Last(count) => length - flags.len() as u64 <= count,
                Keep::From(id) => entry.id >= id,
            };
            if kept {
                break;
            }
            if !entry.deleted {
                flags.push(entry.flags_at);
            }
        }
        self.packed_bytes -= node.bytes().len();
        node.delete(&flags);
        self.packed_bytes += node.bytes().len();
        self.counters.length -= flags.len() as u64;
        flags.len() as u64
    }

    fn find_first_id(&mut self) {
        let first = self.range(StreamId::MIN, StreamId::MAX).next();
        self.counters.first_id = first.map_or(StreamId::MIN, |entry| entry.id);
    }

    /// The entries from `first` to `last`, both included.
    pub fn range(
        &self,
        first: StreamId,
        last: StreamId,
    ) -> impl DoubleEndedIterator<Item = Entry<'_>> {
        self.with_deleted(first, last)
            .filter(|entry| !entry.deleted)
    }

    fn with_deleted(
        &self,
        first: StreamId,
        last: StreamId,
    ) -> impl DoubleEndedIterator<Item = Entry<'_>> {
        self.nodes
            .covering(&first, &last)
            .flat_map(|(master_id, node)| node.entries(*master_id))
            .filter(move |entry| (first..=last).contains(&entry.id))
    }

    /// Whether there is an entry of this ID.
    pub fn contains(&self, id: StreamId) -> bool {
        self.range(id, id).next().is_some()
    }

    /// The ID of the last entry. The stream's `last_id` may be greater: entries are deleted, and XSETID is given any.
    pub(crate) fn last_entry_id(&self) -> Option<StreamId> {
        let last = self.range(StreamId::MIN, StreamId::MAX).next_back();
        last.map(|entry| entry.id)
    }

    /// The ID of the first entry, deleted or not.
    pub(crate) fn first_id_with_deleted(&self) -> Option<StreamId> {
        let first = self.with_deleted(StreamId::MIN, StreamId::MAX).next();
        first.map(|entry| entry.id)
    }

    /// Whether an entry that XDEL deleted may be missing among those from `first` on.
    pub(crate) fn is_fragmented_from(&self, first: StreamId) -> bool {
        let counters = &self.counters;
        !self.is_empty()
            && counters.max_deleted_id != StreamId::MIN
            && counters.first_id <= counters.max_deleted_id
            && first <= counters.max_deleted_id
    }

    /// How many entries were ever added up to `id`, or [`Group::UNKNOWN_READ`] where that cannot be told.
    pub fn entries_read_up_to(&self, id: StreamId) -> i64 {
        let counters = &self.counters;
        let added = counters.entries_added as i64;
        if added == 0 || id == counters.last_id || (self.is_empty() && id < counters.last_id) {
            return added;
        }
        let whole =
            counters.max_deleted_id == StreamId::MIN || counters.max_deleted_id < counters.first_id;
        let before_first = added.wrapping_sub(self.len() as i64);
        match id.cmp(&counters.first_id) {
            _ if id > counters.last_id || !whole => Group::UNKNOWN_READ,
            std::cmp::Ordering::Less => before_first,
            std::cmp::Ordering::Equal => before_first.wrapping_add(1),
            std::cmp::Ordering::Greater => Group::UNKNOWN_READ,
        }
    }

    /// What `entries_read` of a group becomes as it is given the entry of this ID, the first one that it has not got.
    pub(crate) fn entries_read_after(&self, group: &Group, id: StreamId) -> i64 {
        if group.entries_read != Group::UNKNOWN_READ && !self.is_fragmented_from(id) {
            group.entries_read.wrapping_add(1)
        } else if self.counters.entries_added > 0 {
            self.entries_read_up_to(id)
        } else {
            group.entries_read
        }
    }

    /// How many entries a group has not been given yet, if that can be told.
    pub(crate) fn lag(&self, group: &Group) -> Option<i64> {
        let added = self.counters.entries_added as i64;
        if added == 0 {
            return Some(0);
        }
        let known = group.entries_read != Group::UNKNOWN_READ;
        let read = if known && !self.is_fragmented_from(group.last_id) {
            group.entries_read
        } else {
            self.entries_read_up_to(group.last_id)
        };
        let read_is_known = read != Group::UNKNOWN_READ;
        read_is_known.then(|| added.wrapping_sub(read))
    }

    /// The number of nodes that Redis's radix tree of master IDs would have.
    pub(crate) fn radix_tree_nodes(&self) -> usize {
        let keys: Vec<[u8; 16]> = self.nodes.iter().map(|(id, _)| id.to_be_bytes()).collect();
        if keys.is_empty() {
            return 1;
        }
        radix_tree_nodes(&keys, 0)
    }

    /// Heap bytes they take, the same on every target.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.packed_bytes + self.nodes.len() * NODE_BYTES
    }
}

/// The nodes of a radix tree that holds the rest of these sorted keys, from byte `depth` on, where they begin to
/// differ: one for what they have in common, one where they part, and those below.
fn radix_tree_nodes(keys: &[[u8; 16]], depth: usize) -> usize {
    let (first, last) = (&keys[0][depth..], &keys[keys.len() - 1][depth..]);
    let common = first.iter().zip(last).take_while(|(a, b)| a == b).count();
    let parting = depth + common;
    let below = if keys.len() == 1 {
        0
    } else {
        keys.chunk_by(|a, b| a[parting] == b[parting])
            .map(|keys| radix_tree_nodes(keys, parting + 1))
            .sum()
    };
    usize::from(common > 0) + 1 + below
}
