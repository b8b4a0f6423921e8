//! Measures the table: nanoseconds per operation and bytes per key.
//!
//! `cargo run --release -p lastsave-dict --example measure [keys]`. The figures mean something only next to
//! others of the same run on the same machine.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a measurement reads the clock"
)]

use std::hint::black_box;
use std::time::Instant;

use lastsave_dict::{Chunk, Dict, Object, Slice, Tag, Value};

/// No value of this measurement is an object.
enum Never {}

impl Object for Never {
    type Frozen = ();

    fn freeze(&self) {
        match *self {}
    }

    fn memory_bytes(&self) -> usize {
        match *self {}
    }
}

#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn key(number: u64) -> [u8; 19] {
    let mut key = *b"key:000000000000000";
    let mut rest = number;
    for digit in key[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    key
}

/// Visits every number below `len` once, in an order that no cache foresees.
fn shuffled(len: u64) -> impl Iterator<Item = u64> {
    (0..len).map(move |number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % len)
}

fn timed(what: &str, operations: u64, run: impl FnOnce()) {
    let start = Instant::now();
    run();
    println!(
        "{what:<28} {:8.1} ns",
        start.elapsed().as_nanos() as f64 / operations as f64
    );
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok())
        .unwrap_or(0)
        * 4096
}

fn main() {
    let keys = std::env::args()
        .nth(1)
        .and_then(|keys| keys.parse().ok())
        .unwrap_or(1_000_000_u64);
    for len in [8, 32, 100, 500] {
        let before = resident_bytes();
        let mut dict = Dict::<Never>::new(1);
        let value = vec![b'v'; len];
        for number in 0..keys {
            dict.insert(&key(number), Value::Bytes(&value), None, Tag(0));
        }
        let entry = (4 + 1 + if len < 128 { 1 } else { 2 } + 19 + len) as f64;
        println!(
            "value of {len:3} bytes: {:.1} bytes per key resident; requested {:.1}, of which the table {:.1}",
            (resident_bytes() - before) as f64 / keys as f64,
            dict.memory_bytes() as f64 / keys as f64,
            dict.memory_bytes() as f64 / keys as f64 - entry,
        );
        // Memory given back would be used for the next length and spoil its figure.
        std::mem::forget(dict);
    }
    for round in ["first, on memory never touched", "second"] {
        println!("{keys} keys of 19 bytes, values of 8 bytes, {round}");
        times(keys);
    }
}

fn times(keys: u64) {
    let mut dict = Dict::<Never>::new(1);
    timed("insert", keys, || {
        for number in shuffled(keys) {
            dict.insert(&key(number), Value::Bytes(b"8 bytes."), None, Tag(0));
        }
    });
    timed("overwrite", keys, || {
        for number in shuffled(keys) {
            dict.insert(&key(number), Value::Bytes(b"8 more.."), None, Tag(0));
        }
    });
    timed("get", keys, || {
        for number in shuffled(keys) {
            black_box(dict.get(&key(number)).map(|entry| entry.value()));
        }
    });
    timed("get, batches of 16", keys, || {
        let mut batch = Vec::with_capacity(16);
        for number in shuffled(keys) {
            let key = key(number);
            let hash = dict.hash(&key);
            dict.prefetch(hash);
            batch.push((hash, key));
            if batch.len() == 16 {
                batch
                    .iter()
                    .for_each(|(hash, _)| dict.prefetch_entry(*hash));
                for (hash, key) in batch.drain(..) {
                    black_box(dict.get_hashed(hash, &key).map(|entry| entry.value()));
                }
            }
        }
    });
    timed("get, absent", keys, || {
        for number in shuffled(keys) {
            black_box(dict.get(&key(number + keys)).is_some());
        }
    });
    timed("snapshot walk", keys, || {
        let mut chunk = Chunk::new();
        dict.snapshot_begin();
        let slice = Slice {
            max_entries: 1000,
            max_bytes: 1 << 20,
        };
        while !dict.snapshot_walk(slice, &mut chunk) {
            black_box(chunk.len());
            chunk.clear(usize::MAX);
        }
    });
    timed("remove", keys, || {
        for number in shuffled(keys) {
            dict.remove(&key(number));
        }
    });
    let mut dict = Dict::<Never>::new(1);
    timed("insert, reserved", keys, || {
        dict.reserve(keys as usize);
        for number in shuffled(keys) {
            dict.insert(&key(number), Value::Bytes(b"8 bytes."), None, Tag(0));
        }
    });
}
