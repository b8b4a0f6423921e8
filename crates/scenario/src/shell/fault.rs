//! `fault`: what is to break, when, how often and where.

use lastsave_vfs::{Effect, Errno, Fault, Op};

use super::{Io, Shell, Style};
use crate::units::{parse_bytes, parse_duration_us};
use crate::world::{ANY_CALL, CALLS, ChildKill, ERRNOS};

/// A form of `fault`: help, documentation and error messages show it.
pub(super) struct Form {
    pub(super) usage: &'static str,
    pub(super) help: &'static str,
}

const fn form(usage: &'static str, help: &'static str) -> Form {
    Form { usage, help }
}

/// Every form, in the order in which help shows them.
#[rustfmt::skip]
pub(super) const FORMS: [Form; 15] = [
    form("fault", "Shows what is broken."),
    form("fault ok", "Mends all of it. Bad sectors and permissions belong to files: `bad-sector FILE ok`, `chmod`."),
    form("fault CALL fail [EIO] [WHEN]", "Makes a call fail, with EIO or another reason by its name. A failed fsync drops the bytes it was for: they can still be read, and no later fsync writes them."),
    form("fault write fail [ENOSPC] taking BYTES [WHEN]", "Takes so many more bytes before it fails: a write is cut short in the middle of a command."),
    form("fault read|write short BYTES [WHEN]", "Makes calls succeed with at most so many bytes."),
    form("fault CALL slow DURATION [WHEN]", "Makes a call take so much longer: `fault fsync slow 2s`. In the background that slows the job, otherwise the server stands still."),
    form("fault CALL ok [on PATTERN]", "Lets the call work again."),
    form("fault fork fail|ok [once|N times]", "No memory for the child that would save or rewrite."),
    form("fault child kill [SIGNAL] [once|N times]", "Kills the child that saves or rewrites, or the next one in the middle of its work. SIGNAL is a name or a number, 9 by itself. `fault child ok` takes it back."),
    form("fault oom [once|N times]", "The kernel kills the child for lack of memory: `fault child kill 9`. `fault oom ok` takes it back."),
    form("fault bgsave fail|ok", "The child that saves cannot open its file."),
    form("fault disk full|capacity 10mb|ok", "No space left, or so much."),
    form("fault disk read-only|ok", "The kernel has found the file system broken and refuses every change."),
    form("fault tearing [ok]", "A power loss tears pages: of 4 KiB any 512 bytes may be old or new. (`crash power seed N` throws the coins.)"),
    form("fault reordering [ok]", "A power loss may keep a later change of a directory and lose an earlier one of another name."),
];

/// What [`Form::usage`] calls WHEN.
pub(super) const WHEN_HELP: &str = "WHEN is any of: `once`, `N times`, `after N` calls that go well, `on PATTERN` (`on *.incr.aof`; the path that the file was opened by, so a save writes to temp-*.rdb).";

/// What can follow `before` in a fault.
pub(super) fn following(before: &[&str]) -> Vec<&'static str> {
    let errnos = ERRNOS.iter().map(|(name, _)| *name);
    let when = ["once", "after", "on"];
    match *before {
        [] => {
            let calls = CALLS.iter().map(|call| call.word);
            let others = [
                ANY_CALL,
                "fork",
                "child",
                "oom",
                "bgsave",
                "disk",
                "tearing",
                "reordering",
                "ok",
            ];
            calls.chain(others).collect()
        }
        ["disk"] => vec!["full", "capacity", "read-only", "ok"],
        ["disk", "capacity"] => vec!["1mb", "10mb", "100mb"],
        ["fork"] => vec!["fail", "ok"],
        ["bgsave"] => vec!["fail", "ok"],
        ["child"] => vec!["kill", "ok"],
        ["child", "kill"] => SIGNALS.iter().map(|(name, _)| *name).collect(),
        ["fork", "fail"] | ["child", "kill", _] => vec!["once"],
        ["oom"] => vec!["once", "ok"],
        ["tearing" | "reordering"] => vec!["ok"],
        ["read"] => vec!["fail", "short", "slow", "ok"],
        ["write"] => vec!["fail", "short", "slow", "ok"],
        [call] if ops_of(call).is_some() => vec!["fail", "slow", "ok"],
        [call, "ok"] if ops_of(call).is_some() => vec!["on"],
        [_, "slow"] => vec!["5ms", "100ms", "2s"],
        [_, .., "on"] => vec!["*.incr.aof", "*.base.rdb", "*.manifest", "temp-*", "*.rdb"],
        [_, .., "after" | "taking" | "short"] => vec!["1", "10"],
        ["write", "fail"] => errnos.chain(["taking"]).chain(when).collect(),
        [call, "fail"] if ops_of(call).is_some() => errnos.chain(when).collect(),
        [call, "fail" | "slow" | "short", ..] if ops_of(call).is_some() => {
            let mut left = when.to_vec();
            left.retain(|word| !before.contains(word));
            if before
                .last()
                .is_some_and(|word| word.parse::<u64>().is_ok())
            {
                left.push("times");
            }
            left
        }
        _ => Vec::new(),
    }
}

