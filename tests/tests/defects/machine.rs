//! One engine on a simulated disk: syncs and snapshots held back on request, time moved by hand.

use std::collections::BTreeMap;

use lastsave_engine::{
    ClientId, Engine, Host, Job, JobId, JobOutcome, Output, SnapshotPart, SnapshotWriter, Step,
    config,
};
use lastsave_vfs::{SimDisk, Survival, SyncKind, Vfs};

/// The instant at which every run starts.
const START_US: u64 = 1_700_000_000_000_000;

/// A running server, or one that has refused to start.
pub(crate) struct Machine {
    engine: Engine,
    pub(crate) disk: SimDisk,
    now_us: u64,
    client: ClientId,
    pub(crate) exited: Option<i32>,
    pub(crate) log: Vec<String>,
    /// Which jobs are kept instead of being done.
    holds: fn(&Job) -> bool,
    held: Vec<(JobId, Job)>,
    held_parts: Vec<(JobId, SnapshotPart)>,
    writers: BTreeMap<JobId, SnapshotWriter>,
}

impl Machine {
    /// Starts a server with this configuration on a disk.
    pub(crate) fn start(disk: SimDisk, config: &str) -> Self {
        let config = config::parse_file(config).expect("the test's configuration is valid");
        let host = Host {
            pid: 1,
            ..Host::default()
        };
        let mut machine = Self {
            engine: Engine::new(config, host, 7),
            disk,
            now_us: START_US,
            client: ClientId(0),
            exited: None,
            log: Vec::new(),
            holds: |_| false,
            held: Vec::new(),
            held_parts: Vec::new(),
            writers: BTreeMap::new(),
        };
        machine
            .engine
            .start(START_US, &mut machine.disk, &mut |_, _| START_US);
        machine.settle();
        let Self { engine, .. } = &mut machine;
        machine.client = engine.handle_connect(START_US, "127.0.0.1:50000", "127.0.0.1:6379");
        machine
    }

    /// The process is killed.
    pub(crate) fn kill(mut self) -> SimDisk {
        self.disk.kill();
        self.disk
    }

    /// The power goes, and takes all that was not synced.
    pub(crate) fn cut_power(mut self) -> SimDisk {
        self.disk.power_loss(Survival::None);
        self.disk
    }

    /// Sends one command, and returns what has been answered: nothing while the answer is held back.
    pub(crate) fn run(&mut self, line: &str) -> String {
        if self.exited.is_some() {
            return "no server".into();
        }
        let words = lastsave_resp::split_words(line.as_bytes()).expect("the test's quotes match");
        let args: lastsave_resp::ArgsBuf = words.iter().collect();
        let mut bytes = Vec::new();
        lastsave_resp::append_request(&mut bytes, args.as_args());
        self.engine
            .handle_input(self.now_us, self.client, &bytes, &mut self.disk);
        self.settle();
        let reply = self.engine.reply_bytes(self.client).to_vec();
        self.engine.consume_reply(self.client, reply.len());
        let text = String::from_utf8_lossy(&reply).replace("\r\n", " ");
        text.trim_end().to_owned()
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

    /// Keeps such jobs from now on.
    pub(crate) fn hold(&mut self, holds: fn(&Job) -> bool) {
        self.holds = holds;
    }

    /// Does what was held back, and holds nothing any more.
    pub(crate) fn release(&mut self) {
        self.holds = |_| false;
        for (id, job) in std::mem::take(&mut self.held) {
            self.do_job(id, job);
        }
        for (id, part) in std::mem::take(&mut self.held_parts) {
            self.feed(id, part);
        }
        self.settle();
    }

    /// What tells two data sets apart.
    pub(crate) fn digest(&self) -> u64 {
        self.engine.keyspace().digest()
    }

    /// Whether the log has such a line.
    pub(crate) fn logged(&self, text: &str) -> bool {
        self.log.iter().any(|line| line.contains(text))
    }

    fn settle(&mut self) {
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
            Output::Log(_, text) => self.log.push(text),
            Output::Exit(status, _) => self.exited = Some(status),
            Output::StartJob(id, job) if (self.holds)(&job) => self.held.push((id, job)),
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
            _ => {}
        }
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
            Job::Free(_) => JobOutcome::Done { len: 0 },
            Job::Snapshot(mut writer) => {
                // Opened at once, so that a crash finds its temporary file.
                writer.step(&mut self.disk).expect("it can be opened");
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
}

/// The jobs that sync the log.
pub(crate) fn syncs(job: &Job) -> bool {
    matches!(job, Job::SyncAof(_))
}

/// The jobs that write a snapshot.
pub(crate) fn snapshots(job: &Job) -> bool {
    matches!(job, Job::Snapshot(_))
}
