//! The running server: starting and ending its process, its connections, and draining what the engine asks for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use lastsave_aof::Offsets;
use lastsave_engine::{
    ClientId, Config, Engine, ExitReason, Host, Level, Output, REDIS_VERSION, Signal,
};
use rapidhash::v3::rapidhash_v3;

use super::World;
use super::jobs::RunningJob;
use super::ledger::Ledger;
use super::memory::Fork;
use super::random::mix;
use super::verdict::{Ended, Loss};
use super::workload::Workload;
use crate::MarkKind;
use crate::reply::reply_len;

pub(crate) use calls::{Called, Connection};

mod calls;
mod request;

/// A running server.
pub(crate) struct Server {
    pub(super) engine: Engine,
    pub(super) pid: u32,
    pub(super) jobs: Vec<RunningJob>,
    clients: BTreeMap<ClientId, Client>,
    /// The workload's connection.
    workload: Option<ClientId>,
    /// [`lastsave_engine::Status::writes`] as far as the ledger knows.
    writes: u64,
    pub(super) log: Option<LogState>,
    /// What the child that saves or rewrites shares with the server, as fork has it.
    pub(super) fork: Option<Fork>,
    /// The snapshots being written.
    pub(super) cuts: Vec<Cut>,
}

/// What is known of the append-only file in use.
#[derive(Clone, Debug)]
pub(super) struct LogState {
    /// The path of the incr file in use, and its inode if it was found.
    pub(super) file: (String, Option<u64>),
    /// The same of the one before it.
    pub(super) older: Option<(String, Option<u64>)>,
    /// Whether a restart would load it: its base stands.
    pub(super) loadable: bool,
    pub(super) written: u64,
}

/// A snapshot being written.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    /// Its final path.
    pub(super) path: String,
    pub(super) at_us: u64,
    /// The writes it holds.
    pub(super) writes: usize,
}

/// A connection.
#[derive(Clone, Debug, Default)]
struct Client {
    /// The requests sent and not answered.
    pending: VecDeque<Pending>,
    /// The replies received and not read; `None` for a client that reads none.
    inbox: Option<Vec<u8>>,
    /// Messages that came by themselves and were not kept: too many had not been read.
    missed: u64,
}

/// A request that has not been answered.
#[derive(Clone, Copy, Debug)]
struct Pending {
    /// The number of the write that it was, or [`NO_WRITE`].
    write: usize,
    /// When it arrived if that is to be measured, or 0.
    arrived_us: u64,
}

const NO_WRITE: usize = usize::MAX;

/// Why a server does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartError {
    /// One is running.
    Running,
    /// It gave up while loading; the log says why.
    Exited,
    /// A crash was armed for a moment while it loaded.
    Crashed,
}

/// A server and its children have so many process IDs to themselves.
const PIDS_PER_SERVER: u32 = 38;

/// Messages that nobody has asked for are kept up to so many bytes.
const MOST_UNREAD: usize = 256 << 10;

impl World {
    /// Whether a server is running.
    pub fn running(&self) -> bool {
        self.server.is_some()
    }

    /// The running server's engine.
    pub fn engine(&self) -> Option<&Engine> {
        self.server.as_ref().map(|server| &server.engine)
    }

