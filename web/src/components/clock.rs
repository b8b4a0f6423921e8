//! Simulated time: what it is, and how to let it pass.

use leptos::prelude::*;

use crate::{format, state::use_app};

const STEPS: [(&str, &str); 4] = [
    ("+1 s", "advance 1s"),
    ("+1 min", "advance 1m"),
    ("+10 min", "advance 10m"),
    ("+47 min", "advance 47m"),
];
const SPEEDS: [f64; 4] = [1.0, 10.0, 100.0, 1000.0];

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
                    class="play"
                    aria-label=move || if playing() { "Pause the clock" } else { "Play the clock" }
                    title="Space"
                    on:click=move |_| app.toggle_play()
                >
                    <svg viewBox="0 0 12 12" aria-hidden="true">
                        <path d=move || if playing() { "M2 1h3v10H2zM7 1h3v10H7z" } else { "M2 1l9 5-9 5z" } />
                    </svg>
                </button>
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
            </div>
            <p class="runs">
                <span>{move || server.get()}</span>
                {move || workload.get().map(|words| view! { <span>{words}</span> })}
                <span class="elapsed">{move || elapsed.get()}</span>
            </p>
        </div>
    }
}
