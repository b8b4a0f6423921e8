//! A driver for tests: one engine on a simulated disk, jobs done at once or held back, time moved by hand.

use std::collections::BTreeMap;

use lastsave_resp::{ArgsBuf, append_request};
use lastsave_vfs::{SimDisk, SyncKind, Vfs};

use crate::{
    ClientId, Config, Engine, Event, Host, Job, JobId, JobOutcome, Output, SnapshotPart,
    SnapshotWriter, Step,
};

pub(crate) struct TestServer {
    pub(crate) engine: Engine,
    pub(crate) disk: SimDisk,
    pub(crate) now_us: u64,
    pub(crate) log: Vec<String>,
    pub(crate) events: Vec<Event>,
    pub(crate) exited: Option<i32>,
    /// While set, jobs are kept instead of being done.
    pub(crate) hold_jobs: bool,
    /// Which jobs that concerns.
    pub(crate) holds: fn(&Job) -> bool,
    held: Vec<(JobId, Job)>,
    held_parts: Vec<(JobId, SnapshotPart)>,
    writers: BTreeMap<JobId, SnapshotWriter>,
    client: ClientId,
}

impl TestServer {
    pub(crate) fn start(config: &str) -> Self {
        Self::start_on(SimDisk::new(None), config)
    }

    pub(crate) fn start_on(disk: SimDisk, config: &str) -> Self {
        let config: Config =
            crate::config::parse_file(config).expect("the test's configuration is valid");
        let host = Host {
            pid: 1,
            ..Host::default()
        };
        let mut server = Self {
            engine: Engine::new(config, host, 7),
            disk,
            now_us: 1_700_000_000_000_000,
            log: Vec::new(),
            events: Vec::new(),
            exited: None,
            hold_jobs: false,
            holds: |_| true,
            held: Vec::new(),
            held_parts: Vec::new(),
            writers: BTreeMap::new(),
            client: ClientId(0),
        };
        let now_us = server.now_us;
        server
            .engine
            .start(now_us, &mut server.disk, &mut |_, _| now_us);
        server.settle();
        server.client = server.connect();
        server
    }

    pub(crate) fn connect(&mut self) -> ClientId {
        self.engine
            .handle_connect(self.now_us, "127.0.0.1:50000", "127.0.0.1:6379")
    }

    /// Sends one command and returns what has been answered so far, escaped.
    pub(crate) fn run(&mut self, line: &str) -> String {
        self.run_as(self.client, line)
    }

    pub(crate) fn run_as(&mut self, client: ClientId, line: &str) -> String {
        let words = lastsave_resp::split_words(line.as_bytes()).expect("the test's quotes match");
        let args: ArgsBuf = words.iter().collect();
        let mut bytes = Vec::new();
        append_request(&mut bytes, args.as_args());
        self.send(client, &bytes)
    }

    pub(crate) fn send(&mut self, client: ClientId, bytes: &[u8]) -> String {
        self.engine
            .handle_input(self.now_us, client, bytes, &mut self.disk);
        self.settle();
        self.take_reply(client)
    }

    pub(crate) fn take_reply(&mut self, client: ClientId) -> String {
        let reply = self.engine.reply_bytes(client).to_vec();
        self.engine.consume_reply(client, reply.len());
        String::from_utf8_lossy(&reply)
            .replace("\r\n", " ")
            .trim_end()
            .to_owned()
    }

    /// Lets time pass, with all that falls due.
    pub(crate) fn advance(&mut self, us: u64) {
        let end_us = self.now_us + us;
        while let Some(due_us) = self.engine.next_timeout()
            && due_us <= end_us
        {
            self.now_us = self.now_us.max(due_us);
            self.engine.handle_timeout(self.now_us, &mut self.disk);
            self.settle();
        }
        self.now_us = end_us;
    }

