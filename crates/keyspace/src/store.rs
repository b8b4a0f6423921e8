//! The databases.

mod snapshot;

use lastsave_dict::{Chunk, Cursor, Dict, EntryMut, Tag};

use crate::evict::{EvictionPolicy, EvictionPool};
use crate::values::append_digest;
use crate::{Garbage, Lfu, Object, OwnedValue, Usage, tag};

pub use snapshot::CopyPosition;

/// What of the configuration the keyspace itself obeys; the engine keeps it up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `proto-max-bulk-len`: the longest string that a command may build, in bytes.
    pub max_string_len: usize,
    /// `lazyfree-lazy-expire`: an expired key is written as UNLINK instead of DEL.
    pub lazy_expire: bool,
    /// `lazyfree-lazy-user-del`: GETDEL is written as UNLINK instead of DEL.
    pub lazy_user_del: bool,
    /// Whether expired keys stay where they are, though nobody sees them any more: `CLIENT PAUSE`.
    pub keep_expired: bool,
    /// Whether the cycle removes expired keys: `DEBUG SET-ACTIVE-EXPIRE`. Those that a command meets are
    /// removed anyway.
    pub active_expire: bool,
    /// `list-max-listpack-size`: elements in a node of a list, or, negative, -1 to -5 for 4 to 64 KiB.
    pub list_max_listpack_size: i32,
    /// `list-compress-depth`: nodes at either end of a list that a snapshot does not find compressed; 0: none is.
    pub list_compress_depth: i32,
    /// `DEBUG QUICKLIST-PACKED-THRESHOLD`: a longer element of a list has a node of its own, in bytes.
    pub list_packed_threshold: u64,
    /// `hash-max-listpack-entries`: fields of a small hash.
    pub hash_max_listpack_entries: u64,
    /// `hash-max-listpack-value`: bytes of a field or value of a small hash.
    pub hash_max_listpack_value: u64,
    /// `set-max-intset-entries`: members of a small set of integers.
    pub set_max_intset_entries: u64,
    /// `zset-max-listpack-entries`: members of a small sorted set.
    pub zset_max_listpack_entries: u64,
    /// `zset-max-listpack-value`: bytes of a member of a small sorted set.
    pub zset_max_listpack_value: u64,
    /// `hll-sparse-max-bytes`: bytes of a sparse HyperLogLog.
    pub hll_sparse_max_bytes: u64,
    /// `stream-node-max-bytes`: bytes of a node of a stream; 0: any.
    pub stream_node_max_bytes: u64,
    /// `stream-node-max-entries`: entries of a node of a stream; 0: any.
    pub stream_node_max_entries: u64,
    /// `rdbcompression`: long strings are compressed in DUMP payloads.
    pub dump_compression: bool,
    /// `DEBUG SET-SKIP-CHECKSUM-VALIDATION`: the checksum of a payload may be wrong.
    pub skip_payload_checksum: bool,
    /// `maxmemory-policy`: see [`Keyspace::set_eviction`].
    pub eviction: EvictionPolicy,
    /// `maxmemory-samples`: keys drawn to find one that gives way.
    pub eviction_samples: usize,
    /// How the use of keys is counted, if the policy asks for it.
    pub lfu: Option<Lfu>,
    /// `lazyfree-lazy-server-del`: overwritten values are freed in the background.
    pub lazy_server_del: bool,
    /// `lazyfree-lazy-user-flush`: FLUSHALL and FLUSHDB free in the background unasked.
    pub lazy_user_flush: bool,
    /// Whether each use of a small integer counts as a reference to one shared object, as OBJECT REFCOUNT shows: not while
    /// each needs an access clock of its own.
    pub shares_integers: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_string_len: 512 << 20,
            lazy_expire: false,
            lazy_user_del: false,
            keep_expired: false,
            active_expire: true,
            list_max_listpack_size: -2,
            list_compress_depth: 0,
            list_packed_threshold: 1 << 30,
            hash_max_listpack_entries: 512,
            hash_max_listpack_value: 64,
            set_max_intset_entries: 512,
            zset_max_listpack_entries: 128,
            zset_max_listpack_value: 64,
            hll_sparse_max_bytes: 3000,
            stream_node_max_bytes: 4096,
            stream_node_max_entries: 100,
            dump_compression: true,
            skip_payload_checksum: false,
            eviction: EvictionPolicy::No,
            eviction_samples: 5,
            lfu: None,
            lazy_server_del: false,
            lazy_user_flush: false,
            shares_integers: true,
        }
    }
}

