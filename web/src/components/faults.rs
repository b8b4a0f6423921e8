//! What breaks things: a bar of buttons, and the rest behind "More faults…". Each writes the line it stands for into the
//! terminal; what is in force is marked, and the same button lifts it.

use leptos::{html, prelude::*};

use crate::{
    format,
    state::{App, use_app},
};

/// A fault that stays in force until it is lifted or used up.
struct Lasting {
    label: &'static str,
    title: &'static str,
    /// The words behind `fault`.
    words: &'static str,
    /// The words by which the machine tells of it, where they are others.
    told: &'static str,
}

const fn lasting(label: &'static str, title: &'static str, words: &'static str) -> Lasting {
    Lasting {
        label,
        title,
        words,
        told: words,
    }
}

const KILL: &str = "kill -9 $(pgrep redis-server)";
const POWER: &str = "crash power";

const DISK_FULL: Lasting = lasting(
    "Disk full",
    "Every write to the disk fails with ENOSPC",
    "disk full",
);
const FAIL_FSYNC: Lasting = lasting("Fail fsync", "Every fsync fails with EIO", "fsync fail");
const FAIL_SAVES: Lasting = lasting(
    "Fail saves",
    "Every background save fails to open its file",
    "bgsave fail",
);

/// The faults behind "More faults…", by what breaks.
const MORE: [(&str, &[Lasting]); 3] = [
    (
        "Saves and rewrites",
        &[
            FAIL_SAVES,
            lasting("Fork fails", "No memory for a child process", "fork fail"),
            Lasting {
                label: "Child killed",
                title: "The kernel kills the next child that saves or rewrites",
                words: "oom once",
                told: "child kill 9 once",
            },
        ],
    ),
    (
        "The disk",
        &[
            DISK_FULL,
            lasting(
                "Read-only",
                "The kernel refuses every change",
                "disk read-only",
            ),
            FAIL_FSYNC,
            lasting(
                "One fsync fails",
                "Its bytes never reach the disk",
                "fsync fail once",
            ),
            lasting(
                "Slow fsync",
                "Each takes two seconds longer",
                "fsync slow 2s",
            ),
            lasting(
                "Short write",
                "A write ends after 20 bytes, then ENOSPC",
                "write fail ENOSPC taking 20 once",
            ),
            lasting(
                "Rename fails",
                "A finished file does not get its name",
                "rename fail once",
            ),
        ],
    ),
    (
        "What a power loss may do",
        &[
            lasting(
                "Torn pages",
                "Half of a page may be new, half old",
                "tearing",
            ),
            lasting(
                "Reordering",
                "A later change of a directory may survive an earlier one",
                "reordering",
            ),
        ],
    ),
];

/// The line that lifts the fault with these words.
fn lifting(words: &str) -> String {
    let what = words.split(' ').next().unwrap_or_default();
    match words.split_once(" on ") {
        Some((_, path)) => format!("fault {what} ok on {path}"),
        None => format!("fault {what} ok"),
    }
}

/// Starts the server as it was started last.
pub(crate) fn restart(app: App) {
    let line = app.session.with_untracked(|session| {
        let start = |line: &&String| line.trim_start().starts_with("redis-server");
        session.lines.iter().rfind(start).cloned()
    });
    app.enter(line.unwrap_or_else(|| "redis-server".into()));
}

/// The faults in force, in the words that set them.
fn in_force(app: App) -> Vec<String> {
    app.clock
        .with(|clock| clock.as_ref().map(|clock| clock.faults.clone()))
        .unwrap_or_default()
}

/// Sets the fault, or lifts it where it is in force.
fn toggle(app: App, fault: &Lasting) {
    if untrack(|| in_force(app)).iter().any(|w| w == fault.told) {
        app.enter(lifting(fault.told));
    } else {
        app.enter(format!("fault {}", fault.words));
    }
}

fn is_pressed(app: App, fault: &'static Lasting) -> Memo<bool> {
    Memo::new(move |_| in_force(app).iter().any(|words| words == fault.told))
}

