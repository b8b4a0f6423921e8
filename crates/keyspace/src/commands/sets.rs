//! Sets, each on its own.

use super::SYNTAX_ERROR;
use super::sorted_set_ranges::reply_member;
use crate::Call;
use crate::call::{Answered, EventClass};
use crate::values::Set;
use crate::values::listpack::Item;

/// SPOP of this many times as many members as it leaves puts those left together anew.
const REBUILD_RATIO: usize = 5;

pub(crate) fn sadd(call: &mut Call<'_>) {
    let args = call.args;
    let key = &args[1];
    let max_integers = call.keyspace.settings.set_max_intset_entries;
    let Ok(mut set) = call.edit_or_new::<Set>(key) else {
        return;
    };
    let mut added = 0;
    for member in args.skip(2).iter() {
        added += u64::from(set.insert(member, max_integers));
    }
    drop(set);
    if added > 0 {
        call.changed(call.db, key, added);
        call.notify(EventClass::Set, "sadd", call.db, key);
    }
    call.reply.integer(added as i64);
}

pub(crate) fn srem(call: &mut Call<'_>) {
    let args = call.args;
    let key = &args[1];
    let Ok(set) = call.edit::<Set>(key) else {
        return;
    };
    let members = args.skip(2);
    let removed = set.map_or(0, |mut set| {
        members.iter().filter(|member| set.remove(member)).count()
    });
    if removed > 0 {
        call.changed(call.db, key, removed as u64);
        call.notify(EventClass::Set, "srem", call.db, key);
        call.remove_if_empty::<Set>(key);
    }
    call.reply.integer(removed as i64);
}

pub(crate) fn smove(call: &mut Call<'_>) {
    if let Ok(moved) = move_member(call) {
        call.reply.integer(i64::from(moved));
    }
}

fn move_member(call: &mut Call<'_>) -> Result<bool, Answered> {
    let args = call.args;
    let (source, destination, member) = (&args[1], &args[2], &args[3]);
    let db = call.db;
    let (found, _) = (call.exists(db, source), call.exists(db, destination));
    if !found {
        return Ok(false);
    }
    let there = call
        .edit::<Set>(source)?
        .is_some_and(|set| set.contains(member));
    call.edit::<Set>(destination)?;
    if source == destination || !there {
        return Ok(there);
    }
    if let Some(mut set) = call.edit::<Set>(source)? {
        set.remove(member);
    }
    call.modified(EventClass::Set, "srem", db, source);
    call.remove_if_empty::<Set>(source);
    let max_integers = call.keyspace.settings.set_max_intset_entries;
    if call
        .edit_or_new::<Set>(destination)?
        .insert(member, max_integers)
    {
        call.modified(EventClass::Set, "sadd", db, destination);
    }
    Ok(true)
}

pub(crate) fn sismember(call: &mut Call<'_>) {
    let args = call.args;
    match call.view::<Set>(&args[1]) {
        Ok(Some((set, reply))) => reply.integer(i64::from(set.contains(&args[2]))),
        Ok(None) => call.reply.integer(0),
        Err(Answered) => {}
    }
}

pub(crate) fn smismember(call: &mut Call<'_>) {
    let args = call.args;
    let members = args.skip(2);
    match call.view::<Set>(&args[1]) {
        Ok(Some((set, reply))) => {
            reply.array(members.len());
            for member in members.iter() {
                reply.integer(i64::from(set.contains(member)));
            }
        }
        Ok(None) => {
            call.reply.array(members.len());
            members.iter().for_each(|_| call.reply.integer(0));
        }
        Err(Answered) => {}
    }
}

pub(crate) fn scard(call: &mut Call<'_>) {
    let args = call.args;
    match call.view::<Set>(&args[1]) {
        Ok(Some((set, reply))) => reply.integer(set.len() as i64),
        Ok(None) => call.reply.integer(0),
        Err(Answered) => {}
    }
}

pub(crate) fn spop(call: &mut Call<'_>) {
    _ = match call.args.len() {
        2 => pop_one(call),
        3 => pop_many(call),
        _ => call.refuse(SYNTAX_ERROR),
    };
}

