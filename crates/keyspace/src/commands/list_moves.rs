//! Lists: elements that move from key to key, from the first of several keys, or to a client that waits.

use super::SYNTAX_ERROR;
use super::blocking::Deadline;
use super::lists::{array_of, edit_or_new, pop_event, pop_many, popped, push_event};
use crate::call::{Answered, BlockedOn, EventClass, TimedOut};
use crate::values::{End, List};
use crate::{Blocking, Call};

impl Call<'_> {
    /// Reads LEFT or RIGHT, or answers with an error.
    fn end(&mut self, word: &[u8]) -> Result<End, Answered> {
        if word.eq_ignore_ascii_case(b"right") {
            Ok(End::Right)
        } else if word.eq_ignore_ascii_case(b"left") {
            Ok(End::Left)
        } else {
            self.reply.error(SYNTAX_ERROR);
            Err(Answered)
        }
    }
}

pub(crate) fn lmove(call: &mut Call<'_>) {
    let args = call.args;
    let _ = call.end(&args[3]).and_then(|from| {
        let to = call.end(&args[4])?;
        move_element(call, from, to)
    });
}

pub(crate) fn rpoplpush(call: &mut Call<'_>) {
    let _ = move_element(call, End::Right, End::Left);
}

pub(crate) fn blmove(call: &mut Call<'_>) {
    let args = call.args;
    let _ = call.end(&args[3]).and_then(|from| {
        let to = call.end(&args[4])?;
        let deadline_us = call.deadline(&args[5])?;
        let served: [&[u8]; 5] = [b"LMOVE", &args[1], &args[2], end_name(from), end_name(to)];
        let at_once: [&[u8]; 5] = [b"LMOVE", &args[1], &args[2], &args[3], &args[4]];
        let written = if call.blocking == Blocking::Again {
            served
        } else {
            at_once
        };
        move_or_wait(call, from, to, deadline_us, &written)
    });
}

pub(crate) fn brpoplpush(call: &mut Call<'_>) {
    let args = call.args;
    let _ = call.deadline(&args[3]).and_then(|deadline_us| {
        let written: [&[u8]; 3] = [b"RPOPLPUSH", &args[1], &args[2]];
        move_or_wait(call, End::Right, End::Left, deadline_us, &written)
    });
}

fn end_name(end: End) -> &'static [u8] {
    match end {
        End::Left => b"left",
        End::Right => b"right",
    }
}

fn move_or_wait(
    call: &mut Call<'_>,
    from: End,
    to: End,
    deadline_us: Deadline,
    written: &[&[u8]],
) -> Result<(), Answered> {
    let args = call.args;
    let source = &args[1];
    if awaited_list(call, source)?.is_none() {
        if call.blocking == Blocking::No {
            call.reply.null();
        } else {
            // Who has waited is told of a missing array instead, here too.
            let keys = std::iter::once(source);
            call.wait_for(keys, BlockedOn::List, deadline_us, TimedOut::NullArray);
        }
        return Ok(());
    }
    move_element(call, from, to)?;
    call.propagate_instead(call.db, written.iter().copied());
    Ok(())
}

fn move_element(call: &mut Call<'_>, from: End, to: End) -> Result<(), Answered> {
    let args = call.args;
    let (source, destination) = (&args[1], &args[2]);
    let large_len = call.keyspace.settings.list_packed_threshold;
    if call.edit::<List>(source)?.is_none() {
        call.reply.null();
        return Ok(());
    }
    // A destination of another type is an error before anything is taken.
    call.edit::<List>(destination)?;
    let element = match call.edit::<List>(source)? {
        Some(mut list) => list.pop(from).unwrap_or_default(),
        None => return Ok(()),
    };
    edit_or_new(call, destination)?.push(to, &element, large_len);
    call.effects.touch(call.db, destination);
    call.notify(EventClass::List, push_event(to), call.db, destination);
    call.reply.bulk(&element);
    call.notify(EventClass::List, pop_event(from), call.db, source);
    call.remove_if_empty::<List>(source);
    match call.blocking {
        // What a client waited for was counted when it was added.
        Blocking::Again => {}
        Blocking::Yes | Blocking::No => call.changed(call.db, source, 1),
    }
    Ok(())
}

pub(crate) fn lmpop(call: &mut Call<'_>) {
    let _ = multi_options(call, 1).and_then(|options| {
        if !pop_first(call, &options)? {
            call.reply.null_array();
        }
        Ok(())
    });
}

