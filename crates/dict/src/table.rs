//! The directory and its segments: lookup, and every change of the table's memory.
//!
//! Whatever changes what a snapshot could still want takes an [`Unlocked`] or [`UnlockedSegment`], and only
//! [`crate::snapshot`] makes those, after it has taken what it needs.

mod clone;
mod random;

use std::marker::PhantomData;
use std::ops::Range;

use crate::Object;
use crate::entry::Entry;
use crate::hasher::Hasher;
use crate::place::Place;
use crate::segment::{
    ANCHOR, BUCKET_SIZE, MAX_BUCKETS, Segment, Slot, buckets_for, capacity, prefetch, slot_bits,
};
use crate::snapshot::{Unlocked, UnlockedSegment};

/// No segment is deeper: the slot bits that follow the prefix are always sixteen real bits of the hash.
const MAX_DEPTH: u32 = 48;

/// How many slots a split runs ahead with prefetching entries.
const SLOTS_AHEAD: usize = 12;

/// Segments, and a directory that finds them by the top bits of a hash.
pub(crate) struct Table<O: Object> {
    /// A power of two of handles, or none. A segment of less depth than the directory stands in a run of them.
    directory: Vec<Segment>,
    /// 63 less the directory's depth.
    shift: u32,
    max_buckets: usize,
    pub(crate) len: usize,
    pub(crate) expiring: usize,
    pub(crate) expiry_sum_ms: u128,
    /// No entry expires earlier, in milliseconds; the earliest one that does may expire later.
    pub(crate) earliest_expiry_ms: u64,
    /// The same of what a pass of [`crate::Dict::scan_due`] has met, and of what was added meanwhile; while one goes on that
    /// has read every entry so far.
    pub(crate) pass_earliest_ms: Option<u64>,
    /// Bytes of segments, overflow buckets, entries and what their objects say they take.
    bytes: usize,
    _objects: PhantomData<O>,
}

// SAFETY: the table owns all it points to, so it may go where its objects may.
unsafe impl<O: Object + Send> Send for Table<O> {}
// SAFETY: a shared table only gives out shared references to objects.
unsafe impl<O: Object + Sync> Sync for Table<O> {}

impl<O: Object> Table<O> {
    pub(crate) fn new() -> Self {
        Self::with_max_buckets(MAX_BUCKETS)
    }

    /// A table that splits segments of this many buckets.
    pub(crate) fn with_max_buckets(max_buckets: usize) -> Self {
        Self {
            directory: Vec::new(),
            shift: 63,
            max_buckets,
            len: 0,
            expiring: 0,
            expiry_sum_ms: 0,
            earliest_expiry_ms: u64::MAX,
            pass_earliest_ms: None,
            bytes: 0,
            _objects: PhantomData,
        }
    }

    /// An empty table like this one.
    pub(crate) fn successor(&self) -> Self {
        Self::with_max_buckets(self.max_buckets)
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.bytes + self.directory.len() * size_of::<Segment>()
    }

    /// An object that was counted with `before` bytes has become one of `after`.
    pub(crate) fn object_resized(&mut self, before: usize, after: usize) {
        self.bytes = self.bytes + after - before;
    }

    fn depth(&self) -> u32 {
        63 - self.shift
    }

    #[inline]
    fn index_of(&self, hash: u64) -> usize {
        (hash >> 1 >> self.shift) as usize
    }

    /// Where `hash` belongs; `None` if nothing has been allocated yet.
    #[inline]
    pub(crate) fn place(&self, hash: u64) -> Option<Place> {
        Some(Place {
            segment: *self.directory.get(self.index_of(hash))?,
            hash,
        })
    }

    #[inline]
    pub(crate) fn find(&self, place: Place, key: &[u8]) -> Option<*mut Slot> {
        // SAFETY: the directory holds live segments, whose slots hold live entries.
        unsafe {
            place
                .segment
                .chain(place.bucket())
                .find(place.segment.slot_bits(place.hash), key)
        }
    }

    #[inline]
    pub(crate) fn prefetch(&self, hash: u64) {
        if let Some(place) = self.place(hash) {
            place.segment.prefetch(hash);
        }
    }

    #[inline]
    pub(crate) fn prefetch_to_add(&self, hash: u64) {
        if let Some(place) = self.place(hash) {
            place.segment.prefetch(hash);
            place.segment.prefetch_header();
        }
    }

