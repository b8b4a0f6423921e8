//! Streams: consumer groups and what is pending in them.

use super::SYNTAX_ERROR;
use super::streams::at_most;
use crate::Call;
use crate::call::{Answered, EventClass};
use crate::values::Stream;
use crate::values::stream::{Group, GroupMut, StreamId};

const NO_KEY: &str = "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use \
    the MKSTREAM option to create an empty stream automatically.";

const HELP: &[&str] = &[
    "XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CREATE <key> <groupname> <id|$> [option]",
    "    Makes a group that reads behind an ID. Options are:",
    "    * MKSTREAM",
    "      Makes an empty stream if there is none.",
    "    * ENTRIESREAD entries_read",
    "      How many entries the group counts as read.",
    "CREATECONSUMER <key> <groupname> <consumer>",
    "    Makes a consumer of a group.",
    "DELCONSUMER <key> <groupname> <consumer>",
    "    Removes a consumer and what is pending for it.",
    "DESTROY <key> <groupname>",
    "    Removes a group.",
    "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
    "    Lets a group read behind another ID.",
    "HELP",
    "    Prints this help.",
];

impl Call<'_> {
    /// Answers that there is no such key or no such group.
    pub(super) fn no_stream_or_group<T>(&mut self) -> Result<T, Answered> {
        let args = self.args;
        let error = [
            b"NOGROUP No such key '",
            &args[1],
            b"' or consumer group '",
            &args[2],
            b"'",
        ];
        self.reply.error_bytes(&error.concat());
        Err(Answered)
    }

    /// Answers that the container has no such subcommand, or not with so many words.
    pub(super) fn unknown_stream_subcommand<T>(&mut self, container: &str) -> Result<T, Answered> {
        let args = self.args;
        let name = &args[1][..args[1].len().min(128)];
        let error = [
            b"ERR unknown subcommand or wrong number of arguments for '",
            name,
            b"'. Try ",
            container.as_bytes(),
            b" HELP.",
        ];
        self.reply.error_bytes(&error.concat());
        Err(Answered)
    }

    /// Answers that a stream has no such group.
    pub(super) fn no_group<T>(&mut self, key: &[u8], group: &[u8]) -> Result<T, Answered> {
        let error = [
            b"NOGROUP No such consumer group '",
            group,
            b"' for key name '",
            key,
            b"'",
        ];
        self.reply.error_bytes(&error.concat());
        Err(Answered)
    }

    /// Lets `then` change the group that XGROUP names. A missing stream or group is answered with an error.
    fn change_group<R>(
        &mut self,
        then: impl FnOnce(&mut GroupMut<'_>) -> R,
    ) -> Result<R, Answered> {
        let args = self.args;
        let (key, name) = (&args[2], &args[3]);
        let Some(mut stream) = self.edit::<Stream>(key)? else {
            return self.fail(NO_KEY);
        };
        let (_, groups) = stream.parts_mut();
        if let Some(mut group) = groups.get_mut(name) {
            return Ok(then(&mut group));
        }
        drop(stream);
        self.no_group(key, name)
    }

    /// Counts a change that Redis tells notifications of, but not WATCH.
    fn group_changed(&mut self, event: &'static str) {
        let args = self.args;
        let db = self.db;
        self.effects.dirty += 1;
        self.notify(EventClass::Stream, event, db, &args[2]);
    }

    /// The ID in XGROUP CREATE or SETID: that of the last entry for `$`.
    fn group_id(&mut self, last_id: StreamId, strict: bool) -> Result<StreamId, Answered> {
        let args = self.args;
        let text = &args[4];
        let id = match text {
            b"$" => Some(last_id),
            _ if strict => StreamId::parse(text, 0),
            _ => StreamId::parse_bound(text, 0),
        };
        id.map_or_else(|| self.invalid_stream_id(), Ok)
    }
}

/// The options of XGROUP CREATE and SETID.
struct Options {
    make_stream: bool,
    entries_read: i64,
}

