//! The workload: requests at a rate, every one decided by the seed, or taken from a file.

use std::sync::Arc;

use super::arrivals::{Arrivals, Pace};
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
    /// What a dashboard counts, by the day: HINCRBY, ZINCRBY, PFADD, LPUSH with LTRIM, EXPIRE.
    Analytics,
    /// Half reads (`GET session:<n>`), the rest sessions, carts and counters.
    Mixed,
    /// The commands of an append-only file.
    File,
}

impl WorkloadKind {
    /// Every kind that is made up, with its word.
    pub const ALL: [(&'static str, Self); 5] = [
        ("sessions", Self::Sessions),
        ("carts", Self::Carts),
        ("counters", Self::Counters),
        ("analytics", Self::Analytics),
        ("mixed", Self::Mixed),
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        let mut all = Self::ALL.into_iter();
        all.find(|(_, kind)| *kind == self)
            .map_or("file", |(word, _)| word)
    }
}

/// What `workload …` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkloadSpec {
    /// What the requests are about.
    pub kind: WorkloadKind,
    /// Requests a second, 1 to 1,000,000.
    pub rate: u64,
    /// How many different keys of each sort; of a file, how many commands.
    pub keys: u64,
    /// The length of a value, in bytes.
    pub value_len: usize,
    /// How many of a hundred requests are reads; `None` leaves it to the kind.
    pub read_percent: Option<u64>,
    /// How the rate changes.
    pub pace: Pace,
}

