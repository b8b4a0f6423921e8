//! Cases 18 and 19: a manifest that is damaged, or missing.

use lastsave_tests::proof::Proof;

use crate::bit_flips::flipped;
use crate::ours::{Files, Ours, disk_of, files_of};
use crate::samples::{BASE_2, CHANGES, Log, MANIFEST, OLD_FILE, always, config};
use crate::truncation::is_refused_twice;

/// Damaged files are refused and left alone, or bring the data; then a write, a rewrite and another write outlast a kill.
fn is_refused_or_goes_on(proof: &mut Proof, what: &str, config: &str, files: &Files, data: u64) {
    let mut first = Ours::start(config, disk_of(files));
    if first.refusal.is_some() {
        return is_refused_twice(proof, what, config, files);
    }
    if first.digest() != data {
        return proof.violation(format!("P {what}: other data, unnoticed"));
    }
    first.call("SET probe 1");
    first.call("BGREWRITEAOF");
    first.call("SET probe 2");
    first.finish_jobs();
    first.call("SET probe 3");
    let digest = first.digest();
    let again = Ours::start(config, first.kill());
    if let Some(why) = again.refusal {
        proof.violation(format!("F {what}: does not start again: {why}"));
    } else if again.digest() != digest {
        proof.violation(format!("F {what}: what was written then is lost"));
    }
}

/// A log with two incr files, as a crash in the middle of a rewrite leaves it, and its data; and one whose replaced files
/// are still listed and there.
fn around_a_rewrite() -> [(Files, u64); 2] {
    let log = Log::of_everything(&always());
    let config = config("appendonly yes\nappendfsync no\naof-disable-auto-gc yes\n");
    let mut ours = Ours::open(&config, &log.files);
    ours.jobs_wait = true;
    ours.call("BGREWRITEAOF");
    // The old file is synced, and the next one takes what is written.
    ours.step_jobs(3);
    ours.call("INCR small");
    ours.advance(200_000);
    let before = (files_of(&ours.recorder.disk), ours.digest());
    ours.finish_jobs();
    ours.advance(200_000);
    let digest = ours.digest();
    [before, (files_of(&ours.kill()), digest)]
}

/// The manifests to damage, with the files they list.
fn logs() -> Vec<(&'static str, Files, u64)> {
    let log = Log::of_everything(&always());
    let data = log.units.last().expect("there are some").1;
    let [before, behind] = around_a_rewrite();
    let lines = |files: &Files| files[MANIFEST].split(|byte| *byte == b'\n').count() - 1;
    assert_eq!(lines(&before.0), 3, "a base and two incrs");
    assert_eq!(lines(&behind.0), 4, "a base, two replaced files, an incr");
    vec![
        ("base and incr", log.files, data),
        ("base and two incrs", before.0, before.1),
        ("base, history and incr", behind.0, behind.1),
    ]
}

#[test]
fn case_18_every_truncation_of_a_manifest() {
    let mut proof = Proof::of(18, "manifest cut at every byte", "P, F, O");
    for (name, files, data) in logs() {
        let manifest = &files[MANIFEST];
        for len in 0..manifest.len() {
            let what = format!("{name}, cut to {len} of {} bytes", manifest.len());
            let mut files = files.clone();
            files.insert(MANIFEST.into(), manifest[..len].to_vec());
            proof.case();
            is_refused_or_goes_on(&mut proof, &what, &always(), &files, data);
        }
    }
    proof.finish();
}

#[test]
fn case_18_every_bit_of_a_manifest() {
    let mut proof = Proof::of(18, "every bit of a manifest", "P, F, O");
    for (name, files, data) in logs() {
        let manifest = &files[MANIFEST];
        for bit in 0..manifest.len() * 8 {
            let what = format!(
                "{name}, bit {} of byte {}: {}",
                bit % 8,
                bit / 8,
                flipped(manifest, bit).escape_ascii()
            );
            let mut files = files.clone();
            files.insert(MANIFEST.into(), flipped(manifest, bit));
            proof.case();
            is_refused_or_goes_on(&mut proof, &what, &always(), &files, data);
        }
    }
    proof.finish();
}

