//! A parameter's value looked at before it is sent.

use lastsave_engine::config;

/// What the server would make of a value: `256mb` of `maxmemory` is `268435456`.
///
/// # Errors
/// In Redis's words, if it would be refused.
pub fn check_parameter(name: &str, value: &str) -> Result<String, String> {
    let Some(parameter) = config::parameter(name.as_bytes()) else {
        return Err("Unknown option or number of arguments".into());
    };
    let mut config = config::Config::default();
    config::set(&mut config, parameter, &[value.as_bytes()]).map_err(|refused| refused.0)?;
    Ok(config::get(&config, parameter))
}

/// What a parameter's number counts: `bytes`, `seconds`, or nothing.
pub(crate) fn unit(parameter: &config::Parameter) -> &'static str {
    const SECONDS: [&str; 8] = [
        "timeout",
        "tcp-keepalive",
        "repl-timeout",
        "repl-backlog-ttl",
        "repl-ping-replica-period",
        "repl-diskless-sync-delay",
        "min-replicas-max-lag",
        "shutdown-timeout",
    ];
    const MILLISECONDS: [&str; 3] = [
        "busy-reply-threshold",
        "lua-time-limit",
        "cluster-node-timeout",
    ];
    const MICROSECONDS: [&str; 1] = ["slowlog-log-slower-than"];
    let name = parameter.name;
    match parameter.kind {
        config::Kind::Integer(.., config::Form::Memory | config::Form::MemoryOrPercent) => "bytes",
        config::Kind::Save => "seconds changes …",
        _ if SECONDS.contains(&name) => "seconds",
        _ if MILLISECONDS.contains(&name) => "milliseconds",
        _ if MICROSECONDS.contains(&name) => "microseconds",
        _ if name.ends_with("-percentage") => "percent",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::check_parameter;

    #[test]
    fn values_are_read_as_the_server_reads_them() {
        assert_eq!(
            check_parameter("maxmemory", "256mb").as_deref(),
            Ok("268435456")
        );
        let refused = check_parameter("appendfsync", "often").unwrap_err();
        assert!(
            refused.starts_with("argument(s) must be one of"),
            "{refused}"
        );
        assert!(check_parameter("auto-aof-rewrite-percentage", "-1").is_err());
    }
}
