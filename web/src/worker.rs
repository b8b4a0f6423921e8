//! The worker: owns the machine, runs it in short slices, and tells the page what happened.
//!
//! Between two slices it goes back to its message queue, so that an interrupt is heard within a slice. While nothing runs
//! it has no timer at all.

use std::{cell::RefCell, rc::Rc};

use lastsave_scenario::{History, Progress, Span, ViewRequest};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{DedicatedWorkerGlobalScope, MessageChannel, MessageEvent, MessagePort};

use crate::{
    protocol::{self, Curve, FromWorker, ToWorker, Update},
    transfer::{
        Parcel,
        shelf::{self, Shelf},
    },
};

/// How long a slice may take, in milliseconds of real time.
const SLICE_MS: f64 = 10.0;
/// The least time between two updates while something runs.
const UPDATE_MS: f64 = 100.0;
/// The least time between two steps of the clock while it plays.
const PLAY_STEP_MS: f64 = 50.0;
/// A view may take at most this part of the time: the next one waits this many times its cost.
const VIEW_COST_FACTOR: f64 = 9.0;

/// The clock running by itself.
struct Play {
    /// Simulated time per real time.
    speed: f64,
    /// When the last step was taken, in real milliseconds.
    stepped_at_ms: f64,
}

/// The worker's state.
pub(crate) struct Worker {
    pub(crate) scope: DedicatedWorkerGlobalScope,
    /// Files from outside.
    pub(crate) shelf: Shelf,
    /// Posting here brings the next slice, behind the messages already waiting.
    next_slice: MessagePort,
    history: History,
    shown: ViewRequest,
    slice_events: u64,
    slice_waiting: bool,
    running_since_ms: Option<f64>,
    /// Since when the lines wait, if the page has asked for that.
    held_since_ms: Option<f64>,
    sent_at_ms: f64,
    view_due_at_ms: f64,
    fresh: bool,
    spans: Vec<Span>,
    /// The session's lines as the page knows them.
    pub(crate) known: Vec<String>,
    progress: Progress,
    play: Option<Play>,
    /// Orders taken so far.
    taken: u32,
    timer: Option<Closure<dyn FnMut()>>,
}

/// Starts the worker.
pub(crate) fn start(scope: &DedicatedWorkerGlobalScope) {
    report_panics(scope.clone());
    let channel = MessageChannel::new().expect("message channels exist in every worker");
    let worker = Rc::new(RefCell::new(Worker {
        scope: scope.clone(),
        shelf: Shelf::default(),
        next_slice: channel.port2(),
        history: History::new(0),
        shown: ViewRequest::default(),
        slice_events: 2_000,
        slice_waiting: false,
        running_since_ms: None,
        held_since_ms: None,
        sent_at_ms: 0.0,
        view_due_at_ms: 0.0,
        fresh: false,
        spans: Vec::new(),
        known: Vec::new(),
        progress: Progress::Idle,
        play: None,
        taken: 0,
        timer: None,
    }));

    let sliced = Rc::clone(&worker);
    let on_slice = Closure::<dyn FnMut()>::new(move || {
        sliced.borrow_mut().slice_waiting = false;
        run_slice(&sliced);
    });
    channel
        .port1()
        .set_onmessage(Some(on_slice.as_ref().unchecked_ref()));
    on_slice.forget();

    let told = Rc::clone(&worker);
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        let data = event.data();
        if let Some((parcel, things)) = Parcel::unwrap(&data) {
            shelf::handle(&told, parcel, things);
        } else if let Ok(message) = protocol::decode(data) {
            handle_message(&told, message);
        }
    });
    scope.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    on_message.forget();

    worker.borrow().send(&FromWorker::Ready);
}

/// Makes a panic reach the page, where a person can read it.
fn report_panics(scope: DedicatedWorkerGlobalScope) {
    std::panic::set_hook(Box::new(move |panic| {
        if let Ok(message) = protocol::encode(&FromWorker::Failed(panic.to_string())) {
            // Nobody is left to tell if the page is gone.
            let _ = scope.post_message(&message);
        }
        console_error_panic_hook::hook(panic);
    }));
}

