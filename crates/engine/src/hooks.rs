//! What a driver lends the engine beside the clock: calls into the world around it.

use crate::engine::Engine;
use crate::{Config, JobKind};

/// Has the driver obey what of a configuration is its share. `Err` names the parameter that it could not obey, and says
/// why; what came before that may have been done.
pub type ConfigHook = Box<dyn FnMut(&Config) -> Result<(), (&'static str, String)> + Send>;

/// Starts a process that stands for a background job, and returns its number: see [`Engine::set_child_hook`].
pub type ChildHook = Box<dyn FnMut(JobKind, &Config) -> Option<u32> + Send>;

/// What has been lent.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) config: Option<ConfigHook>,
    pub(crate) child: Option<ChildHook>,
    /// Waits for so many microseconds.
    pub(crate) sleep: Option<fn(u64)>,
}

impl Engine {
    /// Has `hook` called whenever CONFIG SET has changed something, and again with the old configuration if the change
    /// is taken back.
    pub fn set_config_hook(&mut self, hook: ConfigHook) {
        self.hooks.config = Some(hook);
    }

    /// Has `hook` start a process whenever a background save or rewrite begins, which carries nothing out but can be seen
    /// and killed. Its number goes into the log and the temporary file's name. The job's [`Output::StartJob`](crate::Output::StartJob) comes next, and
    /// if the process is killed, tell of that by [`Engine::handle_job_done`] with [`JobOutcome::Killed`](crate::JobOutcome::Killed); an
    /// [`Output::KillJob`](crate::Output::KillJob) follows.
    pub fn set_child_hook(&mut self, hook: ChildHook) {
        self.hooks.child = Some(hook);
    }

    /// Has the engine wait by `sleep` for so many microseconds where `rdb-key-save-delay` makes SAVE slow, for tests.
    pub fn set_sleep(&mut self, sleep: fn(u64)) {
        self.hooks.sleep = Some(sleep);
    }
}
