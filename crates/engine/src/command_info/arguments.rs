//! The arguments of a command as COMMAND DOCS describes them, read from the hint in its row.
//!
//! In a hint, capitals are words to be written as they stand, small letters name values, `[ ]` encloses what may be
//! left out, `< >` groups, `|` separates alternatives, and `...` behind something lets it be repeated.

use lastsave_keyspace::Command;

mod names;

/// One argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Argument {
    pub(super) name: String,
    pub(super) shape: Shape,
    /// The word in capitals that comes before the value, or is all there is.
    pub(super) token: Option<String>,
    pub(super) optional: bool,
    pub(super) multiple: bool,
    /// With each repetition the token comes again.
    pub(super) token_repeats: bool,
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
        let flags = [
            (self.optional, "optional"),
            (self.multiple, "multiple"),
            (self.token_repeats, "multiple_token"),
        ];
        flags
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
            token_repeats: false,
            key_spec_index: None,
        }
    }
}

/// The arguments of a command. `full_name` is `get` or `config|get`.
pub(super) fn parse(full_name: &str, row: &Command) -> Vec<Argument> {
    let mut spaced = row.arguments.to_owned();
    for bracket in ["[", "]", "<", ">"] {
        spaced = spaced.replace(bracket, &format!(" {bracket} "));
    }
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser {
        command: full_name,
        words: &words,
        at: 0,
        keys_seen: 0,
        key_specs: row.key_specs.len(),
    };
    let mut arguments = parser.sequence();
    if full_name == "xtrim" && arguments.len() > 1 {
        let trim = arguments.split_off(1);
        arguments.push(parser.block(trim, None));
    }
    let mut directions = arguments
        .iter_mut()
        .filter(|argument| argument.name == "wherefrom");
    if let Some(second) = directions.nth(1) {
        second.name = "whereto".to_owned();
    }
    arguments
}

