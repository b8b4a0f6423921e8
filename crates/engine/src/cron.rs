//! The periodic work: expiry, save points, rewrites that are due, idle clients.

use lastsave_keyspace::Propagated;
use lastsave_vfs::Vfs;

use crate::engine::Engine;

/// Entries with an expiry that one slice of the active expiry cycle looks at.
const EXPIRE_SLICE_ENTRIES: usize = 40;

/// Slices at most in one run of the periodic work, when each finds many keys to remove.
const MAX_EXPIRE_SLICES: usize = 128;

impl Engine {
    /// Runs about `hz` times a second.
    pub(crate) fn cron(&mut self, vfs: &mut dyn Vfs) {
        if self.active_expire {
            self.expire_some();
        }
        self.close_idle_clients();
        self.repair_log(vfs);
        let (now_us, used_memory) = (self.now_us, self.used_memory());
        self.stats.sample(now_us, used_memory);
        if self.snapshot.is_none() {
            self.rewrite_if_scheduled(vfs);
        }
        if self.snapshot.is_none() && !self.save_if_due() {
            self.rewrite_if_due(vfs);
        }
        self.save_if_scheduled();
    }

    fn expire_some(&mut self) {
        let mut expired = Vec::new();
        for _ in 0..MAX_EXPIRE_SLICES {
            let now_ms = self.now_ms();
            if !self
                .keyspace
                .expire_cycle(now_ms, EXPIRE_SLICE_ENTRIES, &mut expired)
            {
                break;
            }
        }
        if expired.is_empty() {
            return;
        }
        self.stats.expired += expired.len() as u64;
        let name: &[u8] = if self.config.lazyfree_lazy_expire {
            b"UNLINK"
        } else {
            b"DEL"
        };
        for (db, key) in expired {
            self.saves.dirty += 1;
            if self.aof.is_some() {
                let args = [name, &key].into_iter().collect();
                self.unit.push(Propagated { db, args });
                // Each removal is a unit of its own: between any two of them the data are whole.
                self.commit_unit(false);
            }
            self.break_watches_of(db, &key);
        }
    }

    fn close_idle_clients(&mut self) {
        if self.config.timeout_s == 0 {
            return;
        }
        let limit_us = u64::from(self.config.timeout_s) * 1_000_000;
        let idle: Vec<_> = self
            .clients
            .iter()
            .filter(|client| self.now_us.saturating_sub(client.last_seen_us) > limit_us)
            .map(|client| client.id)
            .collect();
        for client in idle {
            self.outputs.push_back(crate::Output::Close {
                client,
                after_reply: false,
            });
        }
    }
}
