//! The values that requests are made of: few, so that they meet again, and some that a server must refuse.

use lastsave_keyspace::Group;
use lastsave_tests::native::Random;

use crate::{Words, words};

pub(crate) fn pick(pool: &[&str], random: &mut Random) -> Vec<u8> {
    pool[random.below(pool.len() as u64) as usize]
        .as_bytes()
        .to_vec()
}

/// Numbers that an index, a count or an offset may be. None that would make a server fill its memory.
const INTEGERS: [&str; 22] = [
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "7",
    "10",
    "0",
    "1",
    "2",
    "-1",
    "-2",
    "-3",
    "-100",
    "100",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "x",
    "1.5",
    "01",
];

const HOSTILE: [&str; 18] = [
    "",
    "x",
    " 1",
    "1 ",
    "+1",
    "-0",
    "01",
    "1e3",
    "nan",
    "inf",
    "9223372036854775808",
    "0x10",
    "COUNT",
    "LIMIT",
    "STORE",
    "WITHSCORES",
    "(",
    "\u{fffd}",
];

const TEXTS: [&str; 26] = [
    "0",
    "1",
    "-1",
    "2",
    "3",
    "10",
    "127",
    "128",
    "4095",
    "4096",
    "32768",
    "8388608",
    "2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "007",
    "1.5",
    "",
    "a",
    "b",
    "c",
    "foo",
    "hello world",
    "\u{0}\u{1}\r\n",
    "z",
];

const SCORES: [&str; 20] = [
    "0",
    "1",
    "2",
    "3",
    "1.5",
    "-1",
    "-2.25",
    "3.14159265358979",
    "1e300",
    "-1e-10",
    "inf",
    "-inf",
    "+inf",
    "-0",
    "1e3",
    "9007199254740993",
    "0.1",
    "100",
    "nan",
    "x",
];

const SCORE_BOUNDS: [&str; 14] = [
    "-inf", "+inf", "inf", "0", "1", "(1", "2", "(2", "1.5", "(-1", "-1", "100", "(inf", "(x",
];

const LEXICAL_BOUNDS: [&str; 12] = [
    "-", "+", "[a", "(a", "[b", "(b", "[c", "[foo", "(", "[", "a", "(zz",
];

const STREAM_IDS: [&str; 18] = [
    "1-1",
    "1-2",
    "2-1",
    "2-5",
    "3-0",
    "4-1",
    "5-5",
    "7",
    "9-3",
    "12-1",
    "20",
    "21-1",
    "33-7",
    "0-0",
    "0",
    "-",
    "5-x",
    "18446744073709551615-18446744073709551615",
];

/// A key of the kind that a letter stands for.
pub(crate) fn key_of(kind: &str, random: &mut Random) -> Vec<u8> {
    format!("{kind}{}", random.below(4)).into_bytes()
}

pub(crate) fn any_key(random: &mut Random) -> Vec<u8> {
    let kind = pick(&["s", "l", "h", "S", "z", "x", "p", "b", "g"], random);
    key_of(&String::from_utf8_lossy(&kind), random)
}

fn key(group: Group, random: &mut Random) -> Vec<u8> {
    if random.below(25) == 0 {
        return any_key(random);
    }
    let kind = match group {
        Group::String => "s",
        Group::List => "l",
        Group::Hash => "h",
        Group::Set => "S",
        // Sets are taken where sorted sets are.
        Group::SortedSet => ["z", "z", "z", "z", "S"][random.below(5) as usize],
        Group::Stream => "x",
        Group::HyperLogLog => "p",
        Group::Bitmap => ["b", "b", "b", "s"][random.below(4) as usize],
        Group::Geo => ["g", "g", "g", "z"][random.below(4) as usize],
        _ => return any_key(random),
    };
    key_of(kind, random)
}

fn text(random: &mut Random) -> Vec<u8> {
    match random.below(24) {
        0 => vec![b'l'; 64 + random.below(3) as usize],
        1 => vec![b'x'; random.below(300) as usize],
        2 => (0..random.below(40)).map(|_| random.draw() as u8).collect(),
        3 => (random.draw() as i64 >> random.below(64))
            .to_string()
            .into_bytes(),
        4 => vec![b'y'; 1000 + random.below(200) as usize],
        5..=9 => format!("m{}", random.below(12)).into_bytes(),
        _ => pick(&TEXTS, random),
    }
}

