//! Whole databases.

use super::{DB_OUT_OF_RANGE, SYNTAX_ERROR};
use crate::{Call, Garbage, number};

pub(crate) fn dbsize(call: &mut Call<'_>) {
    call.reply
        .integer(call.keyspace.databases[call.db].keys.len() as i64);
}

/// FLUSHDB.
pub(crate) fn flushdb(call: &mut Call<'_>) {
    let db = call.db;
    let _obeyed = flush(call, db..db + 1);
}

/// FLUSHALL, as far as the data is concerned: the saves around it are the server's.
pub(crate) fn flushall(call: &mut Call<'_>) {
    let databases = 0..call.keyspace.databases.len();
    if flush(call, databases) {
        call.effects.flushed_all = true;
    }
}

/// Written even if there was nothing to remove, as Redis does. Returns whether it was obeyed.
fn flush(call: &mut Call<'_>, databases: std::ops::Range<usize>) -> bool {
    let args = call.args;
    let known =
        |word: &[u8]| word.eq_ignore_ascii_case(b"ASYNC") || word.eq_ignore_ascii_case(b"SYNC");
    if args.len() > 2 || args.get(1).is_some_and(|word| !known(word)) {
        call.reply.error(SYNTAX_ERROR);
        return false;
    }
    let lazily = match args.get(1) {
        Some(word) => word.eq_ignore_ascii_case(b"ASYNC"),
        None => call.keyspace.settings.lazy_user_flush,
    };
    for db in databases {
        let keys = &mut call.keyspace.databases[db].keys;
        call.effects.dirty += keys.len() as u64;
        call.effects.touched_dbs.push(db);
        match keys.detach() {
            Some(detached) if lazily && !detached.is_empty() => {
                call.effects.garbage.push(Garbage::Keys(detached));
            }
            // A running snapshot goes on with what was there.
            None => keys.clear(),
            Some(_) => {}
        }
    }
    call.propagate_instead(call.db, args.iter());
    call.reply.ok();
    true
}

pub(crate) fn swapdb(call: &mut Call<'_>) {
    let args = call.args;
    let mut numbers = [0; 2];
    for (number, (word, which)) in numbers
        .iter_mut()
        .zip([(&args[1], "first"), (&args[2], "second")])
    {
        match number::parse_i64(word).and_then(|parsed| i32::try_from(parsed).ok()) {
            Some(parsed) => *number = parsed,
            None => return call.reply.error(&format!("ERR invalid {which} DB index")),
        }
    }
    let count = call.keyspace.databases.len();
    let exists = |number: i32| usize::try_from(number).ok().filter(|db| *db < count);
    let (Some(first), Some(second)) = (exists(numbers[0]), exists(numbers[1])) else {
        return call.reply.error(DB_OUT_OF_RANGE);
    };
    if first != second {
        call.keyspace.swap_databases(first, second);
        call.effects.touched_dbs.extend([first, second]);
    }
    call.effects.dirty += 1;
    call.reply.ok();
}
