//! Starting the server, and ending it.

use lastsave_engine::config::{CommandLine, parse_file_with, strip_trailing_comments};
use lastsave_engine::{Config, JobKind, Level, REDIS_VERSION, Signal, format_log_line};
use lastsave_vfs::SimDisk;

use super::{Io, Shell, Style};
use crate::world::StartError;

impl Shell {
    pub(super) fn redis_server(&mut self, io: &mut Io, args: &[String]) -> i32 {
        match args.get(1).map(String::as_str) {
            Some("-v" | "--version") => {
                self.print(
                    io,
                    Style::Plain,
                    format!("Redis server v={REDIS_VERSION} sha=00000000:0 malloc=libc bits=64 build=0\n"),
                );
                return 0;
            }
            Some("-h" | "--help") => {
                self.print(
                    io,
                    Style::Plain,
                    "Usage: ./redis-server [/path/to/redis.conf] [options] [-]\n       ./redis-server --port 7777 --appendonly yes\n",
                );
                return 0;
            }
            _ => {}
        }
        let stdin = match io.stdin.take() {
            Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            None => String::new(),
        };
        let start = Start {
            text: self.command_text.clone(),
            words: args[1..].to_vec(),
            stdin,
            directory: self.directory.clone(),
        };
        let configured = start.configuration(self.world.disk());
        let config = match configured {
            Ok(config) => config,
            Err(NoConfig::NoFile(path, error)) => {
                let path = self.absolute(&path);
                let line = format_log_line(
                    self.world.next_pid(),
                    Level::Warning,
                    self.world.now_us(),
                    0,
                    &format!("Fatal error, can't open config file '{path}': {error}"),
                );
                self.complain(&line.replacen(":M ", ":C ", 1));
                return 1;
            }
            Err(NoConfig::Refused(error)) => {
                self.complain(&format!("\n{error}"));
                let command_line = CommandLine::parse(&args[1..]);
                let name = command_line.config_file.as_deref().unwrap_or("redis.conf");
                if strip_trailing_comments(&error.line).1 > 0 {
                    self.note(
                        Style::Warning,
                        &format!("{name} has trailing comments, which Redis does not accept: `strip-comments {name}` removes them."),
                    );
                }
                return 1;
            }
        };
        if self.world.running() {
            return self.refuse_second_server(config.port);
        }
        let config_path = start.config_path();
        self.starts.insert(self.world.processes() + 1, start);
        let started = self.world.start_server(config, &config_path);
        self.show_log_fully();
        match started {
            Ok(()) => {
                self.server_line.clone_from(&self.command_text);
                self.last_output.push_str("Ready to accept connections\n");
                if self.world.verdict_is_fresh() {
                    self.tell_verdict();
                }
                0
            }
            Err(StartError::Running | StartError::Crashed) => 1,
            Err(StartError::Exited) => {
                self.last_output.push_str("The server did not start.\n");
                self.note(Style::Loss, "The server did not start.");
                1
            }
        }
    }

    /// Every line that the start has logged: what a start says is what one wants to read.
    fn show_log_fully(&mut self) {
        for (level, line) in self.world.take_log() {
            self.last_output.push_str(&line);
            self.last_output.push('\n');
            self.emit_log_line(level, &line);
        }
    }

    fn refuse_second_server(&mut self, port: u16) -> i32 {
        let running = self.world.engine().map_or(0, |engine| engine.config().port);
        if port == running {
            self.complain(&format!(
                "# Warning: Could not create server TCP listening socket *:{port}: bind: Address already in use\n# Failed listening on port {port} (TCP), aborting."
            ));
        } else {
            self.complain(&format!(
                "One machine runs one server here, and one runs already on port {running}: a second one would share its disk. End it first: `SHUTDOWN` or `kill -9 $(pgrep redis-server)`."
            ));
        }
        1
    }