pub(crate) fn hostile(random: &mut Random) -> Vec<u8> {
    match random.below(4) {
        0 => text(random),
        1 => pick(&INTEGERS, random),
        _ => pick(&HOSTILE, random),
    }
}

/// SELECT and what acts on a whole database.
pub(crate) fn about_databases(random: &mut Random) -> Words {
    let number =
        |random: &mut Random| pick(&["0", "0", "0", "1", "1", "2", "16", "x", "-1"], random);
    match random.below(12) {
        0 => words(&["FLUSHDB"]),
        1 => vec![b"SWAPDB".to_vec(), number(random), number(random)],
        2 | 3 => words(&["DBSIZE"]),
        4 => words(&["SCAN", "0", "COUNT", "100000"]),
        5 => words(&[
            "SCAN", "0", "MATCH", "[hlz]*", "COUNT", "100000", "TYPE", "list",
        ]),
        6 => words(&["UNWATCH"]),
        _ => vec![b"SELECT".to_vec(), number(random)],
    }
}

/// Adds to a sorted set whose scores are all the same: no other has an order to select lexically from.
pub(crate) fn add_to_lexical(random: &mut Random) -> Words {
    let mut request = vec![b"ZADD".to_vec(), key_of("y", random)];
    for _ in 0..=random.below(6) {
        request.extend([b"0".to_vec(), text(random)]);
    }
    request
}

