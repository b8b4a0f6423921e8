//! Zip archives, as far as people pack data directories: entries stored or deflated, no encryption, under 4 GB.
//!
//! Reading takes nothing on trust: names are made harmless, and what comes out is bounded by [`ZipLimits`], whatever an
//! archive says of itself.

use crate::pack::{PackError, pack, unpack};

/// A file of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZipEntry {
    /// Its path, with `/` between the parts; none of them is empty, `.` or `..`.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// What an archive may come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZipLimits {
    /// Files.
    pub files: usize,
    /// Bytes of all files together.
    pub bytes: usize,
}

/// Why an archive cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZipError {
    /// It does not end as an archive does: it is none, or it was cut.
    NoDirectory,
    /// Its directory is damaged, or points beyond the file.
    BadDirectory,
    /// It has more files than this.
    TooManyFiles(usize),
    /// Its files are longer than this many bytes, whatever it says.
    TooLong(usize),
    /// A file is encrypted.
    Encrypted(String),
    /// A file is compressed in a way that is not read here: the method's number.
    Method(String, u16),
    /// A file's bytes are damaged.
    Damaged(String),
    /// It is of the 64-bit kind.
    Zip64,
}

impl std::fmt::Display for ZipError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoDirectory => {
                f.write_str("it has no directory at its end: it was cut, or is no zip")
            }
            Self::BadDirectory => f.write_str("its directory is damaged"),
            Self::TooManyFiles(most) => write!(f, "it holds more than {most} files"),
            Self::TooLong(most) => write!(
                f,
                "it unpacks to more than {} MB, which is the limit here",
                most >> 20
            ),
            Self::Encrypted(name) => write!(f, "{name} in it is encrypted"),
            Self::Method(name, method) => write!(
                f,
                "{name} in it is compressed by method {method}; stored and deflated files can be read"
            ),
            Self::Damaged(name) => write!(f, "{name} in it is damaged"),
            Self::Zip64 => f.write_str("it is a zip of the 64-bit kind, which is not read here"),
        }
    }
}

impl std::error::Error for ZipError {}

const END: &[u8] = b"PK\x05\x06";
const DIRECTORY: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";
const END_LEN: usize = 22;
const DIRECTORY_LEN: usize = 46;
const LOCAL_LEN: usize = 30;
/// A comment stands behind the end of an archive and is no longer than this.
const MAX_COMMENT_LEN: usize = 0xffff;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// Names are UTF-8.
const UTF8: u16 = 1 << 11;

/// Whether these are the first bytes of an archive.
pub fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(LOCAL) || bytes.starts_with(END)
}

/// The files of an archive, in its order; directories are left out.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn read(archive: &[u8], limits: ZipLimits) -> Result<Vec<ZipEntry>, ZipError> {
    let end = end_of_directory(archive).ok_or(ZipError::NoDirectory)?;
    let count = usize::from(u16_at(archive, end + 10).ok_or(ZipError::BadDirectory)?);
    let start = u32_at(archive, end + 16).ok_or(ZipError::BadDirectory)?;
    if start == u32::MAX || count == 0xffff {
        return Err(ZipError::Zip64);
    }
    if count > limits.files {
        return Err(ZipError::TooManyFiles(limits.files));
    }
    let mut at = start as usize;
    let mut room = limits.bytes;
    let mut entries = Vec::new();
    for _ in 0..count {
        let record = Record::read(archive, at).ok_or(ZipError::BadDirectory)?;
        at = record.end;
        if record.name.ends_with('/') || record.name.ends_with('\\') {
            continue;
        }
        let path = harmless(&record.name);
        let bytes = record
            .content(archive, &path, room)
            .map_err(|error| match error {
                ZipError::TooLong(_) => ZipError::TooLong(limits.bytes),
                error => error,
            })?;
        room -= bytes.len();
        entries.push(ZipEntry { path, bytes });
    }
    Ok(entries)
}

/// Where the record is that ends an archive: the last one whose comment ends with the file.
fn end_of_directory(archive: &[u8]) -> Option<usize> {
    let last = archive.len().checked_sub(END_LEN)?;
    let first = last.saturating_sub(MAX_COMMENT_LEN);
    (first..=last).rev().find(|at| {
        archive[*at..].starts_with(END)
            && u16_at(archive, at + 20)
                .is_some_and(|len| at + END_LEN + usize::from(len) == archive.len())
    })
}

/// A file's record in the directory.
struct Record {
    name: String,
    flags: u16,
    method: u16,
    sum: u32,
    packed_len: u32,
    len: u32,
    local: usize,
    /// Where the next record begins.
    end: usize,
}

