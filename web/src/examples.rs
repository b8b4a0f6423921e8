//! The sessions that come with the page, and what a first visitor reads.

use lastsave_scenario::{Span, Style};

use crate::session::Session;

/// One entry of the examples menu.
pub(crate) struct Example {
    /// Its name in the menu and in the header.
    pub(crate) name: &'static str,
    /// What to look for, in a sentence.
    pub(crate) about: &'static str,
    /// Its scenario file, which the tests run as well.
    text: &'static str,
}

/// The night that the page suggests first.
pub(crate) const AS_TOLD: usize = 0;
/// The same night under the article's second configuration.
pub(crate) const HYBRID: usize = 3;

macro_rules! scenario {
    ($path:literal) => {
        include_str!(concat!("../../tests/suite/", $path, ".scenario"))
    };
}

/// The examples menu: the article's nights first, then the basics.
pub(crate) static EXAMPLES: &[Example] = &[
    Example {
        name: "The 3 AM night, as told",
        about: "Saves fail unseen for 47 minutes, then the power goes: all 564,000 writes are lost.",
        text: scenario!("article/night-as-told"),
    },
    Example {
        name: "The night as configured",
        about: "The same configuration with saves that work: a snapshot is never much older than a minute.",
        text: scenario!("article/night-as-configured"),
    },
    Example {
        name: "The night refused",
        about: "Saves fail, and Redis refuses writes rather than promise what it cannot keep.",
        text: scenario!("article/night-refused"),
    },
    Example {
        name: "The hybrid night",
        about: "The article’s second configuration: an append-only file, synced every second.",
        text: scenario!("article/hybrid"),
    },
];

impl Example {
    /// The example as a session.
    pub(crate) fn session(&self) -> Session {
        let read = Session::from_scenario(self.text).unwrap_or_default();
        Session {
            title: self.name.into(),
            ..read
        }
    }
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
        line("# New here? Run the 3 AM night, below, and see what a crash took."),
    ]
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn every_example_is_a_scenario() {
        for example in EXAMPLES {
            assert!(
                Session::from_scenario(example.text).is_some(),
                "{}",
                example.name
            );
        }
        assert_eq!(EXAMPLES[AS_TOLD].name, "The 3 AM night, as told");
        assert_eq!(EXAMPLES[HYBRID].name, "The hybrid night");
    }
}
