//! Paths, child processes and their logs.

use std::{
    env, fs,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// What went wrong, as the one line that is shown.
pub(crate) type Result<T> = std::result::Result<T, String>;

/// How often a long step says that it is still at work.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the crate lies two folders below the root")
}

/// Where logs and stamps go.
pub(crate) fn state_dir() -> PathBuf {
    root().join("target/xtask")
}

/// A command that starts in the workspace's root, reads nothing, and finds the tools we install first.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(root())
        .stdin(Stdio::null())
        .env("PATH", search_path());
    // Trunk reads NO_COLOR as an argument of its own and rejects the usual value.
    command.env_remove("NO_COLOR");
    command
}

/// `cargo`, the one that runs us.
pub(crate) fn cargo() -> Command {
    command(&env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
}

/// Our npm tools, then cargo's, then whatever the user has.
fn search_path() -> std::ffi::OsString {
    let mut folders = vec![root().join("node_modules/.bin")];
    let cargo_home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    folders.extend(cargo_home.map(|home| home.join("bin")));
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    env::join_paths(folders).expect("no folder of PATH holds a colon")
}

/// The program's path as the shell would find it, `None` if nowhere.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    env::split_paths(&search_path())
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// What a command prints on its standard output; `None` if it cannot be started or fails.
pub(crate) fn output_of(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a command whose output the user is to see; fails if it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}` failed ({status})")),
        Err(error) => Err(format!("`{shown}` cannot be started: {error}")),
    }
}

/// Runs a command with both its outputs appended to `log`, and says now and then how far it is.
pub(crate) fn run_logged(command: &mut Command, log: &Path) -> Result<ExitStatus> {
    let shown = show(command);
    let cannot = |error: io::Error| format!("`{shown}` cannot be started: {error}");
    let output = File::options()
        .create(true)
        .append(true)
        .open(log)
        .map_err(cannot)?;
    command
        .stdout(output.try_clone().map_err(cannot)?)
        .stderr(output);
    let mut child = command.spawn().map_err(cannot)?;
    let started = Instant::now();
    let mut next_sign = HEARTBEAT;
    loop {
        if let Some(status) = child.try_wait().map_err(cannot)? {
            return Ok(status);
        }
        if started.elapsed() >= next_sign {
            next_sign += HEARTBEAT;
            println!(
                "      {:>4} s  {}",
                started.elapsed().as_secs(),
                last_line(log)
            );
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// The command as it would be typed.
pub(crate) fn show(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The last line of a log that has something on it, shortened to fit beside a time.
fn last_line(log: &Path) -> String {
    const TAIL: u64 = 2048;
    let mut tail = Vec::new();
    if let Ok(mut file) = File::open(log) {
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        let _ = file.seek(SeekFrom::Start(length.saturating_sub(TAIL)));
        let _ = file.read_to_end(&mut tail);
    }
    let tail = String::from_utf8_lossy(&tail);
    let line = tail
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("");
    line.chars().take(80).collect()
}

/// Every file under `path`, sorted, without hidden ones. A file yields itself.
pub(crate) fn files_under(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        if path.is_file() {
            found.push(path);
        } else if path.is_dir() {
            for entry in fs::read_dir(&path)? {
                let entry = entry?;
                if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                    open.push(entry.path());
                }
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Turns an I/O error into the line that is shown, naming the path.
pub(crate) fn at(path: &Path) -> impl Fn(io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}
