//! The shell: lines in, styled text out.

use crate::{View, ViewRequest, World};

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
pub struct Shell {
    world: World,
}

impl Shell {
    /// A terminal on a fresh machine.
    pub fn new(seed: u64) -> Self {
        Self {
            world: World::new(seed),
        }
    }

    /// Enters a line, as if it were typed and followed by the Enter key. Lines queue up; [`Shell::run`] carries them out. A line
    /// inside a heredoc belongs to it.
    pub fn enter(&mut self, line: &str) {
        let _ = line;
        todo!("helper")
    }

    /// Carries out what was entered, up to about `max_events` events of the simulation, and says whether there is more to do.
    pub fn run(&mut self, max_events: u64) -> Progress {
        let _ = max_events;
        todo!("helper")
    }

    /// Gives up the line being carried out, and those waiting: Ctrl+C, Stop. The world stays where it is.
    pub fn interrupt(&mut self) {
        todo!("helper")
    }

    /// Takes the output since the last call. Entered lines are echoed in it, behind their prompts.
    pub fn take_output(&mut self) -> Vec<Span> {
        todo!("helper")
    }

    /// The prompt: `$ `, `> ` inside a heredoc, `127.0.0.1:6379> ` inside an interactive redis-cli.
    pub fn prompt(&self) -> String {
        todo!("helper")
    }

    /// What could stand at the end of `line`, which is being typed.
    pub fn complete(&self, line: &str) -> Completion {
        let _ = line;
        todo!("helper")
    }

    /// What the page shows.
    pub fn view(&mut self, request: &ViewRequest) -> View {
        let _ = request;
        todo!("helper")
    }

    /// The machine.
    pub fn world(&self) -> &World {
        &self.world
    }
}
