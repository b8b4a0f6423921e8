//! Files as hostile input: snapshots, append-only files, manifests, configurations.

use std::collections::BTreeMap;

use lastsave_aof::Manifest;
use lastsave_aof::check::{Invocation, run as check_aof};
use lastsave_engine::config::{parse_file, rewrite};
use lastsave_vfs::{OpenMode, Reader, SimDisk, Vfs};

use super::{NOW_US, Server};

/// A snapshot file: `data` behind a header whose version is in its first byte. If a server starts on it, what it saves must
/// be the same data to the next.
///
/// # Panics
/// If that does not hold.
pub fn rdb(data: &[u8]) {
    let Some((&version, body)) = data.split_first() else {
        return;
    };
    let mut file = format!("REDIS{:04}", version % 14).into_bytes();
    file.extend_from_slice(body);
    // Whoever damages a file may mend its checksum. With a zero for it, everything else is looked at.
    file.extend_from_slice(b"\xff\0\0\0\0\0\0\0\0");

    // Whatever it says of it: Redis's checker stops at keys without elements, which load.
    lastsave_rdb::check::check(file.as_slice(), "dump.rdb", NOW_US / 1000);
    let disk = disk_with(&[("dump.rdb", &file)]);
    let Ok(mut server) = Server::try_start("appendonly no\n", disk) else {
        return;
    };
    let digest = server.engine.keyspace().digest();
    assert_eq!(server.call(&[b"SAVE"]), b"+OK\r\n");
    server.disk.kill();
    let again = Server::try_start("appendonly no\n", server.disk)
        .unwrap_or_else(|_| panic!("its own save does not load"));
    assert_eq!(
        again.engine.keyspace().digest(),
        digest,
        "the save holds other data"
    );
}

/// The files of an append-only log: `data`, without its first byte, which says as what. If a server starts on them, what is
/// written then must be there after a kill; if not, every file must be as it was.
///
/// # Panics
/// If that does not hold.
pub fn aof(data: &[u8]) {
    let Some((&kind, file)) = data.split_first() else {
        return;
    };
    let base = b"file appendonly.aof.1.base.aof seq 1 type b\n";
    let incr = b"file appendonly.aof.1.incr.aof seq 1 type i\n";
    let both = [base.as_slice(), incr].concat();
    let half = file.len() / 2;
    let files: Vec<(&str, &[u8])> = match kind % 4 {
        0 => vec![(MANIFEST, incr), (INCR, file)],
        1 => vec![("appendonly.aof", file)],
        2 => vec![(MANIFEST, &both), (BASE, file), (INCR, b"")],
        _ => vec![
            (MANIFEST, &both),
            (BASE, &file[..half]),
            (INCR, &file[half..]),
        ],
    };
    let disk = disk_with(&files);
    check_tool(
        &disk,
        if kind % 4 == 1 {
            "appendonly.aof"
        } else {
            MANIFEST
        },
    );
    goes_on(disk);
}

/// A manifest, beside a base and an incr file that it may name.
///
/// # Panics
/// If what is read from it is not what would be written for it; or as for [`aof`].
pub fn manifest(data: &[u8]) {
    if let Ok(manifest) = Manifest::parse(data) {
        let again = Manifest::parse(&manifest.format()).expect("what is written can be read");
        assert_eq!(again, manifest);
    }
    let incr = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";
    let disk = disk_with(&[(MANIFEST, data), (BASE, incr), (INCR, incr)]);
    check_tool(&disk, MANIFEST);
    goes_on(disk);
}

/// A configuration file, and behind its first zero byte CONFIG SETs, one a line.
///
/// # Panics
/// If CONFIG REWRITE's file says something else.
pub fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (file, changes) = text.split_once('\0').unwrap_or((&text, ""));
    let mut server = Server::start(SimDisk::new(None));
    for line in changes.lines() {
        let words: Vec<&[u8]> = ["CONFIG", "SET"]
            .into_iter()
            .chain(line.split(' '))
            .map(str::as_bytes)
            .collect();
        server.call(&words);
    }
    if let Ok(config) = parse_file(file) {
        let written = rewrite(file, &config, false);
        let read = parse_file(&written).expect("a rewritten file is a good one");
        assert_eq!(read, config, "rewritten:\n{written}");
        let written = rewrite(&written, &read, false);
        let read = parse_file(&written).expect("a file rewritten twice is a good one");
        assert_eq!(read, config, "rewritten twice:\n{written}");
    }
    let config = server.engine.config();
    let written = rewrite("", config, false);
    let read = parse_file(&written).expect("a rewritten file is a good one");
    assert_eq!(&read, config, "rewritten after changes:\n{written}");
}

const MANIFEST: &str = "appendonlydir/appendonly.aof.manifest";
const BASE: &str = "appendonlydir/appendonly.aof.1.base.aof";
const INCR: &str = "appendonlydir/appendonly.aof.1.incr.aof";

fn disk_with(files: &[(&str, &[u8])]) -> SimDisk {
    let mut disk = SimDisk::new(None);
    disk.create_dir("appendonlydir").expect("the disk is empty");
    for (path, bytes) in files {
        disk.write_file(path, bytes).expect("the disk has room");
    }
    disk
}

/// The checking tool reads the files, and changes nothing.
fn check_tool(disk: &SimDisk, path: &str) {
    let mut disk = disk.clone();
    let before = contents(&disk);
    let mut check_rdb = |vfs: &mut dyn Vfs, path: &str, output: &mut Vec<u8>| {
        let file = vfs.open(path, OpenMode::Read).ok()?;
        let report = lastsave_rdb::check::check(Reader::new(vfs, file), path, NOW_US / 1000);
        vfs.close(file);
        output.extend_from_slice(&report.output);
        report.ok.then_some(report.end)
    };
    let invocation = Invocation {
        args: &[path],
        program: "redis-check-aof",
        answer: Some(""),
        log_prefix: "",
    };
    check_aof(&mut disk, &invocation, &mut check_rdb);
    assert!(contents(&disk) == before, "the checker has changed a file");
}

/// Starts a server on the files of a log, writes, kills it, and starts another.
fn goes_on(disk: SimDisk) {
    let before = contents(&disk);
    match Server::try_start("appendonly yes\n", disk) {
        Ok(mut server) => {
            server.call(&[b"SET", b"written-later", b"1"]);
            server.check_log();
        }
        Err(disk) => assert!(
            contents(&disk) == before,
            "a refused start has changed a file"
        ),
    }
}

fn contents(disk: &SimDisk) -> BTreeMap<String, Vec<u8>> {
    disk.files()
        .into_iter()
        .map(|file| {
            let bytes = disk.read(&file.path).expect("it is listed");
            (file.path, bytes)
        })
        .collect()
}
