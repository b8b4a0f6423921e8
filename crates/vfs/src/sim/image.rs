//! The bytes of one file: as written, and as the device holds them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use rapidhash::v3::rapidhash_v3;

use super::survive::Choose;

/// The unit in which unsynced bytes survive or vanish.
pub(super) const PAGE: usize = 4096;

/// The unit that a device writes whole: what a torn page is torn into, and what goes bad.
pub(super) const SECTOR: usize = 512;

pub(super) type Page = [u8; PAGE];

/// A file's written bytes in shared pages, and for each page changed since it was last synced, what the device
/// holds instead. Bytes of the last page behind the end of the file are always zero.
#[derive(Clone, Default)]
pub(super) struct Image {
    pages: Vec<Arc<Page>>,
    len: u64,
    durable_len: u64,
    /// The smallest length since the last sync: which sizes a power loss may leave depends on it.
    low_len: u64,
    /// Pages that the next sync will write.
    dirty: BTreeMap<u64, Saved>,
    /// Pages that a failed sync gave up on. The kernel calls them clean and never writes them again, unless
    /// they are changed.
    dropped: BTreeMap<u64, Saved>,
    /// Sectors that cannot be read until they are written again.
    bad: BTreeSet<u64>,
    /// Rises when bytes that were there change or go.
    edits: u64,
}

/// What the device holds of a page.
#[derive(Clone)]
enum Saved {
    /// The first so many bytes of the written page, then zeros: an append changes nothing before it, so nothing
    /// needs to be copied.
    Prefix(usize),
    /// These bytes.
    Whole(Arc<Page>),
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Image")
            .field("len", &self.len)
            .field("durable_len", &self.durable_len)
            .field("dirty_pages", &self.dirty.len())
            .field("dropped_pages", &self.dropped.len())
            .finish()
    }
}

impl Image {
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn durable_len(&self) -> u64 {
        self.durable_len
    }

    /// See [`super::SimDisk::edits`].
    pub(super) fn edits(&self) -> u64 {
        self.edits
    }

    /// How many bytes from `offset` on can be read before the end or a bad sector; `None` if not even one because
    /// `offset` is in a bad sector.
    pub(super) fn readable_at(&self, offset: u64) -> Option<u64> {
        let end = match self.bad.range(offset / SECTOR as u64..).next() {
            Some(sector) => self.len.min(sector * SECTOR as u64),
            None => self.len,
        };
        (offset < end || offset >= self.len).then(|| end.saturating_sub(offset))
    }

    /// Makes the sectors that hold these bytes unreadable.
    pub(super) fn spoil(&mut self, range: Range<u64>) {
        let end = range.end.min(self.len);
        if range.start < end {
            self.bad
                .extend(range.start / SECTOR as u64..end.div_ceil(SECTOR as u64));
        }
    }

    /// Makes every sector readable.
    pub(super) fn mend(&mut self) {
        self.bad.clear();
    }

    /// Whether the next sync has nothing to do.
    pub(super) fn is_synced(&self) -> bool {
        self.dirty.is_empty() && self.durable_len == self.len
    }

    /// The bytes that cannot be read, as sorted, merged ranges.
    pub(super) fn bad_ranges(&self) -> Vec<Range<u64>> {
        let sector = SECTOR as u64;
        merged(
            self.bad
                .iter()
                .map(|number| number * sector..self.len.min((number + 1) * sector)),
        )
    }

    /// Turns a bit over, silently: nothing becomes dirty. The device's copy of the byte turns too, where it has one.
    pub(super) fn flip_bit(&mut self, offset: u64, bit: u8) {
        let (page, within) = split(offset);
        let number = page as u64;
        self.edits += 1;
        Arc::make_mut(&mut self.pages[page])[within] ^= 1 << bit;
        // A prefix is a part of the written page, which has just been changed.
        let saved = self.dirty.get_mut(&number);
        if let Some(Saved::Whole(saved)) = saved.or(self.dropped.get_mut(&number)) {
            Arc::make_mut(saved)[within] ^= 1 << bit;
        }
    }

