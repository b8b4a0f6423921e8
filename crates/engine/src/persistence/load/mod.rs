//! The start: what is loaded, what is repaired, what is refused.
//!
//! With `appendonly yes` the append-only files are the data set and the RDB file is not looked at, with one exception
//! that Redis does not make: where there is no append-only file at all but an RDB file is, its data are loaded and the
//! first base is made from them, instead of starting empty. A set of files that cannot be loaded is refused before
//! anything is changed.

mod clock;
mod listed;
mod open;
mod replay;
mod snapshot;
mod warm;

use lastsave_aof::{FileInfo, FileType, Manifest, Names, persist};
use lastsave_vfs::{Errno, FileId, OpenMode, SyncKind, Vfs};

pub(crate) use self::clock::Loading;
use self::clock::{Clock, Ended};
use self::replay::{Replayed, Replayer};
use self::snapshot::{Rest, SnapshotError};
pub(crate) use self::warm::LoadEnd;
pub use self::warm::Loaded;
use self::warm::Resumed;
use crate::engine::Engine;
use crate::faithful::Defect;
use crate::{Level, LoadProgress, LoadSource, LoadedFile};

/// A file of the log, where it is now.
struct Part<'a> {
    info: &'a FileInfo,
    path: String,
    /// Whether no bytes of the log follow it.
    is_last: bool,
    /// Where it is to be gone on with, if the files before it are loaded already.
    resumed: Option<Resumed>,
}

/// A single file of Redis before 7.0, to be loaded where it is and moved into the directory only when that has gone well.
#[derive(Clone, Copy)]
struct OldFile {
    /// Whether the manifest on the disk names it already: moving it was begun by a run that died.
    listed: bool,
}

/// Loading was ended from outside: there is nothing to add to what the log says of it.
const ENDED: String = String::new();

impl From<Ended> for String {
    fn from(_: Ended) -> Self {
        ENDED
    }
}

impl Engine {
    /// Loads the data set and opens the log. The message of an error is logged by the caller; it is empty if loading was
    /// ended from outside.
    pub(crate) fn load(
        &mut self,
        vfs: &mut dyn Vfs,
        read_clock: &mut dyn FnMut(&mut Self, &LoadProgress) -> u64,
    ) -> Result<(), String> {
        let mut clock = Clock::new(read_clock);
        let started_us = self.now_us;
        self.keyspace.set_restore_time(started_us);
        if self.config.appendonly {
            let names = self.aof_names();
            let found = lastsave_aof::load(vfs, &names).map_err(|error| error.to_string())?;
            self.refuse_unlisted_files(found.as_ref(), &names, vfs)?;
            let mut manifest = found.unwrap_or_default();
            let mut old_file = adopt_old_file(&mut manifest, &names, vfs);
            if self.repeats(Defect::MovedBeforeLoaded) {
                self.move_old_file(old_file.take(), &manifest, &names, vfs)?;
            }
            let is_new = manifest.base.is_none() && manifest.incrs.is_empty();
            if is_new {
                self.load_rdb_instead(vfs, &mut clock)?;
            } else if self.log_is_superseded(&manifest, vfs) {
                self.load_rdb_logged(vfs, &mut clock)?;
                self.put_log_aside(&names, vfs)?;
                manifest = Manifest::default();
            } else {
                self.load_aof_files(&manifest, &names, old_file.is_some(), vfs, &mut clock)?;
                self.move_old_file(old_file, &manifest, &names, vfs)?;
                let seconds = self.seconds_since(started_us, &mut clock)?;
                self.log(
                    Level::Notice,
                    format!("DB loaded from append only file: {seconds:.3} seconds"),
                );
            }
            self.loading = None;
            self.remove_orphans(&names, vfs);
            self.open_log(manifest, &names, vfs)
        } else {
            let names = self.aof_names();
            // A manifest that cannot be read is refused also while the log is off, before anything is built on it.
            let manifest = self.manifest_on_disk(&names, vfs)?;
            self.warn_of_ignored_log(&manifest);
            self.load_rdb_logged(vfs, &mut clock)?;
            self.loading = None;
            self.remove_orphans(&names, vfs);
            if !self.config.aof_disable_auto_gc {
                self.remove_history(&names, manifest.history_names());
            }
            Ok(())
        }
    }

    fn seconds_since(&mut self, start_us: u64, clock: &mut Clock<'_>) -> Result<f64, Ended> {
        self.ask_clock(clock)?;
        Ok(self.now_us.saturating_sub(start_us) as f64 / 1e6)
    }

