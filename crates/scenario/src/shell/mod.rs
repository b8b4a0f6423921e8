//! The shell: lines in, styled text out.
//!
//! - [`parse`]: words, quotes, pipes, lists, redirections, here-documents;
//! - [`words`]: the table of commands, from which help, completion and suggestions derive;
//! - [`redis`]: redis-cli, and Redis's commands typed bare;
//! - [`server`]: starting and ending the server;
//! - [`files`], [`listing`], [`filters`]: looking at files and changing them, and what stands behind a pipe;
//! - [`tools`]: redis-check-aof and redis-check-rdb; [`inspect`]: what the native tools do; [`bytes`]: bytes put there by hand;
//! - [`lab`]: time, crashes; [`machine`]: the profile; [`workload`]: the load; [`fault`], [`decay`]: what can break;
//! - [`expect`] checks what is expected;
//! - [`travel`]: what [`crate::History`] drives a shell by;
//! - [`complete`]: the Tab key; [`output`]: what is printed; [`manual`]: docs/scenarios.md.

mod bytes;
mod complete;
mod decay;
mod expect;
mod fault;
mod files;
mod filters;
mod inspect;
mod lab;
mod listing;
mod machine;
mod manual;
mod output;
mod parse;
mod redis;
mod server;
mod tools;
mod travel;
mod words;
mod workload;

pub(crate) use expect::claim_of;
pub use manual::manual_markdown;

use std::collections::{BTreeMap, VecDeque};

use crate::attachments::Attachments;
use crate::world::Connection;
use crate::{CheckView, View, ViewRequest, World};
use parse::{Pipeline, Stage};
pub(crate) use travel::Turn;

/// How a piece of output is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Style {
    /// Ordinary text.
    #[default]
    Plain,
    /// The prompt.
    Prompt,
    /// A line as it was typed.
    Input,
    /// A comment, a log line.
    Dim,
    /// A number or a status worth seeing.
    Accent,
    /// A warning.
    Warning,
    /// An error, or loss.
    Loss,
}

/// A piece of terminal output. Line ends are inside `text`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Span {
    /// How it is drawn.
    pub style: Style,
    /// The text.
    pub text: String,
}

/// Whether there is more to do.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Progress {
    /// Every line entered has been carried out.
    Idle,
    /// A line is being carried out.
    Running {
        /// What it is doing, for a progress bar: `advance 47m`.
        what: String,
        /// How much of it is done, 0 to 1.
        fraction: f64,
    },
}

/// What could stand at the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Completion {
    /// Where the completed word begins, in bytes of the line.
    pub start: usize,
    /// The words it could be, best first.
    pub candidates: Vec<String>,
    /// The arguments still to come, as redis-cli hints at them, to be shown dim behind the line.
    pub hint: String,
}

/// A terminal on a simulated machine. See the crate's documentation.
#[derive(Clone)]
pub struct Shell {
    world: World,
    /// Lines entered and not carried out yet, with their numbers in a scenario file.
    lines: VecDeque<(usize, String)>,
    /// Pipelines of the line being carried out.
    pipelines: VecDeque<Pipeline>,
    mode: Mode,
    wait: Option<Wait>,
    output: Vec<Span>,
    /// The exit status of the last pipeline.
    status: i32,
    /// The directory that the shell is in, relative to the data directory.
    directory: String,
    /// The connection that bare Redis commands share, so that MULTI works as in one session.
    connection: Option<Connection>,
    /// The connection that messages come by.
    listener: Option<Connection>,
    /// What the last command printed, for `expect output`.
    last_output: String,
    /// The last reply of a Redis command, for `expect reply`.
    last_reply: Vec<u8>,
    /// The command line being carried out, as typed.
    command_text: String,
    /// The command line that started the server.
    server_line: String,
    /// How each server process was started, by the process's number.
    starts: BTreeMap<u32, server::Start>,
    /// The number of the line being carried out.
    line_number: usize,
    passed: u64,
    failures: Vec<String>,
    /// Every expectation that was checked, in order.
    checks: Vec<CheckView>,
    /// The bytes of large files that lines only name.
    attachments: Attachments,
}

/// What the next line is for.
#[derive(Clone)]
enum Mode {
    /// Commands.
    Shell,
    /// The text of a here-document.
    Here {
        pipelines: Vec<Pipeline>,
        end: String,
        body: String,
    },
    /// An interactive redis-cli.
    Redis(redis::Session),
    /// An answer to `redis-check-aof --fix`.
    Answer(Vec<String>),
}