fn pop_one(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let key = &args[1];
    let set = call.edit::<Set>(key)?.map(|set| set.clone());
    let member = set.as_ref().and_then(|set| call.any(set));
    let Some(member) = member.map(Item::to_vec) else {
        call.reply.null();
        return Ok(());
    };
    // The set is changed in place only if no clone holds it.
    drop(set);
    if let Some(mut set) = call.edit::<Set>(key)? {
        set.remove(&member);
    }
    call.modified(EventClass::Set, "spop", call.db, key);
    call.propagate_instead(call.db, [b"SREM", key, &member]);
    call.reply.bulk(&member);
    call.remove_if_empty::<Set>(key);
    Ok(())
}

fn pop_many(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let (key, db) = (&args[1], call.db);
    let count = call.positive(&args[2])?;
    let Some(set) = call.edit::<Set>(key)?.map(|set| set.clone()) else {
        call.reply.set(0);
        return Ok(());
    };
    if count == 0 {
        call.reply.set(0);
        return Ok(());
    }
    call.notify(EventClass::Set, "spop", db, key);
    if count >= set.len() {
        // Redis looks the key up once more, as SUNION would.
        call.effects.hits += 1;
        call.reply.set(set.len());
        for member in set.iter() {
            reply_member(call.reply, member);
        }
        call.changed(db, key, set.len() as u64);
        call.remove(db, key);
        call.notify(EventClass::Generic, "del", db, key);
        call.propagate_deletion(false, key);
        return Ok(());
    }
    call.changed(db, key, count as u64);
    call.reply.set(count);
    let rest = set.len() - count;
    let popped: Vec<Vec<u8>> = if rest * REBUILD_RATIO > count {
        let sample = call.sample(&set, count);
        sample.into_iter().map(Item::to_vec).collect()
    } else {
        let max_integers = call.keyspace.settings.set_max_intset_entries;
        let mut kept = Set::default();
        for member in call.sample(&set, rest) {
            kept.insert(member.text(&mut itoa::Buffer::new()), max_integers);
        }
        let popped = set.iter().filter(|member| !kept.contains_item(*member));
        let popped = popped.map(Item::to_vec).collect();
        if let Some(mut set) = call.edit::<Set>(key)? {
            *set = kept;
        }
        popped
    };
    drop(set);
    for member in &popped {
        call.reply.bulk(member);
        call.propagate_instead(db, [b"SREM", key, member]);
    }
    if let Some(mut set) = call.edit::<Set>(key)? {
        for member in &popped {
            set.remove(member);
        }
    }
    Ok(())
}

pub(crate) fn srandmember(call: &mut Call<'_>) {
    _ = match call.args.len() {
        2 => random_member(call),
        3 => random_members(call),
        _ => call.refuse(SYNTAX_ERROR),
    };
}

fn random_member(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let set = call.view::<Set>(&args[1])?.map(|(set, _)| set.clone());
    match set.as_ref().and_then(|set| call.any(set)) {
        Some(member) => reply_member(call.reply, member),
        None => call.reply.null(),
    }
    Ok(())
}

fn random_members(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let count = call.integer_within(&args[2], -i64::MAX, i64::MAX)?;
    let wanted = call.wanted(count)?;
    let Some(set) = call.view::<Set>(&args[1])?.map(|(set, _)| set.clone()) else {
        call.reply.array(0);
        return Ok(());
    };
    if count < 0 {
        // Each is drawn on its own, so that members may come more than once.
        call.reply.array(wanted);
        for _ in 0..wanted {
            if call.reply.is_full() {
                break;
            }
            let member = call.any(&set).expect("a set has members");
            reply_member(call.reply, member);
        }
    } else {
        let sample = call.sample(&set, wanted);
        call.reply.array(sample.len());
        for member in sample {
            reply_member(call.reply, member);
        }
    }
    Ok(())
}

pub(crate) fn sscan(call: &mut Call<'_>) {
    call.scan_collection(|set: &Set, cursor, visit| {
        set.scan(cursor, &mut |member| {
            visit(member.text(&mut itoa::Buffer::new()), None);
        })
    });
}

impl Call<'_> {
    /// Reads an integer that is not negative, or answers with an error.
    fn positive(&mut self, text: &[u8]) -> Result<usize, Answered> {
        match crate::number::parse_i64(text).map(u64::try_from) {
            Some(Ok(number)) => Ok(usize::try_from(number).unwrap_or(usize::MAX)),
            _ => self.refuse("ERR value is out of range, must be positive"),
        }
    }
}
