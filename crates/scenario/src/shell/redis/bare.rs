//! Redis's commands typed bare, told from the shell's own words.

use lastsave_resp::split_words;

use super::super::{parse, words};

/// Whether a word is the name of a Redis command.
pub(in crate::shell) fn is_command(name: &str) -> bool {
    lastsave_keyspace::lookup(name.as_bytes()).is_some()
}

/// The words of a line that is one Redis command and nothing for the shell: no pipe, no redirection. Words that both know
/// (`echo`, `watch`, `sort`) are Redis's in capitals.
pub(in crate::shell) fn bare_command(line: &str) -> Option<Vec<Vec<u8>>> {
    let (name, rest) = match line.trim_start().split_once(char::is_whitespace) {
        Some((name, rest)) => (name, rest),
        None => (line.trim(), ""),
    };
    if !is_command(name) || (words::find(name).is_some() && name != "watch") {
        return None;
    }
    // `watch mykey` is Redis's, `watch 'ls -l'` the shell's.
    if name == "watch" {
        let command = rest.trim_start().trim_start_matches(['\'', '"', '-']);
        let first = command.split_whitespace().next().unwrap_or("");
        if first.is_empty() || words::find(first).is_some() || first == "n" {
            return None;
        }
    }
    // `save 900 1 # …` is a line of redis.conf: SAVE takes no words.
    let is_parameter = lastsave_engine::config::parameter(name.as_bytes()).is_some();
    if is_parameter && !rest.trim().is_empty() {
        return None;
    }
    let line = without_comment(line);
    if has_operator(line) {
        return None;
    }
    split_words(line.as_bytes())
}

/// The line up to a ` # `.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    for (index, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') if line[..index].ends_with(char::is_whitespace) => {
                let rest = &line[index + 1..];
                if rest.is_empty() || rest.starts_with(char::is_whitespace) {
                    return line[..index].trim_end();
                }
            }
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
    }
    line
}

/// Whether the shell has something to do with a line: a pipe, a redirection, a substitution.
fn has_operator(line: &str) -> bool {
    match parse::parse(line) {
        Ok(parsed) => {
            parsed.here_end.is_some()
                || parsed.pipelines.len() != 1
                || parsed.pipelines.iter().any(|pipeline| {
                    pipeline.stages.len() != 1
                        || pipeline
                            .stages
                            .iter()
                            .any(|stage| stage.input.is_some() || stage.output.is_some())
                })
                || parse::substitution(line).is_some()
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(line: &str) -> Option<Vec<String>> {
        let words = bare_command(line)?;
        Some(
            words
                .iter()
                .map(|word| String::from_utf8_lossy(word).into_owned())
                .collect(),
        )
    }

    #[test]
    fn bare_commands_are_told_from_the_shells_own() {
        for (line, words) in [
            ("SET k \"a b\"", &["SET", "k", "a b"][..]),
            ("get k  # what is it", &["get", "k"]),
            ("SET color #fff", &["SET", "color", "#fff"]),
            ("ECHO hi", &["ECHO", "hi"]),
            ("watch mykey", &["watch", "mykey"]),
            ("SAVE", &["SAVE"]),
        ] {
            assert_eq!(
                bare(line).as_deref().map(<[String]>::to_vec),
                Some(words.iter().map(ToString::to_string).collect()),
                "{line}"
            );
        }
        for line in [
            "echo hi",
            "watch 'ls -lh *.aof *.rdb'",
            "save 900 1     # Save if at least 1 key changed",
            "INFO persistence | grep rdb",
            "GET k > file",
            "ls",
            "nonsense",
        ] {
            assert_eq!(bare(line), None, "{line}");
        }
    }
}
