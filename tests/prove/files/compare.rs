//! The same files opened by us and by the real server, and what may be different then.

use std::time::{SystemTime, UNIX_EPOCH};

use lastsave_tests::proof::Proof;

use crate::oracle::{self, End, Opened};
use crate::ours::{Files, Ours, disk_of};
use crate::state::State;

/// Why the real server may come to something else. The numbers are those of the table of defects in docs/differences.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Excuse {
    /// 3: it cuts a torn transaction behind its last whole command.
    OpenMulti,
    /// 4: it cuts an old file, torn in the first command behind its snapshot, to nothing.
    PreambleCut,
    /// 5: it cuts a file that is not the last, and then refuses; or refuses though only empty files follow.
    CutBeforeRefusal,
    /// 9: it takes no notice of files that no manifest names, or that a damaged one names no longer.
    UnlistedFiles,
    /// 8 and 10: it starts empty where there is no log yet, whatever the RDB file holds.
    EmptyWithoutLog,
    /// 11: it leaves temporary files where they are.
    Orphans,
    /// 12: it crashes, and we refuse.
    Crash,
    /// 12: it takes in damage that we refuse, and has other data then.
    Damage,
    /// 12: it takes in damage that we refuse, and which was where it does no harm.
    Strict,
    /// A key that has expired was removed meanwhile, and the log says so.
    Expired,
    /// It takes a manifest that names a file in bytes that are not UTF-8.
    NotUtf8,
    /// Zeros at the end are bad format to it, not a torn tail.
    Zeros,
    /// A line with an annotation that is torn at the end of a file is whole to it: the next command goes behind it.
    TornAnnotation,
    /// It leaves a manifest in the words in which it found it; we write it anew, and so make sure that it is durable.
    Respelled,
    /// It moves an old file into the directory before it loads it, so also if it then refuses it.
    MovedBeforeRefusal,
}

/// What one start made of the files.
struct Start {
    end: End,
    state: State,
    files: Files,
    log: String,
}

impl From<Opened> for Start {
    fn from(opened: Opened) -> Self {
        let Opened {
            end,
            state,
            files,
            log,
        } = opened;
        Self {
            end,
            state,
            files,
            log,
        }
    }
}

/// The time now, in microseconds since the epoch.
pub(crate) fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("the clock is set").as_micros() as u64
}

fn open_ours(files: &Files, config: &str) -> Start {
    let mut ours = Ours::start_at(config, disk_of(files), now_us());
    let tail = ours.log.len().saturating_sub(4);
    let log = ours.log[tail..].join(" | ");
    if ours.refusal.is_some() {
        return Start {
            end: End::Refused,
            state: State::default(),
            files: ours.files(),
            log,
        };
    }
    ours.finish_jobs();
    let state = State::of(&mut ours);
    Start {
        end: End::Up,
        state,
        files: ours.files(),
        log,
    }
}

/// What came of a comparison: the excuses that were needed; `None` if something is different and none of them holds.
pub(crate) type Verdict = Option<Vec<Excuse>>;

/// Opens files on both sides and compares whether they start, their data, and what they leave of the files; notes a
/// violation if that is not the same, and none of the excuses holds.
pub(crate) fn compare(
    proof: &mut Proof,
    what: &str,
    files: &Files,
    config: &str,
    sound: Option<&State>,
    excuses: &[Excuse],
) -> Verdict {
    let theirs: Start = oracle::open(files, &for_redis(config)).into();
    let ours = open_ours(files, config);
    proof.case();
    if ours.end == End::Refused {
        proof.refused();
        if ours.files != *files && !config.contains("redis-faithful yes") {
            proof.violation(format!("{what}: we refuse, and change the files"));
            return None;
        }
    }
    let mut needed = Vec::new();
    match judge(files, &ours, &theirs, excuses, &mut needed) {
        Ok(()) => {
            for excuse in &mut needed {
                if *excuse == Excuse::Damage && sound == Some(&theirs.state) {
                    *excuse = Excuse::Strict;
                }
            }
            Some(needed)
        }
        Err(difference) => {
            proof.violation(format!(
                "{what}: {difference}\n    ours  {:?}: {}\n    redis {:?}: {}",
                ours.end, ours.log, theirs.end, theirs.log
            ));
            None
        }
    }
}

/// What we have after a start on sound files.
pub(crate) fn sound_state(files: &Files, config: &str) -> State {
    let start = open_ours(files, config);
    assert_eq!(start.end, End::Up, "they are sound: {}", start.log);
    start.state
}

