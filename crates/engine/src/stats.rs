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
    /// How often bytes came from clients, and were taken to be sent to them.
    pub(crate) reads: u64,
    pub(crate) replies_sent: u64,
    /// Connections that the driver has refused.
    pub(crate) rejected_connections: u64,
    /// Commands, bytes received and bytes sent per second, over the last second or so.
    pub(crate) per_s: [u64; 3],
    /// When `per_s` was last reckoned, and the totals then.
    sampled_us: u64,
    sampled: [u64; 3],
}

impl Stats {
    /// Reckons what is told per second anew when a second has passed.
    pub(crate) fn sample(&mut self, now_us: u64, used_memory: u64) {
        self.peak_memory = self.peak_memory.max(used_memory);
        // The clock may have been set back.
        self.sampled_us = self.sampled_us.min(now_us);
        let passed_us = now_us.saturating_sub(self.sampled_us);
        if passed_us >= 1_000_000 {
            let totals = [self.commands, self.net_input_bytes, self.net_output_bytes];
            for (index, total) in totals.iter().enumerate() {
                let grown = u128::from(total - self.sampled[index]);
                self.per_s[index] = (grown * 1_000_000 / u128::from(passed_us)) as u64;
            }
            self.sampled = totals;
            self.sampled_us = now_us;
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
