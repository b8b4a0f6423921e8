//! Collections between Lastsave and redis-server 7.0.15: the same commands make the same bytes, and files and payloads
//! go over both ways.

use std::path::Path;

use lastsave_tests::native::{Client, Random, Reply, Server, append_command, program, redis};

const PLAIN: [&str; 6] = [
    "--save",
    "",
    "--appendonly",
    "no",
    "--enable-debug-command",
    "yes",
];

/// So many commands write a data set of about a hundred keys.
const COMMANDS: u64 = 4_000;

type Command = Vec<Vec<u8>>;

/// Commands that make collections of every type, small and large. `groups`: with consumer groups, whose times are the
/// server's own.
fn commands(seed: u64, groups: bool) -> Vec<Command> {
    let mut random = Random(seed);
    let mut commands = vec![
        words(&["XADD", "grouped", "1-1", "f", "v"]),
        words(&["XADD", "emptied", "1-1", "f", "v"]),
        words(&["XDEL", "emptied", "1-1"]),
    ];
    if groups {
        for group in ["all", "late"] {
            let from = if group == "all" { "0" } else { "1005-0" };
            commands.push(words(&["XGROUP", "CREATE", "grouped", group, from]));
        }
        commands.push(words(&[
            "XGROUP",
            "CREATECONSUMER",
            "grouped",
            "all",
            "idle",
        ]));
    }
    for number in 0..COMMANDS {
        let size = [3, 40, 700][random.below(3) as usize];
        let key = format!("{size}:{}", random.below(6));
        let element = random.below(size);
        let command: Vec<Vec<u8>> = match random.below(12) {
            0 => [
                words(&["RPUSH", &format!("list:{key}")]),
                texts(&mut random),
            ]
            .concat(),
            1 => [
                words(&["LPUSH", &format!("list:{key}")]),
                texts(&mut random),
            ]
            .concat(),
            2 => words(&["SADD", &format!("integers:{key}"), &element.to_string()]),
            3 => words(&["SADD", &format!("set:{key}"), &format!("member {element}")]),
            4..=5 => {
                let field = format!("field:{element}");
                [
                    words(&["HSET", &format!("hash:{key}"), &field]),
                    vec![text(&mut random)],
                ]
                .concat()
            }
            6..=7 => {
                let score = match random.below(5) {
                    0 => "inf".into(),
                    1 => format!("-{}.5", random.below(9)),
                    2 => format!("{}e30", random.below(9)),
                    _ => random.below(1_000).to_string(),
                };
                words(&[
                    "ZADD",
                    &format!("zset:{key}"),
                    &score,
                    &format!("m{element}"),
                ])
            }
            8 => words(&[
                "PEXPIREAT",
                &format!("list:{key}"),
                &(4_000_000_000_000 + number).to_string(),
            ]),
            9 if groups => match random.below(3) {
                0 => words(&[
                    "XACK",
                    "grouped",
                    "all",
                    &format!("{}-0", 1_000 + random.below(number + 1)),
                ]),
                1 => words(&[
                    "XREADGROUP",
                    "GROUP",
                    "late",
                    "carol",
                    "COUNT",
                    "1",
                    "STREAMS",
                    "grouped",
                    ">",
                ]),
                _ => {
                    let consumer = ["alice", "bob"][random.below(2) as usize];
                    words(&[
                        "XREADGROUP",
                        "GROUP",
                        "all",
                        consumer,
                        "COUNT",
                        "2",
                        "STREAMS",
                        "grouped",
                        ">",
                    ])
                }
            },
            _ => {
                let stream = if groups {
                    "grouped".into()
                } else {
                    format!("stream:{key}")
                };
                if random.below(8) == 0 {
                    words(&[
                        "XDEL",
                        &stream,
                        &format!("{}-0", 1_000 + random.below(number + 1)),
                    ])
                } else {
                    let field = if random.below(4) == 0 {
                        "other"
                    } else {
                        "field"
                    };
                    let id = format!("{}-0", 1_000 + number);
                    let value = text(&mut random);
                    [words(&["XADD", &stream, &id, field]), vec![value]].concat()
                }
            }
        };
        commands.push(command);
    }
    commands
}

