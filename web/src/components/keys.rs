//! The keys in memory, and those that a crash took or changed.

use lastsave_scenario::KeyRow;
use leptos::prelude::*;

use crate::{
    format,
    state::{KEYS_PER_PAGE, use_app},
};

#[component]
pub(crate) fn Keys() -> impl IntoView {
    let app = use_app();
    let wanted = app.keys_wanted;
    let rows = Memo::new(move |_| {
        app.keys.with(|keys| {
            keys.as_ref()
                .map(|keys| keys.rows.clone())
                .unwrap_or_default()
        })
    });
    let total = Memo::new(move |_| app.keys.with(|keys| keys.as_ref().map_or(0, |k| k.total)));
    let databases = Memo::new(move |_| {
        app.keys.with(|keys| {
            let all = keys.as_ref().map(|keys| keys.databases.clone());
            all.unwrap_or_default()
        })
    });
    let several =
        move || databases.with(|all| all.iter().any(|(db, _)| *db != wanted.with(|w| w.db)));
    let empty = Memo::new(move |_| rows.with(Vec::is_empty));
    let range = move || {
        let (offset, total) = (wanted.with(|w| w.offset) as u64, total.get());
        let last = (offset + KEYS_PER_PAGE as u64).min(total);
        format!(
            "{}–{} of {}",
            format::count(offset + 1),
            format::count(last),
            format::count(total)
        )
    };
    let turn = move |forth: bool| {
        wanted.update(|wanted| {
            wanted.offset = if forth {
                wanted.offset + KEYS_PER_PAGE
            } else {
                wanted.offset.saturating_sub(KEYS_PER_PAGE)
            };
        });
    };
    view! {
        <div class="bar">
            <label class="filter">
                <span class="sr">"Only keys whose name contains"</span>
                <input
                    type="search"
                    placeholder="Filter by name"
                    autocapitalize="none"
                    spellcheck="false"
                    prop:value=move || wanted.with(|w| w.filter.clone())
                    on:input=move |event| {
                        let filter = event_target_value(&event);
                        wanted
                            .update(|wanted| {
                                wanted.filter = filter;
                                wanted.offset = 0;
                            });
                    }
                />
            </label>
            <Show when=several>
                <label class="database">
                    "database "
                    <select on:change=move |event| {
                        if let Ok(db) = event_target_value(&event).parse() {
                            wanted
                                .update(|wanted| {
                                    wanted.db = db;
                                    wanted.offset = 0;
                                });
                        }
                    }>
                        {move || {
                            let shown = wanted.with(|w| w.db);
                            let mut all = databases.get();
                            if all.iter().all(|(db, _)| *db != shown) {
                                all.insert(0, (shown, 0));
                            }
                            all.into_iter()
                                .map(|(db, keys)| {
                                    view! {
                                        <option value=db.to_string() selected=db == shown>
                                            {format!("{db} ({})", format::keys(keys))}
                                        </option>
                                    }
                                })
                                .collect_view()
                        }}
                    </select>
                </label>
            </Show>
            <span class="space"></span>
            <Show when=move || { total.get() > 0 }>
                <span class="data" id="keys-range">
                    {range}
                </span>
                <button
                    aria-label="Keys before"
                    disabled=move || wanted.with(|w| w.offset == 0)
                    on:click=move |_| turn(false)
                >
                    "‹"
                </button>
                <button
                    aria-label="Keys after"
                    disabled=move || {
                        (wanted.with(|w| w.offset) + KEYS_PER_PAGE) as u64 >= total.get()
                    }
                    on:click=move |_| turn(true)
                >
                    "›"
                </button>
            </Show>
        </div>
        <Show when=move || !empty.get() fallback=Empty>
            <div class="scroll" tabindex="0" role="region" aria-label="Keys">
                <table class="keys">
                    <thead>
                        <tr>
                            <th scope="col">"Key"</th>
                            <th scope="col">"Value"</th>
                            <th scope="col" class="kind">"Type"</th>
                            <th scope="col" class="number">"Expires in"</th>
                        </tr>
                    </thead>
                    <tbody>
                        <For each=move || rows.get() key=KeyRow::clone_key let:row>
                            <Row row />
                        </For>
                    </tbody>
                </table>
            </div>
        </Show>
    }
}

/// What tells two rows apart: all of them.
trait CloneKey {
    fn clone_key(&self) -> (String, String, String, Option<u64>, String);
}

impl CloneKey for KeyRow {
    fn clone_key(&self) -> (String, String, String, Option<u64>, String) {
        let row = self.clone();
        (row.key, row.value, row.encoding, row.ttl_ms, row.fate)
    }
}

#[component]
fn Row(row: KeyRow) -> impl IntoView {
    let kind = match row.encoding.as_str() {
        "" => row.kind.clone(),
        encoding => format!("{} · {encoding}", row.kind),
    };
    let ttl = row.ttl_ms.map(|ms| format::duration_us(ms * 1_000));
    let fate = (!row.fate.is_empty()).then(|| view! { <em class="fate">{row.fate.clone()}</em> });
    view! {
        <tr class:gone=row.fate == "gone" class:changed=row.fate == "changed">
            <th scope="row">{row.key} {fate}</th>
            <td class="text">{row.value}</td>
            <td class="kind">{kind}</td>
            <td class="number">{ttl}</td>
        </tr>
    }
}

/// Nothing to show, and why.
#[component]
fn Empty() -> impl IntoView {
    let app = use_app();
    let up = move || {
        app.clock
            .with(|clock| clock.as_ref().is_some_and(|clock| clock.server.is_some()))
    };
    let filtered = move || app.keys_wanted.with(|wanted| !wanted.filter.is_empty());
    view! {
        <div class="empty">
            {move || match (up(), filtered()) {
                (_, true) => view! { <p>"No key's name contains this."</p> }.into_any(),
                (true, false) => {
                    view! {
                        <p>"No keys yet. Write some, and watch how far each write gets: into memory, into the AOF buffer, into the page cache, onto the disk."</p>
                        <p class="row">
                            <button on:click=move |_| app.enter("SET cart:1 books")>
                                "SET cart:1 books"
                            </button>
                            <button on:click=move |_| app.enter("CONFIG SET appendonly yes")>
                                "CONFIG SET appendonly yes"
                            </button>
                        </p>
                    }
                        .into_any()
                }
                (false, false) => {
                    view! {
                        <p>"No server is running, so nothing is in memory. What the files hold is in Files; a server that starts loads it."</p>
                        <p class="row">
                            <button on:click=move |_| super::faults::restart(app)>
                                "Start the server"
                            </button>
                        </p>
                    }
                        .into_any()
                }
            }}
        </div>
    }
}
