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
    /// 12: it takes in damage that we refuse.
    Damage,
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

/// What came of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The same.
    Same,
    /// Something else, for this reason.
    Excused(Excuse),
    /// Something else.
    Different,
}

/// Opens files on both sides and compares whether they start, their data, and what they leave of the files; notes a
/// violation if that is not the same, and none of the excuses holds.
pub(crate) fn compare(
    proof: &mut Proof,
    what: &str,
    files: &Files,
    config: &str,
    excuses: &[Excuse],
) -> Verdict {
    let theirs: Start = oracle::open(files, config).into();
    let ours = open_ours(files, config);
    proof.case();
    if ours.end == End::Refused {
        proof.refused();
        if ours.files != *files {
            proof.violation(format!("{what}: we refuse, and change the files"));
            return Verdict::Different;
        }
    }
    let Some(difference) = difference(files, &ours, &theirs) else {
        return Verdict::Same;
    };
    let excuse = excuses
        .iter()
        .find(|excuse| holds(**excuse, files, &ours, &theirs));
    if let Some(excuse) = excuse {
        return Verdict::Excused(*excuse);
    }
    proof.violation(format!(
        "{what}: {difference}\n    ours  {:?}: {}\n    redis {:?}: {}",
        ours.end, ours.log, theirs.end, theirs.log
    ));
    Verdict::Different
}

fn difference(before: &Files, ours: &Start, theirs: &Start) -> Option<String> {
    if ours.end != theirs.end {
        return Some(format!("we are {:?}, redis {:?}", ours.end, theirs.end));
    }
    if let Some(text) = ours.state.difference(&theirs.state) {
        return Some(format!("other data: {text}"));
    }
    differing_file(before, &ours.files, &theirs.files).map(|path| {
        let text = |files: &Files| {
            let bytes = files
                .get(path)
                .map(|bytes| bytes.escape_ascii().to_string());
            let mut text = bytes.unwrap_or("none".into());
            if text.len() > 300 {
                text = format!("… {}", &text[text.len() - 300..]);
            }
            text
        };
        format!(
            "{path} is left as\n    ours  {}\n    redis {}",
            text(&ours.files),
            text(&theirs.files)
        )
    })
}

/// The first file that is not left the same. What a start has made anew tells when and by whom.
fn differing_file<'a>(before: &Files, ours: &'a Files, theirs: &'a Files) -> Option<&'a String> {
    let paths = ours.keys().chain(theirs.keys());
    paths.into_iter().find(|path| {
        let new = |files: &Files| {
            files
                .get(*path)
                .filter(|bytes| bytes.starts_with(b"REDIS"))
                .is_some_and(|bytes| before.get(*path) != Some(bytes))
        };
        ours.get(*path) != theirs.get(*path) && !(new(ours) && new(theirs))
    })
}

fn holds(excuse: Excuse, before: &Files, ours: &Start, theirs: &Start) -> bool {
    let both = |end: End| ours.end == end && theirs.end == end;
    let same_data = both(End::Up) && ours.state == theirs.state;
    let log = |path: &str| path.ends_with(".aof");
    // Those whose bytes the two have left differently.
    let differing: Vec<&String> = ours
        .files
        .keys()
        .chain(theirs.files.keys())
        .filter(|path| ours.files.get(*path) != theirs.files.get(*path))
        .collect();
    let len = |files: &Files, path: &str| files.get(path).map_or(0, Vec::len);
    match excuse {
        Excuse::OpenMulti => {
            same_data
                && differing.iter().all(|path| {
                    log(path) && len(&ours.files, path) < len(&theirs.files, path) && {
                        let rest = &theirs.files[*path][len(&ours.files, path)..];
                        rest.starts_with(b"*1\r\n$5\r\nMULTI\r\n")
                    }
                })
        }
        Excuse::PreambleCut => {
            same_data
                && differing.iter().all(|path| {
                    log(path)
                        && len(&theirs.files, path) == 0
                        && before.values().any(|bytes| bytes.starts_with(b"REDIS"))
                })
        }
        Excuse::CutBeforeRefusal => {
            theirs.end == End::Refused
                && theirs.log.contains("not the last file")
                && (ours.end == End::Up || differing.iter().all(|path| log(path)))
        }
        Excuse::UnlistedFiles => {
            ours.end == End::Refused
                && theirs.end == End::Up
                && ours.log.contains("Restore the manifest")
        }
        Excuse::EmptyWithoutLog => {
            both(End::Up) && theirs.state.len() == 0 && before.contains_key("dump.rdb")
        }
        Excuse::Orphans => {
            let is_temporary = |path: &str| {
                path.rsplit('/')
                    .next()
                    .is_some_and(|name| name.starts_with("temp-"))
            };
            ours.end == theirs.end
                && ours.state == theirs.state
                && differing
                    .iter()
                    .all(|path| is_temporary(path) && !ours.files.contains_key(path.as_str()))
        }
        Excuse::Crash => ours.end == End::Refused && matches!(theirs.end, End::Crashed(_)),
        Excuse::Damage => ours.end == End::Refused && theirs.end == End::Up,
        Excuse::Zeros => {
            ours.end == End::Up
                && theirs.end == End::Refused
                && before
                    .iter()
                    .any(|(path, bytes)| log(path) && bytes.ends_with(&[0]))
        }
        Excuse::TornAnnotation => {
            same_data
                && differing.iter().all(|path| {
                    log(path) && theirs.files[*path][len(&ours.files, path)..].starts_with(b"#")
                })
        }
        Excuse::Respelled => {
            let parsed = |files: &Files, path: &str| {
                let text = files.get(path)?;
                path.ends_with(".manifest")
                    .then(|| lastsave_aof::Manifest::parse(text).ok())?
            };
            same_data
                && differing.iter().all(|path| {
                    let manifest = parsed(&ours.files, path);
                    manifest.is_some() && manifest == parsed(&theirs.files, path)
                })
        }
        Excuse::MovedBeforeRefusal => {
            both(End::Refused) && before.contains_key("appendonly.aof") && {
                let moved = theirs.files.get("appendonlydir/appendonly.aof");
                moved == before.get("appendonly.aof")
            }
        }
    }
}
