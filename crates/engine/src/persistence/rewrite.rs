//! Rewriting the log, and switching it on and off at run time.
//!
//! A rewrite goes through these states on the disk, each of which a recovery can start from:
//!
//! 1. the old files;
//! 2. the old files and a new, empty incr file, in the manifest;
//! 3. commands go into the new incr file, once the old one is synced; the snapshot is written beside them;
//! 4. the snapshot stands under its base name, in no manifest;
//! 5. the manifest names the new base and the new incr file, and the old files as history;
//! 6. the history is gone, from the disk and then from the manifest.

use lastsave_aof::{Checksum, Manifest, Names, Writer, persist};
use lastsave_vfs::{Error, FileId, OpenMode, SyncKind, Vfs};

use super::aof::Aof;
use super::load::{exists, find};
use super::snapshot::Snapshot;
use crate::engine::Engine;
use crate::faithful::Defect;
use crate::job::{Job, JobId, JobKind, JobOutcome, SIGUSR1};
use crate::{Event, Level, Output};

impl Engine {
    pub(crate) fn aof_names(&self) -> Names {
        Names {
            dir: self.config.appenddirname.clone(),
            file: self.config.appendfilename.clone(),
        }
    }

    /// Starts a rewrite. Nothing else may be running. The log says why it could not.
    pub(crate) fn start_rewrite(&mut self, vfs: &mut dyn Vfs) -> Result<(), ()> {
        if self.fork_fails() {
            // Before any file is made, so that trying again and again leaves no trail of them.
            self.log(
                Level::Warning,
                "Can't rewrite append only file in background: fork: Cannot allocate memory",
            );
            self.rewrites.started += 1;
            self.rewrites.last_ok = false;
            self.rewrites.failures += 1;
            return Err(());
        }
        if self.aof.is_none() {
            // BGREWRITEAOF with the log off makes the files all the same, as Redis does.
            self.rewrite_scheduled = false;
            return self.rewrite_without_log(vfs);
        }
        self.flush_aof(vfs, false);
        let names = self.aof_names();
        let result = self
            .ensure_aof_dir(&names, vfs)
            .and_then(|()| self.rotate(&names, vfs));
        let aof = self.aof.as_mut().expect("looked above");
        if let Err(error) = result {
            self.rewrites.last_ok = false;
            let text = format!("Can't open the append-only file {}: {error}", error.path);
            self.log(Level::Warning, text);
            return Err(());
        }
        let manifest = aof.manifest.clone();
        self.rewrite_scheduled = false;
        self.start_rewrite_snapshot(&names, &manifest);
        Ok(())
    }

    fn start_rewrite_snapshot(&mut self, names: &Names, manifest: &Manifest) {
        let rdb = self.config.aof_use_rdb_preamble;
        let path = names.path(&names.base(manifest.base_seq + 1, rdb));
        self.rewrites.started += 1;
        let child = self.start_child(JobKind::Rewrite);
        let pid = child.pid.unwrap_or(self.host.pid);
        let temp_path = format!("temp-rewriteaof-bg-{pid}.aof");
        let spec = self.snapshot_spec(JobKind::Rewrite, temp_path, None);
        self.start_snapshot(spec, path, child);
        self.log(
            Level::Notice,
            format!("Background append only file rewriting started by pid {pid}"),
        );
    }

    pub(crate) fn ensure_aof_dir(&mut self, names: &Names, vfs: &mut dyn Vfs) -> Result<(), Error> {
        match vfs.create_dir(&names.dir) {
            // A run that died may have made it without making that durable.
            Err(error) if error.errno != lastsave_vfs::Errno::Exists => Err(error),
            _ => vfs.sync_dir(""),
        }
    }

