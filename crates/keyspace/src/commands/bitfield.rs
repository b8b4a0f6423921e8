//! BITFIELD: integers of any width at any place of a string.

use super::SYNTAX_ERROR;
use crate::call::{Answered, EventClass};
use crate::{Call, number};

const BAD_TYPE: &str = "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";

/// Where an integer stands.
#[derive(Clone, Copy)]
struct Field {
    signed: bool,
    bits: u32,
    offset: u64,
}

/// What happens where a number does not fit its field.
#[derive(Clone, Copy)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

#[derive(Clone, Copy)]
enum Action {
    Get,
    Set(i64, Overflow),
    Add(i64, Overflow),
}

impl Field {
    /// The bytes that it touches, as a range, and its distance from the end of the last one in bits.
    fn window(self) -> (std::ops::Range<usize>, u32) {
        let first = (self.offset / 8) as usize;
        let bits = (self.offset % 8) as u32 + self.bits;
        let len = bits.div_ceil(8);
        (first..first + len as usize, len * 8 - bits)
    }

    fn mask(self) -> u128 {
        (1 << self.bits) - 1
    }

    /// The bits of the window, those behind the end of the string being 0.
    fn load(self, text: &[u8]) -> u128 {
        let (window, _) = self.window();
        window.fold(0, |word, at| {
            word << 8 | u128::from(text.get(at).copied().unwrap_or(0))
        })
    }

    fn get(self, text: &[u8]) -> i64 {
        let raw = (self.load(text) >> self.window().1 & self.mask()) as u64;
        if self.signed {
            let unused = 64 - self.bits;
            (raw << unused) as i64 >> unused
        } else {
            raw as i64
        }
    }

    /// Writes `value`, which fits. The string is long enough.
    fn set(self, text: &mut [u8], value: i64) {
        let (window, shift) = self.window();
        let word = self.load(text) & !(self.mask() << shift);
        let word = word | (value as u128 & self.mask()) << shift;
        let bytes = word.to_be_bytes();
        let len = window.len();
        text[window].copy_from_slice(&bytes[bytes.len() - len..]);
    }

    /// `value` as the field can hold it; `None` if it may not be stored.
    fn fit(self, value: i128, overflow: Overflow) -> Option<i64> {
        let (min, max) = if self.signed {
            (-(1i128 << (self.bits - 1)), (1 << (self.bits - 1)) - 1)
        } else {
            (0, (1 << self.bits) - 1)
        };
        if (min..=max).contains(&value) {
            return Some(value as i64);
        }
        match overflow {
            Overflow::Fail => None,
            Overflow::Saturate => Some(value.clamp(min, max) as i64),
            Overflow::Wrap => {
                let raw = (value as u128 & self.mask()) as u64;
                let unused = 64 - self.bits;
                Some(if self.signed {
                    (raw << unused) as i64 >> unused
                } else {
                    raw as i64
                })
            }
        }
    }

    /// What a SET to `value` asks for: to an unsigned field a negative number is a huge one. So it is to a signed field if
    /// it is too far from the greatest that the field can hold, as Redis sees it.
    fn wanted(self, value: i64) -> i128 {
        let greatest = (1i64 << (self.bits.min(63) - 1)) - 1;
        if self.signed && (self.bits == 64 || greatest.checked_sub(value).is_some()) {
            value.into()
        } else {
            i128::from(value).rem_euclid(1 << 64)
        }
    }
}

pub(crate) fn bitfield(call: &mut Call<'_>) {
    run(call, false);
}

pub(crate) fn bitfield_ro(call: &mut Call<'_>) {
    run(call, true);
}

