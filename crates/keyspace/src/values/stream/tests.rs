//! Layouts and counts were taken from redis-server 7.0.15.

use std::collections::BTreeMap;

use lastsave_resp::ArgsBuf;
use proptest::prelude::*;

use super::*;
use crate::values::listpack::Listpack;

const LIMITS: NodeLimits = NodeLimits {
    max_bytes: 4096,
    max_entries: 100,
};

fn id(ms: u64, seq: u64) -> StreamId {
    StreamId::new(ms, seq)
}

fn words(words: &[&str]) -> ArgsBuf {
    words.iter().collect()
}

fn push(entries: &mut Entries, id: StreamId, fields: &[&str], limits: NodeLimits) {
    entries.push(id, words(fields).as_args(), limits);
}

/// Every entry as `ms-seq field=value ...`.
fn texts<'a>(entries: impl Iterator<Item = Entry<'a>>) -> Vec<String> {
    let text = |entry: Entry<'_>| {
        let mut text = entry.id.to_string();
        for (field, value) in entry.fields {
            text += &format!(
                " {}={}",
                field.to_vec().escape_ascii(),
                value.to_vec().escape_ascii()
            );
        }
        text
    };
    entries.map(text).collect()
}

fn all(entries: &Entries) -> impl DoubleEndedIterator<Item = Entry<'_>> {
    entries.range(StreamId::MIN, StreamId::MAX)
}

fn sample() -> Entries {
    let mut entries = Entries::default();
    let long = "x".repeat(70);
    let mut push = |id, fields: &[&str]| push(&mut entries, id, fields, LIMITS);
    push(id(1000, 1), &["name", "Ada", "age", "36"]);
    push(id(1000, 2), &["name", "Grace", "age", "-5"]);
    push(id(1005, 0), &["color", &long]);
    push(id(2000, 7), &["name", "1234567", "age", ""]);
    assert_eq!(entries.delete(&[id(1000, 2), id(1000, 2), id(9, 9)]), 1);
    entries
}

/// What DUMP of the same stream holds, `{long}` being the bytes of the long value.
const SAMPLE_NODE: &str = "a60000001f00030101010201846e616d6505836167650400010201000100018341646104\
    2401050103010001010185477261636506dffb02050100010501dfff02010185636f6c6f7206e046\
    {long}4806010201c3e8020601f287d6120480010501ff";

#[test]
fn nodes_have_the_bytes_of_redis() {
    let entries = sample();
    let nodes: Vec<_> = entries.nodes_from(StreamId::MIN).collect();
    assert_eq!(nodes.len(), 1);
    let hex: String = nodes[0]
        .1
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let expected = SAMPLE_NODE.replace("{long}", &"78".repeat(70));
    assert_eq!((nodes[0].0, hex), (id(1000, 1), expected));

    let bytes = nodes[0].1.to_vec();
    let read = Stream::from_nodes([(id(1000, 1), bytes)]).unwrap();
    let expected = [
        "1000-1 name=Ada age=36".to_owned(),
        format!("1005-0 color={}", "x".repeat(70)),
        "2000-7 name=1234567 age=".to_owned(),
    ];
    assert_eq!(texts(all(read.entries())), expected);
    let mut backwards = texts(all(&entries).rev());
    backwards.reverse();
    assert_eq!(backwards, expected);
    let counters = Counters {
        entries_added: 3,
        max_deleted_id: StreamId::MIN,
        ..*entries.counters()
    };
    assert_eq!(read.entries().counters(), &counters);
}

