//! Where files go on the disk, and the lines that put them there and do something with them.

use lastsave_aof::{FileInfo, FileType, Manifest};
use lastsave_engine::config::{Config, parse_file, strip_trailing_comments};

use super::{ImportFile, ImportKind, ImportRepair, ImportReport, Incoming, WHOLE_BYTES};
use crate::Attachments;
use crate::link::encode_base64url;
use crate::pack::pack;

/// A file whose packed content has so many letters at most travels in its line.
const INLINE_LETTERS: usize = 24_000;
/// A file that is longer is not even packed to see.
const PACKED_BYTES: usize = 256 << 10;
/// A configuration of so many lines at most is written as a here-document, which a person can read.
const READABLE_LINES: usize = 150;

const DEFAULT_LOG: &str = "appendonly.aof";
const LOG_DIR: &str = "appendonlydir";

/// Finds a place for each file, and adds the lines to the report.
pub(super) fn place(
    mut found: Vec<(Incoming, ImportFile)>,
    attachments: &mut Attachments,
    report: &mut ImportReport,
) {
    let conf = configuration(&mut found, report);
    let log = log_directory(&mut found, report).or_else(|| single_log(&mut found, report));
    let snapshot = snapshots(&mut found, report, conf.as_ref(), log.is_some());
    scenario(&mut found, report);
    let total: u64 = found
        .iter()
        .filter(|(_, about)| about.goes_to.is_some())
        .map(|(file, _)| file.len)
        .sum();
    let whole = found
        .iter()
        .all(|(file, about)| about.goes_to.is_none() || file.is_whole());
    report.files = found.iter().map(|(_, about)| about.clone()).collect();
    if !whole || total > WHOLE_BYTES {
        too_long(&found, report);
        return;
    }
    if let Some(Log {
        made_manifest: Some((path, text)),
        ..
    }) = &log
    {
        report.upload.push(upload(path, text, attachments));
    }
    for (file, about) in &found {
        if let Some(path) = &about.goes_to {
            match about.kind {
                ImportKind::Configuration => {
                    report
                        .upload
                        .extend(written(path, &file.bytes, attachments));
                }
                _ => report.upload.push(upload(path, &file.bytes, attachments)),
            }
        }
    }
    lines(report, conf.as_ref(), log.as_ref(), snapshot.as_deref());
}

/// The lines that do something with what was put on the disk.
fn lines(
    report: &mut ImportReport,
    conf: Option<&Conf>,
    log: Option<&Log>,
    snapshot: Option<&str>,
) {
    let mut start = String::from("redis-server");
    match conf {
        Some(conf) => {
            start.push_str(" redis.conf");
            if conf.config.is_none() && conf.comments > 0 {
                report.strip = Some("strip-comments redis.conf".into());
            }
            if conf.leaves {
                start.push_str(" --dir /data");
            }
            if log.is_some() && !conf.config.as_ref().is_some_and(|config| config.appendonly) {
                start.push_str(" --appendonly yes");
            }
        }
        None if log.is_some() => start.push_str(" --appendonly yes"),
        None => {}
    }
    if let Some(log) = log {
        if let Some(name) = &log.file_name {
            start.push_str(&format!(" --appendfilename {}", word(name)));
        }
        report
            .check
            .push(format!("redis-check-aof {}", word(&log.entry)));
    }
    if let Some(snapshot) = snapshot {
        report
            .check
            .push(format!("redis-check-rdb {}", word(snapshot)));
    }
    let data = log.map(|log| log.place.as_str()).or(snapshot);
    report.inspect = data.map(|path| format!("inspect {} --depth 0", word(path)));
    if conf.is_some() || data.is_some() {
        report.start = Some(start);
    }
    let broken = report.files.iter().any(|file| {
        file.sound == Some(false)
            && matches!(
                file.kind,
                ImportKind::Snapshot | ImportKind::Log | ImportKind::Manifest
            )
    });
    if let Some(path) = data.filter(|_| broken) {
        let output = match path {
            LOG_DIR => "repaired".to_owned(),
            path => format!("repaired-{path}"),
        };
        report.repair = Some(ImportRepair {
            line: format!("repair {path} -o {output}"),
            adopt: vec![
                format!("mv {path} broken-{path}"),
                format!("mv {output} {path}"),
            ],
            output,
        });
    }
}