/// A stream of requests from one client.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    spec: WorkloadSpec,
    arrivals: Arrivals,
    random: Random,
    /// The request being sent; its memory is used again for the next.
    request: Vec<u8>,
    /// Draws the numbers of the keys, apart from `random`, so that they are known ahead.
    numbers: Random,
    /// The numbers of the next two requests' keys.
    upcoming: [u64; 2],
    /// The text of an upcoming key.
    key: Vec<u8>,
    /// The day of the analytics' keys and its number.
    day: (u64, String),
    /// Whether a list has grown that the next request of analytics cuts.
    list_grew: bool,
    /// The requests of a file, and where the next one begins.
    file: (Arc<[u8]>, usize),
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
            arrivals: Arrivals::new(spec.rate, spec.pace, now_us),
            random: Random::new(seed ^ 0x776f_726b_6c6f_6164),
            request: Vec::with_capacity(256),
            day: (u64::MAX, String::new()),
            list_grew: false,
            file: (Arc::new([]), 0),
        }
    }

    /// The requests in `bytes`, whole ones only, one after the other; `spec.keys` is their number.
    pub(crate) fn of_file(spec: WorkloadSpec, bytes: Vec<u8>, now_us: u64) -> Self {
        Self {
            file: (bytes.into(), 0),
            ..Self::new(spec, now_us, 0)
        }
    }

    pub(crate) fn spec(&self) -> &WorkloadSpec {
        &self.spec
    }

    /// Whether a file's requests have all come.
    pub(crate) fn is_through(&self) -> bool {
        self.spec.kind == WorkloadKind::File && self.file.1 >= self.file.0.len()
    }

    /// Whether it is time to see how much memory the data take: a request from a file may take any.
    pub(crate) fn wants_watching(&self) -> bool {
        self.spec.kind == WorkloadKind::File || self.arrivals.arrived().is_multiple_of(64)
    }

    /// When the next request comes, microseconds since the epoch.
    #[inline]
    pub(crate) fn next_at_us(&self) -> u64 {
        self.arrivals.next_at_us()
    }

    /// Lets the requests up to `until_us` come and go unheard. Returns how many there were.
    pub(crate) fn skip_until(&mut self, until_us: u64) -> u64 {
        if self.spec.kind != WorkloadKind::File {
            return self.arrivals.skip_until(until_us);
        }
        let mut skipped = 0;
        while !self.is_through() && self.next_at_us() <= until_us {
            self.next_request();
            skipped += 1;
        }
        skipped
    }

    /// The next request's bytes.
    pub(crate) fn next_request(&mut self) -> &[u8] {
        let now_us = self.next_at_us();
        self.arrivals.arrive();
        if self.spec.kind == WorkloadKind::File {
            let start = self.file.1;
            self.file.1 += request_len(&self.file.0[start..]);
            return &self.file.0[start..self.file.1];
        }
        let number = self.upcoming[0];
        self.upcoming = [self.upcoming[1], self.numbers.below(self.spec.keys)];
        self.request.clear();
        if self.spec.kind == WorkloadKind::Analytics {
            self.enter_day(now_us / 86_400_000_000);
        }
        let (reads, kind) = (self.spec.read_percent, self.spec.kind);
        if reads.is_some_and(|percent| self.random.below(100) < percent) {
            self.read(number);
            return &self.request;
        }
        match (kind, reads) {
            (WorkloadKind::Sessions, _) => self.session(number),
            (WorkloadKind::Carts, _) => self.cart(number),
            (WorkloadKind::Counters, _) => self.counter(number),
            (WorkloadKind::Analytics, _) => self.analytics(number),
            (WorkloadKind::Mixed, None) => match self.random.below(8) {
                0..4 => self.get(b"session:", number),
                4 | 5 => self.session(number),
                6 => self.cart(number),
                _ => self.counter(number),
            },
            (WorkloadKind::Mixed, Some(_)) => match self.random.below(4) {
                0 | 1 => self.session(number),
                2 => self.cart(number),
                _ => self.counter(number),
            },
            (WorkloadKind::File, _) => {}
        }
        &self.request
    }

    /// The key of the next request (0) or the one after it (1), where the kind of workload alone says what it is.
    #[inline]
    pub(crate) fn upcoming_key(&mut self, index: usize) -> Option<&[u8]> {
        if !cfg!(target_arch = "x86_64") {
            // It is asked for to have memory fetched ahead, which cannot be ordered elsewhere.
            return None;
        }
        let prefix: &[u8] = match self.spec.kind {
            WorkloadKind::Sessions => b"session:",
            WorkloadKind::Carts => b"cart:",
            WorkloadKind::Counters => b"counter:",
            WorkloadKind::Analytics | WorkloadKind::Mixed | WorkloadKind::File => return None,
        };
        self.key.clear();
        self.key.extend_from_slice(prefix);
        let mut digits = itoa::Buffer::new();
        self.key
            .extend_from_slice(digits.format(self.upcoming[index]).as_bytes());
        Some(&self.key)
    }

    // Requests.

    fn read(&mut self, number: u64) {
        match self.spec.kind {
            WorkloadKind::Carts => self.get(b"cart:", number),
            WorkloadKind::Counters => self.get(b"counter:", number),
            WorkloadKind::Analytics => match number % 4 {
                0 => self.command(&[b"HGETALL", b"stats:"]),
                1 => self.command(&[b"ZREVRANGE", b"top:", b"0", b"9", b"WITHSCORES"]),
                2 => self.command(&[b"PFCOUNT", b"visitors:"]),
                _ => self.command(&[b"LRANGE", b"recent:", b"0", b"9"]),
            },
            _ => self.get(b"session:", number),
        }
    }

    fn get(&mut self, prefix: &[u8], number: u64) {
        self.request.extend_from_slice(b"*2\r\n$3\r\nGET\r\n");
        self.key(prefix, number);
    }

    /// One event of a dashboard: a page with this number was seen.
    fn analytics(&mut self, number: u64) {
        let mut digits = itoa::Buffer::new();
        // A few pages are seen by many.
        let page = format!("page:{}", self.random.below(number + 1));
        if std::mem::take(&mut self.list_grew) {
            return self.command(&[b"LTRIM", b"recent:", b"0", b"999"]);
        }
        match self.random.below(8) {
            0..3 => self.command(&[b"HINCRBY", b"stats:", page.as_bytes(), b"1"]),
            3 | 4 => self.command(&[b"ZINCRBY", b"top:", b"1", page.as_bytes()]),
            5 => {
                let visitor = digits.format(number);
                self.command(&[b"PFADD", b"visitors:", visitor.as_bytes()]);
            }
            6 => {
                self.list_grew = true;
                self.command(&[b"LPUSH", b"recent:", page.as_bytes()]);
            }
            _ => self.command(&[b"EXPIRE", b"stats:", b"604800"]),
        }
    }

    /// A request whose key, the second word, is followed by the day.
    fn command(&mut self, words: &[&[u8]]) {
        self.header(words.len() as u8);
        for (place, word) in words.iter().enumerate() {
            let day = if place == 1 { self.day.1.len() } else { 0 };
            self.len(word.len() + day);
            self.request.extend_from_slice(word);
            self.request
                .extend_from_slice(&self.day.1.as_bytes()[..day]);
            self.request.extend_from_slice(b"\r\n");
        }
    }

    fn enter_day(&mut self, day: u64) {
        if self.day.0 != day {
            self.day = (day, date(day));
        }
    }

    fn session(&mut self, number: u64) {
        self.request.extend_from_slice(b"*5\r\n$3\r\nSET\r\n");
        self.key(b"session:", number);
        self.token();
        self.request
            .extend_from_slice(b"$2\r\nEX\r\n$4\r\n3600\r\n");
    }

    fn cart(&mut self, number: u64) {
        if self.random.below(16) == 0 {
            self.request.extend_from_slice(b"*2\r\n$3\r\nDEL\r\n");
            return self.key(b"cart:", number);
        }
        self.request.extend_from_slice(b"*3\r\n$6\r\nAPPEND\r\n");
        self.key(b"cart:", number);
        let (sku, quantity) = (1000 + self.random.below(9000), 1 + self.random.below(9));
        self.request.extend_from_slice(b"$7\r\n");
        self.push_number(sku);
        self.request.push(b'x');
        self.push_number(quantity);
        self.request.extend_from_slice(b";\r\n");
    }

    fn counter(&mut self, number: u64) {
        self.request.extend_from_slice(b"*2\r\n$4\r\nINCR\r\n");
        self.key(b"counter:", number);
    }

    fn header(&mut self, words: u8) {
        self.request
            .extend_from_slice(&[b'*', b'0' + words, b'\r', b'\n']);
    }

    fn key(&mut self, prefix: &[u8], number: u64) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number).as_bytes();
        self.len(prefix.len() + digits.len());
        self.request.extend_from_slice(prefix);
        self.request.extend_from_slice(digits);
        self.request.extend_from_slice(b"\r\n");
    }

    /// A word's length, in its line.
    fn len(&mut self, len: usize) {
        match len {
            10..100 => {
                let (tens, ones) = (b'0' + (len / 10) as u8, b'0' + (len % 10) as u8);
                self.request
                    .extend_from_slice(&[b'$', tens, ones, b'\r', b'\n']);
            }
            _ => {
                self.request.push(b'$');
                self.push_number(len as u64);
                self.request.extend_from_slice(b"\r\n");
            }
        }
    }

    /// A value that looks like a session's token: letters and digits, nothing to compress.
    fn token(&mut self) {
        const LETTERS: &[u8; 64] =
            b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
        self.len(self.spec.value_len);
        let mut left = self.spec.value_len;
        while left > 0 {
            let bits = self.random.next();
            let letter = |place| LETTERS[(bits >> (6 * place) & 63) as usize];
            let letters: [u8; 10] = std::array::from_fn(letter);
            let taken = left.min(letters.len());
            self.request.extend_from_slice(&letters[..taken]);
            left -= taken;
        }
        self.request.extend_from_slice(b"\r\n");
    }

    fn push_number(&mut self, number: u64) {
        self.request
            .extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }
}