    /// Moves a single file of Redis before 7.0 into the directory, where the manifest has it as its base. Each step can be
    /// repeated.
    fn move_old_file(
        &mut self,
        old_file: Option<OldFile>,
        manifest: &Manifest,
        names: &Names,
        vfs: &mut dyn Vfs,
    ) -> Result<(), String> {
        let old = &names.file;
        let Some(OldFile { listed }) = old_file else {
            return Ok(());
        };
        let fail = |error: lastsave_vfs::Error| {
            format!(
                "Error trying to move the old AOF file {old} into dir {}: {error}",
                names.dir
            )
        };
        self.ensure_aof_dir(names, vfs).map_err(|error| {
            format!(
                "Can't open or create append-only dir {}: {error}",
                names.dir
            )
        })?;
        if !listed {
            persist(vfs, names, manifest).map_err(|error| error.to_string())?;
        }
        vfs.rename(old, &names.path(old)).map_err(fail)?;
        vfs.sync_dir(&names.dir)
            .and_then(|()| vfs.sync_dir(""))
            .map_err(fail)?;
        self.log(
            Level::Notice,
            format!(
                "Successfully migrated an old-style AOF file ({old}) into the AOF directory ({}).",
                names.dir
            ),
        );
        Ok(())
    }

    /// There is no log yet. If there is an RDB file, its data are what the operator means to keep.
    fn load_rdb_instead(&mut self, vfs: &mut dyn Vfs, clock: &mut Clock<'_>) -> Result<(), String> {
        let path = self.config.dbfilename.clone();
        if self.repeats(Defect::EmptyWithoutLog) || !exists(vfs, &path) {
            return Ok(());
        }
        self.log(
            Level::Warning,
            format!("appendonly is yes but there is no append-only file. Loading {path} instead of starting empty, and building the append-only file from it."),
        );
        self.load_rdb_logged(vfs, clock)
    }

    /// Loads the RDB file, if there is one, and says how long that took.
    fn load_rdb_logged(&mut self, vfs: &mut dyn Vfs, clock: &mut Clock<'_>) -> Result<(), String> {
        let path = self.config.dbfilename.clone();
        let started_us = self.now_us;
        if self.load_rdb_file(&path, vfs, clock)? {
            self.load_report.source = LoadSource::Rdb;
            let seconds = self.seconds_since(started_us, clock)?;
            self.log(
                Level::Notice,
                format!("DB loaded from disk: {seconds:.3} seconds"),
            );
        }
        Ok(())
    }

    /// Loads the base and the incr files in order. Only the last may have a torn tail, which is cut.
    fn load_aof_files(
        &mut self,
        manifest: &Manifest,
        names: &Names,
        base_is_outside: bool,
        vfs: &mut dyn Vfs,
        clock: &mut Clock<'_>,
    ) -> Result<(), String> {
        let files: Vec<&FileInfo> = manifest.base.iter().chain(&manifest.incrs).collect();
        let path_of = |info: &FileInfo| {
            if base_is_outside && info.file_type == FileType::Base {
                info.name.clone()
            } else {
                names.path(&info.name)
            }
        };
        let mut total_bytes = 0;
        for info in &files {
            let Some(len) = len_of(vfs, &path_of(info)) else {
                return Err(format!(
                    "The append log file {} doesn't exist: No such file or directory",
                    info.name
                ));
            };
            total_bytes += len;
        }
        self.begin_loading(total_bytes);
        self.load_report.source = LoadSource::Aof;
        let mut replayer = Replayer::default();
        let paths: Vec<String> = files.iter().map(|info| names.path(&info.name)).collect();
        let resumed = self.take_over(&paths, clock);
        let loaded = resumed.map_or(0, |_| files.len() - 1);
        for (index, info) in files.iter().enumerate().skip(loaded) {
            let started_us = self.now_us;
            // A rewrite names its new file before the old one is synced, but writes nothing to it until then. So a power
            // loss may tear the old one while the new one is empty.
            let behind = &files[index + 1..];
            let is_last = behind.is_empty()
                || info.file_type == FileType::Incr
                    && behind
                        .iter()
                        .all(|info| is_empty(vfs, &names.path(&info.name)));
            let part = Part {
                info,
                path: path_of(info),
                is_last,
                resumed,
            };
            self.load_aof_file(&part, names, &mut replayer, vfs, clock)?;
            let seconds = self.seconds_since(started_us, clock)?;
            let kind = if info.file_type == FileType::Base {
                "base"
            } else {
                "incr"
            };
            self.log(
                Level::Notice,
                format!(
                    "DB loaded from {kind} file {}: {seconds:.3} seconds",
                    info.name
                ),
            );
        }
        let goes_on = replayer.ends_whole()
            && files
                .last()
                .is_some_and(|info| info.file_type == FileType::Incr);
        self.note_end(clock, replayer.db(), goes_on);
        Ok(())
    }

