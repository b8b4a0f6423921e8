//! The shell and its world as a whole: determinism, and lines that nobody should type.

mod faults;
mod writes;

use crate::world::random::Random;
use crate::{FilesRequest, KeysRequest, Progress, Scenario, Shell, ViewRequest, run};

const SCRIPT: &str = "# lastsave scenario 1
# determinism
seed 5
redis-server --appendonly yes --save \"60 10000\"
workload mixed rate=700 keys=300
advance 3s
BGREWRITEAOF
fault fsync slow 40ms
advance 1s300ms
MULTI
SET a 1
EXEC
crash power seed 9
workload off
redis-server --appendonly yes
verdict
";

fn everything() -> ViewRequest {
    ViewRequest {
        writes: Some(crate::WritesRequest {
            limit: 20,
            ..crate::WritesRequest::default()
        }),
        keys: Some(KeysRequest {
            db: 0,
            filter: "1".into(),
            offset: 3,
            limit: 20,
            changed_only: true,
            selected: Some("session:1".into()),
        }),
        files: Some(FilesRequest {
            path: Some("appendonlydir/appendonly.aof.1.incr.aof".into()),
            offset: 100,
            len: 4096,
            ..FilesRequest::default()
        }),
        config: true,
        info: true,
        alerts: true,
        timeline_points: 100,
        checks: true,
    }
}

/// Runs the script in slices, looking at everything between them: the transcript and the trace.
fn run_sliced(max_events: u64) -> (String, u64) {
    let scenario = Scenario::parse(SCRIPT).unwrap();
    let mut shell = Shell::new(scenario.seed);
    for (number, line) in &scenario.lines {
        shell.enter_numbered(*number, line);
    }
    let mut transcript = String::new();
    loop {
        let progress = shell.run(max_events);
        shell.view(&everything());
        for span in shell.take_output() {
            transcript.push_str(&span.text);
        }
        if progress == Progress::Idle {
            return (transcript, shell.world().trace_hash());
        }
    }
}

#[test]
fn neither_slices_nor_looking_change_anything() {
    let whole = run_sliced(u64::MAX);
    assert!(
        whole.0.contains("verdict on `crash power seed 9`"),
        "{}",
        whole.0
    );
    for max_events in [1, 7, 1000] {
        assert_eq!(run_sliced(max_events), whole, "in slices of {max_events}");
    }
    let report = run(&Scenario::parse(SCRIPT).unwrap(), &mut |_| true);
    assert_eq!(report.trace_hash, format!("{:016x}", whole.1));
    assert_eq!(report.recovered + report.lost, report.acknowledged);
}

#[test]
fn the_view_shows_what_a_crash_took() {
    let mut shell = Shell::new(3);
    for line in [
        "redis-server --save \"\"",
        "SET kept 1",
        "SAVE",
        "SET gone hello",
        "SET kept 2",
    ] {
        shell.enter(line);
    }
    shell.run(u64::MAX);
    let layers = shell.view(&everything()).layers;
    assert_eq!((layers.memory_keys, layers.acknowledged), (2, 3));
    assert_eq!((layers.exposed_power, layers.exposed_kill), (2, 2));

    shell.enter("crash power");
    shell.enter("redis-server --save \"\"");
    shell.run(u64::MAX);
    let mut request = everything();
    if let Some(keys) = &mut request.keys {
        (keys.filter, keys.offset) = (String::new(), 0);
    }
    request.files = Some(FilesRequest {
        path: Some("dump.rdb".into()),
        offset: 0,
        len: 4096,
        ..FilesRequest::default()
    });
    let view = shell.view(&request);
    let verdict = view.verdict.unwrap();
    assert_eq!(
        (verdict.acknowledged, verdict.recovered, verdict.lost),
        (3, 1, 2)
    );
    assert_eq!((verdict.keys_gone, verdict.keys_changed), (1, 1));
    let fates: Vec<_> = view
        .keys
        .unwrap()
        .rows
        .into_iter()
        .map(|row| (row.key, row.fate))
        .collect();
    assert_eq!(
        fates,
        [
            ("gone".into(), "gone".into()),
            ("kept".into(), "changed".to_string())
        ]
    );
    let annotations = view.file.unwrap().annotations;
    assert!(
        annotations.iter().any(|row| row.text == "\"kept\" = \"1\""),
        "{annotations:?}"
    );
    assert!(annotations.iter().all(|row| !row.error));
    assert!(view.info.unwrap().contains("# Persistence"));
    assert!(
        view.config
            .unwrap()
            .iter()
            .any(|row| row.name == "appendfsync" && row.choices.len() == 3)
    );
}

