//! The verdict on every single write: where it stands, or what became of it, and why.
//!
//! The rows are those that the last crash spared, those it took, and those executed since, in this order, which is the
//! order they were executed in. Nothing is kept for them but the ledger; the words are made when a row is looked at.

use std::ops::Range;

use super::World;
use super::ledger::Entry;
use super::verdict::{Ended, Loss};
use crate::reply::escaped;
use crate::units::{about, time_of_day};
use crate::{WriteFate, WriteRow, WritesFilter, WritesRequest, WritesView};

/// Rows shown at most, whatever is asked for.
const MAX_ROWS: usize = 500;

/// Writes that share their fate, by the numbers they have in the ledger.
struct Stretch {
    /// Whether the ledger of the last crash has them.
    at_crash: bool,
    numbers: Range<usize>,
    fate: WriteFate,
}

impl World {
    /// The rows of single writes.
    pub(super) fn writes_view(&self, request: &WritesRequest) -> WritesView {
        let stretches = self.stretches();
        let (mut rows, mut total) = (Vec::new(), 0);
        // What comes before a stretch is its first row's number.
        let mut executed = 0;
        let limit = request.limit.min(MAX_ROWS);
        for stretch in &stretches {
            let len = stretch.numbers.len();
            if !request.which.takes(stretch.fate) {
                executed += len;
                continue;
            }
            let all = request.which == WritesFilter::All;
            let range = stretch.numbers.clone();
            let shown = if all {
                len
            } else {
                self.ledger.acknowledged_in(stretch.at_crash, range.clone())
            };
            let skipped = request.offset.saturating_sub(total).min(shown);
            let wanted = (shown - skipped).min(limit - rows.len());
            if wanted > 0 {
                let first = if shown == len {
                    Some(range.start + skipped)
                } else {
                    let at_crash = stretch.at_crash;
                    self.ledger
                        .nth_acknowledged(at_crash, range.clone(), skipped)
                };
                let from = first.unwrap_or(range.end)..range.end;
                let of_stretch = from.filter_map(|number| {
                    let row = executed + (number - range.start);
                    self.write_row(stretch, number, row)
                        .filter(|row| all || row.fate != WriteFate::Unacknowledged)
                });
                rows.extend(of_stretch.take(wanted));
            }
            total += shown;
            executed += len;
        }
        WritesView {
            total: total as u64,
            rows,
            all: executed as u64,
            lost: self.lost_by_last_crash(),
            kept: self.ledger.acknowledged() - self.ledger.exposed(),
            exposed: self.ledger.exposed(),
        }
    }

    /// The last crash, if a start has settled what it took.
    fn settled_crash(&self) -> Option<&Ended> {
        self.ended.as_ref().filter(|ended| ended.settled)
    }

    fn lost_by_last_crash(&self) -> u64 {
        let verdict = self.verdict.as_ref();
        let verdict = verdict.filter(|_| self.settled_crash().is_some());
        verdict.map_or(0, |verdict| verdict.lost)
    }

    fn stretches(&self) -> Vec<Stretch> {
        let now = |numbers, fate| Stretch {
            at_crash: false,
            numbers,
            fate,
        };
        let mut stretches = Vec::new();
        let mut first = 0;
        if self.settled_crash().is_some()
            && let Some((executed, recovered)) = self.ledger.before()
        {
            for (numbers, fate) in [
                (0..recovered, WriteFate::Kept),
                (recovered..executed, WriteFate::Lost),
            ] {
                stretches.push(Stretch {
                    at_crash: true,
                    numbers,
                    fate,
                });
            }
            first = recovered;
        }
        let len = self.ledger.len();
        let durable = self.ledger.durable().clamp(first, len);
        let killed = self.kill_finds().clamp(durable, len);
        stretches.extend([
            now(first..durable, WriteFate::Durable),
            now(durable..killed, WriteFate::ExposedToPower),
            now(killed..len, WriteFate::ExposedToKill),
        ]);
        stretches
    }

    fn write_row(&self, stretch: &Stretch, number: usize, row: usize) -> Option<WriteRow> {
        let in_log = match self.settled_crash() {
            Some(ended) if stretch.at_crash => ended.log,
            _ => self.log_in_use(),
        };
        let entry = if stretch.at_crash {
            self.ledger.entry_before(number, in_log)
        } else {
            self.ledger.entry(number, in_log)
        }?;
        let now = self.ledger.entry(number, in_log);
        let bytes = now
            .filter(|_| stretch.fate != WriteFate::Lost)
            .and_then(|entry| entry.bytes)
            .and_then(|(inode, range)| {
                let mut files = self.disk.files().into_iter();
                let file = files.find(|file| file.inode == inode && file.len >= range.end)?;
                Some((file.path, range.start, range.end))
            });
        let (fate, why) = match entry.acknowledged_at_us {
            None => (WriteFate::Unacknowledged, unacknowledged(stretch.fate)),
            Some(at_us) => (stretch.fate, self.why(stretch.fate, &entry, at_us)),
        };
        Some(WriteRow {
            number: row as u64 + 1,
            acknowledged_at_us: entry.acknowledged_at_us,
            command: entry.command.to_uppercase(),
            key: escaped(&entry.key),
            key_cut: (entry.key_len - entry.key.len()) as u64,
            appended_at_us: in_log.then_some(entry.appended_at_us),
            written_at_us: entry.written_at_us,
            durable_at_us: entry.durable_at_us,
            base: entry.base.as_ref().map(|base| base.path.to_string()),
            fate,
            why,
            bytes,
        })
    }

