//! Random writes over all types, as clients send them.

use lastsave_tests::native::Random;

use crate::state::Words;

/// `k` stands for one of a few keys' numbers, `n` for a number, `v` for a value, within braces.
const WRITES: &[&str] = &[
    "SET s{k} {v}",
    "SET s{k} {v}",
    "SET s{k} {n} EX 1000000000",
    "APPEND s{k} {v}",
    "INCRBY c{k} {n}",
    "INCRBYFLOAT f{k} 0.{n}",
    "SETRANGE s{k} {n} {v}",
    "GETDEL s{k}",
    "MSET s{k} {v} s{k} {n}",
    "SETBIT b{k} {n} 1",
    "BITFIELD b{k} INCRBY u8 {n} 7",
    "PFADD p{k} {v} {n}",
    "LPUSH l{k} {v} {n}",
    "RPUSH l{k} {n} {v} {v}",
    "LPOP l{k}",
    "LTRIM l{k} 0 30",
    "LSET l{k} 0 {v}",
    "LREM l{k} 1 {n}",
    "LINSERT l{k} BEFORE {n} {v}",
    "RPOPLPUSH l{k} l{k}",
    "LMOVE l{k} l{k} LEFT RIGHT",
    "SADD t{k} {n} {n}",
    "SADD t{k} {v}",
    "SREM t{k} {n}",
    "SPOP t{k}",
    "SUNIONSTORE t{k} t{k} t{k}",
    "HSET h{k} f{n} {v}",
    "HSET h{k} f {v} g {n}",
    "HINCRBY h{k} n {n}",
    "HINCRBYFLOAT h{k} x 0.{n}",
    "HDEL h{k} f{n}",
    "ZADD z{k} {n}.5 {v} {n} m{n}",
    "ZINCRBY z{k} 0.{n} m{n}",
    "ZPOPMIN z{k}",
    "ZREMRANGEBYRANK z{k} 0 0",
    "ZUNIONSTORE z{k} 2 z{k} z{k}",
    "GEOADD g{k} 13.{n} 38.1 place{n}",
    "XADD x{k} * f {v}",
    "XADD x{k} MAXLEN ~ 20 * f {v} g {n}",
    "XGROUP CREATE x{k} group 0 MKSTREAM",
    "XREADGROUP GROUP group reader{k} COUNT 2 STREAMS x{k} >",
    "XAUTOCLAIM x{k} group reader1 0 0 COUNT 2",
    "XTRIM x{k} MAXLEN 5",
    "DEL s{k} l{k} t{k}",
    "UNLINK h{k} z{k}",
    "EXPIRE h{k} 1000000000",
    "PEXPIREAT z{k} 4000000000000",
    "PERSIST s{k}",
    "RENAME l{k} l9",
    "COPY s{k} s9 REPLACE",
    "SORT t{k} ALPHA STORE l8",
    "MOVE s{k} 1",
    "SELECT {d}",
];

/// A write, by lot.
pub(crate) fn write(random: &mut Random) -> Words {
    let template = WRITES[random.below(WRITES.len() as u64) as usize];
    let word = |word: &str| {
        let mut word = word.to_owned();
        while let Some(at) = word.find('{') {
            let put = match &word[at..at + 3] {
                "{k}" => random.below(6).to_string(),
                "{n}" => random.below(300).to_string(),
                "{d}" => random.below(3).to_string(),
                _ => value(random),
            };
            word.replace_range(at..at + 3, &put);
        }
        word.into_bytes()
    };
    template.split(' ').map(word).collect()
}

fn value(random: &mut Random) -> String {
    const WORDS: [&str; 6] = ["session", "cart", "user", "12", "*2\r\n$4\r\n", "x"];
    let count = match random.below(30) {
        0 => 1_000,
        1..4 => 60,
        _ => 1 + random.below(4),
    };
    let words = (0..count).map(|_| WORDS[random.below(6) as usize]);
    words.collect::<Vec<_>>().join("-")
}