/// Signals that may be sent to a child, by name.
pub(super) const SIGNALS: [(&str, i32); 8] = [
    ("KILL", 9),
    ("TERM", 15),
    ("INT", 2),
    ("HUP", 1),
    ("ABRT", 6),
    ("SEGV", 11),
    ("USR1", 10),
    ("XCPU", 24),
];

/// A signal by name or number.
pub(super) fn signal_number(word: &str) -> Option<i32> {
    let name = word.trim_start_matches('-').to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    let known = SIGNALS.iter().find(|(known, _)| *known == name);
    match known {
        Some((_, number)) => Some(*number),
        None => name.parse().ok().filter(|number| (1..32).contains(number)),
    }
}

fn ops_of(word: &str) -> Option<Vec<Op>> {
    if word == ANY_CALL {
        return Some(CALLS.iter().map(|call| call.op).collect());
    }
    let call = CALLS.iter().find(|call| call.word == word)?;
    Some(vec![call.op])
}

/// When a rule strikes: the words behind its effect.
#[derive(Debug, Default, PartialEq, Eq)]
struct When {
    times: Option<u64>,
    after: u64,
    path: Option<String>,
    taking: usize,
}

impl When {
    fn parse(mut words: &[&str]) -> Result<Self, String> {
        let mut when = Self::default();
        while !words.is_empty() {
            let rest = match *words {
                ["once", ref rest @ ..] => {
                    when.times = Some(1);
                    rest
                }
                [times, "times", ref rest @ ..] => {
                    when.times = Some(number(times)?.max(1));
                    rest
                }
                ["after", calls, ref rest @ ..] => {
                    when.after = number(calls)?;
                    rest
                }
                ["taking", bytes, ref rest @ ..] => {
                    let bytes = parse_bytes(bytes).ok_or_else(|| not_a_number(bytes))?;
                    when.taking = usize::try_from(bytes).unwrap_or(usize::MAX);
                    rest
                }
                ["on", pattern, ref rest @ ..] => {
                    let pattern = pattern.strip_prefix("/data/").unwrap_or(pattern);
                    when.path = Some(pattern.to_owned());
                    rest
                }
                ["after" | "taking" | "on"] => {
                    return Err(format!("`{}` what?", words[0]));
                }
                [word, ..] => {
                    return Err(format!(
                        "`{word}` is none of once, N times, after N, taking BYTES, on PATTERN"
                    ));
                }
                [] => unreachable!("the loop ends there"),
            };
            words = rest;
        }
        Ok(when)
    }

    /// For what knows no calls and no paths.
    fn only_times(words: &[&str]) -> Result<u64, String> {
        let when = Self::parse(words)?;
        let times = when.times;
        if when
            != (Self {
                times,
                ..Self::default()
            })
        {
            return Err("this can only be `once` or `N times`".into());
        }
        Ok(times.unwrap_or(u64::MAX))
    }

