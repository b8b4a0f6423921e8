//! The panel of a lesson, above the terminal: what it tells and asks, its lines, and what they came to.

use lastsave_scenario::{CheckView, Question, prose_pieces};
use leptos::{html, prelude::*};

use crate::{
    examples, format, lesson,
    lesson::Reading,
    session::Session,
    state::{App, use_app},
};

/// The menu of lessons, for the header.
#[component]
pub(crate) fn Lessons() -> impl IntoView {
    let app = use_app();
    let popover = NodeRef::<html::Div>::new();
    let finished = RwSignal::new(lesson::finished());
    let entry = move |(number, text): (usize, &'static str)| {
        let reading = Reading::of(text)?;
        let name = reading.lesson.name.clone();
        let about = format::capitalised(&reading.lesson.about);
        let is_finished = {
            let name = name.clone();
            move || finished.with(|names| names.contains(&name))
        };
        Some(view! {
            <li>
                <button
                    class="example"
                    on:click=move |_| {
                        if let Some(element) = popover.get_untracked() {
                            // It is hidden already if the click came from outside.
                            let _ = element.hide_popover();
                        }
                        app.open_lesson(text);
                    }
                >
                    <strong>{format!("{number}. {name}")}</strong>
                    <span>{about}</span>
                    <Show when=is_finished>
                        <span class="finished">" Read to its end."</span>
                    </Show>
                </button>
            </li>
        })
    };
    let entries = (1..).zip(examples::lessons()).filter_map(entry);
    view! {
        <button popovertarget="lessons" on:click=move |_| finished.set(lesson::finished())>
            "Lessons"
        </button>
        <div id="lessons" class="popover" popover="auto" node_ref=popover>
            <p class="hint">
                "Each tells a story, asks before the crash, and then crashes. It starts on a fresh machine; what you have is put aside."
            </p>
            <ul>{entries.collect_view()}</ul>
        </div>
    }
}

/// The panel of the lesson that is open, if one is.
#[component]
pub(crate) fn LessonPanel() -> impl IntoView {
    let app = use_app();
    let open = Memo::new(move |_| {
        app.lesson_shown()
            .map(|reading| reading.lesson.name.clone())
    });
    view! { {move || open.get().map(|name| view! { <Panel name /> }.into_any())} }
}

#[component]
fn Panel(name: String) -> impl IntoView {
    let app = use_app();
    let unfolded = RwSignal::new(true);
    let body = NodeRef::<html::Div>::new();
    let at = Memo::new(move |_| app.lesson_shown().map_or(0, |reading| reading.at));
    let count = app
        .lesson_shown()
        .map_or(0, |reading| reading.lesson.steps.len());
    let done = Memo::new(move |_| {
        let entered = |reading: Reading| app.session.with(|s| reading.done(&s.lines));
        app.lesson_shown().map_or(0, entered)
    });
    let is_done = Memo::new(move |_| done.get() > at.get());
    let go = move |to: usize| {
        app.update_lesson(|reading| reading.at = to);
        if let Some(body) = body.get_untracked() {
            // A reader, and a screen reader, go on at the top.
            body.set_scroll_top(0);
            let _ = body.focus();
        }
    };
    let finished_name = name.clone();
    Effect::new(move || {
        if at.get() + 1 == count && is_done.get() {
            lesson::finish(&finished_name);
        }
    });
    view! {
        <section class="lesson" class:folded=move || !unfolded.get() aria-label="Lesson">
            <div class="lesson-head">
                <button
                    class="quiet fold"
                    aria-expanded=move || unfolded.get().to_string()
                    aria-controls="lesson-body"
                    on:click=move |_| unfolded.update(|unfolded| *unfolded = !*unfolded)
                >
                    <svg viewBox="0 0 16 16" aria-hidden="true">
                        <path d="M4 6l4 4 4-4" />
                    </svg>
                    <h2>{name}</h2>
                </button>
                <span class="place">{move || format!("{} of {count}", at.get() + 1)}</span>
                <span class="space"></span>
                <button
                    class="quiet"
                    aria-label="Restart the lesson"
                    title="The lesson again, on a fresh machine"
                    on:click=move |_| {
                        if let Some(reading) = app.lesson_shown() {
                            app.open_lesson(&reading.text);
                        }
                    }
                >
                    <span class="long">"Restart"</span>
                    <span class="short">"↺"</span>
                </button>
                <button
                    class="quiet"
                    aria-label="As a scenario, all at once"
                    title="All of it in the terminal at once, on a fresh machine"
                    on:click=move |_| open_plain(app)
                >
                    <span class="long">"As a scenario"</span>
                    <span class="short">"All"</span>
                </button>
                <button
                    class="quiet"
                    aria-label="Close the lesson"
                    title="Close the lesson; the machine stays"
                    on:click=move |_| app.lesson.set(None)
                >
                    "×"
                </button>
            </div>
            <div
                class="lesson-body"
                id="lesson-body"
                tabindex="-1"
                node_ref=body
                hidden=move || !unfolded.get()
            >
                {move || {
                    at.track();
                    app.lesson_shown_untracked()
                        .map(|reading| view! { <Step reading is_done /> }.into_any())
                }}
            </div>
            <div class="lesson-foot row" hidden=move || !unfolded.get()>
                <button disabled=move || at.get() == 0 on:click=move |_| go(at.get() - 1)>
                    "Back"
                </button>
                <span class="space"></span>
                <Action at count is_done go />
            </div>
        </section>
    }
}

