//! The same losses with redis-server 7.0.15: those that need no broken disk. A test that fails here says that the switch
//! teaches something wrong.

use std::path::Path;

use lastsave_tests::native::{Client, Reply, Server, redis};

use super::{INCR, MANIFEST, disk_with_log, old_file};

const LOGGED: [&str; 4] = ["--save", "", "--appendonly", "yes"];
const PLAIN: [&str; 4] = ["--save", "", "--appendonly", "no"];

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("there is room for a folder")
}

fn start(dir: &Path, args: &[&str]) -> (Server, Client) {
    let server = Server::start(&redis("redis-server"), dir, args);
    let client = server.connect();
    (server, client)
}

/// Starts a server that refuses to, and returns its log.
fn refused(dir: &Path) -> String {
    let mut server = Server::spawn(&redis("redis-server"), dir, &LOGGED);
    assert_eq!(server.wait(), Some(1));
    server.log_text()
}

fn get(client: &mut Client, key: &str) -> Option<String> {
    match client.call(&["GET", key]) {
        Reply::Bulk(bytes) => bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        other => panic!("{other:?}"),
    }
}

fn put(dir: &Path, path: &str, bytes: &[u8]) {
    let path = dir.join(path);
    std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("there is room");
    std::fs::write(path, bytes).expect("there is room");
}

/// Puts the files of a simulated disk into a folder.
fn put_all(dir: &Path, disk: &lastsave_vfs::SimDisk) {
    for file in disk.files() {
        put(
            dir,
            &file.path,
            &disk.read(&file.path).expect("it is there"),
        );
    }
}

#[test]
fn defect_03_torn_exec() {
    let disk = disk_with_log(&["SET k v", "MULTI", "SET a 1", "SET b 1", "EXEC"]);
    let dir = folder();
    put_all(dir.path(), &disk);
    let bytes = disk.read(INCR).expect("it is there");
    // Inside the last queued command.
    put(dir.path(), INCR, &bytes[..bytes.len() - 20]);
    let (mut server, mut client) = start(dir.path(), &LOGGED);
    client.call(&["SET", "later", "1"]);
    server.kill();
    let (_server, mut client) = start(dir.path(), &LOGGED);
    assert_eq!(get(&mut client, "k"), Some("v".into()));
    assert_eq!(get(&mut client, "later"), None);
}

#[test]
fn defect_04_preamble_cut() {
    let (bytes, _) = old_file();
    let dir = folder();
    put(dir.path(), "appendonly.aof", &bytes[..bytes.len() - 5]);
    let (mut server, mut client) = start(dir.path(), &LOGGED);
    assert_eq!(get(&mut client, "k"), Some("v".into()));
    server.kill();
    let (_server, mut client) = start(dir.path(), &LOGGED);
    assert_eq!(get(&mut client, "k"), None);
}

#[test]
fn defect_05_torn_tail_in_the_middle() {
    let disk = disk_with_log(&["SET k 1", "SET k 2"]);
    let dir = folder();
    put_all(dir.path(), &disk);
    let bytes = disk.read(INCR).expect("it is there");
    put(dir.path(), INCR, &bytes[..bytes.len() - 3]);
    let second = "*3\r\n$3\r\nSET\r\n$5\r\nlater\r\n$1\r\n1\r\n";
    put(
        dir.path(),
        "appendonlydir/appendonly.aof.2.incr.aof",
        second.as_bytes(),
    );
    let mut manifest = disk.read(MANIFEST).expect("it is there");
    manifest.extend_from_slice(b"file appendonly.aof.2.incr.aof seq 2 type i\n");
    put(dir.path(), MANIFEST, &manifest);
    assert!(refused(dir.path()).contains("the truncated file is not the last file"));
    let (_server, mut client) = start(dir.path(), &LOGGED);
    assert_eq!(get(&mut client, "k"), Some("1".into()));
    assert_eq!(get(&mut client, "later"), Some("1".into()));
}

#[test]
fn defect_08_killed_before_the_first_rewrite_ends() {
    let dir = folder();
    put(
        dir.path(),
        "redis.conf",
        b"save \"\"\nappendonly no\nrdb-key-save-delay 0\n",
    );
    let (mut server, mut client) = start(dir.path(), &["redis.conf"]);
    client.call(&["SET", "k", "v"]);
    client.call(&["SAVE"]);
    // The child takes two seconds for its only key.
    client.call(&["CONFIG", "SET", "rdb-key-save-delay", "2000000"]);
    let ok = Reply::Simple("OK".into());
    assert_eq!(client.call(&["CONFIG", "SET", "appendonly", "yes"]), ok);
    client.call(&["CONFIG", "SET", "rdb-key-save-delay", "0"]);
    assert_eq!(client.call(&["CONFIG", "REWRITE"]), ok);
    server.kill();
    let (_server, mut client) = start(dir.path(), &["redis.conf"]);
    assert_eq!(get(&mut client, "k"), None);
}

#[test]
fn defect_09_missing_manifest() {
    let dir = folder();
    put_all(dir.path(), &disk_with_log(&["SET stale 1"]));
    std::fs::remove_file(dir.path().join(MANIFEST)).expect("it is there");
    let (mut server, mut client) = start(dir.path(), &LOGGED);
    assert_eq!(client.call(&["DBSIZE"]), Reply::Integer(0));
    client.call(&["SET", "new", "1"]);
    server.kill();
    let (_server, mut client) = start(dir.path(), &LOGGED);
    assert_eq!(get(&mut client, "stale"), Some("1".into()));
}

#[test]
fn defect_10_appendonly_edited_into_the_file() {
    let dir = folder();
    let (mut server, mut client) = start(dir.path(), &PLAIN);
    client.call(&["SET", "k", "v"]);
    client.call(&["SAVE"]);
    server.kill();
    let (_server, mut client) = start(dir.path(), &LOGGED);
    assert_eq!(get(&mut client, "k"), None);
}

#[test]
fn defect_11_orphans() {
    let dir = folder();
    for orphan in ["temp-1.rdb", "temp-rewriteaof-bg-1.aof"] {
        put(dir.path(), orphan, b"half a snapshot");
    }
    let (_server, _) = start(dir.path(), &LOGGED);
    for orphan in ["temp-1.rdb", "temp-rewriteaof-bg-1.aof"] {
        assert!(dir.path().join(orphan).is_file(), "{orphan}");
    }
}
