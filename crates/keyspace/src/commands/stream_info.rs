//! Streams: XINFO.

use lastsave_resp::Reply;

use super::NOT_AN_INTEGER;
use super::streams::{at_most, reply_entries, reply_entry};
use crate::Call;
use crate::call::Answered;
use crate::values::Stream;
use crate::values::stream::{Consumer, Entries, Group, StreamId};

/// How many entries, and pending ones of each group and consumer, XINFO STREAM FULL shows by default.
const DEFAULT_COUNT: usize = 10;

const NO_KEY: &str = "ERR no such key";

const HELP: &[&str] = &[
    "XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CONSUMERS <key> <groupname>",
    "    Tells about the consumers of a group.",
    "GROUPS <key>",
    "    Tells about the groups of a stream.",
    "STREAM <key> [FULL [COUNT <count>]",
    "    Tells about a stream.",
    "HELP",
    "    Prints this help.",
];

pub(crate) fn help(call: &mut Call<'_>) {
    call.reply.array(HELP.len());
    for line in HELP {
        call.reply.simple(line);
    }
}

pub(crate) fn consumers(call: &mut Call<'_>) {
    let _ = list_consumers(call);
}

fn list_consumers(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let (key, name) = (&args[2], &args[3]);
    let now_ms = call.now_ms() as i64;
    let Some((stream, reply)) = call.view::<Stream>(key)? else {
        return call.fail(NO_KEY);
    };
    let Some(group) = stream.groups().get(name) else {
        return call.no_group(key, name);
    };
    reply.array(group.consumers_len());
    for (name, consumer) in group.consumers() {
        reply.map(3);
        reply.bulk(b"name");
        reply.bulk(name);
        integer(reply, "pending", consumer.pending_len() as i64);
        let idle_ms = now_ms.wrapping_sub(consumer.seen_at_ms);
        integer(reply, "idle", idle_ms.max(0));
    }
    Ok(())
}

pub(crate) fn groups(call: &mut Call<'_>) {
    let _ = list_groups(call);
}

fn list_groups(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let Some((stream, reply)) = call.view::<Stream>(&args[2])? else {
        return call.fail(NO_KEY);
    };
    reply.array(stream.groups().len());
    for (name, group) in stream.groups().iter() {
        reply.map(6);
        reply.bulk(b"name");
        reply.bulk(name);
        integer(reply, "consumers", group.consumers_len() as i64);
        integer(reply, "pending", group.pending_len() as i64);
        position(reply, stream.entries(), group);
    }
    Ok(())
}

pub(crate) fn stream(call: &mut Call<'_>) {
    let _ = describe(call);
}

fn describe(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let is_full = |word: &[u8]| word.eq_ignore_ascii_case(b"FULL");
    let Some((stream, reply)) = call.view::<Stream>(&args[2])? else {
        return call.fail(NO_KEY);
    };
    let words: Vec<&[u8]> = args.skip(3).iter().collect();
    let max = match words[..] {
        [] => None,
        [full] if is_full(full) => Some(DEFAULT_COUNT),
        [full, count, number] if is_full(full) && count.eq_ignore_ascii_case(b"COUNT") => {
            let Some(number) = lastsave_resp::parse_i64(number) else {
                return call.fail(NOT_AN_INTEGER);
            };
            Some(match number {
                ..0 => DEFAULT_COUNT,
                0 => usize::MAX,
                _ => at_most(number),
            })
        }
        _ => return call.unknown_stream_subcommand("XINFO"),
    };
    let entries = stream.entries();
    reply.map(if max.is_some() { 9 } else { 10 });
    let counters = entries.counters();
    integer(reply, "length", counters.length as i64);
    integer(reply, "radix-tree-keys", entries.nodes_len() as i64);
    integer(reply, "radix-tree-nodes", entries.radix_tree_nodes() as i64);
    id(reply, "last-generated-id", counters.last_id);
    id(reply, "max-deleted-entry-id", counters.max_deleted_id);
    integer(reply, "entries-added", counters.entries_added as i64);
    id(reply, "recorded-first-entry-id", counters.first_id);
    match max {
        None => summary(reply, stream),
        Some(max) => everything(reply, stream, max),
    }
    Ok(())
}

fn summary(reply: &mut Reply, stream: &Stream) {
    integer(reply, "groups", stream.groups().len() as i64);
    let mut entries = stream.entries().range(StreamId::MIN, StreamId::MAX);
    let first = entries.next();
    let last = entries.next_back().or_else(|| first.clone());
    for (name, entry) in [("first-entry", first), ("last-entry", last)] {
        reply.bulk(name.as_bytes());
        match entry {
            Some(entry) => reply_entry(reply, entry),
            None => reply.null(),
        }
    }
}

fn everything(reply: &mut Reply, stream: &Stream, max: usize) {
    reply.bulk(b"entries");
    let entries = stream.entries().range(StreamId::MIN, StreamId::MAX);
    reply_entries(reply, entries.take(max));
    reply.bulk(b"groups");
    reply.array(stream.groups().len());
    for (name, group) in stream.groups().iter() {
        reply.map(7);
        reply.bulk(b"name");
        reply.bulk(name);
        position(reply, stream.entries(), group);
        integer(reply, "pel-count", group.pending_len() as i64);
        reply.bulk(b"pending");
        reply.array(group.pending_len().min(max));
        for (id, pending) in group.pending_from(StreamId::MIN).take(max) {
            reply.array(4);
            reply.bulk(id.text().as_ref());
            reply.bulk(pending.consumer());
            reply.integer(pending.delivered_at_ms);
            reply.integer(pending.deliveries as i64);
        }
        reply.bulk(b"consumers");
        reply.array(group.consumers_len());
        for (name, consumer) in group.consumers() {
            describe_consumer(reply, group, name, consumer, max);
        }
    }
}

fn describe_consumer(
    reply: &mut Reply,
    group: &Group,
    name: &[u8],
    consumer: &Consumer,
    max: usize,
) {
    reply.map(4);
    reply.bulk(b"name");
    reply.bulk(name);
    integer(reply, "seen-time", consumer.seen_at_ms);
    integer(reply, "pel-count", consumer.pending_len() as i64);
    reply.bulk(b"pending");
    reply.array(consumer.pending_len().min(max));
    for id in consumer.pending_from(StreamId::MIN).take(max) {
        let pending = group.pending(id);
        reply.array(3);
        reply.bulk(id.text().as_ref());
        reply.integer(pending.map_or(0, |pending| pending.delivered_at_ms));
        reply.integer(pending.map_or(0, |pending| pending.deliveries as i64));
    }
}

/// Three pairs: how far a group has read, and how much is left.
fn position(reply: &mut Reply, entries: &Entries, group: &Group) {
    id(reply, "last-delivered-id", group.last_id);
    reply.bulk(b"entries-read");
    match group.entries_read {
        Group::UNKNOWN_READ => reply.null(),
        read => reply.integer(read),
    }
    reply.bulk(b"lag");
    match entries.lag(group) {
        Some(lag) => reply.integer(lag),
        None => reply.null(),
    }
}

fn integer(reply: &mut Reply, name: &str, value: i64) {
    reply.bulk(name.as_bytes());
    reply.integer(value);
}

fn id(reply: &mut Reply, name: &str, value: StreamId) {
    reply.bulk(name.as_bytes());
    reply.bulk(value.text().as_ref());
}
