//! Streams: XREAD and XREADGROUP.

use lastsave_resp::{Args, ArgsBuf, Reply};

use super::SYNTAX_ERROR;
use super::streams::{at_most, reply_entries, reply_entry};
use crate::Call;
use crate::call::{Answered, Block, BlockedOn, Blocking, EventClass, TimedOut};
use crate::values::Stream;
use crate::values::stream::{Entries, Group, Name, StreamId};

/// How many entries a client that had to wait gets at most, if it does not say.
const COUNT_AFTER_WAITING: usize = 1000;

/// What XREADGROUP asks for with `>`.
const NEW_ENTRIES: StreamId = StreamId::MAX;

/// What a request asks for.
struct Read<'a> {
    /// The names of a group and a consumer.
    group: Option<(&'a [u8], &'a [u8])>,
    /// The most entries of each stream.
    max: Option<usize>,
    /// How long to wait; 0 for ever.
    wait_ms: Option<u64>,
    /// Entries are not pending once they are delivered.
    no_ack: bool,
    /// The index of the first key.
    keys_at: usize,
    keys: Vec<&'a [u8]>,
    /// As many as keys.
    ids: Args<'a>,
}

/// What was delivered of a stream and has to be written.
struct Delivered {
    created_consumer: bool,
    ids: Vec<StreamId>,
    /// The last ID and the entries read of the group, if they changed with nothing made pending.
    moved_to: Option<(StreamId, i64)>,
}

pub(crate) fn xread(call: &mut Call<'_>) {
    let _ = read(call, false);
}

pub(crate) fn xreadgroup(call: &mut Call<'_>) {
    let _ = read(call, true);
    // What it did is written as other commands.
    call.effects.suppressed = true;
}

fn read(call: &mut Call<'_>, with_group: bool) -> Result<(), Answered> {
    let read = parse(call, with_group)?;
    let ids = if call.blocking == Blocking::Again {
        let ids = awaited_ids(call, &read)?;
        if serve_one(call, &read, &ids)? {
            return Ok(());
        }
        ids
    } else {
        let ids = wanted_ids(call, &read)?;
        if serve_all(call, &read, &ids)? {
            return Ok(());
        }
        ids
    };
    match read.wait_ms {
        Some(wait_ms) if call.blocking != Blocking::No => block(call, &read, &ids, wait_ms),
        _ => call.reply.null_array(),
    }
    Ok(())
}

fn parse<'a>(call: &mut Call<'a>, with_group: bool) -> Result<Read<'a>, Answered> {
    let args = call.args;
    let mut read = Read {
        group: None,
        max: None,
        wait_ms: None,
        no_ack: false,
        keys_at: 0,
        keys: Vec::new(),
        ids: args.skip(args.len()),
    };
    let mut at = 1;
    while let Some(word) = args.get(at) {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        let more = args.len() - 1 - at;
        if is("BLOCK") && more > 0 {
            at += 1;
            let Some(wait_ms) = lastsave_resp::parse_i64(&args[at]) else {
                return call.fail("ERR timeout is not an integer or out of range");
            };
            let Ok(wait_ms) = u64::try_from(wait_ms) else {
                return call.fail("ERR timeout is negative");
            };
            read.wait_ms = Some(wait_ms);
        } else if is("COUNT") && more > 0 {
            at += 1;
            let count = at_most(call.whole(&args[at])?);
            read.max = (count > 0).then_some(count);
        } else if is("STREAMS") && more > 0 {
            if !more.is_multiple_of(2) {
                return call.fail(
                    "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.",
                );
            }
            read.keys_at = at + 1;
            read.keys = args.skip(at + 1).iter().take(more / 2).collect();
            read.ids = args.skip(at + 1 + more / 2);
            break;
        } else if is("GROUP") && more > 1 {
            if !with_group {
                return call.fail(
                    "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
                );
            }
            read.group = args.get(at + 1).zip(args.get(at + 2));
            at += 2;
        } else if is("NOACK") {
            if !with_group {
                return call.fail(
                    "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
                );
            }
            read.no_ack = true;
        } else {
            return call.fail(SYNTAX_ERROR);
        }
        at += 1;
    }
    if read.keys.is_empty() {
        return call.fail(SYNTAX_ERROR);
    }
    if with_group && read.group.is_none() {
        return call.fail("ERR Missing GROUP option for XREADGROUP");
    }
    Ok(read)
}

