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
    pub(crate) error_replies: u64,
    pub(crate) snapshots: u64,
}

impl Stats {
    /// CONFIG RESETSTAT.
    pub(crate) fn reset(&mut self) {
        *self = Self {
            writes: self.writes,
            ..Self::default()
        };
    }
}
