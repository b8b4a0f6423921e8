//! A session is the lines that were entered. What the page needs to know about lines, without running them.

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

impl Session {
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
    }
}
