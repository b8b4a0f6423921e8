//! Where records of a log begin, so that a page of a long one can be read without all that stands before it.

use std::io::{BufReader, Read};

use lastsave_aof::{Entry, ReadError, Reader};
use lastsave_vfs::SimDisk;

/// The distance of two landmarks, in bytes.
const STEP: u64 = 32 << 10;

/// A file of the simulated disk from some byte on.
pub(super) struct Source<'a> {
    pub(super) disk: &'a SimDisk,
    pub(super) path: &'a str,
    pub(super) offset: u64,
}

impl Read for Source<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let len = self
            .disk
            .read_some(self.path, self.offset, buf)
            .map_err(std::io::Error::other)?;
        self.offset += len as u64;
        Ok(len)
    }
}

/// A place in a log where a record begins that no transaction holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Landmark {
    pub(super) offset: u64,
    /// The database that is selected there.
    pub(super) db: usize,
}

/// What is known of a log: as far as it was read, it stays true while the log grows.
#[derive(Clone, Debug)]
pub(super) struct Landmarks {
    path: String,
    /// What [`SimDisk::edits`] said.
    edits: Option<(u64, u64)>,
    /// In rising order, the beginning first.
    places: Vec<Landmark>,
    /// Whether the log has checksum lines: only behind one can reading begin.
    summed: bool,
    /// Commands before the last landmark.
    commands_before: u64,
    /// Commands in all.
    pub(super) commands: u64,
    /// Where the log is broken, and why.
    pub(super) problem: Option<(u64, String)>,
    /// How much of it was read.
    len: u64,
}

impl Landmarks {
    /// What is known of this log; `known` is what was known before, of this or another.
    pub(super) fn of(disk: &SimDisk, path: &str, len: u64, known: Option<Self>) -> Self {
        let edits = disk.edits(path);
        let known = known.filter(|known| known.path == path && known.edits == edits);
        let mut landmarks = known.unwrap_or_else(|| Self {
            path: path.to_owned(),
            edits,
            places: vec![Landmark { offset: 0, db: 0 }],
            summed: false,
            commands_before: 0,
            commands: 0,
            problem: None,
            len: 0,
        });
        if landmarks.len != len {
            landmarks.go_on(disk);
            landmarks.len = len;
        }
        landmarks
    }

    /// The last landmark at or before `offset`.
    pub(super) fn before(&self, offset: u64) -> Landmark {
        let behind = self.places.partition_point(|place| place.offset <= offset);
        self.places[behind.saturating_sub(1)]
    }

    /// Reads on from the last landmark.
    fn go_on(&mut self, disk: &SimDisk) {
        let Landmark { offset, mut db } = self.before(u64::MAX);
        let source = Source {
            disk,
            path: &self.path,
            offset,
        };
        let mut reader = Reader::new(
            Vec::new(),
            BufReader::with_capacity(64 << 10, source),
            offset,
        )
        .strict(true);
        let mut open = None;
        let mut commands = self.commands_before;
        self.problem = None;
        loop {
            let start = reader.offset();
            let behind_sum = reader.unchecked_from();
            if behind_sum > offset && !self.summed {
                self.summed = true;
                self.places.truncate(1);
            }
            let may_begin = !self.summed || behind_sum == start;
            let last = self.before(u64::MAX).offset;
            if open.is_none() && may_begin && start >= last + STEP {
                self.places.push(Landmark { offset: start, db });
                self.commands_before = commands;
            }
            match reader.next_entry() {
                Ok(Some(Entry::Command(args))) => {
                    commands += 1;
                    let name = &args[0];
                    if name.eq_ignore_ascii_case(b"multi") {
                        open = open.or(Some(start));
                    } else if name.eq_ignore_ascii_case(b"exec") {
                        open = None;
                    } else if name.eq_ignore_ascii_case(b"select") && args.len() == 2 {
                        let digits = std::str::from_utf8(&args[1]).ok();
                        db = digits.and_then(|digits| digits.parse().ok()).unwrap_or(db);
                    }
                }
                Ok(Some(Entry::Annotation(_))) => {}
                Ok(None) => {
                    if let Some(at) = open {
                        let why =
                            "the file ends before the EXEC of this MULTI: none of it is applied";
                        self.problem = Some((at, why.into()));
                    }
                    break;
                }
                Err(error) => {
                    let why = match &error {
                        ReadError::Truncated { .. } => "the file ends inside a command".to_owned(),
                        ReadError::ZeroTail { .. } => "nothing but zeros from here on".to_owned(),
                        ReadError::BadFormat { .. } => "not a command".to_owned(),
                        ReadError::WrongChecksum { .. } | ReadError::Io(_) => error.to_string(),
                    };
                    self.problem = Some((start, why));
                    break;
                }
            }
        }
        self.commands = commands;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> Vec<u8> {
        let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            bytes.extend(format!("${}\r\n{word}\r\n", word.len()).into_bytes());
        }
        bytes
    }

    fn log(commands: usize) -> Vec<u8> {
        let mut bytes = command(&["SELECT", "3"]);
        for index in 0..commands {
            bytes.extend(command(&["SET", &format!("key:{index}"), "value"]));
        }
        bytes
    }

    fn landmarks(disk: &SimDisk, known: Option<Landmarks>) -> Landmarks {
        let len = disk.read("log").unwrap().len() as u64;
        Landmarks::of(disk, "log", len, known)
    }

    #[test]
    fn what_is_known_of_a_growing_log_is_kept() {
        let mut disk = SimDisk::new(None);
        disk.write_file("log", &log(5000)).unwrap();
        let first = landmarks(&disk, None);
        assert_eq!((first.commands, &first.problem), (5001, &None));
        let place = first.before(100_000);
        assert!(place.offset > 60_000 && place.offset <= 100_000);
        assert_eq!(place.db, 3);
        assert!(disk.read("log").unwrap()[place.offset as usize..].starts_with(b"*3\r\n$3\r\nSET"));

        use lastsave_vfs::{OpenMode, Vfs};
        let file = disk.open("log", OpenMode::Append).unwrap();
        disk.write(file, &command(&["SET", "more", "1"])).unwrap();
        disk.write(file, b"*3\r\n$3\r\n").unwrap();
        let grown = landmarks(&disk, Some(first.clone()));
        assert_eq!(grown.commands, 5002);
        assert_eq!(grown.places[..first.places.len()], first.places[..]);
        let (at, why) = grown.problem.clone().unwrap();
        assert_eq!(at, disk.read("log").unwrap().len() as u64 - 8);
        assert!(why.contains("ends inside"));

        disk.flip_bit("log", 23, 0).unwrap();
        let broken = landmarks(&disk, Some(grown));
        assert_eq!(broken.problem.unwrap().0, 23);
        assert_eq!(broken.places.len(), 1);
    }

    #[test]
    fn no_landmark_is_inside_a_transaction() {
        let mut disk = SimDisk::new(None);
        let mut bytes = command(&["MULTI"]);
        bytes.extend(log(3000));
        bytes.extend(command(&["EXEC"]));
        let end = bytes.len() as u64;
        bytes.extend(log(10));
        disk.write_file("log", &bytes).unwrap();
        let places = landmarks(&disk, None).places;
        assert_eq!(
            places.iter().map(|place| place.offset).collect::<Vec<_>>(),
            [0, end]
        );
    }
}
