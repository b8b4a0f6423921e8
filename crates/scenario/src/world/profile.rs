//! How fast the simulated machine is. Durations of saves, syncs and recoveries derive from these figures and from real
//! file sizes and counts; none is declared.

use lastsave_engine::LoadProgress;

/// The speeds of a machine. All durations are rounded down to whole microseconds, in integers, so that every platform
/// computes the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MachineProfile {
    /// What the device takes in a second, in bytes: paid when a file is synced.
    pub write_bytes_per_s: u64,
    /// What the device gives in a second, in bytes: paid when a file is loaded.
    pub read_bytes_per_s: u64,
    /// What copying into the page cache takes in a second, in bytes.
    pub page_cache_bytes_per_s: u64,
    /// What a sync costs besides its bytes: the flush of the device's own cache. Also a directory's sync.
    pub fsync_us: u64,
    /// Executing a command, network included.
    pub command_us: u64,
    /// A turn of the timer.
    pub timer_us: u64,
    /// Starting a process, up to the point where it opens its files.
    pub process_start_us: u64,
    /// Encoding a key into a snapshot, in nanoseconds.
    pub encode_key_ns: u64,
    /// Loading a key from a snapshot, in nanoseconds.
    pub load_key_ns: u64,
    /// Replaying a command of an append-only file, in nanoseconds.
    pub replay_command_ns: u64,
    /// Removing a file.
    pub unlink_us: u64,
    /// A model: how long fork stops a server for each GiB of memory it has, whose page table is copied.
    pub fork_us_per_gib: u64,
    /// Whether fork's stop is added to the clock; it is always measured.
    pub charges_fork: bool,
}

impl MachineProfile {
    /// A laptop with an SSD.
    pub const LAPTOP: Self = Self {
        write_bytes_per_s: 500_000_000,
        read_bytes_per_s: 1_000_000_000,
        page_cache_bytes_per_s: 2_000_000_000,
        fsync_us: 1_000,
        command_us: 2,
        timer_us: 5,
        process_start_us: 50_000,
        encode_key_ns: 650,
        load_key_ns: 700,
        replay_command_ns: 1_700,
        unlink_us: 100,
        fork_us_per_gib: 12_000,
        charges_fork: false,
    };

    /// How long a sync of `bytes` unsynced bytes takes.
    pub fn sync_us(&self, bytes: u64) -> u64 {
        self.fsync_us + per_second_us(bytes, self.write_bytes_per_s)
    }

    /// How long a write into the page cache takes.
    pub fn write_us(&self, bytes: u64) -> u64 {
        per_second_us(bytes, self.page_cache_bytes_per_s)
    }

    /// How long fork stops a process with so many bytes of data.
    pub fn fork_us(&self, data_bytes: u64) -> u64 {
        data_bytes.saturating_mul(self.fork_us_per_gib) >> 30
    }

    /// How long encoding so many keys takes.
    pub fn encode_us(&self, keys: u64) -> u64 {
        keys * self.encode_key_ns / 1000
    }

    /// How long loading so much takes.
    pub fn loading_us(&self, progress: &LoadProgress) -> u64 {
        per_second_us(progress.bytes, self.read_bytes_per_s)
            + progress.keys * self.load_key_ns / 1000
            + progress.commands * self.replay_command_ns / 1000
            + progress.delay_us
    }
}

/// How long `bytes` take at so many a second.
fn per_second_us(bytes: u64, bytes_per_s: u64) -> u64 {
    // Divided first where the product could overflow; a file that large is not simulated anyway.
    bytes.saturating_mul(1_000_000) / bytes_per_s
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_derive_from_sizes() {
        let profile = MachineProfile::LAPTOP;
        assert_eq!(profile.sync_us(0), 1_000);
        assert_eq!(profile.sync_us(500_000_000), 1_001_000);
        let progress = LoadProgress {
            bytes: 3_000_000,
            keys: 50_000,
            commands: 10_000,
            delay_us: 0,
        };
        assert_eq!(profile.loading_us(&progress), 3_000 + 35_000 + 17_000);
    }
}
