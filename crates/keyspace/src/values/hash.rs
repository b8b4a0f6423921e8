//! Hashes: a listpack of fields, each followed by its value, while small; then a packed table.

use std::sync::Arc;

use super::Malformed;
use super::compact::{Compact, are_distinct};
use super::listpack::{self, Item, Listpack, Position};
use super::packed_table::{self, PackedTable};
use crate::Settings;

/// Fields with values: in the order of their coming while there are few, and later in one of the table's own.
#[derive(Clone, Debug)]
pub struct Hash(Form);

#[derive(Clone, Debug)]
enum Form {
    Small(Compact<Listpack>),
    Large(Arc<PackedTable>),
}

/// How large a hash may be as a listpack.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `hash-max-listpack-entries`: fields.
    pub entries: u64,
    /// `hash-max-listpack-value`: bytes of the longest field or value.
    pub value: u64,
}

impl From<&Settings> for Limits {
    fn from(settings: &Settings) -> Self {
        Self {
            entries: settings.hash_max_listpack_entries,
            value: settings.hash_max_listpack_value,
        }
    }
}

impl Limits {
    fn allow(self, len: usize) -> bool {
        len as u64 <= self.value
    }
}

impl Default for Hash {
    fn default() -> Self {
        Self(Form::Small(Compact::default()))
    }
}

impl Hash {
    /// A hash as its packed form, each field followed by its value. Where there are too many for `limits`, it does not
    /// stay packed.
    ///
    /// # Errors
    /// If a field has no value, or is there twice.
    pub fn from_listpack(pack: Listpack, limits: Limits) -> Result<Self, Malformed> {
        if !pack.len().is_multiple_of(2) || !are_distinct(pack.iter().step_by(2)) {
            return Err(Malformed);
        }
        let longest = pack.iter().map(Item::len).max().unwrap_or(0);
        let fits = pack.len() as u64 / 2 <= limits.entries && limits.allow(longest);
        let mut hash = Self(Form::Small(Compact::new(pack)));
        if !fits {
            hash.unpack();
        }
        Ok(hash)
    }

    /// Its packed form, if it is small.
    pub fn as_listpack(&self) -> Option<&Listpack> {
        match &self.0 {
            Form::Small(pack) => Some(pack),
            Form::Large(_) => None,
        }
    }

    /// The number of fields.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Small(pack) => pack.len() / 2,
            Form::Large(table) => table.len(),
        }
    }

    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Form::Small(pack) => pack.is_empty(),
            Form::Large(table) => table.is_empty(),
        }
    }

    /// Heap bytes it owns, the same on every target.
    pub fn memory_bytes(&self) -> usize {
        // The counts of an `Arc`, and the parts of a table.
        const LARGE: usize = 16 + 32;
        match &self.0 {
            Form::Small(pack) => pack.memory_bytes(),
            Form::Large(table) => LARGE + table.memory_bytes(),
        }
    }

    /// The name of its encoding, as OBJECT ENCODING says it.
    pub fn encoding_name(&self) -> &'static str {
        match &self.0 {
            Form::Small(_) => "listpack",
            Form::Large(_) => "hashtable",
        }
    }

    /// The value of a field.
    pub fn get(&self, field: &[u8]) -> Option<Item<'_>> {
        match &self.0 {
            Form::Small(pack) => {
                let field = find(pack, field)?;
                pack.next(field).map(|value| pack.get(value))
            }
            Form::Large(table) => table.get(field).map(Item::Bytes),
        }
    }

    /// Whether there is such a field.
    pub fn contains(&self, field: &[u8]) -> bool {
        match &self.0 {
            Form::Small(pack) => find(pack, field).is_some(),
            Form::Large(table) => table.contains(field),
        }
    }

    /// Gives a field this value. Returns whether the field is new.
    pub fn insert(&mut self, field: &[u8], value: &[u8], limits: Limits) -> bool {
        if let Form::Small(pack) = &mut self.0 {
            let room = pack.has_room(field.len() + value.len());
            if room && limits.allow(field.len()) && limits.allow(value.len()) {
                let found = find(pack, field).and_then(|field| pack.next(field));
                let pack = pack.make_mut();
                if let Some(old) = found {
                    pack.replace(old, value);
                    return false;
                }
                pack.push_back(field);
                pack.push_back(value);
                if pack.len() as u64 / 2 > limits.entries {
                    self.unpack();
                }
                return true;
            }
            self.unpack();
        }
        self.table_mut().insert(field, value)
    }

    /// Takes a field out. Returns whether it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        match &mut self.0 {
            Form::Small(pack) => {
                let found = find(pack, field);
                if let Some(field) = found {
                    pack.make_mut().remove_range(field, 2);
                }
                found.is_some()
            }
            Form::Large(table) => table.contains(field) && Arc::make_mut(table).remove(field),
        }
    }

    /// All fields with their values.
    pub fn iter(&self) -> Fields<'_> {
        match &self.0 {
            Form::Small(pack) => Fields::Small(pack.iter()),
            Form::Large(table) => Fields::Large(table.iter()),
        }
    }

    /// Visits some fields from `cursor` on, all of a small hash, and returns where to go on: see [`PackedTable::scan`].
    pub fn scan(&self, cursor: u64, visit: &mut dyn FnMut(Item<'_>, Item<'_>)) -> u64 {
        match &self.0 {
            Form::Small(_) => {
                self.iter().for_each(|(field, value)| visit(field, value));
                0
            }
            Form::Large(table) => table.scan(cursor, &mut |(field, value)| {
                visit(Item::Bytes(field), Item::Bytes(value));
            }),
        }
    }

    /// A field with its value, each with the same chance. `next_random` yields random words.
    pub fn random(&self, next_random: &mut dyn FnMut() -> u64) -> Option<(Item<'_>, Item<'_>)> {
        match &self.0 {
            Form::Small(_) if self.is_empty() => None,
            Form::Small(pack) => {
                let index = next_random() % (pack.len() as u64 / 2);
                let field = pack.seek(2 * index as i64)?;
                Some((pack.get(field), pack.get(pack.next(field)?)))
            }
            Form::Large(table) => {
                let (field, value) = table.random(next_random)?;
                Some((Item::Bytes(field), Item::Bytes(value)))
            }
        }
    }

    fn unpack(&mut self) {
        if let Form::Small(_) = &self.0 {
            let mut table = PackedTable::new();
            let (mut field_text, mut value_text) = (itoa::Buffer::new(), itoa::Buffer::new());
            for (field, value) in self.iter() {
                table.insert(field.text(&mut field_text), value.text(&mut value_text));
            }
            self.0 = Form::Large(Arc::new(table));
        }
    }

    fn table_mut(&mut self) -> &mut PackedTable {
        match &mut self.0 {
            Form::Large(table) => Arc::make_mut(table),
            Form::Small(_) => unreachable!("the caller has unpacked it"),
        }
    }
}

