//! What the bytes mean, as a tree: commands and keys, and what they are made of.

use std::collections::BTreeSet;

use lastsave_scenario::{Annotation, FileView};
use leptos::{ev, html, prelude::*, tachys::html::attribute::custom::custom_attribute};
use wasm_bindgen::JsCast;

use super::bytes::Look;

/// A row of the tree that is shown.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Row {
    /// The annotation's number.
    index: usize,
    start: u64,
    text: String,
    depth: u8,
    /// Whether it has parts, and whether they are shown.
    open: Option<bool>,
    unsynced: bool,
    lost: bool,
    broken: bool,
}

/// The rows that are shown: those whose wholes are all open. `turned` are the beginnings and depths of those that are not
/// as they are at first: a snapshot's keys open, a log's commands closed.
fn rows(file: &FileView, turned: &BTreeSet<(u64, u8)>) -> Vec<Row> {
    let is_log = file.about.starts_with("a log,");
    let touches = |ranges: &[(u64, u64)], note: &Annotation| {
        let next = ranges.partition_point(|(start, _)| *start < note.end);
        next > 0 && note.start < ranges[next - 1].1
    };
    let mut rows = Vec::new();
    let mut closed_at = None;
    for (index, note) in file.annotations.iter().enumerate() {
        if closed_at.is_some_and(|depth| note.depth > depth) && !note.error {
            continue;
        }
        closed_at = None;
        let next = file.annotations.get(index + 1);
        let has_parts = next.is_some_and(|next| next.depth > note.depth && !next.error);
        let open = has_parts.then(|| is_log == turned.contains(&(note.start, note.depth)));
        if open == Some(false) {
            closed_at = Some(note.depth);
        }
        rows.push(Row {
            index,
            start: note.start,
            text: note.text.clone(),
            depth: note.depth,
            open,
            unsynced: touches(&file.unsynced, note),
            lost: touches(&file.lost, note),
            broken: note.error,
        });
    }
    rows
}

