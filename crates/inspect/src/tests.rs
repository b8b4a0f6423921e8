//! Trees of sound files cover them byte for byte; trees of unsound ones end.

use std::ops::Range;

use super::*;

/// A snapshot with a value of every type and encoding that DUMP of the real server gave us, and what else a file has.
pub(crate) fn snapshot() -> Vec<u8> {
    let mut bytes = b"REDIS0010\xfa\x09redis-ver\x067.0.15\xfa\x08aof-base\xc0\x00".to_vec();
    bytes.extend(b"\xf5\x10#!lua name=empty\xfe\x00\xfb\x13\x01");
    for (index, line) in include_str!("../../rdb/testdata/values.golden")
        .lines()
        .enumerate()
    {
        let (name, payload) = line.split_once(' ').expect("two columns");
        let payload: Vec<u8> = (0..payload.len() / 2)
            .map(|at| u8::from_str_radix(&payload[2 * at..2 * at + 2], 16).expect("hexadecimal"))
            .collect();
        if index == 0 {
            bytes.extend(b"\xfc\x00\x40\x94\x52\xa3\x03\x00\x00\xf9\x05");
        }
        bytes.push(payload[0]);
        bytes.push(name.len() as u8);
        bytes.extend(name.bytes());
        bytes.extend(&payload[1..payload.len() - 10]);
    }
    bytes.push(0xff);
    let checksum = lastsave_rdb::crc64(&bytes);
    bytes.extend(checksum.to_le_bytes());
    bytes
}

pub(crate) const LOG: &[u8] = b"#TS:1700000000\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n\
    $1\r\nv\r\n*1\r\n$4\r\nEXEC\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n";

pub(crate) const MANIFEST: &[u8] =
    b"file appendonly.aof.2.base.rdb seq 2 type b\nfile appendonly.aof.3.incr.aof seq 3 type i\n";

pub(crate) fn inspect(name: &str, bytes: &[u8], limits: Limits) -> (Vec<Node>, Verdict) {
    let mut inspector = Inspector::new(bytes, name, Some(bytes.len() as u64), limits);
    let mut nodes = Vec::new();
    while let Some(node) = inspector.next_node() {
        nodes.push(node);
    }
    (nodes, inspector.finish())
}

/// Children follow each other from the first byte of `range` to the last, and so do theirs; decompressed ones count for
/// themselves.
fn assert_covers(nodes: &[Node], range: Range<u64>) {
    let mut at = range.start;
    for node in nodes.iter().filter(|node| !node.decompressed) {
        assert_eq!(node.range.start, at, "{node:?}");
        at = node.range.end;
        if !node.children.is_empty() {
            assert_covers(&node.children, node.range.clone());
        }
    }
    assert_eq!(at, range.end, "{nodes:?}");
}

fn assert_within(nodes: &[Node], len: u64) {
    for node in nodes {
        assert!(node.range.start <= node.range.end, "{node:?}");
        assert!(node.decompressed || node.range.end <= len, "{node:?}");
        assert_within(&node.children, len);
    }
}

#[test]
fn every_byte_of_a_sound_file_has_a_meaning() {
    let (snapshot, both) = (snapshot(), [&snapshot()[..], LOG].concat());
    for (name, bytes, format) in [
        ("dump.rdb", &snapshot[..], Format::Rdb(10)),
        ("appendonly.aof", LOG, Format::Aof),
        ("appendonly.aof", &both, Format::AofWithPreamble(10)),
        ("appendonly.aof.manifest", MANIFEST, Format::Manifest),
    ] {
        for parts in [0, 3, usize::MAX] {
            let limits = Limits {
                parts,
                ..Limits::default()
            };
            let (nodes, verdict) = inspect(name, bytes, limits);
            assert_eq!(
                (verdict.format, verdict.problems),
                (format, Vec::new()),
                "{name}"
            );
            assert_eq!(verdict.read_len, bytes.len() as u64);
            assert_covers(&nodes, 0..bytes.len() as u64);
        }
    }
    let (nodes, verdict) = inspect("dump.rdb", &snapshot, Limits::default());
    assert_eq!((verdict.keys, verdict.expiring), (19, 1));
    assert!(
        nodes
            .iter()
            .any(|node| node.value.starts_with("\"hash-small\" = a hash {"))
    );
}

#[test]
fn limits_hold_and_errors_show_through_them() {
    let bytes = snapshot();
    let all = inspect("dump.rdb", &bytes, Limits::default()).0;
    let window = |window: Range<u64>| Limits {
        window,
        ..Limits::default()
    };
    for at in (0..bytes.len() as u64).step_by(97) {
        let (nodes, verdict) = inspect("dump.rdb", &bytes, window(at..at + 1));
        let within: Vec<_> = all
            .iter()
            .filter(|node| node.range.contains(&at))
            .cloned()
            .collect();
        assert_eq!(nodes, within);
        assert!(
            verdict.is_sound() && verdict.keys == 19,
            "the rest is read all the same"
        );
    }
    let keys = Some(b"hash-*".to_vec());
    let (nodes, _) = inspect(
        "dump.rdb",
        &bytes,
        Limits {
            keys,
            ..Limits::default()
        },
    );
    assert_eq!(nodes.len(), 3);
    let keys = Some(b"n".to_vec());
    let (nodes, _) = inspect(
        "x.aof",
        LOG,
        Limits {
            keys,
            ..Limits::default()
        },
    );
    assert_eq!(
        nodes.iter().map(|node| &node.value[..]).collect::<Vec<_>>(),
        ["INCR n"]
    );
    let (nodes, _) = inspect(
        "dump.rdb",
        &bytes,
        Limits {
            depth: 0,
            ..Limits::default()
        },
    );
    assert!(nodes.iter().all(|node| node.children.is_empty()));
}

