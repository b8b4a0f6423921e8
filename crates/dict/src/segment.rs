//! Buckets and segments: the raw memory that entries hang in.
//!
//! ```text
//! segment, one allocation                       bucket, 64 bytes, one cache line
//! ┌────────┬──────────┬──────────┬───          ┌──────┬──────┬──────┬───┬──────┐
//! │ header │ bucket 0 │ bucket 1 │ …           │ slot │ slot │ slot │ … │ next ├─► overflow bucket
//! └────────┴──────────┴──────────┴───          └──────┴──────┴──────┴───┴──────┘
//!   64       64         64                       7 × (16 bits of hash, 48 of pointer)
//! ```
//!
//! A bucket and its overflow buckets form a chain whose slots are filled from the front without gaps: the first
//! empty slot ends it, and an overflow bucket is never empty.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::ptr;

use crate::entry::Entry;
use crate::tagged::Tagged;

/// A place for an entry: its pointer, with the entry's [`slot_bits`].
pub(crate) type Slot = Tagged<u8>;

const SLOTS: usize = 7;

/// Slots keep sixteen bits of the hash from the last multiple of this depth on. A segment's depth may thereby
/// grow this often before its entries must be read and hashed again, at the price of up to three bits.
pub(crate) const ANCHOR: u32 = 4;

/// The sixteen bits of a hash that a slot keeps in a segment of this depth. They choose the bucket, and spare
/// lookups from reading an entry that is not the one: at least seven of them are not common to the whole bucket.
#[inline]
pub(crate) fn slot_bits(depth: u32, hash: u64) -> u16 {
    ((hash << (depth - depth % ANCHOR)) >> 48) as u16
}

#[repr(C, align(64))]
struct Bucket {
    slots: [Slot; SLOTS],
    next: *mut Bucket,
}

/// Bytes of a bucket, and of a segment's header.
pub(crate) const BUCKET_SIZE: usize = 64;

const _: () = assert!(size_of::<Bucket>() == BUCKET_SIZE && size_of::<Header>() == BUCKET_SIZE);

impl Bucket {
    const EMPTY: Self = Self {
        slots: [Slot::NONE; SLOTS],
        next: ptr::null_mut(),
    };
}

/// What a segment knows of itself. Its bucket count and depth are kept where the segment is referred to, so that
/// a lookup does not have to read the header.
#[repr(C, align(64))]
pub(crate) struct Header {
    /// Entries in the segment.
    pub(crate) entries: usize,
    /// Those with an expiry.
    pub(crate) expiring: usize,
    /// The cut that `visited` speaks of; of any later cut, no bucket has been visited.
    pub(crate) cut: u64,
    /// One bit per bucket: whether the snapshot has its entries.
    pub(crate) visited: u64,
}

/// The most buckets a segment has: with the header 4096 bytes, and one bit each in [`Header::visited`].
pub(crate) const MAX_BUCKETS: usize = 63;

/// The bucket counts a segment takes. With the header each is a size that jemalloc hands out without waste, and
/// small tables grow in small steps.
const BUCKET_COUNTS: [usize; 19] = [
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    9,
    11,
    13,
    15,
    19,
    23,
    27,
    31,
    39,
    47,
    55,
    MAX_BUCKETS,
];

/// How many entries `buckets` hold before it is time for more: 6.5 each. Fuller, chains get long; emptier, the
/// empty slots cost more than overflow buckets do.
pub(crate) fn capacity(buckets: usize) -> usize {
    buckets * 13 / 2
}

/// The smallest bucket count with room for `entries`, at most `max_buckets`.
pub(crate) fn buckets_for(entries: usize, max_buckets: usize) -> usize {
    BUCKET_COUNTS
        .into_iter()
        .find(|&buckets| entries <= capacity(buckets))
        .unwrap_or(MAX_BUCKETS)
        .min(max_buckets)
}

