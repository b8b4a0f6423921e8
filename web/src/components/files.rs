//! The simulated disk: its files, and the bytes of one with what they mean.

mod bytes;
mod hex;
mod notes;

use lastsave_scenario::{FileRow, KeyName};
use leptos::prelude::*;

use super::dropped::OpenButtons;
use crate::{
    format,
    state::{App, BYTES_PER_PAGE, Tab, use_app},
    transfer,
};
use bytes::Bytes;

/// Opens the tab at this file, with the page of bytes that holds this one.
pub(crate) fn show(app: App, path: String, at: u64) {
    let page = BYTES_PER_PAGE as u64;
    app.file_wanted.update(|wanted| {
        wanted.path = Some(path);
        wanted.offset = if at < page { 0 } else { (at - 32) / 16 * 16 };
        wanted.before_crash = false;
        wanted.locate = None;
    });
    app.tab.set(Tab::Files);
}

/// Opens the tab where a key is written: at the newest place, once it is known.
pub(crate) fn locate(app: App, db: usize, name: String) {
    app.places.set(Vec::new());
    app.file_wanted.update(|wanted| {
        wanted.before_crash = false;
        wanted.locate = Some(KeyName { db, name });
    });
    app.tab.set(Tab::Files);
}

#[component]
pub(crate) fn Files() -> impl IntoView {
    let app = use_app();
    let rows = Memo::new(move |_| app.files.get().unwrap_or_default());
    // With nothing chosen, the file that says most is: the log, else a snapshot, else any.
    Effect::new(move || {
        let (chosen, before) = app
            .file_wanted
            .with(|wanted| (wanted.path.clone(), wanted.before_crash));
        let all = rows.get();
        let there = |path: &String| {
            all.iter()
                .any(|row| row.path == *path && !row.is_dir && (!row.gone || before))
        };
        // What a line that has still to be carried out will make is waited for.
        let comes = app.busy.get() && chosen.is_some();
        if !all.is_empty() && !comes && !chosen.as_ref().is_some_and(there) {
            let best = [".incr.aof", ".rdb", ""].iter().find_map(|end| {
                let fits = |row: &&FileRow| !row.is_dir && !row.gone && row.path.ends_with(end);
                all.iter().rfind(fits)
            });
            let (path, offset) = match best {
                Some(row) => (Some(row.path.clone()), first_offset(row)),
                None => (None, 0),
            };
            app.file_wanted.update(|wanted| {
                wanted.path = path;
                wanted.offset = offset;
                wanted.before_crash = false;
            });
        }
    });
    view! {
        <Show when=move || !rows.with(Vec::is_empty) fallback=Empty>
            <div class="files">
                <nav class="tree" aria-label="Files">
                    <ul>
                        <For
                            each=move || rows.get()
                            key=|row| {
                                (
                                    row.path.clone(),
                                    row.len,
                                    (row.unsynced_bytes, row.lost_bytes),
                                    (row.name_durable, row.gone),
                                )
                            }
                            let:row
                        >
                            <Entry row />
                        </For>
                    </ul>
                    <div class="outside">
                        <OpenButtons />
                        <button
                            title="All files, with a README that has the line to start a real server on them"
                            on:click=move |_| transfer::download("")
                        >
                            "Download the disk"
                        </button>
                    </div>
                    <p class="hint">
                        <span class="amber">"Amber"</span>
                        " is written and not synced: it survives "<code>"kill -9"</code>
                        " and not a power loss. "<span class="mark">"◌"</span>
                        " marks a name that its directory does not hold durably. "
                        <span class="loss">"Red"</span>" is what the last power loss took."
                    </p>
                </nav>
                <Bytes />
            </div>
        </Show>
    }
}

/// Where a file is shown from at first: shortly before the first byte that is not durable, or its beginning.
fn first_offset(row: &FileRow) -> u64 {
    let durable = row.len.saturating_sub(row.unsynced_bytes);
    let fits = row.unsynced_bytes == 0 || row.len <= BYTES_PER_PAGE as u64;
    if fits {
        0
    } else {
        durable.saturating_sub(48) / 16 * 16
    }
}

/// What the sizes of a file say, for a tooltip.
fn about(row: &FileRow) -> String {
    let mut text = format!("{}: {} bytes", row.path, format::count(row.len));
    if row.gone {
        text.push_str(", taken by the last power loss");
        return text;
    }
    match row.unsynced_bytes {
        0 => text.push_str(", all durable"),
        waiting => text.push_str(&format!(
            ", {} durable, {} in the page cache only",
            format::count(row.len.saturating_sub(waiting)),
            format::count(waiting)
        )),
    }
    if row.lost_bytes > 0 {
        text.push_str(&format!(
            "; the last power loss took {}",
            format::count(row.lost_bytes)
        ));
    }
    text
}

#[component]
fn Entry(row: FileRow) -> impl IntoView {
    let app = use_app();
    let depth = row.path.trim_matches('/').matches('/').count();
    let name = format::short_name(format::base_name(&row.path));
    let undurable = (!row.name_durable).then(|| {
        view! {
            <span class="mark" title="Its directory entry is not synced: a power loss may take the name">
                "◌"
                <span class="sr">"name not durable"</span>
            </span>
        }
    });
    let indent = format!("{}em", depth as f64 * 1.1);
    if row.is_dir {
        return view! {
            <li class="folder" style:padding-left=indent>
                <span>{name} "/" {undurable}</span>
            </li>
        }
        .into_any();
    }
    let title = about(&row);
    let cached = (row.unsynced_bytes > 0).then(|| {
        view! { <span class="part cached">{format::bytes(row.unsynced_bytes)} " cached"</span> }
    });
    let lost = (row.lost_bytes > 0 && !row.gone)
        .then(|| view! { <span class="part loss">{format::bytes(row.lost_bytes)} " lost"</span> });
    let gone = row.gone;
    let path = StoredValue::new(row.path);
    let chosen = move || {
        app.file_wanted
            .with(|wanted| path.with_value(|path| wanted.path.as_ref() == Some(path)))
    };
    view! {
        <li style:padding-left=indent>
            <button
                title=title
                class:gone=gone
                aria-current=move || chosen().then_some("true")
                on:click=move |_| {
                    app.file_wanted
                        .update(|wanted| {
                            wanted.path = Some(path.get_value());
                            wanted.offset = 0;
                            wanted.before_crash = gone;
                            wanted.locate = None;
                        });
                }
            >
                <span class="name">{name} {undurable}</span>
                <span class="size">{format::bytes(row.len)}</span>
                {cached}
                {lost}
            </button>
        </li>
    }
    .into_any()
}

#[component]
fn Empty() -> impl IntoView {
    let app = use_app();
    view! {
        <div class="empty">
            <p>"The disk is empty. A server writes dump.rdb when it saves, and appendonlydir/ when the append-only file is on. Files of your own can be opened here, or dropped anywhere on the page; they stay in it."</p>
            <p class="row">
                <button on:click=move |_| app.enter("BGSAVE")>"BGSAVE"</button>
                <button on:click=move |_| app.enter("CONFIG SET appendonly yes")>
                    "CONFIG SET appendonly yes"
                </button>
                <OpenButtons />
            </p>
        </div>
    }
}
