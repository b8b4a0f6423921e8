//! Counts of fault cases: how many ran under which oracle, and that none was violated.
//!
//! Every test named `case_NN_…` proves something about the fault case NN of docs/reliability.md. It counts what it tries
//! in a [`Proof`]. `cargo xtask prove` runs these tests, collects their counts, and writes the table of that page.

use std::fmt::Write as _;
use std::path::PathBuf;

/// The environment variable that names the folder in which `cargo xtask prove` collects counts.
const FOLDER: &str = "LASTSAVE_PROOFS";

/// Violations that are kept word for word; more of them say little more.
const VIOLATIONS_KEPT: usize = 200;

/// Violations that a failing test shows.
const VIOLATIONS_SHOWN: usize = 20;

/// Whether tests are to try all that they can, for as long as it takes: `LASTSAVE_LONG=1`.
pub fn long() -> bool {
    std::env::var_os("LASTSAVE_LONG").is_some()
}

/// What came out of a number of trials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Trials.
    pub cases: u64,
    /// Of them, those that ended in a refusal which the oracle allows, with every file left as it was.
    pub refused: u64,
    /// Of them, those whose damage no reader of the file format can notice.
    pub unnoticed: u64,
}

/// The counts of one fault case under one oracle, while its trials run.
#[derive(Debug)]
pub struct Proof {
    number: u8,
    what: String,
    oracle: String,
    counts: Counts,
    violations: u64,
    kept: Vec<String>,
}

impl Proof {
    /// Begins to count trials of fault case `number`. `what` names them in the table, and must be unlike that of every
    /// other proof of this case; `oracle` says what would be a violation.
    pub fn of(number: u8, what: &str, oracle: &str) -> Self {
        Self {
            number,
            what: what.to_owned(),
            oracle: oracle.to_owned(),
            counts: Counts::default(),
            violations: 0,
            kept: Vec::new(),
        }
    }

    /// One more trial.
    pub fn case(&mut self) {
        self.counts.cases += 1;
    }

    /// The trial at hand ended in a refusal that the oracle allows.
    pub fn refused(&mut self) {
        self.counts.refused += 1;
    }

    /// The trial at hand had damage that the file format cannot tell.
    pub fn unnoticed(&mut self) {
        self.counts.unnoticed += 1;
    }

    /// Trials counted elsewhere.
    pub fn add(&mut self, counts: Counts) {
        self.counts.cases += counts.cases;
        self.counts.refused += counts.refused;
        self.counts.unnoticed += counts.unnoticed;
    }

    /// The oracle was violated: `text` says how, and how to see it again.
    pub fn violation(&mut self, text: impl Into<String>) {
        self.violations += 1;
        if self.kept.len() < VIOLATIONS_KEPT {
            self.kept.push(text.into());
        }
    }

    /// Ends a count that is part of another one: the violations that were kept.
    pub fn into_violations(self) -> Vec<String> {
        self.kept
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Ends the count and leaves it where `cargo xtask prove` finds it.
    ///
    /// # Panics
    /// If there was a violation, or nothing was tried.
    pub fn finish(self) {
        let Counts {
            cases,
            refused,
            unnoticed,
        } = self.counts;
        let (number, what) = (self.number, &self.what);
        println!(
            "case {number:02}, {what}: {cases} cases, {refused} refused, {unnoticed} unnoticed, {} violations",
            self.violations
        );
        if let Some(folder) = std::env::var_os(FOLDER) {
            let line = format!(
                "{number}\t{what}\t{}\t{cases}\t{refused}\t{unnoticed}\t{}\n",
                self.oracle, self.violations
            );
            let path = PathBuf::from(folder).join(format!("{number:02}-{}.tsv", slug(what)));
            std::fs::write(&path, line).expect("the folder for counts can be written to");
        }
        assert!(cases > 0, "case {number}, {what}: nothing was tried");
        if self.violations > 0 {
            let mut text = format!(
                "case {number}, {what} ({}): {} violations\n",
                self.oracle, self.violations
            );
            for violation in self.kept.iter().take(VIOLATIONS_SHOWN) {
                let _ = writeln!(text, "  {violation}");
            }
            panic!("{text}");
        }
    }
}

/// A title as part of a file's name.
fn slug(title: &str) -> String {
    title
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "1 violations")]
    fn a_violation_fails_its_test() {
        let mut proof = Proof::of(1, "trial", "P");
        proof.case();
        proof.violation("lost");
        proof.finish();
    }

    #[test]
    #[should_panic(expected = "nothing was tried")]
    fn a_proof_of_nothing_fails() {
        Proof::of(1, "trial", "P").finish();
    }
}
