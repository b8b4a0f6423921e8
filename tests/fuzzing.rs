//! What the fuzz targets do with their input. It is here, not beside them, so that the kept corpora run in every test run too.

mod files;
mod links;

pub use files::{aof, config, manifest, rdb};
pub use links::{link, scenario};

use lastsave_engine::{ClientId, Config, Engine, Host, Output};
use lastsave_resp::{ArgsBuf, append_request};
use lastsave_vfs::SimDisk;

/// When the simulated server starts, in microseconds since the epoch. It stays that late, so that nothing expires by itself.
const NOW_US: u64 = 1_700_000_000_000_000;

/// An engine on a simulated disk whose background jobs never end.
struct Server {
    engine: Engine,
    disk: SimDisk,
    client: ClientId,
}

/// Limits that keep a command from asking for gigabytes, and a server that does nothing by itself.
const LIMITS: &str = "save \"\"\nproto-max-bulk-len 1mb\nauto-aof-rewrite-percentage 0\n\
                      client-output-buffer-limit normal 4mb 0 0\n";

impl Server {
    /// A server with an append-only file.
    fn start(disk: SimDisk) -> Self {
        Self::try_start("appendonly yes\n", disk)
            .unwrap_or_else(|_| panic!("the server does not start"))
    }

    /// A server with these lines of configuration on top of the limits. `Err` gives the disk as a server left it that
    /// refused to start.
    fn try_start(config: &str, mut disk: SimDisk) -> Result<Self, Box<SimDisk>> {
        let config: Config = lastsave_engine::config::parse_file(&format!("{LIMITS}{config}"))
            .expect("the configuration is valid");
        let mut engine = Engine::new(config, Host::default(), 7);
        engine.start(NOW_US, &mut disk, &mut |_, _| NOW_US);
        while let Some(output) = engine.poll_output() {
            if let Output::Exit(..) = output {
                disk.kill();
                return Err(Box::new(disk));
            }
        }
        let client = engine.handle_connect(NOW_US, "127.0.0.1:50000", "127.0.0.1:6379");
        let mut server = Self {
            engine,
            disk,
            client,
        };
        server.settle();
        Ok(server)
    }

    fn send(&mut self, bytes: &[u8]) {
        self.engine
            .handle_input(NOW_US, self.client, bytes, &mut self.disk);
        self.settle();
    }

    /// Sends one command and returns its answer.
    fn call(&mut self, words: &[&[u8]]) -> Vec<u8> {
        let args: ArgsBuf = words.iter().collect();
        let mut bytes = Vec::new();
        append_request(&mut bytes, args.as_args());
        self.engine
            .handle_input(NOW_US, self.client, &bytes, &mut self.disk);
        self.engine.flush(NOW_US, &mut self.disk);
        let answer = self.engine.reply_bytes(self.client).to_vec();
        self.settle();
        answer
    }

    /// Another server loads what this one has written.
    ///
    /// # Panics
    /// If it comes to other data.
    fn check_log(mut self) {
        let digest = self.engine.keyspace().digest();
        self.disk.kill();
        let again = Self::start(self.disk);
        assert_eq!(
            again.engine.keyspace().digest(),
            digest,
            "the log brings back other data"
        );
    }

    fn settle(&mut self) {
        self.engine.flush(NOW_US, &mut self.disk);
        while self.engine.poll_output().is_some() {}
        let len = self.engine.reply_bytes(self.client).len();
        self.engine.consume_reply(self.client, len);
    }
}

/// Sends `data` to a server, in two pieces cut where its first byte says, then lets another one load what the first has
/// written: the same data must come back.
///
/// # Panics
/// If they are not, or the engine panics.
pub fn requests(data: &[u8]) {
    let Some((&cut, input)) = data.split_first() else {
        return;
    };
    let mut server = Server::start(SimDisk::new(None));
    let (first, second) = input.split_at(input.len() * usize::from(cut) / 256);
    server.send(first);
    server.send(second);
    server.check_log();
}

