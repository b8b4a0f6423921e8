//! Which data set is the newer: the log, or the RDB file?
//!
//! While the log is on, it is. Switched off, its files stay where they are, as in Redis, and are the newest there is
//! until the next save completes. From then on the RDB file is newer, but `appendonly yes` would load the log: by a
//! restart with another configuration, or by a crash between CONFIG SET appendonly yes, CONFIG REWRITE, and the end of the
//! first rewrite. So the manifest is given a comment that says so. A start that finds it, and an RDB file, loads that
//! file and puts the log's directory aside, whole, under another name. The first rewrite that ends well takes the comment
//! away, because it makes a new base.
//!
//! A crash between the save and the comment loses no save that anybody was told of.

use lastsave_aof::{Manifest, Names, persist};
use lastsave_vfs::Vfs;

use super::load::exists;
use crate::Level;
use crate::engine::Engine;
use crate::faithful::Defect;

impl Engine {
    /// A save of the first `writes` writes stands. If they are more than the log holds, the manifest is to say so.
    pub(crate) fn saved_beyond_log(&mut self, writes: u64, vfs: &mut dyn Vfs) {
        self.saves.writes_saved = writes;
        let log_is_on = self.aof.as_ref().is_some_and(super::Aof::is_on);
        if log_is_on
            || self
                .log_closed_at_writes
                .is_some_and(|closed| writes < closed)
        {
            return;
        }
        if let Err(error) = self.mark_log_superseded(vfs) {
            self.log(
                Level::Warning,
                format!("Can't note that the RDB file is newer than the append-only file: {error}"),
            );
        }
    }

    /// The log is being switched on, in a process that never had it on and may have loaded the RDB file.
    pub(crate) fn log_is_of_another_life(&mut self, vfs: &mut dyn Vfs) -> Result<(), String> {
        if self.log_closed_at_writes.is_some() || !exists(vfs, &self.config.dbfilename) {
            return Ok(());
        }
        self.mark_log_superseded(vfs)
    }

    fn mark_log_superseded(&mut self, vfs: &mut dyn Vfs) -> Result<(), String> {
        if self.repeats(Defect::StaleLogCounts) {
            return Ok(());
        }
        let names = self.aof_names();
        let mut manifest = match &self.aof {
            Some(aof) => aof.manifest.clone(),
            None => self.manifest_on_disk(&names, vfs)?,
        };
        if manifest.superseded || manifest.files().next().is_none() {
            return Ok(());
        }
        manifest.superseded = true;
        persist(vfs, &names, &manifest).map_err(|error| error.to_string())?;
        if let Some(aof) = &mut self.aof {
            aof.manifest = manifest;
        }
        Ok(())
    }

    /// Whether the RDB file is to be loaded though there is a log.
    pub(crate) fn log_is_superseded(&mut self, manifest: &Manifest, vfs: &mut dyn Vfs) -> bool {
        let path = self.config.dbfilename.clone();
        let superseded =
            manifest.superseded && !self.repeats(Defect::StaleLogCounts) && exists(vfs, &path);
        if superseded {
            let dir = self.config.appenddirname.clone();
            self.log(
                Level::Warning,
                format!("The append-only file in {dir} was switched off before {path} was saved. Loading {path}, the newer."),
            );
        }
        superseded
    }

    /// Gives the directory of a superseded log another name, once the RDB file has been loaded.
    pub(crate) fn put_log_aside(&mut self, names: &Names, vfs: &mut dyn Vfs) -> Result<(), String> {
        let dir = &names.dir;
        let aside = format!("{dir}.superseded-{}", self.now_s());
        vfs.rename(dir, &aside)
            .and_then(|()| vfs.sync_dir(""))
            .map_err(|error| format!("Can't put {dir} aside as {aside}: {error}"))?;
        self.log(
            Level::Warning,
            format!("The old append-only file is kept in {aside}. Remove it when you are sure that nothing in it is needed."),
        );
        Ok(())
    }

    /// With the log off, its files are not looked at. Somebody may not know that.
    pub(crate) fn warn_of_ignored_log(&mut self, manifest: &Manifest) {
        if manifest.files().next().is_some() && !manifest.superseded {
            let text = format!(
                "appendonly is no: the append-only file in {} is not loaded",
                self.config.appenddirname
            );
            self.log(Level::Warning, text);
        }
    }
}
