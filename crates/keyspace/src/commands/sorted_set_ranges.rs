//! Sorted sets by range: ZRANGE in all its forms, ZRANGESTORE, ZCOUNT, ZLEXCOUNT.

use lastsave_resp::Protocol;

use super::SYNTAX_ERROR;
use crate::call::Answered;
use crate::object::Collection;
use crate::values::listpack::Item;
use crate::values::{SortedSet, SortedSetLimits};
use crate::{Call, EventClass, number};

/// A range of scores or of the alphabet.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bounds<'a> {
    Scores {
        min: f64,
        min_excluded: bool,
        max: f64,
        max_excluded: bool,
    },
    Members {
        min: MemberBound<'a>,
        max: MemberBound<'a>,
    },
}

/// An end of a range of the alphabet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MemberBound<'a> {
    BeforeAll,
    Included(&'a [u8]),
    Excluded(&'a [u8]),
    BehindAll,
}

impl<'a> Bounds<'a> {
    /// Reads `min` and `max` as scores, each with `(` before it if it is excluded, or answers with an error.
    pub(super) fn scores(call: &mut Call<'_>, min: &[u8], max: &[u8]) -> Result<Self, Answered> {
        match (score_bound(min), score_bound(max)) {
            (Some((min, min_excluded)), Some((max, max_excluded))) => Ok(Self::Scores {
                min,
                min_excluded,
                max,
                max_excluded,
            }),
            _ => call.refuse("ERR min or max is not a float"),
        }
    }

    /// Reads `min` and `max` as `-`, `+`, or a member behind `[` or `(`, or answers with an error.
    pub(super) fn members(
        call: &mut Call<'_>,
        min: &'a [u8],
        max: &'a [u8],
    ) -> Result<Self, Answered> {
        match (member_bound(min), member_bound(max)) {
            (Some(min), Some(max)) => Ok(Self::Members { min, max }),
            _ => call.refuse("ERR min or max not valid string range item"),
        }
    }

    /// The members within the bounds, in order or backwards, without the first `offset` of them. Members that come
    /// in no order of the alphabet, because their scores differ, end it where the first one out of bounds is.
    pub(super) fn select<'s>(
        self,
        set: &'s SortedSet,
        backwards: bool,
        offset: usize,
    ) -> impl Iterator<Item = (Item<'s>, f64)> + use<'s, 'a> {
        let ends = if backwards {
            self.last(set).map(|last| 0..last + 1)
        } else {
            self.first(set).map(|first| first..set.len())
        };
        let mut entries = set.range(ends.unwrap_or(0..0));
        let left = entries.len().saturating_sub(offset);
        entries = match backwards {
            true => set.range(0..left),
            false => set.range(set.len() - left..set.len()),
        };
        std::iter::from_fn(move || {
            let next = if backwards {
                entries.next_back()
            } else {
                entries.next()
            };
            next.filter(|(item, score)| {
                let text = &mut itoa::Buffer::new();
                if backwards {
                    self.reaches_min(*score, item.text(text))
                } else {
                    self.keeps_max(*score, item.text(text))
                }
            })
        })
        .fuse()
    }

    /// The rank of the first member within the bounds.
    pub(super) fn first(self, set: &SortedSet) -> Option<usize> {
        if self.is_empty() || !self.overlaps(set) {
            return None;
        }
        let first = set.count(|score, member| !self.reaches_min(score, member));
        self.holds(set, first).then_some(first)
    }

    /// The rank of the last member within the bounds.
    pub(super) fn last(self, set: &SortedSet) -> Option<usize> {
        if self.is_empty() || !self.overlaps(set) {
            return None;
        }
        let last = if set.as_listpack().is_some() {
            // Looked for from the end, as it matters where members come in no order.
            set.iter().rposition(|(item, score)| {
                self.keeps_max(score, item.text(&mut itoa::Buffer::new()))
            })
        } else {
            set.count(|score, member| self.keeps_max(score, member))
                .checked_sub(1)
        }?;
        self.holds(set, last).then_some(last)
    }

    /// The number of members within the bounds.
    pub(super) fn count(self, set: &SortedSet) -> usize {
        if set.as_listpack().is_some() {
            return self.select(set, false, 0).count();
        }
        match (self.first(set), self.last(set)) {
            (Some(first), Some(last)) => (last + 1).saturating_sub(first),
            _ => 0,
        }
    }

    fn is_empty(self) -> bool {
        match self {
            Self::Scores {
                min,
                min_excluded,
                max,
                max_excluded,
            } => min > max || (min == max && (min_excluded || max_excluded)),
            Self::Members { min, max } => match (min, max) {
                (MemberBound::BeforeAll, max) => max == MemberBound::BeforeAll,
                (min, MemberBound::BehindAll) => min == MemberBound::BehindAll,
                (MemberBound::BehindAll, _) | (_, MemberBound::BeforeAll) => true,
                (MemberBound::Included(min), MemberBound::Included(max)) => min > max,
                (
                    MemberBound::Included(min) | MemberBound::Excluded(min),
                    MemberBound::Included(max) | MemberBound::Excluded(max),
                ) => min >= max,
            },
        }
    }

    /// Whether the last member is not below the bounds, nor the first above.
    fn overlaps(self, set: &SortedSet) -> bool {
        let text = |item: Item<'_>| item.to_vec();
        let first = set.get(0);
        let last = set.get(set.len().wrapping_sub(1));
        first.is_some_and(|(item, score)| self.keeps_max(score, &text(item)))
            && last.is_some_and(|(item, score)| self.reaches_min(score, &text(item)))
    }

    /// Whether the member of this rank exists and is within the bounds.
    fn holds(self, set: &SortedSet, rank: usize) -> bool {
        set.get(rank).is_some_and(|(item, score)| {
            let text = item.to_vec();
            self.reaches_min(score, &text) && self.keeps_max(score, &text)
        })
    }

    fn reaches_min(self, score: f64, member: &[u8]) -> bool {
        match self {
            Self::Scores {
                min, min_excluded, ..
            } => score > min || (score == min && !min_excluded),
            Self::Members { min, .. } => match min {
                MemberBound::BeforeAll => true,
                MemberBound::Included(min) => member >= min,
                MemberBound::Excluded(min) => member > min,
                MemberBound::BehindAll => false,
            },
        }
    }

    fn keeps_max(self, score: f64, member: &[u8]) -> bool {
        match self {
            Self::Scores {
                max, max_excluded, ..
            } => score < max || (score == max && !max_excluded),
            Self::Members { max, .. } => match max {
                MemberBound::BeforeAll => false,
                MemberBound::Included(max) => member <= max,
                MemberBound::Excluded(max) => member < max,
                MemberBound::BehindAll => true,
            },
        }
    }
}

