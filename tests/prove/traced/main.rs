//! A real redis-server under strace: what it did to its files, replayed on the simulated disk, crashed everywhere.
//!
//! A scripted load runs against redis-server while strace notes every call that changes a file, and every answer. The calls
//! are replayed on a [`SimDisk`] up to a moment, and the power is cut (or the process killed) there. What the disk's model
//! leaves is written to a real folder, a real redis-server starts on it, and what it then holds is compared with
//!
//! - the prediction for the policy: a prefix of the requests that reaches the floor of what was acknowledged and synced;
//! - what our own engine recovers from the same files.
//!
//! So the model of the disk and the promises of docs/reliability.md are held against a program that knows neither.

mod load;
mod trace;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use lastsave_tests::native::{Reply, Server, redis};
use lastsave_tests::proof::{Proof, long};
use lastsave_vfs::{FileId, OpenMode, SimDisk, Survival, SyncKind, Vfs};
use load::{Ours, Request};
use trace::{Action, Call};

/// Requests of a load.
const REQUESTS: usize = 700;

/// A run of the real server: what it did, and what its data were.
struct Run {
    policy: &'static str,
    calls: Vec<Call>,
    requests: Vec<Request>,
    history: Vec<String>,
    /// The socket over which the load came.
    socket: String,
}

fn config(policy: &str) -> String {
    format!(
        "appendonly yes\nappendfsync {policy}\nsave \"\"\nenable-debug-command yes\nauto-aof-rewrite-percentage 0\n"
    )
}

/// Runs the load against a real server under strace.
fn traced_run(policy: &'static str) -> Run {
    let requests = load::requests(11, REQUESTS);
    let history = load::history(&requests);
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("data");
    std::fs::create_dir(&dir).expect("it is new");
    let trace_path = folder.path().join("trace");
    let dir_text = dir.to_str().expect("a plain path");
    let strace = std::path::PathBuf::from("/usr/bin/strace");
    assert!(
        strace.is_file(),
        "strace is missing: `cargo xtask test` installs it, or `apt-get install strace`"
    );
    let (redis, trace_text) = (redis("redis-server"), trace_path.display().to_string());
    let redis = redis.to_str().expect("a plain path");
    let args = [
        "-f",
        "-y",
        "-xx",
        "-s",
        "1000000",
        "-e",
        trace::CALLS,
        "-o",
        &trace_text,
        redis,
        "--dir",
        dir_text,
        "--appendonly",
        "yes",
        "--appendfsync",
        policy,
        "--save",
        "",
        "--auto-aof-rewrite-percentage",
        "0",
        "--enable-debug-command",
        "yes",
    ];
    let mut server = Server::start(&strace, folder.path(), &args);
    let mut client = server.connect();
    for request in &requests {
        client.send_raw(&request.bytes).expect("the server reads");
        for _ in 0..request.replies {
            client.read().expect("the server answers");
        }
        // Under `everysec` the load must last for some seconds; this is the load's pace, not a wait for something.
        std::thread::sleep(Duration::from_millis(6));
    }
    let digest = client.call(&["DEBUG", "DIGEST"]);
    assert_eq!(
        digest,
        Reply::Simple(history[REQUESTS].clone()),
        "the load does other things to the two servers"
    );
    server.shut_down(&["NOSAVE"]);
    let text = std::fs::read_to_string(&trace_path).expect("strace has written it");
    let calls = trace::read(&text, dir_text);
    Run {
        policy,
        socket: load_socket(&calls),
        calls,
        requests,
        history,
    }
}

/// The socket with the most answers.
fn load_socket(calls: &[Call]) -> String {
    let mut lens: BTreeMap<&str, usize> = BTreeMap::new();
    for call in calls {
        if let Action::Reply { socket, bytes } = &call.action {
            *lens.entry(socket).or_default() += bytes.len();
        }
    }
    let most = lens.into_iter().max_by_key(|(_, len)| *len);
    most.expect("somebody was answered").0.to_owned()
}

