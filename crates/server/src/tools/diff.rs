//! `lastsave diff`: what two data sets differ in.

use std::io::Write;
use std::path::Path;

use lastsave_inspect::diff::{DiffOptions, Difference, What, diff as compare};
use lastsave_inspect::load::{DataFiles, load};
use lastsave_keyspace::Keyspace;
use serde_json::json;

use crate::settings::strerror;

/// How to compare, and how to say it.
#[derive(Clone, Copy, Debug)]
pub struct DiffArguments {
    /// What counts.
    pub options: DiffOptions,
    /// When it is, in milliseconds since the epoch: keys that expired before are not there.
    pub now_ms: u64,
    /// As JSON.
    pub json: bool,
}

/// `lastsave diff`: compares two data sets, each a snapshot, a log, the directory of one, or a data directory. Returns
/// 0 if they are the same, 1 if not, 2 if one cannot be loaded.
pub fn diff(a: &str, b: &str, arguments: &DiffArguments) -> i32 {
    let loaded = [a, b].map(|path| {
        data_set(path, arguments.now_ms).map_err(|error| eprintln!("lastsave: {path}: {error}"))
    });
    let [Ok(one), Ok(other)] = loaded else {
        return 2;
    };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut result = Ok(());
    let mut list = Vec::new();
    let counts = compare(&one, &other, arguments.options, &mut |difference| {
        if arguments.json {
            list.push(difference);
        } else if result.is_ok() {
            result = print(&mut out, &difference);
        }
    });
    let result = result.and_then(|()| {
        if arguments.json {
            let report = json!({ "a": a, "b": b, "counts": counts, "differences": list });
            writeln!(out, "{report:#}")?;
        } else {
            writeln!(out, "{counts}")?;
        }
        out.flush()
    });
    // Whoever closes the pipe has seen enough.
    drop(result);
    i32::from(!counts.are_same())
}

fn print(out: &mut impl Write, difference: &Difference) -> std::io::Result<()> {
    let Difference { db, key, what } = difference;
    let db = if *db == 0 {
        String::new()
    } else {
        format!(" (database {db})")
    };
    match what {
        What::OnlyInA { r#type } => writeln!(out, "- {key}{db}: a {type}, only in the first"),
        What::OnlyInB { r#type } => writeln!(out, "+ {key}{db}: a {type}, only in the second"),
        What::Different { parts, more } => {
            writeln!(out, "~ {key}{db}")?;
            for part in parts {
                let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".into());
                writeln!(
                    out,
                    "    {}: {} -> {}",
                    part.part,
                    side(&part.a),
                    side(&part.b)
                )?;
            }
            if *more > 0 {
                writeln!(out, "    … {more} more")?;
            }
            Ok(())
        }
    }
}

/// Loads the data set at a path.
fn data_set(path: &str, now_ms: u64) -> Result<Keyspace, String> {
    load(data_files(Path::new(path))?, now_ms)
}

/// The files of the data set at a path: a file, the directory of a log, or a data directory, whose log counts if it has
/// one.
fn data_files(path: &Path) -> Result<DataFiles, String> {
    let read = |path: &Path| std::fs::read(path).map_err(|error| strerror(&error));
    let list = |path: &Path| -> Result<Vec<std::path::PathBuf>, String> {
        let entries = std::fs::read_dir(path).map_err(|error| strerror(&error))?;
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        Ok(paths)
    };
    let is = |path: &Path, wanted: &str| {
        path.extension()
            .is_some_and(|extension| extension == wanted)
            && path.is_file()
    };
    if path.is_file() {
        if is(path, "manifest") {
            return data_files(path.parent().unwrap_or(Path::new(".")));
        }
        let name = path.to_string_lossy();
        return Ok(DataFiles::of_file(&name, read(path)?));
    }
    let files = list(path)?;
    if files.iter().any(|file| is(file, "manifest")) {
        let mut contents = Vec::new();
        for file in files.iter().filter(|file| file.is_file()) {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            contents.push((name.into_owned(), read(file)?));
        }
        return Ok(DataFiles::LogDirectory(contents));
    }
    for directory in files.iter().filter(|file| file.is_dir()) {
        if list(directory)?.iter().any(|file| is(file, "manifest")) {
            return data_files(directory);
        }
    }
    let mut snapshots = files.iter().filter(|file| is(file, "rdb"));
    match (snapshots.next(), snapshots.next()) {
        (Some(one), None) => data_files(one),
        (Some(_), Some(_)) => Err("there is more than one snapshot here: name one".into()),
        _ => Err("there is no log and no snapshot here".into()),
    }
}
