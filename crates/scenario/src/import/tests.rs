//! What dropped files come to: the report, and the lines when they are carried out.

use super::*;
use crate::{Progress, Shell, zip::ZipEntry};

/// What the terminal shows after these lines, and the shell.
fn run(lines: &[String], attachments: &Attachments) -> (Shell, String) {
    let mut shell = Shell::new(1);
    shell.attach(attachments);
    for line in lines {
        shell.enter(line);
    }
    while shell.run(1_000_000) != Progress::Idle {}
    let text = shell.take_output().into_iter().map(|span| span.text);
    let text = text.collect();
    (shell, text)
}

/// The files of a machine after these lines.
fn files_after(lines: &[&str]) -> Vec<Incoming> {
    let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    let (shell, _) = run(&lines, &Attachments::default());
    let disk = shell.world().disk();
    let files = disk.files().into_iter();
    files
        .map(|file| Incoming::whole(file.path.clone(), disk.read(&file.path).unwrap()))
        .collect()
}

fn logged() -> Vec<Incoming> {
    files_after(&[
        "redis-server --appendonly yes",
        "SET a 1",
        "SET b 2",
        "sync",
    ])
}

/// Puts the files on a fresh machine and starts the server, as the page does: the text and the keys.
fn load(report: &ImportReport, attachments: &Attachments) -> (String, u64) {
    let mut lines = report.upload.clone();
    lines.extend(report.start.clone());
    let (mut shell, text) = run(&lines, attachments);
    let view = shell.view(&crate::ViewRequest::default());
    (text, view.layers.memory_keys)
}

#[test]
fn a_snapshot_is_known_by_its_content_and_loads() {
    let mut files = files_after(&["redis-server", "SET a 1", "SAVE"]);
    files[0].path = "../../<b>my backup.bin".into();
    let mut attachments = Attachments::default();
    let report = examine(files, &mut attachments);
    let file = &report.files[0];
    assert_eq!(file.kind, ImportKind::Snapshot);
    assert_eq!(file.sound, Some(true));
    assert_eq!(file.redis_version.as_deref(), Some("7.0.15"));
    assert_eq!(file.goes_to.as_deref(), Some("dump.rdb"));
    assert!(file.about.contains("1 key"), "{}", file.about);
    assert_eq!(load(&report, &attachments).1, 1);
    assert_eq!(report.repair, None);
}

#[test]
fn the_directory_of_a_log_loads_whole_without_its_manifest_and_from_a_zip() {
    let whole = logged();
    let nested: Vec<Incoming> = whole
        .iter()
        .map(|file| Incoming {
            path: format!("backup/{}", file.path),
            ..file.clone()
        })
        .collect();
    let bare: Vec<Incoming> = whole
        .iter()
        .filter(|file| !file.path.ends_with(".manifest"))
        .cloned()
        .collect();
    let entries: Vec<ZipEntry> = nested
        .iter()
        .map(|file| ZipEntry {
            path: file.path.clone(),
            bytes: file.bytes.to_vec(),
        })
        .collect();
    let zipped = vec![Incoming::whole("disk.zip", zip::write(&entries, 0))];
    for files in [whole, nested, bare, zipped] {
        let mut attachments = Attachments::default();
        let report = examine(files, &mut attachments);
        let start = report.start.as_deref();
        assert_eq!(start, Some("redis-server --appendonly yes"), "{report:?}");
        assert_eq!(load(&report, &attachments).1, 2, "{report:?}");
    }
}

#[test]
fn a_log_of_another_name_keeps_it() {
    let files = files_after(&[
        "redis-server --appendonly yes --appendfilename 'my log.aof'",
        "SET a 1",
    ]);
    let mut attachments = Attachments::default();
    let report = examine(files, &mut attachments);
    let (text, keys) = load(&report, &attachments);
    assert_eq!(keys, 1, "{text} {report:?}");
}

#[test]
fn a_single_log_of_any_version_loads() {
    let log = Incoming::whole(
        "redis6.aof",
        b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n".to_vec(),
    );
    let mut attachments = Attachments::default();
    let report = examine(vec![log], &mut attachments);
    assert_eq!(load(&report, &attachments).1, 1, "{report:?}");
}

