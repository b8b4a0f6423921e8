//! Expectations: what a scenario claims, checked.

use super::{Io, Shell, Style};
use crate::CheckView;
use crate::reply::{bulk_text, error_text, format_for_terminal};

/// The names that can be compared, and the words that check texts.
pub(super) const NAMES: [&str; 26] = [
    "acknowledged",
    "recovered",
    "lost",
    "oldest_lost_ms",
    "recovery_ms",
    "unacknowledged",
    "keys",
    "keys_before",
    "keys_after",
    "keys_gone",
    "keys_changed",
    "exposed_power",
    "exposed_kill",
    "commands",
    "errors",
    "refused",
    "p99_us",
    "fsyncs",
    "bytes_written",
    "bytes_synced",
    "peak_memory",
    "peak_extra",
    "server",
    "reply",
    "error",
    "output",
];

/// The words of a line that is an expectation: quotes are resolved, nothing else means anything.
pub(super) fn words(line: &str) -> Option<Vec<String>> {
    let words = lastsave_resp::split_words(line.as_bytes())?;
    let words: Vec<String> = words
        .iter()
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    (words.first()? == "expect").then_some(words)
}

/// What a line claims, if it is an expectation: `lost == 1`.
pub(crate) fn claim_of(line: &str) -> Option<String> {
    words(line).map(|words| words[1..].join(" "))
}

impl Shell {
    pub(super) fn expect(&mut self, _io: &mut Io, args: &[String]) -> i32 {
        let words: Vec<&str> = args[1..].iter().map(String::as_str).collect();
        let claim = words.join(" ");
        let verdict = self.check(&words);
        self.checks.push(CheckView {
            claim: claim.clone(),
            met: matches!(verdict, Ok(None)),
            value: words.first().and_then(|name| self.value(name).ok()),
        });
        match verdict {
            Ok(None) => {
                self.passed += 1;
                self.note(Style::Dim, "ok");
                0
            }
            Ok(Some(instead)) => self.fail(&format!("expected {claim}, but {instead}")),
            Err(message) => self.fail(&format!("expect {claim}: {message}")),
        }
    }

    fn fail(&mut self, message: &str) -> i32 {
        let sentence = match self.line_number {
            0 => message.to_owned(),
            number => format!("line {number}: {message}"),
        };
        self.failures.push(sentence);
        self.note(Style::Loss, message);
        1
    }

    /// `None` if the claim holds, else what is the case instead.
    fn check(&self, words: &[&str]) -> Result<Option<String>, String> {
        match *words {
            ["reply", ref wanted @ ..] => Ok(self.check_reply(&wanted.join(" "))),
            ["error", ref wanted @ ..] => {
                let wanted = wanted.join(" ");
                let text = error_text(&self.last_reply).map(String::from_utf8_lossy);
                Ok(match text {
                    Some(text) if text.starts_with(&wanted) => None,
                    Some(text) => Some(format!("the error is {text}")),
                    None => Some(self.last_reply_text()),
                })
            }
            ["output", ref wanted @ ..] => {
                let wanted = wanted.join(" ");
                let found = self.last_output.contains(&wanted);
                Ok((!found).then(|| format!("the output is:\n{}", self.last_output)))
            }
            ["server", state] | ["server", "==", state] => {
                let up = match state {
                    "up" => true,
                    "down" => false,
                    _ => return Err("the server is up or down".into()),
                };
                let is = if self.world.running() { "up" } else { "down" };
                Ok((up != self.world.running()).then(|| format!("it is {is}")))
            }
            [name, operator, wanted] => {
                let wanted: u64 = wanted
                    .replace(['_', ','], "")
                    .parse()
                    .map_err(|_| format!("`{wanted}` is not a number"))?;
                let value = self.value(name)?;
                let holds = match operator {
                    "==" | "=" => value == wanted,
                    "!=" => value != wanted,
                    "<" => value < wanted,
                    "<=" => value <= wanted,
                    ">" => value > wanted,
                    ">=" => value >= wanted,
                    _ => return Err(format!("`{operator}` is none of == != < <= > >=")),
                };
                Ok((!holds).then(|| format!("it is {value}")))
            }
            _ => {
                Err("try `expect lost == 0`, `expect error MISCONF`, `expect reply \"OK\"`".into())
            }
        }
    }

    fn check_reply(&self, wanted: &str) -> Option<String> {
        let reply = &self.last_reply;
        let as_printed = format_for_terminal(reply);
        let bulk = bulk_text(reply).map(String::from_utf8_lossy);
        let integer = reply.strip_prefix(b":").map(String::from_utf8_lossy);
        let holds = !reply.is_empty()
            && (as_printed.trim_end() == wanted
                || bulk.is_some_and(|text| text == wanted)
                || integer.is_some_and(|text| text.trim_end() == wanted));
        (!holds).then(|| self.last_reply_text())
    }

    fn last_reply_text(&self) -> String {
        if self.last_reply.is_empty() {
            "there was no reply".into()
        } else {
            let text = format_for_terminal(&self.last_reply);
            format!("the reply is {}", text.trim_end())
        }
    }

    /// The number behind a name.
    fn value(&self, name: &str) -> Result<u64, String> {
        let world = &self.world;
        let engine = world.engine();
        match name {
            "exposed_power" => return Ok(world.exposed_power().0),
            "exposed_kill" => return Ok(world.exposed_kill().0),
            "commands" => return Ok(world.commands()),
            "errors" => return Ok(world.errors().0),
            "refused" => return Ok(world.refused()),
            "p99_us" => return Ok(world.measures().latency.p99_us),
            "fsyncs" => return Ok(world.measures().fsyncs),
            "bytes_written" => return Ok(world.measures().bytes_written),
            "bytes_synced" => return Ok(world.measures().bytes_synced),
            "peak_memory" => return Ok(world.measures().peak_memory_bytes),
            "peak_extra" => return Ok(world.measures().peak_extra_bytes),
            "keys" => {
                return engine
                    .map(|engine| engine.keyspace().len() as u64)
                    .ok_or_else(|| "no server is running".into());
            }
            _ => {}
        }
        // Before any crash, nothing is lost.
        let verdict = match world.verdict() {
            Some(verdict) => verdict.clone(),
            None => crate::VerdictView {
                recovered_known: true,
                acknowledged: world.acknowledged(),
                recovered: world.acknowledged(),
                unacknowledged: world.unacknowledged(),
                ..crate::VerdictView::default()
            },
        };
        match name {
            "acknowledged" => return Ok(verdict.acknowledged),
            "unacknowledged" => return Ok(verdict.unacknowledged),
            "keys_before" => return Ok(verdict.keys_before),
            _ => {}
        }
        let value = match name {
            "recovered" => verdict.recovered,
            "lost" => verdict.lost,
            "oldest_lost_ms" => verdict.oldest_lost_ms,
            "recovery_ms" => verdict.recovery_ms,
            "keys_after" => verdict.keys_after,
            "keys_gone" => verdict.keys_gone,
            "keys_changed" => verdict.keys_changed,
            _ => return Err(format!("`{name}` is none of {}", NAMES.join(", "))),
        };
        if !verdict.recovered_known {
            return Err("it is not known before the server is up again".into());
        }
        Ok(value)
    }
}