/// Says what is too long, and what can be done about it at home.
fn too_long(found: &[(Incoming, ImportFile)], report: &mut ImportReport) {
    report.notes.push(format!(
        "This is more than {} MB, which is the limit of a simulated disk in a page. The program does it on your machine:",
        WHOLE_BYTES >> 20
    ));
    let longest = found.iter().max_by_key(|(file, _)| file.len);
    let name = longest.map_or("dump.rdb".into(), |(_, about)| word(&about.path));
    report
        .notes
        .push(format!("lastsave inspect {name} --depth 0"));
    report
        .notes
        .push(format!("lastsave repair {name} -o repaired"));
    for file in &mut report.files {
        file.goes_to = None;
    }
}

/// A configuration among the files.
struct Conf {
    /// What it says, if Redis takes it.
    config: Option<Config>,
    /// Directives with a comment behind them.
    comments: usize,
    /// Whether it goes to a directory that is not there.
    leaves: bool,
}

fn configuration(found: &mut [(Incoming, ImportFile)], report: &mut ImportReport) -> Option<Conf> {
    let (file, about) = only(found, ImportKind::Configuration, report)?;
    about.goes_to = Some("redis.conf".into());
    let text = String::from_utf8_lossy(&file.bytes);
    let (stripped, comments) = strip_trailing_comments(&text);
    let config = parse_file(&text).ok();
    let leaves = stripped.lines().any(|line| {
        let mut words = line.split_whitespace();
        words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case("dir"))
            && !matches!(words.next(), Some("." | "./" | "/data"))
    });
    if leaves {
        report.notes.push(
            "Its `dir` is not on this machine: the server is started with `--dir /data`.".into(),
        );
    }
    Some(Conf {
        config,
        comments,
        leaves,
    })
}

/// The first file of a kind; the others stay out.
fn only<'a>(
    found: &'a mut [(Incoming, ImportFile)],
    kind: ImportKind,
    report: &mut ImportReport,
) -> Option<(&'a Incoming, &'a mut ImportFile)> {
    let many = found.iter().filter(|(_, about)| about.kind == kind).count();
    let (file, about) = found.iter_mut().find(|(_, about)| about.kind == kind)?;
    if many > 1 {
        report.notes.push(format!(
            "Of {many} files of this kind {} is used.",
            about.path
        ));
    }
    Some((file, about))
}

/// A log among the files.
struct Log {
    /// What inspect and repair are given.
    place: String,
    /// What redis-check-aof is given.
    entry: String,
    /// `appendfilename`, if it is not the default.
    file_name: Option<String>,
    /// A manifest that had to be made, with its path.
    made_manifest: Option<(String, Vec<u8>)>,
}

