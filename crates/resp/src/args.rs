//! The words of one request: ranges into the bytes that they arrived in.

use std::ops::{Index, Range};

/// The words of one request, borrowed from the buffer that they were parsed from.
///
/// The first word is the command's name. A parser never yields an empty `Args`.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    bytes: &'a [u8],
    ranges: &'a [Range<u32>],
}

impl<'a> Args<'a> {
    /// Words at `ranges` of `bytes`. Panics later, on access, if a range is out of bounds.
    pub fn new(bytes: &'a [u8], ranges: &'a [Range<u32>]) -> Self {
        Self { bytes, ranges }
    }

    /// The number of words, the command's name included.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether there is no word at all.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The word at `index`, or `None` past the end.
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        let range = self.ranges.get(index)?;
        Some(&self.bytes[range.start as usize..range.end as usize])
    }

    /// Where the word at `index` stands in [`Args::source`], or `None` past the end.
    pub fn range(&self, index: usize) -> Option<Range<usize>> {
        let range = self.ranges.get(index)?;
        Some(range.start as usize..range.end as usize)
    }

    /// The bytes that the words are parts of: the request as it was written, for a parser's words.
    pub fn source(&self) -> &'a [u8] {
        self.bytes
    }

    /// The words in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a> {
        let bytes = self.bytes;
        self.ranges
            .iter()
            .map(move |range| &bytes[range.start as usize..range.end as usize])
    }

    /// The words from `start` on.
    pub fn skip(&self, start: usize) -> Args<'a> {
        Args {
            bytes: self.bytes,
            ranges: &self.ranges[start.min(self.ranges.len())..],
        }
    }

    /// The first `count` words, or as many as there are.
    pub fn first(&self, count: usize) -> Args<'a> {
        Args {
            bytes: self.bytes,
            ranges: &self.ranges[..count.min(self.ranges.len())],
        }
    }
}

impl Index<usize> for Args<'_> {
    type Output = [u8];

    fn index(&self, index: usize) -> &[u8] {
        let range = &self.ranges[index];
        &self.bytes[range.start as usize..range.end as usize]
    }
}

impl std::fmt::Debug for Args<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.iter().map(|word| word.escape_ascii().to_string()))
            .finish()
    }
}

/// The words of one request, owned: what MULTI queues, and what a command is propagated as.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct ArgsBuf {
    bytes: Vec<u8>,
    ranges: Vec<Range<u32>>,
}

impl ArgsBuf {
    /// No words.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends one word.
    ///
    /// # Panics
    /// If the words would reach 4 GiB together, which no request that a parser lets through does.
    pub fn push(&mut self, word: &[u8]) {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(word);
        let end = u32::try_from(self.bytes.len()).expect("the words of a request stay below 4 GiB");
        self.ranges.push(start..end);
    }

    /// Forgets the words and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ranges.clear();
    }

    /// The words, borrowed.
    pub fn as_args(&self) -> Args<'_> {
        Args {
            bytes: &self.bytes,
            ranges: &self.ranges,
        }
    }
}

impl From<Args<'_>> for ArgsBuf {
    fn from(args: Args<'_>) -> Self {
        args.iter().collect()
    }
}

impl<W: AsRef<[u8]>> FromIterator<W> for ArgsBuf {
    fn from_iter<I: IntoIterator<Item = W>>(words: I) -> Self {
        let words = words.into_iter();
        // Most commands fit; growing by doubling from nothing would cost several allocations.
        let mut args = Self {
            bytes: Vec::with_capacity(96),
            ranges: Vec::with_capacity(words.size_hint().0.max(4)),
        };
        for word in words {
            args.push(word.as_ref());
        }
        args
    }
}
