//! Files: listing, reading, changing. What the hand does here is durable at once, as if long done.

use lastsave_engine::format_log_line;
use lastsave_vfs::{Errno, SimDisk, Vfs};

use super::parse::Word;
use super::{Io, Shell, Style};
use crate::units::human;

/// The data directory as a path of the machine.
const DATA_DIR: &str = "/data";

/// What a disk without a limit is said to hold, in bytes.
const ASSUMED_CAPACITY: u64 = 512 << 30;

/// A file or directory, listed.
struct Entry {
    path: String,
    is_dir: bool,
    len: u64,
}

impl Shell {
    // Paths.

    /// A path as typed, relative to the data directory, `.` and `..` resolved.
    pub(super) fn resolve(&self, typed: &str) -> String {
        let (base, rest) = match typed.strip_prefix(DATA_DIR) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => ("", rest),
            _ => (self.directory.as_str(), typed),
        };
        let mut parts: Vec<&str> = Vec::new();
        for part in base.split('/').chain(rest.split('/')) {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        parts.join("/")
    }

    /// A path as typed, from the machine's root.
    pub(super) fn absolute(&self, typed: &str) -> String {
        let path = self.resolve(typed);
        format!("{DATA_DIR}/{path}")
            .trim_end_matches('/')
            .to_owned()
    }

    /// Words with patterns replaced by the files that match them.
    pub(super) fn expand(&self, words: Vec<Word>) -> Vec<String> {
        let mut expanded = Vec::new();
        for word in words {
            let is_pattern = !word.quoted && word.text.contains(['*', '?', '[']);
            let mut matches = if is_pattern {
                self.matching(&word.text)
            } else {
                Vec::new()
            };
            if matches.is_empty() {
                expanded.push(word.text);
            } else {
                expanded.append(&mut matches);
            }
        }
        expanded
    }

    fn matching(&self, pattern: &str) -> Vec<String> {
        let (dir, name_pattern) = match pattern.rsplit_once('/') {
            Some((dir, name)) => (Some(dir), name),
            None => (None, pattern),
        };
        if dir.is_some_and(|dir| dir.contains(['*', '?', '['])) {
            return Vec::new();
        }
        let names = list(self.world.disk(), &self.resolve(dir.unwrap_or(".")));
        let names = names.unwrap_or_default().into_iter();
        names
            .map(|entry| last_name(&entry.path).to_owned())
            .filter(|name| !name.starts_with('.') || name_pattern.starts_with('.'))
            .filter(|name| {
                lastsave_keyspace::glob::matches(name_pattern.as_bytes(), name.as_bytes(), false)
            })
            .map(|name| match dir {
                Some(dir) => format!("{dir}/{name}"),
                None => name,
            })
            .collect()
    }

    /// The names that complete a path being typed.
    pub(super) fn paths_beginning(&self, typed: &str) -> Vec<String> {
        let (dir, name) = match typed.rsplit_once('/') {
            Some((dir, name)) => (Some(dir), name),
            None => (None, typed),
        };
        let entries = list(self.world.disk(), &self.resolve(dir.unwrap_or(".")));
        let entries = entries.unwrap_or_default().into_iter();
        entries
            .filter(|entry| last_name(&entry.path).starts_with(name))
            .map(|entry| {
                let slash = if entry.is_dir { "/" } else { "" };
                let name = last_name(&entry.path);
                match dir {
                    Some(dir) => format!("{dir}/{name}{slash}"),
                    None => format!("{name}{slash}"),
                }
            })
            .collect()
    }

    // Reading and writing.

    pub(super) fn read_file(&self, typed: &str) -> Result<Vec<u8>, Errno> {
        let path = self.resolve(typed);
        match self.world.disk().read(&path) {
            Ok(bytes) => Ok(bytes),
            Err(_) if self.world.disk().is_dir(&path) => Err(Errno::IsADirectory),
            Err(error) => Err(error.errno),
        }
    }

