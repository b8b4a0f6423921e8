//! Generated documentation is what the tables say. `UPDATE_DOCS=1 cargo test -p lastsave-tests --test docs` writes it.

use std::fs;
use std::path::Path;

fn check(name: &str, generated: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, generated).expect("docs/ can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "docs/{name} is not what the tables say: run with UPDATE_DOCS=1"
    );
}

#[test]
fn the_parameters_are_listed() {
    let table = lastsave_engine::config::parameters_markdown();
    check(
        "configuration.md",
        &format!(
            "# Parameters\n\nEvery parameter that `redis.conf`, the command line and CONFIG SET know. Generated from the table in \
             `crates/engine/src/config/`.\n\n{table}"
        ),
    );
}
