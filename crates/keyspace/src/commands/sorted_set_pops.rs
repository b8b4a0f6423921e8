//! Sorted sets: taking members off either end, ZPOPMIN and its kin, waiting for them or not.

use lastsave_resp::{Args, Protocol};

use super::SYNTAX_ERROR;
use super::blocking::Deadline;
use crate::call::{Answered, BlockedOn, Blocking, TimedOut};
use crate::values::SortedSet;
use crate::{Call, EventClass};

/// The end that members are taken from.
#[derive(Clone, Copy)]
enum End {
    Min,
    Max,
}

impl End {
    fn event(self) -> &'static str {
        match self {
            Self::Min => "zpopmin",
            Self::Max => "zpopmax",
        }
    }

    /// The command that takes members from this end.
    fn command(self) -> &'static [u8] {
        match self {
            Self::Min => b"ZPOPMIN",
            Self::Max => b"ZPOPMAX",
        }
    }
}

/// How members are answered with.
#[derive(Clone, Copy)]
enum Shape {
    /// Members and scores in turn.
    Flat,
    /// An array of pairs.
    Pairs,
    /// The key, then members and scores in turn.
    KeyAndFlat,
    /// The key and an array of pairs.
    KeyAndPairs,
}

pub(crate) fn zpopmin(call: &mut Call<'_>) {
    _ = pop(call, End::Min);
}

pub(crate) fn zpopmax(call: &mut Call<'_>) {
    _ = pop(call, End::Max);
}

fn pop(call: &mut Call<'_>, end: End) -> Result<(), Answered> {
    let args = call.args;
    let (count, shape) = match args.len() {
        2 => (1, Shape::Flat),
        3 => {
            let count = lastsave_resp::parse_i64(&args[2]);
            let Some(count) = count.filter(|count| *count >= 0).map(saturated) else {
                return call.refuse("ERR value is out of range, must be positive");
            };
            let pairs = call.reply.protocol() == Protocol::Resp3;
            (count, if pairs { Shape::Pairs } else { Shape::Flat })
        }
        _ => return call.refuse(SYNTAX_ERROR),
    };
    let found = call.edit::<SortedSet>(&args[1])?.is_some();
    if !found || count == 0 {
        call.reply.array(0);
        return Ok(());
    }
    take(call, &args[1], end, count, shape).map(|_| ())
}

