//! SLOWLOG, LATENCY and ROLE.

use lastsave_keyspace::number::parse_i64;
use lastsave_keyspace::{Command, lookup, lookup_subcommand};
use lastsave_resp::{Args, Reply};

use super::help_for;
use crate::client::Client;
use crate::engine::Engine;
use crate::observe::CommandCount;

/// How many entries SLOWLOG GET returns unasked.
const SLOWLOG_GET_LEN: usize = 10;

impl Engine {
    pub(super) fn slowlog(
        &mut self,
        client: &mut Client,
        command: &'static Command,
        args: Args<'_>,
    ) {
        let log = &mut self.observed.slowlog;
        match command.name {
            "len" => client.reply.integer(log.len() as i64),
            "reset" => {
                log.clear();
                client.reply.ok();
            }
            "get" if args.len() <= 3 => self.slowlog_get(client, args),
            "get" => self.subcommand_syntax_error(client, args),
            _ => help_for("slowlog", client),
        }
    }

    fn slowlog_get(&mut self, client: &mut Client, args: Args<'_>) {
        let log = &self.observed.slowlog;
        let count = match args.get(2).map(parse_i64) {
            None => SLOWLOG_GET_LEN,
            Some(Some(-1)) => log.len(),
            Some(Some(count @ 0..)) => count as usize,
            Some(_) => {
                return self.reply_error(client, "ERR count should be greater than or equal to -1");
            }
        };
        let reply = &mut client.reply;
        reply.array(count.min(log.len()));
        for entry in log.iter().take(count) {
            reply.array(6);
            reply.integer(entry.id as i64);
            reply.integer(entry.time_s as i64);
            reply.integer(entry.duration_us as i64);
            reply.array(entry.words.len());
            for word in &entry.words {
                reply.bulk(word);
            }
            reply.bulk(entry.address.as_bytes());
            reply.bulk(entry.client_name.as_bytes());
        }
    }

    pub(super) fn latency(
        &mut self,
        client: &mut Client,
        command: &'static Command,
        args: Args<'_>,
    ) {
        let now_s = self.now_s();
        let monitor = &mut self.observed.latency;
        let reply = &mut client.reply;
        match command.name {
            "latest" => {
                reply.array(monitor.iter().len());
                for (event, series) in monitor.iter() {
                    let (second, ms) = series.samples.back().copied().unwrap_or_default();
                    reply.array(4);
                    reply.bulk(event.as_bytes());
                    for number in [second, ms, series.max_ms] {
                        reply.integer(number as i64);
                    }
                }
            }
            "history" => {
                let series = monitor.get(&args[2]).cloned().unwrap_or_default();
                reply.array(series.samples.len());
                for (second, ms) in series.samples {
                    reply.array(2);
                    reply.integer(second as i64);
                    reply.integer(ms as i64);
                }
            }
            "graph" => match monitor.get(&args[2]) {
                Some(series) => {
                    let event = String::from_utf8_lossy(&args[2]);
                    reply.verbatim("txt", series.graph(&event, now_s).as_bytes());
                }
                None => {
                    let error = [
                        b"ERR No samples available for event '".as_slice(),
                        &args[2],
                        b"'",
                    ];
                    reply.error_bytes(&error.concat());
                }
            },
            "reset" => {
                let forgotten: usize = match args.len() {
                    2 => monitor.reset(None),
                    _ => args
                        .skip(2)
                        .iter()
                        .map(|event| monitor.reset(Some(event)))
                        .sum(),
                };
                reply.integer(forgotten as i64);
            }
            "doctor" => reply.verbatim("txt", self.latency_report().as_bytes()),
            "histogram" => self.latency_histogram(reply, args),
            _ => help_for("latency", client),
        }
    }

