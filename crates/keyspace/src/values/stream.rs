//! Streams: entries in listpacks by ID, and consumer groups.
//!
//! Entries stay in the order of their IDs, packed into nodes that files hold as they are. A deleted entry is only
//! marked, until its whole node goes. A group remembers which ID was delivered last, and which entries were
//! delivered and not acknowledged: the pending ones, each with its consumer.

use std::sync::Arc;

mod entries;
mod groups;
mod id;
mod node;
mod runs;

pub use entries::Entries;
pub(crate) use entries::{Keep, MAX_NODE_BYTES, NodeLimits, Trim};
pub use groups::{Consumer, Group, Groups, Pending};
pub(crate) use groups::{GroupMut, Name};
pub use id::{IdText, StreamId};
pub use node::{Entry, Fields};

/// Bytes that a stream takes beside its entries and groups.
const STREAM_BYTES: usize = 192;

/// What is counted of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// The number of entries.
    pub length: u64,
    /// The ID that was added last, or set by XSETID.
    pub last_id: StreamId,
    /// The ID of the first entry; [`StreamId::MIN`] if there is none.
    pub first_id: StreamId,
    /// The greatest ID that XDEL deleted.
    pub max_deleted_id: StreamId,
    /// The number of entries that were ever added.
    pub entries_added: u64,
}

/// The parts of a stream contradict each other: what is wrong with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inconsistent(pub &'static str);

impl std::fmt::Display for Inconsistent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Inconsistent {}

/// A stream.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    contents: Arc<Contents>,
}

#[derive(Clone, Debug, Default)]
struct Contents {
    entries: Entries,
    groups: Groups,
}

impl Stream {
    /// A stream of the nodes that a file holds, each with its master ID. The counters tell the length, the first and
    /// last ID, and as many entries added as there are: what an old file leaves to be found out.
    ///
    /// # Errors
    /// If a listpack is not laid out as a node, or two have the same ID.
    pub fn from_nodes(
        nodes: impl IntoIterator<Item = (StreamId, Vec<u8>)>,
    ) -> Result<Self, Inconsistent> {
        let mut entries = Entries::default();
        for (id, bytes) in nodes {
            entries.push_node(id, bytes)?;
        }
        let length = entries.len();
        let first = entries.range(StreamId::MIN, StreamId::MAX).next();
        let first_id = first.map_or(StreamId::MIN, |entry| entry.id);
        entries.set_counters(Counters {
            length,
            first_id,
            last_id: entries.last_entry_id().unwrap_or_default(),
            entries_added: length,
            ..Counters::default()
        })?;
        let groups = Groups::default();
        Ok(Self {
            contents: Arc::new(Contents { entries, groups }),
        })
    }

    /// Sets the counters.
    ///
    /// # Errors
    /// If the length is not that of the entries.
    pub fn set_counters(&mut self, counters: Counters) -> Result<(), Inconsistent> {
        self.parts_mut().0.set_counters(counters)
    }

    /// Adds a group.
    ///
    /// # Errors
    /// If there is one of the same name.
    pub fn add_group(&mut self, name: &[u8], group: Group) -> Result<(), Inconsistent> {
        let added = self.parts_mut().1.add(name, group);
        added
            .then_some(())
            .ok_or(Inconsistent("two groups of a stream have the same name"))
    }

    /// Its entries.
    pub fn entries(&self) -> &Entries {
        &self.contents.entries
    }

    /// Its groups.
    pub fn groups(&self) -> &Groups {
        &self.contents.groups
    }

    /// Its entries and its groups, to be changed.
    pub(crate) fn parts_mut(&mut self) -> (&mut Entries, &mut Groups) {
        let Contents { entries, groups } = Arc::make_mut(&mut self.contents);
        (entries, groups)
    }

    /// Always false: a stream stays when its last entry goes.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Heap bytes it owns, the same on every target.
    pub fn memory_bytes(&self) -> usize {
        STREAM_BYTES + self.entries().memory_bytes() + self.groups().memory_bytes()
    }

    /// The name of its encoding, as OBJECT ENCODING says it.
    pub fn encoding_name(&self) -> &'static str {
        "stream"
    }

    /// Appends everything that an append-only file carries: two streams are the same exactly if this is. Left out is
    /// what Redis does not write there: when consumers were seen and entries delivered, consumers with nothing
    /// pending, and what groups have read.
    pub(crate) fn append_digest(&self, record: &mut Vec<u8>) {
        let Counters {
            length,
            last_id,
            first_id,
            max_deleted_id,
            entries_added,
        } = *self.entries().counters();
        for id in [last_id, first_id, max_deleted_id] {
            record.extend_from_slice(&id.to_be_bytes());
        }
        record.extend_from_slice(&length.to_le_bytes());
        record.extend_from_slice(&entries_added.to_le_bytes());
        let append_text = |record: &mut Vec<u8>, text: &[u8]| {
            record.extend_from_slice(&(text.len() as u64).to_le_bytes());
            record.extend_from_slice(text);
        };
        for entry in self.entries().range(StreamId::MIN, StreamId::MAX) {
            record.extend_from_slice(&entry.id.to_be_bytes());
            record.extend_from_slice(&(entry.fields.len() as u64).to_le_bytes());
            for (field, value) in entry.fields {
                let buffer = &mut itoa::Buffer::new();
                append_text(record, field.text(buffer));
                append_text(record, value.text(buffer));
            }
        }
        for (name, group) in self.groups().iter() {
            append_text(record, name);
            record.extend_from_slice(&group.last_id.to_be_bytes());
            record.extend_from_slice(&(group.pending_len() as u64).to_le_bytes());
            for (id, pending) in group.pending_from(StreamId::MIN) {
                record.extend_from_slice(&id.to_be_bytes());
                append_text(record, pending.consumer());
            }
        }
    }
}

#[cfg(test)]
mod tests;
