//! The part of the contract of [`Vfs`] that needs no crash to check, as one suite for every implementation.
//!
//! Each case wants an empty data directory of its own:
//!
//! ```
//! for (name, case) in lastsave_vfs::contract::CASES {
//!     println!("{name}");
//!     case(&mut lastsave_vfs::SimDisk::new(None));
//! }
//! ```

use crate::{Errno, FileId, Op, OpenMode, SyncKind, Vfs, read_file, write_all};

/// One case: panics where the contract is broken.
pub type Case = fn(&mut dyn Vfs);

/// All cases with their names.
pub const CASES: &[(&str, Case)] = &[
    ("append goes to the end", append_goes_to_the_end),
    ("append follows a truncation", append_follows_a_truncation),
    (
        "a position outlives a truncation",
        a_position_outlives_a_truncation,
    ),
    ("truncate mode empties", truncate_mode_empties),
    ("missing files are not found", missing_files_are_not_found),
    ("update writes in place", update_writes_in_place),
    ("read stops at the end", read_stops_at_the_end),
    ("cut bytes do not come back", cut_bytes_do_not_come_back),
    ("rename replaces", rename_replaces),
    ("rename crosses directories", rename_crosses_directories),
    ("an unlinked file stays open", an_unlinked_file_stays_open),
    ("a handle follows its file", a_handle_follows_its_file),
    ("list is sorted", list_is_sorted),
    ("directories are not files", directories_are_not_files),
    ("syncs change nothing to see", syncs_change_nothing_to_see),
];

fn open(vfs: &mut dyn Vfs, path: &str, mode: OpenMode) -> FileId {
    vfs.open(path, mode)
        .unwrap_or_else(|error| panic!("open {path}: {error}"))
}

fn put(vfs: &mut dyn Vfs, path: &str, bytes: &[u8]) {
    let file = open(vfs, path, OpenMode::Truncate);
    write_all(vfs, file, bytes).expect("write");
    vfs.close(file);
}

fn get(vfs: &mut dyn Vfs, path: &str) -> Vec<u8> {
    read_file(vfs, path).unwrap_or_else(|error| panic!("read {path}: {error}"))
}

fn append_goes_to_the_end(vfs: &mut dyn Vfs) {
    let first = open(vfs, "log", OpenMode::Append);
    let second = open(vfs, "log", OpenMode::Append);
    write_all(vfs, first, b"one ").expect("write");
    write_all(vfs, second, b"two ").expect("write");
    write_all(vfs, first, b"three").expect("write");
    assert_eq!(vfs.len(second), Ok(13));
    assert_eq!(get(vfs, "log"), b"one two three");
}

fn append_follows_a_truncation(vfs: &mut dyn Vfs) {
    let file = open(vfs, "log", OpenMode::Append);
    write_all(vfs, file, b"whole torn").expect("write");
    vfs.truncate(file, 6).expect("truncate");
    write_all(vfs, file, b"again").expect("write");
    assert_eq!(
        get(vfs, "log"),
        b"whole again",
        "no hole where the cut bytes were"
    );
}

fn a_position_outlives_a_truncation(vfs: &mut dyn Vfs) {
    put(vfs, "log", b"old ");
    let file = open(vfs, "log", OpenMode::Positioned);
    write_all(vfs, file, b"whole torn").expect("write");
    vfs.truncate(file, 10).expect("truncate");
    write_all(vfs, file, b"again").expect("write");
    assert_eq!(
        get(vfs, "log"),
        b"old whole \0\0\0\0again",
        "a hole where the cut bytes were"
    );
}

fn truncate_mode_empties(vfs: &mut dyn Vfs) {
    put(vfs, "file", b"long content");
    put(vfs, "file", b"short");
    assert_eq!(get(vfs, "file"), b"short");
}

fn missing_files_are_not_found(vfs: &mut dyn Vfs) {
    for mode in [OpenMode::Read, OpenMode::Update] {
        let error = vfs.open("none", mode).expect_err("there is no such file");
        assert_eq!(
            (error.op, error.path.as_str(), error.errno),
            (Op::Open, "none", Errno::NotFound)
        );
    }
    assert_eq!(
        vfs.open("none/file", OpenMode::Append)
            .expect_err("no directory")
            .errno,
        Errno::NotFound
    );
    assert_eq!(
        vfs.unlink("none").expect_err("no file").errno,
        Errno::NotFound
    );
    assert_eq!(
        vfs.rename("none", "other").expect_err("no file").errno,
        Errno::NotFound
    );
    assert_eq!(
        vfs.list("none").expect_err("no directory").errno,
        Errno::NotFound
    );
    assert_eq!(
        vfs.sync_dir("none").expect_err("no directory").errno,
        Errno::NotFound
    );
    assert_eq!(vfs.list("").expect("the data directory"), []);
}

