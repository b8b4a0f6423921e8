//! What an operator sees of persistence, against redis-server 7.0.15: INFO in every state, CONFIG REWRITE's files, the log.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use lastsave_tests::native::{Client, Reply, Server, program, redis};
use tempfile::TempDir;

/// A server, ours or Redis's, in a folder of its own.
struct Side {
    name: &'static str,
    dir: TempDir,
    server: Server,
    client: Client,
    /// Bytes of the log that have been looked at.
    log_seen: usize,
}

impl Side {
    fn info(&mut self, sections: &[&str]) -> String {
        match self.client.call(&[&["INFO"], sections].concat()) {
            Reply::Bulk(Some(bytes)) => String::from_utf8(bytes).expect("text"),
            other => panic!("{}: {other:?}", self.name),
        }
    }

    fn wait_for(&mut self, line: &str) {
        let started = Instant::now();
        loop {
            let info = self.info(&["persistence"]);
            if info.lines().any(|each| each == line) {
                return;
            }
            let waited = started.elapsed();
            assert!(waited.as_secs() < 30, "{}: no {line}:\n{info}", self.name);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal to the process that the log says writes the snapshot.
    fn signal_child(&self, signal: &str) {
        let log = self.server.log_text();
        let (_, pid) = log.rsplit_once("started by pid ").expect("it has started");
        let pid = pid.lines().next().expect("a number");
        let status = Command::new("kill").args([signal, pid]).status();
        assert!(status.expect("it runs").success(), "{}: {pid}", self.name);
    }

    /// A text of this server's own, with what must differ made equal.
    fn leveled(&self, text: &str) -> String {
        let dir = self.dir.path().canonicalize().expect("it is there");
        text.replace(&dir.display().to_string(), "DIR")
            .replace(&self.server.port.to_string(), "PORT")
    }
}

/// Both servers, doing the same, and how they differed.
struct Pair {
    sides: [Side; 2],
    differences: Vec<String>,
}

impl Pair {
    fn start(args: &[&str]) -> Self {
        Self::start_in(|_| {}, args)
    }

    /// Starts both, in folders that `prepare` has filled.
    fn start_in(prepare: impl Fn(&Path), args: &[&str]) -> Self {
        let side = |name: &'static str, program: &Path| {
            let dir = tempfile::tempdir().expect("a folder");
            prepare(dir.path());
            let server = Server::start(program, dir.path(), args);
            let client = server.connect();
            Side {
                name,
                dir,
                server,
                client,
                log_seen: 0,
            }
        };
        Self {
            sides: [
                side("ours", &program("lastsave-server")),
                side("Redis", &redis("redis-server")),
            ],
            differences: Vec::new(),
        }
    }

    /// Both get a command and must answer the same.
    fn call(&mut self, words: &[&str]) {
        let [ours, theirs] = &mut self.sides;
        let (ours, theirs) = (ours.client.call(words), theirs.client.call(words));
        assert_eq!(ours, theirs, "{words:?}");
    }

    fn wait_for(&mut self, line: &str) {
        self.each(|side| side.wait_for(line));
    }

    fn each(&mut self, mut act: impl FnMut(&mut Side)) {
        self.sides.iter_mut().for_each(&mut act);
    }

    /// Compares INFO: the fields and their order, and every value that says the same on every machine.
    fn compare_info(&mut self, state: &str) {
        let [ours, theirs] = &mut self.sides;
        let sections = ["persistence", "stats"];
        let (ours, theirs) = (ours.info(&sections), theirs.info(&sections));
        self.note(
            &format!("INFO {state}"),
            &comparable(&ours),
            &comparable(&theirs),
        );
    }

    /// Compares what the logs have gained.
    fn compare_log(&mut self, what: &str) {
        let [ours, theirs] = self.new_messages();
        self.note(&format!("the log: {what}"), &ours, &theirs);
    }

    /// As [`Pair::compare_log`], where Redis hears later of a child's end than we.
    fn compare_messages(&mut self, what: &str) {
        let messages = self.new_messages().map(|mut messages| {
            messages.sort();
            messages
        });
        self.note(&format!("the log: {what}"), &messages[0], &messages[1]);
    }

    fn new_messages(&mut self) -> [Vec<String>; 2] {
        [0, 1].map(|index| {
            let side = &mut self.sides[index];
            let log = side.server.log_text();
            let new = side.leveled(&log[side.log_seen..]);
            side.log_seen = log.len();
            new.lines().filter_map(message).collect()
        })
    }

    /// Notes how two texts differ, if they do.
    fn note(&mut self, what: &str, ours: &[String], theirs: &[String]) {
        if ours == theirs {
            return;
        }
        let mut text = format!("{what}:\n");
        let only = |lines: &[String], others: &[String], mark: char| {
            lines
                .iter()
                .filter(|line| !others.contains(line))
                .map(|line| format!("  {mark} {line}\n"))
                .collect::<String>()
        };
        text.push_str(&only(ours, theirs, '+'));
        text.push_str(&only(theirs, ours, '-'));
        if text.lines().count() == 1 {
            text.push_str(&format!(
                "  in another order: {ours:#?}, Redis: {theirs:#?}\n"
            ));
        }
        self.differences.push(text);
    }

    /// Ends the comparison.
    fn finish(self) {
        assert!(
            self.differences.is_empty(),
            "ours (+) and Redis (-) differ:\n{}",
            self.differences.concat()
        );
    }
}

/// Fields whose values are times, sizes, or counts of what the test itself does to look.
const VARYING: [&str; 20] = [
    "rdb_last_save_time",
    "current_fork_perc",
    "current_save_keys_processed",
    "aof_base_size",
    "aof_current_size",
    "total_connections_received",
    "total_commands_processed",
    "instantaneous_ops_per_sec",
    "instantaneous_input_kbps",
    "instantaneous_output_kbps",
    "total_net_input_bytes",
    "total_net_output_bytes",
    "expire_cycle_cpu_milliseconds",
    "latest_fork_usec",
    "total_reads_processed",
    "total_writes_processed",
    "reply_buffer_shrinks",
    "reply_buffer_expands",
    // A sync may be under way.
    "aof_pending_bio_fsync",
    "aof_delayed_fsync",
];

fn comparable(info: &str) -> Vec<String> {
    let level = |line: &str| match line.split_once(':') {
        Some((name, _)) if VARYING.contains(&name) => format!("{name}:…"),
        // What a fork copies; here nothing forks.
        Some((name, _)) if name.contains("_cow_") => format!("{name}:…"),
        Some((name, seconds)) if name.ends_with("_time_sec") && seconds != "-1" => {
            format!("{name}:…")
        }
        _ => line.to_owned(),
    };
    info.lines().map(level).collect()
}

#[test]
fn info_tells_of_saves_and_rewrites_as_redis_does() {
    let mut pair = Pair::start(&["--save", "", "--enable-debug-command", "yes"]);
    pair.compare_info("of a fresh server");
    pair.call(&["MSET", "a", "1", "b", "2", "c", "3"]);
    pair.call(&["GET", "a"]);
    pair.call(&["GET", "missing"]);
    pair.call(&["DEL", "c"]);
    pair.compare_info("after writes");

    pair.call(&["CONFIG", "SET", "rdb-key-save-delay", "10000000"]);
    pair.call(&["BGSAVE"]);
    pair.call(&["BGSAVE"]);
    pair.call(&["BGSAVE", "SCHEDULE"]);
    pair.compare_info("while saving");
    pair.call(&["BGREWRITEAOF"]);
    pair.call(&["SET", "while", "saving"]);
    pair.compare_info("with a rewrite that waits");
    pair.each(|side| side.signal_child("-KILL"));
    pair.wait_for("rdb_bgsave_in_progress:0");
    pair.wait_for("aof_rewrite_in_progress:1");
    pair.compare_info("after a killed save, while the rewrite runs that waited");
    pair.call(&["BGREWRITEAOF"]);
    pair.call(&["BGSAVE"]);
    pair.each(|side| side.signal_child("-USR1"));
    pair.wait_for("aof_rewrite_in_progress:0");
    pair.compare_info("after a rewrite was called off with SIGUSR1");

    pair.call(&["CONFIG", "SET", "rdb-key-save-delay", "0"]);
    pair.call(&["BGSAVE"]);
    pair.wait_for("rdb_bgsave_in_progress:0");
    pair.compare_info("after a save");
    pair.call(&["SET", "more", "1"]);
    pair.call(&["SAVE"]);
    pair.compare_info("after SAVE");
    pair.call(&["FLUSHALL"]);
    pair.compare_info("after FLUSHALL");

    pair.call(&["SET", "a", "1"]);
    pair.call(&["CONFIG", "SET", "appendonly", "yes"]);
    pair.wait_for("aof_rewrite_in_progress:0");
    pair.compare_info("with the AOF just on");
    pair.call(&["SET", "b", "2"]);
    pair.call(&["CONFIG", "SET", "rdb-key-save-delay", "10000000"]);
    pair.call(&["BGREWRITEAOF"]);
    pair.call(&["SET", "c", "3"]);
    pair.compare_info("while rewriting");
    pair.each(|side| side.signal_child("-KILL"));
    pair.wait_for("aof_rewrite_in_progress:0");
    pair.compare_info("after a killed rewrite");
    pair.call(&["CONFIG", "SET", "rdb-key-save-delay", "0"]);
    pair.call(&["BGREWRITEAOF"]);
    pair.wait_for("aof_rewrite_in_progress:0");
    pair.compare_info("after a rewrite");
    pair.call(&["CONFIG", "SET", "appendonly", "no"]);
    pair.compare_info("with the AOF off again");
    pair.call(&["CONFIG", "RESETSTAT"]);
    pair.compare_info("after CONFIG RESETSTAT");
    pair.finish();
}

#[test]
fn a_restart_shows_what_was_loaded() {
    let prepare = |dir: &Path| {
        let mut server = Server::start(&redis("redis-server"), dir, &["--save", ""]);
        let mut client = server.connect();
        client.call(&["SET", "a", "1"]);
        client.call(&["SET", "gone", "1", "PX", "1"]);
        client.call(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]);
        client.call(&["RPUSH", "list", "1", "2"]);
        server.shut_down(&["SAVE"]);
        let _ = std::fs::remove_file(dir.join("server.log"));
    };
    let mut pair = Pair::start_in(prepare, &["--save", "900 1"]);
    // Who asked too early was refused.
    pair.call(&["CONFIG", "RESETSTAT"]);
    pair.compare_info("after a start from an RDB file");
    pair.finish();
}

