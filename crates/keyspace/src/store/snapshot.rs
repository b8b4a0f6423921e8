//! Snapshots of all databases.

use lastsave_dict::{Chunk, Slice};

use super::Keyspace;
use crate::Object;

/// How far [`Keyspace::copy_slice`] has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct CopyPosition {
    db: usize,
    hash: u64,
}

impl CopyPosition {
    fn next_database(self) -> Self {
        Self {
            db: self.db + 1,
            hash: 0,
        }
    }
}

impl Keyspace {
    /// Begins a snapshot of all databases: what [`Keyspace::snapshot_walk`] yields is the data of this moment.
    ///
    /// # Panics
    /// If one is already running.
    pub fn snapshot_begin(&mut self) {
        for (number, database) in self.databases.iter_mut().enumerate() {
            database.snapshot_db = number;
            database.keys.snapshot_begin();
        }
    }

    /// Walks on by about a slice and appends to `out` chunks of records, each of one database (numbered as at the cut,
    /// SWAPDB or not). Returns whether the snapshot is complete. `new_chunk` gives an empty chunk, from a pool perhaps.
    ///
    /// Records that changes in other databases emitted come along, so that they need not be held until the
    /// walk arrives there.
    pub fn snapshot_walk(
        &mut self,
        slice: Slice,
        new_chunk: &mut dyn FnMut() -> Chunk<Object>,
        out: &mut Vec<(usize, Chunk<Object>)>,
    ) -> bool {
        let mut left = slice;
        let mut complete = true;
        for number in 0..self.databases.len() {
            let Some(database) = self
                .databases
                .iter_mut()
                .find(|database| database.snapshot_db == number)
            else {
                continue;
            };
            if !database.keys.snapshot_running() {
                continue;
            }
            let mut chunk = self.spare_chunk.take().unwrap_or_else(&mut *new_chunk);
            let done = database.keys.snapshot_walk(left, &mut chunk);
            // A walk that stopped short has used its share up, on empty buckets perhaps.
            left = if done {
                left.without(&chunk)
            } else {
                Slice::default()
            };
            complete &= done;
            if chunk.is_empty() {
                self.spare_chunk = Some(chunk);
            } else {
                out.push((number, chunk));
            }
        }
        complete
    }

    /// What records hold that changes emitted since the last walk of the running snapshot, in bytes.
    pub fn snapshot_pending_bytes(&self) -> usize {
        let databases = self.databases.iter();
        databases
            .map(|database| database.keys.snapshot_pending_bytes())
            .sum()
    }

    /// Fills an empty chunk with copies of about a slice of the entries as they are now, all of one database, whose number it
    /// returns, and moves `at` behind them; `None` if there are no more. A snapshot made in one go, whether or not
    /// another one is under way: the data must not change meanwhile.
    pub fn copy_slice(
        &self,
        at: &mut CopyPosition,
        slice: Slice,
        chunk: &mut Chunk<Object>,
    ) -> Option<usize> {
        while chunk.is_empty() {
            let keys = &self.databases.get(at.db)?.keys;
            match keys.copy_slice(at.hash, slice, chunk) {
                Some(hash) => at.hash = hash,
                None if chunk.is_empty() => *at = at.next_database(),
                None => {
                    let db = at.db;
                    *at = at.next_database();
                    return Some(db);
                }
            }
        }
        Some(at.db)
    }

    /// Gives a running snapshot up.
    pub fn snapshot_abandon(&mut self) {
        for database in &mut self.databases {
            if database.keys.snapshot_running() {
                database.keys.snapshot_abandon();
            }
        }
    }
}
