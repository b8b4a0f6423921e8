//! Strings as rows of bits, the first bit being the highest of the first byte.

use super::SYNTAX_ERROR;
use crate::call::{Answered, EventClass};
use crate::{Call, number};

const BAD_OFFSET: &str = "ERR bit offset is not an integer or out of range";
const BAD_BIT: &str = "ERR bit is not an integer or out of range";

impl Call<'_> {
    /// Reads the position of a bit. For a field of `field_bits` bits, `#n` means the nth field.
    pub(super) fn bit_offset(
        &mut self,
        word: &[u8],
        field_bits: Option<u32>,
    ) -> Result<u64, Answered> {
        let (word, unit) = match (word.strip_prefix(b"#"), field_bits) {
            (Some(word), Some(bits)) => (word, i64::from(bits)),
            _ => (word, 1),
        };
        let offset = number::parse_i64(word)
            .and_then(|offset| offset.checked_mul(unit))
            .and_then(|offset| u64::try_from(offset).ok())
            .filter(|offset| offset >> 3 < self.max_text_len());
        offset.ok_or_else(|| {
            self.reply.error(BAD_OFFSET);
            Answered
        })
    }
}

pub(crate) fn setbit(call: &mut Call<'_>) {
    let args = call.args;
    let key = &args[1];
    let Ok(offset) = call.bit_offset(&args[2], None) else {
        return;
    };
    let Some(on @ (0 | 1)) = number::parse_i64(&args[3]) else {
        return call.reply.error(BAD_BIT);
    };
    let (byte, shift) = ((offset >> 3) as usize, 7 - (offset & 7));
    let edited = call.edit_or_new_text(key, |text| {
        if text.len() <= byte {
            text.resize(byte + 1, 0);
        }
        let was = text[byte] >> shift & 1;
        text[byte] = text[byte] & !(1 << shift) | (on as u8) << shift;
        was
    });
    let Ok((was, grew)) = edited else { return };
    if grew || i64::from(was) != on {
        call.modified(EventClass::String, "setbit", call.db, key);
    }
    call.reply.integer(was.into());
}

pub(crate) fn getbit(call: &mut Call<'_>) {
    let args = call.args;
    let Ok(offset) = call.bit_offset(&args[2], None) else {
        return;
    };
    let _answered = call.read_text(&args[1], |reply, text| {
        let byte = text.and_then(|text| text.get((offset >> 3) as usize));
        reply.integer(byte.map_or(0, |byte| i64::from(byte >> (7 - (offset & 7)) & 1)));
    });
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
}

pub(crate) fn bitop(call: &mut Call<'_>) {
    use Operation::{And, Not, Or, Xor};
    let args = call.args;
    let names = [("AND", And), ("OR", Or), ("XOR", Xor), ("NOT", Not)];
    let named = |(name, _): &(&str, Operation)| args[1].eq_ignore_ascii_case(name.as_bytes());
    let Some((_, operation)) = names.into_iter().find(named) else {
        return call.reply.error(SYNTAX_ERROR);
    };
    let (target, sources) = (&args[2], args.skip(3));
    if operation == Not && sources.len() != 1 {
        return call
            .reply
            .error("ERR BITOP NOT must be called with a single source key.");
    }
    let mut result: Option<Vec<u8>> = None;
    for source in sources.iter() {
        let folded = call.read_text(source, |_, text| {
            let text = text.unwrap_or_default();
            match &mut result {
                None => result = Some(text.to_vec()),
                Some(result) => fold(operation, result, text),
            }
        });
        let Ok(()) = folded else { return };
    }
    let mut result = result.unwrap_or_default();
    if operation == Not {
        for byte in &mut result {
            *byte = !*byte;
        }
    }
    if !result.is_empty() {
        call.remove_if_due(call.db, target);
        call.put_raw_text(target, &result);
        call.modified(EventClass::String, "set", call.db, target);
    } else if call.remove(call.db, target) {
        call.modified(EventClass::Generic, "del", call.db, target);
    }
    call.reply.integer(result.len() as i64);
}

/// Combines `text` into `result`; the shorter one goes on with zeros.
fn fold(operation: Operation, result: &mut Vec<u8>, text: &[u8]) {
    if result.len() < text.len() {
        result.resize(text.len(), 0);
    }
    let (common, rest) = result.split_at_mut(text.len());
    let both = common.iter_mut().zip(text);
    match operation {
        Operation::And => {
            both.for_each(|(byte, other)| *byte &= other);
            rest.fill(0);
        }
        Operation::Or => both.for_each(|(byte, other)| *byte |= other),
        Operation::Xor => both.for_each(|(byte, other)| *byte ^= other),
        Operation::Not => {}
    }
}

/// A range of bits: `first..=last`, empty if `first > last`.
#[derive(Clone, Copy)]
struct BitRange {
    first: i64,
    last: i64,
}

impl BitRange {
    fn whole(text: &[u8]) -> Self {
        Self {
            first: 0,
            last: text.len() as i64 * 8 - 1,
        }
    }

