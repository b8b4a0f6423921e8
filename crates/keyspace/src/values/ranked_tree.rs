//! A counted B+tree of scored members in compact, shared nodes: large sorted sets.
//!
//! Leaves pack some dozens of entries side by side ([`leaf`]); inner nodes count what is below them, so that
//! ranks and counts cost as much as a search. A member is stored once: its score is found through a table of
//! fingerprints that tells its leaf ([`places`]). All parts are shared with clones until they change.

use std::iter::FusedIterator;
use std::ops::Range;
use std::sync::Arc;

use super::shared_vec::SharedVec;

mod leaf;
mod places;

pub(super) use leaf::order;
use leaf::{Leaf, member_bytes};
use places::{Places, fingerprint};

/// Where an inner node is split.
const MAX_CHILDREN: usize = 64;

/// An inner node with fewer children looks for a neighbour to join.
const MIN_CHILDREN: usize = 16;

/// What two inner nodes may have together so that they are joined.
const JOINED_CHILDREN: usize = 48;

/// How many children stay beside the new one where a tree grows at one of its ends.
const CHILDREN_AT_END: usize = 8;

/// Members with scores, each member once, in order of score and then of the member's bytes. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct RankedTree {
    root: Node,
    leaves: SharedVec<Leaf>,
    places: Places,
    len: usize,
    members_bytes: usize,
}

/// A part of the tree; all leaves are equally deep.
#[derive(Clone, Debug)]
enum Node {
    /// The number of a leaf.
    Leaf(usize),
    Inner(Arc<Vec<Child>>),
}

#[derive(Clone, Debug)]
struct Child {
    /// The entries before this bound belong to the children on the left. Nobody looks at that of a first child.
    from: Bound,
    /// The number of entries below.
    len: usize,
    node: Node,
}

/// Whether a node is the first or the last of its level: what grows there leaves full nodes behind.
#[derive(Clone, Copy)]
struct Ends {
    first: bool,
    last: bool,
}

/// A position among all possible entries.
#[derive(Clone, Debug)]
struct Bound {
    score: f64,
    member: Box<[u8]>,
}

impl Default for RankedTree {
    fn default() -> Self {
        let mut leaves = SharedVec::default();
        leaves.push(Leaf::default());
        Self {
            root: Node::Leaf(0),
            leaves,
            places: Places::default(),
            len: 0,
            members_bytes: 0,
        }
    }
}

impl RankedTree {
    /// The number of members.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The heap bytes it takes on a 64-bit machine, those shared with clones included.
    pub(super) fn memory_bytes(&self) -> usize {
        // A score, an end and a place; a leaf of four vectors, with its counts, a pointer, and a child.
        const PER_ENTRY: usize = 8 + 2 + 8;
        const PER_LEAF: usize = 4 * 24 + 16 + 8 + 48;
        // Two vectors, counts and a pointer.
        const PER_SEGMENT: usize = 2 * 24 + 16 + 8;
        self.len * PER_ENTRY
            + self.members_bytes
            + self.leaves.len() * PER_LEAF
            + self.places.segments() * PER_SEGMENT
    }

