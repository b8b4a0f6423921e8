//! The terminal: what was written, and the line being typed.

use lastsave_scenario::{Progress, Span, Style};
use leptos::{ev, html, prelude::*};

use super::{
    faults::Faults,
    lesson::LessonPanel,
    on_resize,
    share::{Held, WaitingLines},
    suggest::Suggestions,
};
use crate::{
    session,
    state::{App, use_app},
};

mod line;

use line::Line;
pub(crate) use line::focus_line;

/// How many pieces of output are kept.
const KEPT_SPANS: u32 = 6_000;
/// How many bytes of one piece are shown: a longer one loses its middle.
const SHOWN_BYTES: usize = 200_000;
/// A screen reader is told so many lines of what a command wrote; of more, their number and the last.
const TOLD_LINES: usize = 4;
/// A line that runs for longer than this, in milliseconds, shows its progress and can be stopped.
const SHOWN_AFTER_MS: f64 = 300.0;

#[component]
pub(crate) fn Terminal() -> impl IntoView {
    let log = NodeRef::<html::Pre>::new();
    let app = use_app();
    // The end stays in view until a person scrolls away from it.
    let follows = StoredValue::new(true);
    let heard = StoredValue::new(Vec::<String>::new());
    let announced = RwSignal::new(String::new());
    Effect::new(move || {
        if let Some(log) = log.get() {
            on_resize(&log.clone(), move || {
                if follows.get_value() {
                    log.set_scroll_top(log.scroll_height());
                }
            });
        }
    });
    let scrolled_to = StoredValue::new(0);
    let on_scroll = move |_| {
        if let Some(log) = log.get_untracked() {
            // A log that has become smaller is not at its end either, but nobody scrolled up.
            let top = log.scroll_top();
            if log.scroll_height() - top - log.client_height() < 30 {
                follows.set_value(true);
            } else if top < scrolled_to.get_value() {
                follows.set_value(false);
            }
            scrolled_to.set_value(top);
        }
    };
    Effect::new(move || {
        app.output_count.track();
        if let Some(log) = log.get() {
            let waiting = app
                .output
                .try_update_value(std::mem::take)
                .unwrap_or_default();
            heard.update_value(|heard| hear(heard, &waiting));
            write(&log, waiting);
            if follows.get_value() {
                log.set_scroll_top(log.scroll_height());
            }
        }
    });
    // The log itself is silent: a workload writes more than anyone can listen to.
    Effect::new(move || {
        app.output_count.track();
        if !app.busy.get() {
            let told = heard.try_update_value(std::mem::take).unwrap_or_default();
            if let Some(told) = told_of(&told) {
                announced.set(told);
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
                aria-live="off"
                tabindex="0"
                node_ref=log
                on:click=focus
                on:scroll=on_scroll
            ></pre>
            <p class="sr" role="status">
                {move || announced.get()}
            </p>
            <Running />
            <Held />
            <WaitingLines />
            <StripOffer />
            <Suggestions />
            <Line />
            <Faults />
        </section>
    }
}

/// Adds the lines of the output, without what was typed.
fn hear(heard: &mut Vec<String>, output: &[Option<Span>]) {
    for span in output {
        match span {
            None => heard.clear(),
            Some(span) if matches!(span.style, Style::Prompt | Style::Input) => {}
            Some(span) => {
                let lines = span.text.lines().filter(|line| !line.trim().is_empty());
                heard.extend(lines.take(SHOWN_BYTES / 100).map(str::to_owned));
            }
        }
    }
}

/// What a screen reader is told of these lines.
fn told_of(lines: &[String]) -> Option<String> {
    match lines {
        [] => None,
        [.., last] if lines.len() > TOLD_LINES => {
            Some(format!("{} lines. The last: {last}", lines.len()))
        }
        few => Some(few.join(". ")),
    }
}

/// A text without its middle, if it is too long to be shown.
fn cut(text: &str) -> String {
    if text.len() <= SHOWN_BYTES {
        return text.to_owned();
    }
    let half = SHOWN_BYTES / 2;
    let begin = text.floor_char_boundary(half);
    let end = text.ceil_char_boundary(text.len() - half);
    let left_out = end - begin;
    format!(
        "{}\n… {left_out} bytes left out …\n{}",
        &text[..begin],
        &text[end..]
    )
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
        element.set_text_content(Some(&cut(&span.text)));
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

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn a_flood_is_told_by_its_number_and_its_end() {
        let lines: Vec<_> = (1..=3).map(|n| format!("line {n}")).collect();
        assert_eq!(told_of(&lines).as_deref(), Some("line 1. line 2. line 3"));
        let lines: Vec<_> = (1..=50).map(|n| format!("line {n}")).collect();
        assert_eq!(
            told_of(&lines).as_deref(),
            Some("50 lines. The last: line 50")
        );
        assert_eq!(told_of(&[]), None);
    }

    #[test]
    fn a_long_text_keeps_both_ends() {
        let text = "é".repeat(SHOWN_BYTES);
        let shown = cut(&text);
        assert!(shown.len() < SHOWN_BYTES + 100);
        assert!(shown.contains("bytes left out"));
        assert_eq!(cut("short"), "short");
    }
}
