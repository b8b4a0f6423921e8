//! The keys in memory, those that a crash took or changed, and one of them in detail.

use lastsave_scenario::{KeyDetail, KeyRow};
use leptos::prelude::*;

use crate::{
    examples, format,
    state::{App, KEYS_PER_PAGE, use_app},
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
    let empty = Memo::new(move |_| rows.with(Vec::is_empty));
    let total = Memo::new(move |_| app.keys.with(|keys| keys.as_ref().map_or(0, |k| k.total)));
    view! {
        <div class="bar">
            <label class="filter">
                <span class="sr">"Only keys whose name contains this, or that match this pattern"</span>
                <input
                    type="search"
                    placeholder="Name or cart:*"
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
            <Difference />
            <Databases />
            <span class="space"></span>
            <Pages total />
        </div>
        <div class="keys-and-detail" class:open=move || wanted.with(|w| w.selected.is_some())>
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
                            <For
                                each=move || {
                                    rows.with(|rows| rows.iter().map(|row| row.key.clone()).collect::<Vec<_>>())
                                }
                                key=String::clone
                                let:name
                            >
                                <Row name rows />
                            </For>
                        </tbody>
                    </table>
                </div>
            </Show>
            <Detail />
        </div>
    }
}

/// What the crash did to the keys, in numbers, and a switch to see only those.
#[component]
fn Difference() -> impl IntoView {
    let app = use_app();
    let wanted = app.keys_wanted;
    let numbers = Memo::new(move |_| {
        app.keys.with(|keys| {
            let keys = keys.as_ref().filter(|keys| keys.compared)?;
            Some((keys.gone, keys.changed, keys.unexpected))
        })
    });
    let part = |count: u64, word: &'static str, class: &'static str| {
        view! {
            <span class=class class:none=count == 0 hidden=count == 0 && word == "unexpected">
                {format::count(count)} " " {word}
            </span>
        }
    };
    view! {
        <Show when=move || numbers.get().is_some()>
            <label class="check difference">
                <input
                    type="checkbox"
                    prop:checked=move || wanted.with(|w| w.changed_only)
                    on:change=move |event| {
                        let only = event_target_checked(&event);
                        wanted
                            .update(|wanted| {
                                wanted.changed_only = only;
                                wanted.offset = 0;
                            });
                    }
                />
                "changed by the crash: "
                {move || {
                    numbers
                        .get()
                        .map(|(gone, changed, unexpected)| {
                            (
                                part(gone, "gone", "gone"),
                                part(changed, "changed", "changed"),
                                part(unexpected, "unexpected", "changed"),
                            )
                        })
                }}
            </label>
        </Show>
    }
}

#[component]
fn Databases() -> impl IntoView {
    let app = use_app();
    let wanted = app.keys_wanted;
    let databases = Memo::new(move |_| {
        app.keys.with(|keys| {
            let all = keys.as_ref().map(|keys| keys.databases.clone());
            all.unwrap_or_default()
        })
    });
    let several =
        move || databases.with(|all| all.iter().any(|(db, _)| *db != wanted.with(|w| w.db)));
    let choices = move || {
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
    };
    view! {
        <Show when=several>
            <label class="check">
                "database "
                <select on:change=move |event| {
                    if let Ok(db) = event_target_value(&event).parse() {
                        wanted
                            .update(|wanted| {
                                wanted.db = db;
                                wanted.offset = 0;
                                wanted.selected = None;
                            });
                    }
                }>{choices}</select>
            </label>
        </Show>
    }
}

/// Which keys of how many are shown, and the way to the others.
#[component]
fn Pages(total: Memo<u64>) -> impl IntoView {
    let wanted = use_app().keys_wanted;
    let range = move || {
        let (offset, total) = (wanted.with(|w| w.offset) as u64, total.get());
        let last = (offset + KEYS_PER_PAGE as u64).min(total);
        let [first, last, total] = [offset + 1, last, total].map(format::count);
        format!("{first}–{last} of {total}")
    };
    let is_last =
        Memo::new(move |_| (wanted.with(|w| w.offset) + KEYS_PER_PAGE) as u64 >= total.get());
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
        <Show when=move || { total.get() > 0 }>
            <span class="pages">
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
                disabled=move || is_last.get()
                on:click=move |_| turn(true)
            >
                "›"
            </button>
            </span>
        </Show>
    }
}

/// A key's type and encoding: `string · embstr`.
fn kind(row: &KeyRow) -> String {
    match row.encoding.as_str() {
        "" => row.kind.clone(),
        encoding => format!("{} · {encoding}", row.kind),
    }
}

/// A key's row. It stays while the key does, as values and times change with each update.
#[component]
fn Row(name: String, rows: Memo<Vec<KeyRow>>) -> impl IntoView {
    let wanted = use_app().keys_wanted;
    let name = StoredValue::new(name);
    let row = Memo::new(move |_| {
        let is_this = |row: &&KeyRow| name.with_value(|name| row.key == *name);
        rows.with(|rows| rows.iter().find(is_this).cloned())
    });
    let with = move |part: fn(&KeyRow) -> String| {
        row.with(|row| row.as_ref().map(part)).unwrap_or_default()
    };
    let fate = Memo::new(move |_| with(|row| row.fate.clone()));
    let open = Memo::new(move |_| {
        wanted.with(|wanted| name.with_value(|name| wanted.selected.as_ref() == Some(name)))
    });
    let choose = move |_| {
        let chosen = (!open.get_untracked()).then(|| name.get_value());
        wanted.update(|wanted| wanted.selected = chosen);
    };
    view! {
        <tr
            class:gone=move || fate.get() == "gone"
            class:changed=move || matches!(fate.get().as_str(), "changed" | "unexpected")
            class:open=open
        >
            <th scope="row">
                <button aria-expanded=move || if open.get() { "true" } else { "false" } on:click=choose>
                    {name.get_value()}
                </button>
                {move || {
                    let fate = fate.get();
                    (!fate.is_empty()).then(|| view! { <em class="fate">{fate}</em> })
                }}
            </th>
            <td class="text">{move || with(|row| row.value.clone())}</td>
            <td class="kind">{move || with(kind)}</td>
            <td class="number">
                {move || with(|row| row.ttl_ms.map(|ms| format::duration_us(ms * 1_000)).unwrap_or_default())}
            </td>
        </tr>
    }
}

