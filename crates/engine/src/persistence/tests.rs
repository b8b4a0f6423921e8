//! The append-only file while it is switched on, rewritten and cleared away, with the disk failing at every step.

use lastsave_vfs::{Errno, Fault, Op, SimDisk};

use crate::Job;
use crate::testing::TestServer;

const OFF: &str = "save \"\"\n";
const ON: &str = "save \"\"\nappendonly yes\n";
const MANIFEST: &str = "appendonlydir/appendonly.aof.manifest";

/// A minute, in microseconds.
const MINUTE_US: u64 = 60_000_000;

/// A server with one key in its RDB file and another in memory only, and the log off.
fn saved() -> TestServer {
    let mut server = TestServer::start(OFF);
    server.run("SET saved 1");
    server.run("SAVE");
    server.run("SET k v");
    server
}

fn temporary_files(disk: &SimDisk) -> Vec<String> {
    let names = disk.files().into_iter().map(|file| file.path);
    names.filter(|path| path.contains("temp-")).collect()
}

/// Every call that switching the log on makes fails once; where that refuses CONFIG SET, it is tried again.
#[test]
fn switching_on_is_tried_again_whatever_fails() {
    let ops = [
        Op::CreateDir,
        Op::Open,
        Op::Write,
        Op::Sync,
        Op::Rename,
        Op::SyncDir,
    ];
    let mut failures = 0;
    for op in ops {
        for calls in 0.. {
            let mut server = saved();
            server
                .disk
                .add_fault(Fault::once(op, Errno::Io).after(calls));
            let reply = server.run("CONFIG SET appendonly yes");
            let case = format!("{op:?} number {calls}: {reply}");
            if reply.starts_with('-') {
                assert!(reply.contains("Unable to turn on AOF"), "{case}");
                assert_eq!(server.run("CONFIG SET appendonly yes"), "+OK", "{case}");
            }
            // A crash now must not cost what was saved.
            let mut crashed = TestServer::start_on(killed(&server), ON);
            assert_eq!(crashed.run("GET saved"), "$1 1", "{case}");
            // A first rewrite that failed is scheduled again, and a failed sync repaired.
            server.advance(5_000_000);
            if !server.disk.faults().is_empty() {
                break;
            }
            failures += 1;
            assert_eq!(
                server.run("SET later 1"),
                "+OK",
                "{case}: {:#?}",
                server.log
            );
            let info = server.run("INFO persistence");
            assert!(info.contains("aof_rewrite_scheduled:0"), "{case}");
            let left = temporary_files(&server.disk);
            assert!(left.is_empty(), "{case}: {left:?}");
            let mut server = TestServer::start_on(killed(&server), ON);
            for key in ["saved", "k", "later"] {
                let reply = server.run(&format!("EXISTS {key}"));
                assert_eq!(reply, ":1", "{case}: {key}, {:#?}", server.log);
            }
        }
    }
    assert!(failures > 12, "{failures} calls failed");
}

fn killed(server: &TestServer) -> SimDisk {
    let mut disk = server.disk.clone();
    disk.clear_faults();
    disk.kill();
    disk
}

#[test]
fn no_orderly_end_before_the_first_base_stands() {
    let mut server = saved();
    server.hold_jobs = true;
    server.holds = |job| matches!(job, Job::Snapshot(_));
    server.run("CONFIG SET appendonly yes");
    assert!(server.run("SHUTDOWN NOSAVE").starts_with('-'));
    assert!(
        server
            .log
            .iter()
            .any(|line| line.contains("Writing initial AOF, can't exit")),
        "{:#?}",
        server.log
    );
    server.release_jobs();
    server.run("SHUTDOWN NOSAVE");
    assert_eq!(server.exited, Some(0));
}

