//! Streams: XCLAIM and XAUTOCLAIM, by which pending entries pass from consumer to consumer.

use super::SYNTAX_ERROR;
use super::streams::{at_most, reply_entry};
use crate::Call;
use crate::call::{Answered, EventClass};
use crate::values::Stream;
use crate::values::stream::{GroupMut, Name, StreamId};

/// How many pending entries XAUTOCLAIM looks at for each that it may claim.
const ATTEMPTS_PER_CLAIM: usize = 10;

/// The greatest COUNT that XAUTOCLAIM takes: Redis reserves memory for so many IDs.
const MAX_COUNT: i64 = i64::MAX / 16;

/// A change to a pending entry that has to be written.
struct Written<'a> {
    /// The ID as the request has it, if it does.
    text: Option<&'a [u8]>,
    id: StreamId,
    consumer: Vec<u8>,
    delivered_at_ms: i64,
    deliveries: u64,
}

/// What claiming did.
#[derive(Default)]
struct Claimed<'a> {
    created_consumer: bool,
    written: Vec<Written<'a>>,
    /// In the order of the answer.
    ids: Vec<StreamId>,
    /// No longer pending, because they are no longer there.
    deleted: Vec<StreamId>,
}

/// The consumer that claims, found or made when it gets its first entry.
struct Claimant<'a> {
    name: &'a [u8],
    found: Option<Name>,
    now_ms: i64,
}

impl Claimant<'_> {
    fn of(&mut self, group: &mut GroupMut<'_>, claimed: &mut Claimed<'_>) -> Name {
        let found = self
            .found
            .take()
            .or_else(|| group.see_consumer(self.name, self.now_ms));
        let name = found.unwrap_or_else(|| {
            claimed.created_consumer = true;
            let created = group.create_consumer(self.name, self.now_ms);
            created.expect("there is no consumer of this name")
        });
        self.found = Some(Name::clone(&name));
        name
    }
}

impl<'a> Claimed<'a> {
    /// Lets an entry that is no longer there be pending no longer, if it is.
    fn drop_deleted(
        &mut self,
        group: &mut GroupMut<'_>,
        id: StreamId,
        text: Option<&'a [u8]>,
    ) -> bool {
        let Some(pending) = group.pending(id) else {
            return false;
        };
        self.written.push(Written {
            text,
            id,
            consumer: pending.consumer().to_vec(),
            delivered_at_ms: pending.delivered_at_ms,
            deliveries: pending.deliveries,
        });
        group.acknowledge(id);
        self.deleted.push(id);
        true
    }

    /// Makes an entry pending for a consumer.
    fn assign(
        &mut self,
        group: &mut GroupMut<'_>,
        (id, text): (StreamId, Option<&'a [u8]>),
        consumer: &Name,
        delivered_at_ms: i64,
        deliveries: u64,
    ) {
        group.assign(id, consumer, delivered_at_ms, deliveries);
        self.ids.push(id);
        self.written.push(Written {
            text,
            id,
            consumer: consumer.to_vec(),
            delivered_at_ms,
            deliveries,
        });
    }
}

impl Call<'_> {
    /// Answers with the claimed entries, or their IDs only.
    fn reply_claimed(&mut self, ids: &[StreamId], just_ids: bool) -> Result<(), Answered> {
        let args = self.args;
        let Some((stream, reply)) = self.edit_and_reply::<Stream>(&args[1])? else {
            return Ok(());
        };
        reply.array(ids.len());
        for id in ids {
            if just_ids {
                reply.bulk(id.text().as_ref());
            } else if let Some(entry) = stream.entries().range(*id, *id).next() {
                reply_entry(reply, entry);
            }
        }
        Ok(())
    }

    /// Counts what was claimed, and has it written.
    fn tell_claimed(&mut self, claimed: &Claimed<'_>, last_id: StreamId) {
        let args = self.args;
        let (db, key, group) = (self.db, &args[1], &args[2]);
        if claimed.created_consumer {
            self.effects.dirty += 1;
            self.notify(EventClass::Stream, "xgroup-createconsumer", db, key);
        }
        for written in &claimed.written {
            let id_text = written.id.text();
            self.write_claim(
                key,
                group,
                &written.consumer,
                written.text.unwrap_or(id_text.as_ref()),
                (written.delivered_at_ms, written.deliveries),
                last_id,
            );
            self.effects.dirty += 1;
        }
        // Nothing is written as it was called.
        self.effects.suppressed = true;
    }
}

