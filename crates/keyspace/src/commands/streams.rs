//! Streams: their entries.

use lastsave_resp::Reply;

use super::SYNTAX_ERROR;
use crate::call::{Answered, EventClass};
use crate::values::Stream;
use crate::values::stream::{Entry, Keep, MAX_NODE_BYTES, NodeLimits, StreamId, Trim};
use crate::{Call, Origin, arity_error};

/// The most entries that trimming approximately removes at once, where neither LIMIT nor the size of nodes says.
const DEFAULT_TRIM_LIMIT: u64 = 10_000;

/// The most entries that trimming approximately removes at once, unless LIMIT says otherwise.
const MAX_TRIM_LIMIT: u64 = 1_000_000;

/// The ID of an entry to be added, as far as the request tells it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NewId {
    /// `*`
    Any,
    /// `ms-*`
    InMillisecond(u64),
    /// `ms-seq`
    Exactly(StreamId),
}

/// What stands between the key and the entry of XADD, or behind the key of XTRIM.
struct Options {
    no_mkstream: bool,
    trim: Option<Trim>,
    /// The index of the word that says what to keep.
    threshold_at: usize,
    new_id: Option<NewId>,
    /// The index of the word that is the ID; the number of words if there is none.
    id_at: usize,
}

impl Call<'_> {
    /// Answers with an error.
    pub(super) fn fail<T>(&mut self, error: &str) -> Result<T, Answered> {
        self.reply.error(error);
        Err(Answered)
    }

    /// Reads an ID that must be one, or answers with an error.
    pub(super) fn stream_id(&mut self, text: &[u8]) -> Result<StreamId, Answered> {
        let id = StreamId::parse(text, 0);
        id.map_or_else(|| self.invalid_stream_id(), Ok)
    }

    pub(super) fn invalid_stream_id<T>(&mut self) -> Result<T, Answered> {
        self.fail("ERR Invalid stream ID specified as stream command argument")
    }

    /// Reads where a range begins, or answers with an error.
    pub(super) fn first_stream_id(&mut self, text: &[u8]) -> Result<StreamId, Answered> {
        match text {
            [b'(', text @ ..] if !text.is_empty() => match self.stream_id(text)?.next() {
                Some(id) => Ok(id),
                None => self.fail("ERR invalid start ID for the interval"),
            },
            _ => StreamId::parse_bound(text, 0).map_or_else(|| self.invalid_stream_id(), Ok),
        }
    }

    /// Reads where a range ends, or answers with an error.
    pub(super) fn last_stream_id(&mut self, text: &[u8]) -> Result<StreamId, Answered> {
        match text {
            [b'(', text @ ..] if !text.is_empty() => {
                match StreamId::parse(text, u64::MAX).map(StreamId::previous) {
                    Some(Some(id)) => Ok(id),
                    Some(None) => self.fail("ERR invalid end ID for the interval"),
                    None => self.invalid_stream_id(),
                }
            }
            _ => StreamId::parse_bound(text, u64::MAX).map_or_else(|| self.invalid_stream_id(), Ok),
        }
    }

    /// Reads an integer, or answers with an error.
    pub(super) fn whole(&mut self, text: &[u8]) -> Result<i64, Answered> {
        self.integer(text).ok_or(Answered)
    }

    /// Reads the options of XADD (`adding`) or XTRIM.
    fn stream_options(&mut self, adding: bool) -> Result<Options, Answered> {
        let args = self.args;
        let mut options = Options {
            no_mkstream: false,
            trim: None,
            threshold_at: 0,
            new_id: None,
            id_at: args.len(),
        };
        let mut limit = None;
        let mut at = 2;
        while let Some(word) = args.get(at) {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            let more = args.len() - 1 - at;
            if adding && word == b"*" {
                options.new_id = Some(NewId::Any);
                options.id_at = at;
                break;
            } else if (is("MAXLEN") || is("MINID")) && more > 0 {
                if options.trim.is_some() {
                    return self.fail(
                        "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
                    );
                }
                let approximate = more > 1 && &args[at + 1] == b"~";
                if approximate || (more > 1 && &args[at + 1] == b"=") {
                    at += 1;
                }
                let threshold = &args[at + 1];
                let keep = if is("MINID") {
                    Keep::From(self.stream_id(threshold)?)
                } else {
                    match u64::try_from(self.whole(threshold)?) {
                        Ok(count) => Keep::Last(count),
                        Err(_) => return self.fail("ERR The MAXLEN argument must be >= 0."),
                    }
                };
                options.threshold_at = at + 1;
                options.trim = Some(Trim {
                    keep,
                    approximate,
                    limit: 0,
                });
                at += 1;
            } else if is("LIMIT") && more > 0 {
                match u64::try_from(self.whole(&args[at + 1])?) {
                    Ok(number) => limit = Some(number),
                    Err(_) => return self.fail("ERR The LIMIT argument must be >= 0."),
                }
                at += 1;
            } else if adding && is("NOMKSTREAM") {
                options.no_mkstream = true;
            } else if adding {
                let Some((id, seq_given)) = StreamId::parse_new(word) else {
                    return self.invalid_stream_id();
                };
                options.new_id = Some(if seq_given {
                    NewId::Exactly(id)
                } else {
                    NewId::InMillisecond(id.ms)
                });
                options.id_at = at;
                break;
            } else {
                return self.fail(SYNTAX_ERROR);
            }
            at += 1;
        }
        self.check_trim(&mut options, limit, adding)?;
        Ok(options)
    }

    /// Completes how to trim with how much to trim.
    fn check_trim(
        &mut self,
        options: &mut Options,
        limit: Option<u64>,
        adding: bool,
    ) -> Result<(), Answered> {
        if options.trim.is_none() {
            if limit.is_some_and(|limit| limit > 0) {
                return self.fail(
                    "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
                );
            }
            if !adding {
                return self
                    .fail("ERR syntax error, XTRIM must be called with a trimming strategy");
            }
        }
        // What the append-only file holds is exact: see `write_exactly`.
        if self.origin == Origin::Replay {
            return Ok(());
        }
        let approximate = options.trim.is_some_and(|trim| trim.approximate);
        if limit.is_some() && !approximate {
            return self
                .fail("ERR syntax error, LIMIT cannot be used without the special ~ option");
        }
        if let Some(trim) = &mut options.trim
            && trim.approximate
        {
            let of_100_nodes = self.keyspace.settings.stream_node_max_entries;
            let default = match of_100_nodes.saturating_mul(100) {
                0 => DEFAULT_TRIM_LIMIT,
                entries => entries.min(MAX_TRIM_LIMIT),
            };
            trim.limit = limit.unwrap_or(default);
        }
        Ok(())
    }

    /// Has the request written with what it left open: the ID that was made, and where an approximate trimming ended.
    fn write_exactly(&mut self, options: &Options, id: Option<StreamId>, trimmed_to: Option<Keep>) {
        let args = self.args;
        let mut words: Vec<Vec<u8>> = args.iter().map(<[u8]>::to_vec).collect();
        if let Some(keep) = trimmed_to {
            words[options.threshold_at - 1] = b"=".to_vec();
            words[options.threshold_at] = match keep {
                Keep::Last(count) => count.to_string().into_bytes(),
                Keep::From(id) => id.to_string().into_bytes(),
            };
        }
        if let Some(id) = id {
            words[options.id_at] = id.to_string().into_bytes();
        }
        let db = self.db;
        self.propagate_instead(db, words.iter().map(Vec::as_slice));
    }
}

