//! What a real server does with what it should not be given: it says so in Redis's words, loses nothing, and goes on
//! or ends with status 1, as redis-server does with the same.

use std::path::Path;
use std::process::Command;

use lastsave_tests::native::{Client, Random, Reply, Server, program, redis};

const PLAIN: [&str; 4] = ["--save", "", "--appendonly", "no"];
const LOGGED: [&str; 4] = ["--save", "", "--appendonly", "yes"];

/// Both servers, ours first, each in a directory of its own.
fn both(args: &[&str]) -> [(Server, tempfile::TempDir); 2] {
    [program("lastsave-server"), redis("redis-server")].map(|program| {
        let dir = tempfile::tempdir().expect("a directory");
        (Server::start(&program, dir.path(), args), dir)
    })
}

/// Everything that comes until the server closes the connection, or the answer to a PING sent behind.
fn answers_to(server: &Server, bytes: &[u8]) -> Vec<Reply> {
    let mut client = server.connect();
    client.send_raw(bytes).expect("it is taken");
    // If the connection is closed by what came before, this is answered by nothing.
    let _ = client.send_raw(b"PING last\r\n");
    let mut replies = Vec::new();
    while let Ok(reply) = client.read() {
        let last = reply == Reply::Bulk(Some(b"last".to_vec()));
        replies.push(reply);
        if last {
            break;
        }
    }
    replies
}

#[test]
fn wrong_commands_and_broken_protocol_are_answered_as_redis_answers() {
    let [(ours, _dir), (theirs, _their_dir)] = both(&PLAIN);
    let long_line = vec![b'x'; 300_000];
    let many_words = "PING ".repeat(20) + "\r\n";
    let cases: Vec<&[u8]> = vec![
        b"nosuchcommand\r\n",
        b"NoSuchCommand with some words behind it\r\n",
        b"GET\r\n",
        b"GET a b\r\n",
        b"SET a\r\n",
        b"SET a b nonsense\r\n",
        b"SET a b EX 0\r\n",
        b"SET a b EX abc\r\n",
        b"INCRBY a one\r\n",
        b"CONFIG nonsense\r\n",
        b"CONFIG SET nonsense 1\r\n",
        b"OBJECT ENCODING\r\n",
        b"SELECT 99\r\n",
        b"SELECT x\r\n",
        b"EXEC\r\n",
        b"MULTI\r\nnosuchcommand\r\nSET a 1\r\nEXEC\r\nGET a\r\n",
        b"*2\r\n$4\r\nECHO\r\n$629145600\r\n",
        b"*2\r\n$4\r\nECHO\r\n$-1\r\n",
        b"*2\r\n$4\r\nECHO\r\n$abc\r\n",
        b"*2\r\n$4\r\nECHO\r\nabc\r\n",
        b"*abc\r\n",
        b"*2000000000\r\n",
        b"*0\r\n*-1\r\n*1\r\n$4\r\nPING\r\n",
        b"SET \"unbalanced\r\n",
        b"\r\n\n\r\nPING\r\n",
        many_words.as_bytes(),
        &long_line,
    ];
    for case in cases {
        let shown = String::from_utf8_lossy(&case[..case.len().min(60)]);
        assert_eq!(
            answers_to(&ours, case),
            answers_to(&theirs, case),
            "{shown}"
        );
    }
}

#[test]
fn garbage_harms_nobody_else() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(&program("lastsave-server"), dir.path(), &LOGGED);
    let mut witness = server.connect();
    assert_eq!(
        witness.call(&["SET", "kept", "1"]),
        Reply::Simple("OK".into())
    );
    let mut random = Random(9);
    for _ in 0..200 {
        let len = random.below(3_000) as usize;
        let mut bytes: Vec<u8> = (0..len).map(|_| random.draw() as u8).collect();
        // Without a beginning like this little of it gets past the first byte.
        let openings: [&[u8]; 4] = [b"*3\r\n$3\r\nSET\r\n$", b"*", b"$", b""];
        let opening = openings[random.below(4) as usize];
        bytes.splice(0..0, opening.iter().copied());
        // It may close the connection before everything is sent.
        let _ = server.connect().send_raw(&bytes);
        assert_eq!(witness.call(&["PING"]), Reply::Simple("PONG".into()));
    }
    assert_eq!(
        witness.call(&["GET", "kept"]),
        Reply::Bulk(Some(b"1".to_vec()))
    );
}

/// The lines of a log from `from` on, without process, time and level.
fn messages(log: &str, from: &str) -> Vec<String> {
    let messages = log
        .lines()
        .filter_map(|line| line.split_once([' ']).map(|(_, rest)| rest))
        .filter_map(|rest| rest.get(25..))
        .map(str::to_owned);
    messages
        .skip_while(|message| !message.contains(from))
        .collect()
}

/// Starts a server program that is to refuse, and returns its exit code and log.
fn refused(program: &Path, dir: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut server = Server::spawn(program, dir, args);
    let code = server.wait();
    (code, server.log_text())
}

