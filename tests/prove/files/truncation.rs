//! Cases 8, 9, 10 and 12: files that end early, or in zeros.

use lastsave_tests::proof::{Proof, long};
use lastsave_vfs::Survival;

use crate::old_forms;
use crate::ours::{Files, Ours, disk_of};
use crate::samples::{BASE_2, CHANGES, EVERYTHING, Log, MANIFEST, always, config};

/// Opens damaged files, requires these data (one of them) to be there, writes, kills, and requires all of it again.
fn goes_on(proof: &mut Proof, what: &str, config: &str, files: &Files, allowed: &[u64]) {
    let mut first = Ours::open(config, files);
    if let Some(why) = &first.refusal {
        return proof.violation(format!("O {what}: does not start: {why}"));
    }
    if !allowed.contains(&first.digest()) {
        proof.violation(format!("P {what}: other data than those of a prefix"));
    }
    first.call("SET probe written");
    let digest = first.digest();
    let survives_power = config.contains("appendfsync always");
    let mut cut_off = first.recorder.disk.clone();
    let killed = first.kill();
    let again = Ours::start(config, killed);
    if again.refusal.is_some() || again.digest() != digest {
        let why = again.refusal.unwrap_or("other data".into());
        proof.violation(format!(
            "F {what}: what was written then is lost by a kill: {why}"
        ));
        return;
    }
    let left = again.files();
    let third = Ours::start(config, again.kill());
    if third.digest() != digest || third.files() != left {
        proof.violation(format!("I {what}: another start brings something else"));
    }
    if survives_power {
        cut_off.power_loss(Survival::None);
        let again = Ours::start(config, cut_off);
        if again.refusal.is_some() || again.digest() != digest {
            proof.violation(format!(
                "F {what}: what was written then is lost by a power loss"
            ));
        }
    }
}

/// Opens files twice, requires a refusal both times, and that no byte changes.
pub(crate) fn is_refused_twice(proof: &mut Proof, what: &str, config: &str, files: &Files) {
    let mut disk = disk_of(files);
    for time in ["first", "second"] {
        let ours = Ours::start(config, disk);
        if ours.refusal.is_none() {
            return proof.violation(format!("O {what}: the {time} start takes it"));
        }
        if ours.files() != *files {
            return proof.violation(format!(
                "O {what}: the {time} start refuses, and changes the files"
            ));
        }
        disk = ours.kill();
    }
    proof.refused();
}

/// Cuts the last file of a log at every byte.
fn cut_everywhere(proof: &mut Proof, name: &str, log: &Log) {
    let bytes = log.bytes();
    for len in 0..=bytes.len() {
        let what = format!("{name}, cut to {len} of {} bytes", bytes.len());
        let files = log.with(&bytes[..len]);
        proof.case();
        match log.data_at(len) {
            Some(data) => goes_on(proof, &what, &log.config, &files, &[data]),
            // An empty file says nothing about what was in it.
            None if len == 0 => {
                goes_on(proof, &what, &log.config, &files, &[empty()]);
                proof.unnoticed();
            }
            None => is_refused_twice(proof, &what, &log.config, &files),
        }
    }
}

/// The data of an empty server, as a hash.
fn empty() -> u64 {
    Ours::open(&config(""), &Files::new()).digest()
}

#[test]
fn case_08_every_truncation_of_the_last_file() {
    let mut proof = Proof::of(
        8,
        "last file cut at every byte, then a write acknowledged",
        "P, A, F, I",
    );
    let with = |lines: &str| config(&format!("appendonly yes\n{lines}"));
    for (name, config) in [
        ("always", always()),
        ("everysec", with("appendfsync everysec\n")),
        (
            "no, with timestamps",
            with("appendfsync no\naof-timestamp-enabled yes\n"),
        ),
    ] {
        cut_everywhere(&mut proof, name, &Log::of_everything(&config));
    }
    let no_preamble = with("appendfsync always\naof-use-rdb-preamble no\n");
    cut_everywhere(&mut proof, "base of commands", &Log::as_base(&no_preamble));
    proof.finish();
}

#[test]
fn case_08_every_truncation_is_refused_if_asked_for() {
    let mut proof = Proof::of(8, "the same with aof-load-truncated no", "P, O");
    let config = config("appendonly yes\naof-load-truncated no\n");
    let log = Log::of_everything(&config);
    let bytes = log.bytes();
    for len in 0..=bytes.len() {
        let what = format!("cut to {len} of {} bytes", bytes.len());
        let files = log.with(&bytes[..len]);
        proof.case();
        let ours = Ours::open(&config, &files);
        if ours.refusal.is_some() {
            is_refused_twice(&mut proof, &what, &config, &files);
        } else if log.data_at(len) != Some(ours.digest()) {
            proof.violation(format!("P {what}: other data"));
        }
    }
    proof.finish();
}

#[test]
fn case_08_every_truncation_of_a_snapshot() {
    let mut proof = Proof::of(8, "last file is a snapshot, cut at every byte", "O");
    let log = Log::of(&always(), EVERYTHING, &[]);
    let snapshot = &log.files[BASE_2];
    let manifest = b"file appendonly.aof.2.base.rdb seq 2 type b\n".to_vec();
    for len in 0..snapshot.len() {
        let files: Files = [
            (MANIFEST.into(), manifest.clone()),
            (BASE_2.into(), snapshot[..len].to_vec()),
        ]
        .into();
        let what = format!("cut to {len} of {} bytes", snapshot.len());
        proof.case();
        if len == 0 {
            // An empty base of commands looks the same.
            proof.unnoticed();
        } else {
            is_refused_twice(&mut proof, &what, &always(), &files);
        }
    }
    proof.finish();
}

