//! Listing files: ls, du, df; and dates as they print them.

use lastsave_engine::format_log_line;

use super::files::{DATA_DIR, Entry, flags_and_rest, last_name, list, stat};
use super::{Io, Shell, Style};
use crate::units::human;

/// What a disk without a limit is said to hold, in bytes.
const ASSUMED_CAPACITY: u64 = 512 << 30;

impl Shell {
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
            let (kind, links) = if entry.is_dir { ('d', 2) } else { ('-', 1) };
            let mode = mode_text(self.world.disk().mode(&entry.path).unwrap_or_default());
            let time = short_date(self.world.file_written_at_us(&entry.path));
            self.print(
                io,
                Style::Plain,
                format!("{kind}{mode} {links} redis redis {size:>width$} {time} {name}\n"),
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
}

/// `rw-r--r--`.
fn mode_text(mode: u16) -> String {
    let bits = "rwxrwxrwx".chars().enumerate();
    bits.map(|(index, letter)| {
        if mode & (0o400 >> index) != 0 {
            letter
        } else {
            '-'
        }
    })
    .collect()
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
}
