//! Against the real server's bytes.

use lastsave_dict::{Record, Tag, ValueRef};

use super::value::PART_LEN;
use super::*;
use crate::samples::{Dump, STRINGS_RDB, dumps};
use crate::{Decoder, Item, VERSION, crc64};
use lastsave_keyspace::values::listpack::Item as ListItem;
use lastsave_keyspace::values::{
    End, Hash, HashLimits, List, ListOptions, Set, SortedSet, SortedSetLimits,
};
use lastsave_keyspace::{EvictionPolicy, OwnedValue, Settings};
use std::sync::Arc;

const OPTIONS: EncoderOptions = EncoderOptions {
    compression: true,
    checksum: true,
    usage: None,
};

fn aux() -> Aux {
    Aux {
        version: "7.0.15",
        created_at_s: 1_795_351_423,
        used_memory: 1_038_456,
        aof_base: false,
    }
}

fn text(key: &'static [u8], value: &'static [u8]) -> Record<'static, Object> {
    Record {
        key,
        value: ValueRef::Bytes(value),
        expires_at_ms: None,
        tag: Tag(0),
    }
}

#[test]
fn dump_payloads_are_the_servers() {
    for (string, dump) in dumps() {
        let mut payload = Vec::new();
        encode_value(&mut payload, ValueRef::Bytes(&string), OPTIONS);
        payload.extend_from_slice(&(VERSION as u16).to_le_bytes());
        payload.extend_from_slice(&crc64(&payload).to_le_bytes());
        let shown = String::from_utf8_lossy(&string[..string.len().min(40)]);
        match dump {
            Dump::Whole(expected) => assert_eq!(payload, expected, "{shown}"),
            Dump::LengthAndChecksum(length, checksum) => {
                assert_eq!(payload.len(), length, "{shown}… of {}", string.len());
                assert_eq!(
                    &payload[length - 8..],
                    checksum,
                    "{shown}… of {}",
                    string.len()
                );
            }
        }
    }
}

#[test]
fn the_servers_file_written_again_is_the_same_file() {
    let mut decoder = Decoder::new(STRINGS_RDB, true).expect("a sound header");
    let mut encoder = Encoder::new(OPTIONS, &aux());
    let mut db = 0;
    loop {
        match decoder.next_item().expect("a sound file") {
            Item::Aux(..) => {}
            Item::SelectDb(number) => db = number as usize,
            Item::ResizeDb(keys, expiring) => encoder.database(db, keys, expiring),
            Item::Key {
                key,
                value,
                expires_at_ms,
                ..
            } => {
                let value = match &value {
                    OwnedValue::Text(text) => ValueRef::Bytes(text),
                    OwnedValue::Object(object) => ValueRef::Object(object),
                };
                encoder.record(
                    db,
                    &Record {
                        key: &key,
                        value,
                        expires_at_ms,
                        tag: Tag(0),
                    },
                );
            }
            Item::EmptyKey(_) => panic!("strings only"),
            Item::End => break,
        }
    }
    encoder.finish();
    assert_eq!(encoder.pending(), STRINGS_RDB);
}

#[test]
fn the_checksum_does_not_depend_on_when_the_buffer_is_taken() {
    let write = |take_every: usize| {
        let mut encoder = Encoder::new(OPTIONS, &aux());
        let mut file = Vec::new();
        for count in 1..=100 {
            encoder.record(0, &text(b"key", b"a value of some length, a value"));
            if count % take_every == 0 {
                file.extend(encoder.take(vec![1, 2, 3]));
            }
        }
        encoder.finish();
        file.extend(encoder.take(Vec::new()));
        assert!(encoder.pending().is_empty());
        file
    };
    let at_once = write(1_000);
    assert_eq!(write(1), at_once);
    assert_eq!(write(7), at_once);
}

#[test]
fn without_a_checksum_the_file_ends_in_zeros() {
    let mut encoder = Encoder::new(
        EncoderOptions {
            checksum: false,
            usage: None,
            compression: true,
        },
        &aux(),
    );
    encoder.record(0, &text(b"k", b"v"));
    encoder.finish();
    assert!(encoder.pending().ends_with(&[0xff, 0, 0, 0, 0, 0, 0, 0, 0]));
}

