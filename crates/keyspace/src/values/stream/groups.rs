//! Consumer groups: what was delivered to whom and not acknowledged yet.

use std::sync::Arc;

use super::runs::Runs;
use super::{Inconsistent, StreamId};

/// A name that several places share.
pub(crate) type Name = Arc<[u8]>;

/// Bytes that a pending entry takes in the lists of its group and its consumer.
const PENDING_BYTES: usize = 64;

/// Bytes that a consumer takes beside its name and its pending entries.
const CONSUMER_BYTES: usize = 96;

/// Bytes that a group takes beside its name, its consumers and its pending entries.
const GROUP_BYTES: usize = 176;

/// An entry that was delivered to a consumer and not acknowledged yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// When it was delivered last, in milliseconds since the epoch.
    pub delivered_at_ms: i64,
    /// How often it was delivered.
    pub deliveries: u64,
    consumer: Name,
}

impl Pending {
    /// The name of the consumer that has it.
    pub fn consumer(&self) -> &[u8] {
        &self.consumer
    }
}

/// A consumer of a group.
#[derive(Clone, Debug)]
pub struct Consumer {
    /// When it last asked for something, in milliseconds since the epoch.
    pub seen_at_ms: i64,
    pending: Runs<StreamId, ()>,
}

impl Consumer {
    /// The number of entries pending for it.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// The IDs of the entries pending for it, from `first` on.
    pub fn pending_from(&self, first: StreamId) -> impl Iterator<Item = StreamId> + '_ {
        self.pending.from(&first).map(|(id, ())| *id)
    }
}

/// A consumer group.
///
/// Every entry pending for a consumer is pending in the group, for that consumer, and the other way round.
#[derive(Clone, Debug)]
pub struct Group {
    /// The greatest ID that was delivered.
    pub last_id: StreamId,
    /// How many entries were ever delivered or passed over up to `last_id`; [`Group::UNKNOWN_READ`] if unknown.
    pub entries_read: i64,
    pending: Runs<StreamId, Pending>,
    consumers: Runs<Name, Consumer>,
    consumer_names_len: usize,
}

impl Group {
    /// What `entries_read` is where it cannot be told.
    pub const UNKNOWN_READ: i64 = -1;

    /// A group without consumers.
    pub fn new(last_id: StreamId, entries_read: i64) -> Self {
        Self {
            last_id,
            entries_read,
            pending: Runs::default(),
            consumers: Runs::default(),
            consumer_names_len: 0,
        }
    }

    /// The group that a file describes: its pending entries with the time and number of their deliveries, and its
    /// consumers by name with the time they were seen and the IDs that are pending for them.
    ///
    /// # Errors
    /// If an ID or a name occurs twice, or an entry is not pending for exactly one consumer.
    pub fn from_parts(
        last_id: StreamId,
        entries_read: i64,
        pending: impl IntoIterator<Item = (StreamId, i64, u64)>,
        consumers: impl IntoIterator<Item = (Vec<u8>, i64, Vec<StreamId>)>,
    ) -> Result<Self, Inconsistent> {
        let mut group = Self::new(last_id, entries_read);
        // Until its consumer comes, an entry belongs to this one. Only the address counts.
        let nobody = Name::from(&b"nobody"[..]);
        for (id, delivered_at_ms, deliveries) in pending {
            let pending = Pending {
                delivered_at_ms,
                deliveries,
                consumer: Arc::clone(&nobody),
            };
            if group.pending.insert(id, pending).is_some() {
                return Err(Inconsistent("an entry is pending twice"));
            }
        }
        let mut owned = 0;
        for (name, seen_at_ms, ids) in consumers {
            let Some(name) = group.create_consumer(&name, seen_at_ms) else {
                return Err(Inconsistent("two consumers have the same name"));
            };
            let mut own = Runs::default();
            for id in ids {
                let Some(pending) = group.pending.get_mut(&id) else {
                    return Err(Inconsistent("a consumer's entry is not the group's"));
                };
                if !Arc::ptr_eq(&pending.consumer, &nobody) {
                    return Err(Inconsistent("an entry is pending for two consumers"));
                }
                pending.consumer = Arc::clone(&name);
                own.insert(id, ());
                owned += 1;
            }
            if let Some(consumer) = group.consumers.get_mut(&name) {
                consumer.pending = own;
            }
        }
        if owned != group.pending.len() {
            return Err(Inconsistent("an entry is pending for no consumer"));
        }
        Ok(group)
    }

    /// The number of pending entries.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// The pending entries by ID, from `first` on.
    pub fn pending_from(
        &self,
        first: StreamId,
    ) -> impl DoubleEndedIterator<Item = (StreamId, &Pending)> {
        self.pending
            .from(&first)
            .map(|(id, pending)| (*id, pending))
    }

    /// The pending entry of this ID.
    pub fn pending(&self, id: StreamId) -> Option<&Pending> {
        Some(&self.pending.get(&id)?.1)
    }

    /// Changes when and how often an entry was delivered. Returns whether it is pending.
    pub(crate) fn redeliver(
        &mut self,
        id: StreamId,
        delivered_at_ms: i64,
        deliveries: u64,
    ) -> bool {
        let pending = self.pending.get_mut(&id);
        pending.is_some_and(|pending| {
            pending.delivered_at_ms = delivered_at_ms;
            pending.deliveries = deliveries;
            true
        })
    }

