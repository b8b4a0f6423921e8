//! Salvage invents nothing, loses nothing that is readable, and what it makes is sound.

use std::collections::BTreeMap;

use lastsave_rdb::{Decoder, Item};

use super::*;
use crate::tests::{LOG, MANIFEST, inspect, snapshot};
use crate::{Limits, Verdict};

/// The records of a sound snapshot: name and bytes, by database.
fn records(bytes: &[u8]) -> BTreeMap<(u64, Vec<u8>), Vec<u8>> {
    let mut decoder = Decoder::new(bytes, true).expect("a snapshot");
    let mut records = BTreeMap::new();
    let mut db = 0;
    loop {
        let item = decoder.next_item().expect("sound");
        let range = decoder.item_start() as usize..decoder.offset() as usize;
        match item {
            Item::SelectDb(next) => db = next,
            Item::Key { key, .. } => {
                let double = records.insert((db, key), bytes[range].to_vec());
                assert!(double.is_none());
            }
            Item::End => return records,
            _ => {}
        }
    }
}

fn verdict(name: &str, bytes: &[u8]) -> Verdict {
    inspect(name, bytes, Limits::default()).1
}

/// Two databases, without functions, which the decoder refuses.
fn two_databases() -> Vec<u8> {
    let mut bytes = snapshot();
    let functions = b"\xf5\x10#!lua name=empty";
    let at = bytes
        .windows(functions.len())
        .position(|window| window == functions);
    let at = at.expect("it is there");
    bytes.drain(at..at + functions.len());
    bytes.truncate(bytes.len() - 9);
    bytes.extend(
        b"\xfe\x03\xfb\x03\x00\x00\x03one\xc0\x01\x00\x03two\x04text\x02\x03set\x02\x01a\x01b",
    );
    bytes.push(0xff);
    let checksum = lastsave_rdb::crc64(&bytes);
    bytes.extend(checksum.to_le_bytes());
    bytes
}

#[test]
fn what_is_sound_stays_as_it_is() {
    let (snapshot, data) = (snapshot(), two_databases());
    for (name, bytes) in [
        ("a.rdb", &snapshot[..]),
        ("b.rdb", &data),
        ("c.aof", LOG),
        ("d.aof", &[&data[..], LOG].concat()),
    ] {
        let (made, report) = file(name, bytes).expect("it is salvaged");
        assert!(made == bytes && report.nothing_lost(), "{name}: {report}");
    }
}

#[test]
fn one_damaged_place_costs_one_key() {
    let sound = two_databases();
    let all = records(&sound);
    let mut bytes = sound.clone();
    for at in (9..sound.len() - 9).step_by(83) {
        for flip in [0x01, 0xff] {
            bytes[at] ^= flip;
            let (made, report) = file("dump.rdb", &bytes).expect("most of it is there");
            bytes[at] ^= flip;
            assert!(!report.nothing_lost(), "at {at}");
            let kept = records(&made);
            let foreign = kept
                .iter()
                .filter(|(key, value)| all.get(key) != Some(value))
                .count();
            assert!(foreign <= usize::from(report.suspect), "at {at}: {report}");
            // The record that was hit, and behind the damage of a database's beginning those that cannot be told.
            assert!(kept.len() + 4 >= all.len(), "at {at}: {report}");
            assert!(verdict("dump.rdb", &made).is_sound());
        }
    }
}

#[test]
fn a_torn_snapshot_keeps_what_is_whole() {
    let sound = two_databases();
    let all = records(&sound);
    let mut before = 0;
    for len in (9..sound.len()).step_by(67) {
        let Ok((made, report)) = file("dump.rdb", &sound[..len]) else {
            assert_eq!(before, 0, "{len} bytes");
            continue;
        };
        let kept = records(&made);
        assert!(kept.iter().all(|(key, value)| all.get(key) == Some(value)));
        assert!(kept.len() + 1 >= before, "{len} bytes: {report}");
        let whole = kept.len() == all.len();
        assert_eq!(report.nothing_lost(), whole, "{len} bytes: {report}");
        before = before.max(kept.len());
    }
    assert!(before + 1 >= all.len());
}

