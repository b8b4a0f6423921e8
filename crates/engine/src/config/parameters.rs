//! The table: one row per parameter of Redis 7.0, and Lastsave's own.
//!
//! A row is `name [| alias] => kind, place, flags, help`. A place is a field of [`Config`](super::Config), which
//! something obeys, or `stored`, which is kept and shown without effect yet.

use super::checks::{appenddirname, appendfilename, dbfilename, hostname, proc_title_template};
use super::kind::{Empty, Form, Kind};
use super::table::{Flags, Parameter, Place};
use places::{
    APPENDFSYNC, BIND, HZ, LOGLEVEL, MAXMEMORY_CLIENTS, NOTIFY_KEYSPACE_EVENTS,
    OUTPUT_BUFFER_LIMITS, SAVE, UNIXSOCKETPERM,
};

mod places;

macro_rules! parameters {
    ($($section:literal {
        $($name:literal $(| $alias:literal)? => $kind:expr, $place:expr, $flags:expr, $help:literal;)*
    })*) => {
        /// The table.
        pub static PARAMETERS: &[Parameter] = &[$($(Parameter {
            name: $name,
            alias: alias!($($alias)?),
            kind: $kind,
            place: $place,
            flags: $flags,
            section: $section,
            help: $help,
        },)*)*];
    };
}

macro_rules! alias {
    () => {
        None
    };
    ($alias:literal) => {
        Some($alias)
    };
}

/// A field of type `bool`.
macro_rules! switch {
    ($field:ident) => {
        Place::Field {
            get: |config| if config.$field { "yes" } else { "no" }.into(),
            set: |config, text| config.$field = text == "yes",
        }
    };
}

/// A field of a type of numbers; the limits of the kind make every accepted number fit.
macro_rules! number {
    ($field:ident) => {
        Place::Field {
            get: |config| config.$field.to_string(),
            set: |config, text| {
                config.$field = text.parse().expect("the limits of the kind fit the field");
            },
        }
    };
}

/// A limit that the keyspace obeys.
macro_rules! limit {
    ($field:ident) => {
        Place::Field {
            get: |config| config.limits.$field.to_string(),
            set: |config, text| {
                config.limits.$field = text.parse().expect("the limits of the kind fit the field");
            },
        }
    };
}

/// A field of type `String`.
macro_rules! text {
    ($field:ident) => {
        Place::Field {
            get: |config| config.$field.clone(),
            set: |config, text| config.$field = text.to_owned(),
        }
    };
}

const fn stored(default: &'static str) -> Place {
    Place::Stored(default)
}

const fn whole(min: i128, max: i128) -> Kind {
    Kind::Integer(min, max, Form::Decimal)
}

const fn memory(min: i128, max: i128) -> Kind {
    Kind::Integer(min, max, Form::Memory)
}

const fn any_text(_: &str) -> Result<(), &'static str> {
    Ok(())
}

const INT: i128 = i32::MAX as i128;
const UINT: i128 = u32::MAX as i128;
const LONG: i128 = i64::MAX as i128;
const ULONG: i128 = u64::MAX as i128;
const BOOL: Kind = Kind::Bool;
const TEXT: Kind = Kind::Text(any_text, Empty::IsText);
const OPTIONAL_TEXT: Kind = Kind::Text(any_text, Empty::IsNone);

const NONE: Flags = Flags::NONE;
const IMMUTABLE: Flags = Flags::IMMUTABLE;
const HIDDEN: Flags = Flags::HIDDEN;
const NO_EFFECT: Flags = Flags::NO_EFFECT;
const SENSITIVE: Flags = Flags::SENSITIVE;
const DEFAULT_ONLY: Flags = Flags::DEFAULT_ONLY;
const FIXED_DEFAULT: Flags = Flags::IMMUTABLE.and(Flags::DEFAULT_ONLY);

