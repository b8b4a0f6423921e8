//! When the log is rewritten without being asked, and what is known about rewrites.

use std::collections::VecDeque;

use lastsave_vfs::Vfs;

use crate::engine::Engine;
use crate::{Level, Output};

/// From so many failures in a row on, automatic rewrites pause.
const FAILURES_BEFORE_PAUSE: u32 = 3;

/// The longest pause.
const MAX_PAUSE_MINUTES: u64 = 60;

/// What is known about rewrites, whether the log is on or off.
#[derive(Clone)]
pub(crate) struct Rewrites {
    pub(crate) started: u64,
    pub(crate) last_ok: bool,
    /// How long the last one took.
    pub(crate) last_s: Option<u64>,
    /// Failed in a row, and, from the third on, when the next automatic one may start and the pause after it.
    pub(crate) failures: u32,
    retry_at_s: u64,
    retry_delay_minutes: u64,
}

impl Default for Rewrites {
    fn default() -> Self {
        Self {
            started: 0,
            last_ok: true,
            last_s: None,
            failures: 0,
            retry_at_s: 0,
            retry_delay_minutes: 0,
        }
    }
}

impl Rewrites {
    /// One has ended after so long. `stopped`: on purpose, which is no failure.
    pub(crate) fn ended(&mut self, seconds: u64, succeeded: bool, stopped: bool) {
        self.last_s = Some(seconds);
        self.last_ok = succeeded || (stopped && self.last_ok);
        if succeeded {
            self.failures = 0;
            self.retry_delay_minutes = 0;
            self.retry_at_s = 0;
        } else {
            self.failures += u32::from(!stopped);
        }
    }

    /// The clock was set back by so many seconds.
    pub(crate) fn clock_was_set_back(&mut self, by_s: u64) {
        self.retry_at_s = self.retry_at_s.saturating_sub(by_s);
    }

    /// Whether failures in a row make the next automatic rewrite wait: 1, 2, 4 … 60 minutes.
    fn are_limited(&mut self, now_s: u64, outputs: &mut VecDeque<Output>) -> bool {
        if self.failures < FAILURES_BEFORE_PAUSE {
            self.retry_at_s = 0;
            self.retry_delay_minutes = 0;
            return false;
        }
        if self.retry_at_s != 0 {
            let limited = now_s < self.retry_at_s;
            if !limited {
                self.retry_at_s = 0;
            }
            return limited;
        }
        self.retry_delay_minutes = (self.retry_delay_minutes * 2).clamp(1, MAX_PAUSE_MINUTES);
        self.retry_at_s = now_s + self.retry_delay_minutes * 60;
        outputs.push_back(Output::Log(
            Level::Warning,
            format!(
                "Background AOF rewrite has repeatedly failed and triggered the limit, will retry in {} minutes",
                self.retry_delay_minutes
            ),
        ));
        true
    }
}

impl Engine {
    /// BGREWRITEAOF while something else is running. Asked for by hand, it does not wait for the pause after failures.
    pub(crate) fn schedule_rewrite(&mut self) {
        self.rewrite_scheduled = true;
        self.rewrites.failures = 0;
    }

    /// Starts a rewrite that was asked for while something else was running.
    pub(crate) fn rewrite_if_scheduled(&mut self, vfs: &mut dyn Vfs) {
        if !self.rewrite_scheduled {
            return;
        }
        let now_s = self.now_s();
        if !self.rewrites.are_limited(now_s, &mut self.outputs) {
            // A failure is in the log, and counted; the schedule stands.
            let _ = self.start_rewrite(vfs);
        }
    }

    /// Starts a rewrite if the log has grown enough.
    pub(crate) fn rewrite_if_due(&mut self, vfs: &mut dyn Vfs) {
        let now_s = self.now_s();
        let percentage = u64::from(self.config.auto_aof_rewrite_percentage);
        let min_size = self.config.auto_aof_rewrite_min_size_bytes;
        let Some(aof) = &mut self.aof else { return };
        let size = aof.current_size();
        if !aof.is_on() || percentage == 0 || size <= min_size {
            return;
        }
        let growth = (size * 100 / aof.base_size.max(1)).saturating_sub(100);
        if growth >= percentage && !self.rewrites.are_limited(now_s, &mut self.outputs) {
            let text = format!("Starting automatic rewriting of AOF on {growth}% growth");
            self.log(Level::Notice, text);
            let _ = self.start_rewrite(vfs);
        }
    }
}
