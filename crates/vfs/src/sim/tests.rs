//! The fault model, held to what the module's documentation says.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::{OpenMode, SyncKind, Vfs, contract, write_all};

fn append(disk: &mut SimDisk, path: &str, bytes: &[u8]) -> FileId {
    let file = disk.open(path, OpenMode::Append).expect("open");
    write_all(disk, file, bytes).expect("write");
    file
}

/// A file that is durable under its name.
fn durable(disk: &mut SimDisk, path: &str, bytes: &[u8]) -> FileId {
    disk.write_file(path, bytes).expect("write_file");
    disk.open(path, OpenMode::Append).expect("open")
}

/// Every content that a power loss may leave for a file; `None` is no file.
fn outcomes(disk: &SimDisk, path: &str) -> BTreeSet<Option<Vec<u8>>> {
    every(disk, |disk| disk.read(path).ok())
}

fn every<T: Ord>(disk: &SimDisk, look: impl Fn(&SimDisk) -> T) -> BTreeSet<T> {
    let mut seen = BTreeSet::new();
    let mut choice = EveryChoice::new();
    while choice.next_round() {
        let mut disk = disk.clone();
        disk.power_loss_by(&mut choice);
        seen.insert(look(&disk));
    }
    seen
}

fn after(disk: &SimDisk, survival: Survival, path: &str) -> Option<Vec<u8>> {
    let mut disk = disk.clone();
    disk.power_loss(survival);
    disk.read(path).ok()
}

#[test]
fn keeps_the_contract() {
    for (name, case) in contract::CASES {
        println!("{name}");
        case(&mut SimDisk::new(None));
    }
}

#[test]
fn synced_bytes_need_a_synced_name() {
    let mut disk = SimDisk::new(None);
    let file = append(&mut disk, "log", b"abc");
    disk.sync(file, SyncKind::Data).expect("sync");
    assert_eq!(
        outcomes(&disk, "log"),
        BTreeSet::from([None, Some(b"abc".to_vec())])
    );
    assert!(!disk.files()[0].name_durable);
    disk.sync_dir("").expect("sync_dir");
    assert!(disk.files()[0].name_durable);
    assert_eq!(
        outcomes(&disk, "log"),
        BTreeSet::from([Some(b"abc".to_vec())])
    );
}

#[test]
fn an_unsynced_append_may_be_cut_or_zeroed_anywhere() {
    let mut disk = SimDisk::new(None);
    let file = durable(&mut disk, "log", b"ab");
    write_all(&mut disk, file, b"cd").expect("write");
    let expected = [&b"ab"[..], b"abc", b"abcd", b"ab\0", b"ab\0\0"];
    assert_eq!(
        outcomes(&disk, "log"),
        expected.iter().map(|bytes| Some(bytes.to_vec())).collect()
    );
    assert_eq!(disk.dirty_ranges("log").first(), Some(&(2..4)));
    assert_eq!(after(&disk, Survival::None, "log"), Some(b"ab".to_vec()));
    assert_eq!(after(&disk, Survival::All, "log"), Some(b"abcd".to_vec()));
}

#[test]
fn pages_survive_independently() {
    let mut disk = SimDisk::new(None);
    disk.write_file("file", &vec![b'o'; 3 * 4096])
        .expect("write_file");
    let file = disk.open("file", OpenMode::Update).expect("open");
    disk.write_at(file, 0, &vec![b'n'; 3 * 4096])
        .expect("write_at");
    let seen = every(&disk, |disk| {
        disk.read("file")
            .expect("read")
            .chunks(4096)
            .map(|page| page[9])
            .collect::<Vec<_>>()
    });
    assert_eq!(seen.len(), 8, "any subset of three pages");
}

#[test]
fn a_change_below_the_durable_end_keeps_the_old_page() {
    let mut disk = SimDisk::new(None);
    let log = durable(&mut disk, "file", b"abcd");
    write_all(&mut disk, log, b"ef").expect("write");
    let file = disk.open("file", OpenMode::Update).expect("open");
    disk.write_at(file, 1, b"X").expect("write_at");
    assert_eq!(after(&disk, Survival::None, "file"), Some(b"abcd".to_vec()));
    assert_eq!(
        after(&disk, Survival::All, "file"),
        Some(b"aXcdef".to_vec())
    );
}