/// Trims a stream. Returns how many entries were removed, and what would remove the same again if it was approximate.
fn trim(stream: &mut Stream, trim: Trim) -> (u64, Option<Keep>) {
    let (entries, _) = stream.parts_mut();
    let removed = entries.trim(trim);
    let kept = trim.approximate.then(|| match trim.keep {
        Keep::Last(_) => Keep::Last(entries.len()),
        Keep::From(_) => Keep::From(entries.first_id_with_deleted().unwrap_or(StreamId::MAX)),
    });
    (removed, kept)
}

pub(crate) fn xadd(call: &mut Call<'_>) {
    let _ = add(call);
}

fn add(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let key = &args[1];
    let options = call.stream_options(true)?;
    let words = args.skip(options.id_at + 1);
    let Some(new_id) = options
        .new_id
        .filter(|_| !words.is_empty() && words.len().is_multiple_of(2))
    else {
        return call.fail(&arity_error("xadd"));
    };
    if new_id == NewId::Exactly(StreamId::MIN) {
        return call.fail("ERR The ID specified in XADD must be greater than 0-0");
    }
    let stream = call.edit::<Stream>(key)?;
    let last_id = stream.map(|stream| stream.entries().counters().last_id);
    if last_id.is_none() && options.no_mkstream {
        call.reply.null();
        return Ok(());
    }
    let id = match free_id(last_id.unwrap_or_default(), new_id, call.now_ms()) {
        Ok(id) => id,
        Err(error) => return call.fail(error),
    };
    if words.iter().map(<[u8]>::len).sum::<usize>() > MAX_NODE_BYTES {
        return call.fail("ERR Elements are too large to be stored");
    }
    let limits = NodeLimits {
        max_bytes: call.keyspace.settings.stream_node_max_bytes,
        max_entries: call.keyspace.settings.stream_node_max_entries,
    };
    let mut stream = call.edit_or_new::<Stream>(key)?;
    stream.parts_mut().0.push(id, words, limits);
    let trimmed = options.trim.map(|options| trim(&mut stream, options));
    drop(stream);

    call.reply.bulk(id.text().as_ref());
    let db = call.db;
    call.modified(EventClass::Stream, "xadd", db, key);
    if trimmed.is_some_and(|(removed, _)| removed > 0) {
        call.notify(EventClass::Stream, "xtrim", db, key);
    }
    let made_id = (new_id != NewId::Exactly(id)).then_some(id);
    let trimmed_to = trimmed.and_then(|(_, kept)| kept);
    if made_id.is_some() || trimmed_to.is_some() {
        call.write_exactly(&options, made_id, trimmed_to);
    }
    call.ready(db, key);
    Ok(())
}