#[test]
fn a_corrupt_rdb_file_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("dump.rdb");
    let mut server = Server::start(&program("lastsave-server"), dir.path(), &PLAIN);
    let mut client = server.connect();
    let long = "x".repeat(300);
    assert_eq!(
        client.call(&["MSET", "first", "1", "second", "hello", "third", &long]),
        Reply::Simple("OK".into())
    );
    assert_eq!(client.call(&["SAVE"]), Reply::Simple("OK".into()));
    server.shut_down(&["NOSAVE"]);
    let good = std::fs::read(&path).expect("it was saved");
    let key = good
        .windows(6)
        .position(|six| six == b"second")
        .expect("a key");

    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 0x55;
        bytes
    };
    // What is computed of the flipped content comes first, then what stands in the file.
    let stored = u64::from_le_bytes(*good.last_chunk().expect("it ends with a checksum"));
    let checksum = format!(") but got ({stored:x}). Aborting now.");
    let cases = [
        (flipped(0), "Wrong signature trying to load DB from file"),
        (flipped(key + 8), &checksum),
        (
            good[..good.len() - 30].to_vec(),
            "Short read or OOM loading DB. Unrecoverable error, aborting now.",
        ),
        (flipped(key - 2), "Unknown RDB encoding type"),
    ];
    for (bytes, words) in cases {
        for program in [program("lastsave-server"), redis("redis-server")] {
            std::fs::write(&path, &bytes).expect("it can be written");
            std::fs::remove_file(dir.path().join("server.log")).expect("there was a server");
            let (code, log) = refused(&program, dir.path(), &PLAIN);
            assert_eq!(code, Some(1), "{log}");
            assert!(
                log.contains(words),
                "{}: {words}:\n{log}",
                program.display()
            );
            assert_eq!(std::fs::read(&path).expect("it is there"), bytes);
        }
    }

    std::fs::write(&path, &good).expect("it can be written");
    let server = Server::start(&program("lastsave-server"), dir.path(), &PLAIN);
    assert_eq!(server.connect().call(&["DBSIZE"]), Reply::Integer(3));
}

#[test]
fn a_torn_log_is_cut_at_the_last_whole_command_or_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut server = Server::start(&program("lastsave-server"), dir.path(), &LOGGED);
    let mut client = server.connect();
    for number in 0..10 {
        let value = number.to_string();
        client.call(&["SET", &format!("key:{number}"), &value]);
    }
    server.kill();
    let path = dir.path().join("appendonlydir/appendonly.aof.1.incr.aof");
    let whole = std::fs::read(&path).expect("the log");
    let torn = &whole[..whole.len() - 5];

    for program in [program("lastsave-server"), redis("redis-server")] {
        let strict = [&LOGGED[..], &["--aof-load-truncated", "no"]].concat();
        std::fs::write(&path, torn).expect("it can be written");
        std::fs::remove_file(dir.path().join("server.log")).expect("there was a server");
        let (code, log) = refused(&program, dir.path(), &strict);
        assert_eq!(code, Some(1), "{log}");
        let words =
            "Unexpected end of file reading the append only file appendonly.aof.1.incr.aof.";
        assert!(log.contains(words), "{log}");
        assert_eq!(std::fs::read(&path).expect("it is there"), torn);
    }

    let mut logs = Vec::new();
    for program in [program("lastsave-server"), redis("redis-server")] {
        std::fs::write(&path, torn).expect("it can be written");
        std::fs::remove_file(dir.path().join("server.log")).expect("there was a server");
        let mut server = Server::start(&program, dir.path(), &LOGGED);
        let mut client = server.connect();
        assert_eq!(client.call(&["DBSIZE"]), Reply::Integer(9));
        assert_eq!(client.call(&["GET", "key:9"]), Reply::Bulk(None));
        let warnings = messages(&server.log_text(), "!!! Warning");
        logs.push(warnings.into_iter().take(3).collect::<Vec<_>>());
        server.kill();
    }
    assert_eq!(logs[0], logs[1]);

    let mut broken = whole.clone();
    let last = broken.windows(4).rposition(|four| four == b"*3\r\n");
    broken[last.expect("there are commands")] = b'!';
    let mut ends = Vec::new();
    for program in [program("lastsave-server"), redis("redis-server")] {
        std::fs::write(&path, &broken).expect("it can be written");
        std::fs::remove_file(dir.path().join("server.log")).expect("there was a server");
        let (code, log) = refused(&program, dir.path(), &LOGGED);
        ends.push((code, messages(&log, "Bad file format")));
        assert_eq!(std::fs::read(&path).expect("it is there"), broken);
    }
    assert_eq!(ends[0], ends[1]);
    assert_eq!((ends[0].0, ends[0].1.len()), (Some(1), 1));
}

