//! `lastsave-server`: see `lastsave-server --help`.

use lastsave_server::{serve, tools};

fn main() {
    std::process::exit(serve(&tools::arguments()));
}
