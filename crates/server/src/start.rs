//! From the command line to a serving process.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use lastsave_engine::{Config, Engine, Host, Level, REDIS_VERSION};

use crate::apply::{Applier, Listening};
use crate::child::{self, Nursery};
use crate::log::Log;
use crate::net;
use crate::process;
use crate::reactor::{Parts, Reactor};
use crate::settings::{Settings, SettingsError, strerror};
use crate::signals::Signals;
use crate::{RealDisk, Workers};

/// Where the pid file goes if the server runs in the background and none is named.
const DEFAULT_PID_FILE: &str = "/var/run/redis.pid";

/// Runs a server with the words behind the program's name, as `redis-server` takes them, and returns the status to
/// exit with.
pub fn serve(args: &[String]) -> i32 {
    if child::stood_for_a_job() {
        return 0;
    }
    match args.first().map(String::as_str) {
        Some("-v" | "--version") => {
            println!("{}", version_line());
            return 0;
        }
        Some("-h" | "--help") => {
            print!("{HELP}");
            return 0;
        }
        Some(word @ ("--test-memory" | "--check-system")) => {
            eprintln!(
                "lastsave-server does not have {word}: it is about the machine. Use redis-server {word}, or memtester."
            );
            return 1;
        }
        _ => {}
    }
    let settings = match Settings::load(args) {
        Ok(settings) => settings,
        Err(SettingsError::Unreadable(path, why)) => {
            Log::new(&Config::default()).line(
                Level::Warning,
                &format!("Fatal error, can't open config file '{path}': {why}"),
            );
            return 1;
        }
        Err(SettingsError::Refused(error)) => {
            eprintln!("\n{error}");
            return 1;
        }
    };
    let config = &settings.config;
    let in_background = process::is_in_background();
    if config.daemonize && !in_background {
        return match process::start_in_background(&settings.stdin, &settings.started_in) {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("Can't go into the background: {}", strerror(&error));
                1
            }
        };
    }
    if in_background {
        process::leave_session();
    }
    let mut log = Log::new(config);
    say_what_starts(&log, &settings);
    log.becomes_server();
    end_on_panic(log.clone());
    let pid_file = pid_file(config, in_background);
    let status = match set_up(settings, &log, pid_file.as_deref()) {
        Ok(reactor) => reactor.run(),
        Err(message) => {
            log.line(Level::Warning, &message);
            1
        }
    };
    if let Some(path) = pid_file {
        let _ = std::fs::remove_file(path);
    }
    status
}

/// The answer to `--version`, in a form that test harnesses take apart.
fn version_line() -> String {
    // A number that differs between builds of different versions is all that is asked of it.
    let build = env!("CARGO_PKG_VERSION")
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!(
        "Redis server v={REDIS_VERSION} sha=00000000:0 malloc=jemalloc-5.3.1 bits=64 build={build:x} (Lastsave {})",
        env!("CARGO_PKG_VERSION")
    )
}

fn say_what_starts(log: &Log, settings: &Settings) {
    log.line(
        Level::Warning,
        "oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo",
    );
    log.line(
        Level::Warning,
        &format!(
            "Redis version={REDIS_VERSION}, bits=64, commit=00000000, modified=0, pid={}, just started",
            std::process::id()
        ),
    );
    log.line(
        Level::Warning,
        if settings.is_configured {
            "Configuration loaded"
        } else {
            "Warning: no config file specified, using the default config. In order to specify a config file use lastsave-server /path/to/redis.conf"
        },
    );
}

fn pid_file(config: &Config, in_background: bool) -> Option<PathBuf> {
    match config.pidfile.as_str() {
        "" => in_background.then(|| PathBuf::from(DEFAULT_PID_FILE)),
        path => Some(PathBuf::from(path)),
    }
}

