//! The table against a model: a `BTreeMap` that goes through the same random history.
//!
//! A scan, a scan of expiring entries and a snapshot run alongside, one step now and then, and are begun anew
//! when they end. The random words come from a seed, so that the same cases run natively and under Miri.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::{Chunk, Cursor, Dict, EntryRef, Object, Slice, Tag, Value, ValueRef};

/// An object that can be counted: all share one `Arc`.
#[derive(Clone, Debug)]
struct Text {
    text: String,
    _alive: Arc<()>,
}

impl Object for Text {
    type Frozen = String;

    fn freeze(&self) -> String {
        self.text.clone()
    }

    fn memory_bytes(&self) -> usize {
        self.text.len()
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Plain {
    Integer(i64),
    Bytes(Vec<u8>),
    Text(String),
}

/// Value, expiry, tag.
type Row = (Plain, Option<u64>, u32);
type Model = BTreeMap<Vec<u8>, Row>;

fn plain<O>(value: ValueRef<'_, O>, text: impl Fn(&O) -> String) -> Plain {
    match value {
        ValueRef::Integer(integer) => Plain::Integer(integer),
        ValueRef::Bytes(bytes) => Plain::Bytes(bytes.to_vec()),
        ValueRef::Object(object) => Plain::Text(text(object)),
    }
}

fn row(entry: &EntryRef<'_, Text>) -> Row {
    (
        plain(entry.value(), |text| text.text.clone()),
        entry.expires_at_ms(),
        entry.tag().0,
    )
}

/// Xorshift64*.
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 11) % bound
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// A scan that is under way: what it owes, and what it has shown.
#[derive(Clone, Default)]
struct Scan {
    cursor: Cursor,
    owed: BTreeSet<Vec<u8>>,
}

#[derive(Clone)]
struct Case {
    random: Random,
    dict: Dict<Text>,
    model: Model,
    alive: Arc<()>,
    keys: u64,
    scan: Option<Scan>,
    expiring_scan: Option<Scan>,
    /// Where the expiry cycle goes on.
    due_cursor: Cursor,
    /// The model at the cut and the records since.
    snapshot: Option<(Model, Model)>,
    /// Whether room has been reserved, which is given back where entries come and go only.
    reserved: bool,
}

impl Case {
    fn new(seed: u64, hash_mask: u64, max_buckets: usize, keys: u64) -> Self {
        Self {
            random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            dict: Dict::for_test(seed, hash_mask, max_buckets),
            model: Model::new(),
            alive: Arc::new(()),
            keys,
            scan: None,
            expiring_scan: None,
            due_cursor: 0,
            snapshot: None,
            reserved: false,
        }
    }

    fn key(&mut self) -> Vec<u8> {
        let number = self.random.below(self.keys);
        let mut key = format!("k{number}").into_bytes();
        // Keys whose length takes a varint of two bytes.
        if number % 16 == 3 {
            key.resize(130, b'.');
        }
        key
    }

    fn value(&mut self) -> Plain {
        match self.random.below(4) {
            0 => Plain::Integer(self.random.next().cast_signed()),
            1 => Plain::Text(format!("text {}", self.random.below(1000))),
            _ => {
                let len = if self.random.one_in(8) {
                    300
                } else {
                    self.random.below(20)
                };
                Plain::Bytes(vec![self.random.next() as u8; len as usize])
            }
        }
    }

    fn expiry(&mut self) -> Option<u64> {
        self.random.one_in(4).then(|| self.random.next())
    }

