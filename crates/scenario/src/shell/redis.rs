//! redis-cli, and Redis's commands typed bare.

use lastsave_resp::{ArgsBuf, append_request, split_words};

use super::{Io, Mode, Shell, Style, words};
use crate::World;
use crate::reply::{bulk_text, error_text, format_for_terminal, format_raw};
use crate::world::{Called, Connection};
use options::{Refusal, parse_options};

pub(super) use bare::{bare_command, is_command};

mod bare;
mod export;
mod options;

/// Messages shown behind one command at most.
const SHOWN_MESSAGES: usize = 20;

/// An interactive redis-cli.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Session {
    connection: Option<Connection>,
    db: usize,
    in_transaction: bool,
    port: u16,
}

impl Session {
    pub(super) fn prompt(&self, world: &World) -> String {
        let connected = self
            .connection
            .is_some_and(|connection| world.connected(connection));
        if !connected && !world.running() {
            return "not connected> ".into();
        }
        let db = match self.db {
            0 => String::new(),
            db => format!("[{db}]"),
        };
        let transaction = if self.in_transaction { "(TX)" } else { "" };
        format!("127.0.0.1:{}{db}{transaction}> ", self.port)
    }
}

impl Shell {
    // Bare commands.

    /// A Redis command typed at the shell's prompt.
    pub(super) fn run_bare(&mut self, words: &[Vec<u8>]) {
        self.last_output.clear();
        let mut io = Io {
            stdin: None,
            piped: None,
        };
        self.status = self.bare(&mut io, words);
        self.show_log();
    }

    /// The same within a pipeline.
    pub(super) fn redis_words(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let words: Vec<Vec<u8>> = args.iter().map(|word| word.clone().into_bytes()).collect();
        self.bare(io, &words)
    }

    fn bare(&mut self, io: &mut Io, words: &[Vec<u8>]) -> i32 {
        let connection = self
            .connection
            .filter(|connection| self.world.connected(*connection))
            .or_else(|| self.world.connect());
        self.connection = connection;
        let Some(connection) = connection else {
            return self.refuse_connection(self.port());
        };
        let raw = io.piped.is_some();
        self.send(io, connection, words, raw)
    }

    fn port(&self) -> u16 {
        self.world
            .engine()
            .map_or(6379, |engine| engine.config().port)
    }

    fn refuse_connection(&mut self, port: u16) -> i32 {
        self.last_reply.clear();
        self.complain(&format!(
            "Could not connect to Redis at 127.0.0.1:{port}: Connection refused"
        ));
        1
    }

    /// Sends one request and prints its reply.
    fn send(&mut self, io: &mut Io, connection: Connection, words: &[Vec<u8>], raw: bool) -> i32 {
        let Some(name) = words.first() else { return 0 };
        let args: ArgsBuf = words.iter().collect();
        let mut request = Vec::new();
        append_request(&mut request, args.as_args());
        self.last_reply.clear();
        if listens(name) || (ends_listening(name) && self.is_listening()) {
            return self.listen(io, &request, raw);
        }
        match self.world.call(connection, &request) {
            Called::Reply(reply) => {
                let is_error = reply.first() == Some(&b'-');
                let style = if is_error { Style::Loss } else { Style::Plain };
                if let Some(text) = verbatim(words).then(|| bulk_text(&reply)).flatten() {
                    self.print(io, style, text.strip_suffix(b"\r\n").unwrap_or(text));
                    self.print(io, style, "\n");
                } else if raw {
                    self.print(io, style, format_raw(&reply));
                } else {
                    self.print(io, style, format_for_terminal(&reply));
                }
                if !is_error {
                    self.hint_behind(words);
                }
                self.last_reply = reply;
                i32::from(is_error && raw)
            }
            Called::Closed => {
                if !name.eq_ignore_ascii_case(b"shutdown") && !name.eq_ignore_ascii_case(b"quit") {
                    self.complain("Error: Server closed the connection");
                    return 1;
                }
                0
            }
            Called::Silent => 0,
            Called::WaitsForKey { hope } => {
                self.complain(if hope {
                    "(nothing came within a simulated minute; the command was interrupted)"
                } else {
                    "(nothing here could ever answer this: no workload runs, and this terminal waits; the command was interrupted)"
                });
                1
            }
            Called::Waiting => {
                self.complain("(no reply within a simulated minute: the server waits for its disk; the connection was given up)");
                1
            }
        }
    }

    // Listening.

    /// Whether a connection listens to messages.
    fn is_listening(&self) -> bool {
        self.listener
            .is_some_and(|listener| self.world.connected(listener))
    }

