//! Files between Lastsave and redis-server 7.0.15, both ways: key for key, expiry for expiry, and byte for byte.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use lastsave_rdb::{Decoder, Item};
use lastsave_tests::native::{Client, Random, Reply, Server, append_command, program, redis};

const PLAIN: [&str; 4] = ["--save", "", "--appendonly", "no"];
const LOGGED: [&str; 4] = ["--save", "", "--appendonly", "yes"];
const KEYS: u64 = 5_000;
const DATABASES: [u64; 3] = [0, 3, 15];

/// By database and key: the value and the expiry in milliseconds since the epoch, -1 for none.
type Data = BTreeMap<(u64, Vec<u8>), (Vec<u8>, i64)>;

/// Strings of every form that a file knows: small and large integers, their look-alikes, short text, text that
/// compresses well, badly and not at all, and bytes.
fn data_set(seed: u64) -> Data {
    let mut random = Random(seed);
    let edges = [
        "0",
        "-1",
        "127",
        "128",
        "-128",
        "-129",
        "32767",
        "32768",
        "-32768",
        "-32769",
        "2147483647",
        "2147483648",
        "-2147483648",
        "-2147483649",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "007",
        "+7",
        "-0",
        "1.0",
        " 1",
        "",
        "1e3",
    ];
    let mut data = Data::new();
    for number in 0..KEYS {
        let db = DATABASES[random.below(3) as usize];
        let key = match random.below(6) {
            0 => number.to_string().into_bytes(),
            1 => format!("{}\r\n\0{number}", "long ".repeat(20)).into_bytes(),
            _ => format!("key:{number}").into_bytes(),
        };
        let value = match random.below(8) {
            0 => edges[random.below(edges.len() as u64) as usize].into(),
            1 => ((random.draw() as i64) >> random.below(64))
                .to_string()
                .into(),
            2 => format!("value {number}").into_bytes(),
            3 => vec![b'a'; random.below(3_000) as usize],
            4 => text(&mut random),
            5 => (0..random.below(500))
                .map(|_| random.draw() as u8)
                .collect(),
            6 => (0..random.below(40)).map(|n| (n % 7) as u8).collect(),
            _ => near_repeats(&mut random),
        };
        // Far enough ahead that nothing expires while the test runs.
        let expires_at_ms = match random.below(4) {
            0 => 4_000_000_000_000 + random.below(1_000_000_000) as i64,
            _ => -1,
        };
        data.insert((db, key), (value, expires_at_ms));
    }
    data.insert((0, b"huge".to_vec()), (text(&mut random).repeat(300), -1));
    data
}

fn text(random: &mut Random) -> Vec<u8> {
    const WORDS: [&str; 8] = [
        "session", "cart", "user", "counter", "{\"id\":", "}", "0", ",",
    ];
    let words = (0..random.below(120)).map(|_| WORDS[random.below(8) as usize]);
    words.collect::<Vec<_>>().join(" ").into_bytes()
}

/// Blocks that return at random distances, some beyond what the compressor looks back.
fn near_repeats(random: &mut Random) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::new();
    let blocks: Vec<Vec<u8>> = (0..6)
        .map(|_| {
            (0..3 + random.below(300))
                .map(|_| random.draw() as u8)
                .collect()
        })
        .collect();
    for _ in 0..random.below(60) {
        bytes.extend_from_slice(&blocks[random.below(6) as usize]);
    }
    bytes
}

fn write(client: &mut Client, data: &Data) {
    let ok = Reply::Simple("OK".into());
    for ((db, key), (value, expires_at_ms)) in data {
        let mut out = Vec::new();
        append_command(&mut out, &["SELECT", &db.to_string()]);
        if *expires_at_ms == -1 {
            append_command(&mut out, &[b"SET", &key[..], value]);
        } else {
            let at = expires_at_ms.to_string();
            append_command(&mut out, &[b"SET", &key[..], value, b"PXAT", at.as_bytes()]);
        }
        client.send_raw(&out).expect("it is taken");
        for _ in 0..2 {
            assert_eq!(client.read().expect("an answer"), ok);
        }
    }
}

fn read(client: &mut Client) -> Data {
    let mut data = Data::new();
    for db in DATABASES {
        client.call(&["SELECT", &db.to_string()]);
        let Reply::Array(Some(keys)) = client.call(&["KEYS", "*"]) else {
            panic!("KEYS answers with an array");
        };
        for key in keys {
            let Reply::Bulk(Some(key)) = key else {
                panic!("keys are strings: {key:?}");
            };
            let Reply::Bulk(Some(value)) = client.call(&[b"GET", &key[..]]) else {
                panic!("a listed key has a value");
            };
            let Reply::Integer(at_ms) = client.call(&[b"PEXPIRETIME", &key[..]]) else {
                panic!("a listed key has an expiry or none");
            };
            data.insert((db, key), (value, at_ms));
        }
    }
    data
}

#[track_caller]
fn assert_same(found: &Data, expected: &Data) {
    for (key, value) in expected {
        assert_eq!(found.get(key), Some(value), "{key:?}");
    }
    assert_eq!(found.len(), expected.len());
}

/// Runs a checker and expects it to find nothing wrong.
fn check(checker: &Path, file: &Path) {
    let output = Command::new(checker)
        .arg(file)
        .output()
        .expect("the checker starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}: {text}", checker.display());
}

