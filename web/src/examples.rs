//! The sessions that come with the page, and what a first visitor reads.

use lastsave_scenario::{Span, Style};

use crate::session::Session;

/// One entry of the examples menu.
pub(crate) struct Example {
    /// Its title.
    pub title: &'static str,
    /// What to expect, in a sentence.
    pub about: &'static str,
    /// Its scenario file.
    pub text: &'static str,
}

/// The night that the page suggests first.
pub(crate) const AS_TOLD: usize = 0;

/// The examples menu: the article's nights first, then the basics.
pub(crate) static EXAMPLES: &[Example] = &[];

impl Example {
    /// The example as a session.
    pub(crate) fn session(&self) -> Session {
        Session {
            title: self.title.into(),
            seed: 1,
            lines: self.text.lines().map(str::to_owned).collect(),
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
        line("# Type commands: SET cart:1 books. Let time pass: advance 10s. Then crash it."),
        line("# New here? Run the 3 AM night from Examples, and see what a crash took."),
    ]
}
