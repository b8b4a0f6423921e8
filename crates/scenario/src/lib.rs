//! The laboratory: a shell over a simulated machine that runs the real engine.
//!
//! Deliberately absent: the machine underneath. No files, no clock, no threads; a [`Shell`] is a pure function of its
//! seed and the lines it was given, so the same scenario gives the same trace hash natively and in the browser.
//!
//! - [`World`] is the machine: a clock, a [`lastsave_vfs::SimDisk`], at most one running [`lastsave_engine::Engine`], a
//!   workload, and a ledger of every acknowledged write.
//! - [`Shell`] reads lines as a person types them: Redis commands, `redis-server …`, `kill -9 …`, `ls -lh`, and the lab's
//!   own words (`advance 47m`, `workload …`, `crash power`).
//! - A *scenario* is a text file of such lines ([`Scenario`]), with a version, a seed and expectations. A [`Lesson`] is one
//!   whose comments tell a story and ask questions.
//! - [`View`] is what the page shows, taken from the world in one go.

mod attachments;
pub mod compare;
mod export;
mod history;
pub mod import;
mod lesson;
pub mod link;
pub mod pack;
mod parameter;
pub mod presets;
mod reply;
mod report;
mod scenario;
mod shell;
pub mod sweep;
#[cfg(test)]
mod tests;
mod units;
mod view;
mod world;
pub mod zip;

pub use attachments::Attachments;
pub use export::export;
pub use history::{BranchView, History, PastView};
pub use lesson::{Answer, Lesson, LessonStep, Question, prose_pieces};
pub use parameter::check_parameter;
pub use presets::Preset;
pub use report::{RunReport, run};
pub use scenario::{Scenario, ScenarioError, write_scenario};
pub use shell::{Completion, Progress, Shell, Span, Style, here_end_of, manual_markdown};
pub use sweep::{CrashKind, Sweep, SweepOptions};
pub use units::parse_duration_us;
pub use view::{
    AlertView, Annotation, AnnotationKind, CheckView, ClockView, ConfigRow, FileRow, FileView,
    FilesRequest, KeyDetail, KeyName, KeyPlace, KeyRow, KeysRequest, KeysView, LayersView,
    MarkKind, TimelineMark, TimelinePoint, TimelineView, VerdictView, View, ViewRequest, WriteFate,
    WriteRow, WritesFilter, WritesRequest, WritesView,
};
pub use world::{
    ChildKill, Faults, LatencyMeasures, MachineProfile, Measures, Pace, START_US, StepKind,
    WorkloadKind, WorkloadSpec, World,
};
