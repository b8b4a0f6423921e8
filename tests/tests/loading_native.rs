//! The real server while it loads a data set, slowed down by `key-load-delay`: who connects is served, most commands are
//! refused, and the end can be asked for.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use lastsave_tests::native::{Client, Reply, Server, append_command, program};

const KEYS: u32 = 20_000;
const LOADING: &str = "LOADING Redis is loading the dataset in memory";
/// Loading takes twenty seconds, unless it is ended or sped up.
const SLOWLY: [&str; 2] = ["--key-load-delay", "1000"];

fn simple(text: &str) -> Reply {
    Reply::Simple(text.into())
}

fn error(text: &str) -> Reply {
    Reply::Error(text.into())
}

/// Leaves a data set of [`KEYS`] keys in a directory, written by a server with these arguments.
fn fill(dir: &Path, args: &[&str]) {
    let mut server = Server::start(&program("lastsave-server"), dir, args);
    let mut client = server.connect();
    let mut out = Vec::new();
    for number in 0..KEYS {
        append_command(&mut out, &["SET", &format!("key:{number}"), "some value"]);
    }
    client.send_raw(&out).expect("it is taken");
    for _ in 0..KEYS {
        assert_eq!(client.read().expect("an answer"), simple("OK"));
    }
    server.shut_down(&[]);
}

/// Starts a server that will take long to load, and connects to it once it is loading.
fn start_loading(dir: &Path, args: &[&str]) -> (Server, Client) {
    let args = [args, &SLOWLY].concat();
    let server = Server::spawn(&program("lastsave-server"), dir, &args);
    let started = Instant::now();
    loop {
        if let Some(mut client) = server.try_connect() {
            assert_eq!(client.call(&["PING"]), error(LOADING));
            return (server, client);
        }
        assert!(started.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A number that INFO gives; `None` if it does not.
fn info(client: &mut Client, field: &str) -> Option<f64> {
    let Reply::Bulk(Some(text)) = client.call(&["INFO", "everything"]) else {
        panic!("INFO answers with text");
    };
    let text = String::from_utf8(text).expect("text");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.map(|number| number.parse().expect("a number"))
}

/// What a loading server is asked, whatever it loads from. Afterwards it has loaded.
fn is_served_while_loading(server: &Server, client: &mut Client) {
    assert_eq!(info(client, "loading"), Some(1.0));
    assert_eq!(info(client, "async_loading"), Some(0.0));
    let total = info(client, "loading_total_bytes").expect("while it loads");
    assert!(total > f64::from(KEYS) * 10.0);
    let first = info(client, "loading_loaded_bytes").expect("while it loads");
    let started = Instant::now();
    while info(client, "loading_loaded_bytes").expect("while it loads") <= first {
        assert!(started.elapsed() < Duration::from_secs(30));
    }
    assert!(info(client, "loading_loaded_perc").expect("while it loads") < 100.0);
    assert!(info(client, "loading_eta_seconds").expect("while it loads") >= 1.0);

    // Others are taken, and counted.
    let mut other = server.connect();
    assert_eq!(other.call(&["GET", "key:1"]), error(LOADING));
    assert_eq!(info(client, "connected_clients"), Some(2.0));
    assert_eq!(other.call(&["SELECT", "1"]), simple("OK"));
    for command in [&["SAVE"][..], &["BGREWRITEAOF"], &["SET", "a", "b"]] {
        assert_eq!(other.call(command), error(LOADING));
    }
    assert_eq!(
        other.call(&["CONFIG", "SET", "appendonly", "no"]),
        error(LOADING)
    );
    assert_eq!(other.call(&["MULTI"]), simple("OK"));
    assert_eq!(other.call(&["GET", "key:1"]), error(LOADING));
    assert_eq!(
        other.call(&["EXEC"]),
        error("EXECABORT Transaction discarded because of previous errors.")
    );
    assert_eq!(other.call(&["MULTI"]), simple("OK"));
    assert_eq!(other.call(&["ECHO", "here"]), simple("QUEUED"));
    assert_eq!(
        other.call(&["EXEC"]),
        Reply::Array(Some(vec![Reply::Bulk(Some(b"here".to_vec()))]))
    );
    assert!(matches!(
        other.call(&["SUBSCRIBE", "news"]),
        Reply::Array(Some(_))
    ));

    assert_eq!(
        client.call(&["CONFIG", "SET", "key-load-delay", "0"]),
        simple("OK")
    );
    while client.call(&["PING"]) != simple("PONG") {
        assert!(started.elapsed() < Duration::from_secs(30));
    }
    assert_eq!(client.call(&["DBSIZE"]), Reply::Integer(KEYS.into()));
    assert_eq!(info(client, "loading"), Some(0.0));
    assert_eq!(info(client, "loading_loaded_bytes"), None);
    assert_eq!(
        client.call(&["PUBLISH", "news", "loaded"]),
        Reply::Integer(1)
    );
    assert!(matches!(other.read(), Ok(Reply::Array(Some(_)))));
}

#[test]
fn clients_are_served_while_an_rdb_file_is_loaded() {
    let dir = tempfile::tempdir().expect("a directory");
    fill(dir.path(), &["--save", "3600 1"]);
    let (server, mut client) = start_loading(dir.path(), &[]);
    is_served_while_loading(&server, &mut client);
}

#[test]
fn clients_are_served_while_an_append_only_file_is_loaded() {
    let dir = tempfile::tempdir().expect("a directory");
    fill(dir.path(), &["--save", "", "--appendonly", "yes"]);
    let (server, mut client) = start_loading(dir.path(), &["--appendonly", "yes"]);
    is_served_while_loading(&server, &mut client);
    assert_eq!(client.call(&["SET", "after", "all"]), simple("OK"));
}

#[test]
fn shutdown_and_sigterm_end_a_server_that_is_loading_and_change_no_file() {
    let dir = tempfile::tempdir().expect("a directory");
    fill(dir.path(), &["--save", "3600 1"]);
    let rdb = dir.path().join("dump.rdb");
    let before = std::fs::read(&rdb).expect("the file");

    for words in [&["NOSAVE"][..], &["SAVE"], &[]] {
        let (mut server, _client) = start_loading(dir.path(), &["--save", "1 1"]);
        server.shut_down(words);
    }
    let (mut server, _client) = start_loading(dir.path(), &["--save", "1 1"]);
    let status = Command::new("kill")
        .args(["-s", "TERM", &server.child.id().to_string()])
        .status()
        .expect("kill starts");
    assert!(status.success());
    assert_eq!(server.wait(), Some(0));
    let log = server.log_text();
    assert!(log.contains("# Received shutdown signal during loading, scheduling shutdown."));
    assert!(log.ends_with("# Redis is now ready to exit, bye bye...\n"));
    assert_eq!(std::fs::read(&rdb).expect("the file"), before);
}