#[test]
fn hostile_nodes_are_refused() {
    let entries = sample();
    let (master_id, bytes) = entries.nodes_from(StreamId::MIN).next().unwrap();
    let read = |bytes: &[u8]| Stream::from_nodes([(master_id, bytes.to_vec())]);
    let twice = Stream::from_nodes([(master_id, bytes.to_vec()), (master_id, bytes.to_vec())]);
    assert!(twice.is_err());
    for end in 0..bytes.len() {
        assert!(read(&bytes[..end]).is_err());
    }
    // Whatever is taken is walked without a panic, and holds what it says.
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.to_vec();
            bytes[at] ^= 1 << bit;
            let Ok(mut stream) = read(&bytes) else {
                continue;
            };
            let (entries, _) = stream.parts_mut();
            assert_eq!(all(entries).count() as u64, entries.len());
            assert_eq!(all(entries).rev().count() as u64, entries.len());
            entries.trim(Trim {
                keep: Keep::Last(1),
                approximate: false,
                limit: 0,
            });
            assert_eq!(all(entries).count() as u64, entries.len());
            assert!(entries.len() <= 1);
        }
    }
    let empty = Listpack::new().into_bytes();
    assert!(read(&empty).is_err());
    let mut negative = Listpack::new();
    for number in [0, 0, -1, 0] {
        negative.push_back_integer(number);
    }
    assert!(read(negative.as_bytes()).is_err());
    let mut stream = read(bytes).unwrap();
    assert!(stream.set_counters(Counters::default()).is_err());
    assert!(stream.add_group(b"g", Group::new(id(1, 1), 0)).is_ok());
    assert!(stream.add_group(b"g", Group::new(id(1, 1), 0)).is_err());
}

#[test]
fn hostile_groups_are_refused() {
    let read = |pending: &[u64], consumers: &[(&str, &[u64])]| {
        Group::from_parts(
            id(1, 1),
            -1,
            pending.iter().map(|ms| (id(*ms, 0), i64::MIN, 1)),
            consumers.iter().map(|(name, ids)| {
                let ids = ids.iter().map(|ms| id(*ms, 0)).collect();
                (name.as_bytes().to_vec(), 0, ids)
            }),
        )
        .map_err(|error| error.0)
    };
    let group = read(&[1, 2, 3], &[("", &[2]), ("b", &[3, 1]), ("c", &[])]).unwrap();
    let owners: Vec<_> = group
        .pending_from(id(1, 0))
        .map(|(_, pending)| pending.consumer())
        .collect();
    assert_eq!(owners, [&b"b"[..], b"", b"b"]);
    assert_eq!(group.consumer(b"b").unwrap().pending_len(), 2);
    for (pending, consumers, error) in [
        (&[1, 1][..], &[][..], "an entry is pending twice"),
        (
            &[1],
            &[("a", &[1][..]), ("a", &[])],
            "two consumers have the same name",
        ),
        (
            &[1],
            &[("a", &[1, 2])],
            "a consumer's entry is not the group's",
        ),
        (
            &[1],
            &[("a", &[1, 1])],
            "an entry is pending for two consumers",
        ),
        (
            &[1],
            &[("a", &[1]), ("b", &[1])],
            "an entry is pending for two consumers",
        ),
        (
            &[1, 2],
            &[("a", &[1])],
            "an entry is pending for no consumer",
        ),
    ] {
        assert_eq!(read(pending, consumers).unwrap_err(), error);
    }
}

#[test]
fn radix_trees_are_counted() {
    let count = |ids: &[u64]| {
        let mut entries = Entries::default();
        for ms in ids {
            let limits = NodeLimits {
                max_bytes: 0,
                max_entries: 1,
            };
            push(&mut entries, id(*ms, 1), &["a", "b"], limits);
        }
        entries.radix_tree_nodes()
    };
    for (ids, nodes) in [
        (&[][..], 1),
        (&[1], 2),
        (&[1, 2], 6),
        (&[1, 256], 6),
        (&[1, 2, 3, 300, 70000], 14),
        (&[1 << 40, (1 << 40) + 1], 6),
    ] {
        assert_eq!(count(ids), nodes, "{ids:?}");
    }
}

