//! Measures the table of large hashes and sets: bytes per element and nanoseconds per operation.
//!
//! `cargo run --release -p lastsave-keyspace --example measure_table [elements [value length]]`. The times mean something only next to
//! others of the same run on the same machine.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a measurement reads the clock and its process's memory"
)]

use std::hint::black_box;
use std::time::Instant;

use lastsave_keyspace::values::packed_table::PackedTable;

#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    let mut numbers = std::env::args().skip(1).map(|argument| argument.parse());
    let mut number = |default| numbers.next().unwrap_or(Ok(default)).expect("a number");
    let (count, value_len) = (number(1_000_000), number(0));
    measure(count, value_len as usize);
}

/// Members of twelve bytes, in an order that is not that of their numbers.
fn member(number: u64, count: u64) -> [u8; 12] {
    let mut member = *b"m00000000000";
    let mut rest = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % count * 0x1_0001 + number % 7;
    for digit in member[1..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    member
}

fn measure(count: u64, value_len: usize) {
    let before = resident_bytes();
    let value = vec![b'v'; value_len];
    let mut table = PackedTable::new();
    let insert_ns = ns_each(count, |number| {
        black_box(table.insert(&member(number, count), &value));
    });
    let bytes = (resident_bytes() - before) as f64;
    let (len, counted) = (table.len() as f64, table.memory_bytes() as f64);
    let get_ns = ns_each(count, |number| {
        black_box(table.get(&member(number ^ 1, count)));
    });
    let clone = table.clone();
    let change_ns = ns_each(count, |number| {
        black_box(table.insert(&member(number, count), b"changed!"));
    });
    drop(clone);
    let remove_ns = ns_each(count, |number| {
        black_box(table.remove(&member(number, count)));
    });
    println!(
        "{len} elements of 12 + {value_len} B: {:.1} B resident, {:.1} B counted, insert {insert_ns:.0} ns, get {get_ns:.0} ns, change while cloned {change_ns:.0} ns, remove {remove_ns:.0} ns",
        bytes / len,
        counted / len,
    );
}

fn ns_each(count: u64, mut work: impl FnMut(u64)) -> f64 {
    let start = Instant::now();
    (0..count).for_each(&mut work);
    start.elapsed().as_nanos() as f64 / count as f64
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kibibytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    kibibytes
        .and_then(|text| text.parse::<u64>().ok())
        .unwrap_or(0)
        * 1024
}
