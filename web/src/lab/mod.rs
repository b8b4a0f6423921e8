//! The laboratory: sweeps and comparisons, in workers of their own, so that the page's machine goes on meanwhile.

pub(crate) mod protocol;
pub(crate) mod worker;

use std::cell::RefCell;

use lastsave_scenario::compare::{Candidate, Column};
use lastsave_scenario::presets::PRESETS;
use lastsave_scenario::sweep::{Bin, SweepPoint, SweepReport};
use lastsave_scenario::{CrashKind, SweepOptions};
use leptos::prelude::*;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{MessageEvent, Worker};

use self::protocol::{FromLab, ToLab};
use crate::{link, session::Session, state::App};

/// The name by which the program knows that it is this worker.
pub(crate) const WORKER: &str = "lastsave lab";

/// Which of the two jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bench {
    /// The sweep.
    Sweep,
    /// The comparison.
    Compare,
}

thread_local! {
    static WORKERS: RefCell<[Option<Worker>; 2]> = RefCell::default();
}

/// How a job is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Doing {
    /// It has not been asked for.
    #[default]
    Nothing,
    /// It runs, and so much is done, 0 to 1.
    Running(f64),
    /// It is done.
    Done,
    /// It was stopped.
    Stopped,
    /// It cannot be done, and why.
    Refused(String),
}

/// What a sweep has found.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Found {
    /// In numbers.
    pub report: SweepReport,
    /// By the kind of crash.
    pub charts: Vec<Vec<Bin>>,
    /// How long it took, in milliseconds of real time.
    pub took_ms: f64,
}

/// What the tabs of the laboratory share. It stays while another tab is open.
#[derive(Clone, Copy)]
pub(crate) struct Lab {
    /// How the sweep is.
    pub sweeping: RwSignal<Doing>,
    /// The session that is swept.
    pub swept: RwSignal<String>,
    /// What was found so far.
    pub found: RwSignal<Found>,
    /// The point that is looked at: the index of the kind of crash, and its bin.
    pub at: RwSignal<Option<(usize, Bin)>>,
    /// That point in full, with its index.
    pub point: RwSignal<Option<(usize, SweepPoint)>>,
    /// The kinds of crashes to sweep.
    pub kinds: RwSignal<Vec<CrashKind>>,
    /// How many points at most.
    pub points: RwSignal<u64>,
    /// How the comparison is.
    pub comparing: RwSignal<Doing>,
    /// The session that is compared.
    pub compared: RwSignal<String>,
    /// Its columns so far.
    pub columns: RwSignal<Vec<Column>>,
    /// The presets chosen, by their words.
    pub chosen: RwSignal<Vec<&'static str>>,
    /// A configuration of one's own; not compared while empty.
    pub own: RwSignal<String>,
    /// The machine; empty for the session's own.
    pub machine: RwSignal<String>,
}

impl Lab {
    /// Before anything was asked for.
    pub(crate) fn new() -> Self {
        Self {
            sweeping: RwSignal::default(),
            swept: RwSignal::default(),
            found: RwSignal::default(),
            at: RwSignal::default(),
            point: RwSignal::default(),
            // What loses most stands first.
            kinds: RwSignal::new(vec![CrashKind::Power, CrashKind::Kill]),
            points: RwSignal::new(SweepOptions::default().max_points),
            comparing: RwSignal::default(),
            compared: RwSignal::default(),
            columns: RwSignal::default(),
            chosen: RwSignal::new(vec!["first", "hybrid", "always", "everysec", "no"]),
            own: RwSignal::default(),
            machine: RwSignal::default(),
        }
    }

    /// Sweeps a session.
    pub(crate) fn sweep(self, app: App, session: &Session) {
        self.swept.set(session.title.clone());
        self.found.set(Found::default());
        self.at.set(None);
        self.point.set(None);
        let message = ToLab::Sweep {
            scenario: session.to_scenario(),
            options: SweepOptions {
                kinds: self.kinds.get_untracked(),
                max_points: self.points.get_untracked(),
                ..SweepOptions::default()
            },
        };
        self.start(app, Bench::Sweep, message);
    }

    /// Compares the chosen configurations over a session.
    pub(crate) fn compare(self, app: App, session: &Session) {
        self.compared.set(session.title.clone());
        self.columns.set(Vec::new());
        let message = ToLab::Compare {
            scenario: session.to_scenario(),
            candidates: self.candidates(),
            machine: Some(self.machine.get_untracked()).filter(|machine| !machine.is_empty()),
        };
        self.start(app, Bench::Compare, message);
    }