    pub(super) fn write_file(
        &mut self,
        typed: &str,
        bytes: &[u8],
        append: bool,
    ) -> Result<(), Errno> {
        if typed == "/dev/null" {
            return Ok(());
        }
        let path = self.resolve(typed);
        let mut content = Vec::new();
        if append {
            content = self.world.disk().read(&path).unwrap_or_default();
        }
        content.extend_from_slice(bytes);
        let result = self.world.by_hand(|disk| match path.rsplit_once('/') {
            Some((dir, _)) if !disk.is_dir(dir) => Err(Errno::NotFound),
            _ => disk
                .write_file(&path, &content)
                .map_err(|error| error.errno),
        });
        self.world.file_replaced(&path);
        result
    }

    /// Does something for each path, and complains where it fails.
    fn each(
        &mut self,
        name: &str,
        paths: &[&String],
        mut act: impl FnMut(&mut Self, &str) -> Result<(), String>,
    ) -> i32 {
        let mut status = 0;
        if paths.is_empty() {
            self.complain(&format!("{name}: missing operand"));
            return 1;
        }
        for path in paths {
            if let Err(message) = act(self, path) {
                self.complain(&format!("{name}: {message}"));
                status = 1;
            }
        }
        status
    }

    // Listing.

    pub(super) fn ls(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let (flags, paths) = flags_and_rest(&args[1..]);
        let here = ".".to_owned();
        let paths = if paths.is_empty() { vec![&here] } else { paths };
        let mut status = 0;
        let mut files = Vec::new();
        let mut dirs = Vec::new();
        for typed in paths {
            let path = self.resolve(typed);
            if self.world.disk().is_dir(&path) {
                dirs.push((typed.clone(), path));
            } else if let Some(entry) = stat(self.world.disk(), &path) {
                files.push((typed.clone(), entry));
            } else {
                self.complain(&format!(
                    "ls: cannot access '{typed}': No such file or directory"
                ));
                if is_old_log_name(typed) && self.world.disk().is_dir("appendonlydir") {
                    self.note(
                        Style::Dim,
                        "(since Redis 7.0 the append-only file is a directory: `ls -lh appendonlydir`)",
                    );
                }
                status = 2;
            }
        }
        let titled = dirs.len() + usize::from(!files.is_empty()) > 1 || flags.contains('R');
        if !files.is_empty() {
            self.print_entries(io, &flags, &files, false);
        }
        let mut first = files.is_empty();
        while !dirs.is_empty() {
            let (title, path) = dirs.remove(0);
            let entries = list(self.world.disk(), &path).unwrap_or_default();
            if titled {
                let gap = if first { "" } else { "\n" };
                self.print(io, Style::Plain, format!("{gap}{title}:\n"));
            }
            first = false;
            if flags.contains('R') {
                let below = entries.iter().filter(|entry| entry.is_dir);
                let below = below.map(|entry| {
                    let name = last_name(&entry.path);
                    (format!("{title}/{name}"), entry.path.clone())
                });
                dirs.splice(0..0, below.collect::<Vec<_>>());
            }
            let named = entries
                .into_iter()
                .map(|entry| (last_name(&entry.path).to_owned(), entry))
                .collect::<Vec<_>>();
            self.print_entries(io, &flags, &named, true);
        }
        status
    }

    fn print_entries(
        &mut self,
        io: &mut Io,
        flags: &str,
        entries: &[(String, Entry)],
        with_total: bool,
    ) {
        if !flags.contains('l') {
            let names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
            if !names.is_empty() {
                let separator = if io.piped.is_some() || flags.contains('1') {
                    "\n"
                } else {
                    "  "
                };
                self.print(io, Style::Plain, format!("{}\n", names.join(separator)));
            }
            return;
        }
        let size = |len: u64| {
            if flags.contains('h') {
                human(len)
            } else {
                len.to_string()
            }
        };
        if with_total {
            let blocks: u64 = entries
                .iter()
                .map(|(_, entry)| entry.len.div_ceil(4096) * 4096 + u64::from(entry.is_dir) * 4096)
                .sum();
            let total = if flags.contains('h') {
                human(blocks)
            } else {
                (blocks / 1024).to_string()
            };
            self.print(io, Style::Plain, format!("total {total}\n"));
        }
        let sizes: Vec<String> = entries
            .iter()
            .map(|(_, entry)| size(if entry.is_dir { 4096 } else { entry.len }))
            .collect();
        let width = sizes.iter().map(String::len).max().unwrap_or(0);
        for ((name, entry), size) in entries.iter().zip(sizes) {
            let (kind, links) = if entry.is_dir {
                ("drwxr-xr-x", 2)
            } else {
                ("-rw-r--r--", 1)
            };
            let time = short_date(self.world.file_written_at_us(&entry.path));
            self.print(
                io,
                Style::Plain,
                format!("{kind} {links} redis redis {size:>width$} {time} {name}\n"),
            );
        }
    }

