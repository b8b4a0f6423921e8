//! MULTI, EXEC, DISCARD, WATCH.

use lastsave_resp::Args;
use lastsave_vfs::Vfs;

use crate::client::{Client, Watched};
use crate::engine::Engine;

impl Engine {
    pub(super) fn multi(&mut self, client: &mut Client) {
        if client.in_multi {
            self.reply_error(client, "ERR MULTI calls can not be nested");
        } else {
            client.in_multi = true;
            client.reply.ok();
        }
    }

    pub(super) fn discard(&mut self, client: &mut Client) {
        if client.in_multi {
            self.leave_transaction(client);
            client.reply.ok();
        } else {
            self.reply_error(client, "ERR DISCARD without MULTI");
        }
    }

    pub(super) fn exec(&mut self, client: &mut Client, vfs: &mut dyn Vfs) {
        if !client.in_multi {
            self.reply_error(client, "ERR EXEC without MULTI");
            return;
        }
        let now_ms = self.now_ms();
        client.watch_broken |= client.watched.iter().any(|watched| {
            !watched.was_expired && self.is_expired(watched.db, &watched.key, now_ms)
        });
        if client.multi_refused {
            self.reply_error(
                client,
                "EXECABORT Transaction discarded because of previous errors.",
            );
            self.leave_transaction(client);
            return;
        }
        if client.watch_broken {
            client.reply.null_array();
            self.leave_transaction(client);
            return;
        }
        self.unwatch(client);
        let queued = std::mem::take(&mut client.queued);
        client.reply.array(queued.len());
        self.in_exec = true;
        for queued in &queued {
            self.call(client, queued.command, queued.args.as_args(), vfs);
        }
        self.in_exec = false;
        if std::mem::take(&mut self.flushed_all) {
            // Not before: the file must not hold half a transaction.
            self.after_flushall(vfs);
        }
        self.leave_transaction(client);
    }

    /// Forgets what was queued and watched.
    pub(crate) fn leave_transaction(&mut self, client: &mut Client) {
        self.unwatch(client);
        client.discard_transaction();
    }

    pub(super) fn watch(&mut self, client: &mut Client, args: Args<'_>) {
        if client.in_multi {
            self.reply_error(client, "ERR WATCH inside MULTI is not allowed");
            return;
        }
        let now_ms = self.now_ms();
        for key in args.skip(1).iter() {
            let db = client.db;
            if client
                .watched
                .iter()
                .any(|watched| watched.db == db && watched.key == key)
            {
                continue;
            }
            let was_expired = self.is_expired(db, key, now_ms);
            client.watched.push(Watched {
                db,
                key: key.to_vec(),
                was_expired,
            });
            self.clients
                .watchers
                .entry((db, key.to_vec()))
                .or_default()
                .push(client.id);
        }
        self.effects.watching = true;
        client.reply.ok();
    }

    pub(super) fn unwatch(&mut self, client: &mut Client) {
        self.forget_watches(client);
        client.watched.clear();
        client.watch_broken = false;
    }

    /// Takes a client off the lists of those who watch keys.
    pub(crate) fn forget_watches(&mut self, client: &Client) {
        for watched in &client.watched {
            let place = (watched.db, watched.key.clone());
            if let Some(ids) = self.clients.watchers.get_mut(&place) {
                ids.retain(|id| *id != client.id);
                if ids.is_empty() {
                    self.clients.watchers.remove(&place);
                }
            }
        }
        self.effects.watching = !self.clients.watchers.is_empty();
    }

    /// The last command, called by `current`, touched keys: transactions that watch them will not run.
    pub(crate) fn break_watches(&mut self, current: &mut Client) {
        let touched = std::mem::take(&mut self.effects.touched);
        let touched_dbs = std::mem::take(&mut self.effects.touched_dbs);
        for (db, key) in &touched {
            current.watch_broken |= current
                .watched
                .iter()
                .any(|watched| watched.db == *db && watched.key == *key);
            self.break_watches_of(*db, key);
        }
        for db in &touched_dbs {
            current.watch_broken |= current.watched.iter().any(|watched| watched.db == *db);
            let keys: Vec<Vec<u8>> = self
                .clients
                .watchers
                .keys()
                .filter(|(watched_db, _)| watched_db == db)
                .map(|(_, key)| key.clone())
                .collect();
            for key in keys {
                self.break_watches_of(*db, &key);
            }
        }
    }

    /// A key changed: transactions of clients that are not being served and watch it will not run.
    pub(crate) fn break_watches_of(&mut self, db: usize, key: &[u8]) {
        if self.clients.watchers.is_empty() {
            return;
        }
        let Some(ids) = self.clients.watchers.get(&(db, key.to_vec())) else {
            return;
        };
        for id in ids.clone() {
            if let Some(client) = self.clients.get_mut(id) {
                client.watch_broken = true;
            }
        }
    }

    fn is_expired(&self, db: usize, key: &[u8], now_ms: u64) -> bool {
        let entry = self.keyspace.databases[db].keys.get(key);
        entry
            .and_then(|entry| entry.expires_at_ms())
            .is_some_and(|at_ms| at_ms < now_ms)
    }
}
