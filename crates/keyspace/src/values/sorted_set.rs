//! Sorted sets: a listpack of members, each followed by its score, while small; then a tree.

use std::iter::FusedIterator;
use std::ops::Range;
use std::sync::Arc;

use super::Malformed;
use super::compact::{Compact, are_distinct};
use super::listpack::{Item, Listpack, Position};
use super::ranked_tree::{self, RankedTree, order};
use crate::{Settings, number};

/// Members with scores, in order of score and then of the member's bytes.
#[derive(Clone, Debug)]
pub struct SortedSet(Form);

#[derive(Clone, Debug)]
enum Form {
    Small(Compact<Listpack>),
    Large(Arc<RankedTree>),
}

/// How large a sorted set may be as a listpack.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `zset-max-listpack-entries`: members.
    pub entries: u64,
    /// `zset-max-listpack-value`: bytes of the longest member.
    pub value: u64,
}

impl From<&Settings> for Limits {
    fn from(settings: &Settings) -> Self {
        Self {
            entries: settings.zset_max_listpack_entries,
            value: settings.zset_max_listpack_value,
        }
    }
}

impl Limits {
    fn allow(self, entries: usize, member: &[u8]) -> bool {
        entries as u64 <= self.entries && member.len() as u64 <= self.value
    }
}

impl Default for SortedSet {
    fn default() -> Self {
        Self(Form::Small(Compact::default()))
    }
}

impl SortedSet {
    /// An empty sorted set in its large form: for results that [`SortedSet::fit`] is called on when they are
    /// complete.
    pub fn large() -> Self {
        Self(Form::Large(Arc::default()))
    }

    /// A sorted set as its packed form, each member followed by its score. Where there are too many for `limits`,
    /// it does not stay packed.
    ///
    /// # Errors
    /// If a member has no score, or a score is no number, or a member is there twice.
    pub fn from_listpack(pack: Listpack, limits: Limits) -> Result<Self, Malformed> {
        let (members, scores) = (pack.iter().step_by(2), pack.iter().skip(1).step_by(2));
        let are_scores = scores.clone().all(|score| packed_score(score).is_some());
        if !pack.len().is_multiple_of(2) || !are_scores || !are_distinct(members.clone()) {
            return Err(Malformed);
        }
        let longest = members.max_by_key(|member| member.len());
        let fits = longest.is_none_or(|longest| {
            let len = pack.len() / 2;
            limits.allow(len, longest.text(&mut itoa::Buffer::new()))
        });
        let mut set = Self(Form::Small(Compact::new(pack)));
        if !fits {
            set.unpack();
        }
        Ok(set)
    }

    /// Its packed form, if it is small.
    pub fn as_listpack(&self) -> Option<&Listpack> {
        match &self.0 {
            Form::Small(pack) => Some(pack),
            Form::Large(_) => None,
        }
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Small(pack) => pack.len() / 2,
            Form::Large(tree) => tree.len(),
        }
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Heap bytes it owns, the same on every target.
    pub fn memory_bytes(&self) -> usize {
        // The counts of an `Arc`, and the parts of a tree.
        const LARGE: usize = 16 + 96;
        match &self.0 {
            Form::Small(pack) => pack.memory_bytes(),
            Form::Large(tree) => LARGE + tree.memory_bytes(),
        }
    }

