//! The configuration from the command line, the configuration file and the standard input.

use std::io::Read;
use std::path::{Path, PathBuf};

use lastsave_engine::Config;
use lastsave_engine::config::{CommandLine, ConfigError, parse_file_with};
use lastsave_keyspace::glob;
use rustix::io::Errno;

use crate::disk::reason;
use crate::log;

/// What the server is started with.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) config: Config,
    /// The absolute path of the configuration file, empty if there is none.
    pub(crate) config_path: String,
    /// Whether anything was configured.
    pub(crate) is_configured: bool,
    /// What the standard input gave, for a second start of the program.
    pub(crate) stdin: String,
    /// The directory that the program was started in.
    pub(crate) started_in: PathBuf,
}

/// Why the server cannot start.
#[derive(Debug)]
pub(crate) enum SettingsError {
    /// The configuration file cannot be read: its path, and why.
    Unreadable(String, String),
    /// A line is refused.
    Refused(ConfigError),
}

impl Settings {
    /// Reads the configuration, and goes to the folder that it names.
    pub(crate) fn load(args: &[String]) -> Result<Self, SettingsError> {
        let started_in = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let line = CommandLine::parse(args);
        let mut file = String::new();
        let mut config_path = String::new();
        if let Some(path) = &line.config_file {
            config_path = started_in.join(path).to_string_lossy().into_owned();
            let bytes = std::fs::read(path).map_err(|error| {
                SettingsError::Unreadable(config_path.clone(), strerror(&error))
            })?;
            file = String::from_utf8_lossy(&bytes).into_owned();
        }
        let mut stdin = String::new();
        if line.from_stdin {
            let mut bytes = Vec::new();
            // What cannot be read is as if it were not there.
            let _ = std::io::stdin().read_to_end(&mut bytes);
            stdin = String::from_utf8_lossy(&bytes).into_owned();
        }
        let text = line.text(&file, &stdin);
        let mut config =
            parse_file_with(&text, &mut read_included).map_err(SettingsError::Refused)?;
        go_to(&mut config, &text)?;
        if !config.logfile.is_empty()
            && let Err(error) = log::open(&config.logfile)
        {
            let message = format!("Can't open the log file: {}", strerror(&error));
            return Err(SettingsError::Refused(ConfigError::without_line(message)));
        }
        Ok(Self {
            config,
            config_path,
            is_configured: !args.is_empty(),
            stdin,
            started_in,
        })
    }
}

/// Goes to the configured folder and notes its full path.
fn go_to(config: &mut Config, text: &str) -> Result<(), SettingsError> {
    if let Err(error) = std::env::set_current_dir(&config.dir) {
        let names_dir = |line: &str| {
            line.split_ascii_whitespace()
                .next()
                .is_some_and(|word| word.eq_ignore_ascii_case("dir"))
        };
        let lines: Vec<&str> = text.split('\n').collect();
        let index = lines.iter().rposition(|line| names_dir(line));
        return Err(SettingsError::Refused(ConfigError {
            line_number: index.map_or(0, |index| index + 1),
            line: index.map_or("", |index| lines[index].trim()).to_owned(),
            message: strerror(&error),
        }));
    }
    if let Ok(dir) = std::env::current_dir() {
        config.dir = dir.to_string_lossy().into_owned();
    }
    Ok(())
}

/// The text behind an `include` line: a file, or all that match a pattern, in order.
fn read_included(pattern: &str) -> Result<String, String> {
    let read = |path: &Path| {
        std::fs::read(path)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .map_err(|error| strerror(&error))
    };
    let path = Path::new(pattern);
    let name = path.file_name().map(|name| name.to_string_lossy());
    let Some(name) = name.filter(|name| name.contains(['*', '?', '['])) else {
        return read(path);
    };
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if glob::matches(name.as_bytes(), entry.file_name().as_encoded_bytes(), false) {
            found.push(entry.path());
        }
    }
    found.sort();
    let texts: Result<Vec<_>, _> = found.iter().map(|path| read(path)).collect();
    Ok(texts?.join("\n"))
}

/// What strerror(3) says.
pub(crate) fn strerror(error: &std::io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => reason(Errno::from_raw_os_error(number)).to_string(),
        None => error.to_string(),
    }
}
