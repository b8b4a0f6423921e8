//! `lastsave inspect`: what the bytes of files mean, file after file.

use std::fs::File;
use std::io::{IsTerminal, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use lastsave_aof::Manifest;
use lastsave_inspect::print::{Style, lines};
use lastsave_inspect::{Inspector, Limits, Verdict};
use serde_json::json;

use crate::settings::strerror;

/// What is to be shown, and how.
#[derive(Debug)]
pub struct InspectOptions {
    /// How much of a file.
    pub limits: Limits,
    /// As JSON.
    pub json: bool,
    /// The bytes beside what they mean.
    pub hex: bool,
}

/// `lastsave inspect`: prints the tree of a file, or of the files of a directory (`-`: the standard input). Returns 0
/// if all are sound, 1 if not, 2 if one cannot be read.
pub fn inspect(path: &str, options: &InspectOptions) -> i32 {
    if path == "-" {
        let input = std::io::stdin().lock();
        return status(inspect_reader(input, "-", None, None, options));
    }
    let files = match files_of(Path::new(path)) {
        Ok(files) => files,
        Err(error) => {
            eprintln!("lastsave: {path}: {}", strerror(&error));
            return 2;
        }
    };
    if files.is_empty() {
        eprintln!("lastsave: {path}: no snapshot, log or manifest in this directory");
        return 2;
    }
    let many = files.len() > 1;
    if many && options.json {
        print!("[");
    }
    let mut worst = 0;
    for (index, file) in files.iter().enumerate() {
        if many && options.json && index > 0 {
            print!(",");
        } else if many && !options.json {
            println!("{}{}:", if index > 0 { "\n" } else { "" }, file.display());
        }
        worst = worst.max(inspect_file(file, options));
    }
    if many && options.json {
        println!("]");
    }
    worst
}

fn inspect_file(path: &Path, options: &InspectOptions) -> i32 {
    let name = path.to_string_lossy();
    let opened = File::open(path).and_then(|file| {
        let again = options.hex.then(|| file.try_clone()).transpose()?;
        Ok((file.metadata()?.len(), File::open(path)?, again))
    });
    let (len, file, again) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            eprintln!("lastsave: {name}: {}", strerror(&error));
            return 2;
        }
    };
    status(inspect_reader(file, &name, Some(len), again, options))
}

fn status(verdict: std::io::Result<Verdict>) -> i32 {
    // Whoever closes the pipe has seen enough.
    verdict.map_or(0, |verdict| i32::from(!verdict.is_sound()))
}

/// Prints a file's tree. `again`: the same file, for its bytes.
fn inspect_reader(
    reader: impl Read,
    name: &str,
    len: Option<u64>,
    mut again: Option<File>,
    options: &InspectOptions,
) -> std::io::Result<Verdict> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let colour = std::io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let style = Style::for_len(len.unwrap_or(99_999_999), colour, options.limits.depth);
    let mut inspector = Inspector::new(reader, name, len, options.limits.clone());
    if options.json {
        write!(out, "{{\"file\":{},\"nodes\":[", json!(name))?;
    }
    let mut separator = "\n";
    let mut text = String::new();
    while let Some(node) = inspector.next_node() {
        if options.json {
            write!(out, "{separator}{}", serde_json::to_string(&node)?)?;
            separator = ",\n";
            continue;
        }
        text.clear();
        match &mut again {
            Some(file) => {
                let mut bytes = |range: Range<u64>| read_range(file, range);
                lines(&node, &style, Some(&mut bytes), &mut text);
            }
            None => lines(&node, &style, None, &mut text),
        }
        out.write_all(text.as_bytes())?;
    }
    let verdict = inspector.finish();
    if options.json {
        writeln!(
            out,
            "\n],\"verdict\":{}}}",
            serde_json::to_string(&verdict)?
        )?;
    } else {
        let (open, close) = match (colour, verdict.is_sound()) {
            (false, _) => ("", ""),
            (true, true) => ("\x1b[1;32m", "\x1b[0m"),
            (true, false) => ("\x1b[1;31m", "\x1b[0m"),
        };
        writeln!(out, "{open}{verdict}{close}")?;
    }
    out.flush()?;
    Ok(verdict)
}

fn read_range(file: &mut File, range: Range<u64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = file
        .seek(SeekFrom::Start(range.start))
        .and_then(|_| file.take(range.end - range.start).read_to_end(&mut bytes));
    if read.is_err() {
        bytes.clear();
    }
    bytes
}

/// The file itself, or what in a directory belongs to a data set: snapshots, then logs, each manifest before its
/// files in the order that they are loaded, then what no manifest names.
fn files_of(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    let mut directories = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?.path();
        if entry.is_dir() {
            directories.push(entry);
        } else {
            files.push(entry);
        }
    }
    files.sort();
    directories.sort();
    let has_extension = |file: &PathBuf, wanted: &str| {
        file.extension()
            .is_some_and(|extension| extension == wanted)
    };
    let mut ordered: Vec<PathBuf> = Vec::new();
    for manifest in files.iter().filter(|file| has_extension(file, "manifest")) {
        ordered.push(manifest.clone());
        let Ok(text) = std::fs::read(manifest) else {
            continue;
        };
        let Ok(manifest) = Manifest::parse(&text) else {
            continue;
        };
        for info in manifest.files().chain(&manifest.history) {
            let file = path.join(&info.name);
            if files.contains(&file) && !ordered.contains(&file) {
                ordered.push(file);
            }
        }
    }
    for extension in ["rdb", "aof"] {
        for file in files.iter().filter(|file| has_extension(file, extension)) {
            if !ordered.contains(file) {
                ordered.push(file.clone());
            }
        }
    }
    // A data directory holds the directory of its log.
    for directory in directories {
        let holds_manifest = std::fs::read_dir(&directory)?.flatten().any(|entry| {
            has_extension(&entry.path(), "manifest") || has_extension(&entry.path(), "aof")
        });
        if holds_manifest {
            ordered.extend(files_of(&directory)?);
        }
    }
    Ok(ordered)
}
