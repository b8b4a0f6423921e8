//! Time while a data set is loaded: when the driver is asked for it, and serves clients meanwhile.

use crate::LoadProgress;
use crate::engine::Engine;

/// The driver is asked for the time after so many items, at the latest.
const ITEMS_PER_CALL: u64 = 1024;

/// The driver is asked when loading is to be delayed by so much.
const DELAY_PER_CALL_US: u64 = 1000;

/// A data set that is being loaded: what INFO says of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Loading {
    /// When it began, seconds since the epoch.
    pub(crate) started_s: u64,
    /// The bytes of all its files.
    pub(crate) total_bytes: u64,
    /// Those read so far.
    pub(crate) loaded_bytes: u64,
    /// The memory that the data took where its RDB file was written.
    pub(crate) rdb_used_mem: u64,
}

/// Loading was ended before it was done: by SHUTDOWN, or by a signal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended;

/// What the driver is asked: how late it is. It is given the engine, to serve clients with.
pub(super) type ReadClock<'a> = &'a mut dyn FnMut(&mut Engine, &LoadProgress) -> u64;

/// Time and work while loading.
pub(super) struct Clock<'a> {
    read: ReadClock<'a>,
    progress: LoadProgress,
    /// Bytes of the files before the one being loaded.
    bytes_before: u64,
    /// Bytes and delay at the last call.
    asked_at_bytes: u64,
    asked_at_delay_us: u64,
}

impl<'a> Clock<'a> {
    pub(super) fn new(read: ReadClock<'a>) -> Self {
        Self {
            read,
            progress: LoadProgress::default(),
            bytes_before: 0,
            asked_at_bytes: 0,
            asked_at_delay_us: 0,
        }
    }

    /// Goes on from what was loaded before: `bytes_before` of it are in files that come before the one to be gone on with.
    pub(super) fn take_over(&mut self, progress: LoadProgress, bytes_before: u64) {
        self.progress = progress;
        self.bytes_before = bytes_before;
        self.asked_at_bytes = progress.bytes;
        self.asked_at_delay_us = progress.delay_us;
    }

    /// How far loading has come.
    pub(super) fn progress(&self) -> LoadProgress {
        self.progress
    }

    /// How many are to come of what `loaded` have come of so far, if `total_bytes` of files go on as they began.
    pub(super) fn to_come(&self, loaded: usize, total_bytes: u64) -> usize {
        let left = total_bytes.saturating_sub(self.progress.bytes);
        let to_come = loaded as u128 * u128::from(left) / u128::from(self.progress.bytes.max(1));
        usize::try_from(to_come).unwrap_or(usize::MAX)
    }

    /// A file has been loaded up to this offset.
    pub(super) fn end_file(&mut self, offset: u64) {
        self.bytes_before += offset;
        self.progress.bytes = self.bytes_before;
    }
}

impl Engine {
    /// The files to be loaded have `total_bytes`.
    pub(super) fn begin_loading(&mut self, total_bytes: u64) {
        self.loading = Some(Loading {
            started_s: self.now_s(),
            total_bytes,
            ..Loading::default()
        });
        (self.saves.loaded, self.saves.loaded_expired) = (0, 0);
    }

    /// A key was loaded, which ends at `offset` of its file.
    pub(super) fn key_loaded(&mut self, offset: u64, clock: &mut Clock<'_>) -> Result<(), Ended> {
        clock.progress.keys += 1;
        self.item_loaded(offset, clock)
    }

    /// A command was replayed, which ends at `offset` of its file.
    pub(super) fn command_loaded(
        &mut self,
        offset: u64,
        clock: &mut Clock<'_>,
    ) -> Result<(), Ended> {
        clock.progress.commands += 1;
        self.item_loaded(offset, clock)
    }

    #[inline]
    fn item_loaded(&mut self, offset: u64, clock: &mut Clock<'_>) -> Result<(), Ended> {
        let progress = &mut clock.progress;
        // An expired key is counted before others that stand before it.
        progress.bytes = progress.bytes.max(clock.bytes_before + offset);
        let items = progress.keys + progress.commands;
        match self.config.key_load_delay_us {
            0 => {}
            delay_us @ 1.. => progress.delay_us += u64::from(delay_us.unsigned_abs()),
            items_per_us => {
                let per_us = u64::from(items_per_us.unsigned_abs());
                progress.delay_us += u64::from(items.is_multiple_of(per_us));
            }
        }
        let interval = self.config.loading_process_events_interval_bytes;
        if items.is_multiple_of(ITEMS_PER_CALL)
            || progress.bytes - clock.asked_at_bytes >= interval
            || progress.delay_us - clock.asked_at_delay_us >= DELAY_PER_CALL_US
        {
            return self.ask_clock(clock);
        }
        Ok(())
    }

