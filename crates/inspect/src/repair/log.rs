//! Salvaging logs.

use std::ops::Range;

use lastsave_aof::{Checksum, Entry, ReadError, Reader};
use lastsave_keyspace::{lookup, lookup_subcommand};
use lastsave_resp::Args;

use super::Report;
use super::replay::Replay;
use crate::words::escaped;

/// Commands of Redis 7.0 that a log may have and that this server does not know.
const FOREIGN: [&str; 6] = ["eval", "evalsha", "fcall", "function", "script", "spublish"];

/// Commands that must follow each other behind a command that is not whole, unless the file ends cleanly there, for
/// its length to be what is wrong, and not its end that is missing.
const LEAST_RUN: usize = 16;

/// Keeps what can be read of the log in `bytes` from `start` on. `replay`: the data set before it; commands that fail
/// on it are left out.
pub(super) fn salvage(
    bytes: &[u8],
    start: usize,
    replay: Option<&mut Replay>,
    out: &mut Vec<u8>,
    report: &mut Report,
) {
    let mut salvage = Salvage {
        bytes,
        kept: Vec::new(),
        transaction: None,
        damaged_at: None,
        has_checksums: bytes[start..].windows(4).any(|window| window == b"#LS:"),
    };
    salvage.read(start, report);
    write(bytes, &salvage.kept, replay, out, report);
}

/// A whole command, transaction, or line of another kind.
#[derive(Clone)]
struct Unit {
    range: Range<usize>,
    commands: u64,
}

struct Salvage<'a> {
    bytes: &'a [u8],
    /// In order. Units that follow each other are one, unless a checksum line or damage is between them.
    kept: Vec<Unit>,
    /// Where the transaction that is open begins, and how many commands it has.
    transaction: Option<(usize, u64)>,
    /// How much was kept when damage was met first since the last transaction: its MULTI may have been there.
    damaged_at: Option<usize>,
    /// Whether there are checksum lines, or what looks like one.
    has_checksums: bool,
}

