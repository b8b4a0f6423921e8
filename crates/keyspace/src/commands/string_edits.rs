//! Strings changed in place: counters, APPEND and SETRANGE.

use lastsave_dict::Value;

use super::strings::integer_in;
use crate::call::{EventClass, WRONG_TYPE};
use crate::number::LongDouble;
use crate::object::{Text, bytes_value, text_value};
use crate::{Call, tag};

const OVERFLOW: &str = "ERR increment or decrement would overflow";
const NOT_A_FLOAT: &str = "ERR value is not a valid float";
const TOO_LONG: &str = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";

pub(crate) fn incr(call: &mut Call<'_>) {
    increment(call, 1);
}

pub(crate) fn decr(call: &mut Call<'_>) {
    increment(call, -1);
}

pub(crate) fn incrby(call: &mut Call<'_>) {
    let args = call.args;
    if let Some(by) = call.integer(&args[2]) {
        increment(call, by);
    }
}

pub(crate) fn decrby(call: &mut Call<'_>) {
    let args = call.args;
    let Some(by) = call.integer(&args[2]) else {
        return;
    };
    match by.checked_neg() {
        Some(by) => increment(call, by),
        None => call.reply.error("ERR decrement would overflow"),
    }
}

fn increment(call: &mut Call<'_>, by: i64) {
    let args = call.args;
    let key = &args[1];
    let now_us = call.now_us;
    let sum = match call.entry_mut(call.db, key) {
        None => {
            let tag = tag::fresh(now_us);
            call.insert(call.db, key, Value::Integer(by), None, tag);
            by
        }
        Some(mut entry) => {
            let Some(mut text) = Text::of(entry.value()) else {
                return call.reply.error(WRONG_TYPE);
            };
            let Some(number) = integer_in(&mut text) else {
                return call.reply.error(super::NOT_AN_INTEGER);
            };
            let Some(sum) = number.checked_add(by) else {
                return call.reply.error(OVERFLOW);
            };
            entry.set_value(Value::Integer(sum));
            entry.set_tag(tag::raw(entry.tag(), false));
            sum
        }
    };
    call.modified(EventClass::String, "incrby", call.db, key);
    call.reply.integer(sum);
}

pub(crate) fn incrbyfloat(call: &mut Call<'_>) {
    let args = call.args;
    let key = &args[1];
    let now_us = call.now_us;
    let number = match call.entry_mut(call.db, key) {
        None => Some(LongDouble::from(0)),
        Some(entry) => match Text::of(entry.value()) {
            Some(Text::Printed(_, number)) => Some(LongDouble::from(number)),
            Some(Text::Borrowed(bytes)) => LongDouble::parse(bytes),
            None => return call.reply.error(WRONG_TYPE),
        },
    };
    let (Some(number), Some(by)) = (number, LongDouble::parse(&args[2])) else {
        return call.reply.error(NOT_A_FLOAT);
    };
    let Some(sum) = number.checked_add(by) else {
        return call
            .reply
            .error("ERR increment would produce NaN or Infinity");
    };
    let sum = sum.to_string();
    let value = bytes_value(sum.as_bytes());
    let tag = tag::fresh(now_us);
    match call.keyspace.databases[call.db].keys.get_mut(key) {
        Some(mut entry) => {
            entry.set_value(value);
            entry.set_tag(tag::raw(entry.tag(), false));
        }
        None => call.insert(call.db, key, value, None, tag),
    }
    call.modified(EventClass::String, "incrbyfloat", call.db, key);
    call.reply.bulk(sum.as_bytes());
    call.propagate_instead(call.db, [b"SET", key, sum.as_bytes(), b"KEEPTTL"]);
}

/// Whether a string may grow to `len + more` bytes; answers with an error if not.
fn may_grow(call: &mut Call<'_>, len: u64, more: usize) -> bool {
    let max = call.max_text_len();
    let fits = len
        .checked_add(more as u64)
        .is_some_and(|total| total <= max);
    if !fits {
        call.reply.error(TOO_LONG);
    }
    fits
}

pub(crate) fn append(call: &mut Call<'_>) {
    let args = call.args;
    let (key, suffix) = (&args[1], &args[2]);
    let Ok(len) = call.text_to_edit(key, <[u8]>::len) else {
        return;
    };
    let len = match len {
        None => {
            let tag = tag::fresh(call.now_us);
            call.insert(call.db, key, text_value(suffix), None, tag);
            suffix.len()
        }
        Some(len) => {
            if !may_grow(call, len as u64, suffix.len()) {
                return;
            }
            call.edit_text(key, |text| {
                text.extend_from_slice(suffix);
                text.len()
            })
        }
    };
    call.modified(EventClass::String, "append", call.db, key);
    call.reply.integer(len as i64);
}

pub(crate) fn setrange(call: &mut Call<'_>) {
    let args = call.args;
    let (key, patch) = (&args[1], &args[3]);
    let Some(offset) = call.integer(&args[2]) else {
        return;
    };
    let Ok(offset) = u64::try_from(offset) else {
        return call.reply.error("ERR offset is out of range");
    };
    let Ok(len) = call.text_to_edit(key, <[u8]>::len) else {
        return;
    };
    if patch.is_empty() {
        return call.reply.integer(len.unwrap_or(0) as i64);
    }
    if !may_grow(call, offset, patch.len()) {
        return;
    }
    let offset = offset as usize;
    let written = call.edit_or_new_text(key, |text| {
        let end = offset + patch.len();
        if text.len() < end {
            text.resize(end, 0);
        }
        text[offset..end].copy_from_slice(patch);
        text.len()
    });
    let Ok((len, _)) = written else { return };
    call.modified(EventClass::String, "setrange", call.db, key);
    call.reply.integer(len as i64);
}
