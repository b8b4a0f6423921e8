//! The bytes of one file: as written, and as the device holds them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::survive::Choose;

/// The unit in which unsynced bytes survive or vanish.
pub(super) const PAGE: usize = 4096;

type Page = [u8; PAGE];

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

    /// A sync failed: its pages count as clean and are not on the device.
    pub(super) fn drop_dirty(&mut self) {
        self.dropped.append(&mut self.dirty);
    }

    /// Makes everything written durable, dropped pages too.
    pub(super) fn settle(&mut self) {
        self.dropped.clear();
        self.sync();
    }

    /// Replaces the written bytes by what the device is chosen to hold, and calls that durable.
    pub(super) fn power_loss(&mut self, choose: &mut dyn Choose) {
        let len = self.choose_len(choose);
        let mut dirty = std::mem::take(&mut self.dirty);
        let mut dropped = std::mem::take(&mut self.dropped);
        dirty.retain(|&number, _| {
            !self.survives(number, len, |choose| choose.choose(2) == 1, choose)
        });
        dropped.retain(|&number, _| {
            !self.survives(number, len, |choose| choose.dropped_page(), choose)
        });
        dirty.append(&mut dropped);

        self.pages
            .resize_with((len as usize).div_ceil(PAGE), || Arc::new([0; PAGE]));
        for (number, saved) in dirty {
            let Some(page) = self.pages.get_mut(number as usize) else {
                continue;
            };
            *page = match saved {
                Saved::Prefix(kept) => Arc::new(cut_page(page, kept)),
                Saved::Whole(whole) => whole,
            };
        }
        let (page, within) = split(len);
        if within > 0 {
            Arc::make_mut(&mut self.pages[page])[within..].fill(0);
        }
        self.len = len;
        self.settle();
    }

    /// Asks whether the written content of a page survives, where that can be seen in a file of `len` bytes.
    fn survives(
        &self,
        number: u64,
        len: u64,
        ask: impl FnOnce(&mut dyn Choose) -> bool,
        choose: &mut dyn Choose,
    ) -> bool {
        let visible = number * (PAGE as u64) < len;
        visible && (number as usize) < self.pages.len() && ask(choose)
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
        let mut ranges: Vec<Range<u64>> = self
            .dirty
            .iter()
            .chain(&self.dropped)
            .filter_map(|(&number, saved)| self.changed(number, saved))
            .collect();
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
