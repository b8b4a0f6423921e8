//! maxmemory: keys that give way, and commands that are refused where none may.

use lastsave_keyspace::{
    Command, CommandFlags, EventClass, EvictionPolicy, Garbage, Handler, Propagated, ServerCommand,
};

use crate::client::Client;
use crate::engine::Engine;

/// What a command that would take more memory answers when there is none.
pub(crate) const OUT_OF_MEMORY: &str = "OOM command not allowed when used memory > 'maxmemory'.";

/// The time is looked at after so many keys.
const KEYS_BETWEEN_LOOKS: u64 = 16;

/// What eviction remembers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Eviction {
    /// The last command was let through though memory was still short, because eviction had taken its time: it goes on
    /// between commands.
    pub(crate) goes_on: bool,
    /// The last attempt failed: commands that take more memory are refused.
    pub(crate) failed: bool,
    /// Since when memory has been short.
    exceeded_since_us: Option<u64>,
    /// For how long it was in all, before that.
    exceeded_us: u64,
}

impl Eviction {
    /// For how long memory has been short in all, and this time, in microseconds.
    pub(crate) fn exceeded_us(&self, now_us: u64) -> (u64, u64) {
        let current_us = self
            .exceeded_since_us
            .map_or(0, |since_us| now_us.saturating_sub(since_us));
        (self.exceeded_us + current_us, current_us)
    }

    pub(crate) fn reset_stats(&mut self) {
        self.exceeded_us = 0;
    }
}

impl Engine {
    /// Has keys give way until memory is within `maxmemory`, or until that has taken long enough. `served` is the client
    /// that is taken out to be served, if there is one.
    #[inline]
    pub(crate) fn make_room(&mut self, served: Option<&mut Client>) {
        if self.config.maxmemory_bytes == 0 {
            self.eviction.failed = false;
            self.eviction.goes_on = false;
        } else {
            self.evict(served);
        }
    }

    fn evict(&mut self, mut served: Option<&mut Client>) {
        let limit = self.config.maxmemory_bytes;
        self.eviction.failed = false;
        self.eviction.goes_on = false;
        if self.is_loading() {
            return;
        }
        if self.memory_that_counts() <= limit {
            if let Some(since_us) = self.eviction.exceeded_since_us.take() {
                self.eviction.exceeded_us += self.now_us.saturating_sub(since_us);
            }
            return;
        }
        let now_us = self.now_us;
        self.eviction.exceeded_since_us.get_or_insert(now_us);
        if self.keyspace.settings.eviction == EvictionPolicy::No {
            self.eviction.failed = true;
            return;
        }
        let started_us = self.observed.start();
        let mut evicted = 0;
        while self.memory_that_counts() > limit {
            let Some((db, key)) = self.keyspace.next_victim(self.now_us) else {
                self.eviction.failed = true;
                break;
            };
            self.evict_key(db, &key, served.as_deref_mut());
            evicted += 1;
            if evicted % KEYS_BETWEEN_LOOKS == 0
                && let Some(most_us) = self.longest_eviction_us()
                && self.observed.since(started_us) > most_us
            {
                self.eviction.goes_on = true;
                break;
            }
        }
        let took_us = self.observed.since(started_us);
        self.observe_event("eviction-cycle", took_us);
        if self.memory_that_counts() <= limit {
            self.eviction.goes_on = false;
            let since_us = self.eviction.exceeded_since_us.take();
            let since_us = since_us.unwrap_or(self.now_us);
            self.eviction.exceeded_us += self.now_us.saturating_sub(since_us);
        }
    }

    fn evict_key(&mut self, db: usize, key: &[u8], served: Option<&mut Client>) {
        let lazily = self.config.lazyfree_lazy_eviction;
        let started_us = self.observed.start();
        let object = self.keyspace.evict(db, key);
        match object {
            Some(object) if lazily && object.is_slow_to_free() => {
                self.free(vec![Garbage::Value(object)]);
            }
            object => drop(object),
        }
        if self.config.latency_monitor_threshold_ms > 0 {
            let took_us = self.observed.since(started_us);
            self.observe_event("eviction-del", took_us);
        }
        self.stats.evicted_keys += 1;
        if let Some(client) = served
            && client
                .watched
                .iter()
                .any(|watched| watched.db == db && watched.key == key)
        {
            client.watch_broken = true;
        }
        self.tell_of_removal(db, key, lazily, EventClass::Evicted, "evicted");
    }

    /// Passes on that a key was removed which no command had asked to be: to the append-only file and to those who watch
    /// it or listen.
    pub(crate) fn tell_of_removal(
        &mut self,
        db: usize,
        key: &[u8],
        lazily: bool,
        class: EventClass,
        event: &'static str,
    ) {
        if self.aof.is_some() {
            let name: &[u8] = if lazily { b"UNLINK" } else { b"DEL" };
            let args = [name, key].into_iter().collect();
            self.unit.push(Propagated { db, args });
            // Each removal is a unit of its own: between any two of them the data are whole.
            self.commit_unit(false);
        }
        self.break_watches_of(db, key);
        self.publish_event(class, event, db, key);
    }

    /// How long eviction may hold up a command, in microseconds: `maxmemory-eviction-tenacity`. `None`: as long as it takes.
    fn longest_eviction_us(&self) -> Option<u64> {
        match self.config.maxmemory_eviction_tenacity {
            tenacity @ 0..=10 => Some(50 * u64::from(tenacity)),
            // Half a millisecond, and 15 percent more for each step: about two minutes at 99.
            tenacity @ 11..100 => Some((10..tenacity).fold(500, |us, _| us + us * 15 / 100)),
            _ => None,
        }
    }

    /// Whether this command must be refused because it may take more memory than there is.
    pub(crate) fn is_denied_memory(&self, client: &Client, command: &Command) -> bool {
        if !self.eviction.failed {
            return false;
        }
        let denied = |command: &Command| command.flags.has(CommandFlags::DENYOOM);
        let queues = client.in_multi
            && !matches!(
                command.handler,
                Handler::Server(
                    ServerCommand::Exec
                        | ServerCommand::Discard
                        | ServerCommand::Multi
                        | ServerCommand::Quit
                        | ServerCommand::Reset
                )
            );
        let executes = matches!(command.handler, Handler::Server(ServerCommand::Exec))
            && client.queued.iter().any(|queued| denied(queued.command));
        denied(command) || queues || executes
    }
}

#[cfg(test)]
mod tests;
