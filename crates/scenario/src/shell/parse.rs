//! Reading a line as a shell does: words and quotes, comments, pipes, lists, redirections, here-documents.

/// One word, with its quotes resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    /// Whether any of it stood in quotes: then it is no pattern.
    pub(crate) quoted: bool,
}

/// One command of a pipeline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stage {
    pub(crate) words: Vec<Word>,
    /// `< file`
    pub(crate) input: Option<String>,
    /// `> file`, or `>> file` with `true`.
    pub(crate) output: Option<(String, bool)>,
    /// What a here-document gives it.
    pub(crate) here: Option<String>,
}

/// When a pipeline runs, seen from the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Condition {
    /// In any case.
    #[default]
    Always,
    /// `&&`
    AfterSuccess,
    /// `||`
    AfterFailure,
}

/// Commands joined by `|`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pipeline {
    pub(crate) condition: Condition,
    pub(crate) stages: Vec<Stage>,
    /// The text it was read from, without what follows it.
    pub(crate) text: String,
}

/// A line, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) pipelines: Vec<Pipeline>,
    /// The word that ends the here-document begun on this line.
    pub(crate) here_end: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(Word),
    Operator(&'static str),
}

/// Operators, the longer before those they begin with.
const OPERATORS: [&str; 10] = ["<<-", "&&", "||", "<<", ">>", "|", ";", "&", "<", ">"];

/// Reads a line.
///
/// # Errors
/// What a shell says of it, without its own name.
pub(crate) fn parse(text: &str) -> Result<Line, String> {
    let (tokens, text) = tokens(text)?;
    let mut line = Line::default();
    let mut pipeline = Pipeline::default();
    let mut stage = Stage::default();
    let mut text_start = 0;
    let mut tokens = tokens.into_iter().peekable();
    while let Some((start, token)) = tokens.next() {
        let operator = match token {
            Token::Word(word) => {
                stage.words.push(word);
                continue;
            }
            Token::Operator(operator) => operator,
        };
        match operator {
            "<" | ">" | ">>" | "<<" | "<<-" => {
                let Some((_, Token::Word(target))) = tokens.next() else {
                    return Err(
                        "syntax error: a file name is missing behind the redirection".into(),
                    );
                };
                match operator {
                    "<" => stage.input = Some(target.text),
                    "<<" | "<<-" => line.here_end = Some(target.text),
                    _ => {
                        // `2>file`, `2>&1`: there is one stream here.
                        let is_stderr = stage.words.last().is_some_and(|word| {
                            word.text == "2" && !word.quoted && text[..start].ends_with('2')
                        });
                        if is_stderr {
                            stage.words.pop();
                        } else {
                            stage.output = Some((target.text, operator == ">>"));
                        }
                    }
                }
            }
            "|" => {
                if stage.words.is_empty() {
                    return Err("syntax error near unexpected token `|'".into());
                }
                pipeline.stages.push(std::mem::take(&mut stage));
            }
            _ => {
                if stage.words.is_empty() {
                    return Err(format!("syntax error near unexpected token `{operator}'"));
                }
                pipeline.stages.push(std::mem::take(&mut stage));
                pipeline.text = text[text_start..start].trim().to_owned();
                text_start = start + operator.len();
                line.pipelines.push(std::mem::take(&mut pipeline));
                pipeline.condition = match operator {
                    "&&" => Condition::AfterSuccess,
                    "||" => Condition::AfterFailure,
                    _ => Condition::Always,
                };
            }
        }
    }
    if !stage.words.is_empty() {
        pipeline.stages.push(stage);
        pipeline.text = text[text_start..].trim().to_owned();
        line.pipelines.push(pipeline);
    } else if !pipeline.stages.is_empty() {
        return Err("syntax error: a command is missing behind the `|'".into());
    }
    Ok(line)
}

/// Tokens with where they begin, and the text that they were read from, without a comment behind them.
type Tokens<'a> = (Vec<(usize, Token)>, &'a str);

