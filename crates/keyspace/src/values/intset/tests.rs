//! Against a `BTreeSet`, and against bytes of the real server.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

#[test]
fn the_bytes_are_those_of_redis() {
    // From `DUMP` of redis-server 7.0.15 after SADD of the numbers.
    let cases: [(&[i64], &[u8]); 3] = [
        (
            &[1, -32_768, 32_767, 5],
            b"\x02\0\0\0\x04\0\0\0\x00\x80\x01\x00\x05\x00\xff\x7f",
        ),
        (
            &[1, -32_769, 7],
            b"\x04\0\0\0\x03\0\0\0\xff\x7f\xff\xff\x01\0\0\0\x07\0\0\0",
        ),
        (
            &[2_147_483_648, -1, 0, 70_000],
            b"\x08\0\0\0\x04\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0\
              \x70\x11\x01\0\0\0\0\0\0\0\0\x80\0\0\0\0",
        ),
    ];
    for (numbers, bytes) in cases {
        let set: IntSet = numbers.iter().copied().collect();
        assert_eq!(set.as_bytes(), bytes);
        assert_eq!(IntSet::from_bytes(bytes.to_vec()), Ok(set));
    }
}

#[test]
fn malformed_bytes_are_refused() {
    let cases: [&[u8]; 8] = [
        b"",
        b"\x02\0\0\0\0\0\0",
        b"\x03\0\0\0\0\0\0\0",
        b"\x02\0\0\0\x01\0\0\0",
        b"\x02\0\0\0\x01\0\0\0\0\0\0",
        b"\x02\0\0\0\x02\0\0\0\x01\0\x01\0",
        b"\x02\0\0\0\x02\0\0\0\x02\0\x01\0",
        b"\x08\0\0\0\xff\xff\xff\xff\0\0\0\0\0\0\0\0",
    ];
    for bytes in cases {
        assert_eq!(
            IntSet::from_bytes(bytes.to_vec()),
            Err(Malformed),
            "{bytes:?}"
        );
    }
}

proptest! {
    #[test]
    fn edits_agree_with_a_tree(
        steps in vec((any::<bool>(), any::<i64>(), 40..64), 0..80),
        probe in any::<u64>(),
    ) {
        let mut set = IntSet::new();
        let mut model = BTreeSet::new();
        prop_assert_eq!(set.random(probe), None);
        for (add, number, bits) in steps {
            let number = number >> bits;
            if add {
                prop_assert_eq!(set.insert(number), model.insert(number));
            } else {
                prop_assert_eq!(set.remove(number), model.remove(&number));
            }
            prop_assert_eq!(set.contains(number), model.contains(&number));
            prop_assert_eq!(set.contains(i64::MAX), false);
            prop_assert!(set.iter().eq(model.iter().copied()));
            prop_assert!(set.iter().rev().eq(model.iter().rev().copied()));
            prop_assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
            prop_assert_eq!(set.get(0), model.first().copied());
            prop_assert_eq!(set.get(model.len()), None);
            prop_assert_eq!(set.random(probe).is_some_and(|n| model.contains(&n)), !model.is_empty());
            let again = IntSet::from_bytes(set.as_bytes().to_vec());
            prop_assert_eq!(again.as_ref(), Ok(&set));
        }
    }
}