    /// The configurations chosen, in the order of the menu.
    fn candidates(self) -> Vec<Candidate> {
        let chosen = self.chosen.get_untracked();
        let presets = PRESETS
            .iter()
            .filter(|preset| chosen.contains(&preset.word));
        let mut all: Vec<Candidate> = presets.map(Candidate::from).collect();
        let own = self.own.get_untracked();
        if !own.trim().is_empty() {
            all.push(Candidate {
                name: "Your own".into(),
                conf: own,
            });
        }
        all
    }

    fn doing(self, bench: Bench) -> RwSignal<Doing> {
        match bench {
            Bench::Sweep => self.sweeping,
            Bench::Compare => self.comparing,
        }
    }

    /// Stops a job. What it has found so far stays.
    pub(crate) fn stop(self, bench: Bench) {
        Self::ask(bench, &ToLab::Stop);
        self.doing(bench).set(Doing::Stopped);
    }

    /// Asks the worker of a job.
    pub(crate) fn ask(bench: Bench, message: &ToLab) {
        WORKERS.with_borrow(|workers| {
            if let Some(worker) = &workers[bench as usize]
                && let Ok(value) = crate::protocol::encode(message)
            {
                // A worker that cannot be posted to has reported its failure already.
                let _ = worker.post_message(&value);
            }
        });
    }

    fn start(self, app: App, bench: Bench, first: ToLab) {
        let doing = self.doing(bench);
        let Ok(worker) = link::new_worker(WORKER) else {
            doing.set(Doing::Refused(
                "This browser could not start another worker.".into(),
            ));
            return;
        };
        doing.set(Doing::Running(0.0));
        let mut first = Some(first);
        let listener = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            match crate::protocol::decode(event.data()) {
                Ok(FromLab::Ready) => {
                    if let Some(message) = first.take() {
                        Self::ask(bench, &message);
                    }
                }
                Ok(message) => self.hear(app, bench, message),
                Err(error) => doing.set(Doing::Refused(error.to_string())),
            }
        });
        worker.set_onmessage(Some(listener.as_ref().unchecked_ref()));
        listener.forget();
        put(bench, Some(worker));
    }

    fn hear(self, app: App, bench: Bench, message: FromLab) {
        let progress = |fraction, done| {
            if done {
                Doing::Done
            } else {
                Doing::Running(fraction)
            }
        };
        match message {
            FromLab::Ready => {}
            FromLab::Sweep {
                fraction,
                done,
                took_ms,
                report,
                charts,
            } => {
                if self.sweeping.get_untracked() == Doing::Stopped {
                    return;
                }
                self.found.set(Found {
                    report,
                    charts,
                    took_ms,
                });
                self.sweeping.set(progress(fraction, done));
                if done {
                    let words = self.found.with_untracked(|found| {
                        format!("The sweep is done: {} crash points.", found.report.points)
                    });
                    app.announcement.set(words);
                }
            }
            FromLab::Compare {
                fraction,
                done,
                columns,
            } => {
                if self.comparing.get_untracked() == Doing::Stopped {
                    return;
                }
                self.columns.set(columns);
                self.comparing.set(progress(fraction, done));
                if done {
                    app.announcement.set("The comparison is done.".into());
                }
            }
            FromLab::Point(index, point) => self.point.set(Some((index, point))),
            FromLab::Scenario(text) => {
                if let Some(session) = Session::from_scenario(&text) {
                    app.open(session);
                }
            }
            FromLab::Refused(reason) => self.doing(bench).set(Doing::Refused(reason)),
            FromLab::Failed(reason) => {
                put(bench, None);
                let reason = format!("The worker stopped, a defect of Lastsave: {reason}");
                self.doing(bench).set(Doing::Refused(reason));
            }
        }
    }
}

/// Puts a worker in the place of the one there may be, which ends.
fn put(bench: Bench, worker: Option<Worker>) {
    WORKERS.with_borrow_mut(|workers| {
        let place = &mut workers[bench as usize];
        if let Some(old) = place.take() {
            old.terminate();
        }
        *place = worker;
    });
}

/// A run that shows something under every policy: half a minute of carts, with a rewrite in the middle.
pub(crate) fn example() -> Session {
    Session {
        title: "Half a minute of carts".into(),
        seed: 7,
        lines: [
            "redis-server --appendonly yes --appendfsync everysec",
            "workload carts rate=200 keys=1000",
            "advance 20s",
            "BGREWRITEAOF",
            "advance 10s",
        ]
        .map(str::to_owned)
        .to_vec(),
    }
}

/// The laboratory, from inside a component.
pub(crate) fn use_lab() -> Lab {
    expect_context::<Lab>()
}
