//! A scenario as the fragment of an address: `s=1.` and one word of letters, digits, `-` and `_`.
//!
//! The word is base64url of a deflated text, and three characters that check it. The text is a line about the link (the
//! engine's version, then words like `autorun`, `tab=files`, `at=11880000000`; unknown ones are passed over) and the
//! scenario file. The check is made of letters and digits, so a link never ends in a character that programs leave out when
//! they look for links in a text.
//!
//! Whatever a link holds is data of a bounded size. docs/links.md has the format, and `tests/suite/links.txt` links that must
//! be read for ever.

use crate::{
    Scenario, ScenarioError,
    pack::{PackError, pack_with, unpack_with},
    scenario::split_expected,
};

/// The most bytes a link's scenario may have.
pub const MAX_TEXT_BYTES: usize = 256 * 1024;
/// The most lines.
pub const MAX_LINES: usize = 10_000;
/// The most bytes of a line: a small file that was uploaded is one.
pub const MAX_LINE_BYTES: usize = 192 * 1024;
/// The most characters of a fragment. Text that does not shrink needs no more.
pub const MAX_LINK_CHARS: usize = 360 * 1024;
/// The number of characters above which some chats cut a link.
pub const SAFE_LINK_CHARS: usize = 2_000;
/// The version of this engine, which a link names.
pub const ENGINE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The format that is written. Every one from 1 on is read.
const VERSION: u32 = 1;
/// What version 1 takes for known. It must never change: links refer into it.
const WORDS_1: &[u8] = include_bytes!("link_words_1.txt");
/// The most bytes of the line before the scenario.
const MAX_HEAD_BYTES: usize = 1024;
/// The most letters of a tab's name.
const MAX_TAB_CHARS: usize = 24;
/// How many characters the check has.
const CHECK_CHARS: usize = 3;

/// What a link holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The scenario file: title, seed and lines, and with them the configuration.
    pub scenario: String,
    /// The tab to open, by its name in small letters.
    pub tab: Option<String>,
    /// The moment to show, in simulated microseconds since the scenario began.
    pub at_us: Option<u64>,
    /// Whether the lines run by themselves. Otherwise they wait for a person.
    pub autorun: bool,
    /// The version of the engine that the link was made with.
    pub engine: String,
}

/// Why something is no link, or cannot become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// There is no `#s=` in it.
    NotALink,
    /// It is of a version that was made later.
    NewerVersion(u32),
    /// A part is missing or was changed on the way.
    Damaged,
    /// It holds more than a link may.
    TooLarge,
    /// It has characters that no text has.
    NotText,
    /// What it holds is no scenario.
    Scenario(ScenarioError),
}

impl std::fmt::Display for LinkError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotALink => {
                f.write_str("This is no link of Lastsave: it has no “#s=1.” with a scenario behind it.")
            }
            Self::NewerVersion(version) => write!(
                f,
                "This link has version {version}, and this is an older Lastsave that reads versions up to {VERSION}. \
                 Open it where it was made, or get a newer Lastsave (in a browser: reload the page)."
            ),
            Self::Damaged => f.write_str(
                "This link is incomplete or was changed on the way: some programs cut long links. Copy the whole link \
                 again, or ask for the scenario as a file.",
            ),
            Self::TooLarge => write!(
                f,
                "This scenario is too large for a link: at most {} KiB, {MAX_LINES} lines, and {} KiB a line. Send it \
                 as a file.",
                MAX_TEXT_BYTES / 1024,
                MAX_LINE_BYTES / 1024
            ),
            Self::NotText => f.write_str(
                "What this link holds is not text, so it was not made by Lastsave. Nothing of it was run.",
            ),
            Self::Scenario(error) => {
                write!(f, "What this link holds is no scenario ({error}). Nothing of it was run.")
            }
        }
    }
}

impl std::error::Error for LinkError {}

impl Link {
    /// A link to a scenario, made with this engine, that waits for a person. The transcript behind a line `---`, if the
    /// file has one, is left out: a run says it again.
    pub fn new(scenario: impl Into<String>) -> Self {
        let mut scenario = scenario.into();
        if let Some((script, _)) = split_expected(&scenario) {
            scenario.truncate(script.len());
        }
        Self {
            scenario,
            tab: None,
            at_us: None,
            autorun: false,
            engine: ENGINE_VERSION.into(),
        }
    }

    /// The line before the scenario.
    fn head(&self) -> String {
        let mut head = self.engine.clone();
        if self.autorun {
            head.push_str(" autorun");
        }
        if let Some(tab) = &self.tab {
            head.push_str(&format!(" tab={tab}"));
        }
        if let Some(at_us) = self.at_us {
            head.push_str(&format!(" at={at_us}"));
        }
        head
    }