    fn rule(&self, op: Op, effect: Effect) -> Fault {
        Fault {
            op,
            path: self.path.clone(),
            effect,
            after: self.after,
            times: self.times,
            accept: self.taking,
        }
    }
}

fn number(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| not_a_number(word))
}

fn not_a_number(word: &str) -> String {
    format!("`{word}` is not a number")
}

/// What is to become of a call, and the words behind that; `None` if it is not said.
fn effect<'a, 'b>(words: &'a [&'b str]) -> Result<Option<(Effect, &'a [&'b str])>, String> {
    Ok(Some(match *words {
        ["fail", ref rest @ ..] => {
            let named = rest.first().and_then(|name| {
                let name = name.to_ascii_uppercase();
                ERRNOS.iter().find(|(known, _)| *known == name)
            });
            match named {
                Some((_, errno)) => (Effect::Fail(*errno), &rest[1..]),
                None => (Effect::Fail(Errno::Io), &words[1..]),
            }
        }
        ["slow", time, ..] => {
            let us = parse_duration_us(time)
                .ok_or_else(|| format!("`{time}` is no duration: 5ms, 2s"))?;
            (Effect::Slow(us), &words[2..])
        }
        ["short", bytes, ..] => {
            let bytes = parse_bytes(bytes).ok_or_else(|| not_a_number(bytes))?;
            let most = usize::try_from(bytes).unwrap_or(usize::MAX);
            (Effect::Short(most), &words[2..])
        }
        _ => return Ok(None),
    }))
}

impl Shell {
    pub(super) fn fault(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let words: Vec<&str> = args[1..].iter().map(String::as_str).collect();
        if words.is_empty() {
            let faults = self.world.fault_words();
            let text = if faults.is_empty() {
                "nothing is broken".into()
            } else {
                faults.join("\n")
            };
            self.print(io, Style::Plain, format!("{text}\n"));
            return 0;
        }
        match self.break_or_mend(&words) {
            Ok(()) => 0,
            Err(message) => {
                self.complain(&format!("fault: {message}"));
                let near = FORMS.iter().filter(|form| {
                    let first = form.usage.split([' ', '|']).nth(1).unwrap_or("");
                    first == words[0] || (first == "CALL" && ops_of(words[0]).is_some())
                });
                let usages: Vec<&str> = near.map(|form| form.usage).collect();
                let hint = if usages.is_empty() {
                    "`help fault` lists what can break.".to_owned()
                } else {
                    usages.join("\n")
                };
                self.note(Style::Dim, &hint);
                1
            }
        }
    }

    fn break_or_mend(&mut self, words: &[&str]) -> Result<(), String> {
        let text = words.join(" ");
        match *words {
            ["ok" | "none" | "off"] => self.world.set_fault(&text, |faults, disk| {
                *faults = faults.mended();
                disk.clear_faults();
                disk.set_capacity(faults.disk_bytes);
                disk.set_read_only(false);
                disk.set_tearing(false);
                disk.set_reordering(false);
            }),
            ["bgsave", word @ ("fail" | "ok")] => self.world.set_fault(&text, |faults, _| {
                faults.save_fails = word == "fail";
            }),
            ["fork", "fail", ref times @ ..] => {
                let times = When::only_times(times)?;
                self.world
                    .set_fault(&text, |faults, _| faults.failing_forks = times);
            }
            ["fork", "ok"] => self
                .world
                .set_fault(&text, |faults, _| faults.failing_forks = 0),
            ["child" | "oom", "ok"] => self.world.set_fault(&text, |faults, _| faults.kill = None),
            ["oom", ref times @ ..] => self.kill_children(&text, 9, times)?,
            ["child", "kill", ref rest @ ..] => {
                let named = rest.first().and_then(|word| signal_number(word));
                // `child kill 3 times` is about a number, not a signal.
                match named.filter(|_| rest.get(1) != Some(&"times")) {
                    Some(signal) => self.kill_children(&text, signal, &rest[1..])?,
                    None => self.kill_children(&text, 9, rest)?,
                }
            }
            ["disk", "full"] => self
                .world
                .set_fault(&text, |_, disk| disk.set_capacity(Some(disk.used_bytes()))),
            ["disk", "capacity", size] => {
                let bytes =
                    parse_bytes(size).ok_or_else(|| format!("`{size}` is no size: 10mb"))?;
                self.world
                    .set_fault(&text, |_, disk| disk.set_capacity(Some(bytes)));
            }
            ["disk", "read-only" | "readonly"] => self
                .world
                .set_fault(&text, |_, disk| disk.set_read_only(true)),
            ["disk", "ok"] => self.world.set_fault(&text, |faults, disk| {
                disk.set_capacity(faults.disk_bytes);
                disk.set_read_only(false);
            }),
            ["tearing"] | ["tearing", "on" | "ok" | "off"] => {
                let on = words.get(1).is_none_or(|word| *word == "on");
                self.world.set_fault(&text, |_, disk| disk.set_tearing(on));
            }
            ["reordering"] | ["reordering", "on" | "ok" | "off"] => {
                let on = words.get(1).is_none_or(|word| *word == "on");
                self.world
                    .set_fault(&text, |_, disk| disk.set_reordering(on));
            }
            [call, ref rest @ ..] => {
                let ops = ops_of(call).ok_or_else(|| format!("`{text}` is not known"))?;
                self.fault_of_calls(&text, &ops, rest)?;
            }
            [] => unreachable!("without words it only shows"),
        }
        Ok(())
    }

