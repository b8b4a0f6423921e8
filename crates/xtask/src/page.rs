//! The page: built by Trunk, finished by us, served or copied out.

use std::{
    collections::{BTreeSet, hash_map::DefaultHasher},
    fs,
    hash::{Hash, Hasher},
    io,
    path::{Path, PathBuf},
    time::Instant,
};

use crate::{
    serve::Server,
    size, split, tools,
    util::{self, Result, at, cargo, command, files_under, output_of, run},
};

/// What the page is made of; if none of it has changed, the last build stands. The golden scenarios are
/// compiled in as its examples.
const SOURCES: [&str; 7] = [
    "Cargo.toml",
    "Cargo.lock",
    "Trunk.toml",
    "package-lock.json",
    "crates",
    "tests/suite",
    "web",
];

/// What lies among the sources and is none: the result, and crates that the page cannot depend on.
const NOT_SOURCES: [&str; 3] = ["web/dist", "crates/server", "crates/xtask"];

/// Stands in HTML and JavaScript for the hash of the build.
const BUILD_MARK: &str = "__BUILD__";

/// Stands in the service worker for what it keeps: all files but the page itself, which it knows.
const FILES_MARK: &str = "__FILES__";

/// Stands in the embedding script for the size of the first load in kilobytes, as transferred.
const SIZE_MARK: &str = "__SIZE__";

/// What the page never asks for by itself, by how its name ends; the service worker does not keep it.
const NOT_KEPT: [&str; 5] = [
    "index.html",
    "sw.js",
    "embed.js",
    "embed.d.ts",
    "example.html",
];

/// The style sheets of web/style, in the order in which they become one.
const STYLES: [&str; 12] = [
    "base", "terminal", "machine", "tabs", "travel", "writes", "lab", "share", "files", "lesson",
    "embed", "narrow",
];

/// `cargo xtask play`.
pub(crate) fn play(port: u16, no_serve: bool) -> Result<()> {
    if no_serve {
        println!("The page is in {}.", build()?.display());
        return Ok(());
    }
    // A port that is taken is better known before the build than after it.
    let server = Server::bind(port).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            let other = port.checked_add(1).unwrap_or(8080);
            format!("port {port} is taken; choose another: cargo xtask play --port {other}")
        }
        _ => format!("cannot listen on 127.0.0.1:{port}: {error}"),
    })?;
    let address = server.address().map_err(|error| error.to_string())?;
    let folder = build()?;
    println!("Lastsave is at http://{address}/ (Ctrl+C stops it)");
    server.serve(&folder).map_err(at(&folder))
}

/// `cargo xtask dist`.
pub(crate) fn dist(out: &Path, compress: bool) -> Result<()> {
    let folder = build()?;
    if out.join("Cargo.toml").exists() || (out.is_dir() && !is_replaceable(out)) {
        return Err(format!(
            "{} holds something else than an earlier page; name a new folder",
            out.display()
        ));
    }
    if out.exists() {
        fs::remove_dir_all(out).map_err(at(out))?;
    }
    let mut bytes = 0;
    for file in files_under(&folder).map_err(at(&folder))? {
        let target = out.join(
            file.strip_prefix(&folder)
                .expect("the file was found below the folder"),
        );
        fs::create_dir_all(target.parent().expect("a file has a folder")).map_err(at(&target))?;
        bytes += fs::copy(&file, &target).map_err(at(&target))?;
    }
    let table = size::Table::of(out)?;
    if compress {
        size::write_compressed(out)?;
    }
    print!("{table}");
    println!(
        "The page is in {} ({} KiB): any static host will do, at any path.",
        out.display(),
        bytes / 1024
    );
    Ok(())
}

