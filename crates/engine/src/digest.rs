//! DEBUG DIGEST: Redis's digest of a data set, which does not depend on encodings or on any order but a list's.
//!
//! Two ways of adding bytes to a digest, both by SHA-1: *xor* takes the hash of the bytes in, so that the order of
//! what is added does not matter; *mix* hashes the digest once more behind that, so that it does.

use lastsave_dict::{EntryRef, ValueRef};
use lastsave_keyspace::values::stream::StreamId;
use lastsave_keyspace::{Database, Object, number};

mod sha1;

use sha1::sha1;

/// A digest that is being built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Digest([u8; 20]);

impl Digest {
    /// The digest of all databases.
    pub(crate) fn of_databases(databases: &[Database]) -> Self {
        let mut digest = Self::default();
        for (db, database) in databases.iter().enumerate() {
            if database.keys.is_empty() {
                continue;
            }
            digest.mix(&(db as u32).to_be_bytes());
            for entry in database.keys.iter() {
                let mut of_key = Self::default();
                of_key.mix(entry.key());
                of_key.add_value(&entry);
                digest.xor(&of_key.0);
            }
        }
        digest
    }

    /// The digest of a value and of whether it expires.
    pub(crate) fn of_value(entry: &EntryRef<'_, Object>) -> Self {
        let mut digest = Self::default();
        digest.add_value(entry);
        digest
    }

    fn add_value(&mut self, entry: &EntryRef<'_, Object>) {
        self.mix(&type_number(entry.value()).to_be_bytes());
        let mut digits = itoa::Buffer::new();
        match entry.value() {
            ValueRef::Integer(number) => self.mix(digits.format(number).as_bytes()),
            ValueRef::Bytes(bytes) => self.mix(bytes),
            ValueRef::Object(Object::Text(text)) => self.mix(text),
            ValueRef::Object(Object::List(list)) => {
                for element in list.iter() {
                    self.mix(element.text(&mut digits));
                }
            }
            ValueRef::Object(Object::Set(set)) => {
                for member in set.iter() {
                    self.xor(member.text(&mut digits));
                }
            }
            ValueRef::Object(Object::Hash(hash)) => {
                for (field, value) in hash.iter() {
                    let mut pair = Self::default();
                    pair.mix(field.text(&mut digits));
                    pair.mix(value.text(&mut digits));
                    self.xor(&pair.0);
                }
            }
            ValueRef::Object(Object::SortedSet(set)) => {
                for (member, score) in set.iter() {
                    let mut pair = Self::default();
                    pair.mix(member.text(&mut digits));
                    pair.mix(number::print_double(score).as_bytes());
                    self.xor(&pair.0);
                }
            }
            ValueRef::Object(Object::Stream(stream)) => {
                for entry in stream.entries().range(StreamId::MIN, StreamId::MAX) {
                    let StreamId { ms, seq } = entry.id;
                    self.mix(format!("{ms}.{seq}").as_bytes());
                    for (field, value) in entry.fields {
                        self.mix(field.text(&mut digits));
                        self.mix(value.text(&mut digits));
                    }
                }
            }
        }
        if entry.expires_at_ms().is_some() {
            self.xor(b"!!expire!!");
        }
    }

    fn xor(&mut self, bytes: &[u8]) {
        for (own, other) in self.0.iter_mut().zip(sha1(bytes)) {
            *own ^= other;
        }
    }

    fn mix(&mut self, bytes: &[u8]) {
        self.xor(bytes);
        self.0 = sha1(&self.0);
    }
}

/// In hexadecimal.
impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The number that Redis has for the type of a value.
fn type_number(value: ValueRef<'_, Object>) -> u32 {
    match value {
        ValueRef::Integer(_) | ValueRef::Bytes(_) | ValueRef::Object(Object::Text(_)) => 0,
        ValueRef::Object(Object::List(_)) => 1,
        ValueRef::Object(Object::Set(_)) => 2,
        ValueRef::Object(Object::SortedSet(_)) => 3,
        ValueRef::Object(Object::Hash(_)) => 4,
        ValueRef::Object(Object::Stream(_)) => 6,
    }
}
