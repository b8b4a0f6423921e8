//! Salvaging the directory of a log: its files in their order, and its manifest.

use std::collections::BTreeMap;

use lastsave_aof::{FileInfo, FileType, Manifest};

use super::replay::Replay;
use super::{Report, log, snapshot};

/// A file by its name, without a directory, and its content.
pub type NamedFile = (String, Vec<u8>);

/// Salvages the files of a log's directory, by name. Returns the new files.
///
/// # Errors
/// Why nothing could be done.
pub fn directory(files: &[NamedFile]) -> Result<(Vec<NamedFile>, Report), String> {
    let contents: BTreeMap<&str, &[u8]> = files
        .iter()
        .map(|(name, bytes)| (&name[..], &bytes[..]))
        .collect();
    let mut report = Report::default();
    let (manifest_name, manifest) = manifest(&contents, &mut report)?;
    let mut kept = Manifest {
        base_seq: manifest.base_seq,
        incr_seq: manifest.incr_seq,
        superseded: manifest.superseded,
        ..Manifest::default()
    };
    let mut made = Vec::new();
    let mut replay = None;
    for info in manifest.files() {
        let Some(bytes) = contents.get(&info.name[..]) else {
            report.append(
                &info.name,
                Report {
                    left_out: vec![super::LeftOut {
                        file: String::new(),
                        range: 0..0,
                        what: None,
                        reason: "the manifest names it, and it is not there".into(),
                    }],
                    ..Report::default()
                },
            );
            continue;
        };
        let mut out = Vec::new();
        let mut own = Report::default();
        let is_base = info.file_type == FileType::Base;
        if !is_base && replay.is_none() && !report.nothing_lost() {
            replay = replay_of(&made);
        }
        salvage(bytes, &mut replay, &mut out, &mut own, &made)
            .map_err(|error| format!("{}: {error}", info.name))?;
        report.append(&info.name, own);
        made.push((info.name.clone(), out));
        match info.file_type {
            FileType::Base => kept.base = Some(info.clone()),
            FileType::Incr => kept.incrs.push(info.clone()),
            FileType::History => {}
        }
    }
    let history = manifest.history.len();
    if history > 0 {
        report.notes.push(format!(
            "{history} replaced files that were to be deleted are not taken over"
        ));
    }
    made.push((manifest_name, kept.format()));
    Ok((made, report))
}

/// Salvages one file of a log: a snapshot, commands, or both. A file that has lost something in its middle is read
/// again, with the data set before it: commands may fail now.
pub(super) fn salvage(
    bytes: &[u8],
    replay: &mut Option<Replay>,
    out: &mut Vec<u8>,
    report: &mut Report,
    before: &[(String, Vec<u8>)],
) -> Result<(), String> {
    let mut start = 0;
    if bytes.starts_with(b"REDIS") {
        match snapshot::salvage(bytes, true, out, report)? {
            Some(end) => start = end,
            None => return Ok(()),
        }
    }
    let (head, known) = (out.len(), report.clone());
    log::salvage(bytes, start, replay.as_mut(), out, report);
    let lost_inside = report
        .left_out
        .iter()
        .any(|left_out| left_out.range.end < bytes.len() as u64);
    if replay.is_none() && lost_inside {
        let mut files = before.to_vec();
        files.push((String::new(), out[..head].to_vec()));
        *replay = replay_of(&files);
        if replay.is_some() {
            out.truncate(head);
            *report = known;
            log::salvage(bytes, start, replay.as_mut(), out, report);
        }
    }
    Ok(())
}

/// A server with the data of these files.
fn replay_of(files: &[(String, Vec<u8>)]) -> Option<Replay> {
    let is_snapshot = |bytes: &[u8]| bytes.starts_with(b"REDIS");
    let snapshot = files
        .iter()
        .map(|(_, bytes)| &bytes[..])
        .find(|bytes| is_snapshot(bytes));
    let mut replay = Replay::new(snapshot)?;
    for (_, bytes) in files {
        let start = match is_snapshot(bytes) {
            true => snapshot::end_of(bytes).unwrap_or(bytes.len()),
            false => 0,
        };
        // They were salvaged: nothing is lost here, and what fails fails again when they are loaded.
        log::salvage(
            bytes,
            start,
            Some(&mut replay),
            &mut Vec::new(),
            &mut Report::default(),
        );
    }
    Some(replay)
}

