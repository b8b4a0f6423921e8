//! `redis.conf` and the command line.

use lastsave_keyspace::lookup;
use lastsave_resp::split_words;

use super::sha256::sha256_hex;
use super::table::set;
use super::{Config, get, parameter};
use crate::REDIS_VERSION;

/// A refused line. [`Display`](std::fmt::Display) is Redis's whole message, `*** FATAL CONFIG FILE ERROR (Redis
/// 7.0.15) ***` and all; Redis prints an empty line before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The number of the line, from 1; 0 if no single line is to blame.
    pub line_number: usize,
    /// The line.
    pub line: String,
    /// What is wrong with it, in Redis's words.
    pub message: String,
}

impl ConfigError {
    /// An error of the whole configuration: a log file that cannot be opened.
    pub fn without_line(message: impl Into<String>) -> Self {
        Self {
            line_number: 0,
            line: String::new(),
            message: message.into(),
        }
    }
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "*** FATAL CONFIG FILE ERROR (Redis {REDIS_VERSION}) ***")?;
        if self.line_number > 0 {
            writeln!(
                f,
                "Reading the configuration file, at line {}",
                self.line_number
            )?;
            writeln!(f, ">>> '{}'", self.line)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConfigError {}

/// Reads the text of a configuration file (the command line's options appended, as Redis does) on top of the defaults.
/// `include` lines are refused: see [`parse_file_with`].
///
/// # Errors
/// The first line that is refused.
pub fn parse_file(text: &str) -> Result<Config, ConfigError> {
    parse_file_with(text, &mut |_| Err("include is not available here".into()))
}

/// As [`parse_file`]; `include` is given the word behind an `include` line (a path, perhaps a pattern) and returns the
/// text that stands there.
///
/// # Errors
/// The first line that is refused, also of an included text.
pub fn parse_file_with(
    text: &str,
    include: &mut dyn FnMut(&str) -> Result<String, String>,
) -> Result<Config, ConfigError> {
    let mut reader = Reader {
        config: Config::default(),
        save_seen: false,
        include,
        including: 0,
        password_digest: None,
    };
    reader.read(text)?;
    reader.finish()
}

struct Reader<'a> {
    config: Config,
    /// Whether a `save` line has replaced the default save points; the next ones add to it.
    save_seen: bool,
    include: &'a mut dyn FnMut(&str) -> Result<String, String>,
    /// How many included texts are being read, one inside the other.
    including: usize,
    /// The password that a `user` line gives, as its digest.
    password_digest: Option<String>,
}

