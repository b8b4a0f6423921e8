//! What one could do next: a line or two, fitting the state the machine is in.

use leptos::prelude::*;

use super::faults;
use crate::{
    examples,
    session::Session,
    state::{App, use_app},
};

/// Where the visitor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing has been done yet.
    Fresh,
    /// The server runs and holds writes that a power loss would take.
    Exposed,
    /// The server runs, and nothing is at risk.
    Calm,
    /// No server runs.
    Down,
    /// A crash has been survived, or not.
    Judged,
}

fn stage(app: App) -> Stage {
    let up = app
        .clock
        .with(|clock| clock.as_ref().is_none_or(|clock| clock.server.is_some()));
    let lines = app.session.with(|session| session.lines.len());
    let exposed = app.layers.with(|layers| layers.exposed_power > 0);
    let judged = app
        .verdict
        .with(|verdict| verdict.as_ref().is_some_and(|v| v.recovered_known));
    match () {
        () if !up => Stage::Down,
        () if lines <= 1 => Stage::Fresh,
        () if exposed => Stage::Exposed,
        () if judged => Stage::Judged,
        () => Stage::Calm,
    }
}

#[component]
pub(crate) fn Suggestions() -> impl IntoView {
    let app = use_app();
    let stage = Memo::new(move |_| stage(app));
    let line = move |line: &'static str| {
        view! {
            <button class="suggestion" on:click=move |_| app.enter(line)>
                {line}
            </button>
        }
        .into_any()
    };
    let example = move |session: fn() -> Session, label: &'static str| {
        view! {
            <button class="suggestion named" on:click=move |_| app.open(session())>
                {label}
            </button>
        }
        .into_any()
    };
    let choices = move || -> Vec<AnyView> {
        let mut all = Vec::new();
        match stage.get() {
            Stage::Fresh => {
                all.push(example(examples::as_told, "Run the 3 AM night"));
                all.push(line("SET cart:1 books"));
                all.push(line("workload sessions"));
            }
            Stage::Exposed => {
                all.push(line("advance 10s"));
                all.push(line("INFO persistence"));
                all.push(line("crash power"));
            }
            Stage::Calm => {
                all.push(line("workload sessions"));
                all.push(line("advance 10s"));
                all.push(line("ls -lh"));
            }
            Stage::Down => all.push(
                view! {
                    <button class="suggestion" on:click=move |_| faults::restart(app)>
                        "redis-server"
                    </button>
                }
                .into_any(),
            ),
            Stage::Judged => {
                all.push(line("DBSIZE"));
                all.push(line("ls -lh"));
                all.push(example(examples::hybrid, "The same night, hybrid"));
            }
        }
        all
    };
    view! {
        <div class="suggestions" role="group" aria-label="Next">
            <span aria-hidden="true">"Next"</span>
            {choices}
        </div>
    }
}
