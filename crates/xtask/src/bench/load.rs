//! Load on a server while something else is measured: at a steady pace, to time each command, or as much as it takes.

use std::io::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::client::{self, Client};

/// Connections of a paced load, and commands per second of each of them.
const PACED_CONNECTIONS: u64 = 4;
const PACE_PER_SECOND: u64 = 2500;

/// Connections of a full load, and commands that each of them sends at once.
const FULL_CONNECTIONS: u64 = 2;
const FULL_BATCH: u64 = 64;

/// When a command was due, and how long it then took to be answered.
pub(super) struct Sample {
    pub(super) due: Instant,
    pub(super) took: Duration,
}

/// Threads that send commands until they are stopped.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<Vec<Sample>>>>,
}

impl Load {
    /// GET and SET of random keys in turns, at a pace that does not wait for the server: a command that is due while the one
    /// before has not been answered counts the time it waited.
    pub(super) fn paced(port: u16, keys: u64, value_len: usize) -> Self {
        Self::start(PACED_CONNECTIONS, move |number, stop| {
            let mut client = Client::connect(port)?;
            let mut random = Random(number);
            let mut samples = Vec::new();
            let interval = Duration::from_secs(1) / PACE_PER_SECOND as u32;
            let mut due = Instant::now() + interval * number as u32 / PACED_CONNECTIONS as u32;
            while !stop.load(Ordering::Relaxed) {
                let early = due.saturating_duration_since(Instant::now());
                // What this thread oversleeps is not the server's delay.
                let counted_from = if early.is_zero() {
                    due
                } else {
                    thread::sleep(early);
                    Instant::now()
                };
                let key = random.key(keys);
                if samples.len().is_multiple_of(2) {
                    client.call(&client::set(&key, value_len), b"\r\n")?;
                } else {
                    client.call(format!("GET {key}\r\n").as_bytes(), b"x\r\n")?;
                }
                let took = counted_from.elapsed();
                samples.push(Sample { due, took });
                due += interval;
            }
            Ok(samples)
        })
    }

    /// SETs of random keys, as many as the server takes.
    pub(super) fn full(port: u16, keys: u64, value_len: usize) -> Self {
        Self::start(FULL_CONNECTIONS, move |number, stop| {
            let mut random = Random(number);
            while !stop.load(Ordering::Relaxed) {
                client::send(port, FULL_BATCH * 100, FULL_BATCH, |_| {
                    client::set(&random.key(keys), value_len)
                })?;
            }
            Ok(Vec::new())
        })
    }

    fn start(
        threads: u64,
        work: impl Fn(u64, &AtomicBool) -> Result<Vec<Sample>> + Send + Copy + 'static,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..threads).map(|number| {
            let stop = stop.clone();
            thread::spawn(move || work(number, &stop))
        });
        Self {
            threads: threads.collect(),
            stop,
        }
    }

    /// Ends the load. Returns what it measured, if it did.
    pub(super) fn stop(self) -> Result<Vec<Sample>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut samples = Vec::new();
        for thread in self.threads {
            let part = thread.join();
            samples.extend(part.map_err(|_| std::io::Error::other("a client panicked"))??);
        }
        Ok(samples)
    }
}

/// Numbers spread evenly (splitmix64).
struct Random(u64);

impl Random {
    /// One of so many keys.
    fn key(&mut self, keys: u64) -> String {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        client::key((mixed ^ mixed >> 31) % keys)
    }
}
