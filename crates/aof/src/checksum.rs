//! Checksums within the log, on lines that Redis 7 passes over:
//!
//! ```text
//! *3 $3 SET $1 k $1 v        commands, and other lines that begin with #
//! #LS:0123456789abcdef       CRC-64 of all bytes since the line before of this kind, or since the first command
//! ```
//!
//! A line stands at the end of every write to the file, never inside a transaction, so that behind a crash all but the
//! last write is covered.

use lastsave_crc::Crc64;
use lastsave_vfs::{FileId, Result, Vfs};

/// What such a line begins with, behind `#`.
const MARK: &[u8] = b"LS:";

/// How long such a line is, with its line end.
pub(crate) const CHECKSUM_LINE_LEN: usize = 22;

/// Whether bytes end in such a line.
pub(crate) fn ends_in_checksum(bytes: &[u8]) -> bool {
    bytes.len() > CHECKSUM_LINE_LEN
        && bytes[bytes.len() - CHECKSUM_LINE_LEN..].starts_with(b"#LS:")
        && bytes.ends_with(b"\r\n")
}

/// Bytes of a file read at a time.
const READ_LEN: u64 = 256 << 10;

/// The bytes of a file that no checksum line covers yet.
#[derive(Clone, Debug)]
pub struct Checksum {
    crc: Crc64,
    is_empty: bool,
}

impl Default for Checksum {
    fn default() -> Self {
        Self::new()
    }
}

impl Checksum {
    /// Of nothing.
    pub fn new() -> Self {
        Self {
            crc: Crc64::new(),
            is_empty: true,
        }
    }

    /// Of the bytes of a file that are not covered: those between these offsets.
    pub fn of_range(vfs: &mut dyn Vfs, file: FileId, from: u64, to: u64) -> Result<Self> {
        let mut checksum = Self::new();
        let mut buf = vec![0; (to - from).min(READ_LEN) as usize];
        let mut offset = from;
        while offset < to {
            let len = (to - offset).min(READ_LEN) as usize;
            match vfs.read_at(file, offset, &mut buf[..len])? {
                0 => break,
                taken => {
                    checksum.update(&buf[..taken]);
                    offset += taken as u64;
                }
            }
        }
        Ok(checksum)
    }

    /// Counts bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.crc.update(bytes);
        self.is_empty &= bytes.is_empty();
    }

    /// Appends the line that covers what was counted in, unless that is nothing, and begins anew.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        if !self.is_empty {
            out.extend_from_slice(format!("#LS:{:016x}\r\n", self.crc.value()).as_bytes());
            *self = Self::new();
        }
    }

    /// Compares with an annotation (without `#` and line end), and begins anew if it holds a checksum. `None` if it is
    /// another kind of annotation.
    pub(crate) fn verify(&mut self, annotation: &[u8]) -> Option<bool> {
        let digits = annotation.strip_prefix(MARK)?;
        let matches = digits == format!("{:016x}", self.crc.value()).as_bytes();
        *self = Self::new();
        Some(matches)
    }
}

#[cfg(test)]
mod tests {
    use lastsave_vfs::{Errno, Fault, Op, OpenMode, SimDisk, SyncKind};
    use proptest::prelude::*;

    use super::*;
    use crate::{Entry, ReadError, Reader, Writer};

