//! The real redis-server, started on files and looked at.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use lastsave_tests::native::{Reply, append_command, redis};

use crate::ours::Files;
use crate::state::{Ask, State, Words};

/// How long a start may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a start led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It serves.
    Up,
    /// It said why not, and exited with status 1.
    Refused,
    /// It crashed, or hung.
    Crashed(String),
}

/// A start on files, and what it left of them.
pub(crate) struct Opened {
    pub(crate) end: End,
    pub(crate) state: State,
    pub(crate) files: Files,
    /// The last lines of its log.
    pub(crate) log: String,
}

/// A directory in memory, where there is such a place: thousands of starts are no work for a disk.
pub(crate) fn directory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    made.expect("a directory can be made")
}

/// Puts files into a directory.
pub(crate) fn write_files(dir: &Path, files: &Files) {
    for (path, bytes) in files {
        let path = dir.join(path);
        let folder = path.parent().expect("it is in the directory");
        std::fs::create_dir_all(folder).expect("a folder can be made");
        std::fs::write(path, bytes).expect("a file can be written");
    }
}

/// Takes the files of a directory, and of the directories in it.
pub(crate) fn read_files(dir: &Path) -> Files {
    let mut files = Files::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder can be read") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(dir).expect("it is inside");
            let name = name.to_str().expect("names are UTF-8").to_owned();
            files.insert(name, std::fs::read(&path).expect("a file can be read"));
        }
    }
    files
}

/// A running redis-server.
pub(crate) struct Theirs {
    child: Child,
    socket: std::path::PathBuf,
    lines: mpsc::Receiver<String>,
    log: Vec<String>,
}

impl Theirs {
    /// Starts it in the directory `data` of `dir`, with a configuration; returns when it serves, or has ended.
    pub(crate) fn start(dir: &Path, config: &str) -> (Self, Option<ExitStatus>) {
        let data = dir.join("data");
        std::fs::create_dir_all(&data).expect("a folder can be made");
        let socket = dir.join("s");
        let path = dir.join("redis.conf");
        std::fs::write(&path, config).expect("a file can be written");
        let mut child = Command::new(redis("redis-server"))
            .arg(&path)
            .args(["--port", "0", "--unixsocket"])
            .arg(&socket)
            .arg("--dir")
            .arg(&data)
            // What it finds when it crashes is no concern here, and takes long.
            .args(["--crash-memcheck-enabled", "no"])
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server starts");
        let output = child.stdout.take().expect("it is piped");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n') {
                let Ok(line) = line else { return };
                if sender
                    .send(String::from_utf8_lossy(&line).into_owned())
                    .is_err()
                {
                    return;
                }
            }
        });
        let mut theirs = Self {
            child,
            socket,
            lines,
            log: Vec::new(),
        };
        let ended = theirs.wait_until_it_serves();
        (theirs, ended)
    }

    fn wait_until_it_serves(&mut self) -> Option<ExitStatus> {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    let serves = line.contains("ready to accept connections at");
                    self.log.push(line);
                    if serves {
                        return None;
                    }
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Some(self.child.wait().expect("it is our child"));
                }
                Err(mpsc::RecvTimeoutError::Timeout) => return Some(self.kill()),
            }
        }
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> Connection {
        let stream = UnixStream::connect(&self.socket).expect("it takes connections");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("the limit is not zero");
        Connection(BufReader::new(stream))
    }

    /// `kill -9` of it and of its children, all at once.
    pub(crate) fn kill_all(&mut self) {
        let group = format!("-{}", self.child.id());
        let killed = Command::new("kill").args(["-9", "--", &group]).status();
        assert!(
            killed.expect("there is kill(1)").success(),
            "it is its own group"
        );
        self.kill();
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) fn kill(&mut self) -> ExitStatus {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.child.wait().expect("it is our child")
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A connection to it.
pub(crate) struct Connection(BufReader<UnixStream>);

impl Connection {
    /// Sends requests.
    ///
    /// # Errors
    /// If it is gone.
    pub(crate) fn send(&mut self, requests: &[Words]) -> std::io::Result<()> {
        let mut bytes = Vec::new();
        for words in requests {
            append_command(&mut bytes, words);
        }
        self.0.get_mut().write_all(&bytes)
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// If it is gone.
    pub(crate) fn read(&mut self) -> std::io::Result<Reply> {
        Reply::read(&mut self.0)
    }
}

impl Ask for Connection {
    fn ask(&mut self, requests: &[Words]) -> Vec<Reply> {
        self.send(requests).expect("it takes requests");
        let read = || self.read().expect("it answers");
        std::iter::repeat_with(read).take(requests.len()).collect()
    }
}

/// Starts it on files, looks at everything, and kills it.
pub(crate) fn open(files: &Files, config: &str) -> Opened {
    let dir = directory();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).expect("a folder can be made");
    write_files(&data, files);
    let (mut theirs, ended) = Theirs::start(dir.path(), config);
    let (end, state) = match ended {
        None => {
            let state = State::of(&mut theirs.connect());
            theirs.kill();
            (End::Up, state)
        }
        Some(status) if status.code() == Some(1) => (End::Refused, State::default()),
        Some(status) => {
            let how = status
                .signal()
                .map_or(status.to_string(), |signal| format!("signal {signal}"));
            (End::Crashed(how), State::default())
        }
    };
    let tail = theirs.log.len().saturating_sub(4);
    Opened {
        end,
        state,
        files: read_files(&data),
        log: theirs.log[tail..].join(" | "),
    }
}