#[test]
fn save_points_and_what_stops_a_save_are_redis_s() {
    let mut pair = Pair::start(&["--save", "1 3", "--save", "3600 1000"]);
    pair.compare_log("the start");
    pair.call(&["MSET", "a", "1", "b", "2"]);
    pair.compare_info("short of a save point");
    pair.call(&["SET", "c", "3"]);
    pair.wait_for("rdb_changes_since_last_save:0");
    pair.compare_info("after a save point was reached");
    pair.compare_log("a save point");

    pair.call(&[
        "CONFIG",
        "SET",
        "save",
        "3600 1000",
        "rdb-key-save-delay",
        "10000000",
    ]);
    pair.call(&["SET", "d", "4"]);
    pair.call(&["BGSAVE"]);
    pair.call(&["CONFIG", "SET", "rdb-key-save-delay", "0"]);
    pair.call(&["SAVE"]);
    pair.call(&["FLUSHALL"]);
    pair.wait_for("rdb_bgsave_in_progress:0");
    pair.compare_info("after FLUSHALL stopped a save");
    pair.compare_messages("FLUSHALL during a save");
    pair.call(&["SET", "e", "5"]);
    pair.call(&["FLUSHDB"]);
    pair.compare_info("after FLUSHDB");

    pair.call(&["SET", "f", "6"]);
    pair.call(&["CONFIG", "SET", "rdb-key-save-delay", "10000000"]);
    pair.call(&["BGSAVE"]);
    pair.call(&["CONFIG", "SET", "rdb-key-save-delay", "0"]);
    pair.each(|side| side.server.shut_down(&[]));
    pair.compare_log("a shutdown during a save");
    pair.each(|side| {
        let mut names: Vec<String> = std::fs::read_dir(side.dir.path())
            .expect("it is there")
            .map(|entry| {
                entry
                    .expect("readable")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        assert_eq!(names, ["dump.rdb", "server.log"], "{}", side.name);
    });
    pair.finish();
}

#[test]
fn the_data_directory_moves_at_run_time_as_redis_s() {
    let prepare = |dir: &Path| std::fs::create_dir(dir.join("other")).expect("made");
    let args = ["--save", "", "--enable-protected-configs", "yes"];
    let mut pair = Pair::start_in(prepare, &args);
    pair.call(&["SET", "a", "1"]);
    pair.call(&["SAVE"]);
    pair.call(&["CONFIG", "SET", "dir", "missing"]);
    pair.call(&["CONFIG", "SET", "dir", "dump.rdb"]);
    // What fails with it takes it back.
    pair.call(&["CONFIG", "SET", "dir", "other", "bind", "203.0.113.1"]);
    pair.call(&["CONFIG", "SET", "rdb-key-save-delay", "200000"]);
    pair.call(&["SET", "b", "2"]);
    pair.call(&["BGSAVE"]);
    pair.call(&["CONFIG", "SET", "dir", "other"]);
    pair.wait_for("rdb_bgsave_in_progress:0");
    pair.call(&[
        "CONFIG",
        "SET",
        "rdb-key-save-delay",
        "0",
        "dbfilename",
        "moved.rdb",
    ]);
    pair.call(&["SAVE"]);
    pair.each(|side| {
        let dir = side.dir.path();
        assert!(
            dir.join("dump.rdb").exists(),
            "{}: the save before",
            side.name
        );
        assert!(dir.join("other/moved.rdb").exists(), "{}", side.name);
        let Reply::Array(Some(words)) = side.client.call(&["CONFIG", "GET", "dir"]) else {
            panic!("no answer to CONFIG GET");
        };
        let Reply::Bulk(Some(shown)) = &words[1] else {
            panic!("no directory");
        };
        let shown = String::from_utf8_lossy(shown);
        assert_eq!(side.leveled(&shown), "DIR/other", "{}", side.name);
    });
    pair.finish();
}

#[test]
fn signals_end_the_server_as_the_configuration_says() {
    for (parameter, signal, words) in [
        ("shutdown-on-sigterm", "-TERM", "nosave"),
        ("shutdown-on-sigint", "-INT", "save force"),
        ("shutdown-on-sigterm", "-TERM", "default"),
    ] {
        let save = if words == "nosave" { "3600 1" } else { "" };
        let mut pair = Pair::start(&["--save", save, "--enable-debug-command", "yes"]);
        pair.compare_log("the start");
        pair.call(&["SET", "a", "1"]);
        pair.call(&["SHUTDOWN", "ABORT"]);
        pair.call(&["SHUTDOWN", "ABORT", "NOW"]);
        pair.call(&["CONFIG", "SET", parameter, words]);
        pair.call(&["DEBUG", "PAUSE-CRON", "1"]);
        pair.each(|side| {
            let signal = |side: &Side| {
                let pid = side.server.child.id().to_string();
                let status = Command::new("kill").args([signal, &pid]).status();
                assert!(status.expect("it runs").success());
            };
            signal(side);
            let started = Instant::now();
            while !side.server.log_text().contains("Received SIG") {
                assert!(started.elapsed().as_secs() < 30, "{}", side.name);
                std::thread::sleep(Duration::from_millis(2));
            }
            let aborted = side.client.call(&["SHUTDOWN", "ABORT"]);
            assert_eq!(aborted, Reply::Simple("OK".into()), "{}", side.name);
            side.client.call(&["DEBUG", "PAUSE-CRON", "0"]);
            signal(side);
            assert_eq!(side.server.wait(), Some(0), "{}", side.name);
        });
        pair.compare_log(words);
        pair.finish();
    }
}

/// Configuration files as people have them, and what is set while the server runs.
const FILES: [(&str, &[&[&str]]); 5] = [
    (
        "# Snapshots\nsave 900 1\nsave 300 10\n\n# the file\ndbfilename data.rdb\nrdbcompression yes\n",
        &[&["save", "100 1 200 2 300 3"], &["rdbcompression", "no"]],
    ),
    (
        "save 900 1\n# between\nsave 300 10\n   save 60 10000\nappendfsync everysec\nauto-aof-rewrite-min-size 64mb\n",
        &[
            &["save", ""],
            &["appendfsync", "always"],
            &["auto-aof-rewrite-min-size", "1gb"],
        ],
    ),
    (
        "\tsave   \"\"\n\n\n\nAPPENDFSYNC no\nstop-writes-on-bgsave-error no\nrename-command DEBUG \"\"\ninclude more.conf\nclient-output-buffer-limit normal 1mb 2mb 3\nclient-output-buffer-limit pubsub 0 0 0\n",
        &[
            &["stop-writes-on-bgsave-error", "yes"],
            &["client-output-buffer-limit", "replica 1gb 512mb 10"],
            &["latency-monitor-threshold", "5"],
            &["shutdown-on-sigterm", "nosave force"],
            &["shutdown-on-sigint", "save now"],
        ],
    ),
    (
        "aof-load-truncated no\naof-use-rdb-preamble no\nno-appendfsync-on-rewrite yes\n# Generated by CONFIG REWRITE\nsave 1 2\naof-timestamp-enabled yes\n",
        &[
            &["aof-use-rdb-preamble", "yes"],
            &["aof-timestamp-enabled", "no"],
            &["aof-rewrite-incremental-fsync", "no"],
            &["rdb-save-incremental-fsync", "no"],
            &["rdb-del-sync-files", "yes"],
            &["sanitize-dump-payload", "clients"],
            &["shutdown-timeout", "3"],
        ],
    ),
    (
        "",
        &[
            &["save", "3600 1 300 100 60 10000"],
            &["auto-aof-rewrite-percentage", "0"],
            &["maxmemory", "100mb"],
            &["notify-keyspace-events", "Ex"],
        ],
    ),
];

#[test]
fn config_rewrite_leaves_the_file_that_redis_leaves() {
    for (text, changes) in FILES {
        let prepare = |dir: &Path| {
            std::fs::write(dir.join("redis.conf"), text).expect("written");
            std::fs::write(dir.join("more.conf"), "maxmemory-samples 7\nhz 20\n").expect("written");
        };
        let mut pair = Pair::start_in(prepare, &["redis.conf"]);
        for change in changes {
            pair.call(&[&["CONFIG", "SET"], *change].concat());
        }
        for round in 1..=2 {
            pair.call(&["CONFIG", "REWRITE"]);
            let [ours, theirs] = [0, 1].map(|index| {
                let side = &pair.sides[index];
                let path = side.dir.path().join("redis.conf");
                let text = std::fs::read_to_string(path).expect("it is there");
                rewritten(&side.leveled(&text))
            });
            assert_eq!(ours, theirs, "rewritten {round} times from:\n{text}");
            pair.call(&["CONFIG", "SET", "rdbcompression", "no"]);
        }
    }
}

/// The lines that were there, and those appended, which Redis writes in an order of chance.
fn rewritten(text: &str) -> (Vec<String>, BTreeSet<String>) {
    let own = |text: &str| text.split('\n').map(str::to_owned).collect();
    match text.split_once("# Generated by CONFIG REWRITE\n") {
        Some((kept, appended)) => (own(kept), appended.lines().map(str::to_owned).collect()),
        None => (own(text), BTreeSet::new()),
    }
}

/// A line of the log without its process, its time, and its numbers; `None` for one that only one of the two can have.
fn message(line: &str) -> Option<String> {
    let text = ['*', '#', '-', '.'].iter().find_map(|mark| {
        let (head, text) = line.split_once(&format!(" {mark} "))?;
        head.contains(':').then(|| format!("{mark} {text}"))
    })?;
    /// Said by only one of the two, and why.
    const ONLY_ONE: [&str; 8] = [
        // Redis does not look what it leaves aside.
        "appendonly is no",
        // Redis writes these from the signal's handler, in a form of their own.
        "Received SIG",
        // A fork copies memory.
        "Fork CoW for",
        // About the machine and the C library.
        "monotonic clock:",
        "WARNING Memory overcommit",
        "overcommit_memory",
        "Transparent Huge",
        // Redis says where a file without arguments would be, with its program's name in it.
        "no config file specified",
    ];
    if ONLY_ONE.iter().any(|part| text.contains(part)) {
        return None;
    }
    let mut leveled = String::new();
    for char in text.chars() {
        match char {
            '0'..='9' if leveled.ends_with('N') => {}
            '0'..='9' => leveled.push('N'),
            // A number with a fraction counts as one.
            '.' if leveled.ends_with('N') => {}
            other => leveled.push(other),
        }
    }
    Some(leveled)
}

#[test]
fn the_log_tells_of_saves_and_rewrites_as_redis_does() {
    let mut pair = Pair::start(&["--save", "3600 100", "--logfile", ""]);
    pair.compare_log("an empty start");
    pair.call(&["MSET", "a", "1", "b", "2"]);
    pair.call(&["SAVE"]);
    pair.compare_log("SAVE");
    pair.call(&["BGSAVE"]);
    pair.wait_for("rdb_bgsave_in_progress:0");
    pair.compare_log("BGSAVE");
    pair.call(&["CONFIG", "SET", "rdb-key-save-delay", "10000000"]);
    pair.call(&["BGSAVE"]);
    pair.each(|side| side.signal_child("-KILL"));
    pair.wait_for("rdb_bgsave_in_progress:0");
    pair.compare_log("a killed BGSAVE");
    pair.call(&["CONFIG", "SET", "appendonly", "yes"]);
    pair.each(|side| side.signal_child("-KILL"));
    pair.call(&["CONFIG", "SET", "rdb-key-save-delay", "0"]);
    pair.wait_for("aof_last_bgrewrite_status:err");
    pair.wait_for("aof_last_bgrewrite_status:ok");
    pair.compare_log("the AOF switched on, the first rewrite killed");
    pair.call(&["SET", "c", "3"]);
    pair.call(&["BGREWRITEAOF"]);
    pair.wait_for("aof_rewrite_in_progress:0");
    pair.compare_log("BGREWRITEAOF");
    pair.call(&["CONFIG", "SET", "rdb-key-save-delay", "10000000"]);
    pair.call(&["BGREWRITEAOF"]);
    pair.call(&["CONFIG", "SET", "appendonly", "no"]);
    pair.wait_for("aof_rewrite_in_progress:0");
    pair.call(&["CONFIG", "SET", "rdb-key-save-delay", "0"]);
    pair.compare_log("the AOF switched off during a rewrite");
    pair.each(|side| {
        let rdb = side.dir.path().join("dump.rdb");
        std::fs::remove_file(&rdb).expect("it is there");
        std::fs::create_dir(&rdb).expect("made");
    });
    pair.call(&["SAVE"]);
    pair.call(&["BGSAVE"]);
    pair.wait_for("rdb_bgsave_in_progress:0");
    pair.compare_log("saves that fail");
    pair.call(&["SHUTDOWN"]);
    pair.compare_log("a shutdown that fails");
    pair.each(|side| {
        std::fs::remove_dir(side.dir.path().join("dump.rdb")).expect("it is there");
        side.server.shut_down(&[]);
    });
    pair.compare_log("a shutdown");
    pair.finish();
}

#[test]
fn the_log_tells_of_loading_as_redis_does() {
    let torn = |dir: &Path| {
        let args = ["--appendonly", "yes", "--save", ""];
        let mut server = Server::start(&redis("redis-server"), dir, &args);
        let mut client = server.connect();
        client.call(&["SET", "a", "1"]);
        client.call(&["SET", "b", "2"]);
        server.shut_down(&[]);
        let _ = std::fs::remove_file(dir.join("server.log"));
        let path = dir.join("appendonlydir/appendonly.aof.1.incr.aof");
        let bytes = std::fs::read(&path).expect("it is there");
        std::fs::write(&path, &bytes[..bytes.len() - 3]).expect("written");
    };
    let args = ["--appendonly", "yes", "--save", ""];
    let mut pair = Pair::start_in(torn, &args);
    pair.compare_log("a start from a torn AOF");
    pair.each(|side| {
        let pid = side.server.child.id().to_string();
        let status = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(status.expect("it runs").success());
        side.server.wait();
    });
    pair.compare_log("SIGTERM");
    pair.finish();
    let mut pair = Pair::start_in(torn, &["--save", "60 1"]);
    pair.call(&["SET", "a", "1"]);
    pair.each(|side| side.server.shut_down(&["NOSAVE"]));
    pair.compare_log("SHUTDOWN NOSAVE");
    pair.finish();
}
