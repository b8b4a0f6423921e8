//! HyperLogLog: how many distinct elements were added, within about 0.8 %, in 12 KB at most.
//!
//! A sketch is a string. Behind its header it holds 16,384 registers, each the longest run of zero bits that any
//! element hashed to it has shown. Every byte is as Redis writes it, so that files travel both ways.
//!
//! ```text
//! header   H Y L L | encoding: 0 dense, 1 sparse | 3 unused | count, 8 bytes, its top bit set if out of date
//! dense    6 bits a register, the first in the low bits of the first byte
//! sparse   00nnnnnn           n+1 registers of 0
//!          01nnnnnn nnnnnnnn  n+1 registers of 0
//!          1vvvvvnn           n+1 registers of v+1
//! ```
//!
//! The estimate is the one of Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017).

/// The number of registers.
pub(crate) const REGISTERS: usize = 1 << INDEX_BITS;
/// The length of a dense sketch in bytes.
pub(crate) const DENSE_LEN: usize = HEADER_LEN + REGISTERS * 6 / 8;

const INDEX_BITS: u32 = 14;
const HASHED_BITS: usize = 64 - INDEX_BITS as usize;
const HEADER_LEN: usize = 16;
const MAGIC: &[u8] = b"HYLL";
const ENCODING_AT: usize = 4;
const COUNT_AT: usize = 8;
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
const HASH_SEED: u64 = 0xadc8_3b19;

/// The largest value, and the longest run of it, that a sparse sketch can hold in one code.
const MAX_SPARSE_VALUE: u8 = 32;
const MAX_VALUE_RUN: usize = 4;
/// The longest run of zeros that one byte can hold.
const MAX_SHORT_ZEROS: usize = 64;

/// The registers that a sparse sketch describes are not 16,384: somebody wrote into the string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Corrupted;

/// A sketch without elements.
pub(crate) fn empty() -> Vec<u8> {
    let mut sketch = vec![0; HEADER_LEN];
    sketch[..MAGIC.len()].copy_from_slice(MAGIC);
    sketch[ENCODING_AT] = SPARSE;
    push_zeros(&mut sketch, REGISTERS);
    sketch
}

/// Whether a string looks like a sketch. What a sparse one holds may still turn out [`Corrupted`].
pub(crate) fn is_sketch(text: &[u8]) -> bool {
    text.len() >= HEADER_LEN
        && text.starts_with(MAGIC)
        && match text[ENCODING_AT] {
            DENSE => text.len() == DENSE_LEN,
            encoding => encoding == SPARSE,
        }
}

/// Whether a sketch is dense.
pub(crate) fn is_dense(sketch: &[u8]) -> bool {
    sketch[ENCODING_AT] == DENSE
}

/// The count that a sketch remembers, if it is up to date.
pub(crate) fn remembered_count(sketch: &[u8]) -> Option<u64> {
    let bytes = sketch[COUNT_AT..HEADER_LEN].try_into().ok()?;
    Some(u64::from_le_bytes(bytes)).filter(|count| count >> 63 == 0)
}

/// Makes a sketch remember its count.
pub(crate) fn remember_count(sketch: &mut [u8], count: u64) {
    sketch[COUNT_AT..HEADER_LEN].copy_from_slice(&count.to_le_bytes());
}

/// Marks the count that a sketch remembers as out of date.
pub(crate) fn forget_count(sketch: &mut [u8]) {
    sketch[HEADER_LEN - 1] |= 0x80;
}

/// Adds an element. Returns whether a register changed. A sparse sketch that would outgrow `max_sparse_len` bytes
/// becomes dense.
pub(crate) fn add(
    sketch: &mut Vec<u8>,
    element: &[u8],
    max_sparse_len: usize,
) -> Result<bool, Corrupted> {
    let (register, value) = place_of(element);
    raise(sketch, register, value, max_sparse_len)
}

/// Raises a register to `value` if it is lower. Returns whether it was. `max_sparse_len` as in [`add`].
pub(crate) fn raise(
    sketch: &mut Vec<u8>,
    register: usize,
    value: u8,
    max_sparse_len: usize,
) -> Result<bool, Corrupted> {
    if is_dense(sketch) {
        Ok(raise_dense(&mut sketch[HEADER_LEN..], register, value))
    } else {
        raise_sparse(sketch, register, value, max_sparse_len)
    }
}

/// The register that an element belongs to, and the run of zero bits that it shows there, its end included.
fn place_of(element: &[u8]) -> (usize, u8) {
    let hash = murmur(element, HASH_SEED);
    let run = (hash >> INDEX_BITS | 1 << HASHED_BITS).trailing_zeros() + 1;
    (hash as usize & (REGISTERS - 1), run as u8)
}

/// `MurmurHash64A`.
fn murmur(bytes: &[u8], seed: u64) -> u64 {
    const FACTOR: u64 = 0xc6a4_a793_5bd1_e995;
    let mixed = |word: u64| {
        let word = word.wrapping_mul(FACTOR);
        (word ^ word >> 47).wrapping_mul(FACTOR)
    };
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(FACTOR);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = (hash ^ mixed(u64::from_le_bytes(*word))).wrapping_mul(FACTOR);
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(last)).wrapping_mul(FACTOR);
    }
    hash = (hash ^ hash >> 47).wrapping_mul(FACTOR);
    hash ^ hash >> 47
}