/// A segment: a copyable handle, valid from [`Segment::new`] to [`Segment::free`].
///
/// It holds the entries whose hash begins with one prefix of `depth` bits, spread over its buckets in the order
/// of the hash bits that follow.
#[derive(Clone, Copy)]
pub(crate) struct Segment {
    word: Tagged<Header>,
}

/// A chain of a live segment: a copyable handle to its first bucket, valid as long as the segment.
#[derive(Clone, Copy)]
pub(crate) struct Chain {
    first: *mut Bucket,
}

impl Segment {
    /// Where the directory has no segment yet.
    pub(crate) const NONE: Self = Self { word: Tagged::NONE };

    fn layout(buckets: usize) -> Layout {
        Layout::from_size_align(Self::size(buckets), BUCKET_SIZE)
            .expect("a segment is at most 4096 bytes")
    }

    /// Bytes of a segment's allocation.
    pub(crate) fn size(buckets: usize) -> usize {
        BUCKET_SIZE * (1 + buckets)
    }

    /// An empty segment, whose buckets count as visited by `cut`.
    pub(crate) fn new(depth: u32, buckets: usize, cut: u64) -> Self {
        assert!((1..=MAX_BUCKETS).contains(&buckets) && depth < 256);
        let layout = Self::layout(buckets);
        // SAFETY: the size is not zero.
        let header = unsafe { alloc(layout) }.cast::<Header>();
        if header.is_null() {
            handle_alloc_error(layout);
        }
        // SAFETY: the allocation holds a header and this many buckets, aligned for both.
        unsafe {
            header.write(Header {
                entries: 0,
                expiring: 0,
                cut,
                visited: u64::MAX,
            });
            let first = header.add(1).cast::<Bucket>();
            for index in 0..buckets {
                first.add(index).write(Bucket::EMPTY);
            }
        }
        Self {
            word: Tagged::new(header, (depth << 8) as u16 | buckets as u16),
        }
    }

    /// A second segment with the same header and the same slots in the same places, each with a duplicate of its entry.
    ///
    /// # Safety
    /// The segment is live, its entries' objects are of type `O`, and nothing is being changed.
    pub(crate) unsafe fn duplicate<O: Clone>(self) -> Self {
        // SAFETY: the segment is live and has these chains, whose slots hold live entries; the copy has as many, all empty.
        unsafe {
            let Header {
                entries,
                expiring,
                cut,
                visited,
            } = *self.header();
            let copy = Self::new(self.depth(), self.buckets(), cut);
            *copy.header_mut() = Header {
                entries,
                expiring,
                cut,
                visited,
            };
            for (from, to) in self.chains().zip(copy.chains()) {
                for slot in from.slots() {
                    let entry = Entry::from_raw((*slot).pointer()).duplicate::<O>();
                    to.push(Slot::new(entry.into_raw(), (*slot).bits()));
                }
            }
            copy
        }
    }

    /// Frees the segment. Its overflow buckets must be gone and its entries have a new owner.
    ///
    /// # Safety
    /// The segment is live and no handle to it is used again.
    pub(crate) unsafe fn free(self) {
        // SAFETY: `new` allocated it with the layout for this bucket count.
        unsafe { dealloc(self.word.pointer().cast(), Self::layout(self.buckets())) }
    }

    /// How many bits of the hash all its entries have in common.
    #[inline]
    pub(crate) fn depth(self) -> u32 {
        u32::from(self.word.bits() >> 8)
    }

    /// The number of buckets, overflow not counted.
    #[inline]
    pub(crate) fn buckets(self) -> usize {
        usize::from(self.word.bits() & 0xff)
    }

    /// Whether two handles mean the same segment.
    pub(crate) fn is(self, other: Self) -> bool {
        self.word.pointer() == other.word.pointer()
    }

    /// # Safety
    /// The segment is live.
    pub(crate) unsafe fn header<'a>(self) -> &'a Header {
        // SAFETY: a live segment begins with its header, which nobody changes while the table is shared.
        unsafe { &*self.word.pointer() }
    }