pub(crate) fn blmpop(call: &mut Call<'_>) {
    let args = call.args;
    let _ = multi_options(call, 2).and_then(|options| {
        let deadline_us = call.deadline(&args[1])?;
        pop_first_or_wait(call, &options, deadline_us)
    });
}

pub(crate) fn blpop(call: &mut Call<'_>) {
    let _ = blocking_pop(call, End::Left);
}

pub(crate) fn brpop(call: &mut Call<'_>) {
    let _ = blocking_pop(call, End::Right);
}

fn blocking_pop(call: &mut Call<'_>, end: End) -> Result<(), Answered> {
    let args = call.args;
    let last = args.len() - 1;
    let deadline_us = call.deadline(&args[last])?;
    let options = MultiPop {
        keys: 1..last,
        end,
        count: None,
    };
    pop_first_or_wait(call, &options, deadline_us)
}

/// From which list how much is taken.
struct MultiPop {
    /// Where the keys stand among the words.
    keys: std::ops::Range<usize>,
    end: End,
    /// `None`: one element, which is not answered as an array.
    count: Option<usize>,
}

/// Reads `numkeys key [key ...] LEFT|RIGHT [COUNT count]` from the word at `at` on.
fn multi_options(call: &mut Call<'_>, at: usize) -> Result<MultiPop, Answered> {
    let args = call.args;
    let keys = call.count(&args[at], 1, "ERR numkeys should be greater than 0")?;
    let end_at = keys.saturating_add(at + 1);
    let Some(end) = args.get(end_at) else {
        call.reply.error(SYNTAX_ERROR);
        return Err(Answered);
    };
    let end = call.end(end)?;
    let mut words = args.skip(end_at + 1).iter();
    let mut count = None;
    while let Some(word) = words.next() {
        match words.next() {
            Some(value) if count.is_none() && word.eq_ignore_ascii_case(b"COUNT") => {
                count = Some(call.count(value, 1, "ERR count should be greater than 0")?);
            }
            _ => {
                call.reply.error(SYNTAX_ERROR);
                return Err(Answered);
            }
        }
    }
    Ok(MultiPop {
        keys: at + 1..end_at,
        end,
        count: count.or(Some(1)),
    })
}

fn pop_first_or_wait(
    call: &mut Call<'_>,
    options: &MultiPop,
    deadline_us: Deadline,
) -> Result<(), Answered> {
    if !pop_first(call, options)? {
        let args = call.args;
        let keys = options.keys.clone().map(|at| &args[at]);
        call.wait_for(keys, BlockedOn::List, deadline_us, TimedOut::NullArray);
    }
    Ok(())
}

/// Takes elements out of the first list that is there and answers with its key and them. Returns whether there is
/// one.
fn pop_first(call: &mut Call<'_>, options: &MultiPop) -> Result<bool, Answered> {
    let args = call.args;
    let end = options.end;
    for at in options.keys.clone() {
        let key = &args[at];
        let Some(mut list) = awaited_list(call, key)? else {
            continue;
        };
        let elements = pop_many(&mut list, end, options.count.unwrap_or(1));
        drop(list);
        call.reply.array(2);
        call.reply.bulk(key);
        let name: &[u8] = match end {
            End::Left => b"LPOP",
            End::Right => b"RPOP",
        };
        if options.count.is_some() {
            array_of(call.reply, &elements);
            let count = itoa::Buffer::new().format(elements.len()).to_owned();
            call.propagate_instead(call.db, [name, key, count.as_bytes()]);
            popped(call, key, end, elements.len());
            return Ok(true);
        }
        for element in &elements {
            call.reply.bulk(element);
        }
        call.propagate_instead(call.db, [name, key]);
        if call.blocking == Blocking::Again {
            // What a client waited for was counted when it was added.
            call.notify(EventClass::List, pop_event(end), call.db, key);
            call.remove_if_empty::<List>(key);
        } else {
            popped(call, key, end, 1);
        }
        return Ok(true);
    }
    Ok(false)
}

/// The list under `key`, to be taken from. A value of another type is no error to a client that waits.
fn awaited_list<'c>(
    call: &'c mut Call<'_>,
    key: &[u8],
) -> Result<Option<crate::object::Edit<'c, List>>, Answered> {
    if call.passes_over(key) || (call.blocking == Blocking::Again && !call.holds::<List>(key)) {
        return Ok(None);
    }
    call.edit::<List>(key)
}
