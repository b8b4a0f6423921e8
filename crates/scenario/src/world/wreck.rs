//! What a power loss took from the disk: kept until the next one, so that lost bytes can be looked at.

use std::collections::BTreeMap;
use std::ops::Range;

use lastsave_vfs::SimDisk;

/// The disk right before a power loss, which shares its pages with the one after it, and what was lost of each file.
#[derive(Clone, Debug)]
pub(super) struct Wreck {
    pub(super) before: SimDisk,
    lost: BTreeMap<String, Lost>,
}

#[derive(Clone, Debug)]
struct Lost {
    inode: u64,
    ranges: Vec<Range<u64>>,
    gone: bool,
}

impl Wreck {
    pub(super) fn new(before: SimDisk, after: &SimDisk) -> Self {
        let mut lost = BTreeMap::new();
        for file in before.files() {
            let gone = after.inode(&file.path) != Some(file.inode);
            let ranges = match gone {
                true => std::iter::once(0..file.len).collect(),
                false => differing(&before, after, &file.path),
            };
            if gone || !ranges.is_empty() {
                lost.insert(
                    file.path,
                    Lost {
                        inode: file.inode,
                        ranges,
                        gone,
                    },
                );
            }
        }
        Self { before, lost }
    }

    /// What a file that is there has lost: nothing if it is another by now.
    pub(super) fn lost_of(&self, path: &str, inode: u64) -> &[Range<u64>] {
        match self.lost.get(path) {
            Some(lost) if lost.inode == inode => &lost.ranges,
            _ => &[],
        }
    }

    /// What is marked in a file as it was before.
    pub(super) fn lost(&self, path: &str) -> &[Range<u64>] {
        self.lost.get(path).map_or(&[], |lost| &lost.ranges)
    }

    /// Files that were taken whole, with their lengths.
    pub(super) fn gone(&self) -> impl Iterator<Item = (&str, u64)> {
        let gone = self.lost.iter().filter(|(_, lost)| lost.gone);
        gone.map(|(path, lost)| (&path[..], lost.ranges.iter().map(|range| range.end).sum()))
    }
}

/// The bytes that were not durable before and are others now, or none.
fn differing(before: &SimDisk, after: &SimDisk, path: &str) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for range in before.dirty_ranges(path) {
        let len = (range.end - range.start) as usize;
        let (mut old, mut new) = (vec![0; len], vec![0; len]);
        // Both files are there: their inode was just seen.
        let _ = before.read_some(path, range.start, &mut old);
        let there = after.read_some(path, range.start, &mut new).unwrap_or(0);
        for at in 0..len {
            if at < there && old[at] == new[at] {
                continue;
            }
            let at = range.start + at as u64;
            match ranges.last_mut() {
                Some(last) if last.end == at => last.end += 1,
                _ => ranges.push(at..at + 1),
            }
        }
    }
    // Bytes that are the same by accident would tear what was lost as one.
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start - last.end < 8 => last.end = range.end,
            _ => merged.push(range),
        }
    }
    merged
}
