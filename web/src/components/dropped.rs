//! Files from outside: the buttons that choose them, what shows while they are held over the page, and the report.

use lastsave_scenario::import::{ImportFile, ImportReport};
use leptos::{ev, html, prelude::*, tachys::html::attribute::custom::custom_attribute};

use crate::{
    format, share,
    state::use_app,
    transfer::{self, Action, entries},
};

/// Buttons that open files, or a folder, of the machine that the browser runs on.
#[component]
pub(crate) fn OpenButtons() -> impl IntoView {
    let app = use_app();
    let files = NodeRef::<html::Input>::new();
    let folder = NodeRef::<html::Input>::new();
    let chosen = move |input: NodeRef<html::Input>| {
        if let Some(input) = input.get_untracked() {
            let came = input.files().map(|files| entries::chosen(&files));
            transfer::examine(app, came.unwrap_or_default());
            // The same file can be chosen again.
            input.set_value("");
        }
    };
    let click = |input: NodeRef<html::Input>| {
        if let Some(input) = input.get_untracked() {
            input.click();
        }
    };
    view! {
        <button
            title="dump.rdb, the files of an appendonlydir, a zip, a redis.conf, a scenario. They stay in this page."
            on:click=move |_| click(files)
        >
            "Open files"
        </button>
        <button class="folder-button" title="A data directory or an appendonlydir" on:click=move |_| click(folder)>
            "Open a folder"
        </button>
        <input type="file" multiple hidden aria-hidden="true" tabindex="-1" class="choose-files" node_ref=files on:change=move |_| chosen(files) />
        <input
            type="file"
            multiple
            hidden
            aria-hidden="true"
            tabindex="-1"
            class="choose-folder"
            {..custom_attribute("webkitdirectory", "")}
            node_ref=folder
            on:change=move |_| chosen(folder)
        />
    }
}

/// Listens to drops anywhere on the page, and shows what came.
#[component]
pub(crate) fn Dropped() -> impl IntoView {
    let app = use_app();
    let transfer = app.transfer;
    let depth = StoredValue::new(0_i32);
    let has_files = |event: &ev::DragEvent| {
        event
            .data_transfer()
            .is_some_and(|data| data.types().includes(&"Files".into(), 0))
    };
    let set_depth = move |to: i32| {
        depth.set_value(to);
        let hovered = to > 0;
        if transfer.hovered.get_untracked() != hovered {
            transfer.hovered.set(hovered);
        }
    };
    let handles = [
        window_event_listener(ev::dragenter, move |event| {
            if has_files(&event) {
                event.prevent_default();
                set_depth(depth.get_value() + 1);
            }
        }),
        window_event_listener(ev::dragover, move |event| {
            if has_files(&event) {
                event.prevent_default();
            }
        }),
        window_event_listener(ev::dragleave, move |event| {
            if has_files(&event) {
                set_depth(depth.get_value() - 1);
            }
        }),
        window_event_listener(ev::drop, move |event| {
            if !has_files(&event) {
                return;
            }
            event.prevent_default();
            set_depth(0);
            if let Some(data) = event.data_transfer() {
                let dropped = entries::dropped(&data);
                leptos::task::spawn_local(async move {
                    transfer::examine(app, entries::walk(dropped).await);
                });
            }
        }),
    ];
    on_cleanup(move || handles.into_iter().for_each(WindowListenerHandle::remove));

    let dialog = NodeRef::<html::Dialog>::new();
    let wanted = Memo::new(move |_| {
        transfer.report.with(Option::is_some)
            || transfer.looking.with(Option::is_some)
            || transfer.notice.with(Option::is_some)
    });
    Effect::new(move || {
        let Some(dialog) = dialog.get() else {
            return;
        };
        if wanted.get() && !dialog.open() {
            // It is in the page and not open.
            let _ = dialog.show_modal();
        } else if !wanted.get() && dialog.open() {
            dialog.close();
        }
    });
    view! {
        <Show when=move || transfer.hovered.get()>
            <div class="drop-here" role="status">
                <p>
                    <strong>"Drop it here"</strong>
                    "A dump.rdb, an appendonlydir, a zip of one, a redis.conf or a scenario. It stays in this page."
                </p>
            </div>
        </Show>
        <dialog
            class="import"
            aria-labelledby="import-title"
            node_ref=dialog
            on:close=move |_| {
                if untrack(|| wanted.get()) {
                    transfer::forget(app);
                }
            }
        >
            {move || {
                let report = transfer.report.get();
                let looking = transfer.looking.get();
                let notice = transfer.notice.get();
                match (report, looking, notice) {
                    (Some(report), ..) => view! { <Report report /> }.into_any(),
                    (None, Some(what), _) => {
                        view! {
                            <h2 id="import-title">"Looking at " {what}</h2>
                            <progress aria-label="Reading" max="1" value=move || transfer.looked.get()></progress>
                        }
                            .into_any()
                    }
                    (None, None, Some(notice)) => {
                        view! {
                            <h2 id="import-title">"Files"</h2>
                            <p>{notice}</p>
                        }
                            .into_any()
                    }
                    _ => ().into_any(),
                }
            }}
            <p class="row end">
                <button class="quiet" on:click=move |_| transfer::forget(app)>
                    {move || if transfer.looking.with(Option::is_some) { "Cancel" } else { "Close" }}
                </button>
            </p>
        </dialog>
    }
}

