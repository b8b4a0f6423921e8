//! What the page knows, as signals, and what it can ask for.

use lastsave_scenario::{
    AlertView, BranchView, CheckView, ClockView, Completion, ConfigRow, FileRow, FileView,
    FilesRequest, KeyPlace, KeysRequest, KeysView, LayersView, PastView, Progress, Span,
    TimelineView, VerdictView, View, ViewRequest, WritesRequest, WritesView,
};
use leptos::prelude::*;

use crate::{
    examples,
    lesson::Reading,
    link,
    protocol::{self, FromWorker, ToWorker},
    session::Session,
    share::{self, Share},
    transfer::{self, Transfer},
};

/// How many keys a page of the keys tab has.
pub(crate) const KEYS_PER_PAGE: usize = 50;
/// How many writes a page of the report tab has.
pub(crate) const WRITES_PER_PAGE: usize = 50;
/// How many bytes the files tab shows at once.
pub(crate) const BYTES_PER_PAGE: usize = 1024;
/// How many points the timeline's curve has at most.
const TIMELINE_POINTS: usize = 600;

/// The tabs of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tab {
    /// The keys in memory.
    Keys,
    /// The files and their bytes.
    Files,
    /// The parameters.
    Configuration,
    /// The text of INFO.
    Info,
    /// What happened so far.
    Report,
    /// A crash at every point of a run.
    Sweep,
    /// Configurations side by side.
    Compare,
}

/// Everything the components share. It is a handful of handles, and copied freely.
#[derive(Clone, Copy)]
pub(crate) struct App {
    /// The clock, once the worker has told it.
    pub clock: RwSignal<Option<ClockView>>,
    /// The four layers.
    pub layers: RwSignal<LayersView>,
    /// The last crash's verdict.
    pub verdict: RwSignal<Option<VerdictView>>,
    /// The verdicts of this session, oldest first.
    pub verdicts: RwSignal<Vec<VerdictView>>,
    /// The keys tab.
    pub keys: RwSignal<Option<KeysView>>,
    /// The tree of the files tab.
    pub files: RwSignal<Option<Vec<FileRow>>>,
    /// The bytes of the files tab.
    pub file: RwSignal<Option<FileView>>,
    /// The configuration tab.
    pub config: RwSignal<Option<Vec<ConfigRow>>>,
    /// The text of INFO.
    pub info: RwSignal<Option<String>>,
    /// How many alerts fire.
    pub firing: RwSignal<u64>,
    /// The alerts.
    pub alerts: RwSignal<Vec<AlertView>>,
    /// The timeline.
    pub timeline: RwSignal<TimelineView>,
    /// The prompt.
    pub prompt: RwSignal<String>,
    /// Whether a line is being carried out.
    pub progress: RwSignal<Progress>,
    /// For how long, in milliseconds of real time.
    pub running_ms: RwSignal<f64>,
    /// Whether the worker has still to take an order, or to carry one out.
    pub busy: RwSignal<bool>,
    /// The multiple of real time at which the clock plays.
    pub playing: RwSignal<Option<f64>>,
    /// The speed chosen for playing.
    pub speed: RwSignal<f64>,
    /// What is known of the past, while it is looked at.
    pub past: RwSignal<Option<PastView>>,
    /// What has been put aside.
    pub branches: RwSignal<Vec<BranchView>>,
    /// What the terminal has still to write. `None` stands for clearing it.
    pub output: StoredValue<Vec<Option<Span>>>,
    /// Rises when there is output.
    pub output_count: RwSignal<u64>,
    /// The last answer about completion, with its question's number.
    pub completion: RwSignal<(u32, Completion)>,
    /// The open tab.
    pub tab: RwSignal<Tab>,
    /// Which keys are wanted.
    pub keys_wanted: RwSignal<KeysRequest>,
    /// Single writes, in the report tab.
    pub writes: RwSignal<Option<WritesView>>,
    /// Which writes are wanted.
    pub writes_wanted: RwSignal<WritesRequest>,
    /// Which file's bytes are wanted.
    pub file_wanted: RwSignal<FilesRequest>,
    /// Whether a part of the page other than the files tab needs the list of files.
    pub wants_files: RwSignal<bool>,
    /// What was entered on this machine.
    pub session: RwSignal<Session>,
    /// The session given up last, which can be had again.
    pub undo: RwSignal<Option<Session>>,
    /// Why the engine cannot go on.
    pub failure: RwSignal<Option<String>>,
    /// What a screen reader is told.
    pub announcement: RwSignal<String>,
    /// Text to put on the terminal's line, for a person to finish.
    pub typed: RwSignal<Option<String>>,
    /// Files from outside.
    pub transfer: Transfer,
    /// Where the key that was asked for is written.
    pub places: RwSignal<Vec<KeyPlace>>,
    /// The lesson opened last. See [`App::lesson_shown`].
    pub lesson: RwSignal<Option<Reading>>,
    /// While there is a lesson: the expectations checked so far.
    pub checks: RwSignal<Vec<CheckView>>,
    /// Lines from links and files, and what is to be said about them.
    pub share: Share,
}

