//! What a run has cost: latency, disk traffic, memory, and what fork would have copied. Integers only, so that every
//! platform counts the same.

use serde::{Deserialize, Serialize};

use super::World;
use super::memory::Fork;
use super::server::Server;

/// What a run has cost since the scenario began, or since the disk was formatted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measures {
    /// Commands executed.
    pub commands: u64,
    /// How long the workload's requests took, from arriving to their replies leaving.
    pub latency: LatencyMeasures,
    /// Bytes that processes wrote to files.
    pub bytes_written: u64,
    /// Bytes that syncs had to make durable.
    pub bytes_synced: u64,
    /// Syncs of files.
    pub fsyncs: u64,
    /// Bytes on the disk now.
    pub disk_bytes: u64,
    /// The most memory that the data took, in bytes.
    pub peak_memory_bytes: u64,
    /// A model: the most that a save or rewrite by fork would have copied at once, the pages of 4 KiB that writes touched
    /// meanwhile.
    pub peak_extra_bytes: u64,
    /// A model: the longest that fork itself would have stopped the server, from the memory it had.
    pub fork_stall_us: u64,
    /// How long the last start took; 0 before the first.
    pub recovery_us: u64,
}

/// Latencies in microseconds, each the upper end of the bucket it fell into: at most a sixteenth too high.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyMeasures {
    /// Requests measured.
    pub requests: u64,
    /// Half of them took no longer.
    pub p50_us: u64,
    /// 99 of a hundred took no longer.
    pub p99_us: u64,
    /// 999 of a thousand took no longer.
    pub p999_us: u64,
    /// The longest, exactly.
    pub max_us: u64,
}

/// Buckets for each power of two.
const STEPS: u64 = 16;

/// Up to 2^40 µs, twelve days; what takes longer counts as that.
const BUCKETS: usize = (STEPS * 37) as usize;

/// A histogram of durations in fixed buckets: each power of two is divided into sixteen.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Box<[u32; BUCKETS]>,
    total: u64,
    max_us: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: Box::new([0; BUCKETS]),
            total: 0,
            max_us: 0,
        }
    }
}

impl Histogram {
    /// Counts a duration.
    #[inline]
    pub(crate) fn add(&mut self, us: u64) {
        let count = &mut self.counts[bucket_of(us)];
        *count = count.saturating_add(1);
        self.total += 1;
        self.max_us = self.max_us.max(us);
    }

    /// The duration that `per_mille` of a thousand do not exceed.
    fn quantile_us(&self, per_mille: u64) -> u64 {
        let wanted = (self.total * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                return end_of(bucket).min(self.max_us);
            }
        }
        self.max_us
    }

    fn measures(&self) -> LatencyMeasures {
        if self.total == 0 {
            return LatencyMeasures::default();
        }
        LatencyMeasures {
            requests: self.total,
            p50_us: self.quantile_us(500),
            p99_us: self.quantile_us(990),
            p999_us: self.quantile_us(999),
            max_us: self.max_us,
        }
    }
}

#[inline]
fn bucket_of(us: u64) -> usize {
    if us < STEPS {
        return us as usize;
    }
    let power = u64::from(us.ilog2());
    let step = (us >> (power - 4)) - STEPS;
    (((power - 3) * STEPS + step) as usize).min(BUCKETS - 1)
}

/// The longest duration that falls into a bucket.
fn end_of(bucket: usize) -> u64 {
    let (power, step) = (bucket as u64 / STEPS, bucket as u64 % STEPS);
    match power {
        0 => step,
        _ => ((STEPS + step + 1) << (power - 1)) - 1,
    }
}

/// What is measured while a run goes on; the rest is asked of who knows it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter {
    pub(crate) latency: Histogram,
    pub(crate) peak_memory_bytes: u64,
    pub(crate) peak_extra_bytes: u64,
    pub(crate) fork_stall_us: u64,
    pub(crate) recovery_us: u64,
}

impl Meter {
    /// A process is about to end.
    pub(super) fn end(&mut self, server: &Server) {
        let data_bytes = server.engine.data_bytes();
        self.peak_memory_bytes = self.peak_memory_bytes.max(data_bytes);
        let extra_bytes = server.fork.as_ref().map_or(0, Fork::extra_bytes);
        self.peak_extra_bytes = self.peak_extra_bytes.max(extra_bytes);
    }
}

impl World {
    /// What the run has cost so far.
    pub fn measures(&self) -> Measures {
        let disk = self.disk.totals();
        let meter = &self.meter;
        Measures {
            commands: self.commands(),
            latency: meter.latency.measures(),
            bytes_written: disk.bytes_written,
            bytes_synced: disk.bytes_synced,
            fsyncs: disk.syncs,
            disk_bytes: self.disk.used_bytes(),
            peak_memory_bytes: meter.peak_memory_bytes.max(self.data_bytes()),
            peak_extra_bytes: meter.peak_extra_bytes.max(self.fork_extra_bytes()),
            fork_stall_us: meter.fork_stall_us,
            recovery_us: meter.recovery_us,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        let mut next_us = 0;
        for bucket in 0..BUCKETS - 1 {
            assert_eq!(bucket_of(next_us), bucket, "{next_us} µs");
            assert_eq!(bucket_of(end_of(bucket)), bucket);
            next_us = end_of(bucket) + 1;
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_at_most_a_sixteenth_too_high() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.measures(), LatencyMeasures::default());
        for us in 1..=100_000 {
            histogram.add(us);
        }
        let measures = histogram.measures();
        for (measured, exact) in [
            (measures.p50_us, 50_000),
            (measures.p99_us, 99_000),
            (measures.p999_us, 99_900),
        ] {
            assert!(
                (exact..=exact + exact / 16).contains(&measured),
                "{measured}"
            );
        }
        assert_eq!((measures.max_us, measures.requests), (100_000, 100_000));
    }
}