#[test]
fn behind_a_hole_nothing_is_invented() {
    let sound = two_databases();
    let all = records(&sound);
    for from in (60..sound.len() - 300).step_by(487) {
        for fill in [0, 0xff, b'a'] {
            let mut bytes = sound.clone();
            bytes[from..from + 256].fill(fill);
            let Ok((made, report)) = file("dump.rdb", &bytes) else {
                continue;
            };
            assert!(!report.nothing_lost());
            // A hole in the middle of a string does not show, but by the checksum.
            let mut changed = 0;
            for (key, value) in records(&made) {
                let original = all.get(&key);
                assert!(
                    original.is_some(),
                    "hole at {from} of {fill}: {key:?} {report}"
                );
                changed += usize::from(original != Some(&value));
            }
            assert!(changed <= 1, "hole at {from} of {fill}: {report}");
        }
    }
}

/// `SET k<n> v<n>` for each number, checksums in between if asked for.
fn log_of(numbers: Range<u32>, checksums: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut checksum = lastsave_aof::Checksum::new();
    for number in numbers {
        let key = format!("k{number}");
        let command = format!("*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n$2\r\nvv\r\n", key.len());
        checksum.update(command.as_bytes());
        bytes.extend(command.bytes());
        if checksums && number % 4 == 3 {
            checksum.close(&mut bytes);
        }
    }
    bytes
}

#[test]
fn a_log_goes_on_at_the_next_command() {
    for checksums in [false, true] {
        let sound = log_of(0..40, checksums);
        assert_eq!(file("x.aof", &sound).expect("sound").1.commands, 40);
        for at in 0..sound.len() {
            let mut bytes = sound.clone();
            bytes[at] ^= 0x10;
            let (made, report) = file("x.aof", &bytes).expect("most of it is there");
            // With checksums, a block; two if the line between them is what is damaged.
            let cost = if checksums { 8 } else { 2 };
            assert!(report.commands + cost >= 40, "at {at}: {report}");
            // Without checksums a wrong letter in a key or value shows nowhere.
            let last_line = sound.len() - 22;
            assert!(
                !checksums || at >= last_line || !report.nothing_lost(),
                "at {at}"
            );
            assert!(verdict("x.aof", &made).is_sound(), "at {at}: {report}");
        }
        for len in 1..sound.len() {
            let Ok((made, report)) = file("x.aof", &sound[..len]) else {
                continue;
            };
            assert!(
                sound.starts_with(&made) || checksums,
                "{len} bytes: {report}"
            );
            assert!(verdict("x.aof", &made).is_sound());
        }
    }
}

#[test]
fn words_that_look_like_commands_are_words() {
    let inner = log_of(0..3, false);
    let outer = [
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n".to_vec(),
        format!("${}\r\n", inner.len()).into_bytes(),
        inner,
        b"\r\n".to_vec(),
    ]
    .concat();
    let log = [log_of(5..7, false), outer.clone(), log_of(8..10, false)].concat();
    let head = log_of(5..7, false).len();
    // Its first byte is damaged: what is within its last word must not be run.
    let mut bytes = log.clone();
    bytes[head] = b'+';
    let (made, report) = file("x.aof", &bytes).expect("readable");
    assert_eq!(
        made,
        [log_of(5..7, false), log_of(8..10, false)].concat(),
        "{report}"
    );
    // It is torn: likewise.
    let (made, _) = file("x.aof", &log[..head + outer.len() - 10]).expect("readable");
    assert_eq!(made, log_of(5..7, false));
}

#[test]
fn transactions_are_kept_whole_or_not_at_all() {
    let transaction = b"*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n*2\r\n$4\r\nINCR\r\n$1\r\nb\r\n*1\r\n$4\r\nEXEC\r\n";
    let log = [&log_of(0..2, false)[..], transaction, &log_of(3..5, false)].concat();
    let head = log_of(0..2, false).len();
    for at in head..head + transaction.len() {
        let mut bytes = log.clone();
        bytes[at] ^= 0x10;
        let (made, report) = file("x.aof", &bytes).expect("readable");
        let text = String::from_utf8_lossy(&made).into_owned();
        let (a, b) = (text.contains("$1\r\na"), text.contains("$1\r\nb"));
        let multi = (text.matches("MULTI").count(), text.matches("EXEC").count());
        assert!(
            multi == (1, 1) || multi == (0, 0) && !a && !b,
            "at {at}: {text}\n{report}"
        );
        assert!(
            text.contains("k0") && text.contains("k4"),
            "at {at}: {report}"
        );
    }
    let (made, report) = file("x.aof", &log[..head + transaction.len() - 14]).expect("readable");
    assert_eq!((made, report.left_out.len()), (log_of(0..2, false), 1));
}