    fn fault_of_calls(&mut self, text: &str, ops: &[Op], words: &[&str]) -> Result<(), String> {
        if let ["ok", ref rest @ ..] = *words {
            let when = When::parse(rest)?;
            self.world.set_fault(text, |_, disk| {
                disk.remove_faults(|fault| {
                    ops.contains(&fault.op) && (when.path.is_none() || fault.path == when.path)
                });
            });
            return Ok(());
        }
        let Some((effect, rest)) = effect(words)? else {
            return Err(format!("`{text}` is not known"));
        };
        if matches!(effect, Effect::Short(_)) && ops.iter().any(|op| !transfers(*op)) {
            return Err("only read and write can be short".into());
        }
        let when = When::parse(rest)?;
        if when.taking > 0 && (ops != [Op::Write] || !matches!(effect, Effect::Fail(_))) {
            return Err("only a failing write can be `taking` bytes before it fails".into());
        }
        self.world.set_fault(text, |_, disk| {
            let slow = matches!(effect, Effect::Slow(_));
            disk.remove_faults(|fault| {
                ops.contains(&fault.op)
                    && fault.path == when.path
                    && slow == matches!(fault.effect, Effect::Slow(_))
            });
            for op in ops {
                disk.add_fault(when.rule(*op, effect));
            }
        });
        Ok(())
    }

    /// Kills the child that is running, and as many of the next ones as are left then.
    fn kill_children(&mut self, text: &str, signal: i32, times: &[&str]) -> Result<(), String> {
        let left = When::only_times(times)?;
        self.world.set_fault(text, |faults, _| {
            faults.kill = Some(ChildKill { signal, left });
        });
        if self.world.child().is_some() {
            self.world.set_fault(text, |faults, _| {
                faults.take_kill();
            });
            self.world.kill_child(signal);
        }
        Ok(())
    }
}

fn transfers(op: Op) -> bool {
    matches!(op, Op::Read | Op::Write)
}

