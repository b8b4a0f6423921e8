//! Links and scenarios as hostile input.

use lastsave_scenario::{
    Lesson, Scenario, Shell,
    link::{Link, LinkError, MAX_TEXT_BYTES, decode, decode_packed, encode},
};

/// How many lines of a scenario are carried out, and how many events each may take.
const LINES: usize = 12;
const EVENTS: u64 = 300;

/// A link: `data` as an address, and as the bytes behind a check that somebody has mended. What can be read can be made
/// again, and is then the same.
///
/// # Panics
/// If that does not hold.
pub fn link(data: &[u8]) {
    if let Ok(address) = std::str::from_utf8(data) {
        // Whatever it says of it.
        let _ = decode(address).map(|link| made_again(&link));
    }
    match decode_packed(data) {
        Ok(link) => made_again(&link),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn made_again(link: &Link) {
    assert!(link.scenario.len() <= MAX_TEXT_BYTES);
    let fragment = encode(link).expect("what was read can be made");
    assert!(fragment.ends_with(|last: char| last.is_ascii_alphanumeric()));
    assert_eq!(decode(&fragment).as_ref(), Ok(link));
}

/// A scenario file: it is read as a scenario and as a lesson, becomes a link or is refused by it, and its first lines are
/// completed and carried out for a moment.
///
/// # Panics
/// If the link brings back another scenario, or anything else panics.
pub fn scenario(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(scenario) = Scenario::parse(text) else {
        return;
    };
    Lesson::of(&scenario);
    match encode(&Link::new(text)) {
        Ok(fragment) => {
            let link = decode(&fragment).expect("what was made can be read");
            let again = Scenario::parse(&link.scenario).expect("a link holds a scenario");
            assert_eq!(
                (again.seed, again.lines),
                (scenario.seed, scenario.lines.clone())
            );
        }
        Err(LinkError::TooLarge | LinkError::NotText) => return,
        Err(error) => panic!("{error}"),
    }
    let mut shell = Shell::new(scenario.seed);
    // What asks for a gigabyte gets it, which is slow: numbers of seven digits are left out.
    let asks_much = |line: &str| {
        line.split(|c: char| !c.is_ascii_digit())
            .any(|n| n.len() > 6)
    };
    for (number, line) in scenario
        .lines
        .iter()
        .filter(|(_, line)| !asks_much(line))
        .take(LINES)
    {
        shell.complete(line);
        shell.enter_numbered(*number, line);
        shell.run(EVENTS);
        shell.take_output();
    }
}
