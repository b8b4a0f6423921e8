//! Links and scenario files on the page: opening them, running what they hold within bounds, making them.
//!
//! What comes from outside fills the page and waits for a person, unless a link says `autorun`. It is text all the way, and
//! never becomes markup. A run of it pauses after a while and asks.

use lastsave_scenario::{
    ClockView, Progress, START_US, here_end_of,
    link::{ENGINE_VERSION, Link, LinkError, MAX_TEXT_BYTES, decode, encode},
};
use leptos::{ev, prelude::*};

use crate::{
    components::tabs,
    examples, link,
    protocol::ToWorker,
    session::{self, Kept, Session},
    state::App,
    transfer,
};

/// How long, in milliseconds of real time, lines from outside may run before a person is asked.
const PATIENCE_MS: f64 = 20_000.0;
/// How many commands they may execute until then: what is known of every write takes memory.
const PATIENCE_COMMANDS: u64 = 5_000_000;
/// How long the machine may be silent at work, in milliseconds, before it is offered to give it up.
const SILENCE_MS: f64 = 1_500.0;
/// How often that is looked at, while it is at work.
const WATCH_MS: u64 = 500;

/// Lines from outside, which wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// All of them.
    pub session: Session,
    /// How many have been entered.
    pub entered: usize,
    /// Where they are from: `a link`, or the name of a file.
    pub from: String,
    /// The version of the engine that they were made with, if it is another.
    pub engine: Option<String>,
}

impl Waiting {
    /// Where the next step ends: behind the next line that does something, with the file that it may write.
    fn step_end(&self) -> usize {
        let lines = &self.session.lines;
        let mut at = self.entered;
        while lines.get(at).is_some_and(|line| is_idle(line)) {
            at += 1;
        }
        let here_document = lines.get(at).and_then(|line| here_end_of(line));
        at += 1;
        if let Some(end) = here_document {
            while at < lines.len() && lines[at].trim() != end {
                at += 1;
            }
            at += 1;
        }
        // Comments at the end go with the last line.
        let rest = lines.get(at..).unwrap_or_default();
        if rest.iter().all(|line| is_idle(line)) {
            return lines.len();
        }
        at
    }
}

/// The part of the page's state that is about links and files. A handful of handles, copied freely.
#[derive(Clone, Copy)]
pub(crate) struct Share {
    /// Lines that wait to be run.
    pub waiting: RwSignal<Option<Waiting>>,
    /// What was wrong with a link or a file.
    pub notice: RwSignal<Option<String>>,
    /// The session of another tab, offered.
    pub former: RwSignal<Option<Session>>,
    /// Whether a run has been stopped until a person decides.
    pub held: RwSignal<bool>,
    /// Whether the machine is at work and has been silent for long.
    pub silent: RwSignal<bool>,
    /// All lines of the link in the address bar.
    linked: StoredValue<Option<Session>>,
    /// Until when lines from outside may run: milliseconds of this run, and commands. `None` for a person's own lines.
    allowed: StoredValue<Option<(f64, u64)>>,
    /// The moment to show once the lines have run.
    at_us: StoredValue<Option<u64>>,
    /// When the worker spoke last, in real milliseconds.
    heard_at_ms: StoredValue<Option<f64>>,
}

impl Share {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            waiting: RwSignal::default(),
            notice: RwSignal::default(),
            former: RwSignal::default(),
            held: RwSignal::default(),
            silent: RwSignal::default(),
            linked: StoredValue::default(),
            allowed: StoredValue::default(),
            at_us: StoredValue::default(),
            heard_at_ms: StoredValue::default(),
        }
    }
}

