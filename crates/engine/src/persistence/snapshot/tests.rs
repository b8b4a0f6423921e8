//! A snapshot is the data of its cut, however its walk, its writing and changes of the data come between each other.

use std::collections::VecDeque;

use lastsave_vfs::SimDisk;
use proptest::prelude::*;

use super::*;
use crate::job::SnapshotWriter;
use crate::testing::TestServer;

/// Random words of commands.
struct Random {
    state: u64,
    /// The streams that are trimmed: `x` has groups, `y` has none. As commands, a stream's groups forget what is pending
    /// of entries that are gone (XCLAIM claims no such entry, here and in Redis), as RDB they do not.
    trimmed: char,
}

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ self.state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ mixed >> 31) % end
    }

    fn text(&mut self) -> String {
        match self.below(4) {
            0 => self.below(300).to_string(),
            1 => "abc".repeat(1 + self.below(60) as usize),
            _ => format!("text:{}", self.below(400)),
        }
    }

    /// So many words, of which every `stride`th is made by `make`.
    fn many(&mut self, make: impl Fn(&mut Self) -> String) -> String {
        // Now and then so many that the value is large, and written in pieces.
        let count = match self.below(12) {
            0 => 900,
            _ => 1 + self.below(5),
        };
        let words: Vec<String> = (0..count).map(|_| make(self)).collect();
        words.join(" ")
    }

    /// A command that changes one of a few keys of each type, or all of them.
    fn command(&mut self) -> String {
        let key = self.below(4);
        let (other, text, number) = (self.below(4), self.text(), self.below(500));
        match self.below(34) {
            0 => format!("SET s{key} {text}"),
            1 => format!("APPEND s{key} {text}"),
            2 => format!("SETRANGE s{key} {} {text}", number * 700),
            3 => format!("SET n{key} {number}"),
            4 => format!("INCRBY n{key} {number}"),
            5 => format!(
                "DEL {}{key}",
                ["s", "n", "l", "e", "h", "z", "x", "y"][number as usize % 8]
            ),
            6 => format!(
                "PEXPIREAT {}{key} 1900000000{number:03}",
                ["s", "l", "h", "z", "x"][number as usize % 5]
            ),
            7 => format!(
                "PERSIST {}{key}",
                ["s", "l", "h", "z", "x"][number as usize % 5]
            ),
            8 | 9 => format!("RPUSH l{key} {}", self.many(Self::text)),
            10 => format!("LPUSH l{key} {}", self.many(Self::text)),
            11 => format!("LPOP l{key} {}", 1 + number % 40),
            12 => format!("LSET l{key} {} {text}", number % 8),
            13 => format!("LINSERT l{key} BEFORE {text} new"),
            14 => format!("LTRIM l{key} 2 -2"),
            15 | 16 => format!("SADD e{key} {}", self.many(Self::text)),
            17 => format!(
                "SADD e{key} {}",
                self.many(|random| random.below(5000).to_string())
            ),
            18 => format!("SREM e{key} {}", self.many(Self::text)),
            19 => format!("SPOP e{key} {}", 1 + number % 20),
            20 | 21 => format!(
                "HSET h{key} {}",
                self.many(|random| format!("{} {}", random.text(), random.text()))
            ),
            22 => format!("HDEL h{key} {}", self.many(Self::text)),
            23 | 24 => format!(
                "ZADD z{key} {}",
                self.many(|random| format!("{} {}", random.below(90), random.text()))
            ),
            25 => format!("ZREM z{key} {}", self.many(Self::text)),
            26 => format!("ZINCRBY z{key} {number} {text}"),
            27 => {
                let stream = ["x", "x", "y"][number as usize % 3];
                format!("XADD {stream}{key} * field {text} other {number}")
            }
            28 => format!("XTRIM {}{key} MAXLEN {}", self.trimmed, number % 20),
            29 => format!(
                "XGROUP CREATE x{key} group{} {} MKSTREAM",
                number % 3,
                number % 2
            ),
            30 => format!(
                "XREADGROUP GROUP group{} {text} COUNT {} STREAMS x{key} >",
                number % 3,
                1 + number % 9
            ),
            31 => match number % 8 {
                0 => "FLUSHDB".into(),
                1 => format!("SWAPDB 0 {other}"),
                2 => "FLUSHALL".into(),
                _ => format!("SELECT {other}"),
            },
            32 => format!("RENAME h{key} h{other}"),
            _ => format!("COPY z{key} z{other} REPLACE"),
        }
    }
}

