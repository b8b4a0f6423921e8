//! Clients among each other: messages, waiting, watching, pauses, limits.

use crate::Standing;
use crate::testing::TestServer;

const AOF: &str = "appendonly yes\nappendfsync everysec\n";
const INCR: &str = "appendonlydir/appendonly.aof.1.incr.aof";

#[test]
fn a_message_does_not_overtake_a_reply_that_waits_for_the_log() {
    let mut server = TestServer::start("appendonly yes\nappendfsync always\n");
    let subscriber = server.connect();
    server.run_as(subscriber, "HELLO 3");
    server.run_as(subscriber, "SUBSCRIBE news");
    server.hold_jobs = true;
    assert_eq!(server.run_as(subscriber, "SET k v"), "");
    server.run("PUBLISH news hello");
    assert_eq!(server.take_reply(subscriber), "");
    server.release_jobs();
    assert_eq!(
        server.take_reply(subscriber),
        "+OK >3 $7 message $4 news $5 hello"
    );
}

#[test]
fn subscribers_hear_of_channels_and_patterns() {
    let mut server = TestServer::start("");
    let subscriber = server.connect();
    assert_eq!(
        server.run_as(subscriber, "SUBSCRIBE a b"),
        "*3 $9 subscribe $1 a :1 *3 $9 subscribe $1 b :2"
    );
    server.run_as(subscriber, "PSUBSCRIBE a*");
    assert_eq!(server.run("PUBLISH a x"), ":2");
    assert_eq!(
        server.take_reply(subscriber),
        "*3 $7 message $1 a $1 x *4 $8 pmessage $2 a* $1 a $1 x"
    );
    assert_eq!(
        server.run_as(subscriber, "GET k"),
        "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
    );
    assert_eq!(server.run_as(subscriber, "PING"), "*2 $4 pong $0");
    assert_eq!(server.run("PUBSUB NUMSUB a z"), "*4 $1 a :1 $1 z :0");
    assert_eq!(server.run_as(subscriber, "RESET"), "+RESET");
    assert_eq!(server.run("PUBLISH a x"), ":0");
}

#[test]
fn shard_channels_are_a_world_of_their_own() {
    let mut server = TestServer::start("");
    let subscriber = server.connect();
    server.run_as(subscriber, "SSUBSCRIBE a");
    assert_eq!(server.run("PUBLISH a x"), ":0");
    assert_eq!(server.run("SPUBLISH a x"), ":1");
    assert_eq!(server.take_reply(subscriber), "*3 $8 smessage $1 a $1 x");
    assert_eq!(server.run("PUBSUB SHARDCHANNELS"), "*1 $1 a");
    assert_eq!(
        server.run_as(subscriber, "SUNSUBSCRIBE"),
        "*3 $12 sunsubscribe $1 a :0"
    );
}

#[test]
fn keyspace_events_are_published() {
    let mut server = TestServer::start("notify-keyspace-events KEA\n");
    let subscriber = server.connect();
    server.run_as(subscriber, "PSUBSCRIBE __key*");
    server.run("SET k v");
    assert_eq!(
        server.take_reply(subscriber),
        "*4 $8 pmessage $6 __key* $16 __keyspace@0__:k $3 set \
         *4 $8 pmessage $6 __key* $18 __keyevent@0__:set $1 k"
    );
    server.run("PEXPIRE k 100");
    server.take_reply(subscriber);
    server.advance(1_000_000);
    let heard = server.take_reply(subscriber);
    assert!(heard.contains("__keyevent@0__:expired $1 k"), "{heard}");
    server.run("CONFIG SET notify-keyspace-events \"\"");
    server.run("SET k v");
    assert_eq!(server.take_reply(subscriber), "");
}

