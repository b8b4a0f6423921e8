//! Files from outside: what they are, whether they are sound, and the lines that put them on the machine's disk.
//!
//! Nothing is taken from a file's name that its content tells. What comes out is a report and lines of a scenario;
//! carrying them out is up to whoever asks, and what they do can be shared as any scenario can.

mod examination;
mod place;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use lastsave_engine::config::{parameter, parse_file, strip_trailing_comments};
use serde::{Deserialize, Serialize};

use crate::zip;
use crate::{Attachments, Scenario};

pub use examination::Examination;

/// Files of one import come to so many bytes at most; of what is longer only the beginning is looked at.
pub const WHOLE_BYTES: u64 = 64 << 20;
/// So many bytes of a file that is too long are looked at.
pub const BEGINNING_BYTES: u64 = 4 << 20;
/// Files of one import at most.
pub const MAX_FILES: usize = 500;

/// A file from outside.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// Its path as it came, with `/` between the parts.
    pub path: String,
    /// Its length in bytes.
    pub len: u64,
    /// Its bytes, or their beginning.
    pub bytes: Arc<[u8]>,
}

impl Incoming {
    /// A file of which everything is here.
    pub fn whole(path: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self {
            path: path.into(),
            len: bytes.len() as u64,
            bytes: bytes.into(),
        }
    }

    fn is_whole(&self) -> bool {
        self.len == self.bytes.len() as u64
    }
}

/// What a file from outside is, going by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImportKind {
    /// A snapshot.
    Snapshot,
    /// A log, with or without a snapshot before its commands.
    Log,
    /// The manifest of a log's directory.
    Manifest,
    /// A `redis.conf`.
    Configuration,
    /// A scenario of this program.
    Scenario,
    /// A zip that could not be unpacked.
    Archive,
    /// No bytes.
    Empty,
    /// None of these.
    Unknown,
}

/// What was found of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportFile {
    /// Its path as it came.
    pub path: String,
    /// What it is.
    pub kind: ImportKind,
    /// Its length in bytes.
    pub len: u64,
    /// How many of them were looked at.
    pub read_len: u64,
    /// Whether a server would load it; `None` if that cannot be said, or there is nothing to load.
    pub sound: Option<bool>,
    /// What it is and what is in it, in a sentence.
    pub about: String,
    /// Where it breaks, and why.
    pub problem: Option<(u64, String)>,
    /// The version of Redis that wrote it, if it says so.
    pub redis_version: Option<String>,
    /// Where it goes on the disk; `None` if it is left out.
    pub goes_to: Option<String>,
}

/// How files are repaired, on the disk they were put on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportRepair {
    /// The line that does it.
    pub line: String,
    /// The file or directory that it makes.
    pub output: String,
    /// The lines that put it in place of what was broken.
    pub adopt: Vec<String>,
}

/// What was found of all files, and the lines that do something with them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// What to call it all.
    pub title: String,
    /// Each file.
    pub files: Vec<ImportFile>,
    /// What else there is to know.
    pub notes: Vec<String>,
    /// The lines that put the files on the disk; none if there is nothing to put there.
    pub upload: Vec<String>,
    /// The line that starts a server on them.
    pub start: Option<String>,
    /// The lines that check them with Redis's tools.
    pub check: Vec<String>,
    /// The line that shows what they are made of.
    pub inspect: Option<String>,
    /// How to repair them, if something is broken.
    pub repair: Option<ImportRepair>,
    /// The line that strips the comments from a `redis.conf` that Redis refuses for them.
    pub strip: Option<String>,
    /// The text of a scenario.
    pub scenario: Option<String>,
}

impl ImportReport {
    /// Whether everything that was looked at is sound.
    pub fn is_sound(&self) -> bool {
        self.files.iter().all(|file| file.sound != Some(false))
    }
}

/// Says what these files are. Those too large to travel in a line are added to `attachments`.
pub fn examine(files: Vec<Incoming>, attachments: &mut Attachments) -> ImportReport {
    let mut examination = Examination::new(files);
    while examination.step(u64::MAX) {}
    examination.finish(attachments)
}