fn handle_message(worker: &Rc<RefCell<Worker>>, message: ToWorker) {
    if message.is_order() {
        worker.borrow_mut().taken += 1;
    }
    match message {
        ToWorker::Load { seed, lines } => {
            let mut state = worker.borrow_mut();
            state.history = History::new(seed);
            state.attach();
            state.running_since_ms = None;
            state.held_since_ms = None;
            state.play = None;
            state.spans.clear();
            state.fresh = true;
            state.view_due_at_ms = 0.0;
            state.known.clear();
            state.enter(lines);
        }
        ToWorker::Enter(lines) => {
            worker.borrow_mut().enter(lines);
        }
        ToWorker::Interrupt => {
            let mut state = worker.borrow_mut();
            state.play = None;
            state.held_since_ms = None;
            state.history.interrupt();
        }
        ToWorker::Complete { id, line } => {
            let state = worker.borrow();
            let completion = state.history.complete(&line);
            state.send(&FromWorker::Completed { id, completion });
            return;
        }
        ToWorker::Show(request) => {
            let mut state = worker.borrow_mut();
            if state.shown == request {
                return;
            }
            state.shown = request;
            state.view_due_at_ms = 0.0;
        }
        ToWorker::Hold(true) => {
            let mut state = worker.borrow_mut();
            state.held_since_ms = Some(state.now_ms());
        }
        ToWorker::Hold(false) => worker.borrow_mut().go_on(),
        ToWorker::Play(Some(speed)) => {
            let mut state = worker.borrow_mut();
            let stepped_at_ms = state.now_ms();
            match &mut state.play {
                Some(play) => play.speed = speed,
                None => {
                    state.play = Some(Play {
                        speed,
                        stepped_at_ms,
                    });
                }
            }
        }
        ToWorker::Play(None) => {
            let mut state = worker.borrow_mut();
            state.history.stop_playing();
            state.play = None;
        }
        ToWorker::Travel(line) => {
            let mut state = worker.borrow_mut();
            state.play = None;
            state.history.travel(&line);
        }
        ToWorker::Seek(to_us) => {
            let mut state = worker.borrow_mut();
            state.play = None;
            state.history.seek(to_us);
        }
    }
    run_slice(worker);
}

/// Runs the machine for a moment, tells the page if it is time to, and arranges for what comes next.
pub(crate) fn run_slice(worker: &Rc<RefCell<Worker>>) {
    let mut state = worker.borrow_mut();
    if state.held_since_ms.is_some() {
        return;
    }
    state.step_clock();
    let began_ms = state.now_ms();
    let events = state.slice_events;
    state.progress = state.history.run(events);
    let now_ms = state.now_ms();
    let output = state.history.take_output();
    state.spans.extend(output);

    if matches!(state.progress, Progress::Idle) {
        state.running_since_ms = None;
        state.update(true);
        let state = &mut *state;
        state.shelf.deliver(&state.scope, state.history.world());
        if state.play.is_some() {
            schedule_step(worker, state);
        }
        return;
    }
    state.adapt(now_ms - began_ms);
    state.running_since_ms.get_or_insert(began_ms);
    if now_ms - state.sent_at_ms >= UPDATE_MS {
        state.update(false);
    }
    if !state.slice_waiting {
        state.slice_waiting = true;
        // A port that cannot be posted to belongs to a worker that is being closed.
        let _ = state.next_slice.post_message(&JsValue::NULL);
    }
}

/// Comes back after a pause to move the playing clock on.
fn schedule_step(worker: &Rc<RefCell<Worker>>, state: &mut Worker) {
    if state.timer.is_some() {
        return;
    }
    let stepped = Rc::clone(worker);
    let timer = Closure::once(move || {
        let done = stepped.borrow_mut().timer.take();
        run_slice(&stepped);
        drop(done);
    });
    let started = state
        .scope
        .set_timeout_with_callback_and_timeout_and_arguments_0(
            timer.as_ref().unchecked_ref(),
            PLAY_STEP_MS as i32,
        );
    if started.is_ok() {
        state.timer = Some(timer);
    }
}

