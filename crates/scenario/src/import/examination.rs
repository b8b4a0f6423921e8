//! Looking at files bit by bit, so that whoever waits for it can be told how far it is, and give it up.

use std::collections::VecDeque;
use std::io::Cursor;
use std::sync::Arc;

use lastsave_inspect::{Format, Inspector, Limits, NodeKind};

use super::{
    ImportFile, ImportKind, ImportReport, Incoming, MAX_FILES, WHOLE_BYTES, about, place, title_of,
    unknown,
};
use crate::Attachments;
use crate::export::README;
use crate::zip::{self, ZipLimits};

/// What an archive may unpack to.
const ARCHIVE: ZipLimits = ZipLimits {
    files: MAX_FILES,
    bytes: WHOLE_BYTES as usize,
};

/// Files being looked at: [`Examination::step`] until there is nothing more to do, then [`Examination::finish`].
pub struct Examination {
    /// What has still to be looked at, and whether it may be an archive.
    waiting: VecDeque<(Incoming, bool)>,
    reading: Option<Reading>,
    found: Vec<(Incoming, ImportFile)>,
    done_bytes: u64,
    report: ImportReport,
}

impl Examination {
    /// Nothing has been looked at yet.
    pub fn new(files: Vec<Incoming>) -> Self {
        Self {
            report: ImportReport {
                title: title_of(&files),
                ..ImportReport::default()
            },
            waiting: files.into_iter().map(|file| (file, true)).collect(),
            reading: None,
            found: Vec::new(),
            done_bytes: 0,
        }
    }

    /// Looks at about so many bytes more, and says whether there is more to do. An archive is unpacked in one go.
    pub fn step(&mut self, bytes: u64) -> bool {
        if let Some(mut reading) = self.reading.take() {
            let until = reading.inspector.read_len().saturating_add(bytes);
            match reading.inspector.pass(until) {
                true => self.reading = Some(reading),
                false => self.add(reading.end()),
            }
            return true;
        }
        let Some((file, may_be_archive)) = self.waiting.pop_front() else {
            return false;
        };
        if may_be_archive && zip::is_zip(&file.bytes) {
            self.unpack(file);
            return true;
        }
        match about(&file) {
            Some(about) => self.add((file, about)),
            None => self.reading = Some(Reading::new(file)),
        }
        true
    }

    /// How much of it is done, from 0 to 1.
    pub fn fraction(&self) -> f64 {
        let len = |file: &Incoming| file.bytes.len() as u64;
        let waiting: u64 = self.waiting.iter().map(|(file, _)| len(file)).sum();
        let (read, whole) = match &self.reading {
            Some(reading) => (reading.inspector.read_len(), len(&reading.file)),
            None => (0, 0),
        };
        let total = (self.done_bytes + whole + waiting).max(1);
        ((self.done_bytes + read) as f64 / total as f64).min(1.0)
    }

    /// The report. Files too large to travel in a line are added to `attachments`.
    pub fn finish(mut self, attachments: &mut Attachments) -> ImportReport {
        if self.found.len() > MAX_FILES {
            self.report.notes.push(format!(
                "{} files came, and {MAX_FILES} are looked at.",
                self.found.len()
            ));
            self.found.truncate(MAX_FILES);
        }
        place::place(self.found, attachments, &mut self.report);
        self.report
    }

    fn add(&mut self, (file, about): (Incoming, ImportFile)) {
        self.done_bytes += file.bytes.len() as u64;
        self.found.push((file, about));
    }

    /// Has the files of an archive looked at, or adds the archive itself with the reason why that cannot be done.
    fn unpack(&mut self, file: Incoming) {
        let entries = match file.is_whole() {
            true => zip::read(&file.bytes, ARCHIVE).map_err(|error| error.to_string()),
            false => Err(format!(
                "it is longer than {} MB, which is the limit for an archive here: unpack it first",
                WHOLE_BYTES >> 20
            )),
        };
        match entries {
            Ok(entries) => {
                if entries.is_empty() {
                    let note = format!("{} holds no files.", file.path);
                    self.report.notes.push(note);
                }
                for entry in entries.into_iter().rev() {
                    if !entry.bytes.starts_with(README.as_bytes()) {
                        let inside = Incoming::whole(entry.path, entry.bytes);
                        self.waiting.push_front((inside, false));
                    }
                }
            }
            Err(error) => {
                let about = ImportFile {
                    kind: ImportKind::Archive,
                    sound: Some(false),
                    about: format!("a zip that cannot be read: {error}"),
                    ..unknown(&file)
                };
                self.add((file, about));
            }
        }
    }
}

/// A snapshot, a log or a manifest being read.
struct Reading {
    file: Incoming,
    inspector: Inspector<Cursor<Arc<[u8]>>>,
    redis_version: Option<String>,
}

impl Reading {
    fn new(file: Incoming) -> Self {
        let limits = Limits {
            depth: 1,
            // What a file says about itself stands at its beginning.
            window: 0..4096,
            ..Limits::default()
        };
        let bytes = Cursor::new(Arc::clone(&file.bytes));
        let len = file.bytes.len() as u64;
        let mut inspector = Inspector::new(bytes, &file.path, Some(len), limits);
        let mut redis_version = None;
        while let Some(node) = inspector.next_node() {
            if node.kind == NodeKind::About
                && let Some(version) = node.value.strip_prefix("redis-ver = ")
            {
                redis_version = Some(version.to_owned());
            }
        }
        Self {
            file,
            inspector,
            redis_version,
        }
    }

    /// What there is to say of it.
    fn end(self) -> (Incoming, ImportFile) {
        let file = self.file;
        let verdict = self.inspector.finish();
        let kind = match verdict.format {
            Format::Rdb(_) => ImportKind::Snapshot,
            Format::Aof | Format::AofWithPreamble(_) => ImportKind::Log,
            Format::Manifest => ImportKind::Manifest,
            _ if file.path.ends_with(".rdb") => ImportKind::Snapshot,
            _ => ImportKind::Unknown,
        };
        let problem = verdict.problems.first();
        let problem = problem.map(|problem| (problem.range.start, problem.text.clone()));
        let said = verdict.to_string();
        // The numbers stand behind the verdict, which is shown apart.
        let about = match problem.is_some() {
            true => said.rsplit_once("; ").map_or(&said[..], |(_, rest)| rest),
            false => said.strip_prefix("sound: ").unwrap_or(&said),
        };
        let found = ImportFile {
            kind,
            sound: Some(problem.is_none()),
            about: about.to_owned(),
            problem,
            redis_version: self.redis_version,
            ..unknown(&file)
        };
        if file.is_whole() {
            return (file, found);
        }
        // Where the beginning ends, the file goes on.
        let cut = |text: &str| {
            text.contains("ends inside") || text.contains("end of file") || text.contains("EOF")
        };
        let problem = found.problem.filter(|(_, text)| !cut(text));
        let found = ImportFile {
            sound: problem.is_some().then_some(false),
            about: format!("its beginning is {about}"),
            problem,
            ..found
        };
        (file, found)
    }
}
