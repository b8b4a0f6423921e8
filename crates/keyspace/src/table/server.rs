//! The server, its files and its databases.

use super::{Command, CommandFlags as F, Group, Handler, ROW, ServerCommand};
use crate::commands::{databases, server};

pub(super) const ROWS: &[Command] = &[
    Command {
        name: "bgrewriteaof",
        arity: 1,
        flags: F::ADMIN.with(F::NOSCRIPT).with(F::NO_ASYNC_LOADING),
        group: Group::Server,
        summary: "Rewrites the append-only file in the background.",
        handler: Handler::Server(ServerCommand::BgRewriteAof),
        ..ROW
    },
    Command {
        name: "bgsave",
        arity: -1,
        flags: F::ADMIN.with(F::NOSCRIPT).with(F::NO_ASYNC_LOADING),
        group: Group::Server,
        summary: "Saves the data to disk in the background.",
        arguments: "[SCHEDULE]",
        handler: Handler::Server(ServerCommand::BgSave),
        ..ROW
    },
    Command {
        name: "command",
        arity: -1,
        flags: F::LOADING.with(F::STALE),
        categories: "connection",
        tips: "nondeterministic_output_order",
        group: Group::Server,
        since: "2.8.13",
        complexity: "O(n) in the number of commands",
        summary: "Describes all commands.",
        subcommands: &[
            Command {
                name: "count",
                arity: 2,
                flags: F::LOADING.with(F::STALE),
                categories: "connection",
                group: Group::Server,
                since: "2.8.13",
                summary: "Counts the commands.",
                handler: Handler::Server(ServerCommand::Command),
                ..ROW
            },
            Command {
                name: "docs",
                arity: -2,
                flags: F::LOADING.with(F::STALE),
                categories: "connection",
                tips: "nondeterministic_output_order",
                group: Group::Server,
                since: "7.0.0",
                complexity: "O(n) in the number of commands asked for",
                summary: "Returns the documentation of commands.",
                arguments: "[command-name [command-name ...]]",
                handler: Handler::Server(ServerCommand::Command),
                ..ROW
            },
            Command {
                name: "getkeys",
                arity: -4,
                flags: F::LOADING.with(F::STALE),
                categories: "connection",
                group: Group::Server,
                since: "2.8.13",
                complexity: "O(n) in the number of words",
                summary: "Returns the keys of a complete command.",
                arguments: "command [arg ...]",
                handler: Handler::Server(ServerCommand::Command),
                ..ROW
            },
            Command {
                name: "getkeysandflags",
                arity: -4,
                flags: F::LOADING.with(F::STALE),
                categories: "connection",
                group: Group::Server,
                since: "7.0.0",
                complexity: "O(n) in the number of words",
                summary: "Returns the keys of a complete command and how it uses them.",
                arguments: "command [arg ...]",
                handler: Handler::Server(ServerCommand::Command),
                ..ROW
            },
            Command {
                name: "help",
                arity: 2,
                flags: F::LOADING.with(F::STALE),
                categories: "connection",
                group: Group::Server,
                since: "5.0.0",
                summary: "Explains the subcommands.",
                handler: Handler::Server(ServerCommand::Command),
                ..ROW
            },
            Command {
                name: "info",
                arity: -2,
                flags: F::LOADING.with(F::STALE),
                categories: "connection",
                tips: "nondeterministic_output_order",
                group: Group::Server,
                since: "2.8.13",
                complexity: "O(n) in the number of commands asked for",
                summary: "Describes commands.",
                arguments: "[command-name [command-name ...]]",
                handler: Handler::Server(ServerCommand::Command),
                ..ROW
            },
            Command {
                name: "list",
                arity: -2,
                flags: F::LOADING.with(F::STALE),
                categories: "connection",
                tips: "nondeterministic_output_order",
                group: Group::Server,
                since: "7.0.0",
                complexity: "O(n) in the number of commands",
                summary: "Returns the names of the commands.",
                arguments: "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
                handler: Handler::Server(ServerCommand::Command),
                ..ROW
            },
        ],
        handler: Handler::Server(ServerCommand::Command),
        ..ROW
    },
    Command {
        name: "config",
        arity: -2,
        group: Group::Server,
        since: "2.0.0",
        complexity: "Depends on the subcommand",
        summary: "Reads and changes the configuration.",
        subcommands: &[
            Command {
                name: "get",
                arity: -3,
                flags: F::ADMIN.with(F::NOSCRIPT).with(F::LOADING).with(F::STALE),
                group: Group::Server,
                since: "2.0.0",
                complexity: "O(n) in the number of parameters",
                summary: "Returns the parameters whose names match.",
                arguments: "parameter [parameter ...]",
                handler: Handler::Server(ServerCommand::Config),
                ..ROW
            },
            Command {
                name: "help",
                arity: 2,
                flags: F::LOADING.with(F::STALE),
                group: Group::Server,
                since: "5.0.0",
                summary: "Explains the subcommands.",
                handler: Handler::Server(ServerCommand::Config),
                ..ROW
            },
            Command {
                name: "resetstat",
                arity: 2,
                flags: F::ADMIN.with(F::NOSCRIPT).with(F::LOADING).with(F::STALE),
                group: Group::Server,
                since: "2.0.0",
                summary: "Sets the counters that INFO reports back to zero.",
                handler: Handler::Server(ServerCommand::Config),
                ..ROW
            },
            Command {
                name: "rewrite",
                arity: 2,
                flags: F::ADMIN.with(F::NOSCRIPT).with(F::LOADING).with(F::STALE),
                group: Group::Server,
                since: "2.8.0",
                summary: "Writes the configuration in force into the configuration file.",
                handler: Handler::Server(ServerCommand::Config),
                ..ROW
            },
            Command {
                name: "set",
                arity: -4,
                flags: F::ADMIN.with(F::NOSCRIPT).with(F::LOADING).with(F::STALE),
                tips: "request_policy:all_nodes response_policy:all_succeeded",
                group: Group::Server,
                since: "2.0.0",
                complexity: "O(n) in the number of parameters",
                summary: "Changes parameters while the server runs.",
                arguments: "parameter value [parameter value ...]",
                handler: Handler::Server(ServerCommand::Config),
                ..ROW
            },
        ],
        handler: Handler::Server(ServerCommand::Config),
        ..ROW
    },
    Command {
        name: "dbsize",
        arity: 1,
        flags: F::READONLY.with(F::FAST),
        categories: "keyspace",
        tips: "request_policy:all_shards response_policy:agg_sum",
        group: Group::Server,
        summary: "Counts the keys of the database.",
        handler: Handler::Data(databases::dbsize),
        ..ROW
    },
    Command {
        name: "debug",
        arity: -2,
        flags: F::ADMIN.with(F::NOSCRIPT).with(F::LOADING).with(F::STALE),
        group: Group::Server,
        complexity: "Depends on the subcommand",
        internal: true,
        summary: "Does what tests need.",
        handler: Handler::Server(ServerCommand::Debug),
        ..ROW
    },
    Command {
        name: "flushall",
        arity: -1,
        flags: F::WRITE,
        categories: "keyspace dangerous",
        tips: "request_policy:all_shards response_policy:all_succeeded",
        group: Group::Server,
        complexity: "O(n) in the number of keys",
        summary: "Deletes all keys of all databases.",
        arguments: "[ASYNC | SYNC]",
        handler: Handler::Data(databases::flushall),
        ..ROW
    },
    Command {
        name: "flushdb",
        arity: -1,
        flags: F::WRITE,
        categories: "keyspace dangerous",
        tips: "request_policy:all_shards response_policy:all_succeeded",
        group: Group::Server,
        complexity: "O(n) in the number of keys of the database",
        summary: "Deletes all keys of the database.",
        arguments: "[ASYNC | SYNC]",
        handler: Handler::Data(databases::flushdb),
        ..ROW
    },
    Command {
        name: "info",
        arity: -1,
        flags: F::LOADING.with(F::STALE),
        categories: "dangerous",
        tips: "nondeterministic_output request_policy:all_shards response_policy:special",
        group: Group::Server,
        summary: "Tells how the server is doing.",
        arguments: "[section [section ...]]",
        handler: Handler::Server(ServerCommand::Info),
        ..ROW
    },
    Command {
        name: "lastsave",
        arity: 1,
        flags: F::LOADING.with(F::STALE).with(F::FAST),
        categories: "admin dangerous",
        tips: "nondeterministic_output",
        group: Group::Server,
        summary: "Returns when the data was last saved, as a Unix time in seconds.",
        handler: Handler::Server(ServerCommand::LastSave),
        ..ROW
    },
    Command {
        name: "monitor",
        arity: 1,
        flags: F::ADMIN.with(F::NOSCRIPT).with(F::LOADING).with(F::STALE),
        group: Group::Server,
        summary: "Has every command that the server executes sent to this connection.",
        handler: Handler::Server(ServerCommand::Monitor),
        ..ROW
    },
    Command {
        name: "save",
        arity: 1,
        flags: F::ADMIN
            .with(F::NOSCRIPT)
            .with(F::NO_ASYNC_LOADING)
            .with(F::NO_MULTI),
        group: Group::Server,
        complexity: "O(n) in the number of keys",
        summary: "Saves the data to disk and waits for it.",
        handler: Handler::Server(ServerCommand::Save),
        ..ROW
    },
    Command {
        name: "shutdown",
        arity: -1,
        flags: F::ADMIN
            .with(F::NOSCRIPT)
            .with(F::LOADING)
            .with(F::STALE)
            .with(F::NO_MULTI)
            .with(F::ALLOW_BUSY),
        group: Group::Server,
        complexity: "O(n) in the number of keys if it saves, else O(1)",
        summary: "Stops the server, saving first where that is configured.",
        arguments: "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
        handler: Handler::Server(ServerCommand::Shutdown),
        ..ROW
    },
    Command {
        name: "swapdb",
        arity: 3,
        flags: F::WRITE.with(F::FAST),
        categories: "keyspace dangerous",
        group: Group::Server,
        since: "4.0.0",
        complexity: "O(n) in the number of connections that watch or wait",
        summary: "Exchanges two databases.",
        arguments: "index1 index2",
        handler: Handler::Data(databases::swapdb),
        ..ROW
    },
    Command {
        name: "time",
        arity: 1,
        flags: F::LOADING.with(F::STALE).with(F::FAST),
        tips: "nondeterministic_output",
        group: Group::Server,
        since: "2.6.0",
        summary: "Returns the time of the server.",
        handler: Handler::Data(server::time),
        ..ROW
    },
];
