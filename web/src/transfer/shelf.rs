//! The worker's end: reads files that it is handed, keeps large ones for lines that name them, sends files of the disk.

use std::{cell::RefCell, rc::Rc};

use js_sys::Uint8Array;
use lastsave_scenario::{
    Attachments, World, export,
    import::{BEGINNING_BYTES, ImportReport, Incoming, WHOLE_BYTES, examine},
};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{DedicatedWorkerGlobalScope, File};

use super::Parcel;
use crate::worker::{self, Worker};

/// What the worker keeps of files from outside, whichever machine it runs.
#[derive(Default)]
pub(crate) struct Shelf {
    /// Files that lines may name.
    pub(crate) attachments: Attachments,
    /// What is to be sent once nothing is being carried out.
    wanted: Vec<String>,
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
        Parcel::Examine { id, paths } => {
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
                state.shelf.attachments.add(bytes.to_vec().into());
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
    for (path, file) in paths.into_iter().zip(files) {
        match read(&file, most).await {
            Some(bytes) => incoming.push(Incoming {
                path,
                len: file.size() as u64,
                bytes: bytes.into(),
            }),
            None => unread.push(path),
        }
    }
    let state = &mut *worker.borrow_mut();
    let mut report = examine(incoming, &mut state.shelf.attachments);
    for path in unread {
        report
            .notes
            .push(format!("The browser could not read {path}."));
    }
    state.attach();
    keep(state, &report);
    let report = Box::new(report);
    post(&state.scope, &Parcel::Examined { id, report }, &[]);
}

/// Has the page keep the files that the report's lines name, for a reload.
fn keep(state: &Worker, report: &ImportReport) {
    for named in Attachments::named_in(report.upload.iter().map(String::as_str)) {
        if let Some(bytes) = state.shelf.attachments.get(named.0, named.1) {
            let bytes = Uint8Array::from(&bytes[..]);
            post(&state.scope, &Parcel::Attached { named }, &[bytes.into()]);
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
