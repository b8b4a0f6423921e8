//! What the page promises, and that a browser test holds it to each promise.
//!
//! A test of `tests/browser/*.spec.js` that shows one begins its title with the promise's mark.

use std::fs;
use std::path::Path;

/// What a page like this must have, each as the beginning of some test's title.
const PROMISES: [&str; 33] = [
    "must match: redis-cli replies to the byte",
    "must match: history",
    "must match: share by URL",
    "must match: versioned link",
    "must match: autorun",
    "must match: embed",
    "must match: host API",
    "must match: examples menu",
    "must match: guided lessons",
    "must match: reset",
    "must match: session survives reload",
    "must match: import and export of files",
    "must match: annotated bytes",
    "must match: pause, speed, seek, step, back",
    "must match: faults",
    "must match: seeded replay",
    "must match: keyboard help",
    "must match: light/dark/auto theme",
    "must match: screen reader and keyboard only",
    "must match: offline after the first load",
    "must match: idle costs no CPU",
    "must match: works from any sub-path",
    // What no other page of this kind has.
    "only here 1:",
    "only here 2:",
    "only here 3:",
    "only here 4:",
    "only here 5:",
    "only here 6:",
    "only here 7:",
    "only here 8:",
    "only here 9:",
    "only here 11:",
    "only here 12:",
];

#[test]
fn every_promise_has_a_browser_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    let mut titles = String::new();
    for entry in fs::read_dir(folder).expect("the browser tests are there") {
        let path = entry.expect("a folder that is not being changed").path();
        if path.to_string_lossy().ends_with(".spec.js") {
            titles.push_str(&fs::read_to_string(path).expect("a test is text"));
        }
    }
    let missing: Vec<_> = PROMISES
        .into_iter()
        .filter(|promise| {
            !["\"", "`", "'"]
                .iter()
                .any(|quote| titles.contains(&format!("test({quote}{promise}")))
        })
        .collect();
    assert!(missing.is_empty(), "no browser test for {missing:#?}");
}
