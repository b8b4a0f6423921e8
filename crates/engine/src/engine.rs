//! The engine: its state, and the methods that drive it.

use std::collections::{BTreeSet, VecDeque};

use lastsave_dict::Chunk;
use lastsave_keyspace::{Effects, Keyspace, Object, Propagated};
use lastsave_vfs::Vfs;

use crate::ahead::Ahead;
use crate::blocking::Waiters;
use crate::client::Client;
use crate::clients::Clients;
use crate::hooks::Hooks;
use crate::observe::Observed;
use crate::pause::Pause;
use crate::persistence::{Aof, Loading, Rewrites, Saves, Snapshot};
use crate::pubsub::{OwnedMessage, PubSub};
use crate::stats::Stats;
use crate::{
    AofStatus, ClientId, Config, Event, ExitReason, JobId, JobOutcome, Level, LoadProgress,
    LoadReport, Output, Signal, Status,
};

/// What the engine is told about the process that it runs in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// The process ID, as temporary files' names, INFO and the log show it.
    pub pid: u32,
    /// The path of the configuration file, for CONFIG REWRITE and INFO; empty if there is none.
    pub config_path: String,
    /// The path of the executable.
    pub executable: String,
    /// 40 hexadecimal digits that name this run.
    pub run_id: String,
    /// The operating system, as INFO names it.
    pub os: String,
}

/// What an empty server counts as using, in bytes: about as much as an empty Redis, so that limits mean the same.
pub(crate) const STARTUP_BYTES: u64 = 832 << 10;

/// A server. See the crate's documentation for how to drive it.
#[derive(Clone)]
pub struct Engine {
    pub(crate) config: Config,
    pub(crate) host: Host,
    pub(crate) keyspace: Keyspace,
    pub(crate) clients: Clients,
    pub(crate) pubsub: PubSub,
    /// Messages to a client that was being served, by others served meanwhile.
    pub(crate) undelivered: Vec<(ClientId, OwnedMessage)>,
    pub(crate) waiters: Waiters,
    /// Who is shown every command.
    pub(crate) monitors: Vec<ClientId>,
    pub(crate) pause: Option<Pause>,
    /// Clients whose next command the pause holds up, in the order they came.
    pub(crate) paused_clients: Vec<ClientId>,
    /// Bytes that all clients take together, while `maxmemory-clients` limits them.
    pub(crate) clients_memory: usize,
    /// The same of all clients, those included that are not to be disconnected; kept while there is a limit.
    pub(crate) all_clients_memory: usize,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) stats: Stats,
    pub(crate) observed: Observed,
    pub(crate) hooks: Hooks,
    pub(crate) expiry: crate::expiry::Expiry,
    pub(crate) eviction: crate::eviction::Eviction,
    pub(crate) lazyfree: crate::lazyfree::LazyFree,

    /// The time of the call being handled, microseconds since the epoch.
    pub(crate) now_us: u64,
    pub(crate) started_us: u64,
    /// When the periodic work is due.
    pub(crate) next_cron_us: u64,
    /// DEBUG SLEEP: until then no input is executed.
    pub(crate) busy_until_us: u64,
    pub(crate) flush_sleep: crate::persistence::FlushSleep,
    pub(crate) exited: bool,
    /// DEBUG PAUSE-CRON.
    pub(crate) cron_paused: bool,
    /// A signal has asked for the end.
    pub(crate) shutdown_signal: Option<Signal>,
    /// What INFO shows as `master_replid`: 40 hexadecimal digits.
    pub(crate) replication_id: String,
    pub(crate) ahead: Ahead,

    /// What the command being executed did.
    pub(crate) effects: Effects,
    /// The commands that make up the unit being gathered for the append-only file.
    pub(crate) unit: Vec<Propagated>,
    /// Whether the commands executed since the last unit changed data.
    pub(crate) unit_changed: bool,
    /// Whether the unit is removals met by chance (SCAN, RANDOMKEY), which need not be together.
    pub(crate) unit_of_any_keys: bool,
    /// The appended offset behind a unit that went to the append-only file at once.
    pub(crate) appended: Option<u64>,
    pub(crate) in_exec: bool,
    /// Watched keys that existed before a command that may empty or swap databases.
    pub(crate) existed_before: BTreeSet<(usize, Vec<u8>)>,
    /// FLUSHALL has run, and what it means for the files is still to be done.
    pub(crate) flushed_all: bool,

    pub(crate) saves: Saves,
    pub(crate) aof: Option<Aof>,
    /// How many writes there were when this process last switched the log off, if it ever had it on.
    pub(crate) log_closed_at_writes: Option<u64>,
    /// While a data set is loaded.
    pub(crate) loading: Option<Loading>,
    pub(crate) snapshot: Option<Snapshot>,
    /// See [`Engine::pace_walks`].
    pub(crate) paces_walks: bool,
    /// A rewrite was asked for while something else was running.
    pub(crate) rewrite_scheduled: bool,
    pub(crate) rewrites: Rewrites,
    /// Jobs that unlink replaced files of the log, which the manifest lists until they are gone.
    pub(crate) unlinking: Vec<(JobId, Vec<String>)>,
    pub(crate) last_job: u64,
    /// How many background jobs to come find no memory for their child.
    pub(crate) failing_forks: u64,
    pub(crate) load_report: LoadReport,
    /// Where loading has ended.
    pub(crate) load_end: crate::persistence::LoadEnd,
    /// See [`Engine::go_on_from`].
    pub(crate) loaded_before: Option<Box<crate::persistence::Loaded>>,
    pub(crate) process: crate::ProcessFacts,
}

