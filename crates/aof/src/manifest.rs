//! The manifest: which files make up the data set, in the order they are loaded.

use lastsave_resp::split_words;
use lastsave_vfs::{Errno, Error, OpenMode, SyncKind, Vfs, read_file, write_all};

use crate::text::{leading_number, line_len, until_nul};

/// The longest line, its line end included.
const MAX_LINE: usize = 1024;

/// Room in a line for all but the name.
const OTHER_WORDS_LEN: usize = 64;

/// The comment of a manifest whose log has ended before the RDB file was saved.
const SUPERSEDED: &[u8] = b"# Superseded by the RDB file.\n";

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// `b`: a snapshot; at most one.
    Base,
    /// `h`: replaced, to be deleted.
    History,
    /// `i`: commands behind the base.
    Incr,
}

impl FileType {
    fn letter(self) -> char {
        match self {
            Self::Base => 'b',
            Self::History => 'h',
            Self::Incr => 'i',
        }
    }
}

/// One line of the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// The name, without a directory.
    pub name: String,
    /// The sequence number, from 1.
    pub seq: u64,
    /// What the file is.
    pub file_type: FileType,
}

/// The files of an append-only log. Lists only: reading and writing the manifest is [`load`] and [`persist`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The base, if there is one.
    pub base: Option<FileInfo>,
    /// Files replaced and not deleted yet, in the order Redis lists them: incrs before the base they followed.
    pub history: Vec<FileInfo>,
    /// The incremental files in rising sequence.
    pub incrs: Vec<FileInfo>,
    /// The highest base sequence number given out.
    pub base_seq: u64,
    /// The highest incr sequence number given out.
    pub incr_seq: u64,
    /// Whether the log was switched off, and an RDB file saved since. Written as a comment, which Redis passes over.
    pub superseded: bool,
}

/// Names derived from `appendfilename` and `appenddirname`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// `appenddirname`.
    pub dir: String,
    /// `appendfilename`.
    pub file: String,
}

/// Why a manifest is refused; all are fatal at start. [`Display`](std::fmt::Display) gives Redis's sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestError {
    /// Redis's sentence.
    pub message: &'static str,
    /// The number of the line, from 1, and the line, where there is one to blame.
    pub line: Option<(usize, String)>,
}

impl ManifestError {
    /// The log messages that Redis ends with, in order; it logs each as a warning.
    pub fn log_messages(&self) -> Vec<String> {
        let mut messages = vec!["\n*** FATAL AOF MANIFEST FILE ERROR ***\n".to_owned()];
        if let Some((number, line)) = &self.line {
            messages.push(format!("Reading the manifest file, at line {number}\n"));
            messages.push(format!(">>> '{line}'\n"));
        }
        messages.push(format!("{}\n", self.message));
        messages
    }
}

impl std::fmt::Display for ManifestError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.message)
    }
}

impl std::error::Error for ManifestError {}

impl Names {
    /// `appenddirname/name`.
    pub fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.dir)
    }
    /// `<file>.manifest`.
    pub fn manifest(&self) -> String {
        format!("{}.manifest", self.file)
    }
    /// `temp-<file>.manifest`.
    pub fn temp_manifest(&self) -> String {
        format!("temp-{}.manifest", self.file)
    }
    /// `temp-<file>.incr`: commands that go with a first rewrite, in no manifest yet.
    pub fn temp_incr(&self) -> String {
        format!("temp-{}.incr", self.file)
    }
    /// `<file>.<seq>.base.rdb`, or `.base.aof` for commands.
    pub fn base(&self, seq: u64, rdb: bool) -> String {
        format!(
            "{}.{seq}.base.{}",
            self.file,
            if rdb { "rdb" } else { "aof" }
        )
    }
    /// `<file>.<seq>.incr.aof`.
    pub fn incr(&self, seq: u64) -> String {
        format!("{}.{seq}.incr.aof", self.file)
    }
}