impl Salvage<'_> {
    fn read(&mut self, start: usize, report: &mut Report) {
        let mut at = start;
        while at < self.bytes.len() {
            match self.read_on(at, report) {
                Some(next) => at = next,
                None => return,
            }
        }
        self.drop_open(self.bytes.len(), report);
    }

    /// Reads up to the next damage. Returns where to go on behind it.
    fn read_on(&mut self, start: usize, report: &mut Report) -> Option<usize> {
        let mut reader = Reader::new(Vec::new(), &self.bytes[start..], start as u64).strict(true);
        loop {
            let from = reader.offset() as usize;
            let error = match reader.next_entry() {
                Ok(Some(Entry::Command(args))) => {
                    let end = from + args.source().len();
                    self.command(from..end, args, report);
                    continue;
                }
                Ok(Some(Entry::Annotation(_))) => {
                    let end = reader.offset() as usize;
                    if self.transaction.is_none() {
                        self.keep(from..end, 0);
                    }
                    continue;
                }
                Ok(None) => {
                    self.drop_open(self.bytes.len(), report);
                    return None;
                }
                Err(error) => error,
            };
            let at = from;
            let from = self.transaction.as_ref().map_or(from, |(start, _)| *start);
            return match error {
                ReadError::WrongChecksum { range } => {
                    let (start, end) = (range.start as usize, range.end as usize);
                    self.kept.retain(|unit| unit.range.start < start);
                    self.transaction = None;
                    // A transaction is never on both sides of a checksum.
                    self.damaged_at = None;
                    // The line with the checksum is of no use without what it is for.
                    let next = (end + CHECKSUM_LINE_LEN).min(self.bytes.len());
                    let reason = "these bytes do not have the checksum that follows them";
                    report.leave_out(start as u64..next as u64, None, reason);
                    Some(next)
                }
                ReadError::ZeroTail { .. } => {
                    self.transaction = None;
                    report.leave_out(
                        from as u64..self.bytes.len() as u64,
                        None,
                        "nothing but zeros to the end",
                    );
                    None
                }
                ReadError::Truncated { .. } => {
                    let next = self.resume(at, true);
                    self.skip(from, next, "the file ends inside a command", report)
                }
                ReadError::BadFormat { .. } => {
                    let next = self.resume(at, false);
                    self.skip(from, next, "not a command", report)
                }
                ReadError::Io(error) => self.skip(from, None, &error.to_string(), report),
            };
        }
    }

    fn skip(
        &mut self,
        from: usize,
        next: Option<usize>,
        reason: &str,
        report: &mut Report,
    ) -> Option<usize> {
        // What is whole of a transaction that is not is left out with it.
        self.transaction = None;
        let to = next.unwrap_or(self.bytes.len());
        // A checksum line behind the damage counts what is before it, too.
        let what = self.word_at(from);
        report.leave_out(from as u64..to as u64, what, reason);
        self.damaged();
        next
    }

    fn damaged(&mut self) {
        self.damaged_at.get_or_insert(self.kept.len());
    }

    /// The first word of the command at `at`, if it can be read.
    fn word_at(&self, at: usize) -> Option<String> {
        let rest = &self.bytes[at..self.bytes.len().min(at + 200)];
        let mut lines = rest.split(|byte| *byte == b'\n');
        let header = lines.next()?.strip_prefix(b"*")?;
        let count = header.strip_suffix(b"\r")?;
        let len = lines.next()?.strip_prefix(b"$")?.strip_suffix(b"\r")?;
        let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
        let word = lines.next()?.strip_suffix(b"\r")?;
        (digits(count) && digits(len)).then(|| format!("command {}", escaped(word, 60)))
    }

    /// Where reading can go on behind damage that begins in the entry at `from`.
    fn resume(&self, from: usize, may_be_torn: bool) -> Option<usize> {
        if let Some(behind) = self.behind_checksum(from) {
            return Some(behind);
        }
        let mut at = from + 1;
        while at < self.bytes.len() {
            if let Some(end) = word_end(self.bytes, at) {
                at = end;
                continue;
            }
            if self.bytes[at] == b'*' && self.begins(at, may_be_torn) {
                return Some(at);
            }
            at += 1;
        }
        None
    }

    /// In a log with checksums, the end of the next line that holds one: what is behind it has its own.
    fn behind_checksum(&self, from: usize) -> Option<usize> {
        if !self.has_checksums {
            return None;
        }
        let is_line = |line: &[u8]| {
            line.strip_prefix(b"#LS:")
                .and_then(|rest| rest.strip_suffix(b"\r\n"))
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        };
        let rest = &self.bytes[from..];
        let at = rest.windows(CHECKSUM_LINE_LEN).position(is_line)?;
        Some(from + at + CHECKSUM_LINE_LEN)
    }

    /// Whether a known command begins here, and what follows can be read, too.
    fn begins(&self, at: usize, may_be_torn: bool) -> bool {
        let mut reader = Reader::new(Vec::new(), &self.bytes[at..], at as u64).strict(true);
        let least = if may_be_torn { LEAST_RUN } else { 2 };
        for _ in 0..least {
            match reader.next_entry() {
                Ok(Some(Entry::Command(args))) => {
                    if unknown(args).is_some() {
                        return false;
                    }
                }
                Ok(Some(Entry::Annotation(_))) => {}
                Ok(None) => return reader.offset() as usize > at,
                // What can be told is that a command is there.
                Err(_) => return !may_be_torn && reader.offset() as usize > at,
            }
        }
        true
    }

    fn command(&mut self, range: Range<usize>, args: Args<'_>, report: &mut Report) {
        let name = args[0].to_ascii_lowercase();
        let fault = unknown(args);
        match (&name[..], &mut self.transaction) {
            (b"multi", open) => {
                let open = open.take();
                if let Some((start, _)) = open {
                    report.leave_out(
                        start as u64..range.start as u64,
                        None,
                        "a MULTI without its EXEC",
                    );
                }
                self.transaction = Some((range.start, 1));
            }
            (b"exec", None) => {
                // It ends a transaction that began in the damage before it.
                let from = match self.damaged_at.take() {
                    Some(count) if count < self.kept.len() => {
                        let from = self.kept[count].range.start;
                        self.kept.truncate(count);
                        from
                    }
                    _ => range.start,
                };
                report.leave_out(
                    from as u64..range.end as u64,
                    None,
                    "an EXEC without its MULTI, and what belongs to it",
                );
            }
            (b"exec", Some(_)) => {
                if let Some((start, commands)) = self.transaction.take() {
                    self.keep(start..range.end, commands + 1);
                }
            }
            (_, Some((start, commands))) => {
                *commands += 1;
                if let Some(fault) = fault {
                    // It may have been the EXEC: what follows is part of the transaction, or not.
                    let range = *start as u64..range.end as u64;
                    report.leave_out(range, Some("transaction".into()), fault);
                    self.transaction = None;
                    self.damaged();
                }
            }
            (_, None) => match fault {
                Some(fault) => {
                    let what = format!("command {}", escaped(&args[0], 60));
                    report.leave_out(range.start as u64..range.end as u64, Some(what), fault);
                    self.damaged();
                }
                None => self.keep(range, 1),
            },
        }
        if self.transaction.is_some() && name == b"multi" {
            // What comes after a MULTI is no part of a transaction begun in the damage.
            self.damaged_at = None;
        }
    }

    fn keep(&mut self, range: Range<usize>, commands: u64) {
        self.kept.push(Unit { range, commands });
    }

    fn drop_open(&mut self, end: usize, report: &mut Report) {
        if let Some((start, _)) = self.transaction.take() {
            report.leave_out(start as u64..end as u64, None, "a MULTI without its EXEC");
        }
    }
}