    fn why(&self, fate: WriteFate, entry: &Entry, acknowledged_at_us: u64) -> String {
        match (fate, self.settled_crash()) {
            (WriteFate::Kept, Some(ended)) => why_kept(ended, entry),
            (WriteFate::Lost, Some(ended)) => self.why_lost(ended, entry, acknowledged_at_us),
            (WriteFate::Durable, _) => match place(entry) {
                Some(place) => format!("durable: {place}"),
                None => "durable".into(),
            },
            (WriteFate::ExposedToPower, _) => match entry.written_at_us {
                Some(at_us) => format!(
                    "exposed to a power loss: written at {}, not synced",
                    time_of_day(at_us)
                ),
                None => "exposed to a power loss: not synced".into(),
            },
            _ if self.log_in_use() => "exposed to a kill: in the process's own buffer".into(),
            _ => "exposed to a kill: only in memory, until a save ends".into(),
        }
    }

    fn why_lost(&self, ended: &Ended, entry: &Entry, acknowledged_at_us: u64) -> String {
        let before_crash = about(ended.at_us.saturating_sub(acknowledged_at_us));
        let saved = self.ledger.last_save_before();
        match ended.loss {
            Loss::BehindSave => match saved {
                Some(base) => format!(
                    "lost: behind the last completed save, of {}, and acknowledged {before_crash} before the crash",
                    time_of_day(base.at_us)
                ),
                None => "lost: behind the last completed save".into(),
            },
            Loss::NeverSaved => format!(
                "lost: acknowledged {before_crash} before the crash, and no save ever completed"
            ),
            Loss::NotSynced => {
                let syncs = &ended.next_syncs;
                let early = |end_us: u64| about(end_us.saturating_sub(acknowledged_at_us));
                match (syncs.under_way, syncs.next_us) {
                    (Some((writes, end_us)), _) if entry.number < writes => format!(
                        "lost: acknowledged {} before the fsync under way would have ended",
                        early(end_us)
                    ),
                    (_, Some(end_us)) => format!(
                        "lost: acknowledged {} before the next fsync would have ended",
                        early(end_us)
                    ),
                    _ => {
                        let lost = format!(
                            "lost: acknowledged {before_crash} before the crash, and no fsync was to come: "
                        );
                        let due_us = entry
                            .written_at_us
                            .and_then(|at_us| self.written_back_at_us(at_us));
                        match due_us.and_then(|us| us.checked_sub(ended.at_us)) {
                            Some(later_us) => format!(
                                "{lost}the kernel would have written it back {} later",
                                about(later_us)
                            ),
                            None => format!("{lost}that was left to the operating system"),
                        }
                    }
                }
            }
            Loss::NotWritten => format!(
                "lost: acknowledged {before_crash} before the crash, still in the process's own buffer"
            ),
            Loss::SnapshotIgnored => {
                "lost: the snapshot is not looked at with appendonly yes".into()
            }
            Loss::LogIgnored => "lost: the append-only file was not looked at".into(),
            Loss::LogGone => "lost: the append-only file that held it is gone".into(),
            Loss::Unknown => "lost: it is not in the files".into(),
        }
    }
}

impl WritesFilter {
    fn takes(self, fate: WriteFate) -> bool {
        match self {
            Self::All => true,
            Self::Kept => matches!(fate, WriteFate::Kept | WriteFate::Durable),
            Self::Lost => fate == WriteFate::Lost,
            Self::Exposed => {
                matches!(fate, WriteFate::ExposedToPower | WriteFate::ExposedToKill)
            }
        }
    }
}

/// Where a write is durable, in words.
fn place(entry: &Entry) -> Option<String> {
    if let Some(base) = &entry.base {
        let what = if base.of_log { "in the base " } else { "in " };
        let at = time_of_day(base.at_us);
        return Some(format!("{what}{}, finished at {at}", base.path));
    }
    let at_us = entry.durable_at_us?;
    let synced = if entry.by_kernel {
        "written back by the kernel"
    } else {
        "synced"
    };
    Some(match entry.acknowledged_at_us {
        Some(acknowledged_at_us) if at_us > acknowledged_at_us => format!(
            "{synced} at {}, {} after its reply",
            time_of_day(at_us),
            about(at_us - acknowledged_at_us)
        ),
        _ => format!("{synced} at {}, before its reply left", time_of_day(at_us)),
    })
}

fn why_kept(ended: &Ended, entry: &Entry) -> String {
    match (place(entry), entry.written_at_us) {
        (Some(place), _) => match entry.durable_at_us {
            Some(at_us) if entry.by_kernel && entry.base.is_none() && at_us <= ended.at_us => {
                format!(
                    "kept: {place} and {} before the crash",
                    about(ended.at_us - at_us)
                )
            }
            _ => format!("kept: {place}"),
        },
        (None, Some(at_us)) if !ended.power => format!(
            "kept: written at {}, and a kill leaves the page cache alone",
            time_of_day(at_us)
        ),
        (None, _) if ended.power => "kept: not synced, but it happened to reach the device".into(),
        _ => "kept".into(),
    }
}

fn unacknowledged(fate: WriteFate) -> String {
    match fate {
        WriteFate::Lost => "lost, but no reply had left: nobody was promised it",
        WriteFate::Kept => "kept, though no reply had left",
        _ => "its reply has not left yet",
    }
    .into()
}