/// The files of a log with their manifest, or with one that their names give.
fn log_directory(found: &mut [(Incoming, ImportFile)], report: &mut ImportReport) -> Option<Log> {
    let manifest = only(found, ImportKind::Manifest, report)
        .map(|(file, about)| (about.path.clone(), file.bytes.clone()));
    let (dir, manifest_name, text) = match manifest {
        Some((path, bytes)) => {
            let (dir, name) = split(&path);
            (dir.to_owned(), name.to_owned(), Some(bytes))
        }
        None => {
            let (stem, dir) = parts(found)?;
            (dir, format!("{stem}.manifest"), None)
        }
    };
    let stem = manifest_name
        .strip_suffix(".manifest")
        .unwrap_or(DEFAULT_LOG);
    let stem = stem.to_owned();
    let mut infos = Vec::new();
    for (_, about) in found.iter_mut() {
        let (its_dir, name) = split(&about.path);
        let is_manifest = about.kind == ImportKind::Manifest && name == manifest_name;
        let is_part = text.as_ref().is_some_and(|text| names(text, name))
            || is_part_of(name, &stem).is_some();
        if its_dir == dir && (is_manifest || is_part) {
            let name = match is_manifest {
                true => format!("{stem}.manifest"),
                false => name.to_owned(),
            };
            infos.extend(is_part_of(&name, &stem));
            about.goes_to = Some(format!("{LOG_DIR}/{name}"));
        }
    }
    let manifest_path = format!("{LOG_DIR}/{stem}.manifest");
    let made_manifest = text.is_none().then(|| {
        report.notes.push(
            "The manifest is missing: the names of the files tell their order, and one is made."
                .into(),
        );
        (manifest_path.clone(), manifest_of(infos))
    });
    if let Some(text) = text {
        missing(&text, found, &dir, report);
    }
    Some(Log {
        place: LOG_DIR.into(),
        entry: manifest_path,
        file_name: (stem != DEFAULT_LOG).then_some(stem),
        made_manifest,
    })
}

/// Notes the files that a manifest names and that have not come.
fn missing(text: &[u8], found: &[(Incoming, ImportFile)], dir: &str, report: &mut ImportReport) {
    let Ok(manifest) = Manifest::parse(text) else {
        return;
    };
    for info in manifest.files() {
        let came = found
            .iter()
            .any(|(_, about)| split(&about.path) == (dir, &info.name));
        if !came {
            report.notes.push(format!(
                "The manifest names {}, which is not among the files: the server will refuse to start.",
                info.name
            ));
        }
    }
}

fn names(manifest: &[u8], name: &str) -> bool {
    Manifest::parse(manifest).is_ok_and(|manifest| {
        manifest
            .files()
            .chain(&manifest.history)
            .any(|info| info.name == name)
    })
}

fn manifest_of(mut infos: Vec<FileInfo>) -> Vec<u8> {
    infos.sort_by_key(|info| info.seq);
    let is_base = |info: &&FileInfo| info.file_type == FileType::Base;
    Manifest {
        base: infos.iter().rfind(is_base).cloned(),
        incrs: infos
            .into_iter()
            .filter(|info| info.file_type == FileType::Incr)
            .collect(),
        ..Manifest::default()
    }
    .format()
}

/// The common stem and the directory of files that are named as parts of a log, if there are two at least.
fn parts(found: &[(Incoming, ImportFile)]) -> Option<(String, String)> {
    let mut stems = Vec::new();
    for (_, about) in found {
        let (dir, name) = split(&about.path);
        let mut ends = name.rmatch_indices('.').map(|(at, _)| at).skip(2);
        let stem = ends.next().map_or("", |at| &name[..at]);
        if is_part_of(name, stem).is_some() {
            stems.push((stem.to_owned(), dir.to_owned()));
        }
    }
    let first = stems.first()?.clone();
    (stems.iter().filter(|each| **each == first).count() > 1).then_some(first)
}

/// `STEM.3.incr.aof`, `STEM.2.base.rdb`: which part of a log a name says that a file is.
fn is_part_of(name: &str, stem: &str) -> Option<FileInfo> {
    let mut parts = name.strip_prefix(stem)?.strip_prefix('.')?.split('.');
    let seq = parts.next()?.parse().ok()?;
    let file_type = match (parts.next()?, parts.next()?) {
        ("base", "rdb" | "aof") => FileType::Base,
        ("incr", "aof") => FileType::Incr,
        _ => return None,
    };
    let is_whole = parts.next().is_none() && !stem.is_empty();
    is_whole.then(|| FileInfo {
        name: name.to_owned(),
        seq,
        file_type,
    })
}

