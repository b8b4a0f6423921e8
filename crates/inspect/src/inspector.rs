//! From bytes to nodes: which kind of file it is, and one record after the other.

use std::collections::VecDeque;
use std::io::Read;
use std::ops::Range;

use crate::aof::{self, Log};
use crate::build::Builder;
use crate::rdb::{self, Snapshot, error_node};
use crate::{Format, Limits, Node, NodeKind, Problem, Verdict};

/// Problems that a verdict lists.
const MOST_PROBLEMS: usize = 1000;

/// A manifest is read as a whole. No longer file is taken for one.
const LONGEST_MANIFEST: u64 = 64 << 20;

/// What a reading found out, beside the nodes.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) keys: u64,
    pub(crate) expiring: u64,
    pub(crate) commands: u64,
    problems: Vec<Problem>,
    problem_count: u64,
}

impl Findings {
    pub(crate) fn problem(&mut self, range: Range<u64>, key: Option<String>, text: String) {
        self.problem_count += 1;
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(Problem { range, key, text });
        }
    }
}

/// Reads a file: [`Inspector::next_node`] until there is none, then [`Inspector::finish`].
pub struct Inspector<R: Read> {
    limits: Limits,
    /// The length of the file, if it is known.
    len: Option<u64>,
    /// Whether commands may stand behind a snapshot.
    may_be_log: bool,
    /// The file's name says that it is a manifest.
    is_manifest: bool,
    stage: Stage<R>,
    format: Format,
    read_len: u64,
    out: Builder,
    findings: Findings,
    ready: VecDeque<Node>,
}

enum Stage<R: Read> {
    Start(R),
    Snapshot(Box<Snapshot<Chained<R>>>),
    Log(Box<Log<Chained<R>>>),
    Done,
}

/// The first bytes of a file, taken to see what it is, and the rest.
type Chained<R> = std::io::Chain<std::io::Cursor<Vec<u8>>, R>;

impl<R: Read> Inspector<R> {
    /// Reads `reader`, a file of `len` bytes if that is known. Its name helps where the first bytes do not tell.
    pub fn new(reader: R, name: &str, len: Option<u64>, limits: Limits) -> Self {
        Self {
            out: Builder::new(&limits),
            limits,
            len,
            may_be_log: !name.ends_with(".rdb"),
            is_manifest: name.ends_with(".manifest"),
            stage: Stage::Start(reader),
            format: Format::Unknown,
            read_len: 0,
            findings: Findings::default(),
            ready: VecDeque::new(),
        }
    }

    /// The next record that the limits let through; `None` at the end of the file, or of the window.
    pub fn next_node(&mut self) -> Option<Node> {
        loop {
            if let Some(node) = self.ready.pop_front() {
                return Some(node);
            }
            if matches!(self.stage, Stage::Done) || self.read_len >= self.limits.window.end {
                return None;
            }
            self.step();
        }
    }

    /// The database of the key that was yielded last, as far as it is a snapshot's.
    pub fn database(&self) -> u64 {
        match &self.stage {
            Stage::Snapshot(snapshot) => snapshot.database(),
            _ => 0,
        }
    }

    /// Reads on to about this offset and yields nothing more of the file. Says whether there is more to read.
    pub fn pass(&mut self, until: u64) -> bool {
        self.limits.window.end = 0;
        self.ready.clear();
        while !matches!(self.stage, Stage::Done) && self.read_len < until {
            self.step();
            self.ready.clear();
        }
        !matches!(self.stage, Stage::Done)
    }

    /// How many bytes have been read.
    pub fn read_len(&self) -> u64 {
        self.read_len
    }

    /// Reads what is left and says what there is to say of the file.
    pub fn finish(mut self) -> Verdict {
        while self.pass(u64::MAX) {}
        Verdict {
            format: self.format,
            read_len: self.len.unwrap_or(self.read_len),
            keys: self.findings.keys,
            expiring: self.findings.expiring,
            commands: self.findings.commands,
            problems: self.findings.problems,
            problem_count: self.findings.problem_count,
        }
    }

