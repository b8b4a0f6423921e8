//! The tree against a sorted vector.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// Scores and members in the order that the tree must have.
fn sorted(model: &BTreeMap<Vec<u8>, f64>) -> Vec<(f64, &[u8])> {
    let mut entries: Vec<_> = model
        .iter()
        .map(|(member, score)| (*score, member.as_slice()))
        .collect();
    entries.sort_by(|one, other| order(*one, *other));
    entries
}

impl RankedTree {
    /// Panics unless counts, bounds, numbers of leaves and places fit together.
    fn check(&self) {
        let mut leaves = BTreeSet::new();
        let mut depths = BTreeSet::new();
        let len = self.check_node(&self.root, 0, &mut leaves, &mut depths);
        assert_eq!(len, self.len);
        assert_eq!(leaves.len(), self.leaves.len());
        assert_eq!(depths.len(), 1);
        let members_bytes: usize = self.iter().map(|(_, member)| member_bytes(member)).sum();
        assert_eq!(members_bytes, self.members_bytes);
        assert!(
            self.iter()
                .all(|(score, member)| self.score(member) == Some(score))
        );
    }

    fn check_node(
        &self,
        node: &Node,
        depth: usize,
        leaves: &mut BTreeSet<usize>,
        depths: &mut BTreeSet<usize>,
    ) -> usize {
        match node {
            Node::Leaf(leaf) => {
                assert!(leaves.insert(*leaf));
                depths.insert(depth);
                self.leaves.get(*leaf).len()
            }
            Node::Inner(children) => {
                assert!(children.len() <= MAX_CHILDREN);
                children
                    .iter()
                    .map(|child| {
                        let len = self.check_node(&child.node, depth + 1, leaves, depths);
                        assert_eq!(len, child.len);
                        assert!(len > 0);
                        len
                    })
                    .sum()
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(Vec<u8>, f64),
    Remove(usize),
    RemoveRange(usize, usize),
    Clone,
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (0..3000u32).prop_map(|number| format!("member:{number}").into_bytes()),
        1 => prop::collection::vec(0..3u8, 0..4),
        1 => (250..300usize, 0..5u8).prop_map(|(len, byte)| vec![byte; len]),
    ]
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (0..5i8).prop_map(f64::from),
        4 => -1000.0..1000.0,
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
        1 => Just(-0.0),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        60 => (member(), score()).prop_map(|(member, score)| Step::Insert(member, score)),
        20 => any::<usize>().prop_map(Step::Remove),
        1 => (any::<usize>(), 0..200usize).prop_map(|(from, len)| Step::RemoveRange(from, len)),
        1 => Just(Step::Clone),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn agrees_with_a_sorted_vector(steps in prop::collection::vec(step(), 0..1500)) {
        let mut tree = RankedTree::default();
        let mut model = BTreeMap::new();
        let mut clones = Vec::new();
        for step in steps {
            match step {
                Step::Insert(member, score) => {
                    let old = model.insert(member.clone(), score);
                    prop_assert_eq!(tree.insert(&member, score), old);
                }
                Step::Remove(_) | Step::RemoveRange(..) if model.is_empty() => {
                    prop_assert_eq!(tree.remove(b"missing"), None);
                }
                Step::Remove(at) => {
                    let member = model.keys().nth(at % model.len()).unwrap().clone();
                    prop_assert_eq!(tree.remove(&member), model.remove(&member));
                }
                Step::RemoveRange(from, len) => {
                    let from = from % model.len();
                    let to = (from + len).min(model.len());
                    let members: Vec<Vec<u8>> =
                        tree.range(from..to).map(|(_, member)| member.to_vec()).collect();
                    for member in members {
                        prop_assert_eq!(tree.remove(&member), model.remove(&member));
                    }
                }
                Step::Clone => clones.push((tree.clone(), model.clone())),
            }
        }
        clones.push((tree, model));
        for (tree, model) in clones {
            tree.check();
            let expected = sorted(&model);
            prop_assert_eq!(tree.iter().collect::<Vec<_>>(), expected.clone());
            let backwards: Vec<_> = tree.iter().rev().collect();
            prop_assert!(backwards.iter().rev().eq(&expected));
            for (rank, (score, member)) in expected.iter().enumerate().step_by(7) {
                prop_assert_eq!(tree.get(rank), Some((*score, *member)));
                prop_assert_eq!(tree.rank(member), Some(rank));
                let before = expected.partition_point(|entry| entry.0 < *score);
                prop_assert_eq!(tree.count(|other, _| other < *score), before);
                let to = (rank + 100).min(expected.len());
                prop_assert!(tree.range(rank..to).eq(expected[rank..to].iter().copied()));
                prop_assert!(tree.range(rank..to).rev().eq(expected[rank..to].iter().rev().copied()));
            }
            prop_assert_eq!(tree.get(expected.len()), None);
            prop_assert_eq!(tree.rank(b"missing"), None);
        }
    }
}

#[test]
fn a_walk_returns_what_stays_though_the_set_grows_and_shrinks() {
    for grows in [true, false] {
        let mut tree = RankedTree::default();
        let name = |number: usize| format!("member:{number}").into_bytes();
        let others = |number: usize| format!("other:{number}").into_bytes();
        for number in 0..1000 {
            tree.insert(&name(number), 1.0);
        }
        if !grows {
            (0..20_000).for_each(|number| _ = tree.insert(&others(number), number as f64));
        }
        let (mut cursor, mut seen, mut changed) = (0, BTreeSet::new(), 0);
        loop {
            cursor = tree.scan(cursor, &mut |member, _| _ = seen.insert(member.to_vec()));
            for number in changed..changed + 300 {
                if grows && number < 20_000 {
                    tree.insert(&others(number), number as f64);
                } else {
                    tree.remove(&others(number));
                }
                tree.insert(&name(number % 1000), number as f64);
            }
            changed += 300;
            if cursor == 0 {
                break;
            }
        }
        assert!((0..1000).all(|number| seen.contains(&name(number))));
        tree.check();
    }
}

#[test]
fn ascending_and_descending_sets_drain_from_either_end() {
    for (ascends, from_front) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut tree = RankedTree::default();
        for number in 0..10_000 {
            let score = f64::from(if ascends { number } else { -number });
            tree.insert(format!("{number}").as_bytes(), score);
        }
        tree.check();
        let snapshot = tree.clone();
        for len in (1..=10_000).rev() {
            let rank = if from_front { 0 } else { len - 1 };
            let member = tree.get(rank).unwrap().1.to_vec();
            tree.remove(&member).unwrap();
        }
        assert!(tree.len() == 0 && tree.memory_bytes() < 500);
        tree.check();
        snapshot.check();
    }
}

/// The target of large sorted sets: half of what Redis takes, which is 111 bytes.
#[test]
fn an_entry_takes_few_bytes() {
    let mut tree = RankedTree::default();
    let mut state = 1u64;
    for number in 0..100_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        tree.insert(
            format!("member:{number:06}").as_bytes(),
            (state >> 40) as f64,
        );
    }
    tree.check();
    let bytes = tree.memory_bytes() / tree.len();
    assert!(bytes < 45, "{bytes}");
}