    /// Flushes, and does what the engine asks for, until it asks for nothing.
    pub(crate) fn settle(&mut self) {
        loop {
            self.engine.flush(self.now_us, &mut self.disk);
            let mut idle = true;
            while let Some(output) = self.engine.poll_output() {
                idle = false;
                self.carry_out(output);
            }
            if idle {
                return;
            }
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Reply(_) | Output::Close { .. } => {}
            Output::Log(level, text) => self.log.push(format!("{} {text}", level.mark())),
            Output::Event(event) => self.events.push(event),
            Output::Exit(status, _) => self.exited = Some(status),
            Output::StartJob(id, job) if self.hold_jobs && (self.holds)(&job) => {
                self.held.push((id, job));
            }
            Output::StartJob(id, job) => self.do_job(id, job),
            Output::FeedJob(id, part) if self.held.iter().any(|(held, _)| *held == id) => {
                self.held_parts.push((id, part));
            }
            Output::FeedJob(id, part) => self.feed(id, part),
            Output::KillJob(id) => {
                if let Some(mut writer) = self.writers.remove(&id) {
                    writer.abandon(&mut self.disk);
                }
                self.held.retain(|(held, _)| *held != id);
            }
        }
    }

    /// Does the jobs that were held back.
    pub(crate) fn release_jobs(&mut self) {
        self.hold_jobs = false;
        self.release_where(|_| true);
    }

    /// Does some of the jobs that were held back.
    pub(crate) fn release_where(&mut self, chosen: fn(&Job) -> bool) {
        let (released, held) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|(_, job)| chosen(job));
        self.held = held;
        for (id, job) in released {
            self.do_job(id, job);
        }
        for (id, part) in std::mem::take(&mut self.held_parts) {
            self.feed(id, part);
        }
        self.settle();
    }

    fn do_job(&mut self, id: JobId, job: Job) {
        let outcome = match job {
            Job::SyncAof(ticket) => match self.disk.sync(ticket.file, SyncKind::Data) {
                Ok(()) => JobOutcome::Done { len: 0 },
                Err(error) => JobOutcome::Failed(error),
            },
            Job::Unlink(paths) => {
                for path in paths {
                    let _ = self.disk.unlink(&path);
                }
                JobOutcome::Done { len: 0 }
            }
            Job::Free(garbage) => {
                drop(garbage);
                JobOutcome::Done { len: 0 }
            }
            Job::Snapshot(writer) => {
                self.writers.insert(id, *writer);
                return;
            }
        };
        self.engine
            .handle_job_done(self.now_us, id, &outcome, &mut self.disk);
    }

    fn feed(&mut self, id: JobId, part: SnapshotPart) {
        let Some(writer) = self.writers.get_mut(&id) else {
            return;
        };
        let chunks = writer.feed(part).into_iter().collect();
        let outcome = loop {
            match writer.step(&mut self.disk) {
                Ok(Step::NeedPart) => break None,
                Ok(Step::Wrote(_) | Step::Operation) => {}
                Ok(Step::Done(len)) => break Some(JobOutcome::Done { len }),
                Err(error) => {
                    writer.abandon(&mut self.disk);
                    break Some(JobOutcome::Failed(error));
                }
            }
        };
        self.engine.handle_job_progress(self.now_us, id, 1, chunks);
        if let Some(outcome) = outcome {
            self.writers.remove(&id);
            self.engine
                .handle_job_done(self.now_us, id, &outcome, &mut self.disk);
        }
    }

    /// The process is killed, and a new one started on what the disk still shows.
    pub(crate) fn kill_and_restart(mut self, config: &str) -> Self {
        self.disk.kill();
        Self::start_on(self.disk, config)
    }

    /// The power goes, taking everything that was not synced, and a new server is started.
    pub(crate) fn cut_power_and_restart(mut self, config: &str) -> Self {
        self.disk.power_loss(lastsave_vfs::Survival::None);
        Self::start_on(self.disk, config)
    }

    pub(crate) fn file(&self, path: &str) -> String {
        String::from_utf8_lossy(&self.disk.read(path).unwrap_or_default()).replace("\r\n", " ")
    }
}
