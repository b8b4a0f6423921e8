//! How often values occurred, by their size with two significant digits: what LATENCY HISTOGRAM and INFO latencystats show.

/// Slots of each power of two: with 128 of them neighbours differ by less than one percent.
const SLOTS_PER_OCTAVE: usize = 128;

/// The largest value that is told apart: a second in nanoseconds. Larger ones count as it.
const MAX_VALUE: u64 = 1_000_000_000;

/// 0 to 255 each have a slot of their own; from there on every octave has its 128, up to 2^30.
const SLOTS: usize = 24 * SLOTS_PER_OCTAVE;

/// Counts of durations in nanoseconds, in the slots that Redis's histograms have.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Box<[u64; SLOTS]>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: Box::new([0; SLOTS]),
            total: 0,
        }
    }
}

impl Histogram {
    /// Counts a value.
    pub(crate) fn record(&mut self, ns: u64) {
        self.counts[slot_of(ns.clamp(1, MAX_VALUE))] += 1;
        self.total += 1;
    }

    /// How many values were counted.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The value that `percent` of the values do not exceed, within the precision.
    pub(crate) fn percentile(&self, percent: f64) -> u64 {
        let wanted = (percent.min(100.0) / 100.0 * self.total as f64 + 0.5) as u64;
        let mut passed = 0;
        let slot = self.counts.iter().position(|count| {
            passed += count;
            passed >= wanted.max(1)
        });
        let slot = slot.unwrap_or(0);
        if percent == 0.0 {
            lowest_of(slot)
        } else {
            highest_of(slot)
        }
    }

    /// How many values there are up to about each power of two from 1024 on: `(value, count)`, where the count rises, until
    /// all are counted.
    pub(crate) fn cumulative(&self) -> Vec<(u64, u64)> {
        let mut levels = Vec::new();
        let mut passed = 0;
        let mut next = 0;
        for octave in 10.. {
            let slot = slot_of(1 << octave).min(SLOTS - 1);
            let before = passed;
            passed += self.counts[next..=slot].iter().sum::<u64>();
            next = slot + 1;
            if passed > before {
                levels.push((highest_of(slot), passed));
            }
            if passed == self.total {
                break;
            }
        }
        levels
    }
}

/// How far the values of a slot are shifted: those of the first two octaves' worth of slots are kept exactly.
fn shift_of(slot: usize) -> usize {
    (slot / SLOTS_PER_OCTAVE).saturating_sub(1)
}

fn slot_of(value: u64) -> usize {
    let shift = (value | 255).ilog2() as usize - 7;
    shift * SLOTS_PER_OCTAVE + (value >> shift) as usize
}

fn lowest_of(slot: usize) -> u64 {
    let shift = shift_of(slot);
    ((slot - shift * SLOTS_PER_OCTAVE) as u64) << shift
}

fn highest_of(slot: usize) -> u64 {
    lowest_of(slot) + (1 << shift_of(slot)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_adjoin_and_hold_their_values() {
        for slot in 0..SLOTS {
            assert_eq!(slot_of(lowest_of(slot)), slot);
            assert_eq!(slot_of(highest_of(slot)), slot);
            if slot > 0 {
                assert_eq!(lowest_of(slot), highest_of(slot - 1) + 1);
            }
        }
    }

    #[test]
    fn levels_are_those_that_redis_shows() {
        let mut histogram = Histogram::default();
        for us in [0, 1, 3, 3, 40, 100_000, 5_000_000] {
            histogram.record(us * 1000);
        }
        let shown: Vec<(u64, u64)> = histogram
            .cumulative()
            .iter()
            .map(|(ns, count)| (ns / 1000, *count))
            .collect();
        assert_eq!(
            shown,
            [(1, 2), (4, 4), (66, 5), (135_266, 6), (1_073_741, 7)]
        );
        assert_eq!(histogram.percentile(50.0), 3007);
        assert_eq!(histogram.percentile(100.0) / 1000, 1_002_438);
        assert_eq!(histogram.percentile(0.0), 1);
    }
}
