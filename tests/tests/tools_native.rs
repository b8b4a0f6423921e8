//! The tools on real files: what redis-check-rdb says of a file we say, and what is salvaged real servers load.

use std::path::Path;
use std::process::{Command, Output};

use lastsave_rdb::check::check;
use lastsave_tests::native::{Client, Reply, Server, program, redis};
use lastsave_tests::proof::long;

/// A data set with a value of every type and encoding that is short.
const COMMANDS: &[&str] = &[
    "SET counter 5",
    "SET negative -70000",
    "SET text hello",
    "SET long aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "PEXPIREAT text 4000000000000",
    "RPUSH list a b 3",
    "SADD integers 1 2 300",
    "SADD set a b",
    "HSET hash f v g 2",
    "CONFIG SET hash-max-listpack-entries 1",
    "HSET table f v g 2",
    "ZADD zset 1 one 2.5 two",
    "CONFIG SET zset-max-listpack-entries 0",
    "ZADD ranked 1 one -inf two",
    "XADD stream 1-1 a 1 b 2",
    "XADD stream 1-2 a 3 b 4",
    "XDEL stream 1-1",
    "XGROUP CREATE stream group 0",
    "XREADGROUP GROUP group alice COUNT 1 STREAMS stream >",
    "SELECT 3",
    "SET other database",
    "EXPIRE other 1000000",
];

fn run(client: &mut Client, commands: &[&str]) {
    for command in commands {
        let words: Vec<&str> = command.split(' ').collect();
        let reply = client.call(&words);
        assert!(!matches!(reply, Reply::Error(_)), "{command}: {reply:?}");
    }
}

/// The snapshot that the real server makes of the data set.
fn snapshot() -> Vec<u8> {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(
        &redis("redis-server"),
        dir.path(),
        &["--save", "", "--appendonly", "no"],
    );
    let mut client = server.connect();
    run(&mut client, COMMANDS);
    run(&mut client, &["SAVE"]);
    std::fs::read(dir.path().join("dump.rdb")).expect("it was saved")
}

fn lastsave(args: &[&str]) -> Output {
    Command::new(program("lastsave"))
        .args(args)
        .output()
        .expect("it runs")
}

fn path(dir: &Path, name: &str) -> String {
    dir.join(name).to_str().expect("UTF-8").to_owned()
}

/// What the real tool says: whether the file is sound, and the line that says so or why not. `None` if it crashes or
/// does not come to an end.
fn real_verdict(path: &str) -> Option<(bool, String)> {
    let output = Command::new("timeout")
        .args(["5", redis("redis-check-rdb").to_str().expect("UTF-8"), path])
        .output()
        .expect("it runs");
    let code = output.status.code().filter(|code| [0, 1].contains(code))?;
    Some((code == 0, verdict_line(&output.stdout)))
}

/// The line with `\o/`, or the one behind `RDB ERROR DETECTED`.
fn verdict_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output).into_owned();
    let mut lines = text.lines();
    let found = lines
        .by_ref()
        .find(|line| line.contains(r"\o/") || line.contains("RDB ERROR DETECTED"));
    match found {
        Some(line) if line.contains(r"\o/") => line.to_owned(),
        _ => lines.next().unwrap_or_default().to_owned(),
    }
}