#[test]
fn who_came_first_is_served_first_and_each_time_as_a_unit() {
    let mut server = TestServer::start(AOF);
    let (first, second) = (server.connect(), server.connect());
    assert_eq!(server.run_as(first, "BLPOP q 0"), "");
    assert_eq!(server.run_as(second, "BRPOP other q 0"), "");
    assert!(server.run("CLIENT LIST").contains("flags=b"));
    assert_eq!(server.run("RPUSH q a b c"), ":3");
    assert_eq!(server.take_reply(first), "*2 $1 q $1 a");
    assert_eq!(server.take_reply(second), "*2 $1 q $1 c");
    assert_eq!(server.run("LRANGE q 0 -1"), "*1 $1 b");
    let log = server.file(INCR);
    assert!(
        log.ends_with("*5 $5 RPUSH $1 q $1 a $1 b $1 c *2 $4 LPOP $1 q *2 $4 RPOP $1 q "),
        "{log}"
    );
}

#[test]
fn what_one_waiter_brings_another_may_have_waited_for() {
    let mut server = TestServer::start("");
    let (mover, popper) = (server.connect(), server.connect());
    server.run_as(popper, "BLPOP b 0");
    server.run_as(mover, "BLMOVE a b LEFT RIGHT 0");
    server.run("RPUSH a x");
    assert_eq!(server.take_reply(mover), "$1 x");
    assert_eq!(server.take_reply(popper), "*2 $1 b $1 x");
    assert_eq!(server.run("EXISTS a b"), ":0");
}

#[test]
fn input_behind_a_waiting_command_waits_too() {
    let mut server = TestServer::start("");
    let waiter = server.connect();
    let sent = server.send(waiter, b"BLPOP q 0\r\nSET k v\r\nGET k\r\n");
    assert_eq!(sent, "");
    assert_eq!(server.run("GET k"), "$-1");
    assert_eq!(server.engine.standing(waiter), Standing::WaitsForKey(None));
    server.run("RPUSH q a");
    assert_eq!(server.take_reply(waiter), "*2 $1 q $1 a +OK $1 v");
    assert_eq!(server.engine.standing(waiter), Standing::Idle);
}

#[test]
fn waiting_ends_when_its_time_is_over_or_somebody_says_so() {
    let mut server = TestServer::start("");
    let waiter = server.connect();
    server.run_as(waiter, "BLPOP q 0.2");
    server.advance(190_000);
    assert_eq!(server.take_reply(waiter), "");
    server.advance(20_000);
    assert_eq!(server.take_reply(waiter), "*-1");
    let id = server.run_as(waiter, "CLIENT ID")[1..].to_owned();
    server.run_as(waiter, "BLMOVE a b LEFT LEFT 0");
    assert_eq!(server.run(&format!("CLIENT UNBLOCK {id}")), ":1");
    assert_eq!(server.take_reply(waiter), "*-1");
    server.run_as(waiter, "BLPOP q 0");
    assert_eq!(server.run(&format!("CLIENT UNBLOCK {id} ERROR")), ":1");
    assert_eq!(
        server.take_reply(waiter),
        "-UNBLOCKED client unblocked via CLIENT UNBLOCK"
    );
    assert_eq!(server.run(&format!("CLIENT UNBLOCK {id}")), ":0");
}

#[test]
fn a_waiter_that_is_gone_takes_nothing() {
    let mut server = TestServer::start("");
    let (gone, killed) = (server.connect(), server.connect());
    let id = server.run_as(killed, "CLIENT ID")[1..].to_owned();
    server.run_as(gone, "BLPOP q 0");
    server.run_as(killed, "BLPOP q 0");
    server.engine.handle_disconnect(server.now_us, gone);
    assert_eq!(server.run(&format!("CLIENT KILL ID {id}")), ":1");
    server.run("RPUSH q a");
    assert_eq!(server.run("LLEN q"), ":1");
}

