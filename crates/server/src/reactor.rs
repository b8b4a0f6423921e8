//! The loop: waits for sockets, signals, threads and time, drives the engine, and sends what it says.

mod wait;

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use lastsave_engine::{
    ClientId, Config, Engine, Host, Job, JobId, JobOutcome, Level, LoadProgress, Output,
};
use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

use crate::RealDisk;
use crate::apply::Listening;
use crate::child::{JobChild, Nursery};
use crate::disk::reason;
use crate::log::Log;
use crate::net::{self, Accepted};
use crate::process::{self, Clock};
use crate::signals::Signals;
use crate::workers::{Report, Workers};

/// Bytes read at once from one connection.
const READ_LEN: usize = 64 << 10;

/// Reads from one connection before the next has its turn.
const READS: usize = 16;

/// What was read from several connections waits in one buffer of this size, so that the engine knows what is coming
/// before it begins.
const INBOX_LEN: usize = 4 * READ_LEN;

/// Connections whose input waits at most. Little is gained beyond what a processor fetches at the same time.
const INBOX_CONNECTIONS: usize = 16;

/// Events taken from the system at once.
const EVENTS: usize = 1024;

/// Connections accepted at once, so that a flood of them does not starve those that are there.
const ACCEPTS: usize = 1000;

/// While a data set is loaded, clients have to wait so long at most, in microseconds, and are then served in so many rounds
/// as long as there is something to do: accepting, reading and answering take one each.
const LOADING_INTERVAL_US: u64 = 1000;
const LOADING_ROUNDS: u32 = 4;

/// From one slice of a snapshot's walk to the next, in microseconds: a slice takes about a quarter of it, so that clients and the
/// snapshot's thread have the processors for the rest.
const WALK_INTERVAL_US: u64 = 250;

/// How often the engine is told what the process uses, in microseconds.
const FACTS_INTERVAL_US: u64 = 1_000_000;

/// What an event is about: small numbers are our own descriptors, larger ones connections.
const WAKE: u64 = 0;
const SIGNAL: u64 = 1;
const CHILD: u64 = 2;
const FIRST_LISTENER: u64 = 3;
const FIRST_CONNECTION: u64 = 1 << 16;

/// A server at work: an engine and everything around it. One thread.
pub struct Reactor {
    engine: Engine,
    disk: RealDisk,
    workers: Workers,
    nursery: Nursery,
    /// The process that stands for the snapshot being written.
    child: Option<(JobId, JobChild)>,
    epoll: OwnedFd,
    listening: Arc<Listening>,
    signals: Signals,
    clock: Clock,
    log: Log,

    connections: Vec<Option<Connection>>,
    /// Places in `connections` that are empty.
    free: Vec<usize>,
    /// Places that became empty in this round: events of the connection before may still be at hand, so that nobody
    /// else gets them before the round has ended.
    freed: Vec<usize>,
    places: HashMap<ClientId, usize, BuildHasherDefault<IdHasher>>,

    events: Vec<epoll::Event>,
    /// What was read and is not handled yet: `inbox_len` bytes, and whose they are.
    inbox: Box<[u8]>,
    inbox_len: usize,
    inbox_parts: Vec<(ClientId, Range<usize>)>,
    next_facts_us: u64,
    /// When the next slice of a snapshot may be walked.
    next_walk_us: u64,
}

struct Connection {
    fd: OwnedFd,
    client: ClientId,
    /// Replies did not fit into the socket's buffer; we are told when there is room again.
    waits_to_send: bool,
    /// Once its replies are sent, it is closed.
    closing: bool,
}

/// How loading is slowed down and interrupted.
#[derive(Default)]
struct Pace {
    /// When clients were served last.
    served_us: u64,
    /// What `key-load-delay` has cost so far, in microseconds.
    delayed_us: u64,
}

