//! What a first visit can do without, as a recorded fact.
//!
//! `cargo xtask profile` lets a browser make the tour of `tests/browser/tour.js` in a program that tells which of
//! its functions run, and writes `later.txt`: the hashes of the names of those that did not. A function that is new or has
//! another name since then is not in it, so it stays; and one that is in it although it is needed costs a load.

use std::collections::BTreeSet;

/// Eight digits for each function, in order.
const RECORDED: &str = include_str!("later.txt");

/// Which functions come later.
pub(super) struct Policy(BTreeSet<u32>);

impl Policy {
    /// As it was recorded last.
    pub(super) fn recorded() -> Self {
        let words = RECORDED.split_whitespace();
        Self(
            words
                .filter_map(|word| u32::from_str_radix(word, 16).ok())
                .collect(),
        )
    }

    /// From all functions of a program, each with whether it ran.
    pub(super) fn of<'a>(functions: impl Iterator<Item = (&'a str, bool)>) -> Self {
        let mut idle = BTreeSet::new();
        let mut ran = BTreeSet::new();
        for (name, did_run) in functions {
            let set = if did_run { &mut ran } else { &mut idle };
            set.insert(hash(&without_hashes(name)));
        }
        // Where names are alike, all of them stay.
        Self(idle.difference(&ran).copied().collect())
    }

    /// Whether a function comes later.
    pub(super) fn is_later(&self, name: &str) -> bool {
        self.0.contains(&hash(&without_hashes(name)))
    }

    /// The text to keep.
    pub(super) fn text(&self) -> String {
        let words: Vec<String> = self.0.iter().map(|hash| format!("{hash:08x}")).collect();
        let lines: Vec<String> = words.chunks(13).map(|line| line.join(" ")).collect();
        lines.join("\n") + "\n"
    }
}

/// FNV-1a: short, and the same everywhere.
fn hash(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// A name without the hash behind the name of each crate, which is of one compilation: `core[0c85a12de8222930]::num`.
fn without_hashes(name: &str) -> String {
    let mut short = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, behind)) = rest.split_once('[') {
        short.push_str(before);
        rest = match behind.split_once(']') {
            Some((hash, after)) if after.starts_with("::") && hash.len() > 8 => after,
            _ => {
                short.push('[');
                behind
            }
        };
    }
    short + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ran_stays_and_what_is_unknown_stays_too() {
        let policy = Policy::of(
            [
                ("core[0c85a12de8222930]::num", false),
                ("a::[u8]::b", false),
                ("a::c", true),
                ("d", false),
                ("d", true),
            ]
            .into_iter(),
        );
        assert!(policy.is_later("core[ffffa12de8222930]::num"));
        assert!(policy.is_later("a::[u8]::b"));
        for name in ["a::c", "d", "new"] {
            assert!(!policy.is_later(name), "{name}");
        }
        assert_eq!(policy.text().split_whitespace().count(), 2);
    }
}
