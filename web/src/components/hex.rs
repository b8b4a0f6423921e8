//! The bytes of a file beside what they mean. Pointing at either shows the other.

use std::fmt::Write;

use lastsave_scenario::{Annotation, FileView};
use leptos::prelude::*;

use crate::{
    format,
    state::{BYTES_PER_PAGE, use_app},
};

const ROW_BYTES: usize = 8;

/// Bytes in a row that share their meaning and their fate.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    hex: String,
    text: String,
    annotation: Option<usize>,
    unsynced: bool,
}

/// The rows of a page of bytes: the offset of the first byte, and its runs.
fn rows(file: &FileView) -> Vec<(u64, Vec<Run>)> {
    let meaning = |at: u64| {
        let next = file.annotations.partition_point(|note| note.start <= at);
        let fits = |note: &usize| at < file.annotations[*note].end;
        // Notes may nest; the one that begins last is the most precise.
        (next.saturating_sub(4)..next).rev().find(fits)
    };
    let cached = |at: u64| {
        file.unsynced
            .iter()
            .any(|(start, end)| (*start..*end).contains(&at))
    };
    let mut at = file.offset;
    let mut all = Vec::with_capacity(file.bytes.len() / ROW_BYTES + 1);
    for bytes in file.bytes.chunks(ROW_BYTES) {
        let row_at = at;
        let mut runs: Vec<Run> = Vec::new();
        for byte in bytes {
            let (annotation, unsynced) = (meaning(at), cached(at));
            if runs
                .last()
                .is_none_or(|run| run.annotation != annotation || run.unsynced != unsynced)
            {
                runs.push(Run {
                    hex: String::new(),
                    text: String::new(),
                    annotation,
                    unsynced,
                });
            }
            if let Some(run) = runs.last_mut() {
                // Writing to a string cannot fail.
                let _ = write!(run.hex, "{byte:02x} ");
                let printable = byte.is_ascii_graphic() || *byte == b' ';
                run.text
                    .push(if printable { char::from(*byte) } else { '·' });
            }
            at += 1;
        }
        all.push((row_at, runs));
    }
    all
}

#[component]
pub(crate) fn Bytes() -> impl IntoView {
    let app = use_app();
    let pointed = RwSignal::new(None::<usize>);
    let file = Memo::new(move |_| app.file.get());
    let is_text = Memo::new(move |_| {
        file.with(|file| {
            file.as_ref().is_some_and(|file| {
                file.annotations.is_empty()
                    && file
                        .bytes
                        .iter()
                        .all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace())
            })
        })
    });
    view! {
        <div class="bytes">
            <Pager />
            <Show when=move || file.with(Option::is_some)>
                <div class="halves">
                    <div class="hex" tabindex="0" role="region" aria-label="Bytes" on:mouseleave=move |_| pointed.set(None)>
                        {move || {
                            file.with(|file| file.as_ref().map(rows).unwrap_or_default())
                                .into_iter()
                                .map(|(at, runs)| view! { <HexRow at runs pointed /> })
                                .collect_view()
                        }}
                    </div>
                    <Show
                        when=move || is_text.get()
                        fallback=move || view! { <Notes pointed /> }
                    >
                        <pre class="plain" tabindex="0" role="region" aria-label="Text">
                            {move || {
                                file.with(|file| {
                                    let bytes = file.as_ref().map(|file| file.bytes.clone());
                                    String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
                                })
                            }}
                        </pre>
                    </Show>
                </div>
            </Show>
        </div>
    }
}

#[component]
fn HexRow(at: u64, runs: Vec<Run>, pointed: RwSignal<Option<usize>>) -> impl IntoView {
    let part = move |run: &Run, text: &str| {
        let annotation = run.annotation;
        let lit = move || annotation.is_some() && pointed.get() == annotation;
        view! {
            <span
                class:unsynced=run.unsynced
                class:lit=lit
                on:mouseenter=move |_| pointed.set(annotation)
            >
                {text.to_owned()}
            </span>
        }
    };
    let hex = runs.iter().map(|run| part(run, &run.hex)).collect_view();
    let text = runs.iter().map(|run| part(run, &run.text)).collect_view();
    view! {
        <p id=format!("bytes-{at}")>
            <span class="offset">{format!("{at:08x}")}</span>
            <span class="digits">{hex}</span>
            <span class="letters">{text}</span>
        </p>
    }
}