/// Begins with what the address says, or with the session that was here before a reload, or with a fresh machine.
pub(crate) fn start(app: App) {
    let is_embedded = document()
        .document_element()
        .is_some_and(|root| root.has_attribute("data-embed"));
    let owner = Owner::current();
    leptos::task::spawn_local(async move {
        // A reader's page has no business in the sessions of the playground.
        let kept = if is_embedded {
            Kept::default()
        } else {
            session::kept().await
        };
        begin(app, kept);
        leptos::task::spawn_local(transfer::prune(app));
        let follow = move || {
            Effect::new(move || {
                app.session.with(session::keep);
                leave_link(app);
            });
        };
        if let Some(owner) = owner {
            owner.with(follow);
        }
    });
    let handles = [
        window_event_listener(ev::hashchange, move |_| {
            open_hash(app);
        }),
        window_event_listener(ev::pagehide, |_| session::leave_name()),
        window_event_listener(ev::pageshow, |event| {
            if event.persisted() {
                session::come_back();
            }
        }),
    ];
    on_cleanup(move || handles.into_iter().for_each(WindowListenerHandle::remove));
    watch(app);
}

fn begin(app: App, kept: Kept) {
    let own = kept.own;
    match hash().as_deref().map(read) {
        Some(Ok(link)) => {
            match own {
                // The page was loaded again while the link was at work: go on where that was.
                Some(own) if is_begun(&own, &link) => resume(app, own, &link),
                _ => fill_link(app, &link),
            }
            return;
        }
        Some(Err(error)) => refuse(app, &error),
        None => {}
    }
    let other = kept.latest.filter(|latest| latest.lines.len() > 1);
    app.share.former.set(other.filter(|_| own.is_none()));
    app.put_in_place(own.unwrap_or_else(examples::first));
}

/// Whether a session is a link's lines so far, at least the first.
fn is_begun(own: &Session, link: &Link) -> bool {
    !own.lines.is_empty() && goes_along(own, &session_of(link))
}

/// Whether a session has done nothing but what another begins with. Comments and empty lines do not count.
fn goes_along(own: &Session, other: &Session) -> bool {
    let mut rest = other.lines.iter().filter(|line| !is_idle(line));
    let mut does = own.lines.iter().filter(|line| !is_idle(line));
    own.seed == other.seed && does.all(|line| rest.next() == Some(line))
}

/// Whether a line does nothing: it is empty or a comment.
fn is_idle(line: &str) -> bool {
    line.trim().is_empty() || line.trim_start().starts_with('#')
}

fn resume(app: App, own: Session, link: &Link) {
    let session = session_of(link);
    let entered = own.lines.len();
    let goes_on = session.lines.starts_with(&own.lines) && entered < session.lines.len();
    app.put_in_place(own);
    app.share.allowed.set_value(Some(first_allowance()));
    app.share.linked.set_value(Some(session.clone()));
    app.share.waiting.set(goes_on.then(|| Waiting {
        session,
        entered,
        from: "a link".into(),
        engine: None,
    }));
    show_as(app, link);
}

/// Opens the tab that a link names, and sees to it that its moment is shown once its lines have run.
fn show_as(app: App, link: &Link) {
    app.share.at_us.set_value(link.at_us);
    if let Some(tab) = link.tab.as_deref().and_then(tabs::named) {
        app.tab.set(tab);
    }
}

fn session_of(link: &Link) -> Session {
    Session::from_scenario(&link.scenario).unwrap_or_default()
}

/// Reads a link of this page: `#s=…`, or `#scenario=` with a scenario file in it as it is, which is how embedding pages hand
/// one over.
fn read(address: &str) -> Result<Link, LinkError> {
    let fragment = address
        .split_once('#')
        .map_or(address, |(_, fragment)| fragment);
    match fragment.strip_prefix("scenario=") {
        Some(_) if fragment.len() > 3 * MAX_TEXT_BYTES => Err(LinkError::TooLarge),
        Some(text) => {
            let text = js_sys::decode_uri_component(text).map_err(|_| LinkError::Damaged)?;
            link_of(String::from(text))
        }
        None => decode(address),
    }
}

/// A scenario file as a link, with the same bounds.
fn link_of(text: String) -> Result<Link, LinkError> {
    let link = Link::new(text);
    link.check()?;
    Ok(link)
}

