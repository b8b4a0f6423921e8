//! The bytes of one file: hex and tree side by side, the line about the byte that is looked at, and typing over bytes.

use std::collections::BTreeMap;

use lastsave_scenario::{Annotation, AnnotationKind, FileView};
use leptos::prelude::*;

use super::{hex::Hex, notes::Notes};
use crate::{
    components::faults,
    format,
    state::{App, BYTES_PER_PAGE, Tab, use_app},
    transfer,
};

/// What is looked at, shared by hex and tree.
#[derive(Clone, Copy)]
pub(super) struct Look {
    /// The annotation that is pointed at, by its number.
    pub pointed: RwSignal<Option<usize>>,
    /// The byte that the cursor is on.
    pub cursor: RwSignal<Option<u64>>,
    /// Bytes typed and not written yet, by their offsets.
    pub typed: RwSignal<BTreeMap<u64, u8>>,
    /// The first digit of a byte being typed.
    pub half: RwSignal<Option<u8>>,
}

impl Look {
    /// Forgets what was typed.
    pub(super) fn drop_typed(self) {
        self.half.set(None);
        if self.typed.with_untracked(|typed| !typed.is_empty()) {
            self.typed.set(BTreeMap::new());
        }
    }

    /// Types a byte.
    pub(super) fn type_byte(self, file: &FileView, at: u64, byte: u8) {
        let old = at
            .checked_sub(file.offset)
            .and_then(|at| file.bytes.get(at as usize));
        self.typed.update(|typed| match old {
            Some(old) if *old == byte => {
                typed.remove(&at);
            }
            Some(_) => {
                typed.insert(at, byte);
            }
            None => {}
        });
    }

    /// Writes what was typed: a line for each run of bytes.
    pub(super) fn write(self, app: App) {
        let path = app.file_wanted.with_untracked(|wanted| wanted.path.clone());
        let typed = self.typed.get_untracked();
        self.drop_typed();
        let Some(path) = path.filter(|_| !typed.is_empty()) else {
            return;
        };
        let mut lines: Vec<String> = Vec::new();
        let mut next = None;
        for (at, byte) in typed {
            match lines.last_mut() {
                Some(line) if next == Some(at) => line.push_str(&format!("{byte:02x}")),
                _ => lines.push(format!("poke {} {at} {byte:02x}", format::word(&path))),
            }
            next = Some(at + 1);
        }
        app.enter_all(lines);
    }
}

/// The annotation that says most about a byte: the last that begins at it or before, and holds it.
pub(super) fn annotation_at(notes: &[Annotation], at: u64) -> Option<usize> {
    let next = notes.partition_point(|note| note.start <= at);
    (next.saturating_sub(12)..next)
        .rev()
        .find(|note| at < notes[*note].end)
        .or_else(|| (0..next).rev().find(|note| at < notes[*note].end))
}

/// What is between two bytes counts as one of these.
pub(super) fn is_in(ranges: &[(u64, u64)], at: u64) -> bool {
    let next = ranges.partition_point(|(start, _)| *start <= at);
    next > 0 && at < ranges[next - 1].1
}

#[component]
pub(super) fn Bytes() -> impl IntoView {
    let app = use_app();
    let look = Look {
        pointed: RwSignal::default(),
        cursor: RwSignal::default(),
        typed: RwSignal::default(),
        half: RwSignal::default(),
    };
    provide_context(look);
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
    // Another file has other bytes.
    Effect::new(move |before: Option<Option<String>>| {
        let path = app.file_wanted.with(|wanted| wanted.path.clone());
        if before.is_some_and(|before| before != path) {
            look.drop_typed();
            look.cursor.set(None);
            look.pointed.set(None);
        }
        path
    });
    // The places of a key that was asked for: the newest is shown first.
    Effect::new(move || {
        if let Some(place) = app.places.with(|places| places.last().cloned()) {
            go_to_place(app, look, &place.path, place.start);
        }
    });
    view! {
        <div class="bytes">
            <Pager />
            <Banners look />
            <Show when=move || file.with(Option::is_some)>
                <div class="halves">
                    <Hex file look />
                    <Show when=move || is_text.get() fallback=move || view! { <Notes file look /> }>
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
                <ByteLine file look />
            </Show>
        </div>
    }
}