/// Time that has to pass before the next command.
#[derive(Clone)]
struct Wait {
    from_us: u64,
    until_us: u64,
    /// Everything due up to here has happened, unless several things are due at this very moment.
    reached_us: u64,
    /// What ends it early: `step fsync`.
    stop: Option<travel::Stop>,
    what: String,
    /// What was counted at its beginning.
    before: lab::Counts,
    /// Whether it is told what happened meanwhile.
    tell: bool,
}

/// The streams of one command.
#[derive(Clone)]
struct Io {
    stdin: Option<Vec<u8>>,
    /// Where its output goes, unless to the terminal.
    piped: Option<Vec<u8>>,
}

/// The word that ends the here-document begun on this line, if the line begins one.
pub fn here_end_of(line: &str) -> Option<String> {
    if redis::bare_command(line).is_some() || expect::words(line).is_some() {
        return None;
    }
    parse::parse(line).ok()?.here_end
}

/// Substitutions in one line at most.
const MAX_SUBSTITUTIONS: usize = 16;

impl Shell {
    /// A terminal on a fresh machine.
    pub fn new(seed: u64) -> Self {
        Self {
            world: World::new(seed),
            lines: VecDeque::new(),
            pipelines: VecDeque::new(),
            mode: Mode::Shell,
            wait: None,
            output: Vec::new(),
            status: 0,
            directory: String::new(),
            connection: None,
            listener: None,
            last_output: String::new(),
            last_reply: Vec::new(),
            command_text: String::new(),
            server_line: String::new(),
            starts: BTreeMap::new(),
            line_number: 0,
            passed: 0,
            failures: Vec::new(),
            checks: Vec::new(),
            attachments: Attachments::default(),
        }
    }

    /// Enters a line, as if it were typed and followed by the Enter key. Lines queue up; [`Shell::run`] carries them out. A line
    /// inside a heredoc belongs to it.
    pub fn enter(&mut self, line: &str) {
        self.enter_numbered(0, line);
    }

    /// As [`Shell::enter`], for a line of a scenario file: failed expectations name it.
    pub fn enter_numbered(&mut self, line_number: usize, line: &str) {
        for line in line.trim_end_matches('\n').split('\n') {
            self.lines
                .push_back((line_number, line.trim_end_matches('\r').to_owned()));
        }
    }

    /// Carries out what was entered, up to about `max_events` events of the simulation, and says whether there is more to do.
    pub fn run(&mut self, max_events: u64) -> Progress {
        let mut left = max_events.max(1);
        loop {
            self.tell_armed_crash();
            if left == 0 && (self.wait.is_some() || self.pipelines.is_empty()) {
                return if self.is_idle() {
                    Progress::Idle
                } else {
                    self.progress()
                };
            }
            match self.turn(u64::MAX, left) {
                Turn::Waited { events, .. } => left = left.saturating_sub(events.max(1)),
                Turn::Read => left = left.saturating_sub(1),
                Turn::Ran(_) => {}
                Turn::Idle => return Progress::Idle,
            }
        }
    }

    pub(crate) fn progress(&self) -> Progress {
        let (what, fraction) = match &self.wait {
            Some(wait) => {
                let total_us = (wait.until_us - wait.from_us).max(1);
                let done_us = self.world.now_us().saturating_sub(wait.from_us);
                (wait.what.clone(), done_us as f64 / total_us as f64)
            }
            None => (String::new(), 0.0),
        };
        Progress::Running {
            what,
            fraction: fraction.min(1.0),
        }
    }

    /// Gives up the line being carried out, and those waiting: Ctrl+C, Stop. The world stays where it is.
    pub fn interrupt(&mut self) {
        self.lines.clear();
        self.pipelines.clear();
        let listened = self.stop_listening();
        if self.wait.take().is_some() || listened || !matches!(self.mode, Mode::Shell) {
            self.emit(Style::Dim, "^C\n");
        }
        if !matches!(self.mode, Mode::Redis(_)) {
            self.mode = Mode::Shell;
        }
        self.show_log();
    }

    /// Lets simulated time pass with no line for it, unless something is being carried out: a clock that plays by itself.
    /// [`Shell::run`] carries it out.
    pub fn let_pass(&mut self, duration_us: u64) {
        if self.wait.is_none() && self.lines.is_empty() && self.pipelines.is_empty() {
            self.wait_for(duration_us, "time".into(), false);
        }
    }

