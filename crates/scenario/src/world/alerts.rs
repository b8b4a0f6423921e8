//! The alerts that a person running Redis would want: a rule, a threshold, the INFO field it reads, and since when it
//! fires. They are looked at once in every second of simulated time; looking changes nothing.

use lastsave_engine::config::FsyncPolicy;
use lastsave_engine::{AofStatus, Engine, Status};

use super::World;
use crate::AlertView;
use crate::units::{about, human, thousands};

/// How often the rules are looked at, in microseconds of simulated time.
const EVERY_US: u64 = 1_000_000;
/// The log may be so many times as large as its base.
const MAX_GROWTH: u64 = 3;
/// The part of a limit, in percent, from which on it is near.
const NEAR_PERCENT: u64 = 90;
/// The age of the oldest write that is not durable, in microseconds: with a log that is synced, and with snapshots only.
const MAX_AGE_LOG_US: u64 = 2_000_000;
const MAX_AGE_SNAPSHOT_US: u64 = 300_000_000;
/// The time a sync may take, in microseconds.
const MAX_SYNC_US: u64 = 2_000_000;
/// A late sync is news for so long, in microseconds.
const LATE_NEWS_US: u64 = 60_000_000;

/// A rule: what it is called, what it reads, when it fires, and what to do then.
struct Rule {
    name: &'static str,
    field: &'static str,
    threshold: &'static str,
    advice: &'static str,
    /// The present value and whether it fires; `None` where the rule does not apply.
    read: fn(&World, &Engine, &Status) -> Option<(String, bool)>,
}

const RULES: [Rule; 8] = [
    Rule {
        name: "Saves fail",
        field: "rdb_last_bgsave_status",
        threshold: "is err",
        advice: "The server’s log says why (type log). Writes are refused until a save succeeds, unless stop-writes-on-bgsave-error is no: then they go on, and only memory has them.",
        read: |_, _, status| Some(outcome(status.last_bgsave_ok)),
    },
    Rule {
        name: "AOF cannot be written",
        field: "aof_last_write_status",
        threshold: "is err",
        advice: "Make room on the disk or mend it; writes are refused until then.",
        read: |_, _, status| Some(outcome(status.aof.as_ref()?.last_write_ok)),
    },
    Rule {
        name: "Rewrites fail",
        field: "aof_last_bgrewrite_status",
        threshold: "is err",
        advice: "The append-only file goes on growing until one succeeds: BGREWRITEAOF tries at once.",
        read: |_, _, status| status.aof.as_ref().map(|_| outcome(status.last_rewrite_ok)),
    },
    Rule {
        name: "AOF has outgrown its base",
        field: "aof_current_size / aof_base_size",
        threshold: "over 3 ×, and over auto-aof-rewrite-min-size",
        advice: "A rewrite should have come: look at auto-aof-rewrite-percentage and at failed rewrites. Recovery replays all of it.",
        read: growth,
    },
    Rule {
        name: "fsync is late",
        field: "aof_pending_bio_fsync, aof_delayed_fsync",
        threshold: "pending for over 2 s within the last minute",
        advice: "The disk takes long to sync: everysec then loses more than a second, and writes wait.",
        read: |world, _, status| {
            let log = status.aof.as_ref()?;
            let value = format!(
                "{} pending, {} delayed",
                u8::from(log.sync_running),
                thousands(log.delayed_fsyncs)
            );
            let news = world.alerts.late_at_us;
            let firing = news.is_some_and(|at_us| world.now_us - at_us < LATE_NEWS_US);
            Some((value, firing))
        },
    },
    Rule {
        name: "Nothing durable for long",
        field: "rdb_last_save_time, rdb_changes_since_last_save",
        threshold: "oldest write over 2 s with a synced AOF, over 5 min without",
        advice: "A power loss would take all of these writes. Save, or switch the append-only file on with CONFIG SET appendonly yes.",
        read: |world, engine, status| {
            let config = engine.config();
            let synced = config.appendfsync != FsyncPolicy::No;
            let logged = status.aof.as_ref().is_some_and(|aof| aof.on);
            let most_us = if logged && synced {
                MAX_AGE_LOG_US
            } else {
                MAX_AGE_SNAPSHOT_US
            };
            let (writes, oldest_us) = world.exposed_power();
            let value = match writes {
                0 => "all writes durable".to_owned(),
                _ => format!("{} old", about(oldest_us)),
            };
            Some((value, writes > 0 && oldest_us > most_us))
        },
    },
    Rule {
        name: "Memory near its limit",
        field: "used_memory / maxmemory or the machine's",
        threshold: "over 90 %",
        advice: "Past maxmemory keys are evicted or writes refused; past the machine's memory, which a fork may double, the kernel kills.",
        read: |world, engine, status| {
            let limit = match engine.config().maxmemory_bytes {
                0 => world.memory_limit(),
                limit => limit.min(world.memory_limit()),
            };
            Some(near(status.used_memory, limit))
        },
    },
    Rule {
        name: "Disk nearly full",
        field: "df: not in INFO",
        threshold: "over 90 %",
        advice: "A rewrite or a save needs room for a second copy; a full disk fails both, and then the append-only file.",
        read: |world, _, _| Some(near(world.disk.used_bytes(), world.disk.capacity()?)),
    },
];

fn outcome(ok: bool) -> (String, bool) {
    (if ok { "ok" } else { "err" }.to_owned(), !ok)
}

