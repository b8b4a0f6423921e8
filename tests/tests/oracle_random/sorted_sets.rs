//! Random commands of sorted sets and geospatial indexes.

use super::{Random, Words, pick, words};

const SCORES: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "-1",
    "1.5",
    "2.25",
    "1e3",
    "-inf",
    "+inf",
    "0x10",
    "3e-5",
    "123456789012345678",
    "0.1",
    "-0",
    "1e17",
    "nan",
    "abc",
    "1e400",
];

const MEMBERS: &[&str] = &[
    "a",
    "b",
    "c",
    "d",
    "e",
    "f",
    "1",
    "2",
    "10",
    "-5",
    "aa",
    "ab",
    "foo",
    "bar",
    "a-member-of-more-than-sixty-four-bytes-which-ends-the-time-of-a-listpack",
];

const KEYS: &[&str] = &["z", "y", "x", "w", "missing"];

fn several(random: &mut Random, most: u64, choices: &[&str]) -> String {
    let count = 1 + random.below(most);
    let picked: Vec<_> = (0..count).map(|_| pick(random, choices)).collect();
    picked.join(" ")
}

/// One of the options, or nothing.
fn maybe(random: &mut Random, options: &[&str]) -> String {
    match random.below(2) {
        0 => String::new(),
        _ => pick(random, options).to_owned(),
    }
}

fn rank(random: &mut Random) -> i64 {
    random.below(17) as i64 - 8
}

fn bound(random: &mut Random) -> String {
    format!("{}{}", maybe(random, &["("]), pick(random, SCORES))
}

/// A range of scores, mostly one that may hold something.
fn scores(random: &mut Random) -> String {
    match random.below(3) {
        0 => pick(random, &["-inf +inf", "0 3", "(1 5", "-1 (2.25"]).to_owned(),
        _ => format!("{} {}", bound(random), bound(random)),
    }
}

fn members(random: &mut Random) -> String {
    let bounds = ["-", "+", "[a", "(a", "[c", "(d", "[foo", "[", "(", "x"];
    format!("{} {}", pick(random, &bounds), pick(random, &bounds))
}

fn limit(random: &mut Random) -> String {
    match random.below(2) {
        0 => String::new(),
        _ => format!("LIMIT {} {}", random.below(4), random.below(6) as i64 - 1),
    }
}

fn keys(random: &mut Random) -> (u64, String) {
    let keys = several(random, 3, &["z", "y", "x", "s", "missing"]);
    (keys.split(' ').count() as u64, keys)
}

fn weights(random: &mut Random, count: u64) -> String {
    let weights: Vec<_> = (0..count).map(|_| pick(random, SCORES)).collect();
    let weights = match random.below(3) {
        0 => format!("WEIGHTS {}", weights.join(" ")),
        _ => String::new(),
    };
    let aggregate = maybe(random, &["AGGREGATE SUM", "AGGREGATE MIN", "AGGREGATE MAX"]);
    format!("{weights} {aggregate}")
}

pub(super) fn sorted_set_command(random: &mut Random) -> Words {
    let key = pick(random, KEYS);
    let other = pick(random, KEYS);
    let member = pick(random, MEMBERS);
    let score = pick(random, SCORES);
    let with_scores = maybe(random, &["WITHSCORES"]);
    let backwards = maybe(random, &["REV"]);
    let command = match random.below(30) {
        0..=5 => {
            let options = maybe(random, &["NX", "XX", "GT", "LT", "CH", "XX CH", "GT CH"]);
            let pairs: Vec<_> = (0..=random.below(4))
                .map(|_| format!("{} {}", pick(random, SCORES), pick(random, MEMBERS)))
                .collect();
            format!("ZADD {key} {options} {}", pairs.join(" "))
        }
        6 => format!(
            "ZADD {key} INCR {} {score} {member}",
            maybe(random, &["XX", "NX", "GT"])
        ),
        7 => format!("ZINCRBY {key} {score} {member}"),
        8 => format!("ZREM {key} {}", several(random, 4, MEMBERS)),
        9 => format!("ZSCORE {key} {member}"),
        10 => format!("ZMSCORE {key} {}", several(random, 3, MEMBERS)),
        11 => format!("{} {key} {member}", pick(random, &["ZRANK", "ZREVRANK"])),
        12 => format!("ZCOUNT {key} {}", scores(random)),
        13 => format!(
            "ZRANGE {key} {} {} {backwards} {with_scores}",
            rank(random),
            rank(random)
        ),
        14 => format!(
            "ZRANGE {key} {} BYSCORE {backwards} {with_scores} {}",
            scores(random),
            limit(random)
        ),
        15 => format!(
            "ZREVRANGEBYSCORE {key} {} {with_scores} {}",
            scores(random),
            limit(random)
        ),
        // Only where all scores are equal, ranges of the alphabet mean anything.
        16 => format!("ZADD lex 0 {member} 0 {}", pick(random, MEMBERS)),
        17 => format!(
            "ZRANGE lex {} BYLEX {backwards} {}",
            members(random),
            limit(random)
        ),
        18 => format!("ZLEXCOUNT lex {}", members(random)),
        19 => match random.below(5) {
            0 => format!("ZREMRANGEBYLEX lex {}", members(random)),
            _ => format!("ZREVRANGEBYLEX lex {} {}", members(random), limit(random)),
        },
        20 => format!(
            "ZRANGESTORE {other} {key} {} {} {backwards}",
            rank(random),
            rank(random)
        ),
        21 => format!(
            "ZRANGESTORE {other} {key} {} BYSCORE {}",
            scores(random),
            limit(random)
        ),
        22 => match random.below(2) {
            0 => format!("ZREMRANGEBYRANK {key} {} {}", rank(random), random.below(4)),
            _ => format!("ZREMRANGEBYSCORE {key} {}", scores(random)),
        },
        23 => {
            let (count, keys) = keys(random);
            let name = pick(random, &["ZUNION", "ZINTER"]);
            format!(
                "{name} {count} {keys} {} {with_scores}",
                weights(random, count)
            )
        }
        24 => {
            let (count, keys) = keys(random);
            let name = pick(random, &["ZUNIONSTORE", "ZINTERSTORE"]);
            format!("{name} {other} {count} {keys} {}", weights(random, count))
        }
        25 => {
            let (count, keys) = keys(random);
            match random.below(3) {
                0 => format!("ZDIFF {count} {keys} {with_scores}"),
                1 => format!("ZDIFFSTORE {other} {count} {keys}"),
                _ => format!("ZINTERCARD {count} {keys} LIMIT {}", random.below(4)),
            }
        }
        26 => format!("SADD s {}", several(random, 3, MEMBERS)),
        27 => {
            let name = pick(random, &["ZPOPMIN", "ZPOPMAX"]);
            format!(
                "{name} {key} {}",
                maybe(random, &["0", "1", "2", "5", "-1"])
            )
        }
        28 => format!(
            "ZMPOP 2 {key} {other} {} COUNT {}",
            pick(random, &["MIN", "MAX"]),
            random.below(4)
        ),
        _ => format!("OBJECT ENCODING {key}"),
    };
    words(&command)
}

