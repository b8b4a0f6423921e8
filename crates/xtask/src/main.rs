//! `cargo xtask`: from a fresh clone to the running page, the tests, and the folder to host.
//!
//! It needs rustup's toolchain, Node.js with npm and, for the tests, apt. What else it takes it installs
//! at the pinned version, once. Nothing here is part of what Lastsave does: only the standard library and
//! clap, so that the first command starts within seconds.

mod bench;
mod count;
mod fuzz;
mod page;
mod prove;
mod redis_suite;
mod serve;
mod size;
mod split;
mod test;
mod tools;
mod util;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Set up, play, test and package Lastsave",
    version
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the page and serve it on this machine
    Play {
        /// The port on 127.0.0.1
        #[arg(long, default_value_t = 8080)]
        port: u16,
        /// Only install what is missing and build
        #[arg(long)]
        no_serve: bool,
    },
    /// Run every test, format and lint check there is
    Test {
        /// Run only these parts, by name; may be given more than once
        #[arg(long, value_name = "PART", num_args = 1.., value_delimiter = ',')]
        only: Vec<String>,
        /// Print the parts and what each does
        #[arg(long)]
        list: bool,
    },
    /// Measure the native server beside redis-server, and print one table
    Bench {
        /// A tenth of the work: for a first impression
        #[arg(long, conflicts_with = "full")]
        quick: bool,
        /// More of everything: for figures to keep
        #[arg(long)]
        full: bool,
        /// Leave out memory and files
        #[arg(long)]
        commands_only: bool,
        /// Memory per key and element only
        #[arg(long, conflicts_with = "commands_only")]
        memory_only: bool,
        /// Saving, loading, and what saving costs the clients meanwhile, only
        #[arg(long, conflicts_with_all = ["commands_only", "memory_only"])]
        files_only: bool,
        /// Only the crash sweep: how long 10,000 crash points take
        #[arg(long)]
        sweep_only: bool,
        /// Measure this program instead of building lastsave-server
        #[arg(long, value_name = "PROGRAM")]
        server: Option<PathBuf>,
    },
    /// Run Redis's own test suite with our server in the place of redis-server
    RedisSuite(redis_suite::Options),
    /// Run the tests of all fault cases and write their counts into docs/reliability.md
    Prove(prove::Options),
    /// Search for inputs that break something
    Fuzz(fuzz::Options),
    /// Write the static folder to host: relative addresses, so any sub-path will do
    Dist {
        /// The folder to write; what is in it is replaced
        #[arg(long, value_name = "DIR", default_value = "dist")]
        out: PathBuf,
        /// Write each file once more, compressed with brotli, beside itself: for hosts that serve such files
        #[arg(long)]
        compress: bool,
    },
    /// Let a browser make a first visit, and write down which functions it does without: those come later
    Profile {
        /// The port on 127.0.0.1 to serve the page at meanwhile
        #[arg(long, default_value_t = 8089)]
        port: u16,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Play { port, no_serve } => page::play(port, no_serve).map(|()| true),
        Task::Test { list: true, .. } => {
            test::list();
            Ok(true)
        }
        Task::Test { only, list: false } => test::run(&only),
        Task::Bench {
            quick,
            full,
            commands_only,
            memory_only,
            files_only,
            sweep_only,
            server,
        } => bench::run(&bench::Options {
            quick,
            full,
            commands_only,
            memory_only,
            files_only,
            sweep_only,
            server,
        })
        .map(|()| true),
        Task::RedisSuite(options) => redis_suite::run(&options),
        Task::Prove(options) => prove::run_proofs(&options),
        Task::Fuzz(options) => fuzz::run_target(&options).map(|()| true),
        Task::Dist { out, compress } => page::dist(&out, compress).map(|()| true),
        Task::Profile { port } => page::profile(port).map(|()| true),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        // The count of failed tests says it, on the last line.
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("cargo xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
