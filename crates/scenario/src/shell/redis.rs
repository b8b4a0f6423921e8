//! redis-cli, and Redis's commands typed bare.

use lastsave_dict::{Object as _, Record, ValueRef};
use lastsave_keyspace::Object;
use lastsave_rdb::{Aux, Encoder, EncoderOptions};
use lastsave_resp::{ArgsBuf, append_request, split_words};

use super::{Io, Mode, Shell, Style, words};
use crate::World;
use crate::reply::{bulk_text, error_text, format_for_terminal, format_raw};
use crate::world::{Called, Connection};

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

/// What redis-cli is asked to do.
#[derive(Debug, Default)]
struct Options {
    port: Option<u16>,
    db: Option<String>,
    repeat: u64,
    raw: Option<bool>,
    rdb: Option<String>,
    last_from_stdin: bool,
}

/// Whether a word is the name of a Redis command.
pub(super) fn is_command(name: &str) -> bool {
    lastsave_keyspace::lookup(name.as_bytes()).is_some()
}

/// The words of a line that is one Redis command and nothing for the shell: no pipe, no redirection. Words that both know
/// (`echo`, `watch`, `sort`) are Redis's in capitals.
pub(super) fn bare_command(line: &str) -> Option<Vec<Vec<u8>>> {
    let (name, rest) = match line.trim_start().split_once(char::is_whitespace) {
        Some((name, rest)) => (name, rest),
        None => (line.trim(), ""),
    };
    if !is_command(name) || (words::find(name).is_some() && name != "watch") {
        return None;
    }
    // `watch mykey` is Redis's, `watch 'ls -l'` the shell's.
    if name == "watch" {
        let command = rest.trim_start().trim_start_matches(['\'', '"', '-']);
        let first = command.split_whitespace().next().unwrap_or("");
        if first.is_empty() || words::find(first).is_some() || first == "n" {
            return None;
        }
    }
    // `save 900 1 # …` is a line of redis.conf: SAVE takes no words.
    let is_parameter = lastsave_engine::config::parameter(name.as_bytes()).is_some();
    if is_parameter && !rest.trim().is_empty() {
        return None;
    }
    let line = without_comment(line);
    if has_operator(line) {
        return None;
    }
    split_words(line.as_bytes())
}

/// The line up to a ` # `.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    for (index, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') if line[..index].ends_with(char::is_whitespace) => {
                let rest = &line[index + 1..];
                if rest.is_empty() || rest.starts_with(char::is_whitespace) {
                    return line[..index].trim_end();
                }
            }
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
    }
    line
}

