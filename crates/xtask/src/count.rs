//! Counts tests in what the test runners print.

use std::ops::AddAssign;

/// How many tests a run executed, by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// Sums the `test result:` lines of `cargo test`, which wasm-bindgen's runner prints too.
pub(crate) fn libtest(log: &str) -> Count {
    let mut sum = Count::default();
    for result in log
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("test result: "))
    {
        for clause in result.split(['.', ';']) {
            match number_and_word(clause) {
                Some((number, "passed")) => sum.passed += number,
                Some((number, "failed")) => sum.failed += number,
                Some((number, "ignored")) => sum.skipped += number,
                _ => {}
            }
        }
    }
    sum
}

/// Reads the summary at the end of Playwright's list report. What did not run counts as failed.
pub(crate) fn playwright(log: &str) -> Count {
    let mut sum = Count::default();
    for line in log.lines() {
        // The summary's lines are a number and a word or two, with the duration after the passed ones.
        let line = line.split(" (").next().unwrap_or_default();
        match number_and_word(line) {
            Some((number, "passed" | "flaky")) => sum.passed += number,
            Some((number, "failed" | "did not run" | "interrupted")) => sum.failed += number,
            Some((number, "skipped")) => sum.skipped += number,
            _ => {}
        }
    }
    sum
}

/// `12 passed` as a number and the rest.
fn number_and_word(clause: &str) -> Option<(u64, &str)> {
    let (number, word) = clause.trim().split_once(' ')?;
    Some((number.parse().ok()?, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_several_test_binaries_add_up() {
        let log = "running 4 tests\ntest a ... ok\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n\
            test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 5 filtered out; finished in 1.20s\n";
        assert_eq!(
            libtest(log),
            Count {
                passed: 13,
                failed: 2,
                skipped: 1
            }
        );
    }

    #[test]
    fn playwrights_summary_is_told_from_its_list() {
        let log = "Running 5 tests using 1 worker\n\n  ✓  1 smoke.spec.js:3:1 › 2 passed (14ms)\n\n  1 failed\n    \
            smoke.spec.js:9:1 › b ──\n  1 skipped\n  1 did not run\n  2 passed (1.3s)\n";
        assert_eq!(
            playwright(log),
            Count {
                passed: 2,
                failed: 2,
                skipped: 1
            }
        );
    }
}
