//! Hashes.

use lastsave_resp::{Protocol, Reply};

use super::SYNTAX_ERROR;
use super::sorted_set_ranges::reply_member as reply_item;
use crate::call::{Answered, EventClass};
use crate::number::LongDouble;
use crate::values::listpack::Item;
use crate::values::{Hash, HashLimits};
use crate::{Call, arity_error, number};

const OUT_OF_RANGE: &str = "ERR value is out of range";

pub(crate) fn hset(call: &mut Call<'_>) {
    if let Ok(created) = set_fields(call, "hset") {
        call.reply.integer(created);
    }
}

pub(crate) fn hmset(call: &mut Call<'_>) {
    if set_fields(call, "hmset").is_ok() {
        call.reply.ok();
    }
}

/// Returns the number of new fields.
fn set_fields(call: &mut Call<'_>, command: &str) -> Result<i64, Answered> {
    let args = call.args;
    let key = &args[1];
    if args.len() % 2 == 1 {
        return call.refuse(&arity_error(command));
    }
    let limits = HashLimits::from(&call.keyspace.settings);
    let mut hash = call.edit_or_new::<Hash>(key)?;
    let mut created = 0;
    for field in (2..args.len()).step_by(2) {
        created += i64::from(hash.insert(&args[field], &args[field + 1], limits));
    }
    drop(hash);
    call.changed(call.db, key, (args.len() as u64 - 2) / 2);
    call.notify(EventClass::Hash, "hset", call.db, key);
    Ok(created)
}

pub(crate) fn hsetnx(call: &mut Call<'_>) {
    _ = set_missing_field(call);
}

fn set_missing_field(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let (key, field) = (&args[1], &args[2]);
    let limits = HashLimits::from(&call.keyspace.settings);
    let mut hash = call.edit_or_new::<Hash>(key)?;
    let missing = !hash.contains(field);
    if missing {
        hash.insert(field, &args[3], limits);
    }
    drop(hash);
    if missing {
        call.modified(EventClass::Hash, "hset", call.db, key);
    }
    call.reply.integer(i64::from(missing));
    Ok(())
}

pub(crate) fn hget(call: &mut Call<'_>) {
    let args = call.args;
    match call.view::<Hash>(&args[1]) {
        Ok(Some((hash, reply))) => reply_value(reply, hash.get(&args[2])),
        Ok(None) => call.reply.null(),
        Err(Answered) => {}
    }
}

pub(crate) fn hmget(call: &mut Call<'_>) {
    let args = call.args;
    let fields = args.skip(2);
    match call.view::<Hash>(&args[1]) {
        Ok(Some((hash, reply))) => {
            reply.array(fields.len());
            for field in fields.iter() {
                reply_value(reply, hash.get(field));
            }
        }
        Ok(None) => {
            call.reply.array(fields.len());
            fields.iter().for_each(|_| call.reply.null());
        }
        Err(Answered) => {}
    }
}

fn reply_value(reply: &mut Reply, value: Option<Item<'_>>) {
    match value {
        Some(value) => reply_item(reply, value),
        None => reply.null(),
    }
}

pub(crate) fn hgetall(call: &mut Call<'_>) {
    let args = call.args;
    match call.view::<Hash>(&args[1]) {
        Ok(Some((hash, reply))) => {
            reply.map(hash.len());
            for (field, value) in hash.iter() {
                reply_item(reply, field);
                reply_item(reply, value);
            }
        }
        Ok(None) => call.reply.map(0),
        Err(Answered) => {}
    }
}

pub(crate) fn hkeys(call: &mut Call<'_>) {
    reply_half(call, |(field, _)| field);
}

pub(crate) fn hvals(call: &mut Call<'_>) {
    reply_half(call, |(_, value)| value);
}

fn reply_half(call: &mut Call<'_>, half: for<'a> fn((Item<'a>, Item<'a>)) -> Item<'a>) {
    let args = call.args;
    match call.view::<Hash>(&args[1]) {
        Ok(Some((hash, reply))) => {
            reply.array(hash.len());
            for field in hash.iter() {
                reply_item(reply, half(field));
            }
        }
        Ok(None) => call.reply.array(0),
        Err(Answered) => {}
    }
}

pub(crate) fn hlen(call: &mut Call<'_>) {
    reply_number(call, |hash, _| hash.len());
}

pub(crate) fn hstrlen(call: &mut Call<'_>) {
    reply_number(call, |hash, field| hash.get(field).map_or(0, Item::len));
}

pub(crate) fn hexists(call: &mut Call<'_>) {
    reply_number(call, |hash, field| usize::from(hash.contains(field)));
}

/// Answers with a number that follows from a hash and the word behind its key; it is 0 without a hash.
fn reply_number(call: &mut Call<'_>, number: fn(&Hash, &[u8]) -> usize) {
    let args = call.args;
    let word = args.get(2).unwrap_or_default();
    match call.view::<Hash>(&args[1]) {
        Ok(Some((hash, reply))) => reply.integer(number(hash, word) as i64),
        Ok(None) => call.reply.integer(0),
        Err(Answered) => {}
    }
}