    /// # Safety
    /// The segment is live, and no other reference to its header is in use during `'a`.
    pub(crate) unsafe fn header_mut<'a>(self) -> &'a mut Header {
        // SAFETY: as for `header`, and exclusive by the caller's promise.
        unsafe { &mut *self.word.pointer() }
    }

    /// The bits of a hash that its slot keeps.
    #[inline]
    pub(crate) fn slot_bits(self, hash: u64) -> u16 {
        slot_bits(self.depth(), hash)
    }

    /// The bucket for these slot bits: those behind the prefix choose it. Monotone, so that the buckets are in
    /// the order of the hashes they hold.
    #[inline]
    pub(crate) fn bucket_of(self, slot_bits: u16) -> usize {
        let behind_prefix = slot_bits << (self.depth() % ANCHOR);
        (usize::from(behind_prefix) * self.buckets()) >> 16
    }

    /// The least sixteen bits behind the prefix that belong to `bucket`.
    pub(crate) fn first_bits_of(self, bucket: usize) -> u64 {
        let first = ((bucket as u64) << 16).div_ceil(self.buckets() as u64);
        // The slot keeps none of the last bits, so they do not count.
        first.next_multiple_of(1 << (self.depth() % ANCHOR))
    }

    /// # Safety
    /// The segment is live and has this bucket.
    #[inline]
    pub(crate) unsafe fn chain(self, bucket: usize) -> Chain {
        debug_assert!(bucket < self.buckets());
        // SAFETY: the buckets follow the header.
        let first = unsafe { self.word.pointer().add(1).cast::<Bucket>().add(bucket) };
        Chain { first }
    }

    /// # Safety
    /// The segment is live.
    pub(crate) unsafe fn chains(self) -> impl Iterator<Item = Chain> {
        // SAFETY: the segment is live and has these buckets.
        (0..self.buckets()).map(move |bucket| unsafe { self.chain(bucket) })
    }

    /// Asks the processor to load the bucket of `hash`.
    #[inline]
    pub(crate) fn prefetch(self, hash: u64) {
        let offset = BUCKET_SIZE * (1 + self.bucket_of(self.slot_bits(hash)));
        prefetch(self.word.pointer().cast::<u8>().wrapping_add(offset));
    }

    /// Asks the processor to load the header, which lies on the same page as the buckets.
    #[inline]
    pub(crate) fn prefetch_header(self) {
        prefetch(self.word.pointer().cast::<u8>());
    }

    /// Asks the processor to load the entry that `hash` probably belongs to.
    ///
    /// # Safety
    /// The segment is live.
    #[inline]
    pub(crate) unsafe fn prefetch_entry(self, hash: u64) {
        let bits = self.slot_bits(hash);
        // SAFETY: the segment is live and has this bucket.
        unsafe {
            let mut slots = self.chain(self.bucket_of(bits)).slots();
            if let Some(slot) = slots.find(|&slot| (*slot).bits() == bits) {
                let entry = (*slot).pointer();
                prefetch(entry);
                // Every second small entry lies across two cache lines.
                prefetch(entry.wrapping_add(SMALL_ENTRY_LEN - 1));
            }
        }
    }
}

/// The length in bytes of an entry with a short key and value: as much of any entry is asked for early.
const SMALL_ENTRY_LEN: usize = 40;