/// When rewrites failed in the next `minutes`, in minutes from now.
fn failures_within(server: &mut TestServer, minutes: u64) -> Vec<u64> {
    let count = |server: &TestServer| {
        let failed = |line: &&String| line.contains("Background AOF rewrite terminated with error");
        server.log.iter().filter(failed).count()
    };
    let mut found = Vec::new();
    let mut seen = count(server);
    for minute in 0..minutes {
        server.advance(MINUTE_US);
        let now = count(server);
        found.extend(std::iter::repeat_n(minute, now - seen));
        seen = now;
    }
    found
}

#[test]
fn automatic_rewrites_that_fail_wait_longer_and_longer_and_manual_ones_do_not() {
    let config = format!("{ON}auto-aof-rewrite-min-size 100\nauto-aof-rewrite-percentage 100\n");
    let mut server = TestServer::start(&config);
    server
        .disk
        .add_fault(Fault::always(Op::Write, Errno::Io).on("temp-rewriteaof-bg-*"));
    for _ in 0..100 {
        server.run("SET k some-value-that-makes-the-file-grow");
    }
    let failures = failures_within(&mut server, 200);
    assert_eq!(
        failures[..4],
        [0; 4],
        "three at once, and one a minute later"
    );
    let pauses = failures[3..].windows(2).map(|pair| pair[1] - pair[0]);
    assert_eq!(pauses.collect::<Vec<_>>(), [2, 4, 8, 16, 32, 60, 60]);
    assert!(
        server
            .run("BGREWRITEAOF")
            .starts_with("+Background append only file rewriting started")
    );
    server.disk.clear_faults();
    assert!(server.run("BGREWRITEAOF").starts_with('+'));
    assert!(
        server
            .run("INFO persistence")
            .contains("aof_last_bgrewrite_status:ok")
    );
}

#[test]
fn replaced_files_are_kept_where_that_is_asked_for() {
    let mut server = TestServer::start(&format!("{ON}aof-disable-auto-gc yes\n"));
    server.run("SET k v");
    server.run("BGREWRITEAOF");
    assert!(server.file(MANIFEST).contains("type h"));
    let mut server = server.kill_and_restart(&format!("{ON}aof-disable-auto-gc yes\n"));
    assert!(server.file(MANIFEST).contains("type h"));
    server.run("CONFIG SET aof-disable-auto-gc no");
    assert!(!server.file(MANIFEST).contains("type h"));
    assert_eq!(
        server.disk.inode("appendonlydir/appendonly.aof.1.incr.aof"),
        None
    );
}

#[test]
fn a_torn_file_is_left_as_it_is_if_cutting_is_not_allowed() {
    const INCR: &str = "appendonlydir/appendonly.aof.1.incr.aof";
    let mut server = TestServer::start(ON);
    server.run("SET k v");
    let mut disk = killed(&server);
    let torn = disk.read(INCR).expect("it is there");
    let torn = &torn[..torn.len() - 1];
    disk.write_file(INCR, torn).expect("there is room");
    let refused = TestServer::start_on(disk, &format!("{ON}aof-load-truncated no\n"));
    assert_eq!(refused.exited, Some(1));
    assert_eq!(refused.disk.read(INCR).as_deref(), Ok(torn));
}

#[test]
fn a_write_can_be_made_to_take_its_time() {
    let mut server = TestServer::start(&format!(
        "{ON}appendfsync always\nenable-debug-command yes\n"
    ));
    server.run("DEBUG AOF-FLUSH-SLEEP 500000");
    assert_eq!(server.run("SET k v"), "", "not yet");
    let other = server.connect();
    server.advance(400_000);
    assert_eq!(
        server.run_as(other, "PING"),
        "",
        "nobody is served meanwhile"
    );
    server.advance(100_000);
    assert_eq!(
        (server.run("PING"), server.take_reply(other)),
        ("+OK +PONG".into(), "+PONG".into())
    );
    server.run("DEBUG AOF-FLUSH-SLEEP 0");
    assert_eq!(server.run("SET k w"), "+OK");
}