#[test]
fn check_rdb_says_what_redis_says_of_every_cut_and_flip() {
    let sound = snapshot();
    let dir = tempfile::tempdir().expect("a folder");
    let file = path(dir.path(), "dump.rdb");
    let step = if long() { 1 } else { 5 };
    let mut broken = vec![sound.clone()];
    broken.extend(
        (0..sound.len())
            .step_by(step)
            .map(|len| sound[..len].to_vec()),
    );
    let flips_from = broken.len();
    for at in (0..sound.len()).step_by(step) {
        for flip in [1 << (at % 8), 0xff] {
            let mut bytes = sound.clone();
            bytes[at] ^= flip;
            broken.push(bytes);
        }
    }
    let (mut compared, mut crashed, mut differing) = (0, 0, Vec::new());
    for (index, bytes) in broken.iter().enumerate() {
        std::fs::write(&file, bytes).expect("room");
        let Some(real) = real_verdict(&file) else {
            crashed += 1;
            continue;
        };
        let ours = check(&bytes[..], &file, 1_000);
        let ours = (ours.ok, verdict_line(&ours.output));
        compared += 1;
        // A value that contradicts itself is refused by both. Which of its faults is named, and at which offset, depends on
        // the order in which they are looked for; Redis may find no more than the wrong checksum at the end, or, led astray
        // by the flipped bit, that the file ends too early.
        let unsound = |line: &str| line.contains("Internal error in RDB reading offset 0");
        let astray = index >= flips_from && real.1.contains("Unexpected EOF");
        let says_more =
            unsound(&ours.1) && (unsound(&real.1) || real.1.contains("RDB CRC error") || astray);
        if ours != real && !(ours.0 == real.0 && says_more) {
            differing.push(format!("case {index}: {ours:?} and {real:?}"));
        }
    }
    println!(
        "{compared} compared, {crashed} crashed the real tool, {} differ",
        differing.len()
    );
    assert!(
        differing.is_empty(),
        "{} of {compared}:\n{}",
        differing.len(),
        differing.join("\n")
    );
    assert!(compared > 3 * crashed);
}

fn dbsize(client: &mut Client) -> i64 {
    let mut keys = 0;
    for db in ["0", "3"] {
        client.call(&["SELECT", db]);
        match client.call(&["DBSIZE"]) {
            Reply::Integer(number) => keys += number,
            other => panic!("{other:?}"),
        }
    }
    keys
}

#[test]
fn salvaged_snapshots_are_loaded_by_real_servers() {
    let sound = snapshot();
    let dir = tempfile::tempdir().expect("a folder");
    let (broken, made) = (path(dir.path(), "broken.rdb"), path(dir.path(), "dump.rdb"));
    let (mut loaded, mut whole_key) = (0, false);
    for at in (120..sound.len() - 9).step_by(if long() { 1 } else { 37 }) {
        for cut in [false, true] {
            let mut bytes = sound.clone();
            if cut {
                bytes.truncate(at);
            } else {
                bytes[at] ^= 0x41;
            }
            std::fs::write(&broken, &bytes).expect("room");
            let output = lastsave(&["repair", &broken, "-o", &made, "--force", "--json"]);
            // A cut may leave no whole key: which one comes first, and how large it is, differs from run to run.
            let none = String::from_utf8_lossy(&output.stderr).contains("no key in it can be read");
            if cut && none && !whole_key {
                continue;
            }
            whole_key |= cut;
            assert_eq!(output.status.code(), Some(1), "at {at}: {output:?}");
            let (ok, line) = real_verdict(&made).expect("it does not crash");
            assert!(ok, "at {at}: {line}");
            assert_eq!(
                std::fs::read(&broken).expect("it is there"),
                bytes,
                "the input is as it was"
            );
            if at % 3 > 0 {
                continue;
            }
            let keys = String::from_utf8_lossy(&output.stdout)
                .split_once("\"keys\": ")
                .and_then(|(_, rest)| rest.split(',').next()?.trim().parse::<i64>().ok());
            for server in [redis("redis-server"), program("lastsave-server")] {
                let server =
                    Server::start(&server, dir.path(), &["--save", "", "--appendonly", "no"]);
                assert_eq!(Some(dbsize(&mut server.connect())), keys, "at {at}");
            }
            loaded += 1;
        }
    }
    assert!(loaded > 3, "{loaded}");
}

