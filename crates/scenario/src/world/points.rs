//! Crash points: a crash that is armed for an operation of the disk, and every such point of a run for a sweep.
//!
//! A point has the number of a disk operation and lies right before it: the operation has no effect, and all replies that
//! left before it was tried have been received.

use lastsave_engine::config::FsyncPolicy;
use lastsave_engine::{Config, Engine, Host, LoadSource, Loaded, Output};
use lastsave_vfs::{CrashPoint, OpRecord, SimDisk, Stride, Survival};

use super::World;
use super::random::mix;
use super::verdict::Found;

/// A crash that happens by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Armed {
    /// The words that armed it.
    pub(crate) cause: String,
    /// What a power loss leaves; `None` kills the process only.
    pub(crate) survival: Option<Survival>,
    /// The number of the disk operation that it comes before.
    pub(crate) at: u64,
}

/// A point of a run at which it could have crashed.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    /// The operation that did not take place.
    pub(crate) op: OpRecord,
    /// The disk before it.
    pub(crate) disk: SimDisk,
    pub(crate) at_us: u64,
    /// When the last server ended, if this is in the middle of the next one's start.
    pub(crate) ended_at_us: Option<u64>,
    /// Writes acknowledged by then.
    pub(crate) acknowledged: u64,
    /// Which server process was running, or starting.
    pub(crate) process: u32,
    pub(crate) promise: Promise,
}

/// What a restart has to bring back, as the policy promises; numbers are of writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Promise {
    /// Whether an append-only file is in use that a restart would load.
    pub(crate) log: bool,
    /// While replies wait for its syncs: how many writes had been acknowledged when that began. Of those before it is not
    /// promised, though the first one behind it takes them along.
    pub(crate) always_from: Option<u64>,
    /// While it is synced every second or more often and no fault is in force: since when, microseconds since the epoch.
    /// What was acknowledged earlier is due from then on.
    pub(crate) timely_since_us: Option<u64>,
    /// What it is synced up to.
    pub(crate) synced: usize,
    /// What the last completed save holds.
    pub(crate) saved: usize,
    /// The process that promises.
    process: u32,
}

/// What a start on a crashed disk came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovery {
    /// Whether the server came up.
    pub(crate) started: bool,
    /// Whether it looks at the append-only file.
    pub(crate) log: bool,
    /// How many writes it has, in the order of their execution; `None` if files were changed by hand.
    pub(crate) writes: Option<usize>,
    /// Whether the writes found leave none out before the last of them.
    pub(crate) whole: bool,
    pub(crate) keys: u64,
    /// How long the start took, simulated.
    pub(crate) took_us: u64,
}

impl World {
    /// Arms a crash, in place of the one that may be armed.
    pub(crate) fn arm(&mut self, armed: Option<Armed>) {
        self.armed = armed;
        self.rearm();
    }

    /// A crash makes the disk forget its crash point; one that has not been reached still stands.
    pub(super) fn rearm(&mut self) {
        if let Some(armed) = &self.armed {
            self.disk.crash_at(armed.at, CrashPoint::Before);
        }
    }

    /// The armed crash that has happened since the last call.
    pub(crate) fn take_happened(&mut self) -> Option<Armed> {
        self.happened.take()
    }

    /// Looks whether the disk has come to a crash point. Returns whether the server is gone by that.
    #[inline]
    pub(super) fn meets_point(&mut self) -> bool {
        if self.disk.has_boundaries() {
            self.note_moments();
        }
        if self.disk.frozen() {
            self.crash_as_armed();
            return true;
        }
        false
    }

    /// The disk stands still at the point that a crash was armed for: whatever the engine did since has not happened.
    pub(super) fn crash_as_armed(&mut self) {
        let Some(armed) = self.armed.take() else {
            return;
        };
        while let Some(output) = self
            .server
            .as_mut()
            .and_then(|server| server.engine.poll_output())
        {
            // What was done to the files before the point is to be known of them.
            if let Output::Event(event) = output {
                self.note(event);
            }
        }
        match armed.survival {
            Some(survival) => self.power_loss(&armed.cause, survival),
            None => {
                self.timeline
                    .mark(self.now_us, crate::MarkKind::Kill, armed.cause.clone());
                self.end_server(&armed.cause, false);
                self.disk.kill();
            }
        }
        self.ended_at_point = true;
        self.happened = Some(armed);
    }

    // Sweeps.

    /// Keeps the moments before disk operations from now on.
    pub(crate) fn keep_moments(&mut self, stride: Stride) {
        self.disk.keep_boundaries(Some(stride));
        self.log_ops();
        self.stride = Some(stride);
    }

    /// Logs disk operations from now on, so many between two calls of [`World::drain_ops`].
    pub(crate) fn log_ops(&mut self) {
        self.disk.log_ops(1 << 20);
    }

    /// Takes the moments kept since the last call.
    pub(crate) fn take_moments(&mut self) -> Vec<Moment> {
        std::mem::take(&mut self.moments)
    }

    /// Takes the disk operations logged since the last call.
    pub(crate) fn drain_ops(&mut self) -> Vec<OpRecord> {
        self.disk.drain_ops()
    }

    /// How many server processes there have been.
    pub(crate) fn processes(&self) -> u32 {
        self.processes
    }

