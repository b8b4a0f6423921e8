//! The engine as a whole, on a simulated disk.

use crate::testing::TestServer;

const AOF: &str = "appendonly yes\nappendfsync everysec\n";
const ALWAYS: &str = "appendonly yes\nappendfsync always\n";
const INCR: &str = "appendonlydir/appendonly.aof.1.incr.aof";

#[test]
fn a_set_value_is_read_back() {
    let mut server = TestServer::start("");
    assert_eq!(server.run("SET k v"), "+OK");
    assert_eq!(server.run("GET k"), "$1 v");
    assert_eq!(
        server.run("NOSUCH a b"),
        "-ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b'"
    );
    assert_eq!(
        server.run("GET"),
        "-ERR wrong number of arguments for 'get' command"
    );
}

#[test]
fn a_transaction_is_one_unit_of_the_log() {
    let mut server = TestServer::start(AOF);
    server.run("MULTI");
    assert_eq!(server.run("SET a 1"), "+QUEUED");
    server.run("GET a");
    server.run("INCR a");
    assert_eq!(server.run("EXEC"), "*3 +OK $1 1 :2");
    server.run("MULTI");
    server.run("SET b 1");
    server.run("EXEC");
    assert_eq!(
        server.file(INCR),
        "*2 $6 SELECT $1 0 *1 $5 MULTI *3 $3 SET $1 a $1 1 *2 $4 INCR $1 a *1 $4 EXEC *3 $3 SET $1 b $1 1 ",
    );
}

#[test]
fn a_watched_key_that_changes_stops_the_transaction() {
    let mut server = TestServer::start("");
    let other = server.connect();
    server.run("WATCH k");
    server.run_as(other, "SET k 1");
    server.run("MULTI");
    server.run("SET k 2");
    assert_eq!(server.run("EXEC"), "*-1");
    assert_eq!(server.run("GET k"), "$1 1");
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    for config in [AOF, ALWAYS, "appendonly yes\nappendfsync no\n"] {
        let mut server = TestServer::start(config);
        for number in 0..100 {
            assert_eq!(server.run(&format!("SET k{number} {number}")), "+OK");
        }
        let mut server = server.kill_and_restart(config);
        assert_eq!(server.run("DBSIZE"), ":100");
    }
}

#[test]
fn always_survives_a_power_loss_and_everysec_loses_the_last_second() {
    let mut server = TestServer::start(ALWAYS);
    server.run("SET k v");
    let mut server = server.cut_power_and_restart(ALWAYS);
    assert_eq!(server.run("GET k"), "$1 v");

    let mut server = TestServer::start(AOF);
    server.run("SET old v");
    server.advance(2_000_000);
    server.run("SET first-of-its-second v");
    server.run("SET new v");
    let mut server = server.cut_power_and_restart(AOF);
    assert_eq!(server.run("MGET old new"), "*2 $1 v $-1");
}

#[test]
fn under_always_a_reply_waits_for_its_sync() {
    let mut server = TestServer::start(ALWAYS);
    server.hold_jobs = true;
    assert_eq!(server.run("SET k v"), "");
    let other = server.connect();
    assert_eq!(
        server.run_as(other, "GET k"),
        "",
        "nobody sees what a power loss would take back"
    );
    server.release_jobs();
    assert_eq!(server.take_reply(other), "$1 v");
}

#[test]
fn a_rewrite_replaces_the_files_and_keeps_the_data() {
    let mut server = TestServer::start(AOF);
    for number in 0..3000 {
        server.run(&format!("SET k{number} {number}"));
    }
    assert_eq!(
        server.run("BGREWRITEAOF"),
        "+Background append only file rewriting started"
    );
    server.run("SET during 1");
    server.advance(10_000);
    assert!(
        server
            .log
            .iter()
            .any(|line| line == "* Background AOF rewrite finished successfully"),
        "{:#?}",
        server.log
    );
    assert_eq!(
        server.file("appendonlydir/appendonly.aof.manifest"),
        "file appendonly.aof.2.base.rdb seq 2 type b\nfile appendonly.aof.2.incr.aof seq 2 type i\n",
    );
    let mut server = server.kill_and_restart(AOF);
    assert_eq!(server.run("DBSIZE"), ":3001");
}

#[test]
fn a_save_point_saves_in_the_background() {
    let config = "save 60 3\n";
    let mut server = TestServer::start(config);
    for key in ["a", "b", "c"] {
        server.run(&format!("SET {key} 1"));
    }
    server.advance(62_000_000);
    assert!(
        server
            .log
            .contains(&"* Background saving terminated with success".into()),
        "{:#?}",
        server.log
    );
    server.run("SET lost 1");
    let mut server = server.cut_power_and_restart(config);
    assert_eq!(server.run("DBSIZE"), ":3");
}

