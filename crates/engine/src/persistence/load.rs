//! The start: what is loaded, what is repaired, what is refused.
//!
//! With `appendonly yes` the append-only files are the data set and the RDB file is not looked at, with one exception
//! that Redis does not make: where there is no append-only file at all but an RDB file is, its data are loaded and the
//! first base is made from them, instead of starting empty. A set of files that cannot be loaded is refused before
//! anything is changed.

use std::io::Read;

use lastsave_aof::{Entry, FileInfo, FileType, Manifest, Names, ReadError, Writer, persist};
use lastsave_keyspace::{Call, Handler, Origin, ServerCommand, lookup};
use lastsave_rdb::{DecodeError, DecodeErrorKind, Decoder, Item};
use lastsave_resp::{Args, ArgsBuf, Reply};
use lastsave_vfs::{Errno, FileId, OpenMode, SyncKind, Vfs};

use super::aof::Aof;
use crate::engine::Engine;
use crate::job::JobKind;
use crate::{Event, Level, LoadProgress, LoadSource, LoadedFile};

/// How often the clock is asked while loading, in items.
const ITEMS_PER_CLOCK: u64 = 1024;

/// Time and work while loading.
struct Clock<'a> {
    read: &'a mut dyn FnMut(&LoadProgress) -> u64,
    progress: LoadProgress,
}

/// How a file of commands ended.
enum Ending {
    Whole,
    /// It is to be cut to this length before anything is appended to it.
    CutTo(u64),
}

/// The loader's stand-in for a client: its database and its open transaction.
#[derive(Default)]
struct Replayer {
    db: usize,
    /// The commands behind MULTI, and the file offset before it.
    transaction: Option<(u64, Vec<ArgsBuf>)>,
    reply: Reply,
}

impl Engine {
    /// Loads the data set and opens the log. The message of an error is logged by the caller.
    pub(crate) fn load(
        &mut self,
        vfs: &mut dyn Vfs,
        read_clock: &mut dyn FnMut(&LoadProgress) -> u64,
    ) -> Result<(), String> {
        let mut clock = Clock {
            read: read_clock,
            progress: LoadProgress::default(),
        };
        let started_us = self.now_us;
        if self.config.appendonly {
            let names = self.aof_names();
            let mut manifest = lastsave_aof::load(vfs, &names)
                .map_err(|error| error.to_string())?
                .unwrap_or_default();
            self.upgrade_old_file(&mut manifest, &names, vfs)?;
            let is_new = manifest.base.is_none() && manifest.incrs.is_empty();
            if is_new {
                self.refuse_unlisted_files(&names, vfs)?;
                self.load_rdb_instead(vfs, &mut clock)?;
            } else {
                self.load_aof_files(&manifest, &names, vfs, &mut clock)?;
                let seconds = self.seconds_since(started_us, &mut clock);
                self.log(
                    Level::Notice,
                    format!("DB loaded from append only file: {seconds:.3} seconds"),
                );
            }
            self.remove_orphans(&names, vfs);
            self.open_log(manifest, names, vfs)
        } else {
            let path = self.config.dbfilename.clone();
            if self.load_rdb_file(&path, vfs, &mut clock)? {
                self.load_report.source = LoadSource::Rdb;
                let seconds = self.seconds_since(started_us, &mut clock);
                self.log(
                    Level::Notice,
                    format!("DB loaded from disk: {seconds:.3} seconds"),
                );
            }
            let names = self.aof_names();
            self.remove_orphans(&names, vfs);
            Ok(())
        }
    }

    fn seconds_since(&mut self, start_us: u64, clock: &mut Clock<'_>) -> f64 {
        self.now_us = (clock.read)(&clock.progress).max(self.now_us);
        (self.now_us - start_us) as f64 / 1e6
    }

    fn count_item(&mut self, clock: &mut Clock<'_>) {
        if (clock.progress.keys + clock.progress.commands) % ITEMS_PER_CLOCK == 0 {
            self.now_us = (clock.read)(&clock.progress).max(self.now_us);
        }
    }