/// Whether a folder is empty or has the page in it, so that replacing it loses nothing.
fn is_replaceable(folder: &Path) -> bool {
    folder.join("lastsave-web_bg.wasm").exists()
        || fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// Builds the page, if anything it is made of has changed, and returns its folder.
pub(crate) fn build() -> Result<PathBuf> {
    let folder = util::root().join("web/dist");
    let stamp = util::state_dir().join("page.stamp");
    let wanted = fingerprint()?;
    if folder.join("index.html").exists()
        && fs::read_to_string(&stamp).is_ok_and(|built| built == wanted)
    {
        return Ok(folder);
    }
    ensure_tools()?;
    println!("Building the page …");
    let started = Instant::now();
    // A build that stops half-way must not be taken for a good one.
    let _ = fs::remove_file(&stamp);
    compile()?;
    if !is_quick() {
        split::cut(&folder)?;
    }
    finish(&folder)?;
    fs::create_dir_all(util::state_dir()).map_err(at(&stamp))?;
    fs::write(&stamp, wanted).map_err(at(&stamp))?;
    println!("Built in {:.0} s.", started.elapsed().as_secs_f32());
    Ok(folder)
}

fn ensure_tools() -> Result<()> {
    tools::ensure_wasm_target()?;
    tools::ensure_trunk()?;
    tools::ensure_wasm_bindgen()?;
    tools::ensure_npm_packages()
}

/// What Trunk makes of the sources, in web/dist.
fn compile() -> Result<()> {
    run(cargo().args([
        "fetch",
        "--quiet",
        "--locked",
        "--target",
        tools::WASM_TARGET,
    ]))?;
    let mut trunk = command("trunk");
    trunk.args(["--log", "warn", "build"]);
    if is_quick() {
        trunk.args(["--release", "false", "--cargo-profile", "web-quick"]);
    } else {
        // Views behind pointers instead of one type each: a twentieth of the program less. And names that say what
        // generic code is made for, so that the program can be cut in two by them. Where in the sources it panics is left
        // out, 15 KB compressed: a panic here has its message, and happens natively as well. Only that flag is not stable.
        let flags = "--cfg erase_components -Csymbol-mangling-version=v0 -Zlocation-detail=none";
        trunk.env("RUSTFLAGS", flags).env("RUSTC_BOOTSTRAP", "1");
    }
    run(&mut trunk)
}

/// One style sheet is one request and compresses better than several: a third less.
fn write_style(folder: &Path) -> Result<()> {
    let mut all = String::new();
    for name in STYLES {
        let file = util::root().join(format!("web/style/{name}.css"));
        let text = fs::read_to_string(&file).map_err(at(&file))?;
        all.extend(text.lines().flat_map(|line| [line.trim(), "\n"]));
    }
    let file = folder.join("style.css");
    fs::write(&file, all).map_err(at(&file))
}

/// `cargo xtask profile`.
pub(crate) fn profile(port: u16) -> Result<()> {
    ensure_tools()?;
    tools::ensure_debian_packages()?;
    let server = Server::bind(port).map_err(|error| format!("cannot listen: {error}"))?;
    let address = server.address().map_err(|error| error.to_string())?;
    let folder = util::root().join("web/dist");
    // What is in the folder now is no page to play with.
    let _ = fs::remove_file(util::state_dir().join("page.stamp"));
    compile()?;
    let names = split::instrument(&folder)?;
    finish(&folder)?;
    std::thread::spawn(move || server.serve(&folder));
    let mut tour = command("node");
    tour.arg("tests/browser/tour.js")
        .env("LASTSAVE_URL", format!("http://{address}/"));
    let printed = output_of(&mut tour).ok_or("the tour failed: node tests/browser/tour.js")?;
    let ran: BTreeSet<u32> = printed
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    println!("{} of {} functions ran.", ran.len(), names.len());
    split::record(&names, &ran)
}

/// Whether the page is wanted soon, rather than small and fast.
pub(crate) fn is_quick() -> bool {
    std::env::var_os("LASTSAVE_QUICK").is_some()
}

/// Puts the hash of the whole build wherever a file asks for it, and the names and the size of the files. Names stay,
/// so nothing has to be told them; addresses change with each build, so no cache shows half of an old page.
fn finish(folder: &Path) -> Result<()> {
    write_style(folder)?;
    let files = files_under(folder).map_err(at(folder))?;
    let build = hash_files(folder, &files)?;
    let name = |file: &PathBuf| {
        let below = file.strip_prefix(folder).unwrap_or(file);
        below.to_string_lossy().into_owned()
    };
    let kept: Vec<_> = files
        .iter()
        .map(name)
        .filter(|name| !NOT_KEPT.iter().any(|other| name.ends_with(other)))
        .collect();
    let mut size = None;
    for file in &files {
        if !matches!(
            file.extension().and_then(|extension| extension.to_str()),
            Some("html" | "js")
        ) {
            continue;
        }
        let mut text = fs::read_to_string(file).map_err(at(file))?;
        if text.contains(SIZE_MARK) {
            // Compressing takes seconds, which a page in development need not wait for.
            let known = match size {
                Some(known) => known,
                None if is_quick() => 0,
                None => size::Table::of(folder)?.first_load(),
            };
            size = Some(known);
            text = text.replace(SIZE_MARK, &known.div_ceil(1000).to_string());
        }
        let finished = text
            .replace(BUILD_MARK, &build)
            .replace(FILES_MARK, &kept.join(" "));
        fs::write(file, finished).map_err(at(file))?;
    }
    Ok(())
}

/// What the page is made of, compiler included, as one short text.
fn fingerprint() -> Result<String> {
    let root = util::root();
    let mut files = Vec::new();
    for source in SOURCES {
        let source = root.join(source);
        files.extend(files_under(&source).map_err(at(&source))?);
    }
    files.retain(|file| {
        !NOT_SOURCES
            .iter()
            .any(|other| file.starts_with(root.join(other)))
    });
    // How the program is cut in two is part of the page, unlike the rest of that crate.
    let split = root.join("crates/xtask/src/split");
    files.extend(files_under(&split).map_err(at(&split))?);
    let compiler = output_of(command("rustc").arg("--version")).unwrap_or_default();
    let quick = if is_quick() { "quick " } else { "" };
    Ok(format!("{quick}{compiler} {}", hash_files(root, &files)?))
}

/// A hash of names and content. It names builds and guards nothing.
fn hash_files(folder: &Path, files: &[PathBuf]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.strip_prefix(folder).unwrap_or(file).hash(&mut hasher);
        fs::read(file).map_err(at(file))?.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_of_a_build_gets_the_same_hash_and_another_build_another() {
        let folder =
            std::env::temp_dir().join(format!("lastsave-xtask-{}-finish", std::process::id()));
        let build = |wasm: &[u8]| {
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("index.html"), "src=start.js?v=__BUILD__").unwrap();
            fs::write(folder.join("start.js"), "import './a.js?v=__BUILD__'").unwrap();
            fs::write(folder.join("a.wasm"), wasm).unwrap();
            finish(&folder).unwrap();
            let page = fs::read_to_string(folder.join("index.html")).unwrap();
            let hash = page.strip_prefix("src=start.js?v=").unwrap().to_owned();
            assert_eq!(
                fs::read_to_string(folder.join("start.js")).unwrap(),
                format!("import './a.js?v={hash}'")
            );
            hash
        };
        let first = build(b"1");
        assert_eq!(first.len(), 16);
        assert_eq!(build(b"1"), first);
        assert_ne!(build(b"2"), first);
        fs::remove_dir_all(folder).unwrap();
    }
}