impl Record {
    fn read(archive: &[u8], at: usize) -> Option<Self> {
        let record = archive.get(at..)?;
        if !record.starts_with(DIRECTORY) {
            return None;
        }
        let u16 = |offset| u16_at(record, offset);
        let u32 = |offset| u32_at(record, offset);
        let name_end = DIRECTORY_LEN + usize::from(u16(28)?);
        Some(Self {
            name: String::from_utf8_lossy(record.get(DIRECTORY_LEN..name_end)?).into_owned(),
            flags: u16(8)?,
            method: u16(10)?,
            sum: u32(16)?,
            packed_len: u32(20)?,
            len: u32(24)?,
            local: u32(42)? as usize,
            end: at + name_end + usize::from(u16(30)?) + usize::from(u16(32)?),
        })
    }

    fn content(&self, archive: &[u8], path: &str, room: usize) -> Result<Vec<u8>, ZipError> {
        if self.flags & 1 != 0 {
            return Err(ZipError::Encrypted(path.to_owned()));
        }
        if [self.len, self.packed_len].contains(&u32::MAX) {
            return Err(ZipError::Zip64);
        }
        let packed = self.packed(archive).ok_or(ZipError::BadDirectory)?;
        let len = self.len as usize;
        if len > room {
            return Err(ZipError::TooLong(room));
        }
        let damaged = || ZipError::Damaged(path.to_owned());
        let bytes = match self.method {
            STORED => packed.to_vec(),
            DEFLATED => unpack(packed, len).map_err(|error| match error {
                // A bomb says that it is small.
                PackError::TooLong | PackError::Damaged => damaged(),
            })?,
            method => return Err(ZipError::Method(path.to_owned(), method)),
        };
        if bytes.len() != len || crc32(&bytes) != self.sum {
            return Err(damaged());
        }
        Ok(bytes)
    }

    /// The bytes of the file as the archive holds them.
    fn packed<'a>(&self, archive: &'a [u8]) -> Option<&'a [u8]> {
        let local = archive.get(self.local..)?;
        if !local.starts_with(LOCAL) {
            return None;
        }
        let start = LOCAL_LEN + usize::from(u16_at(local, 26)?) + usize::from(u16_at(local, 28)?);
        local.get(start..start.checked_add(self.packed_len as usize)?)
    }
}

/// An archive of these files. `modified_ms` is when they were written, in milliseconds since the epoch.
///
/// # Panics
/// If there are more than 65,534 files, or 4 GB of them.
pub fn write(files: &[ZipEntry], modified_ms: u64) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut directory = Vec::new();
    let (date, time) = dos_time(modified_ms);
    for file in files {
        let packed = pack(&file.bytes);
        let (method, content) = match packed.len() < file.bytes.len() {
            true => (DEFLATED, &packed),
            false => (STORED, &file.bytes),
        };
        let mut common = Vec::new();
        for number in [20, UTF8, method, time, date] {
            common.extend_from_slice(&number.to_le_bytes());
        }
        for number in [
            crc32(&file.bytes),
            fits(content.len()),
            fits(file.bytes.len()),
        ] {
            common.extend_from_slice(&number.to_le_bytes());
        }
        let name_len = u16::try_from(file.path.len()).expect("paths are short");
        common.extend_from_slice(&name_len.to_le_bytes());
        common.extend_from_slice(&[0, 0]);

        let at = fits(archive.len());
        archive.extend_from_slice(LOCAL);
        archive.extend_from_slice(&common);
        archive.extend_from_slice(file.path.as_bytes());
        archive.extend_from_slice(content);

        directory.extend_from_slice(DIRECTORY);
        // Made on a Unix: the permissions below count.
        directory.extend_from_slice(&[20, 3]);
        directory.extend_from_slice(&common);
        directory.extend_from_slice(&[0; 6]);
        directory.extend_from_slice(&(0o100_644_u32 << 16).to_le_bytes());
        directory.extend_from_slice(&at.to_le_bytes());
        directory.extend_from_slice(file.path.as_bytes());
    }
    let (start, len) = (fits(archive.len()), fits(directory.len()));
    let count = u16::try_from(files.len()).expect("so many files fit an archive");
    archive.extend_from_slice(&directory);
    archive.extend_from_slice(END);
    archive.extend_from_slice(&[0; 4]);
    archive.extend_from_slice(&count.to_le_bytes());
    archive.extend_from_slice(&count.to_le_bytes());
    archive.extend_from_slice(&len.to_le_bytes());
    archive.extend_from_slice(&start.to_le_bytes());
    archive.extend_from_slice(&[0, 0]);
    archive
}

fn fits(len: usize) -> u32 {
    u32::try_from(len).expect("an archive is shorter than 4 GB")
}