/// What Redis and we leave behind when a crash comes between the steps of switching the log on again, or of a rewrite while
/// it is off, is no damage.
#[test]
fn case_18_what_crashes_leave_is_believed() {
    let mut proof = Proof::of(18, "manifests that crashes leave behind", "P, F, starts");
    let log = Log::of_everything(&always());
    let data = log.units.last().expect("there are some").1;
    let base = log.files[BASE_2].clone();
    let stale = b"*3\r\n$3\r\nSET\r\n$5\r\nstale\r\n$1\r\n1\r\n".to_vec();
    let in_dir = |name: &str| format!("appendonlydir/appendonly.aof.{name}");

    let mut switched = log.files.clone();
    switched.insert(in_dir("3.base.rdb"), base.clone());
    switched.insert(in_dir("3.incr.aof"), stale.clone());
    proof.case();
    let what = "switched on again, no new manifest yet";
    is_refused_or_goes_on(&mut proof, what, &always(), &switched, data);

    let mut rewritten: Files = [(in_dir("3.base.rdb"), base), (in_dir("1.incr.aof"), stale)].into();
    let line = |name: &str, seq: u32, letter: char| {
        format!("file appendonly.aof.{name} seq {seq} type {letter}\n")
    };
    let manifests = [
        [
            line("3.base.rdb", 3, 'b'),
            line("2.base.rdb", 2, 'h'),
            line("1.incr.aof", 1, 'h'),
            line("1.base.rdb", 1, 'h'),
        ]
        .concat(),
        [
            line("3.base.rdb", 3, 'b'),
            line("1.incr.aof", 1, 'h'),
            line("1.base.rdb", 1, 'h'),
        ]
        .concat(),
        [line("3.base.rdb", 3, 'b'), line("1.base.rdb", 1, 'h')].concat(),
    ];
    let data = log.units[0].1;
    for manifest in manifests {
        if !manifest.contains("1.incr.aof") {
            rewritten.remove(&in_dir("1.incr.aof"));
        }
        rewritten.insert(MANIFEST.into(), manifest.clone().into_bytes());
        proof.case();
        if let Some(why) = Ours::open(&always(), &rewritten).refusal {
            proof.violation(format!("O {manifest}: {why}"));
        }
        is_refused_or_goes_on(&mut proof, &manifest, &always(), &rewritten, data);
    }
    proof.finish();
}

#[test]
fn case_19_no_manifest() {
    let mut proof = Proof::of(19, "manifest missing, with data present", "O, twice");
    let log = Log::of_everything(&always());
    let [(rewriting, _), _] = around_a_rewrite();
    let old = "appendonlydir/appendonly.aof";
    let upgraded: Files = [
        (old.into(), log.bytes().to_vec()),
        (log.last.clone(), Vec::new()),
    ]
    .into();
    let snapshot = log.files[BASE_2].clone();
    let only = |paths: &[&str]| -> Files {
        let kept = log
            .files
            .iter()
            .filter(|(path, _)| paths.contains(&path.as_str()));
        kept.map(|(path, bytes)| (path.clone(), bytes.clone()))
            .collect()
    };
    for (name, files) in [
        ("base and incr", log.files.clone()),
        ("base alone", only(&[BASE_2])),
        ("incr alone", only(&[&log.last])),
        ("in the middle of a rewrite", rewriting),
        ("an old file that was moved in", upgraded),
    ] {
        let mut files = files;
        files.remove(MANIFEST);
        proof.case();
        is_refused_twice(&mut proof, name, &always(), &files);
        // A snapshot beside it is older than what the log holds, or may be.
        files.insert("dump.rdb".into(), snapshot.clone());
        proof.case();
        is_refused_twice(
            &mut proof,
            &format!("{name}, and an RDB file"),
            &always(),
            &files,
        );
        files.insert(
            "appendonlydir/temp-appendonly.aof.manifest".into(),
            b"file".to_vec(),
        );
        proof.case();
        is_refused_twice(
            &mut proof,
            &format!("{name}, and temporary files"),
            &always(),
            &files,
        );
        // Without the log the files are nobody's business.
        let off = always().replace("appendonly yes", "appendonly no");
        let ours = Ours::open(&off, &files);
        proof.case();
        let kept = |files: &Files| -> Files {
            let data = files.iter().filter(|(path, _)| !path.contains("temp-"));
            data.map(|(path, bytes)| (path.clone(), bytes.clone()))
                .collect()
        };
        if ours.refusal.is_some() || kept(&ours.files()) != kept(&files) {
            proof.violation(format!(
                "O {name}, appendonly no: refused, or changed the files"
            ));
        }
    }
    proof.finish();
}

#[test]
fn case_19_nothing_that_could_be_lost() {
    let mut proof = Proof::of(19, "manifest missing, without data", "starts");
    let empty: Files = [("appendonlydir/appendonly.aof.1.incr.aof".into(), Vec::new())].into();
    let temporary: Files = [(
        "appendonlydir/temp-appendonly.aof.incr".into(),
        b"*1".to_vec(),
    )]
    .into();
    let foreign: Files = [("appendonlydir/notes.txt".into(), b"mine".to_vec())].into();
    for (name, files) in [
        ("nothing", Files::new()),
        ("an empty incr file", empty),
        ("a temporary file", temporary),
        ("somebody else's file", foreign),
    ] {
        proof.case();
        let mut ours = Ours::open(&always(), &files);
        if let Some(why) = ours.refusal {
            proof.violation(format!("{name}: {why}"));
            continue;
        }
        for line in &CHANGES[..3] {
            ours.call(line);
        }
        let digest = ours.digest();
        let again = Ours::start(&always(), ours.kill());
        if again.digest() != digest || again.files().contains_key(OLD_FILE) {
            proof.violation(format!("F {name}: lost"));
        }
    }
    proof.finish();
}