impl Manifest {
    /// Reads a manifest's text. As in Redis a text of comments only is an empty manifest; an empty text is an
    /// error. Unlike Redis it refuses a sequence number below 0 and a name that is not UTF-8.
    pub fn parse(text: &[u8]) -> Result<Self, ManifestError> {
        let fatal = |message| ManifestError {
            message,
            line: None,
        };
        if text.is_empty() {
            return Err(fatal("Found an empty AOF manifest"));
        }
        let mut manifest = Self::default();
        let mut rest = text;
        let mut number = 0;
        while !rest.is_empty() {
            let taken = line_len(rest, MAX_LINE);
            let (line, behind) = rest.split_at(taken);
            rest = behind;
            number += 1;
            if line[0] == b'#' {
                manifest.superseded |= line == SUPERSEDED;
                continue;
            }
            // A NUL ends the line as Redis sees it, so that one before the line end hides that.
            if line.contains(&0) || !line.ends_with(b"\n") {
                return Err(fatal("The AOF manifest file contains too long line"));
            }
            let line = trim(line);
            manifest.parse_line(line).map_err(|message| ManifestError {
                message,
                line: Some((number, String::from_utf8_lossy(line).into_owned())),
            })?;
        }
        Ok(manifest)
    }

    fn parse_line(&mut self, line: &[u8]) -> Result<(), &'static str> {
        const INVALID: &str = "Invalid AOF manifest file format";
        let words = split_words(line)
            .filter(|words| !line.is_empty() && words.len() >= 6 && words.len() % 2 == 0);
        let words = words.ok_or(INVALID)?;
        let (mut name, mut seq, mut letter) = (None, 0, 0);
        for pair in words.chunks_exact(2) {
            let value = until_nul(&pair[1]);
            match until_nul(&pair[0]).to_ascii_lowercase().as_slice() {
                b"file" => {
                    if value.iter().any(|byte| b"/\\".contains(byte)) {
                        return Err("File can't be a path, just a filename");
                    }
                    name = Some(value);
                }
                b"seq" => seq = leading_number(value),
                b"type" => letter = value.first().copied().unwrap_or(0),
                // A later version may add keys.
                _ => {}
            }
        }
        let name = name.filter(|_| seq != 0 && letter != 0).ok_or(INVALID)?;
        let name = String::from_utf8(name.to_vec()).map_err(|_| INVALID)?;
        // No file has such a name, and in quotes it would make a line that is too long to be read back.
        if quoted(&name).len() > MAX_LINE - OTHER_WORDS_LEN {
            return Err(INVALID);
        }
        let info = |file_type| {
            u64::try_from(seq)
                .map(|seq| FileInfo {
                    name,
                    seq,
                    file_type,
                })
                .map_err(|_| INVALID)
        };
        match letter {
            b'b' if self.base.is_some() => return Err("Found duplicate base file information"),
            b'b' => {
                let base = info(FileType::Base)?;
                self.base_seq = base.seq;
                self.base = Some(base);
            }
            b'h' => self.history.push(info(FileType::History)?),
            b'i' if seq <= self.incr_seq as i64 => {
                return Err("Found a non-monotonic sequence number");
            }
            b'i' => {
                let incr = info(FileType::Incr)?;
                self.incr_seq = incr.seq;
                self.incrs.push(incr);
            }
            _ => return Err("Unknown AOF file type"),
        }
        Ok(())
    }

    /// The manifest's text: base, history, incrs, one line each. Since an empty text is an error, one that lists
    /// nothing has a comment.
    pub fn format(&self) -> Vec<u8> {
        let mut text = String::new();
        if self.base.is_none() && self.history.is_empty() && self.incrs.is_empty() {
            text.push_str("# No base is complete yet.\n");
        }
        if self.superseded {
            text.push_str(str::from_utf8(SUPERSEDED).expect("it is ASCII"));
        }
        for info in self.base.iter().chain(&self.history).chain(&self.incrs) {
            let letter = info.file_type.letter();
            text.push_str(&format!(
                "file {} seq {} type {letter}\n",
                quoted(&info.name),
                info.seq
            ));
        }
        text.into_bytes()
    }

    /// Adds an incr file with the next sequence number and returns its name, which is not that of a file about to be
    /// deleted: a manifest that was read back tells the sequence numbers of the files in use only.
    pub fn add_incr(&mut self, names: &Names) -> String {
        let name = loop {
            self.incr_seq += 1;
            let name = names.incr(self.incr_seq);
            if !self.is_history(&name) {
                break name;
            }
        };
        self.incrs.push(FileInfo {
            name: name.clone(),
            seq: self.incr_seq,
            file_type: FileType::Incr,
        });
        name
    }

    /// Makes a new base with the next sequence number the base, and the old base and every incr but the last
    /// `keep_incrs` history. Returns the new base's name.
    pub fn replace_base(&mut self, names: &Names, rdb: bool, keep_incrs: usize) -> String {
        let name = loop {
            self.base_seq += 1;
            let name = names.base(self.base_seq, rdb);
            if !self.is_history(&name) {
                break name;
            }
        };
        let base = FileInfo {
            name: name.clone(),
            seq: self.base_seq,
            file_type: FileType::Base,
        };
        let old_base = self.base.replace(base);
        self.superseded = false;
        let replaced = self.incrs.len().saturating_sub(keep_incrs);
        let mut history: Vec<FileInfo> = self.incrs.drain(..replaced).chain(old_base).collect();
        for info in &mut history {
            info.file_type = FileType::History;
        }
        history.append(&mut self.history);
        self.history = history;
        name
    }

    /// The names of the files to delete.
    pub fn history_names(&self) -> Vec<String> {
        self.history.iter().map(|info| info.name.clone()).collect()
    }

    /// Takes deleted files off the list.
    pub fn forget_history(&mut self, deleted: &[String]) {
        self.history.retain(|info| !deleted.contains(&info.name));
    }

    fn is_history(&self, name: &str) -> bool {
        self.history.iter().any(|info| info.name == name)
    }

    /// The files that make up the data set, in the order they are loaded.
    pub fn files(&self) -> impl Iterator<Item = &FileInfo> {
        self.base.iter().chain(&self.incrs)
    }
}

