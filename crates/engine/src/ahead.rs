//! Looking ahead in the input, so that the memory that commands will need is on its way before they run. With many keys
//! the waits for memory are most of a command's cost; asked for together, they overlap.
//!
//! Nothing here changes what a command does.

use lastsave_dict::Dict;
use lastsave_keyspace::{Keyspace, Object};
use lastsave_resp::look_ahead;

type Table = Dict<Object>;

/// Requests looked at together. A processor fetches not many more lines at a time.
const WINDOW: usize = 16;

/// Keys whose buckets were asked for and whose entries were not yet: by database and hash.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ahead {
    keys: Vec<(usize, u64)>,
}

impl Ahead {
    /// Asks for the buckets of the keys that the next requests in `input` name. Returns how many bytes these requests
    /// take; all, if nothing is to be seen there.
    pub(crate) fn look(&mut self, keyspace: &Keyspace, db: usize, input: &[u8]) -> usize {
        self.look_with(keyspace, db, input, Table::prefetch)
    }

    /// As [`Ahead::look`], where most keys are probably new.
    pub(crate) fn look_to_add(&mut self, keyspace: &Keyspace, db: usize, input: &[u8]) -> usize {
        self.look_with(keyspace, db, input, Table::prefetch_to_add)
    }

    #[inline]
    fn look_with(
        &mut self,
        keyspace: &Keyspace,
        db: usize,
        input: &[u8],
        prefetch: impl Fn(&Table, u64),
    ) -> usize {
        if !cfg!(target_arch = "x86_64") {
            // There is no way to ask.
            return input.len();
        }
        let table = &keyspace.databases[db].keys;
        let mut seen = 0;
        for _ in 0..WINDOW {
            let Some((key, len)) = look_ahead(&input[seen..]) else {
                break;
            };
            seen += len;
            if let Some(key) = key {
                let hash = table.hash(key);
                prefetch(table, hash);
                self.keys.push((db, hash));
            }
        }
        if seen == 0 { input.len() } else { seen }
    }

    /// Asks for the entries of the keys looked at.
    pub(crate) fn fetch(&mut self, keyspace: &Keyspace) {
        if self.keys.is_empty() {
            return;
        }
        for (db, hash) in self.keys.drain(..) {
            keyspace.databases[db].keys.prefetch_entry(hash);
        }
    }
}