#[component]
pub(crate) fn Faults() -> impl IntoView {
    let app = use_app();
    let up = Memo::new(move |_| {
        app.clock
            .with(|clock| clock.as_ref().is_none_or(|clock| clock.server.is_some()))
    });
    let bar = [&DISK_FULL, &FAIL_FSYNC, &FAIL_SAVES].map(|fault| {
        let pressed = is_pressed(app, fault);
        view! {
            <button
                class="fault"
                title=fault.title
                aria-pressed=move || if pressed.get() { "true" } else { "false" }
                on:click=move |_| toggle(app, fault)
            >
                {fault.label}
            </button>
        }
        .into_any()
    });
    let others = Memo::new(move |_| {
        let shown = [DISK_FULL.told, FAIL_FSYNC.told, FAIL_SAVES.told];
        let all = in_force(app);
        all.iter().filter(|w| !shown.contains(&w.as_str())).count()
    });
    view! {
        <div class="faults" role="group" aria-label="Faults">
            <button
                class="fault"
                title="The process dies; the operating system and its page cache live on"
                hidden=move || !up.get()
                on:click=move |_| app.enter(KILL)
            >
                "kill -9"
            </button>
            <button
                class="fault"
                title="The machine goes dark; what was not synced is gone"
                on:click=move |_| app.enter(POWER)
            >
                "Power loss"
            </button>
            {bar.into_iter().collect_view()}
            <button class="more" class:on=move || { others.get() > 0 } popovertarget="more-faults">
                {move || match others.get() {
                    0 => "More faults…".to_owned(),
                    count => format!("More faults… ({count} on)"),
                }}
            </button>
            <button
                class="primary restart"
                title="Start the server as it was started last"
                hidden=move || up.get()
                on:click=move |_| restart(app)
            >
                "Restart"
            </button>
        </div>
        <More up />
    }
}

/// A row of the popover: what it does, and the line it stands for.
fn row(
    label: &'static str,
    title: &'static str,
    line: impl Fn() -> String + Send + 'static,
    act: impl Fn() + 'static,
) -> impl IntoView {
    view! {
        <button class="fault-row" on:click=move |_| act()>
            <strong>{label}</strong>
            <span>{title}</span>
            <code>{line}</code>
        </button>
    }
}

#[component]
fn More(up: Memo<bool>) -> impl IntoView {
    let app = use_app();
    let popover = NodeRef::<html::Div>::new();
    let groups = MORE.iter().map(|(name, faults)| {
        let rows = faults.iter().map(|fault| {
            let pressed = is_pressed(app, fault);
            let line = move || {
                if pressed.get() {
                    lifting(fault.told)
                } else {
                    format!("fault {}", fault.words)
                }
            };
            view! {
                <li class:on=move || pressed.get()>
                    {row(fault.label, fault.title, line, move || toggle(app, fault))}
                </li>
            }
            .into_any()
        });
        view! {
            <h2>{*name}</h2>
            <ul>{rows.collect_view()}</ul>
        }
        .into_any()
    });
    let coin = move || {
        let seed = app.session.with(|session| session.lines.len());
        format!("crash power seed {seed}")
    };
    let present = Memo::new(move |_| in_force(app));
    view! {
        <div
            id="more-faults"
            class="popover more-faults"
            popover="auto"
            aria-label="More faults"
            role="dialog"
            node_ref=popover
            on:toggle=move |_| {
                let open = popover
                    .get_untracked()
                    .is_some_and(|element| element.matches(":popover-open").unwrap_or(false));
                app.wants_files.set(open);
            }
        >
            <Show when=move || !present.with(Vec::is_empty)>
                <h2>"In force"</h2>
                <ul class="in-force">
                    {move || {
                        present
                            .get()
                            .into_iter()
                            .map(|words| {
                                let line = lifting(&words);
                                view! {
                                    <li>
                                        <code>{words}</code>
                                        <button title=line.clone() on:click=move |_| app.enter(line.clone())>
                                            "Lift"
                                        </button>
                                    </li>
                                }
                            })
                            .collect_view()
                    }}
                    <li>
                        <span class="hint">"All of it"</span>
                        <button title="fault ok" on:click=move |_| app.enter("fault ok")>
                            "Lift all"
                        </button>
                    </li>
                </ul>
            </Show>
            <h2>"Crashes"</h2>
            <ul>
                <li>
                    {row(
                        "Torn power loss",
                        "Each unsynced page survives or not, by a coin",
                        coin,
                        move || app.enter(untrack(coin)),
                    )}
                </li>
                <li>
                    {row(
                        "OOM killer",
                        "The kernel kills the server for its memory",
                        || "crash oom".into(),
                        move || {
                            if up.get_untracked() {
                                app.enter("crash oom");
                            }
                        },
                    )}
                </li>
            </ul>
            {groups.collect_view()}
            <Rot />
        </div>
    }
}

