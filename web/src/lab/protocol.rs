//! What the page and the laboratory's worker say to each other.

use lastsave_scenario::SweepOptions;
use lastsave_scenario::compare::{Candidate, Column};
use lastsave_scenario::sweep::{Bin, SweepPoint, SweepReport};
use serde::{Deserialize, Serialize};

/// From the page to the worker. One worker does one job; to begin another, another is started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum ToLab {
    /// Sweeps a scenario.
    Sweep {
        /// The scenario file.
        scenario: String,
        /// What is swept.
        options: SweepOptions,
    },
    /// Asks for a point of the sweep, by its index.
    Point(usize),
    /// Asks for a point of the sweep as a scenario: its index, and the index of the kind of crash.
    Cell(usize, usize),
    /// Compares configurations.
    Compare {
        /// The scenario file.
        scenario: String,
        /// The configurations.
        candidates: Vec<Candidate>,
        /// The machine; the scenario's own if none is named.
        machine: Option<String>,
    },
    /// Gives the job up; what was found so far can still be asked for.
    Stop,
    /// Asks for a column of the comparison as a scenario.
    Column(usize),
}

/// From the worker to the page.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum FromLab {
    /// The worker listens. Sent once, first.
    Ready,
    /// How far the sweep is. At most four a second.
    Sweep {
        /// 0 to 1.
        fraction: f64,
        /// Whether it is done.
        done: bool,
        /// How long it has run, in milliseconds of real time.
        took_ms: f64,
        /// What was found so far.
        report: SweepReport,
        /// The chart of each kind of crash.
        charts: Vec<Vec<Bin>>,
    },
    /// A point that was asked for.
    Point(usize, SweepPoint),
    /// A scenario that was asked for.
    Scenario(String),
    /// How far the comparison is.
    Compare {
        /// 0 to 1.
        fraction: f64,
        /// Whether it is done.
        done: bool,
        /// The columns that are.
        columns: Vec<Column>,
    },
    /// What was asked for cannot be done, and why.
    Refused(String),
    /// The worker met a defect of its own and cannot go on.
    Failed(String),
}
