//! What of the configuration the process itself obeys, when it changes at run time: where it listens, how many descriptors it
//! may have, and whom the kernel ends first.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lastsave_engine::{Config, Level, config};

use crate::log::Log;
use crate::net::{self, Listener};
use crate::process;
use crate::settings::strerror;

/// The sockets that take connections, shared with who may replace them.
pub(crate) struct Listening {
    listeners: Mutex<Vec<Listener>>,
    /// They have been replaced, and nobody has noticed yet.
    changed: AtomicBool,
    /// How many connections the process may have.
    max_clients: AtomicU32,
}

impl Listening {
    pub(crate) fn new(listeners: Vec<Listener>, max_clients: u32) -> Arc<Self> {
        Arc::new(Self {
            listeners: Mutex::new(listeners),
            changed: AtomicBool::new(false),
            max_clients: AtomicU32::new(max_clients),
        })
    }

    pub(crate) fn listeners(&self) -> MutexGuard<'_, Vec<Listener>> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn max_clients(&self) -> u32 {
        self.max_clients.load(Ordering::Relaxed)
    }

    /// Whether the sockets have been replaced since the last call.
    pub(crate) fn take_change(&self) -> bool {
        self.changed.swap(false, Ordering::Relaxed)
    }
}

/// Carries changes out. What it is asked for twice it does once.
pub(crate) struct Applier {
    listening: Arc<Listening>,
    log: Log,
    port: u16,
    bind: Vec<String>,
    max_clients: u32,
    dir: String,
    /// What the kernel's score was before we changed it.
    own_score: Option<i32>,
    /// What we made it.
    set_score: Option<i32>,
}

/// The parameter that could not be obeyed, and why.
type Refusal = (&'static str, String);

impl Applier {
    /// For a process that obeys `config` already, the kernel's score aside.
    pub(crate) fn new(config: &Config, listening: Arc<Listening>, log: Log) -> Self {
        Self {
            listening,
            log,
            port: config.port,
            bind: config.bind.clone(),
            max_clients: config.maxclients,
            dir: config.dir.clone(),
            own_score: None,
            set_score: None,
        }
    }

    /// Obeys `config`. After an error what came before it has been done.
    pub(crate) fn apply(&mut self, config: &Config) -> Result<(), Refusal> {
        if config.dir != self.dir {
            // For what is named relative to it: the log.
            std::env::set_current_dir(&config.dir).map_err(|error| ("dir", strerror(&error)))?;
            self.dir.clone_from(&config.dir);
        }
        self.apply_score(config)?;
        self.apply_max_clients(config)?;
        self.apply_port(config)
    }

    fn apply_max_clients(&mut self, config: &Config) -> Result<(), Refusal> {
        if config.maxclients == self.max_clients {
            return Ok(());
        }
        let allowed = process::allow_descriptors(config.maxclients);
        if allowed < config.maxclients {
            return Err((
                "maxclients",
                format!(
                    "The operating system is not able to handle the specified number of clients, try with {allowed}"
                ),
            ));
        }
        self.max_clients = config.maxclients;
        self.listening.max_clients.store(allowed, Ordering::Relaxed);
        Ok(())
    }

    fn apply_port(&mut self, config: &Config) -> Result<(), Refusal> {
        if config.port == self.port && config.bind == self.bind {
            return Ok(());
        }
        let mut listeners = self.listening.listeners();
        let is_tcp = |listener: &Listener| listener.unix_path.is_none();
        let moves = config.port != self.port;
        if !moves {
            // The addresses may overlap: the old ones have to go first.
            listeners.retain(|listener| !is_tcp(listener));
        }
        let opened = net::listen_tcp_all(config, &self.log);
        let refusal = opened.is_err().then(|| {
            if moves {
                (
                    "port",
                    "Unable to listen on this port. Check server logs.".into(),
                )
            } else {
                ("bind", "Failed to bind to specified addresses.".into())
            }
        });
        match opened {
            Ok(opened) => {
                listeners.retain(|listener| !is_tcp(listener));
                listeners.extend(opened);
                (self.port, self.bind) = (config.port, config.bind.clone());
            }
            Err(()) if !moves => {
                let old = Config {
                    port: self.port,
                    bind: self.bind.clone(),
                    ..config.clone()
                };
                listeners.extend(net::listen_tcp_all(&old, &self.log).unwrap_or_default());
            }
            Err(()) => {}
        }
        self.listening.changed.store(true, Ordering::Relaxed);
        refusal.map_or(Ok(()), Err)
    }

    fn apply_score(&mut self, config: &Config) -> Result<(), Refusal> {
        /// The highest that the kernel knows.
        const MOST: i32 = 1000;
        let value = |name: &str| {
            config::parameter(name.as_bytes())
                .map_or_else(String::new, |row| config::get(config, row))
        };
        let mode = value("oom-score-adj");
        let own = match (self.own_score, mode.as_str()) {
            (None, "no") => return Ok(()),
            (None, _) => *self.own_score.insert(process::oom_score_adj().unwrap_or(0)),
            (Some(own), _) => own,
        };
        // The first value is that of a server which is nobody's replica.
        let values = value("oom-score-adj-values");
        let first: i32 = values
            .split(' ')
            .next()
            .and_then(|word| word.parse().ok())
            .unwrap_or(0);
        let wanted = match mode.as_str() {
            "no" => own,
            "absolute" => first,
            _ => own + first,
        };
        let wanted = wanted.clamp(-MOST, MOST);
        if self.set_score == Some(wanted) {
            return Ok(());
        }
        match process::set_oom_score_adj(wanted) {
            Ok(()) => {
                self.set_score = Some(wanted);
                Ok(())
            }
            Err(error) => {
                self.log.line(
                    Level::Warning,
                    &format!("Unable to write oom_score_adj: {error}"),
                );
                Err((
                    "oom-score-adj",
                    "Failed to apply new oom_score_adj configuration, check server logs.".into(),
                ))
            }
        }
    }
}