#[test]
fn an_unsynced_truncation_may_be_undone() {
    let mut disk = SimDisk::new(None);
    let old = vec![b'o'; 5000];
    let file = durable(&mut disk, "file", &old);
    disk.truncate(file, 0).expect("truncate");
    assert_eq!(
        outcomes(&disk, "file"),
        BTreeSet::from([Some(vec![]), Some(old.clone())])
    );
    write_all(&mut disk, file, b"n").expect("write");
    assert_eq!(after(&disk, Survival::None, "file"), Some(old));
    disk.sync(file, SyncKind::Data).expect("sync");
    assert_eq!(
        outcomes(&disk, "file"),
        BTreeSet::from([Some(b"n".to_vec())])
    );
}

#[test]
fn after_a_failed_sync_a_success_says_nothing() {
    let mut disk = SimDisk::new(None);
    let file = durable(&mut disk, "log", b"ab");
    let page = vec![b'x'; 4094];
    write_all(&mut disk, file, &page).expect("write");
    disk.add_fault(Fault::once(Op::Sync, Errno::Io).on("l?g"));
    assert_eq!(
        disk.sync(file, SyncKind::Data).expect_err("ordered").errno,
        Errno::Io
    );
    assert_eq!(
        (
            disk.files()[0].unsynced_bytes,
            disk.files()[0].dropped_bytes
        ),
        (0, 4094)
    );
    write_all(&mut disk, file, b"next page").expect("write");
    disk.sync(file, SyncKind::Data).expect("sync");

    let written = [b"ab", &page[..], b"next page"].concat();
    assert_eq!(
        disk.read("log").expect("read"),
        written,
        "the running system sees no loss"
    );
    let torn = [b"ab", &vec![0; 4094][..], b"next page"].concat();
    assert_eq!(after(&disk, Survival::All, "log"), Some(torn.clone()));
    assert_eq!(
        outcomes(&disk, "log"),
        BTreeSet::from([Some(torn), Some(written.clone())])
    );

    let update = disk.open("log", OpenMode::Update).expect("open");
    disk.write_at(update, 2, &page).expect("write_at");
    disk.sync(update, SyncKind::Data).expect("sync");
    assert_eq!(
        outcomes(&disk, "log"),
        BTreeSet::from([Some(written)]),
        "written again, it is durable"
    );
}

#[test]
fn renames_are_atomic_and_ordered() {
    let mut disk = SimDisk::new(None);
    disk.write_file("manifest", b"old").expect("write_file");
    let file = append(&mut disk, "temp", b"new");
    disk.sync(file, SyncKind::Data).expect("sync");
    disk.rename("temp", "manifest").expect("rename");
    assert_eq!(
        outcomes(&disk, "manifest"),
        BTreeSet::from([Some(b"old".to_vec()), Some(b"new".to_vec())])
    );
    disk.unlink("manifest").expect("unlink");
    let seen = every(&disk, |disk| {
        (disk.read("temp").is_ok(), disk.read("manifest").ok())
    });
    let expected = [
        (false, Some(b"old".to_vec())),
        (true, Some(b"old".to_vec())),
        (false, Some(b"new".to_vec())),
        (false, None),
    ];
    assert_eq!(
        seen,
        BTreeSet::from(expected),
        "a prefix of: create, rename, unlink"
    );
}

