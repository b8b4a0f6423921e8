//! The page's end of the line to the worker.

use std::cell::RefCell;

use wasm_bindgen::{JsCast, JsValue, closure::Closure, prelude::wasm_bindgen};
use web_sys::{MessageEvent, Worker};

use crate::{
    protocol::{self, FromWorker, ToWorker},
    transfer::Parcel,
};

/// The worker, and what waits until it listens.
#[derive(Default)]
struct Link {
    worker: Option<Worker>,
    ready: bool,
    ordered: u32,
    waiting: Vec<ToWorker>,
    /// Parcels, and what of them changes hands: they go ahead of the messages.
    parcels: Vec<(js_sys::Array, js_sys::Array)>,
    /// Whether messages wait for a parcel.
    held: bool,
}

thread_local! {
    static LINK: RefCell<Link> = RefCell::default();
}

#[wasm_bindgen]
extern "C" {
    /// A worker of this name, which web/start.js gives the program that it has compiled for the page already.
    ///
    /// # Errors
    /// If the browser refuses the worker.
    #[wasm_bindgen(js_namespace = lastsave, js_name = worker, catch)]
    pub(crate) fn new_worker(name: &str) -> Result<Worker, JsValue>;
}

/// Starts a worker, in place of the one there may be. `on_message` hears everything it says but [`FromWorker::Ready`],
/// `on_parcel` what it says about files.
pub(crate) fn start(
    on_message: impl Fn(FromWorker) + 'static,
    on_parcel: impl Fn(Parcel, &[JsValue]) + 'static,
) {
    stop();
    let Ok(worker) = new_worker("lastsave engine") else {
        on_message(FromWorker::Failed(
            "This browser could not start a module worker, which the engine runs in.".into(),
        ));
        return;
    };
    let on_message = std::rc::Rc::new(on_message);
    let heard = std::rc::Rc::clone(&on_message);
    let listener = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        if let Some((parcel, things)) = Parcel::unwrap(&event.data()) {
            return on_parcel(parcel, &things);
        }
        match protocol::decode(event.data()) {
            Ok(FromWorker::Ready) => LINK.with_borrow_mut(|link| {
                link.ready = true;
                link.flush();
            }),
            Ok(message) => heard(message),
            Err(error) => heard(FromWorker::Failed(error.to_string())),
        }
    });
    worker.set_onmessage(Some(listener.as_ref().unchecked_ref()));
    listener.forget();
    let broken = Closure::<dyn FnMut(web_sys::Event)>::new(move |event: web_sys::Event| {
        let message = event
            .dyn_ref::<web_sys::ErrorEvent>()
            .map(web_sys::ErrorEvent::message)
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| "its files could not be loaded".into());
        on_message(FromWorker::Failed(message));
    });
    worker.set_onerror(Some(broken.as_ref().unchecked_ref()));
    broken.forget();
    LINK.with_borrow_mut(|link| link.worker = Some(worker));
}

/// Ends the worker. What it was doing is lost.
pub(crate) fn stop() {
    LINK.with_borrow_mut(|link| {
        if let Some(worker) = link.worker.take() {
            worker.terminate();
        }
        link.ready = false;
        link.ordered = 0;
        link.waiting.clear();
        link.parcels.clear();
        link.held = false;
    });
}

/// Says something to the worker; it waits until the worker listens.
pub(crate) fn send(message: ToWorker) {
    LINK.with_borrow_mut(|link| {
        link.ordered += u32::from(message.is_order());
        match &link.worker {
            Some(worker) if link.ready && !link.held => post(worker, &message),
            _ => link.waiting.push(message),
        }
    });
}

/// How many orders this worker has been given.
pub(crate) fn ordered() -> u32 {
    LINK.with_borrow(|link| link.ordered)
}

/// Says something about files to the worker, with the things that belong to it; it waits until the worker listens.
pub(crate) fn send_parcel(parcel: &Parcel, things: &[JsValue]) {
    LINK.with_borrow_mut(|link| {
        link.parcels.extend(parcel.wrap(things));
        if link.ready {
            link.post_parcels();
        }
    });
}

/// Lets messages wait until [`release`]; parcels go ahead.
pub(crate) fn hold() {
    LINK.with_borrow_mut(|link| link.held = true);
}

/// Undoes [`hold`].
pub(crate) fn release() {
    LINK.with_borrow_mut(|link| {
        link.held = false;
        link.flush();
    });
}

impl Link {
    fn post_parcels(&mut self) {
        if let Some(worker) = &self.worker {
            for (parcel, moved) in self.parcels.drain(..) {
                // A worker that cannot be posted to has reported its failure already.
                let _ = worker.post_message_with_transfer(&parcel, &moved);
            }
        }
    }

    /// Posts what waits, if the worker listens.
    fn flush(&mut self) {
        if !self.ready {
            return;
        }
        self.post_parcels();
        if let Some(worker) = self.worker.as_ref().filter(|_| !self.held) {
            for message in self.waiting.drain(..) {
                post(worker, &message);
            }
        }
    }
}

fn post(worker: &Worker, message: &ToWorker) {
    if let Ok(value) = protocol::encode(message) {
        // A worker that cannot be posted to has reported its failure already.
        let _ = worker.post_message(&value);
    }
}
