//! The machine: clock, disk, server, workload, ledger.

/// A simulated machine.
pub struct World {}

impl World {
    /// A machine with an empty disk, switched on at a fixed date.
    pub fn new(seed: u64) -> Self {
        let _ = seed;
        todo!("helper")
    }
}
