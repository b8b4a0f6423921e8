//! The text of INFO: Redis 7.0's sections and fields, in its order.
//!
//! What differs from server to server comes in as [`InfoFacts`]. What does not exist here (replicas, a cluster,
//! modules, forked children and the memory they copy) is printed with the value that says so.

use std::fmt::{Display, Write};

use crate::REDIS_VERSION;

mod facts;

pub use facts::{
    ClientsFacts, CommandFacts, CpuFacts, DatabaseFacts, InfoFacts, LoadingFacts, MemoryFacts,
    PersistenceFacts, ServerFacts, StatsFacts,
};

/// What writes a section.
type WriteSection = fn(&mut Section<'_>, &InfoFacts);

/// The sections in Redis's order: the words that ask for one, its title, whether INFO shows it unasked.
const SECTIONS: [(&[&str], &str, bool, WriteSection); 13] = [
    (&["server"], "Server", true, server),
    (&["clients"], "Clients", true, clients),
    (&["memory"], "Memory", true, memory),
    (&["persistence"], "Persistence", true, persistence),
    (&["stats"], "Stats", true, stats),
    (&["replication"], "Replication", true, replication),
    (&["cpu"], "CPU", true, cpu),
    (&["modules", "module_list"], "Modules", true, |_, _| {}),
    (&["commandstats"], "Commandstats", false, command_stats),
    (&["errorstats"], "Errorstats", true, error_stats),
    (&["latencystats"], "Latencystats", false, latency_stats),
    (&["cluster"], "Cluster", true, |section, _| {
        section.field("cluster_enabled", 0);
    }),
    (&["keyspace"], "Keyspace", true, keyspace),
];

/// The reply to INFO with these words behind it, none of which means the default sections. Lines end in `\r\n`.
pub fn info(sections: &[&[u8]], facts: &InfoFacts) -> String {
    let asked = |word: &str| {
        sections
            .iter()
            .any(|section| section.eq_ignore_ascii_case(word.as_bytes()))
    };
    let defaults = sections.is_empty() || asked("default");
    let all = asked("all") || asked("everything");
    let mut text = String::new();
    for (words, title, is_default, write) in SECTIONS {
        if !(all || (defaults && is_default) || words.iter().any(|word| asked(word))) {
            continue;
        }
        if !text.is_empty() {
            text.push_str("\r\n");
        }
        text.push_str(&format!("# {title}\r\n"));
        write(&mut Section(&mut text), facts);
    }
    text
}

/// A section while it is written.
struct Section<'a>(&'a mut String);

impl Section<'_> {
    fn field(&mut self, name: &str, value: impl Display) {
        write!(self.0, "{name}:{value}\r\n").expect("a string takes everything");
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.field(name, u8::from(value));
    }

    fn status(&mut self, name: &str, ok: bool) {
        self.field(name, if ok { "ok" } else { "err" });
    }

    /// A time that there may not be one of.
    fn seconds(&mut self, name: &str, value: Option<u64>) {
        match value {
            Some(value) => self.field(name, value),
            None => self.field(name, -1),
        }
    }

    fn ratio(&mut self, name: &str, value: f64) {
        self.field(name, format_args!("{value:.2}"));
    }

    /// A number of bytes, and again in the unit that suits it.
    fn bytes(&mut self, name: &str, bytes: u64) {
        self.field(name, bytes);
        self.field(&format!("{name}_human"), human(bytes));
    }

    fn zeros(&mut self, names: &[&str]) {
        for name in names {
            self.field(name, 0);
        }
    }
}

