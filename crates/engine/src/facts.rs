//! Gathering what INFO tells.

use std::collections::BTreeMap;

use crate::client::Client;
use crate::engine::{Engine, STARTUP_BYTES};
use crate::info::{
    ClientsFacts, CommandFacts, DatabaseFacts, InfoFacts, LoadingFacts, MemoryFacts,
    PersistenceFacts, ServerFacts, StatsFacts,
};
use crate::job::JobKind;
use crate::persistence::Aof;

/// What the driver knows of the process and the engine cannot: see [`Engine::set_process_facts`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessFacts {
    /// The memory that the process occupies, in bytes.
    pub rss_bytes: u64,
    /// The memory of the machine, in bytes.
    pub total_memory_bytes: u64,
    /// CPU time in the kernel, all threads, in microseconds.
    pub cpu_sys_us: u64,
    /// CPU time in the program, all threads, in microseconds.
    pub cpu_user_us: u64,
    /// CPU time in the kernel, the thread that drives the engine, in microseconds.
    pub main_thread_sys_us: u64,
    /// CPU time in the program, the thread that drives the engine, in microseconds.
    pub main_thread_user_us: u64,
}

/// About the bytes of a table besides its entries.
pub(crate) fn table_bytes(keys: usize) -> u64 {
    14 * keys as u64
}

impl Engine {
    /// Tells the engine what INFO shows of the process. Worth calling about once a second.
    pub fn set_process_facts(&mut self, facts: ProcessFacts) {
        self.process = facts;
    }

    /// What INFO tells, gathered: [`crate::info::info`] prints it.
    pub fn info_facts(&self) -> InfoFacts {
        let largest = |len: fn(&Client) -> usize| {
            let lens = self.clients.iter().map(len);
            lens.max().unwrap_or(0) as u64
        };
        let mut facts = InfoFacts {
            server: self.server_facts(),
            clients: ClientsFacts {
                // The client that asks is being served.
                connected: self.clients.len() as u64,
                max: self.config.maxclients,
                blocked: (self.waiters.counts().0 + self.paused_clients.len()) as u64,
                in_timeout_table: self.waiters.counts().1 as u64,
                recent_max_input_buffer: largest(|client| client.input.capacity()),
                recent_max_output_buffer: largest(|client| client.released_bytes().len()),
            },
            memory: self.memory_facts(),
            persistence: self.persistence_facts(),
            stats: self.stats_facts(),
            replication_id: self.replication_id.clone(),
            replication_backlog_size: 1 << 20,
            latency_percentiles: self.config.latency_tracking_info_percentiles.clone(),
            commands: self.command_facts(),
            errors: self.observed.errors.clone(),
            databases: self.database_facts(),
            ..InfoFacts::default()
        };
        facts.cpu.sys_us = self.process.cpu_sys_us;
        facts.cpu.user_us = self.process.cpu_user_us;
        facts.cpu.main_thread_sys_us = self.process.main_thread_sys_us;
        facts.cpu.main_thread_user_us = self.process.main_thread_user_us;
        facts
    }

    fn server_facts(&self) -> ServerFacts {
        ServerFacts {
            os: self.host.os.clone(),
            arch_bits: 64,
            multiplexing_api: "epoll".into(),
            process_id: self.host.pid,
            run_id: self.host.run_id.clone(),
            tcp_port: self.config.port,
            now_us: self.now_us,
            uptime_s: self.now_us.saturating_sub(self.started_us) / 1_000_000,
            hz: self.hz(),
            configured_hz: self.config.hz,
            executable: self.host.executable.clone(),
            config_file: self.host.config_path.clone(),
            shutdown_in_ms: None,
        }
    }

    pub(crate) fn memory_facts(&self) -> MemoryFacts {
        let used = self.used_memory();
        let tables: u64 = self
            .keyspace
            .databases
            .iter()
            .map(|database| table_bytes(database.keys.len()))
            .sum();
        MemoryFacts {
            used,
            startup: STARTUP_BYTES,
            overhead: STARTUP_BYTES + tables + self.aof_buffer_len(),
            peak: self.stats.peak_memory.max(used),
            rss: self.process.rss_bytes.max(used),
            total_system: self.process.total_memory_bytes,
            clients: self
                .clients
                .iter()
                .map(|client| client.memory_bytes() as u64)
                .sum(),
            aof_buffer: self.aof_buffer_len(),
            maxmemory: self.config.maxmemory_bytes,
            maxmemory_policy: self.config.maxmemory_policy.clone(),
            allocator: "jemalloc".into(),
            allocator_allocated: used,
            allocator_active: used,
            allocator_resident: used,
            lazyfree_pending_objects: self.lazyfree.pending(),
            lazyfreed_objects: self.lazyfree.freed,
        }
    }

    fn command_facts(&self) -> BTreeMap<String, CommandFacts> {
        let percentiles: Vec<f64> = self
            .config
            .latency_tracking_info_percentiles
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        let facts = self.observed.commands.iter().map(|(name, count)| {
            let facts = CommandFacts {
                calls: count.calls,
                usec: count.duration_us,
                rejected_calls: count.rejected,
                failed_calls: count.failed,
                latency_us: count.times.as_ref().map_or_else(Vec::new, |times| {
                    let value = |percent: &f64| times.percentile(*percent) as f64 / 1000.0;
                    percentiles.iter().map(value).collect()
                }),
            };
            (name, facts)
        });
        facts.collect()
    }