fn update_writes_in_place(vfs: &mut dyn Vfs) {
    put(vfs, "file", b"0123456789");
    let file = open(vfs, "file", OpenMode::Update);
    vfs.write_at(file, 3, b"abc").expect("write_at");
    let mut buf = [0; 4];
    assert_eq!(vfs.read_at(file, 2, &mut buf), Ok(4));
    assert_eq!(&buf, b"2abc");
    assert_eq!(get(vfs, "file"), b"012abc6789");
}

fn read_stops_at_the_end(vfs: &mut dyn Vfs) {
    let content: Vec<u8> = (0..10_000u32).map(|n| (n % 251) as u8).collect();
    put(vfs, "file", &content);
    let file = open(vfs, "file", OpenMode::Read);
    let mut buf = [0; 100];
    assert_eq!(vfs.read_at(file, 10_000, &mut buf), Ok(0));
    assert_eq!(vfs.read_at(file, 20_000, &mut buf), Ok(0));
    let taken = vfs.read_at(file, 9_990, &mut buf).expect("read");
    assert!((1..=10).contains(&taken));
    assert_eq!(buf[..taken], content[9_990..9_990 + taken]);
    assert_eq!(get(vfs, "file"), content);
    assert!(
        vfs.write(file, b"x").is_err(),
        "the file is open for reading only"
    );
}

fn cut_bytes_do_not_come_back(vfs: &mut dyn Vfs) {
    let content = vec![b'x'; 9_000];
    put(vfs, "file", &content);
    let file = open(vfs, "file", OpenMode::Update);
    vfs.truncate(file, 5_000).expect("truncate");
    assert_eq!(vfs.len(file), Ok(5_000));
    vfs.truncate(file, 0).expect("truncate");
    assert_eq!(get(vfs, "file"), b"");
}

fn rename_replaces(vfs: &mut dyn Vfs) {
    put(vfs, "temp", b"new");
    put(vfs, "file", b"old");
    vfs.rename("temp", "file").expect("rename");
    assert_eq!(get(vfs, "file"), b"new");
    assert_eq!(
        vfs.open("temp", OpenMode::Read).expect_err("renamed").errno,
        Errno::NotFound
    );
}

fn rename_crosses_directories(vfs: &mut dyn Vfs) {
    vfs.create_dir("dir").expect("create_dir");
    put(vfs, "temp", b"moved");
    vfs.rename("temp", "dir/file").expect("rename");
    assert_eq!(get(vfs, "dir/file"), b"moved");
    assert_eq!(vfs.list("").expect("list").len(), 1);
}

fn an_unlinked_file_stays_open(vfs: &mut dyn Vfs) {
    put(vfs, "file", b"content");
    let file = open(vfs, "file", OpenMode::Read);
    vfs.unlink("file").expect("unlink");
    let mut buf = [0; 7];
    assert_eq!(vfs.read_at(file, 0, &mut buf), Ok(7));
    assert_eq!(&buf, b"content");
    vfs.close(file);
    assert_eq!(vfs.list("").expect("list"), []);
}

fn a_handle_follows_its_file(vfs: &mut dyn Vfs) {
    let file = open(vfs, "temp", OpenMode::Append);
    write_all(vfs, file, b"before ").expect("write");
    vfs.rename("temp", "log").expect("rename");
    write_all(vfs, file, b"after").expect("write");
    assert_eq!(get(vfs, "log"), b"before after");
}

fn list_is_sorted(vfs: &mut dyn Vfs) {
    vfs.create_dir("b").expect("create_dir");
    put(vfs, "c", b"123");
    put(vfs, "a", b"");
    let entries = vfs.list("").expect("list");
    let seen: Vec<_> = entries
        .iter()
        .map(|entry| (entry.name.as_str(), entry.is_dir, entry.len))
        .collect();
    assert_eq!(seen, [("a", false, 0), ("b", true, 0), ("c", false, 3)]);
}

fn directories_are_not_files(vfs: &mut dyn Vfs) {
    vfs.create_dir("dir").expect("create_dir");
    assert_eq!(
        vfs.create_dir("dir").expect_err("taken").errno,
        Errno::Exists
    );
    assert_eq!(
        vfs.open("dir", OpenMode::Append)
            .expect_err("a directory")
            .errno,
        Errno::IsADirectory
    );
    put(vfs, "file", b"");
    assert_eq!(
        vfs.rename("file", "dir").expect_err("a directory").errno,
        Errno::IsADirectory
    );
    assert_eq!(
        vfs.open("file/x", OpenMode::Append)
            .expect_err("no directory")
            .errno,
        Errno::NotADirectory
    );
}

fn syncs_change_nothing_to_see(vfs: &mut dyn Vfs) {
    vfs.create_dir("dir").expect("create_dir");
    let file = open(vfs, "dir/file", OpenMode::Append);
    write_all(vfs, file, b"bytes").expect("write");
    vfs.sync(file, SyncKind::Data).expect("sync");
    vfs.sync(file, SyncKind::All).expect("sync");
    vfs.sync_dir("dir").expect("sync_dir");
    vfs.sync_dir("").expect("sync_dir");
    assert_eq!(get(vfs, "dir/file"), b"bytes");
}
