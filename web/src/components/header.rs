//! The top line: what this is, which session runs, and the few things that concern the whole page.

use leptos::{html, prelude::*};

use super::{help, lesson::Lessons, reset::ResetButton, share::ShareButton};
use crate::{
    examples::{self, Example},
    format,
    state::use_app,
};

#[component]
pub(crate) fn Header() -> impl IntoView {
    let app = use_app();
    let popover = NodeRef::<html::Div>::new();
    let hide = move || {
        if let Some(element) = popover.get_untracked() {
            // It is hidden already if the click came from outside.
            let _ = element.hide_popover();
        }
    };
    let entry = move |example: Example| {
        let (name, about) = (example.name.clone(), example.about.clone());
        view! {
            <li>
                <button
                    class="example"
                    on:click=move |_| {
                        hide();
                        app.open(example.session());
                    }
                >
                    <strong>{name}</strong>
                    <span>{about}</span>
                </button>
            </li>
        }
    };
    let groups = examples::all().into_iter().map(|(name, group)| {
        view! {
            <h2>{name}</h2>
            <ul>{group.into_iter().map(entry).collect_view()}</ul>
        }
    });
    view! {
        <header class="top">
            <h1>
                <svg class="mark" viewBox="0 0 16 16" aria-hidden="true">
                    <path class="m1" d="M1 2.5h14" />
                    <path class="m2" d="M1 6.2h14" />
                    <path class="m3" d="M1 9.9h14" />
                    <path class="m4" d="M1 13.6h14" />
                </svg>
                <span>"Lastsave"</span>
            </h1>
            <p class="title">{move || app.session.with(|session| session.title.clone())}</p>
            <Risk />
            <nav class="row" aria-label="Page">
                <button popovertarget="examples">"Examples"</button>
                <div id="examples" class="popover" popover="auto" node_ref=popover>
                    <p class="hint">"Each one starts on a fresh machine. What you have is put aside."</p>
                    {groups.collect_view()}
                </div>
                <Lessons />
                <ShareButton />
                <button
                    class="icon menu"
                    popovertarget="page-menu"
                    aria-label="More"
                    title="Reset, theme, help"
                >
                    "⋯"
                </button>
                // A popover on phones; elsewhere its buttons stand in the line.
                <div id="page-menu" class="popover" popover="auto">
                    <ResetButton />
                    <ThemeButton />
                    <button
                        class="icon"
                        aria-label="Keyboard help"
                        title="Keyboard help (?)"
                        on:click=move |_| help::open()
                    >
                        "?"
                    </button>
                </div>
            </nav>
        </header>
    }
}

/// The number that is always in view: on a phone the layers are not, so it stands here.
#[component]
fn Risk() -> impl IntoView {
    let app = use_app();
    let writes = Memo::new(move |_| app.layers.with(|layers| layers.exposed_power));
    let lost = Memo::new(move |_| {
        let known = app.verdict.get().filter(|verdict| verdict.recovered_known);
        known.map_or(0, |verdict| verdict.lost)
    });
    // What is at risk now matters more than what was lost before.
    let tells_loss = Memo::new(move |_| writes.get() == 0 && lost.get() > 0);
    view! {
        <p class="risk" class:holds=move || { writes.get() > 0 } class:loss=move || tells_loss.get()>
            {move || if tells_loss.get() { "lost " } else { "at risk " }}
            <strong>
                {move || format::count(if tells_loss.get() { lost.get() } else { writes.get() })}
            </strong>
        </p>
    }
}

/// The themes in the order in which the button goes through them.
const THEMES: [&str; 3] = ["auto", "light", "dark"];

#[component]
fn ThemeButton() -> impl IntoView {
    let root = || document().document_element();
    let chosen = root()
        .and_then(|element| element.get_attribute("data-theme"))
        .and_then(|name| THEMES.iter().position(|theme| *theme == name));
    let theme = RwSignal::new(chosen.unwrap_or(0));
    let turn = move |_| {
        theme.update(|at| *at = (*at + 1) % THEMES.len());
        let name = THEMES[theme.get_untracked()];
        if let Some(element) = root() {
            // An attribute of this name cannot be refused.
            let _ = match name {
                "auto" => element.remove_attribute("data-theme"),
                name => element.set_attribute("data-theme", name),
            };
        }
        if let Ok(Some(storage)) = window().local_storage() {
            // Without storage the choice lasts as long as the page.
            let _ = storage.set_item("lastsave.theme", name);
        }
    };
    view! {
        <button
            class="icon"
            aria-label=move || format!("Theme: {}", THEMES[theme.get()])
            title=move || format!("Theme: {}", THEMES[theme.get()])
            on:click=turn
        >
            <svg viewBox="0 0 16 16" aria-hidden="true">
                <circle cx="8" cy="8" r="6" class="ring" />
                {move || match theme.get() {
                    0 => view! { <path d="M8 2a6 6 0 0 1 0 12z" class="fill" /> }.into_any(),
                    1 => view! { <circle cx="8" cy="8" r="2" class="fill" /> }.into_any(),
                    _ => view! { <circle cx="8" cy="8" r="6" class="fill" /> }.into_any(),
                }}
            </svg>
        </button>
    }
}
