//! Which key gives way when memory is short.
//!
//! As in Redis nobody looks for the very best: a few keys are drawn at random, and the best of all that were drawn lately
//! are remembered in a small pool.

use lastsave_dict::{Dict, EntryRef};

use crate::store::{Keyspace, Random};
use crate::{Object, tag};

/// Which keys give way first: `maxmemory-policy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EvictionPolicy {
    /// None do.
    #[default]
    No,
    /// Those not used for the longest time.
    Lru(Among),
    /// Those used least often.
    Lfu(Among),
    /// Any.
    Random(Among),
    /// Those that expire soonest.
    Ttl,
}

/// Among which keys one is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Among {
    /// All.
    AllKeys,
    /// Those with an expiry.
    Volatile,
}

impl EvictionPolicy {
    /// The policy with this name in the configuration.
    pub fn named(name: &str) -> Self {
        match name {
            "volatile-lru" => Self::Lru(Among::Volatile),
            "volatile-lfu" => Self::Lfu(Among::Volatile),
            "volatile-random" => Self::Random(Among::Volatile),
            "volatile-ttl" => Self::Ttl,
            "allkeys-lru" => Self::Lru(Among::AllKeys),
            "allkeys-lfu" => Self::Lfu(Among::AllKeys),
            "allkeys-random" => Self::Random(Among::AllKeys),
            _ => Self::No,
        }
    }

    fn is_volatile(self) -> bool {
        matches!(
            self,
            Self::Lru(Among::Volatile)
                | Self::Lfu(Among::Volatile)
                | Self::Random(Among::Volatile)
                | Self::Ttl
        )
    }
}

/// So many keys are remembered.
const POOL_LEN: usize = 16;

/// A key that may give way.
#[derive(Clone, Debug)]
struct Candidate {
    /// The higher, the sooner.
    score: u64,
    db: usize,
    key: Vec<u8>,
}

/// The best candidates of the draws so far, the best last.
#[derive(Clone, Debug, Default)]
pub(crate) struct EvictionPool {
    candidates: Vec<Candidate>,
    /// The database that a random key is drawn from next.
    next_db: usize,
}

impl EvictionPool {
    /// Remembers a key unless it is worse than all in a full pool.
    fn offer(&mut self, score: u64, db: usize, key: &[u8]) {
        let candidates = &mut self.candidates;
        let at = candidates.partition_point(|other| other.score < score);
        if candidates.len() == POOL_LEN {
            if at == 0 {
                return;
            }
            candidates.remove(0);
            candidates.insert(
                at - 1,
                Candidate {
                    score,
                    db,
                    key: key.to_vec(),
                },
            );
        } else {
            candidates.insert(
                at,
                Candidate {
                    score,
                    db,
                    key: key.to_vec(),
                },
            );
        }
    }
}

impl Keyspace {
    /// The key that the policy has give way next; `None` if there is none that it allows to.
    pub fn next_victim(&mut self, now_us: u64) -> Option<(usize, Vec<u8>)> {
        let policy = self.settings.eviction;
        match policy {
            EvictionPolicy::No => None,
            EvictionPolicy::Random(_) => self.random_victim(policy),
            EvictionPolicy::Lru(_) | EvictionPolicy::Lfu(_) | EvictionPolicy::Ttl => {
                self.best_victim(policy, now_us)
            }
        }
    }

    fn random_victim(&mut self, policy: EvictionPolicy) -> Option<(usize, Vec<u8>)> {
        let Self {
            databases,
            random,
            pool,
            ..
        } = self;
        for _ in 0..databases.len() {
            let db = pool.next_db % databases.len();
            pool.next_db = db + 1;
            let mut drawn = Vec::new();
            let mut take = |entry: Drawn<'_>| drawn.push(entry.key().to_vec());
            draw(
                &databases[db].keys,
                1,
                policy.is_volatile(),
                random,
                &mut take,
            );
            if !drawn.is_empty() {
                let chosen = random.next_word() % drawn.len() as u64;
                return Some((db, drawn.swap_remove(chosen as usize)));
            }
        }
        None
    }