    /// Takes the output since the last call. Entered lines are echoed in it, behind their prompts.
    pub fn take_output(&mut self) -> Vec<Span> {
        std::mem::take(&mut self.output)
    }

    /// The prompt: `$ `, `> ` inside a heredoc, `127.0.0.1:6379> ` inside an interactive redis-cli.
    pub fn prompt(&self) -> String {
        match &self.mode {
            Mode::Shell => "$ ".into(),
            Mode::Here { .. } => "> ".into(),
            Mode::Redis(session) => session.prompt(&self.world),
            Mode::Answer(_) => "Continue? [y/N]: ".into(),
        }
    }

    /// What could stand at the end of `line`, which is being typed.
    pub fn complete(&self, line: &str) -> Completion {
        complete::complete(self, line)
    }

    /// What the page shows.
    pub fn view(&mut self, request: &ViewRequest) -> View {
        View {
            checks: request.checks.then(|| self.checks.clone()),
            ..self.world.view(request)
        }
    }

    /// The machine.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// How the server process of this number was started.
    pub(crate) fn start_of(&self, process: u32) -> Option<&server::Start> {
        self.starts.get(&process)
    }

    /// The machine, for whoever steps it from inside this crate.
    pub(crate) fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// Expectations met so far, and those that were not, each in a sentence.
    pub fn expectations(&self) -> (u64, &[String]) {
        (self.passed, &self.failures)
    }

    // Reading lines.

    fn read_line(&mut self, line: &str) {
        let prompt = self.prompt();
        let is_comment = line.trim_start().starts_with('#') && matches!(self.mode, Mode::Shell);
        if is_comment {
            return self.emit(Style::Dim, format!("{}\n", line.trim_end()));
        }
        if line.trim().is_empty() && matches!(self.mode, Mode::Shell) {
            return self.emit(Style::Plain, "\n");
        }
        self.emit(Style::Prompt, prompt);
        self.emit(Style::Input, format!("{}\n", bytes::echoed(line)));
        match std::mem::replace(&mut self.mode, Mode::Shell) {
            Mode::Shell => self.read_command(line),
            Mode::Here {
                mut pipelines,
                end,
                mut body,
            } => {
                if line.trim() == end {
                    if let Some(stage) = pipelines
                        .first_mut()
                        .and_then(|line| line.stages.first_mut())
                    {
                        stage.here = Some(body);
                    }
                    self.pipelines = pipelines.into();
                } else {
                    body.push_str(line);
                    body.push('\n');
                    self.mode = Mode::Here {
                        pipelines,
                        end,
                        body,
                    };
                }
            }
            Mode::Redis(session) => self.read_redis_line(session, line),
            Mode::Answer(args) => self.answer_check(&args, line.trim()),
        }
    }

    fn read_command(&mut self, line: &str) {
        // `SET k "a b"` typed bare is read as redis-cli reads it, unless the shell has something to do with it.
        if let Some(words) = redis::bare_command(line) {
            return self.run_bare(&words);
        }
        // An expectation's `<` and `>` compare.
        if let Some(words) = expect::words(line) {
            let mut io = Io {
                stdin: None,
                piped: None,
            };
            self.status = self.expect(&mut io, &words);
            return;
        }
        let line = match self.substitute(line) {
            Ok(line) => line,
            Err(message) => return self.complain(&message),
        };
        match parse::parse(&line) {
            Ok(parsed) => match parsed.here_end {
                Some(end) => {
                    self.mode = Mode::Here {
                        pipelines: parsed.pipelines,
                        end,
                        body: String::new(),
                    };
                }
                None => self.pipelines = parsed.pipelines.into(),
            },
            Err(message) => {
                self.status = 2;
                self.complain(&format!("sh: {message}"));
            }
        }
    }

    /// Replaces `$(…)` by what the command inside prints.
    fn substitute(&mut self, line: &str) -> Result<String, String> {
        let mut line = line.to_owned();
        for _ in 0..MAX_SUBSTITUTIONS {
            let Some((whole, inner)) = parse::substitution(&line) else {
                return Ok(line);
            };
            let parsed = parse::parse(&line[inner]).map_err(|message| format!("sh: {message}"))?;
            let mut text = Vec::new();
            for pipeline in parsed.pipelines {
                text.extend(self.capture(pipeline));
            }
            let text = String::from_utf8_lossy(&text);
            line.replace_range(
                whole,
                &text.split_whitespace().collect::<Vec<_>>().join(" "),
            );
        }
        Err("sh: too many substitutions in one line".into())
    }