    /// Reads the text of a link: the line, and the scenario below it.
    fn from_text(text: &str) -> Result<Self, LinkError> {
        let (head, scenario) = text.split_once('\n').ok_or(LinkError::Damaged)?;
        let mut words = head.split(' ');
        let mut link = Self {
            engine: words.next().unwrap_or_default().to_owned(),
            ..Self::new(scenario)
        };
        for word in words {
            match word.split_once('=') {
                None if word == "autorun" => link.autorun = true,
                Some(("tab", tab)) => link.tab = Some(tab.to_owned()),
                Some(("at", at)) => {
                    link.at_us = Some(at.parse().map_err(|_| LinkError::Damaged)?);
                }
                // A later program may say more about the same scenario.
                _ => {}
            }
        }
        link.check()?;
        Ok(link)
    }

    /// Whether a link may hold this.
    ///
    /// # Errors
    /// Says why not.
    pub fn check(&self) -> Result<(), LinkError> {
        let is_long = |line: &str| line.len() > MAX_LINE_BYTES;
        if self.scenario.len() > MAX_TEXT_BYTES
            || self.scenario.lines().count() > MAX_LINES
            || self.scenario.lines().any(is_long)
            || self.head().len() > MAX_HEAD_BYTES
        {
            return Err(LinkError::TooLarge);
        }
        let is_control =
            |letter: char| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t');
        if self.scenario.contains(is_control) {
            return Err(LinkError::NotText);
        }
        let is_version = |letter: char| letter.is_ascii_alphanumeric() || ".-+".contains(letter);
        let is_tab = |tab: &String| {
            (1..=MAX_TAB_CHARS).contains(&tab.len())
                && tab.bytes().all(|byte| byte.is_ascii_lowercase())
        };
        if !self.engine.chars().all(is_version) || !self.tab.as_ref().is_none_or(is_tab) {
            return Err(LinkError::NotText);
        }
        Scenario::parse(&self.scenario).map_err(LinkError::Scenario)?;
        Ok(())
    }
}

/// Makes the fragment of a link, without the `#`. The same link gives the same fragment everywhere.
///
/// # Errors
/// [`LinkError::TooLarge`], [`LinkError::NotText`] or [`LinkError::Scenario`], if [`decode`] would refuse the result.
pub fn encode(link: &Link) -> Result<String, LinkError> {
    link.check()?;
    let text = format!("{}\n{}", link.head(), link.scenario);
    let mut word = encode_base64url(&pack_with(WORDS_1, text.as_bytes()));
    word.push_str(&check_of(&word));
    Ok(format!("s={VERSION}.{word}"))
}

/// Reads a link: an address with a fragment, or the fragment alone, with the `#` or without. White space around and within
/// it, where a program has broken the line, does not count, nor does what follows an `&`.
///
/// # Errors
/// Says what it is if it is no link, and costs little whatever it is.
pub fn decode(address: &str) -> Result<Link, LinkError> {
    let fragment = address
        .split_once('#')
        .map_or(address, |(_, fragment)| fragment);
    if fragment.len() > MAX_LINK_CHARS {
        return Err(LinkError::TooLarge);
    }
    let fragment: String = fragment
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .collect();
    let mut parameters = fragment.split('&');
    let (version, word) = parameters
        .find_map(|parameter| parameter.strip_prefix("s="))
        .and_then(|value| value.split_once('.'))
        .ok_or(LinkError::NotALink)?;
    match version.parse() {
        Ok(VERSION) => {}
        Ok(newer) if newer > VERSION => return Err(LinkError::NewerVersion(newer)),
        _ => return Err(LinkError::NotALink),
    }
    let end = word
        .len()
        .checked_sub(CHECK_CHARS)
        .ok_or(LinkError::Damaged)?;
    let (body, check) = word.split_at_checked(end).ok_or(LinkError::Damaged)?;
    if check_of(body) != check {
        return Err(LinkError::Damaged);
    }
    let packed = decode_base64url(body).ok_or(LinkError::Damaged)?;
    decode_packed(&packed)
}

/// Reads the bytes of a link, behind its check.
///
/// # Errors
/// As [`decode`].
pub fn decode_packed(packed: &[u8]) -> Result<Link, LinkError> {
    let text = unpack_with(WORDS_1, packed, MAX_TEXT_BYTES + MAX_HEAD_BYTES + 1);
    let text = text.map_err(|error| match error {
        PackError::Damaged => LinkError::Damaged,
        PackError::TooLong => LinkError::TooLarge,
    })?;
    Link::from_text(&String::from_utf8(text).map_err(|_| LinkError::NotText)?)
}