/// A score, and whether `(` before it excludes it.
fn score_bound(text: &[u8]) -> Option<(f64, bool)> {
    match text {
        [b'(', text @ ..] => Some((number::parse_score_bound(text)?, true)),
        text => Some((number::parse_score_bound(text)?, false)),
    }
}

fn member_bound(text: &[u8]) -> Option<MemberBound<'_>> {
    match text {
        // What is behind a zero byte is not seen.
        [b'-'] | [b'-', 0, ..] => Some(MemberBound::BeforeAll),
        [b'+'] | [b'+', 0, ..] => Some(MemberBound::BehindAll),
        [b'[', member @ ..] => Some(MemberBound::Included(member)),
        [b'(', member @ ..] => Some(MemberBound::Excluded(member)),
        _ => None,
    }
}

/// The ranks from `start` to `stop` of so many, negative ones counted from the end.
pub(super) fn ranks(start: i64, stop: i64, len: usize) -> std::ops::Range<usize> {
    let len = len as i64;
    let from_end = |rank: i64| {
        if rank < 0 {
            rank.saturating_add(len)
        } else {
            rank
        }
    };
    let start = from_end(start).max(0);
    let stop = from_end(stop).min(len - 1);
    if start > stop {
        return 0..0;
    }
    start as usize..stop as usize + 1
}

/// What a range is given in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Member,
}

