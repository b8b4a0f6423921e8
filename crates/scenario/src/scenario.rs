//! Scenario files.
//!
//! ```text
//! # lastsave scenario 1
//! # What a power loss takes
//! seed 7
//!
//! redis-server --appendonly yes
//! SET greeting hello
//! crash power
//! redis-server --appendonly yes
//! expect lost == 1
//! ---
//! (what the terminal showed, for a test to compare)
//! ```

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
    /// The transcript behind a line `---`, if there is one.
    pub expected: Option<String>,
}

/// Why a text is not a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// The number of the line, from 1.
    pub line_number: usize,
    /// What is wrong with it.
    pub message: String,
}

impl std::fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line_number, self.message)
    }
}

impl std::error::Error for ScenarioError {}

/// The version that this reader knows.
const VERSION: u32 = 1;

impl Scenario {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// If the first line does not name a version that is known, or the seed is no number.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let refuse = |line_number, message: String| ScenarioError {
            line_number,
            message,
        };
        let (script, expected) = match split_expected(text) {
            Some((script, expected)) => (script, Some(expected.to_owned())),
            None => (text, None),
        };
        let mut lines = script
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line));
        let first = lines.next().map_or("", |(_, line)| line);
        let version = first
            .strip_prefix("# lastsave scenario ")
            .ok_or_else(|| refuse(1, "the first line must be `# lastsave scenario 1`".into()))?
            .trim()
            .parse()
            .map_err(|_| refuse(1, "the version is not a number".into()))?;
        if version != VERSION {
            return Err(refuse(
                1,
                format!("version {version} is not known here, only {VERSION}"),
            ));
        }
        let mut scenario = Self {
            version,
            title: String::new(),
            seed: 1,
            lines: Vec::new(),
            expected,
        };
        let mut seen_seed = false;
        for (number, line) in lines {
            if scenario.lines.is_empty()
                && scenario.title.is_empty()
                && let Some(title) = line.strip_prefix('#')
            {
                scenario.title = title.trim().to_owned();
                continue;
            }
            if let Some(seed) = line.strip_prefix("seed ")
                && !seen_seed
            {
                scenario.seed = seed
                    .trim()
                    .parse()
                    .map_err(|_| refuse(number, format!("`{}` is not a seed", seed.trim())))?;
                seen_seed = true;
                continue;
            }
            if scenario.lines.is_empty() && line.trim().is_empty() {
                continue;
            }
            scenario.lines.push((number, line.to_owned()));
        }
        while scenario
            .lines
            .last()
            .is_some_and(|(_, line)| line.trim().is_empty())
        {
            scenario.lines.pop();
        }
        Ok(scenario)
    }
}

/// The script and what follows its line `---`.
pub(crate) fn split_expected(text: &str) -> Option<(&str, &str)> {
    let start = if text.starts_with("---\n") {
        0
    } else {
        text.find("\n---\n")? + 1
    };
    Some((&text[..start], &text[start + 4..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_read() {
        let text = "# lastsave scenario 1\n# Title here\nseed 9\n\n# why\nPING\nexpect reply PONG\n---\nPONG\n";
        let scenario = Scenario::parse(text).unwrap();
        assert_eq!((scenario.version, scenario.seed), (1, 9));
        assert_eq!(scenario.title, "Title here");
        assert_eq!(scenario.lines[1], (6, "PING".into()));
        assert_eq!(scenario.lines.len(), 3);
        assert_eq!(scenario.expected.as_deref(), Some("PONG\n"));
    }

    #[test]
    fn what_is_no_scenario_is_refused_with_its_line() {
        for (text, line_number) in [
            ("", 1),
            ("PING", 1),
            ("# lastsave scenario x", 1),
            ("# lastsave scenario 2", 1),
            ("# lastsave scenario 1\n# t\nseed x", 3),
        ] {
            assert_eq!(
                Scenario::parse(text).unwrap_err().line_number,
                line_number,
                "{text:?}"
            );
        }
    }
}
