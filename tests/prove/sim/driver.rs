//! Runs a script against an engine and records what a recovery may bring back: the data after every request, and when
//! each request was answered.

use std::collections::VecDeque;

use lastsave_engine::config::FsyncPolicy;
use lastsave_engine::{ClientId, Engine, Job, JobId, JobKind, JobOutcome, Output};
use lastsave_vfs::SimDisk;

use crate::machine::{Machine, Marks, News, Point, Running, Work, Writing};
use crate::script::{Item, Words};
use crate::setup::{configured, host, parse, reply_len, wire};

/// The instant at which every run starts.
pub(crate) const START_US: u64 = 1_700_000_000_000_000;

/// Under everysec nothing that was answered may stay unsynced for longer: a second until the sync is due, a sync's
/// time (under half a second here) for the one before it and for its own, and a turn of the periodic work.
const EVERYSEC_LIMIT_US: u64 = 2_500_000;

/// An engine being driven.
pub(crate) struct Driver {
    pub(crate) engine: Engine,
    pub(crate) machine: Machine,
    pub(crate) now_us: u64,
    /// How much time has passed, whatever the clock says, in microseconds.
    elapsed_us: u64,
    /// The digest of the data after each request so far; the first is what the start brought.
    pub(crate) history: Vec<u64>,
    /// What the driver has found wrong.
    pub(crate) complaints: Vec<String>,
    pub(crate) exited: Option<i32>,
    pub(crate) log: Vec<String>,
    /// Requests answered with an error.
    pub(crate) refused: usize,
    /// Whether there is no memory to start a background job.
    pub(crate) no_memory: bool,
    /// Whether `appendfsync always` and `no-appendfsync-on-rewrite` are in force.
    always: bool,
    lax_on_rewrite: bool,
    pub(crate) everysec: bool,
    has_save_points: bool,
    /// In a transaction, whether FLUSHALL was queued.
    flushes: Option<bool>,
    /// What the snapshot of the last rewrite holds.
    cut: usize,
    client: ClientId,
    /// The database that the client has selected.
    db: Vec<u8>,
    /// The reply read last.
    last_reply: Vec<u8>,
    /// Requests sent and not answered, by their position in the history.
    unanswered: VecDeque<usize>,
    received: Vec<u8>,
    /// When each answered request was.
    answered_us: VecDeque<(usize, u64)>,
}

impl Driver {
    /// Starts an engine on a disk, whose operations count from here.
    pub(crate) fn start(config: &str, disk: SimDisk, pid: u32, seed: u64, recording: bool) -> Self {
        let machine = Machine::new(disk, seed);
        let now_us = START_US + u64::from(pid) * 60_000_000;
        Self::start_on(config, machine, pid, now_us, recording)
    }

    /// Starts an engine on a machine at a time.
    pub(crate) fn start_on(
        config: &str,
        mut machine: Machine,
        pid: u32,
        now_us: u64,
        recording: bool,
    ) -> Self {
        let parsed = parse(&configured(config, &machine.tape.disk));
        let (policy, lax_on_rewrite) = (parsed.appendfsync, parsed.no_appendfsync_on_rewrite);
        let has_save_points = !parsed.save.is_empty();
        machine.now_us = now_us;
        machine.tape.recording = recording;
        machine.tape.marks.log_on = parsed.appendonly;
        let mut driver = Self {
            engine: Engine::new(parsed, host(pid), 7),
            machine,
            now_us,
            elapsed_us: 0,
            history: Vec::new(),
            complaints: Vec::new(),
            exited: None,
            log: Vec::new(),
            refused: 0,
            no_memory: false,
            always: policy == FsyncPolicy::Always,
            lax_on_rewrite,
            everysec: policy == FsyncPolicy::EverySec,
            has_save_points,
            flushes: None,
            cut: 0,
            client: ClientId(0),
            db: b"0".to_vec(),
            last_reply: Vec::new(),
            unanswered: VecDeque::new(),
            received: Vec::new(),
            answered_us: VecDeque::new(),
        };
        driver
            .engine
            .start(now_us, &mut driver.machine, &mut |_, _| now_us);
        driver.note_state();
        driver.settle();
        if driver.exited.is_none() {
            driver.client =
                driver
                    .engine
                    .handle_connect(now_us, "127.0.0.1:50000", "127.0.0.1:6379");
        }
        driver
    }