#[test]
fn salvaged_logs_are_loaded_by_real_servers() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = {
        let options = [
            "--save",
            "",
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
        ];
        let server = Server::start(&redis("redis-server"), dir.path(), &options);
        let mut client = server.connect();
        run(&mut client, COMMANDS);
        run(
            &mut client,
            &[
                "MULTI",
                "SET in transaction",
                "INCR counted",
                "EXEC",
                "SET last one",
            ],
        );
        dir.path().join("appendonlydir")
    };
    let incr = log.join("appendonly.aof.1.incr.aof");
    let manifest = log.join("appendonly.aof.manifest");
    let sound = std::fs::read(&incr).expect("a log");
    for (index, at) in (30..sound.len())
        .step_by(if long() { 3 } else { 41 })
        .enumerate()
    {
        let mut bytes = sound.clone();
        match index % 3 {
            0 => bytes[at] ^= 0x15,
            1 => bytes.truncate(at),
            _ => {
                let hole = at..(at + 30).min(bytes.len());
                bytes[hole].fill(0);
            }
        }
        std::fs::write(&incr, &bytes).expect("room");
        if index % 2 == 1 {
            std::fs::write(&manifest, "file appen").expect("room");
        }
        let salvaged = tempfile::tempdir().expect("a folder");
        let made = path(salvaged.path(), "appendonlydir");
        let output = lastsave(&["repair", log.to_str().expect("UTF-8"), "-o", &made]);
        assert!(output.status.code() < Some(2), "at {at}: {output:?}");
        let checked = Command::new(redis("redis-check-aof"))
            .arg(path(Path::new(&made), "appendonly.aof.manifest"))
            .output()
            .expect("it runs");
        assert!(checked.status.success(), "at {at}: {output:?} {checked:?}");
        let mut sizes = Vec::new();
        for server in [redis("redis-server"), program("lastsave-server")] {
            let server = Server::start(
                &server,
                salvaged.path(),
                &["--save", "", "--appendonly", "yes"],
            );
            sizes.push(dbsize(&mut server.connect()));
        }
        assert_eq!(sizes[0], sizes[1], "at {at}: {output:?}");
    }
}

#[test]
fn the_tools_end_with_the_status_that_they_promise() {
    let dir = tempfile::tempdir().expect("a folder");
    let (file, other) = (path(dir.path(), "dump.rdb"), path(dir.path(), "other.rdb"));
    let sound = snapshot();
    std::fs::write(&file, &sound).expect("room");
    let status = |args: &[&str]| lastsave(args).status.code().expect("it ends by itself");
    assert_eq!(status(&["inspect", &file]), 0);
    assert_eq!(status(&["check-rdb", &file]), 0);
    assert_eq!(status(&["repair", &file, "-o", &other]), 0);
    assert_eq!(
        std::fs::read(&other).expect("it was made").len(),
        sound.len()
    );
    assert_eq!(status(&["diff", &file, &other]), 0);
    assert_eq!(
        status(&["repair", &file, "-o", &other]),
        2,
        "it is there already"
    );
    assert_eq!(
        status(&["repair", &file, "-o", &file]),
        2,
        "it is the input"
    );

    std::fs::write(&file, &sound[..sound.len() - 40]).expect("room");
    assert_eq!(status(&["inspect", &file]), 1);
    assert_eq!(status(&["check-rdb", &file]), 1);
    assert_eq!(
        status(&["repair", &file, "-o", &path(dir.path(), "third.rdb")]),
        1
    );
    assert_eq!(status(&["diff", &other, &path(dir.path(), "third.rdb")]), 1);
    assert_eq!(status(&["diff", &other, &file]), 2);
    assert_eq!(status(&["inspect", &path(dir.path(), "none.rdb")]), 2);

    let json = lastsave(&["inspect", &other, "--json"]);
    let text = String::from_utf8(json.stdout).expect("UTF-8");
    assert!(
        text.starts_with("{\"file\":") && text.contains("\"verdict\":{\"format\":{\"rdb\":10}")
    );
    let lines = lastsave(&["inspect", &other, "--keys", "hash", "--hex"]);
    let text = String::from_utf8(lines.stdout).expect("UTF-8");
    assert!(
        text.contains("a hash {f: v, g: 2}") && text.contains("81 66 02"),
        "{text}"
    );
}
