//! The table against a map of the standard library.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn contents(table: &PackedTable) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let map: BTreeMap<_, _> = table
        .iter()
        .map(|(key, value)| (key.to_vec(), value.to_vec()))
        .collect();
    assert_eq!(map.len(), table.len());
    map
}

/// Counts anew, and looks whether everything is where it belongs.
fn check(table: &PackedTable) {
    let mut bytes = 0;
    let mut children = vec![(&table.root, 0, u64::MAX)];
    while let Some((child, start, last)) = children.pop() {
        bytes += child.own_bytes();
        match child {
            Child::Leaf(leaf) => {
                for (key, _) in leaf.chain().flat_map(Leaf::entries) {
                    assert!((start..=last).contains(&hash_of(key)));
                }
            }
            Child::Node(node) => {
                assert!((2..=MOST_CHILDREN).contains(&node.children.len()));
                assert_eq!(node.starts.len(), node.children.len());
                assert_eq!(node.starts[0], start);
                for (index, child) in node.children.iter().enumerate() {
                    let end = node.starts.get(index + 1);
                    let last = end.map_or(last, |end| end - 1);
                    children.push((child, node.starts[index], last));
                }
            }
        }
    }
    assert_eq!(table.memory_bytes() as isize, bytes);
}

/// Keys that collide, and keys that do not.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (0..400u32).prop_map(|n| format!("key:{n}").into_bytes()),
        (0..150u32).prop_map(|n| format!("alike:{n}").into_bytes()),
        (0..20u32).prop_map(|n| format!("{n:0>200}").into_bytes()),
        (0..4u32).prop_map(|n| format!("{n:0>3000}").into_bytes()),
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![9 => 0..20usize, 2 => 20..400usize, 1 => 400..5000usize];
    (len, any::<u8>()).prop_map(|(len, byte)| vec![byte; len])
}

#[derive(Clone, Debug)]
enum Step {
    Insert(Vec<u8>, Vec<u8>),
    Remove(Vec<u8>),
    RemoveMany(u8),
    Clone,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        200 => (key(), value()).prop_map(|(key, value)| Step::Insert(key, value)),
        100 => key().prop_map(Step::Remove),
        1 => any::<u8>().prop_map(Step::RemoveMany),
        1 => Just(Step::Clone),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn behaves_as_a_map(steps in prop::collection::vec(step(), 1..1500)) {
        let mut table = PackedTable::new();
        let mut map = BTreeMap::new();
        let mut clones = Vec::new();
        for step in steps {
            match step {
                Step::Insert(key, value) => {
                    let new = map.insert(key.clone(), value.clone()).is_none();
                    prop_assert_eq!(table.insert(&key, &value), new);
                    prop_assert_eq!(table.get(&key), Some(&value[..]));
                }
                Step::Remove(key) => {
                    prop_assert_eq!(table.remove(&key), map.remove(&key).is_some());
                    prop_assert!(!table.contains(&key));
                }
                Step::RemoveMany(byte) => {
                    let keys: Vec<_> = map.keys().cloned().collect();
                    for key in keys {
                        if key.len() % 3 != usize::from(byte) % 3 {
                            map.remove(&key);
                            prop_assert!(table.remove(&key));
                        }
                    }
                }
                Step::Clone => clones.push((table.clone(), map.clone())),
            }
            prop_assert_eq!(table.len(), map.len());
        }
        clones.push((table, map));
        for (table, map) in clones {
            check(&table);
            prop_assert_eq!(contents(&table), map);
        }
    }
}

fn numbered(count: u32) -> PackedTable {
    let mut table = PackedTable::new();
    for number in 0..count {
        assert!(table.insert(format!("member:{number}").as_bytes(), &number.to_le_bytes()));
    }
    table
}