    /// Moves a single file of Redis before 7.0 into the directory, as its base. Each step can be repeated.
    fn upgrade_old_file(
        &mut self,
        manifest: &mut Manifest,
        names: &Names,
        vfs: &mut dyn Vfs,
    ) -> Result<(), String> {
        let old = names.file.clone();
        if !exists(vfs, &old) {
            return Ok(());
        }
        let listed_alone = manifest.incrs.is_empty()
            && manifest.base.as_ref().is_some_and(|base| base.name == old)
            && !exists(vfs, &names.path(&old));
        let is_new = manifest.base.is_none() && manifest.incrs.is_empty();
        if !is_new && !listed_alone {
            return Ok(());
        }
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
        if is_new {
            manifest.base = Some(FileInfo {
                name: old.clone(),
                seq: 1,
                file_type: FileType::Base,
            });
            manifest.base_seq = 1;
            persist(vfs, names, manifest).map_err(|error| error.to_string())?;
        }
        vfs.rename(&old, &names.path(&old)).map_err(fail)?;
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

    /// Files of a log without a manifest: starting empty would overwrite some and mix in others.
    fn refuse_unlisted_files(&mut self, names: &Names, vfs: &mut dyn Vfs) -> Result<(), String> {
        if self.config.redis_faithful {
            return Ok(());
        }
        let prefix = format!("{}.", names.file);
        let listed = vfs.list(&names.dir).unwrap_or_default();
        let Some(stray) = listed.iter().find(|entry| {
            entry.name.starts_with(&prefix)
                && (entry.name.ends_with(".base.rdb")
                    || entry.name.ends_with(".base.aof")
                    || entry.name.ends_with(".incr.aof"))
                && entry.len > 0
        }) else {
            return Ok(());
        };
        Err(format!(
            "Fatal error: {} holds {} but the manifest {} is missing. Nothing was changed. Restore the manifest, or move the files away to start empty.",
            names.dir,
            stray.name,
            names.manifest(),
        ))
    }

    /// There is no log yet. If there is an RDB file, its data are what the operator means to keep.
    fn load_rdb_instead(&mut self, vfs: &mut dyn Vfs, clock: &mut Clock<'_>) -> Result<(), String> {
        let path = self.config.dbfilename.clone();
        if self.config.redis_faithful || !exists(vfs, &path) {
            return Ok(());
        }
        self.log(
            Level::Warning,
            format!("appendonly is yes but there is no append-only file. Loading {path} instead of starting empty, and building the append-only file from it."),
        );
        let started_us = self.now_us;
        if self.load_rdb_file(&path, vfs, clock)? {
            self.load_report.source = LoadSource::Rdb;
            let seconds = self.seconds_since(started_us, clock);
            self.log(
                Level::Notice,
                format!("DB loaded from disk: {seconds:.3} seconds"),
            );
        }
        Ok(())
    }

    /// Loads an RDB file. Returns whether there was one.
    fn load_rdb_file(
        &mut self,
        path: &str,
        vfs: &mut dyn Vfs,
        clock: &mut Clock<'_>,
    ) -> Result<bool, String> {
        let file = match vfs.open(path, OpenMode::Read) {
            Ok(file) => file,
            Err(error) if error.errno == Errno::NotFound => return Ok(false),
            Err(error) => return Err(format!("Fatal error loading the DB: {error}. Exiting.")),
        };
        let file_len = vfs.len(file).unwrap_or(0);
        let result = self
            .load_snapshot(lastsave_vfs::Reader::new(vfs, file), false, clock)
            .map(|(_, items)| items);
        vfs.close(file);
        match result {
            Ok(items) => {
                let path = path.into();
                self.load_report.files.push(LoadedFile {
                    path,
                    used_len: file_len,
                    file_len,
                    items,
                });
                Ok(true)
            }
            Err(error) => {
                self.log_decode_error(&error);
                let reason = match &error.kind {
                    DecodeErrorKind::Io(error) => error.to_string(),
                    _ => "Invalid argument".into(),
                };
                Err(format!("Fatal error loading the DB: {reason}. Exiting."))
            }
        }
    }

    fn log_decode_error(&mut self, error: &DecodeError) {
        let text = match &error.kind {
            DecodeErrorKind::WrongSignature => "Wrong signature trying to load DB from file".into(),
            DecodeErrorKind::UnsupportedVersion(version) => {
                format!("Can't handle RDB format version {version}")
            }
            DecodeErrorKind::WrongChecksum { expected, actual } => format!(
                "Wrong RDB checksum expected: ({expected:x}) but got ({actual:x}). Aborting now."
            ),
            DecodeErrorKind::UnexpectedEof | DecodeErrorKind::Io(_) => {
                format!(
                    "Short read or OOM loading DB. Unrecoverable error, aborting now. (at offset {})",
                    error.offset
                )
            }
            DecodeErrorKind::UnknownType(kind) => format!(
                "Internal error in RDB reading offset {}: Unknown RDB encoding type {kind}",
                error.offset
            ),
            DecodeErrorKind::Malformed(what) => {
                format!(
                    "Internal error in RDB reading offset {}: {what}",
                    error.offset
                )
            }
        };
        self.log(Level::Warning, text);
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
        let mut clock = Clock {
            read: &mut |_: &LoadProgress| now_us,
            progress: LoadProgress::default(),
        };
        let path = self.config.dbfilename.clone();
        let report = std::mem::take(&mut self.load_report);
        let loaded = self.load_rdb_file(&path, vfs, &mut clock);
        self.load_report = report;
        match loaded {
            Ok(true) => Ok(()),
            Ok(false) => Err(format!("There is no {path}")),
            Err(message) => Err(message),
        }
    }

    /// DEBUG LOADAOF: loads the files of the log in place of the data.
    pub(crate) fn reload_aof(&mut self, vfs: &mut dyn Vfs) -> Result<(), String> {
        let Some(aof) = &self.aof else { return Ok(()) };
        let (manifest, names) = (aof.manifest.clone(), aof.names.clone());
        self.keyspace.clear();
        let now_us = self.now_us;
        let mut clock = Clock {
            read: &mut |_: &LoadProgress| now_us,
            progress: LoadProgress::default(),
        };
        let report = std::mem::take(&mut self.load_report);
        let loaded = self.load_aof_files(&manifest, &names, vfs, &mut clock);
        self.load_report = report;
        loaded
    }

    /// Loads the items of a snapshot. Returns what was read ahead behind its end, and how many keys it held. A base
    /// keeps keys that have expired, since the commands behind it may still be about them.
    fn load_snapshot<R: Read>(
        &mut self,
        reader: R,
        is_base: bool,
        clock: &mut Clock<'_>,
    ) -> Result<((Vec<u8>, R, u64), u64), DecodeError> {
        let mut decoder = Decoder::new(reader, self.config.rdbchecksum)?;
        let now_ms = self.now_ms();
        let (mut db, mut keys, mut expired) = (0usize, 0u64, 0u64);
        loop {
            match decoder.next_item()? {
                Item::Aux(name, value) => self.log_aux(&name, &value),
                Item::SelectDb(number) => {
                    db = usize::try_from(number)
                        .ok()
                        .filter(|db| *db < self.keyspace.databases.len())
                        .ok_or(DecodeError {
                            offset: decoder.offset(),
                            kind: DecodeErrorKind::Malformed(
                                "the data set uses more databases than are configured",
                            ),
                        })?;
                }
                Item::ResizeDb(hint, _) => {
                    // A hint that is a lie must not cost more memory than a file of that many keys could.
                    let most = (1 << 24).max(decoder.offset());
                    self.keyspace.databases[db]
                        .keys
                        .reserve(hint.min(most) as usize);
                }
                Item::Key {
                    key,
                    value,
                    expires_at_ms,
                } => {
                    clock.progress.keys += 1;
                    clock.progress.bytes = decoder.offset();
                    self.count_item(clock);
                    if !is_base && expires_at_ms.is_some_and(|at_ms| at_ms < now_ms) {
                        expired += 1;
                    } else {
                        self.keyspace.restore(db, &key, value, expires_at_ms);
                        keys += 1;
                    }
                }
                Item::End => break,
            }
        }
        self.saves.loaded = keys;
        self.saves.loaded_expired = expired;
        self.log(
            Level::Notice,
            format!("Done loading RDB, keys loaded: {keys}, keys expired: {expired}."),
        );
        let end = decoder.offset();
        let (ahead, reader) = decoder.into_rest();
        Ok(((ahead, reader, end), keys))
    }

    fn log_aux(&mut self, name: &[u8], value: &[u8]) {
        let value = String::from_utf8_lossy(value).into_owned();
        match name {
            b"redis-ver" => self.log(
                Level::Notice,
                format!("Loading RDB produced by version {value}"),
            ),
            b"ctime" => {
                let created_s: u64 = value.parse().unwrap_or(0);
                let age_s = self.now_s().saturating_sub(created_s);
                self.log(Level::Notice, format!("RDB age {age_s} seconds"));
            }
            b"used-mem" => {
                let bytes: f64 = value.parse().unwrap_or(0.0);
                let megabytes = bytes / (1024.0 * 1024.0);
                self.log(
                    Level::Notice,
                    format!("RDB memory usage when created {megabytes:.2} Mb"),
                );
            }
            b"aof-base" if value == "1" => self.log(Level::Notice, "RDB is base AOF"),
            _ => {}
        }
    }

    /// Loads the base and the incr files in order. Only the last may have a torn tail, which is cut.
    fn load_aof_files(
        &mut self,
        manifest: &Manifest,
        names: &Names,
        vfs: &mut dyn Vfs,
        clock: &mut Clock<'_>,
    ) -> Result<(), String> {
        let files: Vec<&FileInfo> = manifest.base.iter().chain(&manifest.incrs).collect();
        for info in &files {
            if !exists(vfs, &names.path(&info.name)) {
                return Err(format!(
                    "The append log file {} doesn't exist: No such file or directory",
                    info.name
                ));
            }
        }
        self.load_report.source = LoadSource::Aof;
        let mut replayer = Replayer::default();
        for (index, info) in files.iter().enumerate() {
            let started_us = self.now_us;
            let is_last = index + 1 == files.len();
            self.load_aof_file(info, is_last, names, &mut replayer, vfs, clock)?;
            let seconds = self.seconds_since(started_us, clock);
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
        Ok(())
    }

    fn load_aof_file(
        &mut self,
        info: &FileInfo,
        is_last: bool,
        names: &Names,
        replayer: &mut Replayer,
        vfs: &mut dyn Vfs,
        clock: &mut Clock<'_>,
    ) -> Result<(), String> {
        let path = names.path(&info.name);
        let name = &info.name;
        let file = vfs.open(&path, OpenMode::Read).map_err(|error| {
            format!("Fatal error: can't open the append log file {name} for reading: {error}")
        })?;
        let file_len = vfs.len(file).unwrap_or(0);
        // Every file is loaded by a new stand-in, in database 0.
        *replayer = Replayer::default();
        let loaded = self.load_open_file(info, names, file, replayer, vfs, clock);
        vfs.close(file);
        let (items, ending) = loaded?;
        let mut used_len = file_len;
        if let Ending::CutTo(len) = ending {
            used_len = len;
            self.cut_torn_tail(name, &path, len, is_last, vfs)?;
        }
        self.load_report.files.push(LoadedFile {
            path,
            used_len,
            file_len,
            items,
        });
        Ok(())
    }

    fn load_open_file(
        &mut self,
        info: &FileInfo,
        names: &Names,
        file: FileId,
        replayer: &mut Replayer,
        vfs: &mut dyn Vfs,
        clock: &mut Clock<'_>,
    ) -> Result<(u64, Ending), String> {
        let name = &info.name;
        let is_old_style = *name == names.file;
        let mut signature = [0; 5];
        let is_rdb = vfs
            .read_at(file, 0, &mut signature)
            .is_ok_and(|len| len == 5)
            && signature == *b"REDIS";
        let reader = lastsave_vfs::Reader::new(vfs, file);
        if !is_rdb {
            return self.replay(name, Vec::new(), reader, 0, replayer, clock);
        }
        self.log(
            Level::Notice,
            if is_old_style {
                "Reading RDB preamble from AOF file..."
            } else {
                "Reading RDB base file on AOF loading..."
            },
        );
        let ((ahead, reader, offset), keys) =
            self.load_snapshot(reader, true, clock).map_err(|error| {
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
        let (commands, ending) = self.replay(name, ahead, reader, offset, replayer, clock)?;
        Ok((keys + commands, ending))
    }

    /// Replays commands up to the end, or to a torn tail.
    fn replay<R: Read>(
        &mut self,
        name: &str,
        ahead: Vec<u8>,
        reader: R,
        offset: u64,
        replayer: &mut Replayer,
        clock: &mut Clock<'_>,
    ) -> Result<(u64, Ending), String> {
        let mut reader = lastsave_aof::Reader::new(ahead, reader, offset);
        let mut commands = 0;
        let torn_at = loop {
            let start = reader.offset();
            match reader.next_entry() {
                Ok(Some(Entry::Annotation(_))) => {}
                Ok(Some(Entry::Command(args))) => {
                    self.replay_command(name, start, args, replayer)?;
                    commands += 1;
                    clock.progress.commands += 1;
                    self.count_item(clock);
                }
                Ok(None) => break None,
                Err(ReadError::Truncated { offset }) => break Some(offset),
                Err(ReadError::BadFormat { .. }) => {
                    return Err(format!(
                        "Bad file format reading the append only file {name}: make a backup of your AOF file, then use ./redis-check-aof --fix <filename.manifest>"
                    ));
                }
                Err(ReadError::Io(error)) => {
                    return Err(format!(
                        "Unrecoverable error reading the append only file {name}: {error}"
                    ));
                }
            }
        };
        clock.progress.bytes += reader.offset();
        let ending = match (replayer.transaction.take(), torn_at) {
            (None, None) => Ending::Whole,
            (None, Some(offset)) => Ending::CutTo(offset),
            (Some((before_multi, _)), torn_at) => {
                self.log(
                    Level::Warning,
                    format!("Revert incomplete MULTI/EXEC transaction in AOF file {name}"),
                );
                // Redis cuts a transaction that is torn inside a command behind its last whole command, so that MULTI
                // stays open and swallows every later write.
                let cut = torn_at
                    .filter(|_| self.config.redis_faithful)
                    .unwrap_or(before_multi);
                Ending::CutTo(cut)
            }
        };
        Ok((commands, ending))
    }

    fn replay_command(
        &mut self,
        name: &str,
        start: u64,
        args: Args<'_>,
        replayer: &mut Replayer,
    ) -> Result<(), String> {
        let Some(command) = lookup(&args[0]) else {
            let word = String::from_utf8_lossy(&args[0]).into_owned();
            return Err(format!(
                "Unknown command '{word}' reading the append only file {name}"
            ));
        };
        let is = |server: ServerCommand| matches!(command.handler, Handler::Server(known) if known == server);
        match &mut replayer.transaction {
            Some(_) if is(ServerCommand::Exec) => {
                let (_, queued) = replayer.transaction.take().expect("just seen");
                for args in queued {
                    self.replay_one(args.as_args(), replayer);
                }
            }
            Some((_, queued)) => queued.push(args.into()),
            None if is(ServerCommand::Multi) => replayer.transaction = Some((start, Vec::new())),
            None => self.replay_one(args, replayer),
        }
        Ok(())
    }

    fn replay_one(&mut self, args: Args<'_>, replayer: &mut Replayer) {
        let Some(command) = lookup(&args[0]) else {
            return;
        };
        let (arity, len) = (isize::from(command.arity), args.len() as isize);
        if (arity > 0 && len != arity) || len < -arity {
            // What was written was well-formed; Redis runs the handler regardless, which answers with an error.
            return;
        }
        match command.handler {
            Handler::Data(handler) => {
                self.effects.clear();
                replayer.reply.buf_mut().clear();
                handler(&mut Call {
                    args,
                    keyspace: &mut self.keyspace,
                    db: replayer.db,
                    now_us: self.now_us,
                    origin: Origin::Replay,
                    reply: &mut replayer.reply,
                    effects: &mut self.effects,
                });
                self.saves.dirty += self.effects.dirty;
            }
            Handler::Server(ServerCommand::Select) => {
                let number = lastsave_keyspace::number::parse_i64(&args[1]);
                if let Some(db) = number.and_then(|number| usize::try_from(number).ok())
                    && db < self.keyspace.databases.len()
                {
                    replayer.db = db;
                }
            }
            // No other command of the server is ever written to the log.
            Handler::Server(_) => {}
        }
    }

    fn cut_torn_tail(
        &mut self,
        name: &str,
        path: &str,
        len: u64,
        is_last: bool,
        vfs: &mut dyn Vfs,
    ) -> Result<(), String> {
        if !is_last && !self.config.redis_faithful {
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

    /// Removes what dead runs have left half-written: no manifest and no configuration names these files.
    fn remove_orphans(&mut self, names: &Names, vfs: &mut dyn Vfs) {
        if self.config.redis_faithful {
            return;
        }
        let is_number =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let in_dir = |name: &str| {
            let between = |prefix, suffix| {
                name.strip_prefix(prefix)
                    .and_then(|rest: &str| rest.strip_suffix(suffix))
                    .is_some_and(is_number)
            };
            between("temp-", ".rdb")
                || between("temp-rewriteaof-", ".aof")
                || between("temp-rewriteaof-bg-", ".aof")
        };
        let in_aof_dir = |name: &str| name == names.temp_manifest() || name == names.temp_incr();
        let mut orphans: Vec<String> = Vec::new();
        for entry in vfs.list("").unwrap_or_default() {
            if !entry.is_dir && in_dir(&entry.name) {
                orphans.push(entry.name);
            }
        }
        for entry in vfs.list(&names.dir).unwrap_or_default() {
            if in_aof_dir(&entry.name) {
                orphans.push(names.path(&entry.name));
            }
        }
        for path in orphans {
            self.log(
                Level::Notice,
                format!("Removing {path}, left behind by a run that died"),
            );
            if let Err(error) = vfs.unlink(&path) {
                self.log(Level::Warning, format!("Can't remove {path}: {error}"));
            }
        }
    }

    /// Opens the last incr file for appending; makes the first files where there are none.
    fn open_log(
        &mut self,
        mut manifest: Manifest,
        names: Names,
        vfs: &mut dyn Vfs,
    ) -> Result<(), String> {
        self.ensure_aof_dir(&names, vfs).map_err(|error| {
            format!(
                "Can't open or create append-only dir {}: {error}",
                names.dir
            )
        })?;
        let mut base_len = 0;
        if manifest.base.is_none() && manifest.incrs.is_empty() {
            let rdb = self.config.aof_use_rdb_preamble;
            let base = manifest.replace_base(&names, rdb, 0);
            let temp_path = format!("temp-rewriteaof-{}.aof", self.host.pid);
            let path = names.path(&base);
            let spec = self.snapshot_spec(JobKind::Rewrite, temp_path, Some(path.clone()));
            base_len = self.write_snapshot_now(spec, vfs).map_err(|error| {
                format!("Write error writing append only file on disk: {error}")
            })?;
            self.event(Event::SnapshotDone { path, writes: 0 });
            self.log(
                Level::Notice,
                format!("Creating AOF base file {base} on server start"),
            );
        } else if let Some(base) = &manifest.base {
            base_len = self.loaded_len(&names.path(&base.name));
        }
        let is_new_incr = manifest.incrs.is_empty();
        let name = match manifest.incrs.last() {
            Some(info) => info.name.clone(),
            None => manifest.add_incr(&names),
        };
        let path = names.path(&name);
        let cannot_open =
            |error: lastsave_vfs::Error| format!("Can't open the append-only file {name}: {error}");
        let file = vfs.open(&path, OpenMode::Append).map_err(cannot_open)?;
        let file_len = vfs.len(file).map_err(cannot_open)?;
        // What a killed process had written may still be only in the page cache.
        vfs.sync(file, SyncKind::Data).map_err(cannot_open)?;
        let history = manifest.take_history();
        persist(vfs, &names, &manifest).map_err(|error| error.to_string())?;
        let verb = if is_new_incr { "Creating" } else { "Opening" };
        self.log(
            Level::Notice,
            format!("{verb} AOF incr file {name} on server start"),
        );
        let older_incrs: u64 = manifest
            .incrs
            .iter()
            .filter(|info| info.name != name)
            .map(|info| self.loaded_len(&names.path(&info.name)))
            .sum();
        let mut aof = Aof::new(names.clone(), manifest, self.now_s());
        aof.writer = Some(Writer::new(file, file_len));
        aof.incr_path = path.clone();
        aof.older_len = base_len + older_incrs;
        aof.base_size = base_len;
        self.aof = Some(aof);
        self.event(Event::AofOpened {
            path,
            offset: 0,
            file_len,
            writes: 0,
        });
        if !self.config.aof_disable_auto_gc {
            self.remove_history(&names, history, vfs);
        }
        Ok(())
    }

    fn loaded_len(&self, path: &str) -> u64 {
        self.load_report
            .files
            .iter()
            .find(|file| file.path == path)
            .map_or(0, |file| file.used_len)
    }
}

fn exists(vfs: &mut dyn Vfs, path: &str) -> bool {
    match vfs.open(path, OpenMode::Read) {
        Ok(file) => {
            vfs.close(file);
            true
        }
        // A file that cannot be read exists all the same: what follows will say why it cannot be used.
        Err(error) => error.errno != Errno::NotFound,
    }
}