    /// Lets the log go on in a new incr file, so that what comes before it can be replaced by a base.
    fn rotate(&mut self, names: &Names, vfs: &mut dyn Vfs) -> Result<(), Error> {
        let writes = self.stats.writes;
        let mode = if self.repeats(Defect::HoleAfterShortWrite) {
            OpenMode::Positioned
        } else {
            OpenMode::Append
        };
        let as_redis = self.repeats(Defect::DanglingManifest);
        let aof = self
            .aof
            .as_mut()
            .expect("only a log that is on is rewritten");
        if aof.awaits_base() {
            // Commands go into a file that no manifest names until its base stands.
            let path = names.path(&names.temp_incr());
            let file = vfs.open(&path, OpenMode::Truncate)?;
            vfs.close(file);
            let file = vfs.open(&path, mode)?;
            aof.close_writer(vfs);
            let mut writer = Writer::new(file, 0);
            if self.config.aof_checksums {
                writer = writer.with_checksum(Checksum::new());
            }
            aof.writer = Some(writer);
            aof.incr_path = path.clone();
            aof.older_len = 0;
            aof.forget_selected_db();
            let name = names.temp_incr();
            self.log(
                Level::Notice,
                format!("Creating AOF incr file {name} on background rewrite"),
            );
            self.event(Event::AofOpened {
                path,
                offset: 0,
                file_len: 0,
                writes,
            });
            return Ok(());
        }
        if let Some(error) = aof.write_error.clone() {
            // What is buffered belongs into the old file; without space for it there is no point in a new one.
            return Err(error);
        }
        let mut manifest = aof.manifest.clone();
        let name = manifest.add_incr(names);
        let path = names.path(&name);
        let file = vfs.open(&path, mode)?;
        let ready = empty_durably(file, vfs).and_then(|()| sync_names(names, as_redis, vfs));
        if let Err(error) = ready {
            vfs.close(file);
            let _ = vfs.unlink(&path);
            return Err(error);
        }
        if let Err(error) = persist(vfs, names, &manifest) {
            vfs.close(file);
            if !error.replaced() {
                // The manifest on the disk is the old one for certain, so nothing names the new file.
                let _ = vfs.unlink(&path);
            }
            self.log(Level::Warning, error.to_string());
            return Err(error.error);
        }
        let writer = aof.writer.as_mut().expect("a log that is on has a file");
        writer.set_checksums(self.config.aof_checksums);
        aof.older_len += writer.file_len();
        let offset = writer.offsets().appended;
        let ticket = writer.rotate(file, vfs);
        aof.manifest = manifest;
        aof.incr_path = path.clone();
        aof.forget_selected_db();
        if let Some(ticket) = ticket {
            self.start_sync(ticket);
        }
        self.log(
            Level::Notice,
            format!("Creating AOF incr file {name} on background rewrite"),
        );
        self.event(Event::AofOpened {
            path,
            offset,
            file_len: 0,
            writes,
        });
        Ok(())
    }

    /// The snapshot for a rewrite stands under its temporary name, or has failed.
    pub(crate) fn rewrite_done(
        &mut self,
        snapshot: &Snapshot,
        outcome: &JobOutcome,
        vfs: &mut dyn Vfs,
    ) {
        let succeeded = match outcome {
            JobOutcome::Done { len } => {
                let temp_path = &snapshot.temp_path;
                let text = format!("Successfully created the temporary AOF base file {temp_path}");
                self.log(Level::Notice, text);
                self.log(
                    Level::Notice,
                    "Background AOF rewrite terminated with success",
                );
                self.install_base(snapshot, *len, vfs)
            }
            JobOutcome::Failed(error) => {
                let text = format!("Write error writing append only file on disk: {error}");
                self.log(Level::Warning, text);
                self.log(
                    Level::Warning,
                    "Background AOF rewrite terminated with error",
                );
                false
            }
            JobOutcome::NotStarted => {
                self.log(
                    Level::Warning,
                    "Can't rewrite append only file in background: fork: Cannot allocate memory",
                );
                false
            }
            JobOutcome::Killed(signal) => {
                let text = format!("Background AOF rewrite terminated by signal {signal}");
                self.log(Level::Warning, text);
                false
            }
        };
        let seconds = self.now_us.saturating_sub(snapshot.started_us) / 1_000_000;
        let event = if succeeded {
            Event::SnapshotDone {
                path: snapshot.path.clone(),
                writes: snapshot.writes_at_cut,
            }
        } else {
            Event::SnapshotFailed {
                path: snapshot.path.clone(),
            }
        };
        self.event(event);
        let stopped = *outcome == JobOutcome::Killed(SIGUSR1);
        self.rewrites.ended(seconds, succeeded, stopped);
        if succeeded {
            if let Some(aof) = &mut self.aof {
                aof.waits_for_rewrite = aof.manifest_in_doubt;
            }
            self.log(
                Level::Notice,
                "Background AOF rewrite finished successfully",
            );
            self.release_replies();
            return;
        }
        let Some(aof) = &mut self.aof else { return };
        if aof.awaits_base() {
            aof.close_writer(vfs);
            // What was wrong with that file is wrong with nothing that anybody needs.
            (aof.write_error, aof.sync_error) = (None, None);
            let path = std::mem::take(&mut aof.incr_path);
            let name = aof.names.temp_incr();
            let text = format!("Removing the temp incr aof file {name} in the background");
            self.log(Level::Notice, text);
            let _ = vfs.unlink(&path);
            self.rewrite_scheduled = true;
        }
    }