/// Asks the processor to load the cache line at `address`, where there is a way to ask.
#[inline]
pub(crate) fn prefetch(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch is a hint and may name any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

impl Chain {
    /// The slots in use, in order.
    ///
    /// # Safety
    /// The segment is live and the chain unchanged while the iterator is used; the slots are valid for as long.
    #[inline]
    pub(crate) unsafe fn slots<'a>(self) -> Slots<'a> {
        Slots {
            bucket: self.first,
            index: 0,
            _chain: PhantomData,
        }
    }

    /// The slot whose entry has this key.
    ///
    /// # Safety
    /// The segment is live and its entries are.
    // As for `Entry::shape`.
    #[cfg_attr(not(target_family = "wasm"), inline)]
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub(crate) unsafe fn find(self, slot_bits: u16, key: &[u8]) -> Option<*mut Slot> {
        // SAFETY: the caller's promises; a slot in use holds a live entry.
        unsafe {
            self.slots().find(|&slot| {
                (*slot).bits() == slot_bits && Entry::from_raw((*slot).pointer()).key() == key
            })
        }
    }

    /// Appends an entry. Returns whether that took a new overflow bucket.
    ///
    /// # Safety
    /// The segment is live and nothing iterates over the chain.
    pub(crate) unsafe fn push(self, slot: Slot) -> bool {
        let mut bucket = self.first;
        // SAFETY: `bucket` runs over the chain's buckets, all of them live.
        unsafe {
            loop {
                let slots = &raw mut (*bucket).slots;
                for index in 0..SLOTS {
                    if (*slots)[index].is_none() {
                        (*slots)[index] = slot;
                        return false;
                    }
                }
                if (*bucket).next.is_null() {
                    let mut overflow = Bucket::EMPTY;
                    overflow.slots[0] = slot;
                    (*bucket).next = Box::into_raw(Box::new(overflow));
                    return true;
                }
                bucket = (*bucket).next;
            }
        }
    }

    /// Takes a slot out: the chain's last fills its place. Returns whether that freed an overflow bucket.
    ///
    /// # Safety
    /// The segment is live, `slot` is in use and of this chain, and nothing iterates over the chain.
    pub(crate) unsafe fn remove(self, slot: *mut Slot) -> bool {
        // SAFETY: `bucket` runs over the chain's buckets, of which the last has at least one slot in use, as
        // `slot` is in use and no overflow bucket is empty. An overflow bucket came from a box.
        unsafe {
            let mut before: *mut Bucket = ptr::null_mut();
            let mut bucket = self.first;
            while !(*bucket).next.is_null() {
                before = bucket;
                bucket = (*bucket).next;
            }
            let slots = &raw mut (*bucket).slots;
            let last = (0..SLOTS)
                .rev()
                .find(|&index| !(*slots)[index].is_none())
                .expect("a slot in use");
            slot.write((*slots)[last]);
            (*slots)[last] = Slot::NONE;
            if last > 0 || before.is_null() {
                return false;
            }
            (*before).next = ptr::null_mut();
            drop(Box::from_raw(bucket));
            true
        }
    }

    /// Frees the overflow buckets and returns how many there were. The entries in them need a new owner first.
    ///
    /// # Safety
    /// The segment is live and nothing iterates over the chain.
    pub(crate) unsafe fn free_overflow(self) -> usize {
        // SAFETY: overflow buckets came from boxes, and each is in one chain only.
        unsafe {
            let mut freed = 0;
            let mut next = std::mem::replace(&mut (*self.first).next, ptr::null_mut());
            while !next.is_null() {
                next = Box::from_raw(next).next;
                freed += 1;
            }
            freed
        }
    }
}

/// See [`Chain::slots`].
pub(crate) struct Slots<'a> {
    bucket: *mut Bucket,
    index: usize,
    _chain: PhantomData<&'a Bucket>,
}

impl Iterator for Slots<'_> {
    type Item = *mut Slot;

    #[inline]
    fn next(&mut self) -> Option<*mut Slot> {
        // SAFETY: `bucket` is a live bucket of the chain, by the promise given for `Chain::slots`, and `index`
        // is within it.
        unsafe {
            if self.index == SLOTS {
                let next = (*self.bucket).next;
                if next.is_null() {
                    return None;
                }
                (self.bucket, self.index) = (next, 0);
            }
            let slot = (&raw mut (*self.bucket).slots)
                .cast::<Slot>()
                .add(self.index);
            if (*slot).is_none() {
                return None;
            }
            self.index += 1;
            Some(slot)
        }
    }
}
