//! Round trips, the server's own file, and files that are damaged, forged or old.

use std::io::Read;

use lastsave_dict::{Record, Tag, ValueRef};
use lastsave_keyspace::Object;
use proptest::collection::vec;
use proptest::prelude::*;

use lastsave_keyspace::Usage;

use super::*;
use crate::samples::{STRINGS_RDB, sample};
use crate::{Aux, Encoder, EncoderOptions};

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

/// The items of a file, with the offsets at which each begins and ends.
fn read_all(file: impl Read, checksum: bool) -> Result<Vec<(u64, u64, Item)>, DecodeError> {
    let mut decoder = Decoder::new(file, checksum)?;
    let mut items = Vec::new();
    loop {
        let item = decoder.next_item()?;
        let ended = item == Item::End;
        items.push((decoder.item_start(), decoder.offset(), item));
        if ended {
            return Ok(items);
        }
    }
}

fn keys(file: &[u8]) -> Vec<Item> {
    let items = read_all(file, true).unwrap_or_else(|error| panic!("{error}"));
    items
        .into_iter()
        .map(|(_, _, item)| item)
        .filter(|item| matches!(item, Item::Key { .. }))
        .collect()
}

fn key(key: &[u8], value: &[u8], expires_at_ms: Option<u64>) -> Item {
    Item::Key {
        key: key.to_vec(),
        value: OwnedValue::Text(value.to_vec()),
        expires_at_ms,
        usage: Usage::Unknown,
    }
}

/// A file of `version` with these bytes between header and end, its checksum switched off.
fn file(version: u32, body: &[&[u8]]) -> Vec<u8> {
    let mut file = format!("REDIS{version:04}").into_bytes();
    file.extend(body.concat());
    file.push(0xff);
    if version >= 5 {
        file.extend([0; 8]);
    }
    file
}

/// Yields one byte per call.
struct Drip<'a>(&'a [u8]);

impl Read for Drip<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = into.len().min(1);
        self.0.read(&mut into[..count])
    }
}

#[test]
fn the_servers_file_is_read_whole() {
    let aux = |name: &[u8], value: &[u8]| Item::Aux(name.to_vec(), value.to_vec());
    let long = b"abcdefghij".repeat(7);
    let items = read_all(STRINGS_RDB, true).expect("a sound file");
    let found: Vec<_> = items.iter().map(|(_, _, item)| item.clone()).collect();
    let expected = [
        aux(b"redis-ver", b"7.0.15"),
        aux(b"redis-bits", b"64"),
        aux(b"ctime", b"1795351423"),
        aux(b"used-mem", b"1038456"),
        aux(b"aof-base", b"0"),
        Item::SelectDb(0),
        Item::ResizeDb(3, 1),
        key(b"123", b"hello", None),
        key(b"n", b"77777", None),
        key(b"long", &long, Some(1_795_451_423_844)),
        Item::SelectDb(2),
        Item::ResizeDb(1, 0),
        key(b"", b"", None),
        Item::SelectDb(3),
        Item::ResizeDb(1, 1),
        key(b"p", b"x", Some(1_700_000_000_000)),
        Item::End,
    ];
    assert_eq!(found, expected);

    let mut offset = 9;
    for (start, end, item) in items {
        assert_eq!(start, offset, "items leave no gap: {item:?}");
        offset = end;
    }
    assert_eq!(offset, STRINGS_RDB.len() as u64);
}

#[test]
fn a_reader_that_drips_makes_no_difference() {
    let whole = read_all(STRINGS_RDB, true).expect("a sound file");
    assert_eq!(
        read_all(Drip(STRINGS_RDB), true).expect("a sound file"),
        whole
    );
}

#[test]
fn every_truncation_ends_unexpectedly() {
    for end in 0..STRINGS_RDB.len() {
        let error = read_all(&STRINGS_RDB[..end], true).expect_err("the end is missing");
        assert!(
            matches!(error.kind, DecodeErrorKind::UnexpectedEof),
            "cut at {end}: {error}"
        );
        assert!(error.offset <= end as u64);
    }
}