/// The one button to press next: it runs the step's lines, and then leads to the next step.
#[component]
fn Action(
    at: Memo<usize>,
    count: usize,
    is_done: Memo<bool>,
    go: impl Fn(usize) + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let app = use_app();
    let unanswered = Memo::new(move |_| {
        app.lesson_shown().is_some_and(|reading| {
            reading.step().question.is_some() && reading.answers[reading.at].is_none()
        })
    });
    let commands = Memo::new(move |_| {
        app.lesson_shown()
            .map_or(0, |reading| reading.step().commands())
    });
    let is_last = move || at.get() + 1 == count;
    let waits = move || !is_done.get() && (unanswered.get() || app.busy.get());
    let press = move |_| {
        if is_done.get_untracked() {
            match at.get_untracked() + 1 {
                next if next < count => go(next),
                _ => app.lesson.set(None),
            }
        } else if !untrack(waits)
            && let Some(reading) = app.lesson_shown_untracked()
        {
            app.enter_all(reading.step().lines.clone());
        }
    };
    let label = move || match commands.get() {
        _ if is_done.get() && is_last() => "Close the lesson".to_owned(),
        _ if is_done.get() => "Next".to_owned(),
        1 => "Run this line".to_owned(),
        commands => format!("Run these {commands} lines"),
    };
    view! {
        <Show when=move || !is_done.get() && unanswered.get()>
            <span class="hint" id="lesson-wait">
                "Choose an answer first. A wrong one is fine."
            </span>
        </Show>
        <button
            class="primary"
            aria-disabled=move || waits().to_string()
            aria-describedby="lesson-wait"
            on:click=press
        >
            {label}
        </button>
    }
}

/// What a step tells and asks, its lines, and what came of them.
#[component]
fn Step(reading: Reading, is_done: Memo<bool>) -> impl IntoView {
    let step = reading.step();
    let prose = step
        .prose
        .iter()
        .map(|paragraph| view! { <p>{prose(paragraph)}</p> });
    let lines = step.script().join("\n");
    let question = step.question.clone().map(|question| {
        let at = reading.at;
        view! { <Ask question at /> }
    });
    view! {
        {prose.collect_view()}
        {question}
        <pre class="lesson-lines" hidden=move || is_done.get()>
            {lines}
        </pre>
        <Outcome is_done />
    }
}

#[component]
fn Ask(question: Question, at: usize) -> impl IntoView {
    let app = use_app();
    let chosen = Memo::new(move |_| {
        app.lesson_shown()
            .and_then(|reading| *reading.answers.get(at)?)
    });
    let answers = question.answers.clone();
    let choices = question.answers.into_iter().enumerate().map(|(index, answer)| {
        view! {
            <label class="answer">
                <input
                    type="radio"
                    name=format!("lesson-{at}")
                    prop:checked=move || chosen.get() == Some(index)
                    on:change=move |_| app.update_lesson(|reading| reading.answers[at] = Some(index))
                />
                <span>{prose(&answer.text)}</span>
            </label>
        }
    });
    let feedback = move || {
        let answer = answers.get(chosen.get()?)?;
        let word = if answer.right { "Yes. " } else { "Not quite. " };
        let why = prose(&format::capitalised(&answer.why));
        Some(view! {
            <p class="feedback" class:right=answer.right>
                <strong>{word}</strong>
                {why}
            </p>
        })
    };
    let place = NodeRef::<html::Div>::new();
    Effect::new(move || {
        if chosen.get().is_some()
            && let Some(place) = place.get()
        {
            place.scroll_into_view_with_bool(false);
        }
    });
    view! {
        <fieldset>
            <legend>{prose(&question.text)}</legend>
            {choices.collect_view()}
        </fieldset>
        <div role="status" node_ref=place>
            {feedback}
        </div>
    }
}

/// The step's expectations, once its lines have been carried out.
#[component]
fn Outcome(is_done: Memo<bool>) -> impl IntoView {
    let app = use_app();
    let claims = Memo::new(move |_| {
        if !is_done.get() || app.busy.get() {
            return Vec::new();
        }
        app.lesson_shown_untracked()
            .map(|reading| app.checks.with(|checks| reading.claims(checks)))
            .unwrap_or_default()
    });
    let place = NodeRef::<html::Div>::new();
    Effect::new(move || {
        if !claims.with(Vec::is_empty)
            && let Some(place) = place.get()
        {
            place.scroll_into_view_with_bool(false);
        }
    });
    view! {
        <div role="status" node_ref=place>
            <Show when=move || !claims.with(Vec::is_empty)>
                <ul class="checks" aria-label="What was expected">
                    {move || claims.get().into_iter().map(check).collect_view()}
                </ul>
            </Show>
        </div>
    }
}

fn check((claim, check): (String, Option<CheckView>)) -> impl IntoView {
    let (mark, word) = match &check {
        Some(check) if check.met => ("✓", "met"),
        Some(_) => ("✗", "not met"),
        None => ("·", "not checked yet"),
    };
    // A number that is claimed to the last digit need not be said again.
    let value = check
        .and_then(|check| check.value)
        .filter(|_| !claim.contains("=="))
        .map(|value| format!(" it is {}", format::count(value)));
    view! {
        <li class:unmet=word == "not met">
            <span aria-hidden="true">{mark}</span>
            <span class="sr">{word}</span>
            <code>{claim}</code>
            {value}
        </li>
    }
}

/// The lesson as the scenario it is, run from beginning to end.
fn open_plain(app: App) {
    if let Some(session) = app
        .lesson_shown()
        .and_then(|reading| Session::from_scenario(&reading.text))
    {
        app.lesson.set(None);
        app.open(session);
    }
}

/// Text with its code set apart. It is text to the browser, whatever is in it.
fn prose(text: &str) -> Vec<AnyView> {
    let piece = |(is_code, text): (bool, &str)| {
        let text = text.to_owned();
        if is_code {
            view! { <code>{text}</code> }.into_any()
        } else {
            text.into_any()
        }
    };
    prose_pieces(text).into_iter().map(piece).collect()
}
