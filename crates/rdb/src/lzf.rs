//! LZF, the compression of strings in RDB files: the exact bytes of the library that Redis embeds.
//!
//! A compressed string is a sequence of
//!
//! ```text
//! 000LLLLL  byte × (L+1)                a literal run of 1 to 32 bytes
//! LLLooooo  oooooooo                    copy L+2 bytes (L = 1..6) from o+1 bytes back
//! 111ooooo  LLLLLLLL  oooooooo          copy L+9 bytes from o+1 bytes back
//! ```
//!
//! with offsets `o` of 13 bits. The decoder is determined by that; the encoder is not, and two encoders agree on
//! their bytes only if they agree on which earlier place each position is compared with. Here that is the last
//! position entered under the same hash of three bytes. Every position is entered, except those inside a match
//! other than its last two.

const SLOTS: usize = 1 << 16;
const MAX_DISTANCE: u32 = 1 << 13;
const MAX_MATCH: usize = 264;
const MAX_LITERALS: usize = 32;

/// The longest output that one byte of input can stand for: three bytes copy up to 264.
const MAX_EXPANSION: u64 = MAX_MATCH as u64 / 3;

/// Spare bytes behind the output, so that short literal runs are copied as 32 bytes at once.
const SLACK: usize = 2 * MAX_LITERALS;

/// Compresses one string after the other, keeping its memory (256 KiB and a buffer).
#[derive(Clone)]
pub struct Compressor {
    /// `base + position` of the last position entered under each hash. What earlier strings left behind is at
    /// most `base`, so that nothing needs clearing between strings.
    /// It is there from the first string on.
    slots: Option<Box<[u32; SLOTS]>>,
    base: u32,
    output: Vec<u8>,
}

impl Default for Compressor {
    fn default() -> Self {
        Self::new()
    }
}

impl Compressor {
    /// A compressor that has taken no memory yet.
    pub fn new() -> Self {
        Self {
            slots: None,
            base: 0,
            output: Vec::new(),
        }
    }

    /// `input` compressed, or `None` if that saves fewer than four bytes.
    pub fn compress(&mut self, input: &[u8]) -> Option<&[u8]> {
        let base = self.begin(input.len())?;
        // Four bytes must be saved, and the library wants room for three more before the last two bytes of the
        // input and one for the control byte of a run that may turn out empty.
        let limit = input.len().checked_sub(4)?;
        let room_needed = 4;
        let end = input.len() - 2;

        let slots = &mut **self.slots.get_or_insert_with(empty_slots);
        let output = &mut self.output[..];
        let mut written = 0;
        let mut literals_from = 0;
        let mut position = 0;
        let mut trigram = u32::from(input[0]) << 8 | u32::from(input[1]);

        'runs: loop {
            // Beyond `give_up` the output would be too long even if all the rest were one match.
            let give_up = literals_from + (limit + 1).checked_sub(written + room_needed)?;
            let stop = end.min(give_up);
            while position < stop {
                trigram = (trigram << 8 | u32::from(input[position + 2])) & 0xff_ffff;
                let slot = &mut slots[slot_of(trigram)];
                let candidate = *slot;
                let here = base + position as u32;
                *slot = here;
                // A candidate at position 0 is never taken: the library cannot tell it from an empty slot.
                if candidate > base && here - candidate <= MAX_DISTANCE {
                    let from = (candidate - base) as usize;
                    if trigram_at(input, from) == trigram {
                        let length = match_length(input, from, position);
                        written = put_literals(output, written, input, literals_from, position);
                        written = put_match(output, written, here - candidate, length);
                        position += length;
                        literals_from = position;
                        if position >= end {
                            break 'runs;
                        }
                        for entered in [position - 2, position - 1] {
                            trigram = trigram_at(input, entered);
                            slots[slot_of(trigram)] = base + entered as u32;
                        }
                        continue 'runs;
                    }
                }
                position += 1;
            }
            if position < end {
                return None;
            }
            break;
        }

        let pending = position - literals_from;
        if written + pending + pending / MAX_LITERALS + room_needed > limit {
            return None;
        }
        written = put_literals(output, written, input, literals_from, input.len());
        Some(&self.output[..written])
    }

    /// Prepares table and output for `length` bytes and returns the base of their positions.
    fn begin(&mut self, length: usize) -> Option<u32> {
        let span = u32::try_from(length).ok()?;
        let base = match self.base.checked_add(span) {
            Some(next) => std::mem::replace(&mut self.base, next),
            None => {
                self.slots = None;
                self.base = span;
                0
            }
        };
        let capacity = length + length / MAX_LITERALS + SLACK;
        if self.output.len() < capacity {
            self.output.resize(capacity, 0);
        }
        Some(base)
    }
}

