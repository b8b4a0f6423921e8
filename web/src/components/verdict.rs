//! What the last crash took.

use lastsave_scenario::VerdictView;
use leptos::prelude::*;

use super::faults;
use crate::{
    format,
    state::{Tab, use_app},
};

/// The verdict in one sentence.
pub(crate) fn sentence(verdict: &VerdictView) -> String {
    if !verdict.recovered_known {
        return format!(
            "{} at {}. The server is down.",
            verdict.cause,
            format::time_of_day(verdict.crashed_at_us)
        );
    }
    match verdict.lost {
        0 => format!(
            "Nothing lost: all {} acknowledged writes are there.",
            format::count(verdict.acknowledged)
        ),
        lost => format!(
            "{} of {} acknowledged writes lost, the oldest {} old.",
            format::count(lost),
            format::count(verdict.acknowledged),
            format::duration_us(verdict.oldest_lost_ms * 1_000)
        ),
    }
}

#[component]
pub(crate) fn Verdict() -> impl IntoView {
    let app = use_app();
    let folded = RwSignal::new(false);
    let judged = Memo::new(move |_| {
        app.verdict
            .with(|verdict| verdict.as_ref().map(|v| (v.crashed_at_us, v.lost)))
    });
    // A new crash tells all, unless nothing was lost or what is under it would have no room.
    Effect::new(move || {
        let lossless = judged.get().is_some_and(|(_, lost)| lost == 0);
        folded.set(lossless || is_low());
    });
    view! {
        {move || {
            app.verdict
                .get()
                .map(|verdict| {
                    if verdict.recovered_known {
                        view! { <Known verdict folded /> }.into_any()
                    } else {
                        view! { <Down verdict /> }.into_any()
                    }
                })
        }}
    }
}

/// Whether the page stands beside the terminal in a low window.
fn is_low() -> bool {
    let number = |size: Result<wasm_bindgen::JsValue, _>| size.ok().and_then(|size| size.as_f64());
    let (width, height) = (
        number(window().inner_width()),
        number(window().inner_height()),
    );
    width.is_some_and(|width| width > 760.0) && height.is_some_and(|height| height < 820.0)
}

/// The server is down: nobody knows yet.
#[component]
fn Down(verdict: VerdictView) -> impl IntoView {
    let app = use_app();
    view! {
        <section class="verdict down" aria-label="Verdict">
            <p class="headline">"The server is down"</p>
            <p>
                {format::capitalised(&verdict.cause)} " at "
                {format::time_of_day(verdict.crashed_at_us)} ". "
                {format::writes(verdict.acknowledged)}
                " had been acknowledged. What is left of them is known once a server has loaded the files."
            </p>
            <button class="primary" on:click=move |_| faults::restart(app)>
                "Start the server again"
            </button>
        </section>
    }
}

#[component]
fn Known(verdict: VerdictView, folded: RwSignal<bool>) -> impl IntoView {
    let lost = verdict.lost;
    let width = |part: u64| {
        let share = part as f64 / verdict.acknowledged.max(1) as f64 * 100.0;
        // Even one write among a million is seen.
        if part > 0 {
            format!("{:.2}%", share.clamp(0.6, 99.4))
        } else {
            "0".into()
        }
    };
    let recovered_width = if lost == 0 {
        "100%".into()
    } else {
        width(verdict.recovered)
    };
    let lost_width = if verdict.recovered == 0 && lost > 0 {
        "100%".into()
    } else {
        width(lost)
    };
    let fact = |name: &'static str, value: String| {
        view! {
            <div>
                <dt>{name}</dt>
                <dd>{value}</dd>
            </div>
        }
    };
    let keys = format!(
        "{} → {}",
        format::count(verdict.keys_before),
        format::count(verdict.keys_after)
    );
    let mut differing = format!(
        "{} gone, {} changed",
        format::count(verdict.keys_gone),
        format::count(verdict.keys_changed)
    );
    if verdict.keys_unexpected > 0 {
        differing.push_str(&format!(
            ", {} unexpected",
            format::count(verdict.keys_unexpected)
        ));
    }
    let app = use_app();
    let show_keys = move |_| {
        app.keys_wanted.update(|wanted| {
            wanted.changed_only = true;
            wanted.offset = 0;
        });
        app.tab.set(Tab::Keys);
        folded.set(true);
    };
    let differs = verdict.keys_gone + verdict.keys_changed + verdict.keys_unexpected > 0;
    let oldest = match lost {
        0 => "–".into(),
        _ => format::duration_us(verdict.oldest_lost_ms * 1_000),
    };
    let acknowledged = format::count(verdict.acknowledged);
    let (headline, of) = match (lost, verdict.acknowledged) {
        (0, 0) => ("Nothing lost".to_owned(), "nothing was written".to_owned()),
        (0, _) => (
            "Nothing lost".to_owned(),
            format!("of {acknowledged} writes"),
        ),
        _ => (
            format!("{} lost", format::writes(lost)),
            format!("of {acknowledged} acknowledged"),
        ),
    };
    let unacknowledged = (verdict.unacknowledged > 0).then(|| {
        let (all, kept) = (verdict.unacknowledged, verdict.unacknowledged_kept);
        fact(
            "Never acknowledged",
            format!("{}, {} there", format::count(all), format::count(kept)),
        )
    });
    view! {
        <section
            class="verdict"
            class:lossless=lost == 0
            class:folded=move || folded.get()
            aria-label="Verdict"
        >
            <div class="head">
                <p class="headline">{headline}</p>
                <p class="cause">
                    {of} " · " {verdict.cause.clone()} " at "
                    {format::time_of_day(verdict.crashed_at_us)}
                </p>
                {differs.then(|| view! { <button on:click=show_keys>"Keys that differ"</button> })}
                <button
                    class="quiet"
                    aria-expanded=move || if folded.get() { "false" } else { "true" }
                    on:click=move |_| folded.update(|folded| *folded = !*folded)
                >
                    {move || if folded.get() { "Details" } else { "Fold" }}
                </button>
            </div>
            <div class="share" aria-hidden="true">
                <span class="kept" style:width=recovered_width></span>
                <span class="lost" style:width=lost_width></span>
            </div>
            <div class="details" hidden=move || folded.get()>
                <p class="why">{verdict.explanation.clone()}</p>
                <dl>
                    {fact("Acknowledged", acknowledged)}
                    {fact("Recovered", format::count(verdict.recovered))}
                    {fact("Lost", format::count(lost))}
                    {fact("Oldest lost", oldest)}
                    {fact("Recovery took", format::duration_us(verdict.recovery_ms * 1_000))}
                    {unacknowledged} {fact("Keys", keys)}
                    {fact("Keys differing", differing)}
                </dl>
            </div>
        </section>
    }
}