impl Worker {
    /// Lets the machine have the files that are kept for its lines.
    pub(crate) fn attach(&mut self) {
        self.history.attach(&self.shelf.attachments);
    }

    pub(crate) fn now_ms(&self) -> f64 {
        self.scope.performance().map_or(0.0, |clock| clock.now())
    }

    fn send(&self, message: &FromWorker) {
        if let Ok(value) = protocol::encode(message) {
            // Nobody is left to tell if the page is gone.
            let _ = self.scope.post_message(&value);
        }
    }

    /// Ends a wait, which does not count as time at work.
    fn go_on(&mut self) {
        let now_ms = self.now_ms();
        if let Some(held_ms) = self.held_since_ms.take().map(|since_ms| now_ms - since_ms) {
            self.running_since_ms = self.running_since_ms.map(|since_ms| since_ms + held_ms);
        }
    }

    /// Sizes the next slice so that it takes about as long as it may.
    fn adapt(&mut self, took_ms: f64) {
        let factor = (SLICE_MS / took_ms.max(0.05)).clamp(0.25, 2.0);
        self.slice_events = ((self.slice_events as f64 * factor) as u64).clamp(50, 2_000_000);
    }

    /// While the clock plays and the machine waits, moves simulated time on by what has passed in real time.
    fn step_clock(&mut self) {
        let now_ms = self.now_ms();
        if !matches!(self.progress, Progress::Idle) {
            return;
        }
        let Some(play) = &mut self.play else { return };
        let step_ms = ((now_ms - play.stepped_at_ms).min(4.0 * PLAY_STEP_MS) * play.speed) as u64;
        if step_ms > 0 {
            play.stepped_at_ms = now_ms;
            self.history.let_pass(step_ms * 1_000);
        }
    }

    /// Enters lines that the page has entered.
    fn enter(&mut self, lines: Vec<String>) {
        for line in &lines {
            self.history.enter(line);
        }
        shelf::keep(self, &lines);
        self.known.extend(lines);
    }

    /// The session's lines, if the page does not know them.
    fn unknown_lines(&mut self) -> Option<Vec<String>> {
        let lines = self.history.all_lines();
        if lines == self.known {
            return None;
        }
        self.known.clone_from(&lines);
        Some(lines)
    }

    /// Sends an update, with a view if one is due or must be.
    fn update(&mut self, complete: bool) {
        let now_ms = self.now_ms();
        let playing = self.play.as_ref().map(|play| play.speed);
        let is_due = now_ms >= self.view_due_at_ms || (complete && playing.is_none());
        // What the machine shows on its way to a moment is not that moment.
        let mut view =
            (is_due && !self.history.is_seeking()).then(|| self.history.view(&self.shown));
        let curve = view.as_mut().map_or(Curve::default(), |view| {
            Curve::of(&std::mem::take(&mut view.timeline.points))
        });
        if view.is_some() {
            let cost_ms = self.now_ms() - now_ms;
            self.view_due_at_ms = now_ms + cost_ms * VIEW_COST_FACTOR;
        }
        self.sent_at_ms = now_ms;
        let update = Update {
            fresh: std::mem::take(&mut self.fresh),
            spans: std::mem::take(&mut self.spans),
            taken: self.taken,
            prompt: self.history.prompt(),
            progress: self.progress.clone(),
            running_ms: self.running_since_ms.map_or(0.0, |since| now_ms - since),
            playing,
            lines: complete.then(|| self.unknown_lines()).flatten(),
            past: self.history.past(),
            branches: self.history.branches(),
            view,
            curve,
        };
        self.send(&FromWorker::Update(Box::new(update)));
    }
}