    /// Makes the finished snapshot the base: states 4 to 6. Returns whether the new files stand.
    fn install_base(&mut self, snapshot: &Snapshot, len: u64, vfs: &mut dyn Vfs) -> bool {
        let names = self.aof_names();
        let rdb = self.config.aof_use_rdb_preamble;
        let (mut manifest, waits) = match &self.aof {
            Some(aof) => (aof.manifest.clone(), aof.awaits_base()),
            None => match self.manifest_on_disk(&names, vfs) {
                Ok(manifest) => (manifest, false),
                Err(error) => {
                    self.log(Level::Warning, error);
                    let _ = vfs.unlink(&snapshot.temp_path);
                    return false;
                }
            },
        };
        let announced = match find(vfs, &names.path(&names.manifest())) {
            Ok(true) => Ok(()),
            Ok(false) => self.announce_first_base(&names, &manifest, vfs),
            Err(error) => Err(format!("Can't open {}: {error}", error.path)),
        };
        if let Err(error) = announced {
            self.log(Level::Warning, error);
            let _ = vfs.unlink(&snapshot.temp_path);
            return false;
        }
        let keep_incrs = usize::from(self.aof.as_ref().is_some_and(|aof| !aof.awaits_base()));
        let base = manifest.replace_base(&names, rdb, keep_incrs);
        // With the log off, the base may have been overtaken by a SAVE.
        manifest.superseded =
            self.aof.is_none() && self.saves.writes_saved > snapshot.writes_at_cut;
        let base_path = names.path(&base);
        let began_us = self.begin_event();
        let renamed = vfs.rename(&snapshot.temp_path, &base_path);
        self.end_event(began_us, &["aof-rename"]);
        if let Err(error) = renamed {
            let temp_path = &snapshot.temp_path;
            let text = format!(
                "Error trying to rename the temporary AOF base file {temp_path} into {base_path}: {error}"
            );
            self.log(Level::Warning, text);
            let _ = vfs.unlink(&snapshot.temp_path);
            return false;
        }
        self.log(
            Level::Notice,
            format!(
                "Successfully renamed the temporary AOF base file {} into {base}",
                snapshot.temp_path
            ),
        );
        if waits {
            let (temp, name) = (names.temp_incr(), manifest.add_incr(&names));
            let (from, to) = (names.path(&temp), names.path(&name));
            let began_us = self.begin_event();
            let renamed = vfs.rename(&from, &to);
            self.end_event(began_us, &["aof-rename"]);
            if let Err(error) = renamed {
                let text = format!(
                    "Error trying to rename the temporary AOF incr file {from} into {to}: {error}"
                );
                self.log(Level::Warning, text);
                let _ = vfs.unlink(&base_path);
                return false;
            }
            self.log(
                Level::Notice,
                format!("Successfully renamed the temporary AOF incr file {temp} into {name}"),
            );
            self.aof.as_mut().expect("it waits").incr_path = to.clone();
            self.event(Event::AofRenamed { from, to });
            // From the manifest on the file counts, so what is in it must be as durable as the base.
            self.sync_aof_now(vfs);
        }
        if let Err(error) = sync_names(&names, self.repeats(Defect::DanglingManifest), vfs) {
            let text = format!("Fail to fsync AOF directory {}: {error}.", names.dir);
            self.log(Level::Warning, text);
            let _ = vfs.unlink(&base_path);
            return false;
        }
        if let Err(error) = persist(vfs, &names, &manifest) {
            self.log(Level::Warning, error.to_string());
            if !error.replaced() || self.repeats(Defect::DanglingManifest) {
                let _ = vfs.unlink(&base_path);
                return false;
            }
            // The new manifest may or may not be what a power loss leaves; both sets of files stay until a later
            // rewrite has settled it.
            self.adopt_manifest(manifest, len);
            if let Some(aof) = &mut self.aof {
                aof.manifest_in_doubt |= waits;
            }
            return true;
        }
        if let Some(aof) = &mut self.aof {
            aof.manifest_in_doubt = false;
        }
        let history = manifest.history_names();
        self.adopt_manifest(manifest, len);
        self.settle_doubts(snapshot.offset_at_cut, vfs);
        if !self.config.aof_disable_auto_gc {
            self.remove_history(&names, history);
        }
        true
    }

