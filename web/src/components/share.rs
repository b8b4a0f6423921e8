//! What one sees of links and scenario files: the lines that wait, what is wrong with a link, the share dialogue.

use lastsave_scenario::link::SAFE_LINK_CHARS;
use leptos::{html, prelude::*};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::{
    format,
    share::{self, Waiting, Wishes},
    state::{App, use_app},
};

/// How many of the lines that wait are listed.
const LISTED_LINES: usize = 200;
/// How many characters of a line are shown.
const SHOWN_CHARS: usize = 200;

/// Lines from a link or a file: they stand here until a person runs them.
#[component]
pub(crate) fn WaitingLines() -> impl IntoView {
    let app = use_app();
    let is_there = Memo::new(move |_| app.share.waiting.with(Option::is_some));
    let of = move |read: fn(&Waiting) -> String| {
        app.share.waiting.with(|waiting| waiting.as_ref().map(read))
    };
    let about = move || {
        of(|waiting| {
            let left = waiting.session.lines.len() - waiting.entered;
            let lines = match left {
                1 => "1 line".into(),
                left => format!("{} lines", format::count(left as u64)),
            };
            match waiting.entered {
                0 => format!("{lines} from {}, not run yet", waiting.from),
                _ => format!("{lines} from {} to go", waiting.from),
            }
        })
    };
    let engine = move || {
        let engine = app
            .share
            .waiting
            .with(|waiting| waiting.as_ref()?.engine.clone())?;
        Some(format!(
            "Made with version {engine} of the engine; figures may differ."
        ))
    };
    let lines = move || {
        app.share.waiting.with(|waiting| {
            let waiting = waiting.as_ref()?;
            let rest = &waiting.session.lines[waiting.entered..];
            let shorten = |line: &String| match line.char_indices().nth(SHOWN_CHARS) {
                Some((end, _)) => format!("{}…\n", &line[..end]),
                None => format!("{line}\n"),
            };
            let mut text: String = rest.iter().take(LISTED_LINES).map(shorten).collect();
            if rest.len() > LISTED_LINES {
                text.push_str("…\n");
            }
            Some(text)
        })
    };
    view! {
        <Show when=move || is_there.get()>
            <section class="waiting" aria-label="Lines that wait">
                <header>
                    <p>
                        <strong>{move || of(|waiting| waiting.session.title.clone())}</strong>
                        <span>{about}</span>
                    </p>
                    <div class="row">
                        <button class="primary" on:click=move |_| share::run(app)>
                            "Run"
                        </button>
                        <button on:click=move |_| share::step(app)>"Run line by line"</button>
                        <button class="quiet" on:click=move |_| share::discard(app)>
                            "Discard"
                        </button>
                    </div>
                </header>
                <pre tabindex="0" aria-label="Lines">{lines}</pre>
                {move || engine().map(|text| view! { <p class="hint">{text}</p> })}
            </section>
        </Show>
    }
    .into_any()
}

/// A run of lines from outside that has lasted long, and a machine that does not answer: what now?
#[component]
pub(crate) fn Held() -> impl IntoView {
    let app = use_app();
    view! {
        <Show when=move || app.share.held.get()>
            <div class="offer" role="alert">
                <p>
                    "Paused: these lines have run for long, and they came from outside. They may never end."
                </p>
                <button class="primary" on:click=move |_| share::go_on(app)>"Go on"</button>
                <button on:click=move |_| share::give_up(app)>"Stop"</button>
            </div>
        </Show>
        <Show when=move || app.share.silent.get()>
            <div class="offer" role="alert">
                <p>"The machine is at work and does not answer. You can wait, or give it up for a fresh one; your lines are put aside."</p>
                <button on:click=move |_| share::abandon(app)>"Give up this machine"</button>
            </div>
        </Show>
    }
    .into_any()
}