    fn note_moments(&mut self) {
        let mut ops = self.disk.drain_ops().into_iter();
        for boundary in self.disk.take_boundaries() {
            let Some(op) = ops.find(|op| op.number == boundary.number) else {
                continue;
            };
            self.moments.push(Moment {
                op,
                disk: boundary.disk,
                at_us: self.now_us,
                ended_at_us: self.ended_at_us(),
                acknowledged: self.ledger.acknowledged(),
                process: self.processes,
                promise: self.promise,
            });
        }
    }

    /// When the last server ended, while there is no other.
    fn ended_at_us(&self) -> Option<u64> {
        let ended = self.ended.as_ref().filter(|_| self.server.is_none());
        ended.map(|ended| ended.at_us)
    }

    /// What the end of the run is for a sweep: the last point, before an operation that never came.
    pub(crate) fn last_moment(&self) -> Moment {
        let mut disk = self.disk.clone();
        disk.keep_boundaries(None);
        Moment {
            op: OpRecord {
                number: disk.op_count() + 1,
                op: lastsave_vfs::Op::Close,
                path: String::new(),
                to: None,
                offset: 0,
                len: 0,
                error: None,
            },
            disk,
            at_us: self.now_us,
            ended_at_us: None,
            acknowledged: self.ledger.acknowledged(),
            process: self.processes,
            promise: self.promise,
        }
    }

    /// Notes what is promised now: it holds for the points of the next batch.
    pub(super) fn note_promise(&mut self) {
        if self.stride.is_none() {
            return;
        }
        let faults = !self.fault_words().is_empty();
        let process = self.processes;
        let before = Some(self.promise).filter(|before| before.process == process);
        let before = before.unwrap_or_default();
        self.promise = self
            .server
            .as_ref()
            .map_or_else(Promise::default, |server| {
                let config = server.engine.config();
                let offsets = server.offsets();
                Promise {
                    log: server.log.as_ref().is_some_and(|log| log.loadable),
                    always_from: (config.appendfsync == FsyncPolicy::Always).then(|| {
                        let acknowledged = self.ledger.acknowledged();
                        before.always_from.unwrap_or(acknowledged)
                    }),
                    timely_since_us: (config.appendfsync != FsyncPolicy::No
                        && !config.no_appendfsync_on_rewrite
                        && !faults)
                        .then(|| {
                            before.timely_since_us.unwrap_or_else(|| {
                                // A sync that began while a fault slowed it down still takes its time.
                                let under_way = self.next_syncs(server).under_way;
                                under_way.map_or(self.now_us, |(_, end_us)| end_us)
                            })
                        }),
                    synced: self.ledger.up_to_offset(offsets.synced),
                    saved: self.rdb_holds(&config.dbfilename),
                    process,
                }
            });
    }

    /// Starts a server on a disk that has crashed, as [`World::start_server`] would on this machine. It may go on from what was
    /// loaded `before`, and returns what was loaded now.
    pub(crate) fn recover(
        &self,
        mut disk: SimDisk,
        config: Config,
        config_path: &str,
        crashed_at_us: u64,
        before: Option<Loaded>,
    ) -> (Recovery, Option<Loaded>) {
        let seed = mix(self.seed.wrapping_add(u64::from(self.processes + 1)));
        let host = Host {
            pid: self.next_pid(),
            config_path: config_path.to_owned(),
            executable: "/usr/bin/redis-server".into(),
            run_id: String::new(),
            os: String::new(),
        };
        let ready_us = crashed_at_us + self.profile.process_start_us;
        let mut loaded_us = ready_us;
        let mut engine = Engine::new(config, host, seed);
        if let Some(before) = before {
            engine.go_on_from(before);
        }
        engine.start(ready_us, &mut disk, &mut |_, progress| {
            loaded_us = ready_us + self.profile.loading_us(progress);
            loaded_us
        });
        let took_us = loaded_us + disk.take_delay_us() - crashed_at_us;
        let exited = std::iter::from_fn(|| engine.poll_output())
            .any(|output| matches!(output, Output::Exit(..)));
        let report = engine.load_report();
        let writes = match self.found(&disk, report, true) {
            Found::Exactly(writes) => Some(writes),
            Found::Unknown => None,
        };
        let recovery = Recovery {
            started: !exited,
            log: engine.config().appendonly,
            writes,
            whole: report.source != LoadSource::Aof || self.is_whole(&disk, &engine),
            keys: engine.keyspace().len() as u64,
            took_us,
        };
        let loaded = if exited { None } else { engine.into_loaded() };
        (recovery, loaded)
    }

    /// Whether each file loaded goes on where those before it ended, or before.
    fn is_whole(&self, disk: &SimDisk, engine: &Engine) -> bool {
        let mut held = 0;
        engine.load_report().files.iter().all(|file| {
            let Some(inode) = disk.inode(&file.path) else {
                return true;
            };
            if let Some(writes) = self.ledger.snapshot(inode) {
                held = writes;
                return true;
            }
            let begins = self.ledger.log(inode, 0).unwrap_or(held);
            let goes_on = begins <= held || file.used_len == 0;
            held = held.max(self.ledger.log(inode, file.used_len).unwrap_or(held));
            goes_on
        })
    }

    /// Of the acknowledged writes, how many are among the first `writes`, and when the oldest of the others was
    /// acknowledged, in microseconds since the epoch.
    pub(crate) fn acknowledged_among(&self, writes: usize) -> (u64, Option<u64>) {
        let tail = self.ledger.tail(writes);
        (
            self.ledger.acknowledged() - tail.acknowledged,
            tail.oldest_at_us,
        )
    }
}