    fn load_aof_file(
        &mut self,
        part: &Part<'_>,
        names: &Names,
        replayer: &mut Replayer,
        vfs: &mut dyn Vfs,
        clock: &mut Clock<'_>,
    ) -> Result<(), String> {
        let Part {
            info,
            path,
            is_last,
            resumed,
        } = part;
        let name = &info.name;
        let file = vfs.open(path, OpenMode::Read).map_err(|error| {
            format!("Fatal error: can't open the append log file {name} for reading: {error}")
        })?;
        let file_len = vfs.len(file).unwrap_or(0);
        // Every file is loaded by a new stand-in, in database 0.
        *replayer = Replayer::default();
        let loaded = match resumed {
            Some(resumed) => self.load_rest(&info.name, file, *resumed, replayer, vfs, clock),
            None => self.load_open_file(info, names, file, replayer, vfs, clock),
        };
        vfs.close(file);
        let replayed = loaded?;
        if let Some(len) = replayed.cut_to {
            self.cut_torn_tail(name, path, len, *is_last, vfs)?;
        }
        self.load_report.files.push(LoadedFile {
            path: names.path(name),
            used_len: replayed.cut_to.unwrap_or(file_len),
            file_len,
            items: replayed.items,
            unchecked_from: replayed.unchecked_from,
        });
        Ok(())
    }

    /// Loads what is behind the commands that are loaded already.
    fn load_rest(
        &mut self,
        name: &str,
        file: FileId,
        resumed: Resumed,
        replayer: &mut Replayer,
        vfs: &mut dyn Vfs,
        clock: &mut Clock<'_>,
    ) -> Result<Replayed, String> {
        replayer.select(resumed.db);
        let rest = Rest {
            ahead: Vec::new(),
            reader: lastsave_vfs::Reader::from(vfs, file, resumed.offset),
            offset: resumed.offset,
        };
        let mut replayed = self.replay(name, rest, replayer, clock)?;
        replayed.items += resumed.items;
        Ok(replayed)
    }

    fn load_open_file(
        &mut self,
        info: &FileInfo,
        names: &Names,
        file: FileId,
        replayer: &mut Replayer,
        vfs: &mut dyn Vfs,
        clock: &mut Clock<'_>,
    ) -> Result<Replayed, String> {
        let name = &info.name;
        let is_old_style = *name == names.file;
        let mut signature = [0; 5];
        let is_rdb = vfs
            .read_at(file, 0, &mut signature)
            .is_ok_and(|len| len == 5)
            && signature == *b"REDIS";
        let reader = lastsave_vfs::Reader::new(vfs, file);
        if !is_rdb {
            return self.replay(
                name,
                Rest {
                    ahead: Vec::new(),
                    reader,
                    offset: 0,
                },
                replayer,
                clock,
            );
        }
        self.log(
            Level::Notice,
            if is_old_style {
                "Reading RDB preamble from AOF file..."
            } else {
                "Reading RDB base file on AOF loading..."
            },
        );
        let (rest, keys) = self.load_snapshot(reader, true, clock).map_err(|error| {
            let error = match error {
                SnapshotError::Decode(error) => error,
                SnapshotError::Ended => return ENDED,
            };
            self.log_decode_error(&error);
            let what = if is_old_style {
                "RDB preamble of the AOF file"
            } else {
                "RDB base file"
            };
            format!("Error reading the {what} {name}, AOF loading aborted")
        })?;
        if is_old_style {
            self.log(Level::Notice, "Reading the remaining AOF tail...");
        }
        let mut replayed = self.replay(name, rest, replayer, clock)?;
        replayed.items += keys;
        Ok(replayed)
    }

    /// DEBUG RELOAD: loads the RDB file in place of the data, or on top of them.
    pub(crate) fn reload_rdb(
        &mut self,
        flush: bool,
        merge: bool,
        vfs: &mut dyn Vfs,
    ) -> Result<(), String> {
        if flush {
            self.keyspace.clear();
        } else if !merge && !self.keyspace.is_empty() {
            return Err(
                "DEBUG RELOAD NOFLUSH finds keys that are there already; MERGE replaces them"
                    .into(),
            );
        }
        let now_us = self.now_us;
        let mut read = |_: &mut Self, _: &LoadProgress| now_us;
        let path = self.config.dbfilename.clone();
        let report = std::mem::take(&mut self.load_report);
        let loaded = self.load_rdb_file(&path, vfs, &mut Clock::new(&mut read));
        self.loading = None;
        self.load_report = report;
        match loaded {
            Ok(true) => Ok(()),
            Ok(false) => Err(format!("There is no {path}")),
            Err(message) => Err(message),
        }
    }

