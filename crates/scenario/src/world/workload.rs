//! The workload: requests at a steady rate, every one decided by the seed.

use super::random::Random;

/// What the requests are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkloadKind {
    /// `SET session:<n> <token> EX 3600`: a web shop's logins.
    Sessions,
    /// `APPEND cart:<n> <sku>x<quantity>;`, and one time in sixteen the checkout, `DEL cart:<n>`.
    Carts,
    /// `INCR counter:<n>`: page views.
    Counters,
    /// Half reads (`GET session:<n>`), the rest sessions, carts and counters.
    Mixed,
}

impl WorkloadKind {
    /// Every kind with its word.
    pub const ALL: [(&'static str, Self); 4] = [
        ("sessions", Self::Sessions),
        ("carts", Self::Carts),
        ("counters", Self::Counters),
        ("mixed", Self::Mixed),
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        Self::ALL
            .into_iter()
            .find(|(_, kind)| *kind == self)
            .map_or("", |(word, _)| word)
    }
}

/// What `workload …` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkloadSpec {
    /// What the requests are about.
    pub kind: WorkloadKind,
    /// Requests a second, 1 to 1,000,000.
    pub rate: u64,
    /// How many different keys of each sort.
    pub keys: u64,
    /// The length of a value, in bytes.
    pub value_len: usize,
}

/// A steady stream of requests from one client.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    spec: WorkloadSpec,
    started_at_us: u64,
    /// Requests that have come so far.
    arrived: u64,
    random: Random,
    /// The request being sent; its memory is used again for the next.
    request: Vec<u8>,
    /// Draws the numbers of the keys, apart from `random`, so that they are known ahead.
    numbers: Random,
    /// The numbers of the next two requests' keys.
    upcoming: [u64; 2],
    /// The text of an upcoming key.
    key: Vec<u8>,
}

impl Workload {
    pub(crate) fn new(spec: WorkloadSpec, now_us: u64, seed: u64) -> Self {
        let mut numbers = Random::new(seed ^ 0x6e75_6d62_6572_7300);
        let upcoming = [numbers.below(spec.keys), numbers.below(spec.keys)];
        Self {
            numbers,
            upcoming,
            key: Vec::with_capacity(32),
            spec,
            started_at_us: now_us,
            arrived: 0,
            random: Random::new(seed ^ 0x776f_726b_6c6f_6164),
            request: Vec::with_capacity(256),
        }
    }

    pub(crate) fn spec(&self) -> &WorkloadSpec {
        &self.spec
    }

    /// Whether it is time to see how much memory the data take.
    pub(crate) fn wants_watching(&self) -> bool {
        self.arrived.is_multiple_of(64)
    }

    /// When the next request comes, microseconds since the epoch.
    pub(crate) fn next_at_us(&self) -> u64 {
        self.started_at_us + (self.arrived + 1) * 1_000_000 / self.spec.rate
    }

    /// Lets the requests up to `until_us` come and go unheard. Returns how many there were.
    pub(crate) fn skip_until(&mut self, until_us: u64) -> u64 {
        let elapsed_us = until_us.saturating_sub(self.started_at_us);
        // The request number n comes at floor(n * 1e6 / rate), so those up to t number ceil((t + 1) * rate / 1e6) - 1.
        let due = (u128::from(elapsed_us + 1) * u128::from(self.spec.rate)).div_ceil(1_000_000) - 1;
        let due = due as u64;
        let skipped = due.saturating_sub(self.arrived);
        self.arrived += skipped;
        skipped
    }

    /// The next request's bytes.
    pub(crate) fn next_request(&mut self) -> &[u8] {
        self.arrived += 1;
        let number = self.upcoming[0];
        self.upcoming = [self.upcoming[1], self.numbers.below(self.spec.keys)];
        self.request.clear();
        match self.spec.kind {
            WorkloadKind::Sessions => self.session(number),
            WorkloadKind::Carts => self.cart(number),
            WorkloadKind::Counters => self.counter(number),
            WorkloadKind::Mixed => match self.random.below(8) {
                0..4 => {
                    self.header(2);
                    self.word(b"GET");
                    self.key(b"session:", number);
                }
                4 | 5 => self.session(number),
                6 => self.cart(number),
                _ => self.counter(number),
            },
        }
        &self.request
    }

