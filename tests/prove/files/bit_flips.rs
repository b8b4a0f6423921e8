//! Cases 20 and 21: every single bit of a file the other way round.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lastsave_tests::proof::{Proof, long};

use crate::old_forms;
use crate::ours::{Files, Ours, START_US, disk_of};
use crate::samples::{BASE_2, Log, RDB, always, config, rdb};

/// What a start made of a damaged file.
enum Outcome {
    /// It refused, and left every file as it was.
    Refused,
    /// It refused, and changed the files.
    Spoiled,
    /// It started with the data that this hash is of; the log has this much of the last file.
    Loaded(u64),
    /// It started, and said that it cut a tail off.
    Cut(u64),
    Panicked,
}

/// Starts on files.
fn open(config: &str, files: &Files) -> Outcome {
    let start = || {
        let ours = Ours::start(config, disk_of(files));
        if ours.refusal.is_some() {
            return if ours.files() == *files {
                Outcome::Refused
            } else {
                Outcome::Spoiled
            };
        }
        let cut = ours.log.iter().any(|line| line.contains("truncated"));
        let digest = ours.digest();
        if cut {
            Outcome::Cut(digest)
        } else {
            Outcome::Loaded(digest)
        }
    };
    catch_unwind(AssertUnwindSafe(start)).unwrap_or(Outcome::Panicked)
}

/// A copy of `bytes` with one bit the other way round.
pub(crate) fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

/// Every bit of a snapshot flipped, one at a time. With a checksum nothing may go unnoticed.
fn flip_snapshot(proof: &mut Proof, name: &str, config: &str, bytes: &[u8], checksum: bool) {
    let alone = |bytes: Vec<u8>| -> Files { [(RDB.to_owned(), bytes)].into() };
    let sound = Ours::open(config, &alone(bytes.to_vec()));
    assert!(sound.refusal.is_none(), "{name} is sound");
    let data = sound.digest();
    for bit in 0..bytes.len() * 8 {
        let damaged = flipped(bytes, bit);
        let what = format!("{name}, bit {} of byte {}", bit % 8, bit / 8);
        proof.case();
        let check =
            || lastsave_rdb::check::check(damaged.as_slice(), "dump.rdb", START_US / 1000).ok;
        let Ok(sound) = catch_unwind(check) else {
            proof.violation(format!("{what}: the checker panics"));
            continue;
        };
        if sound && checksum && bytes[..9] == damaged[..9] {
            proof.violation(format!("{what}: the checker finds nothing"));
        }
        match open(config, &alone(damaged)) {
            Outcome::Refused => proof.refused(),
            Outcome::Loaded(digest) if digest == data => {}
            Outcome::Loaded(_) if !checksum => proof.unnoticed(),
            Outcome::Loaded(_) | Outcome::Cut(_) => {
                proof.violation(format!("{what}: other data, unnoticed"));
            }
            Outcome::Spoiled => proof.violation(format!("{what}: refused, and changed the files")),
            Outcome::Panicked => proof.violation(format!("{what}: a panic")),
        }
    }
}

#[test]
fn case_20_every_bit_of_a_snapshot() {
    let mut proof = Proof::of(
        20,
        "every bit of a snapshot, all types and encodings",
        "detected or harmless",
    );
    let config = config("appendonly no\n");
    flip_snapshot(&mut proof, "version 10", &config, &rdb(""), true);
    flip_snapshot(
        &mut proof,
        "not compressed",
        &config,
        &rdb("rdbcompression no\n"),
        true,
    );
    flip_snapshot(
        &mut proof,
        "seldom forms",
        &config,
        &old_forms::seldom(),
        true,
    );
    for version in 5..=9 {
        let name = format!("version {version}");
        let bytes = old_forms::snapshot(version);
        flip_snapshot(&mut proof, &name, &config, &bytes, true);
    }
    proof.finish();
}

#[test]
fn case_20_every_bit_of_a_base() {
    let mut proof = Proof::of(20, "every bit of a log's base", "detected or harmless");
    let log = Log::of_everything(&always());
    let base = log.files[BASE_2].clone();
    let data = log.units.last().expect("there are some").1;
    let step = if long() { 1 } else { 3 };
    for bit in (0..base.len() * 8).step_by(step) {
        let what = format!("bit {} of byte {}", bit % 8, bit / 8);
        let mut files = log.files.clone();
        files.insert(BASE_2.into(), flipped(&base, bit));
        proof.case();
        match open(&log.config, &files) {
            Outcome::Refused => proof.refused(),
            Outcome::Loaded(digest) if digest == data => {}
            Outcome::Loaded(_) | Outcome::Cut(_) => {
                proof.violation(format!("{what}: other data, unnoticed"));
            }
            Outcome::Spoiled => proof.violation(format!("{what}: refused, and changed the files")),
            Outcome::Panicked => proof.violation(format!("{what}: a panic")),
        }
    }
    proof.finish();
}

