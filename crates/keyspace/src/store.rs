//! The databases.

use lastsave_dict::{Chunk, Dict};

use crate::{FrozenObject, Object, OwnedValue};

/// What of the configuration the keyspace itself obeys; the engine keeps it up to date.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `proto-max-bulk-len`: the longest string that a command may build, in bytes.
    pub max_string_len: usize,
    /// `lazyfree-lazy-expire`: an expired key is written as UNLINK instead of DEL.
    pub lazy_expire: bool,
    /// Whether expired keys are removed when met and by the cycle (`DEBUG SET-ACTIVE-EXPIRE` rules the cycle only).
    pub active_expire: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_string_len: 512 << 20,
            lazy_expire: false,
            active_expire: true,
        }
    }
}

/// One database.
pub struct Database {
    /// The keys.
    pub keys: Dict<Object>,
}

/// All databases, with the source of randomness that commands draw from.
pub struct Keyspace {
    /// The databases by number.
    pub databases: Vec<Database>,
    /// What of the configuration the keyspace obeys.
    pub settings: Settings,
}

impl Keyspace {
    /// Empty databases. `seed` decides hash order and everything random.
    pub fn new(databases: usize, seed: u64) -> Self {
        let _ = (databases, seed);
        todo!("helper")
    }

    /// The number of keys in all databases.
    pub fn len(&self) -> usize {
        self.databases
            .iter()
            .map(|database| database.keys.len())
            .sum()
    }

    /// Whether no database holds a key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next random word, from the seed.
    pub fn next_random(&mut self) -> u64 {
        todo!("helper")
    }

    /// Adds a decoded key, as a loader does: no expiry check, no effects. Returns whether the key was new; an
    /// existing one is replaced.
    pub fn restore(
        &mut self,
        db: usize,
        key: &[u8],
        value: OwnedValue,
        expires_at_ms: Option<u64>,
    ) -> bool {
        let _ = (db, key, value, expires_at_ms);
        todo!("helper")
    }

    /// Empties every database.
    pub fn clear(&mut self) {
        todo!("helper")
    }

    /// One slice of the active expiry cycle: visits about `max_entries` entries, removes those whose time has
    /// come and appends their keys to `expired`. Returns whether it is worth another slice at once.
    pub fn expire_cycle(
        &mut self,
        now_ms: u64,
        max_entries: usize,
        expired: &mut Vec<(usize, Vec<u8>)>,
    ) -> bool {
        let _ = (now_ms, max_entries, expired);
        todo!("helper")
    }

    /// Begins a snapshot of all databases: what [`Keyspace::snapshot_walk`] yields is the data of this moment.
    pub fn snapshot_begin(&mut self) {
        todo!("helper")
    }

    /// Walks on by about `max_entries` entries and appends to `out` chunks of records, each of one database
    /// (numbered as at the cut, SWAPDB or not). Returns whether the snapshot is complete. `new_chunk` gives an
    /// empty chunk, from a pool perhaps.
    pub fn snapshot_walk(
        &mut self,
        max_entries: usize,
        new_chunk: &mut dyn FnMut() -> Chunk<FrozenObject>,
        out: &mut Vec<(usize, Chunk<FrozenObject>)>,
    ) -> bool {
        let _ = (max_entries, new_chunk, out);
        todo!("helper")
    }

    /// Gives a running snapshot up.
    pub fn snapshot_abandon(&mut self) {
        todo!("helper")
    }

    /// A hash of the whole content (databases, keys, values, expiries), independent of the order of keys and of
    /// encodings: two keyspaces are equal exactly if it is, for tests and verdicts.
    pub fn digest(&self) -> u64 {
        todo!("helper")
    }
}
