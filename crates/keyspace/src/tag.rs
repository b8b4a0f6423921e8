//! The 28 bits that an entry carries for the keyspace.
//!
//! ```text
//! 27   25  24  23                     0
//! [ free | raw | access clock, seconds ]
//! ```

use lastsave_dict::Tag;

const CLOCK_BITS: u32 = 24;
const CLOCK_MASK: u32 = (1 << CLOCK_BITS) - 1;
const RAW: u32 = 1 << CLOCK_BITS;

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

/// Whether the string was built in place.
pub(crate) fn is_raw(tag: Tag) -> bool {
    tag.0 & RAW != 0
}

/// The seconds since the last access, which the clock tells up to about 194 days.
pub(crate) fn idle_s(tag: Tag, now_us: u64) -> u32 {
    fresh(now_us).0.wrapping_sub(tag.0) & CLOCK_MASK
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
}
