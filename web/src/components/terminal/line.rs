//! The line being typed: history, search, completion, hints, paste.

use lastsave_scenario::Completion;
use leptos::{ev, html, prelude::*};
use wasm_bindgen::JsCast;

use super::write_configuration;
use crate::{
    link,
    protocol::ToWorker,
    session,
    state::{App, use_app},
};

/// How many lines the history keeps.
const KEPT_LINES: usize = 500;
/// How many candidates are listed.
const LISTED: usize = 12;

/// Goes to the terminal's line.
pub(crate) fn focus_line() {
    let input = document()
        .get_element_by_id("line")
        .and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok());
    if let Some(input) = input {
        // Focusing an input that is in the page cannot fail.
        let _ = input.focus();
    }
}

/// The line's state. A handful of handles, copied freely.
#[derive(Clone, Copy)]
struct Edit {
    app: App,
    text: RwSignal<String>,
    history: StoredValue<Vec<String>>,
    /// Where in the history the line is from; its length for a new line.
    at: StoredValue<usize>,
    /// The new line, kept while the history is looked through.
    draft: StoredValue<String>,
    /// What is searched for in the history; the line shown is the match.
    search: RwSignal<Option<String>>,
    /// Where the search goes on.
    search_at: StoredValue<usize>,
    /// The number of the last question about completion.
    asked: StoredValue<u32>,
    completion: RwSignal<Completion>,
    /// The candidate in the line, and the line before it was put there.
    chosen: RwSignal<Option<(usize, String)>>,
    /// Escape was pressed: Tab leaves the line.
    leaving: StoredValue<bool>,
    /// A pasted configuration that waits for a decision.
    pasted: RwSignal<Option<String>>,
}

impl Edit {
    fn new(app: App) -> Self {
        Self {
            app,
            text: RwSignal::default(),
            history: StoredValue::default(),
            at: StoredValue::default(),
            draft: StoredValue::default(),
            search: RwSignal::default(),
            search_at: StoredValue::default(),
            asked: StoredValue::default(),
            completion: RwSignal::default(),
            chosen: RwSignal::default(),
            leaving: StoredValue::default(),
            pasted: RwSignal::default(),
        }
    }

    /// The line has changed by typing.
    fn typed(self, text: String) {
        self.leaving.set_value(false);
        self.chosen.set(None);
        if self.search.with_untracked(Option::is_some) {
            self.search.set(Some(text));
            self.search_at.set_value(self.history.with_value(Vec::len));
            self.search_on();
        } else {
            self.text.set(text);
            self.ask();
        }
    }

    fn set_line(self, text: String) {
        self.text.set(text);
        self.chosen.set(None);
        self.ask();
    }

    /// Asks what could stand at the end of the line.
    fn ask(self) {
        let id = self.asked.with_value(|asked| asked.wrapping_add(1));
        self.asked.set_value(id);
        self.completion.set(Completion::default());
        let line = self.text.get_untracked();
        if !line.is_empty() {
            link::send(ToWorker::Complete { id, line });
        }
    }

    fn enter(self) {
        let line = match self.search.get_untracked() {
            Some(_) => self.found().unwrap_or_default(),
            None => self.text.get_untracked(),
        };
        self.search.set(None);
        self.set_line(String::new());
        self.enter_line(line);
    }

    fn enter_line(self, line: String) {
        self.remember(&line);
        match line.trim() {
            "clear" => self.app.write([None]),
            _ => self.app.enter(line),
        }
    }

    fn remember(self, line: &str) {
        self.history.update_value(|history| {
            if !line.trim().is_empty() && history.last().is_none_or(|last| last != line) {
                history.push(line.to_owned());
                let excess = history.len().saturating_sub(KEPT_LINES);
                history.drain(..excess);
            }
        });
        self.at.set_value(self.history.with_value(Vec::len));
    }

