//! The manifest: which files make up the data set, in the order they are loaded.

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

/// The files of an append-only log. Lists only; it reads and writes nothing but text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The base, if there is one.
    pub base: Option<FileInfo>,
    /// Files replaced and not deleted yet, newest first as Redis lists them.
    pub history: Vec<FileInfo>,
    /// The incremental files in rising sequence.
    pub incrs: Vec<FileInfo>,
    /// The highest base sequence number given out.
    pub base_seq: u64,
    /// The highest incr sequence number given out.
    pub incr_seq: u64,
}

/// Names derived from `appendfilename` and `appenddirname`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// `appenddirname`.
    pub dir: String,
    /// `appendfilename`.
    pub file: String,
}

/// Why a manifest is refused; all are fatal at start. [`Display`](std::fmt::Display) gives Redis's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestError {
    /// Redis's sentence.
    pub message: &'static str,
    /// The number of the line, from 1, and the line, where there is one to blame.
    pub line: Option<(usize, String)>,
}

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
    /// Reads a manifest's text.
    pub fn parse(text: &[u8]) -> Result<Self, ManifestError> {
        let _ = text;
        todo!("helper")
    }

    /// The manifest's text: base, history, incrs, one line each.
    pub fn format(&self) -> Vec<u8> {
        todo!("helper")
    }

    /// Adds an incr file with the next sequence number and returns its name.
    pub fn add_incr(&mut self, names: &Names) -> String {
        let _ = names;
        todo!("helper")
    }

    /// Makes a new base with the next sequence number the base, and the old base and every incr but the last
    /// `keep_incrs` history. Returns the new base's name.
    pub fn replace_base(&mut self, names: &Names, rdb: bool, keep_incrs: usize) -> String {
        let _ = (names, rdb, keep_incrs);
        todo!("helper")
    }

    /// Takes the history out: the names to delete.
    pub fn take_history(&mut self) -> Vec<String> {
        std::mem::take(&mut self.history)
            .into_iter()
            .map(|info| info.name)
            .collect()
    }
}