fn server(section: &mut Section<'_>, facts: &InfoFacts) {
    let facts = &facts.server;
    let or_unknown = |text: &str| if text.is_empty() { "unknown" } else { text }.to_owned();
    section.field("redis_version", REDIS_VERSION);
    section.field("redis_git_sha1", "00000000");
    section.field("redis_git_dirty", 0);
    section.field("redis_build_id", 0);
    section.field("redis_mode", "standalone");
    section.field("os", or_unknown(&facts.os));
    section.field("arch_bits", facts.arch_bits);
    section.field("monotonic_clock", "POSIX clock_gettime");
    section.field("multiplexing_api", or_unknown(&facts.multiplexing_api));
    section.field("atomicvar_api", "rust");
    section.field("gcc_version", "0.0.0");
    section.field("process_id", facts.process_id);
    section.field("process_supervised", "no");
    section.field("run_id", &facts.run_id);
    section.field("tcp_port", facts.tcp_port);
    section.field("server_time_usec", facts.now_us);
    section.field("uptime_in_seconds", facts.uptime_s);
    section.field("uptime_in_days", facts.uptime_s / 86_400);
    section.field("hz", facts.hz);
    section.field("configured_hz", facts.configured_hz);
    // The clock of least recent use has 24 bits and counts seconds.
    section.field("lru_clock", (facts.now_us / 1_000_000) & 0xff_ffff);
    section.field("executable", &facts.executable);
    section.field("config_file", &facts.config_file);
    section.field("io_threads_active", 0);
    if let Some(ms) = facts.shutdown_in_ms {
        section.field("shutdown_in_milliseconds", ms);
    }
}

fn clients(section: &mut Section<'_>, facts: &InfoFacts) {
    let facts = &facts.clients;
    section.field("connected_clients", facts.connected);
    section.field("cluster_connections", 0);
    section.field("maxclients", facts.max);
    section.field(
        "client_recent_max_input_buffer",
        facts.recent_max_input_buffer,
    );
    section.field(
        "client_recent_max_output_buffer",
        facts.recent_max_output_buffer,
    );
    section.field("blocked_clients", facts.blocked);
    section.field("tracking_clients", 0);
    section.field("clients_in_timeout_table", facts.in_timeout_table);
}

fn memory(section: &mut Section<'_>, facts: &InfoFacts) {
    let facts = &facts.memory;
    let used = facts.used;
    let peak = facts.peak.max(used);
    let dataset = used.saturating_sub(facts.overhead);
    let ratio = |of: u64, to: u64| if to == 0 { 0.0 } else { of as f64 / to as f64 };
    let excess = |of: u64, to: u64| of as i64 - to as i64;
    let allocated = facts.allocator_allocated;
    let (active, resident) = (facts.allocator_active, facts.allocator_resident);
    section.bytes("used_memory", used);
    section.bytes("used_memory_rss", facts.rss);
    section.bytes("used_memory_peak", peak);
    section.field(
        "used_memory_peak_perc",
        format_args!("{:.2}%", 100.0 * ratio(used, peak)),
    );
    section.field("used_memory_overhead", facts.overhead);
    section.field("used_memory_startup", facts.startup);
    section.field("used_memory_dataset", dataset);
    let of_growth = ratio(dataset, used.saturating_sub(facts.startup));
    section.field(
        "used_memory_dataset_perc",
        format_args!("{:.2}%", 100.0 * of_growth),
    );
    section.field("allocator_allocated", allocated);
    section.field("allocator_active", active);
    section.field("allocator_resident", resident);
    section.bytes("total_system_memory", facts.total_system);
    section.zeros(&["used_memory_lua", "used_memory_vm_eval"]);
    section.field("used_memory_lua_human", human(0));
    section.zeros(&[
        "used_memory_scripts_eval",
        "number_of_cached_scripts",
        "number_of_functions",
        "number_of_libraries",
        "used_memory_vm_functions",
    ]);
    section.bytes("used_memory_vm_total", 0);
    section.field("used_memory_functions", 0);
    section.bytes("used_memory_scripts", 0);
    section.bytes("maxmemory", facts.maxmemory);
    section.field("maxmemory_policy", &facts.maxmemory_policy);
    section.ratio("allocator_frag_ratio", ratio(active, allocated));
    section.field("allocator_frag_bytes", excess(active, allocated));
    section.ratio("allocator_rss_ratio", ratio(resident, active));
    section.field("allocator_rss_bytes", excess(resident, active));
    section.ratio("rss_overhead_ratio", ratio(facts.rss, resident));
    section.field("rss_overhead_bytes", excess(facts.rss, resident));
    section.ratio("mem_fragmentation_ratio", ratio(facts.rss, used));
    section.field("mem_fragmentation_bytes", excess(facts.rss, used));
    section.field("mem_not_counted_for_evict", facts.aof_buffer);
    section.zeros(&[
        "mem_replication_backlog",
        "mem_total_replication_buffers",
        "mem_clients_slaves",
    ]);
    section.field("mem_clients_normal", facts.clients);
    section.field("mem_cluster_links", 0);
    section.field("mem_aof_buffer", facts.aof_buffer);
    section.field("mem_allocator", &facts.allocator);
    section.field("active_defrag_running", 0);
    section.field("lazyfree_pending_objects", facts.lazyfree_pending_objects);
    section.field("lazyfreed_objects", facts.lazyfreed_objects);
}

