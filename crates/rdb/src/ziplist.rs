//! Ziplists: what small collections were before listpacks. Read only.
//!
//! ```text
//! total bytes (u32)   offset of the last entry (u32)   count (u16)   entry ... entry   FF
//! ```
//!
//! An entry is the length of the one before it (a byte, or `FE` and a u32), its encoding and its data. Numbers are
//! little-endian, except the lengths of strings:
//!
//! ```text
//! 00llllll                  data        a string of up to 63 bytes
//! 01llllll llllllll         data        a string of up to 16,383 bytes
//! 10------ l (u32)          data        a longer string
//! C0 / F0 / D0 / E0         data        an integer of 16, 24, 32, 64 bits
//! FE                        data        an integer of 8 bits
//! F1 to FD                              an integer 0 to 12
//! ```

use lastsave_keyspace::values::listpack::Item;

const HEADER_LEN: usize = 10;

/// What the header says of a count that needs more than 16 bits.
const COUNT_UNKNOWN: u16 = u16::MAX;

/// A ziplist that was found to be sound.
#[derive(Clone, Copy)]
pub(crate) struct Ziplist<'a> {
    entries: &'a [u8],
}

impl<'a> Ziplist<'a> {
    /// The ziplist that `bytes` are, if they pass all that Redis checks.
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Self> {
        let (header, rest) = bytes.split_first_chunk::<HEADER_LEN>()?;
        let [a, b, c, d, e, f, g, h, low, high] = *header;
        let total = u32::from_le_bytes([a, b, c, d]);
        let last_offset = u32::from_le_bytes([e, f, g, h]) as usize;
        let stated_count = u16::from_le_bytes([low, high]);
        let (&0xff, entries) = rest.split_last()? else {
            return None;
        };
        if total as usize != bytes.len() || last_offset >= bytes.len() {
            return None;
        }

        let mut at = 0;
        let mut last = None;
        let mut count = 0_usize;
        while at < entries.len() {
            let entry = Entry::read(&entries[at..])?;
            let previous_len = last.map_or(0, |last| at - last);
            if entry.previous_len as usize != previous_len {
                return None;
            }
            last = Some(at);
            at += entry.len;
            count += 1;
        }
        let last_is_there = last.is_none_or(|last| HEADER_LEN + last == last_offset);
        let count_is_right = stated_count == COUNT_UNKNOWN || usize::from(stated_count) == count;
        (last_is_there && count_is_right).then_some(Self { entries })
    }

    /// Its entries in order.
    pub(crate) fn iter(self) -> impl Iterator<Item = Item<'a>> {
        let mut rest = self.entries;
        std::iter::from_fn(move || {
            let entry = Entry::read(rest)?;
            rest = &rest[entry.len..];
            Some(entry.item)
        })
    }
}

/// The entries of `bytes` with their places, in order, up to the byte at the end or to the first that begins no entry.
/// Nothing vouches for the header.
pub(crate) fn entries_with_places(
    bytes: &[u8],
) -> impl Iterator<Item = (std::ops::Range<usize>, Item<'_>)> {
    let mut at = HEADER_LEN;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..bytes.len().saturating_sub(1))?;
        let entry = Entry::read(rest)?;
        let start = at;
        at += entry.len;
        Some((start..at, entry.item))
    })
    .fuse()
}

struct Entry<'a> {
    previous_len: u32,
    item: Item<'a>,
    /// All its bytes.
    len: usize,
}