#[test]
fn a_database_is_selected_once_and_whenever_it_changes() {
    let mut encoder = Encoder::new(OPTIONS, &aux());
    encoder.take(Vec::new());
    encoder.database(0, 2, 0);
    for db in [0, 0, 300, 0] {
        encoder.record(db, &text(b"k", b"v"));
    }
    let key = [0, 1, b'k', 1, b'v'];
    let expected = [
        &[0xfe, 0, 0xfb, 2, 0][..],
        &key,
        &key,
        &[0xfe, 0x41, 0x2c],
        &key,
        &[0xfe, 0],
        &key,
    ];
    assert_eq!(encoder.pending(), expected.concat());
}

#[test]
fn an_integer_is_written_as_its_text_would_be() {
    let numbers = [
        0,
        1,
        -1,
        127,
        128,
        -128,
        -129,
        32_767,
        -32_769,
        2_147_483_647,
        -2_147_483_648,
    ];
    let large = [2_147_483_648, -2_147_483_649, i64::MAX, i64::MIN];
    for number in numbers.into_iter().chain(large) {
        let (mut from_number, mut from_text) = (Vec::new(), Vec::new());
        encode_value(&mut from_number, ValueRef::Integer(number), OPTIONS);
        encode_value(
            &mut from_text,
            ValueRef::Bytes(number.to_string().as_bytes()),
            OPTIONS,
        );
        assert_eq!(from_number, from_text, "{number}");
    }
}

