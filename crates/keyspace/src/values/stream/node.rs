//! One node of a stream: entries in a listpack, as Redis lays them out.
//!
//! ```text
//! live   deleted   fields   field ... field   0                          the master entry
//! flags  ms  seq  [fields  field value ... field value | value ...]  n   an entry
//! ```
//!
//! The node is found by its master ID, from which `ms` and `seq` of an entry are counted. An entry with the fields of
//! the master entry says so in its flags and leaves them out. Each ends with `n`, the number of items ahead of it
//! that belong to the entry, so that a node can be read backwards; the master entry ends with 0 there.

use std::sync::Arc;

use lastsave_resp::{Args, parse_i64};

use super::{Inconsistent, StreamId};
use crate::values::listpack::{Item, Listpack, Position};

/// The entry is gone, though its bytes are still there.
const DELETED: i64 = 1;

/// The entry has the fields of the master entry.
const SAME_FIELDS: i64 = 2;

/// Items of an entry beside its number of fields, the fields and values, and the last: flags and ID.
const HEAD_ITEMS: i64 = 3;

/// The bytes up to which a new node is given room at once.
const INITIAL_CAPACITY: usize = 4096;

/// A node. A clone shares the listpack until either side changes.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pack: Arc<Listpack>,
}

impl Node {
    /// A node with one entry, of its own master ID: `words` are its fields and values in turn.
    pub(crate) fn new(words: Args<'_>, max_bytes: usize) -> Self {
        let mut pack = Listpack::with_capacity(max_bytes.min(INITIAL_CAPACITY));
        pack.push_back_integer(0);
        pack.push_back_integer(0);
        pack.push_back_integer((words.len() / 2) as i64);
        for field in words.iter().step_by(2) {
            pack.push_back(field);
        }
        pack.push_back_integer(0);
        let mut node = Self {
            pack: Arc::new(pack),
        };
        node.push(StreamId::MIN, StreamId::MIN, words);
        node
    }

    /// The node that a file holds.
    ///
    /// # Errors
    /// If the bytes are no listpack, or not laid out as a node, or do not have as many entries as they say.
    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Result<Self, Inconsistent> {
        let pack = Listpack::from_bytes(bytes)
            .map_err(|_| Inconsistent("a node of a stream is no listpack"))?;
        if !is_laid_out_as_node(&pack) {
            return Err(Inconsistent("a node of a stream is malformed"));
        }
        Ok(Self {
            pack: Arc::new(pack),
        })
    }

    /// The listpack.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.pack.as_bytes()
    }

    /// The number of entries that are not deleted.
    pub(crate) fn live_len(&self) -> u64 {
        self.count(self.live_at())
    }

    /// The number of entries that are marked as deleted.
    pub(crate) fn deleted_len(&self) -> u64 {
        self.count(self.deleted_at())
    }

    /// Adds an entry: `words` are its fields and values in turn.
    pub(crate) fn push(&mut self, master_id: StreamId, id: StreamId, words: Args<'_>) {
        let same_fields = self.has_master_fields(words);
        let live = self.live_len() as i64;
        let at = self.live_at();
        let pack = Arc::make_mut(&mut self.pack);
        pack.replace_integer(at, live + 1);
        pack.push_back_integer(if same_fields { SAME_FIELDS } else { 0 });
        pack.push_back_integer(id.ms.wrapping_sub(master_id.ms) as i64);
        pack.push_back_integer(id.seq.wrapping_sub(master_id.seq) as i64);
        let fields = (words.len() / 2) as i64;
        if same_fields {
            for value in words.skip(1).iter().step_by(2) {
                pack.push_back(value);
            }
            pack.push_back_integer(HEAD_ITEMS + fields);
        } else {
            pack.push_back_integer(fields);
            for word in words.iter() {
                pack.push_back(word);
            }
            pack.push_back_integer(HEAD_ITEMS + 1 + 2 * fields);
        }
    }

    /// All entries, deleted ones too.
    pub(crate) fn entries(&self, master_id: StreamId) -> NodeEntries<'_> {
        let pack = &*self.pack;
        let fields_at = pack.next(self.deleted_at());
        let fields = fields_at.map_or(0, |at| integer(pack, at));
        let first_field = fields_at.and_then(|at| pack.next(at));
        let mut end_of_master = first_field;
        for _ in 0..fields {
            end_of_master = end_of_master.and_then(|at| pack.next(at));
        }
        NodeEntries {
            pack,
            master_id,
            master_fields: fields,
            first_field,
            front: end_of_master.and_then(|at| pack.next(at)),
            back: pack.last(),
        }
    }

    /// Marks entries as deleted that are not, given by where their flags are.
    pub(crate) fn delete(&mut self, flags: &[Position]) {
        let live = self.live_len().saturating_sub(flags.len() as u64);
        let deleted = self.deleted_len() + flags.len() as u64;
        let (live_at, deleted_at) = (self.live_at(), self.deleted_at());
        let pack = Arc::make_mut(&mut self.pack);
        // From the end, so that what still has to change stays where it is.
        for at in flags.iter().rev() {
            let flags = integer(pack, *at) | DELETED;
            pack.replace_integer(*at, flags);
        }
        pack.replace_integer(deleted_at, deleted as i64);
        pack.replace_integer(live_at, live as i64);
    }

    fn live_at(&self) -> Position {
        self.pack.first().expect("a node has a master entry")
    }

    fn deleted_at(&self) -> Position {
        let after = self.pack.next(self.live_at());
        after.expect("a node has a master entry")
    }

    fn count(&self, at: Position) -> u64 {
        u64::try_from(integer(&self.pack, at)).unwrap_or(0)
    }

    fn has_master_fields(&self, words: Args<'_>) -> bool {
        let mut items = self.pack.iter().skip(2);
        let fields = items.next().map_or(0, number);
        fields == (words.len() / 2) as i64
            && words
                .iter()
                .step_by(2)
                .zip(items)
                .all(|(field, item)| item.eq_text(field))
    }
}

