//! The words that lead through history. They are no lines of a scenario.

use super::History;
use crate::units::parse_duration_us;
use crate::{START_US, StepKind, Style};

/// A word of history, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word<'a> {
    Back(&'a str),
    Goto(&'a str),
    Step(&'a str),
    Undo,
    Present,
    Fork,
    Branch(&'a str),
}

/// Reads a line; `None` if it is none of history.
pub(super) fn parse(line: &str) -> Option<Word<'_>> {
    let line = line.trim();
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    match (word, rest) {
        ("back", rest) => Some(Word::Back(rest)),
        ("goto", rest) => Some(Word::Goto(rest)),
        ("step", rest) => Some(Word::Step(rest)),
        ("branch", rest) => Some(Word::Branch(rest)),
        ("undo", "") => Some(Word::Undo),
        ("present", "") => Some(Word::Present),
        ("fork", "") => Some(Word::Fork),
        _ => None,
    }
}

/// A day, in microseconds.
const DAY_US: u64 = 86_400_000_000;

/// Reads a time of day with decimals perhaps, `03:12:07.250`: microseconds since midnight.
fn time_of_day_us(text: &str) -> Option<u64> {
    let mut parts = text.split(':');
    let (hours, minutes) = (parts.next()?, parts.next()?);
    let seconds = parts.next().unwrap_or("0");
    if parts.next().is_some() || [hours, minutes, seconds].contains(&"") {
        return None;
    }
    let whole = |text: &str, below: u64| text.parse::<u64>().ok().filter(|number| *number < below);
    let seconds_us = parse_duration_us(&format!("{seconds}s"))?;
    (seconds_us < 60_000_000).then_some(())?;
    Some((whole(hours, 24)? * 60 + whole(minutes, 60)?) * 60_000_000 + seconds_us)
}

/// The moment that `goto` names: `03:12:07`, the last time the clock showed that; `+47m`, since the beginning.
fn moment_us(text: &str, end_us: u64) -> Option<u64> {
    if let Some(elapsed) = text.strip_prefix('+') {
        return START_US.checked_add(parse_duration_us(elapsed)?);
    }
    match text {
        "start" => return Some(START_US),
        "end" => return Some(end_us),
        _ => {}
    }
    let at_us = end_us / DAY_US * DAY_US + time_of_day_us(text)?;
    Some(if at_us > end_us {
        at_us - DAY_US
    } else {
        at_us
    })
}

impl History {
    /// Obeys a line at once if it is a word of history, wherever the shell stands, and writes it into the terminal: what a
    /// button does. Returns whether it was one.
    pub fn travel(&mut self, line: &str) -> bool {
        let Some(word) = parse(line) else {
            return false;
        };
        self.stop_playing();
        self.obey(line, word);
        true
    }

    pub(super) fn obey(&mut self, line: &str, word: Word<'_>) {
        if let Word::Step(rest) = word {
            let kind = match rest {
                "" => Some(StepKind::Command),
                rest => StepKind::of_word(rest),
            };
            match kind {
                Some(kind) if self.is_past() => {
                    self.echo(line);
                    self.step(kind);
                }
                // In the present it is a line like any other.
                _ if !self.is_past() && self.goal.is_none() => {
                    if self.shell.is_idle() {
                        self.feed(0, line);
                    } else {
                        self.waiting.push_back((0, line.to_owned()));
                    }
                }
                _ => {
                    self.echo(line);
                    self.refuse("step: to the next what? command, write, fsync, save, rewrite");
                }
            }
            return;
        }
        self.echo(line);
        match word {
            Word::Step(_) => {}
            Word::Back(rest) => {
                let kind = match rest {
                    "" => Some(StepKind::Command),
                    rest => StepKind::of_word(rest),
                };
                match (kind, parse_duration_us(rest)) {
                    (Some(kind), _) => self.back(kind),
                    (None, Some(us)) => self.back_by(us),
                    (None, None) => self.refuse(
                        "back: to where? a duration (10s), or command, write, fsync, save, rewrite",
                    ),
                }
            }
            Word::Goto(text) => match moment_us(text, self.end_us()) {
                Some(us) if us >= START_US => self.seek(us),
                Some(_) => self.refuse("goto: that was before the beginning, 02:30:00"),
                None => self.refuse("goto: when? 03:12:07, 03:12:07.250, +42m7s, start, end"),
            },
            Word::Undo => {
                if !self.undo() {
                    self.refuse("undo: nothing has been entered yet");
                }
            }
            Word::Present => {
                self.present();
                self.announce();
            }
            Word::Fork => {
                if !self.fork() {
                    self.refuse("fork: this is the present; go back first");
                }
            }
            Word::Branch(rest) => self.branch(rest),
        }
    }

    fn branch(&mut self, rest: &str) {
        if !rest.is_empty() {
            let taken = rest.parse().is_ok_and(|number| self.take_up(number));
            return if taken {
                self.announce();
            } else {
                self.refuse(&format!("branch: there is no branch `{rest}`"));
            };
        }
        let branches = self.branches();
        if branches.is_empty() {
            return self.say(Style::Dim, "(nothing has been put aside)\n");
        }
        for branch in branches {
            let text = format!(
                "branch {} ends with `{}`\n",
                branch.number, branch.last_line
            );
            self.say(Style::Plain, &text);
        }
    }

    fn echo(&mut self, line: &str) {
        let prompt = self.shell.prompt();
        self.say(Style::Prompt, &prompt);
        self.say(Style::Input, &format!("{}\n", line.trim_end()));
    }

    fn refuse(&mut self, text: &str) {
        self.say(Style::Loss, &format!("{text}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let end_us = START_US + 3_600_000_000;
        let at = |text| moment_us(text, end_us).map(|us| us.wrapping_sub(START_US));
        assert_eq!(at("02:30:00"), Some(0));
        assert_eq!(at("03:12:07.250"), Some(2_527_250_000));
        assert_eq!(at("03:12"), Some(2_520_000_000));
        assert_eq!(at("+42m7s"), Some(2_527_000_000));
        assert_eq!(at("end"), Some(3_600_000_000));
        // Later than the end: the day before, which was not yet.
        assert!(moment_us("04:00:00", end_us).is_some_and(|us| us < START_US));
        for text in [
            "", ":", "3", "25:00", "03:60", "03:00:60", "1:2:3:4", "+", "-1s", "03:12:-1",
        ] {
            assert_eq!(moment_us(text, end_us), None, "{text}");
        }
    }
}
