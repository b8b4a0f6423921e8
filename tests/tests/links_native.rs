//! `lastsave link` and `lastsave open`: a link is the scenario again, with the same trace; what is none has status 2.

use std::path::Path;
use std::process::{Command, Output};

use lastsave_tests::native::program;

fn lastsave(args: &[&str]) -> Output {
    Command::new(program("lastsave"))
        .args(args)
        .output()
        .expect("lastsave runs")
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("it prints text")
}

/// The line of the report with the trace hash.
fn trace(output: &Output) -> String {
    let report = text(output);
    let line = report.lines().find(|line| line.contains("trace_hash"));
    line.expect("a report has a trace hash").to_owned()
}

#[test]
fn a_link_is_its_scenario_again() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite/faults/fork.scenario");
    let path = path.to_str().expect("a path of this repository");
    let base = "https://example.org/lab/?embed#old";
    let made = lastsave(&[
        "link", path, "--base", base, "--tab", "files", "--at", "1m30s",
    ]);
    let address = text(&made);
    assert!(address.starts_with("https://example.org/lab/?embed#s=1."));
    assert!(String::from_utf8_lossy(&made.stderr).contains(" characters"));

    let file = std::fs::read_to_string(path).expect("the scenario is readable");
    let script = file
        .split_once("\n---\n")
        .map_or(&*file, |(script, _)| script);
    let printed = lastsave(&["open", &address, "--print"]);
    assert_eq!(text(&printed).trim_end(), script.trim_end());
    let opened = lastsave(&["open", &address, "--json"]);
    assert_eq!(opened.status.code(), Some(0));
    assert_eq!(trace(&opened), trace(&lastsave(&["run", path, "--json"])));
}

#[test]
fn what_is_no_link_or_a_later_one_is_refused() {
    for (address, reason) in [
        ("https://example.org/", "no link of Lastsave"),
        ("#s=2.abc", "get a newer Lastsave"),
        ("#s=1.abcdef", "incomplete or was changed"),
    ] {
        let output = lastsave(&["open", address]);
        assert_eq!(output.status.code(), Some(2), "{address}");
        assert!(
            String::from_utf8_lossy(&output.stderr).contains(reason),
            "{address}"
        );
    }
    assert_eq!(
        lastsave(&["link", "/nowhere.scenario"]).status.code(),
        Some(2)
    );
}
