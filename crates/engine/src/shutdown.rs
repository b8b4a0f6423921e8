//! The orderly end.

use lastsave_vfs::Vfs;

use crate::engine::Engine;
use crate::faithful::Defect;
use crate::job::JobKind;
use crate::{ExitReason, Level, Signal};

/// The words behind SHUTDOWN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ShutdownFlags {
    pub(crate) save: bool,
    pub(crate) nosave: bool,
    pub(crate) force: bool,
}

impl ShutdownFlags {
    /// Of `shutdown-on-sigint` and `shutdown-on-sigterm`. There is nobody that `now` could keep from waiting for.
    fn of(words: &str) -> Self {
        let has = |word| words.split(' ').any(|each| each == word);
        Self {
            save: has("save"),
            nosave: has("nosave"),
            force: has("force"),
        }
    }
}

impl Engine {
    /// A signal asks for the end. The periodic work obeys, at once if it can, so that SHUTDOWN ABORT may come in between.
    pub(crate) fn request_shutdown(&mut self, signal: Signal) {
        let text = match signal {
            _ if self.is_loading() => {
                "Received shutdown signal during loading, scheduling shutdown."
            }
            Signal::Interrupt => "Received SIGINT scheduling shutdown...",
            Signal::Terminate => "Received SIGTERM scheduling shutdown...",
        };
        self.log(Level::Warning, text);
        self.shutdown_signal = Some(signal);
    }

    /// Ends the server if a signal has asked for it. If that fails, the request is spent, and the log says why.
    pub(crate) fn obey_signal(&mut self, vfs: &mut dyn Vfs) {
        let Some(signal) = self.shutdown_signal.take() else {
            return;
        };
        let flags = ShutdownFlags::of(match signal {
            Signal::Interrupt => &self.config.shutdown_on_sigint,
            Signal::Terminate => &self.config.shutdown_on_sigterm,
        });
        let _ = self.shut_down(flags, vfs);
    }

    /// SHUTDOWN ABORT. Returns whether there was anything to abort.
    pub(crate) fn abort_shutdown(&mut self) -> bool {
        let requested = self.shutdown_signal.take().is_some();
        if requested {
            self.log(Level::Notice, "Shutdown manually aborted.");
        }
        requested
    }

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
        if self.config.daemonize || !self.config.pidfile.is_empty() {
            self.log(Level::Notice, "Removing the pid file.");
        }
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
