//! What commands do to time: how often each ran and how long, which were slow, what held the server up.
//!
//! The engine has no clock. How long something takes is read off a stopwatch that its driver provides
//! ([`crate::Engine::set_stopwatch`]): a monotonic clock natively, the machine's profile in a simulation. Without one everything
//! takes no time.

mod commands;
mod histogram;
pub(crate) mod latency;
pub(crate) mod slowlog;

use std::collections::BTreeMap;

use lastsave_keyspace::{Command, CommandFlags};
use lastsave_resp::Args;

pub(crate) use commands::{CommandCount, CommandStats};
use latency::LatencyMonitor;
use slowlog::SlowLog;

use crate::client::Client;
use crate::engine::Engine;

/// Tells the time that has passed since some moment, in microseconds; never goes back.
pub type Stopwatch = Box<dyn FnMut() -> u64 + Send>;

/// Where readings come from.
#[derive(Default)]
enum Watch {
    /// There are none: everything takes no time.
    #[default]
    None,
    /// The driver's own.
    Lent(Stopwatch),
    /// Every reading is so much later than the one before.
    Steady { read_us: u64, step_us: u64 },
}

impl Clone for Watch {
    /// A stopwatch that was lent stays with the original.
    fn clone(&self) -> Self {
        match self {
            Self::None | Self::Lent(_) => Self::None,
            Self::Steady { read_us, step_us } => Self::Steady {
                read_us: *read_us,
                step_us: *step_us,
            },
        }
    }
}

/// All that is observed.
#[derive(Clone, Default)]
pub(crate) struct Observed {
    watch: Watch,
    /// The last reading, while nothing but executing commands has gone on since: the end of one command is the beginning of
    /// the next, so that each costs one reading.
    lap_us: Option<u64>,
    /// When the sync of the append-only file that is under way began, microseconds since the epoch.
    pub(crate) sync_started_us: u64,
    /// What DEBUG SLEEP added to the readings.
    slept_us: u64,
    pub(crate) commands: CommandStats,
    /// Errors answered, by their code.
    pub(crate) errors: BTreeMap<String, u64>,
    pub(crate) slowlog: SlowLog,
    pub(crate) latency: LatencyMonitor,
}

impl Observed {
    /// Reads the stopwatch.
    fn read(&mut self) -> u64 {
        let read_us = match &mut self.watch {
            Watch::None => 0,
            Watch::Lent(read) => read(),
            Watch::Steady { read_us, step_us } => {
                *read_us += *step_us;
                *read_us
            }
        };
        read_us + self.slept_us
    }

    /// The moment at which a command begins.
    #[inline]
    pub(crate) fn start(&mut self) -> u64 {
        match self.lap_us {
            Some(lap_us) => lap_us,
            None => self.read(),
        }
    }

    /// How long it is since `started_us`.
    #[inline]
    pub(crate) fn since(&mut self, started_us: u64) -> u64 {
        let now_us = self.read();
        self.lap_us = Some(now_us);
        now_us.saturating_sub(started_us)
    }

    /// Something else than executing commands goes on: the next command begins when it begins.
    #[inline]
    pub(crate) fn pause(&mut self) {
        self.lap_us = None;
    }

    /// The command being executed sleeps, or something else that no stopwatch sees takes this long.
    pub(crate) fn sleep(&mut self, duration_us: u64) {
        self.slept_us += duration_us;
    }

    /// Counts an error reply by its code. `reply` is the reply's bytes.
    pub(crate) fn count_error(&mut self, reply: &[u8]) {
        /// A code is looked for in so many bytes.
        const CODE_LEN: usize = 32;
        let text = reply.strip_prefix(b"-").unwrap_or(reply);
        let code = text
            .iter()
            .take(CODE_LEN)
            .position(|byte| *byte == b' ')
            .map_or(b"ERR".as_slice(), |len| &text[..len]);
        let code = String::from_utf8_lossy(code);
        match self.errors.get_mut(&*code) {
            Some(count) => *count += 1,
            None => {
                self.errors.insert(code.into_owned(), 1);
            }
        }
    }

    /// CONFIG RESETSTAT, as far as it concerns these.
    pub(crate) fn reset_stats(&mut self) {
        self.commands = CommandStats::default();
        self.errors.clear();
    }
}