    fn borrow<'a>(plain: &'a Plain, alive: &Arc<()>) -> Value<'a, Text> {
        match plain {
            Plain::Integer(integer) => Value::Integer(*integer),
            Plain::Bytes(bytes) => Value::Bytes(bytes),
            Plain::Text(text) => Value::Object(Text {
                text: text.clone(),
                _alive: Arc::clone(alive),
            }),
        }
    }

    /// `shrinking` shifts the balance from insertions to removals.
    fn step(&mut self, shrinking: bool) {
        match self.random.below(20) {
            0..=6 if !shrinking => self.insert(),
            0..=8 => self.remove(),
            9..=12 => self.change(),
            13 => self.look_up(),
            14 | 15 => self.step_scan(),
            16 if self.random.one_in(2) => self.step_due_scan(),
            16 => self.step_expiring_scan(),
            17 if self.random.one_in(400) => {
                self.dict.clear();
                assert!(self.snapshot.is_some() || self.dict.memory_bytes() == 0);
                self.model.clear();
                self.reserved = false;
                self.break_promises(None);
            }
            18 if self.random.one_in(200) => {
                let additional = self.random.below(self.keys) as usize;
                self.dict.reserve(additional);
                self.reserved = true;
            }
            _ => self.step_snapshot(),
        }
        assert_eq!(self.dict.len(), self.model.len());
    }

    /// A step of the expiry cycle, or a whole pass of it, at any time: what it visits, counts and then knows.
    fn step_due_scan(&mut self) {
        let now_ms = match self.random.below(4) {
            0 => u64::MAX,
            1 => self.dict.earliest_expiry_ms(),
            _ => self.random.next(),
        };
        let expiring = self.model.values().filter_map(|row| row.1);
        let earliest_ms = expiring.min().unwrap_or(u64::MAX);
        assert!(self.dict.earliest_expiry_ms() <= earliest_ms);
        if !self.random.one_in(8) {
            let mut due = |entry: EntryRef<'_, Text>| {
                assert!(entry.expires_at_ms().is_some_and(|at_ms| at_ms < now_ms));
            };
            (self.due_cursor, _) = self.dict.scan_due(self.due_cursor, now_ms, &mut due);
            return;
        }
        let (mut visited, mut counted) = (BTreeSet::new(), 0);
        self.due_cursor = 0;
        loop {
            let mut due = |entry: EntryRef<'_, Text>| {
                visited.insert(entry.key().to_vec());
            };
            let (next, seen) = self.dict.scan_due(self.due_cursor, now_ms, &mut due);
            counted += seen;
            self.due_cursor = next;
            if next == 0 {
                break;
            }
        }
        let expiring = self.model.iter();
        let expiring: Vec<_> = expiring
            .filter_map(|(key, row)| Some((key, row.1?)))
            .collect();
        let due = expiring.iter().filter(|(_, at_ms)| *at_ms < now_ms);
        let due: BTreeSet<Vec<u8>> = due.map(|(key, _)| (*key).clone()).collect();
        assert_eq!((visited, counted), (due, expiring.len()));
        if now_ms == u64::MAX {
            assert_eq!(self.dict.earliest_expiry_ms(), earliest_ms);
        }
    }

    /// A scan no longer owes what has been removed (`None`: everything).
    fn break_promises(&mut self, removed: Option<&[u8]>) {
        for scan in [&mut self.scan, &mut self.expiring_scan]
            .into_iter()
            .flatten()
        {
            match removed {
                Some(key) => drop(scan.owed.remove(key)),
                None => scan.owed.clear(),
            }
        }
    }

    fn insert(&mut self) {
        let (key, value, expiry) = (self.key(), self.value(), self.expiry());
        let tag = self.random.below(1 << 28) as u32;
        let inserted = self
            .dict
            .insert(&key, Self::borrow(&value, &self.alive), expiry, Tag(tag));
        if expiry.is_none()
            && let Some(scan) = &mut self.expiring_scan
        {
            scan.owed.remove(&key);
        }
        let before = self.model.insert(key, (value, expiry, tag));
        assert_eq!(inserted.new, before.is_none());
        Self::check_replaced(inserted.replaced, before.map(|row| row.0));
    }

    fn check_replaced(replaced: Option<Text>, expected: Option<Plain>) {
        let expected = expected.filter(|value| matches!(value, Plain::Text(_)));
        assert_eq!(replaced.map(|object| Plain::Text(object.text)), expected);
    }

    fn remove(&mut self) {
        let key = self.key();
        let removed = self.dict.remove(&key);
        let expected = self.model.remove(&key);
        self.break_promises(Some(&key));
        assert_eq!(removed.is_some(), expected.is_some());
        if let (Some(removed), Some((value, expiry, _))) = (removed, expected) {
            assert_eq!(removed.expires_at_ms, expiry);
            Self::check_replaced(removed.object, Some(value));
        }
    }

    fn change(&mut self) {
        let (key, value, expiry) = (self.key(), self.value(), self.expiry());
        let what = self.random.below(5);
        let Some(mut entry) = self.dict.get_mut(&key) else {
            assert!(!self.model.contains_key(&key));
            return;
        };
        let row = self
            .model
            .get_mut(&key)
            .expect("the table has only what the model has");
        assert_eq!(entry.key(), key);
        match what {
            0 => {
                Self::check_replaced(
                    entry.set_value(Self::borrow(&value, &self.alive)),
                    Some(std::mem::replace(&mut row.0, value)),
                );
            }
            1 => {
                entry.set_expires_at_ms(expiry);
                row.1 = expiry;
                if expiry.is_none()
                    && let Some(scan) = &mut self.expiring_scan
                {
                    scan.owed.remove(&key);
                }
            }
            2 => {
                entry.set_tag(Tag(77));
                row.2 = 77;
            }
            3 => match (entry.bytes_mut(), &mut row.0) {
                (Some(bytes), Plain::Bytes(expected)) => {
                    bytes.reverse();
                    bytes.fill(b'x');
                    expected.fill(b'x');
                }
                (bytes, _) => assert!(bytes.is_none()),
            },
            _ => match (entry.object_mut(), &mut row.0) {
                (Some(mut text), Plain::Text(expected)) => {
                    text.text.push('+');
                    expected.push('+');
                }
                (text, _) => assert!(text.is_none()),
            },
        }
        assert_eq!(plain(entry.value(), |text| text.text.clone()), row.0);
        assert_eq!(entry.expires_at_ms(), row.1);
        assert_eq!(entry.tag(), Tag(row.2));
    }

    fn look_up(&mut self) {
        let key = self.key();
        let hash = self.dict.hash(&key);
        self.dict.prefetch(hash);
        self.dict.prefetch_entry(hash);
        assert_eq!(
            self.dict.get_hashed(hash, &key).map(|entry| row(&entry)),
            self.model.get(&key).cloned()
        );
        let random = &mut self.random;
        match self.dict.random(&mut || random.next()) {
            Some(entry) => assert_eq!(Some(&row(&entry)), self.model.get(entry.key())),
            None => assert!(self.model.is_empty()),
        }
    }

    fn step_scan(&mut self) {
        let Some(scan) = &mut self.scan else {
            self.scan = Some(Scan {
                cursor: 0,
                owed: self.model.keys().cloned().collect(),
            });
            return;
        };
        let model = &self.model;
        scan.cursor = self.dict.scan(scan.cursor, &mut |entry| {
            assert_eq!(Some(&row(&entry)), model.get(entry.key()));
            scan.owed.remove(entry.key());
        });
        if scan.cursor == 0 {
            assert_eq!(
                scan.owed,
                BTreeSet::new(),
                "present throughout, not returned"
            );
            self.scan = None;
        }
    }

    fn step_expiring_scan(&mut self) {
        let Some(scan) = &mut self.expiring_scan else {
            let expiring = self.model.iter().filter(|(_, row)| row.1.is_some());
            self.expiring_scan = Some(Scan {
                cursor: 0,
                owed: expiring.map(|(key, _)| key.clone()).collect(),
            });
            return;
        };
        scan.cursor = self.dict.scan_expiring(scan.cursor, &mut |entry| {
            assert!(entry.expires_at_ms().is_some());
            scan.owed.remove(entry.key());
        });
        if scan.cursor == 0 {
            assert_eq!(
                scan.owed,
                BTreeSet::new(),
                "expiring throughout, not returned"
            );
            self.expiring_scan = None;
        }
    }

    fn step_snapshot(&mut self) {
        let Some((cut, records)) = &mut self.snapshot else {
            assert!(!self.dict.snapshot_running());
            self.dict.snapshot_begin();
            self.snapshot = Some((self.model.clone(), Model::new()));
            return;
        };
        if self.random.one_in(100) {
            self.dict.snapshot_abandon();
            self.snapshot = None;
            return;
        }
        let mut chunk = Chunk::new();
        let slice = Slice {
            max_entries: 1 + self.random.below(4) as usize,
            max_bytes: 1 + self.random.below(1000) as usize,
        };
        let complete = self.dict.snapshot_walk(slice, &mut chunk);
        assert_eq!(chunk.records().count(), chunk.len());
        for record in chunk.records() {
            let value = plain(record.value, String::clone);
            let before = records.insert(
                record.key.to_vec(),
                (value, record.expires_at_ms, record.tag.0),
            );
            assert!(before.is_none(), "a record comes once");
        }
        assert_eq!(complete, !self.dict.snapshot_running());
        if complete {
            assert_eq!(records, cut, "the snapshot is the table at its cut");
            self.snapshot = None;
        }
    }

    fn check_all(&self) {
        let all: Vec<_> = self
            .dict
            .iter()
            .map(|entry| (entry.key().to_vec(), row(&entry)))
            .collect();
        assert_eq!(all.len(), self.model.len());
        assert_eq!(all.into_iter().collect::<Model>(), self.model);
        let expiries = || self.model.values().filter_map(|row| row.1);
        assert_eq!(self.dict.expiring_len(), expiries().count());
        assert_eq!(self.dict.expiry_sum_ms(), expiries().map(u128::from).sum());
    }

    /// Grows and shrinks the table for a while, then checks that nothing is left behind.
    fn run(mut self, steps: u64) {
        for step in 0..steps {
            self.step(step % (steps / 4) >= steps / 6);
            if step % 200 == 0 {
                self.check_all();
            }
        }
        self.check_all();
        for key in std::mem::take(&mut self.model).into_keys() {
            assert!(self.dict.remove(&key).is_some());
        }
        let floor = 64 * 2 + 8 * 32;
        let left = self.dict.memory_bytes();
        assert!(self.reserved || left <= floor, "{left} bytes for nothing");
        let alive = self.alive;
        drop(self.dict);
        assert_eq!(Arc::strong_count(&alive), 1, "objects outlive their table");
    }
}

