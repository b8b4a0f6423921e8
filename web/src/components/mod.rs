//! The page's parts, and how they are put together.

mod clock;
mod compare;
mod config;
mod dropped;
mod faults;
pub(crate) mod files;
mod header;
mod help;
mod info;
mod keys;
mod layers;
mod lesson;
mod past;
mod report;
mod reset;
pub(crate) mod share;
mod suggest;
mod sweep;
pub(crate) mod tabs;
mod terminal;
mod timeline;
pub(crate) mod verdict;
mod writes;

use leptos::{ev, prelude::*};
use wasm_bindgen::{JsCast, closure::Closure};

use crate::{
    embed,
    state::{App, use_app},
};

/// Puts the page where the loading notice was.
pub(crate) fn mount() {
    if let Some(boot) = document().get_element_by_id("boot") {
        boot.remove();
    }
    embed::settle_address();
    mount_to_body(Page);
}

#[component]
fn Page() -> impl IntoView {
    let app = App::new();
    provide_context(app);
    provide_context(crate::lab::Lab::new());
    app.start();
    embed::start(app);
    listen_to_keys(app);
    let top = if embed::is_embedded() {
        view! { <embed::Bar /> }.into_any()
    } else {
        view! { <header::Header /> }.into_any()
    };
    view! {
        {top}
        // What concerns the whole machine for a while: a moment of the past, lines from a link.
        <div class="banners">
            <past::PastBanner />
        </div>
        <main class="lab">
            <terminal::Terminal />
            <section class="time" aria-label="Time">
                <clock::Clock />
                <timeline::Timeline />
            </section>
            <section class="machine" aria-label="Machine">
                <layers::Layers />
                <verdict::Verdict />
                <tabs::Tabs />
            </section>
        </main>
        <Failure />
        <UndoOffer />
        <dropped::Dropped />
        <share::Notices />
        <share::ShareDialog />
        <help::Help />
        <p class="sr" role="status">
            {move || app.announcement.get()}
        </p>
    }
}

/// Calls back whenever the size of an element of the page changes, and at first. The element stays as long as the page.
pub(crate) fn on_resize(element: &web_sys::Element, changed: impl FnMut() + 'static) {
    let callback = Closure::<dyn FnMut()>::new(changed);
    if let Ok(observer) = web_sys::ResizeObserver::new(callback.as_ref().unchecked_ref()) {
        observer.observe(element);
    }
    callback.forget();
}

/// Keys that work wherever no text is being typed.
fn listen_to_keys(app: App) {
    let handle = window_event_listener(ev::keydown, move |event| {
        let target = event
            .target()
            .and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        let tag = target.as_ref().map(web_sys::Element::tag_name);
        let typing = matches!(tag.as_deref(), Some("INPUT" | "TEXTAREA" | "SELECT"));
        let pressing = matches!(tag.as_deref(), Some("BUTTON" | "A" | "SUMMARY"));
        let modified = event.ctrl_key() || event.alt_key() || event.meta_key();
        if typing || modified || embed::is_readonly() {
            return;
        }
        match event.key().as_str() {
            "?" => help::open(),
            " " if !pressing => {
                event.prevent_default();
                app.toggle_play();
            }
            "`" | "/" => {
                event.prevent_default();
                terminal::focus_line();
            }
            _ => {}
        }
    });
    on_cleanup(move || handle.remove());
}

/// Says that the engine cannot go on, and what to do.
#[component]
fn Failure() -> impl IntoView {
    let app = use_app();
    view! {
        <Show when=move || app.failure.get().is_some()>
            <div class="toast failure" role="alert">
                <p>
                    <strong>"The engine stopped. "</strong>
                    "This is a defect of Lastsave, not of what you typed. Start on a fresh machine; your lines can be brought back."
                </p>
                <p class="data">{move || app.failure.get()}</p>
                <p class="row">
                    <button on:click=move |_| app.reset()>"Fresh machine"</button>
                </p>
            </div>
        </Show>
    }
}

/// Offers the session back that was given up last.
#[component]
fn UndoOffer() -> impl IntoView {
    let app = use_app();
    view! {
        <Show when=move || app.undo.get().is_some_and(|left| left.lines.len() > 1)>
            <div class="toast" role="status">
                <p>
                    {move || {
                        app.undo
                            .get()
                            .map(|left| format!("“{}” was put aside.", left.title))
                    }}
                </p>
                <button on:click=move |_| app.take_back()>"Bring it back"</button>
                <button
                    class="quiet"
                    aria-label="Dismiss"
                    on:click=move |_| app.undo.set(None)
                >
                    "×"
                </button>
            </div>
        </Show>
    }
}
