//! The sessions that come with the page, and what a first visitor reads.

use lastsave_scenario::{Span, Style};

use crate::{format, session::Session};

/// The scenario files of the examples menu, which the tests run as well.
struct Group {
    name: &'static str,
    texts: &'static [&'static str],
}

/// The script of a scenario of the suite. Its transcript, which may be long, does not become part of the page.
macro_rules! scenario {
    ($path:literal) => {{
        const TEXT: &str = include_str!(concat!("../../tests/suite/", $path, ".scenario"));
        const SCRIPT: [u8; script_len(TEXT)] = beginning(TEXT);
        match std::str::from_utf8(&SCRIPT) {
            Ok(script) => script,
            Err(_) => panic!("the script ends with a line"),
        }
    }};
}

/// How long a scenario is before its line `---`.
const fn script_len(text: &str) -> usize {
    let (text, end) = (text.as_bytes(), b"\n---\n");
    let mut len = 0;
    while len + end.len() <= text.len() {
        let mut matching = 0;
        while matching < end.len() && text[len + matching] == end[matching] {
            matching += 1;
        }
        if matching == end.len() {
            return len + 1;
        }
        len += 1;
    }
    text.len()
}

const fn beginning<const LEN: usize>(text: &str) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    let mut at = 0;
    while at < LEN {
        bytes[at] = text.as_bytes()[at];
        at += 1;
    }
    bytes
}

/// The lessons, in their order, as scenario files.
static LESSONS: [&str; 5] = [
    scenario!("lessons/1-night"),
    scenario!("lessons/2-hybrid"),
    scenario!("lessons/3-turning-aof-on"),
    scenario!("lessons/4-corrupt-aof"),
    scenario!("lessons/5-numbers"),
];

static NIGHTS: Group = Group {
    name: "The article’s night",
    texts: &[
        scenario!("article/night-as-told"),
        scenario!("article/night-as-configured"),
        scenario!("article/night-refused"),
        scenario!("article/hybrid"),
    ],
};

static BASICS: Group = Group {
    name: "One thing at a time",
    texts: &[
        scenario!("basics/kill-each-policy"),
        scenario!("basics/power-no"),
        scenario!("basics/power-everysec"),
        scenario!("basics/power-everysec-slow"),
        scenario!("basics/power-always"),
        scenario!("basics/bgsave-and-misconf"),
        scenario!("basics/disk-full"),
        scenario!("basics/appendonly-at-run-time"),
        scenario!("basics/torn-tail"),
        scenario!("basics/check-aof-fix"),
        scenario!("basics/corrupt-rdb"),
        scenario!("basics/article-lines"),
    ],
};

static FAULTS: Group = Group {
    name: "What can break",
    texts: &[
        scenario!("faults/fork"),
        scenario!("faults/oom"),
        scenario!("faults/fsync-eio"),
        scenario!("faults/short-write"),
        scenario!("faults/slow-disk"),
        scenario!("faults/bit-rot"),
        scenario!("faults/bad-sector"),
        scenario!("faults/torn-pages"),
        scenario!("faults/permissions"),
        scenario!("faults/read-only"),
    ],
};

static DEFECTS: Group = Group {
    name: "Twelve ways in which Redis 7.0 loses data",
    texts: &[
        scenario!("defects/01-hole-after-short-write"),
        scenario!("defects/02-dangling-manifest"),
        scenario!("defects/03-torn-exec"),
        scenario!("defects/04-torn-preamble"),
        scenario!("defects/05-torn-middle"),
        scenario!("defects/06-postponed-write"),
        scenario!("defects/07-one-failed-fsync"),
        scenario!("defects/08-appendonly-at-run-time"),
        scenario!("defects/09-manifest-missing"),
        scenario!("defects/10-appendonly-in-the-file"),
        scenario!("defects/11-orphans"),
        scenario!("defects/12-bit-flip"),
    ],
};

/// One entry of the examples menu.
pub(crate) struct Example {
    /// Its name, which is also the session's.
    pub(crate) name: String,
    /// What it shows.
    pub(crate) about: String,
    session: Session,
}

impl Example {
    /// Reads a scenario file. Its title is a name and, behind a colon, what it shows.
    fn read(text: &str) -> Self {
        let mut session = Session::from_scenario(text).unwrap_or_default();
        let (name, about) = session
            .title
            .split_once(": ")
            .unwrap_or((&session.title, ""));
        let (name, about) = (name.to_owned(), format::capitalised(about));
        session.title.clone_from(&name);
        Self {
            name,
            about,
            session,
        }
    }

    /// The example as a session.
    pub(crate) fn session(&self) -> Session {
        self.session.clone()
    }
}

/// The examples menu, by groups with their names.
pub(crate) fn all() -> Vec<(&'static str, Vec<Example>)> {
    let read = |group: &Group| {
        let texts = group.texts.iter();
        (group.name, texts.map(|text| Example::read(text)).collect())
    };
    [&NIGHTS, &BASICS, &FAULTS, &DEFECTS].map(read).into()
}

/// The lessons, in their order, as scenario files.
pub(crate) fn lessons() -> impl Iterator<Item = &'static str> {
    LESSONS.into_iter()
}

/// The night that the page suggests first: saves fail unseen.
pub(crate) fn as_told() -> Session {
    Example::read(NIGHTS.texts[0]).session
}

/// The same night under the article's second configuration.
pub(crate) fn hybrid() -> Session {
    Example::read(NIGHTS.texts[3]).session
}

/// What a visitor finds: a server with the default configuration, ready for commands.
pub(crate) fn first() -> Session {
    Session {
        title: "A fresh machine".into(),
        seed: 1,
        lines: vec!["redis-server".into()],
    }
}

/// The first lines of the terminal, which say what this is.
pub(crate) fn welcome() -> [Span; 3] {
    let line = |text: &str| Span {
        style: Style::Dim,
        text: format!("{text}\n"),
    };
    [
        line("# A Redis-compatible engine on a simulated disk and clock, in this page."),
        line("# Type commands: SET cart:1 books. Let time pass: advance 10s. Crash it."),
        line("# New here? Take a lesson, above, or run the 3 AM night, below."),
    ]
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn every_example_is_a_scenario_with_a_name() {
        for example in all().into_iter().flat_map(|(_, examples)| examples) {
            assert!(!example.session.lines.is_empty(), "{}", example.name);
            assert!(!example.name.is_empty());
            let lines = &example.session.lines;
            assert!(!lines.contains(&"---".to_owned()), "{}", example.name);
        }
        for text in lessons() {
            assert!(crate::lesson::Reading::of(text).is_some(), "{text}");
        }
        assert_eq!(as_told().title, "The night as told");
        assert_eq!(hybrid().title, "The hybrid configuration");
    }
}
