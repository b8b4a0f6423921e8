//! `lastsave`: see `lastsave --help`.

use clap::{Parser, Subcommand};
use lastsave_inspect::Limits;
use lastsave_inspect::diff::DiffOptions;
use lastsave_server::tools::{
    self, CompareArguments, DiffArguments, InspectOptions, LinkOptions, OpenOptions, RepairOptions,
    SweepArguments,
};

#[derive(Parser)]
#[command(
    name = "lastsave",
    version,
    about = "Look into the files of a Redis-compatible server, check them, and run crash scenarios",
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
    /// Make a link to a scenario, which the page opens and `lastsave open` runs
    #[command(
        after_help = "Everything is in the link itself, behind the #, which browsers send to no server.\n\
            The status is 0, or 2 if the file is no scenario or too large for a link.\n\n\
            Examples:\n  \
            lastsave link night.scenario --base https://example.org/lastsave/\n  \
            lastsave link night.scenario --tab files --at 47m --autorun"
    )]
    Link {
        /// The scenario file; - for the standard input
        file: String,
        /// Let the page run the lines at once; otherwise they wait for a person
        #[arg(long)]
        autorun: bool,
        /// The tab to open: keys, files, configuration, info, report …
        #[arg(long, value_name = "TAB")]
        tab: Option<String>,
        /// The moment to show, as simulated time since the beginning: 47m, 1m30s
        #[arg(long, value_name = "T")]
        at: Option<String>,
        /// The address of the page
        #[arg(long, value_name = "URL", default_value = "")]
        base: String,
    },
    /// Run what a link holds, as `run` does a file
    #[command(
        after_help = "The status is 0 if every expectation was met, 1 if not, 2 if it is no link or one of a newer version.\n\
            Example: lastsave open 'https://example.org/lastsave/#s=1.…' --json"
    )]
    Open {
        /// The link, or what is behind its #; in quotes, because of the #
        url: String,
        /// Print the figures as JSON, without the transcript
        #[arg(long)]
        json: bool,
        /// Print the scenario, and do not run it
        #[arg(long)]
        print: bool,
    },
    /// Crash a scenario before every disk operation, recover each, and say what would have been lost
    #[command(
        after_help = "Kinds of crashes: kill (the process dies), power (the power goes, nothing that was not synced survives), power-all\n\
            (all of it does), torn or torn:SEED (sectors survive by a coin).\n\n\
            The status is 0 if every crash keeps what the policy promises, 1 if one does not, 2 if the file is no scenario.\n\n\
            Examples:\n  \
            lastsave sweep tests/suite/article/hybrid.scenario\n  \
            lastsave sweep mine.scenario --kinds power,torn:7 --points 100000\n  \
            lastsave sweep mine.scenario --cell worst > worst.scenario"
    )]
    Sweep {
        /// The scenario file; - for the standard input
        file: String,
        /// The ways to crash
        #[arg(long, value_delimiter = ',', default_values = ["kill", "power"], value_name = "KINDS")]
        kinds: Vec<String>,
        /// Crash at so many points at most; longer runs are swept in strides
        #[arg(long, value_name = "N", default_value_t = 25_000)]
        points: u64,
        /// Print one point as a scenario: the number of a disk operation, or the worst of the first kind
        #[arg(long, value_name = "N|worst")]
        cell: Option<String>,
        /// Print every point as JSON
        #[arg(long)]
        json: bool,
    },
    /// Run a scenario's workload under several configurations, crash and restart each, and show the figures side by side
    #[command(
        after_help = "What configures the server in the scenario is replaced: lines that begin with redis-server start with the\n\
            configuration compared; CONFIG SET and expectations are left out; what follows the first crash is a restart.\n\n\
            Presets: first, hybrid, enterprise (the article's), always, everysec, no, rdb, none. Without any: the first six.\n\n\
            Example: lastsave compare mine.scenario --preset everysec --config redis.conf --machine cloud"
    )]
    Compare {
        /// The scenario file; - for the standard input
        file: String,
        /// A configuration by its word
        #[arg(long = "preset", value_name = "NAME", value_delimiter = ',')]
        presets: Vec<String>,
        /// A configuration file
        #[arg(long = "config", value_name = "FILE")]
        configs: Vec<String>,
        /// The machine: laptop, cloud, disk, article
        #[arg(long)]
        machine: Option<String>,
        /// Print this column, from 1, as a scenario
        #[arg(long, value_name = "N")]
        column: Option<usize>,
        /// Print the figures as JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what the bytes of a snapshot, a log, a manifest or a whole directory mean
    #[command(
        after_help = "The status is 0 if everything is sound, 1 if not, 2 if a file cannot be read.\n\n\
            Examples:\n  \
            lastsave inspect dump.rdb                      every key down to its elements\n  \
            lastsave inspect dump.rdb --depth 0            a line per key\n  \
            lastsave inspect dump.rdb --keys 'user:*' --hex\n  \
            lastsave inspect appendonlydir                 the manifest and its files, in order\n  \
            lastsave inspect dump.rdb --json | jq .verdict"
    )]
    Inspect {
        /// A file or a directory; - for the standard input
        path: String,
        /// Only keys that match this pattern, as KEYS takes it, and commands that name one
        #[arg(long, value_name = "PATTERN")]
        keys: Option<String>,
        /// Show so many levels below each record
        #[arg(long, value_name = "N")]
        depth: Option<usize>,
        /// Show so many parts of one thing, and count the rest
        #[arg(long, value_name = "N", default_value_t = 64)]
        parts: usize,
        /// Begin at this byte of the file
        #[arg(long, value_name = "BYTE", default_value_t = 0)]
        offset: u64,
        /// Show what is in so many bytes
        #[arg(long, value_name = "BYTES")]
        limit: Option<u64>,
        /// Show the bytes beside what they mean
        #[arg(long)]
        hex: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Say what two data sets differ in
    #[command(
        after_help = "A and B are snapshots, logs (with or without a snapshot before the commands), directories of logs, or data\n\
            directories, whose log counts if they have one. Each is loaded as the server loads it.\n\n\
            The status is 0 if they are the same, 1 if not, 2 if one cannot be loaded.\n\n\
            Examples:\n  \
            lastsave diff yesterday.rdb dump.rdb\n  \
            lastsave diff dump.rdb appendonlydir --ignore-ttl\n  \
            lastsave diff a b --json | jq .counts"
    )]
    Diff {
        /// The first
        a: String,
        /// The second
        b: String,
        /// Take keys for the same that differ in nothing but their expiry
        #[arg(long)]
        ignore_ttl: bool,
        /// Leave out keys that have expired by now
        #[arg(long)]
        now: bool,
        /// List so many parts of one value, and count the rest
        #[arg(long, value_name = "N", default_value_t = 16)]
        parts: usize,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a sound file of what can be read of a broken snapshot or log, and say what was left out
    #[command(
        after_help = "PATH is a snapshot, a log, the directory of a log (a broken manifest is made anew if the names of the files leave\n\
            no doubt), or a data directory. It is not changed.\n\n\
            The status is 0 if nothing was lost, 1 if something was left out, 2 if nothing could be done.\n\n\
            Examples:\n  \
            lastsave repair dump.rdb -o repaired.rdb\n  \
            lastsave repair appendonlydir -o repaired\n  \
            lastsave repair dump.rdb -o repaired.rdb --json | jq .repaired[].report.left_out"
    )]
    Repair {
        /// What is broken
        path: String,
        /// The file or directory to make
        #[arg(short, long, value_name = "PATH")]
        output: String,
        /// Replace what is there
        #[arg(long)]
        force: bool,
        /// Report as JSON
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
        Task::Link {
            file,
            autorun,
            tab,
            at,
            base,
        } => {
            let options = LinkOptions {
                autorun,
                tab,
                at,
                base,
            };
            tools::link(&file, &options)
        }
        Task::Open { url, json, print } => tools::open(&url, OpenOptions { json, print }),
        Task::Compare {
            file,
            presets,
            configs,
            machine,
            column,
            json,
        } => {
            let arguments = CompareArguments {
                presets,
                configs,
                machine,
                column,
                json,
            };
            tools::compare(&file, &arguments)
        }
        Task::Sweep {
            file,
            kinds,
            points,
            cell,
            json,
        } => {
            let arguments = SweepArguments {
                kinds,
                points,
                cell,
                json,
            };
            tools::sweep(&file, &arguments)
        }
        Task::Inspect {
            path,
            keys,
            depth,
            parts,
            offset,
            limit,
            hex,
            json,
        } => {
            let mut limits = Limits {
                depth: depth.unwrap_or(usize::MAX),
                parts,
                keys: keys.map(String::into_bytes),
                ..Limits::default()
            };
            limits.window = offset..limit.map_or(u64::MAX, |limit| offset.saturating_add(limit));
            tools::inspect(&path, &InspectOptions { limits, json, hex })
        }
        Task::Diff {
            a,
            b,
            ignore_ttl,
            now,
            parts,
            json,
        } => {
            let arguments = DiffArguments {
                options: DiffOptions { ignore_ttl, parts },
                now_ms: if now { tools::now_ms() } else { 0 },
                json,
            };
            tools::diff(&a, &b, &arguments)
        }
        Task::Repair {
            path,
            output,
            force,
            json,
        } => {
            let options = RepairOptions {
                output,
                force,
                json,
            };
            tools::repair(&path, &options)
        }
        Task::CheckRdb { args } => tools::check_rdb(&args),
        Task::CheckAof { args } => tools::check_aof(&args),
    });
}