/// The IDs to read behind, key by key, or what is wrong with the keys or the IDs.
fn wanted_ids(call: &mut Call<'_>, read: &Read<'_>) -> Result<Vec<StreamId>, Answered> {
    let mut ids = Vec::with_capacity(read.keys.len());
    for (key, text) in read.keys.iter().zip(read.ids.iter()) {
        let stream = call.view::<Stream>(key)?.map(|(stream, _)| stream);
        let last_id = stream.map(|stream| stream.entries().counters().last_id);
        if let Some((group, _)) = read.group
            && stream.is_none_or(|stream| stream.groups().get(group).is_none())
        {
            call.reply.error_bytes(
                &[
                    b"NOGROUP No such key '",
                    *key,
                    b"' or consumer group '",
                    group,
                    b"' in XREADGROUP with GROUP option",
                ]
                .concat(),
            );
            return Err(Answered);
        }
        ids.push(match (text, read.group) {
            (b"$", None) => last_id.unwrap_or_default(),
            (b"$", Some(_)) => {
                return call.fail(
                    "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of \
                     this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would \
                     just return an empty result set.",
                );
            }
            (b">", Some(_)) => NEW_ENTRIES,
            (b">", None) => {
                return call.fail(
                    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> \
                     option.",
                );
            }
            _ => call.stream_id(text)?,
        });
    }
    Ok(ids)
}

/// The IDs of a request that has waited: they were concrete, or `>`.
fn awaited_ids(call: &mut Call<'_>, read: &Read<'_>) -> Result<Vec<StreamId>, Answered> {
    let mut ids = Vec::with_capacity(read.keys.len());
    for text in read.ids.iter() {
        ids.push(match text {
            b">" => NEW_ENTRIES,
            _ => call.stream_id(text)?,
        });
    }
    Ok(ids)
}

/// Answers with what every stream has. Returns whether any had something; if none, nothing was answered.
fn serve_all(call: &mut Call<'_>, read: &Read<'_>, ids: &[StreamId]) -> Result<bool, Answered> {
    let len_at = call.reply.deferred_array();
    let mut served = 0;
    for (key, id) in read.keys.iter().zip(ids) {
        let Some((stream, _)) = call.view::<Stream>(key)? else {
            continue;
        };
        let group = read.group.and_then(|(group, _)| stream.groups().get(group));
        let history = group.is_some() && *id != NEW_ENTRIES;
        let after = match group {
            Some(group) if !history => group.last_id,
            _ => *id,
        };
        if !history
            && stream
                .entries()
                .last_entry_id()
                .is_none_or(|last| last <= after)
        {
            continue;
        }
        served += 1;
        serve(call, read, key, after, history, read.max)?;
    }
    if served > 0 {
        call.reply.set_map_len(len_at, served);
    }
    Ok(served > 0)
}

/// What a client that waited for a key finds there.
enum Found {
    NoStream,
    NoGroup,
    NothingNew,
    /// Entries behind this ID.
    Behind(StreamId),
}

fn look(call: &mut Call<'_>, read: &Read<'_>, key: &[u8], id: StreamId) -> Result<Found, Answered> {
    if !call.holds::<Stream>(key) {
        return Ok(Found::NoStream);
    }
    let Some(stream) = call.edit::<Stream>(key)? else {
        return Ok(Found::NoStream);
    };
    let after = match read.group {
        None => id,
        Some((group, _)) => match stream.groups().get(group) {
            Some(group) => group.last_id,
            None => return Ok(Found::NoGroup),
        },
    };
    // As in Redis, an entry that came and was deleted at once is something: an empty answer.
    Ok(if stream.entries().counters().last_id > after {
        Found::Behind(after)
    } else {
        Found::NothingNew
    })
}