#[test]
fn an_interactive_redis_cli_keeps_its_state_in_the_prompt() {
    let mut shell = Shell::new(3);
    shell.enter("redis-cli");
    shell.run(u64::MAX);
    assert_eq!(shell.prompt(), "not connected> ");
    shell.enter("exit");
    shell.enter("redis-server");
    shell.enter("redis-cli");
    shell.enter("SELECT 3");
    shell.enter("MULTI");
    shell.run(u64::MAX);
    assert_eq!(shell.prompt(), "127.0.0.1:6379[3](TX)> ");
    shell.enter("EXEC");
    shell.enter("exit");
    shell.run(u64::MAX);
    assert_eq!(shell.prompt(), "$ ");
    // Bare commands share a session of their own.
    for line in ["MULTI", "SET a 1", "EXEC", "GET a"] {
        shell.enter(line);
    }
    shell.run(u64::MAX);
    let text: String = shell
        .take_output()
        .into_iter()
        .map(|span| span.text)
        .collect();
    assert!(
        text.ends_with("$ MULTI\nOK\n$ SET a 1\nQUEUED\n$ EXEC\n1) OK\n$ GET a\n\"1\"\n"),
        "{text}"
    );
}

#[test]
fn an_interrupt_gives_up_what_is_waiting() {
    let mut shell = Shell::new(3);
    for line in [
        "redis-server",
        "workload sessions rate=1000",
        "advance 10h",
        "SET never 1",
    ] {
        shell.enter(line);
    }
    assert!(matches!(shell.run(1000), Progress::Running { .. }));
    shell.interrupt();
    assert_eq!(shell.run(1000), Progress::Idle);
    shell.enter("cat > x <<EOF");
    shell.run(10);
    assert_eq!(shell.prompt(), "> ");
    shell.interrupt();
    assert_eq!(shell.prompt(), "$ ");
    shell.enter("EXISTS never");
    shell.enter("expect reply 0");
    shell.run(1000);
    assert_eq!(shell.expectations(), (1, &[][..]));
}

