//! SAVE, BGSAVE and save points.

use lastsave_vfs::{Error, Op, Vfs};

use super::snapshot::Snapshot;
use crate::engine::Engine;
use crate::job::{JobKind, JobOutcome, SIGUSR1, parent_dir};
use crate::{Event, Level};

/// After a failed save the next automatic one waits this long.
const RETRY_DELAY_S: u64 = 5;

/// What is known about saves.
#[derive(Clone)]
pub(crate) struct Saves {
    /// Changes since the last completed save.
    pub(crate) dirty: u64,
    /// When the last save completed, or the start.
    pub(crate) last_save_s: u64,
    /// How many writes the last completed save holds.
    pub(crate) writes_saved: u64,
    /// When the last background save was tried.
    pub(crate) last_try_s: u64,
    pub(crate) last_bgsave_ok: bool,
    /// BGSAVE SCHEDULE, or BGSAVE inside a transaction.
    pub(crate) scheduled: bool,
    /// How long the last background save took.
    pub(crate) last_bgsave_s: Option<u64>,
    pub(crate) saves: u64,
    /// Keys that the last load found expired, and loaded.
    pub(crate) loaded_expired: u64,
    pub(crate) loaded: u64,
}

impl Default for Saves {
    fn default() -> Self {
        Self {
            dirty: 0,
            last_save_s: 0,
            writes_saved: 0,
            last_try_s: 0,
            last_bgsave_ok: true,
            scheduled: false,
            last_bgsave_s: None,
            saves: 0,
            loaded_expired: 0,
            loaded: 0,
        }
    }
}

impl Engine {
    /// A background save, written by a process `child` or ourselves, has a name of its own: a save at once may begin
    /// while the other is being stopped.
    fn temp_rdb_path(&self, background: Option<Option<u32>>) -> String {
        let own = self.host.pid;
        let name = match background {
            None => format!("temp-{own}.rdb"),
            Some(Some(child)) => format!("temp-{child}.rdb"),
            Some(None) => format!("temp-bg-{own}.rdb"),
        };
        match parent_dir(&self.config.dbfilename) {
            "" => name,
            dir => format!("{dir}/{name}"),
        }
    }

    /// Saves here and now. The log says what went wrong.
    pub(crate) fn save_now(&mut self, vfs: &mut dyn Vfs) -> Result<(), Error> {
        let path = self.config.dbfilename.clone();
        let temp_path = self.temp_rdb_path(None);
        let spec = self.snapshot_spec(JobKind::Save, temp_path.clone(), Some(path.clone()));
        self.event(Event::SnapshotCut {
            job: None,
            path: path.clone(),
            writes: self.stats.writes,
        });
        match self.write_snapshot_now(spec, vfs) {
            Ok(_) => {
                self.log(Level::Notice, "DB saved on disk");
                self.saves.dirty = 0;
                self.saves.last_save_s = self.now_s();
                self.saves.last_bgsave_ok = true;
                self.saved_beyond_log(self.stats.writes, vfs);
                self.event(Event::SnapshotDone {
                    path,
                    writes: self.stats.writes,
                });
                Ok(())
            }
            Err(error) => {
                self.log_save_error(&error, &temp_path, &path);
                self.event(Event::SnapshotFailed { path });
                Err(error)
            }
        }
    }

    fn log_save_error(&mut self, error: &Error, temp_path: &str, path: &str) {
        let dir = self.config.dir.clone();
        let text = match error.op {
            Op::Open => format!(
                "Failed opening the temp RDB file {temp_path} (in server root dir {dir}) for saving: {error}"
            ),
            Op::Rename => format!(
                "Error moving temp DB file {temp_path} on the final destination {path} (in server root dir {dir}): {error}"
            ),
            Op::SyncDir => format!("Write error saving DB on disk(fsyncFileDir): {error}"),
            Op::Sync => format!("Write error saving DB on disk(fsync): {error}"),
            _ => format!("Write error saving DB on disk(rdbSaveRio): {error}"),
        };
        self.log(Level::Warning, text);
    }