/// The link in the address bar, if there is one.
fn hash() -> Option<String> {
    let hash = window().location().hash().ok()?;
    (hash.starts_with("#s=") || hash.starts_with("#scenario=")).then_some(hash)
}

/// Opens the link in the address bar. Says whether there is one.
pub(crate) fn open_hash(app: App) -> bool {
    hash().is_some_and(|hash| open_link(app, &hash))
}

/// Opens a link: its lines wait, or run if it says so. Otherwise says what is wrong with it, and changes nothing. Says which.
pub(crate) fn open_link(app: App, address: &str) -> bool {
    take(app, read(address))
}

fn take(app: App, link: Result<Link, LinkError>) -> bool {
    match link {
        Ok(link) => {
            fill_link(app, &link);
            true
        }
        Err(error) => {
            refuse(app, &error);
            false
        }
    }
}

fn refuse(app: App, error: &LinkError) {
    app.share.notice.set(Some(error.to_string()));
}

fn fill_link(app: App, link: &Link) {
    let session = session_of(link);
    let linked = Some(session.clone());
    if link.autorun || !open_lesson(app, &link.scenario) {
        let engine = (link.engine != ENGINE_VERSION).then(|| link.engine.clone());
        fill(app, session, "a link".into(), engine);
    }
    app.share.linked.set_value(linked);
    show_as(app, link);
    if link.autorun {
        run(app);
    }
}

/// Opens a scenario file: its lines wait. Says what is wrong with it if it is none, and then changes nothing.
pub(crate) fn open_scenario_text(app: App, name: &str, text: &str) -> bool {
    if text.len() > MAX_TEXT_BYTES {
        let most = MAX_TEXT_BYTES / 1024;
        let reason = format!("{name} is too large for a scenario: at most {most} KiB.");
        app.share.notice.set(Some(reason));
        return false;
    }
    match Session::parse(text) {
        Ok(session) => {
            if !open_lesson(app, text) {
                fill(app, session, name.to_owned(), None);
            }
            true
        }
        Err(error) => {
            let reason = format!("{name} is no scenario: {error}. Nothing of it was run.");
            app.share.notice.set(Some(reason));
            false
        }
    }
}

/// Opens a lesson, if the scenario is one. Its panel has its steps; they run within bounds too.
fn open_lesson(app: App, scenario: &str) -> bool {
    let is_lesson = app.open_lesson(scenario);
    if is_lesson {
        app.share.notice.set(None);
        app.share.allowed.set_value(Some(first_allowance()));
    }
    is_lesson
}

fn fill(app: App, mut session: Session, from: String, engine: Option<String>) {
    if session.title.is_empty() {
        session.title = "Without a title".into();
    }
    app.open(Session {
        lines: Vec::new(),
        ..session.clone()
    });
    app.share.notice.set(None);
    app.share.allowed.set_value(Some(first_allowance()));
    app.share.waiting.set(Some(Waiting {
        session,
        entered: 0,
        from,
        engine,
    }));
}

/// How many lines wait.
pub(crate) fn waiting_lines(app: App) -> usize {
    app.share.waiting.with(|waiting| {
        let left = |waiting: &Waiting| waiting.session.lines.len() - waiting.entered;
        waiting.as_ref().map_or(0, left)
    })
}

/// Runs all lines that wait.
pub(crate) fn run(app: App) {
    enter_waiting(app, |waiting| waiting.session.lines.len());
}

/// Runs the next of the lines that wait.
pub(crate) fn step(app: App) {
    enter_waiting(app, Waiting::step_end);
}

fn enter_waiting(app: App, end: impl FnOnce(&Waiting) -> usize) {
    let Some(mut waiting) = app.share.waiting.get_untracked() else {
        return;
    };
    let len = waiting.session.lines.len();
    let end = end(&waiting).min(len);
    let lines = waiting.session.lines[waiting.entered..end].to_vec();
    waiting.entered = end;
    app.share.waiting.set((end < len).then_some(waiting));
    transfer::attach_for(&lines);
    app.enter_all(lines);
}

