//! How long the loop waits, and for what.

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};

use super::{Reactor, SIGNAL, WAKE};
use crate::process;

impl Reactor {
    /// Waits until there is something to do.
    pub(super) fn wait_for_all(
        &self,
        events: &mut Vec<epoll::Event>,
        wait_us: u64,
    ) -> rustix::io::Result<()> {
        let mut timeout = timespec(wait_us);
        if (1..1000).contains(&wait_us) {
            // epoll_wait counts in milliseconds.
            poll(
                &mut [PollFd::new(&self.epoll, PollFlags::IN)],
                Some(&timeout),
            )?;
            timeout = timespec(0);
        }
        epoll::wait(&self.epoll, spare_capacity(events), Some(&timeout)).map(|_| ())
    }

    /// Waits until a thread or a signal has something to say, and for nothing else.
    pub(super) fn wait_for_workers(
        &self,
        events: &mut Vec<epoll::Event>,
        wait_us: u64,
    ) -> rustix::io::Result<()> {
        let mut fds = [
            PollFd::new(self.workers.wake(), PollFlags::IN),
            PollFd::new(self.signals.wake(), PollFlags::IN),
        ];
        poll(&mut fds, Some(&timespec(wait_us)))?;
        for (fd, token) in fds.iter().zip([WAKE, SIGNAL]) {
            if !fd.revents().is_empty() {
                let data = epoll::EventData::new_u64(token);
                let flags = epoll::EventFlags::IN;
                events.push(epoll::Event { flags, data });
            }
        }
        Ok(())
    }

    /// How long to wait at most, until the engine has something to do by itself.
    pub(super) fn wait_us(&self) -> u64 {
        let now_us = process::now_us();
        let due_us = self.due_us().unwrap_or(now_us);
        due_us.saturating_sub(now_us)
    }

    /// When the engine has something to do by itself, at the earliest.
    pub(super) fn due_us(&self) -> Option<u64> {
        let due_us = self.engine.next_timeout()?;
        Some(if self.engine.is_walking() {
            due_us.max(self.next_walk_us)
        } else {
            due_us
        })
    }
}

fn timespec(us: u64) -> Timespec {
    Timespec {
        tv_sec: (us / 1_000_000) as i64,
        tv_nsec: (us % 1_000_000 * 1000) as i64,
    }
}
