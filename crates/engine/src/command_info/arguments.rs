//! The arguments of a command as COMMAND DOCS describes them, read from the hint in its row.
//!
//! In a hint, capitals are words to be written as they stand, small letters name values, `[ ]` encloses what may be
//! left out, `< >` groups, `|` separates alternatives, and `...` behind something lets it be repeated.

use lastsave_keyspace::Command;

/// One argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Argument {
    pub(super) name: String,
    pub(super) shape: Shape,
    /// The word in capitals that comes before the value, or is all there is.
    pub(super) token: Option<String>,
    pub(super) optional: bool,
    pub(super) multiple: bool,
    /// Of a key: which of the command's key specifications tells about it.
    pub(super) key_spec_index: Option<usize>,
}

/// What an argument consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A value of this type.
    Value(&'static str),
    /// Its token only.
    PureToken,
    /// One of these.
    OneOf(Vec<Argument>),
    /// All of these.
    Block(Vec<Argument>),
}

impl Argument {
    pub(super) fn type_name(&self) -> &'static str {
        match self.shape {
            Shape::Value(name) => name,
            Shape::PureToken => "pure-token",
            Shape::OneOf(_) => "oneof",
            Shape::Block(_) => "block",
        }
    }

    pub(super) fn flags(&self) -> Vec<&'static str> {
        [(self.optional, "optional"), (self.multiple, "multiple")]
            .into_iter()
            .filter(|(is_set, _)| *is_set)
            .map(|(_, name)| name)
            .collect()
    }

    fn new(name: &str, shape: Shape, token: Option<String>) -> Self {
        Self {
            name: name.to_owned(),
            shape,
            token,
            optional: false,
            multiple: false,
            key_spec_index: None,
        }
    }
}

/// The arguments of a command.
pub(super) fn parse(row: &Command) -> Vec<Argument> {
    let spaced = row
        .arguments
        .replace('[', " [ ")
        .replace(']', " ] ")
        .replace('<', " < ")
        .replace('>', " > ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser {
        words: &words,
        at: 0,
        keys_seen: 0,
        key_specs: row.key_specs.len(),
        takes_floats: row.name.ends_with("float"),
    };
    parser.sequence()
}

struct Parser<'a> {
    words: &'a [&'a str],
    at: usize,
    keys_seen: usize,
    key_specs: usize,
    /// Whether an increment may have a fraction.
    takes_floats: bool,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&str> {
        self.words.get(self.at).copied()
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(word);
        self.at += usize::from(found);
        found
    }

    /// Arguments one behind the other, up to the end of what encloses them.
    fn sequence(&mut self) -> Vec<Argument> {
        let mut arguments: Vec<Argument> = Vec::new();
        while let Some(word) = self.peek() {
            match word {
                "]" | ">" | "|" => break,
                "..." => {
                    self.at += 1;
                    if let Some(last) = arguments.last_mut() {
                        last.multiple = true;
                    }
                }
                "[" => {
                    self.at += 1;
                    let mut group = self.alternatives();
                    self.take("]");
                    // `key [key ...]` is one argument that repeats.
                    if repeats(&arguments, &group) {
                        fold_repetition(&mut arguments, &group);
                    } else {
                        group.optional = true;
                        arguments.push(group);
                    }
                }
                "<" => {
                    self.at += 1;
                    let group = self.alternatives();
                    self.take(">");
                    arguments.push(group);
                }
                _ => arguments.push(self.single()),
            }
        }
        arguments
    }

    /// What stands between brackets: one argument, a block of several, or a choice.
    fn alternatives(&mut self) -> Argument {
        let mut choices = vec![block(self.sequence())];
        while self.take("|") {
            choices.push(block(self.sequence()));
        }
        if choices.len() == 1 {
            return choices.remove(0);
        }
        // The last alternative may carry the dots that belong to the choice.
        let multiple = choices.last().is_some_and(|last| last.multiple);
        if let Some(last) = choices.last_mut() {
            last.multiple = false;
        }
        let name = match choices
            .iter()
            .all(|choice| choice.shape == Shape::PureToken)
        {
            true => "condition",
            false => "option",
        };
        let mut argument = Argument::new(name, Shape::OneOf(choices), None);
        argument.multiple = multiple;
        argument
    }

    /// A value, a token, or a token and its values.
    fn single(&mut self) -> Argument {
        let word = self.words[self.at].to_owned();
        self.at += 1;
        if !is_token(&word) {
            return self.value(&word, None);
        }
        let is_value =
            |word: &str| !is_token(word) && !matches!(word, "[" | "]" | "<" | ">" | "|" | "...");
        let mut values = Vec::new();
        while let Some(next) = self.peek().filter(|next| is_value(next)).map(str::to_owned) {
            self.at += 1;
            values.push(self.value(&next, None));
        }
        match values.len() {
            0 => Argument::new(&word.to_ascii_lowercase(), Shape::PureToken, Some(word)),
            1 => {
                let mut value = values.remove(0);
                value.token = Some(word);
                value
            }
            _ => {
                let name = word.to_ascii_lowercase();
                Argument::new(&name, Shape::Block(values), Some(word))
            }
        }
    }

    fn value(&mut self, name: &str, token: Option<String>) -> Argument {
        let type_name = match name {
            "key" | "newkey" | "source" | "destination" if self.keys_seen < self.key_specs => "key",
            "pattern" => "pattern",
            "increment" if self.takes_floats => "double",
            "seconds" | "milliseconds" | "count" | "cursor" | "index" | "index1" | "index2"
            | "db" | "destination-db" | "start" | "end" | "offset" | "decrement" | "increment"
            | "protover" | "client-id" | "timeout" | "numkeys" => "integer",
            "unix-time-seconds" | "unix-time-milliseconds" => "unix-time",
            _ => "string",
        };
        let mut argument = Argument::new(name, Shape::Value(type_name), token);
        if type_name == "key" {
            argument.key_spec_index = Some(self.keys_seen);
            self.keys_seen += 1;
        }
        argument
    }
}

