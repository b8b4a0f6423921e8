//! What the browser keeps for this page, by key: sessions, and the bytes of files that were dropped on it.
//!
//! It is kept in IndexedDB, and for as long as the page is open where a browser keeps nothing: in a frame of another site,
//! in a sandbox, in a private window. Nothing here fails; at worst a reload has forgotten it.

use std::{cell::RefCell, collections::BTreeMap};

use js_sys::{Array, Promise, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Event, IdbDatabase, IdbObjectStore, IdbRequest, IdbTransactionMode};

const DATABASE: &str = "lastsave";
const STORE: &str = "kept";
/// A browser that has not answered for so long, in milliseconds, keeps nothing.
const PATIENCE_MS: i32 = 1_000;

thread_local! {
    static MEMORY: RefCell<BTreeMap<String, Vec<u8>>> = RefCell::default();
    /// The database once asked for; `None` in it if there is none.
    static OPENED: RefCell<Option<Option<IdbDatabase>>> = const { RefCell::new(None) };
}

/// Keeps bytes under a key. Says whether they survive a reload.
pub(crate) async fn put(key: &str, bytes: &[u8]) -> bool {
    put_array(key, &Uint8Array::from(bytes)).await
}

/// As [`put`], for bytes that the browser has: they are not copied, unless it keeps nothing.
pub(crate) async fn put_array(key: &str, bytes: &Uint8Array) -> bool {
    let kept = ask(IdbTransactionMode::Readwrite, |store| {
        store.put_with_key(bytes, &JsValue::from_str(key)).ok()
    });
    if kept.await.is_some() {
        MEMORY.with_borrow_mut(|memory| memory.remove(key));
        return true;
    }
    MEMORY.with_borrow_mut(|memory| memory.insert(key.to_owned(), bytes.to_vec()));
    false
}

/// What is kept under a key.
pub(crate) async fn get(key: &str) -> Option<Vec<u8>> {
    Some(get_array(key).await?.to_vec())
}

/// As [`get`], without a copy for this program.
pub(crate) async fn get_array(key: &str) -> Option<Uint8Array> {
    let in_memory =
        MEMORY.with_borrow(|memory| memory.get(key).map(|bytes| Uint8Array::from(&bytes[..])));
    if in_memory.is_some() {
        return in_memory;
    }
    let value = ask(IdbTransactionMode::Readonly, |store| {
        store.get(&JsValue::from_str(key)).ok()
    });
    value.await?.dyn_into::<Uint8Array>().ok()
}

/// Forgets what is kept under a key.
pub(crate) async fn delete(key: &str) {
    MEMORY.with_borrow_mut(|memory| memory.remove(key));
    ask(IdbTransactionMode::Readwrite, |store| {
        store.delete(&JsValue::from_str(key)).ok()
    })
    .await;
}

/// The keys with this beginning under which something is kept, in order.
pub(crate) async fn keys(beginning: &str) -> Vec<String> {
    let all = ask(IdbTransactionMode::Readonly, |store| {
        store.get_all_keys().ok()
    });
    let all = all.await.map(|all| Array::from(&all)).unwrap_or_default();
    let mut names: Vec<String> = all.iter().filter_map(|key| key.as_string()).collect();
    MEMORY.with_borrow(|memory| names.extend(memory.keys().cloned()));
    names.retain(|key| key.starts_with(beginning));
    names.sort();
    names
}

/// Asks the database something, if there is one that answers.
async fn ask(
    mode: IdbTransactionMode,
    question: impl FnOnce(&IdbObjectStore) -> Option<IdbRequest>,
) -> Option<JsValue> {
    let database = database().await?;
    let transaction = database.transaction_with_str_and_mode(STORE, mode).ok()?;
    let request = question(&transaction.object_store(STORE).ok()?)?;
    JsFuture::from(answer(&request)).await.ok()
}

async fn database() -> Option<IdbDatabase> {
    if let Some(known) = OPENED.with_borrow(Clone::clone) {
        return known;
    }
    let opened = open().await;
    OPENED.set(Some(opened.clone()));
    opened
}

/// Opens the database. Sandboxed frames refuse by an exception, which is an `Err` here, and is not written to the console.
async fn open() -> Option<IdbDatabase> {
    let factory = web_sys::window()?.indexed_db().ok()??;
    let request = factory.open_with_u32(DATABASE, 1).ok()?;
    let asked = request.clone();
    let make = Closure::once_into_js(move || {
        if let Some(database) = asked.result().ok().and_then(as_database) {
            // A new database has no store of this name yet.
            let _ = database.create_object_store(STORE);
        }
    });
    request.set_onupgradeneeded(Some(make.unchecked_ref()));
    let answered = answer(&request);
    let either = Array::of2(&answered, &patience());
    let in_time = as_database(JsFuture::from(Promise::race(&either)).await.ok()?);
    if in_time.is_none() {
        // A busy browser may yet answer, and keeps things from then on.
        leptos::task::spawn_local(async move {
            if let Ok(database) = JsFuture::from(answered).await {
                OPENED.set(Some(as_database(database)));
            }
        });
    }
    in_time
}

fn as_database(value: JsValue) -> Option<IdbDatabase> {
    value.dyn_into().ok()
}

/// The result of a request, to come.
fn answer(request: &IdbRequest) -> Promise {
    Promise::new(&mut |resolve, reject| {
        let asked = request.clone();
        // One of the two events comes, once.
        let listener = Closure::once_into_js(move |event: Event| {
            let settled = match asked.result() {
                Ok(result) if event.type_() == "success" => resolve.call1(&JsValue::NULL, &result),
                _ => {
                    event.prevent_default();
                    event.stop_propagation();
                    reject.call0(&JsValue::NULL)
                }
            };
            // A promise's own functions do not throw.
            drop(settled);
        });
        request.set_onsuccess(Some(listener.unchecked_ref()));
        request.set_onerror(Some(listener.unchecked_ref()));
    })
}

fn patience() -> Promise {
    Promise::new(&mut |resolve, _| {
        if let Some(window) = web_sys::window() {
            // Without a timer the other promise decides.
            let _ =
                window.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, PATIENCE_MS);
        }
    })
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    async fn what_is_kept_comes_back_until_it_is_deleted() {
        put("test/a", b"one").await;
        put("test/b", &[0, 255]).await;
        assert_eq!(get("test/a").await.as_deref(), Some(&b"one"[..]));
        put("test/a", b"two").await;
        assert_eq!(get("test/a").await.as_deref(), Some(&b"two"[..]));
        assert_eq!(get("test/b").await.as_deref(), Some(&[0, 255][..]));
        delete("test/a").await;
        assert_eq!(get("test/a").await, None);
        delete("test/b").await;
    }
}
