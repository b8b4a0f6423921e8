//! A session is the lines that were entered. What the page needs to know about lines, without running them.

use std::cell::RefCell;

use lastsave_scenario::{Scenario, ScenarioError, write_scenario};

use crate::store;

/// A machine's seed and everything entered on it: enough to have it again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Session {
    /// What it is called in the header.
    pub title: String,
    /// The seed of everything random.
    pub seed: u64,
    /// The lines, in order.
    pub lines: Vec<String>,
}

/// Under which name the browser remembers, for a tab, which session is its own.
const TAB_KEY: &str = "lastsave.tab";
/// Under which name it remembers a session that the page could not write before it went.
const HASTE_KEY: &str = "lastsave.session";
/// The beginning of the keys of sessions.
const SESSIONS: &str = "session/";
/// The key of the name of the tab that was used last.
const LATEST: &str = "latest";
/// How many sessions of closed tabs are kept.
const KEPT_SESSIONS: usize = 8;
/// A session longer than this, in bytes, is not kept for a reload.
const STORED_BYTES: usize = 4 << 20;

impl Session {
    /// Reads a scenario file. `None` if it is none.
    pub(crate) fn from_scenario(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }

    /// Reads a scenario file.
    ///
    /// # Errors
    /// Says what is wrong if it is none.
    pub(crate) fn parse(text: &str) -> Result<Self, ScenarioError> {
        let scenario = Scenario::parse(text)?;
        Ok(Self {
            title: scenario.title,
            seed: scenario.seed,
            lines: scenario.lines.into_iter().map(|(_, line)| line).collect(),
        })
    }

    /// The session as a scenario file.
    pub(crate) fn to_scenario(&self) -> String {
        let lines = self.lines.iter().map(String::as_str);
        write_scenario(&self.title, self.seed, lines)
    }
}

/// The session of this tab, and what of it is still to be written.
#[derive(Default)]
struct Keeper {
    /// This tab's name. Empty until the browser was asked.
    tab: String,
    writing: bool,
    next: Option<String>,
    /// The session as long as the browser has not said that it is kept.
    unsaved: Option<String>,
}

thread_local! {
    static KEEPER: RefCell<Keeper> = RefCell::default();
}

/// What this tab and the one used last were at.
#[derive(Default)]
pub(crate) struct Kept {
    /// The session of this tab, before a reload.
    pub own: Option<Session>,
    /// The session of another tab, which may be open still.
    pub latest: Option<Session>,
}

/// Finds the sessions that the browser has kept, and gives this tab a name. To be called once, first.
pub(crate) async fn kept() -> Kept {
    let named = storage().and_then(|storage| storage.get_item(TAB_KEY).ok().flatten());
    let in_haste = storage().and_then(|storage| storage.get_item(HASTE_KEY).ok().flatten());
    hide_name();
    let mut found = Kept {
        own: in_haste.as_deref().and_then(Session::from_scenario),
        latest: None,
    };
    if let Some(tab) = named.as_ref().filter(|_| found.own.is_none()) {
        found.own = read(tab).await;
    }
    let tab = named.unwrap_or_else(|| {
        let random = (js_sys::Math::random() * 1e9) as u64;
        format!("{:013}-{random}", js_sys::Date::now() as u64)
    });
    if let Some(latest) = store::get(LATEST).await
        && let Ok(latest) = String::from_utf8(latest)
        && latest != tab
    {
        found.latest = read(&latest).await;
    }
    KEEPER.with_borrow_mut(|keeper| keeper.tab = tab);
    found
}

async fn read(tab: &str) -> Option<Session> {
    let bytes = store::get(&format!("{SESSIONS}{tab}")).await?;
    Session::from_scenario(std::str::from_utf8(&bytes).ok()?)
}

/// The sessions that the browser keeps, as scenario files, the newest first.
pub(crate) async fn texts() -> Vec<String> {
    let mut texts = Vec::new();
    for key in store::keys(SESSIONS).await.iter().rev() {
        if let Some(bytes) = store::get(key).await {
            texts.extend(String::from_utf8(bytes));
        }
    }
    texts
}

