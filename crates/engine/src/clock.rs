//! A clock that is set back. The time is an argument, and it may be an earlier one than before: what was due some time after
//! the last call is due the same time after this one, and nothing that was noted lies in the future.

use crate::engine::Engine;

impl Engine {
    /// Takes note of the time.
    #[inline]
    pub(crate) fn set_clock(&mut self, now_us: u64) {
        if now_us < self.now_us {
            self.clock_was_set_back(self.now_us - now_us);
        }
        self.now_us = now_us;
    }

    #[cold]
    fn clock_was_set_back(&mut self, by_us: u64) {
        let now_us = self.now_us - by_us;
        let now_s = now_us / 1_000_000;
        for time_us in [
            &mut self.next_cron_us,
            &mut self.busy_until_us,
            &mut self.started_us,
        ] {
            *time_us = time_us.saturating_sub(by_us);
        }
        if let Some(pause) = &mut self.pause {
            pause.until_us = pause.until_us.saturating_sub(by_us);
        }
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.started_us = snapshot.started_us.saturating_sub(by_us);
        }
        self.saves.last_save_s = self.saves.last_save_s.min(now_s);
        self.saves.last_try_s = self.saves.last_try_s.min(now_s);
        if let Some(aof) = &mut self.aof {
            aof.clock_was_set_back(now_s);
        }
        self.rewrites.clock_was_set_back(by_us / 1_000_000);
        for id in self.clients.ids() {
            if let Some(client) = self.clients.get_mut(id) {
                client.created_us = client.created_us.min(now_us);
                client.last_seen_us = client.last_seen_us.min(now_us);
                let since_s = client.over_soft_limit_since_s;
                client.over_soft_limit_since_s = since_s.map(|since_s| since_s.min(now_s));
            }
        }
    }
}
