//! The worker's end: reads files that it is handed, keeps large ones for lines that name them, sends files of the disk.

use std::{cell::RefCell, rc::Rc};

use js_sys::{Promise, Uint8Array};
use lastsave_scenario::{
    Attachments, World, export,
    import::{BEGINNING_BYTES, Examination, Incoming, WHOLE_BYTES},
};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{DedicatedWorkerGlobalScope, File};

use super::Parcel;
use crate::worker::{self, Worker};

/// How long files are looked at before the worker listens again, in milliseconds of real time.
const SLICE_MS: f64 = 30.0;
/// How many bytes are looked at between two looks at the clock.
const STEP_BYTES: u64 = 64 << 10;
/// The least time between two words about how far it is.
const TELL_MS: f64 = 100.0;

/// What the worker keeps of files from outside, whichever machine it runs.
#[derive(Default)]
pub(crate) struct Shelf {
    /// Files that lines may name.
    pub(crate) attachments: Attachments,
    /// What is to be sent once nothing is being carried out.
    wanted: Vec<String>,
    /// Files that the page has as well.
    kept: Vec<(u64, u64)>,
    /// The number of the question being looked into.
    asked: Option<u32>,
}

impl Shelf {
    /// Sends what was asked for.
    pub(crate) fn deliver(&mut self, scope: &DedicatedWorkerGlobalScope, world: &World) {
        for path in self.wanted.drain(..) {
            match export(world, &path) {
                Some((name, bytes)) => {
                    let bytes = Uint8Array::from(&bytes[..]);
                    post(scope, &Parcel::Exported { name }, &[bytes.into()]);
                }
                None => post(scope, &Parcel::Exported { name: path }, &[]),
            }
        }
    }
}

fn post(scope: &DedicatedWorkerGlobalScope, parcel: &Parcel, things: &[JsValue]) {
    if let Some((all, moved)) = parcel.wrap(things) {
        // Nobody is left to tell if the page is gone.
        let _ = scope.post_message_with_transfer(&all, &moved);
    }
}

/// Takes a parcel of the page.
pub(crate) fn handle(worker: &Rc<RefCell<Worker>>, parcel: Parcel, things: Vec<JsValue>) {
    match parcel {
        Parcel::Leave => worker.borrow_mut().shelf.asked = None,
        Parcel::Examine { id, paths } => {
            let state = &mut *worker.borrow_mut();
            state.shelf.asked = Some(id);
            // Those that were looked at and not used are not needed any more.
            let named = Attachments::named_in(state.known.iter().map(String::as_str));
            state.shelf.attachments.retain(&named);
            state.shelf.kept.retain(|kept| named.contains(kept));
            let worker = Rc::clone(worker);
            wasm_bindgen_futures::spawn_local(async move {
                look(&worker, id, paths, things).await;
            });
        }
        Parcel::Attach => {
            let bytes = things
                .first()
                .and_then(|thing| thing.dyn_ref::<Uint8Array>());
            if let Some(bytes) = bytes {
                let state = &mut *worker.borrow_mut();
                let len = u64::from(bytes.length());
                let sum = state.shelf.attachments.add(bytes.to_vec().into());
                state.shelf.kept.push((sum, len));
                state.attach();
            }
        }
        Parcel::Export(path) => {
            worker.borrow_mut().shelf.wanted.push(path);
            worker::run_slice(worker);
        }
        _ => {}
    }
}

/// Reads files and says what they are.
async fn look(worker: &Rc<RefCell<Worker>>, id: u32, paths: Vec<String>, files: Vec<JsValue>) {
    let files: Vec<File> = files
        .into_iter()
        .filter_map(|file| file.dyn_into().ok())
        .collect();
    let total: f64 = files.iter().map(|file| file.size()).sum();
    let most = match total > WHOLE_BYTES as f64 {
        true => BEGINNING_BYTES,
        false => WHOLE_BYTES,
    };
    let mut incoming = Vec::new();
    let mut unread = Vec::new();
    let is_asked = || worker.borrow().shelf.asked == Some(id);
    for (path, file) in paths.into_iter().zip(files) {
        match read(&file, most).await {
            Some(bytes) => incoming.push(Incoming {
                path,
                len: file.size() as u64,
                bytes: bytes.into(),
            }),
            None => unread.push(path),
        }
        if !is_asked() {
            return;
        }
    }
    let scope = worker.borrow().scope.clone();
    let now_ms = || worker.borrow().now_ms();
    let mut examination = Examination::new(incoming);
    let (mut told_ms, mut slice_ms) = (now_ms(), now_ms());
    while examination.step(STEP_BYTES) {
        if now_ms() - slice_ms < SLICE_MS {
            continue;
        }
        if now_ms() - told_ms > TELL_MS {
            told_ms = now_ms();
            let fraction = examination.fraction();
            post(&scope, &Parcel::Looked { id, fraction }, &[]);
        }
        breathe(&scope).await;
        if !is_asked() {
            return;
        }
        slice_ms = now_ms();
    }
    let state = &mut *worker.borrow_mut();
    let mut report = examination.finish(&mut state.shelf.attachments);
    for path in unread {
        report
            .notes
            .push(format!("The browser could not read {path}."));
    }
    state.shelf.asked = None;
    state.attach();
    let report = Box::new(report);
    post(&state.scope, &Parcel::Examined { id, report }, &[]);
}

/// Lets the worker hear what it was told meanwhile.
async fn breathe(scope: &DedicatedWorkerGlobalScope) {
    let pause = Promise::new(&mut |resolve, _| {
        // A worker has timers until it ends.
        let _ = scope.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, 0);
    });
    // It is only ever resolved.
    let _ = JsFuture::from(pause).await;
}

/// Has the page keep the files that lines name, for a reload.
pub(crate) fn keep(state: &mut Worker, lines: &[String]) {
    for named in Attachments::named_in(lines.iter().map(String::as_str)) {
        if !state.shelf.kept.contains(&named)
            && let Some(bytes) = state.shelf.attachments.get(named.0, named.1)
        {
            let bytes = Uint8Array::from(&bytes[..]);
            post(&state.scope, &Parcel::Attached { named }, &[bytes.into()]);
            state.shelf.kept.push(named);
        }
    }
}

/// The bytes of a file, at most so many.
async fn read(file: &File, most: u64) -> Option<Vec<u8>> {
    let end = file.size().min(most as f64);
    let part = file.slice_with_f64_and_f64(0.0, end).ok()?;
    let buffer = JsFuture::from(part.array_buffer()).await.ok()?;
    Some(Uint8Array::new(&buffer).to_vec())
}
