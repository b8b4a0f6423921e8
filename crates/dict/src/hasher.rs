//! The hash function: rapidhash V3, whose portable form gives one order natively and in wasm.

use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};

#[derive(Clone)]
pub(crate) struct Hasher {
    secrets: RapidSecrets,
    /// Tests clear bits here, so that keys collide as they please.
    #[cfg(test)]
    pub(crate) mask: u64,
}

impl Hasher {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            secrets: RapidSecrets::seed(seed),
            #[cfg(test)]
            mask: u64::MAX,
        }
    }

    #[inline]
    pub(crate) fn hash(&self, key: &[u8]) -> u64 {
        let hash = rapidhash_v3_seeded(key, &self.secrets);
        #[cfg(test)]
        let hash = hash & self.mask;
        hash
    }
}