/// The chosen key: its first elements, and the line that shows them all.
#[component]
fn Detail() -> impl IntoView {
    let app = use_app();
    let wanted = app.keys_wanted;
    let detail = Memo::new(move |_| {
        let chosen = wanted.with(|wanted| wanted.selected.clone())?;
        let detail = app.keys.with(|keys| keys.as_ref()?.detail.clone());
        detail.filter(|detail| detail.row.key == chosen)
    });
    view! {
        {move || detail.get().map(|detail| shown(app, detail))}
    }
}

fn shown(app: App, detail: KeyDetail) -> impl IntoView {
    let KeyDetail {
        row,
        len,
        elements,
        before,
        line,
    } = detail;
    let noun = match row.kind.as_str() {
        "string" => "byte",
        "hash" => "field",
        "stream" => "entry",
        "list" => "element",
        _ => "member",
    };
    let noun = match (noun, len) {
        (noun, 1) => noun.to_owned(),
        ("entry", _) => "entries".to_owned(),
        (noun, _) => format!("{noun}s"),
    };
    let missing = match row.kind.as_str() {
        "string" => false,
        _ => len > elements.len() as u64,
    };
    let count = elements.len() as u64;
    let rows = elements.into_iter().map(|parts| {
        let cells = parts
            .into_iter()
            .map(|part| view! { <td>{part}</td> })
            .collect_view();
        view! { <tr>{cells}</tr> }
    });
    let ttl = row
        .ttl_ms
        .map(|ms| format!(" · expires in {}", format::duration_us(ms * 1_000)));
    let asked = line.clone();
    let name = row.key.clone();
    view! {
        <section class="detail" aria-label="Key">
            <header>
                <h3>{row.key.clone()}</h3>
                <button
                    class="quiet icon"
                    aria-label="Close the key"
                    on:click=move |_| app.keys_wanted.update(|wanted| wanted.selected = None)
                >
                    "×"
                </button>
            </header>
            <p class="hint">{kind(&row)} " · " {format::count(len)} " " {noun} {ttl}</p>
            {before
                .map(|before| {
                    view! {
                        <p class="before">
                            <span class="hint">"before the crash "</span>
                            {before}
                        </p>
                    }
                })}
            {(row.fate == "gone")
                .then(|| view! { <p class="before">"Gone with the crash: this is what it held."</p> })}
            {(row.fate == "unexpected")
                .then(|| {
                    view! { <p class="before">"It was not there before the crash: the files are older than its deletion."</p> }
                })}
            <div class="scroll" tabindex="0" role="region" aria-label="Elements">
                <table>
                    <tbody>{rows.collect_view()}</tbody>
                </table>
                {missing
                    .then(|| view! { <p class="hint">{format!("the first {} are shown", format::count(count))}</p> })}
            </div>
            <button class="line" on:click=move |_| app.enter(line.clone())>
                {asked}
            </button>
            <button
                title="Its bytes in the files, the newest first"
                on:click=move |_| {
                    let db = app.keys_wanted.with_untracked(|wanted| wanted.db);
                    super::files::locate(app, db, name.clone());
                }
            >
                "Where is it written"
            </button>
        </section>
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
    let filtered = move || {
        app.keys_wanted
            .with(|wanted| (!wanted.filter.is_empty(), wanted.changed_only))
    };
    view! {
        <div class="empty">
            {move || match (up(), filtered()) {
                (_, (true, _)) => {
                    view! { <p>"No key’s name contains this or matches it. ? stands for one letter, * for any."</p> }
                        .into_any()
                }
                (_, (_, true)) => {
                    view! { <p>"Every key is as it was before the crash."</p> }.into_any()
                }
                (true, _) if app.session.with(|session| session.lines.len() <= 1) => {
                    view! { <Begin /> }.into_any()
                }
                (true, _) => {
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
                (false, _) => {
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

/// What this is, and the three things to do first.
#[component]
fn Begin() -> impl IntoView {
    let app = use_app();
    view! {
        <p>"A Redis-compatible server runs in this page, on a simulated disk that can lose power. Above: the four places a write can be, and what each kind of crash would take from them now."</p>
        <ol class="begin">
            <li>
                <p>"Write something. It is in memory only: both numbers above rise."</p>
                <button on:click=move |_| app.enter("SET cart:1 books")>"SET cart:1 books"</button>
            </li>
            <li>
                <p>"Cut the power and start the server again: the verdict says what is lost, and why."</p>
                <button on:click=move |_| {
                    app.enter_all(vec!["crash power".into(), "redis-server".into()]);
                }>"crash power, redis-server"</button>
            </li>
            <li>
                <p>"See how 47 minutes of writes were lost one night at 3:17, and what would have kept them."</p>
                <button class="named" on:click=move |_| app.open(examples::as_told())>
                    "Run the 3 AM night"
                </button>
            </li>
        </ol>
    }
}
