//! Scenario files.

/// A scenario file, parsed: `# lastsave scenario 1`, `seed 7`, then lines for the shell, with `expect …` among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The version of the format.
    pub version: u32,
    /// The title: the first comment behind the version.
    pub title: String,
    /// The seed of everything random.
    pub seed: u64,
    /// The lines for the shell, with their numbers in the file.
    pub lines: Vec<(usize, String)>,
}

/// Why a text is not a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// The number of the line, from 1.
    pub line_number: usize,
    /// What is wrong with it.
    pub message: String,
}

impl Scenario {
    /// Reads a scenario file.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let _ = text;
        todo!("helper")
    }
}