    pub(super) fn du(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let (flags, paths) = flags_and_rest(&args[1..]);
        let here = ".".to_owned();
        let paths = if paths.is_empty() { vec![&here] } else { paths };
        for typed in paths {
            let path = self.resolve(typed);
            let below = format!("{path}/");
            let files = self.world.disk().files();
            let len: u64 = files
                .iter()
                .filter(|file| {
                    path.is_empty() || file.path == path || file.path.starts_with(&below)
                })
                .map(|file| file.len.div_ceil(4096) * 4096)
                .sum();
            let size = if flags.contains('h') {
                human(len)
            } else {
                (len / 1024).to_string()
            };
            self.print(io, Style::Plain, format!("{size}\t{typed}\n"));
        }
        0
    }

    pub(super) fn df(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let (flags, _) = flags_and_rest(&args[1..]);
        let disk = self.world.disk();
        let size = disk.capacity().unwrap_or(ASSUMED_CAPACITY);
        let used = disk.used_bytes();
        let free = size.saturating_sub(used);
        let percent = if size == 0 {
            100
        } else {
            (used * 100).div_ceil(size)
        };
        let (header, text) = if flags.contains('h') {
            ("Size", [human(size), human(used), human(free)])
        } else {
            (
                "1K-blocks",
                [size, used, free].map(|len| (len / 1024).to_string()),
            )
        };
        let [size, used, free] = text;
        self.print(
            io,
            Style::Plain,
            format!(
                "Filesystem {header:>10} {:>10} {:>10} Use% Mounted on\n/dev/nvme0n1 {size:>8} {used:>10} {free:>10} {percent:>3}% {DATA_DIR}\n",
                "Used", "Avail"
            ),
        );
        0
    }

    pub(super) fn cd(&mut self, _io: &mut Io, args: &[String]) -> i32 {
        let path = args
            .get(1)
            .map_or(String::new(), |typed| self.resolve(typed));
        if path.is_empty() || self.world.disk().is_dir(&path) {
            self.directory = path;
            return 0;
        }
        let typed = &args[1];
        self.complain(&format!("cd: {typed}: No such file or directory"));
        1
    }

    pub(super) fn pwd(&mut self, io: &mut Io, _args: &[String]) -> i32 {
        let path = self.absolute(".");
        self.print(io, Style::Plain, format!("{path}\n"));
        0
    }

    // Changing.

    pub(super) fn cp(&mut self, _io: &mut Io, args: &[String]) -> i32 {
        let (flags, mut paths) = flags_and_rest(&args[1..]);
        let Some(target) = paths.pop().filter(|_| !paths.is_empty()).cloned() else {
            self.complain("cp: missing file operand");
            return 1;
        };
        self.each("cp", &paths, |shell, source| {
            let from = shell.resolve(source);
            let to = shell.target(source, &target);
            if shell.world.disk().is_dir(&from) {
                if !flags.contains(['r', 'R', 'a']) {
                    return Err(format!("-r not specified; omitting directory '{source}'"));
                }
                let below = format!("{from}/");
                let files = shell.world.disk().files();
                let _ = shell.world.by_hand(|disk| disk.make_dirs(&to));
                for file in files.iter().filter(|file| file.path.starts_with(&below)) {
                    let rest = &file.path[below.len()..];
                    shell.copy(&file.path, &format!("{to}/{rest}"))?;
                }
                return Ok(());
            }
            shell.copy(&from, &to)
        })
    }

    fn copy(&mut self, from: &str, to: &str) -> Result<(), String> {
        let bytes = self
            .world
            .disk()
            .read(from)
            .map_err(|error| format!("cannot stat '{from}': {error}"))?;
        self.world
            .by_hand(|disk| disk.write_file(to, &bytes))
            .map_err(|error| format!("cannot create regular file '{to}': {error}"))?;
        self.world.file_copied(from, to);
        Ok(())
    }