/// Why a manifest could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// The file is there and cannot be read.
    Io(Error),
    /// The file was read and is not a manifest.
    Manifest(ManifestError),
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => {
                write!(
                    f,
                    "Fatal error: can't open the AOF manifest file {} for reading: {error}",
                    error.path
                )
            }
            Self::Manifest(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Manifest(error) => Some(error),
        }
    }
}

/// Reads the manifest of a data directory; `None` if it has none.
pub fn load(vfs: &mut dyn Vfs, names: &Names) -> Result<Option<Manifest>, LoadError> {
    match read_file(vfs, &names.path(&names.manifest())) {
        Ok(text) => Manifest::parse(&text)
            .map(Some)
            .map_err(LoadError::Manifest),
        Err(error) if error.errno == Errno::NotFound => Ok(None),
        Err(error) => Err(LoadError::Io(error)),
    }
}

/// The step at which [`persist`] failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PersistStep {
    /// Opening the temporary file.
    Open,
    /// Writing it.
    Write,
    /// Making its bytes durable.
    Sync,
    /// Giving it its name.
    Rename,
    /// Making that name durable.
    SyncDir,
}

/// A manifest that is not durably in place. [`Display`](std::fmt::Display) gives what Redis logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersistError {
    /// How far it came.
    pub step: PersistStep,
    /// Why it came no further.
    pub error: Error,
    names: Names,
}

impl PersistError {
    /// Whether the new manifest has already taken the old one's place for everyone who looks, so that no file it
    /// names may be deleted; nor one that only the old one names, which a power loss may still bring back.
    pub fn replaced(&self) -> bool {
        self.step == PersistStep::SyncDir
    }
}

impl std::fmt::Display for PersistError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (temp, manifest, error) = (
            self.names.temp_manifest(),
            self.names.manifest(),
            &self.error,
        );
        match self.step {
            PersistStep::Open => write!(f, "Can't open the AOF manifest file {temp}: {error}"),
            PersistStep::Write => {
                write!(
                    f,
                    "Error trying to write the temporary AOF manifest file {temp}: {error}"
                )
            }
            PersistStep::Sync => write!(f, "Fail to fsync the temp AOF file {temp}: {error}."),
            PersistStep::Rename => write!(
                f,
                "Error trying to rename the temporary AOF manifest file {temp} into {manifest}: {error}"
            ),
            PersistStep::SyncDir => {
                write!(
                    f,
                    "Fail to fsync AOF directory {}: {error}.",
                    self.names.path(&manifest)
                )
            }
        }
    }
}