fn persistence(section: &mut Section<'_>, facts: &InfoFacts) {
    let now_s = facts.server.now_us / 1_000_000;
    let facts = &facts.persistence;
    let saved = match facts.current_save_keys_total {
        0 => 0.0,
        total => 100.0 * facts.current_save_keys_processed as f64 / total as f64,
    };
    section.flag("loading", facts.loading.is_some());
    section.zeros(&[
        "async_loading",
        "current_cow_peak",
        "current_cow_size",
        "current_cow_size_age",
    ]);
    section.ratio("current_fork_perc", saved);
    section.field(
        "current_save_keys_processed",
        facts.current_save_keys_processed,
    );
    section.field("current_save_keys_total", facts.current_save_keys_total);
    section.field("rdb_changes_since_last_save", facts.changes_since_last_save);
    section.flag("rdb_bgsave_in_progress", facts.bgsave_running_s.is_some());
    section.field("rdb_last_save_time", facts.last_save_time_s);
    section.status("rdb_last_bgsave_status", facts.last_bgsave_ok);
    section.seconds("rdb_last_bgsave_time_sec", facts.last_bgsave_time_s);
    section.seconds("rdb_current_bgsave_time_sec", facts.bgsave_running_s);
    section.field("rdb_saves", facts.rdb_saves);
    section.field("rdb_last_cow_size", 0);
    section.field("rdb_last_load_keys_expired", facts.last_load_keys_expired);
    section.field("rdb_last_load_keys_loaded", facts.last_load_keys_loaded);
    section.flag("aof_enabled", facts.aof_enabled);
    section.flag("aof_rewrite_in_progress", facts.rewrite_running_s.is_some());
    section.flag("aof_rewrite_scheduled", facts.rewrite_scheduled);
    section.seconds("aof_last_rewrite_time_sec", facts.last_rewrite_time_s);
    section.seconds("aof_current_rewrite_time_sec", facts.rewrite_running_s);
    section.status("aof_last_bgrewrite_status", facts.last_rewrite_ok);
    section.field("aof_rewrites", facts.rewrites);
    section.field(
        "aof_rewrites_consecutive_failures",
        facts.rewrites_consecutive_failures,
    );
    section.status("aof_last_write_status", facts.last_write_ok);
    section.zeros(&[
        "aof_last_cow_size",
        "module_fork_in_progress",
        "module_fork_last_cow_size",
    ]);
    if facts.aof_enabled {
        section.field("aof_current_size", facts.aof_current_size);
        section.field("aof_base_size", facts.aof_base_size);
        section.flag("aof_pending_rewrite", facts.rewrite_scheduled);
        section.field("aof_buffer_length", facts.aof_buffer_length);
        section.field("aof_pending_bio_fsync", facts.aof_pending_bio_fsync);
        section.field("aof_delayed_fsync", facts.aof_delayed_fsync);
    }
    if let Some(facts) = &facts.loading {
        loading(section, facts, now_s);
    }
}

