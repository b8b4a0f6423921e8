//! The native world: sockets, real files, threads, signals and the log around [`lastsave_engine::Engine`], and the
//! command-line tools.
//!
//! One thread runs the engine and every socket ([`Reactor`]); what may take long (syncing, writing snapshots,
//! removing large files) is done by others ([`Workers`]), which share nothing with it but open files and two
//! channels. Deliberately absent: what a command means, and what is in a file.

mod apply;
mod child;
mod disk;
mod log;
mod net;
mod process;
mod reactor;
mod settings;
mod signals;
mod start;
pub mod tools;
mod workers;
mod zone;

pub use disk::RealDisk;
pub use reactor::Reactor;
pub use start::serve;
pub use workers::Workers;

/// Returns memory to where it is needed sooner than the system's own allocator, and fragments less.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
