//! What the server is asked about itself: slow commands, latencies, memory, its role.

use super::{Command, CommandFlags as F, Group, Handler, ROW, ServerCommand, key_range, key_spec};

pub(super) const ROWS: &[Command] = &[
    Command {
        name: "latency",
        arity: -2,
        group: Group::Server,
        since: "2.8.13",
        complexity: "Depends on the subcommand",
        summary: "Tells what held the server up.",
        subcommands: &[
            Command {
                name: "doctor",
                arity: 2,
                flags: F::ADMIN.with(F::NOSCRIPT).with(F::LOADING).with(F::STALE),
                tips: "nondeterministic_output request_policy:all_nodes response_policy:special",
                group: Group::Server,
                since: "2.8.13",
                summary: "Reports in words what held the server up and what may be done.",
                handler: Handler::Server(ServerCommand::Latency),
                ..ROW
            },
            Command {
                name: "graph",
                arity: 3,
                flags: F::ADMIN.with(F::NOSCRIPT).with(F::LOADING).with(F::STALE),
                tips: "nondeterministic_output request_policy:all_nodes response_policy:special",
                group: Group::Server,
                since: "2.8.13",
                summary: "Draws the latencies of an event.",
                arguments: "event",
                handler: Handler::Server(ServerCommand::Latency),
                ..ROW
            },
            Command {
                name: "help",
                arity: 2,
                flags: F::LOADING.with(F::STALE),
                group: Group::Server,
                since: "2.8.13",
                summary: "Explains the subcommands.",
                handler: Handler::Server(ServerCommand::Latency),
                ..ROW
            },
            Command {
                name: "histogram",
                arity: -2,
                flags: F::ADMIN.with(F::NOSCRIPT).with(F::LOADING).with(F::STALE),
                tips: "nondeterministic_output request_policy:all_nodes response_policy:special",
                group: Group::Server,
                since: "7.0.0",
                complexity: "O(n) in the number of commands shown",
                summary: "Returns how the execution times of commands are spread.",
                arguments: "[command [command ...]]",
                handler: Handler::Server(ServerCommand::Latency),
                ..ROW
            },
            Command {
                name: "history",
                arity: 3,
                flags: F::ADMIN.with(F::NOSCRIPT).with(F::LOADING).with(F::STALE),
                tips: "nondeterministic_output request_policy:all_nodes response_policy:special",
                group: Group::Server,
                since: "2.8.13",
                summary: "Returns the latencies of an event, with their times.",
                arguments: "event",
                handler: Handler::Server(ServerCommand::Latency),
                ..ROW
            },
            Command {
                name: "latest",
                arity: 2,
                flags: F::ADMIN.with(F::NOSCRIPT).with(F::LOADING).with(F::STALE),
                tips: "nondeterministic_output request_policy:all_nodes response_policy:special",
                group: Group::Server,
                since: "2.8.13",
                summary: "Returns the latest latency of each event.",
                handler: Handler::Server(ServerCommand::Latency),
                ..ROW
            },
            Command {
                name: "reset",
                arity: -2,
                flags: F::ADMIN.with(F::NOSCRIPT).with(F::LOADING).with(F::STALE),
                tips: "request_policy:all_nodes response_policy:all_succeeded",
                group: Group::Server,
                since: "2.8.13",
                summary: "Forgets the latencies of some events, or of all.",
                arguments: "[event [event ...]]",
                handler: Handler::Server(ServerCommand::Latency),
                ..ROW
            },
        ],
        handler: Handler::Server(ServerCommand::Latency),
        ..ROW
    },
    Command {
        name: "lolwut",
        arity: -1,
        flags: F::READONLY.with(F::FAST),
        group: Group::Server,
        since: "5.0.0",
        summary: "Draws a picture, and names the version.",
        arguments: "[VERSION version]",
        handler: Handler::Server(ServerCommand::LolWut),
        ..ROW
    },
    Command {
        name: "memory",
        arity: -2,
        group: Group::Server,
        since: "4.0.0",
        complexity: "Depends on the subcommand",
        summary: "Tells what memory is used for.",
        subcommands: &[
            Command {
                name: "doctor",
                arity: 2,
                tips: "nondeterministic_output request_policy:all_shards response_policy:special",
                group: Group::Server,
                since: "4.0.0",
                summary: "Reports in words whether memory is used well.",
                handler: Handler::Server(ServerCommand::Memory),
                ..ROW
            },
            Command {
                name: "help",
                arity: 2,
                flags: F::LOADING.with(F::STALE),
                group: Group::Server,
                since: "4.0.0",
                summary: "Explains the subcommands.",
                handler: Handler::Server(ServerCommand::Memory),
                ..ROW
            },
            Command {
                name: "malloc-stats",
                arity: 2,
                tips: "nondeterministic_output request_policy:all_shards response_policy:special",
                group: Group::Server,
                since: "4.0.0",
                complexity: "Depends on how much memory is in use",
                summary: "Returns what the allocator tells of itself.",
                handler: Handler::Server(ServerCommand::Memory),
                ..ROW
            },
            Command {
                name: "purge",
                arity: 2,
                tips: "request_policy:all_shards response_policy:all_succeeded",
                group: Group::Server,
                since: "4.0.0",
                complexity: "Depends on how much memory is in use",
                summary: "Has the allocator return unused memory.",
                handler: Handler::Server(ServerCommand::Memory),
                ..ROW
            },
            Command {
                name: "stats",
                arity: 2,
                tips: "nondeterministic_output request_policy:all_shards response_policy:special",
                group: Group::Server,
                since: "4.0.0",
                summary: "Returns what memory is used for.",
                handler: Handler::Server(ServerCommand::Memory),
                ..ROW
            },
            Command {
                name: "usage",
                arity: -3,
                flags: F::READONLY,
                keys: key_range(2, 2, 1),
                key_specs: &[key_spec(2, 0, 1, "RO")],
                group: Group::Server,
                since: "4.0.0",
                complexity: "O(n) in the number of samples",
                summary: "Estimates the memory of a key and its value.",
                arguments: "key [SAMPLES count]",
                handler: Handler::Server(ServerCommand::Memory),
                ..ROW
            },
        ],
        handler: Handler::Server(ServerCommand::Memory),
        ..ROW
    },
    Command {
        name: "role",
        flags: F::NOSCRIPT.with(F::LOADING).with(F::STALE).with(F::FAST),
        categories: "admin dangerous",
        group: Group::Server,
        since: "2.8.12",
        summary: "Returns what part the server has in replication.",
        handler: Handler::Server(ServerCommand::Role),
        ..ROW
    },
    Command {
        name: "slowlog",
        arity: -2,
        group: Group::Server,
        since: "2.2.12",
        complexity: "Depends on the subcommand",
        summary: "Shows the commands that took long.",
        subcommands: &[
            Command {
                name: "get",
                arity: -2,
                flags: F::ADMIN.with(F::LOADING).with(F::STALE),
                tips: "request_policy:all_nodes nondeterministic_output",
                group: Group::Server,
                since: "2.2.12",
                complexity: "O(n) in the number of entries returned",
                summary: "Returns the latest entries of the slow log.",
                arguments: "[count]",
                handler: Handler::Server(ServerCommand::SlowLog),
                ..ROW
            },
            Command {
                name: "help",
                arity: 2,
                flags: F::LOADING.with(F::STALE),
                group: Group::Server,
                since: "6.2.0",
                summary: "Explains the subcommands.",
                handler: Handler::Server(ServerCommand::SlowLog),
                ..ROW
            },
            Command {
                name: "len",
                arity: 2,
                flags: F::ADMIN.with(F::LOADING).with(F::STALE),
                tips: "request_policy:all_nodes response_policy:agg_sum nondeterministic_output",
                group: Group::Server,
                since: "2.2.12",
                summary: "Counts the entries of the slow log.",
                handler: Handler::Server(ServerCommand::SlowLog),
                ..ROW
            },
            Command {
                name: "reset",
                arity: 2,
                flags: F::ADMIN.with(F::LOADING).with(F::STALE),
                tips: "request_policy:all_nodes response_policy:all_succeeded",
                group: Group::Server,
                since: "2.2.12",
                complexity: "O(n) in the number of entries",
                summary: "Empties the slow log.",
                handler: Handler::Server(ServerCommand::SlowLog),
                ..ROW
            },
        ],
        handler: Handler::Server(ServerCommand::SlowLog),
        ..ROW
    },
];
