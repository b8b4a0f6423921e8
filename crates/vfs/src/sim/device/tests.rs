//! Decay, permissions, torn pages, reordered names, and rules for every kind of call.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::{Effect, EveryChoice, Fault, SimDisk, Survival};
use crate::{Errno, FileId, Op, OpenMode, SyncKind, Vfs, read_file, write_all};

fn durable(path: &str, bytes: &[u8]) -> SimDisk {
    let mut disk = SimDisk::new(None);
    disk.write_file(path, bytes).expect("write_file");
    disk
}

fn open(disk: &mut SimDisk, path: &str, mode: OpenMode) -> FileId {
    disk.open(path, mode).expect("open")
}

/// Where each unreadable range of the file begins and ends.
fn bad(disk: &SimDisk) -> Vec<(u64, u64)> {
    let ranges = disk.bad_ranges("file").into_iter();
    ranges.map(|range| (range.start, range.end)).collect()
}

/// Everything that a power loss may leave, as `look` sees it.
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

/// The call of every kind, on a file and a directory that exist: what it came to.
fn call(disk: &mut SimDisk, op: Op, file: FileId) -> Result<(), Errno> {
    let result = match op {
        Op::Open => disk.open("dir/file", OpenMode::Read).map(|_| ()),
        Op::Write => disk.write(file, b"bytes").map(|_| ()),
        Op::Read => disk.read_at(file, 0, &mut [0; 4]).map(|_| ()),
        Op::Len => disk.len(file).map(|_| ()),
        Op::Truncate => disk.truncate(file, 2),
        Op::Sync => disk.sync(file, SyncKind::All),
        Op::Rename => disk.rename("dir/file", "dir/file"),
        Op::Unlink => disk.unlink("dir/file"),
        Op::CreateDir => disk.create_dir("dir/new"),
        Op::SyncDir => disk.sync_dir("dir"),
        Op::List => disk.list("dir").map(|_| ()),
        Op::Close => unreachable!("close has nothing to fail with"),
    };
    result.map_err(|error| {
        assert_eq!(error.op, op);
        error.errno
    })
}

const CALLS: [Op; 11] = [
    Op::Open,
    Op::Write,
    Op::Read,
    Op::Len,
    Op::Truncate,
    Op::Sync,
    Op::Rename,
    Op::Unlink,
    Op::CreateDir,
    Op::SyncDir,
    Op::List,
];

#[test]
fn every_call_can_be_made_to_fail_a_number_of_times_or_for_good() {
    for op in CALLS {
        let mut disk = durable("dir/file", b"content");
        let file = open(&mut disk, "dir/file", OpenMode::Update);
        let before = disk.files();
        disk.add_fault(Fault::always(op, Errno::Io).on("dir*").times(2));
        assert_eq!(call(&mut disk, op, file), Err(Errno::Io), "{op:?}");
        assert_eq!(call(&mut disk, op, file), Err(Errno::Io), "{op:?}");
        assert_eq!(disk.files(), before, "{op:?} failed and did nothing");
        assert!(disk.faults().is_empty(), "{op:?}: the rule is used up");
        disk.add_fault(Fault::always(op, Errno::PermissionDenied).on("other"));
        assert_eq!(call(&mut disk, op, file), Ok(()), "{op:?}");
        disk.clear_faults();
        disk.add_fault(Fault::always(op, Errno::TooManyFiles));
        for _ in 0..5 {
            assert_eq!(call(&mut disk, op, file), Err(Errno::TooManyFiles));
        }
        disk.remove_faults(|fault| fault.op == op);
        assert!(disk.faults().is_empty());
    }
}

#[test]
fn short_reads_and_writes_succeed() {
    let mut disk = durable("file", b"0123456789");
    disk.add_fault(Fault::short(Op::Read, 3).times(2));
    let file = open(&mut disk, "file", OpenMode::Append);
    let mut buf = [0; 8];
    assert_eq!(disk.read_at(file, 0, &mut buf), Ok(3));
    assert_eq!(disk.read_at(file, 9, &mut buf), Ok(1));
    assert_eq!(disk.read_at(file, 0, &mut buf), Ok(8));
    disk.add_fault(Fault::short(Op::Read, 0));
    assert_eq!(
        read_file(&mut disk, "file").expect("byte by byte"),
        b"0123456789",
        "0 would mean the end of the file"
    );
    disk.add_fault(Fault::short(Op::Write, 4).after(1));
    assert_eq!(disk.write(file, b"abcdef"), Ok(6));
    assert_eq!(disk.write(file, b"abcdef"), Ok(4));
    write_all(&mut disk, file, b"ef and more").expect("in pieces");
    let whole = disk.read("file").expect("read");
    assert!(whole.ends_with(b"abcdefabcdef and more"));
}