/// What the words of a command ask for.
struct Request<'a> {
    key: &'a [u8],
    range: RequestedRange<'a>,
    backwards: bool,
    with_scores: bool,
    offset: i64,
    /// Negative: all.
    limit: i64,
}

enum RequestedRange<'a> {
    Ranks(i64, i64),
    Bounds(Bounds<'a>),
}

pub(crate) fn zrange(call: &mut Call<'_>) {
    _ = answer(call, None, None);
}

pub(crate) fn zrevrange(call: &mut Call<'_>) {
    _ = answer(call, Some(By::Rank), Some(true));
}

pub(crate) fn zrangebyscore(call: &mut Call<'_>) {
    _ = answer(call, Some(By::Score), Some(false));
}

pub(crate) fn zrevrangebyscore(call: &mut Call<'_>) {
    _ = answer(call, Some(By::Score), Some(true));
}

pub(crate) fn zrangebylex(call: &mut Call<'_>) {
    _ = answer(call, Some(By::Member), Some(false));
}

pub(crate) fn zrevrangebylex(call: &mut Call<'_>) {
    _ = answer(call, Some(By::Member), Some(true));
}

pub(crate) fn zrangestore(call: &mut Call<'_>) {
    _ = store_range(call);
}

/// Answers with the members in a range. `by` and `backwards`: what the command itself says of it.
fn answer(call: &mut Call<'_>, by: Option<By>, backwards: Option<bool>) -> Result<(), Answered> {
    let request = parse(call, 1, by, backwards)?;
    let Some((set, reply)) = call.view::<SortedSet>(request.key)? else {
        call.reply.array(0);
        return Ok(());
    };
    // With scores, an array of pairs, or in RESP2 of both in turn.
    let pairs = request.with_scores && reply.protocol() == Protocol::Resp3;
    let array = reply.deferred_array();
    let mut len = 0;
    request.for_each(set, &mut |member, score| {
        if pairs {
            reply.array(2);
        }
        reply_member(reply, member);
        if request.with_scores {
            reply.double(&number::print_double(score));
        }
        len += if request.with_scores && !pairs { 2 } else { 1 };
    });
    reply.set_array_len(array, len);
    Ok(())
}

fn store_range(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let request = parse(call, 2, None, None)?;
    let limits = SortedSetLimits::from(&call.keyspace.settings);
    let source = match call.view::<SortedSet>(request.key)? {
        Some((set, _)) => set.clone(),
        None => SortedSet::default(),
    };
    let mut result = match &request.range {
        RequestedRange::Ranks(start, stop)
            if ranks(*start, *stop, source.len()).len() as u64 > limits.entries =>
        {
            SortedSet::large()
        }
        _ => SortedSet::default(),
    };
    request.for_each(&source, &mut |member, score| {
        result.insert(member.text(&mut itoa::Buffer::new()), score, limits);
    });
    call.store_sorted_set(&args[1], result, "zrangestore");
    Ok(())
}

/// Reads `key start stop [BYSCORE | BYLEX] [REV] [WITHSCORES] [LIMIT offset count]` from the word at `first` on, or
/// answers with an error.
fn parse<'a>(
    call: &mut Call<'a>,
    first: usize,
    by: Option<By>,
    backwards: Option<bool>,
) -> Result<Request<'a>, Answered> {
    let args = call.args;
    let word = |index: usize| args.get(index).unwrap_or_default();
    let stores = first > 1;
    let (mut chosen_by, mut chosen_backwards) = (by, backwards);
    let (mut with_scores, mut offset, mut limit) = (false, 0, -1);
    let mut at = first + 3;
    while at < args.len() {
        let is = |name: &str| args[at].eq_ignore_ascii_case(name.as_bytes());
        if !stores && is("WITHSCORES") {
            with_scores = true;
        } else if is("LIMIT") && at + 2 < args.len() {
            offset = call.integer(&args[at + 1]).ok_or(Answered)?;
            limit = call.integer(&args[at + 2]).ok_or(Answered)?;
            at += 2;
        } else if backwards.is_none() && chosen_backwards.is_none() && is("REV") {
            chosen_backwards = Some(true);
        } else if chosen_by.is_none() && is("BYLEX") {
            chosen_by = Some(By::Member);
        } else if chosen_by.is_none() && is("BYSCORE") {
            chosen_by = Some(By::Score);
        } else {
            return call.refuse(SYNTAX_ERROR);
        }
        at += 1;
    }
    let by = chosen_by.unwrap_or(By::Rank);
    let backwards = chosen_backwards.unwrap_or(false);
    if limit != -1 && by == By::Rank {
        return call.refuse(
            "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
        );
    }
    if with_scores && by == By::Member {
        return call.refuse("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
    }
    let (start, stop) = (word(first + 1), word(first + 2));
    // Bounds come with the one first that the range begins with.
    let (min, max) = if backwards {
        (stop, start)
    } else {
        (start, stop)
    };
    let range = match by {
        By::Rank => RequestedRange::Ranks(
            call.integer(start).ok_or(Answered)?,
            call.integer(stop).ok_or(Answered)?,
        ),
        By::Score => RequestedRange::Bounds(Bounds::scores(call, min, max)?),
        By::Member => RequestedRange::Bounds(Bounds::members(call, min, max)?),
    };
    Ok(Request {
        key: word(first),
        range,
        backwards,
        with_scores,
        offset,
        limit,
    })
}

