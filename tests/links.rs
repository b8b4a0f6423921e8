//! Prints generated scenarios as links, with what they come to natively, for the tests of the page in browsers.
//!
//! `cargo run -p lastsave-tests --bin links -- generated 200` for seeds 1 to 200; `-- files tests/suite/lessons` for the
//! scenario files of a folder. One JSON object a line: `name`, `link` (a fragment that runs by itself), `plain` (one that
//! waits), `trace_hash`, `failures`.

use std::{fs, path::PathBuf, process::ExitCode};

use lastsave_scenario::{
    Scenario,
    link::{self, Link},
    run,
};
use lastsave_tests::generated;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let texts: Vec<(String, String)> = match args.iter().map(String::as_str).collect::<Vec<_>>()[..]
    {
        ["generated", count] => {
            let count = count.parse().unwrap_or(0);
            let named = |seed| (format!("seed {seed}"), generated::scenario(seed));
            (1..=count).map(named).collect()
        }
        ["files", folder] => scenario_files(folder),
        _ => {
            eprintln!("links generated COUNT | links files FOLDER");
            return ExitCode::from(2);
        }
    };
    for (name, text) in texts {
        println!("{}", line(&name, &text));
    }
    ExitCode::SUCCESS
}

fn scenario_files(folder: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).expect("the folder is readable");
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "scenario"));
    paths.sort();
    let read = |path: PathBuf| {
        let name = path
            .file_stem()
            .expect("it has an ending")
            .to_string_lossy();
        let text = fs::read_to_string(&path).expect("a scenario is readable");
        (name.into_owned(), text)
    };
    paths.into_iter().map(read).collect()
}

/// Everything printed is plain: names of files and numbers, base64url, hexadecimal digits.
fn line(name: &str, text: &str) -> String {
    let scenario = Scenario::parse(text).expect("a scenario");
    let link = |autorun| {
        let link = Link {
            autorun,
            ..Link::new(text)
        };
        link::encode(&link).expect("it fits into a link")
    };
    let report = run(&scenario, &mut |_| true);
    format!(
        "{{\"name\":\"{name}\",\"link\":\"{}\",\"plain\":\"{}\",\"trace_hash\":\"{}\",\"failures\":{}}}",
        link(true),
        link(false),
        report.trace_hash,
        report.failures.len()
    )
}