    /// Reads at `offset`; returns how many bytes there were.
    pub(super) fn read_at(&self, offset: u64, buf: &mut [u8]) -> usize {
        let available = self.len.saturating_sub(offset);
        let wanted = buf
            .len()
            .min(usize::try_from(available).unwrap_or(usize::MAX));
        let mut done = 0;
        while done < wanted {
            let (page, within) = split(offset + done as u64);
            let take = (PAGE - within).min(wanted - done);
            buf[done..done + take].copy_from_slice(&self.pages[page][within..within + take]);
            done += take;
        }
        wanted
    }

    /// Writes at `offset`; a gap between the end and `offset` reads as zeros.
    pub(super) fn write_at(&mut self, offset: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.edits += u64::from(offset < self.len);
        self.rewrite_sectors(offset, offset + bytes.len() as u64);
        self.grow(offset);
        let mut done = 0;
        while done < bytes.len() {
            let (page, within) = split(offset + done as u64);
            let take = (PAGE - within).min(bytes.len() - done);
            self.touch(page, within);
            if page == self.pages.len() {
                self.pages.push(Arc::new([0; PAGE]));
            }
            Arc::make_mut(&mut self.pages[page])[within..within + take]
                .copy_from_slice(&bytes[done..done + take]);
            done += take;
            self.len = self.len.max(offset + done as u64);
        }
    }

    /// Cuts or, with zeros, extends to `len`.
    pub(super) fn truncate(&mut self, len: u64) {
        self.grow(len);
        if len == self.len {
            return;
        }
        self.edits += 1;
        let (page, within) = split(len);
        let kept = page + usize::from(within > 0);
        for removed in kept..self.pages.len() {
            self.touch(removed, 0);
        }
        self.pages.truncate(kept);
        if within > 0 {
            self.touch(page, within);
            Arc::make_mut(&mut self.pages[page])[within..].fill(0);
        }
        self.len = len;
        self.low_len = self.low_len.min(len);
        self.bad.split_off(&len.div_ceil(SECTOR as u64));
    }

    /// The bytes from `start` to `end` are about to be written: a bad sector that they cover up to the end of the file
    /// is good again. One that they cover in part stays bad, since the rest of it is not known.
    fn rewrite_sectors(&mut self, start: u64, end: u64) {
        let sector = SECTOR as u64;
        let last = if end >= self.len {
            end.div_ceil(sector)
        } else {
            end / sector
        };
        if !self.bad.is_empty() {
            self.bad
                .retain(|number| !(start.div_ceil(sector)..last).contains(number));
        }
    }

    /// Extends with zeros.
    fn grow(&mut self, len: u64) {
        while self.len < len {
            let (page, within) = split(self.len);
            self.touch(page, within);
            if page == self.pages.len() {
                self.pages.push(Arc::new([0; PAGE]));
            }
            self.len = len.min(((page + 1) * PAGE) as u64);
        }
    }

    /// Marks a page dirty before it is changed from `within` on, and keeps what the device holds of it.
    fn touch(&mut self, page: usize, within: usize) {
        let number = page as u64;
        if let Some(saved) = self.dirty.get(&number) {
            if let Saved::Prefix(kept) = *saved
                && within < kept
            {
                let whole = Saved::Whole(Arc::new(cut_page(&self.pages[page], kept)));
                self.dirty.insert(number, whole);
            }
            return;
        }
        let saved = match self.dropped.remove(&number) {
            Some(Saved::Prefix(kept)) if within < kept => {
                Saved::Whole(Arc::new(cut_page(&self.pages[page], kept)))
            }
            Some(saved) => saved,
            None => {
                let start = (page * PAGE) as u64;
                let used = self.len.saturating_sub(start).min(PAGE as u64) as usize;
                if within < used {
                    Saved::Whole(Arc::clone(&self.pages[page]))
                } else {
                    Saved::Prefix(used)
                }
            }
        };
        self.dirty.insert(number, saved);
    }