/// Client numbers are handed out one by one, which is spread enough.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        // The table takes the place from the low bits and a tag from the high ones.
        self.0 = number ^ number << 57;
    }
}

/// The parts that a reactor is made of.
pub(crate) struct Parts {
    pub(crate) engine: Engine,
    pub(crate) disk: RealDisk,
    pub(crate) workers: Workers,
    pub(crate) nursery: Nursery,
    pub(crate) listening: Arc<Listening>,
    pub(crate) signals: Signals,
    pub(crate) log: Log,
}

impl Reactor {
    pub(crate) fn new(parts: Parts) -> rustix::io::Result<Self> {
        let reactor = Self {
            engine: parts.engine,
            disk: parts.disk,
            workers: parts.workers,
            nursery: parts.nursery,
            child: None,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            listening: parts.listening,
            signals: parts.signals,
            clock: Clock::default(),
            log: parts.log,
            connections: Vec::new(),
            free: Vec::new(),
            freed: Vec::new(),
            places: HashMap::default(),
            events: Vec::with_capacity(EVENTS),
            inbox: vec![0; INBOX_LEN].into(),
            inbox_len: 0,
            inbox_parts: Vec::with_capacity(INBOX_CONNECTIONS),
            next_facts_us: 0,
            next_walk_us: 0,
        };
        reactor.watch(reactor.workers.wake(), WAKE)?;
        reactor.watch(reactor.signals.wake(), SIGNAL)?;
        reactor.watch_listeners()?;
        Ok(reactor)
    }

    /// Loads the data set, serves until the engine wants to end, and returns the process's status.
    pub fn run(mut self) -> i32 {
        let mut status = self.load();
        if status.is_none() {
            for listener in self.listening.listeners().iter() {
                if let Some(path) = &listener.unix_path {
                    self.log.line(
                        Level::Notice,
                        &format!("The server is now ready to accept connections at {path}"),
                    );
                }
            }
        }
        while status.is_none() {
            status = self.round(self.wait_us());
        }
        for listener in self.listening.listeners().iter() {
            if let Some(path) = &listener.unix_path {
                let _ = std::fs::remove_file(path);
            }
        }
        status.expect("the loop has ended")
    }

    /// Loads the data set and serves clients meanwhile. Returns the status to end with, if it failed or somebody has asked
    /// for the end.
    fn load(&mut self) -> Option<i32> {
        let now_us = self.clock.read();
        self.tell_facts(now_us);
        // The engine that loads has only lent itself to its caller when clients are to be served: it takes its place here
        // for so long. A clone of the disk has the same files.
        let stand_in = Engine::new(Config::default(), Host::default(), 0);
        let mut engine = std::mem::replace(&mut self.engine, stand_in);
        let mut disk = self.disk.clone();
        let (mut pace, mut status) = (Pace::default(), None);
        engine.start(now_us, &mut disk, &mut |engine, progress| {
            std::mem::swap(engine, &mut self.engine);
            status = status.or_else(|| self.serve_while_loading(progress, &mut pace));
            std::mem::swap(engine, &mut self.engine);
            self.clock.read()
        });
        self.engine = engine;
        status.or_else(|| self.carry_out_all())
    }

    /// Serves clients if it is time to, and makes loading as slow as it is to be. Returns the status to end with, if somebody
    /// has asked for the end.
    fn serve_while_loading(&mut self, progress: &LoadProgress, pace: &mut Pace) -> Option<i32> {
        let now_us = self.clock.read();
        let delay_us = progress.delay_us - pace.delayed_us;
        if delay_us == 0 && now_us.abs_diff(pace.served_us) < LOADING_INTERVAL_US {
            return None;
        }
        pace.delayed_us = progress.delay_us;
        let until_us = now_us + delay_us;
        for round in 1.. {
            let wait_us = until_us.saturating_sub(self.clock.read());
            let status = self.round(wait_us);
            let idle = self.events.is_empty() || round >= LOADING_ROUNDS;
            if status.is_some() || (wait_us == 0 && idle) {
                pace.served_us = self.clock.read();
                return status;
            }
        }
        unreachable!("the rounds end")
    }

