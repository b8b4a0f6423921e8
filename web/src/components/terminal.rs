//! The terminal: what was written, and the line being typed.

use lastsave_scenario::{Progress, Span, Style};
use leptos::{ev, html, prelude::*};

use super::{faults::Faults, lesson::LessonPanel, on_resize, suggest::Suggestions};
use crate::{
    session,
    state::{App, use_app},
};

mod line;

use line::Line;
pub(crate) use line::focus_line;

/// How many pieces of output are kept.
const KEPT_SPANS: u32 = 6_000;
/// A line that runs for longer than this, in milliseconds, shows its progress and can be stopped.
const SHOWN_AFTER_MS: f64 = 300.0;

#[component]
pub(crate) fn Terminal() -> impl IntoView {
    let log = NodeRef::<html::Pre>::new();
    let app = use_app();
    // The end stays in view until a person scrolls away from it.
    let follows = StoredValue::new(true);
    Effect::new(move || {
        if let Some(log) = log.get() {
            on_resize(&log.clone(), move || {
                if follows.get_value() {
                    log.set_scroll_top(log.scroll_height());
                }
            });
        }
    });
    let on_scroll = move |_| {
        if let Some(log) = log.get_untracked() {
            follows.set_value(log.scroll_height() - log.scroll_top() - log.client_height() < 30);
        }
    };
    Effect::new(move || {
        app.output_count.track();
        if let Some(log) = log.get() {
            let waiting = app
                .output
                .try_update_value(std::mem::take)
                .unwrap_or_default();
            write(&log, waiting);
            if follows.get_value() {
                log.set_scroll_top(log.scroll_height());
            }
        }
    });
    let focus = move |event: ev::MouseEvent| {
        // A click into the output goes to the line, unless it marks text.
        let marked = window()
            .get_selection()
            .ok()
            .flatten()
            .is_some_and(|selection| !selection.is_collapsed());
        if !marked && event.detail() == 1 {
            focus_line();
        }
    };
    view! {
        <section
            class="terminal"
            aria-label="Terminal"
            aria-busy=move || if app.busy.get() { "true" } else { "false" }
        >
            <LessonPanel />
            <pre
                class="log"
                role="log"
                aria-label="Output"
                tabindex="0"
                node_ref=log
                on:click=focus
                on:scroll=on_scroll
            ></pre>
            <Running />
            <StripOffer />
            <Suggestions />
            <Line />
            <Faults />
        </section>
    }
}

/// Appends output.
fn write(log: &web_sys::HtmlPreElement, output: Vec<Option<Span>>) {
    for span in output {
        let Some(span) = span else {
            log.set_text_content(None);
            continue;
        };
        let Ok(element) = document().create_element("span") else {
            continue;
        };
        element.set_class_name(class(span.style));
        element.set_text_content(Some(&span.text));
        // The log is an element of this page; it takes children.
        let _ = log.append_child(&element);
    }
    while log.child_element_count() > KEPT_SPANS {
        match log.first_child() {
            Some(first) => drop(log.remove_child(&first)),
            None => break,
        }
    }
}

fn class(style: Style) -> &'static str {
    match style {
        Style::Plain => "plain",
        Style::Prompt => "prompt",
        Style::Input => "typed",
        Style::Dim => "dim",
        Style::Accent => "accent",
        Style::Warning => "warning",
        Style::Loss => "loss",
    }
}

/// Progress of anything long, with a way to stop it.
#[component]
fn Running() -> impl IntoView {
    let app = use_app();
    let running = Memo::new(move |_| match app.progress.get() {
        Progress::Running { what, fraction } if app.running_ms.get() > SHOWN_AFTER_MS => {
            Some((what, (fraction.clamp(0.0, 1.0) * 100.0).floor() as u32))
        }
        _ => None,
    });
    let what = Memo::new(move |_| running.get().map(|(what, _)| what));
    let percent = Memo::new(move |_| running.get().map_or(0, |(_, percent)| percent));
    view! {
        <Show when=move || what.get().is_some()>
            <div class="running">
                <label for="running">{move || what.get()}</label>
                <progress id="running" max="100" value=move || percent.get().to_string()></progress>
                <span class="data">{move || format!("{} %", percent.get())}</span>
                <button title="Ctrl+C" on:click=move |_| app.interrupt()>
                    "Stop"
                </button>
            </div>
        </Show>
    }
}

/// After a configuration with comments behind its directives was written, offers it without them.
#[component]
fn StripOffer() -> impl IntoView {
    let app = use_app();
    let dismissed = RwSignal::new(0);
    let offer = Memo::new(move |_| {
        let lines = app.session.with(|session| session.lines.len());
        let commented = app
            .session
            .with(|session| session::commented_file(&session.lines));
        commented.filter(|_| lines != dismissed.get() && !app.busy.get())
    });
    let strip = move |_| {
        if let Some((path, _)) = offer.get_untracked() {
            app.enter_all(vec![
                format!("strip-comments {path}"),
                format!("redis-server {path}"),
            ]);
        }
    };
    view! {
        <Show when=move || offer.get().is_some()>
            <div class="offer" role="status">
                <p>
                    {move || {
                        offer
                            .get()
                            .map(|(path, lines)| {
                                format!(
                                    "{path} has comments behind {lines} of its directives. Redis takes them as arguments, and refuses to start.",
                                )
                            })
                    }}
                </p>
                <button class="primary" on:click=strip>
                    "Strip them and start"
                </button>
                <button
                    class="quiet"
                    aria-label="Dismiss"
                    on:click=move |_| {
                        dismissed.set(app.session.with_untracked(|session| session.lines.len()));
                    }
                >
                    "×"
                </button>
            </div>
        </Show>
    }
}

/// Writes a configuration file and starts a server with it, in place of the one that may run.
pub(crate) fn write_configuration(app: App, path: &str, text: &str) {
    let up = app
        .clock
        .with_untracked(|clock| clock.as_ref().is_some_and(|clock| clock.server.is_some()));
    let mut lines = session::heredoc(path, text);
    if up {
        lines.push("redis-cli SHUTDOWN NOSAVE".into());
    }
    lines.push(format!("redis-server {path}"));
    app.enter_all(lines);
}
