//! The running snapshot: what it has visited, and the locks on what it has not.

use std::collections::VecDeque;

use crate::Object;
use crate::chunk::Chunk;
use crate::place::Place;
use crate::segment::Segment;
use crate::table::Table;

/// Where a slice of a snapshot's walk ends, to within a bucket.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slice {
    /// Entries visited.
    pub max_entries: usize,
    /// Bytes in the chunk: [`Chunk::held_bytes`].
    pub max_bytes: usize,
}

impl Slice {
    /// What is left of it once a chunk has been filled.
    pub fn without<F>(self, chunk: &Chunk<F>) -> Self {
        Self {
            max_entries: self.max_entries.saturating_sub(chunk.len()),
            max_bytes: self.max_bytes.saturating_sub(chunk.held_bytes()),
        }
    }
}

/// Where a chunk of records that changes emitted counts as full, in bytes.
const PENDING_CHUNK_BYTES: usize = 128 << 10;

/// The snapshots of one table: at most one runs at a time.
pub(crate) struct Snapshots<O: Object> {
    /// The number of cuts so far. A segment's visited bits speak of the cut that its header names.
    cuts: u64,
    running: Option<Box<Running<O>>>,
}

struct Running<O: Object> {
    /// The least hash that the walk has not passed; none at the end.
    position: Option<u64>,
    /// Records of buckets that were about to change, in chunks, all but the last of which are full.
    pending: VecDeque<Chunk<O::Frozen>>,
    /// What `pending` holds: [`Chunk::held_bytes`].
    pending_bytes: usize,
    /// An empty chunk, with memory perhaps, for `pending`.
    spare: Chunk<O::Frozen>,
    /// The table of the cut, once [`crate::Dict::clear`] has put an empty one in its stead.
    set_aside: Option<Table<O>>,
}

impl<O: Object<Frozen: Clone> + Clone> Clone for Snapshots<O> {
    fn clone(&self) -> Self {
        Self {
            cuts: self.cuts,
            running: self.running.clone(),
        }
    }
}

impl<O: Object<Frozen: Clone> + Clone> Clone for Running<O> {
    fn clone(&self) -> Self {
        Self {
            position: self.position,
            pending: self.pending.clone(),
            pending_bytes: self.pending_bytes,
            spare: Chunk::new(),
            set_aside: self.set_aside.clone(),
        }
    }
}

/// Proof that a running snapshot has the entries of a place's bucket, so that they may change.
pub(crate) struct Unlocked {
    place: Place,
}

impl Unlocked {
    #[inline]
    pub(crate) fn place(&self) -> Place {
        self.place
    }
}

/// Proof that a running snapshot has every entry of a segment, so that it may be rebuilt.
pub(crate) struct UnlockedSegment {
    place: Place,
    cut: u64,
}

impl UnlockedSegment {
    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// The cut that what takes the segment's place has been visited by.
    pub(crate) fn cut(&self) -> u64 {
        self.cut
    }
}

impl<O: Object> Snapshots<O> {
    pub(crate) fn new() -> Self {
        Self {
            cuts: 0,
            running: None,
        }
    }

    pub(crate) fn cut(&self) -> u64 {
        self.cuts
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    pub(crate) fn begin(&mut self) {
        assert!(!self.is_running(), "a snapshot is already running");
        self.cuts += 1;
        self.running = Some(Box::new(Running {
            position: Some(0),
            pending: VecDeque::new(),
            pending_bytes: 0,
            spare: Chunk::new(),
            set_aside: None,
        }));
    }

    pub(crate) fn abandon(&mut self) {
        self.running = None;
    }

    /// Makes sure that a running snapshot has the entries of a bucket of `table`.
    #[inline]
    pub(crate) fn unlock(&mut self, table: &mut Table<O>, place: Place) -> Unlocked {
        if let Some(running) = &mut self.running {
            running.take_bucket(table, place, self.cuts);
        }
        Unlocked { place }
    }

    /// Makes sure that a running snapshot has all entries of a segment of `table`.
    pub(crate) fn unlock_segment(&mut self, table: &mut Table<O>, place: Place) -> UnlockedSegment {
        if let Some(running) = &mut self.running {
            running.take_segment(table, place, self.cuts);
        }
        UnlockedSegment {
            place,
            cut: self.cuts,
        }
    }

    /// Empties `table`. A snapshot that has not finished with it keeps it.
    pub(crate) fn clear(&mut self, table: &mut Table<O>) {
        let old = std::mem::replace(table, table.successor());
        if let Some(running) = &mut self.running
            && running.set_aside.is_none()
        {
            running.set_aside = Some(old);
        }
    }

    /// See [`crate::Dict::snapshot_pending_bytes`].
    pub(crate) fn pending_bytes(&self) -> usize {
        let running = self.running.as_ref();
        running.map_or(0, |running| running.pending_bytes)
    }

    /// See [`crate::Dict::snapshot_walk`].
    pub(crate) fn walk(
        &mut self,
        table: &mut Table<O>,
        slice: Slice,
        chunk: &mut Chunk<O::Frozen>,
    ) -> bool {
        let Some(running) = &mut self.running else {
            return true;
        };
        let complete = running.walk(table, slice, chunk, self.cuts);
        if complete {
            self.running = None;
        }
        complete
    }
}

impl<O: Object> Running<O> {
    #[cold]
    fn take_bucket(&mut self, table: &mut Table<O>, place: Place, cut: u64) {
        // A table that was put in place after the cut has nothing of it.
        if self.set_aside.is_some() || !mark_visited(place.segment, place.bucket(), cut) {
            return;
        }
        let full = |chunk: &Chunk<_>| chunk.held_bytes() >= PENDING_CHUNK_BYTES;
        if self.pending.back().is_none_or(full) {
            self.pending.push_back(std::mem::take(&mut self.spare));
        }
        let chunk = self.pending.back_mut().expect("one was just added");
        let before = chunk.held_bytes();
        copy_bucket(table, place, chunk);
        self.pending_bytes += chunk.held_bytes() - before;
    }