impl Engine {
    /// Gives the engine a stopwatch, which it reads about once a command. Without one, SLOWLOG, LATENCY and the times of
    /// INFO commandstats show that everything takes no time.
    pub fn set_stopwatch(&mut self, stopwatch: Stopwatch) {
        self.observed.watch = Watch::Lent(stopwatch);
    }

    /// Gives the engine a stopwatch that moves on by `step_us` microseconds with every reading: a simulation's, in which each
    /// command takes as long as any other.
    pub fn set_steady_stopwatch(&mut self, step_us: u64) {
        self.observed.watch = Watch::Steady {
            read_us: 0,
            step_us,
        };
    }

    /// Enters a command that was executed in the books: its count and time, the error if it answered one, the slow log,
    /// the latency monitor. `reply_start` is where its reply begins, `duration_us` how long it took.
    pub(crate) fn observe(
        &mut self,
        client: &Client,
        command: &'static Command,
        args: Args<'_>,
        reply_start: usize,
        duration_us: u64,
    ) {
        let failed = self.observe_reply(client, reply_start);
        // What waits is measured when it is answered.
        let tracked = self.config.latency_tracking && client.held.is_none();
        let stats = self.observed.commands.of(command);
        stats.executed(duration_us, failed, tracked);
        let event = if command.flags.has(CommandFlags::FAST) {
            "fast-command"
        } else {
            "command"
        };
        self.observe_event(event, duration_us);
        if client.held.is_none() {
            self.note_if_slow(client, command, args, duration_us);
        }
    }

    /// Enters the answer to a command that had to wait in the books: `duration_us` is what serving it took.
    pub(crate) fn observe_answer(
        &mut self,
        client: &Client,
        command: &'static Command,
        args: Args<'_>,
        reply_start: usize,
        duration_us: u64,
    ) {
        let failed = self.observe_reply(client, reply_start);
        let tracked = self.config.latency_tracking;
        let stats = self.observed.commands.of(command);
        stats.duration_us += duration_us;
        stats.failed += u64::from(failed);
        if tracked {
            stats
                .times
                .get_or_insert_default()
                .record(duration_us * 1000);
        }
        self.note_if_slow(client, command, args, duration_us);
        self.observe_event("command-unblocking", duration_us);
    }

    fn note_if_slow(
        &mut self,
        client: &Client,
        command: &'static Command,
        args: Args<'_>,
        duration_us: u64,
    ) {
        let slower_than_us = self.config.slowlog_log_slower_than_us;
        if let Ok(slower_than_us) = u64::try_from(slower_than_us)
            && duration_us >= slower_than_us
            && !command.flags.has(CommandFlags::SKIP_SLOWLOG)
        {
            let log = &mut self.observed.slowlog;
            log.push(client, command, args, self.now_us, duration_us);
            log.trim(usize::try_from(self.config.slowlog_max_len).unwrap_or(usize::MAX));
        }
    }

    /// Counts the reply that begins at `reply_start` if it is an error, and says whether it is.
    pub(crate) fn observe_reply(&mut self, client: &Client, reply_start: usize) -> bool {
        let reply = client.reply.bytes().get(reply_start..).unwrap_or_default();
        let failed = reply.first() == Some(&b'-');
        if failed {
            self.stats.error_replies += 1;
            self.observed.count_error(reply);
        }
        failed
    }

    /// Begins to measure something that is no command. Costs nothing unless the latency monitor is on.
    pub(crate) fn begin_event(&mut self) -> Option<u64> {
        (self.config.latency_monitor_threshold_ms > 0).then(|| {
            self.observed.pause();
            self.observed.start()
        })
    }

    /// Ends what [`Engine::begin_event`] began: an event of these kinds.
    pub(crate) fn end_event(&mut self, began_us: Option<u64>, events: &[&'static str]) {
        if let Some(began_us) = began_us {
            let took_us = self.observed.since(began_us);
            self.observed.pause();
            for event in events {
                self.observe_event(event, took_us);
            }
        }
    }

    /// Notes an event of this kind in the latency monitor, if it took long enough.
    #[inline]
    pub(crate) fn observe_event(&mut self, event: &'static str, duration_us: u64) {
        let (threshold_ms, duration_ms) =
            (self.config.latency_monitor_threshold_ms, duration_us / 1000);
        if threshold_ms > 0 && duration_ms >= threshold_ms {
            let now_s = self.now_s();
            self.observed.latency.add(event, now_s, duration_ms);
        }
    }
}

#[cfg(test)]
mod tests;
