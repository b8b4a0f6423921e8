//! A scripted load, and what the data are after each of its requests.

use lastsave_engine::{ClientId, Config, Engine, Host};
use lastsave_resp::{ArgsBuf, append_request};
use lastsave_tests::native::Random;
use lastsave_vfs::SimDisk;

/// One request, acknowledged as one: a command, or MULTI … EXEC.
pub(crate) struct Request {
    /// As a client sends it.
    pub(crate) bytes: Vec<u8>,
    /// How many answers it gets.
    pub(crate) replies: usize,
}

/// The load: so many requests over all types, with saves and rewrites among them.
pub(crate) fn requests(seed: u64, count: usize) -> Vec<Request> {
    let mut random = Random(seed);
    (0..count)
        .map(|number| match number * 100 / count {
            _ if number % (count / 5) == count / 7 => request("BGREWRITEAOF"),
            _ if number % (count / 4) == count / 6 => request("BGSAVE"),
            _ => request(&line(&mut random, number)),
        })
        .collect()
}

fn line(random: &mut Random, number: usize) -> String {
    let key = random.below(12);
    let n = random.below(9);
    match random.below(16) {
        0 | 1 => format!("SET s{key} v{number}"),
        2 => format!("APPEND s{key} {}", "x".repeat(random.below(900) as usize)),
        3 => format!("INCRBY n{key} {number}"),
        4 => format!("RPUSH l{key} a{number} b{n}"),
        5 => format!("LPOP l{key}"),
        6 => format!("SADD t{key} m{n} {number}"),
        7 => format!("SREM t{key} m{n}"),
        8 => format!("HSET h{key} f{n} {number} g{number} {n}"),
        9 => format!("HDEL h{key} f{n}"),
        10 => format!("ZADD z{key} {number} m{n} 0.5 k{number}"),
        11 => format!("ZPOPMIN z{key}"),
        12 => format!("XADD x{key} {}-1 f {n}", number + 1),
        13 => format!("DEL s{key} l{n}"),
        14 => format!("EXPIRE s{key} 100000"),
        _ => format!("MULTI; INCR n{key}; HSET h{n} total {number}; RPUSH l{key} t{number}; EXEC"),
    }
}

fn request(line: &str) -> Request {
    let commands: Vec<&str> = line.split("; ").collect();
    let mut bytes = Vec::new();
    for command in &commands {
        let words: ArgsBuf = command.split(' ').map(str::as_bytes).collect();
        append_request(&mut bytes, words.as_args());
    }
    Request {
        bytes,
        replies: commands.len(),
    }
}

/// An engine in this process.
pub(crate) struct Ours {
    engine: Engine,
    disk: SimDisk,
    client: ClientId,
}

const NOW_US: u64 = 1_700_000_000_000_000;

impl Ours {
    /// Starts on a disk. `Err` says why it refuses to.
    pub(crate) fn start(config: &str, mut disk: SimDisk) -> Result<Self, String> {
        let config: Config = lastsave_engine::config::parse_file(config).expect("it is valid");
        let mut engine = Engine::new(config, Host::default(), 1);
        engine.start(NOW_US, &mut disk, &mut |_, _| NOW_US);
        let mut last_line = String::new();
        while let Some(output) = engine.poll_output() {
            match output {
                lastsave_engine::Output::Log(_, line) => last_line = line,
                lastsave_engine::Output::Exit(..) => return Err(last_line),
                _ => {}
            }
        }
        let client = engine.handle_connect(NOW_US, "127.0.0.1:50000", "127.0.0.1:6379");
        Ok(Self {
            engine,
            disk,
            client,
        })
    }

    fn send(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.engine
            .handle_input(NOW_US, self.client, bytes, &mut self.disk);
        self.engine.flush(NOW_US, &mut self.disk);
        while self.engine.poll_output().is_some() {}
        let answer = self.engine.reply_bytes(self.client).to_vec();
        self.engine.consume_reply(self.client, answer.len());
        answer
    }

    /// Executes a request.
    pub(crate) fn play(&mut self, request: &Request) {
        self.send(&request.bytes);
    }

    /// What DEBUG DIGEST says of the data: the same as Redis's.
    pub(crate) fn digest(&mut self) -> String {
        let answer = self.send(b"*2\r\n$5\r\nDEBUG\r\n$6\r\nDIGEST\r\n");
        String::from_utf8_lossy(&answer)
            .trim_start_matches('+')
            .trim_end()
            .to_owned()
    }
}

/// The digests of the data before the first request and after each.
pub(crate) fn history(requests: &[Request]) -> Vec<String> {
    let config = "appendonly no\nsave \"\"\nenable-debug-command yes\n";
    let mut ours = Ours::start(config, SimDisk::new(None)).expect("an empty disk is no obstacle");
    let mut digests = vec![ours.digest()];
    for request in requests {
        ours.play(request);
        digests.push(ours.digest());
    }
    digests
}
