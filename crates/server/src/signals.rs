//! Signals: SIGTERM and SIGINT ask for an orderly end, SIGHUP and SIGPIPE mean nothing.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lastsave_engine::{Level, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals as Arriving;

use crate::log::Log;

/// Signals that have arrived. A thread waits for them: while the main one saves for the end, a second SIGINT ends the process.
#[derive(Debug)]
pub(crate) struct Signals {
    state: Arc<State>,
    /// Readable when one has arrived.
    wake: UnixStream,
}

#[derive(Debug, Default)]
struct State {
    terminate: AtomicBool,
    interrupt: AtomicBool,
    /// One has asked for the end, which has neither come nor failed.
    ending: AtomicBool,
}

impl State {
    fn pending(&self) -> bool {
        self.terminate.load(Ordering::Acquire) || self.interrupt.load(Ordering::Acquire)
    }
}

impl Signals {
    /// Takes the signals over. SIGPIPE is ignored by Rust's runtime already. Where a save at the end is given up,
    /// `temp_rdb` is removed from the current folder.
    pub(crate) fn take_over(log: Log, temp_rdb: String) -> std::io::Result<Self> {
        let state = Arc::new(State::default());
        let (wake, mut waker) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let mut arriving = Arriving::new([SIGHUP, SIGINT, SIGTERM])?;
        let shared = state.clone();
        let wait = move || {
            for signal in arriving.forever() {
                if signal == SIGINT && shared.ending.load(Ordering::Acquire) {
                    log.line(Level::Warning, "You insist... exiting now.");
                    let _ = std::fs::remove_file(&temp_rdb);
                    std::process::exit(1);
                }
                match signal {
                    SIGTERM => shared.terminate.store(true, Ordering::Release),
                    SIGINT => shared.interrupt.store(true, Ordering::Release),
                    _ => continue,
                }
                shared.ending.store(true, Ordering::Release);
                // A full pipe wakes as well as one more byte would.
                let _ = waker.write(&[0]);
            }
        };
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(wait)?;
        Ok(Self { state, wake })
    }

    pub(crate) fn wake(&self) -> &UnixStream {
        &self.wake
    }

    /// The signals since the last call.
    pub(crate) fn take(&mut self) -> Vec<Signal> {
        while matches!(self.wake.read(&mut [0; 64]), Ok(64)) {}
        let mut signals = Vec::new();
        if self.state.terminate.swap(false, Ordering::AcqRel) {
            signals.push(Signal::Terminate);
        }
        if self.state.interrupt.swap(false, Ordering::AcqRel) {
            signals.push(Signal::Interrupt);
        }
        signals
    }

    /// The end that was asked for has failed or was called off: the next SIGINT asks anew.
    pub(crate) fn goes_on(&self) {
        if !self.state.pending() {
            self.state.ending.store(false, Ordering::Release);
        }
    }
}
