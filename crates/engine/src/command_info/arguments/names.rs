//! What a hint does not say: the types of values, and what Redis calls groups of arguments.

/// The type of a value of this name.
pub(super) fn type_of(command: &str, name: &str) -> &'static str {
    match (command, name) {
        ("client|pause" | "wait", "timeout")
        | ("setbit" | "bitfield", "value")
        | ("xpending", "min-idle-time") => "integer",
        (
            "xrange" | "xrevrange" | "xpending" | "xautoclaim" | "zrange",
            "start" | "end" | "stop",
        ) => "string",
        ("zcount" | "zrangebyscore" | "zrevrangebyscore" | "zremrangebyscore", "min" | "max")
        | ("incrbyfloat" | "hincrbyfloat", "increment") => "double",
        (
            _,
            "key" | "key1" | "key2" | "newkey" | "source" | "destination" | "src" | "dst"
            | "destkey" | "sourcekey",
        ) => "key",
        (_, "pattern") => "pattern",
        (_, "unix-time-seconds" | "unix-time-milliseconds") => "unix-time",
        (_, "longitude" | "latitude" | "radius" | "width" | "height" | "score" | "timeout") => {
            "double"
        }
        (
            _,
            "bit" | "client-id" | "count" | "cursor" | "db" | "decrement" | "destination-db"
            | "end" | "entries_added" | "entries_read" | "frequency" | "increment" | "index"
            | "index1" | "index2" | "len" | "limit" | "milliseconds" | "ms" | "num-matches"
            | "numkeys" | "numreplicas" | "offset" | "protover" | "rank" | "seconds" | "start"
            | "stop" | "ttl" | "version" | "weight",
        ) => "integer",
        _ => "string",
    }
}

/// The name of a token that stands alone: the token itself, but for a few.
pub(super) fn of_token(command: &str, token: &str) -> String {
    let name = match (command, token) {
        ("zadd" | "geoadd", "CH") => "change",
        ("zadd", "INCR") => "increment",
        ("sort" | "sort_ro", "ALPHA") => "sorting",
        (_, "=") => "equal",
        (_, "~") => "approximately",
        (_, "*") => "auto_id",
        (_, "$") => "new_id",
        _ => return token.to_ascii_lowercase(),
    };
    name.to_owned()
}

/// The name of a group whose parts are named so: mostly the same.
pub(super) fn of_group<'a>(command: &str, parts: &'a str) -> &'a str {
    match (command, parts) {
        ("bitcount", "start_end_index_unit") | ("bitpos", "start_end_index") => "index",
        ("bitfield", "encoding_offset_write") => "operation",
        ("bitfield", "encoding_offset_value_encoding_offset_increment") => "write_operation",
        ("bitfield", "wrap_sat_fail_write_operation") => "write",
        ("blmove" | "lmove", "left_right") => "wherefrom",
        ("client|caching" | "client|pause", "yes_no" | "write_all") => "mode",
        ("client|kill", "ip:port_new-format") => "filter",
        ("client|kill", "normal_master_slave_replica_pubsub") => "normal_master_slave_pubsub",
        ("client|kill", parts) if parts.starts_with("client-id_") => "new-format",
        ("client|list", "client-id") => "id",
        ("client|no-evict", "on_off") => "enabled",
        ("client|tracking", "on_off") => "status",
        ("command|list", "module-name_category_pattern") => "filterby",
        ("flushall" | "flushdb" | "script|flush", "async_sync") => "async",
        ("hello", "protover_username_password_clientname") => "arguments",
        ("hrandfield" | "zrandmember", "count_withvalues" | "count_withscores") => "options",
        ("xgroup|create" | "xgroup|setid", "id_new_id") => "id",
        ("xpending", "min-idle-time_start_end_count_consumer") => "filters",
        ("xread" | "xreadgroup", "key_id") => "streams",
        (_, "asc_desc") => "order",
        (_, "auto_id_id") => "id_or_auto",
        (_, "before_after" | "left_right" | "min_max") => "where",
        (_, "byscore_bylex") => "sortby",
        (_, "byte_bit") => "index_unit",
        (_, "circle_box") => "by",
        (_, "count_any") => "count",
        (_, "end_index_unit") => "end_index",
        (_, "equal_approximately") => "operator",
        (_, "gt_lt") => "comparison",
        (_, "m_km_ft_mi") => "unit",
        (_, "maxlen_minid") => "strategy",
        (_, "member_longitude_latitude") => "from",
        (_, "nx_xx" | "nx_xx_gt_lt") => "condition",
        (_, "radius_unit") => "circle",
        (_, "strategy_operator_threshold_count") => "trim",
        (_, "sum_min_max") => "aggregate",
        (_, "width_height_unit") => "box",
        (_, parts) if parts.starts_with("seconds_milliseconds_unix-time-seconds") => "expiration",
        _ => parts,
    }
}

/// Whether this value alone is shown as a block of one.
pub(super) fn is_wrapped(command: &str, name: &str) -> bool {
    (command, name) == ("client|list", "client-id")
}

/// Whether a value is a pattern of keys, which the second of the command's key specifications tells about.
pub(super) fn is_key_pattern(command: &str, name: &str) -> bool {
    matches!(command, "sort" | "sort_ro") && name == "pattern"
}

/// Whether a value that repeats is shown as a block of one that does.
pub(super) fn repeats_as_block(command: &str) -> bool {
    matches!(command, "config|get" | "psubscribe")
}