    /// The first rewrite is done but for the proof that its manifest is durable: tries to get it.
    pub(crate) fn settle_manifest(&mut self, vfs: &mut dyn Vfs) {
        let in_doubt = |aof: &Aof| aof.manifest_in_doubt;
        // From then on the file counts, so what is in it must be durable, too.
        if !self.aof.as_ref().is_some_and(in_doubt) || !self.sync_aof_now(vfs) {
            return;
        }
        let Some(aof) = &mut self.aof else { return };
        if persist(vfs, &aof.names, &aof.manifest).is_ok() {
            aof.manifest_in_doubt = false;
            aof.waits_for_rewrite = false;
            self.release_replies();
        }
    }

    /// The new base durably holds everything up to `offset`, whatever became of the syncs of the old files.
    fn settle_doubts(&mut self, offset: u64, vfs: &mut dyn Vfs) {
        if let Some(aof) = &mut self.aof
            && let Some(writer) = &mut aof.writer
        {
            writer.superseded(offset, vfs);
            if writer.suspect().is_none() {
                aof.sync_error = None;
            }
        }
    }

    fn adopt_manifest(&mut self, manifest: Manifest, base_len: u64) {
        if let Some(aof) = &mut self.aof {
            aof.manifest = manifest;
            aof.older_len = base_len;
            aof.base_size = aof.current_size();
        }
    }

    /// Unlinks replaced files elsewhere. Only then are they taken off the manifest, so that a crash in between leaves
    /// no file that nobody knows of.
    pub(crate) fn remove_history(&mut self, names: &Names, history: Vec<String>) {
        if history.is_empty() {
            return;
        }
        for name in &history {
            self.log(
                Level::Notice,
                format!("Removing the history file {name} in the background"),
            );
        }
        let paths = history.iter().map(|name| names.path(name)).collect();
        let job = self.next_job();
        self.unlinking.push((job, history));
        self.outputs
            .push_back(Output::StartJob(job, Job::Unlink(paths)));
    }

    /// `aof-disable-auto-gc` was switched off: removes the replaced files that were kept meanwhile.
    pub(crate) fn remove_kept_history(&mut self, vfs: &mut dyn Vfs) {
        let names = self.aof_names();
        let manifest = match &self.aof {
            Some(aof) => Ok(aof.manifest.clone()),
            None => self.manifest_on_disk(&names, vfs),
        };
        match manifest {
            Ok(manifest) => self.remove_history(&names, manifest.history_names()),
            Err(error) => self.log(Level::Warning, error),
        }
    }

    /// A job that unlinked replaced files has ended. Returns whether it was one.
    pub(crate) fn history_removed(&mut self, job: JobId, vfs: &mut dyn Vfs) -> bool {
        let Some(index) = self.unlinking.iter().position(|(known, _)| *known == job) else {
            return false;
        };
        let (_, mut deleted) = self.unlinking.remove(index);
        let names = self.aof_names();
        // What could not be deleted is tried again at the next start.
        if deleted.iter().any(|name| exists(vfs, &names.path(name))) {
            // Files are replaced together, and so they are taken off the manifest.
            deleted.clear();
        }
        let known = match &self.aof {
            Some(aof) => Ok(aof.manifest.clone()),
            None => self.manifest_on_disk(&names, vfs),
        };
        let mut manifest = match known {
            Ok(manifest) => manifest,
            // It goes on listing files that are gone, which the next start takes off it.
            Err(error) => {
                self.log(Level::Warning, error);
                return true;
            }
        };
        manifest.forget_history(&deleted);
        match persist(vfs, &names, &manifest) {
            Ok(()) => {
                if let Some(aof) = &mut self.aof {
                    aof.manifest = manifest;
                }
            }
            // The manifest still lists files that are gone; the next one that is written says so again.
            Err(error) => self.log(Level::Warning, error.to_string()),
        }
        true
    }

    /// The manifest while the log is off. One that cannot be read is not taken for none: the next one would forget its
    /// files.
    pub(super) fn manifest_on_disk(
        &self,
        names: &Names,
        vfs: &mut dyn Vfs,
    ) -> Result<Manifest, String> {
        lastsave_aof::load(vfs, names)
            .map(Option::unwrap_or_default)
            .map_err(|error| error.to_string())
    }

    fn rewrite_without_log(&mut self, vfs: &mut dyn Vfs) -> Result<(), ()> {
        let names = self.aof_names();
        let found = self.manifest_on_disk(&names, vfs);
        let announced = found.and_then(|manifest| {
            self.make_aof_dir(&names, vfs)?;
            Ok(manifest)
        });
        let manifest = announced.map_err(|error| self.log(Level::Warning, error))?;
        self.start_rewrite_snapshot(&names, &manifest);
        Ok(())
    }

