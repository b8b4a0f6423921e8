//! Sets: an intset while all members are integers and few, then a listpack while they are few and short, then a packed
//! table.
//!
//! Redis has no listpack between the two. To clients and in files it is the hash table that Redis would have; of
//! the memory it takes a third.

use std::sync::Arc;

use super::compact::Compact;
use super::intset::{self, IntSet};
use super::listpack::{self, Item, Listpack, Position};
use super::packed_table::{self, PackedTable};
use crate::number;

/// The longest text that is tried as an integer: a sign and nineteen digits.
const INTEGER_TEXT_LEN: usize = 20;

/// Members: ascending while all are integers and few, and later in an order of the table's own.
#[derive(Clone, Debug)]
pub struct Set(Form);

#[derive(Clone, Debug)]
enum Form {
    Integers(Compact<IntSet>),
    Few(Compact<Listpack>),
    Large(Arc<PackedTable>),
}

impl Default for Set {
    fn default() -> Self {
        Self(Form::Integers(Compact::default()))
    }
}

impl Set {
    /// A set as its packed form. With more than `max_integers` members, it does not stay packed.
    pub fn from_intset(integers: IntSet, max_integers: u64) -> Self {
        let fits = integers.len() as u64 <= max_integers;
        let mut set = Self(Form::Integers(Compact::new(integers)));
        if !fits {
            set.unpack(b"");
        }
        set
    }

    /// Its packed form, if all members are integers and few.
    pub fn as_intset(&self) -> Option<&IntSet> {
        match &self.0 {
            Form::Integers(integers) => Some(integers),
            Form::Few(_) | Form::Large(_) => None,
        }
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Integers(integers) => integers.len(),
            Form::Few(members) => members.len(),
            Form::Large(table) => table.len(),
        }
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Heap bytes it owns, the same on every target.
    pub fn memory_bytes(&self) -> usize {
        // The counts of an `Arc`, and the parts of a table.
        const LARGE: usize = 16 + 32;
        match &self.0 {
            Form::Integers(integers) => integers.memory_bytes(),
            Form::Few(members) => members.memory_bytes(),
            Form::Large(table) => LARGE + table.memory_bytes(),
        }
    }

    /// The name of its encoding, as OBJECT ENCODING says it.
    pub fn encoding_name(&self) -> &'static str {
        match &self.0 {
            Form::Integers(_) => "intset",
            Form::Few(_) | Form::Large(_) => "hashtable",
        }
    }

    /// Whether `member` is one.
    pub fn contains(&self, member: &[u8]) -> bool {
        match &self.0 {
            Form::Integers(integers) => {
                integer(member).is_some_and(|number| integers.contains(number))
            }
            Form::Few(members) => find(members, member).is_some(),
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
        match &mut self.0 {
            Form::Integers(integers) => match integer(member) {
                Some(number) => {
                    let new = !integers.contains(number);
                    if new {
                        integers.make_mut().insert(number);
                        if integers.len() as u64 > max_integers.min(MOST_INTEGERS) {
                            self.unpack(member);
                        }
                    }
                    new
                }
                None => {
                    self.unpack(member);
                    self.insert(member, max_integers)
                }
            },
            Form::Few(members) => {
                let new = find(members, member).is_none();
                if new && fits(members.len() + 1, member) {
                    members.make_mut().push_back(member);
                } else if new {
                    self.unpack(member);
                    return self.insert(member, max_integers);
                }
                new
            }
            Form::Large(table) => Arc::make_mut(table).insert(member, b""),
        }
    }

    /// Takes a member out. Returns whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        self.contains(member)
            && match &mut self.0 {
                Form::Integers(integers) => {
                    integer(member).is_some_and(|number| integers.make_mut().remove(number))
                }
                Form::Few(members) => {
                    let found = find(members, member);
                    if let Some(position) = found {
                        members.make_mut().remove(position);
                    }
                    found.is_some()
                }
                Form::Large(table) => Arc::make_mut(table).remove(member),
            }
    }

    /// All members.
    pub fn iter(&self) -> Members<'_> {
        match &self.0 {
            Form::Integers(integers) => Members::Integers(integers.iter()),
            Form::Few(members) => Members::Few(members.iter()),
            Form::Large(table) => Members::Large(table.iter()),
        }
    }

    /// Visits some members from `cursor` on, all of a small set, and returns where to go on: see [`PackedTable::scan`].
    pub fn scan(&self, cursor: u64, visit: &mut dyn FnMut(Item<'_>)) -> u64 {
        match &self.0 {
            Form::Integers(_) | Form::Few(_) => {
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
            Form::Few(members) => {
                let index = next_random().checked_rem(members.len() as u64)?;
                Some(members.get(members.seek(index as i64)?))
            }
            Form::Large(table) => table
                .random(next_random)
                .map(|(member, _)| Item::Bytes(member)),
        }
    }

    /// Takes the next form that is for more members, `new` among them.
    fn unpack(&mut self, new: &[u8]) {
        let mut text = itoa::Buffer::new();
        self.0 = match &self.0 {
            Form::Integers(integers) if fits(integers.len() + 1, new) => {
                let mut members = Listpack::new();
                for number in integers.iter() {
                    members.push_back_integer(number);
                }
                Form::Few(Compact::new(members))
            }
            Form::Integers(_) | Form::Few(_) => {
                let mut table = PackedTable::new();
                for member in self.iter() {
                    table.insert(member.text(&mut text), b"");
                }
                Form::Large(Arc::new(table))
            }
            Form::Large(_) => return,
        };
    }
}

/// Whether so many members, `new` among them, are found soon enough without a table.
fn fits(members: usize, new: &[u8]) -> bool {
    const FEW: usize = 32;
    const SHORT: usize = 64;
    members <= FEW && new.len() <= SHORT
}

fn find(members: &Listpack, member: &[u8]) -> Option<Position> {
    members.find(members.first()?, 0, member)
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
    /// Of a listpack, in the order of their coming.
    Few(listpack::Iter<'a>),
    /// Of a table.
    Large(packed_table::Iter<'a>),
}

impl<'a> Iterator for Members<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        match self {
            Self::Integers(integers) => integers.next().map(Item::Integer),
            Self::Few(items) => items.next(),
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
        let members: Vec<_> = integers.iter().map(Item::integer).collect();
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
    fn texts_go_into_a_table_when_they_are_many_or_long() {
        for members in [1..=32, 1..=33, 1..=400] {
            let texts: Vec<String> = members.map(|number| format!("member {number}")).collect();
            for long in [None, Some("x".repeat(65)), Some("x".repeat(2000))] {
                let texts: Vec<&str> = texts
                    .iter()
                    .map(String::as_str)
                    .chain(long.as_deref())
                    .collect();
                let mut set = set(&texts);
                assert_eq!(set.encoding_name(), "hashtable");
                assert_eq!(matches!(set.0, Form::Few(_)), texts.len() <= 32);
                assert_eq!(set.iter().count(), texts.len());
                let mut words = 0..;
                for _ in &texts {
                    let random = set.random(&mut || words.next().unwrap());
                    assert!(
                        texts.contains(&std::str::from_utf8(&random.unwrap().to_vec()).unwrap())
                    );
                }
                for text in &texts {
                    assert!(set.contains_item(Item::Bytes(text.as_bytes())));
                    assert!(!set.insert(text.as_bytes(), 3));
                    assert!(set.remove(text.as_bytes()));
                }
                assert!(set.is_empty());
                assert!(set.random(&mut || 7).is_none());
            }
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
