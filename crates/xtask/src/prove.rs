//! `cargo xtask prove`: runs the tests of all fault cases and writes what they counted into docs/reliability.md.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use clap::Args;

use crate::tools;
use crate::util::{self, Result, at, cargo, run};

/// The command's options.
#[derive(Args)]
pub(crate) struct Options {
    /// Try all that can be tried: half an hour or more
    #[arg(long)]
    long: bool,
    /// Only the cases with these numbers; docs/reliability.md is left as it is then
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u8).range(1..=LAST.into()))]
    only: Vec<u8>,
}

/// The fault cases are numbered from 1 to this.
const LAST: u8 = 31;

const PAGE: &str = "docs/reliability.md";

/// The table stands between these lines of the page.
const MARKS: [&str; 2] = ["<!-- counts -->\n", "<!-- end of counts -->"];

/// What one test has counted.
struct Row {
    number: u8,
    what: String,
    oracle: String,
    /// Trials; of them refused; of them unnoticed; violations.
    counts: [u64; 4],
}

/// Runs the proofs. `false` if one of them failed, or a case has none.
pub(crate) fn run_proofs(options: &Options) -> Result<bool> {
    tools::ensure_debian_packages()?;
    let folder = util::root().join("target/prove");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(at(&folder))?;

    run(cargo()
        .args(["build", "--locked", "--bins", "--workspace"])
        .args(["--exclude", "lastsave-web"]))?;
    let mut tests = cargo();
    tests
        .args([
            "test",
            "--locked",
            "--no-fail-fast",
            "--package",
            "lastsave-tests",
            "--tests",
            "--",
        ])
        .env("LASTSAVE_PROOFS", &folder);
    if options.long {
        tests.env("LASTSAVE_LONG", "1");
    }
    if options.only.is_empty() {
        tests.arg("case_");
    }
    tests.args(
        options
            .only
            .iter()
            .map(|number| format!("case_{number:02}_")),
    );
    let passed = run(&mut tests).is_ok();

    let rows = collect(&folder)?;
    let table = table(&rows);
    println!("\n{table}");
    let missing: Vec<String> = (1..=LAST)
        .filter(|number| options.only.is_empty() || options.only.contains(number))
        .filter(|number| rows.iter().all(|row| row.number != *number))
        .map(|number| number.to_string())
        .collect();
    if !missing.is_empty() {
        println!("no proof of case {}", missing.join(", "));
    }
    let complete = passed && missing.is_empty();
    if complete && options.only.is_empty() {
        write_page(&rows, &table, options.long)?;
        println!("written into {PAGE}");
    }
    Ok(complete)
}

fn collect(folder: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for path in util::files_under(folder).map_err(at(folder))? {
        let text = fs::read_to_string(&path).map_err(at(&path))?;
        rows.push(
            parse(text.trim_end()).ok_or_else(|| format!("{} holds no counts", path.display()))?,
        );
    }
    rows.sort_by(|a, b| (a.number, &a.what).cmp(&(b.number, &b.what)));
    Ok(rows)
}

fn parse(line: &str) -> Option<Row> {
    let words: Vec<&str> = line.split('\t').collect();
    let [number, what, oracle, counts @ ..] = words.as_slice() else {
        return None;
    };
    let counts: Vec<u64> = counts
        .iter()
        .map(|word| word.parse().ok())
        .collect::<Option<_>>()?;
    Some(Row {
        number: number.parse().ok()?,
        what: (*what).into(),
        oracle: (*oracle).into(),
        counts: counts.try_into().ok()?,
    })
}

fn table(rows: &[Row]) -> String {
    let mut table = String::from(
        "| case | what is tried | oracle | cases | refused | unnoticed | violations |\n|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let [cases, refused, unnoticed, violations] = row.counts;
        let _ = writeln!(
            table,
            "| {} | {} | {} | {cases} | {refused} | {unnoticed} | {violations} |",
            row.number, row.what, row.oracle
        );
    }
    table
}

fn write_page(rows: &[Row], table: &str, long: bool) -> Result<()> {
    let path = util::root().join(PAGE);
    let text = fs::read_to_string(&path).map_err(at(&path))?;
    let (before, rest) = text
        .split_once(MARKS[0])
        .ok_or("the page has no mark before its table")?;
    let (_, after) = rest
        .split_once(MARKS[1])
        .ok_or("the page has no mark behind its table")?;
    let cases: u64 = rows.iter().map(|row| row.counts[0]).sum();
    let numbers: BTreeMap<u8, ()> = rows.iter().map(|row| (row.number, ())).collect();
    let command = if long {
        "cargo xtask prove --long"
    } else {
        "cargo xtask prove"
    };
    let summary = format!(
        "`{command}`: {} fault cases, {cases} trials.",
        numbers.len()
    );
    let text = format!(
        "{before}{}\n{summary}\n\n{table}\n{}{after}",
        MARKS[0], MARKS[1]
    );
    fs::write(&path, text).map_err(at(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_become_a_row() {
        let row = parse("13\tENOSPC\tP, F\t100\t2\t0\t0").expect("it is whole");
        assert_eq!((row.number, row.counts), (13, [100, 2, 0, 0]));
        assert!(table(&[row]).contains("| 13 | ENOSPC | P, F | 100 | 2 | 0 | 0 |"));
        assert!(parse("13\tENOSPC\tP, F\t100").is_none());
    }
}
