//! The scenarios of `suite/commands`, line by line through the real redis-cli to a real redis-server: the same text must come back.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use lastsave_scenario::{Scenario, run};
use lastsave_tests::native::{Server, redis};

/// What a scenario's transcript says, without its commands and what stands before the first `# commands`.
struct Transcript {
    commands: Vec<String>,
    output: String,
}

fn ours(text: &str) -> Transcript {
    let scenario = Scenario::parse(text).expect("the scenario can be read");
    let report = run(&scenario, &mut |_| true);
    let (_, transcript) = report
        .transcript
        .split_once("Ready to accept connections\n")
        .expect("the scenario starts a server");
    let mut commands = Vec::new();
    let mut output = String::new();
    for line in transcript.lines() {
        match line.strip_prefix("$ ") {
            Some(command) => commands.push(command.to_owned()),
            None => writeln!(output, "{line}").expect("a string takes all"),
        }
    }
    Transcript { commands, output }
}

/// What the real ones print for the same commands.
fn theirs(commands: &[String]) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(&redis("redis-server"), dir.path(), &["--save", ""]);
    let mut cli = Command::new(redis("redis-cli"))
        .args(["--no-raw", "-p", &server.port.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-cli starts");
    let mut input = cli.stdin.take().expect("it reads from here");
    for command in commands {
        writeln!(input, "{command}").expect("redis-cli reads");
    }
    drop(input);
    let output = cli.wait_with_output().expect("redis-cli ends");
    String::from_utf8(output.stdout).expect("text")
}

/// The lines that say something, but for how long an answer took.
fn lines(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .filter(|line| !(line.starts_with('(') && line.ends_with("s)")))
        .collect()
}

#[test]
fn the_terminal_answers_as_redis_cli_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite/commands");
    let mut differing = Vec::new();
    let mut compared = 0;
    for entry in folder.read_dir().expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        let text = std::fs::read_to_string(&path).expect("it can be read");
        // What a server says of itself differs; and a redis-cli that listens does nothing else.
        if path.ends_with("server.scenario") || path.ends_with("listening.scenario") {
            continue;
        }
        let ours = ours(&text);
        let theirs = theirs(&ours.commands);
        compared += ours.commands.len();
        let (left, right) = (lines(&ours.output), lines(&theirs));
        let first = left
            .iter()
            .zip(&right)
            .position(|(left, right)| left != right);
        if let Some(at) =
            first.or((left.len() != right.len()).then_some(left.len().min(right.len())))
        {
            let around =
                |lines: &[&str]| lines[at.saturating_sub(3)..lines.len().min(at + 3)].join("\n  ");
            differing.push(format!(
                "{}:\n ours:\n  {}\n redis-cli:\n  {}",
                path.file_name().unwrap_or_default().to_string_lossy(),
                around(&left),
                around(&right)
            ));
        }
    }
    assert!(compared > 200, "only {compared} commands were compared");
    assert!(differing.is_empty(), "\n{}", differing.join("\n"));
}

#[test]
fn every_command_is_in_a_scenario() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite/commands");
    let mut typed: Vec<String> = Vec::new();
    for entry in folder.read_dir().expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        let text = std::fs::read_to_string(&path).expect("it can be read");
        let (commands, _) = text.split_once("\n---\n").expect("it has a transcript");
        typed.extend(commands.lines().map(str::to_ascii_lowercase));
    }
    let is_typed = |name: &str| {
        typed.iter().any(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        })
    };
    let rows = lastsave_keyspace::COMMANDS;
    let subcommands = rows.iter().flat_map(|row| {
        let names = row.subcommands.iter();
        names.map(move |subcommand| format!("{} {}", row.name, subcommand.name))
    });
    let commands = rows
        .iter()
        .filter(|row| row.subcommands.is_empty())
        .map(|row| row.name.to_owned());
    let missing: Vec<String> = commands
        .chain(subcommands)
        .filter(|name| !is_typed(name))
        .collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
