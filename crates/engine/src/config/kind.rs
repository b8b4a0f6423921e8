//! The kinds of parameters: which words each accepts, in Redis's error texts.

use super::words::{
    bind, directory, notify_keyspace_events, oom_score_adj_values, output_buffer_limits,
    percentiles, replicaof, save_points,
};

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Digits, with a sign if negative.
    Decimal,
    /// Octal digits, for file modes.
    Octal,
    /// A number of bytes, with an optional unit: `1k` is 1000, `1kb` 1024, and so on up to `gb`.
    Memory,
    /// [`Form::Memory`], or a percentage, which counts as negative.
    MemoryOrPercent,
}

/// How a parameter is written.
#[derive(Clone, Copy)]
pub enum Kind {
    /// `yes` or `no`.
    Bool,
    /// A number and its limits, both allowed.
    Integer(i128, i128, Form),
    /// One of some names. Names of the same number are synonyms, of which the first is printed.
    Enum(&'static [(&'static str, u32)]),
    /// Any of some names, each a bit; 0 stands alone.
    Shutdown(&'static [(&'static str, u32)]),
    /// Text, and what is wrong with it if anything. Without it (an empty text), no line is written by CONFIG REWRITE
    /// if the second is set.
    Text(fn(&str) -> Result<(), &'static str>, Empty),
    /// A folder, relative to the present one.
    Directory,
    /// Pairs of seconds and changes.
    Save,
    /// Addresses to listen on.
    Bind,
    /// Host and port of a primary.
    ReplicaOf,
    /// `class hard soft seconds`, repeated.
    OutputBufferLimits,
    /// Three numbers.
    OomScoreAdjValues,
    /// Letters, each a class of events.
    NotifyKeyspaceEvents,
    /// Percentages.
    Percentiles,
}

/// What an empty text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empty {
    /// A value like others.
    IsText,
    /// No value.
    IsNone,
}

impl Kind {
    /// Whether several words may follow the name, and one quoted word is split into several.
    pub fn takes_words(self) -> bool {
        matches!(
            self,
            Self::Shutdown(_)
                | Self::Save
                | Self::Bind
                | Self::ReplicaOf
                | Self::OutputBufferLimits
                | Self::OomScoreAdjValues
                | Self::Percentiles
        )
    }

    /// The value that the words behind the name stand for, as CONFIG GET prints it; `current` is the one in force.
    ///
    /// # Errors
    /// Redis's text for what is wrong with the words.
    pub fn parse(self, current: &str, words: &[&str]) -> Result<String, String> {
        match self {
            Self::Shutdown(choices) => return parse_shutdown(choices, words),
            Self::Save => return save_points(words),
            Self::Bind => return bind(words),
            Self::ReplicaOf => return replicaof(words),
            Self::OutputBufferLimits => return output_buffer_limits(current, words),
            Self::OomScoreAdjValues => return oom_score_adj_values(words),
            Self::Percentiles => return percentiles(words),
            _ => {}
        }
        let [word] = *words else {
            return Err("wrong number of arguments".into());
        };
        match self {
            Self::Bool => ["yes", "no"]
                .into_iter()
                .find(|choice| word.eq_ignore_ascii_case(choice))
                .map(str::to_owned)
                .ok_or_else(|| "argument must be 'yes' or 'no'".into()),
            Self::Integer(min, max, form) => parse_integer(word, min, max, form),
            Self::Enum(choices) => {
                let number = choice_number(choices, word).ok_or_else(|| one_of(choices))?;
                Ok(choice_name(choices, number).unwrap_or_default().to_owned())
            }
            Self::Text(check, _) => {
                check(word)?;
                Ok(word.to_owned())
            }
            Self::Directory => Ok(directory(current, word)),
            _ => notify_keyspace_events(word),
        }
    }
}

fn choice_number(choices: &[(&str, u32)], word: &str) -> Option<u32> {
    choices
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(word))
        .map(|(_, number)| *number)
}

