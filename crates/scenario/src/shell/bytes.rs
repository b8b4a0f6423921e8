//! Bytes that a hand puts on the disk: single ones typed over others, and whole files from outside.

use super::{Io, Shell, Style};
use crate::attachments::Attachments;
use crate::link::decode_base64url;
use crate::pack::unpack;
use crate::units::thousands;

/// A file that travels in a line holds so many bytes at most.
pub(crate) const INLINE_BYTES: usize = 1 << 20;

/// An echoed line shows so many letters of a file that travels in it.
const SHOWN_LETTERS: usize = 24;

impl Shell {
    pub(super) fn poke(&mut self, _io: &mut Io, args: &[String]) -> i32 {
        let parsed = match &args[1..] {
            [file, offset, hex] => offset_of(offset)
                .zip(hex_bytes(hex))
                .map(|(offset, bytes)| (file, offset, bytes)),
            _ => None,
        };
        let Some((file, offset, bytes)) = parsed else {
            self.complain("poke: poke file offset hex, as in `poke dump.rdb 0 5245` or `poke dump.rdb 0x1f ff`");
            return 1;
        };
        let path = self.resolve(file);
        let old = match self.world.disk().read(&path) {
            Ok(old) => old,
            Err(error) => {
                self.complain(&format!("poke: {file}: {error}"));
                return 1;
            }
        };
        let range = usize::try_from(offset)
            .ok()
            .and_then(|start| Some(start..start.checked_add(bytes.len())?));
        let Some(before) = range.and_then(|range| old.get(range)) else {
            self.complain(&format!(
                "poke: {file} has {} bytes; `>>` and `truncate` make it longer",
                thousands(old.len() as u64)
            ));
            return 1;
        };
        // As with a bit that turns over, what is durable stays durable, and what is not stays so.
        self.world.by_hand(|disk| {
            for (at, (old, new)) in before.iter().zip(&bytes).enumerate() {
                for bit in (0..8).filter(|bit| (old ^ new) >> bit & 1 == 1) {
                    disk.flip_bit(&path, offset + at as u64, bit)
                        .expect("the byte has just been read");
                }
            }
        });
        let (was, is) = (spelled(before), spelled(&bytes));
        if before != bytes {
            // What the file holds is not what was written any more.
            self.world.file_replaced(&path);
        }
        let heed = if self.world.running() {
            ". The running server does not look at it again; the next start does"
        } else {
            ""
        };
        self.note(
            Style::Dim,
            &format!("{file}, from byte {offset}: {was} became {is}{heed}"),
        );
        0
    }

    pub(super) fn upload(&mut self, _io: &mut Io, args: &[String]) -> i32 {
        let found = match &args[1..] {
            [path, content] => content
                .strip_prefix("z:")
                .map(|letters| (path, inline(letters))),
            [path, content, len] => content
                .strip_prefix("crc:")
                .map(|sum| (path, self.attached(sum, len))),
            _ => None,
        };
        let (path, bytes) = match found {
            Some((path, Ok(bytes))) => (path, bytes),
            Some((path, Err(message))) => {
                self.complain(&format!("upload: {path}: {message}"));
                return 1;
            }
            None => {
                self.complain("upload: upload file z:letters, or upload file crc:sum length; the page writes such lines when a file is dropped on it");
                return 1;
            }
        };
        let resolved = self.resolve(path);
        let written = self
            .world
            .by_hand(|disk| disk.write_file(&resolved, &bytes));
        if let Err(error) = written {
            self.complain(&format!("upload: {path}: {error}"));
            return 1;
        }
        self.world.file_replaced(&resolved);
        let len = thousands(bytes.len() as u64);
        self.note(Style::Dim, &format!("{path}: {len} bytes, durable"));
        0
    }

    fn attached(&self, sum: &str, len: &str) -> Result<std::sync::Arc<[u8]>, String> {
        let sum = u64::from_str_radix(sum, 16)
            .ok()
            .filter(|_| sum.len() == 16);
        let (Some(sum), Ok(len)) = (sum, len.parse()) else {
            return Err("a sum has 16 hexadecimal digits, and a length follows it".into());
        };
        self.attachments.get(sum, len).ok_or_else(|| {
            format!(
                "its {} bytes are not here: a line of this kind only names them. Drop the file on the page again, or put it in place by hand",
                thousands(len)
            )
        })
    }

    /// Makes the bytes of large files known that `upload FILE crc:… LENGTH` names; it finds them by their sum.
    pub fn attach(&mut self, attachments: &Attachments) {
        self.attachments = attachments.clone();
    }

    pub(crate) fn attachments(&self) -> &Attachments {
        &self.attachments
    }
}

