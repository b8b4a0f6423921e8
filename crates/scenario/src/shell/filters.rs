//! Commands that read files or what a pipe brings: cat, head, tail, grep, wc, sort, xxd.

use lastsave_vfs::Errno;

use super::files::flags_and_rest;
use super::{Io, Shell, Style};
use crate::units::parse_bytes;

/// Bytes of a file that go to the terminal at most.
const MAX_SHOWN: usize = 64 << 10;

impl Shell {
    /// The content of the files, one behind the other, or what the pipe brings.
    fn inputs(&mut self, io: &mut Io, name: &str, paths: &[&String]) -> Result<Vec<u8>, i32> {
        if paths.is_empty() {
            return match io.stdin.take() {
                Some(bytes) => Ok(bytes),
                None => {
                    self.complain(&format!("{name}: there is nothing to read: name a file"));
                    Err(1)
                }
            };
        }
        let mut all = Vec::new();
        for path in paths {
            match self.read_file(path) {
                Ok(bytes) => all.extend(bytes),
                Err(error) => {
                    self.complain(&format!("{name}: {path}: {error}"));
                    self.hint_at_log_directory(path, error);
                    return Err(1);
                }
            }
        }
        Ok(all)
    }

    /// Since Redis 7.0 there is no `appendonly.aof`: says where to look.
    pub(super) fn hint_at_log_directory(&mut self, path: &str, error: Errno) {
        if error == Errno::NotFound
            && path.ends_with(".aof")
            && !path.contains('/')
            && self.world.disk().is_dir("appendonlydir")
        {
            self.note(
                Style::Dim,
                "(since Redis 7.0 the append-only file is a directory of several files and a manifest: `ls -l appendonlydir`)",
            );
        }
    }

    /// Prints bytes, to a terminal not more than one wants to read.
    fn print_cut(&mut self, io: &mut Io, bytes: &[u8]) {
        if io.piped.is_none() && bytes.len() > MAX_SHOWN {
            self.print(io, Style::Plain, &bytes[..MAX_SHOWN]);
            let more = bytes.len() - MAX_SHOWN;
            self.note(
                Style::Dim,
                &format!("\n… {more} more bytes (`head`, `tail` and `xxd` show parts)"),
            );
        } else {
            self.print(io, Style::Plain, bytes);
        }
    }

    pub(super) fn cat(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let (_, paths) = flags_and_rest(&args[1..]);
        match self.inputs(io, "cat", &paths) {
            Ok(bytes) => {
                self.print_cut(io, &bytes);
                if io.piped.is_none() && !bytes.is_empty() && !bytes.ends_with(b"\n") {
                    self.note(Style::Plain, "");
                }
                0
            }
            Err(status) => status,
        }
    }

    pub(super) fn head(&mut self, io: &mut Io, args: &[String]) -> i32 {
        self.part(io, args, |bytes, amount| match amount {
            Amount::Lines(lines) => {
                let end = bytes
                    .iter()
                    .enumerate()
                    .filter(|(_, byte)| **byte == b'\n')
                    .nth(lines.saturating_sub(1))
                    .map_or(bytes.len(), |(index, _)| index + 1);
                &bytes[..if lines == 0 { 0 } else { end }]
            }
            Amount::Bytes(count) => &bytes[..count.min(bytes.len())],
        })
    }

    pub(super) fn tail(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let follows = args.iter().any(|arg| arg == "-f" || arg == "-F");
        let status = self.part(io, args, |bytes, amount| match amount {
            Amount::Lines(lines) => {
                let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
                let start = body
                    .iter()
                    .enumerate()
                    .rev()
                    .filter(|(_, byte)| **byte == b'\n')
                    .nth(lines.saturating_sub(1))
                    .map_or(0, |(index, _)| index + 1);
                &bytes[if lines == 0 { bytes.len() } else { start }..]
            }
            Amount::Bytes(count) => &bytes[bytes.len().saturating_sub(count)..],
        });
        if follows && status == 0 {
            self.note(
                Style::Dim,
                "(-f: time stands still while you look, so nothing follows; `advance 1s` and look again)",
            );
        }
        status
    }

