//! `lastsave-server`: see `lastsave-server --help`.

use std::process::exit;

fn main() {
    let args: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    exit(lastsave_server::serve(&args));
}