/// Keeps the session for a reload. Of several in a row, the last one.
pub(crate) fn keep(session: &Session) {
    let text = session.to_scenario();
    let idle = KEEPER.with_borrow_mut(|keeper| {
        let keeps = !keeper.tab.is_empty() && text.len() <= STORED_BYTES;
        keeper.next = keeps.then_some(text);
        keeper.unsaved.clone_from(&keeper.next);
        keeps && !std::mem::replace(&mut keeper.writing, true)
    });
    if idle {
        leptos::task::spawn_local(write());
    }
}

async fn write() {
    let tab = KEEPER.with_borrow(|keeper| keeper.tab.clone());
    let mut is_new = true;
    while let Some(text) = KEEPER.with_borrow_mut(|keeper| keeper.next.take()) {
        if !store::put(&format!("{SESSIONS}{tab}"), text.as_bytes()).await {
            break;
        }
        KEEPER.with_borrow_mut(|keeper| keeper.unsaved.clone_from(&keeper.next));
        if std::mem::take(&mut is_new) {
            store::put(LATEST, tab.as_bytes()).await;
            let keys = store::keys(SESSIONS).await;
            let excess = keys.len().saturating_sub(KEPT_SESSIONS);
            for key in &keys[..excess] {
                store::delete(key).await;
            }
        }
    }
    KEEPER.with_borrow_mut(|keeper| keeper.writing = false);
}

/// Takes the tab's name out of the browser's memory for as long as the page is open: a browser that duplicates a tab copies
/// that memory, and two tabs would write to one session.
fn hide_name() {
    if let Some(storage) = storage() {
        // What cannot be removed cannot be read either.
        let _ = storage.remove_item(TAB_KEY);
        let _ = storage.remove_item(HASTE_KEY);
    }
}

/// Leaves the tab's name for the page that comes after a reload. To be called when the page goes.
pub(crate) fn leave_name() {
    let (tab, unsaved) = KEEPER.with_borrow(|keeper| (keeper.tab.clone(), keeper.unsaved.clone()));
    if let Some(storage) = storage().filter(|_| !tab.is_empty()) {
        // A browser that keeps nothing forgets the session at a reload.
        let _ = storage.set_item(TAB_KEY, &tab);
        let _ = unsaved.map(|text| storage.set_item(HASTE_KEY, &text));
    }
}

/// Undoes [`leave_name`], when the page comes back as it was.
pub(crate) fn come_back() {
    hide_name();
}

fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.session_storage().ok()?
}

/// The lines that write a text to a file, as one types them.
pub(crate) fn heredoc(path: &str, text: &str) -> Vec<String> {
    let mut lines = vec![format!("cat > {path} <<'EOF'")];
    lines.extend(text.lines().map(str::to_owned));
    lines.push("EOF".into());
    lines
}

/// The file written last by a heredoc, and its text.
pub(crate) fn last_heredoc(lines: &[String]) -> Option<(String, String)> {
    let opening = |line: &String| line.starts_with("cat >") && line.contains("<<");
    let at = lines.iter().rposition(opening)?;
    let (target, end) = lines[at]["cat >".len()..].split_once("<<")?;
    let end = end.trim().trim_matches(['\'', '"']);
    let body: Vec<_> = lines[at + 1..]
        .iter()
        .take_while(|line| line.as_str() != end)
        .map(String::as_str)
        .collect();
    Some((target.trim().to_owned(), body.join("\n")))
}

/// The configuration file written last, if it has comments behind directives and they have not been stripped, and how
/// many.
pub(crate) fn commented_file(lines: &[String]) -> Option<(String, usize)> {
    let (path, text) = last_heredoc(lines)?;
    let commented = trailing_comments(&text).len();
    let stripped = format!("strip-comments {path}");
    let is_stripped = lines.iter().rev().any(|line| line.trim() == stripped);
    (commented > 0 && !is_stripped && looks_like_configuration(&text)).then_some((path, commented))
}