/// The content that travels in a line.
fn inline(letters: &str) -> Result<std::sync::Arc<[u8]>, String> {
    let packed = decode_base64url(letters)
        .ok_or("the letters behind z: are damaged: the line was cut or changed")?;
    let bytes = unpack(&packed, INLINE_BYTES).map_err(|error| error.to_string())?;
    Ok(bytes.into())
}

/// A line as it is echoed: the content of a file that travels in it is cut.
pub(super) fn echoed(line: &str) -> String {
    let is_upload = line.trim_start().starts_with("upload ");
    match line.find(" z:").map(|at| at + " z:".len()) {
        Some(start) if is_upload && line.len() > start + 2 * SHOWN_LETTERS => {
            let shown: String = line.chars().take(start + SHOWN_LETTERS).collect();
            let more = line.len() - shown.len();
            format!("{shown}… ({} more)", thousands(more as u64))
        }
        _ => line.to_owned(),
    }
}

/// `120` or `0x78`.
fn offset_of(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// `deadbeef`, at least one byte.
fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |letter: &u8| char::from(*letter).to_digit(16);
    digits
        .chunks(2)
        .map(|pair| Some((digit(&pair[0])? << 4 | digit(&pair[1])?) as u8))
        .collect()
}

/// `2a "*"`, cut to a readable length.
fn spelled(bytes: &[u8]) -> String {
    const SHOWN: usize = 16;
    let hex: Vec<String> = bytes
        .iter()
        .take(SHOWN)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let text = lastsave_inspect::quoted(bytes, SHOWN);
    format!("{} {text}", hex.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::encode_base64url;
    use crate::pack::pack;

    fn shell(lines: &[&str]) -> (Shell, String) {
        let mut shell = Shell::new(1);
        for line in lines {
            shell.enter(line);
        }
        while shell.run(1_000_000) != super::super::Progress::Idle {}
        let text = shell.take_output().into_iter().map(|span| span.text);
        let text = text.collect();
        (shell, text)
    }

    #[test]
    fn a_byte_is_typed_over_and_nothing_else() {
        let (shell, text) = shell(&[
            "echo -n hello > a",
            "poke a 1 4545",
            "poke a 0x0 48",
            "poke a 5 00",
            "poke a 99999999999999999999 00",
            "poke a 0 4",
            "poke b 0 44",
        ]);
        assert_eq!(shell.world().disk().read("a").unwrap(), b"HEElo");
        assert!(text.contains("from byte 1: 65 6c \"el\" became 45 45 \"EE\""));
        assert!(text.contains("a has 5 bytes"));
        assert!(text.contains("poke: b: No such file or directory"));
    }

    #[test]
    fn what_is_not_durable_does_not_become_so() {
        let (shell, _) = shell(&[
            "redis-server --appendonly yes --appendfsync no",
            "SET a 1",
            "poke appendonlydir/appendonly.aof.1.incr.aof 0 2b",
        ]);
        let path = "appendonlydir/appendonly.aof.1.incr.aof";
        assert!(!shell.world().disk().dirty_ranges(path).is_empty());
        assert!(shell.world().disk().read(path).unwrap().starts_with(b"+2"));
    }

    #[test]
    fn a_small_file_travels_in_its_line_and_a_large_one_by_its_sum() {
        let small = encode_base64url(&pack(b"appendonly yes\n"));
        let large = vec![7; 100_000];
        let mut attachments = Attachments::default();
        let sum = attachments.add(large.clone().into());
        let mut shell = Shell::new(1);
        shell.attach(&attachments);
        shell.enter(&format!("upload conf/redis.conf z:{small}"));
        shell.enter(&format!("upload dump.rdb crc:{sum:016x} 100000"));
        shell.enter(&format!("upload other.rdb crc:{sum:016x} 100001"));
        shell.enter(&format!("upload bad.rdb z:{}", &small[1..]));
        while shell.run(1_000_000) != super::super::Progress::Idle {}
        let disk = shell.world().disk();
        assert_eq!(disk.read("conf/redis.conf").unwrap(), b"appendonly yes\n");
        assert_eq!(disk.read("dump.rdb").unwrap(), large);
        assert!(disk.inode("other.rdb").is_none() && disk.inode("bad.rdb").is_none());
    }

    #[test]
    fn a_bomb_is_refused() {
        let bomb = encode_base64url(&pack(&vec![0; INLINE_BYTES + 1]));
        let (shell, text) = shell(&[&format!("upload a z:{bomb}")]);
        assert!(shell.world().disk().inode("a").is_none());
        assert!(text.contains("more than is allowed"), "{text}");
    }

    #[test]
    fn an_echo_is_short() {
        let line = format!("upload a z:{}", "x".repeat(1000));
        assert_eq!(
            echoed(&line),
            format!("upload a z:{}… (976 more)", "x".repeat(24))
        );
        assert_eq!(echoed("echo upload a z:"), "echo upload a z:");
    }
}