    /// Goes through the history, one line back or forth.
    fn browse(self, back: bool) {
        if self.history.with_value(Vec::is_empty) {
            // After a reload the history is what the session was made of.
            let lines = self.app.session.with_untracked(|s| s.lines.clone());
            self.at.set_value(lines.len());
            self.history.set_value(lines);
        }
        let (at, len) = (self.at.get_value(), self.history.with_value(Vec::len));
        let next = if back {
            at.checked_sub(1)
        } else {
            Some(at + 1)
        };
        let Some(next) = next.filter(|next| *next <= len) else {
            return;
        };
        if at == len {
            self.draft.set_value(self.text.get_untracked());
        }
        self.at.set_value(next);
        let line = self
            .history
            .with_value(|history| history.get(next).cloned());
        self.set_line(line.unwrap_or_else(|| self.draft.get_value()));
    }

    /// Begins the search, or goes on to an older match.
    fn search(self) {
        if self.search.with_untracked(Option::is_none) {
            self.search.set(Some(String::new()));
            self.search_at.set_value(self.history.with_value(Vec::len));
        } else {
            self.search_on();
        }
    }

    fn search_on(self) {
        let query = self.search.get_untracked().unwrap_or_default();
        let before = self.search_at.get_value();
        let found = self.history.with_value(|history| {
            let older = &history[..before.min(history.len())];
            older.iter().rposition(|line| line.contains(&query))
        });
        if let Some(found) = found.filter(|_| !query.is_empty()) {
            self.search_at.set_value(found);
        }
        self.search.notify();
    }

    /// The line that the search is at.
    fn found(self) -> Option<String> {
        let at = self.search_at.get_value();
        self.history.with_value(|history| history.get(at).cloned())
    }

    /// Ends the search with the match in the line, to be edited.
    fn accept_search(self) {
        let line = self.found().unwrap_or_else(|| self.text.get_untracked());
        self.search.set(None);
        self.set_line(line);
    }

    /// Puts the next candidate into the line. Says whether there was one.
    fn complete(self, back: bool) -> bool {
        let completion = self.completion.get_untracked();
        let count = completion.candidates.len();
        if count == 0 {
            return false;
        }
        let (next, before) = match self.chosen.get_untracked() {
            None => (if back { count - 1 } else { 0 }, self.text.get_untracked()),
            Some((at, before)) => ((at + if back { count - 1 } else { 1 }) % count, before),
        };
        let kept = before.get(..completion.start).unwrap_or_default();
        let line = format!("{kept}{}", completion.candidates[next]);
        if count == 1 {
            self.set_line(format!("{line} "));
        } else {
            self.text.set(line);
            self.chosen.set(Some((next, before)));
        }
        true
    }

    /// What the only candidate adds to the line, if there is just one and it adds anything.
    fn rest(self, completion: &Completion) -> Option<String> {
        let [word] = completion.candidates.as_slice() else {
            return None;
        };
        self.text.with(|text| {
            let typed = text.get(completion.start..)?;
            let (begin, rest) = word.split_at_checked(typed.len())?;
            (begin.eq_ignore_ascii_case(typed) && !rest.is_empty()).then(|| rest.to_owned())
        })
    }

    /// Pastes lines: each is entered, what stands behind the last line end stays in the line.
    fn paste(self, pasted: &str) {
        let text = self.text.get_untracked() + &pasted.replace("\r\n", "\n").replace('\r', "\n");
        let mut lines: Vec<_> = text.split('\n').map(str::to_owned).collect();
        let rest = lines.pop().unwrap_or_default();
        for line in &lines {
            self.remember(line);
        }
        self.app.enter_all(lines);
        self.set_line(rest);
    }

    /// Handles a key. Says whether it is done with.
    fn key(self, event: &ev::KeyboardEvent) -> bool {
        let searching = self.search.with_untracked(Option::is_some);
        let key = event.key();
        if event.ctrl_key() && !event.alt_key() && !event.meta_key() {
            return match key.to_lowercase().as_str() {
                "r" => {
                    self.search();
                    true
                }
                "l" => {
                    self.app.write([None]);
                    true
                }
                "g" if searching => {
                    self.search.set(None);
                    true
                }
                "p" if !searching => {
                    self.browse(true);
                    true
                }
                "n" if !searching => {
                    self.browse(false);
                    true
                }
                "a" | "e" | "u" | "k" | "w" if !searching => self.edit(event, &key),
                // With text marked, Ctrl+C copies.
                "c" if !has_selection(event) => {
                    self.search.set(None);
                    self.app.interrupt();
                    self.set_line(String::new());
                    true
                }
                _ => false,
            };
        }
        match key.as_str() {
            "Enter" if !event.is_composing() => self.enter(),
            "ArrowUp" if !searching => self.browse(true),
            "ArrowDown" if !searching => self.browse(false),
            "ArrowRight" | "ArrowLeft" | "End" | "Home" if searching => self.accept_search(),
            "Tab" if searching => self.accept_search(),
            "Tab" if self.leaving.get_value() || self.text.with_untracked(String::is_empty) => {
                return false;
            }
            "Tab" => return self.complete(event.shift_key()),
            "Escape" if searching => self.search.set(None),
            "Escape" => {
                self.leaving.set_value(true);
                if let Some((_, before)) = self.chosen.get_untracked() {
                    self.set_line(before);
                }
                self.completion.set(Completion::default());
            }
            _ => return false,
        }
        true
    }
}

