//! Scenarios at random, the same for a seed everywhere: commands of all types, workloads, policies, faults, crashes, restarts.
//!
//! Nobody says what they should come to. They are there to come to the same natively, in Chromium and in Firefox.

use crate::native::Random;

/// Commands by type. `{s}` and the like name one of a few keys of that type, `{v}` is a text, `{m}` a member, `{i}` a whole
/// number, `{f}` a number, `{t}` a short time in seconds.
const COMMANDS: &[&[&str]] = &[
    &[
        "SET {s} {v}",
        "SET {s} {v} EX {t}",
        "SET {s} {v} NX GET",
        "SETRANGE {s} {i} {v}",
        "APPEND {s} {v}",
        "GETEX {s} EX {t}",
        "GETDEL {s}",
        "MSET {s} {v} {s} {v}",
        "STRLEN {s}",
    ],
    &[
        "INCR {n}",
        "INCRBY {n} {i}",
        "DECRBY {n} {i}",
        "INCRBYFLOAT {n} {f}",
        "GETSET {n} {i}",
    ],
    &[
        "SETBIT {b} {i} 1",
        "BITFIELD {b} INCRBY u5 {i} 3 OVERFLOW SAT SET i8 #1 {i}",
        "BITOP XOR {b} {b} {s}",
        "BITCOUNT {b}",
    ],
    &[
        "RPUSH {l} {v} {m} {i}",
        "LPUSH {l} {m}",
        "LPOP {l} 2",
        "LINSERT {l} BEFORE {m} {v}",
        "LSET {l} 0 {v}",
        "LREM {l} 1 {m}",
        "LTRIM {l} 0 40",
        "LMOVE {l} {l} LEFT RIGHT",
        "LRANGE {l} 0 -1",
    ],
    &[
        "SADD {S} {m} {m} {i}",
        "SREM {S} {m}",
        "SPOP {S}",
        "SMOVE {S} {S} {m}",
        "SUNIONSTORE {S} {S} {S}",
        "SINTERCARD 2 {S} {S}",
        "SRANDMEMBER {S} 2",
    ],
    &[
        "HSET {h} {m} {v} {m} {i}",
        "HDEL {h} {m}",
        "HINCRBY {h} count {i}",
        "HINCRBYFLOAT {h} price {f}",
        "HGETALL {h}",
    ],
    &[
        "ZADD {z} {f} {m} {i} {m}",
        "ZADD {z} GT CH {f} {m}",
        "ZINCRBY {z} {f} {m}",
        "ZPOPMIN {z}",
        "ZRANGESTORE {z} {z} 0 3",
        "ZUNIONSTORE {z} 2 {z} {S} WEIGHTS 2 3",
        "ZRANGE {z} 0 -1 WITHSCORES",
    ],
    &[
        "XADD {x} * {m} {v}",
        "XADD {x} MAXLEN ~ 5 * {m} {i}",
        "XGROUP CREATE {x} readers 0 MKSTREAM",
        "XREADGROUP GROUP readers ann COUNT 2 STREAMS {x} >",
        "XAUTOCLAIM {x} readers bob 0 0",
        "XTRIM {x} MAXLEN 3",
        "XRANGE {x} - + COUNT 3",
    ],
    &[
        "PFADD {p} {m} {v} {i}",
        "PFMERGE {p} {p} {p}",
        "PFCOUNT {p}",
        "GEOADD {g} 13.361389 38.{i} {m}",
        "GEOSEARCHSTORE {g} {g} FROMLONLAT 13.4 38.2 BYRADIUS 90 km",
    ],
    &[
        "EXPIRE {s} {t}",
        "PEXPIRE {z} {t}00",
        "PERSIST {h}",
        "RENAME {l} {l}",
        "COPY {h} {h} REPLACE",
        "DEL {s} {x}",
        "UNLINK {S}",
        "SORT {l} ALPHA STORE {l}",
        "OBJECT ENCODING {z}",
        "DUMP {h}",
        "RANDOMKEY",
        "SCAN 0 COUNT 5",
        "DBSIZE",
    ],
];

/// What stays as it is for a server's whole life.
const SETTINGS: &[&str] = &[
    "--save \"\"",
    "--save 5 10",
    "--save 60 1000",
    "--aof-timestamp-enabled yes",
    "--aof-checksums yes",
    "--aof-use-rdb-preamble no",
    "--redis-faithful yes",
    "--no-appendfsync-on-rewrite yes",
    "--auto-aof-rewrite-min-size 1kb",
    "--stop-writes-on-bgsave-error no",
    "--hash-max-listpack-entries 3",
    "--set-max-intset-entries 2",
    "--list-max-listpack-size 2",
    "--maxmemory 2mb --maxmemory-policy allkeys-lru",
    "--hz 50",
];

