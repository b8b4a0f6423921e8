//! The page inside another one: what its address asks for, and the messages it exchanges with its host.
//!
//! docs/embedding.md describes both; web/embed.d.ts has the types. The address names the origins whose pages may command this
//! one; whatever others say is passed over, and what happens here is told to those origins only.

use std::cell::RefCell;

use js_sys::{Array, Object, Reflect};
use lastsave_scenario::link::{self, Link};
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{MessageEvent, UrlSearchParams, Window};

use crate::{components::verdict, share, state::App};

/// The version of the messages.
const VERSION: f64 = 1.0;
/// How high the page wants to be where its parts stand side by side, in CSS pixels.
const HEIGHT: i32 = 480;
/// Up to this width, in CSS pixels, they stand one above the other.
const NARROW: f64 = 760.0;

/// Whether the page is inside another one, in its compact form. web/theme.js has marked it before the first paint.
pub(crate) fn is_embedded() -> bool {
    has_mark("data-embed")
}

/// Whether a reader can only run and reset what is there.
pub(crate) fn is_readonly() -> bool {
    has_mark("data-readonly")
}

fn has_mark(name: &str) -> bool {
    let root = document().document_element();
    root.is_some_and(|element| element.has_attribute(name))
}

thread_local! {
    /// What the page came with, or what the host has loaded since: a link.
    static SOURCE: RefCell<Option<String>> = RefCell::default();
}

/// Puts the tab and the `autorun` that an element asks for into the link in the address: the rest of the page knows links only.
pub(crate) fn settle_address() {
    if !is_embedded() {
        return;
    }
    let hash = window().location().hash().unwrap_or_default();
    let asked = asked();
    let (tab, autorun) = (asked.get("tab"), asked.has("autorun"));
    let link = match hash.strip_prefix("#scenario=") {
        Some(text) => js_sys::decode_uri_component(text)
            .ok()
            .map(|text| Link::new(String::from(text))),
        None => link::decode(&hash).ok(),
    };
    // What is wrong with the address is said by whoever opens it.
    let Some(mut link) = link else { return };
    link.tab = tab.or(link.tab);
    link.autorun |= autorun;
    settle(&link);
}

/// Makes a link the one in the address, and the one to start again with. Says whether it can be one; if not, the host is told.
fn settle(link: &Link) -> bool {
    match link::encode(link) {
        Ok(fragment) => {
            let address = format!("#{fragment}");
            // A browser that refuses, because it was asked too often, keeps the address it has.
            let _ = window().history().and_then(|history| {
                history.replace_state_with_url(&JsValue::NULL, "", Some(&address))
            });
            SOURCE.set(Some(address));
            true
        }
        Err(error) => {
            report(&error.to_string());
            false
        }
    }
}

/// Listens to the host and tells it what happens. Does nothing if there is none.
pub(crate) fn start(app: App) {
    let Some(host) = host() else { return };
    listen(app, host);
    let ready = Memo::new(move |_| app.clock.with(Option::is_some));
    Effect::new(move || {
        if ready.get() {
            let engine = ("engine", link::ENGINE_VERSION.into());
            tell("ready", &[engine], &["*".into()]);
        }
    });
    Effect::new(move || tell("state", &state(app), &origins()));
    Effect::new(move || {
        let verdict = app.verdict.get().filter(|verdict| verdict.recovered_known);
        if let Some(verdict) = verdict {
            let fields = [
                ("acknowledged", (verdict.acknowledged as f64).into()),
                ("lost", (verdict.lost as f64).into()),
                ("sentence", verdict::sentence(&verdict).into()),
            ];
            tell("verdict", &fields, &origins());
        }
    });
    Effect::new(move || {
        if let Some(reason) = app.failure.get().or_else(|| app.share.notice.get()) {
            report(&reason);
        }
    });
    tell_height();
}

