//! The simulated disk: its files, and the bytes of one with what they mean.

use lastsave_scenario::FileRow;
use leptos::prelude::*;

use super::hex::Bytes;
use crate::{
    format,
    state::{BYTES_PER_PAGE, use_app},
};

#[component]
pub(crate) fn Files() -> impl IntoView {
    let app = use_app();
    let rows = Memo::new(move |_| app.files.get().unwrap_or_default());
    // With nothing chosen, the file that says most is: the log, else a snapshot, else any.
    Effect::new(move || {
        let chosen = app.file_wanted.with(|wanted| wanted.path.clone());
        let all = rows.get();
        let there = |path: &String| all.iter().any(|row| row.path == *path && !row.is_dir);
        if !all.is_empty() && !chosen.as_ref().is_some_and(there) {
            let best = [".incr.aof", ".rdb", ""].iter().find_map(|end| {
                let fits = |row: &&FileRow| !row.is_dir && row.path.ends_with(end);
                all.iter().rfind(fits)
            });
            let (path, offset) = match best {
                Some(row) => (Some(row.path.clone()), first_offset(row)),
                None => (None, 0),
            };
            app.file_wanted.update(|wanted| {
                wanted.path = path;
                wanted.offset = offset;
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
                                (row.path.clone(), row.len, row.unsynced_bytes, row.name_durable)
                            }
                            let:row
                        >
                            <Entry row />
                        </For>
                    </ul>
                    <p class="hint">
                        "Amber is written and not synced: it survives "<code>"kill -9"</code>
                        " and not a power loss. "<span class="mark">"◌"</span>
                        " marks a name that its directory does not hold durably."
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

#[component]
fn Entry(row: FileRow) -> impl IntoView {
    let app = use_app();
    let depth = row.path.trim_matches('/').matches('/').count();
    let name = format::short_name(format::base_name(&row.path));
    let unsynced = row.unsynced_bytes > 0;
    let title = match row.unsynced_bytes {
        0 => format!("{}: {} bytes, all synced", row.path, format::count(row.len)),
        waiting => format!(
            "{}: {} bytes, {} of them not synced",
            row.path,
            format::count(row.len),
            format::count(waiting)
        ),
    };
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
    let path = StoredValue::new(row.path);
    let chosen = move || {
        app.file_wanted
            .with(|wanted| path.with_value(|path| wanted.path.as_ref() == Some(path)))
    };
    view! {
        <li style:padding-left=indent>
            <button
                title=title
                aria-current=move || chosen().then_some("true")
                on:click=move |_| app.show_file(path.get_value(), 0)
            >
                <span>{name} {undurable}</span>
                <span class="size" class:unsynced=unsynced>
                    {format::bytes(row.len)}
                </span>
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
            <p>"The disk is empty. A server writes dump.rdb when it saves, and appendonlydir/ when the append-only file is on."</p>
            <p class="row">
                <button on:click=move |_| app.enter("BGSAVE")>"BGSAVE"</button>
                <button on:click=move |_| app.enter("CONFIG SET appendonly yes")>
                    "CONFIG SET appendonly yes"
                </button>
            </p>
        </div>
    }
}