impl Engine {
    /// A server that has not started. `seed` decides hash order and everything random.
    pub fn new(config: Config, host: Host, seed: u64) -> Self {
        let mut engine = Self {
            keyspace: Keyspace::new(config.databases, seed),
            clients: Clients::default(),
            pubsub: PubSub::default(),
            undelivered: Vec::new(),
            waiters: Waiters::default(),
            monitors: Vec::new(),
            pause: None,
            paused_clients: Vec::new(),
            clients_memory: 0,
            all_clients_memory: 0,
            outputs: VecDeque::new(),
            stats: Stats::default(),
            observed: Observed::default(),
            hooks: Hooks::default(),
            expiry: crate::expiry::Expiry::default(),
            eviction: crate::eviction::Eviction::default(),
            lazyfree: crate::lazyfree::LazyFree::default(),
            now_us: 0,
            started_us: 0,
            next_cron_us: 0,
            busy_until_us: 0,
            flush_sleep: crate::persistence::FlushSleep::default(),
            exited: false,
            cron_paused: false,
            shutdown_signal: None,
            replication_id: host.run_id.clone(),
            ahead: Ahead::default(),
            effects: Effects::default(),
            unit: Vec::new(),
            unit_changed: false,
            unit_of_any_keys: false,
            appended: None,
            in_exec: false,
            existed_before: BTreeSet::new(),
            flushed_all: false,
            saves: Saves::default(),
            aof: None,
            log_closed_at_writes: None,
            loading: None,
            snapshot: None,
            paces_walks: false,
            rewrite_scheduled: false,
            rewrites: Rewrites::default(),
            unlinking: Vec::new(),
            last_job: 0,
            failing_forks: 0,
            load_report: LoadReport::default(),
            load_end: crate::persistence::LoadEnd::default(),
            loaded_before: None,
            process: crate::ProcessFacts::default(),
            config,
            host,
        };
        engine.obey_config();
        engine
    }

