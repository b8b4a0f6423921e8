//! Lists the scenarios of the suite, so that they can be compiled into the tests that run in the browser.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let suite =
        Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../suite");
    println!("cargo::rerun-if-changed={}", suite.display());
    let mut paths = Vec::new();
    collect(&suite, &mut paths);
    paths.sort();
    let mut list = String::from("&[\n");
    for path in paths {
        let name = path
            .strip_prefix(&suite)
            .expect("it was found there")
            .with_extension("");
        let name = name.to_string_lossy().replace('\\', "/");
        writeln!(
            list,
            "    ({name:?}, include_str!({:?})),",
            path.display().to_string()
        )
        .expect("a string takes everything");
    }
    list.push_str("]\n");
    let out = Path::new(&env::var_os("OUT_DIR").expect("cargo sets it")).join("scenarios.rs");
    fs::write(out, list).expect("the build folder is writable");
}

fn collect(dir: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir)
        .expect("the suite's folder is readable")
        .flatten()
    {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "scenario")
        {
            paths.push(path);
        }
    }
}