fn options(call: &mut Call<'_>, creating: bool) -> Result<Options, Answered> {
    let mut options = Options {
        make_stream: false,
        entries_read: Group::UNKNOWN_READ,
    };
    let mut words = call.args.skip(5).iter();
    while let Some(word) = words.next() {
        if creating && word.eq_ignore_ascii_case(b"MKSTREAM") {
            options.make_stream = true;
        } else if word.eq_ignore_ascii_case(b"ENTRIESREAD")
            && let Some(number) = words.next()
        {
            options.entries_read = call.whole(number)?;
            if options.entries_read < 0 && options.entries_read != Group::UNKNOWN_READ {
                return call.fail("ERR value for ENTRIESREAD must be positive or -1");
            }
        } else {
            return call.unknown_stream_subcommand("XGROUP");
        }
    }
    Ok(options)
}

pub(crate) fn help(call: &mut Call<'_>) {
    call.reply.array(HELP.len());
    for line in HELP {
        call.reply.simple(line);
    }
}

pub(crate) fn create(call: &mut Call<'_>) {
    let _ = create_group(call);
}

fn create_group(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let (db, key, name) = (call.db, &args[2], &args[3]);
    let options = options(call, true)?;
    let stream = call.edit::<Stream>(key)?;
    let last_id = stream.map(|stream| stream.entries().counters().last_id);
    if last_id.is_none() && !options.make_stream {
        return call.fail(NO_KEY);
    }
    if args.len() > 8 {
        return call.unknown_stream_subcommand("XGROUP");
    }
    let id = call.group_id(last_id.unwrap_or_default(), true)?;
    let mut stream = call.edit_or_new::<Stream>(key)?;
    let group = Group::new(id, options.entries_read);
    let added = stream.parts_mut().1.add(name, group);
    drop(stream);
    if last_id.is_none() {
        call.changed(db, key, 0);
    }
    if !added {
        return call.fail("BUSYGROUP Consumer Group name already exists");
    }
    call.reply.ok();
    call.group_changed("xgroup-create");
    Ok(())
}

pub(crate) fn setid(call: &mut Call<'_>) {
    let _ = set_group_id(call);
}

fn set_group_id(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let options = options(call, false)?;
    let stream = call.edit::<Stream>(&args[2])?;
    let last_id = stream.map(|stream| stream.entries().counters().last_id);
    call.change_group(|_| ())?;
    if args.len() != 5 && args.len() != 7 {
        return call.unknown_stream_subcommand("XGROUP");
    }
    let id = call.group_id(last_id.unwrap_or_default(), false)?;
    call.change_group(|group| {
        group.last_id = id;
        group.entries_read = options.entries_read;
    })?;
    call.reply.ok();
    call.group_changed("xgroup-setid");
    Ok(())
}

pub(crate) fn destroy(call: &mut Call<'_>) {
    let _ = destroy_group(call);
}

fn destroy_group(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let (db, key) = (call.db, &args[2]);
    let Some(mut stream) = call.edit::<Stream>(key)? else {
        return call.fail(NO_KEY);
    };
    let removed = stream.parts_mut().1.remove(&args[3]);
    drop(stream);
    call.reply.integer(i64::from(removed));
    if removed {
        call.group_changed("xgroup-destroy");
        // Those who wait for the group get an error.
        call.ready(db, key);
    }
    Ok(())
}

pub(crate) fn createconsumer(call: &mut Call<'_>) {
    let args = call.args;
    let now_ms = call.now_ms() as i64;
    let created = call.change_group(|group| group.create_consumer(&args[4], now_ms).is_some());
    let Ok(created) = created else { return };
    if created {
        call.group_changed("xgroup-createconsumer");
    }
    call.reply.integer(i64::from(created));
}

pub(crate) fn delconsumer(call: &mut Call<'_>) {
    let args = call.args;
    let Ok(pending) = call.change_group(|group| group.delete_consumer(&args[4])) else {
        return;
    };
    if pending.is_some() {
        call.group_changed("xgroup-delconsumer");
    }
    call.reply.integer(pending.unwrap_or(0) as i64);
}

pub(crate) fn xack(call: &mut Call<'_>) {
    let _ = acknowledge(call);
}

