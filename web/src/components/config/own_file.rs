//! A configuration file to write and start with: a preset, or what is pasted.

use lastsave_scenario::presets::PRESETS;
use leptos::{html, prelude::*};

use super::{super::terminal::write_configuration, dangers::in_file};
use crate::{session, state::use_app};

/// The article's first configuration, as it prints it.
const FIRST: &str = "\
# My original \"safe\" configuration - spoiler: it wasn't
save 900 1     # Save if at least 1 key changed in 900 seconds
save 300 10    # Save if at least 10 keys changed in 300 seconds
save 60 10000  # Save if at least 10000 keys changed in 60 seconds
";

/// The article's second configuration, as it prints it.
const HYBRID: &str = "\
# The configuration that actually works in production
# RDB Configuration - for fast restarts and backups
save 3600 1      # Backup every hour if any changes
save 300 100     # Backup every 5 minutes if 100+ changes
save 60 1000     # Backup every minute if 1000+ changes

# AOF Configuration - for data safety
appendonly yes
appendfilename \"appendonly.aof\"
appendfsync everysec    # Sync every second (best balance)
no-appendfsync-on-rewrite no
auto-aof-rewrite-percentage 100
auto-aof-rewrite-min-size 64mb

# Redis v7 specific optimizations
aof-timestamp-enabled yes   # New in v7 - helps with debugging
rdb-save-incremental-fsync yes  # Prevents large write stalls
";

/// A preset's text: the article's first two as it prints them, the others as they start a server.
fn preset(word: &str) -> String {
    match word {
        "first" => FIRST.to_owned(),
        "hybrid" => HYBRID.to_owned(),
        word => PRESETS
            .iter()
            .find(|preset| preset.word == word)
            .map(|preset| format!("# {}\n{}", preset.about, preset.conf))
            .unwrap_or_default(),
    }
}

#[component]
pub(crate) fn OwnFile() -> impl IntoView {
    let app = use_app();
    let text = RwSignal::new(String::new());
    let details = NodeRef::<html::Details>::new();
    let choose = move |word: &str| {
        text.set(preset(word));
        if let Some(details) = details.get_untracked() {
            details.set_open(true);
        }
    };
    let commented = Memo::new(move |_| text.with(|text| session::trailing_comments(text)));
    let is_empty = move || text.with(|text| text.trim().is_empty());
    let warning = move || {
        commented.with(|lines| {
            let named: Vec<_> = lines.iter().take(6).map(ToString::to_string).collect();
            let more = if lines.len() > 6 { " …" } else { "" };
            let plural = if lines.len() == 1 { "line" } else { "lines" };
            format!(
                "Redis has no comments behind a directive: it takes those on {plural} {}{more} as arguments, and refuses to start.",
                named.join(", ")
            )
        })
    };
    let dangers = Memo::new(move |_| {
        let text = text.get();
        let files = app.files.with(|files| {
            let files = files.iter().flatten();
            files.map(|file| file.path.clone()).collect::<Vec<_>>()
        });
        in_file(&text, &files)
    });
    // The third of the article's and the plain ones: they start as they are.
    let others = PRESETS
        .iter()
        .filter(|preset| !matches!(preset.word, "first" | "hybrid"));
    view! {
        <div class="bar presets" role="group" aria-label="Configurations to start with">
            <span class="hint">"Start with"</span>
            <button on:click=move |_| choose("first")>"The article’s first"</button>
            <button on:click=move |_| choose("hybrid")>"The article’s hybrid"</button>
            <label>
                <span class="sr">"Other configurations"</span>
                <select on:change=move |event| choose(&event_target_value(&event))>
                    <option value="">"another…"</option>
                    {others
                        .map(|preset| view! { <option value=preset.word>{preset.name}</option> })
                        .collect_view()}
                </select>
            </label>
        </div>
        <details class="own" node_ref=details>
            <summary>"Write a configuration file"</summary>
            <textarea
                aria-label="Configuration file"
                class="data"
                rows="6"
                spellcheck="false"
                autocapitalize="none"
                placeholder="Paste a redis.conf here, or take one of the presets."
                prop:value=move || text.get()
                on:input=move |event| text.set(event_target_value(&event))
            ></textarea>
            <Show when=move || !commented.with(Vec::is_empty)>
                <p class="warning" role="status">
                    {warning}
                </p>
            </Show>
            {move || {
                dangers
                    .get()
                    .into_iter()
                    .map(|danger| view! { <p class="warning">{danger}</p> })
                    .collect_view()
            }}
            <p class="row">
                <Show when=move || !commented.with(Vec::is_empty)>
                    <button
                        class="primary"
                        on:click=move |_| {
                            text.update(|text| *text = session::strip_trailing_comments(text));
                        }
                    >
                        "Strip the comments"
                    </button>
                </Show>
                <button
                    class:primary=move || commented.with(Vec::is_empty)
                    disabled=is_empty
                    on:click=move |_| write_configuration(app, "redis.conf", &text.get_untracked())
                >
                    {move || {
                        if commented.with(Vec::is_empty) {
                            "Write redis.conf and start"
                        } else {
                            "Start with it as printed"
                        }
                    }}
                </button>
            </p>
        </details>
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn the_articles_configurations_need_stripping() {
        assert_eq!(session::trailing_comments(FIRST), [2, 3, 4]);
        assert_eq!(session::trailing_comments(HYBRID).len(), 6);
        let stripped = session::strip_trailing_comments(HYBRID);
        assert!(session::trailing_comments(&stripped).is_empty());
        assert!(preset("always").contains("appendfsync always"));
    }
}