/// A value for what a hint calls `name`.
pub(crate) fn value(command: &str, group: Group, name: &str, random: &mut Random) -> Vec<u8> {
    match (command, name) {
        ("object encoding" | "object refcount", "key") => any_key(random),
        (
            _,
            "key" | "key1" | "key2" | "newkey" | "source" | "destination" | "src" | "dst"
            | "destkey" | "sourcekey",
        ) => key(group, random),
        // Offsets that make a string grow stay small.
        ("setrange", "offset") => pick(&["0", "1", "5", "40", "-1", "x", "4294967296000"], random),
        ("setbit" | "getbit", "offset") => pick(
            &["0", "1", "7", "8", "77", "999", "-1", "x", "4294967296"],
            random,
        ),
        ("bitfield" | "bitfield_ro", "offset") => {
            pick(&["0", "1", "8", "#0", "#1", "#7", "100", "-1", "x"], random)
        }
        ("setbit", "value") => pick(&["0", "1", "1", "2", "x"], random),
        ("bitfield", "value" | "increment") => pick(&INTEGERS, random),
        (_, "bit") => pick(&["0", "1", "2", "x"], random),
        (_, "encoding") => pick(
            &[
                "u1", "i8", "u8", "i16", "u32", "i64", "u63", "u64", "i0", "i65", "x",
            ],
            random,
        ),
        (_, "operation") => pick(&["AND", "OR", "XOR", "NOT", "or", "x"], random),
        // A client must not wait for long.
        ("xread" | "xreadgroup", "milliseconds") => pick(&["1", "2", "-1", "x"], random),
        (_, "timeout") => pick(
            &["0.001", "0.002", "0.001", "-1", "x", "inf", "1e-300"],
            random,
        ),
        // Nothing is to expire by itself while the test runs, but at once.
        (_, "seconds") => pick(
            &[
                "100",
                "1000",
                "5000",
                "-1",
                "0",
                "x",
                "9223372036854775807",
                "9223372036854775",
            ],
            random,
        ),
        (_, "milliseconds" | "ttl") => pick(
            &["100000", "5000000", "-1", "0", "x", "9223372036854775807"],
            random,
        ),
        (_, "unix-time-seconds") => {
            pick(&["1", "4000000000", "4100000000", "0", "-1", "x"], random)
        }
        ("xclaim", "unix-time-milliseconds") => pick(&["1", "1000", "0", "-1", "x"], random),
        (_, "unix-time-milliseconds") => pick(
            &["1", "4000000000000", "4000000000001", "0", "-1", "x"],
            random,
        ),
        ("sort" | "sort_ro", "pattern") => pick(
            &["s*", "nosort", "h*->f1", "#", "missing*", "s0", "*", "h*->"],
            random,
        ),
        (_, "pattern") => pick(&["*", "m*", "[a-f]*", "?", "", "*1", "\\*", "[^a]"], random),
        ("sscan" | "hscan" | "zscan", "count") => {
            pick(&["100000", "100000", "1", "0", "x"], random)
        }
        (_, "cursor") => pick(&["0", "0", "0", "0", "x", "-1", ""], random),
        (_, "db" | "destination-db" | "index1" | "index2") => {
            pick(&["0", "1", "2", "16", "x"], random)
        }
        ("incrbyfloat" | "hincrbyfloat", "increment") => pick(
            &[
                "1",
                "0.1",
                "-1.5",
                "3.0e3",
                "1e-5",
                "1e17",
                "inf",
                "nan",
                "x",
                " 1",
                "0x10",
                "123456789.123456789",
            ],
            random,
        ),
        ("zincrby", "increment") | (_, "score") => pick(&SCORES, random),
        (_, "weight") => pick(&["1", "2", "-1", "0", "0.5", "inf", "x"], random),
        ("zlexcount" | "zrangebylex" | "zrevrangebylex" | "zremrangebylex", "min" | "max") => {
            pick(&LEXICAL_BOUNDS, random)
        }
        ("zrange" | "zrangestore", "start" | "stop" | "min" | "max") => match random.below(5) {
            0 => pick(&LEXICAL_BOUNDS, random),
            1 => pick(&SCORE_BOUNDS, random),
            _ => pick(&INTEGERS, random),
        },
        (_, "min" | "max") => pick(&SCORE_BOUNDS, random),
        (_, "longitude") => pick(
            &[
                "13.361389",
                "15.087269",
                "2.349014",
                "0",
                "-122.4194",
                "180",
                "-181",
                "x",
            ],
            random,
        ),
        (_, "latitude") => pick(
            &[
                "38.115556",
                "37.502669",
                "48.864716",
                "0",
                "-33.8688",
                "85.05",
                "86",
                "x",
            ],
            random,
        ),
        (_, "radius" | "width" | "height") => pick(
            &["0", "1", "100", "200.5", "3000", "20000", "-1", "x"],
            random,
        ),
        (_, "threshold") => pick(&["0", "1", "2", "5", "100", "2-1", "7", "-1", "x"], random),
        ("xautoclaim" | "xrange" | "xrevrange" | "xpending", "start" | "end") => {
            match random.below(4) {
                0 => b"-".to_vec(),
                1 => b"+".to_vec(),
                2 => [b"(".to_vec(), pick(&STREAM_IDS, random)].concat(),
                _ => pick(&STREAM_IDS, random),
            }
        }
        ("xreadgroup", "id") => pick(&[">", ">", ">", "0", "1-1", "$", "x"], random),
        ("xadd", "id") => match random.below(3) {
            0 => format!("{}-{}", random.below(60), random.below(4)).into_bytes(),
            1 => format!("{}-*", random.below(60)).into_bytes(),
            _ => pick(&STREAM_IDS, random),
        },
        (_, "id" | "last-id" | "max_deleted_entry_id") => pick(&STREAM_IDS, random),
        (_, "group" | "groupname") => pick(&["g1", "g1", "g2", ""], random),
        (_, "consumer" | "consumername") => pick(&["c1", "c1", "c2", "c3"], random),
        (_, "min-idle-time") => pick(&["0", "0", "0", "1000000", "-1", "x"], random),
        ("xclaim", "ms") => pick(&["0", "10", "1000", "-1", "x"], random),
        (_, "field") => match random.below(3) {
            0 => text(random),
            _ => format!("f{}", random.below(10)).into_bytes(),
        },
        (_, "member1" | "member2" | "member" | "element" | "pivot" | "value") => text(random),
        (_, "type") => pick(&["list", "string", "zset", "x"], random),
        _ => pick(&INTEGERS, random),
    }
}