/// A number that is not negative, or as much of it as a 32-bit machine can count.
fn saturated(number: i64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Takes up to `count` members from a sorted set that has some and answers with them. Returns their number.
fn take(
    call: &mut Call<'_>,
    key: &[u8],
    end: End,
    count: usize,
    shape: Shape,
) -> Result<usize, Answered> {
    let mut taken = Vec::new();
    if let Some(mut set) = call.edit::<SortedSet>(key)? {
        let count = count.min(set.len());
        let ranks = match end {
            End::Min => 0..count,
            End::Max => set.len() - count..set.len(),
        };
        let entries = set.range(ranks.clone());
        taken.extend(entries.map(|(member, score)| (member.to_vec(), score)));
        set.remove_range(ranks);
        if matches!(end, End::Max) {
            taken.reverse();
        }
    }
    let len = taken.len();
    match shape {
        Shape::Flat => call.reply.array(2 * len),
        Shape::Pairs => call.reply.array(len),
        Shape::KeyAndFlat => {
            call.reply.array(1 + 2 * len);
            call.reply.bulk(key);
        }
        Shape::KeyAndPairs => {
            call.reply.array(2);
            call.reply.bulk(key);
            call.reply.array(len);
        }
    }
    for (member, score) in &taken {
        if matches!(shape, Shape::Pairs | Shape::KeyAndPairs) {
            call.reply.array(2);
        }
        call.reply.bulk(member);
        call.reply_double(*score);
    }
    call.changed(call.db, key, len as u64);
    call.notify(EventClass::SortedSet, end.event(), call.db, key);
    call.remove_if_empty::<SortedSet>(key);
    Ok(len)
}

pub(crate) fn zmpop(call: &mut Call<'_>) {
    _ = pop_of_several(call);
}

fn pop_of_several(call: &mut Call<'_>) -> Result<(), Answered> {
    let (keys, end, count) = several_keys(call, 1)?;
    for key in keys.iter() {
        if call.edit::<SortedSet>(key)?.is_some() {
            return take_counted(call, key, end, count);
        }
    }
    call.reply.null_array();
    Ok(())
}

/// Takes members as ZMPOP does. It is written as ZPOPMIN or ZPOPMAX of as many as there were.
fn take_counted(call: &mut Call<'_>, key: &[u8], end: End, count: usize) -> Result<(), Answered> {
    let taken = take(call, key, end, count, Shape::KeyAndPairs)?;
    let mut buffer = itoa::Buffer::new();
    let words = [end.command(), key, buffer.format(taken).as_bytes()];
    call.propagate_instead(call.db, words);
    Ok(())
}

/// Reads `numkeys key [key ...] <MIN | MAX> [COUNT count]` from the word at `first` on, or answers with an error.
fn several_keys<'a>(call: &mut Call<'a>, first: usize) -> Result<(Args<'a>, End, usize), Answered> {
    let args = call.args;
    let numkeys = match lastsave_resp::parse_i64(&args[first]) {
        Some(numkeys) if numkeys > 0 => saturated(numkeys),
        _ => return call.refuse("ERR numkeys should be greater than 0"),
    };
    let Some(end) = numkeys
        .checked_add(first + 1)
        .and_then(|index| args.get(index))
    else {
        return call.refuse(SYNTAX_ERROR);
    };
    let end = match () {
        () if end.eq_ignore_ascii_case(b"MIN") => End::Min,
        () if end.eq_ignore_ascii_case(b"MAX") => End::Max,
        () => return call.refuse(SYNTAX_ERROR),
    };
    let mut options = args.skip(first + numkeys + 2).iter();
    let mut count = None;
    while let Some(option) = options.next() {
        match options.next() {
            Some(text) if count.is_none() && option.eq_ignore_ascii_case(b"COUNT") => {
                match lastsave_resp::parse_i64(text) {
                    Some(number) if number > 0 => count = Some(saturated(number)),
                    _ => return call.refuse("ERR count should be greater than 0"),
                }
            }
            _ => return call.refuse(SYNTAX_ERROR),
        }
    }
    let keys = args.skip(first + 1).first(numkeys);
    Ok((keys, end, count.unwrap_or(1)))
}

pub(crate) fn bzpopmin(call: &mut Call<'_>) {
    _ = pop_or_wait(call, End::Min);
}

pub(crate) fn bzpopmax(call: &mut Call<'_>) {
    _ = pop_or_wait(call, End::Max);
}

fn pop_or_wait(call: &mut Call<'_>, end: End) -> Result<(), Answered> {
    let args = call.args;
    let keys = args.skip(1).first(args.len() - 2);
    let deadline_us = call.deadline(&args[args.len() - 1])?;
    match ready_key(call, keys)? {
        Some(key) => {
            take(call, key, end, 1, Shape::KeyAndFlat)?;
            call.propagate_instead(call.db, [end.command(), key]);
        }
        None => wait(call, keys, deadline_us),
    }
    Ok(())
}

pub(crate) fn bzmpop(call: &mut Call<'_>) {
    _ = pop_of_several_or_wait(call);
}

fn pop_of_several_or_wait(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let (keys, end, count) = several_keys(call, 2)?;
    let deadline_us = call.deadline(&args[1])?;
    match ready_key(call, keys)? {
        Some(key) => take_counted(call, key, end, count)?,
        None => wait(call, keys, deadline_us),
    }
    Ok(())
}

/// The first of these keys that has members.
fn ready_key<'a>(call: &mut Call<'_>, keys: Args<'a>) -> Result<Option<&'a [u8]>, Answered> {
    for key in keys.iter() {
        // Who has been waiting goes on waiting where the key has come to hold something else.
        let passed_over = call.passes_over(key)
            || (call.blocking == Blocking::Again && !call.holds::<SortedSet>(key));
        if !passed_over && call.edit::<SortedSet>(key)?.is_some() {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

fn wait(call: &mut Call<'_>, keys: Args<'_>, deadline_us: Deadline) {
    let kind = BlockedOn::SortedSet;
    call.wait_for(keys.iter(), kind, deadline_us, TimedOut::NullArray);
}
