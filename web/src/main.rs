//! The page, and the worker beside it that owns the engine. Both are this one program: it looks where it was started.

#![expect(
    unreachable_pub,
    reason = "Leptos makes the properties of a component public"
)]

mod components;
mod embed;
mod examples;
mod format;
mod lab;
mod lesson;
mod link;
mod protocol;
mod session;
mod share;
mod state;
mod store;
mod transfer;
mod worker;

use wasm_bindgen::JsCast;

fn main() {
    match js_sys::global().dyn_into::<web_sys::DedicatedWorkerGlobalScope>() {
        Ok(scope) if scope.name() == lab::WORKER => lab::worker::start(&scope),
        Ok(scope) => worker::start(&scope),
        Err(_) => {
            console_error_panic_hook::set_once();
            components::mount();
        }
    }
}