/// What XCLAIM is to do.
struct Options {
    min_idle_ms: i64,
    /// One for each of the words from the sixth on.
    ids: Vec<StreamId>,
    delivered_at_ms: i64,
    deliveries: Option<u64>,
    force: bool,
    just_ids: bool,
    last_id: StreamId,
}

fn options(call: &mut Call<'_>) -> Result<Options, Answered> {
    let args = call.args;
    let now_ms = call.now_ms() as i64;
    let min_idle_ms = number(call, &args[4], "min-idle-time argument")?.max(0);
    let ids: Vec<StreamId> = args
        .skip(5)
        .iter()
        .map_while(|text| StreamId::parse(text, 0))
        .collect();
    let mut words = args.skip(5 + ids.len()).iter();
    let mut options = Options {
        min_idle_ms,
        ids,
        delivered_at_ms: now_ms,
        deliveries: None,
        force: false,
        just_ids: false,
        last_id: StreamId::MIN,
    };
    while let Some(word) = words.next() {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        if is("FORCE") {
            options.force = true;
            continue;
        }
        if is("JUSTID") {
            options.just_ids = true;
            continue;
        }
        match words.next() {
            Some(value) if is("IDLE") => {
                let idle_ms = number(call, value, "IDLE option argument")?;
                options.delivered_at_ms = now_ms.wrapping_sub(idle_ms);
            }
            Some(value) if is("TIME") => {
                options.delivered_at_ms = number(call, value, "TIME option argument")?;
            }
            Some(value) if is("RETRYCOUNT") => {
                let count = number(call, value, "RETRYCOUNT option argument")?;
                options.deliveries = u64::try_from(count).ok();
            }
            Some(value) if is("LASTID") => options.last_id = call.stream_id(value)?,
            _ => {
                let error = [b"ERR Unrecognized XCLAIM option '", word, b"'"];
                call.reply.error_bytes(&error.concat());
                return Err(Answered);
            }
        }
    }
    // A time that cannot be is taken for now: the client's clock may be a little ahead.
    if !(0..=now_ms).contains(&options.delivered_at_ms) {
        options.delivered_at_ms = now_ms;
    }
    Ok(options)
}

fn number(call: &mut Call<'_>, text: &[u8], what: &str) -> Result<i64, Answered> {
    match lastsave_resp::parse_i64(text) {
        Some(number) => Ok(number),
        None => call.fail(&format!("ERR Invalid {what} for XCLAIM")),
    }
}

pub(crate) fn xclaim(call: &mut Call<'_>) {
    let _ = claim(call);
}

fn claim(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let (key, group_name) = (&args[1], &args[2]);
    let found = call.view::<Stream>(key)?;
    if found.is_none_or(|(stream, _)| stream.groups().get(group_name).is_none()) {
        return call.no_stream_or_group();
    }
    let options = options(call)?;
    let now_ms = call.now_ms() as i64;
    let Some(mut stream) = call.edit::<Stream>(key)? else {
        return Ok(());
    };
    let (entries, groups) = stream.parts_mut();
    let Some(mut group) = groups.get_mut(group_name) else {
        return Ok(());
    };
    let moved = options.last_id > group.last_id;
    if moved {
        group.last_id = options.last_id;
    }
    let mut claimed = Claimed::default();
    let mut claimant = Claimant {
        name: &args[3],
        found: None,
        now_ms,
    };
    for (id, text) in options.ids.iter().zip(args.skip(5).iter()) {
        let id = *id;
        if !entries.contains(id) {
            claimed.drop_deleted(&mut group, id, Some(text));
            continue;
        }
        let deliveries = match group.pending(id) {
            None if options.force => 1,
            None => continue,
            Some(pending) => {
                let idle_ms = now_ms.wrapping_sub(pending.delivered_at_ms);
                if options.min_idle_ms > 0 && idle_ms < options.min_idle_ms {
                    continue;
                }
                pending.deliveries
            }
        };
        let deliveries = match options.deliveries {
            Some(deliveries) => deliveries,
            None => deliveries.wrapping_add(u64::from(!options.just_ids)),
        };
        let consumer = claimant.of(&mut group, &mut claimed);
        let at_ms = options.delivered_at_ms;
        claimed.assign(&mut group, (id, Some(text)), &consumer, at_ms, deliveries);
    }
    let (last_id, entries_read) = (group.last_id, group.entries_read);
    drop(group);
    drop(stream);
    call.reply_claimed(&claimed.ids, options.just_ids)?;
    call.tell_claimed(&claimed, last_id);
    if moved && claimed.written.is_empty() {
        call.write_group_position(key, group_name, last_id, entries_read);
        call.effects.dirty += 1;
    }
    Ok(())
}

