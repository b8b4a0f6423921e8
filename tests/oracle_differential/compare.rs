//! What counts as the same answer: all that Redis promises, order where there is one, and time to within seconds.

use crate::Words;
use crate::value::Value;

/// How far apart the clocks of two answers may be, in milliseconds.
const CLOCK_MS: i64 = 20_000;

/// What is known of a connection while its answers are compared.
#[derive(Default)]
pub(crate) struct Comparison {
    /// The commands of an open transaction.
    queued: Option<Vec<Words>>,
}

impl Comparison {
    /// Whether both answers to a request say the same.
    pub(crate) fn is_same(&mut self, request: &Words, ours: &Value, redis: &Value) -> bool {
        let name = name_of(request);
        if let Some(queued) = &mut self.queued {
            match name.as_str() {
                "exec" => {
                    let queued = self.queued.take().unwrap_or_default();
                    return is_same_transaction(&queued, ours, redis);
                }
                "discard" | "reset" => self.queued = None,
                _ if redis.text() == b"QUEUED" => queued.push(request.clone()),
                _ => {}
            }
            return ours == redis;
        }
        if name == "multi" && !redis.is_error() {
            self.queued = Some(Vec::new());
        }
        is_same_answer(request, ours, redis)
    }
}

fn is_same_transaction(queued: &[Words], ours: &Value, redis: &Value) -> bool {
    let (Value::Array(_, our_items), Value::Array(_, items)) = (ours, redis) else {
        return ours == redis;
    };
    our_items.len() == items.len()
        && items.len() == queued.len()
        && queued
            .iter()
            .zip(our_items.iter().zip(items))
            .all(|(request, (ours, redis))| is_same_answer(request, ours, redis))
}

pub(crate) fn name_of(request: &Words) -> String {
    let name = request.first().map_or(&b""[..], Vec::as_slice);
    String::from_utf8_lossy(name).to_ascii_lowercase()
}

fn is_same_answer(request: &Words, ours: &Value, redis: &Value) -> bool {
    if ours == redis {
        return true;
    }
    if ours.is_error() || redis.is_error() {
        return false;
    }
    let has = |word: &str| {
        request
            .iter()
            .any(|given| given.eq_ignore_ascii_case(word.as_bytes()))
    };
    match name_of(request).as_str() {
        // The order of a hash table is its own. Where there is another order, DUMP shows it.
        "smembers" | "sinter" | "sunion" | "sdiff" | "keys" | "hkeys" | "hvals" => {
            sorted(ours, 1) == sorted(redis, 1)
        }
        "hgetall" => sorted(ours, 2) == sorted(redis, 2),
        "sscan" | "scan" => is_same_scan(request, ours, redis, 1),
        "hscan" | "zscan" => is_same_scan(request, ours, redis, 2),
        // A set that is not sorted.
        "sort" | "sort_ro" if has("BY") => has("LIMIT") || sorted(ours, 1) == sorted(redis, 1),
        "hrandfield" | "srandmember" | "zrandmember" | "spop" => shape(ours) == shape(redis),
        "dump" => matches!(redis, Value::Bulk(_)) == matches!(ours, Value::Bulk(_)),
        "ttl" | "expiretime" | "pttl" | "pexpiretime" => match (ours, redis) {
            (Value::Integer(ours), Value::Integer(redis)) => {
                *ours > 0 && *redis > 0 && (ours - redis).abs() < CLOCK_MS
            }
            _ => false,
        },
        // How long ago something was delivered or seen.
        "xpending" | "xinfo" => is_same_but_for_time(ours, redis),
        _ => false,
    }
}

fn sorted(value: &Value, step: usize) -> Vec<Vec<Value>> {
    let items = value.items();
    let mut items: Vec<Vec<Value>> = items.chunks(step).map(<[Value]>::to_vec).collect();
    items.sort();
    items
}