/// The `SplitMix64` generator.
#[derive(Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn next_word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }
}

/// What a slice of the active expiry cycle did.
#[derive(Debug, Default)]
pub struct ExpireSlice {
    /// Entries with an expiry that were looked at.
    pub visited: u64,
    /// The keys that were removed, with their databases.
    pub keys: Vec<(usize, Vec<u8>)>,
    /// Their values, as far as they are to be freed elsewhere.
    pub garbage: Vec<Garbage>,
}

/// One database.
#[derive(Clone)]
pub struct Database {
    /// The keys.
    pub keys: Dict<Object>,
    /// The number that a running snapshot files the keys under: the database's own when the snapshot began.
    /// It moves along when SWAPDB moves the keys.
    snapshot_db: usize,
    /// Where the expiry cycle goes on.
    expire_cursor: Cursor,
}

/// All databases, with the source of randomness that commands draw from.
#[derive(Clone)]
pub struct Keyspace {
    /// The databases by number.
    pub databases: Vec<Database>,
    /// What of the configuration the keyspace obeys.
    pub settings: Settings,
    pub(crate) random: Random,
    /// When keys that [`Keyspace::restore`] adds count as used.
    restored_at_us: u64,
    /// The database that the expiry cycle goes on with.
    expire_db: usize,
    /// A chunk that the last slice of a snapshot took and had no record for.
    spare_chunk: Option<Chunk<Object>>,
    /// See [`Keyspace::next_victim`].
    pub(crate) pool: EvictionPool,
}

impl Keyspace {
    /// Empty databases. `seed` decides hash order and everything random.
    pub fn new(databases: usize, seed: u64) -> Self {
        let mut keyspace = Self {
            databases: Vec::new(),
            settings: Settings::default(),
            random: Random(seed),
            restored_at_us: 0,
            expire_db: 0,
            spare_chunk: None,
            pool: EvictionPool::default(),
        };
        for number in 0..databases {
            let keys = Dict::new(keyspace.next_random());
            keyspace.databases.push(Database {
                keys,
                snapshot_db: number,
                expire_cursor: 0,
            });
        }
        keyspace
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
        self.random.next_word()
    }

    /// Says at what time, in microseconds since the epoch, keys are being restored: they count as used then.
    pub fn set_restore_time(&mut self, now_us: u64) {
        self.restored_at_us = now_us;
    }

    /// The tag of a key that comes from elsewhere at this time, with what is known of its use.
    pub(crate) fn usage_tag(&self, usage: Usage, now_us: u64) -> Tag {
        match (usage, self.settings.lfu) {
            (Usage::Frequency(count), Some(_)) => {
                tag::with_count(tag::fresh(now_us), now_us, count)
            }
            (Usage::IdleSeconds(idle_s), None) => {
                tag::fresh(now_us.saturating_sub(idle_s.saturating_mul(1_000_000)))
            }
            _ => self.fresh_tag(now_us),
        }
    }

    /// The tag of a key that is made at this time.
    pub(crate) fn fresh_tag(&self, now_us: u64) -> Tag {
        match self.settings.lfu {
            Some(_) => tag::first_counted(tag::fresh(now_us), now_us),
            None => tag::fresh(now_us),
        }
    }

    /// `tag` with a use at this time noted.
    #[inline]
    pub(crate) fn used_tag(&mut self, tag: Tag, now_us: u64) -> Tag {
        match self.settings.lfu {
            Some(lfu) => tag::counted(tag, now_us, lfu, self.random.next_word()),
            None => tag::accessed(tag, now_us),
        }
    }

