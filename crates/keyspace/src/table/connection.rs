//! The connection.

use super::{Command, CommandFlags as F, Group, Handler, ROW, ServerCommand};
use crate::commands::server;

pub(super) const ROWS: &[Command] = &[
    Command {
        name: "auth",
        arity: -2,
        flags: F::NOSCRIPT
            .with(F::LOADING)
            .with(F::STALE)
            .with(F::FAST)
            .with(F::NO_AUTH)
            .with(F::ALLOW_BUSY),
        categories: "connection",
        group: Group::Connection,
        complexity: "O(n) in the number of passwords of the user",
        summary: "Logs in.",
        arguments: "[username] password",
        handler: Handler::Server(ServerCommand::Auth),
        ..ROW
    },
    Command {
        name: "client",
        arity: -2,
        group: Group::Connection,
        since: "2.4.0",
        complexity: "Depends on the subcommand",
        summary: "Tells about connections and changes them.",
        subcommands: &[
            Command {
                name: "getname",
                arity: 2,
                flags: F::NOSCRIPT.with(F::LOADING).with(F::STALE),
                categories: "connection",
                group: Group::Connection,
                since: "2.6.9",
                summary: "Returns the name of this connection.",
                handler: Handler::Server(ServerCommand::Client),
                ..ROW
            },
            Command {
                name: "help",
                arity: 2,
                flags: F::LOADING.with(F::STALE),
                categories: "connection",
                group: Group::Connection,
                since: "5.0.0",
                summary: "Explains the subcommands.",
                handler: Handler::Server(ServerCommand::Client),
                ..ROW
            },
            Command {
                name: "id",
                arity: 2,
                flags: F::NOSCRIPT.with(F::LOADING).with(F::STALE),
                categories: "connection",
                group: Group::Connection,
                since: "5.0.0",
                summary: "Returns the number of this connection.",
                handler: Handler::Server(ServerCommand::Client),
                ..ROW
            },
            Command {
                name: "info",
                arity: 2,
                flags: F::NOSCRIPT.with(F::LOADING).with(F::STALE),
                categories: "connection",
                tips: "nondeterministic_output",
                group: Group::Connection,
                since: "6.2.0",
                summary: "Describes this connection.",
                handler: Handler::Server(ServerCommand::Client),
                ..ROW
            },
            Command {
                name: "kill",
                arity: -3,
                flags: F::ADMIN.with(F::NOSCRIPT).with(F::LOADING).with(F::STALE),
                categories: "connection",
                group: Group::Connection,
                since: "2.4.0",
                complexity: "O(n) in the number of connections",
                summary: "Closes connections.",
                arguments: "<ip:port | <[ID client-id] | [TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>] | [USER username] | [ADDR ip:port] | [LADDR ip:port] | [SKIPME yes/no]> ...>",
                handler: Handler::Server(ServerCommand::Client),
                ..ROW
            },
            Command {
                name: "list",
                arity: -2,
                flags: F::ADMIN.with(F::NOSCRIPT).with(F::LOADING).with(F::STALE),
                categories: "connection",
                tips: "nondeterministic_output",
                group: Group::Connection,
                since: "2.4.0",
                complexity: "O(n) in the number of connections",
                summary: "Describes all connections.",
                arguments: "[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]",
                handler: Handler::Server(ServerCommand::Client),
                ..ROW
            },
            Command {
                name: "no-evict",
                arity: 3,
                flags: F::ADMIN.with(F::NOSCRIPT).with(F::LOADING).with(F::STALE),
                categories: "connection",
                group: Group::Connection,
                since: "7.0.0",
                summary: "Spares this connection when memory is short.",
                arguments: "<ON | OFF>",
                handler: Handler::Server(ServerCommand::Client),
                ..ROW
            },
            Command {
                name: "pause",
                arity: -3,
                flags: F::ADMIN.with(F::NOSCRIPT).with(F::LOADING).with(F::STALE),
                categories: "connection",
                group: Group::Connection,
                since: "2.9.50",
                summary: "Holds up the commands of all connections for a while, or those that write.",
                arguments: "timeout [WRITE | ALL]",
                handler: Handler::Server(ServerCommand::Client),
                ..ROW
            },
            Command {
                name: "reply",
                arity: 3,
                flags: F::NOSCRIPT.with(F::LOADING).with(F::STALE),
                categories: "connection",
                group: Group::Connection,
                since: "3.2.0",
                summary: "Says whether this connection is answered.",
                arguments: "<ON | OFF | SKIP>",
                handler: Handler::Server(ServerCommand::Client),
                ..ROW
            },
            Command {
                name: "setname",
                arity: 3,
                flags: F::NOSCRIPT.with(F::LOADING).with(F::STALE),
                categories: "connection",
                group: Group::Connection,
                since: "2.6.9",
                summary: "Names this connection.",
                arguments: "connection-name",
                handler: Handler::Server(ServerCommand::Client),
                ..ROW
            },
            Command {
                name: "unblock",
                arity: -3,
                flags: F::ADMIN.with(F::NOSCRIPT).with(F::LOADING).with(F::STALE),
                categories: "connection",
                group: Group::Connection,
                since: "5.0.0",
                complexity: "O(log n) in the number of connections",
                summary: "Ends the waiting of a blocked connection.",
                arguments: "client-id [TIMEOUT | ERROR]",
                handler: Handler::Server(ServerCommand::Client),
                ..ROW
            },
            Command {
                name: "unpause",
                arity: 2,
                flags: F::ADMIN.with(F::NOSCRIPT).with(F::LOADING).with(F::STALE),
                categories: "connection",
                group: Group::Connection,
                since: "6.2.0",
                complexity: "O(n) in the number of connections held up",
                summary: "Lets commands run that were held up.",
                handler: Handler::Server(ServerCommand::Client),
                ..ROW
            },
        ],
        handler: Handler::Server(ServerCommand::Client),
        ..ROW
    },
    Command {
        name: "echo",
        arity: 2,
        flags: F::LOADING.with(F::STALE).with(F::FAST),
        categories: "connection",
        group: Group::Connection,
        summary: "Returns its argument.",
        arguments: "message",
        handler: Handler::Data(server::echo),
        ..ROW
    },
    Command {
        name: "hello",
        arity: -1,
        flags: F::NOSCRIPT
            .with(F::LOADING)
            .with(F::STALE)
            .with(F::FAST)
            .with(F::NO_AUTH)
            .with(F::ALLOW_BUSY),
        categories: "connection",
        group: Group::Connection,
        since: "6.0.0",
        summary: "Chooses the version of the protocol; may log in and name the connection.",
        arguments: "[protover [AUTH username password] [SETNAME clientname]]",
        handler: Handler::Server(ServerCommand::Hello),
        ..ROW
    },
    Command {
        name: "ping",
        arity: -1,
        flags: F::FAST,
        categories: "connection",
        tips: "request_policy:all_shards response_policy:all_succeeded",
        group: Group::Connection,
        summary: "Returns PONG, or its argument.",
        arguments: "[message]",
        handler: Handler::Server(ServerCommand::Ping),
        ..ROW
    },
    Command {
        name: "quit",
        arity: -1,
        flags: F::NOSCRIPT
            .with(F::LOADING)
            .with(F::STALE)
            .with(F::FAST)
            .with(F::NO_AUTH)
            .with(F::ALLOW_BUSY),
        categories: "connection",
        group: Group::Connection,
        summary: "Closes this connection.",
        handler: Handler::Server(ServerCommand::Quit),
        ..ROW
    },
    Command {
        name: "reset",
        arity: 1,
        flags: F::NOSCRIPT
            .with(F::LOADING)
            .with(F::STALE)
            .with(F::FAST)
            .with(F::NO_AUTH)
            .with(F::ALLOW_BUSY),
        categories: "connection",
        group: Group::Connection,
        since: "6.2.0",
        summary: "Puts this connection into its first state.",
        handler: Handler::Server(ServerCommand::Reset),
        ..ROW
    },
    Command {
        name: "select",
        arity: 2,
        flags: F::LOADING.with(F::STALE).with(F::FAST),
        categories: "connection",
        group: Group::Connection,
        summary: "Chooses the database of this connection.",
        arguments: "index",
        handler: Handler::Server(ServerCommand::Select),
        ..ROW
    },
];