/// The manifest, or one that the names of the files leave no doubt of.
fn manifest(
    contents: &BTreeMap<&str, &[u8]>,
    report: &mut Report,
) -> Result<(String, Manifest), String> {
    let is_manifest = |name: &&&str| name.ends_with(".manifest") && !name.starts_with("temp-");
    let mut manifests = contents.keys().filter(is_manifest);
    let manifest = match (manifests.next(), manifests.next()) {
        (Some(name), None) => Some(*name),
        (None, _) => None,
        _ => return Err("there is more than one manifest".into()),
    };
    let why = match manifest {
        None => "it is missing".to_owned(),
        Some(name) => match Manifest::parse(contents[name]) {
            Ok(manifest) => return Ok((name.to_owned(), manifest)),
            Err(error) => error.to_string(),
        },
    };
    let (name, rebuilt) = rebuild(contents).map_err(|doubt| {
        format!("the manifest cannot be used ({why}), and the names of the files do not make up for it: {doubt}")
    })?;
    report.notes.push(format!(
        "the manifest was made anew from the names of the files ({why})"
    ));
    Ok((name, rebuilt))
}

/// A manifest from names alone: one base, and the incremental files behind it, without a gap.
fn rebuild(contents: &BTreeMap<&str, &[u8]>) -> Result<(String, Manifest), String> {
    let mut bases = Vec::new();
    let mut incrs = Vec::new();
    let mut prefixes = std::collections::BTreeSet::new();
    for name in contents.keys().filter(|name| !name.starts_with("temp-")) {
        let Some((prefix, seq, kind)) = parts(name) else {
            continue;
        };
        prefixes.insert(prefix);
        let file_type = if kind == "incr" {
            FileType::Incr
        } else {
            FileType::Base
        };
        let info = FileInfo {
            name: (*name).to_owned(),
            seq,
            file_type,
        };
        if kind == "incr" {
            incrs.push(info);
        } else {
            bases.push(info);
        }
    }
    let mut prefixes = prefixes.into_iter();
    let (Some(prefix), None) = (prefixes.next(), prefixes.next()) else {
        return Err("they do not have one name in common".into());
    };
    if bases.len() > 1 {
        let names: Vec<&str> = bases.iter().map(|info| &info.name[..]).collect();
        return Err(format!(
            "there is more than one base ({}); one of them was replaced",
            names.join(", ")
        ));
    }
    incrs.sort_by_key(|info| info.seq);
    if incrs.windows(2).any(|pair| pair[0].seq + 1 != pair[1].seq) {
        return Err("a number is missing among the incremental files".into());
    }
    let base = bases.pop();
    if base.is_none() && incrs.first().is_none_or(|info| info.seq != 1) {
        return Err("there is no base".into());
    }
    let manifest = Manifest {
        base_seq: base.as_ref().map_or(0, |info| info.seq),
        incr_seq: incrs.last().map_or(0, |info| info.seq),
        base,
        incrs,
        history: Vec::new(),
        superseded: false,
    };
    Ok((format!("{prefix}.manifest"), manifest))
}

/// `appendonly.aof`, `3` and `incr` of `appendonly.aof.3.incr.aof`.
fn parts(name: &str) -> Option<(&str, u64, &str)> {
    let (rest, extension) = name.rsplit_once('.')?;
    let (rest, kind) = rest.rsplit_once('.')?;
    let (prefix, seq) = rest.rsplit_once('.')?;
    let known = matches!((kind, extension), ("base", "rdb" | "aof") | ("incr", "aof"));
    let seq = seq.parse().ok().filter(|seq| *seq > 0)?;
    known.then_some((prefix, seq, kind))
}
