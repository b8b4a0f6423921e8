//! The simulated disk. (The helper writes the fault model here as the module's documentation.)

/// Which of the bytes and names not yet durable a power loss leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survival {
    /// Nothing that was not synced.
    None,
    /// Everything, as if the kernel had just written it all.
    All,
    /// Each unsynced page, size and directory operation by a coin thrown with this seed.
    Seeded(u64),
}

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct SimDisk {}
