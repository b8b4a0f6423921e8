//! Counters for INFO.

/// Counters since the start, or since CONFIG RESETSTAT.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stats {
    pub(crate) commands: u64,
    /// Units of client writes that changed data; not reset by CONFIG RESETSTAT.
    pub(crate) writes: u64,
    pub(crate) connections: u64,
    pub(crate) net_input_bytes: u64,
    pub(crate) net_output_bytes: u64,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) expired: u64,
    pub(crate) evicted_keys: u64,
    /// How often the search for expired keys ran out of time.
    pub(crate) expired_time_cap_reached: u64,
    /// The time of that search.
    pub(crate) expire_cycle_us: u64,
    /// How long the last snapshot held up the server at its start.
    pub(crate) latest_fork_us: u64,
    pub(crate) error_replies: u64,
    /// Clients given up because of their unsent replies, and because of their unfinished requests.
    pub(crate) output_limit_disconnections: u64,
    pub(crate) query_limit_disconnections: u64,
    pub(crate) evicted_clients: u64,
    pub(crate) snapshots: u64,
    pub(crate) peak_memory: u64,
    /// Commands per second, over the last second or so.
    pub(crate) ops_per_s: u64,
    /// The time and count of commands that `ops_per_s` was last reckoned at.
    ops_sample: (u64, u64),
}

impl Stats {
    /// Reckons the commands per second anew when a second has passed.
    pub(crate) fn sample(&mut self, now_us: u64, used_memory: u64) {
        self.peak_memory = self.peak_memory.max(used_memory);
        let (sampled_us, commands) = self.ops_sample;
        let passed_us = now_us.saturating_sub(sampled_us);
        if passed_us >= 1_000_000 {
            self.ops_per_s = (self.commands - commands) * 1_000_000 / passed_us;
            self.ops_sample = (now_us, self.commands);
        }
    }

    /// CONFIG RESETSTAT.
    pub(crate) fn reset(&mut self) {
        *self = Self {
            writes: self.writes,
            ..Self::default()
        };
    }
}
