//! Transactions.

use super::{Command, CommandFlags as F, Group, Handler, ROW, ServerCommand, key_range, key_spec};

pub(super) const ROWS: &[Command] = &[
    Command {
        name: "discard",
        arity: 1,
        flags: F::NOSCRIPT
            .with(F::LOADING)
            .with(F::STALE)
            .with(F::FAST)
            .with(F::ALLOW_BUSY),
        categories: "transaction",
        group: Group::Transactions,
        since: "2.0.0",
        complexity: "O(n) in the number of queued commands",
        summary: "Forgets a transaction.",
        handler: Handler::Server(ServerCommand::Discard),
        ..ROW
    },
    Command {
        name: "exec",
        arity: 1,
        flags: F::NOSCRIPT
            .with(F::LOADING)
            .with(F::STALE)
            .with(F::SKIP_SLOWLOG),
        categories: "transaction",
        group: Group::Transactions,
        since: "1.2.0",
        complexity: "Depends on the queued commands",
        summary: "Runs a transaction.",
        handler: Handler::Server(ServerCommand::Exec),
        ..ROW
    },
    Command {
        name: "multi",
        arity: 1,
        flags: F::NOSCRIPT
            .with(F::LOADING)
            .with(F::STALE)
            .with(F::FAST)
            .with(F::ALLOW_BUSY),
        categories: "transaction",
        group: Group::Transactions,
        since: "1.2.0",
        summary: "Begins a transaction: the commands to come are queued.",
        handler: Handler::Server(ServerCommand::Multi),
        ..ROW
    },
    Command {
        name: "unwatch",
        arity: 1,
        flags: F::NOSCRIPT
            .with(F::LOADING)
            .with(F::STALE)
            .with(F::FAST)
            .with(F::ALLOW_BUSY),
        categories: "transaction",
        group: Group::Transactions,
        since: "2.2.0",
        summary: "Forgets the watched keys.",
        handler: Handler::Server(ServerCommand::Unwatch),
        ..ROW
    },
    Command {
        name: "watch",
        arity: -2,
        flags: F::NOSCRIPT
            .with(F::LOADING)
            .with(F::STALE)
            .with(F::FAST)
            .with(F::ALLOW_BUSY),
        categories: "transaction",
        keys: key_range(1, -1, 1),
        key_specs: &[key_spec(1, -1, 1, "RO")],
        group: Group::Transactions,
        since: "2.2.0",
        complexity: "O(1) a key",
        summary: "Lets the next transaction fail if one of the keys changes before.",
        arguments: "key [key ...]",
        handler: Handler::Server(ServerCommand::Watch),
        ..ROW
    },
];
