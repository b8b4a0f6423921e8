//! `redis.conf` and the command line.

use super::Config;

/// A refused line. [`Display`](std::fmt::Display) is Redis's whole message, `*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***` and all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The number of the line, from 1.
    pub line_number: usize,
    /// The line.
    pub line: String,
    /// What is wrong with it, in Redis's words.
    pub message: String,
}

/// Reads the text of a configuration file (the command line's options appended, as Redis does) on top of the defaults.
pub fn parse_file(text: &str) -> Result<Config, ConfigError> {
    let _ = text;
    todo!("helper")
}

/// Turns command-line words (`--port 7000 --save 60 1`, `--appendonly=yes` is not Redis syntax) into lines of configuration text, as Redis does.
pub fn parse_args(args: &[String]) -> String {
    let _ = args;
    todo!("helper")
}
