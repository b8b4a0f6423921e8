//! A session is the lines that were entered. What the page needs to know about lines, without running them.

use lastsave_scenario::Scenario;

/// A machine's seed and everything entered on it: enough to have it again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Session {
    /// What it is called in the header.
    pub title: String,
    /// The seed of everything random.
    pub seed: u64,
    /// The lines, in order.
    pub lines: Vec<String>,
}

/// Where the browser keeps the session of this page, so that a reload has it again.
const STORED_AS: &str = "lastsave.session";
/// A session longer than this, in bytes, is not kept for a reload.
const STORED_BYTES: usize = 1 << 20;

impl Session {
    /// Reads a scenario file. `None` if it is none.
    pub(crate) fn from_scenario(text: &str) -> Option<Self> {
        let scenario = Scenario::parse(text).ok()?;
        Some(Self {
            title: scenario.title,
            seed: scenario.seed,
            lines: scenario.lines.into_iter().map(|(_, line)| line).collect(),
        })
    }

    /// The session that was here before a reload.
    pub(crate) fn stored() -> Option<Self> {
        let text = storage()?.get_item(STORED_AS).ok()??;
        Self::from_scenario(&text)
    }

    /// Keeps the session for a reload.
    pub(crate) fn store(&self) {
        let text = self.to_scenario();
        if let Some(storage) = storage().filter(|_| text.len() <= STORED_BYTES) {
            // A browser that keeps nothing forgets the session at a reload.
            let _ = storage.set_item(STORED_AS, &text);
        }
    }

    /// The session as a scenario file.
    pub(crate) fn to_scenario(&self) -> String {
        let mut text = format!(
            "# lastsave scenario 1\n# {}\nseed {}\n\n",
            self.title, self.seed
        );
        for line in &self.lines {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.session_storage().ok()?
}

/// The lines that write a text to a file, as one types them.
pub(crate) fn heredoc(path: &str, text: &str) -> Vec<String> {
    let mut lines = vec![format!("cat > {path} <<'EOF'")];
    lines.extend(text.lines().map(str::to_owned));
    lines.push("EOF".into());
    lines
}

/// The file written last by a heredoc, and its text.
pub(crate) fn last_heredoc(lines: &[String]) -> Option<(String, String)> {
    let opening = |line: &String| line.starts_with("cat >") && line.contains("<<");
    let at = lines.iter().rposition(opening)?;
    let (target, end) = lines[at]["cat >".len()..].split_once("<<")?;
    let end = end.trim().trim_matches(['\'', '"']);
    let body: Vec<_> = lines[at + 1..]
        .iter()
        .take_while(|line| line.as_str() != end)
        .map(String::as_str)
        .collect();
    Some((target.trim().to_owned(), body.join("\n")))
}

/// The configuration file written last, if it has comments behind directives and they have not been stripped, and how
/// many.
pub(crate) fn commented_file(lines: &[String]) -> Option<(String, usize)> {
    let (path, text) = last_heredoc(lines)?;
    let commented = trailing_comments(&text).len();
    let stripped = format!("strip-comments {path}");
    let is_stripped = lines.iter().rev().any(|line| line.trim() == stripped);
    (commented > 0 && !is_stripped && looks_like_configuration(&text)).then_some((path, commented))
}

/// Where a comment begins behind a directive, if one does: Redis has no such comments, and reads them as arguments.
fn trailing_comment(line: &str) -> Option<usize> {
    if line.trim_start().starts_with('#') {
        return None;
    }
    let mut quote = None;
    let mut previous = ' ';
    for (at, letter) in line.char_indices() {
        match quote {
            Some(open) if letter == open => quote = None,
            Some(_) => {}
            None if letter == '"' || letter == '\'' => quote = Some(letter),
            None if letter == '#' && previous.is_whitespace() => return Some(at),
            None => {}
        }
        previous = letter;
    }
    None
}

/// The numbers of the lines, from 1, that have a comment behind their directive.
pub(crate) fn trailing_comments(text: &str) -> Vec<usize> {
    text.lines()
        .zip(1..)
        .filter_map(|(line, number)| trailing_comment(line).map(|_| number))
        .collect()
}

/// The text without the comments that stand behind directives.
pub(crate) fn strip_trailing_comments(text: &str) -> String {
    let lines: Vec<_> = text
        .lines()
        .map(|line| trailing_comment(line).map_or(line, |at| line[..at].trim_end()))
        .collect();
    lines.join("\n")
}

/// Whether a pasted text is a configuration rather than commands: most of its lines set a parameter.
pub(crate) fn looks_like_configuration(text: &str) -> bool {
    const PARAMETERS: [&str; 22] = [
        "save",
        "appendonly",
        "appendfsync",
        "appendfilename",
        "appenddirname",
        "auto-aof-rewrite-percentage",
        "auto-aof-rewrite-min-size",
        "aof-timestamp-enabled",
        "aof-use-rdb-preamble",
        "aof-load-truncated",
        "aof-rewrite-incremental-fsync",
        "no-appendfsync-on-rewrite",
        "rdb-save-incremental-fsync",
        "rdbcompression",
        "rdbchecksum",
        "stop-writes-on-bgsave-error",
        "dbfilename",
        "dir",
        "port",
        "bind",
        "maxmemory",
        "maxmemory-policy",
    ];
    let words: Vec<_> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let known = words
        .iter()
        .filter(|word| PARAMETERS.contains(&word.to_lowercase().as_str()))
        .count();
    known >= 2 && known * 2 > words.len()
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    const PRINTED: &str =
        "# safe\nsave 900 1     # every 15 minutes\nappendfilename \"a # b.aof\"\nappendonly yes";

    #[test]
    fn trailing_comments_are_found_and_stripped() {
        assert_eq!(trailing_comments(PRINTED), [2]);
        let stripped = "# safe\nsave 900 1\nappendfilename \"a # b.aof\"\nappendonly yes";
        assert_eq!(strip_trailing_comments(PRINTED), stripped);
        assert!(trailing_comments(stripped).is_empty());
    }

    #[test]
    fn a_configuration_is_told_from_commands() {
        assert!(looks_like_configuration(PRINTED));
        assert!(!looks_like_configuration("SET a 1\nSAVE\nGET a"));
        assert!(!looks_like_configuration("save"));
    }

    #[test]
    fn a_heredoc_can_be_read_back() {
        let mut lines = vec!["redis-server".to_owned()];
        lines.extend(heredoc("redis.conf", PRINTED));
        lines.push("redis-server redis.conf".into());
        let written = ("redis.conf".to_owned(), PRINTED.to_owned());
        assert_eq!(last_heredoc(&lines), Some(written));
        assert_eq!(commented_file(&lines), Some(("redis.conf".into(), 1)));
        lines.push("strip-comments redis.conf".into());
        assert_eq!(commented_file(&lines), None);
        assert_eq!(last_heredoc(&["GET a".to_owned()]), None);
    }

    #[test]
    fn a_session_is_a_scenario() {
        let session = Session {
            title: "Mine".into(),
            seed: 7,
            lines: vec!["redis-server".into()],
        };
        assert_eq!(
            session.to_scenario(),
            "# lastsave scenario 1\n# Mine\nseed 7\n\nredis-server\n"
        );
        assert_eq!(
            Session::from_scenario(&session.to_scenario()),
            Some(session)
        );
    }
}
