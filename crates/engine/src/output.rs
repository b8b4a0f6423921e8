//! What an engine asks of its driver.

use crate::{Job, JobId, Level, SnapshotPart};

/// A connection, named by the engine. Numbers rise and are not used again, as CLIENT ID promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

/// What the driver must do next. Drain [`crate::Engine::poll_output`] fully after each batch.
#[derive(Clone, Debug)]
pub enum Output {
    /// This client has bytes to send: [`crate::Engine::reply_bytes`], then [`crate::Engine::consume_reply`].
    Reply(ClientId),
    /// Close this connection, after sending what is left if `after_reply`.
    Close {
        /// The connection.
        client: ClientId,
        /// Whether replies released so far are sent first.
        after_reply: bool,
    },
    /// A line for the log.
    Log(Level, String),
    /// Carry this job out, on a thread or in slices of simulated time, and tell of its end by
    /// [`crate::Engine::handle_job_done`].
    StartJob(JobId, Job),
    /// The next part of a snapshot that a running job writes. Tell of each part done by
    /// [`crate::Engine::handle_job_progress`]; the engine keeps the number under way bounded.
    FeedJob(JobId, SnapshotPart),
    /// Stop this job, remove its temporary file, and report [`crate::JobOutcome::Killed`].
    KillJob(JobId),
    /// Something worth a mark on a timeline.
    Event(Event),
    /// Leave the process with this status. Nothing follows.
    Exit(i32, ExitReason),
}

/// Why the engine ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// SHUTDOWN, or a signal that asks for it.
    Shutdown,
    /// The data set cannot be loaded, or the log can no longer be written as promised; the log says why.
    Fatal,
}

/// Something worth a mark on a timeline, or needed to trace the fate of writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Appends go to this file from the log offset `offset` on; it already holds `file_len` bytes. `writes` is
    /// [`crate::Status::writes`] at that moment.
    AofOpened {
        /// The file's path.
        path: String,
        /// The appended offset of its first new byte.
        offset: u64,
        /// The bytes it already holds.
        file_len: u64,
        /// The writes that are not in it but in what is loaded before it.
        writes: u64,
    },
    /// The incr file was given its final name (the first rewrite has ended).
    AofRenamed {
        /// Its path before.
        from: String,
        /// Its path now.
        to: String,
    },
    /// A snapshot was cut: it holds exactly the first `writes` writes.
    SnapshotCut {
        /// The job that writes it; `None` for SAVE and SHUTDOWN, done at once.
        job: Option<JobId>,
        /// The path that the finished file will have.
        path: String,
        /// [`crate::Status::writes`] at the cut.
        writes: u64,
    },
    /// A snapshot stands under its final path.
    SnapshotDone {
        /// Its path.
        path: String,
        /// The writes it holds.
        writes: u64,
    },
    /// A snapshot failed or was killed.
    SnapshotFailed {
        /// The path it would have had.
        path: String,
    },
    /// The append-only file was switched off; a replay of it is not tried again.
    AofClosed,
    /// Everything up to this appended offset is durable.
    AofSynced {
        /// The offset.
        offset: u64,
    },
}

/// A signal of the operating system, as far as the engine cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM.
    Terminate,
    /// SIGINT.
    Interrupt,
}