fn near(used: u64, limit: u64) -> (String, bool) {
    let percent = used.saturating_mul(100) / limit.max(1);
    let value = format!("{percent} % of {}", human(limit));
    (value, percent > NEAR_PERCENT)
}

fn growth(_: &World, engine: &Engine, status: &Status) -> Option<(String, bool)> {
    let AofStatus {
        current_size,
        base_size,
        ..
    } = *status.aof.as_ref()?;
    let tenths = current_size.saturating_mul(10) / base_size.max(1);
    let value = format!("{} over {}", human(current_size), human(base_size));
    let large = current_size > engine.config().auto_aof_rewrite_min_size_bytes;
    Some((value, large && tenths > MAX_GROWTH * 10))
}

/// Since when each rule fires.
#[derive(Clone, Debug, Default)]
pub(super) struct Alerts {
    since_us: [Option<u64>; RULES.len()],
    due_us: u64,
    /// The delayed syncs counted so far, and when one was late.
    delayed: u64,
    late_at_us: Option<u64>,
}

impl World {
    /// Looks at the rules if it is time to.
    #[inline]
    pub(super) fn watch_alerts(&mut self) {
        if self.now_us >= self.alerts.due_us {
            self.read_alerts();
        }
    }

    #[cold]
    fn read_alerts(&mut self) {
        self.alerts.due_us = self.now_us + EVERY_US;
        let log = self.engine().and_then(|engine| engine.status().aof);
        let late = log.is_some_and(|log| {
            let synced_at_us = log.last_sync_us.unwrap_or(self.now_us);
            let waits = log.sync_running && self.now_us - synced_at_us > MAX_SYNC_US;
            let delayed = log.delayed_fsyncs > self.alerts.delayed;
            self.alerts.delayed = log.delayed_fsyncs;
            waits || delayed
        });
        if late {
            self.alerts.late_at_us = Some(self.now_us);
        }
        let firing = self
            .readings()
            .map(|reading| reading.is_some_and(|(_, firing)| firing));
        for (since_us, firing) in self.alerts.since_us.iter_mut().zip(firing) {
            *since_us = firing.then(|| since_us.unwrap_or(self.now_us));
        }
    }

    fn readings(&self) -> [Option<(String, bool)>; RULES.len()] {
        let Some(engine) = self.engine() else {
            return std::array::from_fn(|_| None);
        };
        let status = engine.status();
        std::array::from_fn(|rule| (RULES[rule].read)(self, engine, &status))
    }

    /// The alerts as they are now.
    pub(super) fn alerts_view(&self) -> Vec<AlertView> {
        let readings = RULES.iter().zip(self.readings());
        let rows = readings.zip(self.alerts.since_us);
        rows.map(|((rule, reading), since_us)| {
            let (value, firing) = reading.unzip();
            let firing = firing.unwrap_or(false);
            AlertView {
                name: rule.name.into(),
                field: rule.field.into(),
                threshold: rule.threshold.into(),
                advice: rule.advice.into(),
                value,
                since_us: firing.then(|| since_us.unwrap_or(self.now_us)),
            }
        })
        .collect()
    }

    /// How many alerts fire.
    pub(super) fn firing(&self) -> u64 {
        let readings = self.readings();
        readings
            .iter()
            .flatten()
            .filter(|(_, firing)| *firing)
            .count() as u64
    }
}

#[cfg(test)]
mod tests {
    use crate::{Progress, Shell, ViewRequest};

    fn firing(lines: &[&str]) -> Vec<(String, u64)> {
        let mut shell = Shell::new(1);
        for line in lines {
            shell.enter(line);
            while shell.run(100_000) != Progress::Idle {}
        }
        let view = shell.view(&ViewRequest {
            alerts: true,
            ..ViewRequest::default()
        });
        assert_eq!(
            view.firing as usize,
            view.alerts.iter().filter(|a| a.since_us.is_some()).count()
        );
        let now_us = view.clock.now_us;
        let alerts = view.alerts.into_iter();
        alerts
            .filter_map(|alert| Some((alert.name, (now_us - alert.since_us?) / 1_000_000)))
            .collect()
    }

    #[test]
    fn a_failed_save_fires_until_one_succeeds() {
        let begin = ["redis-server", "SET a 1", "fault bgsave fail", "BGSAVE"];
        let failed = [&begin[..], &["advance 5s"]].concat();
        let (name, since_s) = &firing(&failed)[0];
        assert_eq!(name, "Saves fail");
        assert!((3..=5).contains(since_s), "{since_s}");
        let mended = [&failed[..], &["fault bgsave ok", "BGSAVE", "advance 2s"]].concat();
        assert_eq!(firing(&mended), []);
    }

    #[test]
    fn a_slow_sync_and_a_full_disk_fire() {
        let slow = [
            "redis-server --appendonly yes",
            "workload sessions rate=100 keys=100",
            "fault fsync slow 5s",
            "advance 20s",
        ];
        let names: Vec<_> = firing(&slow).into_iter().map(|(name, _)| name).collect();
        assert!(names.contains(&"fsync is late".to_owned()), "{names:?}");
        assert!(
            names.contains(&"Nothing durable for long".to_owned()),
            "{names:?}"
        );
        let full = [
            "redis-server --appendonly yes",
            "SET a 1",
            "advance 2s",
            "fault disk full",
            "advance 2s",
        ];
        assert_eq!(firing(&full)[0].0, "Disk nearly full");
        assert_eq!(
            firing(&["redis-server --save ''", "SET a 1", "advance 10m"])[0].0,
            "Nothing durable for long"
        );
    }
}