    /// What LATENCY DOCTOR says.
    fn latency_report(&self) -> String {
        let threshold_ms = self.config.latency_monitor_threshold_ms;
        let monitor = &self.observed.latency;
        if monitor.iter().len() == 0 {
            return if threshold_ms == 0 {
                "Nothing was observed: the latency monitor is off. CONFIG SET latency-monitor-threshold <milliseconds> \
                 switches it on.\n"
                    .into()
            } else {
                format!("Nothing has taken {threshold_ms} milliseconds or longer.\n")
            };
        }
        let mut report = String::new();
        for (event, series) in monitor.iter() {
            let count = series.samples.len() as u64;
            let sum: u64 = series.samples.iter().map(|(_, ms)| ms).sum();
            let first_s = series.samples.front().map_or(0, |(second, _)| *second);
            let period_s = self.now_s().saturating_sub(first_s) / count.max(1);
            report.push_str(&format!(
                "{event}: {count} samples, {} ms on average, {} ms at most, one every {period_s} seconds. {}\n",
                sum / count.max(1),
                series.max_ms,
                advice(event)
            ));
        }
        report
    }

    fn latency_histogram(&self, reply: &mut Reply, args: Args<'_>) {
        let stats = &self.observed.commands;
        let found: Vec<(String, &CommandCount)> = if args.len() == 2 {
            stats.iter().collect()
        } else {
            args.skip(2)
                .iter()
                .flat_map(|name| self.counts_named(name))
                .collect()
        };
        let tracked: Vec<_> = found
            .iter()
            .filter_map(|(name, count)| Some((name, count.times.as_ref()?)))
            .collect();
        reply.map(tracked.len());
        for (name, times) in tracked {
            reply.bulk(name.as_bytes());
            reply.map(2);
            reply.bulk(b"calls");
            reply.integer(times.total() as i64);
            reply.bulk(b"histogram_usec");
            let levels = times.cumulative();
            reply.map(levels.len());
            for (ns, count) in levels {
                reply.integer((ns / 1000) as i64);
                reply.integer(count as i64);
            }
        }
    }

    /// The counts of `set`, of `config` with all its subcommands, or of `config|get`.
    fn counts_named(&self, name: &[u8]) -> Vec<(String, &CommandCount)> {
        let stats = &self.observed.commands;
        let mut words = name.splitn(2, |byte| *byte == b'|');
        let Some(row) = words.next().and_then(lookup) else {
            return Vec::new();
        };
        match words.next() {
            None => stats.of_container(row).collect(),
            Some(word) => lookup_subcommand(row, word)
                .and_then(|subcommand| {
                    let count = stats.of_subcommand(subcommand)?;
                    Some((format!("{}|{}", row.name, subcommand.name), count))
                })
                .into_iter()
                .collect(),
        }
    }

    /// ROLE of a server that nobody copies.
    pub(super) fn role(&self, client: &mut Client) {
        client.reply.array(3);
        client.reply.bulk(b"master");
        client.reply.integer(0);
        client.reply.array(0);
    }

    /// What a container answers to a subcommand with too many words.
    pub(super) fn subcommand_syntax_error(&mut self, client: &mut Client, args: Args<'_>) {
        let container = String::from_utf8_lossy(&args[0]).to_ascii_uppercase();
        let mut error = b"ERR unknown subcommand or wrong number of arguments for '".to_vec();
        error.extend_from_slice(&args[1][..args[1].len().min(128)]);
        error.extend_from_slice(format!("'. Try {container} HELP.").as_bytes());
        client.reply.error_bytes(&error);
    }
}

/// What may be done about an event that takes long.
fn advice(event: &str) -> &'static str {
    match event {
        "command" => "SLOWLOG GET shows which commands these were.",
        "fast-command" => {
            "Commands that do little took long: the machine may be busy or short of memory."
        }
        "expire-cycle" => {
            "Many keys expire at the same time, or large ones: spread their expiries."
        }
        "eviction-cycle" | "eviction-del" => {
            "Many keys give way to others, or large ones: raise maxmemory, or set lazyfree-lazy-eviction."
        }
        "fork" => "Snapshots take long to begin.",
        "rdb-unlink-temp-file" | "aof-rename" => "The disk takes long over the names of files.",
        _ => {
            "The disk is slow or busy: appendfsync everysec, and no-appendfsync-on-rewrite, ask less of it."
        }
    }
}