    /// Waits so long until something happens, and deals with all that has. Returns the status to end with, if it is time to.
    fn round(&mut self, wait_us: u64) -> Option<i32> {
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        let waited = if self.engine.holds_input() {
            self.wait_for_workers(&mut events, wait_us)
        } else {
            self.wait_for_all(&mut events, wait_us)
        };
        match waited {
            Ok(()) | Err(Errno::INTR) => {}
            Err(errno) => panic!("waiting for events: {errno}"),
        }
        let now_us = self.clock.read();
        for event in &events {
            let (token, flags) = (event.data.u64(), event.flags);
            match token {
                FIRST_CONNECTION.. => {
                    self.connection_ready((token - FIRST_CONNECTION) as usize, flags, now_us);
                }
                WAKE => self.take_reports(now_us),
                CHILD => self.child_ended(now_us),
                SIGNAL => {
                    for signal in self.signals.take() {
                        self.engine.handle_signal(now_us, signal, &mut self.disk);
                    }
                }
                _ => self.accept((token - FIRST_LISTENER) as usize, now_us),
            }
        }
        self.events = events;
        self.handle_inbox(now_us);
        if self.due_us().is_some_and(|due_us| due_us <= now_us) {
            self.next_walk_us = now_us + WALK_INTERVAL_US;
            self.engine.handle_timeout(now_us, &mut self.disk);
        }
        self.engine.flush(now_us, &mut self.disk);
        if self.listening.take_change() {
            // Their descriptors are new, and the system has room to watch as many as before.
            let _ = self.watch_listeners();
        }
        let status = self.carry_out_all();
        if !self.engine.shutdown_requested() {
            self.signals.goes_on();
        }
        self.free.append(&mut self.freed);
        if now_us >= self.next_facts_us {
            self.tell_facts(now_us);
        }
        status
    }

    fn watch(&self, fd: impl AsFd, token: u64) -> rustix::io::Result<()> {
        let data = epoll::EventData::new_u64(token);
        epoll::add(&self.epoll, fd, data, epoll::EventFlags::IN)
    }