fn state(app: App) -> [(&'static str, JsValue); 6] {
    let (elapsed_us, server) = app.clock.with(|clock| {
        let clock = clock.as_ref();
        let elapsed_us = clock.map_or(0, |clock| clock.elapsed_us);
        (
            elapsed_us,
            clock.is_some_and(|clock| clock.server.is_some()),
        )
    });
    let (power, kill) = app
        .layers
        .with(|layers| (layers.exposed_power, layers.exposed_kill));
    [
        ("running", app.busy.get().into()),
        ("waiting", (share::waiting_lines(app) as f64).into()),
        ("elapsed_us", (elapsed_us as f64).into()),
        ("server", server.into()),
        ("exposed_power", (power as f64).into()),
        ("exposed_kill", (kill as f64).into()),
    ]
}

/// Tells the host the height at which nothing is cut off, now and whenever it changes.
fn tell_height() {
    let Some(body) = document().body() else {
        return;
    };
    let told = StoredValue::new(0);
    let measured = body.clone();
    crate::components::on_resize(&body, move || {
        let width = window().inner_width().ok().and_then(|width| width.as_f64());
        let narrow = width.is_some_and(|width| width <= NARROW);
        let height = if narrow {
            measured.scroll_height()
        } else {
            HEIGHT
        };
        if told.get_value() != height {
            told.set_value(height);
            tell("resize", &[("height", height.into())], &["*".into()]);
        }
    });
}

/// Tells the host what went wrong.
fn report(message: &str) {
    tell("error", &[("message", message.into())], &["*".into()]);
}

/// The window that this page is in, if it is in one and in its compact form.
fn host() -> Option<Window> {
    let window = window();
    let parent = window.parent().ok()??;
    (is_embedded() && *parent != *window).then_some(parent)
}

fn asked() -> UrlSearchParams {
    let search = window().location().search().unwrap_or_default();
    UrlSearchParams::new_with_str(&search).expect("any text is a query")
}

/// Whose pages may command this one, and hear what happens on it.
fn origins() -> Vec<String> {
    let listed = asked().get("origins").unwrap_or_default();
    listed.split_whitespace().map(str::to_owned).collect()
}

fn tell(kind: &str, fields: &[(&str, JsValue)], to: &[String]) {
    let Some(host) = host() else { return };
    let message = Object::new();
    let own = [("lastsave", VERSION.into()), ("type", kind.into())];
    for (name, value) in own.iter().chain(fields) {
        // A plain object takes any property.
        let _ = Reflect::set(&message, &(*name).into(), value);
    }
    for origin in to {
        // What is listed and no origin, `null` among it, is told nothing.
        let _ = host.post_message(&message, origin);
    }
}

fn listen(app: App, host: Window) {
    let origins = origins();
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        let from_host = event.source().is_some_and(|source| *source == ***host);
        if from_host && origins.contains(&event.origin()) {
            obey(app, &event.data());
        }
    });
    let listening =
        window().add_event_listener_with_callback("message", on_message.as_ref().unchecked_ref());
    // A window takes any listener.
    drop(listening);
    on_message.forget();
}

/// Carries out a message of the host, if it is one of this version.
fn obey(app: App, message: &JsValue) {
    let field = |name: &str| Reflect::get(message, &name.into()).unwrap_or(JsValue::UNDEFINED);
    let text = |name: &str| field(name).as_string();
    if field("lastsave").as_f64() != Some(VERSION) {
        return;
    }
    match text("type").as_deref() {
        Some("load") => {
            let link = match (text("scenario"), text("link")) {
                (Some(scenario), _) => Ok(Link::new(scenario)),
                (None, Some(link)) => link::decode(&link),
                (None, None) => return report("load needs a scenario or a link."),
            };
            match link {
                Ok(mut link) => {
                    link.autorun = field("autorun").is_truthy();
                    if settle(&link) {
                        reset(app);
                    }
                }
                Err(error) => report(&error.to_string()),
            }
        }
        Some("run") => share::run(app),
        Some("reset") => reset(app),
        Some("enter") => {
            let lines = Array::from(&field("lines"));
            let lines = lines.iter().filter_map(|line| line.as_string());
            app.enter_all(lines.collect());
        }
        Some("theme") => {
            let theme = text("theme").filter(|theme| theme == "light" || theme == "dark");
            if let Some(root) = document().document_element() {
                // An attribute of this name cannot be refused.
                let _ = match theme {
                    Some(theme) => root.set_attribute("data-theme", &theme),
                    None => root.remove_attribute("data-theme"),
                };
            }
        }
        _ => {}
    }
}

/// Starts again with what the page came with, or what the host has loaded since.
pub(crate) fn reset(app: App) {
    match SOURCE.with_borrow(Clone::clone) {
        Some(link) => drop(share::open_link(app, &link)),
        None => app.reset(),
    }
}

/// The top line of the page inside another one.
#[component]
pub(crate) fn Bar() -> impl IntoView {
    let app = crate::state::use_app();
    // Made when it may be wanted: what has been entered since goes along, as far as a link can hold it.
    let address = RwSignal::new(String::from("./"));
    let make = move || {
        let entered = app.session.with_untracked(|session| {
            (!session.lines.is_empty()).then(|| Link::new(session.to_scenario()))
        });
        let link = match entered {
            Some(link) => link::encode(&link)
                .ok()
                .map(|fragment| format!("#{fragment}")),
            None => SOURCE.with_borrow(Clone::clone),
        };
        address.set(format!("./{}", link.unwrap_or_default()));
    };
    view! {
        <header class="top">
            <h1>
                <span>"Lastsave"</span>
            </h1>
            <p class="title">{move || app.session.with(|session| session.title.clone())}</p>
            <nav class="row alone" aria-label="Page">
                <button on:click=move |_| reset(app)>"Reset"</button>
                <a
                    class="open"
                    target="_blank"
                    rel="noopener"
                    href=move || address.get()
                    on:pointerenter=move |_| make()
                    on:focus=move |_| make()
                >
                    "Open in playground"
                </a>
            </nav>
        </header>
    }
    .into_any()
}
