//! OBJECT: how a value is kept.

use lastsave_dict::ValueRef;

use crate::object::encoding_name;
use crate::{Call, EventClass, tag};

/// Redis keeps one shared object for each of these integers.
const SHARED_INTEGERS: std::ops::Range<i64> = 0..10_000;

const IDLE_TIME_NOT_TRACKED: &str = "ERR An LFU maxmemory policy is selected, idle time not tracked. \
    Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.";

const FREQUENCY_NOT_TRACKED: &str = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. \
    Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.";

const HELP: &[&str] = &[
    "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ENCODING <key>",
    "    The form in which the value of <key> is kept.",
    "FREQ <key>",
    "    How often <key> was used lately, on a logarithmic scale.",
    "IDLETIME <key>",
    "    The seconds since <key> was used last.",
    "REFCOUNT <key>",
    "    How many references to the value of <key> there are.",
    "HELP",
    "    Prints this help.",
];

pub(crate) fn object(call: &mut Call<'_>) {
    let args = call.args;
    let subcommand = &args[1];
    let is = |name: &str| subcommand.eq_ignore_ascii_case(name.as_bytes());
    if args.len() == 2 && is("HELP") {
        call.reply.array(HELP.len());
        for line in HELP {
            call.reply.simple(line);
        }
        return;
    }
    let Some(key) = args.get(2).filter(|_| args.len() == 3) else {
        return unknown_subcommand(call);
    };
    // Nobody is told when OBJECT finds nothing.
    let notifying = call.effects.notifying;
    call.effects.notifying &= !EventClass::KeyMiss.bit();
    look_at(call, subcommand, key);
    call.effects.notifying = notifying;
}

fn look_at(call: &mut Call<'_>, subcommand: &[u8], key: &[u8]) {
    let is = |name: &str| subcommand.eq_ignore_ascii_case(name.as_bytes());
    let now_us = call.now_us;
    let lfu = call.keyspace.settings.lfu;
    let shares = call.keyspace.settings.shares_integers;
    if is("REFCOUNT") {
        call.peek(key, |reply, entry| match entry.map(|entry| entry.value()) {
            None => reply.null(),
            Some(ValueRef::Integer(number)) if shares && SHARED_INTEGERS.contains(&number) => {
                reply.integer(i64::from(i32::MAX));
            }
            Some(_) => reply.integer(1),
        });
    } else if is("ENCODING") {
        call.peek(key, |reply, entry| match entry {
            None => reply.null(),
            Some(entry) => reply.bulk(encoding_name(&entry).as_bytes()),
        });
    } else if is("IDLETIME") {
        call.peek(key, |reply, entry| match entry {
            None => reply.null(),
            Some(_) if lfu.is_some() => reply.error(IDLE_TIME_NOT_TRACKED),
            Some(entry) => reply.integer(i64::from(tag::idle_s(entry.tag(), now_us))),
        });
    } else if is("FREQ") {
        call.peek(key, |reply, entry| match entry {
            None => reply.null(),
            Some(entry) => match lfu {
                Some(lfu) => reply.integer(tag::frequency(entry.tag(), now_us, lfu).into()),
                None => reply.error(FREQUENCY_NOT_TRACKED),
            },
        });
    } else {
        unknown_subcommand(call);
    }
}

fn unknown_subcommand(call: &mut Call<'_>) {
    let name = call.args[1].to_vec();
    let text = [
        b"ERR unknown subcommand or wrong number of arguments for '".as_slice(),
        &name[..name.len().min(128)],
        b"'. Try OBJECT HELP.",
    ];
    call.reply.error_bytes(&text.concat());
}