    pub(crate) fn aof_buffer_len(&self) -> u64 {
        self.aof_offsets()
            .map_or(0, |offsets| offsets.appended - offsets.written)
    }

    fn persistence_facts(&self) -> PersistenceFacts {
        let running_s = |kind| {
            let snapshot = self
                .snapshot
                .as_ref()
                .filter(|snapshot| snapshot.kind == kind)?;
            Some(self.now_us.saturating_sub(snapshot.started_us) / 1_000_000)
        };
        let mut facts = PersistenceFacts {
            loading: self.loading.as_ref().map(|loading| LoadingFacts {
                start_time_s: loading.started_s,
                total_bytes: loading.total_bytes,
                rdb_used_mem: loading.rdb_used_mem,
                loaded_bytes: loading.loaded_bytes,
            }),
            current_save_keys_processed: self
                .snapshot
                .as_ref()
                .map_or(0, |snapshot| snapshot.keys_walked),
            current_save_keys_total: self
                .snapshot
                .as_ref()
                .map_or(0, |snapshot| snapshot.keys_at_cut),
            changes_since_last_save: self.saves.dirty,
            bgsave_running_s: running_s(JobKind::Save),
            last_save_time_s: self.saves.last_save_s,
            last_bgsave_ok: self.saves.last_bgsave_ok,
            last_bgsave_time_s: self.saves.last_bgsave_s,
            rdb_saves: self.saves.saves,
            last_load_keys_expired: self.saves.loaded_expired,
            last_load_keys_loaded: self.saves.loaded,
            // A rewrite is over when the files that it replaced are gone, as they are at once in Redis.
            rewrite_running_s: running_s(JobKind::Rewrite)
                .or_else(|| (!self.unlinking.is_empty()).then_some(0)),
            rewrite_scheduled: self.rewrite_scheduled,
            last_rewrite_time_s: self.rewrites.last_s,
            last_rewrite_ok: self.rewrites.last_ok,
            rewrites: self.rewrites.started,
            rewrites_consecutive_failures: u64::from(self.rewrites.failures),
            ..PersistenceFacts::default()
        };
        if let Some(aof) = &self.aof {
            facts.aof_enabled = true;
            facts.last_write_ok = aof.write_error.is_none() && aof.sync_error.is_none();
            facts.aof_current_size = aof.current_size();
            facts.aof_base_size = aof.base_size;
            facts.aof_buffer_length = self.aof_buffer_len();
            facts.aof_pending_bio_fsync = u64::from(Aof::sync_running(aof));
            facts.aof_delayed_fsync = aof.delayed_fsyncs;
        }
        facts
    }

    fn stats_facts(&self) -> StatsFacts {
        let (exceeded_us, current_exceeded_us) = self.eviction.exceeded_us(self.now_us);
        StatsFacts {
            connections_received: self.stats.connections,
            commands_processed: self.stats.commands,
            ops_per_sec: self.stats.per_s[0],
            input_bytes_per_sec: self.stats.per_s[1],
            output_bytes_per_sec: self.stats.per_s[2],
            rejected_connections: self.stats.rejected_connections,
            reads_processed: self.stats.reads,
            writes_processed: self.stats.replies_sent,
            net_input_bytes: self.stats.net_input_bytes,
            net_output_bytes: self.stats.net_output_bytes,
            expired_keys: self.stats.expired,
            expired_stale_percent: self.expiry.stale_percent,
            expired_time_cap_reached: self.stats.expired_time_cap_reached,
            expire_cycle_ms: self.stats.expire_cycle_us / 1000,
            evicted_keys: self.stats.evicted_keys,
            evicted_clients: self.stats.evicted_clients,
            eviction_exceeded_ms: exceeded_us / 1000,
            current_eviction_exceeded_ms: current_exceeded_us / 1000,
            latest_fork_us: self.stats.latest_fork_us,
            keyspace_hits: self.stats.hits,
            keyspace_misses: self.stats.misses,
            snapshots: self.stats.snapshots,
            error_replies: self.stats.error_replies,
            pubsub_channels: self.pubsub.channel_count() as u64,
            pubsub_patterns: self.pubsub.pattern_count() as u64,
            ..StatsFacts::default()
        }
    }

    fn database_facts(&self) -> BTreeMap<usize, DatabaseFacts> {
        let now_ms = u128::from(self.now_ms());
        let with_keys = self
            .keyspace
            .databases
            .iter()
            .enumerate()
            .filter(|(_, db)| !db.keys.is_empty());
        with_keys
            .map(|(number, database)| {
                let keys = &database.keys;
                let expires = keys.expiring_len() as u64;
                let left_ms = keys
                    .expiry_sum_ms()
                    .saturating_sub(u128::from(expires) * now_ms);
                let avg_ttl_ms = left_ms.checked_div(u128::from(expires)).unwrap_or(0) as u64;
                (
                    number,
                    DatabaseFacts {
                        keys: keys.len() as u64,
                        expires,
                        avg_ttl_ms,
                    },
                )
            })
            .collect()
    }
}
