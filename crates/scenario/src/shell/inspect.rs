//! inspect, repair and diff: what `lastsave` does to real files, on the simulated disk.

use lastsave_aof::Manifest;
use lastsave_inspect::diff::{DiffOptions, Difference, What, diff};
use lastsave_inspect::load::{DataFiles, load};
use lastsave_inspect::print::{self, lines};
use lastsave_inspect::repair::{Report, directory, file};
use lastsave_inspect::{Inspector, Limits};
use lastsave_keyspace::Keyspace;

use super::files::{Entry, last_name, list};
use super::{Io, Shell, Style};

/// Lines of a tree that the terminal shows at most; a pipe takes all.
const SHOWN_LINES: usize = 400;
/// Bytes of a tree that a pipe takes at most.
const PIPED_BYTES: usize = 64 << 20;
/// Differences shown at most.
const SHOWN_DIFFERENCES: usize = 400;

const USAGE: &str = "inspect: inspect file|directory [--depth n] [--keys pattern] [--hex]";

impl Shell {
    // inspect

    pub(super) fn inspect(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let mut limits = Limits::default();
        let mut hex = false;
        let mut target = None;
        let mut words = args[1..].iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--hex" => hex = true,
                "--keys" => limits.keys = words.next().map(|keys| keys.clone().into_bytes()),
                "--depth" => match words.next().and_then(|depth| depth.parse().ok()) {
                    Some(depth) => limits.depth = depth,
                    None => {
                        self.complain(USAGE);
                        return 2;
                    }
                },
                name if target.is_none() && !name.starts_with('-') => target = Some(word),
                _ => {
                    self.complain(USAGE);
                    return 2;
                }
            }
        }
        let Some(target) = target else {
            self.complain(USAGE);
            return 2;
        };
        let files = self.files_of(target);
        if files.is_empty() {
            self.complain(&format!(
                "inspect: {target}: no snapshot, log or manifest there"
            ));
            return 2;
        }
        let several = files.len() > 1;
        let mut status = 0;
        let mut room = Room {
            lines: SHOWN_LINES,
            bytes: PIPED_BYTES,
        };
        for path in &files {
            let bytes = match self.read_file(path) {
                Ok(bytes) => bytes,
                Err(error) => {
                    self.complain(&format!("inspect: {path}: {error}"));
                    status = 2;
                    continue;
                }
            };
            if several {
                self.print(io, Style::Accent, format!("{path}:\n"));
            }
            status = status.max(self.inspect_file(io, path, &bytes, &limits, hex, &mut room));
        }
        status
    }

    fn inspect_file(
        &mut self,
        io: &mut Io,
        path: &str,
        bytes: &[u8],
        limits: &Limits,
        hex: bool,
        room: &mut Room,
    ) -> i32 {
        let len = bytes.len() as u64;
        let style = print::Style::for_len(len, false, limits.depth);
        let mut inspector = Inspector::new(bytes, path, Some(len), limits.clone());
        let mut text = String::new();
        let mut left_out = 0_u64;
        while let Some(node) = inspector.next_node() {
            let mut part = String::new();
            let mut of_range = |range: std::ops::Range<u64>| {
                let within = range.start as usize..range.end.min(len) as usize;
                bytes.get(within).unwrap_or_default().to_vec()
            };
            lines(
                &node,
                &style,
                hex.then_some(&mut of_range as &mut print::Bytes<'_>),
                &mut part,
            );
            if room.takes(&part, io.piped.is_some()) {
                text.push_str(&part);
            } else {
                left_out += 1;
            }
        }
        self.print(io, Style::Plain, text);
        if left_out > 0 {
            self.note(
                Style::Dim,
                &format!("… {left_out} more at the top level; `--depth 0`, `--keys pattern` or a pipe into `head` or `grep` show them"),
            );
        }
        let verdict = inspector.finish();
        let style = if verdict.is_sound() {
            Style::Accent
        } else {
            Style::Loss
        };
        self.print(io, style, format!("{verdict}\n"));
        i32::from(!verdict.is_sound())
    }

    /// The file itself, or what in a directory belongs to a data set: each manifest before its files in the order in which
    /// they are loaded, then what no manifest names, then the directories of logs.
    fn files_of(&self, typed: &str) -> Vec<String> {
        let path = self.resolve(typed);
        if !self.world.disk().is_dir(&path) {
            return vec![typed.to_owned()];
        }
        let entries = list(self.world.disk(), &path).unwrap_or_default();
        let ends = |path: &str, end: &str| path.ends_with(end);
        let mut ordered: Vec<String> = Vec::new();
        let files = || entries.iter().filter(|entry| !entry.is_dir);
        for manifest in files().filter(|entry| ends(&entry.path, ".manifest")) {
            ordered.push(manifest.path.clone());
            let bytes = self.world.disk().read(&manifest.path).unwrap_or_default();
            let Ok(manifest) = Manifest::parse(&bytes) else {
                continue;
            };
            for info in manifest.files().chain(&manifest.history) {
                let named = |entry: &&Entry| last_name(&entry.path) == info.name;
                if let Some(entry) = files().find(named)
                    && !ordered.contains(&entry.path)
                {
                    ordered.push(entry.path.clone());
                }
            }
        }
        for end in [".rdb", ".aof"] {
            for entry in files().filter(|entry| ends(&entry.path, end)) {
                if !ordered.contains(&entry.path) {
                    ordered.push(entry.path.clone());
                }
            }
        }
        for entry in entries.iter().filter(|entry| entry.is_dir) {
            let inside = list(self.world.disk(), &entry.path).unwrap_or_default();
            if inside.iter().any(|entry| is_part_of_log(&entry.path)) {
                ordered.extend(self.files_of(&format!("/data/{}", entry.path)));
            }
        }
        // Paths are printed and read as typed words.
        let as_typed = |path: String| match path.starts_with("/data/") || self.directory.is_empty()
        {
            true => path,
            false => format!("/data/{path}"),
        };
        ordered.into_iter().map(as_typed).collect()
    }

    // repair

    pub(super) fn repair(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let mut output = None;
        let mut force = false;
        let mut input = None;
        let mut words = args[1..].iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "-o" | "--output" => output = words.next(),
                "--force" => force = true,
                _ => input = Some(word),
            }
        }
        let (Some(input), Some(output)) = (input, output) else {
            self.complain("repair: repair file|directory -o output [--force]");
            return 2;
        };
        match self.salvage(input, output, force) {
            Ok(reports) => {
                let lost = reports.iter().any(|(_, report)| !report.nothing_lost());
                let style = if lost { Style::Warning } else { Style::Plain };
                let several = reports.len() > 1;
                for (path, report) in reports {
                    if several {
                        self.print(io, Style::Accent, format!("{path}:\n"));
                    }
                    self.print(io, style, format!("{report}\n"));
                }
                i32::from(lost)
            }
            Err(error) => {
                self.complain(&format!("repair: {error}"));
                2
            }
        }
    }

    fn salvage(
        &mut self,
        input: &str,
        output: &str,
        force: bool,
    ) -> Result<Vec<(String, Report)>, String> {
        let to = self.resolve(output);
        let disk = self.world.disk();
        let has_files = list(disk, &to).is_some_and(|entries| !entries.is_empty());
        if !force && (disk.inode(&to).is_some() && !disk.is_dir(&to) || has_files) {
            return Err(format!(
                "{output} is there already; --force replaces it, another name spares it"
            ));
        }
        let mut from = self.resolve(input);
        if from.ends_with(".manifest") {
            from = from
                .rsplit_once('/')
                .map_or(String::new(), |(dir, _)| dir.to_owned());
        }
        let mut reports = Vec::new();
        if !self.world.disk().is_dir(&from) {
            let bytes = self
                .read_file(input)
                .map_err(|error| format!("{input}: {error}"))?;
            let (made, report) =
                file(&from, &bytes).map_err(|error| format!("{input}: {error}"))?;
            let to = match self.world.disk().is_dir(&to) {
                true => format!("{to}/{}", last_name(&from)),
                false => to,
            };
            self.put(&to, &made)?;
            reports.push((input.to_owned(), report));
            return Ok(reports);
        }
        let entries = list(self.world.disk(), &from).unwrap_or_default();
        let files: Vec<&Entry> = entries.iter().filter(|entry| !entry.is_dir).collect();
        if files.iter().any(|entry| is_part_of_log(&entry.path)) {
            reports.push((input.to_owned(), self.salvage_log(&files, &to)?));
            return Ok(reports);
        }
        for entry in files.iter().filter(|entry| entry.path.ends_with(".rdb")) {
            let bytes = self.world.disk().read(&entry.path);
            let bytes = bytes.map_err(|error| format!("{}: {error}", entry.path))?;
            let (made, report) =
                file(&entry.path, &bytes).map_err(|error| format!("{}: {error}", entry.path))?;
            self.put(&format!("{to}/{}", last_name(&entry.path)), &made)?;
            reports.push((entry.path.clone(), report));
        }
        for entry in entries
            .iter()
            .filter(|entry| entry.is_dir && entry.path != to)
        {
            let inside = list(self.world.disk(), &entry.path).unwrap_or_default();
            let files: Vec<&Entry> = inside.iter().filter(|entry| !entry.is_dir).collect();
            if files.iter().any(|entry| is_part_of_log(&entry.path)) {
                let to = format!("{to}/{}", last_name(&entry.path));
                reports.push((entry.path.clone(), self.salvage_log(&files, &to)?));
            }
        }
        match reports.is_empty() {
            true => Err(format!("{input}: no snapshot and no log there")),
            false => Ok(reports),
        }
    }

    fn salvage_log(&mut self, files: &[&Entry], to: &str) -> Result<Report, String> {
        let mut contents = Vec::new();
        for entry in files {
            let bytes = self.world.disk().read(&entry.path);
            let bytes = bytes.map_err(|error| format!("{}: {error}", entry.path))?;
            contents.push((last_name(&entry.path).to_owned(), bytes));
        }
        let (made, report) = directory(&contents)?;
        for (name, bytes) in &made {
            self.put(&format!("{to}/{name}"), bytes)?;
        }
        Ok(report)
    }

    fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), String> {
        let path = path.trim_start_matches('/');
        self.world
            .by_hand(|disk| disk.write_file(path, bytes))
            .map_err(|error| format!("{path}: {error}"))?;
        self.world.file_replaced(path);
        Ok(())
    }

    // diff

    pub(super) fn diff(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let ignore_ttl = args.iter().any(|word| word == "--ignore-ttl");
        let paths: Vec<&String> = args[1..]
            .iter()
            .filter(|word| !word.starts_with("--"))
            .collect();
        let [a, b] = *paths else {
            self.complain("diff: diff a b [--ignore-ttl]: two snapshots, logs or directories");
            return 2;
        };
        let mut loaded = Vec::new();
        for path in [a, b] {
            match self.data_set(path) {
                Ok(keyspace) => loaded.push(keyspace),
                Err(error) => {
                    self.complain(&format!("diff: {path}: {error}"));
                    return 2;
                }
            }
        }
        let options = DiffOptions {
            ignore_ttl,
            parts: 16,
        };
        let mut shown = 0;
        let mut text = String::new();
        let counts = diff(&loaded[0], &loaded[1], options, &mut |difference| {
            shown += 1;
            if shown <= SHOWN_DIFFERENCES {
                describe(&difference, &mut text);
            }
        });
        self.print(io, Style::Plain, text);
        if shown > SHOWN_DIFFERENCES {
            self.note(Style::Dim, &format!("… {} more", shown - SHOWN_DIFFERENCES));
        }
        let style = if counts.are_same() {
            Style::Plain
        } else {
            Style::Warning
        };
        self.print(io, style, format!("{counts}\n"));
        i32::from(!counts.are_same())
    }

    /// Loads a file, the directory of a log, or a data directory, whose log counts if it has one. Nothing has expired.
    fn data_set(&self, typed: &str) -> Result<Keyspace, String> {
        load(self.data_files(typed)?, 0)
    }

    fn data_files(&self, typed: &str) -> Result<DataFiles, String> {
        let path = self.resolve(typed);
        let disk = self.world.disk();
        if !disk.is_dir(&path) {
            if let Some((dir, _)) = path
                .rsplit_once('/')
                .filter(|_| path.ends_with(".manifest"))
            {
                return self.data_files(&format!("/data/{dir}"));
            }
            let bytes = self.read_file(typed).map_err(|error| error.to_string())?;
            return Ok(DataFiles::of_file(&path, bytes));
        }
        let entries = list(disk, &path).unwrap_or_default();
        if entries
            .iter()
            .any(|entry| entry.path.ends_with(".manifest"))
        {
            let files = entries.iter().filter(|entry| !entry.is_dir);
            let read = |entry: &Entry| {
                let bytes = disk.read(&entry.path).map_err(|error| error.to_string())?;
                Ok((last_name(&entry.path).to_owned(), bytes))
            };
            return Ok(DataFiles::LogDirectory(
                files.map(read).collect::<Result<_, String>>()?,
            ));
        }
        for entry in entries.iter().filter(|entry| entry.is_dir) {
            let inside = list(disk, &entry.path).unwrap_or_default();
            if inside.iter().any(|entry| entry.path.ends_with(".manifest")) {
                return self.data_files(&format!("/data/{}", entry.path));
            }
        }
        let mut snapshots = entries.iter().filter(|entry| entry.path.ends_with(".rdb"));
        match (snapshots.next(), snapshots.next()) {
            (Some(one), None) => self.data_files(&format!("/data/{}", one.path)),
            (Some(_), Some(_)) => Err("there is more than one snapshot: name one".into()),
            _ => Err("there is no log and no snapshot".into()),
        }
    }
}

