//! Both forms against a sorted vector, and against each other.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits {
    entries: 8,
    value: 10,
};

fn entries(set: &SortedSet) -> Vec<(Vec<u8>, f64)> {
    set.iter()
        .map(|(item, score)| (item.to_vec(), score))
        .collect()
}

proptest! {
    #[test]
    fn agrees_with_a_sorted_vector(
        steps in prop::collection::vec(((0..30u8), (-3..3i8), any::<bool>()), 0..60),
    ) {
        let mut set = SortedSet::default();
        let mut model = BTreeMap::new();
        for (number, score, inserts) in steps {
            let member = if number % 2 == 0 { format!("m{number}") } else { format!("{number}") };
            let score = f64::from(score) / 2.0;
            if inserts {
                let old = model.insert(member.clone().into_bytes(), score);
                prop_assert_eq!(set.insert(member.as_bytes(), score, LIMITS), old);
            } else {
                prop_assert_eq!(set.remove(member.as_bytes()), model.remove(member.as_bytes()));
            }
            let mut expected: Vec<_> = model.clone().into_iter().collect();
            expected.sort_by(|one, other| order((one.1, &one.0), (other.1, &other.0)));
            prop_assert_eq!(&entries(&set), &expected);
            prop_assert!(set.iter().rev().map(|(item, _)| item.to_vec())
                .eq(expected.iter().rev().map(|(member, _)| member.clone())));
            for (rank, (member, score)) in expected.iter().enumerate() {
                prop_assert_eq!(set.rank(member), Some(rank));
                prop_assert_eq!(set.score(member), Some(*score));
                let before = expected.partition_point(|entry| entry.1 < *score);
                prop_assert_eq!(set.count(|other, _| other < *score), before);
                prop_assert_eq!(set.range(rank..expected.len()).len(), expected.len() - rank);
            }
            let mut shorter = set.clone();
            shorter.remove_range(expected.len() / 3..expected.len() / 2);
            expected.drain(expected.len() / 3..expected.len() / 2);
            prop_assert_eq!(&entries(&shorter), &expected);
            let mut fitted = set.clone();
            fitted.fit(LIMITS);
            prop_assert_eq!(fitted.encoding_name() == "listpack", set.len() <= 8);
            prop_assert_eq!(entries(&fitted), entries(&set));
        }
    }
}

#[test]
fn it_grows_out_of_its_listpack() {
    let mut set = SortedSet::default();
    for number in 0..8 {
        set.insert(format!("{number}").as_bytes(), 1.5, LIMITS);
    }
    assert_eq!(set.encoding_name(), "listpack");
    set.insert(b"3", -1.0, LIMITS);
    assert_eq!(set.encoding_name(), "listpack");
    let mut more = set.clone();
    more.insert(b"x", 0.0, LIMITS);
    assert_eq!((more.len(), more.encoding_name()), (9, "skiplist"));
    let mut longer = SortedSet::default();
    longer.insert(b"12345678901", 0.0, LIMITS);
    assert_eq!(longer.encoding_name(), "skiplist");
    assert_eq!(set.len(), 8);
}

#[test]
fn a_listpack_is_looked_at_before_it_is_taken() {
    let pack = |items: &[&str]| {
        let mut pack = Listpack::new();
        items
            .iter()
            .for_each(|item| pack.push_back(item.as_bytes()));
        SortedSet::from_listpack(pack, LIMITS).map(|set| set.encoding_name())
    };
    assert_eq!(pack(&["a", "1", "b", "1.5"]), Ok("listpack"));
    assert_eq!(pack(&["a", "1", "12345678901", "inf"]), Ok("skiplist"));
    assert_eq!(pack(&["a", "1", "b"]), Err(Malformed));
    assert_eq!(pack(&["a", "1", "a", "2"]), Err(Malformed));
    assert_eq!(pack(&["a", "x"]), Err(Malformed));
    assert_eq!(pack(&["a", "nan"]), Err(Malformed));
}
