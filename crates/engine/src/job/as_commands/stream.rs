//! A stream as commands, in pieces.

use lastsave_keyspace::values::Stream;
use lastsave_keyspace::values::stream::{Consumer, Group, StreamId};

use super::{ELEMENTS_PER_COMMAND, Words};

/// How far the writing of a stream has come.
#[derive(Clone)]
pub(super) enum StreamRest {
    /// The entries from this ID on.
    Entries(StreamId),
    /// The groups that come behind this name.
    Behind(Vec<u8>),
    /// What is pending for this consumer of a group from this ID on.
    Pending([Vec<u8>; 2], StreamId),
}

impl Default for StreamRest {
    fn default() -> Self {
        Self::Entries(StreamId::MIN)
    }
}

impl Words {
    pub(super) fn stream_piece(
        &mut self,
        key: &[u8],
        stream: &Stream,
        rest: StreamRest,
    ) -> Option<StreamRest> {
        match rest {
            StreamRest::Entries(from) => {
                if let Some(next) = self.entries(key, stream, from) {
                    return Some(StreamRest::Entries(next));
                }
                self.counters(key, stream);
                self.next_group(key, stream.groups().iter().next())
            }
            StreamRest::Behind(name) => {
                let next = stream.groups().behind(&name).next();
                self.next_group(key, next)
            }
            StreamRest::Pending([group_name, name], from) => {
                let group = stream.groups().get(&group_name)?;
                let consumer = group.consumer(&name)?;
                let mut ids = consumer.pending_from(from);
                for id in ids.by_ref().take(ELEMENTS_PER_COMMAND) {
                    self.claim(key, &group_name, group, &name, id);
                }
                if let Some(next) = ids.next() {
                    return Some(StreamRest::Pending([group_name, name], next));
                }
                let next = group.consumers_behind(&name).next();
                Some(self.next_consumer(key, group_name, next))
            }
        }
    }

    /// Some entries. Returns where they go on.
    fn entries(&mut self, key: &[u8], stream: &Stream, from: StreamId) -> Option<StreamId> {
        let mut digits = itoa::Buffer::new();
        let mut entries = stream.entries().range(from, StreamId::MAX);
        for entry in entries.by_ref().take(ELEMENTS_PER_COMMAND) {
            self.begin(3 + 2 * entry.fields.len());
            self.word(b"XADD");
            self.word(key);
            self.word(entry.id.text().as_ref());
            for (field, value) in entry.fields {
                self.word(field.text(&mut digits));
                self.word(value.text(&mut digits));
            }
        }
        entries.next().map(|entry| entry.id)
    }

    fn counters(&mut self, key: &[u8], stream: &Stream) {
        if stream.entries().is_empty() {
            // An entry that is not kept makes an empty stream.
            self.command(&[b"XADD", key, b"MAXLEN", b"0", b"0-1", b"x", b"y"]);
        }
        let counters = stream.entries().counters();
        self.command(&[
            b"XSETID",
            key,
            counters.last_id.text().as_ref(),
            b"ENTRIESADDED",
            itoa::Buffer::new()
                .format(counters.entries_added.cast_signed())
                .as_bytes(),
            b"MAXDELETEDID",
            counters.max_deleted_id.text().as_ref(),
        ]);
    }

    fn next_group(&mut self, key: &[u8], group: Option<(&[u8], &Group)>) -> Option<StreamRest> {
        let (name, group) = group?;
        self.command(&[
            b"XGROUP",
            b"CREATE",
            key,
            name,
            group.last_id.text().as_ref(),
            b"ENTRIESREAD",
            itoa::Buffer::new().format(group.entries_read).as_bytes(),
        ]);
        Some(self.next_consumer(key, name.to_vec(), group.consumers().next()))
    }

    /// Begins a consumer, if there is one left.
    fn next_consumer(
        &mut self,
        key: &[u8],
        group_name: Vec<u8>,
        consumer: Option<(&[u8], &Consumer)>,
    ) -> StreamRest {
        let Some((name, consumer)) = consumer else {
            return StreamRest::Behind(group_name);
        };
        if consumer.pending_len() == 0 {
            self.command(&[b"XGROUP", b"CREATECONSUMER", key, &group_name, name]);
        }
        StreamRest::Pending([group_name, name.to_vec()], StreamId::MIN)
    }

    fn claim(&mut self, key: &[u8], group_name: &[u8], group: &Group, name: &[u8], id: StreamId) {
        let pending = group
            .pending(id)
            .expect("what is pending for a consumer is pending in its group");
        self.command(&[
            b"XCLAIM",
            key,
            group_name,
            name,
            b"0",
            id.text().as_ref(),
            b"TIME",
            itoa::Buffer::new()
                .format(pending.delivered_at_ms)
                .as_bytes(),
            b"RETRYCOUNT",
            itoa::Buffer::new()
                .format(pending.deliveries.cast_signed())
                .as_bytes(),
            b"JUSTID",
            b"FORCE",
        ]);
    }
}