#[test]
fn a_transaction_neither_waits_nor_is_interrupted() {
    let mut server = TestServer::start("");
    let waiter = server.connect();
    server.run("MULTI");
    server.run("BLPOP q 0");
    assert_eq!(server.run("EXEC"), "*1 *-1");
    server.run_as(waiter, "BLPOP q 0");
    server.run("MULTI");
    server.run("RPUSH q a");
    server.run("DEL q");
    server.run("EXEC");
    assert_eq!(server.take_reply(waiter), "");
    server.run("MULTI");
    server.run("RPUSH q a");
    server.run("RPUSH q b");
    assert_eq!(server.run("EXEC"), "*2 :1 :2");
    assert_eq!(server.take_reply(waiter), "*2 $1 q $1 a");
}

#[test]
fn swapped_databases_bring_what_is_waited_for() {
    let mut server = TestServer::start("");
    let waiter = server.connect();
    server.run_as(waiter, "BZPOPMIN z 0");
    server.run("SELECT 1");
    server.run("ZADD z 1 m");
    assert_eq!(server.take_reply(waiter), "");
    server.run("SWAPDB 0 1");
    assert_eq!(server.take_reply(waiter), "*3 $1 z $1 m $1 1");
}

#[test]
fn only_changes_break_a_watch() {
    let mut server = TestServer::start("");
    let other = server.connect();
    for (watched, change, holds) in [
        ("missing", "FLUSHALL", true),
        ("k", "FLUSHALL", false),
        ("missing", "SWAPDB 0 1", true),
        ("k", "SWAPDB 0 1", false),
        ("k", "SET k v", false),
        ("missing", "SET k v", true),
    ] {
        server.run("SET k v");
        server.run(&format!("WATCH {watched}"));
        server.run_as(other, change);
        server.run("MULTI");
        server.run("PING");
        let expected = if holds { "*1 +PONG" } else { "*-1" };
        assert_eq!(server.run("EXEC"), expected, "{watched}, {change}");
        server.run("FLUSHALL");
    }
}

#[test]
fn the_removal_of_a_key_that_had_expired_before_is_no_change() {
    let mut server = TestServer::start("");
    server.engine.keyspace.settings.active_expire = false;
    server.run("SET k v PX 1");
    server.now_us += 1_000_000;
    server.run("WATCH k");
    server.run("DEL k");
    server.run("MULTI");
    server.run("PING");
    assert_eq!(server.run("EXEC"), "*1 +PONG");
}

#[test]
fn a_pause_holds_commands_up_and_then_runs_them() {
    let mut server = TestServer::start("");
    let other = server.connect();
    assert_eq!(server.run("CLIENT PAUSE 500 WRITE"), "+OK");
    assert_eq!(server.run_as(other, "GET k"), "$-1");
    assert_eq!(server.run_as(other, "SET k v"), "");
    assert_eq!(server.run_as(other, "GET k"), "");
    server.advance(400_000);
    assert_eq!(server.take_reply(other), "");
    server.advance(200_000);
    assert_eq!(server.take_reply(other), "+OK $1 v");
    server.run("CLIENT PAUSE 100000");
    assert_eq!(server.run_as(other, "PING"), "");
    // The one who paused is paused as well.
    assert_eq!(server.run("CLIENT UNPAUSE"), "");
    server.advance(100_000_000);
    assert_eq!(server.take_reply(other), "+PONG");
}

#[test]
fn answers_can_be_switched_off() {
    let mut server = TestServer::start("");
    assert_eq!(server.run("CLIENT REPLY SKIP"), "");
    assert_eq!(server.run("PING"), "");
    assert_eq!(server.run("PING"), "+PONG");
    assert_eq!(server.run("CLIENT REPLY OFF"), "");
    assert_eq!(server.run("SET k v"), "");
    assert_eq!(server.run("CLIENT REPLY ON"), "+OK");
    assert_eq!(server.run("GET k"), "$1 v");
}

