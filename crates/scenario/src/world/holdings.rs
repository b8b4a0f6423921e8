//! Which writes the files hold: noted from what the engine tells, and asked of the disk.

use lastsave_engine::Event;

use super::World;
use super::ledger::Base;
use super::server::{Cut, LogState};
use crate::MarkKind;

impl World {
    /// Notes what is needed to tell, after a crash, which writes a file holds.
    pub(super) fn note(&mut self, event: Event) {
        let Some(server) = &mut self.server else {
            return;
        };
        match event {
            Event::AofOpened {
                path,
                offset,
                file_len,
                writes,
            } => {
                let inode = self.disk.inode(&path);
                let writes = self.ledger.of_process(writes);
                if let Some(inode) = inode {
                    self.ledger.log_goes_on(inode, file_len, offset, writes);
                }
                let before = server.log.take();
                server.log = Some(LogState {
                    file: (path, inode),
                    loadable: before.as_ref().is_some_and(|log| log.loadable),
                    written: before.as_ref().map_or(0, |log| log.written),
                    older: before.map(|log| log.file),
                });
            }
            Event::AofRenamed { to, .. } => {
                if let Some(log) = &mut server.log {
                    log.file.0 = to;
                }
            }
            Event::AofClosed => {
                server.log = None;
                self.refresh_durable();
            }
            Event::AofSynced { .. } => {
                self.durable_at_us = Some(self.now_us);
                if server.log.as_ref().is_some_and(|log| log.loadable) {
                    self.refresh_durable();
                }
            }
            Event::SnapshotCut { path, job, writes } => {
                let writes = self.ledger.of_process(writes);
                server.cuts.push(Cut {
                    path,
                    at_us: self.now_us,
                    writes,
                });
                if job.is_some() {
                    self.begin_fork();
                }
            }
            Event::SnapshotDone { path, writes } => {
                let cut_us = server.end_cut(&path, self.now_us);
                let writes = self.ledger.of_process(writes);
                if let Some(inode) = self.disk.inode(&path) {
                    self.ledger.snapshot_holds(inode, writes);
                    self.written_at_us.insert(inode, self.now_us);
                }
                self.durable_at_us = Some(self.now_us);
                let kind = if server.is_rdb(&path) {
                    MarkKind::Save
                } else {
                    MarkKind::Rewrite
                };
                self.ledger.base_done(Base {
                    path: path.as_str().into(),
                    at_us: self.now_us,
                    writes,
                    of_log: kind == MarkKind::Rewrite,
                });
                if kind == MarkKind::Rewrite
                    && let Some(log) = &mut server.log
                {
                    log.loadable = true;
                }
                self.counted.ended(kind);
                let text = format!("{path} done");
                self.timeline.span(cut_us, self.now_us, kind, text);
                self.end_fork();
                self.refresh_durable();
            }
            Event::SnapshotFailed { path } => {
                let cut_us = server.end_cut(&path, self.now_us);
                let kind = if server.is_rdb(&path) {
                    MarkKind::SaveFailed
                } else {
                    MarkKind::RewriteFailed
                };
                self.counted.ended(kind);
                let text = format!("{path} failed");
                self.timeline.span(cut_us, self.now_us, kind, text);
                self.end_fork();
            }
        }
    }

    /// Computes anew which writes a start after a power loss would find.
    pub(super) fn refresh_durable(&mut self) {
        let Some(durable) = self.durable_writes() else {
            return;
        };
        self.ledger.set_durable(durable, self.now_us);
        self.timeline
            .set_exposed(self.now_us, self.ledger.exposed());
    }

    /// How many writes a start after a power loss would find, if a server is running.
    pub(super) fn durable_writes(&self) -> Option<usize> {
        let server = self.server.as_ref()?;
        Some(match &server.log {
            Some(log) if log.loadable => self.log_holds(log, server.offsets().written),
            _ => self.rdb_holds(&server.engine.config().dbfilename),
        })
    }

    /// How many writes the device holds of the append-only file, of which so many bytes were written. That is what it has, not what the engine can be sure
    /// of: bytes written while a sync was under way became durable with it.
    pub(super) fn log_holds(&self, log: &LogState, written: u64) -> usize {
        // Until the file before it is synced, a new file holds nothing.
        let files = log.older.iter().chain(std::iter::once(&log.file));
        let held = files.into_iter().find_map(|(path, inode)| {
            let unsynced = self.disk.dirty_ranges(path);
            self.ledger.log((*inode)?, unsynced.first()?.start)
        });
        held.unwrap_or_else(|| self.ledger.up_to_offset(written))
    }

    /// How many writes the snapshot holds that is being written to this path: it may stand there already.
    pub(super) fn snapshot_under_way(&self, path: &str) -> Option<usize> {
        let server = self.server.as_ref();
        let cuts = server.map_or(&self.unheard_cuts, |server| &server.cuts);
        let cut = cuts.iter().find(|cut| cut.path == path);
        cut.map(|cut| cut.writes)
    }

    /// How many writes the RDB file holds.
    pub(super) fn rdb_holds(&self, path: &str) -> usize {
        let inode = self.disk.inode(path);
        inode
            .and_then(|inode| self.ledger.snapshot(inode))
            .unwrap_or(0)
    }

    /// How many writes a start after a process kill would find.
    pub(super) fn kill_finds(&self) -> usize {
        match &self.server {
            Some(server) => match &server.log {
                Some(log) if log.loadable => self.ledger.up_to_offset(server.offsets().written),
                _ => self.rdb_holds(&server.engine.config().dbfilename),
            },
            None => self.ledger.durable(),
        }
    }

    /// Whether a restart would load the append-only file.
    pub(super) fn log_in_use(&self) -> bool {
        self.server
            .as_ref()
            .is_some_and(|server| server.log.is_some())
    }
}