/// A configuration without the parameters that only we have.
pub(crate) fn for_redis(config: &str) -> String {
    let only_ours = ["redis-faithful", "aof-checksums"];
    let is_ours = |line: &&str| only_ours.iter().any(|name| line.starts_with(name));
    config
        .lines()
        .filter(|line| !is_ours(line))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Compares two starts. `Err` says what is different.
fn judge(
    before: &Files,
    ours: &Start,
    theirs: &Start,
    excuses: &[Excuse],
    needed: &mut Vec<Excuse>,
) -> Result<(), String> {
    let other_data = ours.state.difference(&theirs.state);
    if ours.end != theirs.end || other_data.is_some() {
        let excuse = excuses
            .iter()
            .find(|excuse| explains_start(**excuse, before, ours, theirs));
        needed.push(*excuse.ok_or_else(|| match other_data {
            _ if ours.end != theirs.end => "another end".to_owned(),
            other_data => format!("other data: {}", other_data.unwrap_or_default()),
        })?);
        return Ok(());
    }
    let mut paths: Vec<&String> = ours.files.keys().chain(theirs.files.keys()).collect();
    paths.sort();
    paths.dedup();
    for path in paths {
        let [was, ours_now, theirs_now] =
            [before, &ours.files, &theirs.files].map(|files| files.get(path).map(Vec::as_slice));
        // A snapshot that was made by the start tells when and by whom.
        let is_new =
            |now: Option<&[u8]>| now.is_some_and(|now| now.starts_with(b"REDIS")) && now != was;
        if ours_now == theirs_now || is_new(ours_now) && is_new(theirs_now) {
            continue;
        }
        let both_refuse = ours.end == End::Refused;
        let excuse = excuses.iter().find(|excuse| {
            let file = File {
                path,
                was,
                ours: ours_now,
                theirs: theirs_now,
            };
            explains_file(**excuse, &file, both_refuse, theirs)
        });
        let text = |bytes: Option<&[u8]>| {
            let text = bytes.map_or("none".into(), |bytes| bytes.escape_ascii().to_string());
            text[text.len().saturating_sub(300)..].to_owned()
        };
        needed.push(*excuse.ok_or_else(|| {
            format!(
                "{path} is left as\n    ours  {}\n    redis {}",
                text(ours_now),
                text(theirs_now)
            )
        })?);
    }
    needed.dedup();
    Ok(())
}

/// Whether an excuse explains another end of a start, or other data.
fn explains_start(excuse: Excuse, before: &Files, ours: &Start, theirs: &Start) -> bool {
    let we_refuse = ours.end == End::Refused;
    let they_refuse = theirs.end == End::Refused;
    let they_serve = theirs.end == End::Up;
    match excuse {
        Excuse::CutBeforeRefusal => {
            !we_refuse && they_refuse && theirs.log.contains("not the last file")
        }
        Excuse::UnlistedFiles => {
            we_refuse && they_serve && ours.log.contains("Restore the manifest")
        }
        Excuse::EmptyWithoutLog => {
            !we_refuse && they_serve && theirs.state.len() == 0 && before.contains_key("dump.rdb")
        }
        Excuse::NotUtf8 => {
            let is_other = |(path, bytes): (&String, &Vec<u8>)| {
                path.ends_with(".manifest") && std::str::from_utf8(bytes).is_err()
            };
            we_refuse && they_serve && before.iter().any(is_other)
        }
        Excuse::Crash => we_refuse && matches!(theirs.end, End::Crashed(_)),
        Excuse::Damage => we_refuse && they_serve,
        Excuse::Zeros => {
            let ends_in_zeros = |(path, bytes): (&String, &Vec<u8>)| {
                path.ends_with(".aof") && bytes.ends_with(&[0])
            };
            !we_refuse && they_refuse && before.iter().any(ends_in_zeros)
        }
        Excuse::OpenMulti
        | Excuse::Expired
        | Excuse::Strict
        | Excuse::PreambleCut
        | Excuse::Orphans
        | Excuse::TornAnnotation
        | Excuse::Respelled
        | Excuse::MovedBeforeRefusal => false,
    }
}

/// A file, before and after the two starts.
struct File<'a> {
    path: &'a str,
    was: Option<&'a [u8]>,
    ours: Option<&'a [u8]>,
    theirs: Option<&'a [u8]>,
}

/// Whether an excuse explains what was left of a file.
fn explains_file(excuse: Excuse, file: &File<'_>, both_refuse: bool, theirs: &Start) -> bool {
    let name = file.path.rsplit('/').next().expect("it has a name");
    let is_log = name.ends_with(".aof");
    // What the real server keeps behind our cut.
    let kept = || file.theirs?.strip_prefix(file.ours?);
    match excuse {
        Excuse::OpenMulti => {
            is_log && kept().is_some_and(|rest| rest.starts_with(b"*1\r\n$5\r\nMULTI\r\n"))
        }
        Excuse::Expired => is_log && kept().is_some_and(removes_only),
        Excuse::TornAnnotation => is_log && kept().is_some_and(|rest| rest.starts_with(b"#")),
        Excuse::PreambleCut => {
            is_log
                && file.theirs == Some(b"")
                && file.was.is_some_and(|was| was.starts_with(b"REDIS"))
        }
        Excuse::CutBeforeRefusal => {
            both_refuse
                && theirs.log.contains("not the last file")
                && is_log
                && file.ours == file.was
        }
        Excuse::Orphans => name.starts_with("temp-") && file.ours.is_none(),
        Excuse::Respelled => {
            let parsed = |text: Option<&[u8]>| lastsave_aof::Manifest::parse(text?).ok();
            let ours = parsed(file.ours);
            name.ends_with(".manifest") && ours.is_some() && ours == parsed(file.theirs)
        }
        Excuse::MovedBeforeRefusal => both_refuse && file.ours == file.was,
        Excuse::UnlistedFiles
        | Excuse::EmptyWithoutLog
        | Excuse::Crash
        | Excuse::Damage
        | Excuse::Strict
        | Excuse::NotUtf8
        | Excuse::Zeros => false,
    }
}

/// Whether commands do nothing but remove keys.
fn removes_only(bytes: &[u8]) -> bool {
    let mut reader = lastsave_aof::Reader::new(Vec::new(), bytes, 0);
    loop {
        match reader.next_entry() {
            Ok(Some(lastsave_aof::Entry::Command(args))) => {
                if !matches!(&args[0], b"SELECT" | b"DEL" | b"UNLINK") {
                    return false;
                }
            }
            Ok(Some(lastsave_aof::Entry::Annotation(_))) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}