    #[inline]
    pub(crate) fn prefetch_entry(&self, hash: u64) {
        if let Some(place) = self.place(hash) {
            // SAFETY: the directory holds live segments.
            unsafe { place.segment.prefetch_entry(hash) };
        }
    }

    /// Asks the processor to load the entries of a place's bucket, two cache lines of each.
    #[inline]
    pub(crate) fn prefetch_entries(&self, place: Place) {
        // SAFETY: the directory holds live segments, and the borrow of the table keeps them unchanged.
        for slot in unsafe { place.segment.chain(place.bucket()).slots() } {
            // SAFETY: the slot is in use.
            let entry = unsafe { (*slot).pointer() };
            prefetch(entry);
            prefetch(entry.wrapping_add(64));
        }
    }

    /// The depth and bucket count of segments that hold this many entries in all.
    pub(crate) fn shape_for(&self, entries: usize) -> (u32, usize) {
        /// Room for the unevenness of hashes: some segments get more than their share.
        const SHARE: usize = 8;
        const MAX_RESERVED_DEPTH: u32 = 24;

        let full = capacity(self.max_buckets) * (SHARE - 1) / SHARE;
        let depth = (0..MAX_RESERVED_DEPTH)
            .find(|depth| entries >> depth <= full)
            .unwrap_or(MAX_RESERVED_DEPTH);
        let each = entries >> depth;
        (depth, buckets_for(each + each / SHARE, self.max_buckets))
    }

    /// The entries of a place's bucket.
    pub(crate) fn entries_at(&self, place: Place) -> impl Iterator<Item = Entry> {
        // SAFETY: the directory holds live segments, and the borrow of the table keeps them unchanged.
        unsafe {
            place
                .segment
                .chain(place.bucket())
                .slots()
                .map(|slot| Entry::from_raw((*slot).pointer()))
        }
    }

    /// A place in every segment, in order.
    pub(crate) fn segments(&self) -> impl Iterator<Item = Place> {
        let mut next = Some(0);
        std::iter::from_fn(move || {
            let place = self.place(next?)?;
            next = place.segment_end();
            Some(place)
        })
    }

