//! Lists: adding, taking out and looking at elements of one key. What moves between keys or waits is in
//! `list_moves`.

use lastsave_resp::Reply;

use super::SYNTAX_ERROR;
use crate::call::{Answered, EventClass};
use crate::object::Edit;
use crate::values::listpack::Item;
use crate::values::{End, List, ListOptions};
use crate::{Call, arity_error, number};

const NO_SUCH_KEY: &str = "ERR no such key";
const INDEX_OUT_OF_RANGE: &str = "ERR index out of range";
const NOT_POSITIVE: &str = "ERR value is out of range, must be positive";
const RANK_ZERO: &str = "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... \
                         or use negative to start from the end of the list";

pub(crate) fn lpush(call: &mut Call<'_>) {
    let _ = push(call, End::Left);
}

pub(crate) fn rpush(call: &mut Call<'_>) {
    let _ = push(call, End::Right);
}

pub(crate) fn lpushx(call: &mut Call<'_>) {
    let _ = push_to_existing(call, End::Left);
}

pub(crate) fn rpushx(call: &mut Call<'_>) {
    let _ = push_to_existing(call, End::Right);
}

fn push(call: &mut Call<'_>, end: End) -> Result<(), Answered> {
    let args = call.args;
    let large_len = call.keyspace.settings.list_packed_threshold;
    let mut list = edit_or_new(call, &args[1])?;
    for text in args.skip(2).iter() {
        list.push(end, text, large_len);
    }
    let len = list.len();
    drop(list);
    pushed(call, end, len);
    Ok(())
}

fn push_to_existing(call: &mut Call<'_>, end: End) -> Result<(), Answered> {
    let key = call.args;
    if call.edit::<List>(&key[1])?.is_some() {
        push(call, end)
    } else {
        call.reply.integer(0);
        Ok(())
    }
}

fn pushed(call: &mut Call<'_>, end: End, len: usize) {
    let args = call.args;
    call.reply.integer(len as i64);
    call.changed(call.db, &args[1], args.len() as u64 - 2);
    call.notify(EventClass::List, push_event(end), call.db, &args[1]);
}

/// The list under `key`, to be added to: a new one is filled as is configured now.
pub(super) fn edit_or_new<'c>(
    call: &'c mut Call<'_>,
    key: &[u8],
) -> Result<Edit<'c, List>, Answered> {
    let options = ListOptions {
        fill: call.keyspace.settings.list_max_listpack_size,
        compress_depth: call.keyspace.settings.list_compress_depth,
    };
    let mut list = call.edit_or_new::<List>(key)?;
    if list.is_empty() {
        list.set_options(options);
    }
    Ok(list)
}

pub(super) fn push_event(end: End) -> &'static str {
    match end {
        End::Left => "lpush",
        End::Right => "rpush",
    }
}

pub(super) fn pop_event(end: End) -> &'static str {
    match end {
        End::Left => "lpop",
        End::Right => "rpop",
    }
}

pub(crate) fn lpop(call: &mut Call<'_>) {
    let _ = pop(call, "lpop", End::Left);
}

pub(crate) fn rpop(call: &mut Call<'_>) {
    let _ = pop(call, "rpop", End::Right);
}

fn pop(call: &mut Call<'_>, name: &str, end: End) -> Result<(), Answered> {
    let args = call.args;
    let key = &args[1];
    let count = match args.len() {
        2 => None,
        3 => Some(call.count(&args[2], 0, NOT_POSITIVE)?),
        _ => {
            call.reply.error(&arity_error(name));
            return Err(Answered);
        }
    };
    let Some(mut list) = call.edit::<List>(key)? else {
        match count {
            None => call.reply.null(),
            Some(_) => call.reply.null_array(),
        }
        return Ok(());
    };
    match count {
        None => {
            let element = list.pop(end).unwrap_or_default();
            drop(list);
            call.reply.bulk(&element);
            popped(call, key, end, 1);
        }
        Some(0) => {
            drop(list);
            call.reply.array(0);
        }
        Some(count) => {
            let elements = pop_many(&mut list, end, count);
            drop(list);
            array_of(call.reply, &elements);
            popped(call, key, end, elements.len());
        }
    }
    Ok(())
}

/// Takes up to `count` elements out at one end, the outermost first.
pub(super) fn pop_many(list: &mut List, end: End, count: usize) -> Vec<Vec<u8>> {
    let count = count.min(list.len());
    let (elements, from) = match end {
        End::Left => (list.iter(), 0),
        End::Right => (
            list.iter_back_from(list.len().saturating_sub(1)),
            list.len() - count,
        ),
    };
    let elements = elements.take(count).map(Item::to_vec).collect();
    list.remove_range(from, count);
    elements
}