/// One log without a manifest: the server takes it over as one of an older version.
fn single_log(found: &mut [(Incoming, ImportFile)], report: &mut ImportReport) -> Option<Log> {
    // What a rewrite had not come to the end of, no server looks at.
    for (_, about) in found.iter_mut() {
        if about.kind == ImportKind::Log && split(&about.path).1.starts_with("temp-") {
            about.kind = ImportKind::Unknown;
            about
                .about
                .push_str("; no server loads a file of this name");
        }
    }
    let (_, about) = only(found, ImportKind::Log, report)?;
    about.goes_to = Some(DEFAULT_LOG.into());
    if is_part_of(split(&about.path).1, DEFAULT_LOG).is_some() {
        report.notes.push(
            "This is one file of a log's directory; without its manifest and its base it is loaded as a log of its own."
                .into(),
        );
    }
    Some(Log {
        place: DEFAULT_LOG.into(),
        entry: DEFAULT_LOG.into(),
        file_name: None,
        made_manifest: None,
    })
}

/// Places the snapshots that are no part of a log, and returns where the one is that a server loads.
fn snapshots(
    found: &mut [(Incoming, ImportFile)],
    report: &mut ImportReport,
    conf: Option<&Conf>,
    has_log: bool,
) -> Option<String> {
    let name = conf
        .and_then(|conf| conf.config.as_ref())
        .map_or_else(|| "dump.rdb".to_owned(), |config| config.dbfilename.clone());
    let mut placed = None;
    let is_free =
        |about: &ImportFile| about.kind == ImportKind::Snapshot && about.goes_to.is_none();
    let several = found.iter().filter(|(_, about)| is_free(about)).count() > 1;
    // The one with the right name comes first.
    let best = found
        .iter()
        .position(|(_, about)| is_free(about) && split(&about.path).1 == name)
        .or_else(|| found.iter().position(|(_, about)| is_free(about)));
    for (index, (_, about)) in found.iter_mut().enumerate() {
        if !is_free(about) {
            continue;
        }
        if Some(index) == best {
            about.goes_to = Some(name.clone());
            placed = Some(name.clone());
        } else {
            about.goes_to = Some(format!("{index}-{}", split(&about.path).1));
        }
    }
    if several {
        report.notes.push(format!(
            "There are several snapshots: a server loads one, here {name}; `diff` compares them."
        ));
    }
    if has_log && placed.is_some() {
        report
            .notes
            .push("With the log on, a server loads the log and not the snapshot.".into());
    }
    placed
}

fn scenario(found: &mut [(Incoming, ImportFile)], report: &mut ImportReport) {
    if let Some((file, about)) = only(found, ImportKind::Scenario, report)
        && about.sound == Some(true)
    {
        report.scenario = Some(String::from_utf8_lossy(&file.bytes).into_owned());
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// The line that puts these bytes on the disk.
fn upload(path: &str, bytes: &[u8], attachments: &mut Attachments) -> String {
    let path = word(path);
    if bytes.len() <= PACKED_BYTES {
        let letters = encode_base64url(&pack(bytes));
        if letters.len() <= INLINE_LETTERS {
            return format!("upload {path} z:{letters}");
        }
    }
    let sum = attachments.add(bytes.into());
    format!("upload {path} crc:{sum:016x} {}", bytes.len())
}

/// The lines that write a text, readable if it is short.
fn written(path: &str, bytes: &[u8], attachments: &mut Attachments) -> Vec<String> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let is_readable = text.lines().count() <= READABLE_LINES
        && text.ends_with('\n')
        && !text.contains('\r')
        && text.lines().all(|line| line.trim() != "EOF");
    if !is_readable {
        return vec![upload(path, bytes, attachments)];
    }
    let mut lines = vec![format!("cat > {} <<'EOF'", word(path))];
    lines.extend(text.lines().map(str::to_owned));
    lines.push("EOF".into());
    lines
}

/// A path as a word of the shell.
fn word(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/+=@:".contains(c);
    match path.chars().all(is_plain) && !path.starts_with('-') {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', "'\\''")),
    }
}