/// What came, and what can be done with it.
#[component]
fn Report(report: ImportReport) -> impl IntoView {
    let app = use_app();
    let has_start = report.start.is_some();
    let is_sound = report.is_sound();
    let refused = report.strip.is_some();
    let act = move |action: Action, label: &'static str, primary: bool, title: &'static str| {
        view! {
            <button class:primary=primary title=title on:click=move |_| transfer::act(app, action)>
                {label}
            </button>
        }
    };
    let scenario = report.scenario.clone();
    let name = report.title.clone();
    let actions = view! {
        {scenario
            .map(|text| {
                view! {
                    <button
                        class="primary"
                        on:click=move |_| {
                            transfer::forget(app);
                            share::open_scenario_text(app, &name, &text);
                        }
                    >
                        "Open the scenario"
                    </button>
                }
            })}
        {refused
            .then(|| act(Action::StripAndLoad, "Strip the comments and start", true, "strip-comments, then redis-server redis.conf, on a fresh machine"))}
        {(has_start && !refused)
            .then(|| act(Action::Load, "Load it", is_sound, "On a fresh machine, with a server started on it"))}
        {(has_start && refused)
            .then(|| act(Action::Load, "Start it as it is", false, "On a fresh machine: Redis says what it does not take"))}
        {report
            .repair
            .is_some()
            .then(|| {
                view! {
                    {act(Action::RepairAndLoad, "Repair and load", true, "Leaves out what cannot be read, and starts a server on the rest")}
                    {act(Action::RepairAndDownload, "Repair and download", false, "The repaired file, or the directory as a zip")}
                }
            })}
        {(!report.check.is_empty())
            .then(|| act(Action::Check, "Check", false, "With Redis's own tools' words, on a fresh machine"))}
        {report
            .inspect
            .is_some()
            .then(|| act(Action::Inspect, "Inspect", false, "Its tree, and its bytes in the files tab"))}
        {has_start
            .then(|| act(Action::LoadHere, "Put on this disk", false, "In place of what is there under the same names; the server is restarted"))}
    };
    let files = report.files.into_iter().map(one).collect_view();
    let notes = report.notes.into_iter().map(|note| {
        let is_command = note.starts_with("lastsave ");
        match is_command {
            true => view! { <pre class="data">{note}</pre> }.into_any(),
            false => view! { <p>{note}</p> }.into_any(),
        }
    });
    view! {
        <h2 id="import-title">{report.title}</h2>
        <ul class="came">{files}</ul>
        <div class="import-notes">{notes.collect_view()}</div>
        <div class="row actions">{actions}</div>
        <p class="hint">"Nothing of it leaves this page. What you choose is done by lines in the terminal."</p>
    }
}

/// One file of the report.
fn one(file: ImportFile) -> impl IntoView {
    let badge = match file.sound {
        Some(true) => Some(("safe", "sound")),
        Some(false) => Some(("loss", "broken")),
        None => None,
    };
    let badge = badge.map(|(class, word)| view! { <em class=class>{word}</em> });
    let problem = file.problem.map(|(at, why)| {
        view! {
            <p class="loss">
                {format!("At byte {}: ", format::count(at))} <span class="why">{why}</span>
            </p>
        }
    });
    let read = (file.read_len < file.len).then(|| {
        format!(
            "Only its first {} were looked at. ",
            format::bytes(file.read_len)
        )
    });
    let version = file
        .redis_version
        .map(|version| format!("Written by Redis {version}. "));
    let goes = file
        .goes_to
        .filter(|to| *to != file.path)
        .map(|to| format!("Goes to {to}."));
    view! {
        <li>
            <p>
                <strong class="data">{file.path}</strong>
                <span class="data">{format::bytes(file.len)}</span>
                {badge}
            </p>
            <p class="about">{format::capitalised(&file.about)} ". " {read} {version} {goes}</p>
            {problem}
        </li>
    }
}
