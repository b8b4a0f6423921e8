//! What the tests run: requests and pauses, made from a seed, over all types of values.

use crate::machine::Random;

/// The words of a request.
pub(crate) type Words = Vec<Vec<u8>>;

/// A step of a script.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Request(Words),
    /// Another client waits with `blocked` for what `push` brings. `pop` takes back what `push` does.
    Blocked {
        blocked: Words,
        push: Words,
        pop: Words,
    },
    /// Let so many microseconds pass.
    Advance(u64),
    /// Set the clock forwards or backwards.
    Clock(i64),
    /// Let jobs do so many steps.
    Jobs(u64),
    /// Kill the job that writes a snapshot, by a signal from outside.
    KillSnapshot,
}

/// A request from its text. `@3` stands for three steps of jobs, `!` for a signal that kills the snapshot's job, `+250` for
/// so many milliseconds, `~-3600` for a clock set by so many seconds.
pub(crate) fn request(line: &str) -> Item {
    let number = |text: &str| text.parse::<i64>().expect("a number");
    match line.as_bytes()[0] {
        b'@' => Item::Jobs(number(&line[1..]) as u64),
        b'+' => Item::Advance(number(&line[1..]) as u64 * 1000),
        b'~' => Item::Clock(number(&line[1..]) * 1_000_000),
        b'!' => Item::KillSnapshot,
        _ => Item::Request(words(line)),
    }
}

pub(crate) fn words(line: &str) -> Words {
    line.split(' ')
        .map(|word| word.as_bytes().to_vec())
        .collect()
}

/// Requests from a text in which they are apart by `; `.
pub(crate) fn requests(lines: &str) -> Vec<Item> {
    lines.split("; ").map(request).collect()
}

/// `requests` requests of all kinds over two databases, with a pause after every few; `special` are put in at their
/// positions, several in one place apart by `; `. Those behind the last request come last.
pub(crate) fn workload(seed: u64, count: usize, special: &[(usize, &str)]) -> Vec<Item> {
    let mut random = Random(seed);
    let mut items = Vec::new();
    let mut number = 0;
    let mut in_multi = 0;
    while number < count {
        if in_multi == 0 {
            for (_, lines) in special.iter().filter(|(position, _)| *position == number) {
                items.extend(requests(lines));
            }
        }
        number += 1;
        if in_multi > 0 {
            in_multi -= 1;
            items.push(match in_multi {
                0 => request("EXEC"),
                _ => Item::Request(write(&mut random)),
            });
            continue;
        }
        match random.below(24) {
            // Not where a special request would fall into the transaction.
            0 | 1
                if !special
                    .iter()
                    .any(|(position, _)| (number..number + 7).contains(position)) =>
            {
                items.push(request("MULTI"));
                in_multi = 2 + random.below(4);
            }
            2 => items.push(request(&format!("SELECT {}", random.below(2)))),
            3 => items.push(request(&format!("GET k{}", random.below(30)))),
            4 | 5 => items.push(Item::Advance(200_000 + random.below(1_000_000))),
            6 => items.push(blocked(&mut random)),
            _ => items.push(Item::Request(write(&mut random))),
        }
    }
    if in_multi > 0 {
        items.push(request("EXEC"));
    }
    items.push(Item::Advance(1_500_000));
    for (_, lines) in special.iter().filter(|(position, _)| *position == count) {
        items.extend(requests(lines));
    }
    items
}

/// Another client that waits, by one of the commands that do.
fn blocked(random: &mut Random) -> Item {
    let (blocked, push, pop) = [
        ("BLPOP w1 w2 0", "RPUSH w1 a", "LPOP w1"),
        ("BRPOP w2 0", "RPUSH w2 b", "RPOP w2"),
        ("BLMOVE w3 l1 LEFT RIGHT 0", "LPUSH w3 c", "LPOP w3"),
        ("BLMPOP 0 2 w3 w4 LEFT COUNT 2", "RPUSH w4 d", "LPOP w4"),
        ("BZPOPMIN w5 0", "ZADD w5 1 e", "ZPOPMIN w5"),
        ("BZMPOP 0 1 w6 MAX", "ZADD w6 2 f", "ZPOPMAX w6"),
    ][random.below(6) as usize];
    Item::Blocked {
        blocked: words(blocked),
        push: words(push),
        pop: words(pop),
    }
}