fn loading(section: &mut Section<'_>, facts: &LoadingFacts, now_s: u64) {
    let remaining = facts.total_bytes.saturating_sub(facts.loaded_bytes);
    let percent = match facts.total_bytes {
        0 => 0.0,
        total => 100.0 * facts.loaded_bytes as f64 / total as f64,
    };
    // Within the first second there is nothing to go by: Redis says 1.
    let eta_s = match now_s.saturating_sub(facts.start_time_s) {
        0 => 1,
        elapsed_s => elapsed_s * remaining.max(1) / (facts.loaded_bytes + 1),
    };
    section.field("loading_start_time", facts.start_time_s);
    section.field("loading_total_bytes", facts.total_bytes);
    section.field("loading_rdb_used_mem", facts.rdb_used_mem);
    section.field("loading_loaded_bytes", facts.loaded_bytes);
    section.ratio("loading_loaded_perc", percent);
    section.field("loading_eta_seconds", eta_s);
}

fn stats(section: &mut Section<'_>, facts: &InfoFacts) {
    let facts = &facts.stats;
    section.field("total_connections_received", facts.connections_received);
    section.field("total_commands_processed", facts.commands_processed);
    section.field("instantaneous_ops_per_sec", facts.ops_per_sec);
    section.field("total_net_input_bytes", facts.net_input_bytes);
    section.field("total_net_output_bytes", facts.net_output_bytes);
    section.zeros(&["total_net_repl_input_bytes", "total_net_repl_output_bytes"]);
    let kilobytes = |bytes: u64| bytes as f64 / 1024.0;
    section.ratio(
        "instantaneous_input_kbps",
        kilobytes(facts.input_bytes_per_sec),
    );
    section.ratio(
        "instantaneous_output_kbps",
        kilobytes(facts.output_bytes_per_sec),
    );
    section.ratio("instantaneous_input_repl_kbps", 0.0);
    section.ratio("instantaneous_output_repl_kbps", 0.0);
    section.field("rejected_connections", facts.rejected_connections);
    section.zeros(&["sync_full", "sync_partial_ok", "sync_partial_err"]);
    section.field("expired_keys", facts.expired_keys);
    section.ratio("expired_stale_perc", facts.expired_stale_percent);
    section.field(
        "expired_time_cap_reached_count",
        facts.expired_time_cap_reached,
    );
    section.field("expire_cycle_cpu_milliseconds", facts.expire_cycle_ms);
    section.field("evicted_keys", facts.evicted_keys);
    section.field("evicted_clients", facts.evicted_clients);
    section.field("total_eviction_exceeded_time", facts.eviction_exceeded_ms);
    section.field(
        "current_eviction_exceeded_time",
        facts.current_eviction_exceeded_ms,
    );
    section.field("keyspace_hits", facts.keyspace_hits);
    section.field("keyspace_misses", facts.keyspace_misses);
    section.field("pubsub_channels", facts.pubsub_channels);
    section.field("pubsub_patterns", facts.pubsub_patterns);
    section.field("pubsubshard_channels", 0);
    section.field("latest_fork_usec", facts.latest_fork_us);
    section.field("total_forks", facts.snapshots);
    section.zeros(&[
        "migrate_cached_sockets",
        "slave_expires_tracked_keys",
        "active_defrag_hits",
        "active_defrag_misses",
        "active_defrag_key_hits",
        "active_defrag_key_misses",
        "total_active_defrag_time",
        "current_active_defrag_time",
        "tracking_total_keys",
        "tracking_total_items",
        "tracking_total_prefixes",
    ]);
    section.field("unexpected_error_replies", facts.unexpected_error_replies);
    section.field("total_error_replies", facts.error_replies);
    section.field("dump_payload_sanitizations", 0);
    section.field("total_reads_processed", facts.reads_processed);
    section.field("total_writes_processed", facts.writes_processed);
    section.zeros(&[
        "io_threaded_reads_processed",
        "io_threaded_writes_processed",
        "reply_buffer_shrinks",
        "reply_buffer_expands",
    ]);
}