    fn make_aof_dir(&mut self, names: &Names, vfs: &mut dyn Vfs) -> Result<(), String> {
        self.ensure_aof_dir(names, vfs).map_err(|error| {
            let dir = &names.dir;
            format!("Can't open or create append-only dir {dir}: {error}")
        })
    }

    /// Puts a manifest that lists nothing where there is none, before files are made that belong into one. A start that
    /// finds files of a log without any manifest refuses; beside this one it knows them for an unfinished first base.
    pub(crate) fn announce_first_base(
        &mut self,
        names: &Names,
        manifest: &Manifest,
        vfs: &mut dyn Vfs,
    ) -> Result<(), String> {
        self.make_aof_dir(names, vfs)?;
        let path = names.path(&names.manifest());
        if find(vfs, &path).map_err(|error| format!("Can't open {path}: {error}"))? {
            return Ok(());
        }
        persist(vfs, names, manifest).map_err(|error| error.to_string())
    }

    /// CONFIG SET appendonly yes.
    pub(crate) fn switch_aof_on(&mut self, vfs: &mut dyn Vfs) -> Result<(), ()> {
        assert!(self.aof.is_none(), "the log is off");
        let names = self.aof_names();
        let marked = self.log_is_of_another_life(vfs);
        let found = marked.and_then(|()| self.manifest_on_disk(&names, vfs));
        let announced = found.and_then(|manifest| {
            self.make_aof_dir(&names, vfs)?;
            Ok(manifest)
        });
        let manifest = announced.map_err(|error| self.log(Level::Warning, error))?;
        let mut aof = Aof::new(names, manifest, self.now_s());
        aof.waits_for_rewrite = true;
        self.aof = Some(aof);
        if self
            .snapshot
            .as_ref()
            .is_some_and(|snapshot| snapshot.kind == JobKind::Rewrite)
        {
            // It does not gather the commands that come meanwhile, so it is of no use.
            self.log(Level::Warning, "AOF was enabled but there is already an AOF rewriting in background. Stopping background AOF and starting a rewrite now.");
            self.kill_snapshot();
        }
        if self.snapshot.is_some() || self.in_exec {
            self.log(Level::Warning, if self.in_exec {
                "AOF was enabled during a transaction. An AOF background was scheduled to start when possible."
            } else {
                "AOF was enabled but there is already another background operation. An AOF background was scheduled to start when possible."
            });
            self.rewrite_scheduled = true;
            return Ok(());
        }
        self.start_rewrite(vfs).map_err(|()| {
            self.aof = None;
            self.log(Level::Warning, "Redis needs to enable the AOF but can't trigger a background AOF rewrite operation. Check the above logs for more info about the error.");
        })
    }

    /// CONFIG SET appendonly no.
    pub(crate) fn switch_aof_off(&mut self, vfs: &mut dyn Vfs) {
        self.flush_aof(vfs, true);
        if let Some(snapshot) = &self.snapshot
            && snapshot.kind == JobKind::Rewrite
        {
            let pid = snapshot.pid;
            self.log(
                Level::Notice,
                format!("Killing running AOF rewrite child: {pid}"),
            );
            self.kill_snapshot();
        }
        // What a transaction has done so far is neither in the log nor behind it.
        self.unit.clear();
        if let Some(mut aof) = self.aof.take() {
            aof.close_writer(vfs);
            if aof.awaits_base() {
                let _ = vfs.unlink(&aof.incr_path);
            }
            if !aof.waits_for_rewrite {
                self.log_closed_at_writes = Some(self.stats.writes);
            }
            self.event(Event::AofClosed);
        }
        self.release_replies();
    }
}

/// Makes the names of new files durable, before a manifest lists them. Redis leaves it to the sync behind the manifest, and
/// to file systems that carry out what is done in a directory in its order.
pub(crate) fn sync_names(names: &Names, as_redis: bool, vfs: &mut dyn Vfs) -> Result<(), Error> {
    if as_redis {
        return Ok(());
    }
    vfs.sync_dir(&names.dir)
}

/// Empties the file that the log is to go on in, if it holds anything: commands of another base, from a run that died when
/// it switched the log on.
fn empty_durably(file: FileId, vfs: &mut dyn Vfs) -> Result<(), Error> {
    if vfs.len(file)? > 0 {
        vfs.truncate(file, 0)?;
        vfs.sync(file, SyncKind::All)?;
    }
    Ok(())
}