    /// The entry of a key, to be changed, marked as used at this time.
    #[inline]
    pub(crate) fn entry_in_use(
        &mut self,
        db: usize,
        key: &[u8],
        now_us: u64,
    ) -> Option<EntryMut<'_, Object>> {
        let lfu = self.settings.lfu;
        let mut entry = self.databases[db].keys.get_mut(key)?;
        let tag = entry.tag();
        entry.set_tag(match lfu {
            Some(lfu) => tag::counted(tag, now_us, lfu, self.random.next_word()),
            None => tag::accessed(tag, now_us),
        });
        Some(entry)
    }

    /// Adds a decoded key, as a loader does: no expiry check, no effects. Returns whether the key was new; an
    /// existing one is replaced.
    pub fn restore(
        &mut self,
        db: usize,
        key: &[u8],
        value: OwnedValue,
        expires_at_ms: Option<u64>,
        usage: Usage,
    ) -> bool {
        let hash = self.databases[db].keys.hash(key);
        self.restore_hashed(db, hash, key, value, expires_at_ms, usage)
    }

    /// As [`Keyspace::restore`], with the key's hash.
    pub fn restore_hashed(
        &mut self,
        db: usize,
        hash: u64,
        key: &[u8],
        value: OwnedValue,
        expires_at_ms: Option<u64>,
        usage: Usage,
    ) -> bool {
        let tag = self.usage_tag(usage, self.restored_at_us);
        let mut bytes = Vec::new();
        let value = value.into_value(&mut bytes);
        self.databases[db]
            .keys
            .insert_hashed(hash, key, value, expires_at_ms, tag)
            .new
    }

    /// Empties every database.
    pub fn clear(&mut self) {
        for database in &mut self.databases {
            database.keys.clear();
        }
    }

    /// One slice of the active expiry cycle: visits about `max_entries` entries, removes those whose time has come and adds
    /// what it did to `slice`.
    pub fn expire_slice(&mut self, now_ms: u64, max_entries: usize, slice: &mut ExpireSlice) {
        if !self.settings.active_expire {
            return;
        }
        let mut work = 0;
        let mut databases_left = self.databases.len();
        while work < max_entries && databases_left > 0 {
            let db = self.expire_db % self.databases.len();
            let database = &mut self.databases[db];
            let mut due = Vec::new();
            if database.keys.expiring_len() > 0 {
                let (next, seen) =
                    database
                        .keys
                        .scan_due(database.expire_cursor, now_ms, &mut |entry| {
                            due.push(entry.key().to_vec());
                        });
                database.expire_cursor = next;
                slice.visited += seen as u64;
                // An empty stretch costs as well.
                work += seen.max(1);
            } else {
                database.expire_cursor = 0;
            }
            for key in due {
                let removed = database.keys.remove(&key);
                if self.settings.lazy_expire
                    && let Some(object) = removed.and_then(|removed| removed.object)
                    && object.is_slow_to_free()
                {
                    slice.garbage.push(Garbage::Value(object));
                }
                slice.keys.push((db, key));
            }
            if database.expire_cursor == 0 {
                self.expire_db = (db + 1) % self.databases.len();
                databases_left -= 1;
            }
        }
    }

    /// Exchanges two databases; a running snapshot keeps filing keys under the numbers of its cut.
    pub(crate) fn swap_databases(&mut self, first: usize, second: usize) {
        self.databases.swap(first, second);
    }

    /// A hash of the whole content (databases, keys, values, expiries), independent of the order of keys and of
    /// encodings: two keyspaces are equal exactly if it is, for tests and verdicts.
    pub fn digest(&self) -> u64 {
        let mut sum = 0u64;
        let mut record = Vec::new();
        for (db, database) in self.databases.iter().enumerate() {
            for entry in database.keys.iter() {
                record.clear();
                record.extend_from_slice(&(db as u64).to_le_bytes());
                record.extend_from_slice(&entry.expires_at_ms().unwrap_or(u64::MAX).to_le_bytes());
                record.extend_from_slice(&(entry.key().len() as u64).to_le_bytes());
                record.extend_from_slice(entry.key());
                append_digest(entry.value(), &mut record);
                sum = sum.wrapping_add(rapidhash::v3::rapidhash_v3(&record));
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests;
