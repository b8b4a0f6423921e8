//! Golden scripts: blocks of commands, `---`, and what they answer and leave behind. Every answer, count and
//! written command was taken from a real redis-server 7.0.15.
//!
//! `{now+N}` and `{now_s+N}` stand for the time, in milliseconds and seconds. `advance N` lets milliseconds
//! pass, `config NAME VALUE` changes a setting, and `protocol N` the version of the protocol. Below an answer stand the counters that it moved, the keyspace
//! events if the script opens with `# events`, and the commands that the append-only file got, each with its database.

use std::fmt::Write;

use lastsave_resp::{ArgsBuf, Protocol, Reply, split_words};

use crate::{Blocking, Call, Effects, Event, Handler, Keyspace, Origin, Propagated, resolve};

mod collections;

const SCRIPTS: &[(&str, &str)] = &[
    ("bitmaps", include_str!("../../testscripts/bitmaps.txt")),
    ("counters", include_str!("../../testscripts/counters.txt")),
    ("databases", include_str!("../../testscripts/databases.txt")),
    ("events", include_str!("../../testscripts/events.txt")),
    ("expire", include_str!("../../testscripts/expire.txt")),
    ("hashes", include_str!("../../testscripts/hashes.txt")),
    ("geo", include_str!("../../testscripts/geo.txt")),
    (
        "hyperloglog",
        include_str!("../../testscripts/hyperloglog.txt"),
    ),
    ("keys", include_str!("../../testscripts/keys.txt")),
    ("lcs", include_str!("../../testscripts/lcs.txt")),
    ("lists", include_str!("../../testscripts/lists.txt")),
    ("objects", include_str!("../../testscripts/objects.txt")),
    ("set", include_str!("../../testscripts/set.txt")),
    (
        "stream_claims",
        include_str!("../../testscripts/stream_claims.txt"),
    ),
    (
        "stream_groups",
        include_str!("../../testscripts/stream_groups.txt"),
    ),
    ("streams", include_str!("../../testscripts/streams.txt")),
    ("sort", include_str!("../../testscripts/sort.txt")),
    ("sets", include_str!("../../testscripts/sets.txt")),
    (
        "sorted_sets",
        include_str!("../../testscripts/sorted_sets.txt"),
    ),
    ("strings", include_str!("../../testscripts/strings.txt")),
    (
        "wrong_types",
        include_str!("../../testscripts/wrong_types.txt"),
    ),
];

fn run(
    keyspace: &mut Keyspace,
    db: usize,
    now_us: u64,
    origin: Origin,
    protocol: Protocol,
    words: &ArgsBuf,
    effects: &mut Effects,
) -> Vec<u8> {
    effects.clear();
    let mut reply = Reply::new(protocol);
    match resolve(words.as_args()) {
        Err(error) => reply.error_bytes(&error),
        Ok(resolved) => {
            let Handler::Data(handler) = resolved.command.handler else {
                panic!("{} is the engine's", resolved.full_name());
            };
            handler(&mut Call {
                args: words.as_args(),
                keyspace,
                db,
                now_us,
                origin,
                blocking: Blocking::No,
                reply: &mut reply,
                effects,
            });
        }
    }
    reply.bytes().to_vec()
}

/// A keyspace with one client, as an engine would drive it, and a second one that is only told what an
/// append-only file would get.
struct Session {
    keyspace: Keyspace,
    replayed: Keyspace,
    db: usize,
    now_us: u64,
    protocol: Protocol,
    effects: Effects,
}

impl Session {
    fn new() -> Self {
        Self {
            keyspace: Keyspace::new(16, 1),
            replayed: Keyspace::new(16, 2),
            db: 0,
            now_us: 1_700_000_000_000_000,
            protocol: Protocol::Resp2,
            effects: Effects::default(),
        }
    }

    fn now_ms(&self) -> i64 {
        (self.now_us / 1000) as i64
    }

