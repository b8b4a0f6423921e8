//! Bitmaps.

use super::{Command, CommandFlags as F, Group, Handler, ROW, key_range, key_spec};
use crate::commands::{bitfield, bitmaps};

pub(super) const ROWS: &[Command] = &[
    Command {
        name: "bitcount",
        arity: -2,
        flags: F::READONLY,
        categories: "bitmap",
        keys: key_range(1, 1, 1),
        key_specs: &[key_spec(1, 0, 1, "RO access")],
        group: Group::Bitmap,
        since: "2.6.0",
        complexity: "O(n) in the length of the range",
        summary: "Counts the bits that are set in the string at a key, or in a part of it.",
        arguments: "key [start end [BYTE | BIT]]",
        handler: Handler::Data(bitmaps::bitcount),
        ..ROW
    },
    Command {
        name: "bitfield",
        arity: -2,
        flags: F::WRITE.with(F::DENYOOM),
        categories: "bitmap",
        keys: key_range(1, 1, 1),
        key_specs: &[key_spec(1, 0, 1, "RW access update variable_flags")],
        group: Group::Bitmap,
        since: "3.2.0",
        complexity: "O(1) a subcommand",
        summary: "Reads and changes integers of any width in the string at a key.",
        arguments: "key [<GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value | INCRBY encoding offset increment>> ...]",
        handler: Handler::Data(bitfield::bitfield),
        ..ROW
    },
    Command {
        name: "bitfield_ro",
        arity: -2,
        flags: F::READONLY.with(F::FAST),
        categories: "bitmap",
        keys: key_range(1, 1, 1),
        key_specs: &[key_spec(1, 0, 1, "RO access")],
        group: Group::Bitmap,
        since: "6.0.0",
        complexity: "O(1) a subcommand",
        summary: "Reads integers of any width in the string at a key.",
        arguments: "key [GET encoding offset [GET encoding offset ...]]",
        handler: Handler::Data(bitfield::bitfield_ro),
        ..ROW
    },
    Command {
        name: "bitop",
        arity: -4,
        flags: F::WRITE.with(F::DENYOOM),
        categories: "bitmap",
        keys: key_range(2, -1, 1),
        key_specs: &[
            key_spec(2, 0, 1, "OW update"),
            key_spec(3, -1, 1, "RO access"),
        ],
        group: Group::Bitmap,
        since: "2.6.0",
        complexity: "O(n) in the length of the longest string",
        summary: "Combines strings bit by bit and stores the result.",
        arguments: "operation destkey key [key ...]",
        handler: Handler::Data(bitmaps::bitop),
        ..ROW
    },
    Command {
        name: "bitpos",
        arity: -3,
        flags: F::READONLY,
        categories: "bitmap",
        keys: key_range(1, 1, 1),
        key_specs: &[key_spec(1, 0, 1, "RO access")],
        group: Group::Bitmap,
        since: "2.8.7",
        complexity: "O(n) in the length of the range",
        summary: "Returns the place of the first bit that is set, or clear, in the string at a key.",
        arguments: "key bit [start [end [BYTE | BIT]]]",
        handler: Handler::Data(bitmaps::bitpos),
        ..ROW
    },
    Command {
        name: "getbit",
        arity: 3,
        flags: F::READONLY.with(F::FAST),
        categories: "bitmap",
        keys: key_range(1, 1, 1),
        key_specs: &[key_spec(1, 0, 1, "RO access")],
        group: Group::Bitmap,
        since: "2.2.0",
        summary: "Returns a bit of the string at a key.",
        arguments: "key offset",
        handler: Handler::Data(bitmaps::getbit),
        ..ROW
    },
    Command {
        name: "setbit",
        arity: 4,
        flags: F::WRITE.with(F::DENYOOM),
        categories: "bitmap",
        keys: key_range(1, 1, 1),
        key_specs: &[key_spec(1, 0, 1, "RW access update")],
        group: Group::Bitmap,
        since: "2.2.0",
        summary: "Sets or clears a bit of the string at a key, and returns what it was.",
        arguments: "key offset value",
        handler: Handler::Data(bitmaps::setbit),
        ..ROW
    },
];