    /// Where a file goes: into a directory under its own name, or to the name given.
    fn target(&self, source: &str, target: &str) -> String {
        let to = self.resolve(target);
        if self.world.disk().is_dir(&to) {
            let name = last_name(source.trim_end_matches('/'));
            format!("{to}/{name}").trim_start_matches('/').to_owned()
        } else {
            to
        }
    }

    pub(super) fn mv(&mut self, _io: &mut Io, args: &[String]) -> i32 {
        let (_, mut paths) = flags_and_rest(&args[1..]);
        let Some(target) = paths.pop().filter(|_| !paths.is_empty()).cloned() else {
            self.complain("mv: missing file operand");
            return 1;
        };
        self.each("mv", &paths, |shell, source| {
            let from = shell.resolve(source);
            let to = shell.target(source, &target);
            shell
                .world
                .by_hand(|disk| disk.move_path(&from, &to))
                .map_err(|error| format!("cannot move '{source}' to '{target}': {error}"))
        })
    }

    pub(super) fn rm(&mut self, _io: &mut Io, args: &[String]) -> i32 {
        let (flags, paths) = flags_and_rest(&args[1..]);
        self.each("rm", &paths, |shell, typed| {
            let path = shell.resolve(typed);
            if path.is_empty() {
                return Err("it is dangerous to operate recursively on the data directory".into());
            }
            if shell.world.disk().is_dir(&path) && !flags.contains(['r', 'R']) {
                return Err(format!("cannot remove '{typed}': Is a directory"));
            }
            match shell.world.by_hand(|disk| disk.remove(&path)) {
                Err(error) if !(flags.contains('f') && error.errno == Errno::NotFound) => {
                    Err(format!("cannot remove '{typed}': {error}"))
                }
                _ => Ok(()),
            }
        })
    }

    pub(super) fn mkdir(&mut self, _io: &mut Io, args: &[String]) -> i32 {
        let (flags, paths) = flags_and_rest(&args[1..]);
        self.each("mkdir", &paths, |shell, typed| {
            let path = shell.resolve(typed);
            let disk = shell.world.disk();
            let exists = disk.is_dir(&path) || disk.inode(&path).is_some();
            if exists && !flags.contains('p') {
                return Err(format!("cannot create directory '{typed}': File exists"));
            }
            shell
                .world
                .by_hand(|disk| disk.make_dirs(&path))
                .map_err(|error| format!("cannot create directory '{typed}': {error}"))
        })
    }

    pub(super) fn touch(&mut self, _io: &mut Io, args: &[String]) -> i32 {
        let paths: Vec<&String> = args[1..].iter().collect();
        self.each("touch", &paths, |shell, typed| {
            if shell.world.disk().inode(&shell.resolve(typed)).is_some() {
                return Ok(());
            }
            shell
                .write_file(typed, b"", false)
                .map_err(|error| format!("cannot touch '{typed}': {error}"))
        })
    }

    pub(super) fn truncate(&mut self, _io: &mut Io, args: &[String]) -> i32 {
        let mut size = None;
        let mut paths = Vec::new();
        let mut words = args[1..].iter();
        while let Some(word) = words.next() {
            match word.strip_prefix("--size=").or(word.strip_prefix("-s")) {
                Some("") => size = words.next().cloned(),
                Some(value) => size = Some(value.to_owned()),
                None => paths.push(word),
            }
        }
        let Some(size) = size else {
            self.complain("truncate: you must specify '--size'");
            return 1;
        };
        self.each("truncate", &paths, |shell, typed| {
            let path = shell.resolve(typed);
            let len = stat(shell.world.disk(), &path).map_or(0, |entry| entry.len);
            let wanted = new_size(&size, len).ok_or(format!("Invalid number: '{size}'"))?;
            if shell.world.disk().inode(&path).is_none() {
                return shell
                    .write_file(typed, &vec![0; wanted as usize], false)
                    .map_err(|error| format!("cannot open '{typed}' for writing: {error}"));
            }
            let mut content = shell
                .world
                .disk()
                .read(&path)
                .map_err(|error| error.to_string())?;
            content.resize(wanted as usize, 0);
            shell
                .world
                .by_hand(|disk| disk.write_file(&path, &content))
                .map_err(|error| format!("failed to truncate '{typed}': {error}"))?;
            // What is left is the file's own beginning: how many writes it holds is still known.
            if wanted > len {
                shell.world.file_replaced(&path);
            } else {
                shell.world.file_changed(&path);
            }
            Ok(())
        })
    }