#[test]
fn an_id_may_come_back_after_xsetid() {
    let limits = NodeLimits {
        max_bytes: 0,
        max_entries: 2,
    };
    let mut entries = Entries::default();
    for ms in [5, 6, 7] {
        push(&mut entries, id(ms, 0), &["a", "b"], limits);
    }
    let trim = Trim {
        keep: Keep::From(id(8, 0)),
        approximate: false,
        limit: 0,
    };
    entries.delete(&[id(7, 0)]);
    entries.set_last_id(id(6, 0), None, None);
    for ms in [7, 8, 9] {
        push(&mut entries, id(ms, 0), &["c", "d"], limits);
    }
    assert_eq!(
        texts(all(&entries)),
        ["5-0 a=b", "6-0 a=b", "7-0 c=d", "8-0 c=d", "9-0 c=d"]
    );
    assert_eq!(entries.trim(trim), 3);
    // Only deleted entries are left, and the place of their node is taken again.
    let mut entries = Entries::default();
    for ms in [5, 6] {
        push(&mut entries, id(ms, 0), &["a", "b"], limits);
    }
    entries.delete(&[id(6, 0)]);
    entries.trim(Trim {
        keep: Keep::From(id(6, 0)),
        ..trim
    });
    assert_eq!((entries.len(), entries.nodes_len()), (0, 1));
    assert_eq!(entries.first_id_with_deleted(), Some(id(5, 0)));
    entries.set_last_id(id(4, 0), None, None);
    push(&mut entries, id(5, 0), &["c", "d"], limits);
    assert_eq!(texts(all(&entries)), ["5-0 c=d"]);
}

#[test]
fn what_was_read_is_estimated_as_redis_does() {
    let mut entries = Entries::default();
    assert_eq!(entries.entries_read_up_to(id(3, 0)), 0);
    for ms in 1..=5 {
        push(&mut entries, id(ms, 0), &["a", "b"], LIMITS);
    }
    let estimates =
        |entries: &Entries| [0, 1, 3, 5, 6].map(|ms| entries.entries_read_up_to(id(ms, 0)));
    assert_eq!(estimates(&entries), [0, 1, -1, 5, -1]);
    entries.delete(&[id(1, 0)]);
    assert_eq!(estimates(&entries), [1, 1, -1, 5, -1]);
    entries.delete(&[id(3, 0)]);
    assert_eq!(estimates(&entries), [-1, -1, -1, 5, -1]);
    assert!(entries.is_fragmented_from(id(3, 0)) && !entries.is_fragmented_from(id(3, 1)));
    let lag = |read, last| entries.lag(&Group::new(id(last, 0), read));
    assert_eq!(lag(2, 2), None);
    assert_eq!(lag(3, 4), Some(2));
    assert_eq!(lag(-1, 5), Some(0));
    assert_eq!(lag(-1, 9), None);
}

#[test]
fn clones_share_until_a_change() {
    let mut stream = Stream::default();
    let (entries, groups) = stream.parts_mut();
    for ms in 1..=1000 {
        push(entries, id(ms, 0), &["a", "b"], LIMITS);
    }
    groups.add(b"g", Group::new(StreamId::MIN, 0));
    let mut group = groups.get_mut(b"g").unwrap();
    let consumer = group.create_consumer(b"c", 7).unwrap();
    for ms in 1..=1000 {
        group.assign(id(ms, 0), &consumer, 7, 1);
    }
    drop(group);
    let (clone, memory) = (stream.clone(), stream.memory_bytes());
    let (entries, groups) = stream.parts_mut();
    entries.delete(&[id(500, 0)]);
    push(entries, id(2000, 0), &["a", "b"], LIMITS);
    let mut group = groups.get_mut(b"g").unwrap();
    let other = group.create_consumer(b"d", 8).unwrap();
    group.assign(id(1, 0), &other, 8, 2);
    assert!(group.acknowledge(id(2, 0)) && !group.acknowledge(id(2, 0)));
    assert_eq!(group.delete_consumer(b"d"), Some(1));
    drop(group);
    assert_eq!(groups.get(b"g").unwrap().pending_len(), 998);

    assert_eq!(clone.entries().len(), 1000);
    assert_eq!(clone.memory_bytes(), memory);
    let group = clone.groups().get(b"g").unwrap();
    assert_eq!(group.pending_len(), 1000);
    assert_eq!(group.consumer(b"c").unwrap().pending_len(), 1000);
    assert_eq!(group.pending(id(1, 0)).unwrap().consumer(), b"c");
    stream.parts_mut().1.remove(b"g");
    assert_eq!(stream.groups().memory_bytes(), 0);
}

