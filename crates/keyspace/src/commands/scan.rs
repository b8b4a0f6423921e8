//! Finding keys by name, and walking through what is large: KEYS, SCAN and the like.

use super::SYNTAX_ERROR;
use crate::call::{Answered, is_due};
use crate::object::Collection;
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

/// The options of SCAN and its like.
struct Options<'a> {
    count: u64,
    pattern: Option<&'a [u8]>,
    type_name: Option<&'a [u8]>,
}

/// Whether TYPE is one of the options.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scanned {
    Keys,
    Elements,
}

impl Options<'_> {
    fn matches(&self, name: &[u8]) -> bool {
        self.pattern
            .is_none_or(|pattern| glob::matches(pattern, name, false))
    }

    /// Calls `step` from `cursor` on until it has found enough, and returns where to go on. It is given a cursor, and returns the
    /// next with the number of elements found so far.
    fn walk(&self, mut cursor: u64, mut step: impl FnMut(u64) -> (u64, usize)) -> u64 {
        // A table with few keys left must not be searched for long; Redis stops as early.
        let mut steps_left = self.count.saturating_mul(10).saturating_add(1);
        loop {
            let found;
            (cursor, found) = step(cursor);
            steps_left -= 1;
            if cursor == 0 || steps_left == 0 || found as u64 >= self.count {
                return cursor;
            }
        }
    }
}

/// Reads the options from the word at `first` on, or answers with an error.
fn options<'a>(
    call: &mut Call<'a>,
    first: usize,
    scanned: Scanned,
) -> Result<Options<'a>, Answered> {
    let mut options = Options {
        count: 10,
        pattern: None,
        type_name: None,
    };
    let mut words = call.args.skip(first).iter();
    while let Some(word) = words.next() {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        match words.next() {
            Some(value) if is("COUNT") => {
                match u64::try_from(call.integer(value).ok_or(Answered)?) {
                    Ok(count) if count > 0 => options.count = count,
                    _ => return call.refuse(SYNTAX_ERROR),
                }
            }
            Some(value) if is("MATCH") => options.pattern = (value != b"*").then_some(value),
            Some(value) if is("TYPE") && scanned == Scanned::Keys => {
                options.type_name = Some(value);
            }
            _ => return call.refuse(SYNTAX_ERROR),
        }
    }
    Ok(options)
}

fn cursor(call: &mut Call<'_>, text: &[u8]) -> Result<u64, Answered> {
    match number::parse_cursor(text) {
        Some(cursor) => Ok(cursor),
        None => call.refuse("ERR invalid cursor"),
    }
}

/// Answers with a cursor and what was found.
fn answer<'w>(call: &mut Call<'_>, cursor: u64, words: impl ExactSizeIterator<Item = &'w Vec<u8>>) {
    call.reply.array(2);
    call.reply
        .bulk(itoa::Buffer::new().format(cursor).as_bytes());
    call.reply.array(words.len());
    for word in words {
        call.reply.bulk(word);
    }
}

pub(crate) fn scan(call: &mut Call<'_>) {
    _ = scan_keys(call);
}

fn scan_keys(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let cursor = cursor(call, &args[1])?;
    let options = options(call, 2, Scanned::Keys)?;
    let table = &call.keyspace.databases[call.db].keys;
    let mut keys: Vec<Vec<u8>> = Vec::new();
    let cursor = options.walk(cursor, |cursor| {
        let cursor = table.scan(cursor, &mut |entry| keys.push(entry.key().to_vec()));
        (cursor, keys.len())
    });
    keys.retain(|key| {
        options.matches(key)
            && options
                .type_name
                .is_none_or(|name| has_type(call, key, name))
            && !call.remove_if_due(call.db, key)
    });
    answer(call, cursor, keys.iter());
    Ok(())
}

/// What [`Call::scan_collection`] hands elements to: name and value, if they have one.
pub(super) type Visit<'v> = dyn FnMut(&[u8], Option<&[u8]>) + 'v;

impl Call<'_> {
    /// SSCAN, HSCAN and ZSCAN. `step` visits some elements of the collection from a cursor on and returns where to go on, 0
    /// for the end; a collection in one piece it visits as a whole.
    pub(super) fn scan_collection<T: Collection + Clone>(
        &mut self,
        step: impl Fn(&T, u64, &mut Visit<'_>) -> u64,
    ) {
        _ = self.try_scan_collection(step);
    }

    fn try_scan_collection<T: Collection + Clone>(
        &mut self,
        step: impl Fn(&T, u64, &mut Visit<'_>) -> u64,
    ) -> Result<(), Answered> {
        let args = self.args;
        let cursor = cursor(self, &args[2])?;
        let collection = self.view::<T>(&args[1])?;
        let Some(collection) = collection.map(|(collection, _)| collection.clone()) else {
            answer(self, 0, [].iter());
            return Ok(());
        };
        let options = options(self, 3, Scanned::Elements)?;
        let mut words = Vec::new();
        let mut found = 0;
        let cursor = options.walk(cursor, |cursor| {
            let cursor = step(&collection, cursor, &mut |name, value| {
                found += 1;
                if options.matches(name) {
                    words.push(name.to_vec());
                    words.extend(value.map(<[u8]>::to_vec));
                }
            });
            (cursor, found)
        });
        answer(self, cursor, words.iter());
        Ok(())
    }
}

fn has_type(call: &mut Call<'_>, key: &[u8], name: &[u8]) -> bool {
    call.peek(key, |_, entry| {
        entry.is_some_and(|entry| {
            name.eq_ignore_ascii_case(super::keys::type_name(&entry).as_bytes())
        })
    })
}