    pub(super) fn strip_comments(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let path = args.get(1).map_or("redis.conf", String::as_str);
        let text = match self.read_file(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => {
                self.complain(&format!("strip-comments: {path}: {error}"));
                return 1;
            }
        };
        let (stripped, changed) = strip_trailing_comments(&text);
        if changed > 0
            && let Err(error) = self.write_file(path, stripped.as_bytes(), false)
        {
            self.complain(&format!("strip-comments: {path}: {error}"));
            return 1;
        }
        let lines = if changed == 1 { "line" } else { "lines" };
        self.print(
            io,
            Style::Plain,
            format!("{path}: {changed} {lines} changed\n"),
        );
        0
    }

    pub(super) fn show_last_log(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let count = args
            .iter()
            .skip(1)
            .rev()
            .find_map(|word| word.trim_start_matches('-').parse().ok())
            .unwrap_or(20);
        for (_, line) in self.world.last_log(count) {
            self.print(io, Style::Dim, format!("{line}\n"));
        }
        0
    }

    // Signals.

    pub(super) fn kill(&mut self, _io: &mut Io, args: &[String]) -> i32 {
        let (signal, targets) = match parse_signal(&args[1..]) {
            Ok(parsed) => parsed,
            Err(message) => {
                self.complain(&format!("kill: {message}"));
                return 1;
            }
        };
        let mut status = 0;
        for target in &targets {
            let pid = self.world.pid();
            let is_server = target == "%1" || target.parse().ok() == pid;
            if pid.is_some() && is_server {
                match signal.for_server() {
                    Ok(signal) => self.signal(signal, &args.join(" ")),
                    Err(message) => {
                        status = 1;
                        self.complain(&format!("kill: {message}"));
                    }
                }
            } else if self
                .world
                .child_pid()
                .is_some_and(|child| target.parse() == Ok(child))
            {
                self.world.kill_child(signal.number);
            } else {
                status = 1;
                match target.parse::<i64>() {
                    Ok(_) => self.complain(&format!("kill: ({target}) - No such process")),
                    Err(_) => self.complain(&format!(
                        "kill: {target}: arguments must be process or job IDs"
                    )),
                }
            }
        }
        if targets.is_empty() {
            status = 1;
            if self.world.running() {
                self.complain("kill: usage: kill [-9|-TERM|-INT] pid");
            } else {
                self.complain("kill: usage: kill [-9|-TERM|-INT] pid (no server is running)");
            }
        }
        status
    }

    pub(super) fn pkill(&mut self, _io: &mut Io, args: &[String]) -> i32 {
        let (signal, targets) = match parse_signal(&args[1..]) {
            Ok(parsed) => parsed,
            Err(message) => {
                self.complain(&format!("{}: {message}", args[0]));
                return 1;
            }
        };
        if targets.iter().any(|target| is_server_name(target)) && self.world.running() {
            return match signal.for_server() {
                Ok(signal) => {
                    self.signal(signal, &args.join(" "));
                    0
                }
                Err(message) => {
                    self.complain(&format!("{}: {message}", args[0]));
                    1
                }
            };
        }
        if self
            .child()
            .is_some_and(|child| targets.iter().any(|target| target == child))
        {
            self.world.kill_child(signal.number);
            return 0;
        }
        if args[0] == "killall" {
            let name = targets.first().map_or("", String::as_str);
            self.complain(&format!("{name}: no process found"));
        }
        1
    }

