//! `redis-check-rdb`: see `redis-check-rdb --help`.

use lastsave_server::tools;

fn main() {
    std::process::exit(tools::check_rdb(&tools::arguments()));
}
