//! Keys that give way, and what comes of it.

use crate::engine::STARTUP_BYTES;
use crate::testing::TestServer;

fn limit(extra: u64) -> String {
    format!("maxmemory {}\n", STARTUP_BYTES + extra)
}

fn fill(server: &mut TestServer, keys: u64) {
    for key in 0..keys {
        server.now_us += 1_000_000;
        server.run(&format!("SET key:{key} {}", "x".repeat(100)));
    }
}

#[test]
fn without_eviction_what_takes_memory_is_refused() {
    let mut server = TestServer::start(&limit(5000));
    fill(&mut server, 100);
    const OOM: &str = "-OOM command not allowed when used memory > 'maxmemory'.";
    let large = format!("SET a {}", "x".repeat(200));
    assert_eq!(server.run(&large), OOM);
    assert_eq!(server.run("GET key:0").len(), "$100 ".len() + 100);
    server.run("MULTI");
    assert_eq!(
        server.run(&format!("ECHO {}", "x".repeat(200))),
        OOM,
        "queues take memory too"
    );
    assert!(server.run("EXEC").starts_with("-EXECABORT"));
    assert_eq!(server.run("DEL key:0 key:1 key:2 key:3 key:4"), ":5");
    assert_eq!(server.run(&large), "+OK");
    assert!(
        server
            .run("INFO commandstats")
            .contains("cmdstat_echo:calls=0,usec=0,usec_per_call=0.00,rejected_calls=1")
    );
    server.run("CONFIG SET maxmemory 0");
    fill(&mut server, 100);
    assert_eq!(server.run("DBSIZE"), ":101");
}

#[test]
fn keys_not_used_give_way_and_their_removal_is_logged() {
    let policy = "maxmemory-policy allkeys-lru\nappendonly yes\n";
    let mut server = TestServer::start(&(limit(8000) + policy));
    let watcher = server.connect();
    server.run("SET key:watched 1");
    server.run_as(watcher, "WATCH key:watched");
    fill(&mut server, 200);
    assert_eq!(server.run("EXISTS key:199 key:198 key:197"), ":3");
    assert_eq!(server.run("EXISTS key:0 key:1 key:2"), ":0");
    let info = server.run("INFO stats");
    assert!(!info.contains("evicted_keys:0 "), "{info}");
    server.run_as(watcher, "MULTI");
    server.run_as(watcher, "PING");
    assert_eq!(server.run_as(watcher, "EXEC"), "*-1");
    server.run("CONFIG SET maxmemory 0");
    let keys = server.run("DBSIZE");
    let mut again = TestServer::start_on(server.disk, "appendonly yes\n");
    assert_eq!(again.run("DBSIZE"), keys);
}

#[test]
fn often_used_keys_stay() {
    let policy = "maxmemory-policy allkeys-lfu\n";
    let mut server = TestServer::start(&(limit(20_000) + policy));
    server.run("SET popular 1");
    for _ in 0..200 {
        server.run("GET popular");
    }
    let count: u8 = server.run("OBJECT FREQ popular")[1..].parse().unwrap();
    assert!((10..60).contains(&count), "{count}");
    for key in 0..500 {
        server.run(&format!("SET key:{key} {}", "x".repeat(100)));
    }
    assert_eq!(server.run("EXISTS popular"), ":1");
    assert!(
        server
            .run("OBJECT IDLETIME popular")
            .starts_with("-ERR An LFU")
    );
    // Minutes without use take it down.
    server.now_us += 1_000 * 60_000_000;
    assert_eq!(server.run("OBJECT FREQ popular"), ":0");
}

#[test]
fn large_values_are_freed_elsewhere() {
    let mut server = TestServer::start("");
    let members: Vec<String> = (0..100).map(|number| format!("m{number}")).collect();
    let members = members.join(" ");
    server.run("CONFIG SET set-max-intset-entries 0");
    server.run(&format!("SADD large {members}"));
    server.run("SADD small a b c");
    server.run(&format!("SADD other {members}"));
    server.hold_jobs = true;
    assert_eq!(server.run("UNLINK large small nosuch"), ":2");
    server.run("DEL other");
    let info = server.run("INFO memory");
    assert!(
        info.contains("lazyfree_pending_objects:1 lazyfreed_objects:0"),
        "{info}"
    );
    server.run("MSET a 1 b 2 c 3");
    assert_eq!(server.run("FLUSHALL ASYNC"), "+OK");
    assert_eq!(server.run("DBSIZE"), ":0");
    assert!(
        server
            .run("INFO memory")
            .contains("lazyfree_pending_objects:4 ")
    );
    server.hold_jobs = false;
    server.release_jobs();
    let info = server.run("INFO memory");
    assert!(
        info.contains("lazyfree_pending_objects:0 lazyfreed_objects:4"),
        "{info}"
    );
}
