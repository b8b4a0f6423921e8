//! Sets: an intset while all members are integers and few, then a packed table.

use std::sync::Arc;

use super::intset::{self, IntSet};
use super::listpack::Item;
use super::packed_table::{self, PackedTable};
use crate::number;

/// The longest text that is tried as an integer: a sign and nineteen digits.
const INTEGER_TEXT_LEN: usize = 20;

/// Members: ascending while all are integers and few, and later in an order of the table's own.
#[derive(Clone, Debug)]
pub struct Set(Form);

#[derive(Clone, Debug)]
enum Form {
    Integers(Arc<IntSet>),
    Large(Arc<PackedTable>),
}

impl Default for Set {
    fn default() -> Self {
        Self(Form::Integers(Arc::default()))
    }
}

impl Set {
    /// A set as its packed form. With more than `max_integers` members, it does not stay packed.
    pub fn from_intset(integers: IntSet, max_integers: u64) -> Self {
        let fits = integers.len() as u64 <= max_integers;
        let mut set = Self(Form::Integers(Arc::new(integers)));
        if !fits {
            set.unpack();
        }
        set
    }

    /// Its packed form, if all members are integers and few.
    pub fn as_intset(&self) -> Option<&IntSet> {
        match &self.0 {
            Form::Integers(integers) => Some(integers),
            Form::Large(_) => None,
        }
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Integers(integers) => integers.len(),
            Form::Large(table) => table.len(),
        }
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Heap bytes it owns, the same on every target.
    pub fn memory_bytes(&self) -> usize {
        // The counts of an `Arc`, and a vector or the parts of a table.
        const SMALL: usize = 16 + 24;
        const LARGE: usize = 16 + 32;
        match &self.0 {
            Form::Integers(integers) => SMALL + integers.byte_len(),
            Form::Large(table) => LARGE + table.memory_bytes(),
        }
    }

    /// The name of its encoding, as OBJECT ENCODING says it.
    pub fn encoding_name(&self) -> &'static str {
        match &self.0 {
            Form::Integers(_) => "intset",
            Form::Large(_) => "hashtable",
        }
    }

    /// Whether `member` is one.
    pub fn contains(&self, member: &[u8]) -> bool {
        match &self.0 {
            Form::Integers(integers) => {
                integer(member).is_some_and(|number| integers.contains(number))
            }
            Form::Large(table) => table.contains(member),
        }
    }

    /// Whether a member of another set is one of this, too.
    pub fn contains_item(&self, member: Item<'_>) -> bool {
        match (&self.0, member) {
            (Form::Integers(integers), Item::Integer(number)) => integers.contains(number),
            _ => self.contains(member.text(&mut itoa::Buffer::new())),
        }
    }

    /// Adds a member. Returns whether it is new. More than `max_integers` integers are not kept packed
    /// (`set-max-intset-entries`).
    pub fn insert(&mut self, member: &[u8], max_integers: u64) -> bool {
        if let Form::Integers(integers) = &mut self.0 {
            if let Some(number) = integer(member) {
                if integers.contains(number) {
                    return false;
                }
                Arc::make_mut(integers).insert(number);
                if integers.len() as u64 > max_integers.min(MOST_INTEGERS) {
                    self.unpack();
                }
                return true;
            }
            self.unpack();
        }
        match &mut self.0 {
            Form::Large(table) => Arc::make_mut(table).insert(member, b""),
            Form::Integers(_) => unreachable!("it was just unpacked"),
        }
    }

    /// Takes a member out. Returns whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        self.contains(member)
            && match &mut self.0 {
                Form::Integers(integers) => {
                    integer(member).is_some_and(|number| Arc::make_mut(integers).remove(number))
                }
                Form::Large(table) => Arc::make_mut(table).remove(member),
            }
    }

    /// All members.
    pub fn iter(&self) -> Members<'_> {
        match &self.0 {
            Form::Integers(integers) => Members::Integers(integers.iter()),
            Form::Large(table) => Members::Large(table.iter()),
        }
    }

    /// Visits some members from `cursor` on, all of an intset, and returns where to go on: see [`PackedTable::scan`].
    pub fn scan(&self, cursor: u64, visit: &mut dyn FnMut(Item<'_>)) -> u64 {
        match &self.0 {
            Form::Integers(_) => {
                self.iter().for_each(visit);
                0
            }
            Form::Large(table) => table.scan(cursor, &mut |(member, _)| visit(Item::Bytes(member))),
        }
    }

    /// A member, each with the same chance. `next_random` yields random words.
    pub fn random(&self, next_random: &mut dyn FnMut() -> u64) -> Option<Item<'_>> {
        match &self.0 {
            Form::Integers(integers) => integers.random(next_random()).map(Item::Integer),
            Form::Large(table) => table
                .random(next_random)
                .map(|(member, _)| Item::Bytes(member)),
        }
    }

    fn unpack(&mut self) {
        if let Form::Integers(integers) = &self.0 {
            let mut table = PackedTable::new();
            let mut text = itoa::Buffer::new();
            for number in integers.iter() {
                table.insert(text.format(number).as_bytes(), b"");
            }
            self.0 = Form::Large(Arc::new(table));
        }
    }
}

/// What an intset may have whatever the configuration says: offsets in it have 32 bits.
const MOST_INTEGERS: u64 = 1 << 30;

fn integer(member: &[u8]) -> Option<i64> {
    if member.len() > INTEGER_TEXT_LEN {
        return None;
    }
    number::parse_i64(member)
}

/// See [`Set::iter`].
#[derive(Clone)]
pub enum Members<'a> {
    /// Of an intset, ascending.
    Integers(intset::Iter<'a>),
    /// Of a table.
    Large(packed_table::Iter<'a>),
}

impl<'a> Iterator for Members<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        match self {
            Self::Integers(integers) => integers.next().map(Item::Integer),
            Self::Large(entries) => entries.next().map(|(member, _)| Item::Bytes(member)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(members: &[&str]) -> Set {
        let mut set = Set::default();
        for member in members {
            set.insert(member.as_bytes(), 3);
        }
        set
    }

    #[test]
    fn integers_are_packed_while_they_are_few() {
        let mut integers = set(&["5", "-1", "5"]);
        assert_eq!(integers.encoding_name(), "intset");
        let members: Vec<_> = integers.iter().map(|member| member.integer()).collect();
        assert_eq!(members, [Some(-1), Some(5)]);
        assert!(integers.contains(b"5") && !integers.contains(b"05"));
        assert!(!integers.remove(b"x") && integers.remove(b"5"));
        for other in [
            &["1", "x"][..],
            &["01"],
            &["1", "2", "3", "4"],
            &["9223372036854775808"],
        ] {
            let mut set = set(other);
            assert_eq!(set.encoding_name(), "hashtable", "{other:?}");
            assert_eq!(set.len(), other.len());
            for member in other {
                assert!(set.contains(member.as_bytes()));
                assert!(set.remove(member.as_bytes()) && !set.remove(member.as_bytes()));
            }
            assert!(set.is_empty());
        }
    }

    #[test]
    fn a_clone_does_not_see_changes() {
        for members in [&["1", "2"][..], &["a", "b"]] {
            let mut original = set(members);
            let clone = original.clone();
            original.insert(b"7", 3);
            original.remove(members[0].as_bytes());
            assert!(clone.contains(members[0].as_bytes()) && !clone.contains(b"7"));
            assert_eq!(clone.len(), 2);
        }
    }
}
