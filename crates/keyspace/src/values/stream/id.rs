//! IDs of entries: a time in milliseconds and a number that tells entries of the same millisecond apart.

use std::fmt;

use crate::number::parse_wrapping_u64;

/// The ID of an entry. IDs are ordered by time, then by sequence number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Milliseconds since the epoch, or whatever the client gave instead.
    pub ms: u64,
    /// The number of the entry within its millisecond.
    pub seq: u64,
}

/// The longest text that Redis looks at as an ID.
const MAX_TEXT_LEN: usize = 127;

impl StreamId {
    /// The least ID, `0-0`: no entry has it.
    pub const MIN: Self = Self::new(0, 0);
    /// The greatest ID.
    pub const MAX: Self = Self::new(u64::MAX, u64::MAX);

    /// The ID `ms-seq`.
    pub const fn new(ms: u64, seq: u64) -> Self {
        Self { ms, seq }
    }

    /// The ID behind this one, or `None` behind the last.
    pub fn next(self) -> Option<Self> {
        self.number().checked_add(1).map(Self::from_number)
    }

    /// The ID ahead of this one, or `None` ahead of the first.
    pub fn previous(self) -> Option<Self> {
        self.number().checked_sub(1).map(Self::from_number)
    }

    /// The ID as files hold it: 16 bytes, big endian.
    pub fn to_be_bytes(self) -> [u8; 16] {
        self.number().to_be_bytes()
    }

    /// The inverse of [`StreamId::to_be_bytes`].
    pub fn from_be_bytes(bytes: [u8; 16]) -> Self {
        Self::from_number(u128::from_be_bytes(bytes))
    }

    /// Reads `ms-seq` or `ms`, which stands for `ms-missing_seq`.
    pub fn parse(text: &[u8], missing_seq: u64) -> Option<Self> {
        let (ms, seq) = split(text)?;
        Some(Self {
            ms: parse_u64(ms)?,
            seq: seq.map_or(Some(missing_seq), parse_u64)?,
        })
    }

    /// As [`StreamId::parse`]; `-` and `+` stand for the least and the greatest ID.
    pub fn parse_bound(text: &[u8], missing_seq: u64) -> Option<Self> {
        match up_to_nul(text) {
            b"-" => Some(Self::MIN),
            b"+" => Some(Self::MAX),
            _ => Self::parse(text, missing_seq),
        }
    }

    /// Reads the ID of an entry to be added, with whether its sequence number was given: `ms-*` leaves it open.
    pub fn parse_new(text: &[u8]) -> Option<(Self, bool)> {
        if let (ms, Some(b"*")) = split(text)? {
            return Some((Self::new(parse_u64(ms)?, 0), false));
        }
        Some((Self::parse(text, 0)?, true))
    }

    /// The ID as text, `ms-seq`.
    pub fn text(self) -> IdText {
        let mut text = IdText {
            bytes: [0; 41],
            len: 0,
        };
        let mut digits = itoa::Buffer::new();
        text.push(digits.format(self.ms).as_bytes());
        text.push(b"-");
        text.push(digits.format(self.seq).as_bytes());
        text
    }

    fn number(self) -> u128 {
        u128::from(self.ms) << 64 | u128::from(self.seq)
    }

    fn from_number(number: u128) -> Self {
        Self::new((number >> 64) as u64, number as u64)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// An ID printed without an allocation.
#[derive(Clone, Copy)]
pub struct IdText {
    bytes: [u8; 41],
    len: usize,
}

impl IdText {
    fn push(&mut self, part: &[u8]) {
        self.bytes[self.len..self.len + part.len()].copy_from_slice(part);
        self.len += part.len();
    }
}

impl AsRef<[u8]> for IdText {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// What Redis, reading a C string, sees of a text.
fn up_to_nul(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// The two sides of the first dash, or the only one.
fn split(text: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    if text.len() > MAX_TEXT_LEN {
        return None;
    }
    let text = up_to_nul(text);
    Some(match text.iter().position(|byte| *byte == b'-') {
        Some(dash) => (&text[..dash], Some(&text[dash + 1..])),
        None => (text, None),
    })
}

/// Reads an unsigned number as lenient as Redis does: what is no proper integer goes through C's `strtoull`, which
/// takes leading blanks, zeros and a sign.
fn parse_u64(text: &[u8]) -> Option<u64> {
    if let Some(number) = lastsave_resp::parse_i64(text) {
        return u64::try_from(number).ok();
    }
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let text = &text[text.iter().take_while(|byte| blank(byte)).count()..];
    parse_wrapping_u64(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let id = |ms, seq| Some(StreamId::new(ms, seq));
        for (text, expected) in [
            ("1-2", id(1, 2)),
            ("5", id(5, 9)),
            ("0-0", id(0, 0)),
            (
                "18446744073709551615-18446744073709551615",
                Some(StreamId::MAX),
            ),
            ("18446744073709551616-1", None),
            // Redis falls back to strtoull.
            ("007-+1", id(7, 1)),
            (" 3- -1", id(3, u64::MAX)),
            ("3--1", None),
            ("1-2\0junk", id(1, 2)),
            ("", None),
            ("-", None),
            ("+", None),
            ("1-", None),
            ("-1", None),
            ("1-2-3", None),
            ("1-*", None),
            ("x", None),
        ] {
            assert_eq!(StreamId::parse(text.as_bytes(), 9), expected, "{text}");
        }
        assert_eq!(StreamId::parse(&[b'0'; 127], 0), Some(StreamId::MIN));
        assert_eq!(StreamId::parse(&[b'0'; 128], 0), None);
        assert_eq!(StreamId::parse_bound(b"-", 9), Some(StreamId::MIN));
        assert_eq!(StreamId::parse_bound(b"+", 9), Some(StreamId::MAX));
        assert_eq!(
            StreamId::parse_new(b"7-*"),
            Some((StreamId::new(7, 0), false))
        );
        assert_eq!(StreamId::parse_new(b"7"), Some((StreamId::new(7, 0), true)));
        assert_eq!(StreamId::parse_new(b"*"), None);
        assert_eq!(
            StreamId::MAX.text().as_ref(),
            b"18446744073709551615-18446744073709551615"
        );
    }

    #[test]
    fn neighbours() {
        let edge = StreamId::new(1, u64::MAX);
        assert_eq!(edge.next(), Some(StreamId::new(2, 0)));
        assert_eq!(StreamId::new(2, 0).previous(), Some(edge));
        assert_eq!(StreamId::MAX.next(), None);
        assert_eq!(StreamId::MIN.previous(), None);
        assert_eq!(StreamId::from_be_bytes(edge.to_be_bytes()), edge);
    }
}