/// Opens what a server needs. `Err` is the last line of the log.
fn set_up(settings: Settings, log: &Log, pid_file: Option<&Path>) -> Result<Reactor, String> {
    let Settings {
        config,
        config_path,
        ..
    } = settings;
    let temp_rdb = format!("temp-{}.rdb", std::process::id());
    let signals = Signals::take_over(log.clone(), temp_rdb)
        .map_err(|error| format!("Can't take over signals: {error}"))?;
    let max_clients = process::allow_descriptors(config.maxclients);
    if max_clients < config.maxclients {
        log.line(
            Level::Warning,
            &format!(
                "You requested maxclients of {} but the limit on open files allows {max_clients}. To have more, raise it with 'ulimit -n'.",
                config.maxclients
            ),
        );
    }
    let listening = Listening::new(net::listen(&config, log)?, max_clients);
    if let Some(path) = pid_file
        && let Err(error) = process::write_pid_file(path)
    {
        let path = path.display();
        log.line(
            Level::Warning,
            &format!("Failed to write PID file {path}: {}", strerror(&error)),
        );
    }
    show_logo(&config, log);
    let mut disk = RealDisk::new(Path::new(&config.dir))
        .map_err(|error| format!("Can't open {}: {error}", config.dir))?;
    let workers = Workers::start(&mut disk)
        .map_err(|error| format!("Fatal: Can't initialize Background Jobs. {error}"))?;
    let host = Host {
        pid: std::process::id(),
        config_path,
        executable: std::env::current_exe()
            .map(|path| path.to_string_lossy().into_owned())
            .unwrap_or_default(),
        run_id: process::random::<20>()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
        os: process::os(),
    };
    let mut engine = Engine::new(config, host, u64::from_ne_bytes(process::random()));
    // What was lowered to what the system allows is not tried again.
    let mut applier = Applier::new(engine.config(), listening.clone(), log.clone());
    // The log says so if it does not work.
    let _ = applier.apply(engine.config());
    engine.set_config_hook(Box::new(move |config| applier.apply(config)));
    engine.set_stopwatch(Box::new(process::monotonic_us));
    engine.set_sleep(|us| std::thread::sleep(std::time::Duration::from_micros(us)));
    engine.pace_walks();
    let nursery = Nursery::default();
    let starting = nursery.clone();
    engine.set_child_hook(Box::new(move |kind, config| starting.start(kind, config)));
    Reactor::new(Parts {
        engine,
        disk,
        workers,
        nursery,
        listening,
        signals,
        log: log.clone(),
    })
    .map_err(|errno| format!("Can't watch sockets: {errno}"))
}

/// A logo where Redis would show its own: on a terminal, or always if so configured; else a line.
fn show_logo(config: &Config, log: &Log) {
    let on_terminal = log.is_on_screen() && std::io::stdout().is_terminal();
    if !on_terminal && !config.always_show_logo {
        return log.line(
            Level::Notice,
            &format!("Running mode=standalone, port={}.", config.port),
        );
    }
    let (version, port, pid) = (env!("CARGO_PKG_VERSION"), config.port, std::process::id());
    log.raw(&format!(
        r"
     ___________
    |  _______  |     Lastsave {version}, compatible with Redis {REDIS_VERSION} (64 bit)
    | |       | |
    | |_______| |     Running in standalone mode
    |   _____   |     Port: {port}
    |  | []  |  |     PID: {pid}
    |__|_____|__|

"
    ));
}

/// Ends the process when any thread panics: a server without its log's or snapshots' thread would promise what it
/// cannot keep.
fn end_on_panic(log: Log) {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        report(info);
        log.write(
            Level::Warning,
            &format!("Lastsave has found a fault in itself and ends: {info}"),
        );
        std::process::abort();
    }));
}

const HELP: &str = "\
lastsave-server: a server compatible with Redis 7.0, with the same files, protocol and configuration

Usage: lastsave-server [redis.conf | -] [--OPTION VALUE ...] [-]

  redis.conf        a configuration file in Redis's format
  -                 read configuration from the standard input too
  --OPTION VALUE    any line of redis.conf, after the file's: --port 7000 --appendonly yes --save 60 1000
  -v, --version     print the version
  -h, --help        print this

Examples:
  lastsave-server                                      defaults: port 6379, dump.rdb in this directory
  lastsave-server /etc/redis/redis.conf
  lastsave-server --port 7000 --dir /var/lib/lastsave --appendonly yes
  echo 'port 7000' | lastsave-server -

It listens to SIGTERM and SIGINT: both save (if save points are configured) and end. A second SIGINT ends at once.
The tools `lastsave`, `redis-check-rdb` and `redis-check-aof` come with it; each has --help.
";
