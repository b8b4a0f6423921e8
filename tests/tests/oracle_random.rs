//! Random commands: Lastsave and redis-server 7.0.15 answer each alike, and hold the same afterwards, in Lastsave's case
//! also after a crash.

use lastsave_tests::native::{Client, Random, Reply, Server, program, redis};

#[path = "oracle_random/sorted_sets.rs"]
mod sorted_sets;

const COMMANDS: u32 = 6_000;

/// A command's words.
type Words = Vec<Vec<u8>>;

fn words(text: &str) -> Words {
    let words = text.split_whitespace();
    words.map(|word| word.as_bytes().to_vec()).collect()
}

fn pick<'a>(random: &mut Random, choices: &[&'a str]) -> &'a str {
    choices[random.below(choices.len() as u64) as usize]
}

/// Numbers that commands trip over.
fn number(random: &mut Random) -> i64 {
    match random.below(8) {
        0 => [0, 1, -1, i64::MAX, i64::MIN][random.below(5) as usize],
        1 => (random.draw() as i64) >> random.below(64),
        2 => 1 << random.below(63),
        _ => random.below(200) as i64 - 100,
    }
}

/// Texts short and long, printed numbers, and bytes of one kind.
fn text(random: &mut Random) -> Vec<u8> {
    match random.below(6) {
        0 => number(random).to_string().into(),
        1 => vec![0xff; random.below(30) as usize],
        2 => vec![0; random.below(30) as usize],
        3 => (0..random.below(1_500))
            .map(|_| random.draw() as u8)
            .collect(),
        4 => (0..random.below(60))
            .map(|_| b'a' + random.below(3) as u8)
            .collect(),
        _ => Vec::new(),
    }
}

fn string_command(random: &mut Random) -> Words {
    let key = pick(random, &["a", "b", "c", "d"]);
    let other = pick(random, &["a", "b", "c", "d"]);
    let (one, two) = (number(random), number(random));
    let at = 4_000_000_000_000 + random.below(1_000) * 1_000;
    let condition = pick(
        random,
        &["", "NX", "XX", "GT", "LT", "XX GT", "NX GT", "GT LT"],
    );
    let with_text = |command: String, random: &mut Random| {
        let mut words = words(&command);
        words.push(text(random));
        words
    };
    match random.below(24) {
        0 => with_text(format!("SET {key}"), random),
        1 => with_text(format!("APPEND {key}"), random),
        2 => with_text(format!("SETRANGE {key} {}", random.below(1_200)), random),
        3 => with_text(format!("GETSET {key}"), random),
        4 => with_text(format!("SETNX {key}"), random),
        5 => words(&format!(
            "SET {key} {one} PXAT {at} {}",
            pick(random, &["", "GET", "NX", "XX"])
        )),
        6 => words(&format!("SET {key} {one} KEEPTTL")),
        7 => words(&format!("GETRANGE {key} {one} {two}")),
        8 => words(&format!("INCRBY {key} {one}")),
        9 => words(&format!("DECRBY {key} {one}")),
        10 => words(&format!("INCRBYFLOAT {key} {one}.25")),
        11 => words(&format!("STRLEN {key}")),
        12 => words(&format!("MGET {key} {other} x")),
        13 => words(&format!("MSETNX {key} {one} {other} {two}")),
        14 => words(&format!("GETDEL {key}")),
        15 => words(&format!(
            "GETEX {key} {}",
            pick(random, &["PERSIST", "PXAT 4000000000001"])
        )),
        16 => words(&format!("PEXPIREAT {key} {at} {condition}")),
        17 => words(&format!("EXPIREAT {key} {} {condition}", at / 1_000)),
        18 => words(&format!("PEXPIRETIME {key}")),
        19 => words(&format!("PERSIST {key}")),
        20 => words(&format!("OBJECT ENCODING {key}")),
        21 => words(&format!(
            "COPY {key} {other} {}",
            pick(random, &["", "REPLACE"])
        )),
        22 => words(&format!(
            "{} {key} {other}",
            pick(random, &["RENAME", "RENAMENX"])
        )),
        _ => words(&format!(
            "LCS {key} {other} {}",
            pick(
                random,
                &["", "LEN", "IDX WITHMATCHLEN", "IDX MINMATCHLEN 3"]
            )
        )),
    }
}