/// What was acknowledged and promised at a moment of a run.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    /// Requests acknowledged.
    acknowledged: usize,
    /// Of them, those written to the log.
    written: usize,
    /// Of them, those that completed syncs cover, in the log's every file up to them.
    synced: usize,
    /// A sync of the log had begun and not ended.
    syncing: bool,
    /// A rewrite was between its new log file and the moment at which nothing depends on the old one.
    rewriting: bool,
}

impl Run {
    /// The disk and the marks at the moment before line `until` of the trace.
    fn replay(&self, until: usize) -> (SimDisk, Marks) {
        let mut disk = SimDisk::new(None);
        let mut files: BTreeMap<String, FileId> = BTreeMap::new();
        let mut marks = Marks::default();
        let mut answers = Answers::new(&self.requests);
        let mut logs: Vec<LogFile> = Vec::new();
        // The sync counts from its beginning, if it came to its end; all else counts from its end.
        let mut calls: Vec<(usize, &Call)> = self
            .calls
            .iter()
            .filter(|call| call.ended < until)
            .map(|call| match call.action {
                Action::Sync { .. } => (call.began, call),
                _ => (call.ended, call),
            })
            .collect();
        calls.sort_by_key(|(line, _)| *line);
        for (_, call) in calls {
            match &call.action {
                Action::Reply { socket, bytes } if *socket == self.socket => {
                    marks.acknowledged = answers.take(bytes);
                }
                Action::Reply { .. } => {}
                action => {
                    note_log(&mut logs, action, marks.acknowledged);
                    apply(&mut disk, &mut files, action);
                }
            }
        }
        marks.written = logs.last().map_or(0, |log| log.written);
        for log in &logs {
            marks.synced = marks.synced.max(log.synced);
            if log.synced < log.written {
                break;
            }
        }
        marks.syncing = self.calls.iter().any(|call| {
            call.began < until && call.ended >= until && matches!(call.action, Action::Sync { .. })
        });
        marks.rewriting = disk
            .files()
            .iter()
            .filter(|file| file.path.ends_with(".incr.aof"))
            .count()
            > 1;
        (disk, marks)
    }

    /// The lines of the trace at which the files had changed.
    fn moments(&self) -> Vec<usize> {
        let changes = |call: &&Call| !matches!(call.action, Action::Reply { .. });
        let mut moments: Vec<usize> = self
            .calls
            .iter()
            .filter(changes)
            .flat_map(|call| [call.began, call.ended + 1])
            .collect();
        moments.sort_unstable();
        moments.dedup();
        moments
    }
}

/// A file that commands are appended to, and how many acknowledged requests were in the log at its last write, and at the
/// last write that a completed sync covers.
struct LogFile {
    path: String,
    written: usize,
    synced: usize,
}

fn note_log(logs: &mut Vec<LogFile>, action: &Action, acknowledged: usize) {
    let (Action::Write { path, .. } | Action::Sync { path, .. }) = action else {
        return;
    };
    if !path.ends_with(".incr.aof") {
        return;
    }
    if logs.iter().all(|log| log.path != *path) {
        logs.push(LogFile {
            path: path.clone(),
            written: 0,
            synced: 0,
        });
    }
    let log = logs.iter_mut().find(|log| log.path == *path);
    let log = log.expect("it was just added");
    match action {
        Action::Write { .. } => log.written = acknowledged,
        _ => log.synced = log.written,
    }
}

/// Counts requests that have all their answers.
struct Answers<'a> {
    requests: &'a [Request],
    pending: Vec<u8>,
    done: usize,
    replies: usize,
}

impl<'a> Answers<'a> {
    fn new(requests: &'a [Request]) -> Self {
        Self {
            requests,
            pending: Vec::new(),
            done: 0,
            replies: 0,
        }
    }

