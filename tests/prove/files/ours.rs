//! Our engine on a simulated disk: jobs are done one operation at a time, and every operation on the disk can be kept
//! as a moment to crash at.

use std::collections::{BTreeMap, VecDeque};

use lastsave_aof::SyncTicket;
use lastsave_engine::{
    ClientId, Engine, Host, Job, JobId, JobOutcome, Output, SnapshotPart, SnapshotWriter, Step,
};
use lastsave_tests::native::{Reply, append_command};
use lastsave_vfs::{DirEntry, FileId, OpenMode, Result, SimDisk, SyncKind, Vfs};

use crate::state::{Ask, Words};

/// The bytes of every file, by its path.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// When runs start, in microseconds since the epoch, where no real server is asked too.
pub(crate) const START_US: u64 = 1_700_000_000_000_000;

/// A disk that keeps a copy of itself before each of its operations.
pub(crate) struct Recorder {
    pub(crate) disk: SimDisk,
    pub(crate) moments: Vec<SimDisk>,
    pub(crate) recording: bool,
}

impl Recorder {
    fn operate<T>(&mut self, operation: impl FnOnce(&mut SimDisk) -> T) -> T {
        if !self.recording {
            return operation(&mut self.disk);
        }
        let before = self.disk.clone();
        let value = operation(&mut self.disk);
        if self.disk.op_count() != before.op_count() {
            self.moments.push(before);
        }
        value
    }
}

impl Vfs for Recorder {
    fn open(&mut self, path: &str, mode: OpenMode) -> Result<FileId> {
        self.operate(|disk| disk.open(path, mode))
    }

    fn write(&mut self, file: FileId, bytes: &[u8]) -> Result<usize> {
        self.operate(|disk| disk.write(file, bytes))
    }

    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<()> {
        self.operate(|disk| disk.write_at(file, offset, bytes))
    }

    fn read_at(&mut self, file: FileId, offset: u64, buf: &mut [u8]) -> Result<usize> {
        self.disk.read_at(file, offset, buf)
    }

    fn len(&mut self, file: FileId) -> Result<u64> {
        self.disk.len(file)
    }

    fn truncate(&mut self, file: FileId, len: u64) -> Result<()> {
        self.operate(|disk| disk.truncate(file, len))
    }

    fn sync(&mut self, file: FileId, kind: SyncKind) -> Result<()> {
        self.operate(|disk| disk.sync(file, kind))
    }

    fn close(&mut self, file: FileId) {
        self.disk.close(file);
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        self.operate(|disk| disk.rename(from, to))
    }

    fn unlink(&mut self, path: &str) -> Result<()> {
        self.operate(|disk| disk.unlink(path))
    }

    fn create_dir(&mut self, path: &str) -> Result<()> {
        self.operate(|disk| disk.create_dir(path))
    }

    fn sync_dir(&mut self, path: &str) -> Result<()> {
        self.operate(|disk| disk.sync_dir(path))
    }

    fn list(&mut self, path: &str) -> Result<Vec<DirEntry>> {
        self.disk.list(path)
    }
}

enum Work {
    Sync(SyncTicket),
    Unlink(VecDeque<String>),
    Snapshot(Box<SnapshotWriter>, VecDeque<SnapshotPart>),
}

/// A running engine.
pub(crate) struct Ours {
    pub(crate) engine: Engine,
    pub(crate) recorder: Recorder,
    pub(crate) now_us: u64,
    /// Why it does not run, if it does not: the last line of its log.
    pub(crate) refusal: Option<String>,
    pub(crate) log: Vec<String>,
    /// While set, jobs wait for [`Ours::step_jobs`].
    pub(crate) jobs_wait: bool,
    jobs: VecDeque<(JobId, Work)>,
    client: ClientId,
}

impl Ours {
    /// Starts on a disk at a time in microseconds since the epoch; jobs of the start are done.
    pub(crate) fn start_at(config: &str, disk: SimDisk, now_us: u64) -> Self {
        let config =
            lastsave_engine::config::parse_file(config).expect("the configuration is valid");
        let host = Host {
            pid: 1,
            ..Host::default()
        };
        let mut ours = Self {
            engine: Engine::new(config, host, 7),
            recorder: Recorder {
                disk,
                moments: Vec::new(),
                recording: false,
            },
            now_us,
            refusal: None,
            log: Vec::new(),
            jobs_wait: false,
            jobs: VecDeque::new(),
            client: ClientId(0),
        };
        ours.engine
            .start(now_us, &mut ours.recorder, &mut |_, _| now_us);
        ours.settle();
        if ours.refusal.is_none() {
            ours.client = ours
                .engine
                .handle_connect(now_us, "127.0.0.1:50000", "127.0.0.1:6379");
        }
        ours
    }

    /// Starts on a disk.
    pub(crate) fn start(config: &str, disk: SimDisk) -> Self {
        Self::start_at(config, disk, START_US)
    }

    /// Starts on these files.
    pub(crate) fn open(config: &str, files: &Files) -> Self {
        Self::start(config, disk_of(files))
    }

    /// The process is killed; what is on the disk now.
    pub(crate) fn kill(mut self) -> SimDisk {
        self.recorder.disk.kill();
        self.recorder.disk
    }

    /// The files as they are.
    pub(crate) fn files(&self) -> Files {
        files_of(&self.recorder.disk)
    }

    /// A hash over all data.
    pub(crate) fn digest(&self) -> u64 {
        self.engine.keyspace().digest()
    }

    /// Sends a command, as its line, which must not be answered with an error.
    pub(crate) fn call(&mut self, line: &str) -> Reply {
        let words = lastsave_resp::split_words(line.as_bytes()).expect("the quotes match");
        let reply = self.ask(&[words]).remove(0);
        assert!(!matches!(reply, Reply::Error(_)), "{line}: {reply:?}");
        reply
    }