/// Lines put together from words at random: whatever is typed, nothing panics, and time stays bounded.
#[test]
fn no_line_panics() {
    const WORDS: &[&str] = &[
        "redis-server",
        "redis-cli",
        "redis-check-aof",
        "redis-check-rdb",
        "--fix",
        "SET",
        "GET",
        "k",
        "MULTI",
        "EXEC",
        "DISCARD",
        "SAVE",
        "BGSAVE",
        "BGREWRITEAOF",
        "CONFIG",
        "REWRITE",
        "appendonly",
        "yes",
        "no",
        "--appendonly",
        "--save",
        "\"\"",
        "60",
        "1",
        "crash",
        "power",
        "seed",
        "none",
        "kill",
        "-9",
        "$(pgrep redis-server)",
        "fault",
        "disk",
        "full",
        "ok",
        "fsync",
        "fail",
        "slow",
        "20ms",
        "bgsave",
        "write",
        "once",
        "any",
        "read",
        "open",
        "rename",
        "short",
        "EACCES",
        "taking",
        "3",
        "times",
        "after",
        "on",
        "*.aof",
        "fork",
        "oom",
        "child",
        "USR1",
        "read-only",
        "tearing",
        "reordering",
        "flip-bit",
        "bad-sector",
        "chmod",
        "000",
        "755",
        "mkfs",
        "pkill",
        "redis-rdb-bgsave",
        "workload",
        "sessions",
        "carts",
        "mixed",
        "rate=50",
        "off",
        "advance",
        "300ms",
        "1s",
        "ls",
        "-lhR",
        "*",
        "cat",
        "dump.rdb",
        "appendonlydir/appendonly.aof.1.incr.aof",
        "appendonlydir",
        "truncate",
        "-s",
        "-3",
        "9",
        "rm",
        "-rf",
        "cp",
        "mv",
        "head",
        "tail",
        "-f",
        "xxd",
        "grep",
        "|",
        "||",
        "&&",
        ";",
        ">",
        "<",
        ">>",
        "'",
        "`",
        "expect",
        "lost",
        "==",
        "0",
        "SHUTDOWN",
        "NOSAVE",
        "INFO",
        "DEBUG",
        "RELOAD",
        "FLUSHALL",
        "watch",
        "sudo",
        "help",
        "verdict",
        "status",
        "y",
        "exit",
        "EOF",
        "<<EOF",
        "#",
        "\\",
        "é",
        "FOO",
        "strip-comments",
        "redis.conf",
        "sync",
        "df",
        "du",
        "mkdir",
        "d",
        "cd",
        "..",
        "HELLO",
        "3",
        "QUIT",
    ];
    let mut random = Random::new(11);
    for seed in 0..60 {
        let mut shell = Shell::new(seed);
        shell.enter("redis-server --appendonly yes");
        for _ in 0..60 {
            let count = 1 + random.below(5);
            let words: Vec<&str> = (0..count)
                .map(|_| WORDS[random.below(WORDS.len() as u64) as usize])
                .collect();
            let line = words.join(" ");
            shell.complete(&line);
            shell.enter(&line);
            shell.run(20_000);
            shell.view(&everything());
            let output: usize = shell.take_output().iter().map(|span| span.text.len()).sum();
            assert!(output < 4 << 20, "{line}");
        }
        let world = shell.world();
        if let Some(verdict) = world.verdict().filter(|verdict| verdict.recovered_known) {
            assert_eq!(verdict.recovered + verdict.lost, verdict.acknowledged);
        }
    }
}

/// Types lines into a terminal and returns it with what it printed, and how long the last line took.
fn typed(lines: &[&str]) -> (String, u64) {
    let mut shell = Shell::new(1);
    let (mut text, mut took_us) = (String::new(), 0);
    for line in lines {
        shell.enter(line);
        let began_us = shell.world().now_us();
        while !matches!(shell.run(10_000), Progress::Idle) {}
        took_us = shell.world().now_us() - began_us;
        text.extend(shell.take_output().into_iter().map(|span| span.text));
    }
    (text, took_us)
}

#[test]
fn messages_are_printed_behind_the_commands_that_send_them() {
    let (text, _) = typed(&[
        "redis-server --save \"\"",
        "SUBSCRIBE news",
        "PUBLISH news hello",
        "UNSUBSCRIBE",
        "PUBLISH news again",
    ]);
    for expected in [
        "1) \"subscribe\"\n2) \"news\"\n3) (integer) 1\n",
        "(integer) 1\n1) \"message\"\n2) \"news\"\n3) \"hello\"\n",
        "1) \"unsubscribe\"\n2) \"news\"\n3) (integer) 0\n",
        "(integer) 0\n",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert!(!text.contains("again\"\n"), "{text}");
}

#[test]
fn a_command_that_waits_does_not_hang_the_terminal() {
    let server = "redis-server --save \"\"";
    let (text, took_us) = typed(&[server, "BLPOP queue 3"]);
    assert!(text.contains("(nil)\n"), "{text}");
    assert!((3_000_000..3_200_000).contains(&took_us), "{took_us}");
    let (text, took_us) = typed(&[server, "BLPOP queue 0"]);
    assert!(
        text.contains("nothing here could ever answer this"),
        "{text}"
    );
    assert!(took_us < 1_000_000, "{took_us}");
    let (text, _) = typed(&[
        server,
        "BLPOP queue 0",
        "CLIENT REPLY SKIP",
        "PING",
        "ECHO on",
    ]);
    assert!(
        text.ends_with("\"on\"\n") && !text.contains("PONG"),
        "{text}"
    );
}
