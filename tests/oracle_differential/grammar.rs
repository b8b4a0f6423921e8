//! Commands at random: the hints in our table of commands say what a request looks like, and pools of few and of
//! hostile values what stands in it.
//!
//! A hint reads as documentation does: capitals stand as they are, small letters name values, `[ ]` may be left out,
//! `< >` groups, `|` separates alternatives and `...` lets something be repeated.

use lastsave_keyspace::{COMMANDS, Command, Group};
use lastsave_tests::native::Random;

use crate::pools;
use crate::{Step, Words, words};

/// A command, and how its words may go on.
pub(crate) struct Rule {
    /// Its name, and the subcommand's.
    name: Vec<&'static str>,
    command: &'static Command,
    hint: Vec<Part>,
}

enum Part {
    Token(String),
    Value(String),
    Optional(Vec<Part>),
    Choice(Vec<Vec<Part>>),
    /// Once or several times.
    Repeated(Box<Part>),
}

/// Commands whose answer is chance, time, or about the server; and those that are dealt with as steps.
const LEFT_OUT: [&str; 19] = [
    "randomkey",
    "restore",
    "freq",
    "idletime",
    "help",
    "wait",
    "pfdebug",
    "pfselftest",
    "migrate",
    "hrandfield",
    "srandmember",
    "zrandmember",
    "spop",
    "memory",
    "scan",
    "hello",
    "dump",
    "watch",
    "swapdb",
];

/// All commands of data but those named.
pub(crate) fn rules(without: &[&str]) -> Vec<Rule> {
    let mut rules = Vec::new();
    for command in COMMANDS {
        let is_data = !matches!(
            command.group,
            Group::Server
                | Group::Connection
                | Group::PubSub
                | Group::Scripting
                | Group::Cluster
                | Group::Transactions
        );
        if !is_data || LEFT_OUT.contains(&command.name) || without.contains(&command.name) {
            continue;
        }
        if command.subcommands.is_empty() {
            rules.push(Rule::new(vec![command.name], command));
        }
        for subcommand in command.subcommands {
            if !LEFT_OUT.contains(&subcommand.name) {
                rules.push(Rule::new(vec![command.name, subcommand.name], subcommand));
            }
        }
    }
    rules
}

impl Rule {
    fn new(name: Vec<&'static str>, command: &'static Command) -> Self {
        let spaced = ["[", "]", "<", ">"]
            .iter()
            .fold(command.arguments.to_owned(), |hint, bracket| {
                hint.replace(bracket, &format!(" {bracket} "))
            });
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let mut at = 0;
        let hint = sequence(&words, &mut at);
        assert_eq!(at, words.len(), "{}: {}", command.name, command.arguments);
        Self {
            name,
            command,
            hint,
        }
    }

    pub(crate) fn group(&self) -> Group {
        self.command.group
    }

    pub(crate) fn is_write(&self) -> bool {
        self.command.is_write()
    }

    fn is_blocking(&self) -> bool {
        self.name[0].starts_with('b') && self.command.group != Group::Bitmap
            || self.name[0].starts_with("xread")
    }

    /// A request.
    pub(crate) fn words(&self, random: &mut Random) -> Words {
        let mut maker = Maker {
            rule: self,
            random,
            words: words(&self.name),
            numkeys_at: None,
            keys: 0,
        };
        for part in &self.hint {
            maker.part(part);
        }
        let Maker {
            mut words,
            numkeys_at,
            keys,
            ..
        } = maker;
        if let Some(at) = numkeys_at
            && random.below(12) > 0
        {
            words[at] = keys.to_string().into_bytes();
        }
        if self.name[0].starts_with("xread") {
            as_many_ids(&mut words, random);
        }
        if self.name[0].starts_with("sort") {
            with_one_order(&mut words);
        }
        let is_lexical = |word: &Vec<u8>| word.eq_ignore_ascii_case(b"BYLEX");
        if self.name[0].contains("lex") || words.iter().any(is_lexical) {
            let source = if self.name[0] == "zrangestore" { 2 } else { 1 };
            words[source] = pools::key_of("y", random);
        }
        if !self.is_blocking() {
            spoil(&mut words, self.name.len(), random);
        }
        words
    }
}

