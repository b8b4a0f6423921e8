//! Files in and out of the page: what is dropped on it or chosen, and what is downloaded from its disk.
//!
//! Nothing of it leaves the page. The page hands the worker handles of files, the worker reads them and says what they
//! are ([`lastsave_scenario::import`]); what is done with them is lines of the session. Bytes travel between the two by
//! transfer, beside the messages of [`crate::protocol`]: as arrays of a [`Parcel`] and what belongs to it.

pub(crate) mod entries;
mod keep;
pub(crate) mod shelf;

use js_sys::{Array, Uint8Array};
use lastsave_scenario::{Attachments, import::ImportReport};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement, Url};

use crate::{
    components, link, protocol, share,
    state::{App, Tab},
};

pub(crate) use keep::prune;

/// What page and worker say to each other about files. Behind it in the array stand the things named here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Parcel {
    /// To the worker: say what these files are. With it: a handle of each.
    Examine {
        /// The answer has the same number.
        id: u32,
        /// Their paths as they came.
        paths: Vec<String>,
    },
    /// To the worker: keep this file for lines that name it. With it: its bytes.
    Attach,
    /// To the worker: the files are no longer of interest.
    Leave,
    /// To the worker: send this file or directory once nothing is being carried out; empty stands for the whole disk.
    Export(String),
    /// To the page: what the files are.
    Examined {
        /// The number of the question.
        id: u32,
        /// The answer.
        report: Box<ImportReport>,
    },
    /// To the page: how much of the files has been looked at, from 0 to 1.
    Looked {
        /// The number of the question.
        id: u32,
        /// The part.
        fraction: f64,
    },
    /// To the page: a file that a line names, to be kept for a reload. With it: its bytes.
    Attached {
        /// Its checksum and its length.
        named: (u64, u64),
    },
    /// To the page: what was to be sent. With it: its bytes; without, it is not there.
    Exported {
        /// A name for it.
        name: String,
    },
}

impl Parcel {
    /// The parcel as the browser carries it, and what of it changes hands.
    pub(crate) fn wrap(&self, things: &[JsValue]) -> Option<(Array, Array)> {
        let message = protocol::encode(self).ok()?;
        let all = Array::of1(&message);
        let moved = Array::new();
        for thing in things {
            all.push(thing);
            if let Some(bytes) = thing.dyn_ref::<Uint8Array>() {
                moved.push(&bytes.buffer());
            }
        }
        Some((all, moved))
    }

    /// Undoes [`Parcel::wrap`]: `None` if it is a message of the ordinary kind.
    pub(crate) fn unwrap(data: &JsValue) -> Option<(Self, Vec<JsValue>)> {
        let all = data.dyn_ref::<Array>()?;
        let parcel = protocol::decode(all.get(0)).ok()?;
        Some((parcel, all.iter().skip(1).collect()))
    }
}

/// The part of the page's state that is about files from outside. A handful of handles, copied freely.
#[derive(Clone, Copy)]
pub(crate) struct Transfer {
    /// What came, and is offered.
    pub report: RwSignal<Option<ImportReport>>,
    /// What is being looked at.
    pub looking: RwSignal<Option<String>>,
    /// How much of it has been looked at, from 0 to 1, once that is known.
    pub looked: RwSignal<Option<f64>>,
    /// What went wrong before anything could be looked at.
    pub notice: RwSignal<Option<String>>,
    /// Whether something is held over the page.
    pub hovered: RwSignal<bool>,
    asked: StoredValue<u32>,
}

impl Transfer {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            report: RwSignal::default(),
            looking: RwSignal::default(),
            looked: RwSignal::default(),
            notice: RwSignal::default(),
            hovered: RwSignal::default(),
            asked: StoredValue::default(),
        }
    }
}

/// A file that came, with its path as it came.
pub(crate) struct Came {
    /// The path.
    pub path: String,
    /// The browser's handle of it.
    pub file: web_sys::File,
}

/// Has the worker look at files.
pub(crate) fn examine(app: App, came: Vec<Came>) {
    let transfer = app.transfer;
    if came.is_empty() {
        transfer.notice.set(Some("No files were in it.".into()));
        return;
    }
    transfer.notice.set(None);
    let bytes: f64 = came.iter().map(|came| came.file.size()).sum();
    let what = match came.as_slice() {
        [one] => one.path.clone(),
        many => format!("{} files", many.len()),
    };
    let size = crate::format::bytes(bytes as u64);
    transfer.looking.set(Some(format!("{what}, {size}")));
    transfer.looked.set(None);
    transfer.asked.update_value(|asked| *asked += 1);
    let things: Vec<JsValue> = came.iter().map(|came| came.file.clone().into()).collect();
    let parcel = Parcel::Examine {
        id: transfer.asked.get_value(),
        paths: came.into_iter().map(|came| came.path).collect(),
    };
    link::send_parcel(&parcel, &things);
}

/// Gives up the question.
pub(crate) fn forget(app: App) {
    app.transfer.asked.update_value(|asked| *asked += 1);
    if app.transfer.looking.with_untracked(Option::is_some) {
        link::send_parcel(&Parcel::Leave, &[]);
    }
    app.transfer.looking.set(None);
    app.transfer.report.set(None);
    app.transfer.notice.set(None);
}

