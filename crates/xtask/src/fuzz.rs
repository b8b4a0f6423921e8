//! `cargo xtask fuzz`: searches for inputs that break something, from the kept ones on.
//!
//! It needs rustup's nightly toolchain and a C++ compiler. New inputs gather in `target/fuzz/TARGET`; one that broke something
//! is kept in `tests/fuzz/corpus/TARGET` once it is repaired, where every test run tries it again.

use std::fs;

use clap::Args;

use crate::tools;
use crate::util::{self, Result, at, command, run};

/// The command's options.
#[derive(Args)]
pub(crate) struct Options {
    /// What to feed
    #[arg(value_parser = ["aof", "config", "manifest", "rdb", "requests", "restore"])]
    target: String,
    /// How long to search
    #[arg(long, default_value_t = 600, value_name = "N")]
    seconds: u64,
}

pub(crate) fn run_target(options: &Options) -> Result<()> {
    tools::ensure_cargo_fuzz()?;
    let found = util::root().join("target/fuzz").join(&options.target);
    let kept = util::root().join("tests/fuzz/corpus").join(&options.target);
    for folder in [&found, &kept] {
        fs::create_dir_all(folder).map_err(at(folder))?;
    }
    let seconds = format!("-max_total_time={}", options.seconds);
    run(command("cargo")
        .args(["+nightly", "fuzz", "run", "--fuzz-dir", "tests/fuzz"])
        .args(["--target-dir", "target/fuzz/build", &options.target])
        .args([found, kept])
        .args(["--", &seconds, "-timeout=20", "-max_len=16384"]))
}
