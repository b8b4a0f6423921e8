//! Looking at bytes that may be no listpack at all.

use std::ops::Range;

use super::entry::{checked_entry_end, item_at};
use super::{HEADER_LEN, Item};

/// The entries of `bytes` with their places, in order, up to the byte at the end or to the first byte that begins no
/// sound entry. Nothing vouches for the header.
pub fn entries_with_places(bytes: &[u8]) -> impl Iterator<Item = (Range<usize>, Item<'_>)> {
    let entries = &bytes[..bytes.len().saturating_sub(1)];
    let mut at = HEADER_LEN;
    std::iter::from_fn(move || {
        if at >= entries.len() {
            return None;
        }
        let start = at;
        at = checked_entry_end(entries, start)?;
        Some((start..at, item_at(entries, start)))
    })
    .fuse()
}

#[cfg(test)]
mod tests {
    use super::super::Listpack;
    use super::*;

    #[test]
    fn places_cover_a_listpack_and_end_at_damage() {
        let mut pack = Listpack::new();
        pack.push_back(b"name");
        pack.push_back(&[b'x'; 5000]);
        pack.push_back(b"-70000");
        let mut bytes = pack.into_bytes();
        let places: Vec<_> = entries_with_places(&bytes)
            .map(|(place, item)| (place, item.len()))
            .collect();
        let end = bytes.len() - 1;
        assert_eq!(places, [(6..12, 4), (12..5019, 5000), (5019..end, 6)]);
        bytes[11] = 9;
        assert_eq!(entries_with_places(&bytes).count(), 0);
        for len in 0..8 {
            assert_eq!(entries_with_places(&bytes[..len]).count(), 0);
        }
    }
}