/// What may happen to a file at rest.
#[component]
fn Rot() -> impl IntoView {
    let app = use_app();
    let chosen = RwSignal::new(String::new());
    let offset = RwSignal::new(None::<u64>);
    let files = Memo::new(move |_| {
        let mut files = app.files.get().unwrap_or_default();
        files.retain(|file| !file.is_dir && file.len > 0);
        files
    });
    let file = Memo::new(move |_| {
        files.with(|files| {
            let named = files.iter().find(|file| file.path == chosen.get());
            let log = || files.iter().find(|file| file.path.ends_with(".incr.aof"));
            named.or_else(log).or(files.first()).cloned()
        })
    });
    let at = move || {
        let len = file.with(|file| file.as_ref().map_or(0, |file| file.len));
        offset.get().unwrap_or(len / 2).min(len.saturating_sub(1))
    };
    let line = move |word: &'static str| {
        move || {
            file.get().map_or_else(String::new, |file| match word {
                "truncate" => format!("truncate -s -10 {}", file.path),
                word => format!("{word} {} {}", file.path, at()),
            })
        }
    };
    let action = move |label, title, word| {
        let line = line(word);
        view! { <li>{row(label, title, line, move || app.enter(untrack(line)))}</li> }
    };
    view! {
        <h2>"A file at rest"</h2>
        <Show
            when=move || file.with(Option::is_some)
            fallback=|| view! { <p class="hint">"The disk is empty. Save or switch the log on, then there is something to rot."</p> }
        >
            <p class="row rot">
                <label>
                    <span class="sr">"File"</span>
                    <select on:change=move |event| {
                        chosen.set(event_target_value(&event));
                        offset.set(None);
                    }>
                        {move || {
                            let shown = file.get().map(|file| file.path);
                            files
                                .get()
                                .into_iter()
                                .map(|file| {
                                    let name = format::base_name(&file.path).to_owned();
                                    view! {
                                        <option value=file.path.clone() selected=shown.as_ref() == Some(&file.path)>
                                            {format!("{name}, {}", format::bytes(file.len))}
                                        </option>
                                    }
                                })
                                .collect_view()
                        }}
                    </select>
                </label>
                <label class="check">
                    "at byte "
                    <input
                        class="data"
                        type="number"
                        inputmode="numeric"
                        min="0"
                        prop:value=move || at().to_string()
                        on:change=move |event| offset.set(event_target_value(&event).parse().ok())
                    />
                </label>
            </p>
            <ul>
                {action("Bit flip", "One bit turns over, silently", "flip-bit")}
                {action("Bad sector", "512 bytes cannot be read any more", "bad-sector")}
                {action("Torn tail", "The last ten bytes are gone", "truncate")}
            </ul>
        </Show>
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn a_fault_is_lifted_by_its_first_word() {
        assert_eq!(lifting("fsync slow 2s"), "fault fsync ok");
        assert_eq!(lifting("write fail on *.aof"), "fault write ok on *.aof");
        assert_eq!(lifting("tearing"), "fault tearing ok");
        assert_eq!(lifting("disk read-only"), "fault disk ok");
    }
}