    fn best_victim(&mut self, policy: EvictionPolicy, now_us: u64) -> Option<(usize, Vec<u8>)> {
        let Self {
            databases,
            random,
            pool,
            settings,
            ..
        } = self;
        let lfu = settings.lfu.unwrap_or_default();
        let score = |entry: &Drawn<'_>| match policy {
            EvictionPolicy::Ttl => u64::MAX - entry.expires_at_ms().unwrap_or(u64::MAX),
            EvictionPolicy::Lfu(_) => u64::from(u8::MAX - tag::frequency(entry.tag(), now_us, lfu)),
            _ => u64::from(tag::idle_s(entry.tag(), now_us)),
        };
        loop {
            let mut found = false;
            for (db, database) in databases.iter().enumerate() {
                let mut take = |entry: Drawn<'_>| {
                    found = true;
                    pool.offer(score(&entry), db, entry.key());
                };
                let samples = settings.eviction_samples;
                draw(
                    &database.keys,
                    samples,
                    policy.is_volatile(),
                    random,
                    &mut take,
                );
            }
            while let Some(best) = pool.candidates.pop() {
                // It may have gone meanwhile, or lost its expiry.
                let entry = databases[best.db].keys.get(&best.key);
                if let Some(entry) = entry
                    && (!policy.is_volatile() || entry.expires_at_ms().is_some())
                {
                    return Some((best.db, best.key));
                }
            }
            if !found {
                return None;
            }
        }
    }

    /// Removes a key that gives way. Returns its value if it is behind a pointer.
    pub fn evict(&mut self, db: usize, key: &[u8]) -> Option<Object> {
        self.databases[db].keys.remove(key)?.object
    }

    /// Forgets the candidates, whose scores are of another policy.
    pub fn set_eviction(&mut self, policy: EvictionPolicy) {
        if self.settings.eviction != policy {
            self.settings.eviction = policy;
            self.pool.candidates.clear();
        }
    }
}

type Drawn<'a> = EntryRef<'a, Object>;

/// Visits at least `count` keys that lie next to each other, beginning anywhere, if there are so many.
fn draw(
    keys: &Dict<Object>,
    count: usize,
    volatile: bool,
    random: &mut Random,
    visit: &mut dyn FnMut(Drawn<'_>),
) {
    let (mut drawn, mut wraps) = (0, 0);
    let count = count.min(if volatile {
        keys.expiring_len()
    } else {
        keys.len()
    });
    let mut cursor = random.next_word();
    while drawn < count && wraps < 2 {
        let mut counted = |entry: Drawn<'_>| {
            drawn += 1;
            visit(entry);
        };
        cursor = if volatile {
            keys.scan_expiring(cursor, &mut counted)
        } else {
            keys.scan(cursor, &mut counted)
        };
        wraps += usize::from(cursor == 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lastsave_dict::Value;

    fn keyspace(policy: &str) -> Keyspace {
        let mut keyspace = Keyspace::new(2, 7);
        keyspace.settings.eviction_samples = 5;
        keyspace.set_eviction(EvictionPolicy::named(policy));
        for number in 0..2000u64 {
            // Odd keys expire, and the higher its number the younger a key is.
            let expires_at_ms = (number % 2 == 1).then_some(10_000_000 + number);
            let db = (number % 4 / 2) as usize;
            keyspace.databases[db].keys.insert(
                number.to_string().as_bytes(),
                Value::Integer(1),
                expires_at_ms,
                tag::fresh(number * 1_000_000),
            );
        }
        keyspace
    }

    fn victims(keyspace: &mut Keyspace) -> Vec<u64> {
        let mut victims = Vec::new();
        while victims.len() < 200 {
            let Some((db, key)) = keyspace.next_victim(3_000_000_000) else {
                break;
            };
            assert!(keyspace.evict(db, &key).is_none());
            victims.push(std::str::from_utf8(&key).unwrap().parse().unwrap());
        }
        victims
    }

    #[test]
    fn old_keys_give_way_first() {
        for policy in ["allkeys-lru", "volatile-lru", "volatile-ttl"] {
            let victims = victims(&mut keyspace(policy));
            let old = victims.iter().filter(|number| **number < 700).count();
            assert!(old > 180, "{policy}: {old} of {}", victims.len());
            let volatile = victims.iter().filter(|number| **number % 2 == 1).count();
            assert_eq!(volatile == 200, policy != "allkeys-lru", "{policy}");
        }
    }

    #[test]
    fn any_policy_finds_a_key_while_there_is_one() {
        for (policy, most) in [
            ("allkeys-random", 2000),
            ("volatile-random", 1000),
            ("allkeys-lfu", 2000),
            ("volatile-lfu", 1000),
            ("noeviction", 0),
        ] {
            let mut keyspace = keyspace(policy);
            let mut count = 0;
            while let Some((db, key)) = keyspace.next_victim(3_000_000_000) {
                keyspace.evict(db, &key);
                count += 1;
            }
            assert_eq!(count, most, "{policy}");
        }
    }
}