fn choice_name(choices: &[(&'static str, u32)], number: u32) -> Option<&'static str> {
    choices
        .iter()
        .find(|(_, of)| *of == number)
        .map(|(name, _)| *name)
}

fn one_of(choices: &[(&str, u32)]) -> String {
    let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
    format!(
        "argument(s) must be one of the following: {}",
        names.join(", ")
    )
}

fn parse_shutdown(choices: &[(&'static str, u32)], words: &[&str]) -> Result<String, String> {
    if words.is_empty() {
        return Err(one_of(choices));
    }
    let mut bits = 0;
    for word in words {
        bits |= choice_number(choices, word).ok_or_else(|| one_of(choices))?;
    }
    const SAVE_AND_NOSAVE: u32 = 0b11;
    if bits & SAVE_AND_NOSAVE == SAVE_AND_NOSAVE {
        return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".into());
    }
    if let Some(name) = choice_name(choices, bits) {
        return Ok(name.to_owned());
    }
    let names: Vec<_> = choices
        .iter()
        .filter(|(_, bit)| bits & bit != 0)
        .map(|(name, _)| *name)
        .collect();
    Ok(names.join(" "))
}

fn parse_integer(word: &str, min: i128, max: i128, form: Form) -> Result<String, String> {
    let value = match form {
        Form::Decimal => lastsave_resp::parse_i64(word.as_bytes())
            .map(i128::from)
            .ok_or("argument couldn't be parsed into an integer")?,
        Form::Octal => parse_octal(word).ok_or("argument couldn't be parsed as an octal number")?,
        Form::Memory => parse_memory(word)
            .map(i128::from)
            .ok_or("argument must be a memory value")?,
        Form::MemoryOrPercent => parse_memory(word)
            .map(i128::from)
            .or_else(|| parse_percent(word).map(|percent| -i128::from(percent)))
            .ok_or("argument must be a memory or percent value")?,
    };
    if value < 0 && form == Form::MemoryOrPercent && value < min {
        return Err(format!(
            "percentage argument must be less or equal to {}",
            -min
        ));
    }
    if !(min..=max).contains(&value) {
        return Err(if form == Form::Octal {
            format!("argument must be between {min:o} and {max:o} inclusive")
        } else {
            format!("argument must be between {min} and {max} inclusive")
        });
    }
    Ok(match form {
        Form::Octal => format!("{value:o}"),
        Form::MemoryOrPercent if value < 0 => format!("{}%", -value),
        _ => value.to_string(),
    })
}

/// A number of bytes with an optional unit. As in Redis, too many digits saturate, then the unit may wrap around.
pub(crate) fn parse_memory(word: &str) -> Option<u64> {
    let digits_len = word.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, unit) = word.split_at(digits_len);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    if digits_len > 127 {
        return None;
    }
    // No digits at all count as 0, unit or not: that is what C's strtoull makes of an empty text.
    let number = digits.bytes().fold(0u64, |number, digit| {
        number
            .saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    });
    Some(number.wrapping_mul(factor))
}

fn parse_percent(word: &str) -> Option<i64> {
    let number = lastsave_resp::parse_i64(word.strip_suffix('%')?.as_bytes())?;
    (number >= 0).then_some(number)
}

/// As C's `strtoll` in base 8, the whole text read: white space and a sign may stand before.
fn parse_octal(word: &str) -> Option<i128> {
    let word = word.trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    let (negative, digits) = match word.as_bytes().first() {
        Some(b'-') => (true, &word[1..]),
        Some(b'+') => (false, &word[1..]),
        _ => (false, word),
    };
    if !digits.bytes().all(|digit| matches!(digit, b'0'..=b'7')) {
        return None;
    }
    if digits.is_empty() {
        return word.is_empty().then_some(0);
    }
    let value = i128::from(i64::from_str_radix(digits, 8).ok()?);
    Some(if negative { -value } else { value })
}

/// How CONFIG REWRITE writes a number of bytes: in the largest unit that divides it.
pub(super) fn format_memory(bytes: u64) -> String {
    for (unit, shift) in [("gb", 30), ("mb", 20), ("kb", 10)] {
        if bytes != 0 && bytes.is_multiple_of(1 << shift) {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    bytes.to_string()
}