    /// Sends a request that asks for messages, or for no more of them. In redis-cli the terminal would do nothing else from
    /// then on; here a connection of its own listens, and what it receives is printed behind each command.
    fn listen(&mut self, io: &mut Io, request: &[u8], raw: bool) -> i32 {
        let began = !self.is_listening();
        if began {
            self.listener = self.world.connect();
        }
        let Some(listener) = self.listener else {
            return self.refuse_connection(self.port());
        };
        let mut failed = false;
        for reply in self.world.call_for_all(listener, request) {
            failed = reply.starts_with(b"-");
            self.print_message(io, &reply, raw);
            self.last_reply = reply;
        }
        if began && !failed && io.piped.is_none() {
            self.note(
                Style::Dim,
                "(a connection of its own listens: what it receives is printed here behind each command; Ctrl+C ends it)",
            );
        }
        i32::from(failed && raw)
    }

    /// Prints what has been received since the last call.
    pub(super) fn show_messages(&mut self) {
        let Some(listener) = self.listener else {
            return;
        };
        let messages = self.world.take_messages(listener);
        let missed = self.world.take_missed(listener);
        let hidden = messages.len().saturating_sub(SHOWN_MESSAGES) as u64 + missed;
        for message in messages.iter().take(SHOWN_MESSAGES) {
            let mut io = Io {
                stdin: None,
                piped: None,
            };
            self.print_message(&mut io, message, false);
        }
        if hidden > 0 {
            self.note(Style::Dim, &format!("… {hidden} more messages"));
        }
    }

    /// Ends listening. Returns whether there was anything to end.
    pub(super) fn stop_listening(&mut self) -> bool {
        let listener = self.listener.take();
        if let Some(listener) = listener {
            self.world.disconnect(listener);
        }
        listener.is_some()
    }

    fn print_message(&mut self, io: &mut Io, message: &[u8], raw: bool) {
        let style = if message.starts_with(b"-") {
            Style::Loss
        } else {
            Style::Plain
        };
        if raw {
            self.print(io, style, format_raw(message));
        } else {
            self.print(io, style, format_for_terminal(message));
        }
    }

    /// What a newcomer should know behind a command.
    fn hint_behind(&mut self, words: &[Vec<u8>]) {
        if words[0].eq_ignore_ascii_case(b"bgsave")
            || words[0].eq_ignore_ascii_case(b"bgrewriteaof")
        {
            self.note(
                Style::Dim,
                "(time stands still until you let it pass: `advance 1s`)",
            );
        }
    }

    // redis-cli.

    pub(super) fn redis_cli(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let (options, words) = match parse_options(&args[1..]) {
            Ok(parsed) => parsed,
            Err(Refusal::Told(text)) => {
                self.print(io, Style::Plain, text);
                return 0;
            }
            Err(Refusal::Wrong(text)) => {
                self.complain(&text);
                return 1;
            }
        };
        let port = options.port.unwrap_or(6379);
        if let Some(path) = &options.rdb {
            return self.export_rdb(io, port, path);
        }
        let mut words: Vec<Vec<u8>> = words.iter().map(|word| word.clone().into_bytes()).collect();
        if options.last_from_stdin {
            words.push(io.stdin.take().unwrap_or_default());
        }
        let raw = options.raw.unwrap_or(io.piped.is_some());
        if words.is_empty() && io.stdin.is_none() {
            return self.open_session(port, options.db.as_deref());
        }
        let Some(connection) = self.connect_to(port) else {
            return self.refuse_connection(port);
        };
        let mut status = 0;
        if let Some(db) = &options.db {
            // As in redis-cli, the command is sent all the same if that fails.
            self.select(io, connection, db);
        }
        if words.is_empty() {
            let input = io.stdin.take().unwrap_or_default();
            for line in input.split(|byte| *byte == b'\n') {
                match split_words(line) {
                    Some(words) if words.is_empty() => {}
                    Some(words) => status = self.send(io, connection, &words, raw),
                    None => self.complain("Invalid argument(s)"),
                }
            }
        } else {
            for _ in 0..options.repeat.max(1) {
                status = self.send(io, connection, &words, raw);
            }
        }
        self.world.disconnect(connection);
        status
    }

    fn connect_to(&mut self, port: u16) -> Option<Connection> {
        if self.world.running() && self.port() == port {
            self.world.connect()
        } else {
            None
        }
    }

    fn select(&mut self, io: &mut Io, connection: Connection, db: &str) -> bool {
        let request = request(&["SELECT", db]);
        match self.world.call(connection, &request) {
            Called::Reply(reply) if reply.starts_with(b"+") => true,
            Called::Reply(reply) => {
                let text = error_text(&reply).unwrap_or(b"").to_vec();
                let text = String::from_utf8_lossy(&text).into_owned();
                self.print(io, Style::Loss, format!("SELECT {db} failed: {text}\n"));
                false
            }
            _ => false,
        }
    }