/// The value of a register of a dense sketch, its header cut off.
fn dense_value(registers: &[u8], register: usize) -> u8 {
    let (byte, shift) = (register * 6 / 8, register * 6 % 8);
    let next = registers.get(byte + 1).copied().unwrap_or(0);
    let both = u16::from_le_bytes([registers[byte], next]);
    (both >> shift) as u8 & 63
}

fn set_dense(registers: &mut [u8], register: usize, value: u8) {
    let (byte, shift) = (register * 6 / 8, register * 6 % 8);
    let mask = (63u16 << shift).to_le_bytes();
    let bits = (u16::from(value & 63) << shift).to_le_bytes();
    registers[byte] = registers[byte] & !mask[0] | bits[0];
    // The last register ends with the last byte.
    if let Some(next) = registers.get_mut(byte + 1) {
        *next = *next & !mask[1] | bits[1];
    }
}

fn raise_dense(registers: &mut [u8], register: usize, value: u8) -> bool {
    let higher = value > dense_value(registers, register);
    if higher {
        set_dense(registers, register, value);
    }
    higher
}

/// One code of a sparse sketch: `run` registers of `value`, written in `len` bytes.
#[derive(Clone, Copy)]
struct Code {
    value: u8,
    run: usize,
    len: usize,
}

impl Code {
    /// The code at `at`, which is inside the sketch. A second byte that is missing counts as 0.
    fn read(sketch: &[u8], at: usize) -> Self {
        let byte = sketch[at];
        let low = usize::from(byte & 0x3f);
        match byte >> 6 {
            0 => Self {
                value: 0,
                run: low + 1,
                len: 1,
            },
            1 => Self {
                value: 0,
                run: (low << 8 | usize::from(sketch.get(at + 1).copied().unwrap_or(0))) + 1,
                len: 2,
            },
            _ => Self {
                value: (byte >> 2 & 0x1f) + 1,
                run: usize::from(byte & 3) + 1,
                len: 1,
            },
        }
    }
}

/// The codes of a sparse sketch.
fn codes(sketch: &[u8]) -> impl Iterator<Item = Code> {
    let mut at = HEADER_LEN;
    std::iter::from_fn(move || {
        let code = (at < sketch.len()).then(|| Code::read(sketch, at))?;
        at += code.len;
        Some(code)
    })
}

fn value_code(value: u8, run: usize) -> u8 {
    0x80 | (value - 1) << 2 | (run - 1) as u8
}

fn push_zeros(codes: &mut Vec<u8>, run: usize) {
    match run {
        0 => {}
        1..=MAX_SHORT_ZEROS => codes.push((run - 1) as u8),
        _ => codes.extend_from_slice(&[0x40 | ((run - 1) >> 8) as u8, (run - 1) as u8]),
    }
}

fn push_run(codes: &mut Vec<u8>, value: u8, run: usize) {
    match (value, run) {
        (0, run) => push_zeros(codes, run),
        (_, 0) => {}
        (value, run) => codes.push(value_code(value, run)),
    }
}

fn raise_sparse(
    sketch: &mut Vec<u8>,
    register: usize,
    value: u8,
    max_sparse_len: usize,
) -> Result<bool, Corrupted> {
    if value > MAX_SPARSE_VALUE {
        return raise_promoted(sketch, register, value);
    }
    let (mut at, mut previous, mut first) = (HEADER_LEN, HEADER_LEN, 0);
    let code = loop {
        if at >= sketch.len() {
            return Err(Corrupted);
        }
        let code = Code::read(sketch, at);
        if register < first + code.run {
            break code;
        }
        previous = at;
        at += code.len;
        first += code.run;
    };
    if code.value >= value {
        return Ok(false);
    }
    let mut split = Vec::with_capacity(5);
    push_run(&mut split, code.value, register - first);
    split.push(value_code(value, 1));
    push_run(&mut split, code.value, first + code.run - 1 - register);
    if split.len() > code.len && sketch.len() + split.len() - code.len > max_sparse_len {
        return raise_promoted(sketch, register, value);
    }
    let end = (at + code.len).min(sketch.len());
    sketch.splice(at..end, split);
    join_values(sketch, previous);
    forget_count(sketch);
    Ok(true)
}

/// Joins neighbours of one value among the five codes from `at` on.
fn join_values(sketch: &mut Vec<u8>, mut at: usize) {
    for _ in 0..5 {
        if at >= sketch.len() {
            break;
        }
        let code = Code::read(sketch, at);
        if code.value > 0 && at + 1 < sketch.len() {
            let next = Code::read(sketch, at + 1);
            let run = code.run + next.run;
            if next.value == code.value && run <= MAX_VALUE_RUN {
                sketch[at + 1] = value_code(code.value, run);
                sketch.remove(at);
                continue;
            }
        }
        at += code.len;
    }
}

