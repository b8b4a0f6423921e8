//! Against payloads of the real server, and damaged ones.

use proptest::prelude::*;

use super::*;
use crate::format::value_type;
use crate::samples::values;

fn restored(payload: &[u8]) -> Result<OwnedValue, PayloadError> {
    restore(payload, &Settings::default())
}

fn dumped(value: &OwnedValue) -> Vec<u8> {
    let value = match value {
        OwnedValue::Text(text) => ValueRef::Bytes(text),
        OwnedValue::Object(object) => ValueRef::Object(object),
    };
    dump(value, true)
}

fn signed(mut content: Vec<u8>) -> Vec<u8> {
    content.extend((VERSION as u16).to_le_bytes());
    content.extend(crc64(&content).to_le_bytes());
    content
}

#[test]
fn payloads_of_redis_are_read_and_written_alike() {
    let mut count = 0;
    for (name, payload) in values() {
        let value = restored(&payload).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let again = dumped(&value);
        if name == "hash-500" {
            // A table has an order of its own.
            assert_eq!(again.len(), payload.len(), "{name}");
            let value = restored(&again).expect("our own payload");
            assert_eq!(dumped(&value), again, "{name}");
        } else {
            assert_eq!(again, payload, "{name}");
        }
        count += 1;
    }
    assert_eq!(count, 19);
}

#[test]
fn small_collections_obey_the_settings() {
    let tight = Settings {
        hash_max_listpack_entries: 1,
        set_max_intset_entries: 1,
        zset_max_listpack_entries: 1,
        ..Settings::default()
    };
    let short = Settings {
        hash_max_listpack_value: 1,
        zset_max_listpack_value: 1,
        ..Settings::default()
    };
    for (name, tight_kind, short_kind) in [
        ("set-16", value_type::SET, value_type::SET_INTSET),
        ("hash-small", value_type::HASH, value_type::HASH_LISTPACK),
        (
            "zset-small",
            value_type::SORTED_SET_2,
            value_type::SORTED_SET_LISTPACK,
        ),
    ] {
        let (_, payload) = values().find(|(known, _)| *known == name).expect(name);
        let kind = |settings| dumped(&restore(&payload, settings).expect(name))[0];
        // Only the number of elements makes what was packed a table.
        assert_eq!(
            (kind(&tight), kind(&short)),
            (tight_kind, short_kind),
            "{name}"
        );
    }
}

#[test]
fn version_and_checksum_are_looked_at() {
    let (_, payload) = values().next().expect("a payload");
    let end = payload.len() - FOOTER_LEN;
    let mut newer = payload[..end].to_vec();
    newer.extend(11_u16.to_le_bytes());
    newer.extend(crc64(&newer).to_le_bytes());
    let mut older = payload[..end].to_vec();
    older.extend(2_u16.to_le_bytes());
    older.extend(crc64(&older).to_le_bytes());
    let mut broken = payload.clone();
    broken[end + 5] ^= 1;
    let error = |payload: &[u8]| restored(payload).err();
    assert_eq!(error(&older), None);
    assert_eq!(error(&newer), Some(PayloadError::VersionOrChecksum));
    assert_eq!(error(&broken), Some(PayloadError::VersionOrChecksum));
    assert_eq!(error(&payload[..9]), Some(PayloadError::VersionOrChecksum));
    assert_eq!(error(b""), Some(PayloadError::VersionOrChecksum));
    assert_eq!(
        error(&signed(Vec::new())),
        Some(PayloadError::Content(None))
    );
    let lax = Settings {
        skip_payload_checksum: true,
        ..Settings::default()
    };
    assert!(restore(&broken, &lax).is_ok());
}

#[test]
fn what_redis_refuses_is_refused() {
    let pack = b"\x0f\x0a\x0a\0\0\0\x01\0\x01\x01\xff"; // one element
    for (what, content) in [
        ("an empty list", &b"\x01\0"[..]),
        ("an empty set", b"\x02\0"),
        ("an empty hash", b"\x04\0"),
        ("an empty sorted set", b"\x05\0"),
        ("an empty quicklist", b"\x12\0"),
        (
            "a quicklist of an empty listpack",
            b"\x12\x01\x02\x07\x07\0\0\0\0\0\xff",
        ),
        ("a quicklist of an unknown container", b"\x12\x01\x03\x01x"),
        ("an empty large element", b"\x12\x01\x01\0"),
        ("an empty intset", b"\x0b\x08\x02\0\0\0\0\0\0\0"),
        ("an empty zset listpack", b"\x11\x07\x07\0\0\0\0\0\xff"),
        ("a hash with half a field", &[b"\x10", &pack[1..]].concat()),
        ("a member twice", b"\x02\x02\x01a\x01a"),
        ("an integer twice", b"\x02\x02\xc0\x07\xc0\x07"),
        ("a field twice", b"\x04\x02\x01a\x01b\x01a\x01c"),
        ("a score that is none", b"\x05\x01\x01a\0\0\0\0\0\0\xf8\x7f"),
        (
            "a score of an older version that is none",
            b"\x03\x01\x01a\x02xy",
        ),
        (
            "a score of an older version that is nan",
            b"\x03\x01\x01a\xfd",
        ),
        (
            "a type of a later version",
            b"\x14\x09\x09\0\0\0\x01\0\x01\x01\xff",
        ),
        ("a module", b"\x07\0\0"),
    ] {
        let error = restored(&signed(content.to_vec())).err();
        assert!(matches!(error, Some(PayloadError::Content(_))), "{what}");
    }
    assert!(restored(&signed(b"\x03\x02\x01a\x032.5\x01b\xff".to_vec())).is_ok());
    let unsound = restored(&signed(b"\x10\x01x".to_vec()));
    let words = "function at rdb.c:2301 -> Hash listpack integrity check failed.";
    assert_eq!(
        unsound.err(),
        Some(PayloadError::Content(Some(words.into())))
    );
    assert!(restored(&signed(b"\x09\x09\x01\x01f\x01\x00v\xff".to_vec())).is_err());
}

proptest! {
    #[test]
    fn a_damaged_payload_is_refused_or_sound(
        which in 0..19_usize,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (_, payload) = values().nth(which).expect("there are so many");
        let value = restored(&payload).expect("it is sound");
        // Uncompressed, so that changes reach the packed forms.
        let value = match &value {
            OwnedValue::Text(text) => ValueRef::Bytes(text),
            OwnedValue::Object(object) => ValueRef::Object(object),
        };
        let mut content = dump(value, false);
        content.truncate(content.len() - FOOTER_LEN);
        if let Some(cut) = cut {
            content.truncate(cut.index(content.len()).max(1));
        }
        for (at, byte) in changes {
            let at = at.index(content.len());
            content[at] = byte;
        }
        if let Ok(value) = restored(&signed(content)) {
            let again = dumped(&value);
            prop_assert!(restored(&again).is_ok());
        }
    }

    #[test]
    fn any_bytes_are_refused_or_sound(kind in 0..24_u8, bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let content = [&[kind], &bytes[..]].concat();
        if let Ok(value) = restored(&signed(content)) {
            prop_assert!(restored(&dumped(&value)).is_ok());
        }
    }
}
