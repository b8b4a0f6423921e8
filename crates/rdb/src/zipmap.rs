//! Zipmaps: what small hashes were before Redis 2.6. Read only.
//!
//! ```text
//! count   field-length field   value-length spare-length value spare   ...   FF
//! ```
//!
//! Count and spare length are a byte. A length is a byte below 254, or `FE` and a u32, little-endian. A count of 254
//! means that there are at least so many.

/// A count, or a length, that does not fit into its byte.
const BIG: u8 = 254;

/// A zipmap that was found to be sound.
#[derive(Clone, Copy)]
pub(crate) struct Zipmap<'a> {
    pairs: &'a [u8],
}

impl<'a> Zipmap<'a> {
    /// The zipmap that `bytes` are, if they pass all that Redis checks: it is not empty, for one.
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Self> {
        let (&stated_count, rest) = bytes.split_first()?;
        let (&0xff, pairs) = rest.split_last()? else {
            return None;
        };
        let mut rest = pairs;
        let mut count = 0_usize;
        while !at_end(rest) {
            (_, rest) = pair(rest)?;
            count += 1;
        }
        let count_is_right = stated_count == BIG || usize::from(stated_count) == count;
        (count > 0 && count_is_right).then_some(Self { pairs })
    }

    /// Fields and their values in order.
    pub(crate) fn iter(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let mut rest = self.pairs;
        std::iter::from_fn(move || {
            if at_end(rest) {
                return None;
            }
            let (next, behind) = pair(rest)?;
            rest = behind;
            Some(next)
        })
    }
}

/// Fields and values of `bytes` in turn, with their places (lengths and spare bytes included), up to the end or to the
/// first pair that is none. Nothing vouches for the count.
pub(crate) fn entries_with_places(
    bytes: &[u8],
) -> impl Iterator<Item = (std::ops::Range<usize>, &[u8])> {
    let mut at = 1;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..bytes.len().saturating_sub(1))?;
        if at_end(rest) {
            return None;
        }
        let ((field, value), behind) = pair(rest)?;
        let field_len = length(rest)?.1;
        let between = at + (rest.len() - field_len.len()) + field.len();
        let field_place = at..between;
        at += rest.len() - behind.len();
        Some([(field_place, field), (between..at, value)])
    })
    .fuse()
    .flatten()
}

/// Whether no further pair begins here. An end before the last byte is one, too.
fn at_end(rest: &[u8]) -> bool {
    matches!(rest, [] | [0xff, ..])
}

type Pair<'a> = (&'a [u8], &'a [u8]);

/// The pair at the beginning of `bytes`, and what is behind it.
fn pair(bytes: &[u8]) -> Option<(Pair<'_>, &[u8])> {
    let (field_len, rest) = length(bytes)?;
    let (field, rest) = rest.split_at_checked(field_len)?;
    let (value_len, rest) = length(rest)?;
    let (&spare_len, rest) = rest.split_first()?;
    let (value, rest) = rest.split_at_checked(value_len)?;
    let (_, rest) = rest.split_at_checked(usize::from(spare_len))?;
    Some(((field, value), rest))
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match *bytes {
        [len @ ..BIG, ref rest @ ..] => Some((usize::from(len), rest)),
        [_, a, b, c, d, ref rest @ ..] => Some((u32::from_le_bytes([a, b, c, d]) as usize, rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_with_their_spare_bytes() {
        let bytes = [
            &b"\x02\x03foo\x03\x02bar--"[..],
            b"\xfe\x04\0\0\0long\x00\x00",
            b"\xff",
        ]
        .concat();
        let zipmap = Zipmap::new(&bytes).expect("it is sound");
        let pairs: Vec<_> = zipmap.iter().collect();
        assert_eq!(pairs, [(&b"foo"[..], &b"bar"[..]), (b"long", b"")]);
        for end in 0..bytes.len() {
            assert!(Zipmap::new(&bytes[..end]).is_none());
        }
        for (at, byte) in [(0, 1), (1, 4), (5, 6), (6, 9), (13, 5)] {
            let mut bytes = bytes.clone();
            bytes[at] = byte;
            assert!(Zipmap::new(&bytes).is_none(), "{at}");
        }
        assert!(Zipmap::new(b"\x00\xff").is_none(), "an empty one");
    }
}