fn raise_promoted(sketch: &mut Vec<u8>, register: usize, value: u8) -> Result<bool, Corrupted> {
    make_dense(sketch)?;
    Ok(raise_dense(&mut sketch[HEADER_LEN..], register, value))
}

/// Makes a sketch dense, keeping the count that it remembers.
pub(crate) fn make_dense(sketch: &mut Vec<u8>) -> Result<(), Corrupted> {
    if is_dense(sketch) {
        return Ok(());
    }
    let mut dense = vec![0; DENSE_LEN];
    dense[..HEADER_LEN].copy_from_slice(&sketch[..HEADER_LEN]);
    dense[ENCODING_AT] = DENSE;
    for_each_run(sketch, |first, value, run| {
        for register in first..first + run {
            set_dense(&mut dense[HEADER_LEN..], register, value);
        }
    })?;
    *sketch = dense;
    Ok(())
}

/// Hands every run of a sparse sketch that is not of zeros to `then`: its first register, the value, and how many.
fn for_each_run(sketch: &[u8], mut then: impl FnMut(usize, u8, usize)) -> Result<(), Corrupted> {
    let mut first = 0;
    for code in codes(sketch) {
        if first + code.run > REGISTERS {
            return Err(Corrupted);
        }
        if code.value > 0 {
            then(first, code.value, code.run);
        }
        first += code.run;
    }
    if first == REGISTERS {
        Ok(())
    } else {
        Err(Corrupted)
    }
}

/// The registers of several sketches together, each the highest of all.
pub(crate) struct Merged(Vec<u8>);

impl Merged {
    /// Of no sketch.
    pub(crate) fn new() -> Self {
        Self(vec![0; REGISTERS])
    }

    /// Adds the elements of a sketch.
    pub(crate) fn merge(&mut self, sketch: &[u8]) -> Result<(), Corrupted> {
        if is_dense(sketch) {
            for (register, value) in self.0.iter_mut().enumerate() {
                *value = (*value).max(dense_value(&sketch[HEADER_LEN..], register));
            }
            return Ok(());
        }
        for_each_run(sketch, |first, value, run| {
            for register in &mut self.0[first..first + run] {
                *register = (*register).max(value);
            }
        })
    }

    /// The registers by number.
    pub(crate) fn registers(&self) -> &[u8] {
        &self.0
    }

    /// The estimated number of elements.
    pub(crate) fn count(&self) -> u64 {
        let mut histogram = [0; 64];
        for value in &self.0 {
            histogram[usize::from(*value)] += 1;
        }
        estimate(&histogram)
    }
}

/// The estimated number of elements of a sketch, counted anew.
pub(crate) fn count(sketch: &[u8]) -> Result<u64, Corrupted> {
    let mut histogram = [0; 64];
    if is_dense(sketch) {
        // Three bytes hold four registers.
        for bytes in sketch[HEADER_LEN..].as_chunks::<3>().0 {
            let four = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]);
            for shift in [0, 6, 12, 18] {
                histogram[(four >> shift) as usize & 63] += 1;
            }
        }
    } else {
        histogram[0] = REGISTERS as u32;
        for_each_run(sketch, |_, value, run| {
            histogram[usize::from(value)] += run as u32;
            histogram[0] -= run as u32;
        })?;
    }
    Ok(estimate(&histogram))
}

/// The number of elements, from how many registers have each value. The order of operations is Redis's, so that the
/// result is the same to the last bit.
fn estimate(histogram: &[u32; 64]) -> u64 {
    /// 1 / (2 ln 2), with the digits that Redis gives.
    const ALPHA: f64 = 0.721_347_520_444_481_7;
    let registers = REGISTERS as f64;
    let full = f64::from(histogram[HASHED_BITS + 1]);
    let mut sum = registers * tau((registers - full) / registers);
    for value in (1..=HASHED_BITS).rev() {
        sum = (sum + f64::from(histogram[value])) * 0.5;
    }
    sum += registers * sigma(f64::from(histogram[0]) / registers);
    let count = (ALPHA * registers * registers / sum).round();
    // Registers that no hash can fill make the sum 0; C's conversion of infinity is this.
    if count.is_finite() {
        count as u64
    } else {
        1 << 63
    }
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

/// The values of all registers of a dense sketch.
pub(crate) fn dense_values(sketch: &[u8]) -> impl Iterator<Item = u8> {
    (0..REGISTERS).map(|register| dense_value(&sketch[HEADER_LEN..], register))
}

/// The codes of a sparse sketch in letters, as PFDEBUG DECODE shows them: `z:n` and `Z:n` for zeros, `v:value,n`.
pub(crate) fn decoded(sketch: &[u8]) -> String {
    let shown: Vec<String> = codes(sketch)
        .map(|Code { value, run, len }| match (value, len) {
            (0, 1) => format!("z:{run}"),
            (0, _) => format!("Z:{run}"),
            _ => format!("v:{value},{run}"),
        })
        .collect();
    shown.join(" ")
}

#[cfg(test)]
mod tests;
