//! The real server as a process: starting, background work that is broken off, limits, ending.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lastsave_tests::native::{Client, Reply, Server, append_command, free_port, program};

fn ok() -> Reply {
    Reply::Simple("OK".into())
}

/// Sets many keys, so that background work takes a while.
fn fill(client: &mut Client, keys: u32) {
    let mut out = Vec::new();
    for number in 0..keys {
        append_command(&mut out, &["SET", &format!("key:{number}"), "some value"]);
        if number % 500 == 499 {
            client.send_raw(&out).expect("it is taken");
            out.clear();
            for _ in 0..500 {
                assert_eq!(client.read().expect("an answer"), ok());
            }
        }
    }
}

/// The names in a directory that begin with `temp`.
fn temporary_files(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("the directory");
    entries
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name.starts_with("temp"))
        .collect()
}

fn signal(server: &Server, name: &str) {
    let status = Command::new("kill")
        .args(["-s", name, &server.child.id().to_string()])
        .status()
        .expect("kill starts");
    assert!(status.success());
}

#[test]
fn a_shutdown_during_a_background_save_saves_the_newest_data() {
    let dir = tempfile::tempdir().expect("a directory");
    let args = ["--save", "3600 1"];
    let mut server = Server::start(&program("lastsave-server"), dir.path(), &args);
    let mut client = server.connect();
    fill(&mut client, 100_000);
    client.send(&["BGSAVE"]);
    client.send(&["SET", "newest", "1"]);
    assert_eq!(
        client.read().expect("an answer"),
        Reply::Simple("Background saving started".into())
    );
    assert_eq!(client.read().expect("an answer"), ok());
    server.shut_down(&[]);
    assert_eq!(temporary_files(dir.path()), [""; 0]);

    let server = Server::start(&program("lastsave-server"), dir.path(), &args);
    let mut client = server.connect();
    assert_eq!(client.call(&["DBSIZE"]), Reply::Integer(100_001));
    assert_eq!(
        client.call(&["GET", "newest"]),
        Reply::Bulk(Some(b"1".to_vec()))
    );
}

#[test]
fn what_was_flushed_during_a_background_save_does_not_come_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let args = ["--save", "3600 1"];
    let mut server = Server::start(&program("lastsave-server"), dir.path(), &args);
    let mut client = server.connect();
    fill(&mut client, 100_000);
    client.send(&["BGSAVE"]);
    client.send(&["FLUSHALL"]);
    client.read().expect("an answer");
    assert_eq!(client.read().expect("an answer"), ok());
    server.kill();

    let mut server = Server::start(&program("lastsave-server"), dir.path(), &args);
    assert_eq!(server.connect().call(&["DBSIZE"]), Reply::Integer(0));
    server.shut_down(&["NOSAVE"]);
    assert_eq!(temporary_files(dir.path()), [""; 0]);
}

#[test]
fn a_shutdown_during_a_rewrite_keeps_the_log() {
    let dir = tempfile::tempdir().expect("a directory");
    let args = ["--save", "", "--appendonly", "yes"];
    let mut server = Server::start(&program("lastsave-server"), dir.path(), &args);
    let mut client = server.connect();
    fill(&mut client, 100_000);
    client.call(&["BGREWRITEAOF"]);
    assert_eq!(client.call(&["SET", "newest", "1"]), ok());
    server.shut_down(&[]);
    assert_eq!(temporary_files(dir.path()), [""; 0]);

    let server = Server::start(&program("lastsave-server"), dir.path(), &args);
    assert_eq!(server.connect().call(&["DBSIZE"]), Reply::Integer(100_001));
}

#[test]
fn signals_end_it_in_order() {
    for name in ["TERM", "INT"] {
        let dir = tempfile::tempdir().expect("a directory");
        let args = ["--save", "3600 1"];
        let mut server = Server::start(&program("lastsave-server"), dir.path(), &args);
        assert_eq!(server.connect().call(&["SET", "a", "1"]), ok());
        signal(&server, "HUP");
        assert_eq!(server.connect().call(&["SET", "b", "2"]), ok());
        signal(&server, name);
        assert_eq!(server.wait(), Some(0), "{}", server.log_text());
        let log = server.log_text();
        for words in [
            &*format!("# Received SIG{name} scheduling shutdown..."),
            "# User requested shutdown...",
            "* DB saved on disk",
            "# Redis is now ready to exit, bye bye...",
        ] {
            assert!(log.contains(words), "{words}:\n{log}");
        }
        let server = Server::start(&program("lastsave-server"), dir.path(), &args);
        assert_eq!(server.connect().call(&["DBSIZE"]), Reply::Integer(2));
    }
}

