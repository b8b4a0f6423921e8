//! MULTI, EXEC, DISCARD, WATCH.

use lastsave_resp::Args;
use lastsave_vfs::Vfs;

use crate::ClientId;
use crate::client::{Client, Watched};
use crate::engine::Engine;

/// Whether a key is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Missing,
    /// It is, and its time has come.
    Expired,
    Live,
}

impl Client {
    /// A key was changed or removed by itself. The removal of one that had expired before it was watched is no change.
    fn watched_key_touched(&mut self, db: usize, key: &[u8], exists: bool) {
        for watched in &mut self.watched {
            if watched.db == db && watched.key == key {
                let was_expired = std::mem::take(&mut watched.was_expired);
                self.watch_broken |= exists || !was_expired;
            }
        }
    }

    /// A key's database was emptied or swapped: what counts is whether it is another key now than `before`.
    fn watched_key_swept(&mut self, db: usize, key: &[u8], before: bool, after: Presence) {
        for watched in &mut self.watched {
            if watched.db != db || watched.key != key {
                continue;
            }
            match (before, after) {
                (false, Presence::Missing) => {}
                (_, Presence::Missing) if watched.was_expired => watched.was_expired = false,
                (_, Presence::Expired) if watched.was_expired => {}
                (false, Presence::Expired) => watched.was_expired = true,
                _ => self.watch_broken = true,
            }
        }
    }
}

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
        if client.watch_broken {
            // Nothing more can come of it.
            client.reply.ok();
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
        for (db, key) in std::mem::take(&mut self.effects.touched) {
            let exists = self.keyspace.databases[db].keys.get(&key).is_some();
            current.watched_key_touched(db, &key, exists);
            self.break_watches_of(db, &key);
        }
        let existed = std::mem::take(&mut self.existed_before);
        for db in std::mem::take(&mut self.effects.touched_dbs) {
            let watched = self.clients.watchers.range((db, Vec::new())..);
            let watched: Vec<(Vec<u8>, Vec<ClientId>)> = watched
                .take_while(|((of, _), _)| *of == db)
                .map(|((_, key), ids)| (key.clone(), ids.clone()))
                .collect();
            for (key, ids) in watched {
                let before = existed.contains(&(db, key.clone()));
                let after = self.presence(db, &key);
                current.watched_key_swept(db, &key, before, after);
                for id in ids {
                    if let Some(client) = self.clients.get_mut(id) {
                        client.watched_key_swept(db, &key, before, after);
                    }
                }
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
        let exists = self.keyspace.databases[db].keys.get(key).is_some();
        for id in ids.clone() {
            if let Some(client) = self.clients.get_mut(id) {
                client.watched_key_touched(db, key, exists);
            }
        }
    }

    /// Notes which watched keys exist, ahead of a command that may empty or swap whole databases.
    pub(crate) fn note_watched_keys(&mut self) {
        let exists =
            |(db, key): &&(usize, Vec<u8>)| self.keyspace.databases[*db].keys.get(key).is_some();
        self.existed_before = self
            .clients
            .watchers
            .keys()
            .filter(exists)
            .cloned()
            .collect();
    }

    fn presence(&self, db: usize, key: &[u8]) -> Presence {
        if self.keyspace.databases[db].keys.get(key).is_none() {
            Presence::Missing
        } else if self.is_expired(db, key, self.now_ms()) {
            Presence::Expired
        } else {
            Presence::Live
        }
    }

    fn is_expired(&self, db: usize, key: &[u8], now_ms: u64) -> bool {
        let entry = self.keyspace.databases[db].keys.get(key);
        entry
            .and_then(|entry| entry.expires_at_ms())
            .is_some_and(|at_ms| at_ms < now_ms)
    }
}