    /// The name of its encoding, as OBJECT ENCODING says it.
    pub fn encoding_name(&self) -> &'static str {
        match &self.0 {
            Form::Small(_) => "listpack",
            Form::Large(_) => "skiplist",
        }
    }

    /// The score of a member.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match &self.0 {
            Form::Small(pack) => find(pack, member).map(|(_, score)| score),
            Form::Large(tree) => tree.score(member),
        }
    }

    /// Gives a member this score, which must be a number. Returns the score that it had.
    pub fn insert(&mut self, member: &[u8], score: f64, limits: Limits) -> Option<f64> {
        if let Form::Small(pack) = &mut self.0 {
            let found = find(pack, member);
            if let Some((position, old)) = found {
                if old != score {
                    let pack = pack.make_mut();
                    pack.remove_range(position, 2);
                    insert(pack, member, score);
                }
                return Some(old);
            }
            if limits.allow(pack.len() / 2 + 1, member) && pack.has_room(member.len()) {
                insert(pack.make_mut(), member, score);
                return None;
            }
            self.unpack();
        }
        self.tree_mut().insert(member, score)
    }

    /// Removes a member. Returns the score that it had.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        match &mut self.0 {
            Form::Small(pack) => {
                let (position, score) = find(pack, member)?;
                pack.make_mut().remove_range(position, 2);
                Some(score)
            }
            Form::Large(tree) => Arc::make_mut(tree).remove(member),
        }
    }

    /// Removes the members of these ranks.
    ///
    /// # Panics
    /// If the range ends behind the last member.
    pub fn remove_range(&mut self, ranks: Range<usize>) {
        assert!(ranks.end <= self.len(), "a range of members that exist");
        match &mut self.0 {
            Form::Small(pack) => {
                if let Some(first) = pack.seek(2 * ranks.start as i64) {
                    pack.make_mut().remove_range(first, 2 * ranks.len());
                }
            }
            Form::Large(tree) if ranks.len() == tree.len() => *tree = Arc::default(),
            Form::Large(tree) => {
                let tree = Arc::make_mut(tree);
                for _ in ranks.clone() {
                    let (_, member) = tree.get(ranks.start).expect("the range exists");
                    let member = member.to_vec();
                    tree.remove(&member);
                }
            }
        }
    }

    /// The number of members before this one.
    pub fn rank(&self, member: &[u8]) -> Option<usize> {
        match &self.0 {
            Form::Small(_) => self.iter().position(|(item, _)| item.eq_text(member)),
            Form::Large(tree) => tree.rank(member),
        }
    }

    /// The number of members before a bound. `before` says whether a score and member lie before it; it must be true
    /// for a beginning of the order and false for the rest.
    pub fn count(&self, before: impl Fn(f64, &[u8]) -> bool) -> usize {
        match &self.0 {
            Form::Small(_) => self
                .iter()
                .take_while(|(item, score)| before(*score, item.text(&mut itoa::Buffer::new())))
                .count(),
            Form::Large(tree) => tree.count(before),
        }
    }

    /// The member of this rank with its score.
    pub fn get(&self, rank: usize) -> Option<(Item<'_>, f64)> {
        (rank < self.len()).then(|| self.range(rank..rank + 1).next())?
    }

    /// The members of these ranks with their scores, from either end.
    ///
    /// # Panics
    /// If the range ends behind the last member.
    pub fn range(&self, ranks: Range<usize>) -> Entries<'_> {
        assert!(ranks.end <= self.len(), "a range of members that exist");
        Entries(match &self.0 {
            Form::Small(pack) => EntriesForm::Small {
                pack,
                front: pack.seek(2 * ranks.start as i64),
                // `max`: an empty range at the front never looks.
                back: pack.seek(2 * (ranks.end.max(1) as i64 - 1)),
                left: ranks.len(),
            },
            Form::Large(tree) => EntriesForm::Large(tree.range(ranks)),
        })
    }

    /// All members with their scores, in order.
    pub fn iter(&self) -> Entries<'_> {
        self.range(0..self.len())
    }

    /// Hands some members of a walk through all to `visit`, and returns where the walk goes on, 0 at its end.
    /// What is there from the beginning of a walk to its end is visited at least once, whatever changes
    /// meanwhile. A small set is visited at once.
    pub fn scan(&self, cursor: u64, visit: &mut dyn FnMut(&[u8], f64)) -> u64 {
        match &self.0 {
            Form::Small(_) => {
                for (item, score) in self.iter() {
                    visit(item.text(&mut itoa::Buffer::new()), score);
                }
                0
            }
            Form::Large(tree) => tree.scan(cursor, visit),
        }
    }

    /// Adds what is in it to the record that a digest is made of.
    pub(crate) fn append_digest(&self, record: &mut Vec<u8>) {
        for (member, score) in self.iter() {
            record.extend_from_slice(&(member.len() as u64).to_le_bytes());
            member.append_to(record);
            // Both zeros are one score.
            record.extend_from_slice(&(score + 0.0).to_bits().to_le_bytes());
        }
    }

    /// Makes it small if it fits: what a command has put together is stored so.
    pub fn fit(&mut self, limits: Limits) {
        let Form::Large(tree) = &self.0 else {
            return;
        };
        if tree.len() as u64 > limits.entries
            || !tree
                .iter()
                .all(|(_, member)| limits.allow(tree.len(), member))
        {
            return;
        }
        let mut pack = Listpack::new();
        for (score, member) in tree.iter() {
            if !pack.has_room(member.len()) {
                return;
            }
            pack.push_back(member);
            push_score(&mut pack, None, score);
        }
        self.0 = Form::Small(Compact::new(pack));
    }

    /// Makes it large.
    /// Makes it large, whatever its size.
    pub fn unpack(&mut self) {
        if matches!(self.0, Form::Large(_)) {
            return;
        }
        let mut tree = RankedTree::default();
        for (item, score) in self.iter() {
            tree.insert(item.text(&mut itoa::Buffer::new()), score);
        }
        self.0 = Form::Large(Arc::new(tree));
    }

    fn tree_mut(&mut self) -> &mut RankedTree {
        match &mut self.0 {
            Form::Large(tree) => Arc::make_mut(tree),
            Form::Small(_) => unreachable!("it has been unpacked"),
        }
    }
}