#[test]
fn delays_add_up_and_hide_no_failure() {
    let mut disk = durable("file", b"content");
    let file = open(&mut disk, "file", OpenMode::Append);
    disk.add_fault(Fault::slow(Op::Sync, 500).on("f*"));
    disk.add_fault(Fault::slow(Op::Sync, 20).after(1).times(1));
    disk.add_fault(Fault::once(Op::Sync, Errno::Io));
    assert_eq!(disk.path_of(file), Some("file"));
    assert_eq!(disk.delay_us(Op::Sync, "file"), 500);
    assert_eq!(disk.delay_us(Op::Write, "file"), 0);
    disk.sync(file, SyncKind::Data)
        .expect_err("slow, and failed");
    assert_eq!(disk.delay_us(Op::Sync, "file"), 520);
    assert_eq!(disk.delay_us(Op::Sync, "other"), 20);
    disk.sync(file, SyncKind::Data).expect("slow");
    assert_eq!(disk.take_delay_us(), 1020);
    assert_eq!(disk.take_delay_us(), 0);
    assert_eq!(disk.faults()[0].effect, Effect::Slow(500));
}

#[test]
fn a_bit_that_turns_over_is_durable_and_unnoticed() {
    let mut disk = durable("file", b"abc");
    disk.flip_bit("file", 1, 0).expect("flip_bit");
    assert_eq!(disk.read("file").expect("read"), b"acc");
    assert_eq!(disk.unsynced_bytes(), 0);
    disk.power_loss(Survival::None);
    assert_eq!(disk.read("file").expect("read"), b"acc");
    for (path, offset, bit) in [("file", 3, 0), ("file", 0, 8), ("none", 0, 0), ("", 0, 0)] {
        disk.flip_bit(path, offset, bit)
            .expect_err("no such bit there");
    }
}

#[test]
fn a_bit_turns_over_in_what_the_device_holds_too() {
    let mut disk = durable("file", b"abc");
    let file = open(&mut disk, "file", OpenMode::Update);
    disk.write_at(file, 0, b"A").expect("write_at");
    disk.flip_bit("file", 1, 0).expect("flip_bit");
    let all = every(&disk, |disk| disk.read("file").expect("read"));
    assert_eq!(all, BTreeSet::from([b"acc".to_vec(), b"Acc".to_vec()]));
    let log = open(&mut disk, "file", OpenMode::Append);
    disk.sync(file, SyncKind::Data).expect("sync");
    write_all(&mut disk, log, b"d").expect("write");
    disk.flip_bit("file", 2, 7).expect("flip_bit");
    disk.power_loss(Survival::None);
    assert_eq!(disk.read("file").expect("read"), b"Ac\xe3");
}

#[test]
fn a_bad_sector_fails_until_it_is_written_as_a_whole() {
    let mut disk = durable("file", &[b'x'; 2000]);
    disk.spoil_sectors("file", 600..601).expect("spoil");
    assert_eq!(bad(&disk), [(512, 1024)]);
    let file = open(&mut disk, "file", OpenMode::Update);
    let mut buf = [0; 2000];
    assert_eq!(disk.read_at(file, 0, &mut buf), Ok(512));
    for offset in [512, 1023] {
        let error = disk.read_at(file, offset, &mut buf).expect_err("bad");
        assert_eq!(error.errno, Errno::Io);
    }
    assert_eq!(disk.read_at(file, 1024, &mut buf), Ok(976));
    assert_eq!(
        read_file(&mut disk, "file").expect_err("bad").errno,
        Errno::Io
    );
    disk.power_loss(Survival::None);
    let file = open(&mut disk, "file", OpenMode::Update);
    disk.write_at(file, 513, &[b'y'; 1000]).expect("write_at");
    assert_eq!(bad(&disk), [(512, 1024)], "its first byte is not");
    disk.write_at(file, 512, &[b'y'; 512]).expect("write_at");
    assert_eq!(read_file(&mut disk, "file").expect("good").len(), 2000);

    disk.spoil_sectors("file", 1900..9999).expect("spoil");
    assert_eq!(bad(&disk), [(1536, 2000)]);
    disk.write_at(file, 1536, &[b'z'; 464]).expect("write_at");
    assert!(disk.bad_ranges("file").is_empty(), "to the end of the file");
    disk.spoil_sectors("file", 0..2000).expect("spoil");
    disk.truncate(file, 100).expect("truncate");
    assert_eq!(bad(&disk), [(0, 100)]);
    disk.mend_sectors("file").expect("mend");
    assert_eq!(read_file(&mut disk, "file").expect("good").len(), 100);
}