/// An entry of a stream.
#[derive(Clone)]
pub struct Entry<'a> {
    /// Its ID.
    pub id: StreamId,
    /// Its fields and values.
    pub fields: Fields<'a>,
    pub(crate) deleted: bool,
    pub(crate) flags_at: Position,
}

/// The fields and values of an entry.
#[derive(Clone)]
pub struct Fields<'a> {
    pack: &'a Listpack,
    /// The next field, if it stands in the master entry.
    master_field: Option<Position>,
    next: Option<Position>,
    left: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Item<'a>, Item<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let pack = self.pack;
        let field = if let Some(at) = self.master_field {
            self.master_field = pack.next(at);
            pack.get(at)
        } else {
            let at = self.next?;
            self.next = pack.next(at);
            pack.get(at)
        };
        let at = self.next?;
        self.next = pack.next(at);
        Some((field, pack.get(at)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Fields<'_> {}

/// The entries of a node, from either end.
#[derive(Clone)]
pub(crate) struct NodeEntries<'a> {
    pack: &'a Listpack,
    master_id: StreamId,
    master_fields: i64,
    first_field: Option<Position>,
    /// The flags of the next entry.
    front: Option<Position>,
    /// The last item of the next entry from the end.
    back: Option<Position>,
}

impl<'a> NodeEntries<'a> {
    /// The entry whose flags are at `flags_at`.
    fn read(&self, flags_at: Position) -> Option<Entry<'a>> {
        let pack = self.pack;
        let ms_at = pack.next(flags_at)?;
        let seq_at = pack.next(ms_at)?;
        let flags = integer(pack, flags_at);
        let id = StreamId {
            ms: self.master_id.ms.wrapping_add(integer(pack, ms_at) as u64),
            seq: (self.master_id.seq).wrapping_add(integer(pack, seq_at) as u64),
        };
        let mut next = pack.next(seq_at);
        let (master_field, left) = if flags & SAME_FIELDS != 0 {
            (self.first_field, self.master_fields)
        } else {
            let left = integer(pack, next?);
            next = pack.next(next?);
            (None, left)
        };
        Some(Entry {
            id,
            deleted: flags & DELETED != 0,
            flags_at,
            fields: Fields {
                pack,
                master_field,
                next,
                left: left as usize,
            },
        })
    }
}

impl<'a> Iterator for NodeEntries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let at = self.front?;
        if self.back.is_none_or(|back| at > back) {
            return None;
        }
        let entry = self.read(at)?;
        let items = match entry.fields.master_field {
            Some(_) => entry.fields.left,
            None => 2 * entry.fields.left,
        };
        // Over the last item, too.
        let mut next = entry.fields.next;
        for _ in 0..=items {
            next = next.and_then(|at| self.pack.next(at));
        }
        self.front = next;
        Some(entry)
    }
}

impl DoubleEndedIterator for NodeEntries<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let (front, mut at) = (self.front?, self.back?);
        if at < front {
            return None;
        }
        for _ in 0..integer(self.pack, at) {
            at = self.pack.prev(at)?;
        }
        self.back = self.pack.prev(at);
        self.read(at)
    }
}

fn integer(pack: &Listpack, at: Position) -> i64 {
    number(pack.get(at))
}

/// A number of the layout. Redis would take one kept as a string, too.
fn number(item: Item<'_>) -> i64 {
    checked_number(item).unwrap_or(0)
}

fn checked_number(item: Item<'_>) -> Option<i64> {
    match item {
        Item::Integer(number) => Some(number),
        Item::Bytes(text) => parse_i64(text),
    }
}

fn is_laid_out_as_node(pack: &Listpack) -> bool {
    let mut items = pack.iter();
    let (Some(live), Some(deleted)) = (next_number(&mut items), next_number(&mut items)) else {
        return false;
    };
    let Some(master_fields) = next_number(&mut items) else {
        return false;
    };
    if live < 0 || deleted < 0 || !pass_over(&mut items, master_fields) {
        return false;
    }
    if next_number(&mut items) != Some(0) {
        return false;
    }
    let mut found = [0, 0];
    while let Some(flags) = items.next() {
        let Some(flags) = checked_number(flags) else {
            return false;
        };
        if !rest_is_laid_out_as_entry(&mut items, flags, master_fields) {
            return false;
        }
        found[usize::from(flags & DELETED != 0)] += 1;
    }
    found == [live, deleted]
}

fn rest_is_laid_out_as_entry<'a>(
    items: &mut impl Iterator<Item = Item<'a>>,
    flags: i64,
    master_fields: i64,
) -> bool {
    if next_number(items).is_none() || next_number(items).is_none() {
        return false;
    }
    let behind_head = if flags & SAME_FIELDS != 0 {
        pass_over(items, master_fields).then_some(master_fields)
    } else {
        let fields = next_number(items).filter(|fields| (0..=i64::MAX / 4).contains(fields));
        fields
            .filter(|fields| pass_over(items, 2 * fields))
            .map(|fields| 1 + 2 * fields)
    };
    behind_head.is_some_and(|behind_head| next_number(items) == Some(HEAD_ITEMS + behind_head))
}

fn next_number<'a>(items: &mut impl Iterator<Item = Item<'a>>) -> Option<i64> {
    checked_number(items.next()?)
}

/// Whether there are so many items. Passes over them.
fn pass_over<'a>(items: &mut impl Iterator<Item = Item<'a>>, count: i64) -> bool {
    (0..count).all(|_| items.next().is_some()) && count >= 0
}
