//! Tests of the databases.

use crate::object::Text;
use std::collections::BTreeMap;

use lastsave_dict::Slice;

use super::*;

type Content = BTreeMap<(usize, Vec<u8>), (Vec<u8>, Option<u64>)>;

fn put(
    keyspace: &mut Keyspace,
    db: usize,
    key: &str,
    value: &str,
    expires_at_ms: Option<u64>,
) -> bool {
    keyspace.restore(
        db,
        key.as_bytes(),
        OwnedValue::Text(value.into()),
        expires_at_ms,
        Usage::Unknown,
    )
}

fn content(keyspace: &Keyspace) -> Content {
    let mut content = Content::new();
    for (db, database) in keyspace.databases.iter().enumerate() {
        for entry in database.keys.iter() {
            let value = Text::of(entry.value())
                .expect("a string")
                .as_bytes()
                .to_vec();
            content.insert((db, entry.key().to_vec()), (value, entry.expires_at_ms()));
        }
    }
    content
}

fn add_records(content: &mut Content, chunks: &[(usize, Chunk<Object>)]) {
    for (db, chunk) in chunks {
        for record in chunk.records() {
            let value = match record.value {
                lastsave_dict::ValueRef::Integer(number) => number.to_string().into_bytes(),
                lastsave_dict::ValueRef::Bytes(bytes) => bytes.to_vec(),
                lastsave_dict::ValueRef::Object(Object::Text(text)) => text.to_vec(),
                lastsave_dict::ValueRef::Object(_) => unreachable!("these are strings"),
            };
            let known = content.insert((*db, record.key.to_vec()), (value, record.expires_at_ms));
            assert_eq!(known, None, "a key comes once");
        }
    }
}

fn filled(seed: u64) -> Keyspace {
    let mut keyspace = Keyspace::new(4, seed);
    for number in 0..300u64 {
        let db = (number % 3) as usize;
        let value = if number % 10 == 0 {
            "long".repeat(500)
        } else {
            number.to_string()
        };
        put(
            &mut keyspace,
            db,
            &format!("key:{number}"),
            &value,
            (number % 4 == 0).then_some(number),
        );
    }
    keyspace
}

#[test]
fn restored_keys_are_new_or_replaced() {
    let mut keyspace = Keyspace::new(2, 0);
    assert!(put(&mut keyspace, 1, "k", "1", None));
    assert!(!put(&mut keyspace, 1, "k", &"x".repeat(2000), Some(7)));
    assert_eq!(
        content(&keyspace),
        Content::from([((1, b"k".to_vec()), (b"x".repeat(2000), Some(7)))])
    );
    keyspace.clear();
    assert!(keyspace.is_empty());
}

fn entries(max_entries: usize) -> Slice {
    Slice {
        max_entries,
        max_bytes: usize::MAX,
    }
}

#[test]
fn a_snapshot_is_the_data_of_its_cut_whatever_happens_meanwhile() {
    for step in [1, 7, 100] {
        let mut keyspace = filled(5);
        let at_cut = content(&keyspace);
        keyspace.snapshot_begin();
        let (mut snapshot, mut chunks) = (Content::new(), Vec::new());
        let mut round = 0;
        while !keyspace.snapshot_walk(entries(step), &mut Chunk::new, &mut chunks) {
            let db = round % 3;
            put(
                &mut keyspace,
                db,
                &format!("key:{}", round * 7 % 300),
                "changed",
                None,
            );
            put(&mut keyspace, db, &format!("new:{round}"), "new", None);
            keyspace.databases[db]
                .keys
                .remove(format!("key:{}", round * 11 % 300).as_bytes());
            match round {
                1 => keyspace.swap_databases(0, 3),
                2 => keyspace.swap_databases(1, 2),
                4 => keyspace.clear(),
                5 => keyspace.swap_databases(0, 1),
                _ => {}
            }
            round += 1;
        }
        add_records(&mut snapshot, &chunks);
        assert!(snapshot == at_cut, "step {step}");
        // The next one files keys under the numbers of now.
        let at_cut = content(&keyspace);
        keyspace.snapshot_begin();
        (snapshot, chunks) = (Content::new(), Vec::new());
        while !keyspace.snapshot_walk(entries(step), &mut Chunk::new, &mut chunks) {}
        add_records(&mut snapshot, &chunks);
        assert!(snapshot == at_cut, "step {step}, second");
    }
}

#[test]
fn an_abandoned_snapshot_leaves_room_for_another() {
    let mut keyspace = filled(5);
    keyspace.snapshot_begin();
    keyspace.snapshot_walk(entries(10), &mut Chunk::new, &mut Vec::new());
    keyspace.snapshot_abandon();
    keyspace.snapshot_begin();
}

#[test]
fn the_digest_tells_contents_apart_and_nothing_else() {
    let digest = filled(1).digest();
    assert_eq!(filled(2).digest(), digest, "the order of keys");
    for change in [
        |keyspace: &mut Keyspace| put(keyspace, 0, "key:0", "0", Some(0)),
        |keyspace: &mut Keyspace| put(keyspace, 1, "key:1", "1", Some(1)),
        |keyspace: &mut Keyspace| put(keyspace, 3, "key:1", "1", None),
        |keyspace: &mut Keyspace| put(keyspace, 0, "", "", None),
        |keyspace: &mut Keyspace| {
            keyspace.swap_databases(0, 1);
            true
        },
    ] {
        let mut keyspace = filled(1);
        change(&mut keyspace);
        assert_ne!(keyspace.digest(), digest);
    }
    let mut encoded = Keyspace::new(4, 0);
    put(&mut encoded, 0, "k", "12", None);
    let mut plain = Keyspace::new(4, 0);
    plain.databases[0]
        .keys
        .insert(b"k", lastsave_dict::Value::Bytes(b"12"), None, Tag(7));
    assert_eq!(encoded.digest(), plain.digest(), "the encoding");
}

#[test]
fn the_expiry_cycle_comes_around_in_slices() {
    let mut keyspace = filled(3);
    let due = content(&keyspace)
        .values()
        .filter(|(_, at)| at.is_some_and(|at| at < 200))
        .count();
    let mut slice = ExpireSlice::default();
    keyspace.expire_slice(200, 10, &mut slice);
    assert!(slice.keys.len() < due, "one slice does not do it all");
    for _ in 0..100 {
        keyspace.expire_slice(200, 10, &mut slice);
    }
    let expired = slice.keys;
    assert_eq!(expired.len(), due);
    let left = content(&keyspace);
    assert!(
        left.values().all(|(_, at)| at.is_none_or(|at| at >= 200)),
        "a key lives through its last millisecond"
    );
    assert!(
        expired
            .iter()
            .all(|(db, key)| !left.contains_key(&(*db, key.clone())))
    );
    keyspace.settings.active_expire = false;
    keyspace.expire_slice(u64::MAX, 1000, &mut ExpireSlice::default());
    assert_eq!(content(&keyspace), left);
}

#[test]
fn the_same_seed_gives_the_same_words() {
    let words = |seed| {
        let mut keyspace = Keyspace::new(16, seed);
        [keyspace.next_random(), keyspace.next_random()]
    };
    assert_eq!(words(1), words(1));
    assert_ne!(words(1), words(2));
}