#[test]
fn commands_that_no_server_runs_are_named() {
    let log = b"*3\r\n$3\r\nSEU\r\n$1\r\nk\r\n$1\r\nv\r\n*2\r\n$3\r\nSET\r\n$1\r\nk\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n";
    let (made, report) = file("x.aof", log).expect("readable");
    assert_eq!(made, &log[log.len() - 27..]);
    let reasons: Vec<_> = report
        .left_out
        .iter()
        .map(|left_out| &left_out.reason[..])
        .collect();
    assert_eq!(reasons, ["no such command", "a wrong number of words"]);
    // A command that relies on one that was left out fails now, and a server would refuse the log for it.
    let log = b"*3\r\n$3\r\nSEU\r\n$1\r\nk\r\n$1\r\nv\r\n*3\r\n$6\r\nRENAME\r\n$1\r\nk\r\n$1\r\nl\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n";
    let (made, report) = file("x.aof", log).expect("readable");
    assert_eq!(made, b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n");
    assert!(
        report.left_out[1]
            .reason
            .starts_with("it fails without what was left out")
    );
}

fn log_directory() -> Vec<(String, Vec<u8>)> {
    let file = |name: &str, bytes: &[u8]| (name.to_owned(), bytes.to_vec());
    vec![
        file("appendonly.aof.manifest", MANIFEST),
        file("appendonly.aof.2.base.rdb", &two_databases()),
        file("appendonly.aof.3.incr.aof", &log_of(0..9, false)),
    ]
}

#[test]
fn a_directory_is_salvaged_with_its_manifest() {
    let files = log_directory();
    let (made, report) = directory(&files).expect("sound");
    assert!(report.nothing_lost(), "{report}");
    let made: BTreeMap<_, _> = made.into_iter().collect();
    assert_eq!(made, files.iter().cloned().collect());
    // Without its manifest it comes to the same.
    for broken in [None, Some(b"file appendonly".to_vec())] {
        let mut files = files.clone();
        match broken {
            None => drop(files.remove(0)),
            Some(text) => files[0].1 = text,
        }
        let (remade, report) = directory(&files).expect("the names leave no doubt");
        assert_eq!(made, remade.into_iter().collect());
        assert_eq!(report.notes.len(), 1);
        // Two bases do.
        files.push(("appendonly.aof.1.base.rdb".into(), two_databases()));
        assert!(directory(&files).is_err_and(|error| error.contains("more than one base")));
    }
    let mut files = log_directory();
    files[2].1.truncate(30);
    files[1].1[400] ^= 1;
    let (_, report) = directory(&files).expect("readable");
    let names: Vec<_> = report
        .left_out
        .iter()
        .map(|left_out| &left_out.file[..])
        .collect();
    assert!(names.contains(&"appendonly.aof.3.incr.aof"), "{report}");
    let without_incr = directory(&log_directory()[..2]).expect("readable").1;
    assert_eq!(
        without_incr.left_out[0].reason,
        "the manifest names it, and it is not there"
    );
}

proptest::proptest! {
    #[test]
    fn any_bytes_end_in_a_report(mut bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300), log in proptest::prelude::any::<bool>()) {
        bytes.splice(..0, if log { b"*1\r\n".to_vec() } else { b"REDIS0011".to_vec() });
        if let Ok((made, _)) = file(if log { "x.aof" } else { "x.rdb" }, &bytes) {
            let verdict = verdict(if log { "x.aof" } else { "x.rdb" }, &made);
            proptest::prop_assert!(verdict.is_sound(), "{:?}", verdict.problems);
        }
    }
}