/// Tells that `count` elements were taken out at one end; a list without elements goes.
pub(super) fn popped(call: &mut Call<'_>, key: &[u8], end: End, count: usize) {
    call.notify(EventClass::List, pop_event(end), call.db, key);
    call.remove_if_empty::<List>(key);
    call.changed(call.db, key, count as u64);
}

pub(super) fn array_of(reply: &mut Reply, elements: &[Vec<u8>]) {
    reply.array(elements.len());
    for element in elements {
        reply.bulk(element);
    }
}

fn bulk_item(reply: &mut Reply, item: Item<'_>) {
    match item {
        Item::Bytes(bytes) => reply.bulk(bytes),
        Item::Integer(number) => reply.bulk_integer(number),
    }
}

pub(crate) fn llen(call: &mut Call<'_>) {
    let args = call.args;
    match call.view::<List>(&args[1]) {
        Ok(Some((list, reply))) => reply.integer(list.len() as i64),
        Ok(None) => call.reply.integer(0),
        Err(Answered) => {}
    }
}

pub(crate) fn lindex(call: &mut Call<'_>) {
    let args = call.args;
    match call.view::<List>(&args[1]) {
        Ok(Some((list, reply))) => match number::parse_i64(&args[2]) {
            None => reply.error(super::NOT_AN_INTEGER),
            Some(index) => match place(index, list.len()).and_then(|index| list.get(index)) {
                Some(item) => bulk_item(reply, item),
                None => reply.null(),
            },
        },
        Ok(None) => call.reply.null(),
        Err(Answered) => {}
    }
}

/// The place that an index means, which counts from the end if it is negative.
fn place(index: i64, len: usize) -> Option<usize> {
    let from_start = if index < 0 { index + len as i64 } else { index };
    usize::try_from(from_start)
        .ok()
        .filter(|index| *index < len)
}

/// The first place of a range and the number of elements in it. Either end may be out of the list, or negative.
fn clamped(start: i64, end: i64, len: usize) -> (usize, usize) {
    let len = len as i64;
    let from_start = |index: i64| if index < 0 { index + len } else { index };
    let start = from_start(start).max(0);
    let end = from_start(end).min(len - 1);
    if start > end {
        (0, 0)
    } else {
        (start as usize, (end - start + 1) as usize)
    }
}

pub(crate) fn lrange(call: &mut Call<'_>) {
    let args = call.args;
    let range = call.index(&args[2]).and_then(|start| {
        let end = call.index(&args[3])?;
        Ok((start, end, call.view::<List>(&args[1])?))
    });
    match range {
        Ok((start, end, Some((list, reply)))) => {
            let (start, count) = clamped(start, end, list.len());
            reply.array(count);
            for item in list.iter_from(start).take(count) {
                bulk_item(reply, item);
            }
        }
        Ok((_, _, None)) => call.reply.array(0),
        Err(Answered) => {}
    }
}

pub(crate) fn ltrim(call: &mut Call<'_>) {
    let _ = trim(call);
}

fn trim(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let key = &args[1];
    let (start, end) = (call.index(&args[2])?, call.index(&args[3])?);
    let Some(mut list) = call.edit::<List>(key)? else {
        call.reply.ok();
        return Ok(());
    };
    let (start, kept) = clamped(start, end, list.len());
    let removed = list.len() - kept;
    list.remove_range(start + kept, removed);
    list.remove_range(0, start);
    drop(list);
    call.notify(EventClass::List, "ltrim", call.db, key);
    call.remove_if_empty::<List>(key);
    call.changed(call.db, key, removed as u64);
    call.reply.ok();
    Ok(())
}

pub(crate) fn lset(call: &mut Call<'_>) {
    let _ = set(call);
}

fn set(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let key = &args[1];
    let large_len = call.keyspace.settings.list_packed_threshold;
    let Some(list) = call.edit::<List>(key)? else {
        call.reply.error(NO_SUCH_KEY);
        return Err(Answered);
    };
    let len = list.len();
    drop(list);
    let index = call.index(&args[2])?;
    let Some(index) = place(index, len) else {
        call.reply.error(INDEX_OUT_OF_RANGE);
        return Err(Answered);
    };
    if let Some(mut list) = call.edit::<List>(key)? {
        list.replace(index, &args[3], large_len);
    }
    call.reply.ok();
    call.modified(EventClass::List, "lset", call.db, key);
    Ok(())
}

pub(crate) fn linsert(call: &mut Call<'_>) {
    let _ = insert(call);
}