    /// Takes in more bytes; returns how many requests are answered.
    fn take(&mut self, bytes: &[u8]) -> usize {
        self.pending.extend_from_slice(bytes);
        loop {
            let mut rest = self.pending.as_slice();
            if Reply::read(&mut rest).is_err() {
                return self.done;
            }
            let used = self.pending.len() - rest.len();
            self.pending.drain(..used);
            self.replies += 1;
            if self
                .requests
                .get(self.done)
                .is_some_and(|request| request.replies == self.replies)
            {
                self.done += 1;
                self.replies = 0;
            }
        }
    }
}

/// Does to the simulated disk what the server did to its own.
fn apply(disk: &mut SimDisk, files: &mut BTreeMap<String, FileId>, action: &Action) {
    let handle = |disk: &mut SimDisk, files: &mut BTreeMap<String, FileId>, path: &String| {
        *files
            .entry(path.clone())
            .or_insert_with(|| disk.open(path, OpenMode::Append).expect("it can be opened"))
    };
    match action {
        Action::Open { path, truncate } => {
            let mode = if *truncate {
                OpenMode::Truncate
            } else {
                OpenMode::Append
            };
            let file = disk.open(path, mode).expect("it can be opened");
            files.insert(path.clone(), file);
        }
        Action::Write { path, bytes } => {
            let file = handle(disk, files, path);
            let taken = disk.write(file, bytes).expect("the disk has room");
            assert_eq!(taken, bytes.len());
        }
        Action::Truncate { path, len } => {
            let file = handle(disk, files, path);
            disk.truncate(file, *len).expect("it is open");
        }
        Action::Sync { path, data_only } => match disk.read(path) {
            Ok(_) => {
                let file = handle(disk, files, path);
                let kind = if *data_only {
                    SyncKind::Data
                } else {
                    SyncKind::All
                };
                disk.sync(file, kind).expect("it is open");
            }
            Err(_) => disk.sync_dir(path).expect("it is a directory"),
        },
        Action::Rename { from, to } => {
            disk.rename(from, to).expect("the file is there");
            if let Some(file) = files.remove(from) {
                files.insert(to.clone(), file);
            }
        }
        Action::Unlink(path) => {
            disk.unlink(path).expect("the file is there");
            files.remove(path);
        }
        Action::CreateDir(path) => disk.create_dir(path).expect("its place is free"),
        Action::Reply { .. } => unreachable!("it is about no file"),
    }
}

/// What a crash may do.
#[derive(Clone, Copy, Debug)]
enum Crash {
    Kill,
    Power(Survival),
}

impl Crash {
    fn of(number: usize) -> Self {
        match number % 4 {
            0 => Self::Power(Survival::None),
            1 => Self::Kill,
            2 => Self::Power(Survival::All),
            _ => Self::Power(Survival::Seeded(number as u64)),
        }
    }

    fn apply(self, disk: &mut SimDisk) {
        match self {
            Self::Kill => disk.kill(),
            Self::Power(survival) => disk.power_loss(survival),
        }
    }
}

/// Starts a real server on what is left and asks for the digest of its data; `Err` is its log if it refuses to start.
fn real_digest(disk: &SimDisk, policy: &str) -> Result<String, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("data");
    write_out(disk, &dir);
    let args = [
        "--dir",
        dir.to_str().expect("a plain path"),
        "--appendonly",
        "yes",
        "--appendfsync",
        policy,
        "--save",
        "",
        "--enable-debug-command",
        "yes",
    ];
    loop {
        let mut server = Server::spawn(&redis("redis-server"), folder.path(), &args);
        match server.until_it_answers() {
            Ok(mut client) => {
                let Reply::Simple(digest) = client.call(&["DEBUG", "DIGEST"]) else {
                    panic!("DEBUG DIGEST answers with a line");
                };
                return Ok(digest);
            }
            Err(log) if log.contains("already in use") => {}
            Err(log) => return Err(log),
        }
    }
}

fn write_out(disk: &SimDisk, dir: &Path) {
    std::fs::create_dir(dir).expect("it is new");
    for file in disk.files() {
        let path = dir.join(&file.path);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
        std::fs::write(path, disk.read(&file.path).expect("it is listed")).expect("there is room");
    }
}