    /// Starts a background save. Nothing else may be running. The log says why it could not.
    pub(crate) fn start_background_save(&mut self) -> Result<(), ()> {
        self.saves.saves += 1;
        self.saves.last_try_s = self.now_s();
        if self.fork_fails() {
            self.log(
                Level::Warning,
                "Can't save in background: fork: Cannot allocate memory",
            );
            self.saves.last_bgsave_ok = false;
            return Err(());
        }
        self.saves.scheduled = false;
        let path = self.config.dbfilename.clone();
        let child = self.start_child(JobKind::Save);
        let temp_path = self.temp_rdb_path(Some(child.pid));
        let pid = child.pid.unwrap_or(self.host.pid);
        let spec = self.snapshot_spec(JobKind::Save, temp_path, Some(path.clone()));
        self.start_snapshot(spec, path, child);
        self.log(
            Level::Notice,
            format!("Background saving started by pid {pid}"),
        );
        Ok(())
    }

    pub(crate) fn background_save_done(
        &mut self,
        snapshot: &Snapshot,
        outcome: &JobOutcome,
        vfs: &mut dyn Vfs,
    ) {
        match outcome {
            JobOutcome::Done { .. } => {
                self.log(Level::Notice, "DB saved on disk");
                self.log(Level::Notice, "Background saving terminated with success");
                // A SAVE meanwhile has set the count to 0.
                self.saves.dirty = self.saves.dirty.saturating_sub(snapshot.dirty_at_cut);
                self.saves.last_save_s = self.now_s();
                self.saves.last_bgsave_ok = true;
                let (path, writes) = (snapshot.path.clone(), snapshot.writes_at_cut);
                self.saved_beyond_log(writes, vfs);
                self.event(Event::SnapshotDone { path, writes });
            }
            JobOutcome::Failed(error) => {
                self.log_save_error(error, &snapshot.temp_path, &snapshot.path);
                self.log(Level::Warning, "Background saving error");
                self.saves.last_bgsave_ok = false;
            }
            JobOutcome::NotStarted => {
                self.log(
                    Level::Warning,
                    "Can't save in background: fork: Cannot allocate memory",
                );
                self.saves.last_bgsave_ok = false;
            }
            JobOutcome::Killed(signal) => {
                self.log(
                    Level::Warning,
                    format!("Background saving terminated by signal {signal}"),
                );
                // SIGUSR1 is how somebody ends a save who means it.
                self.saves.last_bgsave_ok &= *signal == SIGUSR1;
            }
        }
        self.saves.last_bgsave_s =
            Some(self.now_us.saturating_sub(snapshot.started_us) / 1_000_000);
    }

    /// Stops a background save that a newer state makes pointless. Not a failure.
    pub(crate) fn kill_background_save(&mut self) {
        if let Some(snapshot) = &self.snapshot
            && snapshot.kind == JobKind::Save
        {
            self.saves.last_bgsave_s = Some((self.now_us - snapshot.started_us) / 1_000_000);
            self.kill_snapshot();
            self.log(
                Level::Warning,
                format!("Background saving terminated by signal {SIGUSR1}"),
            );
        }
    }

    /// FLUSHALL has run: the file must not bring the data back.
    pub(crate) fn after_flushall(&mut self, vfs: &mut dyn Vfs) {
        self.kill_background_save();
        if !self.config.save.is_empty() {
            // The log has said it if this failed; the keys are gone either way, and the next save will try again.
            let _ = self.save_now(vfs);
        }
    }

    /// Starts a background save if a save point has been reached. Returns whether it did.
    pub(crate) fn save_if_due(&mut self) -> bool {
        let now_s = self.now_s();
        let saves = &self.saves;
        let may_retry = now_s > saves.last_try_s + RETRY_DELAY_S || saves.last_bgsave_ok;
        let reached = self.config.save.iter().copied().find(|point| {
            saves.dirty >= point.changes && now_s.saturating_sub(saves.last_save_s) > point.seconds
        });
        match reached {
            Some(point) if may_retry => {
                let (changes, seconds) = (point.changes, point.seconds);
                self.log(
                    Level::Notice,
                    format!("{changes} changes in {seconds} seconds. Saving..."),
                );
                // A failure is in the log, and is not tried again at once.
                self.start_background_save().is_ok()
            }
            _ => false,
        }
    }

    /// Starts a scheduled background save when nothing else runs.
    pub(crate) fn save_if_scheduled(&mut self) {
        let may_retry =
            self.now_s() > self.saves.last_try_s + RETRY_DELAY_S || self.saves.last_bgsave_ok;
        if self.saves.scheduled && self.snapshot.is_none() && may_retry {
            // After a failure the schedule stands.
            let _ = self.start_background_save();
        }
    }
}
