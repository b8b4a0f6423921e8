//! The engine: its state, and the methods that drive it.

use lastsave_keyspace::Keyspace;
use lastsave_vfs::Vfs;

use crate::{ClientId, Config, JobId, JobOutcome, LoadReport, Output, Signal, Status};

/// What the engine is told about the process that it runs in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// The process ID, as temporary files' names, INFO and the log show it.
    pub pid: u32,
    /// The path of the configuration file, for CONFIG REWRITE and INFO; empty if there is none. Inside the data
    /// directory in the simulated world.
    pub config_path: String,
    /// The path of the executable.
    pub executable: String,
    /// 40 hexadecimal digits that name this run.
    pub run_id: String,
}

/// A server. See the crate's documentation for how to drive it.
pub struct Engine {
    config: Config,
    keyspace: Keyspace,
}

impl Engine {
    /// A server that has not started. `seed` decides hash order and everything random.
    pub fn new(config: Config, host: Host, seed: u64) -> Self {
        let _ = (host, seed);
        Self {
            config,
            keyspace: Keyspace::new(16, seed),
        }
    }

    /// Loads the data set and opens the append-only file, as the configuration says. Afterwards drain
    /// [`Engine::poll_output`]: it may hold [`Output::Exit`].
    pub fn start(&mut self, now_us: u64, vfs: &mut dyn Vfs) {
        let _ = (now_us, vfs);
        todo!("lead")
    }

    /// A client has connected from `address` (`127.0.0.1:50000`, or a socket's path) to `local_address`.
    pub fn handle_connect(&mut self, now_us: u64, address: &str, local_address: &str) -> ClientId {
        let _ = (now_us, address, local_address);
        todo!("lead")
    }

    /// Bytes have arrived from a client: executes every whole request in them.
    pub fn handle_input(&mut self, now_us: u64, client: ClientId, bytes: &[u8], vfs: &mut dyn Vfs) {
        let _ = (now_us, client, bytes, vfs);
        todo!("lead")
    }

    /// A client is gone. Its unsent replies are dropped.
    pub fn handle_disconnect(&mut self, now_us: u64, client: ClientId) {
        let _ = (now_us, client);
        todo!("lead")
    }

    /// The time named by [`Engine::next_timeout`] has come (or any other time: harmless).
    pub fn handle_timeout(&mut self, now_us: u64, vfs: &mut dyn Vfs) {
        let _ = (now_us, vfs);
        todo!("lead")
    }

    /// A running snapshot job has taken in `parts` more parts; `chunks` are theirs, emptied, to be used again.
    pub fn handle_job_progress(
        &mut self,
        now_us: u64,
        job: JobId,
        parts: usize,
        chunks: Vec<lastsave_dict::Chunk<lastsave_keyspace::FrozenObject>>,
    ) {
        let _ = (now_us, job, parts, chunks);
        todo!("lead")
    }

    /// A job has ended.
    pub fn handle_job_done(
        &mut self,
        now_us: u64,
        job: JobId,
        outcome: JobOutcome,
        vfs: &mut dyn Vfs,
    ) {
        let _ = (now_us, job, outcome, vfs);
        todo!("lead")
    }

    /// A signal has arrived.
    pub fn handle_signal(&mut self, now_us: u64, signal: Signal, vfs: &mut dyn Vfs) {
        let _ = (now_us, signal, vfs);
        todo!("lead")
    }

    /// Ends a batch of `handle_*`: writes the append-only file's buffer, starts a sync that is due, releases replies.
    pub fn flush(&mut self, now_us: u64, vfs: &mut dyn Vfs) {
        let _ = (now_us, vfs);
        todo!("lead")
    }

    /// The next thing for the driver to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        todo!("lead")
    }

    /// When [`Engine::handle_timeout`] should be called at the latest, microseconds since the epoch.
    pub fn next_timeout(&self) -> Option<u64> {
        todo!("lead")
    }

    /// The released bytes for a client.
    pub fn reply_bytes(&self, client: ClientId) -> &[u8] {
        let _ = client;
        todo!("lead")
    }

    /// The first `len` of the released bytes were sent.
    pub fn consume_reply(&mut self, client: ClientId, len: usize) {
        let _ = (client, len);
        todo!("lead")
    }

    /// The data.
    pub fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where the server stands.
    pub fn status(&self) -> Status {
        todo!("lead")
    }

    /// What the start found.
    pub fn load_report(&self) -> &LoadReport {
        todo!("lead")
    }
}
