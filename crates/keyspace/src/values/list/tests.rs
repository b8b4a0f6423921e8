//! Lists against a plain vector, and nodes against what a real server was seen to make.

use proptest::prelude::*;

use super::*;

/// What `DEBUG QUICKLIST-PACKED-THRESHOLD` is without being set.
const LARGE: u64 = 1 << 30;

fn texts(list: &List) -> Vec<Vec<u8>> {
    list.iter().map(Item::to_vec).collect()
}

/// The number of elements of each node; 0 stands for a node of one large element.
fn counts(list: &List) -> Vec<usize> {
    let count = |node: &Node| if node.is_plain() { 0 } else { node.count() };
    list.nodes().map(count).collect()
}

fn list_of(fill: i32, elements: std::ops::Range<usize>) -> List {
    let mut list = List::new(ListOptions {
        fill,
        compress_depth: 0,
    });
    for element in elements {
        list.push(End::Right, element.to_string().as_bytes(), LARGE);
    }
    list
}

/// The sums that a list keeps are what its nodes say, and no node is empty.
fn check(list: &List) {
    assert_eq!(list.len(), list.nodes().map(Node::count).sum::<usize>());
    assert_eq!(
        list.node_bytes(),
        list.nodes().map(Node::byte_len).sum::<usize>()
    );
    assert!(list.nodes().all(|node| node.count() > 0));
}

#[test]
fn nodes_are_filled_by_count_or_by_size() {
    assert_eq!(counts(&list_of(4, 0..10)), [4, 4, 2]);
    assert_eq!(counts(&list_of(0, 0..3)), [1, 1, 1]);
    // 8192 bytes hold 2725 integers of three bytes each: seven bytes around them, and some held back.
    assert_eq!(counts(&list_of(-2, 1000..5000)), [2725, 1275]);
    // However many elements a node may have, one of 8193 bytes is too large to share.
    let mut list = list_of(100, 0..1);
    list.push(End::Right, &[b'x'; 8200], LARGE);
    list.push(End::Right, b"1", LARGE);
    assert_eq!(counts(&list), [1, 1, 1]);
}

#[test]
fn a_full_node_is_split_and_small_neighbours_are_merged() {
    let mut list = list_of(4, 0..12);
    list.insert(5, End::Left, b"x", LARGE);
    assert_eq!(counts(&list), [4, 2, 3, 4]);
    list.insert(9, End::Right, b"y", LARGE);
    assert_eq!(counts(&list), [4, 2, 4, 4]);
    list.insert(1, End::Left, b"z", LARGE);
    assert_eq!(counts(&list), [2, 3, 2, 4, 4]);
    check(&list);
    let expected = "0 z 1 2 3 4 x 5 6 7 8 y 9 10 11";
    let shown: Vec<String> = texts(&list)
        .into_iter()
        .map(|text| String::from_utf8(text).unwrap())
        .collect();
    assert_eq!(shown.join(" "), expected);
}

#[test]
fn large_elements_stand_alone() {
    let mut list = list_of(-2, 0..4);
    list.insert(1, End::Right, b"large", 5);
    assert_eq!(counts(&list), [2, 0, 2]);
    assert!(list.replace(2, b"small", LARGE));
    assert_eq!(counts(&list), [2, 3]);
    assert!(list.replace(1, b"large", 5));
    assert_eq!(counts(&list), [1, 0, 3]);
    assert!(list.replace(1, b"larger", 5));
    assert_eq!(counts(&list), [1, 0, 3]);
    assert!(!list.replace(5, b"x", 5));
    assert_eq!(texts(&list).concat(), b"0largersmall23");
}

#[test]
fn a_change_leaves_clones_alone_and_copies_one_node() {
    let mut list = list_of(2, 0..10);
    let clone = list.clone();
    list.remove_matching(b"5", End::Left, 1);
    assert_eq!((list.len(), clone.len()), (9, 10));
    let shared = |at: usize| Arc::ptr_eq(&list.nodes[at], &clone.nodes[at]);
    assert_eq!(
        (0..5).map(shared).collect::<Vec<_>>(),
        [true, true, false, true, true]
    );
}