/// `help fault`.
pub(super) fn help() -> String {
    let mut text = String::from("Breaks something, or mends it.\n\n");
    for form in &FORMS {
        text.push_str(&format!("  {}\n      {}\n", form.usage, form.help));
    }
    text.push_str(&format!("\n{WHEN_HELP}\n\nCALL is one of\n"));
    for call in &CALLS {
        text.push_str(&format!("  {:<9} {}\n", call.word, call.what));
    }
    text.push_str(&format!("  {ANY_CALL:<9} each of them\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `fault` shows after these lines.
    fn shown(lines: &[&str]) -> Vec<String> {
        let mut shell = Shell::new(1);
        for line in lines {
            shell.enter(&format!("fault {line}"));
        }
        shell.run(u64::MAX);
        shell.world().fault_words()
    }

    #[test]
    fn what_is_shown_sets_the_same_again() {
        for words in [
            "bgsave fail",
            "fork fail",
            "fork fail 3 times",
            "child kill 9 once",
            "child kill 15",
            "fsync fail",
            "fsync fail once",
            "fsync slow 2s on *.incr.aof",
            "rename fail EACCES 2 times after 5 on dump.rdb",
            "write fail ENOSPC taking 17 once",
            "write short 3 on appendonlydir/*",
            "read short 1 once",
            "any slow 5ms",
            "any fail on temp-*",
            "list fail",
            "disk capacity 10mb",
            "disk read-only",
            "tearing",
            "reordering",
        ] {
            assert_eq!(shown(&[words]), [words]);
            assert_eq!(shown(&[words, "ok"]), [""; 0]);
        }
        assert_eq!(shown(&["oom"]), ["child kill 9"]);
        assert_eq!(shown(&["disk full"]), ["disk full"]);
    }

    #[test]
    fn a_new_order_replaces_one_of_its_kind_and_path() {
        assert_eq!(
            shown(&["fsync fail", "fsync slow 1s", "fsync fail ENOSPC once"]),
            ["fsync slow 1s", "fsync fail ENOSPC once"]
        );
        assert_eq!(
            shown(&["open fail on a", "open fail on b", "open ok on a"]),
            ["open fail on b"]
        );
        assert_eq!(shown(&["any fail", "fsync ok"]).len(), CALLS.len() - 1);
        assert_eq!(
            shown(&["any fail", "any slow 1s", "any ok"]),
            [""; 0],
            "what is for any call is mended for any"
        );
    }

    #[test]
    fn nonsense_is_refused_with_the_right_form() {
        for (line, complaint, hint) in [
            ("frob", "`frob` is not known", "help fault"),
            ("fsync", "`fsync` is not known", "fault CALL fail"),
            ("fsync fail twice", "`twice` is none of", "fault CALL fail"),
            ("fsync slow", "`fsync slow` is not known", "slow DURATION"),
            ("fsync slow soon", "`soon` is no duration", "slow DURATION"),
            ("fsync short 3", "only read and write", "fault CALL"),
            ("rename fail taking 3", "only a failing write", "fault CALL"),
            ("write fail after", "`after` what?", "fault write fail"),
            ("fork fail on x", "this can only be", "fault fork"),
            ("disk capacity much", "`much` is no size", "fault disk"),
            ("child kill 99", "`99` is none of", "fault child"),
        ] {
            let mut shell = Shell::new(1);
            shell.enter(&format!("fault {line}"));
            shell.run(u64::MAX);
            let output: String = shell
                .take_output()
                .into_iter()
                .map(|span| span.text)
                .collect();
            assert!(output.contains(complaint), "{line}: {output}");
            assert!(output.contains(hint), "{line}: {output}");
            assert!(shell.world().fault_words().is_empty(), "{line}");
        }
    }

    #[test]
    fn completion_goes_on_until_a_fault_is_whole() {
        let shell = Shell::new(1);
        let candidates = |line: &str| shell.complete(line).candidates;
        assert_eq!(candidates("fault fsy"), ["fsync", "fsyncdir"]);
        assert_eq!(candidates("fault fsync "), ["fail", "slow", "ok"]);
        assert!(candidates("fault fsync fail E").contains(&"ENOSPC".to_owned()));
        assert!(candidates("fault write fail ENOSPC taking 3 ").contains(&"times".to_owned()));
        assert!(candidates("fault rename fail on ").contains(&"*.manifest".to_owned()));
        assert_eq!(candidates("fault child kill US"), ["USR1"]);
        // Every word that is offered first leads somewhere.
        for word in following(&[]) {
            let mut shell = Shell::new(1);
            shell.enter(&format!("fault {word} frob"));
            shell.run(u64::MAX);
            assert!(!following(&[word]).is_empty() || word == "ok", "{word}");
        }
    }
}
