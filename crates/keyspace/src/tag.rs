//! The 28 bits that an entry carries for the keyspace.
//!
//! ```text
//! 27   25  24  23                     0
//! [ free | raw | access clock, seconds ]      least recently used
//!
//! 27   25  24  23          8 7        0
//! [ free | raw | minutes    | counter ]       least frequently used: maxmemory-policy *-lfu
//! ```
//!
//! When the policy changes, the bits of the other kind stay and mean little until keys are used again, as in Redis.

use lastsave_dict::Tag;

use crate::{EvictionPolicy, Settings, Usage};

const CLOCK_BITS: u32 = 24;
const CLOCK_MASK: u32 = (1 << CLOCK_BITS) - 1;
const RAW: u32 = 1 << CLOCK_BITS;

/// A counter's value for a key that was just made, so that it does not give way at once.
const FIRST_COUNT: u8 = 5;

/// How the use of keys is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lfu {
    /// `lfu-log-factor`: how slowly a counter rises.
    pub log_factor: u32,
    /// `lfu-decay-time`: minutes after which a counter falls by one; 0: never.
    pub decay_min: u32,
}

impl Default for Lfu {
    fn default() -> Self {
        Self {
            log_factor: 10,
            decay_min: 1,
        }
    }
}

/// The tag of an entry that was just written, at this time in microseconds.
pub(crate) fn fresh(now_us: u64) -> Tag {
    Tag((now_us / 1_000_000) as u32 & CLOCK_MASK)
}

/// The same, for a string that was built in place: its encoding is `raw` however short it is.
pub(crate) fn fresh_raw(now_us: u64) -> Tag {
    Tag(fresh(now_us).0 | RAW)
}

/// `tag` with the access clock of this time.
pub(crate) fn accessed(tag: Tag, now_us: u64) -> Tag {
    Tag(tag.0 & !CLOCK_MASK | fresh(now_us).0)
}

/// `tag` with the mark of a string that was built in place, or without it.
pub(crate) fn raw(tag: Tag, is_raw: bool) -> Tag {
    Tag(if is_raw { tag.0 | RAW } else { tag.0 & !RAW })
}

/// Whether the string was built in place.
pub(crate) fn is_raw(tag: Tag) -> bool {
    tag.0 & RAW != 0
}

/// `tag` with the mark of a string that was built in place, or without it, and the rest of `used`.
pub(crate) fn marked_as(mark: Tag, used: Tag) -> Tag {
    Tag(mark.0 & !CLOCK_MASK | used.0 & CLOCK_MASK)
}

/// The seconds since the last access, which the clock tells up to about 194 days.
pub(crate) fn idle_s(tag: Tag, now_us: u64) -> u32 {
    fresh(now_us).0.wrapping_sub(tag.0) & CLOCK_MASK
}

/// `tag` with the counter of a key that was just made.
pub(crate) fn first_counted(tag: Tag, now_us: u64) -> Tag {
    with_count(tag, now_us, FIRST_COUNT)
}

/// `tag` with a use at this time counted. The fuller the counter, the more seldom it rises: `random` decides.
pub(crate) fn counted(tag: Tag, now_us: u64, lfu: Lfu, random: u64) -> Tag {
    let count = frequency(tag, now_us, lfu);
    let odds = u64::from(count.saturating_sub(FIRST_COUNT)) * u64::from(lfu.log_factor) + 1;
    let count = count.saturating_add(u8::from(random.is_multiple_of(odds)));
    with_count(tag, now_us, count)
}

/// The counter of `tag`, lowered by the time since the last use.
pub(crate) fn frequency(tag: Tag, now_us: u64, lfu: Lfu) -> u8 {
    let count = tag.0 as u8;
    let passed_min = minutes(now_us).wrapping_sub((tag.0 >> 8) as u16);
    match u32::from(passed_min).checked_div(lfu.decay_min) {
        Some(periods) => count.saturating_sub(u8::try_from(periods).unwrap_or(u8::MAX)),
        None => count,
    }
}

/// How the use of keys is told to a file, which depends on the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageClock {
    now_us: u64,
    lfu: Option<Lfu>,
}

impl UsageClock {
    /// For a file written at this time, if the policy looks at the use of keys at all.
    pub fn new(settings: &Settings, now_us: u64) -> Option<Self> {
        match settings.eviction {
            EvictionPolicy::Lru(_) => Some(Self { now_us, lfu: None }),
            EvictionPolicy::Lfu(_) => Some(Self {
                now_us,
                lfu: Some(settings.lfu.unwrap_or_default()),
            }),
            _ => None,
        }
    }

    /// What the tag of an entry says of its use.
    pub fn usage(&self, tag: Tag) -> Usage {
        match self.lfu {
            Some(lfu) => Usage::Frequency(frequency(tag, self.now_us, lfu)),
            None => Usage::IdleSeconds(u64::from(idle_s(tag, self.now_us))),
        }
    }
}

/// `tag` with this counter, set at this time.
pub(crate) fn with_count(tag: Tag, now_us: u64, count: u8) -> Tag {
    Tag(tag.0 & !CLOCK_MASK | u32::from(minutes(now_us)) << 8 | u32::from(count))
}

fn minutes(now_us: u64) -> u16 {
    (now_us / 60_000_000) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_wraps_and_spares_the_mark() {
        let seconds = |s: u64| s * 1_000_000;
        let tag = fresh_raw(seconds((1 << 24) - 2));
        assert_eq!(idle_s(tag, seconds((1 << 24) + 3)), 5);
        let tag = accessed(tag, seconds(1 << 24));
        assert!(is_raw(tag));
        assert_eq!(idle_s(tag, seconds((1 << 24) + 3)), 3);
        assert!(!is_raw(fresh(seconds(7))));
    }

    #[test]
    fn a_counter_rises_slowly_and_falls_with_time() {
        let lfu = Lfu {
            log_factor: 10,
            decay_min: 1,
        };
        let minute = |m: u64| m * 60_000_000;
        let tag = first_counted(fresh_raw(0), minute(70_000));
        assert!(is_raw(tag));
        assert_eq!(frequency(tag, minute(70_000), lfu), 5);
        // From its first value it rises for certain; then one time in eleven.
        let tag = counted(tag, minute(70_000), lfu, 1);
        assert_eq!(frequency(tag, minute(70_000), lfu), 6);
        assert_eq!(
            frequency(counted(tag, minute(70_000), lfu, 1), minute(70_000), lfu),
            6
        );
        assert_eq!(
            frequency(counted(tag, minute(70_000), lfu, 22), minute(70_000), lfu),
            7
        );
        assert_eq!(frequency(tag, minute(70_004), lfu), 2);
        assert_eq!(frequency(tag, minute(71_000), lfu), 0);
        let never = Lfu {
            decay_min: 0,
            ..lfu
        };
        assert_eq!(frequency(tag, minute(71_000), never), 6);
        let full = with_count(tag, 0, 255);
        assert_eq!(frequency(counted(full, 0, lfu, 0), 0, lfu), 255);
    }
}
