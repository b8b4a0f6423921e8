//! The configuration: typed values, and one table row per parameter.
//!
//! [`Config`] is what the engine reads. [`PARAMETERS`] says, for each parameter of `redis.conf`, its name, kind, default,
//! limits, whether it may change at run time, and its help; parsing, CONFIG GET, SET and REWRITE, and the page's editor
//! all derive from it.

use std::collections::BTreeMap;

/// When the append-only file is synced: `appendfsync`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FsyncPolicy {
    /// Before a write is acknowledged.
    Always,
    /// About once a second.
    #[default]
    EverySec,
    /// When the operating system likes.
    No,
}

/// One save point: `save <seconds> <changes>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavePoint {
    /// More than this long since the last save, in seconds.
    pub seconds: u64,
    /// At least this many changes since.
    pub changes: u64,
}

/// How much may wait to be sent to a client: `client-output-buffer-limit`. 0 means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// Bytes at which it is disconnected at once.
    pub hard_bytes: u64,
    /// Bytes at which it is after some time.
    pub soft_bytes: u64,
    /// That time in seconds.
    pub soft_s: u64,
}

/// The values in force. Field names are the parameters' names, units added where a name has none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each is the parameter of the same name; its help is in PARAMETERS"
)]
pub struct Config {
    // Network; the native server obeys them.
    pub bind: Vec<String>,
    pub port: u16,
    pub unixsocket: String,
    pub unixsocketperm: u32,
    pub tcp_backlog: u32,
    pub tcp_keepalive_s: u32,
    pub timeout_s: u32,
    pub maxclients: u32,
    pub protected_mode: bool,
    // Process; the native server obeys them.
    pub daemonize: bool,
    pub pidfile: String,
    pub logfile: String,
    pub loglevel: crate::Level,
    pub always_show_logo: bool,
    pub shutdown_timeout_s: u32,
    pub shutdown_on_sigint: String,
    pub shutdown_on_sigterm: String,
    // Data.
    pub databases: usize,
    pub hz: u32,
    pub dynamic_hz: bool,
    pub active_expire_effort: u32,
    pub lazyfree_lazy_expire: bool,
    pub lazyfree_lazy_eviction: bool,
    pub lazyfree_lazy_server_del: bool,
    pub lazyfree_lazy_user_del: bool,
    pub lazyfree_lazy_user_flush: bool,
    pub maxmemory_bytes: u64,
    pub maxmemory_policy: String,
    pub maxmemory_samples: u32,
    pub maxmemory_eviction_tenacity: u32,
    pub lfu_log_factor: u32,
    pub lfu_decay_time_min: u32,
    pub slowlog_log_slower_than_us: i64,
    pub slowlog_max_len: u64,
    pub latency_monitor_threshold_ms: u64,
    pub latency_tracking: bool,
    pub rdb_key_save_delay_us: i32,
    pub key_load_delay_us: i32,
    pub loading_process_events_interval_bytes: u64,
    pub latency_tracking_info_percentiles: String,
    pub proto_max_bulk_len: u64,
    /// Limits of encodings, as the keyspace obeys them. What follows from other fields is filled in on the way there.
    pub limits: lastsave_keyspace::Settings,
    pub client_query_buffer_limit: u64,
    /// Of normal clients, replicas, and subscribers.
    pub client_output_buffer_limits: [OutputLimit; 3],
    /// Bytes, or negative: a percentage of `maxmemory`.
    pub maxmemory_clients: i64,
    pub notify_keyspace_events: String,
    pub min_replicas_to_write: u32,
    pub min_replicas_max_lag_s: u32,
    pub requirepass: String,
    pub enable_debug_command: String,
    pub enable_protected_configs: String,
    // RDB.
    pub dir: String,
    pub dbfilename: String,
    pub save: Vec<SavePoint>,
    pub stop_writes_on_bgsave_error: bool,
    pub rdbcompression: bool,
    pub rdbchecksum: bool,
    pub rdb_save_incremental_fsync: bool,
    pub rdb_del_sync_files: bool,
    // AOF.
    pub appendonly: bool,
    pub appendfilename: String,
    pub appenddirname: String,
    pub appendfsync: FsyncPolicy,
    pub no_appendfsync_on_rewrite: bool,
    pub auto_aof_rewrite_percentage: u32,
    pub auto_aof_rewrite_min_size_bytes: u64,
    pub aof_load_truncated: bool,
    pub aof_use_rdb_preamble: bool,
    pub aof_timestamp_enabled: bool,
    /// `aof-checksums`.
    pub aof_checksums: bool,
    pub aof_rewrite_incremental_fsync: bool,
    pub aof_disable_auto_gc: bool,
    /// Lastsave's own: brings Redis's original behaviour back where we differ on purpose.
    pub redis_faithful: bool,
    /// `rename-command`: names that lead to another command than the table says, or to none. Not a parameter.
    pub renamed_commands: BTreeMap<String, Option<String>>,
    /// Parameters that are kept and shown without effect yet, by name, if not at their default.
    pub others: BTreeMap<&'static str, String>,
}

