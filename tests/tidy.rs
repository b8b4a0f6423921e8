//! The source tells the truth about itself: rules that neither rustfmt nor clippy knows.
//!
//! Each test reads the files that git tracks, or would on the next `git add`, and fails with one line
//! per place. The rules and their reasons are in ARCHITECTURE.md.

use std::{fs, path::Path, process::Command};

/// Longer files are split, by idea.
const LINES_BEFORE_TESTS: usize = 600;

/// What belongs in no file. In two halves, so that this file does not break its own rule.
const BANNED: [(&str, &str); 6] = [
    ("TO", "DO"),
    ("FIX", "ME"),
    // Paths that exist on one machine only.
    ("/wo", "rk/"),
    (".lib", "rary/"),
    ("/ro", "ot/"),
    ("/tmp", "/wt"),
];

/// Macros that are left behind while working.
const LEFTOVERS: [(&str, &str); 3] = [("todo", "!("), ("dbg", "!("), ("unimplemented", "!(")];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the root")
}

/// Every text file with one of the extensions, by its path from the root.
fn files(extensions: &[&str]) -> Vec<(String, String)> {
    let git = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root())
        .output()
        .expect("git lists the files");
    assert!(
        git.status.success(),
        "{}",
        String::from_utf8_lossy(&git.stderr)
    );
    let listed = String::from_utf8(git.stdout).expect("file names are UTF-8");
    let mut files = Vec::new();
    for path in listed.split_terminator('\0') {
        let extension = Path::new(path)
            .extension()
            .and_then(|extension| extension.to_str());
        // A file that was deleted but not yet from the index is listed and not there.
        if extension.is_some_and(|extension| extensions.contains(&extension))
            && root().join(path).exists()
        {
            files.push((
                path.to_owned(),
                fs::read_to_string(root().join(path)).expect(path),
            ));
        }
    }
    assert!(!files.is_empty(), "no file of {extensions:?}");
    files
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect(path)
}

#[track_caller]
fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_file_opens_by_saying_what_it_is() {
    let sources = files(&["rs"]).into_iter();
    let silent: Vec<_> = sources
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(path, _)| path)
        .collect();
    assert_none(&silent);
}

#[test]
fn no_file_outgrows_a_reader() {
    let mut long = Vec::new();
    for (path, text) in files(&["rs"]) {
        if path.ends_with("/tests.rs") || path.contains("/tests/") {
            continue;
        }
        let lines: Vec<&str> = text.lines().collect();
        let opens_tests = |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].ends_with('{');
        let before_tests = lines
            .windows(2)
            .position(opens_tests)
            .unwrap_or(lines.len());
        if before_tests > LINES_BEFORE_TESTS {
            long.push(format!("{path}: {before_tests} lines before its tests"));
        }
    }
    assert_none(&long);
}

#[test]
fn nothing_is_left_behind() {
    let mut found = Vec::new();
    let mut look_for = |path: &str, text: &str, (first, second): (&str, &str)| {
        let banned = format!("{first}{second}");
        let lines = text
            .lines()
            .zip(1..)
            .filter(|(line, _)| line.contains(&banned));
        found.extend(lines.map(|(_, number)| format!("{path}:{number}: {banned}")));
    };
    for (path, text) in files(&[
        "rs", "toml", "md", "js", "css", "html", "json", "scenario", "conf", "sh",
    ]) {
        BANNED
            .into_iter()
            .for_each(|banned| look_for(&path, &text, banned));
        if path.ends_with(".rs") {
            LEFTOVERS
                .into_iter()
                .for_each(|leftover| look_for(&path, &text, leftover));
        }
    }
    assert_none(&found);
}

#[test]
fn white_space_is_plain() {
    let mut found = Vec::new();
    for (path, text) in files(&["rs", "toml", "md", "js", "css", "html", "json"]) {
        let dirty = |line: &str| line.contains('\t') || line.ends_with([' ', '\r']);
        let lines = text.lines().zip(1..).filter(|(line, _)| dirty(line));
        found.extend(
            lines.map(|(_, number)| format!("{path}:{number}: a tab, or white space at the end")),
        );
        if !text.ends_with('\n') {
            found.push(format!("{path}: no newline at the end"));
        }
    }
    assert_none(&found);
}

#[test]
fn every_dependency_is_justified() {
    let manifest = read("Cargo.toml");
    let section = manifest
        .split("\n[workspace.dependencies]\n")
        .nth(1)
        .expect("the section is there");
    let crates = section
        .lines()
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(" = "));
    let package = read("package.json");
    let section = package
        .split("\"devDependencies\": {")
        .nth(1)
        .expect("the section is there");
    let tools = section
        .lines()
        .filter_map(|line| line.trim().split_once(": \""));

    let architecture = read("ARCHITECTURE.md");
    let names = crates
        .map(|(name, _)| name)
        .chain(tools.map(|(name, _)| name.trim_matches('"')));
    let dependencies: Vec<_> = names
        .filter(|name| !name.starts_with("lastsave-") && !name.starts_with('#'))
        .collect();
    assert!(
        dependencies.len() > 10,
        "the manifests were not understood: {dependencies:?}"
    );
    let silent = dependencies
        .into_iter()
        .filter(|name| !architecture.contains(&format!("`{name}`")));
    assert_none(
        &silent
            .map(|name| format!("{name}: not a word in ARCHITECTURE.md"))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn lockfiles_name_no_private_registry() {
    assert!(!read("package-lock.json").contains("\"resolved\""));
    let lockfile = read("Cargo.lock");
    let foreign = lockfile
        .lines()
        .filter(|line| line.starts_with("source = "));
    let foreign = foreign.filter(|line| {
        *line != r#"source = "registry+https://github.com/rust-lang/crates.io-index""#
    });
    assert_none(&foreign.map(str::to_owned).collect::<Vec<_>>());
}