    /// Every entry, in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.segments().flat_map(|place| {
            // SAFETY: the directory holds live segments, and the borrow of the table keeps them unchanged.
            unsafe {
                let slots = place.segment.chains().flat_map(|chain| chain.slots());
                slots.map(|slot| Entry::from_raw((*slot).pointer()))
            }
        })
    }

    /// How many entries the place's bucket has, if all of its segment expire.
    pub(crate) fn expiring_at(&self, place: Place) -> Option<usize> {
        // SAFETY: the directory holds live segments, and the borrow of the table keeps them unchanged.
        unsafe {
            let header = place.segment.header();
            let chain = place.segment.chain(place.bucket());
            (header.expiring == header.entries).then(|| chain.slots().count())
        }
    }

    /// The number of expiring entries in the place's segment.
    pub(crate) fn expiring_in(&self, place: Place) -> usize {
        // SAFETY: the directory holds live segments.
        unsafe { place.segment.header().expiring }
    }

    /// Allocates the first segment if there is none.
    pub(crate) fn plant(&mut self, cut: u64) {
        if self.directory.is_empty() {
            self.directory = vec![self.new_segment(0, 1, cut)];
            self.shift = 63;
        }
    }

    /// Adds an entry; its key must not be there yet.
    ///
    /// # Safety
    /// The place is of this table and current, the entry is live and nobody else's, and its object is an `O`.
    pub(crate) unsafe fn add(&mut self, at: &Unlocked, entry: Entry) {
        let Place { segment, hash } = at.place();
        // SAFETY: a current place names a live segment.
        unsafe {
            let slot = Slot::new(entry.into_raw(), segment.slot_bits(hash));
            if segment.chain(at.place().bucket()).push(slot) {
                self.bytes += BUCKET_SIZE;
            }
            segment.header_mut().entries += 1;
            self.len += 1;
            self.count_in(segment, entry);
        }
    }

    /// Takes an entry out. It stays live and is the caller's.
    ///
    /// # Safety
    /// The place is of this table and current, and the slot is of its bucket.
    pub(crate) unsafe fn remove(&mut self, at: &Unlocked, slot: *mut Slot) -> Entry {
        let segment = at.place().segment;
        // SAFETY: a current place names a live segment, whose slots hold live entries.
        unsafe {
            let entry = Entry::from_raw((*slot).pointer());
            self.count_out(segment, entry);
            if segment.chain(at.place().bucket()).remove(slot) {
                self.bytes -= BUCKET_SIZE;
            }
            segment.header_mut().entries -= 1;
            self.len -= 1;
            entry
        }
    }

    /// Changes an entry by `change`, which returns the entry to use from now on.
    ///
    /// # Safety
    /// As for [`Table::remove`]; and `change` upholds what [`Entry`] asks for.
    pub(crate) unsafe fn change<R>(
        &mut self,
        at: &Unlocked,
        slot: *mut Slot,
        change: impl FnOnce(Entry) -> (Entry, R),
    ) -> R {
        let segment = at.place().segment;
        // SAFETY: a current place names a live segment, whose slots hold live entries.
        unsafe {
            let entry = Entry::from_raw((*slot).pointer());
            self.count_out(segment, entry);
            let (entry, result) = change(entry);
            slot.write(Slot::new(entry.into_raw(), (*slot).bits()));
            self.count_in(segment, entry);
            result
        }
    }

    /// # Safety
    /// The segment and the entry are live.
    unsafe fn count_in(&mut self, segment: Segment, entry: Entry) {
        // SAFETY: the caller's promise.
        unsafe {
            let (bytes, expires_at_ms) = entry.counted::<O>();
            self.bytes += bytes;
            if let Some(expires_at_ms) = expires_at_ms {
                self.expiring += 1;
                self.expiry_sum_ms += u128::from(expires_at_ms);
                self.earliest_expiry_ms = self.earliest_expiry_ms.min(expires_at_ms);
                self.pass_earliest_ms = self.pass_earliest_ms.map(|met| met.min(expires_at_ms));
                segment.header_mut().expiring += 1;
            }
        }
    }

    /// # Safety
    /// The segment and the entry are live, and the entry has been counted in.
    unsafe fn count_out(&mut self, segment: Segment, entry: Entry) {
        // SAFETY: the caller's promise.
        unsafe {
            let (bytes, expires_at_ms) = entry.counted::<O>();
            self.bytes -= bytes;
            if let Some(expires_at_ms) = expires_at_ms {
                self.expiring -= 1;
                self.expiry_sum_ms -= u128::from(expires_at_ms);
                segment.header_mut().expiring -= 1;
            }
        }
    }

    /// The place of `hash` if its segment holds more than it should and can be given more room.
    #[inline]
    pub(crate) fn crowded(&self, hash: u64) -> Option<Place> {
        let place = self.place(hash)?;
        let buckets = place.segment.buckets();
        // SAFETY: the directory holds live segments.
        let crowded = unsafe { place.segment.header().entries > capacity(buckets) };
        (crowded && (buckets < self.max_buckets || self.may_split(place.segment))).then_some(place)
    }

    /// Whether a segment may be split. The directory stays small against the entries even if their hashes all
    /// begin alike: then chains get long instead.
    fn may_split(&self, segment: Segment) -> bool {
        let doubles = segment.depth() == self.depth();
        segment.depth() < MAX_DEPTH && (!doubles || self.directory.len() <= 16 + self.len / 16)
    }

    /// Gives a crowded segment more buckets, or splits it.
    pub(crate) fn grow(&mut self, at: &UnlockedSegment, hasher: &Hasher) {
        let segment = at.place().segment;
        if segment.buckets() < self.max_buckets {
            // SAFETY: the directory holds live segments.
            let entries = unsafe { segment.header().entries };
            self.rebuild(at, buckets_for(entries, self.max_buckets));
        } else {
            self.split(at, hasher, 1);
        }
    }

    /// The place of `hash` and its sibling to merge with, if its segment holds so little that it should shrink.
    #[inline]
    pub(crate) fn sparse(&self, hash: u64) -> Option<(Place, Option<Place>)> {
        let place = self.place(hash)?;
        // SAFETY: the directory holds live segments.
        let entries = unsafe { place.segment.header().entries };
        if entries * 3 >= capacity(place.segment.buckets()) {
            return None;
        }
        let sibling = self.sibling(place).filter(|sibling| {
            // SAFETY: the directory holds live segments.
            let together = entries + unsafe { sibling.segment.header().entries };
            together * 3 < capacity(self.max_buckets)
        });
        (sibling.is_some() || place.segment.buckets() > 1).then_some((place, sibling))
    }

    /// The other half of the place's parent segment, unless that is split further.
    fn sibling(&self, place: Place) -> Option<Place> {
        let depth = place.segment.depth();
        let hash = place.hash ^ 1_u64.checked_shl(64 - depth)?;
        self.place(hash)
            .filter(|sibling| sibling.segment.depth() == depth)
    }

    /// Gives a sparse segment fewer buckets.
    pub(crate) fn shrink(&mut self, at: &UnlockedSegment) {
        // SAFETY: the directory holds live segments.
        let entries = unsafe { at.place().segment.header().entries };
        self.rebuild(at, buckets_for(entries * 3 / 2, self.max_buckets));
    }

    /// The directory's handles of a place's segment.
    fn run(&self, place: Place) -> Range<usize> {
        let len = 1 << (self.depth() - place.segment.depth());
        let start = self.index_of(place.hash) & !(len - 1);
        start..start + len
    }

    fn new_segment(&mut self, depth: u32, buckets: usize, cut: u64) -> Segment {
        self.bytes += Segment::size(buckets);
        Segment::new(depth, buckets, cut)
    }

    /// Frees a segment and its overflow buckets.
    ///
    /// # Safety
    /// The segment is live, its entries have a new owner, and the directory no longer holds it.
    unsafe fn free_segment(&mut self, segment: Segment) {
        // SAFETY: the caller's promise.
        unsafe {
            let overflow: usize = segment.chains().map(|chain| chain.free_overflow()).sum();
            self.bytes -= overflow * BUCKET_SIZE + Segment::size(segment.buckets());
            segment.free();
        }
    }

    /// Puts slots into a segment that has no entries yet, `expiring` of which have an expiry.
    ///
    /// # Safety
    /// The segment is live, and the entries are live and the caller's to give away; the slots carry the bits
    /// that this segment asks for.
    unsafe fn fill(
        &mut self,
        segment: Segment,
        slots: impl Iterator<Item = Slot>,
        expiring: usize,
    ) {
        let mut entries = 0;
        for slot in slots {
            // SAFETY: the caller's promise.
            if unsafe { segment.chain(segment.bucket_of(slot.bits())).push(slot) } {
                self.bytes += BUCKET_SIZE;
            }
            entries += 1;
        }
        // SAFETY: the segment is live, and this the only reference to its header.
        let header = unsafe { segment.header_mut() };
        header.entries = entries;
        header.expiring = expiring;
    }

    /// Gives a segment another number of buckets.
    pub(crate) fn rebuild(&mut self, at: &UnlockedSegment, buckets: usize) {
        let old = at.place().segment;
        let new = self.new_segment(old.depth(), buckets, at.cut());
        // SAFETY: the slots move to the new segment, whose depth and hence slot bits are the same; then the old
        // one is freed without them, and the directory forgets it.
        unsafe {
            let slots = old
                .chains()
                .flat_map(|chain| chain.slots())
                .map(|slot| *slot);
            self.fill(new, slots, old.header().expiring);
            let run = self.run(at.place());
            self.directory[run].fill(new);
            self.free_segment(old);
        }
    }

    /// Splits a segment in two by the next bit of the hash; each half gets at least `min_buckets`.
    pub(crate) fn split(&mut self, at: &UnlockedSegment, hasher: &Hasher, min_buckets: usize) {
        let old = at.place().segment;
        if old.depth() == self.depth() {
            self.directory = self
                .directory
                .iter()
                .flat_map(|&segment| [segment, segment])
                .collect();
            self.shift -= 1;
        }
        let run = self.run(at.place());
        let depth = old.depth() + 1;
        let hash_again = depth.is_multiple_of(ANCHOR);
        let mut halves = [(Vec::new(), 0), (Vec::new(), 0)];
        // SAFETY: the slots move to the two new segments with the bits that these ask for; then the old one is
        // freed without them, and the directory forgets it.
        unsafe {
            let count_expiring = old.header().expiring > 0;
            let all: Vec<Slot> = old
                .chains()
                .flat_map(|chain| chain.slots())
                .map(|slot| *slot)
                .collect();
            for (index, &slot) in all.iter().enumerate() {
                if (hash_again || count_expiring)
                    && let Some(ahead) = all.get(index + SLOTS_AHEAD)
                {
                    prefetch(ahead.pointer());
                }
                let half = slot.bits() >> (15 - old.depth() % ANCHOR) & 1;
                let entry = Entry::from_raw(slot.pointer());
                let (slots, expiring) = &mut halves[usize::from(half)];
                slots.push(if hash_again {
                    Slot::new(slot.pointer(), slot_bits(depth, hasher.hash(entry.key())))
                } else {
                    slot
                });
                *expiring += usize::from(count_expiring && entry.shape().expires());
            }
            let middle = run.start + run.len() / 2;
            for ((slots, expiring), run) in
                halves.into_iter().zip([run.start..middle, middle..run.end])
            {
                let buckets = buckets_for(slots.len(), self.max_buckets).max(min_buckets);
                let new = self.new_segment(depth, buckets, at.cut());
                self.fill(new, slots.into_iter(), expiring);
                self.directory[run].fill(new);
            }
            self.free_segment(old);
        }
    }

    /// Merges a segment with its sibling.
    pub(crate) fn merge(&mut self, one: &UnlockedSegment, other: &UnlockedSegment) {
        let (mut low, mut high) = (one.place(), other.place());
        if low.hash > high.hash {
            (low, high) = (high, low);
        }
        let depth = low.segment.depth() - 1;
        // SAFETY: the slots move to the new segment; its slot bits are the same, or else they begin with bits of
        // the old prefix and lose as many at the end. Then the old segments are freed without the slots, and the
        // directory forgets them.
        unsafe {
            let (low_header, high_header) = (low.segment.header(), high.segment.header());
            let entries = low_header.entries + high_header.entries;
            let expiring = low_header.expiring + high_header.expiring;
            let new = self.new_segment(
                depth,
                buckets_for(entries * 3 / 2, self.max_buckets),
                one.cut(),
            );
            let slots_of = |half: Place| {
                let slots = half.segment.chains().flat_map(|chain| chain.slots());
                slots.map(move |slot| {
                    let bits = (*slot).bits();
                    if half.segment.depth().is_multiple_of(ANCHOR) {
                        Slot::new(
                            (*slot).pointer(),
                            slot_bits(depth, half.hash) & !(u16::MAX >> ANCHOR) | bits >> ANCHOR,
                        )
                    } else {
                        *slot
                    }
                })
            };
            self.fill(new, slots_of(low).chain(slots_of(high)), expiring);
            let run = self.run(low).start..self.run(high).end;
            self.directory[run].fill(new);
            self.free_segment(low.segment);
            self.free_segment(high.segment);
        }
        self.halve();
    }

    /// Halves the directory as long as no segment needs its last bit.
    fn halve(&mut self) {
        while self.directory.len() > 1
            && self
                .directory
                .chunks_exact(2)
                .all(|pair| pair[0].is(pair[1]))
        {
            self.directory = self.directory.iter().copied().step_by(2).collect();
            self.shift += 1;
        }
    }

    /// Frees the segment of a place with its entries. The directory remembers that there is none, so this is
    /// for a table on its way out only.
    pub(crate) fn free_at(&mut self, place: Place) {
        if place.segment.is(Segment::NONE) {
            return;
        }
        let run = self.run(place);
        self.directory[run].fill(Segment::NONE);
        // SAFETY: the directory held the segment, so it is live; every entry is freed once and its slot dropped
        // with the segment.
        unsafe {
            for slot in place.segment.chains().flat_map(|chain| chain.slots()) {
                let entry = Entry::from_raw((*slot).pointer());
                self.bytes -= entry.memory_bytes::<O>();
                drop(entry.into_object::<O>());
            }
            self.free_segment(place.segment);
        }
    }
}

impl<O: Object> Drop for Table<O> {
    fn drop(&mut self) {
        for index in 0..self.directory.len() {
            // Freeing a segment clears all its handles.
            self.free_at(Place {
                segment: self.directory[index],
                hash: (index as u64) << self.shift << 1,
            });
        }
    }
}
