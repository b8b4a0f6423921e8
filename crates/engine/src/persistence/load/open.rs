//! Opening the log behind what was loaded, and clearing away what dead runs have left.

use lastsave_aof::{Checksum, Manifest, Names, Writer, persist};
use lastsave_vfs::{OpenMode, SyncKind, Vfs};

use crate::engine::Engine;
use crate::faithful::Defect;
use crate::job::JobKind;
use crate::persistence::Aof;
use crate::persistence::rewrite::sync_names;
use crate::{Event, Level};

impl Engine {
    /// Removes what dead runs have left half-written: no manifest and no configuration names these files.
    pub(super) fn remove_orphans(&mut self, names: &Names, vfs: &mut dyn Vfs) {
        if self.repeats(Defect::OrphansStay) {
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
                || between("temp-bg-", ".rdb")
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
    pub(super) fn open_log(
        &mut self,
        mut manifest: Manifest,
        names: &Names,
        vfs: &mut dyn Vfs,
    ) -> Result<(), String> {
        self.announce_first_base(names, &manifest, vfs)?;
        let mut base_len = 0;
        if manifest.base.is_none() && manifest.incrs.is_empty() {
            let rdb = self.config.aof_use_rdb_preamble;
            let base = manifest.replace_base(names, rdb, 0);
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
            None => manifest.add_incr(names),
        };
        let path = names.path(&name);
        let cannot_open =
            |error: lastsave_vfs::Error| format!("Can't open the append-only file {name}: {error}");
        if is_new_incr && !self.repeats(Defect::UnlistedFilesIgnored) {
            // An unfinished first rewrite may have left commands of another base under this name.
            let file = vfs.open(&path, OpenMode::Truncate).map_err(cannot_open)?;
            vfs.close(file);
        }
        // What a killed process had written may still be only in the page cache, and the next commands go behind all of
        // it, in whichever file it is.
        for info in manifest.incrs.iter().filter(|info| info.name != name) {
            let older = vfs
                .open(&names.path(&info.name), OpenMode::Update)
                .map_err(cannot_open)?;
            let synced = vfs.sync(older, SyncKind::Data);
            vfs.close(older);
            synced.map_err(cannot_open)?;
        }
        let file = vfs.open(&path, OpenMode::Append).map_err(cannot_open)?;
        let file_len = vfs.len(file).map_err(cannot_open)?;
        let mut writer = Writer::new(file, file_len);
        if self.config.aof_checksums {
            let checksum = self.unchecked_tail(&path, vfs).map_err(cannot_open)?;
            writer = writer.with_checksum(checksum);
        }
        vfs.sync(file, SyncKind::Data).map_err(cannot_open)?;
        let history = manifest.history_names();
        if is_new_incr {
            let as_redis = self.repeats(Defect::DanglingManifest);
            sync_names(names, as_redis, vfs).map_err(cannot_open)?;
        }
        persist(vfs, names, &manifest).map_err(|error| error.to_string())?;
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
        aof.writer = Some(writer);
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
            self.remove_history(names, history);
        }
        Ok(())
    }

    /// The checksum of what is in a file behind its last checksum line.
    fn unchecked_tail(
        &self,
        path: &str,
        vfs: &mut dyn Vfs,
    ) -> Result<Checksum, lastsave_vfs::Error> {
        let loaded = self.load_report.files.iter().find(|file| file.path == path);
        let Some(loaded) = loaded else {
            return Ok(Checksum::new());
        };
        let file = vfs.open(path, OpenMode::Read)?;
        let tail = Checksum::of_range(vfs, file, loaded.unchecked_from, loaded.used_len);
        vfs.close(file);
        tail
    }

    fn loaded_len(&self, path: &str) -> u64 {
        self.load_report
            .files
            .iter()
            .find(|file| file.path == path)
            .map_or(0, |file| file.used_len)
    }
}
