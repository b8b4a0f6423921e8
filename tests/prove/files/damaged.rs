//! Case 30: a file of each kind cut at every byte, and with every bit the other way round, opened by us and by the real
//! server.

use std::sync::atomic::{AtomicUsize, Ordering};

use lastsave_tests::native::Random;
use lastsave_tests::proof::{Counts, Proof, long};

use crate::bit_flips::flipped;
use crate::compare::{Excuse, Verdict, compare, sound_state};
use crate::old_forms;
use crate::ours::Files;
use crate::samples::{BASE_2, Log, MANIFEST, RDB, always, config, rdb};

/// A file to damage among others.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) config: String,
    pub(crate) files: Files,
    pub(crate) path: String,
}

/// One file of each kind, with all types in it. `LASTSAVE_ONLY` names one to try alone.
pub(crate) fn kinds() -> Vec<Kind> {
    let log = Log::of_everything(&always());
    let of_commands = Log::as_base(&always());
    let preamble = log.files[BASE_2].clone();
    let old = Log::in_one_file(&always(), &preamble, &log);
    let stamped = config("appendonly yes\nappendfsync no\naof-timestamp-enabled yes\n");
    let stamped_log = Log::of_everything(&stamped);
    let off = config("appendonly no\n");
    let alone = |bytes: Vec<u8>| -> Files { [(RDB.to_owned(), bytes)].into() };
    let kinds = vec![
        Kind {
            name: "snapshot",
            config: off.clone(),
            files: alone(rdb("")),
            path: RDB.into(),
        },
        Kind {
            name: "manifest of a log that is off",
            config: off.clone(),
            files: log.files.clone(),
            path: MANIFEST.into(),
        },
        Kind {
            name: "old snapshot",
            config: off,
            files: alone(old_forms::snapshot(9)),
            path: RDB.into(),
        },
        Kind {
            name: "incr file",
            config: always(),
            files: log.files.clone(),
            path: log.last.clone(),
        },
        Kind {
            name: "incr file with timestamps",
            config: stamped,
            files: stamped_log.files,
            path: stamped_log.last,
        },
        Kind {
            name: "base of commands",
            config: always(),
            files: of_commands.files,
            path: of_commands.last,
        },
        Kind {
            name: "old file with a snapshot at its head",
            config: always(),
            files: old.files,
            path: old.last,
        },
        Kind {
            name: "manifest",
            config: always(),
            files: log.files,
            path: MANIFEST.into(),
        },
    ];
    let only = std::env::var("LASTSAVE_ONLY").ok();
    let is_wanted = |kind: &Kind| only.as_ref().is_none_or(|only| only == kind.name);
    kinds.into_iter().filter(is_wanted).collect()
}

/// Some of `0..end`, always the same; all of them in the long mode.
pub(crate) fn sample(end: usize, count: u64, seed: u64) -> Vec<usize> {
    if long() {
        return (0..end).collect();
    }
    let mut random = Random(seed);
    (0..count)
        .map(|_| random.below(end as u64) as usize)
        .collect()
}

/// Does `work` for each of `items`, two at a time, with a proof each, and puts the counts together.
pub(crate) fn in_pairs<T: Sync>(
    proof: &mut Proof,
    items: &[T],
    work: impl Fn(&mut Proof, &T) -> Verdict + Sync,
) -> Vec<Verdict> {
    let next = AtomicUsize::new(0);
    let part = || {
        let mut own = Proof::of(30, "part", "");
        let mut verdicts = Vec::new();
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            verdicts.push(work(&mut own, item));
        }
        (own, verdicts)
    };
    let parts = std::thread::scope(|scope| {
        let threads = [scope.spawn(part), scope.spawn(part)];
        threads.map(|thread| thread.join().expect("no panic"))
    });
    let mut all = Vec::new();
    for (own, verdicts) in parts {
        let Counts {
            cases,
            refused,
            unnoticed,
        } = own.counts();
        proof.add(Counts {
            cases,
            refused,
            unnoticed,
        });
        for violation in own.into_violations() {
            proof.violation(violation);
        }
        all.extend(verdicts);
    }
    all
}

/// Prints how often which excuse was needed.
pub(crate) fn print_excuses(name: &str, verdicts: &[Verdict]) {
    let mut counts: Vec<(Excuse, usize)> = Vec::new();
    for verdict in verdicts {
        for excuse in verdict.iter().flatten() {
            match counts.iter_mut().find(|(known, _)| known == excuse) {
                Some((_, count)) => *count += 1,
                None => counts.push((*excuse, 1)),
            }
        }
    }
    println!("{name}: {} compared, excused: {counts:?}", verdicts.len());
}

