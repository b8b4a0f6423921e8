//! Publishing and subscribing.

use super::{Command, CommandFlags as F, Group, Handler, ROW, ServerCommand, key_range, key_spec};

/// What the commands that come and go by channels share.
const SUBSCRIBING: F = F::PUBSUB.with(F::NOSCRIPT).with(F::LOADING).with(F::STALE);
const PUBLISHING: F = F::PUBSUB.with(F::LOADING).with(F::STALE);

pub(super) const ROWS: &[Command] = &[
    Command {
        name: "psubscribe",
        arity: -2,
        flags: SUBSCRIBING,
        group: Group::PubSub,
        since: "2.0.0",
        complexity: "O(n) in the number of patterns",
        summary: "Has messages sent to this connection that come by channels matching patterns.",
        arguments: "pattern [pattern ...]",
        handler: Handler::Server(ServerCommand::Psubscribe),
        ..ROW
    },
    Command {
        name: "publish",
        arity: 3,
        flags: PUBLISHING.with(F::FAST).with(F::MAY_REPLICATE),
        group: Group::PubSub,
        since: "2.0.0",
        complexity: "O(n+m) in the number of subscribers of the channel and of patterns in use",
        summary: "Sends a message to the subscribers of a channel and returns how many there are.",
        arguments: "channel message",
        handler: Handler::Server(ServerCommand::Publish),
        ..ROW
    },
    Command {
        name: "pubsub",
        arity: -2,
        group: Group::PubSub,
        since: "2.8.0",
        complexity: "Depends on the subcommand",
        summary: "Tells about channels and their subscribers.",
        subcommands: &[
            Command {
                name: "channels",
                arity: -2,
                flags: PUBLISHING,
                group: Group::PubSub,
                since: "2.8.0",
                complexity: "O(n) in the number of channels with subscribers",
                summary: "Lists the channels that have subscribers.",
                arguments: "[pattern]",
                handler: Handler::Server(ServerCommand::Pubsub),
                ..ROW
            },
            Command {
                name: "help",
                arity: 2,
                flags: F::LOADING.with(F::STALE),
                group: Group::PubSub,
                since: "6.2.0",
                summary: "Explains the subcommands.",
                handler: Handler::Server(ServerCommand::Pubsub),
                ..ROW
            },
            Command {
                name: "numpat",
                arity: 2,
                flags: PUBLISHING,
                group: Group::PubSub,
                since: "2.8.0",
                summary: "Counts the patterns that have subscribers.",
                handler: Handler::Server(ServerCommand::Pubsub),
                ..ROW
            },
            Command {
                name: "numsub",
                arity: -2,
                flags: PUBLISHING,
                group: Group::PubSub,
                since: "2.8.0",
                complexity: "O(n) in the number of channels asked for",
                summary: "Counts the subscribers of channels.",
                arguments: "[channel [channel ...]]",
                handler: Handler::Server(ServerCommand::Pubsub),
                ..ROW
            },
            Command {
                name: "shardchannels",
                arity: -2,
                flags: PUBLISHING,
                group: Group::PubSub,
                since: "7.0.0",
                complexity: "O(n) in the number of shard channels with subscribers",
                summary: "Lists the shard channels that have subscribers.",
                arguments: "[pattern]",
                handler: Handler::Server(ServerCommand::Pubsub),
                ..ROW
            },
            Command {
                name: "shardnumsub",
                arity: -2,
                flags: PUBLISHING,
                group: Group::PubSub,
                since: "7.0.0",
                complexity: "O(n) in the number of shard channels asked for",
                summary: "Counts the subscribers of shard channels.",
                arguments: "[shardchannel [shardchannel ...]]",
                handler: Handler::Server(ServerCommand::Pubsub),
                ..ROW
            },
        ],
        handler: Handler::Server(ServerCommand::Pubsub),
        ..ROW
    },
    Command {
        name: "punsubscribe",
        arity: -1,
        flags: SUBSCRIBING,
        group: Group::PubSub,
        since: "2.0.0",
        complexity: "O(n+m) in the number of patterns of this connection and of those in use",
        summary: "Ends subscriptions to patterns; all of them without a word.",
        arguments: "[pattern [pattern ...]]",
        handler: Handler::Server(ServerCommand::Punsubscribe),
        ..ROW
    },
    Command {
        name: "spublish",
        arity: 3,
        flags: PUBLISHING.with(F::FAST).with(F::MAY_REPLICATE),
        keys: key_range(1, 1, 1),
        key_specs: &[key_spec(1, 0, 1, "not_key")],
        group: Group::PubSub,
        since: "7.0.0",
        complexity: "O(n) in the number of subscribers of the shard channel",
        summary: "Sends a message to the subscribers of a shard channel and returns how many there are.",
        arguments: "shardchannel message",
        handler: Handler::Server(ServerCommand::Spublish),
        ..ROW
    },
    Command {
        name: "ssubscribe",
        arity: -2,
        flags: SUBSCRIBING,
        keys: key_range(1, -1, 1),
        key_specs: &[key_spec(1, -1, 1, "not_key")],
        group: Group::PubSub,
        since: "7.0.0",
        complexity: "O(n) in the number of shard channels",
        summary: "Has messages sent to this connection that come by shard channels.",
        arguments: "shardchannel [shardchannel ...]",
        handler: Handler::Server(ServerCommand::Ssubscribe),
        ..ROW
    },
    Command {
        name: "subscribe",
        arity: -2,
        flags: SUBSCRIBING,
        group: Group::PubSub,
        since: "2.0.0",
        complexity: "O(n) in the number of channels",
        summary: "Has messages sent to this connection that come by channels.",
        arguments: "channel [channel ...]",
        handler: Handler::Server(ServerCommand::Subscribe),
        ..ROW
    },
    Command {
        name: "sunsubscribe",
        arity: -1,
        flags: SUBSCRIBING,
        keys: key_range(1, -1, 1),
        key_specs: &[key_spec(1, -1, 1, "not_key")],
        group: Group::PubSub,
        since: "7.0.0",
        complexity: "O(n) in the number of subscribers of the shard channels",
        summary: "Ends subscriptions to shard channels; all of them without a word.",
        arguments: "[shardchannel [shardchannel ...]]",
        handler: Handler::Server(ServerCommand::Sunsubscribe),
        ..ROW
    },
    Command {
        name: "unsubscribe",
        arity: -1,
        flags: SUBSCRIBING,
        group: Group::PubSub,
        since: "2.0.0",
        complexity: "O(n) in the number of subscribers of the channels",
        summary: "Ends subscriptions to channels; all of them without a word.",
        arguments: "[channel [channel ...]]",
        handler: Handler::Server(ServerCommand::Unsubscribe),
        ..ROW
    },
];
