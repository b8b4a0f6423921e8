//! Choosing what a power loss leaves behind.

/// Answers the questions that a power loss asks. Answer 0 keeps the least, the last answer keeps the most.
pub trait Choose {
    /// A number below `options`, which is at least 1.
    fn choose(&mut self, options: u64) -> u64;

    /// Whether a page that a failed sync gave up on reached the device all the same.
    fn dropped_page(&mut self) -> bool {
        self.choose(2) == 1
    }
}

/// Which of the bytes and names not yet durable a power loss leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survival {
    /// Nothing that was not synced.
    None,
    /// Everything that was written, as if the kernel had just got round to it; but not the pages that a failed
    /// sync has dropped.
    All,
    /// Each unsynced page, size and directory operation by a coin thrown with this seed.
    Seeded(u64),
}

pub(super) struct Least;

impl Choose for Least {
    fn choose(&mut self, _options: u64) -> u64 {
        0
    }
}

pub(super) struct Most;

impl Choose for Most {
    fn choose(&mut self, options: u64) -> u64 {
        options - 1
    }

    fn dropped_page(&mut self) -> bool {
        false
    }
}

/// A pseudo-random sequence (`SplitMix64`): the same for the same seed, everywhere.
pub(super) struct Coins(pub(super) u64);

impl Coins {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Choose for Coins {
    fn choose(&mut self, options: u64) -> u64 {
        if options > 2 {
            // A file's size has many values in between; the two ends are as interesting as all of them together.
            match self.next() % 3 {
                0 => return 0,
                1 => return options - 1,
                _ => {}
            }
        }
        self.next() % options
    }
}

/// Answers every sequence of questions in every way, one way per round: `while every.next_round() { … }`.
///
/// Meant for small cases: the number of rounds is the product of all options.
#[derive(Debug, Default)]
pub struct EveryChoice {
    /// The answers of this round so far, each with the number of options it had.
    answers: Vec<(u64, u64)>,
    asked: usize,
    started: bool,
}

impl EveryChoice {
    /// Before the first round.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on to the next way of answering; `false` when there is none left.
    pub fn next_round(&mut self) -> bool {
        self.asked = 0;
        if !self.started {
            self.started = true;
            return true;
        }
        while let Some((answer, options)) = self.answers.pop() {
            if answer + 1 < options {
                self.answers.push((answer + 1, options));
                return true;
            }
        }
        false
    }
}

impl Choose for EveryChoice {
    fn choose(&mut self, options: u64) -> u64 {
        if self.asked == self.answers.len() {
            self.answers.push((0, options));
        }
        let (answer, known) = self.answers[self.asked];
        assert_eq!(
            known, options,
            "the questions of a round depend on nothing but the answers before them"
        );
        self.asked += 1;
        answer
    }
}