/// Does not run what waits: the session before comes back, or a fresh machine.
pub(crate) fn discard(app: App) {
    let begun = app
        .session
        .with_untracked(|session| !session.lines.is_empty());
    app.share.waiting.set(None);
    if begun {
        return;
    }
    drop_link(app);
    match app.undo.get_untracked() {
        Some(_) => app.take_back(),
        None => app.put_in_place(examples::first()),
    }
}

/// What a person had agreed to ends with the session.
pub(crate) fn forget(app: App) {
    app.share.waiting.set(None);
    app.share.allowed.set_value(None);
    app.share.at_us.set_value(None);
    app.share.held.set(false);
    app.share.silent.set(false);
}

fn first_allowance() -> (f64, u64) {
    (PATIENCE_MS, PATIENCE_COMMANDS)
}

/// Looks, at each word of the worker, whether lines from outside have run long enough.
pub(crate) fn check(app: App) {
    app.share.heard_at_ms.set_value(Some(now_ms()));
    if app.share.silent.get_untracked() {
        app.share.silent.set(false);
    }
    let Some((until_ms, until_commands)) = app.share.allowed.get_value() else {
        return;
    };
    let commands = commands(app);
    let is_idle = app
        .progress
        .with_untracked(|progress| matches!(progress, Progress::Idle));
    if is_idle {
        let next = (PATIENCE_MS, commands.saturating_add(PATIENCE_COMMANDS));
        app.share.allowed.set_value(Some(next));
        show_moment(app);
    } else if (app.running_ms.get_untracked() > until_ms || commands > until_commands)
        && !app.share.held.get_untracked()
    {
        app.share.held.set(true);
        link::send(ToWorker::Hold(true));
    }
}

/// Once the lines have run, goes to the moment that the link asks for.
fn show_moment(app: App) {
    let waits = app.share.waiting.with_untracked(Option::is_some)
        || app.busy.get_untracked()
        || app
            .session
            .with_untracked(|session| session.lines.is_empty());
    if !waits && let Some(at_us) = app.share.at_us.try_update_value(Option::take).flatten() {
        app.seek(START_US.saturating_add(at_us));
    }
}

fn commands(app: App) -> u64 {
    app.clock
        .with_untracked(|clock| clock.as_ref().map_or(0, |clock| clock.commands))
}

/// Lets a run go on that was held, for as long again.
pub(crate) fn go_on(app: App) {
    let until = (
        app.running_ms.get_untracked() + PATIENCE_MS,
        commands(app).saturating_add(PATIENCE_COMMANDS),
    );
    app.share.allowed.set_value(Some(until));
    app.share.held.set(false);
    link::send(ToWorker::Hold(false));
}

/// Gives up a run that was held.
pub(crate) fn give_up(app: App) {
    app.share.held.set(false);
    app.interrupt();
}

/// Gives up a machine that does not answer, for a fresh one.
pub(crate) fn abandon(app: App) {
    app.restart();
}

/// While the machine is at work, looks whether it still answers.
fn watch(app: App) {
    let timer = StoredValue::new(None::<IntervalHandle>);
    let is_watched = Memo::new(move |_| app.busy.get() && !app.share.held.get());
    Effect::new(move || {
        if let Some(running) = timer.try_update_value(Option::take).flatten() {
            running.clear();
        }
        if !is_watched.get() {
            app.share.silent.set(false);
            return;
        }
        app.share.heard_at_ms.update_value(|heard| {
            *heard = heard.map(|_| now_ms());
        });
        let look = move || {
            let heard = app.share.heard_at_ms.get_value();
            app.share
                .silent
                .set(heard.is_some_and(|heard| now_ms() - heard > SILENCE_MS));
        };
        let started = set_interval_with_handle(look, std::time::Duration::from_millis(WATCH_MS));
        timer.set_value(started.ok());
    });
}

