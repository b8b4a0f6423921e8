//! Runs a script against an engine and records what a recovery may bring back: the data after every request, and when
//! each request was answered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use lastsave_dict::ValueRef;
use lastsave_engine::{ClientId, Config, Engine, Host, Job, JobId, JobKind, JobOutcome, Output};
use lastsave_keyspace::{Keyspace, Object};
use lastsave_vfs::SimDisk;

use crate::machine::{Machine, Marks, News, Point, Running, Work, Writing};
use crate::script::{Item, Words};

/// The instant at which every run starts.
pub(crate) const START_US: u64 = 1_700_000_000_000_000;

/// Under everysec nothing that was answered may stay unsynced for longer: a second until the sync is due, a sync's
/// time (under half a second here) for the one before it and for its own, and a turn of the periodic work.
const EVERYSEC_LIMIT_US: u64 = 2_500_000;

/// Key and value, with the expiry, of each database.
pub(crate) type Data = BTreeMap<(usize, Vec<u8>), (Vec<u8>, Option<u64>)>;

/// The data at one position of the history.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) digest: u64,
    pub(crate) data: Arc<Data>,
}

/// The data of a keyspace, for a comparison that a digest cannot make.
pub(crate) fn data_of(keyspace: &Keyspace) -> Data {
    let mut data = Data::new();
    for (db, database) in keyspace.databases.iter().enumerate() {
        for entry in database.keys.iter() {
            let value = match entry.value() {
                ValueRef::Integer(number) => number.to_string().into_bytes(),
                ValueRef::Bytes(bytes) => bytes.to_vec(),
                ValueRef::Object(Object::Text(text)) => text.to_vec(),
                ValueRef::Object(_) => unreachable!("the scripts work on strings"),
            };
            data.insert((db, entry.key().to_vec()), (value, entry.expires_at_ms()));
        }
    }
    data
}

pub(crate) fn parse(config: &str) -> Config {
    lastsave_engine::config::parse_file(config).expect("the test's configuration is valid")
}

pub(crate) fn host(pid: u32) -> Host {
    Host {
        pid,
        ..Host::default()
    }
}

/// An engine being driven.
pub(crate) struct Driver {
    pub(crate) engine: Engine,
    pub(crate) machine: Machine,
    pub(crate) now_us: u64,
    /// The data after each request so far; the first is what the start brought.
    pub(crate) history: Vec<State>,
    pub(crate) exited: Option<i32>,
    pub(crate) log: Vec<String>,
    /// Requests answered with an error.
    pub(crate) refused: usize,
    /// Whether `appendfsync always` and `no-appendfsync-on-rewrite` are in force.
    always: bool,
    lax_on_rewrite: bool,
    everysec: bool,
    has_save_points: bool,
    /// In a transaction, whether FLUSHALL was queued.
    flushes: Option<bool>,
    client: ClientId,
    /// Requests sent and not answered, by their position in the history.
    unanswered: VecDeque<usize>,
    received: Vec<u8>,
    /// When each answered request was.
    answered_us: VecDeque<(usize, u64)>,
}

impl Driver {
    /// Starts an engine on a disk, whose operations count from here.
    pub(crate) fn start(config: &str, disk: SimDisk, pid: u32, seed: u64, recording: bool) -> Self {
        let parsed = parse(config);
        let parsed_saves = !parsed.save.is_empty();
        let mut machine = Machine::new(disk, seed);
        machine.tape.recording = recording;
        machine.tape.marks.log_on = parsed.appendonly;
        let mut driver = Self {
            engine: Engine::new(parsed, host(pid), 7),
            machine,
            now_us: START_US + u64::from(pid) * 60_000_000,
            history: Vec::new(),
            exited: None,
            log: Vec::new(),
            refused: 0,
            always: config.contains("appendfsync always"),
            lax_on_rewrite: config.contains("no-appendfsync-on-rewrite yes"),
            everysec: config.contains("appendfsync everysec"),
            has_save_points: parsed_saves,
            flushes: None,
            client: ClientId(0),
            unanswered: VecDeque::new(),
            received: Vec::new(),
            answered_us: VecDeque::new(),
        };
        let now_us = driver.now_us;
        driver
            .engine
            .start(now_us, &mut driver.machine, &mut |_, _| now_us);
        driver.note_state(false);
        driver.settle();
        if driver.exited.is_none() {
            driver.client =
                driver
                    .engine
                    .handle_connect(now_us, "127.0.0.1:50000", "127.0.0.1:6379");
        }
        driver
    }

    fn note_state(&mut self, keep_data: bool) {
        let digest = self.engine.keyspace().digest();
        let data = match self.history.last() {
            Some(last) if last.digest == digest => Arc::clone(&last.data),
            _ if keep_data => Arc::new(data_of(self.engine.keyspace())),
            _ => Arc::default(),
        };
        self.history.push(State { digest, data });
    }

    pub(crate) fn marks(&self) -> Marks {
        self.machine.tape.marks
    }

