//! What a hand at the machine does to its disk: bits that turn over, bad sectors, permissions, a new file system.

use super::{Io, Shell, Style};
use crate::units::parse_bytes;

impl Shell {
    pub(super) fn mkfs(&mut self, _io: &mut Io, _args: &[String]) -> i32 {
        if self.world.running() {
            self.complain(
                "mkfs: /data is in use by redis-server: `SHUTDOWN` or `crash kill` first",
            );
            return 1;
        }
        self.world.format("mkfs");
        self.directory.clear();
        self.note(
            Style::Dim,
            "The disk is empty, nothing is broken, and what was acknowledged before is forgotten.",
        );
        0
    }

    pub(super) fn flip_bit(&mut self, _io: &mut Io, args: &[String]) -> i32 {
        let parsed = match &args[1..] {
            [file, offset] => Some((file, offset.parse::<u64>().ok(), Some(0))),
            [file, offset, bit] => Some((file, offset.parse().ok(), bit.parse::<u8>().ok())),
            _ => None,
        };
        let Some((file, Some(offset), Some(bit))) = parsed else {
            self.complain("flip-bit: flip-bit file offset [bit]");
            return 1;
        };
        let path = self.resolve(file);
        let before = self.byte_at(&path, offset);
        match self.world.by_hand(|disk| disk.flip_bit(&path, offset, bit)) {
            Ok(()) => {
                // What the file holds is not what was written any more.
                self.world.file_replaced(&path);
                let after = self.byte_at(&path, offset);
                self.note(
                    Style::Dim,
                    &format!("byte {offset} of {file} was {before}, is {after}"),
                );
                0
            }
            Err(_) if self.world.disk().inode(&path).is_some() => {
                self.complain(&format!("flip-bit: {file} has no bit {bit} at {offset}"));
                1
            }
            Err(error) => {
                self.complain(&format!("flip-bit: {file}: {error}"));
                1
            }
        }
    }

    /// `0x2a '*'`.
    fn byte_at(&self, path: &str, offset: u64) -> String {
        let bytes = self.world.disk().read(path).unwrap_or_default();
        let byte = usize::try_from(offset)
            .ok()
            .and_then(|offset| bytes.get(offset))
            .copied()
            .unwrap_or_default();
        if byte.is_ascii_graphic() {
            format!("0x{byte:02x} '{}'", char::from(byte))
        } else {
            format!("0x{byte:02x}")
        }
    }

    pub(super) fn bad_sector(&mut self, _io: &mut Io, args: &[String]) -> i32 {
        let words: Vec<&str> = args[1..].iter().map(String::as_str).collect();
        let range = match *words.as_slice() {
            [file, "ok"] => Some((file, None)),
            [file, offset] => offset.parse().ok().map(|at: u64| (file, Some((at, 1)))),
            [file, offset, length] => match (offset.parse(), parse_bytes(length)) {
                (Ok(at), Some(len)) => Some((file, Some((at, len)))),
                _ => None,
            },
            _ => None,
        };
        let Some((file, range)) = range else {
            self.complain("bad-sector: bad-sector file offset [length], or bad-sector file ok");
            return 1;
        };
        let path = self.resolve(file);
        let result = self.world.by_hand(|disk| match range {
            Some((at, len)) => disk.spoil_sectors(&path, at..at.saturating_add(len)),
            None => disk.mend_sectors(&path),
        });
        if let Err(error) = result {
            self.complain(&format!("bad-sector: {file}: {error}"));
            return 1;
        }
        let bad = self.world.disk().bad_ranges(&path);
        let ranges: Vec<String> = bad
            .iter()
            .map(|range| format!("{} to {}", range.start, range.end - 1))
            .collect();
        let text = if ranges.is_empty() {
            format!("{file} can be read")
        } else {
            format!("{file}: bytes {} cannot be read", ranges.join(", "))
        };
        self.note(Style::Dim, &text);
        0
    }

    pub(super) fn chmod(&mut self, _io: &mut Io, args: &[String]) -> i32 {
        let words: Vec<&String> = args[1..].iter().filter(|word| *word != "-R").collect();
        let [mode, files @ ..] = words.as_slice() else {
            self.complain("chmod: missing operand");
            return 1;
        };
        if files.is_empty() {
            self.complain(&format!("chmod: missing operand after '{mode}'"));
            return 1;
        }
        for file in files {
            let path = self.resolve(file);
            let Some(old) = self.world.disk().mode(&path) else {
                self.complain(&format!(
                    "chmod: cannot access '{file}': No such file or directory"
                ));
                return 1;
            };
            let Some(new) = changed_mode(old, mode) else {
                self.complain(&format!("chmod: invalid mode: '{mode}'"));
                return 1;
            };
            // It has just been found.
            let _ = self.world.by_hand(|disk| disk.set_mode(&path, new));
        }
        0
    }
}

/// `644`, `u+w`, `-r`, `a=rw`: what becomes of permission bits.
fn changed_mode(old: u16, text: &str) -> Option<u16> {
    if let Ok(mode) = u16::from_str_radix(text, 8) {
        return (mode <= 0o777).then_some(mode);
    }
    let sign = text.find(['+', '-', '='])?;
    let mut who = 0;
    for letter in text[..sign].chars() {
        who |= match letter {
            'u' => 0o700,
            'g' => 0o070,
            'o' => 0o007,
            'a' => 0o777,
            _ => return None,
        };
    }
    if who == 0 {
        who = 0o777;
    }
    let mut bits = 0;
    for letter in text[sign + 1..].chars() {
        bits |= match letter {
            'r' => 0o444,
            'w' => 0o222,
            'x' => 0o111,
            _ => return None,
        };
    }
    Some(match text.as_bytes()[sign] {
        b'+' => old | (who & bits),
        b'-' => old & !(who & bits),
        _ => (old & !who) | (who & bits),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read_as_chmod_reads_them() {
        for (old, text, new) in [
            (0o644, "000", Some(0)),
            (0o644, "u-w", Some(0o444)),
            (0o000, "a+rw", Some(0o666)),
            (0o755, "-x", Some(0o644)),
            (0o755, "u=r", Some(0o455)),
            (0o644, "999", None),
            (0o644, "1777", None),
            (0o644, "z+w", None),
            (0o644, "u+q", None),
            (0o644, "rw", None),
        ] {
            assert_eq!(changed_mode(old, text), new, "{text}");
        }
    }
}
