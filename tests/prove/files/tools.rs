//! Case 30: what redis-check-rdb and redis-check-aof say of damaged files, and what `--fix` leaves of them; theirs and ours.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use lastsave_tests::native::{program, redis};
use lastsave_tests::proof::Proof;

use crate::bit_flips::flipped;
use crate::compare::{Excuse, Verdict};
use crate::damaged::{Kind, in_pairs, kinds, print_excuses, sample};
use crate::oracle::{directory, read_files, write_files};
use crate::ours::Files;
use crate::samples::{MANIFEST, RDB};

/// What a tool came to.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    /// Its status; none if it crashed or hung.
    code: Option<i32>,
    text: String,
    files: Files,
}

/// Runs a tool on files, in a directory of its own, and answers its question with yes.
fn ask(tool: &Path, args: &[&str], files: &Files) -> Told {
    let dir = directory();
    write_files(dir.path(), files);
    // Some damage keeps the real one busy for ever.
    let mut child = Command::new("timeout")
        .args(["--signal", "KILL", "10"])
        .arg(tool)
        .args(args)
        .current_dir(dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the tool starts");
    let mut input = child.stdin.take().expect("it is piped");
    // It may ask nothing and be gone.
    let _ = input.write_all(b"y\n");
    drop(input);
    let output = child.wait_with_output().expect("the tool ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Told {
        code: output.status.code().filter(|code| *code < 128),
        text: text
            .lines()
            .map(|line| without_time(line).to_owned() + "\n")
            .collect(),
        files: read_files(dir.path()),
    }
}

/// A line of the log without the process and the time.
fn without_time(line: &str) -> &str {
    let is_log = line.starts_with(|c: char| c.is_ascii_digit()) && line.contains(":C ");
    let behind = line.split_once(" # ").map(|(_, text)| text);
    behind.filter(|_| is_log).unwrap_or(line)
}

/// Whether ours names an error at another place, before which both say the same: what it looks at is more than the real one
/// does, or it looks in another order.
fn stops_sooner(ours: &Told, theirs: &Told) -> bool {
    let split = |text: &str| {
        let marks = [
            "--- RDB ERROR DETECTED ---\n[offset ",
            "*** FATAL AOF MANIFEST FILE ERROR ***",
        ];
        let at = marks
            .iter()
            .find_map(|mark| Some((text.find(mark)?, mark.len())));
        at.map(|(at, len)| {
            let place: String = text[at + len..]
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            (text[..at].to_owned(), place)
        })
    };
    let Some((before, place)) = split(&ours.text) else {
        return false;
    };
    ours.code == Some(1)
        && theirs.text.starts_with(before.trim_end())
        && split(&theirs.text).is_none_or(|(_, other)| other != place)
}

/// Has both tools check damaged files, and repair them.
fn compare_tools(proof: &mut Proof, what: &str, kind: &Kind, files: &Files) -> Verdict {
    let (name, args): (&str, Vec<&[&str]>) = match kind.path.as_str() {
        RDB => ("redis-check-rdb", vec![&[RDB]]),
        path if kind.files.contains_key(MANIFEST) && path != MANIFEST => {
            ("redis-check-aof", vec![&[MANIFEST], &["--fix", MANIFEST]])
        }
        MANIFEST => ("redis-check-aof", vec![&[MANIFEST]]),
        _ => (
            "redis-check-aof",
            vec![&["appendonly.aof"], &["--fix", "appendonly.aof"]],
        ),
    };
    for args in args {
        proof.case();
        let theirs = ask(&redis(name), args, files);
        let ours = ask(&program(name), args, files);
        if theirs.code.is_none() && ours.code == Some(1) {
            return Some(vec![Excuse::Crash]);
        }
        if ours.code != Some(0) {
            proof.refused();
        }
        if ours.code == theirs.code && ours.files == theirs.files && stops_sooner(&ours, &theirs) {
            return Some(vec![Excuse::Strict]);
        }
        if ours != theirs {
            proof.violation(format!(
                "{what}: {name} {args:?}\n    ours  {:?} {}\n    redis {:?} {}\n    same files: {}",
                ours.code,
                ours.text.escape_debug(),
                theirs.code,
                theirs.text.escape_debug(),
                ours.files == theirs.files
            ));
            return None;
        }
    }
    Some(Vec::new())
}

#[test]
fn case_30_check_tools() {
    let mut proof = Proof::of(
        30,
        "one file of each kind, cut or with a bit flipped: the checkers of both, also with --fix",
        "same status, words and repaired bytes",
    );
    for (seed, kind) in kinds().iter().enumerate() {
        let bytes = &kind.files[&kind.path];
        let cuts = sample(bytes.len() + 1, 15, seed as u64);
        let verdicts = in_pairs(&mut proof, &cuts, |proof, len| {
            let what = format!("{} cut to {len} of {} bytes", kind.name, bytes.len());
            let mut files = kind.files.clone();
            files.insert(kind.path.clone(), bytes[..*len].to_vec());
            compare_tools(proof, &what, kind, &files)
        });
        print_excuses(kind.name, &verdicts);
        let bits = sample(bytes.len() * 8, 25, seed as u64);
        let verdicts = in_pairs(&mut proof, &bits, |proof, bit| {
            let what = format!("{}, bit {} of byte {}", kind.name, bit % 8, bit / 8);
            let mut files = kind.files.clone();
            files.insert(kind.path.clone(), flipped(bytes, *bit));
            compare_tools(proof, &what, kind, &files)
        });
        print_excuses(kind.name, &verdicts);
    }
    proof.finish();
}