    /// From bytes or bits counted from the end where negative.
    fn of(text: &[u8], start: i64, end: i64, in_bits: bool) -> Self {
        let len = text.len() as i64 * if in_bits { 8 } else { 1 };
        let from_front = |index: i64| {
            if index < 0 {
                index.saturating_add(len).max(0)
            } else {
                index
            }
        };
        let (start, end) = (from_front(start), from_front(end).min(len - 1));
        if in_bits || start > end {
            return Self {
                first: start,
                last: end,
            };
        }
        Self {
            first: start * 8,
            last: end * 8 + 7,
        }
    }

    /// The bytes it touches, and masks that keep its bits of the first and the last of them.
    fn bytes<'a>(&self, text: &'a [u8]) -> (&'a [u8], u8, u8) {
        let bytes = &text[self.first as usize / 8..=self.last as usize / 8];
        let first_mask = 0xff >> (self.first & 7);
        let last_mask = 0xffu8 << (7 - (self.last & 7));
        (bytes, first_mask, last_mask)
    }
}

/// Reads `BYTE` or `BIT`; returns whether it is the latter.
fn is_bit_unit(word: &[u8]) -> Result<bool, &'static str> {
    match word {
        _ if word.eq_ignore_ascii_case(b"BIT") => Ok(true),
        _ if word.eq_ignore_ascii_case(b"BYTE") => Ok(false),
        _ => Err(SYNTAX_ERROR),
    }
}

fn integer(word: &[u8]) -> Result<i64, &'static str> {
    number::parse_i64(word).ok_or(super::NOT_AN_INTEGER)
}

pub(crate) fn bitcount(call: &mut Call<'_>) {
    let args = call.args;
    let _answered = call.read_text(&args[1], |reply, text| {
        let counted = text.map_or(Ok(0), |text| {
            let range = match args.len() {
                2 => BitRange::whole(text),
                4 | 5 => {
                    let (start, end) = (integer(&args[2])?, integer(&args[3])?);
                    if start < 0 && end < 0 && start > end {
                        return Ok(0);
                    }
                    let in_bits = args.get(4).map_or(Ok(false), is_bit_unit)?;
                    BitRange::of(text, start, end, in_bits)
                }
                _ => return Err(SYNTAX_ERROR),
            };
            Ok(count_ones(text, range))
        });
        match counted {
            Ok(count) => reply.integer(count as i64),
            Err(error) => reply.error(error),
        }
    });
}

fn count_ones(text: &[u8], range: BitRange) -> u64 {
    if range.first > range.last {
        return 0;
    }
    let (bytes, first_mask, last_mask) = range.bytes(text);
    let (words, rest) = bytes.as_chunks::<8>();
    let in_words: u64 = words
        .iter()
        .map(|word| u64::from(u64::from_ne_bytes(*word).count_ones()))
        .sum();
    let in_rest: u64 = rest.iter().map(|byte| u64::from(byte.count_ones())).sum();
    let outside = |byte: u8, mask: u8| u64::from((byte & !mask).count_ones());
    in_words + in_rest - outside(bytes[0], first_mask) - outside(bytes[bytes.len() - 1], last_mask)
}

pub(crate) fn bitpos(call: &mut Call<'_>) {
    let args = call.args;
    let Some(bit) = call.integer(&args[2]) else {
        return;
    };
    let bit = match bit {
        0 => false,
        1 => true,
        _ => return call.reply.error("ERR The bit argument must be 1 or 0."),
    };
    let _answered = call.read_text(&args[1], |reply, text| {
        let Some(text) = text else {
            return reply.integer(if bit { -1 } else { 0 });
        };
        let range = || {
            Ok(match args.len() {
                3 => BitRange::whole(text),
                4..=6 => {
                    let start = integer(&args[3])?;
                    let in_bits = args.get(5).map_or(Ok(false), is_bit_unit)?;
                    let end = args.get(4).map_or(Ok(-1), integer)?;
                    BitRange::of(text, start, end, in_bits)
                }
                _ => return Err(SYNTAX_ERROR),
            })
        };
        match range() {
            Err(error) => reply.error(error),
            Ok(range) => reply.integer(match first_bit(text, range, bit) {
                Some(at) => at,
                // Behind a string there are zeros, unless its end was said.
                None if !bit && args.len() < 5 && range.first <= range.last => range.last + 1,
                None => -1,
            }),
        }
    });
}

fn first_bit(text: &[u8], range: BitRange, bit: bool) -> Option<i64> {
    if range.first > range.last {
        return None;
    }
    // Looking for a zero is looking for a one in the complement.
    let flip = if bit { 0 } else { 0xff };
    let (bytes, first_mask, _) = range.bytes(text);
    let first = (bytes[0] ^ flip) & first_mask;
    let (byte, ones) = if first != 0 {
        (0, first)
    } else {
        let behind = bytes[1..].iter().position(|byte| *byte != flip)? + 1;
        (behind, bytes[behind] ^ flip)
    };
    let at = (range.first / 8 + byte as i64) * 8 + i64::from(ones.leading_zeros());
    (at <= range.last).then_some(at)
}
