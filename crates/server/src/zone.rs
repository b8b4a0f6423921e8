//! The local time zone, for the log: `TZif` files (RFC 8536), which every Unix keeps.

use std::path::PathBuf;

/// A time zone: from which second on which offset holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Zone {
    /// Offset from UTC in seconds before the first change.
    first_offset_s: i64,
    /// `(second since the epoch, offset from UTC in seconds)`, ascending.
    changes: Vec<(i64, i64)>,
}

impl Zone {
    /// The zone of this process: `TZ` if it names a file, else the system's; UTC if neither can be read. Beyond the
    /// last change that the file lists the last offset is kept, the rule for the years after it is not understood.
    pub(crate) fn local() -> Self {
        let path = match std::env::var("TZ") {
            Ok(name) => match name.strip_prefix(':').unwrap_or(&name) {
                "" => return Self::default(),
                name => PathBuf::from("/usr/share/zoneinfo").join(name),
            },
            Err(_) => PathBuf::from("/etc/localtime"),
        };
        std::fs::read(path)
            .ok()
            .and_then(|bytes| Self::parse(&bytes))
            .unwrap_or_default()
    }

    /// How far local time is ahead of UTC.
    pub(crate) fn utc_offset_s(&self, now_s: i64) -> i64 {
        let passed = self.changes.partition_point(|(at_s, _)| *at_s <= now_s);
        match passed {
            0 => self.first_offset_s,
            passed => self.changes[passed - 1].1,
        }
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let first = Block::read(bytes, 4)?;
        // Version 1 has 32-bit times only; later ones repeat everything in 64 bits behind it.
        if bytes.get(4)? == &0 {
            return first.zone();
        }
        Block::read(bytes.get(first.end..)?, 8)?.zone()
    }
}

/// One of the file's blocks: a header of 44 bytes with six counts, then arrays.
struct Block<'a> {
    bytes: &'a [u8],
    time_len: usize,
    time_count: usize,
    type_count: usize,
    end: usize,
}

impl<'a> Block<'a> {
    fn read(bytes: &'a [u8], time_len: usize) -> Option<Self> {
        if bytes.get(..4)? != b"TZif" {
            return None;
        }
        let count = |index: usize| {
            let at = 20 + 4 * index;
            let four = bytes.get(at..at + 4)?.try_into().ok()?;
            Some(u32::from_be_bytes(four) as usize)
        };
        let (utc_count, standard_count, leap_count) = (count(0)?, count(1)?, count(2)?);
        let (time_count, type_count, letter_count) = (count(3)?, count(4)?, count(5)?);
        let end = 44
            + time_count * (time_len + 1)
            + type_count * 6
            + letter_count
            + leap_count * (time_len + 4)
            + standard_count
            + utc_count;
        (end <= bytes.len()).then_some(Self {
            bytes,
            time_len,
            time_count,
            type_count,
            end,
        })
    }

    fn zone(&self) -> Option<Zone> {
        let types_of = 44 + self.time_count * self.time_len;
        let types = types_of + self.time_count;
        let offset_s = |number: usize| {
            let at = types + 6 * number;
            let four = self.bytes.get(at..at + 4)?.try_into().ok()?;
            (number < self.type_count).then_some(i64::from(i32::from_be_bytes(four)))
        };
        let mut changes = Vec::with_capacity(self.time_count);
        for index in 0..self.time_count {
            let at = 44 + index * self.time_len;
            let time = self.bytes.get(at..at + self.time_len)?;
            let at_s = match time.try_into() {
                Ok(eight) => i64::from_be_bytes(eight),
                Err(_) => i64::from(i32::from_be_bytes(time.try_into().ok()?)),
            };
            changes.push((at_s, offset_s(usize::from(self.bytes[types_of + index]))?));
        }
        Some(Zone {
            first_offset_s: offset_s(0)?,
            changes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of version 2 with one change, from `before` to `after` seconds ahead of UTC at second 1000.
    fn file(before: i32, after: i32) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (time_len, has_change) in [(4, false), (8, true)] {
            bytes.extend_from_slice(b"TZif2");
            bytes.extend_from_slice(&[0; 15]);
            for count in [0, 0, 0, u32::from(has_change), 2, 4] {
                bytes.extend_from_slice(&count.to_be_bytes());
            }
            if has_change {
                bytes.extend_from_slice(&1000i64.to_be_bytes()[8 - time_len..]);
                bytes.push(1);
            }
            for offset_s in [before, after] {
                bytes.extend_from_slice(&offset_s.to_be_bytes());
                bytes.extend_from_slice(&[0, 0]);
            }
            bytes.extend_from_slice(b"ABC\0");
        }
        bytes
    }

    #[test]
    fn the_offset_changes_when_the_file_says() {
        let zone = Zone::parse(&file(3600, -7200)).expect("it is a zone");
        assert_eq!(zone.utc_offset_s(999), 3600);
        assert_eq!(zone.utc_offset_s(1000), -7200);
    }

    #[test]
    fn a_torn_file_is_no_zone() {
        let bytes = file(3600, 0);
        for len in 0..bytes.len() {
            assert_eq!(Zone::parse(&bytes[..len]), None, "{len} bytes");
        }
    }
}