impl Edit {
    /// The keys that a shell has for moving and cutting. Some browsers keep Ctrl+W to themselves.
    fn edit(self, event: &ev::KeyboardEvent, key: &str) -> bool {
        let Some(input) = event
            .target()
            .and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok())
        else {
            return false;
        };
        let text = input.value();
        // The browser counts the cursor's place in UTF-16.
        let cursor = input.selection_start().ok().flatten().unwrap_or(0) as usize;
        let units: Vec<u16> = text.encode_utf16().collect();
        let (before, after) = units.split_at(cursor.min(units.len()));
        let before = String::from_utf16_lossy(before);
        let after = String::from_utf16_lossy(after);
        let (before, after) = match key {
            "a" | "e" => {
                let at = if key == "a" { 0 } else { units.len() as u32 };
                // A place in the text is never refused.
                let _ = input.set_selection_range(at, at);
                return true;
            }
            "u" => (String::new(), after),
            "k" => (before, String::new()),
            _ => {
                let kept = before.trim_end();
                let word = kept.rfind(char::is_whitespace).map_or(0, |at| at + 1);
                (kept[..word].to_owned(), after)
            }
        };
        let at = before.encode_utf16().count() as u32;
        let line = before + &after;
        input.set_value(&line);
        let _ = input.set_selection_range(at, at);
        self.set_line(line);
        true
    }
}

fn has_selection(event: &ev::KeyboardEvent) -> bool {
    event
        .target()
        .and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok())
        .is_some_and(|input| {
            input.selection_start().ok().flatten() != input.selection_end().ok().flatten()
        })
}

#[component]
pub(crate) fn Line() -> impl IntoView {
    let app = use_app();
    let edit = Edit::new(app);
    let input = NodeRef::<html::Input>::new();
    Effect::new(move || {
        if let Some(input) = input.get() {
            // Phones would "correct" commands. An attribute of this name cannot be refused.
            let _ = input.set_attribute("autocorrect", "off");
        }
    });
    Effect::new(move || {
        let (id, completion) = app.completion.get();
        if id == edit.asked.get_value() && !edit.text.with_untracked(String::is_empty) {
            edit.completion.set(completion);
        }
    });
    Effect::new(move || {
        if let Some(text) = app.typed.get() {
            app.typed.set(None);
            edit.set_line(text);
            focus_line();
        }
    });
    let shown = Memo::new(move |_| edit.search.get().unwrap_or_else(|| edit.text.get()));
    let hint = move || match edit.search.get() {
        Some(_) => edit
            .found()
            .map(|line| format!("   {line}"))
            .unwrap_or_default(),
        None if edit.chosen.with(Option::is_some) => String::new(),
        None => edit
            .completion
            .with(|completion| match edit.rest(completion) {
                Some(rest) => rest,
                None if completion.hint.is_empty() => String::new(),
                None => {
                    let space = edit.text.with(|text| !text.ends_with(' '));
                    let hint = completion.hint.trim_start();
                    format!("{}{hint}", if space { " " } else { "" })
                }
            }),
    };
    let prompt = move || {
        let searching = edit.search.with(Option::is_some);
        if searching {
            let failed = edit.search.with(|query| {
                let query = query.as_deref().unwrap_or_default();
                let found = edit.found();
                !query.is_empty() && found.is_none_or(|line| !line.contains(query))
            });
            let failed = if failed { "failed " } else { "" };
            format!("({failed}reverse-i-search) ")
        } else {
            app.prompt.get()
        }
    };
    let on_paste = move |event: ev::ClipboardEvent| {
        let pasted = event
            .clipboard_data()
            .and_then(|data| data.get_data("text").ok())
            .unwrap_or_default();
        let in_heredoc = app.prompt.with_untracked(|prompt| prompt.starts_with('>'));
        if !pasted.contains(['\n', '\r']) {
            return;
        }
        event.prevent_default();
        if !in_heredoc && session::looks_like_configuration(&pasted) {
            edit.pasted.set(Some(pasted));
        } else {
            edit.paste(&pasted);
        }
    };
    view! {
        <Pasted edit />
        <Candidates edit />
        <div class="entry">
            <label for="line" class="prompt">
                {prompt}
            </label>
            <div class="field">
                <p class="ghost" aria-hidden="true">
                    <span class="typed">{move || shown.get()}</span>
                    <span class="hint">{hint}</span>
                </p>
                <input
                    id="line"
                    node_ref=input
                    type="text"
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                    enterkeyhint="send"
                    aria-describedby="line-hint"
                    prop:value=move || shown.get()
                    on:input=move |event| edit.typed(event_target_value(&event))
                    on:keydown=move |event| {
                        if edit.key(&event) {
                            event.prevent_default();
                        }
                    }
                    on:paste=on_paste
                />
                <span id="line-hint" class="sr">
                    {hint}
                </span>
            </div>
        </div>
    }
}

