//! The workload's word: what is asked of the server while time passes.

use lastsave_aof::{Entry, Manifest, Reader};
use lastsave_resp::append_request;

use super::{Io, Shell, Style};
use crate::units::{count, duration, parse_duration_us, thousands};
use crate::world::{Pace, WorkloadKind, WorkloadSpec};

/// The longest value that a workload writes, in bytes.
const MAX_VALUE_LEN: usize = 64 << 10;

/// The most keys that a workload writes of one sort.
const MAX_KEYS: u64 = 10_000_000;

/// The most times that a burst multiplies the rate by.
const MAX_TIMES: u64 = 1_000;

/// What a workload is unless it is told otherwise.
const DEFAULT: WorkloadSpec = WorkloadSpec {
    kind: WorkloadKind::Mixed,
    rate: 200,
    keys: 50_000,
    value_len: 20,
    read_percent: None,
    pace: Pace::Steady,
};

impl Shell {
    pub(super) fn workload(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let Some(kind) = args.get(1) else {
            let text = match self.world.workload() {
                Some(spec) => describe(spec),
                None => "no workload".into(),
            };
            self.print(io, Style::Plain, format!("{text}\n"));
            return 0;
        };
        if matches!(kind.as_str(), "off" | "stop" | "none") {
            self.world.set_workload(None);
            return 0;
        }
        let set = match kind.as_str() {
            "file" => self.set_file_workload(&args[2..]),
            _ => parse_workload(kind, &args[2..]).map(|spec| {
                self.world.set_workload(Some(spec));
                describe(&spec)
            }),
        };
        match set {
            Ok(text) => {
                let mut text = format!("workload: {text}");
                if !self.world.running() {
                    text.push_str(" (no server is running yet)");
                }
                self.note(Style::Dim, &text);
                0
            }
            Err(message) => {
                self.complain(&format!("workload: {message}"));
                1
            }
        }
    }

    /// Takes the requests of an append-only file: what was set, in words.
    fn set_file_workload(&mut self, args: &[String]) -> Result<String, String> {
        let Some(path) = args.first() else {
            return Err("file: which? An append-only file, its manifest or its directory".into());
        };
        let spec = parse_parameters(WorkloadKind::File, &args[1..], &["rate", "burst", "shape"])?;
        let mut commands = Commands::default();
        for file in self.log_files(path)? {
            let bytes = self
                .read_file(&file)
                .map_err(|error| format!("{file}: {error}"))?;
            commands.take(&file, &bytes)?;
        }
        if commands.number == 0 {
            return Err(match commands.stopped {
                Some(why) => why,
                None if commands.snapshot => {
                    format!("{path} holds a snapshot and no commands: it is loaded, not replayed")
                }
                None => format!("{path} holds no commands"),
            });
        }
        let spec = WorkloadSpec {
            keys: commands.number,
            ..spec
        };
        self.world.set_file_workload(spec, commands.requests);
        let mut text = describe(&spec);
        if let Some(why) = commands.stopped {
            text.push_str(&format!("; {why}: what comes behind is left out"));
        }
        if commands.snapshot {
            text.push_str("; its base is a snapshot, not commands: `cp` it to start from it");
        }
        Ok(text)
    }

    /// The files with commands that a path stands for: itself, or what the manifest names.
    fn log_files(&self, path: &str) -> Result<Vec<String>, String> {
        let manifest = if path.ends_with(".manifest") {
            Some(path.to_owned())
        } else if self.world.disk().is_dir(&self.resolve(path)) {
            let dir = self.resolve(path);
            let files = self.world.disk().files().into_iter();
            let found = files
                .map(|file| file.path)
                .filter(|file| file.rsplit_once('/').is_some_and(|(of, _)| of == dir))
                .find(|file| file.ends_with(".manifest"));
            let found = found.ok_or_else(|| format!("{path} is a directory without a manifest"))?;
            let name = found.rsplit('/').next().unwrap_or_default();
            Some(format!("{}/{name}", path.trim_end_matches('/')))
        } else {
            None
        };
        let Some(manifest) = manifest else {
            return Ok(vec![path.to_owned()]);
        };
        let bytes = self
            .read_file(&manifest)
            .map_err(|error| format!("{manifest}: {error}"))?;
        let parsed = Manifest::parse(&bytes).map_err(|_| {
            format!("{manifest} is no manifest: `redis-check-aof {manifest}` says why")
        })?;
        let dir = manifest.rsplit_once('/').map_or("", |(dir, _)| dir);
        let files = parsed.base.iter().chain(&parsed.incrs);
        Ok(files
            .map(|file| match dir {
                "" => file.name.clone(),
                _ => format!("{dir}/{}", file.name),
            })
            .collect())
    }
}

