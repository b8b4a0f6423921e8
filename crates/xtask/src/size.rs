//! What a visitor downloads: the size of each file of the page, as it is and as a host sends it.
//!
//! Node.js, which the build has anyway, does the compressing; so this crate needs no other.

use std::{fmt, path::Path};

use crate::util::{Result, at, command, files_under, output_of};

/// The first load must not be larger than this, in bytes as transferred.
pub(crate) const BUDGET: u64 = 600_000;

/// What the page itself loads, but not at first: the second part of the program.
const SECOND: &str = "-later.wasm";

/// What is not part of the first load, by how its name ends: asked for by pages that embed this one, or later.
const LATER: [&str; 6] = [
    SECOND,
    "embed.js",
    "embed.d.ts",
    "example.html",
    ".scenario",
    ".br",
];

/// Prints `size compressed-size` for each file named, or writes each compressed file.
const COMPRESS: &str = r#"
const { readFileSync, writeFileSync } = require("node:fs");
const { brotliCompressSync, constants } = require("node:zlib");
const [task, ...files] = process.argv.slice(1);
for (const file of files) {
  const raw = readFileSync(file);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24,
    [constants.BROTLI_PARAM_SIZE_HINT]: raw.length };
  const packed = brotliCompressSync(raw, { params });
  if (task === "write") writeFileSync(file + ".br", packed);
  console.log(raw.length + " " + packed.length);
}"#;

/// The files of a page with their sizes.
pub(crate) struct Table(Vec<Row>);

struct Row {
    name: String,
    raw: u64,
    compressed: u64,
    first: bool,
}

impl Table {
    /// Measures a folder. Takes some seconds.
    ///
    /// # Errors
    /// If there is no Node.js, or a file cannot be read.
    pub(crate) fn of(folder: &Path) -> Result<Self> {
        let files = files_under(folder).map_err(at(folder))?;
        let files: Vec<_> = files
            .iter()
            .filter(|file| file.extension().is_none_or(|end| end != "br"))
            .collect();
        let printed = output_of(command("node").args(["-e", COMPRESS, "size"]).args(&files))
            .ok_or("node cannot compress the page; is Node.js 20 or newer installed?")?;
        let rows = files
            .iter()
            .zip(printed.lines())
            .filter_map(|(file, line)| {
                let (raw, compressed) = line.split_once(' ')?;
                let below = file.strip_prefix(folder).unwrap_or(file);
                let name = below.to_string_lossy().into_owned();
                Some(Row {
                    raw: raw.parse().ok()?,
                    compressed: compressed.parse().ok()?,
                    first: !LATER.iter().any(|end| name.ends_with(end)),
                    name,
                })
            });
        let mut rows: Vec<_> = rows.collect();
        if rows.len() != files.len() {
            return Err("node has not measured every file".into());
        }
        rows.sort_by_key(|row| (!row.first, std::cmp::Reverse(row.compressed)));
        Ok(Self(rows))
    }

    /// The bytes that a first visit transfers.
    pub(crate) fn first_load(&self) -> u64 {
        let first = self.0.iter().filter(|row| row.first);
        first.map(|row| row.compressed).sum()
    }

    /// Fails if the first load is over the budget.
    ///
    /// # Errors
    /// The one line that says by how much.
    pub(crate) fn check(&self) -> Result<()> {
        match self.first_load() {
            size if size > BUDGET => Err(format!(
                "the first load is {size} bytes with brotli, over the budget of {BUDGET}"
            )),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(to, "{:<28}{:>11}{:>11}", "file", "bytes", "brotli")?;
        for row in &self.0 {
            let later = if row.first { "" } else { "  not at first" };
            let Row {
                name,
                raw,
                compressed,
                ..
            } = row;
            writeln!(to, "{name:<28}{raw:>11}{compressed:>11}{later}")?;
        }
        let raw: u64 = self
            .0
            .iter()
            .filter(|row| row.first)
            .map(|row| row.raw)
            .sum();
        let first = self.first_load();
        writeln!(to, "{:<28}{raw:>11}{first:>11}  of {BUDGET}", "first load")?;
        match self.0.iter().find(|row| row.name.ends_with(SECOND)) {
            Some(row) => writeln!(
                to,
                "{:<28}{:>11}{:>11}  when the page is idle or needs it",
                "with what follows",
                raw + row.raw,
                first + row.compressed
            ),
            None => Ok(()),
        }
    }
}

/// Writes `NAME.br` beside each file of the folder.
///
/// # Errors
/// If there is no Node.js, or a file cannot be written.
pub(crate) fn write_compressed(folder: &Path) -> Result<()> {
    let files = files_under(folder).map_err(at(folder))?;
    output_of(command("node").args(["-e", COMPRESS, "write"]).args(&files))
        .map(drop)
        .ok_or_else(|| format!("node cannot compress the files of {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_load_counts_what_a_visit_needs_and_the_budget_holds_it() {
        let row = |name: &str, compressed, first| Row {
            name: name.into(),
            raw: 2 * compressed,
            compressed,
            first,
        };
        let mut table = Table(vec![row("a.wasm", BUDGET - 5, true), row("a.css", 5, true)]);
        assert_eq!(table.first_load(), BUDGET);
        assert!(table.check().is_ok());
        table.0.push(row("embed.js", 7, false));
        assert!(table.check().is_ok());
        assert!(table.to_string().contains("embed.js"));
        table.0.push(row("b.css", 1, true));
        assert!(
            table
                .check()
                .unwrap_err()
                .contains(&(BUDGET + 1).to_string())
        );
    }
}