#[test]
fn a_broken_log_is_repaired_and_taken_over() {
    let mut files = logged();
    let incr = files
        .iter_mut()
        .find(|file| file.path.ends_with(".incr.aof"))
        .unwrap();
    let mut bytes = incr.bytes.to_vec();
    bytes[25] = b'x';
    incr.bytes = bytes.into();
    let mut attachments = Attachments::default();
    let report = examine(files, &mut attachments);
    assert!(!report.is_sound());
    let broken = report.files.iter().find(|file| file.problem.is_some());
    assert_eq!(broken.unwrap().problem.as_ref().unwrap().0, 23);
    let repair = report.repair.clone().unwrap();
    let mut lines = report.upload.clone();
    lines.push(repair.line);
    lines.extend(repair.adopt);
    lines.extend(report.start);
    let (mut shell, text) = run(&lines, &attachments);
    let view = shell.view(&crate::ViewRequest::default());
    assert_eq!(view.layers.memory_keys, 1, "{text}");
}

#[test]
fn a_configuration_with_comments_is_refused_in_redis_words() {
    let text = "save 900 1   # every 15 minutes\nappendonly yes\ndir /var/lib/redis\n";
    let mut attachments = Attachments::default();
    let report = examine(
        vec![Incoming::whole("redis.conf", text.into())],
        &mut attachments,
    );
    let (at, why) = report.files[0].problem.clone().unwrap();
    assert_eq!(at, 0);
    assert!(why.contains("Invalid save parameters"), "{why}");
    assert_eq!(report.strip.as_deref(), Some("strip-comments redis.conf"));
    let mut lines = report.upload;
    lines.extend(report.strip);
    lines.extend(report.start);
    let (_, text) = run(&lines, &attachments);
    assert!(text.contains("Ready to accept connections"), "{text}");
}

#[test]
fn a_large_file_is_named_by_its_sum() {
    let mut noise = b"REDIS0010".to_vec();
    let mut state = 1_u32;
    noise.extend((0..300_000).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    }));
    let len = noise.len() as u64;
    let mut attachments = Attachments::default();
    let report = examine(
        vec![Incoming::whole("dump.rdb", noise.clone())],
        &mut attachments,
    );
    let named = Attachments::named_in(report.upload.iter().map(String::as_str));
    assert_eq!(named.len(), 1);
    assert_eq!(named[0].1, len);
    assert_eq!(&attachments.get(named[0].0, len).unwrap()[..], &noise[..]);
}

#[test]
fn what_is_too_long_is_looked_at_and_not_loaded() {
    let mut command = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n".repeat(1000);
    command.truncate(20_000);
    let file = Incoming {
        path: "appendonly.aof".into(),
        len: 500 << 20,
        bytes: command.into(),
    };
    let report = examine(vec![file], &mut Attachments::default());
    assert!(report.upload.is_empty() && report.start.is_none());
    let file = &report.files[0];
    assert_eq!((file.kind, file.sound), (ImportKind::Log, None), "{file:?}");
    assert!(file.about.contains("commands"), "{}", file.about);
    let notes = report.notes.join("\n");
    assert!(notes.contains("more than 64 MB"), "{notes}");
    assert!(notes.contains("lastsave inspect appendonly.aof"), "{notes}");
}

#[test]
fn what_is_nothing_is_said_to_be_nothing() {
    for (name, bytes, kind) in [
        ("dump.rdb", &b""[..], ImportKind::Empty),
        ("cat.jpg", b"\xff\xd8\xff\xe0 JFIF", ImportKind::Unknown),
        ("notes.txt", b"buy milk\n", ImportKind::Unknown),
        ("dump.rdb", b"\x00\x00\x00\x00", ImportKind::Snapshot),
        ("a.zip", b"PK\x03\x04 and no more", ImportKind::Archive),
    ] {
        let report = examine(
            vec![Incoming::whole(name, bytes.to_vec())],
            &mut Attachments::default(),
        );
        let file = &report.files[0];
        assert_eq!(file.kind, kind, "{name}: {file:?}");
        assert_ne!(file.sound, Some(true), "{name}");
    }
    assert_eq!(examine(Vec::new(), &mut Attachments::default()).files, []);
}

#[test]
fn files_looked_at_bit_by_bit_come_to_the_same() {
    let mut files = logged();
    files.extend(files_after(&["redis-server", "SET a 1", "SAVE"]));
    files.push(Incoming::whole("broken.rdb", b"REDIS0010\xfe".to_vec()));
    files.push(Incoming::whole("empty", Vec::new()));
    let whole = examine(files.clone(), &mut Attachments::default());
    let mut examination = Examination::new(files);
    let (mut last, mut steps) = (0.0, 0);
    while examination.step(1) {
        let fraction = examination.fraction();
        assert!((last..=1.0).contains(&fraction), "{fraction} after {last}");
        last = fraction;
        steps += 1;
    }
    assert!(steps > 10, "{steps}");
    assert_eq!(examination.finish(&mut Attachments::default()), whole);
}