fn snapshot_goes_over(from: &Path, to: &Path) {
    let dir = tempfile::tempdir().expect("a directory");
    let data = data_set(1);
    let mut server = Server::start(from, dir.path(), &PLAIN);
    let mut client = server.connect();
    write(&mut client, &data);
    assert_eq!(client.call(&["SAVE"]), Reply::Simple("OK".into()));
    server.shut_down(&["NOSAVE"]);

    let file = dir.path().join("dump.rdb");
    check(&redis("redis-check-rdb"), &file);
    check(&program("redis-check-rdb"), &file);
    let server = Server::start(to, dir.path(), &PLAIN);
    assert_same(&read(&mut server.connect()), &data);
}

#[test]
fn redis_loads_our_snapshots() {
    snapshot_goes_over(&program("lastsave-server"), &redis("redis-server"));
}

#[test]
fn we_load_snapshots_of_redis() {
    snapshot_goes_over(&redis("redis-server"), &program("lastsave-server"));
}

/// Waits until no rewrite runs.
fn wait_for_rewrite(client: &mut Client) {
    let started = std::time::Instant::now();
    loop {
        let Reply::Bulk(Some(info)) = client.call(&["INFO", "persistence"]) else {
            panic!("INFO answers with text");
        };
        let info = String::from_utf8_lossy(&info).into_owned();
        if info.contains("aof_rewrite_in_progress:0") && info.contains("aof_rewrite_scheduled:0") {
            assert!(info.contains("aof_last_bgrewrite_status:ok"), "{info}");
            return;
        }
        assert!(started.elapsed().as_secs() < 30, "the rewrite does not end");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

fn log_goes_over(from: &Path, to: &Path, preamble: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let args = [
        &LOGGED[..],
        &[
            "--aof-use-rdb-preamble",
            preamble,
            "--aof-timestamp-enabled",
            "yes",
        ],
    ]
    .concat();
    let data = data_set(2);
    let later: Data = data_set(3)
        .into_iter()
        .filter(|((_, key), _)| key.len() % 3 == 0)
        .collect();
    let mut server = Server::start(from, dir.path(), &args);
    let mut client = server.connect();
    write(&mut client, &data);
    client.call(&["BGREWRITEAOF"]);
    wait_for_rewrite(&mut client);
    write(&mut client, &later);
    client.call(&["SELECT", "0"]);
    for words in [
        &["MULTI"][..],
        &["INCR", "counter"],
        &["APPEND", "text", "end"],
        &["EXEC"],
        &["SET", "short", "1", "EX", "100000"],
        &["PERSIST", "short"],
        &["DEL", "huge"],
    ] {
        client.call(words);
    }
    let mut expected = data;
    expected.extend(later);
    expected.remove(&(0, b"huge".to_vec()));
    for (key, value) in [("counter", "1"), ("text", "end"), ("short", "1")] {
        expected.insert((0, key.into()), (value.into(), -1));
    }
    server.shut_down(&["NOSAVE"]);

    let manifest = dir.path().join("appendonlydir/appendonly.aof.manifest");
    check(&redis("redis-check-aof"), &manifest);
    check(&program("redis-check-aof"), &manifest);
    let server = Server::start(to, dir.path(), &args);
    assert_same(&read(&mut server.connect()), &expected);
}

#[test]
fn redis_loads_our_logs() {
    log_goes_over(&program("lastsave-server"), &redis("redis-server"), "yes");
}

#[test]
fn we_load_logs_of_redis() {
    log_goes_over(&redis("redis-server"), &program("lastsave-server"), "yes");
}

#[test]
fn redis_loads_our_logs_without_snapshot() {
    log_goes_over(&program("lastsave-server"), &redis("redis-server"), "no");
}

#[test]
fn we_load_logs_of_redis_without_snapshot() {
    log_goes_over(&redis("redis-server"), &program("lastsave-server"), "no");
}

/// The bytes of each key in a file: expiry, type, key and value as encoded.
fn encoded(file: &Path) -> BTreeMap<(u64, Vec<u8>), Vec<u8>> {
    let bytes = std::fs::read(file).expect("the file is there");
    let mut decoder = Decoder::new(bytes.as_slice(), true).expect("it is an RDB file");
    let mut db = 0;
    let mut keys = BTreeMap::new();
    loop {
        let start = decoder.offset() as usize;
        match decoder.next_item().expect("it is sound") {
            Item::SelectDb(number) => db = number,
            Item::Key { key, .. } => {
                keys.insert((db, key), bytes[start..decoder.offset() as usize].to_vec());
            }
            Item::EmptyKey(_) => panic!("a key without elements"),
            Item::End => return keys,
            Item::Aux(..) | Item::ResizeDb(..) => {}
        }
    }
}

#[test]
fn every_key_is_encoded_to_the_same_bytes() {
    let data = data_set(4);
    let [ours, theirs] = [program("lastsave-server"), redis("redis-server")].map(|program| {
        let dir = tempfile::tempdir().expect("a directory");
        let server = Server::start(&program, dir.path(), &PLAIN);
        let mut client = server.connect();
        write(&mut client, &data);
        assert_eq!(client.call(&["SAVE"]), Reply::Simple("OK".into()));
        encoded(&dir.path().join("dump.rdb"))
    });
    assert_eq!(ours.len(), data.len());
    for (key, bytes) in &theirs {
        assert_eq!(ours.get(key), Some(bytes), "{key:?}");
    }
    assert_eq!(ours.len(), theirs.len());
}
