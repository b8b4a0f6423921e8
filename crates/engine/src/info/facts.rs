//! What INFO is told.

use std::collections::BTreeMap;

/// What INFO tells. Plain numbers, gathered when it is asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InfoFacts {
    /// The section `server`.
    pub server: ServerFacts,
    /// The section `clients`.
    pub clients: ClientsFacts,
    /// The section `memory`.
    pub memory: MemoryFacts,
    /// The section `persistence`.
    pub persistence: PersistenceFacts,
    /// The section `stats`.
    pub stats: StatsFacts,
    /// `master_replid` of the section `replication`: 40 hexadecimal digits.
    pub replication_id: String,
    /// `repl_backlog_size`, in bytes.
    pub replication_backlog_size: u64,
    /// The section `cpu`.
    pub cpu: CpuFacts,
    /// The section `commandstats`: by a command's full name (`config|get`).
    pub commands: BTreeMap<String, CommandFacts>,
    /// The section `errorstats`: replies by error code (`ERR`).
    pub errors: BTreeMap<String, u64>,
    /// The percentiles that the section `latencystats` shows, as the configuration has them: `50 99 99.9`.
    pub latency_percentiles: String,
    /// The section `keyspace`: the databases that hold keys, by number.
    pub databases: BTreeMap<usize, DatabaseFacts>,
}

/// The section `server`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerFacts {
    /// Name, release and machine of the operating system: `Linux 6.1.0 x86_64`.
    pub os: String,
    /// The width of an address in bits.
    pub arch_bits: u32,
    /// How the driver waits for its clients: `epoll`.
    pub multiplexing_api: String,
    /// The process ID.
    pub process_id: u32,
    /// 40 hexadecimal digits that name this run.
    pub run_id: String,
    /// The TCP port.
    pub tcp_port: u16,
    /// The time, microseconds since the epoch.
    pub now_us: u64,
    /// Since the start, in seconds.
    pub uptime_s: u64,
    /// How often the background work runs now.
    pub hz: u32,
    /// How often it is configured to run.
    pub configured_hz: u32,
    /// The path of the executable.
    pub executable: String,
    /// The path of the configuration file.
    pub config_file: String,
    /// While a shutdown waits: how long it will at most, in milliseconds.
    pub shutdown_in_ms: Option<u64>,
}

/// The section `clients`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientsFacts {
    /// How many are connected.
    pub connected: u64,
    /// How many may be.
    pub max: u32,
    /// The largest recent input buffer, in bytes.
    pub recent_max_input_buffer: u64,
    /// The largest recent output buffer, in bytes.
    pub recent_max_output_buffer: u64,
    /// How many wait in a blocking command.
    pub blocked: u64,
    /// How many of these have a timeout.
    pub in_timeout_table: u64,
}

/// The section `memory`, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryFacts {
    /// What the server uses.
    pub used: u64,
    /// The most it has used.
    pub peak: u64,
    /// What the process occupies; 0 if it is not known.
    pub rss: u64,
    /// Of `used`: what is not data (tables, buffers, the server itself).
    pub overhead: u64,
    /// What the empty server used.
    pub startup: u64,
    /// The memory of the machine.
    pub total_system: u64,
    /// Buffers of clients.
    pub clients: u64,
    /// The buffer of the append-only file.
    pub aof_buffer: u64,
    /// The limit; 0 for none.
    pub maxmemory: u64,
    /// What happens at the limit.
    pub maxmemory_policy: String,
    /// The allocator's name.
    pub allocator: String,
    /// What the allocator has handed out, with its own rounding.
    pub allocator_allocated: u64,
    /// The pages that it uses.
    pub allocator_active: u64,
    /// The pages that it occupies.
    pub allocator_resident: u64,
    /// Values waiting to be freed in the background.
    pub lazyfree_pending_objects: u64,
    /// Values that were.
    pub lazyfreed_objects: u64,
}

/// The section `persistence`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersistenceFacts {
    /// While a data set is loaded: how far it is.
    pub loading: Option<LoadingFacts>,
    /// Keys that the running snapshot has written.
    pub current_save_keys_processed: u64,
    /// Keys that it will write.
    pub current_save_keys_total: u64,
    /// Changes since the last save.
    pub changes_since_last_save: u64,
    /// While a background save runs: for how long, in seconds.
    pub bgsave_running_s: Option<u64>,
    /// When the last save was, seconds since the epoch.
    pub last_save_time_s: u64,
    /// Whether the last background save succeeded.
    pub last_bgsave_ok: bool,
    /// How long the last background save took, in seconds.
    pub last_bgsave_time_s: Option<u64>,
    /// Saves since the start.
    pub rdb_saves: u64,
    /// Keys of the RDB file that had expired.
    pub last_load_keys_expired: u64,
    /// Keys loaded from the RDB file.
    pub last_load_keys_loaded: u64,
    /// Whether the append-only file is on, or being started.
    pub aof_enabled: bool,
    /// While a rewrite runs: for how long, in seconds.
    pub rewrite_running_s: Option<u64>,
    /// Whether a rewrite waits for its turn.
    pub rewrite_scheduled: bool,
    /// How long the last rewrite took, in seconds.
    pub last_rewrite_time_s: Option<u64>,
    /// Whether the last rewrite succeeded.
    pub last_rewrite_ok: bool,
    /// Rewrites since the start.
    pub rewrites: u64,
    /// Rewrites that failed since one succeeded.
    pub rewrites_consecutive_failures: u64,
    /// Whether the last write and the last sync of the append-only file succeeded.
    pub last_write_ok: bool,
    /// The sizes of the append-only files together, in bytes.
    pub aof_current_size: u64,
    /// That size after the last rewrite or at start.
    pub aof_base_size: u64,
    /// Bytes that are not written yet.
    pub aof_buffer_length: u64,
    /// Syncs in the background that have not ended.
    pub aof_pending_bio_fsync: u64,
    /// Writes that were put off because a sync had not ended.
    pub aof_delayed_fsync: u64,
}