fn words(words: &[&str]) -> Command {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

fn texts(random: &mut Random) -> Vec<Vec<u8>> {
    (0..=random.below(6)).map(|_| text(random)).collect()
}

fn text(random: &mut Random) -> Vec<u8> {
    match random.below(7) {
        0 => random.below(200).to_string().into(),
        1 => ((random.draw() as i64) >> random.below(64))
            .to_string()
            .into(),
        2 => vec![b'x'; random.below(100) as usize],
        3 => (0..random.below(90)).map(|_| random.draw() as u8).collect(),
        4 => format!(
            "{} of {}",
            random.below(9),
            "many ".repeat(random.below(70) as usize)
        )
        .into(),
        5 => ["0", "-0", "007", "", "1.5", "9223372036854775808"][random.below(6) as usize].into(),
        _ => format!("text {}", random.below(1_000)).into(),
    }
}

fn write(client: &mut Client, commands: &[Command]) {
    for batch in commands.chunks(100) {
        let mut out = Vec::new();
        for command in batch {
            let words: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
            append_command(&mut out, &words);
        }
        client.send_raw(&out).expect("it is taken");
        for command in batch {
            let reply = client.read().expect("an answer");
            assert!(!matches!(reply, Reply::Error(_)), "{command:?}: {reply:?}");
        }
    }
}

fn bulk(reply: Reply) -> Vec<u8> {
    match reply {
        Reply::Bulk(Some(bytes)) => bytes,
        other => panic!("a string was expected, not {other:?}"),
    }
}

fn digest(client: &mut Client) -> Reply {
    client.call(&["DEBUG", "DIGEST"])
}

fn keys(client: &mut Client) -> Vec<Vec<u8>> {
    let Reply::Array(Some(keys)) = client.call(&["KEYS", "*"]) else {
        panic!("KEYS answers with an array");
    };
    let mut keys: Vec<Vec<u8>> = keys.into_iter().map(bulk).collect();
    keys.sort();
    keys
}

/// Each key's encoding, and its payload unless that is in the order of a hash table.
fn payloads(client: &mut Client) -> Vec<Payload> {
    let keys = keys(client);
    let describe = |key: Vec<u8>| {
        let encoding = bulk(client.call(&[&b"OBJECT"[..], b"ENCODING", &key]));
        let payload = match encoding.as_slice() {
            b"hashtable" => Vec::new(),
            _ => bulk(client.call(&[&b"DUMP"[..], &key])),
        };
        (key, encoding, payload)
    };
    keys.into_iter().map(describe).collect()
}

type Payload = (Vec<u8>, Vec<u8>, Vec<u8>);

#[track_caller]
fn assert_same_payloads(found: &[Payload], expected: &[Payload]) {
    for ((key, encoding, payload), (expected_key, expected_encoding, expected_payload)) in
        found.iter().zip(expected)
    {
        let name = key.escape_ascii();
        assert_eq!((key, encoding), (expected_key, expected_encoding), "{name}");
        let differs = payload
            .iter()
            .zip(expected_payload)
            .position(|(a, b)| a != b);
        assert!(
            payload == expected_payload,
            "{name}: {} bytes, {} expected, different from {differs:?}: {} / {}",
            payload.len(),
            expected_payload.len(),
            payload[differs.unwrap_or(0)..]
                .iter()
                .take(40)
                .copied()
                .collect::<Vec<_>>()
                .escape_ascii(),
            expected_payload[differs.unwrap_or(0)..]
                .iter()
                .take(40)
                .copied()
                .collect::<Vec<_>>()
                .escape_ascii(),
        );
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn the_same_commands_make_the_same_bytes() {
    let commands = commands(1, false);
    let [ours, theirs] = [program("lastsave-server"), redis("redis-server")].map(|program| {
        let dir = tempfile::tempdir().expect("a directory");
        let server = Server::start(&program, dir.path(), &PLAIN);
        let mut client = server.connect();
        write(&mut client, &commands);
        (digest(&mut client), payloads(&mut client))
    });
    assert_same_payloads(&ours.1, &theirs.1);
    assert_eq!(ours.0, theirs.0);
}

fn snapshot_goes_over(from: &Path, to: &Path) {
    let dir = tempfile::tempdir().expect("a directory");
    let mut server = Server::start(from, dir.path(), &PLAIN);
    let mut client = server.connect();
    write(&mut client, &commands(2, true));
    // What was once large and fits again is packed by the first loading.
    let ok = Reply::Simple("OK".into());
    assert_eq!(client.call(&["DEBUG", "RELOAD"]), ok);
    let (digest_before, before) = (digest(&mut client), payloads(&mut client));
    assert_eq!(client.call(&["SAVE"]), ok);
    server.shut_down(&["NOSAVE"]);

    for checker in [redis("redis-check-rdb"), program("redis-check-rdb")] {
        let output = std::process::Command::new(checker)
            .arg(dir.path().join("dump.rdb"))
            .output()
            .expect("the checker starts");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
    let server = Server::start(to, dir.path(), &PLAIN);
    let mut client = server.connect();
    assert_eq!(digest(&mut client), digest_before);
    assert_same_payloads(&payloads(&mut client), &before);
}

#[test]
fn redis_loads_our_snapshots() {
    snapshot_goes_over(&program("lastsave-server"), &redis("redis-server"));
}

#[test]
fn we_load_snapshots_of_redis() {
    snapshot_goes_over(&redis("redis-server"), &program("lastsave-server"));
}

/// A log whose base is commands, for the type by type rewriting that nothing else covers.
fn log_goes_over(from: &Path, to: &Path) {
    let dir = tempfile::tempdir().expect("a directory");
    let args = [
        &PLAIN[..2],
        &PLAIN[4..],
        &["--appendonly", "yes", "--aof-use-rdb-preamble", "no"],
    ]
    .concat();
    let mut server = Server::start(from, dir.path(), &args);
    let mut client = server.connect();
    let commands = commands(3, true);
    let (first, second) = commands.split_at(commands.len() / 2);
    write(&mut client, first);
    client.call(&["BGREWRITEAOF"]);
    wait_for_rewrite(&mut client);
    write(&mut client, second);
    // Commands bring back only those pending entries that are in the stream.
    let ok = Reply::Simple("OK".into());
    assert_eq!(client.call(&["DEBUG", "LOADAOF"]), ok);
    let expected = described(&mut client);
    server.shut_down(&["NOSAVE"]);
    let server = Server::start(to, dir.path(), &args);
    assert_eq!(described(&mut server.connect()), expected);
}

/// The data, and what is pending in the groups.
fn described(client: &mut Client) -> Vec<Reply> {
    let mut replies = vec![digest(client)];
    for group in ["all", "late"] {
        replies.push(client.call(&["XPENDING", "grouped", group]));
    }
    let Reply::Array(Some(groups)) = client.call(&["XINFO", "GROUPS", "grouped"]) else {
        panic!("XINFO GROUPS answers with an array");
    };
    replies.extend(groups);
    replies
}

fn wait_for_rewrite(client: &mut Client) {
    let started = std::time::Instant::now();
    loop {
        let info = bulk(client.call(&["INFO", "persistence"]));
        let info = String::from_utf8_lossy(&info).into_owned();
        if info.contains("aof_rewrite_in_progress:0") && info.contains("aof_rewrite_scheduled:0") {
            assert!(info.contains("aof_last_bgrewrite_status:ok"), "{info}");
            return;
        }
        assert!(started.elapsed().as_secs() < 30, "the rewrite does not end");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn redis_loads_our_logs() {
    log_goes_over(&program("lastsave-server"), &redis("redis-server"));
}

#[test]
fn we_load_logs_of_redis() {
    log_goes_over(&redis("redis-server"), &program("lastsave-server"));
}

#[test]
fn payloads_go_over() {
    let dirs = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
    let ours = Server::start(&program("lastsave-server"), dirs[0].path(), &PLAIN);
    let theirs = Server::start(&redis("redis-server"), dirs[1].path(), &PLAIN);
    let (mut ours, mut theirs) = (ours.connect(), theirs.connect());
    write(&mut ours, &commands(4, true));
    let all = keys(&mut ours);
    let carry = |from: &mut Client, to: &mut Client| {
        for key in &all {
            let payload = bulk(from.call(&[&b"DUMP"[..], key]));
            let restored = to.call(&[&b"RESTORE"[..], key, b"0", &payload, b"REPLACE"]);
            assert_eq!(
                restored,
                Reply::Simple("OK".into()),
                "{}",
                key.escape_ascii()
            );
        }
    };
    carry(&mut ours, &mut theirs);
    ours.call(&["FLUSHALL"]);
    carry(&mut theirs, &mut ours);
    assert_eq!(digest(&mut ours), digest(&mut theirs));
    assert_same_payloads(&payloads(&mut ours), &payloads(&mut theirs));
}
