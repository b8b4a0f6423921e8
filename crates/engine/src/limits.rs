//! What clients may cost: their unsent replies (`client-output-buffer-limit`), and the memory of all of them together
//! (`maxmemory-clients`).

use crate::client::Client;
use crate::config::OutputLimit;
use crate::engine::Engine;
use crate::{ClientId, Level, Output};

/// A smaller `maxmemory-clients` would let nobody in to correct it.
const LEAST_CLIENTS_MEMORY: u64 = 128 << 10;

/// The class of a client, as CLIENT LIST, CLIENT KILL and the limits know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Normal,
    Replica,
    PubSub,
    Master,
}

impl Class {
    /// The class with this name, in any case.
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        const NAMES: [(&str, Class); 5] = [
            ("normal", Class::Normal),
            ("slave", Class::Replica),
            ("replica", Class::Replica),
            ("pubsub", Class::PubSub),
            ("master", Class::Master),
        ];
        let found = NAMES
            .iter()
            .find(|(of, _)| of.as_bytes().eq_ignore_ascii_case(name));
        found.map(|(_, class)| *class)
    }
}

impl Client {
    pub(crate) fn class(&self) -> Class {
        if self.subscriber {
            Class::PubSub
        } else {
            Class::Normal
        }
    }

    /// Whether its unsent replies are too many, or have been for too long.
    fn is_over_output_limit(&mut self, limits: &[OutputLimit; 3], now_s: u64) -> bool {
        let limit = match self.class() {
            Class::PubSub => &limits[2],
            _ => &limits[0],
        };
        let held = self.output_memory_bytes() as u64;
        if held == 0 {
            self.over_soft_limit_since_s = None;
            return false;
        }
        let is_soft = limit.soft_bytes > 0 && held >= limit.soft_bytes;
        let since_s = is_soft.then(|| self.over_soft_limit_since_s.unwrap_or(now_s));
        self.over_soft_limit_since_s = since_s;
        (limit.hard_bytes > 0 && held >= limit.hard_bytes)
            || since_s.is_some_and(|since_s| now_s.saturating_sub(since_s) > limit.soft_s)
    }
}

impl Engine {
    /// Gives a client up that is being served if its unsent replies exceed the limit of its class.
    #[inline]
    pub(crate) fn enforce_output_limit(&mut self, client: &mut Client) {
        if client.output_memory_bytes() > 0 || client.over_soft_limit_since_s.is_some() {
            self.check_output_limit(client);
        }
    }

    fn check_output_limit(&mut self, client: &mut Client) {
        let now_s = self.now_s();
        if !client.killed
            && client.is_over_output_limit(&self.config.client_output_buffer_limits, now_s)
        {
            let text = format!(
                "Client {} scheduled to be closed ASAP for overcoming of output buffer limits.",
                self.describe(client)
            );
            self.log(Level::Warning, text);
            self.stats.output_limit_disconnections += 1;
            client.closing = true;
            client.killed = true;
        }
    }

    /// The same for a client that is not being served.
    pub(crate) fn enforce_output_limit_of(&mut self, id: ClientId) {
        let heavy = |client: &Client| {
            client.output_memory_bytes() > 0 || client.over_soft_limit_since_s.is_some()
        };
        if self.clients.get(id).is_some_and(heavy)
            && let Some(mut client) = self.clients.take(id)
        {
            self.check_output_limit(&mut client);
            self.put_back(client);
        }
    }

    /// Gives up clients that have been above their soft limit for too long without any traffic.
    pub(crate) fn enforce_soft_limits(&mut self) {
        let over = |client: &&Client| client.over_soft_limit_since_s.is_some();
        let ids: Vec<ClientId> = self.clients.iter().filter(over).map(|it| it.id).collect();
        for id in ids {
            self.enforce_output_limit_of(id);
        }
    }

    /// The longest unsent replies that a client may have before it is given up anyway; nothing beyond need be written.
    pub(crate) fn longest_reply(&self, client: &Client) -> usize {
        let limit = match client.class() {
            Class::PubSub => &self.config.client_output_buffer_limits[2],
            _ => &self.config.client_output_buffer_limits[0],
        };
        match usize::try_from(limit.hard_bytes) {
            Ok(0) | Err(_) => usize::MAX,
            Ok(hard) => client
                .reply
                .bytes()
                .len()
                .saturating_add(hard)
                .saturating_add(crate::client::REPLY_ALLOWANCE),
        }
    }

