//! The field names in `testdata` are those of redis-server 7.0.15, the append-only file on.

use super::*;

const FIELDS: &str = include_str!("testdata/fields.txt");

fn titles(words: &[&str]) -> Vec<String> {
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    let text = info(&words, &InfoFacts::default());
    let titles = text.lines().filter_map(|line| line.strip_prefix("# "));
    titles.map(str::to_owned).collect()
}

#[test]
fn the_fields_are_redis_s_in_its_order() {
    let mut facts = InfoFacts::default();
    facts.persistence.aof_enabled = true;
    let keys = DatabaseFacts {
        keys: 1,
        ..DatabaseFacts::default()
    };
    facts.databases.insert(0, keys);
    let text = info(&[b"everything"], &facts);
    let names: Vec<&str> = text
        .split("\r\n")
        .map(|line| line.split(':').next().unwrap_or_default())
        .collect();
    assert_eq!(names.join("\n"), FIELDS);
}

#[test]
fn sections_are_chosen_by_name() {
    let all = titles(&["all"]);
    assert_eq!(all.len(), 13);
    assert_eq!(titles(&["Everything"]), all);
    let mut default = all;
    default.retain(|title| title != "Commandstats" && title != "Latencystats");
    assert_eq!(titles(&[]), default);
    assert_eq!(titles(&["DEFAULT"]), default);
    assert_eq!(titles(&["keyspace", "CPU", "cpu"]), ["CPU", "Keyspace"]);
    assert_eq!(titles(&["commandstats", "default"]).len(), 12);
    assert_eq!(info(&[b"nothing"], &InfoFacts::default()), "");
}

#[test]
fn persistence_shows_what_there_is() {
    let mut facts = InfoFacts::default();
    assert!(!info(&[b"persistence"], &facts).contains("aof_current_size"));
    facts.server.now_us = 110_000_000;
    facts.persistence = PersistenceFacts {
        loading: Some(LoadingFacts {
            start_time_s: 100,
            total_bytes: 1000,
            rdb_used_mem: 7,
            loaded_bytes: 249,
        }),
        current_save_keys_processed: 1,
        current_save_keys_total: 3,
        bgsave_running_s: Some(2),
        last_bgsave_ok: false,
        ..PersistenceFacts::default()
    };
    let text = info(&[b"persistence"], &facts);
    for line in [
        "loading:1",
        "current_fork_perc:33.33",
        "rdb_bgsave_in_progress:1",
        "rdb_last_bgsave_status:err",
        "rdb_last_bgsave_time_sec:-1",
        "rdb_current_bgsave_time_sec:2",
        "aof_last_write_status:ok",
        "loading_start_time:100",
        "loading_loaded_perc:24.90",
        "loading_eta_seconds:30",
    ] {
        assert!(text.contains(&format!("{line}\r\n")), "{line}");
    }
    assert!(!text.contains("aof_current_size"));
}

#[test]
fn statistics_are_printed_as_redis_prints_them() {
    let mut facts = InfoFacts {
        latency_percentiles: "50 99.9".into(),
        ..InfoFacts::default()
    };
    let command = CommandFacts {
        calls: 3,
        usec: 10,
        rejected_calls: 1,
        failed_calls: 2,
        latency_us: vec![1.007, 168.959],
    };
    facts.commands.insert("config|get".into(), command);
    facts.commands.insert("get".into(), CommandFacts::default());
    facts.errors.insert("A:B".into(), 4);
    facts.cpu.user_us = 1_009_982;
    facts.memory.used = 941_192;
    assert_eq!(
        info(&[b"commandstats", b"errorstats", b"latencystats"], &facts),
        "# Commandstats\r\n\
         cmdstat_config|get:calls=3,usec=10,usec_per_call=3.33,rejected_calls=1,failed_calls=2\r\n\
         \r\n# Errorstats\r\nerrorstat_A_B:count=4\r\n\
         \r\n# Latencystats\r\nlatency_percentiles_usec_config|get:p50=1.007,p99.9=168.959\r\n"
    );
    assert!(info(&[b"cpu"], &facts).contains("used_cpu_user:1.009982\r\n"));
    assert!(info(&[b"memory"], &facts).contains("used_memory_human:919.13K\r\n"));
}

#[test]
fn sizes_for_humans() {
    for (bytes, text) in [
        (0, "0B"),
        (1023, "1023B"),
        (1024, "1.00K"),
        (12_115_968, "11.55M"),
        (25_276_502_016, "23.54G"),
        (1 << 40, "1.00T"),
        (1 << 50, "1.00P"),
        (u64::MAX, "18446744073709551615B"),
    ] {
        assert_eq!(human(bytes), text);
    }
}