    /// Has the system tell of connections. Sockets that are watched already are passed over.
    fn watch_listeners(&self) -> rustix::io::Result<()> {
        for (listener, token) in self.listening.listeners().iter().zip(FIRST_LISTENER..) {
            match self.watch(&listener.fd, token) {
                Ok(()) => {}
                Err(Errno::EXIST) => {
                    let data = epoll::EventData::new_u64(token);
                    epoll::modify(&self.epoll, &listener.fd, data, epoll::EventFlags::IN)?;
                }
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    fn accept(&mut self, index: usize, now_us: u64) {
        for _ in 0..ACCEPTS {
            let keepalive_s = self.engine.config().tcp_keepalive_s;
            let accepted = match self.listening.listeners().get(index) {
                Some(listener) => net::accept(listener, keepalive_s),
                // It was replaced in this round.
                None => return,
            };
            match accepted {
                Ok(Some(accepted)) => self.admit(accepted, now_us),
                Ok(None) => return,
                Err(errno) => {
                    self.log.line(
                        Level::Warning,
                        &format!("Accepting client connection: {}", reason(errno)),
                    );
                    return;
                }
            }
        }
    }

    fn admit(&mut self, accepted: Accepted, now_us: u64) {
        let config = self.engine.config();
        let refusal = if self.places.len() as u64
            >= u64::from(config.maxclients.min(self.listening.max_clients()))
        {
            Some("-ERR max number of clients reached\r\n")
        } else if config.protected_mode && config.requirepass.is_empty() && !accepted.is_local {
            Some(PROTECTED)
        } else {
            None
        };
        if let Some(text) = refusal {
            self.engine.count_rejected_connection();
            // Whether it arrives is of no consequence.
            let _ = rustix::net::send(&accepted.fd, text.as_bytes(), SendFlags::NOSIGNAL);
            return;
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        if let Err(errno) = self.watch(&accepted.fd, FIRST_CONNECTION + place as u64) {
            self.log.line(
                Level::Warning,
                &format!(
                    "Error registering fd event for the new client: {}",
                    reason(errno)
                ),
            );
            self.free.push(place);
            return;
        }
        let client = self
            .engine
            .handle_connect(now_us, &accepted.address, &accepted.local_address);
        self.places.insert(client, place);
        self.connections[place] = Some(Connection {
            fd: accepted.fd,
            client,
            waits_to_send: false,
            closing: false,
        });
    }

    fn connection_ready(&mut self, place: usize, flags: epoll::EventFlags, now_us: u64) {
        let Some(connection) = &self.connections[place] else {
            return;
        };
        if flags.contains(epoll::EventFlags::OUT) {
            self.send(place, now_us);
        } else if connection.closing {
            // Only its replies matter now, and there is nobody left to read them.
            self.disconnect(place, now_us);
        } else {
            self.receive(place, now_us);
        }
    }

    /// Reads what a connection has sent and leaves it in the inbox.
    fn receive(&mut self, place: usize, now_us: u64) {
        for _ in 0..READS {
            if self.engine.holds_input() || !self.receive_some(place, now_us) {
                return;
            }
        }
    }

    /// Reads once from a connection. Returns whether it may have more.
    fn receive_some(&mut self, place: usize, now_us: u64) -> bool {
        if self.inbox.len() - self.inbox_len < READ_LEN
            || self.inbox_parts.len() == INBOX_CONNECTIONS
        {
            self.handle_inbox(now_us);
        }
        let Some(connection) = &self.connections[place] else {
            return false;
        };
        let start = self.inbox_len;
        let room = &mut self.inbox[start..start + READ_LEN];
        match rustix::net::recv(&connection.fd, room, RecvFlags::empty()) {
            Ok((len @ 1.., _)) => {
                self.inbox_len += len;
                let part = start..self.inbox_len;
                self.engine
                    .expect_input(connection.client, &self.inbox[part.clone()]);
                self.inbox_parts.push((connection.client, part));
                len == READ_LEN
            }
            Err(Errno::AGAIN | Errno::INTR) => false,
            Ok((0, _)) | Err(_) => {
                self.disconnect(place, now_us);
                false
            }
        }
    }

    /// Gives the engine what has been read.
    fn handle_inbox(&mut self, now_us: u64) {
        for (client, part) in self.inbox_parts.drain(..) {
            let bytes = &self.inbox[part];
            self.engine
                .handle_input(now_us, client, bytes, &mut self.disk);
        }
        self.inbox_len = 0;
    }

    /// Sends what the engine has released for a connection, as far as the socket takes it.
    fn send(&mut self, place: usize, now_us: u64) {
        let Some(connection) = &mut self.connections[place] else {
            return;
        };
        let bytes = self.engine.reply_bytes(connection.client);
        let all = match rustix::net::send(&connection.fd, bytes, SendFlags::NOSIGNAL) {
            Ok(len) => {
                let all = len == bytes.len();
                self.engine.consume_reply(connection.client, len);
                all
            }
            Err(Errno::AGAIN | Errno::INTR) => false,
            Err(_) => return self.disconnect(place, now_us),
        };
        if all && connection.closing {
            return self.disconnect(place, now_us);
        }
        if all == connection.waits_to_send {
            connection.waits_to_send = !all;
            self.obey_interest(place);
        }
    }

    /// Has the system tell of what the connection waits for.
    fn obey_interest(&self, place: usize) {
        let connection = self.connections[place]
            .as_ref()
            .expect("the caller has looked");
        let mut flags = epoll::EventFlags::empty();
        flags.set(epoll::EventFlags::IN, !connection.closing);
        flags.set(epoll::EventFlags::OUT, connection.waits_to_send);
        let data = epoll::EventData::new_u64(FIRST_CONNECTION + place as u64);
        epoll::modify(&self.epoll, &connection.fd, data, flags)
            .expect("the descriptor is open and watched");
    }

    fn disconnect(&mut self, place: usize, now_us: u64) {
        if let Some(connection) = self.connections[place].take() {
            self.places.remove(&connection.client);
            self.engine.handle_disconnect(now_us, connection.client);
            self.freed.push(place);
        }
    }

    fn take_reports(&mut self, now_us: u64) {
        for report in self.workers.take_reports() {
            match report {
                Report::Progress(job, parts, chunks) => {
                    self.engine.handle_job_progress(now_us, job, parts, chunks);
                }
                Report::Done(job, outcome) => {
                    // The process that stood for it has nothing left to stand for.
                    self.child.take_if(|(of, _)| *of == job);
                    self.engine
                        .handle_job_done(now_us, job, &outcome, &mut self.disk);
                }
            }
        }
    }

    /// A snapshot begins: from now on we want to know if the process that stands for it ends.
    fn watch_child(&mut self, job: JobId) {
        self.child = self.nursery.take().map(|child| (job, child));
        if let Some((_, child)) = &self.child {
            // Not to notice its end would be no harm.
            let _ = self.watch(child.end(), CHILD);
        }
    }

    fn child_ended(&mut self, now_us: u64) {
        if let Some((job, mut child)) = self.child.take()
            && let Some(signal) = child.killed_by()
        {
            let outcome = JobOutcome::Killed(signal);
            self.engine
                .handle_job_done(now_us, job, &outcome, &mut self.disk);
        }
    }

    /// Does all that the engine asks for. Returns the status to end with, if it does.
    fn carry_out_all(&mut self) -> Option<i32> {
        let now_us = self.clock.last_us();
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Reply(client) => {
                    if let Some(place) = self.places.get(&client) {
                        self.send(*place, now_us);
                    }
                }
                Output::Close {
                    client,
                    after_reply,
                } => self.close(client, after_reply, now_us),
                Output::Log(level, text) => self.log.write(level, &text),
                Output::StartJob(id, job) => {
                    if let Job::Snapshot(_) = &job {
                        self.watch_child(id);
                    }
                    if let Some(outcome) = self.workers.start_job(id, job, &self.disk) {
                        self.engine
                            .handle_job_done(now_us, id, &outcome, &mut self.disk);
                    }
                }
                Output::FeedJob(id, part) => self.workers.feed_job(id, part),
                Output::KillJob(id) => {
                    self.child.take_if(|(of, _)| *of == id);
                    self.workers.stop_job(id);
                }
                Output::Event(_) => {}
                Output::Exit(status, _) => return Some(status),
            }
        }
        None
    }

    fn close(&mut self, client: ClientId, after_reply: bool, now_us: u64) {
        let Some(place) = self.places.get(&client).copied() else {
            return;
        };
        if !after_reply || self.engine.reply_bytes(client).is_empty() {
            return self.disconnect(place, now_us);
        }
        let connection = self.connections[place].as_mut().expect("it has a place");
        connection.closing = true;
        connection.waits_to_send = true;
        self.obey_interest(place);
    }

    fn tell_facts(&mut self, now_us: u64) {
        self.next_facts_us = now_us + FACTS_INTERVAL_US;
        self.engine.set_process_facts(process::facts());
    }
}

/// What a client from elsewhere reads while protected mode guards a server without password.
const PROTECTED: &str = "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. To connect from elsewhere, set a password (requirepass), or switch protected mode off from this machine: CONFIG SET protected-mode no, and CONFIG REWRITE to keep it so, or --protected-mode no on the command line. Only do so if the server cannot be reached from the internet.\r\n";