    /// The key of the next request (0) or the one after it (1), where the kind of workload alone says what it is.
    pub(crate) fn upcoming_key(&mut self, index: usize) -> Option<&[u8]> {
        let prefix: &[u8] = match self.spec.kind {
            WorkloadKind::Sessions => b"session:",
            WorkloadKind::Carts => b"cart:",
            WorkloadKind::Counters => b"counter:",
            WorkloadKind::Mixed => return None,
        };
        self.key.clear();
        self.key.extend_from_slice(prefix);
        let mut digits = itoa::Buffer::new();
        self.key
            .extend_from_slice(digits.format(self.upcoming[index]).as_bytes());
        Some(&self.key)
    }

    fn session(&mut self, number: u64) {
        self.header(5);
        self.word(b"SET");
        self.key(b"session:", number);
        self.token();
        self.word(b"EX");
        self.word(b"3600");
    }

    fn cart(&mut self, number: u64) {
        if self.random.below(16) == 0 {
            self.header(2);
            self.word(b"DEL");
            return self.key(b"cart:", number);
        }
        self.header(3);
        self.word(b"APPEND");
        self.key(b"cart:", number);
        let (sku, quantity) = (1000 + self.random.below(9000), 1 + self.random.below(9));
        self.request.extend_from_slice(b"$7\r\n");
        self.push_number(sku);
        self.request.push(b'x');
        self.push_number(quantity);
        self.request.extend_from_slice(b";\r\n");
    }

    fn counter(&mut self, number: u64) {
        self.header(2);
        self.word(b"INCR");
        self.key(b"counter:", number);
    }

    fn header(&mut self, words: u8) {
        self.request
            .extend_from_slice(&[b'*', b'0' + words, b'\r', b'\n']);
    }

    fn word(&mut self, word: &[u8]) {
        self.request.push(b'$');
        self.push_number(word.len() as u64);
        self.request.extend_from_slice(b"\r\n");
        self.request.extend_from_slice(word);
        self.request.extend_from_slice(b"\r\n");
    }

    fn key(&mut self, prefix: &[u8], number: u64) {
        let digits = number.checked_ilog10().unwrap_or(0) as usize + 1;
        self.request.push(b'$');
        self.push_number((prefix.len() + digits) as u64);
        self.request.extend_from_slice(b"\r\n");
        self.request.extend_from_slice(prefix);
        self.push_number(number);
        self.request.extend_from_slice(b"\r\n");
    }

    /// A value that looks like a session's token: letters and digits, nothing to compress.
    fn token(&mut self) {
        const LETTERS: &[u8; 64] =
            b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
        self.request.push(b'$');
        self.push_number(self.spec.value_len as u64);
        self.request.extend_from_slice(b"\r\n");
        let mut left = self.spec.value_len;
        while left > 0 {
            let mut bits = self.random.next();
            for _ in 0..left.min(10) {
                self.request.push(LETTERS[(bits & 63) as usize]);
                bits >>= 6;
            }
            left -= left.min(10);
        }
        self.request.extend_from_slice(b"\r\n");
    }

    fn push_number(&mut self, number: u64) {
        self.request
            .extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(kind: WorkloadKind, rate: u64) -> Workload {
        let spec = WorkloadSpec {
            kind,
            rate,
            keys: 1000,
            value_len: 20,
        };
        Workload::new(spec, 5_000_000, 7)
    }

    #[test]
    fn every_request_is_one_whole_request() {
        for (_, kind) in WorkloadKind::ALL {
            let mut workload = workload(kind, 200);
            for _ in 0..200 {
                let bytes = workload.next_request().to_vec();
                let mut parser = lastsave_resp::RequestParser::default();
                let (args, taken) = parser.parse(&bytes).unwrap().unwrap();
                assert_eq!(taken, bytes.len(), "{args:?}");
            }
        }
    }

    #[test]
    fn the_rate_is_kept_exactly_and_skipping_counts_the_same() {
        for rate in [1, 3, 7, 200, 999, 1_000_000] {
            let mut stepped = workload(WorkloadKind::Counters, rate);
            let mut skipped = stepped.clone();
            for until in [5_000_000, 5_000_001, 5_333_333, 5_999_999, 6_000_000] {
                let mut steps = 0;
                while stepped.next_at_us() <= until {
                    stepped.next_request();
                    steps += 1;
                }
                assert_eq!(
                    skipped.skip_until(until),
                    steps,
                    "rate {rate}, until {until}"
                );
            }
            assert_eq!(stepped.arrived, rate, "requests in a second");
        }
    }
}