    /// Everything written is durable now, but for what an earlier failed sync dropped.
    pub(super) fn sync(&mut self) {
        self.dirty.clear();
        self.durable_len = self.len;
        self.low_len = self.len;
    }

    /// Whether there are pages that the next sync will write.
    pub(super) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// The kernel has written the file as it was when it ended at `len`; since then it has only been appended to. Returns how
    /// many bytes became durable by that.
    pub(super) fn write_back(&mut self, len: u64) -> u64 {
        let before = self.dirty_bytes();
        let cut = self.low_len < self.durable_len;
        if len >= self.len {
            self.sync();
        } else if cut || len > self.durable_len {
            let (page, within) = split(len);
            self.dirty = self.dirty.split_off(&(page as u64));
            for (number, saved) in &mut self.dirty {
                let kept = if *number == page as u64 { within } else { 0 };
                *saved = Saved::Prefix(kept);
            }
            self.durable_len = len;
            self.low_len = len;
        }
        before.saturating_sub(self.dirty_bytes())
    }

    /// A sync failed: its pages count as clean and are not on the device.
    pub(super) fn drop_dirty(&mut self) {
        self.dropped.append(&mut self.dirty);
    }

    /// Makes everything written durable, dropped pages too.
    pub(super) fn settle(&mut self) {
        self.dropped.clear();
        self.sync();
    }

    /// Replaces the written bytes by what the device is chosen to hold, and calls that durable. With `tearing` the
    /// sectors of a page survive each by itself.
    pub(super) fn power_loss(&mut self, choose: &mut dyn Choose, tearing: bool) {
        let len = self.choose_len(choose);
        self.edits += 1;
        let dirty = std::mem::take(&mut self.dirty);
        let dropped = std::mem::take(&mut self.dropped);
        let mut held = Vec::new();
        let mut page_survives = |ask: &mut dyn FnMut() -> bool, number: u64, saved: Saved| {
            let start = number * PAGE as u64;
            let Some(written) = self.pages.get(number as usize).filter(|_| start < len) else {
                held.push((number, saved.page(None)));
                return;
            };
            let page = if tearing {
                let visible = (len - start).min(PAGE as u64) as usize;
                torn_page(written, &saved, visible, ask)
            } else if ask() {
                return;
            } else {
                saved.page(Some(written))
            };
            held.push((number, page));
        };
        for (number, saved) in dirty {
            page_survives(&mut || choose.choose(2) == 1, number, saved);
        }
        for (number, saved) in dropped {
            page_survives(&mut || choose.dropped_page(), number, saved);
        }

        self.pages
            .resize_with((len as usize).div_ceil(PAGE), || Arc::new([0; PAGE]));
        for (number, held) in held {
            if let Some(page) = self.pages.get_mut(number as usize) {
                *page = held;
            }
        }
        let (page, within) = split(len);
        if within > 0 {
            Arc::make_mut(&mut self.pages[page])[within..].fill(0);
        }
        self.len = len;
        self.bad.split_off(&len.div_ceil(SECTOR as u64));
        self.settle();
    }

    /// The sizes that may be left: the durable one, and any that the file has passed through since.
    fn choose_len(&self, choose: &mut dyn Choose) -> u64 {
        if self.low_len >= self.durable_len {
            self.durable_len + choose.choose(self.len - self.durable_len + 1)
        } else {
            match choose.choose(self.len - self.low_len + 2) {
                0 => self.durable_len,
                other => self.low_len + other - 1,
            }
        }
    }

    /// The written bytes that a power loss may take, as sorted, merged ranges.
    pub(super) fn unsynced_ranges(&self) -> Vec<Range<u64>> {
        let pages = self.dirty.iter().chain(&self.dropped);
        merged(pages.filter_map(|(&number, saved)| self.changed(number, saved)))
    }

    /// How many bytes the next sync has to write.
    pub(super) fn dirty_bytes(&self) -> u64 {
        self.bytes_of(&self.dirty)
    }

    /// How many bytes failed syncs have given up on.
    pub(super) fn dropped_bytes(&self) -> u64 {
        self.bytes_of(&self.dropped)
    }

