//! The ways to crash.

use lastsave_vfs::{SimDisk, Survival};
use serde::{Deserialize, Serialize};

/// A way to crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CrashKind {
    /// The process dies; the operating system still holds what it had written.
    Kill,
    /// The power goes; nothing that was not synced survives.
    Power,
    /// The power goes, and all that was written happened to reach the device.
    PowerAll,
    /// The power goes; of what was not synced every sector survives by a coin thrown with this seed.
    Torn(u64),
}

impl CrashKind {
    /// The word for it, as [`CrashKind::parse`] takes it.
    pub fn word(self) -> String {
        match self {
            Self::Kill => "kill".into(),
            Self::Power => "power".into(),
            Self::PowerAll => "power-all".into(),
            Self::Torn(seed) => format!("torn:{seed}"),
        }
    }

    /// Reads `kill`, `power`, `power-all`, `torn` or `torn:7`.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "kill" => Some(Self::Kill),
            "power" => Some(Self::Power),
            "power-all" => Some(Self::PowerAll),
            "torn" => Some(Self::Torn(1)),
            word => word
                .strip_prefix("torn:")
                .and_then(|seed| seed.parse().ok())
                .map(Self::Torn),
        }
    }

    fn survival(self) -> Option<Survival> {
        match self {
            Self::Kill => None,
            Self::Power => Some(Survival::None),
            Self::PowerAll => Some(Survival::All),
            Self::Torn(seed) => Some(Survival::Seeded(seed)),
        }
    }

    pub(super) fn strike(self, disk: &mut SimDisk) {
        if matches!(self, Self::Torn(_)) {
            disk.set_tearing(true);
        }
        match self.survival() {
            None => disk.kill(),
            Some(survival) => disk.power_loss(survival),
        }
    }

    /// The line that has it happen, now or before an operation.
    pub(super) fn line(self, at: Option<u64>) -> String {
        let words = match self {
            Self::Kill => "crash kill".to_owned(),
            Self::Power => "crash power".to_owned(),
            Self::PowerAll => "crash power all".to_owned(),
            Self::Torn(seed) => format!("crash power seed {seed}"),
        };
        match at {
            Some(number) => format!("{words} at {number}"),
            None => words,
        }
    }
}
