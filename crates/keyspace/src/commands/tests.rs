//! Golden scripts: blocks of commands, `---`, and what they answer and leave behind. Every answer, count and
//! written command was taken from a real redis-server 7.0.15.
//!
//! `{now+N}` and `{now_s+N}` stand for the time, in milliseconds and seconds. `advance N` lets milliseconds
//! pass, and `config NAME VALUE` changes a setting. Below an answer stand the counters that it moved, and the
//! commands that the append-only file got, each with its database.

use std::fmt::Write;

use lastsave_resp::{ArgsBuf, Protocol, Reply, split_words};

use crate::{Call, Effects, Handler, Keyspace, Origin, Propagated, resolve};

const SCRIPTS: &[(&str, &str)] = &[
    ("counters", include_str!("../../testscripts/counters.txt")),
    ("databases", include_str!("../../testscripts/databases.txt")),
    ("expire", include_str!("../../testscripts/expire.txt")),
    ("keys", include_str!("../../testscripts/keys.txt")),
    ("objects", include_str!("../../testscripts/objects.txt")),
    ("set", include_str!("../../testscripts/set.txt")),
    ("strings", include_str!("../../testscripts/strings.txt")),
];

/// A keyspace with one client, as an engine would drive it.
struct Session {
    keyspace: Keyspace,
    db: usize,
    now_us: u64,
    effects: Effects,
}

impl Session {
    fn new() -> Self {
        Self {
            keyspace: Keyspace::new(16, 1),
            db: 0,
            now_us: 1_700_000_000_000_000,
            effects: Effects::default(),
        }
    }

    fn now_ms(&self) -> i64 {
        (self.now_us / 1000) as i64
    }

    /// The answer to a request; what else it did is in `effects`.
    fn run(&mut self, words: &ArgsBuf, origin: Origin) -> Vec<u8> {
        self.effects.clear();
        let args = words.as_args();
        let mut reply = Reply::new(Protocol::Resp2);
        match resolve(args) {
            Err(error) => reply.error_bytes(&error),
            Ok(resolved) => match resolved.command.handler {
                Handler::Data(run) => run(&mut Call {
                    args,
                    keyspace: &mut self.keyspace,
                    db: self.db,
                    now_us: self.now_us,
                    origin,
                    reply: &mut reply,
                    effects: &mut self.effects,
                }),
                Handler::Server(_) => {
                    assert_eq!(
                        resolved.command.name, "select",
                        "only SELECT is played here"
                    );
                    self.db = std::str::from_utf8(&args[1]).unwrap().parse().unwrap();
                    reply.ok();
                }
            },
        }
        reply.bytes().to_vec()
    }

    /// What an engine would write to the append-only file for the last request.
    fn written(&self, words: &ArgsBuf) -> Vec<Propagated> {
        let mut written = self.effects.ahead.clone();
        if !self.effects.instead.is_empty() {
            written.extend_from_slice(&self.effects.instead);
        } else if self.effects.dirty > 0 && !self.effects.suppressed {
            written.push(Propagated {
                db: self.db,
                args: words.clone(),
            });
        }
        written
    }

    /// What a script expects below `line`.
    fn play(&mut self, line: &str) -> String {
        let mut out = String::new();
        if let Some(ms) = line.strip_prefix("advance ") {
            self.now_us += ms.parse::<u64>().unwrap() * 1000;
            return out;
        }
        if let Some(setting) = line.strip_prefix("config lazyfree-lazy-") {
            let (name, value) = setting.split_once(' ').unwrap();
            let settings = &mut self.keyspace.settings;
            let setting = match name {
                "expire" => &mut settings.lazy_expire,
                "user-del" => &mut settings.lazy_user_del,
                _ => panic!("{line}"),
            };
            *setting = value == "yes";
            return out;
        }
        let words: ArgsBuf = split_words(self.with_times(line).as_bytes())
            .unwrap()
            .into_iter()
            .collect();
        let reply = self.run(&words, Origin::Client);
        writeln!(out, "{}", self.without_times(&reply)).unwrap();
        let effects = &self.effects;
        let counters = [
            ("dirty", effects.dirty),
            ("hits", effects.hits),
            ("misses", effects.misses),
            ("expired", effects.expired),
        ];
        let moved: Vec<String> = counters
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{name}={count}"))
            .collect();
        if !moved.is_empty() {
            writeln!(out, "  {}", moved.join(" ")).unwrap();
        }
        for Propagated { db, args } in self.written(&words) {
            write!(out, "  aof {db}").unwrap();
            for word in args.as_args().iter() {
                let word = self.without_times(word);
                let quoted = word.is_empty() || word.contains(' ');
                write!(
                    out,
                    " {}",
                    if quoted { format!("\"{word}\"") } else { word }
                )
                .unwrap();
            }
            out.push('\n');
        }
        out
    }

    fn with_times(&self, line: &str) -> String {
        let mut out = String::new();
        let mut rest = line;
        while let Some((before, placeholder)) = rest.split_once("{now") {
            let (placeholder, behind) = placeholder.split_once('}').unwrap();
            let (base, offset) = match placeholder.strip_prefix("_s") {
                Some(offset) => (self.now_ms() / 1000, offset),
                None => (self.now_ms(), placeholder),
            };
            write!(out, "{before}{}", base + offset.parse::<i64>().unwrap()).unwrap();
            rest = behind;
        }
        out + rest
    }

    /// Escaped, with numbers that are times near now as placeholders.
    fn without_times(&self, bytes: &[u8]) -> String {
        let text = bytes.escape_ascii().to_string();
        let mut out = String::new();
        for part in text.split_inclusive(|c: char| !c.is_ascii_digit()) {
            let digits = part.trim_end_matches(|c: char| !c.is_ascii_digit());
            let number = digits.parse::<i64>().unwrap_or(0);
            let (offset_ms, offset_s) = (number - self.now_ms(), number - self.now_ms() / 1000);
            match digits.len() {
                13 if offset_ms.abs() < 1_000_000_000 => {
                    write!(out, "{{now{offset_ms:+}}}").unwrap()
                }
                10 if offset_s.abs() < 1_000_000 => write!(out, "{{now_s{offset_s:+}}}").unwrap(),
                _ => out.push_str(digits),
            }
            out.push_str(&part[digits.len()..]);
        }
        out
    }
}

#[test]
fn golden_scripts() {
    let mut failures = String::new();
    for (name, script) in SCRIPTS {
        let mut session = Session::new();
        for block in script.trim_end().split("\n\n") {
            let (input, expected) = block.split_once("\n---\n").expect("a block has both parts");
            let mut actual = String::new();
            for line in input.lines().filter(|line| !line.starts_with('#')) {
                actual += &session.play(line);
            }
            if actual.trim_end() != expected.trim_end() {
                let (got, wanted) = first_difference(&actual, expected);
                writeln!(failures, "{name}: {input}\n  got {got}\n  not {wanted}\n").unwrap();
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

fn first_difference(actual: &str, expected: &str) -> (String, String) {
    let mut lines = actual.lines().zip(expected.lines()).enumerate();
    match lines.find(|(_, (actual, expected))| actual != expected) {
        Some((number, (actual, expected))) => (format!("{number}: {actual}"), expected.to_owned()),
        None => (
            format!("{} lines", actual.lines().count()),
            format!("{} lines", expected.lines().count()),
        ),
    }
}
