//! What the fuzz targets do with their input. It is here, not beside them, so that the kept corpora run in every test run too.

use lastsave_engine::{ClientId, Config, Engine, Host};
use lastsave_vfs::SimDisk;

/// When the simulated server starts, in microseconds since the epoch. It stays that late, so that nothing expires by itself.
const NOW_US: u64 = 1_700_000_000_000_000;

/// An engine on a simulated disk whose background jobs never end.
struct Server {
    engine: Engine,
    disk: SimDisk,
    client: ClientId,
}

impl Server {
    fn start(mut disk: SimDisk) -> Self {
        let config: Config = lastsave_engine::config::parse_file(
            "appendonly yes\nsave \"\"\nproto-max-bulk-len 1mb\nauto-aof-rewrite-percentage 0",
        )
        .expect("the configuration is valid");
        let mut engine = Engine::new(config, Host::default(), 7);
        engine.start(NOW_US, &mut disk, &mut |_| NOW_US);
        let client = engine.handle_connect(NOW_US, "127.0.0.1:50000", "127.0.0.1:6379");
        let mut server = Self {
            engine,
            disk,
            client,
        };
        server.settle();
        server
    }

    fn send(&mut self, bytes: &[u8]) {
        self.engine
            .handle_input(NOW_US, self.client, bytes, &mut self.disk);
        self.settle();
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
    let digest = server.engine.keyspace().digest();
    server.disk.kill();
    let again = Server::start(server.disk);
    assert_eq!(
        again.engine.keyspace().digest(),
        digest,
        "the log brings back other data"
    );
}
