//! The page. It starts in the browser; the engine runs in a worker beside it.

fn main() {
    console_error_panic_hook::set_once();
}