    /// The score of a member.
    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        let (leaf, index) = self.find(member)?;
        Some(self.leaves.get(leaf).score(index))
    }

    /// Gives a member this score, which must be a number. Returns the score that it had.
    pub(super) fn insert(&mut self, member: &[u8], score: f64) -> Option<f64> {
        let Some((leaf, index)) = self.find(member) else {
            self.insert_new(member, score);
            return None;
        };
        let old_score = self.leaves.get(leaf).score(index);
        if old_score.to_bits() == score.to_bits() {
            return Some(old_score);
        }
        if self.keeps_its_place(leaf, index, score) {
            self.leaves.get_mut(leaf).set_score(index, score);
        } else {
            self.remove_entry(old_score, member);
            self.insert_new(member, score);
        }
        Some(old_score)
    }

    /// Removes a member. Returns the score that it had.
    pub(super) fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let score = self.score(member)?;
        self.remove_entry(score, member);
        Some(score)
    }

    /// The number of members before this one.
    pub(super) fn rank(&self, member: &[u8]) -> Option<usize> {
        let score = self.score(member)?;
        Some(self.count(|other_score, other| order((other_score, other), (score, member)).is_lt()))
    }

    /// The number of entries before a bound, in logarithmic time. `before` says whether a score and member lie
    /// before it; it must be true for a beginning of the order and false for the rest.
    pub(super) fn count(&self, before: impl Fn(f64, &[u8]) -> bool) -> usize {
        let (mut node, mut counted) = (&self.root, 0);
        loop {
            match node {
                Node::Leaf(leaf) => return counted + self.leaves.get(*leaf).count(before),
                Node::Inner(children) => {
                    let at = child_at(children, &before);
                    counted += children[..at].iter().map(|child| child.len).sum::<usize>();
                    node = &children[at].node;
                }
            }
        }
    }

    /// The entry of this rank.
    pub(super) fn get(&self, rank: usize) -> Option<(f64, &[u8])> {
        if rank >= self.len {
            return None;
        }
        let (leaf, index) = self.seek(rank);
        Some(leaf.entry(index))
    }

    /// The entries of these ranks, from either end.
    ///
    /// # Panics
    /// If the range ends behind the last entry.
    pub(super) fn range(&self, ranks: Range<usize>) -> Entries<'_> {
        assert!(ranks.end <= self.len, "a range of entries that exist");
        Entries {
            tree: self,
            ranks,
            front: None,
            back: None,
        }
    }

    /// All entries in order.
    pub(super) fn iter(&self) -> Entries<'_> {
        self.range(0..self.len)
    }

    /// Hands some members of a walk through all to `visit`, and returns where the walk goes on, 0 at its end.
    /// What is there from the beginning of a walk to its end is visited at least once, whatever changes
    /// meanwhile.
    pub(super) fn scan(&self, cursor: u64, visit: &mut dyn FnMut(&[u8], f64)) -> u64 {
        self.places.scan(cursor, &mut |print, leaf| {
            let leaf = self.leaves.get(leaf);
            for index in 0..leaf.len() {
                if fingerprint(leaf.member(index)) == print {
                    visit(leaf.member(index), leaf.score(index));
                }
            }
        })
    }

    /// The leaf of a member, and its index there.
    fn find(&self, member: &[u8]) -> Option<(usize, usize)> {
        self.places
            .candidates(fingerprint(member))
            .find_map(|leaf| Some((leaf, self.leaves.get(leaf).find(member)?)))
    }

    /// Whether an entry with a new score is still between its neighbours in its leaf.
    fn keeps_its_place(&self, leaf: usize, index: usize, score: f64) -> bool {
        let leaf = self.leaves.get(leaf);
        let entry = (score, leaf.member(index));
        index > 0
            && index + 1 < leaf.len()
            && order(leaf.entry(index - 1), entry).is_lt()
            && order(entry, leaf.entry(index + 1)).is_lt()
    }

    /// The leaf with the entry of this rank, which exists, and its index there.
    fn seek(&self, mut rank: usize) -> (&Leaf, usize) {
        let mut node = &self.root;
        loop {
            match node {
                Node::Leaf(leaf) => return (self.leaves.get(*leaf), rank),
                Node::Inner(children) => {
                    let mut at = 0;
                    while rank >= children[at].len {
                        rank -= children[at].len;
                        at += 1;
                    }
                    node = &children[at].node;
                }
            }
        }
    }

    fn insert_new(&mut self, member: &[u8], score: f64) {
        let mut parts = Parts {
            leaves: &mut self.leaves,
            places: &mut self.places,
            freed: None,
        };
        let both = Ends {
            first: true,
            last: true,
        };
        if let Some(right) = self.root.insert(&mut parts, score, member, both) {
            let left_len = self.len + 1 - right.len;
            let left = Child {
                from: Bound::lowest(),
                len: left_len,
                node: std::mem::replace(&mut self.root, Node::Leaf(0)),
            };
            self.root = Node::Inner(Arc::new(vec![left, right]));
        }
        self.len += 1;
        self.members_bytes += member_bytes(member);
    }

    /// Removes an entry that is there.
    fn remove_entry(&mut self, score: f64, member: &[u8]) {
        if self.len == 1 {
            *self = Self::default();
            return;
        }
        let mut parts = Parts {
            leaves: &mut self.leaves,
            places: &mut self.places,
            freed: None,
        };
        self.root.remove(&mut parts, score, member);
        let freed = parts.freed;
        self.len -= 1;
        self.members_bytes -= member_bytes(member);
        while let Node::Inner(children) = &mut self.root
            && children.len() == 1
        {
            self.root = children[0].node.clone();
        }
        if let Some(leaf) = freed {
            self.release(leaf);
        }
    }

    /// Gives the number of a leaf that nothing refers to any more to the last one, so that there are no gaps.
    fn release(&mut self, leaf: usize) {
        let last = self.leaves.len() - 1;
        if leaf != last {
            let moved = self.leaves.get(last);
            let (score, member) = moved.entry(0);
            *self.root.leaf_of(score, member) = leaf;
            for index in 0..moved.len() {
                self.places
                    .move_to(fingerprint(moved.member(index)), last, leaf);
            }
        }
        self.leaves.swap_remove(leaf);
    }
}