fn run(call: &mut Call<'_>, read_only: bool) {
    let args = call.args;
    let key = &args[1];
    let Ok(actions) = parse(call) else { return };
    let writes = |(_, action): &&(Field, Action)| !matches!(action, Action::Get);
    let needed = actions
        .iter()
        .filter(writes)
        .map(|(field, _)| field.window().0.end)
        .max();
    let Some(needed) = needed else {
        let _answered = call.read_text(key, |reply, text| {
            reply.array(actions.len());
            for (field, _) in &actions {
                reply.integer(field.get(text.unwrap_or_default()));
            }
        });
        return;
    };
    if read_only {
        return call
            .reply
            .error("ERR BITFIELD_RO only supports the GET subcommand");
    }
    let edited = call.edit_or_new_text(key, |text| {
        if text.len() < needed {
            text.resize(needed, 0);
        }
        let act = |&(field, action): &(Field, Action)| act(text, field, action);
        actions.iter().map(act).collect::<Vec<_>>()
    });
    let Ok((outcomes, grew)) = edited else { return };
    call.reply.array(outcomes.len());
    for outcome in &outcomes {
        match outcome.answer {
            Some(value) => call.reply.integer(value),
            None => call.reply.null(),
        }
    }
    let stored = outcomes.iter().filter(|outcome| outcome.stored);
    let changes = stored.filter(|outcome| grew || outcome.changed).count() as u64;
    if changes > 0 {
        call.changed(call.db, key, changes);
        call.notify(EventClass::String, "setbit", call.db, key);
    } else if grew {
        // Redis forgets that it has made room: what it then writes to its file lacks the key.
        call.changed(call.db, key, 1);
    }
}

/// What one action did.
struct Outcome {
    answer: Option<i64>,
    stored: bool,
    changed: bool,
}

fn act(text: &mut [u8], field: Field, action: Action) -> Outcome {
    let old = field.get(text);
    let fitting = match action {
        Action::Get => {
            return Outcome {
                answer: Some(old),
                stored: false,
                changed: false,
            };
        }
        Action::Set(value, overflow) => field.fit(field.wanted(value), overflow),
        Action::Add(value, overflow) => field.fit(i128::from(old) + i128::from(value), overflow),
    };
    if let Some(new) = fitting {
        field.set(text, new);
    }
    let answer = match action {
        Action::Add(..) => fitting,
        _ => fitting.map(|_| old),
    };
    Outcome {
        answer,
        stored: fitting.is_some(),
        changed: fitting.is_some_and(|new| new != old),
    }
}

/// Reads the subcommands, or answers with an error.
fn parse(call: &mut Call<'_>) -> Result<Vec<(Field, Action)>, Answered> {
    let args = call.args;
    let mut actions = Vec::new();
    let mut overflow = Overflow::Wrap;
    let mut at = 2;
    while at < args.len() {
        let is = |name: &str| args[at].eq_ignore_ascii_case(name.as_bytes());
        let left = args.len() - at - 1;
        let (is_get, is_set, is_add) = (is("GET"), is("SET"), is("INCRBY"));
        if is("OVERFLOW") && left >= 1 {
            let Some(named) = overflow_named(&args[at + 1]) else {
                call.reply.error("ERR Invalid OVERFLOW type specified");
                return Err(Answered);
            };
            overflow = named;
            at += 2;
            continue;
        }
        if !(is_get && left >= 2 || (is_set || is_add) && left >= 3) {
            call.reply.error(SYNTAX_ERROR);
            return Err(Answered);
        }
        let Some((signed, bits)) = field_type(&args[at + 1]) else {
            call.reply.error(BAD_TYPE);
            return Err(Answered);
        };
        let offset = call.bit_offset(&args[at + 2], Some(bits))?;
        let action = if is_get {
            Action::Get
        } else {
            let value = call.integer(&args[at + 3]).ok_or(Answered)?;
            match is_set {
                true => Action::Set(value, overflow),
                false => Action::Add(value, overflow),
            }
        };
        let field = Field {
            signed,
            bits,
            offset,
        };
        actions.push((field, action));
        at += if is_get { 3 } else { 4 };
    }
    Ok(actions)
}

fn overflow_named(word: &[u8]) -> Option<Overflow> {
    let named = [
        ("WRAP", Overflow::Wrap),
        ("SAT", Overflow::Saturate),
        ("FAIL", Overflow::Fail),
    ];
    let found = named
        .into_iter()
        .find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
    found.map(|(_, overflow)| overflow)
}

/// `i16` or `u8`: whether signed, and how many bits.
fn field_type(word: &[u8]) -> Option<(bool, u32)> {
    let (signed, max, digits) = match word {
        [b'i', digits @ ..] => (true, 64, digits),
        [b'u', digits @ ..] => (false, 63, digits),
        _ => return None,
    };
    let end = digits.iter().position(|byte| *byte == 0);
    let bits = number::parse_i64(&digits[..end.unwrap_or(digits.len())])?;
    let bits = u32::try_from(bits).ok()?;
    (1..=max).contains(&bits).then_some((signed, bits))
}