#[test]
fn every_bit_flip_is_detected() {
    let sound = read_all(STRINGS_RDB, true).expect("a sound file");
    for bit in 0..STRINGS_RDB.len() * 8 {
        let mut damaged = STRINGS_RDB.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        // Without the checksum damage may go unnoticed, but must not do harm.
        let _ = read_all(&damaged[..], false);
        if let Ok(items) = read_all(&damaged[..], true) {
            // A last digit that is none any more makes `0010` version 1, which has no checksum.
            assert!(damaged.starts_with(b"REDIS001") && !damaged[8].is_ascii_digit());
            let end = sound.len() - 1;
            assert_eq!(items[..end], sound[..end]);
        }
    }
}

#[test]
fn lengths_without_bytes_behind_them_fail_early() {
    let lengths: [&[u8]; 4] = [
        &[0x80, 0xff, 0xff, 0xff, 0xff],
        &[0x81, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[
            0xc3, 0x80, 0xff, 0xff, 0xff, 0xff, 0x80, 0xff, 0xff, 0xff, 0xff,
        ],
        &[
            0xc3, 0x81, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
        ],
    ];
    for length in lengths {
        let error =
            read_all(&file(10, &[&[0], length, b"0123456789"])[..], true).expect_err("too long");
        assert!(
            matches!(error.kind, DecodeErrorKind::UnexpectedEof),
            "{error}"
        );
        assert_eq!(error.offset, 10);
    }
    let claim = [0xc3, 3, 0x80, 0xff, 0xff, 0xff, 0xff, 0, b'a', b'b'];
    let error = read_all(&file(10, &[&[0], &claim])[..], true).expect_err("an impossible ratio");
    assert!(
        matches!(error.kind, DecodeErrorKind::Malformed(_)),
        "{error}"
    );
}

#[test]
fn what_precedes_a_key_belongs_to_it_alone() {
    let frequency_and_idle = [0xf9, 200, 0xf8, 0x41, 0x00];
    let seconds = [0xfd, 1, 2, 0, 0];
    let before_1970 = [&[0xfc][..], &(-5_i64).to_le_bytes()].concat();
    let none = [&[0xfc][..], &(-1_i64).to_le_bytes()].concat();
    let body: [&[u8]; 8] = [
        &seconds,
        &frequency_and_idle,
        b"\x00\x01a\x01b",
        b"\x00\x01c\x01d",
        &before_1970,
        b"\x00\x01e\x01f",
        &none,
        b"\x00\x01g\x01h",
    ];
    let expected = [
        Item::Key {
            key: b"a".to_vec(),
            value: OwnedValue::Text(b"b".to_vec()),
            expires_at_ms: Some(513_000),
            usage: Usage::IdleSeconds(256),
        },
        key(b"c", b"d", None),
        key(b"e", b"f", Some(0)),
        key(b"g", b"h", None),
    ];
    assert_eq!(keys(&file(9, &body)), expected);
    let first = &read_all(&file(9, &body)[..], true).expect("a sound file")[0];
    assert_eq!((first.0, first.1), (9, 24));
}

#[test]
fn versions_one_to_twelve_are_read() {
    for version in 1..=12 {
        assert_eq!(
            keys(&file(version, &[b"\x00\x01a\x01b"])),
            [key(b"a", b"b", None)],
            "{version}"
        );
    }
    assert_eq!(
        keys(&file(12, &[b"\xf4\x01\x02\x03\x00\x01a\x01b"])),
        [key(b"a", b"b", None)]
    );
    for (version, words) in [(0, "0"), (13, "13"), (9_999, "9999")] {
        let error = read_all(&file(version, &[])[..], true).expect_err("an unknown version");
        assert_eq!(
            error.kind.to_string(),
            format!("Can't handle RDB format version {words}")
        );
    }
    let error = read_all(&b"REDIR0010\xff"[..], true).expect_err("another signature");
    assert_eq!(
        error.to_string(),
        "[offset 0] Wrong signature trying to load DB from file"
    );
}

#[test]
fn what_is_not_known_is_refused_where_it_stands() {
    let before = b"\x00\x01a\x01b";
    for (foreign, words) in [
        (
            6,
            "module data I can't load: no matching module type 'AAAAAAAAA'",
        ),
        (
            7,
            "module data I can't load: no matching module type 'AAAAAAAAA'",
        ),
        (245, "functions, which cannot be loaded here"),
        (246, "functions, which cannot be loaded here"),
        (
            247,
            "AUX module data I can't load: no matching module 'AAAAAAAAA'",
        ),
    ] {
        let error = read_all(&file(10, &[before, &[foreign, 1, b'x', 2, 0]])[..], true)
            .expect_err("nothing that can be kept");
        assert_eq!(
            error.to_string(),
            format!("[offset 14] The RDB file contains {words}")
        );
    }
    for unknown in [8, 22, 24, 200, 244] {
        let error =
            read_all(&file(10, &[before, &[unknown, 1, b'x']])[..], true).expect_err("unknown");
        assert!(
            matches!(error.kind, DecodeErrorKind::UnknownType(kind) if kind == unknown),
            "{error}"
        );
        assert_eq!(error.offset, 14);
    }
    for malformed in [
        &b"\xc4"[..],
        b"\xff",
        b"\x82",
        b"\xbf",
        b"\xc3\x02\x05\x20\x00",
        b"\xc3\x02\x05\x05a",
    ] {
        let error =
            read_all(&file(10, &[before, &[0], malformed])[..], true).expect_err("malformed");
        assert!(
            matches!(error.kind, DecodeErrorKind::Malformed(_)),
            "{malformed:?}: {error}"
        );
        assert_eq!(error.offset, 15);
    }
}

#[test]
fn a_wrong_checksum_is_told_apart_from_none() {
    let mut damaged = STRINGS_RDB.to_vec();
    let end = damaged.len() - 8;
    damaged[end..].fill(1);
    let error = read_all(&damaged[..], true).expect_err("a wrong checksum");
    assert!(
        error
            .kind
            .to_string()
            .starts_with("Wrong RDB checksum expected: ("),
        "the words of Redis: {error}"
    );
    assert!(read_all(&damaged[..], false).is_ok());
    damaged[end..].fill(0);
    assert!(read_all(&damaged[..], true).is_ok());
}

#[test]
fn the_tail_behind_the_end_is_given_back() {
    let tail = sample("words", 200_000);
    let file = [STRINGS_RDB, &tail].concat();
    let mut decoder = Decoder::new(&file[..], true).expect("a sound header");
    while decoder.next_item().expect("a sound file") != Item::End {}
    assert_eq!(decoder.offset(), STRINGS_RDB.len() as u64);
    let (mut rest, reader) = decoder.into_rest();
    rest.extend_from_slice(reader);
    assert!(rest == tail);
}

type Entry = (usize, Vec<u8>, Vec<u8>, Option<u64>);

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let string = || {
        prop_oneof![
            vec(any::<u8>(), 0..100),
            any::<i64>().prop_map(|number| number.to_string().into_bytes()),
            (-300..300_i64).prop_map(|number| number.to_string().into_bytes()),
            (1..50_000_usize).prop_map(|length| sample("words", length)),
            (1..150_000_usize).prop_map(|length| sample("bytes", length)),
        ]
    };
    let expiry = proptest::option::of(0..u64::MAX / 2);
    vec((0..3_usize, string(), string(), expiry), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(entries in entries(), compression: bool, checksum: bool) {
        let aux = Aux { version: "7.0.15", created_at_s: 1, used_memory: u64::MAX, aof_base: true };
        let mut encoder = Encoder::new(EncoderOptions { compression, checksum, usage: None }, &aux);
        for (db, key, value, expires_at_ms) in &entries {
            let value = ValueRef::<Object>::Bytes(value);
            encoder.record(*db, &Record { key, value, expires_at_ms: *expires_at_ms, tag: Tag(0) });
        }
        encoder.finish();
        let expected: Vec<_> =
            entries.iter().map(|(_, name, value, expiry)| key(name, value, *expiry)).collect();
        prop_assert_eq!(keys(encoder.pending()), expected);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        let _ = read_all(&file(10, &[&bytes])[..], true);
        let _ = read_all(&bytes[..], true);
    }
}
