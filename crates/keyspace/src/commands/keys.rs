//! Keys of whatever type: deleting, finding, renaming, copying.

use lastsave_dict::Tag;

use super::{SAME_OBJECT, SYNTAX_ERROR};
use crate::call::EventClass;
use crate::object::Stored;
use crate::{Call, Keyspace, tag};

/// DEL and UNLINK, which differ in where a value that takes long is freed.
pub(crate) fn del(call: &mut Call<'_>) {
    let lazily =
        call.keyspace.settings.lazy_user_del || call.args[0].eq_ignore_ascii_case(b"UNLINK");
    let mut deleted = 0;
    for key in call.args.skip(1).iter() {
        if !call.remove_if_due(call.db, key) && call.remove_and_free(call.db, key, lazily) {
            call.modified(EventClass::Generic, "del", call.db, key);
            deleted += 1;
        }
    }
    call.reply.integer(deleted);
}

pub(crate) fn exists(call: &mut Call<'_>) {
    let keys = call.args.skip(1).iter();
    let count = keys
        .filter(|key| call.peek(key, |_, entry| entry.is_some()))
        .count();
    call.reply.integer(count as i64);
}

pub(crate) fn touch(call: &mut Call<'_>) {
    let keys = call.args.skip(1).iter();
    let count = keys
        .filter(|key| call.read(key, |_, entry| entry.is_some()))
        .count();
    call.reply.integer(count as i64);
}

pub(crate) fn type_of(call: &mut Call<'_>) {
    let args = call.args;
    call.peek(&args[1], |reply, entry| {
        reply.simple(entry.map_or("none", |entry| type_name(&entry)));
    });
}

/// The name of an entry's type, as TYPE says it.
pub(super) fn type_name(entry: &lastsave_dict::EntryRef<'_, crate::Object>) -> &'static str {
    crate::Type::of(entry.value()).name()
}

pub(crate) fn randomkey(call: &mut Call<'_>) {
    loop {
        let Keyspace {
            databases, random, ..
        } = &mut *call.keyspace;
        let entry = databases[call.db].keys.random(&mut || random.next_word());
        let Some(key) = entry.map(|entry| entry.key().to_vec()) else {
            return call.reply.null();
        };
        if !call.remove_if_due(call.db, &key) {
            return call.reply.bulk(&key);
        }
    }
}

/// What is under a key, copied.
struct Copied {
    value: Stored,
    expires_at_ms: Option<u64>,
    tag: Tag,
}

fn copy_of(call: &mut Call<'_>, key: &[u8]) -> Option<Copied> {
    call.remove_if_due(call.db, key);
    let entry = call.keyspace.databases[call.db].keys.get(key)?;
    let (expires_at_ms, tag) = (entry.expires_at_ms(), entry.tag());
    Some(Copied {
        value: Stored::copy_of(entry.value()),
        expires_at_ms,
        tag,
    })
}

/// Puts a value under `key` of database `db`, where nothing is left of what was there.
fn put(call: &mut Call<'_>, db: usize, key: &[u8], copied: Copied) {
    call.remove(db, key);
    let mut bytes = Vec::new();
    let value = copied.value.into_value(&mut bytes);
    call.insert(db, key, value, copied.expires_at_ms, copied.tag);
}

/// As [`put`], keeping what is known of when and how often the value was used.
fn put_moved(call: &mut Call<'_>, db: usize, key: &[u8], moved: Copied) {
    let tag = moved.tag;
    put(call, db, key, moved);
    if let Some(mut entry) = call.keyspace.databases[db].keys.get_mut(key) {
        entry.set_tag(tag);
    }
}

pub(crate) fn rename(call: &mut Call<'_>) {
    if rename_generic(call, true).is_some() {
        call.reply.ok();
    }
}

pub(crate) fn renamenx(call: &mut Call<'_>) {
    if let Some(renamed) = rename_generic(call, false) {
        call.reply.integer(i64::from(renamed));
    }
}

/// Returns whether the key has a new name, or answers with an error if there is no key.
fn rename_generic(call: &mut Call<'_>, overwrite: bool) -> Option<bool> {
    let args = call.args;
    let (from, to) = (&args[1], &args[2]);
    if !call.exists(call.db, from) {
        call.reply.error("ERR no such key");
        return None;
    }
    if from == to || (call.exists(call.db, to) && !overwrite) {
        return Some(false);
    }
    let copied = copy_of(call, from)?;
    call.keyspace.databases[call.db].keys.remove(from);
    put_moved(call, call.db, to, copied);
    call.effects.touch(call.db, from);
    call.notify(EventClass::Generic, "rename_from", call.db, from);
    call.modified(EventClass::Generic, "rename_to", call.db, to);
    Some(true)
}

pub(crate) fn move_to(call: &mut Call<'_>) {
    let args = call.args;
    let key = &args[1];
    let Some(target) = call.database_number(&args[2]) else {
        return;
    };
    if target == call.db {
        return call.reply.error(SAME_OBJECT);
    }
    if !call.exists(call.db, key) || call.exists(target, key) {
        return call.reply.integer(0);
    }
    let Some(copied) = copy_of(call, key) else {
        return;
    };
    call.keyspace.databases[call.db].keys.remove(key);
    put_moved(call, target, key, copied);
    call.effects.touch(call.db, key);
    call.notify(EventClass::Generic, "move_from", call.db, key);
    call.modified(EventClass::Generic, "move_to", target, key);
    call.reply.integer(1);
}

pub(crate) fn copy(call: &mut Call<'_>) {
    let args = call.args;
    let (from, to) = (&args[1], &args[2]);
    let mut replace = false;
    let mut target = call.db;
    let mut options = args.skip(3).iter();
    while let Some(option) = options.next() {
        if option.eq_ignore_ascii_case(b"REPLACE") {
            replace = true;
        } else if option.eq_ignore_ascii_case(b"DB")
            && let Some(number) = options.next()
        {
            match call.database_number(number) {
                Some(db) => target = db,
                None => return,
            }
        } else {
            return call.reply.error(SYNTAX_ERROR);
        }
    }
    if target == call.db && from == to {
        return call.reply.error(SAME_OBJECT);
    }
    let found = call.read(from, |_, entry| entry.is_some());
    if !found || (call.exists(target, to) && !replace) {
        return call.reply.integer(0);
    }
    let Some(mut copied) = copy_of(call, from) else {
        return;
    };
    copied.tag = tag::raw(tag::fresh(call.now_us), tag::is_raw(copied.tag));
    put(call, target, to, copied);
    call.modified(EventClass::Generic, "copy_to", target, to);
    call.reply.integer(1);
}
