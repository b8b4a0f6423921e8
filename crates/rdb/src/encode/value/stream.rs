//! Writing streams, in pieces.

use lastsave_keyspace::values::Stream;
use lastsave_keyspace::values::stream::{Consumer, Group, StreamId};

use super::{PIECE_ELEMENTS, ValueWriter, put_length};

/// How far the writing of a stream has come.
#[derive(Clone)]
pub(in super::super) enum StreamRest {
    /// The nodes from this ID on.
    Nodes(StreamId),
    /// What is pending in this group from this ID on.
    Pending(Vec<u8>, StreamId),
    /// What is pending for this consumer of a group from this ID on.
    ConsumerPending([Vec<u8>; 2], StreamId),
}

impl ValueWriter<'_> {
    pub(super) fn begin_stream(&mut self, stream: &Stream) -> StreamRest {
        put_length(self.out, stream.entries().nodes_len() as u64);
        StreamRest::Nodes(StreamId::MIN)
    }

    pub(super) fn stream_piece(&mut self, stream: &Stream, rest: StreamRest) -> Option<StreamRest> {
        match rest {
            StreamRest::Nodes(from) => {
                if let Some((id, node)) = stream.entries().nodes_from(from).next() {
                    self.string(&id.to_be_bytes());
                    self.string(node);
                    if let Some(next) = id.next() {
                        return Some(StreamRest::Nodes(next));
                    }
                }
                self.counters(stream);
                self.next_group(stream.groups().iter().next())
            }
            StreamRest::Pending(name, from) => {
                let group = stream.groups().get(&name)?;
                match self.pending(group, from) {
                    Some(next) => Some(StreamRest::Pending(name, next)),
                    None => {
                        put_length(self.out, group.consumers_len() as u64);
                        self.next_consumer(stream, name, group.consumers().next())
                    }
                }
            }
            StreamRest::ConsumerPending([name, consumer_name], from) => {
                let group = stream.groups().get(&name)?;
                let consumer = group.consumer(&consumer_name)?;
                match self.consumer_pending(consumer, from) {
                    Some(next) => Some(StreamRest::ConsumerPending([name, consumer_name], next)),
                    None => {
                        let next = group.consumers_behind(&consumer_name).next();
                        self.next_consumer(stream, name, next)
                    }
                }
            }
        }
    }

    fn counters(&mut self, stream: &Stream) {
        let counters = stream.entries().counters();
        put_length(self.out, counters.length);
        self.id(counters.last_id);
        self.id(counters.first_id);
        self.id(counters.max_deleted_id);
        put_length(self.out, counters.entries_added);
        put_length(self.out, stream.groups().len() as u64);
    }

    fn next_group(&mut self, group: Option<(&[u8], &Group)>) -> Option<StreamRest> {
        let (name, group) = group?;
        self.string(name);
        self.id(group.last_id);
        put_length(self.out, group.entries_read.cast_unsigned());
        put_length(self.out, group.pending_len() as u64);
        Some(StreamRest::Pending(name.to_vec(), StreamId::MIN))
    }

    /// Begins a consumer, or the next group if there is none left.
    fn next_consumer(
        &mut self,
        stream: &Stream,
        group_name: Vec<u8>,
        consumer: Option<(&[u8], &Consumer)>,
    ) -> Option<StreamRest> {
        let Some((name, consumer)) = consumer else {
            return self.next_group(stream.groups().behind(&group_name).next());
        };
        self.string(name);
        self.out
            .extend_from_slice(&consumer.seen_at_ms.to_le_bytes());
        put_length(self.out, consumer.pending_len() as u64);
        let names = [group_name, name.to_vec()];
        Some(StreamRest::ConsumerPending(names, StreamId::MIN))
    }

    /// Some of what is pending in a group. Returns where it goes on.
    fn pending(&mut self, group: &Group, from: StreamId) -> Option<StreamId> {
        let mut all = group.pending_from(from);
        for (id, pending) in all.by_ref().take(PIECE_ELEMENTS) {
            self.out.extend_from_slice(&id.to_be_bytes());
            self.out
                .extend_from_slice(&pending.delivered_at_ms.to_le_bytes());
            put_length(self.out, pending.deliveries);
        }
        all.next().map(|(id, _)| id)
    }

    fn consumer_pending(&mut self, consumer: &Consumer, from: StreamId) -> Option<StreamId> {
        let mut all = consumer.pending_from(from);
        for id in all.by_ref().take(PIECE_ELEMENTS) {
            self.out.extend_from_slice(&id.to_be_bytes());
        }
        all.next()
    }

    fn id(&mut self, id: StreamId) {
        put_length(self.out, id.ms);
        put_length(self.out, id.seq);
    }
}