    /// The answer to a request; what else it did is in `effects`.
    fn run(&mut self, words: &ArgsBuf) -> Vec<u8> {
        if words.as_args()[0].eq_ignore_ascii_case(b"select") {
            self.effects.clear();
            self.db = std::str::from_utf8(&words.as_args()[1])
                .unwrap()
                .parse()
                .unwrap();
            return b"+OK\r\n".to_vec();
        }
        let (db, now_us) = (self.db, self.now_us);
        let reply = run(
            &mut self.keyspace,
            db,
            now_us,
            Origin::Client,
            self.protocol,
            words,
            &mut self.effects,
        );
        for Propagated { db, args } in self.written(words) {
            // The time must not matter.
            let now_us = u64::MAX;
            run(
                &mut self.replayed,
                db,
                now_us,
                Origin::Replay,
                Protocol::Resp2,
                &args,
                &mut Effects::default(),
            );
        }
        reply
    }

    /// What an engine would write to the append-only file for the last request.
    fn written(&self, words: &ArgsBuf) -> Vec<Propagated> {
        let mut written = self.effects.ahead.clone();
        if !self.effects.instead.is_empty() {
            written.extend_from_slice(&self.effects.instead);
        } else if self.effects.dirty > 0 && !self.effects.suppressed {
            written.push(Propagated {
                db: self.db,
                args: words.clone(),
            });
        }
        written
    }

    /// What a script expects below `line`.
    fn play(&mut self, line: &str) -> String {
        let mut out = String::new();
        if let Some(ms) = line.strip_prefix("advance ") {
            self.now_us += ms.parse::<u64>().unwrap() * 1000;
            return out;
        }
        if let Some(version) = line.strip_prefix("protocol ") {
            self.protocol = match version {
                "3" => Protocol::Resp3,
                _ => Protocol::Resp2,
            };
            return out;
        }
        if let Some(setting) = line.strip_prefix("config ")
            && let Some((name, value)) = setting.split_once(' ')
        {
            let settings = &mut self.keyspace.settings;
            match name {
                "lazyfree-lazy-expire" => settings.lazy_expire = value == "yes",
                "lazyfree-lazy-user-del" => settings.lazy_user_del = value == "yes",
                "hash-max-listpack-entries" => {
                    settings.hash_max_listpack_entries = value.parse().unwrap();
                }
                "hash-max-listpack-value" => {
                    settings.hash_max_listpack_value = value.parse().unwrap();
                }
                "set-max-intset-entries" => {
                    settings.set_max_intset_entries = value.parse().unwrap();
                }
                "hll-sparse-max-bytes" => settings.hll_sparse_max_bytes = value.parse().unwrap(),
                "zset-max-listpack-entries" => {
                    settings.zset_max_listpack_entries = value.parse().unwrap();
                }
                "zset-max-listpack-value" => {
                    settings.zset_max_listpack_value = value.parse().unwrap();
                }
                "stream-node-max-bytes" => settings.stream_node_max_bytes = value.parse().unwrap(),
                "stream-node-max-entries" => {
                    settings.stream_node_max_entries = value.parse().unwrap();
                }
                _ => panic!("{line}"),
            }
            self.replayed.settings = settings.clone();
            return out;
        }
        let words: ArgsBuf = split_words(self.with_times(line).as_bytes())
            .unwrap()
            .into_iter()
            .collect();
        let reply = self.run(&words);
        writeln!(out, "{}", self.without_times(&reply)).unwrap();
        let effects = &self.effects;
        let counters = [
            ("dirty", effects.dirty),
            ("hits", effects.hits),
            ("misses", effects.misses),
            ("expired", effects.expired),
        ];
        let moved: Vec<String> = counters
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{name}={count}"))
            .collect();
        if !moved.is_empty() {
            writeln!(out, "  {}", moved.join(" ")).unwrap();
        }
        for Event { name, db, key, .. } in &self.effects.events {
            writeln!(out, "  event {db} {name} {}", key.escape_ascii()).unwrap();
        }
        for Propagated { db, args } in self.written(&words) {
            write!(out, "  aof {db}").unwrap();
            for word in args.as_args().iter() {
                let word = self.without_times(word);
                let quoted = word.is_empty() || word.contains(' ');
                write!(
                    out,
                    " {}",
                    if quoted { format!("\"{word}\"") } else { word }
                )
                .unwrap();
            }
            out.push('\n');
        }
        out
    }

    fn with_times(&self, line: &str) -> String {
        let mut out = String::new();
        let mut rest = line;
        while let Some((before, placeholder)) = rest.split_once("{now") {
            let (placeholder, behind) = placeholder.split_once('}').unwrap();
            let (base, offset) = match placeholder.strip_prefix("_s") {
                Some(offset) => (self.now_ms() / 1000, offset),
                None => (self.now_ms(), placeholder),
            };
            write!(out, "{before}{}", base + offset.parse::<i64>().unwrap()).unwrap();
            rest = behind;
        }
        out + rest
    }

