//! The kernel's flusher: when it wakes up, and what is durable by it.

use super::{MarkKind, START_US, World};
use crate::units::human;

impl World {
    /// Lets the flusher do what is due by `until_us`: before anything else happens at that time.
    #[inline]
    pub(super) fn flush_by(&mut self, until_us: u64) {
        if until_us >= self.flusher_at_us {
            self.wake_flusher_by(until_us);
        }
    }

    #[cold]
    fn wake_flusher_by(&mut self, until_us: u64) {
        while self.flusher_at_us <= until_us {
            if !self.disk.wants_flusher() {
                return self.set_flusher(until_us);
            }
            let at_us = self.flusher_at_us;
            self.flusher_at_us += self.profile.writeback_interval_us;
            self.wake_flusher(at_us);
        }
    }

    fn wake_flusher(&mut self, at_us: u64) {
        let written = self.disk.wake_flusher(at_us, self.profile.dirty_expire_us);
        if written.is_empty() {
            return;
        }
        self.now_us = self.now_us.max(at_us);
        self.fold(self.now_us);
        let files = self.disk.files();
        for file in written {
            self.fold(file.bytes);
            let known = files.iter().find(|known| known.inode == file.inode);
            let path = known.map_or("a file without a name", |known| &known.path);
            let text = format!("the kernel wrote back {} of {path}", human(file.bytes));
            self.timeline.mark(self.now_us, MarkKind::WriteBack, text);
        }
        if let Some(durable) = self.durable_writes().or_else(|| self.left_behind_durable()) {
            self.ledger.written_back(durable, self.now_us);
            self.timeline
                .set_exposed(self.now_us, self.ledger.exposed());
        }
    }

    /// The flusher's next wake-up is the first behind `now_us`. They come in step with the machine's start.
    pub(super) fn set_flusher(&mut self, now_us: u64) {
        self.flusher_at_us = self.wake_up_behind(now_us).unwrap_or(u64::MAX);
    }

    fn wake_up_behind(&self, at_us: u64) -> Option<u64> {
        let interval_us = self.profile.writeback_interval_us;
        let passed = (at_us - START_US).checked_div(interval_us)?;
        Some(START_US + (passed + 1) * interval_us)
    }

    /// How many writes the device holds of the log that a killed server has left behind: the page cache outlives it.
    fn left_behind_durable(&self) -> Option<usize> {
        let ended = self.ended.as_ref();
        let ended =
            ended.filter(|ended| !ended.settled && !ended.power && self.server.is_none())?;
        let log = ended.left_log.as_ref()?;
        Some(self.log_holds(log, log.written).max(self.ledger.durable()))
    }

    /// When a byte is written back that is appended at this time to a file that is only appended to; `None` if never.
    pub(super) fn written_back_at_us(&self, at_us: u64) -> Option<u64> {
        let seen_us = self
            .wake_up_behind(at_us)
            .filter(|_| !self.disk.read_only())?;
        let interval_us = self.profile.writeback_interval_us;
        let waits = self.profile.dirty_expire_us.div_ceil(interval_us);
        Some(seen_us + waits * interval_us)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Shell, WriteFate, WritesFilter, WritesRequest};

    const SERVER: &str = "redis-server --appendonly yes --appendfsync no --save \"\"";

    fn shell(lines: &[&str]) -> Shell {
        let mut shell = Shell::new(30);
        run(&mut shell, lines);
        shell
    }

    fn run(shell: &mut Shell, lines: &[&str]) {
        for line in lines {
            shell.enter(line);
            shell.run(u64::MAX);
        }
    }

    #[test]
    fn exposure_is_never_older_than_35_s_and_a_loss_not_much_younger_than_30() {
        let mut shell = shell(&[SERVER, "workload counters rate=50 keys=10"]);
        for second in 1..=120u64 {
            run(&mut shell, &["advance 1s"]);
            let (_, oldest_us) = shell.world().exposed_power();
            let oldest_s = oldest_us as f64 / 1e6;
            let least = if second < 30 {
                0.9 * second as f64
            } else {
                29.9
            };
            assert!(
                (least..=35.1).contains(&oldest_s),
                "second {second}: {oldest_s}"
            );
        }
        let (exposed, _) = shell.world().exposed_power();
        run(&mut shell, &["crash power", "workload off", SERVER]);
        let verdict = shell.world().verdict().expect("there was a crash");
        assert_eq!(verdict.lost, exposed);
        assert!(
            verdict.explanation.contains("only what is 30 s old"),
            "{}",
            verdict.explanation
        );
    }

    #[test]
    fn who_stored_a_write_and_who_would_have_is_told() {
        let mut shell = shell(&[SERVER, "SET a 1", "advance 34s", "SET b 2", "advance 3s"]);
        let why = |shell: &mut Shell, which| {
            let request = WritesRequest {
                which,
                offset: 0,
                limit: 10,
            };
            let rows = shell.view(&crate::ViewRequest {
                writes: Some(request),
                ..crate::ViewRequest::default()
            });
            let rows = rows.writes.expect("they were asked for").rows;
            rows.into_iter()
                .map(|row| (row.fate, row.why))
                .collect::<Vec<_>>()
        };
        let rows = why(&mut shell, WritesFilter::All);
        assert_eq!(rows[0].0, WriteFate::Durable);
        assert_eq!(
            rows[0].1,
            "durable: written back by the kernel at 02:30:35.000, 34.9 s after its reply"
        );
        assert_eq!(rows[1].0, WriteFate::ExposedToPower);
        run(&mut shell, &["crash power", SERVER]);
        let rows = why(&mut shell, WritesFilter::All);
        assert_eq!((rows[0].0, rows[1].0), (WriteFate::Kept, WriteFate::Lost));
        assert_eq!(
            rows[0].1,
            "kept: written back by the kernel at 02:30:35.000, 34.9 s after its reply and 2.0 s before the crash"
        );
        assert_eq!(
            rows[1].1,
            "lost: acknowledged 3.0 s before the crash, and no fsync was to come: the kernel would have written it back 27.9 s later"
        );
    }

    #[test]
    fn the_kernel_goes_on_behind_a_killed_server() {
        let mut shell = shell(&[SERVER, "SET a 1", "crash kill", "advance 20s"]);
        assert_eq!(shell.world().exposed_power().0, 1);
        run(&mut shell, &["advance 15s"]);
        assert_eq!(shell.world().exposed_power().0, 0);
        run(&mut shell, &["crash power", SERVER]);
        assert_eq!(shell.world().verdict().map(|verdict| verdict.lost), Some(0));
    }

    #[test]
    fn it_can_be_switched_off_and_costs_nothing_where_nothing_is_dirty() {
        let mut off = shell(&["machine writeback=off", SERVER, "SET a 1", "advance 47m"]);
        assert_eq!(off.world().exposed_power().0, 1);
        run(
            &mut off,
            &["crash power", "machine laptop", SERVER, "SET a 1"],
        );
        run(&mut off, &["advance 40s"]);
        assert_eq!(off.world().exposed_power().0, 0, "laptop has it on again");
        // A thousand years have six billion wake-ups.
        run(&mut off, &["crash kill", "advance 8760000h"]);
        assert!(!off.world().running());
    }
}