const PROTECTED_ACTION: Kind = Kind::Enum(&[("no", 0), ("yes", 1), ("local", 2)]);
const SHUTDOWN: Kind = Kind::Shutdown(&[
    ("default", 0),
    ("save", 1),
    ("nosave", 2),
    ("now", 4),
    ("force", 8),
]);
const SYSLOG_FACILITY: Kind = Kind::Enum(&[
    ("user", 8),
    ("local0", 0),
    ("local1", 1),
    ("local2", 2),
    ("local3", 3),
    ("local4", 4),
    ("local5", 5),
    ("local6", 6),
    ("local7", 7),
]);
const MAXMEMORY_POLICY: Kind = Kind::Enum(&[
    ("volatile-lru", 0),
    ("volatile-lfu", 1),
    ("volatile-random", 2),
    ("volatile-ttl", 3),
    ("allkeys-lru", 4),
    ("allkeys-lfu", 5),
    ("allkeys-random", 6),
    ("noeviction", 7),
]);

parameters! {
"network" {
    "bind" => Kind::Bind, BIND, NONE,
        "Addresses to listen on. A leading - tolerates that an address is not available; * and ::* mean all of IPv4 and IPv6.";
    "bind-source-addr" => OPTIONAL_TEXT, stored(""), NONE,
        "The address that outgoing connections are made from.";
    "port" => whole(0, 65535), number!(port), NONE,
        "The TCP port to listen on; 0 listens on none.";
    "tcp-backlog" => whole(0, INT), number!(tcp_backlog), IMMUTABLE,
        "How many connections may wait to be accepted.";
    "unixsocket" => OPTIONAL_TEXT, text!(unixsocket), IMMUTABLE,
        "The path of a Unix socket to listen on; none if empty.";
    "unixsocketperm" => Kind::Integer(0, 0o777, Form::Octal), UNIXSOCKETPERM, IMMUTABLE,
        "The permissions of the Unix socket, as an octal number; 0 leaves them to the process.";
    "timeout" => whole(0, INT), number!(timeout_s), NONE,
        "Seconds after which an idle client is disconnected; 0 means never.";
    "tcp-keepalive" => whole(0, INT), number!(tcp_keepalive_s), NONE,
        "Seconds between keep-alive probes to a client; 0 sends none.";
    "protected-mode" => BOOL, switch!(protected_mode), NONE,
        "Whether clients of other machines are refused while there is no password.";
    "socket-mark-id" => whole(0, UINT), stored("0"), IMMUTABLE,
        "A mark for the packets of the listening sockets; 0 sets none.";
    "maxclients" => whole(1, UINT), number!(maxclients), NONE,
        "How many clients may be connected at a time.";
    "proto-max-bulk-len" => memory(1 << 20, LONG), number!(proto_max_bulk_len), NONE,
        "The longest string that a request may contain, in bytes.";
    "client-query-buffer-limit" => memory(1 << 20, LONG), number!(client_query_buffer_limit), NONE,
        "The longest unfinished request of a client, in bytes.";
    "client-output-buffer-limit" => Kind::OutputBufferLimits, OUTPUT_BUFFER_LIMITS, NONE,
        "For each class of clients: the replies in bytes at which it is disconnected at once, those at which it is after some time, and that time in seconds.";
    "maxmemory-clients" => Kind::Integer(-100, LONG, Form::MemoryOrPercent), MAXMEMORY_CLIENTS, NONE,
        "The memory of all clients together, in bytes or as a percentage of maxmemory, above which some are disconnected; 0 means no limit.";
    "io-threads" => whole(1, 128), stored("1"), IMMUTABLE,
        "Threads that write to sockets.";
    "io-threads-do-reads" => BOOL, stored("no"), IMMUTABLE,
        "Whether these threads read as well.";
}
"tls" {
    "tls-port" => whole(0, 65535), stored("0"), DEFAULT_ONLY,
        "The port for TLS; 0 means none.";
    "tls-cluster" => BOOL, stored("no"), DEFAULT_ONLY,
        "Whether the cluster's nodes talk TLS.";
    "tls-replication" => BOOL, stored("no"), DEFAULT_ONLY,
        "Whether a replica talks TLS to its primary.";
    "tls-auth-clients" => Kind::Enum(&[("no", 0), ("yes", 1), ("optional", 2)]), stored("yes"), NONE,
        "Whether TLS clients must present a certificate.";
    "tls-prefer-server-ciphers" => BOOL, stored("no"), NONE,
        "Whether the server's order of ciphers wins.";
    "tls-session-caching" => BOOL, stored("yes"), NONE,
        "Whether TLS sessions may be resumed.";
    "tls-session-cache-size" => whole(0, INT), stored("20480"), NONE,
        "How many TLS sessions are remembered; 0 means no limit.";
    "tls-session-cache-timeout" => whole(0, INT), stored("300"), NONE,
        "Seconds that a TLS session is remembered.";
    "tls-cert-file" => OPTIONAL_TEXT, stored(""), NONE, "The server's certificate.";
    "tls-key-file" => OPTIONAL_TEXT, stored(""), NONE, "The server's private key.";
    "tls-key-file-pass" => OPTIONAL_TEXT, stored(""), NONE, "The passphrase of the server's key.";
    "tls-client-cert-file" => OPTIONAL_TEXT, stored(""), NONE, "The certificate for outgoing connections.";
    "tls-client-key-file" => OPTIONAL_TEXT, stored(""), NONE, "The key for outgoing connections.";
    "tls-client-key-file-pass" => OPTIONAL_TEXT, stored(""), NONE, "The passphrase of that key.";
    "tls-dh-params-file" => OPTIONAL_TEXT, stored(""), NONE, "Diffie-Hellman parameters for old TLS libraries.";
    "tls-ca-cert-file" => OPTIONAL_TEXT, stored(""), NONE, "The certificates of trusted authorities.";
    "tls-ca-cert-dir" => OPTIONAL_TEXT, stored(""), NONE, "A folder of such certificates.";
    "tls-protocols" => OPTIONAL_TEXT, stored(""), NONE, "The versions of TLS that are allowed.";
    "tls-ciphers" => OPTIONAL_TEXT, stored(""), NONE, "The ciphers allowed up to TLS 1.2.";
    "tls-ciphersuites" => OPTIONAL_TEXT, stored(""), NONE, "The cipher suites allowed in TLS 1.3.";
}
"general" {
    "daemonize" => BOOL, switch!(daemonize), IMMUTABLE,
        "Whether the server goes to the background after its start.";
    "supervised" => Kind::Enum(&[("upstart", 0), ("systemd", 1), ("auto", 2), ("no", 3)]), stored("no"), IMMUTABLE,
        "Which supervisor is told that the server is ready.";
    "pidfile" => OPTIONAL_TEXT, text!(pidfile), IMMUTABLE,
        "The file that the process number is written to.";
    "loglevel" => Kind::Enum(&[("debug", 0), ("verbose", 1), ("notice", 2), ("warning", 3)]), LOGLEVEL, NONE,
        "The least important log lines that are shown.";
    "logfile" => TEXT, text!(logfile), IMMUTABLE,
        "The file for the log; the standard output if empty.";
    "syslog-enabled" => BOOL, stored("no"), IMMUTABLE,
        "Whether the log goes to the system's logger as well.";
    "syslog-ident" => TEXT, stored("redis"), IMMUTABLE,
        "The name that the system's logger shows.";
    "syslog-facility" => SYSLOG_FACILITY, stored("local0"), IMMUTABLE,
        "The facility of the system's logger.";
    "crash-log-enabled" => BOOL, stored("yes"), NONE,
        "Whether a crash is reported in the log. There is no such report: a panic is one line, and ends the process.";
    "crash-memcheck-enabled" => BOOL, stored("yes"), NONE,
        "Whether that report includes a check of the memory.";
    "use-exit-on-panic" => BOOL, stored("no"), HIDDEN,
        "Whether a failed assertion exits instead of aborting.";
    "databases" => whole(1, INT), number!(databases), IMMUTABLE,
        "How many numbered databases there are.";
    "always-show-logo" => BOOL, switch!(always_show_logo), IMMUTABLE,
        "Whether the start banner is shown even if the log is no terminal.";
    "set-proc-title" => BOOL, stored("yes"), IMMUTABLE,
        "Whether the process title tells what the server does.";
    "proc-title-template" => Kind::Text(proc_title_template, Empty::IsText), stored("{title} {listen-addr} {server-mode}"), NONE,
        "What the process title is made of.";
    "ignore-warnings" => TEXT, stored(""), NONE,
        "Warnings at start that do not keep the server from starting.";
    "hz" => whole(0, INT), HZ, NONE,
        "How many times a second the background work runs; kept between 1 and 500.";
    "dynamic-hz" => BOOL, switch!(dynamic_hz), NONE,
        "Whether that rises with the number of clients.";
    "activerehashing" => BOOL, stored("yes"), NONE,
        "Whether the table of keys grows in the background too.";
    "shutdown-timeout" => whole(0, INT), number!(shutdown_timeout_s), NO_EFFECT,
        "Seconds that a shutdown waits for replicas that lag behind. There are no replicas, so it never waits.";
    "shutdown-on-sigint" => SHUTDOWN, text!(shutdown_on_sigint), NONE,
        "What SIGINT does: the words of SHUTDOWN.";
    "shutdown-on-sigterm" => SHUTDOWN, text!(shutdown_on_sigterm), NONE,
        "What SIGTERM does: the words of SHUTDOWN.";
    "server_cpulist" => OPTIONAL_TEXT, stored(""), IMMUTABLE, "The processors for the main thread.";
    "bio_cpulist" => OPTIONAL_TEXT, stored(""), IMMUTABLE, "The processors for background threads.";
    "aof_rewrite_cpulist" => OPTIONAL_TEXT, stored(""), IMMUTABLE, "The processors for rewriting the append-only file.";
    "bgsave_cpulist" => OPTIONAL_TEXT, stored(""), IMMUTABLE, "The processors for background saves.";
    "oom-score-adj" => Kind::Enum(&[("no", 0), ("yes", 1), ("relative", 1), ("absolute", 2)]), stored("no"), NONE,
        "Whether the kernel is told whom to end first when memory is short.";
    "oom-score-adj-values" => Kind::OomScoreAdjValues, stored("0 200 800"), NONE,
        "What it is told for a primary, a replica and a background child.";
    "disable-thp" => BOOL, stored("yes"), IMMUTABLE,
        "Whether transparent huge pages are turned off for the process.";
    "jemalloc-bg-thread" => BOOL, stored("yes"), NONE,
        "Whether the allocator returns memory in a thread of its own.";
    "watchdog-period" => whole(0, INT), stored("0"), HIDDEN,
        "Milliseconds after which a stalled server is logged; 0 means never.";
}
"security" {
    "requirepass" => OPTIONAL_TEXT, text!(requirepass), SENSITIVE,
        "The password that clients must give; none if empty.";
    "aclfile" => TEXT, stored(""), FIXED_DEFAULT,
        "A file of users.";
    "acllog-max-len" => whole(0, LONG), stored("128"), NONE,
        "How many refusals ACL LOG remembers.";
    "acl-pubsub-default" => Kind::Enum(&[("allchannels", 1), ("resetchannels", 0)]), stored("resetchannels"), NONE,
        "The channels of new users.";
    "enable-protected-configs" => PROTECTED_ACTION, text!(enable_protected_configs), IMMUTABLE,
        "Who may change dir and dbfilename at run time: no one, everyone, or local clients.";
    "enable-debug-command" => PROTECTED_ACTION, text!(enable_debug_command), IMMUTABLE,
        "Who may use DEBUG: no one, everyone, or local clients.";
    "enable-module-command" => PROTECTED_ACTION, stored("no"), IMMUTABLE,
        "Who may use MODULE: no one, everyone, or local clients.";
}
"memory" {
    "maxmemory" => memory(0, ULONG), number!(maxmemory_bytes), NONE,
        "Bytes that the data set may take; 0 means no limit.";
    "maxmemory-policy" => MAXMEMORY_POLICY, text!(maxmemory_policy), NONE,
        "Which keys give way when the limit is reached.";
    "maxmemory-samples" => whole(1, INT), number!(maxmemory_samples), NONE,
        "How many keys are looked at to find one that gives way.";
    "maxmemory-eviction-tenacity" => whole(0, 100), number!(maxmemory_eviction_tenacity), NONE,
        "How long evicting may hold up other work, from 0 to 100.";
    "lfu-log-factor" => whole(0, INT), number!(lfu_log_factor), NONE,
        "How slowly a key's use counter rises.";
    "lfu-decay-time" => whole(0, INT), number!(lfu_decay_time_min), NONE,
        "Minutes after which a use counter falls.";
    "active-expire-effort" => whole(1, 10), number!(active_expire_effort), NONE,
        "How hard expired keys are looked for, from 1 to 10.";
    "lazyfree-lazy-eviction" => BOOL, switch!(lazyfree_lazy_eviction), NONE,
        "Whether evicted values are freed in the background.";
    "lazyfree-lazy-expire" => BOOL, switch!(lazyfree_lazy_expire), NONE,
        "Whether expired values are freed in the background, and written to the append-only file as UNLINK.";
    "lazyfree-lazy-server-del" => BOOL, switch!(lazyfree_lazy_server_del), NONE,
        "Whether overwritten values are freed in the background.";
    "lazyfree-lazy-user-del" => BOOL, switch!(lazyfree_lazy_user_del), NONE,
        "Whether DEL behaves as UNLINK.";
    "lazyfree-lazy-user-flush" => BOOL, switch!(lazyfree_lazy_user_flush), NONE,
        "Whether FLUSHALL and FLUSHDB without a word behave as ASYNC.";
    "activedefrag" => BOOL, stored("no"), DEFAULT_ONLY,
        "Whether fragmented memory is put together.";
    "active-defrag-ignore-bytes" => memory(1, LONG), stored("104857600"), NONE,
        "Bytes of fragmentation below which nothing is done.";
    "active-defrag-threshold-lower" => whole(0, 1000), stored("10"), NONE,
        "Percentage of fragmentation at which it begins.";
    "active-defrag-threshold-upper" => whole(0, 1000), stored("100"), NONE,
        "Percentage of fragmentation at which it takes most effort.";
    "active-defrag-cycle-min" => whole(1, 99), stored("1"), NONE,
        "Least processor time for it, in percent.";
    "active-defrag-cycle-max" => whole(1, 99), stored("25"), NONE,
        "Most processor time for it, in percent.";
    "active-defrag-max-scan-fields" => whole(1, LONG), stored("1000"), NONE,
        "Elements above which a value is treated piece by piece.";
}
"snapshotting" {
    "save" => Kind::Save, SAVE, NONE,
        "Save points: pairs of seconds and changes. A background save starts once more than so many seconds have passed with at least so many changes. Empty means never.";
    "stop-writes-on-bgsave-error" => BOOL, switch!(stop_writes_on_bgsave_error), NONE,
        "Whether writes are refused after a failed background save, until one succeeds.";
    "rdbcompression" => BOOL, switch!(rdbcompression), NONE,
        "Whether long strings are compressed in RDB files.";
    "rdbchecksum" => BOOL, switch!(rdbchecksum), IMMUTABLE,
        "Whether RDB files end with a checksum, and are checked on loading.";
    "sanitize-dump-payload" => Kind::Enum(&[("no", 0), ("yes", 1), ("clients", 2)]), stored("no"), NONE,
        "Whether values from files and from RESTORE are checked in depth. Here they always are, whatever it says.";
    "dbfilename" => Kind::Text(dbfilename, Empty::IsText), text!(dbfilename), Flags::PROTECTED,
        "The name of the RDB file.";
    "dir" => Kind::Directory, text!(dir), Flags::PROTECTED.and(Flags::DENY_LOADING),
        "The folder of the RDB file and of the append-only files' folder.";
    "rdb-save-incremental-fsync" => BOOL, switch!(rdb_save_incremental_fsync), NONE,
        "Whether an RDB file is synced every 4 MB while it is written.";
    "rdb-del-sync-files" => BOOL, switch!(rdb_del_sync_files), NO_EFFECT,
        "Whether RDB files that only replication needed are deleted. There is no replication, so there are none.";
    "rdb-key-save-delay" => whole(i32::MIN as i128, INT), number!(rdb_key_save_delay_us), HIDDEN,
        "Microseconds that saving waits after each key, for tests.";
    "key-load-delay" => whole(i32::MIN as i128, INT), number!(key_load_delay_us), HIDDEN,
        "Microseconds to wait after each loaded key, for tests; negative: keys per microsecond.";
    "loading-process-events-interval-bytes" => whole(1024, INT), number!(loading_process_events_interval_bytes), HIDDEN,
        "Bytes loaded between two looks at the clients.";
}
"append only mode" {
    "appendonly" => BOOL, switch!(appendonly), Flags::DENY_LOADING,
        "Whether every write is logged in the append-only file.";
    "appendfilename" => Kind::Text(appendfilename, Empty::IsText), text!(appendfilename), IMMUTABLE,
        "What the names of the append-only files begin with.";
    "appenddirname" => Kind::Text(appenddirname, Empty::IsText), text!(appenddirname), IMMUTABLE,
        "The folder of the append-only files, inside dir.";
    "appendfsync" => Kind::Enum(&[("everysec", 0), ("always", 1), ("no", 2)]), APPENDFSYNC, NONE,
        "When the append-only file is synced: before each reply, about once a second, or when the system likes.";
    "no-appendfsync-on-rewrite" => BOOL, switch!(no_appendfsync_on_rewrite), NONE,
        "Whether syncing pauses while a save or a rewrite runs.";
    "auto-aof-rewrite-percentage" => whole(0, INT), number!(auto_aof_rewrite_percentage), NONE,
        "Growth in percent since the last rewrite at which the next one starts; 0 means never.";
    "auto-aof-rewrite-min-size" => memory(0, LONG), number!(auto_aof_rewrite_min_size_bytes), NONE,
        "Bytes below which no rewrite starts by itself.";
    "aof-load-truncated" => BOOL, switch!(aof_load_truncated), NONE,
        "Whether a torn end of the append-only file is cut off at start; otherwise the start is refused.";
    "aof-use-rdb-preamble" => BOOL, switch!(aof_use_rdb_preamble), NONE,
        "Whether a rewrite writes its base file as an RDB file.";
    "aof-timestamp-enabled" => BOOL, switch!(aof_timestamp_enabled), NONE,
        "Whether the append-only file notes the time of its commands.";
    "aof-rewrite-incremental-fsync" => BOOL, switch!(aof_rewrite_incremental_fsync), NONE,
        "Whether a rewritten file is synced every 4 MB while it is written.";
    "aof-disable-auto-gc" => BOOL, switch!(aof_disable_auto_gc), NONE,
        "Whether files that a rewrite made obsolete are kept.";
}
"lua scripting" {
    "busy-reply-threshold" | "lua-time-limit" => whole(0, LONG), stored("5000"), NONE,
        "Milliseconds of a running script after which other clients are answered with BUSY.";
}
"observability" {
    "slowlog-log-slower-than" => whole(-1, LONG), number!(slowlog_log_slower_than_us), NONE,
        "Microseconds above which a command is noted in the slow log; -1 means never.";
    "slowlog-max-len" => whole(0, LONG), number!(slowlog_max_len), NONE,
        "How many commands the slow log remembers.";
    "latency-monitor-threshold" => whole(0, LONG), number!(latency_monitor_threshold_ms), NONE,
        "Milliseconds above which an event is noted by the latency monitor; 0 means never.";
    "latency-tracking" => BOOL, switch!(latency_tracking), NONE,
        "Whether the time of every command is tracked.";
    "latency-tracking-info-percentiles" => Kind::Percentiles, text!(latency_tracking_info_percentiles), NONE,
        "The percentiles that INFO latencystats shows.";
    "notify-keyspace-events" => Kind::NotifyKeyspaceEvents, NOTIFY_KEYSPACE_EVENTS, NONE,
        "Which events of keys are published, one letter per class.";
    "tracking-table-max-keys" => whole(0, LONG), stored("1000000"), NONE,
        "How many keys are remembered for client side caching; 0 means no limit.";
}
"encodings" {
    "hash-max-listpack-entries" | "hash-max-ziplist-entries" => whole(0, LONG), limit!(hash_max_listpack_entries), NONE,
        "Fields up to which a hash is kept in the compact form.";
    "hash-max-listpack-value" | "hash-max-ziplist-value" => memory(0, LONG), limit!(hash_max_listpack_value), NONE,
        "Bytes of a field or value up to which it is.";
    "list-max-listpack-size" | "list-max-ziplist-size" => whole(i32::MIN as i128, INT), limit!(list_max_listpack_size), NONE,
        "Elements of a node of a list; negative: -1 to -5 mean 4 to 64 kilobytes.";
    "list-compress-depth" => whole(0, INT), limit!(list_compress_depth), NONE,
        "How many nodes at the ends of a list stay uncompressed; 0 compresses none.";
    "set-max-intset-entries" => whole(0, LONG), limit!(set_max_intset_entries), NONE,
        "Members up to which a set of integers is kept in the compact form.";
    "zset-max-listpack-entries" | "zset-max-ziplist-entries" => whole(0, LONG), limit!(zset_max_listpack_entries), NONE,
        "Members up to which a sorted set is kept in the compact form.";
    "zset-max-listpack-value" | "zset-max-ziplist-value" => memory(0, LONG), limit!(zset_max_listpack_value), NONE,
        "Bytes of a member up to which it is.";
    "hll-sparse-max-bytes" => memory(0, LONG), limit!(hll_sparse_max_bytes), NONE,
        "Bytes up to which a HyperLogLog is kept in the sparse form.";
    "stream-node-max-bytes" => memory(0, LONG), limit!(stream_node_max_bytes), NONE,
        "Bytes of a node of a stream; 0 means no limit.";
    "stream-node-max-entries" => whole(0, LONG), limit!(stream_node_max_entries), NONE,
        "Entries of a node of a stream; 0 means no limit.";
}
"replication" {
    "replicaof" | "slaveof" => Kind::ReplicaOf, stored(""), FIXED_DEFAULT,
        "The primary to copy.";
    "masterauth" => OPTIONAL_TEXT, stored(""), SENSITIVE,
        "The password for the primary.";
    "masteruser" => OPTIONAL_TEXT, stored(""), SENSITIVE,
        "The user for the primary.";
    "replica-serve-stale-data" | "slave-serve-stale-data" => BOOL, stored("yes"), NONE,
        "Whether a replica answers while it is cut off from its primary.";
    "replica-read-only" | "slave-read-only" => BOOL, stored("yes"), NONE,
        "Whether a replica refuses writes.";
    "replica-ignore-maxmemory" | "slave-ignore-maxmemory" => BOOL, stored("yes"), NONE,
        "Whether a replica leaves eviction to its primary.";
    "replica-ignore-disk-write-errors" => BOOL, stored("no"), NONE,
        "Whether a replica goes on when it cannot save.";
    "replica-lazy-flush" | "slave-lazy-flush" => BOOL, stored("no"), NONE,
        "Whether a replica frees its old data in the background.";
    "replica-priority" | "slave-priority" => whole(0, INT), stored("100"), NONE,
        "Which replica is promoted first; 0 never is.";
    "replica-announced" => BOOL, stored("yes"), NONE,
        "Whether a replica is listed by Sentinel.";
    "replica-announce-ip" | "slave-announce-ip" => OPTIONAL_TEXT, stored(""), NONE,
        "The address that a replica tells its primary.";
    "replica-announce-port" | "slave-announce-port" => whole(0, 65535), stored("0"), NONE,
        "The port that a replica tells its primary.";
    "min-replicas-to-write" | "min-slaves-to-write" => whole(0, INT), number!(min_replicas_to_write), NONE,
        "Replicas without which writes are refused. There are none, so that a number above 0 refuses them all.";
    "min-replicas-max-lag" | "min-slaves-max-lag" => whole(0, INT), number!(min_replicas_max_lag_s), NONE,
        "Seconds after which a replica no longer counts; 0 lifts the demand for replicas.";
    "repl-diskless-sync" => BOOL, stored("yes"), NONE,
        "Whether a replica is sent its data set without a file.";
    "repl-diskless-sync-delay" => whole(0, INT), stored("5"), NONE,
        "Seconds to wait for more replicas before that.";
    "repl-diskless-sync-max-replicas" => whole(0, INT), stored("0"), NONE,
        "Replicas at which that wait ends.";
    "repl-diskless-load" => Kind::Enum(&[("disabled", 0), ("on-empty-db", 1), ("swapdb", 2)]), stored("disabled"), Flags::DENY_LOADING,
        "Whether a replica loads its data set without a file.";
    "repl-ping-replica-period" | "repl-ping-slave-period" => whole(1, INT), stored("10"), NONE,
        "Seconds between a primary's pings.";
    "repl-timeout" => whole(1, INT), stored("60"), NONE,
        "Seconds after which a silent peer counts as gone.";
    "repl-disable-tcp-nodelay" => BOOL, stored("no"), NONE,
        "Whether packets to replicas may be delayed.";
    "repl-backlog-size" => memory(1, LONG), stored("1048576"), NONE,
        "Bytes of recent writes kept for replicas that come back.";
    "repl-backlog-ttl" => whole(0, LONG), stored("3600"), NONE,
        "Seconds after which they are dropped without replicas.";
    "propagation-error-behavior" => Kind::Enum(&[("ignore", 0), ("panic", 1), ("panic-on-replicas", 2)]), stored("ignore"), NONE,
        "What happens if a command fails that came from the append-only file or a primary.";
}
"cluster" {
    "cluster-enabled" => BOOL, stored("no"), FIXED_DEFAULT,
        "Whether the server is a node of a cluster.";
    "cluster-config-file" => TEXT, stored("nodes.conf"), IMMUTABLE, "The file of the cluster's state.";
    "cluster-node-timeout" => whole(0, LONG), stored("15000"), NONE,
        "Milliseconds after which a silent node counts as failed.";
    "cluster-port" => whole(0, 65535), stored("0"), IMMUTABLE, "The port of the cluster bus.";
    "cluster-announce-ip" => OPTIONAL_TEXT, stored(""), NONE, "The address that other nodes are told.";
    "cluster-announce-port" => whole(0, 65535), stored("0"), NONE, "The port that other nodes are told.";
    "cluster-announce-tls-port" => whole(0, 65535), stored("0"), NONE, "The TLS port that other nodes are told.";
    "cluster-announce-bus-port" => whole(0, 65535), stored("0"), NONE, "The bus port that other nodes are told.";
    "cluster-announce-hostname" => Kind::Text(hostname, Empty::IsNone), stored(""), NONE, "The host name that other nodes are told.";
    "cluster-preferred-endpoint-type" => Kind::Enum(&[("ip", 0), ("hostname", 1), ("unknown-endpoint", 2)]), stored("ip"), NONE,
        "How nodes are named to clients.";
    "cluster-replica-validity-factor" | "cluster-slave-validity-factor" => whole(0, INT), stored("10"), NONE,
        "How stale a replica may be and still be promoted.";
    "cluster-replica-no-failover" | "cluster-slave-no-failover" => BOOL, stored("no"), NONE,
        "Whether a replica never promotes itself.";
    "cluster-migration-barrier" => whole(0, INT), stored("1"), NONE,
        "Replicas that a primary keeps before one may move.";
    "cluster-allow-replica-migration" => BOOL, stored("yes"), NONE,
        "Whether replicas may move between primaries.";
    "cluster-require-full-coverage" => BOOL, stored("yes"), NONE,
        "Whether queries stop while slots are uncovered.";
    "cluster-allow-reads-when-down" => BOOL, stored("no"), NONE,
        "Whether reads go on while the cluster is down.";
    "cluster-allow-pubsubshard-when-down" => BOOL, stored("yes"), NONE,
        "Whether sharded publishing goes on while the cluster is down.";
    "cluster-link-sendbuf-limit" => memory(0, ULONG), stored("0"), NONE,
        "Bytes that may wait for a node; 0 means no limit.";
}
"lastsave" {
    "aof-checksums" => BOOL, switch!(aof_checksums), NONE,
        "Lastsave's own: whether append-only files carry checksum lines, from the next file on. Redis 7 passes over them.";
    "redis-faithful" => BOOL, switch!(redis_faithful), NONE,
        "Lastsave's own: brings Redis's original behaviour back where Lastsave differs on purpose.";
}
}
