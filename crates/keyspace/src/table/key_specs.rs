//! Where the keys of a request stand: the specifications in a command's row, and how they are followed.

use lastsave_resp::{Args, parse_i64};

use super::Command;

/// Some keys of a command and how it uses them, as COMMAND INFO tells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySpec {
    /// Where to begin.
    pub begin: KeysBegin,
    /// Which words from there on are keys.
    pub extent: KeysExtent,
    /// What happens to the keys: one of `RO RW OW RM`, then some of `access update insert delete not_key incomplete
    /// variable_flags`, between spaces.
    pub flags: &'static str,
}

/// Where a specification begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysBegin {
    /// At this word, the name being word 0.
    Index(u8),
    /// Behind the first word that reads `word` in any case, looked for from `start_from` on (negative: from the end
    /// of the request, backwards).
    Keyword {
        /// The word to look for.
        word: &'static str,
        /// The index of the first word looked at.
        start_from: i8,
    },
    /// It cannot be said.
    Unknown,
}

/// How far a specification extends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysExtent {
    /// Every `step`th word up to `last` behind the first (negative: from the end of the request).
    Range {
        /// The index of the last key, relative to the first; -1 is the last word.
        last: i8,
        /// The distance from one key to the next.
        step: u8,
        /// With a negative `last`: the keys fill only one of so many parts of the rest. 0 means all of it.
        limit: u8,
    },
    /// As many as the word at the beginning says, following it.
    Counted,
    /// It cannot be said.
    Unknown,
}

pub(super) const fn key_spec(index: u8, last: i8, step: u8, flags: &'static str) -> KeySpec {
    KeySpec {
        begin: KeysBegin::Index(index),
        extent: KeysExtent::Range {
            last,
            step,
            limit: 0,
        },
        flags,
    }
}

/// `numkeys key [key ...]`, the number at `index`.
pub(super) const fn counted_keys(index: u8, flags: &'static str) -> KeySpec {
    KeySpec {
        begin: KeysBegin::Index(index),
        extent: KeysExtent::Counted,
        flags,
    }
}

/// Keys behind a word. `last` and `limit` as in [`KeysExtent::Range`].
pub(super) const fn keys_behind(
    word: &'static str,
    start_from: i8,
    last: i8,
    limit: u8,
    flags: &'static str,
) -> KeySpec {
    KeySpec {
        begin: KeysBegin::Keyword { word, start_from },
        extent: KeysExtent::Range {
            last,
            step: 1,
            limit,
        },
        flags,
    }
}

/// Keys that only the command itself can find.
pub(super) const fn unknown_keys(flags: &'static str) -> KeySpec {
    KeySpec {
        begin: KeysBegin::Unknown,
        extent: KeysExtent::Unknown,
        flags,
    }
}

impl KeySpec {
    /// Whether what it finds are keys: channels of shards are found the same way.
    pub fn is_key(&self) -> bool {
        !self.has_flag("not_key")
    }

    /// Whether `flag` is one of [`KeySpec::flags`].
    pub fn has_flag(&self, flag: &str) -> bool {
        self.flags.split(' ').any(|word| word == flag)
    }

    /// The indices of the words it finds; `None` if the request cannot be right, or nothing can be said.
    fn positions(&self, args: Args<'_>) -> Option<Vec<usize>> {
        let words = args.len() as i64;
        let first = match self.begin {
            KeysBegin::Index(index) => i64::from(index),
            KeysBegin::Keyword { word, start_from } => match find_word(args, word, start_from) {
                Some(at) if at + 1 < args.len() => at as i64 + 1,
                _ => return Some(Vec::new()),
            },
            KeysBegin::Unknown => return None,
        };
        let (first, last, step) = match self.extent {
            KeysExtent::Range { last, step, limit } => {
                let last = match (i64::from(last), i64::from(limit)) {
                    (last @ 0.., _) => first + last,
                    (last, 0) => words + last,
                    (last, limit) => first + (words - first) / limit + last,
                };
                (first, last, usize::from(step.max(1)))
            }
            KeysExtent::Counted => {
                let count = parse_i64(args.get(usize::try_from(first).ok()?)?)?;
                let count = count.clamp(0, words + 1);
                (first + 1, first + count, 1)
            }
            KeysExtent::Unknown => return None,
        };
        let valid = first <= last && last < words;
        valid.then(|| {
            (first..=last)
                .step_by(step)
                .map(|index| index as usize)
                .collect()
        })
    }
}

fn find_word(args: Args<'_>, word: &str, start_from: i8) -> Option<usize> {
    let is_it = |at: &usize| args[*at].eq_ignore_ascii_case(word.as_bytes());
    match usize::try_from(start_from) {
        Ok(start) => (start..args.len()).find(is_it),
        Err(_) => {
            let back = usize::from(start_from.unsigned_abs());
            (1..=args.len().checked_sub(back)?).rev().find(is_it)
        }
    }
}

impl Command {
    /// Whether requests name keys.
    pub fn has_keys(&self) -> bool {
        self.key_specs.iter().any(KeySpec::is_key)
    }

    /// The indices of the keys in a request whose number of words is right, with what happens to each. `None` if the
    /// request cannot be right.
    pub fn keys_in(&self, args: Args<'_>) -> Option<Vec<(usize, &'static str)>> {
        match self.name {
            "sort" => return Some(sort_keys(args)),
            "sort_ro" => return Some(vec![(1, "RO access")]),
            "set" => return Some(vec![(1, set_flags(args))]),
            "bitfield" => return Some(vec![(1, bitfield_flags(args))]),
            _ => {}
        }
        let mut keys = Vec::new();
        for spec in self.key_specs.iter().filter(|spec| spec.is_key()) {
            let found = spec.positions(args)?;
            keys.extend(found.into_iter().map(|at| (at, spec.flags)));
        }
        Some(keys)
    }
}

/// The words behind STORE count; of several, the last.
fn sort_keys(args: Args<'_>) -> Vec<(usize, &'static str)> {
    let mut stored = None;
    let mut at = 2;
    while at < args.len() {
        let is = |name: &str| args[at].eq_ignore_ascii_case(name.as_bytes());
        if is("STORE") && at + 1 < args.len() {
            stored = Some((at + 1, "OW update"));
        }
        at += match () {
            () if is("LIMIT") => 3,
            () if is("GET") || is("BY") => 2,
            () => 1,
        };
    }
    std::iter::once((1, "RO access")).chain(stored).collect()
}

fn set_flags(args: Args<'_>) -> &'static str {
    let mut options = args.skip(3).iter();
    if options.any(|word| word.eq_ignore_ascii_case(b"GET")) {
        "RW access update"
    } else {
        "OW update"
    }
}

/// BITFIELD that only gets is a read.
fn bitfield_flags(args: Args<'_>) -> &'static str {
    let mut at = 2;
    while at < args.len() {
        let is = |name: &str| args[at].eq_ignore_ascii_case(name.as_bytes());
        let left = args.len() - at - 1;
        if is("GET") && left >= 2 {
            at += 3;
        } else if is("OVERFLOW") && left >= 1 {
            at += 2;
        } else {
            return "RW access update";
        }
    }
    "RO access"
}