/// The length of the request at the front of bytes that are whole requests.
fn request_len(bytes: &[u8]) -> usize {
    let number = |from: usize| {
        let digits = bytes[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit());
        let digits = digits.fold((0, 0), |(number, len), digit| {
            (number * 10 + usize::from(digit - b'0'), len + 1)
        });
        (digits.0, from + digits.1 + 2)
    };
    let (words, mut end) = number(1);
    for _ in 0..words {
        let (len, start) = number(end + 1);
        end = start + len + 2;
    }
    end
}

/// `2026-11-22`, from the number of days since the epoch: Howard Hinnant's arithmetic, with years that begin in March.
fn date(day: u64) -> String {
    let shifted = day + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day_of_month:02}")
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
            read_percent: None,
            pace: Pace::Steady,
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
    fn a_day_has_its_date() {
        for (day, text) in [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (20_779, "2026-11-22"),
        ] {
            assert_eq!(date(day), text);
        }
        assert_eq!(date(11_016), "2000-02-29");
    }

    #[test]
    fn reads_are_as_many_as_asked_for() {
        for (_, kind) in WorkloadKind::ALL {
            let mut workload = workload(kind, 200);
            workload.spec.read_percent = Some(90);
            let reads = (0..10_000).filter(|_| {
                let request = workload.next_request();
                let mut parser = lastsave_resp::RequestParser::default();
                let (args, _) = parser.parse(request).unwrap().unwrap();
                let command = lastsave_keyspace::lookup(&args[0]).unwrap();
                command.flags.has(lastsave_keyspace::CommandFlags::READONLY)
            });
            let reads = reads.count();
            assert!((8_800..9_200).contains(&reads), "{kind:?}: {reads}");
        }
    }

    #[test]
    fn a_file_is_replayed_once() {
        let bytes = b"*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$3\r\na\r\n\r\n".to_vec();
        let spec = WorkloadSpec {
            kind: WorkloadKind::File,
            keys: 2,
            ..*workload(WorkloadKind::Mixed, 10).spec()
        };
        let mut workload = Workload::of_file(spec, bytes, 0);
        let mut skipped = workload.clone();
        assert_eq!(workload.next_request(), b"*1\r\n$4\r\nPING\r\n");
        assert!(!workload.is_through());
        assert!(workload.next_request().ends_with(b"a\r\n\r\n"));
        assert!(workload.is_through());
        assert_eq!(
            (skipped.skip_until(150_000), skipped.skip_until(u64::MAX)),
            (1, 1)
        );
    }
}
