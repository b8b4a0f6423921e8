//! Crash points in bulk: the disk as it was before each operation of one run, and images told apart by their content.
//!
//! Running a program again for every crash point ([`SimDisk::crash_at`]) takes a run for each. A run that keeps the disk before
//! each operation takes one: a clone shares all pages with its original.

use std::sync::Arc;

use rapidhash::v3::rapidhash_v3;

use super::image::Page;
use super::{SimDisk, tree};
use crate::Op;

/// Of which operations the disk is to be kept: every so many-th, counted apart for writes and for the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stride {
    /// Every so many-th write; 1 is all, 0 none.
    pub writes: u64,
    /// Every so many-th operation of another kind.
    pub others: u64,
}

/// The disk before an operation.
#[derive(Clone, Debug)]
pub struct Boundary {
    /// The operation's number: what [`SimDisk::crash_at`] takes.
    pub number: u64,
    /// The disk as a crash at this point finds it, before the kill or the power loss.
    pub disk: SimDisk,
}

/// The boundaries kept so far.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    stride: Stride,
    writes: u64,
    others: u64,
    kept: Vec<Boundary>,
}

/// Remembers hashes of the pages seen last, so that of a file that grows only what is new is hashed.
#[derive(Debug, Default)]
pub struct ImageHasher {
    /// By file, the pages of the image hashed last. They are held on to, so that the same address is the same content.
    seen: std::collections::BTreeMap<u64, Vec<(Arc<Page>, u64)>>,
}

impl SimDisk {
    /// Keeps the disk before each operation from now on, or before every so many-th; `None` keeps none, as at first.
    pub fn keep_boundaries(&mut self, stride: Option<Stride>) {
        self.journal = stride.map(|stride| {
            Box::new(Journal {
                stride,
                writes: 0,
                others: 0,
                kept: Vec::new(),
            })
        });
    }

    /// Takes what was kept since the last call, oldest first.
    pub fn take_boundaries(&mut self) -> Vec<Boundary> {
        let journal = self.journal.as_mut();
        journal.map_or_else(Vec::new, |journal| std::mem::take(&mut journal.kept))
    }

    /// Whether there is anything for [`SimDisk::take_boundaries`].
    #[inline]
    pub fn has_boundaries(&self) -> bool {
        (self.journal.as_ref()).is_some_and(|journal| !journal.kept.is_empty())
    }

    /// An operation is about to be carried out.
    #[inline]
    pub(super) fn meet_boundary(&mut self, op: Op) {
        if self.journal.is_some() {
            self.keep_boundary(op);
        }
    }

    fn keep_boundary(&mut self, op: Op) {
        let Some(mut journal) = self.journal.take() else {
            return;
        };
        let (count, every) = match op {
            Op::Write => (&mut journal.writes, journal.stride.writes),
            _ => (&mut journal.others, journal.stride.others),
        };
        *count += 1;
        if every > 0 && (*count - 1).is_multiple_of(every) {
            let number = self.op_count + 1;
            let disk = self.clone();
            journal.kept.push(Boundary { number, disk });
        }
        self.journal = Some(journal);
    }

    /// A hash over everything that a program can find out by calls that change nothing: names, inodes, permissions, sizes,
    /// bytes, unreadable sectors, and the faults in force. Meant for a disk that has crashed, whose bytes are all durable:
    /// two of the same hash are recovered alike.
    pub fn image_hash(&self, hasher: &mut ImageHasher) -> u128 {
        let rules = format!(
            "{:?} {:?} {} {:?}",
            self.faults, self.capacity, self.read_only, self.tree.habits
        );
        let mut words: Vec<u64> = vec![rapidhash_v3(rules.as_bytes())];
        self.tree.visit(&mut |path, inode, mode, node| {
            words.extend([rapidhash_v3(path.as_bytes()), inode, u64::from(mode)]);
            if let tree::Node::File(file) = node {
                let seen = hasher.seen.entry(inode).or_default();
                file.image.hash_into(seen, &mut words);
            }
        });
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let low = rapidhash_v3(&bytes);
        let high = rapidhash_v3(&[&low.to_le_bytes()[..], &bytes].concat());
        u128::from(high) << 64 | u128::from(low)
    }
}

impl SimDisk {
    /// Whether nothing that a program can find out differs from an earlier state of this disk but the bytes of one file
    /// behind its first `len`. `false` also while faults are in force: a program may meet them at other calls.
    pub fn has_grown_from(&self, earlier: &Self, path: &str, len: u64) -> bool {
        let Some(inode) = self.inode(path) else {
            return false;
        };
        let calm = |disk: &Self| disk.faults().is_empty() && !disk.read_only;
        calm(self) && calm(earlier) && self.tree.has_grown_from(&earlier.tree, inode, len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Survival;
    use crate::{OpenMode, SyncKind, Vfs};

    #[test]
    fn every_boundary_is_the_disk_that_a_crash_point_finds() {
        let program = |disk: &mut SimDisk| {
            let file = disk.open("a", OpenMode::Append)?;
            disk.write(file, b"one")?;
            disk.sync(file, SyncKind::Data)?;
            disk.write(file, &[7; 5000])?;
            disk.sync_dir("")?;
            disk.rename("a", "b")
        };
        let mut disk = SimDisk::new(None);
        disk.keep_boundaries(Some(Stride {
            writes: 1,
            others: 1,
        }));
        program(&mut disk).unwrap();
        let boundaries = disk.take_boundaries();
        assert_eq!(boundaries.len(), 6);
        let mut hasher = ImageHasher::default();
        let mut distinct = std::collections::BTreeSet::new();
        for boundary in boundaries {
            let mut again = SimDisk::new(None);
            again.crash_at(boundary.number, crate::CrashPoint::Before);
            program(&mut again).unwrap_err();
            for survival in [None, Some(Survival::None), Some(Survival::Seeded(3))] {
                let crashed = |disk: &SimDisk| {
                    let mut disk = disk.clone();
                    match survival {
                        None => disk.kill(),
                        Some(survival) => disk.power_loss(survival),
                    }
                    disk
                };
                let hash = crashed(&boundary.disk).image_hash(&mut hasher);
                let fresh = crashed(&again).image_hash(&mut ImageHasher::default());
                assert_eq!(hash, fresh, "operation {}", boundary.number);
                distinct.insert(hash);
            }
        }
        // Nothing, a name, the first write, both writes: the least that a kill may leave.
        assert!(distinct.len() >= 4, "{}", distinct.len());
    }

    #[test]
    fn a_stride_counts_writes_apart() {
        let mut disk = SimDisk::new(None);
        disk.keep_boundaries(Some(Stride {
            writes: 3,
            others: 1,
        }));
        let file = disk.open("a", OpenMode::Append).unwrap();
        for _ in 0..6 {
            disk.write(file, b"x").unwrap();
            disk.sync(file, SyncKind::Data).unwrap();
        }
        let numbers: Vec<u64> = disk.take_boundaries().iter().map(|b| b.number).collect();
        assert_eq!(numbers, [1, 2, 3, 5, 7, 8, 9, 11, 13]);
        assert!(!disk.has_boundaries());
    }
}
