//! A vector whose clones share its items: a change copies the item and the pointers beside it, nothing else.

use std::sync::Arc;

/// Items per chunk: the pointers that a change copies while a clone holds them.
const CHUNK_LEN: usize = 256;

/// A vector in chunks of shared pointers. A clone copies one pointer per [`CHUNK_LEN`] items.
#[derive(Debug)]
pub(super) struct SharedVec<T> {
    chunks: Vec<Arc<Vec<Arc<T>>>>,
    len: usize,
}

impl<T> Clone for SharedVec<T> {
    fn clone(&self) -> Self {
        Self {
            chunks: self.chunks.clone(),
            len: self.len,
        }
    }
}

impl<T> Default for SharedVec<T> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            len: 0,
        }
    }
}

impl<T: Clone> SharedVec<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// # Panics
    /// If there is no such item.
    pub(super) fn get(&self, index: usize) -> &T {
        &self.chunks[index / CHUNK_LEN][index % CHUNK_LEN]
    }

    /// The item to be changed: it is copied first if a clone holds it too.
    ///
    /// # Panics
    /// If there is no such item.
    pub(super) fn get_mut(&mut self, index: usize) -> &mut T {
        let chunk = Arc::make_mut(&mut self.chunks[index / CHUNK_LEN]);
        Arc::make_mut(&mut chunk[index % CHUNK_LEN])
    }

    pub(super) fn push(&mut self, item: T) {
        if self.len.is_multiple_of(CHUNK_LEN) {
            self.chunks.push(Arc::default());
        }
        let chunk = Arc::make_mut(self.chunks.last_mut().expect("a chunk has room"));
        chunk.push(Arc::new(item));
        self.len += 1;
    }

    /// Takes the last item out.
    pub(super) fn pop(&mut self) -> Option<Arc<T>> {
        let chunk = Arc::make_mut(self.chunks.last_mut()?);
        let item = chunk.pop();
        if chunk.is_empty() {
            self.chunks.pop();
        }
        self.len -= 1;
        item
    }

    /// Removes an item; the last one takes its place.
    ///
    /// # Panics
    /// If there is no such item.
    pub(super) fn swap_remove(&mut self, index: usize) {
        let last = self.pop().expect("an item is there to be removed");
        if index < self.len {
            let chunk = Arc::make_mut(&mut self.chunks[index / CHUNK_LEN]);
            chunk[index % CHUNK_LEN] = last;
        }
    }
}