    /// The process that saves or rewrites in the background, by the name it gives itself.
    fn child(&self) -> Option<&'static str> {
        self.world.child().map(|kind| match kind {
            JobKind::Save => "redis-rdb-bgsave",
            JobKind::Rewrite => "redis-aof-rewrite",
        })
    }

    /// Sends a signal to the server.
    fn signal(&mut self, signal: Option<Signal>, cause: &str) {
        match signal {
            None => {
                // The process ID says nothing to a reader of the verdict.
                let cause = if cause.starts_with("kill ") {
                    "kill -9"
                } else {
                    cause
                };
                self.world.kill(cause);
                let line = format!("[1]+  Killed                  {}", self.server_line);
                self.note(Style::Dim, line.trim_end());
            }
            Some(signal) => {
                self.world.signal(signal);
                self.show_log();
            }
        }
    }

    pub(super) fn pgrep(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let asks = args[1..].iter().any(|name| is_server_name(name));
        let asks_for_child = self
            .child()
            .is_some_and(|child| args[1..].iter().any(|name| name == child));
        let found = if asks_for_child {
            self.world.child_pid()
        } else {
            self.world.pid().filter(|_| asks)
        };
        match found {
            Some(pid) => {
                self.print(io, Style::Plain, format!("{pid}\n"));
                0
            }
            None => 1,
        }
    }

    pub(super) fn ps(&mut self, io: &mut Io, _args: &[String]) -> i32 {
        self.print(io, Style::Plain, "    PID CMD\n      1 sh\n");
        if let Some(pid) = self.world.pid() {
            self.print(
                io,
                Style::Plain,
                format!("{pid:>7} {}\n", self.server_line.clone()),
            );
        }
        if let (Some(pid), Some(name)) = (self.world.child_pid(), self.child()) {
            self.print(io, Style::Plain, format!("{pid:>7} {name}\n"));
        }
        0
    }
}

/// How a server was started: what starts it again on another disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// The command line as typed.
    pub(crate) text: String,
    /// The words behind `redis-server`.
    words: Vec<String>,
    /// What came by the standard input.
    pub(crate) stdin: String,
    /// The directory that the shell was in.
    directory: String,
}

/// Why there is no configuration.
#[derive(Debug)]
pub(crate) enum NoConfig {
    /// The file that was named cannot be read: its path, and why.
    NoFile(String, lastsave_vfs::Errno),
    /// It says something that Redis does not accept.
    Refused(lastsave_engine::config::ConfigError),
}

impl Start {
    /// The configuration, as the files on this disk and the command line say.
    pub(crate) fn configuration(&self, disk: &SimDisk) -> Result<Config, NoConfig> {
        let read = |path: &str| {
            let path = super::files::resolved(&self.directory, path);
            let bytes = super::files::read_from(disk, &path);
            bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        };
        let command_line = CommandLine::parse(&self.words);
        let file = match &command_line.config_file {
            None => String::new(),
            Some(path) => read(path).map_err(|error| NoConfig::NoFile(path.clone(), error))?,
        };
        let stdin = if command_line.from_stdin {
            &self.stdin
        } else {
            ""
        };
        let text = command_line.text(&file, stdin);
        let parsed = parse_file_with(&text, &mut |path| {
            read(path)
                .map_err(|error| format!("Fatal error, can't open config file '{path}': {error}"))
        });
        parsed.map_err(NoConfig::Refused)
    }

    /// The path of the configuration file on the disk; empty without one.
    pub(crate) fn config_path(&self) -> String {
        let file = CommandLine::parse(&self.words).config_file;
        file.map_or_else(String::new, |path| {
            super::files::resolved(&self.directory, &path)
        })
    }
}

fn is_server_name(name: &str) -> bool {
    matches!(
        name,
        "redis-server" | "redis" | "redis-serv" | "lastsave-server"
    )
}

/// A signal by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sent {
    number: i32,
}

impl Sent {
    /// As a signal for the server; `None` is SIGKILL.
    fn for_server(self) -> Result<Option<Signal>, String> {
        match self.number {
            9 => Ok(None),
            15 => Ok(Some(Signal::Terminate)),
            2 => Ok(Some(Signal::Interrupt)),
            number => Err(format!(
                "-{number}: the server knows -9, -TERM and -INT here"
            )),
        }
    }
}

/// The signal that options ask for, and the other words.
fn parse_signal(args: &[String]) -> Result<(Sent, Vec<String>), String> {
    let mut number = 15;
    let mut targets = Vec::new();
    let mut named = false;
    for arg in args {
        let name = if std::mem::take(&mut named) {
            arg.as_str()
        } else if arg == "-s" {
            named = true;
            continue;
        } else if arg == "-f" || arg == "-x" {
            continue;
        } else if let Some(name) = arg.strip_prefix('-') {
            name
        } else {
            targets.push(arg.clone());
            continue;
        };
        number =
            super::fault::signal_number(name).ok_or_else(|| format!("{arg}: no such signal"))?;
    }
    Ok((Sent { number }, targets))
}