/// Where a comment begins behind a directive, if one does: Redis has no such comments, and reads them as arguments.
fn trailing_comment(line: &str) -> Option<usize> {
    if line.trim_start().starts_with('#') {
        return None;
    }
    let mut quote = None;
    let mut previous = ' ';
    for (at, letter) in line.char_indices() {
        match quote {
            Some(open) if letter == open => quote = None,
            Some(_) => {}
            None if letter == '"' || letter == '\'' => quote = Some(letter),
            None if letter == '#' && previous.is_whitespace() => return Some(at),
            None => {}
        }
        previous = letter;
    }
    None
}

/// The numbers of the lines, from 1, that have a comment behind their directive.
pub(crate) fn trailing_comments(text: &str) -> Vec<usize> {
    text.lines()
        .zip(1..)
        .filter_map(|(line, number)| trailing_comment(line).map(|_| number))
        .collect()
}

/// The text without the comments that stand behind directives.
pub(crate) fn strip_trailing_comments(text: &str) -> String {
    let lines: Vec<_> = text
        .lines()
        .map(|line| trailing_comment(line).map_or(line, |at| line[..at].trim_end()))
        .collect();
    lines.join("\n")
}

/// Whether a pasted text is a configuration rather than commands: most of its lines set a parameter.
pub(crate) fn looks_like_configuration(text: &str) -> bool {
    const PARAMETERS: [&str; 22] = [
        "save",
        "appendonly",
        "appendfsync",
        "appendfilename",
        "appenddirname",
        "auto-aof-rewrite-percentage",
        "auto-aof-rewrite-min-size",
        "aof-timestamp-enabled",
        "aof-use-rdb-preamble",
        "aof-load-truncated",
        "aof-rewrite-incremental-fsync",
        "no-appendfsync-on-rewrite",
        "rdb-save-incremental-fsync",
        "rdbcompression",
        "rdbchecksum",
        "stop-writes-on-bgsave-error",
        "dbfilename",
        "dir",
        "port",
        "bind",
        "maxmemory",
        "maxmemory-policy",
    ];
    let words: Vec<_> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let known = words
        .iter()
        .filter(|word| PARAMETERS.contains(&word.to_lowercase().as_str()))
        .count();
    known >= 2 && known * 2 > words.len()
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    const PRINTED: &str =
        "# safe\nsave 900 1     # every 15 minutes\nappendfilename \"a # b.aof\"\nappendonly yes";

    #[test]
    fn trailing_comments_are_found_and_stripped() {
        assert_eq!(trailing_comments(PRINTED), [2]);
        let stripped = "# safe\nsave 900 1\nappendfilename \"a # b.aof\"\nappendonly yes";
        assert_eq!(strip_trailing_comments(PRINTED), stripped);
        assert!(trailing_comments(stripped).is_empty());
    }

    #[test]
    fn a_configuration_is_told_from_commands() {
        assert!(looks_like_configuration(PRINTED));
        assert!(!looks_like_configuration("SET a 1\nSAVE\nGET a"));
        assert!(!looks_like_configuration("save"));
    }

    #[test]
    fn a_heredoc_can_be_read_back() {
        let mut lines = vec!["redis-server".to_owned()];
        lines.extend(heredoc("redis.conf", PRINTED));
        lines.push("redis-server redis.conf".into());
        let written = ("redis.conf".to_owned(), PRINTED.to_owned());
        assert_eq!(last_heredoc(&lines), Some(written));
        assert_eq!(commented_file(&lines), Some(("redis.conf".into(), 1)));
        lines.push("strip-comments redis.conf".into());
        assert_eq!(commented_file(&lines), None);
        assert_eq!(last_heredoc(&["GET a".to_owned()]), None);
    }

    #[test]
    fn a_session_is_a_scenario() {
        let session = Session {
            title: "Mine".into(),
            seed: 7,
            lines: vec!["redis-server".into()],
        };
        assert_eq!(
            session.to_scenario(),
            "# lastsave scenario 1\n# Mine\nseed 7\n\nredis-server\n"
        );
        assert_eq!(
            Session::from_scenario(&session.to_scenario()),
            Some(session)
        );
    }
}