#[test]
fn a_full_disk_refuses_writes_and_loses_nothing() {
    let mut server = TestServer::start(AOF);
    server.run("SET k v");
    let used = server.disk.used_bytes();
    server.disk.set_capacity(Some(used));
    let refused = "-MISCONF Errors writing to the AOF file: No space left on device";
    assert_eq!(server.run("SET k w"), refused);
    assert_eq!(server.run("SET k x"), refused);
    assert_eq!(server.run("EXISTS k"), ":1", "reads go on");
    server.disk.set_capacity(None);
    server.advance(200_000);
    assert_eq!(server.run("SET k y"), "+OK");
    let mut server = server.kill_and_restart(AOF);
    assert_eq!(server.run("GET k"), "$1 y");
}

#[test]
fn the_log_is_switched_on_at_run_time() {
    let mut server = TestServer::start("");
    server.run("SET before 1");
    assert_eq!(server.run("CONFIG SET appendonly yes"), "+OK");
    server.run("SET after 1");
    server.advance(10_000);
    let mut server = server.kill_and_restart(AOF);
    assert_eq!(server.run("MGET before after"), "*2 $1 1 $1 1");
}

#[test]
fn editing_appendonly_into_the_configuration_does_not_lose_the_rdb_file() {
    let mut server = TestServer::start("");
    server.run("SET k v");
    server.run("SAVE");
    let mut server = server.kill_and_restart(AOF);
    assert_eq!(server.run("GET k"), "$1 v");
    let mut server = server.kill_and_restart(AOF);
    assert_eq!(server.run("GET k"), "$1 v");
}

#[test]
fn a_torn_transaction_is_cut_whole() {
    let mut server = TestServer::start(AOF);
    server.run("SET k v");
    let len = server.disk.read(INCR).unwrap().len();
    server.run("MULTI");
    server.run("SET a 1");
    server.run("SET b 1");
    server.run("EXEC");
    let whole = server.disk.read(INCR).unwrap();
    for cut in len..whole.len() {
        let mut disk = server.disk.clone();
        disk.kill();
        disk.write_file(INCR, &whole[..cut]).expect("there is room");
        let mut torn = TestServer::start_on(disk, AOF);
        assert_eq!(torn.run("DBSIZE"), ":1", "cut at {cut}");
        assert_eq!(torn.run("SET c 1"), "+OK");
        let mut again = torn.kill_and_restart(AOF);
        assert_eq!(again.run("DBSIZE"), ":2", "cut at {cut}");
    }
}

#[test]
fn shutdown_saves_and_refuses_when_it_cannot() {
    let mut server = TestServer::start("");
    server.run("SET k v");
    let used = server.disk.used_bytes();
    server.disk.set_capacity(Some(used));
    assert_eq!(
        server.run("SHUTDOWN"),
        "-ERR Errors trying to SHUTDOWN. Check logs."
    );
    server.disk.set_capacity(None);
    server.run("SHUTDOWN");
    assert_eq!(server.exited, Some(0));
    let mut server = server.kill_and_restart("");
    assert_eq!(server.run("GET k"), "$1 v");
}

#[test]
fn a_failed_sync_is_recovered_from_without_claiming_what_may_be_gone() {
    use lastsave_vfs::{Errno, Fault, Op};
    let mut server = TestServer::start(AOF);
    server.advance(2_000_000);
    server.run("SET k v");
    server
        .disk
        .add_fault(Fault::once(Op::Sync, Errno::Io).on("*.incr.aof"));
    server.advance(1_100_000);
    server.run("SET k w");
    assert_eq!(
        server.run("SET k x"),
        "-MISCONF Errors writing to the AOF file: Input/output error"
    );
    server.advance(2_500_000);
    assert_eq!(server.run("SET k y"), "+OK", "{:#?}", server.log);
    server.advance(2_000_000);
    let mut server = server.cut_power_and_restart(AOF);
    assert_eq!(server.run("GET k"), "$1 y");
}

#[test]
fn a_first_start_that_was_killed_is_made_good_by_the_next() {
    use lastsave_vfs::{CrashPoint, SimDisk};
    let operations = TestServer::start(AOF).disk.op_count();
    for op in 1..=operations {
        let mut disk = SimDisk::new(None);
        disk.crash_at(op, CrashPoint::Before);
        let mut disk = TestServer::start_on(disk, AOF).disk;
        disk.kill();
        let mut server = TestServer::start_on(disk, AOF);
        assert_eq!(server.exited, None, "operation {op}: {:#?}", server.log);
        assert_eq!(server.run("SET k v"), "+OK");
        let mut server = server.kill_and_restart(AOF);
        assert_eq!(server.run("GET k"), "$1 v", "operation {op}");
    }
}

#[test]
fn all_that_a_killed_run_has_written_is_durable_after_the_next_start() {
    let config = "appendonly yes\nappendfsync no\n";
    let mut server = TestServer::start(config);
    server.run("SET k v");
    server.hold_jobs = true;
    server.run("BGREWRITEAOF");
    let mut server = server.kill_and_restart(config);
    assert_eq!(server.run("GET k"), "$1 v");
    let mut server = server.cut_power_and_restart(config);
    assert_eq!(server.run("GET k"), "$1 v");
}

