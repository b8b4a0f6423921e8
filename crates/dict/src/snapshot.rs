//! The running snapshot: what it has visited, and the locks on what it has not.

use crate::Object;
use crate::chunk::Chunk;
use crate::place::Place;
use crate::segment::Segment;
use crate::table::Table;

/// The snapshots of one table: at most one runs at a time.
pub(crate) struct Snapshots<O: Object> {
    /// The number of cuts so far. A segment's visited bits speak of the cut that its header names.
    cuts: u64,
    running: Option<Box<Running<O>>>,
}

struct Running<O: Object> {
    /// The least hash that the walk has not passed.
    position: u64,
    /// Records of buckets that were about to change.
    pending: Chunk<O::Frozen>,
    /// The table of the cut, once [`crate::Dict::clear`] has put an empty one in its stead.
    set_aside: Option<Table<O>>,
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
            position: 0,
            pending: Chunk::new(),
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

    /// See [`crate::Dict::snapshot_walk`].
    pub(crate) fn walk(
        &mut self,
        table: &mut Table<O>,
        max_entries: usize,
        chunk: &mut Chunk<O::Frozen>,
    ) -> bool {
        let Some(running) = &mut self.running else {
            return true;
        };
        chunk.append(&mut running.pending);
        let complete = running.walk(table, max_entries, chunk, self.cuts);
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
        if self.set_aside.is_none() {
            visit(table, place, cut, &mut self.pending);
        }
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

    /// Goes on over the table of the cut. A table set aside is freed on the way.
    fn walk(
        &mut self,
        table: &mut Table<O>,
        max_entries: usize,
        chunk: &mut Chunk<O::Frozen>,
        cut: u64,
    ) -> bool {
        let mut room = max_entries;
        loop {
            let of_cut = self.set_aside.as_mut().unwrap_or(table);
            let Some(place) = of_cut.place(self.position) else {
                return true;
            };
            let next = place.bucket_end();
            // Copying two buckets takes about as long as an entry takes to come from memory.
            if let Some(next) = next.and_then(|next| of_cut.place(next))
                && let Some(ahead) = next.bucket_end().and_then(|ahead| of_cut.place(ahead))
            {
                of_cut.prefetch_entries(ahead);
            }
            let visited = visit(of_cut, place, cut, chunk);
            if let Some(set_aside) = &mut self.set_aside
                && next == place.segment_end()
            {
                set_aside.free_at(place);
            }
            let Some(next) = next else { return true };
            self.position = next;
            // A bucket without entries costs time too.
            room = room.saturating_sub(visited.max(1));
            if room == 0 {
                return false;
            }
        }
    }
}

/// Appends the entries of a bucket to `chunk`, unless the cut has them already. Returns how many.
fn visit<O: Object>(
    table: &mut Table<O>,
    place: Place,
    cut: u64,
    chunk: &mut Chunk<O::Frozen>,
) -> usize {
    if !mark_visited(place.segment, place.bucket(), cut) {
        return 0;
    }
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