#[test]
fn permissions_refuse_what_linux_refuses() {
    let mut disk = durable("dir/file", b"content");
    let denied = |result: crate::Result<()>| {
        assert_eq!(result.expect_err("denied").errno, Errno::PermissionDenied);
    };
    assert_eq!(
        (disk.mode("dir"), disk.mode("dir/file")),
        (Some(0o755), Some(0o644))
    );
    let file = open(&mut disk, "dir/file", OpenMode::Append);
    disk.set_mode("dir/file", 0o444).expect("set_mode");
    denied(disk.open("dir/file", OpenMode::Append).map(|_| ()));
    denied(disk.open("dir/file", OpenMode::Truncate).map(|_| ()));
    denied(disk.open("dir/file", OpenMode::Update).map(|_| ()));
    open(&mut disk, "dir/file", OpenMode::Read);
    disk.write(file, b" and more").expect("it is open already");
    disk.set_mode("dir/file", 0o200).expect("set_mode");
    denied(disk.open("dir/file", OpenMode::Read).map(|_| ()));

    disk.set_mode("dir", 0o555).expect("set_mode");
    denied(disk.open("dir/new", OpenMode::Append).map(|_| ()));
    denied(disk.unlink("dir/file"));
    denied(disk.rename("dir/file", "file"));
    denied(disk.create_dir("dir/sub"));
    assert_eq!(disk.list("dir").expect("list").len(), 1);
    disk.set_mode("dir", 0o333).expect("set_mode");
    denied(disk.list("dir").map(|_| ()));
    denied(disk.sync_dir("dir"));
    disk.set_mode("dir", 0o600).expect("set_mode");
    denied(disk.open("dir/file", OpenMode::Append).map(|_| ()));

    disk.set_mode("dir", 0o755).expect("set_mode");
    disk.rename("dir/file", "file").expect("rename");
    disk.power_loss(Survival::All);
    assert_eq!(disk.mode("file"), Some(0o200), "it belongs to the inode");
    disk.unlink("file")
        .expect("that is for the directory to say");
}

#[test]
fn a_read_only_file_system_changes_nothing() {
    for op in CALLS {
        let mut disk = durable("dir/file", b"content");
        let file = open(&mut disk, "dir/file", OpenMode::Update);
        disk.set_read_only(true);
        let expected = match op {
            // There is nothing to sync.
            Op::Open | Op::Read | Op::Len | Op::List | Op::Sync | Op::SyncDir => Ok(()),
            _ => Err(Errno::ReadOnly),
        };
        assert_eq!(call(&mut disk, op, file), expected, "{op:?}");
    }
    let mut disk = durable("file", b"content");
    let file = open(&mut disk, "file", OpenMode::Append);
    disk.write(file, b"more").expect("write");
    open(&mut disk, "new", OpenMode::Append);
    disk.set_read_only(true);
    for mode in [OpenMode::Append, OpenMode::Truncate, OpenMode::Update] {
        assert_eq!(
            disk.open("file", mode).expect_err("refused").errno,
            Errno::ReadOnly
        );
    }
    assert_eq!(
        disk.sync_dir("").expect_err("refused").errno,
        Errno::ReadOnly
    );
    assert_eq!(
        disk.create_dir("file").expect_err("taken").errno,
        Errno::Exists
    );
    disk.sync(file, SyncKind::Data).expect_err("refused");
    disk.set_read_only(false);
    disk.sync(file, SyncKind::Data).expect("says nothing now");
    disk.power_loss(Survival::All);
    assert_eq!(disk.read("file").expect("read"), b"content\0\0\0\0");
}

#[test]
fn a_torn_page_keeps_any_of_its_sectors() {
    let mut disk = durable("file", &[b'o'; 2048]);
    let file = open(&mut disk, "file", OpenMode::Update);
    disk.write_at(file, 500, &[b'n'; 600]).expect("write_at");
    let look = |disk: &SimDisk| {
        let bytes = disk.read("file").expect("read");
        [500, 512, 1024, 1535].map(|offset| bytes[offset])
    };
    assert_eq!(every(&disk, look).len(), 2, "the page is whole");
    disk.set_tearing(true);
    let torn = every(&disk, look);
    assert_eq!(torn.len(), 8, "three sectors were changed");
    assert!(torn.contains(b"onoo") && torn.contains(b"nono"));
    disk.power_loss(Survival::All);
    assert_eq!(look(&disk), *b"nnno");
}

