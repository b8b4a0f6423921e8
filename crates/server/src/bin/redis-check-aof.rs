//! `redis-check-aof`: see `redis-check-aof --help`.

use lastsave_server::tools;

fn main() {
    std::process::exit(tools::check_aof(&tools::arguments()));
}