impl App {
    /// The state before the worker has said anything.
    pub(crate) fn new() -> Self {
        Self {
            clock: RwSignal::new(None),
            layers: RwSignal::default(),
            verdict: RwSignal::default(),
            verdicts: RwSignal::default(),
            keys: RwSignal::default(),
            files: RwSignal::default(),
            file: RwSignal::default(),
            config: RwSignal::default(),
            info: RwSignal::default(),
            firing: RwSignal::default(),
            alerts: RwSignal::default(),
            timeline: RwSignal::default(),
            prompt: RwSignal::new("$ ".into()),
            progress: RwSignal::new(Progress::Idle),
            running_ms: RwSignal::default(),
            busy: RwSignal::new(true),
            playing: RwSignal::default(),
            speed: RwSignal::new(10.0),
            past: RwSignal::default(),
            branches: RwSignal::default(),
            output: StoredValue::default(),
            output_count: RwSignal::default(),
            completion: RwSignal::default(),
            tab: RwSignal::new(Tab::Keys),
            keys_wanted: RwSignal::new(KeysRequest {
                limit: KEYS_PER_PAGE,
                ..KeysRequest::default()
            }),
            writes: RwSignal::default(),
            writes_wanted: RwSignal::new(WritesRequest {
                limit: WRITES_PER_PAGE,
                ..WritesRequest::default()
            }),
            file_wanted: RwSignal::new(FilesRequest {
                len: BYTES_PER_PAGE,
                ..FilesRequest::default()
            }),
            wants_files: RwSignal::default(),
            session: RwSignal::default(),
            undo: RwSignal::default(),
            failure: RwSignal::default(),
            announcement: RwSignal::default(),
            typed: RwSignal::default(),
            transfer: Transfer::new(),
            places: RwSignal::default(),
            lesson: RwSignal::new(Reading::stored()),
            checks: RwSignal::default(),
            share: Share::new(),
        }
    }

    /// Starts the worker and a first machine, and from then on tells the worker what the page shows.
    pub(crate) fn start(self) {
        self.connect();
        share::start(self);
        Effect::new(move || self.tell_trace());
        Effect::new(move || self.lesson.with(|lesson| Reading::store(lesson.as_ref())));
        Effect::new(move || link::send(ToWorker::Show(self.request())));
    }

    /// While nothing runs, `data-trace` of the page is the trace hash: what is compared between browsers.
    fn tell_trace(self) {
        let trace = self.clock.with(|clock| {
            let clock = clock.as_ref().filter(|_| !self.busy.get());
            clock.map(|clock| format!("{:016x}", clock.trace_hash))
        });
        if let Some(root) = document().document_element() {
            // An attribute of this name cannot be refused.
            let _ = match trace {
                Some(trace) => root.set_attribute("data-trace", &trace),
                None => root.remove_attribute("data-trace"),
            };
        }
    }

    fn connect(self) {
        share::expect_nothing(self);
        link::start(
            move |message| self.apply(message),
            move |parcel, things| transfer::heard(self, parcel, things),
        );
    }

