//! The buttons that break things. Each writes the line it stands for into the terminal.

use leptos::prelude::*;

use crate::state::{App, use_app};

/// A fault that stays in force until it is lifted.
struct Lasting {
    label: &'static str,
    title: &'static str,
    /// The words for `fault`, by which the machine also tells of it.
    words: &'static str,
    lift: &'static str,
}

const KILL: &str = "kill -9 $(pgrep redis-server)";
const POWER: &str = "crash power";

const LASTING: [Lasting; 3] = [
    Lasting {
        label: "Disk full",
        title: "Every write to the disk fails with ENOSPC",
        words: "disk full",
        lift: "fault disk ok",
    },
    Lasting {
        label: "Fail saves",
        title: "Every background save fails",
        words: "bgsave fail",
        lift: "fault bgsave ok",
    },
    Lasting {
        label: "Fail fsync",
        title: "Every fsync fails with EIO",
        words: "fsync fail",
        lift: "fault fsync ok",
    },
];

/// Starts the server as it was started last.
pub(crate) fn restart(app: App) {
    let line = app.session.with_untracked(|session| {
        let start = |line: &&String| line.trim_start().starts_with("redis-server");
        session.lines.iter().rfind(start).cloned()
    });
    app.enter(line.unwrap_or_else(|| "redis-server".into()));
}

#[component]
pub(crate) fn Faults() -> impl IntoView {
    let app = use_app();
    let up = Memo::new(move |_| {
        app.clock
            .with(|clock| clock.as_ref().is_none_or(|clock| clock.server.is_some()))
    });
    let lasting = LASTING.iter().map(|fault| {
        let in_force = Memo::new(move |_| {
            app.clock.with(|clock| {
                clock
                    .as_ref()
                    .is_some_and(|clock| clock.faults.iter().any(|words| words == fault.words))
            })
        });
        view! {
            <button
                class="fault"
                title=fault.title
                aria-pressed=move || if in_force.get() { "true" } else { "false" }
                on:click=move |_| {
                    if in_force.get_untracked() {
                        app.enter(fault.lift);
                    } else {
                        app.enter(format!("fault {}", fault.words));
                    }
                }
            >
                {fault.label}
            </button>
        }
    });
    view! {
        <div class="faults" role="group" aria-label="Faults">
            <button
                class="fault"
                title="The process dies; the operating system and its page cache live on"
                disabled=move || !up.get()
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
            <button
                class="fault"
                title="A power loss in which each unsynced page survives or not, by a coin"
                on:click=move |_| {
                    let seed = app.session.with_untracked(|session| session.lines.len());
                    app.enter(format!("crash power seed {seed}"));
                }
            >
                "Torn"
            </button>
            {lasting.collect_view()}
            <button
                class="restart"
                title="Start the server as it was started last"
                disabled=move || up.get()
                on:click=move |_| restart(app)
            >
                "Restart"
            </button>
        </div>
    }
}