fn go_to_place(app: App, look: Look, path: &str, start: u64) {
    let page = BYTES_PER_PAGE as u64;
    app.file_wanted.update(|wanted| {
        wanted.path = Some(path.to_owned());
        if start < wanted.offset || start + 64 > wanted.offset + page {
            wanted.offset = start.saturating_sub(64) / 16 * 16;
        }
    });
    look.cursor.set(Some(start));
}

/// What there is to say of the file as a whole: where it breaks, where a key is written, that it was changed by hand.
#[component]
fn Banners(look: Look) -> impl IntoView {
    let app = use_app();
    let problem = Memo::new(move |_| app.file.with(|file| file.as_ref()?.problem.clone()));
    let path = move || app.file_wanted.with(|wanted| wanted.path.clone());
    // Bytes typed since the last start are not seen by a server yet.
    let waits = Memo::new(move |_| {
        app.session.with(|session| {
            let last = |word: &str| {
                session
                    .lines
                    .iter()
                    .rposition(|line| line.trim_start().starts_with(word))
            };
            last("poke ").is_some_and(|poke| last("redis-server").is_none_or(|start| start < poke))
        })
    });
    let is_up = move || {
        app.clock
            .with(|clock| clock.as_ref().is_some_and(|clock| clock.server.is_some()))
    };
    let check = move || {
        path().map(|path| match path.ends_with(".rdb") {
            true => format!("redis-check-rdb {}", format::word(&path)),
            false => format!("redis-check-aof {}", format::word(&path)),
        })
    };
    let repair = move || {
        path().map(|path| {
            let (dir, name) = path.rsplit_once('/').unwrap_or(("", &path));
            match dir {
                "" => format!(
                    "repair {} -o {}",
                    format::word(name),
                    format::word(&format!("repaired-{name}"))
                ),
                dir => format!("repair {} -o repaired", format::word(dir)),
            }
        })
    };
    let places = Memo::new(move |_| app.places.get());
    let place = Memo::new(move |_| {
        let cursor = look.cursor.get()?;
        let path = path()?;
        places.with(|places| {
            places
                .iter()
                .position(|place| place.path == path && place.start == cursor)
        })
    });
    let step = move |forth: bool| {
        places.with_untracked(|places| {
            let last = places.len().saturating_sub(1);
            let at = place.get_untracked().unwrap_or(last);
            let next = match forth {
                true => (at + 1).min(last),
                false => at.saturating_sub(1),
            };
            if let Some(place) = places.get(next) {
                go_to_place(app, look, &place.path, place.start);
            }
        });
    };
    view! {
        {move || {
            let key = app.file_wanted.with(|wanted| wanted.locate.clone())?;
            let all = places.with(Vec::len);
            let shown = place.get().map_or(all, |at| at + 1);
            Some(
                view! {
                    <div class="note-line">
                        <p>
                            <strong class="data">{key.name}</strong>
                            {match all {
                                0 => " is in no file: it is in memory only.".to_owned(),
                                1 => " is written in one place.".to_owned(),
                                all => format!(" is written in {all} places; this is number {shown}."),
                            }}
                        </p>
                        <Show when=move || { places.with(|places| places.len() > 1) }>
                            <button aria-label="The place before" on:click=move |_| step(false)>"‹"</button>
                            <button aria-label="The place after" on:click=move |_| step(true)>"›"</button>
                        </Show>
                        <button
                            class="quiet"
                            aria-label="Stop looking for this key"
                            on:click=move |_| app.file_wanted.update(|wanted| wanted.locate = None)
                        >
                            "×"
                        </button>
                    </div>
                },
            )
        }}
        {move || {
            let (at, why) = problem.get()?;
            Some(
                view! {
                    <div class="note-line broken" role="status">
                        <p>
                            <strong>{format!("Breaks at byte {}: ", format::count(at))}</strong>
                            {why}
                            "."
                        </p>
                        <button on:click=move |_| {
                            go_to_place(app, look, &path().unwrap_or_default(), at);
                        }>"Show"</button>
                        <button on:click=move |_| {
                            if let Some(line) = untrack(check) {
                                app.enter(line);
                            }
                        }>"Check"</button>
                        <button on:click=move |_| {
                            if let Some(line) = untrack(repair) {
                                app.enter(line);
                            }
                        }>"Repair"</button>
                    </div>
                },
            )
        }}
        <Show when=move || waits.get()>
            <div class="note-line">
                <p>"Bytes were typed over. A server makes something of them at its next start."</p>
                <button on:click=move |_| {
                    if untrack(is_up) {
                        app.enter("kill -9 $(pgrep redis-server)");
                    }
                    faults::restart(app);
                }>{move || if is_up() { "Kill and restart" } else { "Start the server" }}</button>
            </div>
        </Show>
    }
}