    pub(crate) fn take_points(&mut self) -> Vec<Point> {
        std::mem::take(&mut self.machine.tape.points)
    }

    /// Does an item of a script, with what jobs do meanwhile.
    pub(crate) fn play(&mut self, item: &Item) {
        match item {
            Item::Request(words) => {
                // A request about files is alone in its batch, so that what it cuts is known exactly.
                let alone = words[0] == b"BGSAVE"
                    || words[0] == b"BGREWRITEAOF"
                    || words[0] == b"CONFIG"
                    || words[0] == b"SAVE"
                    || words[0] == b"SHUTDOWN";
                if alone {
                    self.settle();
                }
                self.request(words);
                if alone || !self.machine.random.one_in(3) {
                    self.settle();
                }
                for _ in 0..self.machine.random.below(3) {
                    self.step_job();
                }
            }
            Item::Jobs(steps) => {
                for _ in 0..*steps {
                    self.settle();
                    self.machine.step();
                    self.hear_news();
                    self.now_us += 1;
                    self.engine.handle_timeout(self.now_us, &mut self.machine);
                }
                self.settle();
            }
            Item::Advance(us) => {
                self.settle();
                self.advance(*us);
            }
        }
    }

    fn request(&mut self, words: &Words) {
        if self.exited.is_some() {
            return;
        }
        let mut bytes = Vec::new();
        let args: lastsave_resp::ArgsBuf = words.iter().collect();
        lastsave_resp::append_request(&mut bytes, args.as_args());
        self.now_us += 1_000;
        let saving = self.engine.status().snapshot_running == Some(JobKind::Save);
        self.engine
            .handle_input(self.now_us, self.client, &bytes, &mut self.machine);
        self.note_state(true);
        let position = self.history.len() - 1;
        self.machine.tape.marks.executed = position;
        // These save before they are answered.
        if self.saves_at_once(words, saving) {
            self.machine.tape.marks.saved = position;
        }
        self.unanswered.push_back(position);
        if words[0] == b"CONFIG" && words[2] == b"appendfsync" {
            self.always = words[3] == b"always";
            self.everysec = words[3] == b"everysec";
        }
    }

    /// Whether a request has saved the data by the time that it is done.
    fn saves_at_once(&mut self, words: &Words, saving: bool) -> bool {
        let word = |word: &[u8]| words[0] == word;
        if word(b"MULTI") {
            self.flushes = Some(false);
        } else if word(b"EXEC") {
            return self.flushes.take() == Some(true) && self.has_save_points;
        } else if word(b"FLUSHALL") {
            match &mut self.flushes {
                Some(queued) => *queued = true,
                None => return self.has_save_points,
            }
        }
        // SAVE is refused while a background save runs.
        word(b"SAVE") && !saving
    }

    /// Lets time pass: timeouts, and job operations spread over it.
    pub(crate) fn advance(&mut self, us: u64) {
        let end_us = self.now_us + us;
        while let Some(due_us) = self.engine.next_timeout()
            && due_us <= end_us
        {
            self.now_us = self.now_us.max(due_us);
            self.engine.handle_timeout(self.now_us, &mut self.machine);
            self.settle();
            if self.machine.random.one_in(2) {
                self.step_job();
            }
        }
        self.now_us = end_us;
    }

    /// Runs all jobs to their ends.
    pub(crate) fn finish_jobs(&mut self) {
        while self.exited.is_none() {
            self.settle();
            if self.machine.can_step() {
                self.machine.step();
                self.hear_news();
            } else if self.engine.status().snapshot_running.is_some() {
                // The walk goes on by timeouts.
                self.now_us += 1;
                self.engine.handle_timeout(self.now_us, &mut self.machine);
            } else {
                return;
            }
        }
    }

    fn step_job(&mut self) {
        if self.exited.is_some() {
            return;
        }
        self.machine.step();
        if self.machine.random.one_in(2) {
            self.hear_news();
        }
        self.settle();
    }

    /// Tells the engine what its jobs have done.
    fn hear_news(&mut self) {
        while let Some(news) = self.machine.news.pop_front() {
            match news {
                News::Progress(id, chunks) => {
                    self.engine.handle_job_progress(self.now_us, id, 1, chunks);
                }
                News::Done(id, outcome, cut) => self.job_done(id, &outcome, cut),
            }
        }
    }

    fn job_done(&mut self, id: JobId, outcome: &JobOutcome, cut: Option<(JobKind, usize)>) {
        // What was executed before the base stands belongs to the base or to files synced with it.
        self.settle();
        self.engine
            .handle_job_done(self.now_us, id, outcome, &mut self.machine);
        let ok = self
            .engine
            .status()
            .aof
            .is_some_and(|aof| aof.on && aof.last_write_ok);
        if let Some((JobKind::Rewrite, cut)) = cut
            && ok
        {
            let marks = &mut self.machine.tape.marks;
            marks.rewritten = marks.rewritten.max(cut);
            if !marks.log_on {
                marks.log_on = true;
                if self.always {
                    marks.acked_always = marks.acked;
                }
            }
        }
    }

