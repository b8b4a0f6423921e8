//! Simulated time: what it is, and how to let it pass.

use leptos::prelude::*;

use crate::{format, state::use_app};

const STEPS: [(&str, &str); 4] = [
    ("+1 s", "advance 1s"),
    ("+1 min", "advance 1m"),
    ("+10 min", "advance 10m"),
    ("+47 min", "advance 47m"),
];
const SPEEDS: [f64; 6] = [0.1, 1.0, 10.0, 100.0, 1_000.0, 10_000.0];
/// What one steps to, forwards and back.
const KINDS: [&str; 5] = ["command", "write", "fsync", "save", "rewrite"];

#[component]
pub(crate) fn Clock() -> impl IntoView {
    let app = use_app();
    let now_us = Memo::new(move |_| app.clock.with(|clock| clock.as_ref().map(|c| c.now_us)));
    let elapsed = Memo::new(move |_| {
        app.clock.with(|clock| {
            let elapsed_us = clock.as_ref().map_or(0, |c| c.elapsed_us);
            format!("{} since the start", format::duration_us(elapsed_us))
        })
    });
    let server = Memo::new(move |_| {
        app.clock.with(|clock| {
            clock
                .as_ref()
                .map(|clock| clock.server.clone().unwrap_or_else(|| "no server".into()))
        })
    });
    let workload = Memo::new(move |_| {
        app.clock
            .with(|clock| clock.as_ref().and_then(|clock| clock.workload.clone()))
    });
    let playing = move || app.playing.get().is_some();
    let kind = RwSignal::new("fsync");
    let can_undo = move || app.session.with(|session| !session.lines.is_empty());
    view! {
        <div class="clock">
            <p class="now">
                <span class="time-of-day">
                    {move || now_us.get().map_or("--:--:--.---".into(), format::time_of_day)}
                </span>
                <span class="day">{move || now_us.get().map(format::date)}</span>
            </p>
            <div class="controls" role="group" aria-label="Clock">
                <button
                    class="play back"
                    aria-label=move || format!("Back to the last {}", kind.get())
                    title=move || format!("back {}", kind.get())
                    on:click=move |_| app.travel(format!("back {}", kind.get_untracked()))
                >
                    <svg viewBox="0 0 12 12" aria-hidden="true">
                        <path d="M11 1L4 6l7 5zM1 1h2v10H1z" />
                    </svg>
                </button>
                <button
                    class="play"
                    aria-label=move || if playing() { "Pause the clock" } else { "Play the clock" }
                    title="Space"
                    on:click=move |_| app.toggle_play()
                >
                    <svg viewBox="0 0 12 12" aria-hidden="true">
                        <path d=move || if playing() { "M2 1h3v10H2zM7 1h3v10H7z" } else { "M2 1l9 5-9 5z" } />
                    </svg>
                </button>
                <button
                    class="play step"
                    aria-label=move || format!("Step to the next {}", kind.get())
                    title=move || format!("step {}", kind.get())
                    on:click=move |_| app.travel(format!("step {}", kind.get_untracked()))
                >
                    <svg viewBox="0 0 12 12" aria-hidden="true">
                        <path d="M1 1l7 5-7 5zM9 1h2v10H9z" />
                    </svg>
                </button>
                <label class="steps">
                    <span class="sr">"Kind of step"</span>
                    <select on:change=move |event| {
                        let chosen = event_target_value(&event);
                        if let Some(known) = KINDS.into_iter().find(|known| *known == chosen) {
                            kind.set(known);
                        }
                    }>
                        {KINDS
                            .into_iter()
                            .map(|word| {
                                view! {
                                    <option value=word selected=move || kind.get() == word>
                                        {word}
                                    </option>
                                }
                            })
                            .collect_view()}
                    </select>
                </label>
                <label class="speed">
                    <span class="sr">"Speed"</span>
                    <select on:change=move |event| {
                        if let Ok(speed) = event_target_value(&event).parse() {
                            app.set_speed(speed);
                        }
                    }>
                        {SPEEDS
                            .iter()
                            .map(|speed| {
                                let speed = *speed;
                                view! {
                                    <option value=speed.to_string() selected=move || app.speed.get() == speed>
                                        {format!("×{speed}")}
                                    </option>
                                }
                            })
                            .collect_view()}
                    </select>
                </label>
                {STEPS
                    .iter()
                    .map(|(label, line)| {
                        view! {
                            <button title=*line on:click=move |_| app.enter(*line)>
                                {*label}
                            </button>
                        }
                    })
                    .collect_view()}
                <button
                    class="undo"
                    aria-label="Undo the last line"
                    title="undo: the machine as it was before the last line"
                    disabled=move || !can_undo()
                    on:click=move |_| app.travel("undo")
                >
                    "Undo"
                </button>
            </div>
            <p class="runs">
                <span>{move || server.get()}</span>
                {move || workload.get().map(|words| view! { <span>{words}</span> })}
                <span class="elapsed">{move || elapsed.get()}</span>
            </p>
        </div>
    }
}