    fn note_state(&mut self) {
        self.history.push(self.engine.keyspace().digest());
    }

    /// Notes the state if keys have gone: the engine removes those whose time has come by itself.
    fn note_expiries(&mut self, keys_before: usize) {
        if self.engine.keyspace().len() != keys_before {
            self.note_state();
            self.machine.tape.marks.executed = self.history.len() - 1;
        }
    }

    /// Lets time pass, for everybody.
    fn pass(&mut self, us: u64) {
        self.now_us += us;
        self.elapsed_us += us;
        self.machine.now_us = self.now_us;
    }

    fn time_out(&mut self) {
        let keys = self.engine.keyspace().len();
        self.engine.handle_timeout(self.now_us, &mut self.machine);
        self.note_expiries(keys);
        self.note_log();
    }

    pub(crate) fn marks(&self) -> &Marks {
        &self.machine.tape.marks
    }

    pub(crate) fn take_points(&mut self) -> Vec<Point> {
        std::mem::take(&mut self.machine.tape.points)
    }

    /// Does an item of a script, with what jobs do meanwhile.
    pub(crate) fn play(&mut self, item: &Item) {
        match item {
            Item::Request(words) => {
                // A request about files is alone in its batch, so that what it cuts is known exactly.
                let alone = [
                    &b"BGSAVE"[..],
                    b"BGREWRITEAOF",
                    b"CONFIG",
                    b"SAVE",
                    b"SHUTDOWN",
                ]
                .contains(&&words[0][..]);
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
                    self.pass(1);
                    self.time_out();
                }
                self.settle();
            }
            Item::Blocked { blocked, push, pop } => self.serve_blocked(blocked, push, pop),
            Item::KillSnapshot => {
                self.settle();
                self.machine.kill_snapshot();
                self.hear_news();
                self.settle();
            }
            Item::Clock(us) => {
                self.settle();
                self.now_us = self.now_us.saturating_add_signed(*us);
                self.machine.now_us = self.now_us;
                self.time_out();
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
        self.pass(1_000);
        let failures = self.machine.tape.failures;
        let saving = self.engine.status().snapshot_running == Some(JobKind::Save);
        let may_save = [&b"SAVE"[..], b"FLUSHALL", b"EXEC", b"SHUTDOWN"];
        self.machine.tape.marks.saves_inline = may_save.contains(&&words[0][..]);
        self.engine
            .handle_input(self.now_us, self.client, &wire(words), &mut self.machine);
        self.note_state();
        let position = self.history.len() - 1;
        let marks = &mut self.machine.tape.marks;
        marks.executed = position;
        marks.saves_inline = false;
        // These save before they are answered.
        if self.saves_at_once(words, saving) {
            let tape = &mut self.machine.tape;
            if tape.failures == failures {
                tape.marks.save_succeeded(position);
            } else {
                tape.marks.attempts.push(position);
            }
        }
        self.unanswered.push_back(position);
        if words[0] == b"CONFIG" && words.get(2).is_some_and(|word| word == b"appendfsync") {
            self.always = words[3] == b"always";
            self.everysec = words[3] == b"everysec";
        }
        if words[0] == b"SELECT" {
            self.db.clone_from(&words[1]);
        }
    }

    /// Sends a request and returns its reply.
    pub(crate) fn ask(&mut self, line: &str) -> Vec<u8> {
        self.settle();
        self.request(&crate::script::words(line));
        self.settle();
        while !self.unanswered.is_empty() && self.exited.is_none() {
            if self.machine.can_step() {
                self.step_job();
            } else {
                self.advance(100_000);
            }
        }
        std::mem::take(&mut self.last_reply)
    }

    /// A field of INFO.
    pub(crate) fn info(&mut self, field: &str) -> String {
        let text = String::from_utf8(self.ask("INFO")).expect("INFO is text");
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.unwrap_or_default().to_owned()
    }

    /// Another client waits, and is served by a push. The push and what the other client does are two units of the log, and
    /// a crash may part them; the data in between are learnt by doing the push and taking it back first.
    fn serve_blocked(&mut self, blocked: &Words, push: &Words, pop: &Words) {
        self.settle();
        let before = self.engine.keyspace().digest();
        self.request(push);
        let between = self.engine.keyspace().digest();
        self.request(pop);
        self.settle();
        if self.exited.is_some() || between == before {
            return;
        }
        let waiter = self
            .engine
            .handle_connect(self.now_us, "127.0.0.1:50001", "127.0.0.1:6379");
        let mut bytes = wire(&vec![b"SELECT".to_vec(), self.db.clone()]);
        bytes.extend_from_slice(&wire(blocked));
        self.engine
            .handle_input(self.now_us, waiter, &bytes, &mut self.machine);
        self.history.push(between);
        let position = self.history.len() - 1;
        self.request(push);
        if let Some(last) = self.unanswered.back_mut() {
            *last = position;
        }
        self.settle();
        let len = self.engine.reply_bytes(waiter).len();
        self.engine.consume_reply(waiter, len);
        self.engine.handle_disconnect(self.now_us, waiter);
        self.settle();
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
        while let Some(due_us) = self.next_due_us()
            && due_us <= end_us
        {
            self.pass(due_us.saturating_sub(self.now_us));
            self.time_out();
            self.settle();
            while self
                .next_sync_us()
                .is_some_and(|due_us| due_us <= self.now_us)
            {
                self.step_job();
            }
            if self.machine.random.one_in(2) {
                self.step_job();
            }
        }
        self.pass(end_us.saturating_sub(self.now_us));
    }

    fn next_due_us(&self) -> Option<u64> {
        let timeout_us = self.engine.next_timeout()?;
        Some(
            self.next_sync_us()
                .map_or(timeout_us, |us| us.min(timeout_us)),
        )
    }

    /// When a sync will have ended, if syncs take time.
    fn next_sync_us(&self) -> Option<u64> {
        let takes_time = !self.machine.sync_times_us.is_empty() && self.exited.is_none();
        takes_time.then(|| self.machine.next_sync_us())?
    }

    /// Runs all jobs to their ends.
    pub(crate) fn finish_jobs(&mut self) {
        let mut rounds = 0;
        while self.exited.is_none() {
            rounds += 1;
            assert!(
                rounds < 20_000,
                "the jobs come to no end: {:?}",
                self.log.iter().rev().take(12).collect::<Vec<_>>()
            );
            self.hear_news();
            self.settle();
            if self.machine.can_step() {
                self.machine.step();
                self.hear_news();
            } else if self.engine.status().snapshot_running.is_some() {
                // The walk goes on by timeouts.
                self.pass(1);
                self.time_out();
            } else if let Some(due_us) = self.next_sync_us() {
                self.advance(due_us.saturating_sub(self.now_us));
            } else {
                return;
            }
        }
    }

    /// Tells the engine all that its jobs have done.
    pub(crate) fn catch_up(&mut self) {
        self.settle();
        self.hear_news();
        self.settle();
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
        let status = self.engine.status().aof;
        let ok = status.as_ref().is_some_and(|aof| aof.last_write_ok);
        if let Some((JobKind::Rewrite, cut)) = cut
            && ok
        {
            self.cut = cut;
            if status.is_some_and(|aof| aof.on) {
                let marks = &mut self.machine.tape.marks;
                marks.rewritten = marks.rewritten.max(cut);
            }
        }
        self.note_log();
    }

    /// Notices that the log, being switched on, now counts.
    fn note_log(&mut self) {
        let marks = &mut self.machine.tape.marks;
        if !marks.log_on && self.engine.status().aof.is_some_and(|aof| aof.on) {
            marks.log_on = true;
            marks.rewritten = marks.rewritten.max(self.cut);
            if self.always {
                marks.acked_always = marks.acked;
            }
        }
    }

    /// Flushes, and takes up what the engine asks for, until it asks for nothing.
    pub(crate) fn settle(&mut self) {
        loop {
            if self.exited.is_some() {
                return;
            }
            let keys = self.engine.keyspace().len();
            self.engine.flush(self.now_us, &mut self.machine);
            self.note_expiries(keys);
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
        self.check_lag();
    }

    fn start_job(&mut self, id: JobId, job: Job, answered: usize) {
        let work = match job {
            Job::SyncAof(ticket) => {
                let done_us = self.machine.sync_done_us();
                Work::Sync(ticket, answered, done_us)
            }
            Job::Unlink(paths) => Work::Unlink(paths.into()),
            // Freeing memory does nothing to the disk: a job without a step.
            Job::Free(_) => Work::Unlink(VecDeque::new()),
            Job::Snapshot(_) if self.no_memory => {
                let news = News::Done(id, JobOutcome::NotStarted, None);
                return self.machine.news.push_back(news);
            }
            Job::Snapshot(writer) => {
                if writer.spec().kind == JobKind::Save {
                    let cut = self.marks().executed;
                    self.machine.tape.marks.attempts.push(cut);
                }
                Work::Snapshot(Writing {
                    writer,
                    parts: VecDeque::new(),
                    hungry: false,
                    cut: self.marks().executed,
                })
            }
        };
        self.machine.jobs.push(Running { id, work });
    }

    fn take_replies(&mut self, rewriting: bool) {
        let bytes = self.engine.reply_bytes(self.client).to_vec();
        self.engine.consume_reply(self.client, bytes.len());
        self.received.extend_from_slice(&bytes);
        while let Some(len) = reply_len(&self.received) {
            let is_error = self.received[0] == b'-';
            self.last_reply = self.received.drain(..len).collect();
            let position = self.unanswered.pop_front().expect("a reply has a request");
            // A read proves nothing about a write before it that was refused.
            let changed = self.history[position] != self.history[position - 1];
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
            self.answered_us.push_back((position, self.elapsed_us));
        }
    }

    /// The log must not fall behind by more than everysec promises. Without this a floor computed from completed syncs
    /// would be met by an engine that never syncs.
    fn check_lag(&mut self) {
        let marks = &self.machine.tape.marks;
        let floor = marks.synced.max(marks.rewritten);
        let suspended = self.lax_on_rewrite && self.engine.status().snapshot_running.is_some();
        if !marks.log_on || !self.everysec || self.machine.tape.failed {
            self.answered_us.clear();
        }
        if suspended {
            let now_us = self.elapsed_us;
            self.answered_us
                .iter_mut()
                .for_each(|(_, at_us)| *at_us = now_us);
        }
        while self
            .answered_us
            .front()
            .is_some_and(|(position, _)| *position <= floor)
        {
            self.answered_us.pop_front();
        }
        // One sync may be under way when this one becomes due.
        let slowest_us = self.machine.sync_times_us.iter().max().copied();
        let limit_us = EVERYSEC_LIMIT_US + 2 * slowest_us.unwrap_or(0);
        if let Some(&(position, at_us)) = self.answered_us.front()
            && self.elapsed_us - at_us > limit_us
        {
            self.complaints.push(format!(
                "F request {position} is unsynced after {} ms",
                (self.elapsed_us - at_us) / 1000
            ));
            self.answered_us.clear();
        }
    }
}
