//! Finding keys by name: KEYS and SCAN.

use super::SYNTAX_ERROR;
use crate::call::is_due;
use crate::{Call, Origin, glob, number};

pub(crate) fn keys(call: &mut Call<'_>) {
    let args = call.args;
    let pattern = &args[1];
    let now_ms = call.now_ms();
    let all = pattern == b"*";
    let array = call.reply.deferred_array();
    let mut count = 0;
    for entry in call.keyspace.databases[call.db].keys.iter() {
        let expired = call.origin == Origin::Client && is_due(&entry, now_ms);
        if !expired && (all || glob::matches(pattern, entry.key(), false)) {
            call.reply.bulk(entry.key());
            count += 1;
        }
    }
    call.reply.set_array_len(array, count);
}

/// The options of SCAN.
struct Options<'a> {
    count: u64,
    pattern: Option<&'a [u8]>,
    type_name: Option<&'a [u8]>,
}

/// Reads the options from the word at `first` on, or answers with an error.
fn options<'a>(call: &mut Call<'a>, first: usize) -> Option<Options<'a>> {
    let mut options = Options {
        count: 10,
        pattern: None,
        type_name: None,
    };
    let mut words = call.args.skip(first).iter();
    while let Some(word) = words.next() {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        match words.next() {
            Some(value) if is("COUNT") => match u64::try_from(call.integer(value)?) {
                Ok(count) if count > 0 => options.count = count,
                _ => {
                    call.reply.error(SYNTAX_ERROR);
                    return None;
                }
            },
            Some(value) if is("MATCH") => options.pattern = (value != b"*").then_some(value),
            Some(value) if is("TYPE") => options.type_name = Some(value),
            _ => {
                call.reply.error(SYNTAX_ERROR);
                return None;
            }
        }
    }
    Some(options)
}

pub(crate) fn scan(call: &mut Call<'_>) {
    let args = call.args;
    let Some(mut cursor) = number::parse_cursor(&args[1]) else {
        return call.reply.error("ERR invalid cursor");
    };
    let Some(options) = options(call, 2) else {
        return;
    };
    let table = &call.keyspace.databases[call.db].keys;
    let mut keys: Vec<Vec<u8>> = Vec::new();
    // A table with few keys left must not be searched for long; Redis stops as early.
    let mut steps_left = options.count.saturating_mul(10).saturating_add(1);
    loop {
        cursor = table.scan(cursor, &mut |entry| keys.push(entry.key().to_vec()));
        steps_left -= 1;
        if cursor == 0 || steps_left == 0 || keys.len() as u64 >= options.count {
            break;
        }
    }
    keys.retain(|key| {
        options
            .pattern
            .is_none_or(|pattern| glob::matches(pattern, key, false))
            && options
                .type_name
                .is_none_or(|name| has_type(call, key, name))
            && !call.remove_if_due(call.db, key)
    });
    call.reply.array(2);
    call.reply
        .bulk(itoa::Buffer::new().format(cursor).as_bytes());
    call.reply.array(keys.len());
    for key in &keys {
        call.reply.bulk(key);
    }
}

fn has_type(call: &mut Call<'_>, key: &[u8], name: &[u8]) -> bool {
    call.peek(key, |_, entry| {
        entry.is_some_and(|entry| {
            name.eq_ignore_ascii_case(super::keys::type_name(&entry).as_bytes())
        })
    })
}
