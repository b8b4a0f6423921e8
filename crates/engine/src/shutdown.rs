//! The orderly end.

use lastsave_vfs::Vfs;

use crate::engine::Engine;
use crate::faithful::Defect;
use crate::job::JobKind;
use crate::{ExitReason, Level};

/// The words behind SHUTDOWN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ShutdownFlags {
    pub(crate) save: bool,
    pub(crate) nosave: bool,
    pub(crate) force: bool,
}

impl Engine {
    /// Makes everything durable and ends. `Err` if that failed: the server goes on, and the log says why.
    pub(crate) fn shut_down(
        &mut self,
        mut flags: ShutdownFlags,
        vfs: &mut dyn Vfs,
    ) -> Result<(), ()> {
        if self.is_loading() {
            // Half a data set must not replace the whole one.
            (flags.save, flags.nosave) = (false, true);
        }
        self.log(Level::Warning, "User requested shutdown...");
        self.make_durable(flags, vfs).map_err(|()| {
            self.log(
                Level::Warning,
                "Errors trying to shut down the server. Check the logs for more information.",
            );
        })?;
        self.log(Level::Warning, "Redis is now ready to exit, bye bye...");
        self.exit(0, ExitReason::Shutdown);
        Ok(())
    }

    fn make_durable(&mut self, flags: ShutdownFlags, vfs: &mut dyn Vfs) -> Result<(), ()> {
        match self.snapshot.as_ref().map(|snapshot| snapshot.kind) {
            Some(JobKind::Save) => {
                self.log(
                    Level::Warning,
                    "There is a child saving an .rdb. Killing it!",
                );
                self.kill_snapshot();
            }
            Some(JobKind::Rewrite) => {
                if self.aof.as_ref().is_some_and(|aof| aof.waits_for_rewrite) {
                    if !flags.force {
                        self.log(Level::Warning, "Writing initial AOF, can't exit.");
                        return Err(());
                    }
                    self.log(Level::Warning, "Writing initial AOF. Exit anyway.");
                }
                self.log(
                    Level::Warning,
                    "There is a child rewriting the AOF. Killing it!",
                );
                self.kill_snapshot();
            }
            None => {}
        }
        if self.aof.is_some() && !self.is_loading() {
            self.log(Level::Notice, "Calling fsync() on the AOF file.");
            self.flush_aof(vfs, true);
            let failed = self.aof_error_reply().is_some();
            if failed && !flags.force && !self.repeats(Defect::ExitUnwritten) {
                // Redis exits here and loses what it has acknowledged and could not write.
                self.log(Level::Warning, "Error trying to write the AOF, can't exit.");
                return Err(());
            }
        }
        if (!self.config.save.is_empty() && !flags.nosave) || flags.save {
            self.log(
                Level::Notice,
                "Saving the final RDB snapshot before exiting.",
            );
            if self.save_now(vfs).is_err() {
                if !flags.force {
                    self.log(Level::Warning, "Error trying to save the DB, can't exit.");
                    return Err(());
                }
                self.log(Level::Warning, "Error trying to save the DB. Exit anyway.");
            }
        }
        Ok(())
    }
}