/// Commands that write, of all types. `{k}` stands for a string's key, `{l}` for a list's and so on, two of a kind being
/// drawn on their own; `{w}` for one of a few words, `{n}` for a small number, `{t}` for a text of some length.
const WRITES: [&str; 96] = [
    "SET {k} {t}",
    "SET {k} {t}",
    "SET {k} {t}",
    "SET {k} {w} EX 100000000",
    "SET {k} {w} KEEPTTL",
    "SETEX {k} 90000000 {w}",
    "GETSET {k} {w}",
    "GETDEL {k}",
    "GETEX {k} PXAT 4000000000000",
    "MSET {k} {t} {k} {w}",
    "MSETNX {k} {w} {k} {w}",
    "APPEND {k} {t}",
    "SETRANGE {k} {n} {w}",
    "SETBIT b1 {n} 1",
    "BITOP NOT b2 b1",
    "BITFIELD b1 SET u8 #{n} 200 INCRBY i5 #{n} 3",
    "INCRBY {c} {n}",
    "INCRBY {c} {n}",
    "DECR {c}",
    "INCRBYFLOAT f 1.5",
    "DEL {k} {k}",
    "UNLINK {k}",
    "EXPIRE {k} 100000000",
    "EXPIREAT {l} 4000000000 NX",
    "PEXPIREAT {k} 4000000000000",
    "PEXPIRE {h} 90000000000 GT",
    "PERSIST {k}",
    "EXPIRE {k} -1",
    "RENAME {k} {k}",
    "RENAMENX {l} {l}",
    "COPY {k} {k} REPLACE",
    "COPY {h} {h} DB 1 REPLACE",
    "COPY {z} {z}",
    "MOVE {k} 1",
    "MOVE {s} 0",
    "SORT {l} ALPHA STORE l9",
    "SORT {s} BY nosort LIMIT 0 9 ALPHA STORE l8",
    "LPUSH {l} {w} {w}",
    "RPUSH {l} {t}",
    "RPUSH {l} {n} {w}",
    "LPUSHX {l} {w}",
    "LPOP {l}",
    "RPOP {l} 2",
    "LSET {l} 0 {w}",
    "LINSERT {l} BEFORE {w} {t}",
    "LREM {l} 1 {w}",
    "LTRIM {l} 0 20",
    "LMOVE {l} {l} LEFT RIGHT",
    "RPOPLPUSH {l} {l}",
    "LMPOP 2 {l} {l} RIGHT COUNT 2",
    "SADD {s} {n} {n}",
    "SADD {s} {w} {t}",
    "SREM {s} {w} {n}",
    "SPOP {s}",
    "SPOP {s} 2",
    "SMOVE {s} {s} {w}",
    "SUNIONSTORE s9 {s} {s}",
    "SINTERSTORE s8 {s} {s}",
    "SDIFFSTORE s7 {s} {s}",
    "HSET {h} {w} {t} {n} {w}",
    "HSET {h} {w} {w}",
    "HSETNX {h} {w} {w}",
    "HINCRBY {h} n {n}",
    "HINCRBYFLOAT {h} x 0.1",
    "HDEL {h} {w} {n}",
    "ZADD {z} {n} {w} 0.5 {n}",
    "ZADD {z} GT CH {n} {w}",
    "ZADD {z} INCR {n} {w}",
    "ZINCRBY {z} -1.25 {w}",
    "ZREM {z} {w}",
    "ZPOPMIN {z}",
    "ZPOPMAX {z} 2",
    "ZMPOP 2 {z} {z} MIN",
    "ZREMRANGEBYRANK {z} 0 0",
    "ZREMRANGEBYSCORE {z} (50 inf",
    "ZUNIONSTORE z9 2 {z} {z} WEIGHTS 2 1",
    "ZRANGESTORE z8 {z} 0 5",
    "ZDIFFSTORE z7 2 {z} {z}",
    "GEOADD geo 13.361389 38.115556 {w}",
    "GEOSEARCHSTORE z6 geo FROMLONLAT 15 37 BYRADIUS 200 km",
    "XADD {x} * {w} {t}",
    "XADD {x} MAXLEN ~ 10 * {w} {n}",
    "XADD {x} NOMKSTREAM * n {n}",
    "XTRIM {x} MAXLEN 8",
    "XDEL {x} 1700000060001-0",
    "XGROUP CREATE {x} g $ MKSTREAM",
    "XGROUP CREATE {x} h 0",
    "XGROUP CREATECONSUMER {x} g c2",
    "XGROUP SETID {x} g 0",
    "XREADGROUP GROUP g c1 COUNT 2 STREAMS {x} >",
    "XREADGROUP GROUP h c1 NOACK COUNT 1 STREAMS {x} >",
    "XAUTOCLAIM {x} g c3 0 0 COUNT 2",
    "XSETID {x} 5000000000000-1",
    "PFADD p1 {w} {t}",
    "PFMERGE p2 p1 p3",
    "PFCOUNT p1 p2",
];

/// Commands that are rarer: they remove or move much.
const GREAT: [&str; 4] = [
    "SWAPDB 0 1",
    "FLUSHDB",
    "XGROUP DESTROY x1 g",
    "DEL l9 s9 z9 b1",
];

/// A request that writes, to a value of any type.
pub(crate) fn write(random: &mut Random) -> Words {
    if random.one_in(12) {
        let len = 5_000 + random.below(15_000);
        let big = format!("big{}", random.below(4)).into_bytes();
        return vec![b"SET".to_vec(), big, text(random, len)];
    }
    let template = match random.below(60) {
        0 => GREAT[random.below(GREAT.len() as u64) as usize],
        _ => WRITES[random.below(WRITES.len() as u64) as usize],
    };
    template.split(' ').map(|word| fill(word, random)).collect()
}

fn fill(word: &str, random: &mut Random) -> Vec<u8> {
    let (Some(at), Some(end)) = (word.find('{'), word.find('}')) else {
        return word.as_bytes().to_vec();
    };
    let kind = &word[at + 1..end];
    let filling = match kind {
        "w" => ["a", "b", "c", "dd", "é", "17", "1700000000000", ""][random.below(8) as usize]
            .as_bytes()
            .to_vec(),
        "n" => random.below(100).to_string().into_bytes(),
        "t" => {
            let most = if random.one_in(6) { 400 } else { 60 };
            let len = 1 + random.below(most);
            text(random, len)
        }
        "k" => format!("k{}", random.below(24)).into_bytes(),
        _ => format!("{kind}{}", 1 + random.below(4)).into_bytes(),
    };
    [
        &word.as_bytes()[..at],
        &filling,
        &word.as_bytes()[end + 1..],
    ]
    .concat()
}

fn text(random: &mut Random, len: u64) -> Vec<u8> {
    (0..len).map(|_| b'a' + random.below(26) as u8).collect()
}