/// What happens next while a snapshot runs.
#[derive(Clone, Copy, Debug)]
enum Action {
    Change(u8),
    Walk { entries: usize, bytes: usize },
    Step(u8),
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![
        3 => (1u8..6).prop_map(Action::Change),
        2 => (1usize..6, 1usize..100_000).prop_map(|(entries, bytes)| Action::Walk { entries, bytes }),
        3 => (1u8..4).prop_map(Action::Step),
    ];
    proptest::collection::vec(action, 0..60)
}

struct Run {
    server: TestServer,
    random: Random,
    writer: SnapshotWriter,
    parts: VecDeque<SnapshotPart>,
    walked: bool,
    done: bool,
}

impl Run {
    fn change(&mut self, times: u8) {
        for _ in 0..times {
            let command = self.random.command();
            self.server.now_us += 1000;
            let reply = self.server.run(&command);
            assert!(!reply.starts_with("-ERR syntax"), "{command}: {reply}");
        }
    }

    fn walk(&mut self, slice: Slice) {
        if self.walked {
            return;
        }
        let mut out = Vec::new();
        let keyspace = &mut self.server.engine.keyspace;
        self.walked = keyspace.snapshot_walk(slice, &mut Chunk::new, &mut out);
        let records = out
            .into_iter()
            .map(|(db, chunk)| SnapshotPart::Records(db, chunk));
        self.parts.extend(records);
        if self.walked {
            self.parts.push_back(SnapshotPart::End);
        }
    }

    fn step(&mut self) {
        match self
            .writer
            .step(&mut self.server.disk)
            .expect("the disk is sound")
        {
            Step::NeedPart => {
                if let Some(part) = self.parts.pop_front() {
                    self.writer.feed(part);
                }
            }
            Step::Wrote(_) | Step::Operation => {}
            Step::Done(_) => self.done = true,
        }
    }
}

/// Writes a snapshot to `path` while `actions` happen. Returns the digest at its cut, and the file.
fn snapshot(seed: u64, actions: &[Action], as_rdb: bool, path: &str) -> (u64, Vec<u8>) {
    let preamble = if as_rdb { "yes" } else { "no" };
    let config = format!("save \"\"\naof-use-rdb-preamble {preamble}\nlist-max-listpack-size -1\n");
    let server = TestServer::start(&config);
    let spec = server
        .engine
        .snapshot_spec(JobKind::Rewrite, path.into(), None);
    let mut run = Run {
        server,
        random: Random {
            state: seed,
            trimmed: if as_rdb { 'x' } else { 'y' },
        },
        writer: SnapshotWriter::new(spec),
        parts: VecDeque::new(),
        walked: false,
        done: false,
    };
    run.change(120);
    run.server.run("SELECT 1");
    run.change(60);
    run.writer
        .feed(SnapshotPart::Databases(run.server.engine.database_sizes()));
    let digest = run.server.engine.keyspace.digest();
    run.server.engine.keyspace.snapshot_begin();
    for action in actions {
        match *action {
            Action::Change(times) => run.change(times),
            Action::Walk { entries, bytes } => run.walk(Slice {
                max_entries: entries,
                max_bytes: bytes,
            }),
            Action::Step(times) => (0..times).for_each(|_| run.step()),
        }
    }
    while !run.done {
        run.walk(SLICE);
        run.step();
    }
    let file = run
        .server
        .disk
        .read(path)
        .expect("the snapshot was written");
    (digest, file)
}

/// The digest of what a server loads whose base is this file.
fn loaded(base: &[u8], name: &str) -> u64 {
    let mut disk = SimDisk::new(None);
    let manifest = format!("file {name} seq 1 type b\n");
    let put = |disk: &mut SimDisk, path: &str, bytes: &[u8]| {
        disk.write_file(path, bytes)
            .expect("a new disk takes files");
    };
    put(
        &mut disk,
        "appendonlydir/appendonly.aof.manifest",
        manifest.as_bytes(),
    );
    put(&mut disk, &format!("appendonlydir/{name}"), base);
    let server = TestServer::start_on(disk, "save \"\"\nappendonly yes\n");
    assert_eq!(server.exited, None, "{:?}", server.log);
    server.engine.keyspace.digest()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_snapshot_is_the_data_of_its_cut(seed: u64, actions in actions()) {
        let (digest, file) = snapshot(seed, &actions, true, "temp.rdb");
        prop_assert_eq!(loaded(&file, "appendonly.aof.1.base.rdb"), digest, "as RDB");
        let (digest, file) = snapshot(seed, &actions, false, "temp.aof");
        prop_assert_eq!(loaded(&file, "appendonly.aof.1.base.aof"), digest, "as commands");
    }
}