#[test]
fn a_value_that_contradicts_itself_is_read_past() {
    let mut bytes = snapshot();
    let name = bytes
        .windows(6)
        .position(|window| window == b"set-16")
        .expect("it is there");
    // The intset's last integer becomes smaller than the one before.
    bytes[name + 6 + 16] = 0x80;
    let (nodes, verdict) = inspect(
        "dump.rdb",
        &bytes,
        Limits {
            depth: 0,
            ..Limits::default()
        },
    );
    assert_eq!(verdict.keys, 19);
    let texts: Vec<&str> = verdict
        .problems
        .iter()
        .map(|problem| &problem.text[..])
        .collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert_eq!(texts[0], "Intset integrity check failed.");
    assert_eq!(verdict.problems[0].key.as_deref(), Some("\"set-16\""));
    assert!(texts[1].starts_with("wrong checksum"));
    let errors = nodes.iter().flat_map(|node| &node.children);
    assert_eq!(
        errors.filter(|node| node.kind == NodeKind::Error).count(),
        2
    );
}

#[test]
fn what_is_torn_or_foreign_ends_in_an_error_and_the_rest() {
    for (bytes, whole, text) in [
        (&LOG[..50], 39, "the file ends inside a command"),
        (
            &[LOG, b"\0\0\0\0"].concat()[..],
            LOG.len(),
            "nothing but zeros from here on",
        ),
        (&[LOG, b"hello"].concat(), LOG.len(), "not a command"),
        (&LOG[..60], 39, "the file ends inside a command"),
        (
            &LOG[..81],
            39,
            "the file ends before the EXEC of this MULTI: none of it is applied",
        ),
    ] {
        let (nodes, verdict) = inspect("x.aof", bytes, Limits::default());
        assert!(
            verdict.problems.iter().any(|problem| problem.text == text),
            "{verdict:?}"
        );
        let sound = nodes.iter().filter(|node| node.kind == NodeKind::Command);
        assert!(
            sound
                .map(|node| node.range.end)
                .all(|end| end <= whole as u64)
        );
        assert_within(&nodes, bytes.len() as u64);
    }
    let (_, verdict) = inspect("notes.txt", b"Hello, world", Limits::default());
    assert!(!verdict.is_sound());
    let (_, verdict) = inspect(
        "m.manifest",
        b"file a seq 1 type b\nfile b seq x type b\n",
        Limits::default(),
    );
    assert_eq!(verdict.problems[0].range, 20..40);
}

#[test]
fn no_cut_and_no_flipped_bit_brings_it_down() {
    let snapshot = snapshot();
    let mut bytes = snapshot.clone();
    let limits = || Limits {
        parts: 8,
        ..Limits::default()
    };
    for at in (0..bytes.len()).step_by(13) {
        let (nodes, verdict) = inspect("dump.rdb", &bytes[..at], limits());
        assert!(!verdict.is_sound() || at == 0);
        assert_within(&nodes, at as u64);
        bytes[at] ^= 1 << (at % 8);
        let (nodes, verdict) = inspect("dump.rdb", &bytes, limits());
        // The last digit of the version is a version of its own; everything else is in the checksum.
        assert!(!verdict.is_sound() || at < 9, "{at}");
        assert_within(&nodes, bytes.len() as u64);
        bytes[at] = snapshot[at];
    }
    let mut log = LOG.to_vec();
    for at in 0..log.len() {
        for bit in 0..8 {
            log[at] ^= 1 << bit;
            assert_within(&inspect("x.aof", &log, limits()).0, log.len() as u64);
            log[at] ^= 1 << bit;
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_end_in_nodes(mut bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), head in 0..3) {
        let head = ["REDIS0012", "*1\r\n", "file "][head as usize].as_bytes();
        bytes.splice(..0, head.iter().copied());
        let (nodes, _) = inspect("x", &bytes, Limits::default());
        assert_within(&nodes, bytes.len() as u64);
    }
}

#[test]
fn a_key_is_of_the_database_before_it() {
    let bytes = b"REDIS0010\xfe\x00\x00\x01a\xc0\x05\xfe\x03\x00\x01a\xc0\x06\x00\x01b\xc0\x07\xff\0\0\0\0\0\0\0\0";
    let found = |limits| {
        let mut inspector =
            Inspector::new(&bytes[..], "dump.rdb", Some(bytes.len() as u64), limits);
        let mut found = Vec::new();
        while let Some(node) = inspector.next_node() {
            if node.kind == NodeKind::Key {
                found.push((node.range.start, inspector.database()));
            }
        }
        found
    };
    assert_eq!(found(Limits::default()), [(11, 0), (18, 3), (23, 3)]);
    // What is passed over counts.
    let window = Limits {
        window: 20..24,
        ..Limits::default()
    };
    assert_eq!(found(window), [(18, 3), (23, 3)]);
    let keys = Limits {
        keys: Some(b"a".to_vec()),
        ..Limits::default()
    };
    assert_eq!(found(keys), [(11, 0), (18, 3)]);
}
