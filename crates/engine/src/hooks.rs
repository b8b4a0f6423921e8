//! What a driver lends the engine beside the clock: calls into the world around it.

use std::ops::Range;

use crate::engine::Engine;
use crate::{Config, JobKind};

/// Has the driver obey what of a configuration is its share. `Err` names the parameter that it could not obey, and says
/// why; what came before that may have been done.
pub type ConfigHook = Box<dyn FnMut(&Config) -> Result<(), (&'static str, String)> + Send>;

/// Starts a process that stands for a background job, and returns its number: see [`Engine::set_child_hook`].
pub type ChildHook = Box<dyn FnMut(JobKind, &Config) -> Option<u32> + Send>;

/// Numbers given to background jobs in turn: see [`Engine::set_child_numbers`].
#[derive(Clone, Debug)]
struct ChildNumbers {
    all: Range<u32>,
    last: Option<u32>,
}

/// What has been lent. A clone has none of the calls, which are their driver's.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) config: Option<ConfigHook>,
    child: Option<ChildHook>,
    child_numbers: Option<ChildNumbers>,
    /// Waits for so many microseconds.
    pub(crate) sleep: Option<fn(u64)>,
}

impl Clone for Hooks {
    fn clone(&self) -> Self {
        Self {
            config: None,
            child: None,
            child_numbers: self.child_numbers.clone(),
            sleep: self.sleep,
        }
    }
}

impl Hooks {
    /// Whether a process stands for each background job.
    pub(crate) fn have_children(&self) -> bool {
        self.child.is_some() || self.child_numbers.is_some()
    }

    /// The number of the process that stands for a background job that begins now, if there is to be one.
    pub(crate) fn start_child(&mut self, kind: JobKind, config: &Config) -> Option<u32> {
        if let Some(numbers) = &mut self.child_numbers {
            let next = numbers.last.map_or(numbers.all.start, |last| last + 1);
            let next = if numbers.all.contains(&next) {
                next
            } else {
                numbers.all.start
            };
            numbers.last = Some(next);
            return Some(next);
        }
        self.child.as_mut().and_then(|start| start(kind, config))
    }
}

impl Engine {
    /// Gives background jobs these numbers in turn, as if processes stood for them: a simulation's stand-in for
    /// [`Engine::set_child_hook`].
    pub fn set_child_numbers(&mut self, numbers: Range<u32>) {
        self.hooks.child_numbers = Some(ChildNumbers {
            all: numbers,
            last: None,
        });
    }

    /// The last number given by [`Engine::set_child_numbers`].
    pub fn last_child_number(&self) -> Option<u32> {
        self.hooks.child_numbers.as_ref()?.last
    }

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
