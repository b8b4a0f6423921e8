//! What SLOWLOG, LATENCY and INFO show of commands.

use crate::testing::TestServer;

/// A server whose stopwatch moves by 50 microseconds a reading, so that every command takes as long.
fn server(config: &str) -> TestServer {
    let mut server = TestServer::start(config);
    let mut us = 0;
    server.engine.set_stopwatch(Box::new(move || {
        us += 50;
        us
    }));
    server
}

fn line<'a>(text: &'a str, name: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("{name}:")).unwrap_or(("", ""));
    rest.split(' ').next().unwrap_or("")
}

#[test]
fn calls_failures_and_refusals_are_told_apart() {
    let mut server = server("");
    server.run("SET a 1");
    server.run("SET a 2");
    server.run("SET a");
    server.run("LPOS a");
    server.run("INCR a b");
    server.run("CONFIG GET port");
    server.run("CONFIG SET port x");
    server.run("NOSUCH");
    server.run("AUTH wrong");
    let info = server.run("INFO all");
    assert_eq!(
        line(&info, "cmdstat_set"),
        "calls=2,usec=100,usec_per_call=50.00,rejected_calls=1,failed_calls=0"
    );
    assert_eq!(
        line(&info, "cmdstat_config|set"),
        "calls=1,usec=50,usec_per_call=50.00,rejected_calls=0,failed_calls=1"
    );
    assert!(line(&info, "cmdstat_auth").ends_with("rejected_calls=0,failed_calls=1"));
    assert!(line(&info, "cmdstat_incr").starts_with("calls=0,"));
    assert_eq!(line(&info, "errorstat_ERR"), "count=6");
    assert_eq!(line(&info, "total_error_replies"), "6");
    assert_eq!(
        line(&info, "latency_percentiles_usec_set"),
        "p50=50.175,p99=50.175,p99.9=50.175"
    );
    server.run("CONFIG RESETSTAT");
    let info = server.run("INFO everything");
    assert!(!info.contains("cmdstat_set") && !info.contains("errorstat_ERR"));
}

#[test]
fn a_transaction_is_judged_by_its_commands() {
    let mut server = server("");
    server.run("SET a x");
    server.run("MULTI");
    server.run("INCR a");
    server.run("EXEC");
    let info = server.run("INFO commandstats");
    assert!(line(&info, "cmdstat_incr").ends_with("failed_calls=1"));
    assert!(line(&info, "cmdstat_exec").ends_with("failed_calls=0"));
    server.run("MULTI");
    server.run("SET");
    server.run("EXEC");
    let info = server.run("INFO errorstats commandstats");
    assert!(line(&info, "cmdstat_exec").ends_with("failed_calls=1"));
    assert_eq!(line(&info, "errorstat_EXECABORT"), "count=1");
}

#[test]
fn slow_commands_are_noted_without_secrets_and_trimmed() {
    let mut server = server("slowlog-log-slower-than 50\nslowlog-max-len 3\n");
    server.run("CLIENT SETNAME me");
    server.run("CONFIG SET requirepass geheim");
    server.run(&format!("SET {} {}", "k".repeat(130), "v"));
    assert_eq!(
        server.run("SLOWLOG GET 2"),
        format!(
            "*2 *6 :2 :1700000000 :50 *3 $3 SET $146 {}... (2 more bytes) $1 v $15 127.0.0.1:50000 $2 me \
             *6 :1 :1700000000 :50 *4 $6 CONFIG $3 SET $11 requirepass $10 (redacted) $15 127.0.0.1:50000 $2 me",
            "k".repeat(128)
        )
    );
    assert_eq!(server.run("SLOWLOG LEN"), ":3");
    server.run("CONFIG SET slowlog-log-slower-than 51");
    server.run("SLOWLOG RESET");
    server.run("PING");
    assert_eq!(server.run("SLOWLOG LEN"), ":0");
    server.run("CONFIG SET slowlog-log-slower-than 100000");
    server.run("DEBUG SLEEP 0.2");
    server.advance(300_000);
    assert_eq!(server.run("SLOWLOG LEN"), ":0", "DEBUG is not allowed");
    let words: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    server.run("CONFIG SET slowlog-log-slower-than 0");
    server.run(&format!("DEL {}", words.join(" ")));
    let log = server.run("SLOWLOG GET 1");
    assert!(
        log.contains("*32 $3 DEL $1 0") && log.contains("$23 ... (10 more arguments)"),
        "{log}"
    );
    assert_eq!(
        server.run("SLOWLOG GET -2"),
        "-ERR count should be greater than or equal to -1"
    );
}

#[test]
fn what_holds_the_server_up_is_noted_once_it_takes_long_enough() {
    let mut server = server("latency-monitor-threshold 100\nenable-debug-command yes\n");
    server.run("DEBUG SLEEP 0.3");
    server.advance(1_000_000);
    server.run("DEBUG SLEEP 0.05");
    server.advance(1_000_000);
    assert_eq!(
        server.run("LATENCY LATEST"),
        "*1 *4 $7 command :1700000000 :300 :300"
    );
    assert_eq!(
        server.run("LATENCY HISTORY command"),
        "*1 *2 :1700000000 :300"
    );
    assert_eq!(
        server.run("LATENCY HISTOGRAM debug"),
        "*2 $5 debug *4 $5 calls :2 $14 histogram_usec *4 :67633 :1 :541065 :2"
    );
    assert_eq!(server.run("LATENCY RESET nosuch command"), ":1");
    assert_eq!(server.run("LATENCY LATEST"), "*0");
}