#[test]
fn a_monitor_sees_commands_but_no_secrets() {
    let mut server = TestServer::start("");
    let monitor = server.connect();
    assert_eq!(server.run_as(monitor, "MONITOR"), "+OK");
    server.run("SELECT 2");
    server.run("SET k \"a\\n\\x01\"");
    server.run("AUTH secret");
    server.run("CONFIG GET save");
    assert_eq!(
        server.take_reply(monitor),
        r#"+1700000000.000000 [2 127.0.0.1:50000] "SELECT" "2" +1700000000.000000 [2 127.0.0.1:50000] "SET" "k" "a\n\x01" +1700000000.000000 [2 127.0.0.1:50000] "AUTH" "(redacted)""#
    );
    assert_eq!(
        server.run_as(monitor, "GET k"),
        "-ERR Replica can't interact with the keyspace"
    );
}

#[test]
fn who_does_not_read_is_given_up() {
    let mut server = TestServer::start("client-output-buffer-limit normal 100000 0 0\n");
    let reader = server.connect();
    server.run(&format!("SET k {}", "x".repeat(60_000)));
    let twice = b"GET k\r\nGET k\r\nSET after 1\r\n";
    server
        .engine
        .handle_input(server.now_us, reader, twice, &mut server.disk);
    server.settle();
    assert!(!server.run("CLIENT LIST").contains("id=2 "));
    assert_eq!(server.run("EXISTS after"), ":0");
    assert!(
        server
            .log
            .last()
            .unwrap()
            .ends_with("overcoming of output buffer limits."),
        "{:?}",
        server.log
    );
}

#[test]
fn the_largest_clients_go_when_all_take_too_much() {
    let mut server = TestServer::start("maxmemory-clients 200kb\n");
    let (small, large) = (server.connect(), server.connect());
    server.run_as(small, "CLIENT SETNAME small");
    server.run_as(large, "CLIENT SETNAME large");
    server.send(
        large,
        format!("*2\r\n$4\r\nECHO\r\n$300000\r\n{}", "x".repeat(250_000)).as_bytes(),
    );
    let list = server.run("CLIENT LIST");
    assert!(
        list.contains("name=small") && !list.contains("name=large"),
        "{list}"
    );
}

#[test]
fn who_serves_others_hears_of_it_behind_the_own_reply() {
    let mut server = TestServer::start("notify-keyspace-events El\n");
    let waiter = server.connect();
    server.run("HELLO 3");
    server.run("SUBSCRIBE __keyevent@0__:lpop");
    server.run_as(waiter, "BLPOP q 0");
    assert_eq!(
        server.run("RPUSH q a"),
        ":1 >3 $7 message $19 __keyevent@0__:lpop $1 q"
    );
}

#[test]
fn limits_of_requests_follow_the_configuration() {
    let mut server = TestServer::start("requirepass secret\n");
    let client = server.connect();
    let words = format!("*12\r\n$4\r\nMSET\r\n{}", "$1\r\na\r\n".repeat(11));
    assert_eq!(
        server.send(client, words.as_bytes()),
        "-ERR Protocol error: unauthenticated multibulk length"
    );
    let client = server.connect();
    server.run("AUTH secret");
    server.run("CONFIG SET requirepass \"\"");
    assert_eq!(
        server.send(client, words.as_bytes()),
        "-ERR wrong number of arguments for 'mset' command"
    );
}

#[test]
fn messages_about_the_own_command_stand_where_redis_puts_them() {
    let mut server = TestServer::start("notify-keyspace-events E$ln\n");
    server.run("HELLO 3");
    server.run("PSUBSCRIBE __keyevent*");
    let push = |name: &str, key: &str| {
        let channel = format!("__keyevent@0__:{name}");
        format!(
            ">4 $8 pmessage $11 __keyevent* ${} {channel} $1 {key}",
            channel.len()
        )
    };
    assert_eq!(
        server.run("INCR n"),
        format!("{} {} :1", push("new", "n"), push("incrby", "n"))
    );
    assert_eq!(
        server.run("LPUSH l a"),
        format!("{} :1 {}", push("new", "l"), push("lpush", "l"))
    );
}
