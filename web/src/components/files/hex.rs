//! Rows of bytes. The arrow keys move the cursor, hexadecimal digits type over the byte that it is on.

use lastsave_scenario::FileView;
use leptos::{ev, html, prelude::*};
use wasm_bindgen::JsCast;

use super::bytes::{Look, annotation_at, is_in};
use crate::state::{BYTES_PER_PAGE, use_app};

pub(super) const ROW_BYTES: usize = 8;

/// A byte as it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Cell {
    byte: u8,
    unsynced: bool,
    lost: bool,
    lit: bool,
    typed: bool,
    cursor: bool,
    /// Whether the next byte means something else.
    ends: bool,
}

/// A row as it is drawn: a row that is the same is not drawn again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Row {
    at: u64,
    cells: Vec<Cell>,
    half: Option<u8>,
}

fn rows(file: &FileView, look: Look) -> Vec<Row> {
    let (pointed, cursor, half) = (look.pointed.get(), look.cursor.get(), look.half.get());
    let lit = pointed
        .or_else(|| annotation_at(&file.annotations, cursor?))
        .and_then(|index| file.annotations.get(index))
        .map_or(0..0, |note| note.start..note.end);
    look.typed.with(|typed| {
        let mut at = file.offset;
        let mut all = Vec::with_capacity(file.bytes.len() / ROW_BYTES + 1);
        for bytes in file.bytes.chunks(ROW_BYTES) {
            let row_at = at;
            let mut half_here = None;
            let cells = bytes.iter().map(|byte| {
                let own = typed.get(&at);
                let cell = Cell {
                    byte: own.copied().unwrap_or(*byte),
                    unsynced: is_in(&file.unsynced, at),
                    lost: is_in(&file.lost, at),
                    lit: lit.contains(&at),
                    typed: own.is_some(),
                    cursor: cursor == Some(at),
                    ends: lit.end == at + 1,
                };
                if cell.cursor {
                    half_here = half;
                }
                at += 1;
                cell
            });
            let cells = cells.collect();
            all.push(Row {
                at: row_at,
                cells,
                half: half_here,
            });
        }
        all
    })
}

