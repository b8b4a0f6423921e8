//! Every parameter, with its help, its unit and what it may be; what is dangerous about them; and files to start with.

use lastsave_scenario::{ConfigRow, check_parameter};
use leptos::prelude::*;

use crate::{
    format,
    state::{App, use_app},
};

mod dangers;
mod own_file;

use own_file::OwnFile;

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
    let up = Memo::new(move |_| {
        app.clock
            .with(|clock| clock.as_ref().is_some_and(|clock| clock.server.is_some()))
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
            <Dangers all up />
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

/// What the running server's values would cost.
#[component]
fn Dangers(all: Memo<Vec<ConfigRow>>, up: Memo<bool>) -> impl IntoView {
    let dangers = Memo::new(move |_| {
        all.with(|rows| {
            let value = |name: &str| {
                let row = rows.iter().find(|row| row.name == name);
                row.map(|row| row.value.as_str())
            };
            if up.get() {
                dangers::of_values(value)
            } else {
                Vec::new()
            }
        })
    });
    view! {
        <ul class="dangers" aria-label="What is dangerous about it">
            {move || {
                dangers.get().into_iter().map(|danger| view! { <li>{danger}</li> }).collect_view()
            }}
        </ul>
    }
}

/// What a value means, where its unit is not plain: `268435456` bytes as `256 MB`.
fn meaning(unit: &str, value: &str) -> Option<String> {
    let number: u64 = value.parse().ok()?;
    match unit {
        "bytes" if number >= 1024 => Some(format!(
            "{} bytes = {}",
            format::count(number),
            format::bytes(number)
        )),
        "seconds" if number >= 60 => Some(format::duration_us(number.saturating_mul(1_000_000))),
        _ => None,
    }
}

/// The line that starts the server anew with one parameter changed.
fn restart_line(app: App, name: &str, value: &str) -> String {
    let started = app.session.with_untracked(|session| {
        let start = |line: &&String| line.trim_start().starts_with("redis-server");
        session.lines.iter().rfind(start).cloned()
    });
    let up = app
        .clock
        .with_untracked(|clock| clock.as_ref().is_some_and(|clock| clock.server.is_some()));
    let started = started.unwrap_or_else(|| "redis-server".into());
    let shutdown = if up { "redis-cli SHUTDOWN && " } else { "" };
    format!("{shutdown}{started} --{name} {}", quoted(value))
}

#[component]
fn Parameter(begins: Option<String>, row: ConfigRow) -> impl IntoView {
    let app = use_app();
    let ConfigRow {
        name,
        value,
        default,
        help,
        unit,
        mutable,
        choices,
        effective,
        ..
    } = row;
    let is_changed = value != default;
    let id = format!("parameter-{name}");
    let described_by = format!("{id}-help");
    // What the server would say to the text typed so far.
    let refused = RwSignal::new(None::<String>);
    let means = RwSignal::new(meaning(&unit, &value));
    let control = if !mutable {
        let (name, text) = (name.clone(), value.clone());
        view! {
            <span class="fixed">
                <output id=id.clone() class="data">
                    {value.clone()}
                </output>
                <button
                    title="Needs a restart: puts the line into the terminal, to be finished"
                    on:click=move |_| app.typed.set(Some(restart_line(app, &name, &text)))
                >
                    "Restart…"
                </button>
            </span>
        }
        .into_any()
    } else if choices.is_empty() {
        let (checked, name, present, counts) =
            (name.clone(), name.clone(), value.clone(), unit.clone());
        let look = move |text: &str| {
            let checked = check_parameter(&checked, text);
            means.set(
                checked
                    .as_ref()
                    .ok()
                    .and_then(|value| meaning(&counts, value)),
            );
            refused.set(checked.err());
        };
        view! {
            <input
                id=id.clone()
                class="data"
                aria-describedby=described_by.clone()
                aria-invalid=move || if refused.with(Option::is_some) { "true" } else { "false" }
                autocapitalize="none"
                spellcheck="false"
                prop:value=value.clone()
                on:input=move |event| look(&event_target_value(&event))
                on:change=move |event| {
                    let value = event_target_value(&event);
                    if value != present && refused.with_untracked(Option::is_none) {
                        set_parameter(app, &name, &value);
                    }
                }
            />
        }
        .into_any()
    } else {
        let (name, present) = (name.clone(), value.clone());
        view! {
            <select
                id=id.clone()
                class="data"
                aria-describedby=described_by.clone()
                on:change=move |event| set_parameter(app, &name, &event_target_value(&event))
            >
                {choices
                    .into_iter()
                    .map(|choice| {
                        let selected = choice == present;
                        view! { <option selected=selected>{choice}</option> }
                    })
                    .collect_view()}
            </select>
        }
        .into_any()
    };
    let shown_default = if default.is_empty() {
        "\"\"".into()
    } else {
        default.clone()
    };
    let back = (is_changed && mutable).then(|| {
        let name = name.clone();
        view! {
            <button
                class="quiet"
                title=format!("CONFIG SET {name} {}", quoted(&default))
                on:click=move |_| set_parameter(app, &name, &default)
            >
                "Set back"
            </button>
        }
    });
    view! {
        {begins.map(|section| view! { <li class="section"><h3>{section}</h3></li> })}
        <li class:changed=is_changed>
            <label for=id.clone() class="data">
                {name.clone()}
                {(!unit.is_empty()).then(|| view! { <span class="unit">{unit.clone()}</span> })}
            </label>
            {control}
            <p id=described_by.clone()>
                {help}
                {(!mutable).then(|| view! { <span class="start">" Needs a restart."</span> })}
                {(!effective)
                    .then(|| {
                        view! { <span class="start">" Accepted and shown; nothing here obeys it yet."</span> }
                    })}
                {move || means.get().map(|means| view! { <span class="means">{means}</span> })}
                {is_changed.then(|| view! { <em>{format!("default {shown_default}")}</em> })}
                {back}
            </p>
            {move || {
                refused
                    .get()
                    .map(|reason| view! { <p class="refused" role="alert">"Not sent. Redis would say: " {reason}</p> })
            }}
        </li>
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
    fn bytes_and_seconds_are_said_plainly() {
        let bytes = meaning("bytes", "268435456");
        assert_eq!(bytes.as_deref(), Some("268,435,456 bytes = 256 MB"));
        assert_eq!(meaning("seconds", "3600").as_deref(), Some("1 h 0 min"));
        assert_eq!(meaning("", "3600"), None);
    }
}