fn insert(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let key = &args[1];
    let side = if args[2].eq_ignore_ascii_case(b"after") {
        End::Right
    } else if args[2].eq_ignore_ascii_case(b"before") {
        End::Left
    } else {
        call.reply.error(SYNTAX_ERROR);
        return Err(Answered);
    };
    let large_len = call.keyspace.settings.list_packed_threshold;
    let Some(mut list) = call.edit::<List>(key)? else {
        call.reply.integer(0);
        return Ok(());
    };
    let Some(pivot) = list.iter().position(|item| item.eq_text(&args[3])) else {
        drop(list);
        call.reply.integer(-1);
        return Ok(());
    };
    list.insert(pivot, side, &args[4], large_len);
    let len = list.len();
    drop(list);
    call.modified(EventClass::List, "linsert", call.db, key);
    call.reply.integer(len as i64);
    Ok(())
}

pub(crate) fn lrem(call: &mut Call<'_>) {
    let _ = remove(call);
}

fn remove(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let key = &args[1];
    let count = call.index(&args[2])?;
    let (from, limit) = match count {
        // The lowest number has no opposite: it is no limit.
        0 | i64::MIN => (if count < 0 { End::Right } else { End::Left }, usize::MAX),
        ..0 => (End::Right, count.unsigned_abs() as usize),
        _ => (End::Left, count as usize),
    };
    let Some(mut list) = call.edit::<List>(key)? else {
        call.reply.integer(0);
        return Ok(());
    };
    let removed = list.remove_matching(&args[3], from, limit);
    drop(list);
    if removed > 0 {
        call.changed(call.db, key, removed as u64);
        call.notify(EventClass::List, "lrem", call.db, key);
        call.remove_if_empty::<List>(key);
    }
    call.reply.integer(removed as i64);
    Ok(())
}

/// What LPOS looks for.
struct Search {
    /// The first match to be told, from 1 on.
    rank: i64,
    towards: End,
    /// How many matches are told, 0 for all; `None`: one, and not as an array.
    count: Option<i64>,
    /// How many elements are compared, 0 for all.
    max_len: usize,
}

pub(crate) fn lpos(call: &mut Call<'_>) {
    let _ = position(call);
}

fn position(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let search = search_options(call)?;
    let Some((list, reply)) = call.view::<List>(&args[1])? else {
        match search.count {
            Some(_) => call.reply.array(0),
            None => call.reply.null(),
        }
        return Ok(());
    };
    let found = find(list, &args[2], &search);
    match search.count {
        Some(_) => {
            reply.array(found.len());
            for index in found {
                reply.integer(index as i64);
            }
        }
        None => match found.first() {
            Some(index) => reply.integer(*index as i64),
            None => reply.null(),
        },
    }
    Ok(())
}

fn search_options(call: &mut Call<'_>) -> Result<Search, Answered> {
    let mut search = Search {
        rank: 1,
        towards: End::Right,
        count: None,
        max_len: 0,
    };
    let mut words = call.args.skip(3).iter();
    while let Some(word) = words.next() {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        match words.next() {
            Some(value) if is("RANK") => {
                search.rank = call.index(value)?;
                if search.rank == 0 {
                    call.reply.error(RANK_ZERO);
                    return Err(Answered);
                }
            }
            Some(value) if is("COUNT") => {
                search.count = Some(call.count(value, 0, "ERR COUNT can't be negative")? as i64);
            }
            Some(value) if is("MAXLEN") => {
                search.max_len = call.count(value, 0, "ERR MAXLEN can't be negative")?;
            }
            _ => {
                call.reply.error(SYNTAX_ERROR);
                return Err(Answered);
            }
        }
    }
    if search.rank < 0 {
        // The lowest number stays what it is: the first match is beyond it.
        search.rank = search.rank.wrapping_neg();
        search.towards = End::Left;
    }
    Ok(search)
}

/// The indices of the matches, in the order that they are met.
fn find(list: &List, text: &[u8], search: &Search) -> Vec<usize> {
    let last = list.len().saturating_sub(1);
    let elements = match search.towards {
        End::Right => list.iter(),
        End::Left => list.iter_back_from(last),
    };
    let compared = match search.max_len {
        0 => list.len(),
        max_len => max_len,
    };
    let mut found = Vec::new();
    let mut matches = 0i64;
    for (met, item) in elements.take(compared).enumerate() {
        if !item.eq_text(text) {
            continue;
        }
        matches += 1;
        if matches >= search.rank {
            found.push(match search.towards {
                End::Right => met,
                End::Left => last - met,
            });
            let told = matches.wrapping_sub(search.rank).wrapping_add(1);
            if search.count.is_none_or(|count| count > 0 && told >= count) {
                break;
            }
        }
    }
    found
}
