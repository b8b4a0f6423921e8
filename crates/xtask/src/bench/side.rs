//! One of the two servers, as a process.

use std::fs;
use std::net::TcpListener;
use std::ops::Sub;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::client;
use crate::util::{Result, at};

/// A server is given this long to load and answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running server, killed when dropped.
pub(super) struct Side {
    child: Child,
    port: u16,
    /// How long it took from its start until it answered PING, with what it had to load.
    started_in: Duration,
    /// Its own directory, if it has one.
    _folder: Option<Folder>,
}

/// A directory that is removed when dropped.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// A new one.
    pub(super) fn new() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("lastsave-bench-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).map_err(at(&dir))?;
        Ok(Self(dir))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Processor time that a process has used.
#[derive(Clone, Copy)]
pub(super) struct Usage {
    ticks: u64,
}

impl Usage {
    /// In microseconds.
    pub(super) fn cpu_us(self) -> f64 {
        /// Ticks per second in /proc on every Linux of today.
        const HZ: f64 = 100.0;
        self.ticks as f64 / HZ * 1e6
    }
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            ticks: self.ticks - earlier.ticks,
        }
    }
}

impl Side {
    /// Starts a server in a new directory.
    pub(super) fn start(program: &Path, settings: &[&str]) -> Result<Self> {
        let folder = Folder::new()?;
        let mut side = Self::start_in(program, folder.path(), settings)?;
        side._folder = Some(folder);
        Ok(side)
    }

    /// Starts a server in a directory and waits until it answers.
    pub(super) fn start_in(program: &Path, dir: &Path, settings: &[&str]) -> Result<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0))
            .and_then(|listener| listener.local_addr())
            .map_err(|error| format!("no free port: {error}"))?
            .port();
        let log = fs::File::create(dir.join("log")).map_err(at(dir))?;
        let started = Instant::now();
        let child = Command::new(program)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(settings)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(log)
            .spawn()
            .map_err(at(program))?;
        let mut side = Self {
            child,
            port,
            started_in: Duration::ZERO,
            _folder: None,
        };
        while !client::answers(port) {
            if started.elapsed() > PATIENCE {
                return Err(format!("{} does not answer", program.display()));
            }
            thread::sleep(Duration::from_millis(5));
        }
        side.started_in = started.elapsed();
        Ok(side)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// User and system time of all threads, and of children that have ended.
    pub(super) fn usage(&self) -> Usage {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = fs::read_to_string(path).unwrap_or_default();
        // Fields 14 to 17; the second, in parentheses, may hold spaces.
        let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let ticks = fields
            .split(' ')
            .skip(14 - 3)
            .take(4)
            .filter_map(|field| field.parse::<u64>().ok())
            .sum();
        Usage { ticks }
    }

    /// Memory that the process occupies.
    pub(super) fn rss_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(path).unwrap_or_default();
        let kibibytes = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kibibytes.unwrap_or(0) * 1024
    }

    /// Memory that the process and its children occupy, where what they share counts once: in MiB.
    pub(super) fn family_mib(&self) -> f64 {
        let pid = self.child.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        let family = children.split(' ').filter_map(|child| child.parse().ok());
        let kibibytes: u64 = family.chain([pid]).map(proportional_kib).sum();
        kibibytes as f64 / 1024.0
    }

    /// How long it took to load and answer, in seconds.
    pub(super) fn started_in_s(&self) -> f64 {
        self.started_in.as_secs_f64()
    }
}

/// Memory of a process, in KiB: of what several share, its share. 0 if it is gone.
fn proportional_kib(pid: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse().ok())
        .unwrap_or(0)
}

impl Drop for Side {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