    /// Escaped, with numbers that are times near now as placeholders.
    fn without_times(&self, bytes: &[u8]) -> String {
        let text = bytes.escape_ascii().to_string();
        let mut out = String::new();
        for part in text.split_inclusive(|c: char| !c.is_ascii_digit()) {
            let digits = part.trim_end_matches(|c: char| !c.is_ascii_digit());
            let number = digits.parse::<i64>().unwrap_or(0);
            let (offset_ms, offset_s) = (number - self.now_ms(), number - self.now_ms() / 1000);
            match digits.len() {
                13 if offset_ms.abs() < 1_000_000_000 => {
                    write!(out, "{{now{offset_ms:+}}}").unwrap();
                }
                10 if offset_s.abs() < 1_000_000 => write!(out, "{{now_s{offset_s:+}}}").unwrap(),
                _ => out.push_str(digits),
            }
            out.push_str(&part[digits.len()..]);
        }
        out
    }
}

#[test]
fn golden_scripts() {
    let mut failures = String::new();
    for (name, script) in SCRIPTS {
        let mut session = Session::new();
        if script.starts_with("# events\n") {
            session.effects.notifying = u16::MAX;
        }
        for block in script.trim_end().split("\n\n") {
            let (input, expected) = block.split_once("\n---\n").expect("a block has both parts");
            let mut actual = String::new();
            for line in input.lines().filter(|line| !line.starts_with('#')) {
                actual += &session.play(line);
            }
            if actual.trim_end() != expected.trim_end() {
                let (got, wanted) = first_difference(&actual, expected);
                writeln!(failures, "{name}: {input}\n  got {got}\n  not {wanted}\n").unwrap();
            }
            if session.replayed.digest() != session.keyspace.digest() {
                writeln!(failures, "{name}: {input}\n  replays differently").unwrap();
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

fn first_difference(actual: &str, expected: &str) -> (String, String) {
    let mut lines = actual.lines().zip(expected.lines()).enumerate();
    match lines.find(|(_, (actual, expected))| actual != expected) {
        Some((number, (actual, expected))) => (format!("{number}: {actual}"), expected.to_owned()),
        None => (
            format!("{} lines", actual.lines().count()),
            format!("{} lines", expected.lines().count()),
        ),
    }
}

fn session(lines: &[&str]) -> Session {
    let mut session = Session::new();
    for line in lines {
        session.play(line);
    }
    session
}

fn reply(session: &mut Session, line: &str) -> String {
    session
        .play(line)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn replay_neither_expires_nor_refuses() {
    let mut keyspace = Keyspace::new(1, 0);
    keyspace.settings.max_string_len = 4;
    let mut effects = Effects::default();
    for line in [
        "SET k v PXAT 1",
        "PEXPIREAT k 5",
        "APPEND k 12345",
        "GETEX k PXAT 9",
        "EXPIRE k -7000000000",
    ] {
        let words: ArgsBuf = split_words(line.as_bytes()).unwrap().into_iter().collect();
        let reply = run(
            &mut keyspace,
            0,
            1_000_000_000_000,
            Origin::Replay,
            Protocol::Resp2,
            &words,
            &mut effects,
        );
        assert_ne!(reply[0], b'-', "{line}");
        assert_eq!(effects.dirty, 1, "{line}");
        assert_eq!(effects.expired, 0);
        assert_eq!(effects.ahead, []);
    }
    assert_eq!(
        keyspace.databases[0]
            .keys
            .get(b"k")
            .unwrap()
            .expires_at_ms(),
        Some(0)
    );
}

#[test]
fn strings_move_out_of_their_entry_when_they_grow() {
    let mut session = session(&["set k x"]);
    for len in [1, 1000, 1023, 1024, 1025, 5000] {
        let missing = len
            - reply(&mut session, "strlen k")[1..]
                .trim_end_matches(r"\r\n")
                .parse::<usize>()
                .unwrap();
        session.play(&format!("append k {:?}", "y".repeat(missing)));
        assert_eq!(reply(&mut session, "strlen k"), format!(r":{len}\r\n"));
        session.play("setrange k 0 z");
    }
    assert_eq!(reply(&mut session, "getrange k 0 1"), r"$2\r\nzy\r\n");
    assert_eq!(session.replayed.digest(), session.keyspace.digest());
    session.play("copy k l");
    session.play("setrange l 0 other");
    assert_eq!(reply(&mut session, "getrange k 0 4"), r"$5\r\nzyyyy\r\n");
}

#[test]
fn growth_is_limited() {
    let mut session = session(&["set k 1234567890"]);
    session.keyspace.settings.max_string_len = 10;
    let refused = r"-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n";
    assert_eq!(reply(&mut session, "append k x"), refused);
    assert_eq!(reply(&mut session, "setrange k 10 x"), refused);
    assert_eq!(reply(&mut session, "setrange k 9 x"), r":10\r\n");
    session.keyspace.settings.max_string_len = usize::MAX;
    assert_eq!(
        reply(&mut session, "setrange k 9223372036854775807 x"),
        refused
    );
    assert_eq!(reply(&mut session, "setrange k 4294967295 x"), refused);
}

#[test]
fn reading_marks_a_key_as_used_unless_a_snapshot_runs() {
    let mut session = session(&["set k v", "advance 5000", "exists k", "ttl k"]);
    assert_eq!(reply(&mut session, "object idletime k"), r":5\r\n");
    session.play("get k");
    assert_eq!(reply(&mut session, "object idletime k"), r":0\r\n");
    session.play("advance 3000");
    session.keyspace.snapshot_begin();
    session.play("get k");
    assert_eq!(reply(&mut session, "object idletime k"), r":3\r\n");
}

#[test]
fn watchers_hear_of_keys_and_databases() {
    let mut session = session(&["mset a 1 b 2", "set c 3 px 5"]);
    session.effects.watching = true;
    let mut touched = |line: &str| {
        session.play(line);
        let keys = session
            .effects
            .touched
            .iter()
            .map(|(db, key)| format!("{db}:{}", key.escape_ascii()));
        let databases = session.effects.touched_dbs.iter().map(ToString::to_string);
        keys.chain(databases).collect::<Vec<_>>().join(" ")
    };
    for (line, expected) in [
        ("get a", ""),
        ("rename a d", "0:a 0:d"),
        ("move d 1", "0:d 1:d"),
        ("incr b", "0:b"),
        ("del b missing", "0:b"),
        ("advance 10", "0:b"),
        ("get c", "0:c"),
        ("swapdb 2 3", "2 3"),
        ("swapdb 2 2", ""),
        ("flushdb", "0"),
    ] {
        assert_eq!(touched(line), expected, "{line}");
    }
}

#[test]
fn scan_returns_every_key_and_removes_what_expired() {
    let mut session = Session::new();
    for number in 0..500 {
        session.play(&format!(
            "set key:{number} v{}",
            if number % 5 == 0 { " px 1" } else { "" }
        ));
    }
    session.play("advance 10");
    let (mut cursor, mut found) = ("0".to_owned(), std::collections::BTreeSet::new());
    loop {
        let reply = reply(&mut session, &format!("scan {cursor} count 7 match key:*"));
        let mut parts = reply
            .split(r"\r\n")
            .filter(|part| !part.starts_with(['*', '$']));
        cursor = parts.next().unwrap().to_owned();
        found.extend(parts.filter(|part| !part.is_empty()).map(str::to_owned));
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(found.len(), 400);
    assert!(!found.contains("key:5") && found.contains("key:499"));
    assert_eq!(reply(&mut session, "dbsize"), r":400\r\n");
}

#[test]
fn random_keys_are_live_ones() {
    let mut session = session(&["set a v", "set b v px 1", "set c v px 1", "advance 10"]);
    for _ in 0..20 {
        assert_eq!(reply(&mut session, "randomkey"), r"$1\r\na\r\n");
    }
    session.play("del a");
    session.play("set b v px 1");
    session.play("advance 10");
    assert_eq!(reply(&mut session, "randomkey"), r"$-1\r\n");
}

#[test]
fn time_is_the_argument() {
    let mut session = Session::new();
    session.now_us = 12_000_345;
    assert_eq!(
        reply(&mut session, "time"),
        r"*2\r\n$2\r\n12\r\n$3\r\n345\r\n"
    );
}