/// What is asked of a restored value, and done to it: every type's commands, most of which are refused.
const USES: &[&str] = &[
    "TYPE k",
    "OBJECT ENCODING k",
    "MEMORY USAGE k",
    "GET k",
    "STRLEN k",
    "BITCOUNT k",
    "PFCOUNT k",
    "GETRANGE k 1 -2",
    "LLEN k",
    "LRANGE k 0 -1",
    "LRANGE k -3 -2",
    "LINDEX k 1",
    "LINDEX k -1",
    "LPOS k a RANK -1",
    "SMEMBERS k",
    "SCARD k",
    "SISMEMBER k 5",
    "SRANDMEMBER k 7",
    "SSCAN k 0 COUNT 100",
    "HGETALL k",
    "HLEN k",
    "HGET k a",
    "HRANDFIELD k 5 WITHVALUES",
    "HSCAN k 0",
    "ZRANGE k 0 -1 WITHSCORES",
    "ZREVRANGE k 0 2",
    "ZRANGEBYSCORE k -inf +inf",
    "ZRANGEBYLEX k - +",
    "ZSCORE k a",
    "ZRANK k a",
    "ZCOUNT k 0 1",
    "ZSCAN k 0",
    "XLEN k",
    "XRANGE k - +",
    "XREVRANGE k + - COUNT 2",
    "XINFO STREAM k FULL",
    "XINFO GROUPS k",
    "XREAD STREAMS k 0",
    "SORT k ALPHA",
    "DEBUG DIGEST-VALUE k",
    "COPY k copy",
    "APPEND k x",
    "SETRANGE k 3 y",
    "SETBIT k 77 1",
    "PFADD k z",
    "PFMERGE merged k",
    "LPUSH k a b",
    "RPUSH k c",
    "LINSERT k BEFORE c d",
    "LSET k 1 e",
    "LREM k 1 a",
    "LPOP k",
    "RPOP k",
    "LTRIM k 1 -2",
    "SADD k 7 word",
    "SREM k 7",
    "SPOP k",
    "SMOVE k other word",
    "HSET k f v",
    "HINCRBY k n 3",
    "HDEL k f",
    "ZADD k 2 m",
    "ZINCRBY k 0.5 m",
    "ZREM k m",
    "ZPOPMIN k",
    "ZREMRANGEBYRANK k 0 1",
    "ZUNIONSTORE union 1 k",
    "SUNIONSTORE sets k copy",
    "XADD k * f v",
    "XTRIM k MAXLEN ~ 3",
    "XGROUP CREATE k g 0",
    "XREADGROUP GROUP g c STREAMS k >",
    "XPENDING k g",
    "XAUTOCLAIM k g d 0 0",
    "XACK k g 1-1",
    "XDEL k 1-1",
    "XGROUP DESTROY k g",
    "XSETID k 9999999999999999-0",
];

/// Restores `data`, with the version and checksum that RESTORE asks for; what it takes is used by all commands, dumped,
/// restored again and loaded from the log.
///
/// # Panics
/// If the value's copy is another value, the log brings back other data, or the engine panics.
pub fn restore(data: &[u8]) {
    let mut payload = data.to_vec();
    payload.extend_from_slice(&10u16.to_le_bytes());
    let checksum = lastsave_rdb::crc64(&payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
    let mut server = Server::start(SimDisk::new(None));
    if server.call(&[b"RESTORE", b"k", b"0", &payload]) != b"+OK\r\n" {
        return;
    }
    let dumped = server.call(&[b"DUMP", b"k"]);
    let dumped = bulk(&dumped).expect("a value can be dumped");
    let digest_of = |server: &Server, key: &[u8]| {
        let entry = server.engine.keyspace().databases[0].keys.get(key);
        lastsave_keyspace::values::value_digest(entry.expect("the key is there").value())
    };
    assert_eq!(
        server.call(&[b"RESTORE", b"again", b"0", dumped]),
        b"+OK\r\n",
        "its own dump is refused"
    );
    assert_eq!(digest_of(&server, b"k"), digest_of(&server, b"again"));
    for line in USES {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        server.call(&words);
    }
    server.check_log();
}

/// The content of a bulk string.
fn bulk(answer: &[u8]) -> Option<&[u8]> {
    let rest = answer.strip_prefix(b"$")?;
    let start = rest.iter().position(|byte| *byte == b'\n')? + 1;
    rest.get(start..rest.len().checked_sub(2)?)
}