pub(crate) fn xautoclaim(call: &mut Call<'_>) {
    let _ = claim_from(call);
}

fn claim_from(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let (key, group_name) = (&args[1], &args[2]);
    // Redis looks for the key before anything else, and asks what it is after everything else.
    call.read(key, |_, _| ());
    let Some(min_idle_ms) = lastsave_resp::parse_i64(&args[4]) else {
        return call.fail("ERR Invalid min-idle-time argument for XAUTOCLAIM");
    };
    let mut next = Some(call.first_stream_id(&args[5])?);
    let (mut max, mut just_ids) = (100, false);
    let mut words = args.skip(6).iter();
    while let Some(word) = words.next() {
        if word.eq_ignore_ascii_case(b"JUSTID") {
            just_ids = true;
            continue;
        }
        let Some(count) = words.next().filter(|_| word.eq_ignore_ascii_case(b"COUNT")) else {
            return call.fail(SYNTAX_ERROR);
        };
        match lastsave_resp::parse_i64(count) {
            Some(count @ 1..=MAX_COUNT) => max = at_most(count),
            _ => return call.fail("ERR COUNT must be > 0"),
        }
    }
    let now_ms = call.now_ms() as i64;
    let Some(mut stream) = call.edit::<Stream>(key)? else {
        return call.no_stream_or_group();
    };
    let (entries, groups) = stream.parts_mut();
    let Some(mut group) = groups.get_mut(group_name) else {
        drop(stream);
        return call.no_stream_or_group();
    };
    let mut claimed = Claimed::default();
    let mut claimant = Claimant {
        name: &args[3],
        found: None,
        now_ms,
    };
    for _ in 0..max.saturating_mul(ATTEMPTS_PER_CLAIM) {
        if claimed.ids.len() + claimed.deleted.len() == max {
            break;
        }
        let found = next.and_then(|from| group.pending_from(from).next());
        let Some((id, pending)) = found else {
            break;
        };
        next = id.next();
        let (delivered_at_ms, deliveries) = (pending.delivered_at_ms, pending.deliveries);
        if !entries.contains(id) {
            claimed.drop_deleted(&mut group, id, None);
            continue;
        }
        if min_idle_ms > 0 && now_ms.wrapping_sub(delivered_at_ms) < min_idle_ms {
            continue;
        }
        let consumer = claimant.of(&mut group, &mut claimed);
        let deliveries = deliveries.wrapping_add(u64::from(!just_ids));
        claimed.assign(&mut group, (id, None), &consumer, now_ms, deliveries);
    }
    let cursor = next.and_then(|from| group.pending_from(from).next());
    let cursor = cursor.map_or(StreamId::MIN, |(id, _)| id);
    let last_id = group.last_id;
    drop(group);
    drop(stream);
    call.reply.array(3);
    call.reply.bulk(cursor.text().as_ref());
    call.reply_claimed(&claimed.ids, just_ids)?;
    call.reply.array(claimed.deleted.len());
    for id in &claimed.deleted {
        call.reply.bulk(id.text().as_ref());
    }
    call.tell_claimed(&claimed, last_id);
    Ok(())
}
