//! The child process that stands for a background save or rewrite.
//!
//! Redis forks for these, so whoever watches or stops one looks for a child: `ps` shows `redis-rdb-bgsave`, the log
//! and the temporary file name its number, and to kill it is the one way to end a save early. Here a thread does the
//! work; the child does nothing and waits. If it is killed, the work is given up as Redis would have to; when the work has
//! ended, so does the child; and it never outlives its server. Without it (no more processes allowed) all goes on.

use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use lastsave_engine::{Config, JobKind};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

const SAVING: &str = "redis-rdb-bgsave";
const REWRITING: &str = "redis-aof-rewrite";

/// Whether this process is one, by the name it was given. It then waits for its end in here and returns `true`.
pub(crate) fn stood_for_a_job() -> bool {
    let name = std::env::args_os().next().unwrap_or_default();
    let name = name.to_string_lossy();
    if ![SAVING, REWRITING].contains(&name.split(' ').next().unwrap_or_default()) {
        return false;
    }
    // These are for the server, which ends its child itself.
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        let _ = signal_hook::flag::register(signal, Arc::default());
    }
    let mut byte = [0];
    while !matches!(std::io::stdin().read(&mut byte), Ok(0)) {}
    true
}

/// A running child. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct JobChild {
    child: Child,
    /// Readable once it has ended.
    end: ChildStdout,
}

impl JobChild {
    /// Starts one. `None` if the system does not let us.
    fn start(kind: JobKind, config: &Config) -> Option<Self> {
        let title = match kind {
            JobKind::Save => SAVING,
            JobKind::Rewrite => REWRITING,
        };
        let address = config.bind.first().map_or("*", String::as_str);
        // Our own program even if its file was replaced or removed meanwhile.
        let mut child = Command::new("/proc/self/exe")
            .arg0(format!("{title} {address}:{}", config.port))
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let end = child.stdout.take().expect("it was asked for");
        Some(Self { child, end })
    }

    pub(crate) fn end(&self) -> &ChildStdout {
        &self.end
    }

    /// The signal that has ended it; `None` if none has.
    pub(crate) fn killed_by(&mut self) -> Option<i32> {
        self.child.wait().ok()?.signal()
    }
}

impl Drop for JobChild {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a child that the engine has asked for waits for the loop to watch it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Nursery(Arc<Mutex<Option<JobChild>>>);

impl Nursery {
    /// Starts a child and returns its number.
    pub(crate) fn start(&self, kind: JobKind, config: &Config) -> Option<u32> {
        let child = JobChild::start(kind, config)?;
        let pid = child.child.id();
        *self.slot() = Some(child);
        Some(pid)
    }

    /// The child started last, once.
    pub(crate) fn take(&self) -> Option<JobChild> {
        self.slot().take()
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<JobChild>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
