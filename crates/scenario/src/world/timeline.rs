//! What the timeline shows: the exposure curve and the marks, in bounded memory however long the run.

use crate::{MarkKind, TimelineMark, TimelinePoint};

/// Buckets kept; when they are full, neighbours are merged and each covers twice the time.
const MAX_BUCKETS: usize = 4096;

/// Marks kept before the commonest, syncs and write-backs, are thinned.
const MAX_MARKS: usize = 4096;

/// The exposure curve and the marks of a run.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    start_us: u64,
    bucket_us: u64,
    /// When the last bucket begins.
    last_start_us: u64,
    /// The highest exposure within each stretch of `bucket_us`; for a stretch without a change, what it was before.
    peaks: Vec<u64>,
    exposed: u64,
    marks: Vec<TimelineMark>,
}

impl Timeline {
    pub(crate) fn new(start_us: u64) -> Self {
        Self {
            start_us,
            bucket_us: 10_000,
            last_start_us: start_us,
            peaks: vec![0],
            exposed: 0,
            marks: Vec::new(),
        }
    }

    /// The exposure is now `exposed`.
    #[inline]
    pub(crate) fn set_exposed(&mut self, now_us: u64, exposed: u64) {
        if now_us.wrapping_sub(self.last_start_us) >= self.bucket_us {
            return self.set_exposed_elsewhere(now_us, exposed);
        }
        self.exposed = exposed;
        if let Some(peak) = self.peaks.last_mut() {
            *peak = exposed.max(*peak);
        }
    }

    /// As [`Timeline::set_exposed`], in another bucket than the last.
    #[cold]
    fn set_exposed_elsewhere(&mut self, now_us: u64, exposed: u64) {
        let mut bucket = (now_us - self.start_us) / self.bucket_us;
        while bucket >= MAX_BUCKETS as u64 {
            self.peaks = self
                .peaks
                .chunks(2)
                .map(|pair| pair.iter().copied().max().unwrap_or(0))
                .collect();
            self.bucket_us *= 2;
            bucket /= 2;
        }
        while self.peaks.len() as u64 <= bucket {
            self.peaks.push(self.exposed);
        }
        self.last_start_us = self.start_us + (self.peaks.len() as u64 - 1) * self.bucket_us;
        self.exposed = exposed;
        let peak = &mut self.peaks[bucket as usize];
        *peak = exposed.max(*peak);
    }

    /// Adds a mark.
    pub(crate) fn mark(&mut self, at_us: u64, kind: MarkKind, text: String) {
        if self.marks.len() >= MAX_MARKS {
            let mut keep = false;
            self.marks.retain(|mark| {
                keep = !keep;
                !mark.kind.is_common() || keep
            });
        }
        self.marks.push(TimelineMark {
            at_us,
            end_us: None,
            kind,
            text,
        });
    }

    /// Adds a mark for something that took from `from_us` to `to_us`.
    pub(crate) fn span(&mut self, from_us: u64, to_us: u64, kind: MarkKind, text: String) {
        self.mark(from_us, kind, text);
        if let Some(mark) = self.marks.last_mut() {
            mark.end_us = Some(to_us);
        }
    }

    pub(crate) fn start_us(&self) -> u64 {
        self.start_us
    }

    /// The curve up to `now_us` in at most `max_points` points, each the peak of its stretch.
    pub(crate) fn points(&self, now_us: u64, max_points: usize) -> Vec<TimelinePoint> {
        if max_points == 0 {
            return Vec::new();
        }
        let buckets = (now_us - self.start_us) / self.bucket_us + 1;
        let group = buckets.div_ceil(max_points as u64);
        let stored = self.peaks.len() as u64;
        (0..buckets.div_ceil(group))
            .map(|index| {
                let (start, end) = (index * group, (index * group + group).min(buckets));
                let range = start.min(stored) as usize..end.min(stored) as usize;
                let peak = self.peaks[range].iter().copied().max().unwrap_or(0);
                // Behind the last change the exposure stays what it is.
                let since = if end > stored { self.exposed } else { 0 };
                TimelinePoint {
                    at_us: (self.start_us + start * self.bucket_us).min(now_us),
                    exposed: peak.max(since),
                }
            })
            .collect()
    }

    /// The marks in rising time, the commonest thinned so that there are about `max_marks`.
    pub(crate) fn marks(&self, max_marks: usize) -> Vec<TimelineMark> {
        let syncs = self
            .marks
            .iter()
            .filter(|mark| mark.kind.is_common())
            .count();
        let others = self.marks.len() - syncs;
        let stride = syncs
            .div_ceil(max_marks.saturating_sub(others).max(1))
            .max(1);
        let mut sync_number = 0;
        let mut marks: Vec<TimelineMark> = self
            .marks
            .iter()
            .filter(|mark| {
                if !mark.kind.is_common() {
                    return true;
                }
                sync_number += 1;
                sync_number % stride == 0
            })
            .cloned()
            .collect();
        marks.sort_by_key(|mark| mark.at_us);
        marks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_keeps_its_peaks_however_long_the_run() {
        let mut timeline = Timeline::new(1_000_000);
        for second in 0..3000u64 {
            for step in 0..200 {
                timeline.set_exposed(1_000_000 + second * 1_000_000 + step * 5000, step);
            }
            timeline.set_exposed(1_000_000 + (second + 1) * 1_000_000 - 1, 0);
        }
        let now_us = 1_000_000 + 3000 * 1_000_000;
        for max in [1, 7, 100, 100_000] {
            let points = timeline.points(now_us, max);
            assert!(points.len() <= max && !points.is_empty());
            assert_eq!(points.iter().map(|point| point.exposed).max(), Some(199));
            assert!(points.is_sorted_by_key(|point| point.at_us));
        }
        assert!(timeline.peaks.len() <= MAX_BUCKETS);
    }

    #[test]
    fn a_century_without_a_change_costs_nothing() {
        let century_us = 36_525 * 86_400_000_000;
        let mut timeline = Timeline::new(0);
        timeline.set_exposed(1, 7);
        assert_eq!(timeline.points(century_us, 10).len(), 10);
        timeline.set_exposed(century_us, 9);
        let points = timeline.points(century_us, 10);
        assert_eq!((points[0].exposed, points[9].exposed), (7, 9));
        assert!(timeline.peaks.len() <= MAX_BUCKETS);
    }

    #[test]
    fn marks_are_thinned_and_saves_stay() {
        let mut timeline = Timeline::new(0);
        for at in 0..100_000 {
            timeline.mark(at, MarkKind::Sync, String::new());
            if at % 10_000 == 0 {
                timeline.span(at, at + 5, MarkKind::Save, String::new());
            }
        }
        assert!(timeline.marks.len() <= MAX_MARKS);
        let shown = timeline.marks(100);
        assert!(shown.len() <= 120, "{}", shown.len());
        assert_eq!(
            shown
                .iter()
                .filter(|mark| mark.kind == MarkKind::Save)
                .count(),
            10
        );
    }
}