impl Reader<'_> {
    fn read(&mut self, text: &str) -> Result<(), ConfigError> {
        for (index, line) in text.split('\n').enumerate() {
            let line = line.trim_matches([' ', '\t', '\r', '\n']);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            self.read_line(line).map_err(|refusal| match refusal {
                Refusal::Here(message) => ConfigError {
                    line_number: index + 1,
                    line: line.to_owned(),
                    message,
                },
                Refusal::Inside(error) => error,
            })?;
        }
        Ok(())
    }

    fn read_line(&mut self, line: &str) -> Result<(), Refusal> {
        let unbalanced = "Unbalanced quotes in configuration line";
        let words = split_words(line.as_bytes()).ok_or(unbalanced)?;
        let Some((name, values)) = words.split_first() else {
            return Ok(());
        };
        let Some(row) = parameter(name) else {
            return self.directive(&name.to_ascii_lowercase(), values);
        };
        if !row.kind.takes_words() && values.len() != 1 {
            return Err("wrong number of arguments".into());
        }
        let split = match values {
            [one] if row.kind.takes_words() && !one.is_empty() => {
                Some(split_words(one).ok_or(unbalanced)?)
            }
            _ => None,
        };
        let values = split.as_deref().unwrap_or(values);
        let mut values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
        let earlier = get(&self.config, row);
        if row.name == "save" {
            if self.save_seen && *values != [b""] {
                let points = earlier.split(' ').filter(|word| !word.is_empty());
                values.splice(0..0, points.map(str::as_bytes));
            }
            if values.is_empty() {
                values.push(b"");
            }
        }
        set(&mut self.config, row, &values).map_err(|error| error.0)?;
        self.save_seen |= row.name == "save";
        Ok(())
    }

    /// What is in no row of the table.
    fn directive(&mut self, name: &[u8], values: &[Vec<u8>]) -> Result<(), Refusal> {
        const OBSOLETE: [&[u8]; 3] = [
            b"list-max-ziplist-entries",
            b"list-max-ziplist-value",
            b"lua-replicate-commands",
        ];
        match (name, values) {
            (_, [_]) if OBSOLETE.contains(&name) => Ok(()),
            (b"include", [path]) => self.include(path),
            (b"rename-command", [old, new]) => self.rename_command(old, new),
            (b"user", [_, ..]) => self.user(values),
            (b"loadmodule", [_, ..]) => Err("Lastsave does not support modules".into()),
            (b"sentinel", []) => Ok(()),
            (b"sentinel", _) => Err("sentinel directive while not in sentinel mode".into()),
            _ if name.contains(&b'.') => Err(match values {
                [] => "Module config specified without value".into(),
                _ => "Lastsave does not support modules".into(),
            }),
            _ => Err("Bad directive or wrong number of arguments".into()),
        }
    }

    /// Calls a command by another name, or by none if `new` is empty.
    fn rename_command(&mut self, old: &[u8], new: &[u8]) -> Result<(), Refusal> {
        let names = &mut self.config.renamed_commands;
        let [old, new] = [old, new].map(|name| String::from_utf8_lossy(name).to_ascii_lowercase());
        let known = |name: &str| match names.get(name) {
            Some(row) => row.clone(),
            None => lookup(name.as_bytes()).map(|row| row.name.to_owned()),
        };
        let Some(row) = known(&old) else {
            return Err("No such command in rename-command".into());
        };
        if !new.is_empty() && known(&new).is_some() && new != old {
            return Err("Target command name already exists".into());
        }
        names.insert(old, None);
        if !new.is_empty() {
            names.insert(new, Some(row));
        }
        Ok(())
    }

    fn include(&mut self, path: &[u8]) -> Result<(), Refusal> {
        const DEEPEST: usize = 16;
        let path = String::from_utf8_lossy(path);
        if self.including == DEEPEST {
            return Err(format!("'{path}' is included too deeply").into());
        }
        let text = (self.include)(&path)
            .map_err(|reason| format!("Fatal error, can't open config file '{path}': {reason}"))?;
        self.including += 1;
        self.read(&text).map_err(Refusal::Inside)?;
        self.including -= 1;
        Ok(())
    }

    /// There is one user, who may do everything. CONFIG REWRITE of a real server writes that user's line into the
    /// file, so it is understood if it says no more than that, and with which password.
    fn user(&mut self, words: &[Vec<u8>]) -> Result<(), Refusal> {
        let words: Vec<_> = words
            .iter()
            .map(|word| String::from_utf8_lossy(word))
            .collect();
        let (name, rules) = words.split_first().expect("the caller has seen a word");
        let has = |any: &[&str]| rules.iter().any(|rule| any.contains(&rule.as_ref()));
        let everything = name == "default"
            && has(&["on"])
            && has(&["~*", "allkeys"])
            && has(&["+@all", "allcommands"]);
        for rule in rules {
            match rule.split_at_checked(1) {
                _ if !everything => break,
                Some((">", password)) => self.config.requirepass = password.to_owned(),
                Some(("#", digest)) => self.password_digest = Some(digest.to_owned()),
                _ if has_no_more_to_say(rule) => {}
                _ => return Err(unsupported_user(name)),
            }
        }
        if everything {
            Ok(())
        } else {
            Err(unsupported_user(name))
        }
    }

    /// What can only be judged when every line has been read.
    fn finish(self) -> Result<Config, ConfigError> {
        match self.password_digest {
            Some(digest) if digest != sha256_hex(self.config.requirepass.as_bytes()) => {
                Err(ConfigError::without_line(
                    "Error in user declaration 'default': Lastsave needs the password itself, by requirepass",
                ))
            }
            _ => Ok(self.config),
        }
    }
}

/// Rules that an unrestricted user fulfils anyway.
fn has_no_more_to_say(rule: &str) -> bool {
    const RULES: [&str; 9] = [
        "on",
        "nopass",
        "~*",
        "allkeys",
        "&*",
        "allchannels",
        "+@all",
        "allcommands",
        "sanitize-payload",
    ];
    RULES.contains(&rule)
}

fn unsupported_user(name: &str) -> Refusal {
    format!(
        "Error in user declaration '{name}': Lastsave supports no users but an unrestricted 'default'"
    )
    .into()
}

/// Why a line is refused.
enum Refusal {
    /// For what it says.
    Here(String),
    /// For a line of the text that it includes.
    Inside(ConfigError),
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self::Here(message)
    }
}

