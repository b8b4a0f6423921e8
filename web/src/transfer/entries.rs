//! What was dropped or chosen, as files with their paths: folders are walked.

use js_sys::{Array, Promise, Reflect};
use lastsave_scenario::import::MAX_FILES;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    DataTransfer, File, FileList, FileSystemDirectoryEntry, FileSystemEntry, FileSystemFileEntry,
};

use super::Came;

/// What was dropped, before it is walked: the browser shows it during the event only.
pub(crate) enum Dropped {
    /// A file or folder.
    Entry(FileSystemEntry),
    /// A file, in a browser that has no folders.
    File(File),
}

/// Takes what was dropped.
pub(crate) fn dropped(data: &DataTransfer) -> Vec<Dropped> {
    let items = data.items();
    let mut all = Vec::new();
    for index in 0..items.length() {
        let Some(item) = items.get(index).filter(|item| item.kind() == "file") else {
            continue;
        };
        if let Ok(Some(entry)) = item.webkit_get_as_entry() {
            all.push(Dropped::Entry(entry));
        } else if let Ok(Some(file)) = item.get_as_file() {
            all.push(Dropped::File(file));
        }
    }
    if all.is_empty()
        && let Some(files) = data.files()
    {
        all.extend(
            chosen(&files)
                .into_iter()
                .map(|came| Dropped::File(came.file)),
        );
    }
    all
}

/// The files that were chosen in a dialog.
pub(crate) fn chosen(files: &FileList) -> Vec<Came> {
    let files = (0..files.length()).filter_map(|index| files.get(index));
    files.map(came).collect()
}

fn came(file: File) -> Came {
    // A file of a chosen folder says where in it it was.
    let relative = Reflect::get(&file, &JsValue::from_str("webkitRelativePath"))
        .ok()
        .and_then(|path| path.as_string())
        .filter(|path| !path.is_empty());
    Came {
        path: relative.unwrap_or_else(|| file.name()),
        file,
    }
}

/// The files of what was dropped, those in folders too; not more than are looked at.
pub(crate) async fn walk(dropped: Vec<Dropped>) -> Vec<Came> {
    let mut found = Vec::new();
    let mut waiting = Vec::new();
    for each in dropped.into_iter().rev() {
        match each {
            Dropped::File(file) => found.push(came(file)),
            Dropped::Entry(entry) => waiting.push(entry),
        }
    }
    while let Some(entry) = waiting.pop()
        && found.len() <= MAX_FILES
    {
        let path = entry.full_path().trim_start_matches('/').to_owned();
        // What it says of itself decides: Chromium has these interfaces without their names, so no instance of them is found.
        if entry.is_directory() {
            let mut inside = entries_of(&entry.unchecked_into()).await;
            inside.reverse();
            waiting.append(&mut inside);
        } else if let Some(file) = file_of(&entry.unchecked_into()).await {
            found.push(Came { path, file });
        }
    }
    found
}

async fn file_of(entry: &FileSystemFileEntry) -> Option<File> {
    let answer = promise(|resolve, reject| {
        entry.file_with_callback_and_callback(resolve, reject);
    });
    JsFuture::from(answer).await.ok()?.dyn_into().ok()
}

/// What is in a folder. It comes in parts; an empty one is the last.
async fn entries_of(folder: &FileSystemDirectoryEntry) -> Vec<FileSystemEntry> {
    let reader = folder.create_reader();
    let mut all = Vec::new();
    while all.len() <= MAX_FILES {
        let answer = promise(|resolve, reject| {
            // A reader that fails says so to the second function.
            let _ = reader.read_entries_with_callback_and_callback(resolve, reject);
        });
        let Ok(part) = JsFuture::from(answer).await else {
            break;
        };
        let part = Array::from(&part);
        if part.length() == 0 {
            break;
        }
        all.extend(part.iter().map(JsCast::unchecked_into::<FileSystemEntry>));
    }
    all
}

/// A promise of what a function of the older kind answers.
fn promise(ask: impl Fn(&js_sys::Function, &js_sys::Function)) -> Promise {
    Promise::new(&mut |resolve, reject| {
        let answer = Closure::once_into_js(move |value: JsValue| {
            // A promise's own function does not throw.
            drop(resolve.call1(&JsValue::NULL, &value));
        });
        ask(answer.unchecked_ref(), &reject);
    })
}
