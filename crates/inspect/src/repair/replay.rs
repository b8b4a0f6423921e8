//! Trying commands on the data set that they are for.

use lastsave_engine::config::parse_file;
use lastsave_engine::{Engine, Host};
use lastsave_keyspace::lookup;
use lastsave_resp::{Args, append_request};
use lastsave_vfs::SimDisk;

/// A server on a disk of its own, at a time when nothing has expired.
pub(super) struct Replay {
    engine: Engine,
    disk: SimDisk,
    client: lastsave_engine::ClientId,
}

impl Replay {
    /// A server with the data of a sound snapshot, if there is one. `None` if it cannot load it.
    pub(super) fn new(snapshot: Option<&[u8]>) -> Option<Self> {
        let mut disk = SimDisk::new(None);
        if let Some(bytes) = snapshot {
            disk.write_file("dump.rdb", bytes).ok()?;
        }
        let config = parse_file("appendonly no\nsave \"\"\nproto-max-bulk-len 4gb\n").ok()?;
        let host = Host {
            pid: 1,
            config_path: String::new(),
            executable: String::new(),
            run_id: "0".repeat(40),
            os: String::new(),
        };
        let mut engine = Engine::new(config, host, 0);
        engine.start(0, &mut disk, &mut |_, _| 0);
        while let Some(output) = engine.poll_output() {
            if matches!(output, lastsave_engine::Output::Exit(..)) {
                return None;
            }
        }
        let client = engine.handle_connect(0, "127.0.0.1:1", "127.0.0.1:6379");
        Some(Self {
            engine,
            disk,
            client,
        })
    }

    /// Runs a command. `Err` says what it was answered, if that is an error: a log has none such.
    pub(super) fn run(&mut self, args: Args<'_>) -> Result<(), String> {
        if lookup(&args[0]).is_none() {
            // A command of Redis that is not here: nothing can be said of it.
            return Ok(());
        }
        let mut request = Vec::new();
        append_request(&mut request, args);
        self.engine
            .handle_input(0, self.client, &request, &mut self.disk);
        self.engine.flush(0, &mut self.disk);
        let reply = self.engine.reply_bytes(self.client);
        let failed = failure(reply);
        let len = reply.len();
        self.engine.consume_reply(self.client, len);
        while self.engine.poll_output().is_some() {}
        match failed {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// The first error in a reply, or among those in the reply to EXEC.
fn failure(reply: &[u8]) -> Option<String> {
    let error = if reply.starts_with(b"-") {
        reply
    } else if reply.starts_with(b"*") {
        let at = reply.windows(3).position(|window| window == b"\r\n-")?;
        &reply[at + 2..]
    } else {
        return None;
    };
    let line = error
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    Some(String::from_utf8_lossy(&line[1..]).into_owned())
}
