//! Payloads of the real server with a few bytes changed: RESTORE refuses them, or every command works on what they make.

use lastsave_dict::ValueRef;
use lastsave_keyspace::{OwnedValue, Settings};
use lastsave_tests::fuzzing;
use lastsave_tests::native::Random;

/// Bytes behind the value in a payload: version and checksum.
const FOOTER_LEN: usize = 10;

/// How many payloads are tried, unless `LASTSAVE_MUTATIONS` says another number.
const DEFAULT_COUNT: u64 = 600;

/// Values of every type and encoding, not compressed, so that changes reach the packed forms.
fn contents() -> Vec<Vec<u8>> {
    let golden = include_str!("../../crates/rdb/testdata/values.golden");
    golden
        .lines()
        .map(|line| {
            let (_, digits) = line.split_once(' ').expect("a name and a payload");
            let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("digits");
            let payload: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
            let value = lastsave_rdb::restore(&payload, &Settings::default());
            let value = value.expect("the real server made it");
            let value = match &value {
                OwnedValue::Text(text) => ValueRef::Bytes(text),
                OwnedValue::Object(object) => ValueRef::Object(object),
            };
            let mut content = lastsave_rdb::dump(value, false);
            content.truncate(content.len() - FOOTER_LEN);
            content
        })
        .collect()
}

fn change(content: &mut Vec<u8>, random: &mut Random) {
    // Where lengths and counts are, near the beginning, most depends on them.
    let len = content.len() as u64;
    let reach = if random.below(2) == 0 {
        len.min(60)
    } else {
        len
    };
    let at = random.below(reach) as usize;
    match random.below(6) {
        0 => content[at] ^= 1 << random.below(8),
        1 => content[at] = random.draw() as u8,
        2 => content[at] = content[at].wrapping_add(1),
        3 => content[at] = [0, 1, 0x7f, 0x80, 0xfe, 0xff][random.below(6) as usize],
        4 => content.insert(at, random.draw() as u8),
        _ => drop(content.remove(at)),
    }
}

#[test]
fn changed_payloads_break_nothing() {
    let count = std::env::var("LASTSAVE_MUTATIONS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(DEFAULT_COUNT);
    let contents = contents();
    for seed in 0..count {
        let mut random = Random(seed);
        let mut content = contents[random.below(contents.len() as u64) as usize].clone();
        for _ in 0..=random.below(3) {
            if !content.is_empty() {
                change(&mut content, &mut random);
            }
        }
        println!(
            "seed {seed}: {}",
            content[..content.len().min(200)].escape_ascii()
        );
        fuzzing::restore(&content);
    }
}