#[test]
fn a_bad_configuration_is_refused_in_the_same_words() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("redis.conf");
    let path_text = path.to_str().expect("UTF-8");
    let hybrid =
        "# comment\nappendonly yes\nappendfsync everysec    # Sync every second (best balance)\n";
    let texts = [
        "nonsense 1\n",
        "port 7000\nappendonly maybe\n",
        "save 60\n",
        "maxmemory lots\n",
        "requirepass \"open\n",
        "dir /nonexistent/folder\n",
        "databases 0\n",
        hybrid,
    ];
    for text in texts {
        std::fs::write(&path, text).expect("it can be written");
        let outputs = [program("lastsave-server"), redis("redis-server")].map(|program| {
            let output = Command::new(program)
                .args([path_text, "--port", "1"])
                .current_dir(dir.path())
                .output()
                .expect("it starts");
            (
                output.status.code(),
                String::from_utf8(output.stderr).expect("text"),
            )
        });
        assert_eq!(outputs[0], outputs[1], "{text}");
        assert_eq!(outputs[0].0, Some(1), "{text}");
    }
}

/// A file system of one megabyte; unmounted when dropped.
struct TinyDisk {
    dir: tempfile::TempDir,
}

impl TinyDisk {
    /// `None` where nothing may be mounted.
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().expect("a directory");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(dir.path())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(Self { dir })
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        // What stays mounted is a megabyte in a temporary directory.
        let _ = Command::new("umount").arg(self.dir.path()).status();
    }
}

/// Writes until the server refuses, and returns how many writes it took and what it said.
fn write_until_refused(client: &mut Client) -> (u64, String) {
    let value = "x".repeat(1_000);
    for number in 0..10_000 {
        match client.call(&["SET", &format!("key:{number}"), &value]) {
            Reply::Simple(_) => {}
            Reply::Error(error) => return (number, error),
            other => panic!("{other:?}"),
        }
    }
    panic!("ten megabytes fit on a disk of one");
}

#[test]
fn a_full_disk_stops_writes_and_loses_none() {
    let Some(disk) = TinyDisk::mount() else {
        println!("not tested: mounting a small file system is not allowed here");
        return;
    };
    let dir = disk.dir.path();
    let filler = dir.join("filler");
    std::fs::write(&filler, vec![0; 400 << 10]).expect("it fits");
    let mut server = Server::start(&program("lastsave-server"), dir, &LOGGED);
    let mut client = server.connect();

    let (taken, error) = write_until_refused(&mut client);
    assert!(taken > 100, "{taken}");
    assert_eq!(
        error,
        "MISCONF Errors writing to the AOF file: No space left on device"
    );
    assert_eq!(
        client.call(&["GET", "key:0"]),
        Reply::Bulk(Some(vec![b'x'; 1_000]))
    );

    std::fs::remove_file(&filler).expect("it is there");
    let started = std::time::Instant::now();
    while client.call(&["SET", "after", "1"]) != Reply::Simple("OK".into()) {
        assert!(started.elapsed().as_secs() < 10, "there is room again");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    server.kill();

    let server = Server::start(&program("lastsave-server"), dir, &LOGGED);
    let mut client = server.connect();
    assert_eq!(
        client.call(&["GET", "after"]),
        Reply::Bulk(Some(b"1".to_vec()))
    );
    for number in 0..taken {
        let value = client.call(&["GET", &format!("key:{number}")]);
        assert_eq!(value, Reply::Bulk(Some(vec![b'x'; 1_000])), "key:{number}");
    }
}

#[test]
fn a_save_on_a_full_disk_fails_and_refuses_writes_until_one_succeeds() {
    let Some(disk) = TinyDisk::mount() else {
        println!("not tested: mounting a small file system is not allowed here");
        return;
    };
    let dir = disk.dir.path();
    let mut server = Server::start(
        &program("lastsave-server"),
        dir,
        &["--save", "3600 1", "--rdbcompression", "no"],
    );
    let mut client = server.connect();
    client.call(&["SET", "small", "1"]);
    assert_eq!(client.call(&["SAVE"]), Reply::Simple("OK".into()));
    client.call(&["SET", "large", &"x".repeat(2 << 20)]);
    assert_eq!(
        client.call(&["BGSAVE"]),
        Reply::Simple("Background saving started".into())
    );
    let started = std::time::Instant::now();
    let refusal = loop {
        if let Reply::Error(error) = client.call(&["SET", "small", "2"]) {
            break error;
        }
        assert!(started.elapsed().as_secs() < 10, "the save fails");
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    assert!(
        refusal.starts_with("MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk."),
        "{refusal}"
    );
    let log = server.log_text();
    assert!(log.contains("No space left on device"), "{log}");
    assert!(log.contains("Background saving error"), "{log}");
    let names: Vec<_> = std::fs::read_dir(dir)
        .expect("the directory")
        .map(|entry| entry.expect("an entry").file_name())
        .filter(|name| name != "server.log")
        .collect();
    assert_eq!(
        names,
        ["dump.rdb"],
        "the torn file is gone, the old one is not"
    );
    server.kill();

    let server = Server::start(&program("lastsave-server"), dir, &PLAIN);
    assert_eq!(
        server.connect().call(&["GET", "small"]),
        Reply::Bulk(Some(b"1".to_vec()))
    );
}