    /// DEBUG LOADAOF: loads the files of the log, whether or not it is on, in place of the data.
    pub(crate) fn reload_aof(&mut self, vfs: &mut dyn Vfs) -> Result<(), String> {
        let (manifest, names) = match &self.aof {
            Some(aof) => (aof.manifest.clone(), aof.names.clone()),
            None => {
                let names = self.aof_names();
                (self.manifest_on_disk(&names, vfs)?, names)
            }
        };
        self.keyspace.clear();
        let now_us = self.now_us;
        let mut read = |_: &mut Self, _: &LoadProgress| now_us;
        let report = std::mem::take(&mut self.load_report);
        let loaded = self.load_aof_files(&manifest, &names, false, vfs, &mut Clock::new(&mut read));
        self.loading = None;
        self.load_report = report;
        loaded
    }

    fn cut_torn_tail(
        &mut self,
        name: &str,
        path: &str,
        len: u64,
        is_last: bool,
        vfs: &mut dyn Vfs,
    ) -> Result<(), String> {
        if !is_last && !self.repeats(Defect::CutBeforeRefusal) {
            return Err("Fatal error: the truncated file is not the last file".into());
        }
        if !self.config.aof_load_truncated {
            return Err(format!(
                "Unexpected end of file reading the append only file {name}. You can: 1) Make a backup of your AOF file, then use ./redis-check-aof --fix <filename.manifest>. 2) Alternatively you can set the 'aof-load-truncated' configuration option to yes and restart the server."
            ));
        }
        self.log(
            Level::Warning,
            format!("!!! Warning: short read while loading the AOF file {name}!!!"),
        );
        self.log(
            Level::Warning,
            format!("!!! Truncating the AOF {name} at offset {len} !!!"),
        );
        let cut = vfs.open(path, OpenMode::Update).and_then(|file| {
            let result = vfs
                .truncate(file, len)
                .and_then(|()| vfs.sync(file, SyncKind::All));
            vfs.close(file);
            result
        });
        if let Err(error) = cut {
            return Err(format!("Error truncating the AOF file {name}: {error}"));
        }
        self.log(
            Level::Warning,
            format!("AOF {name} loaded anyway because aof-load-truncated is enabled"),
        );
        if is_last {
            Ok(())
        } else {
            Err("Fatal error: the truncated file is not the last file".into())
        }
    }
}

/// Makes the old single file the base if there is no other log, or if there was none when moving it was begun.
fn adopt_old_file(manifest: &mut Manifest, names: &Names, vfs: &mut dyn Vfs) -> Option<OldFile> {
    let old = &names.file;
    let is_new = manifest.base.is_none() && manifest.incrs.is_empty();
    let listed = manifest.incrs.is_empty()
        && manifest.base.as_ref().is_some_and(|base| base.name == *old)
        && !exists(vfs, &names.path(old));
    if !(is_new || listed) || !exists(vfs, old) {
        return None;
    }
    if is_new {
        manifest.base = Some(FileInfo {
            name: old.clone(),
            seq: 1,
            file_type: FileType::Base,
        });
        manifest.base_seq = 1;
    }
    Some(OldFile { listed })
}

fn is_empty(vfs: &mut dyn Vfs, path: &str) -> bool {
    vfs.open(path, OpenMode::Read).is_ok_and(|file| {
        let len = vfs.len(file);
        vfs.close(file);
        len.is_ok_and(|len| len == 0)
    })
}

/// The size of a file, `None` if there is none; 0 if it cannot be told: what follows will say why.
fn len_of(vfs: &mut dyn Vfs, path: &str) -> Option<u64> {
    match vfs.open(path, OpenMode::Read) {
        Ok(file) => {
            let len = vfs.len(file);
            vfs.close(file);
            Some(len.unwrap_or(0))
        }
        Err(error) => (error.errno != Errno::NotFound).then_some(0),
    }
}

/// Whether there is such a file. A file that cannot be looked at exists all the same: what follows will say why it
/// cannot be used.
pub(crate) fn exists(vfs: &mut dyn Vfs, path: &str) -> bool {
    find(vfs, path).unwrap_or(true)
}

/// Whether there is such a file, or why nobody can say.
pub(crate) fn find(vfs: &mut dyn Vfs, path: &str) -> Result<bool, lastsave_vfs::Error> {
    match vfs.open(path, OpenMode::Read) {
        Ok(file) => {
            vfs.close(file);
            Ok(true)
        }
        Err(error) if error.errno == Errno::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