impl<'a> Entry<'a> {
    /// The entry at the beginning of `bytes`.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (previous_len, body) = match *bytes {
            [len @ ..0xfe, ref body @ ..] => (u32::from(len), body),
            // The first byte of a ziplist's entry is never FF: that is the end.
            [0xfe, a, b, c, d, ref body @ ..] => (u32::from_le_bytes([a, b, c, d]), body),
            _ => return None,
        };
        let string = |body: &'a [u8], len: usize| {
            let (text, rest) = body.split_at_checked(len)?;
            Some((Item::Bytes(text), rest))
        };
        let (item, rest) = match *body {
            [head @ 0..=0x3f, ref body @ ..] => string(body, usize::from(head))?,
            [head @ 0x40..=0x7f, low, ref body @ ..] => {
                string(body, usize::from(head & 0x3f) << 8 | usize::from(low))?
            }
            [0x80..=0xbf, a, b, c, d, ref body @ ..] => {
                string(body, u32::from_be_bytes([a, b, c, d]) as usize)?
            }
            [0xc0, a, b, ref rest @ ..] => {
                let number = i16::from_le_bytes([a, b]);
                (Item::Integer(i64::from(number)), rest)
            }
            [0xf0, a, b, c, ref rest @ ..] => {
                let number = i32::from_le_bytes([0, a, b, c]) >> 8;
                (Item::Integer(i64::from(number)), rest)
            }
            [0xd0, a, b, c, d, ref rest @ ..] => {
                let number = i32::from_le_bytes([a, b, c, d]);
                (Item::Integer(i64::from(number)), rest)
            }
            [0xe0, a, b, c, d, e, f, g, h, ref rest @ ..] => {
                let number = i64::from_le_bytes([a, b, c, d, e, f, g, h]);
                (Item::Integer(number), rest)
            }
            [0xfe, byte, ref rest @ ..] => (Item::Integer(i64::from(byte as i8)), rest),
            [small @ 0xf1..=0xfd, ref rest @ ..] => {
                (Item::Integer(i64::from(small & 0x0f) - 1), rest)
            }
            _ => return None,
        };
        Some(Self {
            previous_len,
            item,
            len: bytes.len() - rest.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use lastsave_keyspace::values::listpack::Listpack;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn ziplist(count: u16, entries: &[&[u8]]) -> Vec<u8> {
        let body = entries.concat();
        let last_len = entries.last().map_or(0, |entry| entry.len());
        let total = (HEADER_LEN + body.len() + 1) as u32;
        let last = (HEADER_LEN + body.len() - last_len) as u32;
        let mut bytes = [total.to_le_bytes(), last.to_le_bytes()].concat();
        bytes.extend(count.to_le_bytes());
        bytes.extend(body);
        bytes.push(0xff);
        bytes
    }

    #[test]
    fn every_encoding_is_read() {
        let long = [&[3, 0x80, 0, 0, 1, 0], &[b'y'; 256][..]].concat();
        let medium = [&[0xfe, 6, 1, 0, 0, 0x40, 64], &[b'x'; 64][..]].concat();
        let bytes = ziplist(
            11,
            &[
                b"\x00\x01a",
                &long,
                &medium,
                b"\x47\xf1",
                b"\x02\xfd",
                b"\x02\xfe\x80",
                b"\x03\xc0\x00\x80",
                b"\x04\xf0\xff\xff\x7f",
                b"\x05\xd0\x00\x00\x00\x80",
                b"\x06\xe0\xff\xff\xff\xff\xff\xff\xff\x7f",
                b"\x0a\x00",
            ],
        );
        let pack = |ziplist: Ziplist<'_>| -> Vec<String> {
            let text = |item: Item<'_>| String::from_utf8(item.to_vec()).expect("text");
            ziplist.iter().map(text).collect()
        };
        let expected = [
            "a",
            &"y".repeat(256),
            &"x".repeat(64),
            "0",
            "12",
            "-128",
            "-32768",
            "8388607",
            "-2147483648",
            "9223372036854775807",
            "",
        ];
        assert_eq!(
            Ziplist::new(&bytes).map(pack).as_deref(),
            Some(&expected.map(String::from)[..])
        );
        assert!(Ziplist::new(&ziplist(0, &[])).is_some_and(|empty| empty.iter().count() == 0));
    }

    #[test]
    fn a_wrong_count_offset_or_length_is_refused() {
        let sound = ziplist(2, &[b"\x00\x01a", b"\x03\x01b"]);
        assert!(Ziplist::new(&sound).is_some());
        for (at, byte) in [
            (0, 18),
            (4, 10),
            (8, 1),
            (10, 1),
            (13, 2),
            (11, 2),
            (16, 0xfe),
        ] {
            let mut bytes = sound.clone();
            assert_ne!(bytes[at], byte);
            bytes[at] = byte;
            assert!(Ziplist::new(&bytes).is_none(), "{at}");
        }
        for end in 0..sound.len() {
            assert!(Ziplist::new(&sound[..end]).is_none());
        }
        let mut unknown_count = sound;
        unknown_count[8..10].fill(0xff);
        assert!(Ziplist::new(&unknown_count).is_some());
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_or_walk(entries in vec(vec(any::<u8>(), 1..12), 0..4)) {
            let entries: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
            let bytes = ziplist(COUNT_UNKNOWN, &entries);
            if let Some(ziplist) = Ziplist::new(&bytes) {
                let mut pack = Listpack::new();
                ziplist.iter().for_each(|item| pack.push_back_item(item));
                prop_assert!(pack.len() <= bytes.len());
            }
        }
    }
}
