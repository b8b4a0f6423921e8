//! The same losses with redis-server 7.0.15: those that need no broken disk. A test that fails here says that the switch
//! teaches something wrong.

use std::path::Path;

use lastsave_tests::native::{Client, Reply, Server, redis};

use super::machine::Machine;
use super::{INCR, MANIFEST, disk_with_log, logged, old_file};

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

/// `aof-checksums yes`: Redis and its tool take the files, in which every byte is covered.
#[test]
fn redis_takes_a_log_with_checksums() {
    let config = format!(
        "{}aof-checksums yes\naof-use-rdb-preamble no\naof-timestamp-enabled yes\n",
        logged(false)
    );
    let mut machine = Machine::start(lastsave_vfs::SimDisk::new(None), &config);
    for number in 0..1000 {
        machine.run(&format!("SET key:{number} value"));
        machine.run("MULTI");
        machine.run("INCR counter");
        machine.run("RPUSH list x");
        machine.run("EXEC");
    }
    machine.run("BGREWRITEAOF");
    machine.run("SET behind 1");
    let disk = machine.kill();
    let dir = folder();
    put_all(dir.path(), &disk);
    let mut sums = 0;
    for file in disk.files() {
        let text = String::from_utf8(disk.read(&file.path).expect("it is there"));
        sums += text.expect("no RDB file is here").matches("\n#LS:").count();
    }
    assert!(sums >= 2, "one in the base and one in the incr file");
    let check = std::process::Command::new(redis("redis-check-aof"))
        .arg(dir.path().join(MANIFEST))
        .output()
        .expect("it can be started");
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(
        said.contains("All AOF files and manifest are valid"),
        "{said}"
    );
    let (mut server, mut client) = start(dir.path(), &LOGGED);
    assert_eq!(get(&mut client, "key:999"), Some("value".into()));
    assert_eq!(get(&mut client, "counter"), Some("1000".into()));
    assert_eq!(get(&mut client, "behind"), Some("1".into()));
    // It appends behind our lines, and we behind its.
    client.call(&["SET", "theirs", "1"]);
    server.kill();
    let mut disk = lastsave_vfs::SimDisk::new(None);
    for file in std::fs::read_dir(dir.path().join("appendonlydir")).expect("it is there") {
        let file = file.expect("it is there").path();
        let name = file.file_name().expect("it has one").to_string_lossy();
        let bytes = std::fs::read(&file).expect("it is there");
        disk.write_file(&format!("appendonlydir/{name}"), &bytes)
            .expect("there is room");
    }
    let mut machine = Machine::start(disk, &config);
    assert_eq!(machine.run("GET theirs"), "$1 1", "{:#?}", machine.log);
    machine.run("SET ours 1");
    let mut machine = Machine::start(machine.kill(), &config);
    assert_eq!(machine.run("GET ours"), "$1 1", "{:#?}", machine.log);
}