/// What was wrong with a link or a file, and the session of another tab.
#[component]
pub(crate) fn Notices() -> impl IntoView {
    let app = use_app();
    let former = move || app.share.former.get();
    let go_on = move |_| {
        if let Some(session) = app.share.former.get_untracked() {
            app.open(session);
        }
    };
    view! {
        <Show when=move || app.share.notice.with(Option::is_some)>
            <div class="toast notice" role="alert">
                <p>{move || app.share.notice.get()}</p>
                <button
                    class="quiet"
                    aria-label="Dismiss"
                    on:click=move |_| app.share.notice.set(None)
                >
                    "×"
                </button>
            </div>
        </Show>
        <Show when=move || former().is_some() && app.share.notice.with(Option::is_none)>
            <div class="toast" role="status">
                <p>
                    {move || {
                        former()
                            .map(|session| {
                                format!(
                                    "Last time: “{}”, {} lines.",
                                    session.title,
                                    format::count(session.lines.len() as u64),
                                )
                            })
                    }}
                </p>
                <button on:click=go_on>"Go on with it"</button>
                <button
                    class="quiet"
                    aria-label="Dismiss"
                    on:click=move |_| app.share.former.set(None)
                >
                    "×"
                </button>
            </div>
        </Show>
    }
    .into_any()
}

/// Opens the share dialogue.
pub(crate) fn open() {
    let dialog = document()
        .get_element_by_id("share")
        .and_then(|element| element.dyn_into::<web_sys::HtmlDialogElement>().ok());
    if let Some(dialog) = dialog
        && !dialog.open()
    {
        // It is in the page and not open: nothing else can refuse.
        let _ = dialog.show_modal();
    }
}

/// The button in the header.
#[component]
pub(crate) fn ShareButton() -> impl IntoView {
    view! {
        <button class="share" aria-haspopup="dialog" on:click=move |_| open()>
            "Share"
        </button>
    }
}

/// The share dialogue. What it shows is worked out only while it is open.
#[component]
pub(crate) fn ShareDialog() -> impl IntoView {
    let app = use_app();
    let is_open = RwSignal::new(false);
    let dialog = NodeRef::<html::Dialog>::new();
    let close = move || {
        if let Some(element) = dialog.get_untracked() {
            element.close();
        }
    };
    view! {
        <dialog
            id="share"
            class="help share"
            aria-labelledby="share-title"
            node_ref=dialog
            on:toggle=move |_| {
                is_open.set(dialog.get_untracked().is_some_and(|element| element.open()));
            }
            on:close=move |_| is_open.set(false)
        >
            <form method="dialog">
                <h2 id="share-title">"Share this session"</h2>
                <button class="icon" aria-label="Close">"×"</button>
            </form>
            <Show when=move || is_open.get()>{content(app, close)}</Show>
        </dialog>
    }
    .into_any()
}