#[derive(Clone, Debug)]
enum Step {
    Push(u64, Vec<(u8, String)>),
    Delete(Vec<u8>),
    KeepLast(u8),
    KeepFrom(u8),
    Approximately(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let fields = prop::collection::vec((0u8..3, "[a-z]{0,9}|[0-9]{1,9}"), 1..4);
    prop_oneof![
        12 => (1u64..3, fields).prop_map(|(gap, fields)| Step::Push(gap, fields)),
        3 => prop::collection::vec(any::<u8>(), 1..5).prop_map(Step::Delete),
        1 => any::<u8>().prop_map(Step::KeepLast),
        1 => any::<u8>().prop_map(Step::KeepFrom),
        1 => any::<u8>().prop_map(Step::Approximately),
    ]
}

proptest! {
    #[test]
    fn entries_behave_as_a_sorted_map(
        steps in prop::collection::vec(step(), 0..150),
        max_entries in 0u64..12,
        max_bytes in prop_oneof![Just(0u64), 20u64..300],
    ) {
        let limits = NodeLimits { max_bytes, max_entries };
        let mut entries = Entries::default();
        let mut model = BTreeMap::<StreamId, Vec<String>>::new();
        let mut counters = Counters::default();
        for step in steps {
            match step {
                Step::Push(gap, fields) => {
                    let mut list = Vec::new();
                    for (field, value) in fields {
                        list.extend([format!("field{field}"), value]);
                    }
                    counters.last_id = id(counters.last_id.ms + gap - 1, counters.last_id.seq + 1);
                    counters.entries_added += 1;
                    let words: ArgsBuf = list.iter().collect();
                    entries.push(counters.last_id, words.as_args(), limits);
                    model.insert(counters.last_id, list);
                }
                Step::Delete(places) => {
                    let keys: Vec<StreamId> = model.keys().copied().collect();
                    let ids: Vec<StreamId> =
                        places.iter().filter_map(|at| keys.get(usize::from(*at)).copied()).collect();
                    let count = ids.iter().filter(|id| model.remove(id).is_some()).count();
                    counters.max_deleted_id =
                        ids.iter().copied().max().unwrap_or_default().max(counters.max_deleted_id);
                    prop_assert_eq!(entries.delete(&ids), count as u64);
                }
                Step::KeepLast(count) => {
                    let trim = Trim { keep: Keep::Last(count.into()), approximate: false, limit: 0 };
                    let excess = model.len().saturating_sub(count.into());
                    prop_assert_eq!(entries.trim(trim), excess as u64);
                    for _ in 0..excess {
                        model.pop_first();
                    }
                }
                Step::KeepFrom(at) => {
                    let first = model.keys().nth(at.into()).copied().unwrap_or(id(3, 3));
                    let trim = Trim { keep: Keep::From(first), approximate: false, limit: 0 };
                    let kept = model.split_off(&first);
                    prop_assert_eq!(entries.trim(trim), model.len() as u64);
                    model = kept;
                }
                Step::Approximately(count) => {
                    let trim = Trim { keep: Keep::Last(count.into()), approximate: true, limit: 20 };
                    let removed = entries.trim(trim);
                    prop_assert!(removed <= 20);
                    prop_assert!(removed == 0 || model.len() as u64 - removed >= count.into());
                    for _ in 0..removed {
                        model.pop_first();
                    }
                }
            }
            counters.length = model.len() as u64;
            counters.first_id = model.keys().next().copied().unwrap_or_default();
            prop_assert_eq!(entries.counters(), &counters);
        }
        let list = |(id, words): (&StreamId, &Vec<String>)| {
            let pairs = words.chunks(2).map(|pair| format!(" {}={}", pair[0], pair[1]));
            format!("{id}{}", pairs.collect::<String>())
        };
        prop_assert_eq!(texts(all(&entries)), model.iter().map(list).collect::<Vec<_>>());
        let ids: Vec<StreamId> = model.keys().copied().collect();
        if let (Some(first), Some(last)) = (ids.get(ids.len() / 3), ids.get(ids.len() / 2)) {
            let found = texts(entries.range(*first, *last).rev());
            prop_assert_eq!(found, model.range(first..=last).rev().map(list).collect::<Vec<_>>());
        }
        let nodes = entries.nodes_from(StreamId::MIN).map(|(id, bytes)| (id, bytes.to_vec()));
        let read = Stream::from_nodes(nodes).unwrap();
        prop_assert_eq!(texts(all(read.entries())), texts(all(&entries)));
        prop_assert_eq!(read.entries().memory_bytes(), entries.memory_bytes());
    }
}

#[derive(Clone, Debug)]
enum Change {
    Assign(u64, u8),
    Acknowledge(u64),
    Delete(u8),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => (0u64..300, 0u8..5).prop_map(|(ms, consumer)| Change::Assign(ms, consumer)),
        4 => (0u64..300).prop_map(Change::Acknowledge),
        1 => (0u8..5).prop_map(Change::Delete),
    ]
}