impl From<&str> for Refusal {
    fn from(message: &str) -> Self {
        Self::Here(message.to_owned())
    }
}

/// The words behind the program's name, as `redis-server` takes them: `[file | -] [--option value …] [-]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// The configuration file, if one is named.
    pub config_file: Option<String>,
    /// Whether configuration is read from the standard input too.
    pub from_stdin: bool,
    /// The options as lines of configuration text.
    pub options: String,
}

impl CommandLine {
    /// Sorts the words behind the program's name. `-v`, `--help` and the like, which are only looked for in the first
    /// place, are the caller's.
    pub fn parse(args: &[String]) -> Self {
        let mut line = Self::default();
        let mut options = args;
        if let [first, rest @ ..] = args
            && !first.starts_with('-')
        {
            line.config_file = Some(first.clone());
            options = rest;
        }
        // The standard input is meant by a lone `-` only where the program's first or last word stands.
        let has_file = line.config_file.is_some();
        let mut name_may_follow = true;
        for (index, word) in options.iter().enumerate() {
            let next = options.get(index + 1);
            if word == "-" && (next.is_none() || (index == 0 && !has_file)) {
                line.from_stdin = true;
            } else if let Some(name) = word.strip_prefix("--")
                && name_may_follow
            {
                if !line.options.is_empty() {
                    line.options.push('\n');
                }
                line.options.push_str(name);
                line.options.push(' ');
                // `--port 7000` may also come as one word.
                name_may_follow = split_words(word.as_bytes()).is_none_or(|words| words.len() != 1);
                let bare = next.is_none_or(|next| next.starts_with("--"));
                if !name_may_follow && bare && word.eq_ignore_ascii_case("--save") {
                    line.options.push_str("\"\"");
                    name_may_follow = next.is_some();
                } else if !name_may_follow && bare && word.eq_ignore_ascii_case("--sentinel") {
                    name_may_follow = next.is_some();
                }
            } else {
                line.options.push_str(&quoted(word.as_bytes()));
                line.options.push(' ');
                name_may_follow = true;
            }
        }
        line
    }

    /// The whole configuration text: the file's (empty without one), what the standard input gave (likewise), and the
    /// options. Line numbers of errors count through it.
    pub fn text(&self, file: &str, stdin: &str) -> String {
        format!("{file}{stdin}\n{}", self.options)
    }
}

/// Turns command-line words (`--port 7000 --save 60 1`, `--appendonly=yes` is not Redis syntax) into lines of
/// configuration text, as Redis does. See [`CommandLine`] for the file's name.
pub fn parse_args(args: &[String]) -> String {
    CommandLine::parse(args).options
}

/// A text in double quotes, escaped so that [`split_words`] reads it back.
pub(super) fn quoted(text: &[u8]) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for byte in text {
        match byte {
            b'\\' | b'"' => {
                quoted.push('\\');
                quoted.push(char::from(*byte));
            }
            b'\n' => quoted.push_str("\\n"),
            b'\r' => quoted.push_str("\\r"),
            b'\t' => quoted.push_str("\\t"),
            0x07 => quoted.push_str("\\a"),
            0x08 => quoted.push_str("\\b"),
            b' '..=b'~' => quoted.push(char::from(*byte)),
            _ => quoted.push_str(&format!("\\x{byte:02x}")),
        }
    }
    quoted.push('"');
    quoted
}

/// Removes `# …` behind directives, which Redis does not take for a comment, and tells how many lines changed. Only a
/// `#` outside quotes with white space before it and a directive before that is taken for one.
pub fn strip_trailing_comments(text: &str) -> (String, usize) {
    let mut changed = 0;
    let lines: Vec<&str> = text
        .split('\n')
        .map(|line| match trailing_comment(line) {
            Some(start) => {
                changed += 1;
                line[..start].trim_end()
            }
            None => line,
        })
        .collect();
    (lines.join("\n"), changed)
}

/// Where the comment behind a directive begins.
fn trailing_comment(line: &str) -> Option<usize> {
    if line.trim_start().starts_with('#') {
        return None;
    }
    let mut quote = None;
    let mut escaped = false;
    let mut before = None;
    for (index, letter) in line.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if letter == '\\' => escaped = true,
            Some(open) if letter == open => quote = None,
            Some(_) => {}
            None if matches!(letter, '"' | '\'') => quote = Some(letter),
            None if letter == '#' && before.is_some_and(char::is_whitespace) => {
                return Some(index);
            }
            None => {}
        }
        before = Some(letter);
    }
    None
}
