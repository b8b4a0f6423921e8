//! `lastsave`: see `lastsave --help`.

use clap::{Parser, Subcommand};
use lastsave_server::tools;

#[derive(Parser)]
#[command(
    name = "lastsave",
    version,
    about = "Run crash scenarios, and check the files of a Redis-compatible server",
    after_help = "The server is a program of its own: lastsave-server --help"
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run a scenario on a simulated machine, and say what a crash took
    #[command(
        after_help = "The status is 0 if every expectation in the file was met, 1 if not, 2 if the file is no scenario.\nExample: lastsave run tests/suite/article/hybrid.scenario --json"
    )]
    Run {
        /// The scenario file; - for the standard input
        file: String,
        /// Print the figures as JSON, without the transcript
        #[arg(long)]
        json: bool,
    },
    /// Say whether an RDB file is sound, as redis-check-rdb does
    #[command(disable_help_flag = true)]
    CheckRdb {
        /// What redis-check-rdb takes: the file
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "FILE"
        )]
        args: Vec<String>,
    },
    /// Say whether an append-only log is sound, or repair it, as redis-check-aof does
    #[command(disable_help_flag = true)]
    CheckAof {
        /// What redis-check-aof takes: [--fix | --truncate-to-timestamp SECONDS] and the manifest
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "ARGS"
        )]
        args: Vec<String>,
    },
}

fn main() {
    std::process::exit(match Arguments::parse().task {
        Task::Run { file, json } => tools::run_scenario(&file, json),
        Task::CheckRdb { args } => tools::check_rdb(&args),
        Task::CheckAof { args } => tools::check_aof(&args),
    });
}