proptest! {
    #[test]
    fn what_is_pending_is_pending_for_one_consumer(
        changes in prop::collection::vec(change(), 0..600),
    ) {
        let mut groups = Groups::default();
        groups.add(b"g", Group::new(StreamId::MIN, 0));
        let mut model = BTreeMap::<u64, u8>::new();
        let mut group = groups.get_mut(b"g").unwrap();
        for (number, change) in changes.into_iter().enumerate() {
            let now_ms = number as i64;
            match change {
                Change::Assign(ms, consumer) => {
                    let name = [consumer];
                    let seen = group.see_consumer(&name, now_ms);
                    let name = seen.or_else(|| group.create_consumer(&name, now_ms)).unwrap();
                    group.assign(id(ms, 0), &name, now_ms, 1);
                    model.insert(ms, consumer);
                }
                Change::Acknowledge(ms) => {
                    prop_assert_eq!(group.acknowledge(id(ms, 0)), model.remove(&ms).is_some());
                }
                Change::Delete(consumer) => {
                    let before = model.len();
                    model.retain(|_, owner| *owner != consumer);
                    let deleted = group.delete_consumer(&[consumer]);
                    prop_assert_eq!(deleted.unwrap_or(0), before - model.len());
                }
            }
        }
        drop(group);
        let group = groups.get(b"g").unwrap();
        let owners = group.pending_from(StreamId::MIN).map(|(id, it)| (id.ms, it.consumer()[0]));
        prop_assert!(owners.eq(model.iter().map(|(ms, owner)| (*ms, *owner))));
        for (name, consumer) in group.consumers() {
            let own = model.iter().filter(|(_, owner)| [**owner] == *name);
            let own: Vec<u64> = own.map(|(ms, _)| *ms).collect();
            let listed: Vec<u64> = consumer.pending_from(StreamId::MIN).map(|id| id.ms).collect();
            prop_assert_eq!(consumer.pending_len(), own.len());
            prop_assert_eq!(listed, own);
        }
        // A file that holds the same is read as the same.
        let pending = group.pending_from(StreamId::MIN);
        let pending = pending.map(|(id, it)| (id, it.delivered_at_ms, it.deliveries));
        let consumers = group.consumers().map(|(name, consumer)| {
            let ids = consumer.pending_from(StreamId::MIN).collect();
            (name.to_vec(), consumer.seen_at_ms, ids)
        });
        let read = Group::from_parts(StreamId::MIN, 0, pending, consumers).unwrap();
        let mut others = Groups::default();
        others.add(b"g", read);
        prop_assert_eq!(others.memory_bytes(), groups.memory_bytes());
    }
}