/// Whether some file is other than a prefix of what was written to it.
fn has_holes(written: &SimDisk, left: &SimDisk) -> bool {
    let paths: BTreeMap<u64, String> = written
        .files()
        .into_iter()
        .map(|file| (file.inode, file.path))
        .collect();
    left.files().into_iter().any(|file| {
        paths.get(&file.inode).is_some_and(|path| {
            let whole = written.read(path).expect("it is listed");
            !whole.starts_with(&left.read(&file.path).expect("it is listed"))
        })
    })
}

/// Crashes a run everywhere, and holds two servers to the prediction.
fn crash_everywhere(policy: &'static str, number: u8) {
    let run = traced_run(policy);
    let moments = run.moments();
    assert!(moments.len() >= 500, "only {} moments", moments.len());
    let every = if long() { 1 } else { moments.len() / 60 };
    let what = format!("real redis-server traced, appendfsync {policy}");
    let mut proof = Proof::of(
        number,
        &what,
        "P, F: the real server recovers what is predicted, and the same as we do",
    );
    for (index, &moment) in moments.iter().enumerate() {
        if index % every != 0 {
            continue;
        }
        let (written, marks) = run.replay(moment);
        let crash = Crash::of(index / every);
        let mut disk = written.clone();
        crash.apply(&mut disk);
        proof.case();
        judge(&run, &written, &disk, crash, marks, moment, &mut proof);
    }
    proof.finish();
}

fn judge(
    run: &Run,
    written: &SimDisk,
    disk: &SimDisk,
    crash: Crash,
    marks: Marks,
    moment: usize,
    proof: &mut Proof,
) {
    let at = format!("{} at line {moment}, {crash:?}, {marks:?}", run.policy);
    let holes = has_holes(written, disk);
    let power = matches!(crash, Crash::Power(_));
    let floor = match run.policy {
        _ if !power => marks.written,
        "always" => marks.acknowledged,
        _ => marks.synced,
    };
    let position = |digest: &str| run.history.iter().rposition(|known| known == digest);
    let ours = Ours::start(&config(run.policy), disk.clone()).map(|mut ours| ours.digest());
    let real = real_digest(disk, run.policy);
    match (&real, &ours) {
        (Ok(real), ours) => {
            match position(real) {
                Some(at_request) if at_request >= floor => {}
                Some(at_request) => proof.violation(format!(
                    "{at}: the real server recovered {at_request} requests, predicted {floor}"
                )),
                None if holes => proof.unnoticed(),
                None => proof.violation(format!(
                    "{at}: what the real server recovered was never there"
                )),
            }
            // Redis has made its first base and no manifest yet; it starts over, and we ask what the base is (defect 9).
            if ours.as_ref().is_err_and(|why| why.contains("the manifest")) && marks.written == 0 {
                proof.refused();
                return;
            }
            // Zeros to the end of the file are a torn tail to us, and the end of a value to Redis.
            let ours_is_sound = ours
                .as_ref()
                .is_ok_and(|ours| position(ours).is_some_and(|at_request| at_request >= floor));
            if ours.as_ref() != Ok(real) && !(position(real).is_none() && ours_is_sound) {
                proof.violation(format!("{at}: the real server has {real}, we {ours:?}"));
            }
        }
        (Err(_), _) if holes => proof.refused(),
        // Redis does not start if the log file before an empty one is torn; we cut it.
        (Err(log), Ok(_)) if power && marks.rewriting && log.contains("not the last file") => {
            proof.refused();
        }
        (Err(log), _) => proof.violation(format!(
            "{at}: the real server refuses: {}",
            last_lines(log)
        )),
    }
}

fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(3)..].join(" / ")
}

#[test]
fn case_03_always_as_a_real_server_wrote_it() {
    crash_everywhere("always", 3);
}

#[test]
fn case_04_everysec_as_a_real_server_wrote_it() {
    crash_everywhere("everysec", 4);
}

#[test]
fn case_06_no_as_a_real_server_wrote_it() {
    crash_everywhere("no", 6);
}