impl Config {
    /// `proto-max-bulk-len` as a length of bytes in memory, which on a machine of 32 bits (the page) cannot be all of it.
    pub(crate) fn max_bulk_len(&self) -> usize {
        usize::try_from(self.proto_max_bulk_len).unwrap_or(isize::MAX as usize)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bind: vec!["*".into(), "-::*".into()],
            port: 6379,
            unixsocket: String::new(),
            unixsocketperm: 0,
            tcp_backlog: 511,
            tcp_keepalive_s: 300,
            timeout_s: 0,
            maxclients: 10_000,
            protected_mode: true,
            daemonize: false,
            pidfile: String::new(),
            logfile: String::new(),
            loglevel: crate::Level::Notice,
            always_show_logo: false,
            shutdown_timeout_s: 10,
            shutdown_on_sigint: "default".into(),
            shutdown_on_sigterm: "default".into(),
            databases: 16,
            hz: 10,
            dynamic_hz: true,
            active_expire_effort: 1,
            lazyfree_lazy_expire: false,
            lazyfree_lazy_eviction: false,
            lazyfree_lazy_server_del: false,
            lazyfree_lazy_user_del: false,
            lazyfree_lazy_user_flush: false,
            maxmemory_bytes: 0,
            maxmemory_policy: "noeviction".into(),
            maxmemory_samples: 5,
            maxmemory_eviction_tenacity: 10,
            lfu_log_factor: 10,
            lfu_decay_time_min: 1,
            slowlog_log_slower_than_us: 10_000,
            slowlog_max_len: 128,
            latency_monitor_threshold_ms: 0,
            latency_tracking: true,
            rdb_key_save_delay_us: 0,
            key_load_delay_us: 0,
            loading_process_events_interval_bytes: 2 << 20,
            latency_tracking_info_percentiles: "50 99 99.9".into(),
            proto_max_bulk_len: 512 << 20,
            limits: lastsave_keyspace::Settings::default(),
            client_query_buffer_limit: 1 << 30,
            client_output_buffer_limits: [
                OutputLimit::default(),
                OutputLimit {
                    hard_bytes: 256 << 20,
                    soft_bytes: 64 << 20,
                    soft_s: 60,
                },
                OutputLimit {
                    hard_bytes: 32 << 20,
                    soft_bytes: 8 << 20,
                    soft_s: 60,
                },
            ],
            maxmemory_clients: 0,
            notify_keyspace_events: String::new(),
            min_replicas_to_write: 0,
            min_replicas_max_lag_s: 10,
            requirepass: String::new(),
            enable_debug_command: "no".into(),
            enable_protected_configs: "no".into(),
            dir: ".".into(),
            dbfilename: "dump.rdb".into(),
            save: vec![
                SavePoint {
                    seconds: 3600,
                    changes: 1,
                },
                SavePoint {
                    seconds: 300,
                    changes: 100,
                },
                SavePoint {
                    seconds: 60,
                    changes: 10_000,
                },
            ],
            stop_writes_on_bgsave_error: true,
            rdbcompression: true,
            rdbchecksum: true,
            rdb_save_incremental_fsync: true,
            rdb_del_sync_files: false,
            appendonly: false,
            appendfilename: "appendonly.aof".into(),
            appenddirname: "appendonlydir".into(),
            appendfsync: FsyncPolicy::EverySec,
            no_appendfsync_on_rewrite: false,
            auto_aof_rewrite_percentage: 100,
            auto_aof_rewrite_min_size_bytes: 64 << 20,
            aof_load_truncated: true,
            aof_use_rdb_preamble: true,
            aof_timestamp_enabled: false,
            aof_checksums: false,
            aof_rewrite_incremental_fsync: true,
            aof_disable_auto_gc: false,
            redis_faithful: false,
            renamed_commands: BTreeMap::new(),
            others: BTreeMap::new(),
        }
    }
}

mod checks;
mod file;
mod kind;
mod parameters;
mod rewrite;
mod runtime;
mod sha256;
mod table;
mod words;

pub use file::{
    CommandLine, ConfigError, parse_args, parse_file, parse_file_with, strip_trailing_comments,
};
pub(crate) use kind::parse_memory;
pub use kind::{Empty, Form, Kind};
pub use parameters::PARAMETERS;
pub use rewrite::rewrite;
pub use runtime::{
    ConfigChange, SetBy, config_get, config_set, config_set_error, parameters_markdown,
};
pub use table::{Flags, Parameter, Place, SetError, get, parameter, set};

#[cfg(test)]
mod tests;