fn content(app: App, close: impl Fn() + Copy + Send + Sync + 'static) -> AnyView {
    let wishes = RwSignal::new(Wishes::default());
    let link =
        Memo::new(move |_| share::link_to(app, &wishes.get()).map_err(|error| error.to_string()));
    let chars = move || link.with(|link| link.as_ref().map_or(0, |link| link.chars().count()));
    let is_long = move || chars() > SAFE_LINK_CHARS;
    let length = move || match link.get() {
        Ok(_) if is_long() => format!(
            "{} characters. Some chats cut links of more than {}; a file is safer.",
            format::count(chars() as u64),
            format::count(SAFE_LINK_CHARS as u64)
        ),
        Ok(_) => format!("{} characters", format::count(chars() as u64)),
        Err(reason) => reason,
    };
    let title = move || app.session.with(|session| session.title.clone());
    let rename = move |event| {
        let name = one_line(&event_target_value(&event));
        app.session.update(|session| session.title = name);
    };
    let wish = move |name: &'static str, set: fn(&mut Wishes, bool)| {
        view! {
            <label class="wish">
                <input
                    type="checkbox"
                    on:change=move |event| {
                        wishes.update(|wishes| set(wishes, event_target_checked(&event)));
                    }
                />
                {name}
            </label>
        }
    };
    let text = move |make: fn(&str, &str) -> String| {
        Memo::new(move |_| {
            link.with(|link| {
                link.as_ref()
                    .map(|link| make(link, &title()))
                    .unwrap_or_default()
            })
        })
    };
    view! {
        <label class="name">
            <span>"Title"</span>
            <input type="text" maxlength="120" prop:value=title on:input=rename />
        </label>
        <Snippet label="Link" text=text(|link, _| link.to_owned()) primary=true on_copy=move || {
            if let Ok(link) = link.get_untracked() {
                share::show_link(app, &link);
            }
        } />
        <p class="length" class:warn=move || is_long() || link.with(Result::is_err) role="status">{length}</p>
        <fieldset class="row">
            <legend class="sr">"What the link does"</legend>
            {wish("Run at once when opened", |wishes, on| wishes.autorun = on)}
            {wish("Open this tab", |wishes, on| wishes.tab = on)}
            {wish("Show this moment", |wishes, on| wishes.moment = on)}
        </fieldset>
        <p class="row keep">
            <button
                on:click=move |_| {
                    let title = app.session.with_untracked(|session| session.title.clone());
                    let text = untrack(|| share::text_to_share(app));
                    download(&file_name(&title), &text);
                }
            >
                "Download as a file"
            </button>
            <OpenFile on_opened=close />
            <span class="hint">"A .scenario file holds the same lines, of any length."</span>
        </p>
        <h3>"For documentation"</h3>
        <Snippet label="Markdown" text=text(markdown) />
        <Snippet label="Custom element" text=text(element) />
        <Snippet label="Frame" text=text(frame) />
        <h3>"Without a browser"</h3>
        <Snippet label="Command line" text=text(|link, _| format!("lastsave open '{}'", link.replace('\'', "%27"))) />
        <p class="hint">
            "Everything is in the link itself, behind the #, which browsers send to no server. Opened, it fills the page and waits, unless it runs at once."
        </p>
    }
    .into_any()
}

/// One text to copy.
#[component]
fn Snippet(
    /// What it is for.
    label: &'static str,
    /// The text.
    text: Memo<String>,
    /// Whether its button is the first to press.
    #[prop(optional)]
    primary: bool,
    /// Called when it is copied.
    #[prop(optional, into)]
    on_copy: Option<Callback<()>>,
) -> impl IntoView {
    let field = NodeRef::<html::Input>::new();
    let said = RwSignal::new("Copy");
    Effect::new(move || {
        text.track();
        said.set("Copy");
    });
    let copy = move |_| {
        if let Some(on_copy) = on_copy {
            on_copy.run(());
        }
        let text = text.get_untracked();
        leptos::task::spawn_local(async move {
            if copy_text(&text).await {
                said.set("Copied");
            } else if let Some(field) = field.get_untracked() {
                // Without permission a person can copy what is marked.
                field.select();
                said.set("Press Ctrl+C");
            }
        });
    };
    view! {
        <div class="snippet">
            <span aria-hidden="true">{label}</span>
            <input
                type="text"
                readonly
                aria-label=label
                class="data"
                node_ref=field
                prop:value=text
                on:focus=move |_| {
                    if let Some(field) = field.get_untracked() {
                        field.select();
                    }
                }
            />
            <button type="button" class:primary=primary disabled=move || text.with(String::is_empty) on:click=copy>
                {move || said.get()}
                <span class="sr">{format!(" {label}")}</span>
            </button>
        </div>
    }
    .into_any()
}

/// Asks for a scenario file and opens it.
#[component]
fn OpenFile(
    /// Called when one was chosen.
    on_opened: impl Fn() + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let app = use_app();
    let input = NodeRef::<html::Input>::new();
    let chosen = move |_| {
        let Some(input) = input.get_untracked() else {
            return;
        };
        let file = input.files().and_then(|files| files.get(0));
        input.set_value("");
        on_opened();
        if let Some(file) = file {
            leptos::task::spawn_local(async move {
                let name = file.name();
                match JsFuture::from(file.text()).await {
                    Ok(text) => {
                        share::open_scenario_text(
                            app,
                            &name,
                            &text.as_string().unwrap_or_default(),
                        );
                    }
                    Err(_) => app
                        .share
                        .notice
                        .set(Some(format!("{name} could not be read."))),
                }
            });
        }
    };
    view! {
        <button
            on:click=move |_| {
                if let Some(input) = input.get_untracked() {
                    input.click();
                }
            }
        >
            "Open a file…"
        </button>
        <input
            type="file"
            class="sr"
            tabindex="-1"
            aria-label="Scenario file"
            accept=".scenario,.txt,text/plain"
            node_ref=input
            on:change=chosen
        />
    }
    .into_any()
}