/// What a change of the tree works on beside its inner nodes.
struct Parts<'a> {
    leaves: &'a mut SharedVec<Leaf>,
    places: &'a mut Places,
    /// The leaf that a removal left without entries.
    freed: Option<usize>,
}

impl Parts<'_> {
    /// Inserts into a leaf. Returns the new leaf on its right if it had to be split.
    fn insert(&mut self, number: usize, score: f64, member: &[u8], ends: Ends) -> Option<Child> {
        let leaf = self.leaves.get_mut(number);
        let index =
            leaf.count(|other_score, other| order((other_score, other), (score, member)).is_lt());
        leaf.insert(index, score, member);
        self.places.insert(fingerprint(member), number);
        if !leaf.is_too_large() {
            return None;
        }
        let right = leaf.split_off(if ends.last && index + 1 == leaf.len() {
            index
        } else if ends.first && index == 0 {
            1
        } else {
            leaf.middle()
        });
        let from = Bound::between(leaf.entry(leaf.len() - 1), right.entry(0));
        let new = self.leaves.len();
        for index in 0..right.len() {
            self.places
                .move_to(fingerprint(right.member(index)), number, new);
        }
        let len = right.len();
        self.leaves.push(right);
        Some(Child {
            from,
            len,
            node: Node::Leaf(new),
        })
    }

    fn remove(&mut self, number: usize, score: f64, member: &[u8]) {
        let leaf = self.leaves.get_mut(number);
        let index =
            leaf.count(|other_score, other| order((other_score, other), (score, member)).is_lt());
        leaf.remove(index);
        self.places.remove(fingerprint(member), number);
    }

    /// Joins two leaves if they are small enough together. Returns whether it did.
    fn join(&mut self, left: usize, right: usize) -> bool {
        if !self.leaves.get(left).fits(self.leaves.get(right)) {
            return false;
        }
        let taken = self.leaves.get(right).clone();
        for index in 0..taken.len() {
            self.places
                .move_to(fingerprint(taken.member(index)), right, left);
        }
        self.leaves.get_mut(left).append(&taken);
        self.freed = Some(right);
        true
    }
}

impl Node {
    /// Inserts an entry that is not there yet. Returns the new node on the right if this one had to be split.
    fn insert(
        &mut self,
        parts: &mut Parts<'_>,
        score: f64,
        member: &[u8],
        ends: Ends,
    ) -> Option<Child> {
        let children = match self {
            Self::Leaf(leaf) => return parts.insert(*leaf, score, member, ends),
            Self::Inner(children) => Arc::make_mut(children),
        };
        let at = child_of(children, score, member);
        let child_ends = Ends {
            first: ends.first && at == 0,
            last: ends.last && at + 1 == children.len(),
        };
        let child = &mut children[at];
        child.len += 1;
        let new = child.node.insert(parts, score, member, child_ends)?;
        child.len -= new.len;
        children.insert(at + 1, new);
        if children.len() <= MAX_CHILDREN {
            return None;
        }
        let right = children.split_off(if child_ends.last {
            children.len() - CHILDREN_AT_END
        } else if child_ends.first {
            CHILDREN_AT_END
        } else {
            children.len() / 2
        });
        children.shrink_to_fit();
        Some(Child {
            from: right[0].from.clone(),
            len: right.iter().map(|child| child.len).sum(),
            node: Self::Inner(Arc::new(right)),
        })
    }

    /// Removes an entry that is there.
    fn remove(&mut self, parts: &mut Parts<'_>, score: f64, member: &[u8]) {
        let children = match self {
            Self::Leaf(leaf) => return parts.remove(*leaf, score, member),
            Self::Inner(children) => Arc::make_mut(children),
        };
        let at = child_of(children, score, member);
        let child = &mut children[at];
        child.len -= 1;
        child.node.remove(parts, score, member);
        if child.len == 0 {
            if let Node::Leaf(leaf) = child.node {
                parts.freed = Some(leaf);
            }
            children.remove(at);
        } else if child.node.is_small(parts) {
            let joined = at > 0 && join(children, at - 1, parts);
            if !joined && at + 1 < children.len() {
                join(children, at, parts);
            }
        }
    }