fn title_of(files: &[Incoming]) -> String {
    let first = files.first().map_or("", |file| &file.path);
    let shown = |name: &str| zip::harmless(name).chars().take(60).collect::<String>();
    match (files.len(), first.split_once('/')) {
        (1, _) => shown(first.rsplit('/').next().unwrap_or(first)),
        (many, Some((dir, _)))
            if files
                .iter()
                .all(|file| file.path.strip_prefix(dir).is_some()) =>
        {
            format!("{}, {many} files", shown(dir))
        }
        (many, _) => format!("{many} files"),
    }
}

fn unknown(file: &Incoming) -> ImportFile {
    ImportFile {
        path: zip::harmless(&file.path),
        kind: ImportKind::Unknown,
        len: file.len,
        read_len: file.bytes.len() as u64,
        sound: None,
        about: "neither a snapshot nor a log, a manifest, a redis.conf or a scenario".into(),
        problem: None,
        redis_version: None,
        goes_to: None,
    }
}

/// What a file is; `None` if it is a snapshot, a log or a manifest, or what is left of one, and has to be read.
fn about(file: &Incoming) -> Option<ImportFile> {
    let bytes = &file.bytes[..];
    if file.len == 0 {
        return Some(ImportFile {
            kind: ImportKind::Empty,
            about: "an empty file: there is nothing in it to load".into(),
            ..unknown(file)
        });
    }
    let is_log = match bytes {
        [b'*', digit, ..] => digit.is_ascii_digit(),
        _ => bytes.starts_with(b"#TS:"),
    };
    if bytes.starts_with(b"REDIS") || bytes.starts_with(b"file ") || is_log {
        return None;
    }
    if let Some(text) = text_of(bytes) {
        if text.starts_with("# lastsave scenario") {
            return Some(scenario(file, text));
        }
        if looks_like_configuration(text) {
            return Some(configuration(file, text));
        }
    }
    // A beginning that is damaged leaves the name.
    let data_ends = [".rdb", ".aof", ".manifest"];
    match data_ends.iter().any(|end| file.path.ends_with(end)) {
        true => None,
        false => Some(unknown(file)),
    }
}

fn scenario(file: &Incoming, text: &str) -> ImportFile {
    let (sound, about) = match Scenario::parse(text) {
        Ok(scenario) => (true, format!("a scenario: {}", scenario.title)),
        Err(error) => (
            false,
            format!(
                "a scenario with a mistake in line {}: {}",
                error.line_number, error.message
            ),
        ),
    };
    ImportFile {
        kind: ImportKind::Scenario,
        sound: Some(sound),
        about,
        ..unknown(file)
    }
}

fn configuration(file: &Incoming, text: &str) -> ImportFile {
    let (_, comments) = strip_trailing_comments(text);
    let about = match comments {
        0 => "a redis.conf".to_owned(),
        1 => {
            "a redis.conf, with a comment behind a directive, which Redis does not take".to_owned()
        }
        many => format!(
            "a redis.conf, with comments behind {many} directives, which Redis does not take"
        ),
    };
    let refused = parse_file(text).err();
    let problem = refused.map(|error| {
        let before = text
            .split_inclusive('\n')
            .take(error.line_number.saturating_sub(1));
        let offset: usize = before.map(str::len).sum();
        (offset as u64, error.to_string())
    });
    ImportFile {
        kind: ImportKind::Configuration,
        sound: Some(problem.is_none()),
        about,
        problem,
        ..unknown(file)
    }
}

/// The bytes, if they are a text that a person could have written.
fn text_of(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let is_text = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    text.chars().all(is_text).then_some(text)
}

/// Whether most lines of a text that are no comments set a parameter.
fn looks_like_configuration(text: &str) -> bool {
    let words = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_whitespace().next());
    let (mut known, mut all) = (0, 0);
    for word in words {
        all += 1;
        known += usize::from(parameter(word.to_ascii_lowercase().as_bytes()).is_some());
    }
    known > 0 && known * 2 > all
}
