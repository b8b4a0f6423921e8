//! Keyspace notifications: what happened to keys, published to whom it may concern.

use lastsave_keyspace::{Command, Event, EventClass};

use crate::client::Client;
use crate::engine::Engine;

/// The letters of `notify-keyspace-events` with the classes they choose. `A` chooses them all but a miss; `d` is for
/// modules, of which there are none.
const LETTERS: [(char, EventClass); 11] = [
    ('g', EventClass::Generic),
    ('$', EventClass::String),
    ('l', EventClass::List),
    ('s', EventClass::Set),
    ('h', EventClass::Hash),
    ('z', EventClass::SortedSet),
    ('x', EventClass::Expired),
    ('e', EventClass::Evicted),
    ('t', EventClass::Stream),
    ('n', EventClass::New),
    ('m', EventClass::KeyMiss),
];

/// The commands that Redis answers before it tells what they did. It only shows on a connection that listens to its own
/// doings, in RESP3.
const ANSWER_FIRST: [&str; 36] = [
    "bitfield",
    "blmpop",
    "blpop",
    "brpop",
    "expire",
    "expireat",
    "geoadd",
    "getdel",
    "getex",
    "getset",
    "hincrby",
    "hincrbyfloat",
    "hmset",
    "hset",
    "hsetnx",
    "lmpop",
    "lpop",
    "lpush",
    "lpushx",
    "lset",
    "pexpire",
    "pexpireat",
    "rpop",
    "rpush",
    "rpushx",
    "sdiffstore",
    "sinterstore",
    "sunionstore",
    "xadd",
    "xsetid",
    "zadd",
    "zdiffstore",
    "zincrby",
    "zinterstore",
    "zrangestore",
    "zunionstore",
];

/// The classes chosen by the letters of the parameter, as [`lastsave_keyspace::Effects::notifying`] wants them. None
/// are unless `K` or `E` says by which channels they are published.
pub(crate) fn classes_of(letters: &str) -> u16 {
    if !letters.contains(['K', 'E']) {
        return 0;
    }
    LETTERS
        .iter()
        .filter(|(letter, class)| {
            let in_all = !matches!(class, EventClass::KeyMiss | EventClass::New);
            letters.contains(*letter) || (in_all && letters.contains('A'))
        })
        .fold(0, |classes, (_, class)| classes | class.bit())
}

impl Engine {
    /// Publishes what the last command did to keys. `start` is where its reply begins: messages to the client itself go
    /// before it or behind it, as in Redis.
    #[inline]
    pub(crate) fn publish_effects(
        &mut self,
        client: &mut Client,
        command: &'static Command,
        start: usize,
    ) {
        if self.effects.events.is_empty() {
            return;
        }
        let events = std::mem::take(&mut self.effects.events);
        let (before, behind): (Vec<Event>, Vec<Event>) = if ANSWER_FIRST.contains(&command.name) {
            // Looking the key up, and putting it there, come before the answer all the same.
            let at_first = |event: &Event| {
                use EventClass::{Expired, KeyMiss, New};
                matches!(event.class, Expired | KeyMiss | New)
            };
            events.into_iter().partition(at_first)
        } else {
            (events, Vec::new())
        };
        let reply = client.reply.buf_mut().split_off(start);
        self.publish_events(&mut Some(&mut *client), &before);
        client.reply.buf_mut().extend_from_slice(&reply);
        self.publish_events(&mut Some(&mut *client), &behind);
    }

    /// Publishes that something happened to a key outside of any command.
    pub(crate) fn publish_event(
        &mut self,
        class: EventClass,
        name: &'static str,
        db: usize,
        key: &[u8],
    ) {
        if self.effects.notifying & class.bit() != 0 {
            let key = key.to_vec();
            self.publish_events(
                &mut None,
                &[Event {
                    class,
                    name,
                    db,
                    key,
                }],
            );
        }
    }

    /// Publishes events, in order. `current` is the client being served.
    pub(crate) fn publish_events(&mut self, current: &mut Option<&mut Client>, events: &[Event]) {
        if !self.pubsub.has_listeners() {
            return;
        }
        let by_key = self.config.notify_keyspace_events.contains('K');
        let by_event = self.config.notify_keyspace_events.contains('E');
        for event in events {
            let name = event.name.as_bytes();
            if by_key {
                let mut channel = format!("__keyspace@{}__:", event.db).into_bytes();
                channel.extend_from_slice(&event.key);
                self.publish(current, &channel, name);
            }
            if by_event {
                let channel = format!("__keyevent@{}__:{}", event.db, event.name);
                self.publish(current, channel.as_bytes(), &event.key);
            }
        }
    }
}
