//! The golden suite in the browser: every scenario meets its expectations there too, with the numbers, the transcript and the
//! trace hash that it has natively.

use lastsave_scenario::{Scenario, run};
use wasm_bindgen_test::wasm_bindgen_test;

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// Names and texts.
const SCENARIOS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/scenarios.rs"));

const TRACES: &str = include_str!("../suite/traces.txt");

fn check(name: &str, text: &str) {
    let scenario = Scenario::parse(text).unwrap();
    let report = run(&scenario, &mut |_| true);
    assert!(report.failures.is_empty(), "{name}: {:#?}", report.failures);
    if let Some(expected) = &scenario.expected {
        assert_eq!(*expected, report.transcript, "{name}");
    }
    let line = format!("{name} {}", report.trace_line());
    assert!(
        TRACES.lines().any(|known| known == line),
        "{line} is not in traces.txt"
    );
}

fn check_all(of: &str) {
    let mut found = 0;
    for (name, text) in SCENARIOS.iter().filter(|(name, _)| name.starts_with(of)) {
        check(name, text);
        found += 1;
    }
    assert!(found > 0, "there are scenarios under {of}");
}

#[wasm_bindgen_test(unsupported = test)]
fn the_small_scenarios() {
    check_all("basics/");
}

#[wasm_bindgen_test(unsupported = test)]
fn the_lessons() {
    check_all("lessons/");
}

#[wasm_bindgen_test(unsupported = test)]
fn the_night_as_configured() {
    check_all("article/night-as-configured");
}

#[wasm_bindgen_test(unsupported = test)]
fn the_night_as_told() {
    check_all("article/night-as-told");
}

#[wasm_bindgen_test(unsupported = test)]
fn the_night_refused() {
    check_all("article/night-refused");
}

#[wasm_bindgen_test(unsupported = test)]
fn the_night_hybrid() {
    check_all("article/hybrid");
}