/// The ID of the entry to be added, or why there is none.
fn free_id(last_id: StreamId, new_id: NewId, now_ms: u64) -> Result<StreamId, &'static str> {
    const TOO_SMALL: &str =
        "ERR The ID specified in XADD is equal or smaller than the target stream top item";
    let Some(next_id) = last_id.next() else {
        return Err("ERR The stream has exhausted the last possible ID, unable to add more items");
    };
    let id = match new_id {
        NewId::Any if now_ms > last_id.ms => StreamId::new(now_ms, 0),
        NewId::Any => next_id,
        // Not beyond the millisecond.
        NewId::InMillisecond(ms) if ms == last_id.ms => StreamId::new(ms, next_id.seq),
        NewId::InMillisecond(ms) => StreamId::new(ms, 0),
        NewId::Exactly(id) => id,
    };
    if id > last_id { Ok(id) } else { Err(TOO_SMALL) }
}

pub(crate) fn xtrim(call: &mut Call<'_>) {
    let _ = trim_to(call);
}

fn trim_to(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let key = &args[1];
    let options = call.stream_options(false)?;
    let trimmed = match (call.edit::<Stream>(key)?, options.trim) {
        (Some(mut stream), Some(options)) => trim(&mut stream, options),
        _ => (0, None),
    };
    let (removed, kept) = trimmed;
    if removed > 0 {
        let db = call.db;
        call.notify(EventClass::Stream, "xtrim", db, key);
        call.changed(db, key, removed);
        if kept.is_some() {
            call.write_exactly(&options, None, kept);
        }
    }
    call.reply.integer(removed as i64);
    Ok(())
}

pub(crate) fn xdel(call: &mut Call<'_>) {
    let _ = delete(call);
}

fn delete(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let key = &args[1];
    if call.edit::<Stream>(key)?.is_none() {
        call.reply.integer(0);
        return Ok(());
    }
    let mut ids = Vec::with_capacity(args.len() - 2);
    for text in args.skip(2).iter() {
        ids.push(call.stream_id(text)?);
    }
    let deleted = match call.edit::<Stream>(key)? {
        Some(mut stream) => stream.parts_mut().0.delete(&ids),
        None => 0,
    };
    if deleted > 0 {
        let db = call.db;
        call.changed(db, key, deleted);
        call.notify(EventClass::Stream, "xdel", db, key);
    }
    call.reply.integer(deleted as i64);
    Ok(())
}

pub(crate) fn xlen(call: &mut Call<'_>) {
    let args = call.args;
    match call.view::<Stream>(&args[1]) {
        Ok(Some((stream, reply))) => reply.integer(stream.entries().len() as i64),
        Ok(None) => call.reply.integer(0),
        Err(Answered) => {}
    }
}

