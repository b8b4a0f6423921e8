//! Links are the same natively and in the browser: those given out long ago are read as they were meant, and made again
//! letter by letter.

use lastsave_scenario::link::{Link, SAFE_LINK_CHARS, decode, encode};
use wasm_bindgen_test::wasm_bindgen_test;

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// Names and texts.
const SCENARIOS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/scenarios.rs"));

const GOLDEN: &str = include_str!("../suite/links.txt");

/// The longest address of a page that a lesson's link is to fit behind, with room to spare.
const ADDRESS_CHARS: usize = 60;

fn fnv(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

#[wasm_bindgen_test(unsupported = test)]
fn golden_links_are_read_and_made_for_ever() {
    let lines = GOLDEN.lines().filter(|line| !line.starts_with("# "));
    let mut read = 0;
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let [hash, tab, at, autorun, address] = words[..] else {
            panic!("{line}");
        };
        let link = decode(address).unwrap();
        assert_eq!(format!("{:016x}", fnv(&link.scenario)), hash, "{address}");
        assert_eq!(link.tab.as_deref().unwrap_or("-"), tab);
        assert_eq!(link.at_us.map_or("-".into(), |at| at.to_string()), at);
        assert_eq!(link.autorun, autorun == "autorun");
        assert_eq!(format!("#{}", encode(&link).unwrap()), address);
        read += 1;
    }
    assert!(read >= 12);
}

#[wasm_bindgen_test(unsupported = test)]
fn every_scenario_fits_into_a_link_and_a_lesson_into_a_chat() {
    for (name, text) in SCENARIOS {
        let link = Link::new(*text);
        let fragment = encode(&link).unwrap();
        assert_eq!(decode(&fragment), Ok(link), "{name}");
        let chars = fragment.len() + ADDRESS_CHARS;
        assert!(
            chars < SAFE_LINK_CHARS || !name.starts_with("lessons/"),
            "{name}: {chars}"
        );
    }
}