/// Three letters or digits from FNV-1a: enough to notice an accident.
fn check_of(word: &str) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let mut hash = word.bytes().fold(0x811c_9dc5, step);
    let mut digit = || {
        let digit = DIGITS[(hash % 62) as usize];
        hash /= 62;
        char::from(digit)
    };
    (0..CHECK_CHARS).map(|_| digit()).collect()
}

const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Base64 with the letters of RFC 4648 for addresses, without padding.
pub fn encode_base64url(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..=group.len() {
            let six = bits >> (18 - 6 * at) & 63;
            text.push(char::from(BASE64URL[six as usize]));
        }
    }
    text
}

/// Undoes [`encode_base64url`]. `None` for anything that it does not make.
pub fn decode_base64url(text: &str) -> Option<Vec<u8>> {
    let six = |letter: u8| {
        Some(u32::from(match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        }))
    };
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for group in text.as_bytes().chunks(4) {
        let mut bits = 0;
        for (at, letter) in group.iter().enumerate() {
            bits |= six(*letter)? << (18 - 6 * at);
        }
        let whole = bits.to_be_bytes();
        let (used, rest) = whole[1..].split_at(group.len() - 1);
        if used.is_empty() || rest.iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend_from_slice(used);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pack::pack;

    const SCENARIO: &str = "# lastsave scenario 1\n# Mine\nseed 7\n\nredis-server\nSET a 1\n";

    /// A link with any bytes in it, as somebody would make it by hand.
    fn forged(packed: &[u8]) -> String {
        let word = encode_base64url(packed);
        format!("https://example.org/lab/#s=1.{word}{}", check_of(&word))
    }

    fn forged_text(text: &str) -> Result<Link, LinkError> {
        decode(&forged(&pack_with(WORDS_1, text.as_bytes())))
    }

    #[test]
    fn everything_in_a_link_comes_back() {
        let link = Link {
            tab: Some("files".into()),
            at_us: Some(11_880_000_000),
            autorun: true,
            ..Link::new(SCENARIO)
        };
        let fragment = encode(&link).unwrap();
        assert_eq!(decode(&fragment), Ok(link.clone()));
        assert_eq!(
            decode(&format!("https://a.example/x/?embed#{fragment}")),
            Ok(link.clone())
        );
        let (left, right) = fragment.split_at(20);
        assert_eq!(
            decode(&format!("  #{left}\r\n {right}&utm=mail ")),
            Ok(link)
        );
    }

    #[test]
    fn no_link_ends_in_what_linkifiers_drop() {
        let mut endings = std::collections::BTreeSet::new();
        for number in 0..3_000 {
            let fragment = encode(&Link::new(format!("{SCENARIO}SET k {number}\n"))).unwrap();
            let last = fragment.chars().last().unwrap();
            assert!(last.is_ascii_alphanumeric(), "{fragment}");
            endings.insert(last);
            assert!(
                fragment
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"=.-_".contains(&byte))
            );
        }
        // Of the last digit of a number below 2^32 in base 62, the third, all 62 values were seen.
        assert_eq!(endings.len(), 62);
    }

    #[test]
    fn a_link_that_was_changed_on_the_way_says_so() {
        let fragment = encode(&Link::new(SCENARIO)).unwrap();
        for len in "s=1.".len()..fragment.len() {
            assert_eq!(decode(&fragment[..len]), Err(LinkError::Damaged), "{len}");
        }
        for at in "s=1.".len()..fragment.len() {
            let mut changed = fragment.clone().into_bytes();
            changed[at] = if changed[at] == b'x' { b'y' } else { b'x' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(decode(&changed), Err(LinkError::Damaged), "{at}");
        }
        assert_eq!(decode(&format!("{fragment}.")), Err(LinkError::Damaged));
        assert_eq!(decode(&fragment.to_lowercase()), Err(LinkError::Damaged));
        assert_eq!(decode("s=1.é12"), Err(LinkError::Damaged));
    }

    #[test]
    fn what_is_no_link_of_this_version_says_what_it_is() {
        for address in [
            "",
            "#",
            "https://example.org/",
            "#t=1.abc",
            "#s=",
            "#s=1",
            "#s=x.abc",
            "#s=0.abc",
        ] {
            assert_eq!(decode(address), Err(LinkError::NotALink), "{address}");
        }
        assert_eq!(
            decode("#s=2.anything~at.all"),
            Err(LinkError::NewerVersion(2))
        );
        assert!(
            LinkError::NewerVersion(2)
                .to_string()
                .contains("newer Lastsave")
        );
    }

    #[test]
    fn a_link_holds_no_more_than_it_may() {
        let bomb = forged(&pack_with(WORDS_1, "0.1.0\n".repeat(20_000_000).as_bytes()));
        assert!(bomb.len() < MAX_LINK_CHARS);
        assert_eq!(decode(&bomb), Err(LinkError::TooLarge));
        assert_eq!(
            decode(&format!("#s=1.{}", "A".repeat(10_000_000))),
            Err(LinkError::TooLarge)
        );

        let refused = |scenario: String| {
            assert_eq!(encode(&Link::new(&scenario)), Err(LinkError::TooLarge));
            assert_eq!(
                forged_text(&format!("0.1.0\n{scenario}")),
                Err(LinkError::TooLarge)
            );
        };
        refused(format!("{SCENARIO}{}", "x\n".repeat(MAX_LINES)));
        refused(format!("{SCENARIO}{}", "x".repeat(MAX_LINE_BYTES + 1)));
        refused(format!("{SCENARIO}{}\n", "x".repeat(100_000)).repeat(3));
        let head = format!("0.1.0{} tab=keys", " a".repeat(MAX_HEAD_BYTES));
        assert_eq!(
            forged_text(&format!("{head}\n{}", "x".repeat(MAX_TEXT_BYTES))),
            Err(LinkError::TooLarge)
        );

        // Random letters shrink to three quarters, and the longest text of them still fits.
        let mut state = 1_u32;
        let mut letter = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(BASE64URL[(state >> 26) as usize])
        };
        let line: String = (0..MAX_LINE_BYTES).map(|_| letter()).collect();
        let rest: String = (0..MAX_TEXT_BYTES - MAX_LINE_BYTES - SCENARIO.len() - 1)
            .map(|_| letter())
            .collect();
        let link = Link::new(format!("{SCENARIO}{line}\n{rest}"));
        assert_eq!(link.scenario.len(), MAX_TEXT_BYTES);
        assert_eq!(decode(&encode(&link).unwrap()), Ok(link));
    }

    #[test]
    fn what_a_link_holds_must_be_a_scenario() {
        assert_eq!(forged_text(""), Err(LinkError::Damaged));
        assert_eq!(
            decode(&forged(&pack(SCENARIO.as_bytes()))).err(),
            Some(LinkError::NotText)
        );
        assert_eq!(
            decode(&forged(&pack_with(WORDS_1, b"0.1.0\n\xff"))),
            Err(LinkError::NotText)
        );
        for text in [
            "0.1.0\n# lastsave scenario 2\n",
            "0.1.0\n<script>alert(1)</script>",
        ] {
            assert!(
                matches!(forged_text(text), Err(LinkError::Scenario(_))),
                "{text}"
            );
        }
        for text in [
            format!("0.1.0 tab=<b>\n{SCENARIO}"),
            format!("<b>\n{SCENARIO}"),
            format!("0.1.0\n{SCENARIO}\u{1b}[2J"),
        ] {
            assert_eq!(forged_text(&text), Err(LinkError::NotText), "{text}");
        }
        assert_eq!(
            forged_text(&format!("0.1.0 at=-1\n{SCENARIO}")),
            Err(LinkError::Damaged)
        );
    }

    #[test]
    fn what_a_later_program_adds_is_passed_over() {
        let link = forged_text(&format!("9.9.9 theme=dark autorun sideways\n{SCENARIO}")).unwrap();
        let expected = Link {
            engine: "9.9.9".into(),
            autorun: true,
            ..Link::new(SCENARIO)
        };
        assert_eq!(link, expected);
    }

    proptest! {
        #[test]
        fn any_address_is_read_or_refused(word in "[A-Za-z0-9_-]{0,200}", checked in any::<bool>()) {
            let check = if checked { check_of(&word) } else { String::new() };
            if let Ok(link) = decode(&format!("#s=1.{word}{check}")) {
                prop_assert_eq!(decode(&encode(&link).unwrap()), Ok(link));
            }
        }

        #[test]
        fn bytes_come_back_from_base64(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let text = encode_base64url(&bytes);
            prop_assert_eq!(decode_base64url(&text), Some(bytes));
        }

        #[test]
        fn there_is_one_base64_of_any_bytes(text in "[A-Za-z0-9_-]{0,12}") {
            if let Some(bytes) = decode_base64url(&text) {
                prop_assert_eq!(encode_base64url(&bytes), text);
            }
        }
    }
}