#[test]
fn a_torn_append_loses_whole_sectors() {
    let mut disk = durable("log", &[b'o'; 1000]);
    disk.set_tearing(true);
    let file = open(&mut disk, "log", OpenMode::Append);
    write_all(&mut disk, file, &[b'n'; 1000]).expect("write");
    disk.power_loss(Survival::Seeded(3));
    let bytes = disk.read("log").expect("read");
    assert_eq!(bytes[..1000], [b'o'; 1000], "what was durable stays");
    for (number, sector) in bytes[1000..].chunk_by(|a, b| a == b).enumerate() {
        assert!(number < 3 && matches!(sector[0], b'n' | 0));
    }
}

#[test]
fn reordered_names_keep_to_the_order_of_each() {
    let mut disk = durable("manifest", b"old");
    disk.write_file("base.1", b"1").expect("write_file");
    disk.write_file("temp", b"new").expect("write_file");
    disk.rename("temp", "manifest").expect("rename");
    disk.unlink("base.1").expect("unlink");
    open(&mut disk, "temp", OpenMode::Append);
    let look = |disk: &SimDisk| {
        let names = disk.files().into_iter().map(|file| file.path);
        let manifest = disk.read("manifest").expect("old or new");
        (names.collect::<Vec<_>>().join(" "), manifest == b"new")
    };
    let in_order = every(&disk, look);
    assert_eq!(in_order.len(), 4, "a prefix of three");
    disk.set_reordering(true);
    let any = every(&disk, look);
    assert!(in_order.is_subset(&any));
    let mut added: Vec<_> = any.difference(&in_order).cloned().collect();
    added.sort();
    assert_eq!(
        added,
        [
            ("base.1 manifest temp".to_owned(), true),
            ("manifest temp".to_owned(), false),
        ],
        "temp is made anew after the rename only, and base.1 may go before it"
    );
    disk.sync_dir("").expect("sync_dir");
    assert_eq!(every(&disk, look).len(), 1);
}

#[test]
fn syncing_a_directory_takes_only_what_it_needs_of_another() {
    let mut disk = durable("base", b"base");
    disk.make_dirs("dir").expect("make_dirs");
    disk.set_reordering(true);
    open(&mut disk, "dir/other", OpenMode::Append);
    disk.rename("base", "dir/base").expect("rename");
    disk.sync_dir("").expect("sync_dir");
    let seen = every(&disk, |disk| {
        (
            disk.inode("dir/base").is_some(),
            disk.inode("dir/other").is_some(),
        )
    });
    assert_eq!(seen, BTreeSet::from([(true, false), (true, true)]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// With tearing, every byte is the old one, the new one, or a zero where the file had none; and no sector is mixed.
    #[test]
    fn tearing_mixes_sectors_not_bytes(
        old_len in 0usize..9000,
        writes in prop::collection::vec((0u64..9000, 1usize..3000), 1..6),
        seed: u64,
    ) {
        let mut disk = durable("file", &vec![b'o'; old_len]);
        disk.set_tearing(true);
        let file = open(&mut disk, "file", OpenMode::Update);
        for (offset, len) in writes {
            let offset = offset.min(disk.len(file).expect("len"));
            disk.write_at(file, offset, &vec![b'n'; len]).expect("write_at");
        }
        let written = disk.read("file").expect("read");
        disk.power_loss(Survival::Seeded(seed));
        let left = disk.read("file").expect("read");
        for (number, sector) in left.chunks(512).enumerate() {
            let start = number * 512;
            let old = (start..start + sector.len())
                .map(|offset| if offset < old_len { b'o' } else { 0 });
            let new = &written[start..start + sector.len()];
            prop_assert!(sector == new || sector.iter().copied().eq(old), "sector {}", number);
        }
    }

    /// A read never gives a byte of a bad sector, and never claims the end of the file before it.
    #[test]
    fn bad_sectors_hide_exactly_their_bytes(
        len in 1u64..5000,
        bad in prop::collection::vec((0u64..5000, 1u64..1500), 0..4),
        offset in 0u64..6000,
        want in 1usize..3000,
    ) {
        let mut disk = durable("file", &vec![b'x'; len as usize]);
        for (start, count) in bad {
            disk.spoil_sectors("file", start..start + count).expect("spoil");
        }
        let bad = disk.bad_ranges("file");
        let is_bad = |offset: u64| bad.iter().any(|range| range.contains(&offset));
        let file = open(&mut disk, "file", OpenMode::Read);
        let mut buf = vec![0; want];
        match disk.read_at(file, offset, &mut buf) {
            Err(_) => prop_assert!(is_bad(offset)),
            Ok(0) => prop_assert!(offset >= len),
            Ok(read) => {
                let end = offset + read as u64;
                prop_assert!((offset..end).all(|offset| offset < len && !is_bad(offset)));
                prop_assert!(read == want || end == len || is_bad(end));
            }
        }
    }
}