/// What Tab would put into the line, when there is a choice.
#[component]
fn Candidates(edit: Edit) -> impl IntoView {
    let many = Memo::new(move |_| {
        edit.completion
            .with(|completion| completion.candidates.len() > 1)
            && edit.search.with(Option::is_none)
    });
    view! {
        <Show when=move || many.get()>
            <p class="candidates" aria-label="Completions">
                {move || {
                    let chosen = edit.chosen.get().map(|(at, _)| at);
                    let completion = edit.completion.get();
                    let count = completion.candidates.len();
                    let first = chosen.map_or(0, |at| at / LISTED * LISTED);
                    let listed = completion
                        .candidates
                        .into_iter()
                        .enumerate()
                        .skip(first)
                        .take(LISTED)
                        .map(|(at, candidate)| {
                            view! { <span class:chosen=chosen == Some(at)>{candidate}</span> }
                        })
                        .collect_view();
                    let more = count.saturating_sub(first + LISTED);
                    let more = (more > 0).then(|| view! { <em>{format!("{more} more")}</em> });
                    (listed, more)
                }}
            </p>
        </Show>
    }
}

/// A configuration was pasted where commands are expected: asks what to do with it.
#[component]
fn Pasted(edit: Edit) -> impl IntoView {
    let app = use_app();
    let take = move || {
        edit.pasted
            .try_update(Option::take)
            .flatten()
            .unwrap_or_default()
    };
    let commented = move || {
        edit.pasted.with(|text| {
            text.as_deref()
                .map_or(0, |text| session::trailing_comments(text).len())
        })
    };
    view! {
        <Show when=move || edit.pasted.with(Option::is_some)>
            <div class="offer" role="status">
                <p>
                    "This looks like a configuration. "
                    {move || {
                        (commented() > 0)
                            .then_some(
                                "It has comments behind directives, which Redis takes as arguments.",
                            )
                    }}
                </p>
                <button
                    class="primary"
                    on:click=move |_| {
                        write_configuration(
                            app,
                            "redis.conf",
                            &session::strip_trailing_comments(&take()),
                        );
                    }
                >
                    {move || {
                        if commented() > 0 {
                            "Strip them, write redis.conf, start"
                        } else {
                            "Write redis.conf and start"
                        }
                    }}
                </button>
                <Show when=move || { commented() > 0 }>
                    <button on:click=move |_| write_configuration(app, "redis.conf", &take())>
                        "As printed"
                    </button>
                </Show>
                <button on:click=move |_| edit.paste(&take())>"Type it as commands"</button>
                <button
                    class="quiet"
                    aria-label="Dismiss"
                    on:click=move |_| edit.pasted.set(None)
                >
                    "×"
                </button>
            </div>
        </Show>
    }
}
