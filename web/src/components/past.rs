//! Says that the past is looked at, and what can be done from there; and offers back what was put aside.

use leptos::prelude::*;

use crate::{format, state::use_app};

#[component]
pub(crate) fn PastBanner() -> impl IntoView {
    let app = use_app();
    let is_past = Memo::new(move |_| app.past.with(Option::is_some));
    // Said once: while one moves along the timeline, the slider says each moment.
    Effect::new(move || {
        if is_past.get() {
            app.announcement
                .set("This is the past. A line entered here takes another way.".into());
        }
    });
    let moment = move || {
        let past = app.past.get()?;
        let before_us = past.end_us.saturating_sub(past.at_us);
        let at = format::time_of_day(past.at_us);
        Some((at, format::duration_us(before_us)))
    };
    view! {
        <Show when=move || is_past.get()>
            <div class="banner past" role="status" aria-live="off">
                <p>
                    "You are looking at "
                    <strong>{move || moment().map(|(at, _)| at)}</strong>
                    {move || moment().map(|(_, before)| format!(", {before} before the end. "))}
                    <span class="more">
                        "A line entered here takes another way; what came after is put aside."
                    </span>
                </p>
                <button on:click=move |_| app.travel("present")>"Back to the present"</button>
                <button class="quiet" title="fork" on:click=move |_| app.travel("fork")>
                    "Go on from here"
                </button>
            </div>
        </Show>
        <Aside />
    }
}

/// Offers what was put aside last.
#[component]
fn Aside() -> impl IntoView {
    let app = use_app();
    let dismissed = RwSignal::new(0);
    let offered = Memo::new(move |_| {
        let last = app.branches.with(|branches| branches.last().cloned());
        let is_past = app.past.with(Option::is_some);
        last.filter(|branch| !is_past && branch.number != dismissed.get())
    });
    let take_up = move |_| {
        if let Some(branch) = offered.get_untracked() {
            app.travel(format!("branch {}", branch.number));
        }
    };
    let dismiss = move |_| {
        let number = offered.get_untracked().map_or(0, |branch| branch.number);
        dismissed.set(number);
    };
    view! {
        <Show when=move || offered.with(Option::is_some)>
            <div class="banner" role="status">
                <p>
                    {move || {
                        offered
                            .get()
                            .map(|branch| {
                                format!(
                                    "What came after {} is put aside; it went on until {}.",
                                    format::time_of_day(branch.left_at_us),
                                    format::time_of_day(branch.end_us),
                                )
                            })
                    }}
                </p>
                <button on:click=take_up>"Take it up again"</button>
                <button class="quiet" aria-label="Dismiss" on:click=dismiss>
                    "×"
                </button>
            </div>
        </Show>
    }
}