/// Splits a line into words and operators. A `#` at the beginning of a word ends the line.
fn tokens(text: &str) -> Result<Tokens<'_>, String> {
    let mut tokens = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some(&(start, c)) = chars.peek() {
        if c.is_whitespace() {
            chars.next();
            continue;
        }
        if c == '#' {
            return Ok((tokens, &text[..start]));
        }
        if let Some(operator) = OPERATORS
            .into_iter()
            .find(|operator| text[start..].starts_with(operator))
        {
            for _ in operator.chars() {
                chars.next();
            }
            // `>&1` names a stream.
            if operator == ">" && text[start + 1..].starts_with('&') {
                chars.next();
            }
            tokens.push((start, Token::Operator(operator)));
            continue;
        }
        let mut word = Word::default();
        while let Some(&(at, c)) = chars.peek() {
            if c.is_whitespace()
                || OPERATORS
                    .into_iter()
                    .any(|operator| text[at..].starts_with(operator))
            {
                break;
            }
            chars.next();
            match c {
                '\'' => {
                    word.quoted = true;
                    loop {
                        match chars.next() {
                            Some((_, '\'')) => break,
                            Some((_, c)) => word.text.push(c),
                            None => {
                                return Err("unexpected end of line while looking for `''".into());
                            }
                        }
                    }
                }
                '"' => {
                    word.quoted = true;
                    loop {
                        match chars.next() {
                            Some((_, '"')) => break,
                            Some((_, '\\')) => match chars.next() {
                                Some((_, c @ ('"' | '\\' | '$' | '`'))) => word.text.push(c),
                                Some((_, c)) => word.text.extend(['\\', c]),
                                None => break,
                            },
                            Some((_, c)) => word.text.push(c),
                            None => {
                                return Err("unexpected end of line while looking for `\"'".into());
                            }
                        }
                    }
                }
                '\\' => {
                    word.quoted = true;
                    if let Some((_, c)) = chars.next() {
                        word.text.push(c);
                    }
                }
                _ => word.text.push(c),
            }
        }
        tokens.push((start, Token::Word(word)));
    }
    Ok((tokens, text))
}

/// Where the first command substitution stands: `$(…)` or `` `…` ``, outside single quotes. The range of the whole, and of
/// what is inside.
pub(crate) fn substitution(text: &str) -> Option<(std::ops::Range<usize>, std::ops::Range<usize>)> {
    let bytes = text.as_bytes();
    let mut single_quoted = false;
    let mut index = 0;
    while index < bytes.len() {
        match bytes[index] {
            b'\\' if !single_quoted => index += 1,
            b'\'' => single_quoted = !single_quoted,
            b'`' if !single_quoted => {
                let end = index + 1 + text[index + 1..].find('`')?;
                return Some((index..end + 1, index + 1..end));
            }
            b'$' if !single_quoted && bytes.get(index + 1) == Some(&b'(') => {
                let mut depth = 0;
                for (offset, byte) in bytes[index + 1..].iter().enumerate() {
                    match byte {
                        b'(' => depth += 1,
                        b')' => depth -= 1,
                        _ => {}
                    }
                    if depth == 0 {
                        let end = index + 1 + offset;
                        return Some((index..end + 1, index + 2..end));
                    }
                }
                return None;
            }
            _ => {}
        }
        index += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<Vec<Vec<String>>> {
        let pipelines = parse(line).unwrap().pipelines;
        pipelines
            .into_iter()
            .map(|pipeline| {
                let stages = pipeline.stages.into_iter();
                stages
                    .map(|stage| stage.words.into_iter().map(|word| word.text).collect())
                    .collect()
            })
            .collect()
    }

    #[test]
    fn the_articles_lines_are_read() {
        assert_eq!(
            words("# Step 1: Enable AOF without downtime"),
            [] as [Vec<Vec<String>>; 0]
        );
        assert_eq!(
            words("redis-cli --rdb dump.rdb   # Export current data"),
            [[["redis-cli", "--rdb", "dump.rdb"]]]
        );
        assert_eq!(
            words("redis-cli INFO persistence | grep rdb_last_bgsave_status"),
            [[
                vec!["redis-cli", "INFO", "persistence"],
                vec!["grep", "rdb_last_bgsave_status"]
            ]]
        );
        assert_eq!(
            words(r#"redis-cli CONFIG SET save "3600 1 300 100 60 1000""#),
            [[[
                "redis-cli",
                "CONFIG",
                "SET",
                "save",
                "3600 1 300 100 60 1000"
            ]]]
        );
        let line = parse("redis-cli -p 6380 --rdb - < dump.rdb  # Import data").unwrap();
        assert_eq!(
            line.pipelines[0].stages[0].input.as_deref(),
            Some("dump.rdb")
        );
        let line = "kill -9 $(pgrep redis-server)  # Simulate crash";
        let (whole, inner) = substitution(line).unwrap();
        assert_eq!(
            (&line[whole], &line[inner]),
            ("$(pgrep redis-server)", "pgrep redis-server")
        );
    }

    #[test]
    fn lists_redirections_and_here_documents() {
        assert_eq!(
            words("a; b && c || d &"),
            [[["a"]], [["b"]], [["c"]], [["d"]]]
        );
        assert_eq!(
            words("echo a#b '#c' \"d e\""),
            [[["echo", "a#b", "#c", "d e"]]]
        );
        let line = parse("cat > redis.conf <<EOF").unwrap();
        assert_eq!(line.here_end.as_deref(), Some("EOF"));
        assert_eq!(
            line.pipelines[0].stages[0].output,
            Some(("redis.conf".to_owned(), false))
        );
        assert_eq!(words("ls 2>/dev/null"), [[["ls"]]]);
        for bad in ["'", "a |", "| a", "a && | b", "a >", "\"x"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
