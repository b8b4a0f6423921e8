//! The active expiry cycle: removing keys whose time has come though nobody asks for them.

use lastsave_keyspace::{EventClass, ExpireSlice};

use crate::engine::Engine;

/// Entries with an expiry that one slice looks at, at the least effort.
const SLICE_ENTRIES: u64 = 20;

/// The share of keys due but not removed that is put up with, in percent, at the least effort.
const ACCEPTABLE_STALE_PERCENT: u64 = 10;

/// How long a cycle between two batches of input may take, in microseconds, at the least effort.
const FAST_CYCLE_US: u64 = 1000;

/// The share of the time that the periodic cycle may take, in percent, at the least effort.
const SLOW_CYCLE_PERCENT: u64 = 25;

/// Slices of one cycle at most, where no stopwatch ends it.
const MOST_SLICES: u64 = 1000;

/// What the cycle has found out so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expiry {
    /// An estimate of the share of keys with an expiry that are due and not removed, in percent: an average that follows
    /// slowly.
    pub(crate) stale_percent: f64,
    /// Whether the last cycle ended because its time was up.
    timed_out: bool,
    /// When the last cycle between two batches began.
    last_fast_us: u64,
}

/// How hard the cycle works: `active-expire-effort`, from 0.
#[derive(Clone, Copy)]
struct Effort(u64);

impl Effort {
    fn slice_entries(self) -> usize {
        (SLICE_ENTRIES + SLICE_ENTRIES / 4 * self.0) as usize
    }

    fn fast_cycle_us(self) -> u64 {
        FAST_CYCLE_US + FAST_CYCLE_US / 4 * self.0
    }

    fn slow_cycle_us(self, hz: u32) -> u64 {
        (SLOW_CYCLE_PERCENT + 2 * self.0) * 10_000 / u64::from(hz)
    }

    fn acceptable_stale_percent(self) -> u64 {
        ACCEPTABLE_STALE_PERCENT - self.0
    }
}

impl Engine {
    fn expire_effort(&self) -> Effort {
        Effort(u64::from(self.config.active_expire_effort.clamp(1, 10)) - 1)
    }

    /// The periodic cycle.
    pub(crate) fn expire_slowly(&mut self) {
        let limit_us = self.expire_effort().slow_cycle_us(self.hz());
        self.expire_cycle(limit_us);
    }

    /// The short cycle after a batch of input, while many keys are due.
    #[inline]
    pub(crate) fn expire_quickly(&mut self) {
        let behind = self.expiry.timed_out
            || self.expiry.stale_percent > self.expire_effort().acceptable_stale_percent() as f64;
        let limit_us = self.expire_effort().fast_cycle_us();
        if behind
            && self.keyspace.settings.active_expire
            && self.pause.is_none()
            && self.now_us.abs_diff(self.expiry.last_fast_us) >= 2 * limit_us
        {
            self.expiry.last_fast_us = self.now_us;
            self.expire_cycle(limit_us);
        }
    }

    fn expire_cycle(&mut self, limit_us: u64) {
        let effort = self.expire_effort();
        self.observed.pause();
        let started_us = self.observed.start();
        let now_ms = self.now_ms();
        let (mut visited, mut removed) = (0, 0);
        self.expiry.timed_out = false;
        for _ in 0..MOST_SLICES {
            let mut slice = ExpireSlice::default();
            self.keyspace
                .expire_slice(now_ms, effort.slice_entries(), &mut slice);
            let expired = slice.keys.len() as u64;
            let tolerable = slice.visited * effort.acceptable_stale_percent();
            visited += slice.visited;
            removed += expired;
            self.tell_of_expired(slice);
            if expired * 100 <= tolerable {
                break;
            }
            if self.observed.since(started_us) > limit_us {
                self.expiry.timed_out = true;
                self.stats.expired_time_cap_reached += 1;
                break;
            }
        }
        let took_us = self.observed.since(started_us);
        self.observed.pause();
        self.stats.expire_cycle_us += took_us;
        self.observe_event("expire-cycle", took_us);
        let stale = if visited == 0 {
            0.0
        } else {
            100.0 * removed as f64 / visited as f64
        };
        self.expiry.stale_percent = stale * 0.05 + self.expiry.stale_percent * 0.95;
    }

    /// Passes on that keys were removed because their time had come.
    fn tell_of_expired(&mut self, slice: ExpireSlice) {
        self.stats.expired += slice.keys.len() as u64;
        self.free(slice.garbage);
        for (db, key) in slice.keys {
            self.saves.dirty += 1;
            let lazily = self.config.lazyfree_lazy_expire;
            self.tell_of_removal(db, &key, lazily, EventClass::Expired, "expired");
        }
    }
}
