//! The files that are damaged: small ones that hold every type and every encoding.

use lastsave_tests::native::Reply;
use lastsave_vfs::SimDisk;

use crate::ours::{Files, Ours};

pub(crate) const MANIFEST: &str = "appendonlydir/appendonly.aof.manifest";
pub(crate) const BASE_2: &str = "appendonlydir/appendonly.aof.2.base.rdb";
pub(crate) const OLD_FILE: &str = "appendonly.aof";
pub(crate) const RDB: &str = "dump.rdb";

/// Collections change their encoding at a few elements, so that small files hold all encodings.
const LIMITS: &str = "set-max-intset-entries 4\nhash-max-listpack-entries 3\nzset-max-listpack-entries 3\n\
                      list-max-listpack-size 3\nstream-node-max-entries 2\nlatency-tracking no\n";

/// A configuration: the common lines, and these.
pub(crate) fn config(lines: &str) -> String {
    format!("save \"\"\nauto-aof-rewrite-percentage 0\n{LIMITS}{lines}")
}

/// A configuration with an append-only file whose writes are durable once they are answered.
pub(crate) fn always() -> String {
    config("appendonly yes\nappendfsync always\n")
}

/// Every type and encoding, in two databases, with expiries far ahead.
pub(crate) const EVERYTHING: &[&str] = &[
    "SET small 12",
    "SET medium 12345",
    "SET large 1234567890",
    "SET text \"some words\"",
    "SET bytes \"\\x00\\xff\\r\\n*1\\r\\n\"",
    "SET repeated aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "SET expiring 1 PXAT 4000000000000",
    "RPUSH list a 1 -5000",
    "RPUSH nodes a b c d 70000 e f",
    "SADD ints-16 1 2 3",
    "SADD ints-32 1 100000",
    "SADD ints-64 1 10000000000",
    "SADD members a b c",
    "HSET fields f v g 1",
    "HSET table f v g 1 h 2 i 3",
    "ZADD scores 1 a 2.5 b -inf c",
    "ZADD ranks 1 a 2.5 b 0.1 c inf d",
    "XADD stream 1-1 f v",
    "XADD stream 2-1 f w g x",
    "XADD stream 3-1 f v",
    "XDEL stream 2-1",
    "XGROUP CREATE stream group 0",
    "XREADGROUP GROUP group reader COUNT 1 STREAMS stream >",
    "PFADD sketch a b",
    "SELECT 5",
    "SET elsewhere x",
    "PEXPIREAT elsewhere 4000000000000",
    "SELECT 0",
];

/// Changes to it, of every type: single, in transactions, in another database.
pub(crate) const CHANGES: &[&str] = &[
    "SET text other",
    "APPEND text more",
    "INCR small",
    "MULTI",
    "LPUSH list x",
    "SADD members d",
    "HINCRBY fields g 5",
    "EXEC",
    "LPOP nodes 2",
    "SPOP ints-16",
    "ZADD scores 7 a",
    "ZPOPMIN ranks",
    "SET bytes \"*2\\r\\n$4\\r\\nPING\\r\\n\"",
    "XADD stream 4-1 f v",
    "XREADGROUP GROUP group reader COUNT 1 STREAMS stream >",
    "XACK stream group 1-1",
    "EXPIRE text 100000000",
    "SELECT 5",
    "SET elsewhere y",
    "MULTI",
    "SELECT 0",
    "DEL large",
    "INCRBYFLOAT medium 0.5",
    "EXEC",
    "RENAME table hash",
    "PERSIST expiring",
    "SET last 1",
];

/// An append-only log, and what it brings back if its last file ends early.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) config: String,
    pub(crate) files: Files,
    /// The path of the last file.
    pub(crate) last: String,
    /// The length of the last file behind each unit, and a hash over the data then. The first has the length 0 of the
    /// empty file.
    pub(crate) units: Vec<(usize, u64)>,
}

impl Log {
    /// Runs commands against an empty server: the first go into the base, the others into the file behind it.
    pub(crate) fn of(config: &str, base: &[&str], behind: &[&str]) -> Self {
        let mut ours = Ours::start(config, SimDisk::new(None));
        for line in base {
            ours.call(line);
        }
        ours.call("BGREWRITEAOF");
        ours.finish_jobs();
        let aof = |ours: &Ours| ours.engine.status().aof.expect("there is a log");
        let last = aof(&ours).incr_path;
        let len = |ours: &Ours| ours.recorder.disk.read(&last).expect("it is there").len();
        let mut units = vec![(len(&ours), ours.digest())];
        assert_eq!(units[0].0, 0, "nothing is written behind the base yet");
        for line in behind {
            let reply = ours.call(line);
            let queued = reply == Reply::Simple("QUEUED".into()) || *line == "MULTI";
            if !queued {
                units.push((len(&ours), ours.digest()));
            }
            if units.len().is_multiple_of(3) {
                ours.advance(1_000_000);
            }
        }
        Self {
            config: config.into(),
            files: ours.files(),
            last,
            units,
        }
    }

    /// A base of everything, and the changes behind it.
    pub(crate) fn of_everything(config: &str) -> Self {
        Self::of(config, EVERYTHING, CHANGES)
    }

    /// The same as one file of commands, which is a base.
    pub(crate) fn as_base(config: &str) -> Self {
        let log = Self::of(config, &[], EVERYTHING);
        let bytes = log.files[&log.last].clone();
        let last = "appendonlydir/appendonly.aof.1.base.aof".to_owned();
        let manifest = b"file appendonly.aof.1.base.aof seq 1 type b\n".to_vec();
        Self {
            files: [(MANIFEST.into(), manifest), (last.clone(), bytes)].into(),
            last,
            ..log
        }
    }

    /// The same as Redis before 7.0 had it: one file, the snapshot at its head.
    pub(crate) fn in_one_file(config: &str, preamble: &[u8], base: &Self) -> Self {
        let tail = &base.files[&base.last];
        let units = base.units.iter();
        Self {
            config: config.into(),
            files: [(OLD_FILE.into(), [preamble, tail].concat())].into(),
            last: OLD_FILE.into(),
            units: units
                .map(|(len, digest)| (preamble.len() + len, *digest))
                .collect(),
        }
    }

    /// The bytes of the last file.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.files[&self.last]
    }

    /// The files with other bytes for the last one.
    pub(crate) fn with(&self, bytes: &[u8]) -> Files {
        let mut files = self.files.clone();
        files.insert(self.last.clone(), bytes.to_vec());
        files
    }

    /// The data, as a hash, if only so many bytes of the last file are left; `None` if not even its head is whole.
    pub(crate) fn data_at(&self, len: usize) -> Option<u64> {
        let whole = self.units.iter().rev().find(|(end, _)| *end <= len);
        whole.map(|(_, digest)| *digest)
    }

    /// Whether a hash is that of the data behind some unit.
    pub(crate) fn is_prefix(&self, digest: u64) -> bool {
        self.units.iter().any(|(_, unit)| *unit == digest)
    }
}

/// An RDB file of everything.
pub(crate) fn rdb(lines: &str) -> Vec<u8> {
    let mut ours = Ours::start(&config(lines), SimDisk::new(None));
    for line in EVERYTHING {
        ours.call(line);
    }
    ours.call("SAVE");
    ours.files().remove(RDB).expect("it was saved")
}