    /// Lets time pass, with all that falls due.
    pub(crate) fn advance(&mut self, us: u64) {
        let end_us = self.now_us + us;
        while let Some(due_us) = self.engine.next_timeout()
            && due_us <= end_us
        {
            self.now_us = self.now_us.max(due_us);
            self.engine.handle_timeout(self.now_us, &mut self.recorder);
            self.settle();
        }
        self.now_us = end_us;
    }

    /// Does all jobs, and what they lead to.
    pub(crate) fn finish_jobs(&mut self) {
        self.jobs_wait = false;
        self.settle();
        while self.engine.status().snapshot_running.is_some() {
            self.advance(1_000);
        }
    }

    /// Lets jobs do so many operations.
    pub(crate) fn step_jobs(&mut self, operations: usize) {
        for _ in 0..operations {
            if !self.step_job() {
                return;
            }
        }
    }

    fn settle(&mut self) {
        loop {
            self.engine.flush(self.now_us, &mut self.recorder);
            let mut idle = true;
            while let Some(output) = self.engine.poll_output() {
                idle = false;
                self.carry_out(output);
            }
            if idle && (self.jobs_wait || !self.step_job()) {
                return;
            }
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Reply(_) | Output::Close { .. } | Output::Event(_) => {}
            Output::Log(level, text) => self.log.push(format!("{} {text}", level.mark())),
            Output::Exit(_, _) => {
                self.refusal = Some(self.log.last().cloned().unwrap_or_default());
            }
            Output::StartJob(id, job) => {
                let work = match job {
                    Job::SyncAof(ticket) => Work::Sync(ticket),
                    Job::Unlink(paths) => Work::Unlink(paths.into()),
                    Job::Free(_) => Work::Unlink(VecDeque::new()),
                    Job::Snapshot(writer) => Work::Snapshot(writer, VecDeque::new()),
                };
                self.jobs.push_back((id, work));
            }
            Output::FeedJob(id, part) => {
                let fed = self.jobs.iter_mut().find(|(job, _)| *job == id);
                if let Some((_, Work::Snapshot(_, parts))) = fed {
                    parts.push_back(part);
                }
            }
            Output::KillJob(id) => {
                let killed = self.jobs.iter().position(|(job, _)| *job == id);
                if let Some((_, Work::Snapshot(mut writer, _))) =
                    killed.and_then(|at| self.jobs.remove(at))
                {
                    writer.abandon(&mut self.recorder);
                }
                self.job_done(id, &JobOutcome::Killed(9));
            }
        }
    }

    /// Lets the first job that can do something do one operation. Returns whether there was one.
    fn step_job(&mut self) -> bool {
        for _ in 0..self.jobs.len() {
            let (id, mut work) = self.jobs.pop_front().expect("there is one");
            let mut done = None;
            let mut worked = true;
            match &mut work {
                Work::Sync(ticket) => {
                    done = Some(match self.recorder.sync(ticket.file, SyncKind::Data) {
                        Ok(()) => JobOutcome::Done { len: 0 },
                        Err(error) => JobOutcome::Failed(error),
                    });
                }
                Work::Unlink(paths) => {
                    if let Some(path) = paths.pop_front() {
                        // A file that is gone already is as good.
                        let _ = self.recorder.unlink(&path);
                    }
                    if paths.is_empty() {
                        done = Some(JobOutcome::Done { len: 0 });
                    }
                }
                Work::Snapshot(writer, parts) => match writer.step(&mut self.recorder) {
                    Ok(Step::NeedPart) => match parts.pop_front() {
                        Some(part) => {
                            let chunks = writer.feed(part).into_iter().collect();
                            self.engine.handle_job_progress(self.now_us, id, 1, chunks);
                        }
                        None => worked = false,
                    },
                    Ok(Step::Wrote(_) | Step::Operation) => {}
                    Ok(Step::Done(len)) => done = Some(JobOutcome::Done { len }),
                    Err(error) => {
                        writer.abandon(&mut self.recorder);
                        done = Some(JobOutcome::Failed(error));
                    }
                },
            }
            match done {
                Some(outcome) => self.job_done(id, &outcome),
                None => self.jobs.push_back((id, work)),
            }
            if worked {
                return true;
            }
        }
        false
    }

    fn job_done(&mut self, id: JobId, outcome: &JobOutcome) {
        self.engine
            .handle_job_done(self.now_us, id, outcome, &mut self.recorder);
    }
}

impl Ask for Ours {
    fn ask(&mut self, requests: &[Words]) -> Vec<Reply> {
        let mut bytes = Vec::new();
        for words in requests {
            append_command(&mut bytes, words);
        }
        self.now_us += 1_000;
        self.engine
            .handle_input(self.now_us, self.client, &bytes, &mut self.recorder);
        self.settle();
        let answers = self.engine.reply_bytes(self.client).to_vec();
        self.engine.consume_reply(self.client, answers.len());
        let mut rest = answers.as_slice();
        let mut replies = Vec::new();
        while !rest.is_empty() {
            replies.push(Reply::read(&mut rest).expect("whole replies"));
        }
        replies
    }
}

/// A disk that has long held these files.
pub(crate) fn disk_of(files: &Files) -> SimDisk {
    let mut disk = SimDisk::new(None);
    for (path, bytes) in files {
        disk.write_file(path, bytes).expect("the disk has room");
    }
    disk
}

/// Every file on a disk.
pub(crate) fn files_of(disk: &SimDisk) -> Files {
    let read = |file: lastsave_vfs::FileStatus| {
        let bytes = disk.read(&file.path).expect("it is listed");
        (file.path, bytes)
    };
    disk.files().into_iter().map(read).collect()
}