/// Hashes whose bits are all there, only the top ones (long chains in every segment), only some at the top and
/// bottom, none of the top (one segment takes all), and none at all.
const MASKS: [u64; 5] = [
    u64::MAX,
    0xff << 56,
    0xf000_0000_0000_000f,
    u64::MAX >> 12,
    0,
];

#[test]
fn the_table_is_its_model() {
    let (seeds, steps, keys) = if cfg!(miri) {
        (1, 200, 40)
    } else {
        (30, 4000, 200)
    };
    for seed in 0..seeds {
        for (number, mask) in MASKS.into_iter().enumerate() {
            let keys = if mask == 0 { 40 } else { keys };
            let max_buckets = [1, 3][number % 2];
            Case::new(seed * 10 + number as u64, mask, max_buckets, keys).run(steps);
            if !cfg!(miri) {
                Case::new(seed * 10 + number as u64, mask, 4 - max_buckets, keys).run(steps);
            }
        }
    }
}

#[test]
#[cfg_attr(
    miri,
    ignore = "the small segments of the other test are enough for Miri"
)]
fn the_table_is_its_model_at_full_size() {
    for seed in 0..3 {
        Case::new(seed, u64::MAX, crate::segment::MAX_BUCKETS, 6000).run(40_000);
    }
}