impl std::error::Error for PersistError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Puts a manifest in place: a temporary file, written and synced, renamed over the old one, and the directory
/// synced, which makes the names of the files it lists durable too. A power loss at any point leaves the old
/// or the new one whole.
pub fn persist(vfs: &mut dyn Vfs, names: &Names, manifest: &Manifest) -> Result<(), PersistError> {
    let at = |step| {
        move |error| PersistError {
            step,
            error,
            names: names.clone(),
        }
    };
    let temp = names.path(&names.temp_manifest());
    let file = vfs
        .open(&temp, OpenMode::Truncate)
        .map_err(at(PersistStep::Open))?;
    let written = write_all(vfs, file, &manifest.format())
        .map_err(|(_, error)| at(PersistStep::Write)(error))
        .and_then(|()| {
            vfs.sync(file, SyncKind::Data)
                .map_err(at(PersistStep::Sync))
        });
    vfs.close(file);
    written?;
    vfs.rename(&temp, &names.path(&names.manifest()))
        .map_err(at(PersistStep::Rename))?;
    vfs.sync_dir(&names.dir).map_err(at(PersistStep::SyncDir))
}

fn trim(line: &[u8]) -> &[u8] {
    let blank = |byte: &u8| !b" \t\r\n".contains(byte);
    let start = line.iter().position(blank).unwrap_or(line.len());
    let end = line.iter().rposition(blank).map_or(start, |last| last + 1);
    &line[start..end]
}

