//! Publish and subscribe: who listens to what, and messages on their way.
//!
//! A message is ordinary output of its receiver. It waits for no write, but does not overtake replies that do.

use std::collections::{BTreeMap, BTreeSet};

use lastsave_keyspace::{Command, glob};
use lastsave_resp::{Args, Protocol, Reply};

use crate::ClientId;
use crate::client::Client;
use crate::engine::Engine;

/// What can be subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    Channel,
    Pattern,
    Shard,
}

/// All topics; a connection that ends leaves them in this order.
const TOPICS: [Topic; 3] = [Topic::Channel, Topic::Shard, Topic::Pattern];

impl Topic {
    fn subscribed(self) -> &'static [u8] {
        match self {
            Self::Channel => b"subscribe",
            Self::Pattern => b"psubscribe",
            Self::Shard => b"ssubscribe",
        }
    }

    fn unsubscribed(self) -> &'static [u8] {
        match self {
            Self::Channel => b"unsubscribe",
            Self::Pattern => b"punsubscribe",
            Self::Shard => b"sunsubscribe",
        }
    }
}

/// The names that one connection has subscribed to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subscriptions {
    channels: BTreeSet<Vec<u8>>,
    patterns: BTreeSet<Vec<u8>>,
    shards: BTreeSet<Vec<u8>>,
}

/// The numbers of a connection's subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SubscriptionCounts {
    pub(crate) channels: usize,
    pub(crate) patterns: usize,
    pub(crate) shards: usize,
}

impl Subscriptions {
    fn of(&self, topic: Topic) -> &BTreeSet<Vec<u8>> {
        match topic {
            Topic::Channel => &self.channels,
            Topic::Pattern => &self.patterns,
            Topic::Shard => &self.shards,
        }
    }

    fn of_mut(&mut self, topic: Topic) -> &mut BTreeSet<Vec<u8>> {
        match topic {
            Topic::Channel => &mut self.channels,
            Topic::Pattern => &mut self.patterns,
            Topic::Shard => &mut self.shards,
        }
    }

    /// The number that a confirmation tells: channels and patterns together, shard channels by themselves.
    fn count(&self, topic: Topic) -> usize {
        match topic {
            Topic::Channel | Topic::Pattern => self.channels.len() + self.patterns.len(),
            Topic::Shard => self.shards.len(),
        }
    }

    /// How many there are of each kind.
    pub(crate) fn counts(&self) -> SubscriptionCounts {
        SubscriptionCounts {
            channels: self.channels.len(),
            patterns: self.patterns.len(),
            shards: self.shards.len(),
        }
    }

    fn is_empty(&self) -> bool {
        self.channels.is_empty() && self.patterns.is_empty() && self.shards.is_empty()
    }

    /// Bytes that the server keeps for the names.
    pub(crate) fn memory_bytes(&self) -> usize {
        TOPICS
            .iter()
            .flat_map(|topic| self.of(*topic))
            .map(|name| name.len() + size_of::<Vec<u8>>())
            .sum()
    }
}

type Subscribers = BTreeMap<Vec<u8>, Vec<ClientId>>;

/// Who listens to what, each in the order they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct PubSub {
    channels: Subscribers,
    patterns: Subscribers,
    shards: Subscribers,
}

impl PubSub {
    fn of(&self, topic: Topic) -> &Subscribers {
        match topic {
            Topic::Channel => &self.channels,
            Topic::Pattern => &self.patterns,
            Topic::Shard => &self.shards,
        }
    }

    fn of_mut(&mut self, topic: Topic) -> &mut Subscribers {
        match topic {
            Topic::Channel => &mut self.channels,
            Topic::Pattern => &mut self.patterns,
            Topic::Shard => &mut self.shards,
        }
    }

    /// Whether a message by a channel could find anybody.
    pub(crate) fn has_listeners(&self) -> bool {
        !self.channels.is_empty() || !self.patterns.is_empty()
    }

    /// The number of channels with subscribers.
    pub(crate) fn channel_count(&self) -> usize {
        self.channels.len()
    }

    /// The number of patterns with subscribers.
    pub(crate) fn pattern_count(&self) -> usize {
        self.patterns.len()
    }

    fn remove(&mut self, topic: Topic, name: &[u8], id: ClientId) {
        let subscribers = self.of_mut(topic);
        if let Some(ids) = subscribers.get_mut(name) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                subscribers.remove(name);
            }
        }
    }
}