fn empty_slots() -> Box<[u32; SLOTS]> {
    let slots = vec![0; SLOTS].into_boxed_slice();
    slots.try_into().expect("the slice has SLOTS elements")
}

fn slot_of(trigram: u32) -> usize {
    ((trigram >> 8).wrapping_sub(trigram.wrapping_mul(5)) & 0xffff) as usize
}

fn trigram_at(input: &[u8], at: usize) -> u32 {
    let bytes = &input[at..at + 3];
    u32::from(bytes[0]) << 16 | u32::from(bytes[1]) << 8 | u32::from(bytes[2])
}

/// How many bytes at `from` and `to`, of which three are known to agree, are copied. The library's loop is unrolled
/// and stops two bytes before the end of the input, except where the unrolled part carries it across.
fn match_length(input: &[u8], from: usize, to: usize) -> usize {
    let most = (input.len() - to - 2).min(MAX_MATCH);
    let most = if most > 16 { most.max(19) } else { most.max(3) };
    let earlier = &input[from..from + most];
    let later = &input[to..to + most];
    let mut length = 3;
    while let (Some(a), Some(b)) = (
        earlier.get(length..length + 8),
        later.get(length..length + 8),
    ) {
        let difference = u64_from(a) ^ u64_from(b);
        if difference != 0 {
            return length + difference.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    while length < most && earlier[length] == later[length] {
        length += 1;
    }
    length
}

fn u64_from(eight: &[u8]) -> u64 {
    u64::from_le_bytes(eight.try_into().expect("a slice of eight bytes"))
}

fn put_literals(
    output: &mut [u8],
    mut written: usize,
    input: &[u8],
    mut from: usize,
    to: usize,
) -> usize {
    while from < to {
        let run = (to - from).min(MAX_LITERALS);
        output[written] = run as u8 - 1;
        let target = &mut output[written + 1..];
        match input.get(from..from + MAX_LITERALS) {
            Some(whole) => target[..MAX_LITERALS].copy_from_slice(whole),
            None => target[..run].copy_from_slice(&input[from..from + run]),
        }
        written += 1 + run;
        from += run;
    }
    written
}

fn put_match(output: &mut [u8], written: usize, distance: u32, length: usize) -> usize {
    let offset = distance - 1;
    let high = (offset >> 8) as u8;
    let length = length - 2;
    if length < 7 {
        output[written] = (length as u8) << 5 | high;
        output[written + 1] = offset as u8;
        written + 2
    } else {
        output[written] = 7 << 5 | high;
        output[written + 1] = (length - 7) as u8;
        output[written + 2] = offset as u8;
        written + 3
    }
}

/// What `input` takes in literal runs alone, in bytes.
pub(crate) fn literals_len(input: &[u8]) -> usize {
    input.len() + input.len().div_ceil(MAX_LITERALS)
}

/// Appends `input` in literal runs alone.
pub(crate) fn append_literals(out: &mut Vec<u8>, input: &[u8]) {
    for run in input.chunks(MAX_LITERALS) {
        out.push(run.len() as u8 - 1);
        out.extend_from_slice(run);
    }
}

/// Whether `compressed` bytes can stand for `length` bytes at all: asked before memory is taken for them.
pub(crate) fn plausible(compressed: u64, length: u64) -> bool {
    length <= compressed.saturating_mul(MAX_EXPANSION)
}

/// What `compressed` stands for, if that is `length` bytes.
pub(crate) fn decompress(compressed: &[u8], length: usize) -> Option<Vec<u8>> {
    if !plausible(compressed.len() as u64, length as u64) {
        return None;
    }
    let mut output = vec![0; length];
    let mut written = 0;
    let mut rest = compressed;
    while let Some((&control, tail)) = rest.split_first() {
        let control = usize::from(control);
        if control < MAX_LITERALS {
            let (run, tail) = tail.split_at_checked(control + 1)?;
            output
                .get_mut(written..written + run.len())?
                .copy_from_slice(run);
            written += run.len();
            rest = tail;
            continue;
        }
        let (count, tail) = match control >> 5 {
            7 => {
                let (&more, tail) = tail.split_first()?;
                (7 + 2 + usize::from(more), tail)
            }
            short => (short + 2, tail),
        };
        let (&low, tail) = tail.split_first()?;
        let distance = ((control & 0x1f) << 8 | usize::from(low)) + 1;
        let from = written.checked_sub(distance)?;
        if written + count > length {
            return None;
        }
        // A copy that reaches into itself repeats what lies before it; what there is to copy doubles with each turn.
        let end = written + count;
        while written < end {
            let len = (end - written).min(written - from);
            output.copy_within(from..from + len, written);
            written += len;
        }
        rest = tail;
    }
    (written == length).then_some(output)
}

#[cfg(test)]
mod tests;