/// Without what makes SORT's answer depend on the order of a hash table: texts that may be equal as weights, and a part of
/// a set that is not sorted.
fn with_one_order(words: &mut Words) {
    let Some(by) = words.iter().position(|word| word == b"BY") else {
        return;
    };
    words.retain(|word| word != b"ALPHA");
    let is_sorted = words[by + 1].contains(&b'*');
    let has_order = words[1].starts_with(b"l") || words[1].starts_with(b"z");
    if let Some(at) = words.iter().position(|word| word == b"LIMIT")
        && !is_sorted
        && !has_order
    {
        words.drain(at..at + 3);
    }
}

/// Behind STREAMS stand as many IDs as keys.
fn as_many_ids(words: &mut Words, random: &mut Random) {
    let Some(at) = words.iter().position(|word| word == b"STREAMS") else {
        return;
    };
    words.truncate(at + 1);
    let count = 1 + random.below(2);
    let is_group = words[0] == b"xreadgroup";
    let command = if is_group { "xreadgroup" } else { "xread" };
    for name in ["key", "id"] {
        for _ in 0..count {
            words.push(pools::value(command, Group::Stream, name, random));
        }
    }
}

/// Now and then a word is another one, is missing, or comes twice.
fn spoil(words: &mut Words, first: usize, random: &mut Random) {
    if words.len() <= first {
        return;
    }
    let at = first + random.below((words.len() - first) as u64) as usize;
    match random.below(60) {
        0 | 1 => words[at] = pools::hostile(random),
        2 => drop(words.remove(at)),
        3 => words.insert(at, words[at].clone()),
        _ => {}
    }
}

fn sequence(words: &[&str], at: &mut usize) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    while let Some(word) = words.get(*at) {
        match *word {
            "]" | ">" | "|" => break,
            "..." => {
                *at += 1;
                let last = parts.pop().expect("something is repeated");
                parts.push(Part::Repeated(Box::new(last)));
            }
            "[" => {
                *at += 1;
                let choices = alternatives(words, at);
                parts.push(Part::Optional(vec![choices]));
            }
            "<" => {
                *at += 1;
                parts.push(alternatives(words, at));
            }
            word => {
                *at += 1;
                let is_token = word.bytes().any(|byte| byte.is_ascii_uppercase())
                    || word.bytes().all(|byte| byte.is_ascii_punctuation());
                parts.push(if is_token {
                    Part::Token(word.to_owned())
                } else {
                    Part::Value(word.to_owned())
                });
            }
        }
    }
    parts
}

/// What stands up to the closing bracket, which is passed over. Dots before it let all of it be repeated.
fn alternatives(words: &[&str], at: &mut usize) -> Part {
    let mut choices = vec![sequence(words, at)];
    while words.get(*at) == Some(&"|") {
        *at += 1;
        choices.push(sequence(words, at));
    }
    *at += 1;
    let repeated = choices.iter_mut().any(|choice| {
        let Some(Part::Repeated(last)) = choice.pop_if(|part| matches!(part, Part::Repeated(_)))
        else {
            return false;
        };
        choice.push(*last);
        true
    });
    let choice = Part::Choice(choices);
    if repeated {
        Part::Repeated(Box::new(choice))
    } else {
        choice
    }
}

struct Maker<'a> {
    rule: &'a Rule,
    random: &'a mut Random,
    words: Words,
    /// Where the number of keys stands, which is known behind them.
    numkeys_at: Option<usize>,
    keys: usize,
}