    /// Makes an entry pending for a consumer, whichever it was pending for.
    pub(crate) fn assign(
        &mut self,
        id: StreamId,
        consumer: &Name,
        delivered_at_ms: i64,
        deliveries: u64,
    ) {
        let pending = Pending {
            delivered_at_ms,
            deliveries,
            consumer: Arc::clone(consumer),
        };
        let before = self.pending.insert(id, pending);
        if let Some(before) = before {
            if before.consumer == *consumer {
                return;
            }
            self.forget(id, &before.consumer);
        }
        let consumer = self.consumers.get_mut(consumer);
        consumer
            .expect("entries are assigned to consumers of the group")
            .pending
            .insert(id, ());
    }

    /// Lets an entry be pending no longer. Returns whether it was.
    pub(crate) fn acknowledge(&mut self, id: StreamId) -> bool {
        let Some(pending) = self.pending.remove(&id) else {
            return false;
        };
        self.forget(id, &pending.consumer);
        true
    }

    fn forget(&mut self, id: StreamId, consumer: &Name) {
        if let Some(consumer) = self.consumers.get_mut(consumer) {
            consumer.pending.remove(&id);
        }
    }

    /// The number of consumers.
    pub fn consumers_len(&self) -> usize {
        self.consumers.len()
    }

    /// The consumers by name.
    pub fn consumers(&self) -> impl Iterator<Item = (&[u8], &Consumer)> {
        self.consumers
            .iter()
            .map(|(name, consumer)| (&**name, consumer))
    }

    /// The consumers by name that come behind this name.
    pub fn consumers_behind(&self, name: &[u8]) -> impl Iterator<Item = (&[u8], &Consumer)> {
        let consumers = self.consumers.from(name);
        let behind = consumers.skip_while(move |(other, _)| **other == *name);
        behind.map(|(name, consumer)| (&**name, consumer))
    }

    /// The consumer of this name.
    pub fn consumer(&self, name: &[u8]) -> Option<&Consumer> {
        Some(&self.consumers.get(name)?.1)
    }

    /// Notes that a consumer asked for something. Returns its name, to assign entries with, if there is such a one.
    pub(crate) fn see_consumer(&mut self, name: &[u8], now_ms: i64) -> Option<Name> {
        let (name, consumer) = self.consumers.get(name)?;
        let name = Arc::clone(name);
        if consumer.seen_at_ms != now_ms {
            self.consumers.get_mut(&name)?.seen_at_ms = now_ms;
        }
        Some(name)
    }

    /// Makes a consumer. Returns its name, to assign entries with, or `None` if there is one of this name.
    pub(crate) fn create_consumer(&mut self, name: &[u8], now_ms: i64) -> Option<Name> {
        if self.consumers.get(name).is_some() {
            return None;
        }
        let shared = Name::from(name);
        let consumer = Consumer {
            seen_at_ms: now_ms,
            pending: Runs::default(),
        };
        self.consumers.insert(Arc::clone(&shared), consumer);
        self.consumer_names_len += name.len();
        Some(shared)
    }

    /// Removes a consumer and what is pending for it. Returns how many entries that were, if there was such a one.
    pub(crate) fn delete_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let consumer = self.consumers.remove(name)?;
        self.consumer_names_len -= name.len();
        for (id, ()) in consumer.pending.iter() {
            self.pending.remove(id);
        }
        Some(consumer.pending.len())
    }

    fn memory_bytes(&self) -> usize {
        GROUP_BYTES
            + self.pending.len() * PENDING_BYTES
            + self.consumers.len() * CONSUMER_BYTES
            + self.consumer_names_len
    }
}

/// The groups of a stream, by name.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    groups: Runs<Name, Group>,
    memory_bytes: usize,
}

impl Groups {
    /// The number of groups.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The groups by name.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Group)> {
        self.groups.iter().map(|(name, group)| (&**name, group))
    }

    /// The groups by name that come behind this name.
    pub fn behind(&self, name: &[u8]) -> impl Iterator<Item = (&[u8], &Group)> {
        let groups = self.groups.from(name);
        let behind = groups.skip_while(move |(other, _)| **other == *name);
        behind.map(|(name, group)| (&**name, group))
    }

    /// The group of this name.
    pub fn get(&self, name: &[u8]) -> Option<&Group> {
        Some(&self.groups.get(name)?.1)
    }

    /// The group of this name, to be changed; its memory is counted anew when it is let go.
    pub(crate) fn get_mut(&mut self, name: &[u8]) -> Option<GroupMut<'_>> {
        let group = self.groups.get_mut(name)?;
        self.memory_bytes -= group.memory_bytes();
        Some(GroupMut {
            group,
            memory_bytes: &mut self.memory_bytes,
        })
    }

    /// Adds a group. Returns whether there was none of this name yet.
    pub(crate) fn add(&mut self, name: &[u8], group: Group) -> bool {
        if self.groups.get(name).is_some() {
            return false;
        }
        self.memory_bytes += name.len() + group.memory_bytes();
        self.groups.insert(Name::from(name), group);
        true
    }

    /// Removes a group. Returns whether there was one of this name.
    pub(crate) fn remove(&mut self, name: &[u8]) -> bool {
        let Some(group) = self.groups.remove(name) else {
            return false;
        };
        self.memory_bytes -= name.len() + group.memory_bytes();
        true
    }

    /// Heap bytes they take, the same on every target.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }
}

/// A group that is being changed.
pub(crate) struct GroupMut<'a> {
    group: &'a mut Group,
    memory_bytes: &'a mut usize,
}

impl std::ops::Deref for GroupMut<'_> {
    type Target = Group;

    fn deref(&self) -> &Group {
        self.group
    }
}

impl std::ops::DerefMut for GroupMut<'_> {
    fn deref_mut(&mut self) -> &mut Group {
        self.group
    }
}

impl Drop for GroupMut<'_> {
    fn drop(&mut self) {
        *self.memory_bytes += self.group.memory_bytes();
    }
}
