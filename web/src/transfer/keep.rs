//! The bytes of files that lines only name: the browser keeps them for a reload, as long as a session names them.

use js_sys::Uint8Array;
use lastsave_scenario::Attachments;
use leptos::prelude::*;

use crate::{session, state::App, store};

/// All of them come to so many bytes at most. The newest sessions' are kept first.
const KEPT_BYTES: u64 = 256 << 20;

const FILES: &str = "attachment/";

fn kept_as((sum, len): (u64, u64)) -> String {
    format!("{FILES}{sum:016x}-{len}")
}

/// The bytes of a file, if the browser has kept them.
pub(super) async fn get(named: (u64, u64)) -> Option<Uint8Array> {
    store::get_array(&kept_as(named)).await
}

/// Keeps a file. A browser that keeps nothing forgets it at a reload, and the line that names it says so then.
pub(super) fn put(app: App, named: (u64, u64), bytes: Uint8Array) {
    leptos::task::spawn_local(async move {
        store::put_array(&kept_as(named), &bytes).await;
        prune(app).await;
    });
}

/// Forgets the files that no session names, and what is too much.
pub(crate) async fn prune(app: App) {
    let kept = store::keys(FILES).await;
    if kept.is_empty() {
        return;
    }
    let mut wanted = Vec::new();
    let mut want = |lines: &mut dyn Iterator<Item = &str>| {
        for named in Attachments::named_in(lines) {
            if !wanted.contains(&named) {
                wanted.push(named);
            }
        }
    };
    let texts = session::texts().await;
    app.session
        .with_untracked(|own| want(&mut own.lines.iter().map(String::as_str)));
    app.share.waiting.with_untracked(|waiting| {
        let lines = waiting.iter().flat_map(|waiting| &waiting.session.lines);
        want(&mut lines.map(String::as_str));
    });
    app.undo.with_untracked(|undo| {
        let lines = undo.iter().flat_map(|undo| &undo.lines);
        want(&mut lines.map(String::as_str));
    });
    for text in &texts {
        want(&mut text.lines());
    }
    let mut left = KEPT_BYTES;
    wanted.retain(|(_, len)| {
        let fits = *len <= left;
        left -= if fits { *len } else { 0 };
        fits
    });
    let wanted: Vec<String> = wanted.into_iter().map(kept_as).collect();
    for key in kept.iter().filter(|key| !wanted.contains(key)) {
        store::delete(key).await;
    }
}
