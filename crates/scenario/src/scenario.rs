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
//!
//! A line `---` of a here-document belongs to it. One that was entered as a command is written `\---`.

use crate::shell;

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
        let (mut seen_title, mut seen_seed) = (false, false);
        let mut here = HereDocument::default();
        for (number, line) in lines {
            if scenario.lines.is_empty()
                && !seen_title
                && let Some(title) = line.strip_prefix('#')
            {
                scenario.title = title.trim().to_owned();
                seen_title = true;
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
            let line = match here.takes(line) {
                true => line,
                false => unescaped(line),
            };
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

/// Writes a scenario file. [`Scenario::parse`] reads the same from it again, but for blank lines at the beginning and the end.
pub fn write_scenario<'a>(
    title: &str,
    seed: u64,
    lines: impl IntoIterator<Item = &'a str>,
) -> String {
    let title = title.replace(['\n', '\r'], " ");
    let mut text = format!("# lastsave scenario {VERSION}\n# {title}\nseed {seed}\n\n");
    let mut here = HereDocument::default();
    for line in lines {
        if !here.takes(line) && is_separator(line) {
            text.push('\\');
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Follows the lines of a script in and out of here-documents.
#[derive(Default)]
struct HereDocument {
    /// The line that ends the one that is open.
    end: Option<String>,
}

impl HereDocument {
    /// Whether the next line belongs to a here-document.
    fn takes(&mut self, line: &str) -> bool {
        match &self.end {
            Some(end) => {
                if line.trim() == end {
                    self.end = None;
                }
                true
            }
            None => {
                if line.contains("<<") {
                    self.end = shell::here_end_of(line);
                }
                false
            }
        }
    }
}

/// Whether a line would end the script, or would without the backslashes before it.
fn is_separator(line: &str) -> bool {
    line.trim_start_matches('\\') == "---"
}

fn unescaped(line: &str) -> &str {
    match line.strip_prefix('\\') {
        Some(rest) if is_separator(rest) => rest,
        _ => line,
    }
}

/// The script and what follows its line `---`.
pub(crate) fn split_expected(text: &str) -> Option<(&str, &str)> {
    let mut here = HereDocument::default();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        let line = line.trim_end_matches(['\n', '\r']);
        if !here.takes(line) && line == "---" {
            return Some((&text[..start], &text[end..]));
        }
        start = end;
    }
    None
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
    fn a_separator_in_a_here_document_is_its_text() {
        let text = "# lastsave scenario 1\n# t\n\ncat > a <<EOF\n---\n\\---\nEOF\n\\---\n---\nshown\n---\n";
        let scenario = Scenario::parse(text).unwrap();
        let lines: Vec<_> = scenario.lines.iter().map(|(_, line)| &**line).collect();
        assert_eq!(lines, ["cat > a <<EOF", "---", "\\---", "EOF", "---"]);
        assert_eq!(scenario.expected.as_deref(), Some("shown\n---\n"));
    }

    proptest::proptest! {
        /// What is written is read again, whatever it looks like.
        #[test]
        fn what_is_written_is_read_again(
            title in "[a-z#<\\\\-]{0,3}( <<EOF)?",
            seed: u64,
            lines in proptest::collection::vec(
                proptest::sample::select(vec![
                    "---", "\\---", "\\\\---", " ---", "--- ", "# why", "seed 5", "", "  ", "EOF", " EOF ", "PING",
                    "cat > a <<EOF", "cat <<'END'", "END", "SET a '<<EOF'", "SET a <<EOF", "echo <<", "expect a << b",
                    "\\", "# lastsave scenario 1", "x <<EOF # <<END",
                ]),
                0..12,
            ),
        ) {
            let text = write_scenario(&title, seed, lines.iter().copied());
            let read = Scenario::parse(&text).unwrap();
            let is_blank = |line: &&str| line.trim().is_empty();
            let first = lines.iter().position(|line| !is_blank(line)).unwrap_or(lines.len());
            let last = lines.iter().rposition(|line| !is_blank(line)).map_or(first, |last| last + 1);
            let found: Vec<_> = read.lines.iter().map(|(_, line)| &**line).collect();
            proptest::prop_assert_eq!(found, &lines[first..last]);
            proptest::prop_assert_eq!(read.title, title.trim());
            proptest::prop_assert_eq!(read.seed, seed);
            proptest::prop_assert_eq!(read.expected, None);
        }
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
