//! Intersections, unions and differences of sets.

use lastsave_resp::Args;

use super::SYNTAX_ERROR;
use super::sorted_set_ranges::reply_member;
use crate::call::{Answered, EventClass};
use crate::object::Collection;
use crate::values::Set;
use crate::values::listpack::Item;
use crate::{Call, number};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Union,
    Difference,
}

/// SINTER, and SMEMBERS, which is SINTER of one set.
pub(crate) fn sinter(call: &mut Call<'_>) {
    let keys = call.args.skip(1);
    let Ok(sets) = sets(call, keys.iter()) else {
        return;
    };
    let sets = by_size(sets);
    let members: Vec<Item<'_>> = intersection(&sets).collect();
    call.reply.set(members.len());
    for member in members {
        reply_member(call.reply, member);
    }
}

pub(crate) fn sinterstore(call: &mut Call<'_>) {
    let keys = call.args.skip(2);
    let Ok(sets) = sets(call, keys.iter()) else {
        return;
    };
    let sets = by_size(sets);
    let mut result = Set::default();
    for member in intersection(&sets) {
        add(call, &mut result, member);
    }
    store(call, result, "sinterstore");
}

pub(crate) fn sintercard(call: &mut Call<'_>) {
    _ = count_intersection(call);
}

fn count_intersection(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let integer = |text, least| number::parse_i64(text).filter(|number| *number >= least);
    let Some(keys) = integer(&args[1], 1) else {
        return call.refuse("ERR numkeys should be greater than 0");
    };
    let Some(keys) = usize::try_from(keys)
        .ok()
        .filter(|keys| *keys <= args.len() - 2)
    else {
        return call.refuse("ERR Number of keys can't be greater than number of args");
    };
    let mut limit = 0;
    let mut options = args.skip(2 + keys).iter();
    while let Some(option) = options.next() {
        match options.next() {
            Some(text) if option.eq_ignore_ascii_case(b"LIMIT") => match integer(text, 0) {
                Some(number) => limit = number,
                None => return call.refuse("ERR LIMIT can't be negative"),
            },
            _ => return call.refuse(SYNTAX_ERROR),
        }
    }
    let words = args.skip(2).iter().take(keys);
    let sets = by_size(sets(call, words)?);
    let most = match usize::try_from(limit) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(limit) => limit,
    };
    let count = intersection(&sets).take(most).count();
    call.reply.integer(count as i64);
    Ok(())
}

pub(crate) fn sunion(call: &mut Call<'_>) {
    answer(call, Operation::Union);
}

pub(crate) fn sunionstore(call: &mut Call<'_>) {
    compute_and_store(call, Operation::Union, "sunionstore");
}

pub(crate) fn sdiff(call: &mut Call<'_>) {
    answer(call, Operation::Difference);
}

pub(crate) fn sdiffstore(call: &mut Call<'_>) {
    compute_and_store(call, Operation::Difference, "sdiffstore");
}

fn answer(call: &mut Call<'_>, operation: Operation) {
    let keys = call.args.skip(1);
    let Ok(result) = compute(call, keys, operation) else {
        return;
    };
    call.reply.set(result.len());
    for member in result.iter() {
        reply_member(call.reply, member);
    }
}

fn compute_and_store(call: &mut Call<'_>, operation: Operation, event: &'static str) {
    let keys = call.args.skip(2);
    if let Ok(result) = compute(call, keys, operation) {
        store(call, result, event);
    }
}

/// The sets under `keys`, shared with the keyspace, in order; or an error is answered.
fn sets<'k>(
    call: &mut Call<'_>,
    keys: impl IntoIterator<Item = &'k [u8]>,
) -> Result<Vec<Option<Set>>, Answered> {
    keys.into_iter()
        .map(|key| Ok(call.view::<Set>(key)?.map(|(set, _)| set.clone())))
        .collect()
}

/// The sets with the smallest first; none at all if one is missing, as nothing is in all of them then.
fn by_size(sets: Vec<Option<Set>>) -> Vec<Set> {
    let mut sets: Vec<Set> = sets.into_iter().collect::<Option<_>>().unwrap_or_default();
    sets.sort_by_key(Set::len);
    sets
}

/// The members of the first set that are in all others.
fn intersection(sets: &[Set]) -> impl Iterator<Item = Item<'_>> {
    let (first, others) = sets.split_at(sets.len().min(1));
    let members = first.iter().flat_map(Set::iter);
    members.filter(move |member| others.iter().all(|set| set.contains_item(*member)))
}

fn compute<'k>(call: &mut Call<'_>, keys: Args<'k>, operation: Operation) -> Result<Set, Answered> {
    let sets = sets(call, keys.iter())?;
    let mut result = Set::default();
    if operation == Operation::Union {
        for member in sets.iter().flatten().flat_map(Set::iter) {
            add(call, &mut result, member);
        }
        return Ok(result);
    }
    let Some((Some(first), others)) = sets.split_first() else {
        return Ok(result);
    };
    if keys.skip(1).iter().any(|key| *key == keys[0]) {
        return Ok(result);
    }
    let mut others: Vec<&Set> = others.iter().flatten().collect();
    // Which way is shorter decides the encoding as well: what is removed again may have been no integer.
    let sizes = others.iter().map(|set| set.len()).sum::<usize>() + first.len();
    if first.len() * (others.len() + 1) / 2 <= sizes {
        // What is removed is found soonest in a large set.
        others.sort_by_key(|set| std::cmp::Reverse(set.len()));
        for member in first.iter() {
            if !others.iter().any(|set| set.contains_item(member)) {
                add(call, &mut result, member);
            }
        }
    } else {
        for member in first.iter() {
            add(call, &mut result, member);
        }
        for member in others.into_iter().flat_map(Set::iter) {
            result.remove(member.text(&mut itoa::Buffer::new()));
        }
    }
    Ok(result)
}

fn add(call: &Call<'_>, set: &mut Set, member: Item<'_>) {
    let max_integers = call.keyspace.settings.set_max_intset_entries;
    set.insert(member.text(&mut itoa::Buffer::new()), max_integers);
}

/// Puts a result under the first key, where nothing at all removes the key, and answers with its size.
fn store(call: &mut Call<'_>, result: Set, event: &'static str) {
    let args = call.args;
    let (destination, db, len) = (&args[1], call.db, result.len());
    if len > 0 {
        call.remove_if_due(db, destination);
        call.put(db, destination, result.into_object(), None);
        call.modified(EventClass::Set, event, db, destination);
    } else if call.remove(db, destination) {
        call.modified(EventClass::Generic, "del", db, destination);
    }
    call.reply.integer(len as i64);
}
