//! The button that gives everything up, and what it asks before.

use leptos::{html, prelude::*};

use crate::{format, state::use_app};

/// Starts again, but asks first where there is something to lose.
#[component]
pub(crate) fn ResetButton() -> impl IntoView {
    let app = use_app();
    let popover = NodeRef::<html::Div>::new();
    let first = NodeRef::<html::Button>::new();
    let asking = NodeRef::<html::Button>::new();
    let lines = move || app.session.with(|session| session.lines.len());
    let hide = move || {
        if let Some(element) = popover.get_untracked() {
            // It is hidden already if the click came from outside.
            let _ = element.hide_popover();
        }
    };
    let ask = move |_| {
        if app.session.with_untracked(|session| session.lines.len()) <= 1 {
            app.reset();
        } else if let Some(element) = popover.get_untracked() {
            // It can only be open already.
            let _ = element.show_popover();
            // Not by `autofocus`, which a frame of another site may not have.
            if let Some(button) = first.get_untracked() {
                let _ = button.focus();
            }
        }
    };
    // A popover within another one does not give the focus back by itself.
    let give_back = move |_| {
        let is_closed = popover
            .get_untracked()
            .is_some_and(|element| matches!(element.matches(":popover-open"), Ok(false)));
        let focused = document().active_element();
        let is_nowhere = focused == document().body().map(Into::into)
            || popover
                .get_untracked()
                .is_some_and(|element| element.contains(focused.as_deref()));
        if is_closed
            && is_nowhere
            && let Some(button) = asking.get_untracked()
        {
            // A button that has been hidden meanwhile does not take it.
            let _ = button.focus();
        }
    };
    view! {
        <button
            title="Start again on a fresh machine"
            aria-haspopup="dialog"
            node_ref=asking
            on:click=ask
        >
            "Reset"
        </button>
        <div
            id="reset"
            class="popover confirm"
            popover="auto"
            role="dialog"
            aria-labelledby="reset-title"
            node_ref=popover
            on:toggle=give_back
        >
            <p id="reset-title">
                {move || {
                    app.session
                        .with(|session| {
                            format!(
                                "Start again on a fresh machine? “{}” and its {} lines are put aside; you can bring them back.",
                                session.title,
                                format::count(lines() as u64),
                            )
                        })
                }}
            </p>
            <div class="row">
                <button
                    class="primary"
                    node_ref=first
                    on:click=move |_| {
                        hide();
                        app.reset();
                    }
                >
                    "Start again"
                </button>
                <button on:click=move |_| hide()>"Cancel"</button>
            </div>
        </div>
    }
    .into_any()
}