/// The worker is another one, which has not spoken yet.
pub(crate) fn expect_nothing(app: App) {
    app.share.heard_at_ms.set_value(None);
}

fn now_ms() -> f64 {
    window().performance().map_or(0.0, |clock| clock.now())
}

/// Takes the link out of the address bar once the session is no longer what it holds.
fn leave_link(app: App) {
    let left = app.share.linked.with_value(|linked| {
        linked.as_ref().is_some_and(|linked| {
            app.session
                .with_untracked(|session| !goes_along(session, linked))
        })
    });
    if left {
        drop_link(app);
    }
}

fn drop_link(app: App) {
    app.share.linked.set_value(None);
    show_address(&page_address());
}

/// Puts an address of this page into the address bar.
fn show_address(address: &str) {
    if let Ok(history) = window().history() {
        // A frame without an origin of its own keeps the address that it has.
        let _ = history.replace_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(address));
    }
}

/// The address of this page without a fragment.
pub(crate) fn page_address() -> String {
    let href = window().location().href().unwrap_or_default();
    href.split('#').next().unwrap_or_default().to_owned()
}

/// The address that a link leads to: this page, without what an embedding page has asked of it.
fn base_address() -> String {
    let address = page_address();
    address.split('?').next().unwrap_or_default().to_owned()
}

/// What a link is to say beside the session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// Run at once.
    pub autorun: bool,
    /// Open the tab that is open now.
    pub tab: bool,
    /// Show the moment that is shown now.
    pub moment: bool,
}

/// The session as a scenario file, with the lines that wait still; a lesson that is being read, as the lesson it is.
pub(crate) fn text_to_share(app: App) -> String {
    let mut session = app.session.get();
    if let Some(reading) = app.lesson_shown()
        && let Some(lesson) = Session::from_scenario(&reading.text)
        && goes_along(&session, &lesson)
    {
        return reading.text.to_string();
    }
    app.share.waiting.with(|waiting| {
        if let Some(waiting) = waiting {
            let rest = &waiting.session.lines[waiting.entered..];
            session.lines.extend_from_slice(rest);
        }
    });
    session.to_scenario()
}

/// The session as a link, with the address of this page.
///
/// # Errors
/// If it does not fit into one.
pub(crate) fn link_to(app: App, wishes: &Wishes) -> Result<String, LinkError> {
    let mut link = Link::new(text_to_share(app));
    link.autorun = wishes.autorun;
    link.tab = wishes.tab.then(|| tabs::name(app.tab.get()).to_owned());
    if wishes.moment {
        let elapsed_us = |clock: &ClockView| clock.elapsed_us;
        link.at_us = app.clock.with(|clock| clock.as_ref().map(elapsed_us));
    }
    Ok(format!("{}#{}", base_address(), encode(&link)?))
}

/// Puts a link to the session into the address bar, where it stays until the session goes on.
pub(crate) fn show_link(app: App, address: &str) {
    app.share
        .linked
        .set_value(Session::from_scenario(&untrack(|| text_to_share(app))));
    if let Some((_, fragment)) = address.split_once('#') {
        show_address(&format!("{}#{fragment}", page_address()));
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn a_step_is_a_line_that_does_something_with_what_belongs_to_it() {
        let lines = "# why\n\ncat > a <<'EOF'\nx\n\nEOF\n# now\nPING\nGET a\n# end";
        let mut waiting = Waiting {
            session: Session {
                lines: lines.lines().map(str::to_owned).collect(),
                ..Session::default()
            },
            entered: 0,
            from: String::new(),
            engine: None,
        };
        let mut ends = Vec::new();
        while waiting.entered < waiting.session.lines.len() {
            waiting.entered = waiting.step_end();
            ends.push(waiting.entered);
        }
        assert_eq!(ends, [6, 8, 10]);
        waiting.session.lines = vec!["cat <<END".into()];
        waiting.entered = 0;
        assert!(waiting.step_end() >= 1);
    }
}