/// Downloads a file or directory of the simulated disk, once nothing is being carried out; empty stands for all of it.
pub(crate) fn download(path: &str) {
    link::send_parcel(&Parcel::Export(path.to_owned()), &[]);
}

/// Takes what the worker says about files.
pub(crate) fn heard(app: App, parcel: Parcel, things: &[JsValue]) {
    let bytes = things
        .first()
        .and_then(|thing| thing.dyn_ref::<Uint8Array>());
    match parcel {
        Parcel::Examined { id, report } if id == app.transfer.asked.get_value() => {
            app.transfer.looking.set(None);
            match lone_scenario(&report) {
                Some(text) => {
                    share::open_scenario_text(app, &report.title, text);
                }
                None => app.transfer.report.set(Some(*report)),
            }
        }
        Parcel::Looked { id, fraction } if id == app.transfer.asked.get_value() => {
            app.transfer.looked.set(Some(fraction));
        }
        Parcel::Attached { named } => {
            if let Some(bytes) = bytes {
                keep::put(app, named, bytes.clone());
            }
        }
        Parcel::Exported { name } => match bytes {
            Some(bytes) => save_as(&name, bytes),
            None => app
                .transfer
                .notice
                .set(Some(format!("{name} is not on the disk."))),
        },
        _ => {}
    }
}

/// The scenario, if one came and nothing else: it opens at once, as a link does, and waits.
fn lone_scenario(report: &ImportReport) -> Option<&str> {
    let is_alone = report.files.len() == 1 && report.notes.is_empty();
    report.scenario.as_deref().filter(|_| is_alone)
}

/// Gives the worker the large files that these lines name, before it is told anything else.
pub(crate) fn attach_for(lines: &[String]) {
    let named = Attachments::named_in(lines.iter().map(String::as_str));
    if named.is_empty() {
        return;
    }
    link::hold();
    leptos::task::spawn_local(async move {
        for named in named {
            if let Some(bytes) = keep::get(named).await {
                link::send_parcel(&Parcel::Attach, &[bytes.into()]);
            }
        }
        link::release();
    });
}

/// Lets the browser save bytes as a file.
fn save_as(name: &str, bytes: &Uint8Array) {
    let options = BlobPropertyBag::new();
    options.set_type("application/octet-stream");
    let blob = Blob::new_with_u8_array_sequence_and_options(&Array::of1(bytes), &options);
    let Ok(address) = blob.and_then(|blob| Url::create_object_url_with_blob(&blob)) else {
        return;
    };
    let anchor = document()
        .create_element("a")
        .ok()
        .and_then(|element| element.dyn_into::<HtmlAnchorElement>().ok());
    if let Some(anchor) = anchor {
        anchor.set_href(&address);
        anchor.set_download(name);
        anchor.click();
    }
    // An address that was made can be given up.
    let _ = Url::revoke_object_url(&address);
}

/// What can be done with files that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Start a server on them, on a fresh machine.
    Load,
    /// Put them on the disk that there is, and start a server.
    LoadHere,
    /// Remove the comments that Redis refuses, and start a server.
    StripAndLoad,
    /// Check them with Redis's tools.
    Check,
    /// Show what they are made of.
    Inspect,
    /// Repair them, and start a server.
    RepairAndLoad,
    /// Repair them, and download the result.
    RepairAndDownload,
}

/// Does it: by lines of the session.
pub(crate) fn act(app: App, action: Action) {
    let Some(report) = app.transfer.report.get_untracked() else {
        return;
    };
    let mut lines = report.upload.clone();
    let repair = report.repair.clone();
    match action {
        Action::Load | Action::LoadHere => lines.extend(report.start.clone()),
        Action::StripAndLoad => {
            lines.extend(report.strip.clone());
            lines.extend(report.start.clone());
        }
        Action::Check => lines.extend(report.check.clone()),
        Action::Inspect => lines.extend(report.inspect.clone()),
        Action::RepairAndLoad | Action::RepairAndDownload => {
            lines.extend(repair.iter().map(|repair| repair.line.clone()));
        }
    }
    if let (Action::RepairAndLoad, Some(repair)) = (action, &repair) {
        lines.extend(repair.adopt.clone());
        lines.extend(report.start.clone());
    }
    forget(app);
    // What was chosen before is another machine's.
    let shown = report.files.iter().filter(|file| file.problem.is_some());
    let shown = shown.chain(&report.files).find_map(|file| {
        let at = file.problem.as_ref().map_or(0, |(at, _)| *at);
        Some((file.goes_to.clone()?, at))
    });
    if action == Action::LoadHere {
        let is_up = app
            .clock
            .with_untracked(|clock| clock.as_ref().is_some_and(|clock| clock.server.is_some()));
        if is_up {
            lines.insert(0, "SHUTDOWN NOSAVE".into());
        }
        app.enter_all(lines);
    } else {
        app.open(crate::session::Session {
            title: report.title,
            seed: 1,
            lines,
        });
    }
    match (action, shown) {
        (Action::Check | Action::Inspect | Action::RepairAndDownload, Some((path, at))) => {
            components::files::show(app, path, at);
        }
        (Action::Load | Action::LoadHere | Action::RepairAndLoad, _) => app.tab.set(Tab::Keys),
        _ => {}
    }
    if let (Action::RepairAndDownload, Some(repair)) = (action, repair) {
        download(&repair.output);
    }
}