/// The byte under the cursor, or what is pointed at: its place, its value, what it is part of, whether it is durable.
#[component]
fn ByteLine(file: Memo<Option<FileView>>, look: Look) -> impl IntoView {
    let app = use_app();
    let byte = move || {
        let at = look.cursor.get()?;
        let typed = look.typed.with(|typed| typed.get(&at).copied());
        file.with(|file| {
            let file = file.as_ref()?;
            let old = *file.bytes.get(at.checked_sub(file.offset)? as usize)?;
            Some((at, typed.unwrap_or(old)))
        })
    };
    let note = Memo::new(move |_| {
        let pointed = look.pointed.get();
        let at = look.cursor.get();
        file.with(|file| {
            let file = file.as_ref()?;
            // What was pointed at may be of the file as it was a moment ago.
            let pointed = pointed.filter(|index| *index < file.annotations.len());
            let index = pointed.or_else(|| annotation_at(&file.annotations, at?))?;
            // The part says less than the command or the key that it belongs to.
            let whole = (0..=index)
                .rev()
                .find(|each| file.annotations[*each].kind != AnnotationKind::Part)?;
            Some((
                file.annotations[index].clone(),
                file.annotations[whole].clone(),
            ))
        })
    });
    let fate = move || {
        let at = look.cursor.get()?;
        file.with(|file| {
            let file = file.as_ref()?;
            Some(if is_in(&file.lost, at) {
                ("loss", "lost")
            } else if is_in(&file.unsynced, at) {
                ("amber", "not synced")
            } else {
                ("safe", "durable")
            })
        })
    };
    let what = move || {
        note.get().map(|(part, whole)| match part == whole {
            true => whole.text,
            false => format!("{} · {}", whole.text, part.text),
        })
    };
    let key = move || note.get().and_then(|(_, whole)| whole.key);
    let typed = move || look.typed.with(BTreeMap::len);
    view! {
        <div class="byte-line">
            {move || {
                byte()
                    .map(|(at, value)| {
                        view! {
                            <span class="data place">{format!("{at:#x} · {}", format::count(at))}</span>
                            <label>
                                <span class="sr">{format!("Byte {at} in hexadecimal")}</span>
                                <input
                                    class="hex-input"
                                    maxlength="2"
                                    size="2"
                                    inputmode="text"
                                    autocapitalize="none"
                                    autocomplete="off"
                                    spellcheck="false"
                                    prop:value=format!("{value:02x}")
                                    disabled=move || file.with(|file| file.as_ref().is_some_and(|file| file.before_crash))
                                    on:change=move |event| {
                                        let text = event_target_value(&event);
                                        if let Ok(byte) = u8::from_str_radix(text.trim(), 16) {
                                            file.with_untracked(|file| {
                                                if let Some(file) = file {
                                                    look.type_byte(file, at, byte);
                                                }
                                            });
                                        }
                                    }
                                    on:keydown=move |event| {
                                        if event.key() == "Enter" {
                                            let text = event_target_value(&event);
                                            if let Ok(byte) = u8::from_str_radix(text.trim(), 16) {
                                                file.with_untracked(|file| {
                                                    if let Some(file) = file {
                                                        look.type_byte(file, at, byte);
                                                    }
                                                });
                                                look.write(app);
                                            }
                                        }
                                    }
                                />
                            </label>
                            <span class="data">{letter(value)}</span>
                        }
                    })
            }}
            {move || fate().map(|(class, word)| view! { <span class=class>{word}</span> })}
            <span class="what data">{move || what().unwrap_or_else(|| "Point at bytes or at what they mean; click a byte and type hexadecimal digits over it.".into())}</span>
            {move || {
                key()
                    .map(|key| {
                        let name = key.name.clone();
                        view! {
                            <button
                                class="to-key"
                                title="Show this key in the keys tab"
                                on:click=move |_| {
                                    let key = key.clone();
                                    app.keys_wanted
                                        .update(|wanted| {
                                            wanted.db = key.db;
                                            wanted.filter.clone_from(&key.name);
                                            wanted.selected = Some(key.name);
                                            wanted.offset = 0;
                                        });
                                    app.tab.set(Tab::Keys);
                                }
                            >
                                "Key "
                                <span class="data">{name}</span>
                            </button>
                        }
                    })
            }}
            <Show when=move || { typed() > 0 }>
                <button class="primary" title="Enter" on:click=move |_| look.write(app)>
                    {move || match typed() {
                        1 => "Write 1 byte".to_owned(),
                        many => format!("Write {many} bytes"),
                    }}
                </button>
                <button class="quiet" title="Escape" on:click=move |_| look.drop_typed()>
                    "Drop"
                </button>
            </Show>
        </div>
    }
}