/// Answers with what the first stream has that was waited for successfully. Returns whether there was one.
fn serve_one(call: &mut Call<'_>, read: &Read<'_>, ids: &[StreamId]) -> Result<bool, Answered> {
    for (key, id) in read.keys.iter().zip(ids) {
        if call.passes_over(key) {
            continue;
        }
        match look(call, read, key, *id)? {
            Found::NothingNew => {}
            Found::NoStream if read.group.is_none() => {}
            Found::NoStream => {
                return call.fail("UNBLOCKED the stream key no longer exists");
            }
            Found::NoGroup => {
                return call.fail(
                    "NOGROUP the consumer group this client was blocked on no longer exists",
                );
            }
            Found::Behind(after) => {
                let len_at = call.reply.deferred_array();
                let max = read.max.unwrap_or(COUNT_AFTER_WAITING);
                serve(call, read, key, after, false, Some(max))?;
                call.reply.set_map_len(len_at, 1);
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Answers with the entries of one stream behind `after`: for a group, of the consumer's history or with deliveries.
fn serve(
    call: &mut Call<'_>,
    read: &Read<'_>,
    key: &[u8],
    after: StreamId,
    history: bool,
    max: Option<usize>,
) -> Result<(), Answered> {
    let now_ms = call.now_ms() as i64;
    let Some((mut stream, reply)) = call.edit_and_reply::<Stream>(key)? else {
        return Ok(());
    };
    if reply.protocol() == lastsave_resp::Protocol::Resp2 {
        reply.array(2);
    }
    reply.bulk(key);
    let first = after.next().unwrap_or_default();
    let max = max.unwrap_or(usize::MAX);
    let Some((group_name, consumer_name)) = read.group else {
        let entries = stream.entries().range(first, StreamId::MAX).take(max);
        reply_entries(reply, entries);
        return Ok(());
    };
    let (entries, groups) = stream.parts_mut();
    let Some(mut group) = groups.get_mut(group_name) else {
        return Ok(());
    };
    let seen = group.see_consumer(consumer_name, now_ms);
    let created = match seen {
        Some(_) => None,
        None => group.create_consumer(consumer_name, now_ms),
    };
    let created_consumer = created.is_some();
    let Some(consumer) = seen.or(created) else {
        return Ok(());
    };
    let mut delivered = Delivered {
        created_consumer,
        ids: Vec::new(),
        moved_to: None,
    };
    if history {
        reply_history(
            reply,
            entries,
            &mut group,
            consumer_name,
            first,
            max,
            now_ms,
        );
    } else {
        let owner = (!read.no_ack).then_some((&consumer, now_ms));
        deliver(
            reply,
            entries,
            &mut group,
            owner,
            first,
            max,
            &mut delivered,
        );
    }
    drop(group);
    drop(stream);
    tell(call, read, key, &delivered);
    Ok(())
}

/// Answers with entries pending for a consumer, which are delivered once more.
fn reply_history(
    reply: &mut Reply,
    entries: &Entries,
    group: &mut Group,
    consumer: &[u8],
    first: StreamId,
    max: usize,
    now_ms: i64,
) {
    let pending = group.consumer(consumer);
    let ids: Vec<StreamId> = pending
        .into_iter()
        .flat_map(|consumer| consumer.pending_from(first))
        .take(max)
        .collect();
    reply.array(ids.len());
    for id in ids {
        if let Some(entry) = entries.range(id, id).next() {
            reply_entry(reply, entry);
            let deliveries = group.pending(id).map_or(0, |pending| pending.deliveries);
            group.redeliver(id, now_ms, deliveries.wrapping_add(1));
        } else {
            reply.array(2);
            reply.bulk(id.text().as_ref());
            reply.null_array();
        }
    }
}

/// Answers with entries that the group has not delivered yet, and makes them pending for the consumer, if told.
fn deliver(
    reply: &mut Reply,
    entries: &Entries,
    group: &mut Group,
    owner: Option<(&Name, i64)>,
    first: StreamId,
    max: usize,
    delivered: &mut Delivered,
) {
    let len_at = reply.deferred_array();
    let mut len = 0;
    for entry in entries.range(first, StreamId::MAX).take(max) {
        let id = entry.id;
        if id > group.last_id {
            group.entries_read = entries.entries_read_after(group, id);
            group.last_id = id;
        }
        match owner {
            Some((consumer, now_ms)) => {
                group.assign(id, consumer, now_ms, 1);
                delivered.ids.push(id);
            }
            None => delivered.moved_to = Some((group.last_id, group.entries_read)),
        }
        reply_entry(reply, entry);
        len += 1;
    }
    reply.set_array_len(len_at, len);
}

/// Counts what was done for a group, and has it written as commands that do the same whenever they are run.
fn tell(call: &mut Call<'_>, read: &Read<'_>, key: &[u8], delivered: &Delivered) {
    let Some((group, consumer)) = read.group else {
        return;
    };
    let db = call.db;
    if delivered.created_consumer {
        call.effects.dirty += 1;
        call.notify(EventClass::Stream, "xgroup-createconsumer", db, key);
        if read.no_ack {
            call.propagate_instead(
                db,
                [&b"XGROUP"[..], b"CREATECONSUMER", key, group, consumer],
            );
        }
    }
    for id in &delivered.ids {
        let text = id.text();
        let now_ms = call.now_ms() as i64;
        call.write_claim(key, group, consumer, text.as_ref(), (now_ms, 1), *id);
    }
    if let Some((last_id, entries_read)) = delivered.moved_to {
        call.write_group_position(key, group, last_id, entries_read);
    }
    // Redis does not count it where the client had to wait.
    call.effects.dirty += u64::from(call.blocking != Blocking::Again);
}

fn block(call: &mut Call<'_>, read: &Read<'_>, ids: &[StreamId], wait_ms: u64) {
    let args = call.args;
    let ids_at = read.keys_at + read.keys.len();
    let now = args.iter().enumerate().map(|(at, word)| match word {
        b"$" if at >= ids_at => ids[at - ids_at].to_string().into_bytes(),
        _ => word.to_vec(),
    });
    let has_open_ids = read.ids.iter().any(|text| text == b"$");
    let request: Option<ArgsBuf> = has_open_ids.then(|| now.collect());
    call.effects.block = Some(Block {
        keys: read.keys.iter().map(|key| key.to_vec()).collect(),
        kind: BlockedOn::Stream,
        deadline_us: (wait_ms > 0)
            .then(|| call.now_us.saturating_add(wait_ms.saturating_mul(1000))),
        on_timeout: TimedOut::NullArray,
        also_when_deleted: read.group.is_some(),
        request,
    });
}

impl Call<'_> {
    /// Has a pending entry written as a claim of it that does the same whenever it is run: `times` are when it was
    /// delivered and how often.
    pub(super) fn write_claim(
        &mut self,
        key: &[u8],
        group: &[u8],
        consumer: &[u8],
        id: &[u8],
        times: (i64, u64),
        last_id: StreamId,
    ) {
        let (delivered_at_ms, deliveries) = times;
        let db = self.db;
        self.propagate_instead(
            db,
            [
                &b"XCLAIM"[..],
                key,
                group,
                consumer,
                b"0",
                id,
                b"TIME",
                itoa::Buffer::new().format(delivered_at_ms).as_bytes(),
                b"RETRYCOUNT",
                itoa::Buffer::new().format(deliveries as i64).as_bytes(),
                b"FORCE",
                b"JUSTID",
                b"LASTID",
                last_id.text().as_ref(),
            ],
        );
    }

    /// Has written how far a group has read.
    pub(super) fn write_group_position(
        &mut self,
        key: &[u8],
        group: &[u8],
        last_id: StreamId,
        entries_read: i64,
    ) {
        let db = self.db;
        self.propagate_instead(
            db,
            [
                &b"XGROUP"[..],
                b"SETID",
                key,
                group,
                last_id.text().as_ref(),
                b"ENTRIESREAD",
                itoa::Buffer::new().format(entries_read).as_bytes(),
            ],
        );
    }
}

#[cfg(test)]
mod tests {
    use lastsave_resp::split_words;

    use super::*;
    use crate::{Effects, Handler, Keyspace, Origin, resolve};

    struct Waiting {
        keyspace: Keyspace,
        effects: Effects,
    }

    impl Waiting {
        fn call(&mut self, blocking: Blocking, line: &str) -> String {
            let words: ArgsBuf = split_words(line.as_bytes()).unwrap().iter().collect();
            let Handler::Data(handler) = resolve(words.as_args()).unwrap().command.handler else {
                panic!("{line}");
            };
            let mut reply = Reply::default();
            let awaited = self.effects.awaited.take();
            self.effects.clear();
            self.effects.awaited = awaited;
            handler(&mut Call {
                args: words.as_args(),
                keyspace: &mut self.keyspace,
                db: 0,
                now_us: 5_000_000,
                origin: Origin::Client,
                blocking,
                reply: &mut reply,
                effects: &mut self.effects,
            });
            reply.bytes().escape_ascii().to_string()
        }

        fn run(&mut self, lines: &[&str]) {
            for line in lines {
                let reply = self.call(Blocking::No, line);
                assert!(!reply.starts_with('-'), "{line}: {reply}");
            }
        }

        fn block(&mut self) -> Block {
            self.effects.block.take().unwrap()
        }

        fn written(&self) -> Vec<String> {
            let words = |args: &ArgsBuf| {
                let words = args.as_args();
                let words = words.iter().map(|word| word.escape_ascii().to_string());
                words.collect::<Vec<_>>().join(" ")
            };
            self.effects
                .instead
                .iter()
                .map(|it| words(&it.args))
                .collect()
        }
    }

    fn waiting(lines: &[&str]) -> Waiting {
        let mut waiting = Waiting {
            keyspace: Keyspace::new(1, 0),
            effects: Effects::default(),
        };
        waiting.run(lines);
        waiting
    }

    #[test]
    fn xread_waits_behind_what_is_last_now() {
        let mut it = waiting(&["xadd s 1-1 a b", "xadd s 2-2 a b"]);
        let line = "xread block 70 streams s t $ $";
        assert_eq!(it.call(Blocking::Yes, line), "");
        let block = it.block();
        assert_eq!(block.keys, [b"s", b"t"]);
        assert_eq!(block.kind, BlockedOn::Stream);
        assert_eq!(block.deadline_us, Some(5_070_000));
        assert_eq!(block.on_timeout, TimedOut::NullArray);
        assert!(!block.also_when_deleted);
        let request = block.request.unwrap();
        let words: Vec<&[u8]> = request.as_args().iter().skip(3).collect();
        assert_eq!(words, [&b"streams"[..], b"s", b"t", b"2-2", b"0-0"]);

        let again = "xread block 70 streams s t 2-2 0-0";
        assert_eq!(it.call(Blocking::Again, again), "");
        assert!(it.block().request.is_none());
        // A key of another type is passed over, and so is one that is gone.
        it.run(&["set t text"]);
        assert_eq!(it.call(Blocking::Again, again), "");
        it.run(&["del t", "xadd t 1-0 x y", "xadd s 3-0 x z"]);
        assert_eq!(
            it.call(Blocking::Again, again),
            r"*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n3-0\r\n*2\r\n$1\r\nx\r\n$1\r\nz\r\n"
        );
        assert!(it.effects.block.is_none());
        // Only the key that became ready counts.
        it.effects.awaited = Some(b"t".to_vec());
        let reply = it.call(Blocking::Again, again);
        assert!(
            reply.contains(r"$1\r\nt\r\n") && !reply.contains("3-0"),
            "{reply}"
        );
        assert_eq!(it.call(Blocking::No, line), r"*-1\r\n");
        it.call(Blocking::Yes, "xread block 0 streams s 9");
        let block = it.block();
        assert!(block.deadline_us.is_none() && block.request.is_none());
    }

    #[test]
    fn a_client_that_waited_gets_a_limited_number_of_entries() {
        let mut it = waiting(&[]);
        for ms in 1..=1001 {
            it.run(&[&format!("xadd s {ms}-0 a b")]);
        }
        let len = |reply: String| reply[..40].to_owned();
        let reply = it.call(Blocking::Again, "xread block 0 streams s 0");
        assert!(len(reply).contains(r"*1000\r\n"));
        let reply = it.call(Blocking::Again, "xread block 0 count 1001 streams s 0");
        assert!(len(reply).contains(r"*1001\r\n"));
    }

    #[test]
    fn xreadgroup_hears_of_deletion() {
        let mut it = waiting(&["xgroup create s g 0 mkstream"]);
        let line = "xreadgroup group g alice block 0 streams s >";
        assert_eq!(it.call(Blocking::Yes, line), "");
        let block = it.block();
        assert!(block.also_when_deleted && block.request.is_none());
        assert_eq!(it.call(Blocking::Again, line), "");
        assert!(it.effects.block.is_some());
        it.run(&["xadd s 1-0 a b"]);
        let reply = it.call(Blocking::Again, line);
        assert!(reply.contains("1-0"), "{reply}");
        // The consumer that came with it; Redis counts nothing else.
        assert_eq!(it.effects.dirty, 1);
        assert_eq!(
            it.written(),
            ["XCLAIM s g alice 0 1-0 TIME 5000 RETRYCOUNT 1 FORCE JUSTID LASTID 1-0"]
        );
        let no_group =
            r"-NOGROUP the consumer group this client was blocked on no longer exists\r\n";
        it.run(&["xgroup destroy s g"]);
        assert_eq!(it.call(Blocking::Again, line), no_group);
        let no_key = r"-UNBLOCKED the stream key no longer exists\r\n";
        it.run(&["set s text"]);
        assert_eq!(it.call(Blocking::Again, line), no_key);
        it.run(&["del s"]);
        assert_eq!(it.call(Blocking::Again, line), no_key);
        assert!(it.effects.block.is_none());
    }
}