    /// Loads the data set and opens the append-only file, as the configuration says. Afterwards drain
    /// [`Engine::poll_output`]: it may hold [`Output::Exit`].
    ///
    /// Loading takes time: `clock` is asked for it now and then, with how far loading has come, so that a native
    /// driver can read the system's clock and a simulated one can derive the time from the work. It is given the
    /// engine, to serve clients with: it may call [`Engine::handle_connect`], [`Engine::handle_input`],
    /// [`Engine::handle_disconnect`], [`Engine::handle_timeout`], [`Engine::handle_signal`], [`Engine::flush`] and
    /// [`Engine::poll_output`], whose files may be [`lastsave_vfs::NoFiles`]. Whatever needs the data set is then
    /// answered `-LOADING`, and data, files and jobs stay as they are. Once it was given [`Output::Exit`] loading ends,
    /// and nothing more happens.
    pub fn start(
        &mut self,
        now_us: u64,
        vfs: &mut dyn Vfs,
        clock: &mut dyn FnMut(&mut Self, &LoadProgress) -> u64,
    ) {
        self.now_us = now_us;
        self.started_us = now_us;
        self.saves.last_save_s = now_us / 1_000_000;
        self.log(Level::Warning, "Server initialized");
        let loaded = self.load(vfs, clock);
        self.loading = None;
        match loaded {
            Ok(()) => {
                self.load_report.keys = self.keyspace.len() as u64;
                self.next_cron_us = self.now_us;
                self.log(Level::Notice, "Ready to accept connections");
            }
            Err(_) if self.exited => {}
            Err(message) => {
                if !message.is_empty() {
                    self.log(Level::Warning, message);
                }
                self.exit(1, ExitReason::Fatal);
            }
        }
    }

    /// Whether a data set is being loaded, so that most commands are refused.
    pub fn is_loading(&self) -> bool {
        self.loading.is_some()
    }

    /// The driver has refused a connection: INFO counts it.
    pub fn count_rejected_connection(&mut self) {
        self.stats.rejected_connections += 1;
    }

    /// A client has connected from `address` (`127.0.0.1:50000`, or a socket's path) to `local_address`.
    pub fn handle_connect(&mut self, now_us: u64, address: &str, local_address: &str) -> ClientId {
        self.set_clock(now_us);
        self.stats.connections += 1;
        let limits = self.request_limits(!self.config.requirepass.is_empty());
        let mut client = Client::new(
            self.clients.next_id(),
            now_us,
            address,
            local_address,
            limits,
        );
        client.authenticated = self.config.requirepass.is_empty();
        let id = client.id;
        self.clients.insert(client);
        id
    }

    /// A hint: these bytes will be given to [`Engine::handle_input`] next, after those of other clients perhaps. Told of
    /// several clients before the first is handled, the engine has the memory of all their keys fetched at once.
    pub fn expect_input(&mut self, client: ClientId, bytes: &[u8]) {
        self.observed.pause();
        if let Some(client) = self.clients.get_mut(client)
            && client.input.is_empty()
        {
            client.looked_to = self.ahead.look(&self.keyspace, client.db, bytes);
        }
    }

    /// Bytes have arrived from a client: executes every whole request in them.
    pub fn handle_input(&mut self, now_us: u64, client: ClientId, bytes: &[u8], vfs: &mut dyn Vfs) {
        self.set_clock(now_us);
        self.ahead.fetch(&self.keyspace);
        let Some(mut client) = self.clients.take(client) else {
            return;
        };
        self.stats.net_input_bytes += bytes.len() as u64;
        self.stats.reads += 1;
        self.receive(&mut client, bytes, vfs);
        self.put_back(client);
        self.resume_held(vfs);
    }

    /// A client is gone. Its unsent replies are dropped.
    pub fn handle_disconnect(&mut self, now_us: u64, client: ClientId) {
        self.set_clock(now_us);
        if let Some(mut client) = self.clients.take(client) {
            self.forget_client(&mut client);
            self.clients.remove(client.id);
        }
    }

    /// The time named by [`Engine::next_timeout`] has come (or any other time: harmless).
    pub fn handle_timeout(&mut self, now_us: u64, vfs: &mut dyn Vfs) {
        self.set_clock(now_us);
        self.observed.pause();
        if self.exited {
            return;
        }
        if self.busy_until_us != 0 && now_us >= self.busy_until_us {
            self.busy_until_us = 0;
            if self.flush_sleep.until_us.is_some() {
                self.flush_aof(vfs, false);
            }
            self.resume_input(vfs);
        }
        if self.busy_until_us == 0 {
            self.unpause_if_due();
            self.time_out_waiters();
            self.resume_held(vfs);
            if self.is_loading() {
                return;
            }
            self.walk_snapshot();
            if self.eviction.goes_on {
                self.make_room(None);
            }
            if now_us >= self.next_cron_us {
                self.next_cron_us = now_us + 1_000_000 / u64::from(self.hz());
                if !self.cron_paused {
                    self.cron(vfs);
                }
            }
        }
    }