struct Parser<'a> {
    command: &'a str,
    words: &'a [&'a str],
    at: usize,
    keys_seen: usize,
    key_specs: usize,
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
                "[" => self.optional_group(&mut arguments),
                "<" => {
                    let group = self.required_group();
                    arguments.push(group);
                }
                _ => {
                    let argument = self.single();
                    arguments.push(argument);
                }
            }
        }
        arguments
    }

    /// What brackets enclose. `key [key ...]` is one argument that repeats.
    fn optional_group(&mut self, before: &mut Vec<Argument>) {
        let (start, keys_seen) = (self.at, self.keys_seen);
        self.at += 1;
        let inside = self.choices();
        self.take("]");
        let last_words = before.len().checked_sub(inside.len());
        match (&inside[..], last_words) {
            ([parts], Some(_)) if repeats(before, parts) => {
                self.keys_seen = keys_seen;
                self.fold_repetition(before, parts.len());
            }
            _ => {
                // Read again, knowing that it stands for itself.
                (self.at, self.keys_seen) = (start + 1, keys_seen);
                let mut group = self.one_of();
                self.take("]");
                group.optional = true;
                before.push(group);
            }
        }
    }

    fn required_group(&mut self) -> Argument {
        self.at += 1;
        let group = self.one_of();
        self.take(">");
        group
    }

    /// What stands between brackets, alternative by alternative.
    fn choices(&mut self) -> Vec<Vec<Argument>> {
        let mut choices = vec![self.sequence()];
        while self.take("|") {
            choices.push(self.sequence());
        }
        choices
    }

    /// The same as one argument.
    fn one_of(&mut self) -> Argument {
        let choices = self.choices();
        let mut choices: Vec<Argument> = choices
            .into_iter()
            .map(|choice| self.block(choice, None))
            .collect();
        if choices.len() == 1 {
            return choices.remove(0);
        }
        let name = self.name_of(&choices);
        Argument::new(&name, Shape::OneOf(choices), None)
    }

    /// A value, a token, or a token and what belongs to it: values, a choice, or more that may be left out.
    fn single(&mut self) -> Argument {
        let word = self.words[self.at].to_owned();
        self.at += 1;
        if !is_token(&word) {
            return self.value(&word, None);
        }
        match self.peek() {
            Some("<") => {
                let mut group = self.required_group();
                group.token = Some(word);
                return group;
            }
            Some("[") => {
                let parts = self.sequence();
                let name = word.to_ascii_lowercase();
                return Argument::new(&name, Shape::Block(parts), Some(word));
            }
            _ => {}
        }
        let mut values = Vec::new();
        while let Some(next) = self.peek() {
            if next == "[" && self.words.get(self.at + 1) == self.words.get(self.at - 1) {
                self.optional_group(&mut values);
            } else if next == "<" && !values.is_empty() {
                let group = self.required_group();
                values.push(group);
            } else if is_value(next) {
                let next = next.to_owned();
                self.at += 1;
                values.push(self.value(&next, None));
            } else {
                break;
            }
        }
        if values.is_empty() {
            let name = names::of_token(self.command, &word);
            return Argument::new(&name, Shape::PureToken, Some(word));
        }
        // Where a choice follows, the token is the first value's alone.
        let of_first = matches!(values.last(), Some(last) if matches!(last.shape, Shape::OneOf(_)));
        if of_first && values.len() > 1 {
            values[0].token = Some(word);
            return self.block(values, None);
        }
        self.block(values, Some(word))
    }

    fn value(&mut self, name: &str, token: Option<String>) -> Argument {
        let mut type_name = names::type_of(self.command, name);
        if type_name == "key" && self.key_specs == 0 {
            type_name = "string";
        }
        let mut argument = Argument::new(name, Shape::Value(type_name), token);
        if type_name == "key" {
            argument.key_spec_index = Some(self.keys_seen.min(self.key_specs - 1));
            self.keys_seen += 1;
        } else if names::is_key_pattern(self.command, name) {
            argument.key_spec_index = Some(1);
            self.keys_seen = 2;
        }
        argument
    }

    /// Arguments as one, behind a token perhaps.
    fn block(&self, mut arguments: Vec<Argument>, token: Option<String>) -> Argument {
        let wrapped = arguments
            .iter()
            .any(|part| names::is_wrapped(self.command, &part.name));
        if arguments.len() == 1 && !wrapped {
            let mut only = arguments.remove(0);
            only.token = token.or(only.token);
            return only;
        }
        let name = self.name_of(&arguments);
        Argument::new(&name, Shape::Block(arguments), token)
    }

    /// A group is named after its parts.
    fn name_of(&self, parts: &[Argument]) -> String {
        let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        names::of_group(self.command, &names.join("_")).to_owned()
    }

    fn fold_repetition(&self, arguments: &mut Vec<Argument>, parts: usize) {
        let rest = arguments.split_off(arguments.len() - parts);
        // A token that is said again with each value.
        let token_repeats = rest[0].token.is_some() && parts == 1;
        let mut repeated = match <[Argument; 1]>::try_from(rest) {
            Ok([only]) if names::repeats_as_block(self.command) => {
                let name = only.name.clone();
                Argument::new(&name, Shape::Block(vec![only]), None)
            }
            Ok([only]) => only,
            Err(several) => self.block(several, None),
        };
        repeated.multiple = true;
        repeated.token_repeats = token_repeats;
        arguments.push(repeated);
    }
}

/// Whether `parts` say that the last of `arguments` may come again: `key value [key value ...]`.
fn repeats(arguments: &[Argument], parts: &[Argument]) -> bool {
    let names = |arguments: &[Argument]| -> Vec<String> {
        let names = arguments.iter().map(|argument| argument.name.clone());
        names.collect()
    };
    parts.last().is_some_and(|last| last.multiple)
        && parts.len() <= arguments.len()
        && names(&arguments[arguments.len() - parts.len()..]) == names(parts)
}

fn is_token(word: &str) -> bool {
    matches!(word, "*" | "=" | "~" | "$")
        || word.bytes().any(|byte| byte.is_ascii_uppercase())
            && !word.bytes().any(|byte| byte.is_ascii_lowercase())
}

fn is_value(word: &str) -> bool {
    !is_token(word) && !matches!(word, "[" | "]" | "<" | ">" | "|" | "...")
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
            assert_eq!(shown(&parse(command, row)), expected, "{command}");
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
                    parse(row.name, row).is_empty(),
                    row.arguments.is_empty(),
                    "{}",
                    row.name
                );
            }
        }
    }
}