pub(crate) fn hdel(call: &mut Call<'_>) {
    let args = call.args;
    let key = &args[1];
    let Ok(hash) = call.edit::<Hash>(key) else {
        return;
    };
    let fields = args.skip(2);
    let deleted = hash.map_or(0, |mut hash| {
        fields.iter().filter(|field| hash.remove(field)).count()
    });
    if deleted > 0 {
        call.changed(call.db, key, deleted as u64);
        call.notify(EventClass::Hash, "hdel", call.db, key);
        call.remove_if_empty::<Hash>(key);
    }
    call.reply.integer(deleted as i64);
}

pub(crate) fn hincrby(call: &mut Call<'_>) {
    _ = add_integer(call);
}

fn add_integer(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let (key, field) = (&args[1], &args[2]);
    let by = call.integer(&args[3]).ok_or(Answered)?;
    let limits = HashLimits::from(&call.keyspace.settings);
    let mut hash = call.edit_or_new::<Hash>(key)?;
    let number = match hash.get(field) {
        None => Some(0),
        Some(Item::Integer(number)) => Some(number),
        Some(Item::Bytes(text)) => number::parse_i64(text),
    };
    let sum = number.map(|number| number.checked_add(by));
    if let Some(Some(sum)) = sum {
        let mut text = itoa::Buffer::new();
        hash.insert(field, text.format(sum).as_bytes(), limits);
    }
    drop(hash);
    match sum {
        None => call.refuse("ERR hash value is not an integer"),
        Some(None) => call.refuse("ERR increment or decrement would overflow"),
        Some(Some(sum)) => {
            call.modified(EventClass::Hash, "hincrby", call.db, key);
            call.reply.integer(sum);
            Ok(())
        }
    }
}

pub(crate) fn hincrbyfloat(call: &mut Call<'_>) {
    _ = add_float(call);
}

fn add_float(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let (key, field) = (&args[1], &args[2]);
    let Some(by) = LongDouble::parse(&args[3]) else {
        return call.refuse("ERR value is not a valid float");
    };
    if !by.is_finite() {
        return call.refuse("ERR value is NaN or Infinity");
    }
    let limits = HashLimits::from(&call.keyspace.settings);
    let mut hash = call.edit_or_new::<Hash>(key)?;
    let number = match hash.get(field) {
        None => Some(LongDouble::from(0)),
        Some(Item::Integer(number)) => Some(LongDouble::from(number)),
        Some(Item::Bytes(text)) => LongDouble::parse(text),
    };
    let sum = number.map(|number| number.checked_add(by).map(|sum| sum.to_string()));
    if let Some(Some(sum)) = &sum {
        hash.insert(field, sum.as_bytes(), limits);
    }
    drop(hash);
    match sum {
        None => call.refuse("ERR hash value is not a float"),
        Some(None) => call.refuse("ERR increment would produce NaN or Infinity"),
        Some(Some(sum)) => {
            call.modified(EventClass::Hash, "hincrbyfloat", call.db, key);
            call.reply.bulk(sum.as_bytes());
            call.propagate_instead(call.db, [b"HSET", key, field, sum.as_bytes()]);
            Ok(())
        }
    }
}

pub(crate) fn hrandfield(call: &mut Call<'_>) {
    _ = random_fields(call);
}

fn random_fields(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let key = &args[1];
    if args.len() == 2 {
        let hash = call.view::<Hash>(key)?.map(|(hash, _)| hash.clone());
        let field = hash.as_ref().and_then(|hash| call.any(hash));
        reply_value(call.reply, field.map(|(field, _)| field));
        return Ok(());
    }
    let count = call.integer_within(&args[2], -i64::MAX, i64::MAX)?;
    let with_values = args.len() == 4 && args[3].eq_ignore_ascii_case(b"WITHVALUES");
    if args.len() > 3 && !with_values {
        return call.refuse(SYNTAX_ERROR);
    }
    if with_values && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return call.refuse(OUT_OF_RANGE);
    }
    let Some(hash) = call.view::<Hash>(key)?.map(|(hash, _)| hash.clone()) else {
        call.reply.array(0);
        return Ok(());
    };
    let wanted = call.wanted(count)?;
    let pairs = with_values && call.reply.protocol() == Protocol::Resp3;
    let header = |reply: &mut Reply, len| {
        reply.array(if with_values && !pairs { 2 * len } else { len });
    };
    let answer = |reply: &mut Reply, (field, value): (Item<'_>, Item<'_>)| {
        if pairs {
            reply.array(2);
        }
        reply_item(reply, field);
        if with_values {
            reply_item(reply, value);
        }
    };
    if count < 0 {
        // Each is drawn on its own, so that fields may come more than once.
        header(call.reply, wanted);
        for _ in 0..wanted {
            if call.reply.is_full() {
                break;
            }
            let field = call.any(&hash).expect("a hash has fields");
            answer(call.reply, field);
        }
    } else {
        let sample = call.sample(&hash, wanted);
        header(call.reply, sample.len());
        for field in sample {
            answer(call.reply, field);
        }
    }
    Ok(())
}

pub(crate) fn hscan(call: &mut Call<'_>) {
    call.scan_collection(|hash: &Hash, cursor, visit| {
        hash.scan(cursor, &mut |field, value| {
            let (mut field_text, mut value_text) = (itoa::Buffer::new(), itoa::Buffer::new());
            visit(
                field.text(&mut field_text),
                Some(value.text(&mut value_text)),
            );
        })
    });
}