    /// A running snapshot job has taken in `parts` more parts; `chunks` are theirs, emptied, to be used again.
    pub fn handle_job_progress(
        &mut self,
        now_us: u64,
        job: JobId,
        parts: usize,
        chunks: Vec<Chunk<Object>>,
    ) {
        self.set_clock(now_us);
        if let Some(snapshot) = &mut self.snapshot
            && snapshot.job == job
        {
            snapshot.parts_done(parts, chunks);
            if !self.paces_walks {
                self.walk_snapshot();
            }
        }
    }

    /// A job has ended.
    pub fn handle_job_done(
        &mut self,
        now_us: u64,
        job: JobId,
        outcome: &JobOutcome,
        vfs: &mut dyn Vfs,
    ) {
        self.set_clock(now_us);
        if self
            .snapshot
            .as_ref()
            .is_some_and(|snapshot| snapshot.job == job)
        {
            self.snapshot_done(outcome, vfs);
        } else if !self.freed(job) && !self.history_removed(job, vfs) {
            self.sync_job_done(job, outcome, vfs);
        }
    }

    /// How many background jobs to come cannot be started.
    pub fn failing_forks(&self) -> u64 {
        self.failing_forks
    }

    /// Lets the next so many background jobs fail to start, as where there is no memory to fork. Nothing of the kind
    /// happens by itself: a snapshot here needs no second process.
    pub fn set_failing_forks(&mut self, jobs: u64) {
        self.failing_forks = jobs;
    }

    /// Whether a background job finds no memory for its child, which uses up one of the failures ordered.
    pub(crate) fn fork_fails(&mut self) -> bool {
        let fails = self.failing_forks > 0;
        if fails && self.failing_forks < u64::MAX {
            self.failing_forks -= 1;
        }
        fails
    }

    /// A signal has arrived.
    pub fn handle_signal(&mut self, now_us: u64, signal: Signal, vfs: &mut dyn Vfs) {
        self.set_clock(now_us);
        self.request_shutdown(signal);
        if !self.cron_paused {
            self.obey_signal(vfs);
        }
    }

    /// Whether a signal has asked for the end and that is still to come.
    pub fn shutdown_requested(&self) -> bool {
        self.shutdown_signal.is_some()
    }

    /// Ends a batch of `handle_*`: writes the append-only file's buffer, starts a sync that is due, releases replies.
    pub fn flush(&mut self, now_us: u64, vfs: &mut dyn Vfs) {
        self.set_clock(now_us);
        self.observed.pause();
        if !self.exited && !self.is_loading() {
            self.expire_quickly();
            self.evict_clients(None);
            self.flush_aof(vfs, false);
        }
    }

    /// The next thing for the driver to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Engine::handle_timeout`] should be called at the latest, microseconds since the epoch; `None` once it
    /// has exited.
    pub fn next_timeout(&self) -> Option<u64> {
        if self.exited {
            None
        } else if self.busy_until_us != 0 {
            Some(self.busy_until_us)
        } else if self.eviction.goes_on || self.snapshot.as_ref().is_some_and(Snapshot::wants_walk)
        {
            Some(self.now_us)
        } else {
            let pause_us = self.pause.map(|pause| pause.until_us);
            [self.waiters.next_deadline_us(), pause_us]
                .into_iter()
                .flatten()
                .chain([self.next_cron_us])
                .min()
        }
    }

    /// The released bytes for a client.
    pub fn reply_bytes(&self, client: ClientId) -> &[u8] {
        self.clients.get(client).map_or(&[], Client::released_bytes)
    }

    /// The first `len` of the released bytes were sent.
    pub fn consume_reply(&mut self, client: ClientId, len: usize) {
        self.stats.net_output_bytes += len as u64;
        self.stats.replies_sent += 1;
        if let Some(mut client) = self.clients.take(client) {
            client.consume(len);
            self.count_client_memory(&mut client);
            self.clients.put_back(client);
        }
    }

