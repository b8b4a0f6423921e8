//! How fast the simulated machine is. Durations of saves, syncs and recoveries derive from these figures and from real
//! file sizes and counts; none is declared.

use lastsave_engine::LoadProgress;

use super::random::mix;

/// The speeds and sizes of a machine. All durations are rounded down to whole microseconds, in integers, so that every platform
/// computes the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MachineProfile {
    /// The word for it: `laptop`.
    pub word: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// What the device takes in a second, in bytes: paid when a file is synced.
    pub write_bytes_per_s: u64,
    /// What the device gives in a second, in bytes: paid when a file is loaded.
    pub read_bytes_per_s: u64,
    /// What copying into the page cache takes in a second, in bytes.
    pub page_cache_bytes_per_s: u64,
    /// What a sync costs besides its bytes: the flush of the device's own cache. Also a directory's sync.
    pub fsync_us: u64,
    /// How syncs differ from each other, as the seed decides: up to so much more each.
    pub fsync_spread_us: u64,
    /// And one in so many takes so much more: `(100, 30_000)`. From the commonest to the rarest.
    pub fsync_tail: &'static [(u64, u64)],
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
    /// How much memory there is, in bytes.
    pub memory_bytes: u64,
    /// How much the disk holds, in bytes, if that is limited.
    pub disk_bytes: Option<u64>,
    /// How often the kernel looks for old unsynced bytes (`vm.dirty_writeback_centisecs`) and commits the journal; 0 is never:
    /// then only syncs make anything durable.
    pub writeback_interval_us: u64,
    /// How old they are by then when it writes them by itself (`vm.dirty_expire_centisecs`).
    pub dirty_expire_us: u64,
}

/// The most memory that a machine can be given, in bytes: the simulation needs as much itself.
pub(crate) const MOST_MEMORY: u64 = 2 << 30;

impl MachineProfile {
    /// A laptop with an SSD. Fork is measured and not charged: its memory is small, and Lastsave itself does not fork.
    pub const LAPTOP: Self = Self {
        word: "laptop",
        about: "an SSD: 1 ms a sync, 500 MB/s",
        write_bytes_per_s: 500_000_000,
        read_bytes_per_s: 1_000_000_000,
        page_cache_bytes_per_s: 2_000_000_000,
        fsync_us: 1_000,
        fsync_spread_us: 0,
        fsync_tail: &[],
        command_us: 2,
        timer_us: 5,
        process_start_us: 50_000,
        encode_key_ns: 650,
        load_key_ns: 700,
        replay_command_ns: 1_700,
        unlink_us: 100,
        fork_us_per_gib: 12_000,
        charges_fork: false,
        memory_bytes: 1 << 30,
        disk_bytes: None,
        writeback_interval_us: 5_000_000,
        dirty_expire_us: 30_000_000,
    };

    /// A virtual machine with a network volume. What a sync takes varies: most are through in 3 ms, one in fifty waits
    /// behind others, one in a thousand for a hiccup of the storage.
    pub const CLOUD: Self = Self {
        word: "cloud",
        about: "a network volume: 3 ms a sync with a long tail, 125 MB/s",
        write_bytes_per_s: 125_000_000,
        read_bytes_per_s: 125_000_000,
        fsync_us: 2_500,
        fsync_spread_us: 1_000,
        fsync_tail: &[(50, 25_000), (1_000, 600_000)],
        unlink_us: 3_000,
        fork_us_per_gib: 20_000,
        charges_fork: true,
        ..Self::LAPTOP
    };

    /// A server with a spinning disk: a sync waits for the head and for the platter, 7,200 times a minute.
    pub const DISK: Self = Self {
        word: "disk",
        about: "a spinning disk: 8 to 12 ms a sync, 150 MB/s",
        write_bytes_per_s: 150_000_000,
        read_bytes_per_s: 150_000_000,
        fsync_us: 8_000,
        fsync_spread_us: 4_000,
        // Now and then the head has to go to the journal and back twice.
        fsync_tail: &[(100, 20_000)],
        // A handful of seeks, for the program and its files.
        process_start_us: 120_000,
        unlink_us: 10_000,
        charges_fork: true,
        ..Self::LAPTOP
    };

    /// The article's server, as far as its figures say what it was.
    ///
    /// It held 2 GB. Loaded in 12 s from a snapshot, that is 179 MB/s read; written in 45 s by the first rewrite, 48 MB/s
    /// written. Both fit one volume, so both speeds are taken from there. The 180 s "from AOF alone" are 15 times the 12 s:
    /// at the same speed a log of 30 GB, which is more than an hour of its 200 requests a second if each writes 40 KB, and
    /// never rewritten; with small commands it would take a hundred million of them. So 180 s follow from the length of a
    /// log that was left to grow, not from the machine, and no cost here is bent to give them. Nothing is said of syncs: a
    /// network volume's are assumed. Its containers were short of memory; what there is here is the most that a
    /// simulation may use.
    pub const ARTICLE: Self = Self {
        word: "article",
        about: "the article's server: 179 MB/s read, 48 MB/s written",
        write_bytes_per_s: (2 << 30) / 45,
        read_bytes_per_s: (2 << 30) / 12,
        memory_bytes: MOST_MEMORY,
        ..Self::CLOUD
    };

    /// Every profile.
    pub const ALL: [Self; 4] = [Self::LAPTOP, Self::CLOUD, Self::DISK, Self::ARTICLE];

    /// How much longer than usual a sync takes, from a number drawn for it.
    pub(crate) fn sync_delay_us(&self, drawn: u64) -> u64 {
        let spread_us = ((u128::from(drawn) * u128::from(self.fsync_spread_us)) >> 64) as u64;
        let rarest = self.fsync_tail.iter().rev();
        let mut hit = rarest.filter(|(one_in, _)| mix(drawn).is_multiple_of(*one_in));
        spread_us + hit.next().map_or(0, |(_, us)| *us)
    }

    /// How long a sync of `bytes` unsynced bytes takes.
    pub fn sync_us(&self, bytes: u64) -> u64 {
        self.fsync_us + self.device_us(bytes)
    }

    /// How long the device takes for bytes.
    pub fn device_us(&self, bytes: u64) -> u64 {
        per_second_us(bytes, self.write_bytes_per_s)
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
    fn a_tail_is_as_rare_as_it_says() {
        let profile = MachineProfile::CLOUD;
        let delays = (0..100_000).map(|number| profile.sync_delay_us(mix(number)));
        let delays: Vec<u64> = delays.collect();
        let over = |us: u64| delays.iter().filter(|delay| **delay >= us).count();
        assert!((50..200).contains(&over(600_000)), "{}", over(600_000));
        assert!((1_800..2_300).contains(&over(25_000)), "{}", over(25_000));
        let common = delays.iter().filter(|delay| **delay <= 1_000).count();
        assert!(common > 97_000);
        assert_eq!(MachineProfile::LAPTOP.sync_delay_us(mix(3)), 0);
    }

    #[test]
    fn the_articles_figures_follow_where_they_are_consistent() {
        let profile = MachineProfile::ARTICLE;
        let snapshot = LoadProgress {
            bytes: 2 << 30,
            keys: 50_000,
            ..LoadProgress::default()
        };
        assert_eq!(profile.loading_us(&snapshot) / 1_000_000, 12);
        let log = LoadProgress {
            bytes: 15 * (2 << 30),
            commands: 800_000,
            ..LoadProgress::default()
        };
        assert_eq!(profile.loading_us(&log) / 1_000_000, 181);
        assert_eq!(profile.sync_us(2 << 30) / 1_000_000, 45);
    }

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
