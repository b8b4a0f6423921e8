//! What a sweep found, summed up and drawn.

use lastsave_vfs::{Op, OpRecord};
use serde::{Deserialize, Serialize};

use super::{CrashKind, Outcome, Sweep, SweepPoint};
use crate::units::thousands;

/// What one kind of crash came to over all points.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The kind, by its word.
    pub kind: String,
    /// The index of the point where most acknowledged writes are lost.
    pub worst: Option<usize>,
    /// Points at which something acknowledged is lost.
    pub losing: u64,
    /// Points after which the server did not start.
    pub not_started: u64,
    /// Points that break a promise of the policy.
    pub broken: u64,
    /// The first of those.
    pub first_broken: Option<usize>,
    /// Acknowledged writes lost: the median, the 90th and 99th percentile and the maximum over the points.
    pub lost: [u64; 4],
    /// The same of the age of the oldest lost write, in microseconds.
    pub oldest_lost_us: [u64; 4],
}

/// What a sweep found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SweepReport {
    /// Disk operations of the run.
    pub operations: u64,
    /// Points swept.
    pub points: u64,
    /// Which operations they are, in words.
    pub stride: String,
    /// Different disk images that a server was started on; points with equal images share the result.
    pub images: u64,
    /// Acknowledged writes at the end of the run.
    pub acknowledged: u64,
    /// The first and the last moment, microseconds since the epoch.
    pub from_us: u64,
    /// See `from_us`.
    pub to_us: u64,
    /// For each kind of crash.
    pub kinds: Vec<Summary>,
}

/// A stretch of the chart: the point in it at which most is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bin {
    /// The point's index.
    pub point: usize,
    /// When it is, microseconds since the epoch.
    pub at_us: u64,
    /// Writes acknowledged by then.
    pub acknowledged: u64,
    /// What the crash came to.
    pub outcome: Outcome,
}

impl Sweep {
    /// What was found so far.
    pub fn report(&self) -> SweepReport {
        let points = self.points();
        let kinds = self.options.kinds.iter().enumerate();
        SweepReport {
            operations: self.census.writes + self.census.others,
            points: points.len() as u64,
            stride: self.stride_words(),
            images: self.images,
            acknowledged: points.last().map_or(0, |point| point.acknowledged),
            from_us: points.first().map_or(0, |point| point.at_us),
            to_us: points.last().map_or(0, |point| point.at_us),
            kinds: kinds
                .map(|(index, kind)| summary(points, index, *kind))
                .collect(),
        }
    }

    fn stride_words(&self) -> String {
        let every = |every: u64, what: &str| match every {
            1 => format!("every {what}"),
            every => format!("one {what} in {}", thousands(every)),
        };
        match (self.stride.writes, self.stride.others) {
            (1, 1) => "every operation".into(),
            (writes, others) => format!(
                "{}, {}",
                every(writes, "write"),
                every(others, "other operation")
            ),
        }
    }

    /// The chart of one kind: of each of so many stretches of time that has any point, the worst.
    pub fn chart(&self, kind: usize, bins: usize) -> Vec<Bin> {
        let points = self.points();
        let (Some(first), Some(last)) = (points.first(), points.last()) else {
            return Vec::new();
        };
        let span_us = (last.at_us - first.at_us).max(1);
        let bins = bins.max(1) as u64;
        let mut chart: Vec<(u64, Bin)> = Vec::new();
        for (index, point) in points.iter().enumerate() {
            let place = (point.at_us - first.at_us).saturating_mul(bins) / span_us;
            let Some(&outcome) = point.outcomes.get(kind) else {
                continue;
            };
            let bin = Bin {
                point: index,
                at_us: point.at_us,
                acknowledged: point.acknowledged,
                outcome,
            };
            match chart.last_mut() {
                Some((known, worst)) if *known == place => {
                    if rank(&outcome) > rank(&worst.outcome) {
                        *worst = bin;
                    }
                }
                _ => chart.push((place, bin)),
            }
        }
        chart.into_iter().map(|(_, bin)| bin).collect()
    }
}

/// Worse is more.
fn rank(outcome: &Outcome) -> (bool, u64, u64) {
    (!outcome.started, outcome.lost, outcome.oldest_lost_us)
}

fn summary(points: &[SweepPoint], kind: usize, word: CrashKind) -> Summary {
    let outcomes = || {
        points
            .iter()
            .filter_map(|point| point.outcomes.get(kind))
            .enumerate()
    };
    let count = |test: fn(&Outcome) -> bool| outcomes().filter(|(_, it)| test(it)).count() as u64;
    let quantiles = |figure: fn(&Outcome) -> u64| {
        let mut all: Vec<u64> = outcomes().map(|(_, it)| figure(it)).collect();
        all.sort_unstable();
        let last = all.len().saturating_sub(1);
        [50, 90, 99, 100].map(|percent| all.get(last * percent / 100).copied().unwrap_or(0))
    };
    let mut worst: Option<(usize, &Outcome)> = None;
    for (index, outcome) in outcomes() {
        if worst.is_none_or(|(_, known)| rank(outcome) > rank(known)) {
            worst = Some((index, outcome));
        }
    }
    Summary {
        kind: word.word(),
        worst: worst.map(|(index, _)| index),
        losing: count(|it| it.lost > 0),
        not_started: count(|it| !it.started),
        broken: count(|it| it.broken),
        first_broken: outcomes().find(|(_, it)| it.broken).map(|(index, _)| index),
        lost: quantiles(|it| it.lost),
        oldest_lost_us: quantiles(|it| it.oldest_lost_us),
    }
}

/// A disk operation in words: `write 37 bytes to appendonly.aof.1.incr.aof`.
pub(super) fn words(op: &OpRecord) -> String {
    let name = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        if name.is_empty() { "/" } else { name }.to_owned()
    };
    let path = name(&op.path);
    match op.op {
        Op::Write => format!("write {} bytes to {path}", thousands(op.len)),
        Op::Sync => format!("fsync {path}"),
        Op::SyncDir => format!("fsync of the directory {path}"),
        Op::Open => format!("make or empty {path}"),
        Op::Truncate => format!("cut {path} to {} bytes", thousands(op.offset)),
        Op::Unlink => format!("remove {path}"),
        Op::CreateDir => format!("make the directory {path}"),
        Op::Rename => format!(
            "rename {path} to {}",
            name(op.to.as_deref().unwrap_or_default())
        ),
        Op::Close => "the end of the run".into(),
        _ => format!("look at {path}"),
    }
}

/// Numbers as a row of blocks of so many columns, the highest of each stretch; nothing is a dot.
pub fn sparkline(values: &[u64], columns: usize) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let top = values.iter().copied().max().unwrap_or(0).max(1);
    let columns = columns.min(values.len()).max(1);
    (0..columns)
        .map(|column| {
            let from = column * values.len() / columns;
            let to = (column + 1) * values.len() / columns;
            match values[from..to].iter().copied().max() {
                None | Some(0) => '·',
                Some(value) => {
                    let step = (u128::from(value) * 8).div_ceil(u128::from(top)) as usize;
                    BLOCKS[step.clamp(1, 8) - 1]
                }
            }
        })
        .collect()
}