fn replication(section: &mut Section<'_>, facts: &InfoFacts) {
    section.field("role", "master");
    section.field("connected_slaves", 0);
    section.field("master_failover_state", "no-failover");
    section.field(
        "master_replid",
        format_args!("{:0>40}", facts.replication_id),
    );
    section.field("master_replid2", "0".repeat(40));
    section.field("master_repl_offset", 0);
    section.field("second_repl_offset", -1);
    section.field("repl_backlog_active", 0);
    section.field("repl_backlog_size", facts.replication_backlog_size);
    section.zeros(&["repl_backlog_first_byte_offset", "repl_backlog_histlen"]);
}

fn cpu(section: &mut Section<'_>, facts: &InfoFacts) {
    let facts = &facts.cpu;
    for (name, us) in [
        ("used_cpu_sys", facts.sys_us),
        ("used_cpu_user", facts.user_us),
        ("used_cpu_sys_children", 0),
        ("used_cpu_user_children", 0),
        ("used_cpu_sys_main_thread", facts.main_thread_sys_us),
        ("used_cpu_user_main_thread", facts.main_thread_user_us),
    ] {
        let (seconds, rest) = (us / 1_000_000, us % 1_000_000);
        section.field(name, format_args!("{seconds}.{rest:06}"));
    }
}

fn command_stats(section: &mut Section<'_>, facts: &InfoFacts) {
    for (name, facts) in &facts.commands {
        let CommandFacts {
            calls,
            usec,
            rejected_calls,
            failed_calls,
            ..
        } = facts;
        if calls + rejected_calls + failed_calls == 0 {
            continue;
        }
        // Redis divides in single precision.
        let each = match calls {
            0 => 0.0,
            _ => *usec as f32 / *calls as f32,
        };
        section.field(
            &format!("cmdstat_{}", safe(name)),
            format_args!(
                "calls={calls},usec={usec},usec_per_call={each:.2},rejected_calls={rejected_calls},\
                 failed_calls={failed_calls}"
            ),
        );
    }
}

fn error_stats(section: &mut Section<'_>, facts: &InfoFacts) {
    for (code, count) in &facts.errors {
        section.field(
            &format!("errorstat_{}", safe(code)),
            format_args!("count={count}"),
        );
    }
}

fn latency_stats(section: &mut Section<'_>, facts: &InfoFacts) {
    for (name, command) in &facts.commands {
        let percentiles = facts.latency_percentiles.split(' ');
        let values: Vec<_> = percentiles
            .zip(&command.latency_us)
            .map(|(percentile, us)| format!("p{percentile}={us:.3}"))
            .collect();
        if !values.is_empty() {
            section.field(
                &format!("latency_percentiles_usec_{}", safe(name)),
                values.join(","),
            );
        }
    }
}

fn keyspace(section: &mut Section<'_>, facts: &InfoFacts) {
    for (number, facts) in &facts.databases {
        let DatabaseFacts {
            keys,
            expires,
            avg_ttl_ms,
        } = facts;
        if *keys > 0 {
            section.field(
                &format!("db{number}"),
                format_args!("keys={keys},expires={expires},avg_ttl={avg_ttl_ms}"),
            );
        }
    }
}

/// A name without the bytes that would break the lines of INFO.
fn safe(name: &str) -> String {
    name.replace(['#', ':', '\n', '\r'], "_")
}

/// A number of bytes in the unit that suits it: `919.13K`.
pub(crate) fn human(bytes: u64) -> String {
    for (unit, shift) in [("P", 50), ("T", 40), ("G", 30), ("M", 20), ("K", 10)] {
        if (1 << shift..1 << 60).contains(&bytes) {
            return format!("{:.2}{unit}", bytes as f64 / (1u64 << shift) as f64);
        }
    }
    format!("{bytes}B")
}

#[cfg(test)]
mod tests;
