//! A list that only grows at its end and that clones share: what a checkpoint of a long run is made of.
//!
//! Full chunks are counted references, so a clone costs a pointer for each of them and a copy of the last, open one.

use std::ops::Range;
use std::sync::Arc;

/// Items in a chunk.
const CHUNK: usize = 512;

/// See the module's documentation.
#[derive(Clone, Debug)]
pub(crate) struct SharedList<T> {
    full: Vec<Arc<Vec<T>>>,
    open: Vec<T>,
}

impl<T> Default for SharedList<T> {
    fn default() -> Self {
        Self {
            full: Vec::new(),
            open: Vec::new(),
        }
    }
}

impl<T: Clone> SharedList<T> {
    pub(crate) fn len(&self) -> usize {
        self.full.len() * CHUNK + self.open.len()
    }

    #[inline]
    pub(crate) fn push(&mut self, item: T) {
        if self.open.len() == CHUNK {
            self.close_chunk();
        }
        self.open.push(item);
    }

    #[cold]
    fn close_chunk(&mut self) {
        let full = std::mem::replace(&mut self.open, Vec::with_capacity(CHUNK));
        self.full.push(Arc::new(full));
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        match self.full.get(index / CHUNK) {
            Some(chunk) => chunk.get(index % CHUNK),
            None => self.open.get(index.checked_sub(self.full.len() * CHUNK)?),
        }
    }

    /// A change of an item; its chunk is copied first while a clone shares it.
    #[inline]
    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        let open = index.wrapping_sub(self.full.len() * CHUNK);
        if open < self.open.len() {
            return self.open.get_mut(open);
        }
        let chunk = self.full.get_mut(index / CHUNK)?;
        Arc::make_mut(chunk).get_mut(index % CHUNK)
    }

    pub(crate) fn last(&self) -> Option<&T> {
        self.open
            .last()
            .or_else(|| self.full.last().and_then(|chunk| chunk.last()))
    }

    /// The items of a range, which may reach beyond the end.
    pub(crate) fn range(&self, range: Range<usize>) -> impl Iterator<Item = &T> {
        let end = range.end.min(self.len());
        let start = range.start.min(end);
        let chunks = self.full.iter().map(|chunk| chunk.as_slice());
        let first = start / CHUNK;
        chunks
            .chain(std::iter::once(self.open.as_slice()))
            .enumerate()
            .skip(first)
            .take((end.div_ceil(CHUNK)).saturating_sub(first))
            .flat_map(move |(index, chunk)| {
                let base = index * CHUNK;
                let from = start.saturating_sub(base).min(chunk.len());
                &chunk[from..(end - base).min(chunk.len())]
            })
    }

    /// Within a range at whose front `holds` and behind which it does not: the first item for which it does not.
    pub(crate) fn partition_point(&self, range: Range<usize>, holds: impl Fn(&T) -> bool) -> usize {
        let (mut low, mut high) = (range.start, range.end.min(self.len()));
        while low < high {
            let middle = low + (high - low) / 2;
            if self.get(middle).is_some_and(&holds) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Forgets all but the first `len` items.
    pub(crate) fn truncate(&mut self, len: usize) {
        if len >= self.full.len() * CHUNK {
            return self.open.truncate(len - self.full.len() * CHUNK);
        }
        let cut = self.full[len / CHUNK][..len % CHUNK].to_vec();
        self.full.truncate(len / CHUNK);
        self.open = cut;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list_and_its_clones_stay_what_they_were() {
        let (mut list, mut model) = (SharedList::default(), Vec::new());
        for number in 0..2_000usize {
            list.push(number);
            model.push(number);
        }
        let clone = list.clone();
        for index in [0, 511, 512, 1_999] {
            *list.get_mut(index).unwrap() += 10_000;
        }
        assert!(clone.range(0..usize::MAX).eq(model.iter()));
        assert_eq!(list.get(512), Some(&10_512));
        for (start, end) in [(0, 0), (0, 512), (511, 513), (1_500, 9_000), (3_000, 4_000)] {
            let end_in = end.min(model.len());
            let expected = &model[start.min(end_in)..end_in];
            assert!(clone.range(start..end).eq(expected), "{start}..{end}");
        }
        assert_eq!(clone.partition_point(3..2_000, |item| *item < 777), 777);
        for len in [1_999, 1_536, 1_030, 512, 3, 0] {
            list.truncate(len);
            assert_eq!(list.len(), len);
            assert_eq!(list.last(), list.get(len.wrapping_sub(1)));
            list.push(len);
            assert_eq!(list.get(len), Some(&len));
        }
        assert_eq!(list.get_mut(9), None);
    }
}
