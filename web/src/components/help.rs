//! The help on keys and words, on `?`.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

const KEYS: [(&str, &str); 12] = [
    ("↑ ↓", "lines entered before"),
    (
        "Ctrl+R",
        "search them backwards; again for an older one, → takes it, Esc leaves",
    ),
    (
        "Tab",
        "complete; again for the next candidate. Esc, then Tab, leaves the line",
    ),
    ("Ctrl+C", "stop what runs, or clear the line"),
    ("Ctrl+A E", "to the line’s beginning, to its end"),
    ("Ctrl+U K W", "cut to its beginning, to its end, a word"),
    ("Ctrl+L", "clear the screen"),
    ("/ or `", "go to the terminal's line"),
    ("Space", "play or pause the clock, outside the line"),
    ("← →", "change tabs, when a tab has the focus"),
    ("Esc", "close a menu, a dialogue"),
    ("?", "this help, outside the line"),
];

const WORDS: [(&str, &str); 10] = [
    (
        "SET cart:1 books",
        "any Redis command, bare or behind redis-cli",
    ),
    ("redis-server redis.conf --appendonly yes", "start a server"),
    ("advance 47m", "let simulated time pass"),
    (
        "workload sessions rate=200 keys=50000",
        "write on and on, 200 times a second",
    ),
    (
        "kill -9 $(pgrep redis-server)",
        "kill the process; the page cache survives",
    ),
    ("crash power", "cut the power; what was not synced is gone"),
    (
        "fault fsync fail once   help fault",
        "break the disk, the fork, a child; what can break",
    ),
    ("cat > redis.conf <<EOF", "write a file, until a line EOF"),
    (
        "ls -lh   cat   xxd   cp   rm",
        "look at the disk, and change it",
    ),
    (
        "redis-check-aof --fix   redis-check-rdb",
        "check and repair files",
    ),
];

/// Opens the help.
pub(crate) fn open() {
    let dialog = document()
        .get_element_by_id("help")
        .and_then(|element| element.dyn_into::<web_sys::HtmlDialogElement>().ok());
    if let Some(dialog) = dialog
        && !dialog.open()
    {
        // It is in the page and not open: nothing else can refuse.
        let _ = dialog.show_modal();
    }
}

#[component]
pub(crate) fn Help() -> impl IntoView {
    let rows = |all: &'static [(&'static str, &'static str)]| {
        all.iter()
            .map(|(term, meaning)| {
                view! {
                    <div>
                        <dt>{*term}</dt>
                        <dd>{*meaning}</dd>
                    </div>
                }
            })
            .collect_view()
    };
    view! {
        <dialog id="help" class="help" aria-labelledby="help-title">
            <form method="dialog">
                <h2 id="help-title">"Keys and words"</h2>
                <button class="icon" aria-label="Close">
                    "×"
                </button>
            </form>
            <div class="columns">
                <section aria-label="Keys">
                    <h3>"Keys"</h3>
                    <dl>{rows(&KEYS)}</dl>
                </section>
                <section aria-label="Words">
                    <h3>"Words of the terminal"</h3>
                    <dl class="words">{rows(&WORDS)}</dl>
                </section>
            </div>
            <p class="hint">
                "Every button writes the line it stands for into the terminal. Teal is durable, amber could be lost, red is lost."
            </p>
        </dialog>
    }
}