pub(crate) fn xrange(call: &mut Call<'_>) {
    let args = call.args;
    let _ = range(call, &args[2], &args[3], false);
}

pub(crate) fn xrevrange(call: &mut Call<'_>) {
    let args = call.args;
    let _ = range(call, &args[3], &args[2], true);
}

fn range(call: &mut Call<'_>, first: &[u8], last: &[u8], backwards: bool) -> Result<(), Answered> {
    let first = call.first_stream_id(first)?;
    let last = call.last_stream_id(last)?;
    let args = call.args;
    let mut max = usize::MAX;
    let mut words = args.skip(4).iter();
    while let Some(word) = words.next() {
        match words.next() {
            Some(count) if word.eq_ignore_ascii_case(b"COUNT") => {
                max = at_most(call.whole(count)?);
            }
            _ => return call.fail(SYNTAX_ERROR),
        }
    }
    match call.view::<Stream>(&args[1])? {
        None => call.reply.array(0),
        Some((_, reply)) if max == 0 => reply.null_array(),
        Some((stream, reply)) => {
            let entries = stream.entries().range(first, last);
            if backwards {
                reply_entries(reply, entries.rev().take(max));
            } else {
                reply_entries(reply, entries.take(max));
            }
        }
    }
    Ok(())
}

/// A count in a request as a limit; a negative one is 0.
pub(super) fn at_most(count: i64) -> usize {
    usize::try_from(count.max(0)).unwrap_or(usize::MAX)
}

/// Answers with entries. Returns how many.
pub(super) fn reply_entries<'a>(
    reply: &mut Reply,
    entries: impl Iterator<Item = Entry<'a>>,
) -> usize {
    let len_at = reply.deferred_array();
    let mut len = 0;
    for entry in entries {
        reply_entry(reply, entry);
        len += 1;
    }
    reply.set_array_len(len_at, len);
    len
}

/// Answers with an entry: its ID, its fields and values.
pub(super) fn reply_entry(reply: &mut Reply, entry: Entry<'_>) {
    reply.array(2);
    reply.bulk(entry.id.text().as_ref());
    reply.array(entry.fields.len() * 2);
    for (field, value) in entry.fields {
        let buffer = &mut itoa::Buffer::new();
        reply.bulk(field.text(buffer));
        reply.bulk(value.text(buffer));
    }
}

pub(crate) fn xsetid(call: &mut Call<'_>) {
    let _ = set_id(call);
}

fn set_id(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let (key, last_id) = (&args[1], call.stream_id(&args[2])?);
    let (mut entries_added, mut max_deleted_id) = (None, None);
    let mut words = args.skip(3).iter();
    while let Some(word) = words.next() {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        match words.next() {
            Some(number) if is("ENTRIESADDED") => {
                let Ok(number) = u64::try_from(call.whole(number)?) else {
                    return call.fail("ERR entries_added must be positive");
                };
                entries_added = Some(number);
            }
            Some(id) if is("MAXDELETEDID") => {
                let id = call.stream_id(id)?;
                if last_id < id {
                    return call.fail(
                        "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                    );
                }
                max_deleted_id = Some(id);
            }
            _ => return call.fail(SYNTAX_ERROR),
        }
    }
    let Some(mut stream) = call.edit::<Stream>(key)? else {
        return call.fail("ERR no such key");
    };
    let (entries, _) = stream.parts_mut();
    let length = entries.len();
    let error = if entries.last_entry_id().is_some_and(|last| last_id < last) {
        Some("ERR The ID specified in XSETID is smaller than the target stream top item")
    } else if length > 0 && entries_added.is_some_and(|added| added < length) {
        Some("ERR The entries_added specified in XSETID is smaller than the target stream length")
    } else {
        let max_deleted_id = max_deleted_id.filter(|id| *id != StreamId::MIN);
        entries.set_last_id(last_id, entries_added, max_deleted_id);
        None
    };
    drop(stream);
    if let Some(error) = error {
        return call.fail(error);
    }
    call.reply.ok();
    // Redis does not tell WATCH.
    call.effects.dirty += 1;
    let db = call.db;
    call.notify(EventClass::Stream, "xsetid", db, key);
    Ok(())
}
