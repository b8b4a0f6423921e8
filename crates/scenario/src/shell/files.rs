//! Files: paths, reading, changing. What the hand does here is durable at once, as if long done.

use lastsave_vfs::{Errno, SimDisk, Vfs};

use super::parse::Word;
use super::{Io, Shell, Style};

/// The data directory as a path of the machine.
pub(super) const DATA_DIR: &str = "/data";

/// A file or directory, listed.
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) is_dir: bool,
    pub(super) len: u64,
}

/// A path typed in this directory, relative to the data directory, `.` and `..` resolved.
pub(super) fn resolved(directory: &str, typed: &str) -> String {
    let (base, rest) = match typed.strip_prefix(DATA_DIR) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => ("", rest),
        _ => (directory, typed),
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

/// A file's bytes, as a person reads them.
pub(super) fn read_from(disk: &SimDisk, path: &str) -> Result<Vec<u8>, Errno> {
    match disk.read(path) {
        // Not even root can read these.
        Ok(_) if !disk.bad_ranges(path).is_empty() => Err(Errno::Io),
        Ok(bytes) => Ok(bytes),
        Err(_) if disk.is_dir(path) => Err(Errno::IsADirectory),
        Err(error) => Err(error.errno),
    }
}

impl Shell {
    // Paths.

    /// A path as typed, relative to the data directory, `.` and `..` resolved.
    pub(super) fn resolve(&self, typed: &str) -> String {
        resolved(&self.directory, typed)
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
        read_from(self.world.disk(), &self.resolve(typed))
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
        if !self.world.disk().bad_ranges(from).is_empty() {
            return Err(format!("error reading '{from}': {}", Errno::Io));
        }
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
pub(super) fn list(disk: &SimDisk, path: &str) -> Option<Vec<Entry>> {
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

pub(super) fn stat(disk: &SimDisk, path: &str) -> Option<Entry> {
    let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir);
    list(disk, dir)?
        .into_iter()
        .find(|entry| entry.path == path)
}

pub(super) fn last_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

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
