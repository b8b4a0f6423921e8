//! Every parameter, with its help; the article's two configurations; and a place to paste one's own.

use lastsave_scenario::ConfigRow;
use leptos::prelude::*;

use super::terminal::write_configuration;
use crate::{
    session,
    state::{App, use_app},
};

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

/// The sections that this page is about.
const FIRST_SECTIONS: [&str; 2] = ["snapshotting", "append only mode"];

#[component]
pub(crate) fn Configuration() -> impl IntoView {
    let app = use_app();
    let filter = RwSignal::new(String::new());
    let only_changed = RwSignal::new(false);
    let all = Memo::new(move |_| {
        let mut rows = app.config.get().unwrap_or_default();
        rows.sort_by_key(|row| !FIRST_SECTIONS.contains(&row.section.as_str()));
        rows
    });
    let changed = Memo::new(move |_| {
        all.with(|rows| rows.iter().filter(|row| row.value != row.default).count())
    });
    let shown = Memo::new(move |_| {
        let (filter, only_changed) = (filter.get().to_lowercase(), only_changed.get());
        let mut rows = all.get();
        rows.retain(|row| {
            (row.name.contains(&filter) || row.help.to_lowercase().contains(&filter))
                && (!only_changed || row.value != row.default)
        });
        rows
    });
    // A row is named by what it shows, and preceded by its section's name where that begins.
    let with_sections = move || {
        let mut section = String::new();
        shown
            .get()
            .into_iter()
            .map(|row| {
                let begins = (row.section != section).then(|| row.section.clone());
                section.clone_from(&row.section);
                (begins, row)
            })
            .collect::<Vec<_>>()
    };
    view! {
        <div class="scroll config">
            <OwnFile />
            <div class="bar">
                <label class="filter">
                    <span class="sr">"Only parameters whose name or help contains"</span>
                    <input
                        type="search"
                        placeholder="Filter parameters"
                        autocapitalize="none"
                        spellcheck="false"
                        on:input=move |event| filter.set(event_target_value(&event))
                    />
                </label>
                <label class="check">
                    <input
                        type="checkbox"
                        on:change=move |event| only_changed.set(event_target_checked(&event))
                    />
                    {move || format!("changed only ({})", changed.get())}
                </label>
            </div>
            <Show
                when=move || !all.with(Vec::is_empty)
                fallback=|| {
                    view! {
                        <p class="empty">"No server is running. Write a configuration above and start one with it, or type redis-server."</p>
                    }
                }
            >
                <ul class="parameters">
                    <For
                        each=with_sections
                        key=|(begins, row)| (begins.clone(), row.name.clone(), row.value.clone())
                        let:entry
                    >
                        <Parameter begins=entry.0 row=entry.1 />
                    </For>
                </ul>
            </Show>
        </div>
    }
}

/// An argument as it must be typed: quoted where it is empty or has spaces.
fn quoted(value: &str) -> String {
    let plain = !value.is_empty() && !value.contains([' ', '\t', '"', '\\', '\'', '#']);
    if plain {
        return value.to_owned();
    }
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

fn set_parameter(app: App, name: &str, value: &str) {
    app.enter(format!("CONFIG SET {name} {}", quoted(value)));
}

#[component]
fn Parameter(begins: Option<String>, row: ConfigRow) -> impl IntoView {
    let app = use_app();
    let is_changed = row.value != row.default;
    let id = format!("parameter-{}", row.name);
    let described_by = format!("{id}-help");
    let name = row.name.clone();
    let present = row.value.clone();
    let change = move |value: String| {
        if value != present {
            set_parameter(app, &name, &value);
        }
    };
    let control = if !row.mutable {
        view! {
            <output id=id.clone() class="data fixed">
                {row.value.clone()}
            </output>
        }
        .into_any()
    } else if row.choices.is_empty() {
        view! {
            <input
                id=id.clone()
                class="data"
                aria-describedby=described_by.clone()
                autocapitalize="none"
                spellcheck="false"
                prop:value=row.value.clone()
                on:change=move |event| change(event_target_value(&event))
            />
        }
        .into_any()
    } else {
        let value = row.value.clone();
        view! {
            <select
                id=id.clone()
                class="data"
                aria-describedby=described_by.clone()
                on:change=move |event| change(event_target_value(&event))
            >
                {row
                    .choices
                    .iter()
                    .map(|choice| {
                        view! { <option selected=*choice == value>{choice.clone()}</option> }
                    })
                    .collect_view()}
            </select>
        }
        .into_any()
    };
    let default = if row.default.is_empty() {
        "\"\"".into()
    } else {
        row.default.clone()
    };
    let idle_note = (!row.effective).then(
        || view! { <span class="start">" Accepted and shown; nothing here obeys it yet."</span> },
    );
    let note = if row.mutable {
        None
    } else {
        Some(view! {
            <span class="start">{format!("only at the start: redis-server --{} …", row.name)}</span>
        })
    };
    view! {
        {begins.map(|section| view! { <li class="section"><h3>{section}</h3></li> })}
        <li class:changed=is_changed>
            <label for=id.clone() class="data">
                {row.name.clone()}
            </label>
            {control}
            <p id=described_by.clone()>
                {row.help.clone()} " " {note} {idle_note}
                {is_changed.then(|| view! { <em>{format!("default {default}")}</em> })}
            </p>
        </li>
    }
}

/// A configuration file to write: a preset, or what is pasted.
#[component]
fn OwnFile() -> impl IntoView {
    let app = use_app();
    let text = RwSignal::new(String::new());
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
    view! {
        <details class="own" open>
            <summary>"Start with a configuration file"</summary>
            <p class="row">
                <button on:click=move |_| text.set(FIRST.into())>"The article’s first"</button>
                <button on:click=move |_| text.set(HYBRID.into())>"The article’s hybrid"</button>
            </p>
            <textarea
                aria-label="Configuration file"
                class="data"
                rows="5"
                spellcheck="false"
                autocapitalize="none"
                placeholder="Paste a redis.conf here, or take one of the article’s."
                prop:value=move || text.get()
                on:input=move |event| text.set(event_target_value(&event))
            ></textarea>
            <Show when=move || !commented.with(Vec::is_empty)>
                <p class="warning" role="status">
                    {warning}
                </p>
            </Show>
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
    fn values_are_quoted_where_the_shell_would_split_them() {
        assert_eq!(quoted("everysec"), "everysec");
        assert_eq!(quoted("3600 1 300 100"), "\"3600 1 300 100\"");
        assert_eq!(quoted(""), "\"\"");
        assert_eq!(quoted("a\"b"), "\"a\\\"b\"");
    }

    #[test]
    fn the_articles_configurations_need_stripping() {
        assert_eq!(session::trailing_comments(FIRST), [2, 3, 4]);
        assert_eq!(session::trailing_comments(HYBRID).len(), 6);
        let stripped = session::strip_trailing_comments(HYBRID);
        assert!(session::trailing_comments(&stripped).is_empty());
    }
}