    fn open_session(&mut self, port: u16, db: Option<&str>) -> i32 {
        let connection = self.connect_to(port);
        if connection.is_none() {
            self.refuse_connection(port);
        }
        let mut session = Session {
            connection,
            port,
            ..Session::default()
        };
        if let (Some(connection), Some(db)) = (connection, db) {
            let mut io = Io {
                stdin: None,
                piped: None,
            };
            if self.select(&mut io, connection, db) {
                session.db = db.parse().unwrap_or(0);
            }
        }
        self.mode = Mode::Redis(session);
        0
    }

    /// A line typed in an interactive redis-cli.
    pub(super) fn read_redis_line(&mut self, mut session: Session, line: &str) {
        let Some(words) = split_words(line.as_bytes()) else {
            self.complain("Invalid argument(s)");
            self.mode = Mode::Redis(session);
            return;
        };
        let Some(name) = words.first() else {
            self.mode = Mode::Redis(session);
            return;
        };
        if name.eq_ignore_ascii_case(b"exit") || name.eq_ignore_ascii_case(b"quit") {
            if let Some(connection) = session.connection {
                self.world.disconnect(connection);
            }
            return;
        }
        let text = String::from_utf8_lossy(name).into_owned();
        if name.eq_ignore_ascii_case(b"clear") {
            self.mode = Mode::Redis(session);
            return;
        }
        if matches!(text.as_str(), "advance" | "step") {
            // Time passes in redis-cli too: the clock may play meanwhile.
            let args: Vec<String> = words
                .iter()
                .map(|word| String::from_utf8_lossy(word).into_owned())
                .collect();
            let mut io = Io {
                stdin: None,
                piped: None,
            };
            self.status = self.run_words(&args, &mut io);
            self.mode = Mode::Redis(session);
            return;
        }
        if session
            .connection
            .is_none_or(|connection| !self.world.connected(connection))
        {
            session = Session {
                connection: self.connect_to(session.port),
                port: session.port,
                ..Session::default()
            };
        }
        self.last_output.clear();
        let mut io = Io {
            stdin: None,
            piped: None,
        };
        match session.connection {
            None => {
                self.refuse_connection(session.port);
            }
            Some(connection) => {
                self.send(&mut io, connection, &words, false);
                let ok = self.last_reply.starts_with(b"+OK");
                let is = |word: &[u8]| name.eq_ignore_ascii_case(word);
                if ok && is(b"select") {
                    let db = words.get(1).and_then(|db| std::str::from_utf8(db).ok());
                    session.db = db.and_then(|db| db.parse().ok()).unwrap_or(session.db);
                }
                if ok && is(b"multi") {
                    session.in_transaction = true;
                } else if is(b"exec") || (ok && is(b"discard")) {
                    session.in_transaction = false;
                }
                if words::find(&text).is_some() && !is_command(&text) {
                    self.note(
                        Style::Dim,
                        &format!("(`{text}` is a word of the shell: `exit` leads there)"),
                    );
                }
            }
        }
        self.show_log();
        self.mode = Mode::Redis(session);
    }
}

/// Whether a command asks for messages that come by themselves.
fn listens(name: &[u8]) -> bool {
    ["subscribe", "psubscribe", "ssubscribe", "monitor"]
        .iter()
        .any(|listens| name.eq_ignore_ascii_case(listens.as_bytes()))
}

/// Whether a command asks for no more of them.
fn ends_listening(name: &[u8]) -> bool {
    ["unsubscribe", "punsubscribe", "sunsubscribe"]
        .iter()
        .any(|ends| name.eq_ignore_ascii_case(ends.as_bytes()))
}

/// Whether redis-cli prints the reply of a command as it is.
fn verbatim(words: &[Vec<u8>]) -> bool {
    let is = |index: usize, word: &[u8]| {
        words
            .get(index)
            .is_some_and(|given| given.eq_ignore_ascii_case(word))
    };
    is(0, b"info")
        || (is(0, b"client") && (is(1, b"list") || is(1, b"info")))
        || (is(0, b"debug") && (is(1, b"htstats") || is(1, b"htstats-key")))
        || (is(0, b"memory") && (is(1, b"doctor") || is(1, b"malloc-stats")))
        || (is(0, b"cluster") && (is(1, b"nodes") || is(1, b"info")))
        || (is(0, b"latency") && (is(1, b"graph") || is(1, b"doctor")))
}

/// A request of these words.
fn request(words: &[&str]) -> Vec<u8> {
    let args: ArgsBuf = words.iter().collect();
    let mut request = Vec::new();
    append_request(&mut request, args.as_args());
    request
}