    /// The running server's process ID.
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(|server| server.pid)
    }

    /// The process ID that the next server gets.
    pub(crate) fn next_pid(&self) -> u32 {
        1207 + PIDS_PER_SERVER * self.processes
    }

    /// Starts a server. `config_path` is empty without a configuration file.
    pub(crate) fn start_server(
        &mut self,
        config: Config,
        config_path: &str,
    ) -> Result<(), StartError> {
        if self.server.is_some() {
            return Err(StartError::Running);
        }
        let pid = self.next_pid();
        self.processes += 1;
        let began_us = self.now_us;
        self.log_start(pid, &config, config_path);
        let seed = mix(self.seed.wrapping_add(u64::from(self.processes)));
        let host = Host {
            pid,
            config_path: config_path.to_owned(),
            executable: "/usr/bin/redis-server".into(),
            run_id: run_id(seed),
            os: "Lastsave simulated machine".into(),
        };
        self.now_us += self.profile.process_start_us;
        let mut engine = Engine::new(config, host, seed);
        engine.set_steady_stopwatch(self.profile.command_us);
        engine.set_failing_forks(self.faults.failing_forks);
        // Process IDs between this server's and the next one's.
        engine.set_child_numbers(pid + 1..pid + PIDS_PER_SERVER);
        let (profile, ready_us) = (self.profile, self.now_us);
        let mut loaded_us = ready_us;
        engine.start(ready_us, &mut self.disk, &mut |_, progress| {
            loaded_us = ready_us + profile.loading_us(progress);
            loaded_us
        });
        let mut outputs = VecDeque::new();
        while let Some(output) = engine.poll_output() {
            outputs.push_back(output);
        }
        self.now_us = loaded_us + self.disk.take_delay_us();
        self.fold(self.now_us);
        if self.meets_point() {
            for output in outputs {
                if let Output::Log(level, text) = output {
                    self.log(pid, level, &text);
                }
            }
            return Err(StartError::Crashed);
        }

        let exits = outputs
            .iter()
            .any(|output| matches!(output, Output::Exit(..)));
        if !exits {
            self.meter.recovery_us = self.now_us - began_us;
            self.timeline.span(
                began_us,
                self.now_us,
                MarkKind::Start,
                "redis-server".into(),
            );
            self.settle_start(&engine, self.now_us - began_us);
        }
        self.server = Some(Server {
            engine,
            pid,
            jobs: Vec::new(),
            clients: BTreeMap::new(),
            workload: None,
            writes: 0,
            log: None,
            cuts: Vec::new(),
            fork: None,
        });
        for output in outputs {
            if matches!(output, Output::Exit(..)) {
                self.server = None;
                self.disk.kill();
                self.rearm();
                return Err(StartError::Exited);
            }
            self.carry_out(output);
        }
        if let Some(log) = self.server.as_mut().and_then(|server| server.log.as_mut()) {
            log.loadable = true;
        }
        self.drain();
        self.refresh_durable();
        Ok(())
    }

    /// The lines that a Redis process logs before it opens a file.
    fn log_start(&mut self, pid: u32, config: &Config, config_path: &str) {
        let now_us = self.now_us;
        let as_child = |world: &mut Self, text: &str| {
            let line = lastsave_engine::format_log_line(pid, Level::Warning, now_us, 0, text);
            // Until it has read its configuration the process logs as `C`.
            world.log_raw(Level::Warning, line.replacen(":M ", ":C ", 1));
        };
        as_child(self, "oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo");
        as_child(
            self,
            &format!(
                "Redis version={REDIS_VERSION}, bits=64, commit=00000000, modified=0, pid={pid}, just started"
            ),
        );
        as_child(
            self,
            if config_path.is_empty() {
                "Warning: no config file specified, using the default config. In order to specify a config file use redis-server /path/to/redis.conf"
            } else {
                "Configuration loaded"
            },
        );
        self.log(pid, Level::Notice, "monotonic clock: POSIX clock_gettime");
        self.log(
            pid,
            Level::Notice,
            &format!("Running mode=standalone, port={}.", config.port),
        );
    }

    /// The server's process is gone, whatever the reason; the files stay as they are unless `power` is to go too.
    pub(super) fn end_server(&mut self, cause: &str, power: bool) {
        self.faults.failing_forks = self.failing_forks();
        let Some(server) = self.server.take() else {
            if let Some(ended) = self.ended.as_mut().filter(|ended| !ended.settled) {
                ended.cause = format!("{}, then {cause}", ended.cause);
                ended.power |= power;
                self.announce_end();
            }
            return;
        };
        self.commands_before += server.engine.commands();
        self.counted.writes_before += server.engine.writes();
        self.meter.end(&server);
        self.ledger.process_ended();
        let offsets = server.offsets();
        self.unheard_cuts = server.cuts.clone();
        self.ended_at_point = false;
        let next_syncs = self.next_syncs(&server);
        self.ended = Some(Ended {
            keyspace: Arc::new(server.engine.into_keyspace()),
            cause: cause.to_owned(),
            at_us: self.now_us,
            power,
            settled: false,
            log: server.log.is_some(),
            left_log: server.log.filter(|log| log.loadable).map(|log| LogState {
                written: offsets.written,
                ..log
            }),
            unwritten: offsets.appended - offsets.written,
            difference: Arc::default(),
            next_syncs,
            loss: Loss::default(),
        });
        self.announce_end();
        if !power {
            self.disk.kill();
            self.rearm();
        }
    }

    /// Sends the server a signal that it can catch.
    pub(crate) fn signal(&mut self, signal: Signal) {
        if let Some(server) = &mut self.server {
            server
                .engine
                .handle_signal(self.now_us, signal, &mut self.disk);
            self.settle_batch();
        }
    }

    // Requests.

    /// The workload's next request, which came at `arrived_us`, is taken up.
    pub(super) fn request(&mut self, arrived_us: u64) {
        let (Some(server), Some(workload)) = (&mut self.server, &mut self.workload) else {
            return;
        };
        let client = match server.workload {
            Some(client) if server.clients.contains_key(&client) => client,
            _ => {
                let client = server.connect(self.now_us, false);
                server.workload = Some(client);
                client
            }
        };
        let keys = &server.engine.keyspace().databases[0].keys;
        // Most of what a request costs is waiting for its key to come from memory; by the time it arrives it is there.
        if let Some(key) = workload.upcoming_key(1) {
            keys.prefetch(keys.hash(key));
        }
        let request = workload.next_request();
        server
            .engine
            .handle_input(self.now_us, client, request, &mut self.disk);
        server.note_request(client, request, arrived_us, &mut self.ledger, self.now_us);
        if let Some(key) = workload.upcoming_key(0) {
            let keys = &server.engine.keyspace().databases[0].keys;
            keys.prefetch_entry(keys.hash(key));
        }
        if workload.is_through() {
            self.workload = None;
        }
        self.settle_batch();
        self.now_us += self.profile.command_us;
        if self.workload.as_ref().is_some_and(Workload::wants_watching) {
            self.watch_memory();
        }
    }

    fn send(&mut self, client: ClientId, request: &[u8]) {
        self.flush_by(self.now_us);
        let Some(server) = &mut self.server else {
            return;
        };
        server
            .engine
            .handle_input(self.now_us, client, request, &mut self.disk);
        server.note_request(client, request, 0, &mut self.ledger, self.now_us);
        self.settle_batch();
        self.now_us += self.profile.command_us;
        self.watch_memory();
    }

    // Outputs.

    /// Ends a batch of inputs: the engine writes its log and releases replies, and what it asks for is carried out.
    pub(super) fn settle_batch(&mut self) {
        if let Some(server) = &mut self.server {
            server.engine.flush(self.now_us, &mut self.disk);
        }
        // The server stood still while slow calls lasted; what it says, it says afterwards.
        self.now_us += self.disk.take_delay_us();
        self.drain();
        let Some(server) = &mut self.server else {
            return;
        };
        let Offsets {
            appended, written, ..
        } = server.offsets();
        self.ledger
            .batch_written(written, appended == written, self.now_us);
        if let Some(log) = server.log_written(written) {
            self.written_at_us.insert(log, self.now_us);
        }
    }

    /// Carries out everything that the engine asks for.
    fn drain(&mut self) {
        loop {
            if self.meets_point() {
                return;
            }
            let server = self.server.as_mut();
            match server.and_then(|server| server.engine.poll_output()) {
                Some(output) => self.carry_out(output),
                None => return self.note_promise(),
            }
        }
    }

    fn carry_out(&mut self, output: Output) {
        let Some(server) = &mut self.server else {
            return;
        };
        match output {
            Output::Reply(client) => self.receive(client),
            Output::Close {
                client,
                after_reply,
            } => {
                if after_reply {
                    self.receive(client);
                }
                self.close(client);
            }
            Output::Log(level, text) => {
                if level >= server.engine.config().loglevel {
                    let pid = server.pid;
                    self.log(pid, level, &text);
                }
            }
            Output::StartJob(id, job) => self.start_job(id, job),
            Output::FeedJob(id, part) => self.feed_job(id, part),
            Output::KillJob(id) => self.kill_job(id),
            Output::Event(event) => self.note(event),
            Output::Exit(_, reason) => {
                let cause = match reason {
                    ExitReason::Shutdown => "a clean shutdown",
                    ExitReason::Fatal => "the server's own exit",
                };
                self.timeline
                    .mark(self.now_us, MarkKind::Kill, cause.to_owned());
                self.end_server(cause, false);
            }
        }
    }

    /// Takes the bytes released for a client: the writes they answer are acknowledged.
    fn receive(&mut self, id: ClientId) {
        let Some(server) = &mut self.server else {
            return;
        };
        let bytes = server.engine.reply_bytes(id);
        let Some(client) = server.clients.get_mut(&id) else {
            return;
        };
        self.trace = mix(self.trace ^ rapidhash_v3(bytes));
        let total = bytes.len();
        let mut missed = false;
        if let Some(inbox) = &mut client.inbox {
            missed = client.pending.is_empty() && inbox.len() > MOST_UNREAD;
            if !missed {
                inbox.extend_from_slice(bytes);
            }
        }
        let mut rest = bytes;
        while let Some(len) = reply_len(rest) {
            let is_error = rest[0] == b'-';
            client.missed += u64::from(missed);
            if client.inbox.is_none() && is_error {
                self.errors += 1;
                self.last_error.clear();
                self.last_error.extend_from_slice(&rest[1..len - 2]);
            }
            if let Some(pending) = client.pending.pop_front() {
                // A write that was executed and could not be written to the log is answered with an error: that promises
                // nothing.
                if pending.write != NO_WRITE && !is_error {
                    self.ledger.acknowledge(pending.write, self.now_us);
                }
                if pending.arrived_us > 0 {
                    let left_us = self.now_us + self.profile.command_us;
                    self.meter.latency.add(left_us - pending.arrived_us);
                }
            }
            rest = &rest[len..];
        }
        server.engine.consume_reply(id, total);
        self.timeline
            .set_exposed(self.now_us, self.ledger.exposed());
    }

    fn close(&mut self, id: ClientId) {
        let Some(server) = &mut self.server else {
            return;
        };
        // What was received before stays readable: the inbox goes with the connection only when it is empty.
        if let Some(client) = server.clients.get_mut(&id)
            && client.inbox.as_ref().is_some_and(|inbox| !inbox.is_empty())
        {
            client.pending.clear();
        } else {
            server.clients.remove(&id);
        }
        server.engine.handle_disconnect(self.now_us, id);
    }
}