    /// Which parts of the machine the open tab needs.
    fn request(self) -> ViewRequest {
        let tab = self.tab.get();
        ViewRequest {
            keys: (tab == Tab::Keys).then(|| self.keys_wanted.get()),
            files: (matches!(tab, Tab::Files | Tab::Configuration) || self.wants_files.get())
                .then(|| self.file_wanted.get()),
            config: tab == Tab::Configuration,
            info: tab == Tab::Info,
            alerts: tab == Tab::Info,
            timeline_points: TIMELINE_POINTS,
            checks: tab == Tab::Report || self.lesson.with(Option::is_some),
            writes: (tab == Tab::Report).then(|| self.writes_wanted.get()),
        }
    }

    fn order(self, message: ToWorker) {
        self.busy.set(true);
        link::send(message);
    }

    /// Enters one line, as if typed.
    pub(crate) fn enter(self, line: impl Into<String>) {
        self.enter_all(vec![line.into()]);
    }

    /// Enters lines, as if typed one after the other.
    pub(crate) fn enter_all(self, lines: Vec<String>) {
        self.session
            .update(|session| session.lines.extend(lines.iter().cloned()));
        self.order(ToWorker::Enter(lines));
    }

    /// Puts a session in place of the present one, which can be had again with [`App::take_back`].
    pub(crate) fn open(self, session: Session) {
        let left = self.session.get_untracked();
        if !left.lines.is_empty() {
            self.undo.set(Some(left));
        }
        self.put_in_place(session);
    }

    /// Opens a lesson at its beginning, on a fresh machine; nothing is run. `false` if the scenario file asks nothing and so is
    /// no lesson.
    pub(crate) fn open_lesson(self, text: &str) -> bool {
        let Some(reading) = Reading::of(text) else {
            return false;
        };
        self.open(Session {
            title: reading.lesson.name.clone(),
            seed: reading.lesson.seed,
            lines: Vec::new(),
        });
        self.checks.set(Vec::new());
        self.lesson.set(Some(reading));
        true
    }

    /// The lesson being read: the one opened last, as long as its session is the present one.
    pub(crate) fn lesson_shown(self) -> Option<Reading> {
        let title = self.session.with(|session| session.title.clone());
        self.lesson
            .get()
            .filter(|reading| reading.lesson.name == title)
    }

    /// As [`App::lesson_shown`], without following what changes.
    pub(crate) fn lesson_shown_untracked(self) -> Option<Reading> {
        untrack(|| self.lesson_shown())
    }

    /// Changes where the reader of the lesson is.
    pub(crate) fn update_lesson(self, change: impl FnOnce(&mut Reading)) {
        self.lesson.update(|lesson| {
            if let Some(reading) = lesson {
                change(reading);
            }
        });
    }

    /// A fresh machine.
    pub(crate) fn reset(self) {
        self.open(examples::first());
    }

    /// Undoes the last [`App::open`], by running the session again that it gave up.
    pub(crate) fn take_back(self) {
        if let Some(session) = self.undo.get_untracked() {
            self.undo.set(None);
            self.put_in_place(session);
        }
    }

    /// Gives up a machine that does not answer, for a fresh one.
    pub(crate) fn restart(self) {
        self.connect();
        link::send(ToWorker::Show(untrack(|| self.request())));
        self.reset();
    }

    /// Runs a session on a fresh machine; the present one is gone.
    pub(crate) fn put_in_place(self, session: Session) {
        share::forget(self);
        if self.failure.get_untracked().is_some() {
            self.failure.set(None);
            self.connect();
            link::send(ToWorker::Show(untrack(|| self.request())));
        }
        self.verdicts.set(Vec::new());
        self.verdict.set(None);
        self.progress.set(Progress::Idle);
        self.keys_wanted.update(|wanted| {
            wanted.offset = 0;
            wanted.filter.clear();
            wanted.db = 0;
            wanted.changed_only = false;
            wanted.selected = None;
        });
        self.writes_wanted.update(|wanted| wanted.offset = 0);
        self.file_wanted.update(|wanted| {
            wanted.path = None;
            wanted.offset = 0;
        });
        transfer::attach_for(&session.lines);
        self.order(ToWorker::Load {
            seed: session.seed,
            lines: session.lines.clone(),
        });
        self.session.set(session);
    }

    /// Gives up what is being carried out.
    pub(crate) fn interrupt(self) {
        self.order(ToWorker::Interrupt);
    }

    /// Goes through history: `back fsync`, `goto 03:12:07`, `undo`, `present`, `branch 1`, `step fsync`.
    pub(crate) fn travel(self, line: impl Into<String>) {
        self.order(ToWorker::Travel(line.into()));
    }

