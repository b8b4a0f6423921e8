//! Random elements of hashes and sets.

use std::collections::BTreeSet;

use crate::Call;
use crate::call::Answered;
use crate::values::listpack::Item;
use crate::values::{Hash, Set};

/// With no more elements than this, walking over all of them is the least work.
const FEW: usize = 1024;

/// What elements can be drawn from.
pub(super) trait Sampled {
    /// An element, as long as what it belongs to.
    type Element<'a>
    where
        Self: 'a;

    fn len(&self) -> usize;
    fn elements(&self) -> impl Iterator<Item = Self::Element<'_>>;
    /// Any element, each with the same chance. `None` if there is none.
    fn any(&self, next_random: &mut dyn FnMut() -> u64) -> Option<Self::Element<'_>>;
    /// What no two elements have in common.
    fn name(element: &Self::Element<'_>) -> Vec<u8>;
}

impl Sampled for Set {
    type Element<'a> = Item<'a>;

    fn len(&self) -> usize {
        self.len()
    }

    fn elements(&self) -> impl Iterator<Item = Item<'_>> {
        self.iter()
    }

    fn any(&self, next_random: &mut dyn FnMut() -> u64) -> Option<Item<'_>> {
        self.random(next_random)
    }

    fn name(element: &Item<'_>) -> Vec<u8> {
        element.to_vec()
    }
}

impl Sampled for Hash {
    type Element<'a> = (Item<'a>, Item<'a>);

    fn len(&self) -> usize {
        self.len()
    }

    fn elements(&self) -> impl Iterator<Item = Self::Element<'_>> {
        self.iter()
    }

    fn any(&self, next_random: &mut dyn FnMut() -> u64) -> Option<Self::Element<'_>> {
        self.random(next_random)
    }

    fn name((field, _): &Self::Element<'_>) -> Vec<u8> {
        field.to_vec()
    }
}

/// How often elements may be drawn with repetition where nothing limits the answer: more would take gigabytes.
const MOST_DRAWS: u64 = 1 << 27;

impl Call<'_> {
    /// How many elements a count of SRANDMEMBER and its like asks for, or an error is answered. A negative one says how often
    /// to draw.
    pub(super) fn wanted(&mut self, count: i64) -> Result<usize, Answered> {
        if count < 0 && count.unsigned_abs() > MOST_DRAWS && !self.reply.is_limited() {
            return self.refuse("ERR value is out of range");
        }
        Ok(usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX))
    }

    /// An element, each with the same chance.
    pub(super) fn any<'c, C: Sampled>(&mut self, collection: &'c C) -> Option<C::Element<'c>> {
        collection.any(&mut || self.keyspace.next_random())
    }

    /// `count` different elements, all if there are no more, each selection with the same chance.
    pub(super) fn sample<'c, C: Sampled>(
        &mut self,
        collection: &'c C,
        count: usize,
    ) -> Vec<C::Element<'c>> {
        let len = collection.len();
        if count >= len {
            return collection.elements().collect();
        }
        if len <= FEW || count > len / 3 {
            let mut chosen = self.distinct_below(len, count).into_iter().peekable();
            let numbered = collection.elements().enumerate();
            return numbered
                .filter_map(|(index, element)| chosen.next_if_eq(&index).map(|_| element))
                .collect();
        }
        let (mut sample, mut names) = (Vec::new(), BTreeSet::new());
        while sample.len() < count {
            let Some(element) = self.any(collection) else {
                break;
            };
            if names.insert(C::name(&element)) {
                sample.push(element);
            }
        }
        sample
    }
}
