//! The periodic work: expiry, save points, rewrites that are due, idle clients.

use lastsave_vfs::Vfs;

use crate::engine::Engine;

impl Engine {
    /// Runs about `hz` times a second.
    pub(crate) fn cron(&mut self, vfs: &mut dyn Vfs) {
        self.obey_signal(vfs);
        if self.exited {
            return;
        }
        if self.keyspace.settings.active_expire && self.pause.is_none() {
            self.expire_slowly();
            self.serve_waiters();
        }
        self.close_idle_clients();
        self.enforce_soft_limits();
        self.repair_log(vfs);
        self.settle_manifest(vfs);
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

    fn close_idle_clients(&mut self) {
        if self.config.timeout_s == 0 {
            return;
        }
        let limit_us = u64::from(self.config.timeout_s) * 1_000_000;
        let idle: Vec<_> = self
            .clients
            .iter()
            .filter(|client| !client.subscriber && !client.monitor && client.held.is_none())
            .filter(|client| self.now_us.saturating_sub(client.last_seen_us) > limit_us)
            .map(|client| client.id)
            .collect();
        for client in idle {
            self.log(crate::Level::Verbose, "Closing idle client");
            self.kill_client(client);
        }
    }
}