#[test]
fn connections_beyond_the_limit_are_told_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let args = ["--save", "", "--maxclients", "2"];
    let server = Server::start(&program("lastsave-server"), dir.path(), &args);
    let mut first = server.connect();
    let mut second = server.connect();
    // The connection that the start was tried with may be noticed as gone only now.
    for client in [&mut first, &mut second] {
        assert_eq!(client.call(&["PING"]), Reply::Simple("PONG".into()));
    }
    assert_eq!(
        server.connect().read().expect("a refusal"),
        Reply::Error("ERR max number of clients reached".into())
    );
    drop(first);
    let started = Instant::now();
    while server.connect().call(&["PING"]) != Reply::Simple("PONG".into()) {
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn idle_connections_are_closed() {
    let dir = tempfile::tempdir().expect("a directory");
    let args = ["--save", "", "--timeout", "1"];
    let server = Server::start(&program("lastsave-server"), dir.path(), &args);
    let mut client = server.connect();
    assert_eq!(client.call(&["PING"]), Reply::Simple("PONG".into()));
    let started = Instant::now();
    client.read().expect_err("nothing was asked");
    assert!((1..10).contains(&started.elapsed().as_secs()));
}

#[test]
fn a_unix_socket_alone_serves_and_goes_with_the_server() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("socket");
    let mut child = Command::new(program("lastsave-server"))
        .args(["--port", "0", "--save", "", "--unixsocketperm", "700"])
        .arg("--unixsocket")
        .arg(&path)
        .current_dir(dir.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts");
    let started = Instant::now();
    let mut stream = loop {
        match UnixStream::connect(&path) {
            Ok(stream) => break stream,
            Err(_) => assert!(started.elapsed() < Duration::from_secs(10)),
        }
    };
    let mode = std::fs::metadata(&path).expect("it is there").permissions();
    assert_eq!(mode.mode() & 0o777, 0o700);
    stream.write_all(b"PING\r\n").expect("it is taken");
    let mut reply = [0; 7];
    stream.read_exact(&mut reply).expect("an answer");
    assert_eq!(&reply, b"+PONG\r\n");
    stream.write_all(b"SHUTDOWN\r\n").expect("it is taken");
    assert!(child.wait().expect("it ends").success());
    assert!(!path.exists());
}

#[test]
fn in_the_background_it_leaves_its_number_and_a_log() {
    let dir = tempfile::tempdir().expect("a directory");
    let (pid_file, log) = (dir.path().join("pid"), dir.path().join("log"));
    let port = free_port();
    let status = Command::new(program("lastsave-server"))
        .args([
            "--daemonize",
            "yes",
            "--save",
            "",
            "--port",
            &port.to_string(),
        ])
        .args([
            Path::new("--pidfile"),
            &pid_file,
            Path::new("--logfile"),
            &log,
        ])
        .current_dir(dir.path())
        .status()
        .expect("it starts");
    assert!(status.success());
    let started = Instant::now();
    let stream = loop {
        match std::net::TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => break stream,
            Err(_) => assert!(started.elapsed() < Duration::from_secs(10)),
        }
    };
    let mut client = Client::new(stream);
    assert_eq!(client.call(&["PING"]), Reply::Simple("PONG".into()));
    let number = std::fs::read_to_string(&pid_file).expect("the pid file");
    let lines = std::fs::read_to_string(&log).expect("the log");
    assert!(lines.contains(&format!("{}:M ", number.trim())), "{lines}");
    client.send(&["SHUTDOWN"]);
    client.read().expect_err("it has ended");
    while pid_file.exists() {
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn a_port_in_use_is_said_and_ends_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(&program("lastsave-server"), dir.path(), &["--save", ""]);
    let port = server.port.to_string();
    let output = Command::new(program("lastsave-server"))
        .args(["--port", &port, "--bind", "127.0.0.1"])
        .current_dir(dir.path())
        .output()
        .expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8_lossy(&output.stdout);
    assert!(
        log.contains(&format!("# Warning: Could not create server TCP listening socket 127.0.0.1:{port}: bind: Address already in use")),
        "{log}"
    );
    assert!(
        log.contains(&format!(
            "# Failed listening on port {port} (TCP), aborting."
        )),
        "{log}"
    );
}
