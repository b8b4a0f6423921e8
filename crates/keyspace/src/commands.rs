//! The handlers, one module per group of commands.

pub(crate) mod bitfield;
pub(crate) mod bitmaps;
mod blocking;
pub(crate) mod databases;
pub(crate) mod expire;
pub(crate) mod geo;
pub(crate) mod geo_search;
pub(crate) mod hashes;
pub(crate) mod hyperloglog;
pub(crate) mod keys;
pub(crate) mod lcs;
pub(crate) mod list_moves;
pub(crate) mod lists;
pub(crate) mod object;
pub mod payload;
mod sampling;
pub(crate) mod scan;
pub(crate) mod server;
pub(crate) mod set_algebra;
pub(crate) mod sets;
pub(crate) mod sort;
pub(crate) mod sorted_set_algebra;
pub(crate) mod sorted_set_pops;
pub(crate) mod sorted_set_ranges;
pub(crate) mod sorted_sets;
pub(crate) mod stream_claims;
pub(crate) mod stream_groups;
pub(crate) mod stream_info;
pub(crate) mod stream_reads;
pub(crate) mod streams;
pub(crate) mod string_edits;
pub(crate) mod strings;
mod texts;

use lastsave_dict::ValueRef;

use crate::call::Answered;
use crate::object::Collection;
use crate::{Call, number};

const SYNTAX_ERROR: &str = "ERR syntax error";
const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";
const DB_OUT_OF_RANGE: &str = "ERR DB index is out of range";
const SAME_OBJECT: &str = "ERR source and destination objects are the same";

impl Call<'_> {
    /// Reads an integer, or answers with an error.
    fn integer(&mut self, text: &[u8]) -> Option<i64> {
        let number = number::parse_i64(text);
        if number.is_none() {
            self.reply.error(NOT_AN_INTEGER);
        }
        number
    }

    /// As [`Call::integer`], where an error ends the command.
    fn index(&mut self, text: &[u8]) -> Result<i64, Answered> {
        self.integer(text).ok_or(Answered)
    }

    /// Reads how many of something, at least `least`, or answers with `error`.
    fn count(&mut self, text: &[u8], least: usize, error: &str) -> Result<usize, Answered> {
        let number = number::parse_i64(text).and_then(|number| usize::try_from(number).ok());
        number.filter(|number| *number >= least).ok_or_else(|| {
            self.reply.error(error);
            Answered
        })
    }

    /// Whether `key` is there and of this type. Counts no hit and no miss.
    fn holds<T: Collection>(&mut self, key: &[u8]) -> bool {
        if !self.exists(self.db, key) {
            return false;
        }
        let entry = self.keyspace.databases[self.db].keys.get(key);
        entry.is_some_and(
            |entry| matches!(entry.value(), ValueRef::Object(object) if T::of(object).is_some()),
        )
    }

    /// Reads the number of a database that exists, or answers with an error.
    fn database_number(&mut self, text: &[u8]) -> Option<usize> {
        let number = self.integer(text)?;
        if i32::try_from(number).is_err() {
            let (min, max) = (i32::MIN, i32::MAX);
            self.reply.error(&format!(
                "ERR value is out of range, value must between {min} and {max}"
            ));
            return None;
        }
        let db = usize::try_from(number)
            .ok()
            .filter(|db| *db < self.keyspace.databases.len());
        if db.is_none() {
            self.reply.error(DB_OUT_OF_RANGE);
        }
        db
    }
}

#[cfg(test)]
mod tests;