    #[cold]
    fn take_segment(&mut self, table: &mut Table<O>, place: Place, cut: u64) {
        let end = place.segment_end();
        let mut next = place.segment_start();
        loop {
            let bucket = Place {
                hash: next,
                ..place
            };
            self.take_bucket(table, bucket, cut);
            if bucket.bucket_end() == end {
                return;
            }
            next = bucket
                .bucket_end()
                .expect("a bucket before the last ends before the segment");
        }
    }

    /// Takes what changes have emitted, the oldest first, and goes on over the table of the cut. A table set aside is freed on
    /// the way.
    fn walk(
        &mut self,
        table: &mut Table<O>,
        slice: Slice,
        chunk: &mut Chunk<O::Frozen>,
        cut: u64,
    ) -> bool {
        if let Some(emitted) = self.pending.pop_front() {
            self.pending_bytes -= emitted.held_bytes();
            self.spare = chunk.append(emitted);
        }
        let is_set_aside = self.set_aside.is_some();
        let of_cut = self.set_aside.as_mut().unwrap_or(table);
        let mut room = slice.max_entries.saturating_sub(chunk.len());
        while room > 0 && chunk.held_bytes() < slice.max_bytes {
            let Some(place) = self.position.and_then(|position| of_cut.place(position)) else {
                return self.pending.is_empty();
            };
            let next = place.bucket_end();
            prefetch(of_cut, next);
            let visited = match mark_visited(place.segment, place.bucket(), cut) {
                true => copy_bucket(of_cut, place, chunk),
                false => 0,
            };
            if is_set_aside && next == place.segment_end() {
                of_cut.free_at(place);
            }
            self.position = next;
            // A bucket without entries costs time too.
            room = room.saturating_sub(visited.max(1));
        }
        false
    }
}

/// See [`crate::Dict::copy_slice`].
pub(crate) fn copy_slice<O: Object>(
    table: &Table<O>,
    from: u64,
    slice: Slice,
    chunk: &mut Chunk<O::Frozen>,
) -> Option<u64> {
    let mut room = slice.max_entries;
    let mut position = from;
    loop {
        let place = table.place(position)?;
        let next = place.bucket_end();
        prefetch(table, next);
        let copied = copy_bucket(table, place, chunk);
        position = next?;
        room = room.saturating_sub(copied.max(1));
        if room == 0 || chunk.held_bytes() >= slice.max_bytes {
            return Some(position);
        }
    }
}

/// Has the entries fetched of the bucket behind the one that begins at `next`.
fn prefetch<O: Object>(table: &Table<O>, next: Option<u64>) {
    // Copying two buckets takes about as long as an entry takes to come from memory.
    if let Some(next) = next.and_then(|next| table.place(next))
        && let Some(ahead) = next.bucket_end().and_then(|ahead| table.place(ahead))
    {
        table.prefetch_entries(ahead);
    }
}

/// Appends the entries of a bucket to `chunk`. Returns how many.
fn copy_bucket<O: Object>(table: &Table<O>, place: Place, chunk: &mut Chunk<O::Frozen>) -> usize {
    let before = chunk.len();
    for entry in table.entries_at(place) {
        // SAFETY: the table's entries are live, and hold objects of its type.
        unsafe { chunk.push::<O>(entry) };
    }
    chunk.len() - before
}

/// Sets a bucket's visited bit and returns whether it was clear.
fn mark_visited(segment: Segment, bucket: usize, cut: u64) -> bool {
    // SAFETY: places are of live segments, and no other reference to the header is in use.
    let header = unsafe { segment.header_mut() };
    if header.cut != cut {
        header.cut = cut;
        header.visited = 0;
    }
    let bit = 1 << bucket;
    let clear = header.visited & bit == 0;
    header.visited |= bit;
    clear
}
