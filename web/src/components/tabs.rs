//! The tabs under the layers.

use leptos::{ev, html, prelude::*};
use wasm_bindgen::JsCast;

use super::{
    compare::Compare, config::Configuration, files::Files, info::Info, keys::Keys, report::Report,
    sweep::Sweep,
};
use crate::state::{Tab, use_app};

const TABS: &[(Tab, &str, &str)] = &[
    (Tab::Keys, "keys", "Keys"),
    (Tab::Files, "files", "Files"),
    (Tab::Configuration, "configuration", "Configuration"),
    (Tab::Info, "info", "Info & alerts"),
    (Tab::Report, "report", "Report"),
    (Tab::Sweep, "sweep", "Sweep"),
    (Tab::Compare, "compare", "Compare"),
];

/// What a tab is called in links.
pub(crate) fn name(tab: Tab) -> &'static str {
    TABS.iter()
        .find(|(known, ..)| *known == tab)
        .map_or("keys", |(_, id, _)| id)
}

/// The tab that a link calls so.
pub(crate) fn named(name: &str) -> Option<Tab> {
    TABS.iter()
        .find(|(_, id, _)| *id == name)
        .map(|(tab, ..)| *tab)
}

#[component]
pub(crate) fn Tabs() -> impl IntoView {
    let app = use_app();
    let strip = NodeRef::<html::Div>::new();
    let on_key = move |event: ev::KeyboardEvent| {
        let at = TABS
            .iter()
            .position(|(tab, ..)| *tab == app.tab.get_untracked());
        let at = at.unwrap_or(0);
        let next = match event.key().as_str() {
            "ArrowRight" => (at + 1) % TABS.len(),
            "ArrowLeft" => (at + TABS.len() - 1) % TABS.len(),
            "Home" => 0,
            "End" => TABS.len() - 1,
            _ => return,
        };
        event.prevent_default();
        app.tab.set(TABS[next].0);
        let button = document()
            .get_element_by_id(&format!("tab-{}", TABS[next].1))
            .and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok());
        if let Some(button) = button {
            // Focusing a button that is in the page cannot fail.
            let _ = button.focus();
        }
    };
    let buttons = TABS.iter().map(|(tab, id, label)| {
        let open = move || app.tab.get() == *tab;
        view! {
            <button
                role="tab"
                id=format!("tab-{id}")
                aria-controls="panel"
                aria-selected=move || if open() { "true" } else { "false" }
                tabindex=move || if open() { "0" } else { "-1" }
                on:click=move |_| app.tab.set(*tab)
            >
                {*label}
                {(*tab == Tab::Info)
                    .then(|| {
                        view! {
                            <Show when=move || { app.firing.get() > 0 }>
                                <span class="badge">
                                    {move || app.firing.get()} <span class="sr">" firing"</span>
                                </span>
                            </Show>
                        }
                    })}
            </button>
        }
    });
    // On a narrow screen the strip scrolls: the open tab comes into view.
    Effect::new(move || {
        let open = TABS.iter().find(|(tab, ..)| *tab == app.tab.get());
        let button = open.and_then(|(_, id, _)| document().get_element_by_id(&format!("tab-{id}")));
        if let (Some(button), Some(strip)) = (
            button.and_then(|button| button.dyn_into::<web_sys::HtmlElement>().ok()),
            strip.get(),
        ) {
            let (left, width) = (button.offset_left(), button.offset_width());
            strip.set_scroll_left(left - (strip.client_width() - width) / 2);
        }
    });
    let labelled_by = move || {
        let open = TABS.iter().find(|(tab, ..)| *tab == app.tab.get());
        format!("tab-{}", open.map_or("keys", |(_, id, _)| id))
    };
    view! {
        <div class="tabs" node_ref=strip role="tablist" aria-label="The machine in detail" on:keydown=on_key>
            {buttons.collect_view()}
        </div>
        <div id="panel" class="panel" role="tabpanel" aria-labelledby=labelled_by>
            {move || match app.tab.get() {
                Tab::Keys => view! { <Keys /> }.into_any(),
                Tab::Files => view! { <Files /> }.into_any(),
                Tab::Configuration => view! { <Configuration /> }.into_any(),
                Tab::Info => view! { <Info /> }.into_any(),
                Tab::Report => view! { <Report /> }.into_any(),
                Tab::Sweep => view! { <Sweep /> }.into_any(),
                Tab::Compare => view! { <Compare /> }.into_any(),
            }}
        </div>
    }
}