impl Clone for Server {
    fn clone(&self) -> Self {
        let engine = self.engine.clone();
        let mut jobs = self.jobs.clone();
        for job in &mut jobs {
            job.belong_to(&engine);
        }
        Self {
            engine,
            pid: self.pid,
            jobs,
            clients: self.clients.clone(),
            workload: self.workload,
            writes: self.writes,
            log: self.log.clone(),
            cuts: self.cuts.clone(),
            fork: self.fork.clone(),
        }
    }
}

impl Server {
    fn connect(&mut self, now_us: u64, reads: bool) -> ClientId {
        let port = 50_000 + self.clients.len() % 10_000;
        let client = self.engine.handle_connect(
            now_us,
            &format!("127.0.0.1:{port}"),
            &format!("127.0.0.1:{}", self.engine.config().port),
        );
        let state = Client {
            pending: VecDeque::new(),
            inbox: reads.then(Vec::new),
            missed: 0,
        };
        self.clients.insert(client, state);
        client
    }

    /// Enters in the ledger what a request did that the engine has just been given.
    #[inline]
    fn note_request(
        &mut self,
        client: ClientId,
        request: &[u8],
        arrived_us: u64,
        ledger: &mut Ledger,
        now_us: u64,
    ) {
        let writes = self.engine.writes();
        let mut write = NO_WRITE;
        if writes > self.writes {
            let appended = self.offsets().appended;
            let (command, key) = request::command_and_key(request);
            if let Some(fork) = &mut self.fork {
                fork.touch(rapidhash_v3(key));
            }
            for _ in self.writes..writes {
                // The first is the client's own; the others are of those who waited for what it brought.
                let number = ledger.executed(now_us, appended, command, key);
                write = write.min(number);
            }
            self.writes = writes;
        }
        if let Some(client) = self.clients.get_mut(&client) {
            client.pending.push_back(Pending { write, arrived_us });
        }
    }

    /// The three offsets of the log; zeros with the append-only file off.
    pub(super) fn offsets(&self) -> Offsets {
        self.engine.aof_offsets().unwrap_or_default()
    }

    pub(super) fn is_rdb(&self, path: &str) -> bool {
        self.engine.config().dbfilename == path
    }

    /// Ends the making of a snapshot: when it was cut.
    pub(super) fn end_cut(&mut self, path: &str, now_us: u64) -> u64 {
        let place = self.cuts.iter().position(|cut| cut.path == path);
        place.map_or(now_us, |place| self.cuts.remove(place).at_us)
    }

    /// The inode of the log, if it was written to since the last call.
    fn log_written(&mut self, written: u64) -> Option<u64> {
        let log = self.log.as_mut()?;
        if written == log.written {
            return None;
        }
        log.written = written;
        log.file.1
    }
}

/// 40 hexadecimal digits.
fn run_id(seed: u64) -> String {
    let words = [mix(seed ^ 1), mix(seed ^ 2), mix(seed ^ 3)];
    let digits: String = words.iter().map(|word| format!("{word:016x}")).collect();
    digits[..40].to_owned()
}