#[test]
fn case_20_every_bit_of_a_snapshot_without_checksum() {
    let mut proof = Proof::of(
        20,
        "the same without a checksum, or of versions that have none",
        "no panic",
    );
    let config = config("appendonly no\nrdbchecksum no\n");
    let bytes = rdb("rdbchecksum no\n");
    flip_snapshot(&mut proof, "version 10", &config, &bytes, false);
    let bytes = rdb("rdbchecksum no\nrdbcompression no\n");
    flip_snapshot(&mut proof, "not compressed", &config, &bytes, false);
    flip_snapshot(
        &mut proof,
        "seldom forms",
        &config,
        &old_forms::seldom(),
        false,
    );
    for version in 1..=9 {
        let name = format!("version {version}");
        let bytes = old_forms::snapshot(version);
        flip_snapshot(&mut proof, &name, &config, &bytes, false);
    }
    proof.finish();
}

/// Runs the tests of this case once more in a process that may have little memory: no length in a damaged file makes a
/// start ask for more than what the file could hold.
#[test]
fn case_20_in_little_memory() {
    const INNER: &str = "LASTSAVE_LITTLE_MEMORY";
    const KIB: u64 = 256 << 10;
    let mut proof = Proof::of(
        20,
        "all of it in a process that may have 256 MiB",
        "no memory beyond that",
    );
    let test = std::env::current_exe().expect("the test has a path");
    for name in [
        "case_20_every_bit_of_a_snapshot",
        "case_20_every_bit_of_a_snapshot_without_checksum",
    ] {
        let output = std::process::Command::new("sh")
            .args(["-c", &format!("ulimit -v {KIB}; exec \"$0\" \"$@\"")])
            .arg(&test)
            .args(["--exact", &format!("bit_flips::{name}"), "--test-threads=1"])
            .env_remove("LASTSAVE_PROOFS")
            // One arena: every other one takes 64 MiB of addresses at once.
            .env("MALLOC_ARENA_MAX", "1")
            .env(INNER, "1")
            .output()
            .expect("the test can be run again");
        proof.case();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() || !text.contains("1 passed") {
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            proof.violation(format!("{name}: {}\n{text}{errors}", output.status));
        }
    }
    proof.finish();
}

/// How flips of a log's last file ended.
#[derive(Default)]
struct Classes {
    refused: u64,
    cut: u64,
    unchanged: u64,
    /// Other data than any prefix, and no word about it.
    silent: u64,
}

/// Every bit of a log's last file flipped, one at a time.
fn flip_log(proof: &mut Proof, name: &str, log: &Log) -> Classes {
    let bytes = log.bytes();
    let data = log.units.last().expect("there are some").1;
    let mut classes = Classes::default();
    for bit in 0..bytes.len() * 8 {
        let what = format!("{name}, bit {} of byte {}", bit % 8, bit / 8);
        proof.case();
        match open(&log.config, &log.with(&flipped(bytes, bit))) {
            Outcome::Refused => {
                classes.refused += 1;
                proof.refused();
            }
            Outcome::Loaded(digest) if digest == data => classes.unchanged += 1,
            Outcome::Loaded(_) => {
                classes.silent += 1;
                proof.unnoticed();
            }
            Outcome::Cut(digest) => {
                classes.cut += 1;
                // What is before the cut may hold the damage, unnoticed, if it is not what made the cut necessary.
                if !log.is_prefix(digest) {
                    proof.violation(format!("P {what}: cut, and no prefix"));
                }
            }
            Outcome::Spoiled => {
                proof.violation(format!("O {what}: refused, and changed the files"));
            }
            Outcome::Panicked => proof.violation(format!("{what}: a panic")),
        }
    }
    println!(
        "{name}: {} flips: {} refused, {} cut, {} unchanged, {} silently wrong",
        bytes.len() * 8,
        classes.refused,
        classes.cut,
        classes.unchanged,
        classes.silent
    );
    classes
}

#[test]
fn case_21_every_bit_of_a_log() {
    let mut proof = Proof::of(
        21,
        "every bit of an append-only file",
        "refused, cut to a prefix, loaded, or counted as unnoticed",
    );
    let log = Log::of_everything(&always());
    let classes = flip_log(&mut proof, "plain", &log);
    assert!(classes.refused > classes.silent, "framing catches most");
    let stamped = config("appendonly yes\naof-timestamp-enabled yes\n");
    flip_log(&mut proof, "with timestamps", &Log::of_everything(&stamped));
    proof.finish();
}

#[test]
fn case_21_every_bit_of_a_log_with_checksums() {
    let mut proof = Proof::of(
        21,
        "every bit of an append-only file with aof-checksums yes",
        "refused or harmless",
    );
    let config = config("appendonly yes\nappendfsync always\naof-checksums yes\n");
    let classes = flip_log(&mut proof, "with checksums", &Log::of_everything(&config));
    if classes.silent > 0 {
        proof.violation(format!("{} flips went unnoticed", classes.silent));
    }
    proof.finish();
}