/// Everything that can be seen of a table, in its order: rows, cursors, sizes, and how far the case's randomness is.
type Seen = (Vec<(Vec<u8>, Row)>, Vec<Cursor>, [usize; 3], u64);

fn seen(case: &Case) -> Seen {
    let dict = &case.dict;
    let rows = dict.iter().map(|entry| (entry.key().to_vec(), row(&entry)));
    let mut cursors = vec![dict.scan(0, &mut |_| {})];
    while let Some(&cursor) = cursors.last().filter(|cursor| **cursor != 0) {
        cursors.push(dict.scan(cursor, &mut |_| {}));
    }
    let sizes = [
        dict.memory_bytes(),
        dict.expiring_len(),
        dict.snapshot_pending_bytes(),
    ];
    (rows.collect(), cursors, sizes, case.random.0)
}

/// A clone made at any moment goes through the same history as its original, and either may go first.
#[test]
fn a_clone_goes_on_as_its_original_does() {
    let (seeds, steps, keys) = if cfg!(miri) {
        (1, 60, 30)
    } else {
        (40, 1500, 200)
    };
    for seed in 0..seeds {
        for (number, mask) in MASKS.into_iter().enumerate() {
            let keys = if mask == 0 { 30 } else { keys };
            let mut case = Case::new(seed * 10 + number as u64, mask, [1, 3][number % 2], keys);
            let fork_at = case.random.below(steps);
            (0..fork_at).for_each(|step| case.step(step % 300 > 200));
            let alive = Arc::clone(&case.alive);
            let mut fork = case.clone();
            assert_eq!(seen(&case), seen(&fork));
            let go_on =
                |case: &mut Case| (fork_at..steps).for_each(|step| case.step(step % 300 > 200));
            go_on(&mut fork);
            go_on(&mut case);
            assert_eq!(seen(&case), seen(&fork));
            case.check_all();
            drop(case);
            fork.check_all();
            drop(fork);
            assert_eq!(Arc::strong_count(&alive), 1, "objects outlive their table");
        }
    }
}

fn numbered(len: u64) -> Dict<Text> {
    let mut dict = Dict::new(42);
    for number in 0..len {
        dict.insert(
            format!("key:{number}").as_bytes(),
            Value::Integer(number.cast_signed()),
            None,
            Tag(0),
        );
    }
    dict
}