#[test]
fn lengths_take_their_shortest_form() {
    let cases: [(u64, &[u8]); 8] = [
        (0, &[0]),
        (63, &[0x3f]),
        (64, &[0x40, 0x40]),
        (16_383, &[0x7f, 0xff]),
        (16_384, &[0x80, 0, 0, 0x40, 0]),
        (0xffff_ffff, &[0x80, 0xff, 0xff, 0xff, 0xff]),
        (0x1_0000_0000, &[0x81, 0, 0, 0, 1, 0, 0, 0, 0]),
        (
            u64::MAX,
            &[0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ),
    ];
    for (length, bytes) in cases {
        let mut out = Vec::new();
        put_length(&mut out, length);
        assert_eq!(out, bytes, "{length}");
    }
}

#[test]
fn the_use_of_keys_is_told_if_the_policy_looks_at_it() {
    let encoded = |policy: &str, tag: u32| {
        let settings = Settings {
            eviction: EvictionPolicy::named(policy),
            ..Settings::default()
        };
        let options = EncoderOptions {
            usage: UsageClock::new(&settings, 1_000_000_000),
            ..OPTIONS
        };
        let mut encoder = Encoder::new(options, &aux());
        let before = encoder.pending().len();
        let mut record = text(b"k", b"v");
        record.tag = Tag(tag);
        encoder.record(0, &record);
        encoder.pending()[before..].to_vec()
    };
    assert_eq!(encoded("noeviction", 400), b"\xfe\0\0\x01k\x01v");
    assert_eq!(encoded("volatile-ttl", 400), b"\xfe\0\0\x01k\x01v");
    // 1000 seconds of the clock, less 400.
    assert_eq!(
        encoded("allkeys-lru", 400),
        b"\xfe\0\xf8\x42\x58\0\x01k\x01v"
    );
    // The counter in the low byte, a minute old in the other two: 1000 seconds are 16 minutes.
    assert_eq!(
        encoded("volatile-lfu", 16 << 8 | 9),
        b"\xfe\0\xf9\x09\0\x01k\x01v"
    );
}

/// Values of every type that are large enough to be written in pieces.
fn large_values() -> Vec<Object> {
    let settings = Settings::default();
    let mut list = List::new(ListOptions::default());
    let (mut set, mut hash, mut sorted_set) = (Set::default(), Hash::default(), SortedSet::large());
    for number in 0..6_000_u32 {
        let text = format!("element {} of many", number.wrapping_mul(0x9e37_79b9));
        let text = text.as_bytes();
        list.push(End::Right, text, 1 << 30);
        set.insert(text, 0);
        hash.insert(text, &number.to_le_bytes(), HashLimits::from(&settings));
        sorted_set.insert(
            text,
            f64::from(number % 100),
            SortedSetLimits::from(&settings),
        );
    }
    list.push(End::Left, &b"plain ".repeat(200_000), 1 << 20);
    let text = |byte: u8| Object::Text(Arc::new(vec![byte; 900_000]));
    let noise = (0..700_000_u32).map(|i| (i.wrapping_mul(0x9e37_79b9) >> 13) as u8);
    vec![
        Object::List(list),
        Object::Set(set),
        Object::Hash(hash),
        Object::SortedSet(sorted_set),
        text(b'x'),
        Object::Text(Arc::new(noise.collect())),
    ]
}

fn elements(object: &Object) -> Vec<Vec<u8>> {
    match object {
        Object::Text(text) => vec![text.to_vec()],
        Object::List(list) => list.iter().map(ListItem::to_vec).collect(),
        Object::Set(set) => set.iter().map(ListItem::to_vec).collect(),
        Object::Hash(hash) => hash
            .iter()
            .flat_map(|(field, value)| [field.to_vec(), value.to_vec()])
            .collect(),
        Object::SortedSet(set) => set
            .iter()
            .map(|(member, score)| [member.to_vec(), score.to_le_bytes().to_vec()].concat())
            .collect(),
        Object::Stream(_) => unreachable!("none is made here"),
    }
}

#[test]
fn large_values_are_written_in_pieces_and_read_back() {
    for compression in [true, false] {
        for object in large_values() {
            let options = EncoderOptions {
                compression,
                ..OPTIONS
            };
            let mut encoder = Encoder::new(options, &aux());
            let record = Record {
                key: b"key",
                value: ValueRef::Object(&object),
                expires_at_ms: None,
                tag: Tag(0),
            };
            let (mut file, mut pieces) = (Vec::new(), 0);
            encoder.begin(0, &record);
            while encoder.advance() {
                assert!(encoder.pending().len() < 2 * PART_LEN, "a piece is small");
                file.extend(encoder.take(Vec::new()));
                pieces += 1;
            }
            assert!(pieces > 0, "{:?} was left open", object.kind());
            encoder.finish();
            file.extend(encoder.take(Vec::new()));
            if !matches!(object, Object::Text(_) | Object::List(_)) {
                let mut whole = Vec::new();
                encode_value(&mut whole, record.value, options);
                assert!(
                    file.windows(whole.len() - 1)
                        .any(|part| part == &whole[1..]),
                    "as DUMP has it"
                );
            }
            let mut decoder = Decoder::new(&file[..], true).expect("a sound header");
            let value = loop {
                if let Item::Key { value, .. } = decoder.next_item().expect("a sound file") {
                    break value;
                }
            };
            let read = match value {
                OwnedValue::Text(text) => Object::Text(Arc::new(text)),
                OwnedValue::Object(object) => object,
            };
            let (mut read, mut written) = (elements(&read), elements(&object));
            if let Object::Set(_) | Object::Hash(_) = object {
                (read, written) = (sorted(read), sorted(written));
            }
            assert!(read == written, "{:?} as it was", object.kind());
            assert!(matches!(decoder.next_item(), Ok(Item::End)));
        }
    }
}

fn sorted(mut elements: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    elements.sort();
    elements
}

#[test]
fn the_buffer_stays_small_whatever_the_value() {
    // 200 MB in all: one of many elements, and one that is a single string.
    let value = vec![b'v'; 20_000];
    let mut hash = Hash::default();
    for number in 0..5_000_u32 {
        hash.insert(
            &number.to_le_bytes(),
            &value,
            HashLimits::from(&Settings::default()),
        );
    }
    let objects = [
        Object::Hash(hash),
        Object::Text(Arc::new(vec![b't'; 100_000_000])),
    ];
    let options = EncoderOptions {
        compression: false,
        ..OPTIONS
    };
    for object in objects {
        let mut encoder = Encoder::new(options, &aux());
        let (mut peak, mut buffer, mut len) = (0, Vec::new(), 0);
        encoder.begin(
            0,
            &Record {
                key: b"key",
                value: ValueRef::Object(&object),
                expires_at_ms: None,
                tag: Tag(0),
            },
        );
        while encoder.advance() {
            buffer = encoder.take(buffer);
            peak = peak.max(buffer.capacity());
            len += buffer.len();
        }
        assert!(len >= 100_000_000, "all of it was written: {len}");
        assert!(peak <= 3 << 20, "{peak} bytes were buffered");
    }
}
