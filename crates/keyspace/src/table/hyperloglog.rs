//! HyperLogLog.

use super::{Command, CommandFlags as F, Group, Handler, ROW, key_range, key_spec};
use crate::commands::hyperloglog;

pub(super) const ROWS: &[Command] = &[
    Command {
        name: "pfadd",
        arity: -2,
        flags: F::WRITE.with(F::DENYOOM).with(F::FAST),
        categories: "hyperloglog",
        keys: key_range(1, 1, 1),
        key_specs: &[key_spec(1, 0, 1, "RW insert")],
        group: Group::HyperLogLog,
        since: "2.8.9",
        complexity: "O(1) an element",
        summary: "Adds elements to a HyperLogLog, which is made if missing.",
        arguments: "key [element [element ...]]",
        handler: Handler::Data(hyperloglog::pfadd),
        ..ROW
    },
    Command {
        name: "pfcount",
        arity: -2,
        flags: F::READONLY.with(F::MAY_REPLICATE),
        categories: "hyperloglog",
        keys: key_range(1, -1, 1),
        key_specs: &[key_spec(1, -1, 1, "RW access")],
        group: Group::HyperLogLog,
        since: "2.8.9",
        complexity: "O(1) for one key, O(n) in the number of several, a large constant each",
        summary: "Estimates how many distinct elements were added to one or several HyperLogLogs.",
        arguments: "key [key ...]",
        handler: Handler::Data(hyperloglog::pfcount),
        ..ROW
    },
    Command {
        name: "pfdebug",
        arity: 3,
        flags: F::WRITE.with(F::DENYOOM).with(F::ADMIN),
        categories: "hyperloglog",
        keys: key_range(2, 2, 1),
        key_specs: &[key_spec(2, 0, 1, "RW access")],
        group: Group::HyperLogLog,
        since: "2.8.9",
        internal: true,
        complexity: "O(n) in the number of registers",
        summary: "Shows what a HyperLogLog is made of.",
        arguments: "subcommand key",
        handler: Handler::Data(hyperloglog::pfdebug),
        ..ROW
    },
    Command {
        name: "pfmerge",
        arity: -2,
        flags: F::WRITE.with(F::DENYOOM),
        categories: "hyperloglog",
        keys: key_range(1, -1, 1),
        key_specs: &[
            key_spec(1, 0, 1, "RW access insert"),
            key_spec(2, -1, 1, "RO access"),
        ],
        group: Group::HyperLogLog,
        since: "2.8.9",
        complexity: "O(n) in the number of keys, a large constant each",
        summary: "Adds what HyperLogLogs hold to another one.",
        arguments: "destkey sourcekey [sourcekey ...]",
        handler: Handler::Data(hyperloglog::pfmerge),
        ..ROW
    },
    Command {
        name: "pfselftest",
        arity: 1,
        flags: F::ADMIN,
        categories: "hyperloglog",
        group: Group::HyperLogLog,
        since: "2.8.9",
        internal: true,
        complexity: "O(1), about a second",
        summary: "Tests the HyperLogLogs of this server.",
        handler: Handler::Data(hyperloglog::pfselftest),
        ..ROW
    },
];