/// A name as the manifest writes it: in quotes if it holds a blank, a quote, a backslash or a byte that does not
/// print. Redis leaves an apostrophe bare, and then cannot read its own manifest.
fn quoted(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"'\\".contains(&byte);
    if name.bytes().all(plain) {
        return name.to_owned();
    }
    let mut quoted = String::from('"');
    for byte in name.bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', byte as char]),
            b'\n' => quoted.push_str("\\n"),
            b'\r' => quoted.push_str("\\r"),
            b'\t' => quoted.push_str("\\t"),
            7 => quoted.push_str("\\a"),
            8 => quoted.push_str("\\b"),
            b' '..=b'~' => quoted.push(byte as char),
            _ => quoted.push_str(&format!("\\x{byte:02x}")),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use lastsave_vfs::{EveryChoice, Fault, Op, SimDisk, Survival};

    use super::*;

    fn names() -> Names {
        Names {
            dir: "appendonlydir".to_owned(),
            file: "appendonly.aof".to_owned(),
        }
    }

    fn message(text: &[u8]) -> &'static str {
        Manifest::parse(text).map_or_else(|error| error.message, |_| "ok")
    }

    #[test]
    fn a_rewrite_as_redis_writes_it() {
        let mut manifest = Manifest::default();
        manifest.replace_base(&names(), true, 0);
        manifest.add_incr(&names());
        manifest.add_incr(&names());
        manifest.add_incr(&names());
        assert_eq!(
            manifest.replace_base(&names(), false, 1),
            "appendonly.aof.2.base.aof"
        );
        let text = "file appendonly.aof.2.base.aof seq 2 type b\n\
                    file appendonly.aof.1.incr.aof seq 1 type h\n\
                    file appendonly.aof.2.incr.aof seq 2 type h\n\
                    file appendonly.aof.1.base.rdb seq 1 type h\n\
                    file appendonly.aof.3.incr.aof seq 3 type i\n";
        assert_eq!(String::from_utf8(manifest.format()).as_deref(), Ok(text));
        assert_eq!(Manifest::parse(text.as_bytes()).as_ref(), Ok(&manifest));
        let history = manifest.history_names();
        assert_eq!(history.len(), 3);
        manifest.forget_history(&history);
        assert_eq!(
            manifest.files().map(|info| info.seq).collect::<Vec<_>>(),
            [2, 3]
        );
    }

    #[test]
    fn an_empty_manifest_is_no_empty_file() {
        let text = Manifest::default().format();
        assert_eq!(Manifest::parse(&text), Ok(Manifest::default()));
    }

    #[test]
    fn a_new_file_never_has_the_name_of_one_about_to_be_deleted() {
        let text: &[u8] = b"file appendonly.aof.2.base.rdb seq 2 type b\n\
                            file appendonly.aof.1.incr.aof seq 1 type h\n\
                            file appendonly.aof.3.base.rdb seq 3 type h\n";
        let mut manifest = Manifest::parse(text).expect("a manifest");
        assert_eq!(manifest.add_incr(&names()), "appendonly.aof.2.incr.aof");
        let base = manifest.replace_base(&names(), true, 1);
        assert_eq!(base, "appendonly.aof.4.base.rdb");
    }

    #[test]
    fn names_that_need_quotes_come_back() {
        let names = Names {
            file: "my \"a\\\to\u{7}f\u{e9}".to_owned(),
            ..names()
        };
        let mut manifest = Manifest::default();
        manifest.add_incr(&names);
        let text = manifest.format();
        let expected: &[u8] = br#"file "my \"a\\\to\af\xc3\xa9.1.incr.aof" seq 1 type i"#;
        assert_eq!(text.strip_suffix(b"\n"), Some(expected));
        // Redis takes a backslash for a path when it reads its own manifest back.
        assert_eq!(message(&text), "File can't be a path, just a filename");
        let names = Names {
            file: "it's my \"aof\u{e9}".to_owned(),
            ..names
        };
        let mut manifest = Manifest::default();
        manifest.add_incr(&names);
        assert_eq!(Manifest::parse(&manifest.format()), Ok(manifest));
    }

    #[test]
    fn redis_words_for_what_it_refuses() {
        const INVALID: &str = "Invalid AOF manifest file format";
        const LONG: &str = "The AOF manifest file contains too long line";
        let long = [b"file ", &[b'x'; 1100][..], b" seq 1 type i\n"].concat();
        let cases: &[(&[u8], &str)] = &[
            (b"", "Found an empty AOF manifest"),
            (b"# nothing\n", "ok"),
            (b"file a seq 1 type b", LONG),
            (b"file a seq 1\0 type b\n", LONG),
            (&long, LONG),
            (b"\n", INVALID),
            (b"file a seq 1\n", INVALID),
            (b"file a seq 0 type b\n", INVALID),
            (b"file a seq 1 type b more\n", INVALID),
            (b"file a seq 1 type b more words\n", "ok"),
            (b"FILE a SEQ 1x TYPE base\r\n", "ok"),
            (b"file \"a b seq 1 type i\n", INVALID),
            (b"file a seq 1 type x\n", "Unknown AOF file type"),
            (
                b"file a/b seq 1 type i\n",
                "File can't be a path, just a filename",
            ),
            (
                b"file a seq 1 type b\nfile b seq 2 type b\n",
                "Found duplicate base file information",
            ),
            (
                b"file a seq 2 type i\nfile b seq 2 type i\n",
                "Found a non-monotonic sequence number",
            ),
            (
                b"file a seq -1 type i\n",
                "Found a non-monotonic sequence number",
            ),
            (b"file a seq 2 type i\nfile b seq 9 type i\n", "ok"),
        ];
        for (text, expected) in cases {
            assert_eq!(message(text), *expected, "{}", text.escape_ascii());
        }
        let error = Manifest::parse(b"# c\nfile a  \n").expect_err("too few words");
        let expected = [
            "\n*** FATAL AOF MANIFEST FILE ERROR ***\n",
            "Reading the manifest file, at line 2\n",
            ">>> 'file a'\n",
            "Invalid AOF manifest file format\n",
        ];
        assert_eq!(error.log_messages(), expected);
    }

    #[test]
    fn a_truncated_manifest_is_refused_or_a_prefix() {
        let text: &[u8] = b"file a seq 1 type b\nfile b seq 1 type h\nfile c seq 3 type i\n";
        for len in 0..text.len() {
            let line_ends = text[..len].iter().filter(|&&byte| byte == b'\n').count();
            match Manifest::parse(&text[..len]) {
                Ok(manifest) => {
                    assert!(text[..len].ends_with(b"\n"));
                    assert_eq!(manifest.files().count() + manifest.history.len(), line_ends);
                }
                Err(_) => assert!(!text[..len].ends_with(b"\n")),
            }
        }
    }

    /// Puts a second manifest in place of a first.
    fn replaced(disk: &mut SimDisk) -> (Manifest, Manifest, Result<(), PersistError>) {
        let mut old = Manifest::default();
        old.add_incr(&names());
        disk.write_file("appendonlydir/appendonly.aof.manifest", &old.format())
            .expect("write_file");
        let mut new = old.clone();
        new.add_incr(&names());
        let result = persist(disk, &names(), &new);
        (old, new, result)
    }

    #[test]
    fn a_crash_leaves_the_old_manifest_or_the_new() {
        let mut whole = SimDisk::new(None);
        replaced(&mut whole).2.expect("no fault");
        for op in 1..=whole.op_count() {
            for point in [
                lastsave_vfs::CrashPoint::Before,
                lastsave_vfs::CrashPoint::After,
            ] {
                let mut disk = SimDisk::new(None);
                disk.crash_at(op, point);
                let (old, new, result) = replaced(&mut disk);
                // Sizes in between give thousands of ways to be torn, none of which may ever be looked at.
                let survivals = [Survival::None, Survival::All]
                    .into_iter()
                    .chain((0..50).map(Survival::Seeded));
                for survival in survivals {
                    let mut disk = disk.clone();
                    disk.power_loss(survival);
                    let left = load(&mut disk, &names())
                        .expect("whole")
                        .expect("there is one");
                    assert!(
                        left == new || (left == old && result.is_err()),
                        "{survival:?} at {op}"
                    );
                }
            }
        }
        let mut choice = EveryChoice::new();
        while choice.next_round() {
            let mut disk = whole.clone();
            disk.power_loss_by(&mut choice);
            assert_eq!(
                load(&mut disk, &names())
                    .expect("whole")
                    .expect("there is one")
                    .incrs
                    .len(),
                2
            );
        }
    }

    #[test]
    fn each_failure_says_what_redis_logs() {
        let cases = [
            (
                Op::Open,
                "Can't open the AOF manifest file temp-appendonly.aof.manifest: Input/output error",
            ),
            (
                Op::Write,
                "Error trying to write the temporary AOF manifest file temp-appendonly.aof.manifest: Input/output error",
            ),
            (
                Op::Sync,
                "Fail to fsync the temp AOF file temp-appendonly.aof.manifest: Input/output error.",
            ),
            (
                Op::Rename,
                "Error trying to rename the temporary AOF manifest file temp-appendonly.aof.manifest into \
                 appendonly.aof.manifest: Input/output error",
            ),
            (
                Op::SyncDir,
                "Fail to fsync AOF directory appendonlydir/appendonly.aof.manifest: Input/output error.",
            ),
        ];
        for (op, words) in cases {
            let mut disk = SimDisk::new(None);
            disk.add_fault(Fault::once(op, Errno::Io));
            let (old, new, result) = replaced(&mut disk);
            let error = result.expect_err("ordered");
            assert_eq!(error.to_string(), words);
            let now = load(&mut disk, &names())
                .expect("whole")
                .expect("there is one");
            assert_eq!(now, if error.replaced() { new } else { old });
        }
    }

    #[test]
    fn no_directory_is_no_manifest() {
        let mut disk = SimDisk::new(None);
        assert_eq!(load(&mut disk, &names()), Ok(None));
        disk.make_dirs("appendonlydir").expect("make_dirs");
        assert_eq!(load(&mut disk, &names()), Ok(None));
        disk.add_fault(Fault::always(Op::Open, Errno::PermissionDenied));
        disk.write_file("appendonlydir/appendonly.aof.manifest", b"")
            .expect("write_file");
        let error = load(&mut disk, &names()).expect_err("not readable");
        let words = "Fatal error: can't open the AOF manifest file appendonlydir/appendonly.aof.manifest for \
                     reading: Permission denied";
        assert_eq!(error.to_string(), words);
    }
}