#[test]
fn case_30_every_truncation_at_the_real_server() {
    let mut proof = Proof::of(
        30,
        "one file of each kind cut at every byte, ours and redis-server's start",
        "same refusal, data and repaired bytes",
    );
    let excuses = [
        Excuse::OpenMulti,
        Excuse::PreambleCut,
        Excuse::UnlistedFiles,
        Excuse::TornAnnotation,
        Excuse::MovedBeforeRefusal,
    ];
    for (seed, kind) in kinds().into_iter().enumerate() {
        let bytes = kind.files[&kind.path].clone();
        let sound = sound_state(&kind.files, &kind.config);
        let lengths = sample(bytes.len() + 1, 40, seed as u64);
        let verdicts = in_pairs(&mut proof, &lengths, |proof, len| {
            let what = format!("{} cut to {len} of {} bytes", kind.name, bytes.len());
            let mut files = kind.files.clone();
            files.insert(kind.path.clone(), bytes[..*len].to_vec());
            compare(proof, &what, &files, &kind.config, Some(&sound), &excuses)
        });
        print_excuses(kind.name, &verdicts);
    }
    proof.finish();
}

#[test]
fn case_30_every_bit_at_the_real_server() {
    let mut proof = Proof::of(
        30,
        "one file of each kind with every bit flipped, ours and redis-server's start",
        "same refusal, data and repaired bytes",
    );
    for (seed, kind) in kinds().into_iter().enumerate() {
        let bytes = kind.files[&kind.path].clone();
        let sound = sound_state(&kind.files, &kind.config);
        let bits = sample(bytes.len() * 8, 60, seed as u64);
        // A snapshot has a checksum: whatever of it the real server takes in, we must too.
        let has_checksum = kind.path == RDB;
        let excuses = if has_checksum {
            vec![Excuse::Crash]
        } else {
            vec![
                Excuse::Crash,
                Excuse::UnlistedFiles,
                Excuse::NotUtf8,
                Excuse::Damage,
                Excuse::OpenMulti,
                Excuse::PreambleCut,
                Excuse::Respelled,
                Excuse::Expired,
                Excuse::MovedBeforeRefusal,
            ]
        };
        let verdicts = in_pairs(&mut proof, &bits, |proof, bit| {
            let what = format!("{}, bit {} of byte {}", kind.name, bit % 8, bit / 8);
            let mut files = kind.files.clone();
            files.insert(kind.path.clone(), flipped(&bytes, *bit));
            compare(proof, &what, &files, &kind.config, Some(&sound), &excuses)
        });
        print_excuses(kind.name, &verdicts);
    }
    proof.finish();
}

/// What we do otherwise is what the switch brings back: with it there is next to nothing to excuse.
#[test]
fn case_30_redis_faithful_does_as_redis() {
    let mut proof = Proof::of(
        30,
        "damaged files with redis-faithful yes, ours and redis-server's start",
        "same refusal, data and repaired bytes",
    );
    let excuses = [
        Excuse::Crash,
        Excuse::TornAnnotation,
        Excuse::Respelled,
        Excuse::NotUtf8,
        Excuse::Expired,
    ];
    for (seed, kind) in kinds().into_iter().enumerate() {
        let bytes = kind.files[&kind.path].clone();
        let sound = sound_state(&kind.files, &kind.config);
        let faithful = format!("{}redis-faithful yes\n", kind.config);
        let seed = 100 + seed as u64;
        let cuts = sample(bytes.len() + 1, 10, seed).into_iter();
        let bits = sample(bytes.len() * 8, 25, seed).into_iter();
        let damaged: Vec<(String, Vec<u8>)> = cuts
            .map(|len| (format!("cut to {len}"), bytes[..len].to_vec()))
            .chain(bits.map(|bit| {
                let what = format!("bit {} of byte {}", bit % 8, bit / 8);
                (what, flipped(&bytes, bit))
            }))
            .collect();
        let verdicts = in_pairs(&mut proof, &damaged, |proof, (what, bytes)| {
            let what = format!("{}, {what}", kind.name);
            let mut files = kind.files.clone();
            files.insert(kind.path.clone(), bytes.clone());
            compare(proof, &what, &files, &faithful, Some(&sound), &excuses)
        });
        print_excuses(kind.name, &verdicts);
    }
    proof.finish();
}