    /// Asks the driver for the time. It may serve clients before it answers.
    pub(super) fn ask_clock(&mut self, clock: &mut Clock<'_>) -> Result<(), Ended> {
        (clock.asked_at_bytes, clock.asked_at_delay_us) =
            (clock.progress.bytes, clock.progress.delay_us);
        if let Some(loading) = &mut self.loading {
            loading.loaded_bytes = clock.progress.bytes;
        }
        self.now_us = (clock.read)(self, &clock.progress).max(self.now_us);
        if self.exited { Err(Ended) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use lastsave_vfs::NoFiles;

    use crate::testing::TestServer;
    use crate::{ClientId, Config, Engine, Host, Output, Signal};

    const NOW_US: u64 = 1_700_000_000_000_000;

    /// A disk with a log of some thousand commands.
    fn disk() -> lastsave_vfs::SimDisk {
        let mut server = TestServer::start("appendonly yes");
        for number in 0..3000 {
            server.run(&format!("SET key:{number} value"));
        }
        server.disk.kill();
        server.disk
    }

    fn engine() -> Engine {
        let config = "appendonly yes\nkey-load-delay 10\nmaxmemory 1\nsave 1 1";
        let config: Config = crate::config::parse_file(config).expect("it is valid");
        Engine::new(config, Host::default(), 7)
    }

    fn ask(engine: &mut Engine, client: ClientId, now_us: u64, line: &str) -> String {
        let line = format!("{line}\r\n");
        engine.handle_input(now_us, client, line.as_bytes(), &mut NoFiles);
        engine.handle_timeout(now_us, &mut NoFiles);
        engine.flush(now_us, &mut NoFiles);
        let reply = engine.reply_bytes(client).to_vec();
        engine.consume_reply(client, reply.len());
        String::from_utf8(reply).expect("the answers asked for are text")
    }

    #[test]
    fn clients_are_served_without_files_and_change_nothing() {
        let (mut disk, mut engine) = (disk(), engine());
        let (mut calls, mut delay_us) = (0, 0);
        engine.start(NOW_US, &mut disk, &mut |engine, progress| {
            calls += 1;
            delay_us = progress.delay_us;
            let now_us = NOW_US + delay_us;
            if engine.is_loading() && progress.commands < 3000 {
                let client = engine.handle_connect(now_us, "127.0.0.1:5", "127.0.0.1:6");
                let keys = engine.keyspace().len();
                for line in [
                    "PING",
                    "SET a b",
                    "FLUSHALL",
                    "SAVE",
                    "BGREWRITEAOF",
                    "KEYS *",
                ] {
                    let answer = ask(engine, client, now_us, line);
                    assert_eq!(
                        answer,
                        "-LOADING Redis is loading the dataset in memory\r\n"
                    );
                }
                assert_eq!(
                    ask(engine, client, now_us, "CONFIG SET maxmemory 2"),
                    "+OK\r\n"
                );
                let info = ask(engine, client, now_us, "INFO persistence");
                assert!(info.contains("\r\nloading:1\r\n"), "{info}");
                assert_eq!(engine.keyspace().len(), keys, "nothing is evicted");
                engine.handle_disconnect(now_us, client);
            }
            now_us
        });
        assert!(calls > 20, "a call for each millisecond of delay: {calls}");
        assert_eq!(delay_us, 30_010, "3000 SETs and a SELECT");
        assert_eq!(engine.keyspace().len(), 3000);
        let mut outputs = std::iter::from_fn(|| engine.poll_output());
        assert!(outputs.all(|output| !matches!(output, Output::StartJob(..) | Output::Exit(..))));
    }

    #[test]
    fn a_signal_ends_loading_and_leaves_the_files_alone() {
        let (mut disk, mut engine) = (disk(), engine());
        let before = disk.clone();
        let mut calls = 0;
        engine.start(NOW_US, &mut disk, &mut |engine, _| {
            calls += 1;
            engine.handle_signal(NOW_US, Signal::Terminate, &mut NoFiles);
            NOW_US
        });
        assert_eq!(calls, 1);
        let outputs: Vec<Output> = std::iter::from_fn(|| engine.poll_output()).collect();
        assert!(matches!(outputs.last(), Some(Output::Exit(0, _))));
        for path in [
            "appendonlydir/appendonly.aof.1.incr.aof",
            "appendonlydir/appendonly.aof.manifest",
        ] {
            assert_eq!(disk.read(path), before.read(path));
        }
    }
}
