//! What the process is and uses: time, memory, pid file, descriptors, the background.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use lastsave_engine::ProcessFacts;
use rustix::process::{Resource, Rlimit};

/// The system's clock, microseconds since the epoch.
pub(crate) fn now_us() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1000
}

/// Microseconds since some moment, by a clock that nobody sets.
pub(crate) fn monotonic_us() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1000
}

/// The system's clock, which may be set back, read once for all that happens at the same time.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    last_us: u64,
}

impl Clock {
    pub(crate) fn read(&mut self) -> u64 {
        self.last_us = now_us();
        self.last_us
    }

    /// What was read last.
    pub(crate) fn last_us(&self) -> u64 {
        self.last_us
    }
}

/// Random bytes of the system.
pub(crate) fn random<const LEN: usize>() -> [u8; LEN] {
    use std::io::Read;
    let mut bytes = [0; LEN];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .expect("the system has random numbers");
    bytes
}

/// The system's name, release and machine, as INFO shows them.
pub(crate) fn os() -> String {
    let name = rustix::system::uname();
    let [system, release, machine] =
        [name.sysname(), name.release(), name.machine()].map(|text| text.to_string_lossy());
    format!("{system} {release} {machine}")
}

/// What the process uses now; zeros for what /proc does not tell.
pub(crate) fn facts() -> ProcessFacts {
    let page_len = rustix::param::page_size() as u64;
    let tick_us = 1_000_000 / rustix::param::clock_ticks_per_second().max(1);
    let (process, thread) = (
        Stat::read("/proc/self/stat"),
        Stat::read("/proc/thread-self/stat"),
    );
    ProcessFacts {
        rss_bytes: process.field(24) * page_len,
        total_memory_bytes: total_memory_bytes(),
        cpu_user_us: process.field(14) * tick_us,
        cpu_sys_us: process.field(15) * tick_us,
        main_thread_user_us: thread.field(14) * tick_us,
        main_thread_sys_us: thread.field(15) * tick_us,
    }
}

/// What proc(5) tells of a process or a thread, from the third field on.
struct Stat(Vec<u64>);

impl Stat {
    fn read(path: &str) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        // The second field, in parentheses, is the only one that may hold spaces.
        let rest = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
        Self(
            rest.split(' ')
                .map(|word| word.trim().parse().unwrap_or(0))
                .collect(),
        )
    }

    /// A field by its number in the manual, which is at least 3; 0 if there is none.
    fn field(&self, number: usize) -> u64 {
        self.0.get(number - 3).copied().unwrap_or(0)
    }
}

fn total_memory_bytes() -> u64 {
    let info = rustix::system::sysinfo();
    info.totalram * u64::from(info.mem_unit)
}

/// How readily the kernel ends this process when memory is short.
pub(crate) fn oom_score_adj() -> std::io::Result<i32> {
    let text = std::fs::read_to_string("/proc/self/oom_score_adj")?;
    Ok(text.trim().parse().unwrap_or(0))
}

/// Tells the kernel how readily to end this process.
pub(crate) fn set_oom_score_adj(score: i32) -> std::io::Result<()> {
    std::fs::write("/proc/self/oom_score_adj", score.to_string())
}

/// Lets the process have as many descriptors as `clients` connections and the server's own files need. Returns how
/// many connections it can have.
pub(crate) fn allow_descriptors(clients: u32) -> u32 {
    /// What is kept free for files, pipes and listening sockets, as in Redis.
    const OWN: u64 = 32;
    let wanted = u64::from(clients) + OWN;
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    if current >= wanted {
        return clients;
    }
    let maximum = limit.maximum.unwrap_or(u64::MAX);
    // Only root may raise the maximum.
    for (current, maximum) in [
        (wanted, maximum.max(wanted)),
        (wanted.min(maximum), maximum),
    ] {
        let raised = Rlimit {
            current: Some(current),
            maximum: Some(maximum),
        };
        if rustix::process::setrlimit(Resource::Nofile, raised).is_ok() {
            return current.saturating_sub(OWN).clamp(1, u64::from(clients)) as u32;
        }
    }
    current.saturating_sub(OWN).max(1) as u32
}

/// Set for the process that serves in the background, so that it does not go there again.
const IN_BACKGROUND: &str = "LASTSAVE_IN_BACKGROUND";

/// Whether this process was started by [`start_in_background`].
pub(crate) fn is_in_background() -> bool {
    std::env::var_os(IN_BACKGROUND).is_some()
}

/// Starts this program again with the same arguments, without terminal, in a session of its own. `stdin` is what it
/// is to read, `dir` where it starts. The caller then ends.
pub(crate) fn start_in_background(stdin: &str, dir: &Path) -> std::io::Result<()> {
    let mut child = Command::new("/proc/self/exe")
        .args(std::env::args_os().skip(1))
        .current_dir(dir)
        .env(IN_BACKGROUND, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut pipe = child.stdin.take().expect("it was asked for");
    // It may end before it has read everything.
    let _ = pipe.write_all(stdin.as_bytes());
    Ok(())
}

/// Leaves the terminal's session.
pub(crate) fn leave_session() {
    // Fails only for the leader of a session, who has no terminal to lose.
    let _ = rustix::process::setsid();
}

/// Writes the file that tells others the number of this process.
pub(crate) fn write_pid_file(path: &Path) -> std::io::Result<()> {
    std::fs::write(path, format!("{}\n", std::process::id()))
}