/// One seed, one order: natively, in wasm, and in every version that does not say otherwise.
#[test]
#[cfg_attr(miri, ignore = "too many entries")]
fn the_order_is_golden() {
    let dict = numbered(2000);
    let order: Vec<_> = dict
        .iter()
        .map(|entry| String::from_utf8_lossy(entry.key()).into_owned())
        .collect();
    assert_eq!(
        order[..6],
        [
            "key:827", "key:1252", "key:1344", "key:1455", "key:1840", "key:1920"
        ]
    );
    let digest = order
        .iter()
        .flat_map(|key| key.bytes())
        .fold(0_u64, |digest, byte| {
            (digest ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
    let first = dict.scan(0, &mut |_| {});
    let golden = (
        dict.hash(b"key:0"),
        digest,
        first,
        dict.scan(first, &mut |_| {}),
    );
    assert_eq!(
        golden,
        (
            4_273_371_347_649_911_110,
            12_154_809_287_449_886_422,
            51_968,
            42_368
        )
    );
}

#[test]
fn any_word_is_a_cursor() {
    let empty = Dict::<Text>::new(0);
    let dict = numbered(if cfg!(miri) { 50 } else { 2000 });
    let mut random = Random(7);
    for cursor in [0, 1, u64::MAX, 1 << 63, u64::MAX - 1]
        .into_iter()
        .chain((0..100).map(|_| random.next()))
    {
        assert_eq!(empty.scan(cursor, &mut |_| panic!("there is nothing")), 0);
        let mut cursor = cursor;
        loop {
            let next = dict.scan(cursor, &mut |_| {});
            assert!(
                next == 0 || next.reverse_bits() > cursor.reverse_bits(),
                "a scan comes to an end"
            );
            cursor = next;
            if cursor == 0 || cfg!(miri) {
                break;
            }
        }
    }
}

#[test]
fn an_empty_table_allocates_nothing() {
    let mut dict = Dict::<Text>::new(0);
    assert_eq!(dict.memory_bytes(), 0);
    dict.reserve(0);
    assert!(dict.get(b"").is_none() && dict.remove(b"").is_none() && dict.get_mut(b"").is_none());
    assert!(dict.random(&mut || 0).is_none());
    dict.snapshot_begin();
    let slice = Slice {
        max_entries: 1,
        max_bytes: 1,
    };
    assert!(dict.snapshot_walk(slice, &mut Chunk::new()));
    assert_eq!(dict.memory_bytes(), 0);
    dict.insert(b"", Value::Bytes(b""), None, Tag(u32::MAX));
    assert_eq!(
        dict.get(b"").map(|entry| entry.tag()),
        Some(Tag((1 << 28) - 1))
    );
    dict.clear();
    assert_eq!(dict.memory_bytes(), 0);
}

#[test]
#[cfg_attr(miri, ignore = "too many draws")]
fn random_entries_are_about_equally_likely() {
    let dict = numbered(1000);
    let mut random = Random(3);
    let mut drawn = vec![0_u32; 1000];
    for _ in 0..200_000 {
        match dict
            .random(&mut || random.next())
            .expect("the table is not empty")
            .value()
        {
            ValueRef::Integer(number) => drawn[number as usize] += 1,
            other => panic!("{other:?}"),
        }
    }
    // 200 each is expected, and 14 the standard deviation.
    assert!(
        drawn.iter().all(|&times| (120..280).contains(&times)),
        "{drawn:?}"
    );
}

#[test]
#[cfg_attr(miri, ignore = "too many entries")]
fn the_table_takes_little_beside_its_entries() {
    for len in [1_000, 10_000, 50_000] {
        let dict = numbered(len);
        let entries: usize = dict.iter().map(|entry| 4 + 1 + entry.key().len() + 8).sum();
        let per_key = (dict.memory_bytes() - entries) as f64 / len as f64;
        assert!(
            (9.0..15.5).contains(&per_key),
            "{per_key} bytes per key at {len} keys"
        );
    }
}

#[test]
fn room_reserved_is_used() {
    let mut dict = Dict::<Text>::new(1);
    let len = if cfg!(miri) { 100 } else { 20_000 };
    dict.reserve(len);
    let before = dict.memory_bytes();
    let mut entries = 0;
    for number in 0..len {
        let key = format!("key:{number}");
        entries += 4 + 1 + key.len() + 8;
        dict.insert(key.as_bytes(), Value::Integer(0), None, Tag(0));
    }
    let grown = dict.memory_bytes() - entries - before;
    assert!(
        grown <= before / 2,
        "{grown} bytes more than the {before} reserved"
    );
}

#[test]
fn a_dict_and_its_chunks_may_change_threads() {
    fn sendable<T: Send>() {}
    sendable::<Dict<Text>>();
    sendable::<Chunk<String>>();
}