impl Maker<'_> {
    fn part(&mut self, part: &Part) {
        match part {
            Part::Token(token) => self.words.push(token.clone().into_bytes()),
            Part::Value(name) => self.value(name),
            Part::Optional(parts) => {
                if self.random.below(5) < 2 {
                    parts.iter().for_each(|part| self.part(part));
                }
            }
            Part::Choice(choices) => {
                // An ID made of the time is different on each side.
                let is_clock = |choice: &Vec<Part>| matches!(&choice[..], [Part::Token(token)] if token == "*");
                let choices: Vec<_> = choices.iter().filter(|choice| !is_clock(choice)).collect();
                let choice = self.random.below(choices.len() as u64) as usize;
                choices[choice].iter().for_each(|part| self.part(part));
            }
            Part::Repeated(part) => {
                for _ in 0..=self.random.below(3) {
                    self.part(part);
                }
            }
        }
    }

    fn value(&mut self, name: &str) {
        if name == "numkeys" {
            self.numkeys_at = Some(self.words.len());
        }
        if name == "key" {
            self.keys += 1;
        }
        let value = pools::value(
            &self.rule.name.join(" "),
            self.rule.command.group,
            name,
            self.random,
        );
        self.words.push(value);
    }
}

/// A few steps that belong together.
pub(crate) fn steps(rules: &[Rule], focus: &[Group], random: &mut Random, out: &mut Vec<Step>) {
    match random.below(100) {
        0 => out.push(Step::Expire(pools::any_key(random))),
        1..=2 => out.push(Step::Restore {
            from: pools::any_key(random),
            to: pools::any_key(random),
            replaces: random.below(4) > 0,
            spoiled: (random.below(4) == 0).then(|| (random.draw() as usize, random.draw() as u8)),
        }),
        3..=5 => sample(random, out),
        6 => out.push(Step::Command(pools::about_databases(random))),
        7 => out.push(Step::Command(pools::add_to_lexical(random))),
        8 => {
            if random.below(2) == 0 {
                out.push(Step::Command(vec![
                    b"WATCH".to_vec(),
                    pools::any_key(random),
                ]));
                out.push(Step::Command(command(rules, focus, random)));
            }
            out.push(Step::Command(words(&["MULTI"])));
            for _ in 0..random.below(6) {
                out.push(Step::Command(command(rules, focus, random)));
            }
            let end = if random.below(6) == 0 {
                "DISCARD"
            } else {
                "EXEC"
            };
            out.push(Step::Command(words(&[end])));
        }
        _ => out.push(Step::Command(command(rules, focus, random))),
    }
}

fn command(rules: &[Rule], focus: &[Group], random: &mut Random) -> Words {
    let group = focus[random.below(focus.len() as u64) as usize];
    loop {
        let rule = &rules[random.below(rules.len() as u64) as usize];
        let wanted = rule.group() == group || random.below(40) == 0;
        if wanted && (rule.is_write() || random.below(2) == 0) {
            return rule.words(random);
        }
    }
}

/// Commands that pick at random, on a copy that is thrown away.
fn sample(random: &mut Random, out: &mut Vec<Step>) {
    const COUNTS: [&str; 7] = ["0", "1", "2", "100", "-3", "x", "9223372036854775807"];
    let (kind, command) = match random.below(4) {
        0 => ("h", "HRANDFIELD"),
        1 => ("z", "ZRANDMEMBER"),
        2 => ("S", "SRANDMEMBER"),
        _ => ("S", "SPOP"),
    };
    let key = pools::key_of(kind, random);
    out.push(Step::Command(vec![
        b"COPY".to_vec(),
        key,
        b"scratch".to_vec(),
        b"REPLACE".to_vec(),
    ]));
    let mut sampled = words(&[command, "scratch"]);
    if random.below(2) == 0 {
        sampled.push(pools::pick(&COUNTS, random));
        match command {
            "HRANDFIELD" if random.below(2) == 0 => sampled.push(b"WITHVALUES".to_vec()),
            "ZRANDMEMBER" if random.below(2) == 0 => sampled.push(b"WITHSCORES".to_vec()),
            _ => {}
        }
    }
    out.push(Step::Command(sampled));
    out.push(Step::Command(words(&["DEL", "scratch"])));
}