fn is_token(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_uppercase())
        && !word.bytes().any(|byte| byte.is_ascii_lowercase())
}

fn block(mut arguments: Vec<Argument>) -> Argument {
    if arguments.len() == 1 {
        return arguments.remove(0);
    }
    let name = arguments
        .first()
        .map_or("block", |argument| argument.name.as_str())
        .to_owned();
    // Dots behind a block's last part mean the block.
    let multiple = arguments
        .last_mut()
        .is_some_and(|last| std::mem::take(&mut last.multiple));
    let mut argument = Argument::new(&name, Shape::Block(arguments), None);
    argument.multiple = multiple;
    argument
}

/// Whether `group` says that the last of `arguments` may come again: `key value [key value ...]`.
fn repeats(arguments: &[Argument], group: &Argument) -> bool {
    let parts = parts_of(group);
    let names = |arguments: &[Argument]| -> Vec<String> {
        arguments
            .iter()
            .map(|argument| argument.name.clone())
            .collect()
    };
    group.multiple
        && parts.len() <= arguments.len()
        && names(&arguments[arguments.len() - parts.len()..]) == names(&parts)
}

fn fold_repetition(arguments: &mut Vec<Argument>, group: &Argument) {
    let rest = arguments.split_off(arguments.len() - parts_of(group).len());
    let mut repeated = block(rest);
    repeated.multiple = true;
    arguments.push(repeated);
}

fn parts_of(argument: &Argument) -> Vec<Argument> {
    match &argument.shape {
        Shape::Block(parts) => parts.clone(),
        _ => vec![argument.clone()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A compact form: `?` for optional, `+` for multiple.
    fn shown(arguments: &[Argument]) -> String {
        let one = |argument: &Argument| {
            let token = argument.token.as_deref().unwrap_or_default();
            let inside = match &argument.shape {
                Shape::OneOf(parts) => format!("({})", shown(parts).replace(' ', "|")),
                Shape::Block(parts) => format!("{{{}}}", shown(parts)),
                Shape::Value(name) => name.to_string(),
                Shape::PureToken => String::new(),
            };
            let mark = |set: bool, mark: &'static str| if set { mark } else { "" };
            let (optional, multiple) = (mark(argument.optional, "?"), mark(argument.multiple, "+"));
            let colon = mark(!token.is_empty() && !inside.is_empty(), ":");
            format!("{token}{colon}{inside}{optional}{multiple}")
        };
        arguments.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn hints_are_read() {
        for (command, expected) in [
            ("get", "key"),
            ("del", "key+"),
            ("mset", "{key string}+"),
            ("rename", "key key"),
            (
                "set",
                "key string (NX|XX)? GET? (EX:integer|PX:integer|EXAT:unix-time|PXAT:unix-time|KEEPTTL)?",
            ),
            ("copy", "key key DB:integer? REPLACE?"),
            ("info", "string?+"),
            ("hello", "{integer AUTH:{string string}? SETNAME:string?}?"),
            ("incrbyfloat", "key double"),
            ("ping", "string?"),
            ("lastsave", ""),
        ] {
            let row = lastsave_keyspace::lookup(command.as_bytes()).expect(command);
            assert_eq!(shown(&parse(row)), expected, "{command}");
        }
    }

    #[test]
    fn every_hint_is_read_to_its_end() {
        for row in lastsave_keyspace::COMMANDS {
            for row in std::iter::once(row).chain(row.subcommands) {
                let brackets = |open, close| {
                    let count = |of| row.arguments.matches(of).count();
                    count(open) == count(close)
                };
                assert!(brackets("[", "]") && brackets("<", ">"), "{}", row.name);
                assert_eq!(
                    parse(row).is_empty(),
                    row.arguments.is_empty(),
                    "{}",
                    row.name
                );
            }
        }
    }
}