/// Output that nobody asked for.
pub(crate) enum Message<'a> {
    /// A push of these strings.
    Push(&'a [&'a [u8]]),
    /// A line, its end included.
    Line(&'a [u8]),
}

/// A [`Message`] to be given later.
#[derive(Clone)]
pub(crate) enum OwnedMessage {
    Push(Vec<Vec<u8>>),
    Line(Vec<u8>),
}

impl Message<'_> {
    fn write(&self, reply: &mut Reply) {
        match self {
            Self::Push(parts) => {
                reply.push(parts.len());
                for part in *parts {
                    reply.bulk(part);
                }
            }
            Self::Line(line) => reply.buf_mut().extend_from_slice(line),
        }
    }

    fn to_owned(&self) -> OwnedMessage {
        match self {
            Self::Push(parts) => {
                OwnedMessage::Push(parts.iter().map(|part| part.to_vec()).collect())
            }
            Self::Line(line) => OwnedMessage::Line(line.to_vec()),
        }
    }
}

impl OwnedMessage {
    fn write(&self, reply: &mut Reply) {
        match self {
            Self::Push(parts) => {
                let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
                Message::Push(&parts).write(reply);
            }
            Self::Line(line) => Message::Line(line).write(reply),
        }
    }
}

/// What a confirmation tells: of which kind, which name if any, and how many subscriptions there are now.
fn confirm(reply: &mut Reply, kind: &[u8], name: Option<&[u8]>, count: usize) {
    reply.push(3);
    reply.bulk(kind);
    match name {
        Some(name) => reply.bulk(name),
        None => reply.null(),
    }
    reply.integer(count as i64);
}

impl Engine {
    /// SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE.
    pub(crate) fn subscribe(&mut self, client: &mut Client, topic: Topic, args: Args<'_>) {
        if topic == Topic::Shard && self.in_exec {
            return self.reply_error(
                client,
                "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client",
            );
        }
        for name in args.skip(1).iter() {
            if client.subscriptions.of_mut(topic).insert(name.to_vec()) {
                self.pubsub
                    .of_mut(topic)
                    .entry(name.to_vec())
                    .or_default()
                    .push(client.id);
            }
            let count = client.subscriptions.count(topic);
            confirm(&mut client.reply, topic.subscribed(), Some(name), count);
        }
        client.subscriber = true;
    }

    /// UNSUBSCRIBE, PUNSUBSCRIBE, SUNSUBSCRIBE.
    pub(crate) fn unsubscribe(&mut self, client: &mut Client, topic: Topic, args: Args<'_>) {
        let all: Vec<Vec<u8>>;
        let names: Vec<&[u8]> = if args.len() > 1 {
            args.skip(1).iter().collect()
        } else {
            all = client.subscriptions.of(topic).iter().cloned().collect();
            all.iter().map(Vec::as_slice).collect()
        };
        for name in &names {
            if client.subscriptions.of_mut(topic).remove(*name) {
                self.pubsub.remove(topic, name, client.id);
            }
            let count = client.subscriptions.count(topic);
            confirm(&mut client.reply, topic.unsubscribed(), Some(name), count);
        }
        if names.is_empty() {
            let count = client.subscriptions.count(topic);
            confirm(&mut client.reply, topic.unsubscribed(), None, count);
        }
        client.subscriber &= !client.subscriptions.is_empty();
    }

    /// Ends all subscriptions of a connection without a word.
    pub(crate) fn forget_subscriptions(&mut self, client: &mut Client) {
        for topic in TOPICS {
            for name in std::mem::take(client.subscriptions.of_mut(topic)) {
                self.pubsub.remove(topic, &name, client.id);
            }
        }
        client.subscriber = false;
    }

    /// PUBLISH and SPUBLISH.
    pub(crate) fn publish_command(&mut self, client: &mut Client, args: Args<'_>, shard: bool) {
        let receivers = if shard {
            self.publish_to_shard(client, &args[1], &args[2])
        } else {
            self.publish(&mut Some(client), &args[1], &args[2])
        };
        client.reply.integer(receivers as i64);
    }

