//! Case 30: what crashes leave, of ours to the real server and of the real server to us.

use std::time::{Duration, Instant};

use lastsave_tests::native::Random;
use lastsave_tests::proof::{Proof, long};
use lastsave_vfs::{SimDisk, Survival};

use crate::compare::{Excuse, compare};
use crate::damaged::{in_pairs, print_excuses};
use crate::load::write;
use crate::oracle::{Theirs, directory, read_files};
use crate::ours::{Files, Ours, files_of};
use crate::samples::config;
use crate::state::{Ask, words};

/// Configurations that leave different files behind.
fn configs() -> Vec<(&'static str, String)> {
    let logged = |lines: &str| config(&format!("appendonly yes\n{lines}"));
    vec![
        ("always", logged("appendfsync always\n")),
        ("everysec", logged("appendfsync everysec\n")),
        (
            "no, with timestamps",
            logged("appendfsync no\naof-timestamp-enabled yes\n"),
        ),
        (
            "bases of commands",
            logged("appendfsync everysec\naof-use-rdb-preamble no\n"),
        ),
        (
            "snapshots",
            config("appendonly no\nsave 1 1\n").replace("save \"\"\n", ""),
        ),
    ]
}

/// Files that a crash of a run of ours has left.
struct Image {
    what: String,
    files: Files,
    /// Whether a page may be missing in the middle of a file.
    holes: bool,
}

/// Runs random writes, with saves and rewrites, and crashes at moments by lot.
fn images_of_ours(name: &str, config: &str, count: u64, seed: u64) -> Vec<Image> {
    let mut random = Random(seed);
    let mut ours = Ours::start(config, SimDisk::new(None));
    ours.recorder.recording = true;
    ours.jobs_wait = true;
    let mut in_multi = 0;
    for number in 0..250 {
        let request = match (in_multi, random.below(12)) {
            (1, _) => words(&["EXEC"]),
            (0, 0) => {
                in_multi = 3 + random.below(4);
                words(&["MULTI"])
            }
            _ => write(&mut random),
        };
        in_multi = in_multi.saturating_sub(1);
        ours.ask(&[request]);
        if in_multi == 0 && number % 60 == 40 {
            ours.ask(&[words(&["BGREWRITEAOF"])]);
        }
        if in_multi == 0 && number % 60 == 10 {
            ours.ask(&[words(&["BGSAVE"])]);
        }
        ours.step_jobs(random.below(3) as usize);
        if number % 5 == 0 {
            ours.advance(random.below(400_000));
        }
    }
    let moments = std::mem::take(&mut ours.recorder.moments);
    (0..count)
        .map(|number| {
            let moment = random.below(moments.len() as u64) as usize;
            let mut disk = moments[moment].clone();
            let (how, holes) = match number % 4 {
                0 => {
                    disk.kill();
                    ("killed", false)
                }
                1 => {
                    disk.power_loss(Survival::None);
                    ("power lost", false)
                }
                2 => {
                    disk.power_loss(Survival::All);
                    ("power lost, all survives", false)
                }
                _ => {
                    disk.power_loss(Survival::Seeded(seed + number));
                    ("power lost, some survives", true)
                }
            };
            Image {
                what: format!("{name}, seed {seed}, {how} before operation {moment}"),
                files: files_of(&disk),
                holes,
            }
        })
        .collect()
}

#[test]
fn case_30_our_crashes_at_the_real_server() {
    let mut proof = Proof::of(
        30,
        "what our crashes leave, opened by us and by redis-server",
        "same refusal, data and repaired bytes",
    );
    let (runs, count) = if long() { (10, 150) } else { (2, 24) };
    for (name, config) in configs() {
        let images: Vec<Image> = (0..runs)
            .flat_map(|seed| images_of_ours(name, &config, count, seed))
            .collect();
        let verdicts = in_pairs(&mut proof, &images, |proof, image| {
            let mut excuses = vec![
                Excuse::OpenMulti,
                Excuse::CutBeforeRefusal,
                Excuse::EmptyWithoutLog,
                Excuse::Orphans,
                Excuse::TornAnnotation,
                Excuse::Zeros,
                Excuse::Respelled,
            ];
            if image.holes {
                excuses.push(Excuse::Damage);
            }
            compare(proof, &image.what, &image.files, &config, None, &excuses)
        });
        print_excuses(name, &verdicts);
    }
    proof.finish();
}

/// Has clients write to a real server for a while, with saves and rewrites, and kills it and its children.
fn image_of_theirs(config: &str, seed: u64) -> Files {
    let mut random = Random(seed);
    let dir = directory();
    let (mut theirs, ended) = Theirs::start(dir.path(), config);
    assert!(ended.is_none(), "an empty server starts");
    let until = Instant::now() + Duration::from_millis(40 + random.below(250));
    std::thread::scope(|scope| {
        for client in 0..3 {
            let mut connection = theirs.connect();
            let mut random = Random(seed * 10 + client);
            scope.spawn(move || {
                while Instant::now() < until {
                    let mut requests = Vec::new();
                    match random.below(40) {
                        0 => requests.push(words(&["BGREWRITEAOF"])),
                        1 => requests.push(words(&["BGSAVE"])),
                        2..10 => {
                            requests.push(words(&["MULTI"]));
                            requests.extend((0..2 + random.below(3)).map(|_| write(&mut random)));
                            requests.push(words(&["EXEC"]));
                        }
                        _ => requests.extend((0..1 + random.below(10)).map(|_| write(&mut random))),
                    }
                    // What is refused is as good as what is not.
                    connection.ask(&requests);
                }
                // The last ones may or may not get through.
                let requests: Vec<_> = (0..200).map(|_| write(&mut random)).collect();
                let _ = connection.send(&requests);
            });
        }
    });
    theirs.kill_all();
    read_files(&dir.path().join("data"))
}

#[test]
fn case_30_crashes_of_the_real_server() {
    let mut proof = Proof::of(
        30,
        "what kill -9 of a redis-server under load leaves, opened by both",
        "same refusal, data and repaired bytes",
    );
    let count = if long() { 120 } else { 8 };
    let excuses = [
        Excuse::OpenMulti,
        Excuse::EmptyWithoutLog,
        Excuse::Orphans,
        Excuse::TornAnnotation,
        Excuse::Respelled,
    ];
    for (name, config) in configs() {
        // Children take long, so that they are met at work.
        let slow = format!("{config}rdb-key-save-delay 500\n");
        let seeds: Vec<u64> = (0..count).collect();
        let verdicts = in_pairs(&mut proof, &seeds, |proof, seed| {
            let files = image_of_theirs(&slow, *seed);
            let what = format!("{name}, seed {seed}");
            compare(proof, &what, &files, &config, None, &excuses)
        });
        print_excuses(name, &verdicts);
    }
    proof.finish();
}