impl Request<'_> {
    /// Hands the members that it asks for to `take`.
    fn for_each(&self, set: &SortedSet, take: &mut dyn FnMut(Item<'_>, f64)) {
        match self.range {
            RequestedRange::Ranks(start, stop) => {
                let ranks = ranks(start, stop, set.len());
                if self.backwards {
                    let ranks = set.len() - ranks.end..set.len() - ranks.start;
                    let entries = set.range(ranks).rev();
                    entries.for_each(|(member, score)| take(member, score));
                } else {
                    let entries = set.range(ranks);
                    entries.for_each(|(member, score)| take(member, score));
                }
            }
            RequestedRange::Bounds(bounds) => {
                // A negative offset is behind everything, as in Redis.
                let offset = usize::try_from(self.offset).unwrap_or(usize::MAX);
                let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
                let entries = bounds.select(set, self.backwards, offset).take(limit);
                entries.for_each(|(member, score)| take(member, score));
            }
        }
    }
}

pub(crate) fn zcount(call: &mut Call<'_>) {
    let args = call.args;
    let Ok(bounds) = Bounds::scores(call, &args[2], &args[3]) else {
        return;
    };
    _ = answer_count(call, bounds);
}

pub(crate) fn zlexcount(call: &mut Call<'_>) {
    let args = call.args;
    let Ok(bounds) = Bounds::members(call, &args[2], &args[3]) else {
        return;
    };
    _ = answer_count(call, bounds);
}

fn answer_count(call: &mut Call<'_>, bounds: Bounds<'_>) -> Result<(), Answered> {
    let args = call.args;
    let count = match call.view::<SortedSet>(&args[1])? {
        Some((set, _)) => bounds.count(set),
        None => 0,
    };
    call.reply.integer(count as i64);
    Ok(())
}

/// Answers with a member.
pub(super) fn reply_member(reply: &mut lastsave_resp::Reply, member: Item<'_>) {
    match member {
        Item::Integer(integer) => reply.bulk_integer(integer),
        Item::Bytes(bytes) => reply.bulk(bytes),
    }
}

impl Call<'_> {
    /// Answers with an error.
    pub(super) fn refuse<T>(&mut self, error: &str) -> Result<T, Answered> {
        self.reply.error(error);
        Err(Answered)
    }

    /// Puts what a command has put together under `key`, in place of whatever was there, and answers with the number
    /// of members. Nothing at all removes the key.
    pub(super) fn store_sorted_set(&mut self, key: &[u8], set: SortedSet, event: &'static str) {
        let (db, len) = (self.db, set.len());
        if len > 0 {
            self.remove_if_due(db, key);
            self.put(db, key, set.into_object(), None);
            self.modified(EventClass::SortedSet, event, db, key);
        } else if self.remove(db, key) {
            self.modified(EventClass::Generic, "del", db, key);
        }
        self.reply.integer(len as i64);
    }
}