fn bit_command(random: &mut Random) -> Words {
    let keys = ["a", "b", "c", "d", "e"];
    let (key, other) = (pick(random, &keys), pick(random, &keys));
    let range = match random.below(3) {
        0 => String::new(),
        1 => format!("{} {}", number(random), number(random)),
        _ => {
            let unit = pick(random, &["BIT", "BYTE"]);
            format!("{} {} {unit}", number(random), number(random))
        }
    };
    match random.below(11) {
        0 => {
            let mut words = words(&format!("SET {key}"));
            words.push(text(random));
            words
        }
        1 | 2 => words(&format!(
            "SETBIT {key} {} {}",
            random.below(5_000),
            random.below(2)
        )),
        3 => words(&format!("GETBIT {key} {}", random.below(5_000))),
        4 => words(&format!("BITCOUNT {key} {range}")),
        5 => words(&format!("BITPOS {key} {} {range}", random.below(2))),
        6 => words(&format!(
            "BITPOS {key} {} {}",
            random.below(2),
            number(random)
        )),
        7 => words(&format!(
            "BITOP {} {key} {other} a b",
            pick(random, &["AND", "OR", "XOR"])
        )),
        8 => words(&format!("BITOP NOT {key} {other}")),
        _ => {
            let mut text = format!(
                "{} {key}",
                pick(random, &["BITFIELD", "BITFIELD", "BITFIELD_RO"])
            );
            for _ in 0..random.below(4) {
                let kind = pick(random, &["u", "i"]);
                let field = format!(
                    "{kind}{} {}{}",
                    1 + random.below(64),
                    pick(random, &["", "#"]),
                    random.below(70)
                );
                text += &match random.below(4) {
                    0 => format!(" GET {field}"),
                    1 => format!(" SET {field} {}", number(random)),
                    2 => format!(" INCRBY {field} {}", number(random)),
                    _ => format!(" OVERFLOW {}", pick(random, &["WRAP", "SAT", "FAIL"])),
                };
            }
            words(&text)
        }
    }
}

fn sketch_command(random: &mut Random) -> Words {
    let keys = ["a", "b", "c", "d"];
    let (key, other) = (pick(random, &keys), pick(random, &keys));
    match random.below(8) {
        0..=2 => {
            let mut words = words(&format!("PFADD {key}"));
            // Now and then so many that the sketch becomes dense.
            let count = if random.below(20) == 0 {
                2_000
            } else {
                random.below(40)
            };
            words.extend((0..count).map(|_| random.below(100_000).to_string().into_bytes()));
            words
        }
        3 => words(&format!("PFCOUNT {key}")),
        4 => words(&format!("PFCOUNT {key} {other} missing")),
        5 => words(&format!("PFMERGE {key} {other}")),
        6 => words(&format!("GET {key}")),
        _ => words(&format!(
            "{} {key}",
            pick(
                random,
                &[
                    "DEL",
                    "PFDEBUG ENCODING",
                    "PFDEBUG DECODE",
                    "PFDEBUG TODENSE"
                ]
            )
        )),
    }
}

