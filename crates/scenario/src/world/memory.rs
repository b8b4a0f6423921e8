//! The machine's memory: what a fork would cost (a labelled model), and the kernel when memory runs out.

use lastsave_engine::Level;

use super::World;
use super::random::mix;
use crate::MarkKind;

/// A page of memory, in bytes.
const PAGE: u64 = 4096;

/// SIGKILL: what the kernel uses when memory runs out.
const SIGKILL: i32 = 9;

/// What a child made by fork shares with the server: a page that is written to meanwhile is copied. A write touches the
/// page of its entry and the page of its bucket, which its key decides.
#[derive(Clone, Debug)]
pub(super) struct Fork {
    /// A bit for each page that the server had.
    copied: Vec<u64>,
    pages: u64,
    copied_pages: u64,
}

impl Fork {
    /// A fork of a process with so many bytes of data.
    pub(super) fn of(data_bytes: u64) -> Self {
        let pages = data_bytes.div_ceil(PAGE).max(1);
        Self {
            copied: vec![0; pages.div_ceil(64) as usize],
            pages,
            copied_pages: 0,
        }
    }

    /// A key was written to.
    pub(super) fn touch(&mut self, key_hash: u64) {
        for word in [mix(key_hash), mix(!key_hash)] {
            let page = ((u128::from(word) * u128::from(self.pages)) >> 64) as u64;
            let bits = &mut self.copied[(page / 64) as usize];
            let bit = 1 << (page % 64);
            self.copied_pages += u64::from(*bits & bit == 0);
            *bits |= bit;
        }
    }

    /// Bytes copied so far.
    pub(super) fn extra_bytes(&self) -> u64 {
        self.copied_pages * PAGE
    }
}

impl World {
    /// How much memory the machine has, in bytes.
    pub fn memory_limit(&self) -> u64 {
        self.memory_limit
    }

    /// Bytes of the running server's data.
    pub(super) fn data_bytes(&self) -> u64 {
        let server = self.server.as_ref();
        server.map_or(0, |server| server.engine.data_bytes())
    }

    /// What the save or rewrite that runs would have copied by now.
    pub(super) fn fork_extra_bytes(&self) -> u64 {
        let fork = self.server.as_ref().and_then(|server| server.fork.as_ref());
        fork.map_or(0, Fork::extra_bytes)
    }

    /// A child is started: what fork costs is noted, and charged where the machine's profile says so.
    pub(super) fn begin_fork(&mut self) {
        let data_bytes = self.data_bytes();
        let stall_us = self.profile.fork_us(data_bytes);
        self.meter.fork_stall_us = self.meter.fork_stall_us.max(stall_us);
        if self.profile.charges_fork {
            self.now_us += stall_us;
        }
        if let Some(server) = &mut self.server {
            server.fork = Some(Fork::of(data_bytes));
        }
    }

    /// The child has ended.
    pub(super) fn end_fork(&mut self) {
        let extra_bytes = self.fork_extra_bytes();
        self.meter.peak_extra_bytes = self.meter.peak_extra_bytes.max(extra_bytes);
        if let Some(server) = &mut self.server {
            server.fork = None;
        }
    }

    /// Notes how much memory is in use; when it is more than there is, the kernel kills: the child first, then the server.
    pub(super) fn watch_memory(&mut self) {
        let data_bytes = self.data_bytes();
        self.meter.peak_memory_bytes = self.meter.peak_memory_bytes.max(data_bytes);
        if data_bytes + self.fork_extra_bytes() <= self.memory_limit {
            return;
        }
        if let Some(pid) = self.child_pid() {
            self.tell_killed(pid, self.fork_extra_bytes());
            self.kill_child(SIGKILL);
            // Without the child nothing is copied any more.
            self.end_fork();
        }
        if self.data_bytes() > self.memory_limit
            && let Some(pid) = self.pid()
        {
            self.tell_killed(pid, self.data_bytes());
            let cause = "the kernel's OOM killer";
            self.timeline
                .mark(self.now_us, MarkKind::Kill, cause.to_owned());
            self.end_server(cause, false);
        }
    }

    /// The kernel's line, as dmesg shows it.
    fn tell_killed(&mut self, pid: u32, rss_bytes: u64) {
        let up_us = self.now_us - super::START_US;
        let rss_kb = rss_bytes / 1024;
        let line = format!(
            "[{:5}.{:06}] Out of memory: Killed process {pid} (redis-server) total-vm:{}kB, anon-rss:{rss_kb}kB, file-rss:0kB, shmem-rss:0kB, UID:999 pgtables:{}kB oom_score_adj:0",
            up_us / 1_000_000,
            up_us % 1_000_000,
            self.data_bytes() / 1024 + 65_536,
            rss_kb / 512 + 4,
        );
        self.kernel_log.push(line.clone());
        self.log_raw(Level::Warning, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fork_copies_a_page_once_and_never_more_than_there_are() {
        let mut fork = Fork::of(10 * PAGE);
        fork.touch(1);
        let once = fork.extra_bytes();
        assert!((PAGE..=2 * PAGE).contains(&once));
        fork.touch(1);
        assert_eq!(fork.extra_bytes(), once);
        for key in 0..1_000 {
            fork.touch(key);
        }
        assert_eq!(fork.extra_bytes(), 10 * PAGE);
    }
}
