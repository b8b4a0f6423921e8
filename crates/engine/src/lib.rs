//! The server as a state machine: clients, transactions, configuration, save points, the append-only file,
//! rewrite, recovery.
//!
//! Deliberately absent: sockets, threads, a clock. Time is an argument in microseconds since the epoch, files are
//! reached through [`lastsave_vfs::Vfs`], and what Redis does on another thread or in a forked child is a [`Job`]
//! that the driver carries out.
//!
//! # Driving an engine
//!
//! Its methods come in four kinds:
//!
//! - **set-up**: [`Engine::new`], then [`Engine::start`] once, which loads the data set;
//! - **`handle_*`**: something happened: [`Engine::handle_connect`], [`Engine::handle_input`],
//!   [`Engine::handle_disconnect`], [`Engine::handle_timeout`], [`Engine::handle_job_progress`],
//!   [`Engine::handle_job_done`], [`Engine::handle_signal`];
//! - **`flush`**: [`Engine::flush`], once after each batch of `handle_*`: it writes the append-only file's buffer and
//!   releases the replies that waited for it. Group commit is as wide as the batch;
//! - **`poll_*`**: [`Engine::poll_output`] until it is empty, then [`Engine::next_timeout`] for when to come back.
//!
//! Everything else is a getter. The same calls with the same arguments give the same replies and the same files.
//!
//! # Replies wait for their writes
//!
//! The append-only file is a log with three offsets ([`lastsave_aof::Offsets`]): appended, written, synced. A reply
//! carries the appended offset that it depends on and leaves when `synced` (`appendfsync always`) or `written` (else)
//! has passed it. So an acknowledged write survives a process kill under every policy, and a power loss under `always`.

mod ahead;
mod blocking;
mod client;
#[cfg(test)]
mod client_tests;
mod clients;
mod clock;
pub mod command_info;
pub mod config;
mod cron;
mod digest;
mod dispatch;
mod engine;
mod eviction;
mod expiry;
mod facts;
mod faithful;
mod hooks;
pub mod info;
mod job;
mod lazyfree;
mod limits;
mod log;
mod monitor;
mod notify;
mod observe;
mod output;
mod pause;
mod persistence;
mod pubsub;
mod rename;
mod server;
mod shutdown;
mod stats;
mod status;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use blocking::Standing;
pub use config::Config;
pub use engine::{Engine, Host};
pub use facts::ProcessFacts;
pub use hooks::{ChildHook, ConfigHook};
pub use job::{Job, JobId, JobKind, JobOutcome, SnapshotPart, SnapshotSpec, SnapshotWriter, Step};
pub use log::{Level, format_log_line, format_log_line_as};
pub use observe::Stopwatch;
pub use output::{ClientId, Event, ExitReason, Output, Signal};
pub use persistence::Loaded;
pub use status::{AofStatus, LoadProgress, LoadReport, LoadSource, LoadedFile, Status};

/// The version of Redis whose behaviour this is, as INFO and HELLO state it.
pub const REDIS_VERSION: &str = "7.0.15";