const FAULTS: &[&str] = &[
    "fault fsync slow 1700ms",
    "fault fsync fail once",
    "fault write fail ENOSPC taking 13 once on *.incr.aof",
    "fault write short 7 3 times",
    "fault disk capacity 60kb",
    "fault fork fail once",
    "fault child kill once",
    "fault bgsave fail",
    "fault rename fail once",
    "fault fsyncdir fail once",
    "fault open fail EMFILE once",
    "fault tearing",
    "fault reordering",
    "fault unlink fail once",
];

const CRASHES: &[&str] = &[
    "crash power",
    "crash power none",
    "crash power all",
    "crash power seed {i}",
    "crash kill",
    "crash oom",
    "kill -9 $(pgrep redis-server)",
    "SHUTDOWN",
    "SHUTDOWN NOSAVE",
];

const AFTER_A_CRASH: &[&str] = &[
    "ls -lR",
    "truncate -s -{i} appendonlydir/appendonly.aof.1.incr.aof",
    "flip-bit appendonlydir/appendonly.aof.1.incr.aof {i} 3",
    "flip-bit dump.rdb {i} 1",
    "redis-check-rdb dump.rdb",
    "redis-check-aof appendonlydir/appendonly.aof.manifest",
    "xxd -l 64 dump.rdb",
];

/// The scenario of a seed.
pub fn scenario(seed: u64) -> String {
    let mut random = Random(seed);
    let policy = ["always", "everysec", "no"][random.below(3) as usize];
    let mut server = format!("redis-server --appendfsync {policy}");
    if random.below(4) > 0 {
        server += " --appendonly yes";
    }
    for _ in 0..random.below(4) {
        server += " ";
        server += pick(&mut random, SETTINGS);
    }
    let mut lines = vec![server.clone()];
    for _ in 0..2 + random.below(3) {
        for _ in 0..4 + random.below(12) {
            stretch(&mut random, &mut lines);
        }
        lines.push(filled(&mut random, CRASHES));
        if random.below(3) == 0 {
            lines.push(filled(&mut random, AFTER_A_CRASH));
        }
        lines.push("fault ok".into());
        lines.push(server.clone());
        lines.push("status".into());
    }
    format!(
        "# lastsave scenario 1\n# Generated {seed}\nseed {seed}\n\n{}\n",
        lines.join("\n")
    )
}

/// Some lines while the server runs, unless it does not.
fn stretch(random: &mut Random, lines: &mut Vec<String>) {
    match random.below(12) {
        0 => {
            let kind = pick(random, &["sessions", "carts", "counters", "mixed"]);
            let (rate, keys) = (1 + random.below(900), 1 + random.below(300));
            let size = 1 + random.below(60);
            lines.push(format!(
                "workload {kind} rate={rate} keys={keys} size={size}"
            ));
            lines.push(format!("advance {}ms", 1 + random.below(12_000)));
            if random.below(3) > 0 {
                lines.push("workload off".into());
            }
        }
        1 => lines.push(filled(random, FAULTS)),
        2 => lines.push(format!("advance {}ms", 1 + random.below(4_000))),
        3 => lines.push(
            pick(
                random,
                &[
                    "BGSAVE",
                    "BGREWRITEAOF",
                    "SAVE",
                    "CONFIG SET appendonly yes",
                    "CONFIG SET appendfsync everysec",
                    "FLUSHDB",
                    "SELECT 1",
                    "SELECT 0",
                ],
            )
            .into(),
        ),
        4 => {
            lines.push("MULTI".into());
            for _ in 0..1 + random.below(4) {
                lines.push(command(random));
            }
            lines.push(pick(random, &["EXEC", "EXEC", "DISCARD"]).into());
        }
        _ => {
            for _ in 0..1 + random.below(6) {
                lines.push(command(random));
            }
        }
    }
}

fn command(random: &mut Random) -> String {
    let group = COMMANDS[random.below(COMMANDS.len() as u64) as usize];
    filled(random, group)
}

fn pick(random: &mut Random, from: &[&'static str]) -> &'static str {
    from[random.below(from.len() as u64) as usize]
}

/// One of some lines, with its placeholders filled in.
fn filled(random: &mut Random, from: &[&'static str]) -> String {
    const TEXTS: [&str; 8] = [
        "books",
        "\"two words\"",
        "17",
        "-3.25",
        "\"\\x00\\xff\"",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "\"\"",
        "9223372036854775806",
    ];
    let template = pick(random, from);
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        text += before;
        text += &match name {
            "v" => pick(random, &TEXTS).into(),
            "m" => format!("m{}", random.below(9)),
            "i" => random.below(60).to_string(),
            "t" => (1 + random.below(20)).to_string(),
            "f" => format!("{}.{:03}", random.below(90), random.below(1_000)),
            kind => format!("{kind}{}", random.below(3)),
        };
        rest = after;
    }
    text + rest
}
