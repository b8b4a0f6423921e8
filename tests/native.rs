//! Real processes and connections: `lastsave-server` and `redis-server` on ports of their own.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to answer, or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program built beside the tests: `lastsave-server`, `redis-check-aof` and so on.
///
/// # Panics
/// If it is not there.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test has a path");
    let folder = test.ancestors().nth(2).expect("tests lie in target/*/deps");
    let path = folder.join(name);
    assert!(
        path.is_file(),
        "{} is not there: run `cargo build -p lastsave-server` first, or `cargo xtask test`",
        path.display()
    );
    path
}

/// Where Debian puts a program of Redis.
///
/// # Panics
/// If it is not installed.
pub fn redis(name: &str) -> PathBuf {
    let path = Path::new("/usr/bin").join(name);
    assert!(
        path.is_file(),
        "{name} is missing: `cargo xtask test` installs it, or `apt-get install redis-server`"
    );
    path
}

/// A running server in a directory, killed when dropped.
pub struct Server {
    /// The process.
    pub child: Child,
    /// Its TCP port on 127.0.0.1.
    pub port: u16,
    /// Where its standard output went.
    pub log: PathBuf,
}

impl Server {
    /// Starts a server program in a directory on a free port, with more arguments, and waits until it answers.
    ///
    /// # Panics
    /// If it does not.
    pub fn start(program: &Path, dir: &Path, args: &[&str]) -> Self {
        let mut server = Self::spawn(program, dir, args);
        let started = Instant::now();
        loop {
            if let Ok(Some(status)) = server.child.try_wait() {
                let log = server.log_text();
                assert!(
                    log.contains("already in use"),
                    "the server ended with {status}:\n{log}"
                );
                // Another test's server was given the port at the same moment.
                return Self::start(program, dir, args);
            }
            if server.answers() {
                return server;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "the server does not answer:\n{}",
                server.log_text()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether somebody answers on the port: until our server does, it may be another one that is about to end.
    fn answers(&self) -> bool {
        self.try_connect().is_some_and(|mut client| {
            client.send_raw(b"PING\r\n").is_ok()
                && client
                    .read()
                    .is_ok_and(|answer| answer == Reply::Simple("PONG".into()))
        })
    }

    /// Starts a server program that may end at once.
    pub fn spawn(program: &Path, dir: &Path, args: &[&str]) -> Self {
        let port = free_port();
        let log = dir.join("server.log");
        let output = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("the log can be written");
        let errors = output.try_clone().expect("it is open");
        let child = Command::new(program)
            .args(args)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .expect("the server can be started");
        Self { child, port, log }
    }

    /// Waits until it answers, and returns a connection; or until it has ended, and returns its log.
    ///
    /// # Errors
    /// The log of a server that has ended.
    ///
    /// # Panics
    /// If it does neither.
    pub fn until_it_answers(&mut self) -> Result<Client, String> {
        let started = Instant::now();
        loop {
            if self.child.try_wait().expect("it is our child").is_some() {
                return Err(self.log_text());
            }
            if let Some(mut client) = self.try_connect()
                && client.send_raw(b"PING\r\n").is_ok()
                // A server that is about to end may still have taken the connection.
                && client
                    .read()
                    .is_ok_and(|answer| answer == Reply::Simple("PONG".into()))
                && self.child.try_wait().expect("it is our child").is_none()
            {
                return Ok(client);
            }
            assert!(
                started.elapsed() < PATIENCE,
                "the server does not answer:\n{}",
                self.log_text()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// What it has printed, in this run and those before in the same directory.
    pub fn log_text(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// A new connection.
    pub fn connect(&self) -> Client {
        self.try_connect().expect("the server takes connections")
    }

    /// A new connection; `None` if nobody listens yet.
    pub fn try_connect(&self) -> Option<Client> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        Some(Client::new(stream))
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it ends by itself and returns its exit code.
    ///
    /// # Panics
    /// If it does not end.
    pub fn wait(&mut self) -> Option<i32> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status.code();
            }
            assert!(
                started.elapsed() < PATIENCE,
                "the server does not end:\n{}",
                self.log_text()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// SHUTDOWN with these words, and waits until it has ended.
    pub fn shut_down(&mut self, words: &[&str]) {
        let mut client = self.connect();
        client.send(&[&["SHUTDOWN"], words].concat());
        assert_eq!(self.wait(), Some(0), "{}", self.log_text());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody listens on at this moment.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .expect("there is a free port")
        .port()
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `+OK`
    Simple(String),
    /// `-ERR …`, without the `-`.
    Error(String),
    /// `:1`
    Integer(i64),
    /// A string, or nothing.
    Bulk(Option<Vec<u8>>),
    /// Answers in a row; nothing if the array is null.
    Array(Option<Vec<Reply>>),
}

impl Reply {
    /// Reads an answer as it comes over a connection.
    ///
    /// # Errors
    /// If the connection ends or breaks, or what comes is no answer.
    pub fn read(from: &mut impl BufRead) -> std::io::Result<Self> {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let Some(line) = line.strip_suffix("\r\n") else {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        };
        let wrong = || std::io::Error::other(format!("no answer: {line:?}"));
        let (kind, rest) = line.split_at_checked(1).ok_or_else(wrong)?;
        let number = || rest.parse::<i64>().map_err(|_| wrong());
        Ok(match kind {
            "+" => Self::Simple(rest.into()),
            "-" => Self::Error(rest.into()),
            ":" => Self::Integer(number()?),
            "$" => match number()? {
                -1 => Self::Bulk(None),
                len => {
                    let mut bytes = vec![0; len as usize + 2];
                    from.read_exact(&mut bytes)?;
                    bytes.truncate(len as usize);
                    Self::Bulk(Some(bytes))
                }
            },
            "*" => match number()? {
                -1 => Self::Array(None),
                len => {
                    let items: std::io::Result<_> = (0..len).map(|_| Self::read(from)).collect();
                    Self::Array(Some(items?))
                }
            },
            _ => return Err(wrong()),
        })
    }
}

/// A connection to a server.
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Speaks over this stream.
    ///
    /// # Panics
    /// If the stream takes no time limit.
    pub fn new(stream: TcpStream) -> Self {
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("the limit is not zero");
        stream.set_nodelay(true).expect("it is a TCP stream");
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// Sends a command and reads its answer.
    ///
    /// # Panics
    /// If the connection breaks.
    pub fn call<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Reply {
        self.send(words);
        self.read().expect("an answer")
    }

    /// Sends a command.
    ///
    /// # Panics
    /// If the connection breaks.
    pub fn send<W: AsRef<[u8]>>(&mut self, words: &[W]) {
        let mut bytes = Vec::new();
        append_command(&mut bytes, words);
        self.send_raw(&bytes).expect("the server takes a command");
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// If the connection breaks.
    pub fn send_raw(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// If the connection ends or breaks, or what comes is no answer.
    pub fn read(&mut self) -> std::io::Result<Reply> {
        Reply::read(&mut self.stream)
    }
}

/// Appends a command as a client sends it.
pub fn append_command<W: AsRef<[u8]>>(out: &mut Vec<u8>, words: &[W]) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        let word = word.as_ref();
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// Random numbers from a seed: splitmix64.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.draw() % end
    }
}
