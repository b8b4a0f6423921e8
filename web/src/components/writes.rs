//! Every single write: when it was acknowledged, how far it came, and what becomes of it.

use lastsave_scenario::{WriteFate, WriteRow, WritesFilter};
use leptos::prelude::*;

use crate::{
    format,
    state::{App, Tab, WRITES_PER_PAGE, use_app},
};

#[component]
pub(crate) fn Writes() -> impl IntoView {
    let app = use_app();
    let rows = Memo::new(move |_| {
        app.writes.with(|writes| {
            let rows = writes.as_ref().map(|writes| writes.rows.clone());
            rows.unwrap_or_default()
        })
    });
    let none = Memo::new(move |_| {
        app.writes
            .with(|writes| writes.as_ref().is_none_or(|writes| writes.all == 0))
    });
    let empty = Memo::new(move |_| rows.with(Vec::is_empty));
    view! {
        <section class="writes" aria-labelledby="writes-title">
            <h3 id="writes-title">"Writes"</h3>
            <Show
                when=move || !none.get()
                fallback=|| {
                    view! {
                        <p class="hint">
                            "None yet. Each write is listed here with what a crash would do to it, and after one with what it did, and why."
                        </p>
                    }
                }
            >
                <div class="writes-bar">
                    <Filters />
                    <Pages />
                </div>
                <Show
                    when=move || !empty.get()
                    fallback=move || view! { <p class="hint">{move || nothing(app)}</p> }
                >
                    <table>
                        <thead>
                            <tr>
                                <th scope="col" class="number">"No."</th>
                                <th scope="col">"Acknowledged"</th>
                                <th scope="col">"Write"</th>
                                <th scope="col">"Verdict"</th>
                            </tr>
                        </thead>
                        <tbody>
                            {move || rows.get().into_iter().map(|it| row(app, it)).collect_view()}
                        </tbody>
                    </table>
                </Show>
            </Show>
        </section>
    }
}

/// Why there is nothing to see.
fn nothing(app: App) -> &'static str {
    match app.writes_wanted.with(|wanted| wanted.which) {
        WritesFilter::Lost => "The last crash took no acknowledged write.",
        WritesFilter::Exposed => "A crash now would take no acknowledged write.",
        WritesFilter::Kept => "No acknowledged write is durable yet.",
        WritesFilter::All => "No write yet.",
    }
}

/// Which writes are shown, each choice with its number.
#[component]
fn Filters() -> impl IntoView {
    let app = use_app();
    let count = move |which: WritesFilter| {
        app.writes.with(|writes| {
            writes.as_ref().map_or(0, |writes| match which {
                WritesFilter::All => writes.all,
                WritesFilter::Lost => writes.lost,
                WritesFilter::Kept => writes.kept,
                WritesFilter::Exposed => writes.exposed,
            })
        })
    };
    let choice = move |which: WritesFilter, word: &'static str| {
        let pressed = move || app.writes_wanted.with(|wanted| wanted.which == which);
        view! {
            <button
                aria-pressed=move || pressed().to_string()
                class:loss=move || { which == WritesFilter::Lost && count(which) > 0 }
                on:click=move |_| {
                    app.writes_wanted
                        .update(|wanted| {
                            wanted.which = which;
                            wanted.offset = 0;
                        });
                }
            >
                {word}
                " "
                <span class="data">{move || format::count(count(which))}</span>
            </button>
        }
    };
    view! {
        <div class="choices" role="group" aria-label="Which writes">
            {choice(WritesFilter::All, "All")}
            {choice(WritesFilter::Lost, "Lost")}
            {choice(WritesFilter::Kept, "Kept")}
            {choice(WritesFilter::Exposed, "Exposed")}
        </div>
    }
}

/// Which of how many are shown, and the way to the others.
#[component]
fn Pages() -> impl IntoView {
    let app = use_app();
    let wanted = app.writes_wanted;
    let offset = move || wanted.with(|wanted| wanted.offset);
    let total = move || app.writes.with(|it| it.as_ref().map_or(0, |it| it.total)) as usize;
    let last = move || total().saturating_sub(1) / WRITES_PER_PAGE * WRITES_PER_PAGE;
    let range = move || {
        let end = (offset() + WRITES_PER_PAGE).min(total());
        let [first, end, total] = [offset() + 1, end, total()].map(|it| format::count(it as u64));
        format!("{first}–{end} of {total}")
    };
    let turn = move |label: &'static str, text: &'static str, to: fn(usize, usize) -> usize| {
        view! {
            <button
                aria-label=label
                disabled=move || to(offset(), last()) == offset()
                on:click=move |_| {
                    let to = to(offset(), last());
                    wanted.update(|wanted| wanted.offset = to);
                }
            >
                {text}
            </button>
        }
    };
    view! {
        <Show when=move || { total() > WRITES_PER_PAGE }>
            <div class="pages">
                {turn("First writes", "«", |_, _| 0)}
                {turn("Writes before", "‹", |at, _| at.saturating_sub(WRITES_PER_PAGE))}
                <span class="data" id="writes-range">
                    {range}
                </span>
                {turn("Writes after", "›", |at, last| (at + WRITES_PER_PAGE).min(last))}
                {turn("Last writes", "»", |_, last| last)}
            </div>
        </Show>
    }
}

fn row(app: App, row: WriteRow) -> impl IntoView {
    let class = match row.fate {
        WriteFate::Lost => "loss",
        WriteFate::ExposedToPower | WriteFate::ExposedToKill => "risk",
        WriteFate::Kept | WriteFate::Durable => "safe",
        WriteFate::Unacknowledged => "hint",
    };
    let way = way(&row);
    let key = row.key.clone();
    let show_key = move |_| {
        app.keys_wanted.update(|wanted| {
            wanted.filter.clone_from(&key);
            wanted.offset = 0;
        });
        app.tab.set(Tab::Keys);
    };
    let bytes = row.bytes.map(|(path, start, end)| {
        let name = format::base_name(&path).to_owned();
        view! {
            " "
            <button
                class="plain"
                title=format!("{name}, bytes {start} to {end}")
                on:click=move |_| super::files::show(app, path.clone(), start)
            >
                "bytes"
            </button>
        }
    });
    let acknowledged = row.acknowledged_at_us;
    view! {
        <tr>
            <td class="number">{format::count(row.number)}</td>
            <td class="data">{acknowledged.map_or_else(|| "not".into(), format::time_of_day)}</td>
            <td class="data">
                {row.command}
                " "
                <button class="plain" title="Show this key" on:click=show_key>
                    {row.key}
                    {(row.key_cut > 0).then(|| format!("… ({} more bytes)", row.key_cut))}
                </button>
            </td>
            <td>
                <span class=class>{format::capitalised(&row.why)}</span>
                <span class="way">{way} {bytes}</span>
            </td>
        </tr>
    }
}

/// How far a write came, and how long each step took from its execution.
fn way(row: &WriteRow) -> String {
    let Some(appended_at_us) = row.appended_at_us else {
        return String::new();
    };
    let mut steps = vec![format!("appended {}", format::time_of_day(appended_at_us))];
    for (word, at_us) in [
        ("written", row.written_at_us),
        ("synced", row.durable_at_us),
    ] {
        if let Some(at_us) = at_us {
            let later_us = at_us.saturating_sub(appended_at_us);
            steps.push(match later_us {
                0 => format!("{word} at once"),
                _ => format!("{word} +{}", format::duration_us(later_us)),
            });
        }
    }
    steps.join(" → ")
}