    fn part(
        &mut self,
        io: &mut Io,
        args: &[String],
        cut: impl for<'a> Fn(&'a [u8], Amount) -> &'a [u8],
    ) -> i32 {
        let mut amount = Amount::Lines(10);
        let mut paths = Vec::new();
        let mut words = args[1..].iter();
        while let Some(word) = words.next() {
            let Some(option) = word.strip_prefix('-').filter(|option| !option.is_empty()) else {
                paths.push(word);
                continue;
            };
            let (letter, value) = option.split_at(1);
            let value = match (letter, value) {
                ("n" | "c", "") => words.next().cloned().unwrap_or_default(),
                (_, value) => value.to_owned(),
            };
            let count = |text: &str| text.trim_start_matches(['+', '-']).parse::<usize>().ok();
            amount = match letter {
                "n" => count(&value).map_or(amount, Amount::Lines),
                "c" => count(&value).map_or(amount, Amount::Bytes),
                _ => option.parse().map_or(amount, Amount::Lines),
            };
        }
        match self.inputs(io, &args[0], &paths) {
            Ok(bytes) => {
                let part = cut(&bytes, amount).to_vec();
                self.print_cut(io, &part);
                0
            }
            Err(status) => status,
        }
    }

    pub(super) fn grep(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let (flags, mut words) = flags_and_rest(&args[1..]);
        if words.is_empty() {
            self.complain("grep: a pattern is missing");
            return 2;
        }
        let pattern = Pattern::new(words.remove(0), flags.contains('E'), flags.contains('i'));
        let bytes = match self.inputs(io, "grep", &words) {
            Ok(bytes) => bytes,
            Err(_) => return 2,
        };
        let text = String::from_utf8_lossy(&bytes);
        let found: Vec<String> = text
            .lines()
            .enumerate()
            .filter(|(_, line)| pattern.matches(line) != flags.contains('v'))
            .map(|(index, line)| {
                if flags.contains('n') {
                    format!("{}:{line}\n", index + 1)
                } else {
                    format!("{line}\n")
                }
            })
            .collect();
        if flags.contains('c') {
            self.print(io, Style::Plain, format!("{}\n", found.len()));
        } else if !flags.contains('q') {
            self.print(io, Style::Plain, found.concat());
        }
        i32::from(found.is_empty())
    }

    pub(super) fn wc(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let (flags, paths) = flags_and_rest(&args[1..]);
        let bytes = match self.inputs(io, "wc", &paths) {
            Ok(bytes) => bytes,
            Err(status) => return status,
        };
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        let words = String::from_utf8_lossy(&bytes).split_whitespace().count();
        let all = flags.is_empty();
        let counts = [('l', lines), ('w', words), ('c', bytes.len())];
        let text: Vec<String> = counts
            .iter()
            .filter(|(letter, _)| all || flags.contains(*letter))
            .map(|(_, count)| count.to_string())
            .collect();
        let name = match paths.as_slice() {
            [path] => format!(" {path}"),
            _ => String::new(),
        };
        self.print(io, Style::Plain, format!("{}{name}\n", text.join(" ")));
        0
    }

    pub(super) fn sort(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let (flags, paths) = flags_and_rest(&args[1..]);
        let bytes = match self.inputs(io, "sort", &paths) {
            Ok(bytes) => bytes,
            Err(status) => return status,
        };
        let text = String::from_utf8_lossy(&bytes);
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        if flags.contains('n') {
            lines.sort_by_key(|line| {
                let digits = line.trim_start();
                let end = digits
                    .find(|c: char| !c.is_ascii_digit())
                    .unwrap_or(digits.len());
                digits[..end].parse::<u64>().unwrap_or(0)
            });
        }
        if flags.contains('r') {
            lines.reverse();
        }
        let sorted: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.print(io, Style::Plain, sorted);
        0
    }

    pub(super) fn xxd(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let (mut start, mut len) = (0usize, 256usize);
        let mut limited = false;
        let mut paths = Vec::new();
        let mut words = args[1..].iter();
        while let Some(word) = words.next() {
            let number = |words: &mut std::slice::Iter<'_, String>| {
                words.next().and_then(|text| offset(text))
            };
            match word.as_str() {
                "-s" => start = number(&mut words).unwrap_or(0),
                "-l" => {
                    len = number(&mut words).unwrap_or(len);
                    limited = true;
                }
                _ => paths.push(word),
            }
        }
        let bytes = match self.inputs(io, "xxd", &paths) {
            Ok(bytes) => bytes,
            Err(status) => return status,
        };
        if io.piped.is_some() && !limited {
            len = bytes.len().min(MAX_SHOWN);
        }
        let start = start.min(bytes.len());
        let end = start.saturating_add(len).min(bytes.len());
        let mut text = String::new();
        for (index, row) in bytes[start..end].chunks(16).enumerate() {
            let mut hex = String::new();
            for (column, byte) in row.iter().enumerate() {
                if column > 0 && column % 2 == 0 {
                    hex.push(' ');
                }
                hex.push_str(&format!("{byte:02x}"));
            }
            let letters: String = row
                .iter()
                .map(|byte| {
                    if (b' '..=b'~').contains(byte) {
                        *byte as char
                    } else {
                        '.'
                    }
                })
                .collect();
            text.push_str(&format!(
                "{:08x}: {hex:<39}  {letters}\n",
                start + index * 16
            ));
        }
        self.print(io, Style::Plain, text);
        if !limited && io.piped.is_none() && end < bytes.len() {
            let more = bytes.len() - end;
            self.note(
                Style::Dim,
                &format!("… {more} more bytes (`xxd -s {end} -l 256` goes on)"),
            );
        }
        0
    }
}