/// Whether the shell has something to do with a line: a pipe, a redirection, a substitution.
fn has_operator(line: &str) -> bool {
    match super::parse::parse(line) {
        Ok(parsed) => {
            parsed.here_end.is_some()
                || parsed.pipelines.len() != 1
                || parsed.pipelines.iter().any(|pipeline| {
                    pipeline.stages.len() != 1
                        || pipeline
                            .stages
                            .iter()
                            .any(|stage| stage.input.is_some() || stage.output.is_some())
                })
                || super::parse::substitution(line).is_some()
        }
        Err(_) => false,
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

    // redis-cli --rdb.

    /// `redis-cli --rdb FILE`: the server's data as a snapshot, into a file or, for `-`, to the output.
    fn export_rdb(&mut self, io: &mut Io, port: u16, path: &str) -> i32 {
        let Some(engine) = self
            .world
            .engine()
            .filter(|engine| engine.config().port == port)
        else {
            return self.refuse_connection(port);
        };
        let bytes = encode(engine, self.world.now_us());
        for line in [
            "sending REPLCONF capa eof",
            "sending REPLCONF rdb-only 1",
            &format!(
                "SYNC sent to master, writing bytes of bulk transfer until EOF marker to '{path}'"
            ),
        ] {
            self.note(Style::Plain, line);
        }
        if path == "-" {
            self.print(io, Style::Plain, &bytes);
            if io.piped.is_none() {
                self.note(Style::Plain, "");
            }
        } else if let Err(error) = self.write_file(path, &bytes, false) {
            self.complain(&format!("Error opening '{path}': {error}"));
            return 1;
        } else {
            let path = self.resolve(path);
            self.world.file_is_snapshot(&path);
        }
        let text = format!("Transfer finished with success after {} bytes", bytes.len());
        self.note(Style::Plain, &text);
        if io.stdin.take().is_some() {
            self.note(
                Style::Warning,
                "--rdb only exports: what came by `<` was not read, and nothing was imported. To load a dump.rdb, put it in the server's directory and start the server (with appendonly no).",
            );
        }
        0
    }
}

/// The server's data as a snapshot.
fn encode(engine: &lastsave_engine::Engine, now_us: u64) -> Vec<u8> {
    let options = EncoderOptions {
        compression: engine.config().rdbcompression,
        checksum: engine.config().rdbchecksum,
        usage: None,
    };
    let aux = Aux {
        version: lastsave_engine::REDIS_VERSION,
        created_at_s: now_us / 1_000_000,
        used_memory: engine.status().used_memory,
        aof_base: false,
    };
    let mut encoder = Encoder::new(options, &aux);
    for (db, database) in engine.keyspace().databases.iter().enumerate() {
        let keys = &database.keys;
        if keys.is_empty() {
            continue;
        }
        encoder.database(db, keys.len() as u64, keys.expiring_len() as u64);
        for entry in keys.iter() {
            let frozen: Object;
            let value = match entry.value() {
                ValueRef::Integer(number) => ValueRef::Integer(number),
                ValueRef::Bytes(bytes) => ValueRef::Bytes(bytes),
                ValueRef::Object(object) => {
                    frozen = object.freeze();
                    ValueRef::Object(&frozen)
                }
            };
            encoder.record(
                db,
                &Record {
                    key: entry.key(),
                    value,
                    expires_at_ms: entry.expires_at_ms(),
                    tag: entry.tag(),
                },
            );
        }
    }
    encoder.finish();
    encoder.take(Vec::new())
}

/// Why redis-cli does nothing.
enum Refusal {
    /// It was asked about itself.
    Told(String),
    /// It was asked for something that it cannot do.
    Wrong(String),
}

fn parse_options(args: &[String]) -> Result<(Options, &[String]), Refusal> {
    let mut options = Options::default();
    let mut index = 0;
    while let Some(option) = args.get(index) {
        let value = args.get(index + 1);
        let value_of = |what: &str| {
            value.ok_or_else(|| {
                Refusal::Wrong(format!(
                    "Unrecognized option or bad number of args for: '{what}'"
                ))
            })
        };
        match option.as_str() {
            "-p" => {
                options.port = Some(
                    value_of(option)?
                        .parse()
                        .map_err(|_| Refusal::Wrong("Invalid server port.".into()))?,
                );
                index += 1;
            }
            "-n" => {
                options.db = Some(value_of(option)?.clone());
                index += 1;
            }
            "-r" => {
                options.repeat = value_of(option)?.parse().unwrap_or(1).min(1_000_000);
                index += 1;
            }
            "--rdb" => {
                options.rdb = Some(value_of(option)?.clone());
                index += 1;
            }
            // One machine, one user, no encryption: these change nothing.
            "-h" | "-i" | "-a" | "--pass" | "--user" | "-u" | "-t" => index += 1,
            "--no-auth-warning" | "-2" | "-3" | "-c" | "-e" => {}
            "--raw" => options.raw = Some(true),
            "--no-raw" => options.raw = Some(false),
            "-x" => options.last_from_stdin = true,
            "-v" | "--version" => {
                return Err(Refusal::Told(format!(
                    "redis-cli {}\n",
                    lastsave_engine::REDIS_VERSION
                )));
            }
            "--help" => {
                return Err(Refusal::Told(
                    "Usage: redis-cli [-p port] [-n db] [-r times] [-x] [--raw|--no-raw] [--rdb file] [command [arg …]]\n".into(),
                ));
            }
            other if other.starts_with('-') && other.len() > 1 => {
                return Err(Refusal::Wrong(format!(
                    "Unrecognized option or bad number of args for: '{other}'"
                )));
            }
            _ => break,
        }
        index += 1;
    }
    Ok((options, &args[index.min(args.len())..]))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(line: &str) -> Option<Vec<String>> {
        let words = bare_command(line)?;
        Some(
            words
                .iter()
                .map(|word| String::from_utf8_lossy(word).into_owned())
                .collect(),
        )
    }

    #[test]
    fn bare_commands_are_told_from_the_shells_own() {
        for (line, words) in [
            ("SET k \"a b\"", &["SET", "k", "a b"][..]),
            ("get k  # what is it", &["get", "k"]),
            ("SET color #fff", &["SET", "color", "#fff"]),
            ("ECHO hi", &["ECHO", "hi"]),
            ("watch mykey", &["watch", "mykey"]),
            ("SAVE", &["SAVE"]),
        ] {
            assert_eq!(
                bare(line).as_deref().map(<[String]>::to_vec),
                Some(words.iter().map(ToString::to_string).collect()),
                "{line}"
            );
        }
        for line in [
            "echo hi",
            "watch 'ls -lh *.aof *.rdb'",
            "save 900 1     # Save if at least 1 key changed",
            "INFO persistence | grep rdb",
            "GET k > file",
            "ls",
            "nonsense",
        ] {
            assert_eq!(bare(line), None, "{line}");
        }
    }
}