fn find(pack: &Listpack, field: &[u8]) -> Option<Position> {
    pack.find(pack.first()?, 1, field)
}

/// See [`Hash::iter`].
#[derive(Clone)]
pub enum Fields<'a> {
    /// Of a small hash.
    Small(listpack::Iter<'a>),
    /// Of a large one.
    Large(packed_table::Iter<'a>),
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Item<'a>, Item<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Small(items) => Some((items.next()?, items.next()?)),
            Self::Large(entries) => {
                let (field, value) = entries.next()?;
                Some((Item::Bytes(field), Item::Bytes(value)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        entries: 3,
        value: 8,
    };

    fn hash(fields: &[(&str, &str)]) -> Hash {
        let mut hash = Hash::default();
        for (field, value) in fields {
            hash.insert(field.as_bytes(), value.as_bytes(), LIMITS);
        }
        hash
    }

    fn texts(hash: &Hash) -> Vec<String> {
        hash.iter()
            .map(|(field, value)| {
                let text = |item: Item<'_>| item.to_vec().escape_ascii().to_string();
                format!("{}={}", text(field), text(value))
            })
            .collect()
    }

    #[test]
    fn a_small_hash_keeps_its_order() {
        let mut hash = hash(&[("b", "1"), ("a", "x"), ("12", "-3")]);
        assert_eq!(texts(&hash), ["b=1", "a=x", "12=-3"]);
        assert!(!hash.insert(b"a", b"other", LIMITS));
        assert!(hash.remove(b"b") && !hash.remove(b"b"));
        assert!(hash.insert(b"b", b"2", LIMITS));
        assert_eq!(texts(&hash), ["a=other", "12=-3", "b=2"]);
        assert_eq!(hash.get(b"12").unwrap().integer(), Some(-3));
        assert_eq!(hash.encoding_name(), "listpack");
    }

    #[test]
    fn what_is_large_stays_large() {
        for fields in [
            &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")][..],
            &[("123456789", "1")],
            &[("a", "1"), ("b", "123456789")],
        ] {
            let mut hash = hash(fields);
            assert_eq!(hash.encoding_name(), "hashtable");
            assert_eq!(hash.len(), fields.len());
            for (field, value) in fields {
                assert!(
                    hash.get(field.as_bytes())
                        .unwrap()
                        .eq_text(value.as_bytes())
                );
                assert!(hash.remove(field.as_bytes()));
            }
            assert!(hash.is_empty());
            assert_eq!(hash.encoding_name(), "hashtable");
        }
    }

    #[test]
    fn a_clone_does_not_see_changes() {
        for fields in [1, 100] {
            let mut hash = Hash::default();
            for number in 0..fields {
                hash.insert(format!("f{number}").as_bytes(), b"v", LIMITS);
            }
            let clone = hash.clone();
            let before = texts(&clone);
            hash.insert(b"f0", b"w", LIMITS);
            hash.insert(b"new", b"", LIMITS);
            assert_eq!(texts(&clone), before);
        }
    }

    #[test]
    fn packed_forms_are_checked() {
        let pack = |items: &[&str]| {
            let mut pack = Listpack::new();
            items
                .iter()
                .for_each(|item| pack.push_back(item.as_bytes()));
            Hash::from_listpack(pack, LIMITS)
        };
        assert_eq!(
            pack(&["a", "1", "b", "1"]).unwrap().encoding_name(),
            "listpack"
        );
        assert_eq!(
            pack(&["a", "123456789"]).unwrap().encoding_name(),
            "hashtable"
        );
        assert!(pack(&["a", "1", "b"]).is_err());
        assert!(pack(&["1", "x", "1", "y"]).is_err());
    }
}