    fn bytes_of(&self, pages: &BTreeMap<u64, Saved>) -> u64 {
        pages
            .iter()
            .filter_map(|(&number, saved)| self.changed(number, saved))
            .map(|range| range.end - range.start)
            .sum()
    }

    /// Whether the first `len` bytes, which both have and can be read, are the same.
    pub(super) fn begins_as(&self, other: &Self, len: u64) -> bool {
        if len > self.len.min(other.len) || !self.bad.is_empty() || !other.bad.is_empty() {
            return false;
        }
        let (pages, within) = split(len);
        let whole = self.pages[..pages].iter().zip(&other.pages[..pages]);
        let mut same = whole.map(|(page, other)| Arc::ptr_eq(page, other) || page == other);
        same.all(|same| same)
            && (within == 0 || self.pages[pages][..within] == other.pages[pages][..within])
    }

    /// Adds the size, the bytes and the unreadable sectors to `words`. `seen` are the pages that were hashed for this file
    /// last, and is brought up to date.
    pub(super) fn hash_into(&self, seen: &mut Vec<(Arc<Page>, u64)>, words: &mut Vec<u64>) {
        words.extend([self.len, self.bad.len() as u64]);
        words.extend(&self.bad);
        seen.truncate(self.pages.len());
        for (number, page) in self.pages.iter().enumerate() {
            let known = seen
                .get(number)
                .filter(|(known, _)| Arc::ptr_eq(known, page));
            let hash = match known {
                Some((_, hash)) => *hash,
                None => {
                    let hash = rapidhash_v3(&page[..]);
                    let entry = (Arc::clone(page), hash);
                    match seen.get_mut(number) {
                        Some(seen) => *seen = entry,
                        None => seen.push(entry),
                    }
                    hash
                }
            };
            words.push(hash);
        }
    }

    fn changed(&self, number: u64, saved: &Saved) -> Option<Range<u64>> {
        let start = number * PAGE as u64;
        let end = self.len.min(start + PAGE as u64);
        let from = match saved {
            Saved::Prefix(kept) => start + *kept as u64,
            Saved::Whole(_) => start,
        };
        (from < end).then_some(from..end)
    }
}

impl Saved {
    /// The page as the device holds it; `written` is what it has become since.
    fn page(&self, written: Option<&Arc<Page>>) -> Arc<Page> {
        match (self, written) {
            (Self::Whole(whole), _) => Arc::clone(whole),
            (Self::Prefix(kept), Some(written)) => Arc::new(cut_page(written, *kept)),
            // The running system has cut the page off, and kept nothing of it that was durable.
            (Self::Prefix(_), None) => Arc::new([0; PAGE]),
        }
    }
}

/// A page of which each changed sector among the first `visible` bytes is the written one or the device's.
fn torn_page(
    written: &Arc<Page>,
    saved: &Saved,
    visible: usize,
    ask: &mut dyn FnMut() -> bool,
) -> Arc<Page> {
    let mut page = saved.page(Some(written));
    for start in (0..visible).step_by(SECTOR) {
        let sector = start..start + SECTOR;
        if page[sector.clone()] != written[sector.clone()] && ask() {
            Arc::make_mut(&mut page)[sector.clone()].copy_from_slice(&written[sector]);
        }
    }
    page
}

fn merged(ranges: impl Iterator<Item = Range<u64>>) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = ranges.collect();
    ranges.sort_by_key(|range| range.start);
    ranges.dedup_by(|next, range| {
        let touching = range.end >= next.start;
        if touching {
            range.end = range.end.max(next.end);
        }
        touching
    });
    ranges
}

fn split(offset: u64) -> (usize, usize) {
    (
        (offset / PAGE as u64) as usize,
        (offset % PAGE as u64) as usize,
    )
}

/// The page with everything from `kept` on zeroed.
fn cut_page(page: &Page, kept: usize) -> Page {
    let mut cut = [0; PAGE];
    cut[..kept].copy_from_slice(&page[..kept]);
    cut
}