    /// Shows the machine as it was at this time, microseconds since the epoch, without a line for it.
    pub(crate) fn seek(self, to_us: u64) {
        self.order(ToWorker::Seek(to_us));
    }

    /// Lets the clock run by itself at the chosen speed, or stops it.
    pub(crate) fn toggle_play(self) {
        let speed = self.speed.get_untracked();
        let wanted = self.playing.get_untracked().is_none().then_some(speed);
        self.order(ToWorker::Play(wanted));
    }

    /// Chooses the speed.
    pub(crate) fn set_speed(self, speed: f64) {
        self.speed.set(speed);
        if self.playing.get_untracked().is_some() {
            self.order(ToWorker::Play(Some(speed)));
        }
    }

    /// Hands text to the terminal, or clears it.
    pub(crate) fn write(self, output: impl IntoIterator<Item = Option<Span>>) {
        self.output.update_value(|waiting| waiting.extend(output));
        self.output_count.update(|count| *count += 1);
    }

    fn apply(self, message: FromWorker) {
        match message {
            FromWorker::Ready => {}
            FromWorker::Completed { id, completion } => self.completion.set((id, completion)),
            FromWorker::Failed(reason) => {
                self.progress.set(Progress::Idle);
                self.playing.set(None);
                self.busy.set(false);
                // The first reason is the reason; the browser's own word for it comes after.
                self.failure.update(|known| {
                    known.get_or_insert(reason);
                });
            }
            FromWorker::Update(update) => self.take_in(*update),
        }
    }

    fn take_in(self, update: protocol::Update) {
        if update.fresh {
            self.write([None]);
            if self
                .session
                .with_untracked(|session| session.lines.len() == 1)
            {
                self.write(examples::welcome().map(Some));
            }
        }
        if !update.spans.is_empty() {
            self.write(update.spans.into_iter().map(Some));
        }
        if let Some(lines) = update.lines {
            self.session.update(|session| session.lines = lines);
        }
        set(self.past, update.past);
        set(self.branches, update.branches);
        let idle = matches!(update.progress, Progress::Idle) && update.taken == link::ordered();
        set(self.busy, !idle);
        set(self.prompt, update.prompt);
        set(self.progress, update.progress);
        set(self.running_ms, update.running_ms);
        set(self.playing, update.playing);
        if let Some(mut view) = update.view {
            view.timeline.points = update.curve.points();
            self.show(view);
        }
        share::check(self);
    }

    fn show(self, view: View) {
        if view.verdict != self.verdict.get_untracked() {
            if let Some(verdict) = &view.verdict {
                self.announcement
                    .set(crate::components::verdict::sentence(verdict));
                self.verdicts.update(|all| match all.last_mut() {
                    Some(last) if last.crashed_at_us == verdict.crashed_at_us => {
                        *last = verdict.clone();
                    }
                    _ => all.push(verdict.clone()),
                });
            }
            self.verdict.set(view.verdict);
        }
        set(self.clock, Some(view.clock));
        set(self.layers, view.layers);
        set(self.firing, view.firing);
        set(self.timeline, view.timeline);
        // A tab that is not asked for keeps what it showed, so that it is not empty when it opens again.
        if view.keys.is_some() {
            set(self.keys, view.keys);
        }
        if view.files.is_some() {
            set(self.files, view.files);
            set(self.file, view.file);
            set(self.places, view.places.unwrap_or_default());
        }
        if let Some(checks) = view.checks {
            set(self.checks, checks);
        }
        if view.writes.is_some() {
            set(self.writes, view.writes);
        }
        if view.config.is_some() {
            set(self.config, view.config);
        }
        if self.tab.get_untracked() == Tab::Info {
            set(self.info, view.info);
            set(self.alerts, view.alerts);
        }
    }
}

/// Sets a signal only if that changes it, so that nothing is drawn again for nothing.
fn set<T: PartialEq + Send + Sync + 'static>(signal: RwSignal<T>, value: T) {
    if signal.with_untracked(|present| *present != value) {
        signal.set(value);
    }
}

/// The state, from inside a component.
pub(crate) fn use_app() -> App {
    expect_context::<App>()
}
