//! Signals: SIGTERM and SIGINT ask for an orderly end, SIGHUP and SIGPIPE mean nothing.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lastsave_engine::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level::pipe};

/// Signals that have arrived. A second SIGINT ends the process at once.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Arc<AtomicBool>,
    interrupt: Arc<AtomicBool>,
    /// Readable when one has arrived.
    wake: UnixStream,
}

impl Signals {
    /// Takes the signals over. SIGPIPE is ignored by Rust's runtime already.
    pub(crate) fn take_over() -> std::io::Result<Self> {
        let (terminate, interrupt) = (Arc::default(), Arc::default());
        let (wake, waker) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        flag::register(SIGHUP, Arc::default())?;
        flag::register(SIGTERM, Arc::clone(&terminate))?;
        // Before the flag is set the first time: it then sees what the time before has left.
        flag::register_conditional_shutdown(SIGINT, 1, Arc::clone(&interrupt))?;
        flag::register(SIGINT, Arc::clone(&interrupt))?;
        pipe::register(SIGTERM, waker.try_clone()?)?;
        pipe::register(SIGINT, waker)?;
        Ok(Self {
            terminate,
            interrupt,
            wake,
        })
    }

    pub(crate) fn wake(&self) -> &UnixStream {
        &self.wake
    }

    /// Whether one has arrived, without taking it.
    pub(crate) fn pending(&self) -> bool {
        self.terminate.load(Ordering::Relaxed) || self.interrupt.load(Ordering::Relaxed)
    }

    /// The signals since the last call.
    pub(crate) fn take(&mut self) -> Vec<Signal> {
        while matches!(self.wake.read(&mut [0; 64]), Ok(64)) {}
        let mut signals = Vec::new();
        if self.terminate.swap(false, Ordering::Relaxed) {
            signals.push(Signal::Terminate);
        }
        // The flag stays: if the server cannot end as asked, the next SIGINT ends it anyway.
        if self.interrupt.load(Ordering::Relaxed) {
            signals.push(Signal::Interrupt);
        }
        signals
    }
}
