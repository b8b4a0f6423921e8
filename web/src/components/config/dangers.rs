//! Configurations that take more than they seem to: short, and with what happens.

/// What is dangerous about these values, by a parameter's name.
pub(crate) fn of_values<'a>(value: impl Fn(&str) -> Option<&'a str>) -> Vec<&'static str> {
    let is = |name: &str, wanted: &str| value(name) == Some(wanted);
    let log = is("appendonly", "yes");
    let saves = value("save").is_some_and(|points| !matches!(points, "" | "\"\""));
    let rules = [
        (
            !log && !saves,
            "Neither save points nor a log: a crash of any kind takes everything, and a restart begins empty.",
        ),
        (
            is("stop-writes-on-bgsave-error", "no") && saves,
            "stop-writes-on-bgsave-error no: when saves fail, writes go on and nobody is told. A crash then takes all since the last save that succeeded.",
        ),
        (
            is("no-appendfsync-on-rewrite", "yes") && log,
            "no-appendfsync-on-rewrite yes: while a save or a rewrite runs, nothing is synced. A power loss then takes all since it began, whatever appendfsync says.",
        ),
        (
            is("appendfsync", "no") && log,
            "appendfsync no: nobody syncs. The kernel stores what was written over 30 s ago, looking every 5 s; a power loss takes what came since.",
        ),
        (
            is("auto-aof-rewrite-percentage", "0") && log,
            "auto-aof-rewrite-percentage 0: the log grows until the disk is full, and recovery replays all of it.",
        ),
        (
            is("rdbchecksum", "no") && saves,
            "rdbchecksum no: a snapshot with flipped bits is loaded as if it were right.",
        ),
        (
            is("aof-load-truncated", "no") && log,
            "aof-load-truncated no: after a power loss the log often ends in the middle of a command, and the server then refuses to start.",
        ),
    ];
    rules
        .into_iter()
        .filter_map(|(holds, danger)| holds.then_some(danger))
        .collect()
}

/// What is dangerous about a configuration file on a disk with these files.
pub(crate) fn in_file(text: &str, files: &[String]) -> Vec<&'static str> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    let written = |name: &str| {
        let lines = text.lines().rev().map(str::trim);
        lines
            .filter_map(|line| line.split_once(char::is_whitespace))
            .find(|(word, _)| word.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    };
    let mut dangers = of_values(|name| {
        let default = match name {
            "save" => Some("3600 1 300 100 60 10000"),
            _ => None,
        };
        written(name).or(default)
    });
    let has = |end: &str| files.iter().any(|path| path.ends_with(end));
    if written("appendonly") == Some("yes") && has(".rdb") && !has(".manifest") {
        dangers.push(
            "There is a snapshot on the disk and no log. Redis 7.0 starts empty on it with appendonly yes in the file, and the next save overwrites it (here only with redis-faithful yes). CONFIG SET appendonly yes on the running server keeps the data.",
        );
    }
    dangers
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn a_snapshot_is_not_read_once_the_file_says_appendonly() {
        let on = "appendonly yes\n";
        assert!(in_file(on, &[]).is_empty());
        assert_eq!(in_file(on, &["dump.rdb".into()]).len(), 1);
        let both = [
            "dump.rdb".into(),
            "appendonlydir/appendonly.aof.manifest".into(),
        ];
        assert!(in_file(on, &both).is_empty());
    }

    #[test]
    fn dangerous_values_are_named() {
        assert!(in_file("save 60 1000\n", &[]).is_empty());
        assert!(in_file("save \"\"\n", &[])[0].starts_with("Neither"));
        let silent = in_file("save 60 1\nstop-writes-on-bgsave-error no\n", &[]);
        assert!(silent[0].starts_with("stop-writes"));
    }
}
