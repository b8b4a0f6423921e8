//! What happened so far, to keep or to send.

use lastsave_scenario::VerdictView;
use leptos::prelude::*;

use super::{
    share::{copy_text, download},
    verdict,
    writes::Writes,
};
use crate::{
    format,
    state::{App, use_app},
};

/// The session in facts: each a name and a value.
fn facts(app: App) -> Vec<(&'static str, String)> {
    let session = app.session.get();
    let layers = app.layers.get();
    let mut all = vec![
        ("Session", session.title),
        ("Seed", session.seed.to_string()),
    ];
    if let Some(clock) = app.clock.get() {
        let server = clock.server.unwrap_or_else(|| "none runs".into());
        all.extend([
            ("Server", server),
            ("Workload", clock.workload.unwrap_or_else(|| "none".into())),
            (
                "Faults in force",
                if clock.faults.is_empty() {
                    "none".into()
                } else {
                    clock.faults.join(", ")
                },
            ),
            ("Simulated", format::duration_us(clock.elapsed_us)),
            ("Commands", format::count(clock.commands)),
            ("Acknowledged writes", format::count(layers.acknowledged)),
            ("Trace hash", format!("{:016x}", clock.trace_hash)),
        ]);
    }
    all
}

/// The report as text.
fn text(app: App) -> String {
    let mut text = String::from("Lastsave report\n\n");
    for (name, value) in untrack(|| facts(app)) {
        text.push_str(&format!("{name}: {value}\n"));
    }
    for crash in app.verdicts.get_untracked() {
        text.push_str(&format!(
            "\n{}: {}\n{}\n",
            crash.cause,
            verdict::sentence(&crash),
            crash.explanation
        ));
    }
    text
}

#[component]
pub(crate) fn Report() -> impl IntoView {
    let app = use_app();
    view! {
        <div class="bar">
            <Copy label="Copy as text" what=move || text(app) />
            <button
                title="The lines of this session, which run again natively: lastsave run FILE"
                on:click=move |_| {
                    app.session.with_untracked(|session| download("session.scenario", &session.to_scenario()));
                }
            >
                "Download as scenario"
            </button>
        </div>
        <div class="scroll report" tabindex="0" role="region" aria-label="Report">
            <dl class="facts">
                {move || {
                    facts(app)
                        .into_iter()
                        .map(|(name, value)| {
                            let copied = value.clone();
                            let copy = (name == "Trace hash")
                                .then(|| view! { <Copy label="Copy" what=move || copied.clone() /> });
                            view! {
                                <div>
                                    <dt>{name}</dt>
                                    <dd>
                                        <span>{value}</span>
                                        {copy}
                                    </dd>
                                </div>
                            }
                        })
                        .collect_view()
                }}
            </dl>
            <Crashes />
            <Checks />
            <Writes />
        </div>
    }
}

/// A button that copies a text.
#[component]
fn Copy(label: &'static str, what: impl Fn() -> String + Send + Sync + 'static) -> impl IntoView {
    let said = RwSignal::new(label);
    let copy = move |_| {
        let text = what();
        leptos::task::spawn_local(async move {
            said.set(if copy_text(&text).await {
                "Copied"
            } else {
                "Not allowed: mark it and copy"
            });
        });
    };
    view! {
        <button class="copy" on:click=copy>
            {move || said.get()}
        </button>
    }
}

/// The crashes of the session, each with what it took and how long the recovery was.
#[component]
fn Crashes() -> impl IntoView {
    let app = use_app();
    view! {
        <h3>"Crashes"</h3>
        {move || {
            let all = app.verdicts.get();
            if all.is_empty() {
                view! {
                    <p class="hint">"None yet. A crash and the restart after it are told here: what was acknowledged, what came back, what did not, and why."</p>
                    <p class="row offers">
                        <button class="data" on:click=move |_| app.enter("crash power")>
                            "crash power"
                        </button>
                        <button class="data" on:click=move |_| app.enter("kill -9 $(pgrep redis-server)")>
                            "kill -9 $(pgrep redis-server)"
                        </button>
                    </p>
                }
                    .into_any()
            } else {
                view! { <ol class="crashes">{all.iter().map(crash).collect_view()}</ol> }.into_any()
            }
        }}
    }
}

/// The expectations among the lines, each with what was the case.
#[component]
fn Checks() -> impl IntoView {
    let app = use_app();
    let summary = move || {
        app.checks.with(|checks| {
            let met = checks.iter().filter(|check| check.met).count();
            format!("{met} of {} met", checks.len())
        })
    };
    view! {
        <Show when=move || app.checks.with(|checks| !checks.is_empty())>
            <h3>"Expectations " <span>{summary}</span></h3>
            <ul class="checks">
                {move || {
                    app.checks
                        .get()
                        .into_iter()
                        .map(|check| {
                            let value = check.value.map(|value| format!("it was {}", format::count(value)));
                            view! {
                                <li class:failed=!check.met>
                                    <span aria-hidden="true">{if check.met { "✓" } else { "✗" }}</span>
                                    <span class="sr">{if check.met { "met: " } else { "not met: " }}</span>
                                    <code>{check.claim}</code>
                                    <span class="hint">{(!check.met).then_some(value)}</span>
                                </li>
                            }
                        })
                        .collect_view()
                }}
            </ul>
        </Show>
    }
}

fn crash(verdict: &VerdictView) -> impl IntoView {
    let known = verdict.recovered_known;
    let lost = known && verdict.lost > 0;
    let number = |value: u64| {
        if known {
            format::count(value)
        } else {
            "–".into()
        }
    };
    let numbers = [
        ("acknowledged", format::count(verdict.acknowledged)),
        ("recovered", number(verdict.recovered)),
        ("lost", number(verdict.lost)),
        (
            "recovery",
            if known {
                format::duration_us(verdict.recovery_ms * 1_000)
            } else {
                "–".into()
            },
        ),
    ];
    let numbers = numbers.map(|(name, value)| {
        view! {
            <span>
                {name} " " <strong class:loss=lost && name == "lost">{value}</strong>
            </span>
        }
    });
    view! {
        <li>
            <p>
                <span class="data">{format::time_of_day(verdict.crashed_at_us)}</span>
                " "
                {verdict.cause.clone()}
            </p>
            <p class:loss=lost>{verdict::sentence(verdict)}</p>
            <p class="numbers">{numbers.into_iter().collect_view()}</p>
            <p class="hint">{verdict.explanation.clone()}</p>
        </li>
    }
}