#[test]
fn a_rename_across_directories_is_one_step() {
    let mut disk = SimDisk::new(None);
    disk.make_dirs("dir").expect("make_dirs");
    disk.write_file("base", b"base").expect("write_file");
    disk.open("dir/other", OpenMode::Append).expect("open");
    disk.rename("base", "dir/base").expect("rename");
    disk.open("late", OpenMode::Append).expect("open");
    let names = |disk: &SimDisk| {
        disk.files()
            .into_iter()
            .map(|file| file.path)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let seen = every(&disk, names);
    let expected = [
        "base",
        "base dir/other",
        "dir/base dir/other",
        "dir/base dir/other late",
    ];
    assert_eq!(seen, expected.map(str::to_owned).into());
    disk.sync_dir("").expect("sync_dir");
    assert_eq!(
        every(&disk, names),
        BTreeSet::from([expected[3].to_owned()]),
        "syncing one end takes the other along"
    );
}

#[test]
fn a_directory_without_a_durable_name_takes_its_files_along() {
    let mut disk = SimDisk::new(None);
    disk.create_dir("dir").expect("create_dir");
    let file = append(&mut disk, "dir/log", b"abc");
    disk.sync(file, SyncKind::All).expect("sync");
    disk.sync_dir("dir").expect("sync_dir");
    assert_eq!(
        outcomes(&disk, "dir/log"),
        BTreeSet::from([None, Some(b"abc".to_vec())])
    );
    disk.sync_dir("").expect("sync_dir");
    assert_eq!(
        outcomes(&disk, "dir/log"),
        BTreeSet::from([Some(b"abc".to_vec())])
    );
}

#[test]
fn an_unlink_may_be_undone_and_a_kill_frees_the_nameless() {
    let mut disk = SimDisk::new(None);
    let file = durable(&mut disk, "log", b"abc");
    disk.unlink("log").expect("unlink");
    assert_eq!(disk.used_bytes(), 3, "the open handle holds the space");
    assert_eq!(
        outcomes(&disk, "log"),
        BTreeSet::from([None, Some(b"abc".to_vec())])
    );
    disk.kill();
    assert_eq!(disk.used_bytes(), 0);
    assert_eq!(
        disk.len(file).expect_err("the handle is gone").errno,
        Errno::Other(9)
    );
    let inode = disk.inode("log");
    assert_eq!(inode, None);
    disk.power_loss(Survival::None);
    assert_eq!(disk.read("log").expect("read"), b"abc");
    assert_eq!(disk.used_bytes(), 3);
}

#[test]
fn a_full_disk_takes_what_fits() {
    let mut disk = SimDisk::new(Some(10));
    let file = append(&mut disk, "log", b"12345678");
    assert_eq!(disk.write(file, b"abcd"), Ok(2));
    assert_eq!(
        disk.write(file, b"cd").expect_err("full").errno,
        Errno::NoSpace
    );
    disk.truncate(file, 8).expect("truncate");
    assert_eq!(
        (disk.used_bytes(), disk.read("log").expect("read").len()),
        (8, 8)
    );
    disk.set_capacity(Some(4));
    assert_eq!(
        disk.write(file, b"x").expect_err("full").errno,
        Errno::NoSpace
    );
    disk.unlink("log").expect("unlink");
    disk.close(file);
    assert_eq!(disk.used_bytes(), 0);
}

#[test]
fn ordered_faults_strike_when_told() {
    let mut disk = SimDisk::new(None);
    disk.add_fault(
        Fault::once(Op::Write, Errno::NoSpace)
            .on("*.aof")
            .after(1)
            .accepting(3),
    );
    let log = append(&mut disk, "x.aof", b"first");
    let other = append(&mut disk, "y", b"never touched");
    assert_eq!(disk.write(log, b"second"), Ok(3));
    assert_eq!(
        disk.write(log, b"ond").expect_err("ordered").errno,
        Errno::NoSpace
    );
    assert_eq!(disk.write(log, b"ond"), Ok(3), "once");
    disk.add_fault(Fault::always(Op::Rename, Errno::Io).on("target"));
    disk.rename("y", "target").expect_err("ordered");
    disk.rename("y", "target").expect_err("for good");
    disk.rename("y", "z").expect("another name");
    disk.clear_faults();
    disk.rename("z", "target").expect("cleared");
    disk.close(other);
}

/// A program that stops at its first error, as a crashed one does.
fn program(disk: &mut SimDisk) -> Result<()> {
    disk.create_dir("dir")?;
    disk.sync_dir("")?;
    let file = disk.open("dir/temp", OpenMode::Truncate)?;
    write_all(disk, file, b"content").map_err(|(_, error)| error)?;
    disk.sync(file, SyncKind::All)?;
    disk.close(file);
    disk.rename("dir/temp", "dir/file")?;
    disk.sync_dir("dir")
}

#[test]
fn every_crash_point_freezes_the_disk_there() {
    let mut whole = SimDisk::new(None);
    program(&mut whole).expect("no fault");
    assert_eq!(whole.op_count(), 7);
    for op in 1..=whole.op_count() {
        for point in [CrashPoint::Before, CrashPoint::Within(3), CrashPoint::After] {
            let mut disk = SimDisk::new(None);
            disk.crash_at(op, point);
            let result = program(&mut disk);
            assert!(disk.frozen());
            assert_eq!(result.is_ok(), op == 7 && point == CrashPoint::After);
            let before = disk.files();
            assert_eq!(
                disk.open("new", OpenMode::Append)
                    .expect_err("frozen")
                    .errno,
                Errno::Io
            );
            assert_eq!(disk.files(), before);
            assert_eq!(disk.op_count(), op);
            if op == 4 && point == CrashPoint::Within(3) {
                assert_eq!(disk.read("dir/temp").expect("read"), b"con");
            }
            for outcome in outcomes(&disk, "dir/file") {
                assert!(
                    outcome.is_none_or(|bytes| bytes == b"content"),
                    "synced before it was renamed"
                );
            }
            disk.kill();
            program(&mut disk).map_or_else(|error| assert_eq!(error.errno, Errno::Exists), |()| ());
        }
    }
}

#[test]
fn same_calls_same_hash_and_a_bounded_log() {
    let run = |bytes: &[u8]| {
        let mut disk = SimDisk::new(None);
        disk.log_ops(2);
        let file = append(&mut disk, "log", bytes);
        disk.sync(file, SyncKind::Data).expect("sync");
        disk.rename("log", "end").expect("rename");
        (disk.trace_hash(), disk.drain_ops())
    };
    let (hash, log) = run(b"abc");
    assert_eq!(run(b"abc"), (hash, log.clone()));
    assert_ne!(run(b"abd").0, hash);
    assert_eq!(
        hash, 6_366_538_846_050_043_013,
        "pinned, so that the native build and the page agree"
    );
    let seen: Vec<_> = log
        .iter()
        .map(|op| (op.number, op.op, op.len, op.to.as_deref()))
        .collect();
    assert_eq!(
        seen,
        [(3, Op::Sync, 3, None), (4, Op::Rename, 0, Some("end"))]
    );
}

#[test]
fn the_hand_from_outside_is_durable_at_once() {
    let mut disk = SimDisk::new(None);
    disk.write_file("a/b/c", b"1").expect("write_file");
    let inode = disk.inode("a/b/c");
    disk.move_path("a/b", "d").expect("move_path");
    assert_eq!(
        disk.move_path("d", "d/e").expect_err("into itself").op,
        Op::Rename
    );
    assert_eq!(
        outcomes(&disk, "d/c"),
        BTreeSet::from([Some(b"1".to_vec())])
    );
    disk.power_loss(Survival::None);
    assert_eq!(disk.inode("d/c"), inode);
    disk.remove("d").expect("remove");
    assert!(!disk.is_dir("d"));
    disk.power_loss(Survival::None);
    assert_eq!((disk.files(), disk.used_bytes()), (vec![], 0));
}

#[test]
fn clones_do_not_share_what_they_write() {
    let mut disk = SimDisk::new(None);
    let file = append(&mut disk, "log", b"shared ");
    let mut twin = disk.clone();
    write_all(&mut disk, file, b"one").expect("write");
    write_all(&mut twin, file, b"two").expect("write");
    assert_eq!(disk.read("log").expect("read"), b"shared one");
    assert_eq!(twin.read("log").expect("read"), b"shared two");
}

/// A file as a plain model: its bytes, and how many of the first have been durable and unchanged since.
#[derive(Clone, Debug)]
enum Step {
    Append(usize),
    Truncate(u64),
    Sync,
    FailedSync,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1usize..6000).prop_map(Step::Append),
        1 => (0u64..12_000).prop_map(Step::Truncate),
        2 => Just(Step::Sync),
        1 => Just(Step::FailedSync),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_durable_prefix_always_survives(steps in prop::collection::vec(step(), 1..20), seed: u64) {
        let mut disk = SimDisk::new(None);
        let file = durable(&mut disk, "file", b"");
        let mut model: Vec<u8> = Vec::new();
        // The first bytes that no failed sync and no later truncation puts in doubt.
        let mut safe = 0;
        let mut suspect = usize::MAX;
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Append(len) => {
                    let bytes = vec![number as u8 + 1; len];
                    write_all(&mut disk, file, &bytes).expect("write");
                    model.extend_from_slice(&bytes);
                }
                Step::Truncate(len) => {
                    let len = len.min(model.len() as u64);
                    disk.truncate(file, len).expect("truncate");
                    model.truncate(len as usize);
                    safe = safe.min(model.len());
                }
                Step::Sync => {
                    disk.sync(file, SyncKind::Data).expect("sync");
                    safe = safe.max(model.len().min(suspect));
                }
                Step::FailedSync => {
                    disk.add_fault(Fault::once(Op::Sync, Errno::Io));
                    disk.sync(file, SyncKind::Data).expect_err("ordered");
                    suspect = suspect.min(safe);
                }
            }
            prop_assert_eq!(disk.read("file").expect("read"), model.clone());
            prop_assert_eq!(disk.used_bytes(), model.len() as u64);
        }
        let mut twin = disk.clone();
        disk.power_loss(Survival::Seeded(seed));
        twin.power_loss(Survival::Seeded(seed));
        let left = disk.read("file").expect("read");
        prop_assert_eq!(&left, &twin.read("file").expect("read"), "same seed, same bytes");
        prop_assert_eq!(&left[..safe], &model[..safe]);
        prop_assert_eq!(disk.unsynced_bytes(), 0);
        disk.power_loss(Survival::Seeded(!seed));
        prop_assert_eq!(&left, &disk.read("file").expect("read"), "what was left is durable");
    }
}