    fn step(&mut self) {
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Start(reader) => self.start(reader),
            Stage::Snapshot(mut snapshot) => {
                match snapshot.record(&self.limits, &mut self.out, &mut self.findings) {
                    rdb::Step::Record(nodes) => {
                        self.ready.extend(nodes);
                        self.read_len = snapshot.offset();
                        self.stage = Stage::Snapshot(snapshot);
                    }
                    rdb::Step::End(nodes) => {
                        self.ready.extend(nodes);
                        self.behind_snapshot(*snapshot);
                    }
                    rdb::Step::Broken(nodes, at) => self.broken(nodes, at),
                }
            }
            Stage::Log(mut log) => {
                match log.entry(&self.limits, &mut self.out, &mut self.findings) {
                    aof::Step::Entry(nodes) => {
                        self.ready.extend(nodes);
                        self.read_len = log.offset();
                        self.stage = Stage::Log(log);
                    }
                    aof::Step::End(nodes) => {
                        self.ready.extend(nodes);
                        self.read_len = log.offset();
                    }
                    aof::Step::Broken(nodes, at, text) => {
                        self.ready.extend(nodes);
                        let end = self.end_of_file(at);
                        self.ready.push_back(error_node(at..end, &text));
                        self.read_len = end;
                    }
                }
            }
            Stage::Done => {}
        }
    }

    fn start(&mut self, mut reader: R) {
        let mut first = [0; 5];
        let mut have = 0;
        while have < first.len() {
            match reader.read(&mut first[have..]) {
                Ok(0) => break,
                Ok(len) => have += len,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.findings.problem(0..0, None, error.to_string());
                    return;
                }
            }
        }
        let first = &first[..have];
        let mut chained = std::io::Cursor::new(first.to_vec()).chain(reader);
        if self.is_manifest || first == b"file " {
            let mut text = Vec::new();
            let result = (&mut chained).take(LONGEST_MANIFEST).read_to_end(&mut text);
            self.format = Format::Manifest;
            self.read_len = text.len() as u64;
            if let Err(error) = result {
                self.findings
                    .problem(0..self.read_len, None, error.to_string());
            }
            let nodes =
                crate::manifest::manifest(&text, &self.limits, &mut self.out, &mut self.findings);
            self.ready.extend(nodes);
            return;
        }
        if first.is_empty() {
            self.format = Format::Empty;
            return;
        }
        if first[0] == b'R' {
            let mut snapshot = Box::new(Snapshot::new(chained));
            let step = snapshot.header(&self.limits, &mut self.out, &mut self.findings);
            self.format = Format::Rdb(snapshot.version());
            match step {
                rdb::Step::Record(nodes) | rdb::Step::End(nodes) => {
                    self.ready.extend(nodes);
                    self.read_len = snapshot.offset();
                    self.stage = Stage::Snapshot(snapshot);
                }
                rdb::Step::Broken(nodes, at) => self.broken(nodes, at),
            }
            return;
        }
        if self.may_be_log || b"*#".contains(&first[0]) {
            self.format = Format::Aof;
            self.stage = Stage::Log(Box::new(Log::new(Vec::new(), chained, 0)));
            return;
        }
        self.broken(Vec::new(), 0);
        self.findings
            .problem(0..0, None, "not the magic of a snapshot".into());
    }

    /// The snapshot is over: is the file?
    fn behind_snapshot(&mut self, snapshot: Snapshot<Chained<R>>) {
        let version = snapshot.version();
        let end = snapshot.offset();
        self.read_len = end;
        let (mut ahead, mut reader) = snapshot.into_rest();
        if ahead.is_empty() {
            let mut byte = [0];
            if matches!(reader.read(&mut byte), Ok(1)) {
                ahead.push(byte[0]);
            }
        }
        let Some(first) = ahead.first() else {
            return;
        };
        if self.may_be_log || b"*#".contains(first) {
            self.format = Format::AofWithPreamble(version);
            self.stage = Stage::Log(Box::new(Log::new(ahead, reader, end)));
        } else {
            // No loader looks at it.
            let file_end = self.end_of_file(end);
            self.ready.push_back(Node {
                kind: NodeKind::Unread,
                label: "unread".into(),
                ..error_node(end..file_end, "bytes behind the end, which no server reads")
            });
            self.read_len = file_end;
        }
    }

    /// The snapshot cannot be read beyond `at`.
    fn broken(&mut self, nodes: Vec<Node>, at: u64) {
        let start = nodes.last().map_or(at, |node| node.range.end);
        self.ready.extend(nodes);
        let text = match self.findings.problems.last() {
            Some(problem) => problem.text.clone(),
            None => "it cannot be read".into(),
        };
        let end = self.end_of_file(at);
        self.ready
            .push_back(error_node(start.min(at)..at.max(start), &text));
        if at < end {
            self.ready.push_back(Node {
                kind: NodeKind::Unread,
                label: "unread".into(),
                ..error_node(
                    at..end,
                    "what follows cannot be told apart without what came before",
                )
            });
        }
        self.read_len = end;
    }

    fn end_of_file(&self, at: u64) -> u64 {
        self.len.unwrap_or(at).max(at)
    }
}
