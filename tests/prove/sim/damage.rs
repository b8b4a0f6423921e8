//! What a power loss has done to a file, and whether a reader of the file's format can tell.

use std::collections::BTreeMap;

use lastsave_vfs::SimDisk;

/// How a disk differs from what was written to it, beyond missing ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Some file is other than a prefix of what was written: a page in the middle was lost.
    pub(crate) holes: bool,
    /// Some command of the log is whole but for zeros inside its words. Redis's format has no checksum that would tell.
    pub(crate) unnoticeable: bool,
}

impl Damage {
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            holes: self.holes || other.holes,
            unnoticeable: self.unnoticeable || other.unnoticeable,
        }
    }
}

/// What was lost of `written` in `left`.
pub(crate) fn damage(written: &SimDisk, left: &SimDisk) -> Damage {
    let paths: BTreeMap<u64, String> = written
        .files()
        .into_iter()
        .map(|file| (file.inode, file.path))
        .collect();
    let mut damage = Damage::default();
    for file in left.files() {
        let Some(path) = paths.get(&file.inode) else {
            continue;
        };
        let whole = written.read(path).expect("it is listed");
        let rest = left.read(&file.path).expect("it is listed");
        if !whole.starts_with(&rest) {
            damage.holes = true;
            damage.unnoticeable |= has_zeroed_words(&whole, &rest);
        }
    }
    damage
}

/// Whether `left` has a command that stands in `whole` at the same place, and whose words have lost bytes to zeros.
fn has_zeroed_words(whole: &[u8], left: &[u8]) -> bool {
    let mut at = 0;
    while let Some((end, words)) = command_at(whole, at) {
        let Some(found) = left.get(at..end) else {
            return false;
        };
        if found != &whole[at..end] {
            let in_words = |offset: usize| words.iter().any(|word| word.contains(&offset));
            return (at..end).all(|offset| {
                left[offset] == whole[offset] || left[offset] == 0 && in_words(offset)
            });
        }
        at = end;
    }
    false
}

/// The end of the command, or the annotation, that begins at `at`, and where its words are.
fn command_at(bytes: &[u8], at: usize) -> Option<(usize, Vec<std::ops::Range<usize>>)> {
    let line = |at: usize| -> Option<(&[u8], usize)> {
        let len = bytes
            .get(at..)?
            .windows(2)
            .position(|pair| pair == b"\r\n")?;
        Some((&bytes[at..at + len], at + len + 2))
    };
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<usize>().ok();
    let (first, mut next) = line(at)?;
    if first.first() == Some(&b'#') {
        return Some((next, Vec::new()));
    }
    let mut words = Vec::new();
    for _ in 0..number(first.strip_prefix(b"*")?)? {
        let (header, start) = line(next)?;
        let len = number(header.strip_prefix(b"$")?)?;
        words.push(start..start + len);
        next = start + len + 2;
    }
    (next <= bytes.len()).then_some((next, words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_in_a_word_cannot_be_told_and_zeros_in_a_length_can() {
        let whole = b"*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
        let with = |at: usize| {
            let mut left = whole.to_vec();
            left[at] = 0;
            left
        };
        assert!(has_zeroed_words(whole, &with(9)));
        assert!(has_zeroed_words(whole, &with(whole.len() - 3)));
        assert!(!has_zeroed_words(whole, &with(5)));
        assert!(!has_zeroed_words(whole, &whole[..20]));
    }
}
