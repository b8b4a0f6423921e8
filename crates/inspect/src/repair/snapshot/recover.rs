//! Going on behind damage: which of the records before it can be kept, and where those behind it begin.

use std::collections::BTreeMap;

use lastsave_rdb::crc64;
use lastsave_rdb::walk::opcode;

use super::search::{LEAST_RUN, Run, is_text};
use super::{Kept, Salvage, key_name};
use crate::repair::Report;

/// How many records before the place where reading fails may be the ones that lead astray.
const MOST_ASTRAY: usize = 3;

impl Salvage<'_> {
    /// Where to go on behind damage that shows at `at`.
    ///
    /// A wrong length may have led astray before it showed, so that the last records that were kept are none. And the
    /// first ones that a search finds may be accidents. But a database has as many keys as it is said to have: if one is
    /// lost, those before it, and those behind it up to the end, are one fewer.
    pub(super) fn recover(
        &mut self,
        at: usize,
        reason: String,
        refused_end: Option<usize>,
        report: &mut Report,
    ) -> Option<usize> {
        let have = self.kept.len() - self.db_at;
        let left = self.said.map(|said| said.saturating_sub(self.lost));
        if let Some(end) = refused_end {
            // Its own lengths lead on, and so do those behind it.
            let mut known = BTreeMap::new();
            let link = self.follow(end, &mut known);
            let run = Run::of(end, &known, true);
            let fits = left.is_none_or(|left| {
                let total = (have + 1 + run.keys.len()) as u64;
                if link.whole {
                    total == left
                } else {
                    total <= left
                }
            });
            if fits && (link.whole || link.records >= LEAST_RUN) {
                return Some(self.leave_gap(have, at, end, reason, report));
            }
        }
        let first_astray = self.kept.len() - (self.kept.len() - self.db_at).min(MOST_ASTRAY);
        let from = self.kept.get(first_astray).map_or(at, |kept| kept.start) + 1;
        let Some(run) = self.find(from, at) else {
            return self.give_up(at, reason, report);
        };
        if run.keys.is_empty() && run.start < run.boundary {
            // What is said of the file, before the first database.
            return Some(self.leave_gap(have, at, run.start.max(at), reason, report));
        }
        if left == Some(have as u64) && run.keys.first().is_some_and(|key| *key >= at) {
            // It is the beginning of a database that is damaged.
            let reason = format!("{reason}; the database of what follows cannot be told");
            report.leave_out(at as u64..run.boundary as u64, None, reason);
            return Some(run.boundary);
        }
        if let Some((keep, next)) = left.and_then(|left| self.fitting(left, at, &run)) {
            return Some(self.leave_gap(keep, at, next, reason, report));
        }
        if run.keys.len() < 2 && self.bytes.get(run.boundary) == Some(&opcode::END) {
            // An end can be an accident, too.
            let end = self.bytes.len();
            self.leave_gap(self.undoubted(), at, end, reason, report);
            self.close_database(report);
            return None;
        }
        if left.is_some_and(|left| have as u64 + run.keys.len() as u64 + 1 > left) {
            let reason = format!("{reason}; the database of what follows cannot be told");
            report.leave_out(at as u64..run.boundary as u64, None, reason);
            self.lost += 1;
            return Some(run.boundary);
        }
        let next = run.keys.get(1).copied().unwrap_or(run.boundary);
        let reason = format!(
            "{reason}; more than one key is missing, and where the first and the last of them begin cannot be told"
        );
        let next = self.leave_gap(self.undoubted(), at, next.max(at), reason, report);
        // How many are lost is not known any more.
        self.said = None;
        Some(next)
    }

    /// How many records of this database are before the last one that may have led astray: those behind it have names
    /// that nobody gave.
    fn undoubted(&self) -> usize {
        let named = |kept: &Kept| kept.key.as_ref().is_some_and(|key| is_text(&key.name));
        let last = self.kept[self.db_at..].iter().rposition(named);
        last.unwrap_or(0)
    }

    /// Leaves out all from `at` on.
    fn give_up(&mut self, at: usize, reason: String, report: &mut Report) -> Option<usize> {
        let what = self.name_at(at).as_deref().map(key_name);
        report.leave_out(at as u64..self.bytes.len() as u64, what, reason);
        self.lost += 1;
        self.close_database(report);
        None
    }

    /// How many of the kept records of this database are before the one that is lost, and where those behind it begin,
    /// if the numbers say so. `left`: how many keys there are, without those that were lost before.
    fn fitting(&self, left: u64, at: usize, run: &Run) -> Option<(usize, usize)> {
        let have = self.kept.len() - self.db_at;
        let start_of = |keep: usize| {
            self.kept
                .get(self.db_at + keep)
                .map_or(at, |kept| kept.start)
        };
        let mut fits = Vec::new();
        for keep in have.saturating_sub(MOST_ASTRAY)..=have {
            let behind = left.checked_sub(keep as u64 + 1);
            let begins = |(next, keys): &&(usize, usize)| {
                // What is behind the beginning of another database belongs to that.
                let is_between = |at: &usize| (start_of(keep)..*next).contains(at);
                Some(*keys as u64) == behind
                    && *next >= start_of(keep)
                    && !run.databases.iter().any(is_between)
            };
            if let Some((next, _)) = run.beginnings.iter().find(begins) {
                fits.push((keep, *next));
            }
        }
        let (keep, next) = *fits.first()?;
        let end_of = self.kept.get(self.db_at + keep).map(|kept| kept.end);
        if end_of.is_none_or(|end| end > next) {
            // The record that is left out cannot be one: what follows it begins within it.
            return Some((keep, next));
        }
        // One of several is right. What all of them keep is.
        let next = fits.last()?.1;
        Some((keep, next))
    }

    /// Leaves out what is between the first `keep` records of this database and `next`.
    fn leave_gap(
        &mut self,
        keep: usize,
        at: usize,
        next: usize,
        reason: String,
        report: &mut Report,
    ) -> usize {
        let astray: Vec<Kept> = self.kept.drain(self.db_at + keep..).collect();
        for kept in &astray {
            if let Some(key) = &kept.key {
                self.names.remove(&(self.db, crc64(&key.name)));
                report.keys -= 1;
            }
        }
        let start = astray.first().map_or(at, |kept| kept.start);
        let what = self.name_at(start).as_deref().map(key_name);
        report.leave_out(start as u64..next as u64, what, reason);
        self.lost += 1;
        next
    }
}
