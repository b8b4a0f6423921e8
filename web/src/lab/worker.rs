//! The laboratory's worker: sweeps and compares in short slices, and goes back to its messages in between.

use std::{cell::RefCell, rc::Rc};

use lastsave_scenario::{Scenario, Sweep, compare::Compare};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{DedicatedWorkerGlobalScope, MessageChannel, MessageEvent, MessagePort};

use super::protocol::{FromLab, ToLab};
use crate::protocol;

/// How long a slice may take, in milliseconds of real time. One point may take longer.
const SLICE_MS: f64 = 20.0;
/// The least time between two updates.
const UPDATE_MS: f64 = 400.0;
/// Columns of a chart.
const BINS: usize = 400;
/// Events of a comparison between two looks at the clock.
const EVENTS: u64 = 4_000;

enum Job {
    None,
    Sweep(Box<Sweep>),
    Compare(Box<Compare>),
}

struct Lab {
    scope: DedicatedWorkerGlobalScope,
    next_slice: MessagePort,
    job: Job,
    done: bool,
    began_ms: f64,
    told_ms: f64,
}

/// Starts the worker.
pub(crate) fn start(scope: &DedicatedWorkerGlobalScope) {
    let told = scope.clone();
    std::panic::set_hook(Box::new(move |panic| {
        post(&told, &FromLab::Failed(panic.to_string()));
        console_error_panic_hook::hook(panic);
    }));
    let channel = MessageChannel::new().expect("message channels exist in every worker");
    let lab = Rc::new(RefCell::new(Lab {
        scope: scope.clone(),
        next_slice: channel.port2(),
        job: Job::None,
        done: true,
        began_ms: 0.0,
        told_ms: 0.0,
    }));

    let sliced = Rc::clone(&lab);
    let on_slice = Closure::<dyn FnMut()>::new(move || sliced.borrow_mut().run_slice());
    channel
        .port1()
        .set_onmessage(Some(on_slice.as_ref().unchecked_ref()));
    on_slice.forget();

    let asked = Rc::clone(&lab);
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        if let Ok(message) = protocol::decode(event.data()) {
            asked.borrow_mut().hear(message);
        }
    });
    scope.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    on_message.forget();
    post(scope, &FromLab::Ready);
}

fn post(scope: &DedicatedWorkerGlobalScope, message: &FromLab) {
    if let Ok(value) = protocol::encode(message) {
        // Nobody is left to tell if the page is gone.
        let _ = scope.post_message(&value);
    }
}

impl Lab {
    fn now_ms(&self) -> f64 {
        self.scope.performance().map_or(0.0, |clock| clock.now())
    }

    fn hear(&mut self, message: ToLab) {
        match message {
            ToLab::Sweep { scenario, options } => {
                self.begin(&scenario, |scenario| {
                    Ok(Job::Sweep(Box::new(Sweep::new(scenario, options))))
                });
            }
            ToLab::Compare {
                scenario,
                candidates,
                machine,
            } => self.begin(&scenario, |scenario| {
                Compare::new(scenario, candidates, machine.as_deref())
                    .map(|compare| Job::Compare(Box::new(compare)))
            }),
            ToLab::Point(index) => {
                if let Job::Sweep(sweep) = &self.job
                    && let Some(point) = sweep.points().get(index)
                {
                    post(&self.scope, &FromLab::Point(index, point.clone()));
                }
            }
            ToLab::Cell(index, kind) => {
                if let Job::Sweep(sweep) = &self.job
                    && let Some(point) = sweep.points().get(index)
                    && let Some(kind) = sweep.options().kinds.get(kind)
                {
                    post(&self.scope, &FromLab::Scenario(sweep.cell(point, *kind)));
                }
            }
            ToLab::Stop => self.done = true,
            ToLab::Column(index) => {
                if let Job::Compare(compare) = &self.job
                    && let Some(text) = compare.scenario(index)
                {
                    post(&self.scope, &FromLab::Scenario(text));
                }
            }
        }
    }

    fn begin(&mut self, text: &str, job: impl FnOnce(&Scenario) -> Result<Job, String>) {
        let scenario = Scenario::parse(text).map_err(|error| error.to_string());
        match scenario.and_then(|scenario| job(&scenario)) {
            Ok(job) => {
                self.job = job;
                self.done = false;
                self.began_ms = self.now_ms();
                self.come_back();
            }
            Err(reason) => post(&self.scope, &FromLab::Refused(reason)),
        }
    }

    fn come_back(&self) {
        // A port that cannot be posted to belongs to a worker that is being closed.
        let _ = self.next_slice.post_message(&JsValue::NULL);
    }

    fn run_slice(&mut self) {
        if self.done {
            return;
        }
        let began_ms = self.now_ms();
        while !self.done && self.now_ms() - began_ms < SLICE_MS {
            self.done = match &mut self.job {
                Job::None => true,
                // A look at the clock costs as much as some steps.
                Job::Sweep(sweep) => (0..8).any(|_| sweep.step().done),
                Job::Compare(compare) => compare.step(EVENTS).done,
            };
        }
        if self.done || self.now_ms() - self.told_ms >= UPDATE_MS {
            self.tell();
        }
        if !self.done {
            self.come_back();
        }
    }

    fn tell(&mut self) {
        self.told_ms = self.now_ms();
        let message = match &self.job {
            Job::None => return,
            Job::Sweep(sweep) => FromLab::Sweep {
                fraction: sweep.progress().fraction,
                done: self.done,
                took_ms: self.told_ms - self.began_ms,
                report: sweep.report(),
                charts: (0..sweep.options().kinds.len())
                    .map(|kind| sweep.chart(kind, BINS))
                    .collect(),
            },
            Job::Compare(compare) => FromLab::Compare {
                fraction: compare.progress().fraction,
                done: self.done,
                columns: compare.columns().to_vec(),
            },
        };
        post(&self.scope, &message);
    }
}
