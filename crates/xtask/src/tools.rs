//! What the build and the tests need: found where it is there at the right version, installed where not.
//!
//! Each function is called by the step that needs the tool, so that `cargo xtask test --only fmt` installs
//! nothing. A tool that cannot be installed fails its step with one line that says what to do.

use std::{fs, path::Path};

use crate::util::{self, Result, at, cargo, command, find_program, output_of, run};

/// The target of the page.
pub(crate) const WASM_TARGET: &str = "wasm32-unknown-unknown";

const TRUNK_VERSION: &str = "0.21.14";
const CARGO_FUZZ_VERSION: &str = "0.13.2";

/// Debian's packages that the tests use, each with what shows that it is there.
const DEBIAN_PACKAGES: [(&str, Probe); 7] = [
    ("redis-server", Probe::Program("redis-server")),
    ("redis-tools", Probe::Program("redis-cli")),
    ("strace", Probe::Program("strace")),
    ("chromium", Probe::Program("chromium")),
    ("chromium-driver", Probe::Program("chromedriver")),
    ("firefox-esr", Probe::Program("firefox-esr")),
    (
        "fonts-dejavu-core",
        Probe::File("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
    ),
];

#[derive(Clone, Copy)]
enum Probe {
    Program(&'static str),
    File(&'static str),
}

impl Probe {
    fn is_there(self) -> bool {
        match self {
            Self::Program(name) => find_program(name).is_some(),
            Self::File(path) => Path::new(path).exists(),
        }
    }
}

/// What `cargo fmt` and `cargo clippy` need.
pub(crate) fn ensure_component(name: &str) -> Result<()> {
    if output_of(cargo().args([name, "--version"])).is_some() {
        return Ok(());
    }
    let component = if name == "fmt" { "rustfmt" } else { name };
    install(
        command("rustup").args(["component", "add", component]),
        &format!("rustup component add {component}"),
    )
}

/// The standard library for WebAssembly.
pub(crate) fn ensure_wasm_target() -> Result<()> {
    let sysroot = output_of(command("rustc").args(["--print", "sysroot"]))
        .ok_or("rustc is missing: install Rust from rustup.rs")?;
    if Path::new(&sysroot)
        .join("lib/rustlib")
        .join(WASM_TARGET)
        .join("lib")
        .is_dir()
    {
        return Ok(());
    }
    install(
        command("rustup").args(["target", "add", WASM_TARGET]),
        &format!("rustup target add {WASM_TARGET}"),
    )
}

/// Trunk, which assembles the page. Without TLS and optimisation it compiles in half the time: it is to
/// download nothing and does little work itself.
pub(crate) fn ensure_trunk() -> Result<()> {
    ensure_cargo_tool(
        "trunk",
        "trunk",
        TRUNK_VERSION,
        &["--debug", "--no-default-features"],
    )
}

/// What builds and runs the fuzz targets.
pub(crate) fn ensure_cargo_fuzz() -> Result<()> {
    ensure_cargo_tool("cargo-fuzz", "cargo-fuzz", CARGO_FUZZ_VERSION, &["--debug"])
}

/// The generator of JavaScript bindings. It must match the crate of that name, so the lockfile decides.
pub(crate) fn ensure_wasm_bindgen() -> Result<()> {
    let path = util::root().join("Cargo.lock");
    let lockfile = fs::read_to_string(&path).map_err(at(&path))?;
    let version =
        locked_version(&lockfile, "wasm-bindgen").ok_or("Cargo.lock has no wasm-bindgen")?;
    ensure_cargo_tool(
        "wasm-bindgen-cli",
        "wasm-bindgen",
        version,
        &["--no-default-features"],
    )
}

/// wasm-opt and Playwright, at the versions of package-lock.json. (Debian's wasm-opt is too old: the page
/// it writes breaks at run time, where it grows a table.)
pub(crate) fn ensure_npm_packages() -> Result<()> {
    let lockfile = util::root().join("package-lock.json");
    let wanted = fs::read(&lockfile).map_err(at(&lockfile))?;
    let installed = util::root().join("node_modules/.installed-lockfile");
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if find_program("npm").is_none() {
        return Err("npm is missing: install Node.js 20 or newer, with npm".into());
    }
    let arguments = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
    install(
        command("npm")
            .args(arguments)
            .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1"),
        "npm ci",
    )?;
    fs::write(&installed, wanted).map_err(at(&installed))
}

/// The oracle, the browser and its driver, from Debian or a system like it.
pub(crate) fn ensure_debian_packages() -> Result<()> {
    let missing: Vec<&str> = DEBIAN_PACKAGES
        .iter()
        .filter(|(_, probe)| !probe.is_there())
        .map(|(package, _)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let by_hand = format!(
        "apt-get install --no-install-recommends {}",
        missing.join(" ")
    );
    if find_program("apt-get").is_none() {
        return Err(format!(
            "there is no apt-get here; install what these Debian packages hold: {}",
            missing.join(" ")
        ));
    }
    let is_root = output_of(command("id").arg("-u")).as_deref() == Some("0");
    let privileged = |arguments: &[&str]| {
        // `-n`: without a password at hand it fails at once rather than waiting for one.
        let words: &[&str] = if is_root {
            &["env"]
        } else {
            &["sudo", "-n", "env"]
        };
        let mut apt = command(words[0]);
        apt.args(&words[1..])
            .args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"])
            .args(arguments);
        apt
    };
    install(&mut privileged(&["update"]), &by_hand)?;
    let mut arguments = vec!["install", "--no-install-recommends"];
    arguments.extend(missing);
    install(&mut privileged(&arguments), &by_hand)
}

fn ensure_cargo_tool(package: &str, program: &str, version: &str, options: &[&str]) -> Result<()> {
    let found = output_of(command(program).arg("--version"));
    if found.is_some_and(|found| found.split_whitespace().nth(1) == Some(version)) {
        return Ok(());
    }
    let mut cargo = cargo();
    cargo
        .args(["install", "--locked", package, "--version", version])
        .args(options);
    println!("{package} {version} is compiled from source: some minutes, once.");
    install(
        &mut cargo,
        &format!("cargo install --locked {package} --version {version}"),
    )
}

/// Runs an installing command in view; if it fails, says what to run by hand.
fn install(command: &mut std::process::Command, by_hand: &str) -> Result<()> {
    println!("installing: {}", util::show(command));
    run(command)
        .map_err(|error| format!("{error}; install it by hand and run this again: {by_hand}"))
}

/// The version of `package` in a Cargo.lock.
fn locked_version<'a>(lockfile: &'a str, package: &str) -> Option<&'a str> {
    let entry = lockfile
        .split("[[package]]")
        .find(|entry| entry.contains(&format!("\nname = \"{package}\"\n")))?;
    entry
        .lines()
        .find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lockfile_is_read_by_exact_name() {
        let lockfile = "version = 4\n\n[[package]]\nname = \"wasm-bindgen-macro\"\nversion = \"9\"\n\n\
                        [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.128\"\nsource = \"x\"\n";
        assert_eq!(locked_version(lockfile, "wasm-bindgen"), Some("0.2.128"));
        assert_eq!(locked_version(lockfile, "bindgen"), None);
    }
}
