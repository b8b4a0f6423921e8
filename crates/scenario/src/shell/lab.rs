//! The laboratory's own words: time, crashes, verdicts.

use lastsave_vfs::Survival;

use super::{Io, Shell, Style};
use crate::units::{about, count, human, parse_duration_us, thousands, time_of_day};
use crate::world::Armed;

/// What is counted over a stretch of time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    commands: u64,
    errors: u64,
    refused: u64,
}

impl Shell {
    // Time.

    pub(super) fn advance(&mut self, _io: &mut Io, args: &[String]) -> i32 {
        match args.get(1).and_then(|text| parse_duration_us(text)) {
            Some(us) if args.len() == 2 => {
                self.wait_for(us, args.join(" "), true);
                0
            }
            _ => {
                self.complain("advance: how long? 200ms, 10s, 47m, 1m30s");
                1
            }
        }
    }

    pub(super) fn sleep(&mut self, _io: &mut Io, args: &[String]) -> i32 {
        let times: Option<Vec<u64>> = args[1..]
            .iter()
            .map(|text| parse_duration_us(text))
            .collect();
        match times {
            Some(times) if !times.is_empty() => {
                self.wait_for(times.iter().sum(), args.join(" "), false);
                0
            }
            _ => {
                let what = args.get(1).map_or("", String::as_str);
                self.complain(&format!("sleep: invalid time interval '{what}'"));
                1
            }
        }
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            commands: self.world.commands(),
            errors: self.world.errors().0,
            refused: self.world.refused(),
        }
    }

    /// Says what happened while time passed.
    pub(super) fn tell_wait(&mut self, before: &Counts) {
        let now = self.counts();
        let commands = now.commands - before.commands;
        let errors = now.errors - before.errors;
        let refused = now.refused - before.refused;
        let mut parts = vec![self.clock_text()];
        if commands > 0 {
            parts.push(count(commands, "command"));
        }
        let acknowledged = self.world.acknowledged();
        parts.push(format!("{} acknowledged", count(acknowledged, "write")));
        if self.world.running() {
            let (power, oldest_us) = self.world.exposed_power();
            let (kill, _) = self.world.exposed_kill();
            if power > 0 {
                parts.push(format!(
                    "a power loss now would take {} of them, the oldest {} old",
                    thousands(power),
                    about(oldest_us)
                ));
                parts.push(match kill {
                    0 => "a process kill none".into(),
                    kill if kill == power => "a process kill the same".into(),
                    kill => format!("a process kill {}", thousands(kill)),
                });
            } else {
                parts.push("the disk holds them all".into());
            }
        }
        let line = parts.join(" · ");
        self.note(Style::Accent, &line);
        if errors > 0 {
            let (_, error) = self.world.errors();
            let text = String::from_utf8_lossy(error).into_owned();
            self.note(
                Style::Warning,
                &format!(
                    "{} of the workload answered with an error, the last: {text}",
                    count(errors, "request")
                ),
            );
        }
        if refused > 0 {
            self.note(
                Style::Warning,
                &format!(
                    "{} of the workload found no server",
                    count(refused, "request")
                ),
            );
        }
    }

    /// `03:17:00.050`.
    pub(super) fn clock_text(&self) -> String {
        time_of_day(self.world.now_us())
    }

    pub(super) fn date(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let now_us = self.world.now_us();
        if args.get(1).is_some_and(|format| format == "+%s") {
            self.print(io, Style::Plain, format!("{}\n", now_us / 1_000_000));
        } else {
            let text = super::listing::date_text(now_us);
            self.print(io, Style::Plain, format!("{text}\n"));
        }
        0
    }

    // Crashes.

    pub(super) fn crash(&mut self, _io: &mut Io, args: &[String]) -> i32 {
        let words: Vec<&str> = args[1..].iter().map(String::as_str).collect();
        let (words, at) = match *words.as_slice() {
            ["off"] => {
                self.world.arm(None);
                return 0;
            }
            [ref words @ .., "at", number] => match number.replace(['_', ','], "").parse() {
                Ok(number) => (words, Some(number)),
                Err(_) => {
                    self.complain("crash: at which operation of the disk? crash power at 4711");
                    return 1;
                }
            },
            ref words => (words, None),
        };
        let survival = match *words {
            ["kill" | "process" | "oom"] => None,
            ["power"] | ["power", "none"] => Some(Survival::None),
            ["power", "all"] => Some(Survival::All),
            ["power", "seed", seed] | ["power", seed] => {
                match seed.trim_start_matches("seed=").parse() {
                    Ok(seed) => Some(Survival::Seeded(seed)),
                    Err(_) => {
                        self.complain("crash: crash power [none|all|seed N]");
                        return 1;
                    }
                }
            }
            _ => {
                self.complain(
                    "crash: crash power [none|all|seed N], or crash kill; with `at N`, before that operation of the disk",
                );
                return 1;
            }
        };
        let cause = args.join(" ");
        match (at, survival) {
            (Some(at), survival) => self.arm_crash(cause, survival, at),
            (None, None) => {
                if !self.world.kill(&cause) {
                    self.complain("crash: no server is running");
                    return 1;
                }
                self.note_crash("", None);
                0
            }
            (None, Some(survival)) => {
                self.world.power_loss(&cause, survival);
                self.note_crash("", Some(survival));
                0
            }
        }
    }

    /// Has a crash happen by itself, right before a disk operation.
    fn arm_crash(&mut self, cause: String, survival: Option<Survival>, at: u64) -> i32 {
        let done = self.world.disk().op_count();
        if at <= done {
            self.complain(&format!(
                "crash: the disk has carried out {} already; the point must come after",
                count(done, "operation")
            ));
            return 1;
        }
        let text = format!(
            "`{cause}` is armed: it happens instead of operation {} of the disk, which has carried out {} so far (`crash off` takes it back)",
            thousands(at),
            thousands(done)
        );
        self.world.arm(Some(Armed {
            cause,
            survival,
            at,
        }));
        self.note(Style::Dim, &text);
        0
    }

    /// Says that an armed crash has happened, and gives up what it came in the middle of.
    pub(super) fn tell_armed_crash(&mut self) {
        let Some(armed) = self.world.take_happened() else {
            return;
        };
        self.pipelines.clear();
        self.status = 1;
        let waited = self.wait.take().is_some();
        self.show_log();
        let at = format!("Before operation {} of the disk: ", thousands(armed.at));
        self.note_crash(&at, armed.survival);
        if waited {
            self.note(Style::Dim, "Time stands still again.");
        }
    }

    fn note_crash(&mut self, point: &str, survival: Option<Survival>) {
        let at = self.clock_text();
        let what = match survival {
            None => "The process is gone. The operating system still holds what it had written.",
            Some(Survival::None) => "The power is gone. What was not synced is gone.",
            Some(Survival::All) => {
                "The power is gone. All that was written happened to reach the device."
            }
            Some(Survival::Seeded(_)) => {
                "The power is gone. Of what was not synced, a coin decided page by page."
            }
        };
        self.note(Style::Warning, &format!("{at}  {point}{what}"));
    }

    pub(super) fn verdict(&mut self, _io: &mut Io, _args: &[String]) -> i32 {
        if self.world.verdict().is_none() {
            self.complain("verdict: nothing has crashed yet");
            return 1;
        }
        self.tell_verdict();
        0
    }

    /// Says what the last crash took.
    pub(super) fn tell_verdict(&mut self) {
        let Some(verdict) = self.world.verdict().cloned() else {
            return;
        };
        if !verdict.recovered_known {
            return self.note(
                Style::Warning,
                &format!(
                    "verdict on `{}`: {} writes were acknowledged before it; start the server to see what comes back",
                    verdict.cause,
                    thousands(verdict.acknowledged)
                ),
            );
        }
        let mut text = format!(
            "verdict on `{}`: acknowledged {} · recovered {} · lost {}",
            verdict.cause,
            thousands(verdict.acknowledged),
            thousands(verdict.recovered),
            thousands(verdict.lost)
        );
        if verdict.lost > 0 {
            text.push_str(&match verdict.oldest_lost_ms {
                0 => " (less than a millisecond before the crash)".into(),
                ms => format!(" (the oldest {} before the crash)", about(ms * 1000)),
            });
        }
        text.push_str(&format!(" · recovery {} ms", verdict.recovery_ms));
        let style = if verdict.lost > 0 {
            Style::Loss
        } else {
            Style::Accent
        };
        self.note(style, &text);
        self.note(Style::Plain, &verdict.explanation);
        self.last_output.push_str(&text);
        self.last_output.push('\n');
        self.last_output.push_str(&verdict.explanation);
    }

    pub(super) fn status_word(&mut self, io: &mut Io, _args: &[String]) -> i32 {
        let view = self.world.view(&crate::ViewRequest::default());
        let layers = view.layers;
        let mut text = format!(
            "time        {}\nserver      {}\n",
            self.clock_text(),
            view.clock.server.as_deref().unwrap_or("not running")
        );
        let mut line = |name: &str, value: String| text.push_str(&format!("{name:<12}{value}\n"));
        if let Some(workload) = &view.clock.workload {
            line("workload", workload.clone());
        }
        for fault in &view.clock.faults {
            line("fault", fault.clone());
        }
        line(
            "memory",
            format!(
                "{} keys, {}",
                thousands(layers.memory_keys),
                human(layers.memory_bytes)
            ),
        );
        if let Some(bytes) = layers.aof_buffer_bytes {
            line("AOF buffer", human(bytes));
        }
        line(
            "page cache",
            format!("{} not synced", human(layers.page_cache_bytes)),
        );
        line("disk", format!("{} durable", human(layers.disk_bytes)));
        line(
            "writes",
            format!("{} acknowledged", thousands(layers.acknowledged)),
        );
        for (name, count, oldest_us) in [
            (
                "power loss",
                layers.exposed_power,
                layers.exposed_power_oldest_us,
            ),
            (
                "kill -9",
                layers.exposed_kill,
                layers.exposed_kill_oldest_us,
            ),
        ] {
            let age = match count {
                0 => String::new(),
                _ => format!(", the oldest {} old", about(oldest_us)),
            };
            line(name, format!("would take {}{age}", thousands(count)));
        }
        self.print(io, Style::Plain, text);
        0
    }

    // Small things.

    pub(super) fn echo(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let (words, end) = match args.get(1).map(String::as_str) {
            Some("-n") => (&args[2..], ""),
            _ => (&args[1..], "\n"),
        };
        self.print(io, Style::Plain, format!("{}{end}", words.join(" ")));
        0
    }

    pub(super) fn yes(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let word = args.get(1).map_or("y", String::as_str);
        // A pipe takes what it needs of an endless stream; a few lines stand for it.
        let times = if io.piped.is_some() { 16 } else { 3 };
        self.print(io, Style::Plain, format!("{word}\n").repeat(times));
        if io.piped.is_none() {
            self.note(Style::Dim, "… (it would go on for ever)");
        }
        0
    }

    pub(super) fn clear(&mut self, _io: &mut Io, _args: &[String]) -> i32 {
        0
    }

    pub(super) fn sudo(&mut self, io: &mut Io, args: &[String]) -> i32 {
        match args.get(1).map(String::as_str) {
            Some("sudo") | None => 1,
            Some(_) => self.run_words(&args[1..], io),
        }
    }

    pub(super) fn watch(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let mut words = &args[1..];
        while let [first, rest @ ..] = words
            && first.starts_with('-')
        {
            let takes_value = first == "-n";
            words = if takes_value && !rest.is_empty() {
                &rest[1..]
            } else {
                rest
            };
        }
        let line = words.join(" ");
        let parsed = match super::parse::parse(&line) {
            Ok(parsed) if !parsed.pipelines.is_empty() => parsed,
            _ => {
                self.complain("watch: which command?");
                return 1;
            }
        };
        if parsed.pipelines.iter().any(|pipeline| {
            let stages = pipeline.stages.iter();
            stages
                .filter_map(|stage| stage.words.first())
                .any(|word| matches!(word.text.as_str(), "watch" | "sudo" | "advance" | "sleep"))
        }) {
            self.complain("watch: not that command");
            return 1;
        }
        self.note(
            Style::Dim,
            &format!(
                "(once, at {}: time stands still while you look)",
                self.clock_text()
            ),
        );
        for pipeline in parsed.pipelines {
            self.run_stages(pipeline.stages, io);
        }
        self.status
    }
}
