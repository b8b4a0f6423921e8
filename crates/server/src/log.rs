//! The server's log.

use std::fs::File;
use std::io::Write;

use lastsave_engine::{Config, Level, format_log_line_as};

use crate::process::now_us;
use crate::zone::Zone;

/// Writes lines in Redis's format to a file, or to the standard output.
///
/// The file is opened anew for each line, as Redis does: whoever rotates it need not tell the server.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    path: String,
    level: Level,
    pid: u32,
    /// `C` until the server serves.
    role: char,
    zone: Zone,
}

impl Log {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            path: config.logfile.clone(),
            level: config.loglevel,
            pid: std::process::id(),
            role: 'C',
            zone: Zone::local(),
        }
    }

    /// From now on lines are those of a server.
    pub(crate) fn becomes_server(&mut self) {
        self.role = 'M';
    }

    /// Whether it goes to the standard output.
    pub(crate) fn is_on_screen(&self) -> bool {
        self.path.is_empty()
    }

    /// A line of the server itself, unless `loglevel` hides it.
    pub(crate) fn line(&self, level: Level, text: &str) {
        if level >= self.level {
            self.write(level, text);
        }
    }

    /// A line that has passed `loglevel` already.
    pub(crate) fn write(&self, level: Level, text: &str) {
        let now_us = now_us();
        let offset_s = self.zone.utc_offset_s((now_us / 1_000_000) as i64);
        let line = format_log_line_as(self.role, self.pid, level, now_us, offset_s, text);
        self.raw(&format!("{line}\n"));
    }

    /// Text without a line's beginning. A log that cannot be written is no reason to stop serving.
    pub(crate) fn raw(&self, text: &str) {
        if self.path.is_empty() {
            let mut out = std::io::stdout().lock();
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        } else if let Ok(mut file) = open(&self.path) {
            let _ = file.write_all(text.as_bytes());
        }
    }
}

/// Opens a log file for appending; makes it if it is not there.
pub(crate) fn open(path: &str) -> std::io::Result<File> {
    File::options().create(true).append(true).open(path)
}