    /// The data.
    pub fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    /// Ends the engine and keeps its data, to be compared with what a recovery brings back.
    pub fn into_keyspace(mut self) -> Keyspace {
        self.keyspace.snapshot_abandon();
        self.keyspace
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where the server stands.
    pub fn status(&self) -> Status {
        Status {
            writes: self.stats.writes,
            commands: self.stats.commands,
            dirty: self.saves.dirty,
            last_save_s: self.saves.last_save_s,
            last_bgsave_ok: self.saves.last_bgsave_ok,
            last_rewrite_ok: self.rewrites.last_ok,
            snapshot_running: self.snapshot.as_ref().map(|snapshot| snapshot.kind),
            aof: self.aof.as_ref().map(Aof::status),
            keys: self.keyspace.len() as u64,
            clients: self.clients.len() as u64,
            used_memory: self.data_bytes(),
        }
    }

    /// Commands executed since the start: [`Status::commands`], without the rest.
    pub fn commands(&self) -> u64 {
        self.stats.commands
    }

    /// Client writes that changed data since the start: [`Status::writes`], without the rest.
    pub fn writes(&self) -> u64 {
        self.stats.writes
    }

    /// The offsets of the append-only file: [`AofStatus::offsets`], without the rest; `None` with the AOF off.
    pub fn aof_offsets(&self) -> Option<lastsave_aof::Offsets> {
        self.aof.as_ref().and_then(Aof::offsets)
    }

    /// What the start found.
    pub fn load_report(&self) -> &LoadReport {
        &self.load_report
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.now_us / 1000
    }

    pub(crate) fn now_s(&self) -> u64 {
        self.now_us / 1_000_000
    }

    pub(crate) fn log(&mut self, level: Level, text: impl Into<String>) {
        if level >= self.config.loglevel {
            self.outputs.push_back(Output::Log(level, text.into()));
        }
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    pub(crate) fn exit(&mut self, status: i32, reason: ExitReason) {
        self.exited = true;
        self.outputs.push_back(Output::Exit(status, reason));
    }

    pub(crate) fn next_job(&mut self) -> JobId {
        self.last_job += 1;
        JobId(self.last_job)
    }

    /// How often the periodic work runs in a second: `hz`, or more often when there are many clients.
    pub(crate) fn hz(&self) -> u32 {
        /// So many clients are looked after in one run.
        const CLIENTS_PER_RUN: u64 = 200;
        const MOST: u32 = 500;
        let mut hz = self.config.hz.max(1);
        if self.config.dynamic_hz {
            while hz < MOST && self.clients.len() as u64 / u64::from(hz) > CLIENTS_PER_RUN {
                hz = (hz * 2).min(MOST);
            }
        }
        hz
    }

    /// Bytes of the data, of what clients hold, and of the buffer of the append-only file.
    pub(crate) fn used_memory(&self) -> u64 {
        let clients = self.clients.iter().map(Client::memory_bytes).sum::<usize>() as u64;
        STARTUP_BYTES + self.data_bytes() + clients + self.aof_buffer_len()
    }

    /// As [`Engine::used_memory`], without what no eviction could make smaller.
    pub(crate) fn memory_that_counts(&self) -> u64 {
        STARTUP_BYTES + self.data_bytes() + self.all_clients_memory as u64
    }

    /// Bytes of the tables, their entries and values.
    pub fn data_bytes(&self) -> u64 {
        self.keyspace
            .databases
            .iter()
            .map(|database| database.keys.memory_bytes() as u64)
            .sum()
    }

    /// Puts a client back that was taken out to be served, and tells the driver what became of it.
    pub(crate) fn put_back(&mut self, mut client: Box<Client>) {
        let id = client.id;
        if client.is_waiting() {
            self.clients.note_waiting(id);
        }
        let (announce, close, killed) = (
            client.must_announce(),
            client.closing && !client.is_waiting(),
            client.killed,
        );
        self.count_client_memory(&mut client);
        self.clients.put_back(client);
        if killed {
            return self.kill_client(id);
        }
        if announce {
            self.outputs.push_back(Output::Reply(id));
        }
        if close {
            self.outputs.push_back(Output::Close {
                client: id,
                after_reply: true,
            });
        }
    }
}

impl AofStatus {
    /// Bytes in the buffer of the process.
    pub fn buffered_bytes(&self) -> u64 {
        self.offsets.appended - self.offsets.written
    }
}
