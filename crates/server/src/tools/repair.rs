//! `lastsave repair`: new, sound files out of what can be read of broken ones.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use lastsave_inspect::repair::{Report, directory, file};
use serde_json::json;

use crate::settings::strerror;

/// Where the result goes, and how the report looks.
#[derive(Clone, Debug)]
pub struct RepairOptions {
    /// The file or directory to make.
    pub output: String,
    /// Replace what is there.
    pub force: bool,
    /// Report as JSON.
    pub json: bool,
}

/// `lastsave repair`: salvages a snapshot, a log, the directory of a log, or a data directory. Returns 0 if nothing was
/// lost, 1 if something was left out, 2 if nothing could be done.
pub fn repair(path: &str, options: &RepairOptions) -> i32 {
    let reports = match salvage(Path::new(path), Path::new(&options.output), options.force) {
        Ok(reports) => reports,
        Err(error) => {
            eprintln!("lastsave: {error}");
            return 2;
        }
    };
    let lost = reports.iter().any(|(_, report)| !report.nothing_lost());
    if options.json {
        let reports: Vec<_> = reports
            .iter()
            .map(|(path, report)| json!({ "input": path, "report": report }))
            .collect();
        println!(
            "{:#}",
            json!({ "output": options.output, "nothing_lost": !lost, "repaired": reports })
        );
    } else {
        let many = reports.len() > 1;
        for (path, report) in &reports {
            if many {
                println!("{}:", path.display());
            }
            println!("{report}");
        }
    }
    i32::from(lost)
}

fn salvage(input: &Path, output: &Path, force: bool) -> Result<Vec<(PathBuf, Report)>, String> {
    let of =
        |path: &Path, error: &std::io::Error| format!("{}: {}", path.display(), strerror(error));
    if !force && output.exists() && !is_empty_directory(output) {
        return Err(format!(
            "{} is there already; --force replaces it",
            output.display()
        ));
    }
    let metadata = std::fs::metadata(input).map_err(|error| of(input, &error))?;
    let is_manifest = input
        .extension()
        .is_some_and(|extension| extension == "manifest");
    if !metadata.is_dir() && !is_manifest {
        let bytes = std::fs::read(input).map_err(|error| of(input, &error))?;
        let (salvaged, report) = file(&input.to_string_lossy(), &bytes)
            .map_err(|error| format!("{}: {error}", input.display()))?;
        let output = match (output.is_dir(), input.file_name()) {
            (true, Some(name)) => output.join(name),
            _ => output.to_owned(),
        };
        write(&output, &salvaged).map_err(|error| of(&output, &error))?;
        return Ok(vec![(input.to_owned(), report)]);
    }
    let input = if is_manifest {
        input.parent().unwrap_or(Path::new("."))
    } else {
        input
    };
    let (files, directories) = list(input).map_err(|error| of(input, &error))?;
    let mut reports = Vec::new();
    if files.iter().any(|path| is_part_of_log(path)) {
        reports.push((input.to_owned(), salvage_log(input, &files, output)?));
        return Ok(reports);
    }
    for path in files
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rdb"))
    {
        let made = output.join(path.file_name().unwrap_or_default());
        std::fs::create_dir_all(output).map_err(|error| of(output, &error))?;
        reports.extend(salvage(path, &made, force)?);
    }
    for path in directories {
        let (files, _) = list(&path).map_err(|error| of(&path, &error))?;
        if files.iter().any(|path| is_part_of_log(path)) {
            let made = output.join(path.file_name().unwrap_or_default());
            let report = salvage_log(&path, &files, &made)?;
            reports.push((path, report));
        }
    }
    if reports.is_empty() {
        return Err(format!(
            "{}: no snapshot and no log in this directory",
            input.display()
        ));
    }
    Ok(reports)
}

/// Salvages the directory of a log.
fn salvage_log(input: &Path, files: &[PathBuf], output: &Path) -> Result<Report, String> {
    let of =
        |path: &Path, error: &std::io::Error| format!("{}: {}", path.display(), strerror(error));
    let mut contents = Vec::new();
    for path in files {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        contents.push((name, std::fs::read(path).map_err(|error| of(path, &error))?));
    }
    let (made, report) =
        directory(&contents).map_err(|error| format!("{}: {error}", input.display()))?;
    std::fs::create_dir_all(output).map_err(|error| of(output, &error))?;
    // The manifest is the last: before it, the directory holds nothing that a server would load.
    for (name, bytes) in &made {
        let path = output.join(name);
        write(&path, bytes).map_err(|error| of(&path, &error))?;
    }
    Ok(report)
}

/// The files and the directories in a directory, sorted.
fn list(path: &Path) -> std::io::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path)? {
        entries.push(entry?.path());
    }
    entries.sort();
    Ok(entries.into_iter().partition(|path| !path.is_dir()))
}

fn is_part_of_log(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "manifest" || extension == "aof")
}

fn is_empty_directory(path: &Path) -> bool {
    std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// Puts a file in place as a whole, durably.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let temporary = path.with_extension(format!("repair-{}", std::process::id()));
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let result = written.and_then(|()| std::fs::rename(&temporary, path));
    if result.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    result
}