    /// Sends a message to whom it concerns and returns how many that are. `current` is the client being served.
    pub(crate) fn publish(
        &mut self,
        current: &mut Option<&mut Client>,
        channel: &[u8],
        message: &[u8],
    ) -> usize {
        let mut receivers = 0;
        for id in self
            .pubsub
            .channels
            .get(channel)
            .cloned()
            .unwrap_or_default()
        {
            receivers += 1;
            let parts = [b"message", channel, message];
            self.deliver(current, id, &Message::Push(&parts));
        }
        let patterns = self.pubsub.patterns.iter();
        let matching: Vec<(Vec<u8>, Vec<ClientId>)> = patterns
            .filter(|(pattern, _)| glob::matches(pattern, channel, false))
            .map(|(pattern, ids)| (pattern.clone(), ids.clone()))
            .collect();
        for (pattern, ids) in matching {
            for id in ids {
                receivers += 1;
                let parts = [b"pmessage", &pattern[..], channel, message];
                self.deliver(current, id, &Message::Push(&parts));
            }
        }
        receivers
    }

    fn publish_to_shard(&mut self, current: &mut Client, channel: &[u8], message: &[u8]) -> usize {
        let ids = self.pubsub.shards.get(channel).cloned().unwrap_or_default();
        for id in &ids {
            let parts = [b"smessage", channel, message];
            self.deliver(&mut Some(current), *id, &Message::Push(&parts));
        }
        ids.len()
    }

    /// Appends output that nobody asked for to the replies of a client. `current` is the client being served; another one
    /// that is not in its place is served around it, and gets the message when that is over.
    pub(crate) fn deliver(
        &mut self,
        current: &mut Option<&mut Client>,
        to: ClientId,
        message: &Message<'_>,
    ) {
        if let Some(current) = current.as_mut().filter(|current| current.id == to) {
            return message.write(&mut current.reply);
        }
        let Some(client) = self.clients.get_mut(to) else {
            return self.undelivered.push((to, message.to_owned()));
        };
        message.write(&mut client.reply);
        client.gate_reply(None);
        let waits = client.is_waiting();
        let announce = client.must_announce();
        if waits {
            self.clients.note_waiting(to);
        }
        if announce {
            self.outputs.push_back(crate::Output::Reply(to));
        }
        self.enforce_output_limit_of(to);
    }

    /// Gives a client the messages that came while it was served.
    #[inline]
    pub(crate) fn deliver_late(&mut self, client: &mut Client) {
        if self.undelivered.is_empty() {
            return;
        }
        for (to, message) in std::mem::take(&mut self.undelivered) {
            if to == client.id {
                message.write(&mut client.reply);
            }
        }
        client.gate_reply(None);
        self.enforce_output_limit(client);
    }

    pub(crate) fn pubsub_command(
        &mut self,
        client: &mut Client,
        command: &'static Command,
        args: Args<'_>,
    ) {
        match command.name {
            "channels" => self.list_channels(client, args, Topic::Channel),
            "shardchannels" => self.list_channels(client, args, Topic::Shard),
            "numsub" => self.count_subscribers(client, args, Topic::Channel),
            "shardnumsub" => self.count_subscribers(client, args, Topic::Shard),
            "numpat" => client.reply.integer(self.pubsub.patterns.len() as i64),
            _ => crate::server::help_for("pubsub", client),
        }
    }

    fn list_channels(&mut self, client: &mut Client, args: Args<'_>, topic: Topic) {
        if args.len() > 3 {
            let error = crate::server::subcommand_syntax_error(args);
            return self.reply_error(client, &error);
        }
        let channels = self.pubsub.of(topic).keys();
        let found: Vec<&Vec<u8>> = channels
            .filter(|channel| {
                args.get(2)
                    .is_none_or(|pattern| glob::matches(pattern, channel, false))
            })
            .collect();
        client.reply.array(found.len());
        for channel in found {
            client.reply.bulk(channel);
        }
    }

    fn count_subscribers(&self, client: &mut Client, args: Args<'_>, topic: Topic) {
        let channels = args.skip(2);
        client.reply.array(channels.len() * 2);
        for channel in channels.iter() {
            let subscribers = self.pubsub.of(topic).get(channel);
            client.reply.bulk(channel);
            client.reply.integer(subscribers.map_or(0, Vec::len) as i64);
        }
    }

    /// Why a subscriber that speaks RESP2 may not run a command, if so: replies could not be told from messages.
    pub(crate) fn refuse_to_subscriber(client: &Client, full_name: &str) -> Option<String> {
        const ALLOWED: [&str; 9] = [
            "ping",
            "subscribe",
            "ssubscribe",
            "unsubscribe",
            "sunsubscribe",
            "psubscribe",
            "punsubscribe",
            "quit",
            "reset",
        ];
        let refused = client.subscriber
            && client.reply.protocol() == Protocol::Resp2
            && !ALLOWED.contains(&full_name);
        refused.then(|| {
            format!(
                "ERR Can't execute '{full_name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
            )
        })
    }
}