/// Bytes of a line that holds a checksum: `#LS:`, 16 digits, the line end.
const CHECKSUM_LINE_LEN: usize = 22;

/// Why no server would run a command.
fn unknown(args: Args<'_>) -> Option<String> {
    let Some(command) = lookup(&args[0]) else {
        let name = args[0].to_ascii_lowercase();
        let is_foreign = FOREIGN.iter().any(|foreign| foreign.as_bytes() == name);
        return (!is_foreign).then(|| "no such command".into());
    };
    let command = if command.subcommands.is_empty() {
        command
    } else {
        match args
            .get(1)
            .and_then(|word| lookup_subcommand(command, word))
        {
            Some(command) => command,
            None => return Some("no such subcommand".into()),
        }
    };
    (!command.allows_words(args.len())).then(|| "a wrong number of words".into())
}

/// Where the word ends that begins at `at` with `$` and its length, if its line ends are right.
fn word_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes[at..].strip_prefix(b"$")?;
    let digits = rest
        .iter()
        .take(12)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if digits == 0 || !rest[digits..].starts_with(b"\r\n") {
        return None;
    }
    let len: usize = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
    let end = (at + 1 + digits + 2).checked_add(len)?;
    (bytes.get(end..end.checked_add(2)?)? == b"\r\n").then_some(end + 2)
}

/// Writes what is kept, with checksum lines made anew where there were some.
fn write(
    bytes: &[u8],
    kept: &[Unit],
    mut replay: Option<&mut Replay>,
    out: &mut Vec<u8>,
    report: &mut Report,
) {
    let mut checksum = Checksum::new();
    for unit in kept {
        let text = &bytes[unit.range.clone()];
        if text.starts_with(b"#LS:") {
            checksum.close(out);
            continue;
        }
        if unit.commands > 0
            && let Some(replay) = &mut replay
            && let Err(error) = run(replay, text)
        {
            let range = unit.range.start as u64..unit.range.end as u64;
            let reason = format!("it fails without what was left out: {error}");
            report.leave_out(range, None, reason);
            continue;
        }
        report.commands += unit.commands;
        checksum.update(text);
        out.extend_from_slice(text);
    }
}

/// Runs the commands of a unit.
fn run(replay: &mut Replay, unit: &[u8]) -> Result<(), String> {
    let mut reader = Reader::new(Vec::new(), unit, 0).strict(true);
    let mut result = Ok(());
    while let Ok(Some(entry)) = reader.next_entry() {
        if let Entry::Command(args) = entry {
            let ran = replay.run(args);
            result = result.and(ran);
        }
    }
    result
}