    fn is_small(&self, parts: &Parts<'_>) -> bool {
        match self {
            Self::Leaf(leaf) => parts.leaves.get(*leaf).is_small(),
            Self::Inner(children) => children.len() < MIN_CHILDREN,
        }
    }

    /// The number of the leaf that an entry is in, to be changed.
    fn leaf_of(&mut self, score: f64, member: &[u8]) -> &mut usize {
        match self {
            Self::Leaf(leaf) => leaf,
            Self::Inner(children) => {
                let at = child_of(children, score, member);
                Arc::make_mut(children)[at].node.leaf_of(score, member)
            }
        }
    }
}

/// Joins the child at `left` with the one behind it if they are small enough together. Returns whether it did.
fn join(children: &mut Vec<Child>, left: usize, parts: &mut Parts<'_>) -> bool {
    let (before, behind) = children.split_at_mut(left + 1);
    let (into, right) = (&mut before[left], &mut behind[0]);
    let joined = match (&mut into.node, &mut right.node) {
        (Node::Leaf(left), Node::Leaf(right)) => parts.join(*left, *right),
        (Node::Inner(left), Node::Inner(right)) if left.len() + right.len() <= JOINED_CHILDREN => {
            let mut taken = std::mem::take(Arc::make_mut(right));
            taken[0].from = behind[0].from.clone();
            Arc::make_mut(left).append(&mut taken);
            true
        }
        _ => false,
    };
    if joined {
        let right_len = children.remove(left + 1).len;
        children[left].len += right_len;
    }
    joined
}

/// The child that an entry belongs to.
fn child_of(children: &[Child], score: f64, member: &[u8]) -> usize {
    child_at(children, |other_score, other| {
        order((other_score, other), (score, member)).is_le()
    })
}

/// The last child whose bound lies before the one that is looked for.
fn child_at(children: &[Child], before: impl Fn(f64, &[u8]) -> bool) -> usize {
    children[1..].partition_point(|child| before(child.from.score, &child.from.member))
}

impl Bound {
    fn lowest() -> Self {
        Self {
            score: f64::NEG_INFINITY,
            member: Box::default(),
        }
    }

    /// The shortest bound with `left` before it and `right` at or behind it.
    fn between(left: (f64, &[u8]), right: (f64, &[u8])) -> Self {
        let (score, member) = right;
        let mut len = 0;
        while order(left, (score, &member[..len])).is_ge() {
            len += 1;
        }
        Self {
            score,
            member: member[..len].into(),
        }
    }
}

/// Room for `more` items, growing by an eighth: leaves are many, and what they hold in reserve adds up.
fn make_room<T>(items: &mut Vec<T>, more: usize) {
    if items.capacity() - items.len() < more {
        items.reserve_exact(more + items.len() / 8);
    }
}

/// Gives memory back when less than half of it is used.
fn give_back<T>(items: &mut Vec<T>) {
    if items.len() < items.capacity() / 2 {
        items.shrink_to(items.len() + items.len() / 8);
    }
}

/// Entries of consecutive ranks.
#[derive(Clone, Debug)]
pub(super) struct Entries<'a> {
    tree: &'a RankedTree,
    ranks: Range<usize>,
    /// The leaf and the index of the next entry, while it has more.
    front: Option<(&'a Leaf, usize)>,
    back: Option<(&'a Leaf, usize)>,
}

impl<'a> Iterator for Entries<'a> {
    type Item = (f64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let rank = self.ranks.next()?;
        let (leaf, index) = self.front.unwrap_or_else(|| self.tree.seek(rank));
        self.front = (index + 1 < leaf.len()).then_some((leaf, index + 1));
        Some(leaf.entry(index))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ranks.size_hint()
    }
}

impl DoubleEndedIterator for Entries<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let rank = self.ranks.next_back()?;
        let (leaf, index) = self.back.unwrap_or_else(|| self.tree.seek(rank));
        self.back = index.checked_sub(1).map(|index| (leaf, index));
        Some(leaf.entry(index))
    }
}

impl ExactSizeIterator for Entries<'_> {}
impl FusedIterator for Entries<'_> {}

#[cfg(test)]
mod tests;