#[component]
pub(super) fn Notes(file: Memo<Option<FileView>>, look: Look) -> impl IntoView {
    let turned = RwSignal::new(BTreeSet::new());
    let element = NodeRef::<html::Ul>::new();
    let all = Memo::new(move |_| {
        file.with(|file| {
            let file = file.as_ref();
            turned.with(|turned| file.map(|file| rows(file, turned)).unwrap_or_default())
        })
    });
    // The row that stands for what is pointed at: its own, or that of the whole that hides it.
    let lit = Memo::new(move |_| {
        let cursor = look.cursor.get();
        let index = look.pointed.get().or_else(|| {
            file.with(|file| super::bytes::annotation_at(&file.as_ref()?.annotations, cursor?))
        })?;
        all.with(|all| {
            all.iter()
                .rfind(|row| row.index <= index)
                .map(|row| row.index)
        })
    });
    // The one row that the Tab key reaches.
    let first = Memo::new(move |_| all.with(|all| all.first().map(|row| row.index)));
    let focused = RwSignal::new(None::<usize>);
    let stop = move |index: usize| {
        let there = focused
            .get()
            .filter(|index| all.with(|all| all.iter().any(|row| row.index == *index)));
        there.or(first.get()) == Some(index)
    };
    // What is pointed at in the bytes is brought into view here; what is pointed at here must stay under the pointer.
    let hovered = StoredValue::new(false);
    Effect::new(move || {
        let Some(index) = lit.get().filter(|_| !hovered.get_value()) else {
            return;
        };
        let row = all.with_untracked(|all| all.iter().position(|row| row.index == index));
        let Some(element) = element.get_untracked() else {
            return;
        };
        let item = row.and_then(|row| element.children().item(row as u32));
        if let Some(item) = item.and_then(|item| item.dyn_into::<web_sys::HtmlElement>().ok()) {
            let (top, height) = (
                item.offset_top() - element.offset_top(),
                item.offset_height(),
            );
            if top < element.scroll_top()
                || top + height > element.scroll_top() + element.client_height()
            {
                element.set_scroll_top(top - element.client_height() / 3);
            }
        }
    });
    let turn = move |start: u64, depth: u8| {
        turned.update(|turned| {
            if !turned.remove(&(start, depth)) {
                turned.insert((start, depth));
            }
        });
    };
    let on_key = move |event: ev::KeyboardEvent| {
        let at = focused.get_untracked().or(first.get_untracked());
        let Some(position) =
            all.with_untracked(|all| all.iter().position(|row| Some(row.index) == at))
        else {
            return;
        };
        let row = all.with_untracked(|all| all[position].clone());
        let last = all.with_untracked(Vec::len) - 1;
        let to = match event.key().as_str() {
            "ArrowDown" => (position + 1).min(last),
            "ArrowUp" => position.saturating_sub(1),
            "Home" => 0,
            "End" => last,
            "ArrowRight" if row.open == Some(false) => {
                turn(row.start, row.depth);
                position
            }
            "ArrowLeft" if row.open == Some(true) => {
                turn(row.start, row.depth);
                position
            }
            "ArrowLeft" => all.with_untracked(|all| {
                let is_whole = |each: &Row| each.depth < row.depth;
                all[..position]
                    .iter()
                    .rposition(is_whole)
                    .unwrap_or(position)
            }),
            "Enter" => {
                look.cursor.set(Some(row.start));
                position
            }
            _ => return,
        };
        event.prevent_default();
        event.stop_propagation();
        if let Some(element) = element.get_untracked() {
            let item = element.children().item(to as u32);
            if let Some(item) = item.and_then(|item| item.dyn_into::<web_sys::HtmlElement>().ok()) {
                // An item of the tree can take the focus.
                let _ = item.focus();
            }
        }
    };
    view! {
        <ul
            class="notes"
            role="tree"
            aria-label="What the bytes mean"
            node_ref=element
            on:keydown=on_key
            on:mouseenter=move |_| hovered.set_value(true)
            on:mouseleave=move |_| hovered.set_value(false)
        >
            <For each=move || all.get() key=Row::clone let:row>
                {
                    let Row { index, start, text, depth, open, unsynced, lost, broken } = row;
                    view! {
                        <li
                            role="treeitem"
                            {..custom_attribute("aria-level", (depth + 1).to_string())}
                            aria-expanded=open.map(|open| open.to_string())
                            aria-selected=move || (lit.get() == Some(index)).to_string()
                            tabindex=move || if stop(index) { "0" } else { "-1" }
                            class:lit=move || lit.get() == Some(index)
                            class:unsynced=unsynced
                            class:lost=lost
                            class:broken=broken
                            on:mouseenter=move |_| look.pointed.set(Some(index))
                            on:mouseleave=move |_| look.pointed.set(None)
                            on:focus=move |_| {
                                focused.set(Some(index));
                                look.pointed.set(Some(index));
                                look.cursor.set(Some(start));
                            }
                            on:blur=move |_| look.pointed.set(None)
                            on:click=move |_| {
                                look.cursor.set(Some(start));
                                if open.is_some() {
                                    turn(start, depth);
                                }
                            }
                        >
                            <span class="offset">{format!("{start:x}")}</span>
                            <span class="sign" style:margin-left=format!("{}ch", 2 * depth)>
                                {match open {
                                    Some(true) => "▾",
                                    Some(false) => "▸",
                                    None => "",
                                }}
                            </span>
                            <span class="text">{text}</span>
                        </li>
                    }
                }
            </For>
        </ul>
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn parts_are_hidden_while_their_whole_is_closed() {
        let note = |start, depth, text: &str| Annotation {
            start,
            end: start + 4,
            text: text.into(),
            depth,
            ..Annotation::default()
        };
        let mut file = FileView {
            about: "a log, 2 commands".into(),
            unsynced: vec![(8, 12)],
            annotations: vec![
                note(0, 0, "SET"),
                note(0, 1, "words"),
                note(8, 0, "GET"),
                note(8, 1, "words"),
            ],
            ..FileView::default()
        };
        let texts = |file: &FileView, turned: &[(u64, u8)]| -> Vec<String> {
            let rows = rows(file, &turned.iter().copied().collect());
            rows.into_iter().map(|row| row.text).collect()
        };
        assert_eq!(texts(&file, &[]), ["SET", "GET"]);
        assert_eq!(texts(&file, &[(8, 0)]), ["SET", "GET", "words"]);
        assert!(rows(&file, &BTreeSet::new())[1].unsynced);
        file.about = "a snapshot".into();
        assert_eq!(texts(&file, &[(8, 0)]), ["SET", "words", "GET"]);
    }
}
