//! One of the two servers: what it is asked, what it answers, the events it tells and the log it writes.

use std::fs;
use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use lastsave_tests::native::{Server, append_command};

use crate::value::Value;
use crate::{Words, words};

/// A server with two connections, one of them for what is published.
pub(crate) struct Side {
    client: BufReader<TcpStream>,
    events: BufReader<TcpStream>,
    log: PathBuf,
    /// How much of the log has been looked at.
    log_read: usize,
    server: Server,
    _dir: tempfile::TempDir,
}

/// Only what a test asks for happens: no saving, no rewriting, no cleaning up.
const SETTINGS: [&str; 14] = [
    "--save",
    "",
    "--appendonly",
    "yes",
    "--appendfsync",
    "no",
    "--auto-aof-rewrite-percentage",
    "0",
    "--enable-debug-command",
    "yes",
    "--notify-keyspace-events",
    "AKEnm",
    "--latency-tracking",
    "no",
];

impl Side {
    pub(crate) fn start(program: &Path) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let server = Server::start(program, dir.path(), &SETTINGS);
        let mut side = Self {
            client: connect(&server),
            events: connect(&server),
            log: dir.path().join("appendonlydir/appendonly.aof.1.incr.aof"),
            log_read: 0,
            server,
            _dir: dir,
        };
        side.call(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]);
        let subscribe = words(&["PSUBSCRIBE", "__key*__:*"]);
        send(&mut side.events, std::slice::from_ref(&subscribe));
        Value::read(&mut side.events).expect("an answer");
        side
    }

    /// Begins anew with a connection of which nothing is known.
    pub(crate) fn reconnect(&mut self) {
        self.client = connect(&self.server);
    }

    pub(crate) fn call(&mut self, request: &[&str]) -> Value {
        self.call_all(&[words(request)]).remove(0)
    }

    /// Sends commands at once and reads their answers.
    pub(crate) fn call_all(&mut self, requests: &[Words]) -> Vec<Value> {
        self.send_all(requests);
        self.read_all(requests.len())
    }

    pub(crate) fn send_all(&mut self, requests: &[Words]) {
        send(&mut self.client, requests);
    }

    pub(crate) fn read_all(&mut self, count: usize) -> Vec<Value> {
        let mut read = || Value::read(&mut self.client).expect("an answer");
        (0..count).map(|_| read()).collect()
    }

    /// The events since the last time, as channel and message.
    pub(crate) fn events(&mut self) -> Vec<(Vec<u8>, Vec<u8>)> {
        const END: &str = "__key@end__:";
        self.call(&["PUBLISH", END, ""]);
        let mut events = Vec::new();
        loop {
            let message = Value::read(&mut self.events).expect("a message");
            let [_, _, channel, text] = message.items() else {
                panic!("no message: {message:?}");
            };
            if channel.text() == END.as_bytes() {
                return events;
            }
            events.push((channel.text().to_vec(), text.text().to_vec()));
        }
    }

    /// The commands written to the append-only file since the last time.
    pub(crate) fn logged(&mut self) -> Vec<Words> {
        let bytes = fs::read(&self.log).expect("the log can be read");
        let mut from = &bytes[self.log_read..];
        self.log_read = bytes.len();
        let mut commands = Vec::new();
        while !from.is_empty() {
            let command = Value::read(&mut from).expect("the log holds whole commands");
            let words = command.items().iter().map(|word| word.text().to_vec());
            commands.push(words.collect());
        }
        commands
    }

    /// What INFO counts of what commands did.
    pub(crate) fn counters(&mut self) -> Vec<(&'static str, i64)> {
        const COUNTED: [&str; 4] = [
            "rdb_changes_since_last_save",
            "keyspace_hits",
            "keyspace_misses",
            "expired_keys",
        ];
        let info = self.call(&["INFO"]);
        let info = String::from_utf8_lossy(info.text()).into_owned();
        let value_of = |name: &'static str| {
            let mut lines = info.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            (
                name,
                value.and_then(|value| value.parse().ok()).unwrap_or(-1),
            )
        };
        COUNTED.map(value_of).to_vec()
    }
}

fn connect(server: &Server) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", server.port)).expect("a connection");
    stream.set_nodelay(true).expect("it is a TCP stream");
    let patience = Some(std::time::Duration::from_secs(60));
    stream.set_read_timeout(patience).expect("it is not zero");
    BufReader::new(stream)
}

fn send(to: &mut BufReader<TcpStream>, requests: &[Words]) {
    let mut bytes = Vec::new();
    for request in requests {
        append_command(&mut bytes, request);
    }
    to.get_mut().write_all(&bytes).expect("it is taken");
}