#[test]
fn case_09_every_truncation_of_an_old_file() {
    let mut proof = Proof::of(
        9,
        "old file with a snapshot at its head, cut at every byte, then a write acknowledged",
        "P, A, F, O, I",
    );
    let log = Log::of_everything(&always());
    let preamble = log.files[BASE_2].clone();
    let one = Log::in_one_file(&always(), &preamble, &log);
    cut_everywhere(&mut proof, "new snapshot", &one);

    let old = old_forms::snapshot(9);
    let mut base = Ours::open(&config(""), &[("dump.rdb".into(), old.clone())].into());
    let mut units = vec![(old.len(), base.digest())];
    let mut bytes = old;
    for number in 0..3 {
        let line = format!("SET added {number}");
        base.call(&line);
        let value = number.to_string();
        lastsave_tests::native::append_command(&mut bytes, &["SET", "added", &value]);
        units.push((bytes.len(), base.digest()));
    }
    let config = config("appendonly yes\nappendfsync everysec\n");
    let one = Log {
        config,
        files: [("appendonly.aof".into(), bytes)].into(),
        last: "appendonly.aof".into(),
        units,
    };
    cut_everywhere(&mut proof, "old snapshot", &one);
    proof.finish();
}

#[test]
fn case_10_a_torn_or_missing_file_that_is_not_the_last() {
    let mut proof = Proof::of(10, "torn or missing file that is not the last", "O, twice");
    let config = always();
    let log = Log::of_everything(&config);
    let last_name = log.last.rsplit('/').next().expect("it has a name");
    let next = log.last.replace("2.incr", "3.incr");
    let mut manifest = log.files[MANIFEST].clone();
    manifest.extend_from_slice(b"file appendonly.aof.3.incr.aof seq 3 type i\n");
    let mut files = log.files.clone();
    files.insert(MANIFEST.into(), manifest);
    files.insert(
        next,
        b"*3\r\n$3\r\nSET\r\n$4\r\nnext\r\n$1\r\n1\r\n".to_vec(),
    );
    assert!(Ours::open(&config, &files).refusal.is_none(), "it is sound");

    let bytes = log.bytes();
    for len in 0..bytes.len() {
        let what = format!("{last_name} cut to {len} of {} bytes", bytes.len());
        let mut files = files.clone();
        files.insert(log.last.clone(), bytes[..len].to_vec());
        proof.case();
        if ends_between_commands(bytes, len) {
            // Nothing in the format says how long a file must be.
            proof.unnoticed();
        } else {
            is_refused_twice(&mut proof, &what, &config, &files);
        }
    }
    for path in [&log.last, BASE_2] {
        let mut files = files.clone();
        files.remove(path);
        proof.case();
        is_refused_twice(&mut proof, &format!("{path} missing"), &config, &files);
    }
    let snapshot = &log.files[BASE_2];
    for len in 1..snapshot.len() {
        let mut files = files.clone();
        files.insert(BASE_2.into(), snapshot[..len].to_vec());
        proof.case();
        is_refused_twice(&mut proof, &format!("base cut to {len}"), &config, &files);
    }
    proof.finish();
}

/// Whether a file of commands cut here ends behind a command, and not within a transaction.
fn ends_between_commands(bytes: &[u8], len: usize) -> bool {
    let mut reader = lastsave_aof::Reader::new(Vec::new(), &bytes[..len], 0);
    let mut open = false;
    loop {
        match reader.next_entry() {
            Ok(Some(lastsave_aof::Entry::Command(args))) => match &args[0] {
                b"MULTI" => open = true,
                b"EXEC" => open = false,
                _ => {}
            },
            Ok(Some(lastsave_aof::Entry::Annotation(_))) => {}
            Ok(None) => return !open,
            Err(_) => return false,
        }
    }
}

#[test]
fn case_12_a_tail_of_zeros() {
    let mut proof = Proof::of(12, "tail of 1 byte to 64 KiB of zeros", "P, A, F, I");
    let log = Log::of(&always(), &EVERYTHING[..7], CHANGES_OF_TEXT);
    let bytes = log.bytes();
    let mut lengths = vec![1, 2, 3, 5, 17, 511, 4_096, 65_536];
    if long() {
        lengths.extend(1..40);
        lengths.extend((6..17).flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 1]));
        lengths.retain(|zeros| *zeros <= 65_536);
    }
    for zeros in lengths {
        for len in 0..=bytes.len() {
            let what = format!("{zeros} zeros behind {len} of {} bytes", bytes.len());
            let mut torn = bytes[..len].to_vec();
            torn.resize(len + zeros, 0);
            // The last byte of a command is not looked at.
            let allowed =
                [log.data_at(len), log.data_at(len + 1)].map(|data| data.expect("a base"));
            proof.case();
            goes_on(&mut proof, &what, &log.config, &log.with(&torn), &allowed);
        }
    }
    proof.finish();
}

/// Changes to strings alone.
const CHANGES_OF_TEXT: &[&str] = &[
    "SET text other",
    "MULTI",
    "INCR small",
    "APPEND text more",
    "EXEC",
    "SET bytes \"\\x00\\x00\\x00\\x00\"",
    "SET empty \"\"",
];

#[test]
fn the_changes_leave_every_command_a_length_of_its_own() {
    let log = Log::of(&always(), EVERYTHING, CHANGES);
    let mut lengths: Vec<usize> = log.units.iter().map(|(len, _)| *len).collect();
    lengths.dedup();
    assert!(lengths.len() > CHANGES.len() / 2);
    assert!(log.files.contains_key(BASE_2));
}