#[test]
fn shrinks_as_it_grew() {
    let mut table = numbered(30_000);
    check(&table);
    let full = table.memory_bytes();
    for number in 0..29_900u32 {
        assert!(table.remove(format!("member:{number}").as_bytes()));
    }
    check(&table);
    assert_eq!(table.len(), 100);
    assert!(
        table.memory_bytes() < full / 100,
        "{}",
        table.memory_bytes()
    );
    for number in 29_900..30_000u32 {
        assert!(table.remove(format!("member:{number}").as_bytes()));
    }
    assert_eq!(table.memory_bytes(), PackedTable::new().memory_bytes());
    assert_eq!(table.iter().count(), 0);
    assert_eq!(table.scan(0, &mut |_| panic!("nothing is there")), 0);
    assert_eq!(table.random(&mut || 7), None);
}

#[test]
fn scan_visits_what_is_present_throughout() {
    let mut table = numbered(5000);
    let (mut cursor, mut seen) = (0, BTreeSet::new());
    let mut round = 0u32;
    loop {
        cursor = table.scan(cursor, &mut |(key, _)| {
            seen.insert(key.to_vec());
        });
        if cursor == 0 {
            break;
        }
        // Grows at first and shrinks then: splits and merges everywhere.
        for number in round * 100..(round + 1) * 100 {
            if round < 60 {
                table.insert(format!("other:{number}").as_bytes(), b"");
            } else {
                table.remove(format!("other:{}", number - 6000).as_bytes());
                table.remove(format!("member:{}", 1000 + number - 6000).as_bytes());
            }
        }
        round += 1;
    }
    assert!((0..1000).all(|number| seen.contains(format!("member:{number}").as_bytes())));
}

#[test]
fn random_entries_are_all_as_likely() {
    let table = numbered(1000);
    let mut state = 1u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.rotate_left(32).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    };
    let mut drawn = BTreeMap::<Vec<u8>, u32>::new();
    for _ in 0..200_000 {
        let (key, _) = table.random(&mut next).unwrap();
        *drawn.entry(key.to_vec()).or_default() += 1;
    }
    assert_eq!(drawn.len(), 1000);
    // 200 of each are expected, with a standard deviation of 14.
    let (least, most) = (drawn.values().min().unwrap(), drawn.values().max().unwrap());
    assert!(*least > 130 && *most < 270, "{least} to {most}");
}

#[test]
fn entries_that_come_in_order_leave_leaves_full() {
    let table = numbered(20_000);
    let mut copy = PackedTable::new();
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| hash_of(key));
    for (key, value) in entries {
        copy.insert(key, value);
    }
    check(&copy);
    assert_eq!(contents(&copy), contents(&table));
    let (ordered, random) = (copy.memory_bytes(), table.memory_bytes());
    assert!(ordered < random * 19 / 20, "{ordered} {random}");
}

#[test]
fn cursors_are_small_numbers() {
    let table = numbered(20_000);
    let mut cursor = table.scan(0, &mut |_| {});
    while cursor != 0 {
        assert!(cursor < 1 << 24, "{cursor}");
        cursor = table.scan(cursor, &mut |_| {});
    }
}

#[test]
fn a_clone_shares_all_but_what_changes() {
    let mut table = numbered(20_000);
    let clone = table.clone();
    table.insert(b"member:77", b"changed");
    assert_eq!(clone.get(b"member:77"), Some(&77u32.to_le_bytes()[..]));
    let (Child::Node(ours), Child::Node(theirs)) = (&table.root, &clone.root) else {
        panic!("20000 entries take more than a leaf");
    };
    let pairs = ours.children.iter().zip(&theirs.children);
    let shared = pairs.filter(|pair| match pair {
        (Child::Node(ours), Child::Node(theirs)) => Arc::ptr_eq(ours, theirs),
        (Child::Leaf(ours), Child::Leaf(theirs)) => Arc::ptr_eq(ours, theirs),
        _ => false,
    });
    assert_eq!(shared.count(), ours.children.len() - 1);
}

#[test]
fn a_leaf_has_the_size_that_is_counted() {
    if size_of::<usize>() == 8 {
        assert_eq!(size_of::<Leaf>(), leaf::LEAF_BYTES);
        assert_eq!(size_of::<Node>(), 48);
    }
}