    pub(super) fn sync(&mut self, _io: &mut Io, _args: &[String]) -> i32 {
        self.world.by_hand(SimDisk::sync_everything);
        0
    }
}

/// The size that `truncate -s` asks for.
fn new_size(text: &str, len: u64) -> Option<u64> {
    const MAX_LEN: u64 = 1 << 30;
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (0, text),
    };
    let size = crate::units::parse_bytes(digits)?;
    let wanted = match sign {
        -1 => len.saturating_sub(size),
        1 => len.checked_add(size)?,
        _ => size,
    };
    (wanted <= MAX_LEN).then_some(wanted)
}

/// Letters of options, and the words that are none.
pub(super) fn flags_and_rest(args: &[String]) -> (String, Vec<&String>) {
    let mut flags = String::new();
    let mut rest = Vec::new();
    for arg in args {
        match arg.strip_prefix('-') {
            Some(letters) if !letters.is_empty() && !letters.starts_with('-') => {
                flags.push_str(letters);
            }
            _ => rest.push(arg),
        }
    }
    (flags, rest)
}

/// What is in a directory, sorted.
fn list(disk: &SimDisk, path: &str) -> Option<Vec<Entry>> {
    if !path.is_empty() && !disk.is_dir(path) {
        return None;
    }
    // Listing is a call of the process and may be made to fail; a copy, which shares all pages, knows no faults.
    let mut copy = disk.clone();
    copy.clear_faults();
    let entries = copy.list(path).ok()?;
    Some(
        entries
            .into_iter()
            .map(|entry| Entry {
                path: if path.is_empty() {
                    entry.name
                } else {
                    format!("{path}/{}", entry.name)
                },
                is_dir: entry.is_dir,
                len: entry.len,
            })
            .collect(),
    )
}

fn stat(disk: &SimDisk, path: &str) -> Option<Entry> {
    let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir);
    list(disk, dir)?
        .into_iter()
        .find(|entry| entry.path == path)
}

fn last_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a name is where the append-only file was before Redis 7.0.
fn is_old_log_name(typed: &str) -> bool {
    typed.ends_with(".aof") && !typed.contains('/')
}

/// `Nov 22 03:17`.
fn short_date(now_us: u64) -> String {
    let (day, month, _, time) = date_parts(now_us);
    format!("{month} {day} {}", &time[..5])
}

/// `Sun Nov 22 03:17:00 UTC 2026`.
pub(super) fn date_text(now_us: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let (day, month, year, time) = date_parts(now_us);
    let weekday = DAYS[(now_us / 86_400_000_000 % 7) as usize];
    format!("{weekday} {month} {day} {} UTC {year}", &time[..8])
}

/// Day, month, year and time of day, as a log line has them.
fn date_parts(now_us: u64) -> (String, String, String, String) {
    let line = format_log_line(0, lastsave_engine::Level::Notice, now_us, 0, "");
    let mut words = line.split(' ').skip(1).map(str::to_owned);
    let mut word = || words.next().unwrap_or_default();
    (word(), word(), word(), word())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_date_writes_them() {
        assert_eq!(
            date_text(1_795_317_424_120_000),
            "Sun Nov 22 03:17:04 UTC 2026"
        );
        assert_eq!(short_date(1_795_317_424_120_000), "Nov 22 03:17");
    }

    #[test]
    fn paths_stay_within_the_data_directory() {
        let mut shell = Shell::new(1);
        for (typed, path) in [
            ("a", "a"),
            ("./a/../b", "b"),
            ("../../etc/passwd", "etc/passwd"),
            ("/data/appendonlydir/x", "appendonlydir/x"),
            ("/", ""),
        ] {
            assert_eq!(shell.resolve(typed), path, "{typed}");
        }
        shell.directory = "appendonlydir".into();
        assert_eq!(shell.resolve("x"), "appendonlydir/x");
        assert_eq!(shell.resolve("../dump.rdb"), "dump.rdb");
    }
}