/// Cursors are a server's own: only an iteration that is over at once can be compared.
fn is_same_scan(request: &Words, ours: &Value, redis: &Value, step: usize) -> bool {
    let starts = request
        .get(1..3)
        .is_some_and(|words| words.iter().any(|word| word == b"0"));
    let ([our_cursor, ours], [cursor, redis]) = (ours.items(), redis.items()) else {
        return false;
    };
    let is_whole = starts && our_cursor.text() == b"0" && cursor.text() == b"0";
    !is_whole || sorted(ours, step) == sorted(redis, step)
}

/// How many of what there are.
fn shape(value: &Value) -> Value {
    match value {
        Value::Array(kind, items) => Value::Array(*kind, items.iter().map(shape).collect()),
        Value::Bulk(_) => Value::Bulk(Vec::new()),
        Value::Line(kind, _) => Value::Line(*kind, Vec::new()),
        other => other.clone(),
    }
}

fn is_same_but_for_time(ours: &Value, redis: &Value) -> bool {
    match (ours, redis) {
        (Value::Array(our_kind, ours), Value::Array(kind, redis)) => {
            our_kind == kind
                && ours.len() == redis.len()
                && ours
                    .iter()
                    .zip(redis)
                    .all(|(ours, redis)| is_same_but_for_time(ours, redis))
        }
        (Value::Integer(ours), Value::Integer(redis)) => {
            (ours - redis).abs() < CLOCK_MS && (ours == redis || *redis >= 0)
        }
        _ => ours == redis,
    }
}

/// Whether both logs hold the same commands, a time in milliseconds being the same as one soon after, and what was
/// picked at random from `scratch` as good as anything else.
pub(crate) fn is_same_log_entry(ours: &Words, redis: &Words) -> bool {
    if redis.get(1).is_some_and(|key| key == b"scratch") {
        return ours.len() == redis.len() && ours[..2] == redis[..2];
    }
    ours.len() == redis.len()
        && ours
            .iter()
            .zip(redis)
            .all(|(ours, redis)| ours == redis || is_same_time(ours, redis))
}

fn is_same_time(ours: &[u8], redis: &[u8]) -> bool {
    let time = |text: &[u8]| {
        let text = std::str::from_utf8(text)
            .ok()
            .filter(|text| text.len() == 13)?;
        text.parse::<i64>().ok()
    };
    time(ours)
        .zip(time(redis))
        .is_some_and(|(ours, redis)| (ours - redis).abs() < CLOCK_MS)
}

/// Two values that may differ by a clock.
pub(crate) fn is_same_ttl(ours: &Value, redis: &Value) -> bool {
    ours == redis || is_same_answer(&vec![b"PTTL".to_vec()], ours, redis)
}

type Event = (Vec<u8>, Vec<u8>);

/// Events in order, and those of keys that a read missed, sorted: SORT looks keys up in the order of a hash table.
pub(crate) fn told_apart(events: Vec<Event>) -> (Vec<Event>, Vec<Event>) {
    let is_about = |(channel, text): &Event, name: &[u8]| channel.ends_with(name) || text == name;
    let (mut misses, mut events): (Vec<_>, Vec<_>) = events
        .into_iter()
        .partition(|event| is_about(event, b"keymiss"));
    misses.sort();
    sort_runs(&mut events, |event| is_about(event, b"expired"));
    (events, misses)
}

/// A log without BITFIELD where it may have stored nothing. KEYS and SCAN remove what has expired in the order of a hash
/// table.
pub(crate) fn in_fixed_order(mut log: Vec<Words>) -> Vec<Words> {
    log.retain(|entry| !is_failing_bitfield(entry));
    sort_runs(&mut log, |entry| entry[0] == b"DEL");
    log
}

/// Sorts neighbours of which this is true.
fn sort_runs<T: Ord>(list: &mut [T], is_of_run: impl Fn(&T) -> bool) {
    for run in list.chunk_by_mut(|a, b| is_of_run(a) && is_of_run(b)) {
        run.sort();
    }
}

pub(crate) fn is_failing_bitfield(request: &Words) -> bool {
    name_of(request) == "bitfield"
        && request
            .iter()
            .any(|word| word.eq_ignore_ascii_case(b"FAIL"))
}