fn sort_command(random: &mut Random) -> Words {
    let value = match random.below(4) {
        0 => format!("{}", random.below(40) as f64 / 4.0),
        1 => pick(random, &["inf", "-inf", "0x10", "1e3", "-0", "0", "x"]).to_owned(),
        _ => (random.below(60) as i64 - 30).to_string(),
    };
    match random.below(10) {
        0 | 1 => words(&format!("RPUSH l {value}")),
        2 => words(&format!("SADD s {value}")),
        3 => words(&format!("ZADD z {} {value}", random.below(100))),
        4 => words(&format!("SET w_{value} {}", random.below(50))),
        5 => words(&format!("HSET h_{value} f {}", random.below(50))),
        6 => words(&format!("DEL {} d", pick(random, &["l", "s", "z"]))),
        _ => {
            // The order of a set, and of elements that compare as equal, is nobody's promise.
            let (key, orders) = match random.below(3) {
                0 => ("s", &["", "ALPHA", "BY w_*", "BY h_*->f"][..]),
                kind => (
                    if kind == 1 { "l" } else { "z" },
                    &["", "ALPHA", "BY w_*", "BY h_*->f", "BY no"][..],
                ),
            };
            let order = pick(random, orders);
            let direction = pick(random, &["", "ASC", "DESC"]);
            let limit = match random.below(2) {
                0 => String::new(),
                _ => format!(
                    "LIMIT {} {}",
                    random.below(8) as i64 - 2,
                    random.below(8) as i64 - 2
                ),
            };
            let get = pick(random, &["", "GET #", "GET w_* GET #", "GET h_*->f GET x"]);
            let store = pick(random, &["", "", "STORE d"]);
            words(&format!(
                "SORT {key} {order} {direction} {limit} {get} {store}"
            ))
        }
    }
}

/// Everything under these keys, in words.
fn contents(client: &mut Client, keys: &[&str]) -> Vec<Reply> {
    let mut contents = Vec::new();
    for key in keys {
        contents.push(client.call(&["GET", key]));
        contents.push(client.call(&["LRANGE", key, "0", "-1"]));
        contents.push(client.call(&["ZRANGE", key, "0", "-1", "WITHSCORES"]));
        contents.push(client.call(&["PEXPIRETIME", key]));
    }
    contents
}

fn compare(seed: u64, keys: &[&str], command: fn(&mut Random) -> Words) {
    let (our_dir, their_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let logged = ["--save", "", "--appendonly", "yes"];
    let plain = ["--save", "", "--appendonly", "no"];
    let mut our_server = Server::start(&program("lastsave-server"), our_dir.path(), &logged);
    let their_server = Server::start(&redis("redis-server"), their_dir.path(), &plain);
    let (mut ours, mut theirs) = (our_server.connect(), their_server.connect());
    let mut random = Random(seed);
    for number in 0..COMMANDS {
        let words = command(&mut random);
        let (our_reply, their_reply) = (ours.call(&words), theirs.call(&words));
        let shown = words.iter().map(|word| word.escape_ascii().to_string());
        assert!(
            our_reply == their_reply,
            "command {number}, {}:\nours   {our_reply:?}\ntheirs {their_reply:?}",
            shown.collect::<Vec<_>>().join(" ")
        );
    }
    let expected = contents(&mut theirs, keys);
    assert_eq!(contents(&mut ours, keys), expected);
    our_server.kill();
    let our_server = Server::start(&program("lastsave-server"), our_dir.path(), &logged);
    assert_eq!(
        contents(&mut our_server.connect(), keys),
        expected,
        "after a crash"
    );
}

#[test]
fn strings() {
    compare(1, &["a", "b", "c", "d"], string_command);
}

#[test]
fn bits() {
    compare(2, &["a", "b", "c", "d", "e"], bit_command);
}

#[test]
fn sketches() {
    compare(3, &["a", "b", "c", "d"], sketch_command);
}

#[test]
fn sorting() {
    compare(4, &["d"], sort_command);
}

#[test]
fn sorted_sets() {
    let keys = ["z", "y", "x", "w", "missing", "lex"];
    compare(5, &keys, sorted_sets::sorted_set_command);
}

#[test]
fn places() {
    compare(6, &["g", "h", "d"], sorted_sets::place_command);
}
