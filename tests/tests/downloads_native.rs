//! What the page downloads: other programs read the archive, and the real servers start on the disk that is in it.

use std::path::Path;
use std::process::Command;

use lastsave_scenario::import::{Incoming, examine};
use lastsave_scenario::zip::{self, ZipEntry, ZipLimits};
use lastsave_scenario::{Attachments, Progress, Shell, ViewRequest, export};
use lastsave_tests::native::{Reply, Server, program, redis};

const LIMITS: ZipLimits = ZipLimits {
    files: 100,
    bytes: 1 << 24,
};

fn after(lines: &[&str]) -> Shell {
    let mut shell = Shell::new(1);
    for line in lines {
        shell.enter(line);
    }
    while shell.run(1_000_000) != Progress::Idle {}
    shell
}

/// Runs a piece of Python with an argument, and returns what it prints.
fn python(code: &str, path: &Path) -> String {
    let output = Command::new("python3")
        .args(["-c", code])
        .arg(path)
        .output();
    let output = output.expect("python3 is there");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("it prints text")
}

/// The words of the line in the README that starts a program, without `--dir . ` and the port.
fn options<'a>(readme: &'a str, name: &str) -> Vec<&'a str> {
    let line = readme
        .lines()
        .find_map(|line| line.trim().strip_prefix(&format!("{name} --dir . ")))
        .expect("the line is there");
    let (options, _) = line.split_once("--port").expect("and names a port");
    options.split_whitespace().collect()
}

#[test]
fn a_downloaded_disk_starts_in_real_servers() {
    for (start, more) in [
        ("redis-server --save ''", "SAVE"),
        ("redis-server --appendonly yes --save ''", "BGREWRITEAOF"),
        (
            "redis-server --appendonly yes --save '' --appendfilename other.aof --appenddirname logs",
            "PING",
        ),
    ] {
        let mut shell = after(&[
            start,
            "SET greeting hello",
            "RPUSH list a b c",
            "HSET hash f v",
            more,
            "advance 5s",
            "SET last word",
            // Without a log only what was saved is on the disk.
            if start.contains("appendonly") {
                "PING"
            } else {
                "SAVE"
            },
        ]);
        let keys = shell.view(&ViewRequest::default()).layers.memory_keys;
        let (_, archive) = export(shell.world(), "").expect("there is a disk");
        let dir = tempfile::tempdir().expect("a folder");
        for entry in zip::read(&archive, LIMITS).expect("it is an archive") {
            let path = dir.path().join(&entry.path);
            std::fs::create_dir_all(path.parent().expect("it is in the folder")).expect("made");
            std::fs::write(path, &entry.bytes).expect("written");
        }
        let readme = std::fs::read_to_string(dir.path().join("README.txt")).expect("it is there");
        for (name, server) in [
            ("redis-server", redis("redis-server")),
            ("lastsave-server", program("lastsave-server")),
        ] {
            let mut server = Server::start(&server, dir.path(), &options(&readme, name));
            let mut client = server.connect();
            assert_eq!(
                client.call(&["DBSIZE"]),
                Reply::Integer(keys as i64),
                "{name} {start}"
            );
            assert_eq!(
                client.call(&["GET", "last"]),
                Reply::Bulk(Some(b"word".to_vec()))
            );
            server.kill();
        }
    }
}

#[test]
fn archives_are_read_by_others_and_those_of_others_here() {
    let dir = tempfile::tempdir().expect("a folder");
    let entries: Vec<ZipEntry> = [
        ("a/b.aof", &[b'*'; 5000][..]),
        ("näme.rdb", b"REDIS"),
        ("empty", b""),
    ]
    .into_iter()
    .map(|(path, bytes)| ZipEntry {
        path: path.into(),
        bytes: bytes.into(),
    })
    .collect();
    let path = dir.path().join("ours.zip");
    std::fs::write(&path, zip::write(&entries, 1_795_314_600_000)).expect("written");
    let said = python(
        "import sys, zipfile\n\
         z = zipfile.ZipFile(sys.argv[1])\n\
         assert z.testzip() is None\n\
         for i in z.infolist(): print(i.filename, i.file_size, i.compress_type, *i.date_time[:5])",
        &path,
    );
    assert_eq!(
        said,
        "a/b.aof 5000 8 2026 11 22 2 30\nnäme.rdb 5 0 2026 11 22 2 30\nempty 0 0 2026 11 22 2 30\n"
    );

    let path = dir.path().join("theirs.zip");
    python(
        "import sys, zipfile\n\
         z = zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED)\n\
         z.writestr('backup/appendonlydir/', '')\n\
         z.writestr('backup/dump.rdb', b'x' * 70000)\n\
         z.writestr(zipfile.ZipInfo('../plain'), b'stored')\n\
         z.comment = b'a comment'\n\
         z.close()",
        &path,
    );
    let entries = zip::read(&std::fs::read(&path).expect("written"), LIMITS).expect("read");
    let found: Vec<(&str, usize)> = entries
        .iter()
        .map(|entry| (&entry.path[..], entry.bytes.len()))
        .collect();
    assert_eq!(found, [("backup/dump.rdb", 70_000), ("plain", 6)]);
}

#[test]
fn the_files_of_a_real_server_load_as_dropped_files() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(
        &redis("redis-server"),
        dir.path(),
        &["--appendonly", "yes", "--save", ""],
    );
    let mut client = server.connect();
    for index in 0..100 {
        client.call(&["SET", &format!("key:{index}"), "value"]);
    }
    client.call(&["SAVE"]);
    server.kill();
    let read = |path: &str| {
        let bytes = std::fs::read(dir.path().join(path)).expect("it is there");
        Incoming::whole(path, bytes)
    };
    let log: Vec<Incoming> = std::fs::read_dir(dir.path().join("appendonlydir"))
        .expect("it is there")
        .map(|entry| {
            let name = entry.expect("an entry").file_name();
            read(&format!("appendonlydir/{}", name.to_string_lossy()))
        })
        .collect();
    for files in [vec![read("dump.rdb")], log] {
        let mut attachments = Attachments::default();
        let report = examine(files, &mut attachments);
        assert!(report.is_sound(), "{report:?}");
        let mut shell = Shell::new(1);
        shell.attach(&attachments);
        for line in report.upload.iter().chain(&report.start) {
            shell.enter(line);
        }
        while shell.run(1_000_000) != Progress::Idle {}
        assert_eq!(shell.view(&ViewRequest::default()).layers.memory_keys, 100);
    }
}