fn acknowledge(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let (key, name) = (&args[1], &args[2]);
    let found = call.view::<Stream>(key)?;
    if found.is_none_or(|(stream, _)| stream.groups().get(name).is_none()) {
        call.reply.integer(0);
        return Ok(());
    }
    let mut ids = Vec::with_capacity(args.len() - 3);
    for text in args.skip(3).iter() {
        ids.push(call.stream_id(text)?);
    }
    let mut acknowledged = 0;
    if let Some(mut stream) = call.edit::<Stream>(key)?
        && let Some(mut group) = stream.parts_mut().1.get_mut(name)
    {
        for id in ids {
            acknowledged += u64::from(group.acknowledge(id));
        }
    }
    // Redis does not tell WATCH.
    call.effects.dirty += acknowledged;
    call.reply.integer(acknowledged as i64);
    Ok(())
}

/// The entries that XPENDING lists.
struct Listed<'a> {
    min_idle_ms: i64,
    first: StreamId,
    last: StreamId,
    max: usize,
    consumer: Option<&'a [u8]>,
}

pub(crate) fn xpending(call: &mut Call<'_>) {
    let args = call.args;
    let _ = match args.len() {
        3 => pending_summary(call),
        6..=9 => pending_list(call),
        _ => call.fail(SYNTAX_ERROR),
    };
}

fn pending_summary(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let Some((stream, reply)) = call.view::<Stream>(&args[1])? else {
        return call.no_stream_or_group();
    };
    let Some(group) = stream.groups().get(&args[2]) else {
        return call.no_stream_or_group();
    };
    reply.array(4);
    reply.integer(group.pending_len() as i64);
    let mut pending = group.pending_from(StreamId::MIN);
    let Some((first, _)) = pending.next() else {
        reply.null();
        reply.null();
        reply.null_array();
        return Ok(());
    };
    let last = pending.next_back().map_or(first, |(last, _)| last);
    reply.bulk(first.text().as_ref());
    reply.bulk(last.text().as_ref());
    let len_at = reply.deferred_array();
    let mut len = 0;
    for (name, consumer) in group.consumers() {
        if consumer.pending_len() > 0 {
            reply.array(2);
            reply.bulk(name);
            reply.bulk_integer(consumer.pending_len() as i64);
            len += 1;
        }
    }
    reply.set_array_len(len_at, len);
    Ok(())
}

fn listed<'a>(call: &mut Call<'a>) -> Result<Listed<'a>, Answered> {
    let args = call.args;
    let mut min_idle_ms = 0;
    let mut at = 3;
    if args[3].eq_ignore_ascii_case(b"IDLE") {
        min_idle_ms = call.whole(&args[4])?;
        if args.len() < 8 {
            return call.fail(SYNTAX_ERROR);
        }
        at = 5;
    }
    Ok(Listed {
        min_idle_ms,
        max: at_most(call.whole(&args[at + 2])?),
        first: call.first_stream_id(&args[at])?,
        last: call.last_stream_id(&args[at + 1])?,
        consumer: args.get(at + 3),
    })
}

fn pending_list(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let listed = listed(call)?;
    let now_ms = call.now_ms() as i64;
    let Some((stream, reply)) = call.view::<Stream>(&args[1])? else {
        return call.no_stream_or_group();
    };
    let Some(group) = stream.groups().get(&args[2]) else {
        return call.no_stream_or_group();
    };
    let consumer = listed.consumer.map(|name| group.consumer(name));
    let ids: Box<dyn Iterator<Item = StreamId>> = match consumer {
        None => Box::new(group.pending_from(listed.first).map(|(id, _)| id)),
        Some(None) => Box::new(std::iter::empty()),
        Some(Some(consumer)) => Box::new(consumer.pending_from(listed.first)),
    };
    let found = ids
        .take_while(|id| *id <= listed.last)
        .filter_map(|id| Some((id, group.pending(id)?)))
        .map(|(id, pending)| (id, pending, now_ms.wrapping_sub(pending.delivered_at_ms)))
        .filter(|(_, _, idle_ms)| listed.min_idle_ms == 0 || *idle_ms >= listed.min_idle_ms)
        .take(listed.max);
    let len_at = reply.deferred_array();
    let mut len = 0;
    for (id, pending, idle_ms) in found {
        reply.array(4);
        reply.bulk(id.text().as_ref());
        reply.bulk(pending.consumer());
        reply.integer(idle_ms.max(0));
        reply.integer(pending.deliveries as i64);
        len += 1;
    }
    reply.set_array_len(len_at, len);
    Ok(())
}