/// How much of something is wanted.
#[derive(Clone, Copy)]
enum Amount {
    Lines(usize),
    Bytes(usize),
}

/// A number, in hexadecimal behind `0x`.
fn offset(text: &str) -> Option<usize> {
    match text.strip_prefix("0x") {
        Some(hex) => usize::from_str_radix(hex, 16).ok(),
        None => parse_bytes(text).and_then(|bytes| usize::try_from(bytes).ok()),
    }
}

/// What grep looks for: texts, each perhaps bound to the beginning or the end of the line, with `.*` in between.
struct Pattern {
    alternatives: Vec<String>,
    ignore_case: bool,
}

impl Pattern {
    fn new(text: &str, extended: bool, ignore_case: bool) -> Self {
        let mut alternatives: Vec<String> = text.split("\\|").map(str::to_owned).collect();
        if extended {
            alternatives = alternatives
                .iter()
                .flat_map(|text| text.split('|').map(str::to_owned))
                .collect();
        }
        if ignore_case {
            alternatives = alternatives
                .iter()
                .map(|text| text.to_lowercase())
                .collect();
        }
        Self {
            alternatives,
            ignore_case,
        }
    }

    fn matches(&self, line: &str) -> bool {
        let folded;
        let line = if self.ignore_case {
            folded = line.to_lowercase();
            folded.as_str()
        } else {
            line
        };
        let line = line.trim_end_matches('\r');
        self.alternatives.iter().any(|text| {
            let (from_start, text) = match text.strip_prefix('^') {
                Some(text) => (true, text),
                None => (false, text.as_str()),
            };
            let (to_end, text) = match text.strip_suffix('$') {
                Some(text) => (true, text),
                None => (false, text),
            };
            let parts: Vec<&str> = text.split(".*").collect();
            contains_parts(line, &parts, from_start, to_end)
        })
    }
}

/// Whether `parts` stand in `line` in this order.
fn contains_parts(line: &str, parts: &[&str], from_start: bool, to_end: bool) -> bool {
    let mut rest = line;
    for (index, part) in parts.iter().enumerate() {
        let is_last = index + 1 == parts.len();
        if index == 0 && from_start {
            let Some(behind) = rest.strip_prefix(part) else {
                return false;
            };
            rest = behind;
            if is_last && to_end {
                return rest.is_empty();
            }
        } else if is_last && to_end {
            return rest.ends_with(part);
        } else {
            let Some(at) = rest.find(part) else {
                return false;
            };
            rest = &rest[at + part.len()..];
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_greps_do_in_simple_cases() {
        let matches = |pattern: &str, line: &str| Pattern::new(pattern, true, false).matches(line);
        assert!(matches("rdb_last", "rdb_last_bgsave_status:ok\r"));
        assert!(matches("^rdb.*ok$", "rdb_last_bgsave_status:ok\r"));
        assert!(!matches("^last", "rdb_last"));
        assert!(matches("aof|rdb", "rdb_changes"));
        assert!(!matches("^rdb$", "rdbx"));
        assert!(Pattern::new("RDB\\|x", false, true).matches("rdb"));
    }
}