/// `"*"` of a byte that can be printed, its number of others.
fn letter(byte: u8) -> String {
    match byte {
        b'\r' => "\\r".into(),
        b'\n' => "\\n".into(),
        b' '..=b'~' => format!("\"{}\"", char::from(byte)),
        other => other.to_string(),
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
    let first = move |unsynced: bool| {
        app.file.with(|file| {
            let file = file.as_ref()?;
            let ranges = if unsynced { &file.unsynced } else { &file.lost };
            ranges.first().map(|(start, _)| *start)
        })
    };
    let unsynced_at = Memo::new(move |_| first(true));
    let lost = Memo::new(move |_| {
        let path = wanted.with(|wanted| wanted.path.clone());
        app.files.with(|rows| {
            let row = rows
                .as_ref()?
                .iter()
                .find(|row| Some(&row.path) == path.as_ref())?;
            (row.lost_bytes > 0).then_some(row.gone)
        })
    });
    let before = Memo::new(move |_| wanted.with(|wanted| wanted.before_crash));
    // The file before the crash is shown where the loss begins.
    Effect::new(move |shown: Option<bool>| {
        let is_before = app
            .file
            .with(|file| file.as_ref().is_some_and(|file| file.before_crash));
        if is_before
            && shown != Some(true)
            && let Some(at) = untrack(|| first(false))
            && at >= BYTES_PER_PAGE as u64
        {
            wanted.update(|wanted| wanted.offset = at.saturating_sub(64) / 16 * 16);
        }
        is_before
    });
    let page = BYTES_PER_PAGE as u64;
    let last_page = move || len.get().saturating_sub(1) / page * page;
    let go = move |to: u64| wanted.update(|wanted| wanted.offset = to);
    let path = move || wanted.with(|wanted| wanted.path.clone());
    let name = move || path().map(|path| format::short_name(format::base_name(&path)));
    let about = move || {
        app.file
            .with(|file| file.as_ref().map(|file| file.about.clone()))
            .filter(|about| !about.is_empty())
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
            <strong class="data" title=about>{name}</strong>
            <span class="data range">{range}</span>
            <span class="space"></span>
            <Show when=move || lost.get() == Some(false)>
                <button
                    class="loss"
                    aria-pressed=move || before.get().to_string()
                    title="The file as it was right before the last power loss, with what that took"
                    on:click=move |_| wanted.update(|wanted| wanted.before_crash = !wanted.before_crash)
                >
                    "Before the crash"
                </button>
            </Show>
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
            <button
                title="Download this file"
                on:click=move |_| {
                    if let Some(path) = untrack(path) {
                        transfer::download(&path);
                    }
                }
            >
                "Download"
            </button>
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
