//! Files for outside: the simulated disk as an archive, with the line that starts a real server on it.

use lastsave_engine::config::Config;
use lastsave_inspect::moment;

use crate::World;
use crate::zip::{self, ZipEntry};

/// How the text begins that comes with a disk.
pub(crate) const README: &str = "The disk of a simulated machine";

/// A name for what is downloaded, and its bytes. `path` is a file, a directory, or empty for the whole disk; the last two
/// come as an archive. `None` if it is not there.
pub fn export(world: &World, path: &str) -> Option<(String, Vec<u8>)> {
    let disk = world.disk();
    if let Ok(bytes) = disk.read(path) {
        let name = path.rsplit('/').next().unwrap_or(path);
        return Some((name.to_owned(), bytes));
    }
    if !path.is_empty() && !disk.is_dir(path) {
        return None;
    }
    let below = |file: &str| {
        path.is_empty()
            || file
                .strip_prefix(path)
                .is_some_and(|rest| rest.starts_with('/'))
    };
    let mut entries: Vec<ZipEntry> = disk
        .files()
        .into_iter()
        .filter(|file| below(&file.path))
        .filter_map(|file| {
            let bytes = disk.read(&file.path).ok()?;
            Some(ZipEntry {
                path: file.path,
                bytes,
            })
        })
        .collect();
    let now_ms = world.now_us() / 1000;
    let name = match path.rsplit('/').next() {
        Some(name) if !name.is_empty() => format!("{name}.zip"),
        _ => {
            entries.insert(0, readme(world, &entries, now_ms));
            "lastsave-disk.zip".into()
        }
    };
    Some((name, zip::write(&entries, now_ms)))
}

/// What is in the archive and how a server is started on it.
fn readme(world: &World, entries: &[ZipEntry], now_ms: u64) -> ZipEntry {
    let options = options(world, entries);
    let text = format!(
        "{README}, as its operating system saw it on {}.\n\
         It was made by Lastsave, which runs a Redis-compatible engine in a browser tab.\n\
         \n\
         To start a server on these files, run one of these in this directory:\n\
         \n    \
             redis-server --dir . {options}--port 6399\n    \
             lastsave-server --dir . {options}--port 6399\n\
         \n\
         The files are those of Redis 7.0. A server appends to them and replaces them: keep a copy of what matters.\n\
         What they hold, and whether they are sound:\n\
         \n    \
             lastsave inspect . --depth 0\n",
        moment(now_ms.cast_signed()),
    );
    ZipEntry {
        path: "README.txt".into(),
        bytes: text.into_bytes(),
    }
}

/// The options that a server needs to find the files, each with a space behind it.
fn options(world: &World, entries: &[ZipEntry]) -> String {
    let default = Config::default();
    let config = world.engine().map_or(&default, |engine| engine.config());
    let manifest = entries
        .iter()
        .filter_map(|entry| entry.path.strip_suffix(".manifest")?.rsplit_once('/'))
        .find(|(dir, _)| world.engine().is_none() || *dir == config.appenddirname);
    let has_snapshot = entries.iter().any(|entry| entry.path.ends_with(".rdb"));
    let mut options = String::new();
    let mut option = |name: &str, value: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        match value.chars().all(is_plain) {
            true => options.push_str(&format!("--{name} {value} ")),
            false => options.push_str(&format!("--{name} '{value}' ")),
        }
    };
    match manifest {
        // A log that is off is not what the server went by.
        Some((dir, name)) if world.engine().is_none() || config.appendonly || !has_snapshot => {
            option("appendonly", "yes");
            if name != default.appendfilename {
                option("appendfilename", name);
            }
            if dir != default.appenddirname {
                option("appenddirname", dir);
            }
        }
        _ => option("appendonly", "no"),
    }
    if config.dbfilename != default.dbfilename {
        option("dbfilename", &config.dbfilename);
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Progress, Shell};

    fn after(lines: &[&str]) -> Shell {
        let mut shell = Shell::new(1);
        for line in lines {
            shell.enter(line);
        }
        while shell.run(1_000_000) != Progress::Idle {}
        shell
    }

    const LIMITS: zip::ZipLimits = zip::ZipLimits {
        files: 100,
        bytes: 1 << 20,
    };

    fn readme_after(lines: &[&str]) -> String {
        let shell = after(lines);
        let (name, bytes) = export(shell.world(), "").unwrap();
        assert_eq!(name, "lastsave-disk.zip");
        let entries = zip::read(&bytes, LIMITS).unwrap();
        assert_eq!(entries[0].path, "README.txt");
        String::from_utf8(entries[0].bytes.clone()).unwrap()
    }

    #[test]
    fn the_line_names_what_a_server_needs() {
        for (lines, options) in [
            (&["redis-server", "SET a 1", "SAVE"][..], "--appendonly no"),
            (&["redis-server --appendonly yes"], "--appendonly yes"),
            (
                &[
                    "redis-server --appendonly yes --appendfilename 'my log' --appenddirname d --dbfilename x.rdb",
                ],
                "--appendonly yes --appendfilename 'my log' --appenddirname d --dbfilename x.rdb",
            ),
            (&[], "--appendonly no"),
        ] {
            let text = readme_after(lines);
            let line = format!("redis-server --dir . {options} --port 6399\n");
            assert!(text.contains(&line), "{line}{text}");
        }
    }

    #[test]
    fn a_file_comes_as_it_is_and_a_directory_as_an_archive() {
        let shell = after(&["redis-server --appendonly yes", "SET a 1"]);
        let world = shell.world();
        let path = "appendonlydir/appendonly.aof.1.incr.aof";
        let (name, bytes) = export(world, path).unwrap();
        assert_eq!(name, "appendonly.aof.1.incr.aof");
        assert_eq!(bytes, world.disk().read(path).unwrap());
        let (name, bytes) = export(world, "appendonlydir").unwrap();
        assert_eq!(name, "appendonlydir.zip");
        assert_eq!(zip::read(&bytes, LIMITS).unwrap().len(), 3);
        assert_eq!(export(world, "nothing"), None);
    }
}