#[test]
fn replaced_files_are_named_until_they_are_gone() {
    let mut server = TestServer::start(AOF);
    server.run("SET k v");
    server.hold_jobs = true;
    server.holds = |job| matches!(job, crate::Job::Unlink(_));
    server.run("BGREWRITEAOF");
    let manifest = "appendonlydir/appendonly.aof.manifest";
    assert!(server.file(manifest).contains("type h"));
    let server = server.kill_and_restart(AOF);
    assert!(server.disk.read(INCR).is_err(), "the next start deletes it");
    assert_eq!(
        server.file(manifest),
        "file appendonly.aof.2.base.rdb seq 2 type b\nfile appendonly.aof.2.incr.aof seq 2 type i\n",
    );
}

#[test]
fn a_sync_outlives_the_file_of_a_failed_first_rewrite() {
    use lastsave_vfs::{Errno, Fault, Op};
    let mut server = TestServer::start("appendfsync always\n");
    server
        .disk
        .add_fault(Fault::once(Op::Write, Errno::NoSpace).on("temp-rewriteaof-*"));
    server.hold_jobs = true;
    server.run("CONFIG SET appendonly yes");
    assert_eq!(server.run("SET k w"), "+OK", "the log is not on yet");
    server.release_where(|job| matches!(job, crate::Job::Snapshot(_)));
    let failed = "# Background AOF rewrite terminated with error";
    assert!(server.log.iter().any(|line| line == failed));
    // The next rewrite opens the file anew. Then the end of the sync is told.
    server.advance(200_000);
    server.release_jobs();
    server.run("SET k x");
    server.advance(200_000);
    let mut server = server.kill_and_restart(ALWAYS);
    assert_eq!(server.run("GET k"), "$1 x", "{:#?}", server.log);
}

#[test]
fn a_transaction_may_switch_the_log_off() {
    let mut server = TestServer::start(AOF);
    server.run("MULTI");
    server.run("SET a 1");
    server.run("CONFIG SET appendonly no");
    server.run("SET b 1");
    assert_eq!(server.run("EXEC"), "*3 +OK +OK +OK");
    let mut server = server.kill_and_restart(AOF);
    assert_eq!(server.run("DBSIZE"), ":0", "all of it or nothing");
}

#[test]
fn flushall_in_a_transaction_saves_behind_it() {
    let mut server = TestServer::start("save 60 3\n");
    server.run("MULTI");
    server.run("SET a 1");
    server.run("FLUSHALL");
    server.run("SET b 1");
    server.run("EXEC");
    let mut server = server.kill_and_restart("");
    assert_eq!(server.run("GET b"), "$1 1");
}

#[test]
fn a_torn_file_before_an_empty_one_is_cut() {
    let mut server = TestServer::start(AOF);
    server.run("SET k v");
    server.hold_jobs = true;
    server.run("BGREWRITEAOF");
    let len = server.disk.read(INCR).expect("it is there").len();
    let mut disk = server.disk;
    disk.kill();
    let whole = disk.read(INCR).expect("it is there");
    disk.write_file(INCR, &whole[..len - 3])
        .expect("there is room");
    let mut server = TestServer::start_on(disk, AOF);
    assert_eq!(server.run("DBSIZE"), ":0", "{:#?}", server.log);
    assert_eq!(server.run("SET k w"), "+OK");
    let mut server = server.kill_and_restart(AOF);
    assert_eq!(server.run("GET k"), "$1 w");
}

#[test]
fn a_tail_of_zeros_is_cut_like_any_torn_tail() {
    let mut server = TestServer::start(AOF);
    server.run("SET k v");
    let mut disk = server.disk.clone();
    disk.kill();
    let mut bytes = disk.read(INCR).expect("it is there");
    bytes.extend_from_slice(b"*3\r\n$3\r\nSE");
    bytes.resize(9000, 0);
    disk.write_file(INCR, &bytes).expect("there is room");
    let faithful = format!("{AOF}redis-faithful yes\n");
    assert_eq!(
        TestServer::start_on(disk.clone(), &faithful).exited,
        Some(1)
    );
    let mut server = TestServer::start_on(disk, AOF);
    assert_eq!(server.run("GET k"), "$1 v");
    server.run("SET k w");
    let mut server = server.kill_and_restart(AOF);
    assert_eq!(server.run("GET k"), "$1 w");
}

#[test]
fn a_transaction_whose_exec_is_refused_is_over() {
    let mut server = TestServer::start(AOF);
    server.run("SET k v");
    server.run("MULTI");
    server.run("SET k w");
    let other = server.connect();
    server.disk.set_capacity(Some(server.disk.used_bytes()));
    server.run_as(other, "SET other 1");
    assert_eq!(
        server.run("EXEC"),
        "-EXECABORT Transaction discarded because of: MISCONF Errors writing to the AOF file: No space left on device",
    );
    assert_eq!(server.run("GET k"), "$1 v", "not queued any more");
    assert_eq!(
        server.run("EXEC now"),
        "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command",
    );
}