/// Commands gathered from files.
#[derive(Default)]
struct Commands {
    /// The requests, one after the other.
    requests: Vec<u8>,
    number: u64,
    /// Whether a file was a snapshot.
    snapshot: bool,
    /// Where and why reading ended before the end.
    stopped: Option<String>,
}

impl Commands {
    fn take(&mut self, path: &str, bytes: &[u8]) -> Result<(), String> {
        if self.stopped.is_some() {
            return Ok(());
        }
        if bytes.starts_with(b"REDIS") || bytes.starts_with(b"LASTSAVE") {
            self.snapshot = true;
            return match path.ends_with(".rdb") {
                true => Ok(()),
                false => Err(format!(
                    "{path} begins with a snapshot: only a file of commands can be replayed"
                )),
            };
        }
        let mut reader = Reader::new(Vec::new(), bytes, 0);
        loop {
            match reader.next_entry() {
                Ok(Some(Entry::Command(args))) => {
                    append_request(&mut self.requests, args);
                    self.number += 1;
                }
                Ok(Some(Entry::Annotation(_))) => {}
                Ok(None) => return Ok(()),
                Err(error) => {
                    self.stopped = Some(format!("{path}: {error}"));
                    return Ok(());
                }
            }
        }
    }
}

/// A workload in words.
fn describe(spec: &WorkloadSpec) -> String {
    let mut text = match spec.kind {
        WorkloadKind::File => format!("{} of a file", count(spec.keys, "command")),
        kind => kind.word().to_owned(),
    };
    text.push_str(&format!(", {} requests a second", thousands(spec.rate)));
    match spec.pace {
        Pace::Steady => {}
        Pace::Burst { times, period_us } => {
            text.push_str(&format!(
                ", {times} times as many in the first second of every {}",
                duration(period_us)
            ));
        }
        Pace::Daily => text.push_str(" in the day's mean"),
    }
    if spec.kind != WorkloadKind::File {
        text.push_str(&format!(" over {} keys", thousands(spec.keys)));
    }
    if let Some(percent) = spec.read_percent {
        text.push_str(&format!(", {percent}% reads"));
    }
    text
}

fn parse_workload(kind: &str, parameters: &[String]) -> Result<WorkloadSpec, String> {
    let mut all = WorkloadKind::ALL.into_iter();
    let Some((_, kind)) = all.find(|(word, _)| *word == kind) else {
        return Err(format!(
            "`{kind}` is none of sessions, carts, counters, analytics, mixed, file, off"
        ));
    };
    let known = ["rate", "keys", "size", "read", "burst", "shape"];
    parse_parameters(kind, parameters, &known)
}

fn parse_parameters(
    kind: WorkloadKind,
    parameters: &[String],
    known: &[&str],
) -> Result<WorkloadSpec, String> {
    let mut spec = WorkloadSpec { kind, ..DEFAULT };
    for parameter in parameters {
        let Some((name, value)) = parameter.split_once('=') else {
            return Err(format!("`{parameter}` is not of the form name=value"));
        };
        if !known.contains(&name) {
            return Err(format!("`{name}` is none of {}", known.join(", ")));
        }
        let within = |value: &str, least: u64, most: u64| {
            let number = value
                .replace(['_', ','], "")
                .parse()
                .map_err(|_| format!("`{value}` is not a number"))?;
            if (least..=most).contains(&number) {
                Ok(number)
            } else {
                Err(format!("{name} goes from {least} to {most}"))
            }
        };
        let paced = spec.pace != Pace::Steady;
        match name {
            "rate" => spec.rate = within(value, 1, 1_000_000)?,
            "keys" => spec.keys = within(value, 1, MAX_KEYS)?,
            "size" => spec.value_len = within(value, 1, MAX_VALUE_LEN as u64)? as usize,
            "read" => spec.read_percent = Some(within(value.trim_end_matches('%'), 0, 100)?),
            "burst" | "shape" if paced => {
                return Err("burst and shape do not go together".into());
            }
            "shape" if value == "daily" => spec.pace = Pace::Daily,
            "shape" if value == "steady" => {}
            "shape" => return Err(format!("`{value}` is none of daily, steady")),
            _ => {
                let Some((times, period)) = value.split_once("x/") else {
                    return Err(format!("`{value}` is no burst: 10x/1m"));
                };
                let period_us = parse_duration_us(period)
                    .filter(|us| (2_000_000..=86_400_000_000).contains(us))
                    .ok_or("a burst comes every 2s to 1d")?;
                let times = within(times, 2, MAX_TIMES)?;
                spec.pace = Pace::Burst { times, period_us };
            }
        }
    }
    Ok(spec)
}