/// A date and a time as archives hold them: years from 1980, steps of two seconds.
fn dos_time(ms: u64) -> (u16, u16) {
    let seconds = ms / 1000;
    let (year, month, day) = lastsave_inspect::date_of(seconds / 86_400);
    let of_day = seconds % 86_400;
    let date = (year.saturating_sub(1980).min(127) << 9) | (month << 5) | day;
    let time = (of_day / 3600) << 11 | (of_day / 60 % 60) << 5 | (of_day % 60 / 2);
    (date as u16, time as u16)
}

/// A path from outside, made harmless: no part of it leads out of the directory it is put into, or is unprintable.
pub fn harmless(path: &str) -> String {
    let parts = path
        .split(['/', '\\'])
        .map(|part| {
            part.chars()
                .map(|c| if c.is_control() { '_' } else { c })
                .take(200)
                .collect::<String>()
        })
        .filter(|part| !matches!(part.trim(), "" | "." | ".."))
        .collect::<Vec<_>>();
    match parts.is_empty() {
        true => "unnamed".into(),
        false => parts.join("/"),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes([bytes[0], bytes[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

/// The checksum of archives, by half bytes: a small table.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 16] = {
        let mut table = [0; 16];
        let mut index = 0;
        while index < 16 {
            let mut value = index as u32;
            let mut bit = 0;
            while bit < 4 {
                value = match value & 1 {
                    1 => value >> 1 ^ 0xedb8_8320,
                    _ => value >> 1,
                };
                bit += 1;
            }
            table[index] = value;
            index += 1;
        }
        table
    };
    let mut sum = !0_u32;
    for byte in bytes {
        sum ^= u32::from(*byte);
        sum = sum >> 4 ^ TABLE[(sum & 15) as usize];
        sum = sum >> 4 ^ TABLE[(sum & 15) as usize];
    }
    !sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: ZipLimits = ZipLimits {
        files: 100,
        bytes: 1 << 20,
    };

    fn entry(path: &str, bytes: &[u8]) -> ZipEntry {
        ZipEntry {
            path: path.into(),
            bytes: bytes.into(),
        }
    }

    fn sample() -> Vec<ZipEntry> {
        vec![
            entry("dump.rdb", b"REDIS0010"),
            entry("appendonlydir/a.aof", &[b'*'; 5000]),
            entry("empty", b""),
        ]
    }

    #[test]
    fn the_checksum_is_the_known_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn what_was_packed_is_read() {
        let archive = write(&sample(), 1_795_314_600_000);
        assert!(is_zip(&archive) && archive.len() < 1000);
        assert_eq!(read(&archive, LIMITS), Ok(sample()));
        assert_eq!(read(&write(&[], 0), LIMITS), Ok(Vec::new()));
    }

    #[test]
    fn what_is_too_much_is_refused_before_it_is_unpacked() {
        let archive = write(&[entry("zeros", &vec![0; 3 << 20])], 0);
        assert!(archive.len() < 10_000);
        assert_eq!(read(&archive, LIMITS), Err(ZipError::TooLong(1 << 20)));
        // One that lies about its length.
        let mut lying = archive.clone();
        let at = lying.len() - END_LEN - DIRECTORY_LEN - "zeros".len();
        lying[at + 24..at + 28].copy_from_slice(&10_u32.to_le_bytes());
        assert_eq!(read(&lying, LIMITS), Err(ZipError::Damaged("zeros".into())));
        let many: Vec<_> = (0..101)
            .map(|index| entry(&index.to_string(), b""))
            .collect();
        let archive = write(&many, 0);
        assert_eq!(read(&archive, LIMITS), Err(ZipError::TooManyFiles(100)));
    }

    #[test]
    fn every_cut_and_every_flip_is_noticed_or_harmless() {
        let archive = write(&sample(), 0);
        for len in 0..archive.len() {
            assert!(read(&archive[..len], LIMITS).is_err(), "{len}");
        }
        for at in 0..archive.len() {
            for bit in 0..8 {
                let mut flipped = archive.clone();
                flipped[at] ^= 1 << bit;
                if let Ok(entries) = read(&flipped, LIMITS) {
                    for (found, put) in entries.iter().zip(sample()) {
                        assert_eq!(found.bytes, put.bytes, "{at} {bit}");
                    }
                }
            }
        }
    }

    #[test]
    fn paths_lead_nowhere_else() {
        for (path, safe) in [
            ("../../etc/passwd", "etc/passwd"),
            ("C:\\data\\dump.rdb", "C:/data/dump.rdb"),
            ("/dump.rdb", "dump.rdb"),
            ("a/./b//c", "a/b/c"),
            ("..", "unnamed"),
            ("a\u{1b}[31m\n", "a_[31m_"),
        ] {
            assert_eq!(harmless(path), safe);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes, LIMITS);
            bytes.extend_from_slice(END);
            bytes.extend_from_slice(&[0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            let _ = read(&bytes, LIMITS);
        }
    }
}