#[component]
pub(super) fn Hex(file: Memo<Option<FileView>>, look: Look) -> impl IntoView {
    let app = use_app();
    let element = NodeRef::<html::Div>::new();
    let all = Memo::new(move |_| {
        file.with(|file| {
            file.as_ref()
                .map(|file| rows(file, look))
                .unwrap_or_default()
        })
    });
    let byte_under = |event: &web_sys::Event| -> Option<u64> {
        let target = event.target()?.dyn_into::<web_sys::Element>().ok()?;
        target.get_attribute("data-at")?.parse().ok()
    };
    let point = move |event: ev::MouseEvent| {
        if let Some(at) = byte_under(&event) {
            let note = file.with_untracked(|file| annotation_at(&file.as_ref()?.annotations, at));
            if look.pointed.get_untracked() != note {
                look.pointed.set(note);
            }
        }
    };
    let choose = move |event: ev::MouseEvent| {
        if let Some(at) = byte_under(&event) {
            look.half.set(None);
            look.cursor.set(Some(at));
        }
    };
    // The cursor is kept in view.
    Effect::new(move || {
        let Some(at) = look.cursor.get() else {
            return;
        };
        let offset = app.file_wanted.with_untracked(|wanted| wanted.offset);
        let row = at.saturating_sub(offset) / ROW_BYTES as u64;
        if let Some(element) = element.get_untracked() {
            let row = element.children().item(row as u32);
            if let Some(row) = row.and_then(|row| row.dyn_into::<web_sys::HtmlElement>().ok()) {
                let (top, height) = (row.offset_top() - element.offset_top(), row.offset_height());
                if top < element.scroll_top() {
                    element.set_scroll_top(top);
                } else if top + height > element.scroll_top() + element.client_height() {
                    element.set_scroll_top(top + height - element.client_height());
                }
            }
        }
    });
    let on_key = move |event: ev::KeyboardEvent| {
        if event.ctrl_key() || event.alt_key() || event.meta_key() {
            return;
        }
        let bounds = file.with_untracked(|file| {
            let file = file.as_ref()?;
            Some((file.offset, file.len, file.before_crash))
        });
        let Some((offset, len, before)) = bounds.filter(|(_, len, _)| *len > 0) else {
            return;
        };
        let at = look.cursor.get_untracked().unwrap_or(offset);
        let row = ROW_BYTES as u64;
        let to = match event.key().as_str() {
            "ArrowLeft" => Some(at.saturating_sub(1)),
            "ArrowRight" => Some(at + 1),
            "ArrowUp" => Some(at.checked_sub(row).unwrap_or(at)),
            "ArrowDown" => Some(at + row),
            "PageUp" => Some(at.saturating_sub(16 * row)),
            "PageDown" => Some(at + 16 * row),
            "Home" => Some(at / row * row),
            "End" => Some(at / row * row + row - 1),
            "Enter" => {
                look.write(app);
                None
            }
            "Escape" => {
                look.drop_typed();
                None
            }
            "Backspace" => {
                let last = at.saturating_sub(1);
                if look.half.get_untracked().is_some() {
                    look.half.set(None);
                    None
                } else {
                    look.typed.update(|typed| {
                        typed.remove(&last);
                    });
                    Some(last)
                }
            }
            key => {
                let digit = key.chars().next().filter(|_| key.len() == 1);
                let Some(digit) = digit
                    .and_then(|digit| digit.to_digit(16))
                    .filter(|_| !before)
                else {
                    return;
                };
                let digit = digit as u8;
                match look.half.get_untracked() {
                    None => {
                        look.half.set(Some(digit));
                        Some(at)
                    }
                    Some(high) => {
                        look.half.set(None);
                        file.with_untracked(|file| {
                            if let Some(file) = file {
                                look.type_byte(file, at, high << 4 | digit);
                            }
                        });
                        Some(at + 1)
                    }
                }
            }
        };
        event.prevent_default();
        event.stop_propagation();
        if let Some(to) = to {
            let to = to.min(len - 1);
            if to != at {
                look.half.set(None);
            }
            look.pointed.set(None);
            turn_to(app, to, offset, len);
            look.cursor.set(Some(to));
        }
    };
    view! {
        <div
            class="hex"
            tabindex="0"
            role="region"
            aria-label="Bytes: arrow keys move, hexadecimal digits type over, Enter writes"
            node_ref=element
            on:mouseover=point
            on:mousedown=choose
            on:mouseleave=move |_| look.pointed.set(None)
            on:keydown=on_key
            on:focus=move |_| {
                if look.cursor.get_untracked().is_none() {
                    let offset = file.with_untracked(|file| file.as_ref().map(|file| file.offset));
                    look.cursor.set(offset);
                }
            }
        >
            <For each=move || all.get() key=Row::clone let:row>
                <HexRow row />
            </For>
        </div>
    }
}

/// Turns the page if this byte is not on it.
fn turn_to(app: crate::state::App, at: u64, offset: u64, len: u64) {
    let page = BYTES_PER_PAGE as u64;
    let to = if at < offset {
        offset.saturating_sub(page)
    } else if at >= offset + page {
        (offset + page).min(len.saturating_sub(1) / page * page)
    } else {
        return;
    };
    app.file_wanted.update(|wanted| wanted.offset = to);
}

#[component]
fn HexRow(row: Row) -> impl IntoView {
    let cell = |index: usize, cell: &Cell, text: String| {
        view! {
            <span
                data-at=(row.at + index as u64).to_string()
                class:unsynced=cell.unsynced
                class:lost=cell.lost
                class:lit=cell.lit
                class:ends=cell.ends
                class:typed=cell.typed
                class:cursor=cell.cursor
            >
                {text}
            </span>
        }
    };
    let digits = row.cells.iter().enumerate().map(|(index, byte)| {
        let text = match row.half.filter(|_| byte.cursor) {
            Some(high) => format!("{high:x}_"),
            None => format!("{:02x}", byte.byte),
        };
        cell(index, byte, text)
    });
    let letters = row.cells.iter().enumerate().map(|(index, byte)| {
        let is_printable = byte.byte.is_ascii_graphic() || byte.byte == b' ';
        let letter = match is_printable {
            true => char::from(byte.byte),
            false => '·',
        };
        cell(index, byte, letter.to_string())
    });
    view! {
        <p>
            <span class="offset">{format!("{:08x}", row.at)}</span>
            <span class="digits">{digits.collect_view()}</span>
            <span class="letters">{letters.collect_view()}</span>
        </p>
    }
}