impl Default for PersistenceFacts {
    fn default() -> Self {
        Self {
            loading: None,
            current_save_keys_processed: 0,
            current_save_keys_total: 0,
            changes_since_last_save: 0,
            bgsave_running_s: None,
            last_save_time_s: 0,
            last_bgsave_ok: true,
            last_bgsave_time_s: None,
            rdb_saves: 0,
            last_load_keys_expired: 0,
            last_load_keys_loaded: 0,
            aof_enabled: false,
            rewrite_running_s: None,
            rewrite_scheduled: false,
            last_rewrite_time_s: None,
            last_rewrite_ok: true,
            rewrites: 0,
            rewrites_consecutive_failures: 0,
            last_write_ok: true,
            aof_current_size: 0,
            aof_base_size: 0,
            aof_buffer_length: 0,
            aof_pending_bio_fsync: 0,
            aof_delayed_fsync: 0,
        }
    }
}

/// How far loading is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadingFacts {
    /// When it began, seconds since the epoch.
    pub start_time_s: u64,
    /// The bytes of the files.
    pub total_bytes: u64,
    /// The memory that the data set used when the RDB file was written.
    pub rdb_used_mem: u64,
    /// The bytes that were read.
    pub loaded_bytes: u64,
}

/// The section `stats`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatsFacts {
    /// Connections accepted.
    pub connections_received: u64,
    /// Commands executed.
    pub commands_processed: u64,
    /// Commands per second, lately.
    pub ops_per_sec: u64,
    /// Bytes received.
    pub net_input_bytes: u64,
    /// Bytes sent.
    pub net_output_bytes: u64,
    /// Bytes received per second, lately.
    pub input_bytes_per_sec: u64,
    /// Bytes sent per second, lately.
    pub output_bytes_per_sec: u64,
    /// Connections refused because of `maxclients`.
    pub rejected_connections: u64,
    /// Keys expired.
    pub expired_keys: u64,
    /// An estimate of the share of keys that have expired and are not removed yet, in percent.
    pub expired_stale_percent: f64,
    /// How often the search for expired keys ran out of time.
    pub expired_time_cap_reached: u64,
    /// The time of that search, in milliseconds.
    pub expire_cycle_ms: u64,
    /// Keys evicted because of `maxmemory`.
    pub evicted_keys: u64,
    /// Clients disconnected because of `maxmemory-clients`.
    pub evicted_clients: u64,
    /// For how long memory was above `maxmemory` in all, in milliseconds.
    pub eviction_exceeded_ms: u64,
    /// For how long it has been this time, in milliseconds.
    pub current_eviction_exceeded_ms: u64,
    /// Lookups of keys that were there.
    pub keyspace_hits: u64,
    /// Lookups of keys that were not.
    pub keyspace_misses: u64,
    /// Channels that are subscribed to.
    pub pubsub_channels: u64,
    /// Patterns that are subscribed to.
    pub pubsub_patterns: u64,
    /// How long the last snapshot held up the server at its start, in microseconds: no process is forked.
    pub latest_fork_us: u64,
    /// Snapshots started.
    pub snapshots: u64,
    /// Errors answered.
    pub error_replies: u64,
    /// Errors answered that should not have happened.
    pub unexpected_error_replies: u64,
    /// Reads from sockets.
    pub reads_processed: u64,
    /// Writes to sockets.
    pub writes_processed: u64,
}

/// The section `cpu`, in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpuFacts {
    /// In the kernel, all threads.
    pub sys_us: u64,
    /// In the program, all threads.
    pub user_us: u64,
    /// In the kernel, the main thread.
    pub main_thread_sys_us: u64,
    /// In the program, the main thread.
    pub main_thread_user_us: u64,
}

/// What a command has done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CommandFacts {
    /// How often it ran.
    pub calls: u64,
    /// For how long in all, in microseconds.
    pub usec: u64,
    /// How often it was refused before it ran.
    pub rejected_calls: u64,
    /// How often it ran and answered an error.
    pub failed_calls: u64,
    /// Its times at [`InfoFacts::latency_percentiles`], in microseconds; empty if they are not tracked.
    pub latency_us: Vec<f64>,
}

/// What a database holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// Keys.
    pub keys: u64,
    /// Those of them that will expire.
    pub expires: u64,
    /// An estimate of how long these have left, in milliseconds.
    pub avg_ttl_ms: u64,
}