/// A text on one line, without letters that are none.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}

/// A title as the name of a file.
fn file_name(title: &str) -> String {
    let mut name = String::new();
    for letter in title.chars().take(60) {
        if letter.is_ascii_alphanumeric() {
            name.push(letter.to_ascii_lowercase());
        } else if !name.ends_with('-') && !name.is_empty() {
            name.push('-');
        }
    }
    let name = name.trim_end_matches('-');
    format!(
        "{}.scenario",
        if name.is_empty() { "session" } else { name }
    )
}

fn markdown(link: &str, title: &str) -> String {
    let title: String = title
        .chars()
        .flat_map(|letter| {
            let escape = matches!(letter, '[' | ']' | '\\' | '*' | '_' | '`' | '<').then_some('\\');
            escape.into_iter().chain([letter])
        })
        .collect();
    format!("[{title}](<{link}>)")
}

fn split(link: &str) -> (&str, &str) {
    link.split_once('#').unwrap_or((link, ""))
}

fn element(link: &str, _: &str) -> String {
    let (base, fragment) = split(link);
    let folder = escape(base.rsplit_once('/').map_or(base, |(folder, _)| folder));
    format!(
        "<script src=\"{folder}/embed.js\" defer></script> <lastsave-playground link=\"#{fragment}\"></lastsave-playground>"
    )
}

fn frame(link: &str, title: &str) -> String {
    let (base, fragment) = split(link);
    format!(
        "<iframe src=\"{}?embed=1#{fragment}\" title=\"{}\" width=\"100%\" height=\"480\" loading=\"lazy\"></iframe>",
        escape(base),
        escape(title)
    )
}

/// Text in the attribute of an element.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Copies a text. Says whether the browser let it.
pub(crate) async fn copy_text(text: &str) -> bool {
    let navigator = window().navigator();
    let clipboard = js_sys::Reflect::get(&navigator, &JsValue::from_str("clipboard"));
    // There is none on a page without https.
    if clipboard.is_ok_and(|clipboard| clipboard.is_undefined()) {
        return false;
    }
    JsFuture::from(navigator.clipboard().write_text(text))
        .await
        .is_ok()
}

/// Gives a text to the browser as a file to keep.
pub(crate) fn download(name: &str, text: &str) {
    let parts = js_sys::Array::of1(&JsValue::from_str(text));
    let address = web_sys::Blob::new_with_str_sequence(&parts)
        .and_then(|blob| web_sys::Url::create_object_url_with_blob(&blob));
    let link = document()
        .create_element("a")
        .ok()
        .and_then(|element| element.dyn_into::<web_sys::HtmlAnchorElement>().ok());
    if let (Ok(address), Some(link)) = (address, link) {
        link.set_href(&address);
        link.set_download(name);
        link.click();
        // The download has begun; the address is no longer needed.
        let _ = web_sys::Url::revoke_object_url(&address);
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn what_is_copied_quotes_what_it_must() {
        assert_eq!(
            markdown("https://a/#s=1.x", "a [b] <i>"),
            "[a \\[b\\] \\<i>](<https://a/#s=1.x>)"
        );
        assert!(
            frame("https://a/x/#s=1.y", "\"><script>")
                .contains("title=\"&quot;&gt;&lt;script&gt;\"")
        );
        assert!(frame("https://a/x/#s=1.y", "").contains("src=\"https://a/x/?embed=1#s=1.y\""));
        assert!(
            element("https://a/x/index.html#s=1.y", "").contains("src=\"https://a/x/embed.js\"")
        );
    }

    #[test]
    fn a_title_becomes_a_name_that_every_system_takes() {
        assert_eq!(
            file_name("The 3 AM night: what?"),
            "the-3-am-night-what.scenario"
        );
        assert_eq!(file_name("../…"), "session.scenario");
    }
}
