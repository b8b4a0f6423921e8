//! MEMORY: what memory is used for.

use lastsave_keyspace::Command;
use lastsave_keyspace::number::parse_i64;
use lastsave_resp::Args;

use super::{SYNTAX_ERROR, help_for};
use crate::client::Client;
use crate::engine::Engine;
use crate::facts::table_bytes;

/// A server that uses less than this is not worth advice.
const SMALL: u64 = 5 << 20;

impl Engine {
    pub(super) fn memory(
        &mut self,
        client: &mut Client,
        command: &'static Command,
        args: Args<'_>,
    ) {
        match command.name {
            "usage" => self.memory_usage(client, args),
            "stats" => self.memory_stats(client),
            "doctor" => {
                let report = self.memory_report();
                client.reply.verbatim("txt", report.as_bytes());
            }
            "malloc-stats" => {
                client
                    .reply
                    .bulk(b"Stats not supported for the current allocator");
            }
            // The allocator returns unused memory by itself.
            "purge" => client.reply.ok(),
            _ => help_for("memory", client),
        }
    }

    /// The size is known: the number of samples is read and not needed.
    fn memory_usage(&mut self, client: &mut Client, args: Args<'_>) {
        let mut options = args.skip(3).iter();
        while let Some(option) = options.next() {
            match options.next().map(parse_i64) {
                Some(Some(0..)) if option.eq_ignore_ascii_case(b"SAMPLES") => {}
                Some(None) if option.eq_ignore_ascii_case(b"SAMPLES") => {
                    return self.reply_error(client, "ERR value is not an integer or out of range");
                }
                _ => return self.reply_error(client, SYNTAX_ERROR),
            }
        }
        match self.keyspace.databases[client.db].keys.get(&args[2]) {
            Some(entry) => {
                let bytes = entry.memory_bytes() as u64 + table_bytes(1);
                client.reply.integer(bytes as i64);
            }
            None => client.reply.null(),
        }
    }

    fn memory_stats(&mut self, client: &mut Client) {
        let facts = self.memory_facts();
        let databases: Vec<(usize, u64)> = self
            .keyspace
            .databases
            .iter()
            .enumerate()
            .filter(|(_, database)| !database.keys.is_empty())
            .map(|(number, database)| (number, table_bytes(database.keys.len())))
            .collect();
        let keys = self.keyspace.len() as u64;
        let used = facts.used;
        let dataset = used.saturating_sub(facts.overhead);
        let growth = used.saturating_sub(facts.startup);
        let ratio = |of: u64, to: u64| of as f64 / to.max(1) as f64;
        let excess = |of: u64, to: u64| of as i64 - to as i64;
        let (allocated, active, resident) = (
            facts.allocator_allocated,
            facts.allocator_active,
            facts.allocator_resident,
        );

        let reply = &mut client.reply;
        reply.map(27 + databases.len());
        for (name, bytes) in [
            ("peak.allocated", facts.peak),
            ("total.allocated", used),
            ("startup.allocated", facts.startup),
            ("replication.backlog", 0),
            ("clients.slaves", 0),
            ("clients.normal", facts.clients),
            ("cluster.links", 0),
            ("aof.buffer", facts.aof_buffer),
            ("lua.caches", 0),
            ("functions.caches", 0),
        ] {
            reply.bulk(name.as_bytes());
            reply.integer(bytes as i64);
        }
        for (number, table_bytes) in databases {
            reply.bulk(format!("db.{number}").as_bytes());
            reply.map(3);
            for (name, bytes) in [("main", table_bytes), ("expires", 0), ("slot-to-keys", 0)] {
                reply.bulk(format!("overhead.hashtable.{name}").as_bytes());
                reply.integer(bytes as i64);
            }
        }
        for (name, number) in [
            ("overhead.total", facts.overhead),
            ("keys.count", keys),
            ("keys.bytes-per-key", growth / keys.max(1)),
            ("dataset.bytes", dataset),
        ] {
            reply.bulk(name.as_bytes());
            reply.integer(number as i64);
        }
        let mut double = |name: &str, value: f64| {
            reply.bulk(name.as_bytes());
            reply.double(&value.to_string());
        };
        double("dataset.percentage", 100.0 * ratio(dataset, growth));
        double("peak.percentage", 100.0 * ratio(used, facts.peak));
        for (name, bytes) in [
            ("allocator.allocated", allocated),
            ("allocator.active", active),
            ("allocator.resident", resident),
        ] {
            reply.bulk(name.as_bytes());
            reply.integer(bytes as i64);
        }
        for (ratio_name, bytes_name, of, to) in [
            (
                "allocator-fragmentation.ratio",
                "allocator-fragmentation.bytes",
                active,
                allocated,
            ),
            (
                "allocator-rss.ratio",
                "allocator-rss.bytes",
                resident,
                active,
            ),
            (
                "rss-overhead.ratio",
                "rss-overhead.bytes",
                facts.rss,
                resident,
            ),
            ("fragmentation", "fragmentation.bytes", facts.rss, used),
        ] {
            reply.bulk(ratio_name.as_bytes());
            reply.double(&ratio(of, to).to_string());
            reply.bulk(bytes_name.as_bytes());
            reply.integer(excess(of, to));
        }
    }

    /// What MEMORY DOCTOR says.
    fn memory_report(&self) -> String {
        let facts = self.memory_facts();
        if facts.used < SMALL {
            return "The server is empty or nearly so: there is nothing to say about its memory yet.\n".into();
        }
        let mut findings = Vec::new();
        if facts.peak > facts.used + facts.used / 2 {
            findings.push(format!(
                "At its peak the server used {} bytes, much more than now. The process may keep memory that it once needed.",
                facts.peak
            ));
        }
        if facts.rss > facts.used / 5 * 7 {
            findings.push(format!(
                "The process occupies {} bytes for {} in use: memory is fragmented, or was needed before.",
                facts.rss, facts.used
            ));
        }
        let clients = self.clients.len() as u64;
        if facts.clients / clients.max(1) > 200 << 10 {
            findings.push(
                "Clients hold more than 200 kilobytes each on average: some do not read their replies, or send large requests."
                    .into(),
            );
        }
        if findings.is_empty() {
            return "Nothing is wrong with the memory of this server.\n".into();
        }
        findings.push(String::new());
        findings.join("\n")
    }
}