/// What the bytes mean, in file order.
#[component]
fn Notes(pointed: RwSignal<Option<usize>>) -> impl IntoView {
    let app = use_app();
    let notes = Memo::new(move |_| {
        app.file
            .with(|file| {
                file.as_ref()
                    .map(|file| (file.annotations.clone(), file.unsynced.clone()))
            })
            .unwrap_or_default()
    });
    let note = move |index: usize, note: &Annotation, unsynced: &[(u64, u64)]| {
        let waits = unsynced
            .iter()
            .any(|(start, end)| note.start < *end && *start < note.end);
        let title = format!("bytes {} to {}", note.start, note.end);
        let start = note.start;
        view! {
            <li>
                <button
                    class:lit=move || pointed.get() == Some(index)
                    class:unsynced=waits
                    class:broken=note.error
                    title=title
                    on:mouseenter=move |_| pointed.set(Some(index))
                    on:mouseleave=move |_| pointed.set(None)
                    on:click=move |_| show_row(start, app.file_wanted.with_untracked(|wanted| wanted.offset))
                    on:focus=move |_| pointed.set(Some(index))
                    on:blur=move |_| pointed.set(None)
                >
                    <span class="offset">{format!("{:x}", note.start)}</span>
                    <span>{note.text.clone()}</span>
                </button>
            </li>
        }
    };
    view! {
        <ol class="notes" aria-label="What the bytes mean">
            {move || {
                notes
                    .with(|(notes, unsynced)| {
                        notes
                            .iter()
                            .enumerate()
                            .map(|(index, each)| note(index, each, unsynced))
                            .collect_view()
                    })
            }}
        </ol>
    }
}

/// Brings the row of a byte into view, on a page that begins at `offset`.
fn show_row(at: u64, offset: u64) {
    let row = at.saturating_sub(offset) / ROW_BYTES as u64 * ROW_BYTES as u64 + offset;
    if let Some(row) = document().get_element_by_id(&format!("bytes-{row}")) {
        row.scroll_into_view_with_bool(true);
    }
}

/// Goes through a file that is longer than a page.
#[component]
fn Pager() -> impl IntoView {
    let app = use_app();
    let wanted = app.file_wanted;
    let len = Memo::new(move |_| {
        app.file
            .with(|file| file.as_ref().map_or(0, |file| file.len))
    });
    let offset = Memo::new(move |_| wanted.with(|wanted| wanted.offset));
    // A file that has become shorter is shown from its beginning.
    Effect::new(move || {
        let shown = app
            .file
            .with(|file| file.as_ref().map(|file| (file.path.clone(), file.len)));
        let is_behind = |(path, len)| {
            wanted.with_untracked(|wanted| wanted.path == Some(path) && wanted.offset > len)
        };
        if shown.is_some_and(is_behind) {
            wanted.update(|wanted| wanted.offset = 0);
        }
    });
    let unsynced_at = Memo::new(move |_| {
        app.file.with(|file| {
            file.as_ref()
                .and_then(|file| file.unsynced.first().map(|(start, _)| *start))
        })
    });
    let page = BYTES_PER_PAGE as u64;
    let last_page = move || len.get().saturating_sub(1) / page * page;
    let go = move |to: u64| wanted.update(|wanted| wanted.offset = to);
    let name = move || {
        wanted.with(|wanted| {
            wanted
                .path
                .as_deref()
                .map(|path| format::short_name(format::base_name(path)))
        })
    };
    let range = move || {
        let end = (offset.get() + page).min(len.get());
        format!(
            "{}–{} of {}",
            format::count(offset.get()),
            format::count(end),
            format::count(len.get())
        )
    };
    view! {
        <div class="bar">
            <strong class="data">{name}</strong>
            <span class="data range">{range}</span>
            <span class="space"></span>
            <Show when=move || unsynced_at.get().is_some()>
                <button
                    title="Go to the first byte that is not synced"
                    on:click=move |_| {
                        if let Some(at) = unsynced_at.get_untracked() {
                            go(at / 64 * 64);
                        }
                    }
                >
                    "Unsynced"
                </button>
            </Show>
            <Show when=move || { len.get() > page }>
                <button
                    class="end"
                    aria-label="First bytes"
                    disabled=move || offset.get() == 0
                    on:click=move |_| go(0)
                >
                    "«"
                </button>
                <button
                    aria-label="Bytes before"
                    disabled=move || offset.get() == 0
                    on:click=move |_| go(offset.get_untracked().saturating_sub(page))
                >
                    "‹"
                </button>
                <button
                    aria-label="Bytes after"
                    disabled=move || { offset.get() + page >= len.get() }
                    on:click=move |_| go(offset.get_untracked() + page)
                >
                    "›"
                </button>
                <button
                    class="end"
                    aria-label="Last bytes"
                    disabled=move || { offset.get() + page >= len.get() }
                    on:click=move |_| go(last_page())
                >
                    "»"
                </button>
            </Show>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn runs_break_where_meaning_or_durability_changes() {
        let file = FileView {
            offset: 16,
            len: 26,
            bytes: b"*1\r\n$4PING".to_vec(),
            unsynced: vec![(22, 26)],
            annotations: vec![Annotation {
                start: 16,
                end: 20,
                text: "an array".into(),
                error: false,
            }],
            ..FileView::default()
        };
        let rows = rows(&file);
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].0, rows[1].0), (16, 24));
        let first: Vec<_> = rows[0].1.iter().map(|run| run.text.as_str()).collect();
        assert_eq!(first, ["*1··", "$4", "PI"]);
        assert_eq!(rows[0].1[0].annotation, Some(0));
        assert_eq!(rows[0].1[0].hex, "2a 31 0d 0a ");
        assert!(rows[0].1[2].unsynced && rows[1].1[0].unsynced);
    }
}