#[derive(Clone, Debug)]
enum Step {
    Push(bool, u8),
    Pop(bool),
    Insert(usize, bool, u8),
    Replace(usize, u8),
    RemoveRange(usize, usize),
    RemoveMatching(u8, bool, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (index, count) = (0..40usize, 0..9usize);
    prop_oneof![
        4 => (any::<bool>(), any::<u8>()).prop_map(|(left, text)| Step::Push(left, text)),
        1 => any::<bool>().prop_map(Step::Pop),
        4 => (index.clone(), any::<bool>(), any::<u8>()).prop_map(|(at, left, text)| Step::Insert(at, left, text)),
        2 => (index.clone(), any::<u8>()).prop_map(|(at, text)| Step::Replace(at, text)),
        1 => (index, count.clone()).prop_map(|(at, count)| Step::RemoveRange(at, count)),
        1 => (any::<u8>(), any::<bool>(), count).prop_map(|(text, left, limit)| Step::RemoveMatching(text, left, limit)),
    ]
}

/// A few texts that recur: small integers, and strings of which some are large where the limit is 5.
fn text(of: u8) -> Vec<u8> {
    match of % 8 {
        kind @ 0..=4 => kind.to_string().into_bytes(),
        kind => vec![b'a' + kind; usize::from(kind) - 2],
    }
}

fn end(left: bool) -> End {
    if left { End::Left } else { End::Right }
}

proptest! {
    #[test]
    fn a_list_is_a_vector(steps in proptest::collection::vec(step(), 1..80), fill in prop_oneof![Just(-2), 0..5i32], large in prop_oneof![Just(LARGE), Just(5)]) {
        let mut list = List::new(ListOptions { fill, compress_depth: 0 });
        let mut model: Vec<Vec<u8>> = Vec::new();
        for step in steps {
            match step {
                Step::Push(left, of) => {
                    list.push(end(left), &text(of), large);
                    model.insert(if left { 0 } else { model.len() }, text(of));
                }
                Step::Pop(left) => {
                    let popped = list.pop(end(left));
                    let expected = match left {
                        _ if model.is_empty() => None,
                        true => Some(model.remove(0)),
                        false => model.pop(),
                    };
                    prop_assert_eq!(popped, expected);
                }
                Step::Insert(at, left, of) => {
                    list.insert(at, end(left), &text(of), large);
                    if at < model.len() {
                        model.insert(if left { at } else { at + 1 }, text(of));
                    }
                }
                Step::Replace(at, of) => {
                    prop_assert_eq!(list.replace(at, &text(of), large), at < model.len());
                    if at < model.len() {
                        model[at] = text(of);
                    }
                }
                Step::RemoveRange(at, count) => {
                    list.remove_range(at, count);
                    let from = at.min(model.len());
                    model.drain(from..(at + count).min(model.len()).max(from));
                }
                Step::RemoveMatching(of, left, limit) => {
                    let removed = list.remove_matching(&text(of), end(left), limit);
                    let mut matching: Vec<usize> = (0..model.len()).filter(|at| model[*at] == text(of)).collect();
                    if !left {
                        matching.reverse();
                    }
                    matching.truncate(limit);
                    prop_assert_eq!(removed, matching.len());
                    matching.sort_unstable();
                    for at in matching.into_iter().rev() {
                        model.remove(at);
                    }
                }
            }
            check(&list);
            prop_assert_eq!(texts(&list), &model[..]);
        }
        for (at, text) in model.iter().enumerate() {
            prop_assert_eq!(&list.get(at).unwrap().to_vec(), text);
            let back: Vec<Vec<u8>> = list.iter_back_from(at).map(Item::to_vec).collect();
            prop_assert!(back.iter().eq(model[..=at].iter().rev()));
        }
    }
}