    /// Reads a file to its end. Returns its commands, and where what no checksum covers begins.
    fn read(bytes: &[u8]) -> (usize, u64) {
        let mut reader = Reader::new(Vec::new(), bytes, 0).strict(true);
        let mut commands = 0;
        loop {
            match reader.next_entry() {
                Ok(Some(Entry::Command(_))) => commands += 1,
                Ok(Some(Entry::Annotation(_))) => {}
                Ok(None) | Err(ReadError::Truncated { .. }) => {
                    return (commands, reader.unchecked_from());
                }
                Err(error) => panic!("{error} in {}", bytes.escape_ascii()),
            }
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Append(usize),
        Flush,
        FlushShort { accepted: usize, cut_fails: bool },
        Sync,
        Rotate,
        Restart,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0usize..40).prop_map(Step::Append),
            3 => Just(Step::Flush),
            2 => (0usize..60, any::<bool>())
                .prop_map(|(accepted, cut_fails)| Step::FlushShort { accepted, cut_fails }),
            1 => Just(Step::Sync),
            1 => Just(Step::Rotate),
            1 => Just(Step::Restart),
        ]
    }

    fn sync(writer: &mut Writer, disk: &mut SimDisk) {
        while let Some(ticket) = writer.begin_sync() {
            let ok = disk.sync(ticket.file, SyncKind::Data).is_ok();
            writer.sync_done(ticket, ok, disk);
            let _ = writer.flush(disk);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        /// Whatever becomes of writes, every file can be read at every moment, and ends up covered to its end.
        #[test]
        fn every_file_is_covered(steps in prop::collection::vec(step(), 1..40)) {
            let mut disk = SimDisk::new(None);
            let mut number = 1;
            let open = |disk: &mut SimDisk, number: usize| {
                disk.open(&number.to_string(), OpenMode::Append).expect("open")
            };
            let file = open(&mut disk, number);
            let mut writer = Writer::new(file, 0).with_checksum(Checksum::new());
            writer.set_checksums(true);
            for step in steps {
                match step {
                    Step::Append(len) => {
                        let word = "x".repeat(len);
                        let command = format!("*1\r\n${len}\r\n{word}\r\n");
                        writer.append(|out| out.extend_from_slice(command.as_bytes()));
                    }
                    Step::Flush => writer.flush(&mut disk).expect("flush"),
                    Step::FlushShort { accepted, cut_fails } => {
                        disk.add_fault(Fault::once(Op::Write, Errno::NoSpace).accepting(accepted));
                        if cut_fails {
                            disk.add_fault(Fault::once(Op::Truncate, Errno::Io));
                        }
                        let _ = writer.flush(&mut disk);
                        disk.clear_faults();
                    }
                    Step::Sync => sync(&mut writer, &mut disk),
                    Step::Rotate => {
                        number += 1;
                        let file = open(&mut disk, number);
                        if let Some(ticket) = writer.rotate(file, &mut disk) {
                            disk.sync(ticket.file, SyncKind::Data).expect("sync");
                            writer.sync_done(ticket, true, &mut disk);
                        }
                    }
                    Step::Restart => {
                        let _ = writer.flush(&mut disk);
                        sync(&mut writer, &mut disk);
                        disk.kill();
                        let bytes = disk.read(&number.to_string()).expect("read");
                        let (_, unchecked_from) = read(&bytes);
                        let file = disk.open(&number.to_string(), OpenMode::Update).expect("open");
                        let len = bytes.len() as u64;
                        let checksum = Checksum::of_range(&mut disk, file, unchecked_from, len);
                        disk.close(file);
                        let file = open(&mut disk, number);
                        writer = Writer::new(file, len).with_checksum(checksum.expect("read"));
                        writer.set_checksums(true);
                    }
                }
                for file in disk.files() {
                    read(&disk.read(&file.path).expect("read"));
                }
            }
            writer.append(|out| out.extend_from_slice(b"*1\r\n$4\r\nlast\r\n"));
            let _ = writer.flush(&mut disk);
            sync(&mut writer, &mut disk);
            writer.flush(&mut disk).expect("flush");
            for file in disk.files() {
                let bytes = disk.read(&file.path).expect("read");
                let (_, unchecked_from) = read(&bytes);
                prop_assert_eq!(unchecked_from, bytes.len() as u64, "{}", bytes.escape_ascii());
            }
        }
    }

    #[test]
    fn only_a_whole_line_with_the_right_digits_will_do() {
        let mut log = b"*1\r\n$4\r\nPING\r\n".to_vec();
        let mut checksum = Checksum::new();
        checksum.update(&log);
        checksum.close(&mut log);
        assert_eq!(read(&log), (1, log.len() as u64));
        let line = 14..log.len();
        for byte in line.clone() {
            for bit in 0..8 {
                let mut flipped = log.clone();
                flipped[byte] ^= 1 << bit;
                let mut reader = Reader::new(Vec::new(), &flipped[..], 0).strict(true);
                assert!(matches!(reader.next_entry(), Ok(Some(Entry::Command(_)))));
                let noticed = matches!(
                    reader.next_entry(),
                    Err(ReadError::WrongChecksum { range }) if range == (0..14)
                );
                // What is no checksum line any more covers nothing, and one without its line end is torn.
                let harmless = reader.unchecked_from() == 0 || byte + 2 == line.end;
                assert!(noticed || harmless, "byte {byte}, bit {bit}");
            }
        }
    }
}