/// A score as a listpack has it.
fn packed_score(item: Item<'_>) -> Option<f64> {
    match item {
        Item::Integer(integer) => Some(integer as f64),
        Item::Bytes(text) => number::parse_double(text),
    }
}

/// Where a member is in a listpack, with its score.
fn find(pack: &Listpack, member: &[u8]) -> Option<(Position, f64)> {
    let position = pack.find(pack.first()?, 1, member)?;
    Some((position, score_behind(pack, position)))
}

fn score_behind(pack: &Listpack, member: Position) -> f64 {
    let score = pack.next(member).map(|position| pack.get(position));
    score.and_then(packed_score).unwrap_or_default()
}

/// Inserts a member that is not there in its place.
fn insert(pack: &mut Listpack, member: &[u8], score: f64) {
    let mut at = pack.first();
    while let Some(position) = at {
        let mut buffer = itoa::Buffer::new();
        let other = pack.get(position).text(&mut buffer);
        if order((score_behind(pack, position), other), (score, member)).is_gt() {
            let inserted = pack.insert_before(position, member);
            return push_score(pack, Some(inserted), score);
        }
        at = pack.next(position).and_then(|score| pack.next(score));
    }
    pack.push_back(member);
    push_score(pack, None, score);
}

/// Puts a score behind a member, or at the end: as an integer if it is one.
fn push_score(pack: &mut Listpack, behind: Option<Position>, score: f64) {
    match (number::double_to_integer(score), behind) {
        (Some(integer), Some(position)) => {
            pack.insert_after_integer(position, integer);
        }
        (Some(integer), None) => pack.push_back_integer(integer),
        (None, Some(position)) => {
            pack.insert_after(position, number::print_double(score).as_bytes());
        }
        (None, None) => pack.push_back(number::print_double(score).as_bytes()),
    }
}

/// Members of consecutive ranks with their scores.
#[derive(Clone, Debug)]
pub struct Entries<'a>(EntriesForm<'a>);

#[derive(Clone, Debug)]
enum EntriesForm<'a> {
    Small {
        pack: &'a Listpack,
        /// The next member from either end, as long as there are any `left`.
        front: Option<Position>,
        back: Option<Position>,
        left: usize,
    },
    Large(ranked_tree::Entries<'a>),
}

impl<'a> Iterator for Entries<'a> {
    type Item = (Item<'a>, f64);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            EntriesForm::Small { left: 0, .. } => None,
            EntriesForm::Small {
                pack, front, left, ..
            } => {
                let member = (*front)?;
                *left -= 1;
                *front = pack.next(member).and_then(|score| pack.next(score));
                Some((pack.get(member), score_behind(pack, member)))
            }
            EntriesForm::Large(entries) => {
                let (score, member) = entries.next()?;
                Some((Item::Bytes(member), score))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            EntriesForm::Small { left, .. } => (*left, Some(*left)),
            EntriesForm::Large(entries) => entries.size_hint(),
        }
    }
}

impl DoubleEndedIterator for Entries<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            EntriesForm::Small { left: 0, .. } => None,
            EntriesForm::Small {
                pack, back, left, ..
            } => {
                let member = (*back)?;
                *left -= 1;
                *back = pack.prev(member).and_then(|score| pack.prev(score));
                Some((pack.get(member), score_behind(pack, member)))
            }
            EntriesForm::Large(entries) => {
                let (score, member) = entries.next_back()?;
                Some((Item::Bytes(member), score))
            }
        }
    }
}

impl ExactSizeIterator for Entries<'_> {}
impl FusedIterator for Entries<'_> {}

#[cfg(test)]
mod tests;