    // Memory of all clients.

    /// What all clients together may take, in bytes; `None` if that is not limited.
    fn clients_memory_limit(&self) -> Option<u64> {
        let limit = match self.config.maxmemory_clients {
            0 => return None,
            ..0 if self.config.maxmemory_bytes == 0 => return None,
            percent @ ..0 => {
                (u128::from(self.config.maxmemory_bytes) * u128::from(percent.unsigned_abs()) / 100)
                    as u64
            }
            bytes => bytes as u64,
        };
        Some(limit.max(LEAST_CLIENTS_MEMORY))
    }

    /// Counts anew what a client takes, while that matters.
    #[inline]
    pub(crate) fn count_client_memory(&mut self, client: &mut Client) {
        if self.config.maxmemory_clients != 0 || self.config.maxmemory_bytes != 0 {
            let memory = client.memory_bytes();
            self.all_clients_memory += memory;
            self.all_clients_memory -= client.held_memory;
            client.held_memory = memory;
            // A long word counts from when it is announced, as in Redis, which makes room for it then.
            let evictable = if client.no_evict {
                0
            } else {
                client.promised_memory_bytes()
            };
            self.clients_memory += evictable;
            self.clients_memory -= client.counted_memory;
            client.counted_memory = evictable;
        }
    }

    /// Counts all clients, when `maxmemory-clients` or `maxmemory` has been set.
    pub(crate) fn count_all_clients(&mut self) {
        for id in self.clients.ids() {
            if let Some(mut client) = self.clients.take(id) {
                self.count_client_memory(&mut client);
                self.clients.put_back(client);
            }
        }
    }

    /// Disconnects clients, the largest first, until they take less than `maxmemory-clients`. `served` is the one that is
    /// taken out to be served, if there is one.
    pub(crate) fn evict_clients(&mut self, mut served: Option<&mut Client>) {
        let Some(limit) = self.clients_memory_limit() else {
            return;
        };
        if (self.clients_memory as u64) < limit {
            return;
        }
        let mut victims: Vec<(u32, ClientId)> = self
            .clients
            .iter()
            .filter(|client| !client.no_evict)
            .map(|client| {
                (
                    client.counted_memory.checked_ilog2().unwrap_or(0),
                    client.id,
                )
            })
            .collect();
        if let Some(client) = served.as_deref().filter(|client| !client.no_evict) {
            victims.push((
                client.counted_memory.checked_ilog2().unwrap_or(0),
                client.id,
            ));
        }
        // As in Redis: size by powers of two, and of the same size the one that came first.
        victims.sort_by_key(|(size, id)| (std::cmp::Reverse(*size), *id));
        for (_, id) in victims {
            if (self.clients_memory as u64) < limit {
                return;
            }
            if let Some(client) = self.clients.get(id) {
                let text = format!("Evicting client: {}", self.describe(client));
                self.log(Level::Notice, text);
                self.stats.evicted_clients += 1;
                self.kill_client(id);
            } else if let Some(client) = served.as_deref_mut() {
                let text = format!("Evicting client: {}", self.describe(client));
                self.log(Level::Notice, text);
                self.stats.evicted_clients += 1;
                self.clients_memory -= std::mem::take(&mut client.counted_memory);
                // It is taken off every list when it is put back.
                client.closing = true;
                client.killed = true;
            }
        }
        if (self.clients_memory as u64) >= limit {
            self.log(
                Level::Warning,
                "Over client maxmemory after evicting all evictable clients",
            );
        }
    }

    /// Ends a connection at once: what it waits for, watches and listens to is forgotten, its replies are dropped.
    pub(crate) fn kill_client(&mut self, id: ClientId) {
        if let Some(mut client) = self.clients.take(id) {
            self.forget_client(&mut client);
            self.clients.remove(id);
            self.outputs.push_back(Output::Close {
                client: id,
                after_reply: false,
            });
        }
    }

    /// Takes a client off every list that it stands on.
    pub(crate) fn forget_client(&mut self, client: &mut Client) {
        self.forget_watches(client);
        self.forget_waiting(client);
        self.forget_subscriptions(client);
        self.forget_monitor(client);
        self.paused_clients.retain(|id| *id != client.id);
        self.clients_memory -= std::mem::take(&mut client.counted_memory);
        self.all_clients_memory -= std::mem::take(&mut client.held_memory);
    }
}