    /// Flushes, and takes up what the engine asks for, until it asks for nothing.
    pub(crate) fn settle(&mut self) {
        loop {
            if self.exited.is_some() {
                return;
            }
            self.engine.flush(self.now_us, &mut self.machine);
            let mut idle = true;
            let answered_before = self.marks().acked;
            let mut rewriting = self.engine.status().snapshot_running.is_some();
            let mut replies = false;
            while let Some(output) = self.engine.poll_output() {
                idle = false;
                match output {
                    Output::Reply(_) => replies = true,
                    Output::Close { .. } | Output::Event(_) => {}
                    Output::Log(level, text) => self.log.push(format!("{} {text}", level.mark())),
                    Output::Exit(status, _) => {
                        self.exited = Some(status);
                        if status == 0 {
                            let marks = &mut self.machine.tape.marks;
                            marks.acked = marks.executed;
                            marks.acked_always = marks.executed;
                            marks.saved = marks.executed;
                        }
                    }
                    Output::StartJob(id, job) => {
                        rewriting |= matches!(job, Job::Snapshot(_));
                        self.start_job(id, job, answered_before);
                    }
                    Output::FeedJob(id, part) => {
                        let fed = self.machine.jobs.iter_mut().find(|job| job.id == id);
                        if let Some(Running {
                            work: Work::Snapshot(writing),
                            ..
                        }) = fed
                        {
                            writing.parts.push_back(part);
                        }
                    }
                    Output::KillJob(id) => self.machine.kill_job(id),
                }
            }
            if replies {
                self.take_replies(rewriting);
            }
            if idle {
                break;
            }
        }
        self.check_everysec();
    }

    fn start_job(&mut self, id: JobId, job: Job, answered: usize) {
        let work = match job {
            Job::SyncAof(ticket) => Work::Sync(ticket, answered),
            Job::Unlink(paths) => Work::Unlink(paths.into()),
            // Freeing memory does nothing to the disk: a job without a step.
            Job::Free(_) => Work::Unlink(VecDeque::new()),
            Job::Snapshot(writer) => Work::Snapshot(Writing {
                writer,
                parts: VecDeque::new(),
                hungry: false,
                cut: self.marks().executed,
            }),
        };
        self.machine.jobs.push(Running { id, work });
    }

    fn take_replies(&mut self, rewriting: bool) {
        let bytes = self.engine.reply_bytes(self.client).to_vec();
        self.engine.consume_reply(self.client, bytes.len());
        self.received.extend_from_slice(&bytes);
        while let Some(len) = reply_len(&self.received) {
            let is_error = self.received[0] == b'-';
            self.received.drain(..len);
            let position = self.unanswered.pop_front().expect("a reply has a request");
            // A read proves nothing about a write before it that was refused.
            let changed = self.history[position].digest != self.history[position - 1].digest;
            if is_error {
                self.refused += 1;
            }
            if is_error || !changed {
                continue;
            }
            let marks = &mut self.machine.tape.marks;
            marks.acked = position;
            if self.always && marks.log_on && !(self.lax_on_rewrite && rewriting) {
                marks.acked_always = position;
            }
            self.answered_us.push_back((position, self.now_us));
        }
    }

    /// The log must not fall behind by more than everysec promises. Without this a floor computed from completed syncs
    /// would be met by an engine that never syncs.
    fn check_everysec(&mut self) {
        let marks = self.marks();
        let floor = marks.synced.max(marks.rewritten);
        while let Some(&(position, at_us)) = self.answered_us.front()
            && (position <= floor || !marks.log_on || !self.everysec)
        {
            let _ = at_us;
            self.answered_us.pop_front();
        }
        if let Some(&(position, at_us)) = self.answered_us.front()
            && !self.lax_on_rewrite
        {
            assert!(
                self.now_us - at_us <= EVERYSEC_LIMIT_US,
                "request {position} is unsynced after {} ms",
                (self.now_us - at_us) / 1000
            );
        }
    }
}

/// The length of the first whole reply in `bytes`.
fn reply_len(bytes: &[u8]) -> Option<usize> {
    let line_end = bytes.windows(2).position(|pair| pair == b"\r\n")? + 2;
    let number = || {
        std::str::from_utf8(&bytes[1..line_end - 2])
            .ok()?
            .parse::<i64>()
            .ok()
    };
    match bytes[0] {
        b'$' => {
            let len = number().expect("a length");
            let whole = if len < 0 {
                line_end
            } else {
                line_end + len as usize + 2
            };
            (bytes.len() >= whole).then_some(whole)
        }
        b'*' => {
            let mut whole = line_end;
            for _ in 0..number().expect("a length").max(0) {
                whole += reply_len(&bytes[whole..])?;
            }
            Some(whole)
        }
        _ => Some(line_end),
    }
}