/// What may still be printed.
struct Room {
    lines: usize,
    bytes: usize,
}

impl Room {
    /// Whether this may be printed too. Once something may not, nothing behind it may.
    fn takes(&mut self, part: &str, piped: bool) -> bool {
        let lines = if piped { 0 } else { part.lines().count() };
        if self.lines == 0 || part.len() > self.bytes {
            (self.lines, self.bytes) = (0, 0);
            return false;
        }
        self.lines = self.lines.saturating_sub(lines);
        self.bytes -= part.len();
        true
    }
}

fn is_part_of_log(path: &str) -> bool {
    path.ends_with(".manifest") || path.ends_with(".aof")
}

/// A difference in a line or some.
fn describe(difference: &Difference, text: &mut String) {
    let Difference { db, key, what } = difference;
    let db = match db {
        0 => String::new(),
        db => format!(" (database {db})"),
    };
    match what {
        What::OnlyInA { r#type } => {
            text.push_str(&format!("- {key}{db}: a {type}, only in the first\n"));
        }
        What::OnlyInB { r#type } => {
            text.push_str(&format!("+ {key}{db}: a {type}, only in the second\n"));
        }
        What::Different { parts, more } => {
            text.push_str(&format!("~ {key}{db}\n"));
            let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".into());
            for part in parts {
                text.push_str(&format!(
                    "    {}: {} -> {}\n",
                    part.part,
                    side(&part.a),
                    side(&part.b)
                ));
            }
            if *more > 0 {
                text.push_str(&format!("    … {more} more\n"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Progress;
    use super::*;

    fn run(lines: &[&str]) -> String {
        let mut shell = Shell::new(1);
        for line in lines {
            shell.enter(line);
        }
        while shell.run(1_000_000) != Progress::Idle {}
        let spans = shell.take_output().into_iter();
        spans.map(|span| span.text).collect()
    }

    #[test]
    fn a_directory_is_shown_in_the_order_in_which_it_is_loaded() {
        let text = run(&[
            "redis-server --appendonly yes",
            "SET a 1",
            "SAVE",
            "inspect . --depth 0",
        ]);
        let at = |name: &str| text.find(name).unwrap_or_else(|| panic!("{name}: {text}"));
        let manifest = at("appendonlydir/appendonly.aof.manifest:");
        assert!(at("dump.rdb:") < manifest);
        assert!(manifest < at("appendonlydir/appendonly.aof.1.base.rdb:"));
        assert!(text.contains("SET a 1"), "{text}");
    }

    #[test]
    fn a_long_tree_is_cut_in_the_terminal_only() {
        let mut lines: Vec<String> = vec!["redis-server --appendonly yes".into()];
        lines.extend((0..2 * SHOWN_LINES).map(|index| format!("SET key:{index} 1")));
        lines.push("inspect appendonlydir/appendonly.aof.1.incr.aof --depth 0".into());
        lines.push("inspect appendonlydir/appendonly.aof.1.incr.aof --depth 0 | wc -l".into());
        let text = run(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(text.contains("more at the top level"));
        assert!(text.contains("\n802\n"), "{}", &text[text.len() - 300..]);
    }

    #[test]
    fn what_is_repaired_differs_in_what_was_left_out() {
        let text = run(&[
            "redis-server --appendonly yes",
            "SET a 1",
            "SET b 2",
            "kill -9 $(pgrep redis-server)",
            "cp -r appendonlydir whole",
            "poke appendonlydir/appendonly.aof.1.incr.aof 23 78",
            "repair appendonlydir -o repaired",
            "repair appendonlydir -o repaired",
            "diff whole repaired",
        ]);
        assert!(
            text.contains("left out: appendonly.aof.1.incr.aof"),
            "{text}"
        );
        assert!(text.contains("repaired is there already"), "{text}");
        assert!(
            text.contains("- \"a\": a string, only in the first"),
            "{text}"
        );
        assert!(text.contains("NOT the same: 1 key alike"), "{text}");
    }
}