fn longitude(random: &mut Random) -> String {
    match random.below(30) {
        0 => pick(random, &["180", "-180", "181", "x"]).to_owned(),
        _ => format!("{:.5}", random.below(36_000_000) as f64 / 100_000.0 - 180.0),
    }
}

fn latitude(random: &mut Random) -> String {
    match random.below(30) {
        0 => pick(random, &["85.05112878", "-85.05112878", "86", "y"]).to_owned(),
        _ => format!("{:.5}", random.below(17_000_000) as f64 / 100_000.0 - 85.0),
    }
}

fn place(random: &mut Random) -> String {
    match random.below(3) {
        // Close to others, or the same.
        0 => format!("13.{} 38.{}", random.below(20), random.below(20)),
        _ => format!("{} {}", longitude(random), latitude(random)),
    }
}

fn length(random: &mut Random) -> String {
    match random.below(12) {
        0 => pick(random, &["0", "-1", "x", "1e300"]).to_owned(),
        1..=5 => random.below(500).to_string(),
        _ => random.below(9_000_000).to_string(),
    }
}

fn shown(random: &mut Random) -> String {
    let count = match random.below(3) {
        0 => format!("COUNT {} {}", random.below(9), maybe(random, &["ANY"])),
        _ => String::new(),
    };
    format!(
        "{} {} {} {count} {}",
        maybe(random, &["WITHCOORD"]),
        maybe(random, &["WITHDIST"]),
        maybe(random, &["WITHHASH"]),
        maybe(random, &["ASC", "DESC"])
    )
}

pub(super) fn place_command(random: &mut Random) -> Words {
    let key = pick(random, &["g", "g", "g", "h", "missing"]);
    let unit = pick(random, &["m", "km", "km", "ft", "mi"]);
    let member = pick(random, MEMBERS);
    let other = pick(random, MEMBERS);
    // A stored distance may differ in its last digit: our sines are those of no particular C library.
    let stored = maybe(random, &["STORE d"]);
    let command = match random.below(12) {
        0..=3 => {
            let options = maybe(random, &["NX", "XX", "CH", "XX CH"]);
            let places: Vec<_> = (0..=random.below(4))
                .map(|_| format!("{} {}", place(random), pick(random, MEMBERS)))
                .collect();
            format!(
                "GEOADD {} {options} {}",
                pick(random, &["g", "h"]),
                places.join(" ")
            )
        }
        4 => format!("GEOPOS {key} {member} {other}"),
        5 => format!("GEOHASH {key} {member} {other}"),
        6 => format!("GEODIST {key} {member} {other} {unit}"),
        7 => format!(
            "GEORADIUS {key} {} {} {unit} {} {stored}",
            place(random),
            length(random),
            shown(random)
        ),
        8 => format!(
            "GEORADIUSBYMEMBER {key} {member} {} {unit} {} {stored}",
            length(random),
            shown(random)
        ),
        9 => format!("ZRANGE {} 0 -1 WITHSCORES", pick(random, &["g", "d"])),
        _ => {
            let centre = match random.below(2) {
                0 => format!("FROMMEMBER {member}"),
                _ => format!("FROMLONLAT {}", place(random)),
            };
            let shape = match random.below(2) {
                0 => format!("BYRADIUS {} {unit}", length(random)),
                _ => format!("BYBOX {} {} {unit}", length(random), length(random)),
            };
            match random.below(3) {
                0 => format!("GEOSEARCHSTORE d {key} {centre} {shape}"),
                _ => format!("GEOSEARCH {key} {centre} {shape} {}", shown(random)),
            }
        }
    };
    words(&command)
}