    // Running.

    /// Runs a pipeline and returns what it printed.
    fn capture(&mut self, pipeline: Pipeline) -> Vec<u8> {
        let mut io = Io {
            stdin: None,
            piped: Some(Vec::new()),
        };
        self.run_stages(pipeline.stages, &mut io);
        io.piped.unwrap_or_default()
    }

    fn run_pipeline(&mut self, pipeline: Pipeline) {
        if !words::is_expectation(&pipeline) {
            self.last_output.clear();
        }
        let mut io = Io {
            stdin: None,
            piped: None,
        };
        self.command_text = pipeline.text;
        self.run_stages(pipeline.stages, &mut io);
        if self.wait.is_none() {
            self.show_log();
        }
    }

    /// Runs the stages one after the other, each one's output the next one's input; the last prints to `io`.
    fn run_stages(&mut self, stages: Vec<Stage>, io: &mut Io) {
        let last = stages.len().saturating_sub(1);
        let mut carried = io.stdin.take();
        for (index, stage) in stages.into_iter().enumerate() {
            let file_input = match &stage.input {
                Some(path) => match self.read_file(path) {
                    Ok(bytes) => Some(bytes),
                    Err(error) => {
                        self.status = 1;
                        return self.complain(&format!("sh: {path}: {error}"));
                    }
                },
                None => None,
            };
            let here = stage.here.map(String::into_bytes);
            let captured = index < last || stage.output.is_some() || io.piped.is_some();
            let mut stage_io = Io {
                stdin: here.or(file_input).or(carried.take()),
                piped: captured.then(Vec::new),
            };
            let args = match stage.words.first() {
                Some(first) if words::reads_patterns(&first.text) => {
                    stage.words.into_iter().map(|word| word.text).collect()
                }
                _ => self.expand(stage.words),
            };
            self.status = self.run_words(&args, &mut stage_io);
            let printed = stage_io.piped.unwrap_or_default();
            if let Some((path, append)) = &stage.output {
                if let Err(error) = self.write_file(path, &printed, *append) {
                    self.status = 1;
                    return self.complain(&format!("sh: {path}: {error}"));
                }
                carried = Some(Vec::new());
            } else if index < last {
                carried = Some(printed);
            } else if let Some(out) = &mut io.piped {
                out.extend(printed);
            }
        }
    }

    /// Carries out one command: its exit status.
    fn run_words(&mut self, args: &[String], io: &mut Io) -> i32 {
        let Some(name) = args.first() else { return 0 };
        if let Some(word) = words::find(name) {
            return (word.run)(self, io, args);
        }
        // `save 900 1` is a line of redis.conf: the command SAVE takes no words.
        let is_parameter = lastsave_engine::config::parameter(name.as_bytes()).is_some();
        if is_parameter && (args.len() > 1 || !redis::is_command(name)) {
            return self.explain_config_line(args);
        }
        if redis::is_command(name) {
            return self.redis_words(io, args);
        }
        self.complain(&format!("sh: {name}: command not found"));
        if let Some(near) = words::nearest(name) {
            self.note(
                Style::Dim,
                &format!("Did you mean `{near}`? `help` lists everything."),
            );
        }
        127
    }

    /// A line of `redis.conf` was typed as a command.
    fn explain_config_line(&mut self, args: &[String]) -> i32 {
        self.complain(&format!(
            "`{}` is a line of redis.conf, not a command.",
            args.join(" ")
        ));
        self.note(
            Style::Dim,
            "Type `cat > redis.conf <<EOF`, paste such lines, end with a line `EOF`, then `redis-server redis.conf`. At run time: `redis-cli CONFIG SET …`.",
        );
        127
    }

    /// Has time pass before the next command.
    fn wait_for(&mut self, duration_us: u64, what: String, tell: bool) {
        let now_us = self.world.now_us();
        self.wait = Some(Wait {
            from_us: now_us,
            until_us: now_us.saturating_add(duration_us),
            reached_us: now_us,
            stop: None,
            what,
            before: self.counts(),
            tell,
        });
    }

    fn end_wait(&mut self) {
        if let Some(wait) = self.wait.take() {
            self.show_log();
            if let Some(stop) = &wait.stop {
                self.tell_stop(stop);
            }
            if wait.tell {
                self.tell_wait(&wait.before);
            }
        }
    }
}
