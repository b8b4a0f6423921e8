//! Sorted sets: adding, removing, scores and ranks.

use std::collections::BTreeSet;

use lastsave_resp::Protocol;

use super::SYNTAX_ERROR;
use super::sorted_set_ranges::{Bounds, ranks, reply_member};
use crate::call::Answered;
use crate::values::{SortedSet, SortedSetLimits};
use crate::{Call, EventClass, number};

const NOT_A_FLOAT: &str = "ERR value is not a valid float";

pub(crate) fn zadd(call: &mut Call<'_>) {
    _ = add(call, AddOptions::default());
}

pub(crate) fn zincrby(call: &mut Call<'_>) {
    let options = AddOptions {
        increment: true,
        ..AddOptions::default()
    };
    _ = add(call, options);
}

#[derive(Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of ZADD")]
struct AddOptions {
    /// Existing members stay as they are.
    only_new: bool,
    /// No members are added.
    only_existing: bool,
    /// Scores only rise.
    only_greater: bool,
    /// Scores only fall.
    only_less: bool,
    /// Changed members are counted too.
    count_changes: bool,
    /// The score is added to the one that is there.
    increment: bool,
}

impl AddOptions {
    /// Takes an option. Returns whether the word is one.
    fn take(&mut self, word: &[u8]) -> bool {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        let option = match () {
            () if is("NX") => &mut self.only_new,
            () if is("XX") => &mut self.only_existing,
            () if is("GT") => &mut self.only_greater,
            () if is("LT") => &mut self.only_less,
            () if is("CH") => &mut self.count_changes,
            () if is("INCR") => &mut self.increment,
            () => return false,
        };
        *option = true;
        true
    }

    /// The score that a member is to have, given the one that it has. `None`: nothing is to be done.
    fn new_score(self, old: Option<f64>, score: f64) -> Option<f64> {
        let Some(old) = old else {
            return (!self.only_existing).then_some(score);
        };
        if self.only_new {
            return None;
        }
        let score = if self.increment { old + score } else { score };
        let refused = (self.only_less && score >= old) || (self.only_greater && score <= old);
        (!refused).then_some(score)
    }
}

fn add(call: &mut Call<'_>, mut options: AddOptions) -> Result<(), Answered> {
    let args = call.args;
    let key = &args[1];
    let words = args.skip(2).iter();
    let first = 2 + words.take_while(|word| options.take(word)).count();
    let pairs = (args.len() - first) / 2;
    if pairs == 0 || !(args.len() - first).is_multiple_of(2) {
        return call.refuse(SYNTAX_ERROR);
    }
    if options.only_new && options.only_existing {
        return call.refuse("ERR XX and NX options at the same time are not compatible");
    }
    let exclusive = [options.only_new, options.only_greater, options.only_less];
    if exclusive.iter().filter(|is_set| **is_set).count() > 1 {
        return call.refuse("ERR GT, LT, and/or NX options at the same time are not compatible");
    }
    if options.increment && pairs > 1 {
        return call.refuse("ERR INCR option supports a single increment-element pair");
    }
    let mut scores = Vec::with_capacity(pairs);
    for at in (first..args.len()).step_by(2) {
        scores.push(call.double(&args[at])?);
    }
    let pairs = (first + 1..args.len()).step_by(2);
    let pairs = pairs.zip(scores).map(|(at, score)| (&args[at], score));
    let Added {
        added,
        updated,
        last,
    } = add_pairs(call, key, pairs, options)?;
    if last.is_some_and(f64::is_nan) {
        return call.refuse("ERR resulting score is not a number (NaN)");
    }
    match last {
        Some(score) if options.increment => call.reply_double(score),
        None if options.increment => call.reply.null(),
        _ if options.count_changes => call.reply.integer(added + updated),
        _ => call.reply.integer(added),
    }
    if added + updated > 0 {
        call.changed(call.db, key, (added + updated) as u64);
        let event = if options.increment { "zincr" } else { "zadd" };
        call.notify(EventClass::SortedSet, event, call.db, key);
    }
    Ok(())
}

/// What ZADD has done.
#[derive(Default)]
struct Added {
    added: i64,
    updated: i64,
    /// The score that the last member has now, if it was not left alone. Not a number: it was left alone for that.
    last: Option<f64>,
}

fn add_pairs<'w>(
    call: &mut Call<'_>,
    key: &[u8],
    pairs: impl Iterator<Item = (&'w [u8], f64)>,
    options: AddOptions,
) -> Result<Added, Answered> {
    let mut done = Added::default();
    let limits = SortedSetLimits::from(&call.keyspace.settings);
    let set = if options.only_existing {
        call.edit::<SortedSet>(key)?
    } else {
        Some(call.edit_or_new::<SortedSet>(key)?)
    };
    let Some(mut set) = set else {
        return Ok(done);
    };
    for (member, score) in pairs {
        let old = set.score(member);
        done.last = options.new_score(old, score);
        match done.last {
            Some(score) if !score.is_nan() && old != Some(score) => {
                set.insert(member, score, limits);
                if old.is_none() {
                    done.added += 1;
                } else {
                    done.updated += 1;
                }
            }
            _ => {}
        }
    }
    Ok(done)
}

pub(crate) fn zrem(call: &mut Call<'_>) {
    _ = remove(call);
}

fn remove(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let key = &args[1];
    let mut removed = 0;
    if let Some(mut set) = call.edit::<SortedSet>(key)? {
        let members = args.skip(2).iter();
        removed = members
            .filter(|member| set.remove(member).is_some())
            .count();
    }
    call.after_removal(key, removed, "zrem");
    Ok(())
}

pub(crate) fn zremrangebyrank(call: &mut Call<'_>) {
    let args = call.args;
    let Some(start) = call.integer(&args[2]) else {
        return;
    };
    let Some(stop) = call.integer(&args[3]) else {
        return;
    };
    _ = remove_range(call, "zremrangebyrank", |set| ranks(start, stop, set.len()));
}

pub(crate) fn zremrangebyscore(call: &mut Call<'_>) {
    let args = call.args;
    if let Ok(bounds) = Bounds::scores(call, &args[2], &args[3]) {
        _ = remove_range(call, "zremrangebyscore", |set| range_within(set, bounds));
    }
}

pub(crate) fn zremrangebylex(call: &mut Call<'_>) {
    let args = call.args;
    if let Ok(bounds) = Bounds::members(call, &args[2], &args[3]) {
        _ = remove_range(call, "zremrangebylex", |set| range_within(set, bounds));
    }
}

fn range_within(set: &SortedSet, bounds: Bounds<'_>) -> std::ops::Range<usize> {
    match bounds.first(set) {
        Some(first) => first..first + bounds.count(set),
        None => 0..0,
    }
}

fn remove_range(
    call: &mut Call<'_>,
    event: &'static str,
    range: impl FnOnce(&SortedSet) -> std::ops::Range<usize>,
) -> Result<(), Answered> {
    let args = call.args;
    let key = &args[1];
    let mut removed = 0;
    if let Some(mut set) = call.edit::<SortedSet>(key)? {
        let range = range(&set);
        removed = range.len();
        if removed > 0 {
            set.remove_range(range);
        }
    }
    call.after_removal(key, removed, event);
    Ok(())
}

pub(crate) fn zcard(call: &mut Call<'_>) {
    let args = call.args;
    if let Ok(set) = call.view::<SortedSet>(&args[1]) {
        let len = set.map_or(0, |(set, _)| set.len());
        call.reply.integer(len as i64);
    }
}

pub(crate) fn zscore(call: &mut Call<'_>) {
    let args = call.args;
    if let Ok(set) = call.view::<SortedSet>(&args[1]) {
        let score = set.and_then(|(set, _)| set.score(&args[2]));
        call.reply_score(score);
    }
}

pub(crate) fn zmscore(call: &mut Call<'_>) {
    let args = call.args;
    let members = args.skip(2);
    let Ok(set) = call.view::<SortedSet>(&args[1]) else {
        return;
    };
    let scores: Vec<Option<f64>> = members
        .iter()
        .map(|member| set.as_ref().and_then(|(set, _)| set.score(member)))
        .collect();
    call.reply.array(scores.len());
    for score in scores {
        call.reply_score(score);
    }
}

pub(crate) fn zrank(call: &mut Call<'_>) {
    answer_rank(call, |rank, _| rank);
}

pub(crate) fn zrevrank(call: &mut Call<'_>) {
    answer_rank(call, |rank, len| len - 1 - rank);
}

fn answer_rank(call: &mut Call<'_>, shown: impl Fn(usize, usize) -> usize) {
    let args = call.args;
    let Ok(set) = call.view::<SortedSet>(&args[1]) else {
        return;
    };
    let rank = set.and_then(|(set, _)| Some(shown(set.rank(&args[2])?, set.len())));
    match rank {
        Some(rank) => call.reply.integer(rank as i64),
        None => call.reply.null(),
    }
}

pub(crate) fn zrandmember(call: &mut Call<'_>) {
    _ = random_members(call);
}

fn random_members(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let key = &args[1];
    if args.len() == 2 {
        let Some((set, _)) = call.view::<SortedSet>(key)? else {
            call.reply.null();
            return Ok(());
        };
        let set = set.clone();
        let rank = call.random_below(set.len());
        if let Some((member, _)) = set.get(rank) {
            reply_member(call.reply, member);
        }
        return Ok(());
    }
    let count = call.integer_within(&args[2], -i64::MAX, i64::MAX)?;
    let with_scores = args.len() == 4 && args[3].eq_ignore_ascii_case(b"WITHSCORES");
    if args.len() > 3 && !with_scores {
        return call.refuse(SYNTAX_ERROR);
    }
    if with_scores && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return call.refuse("ERR value is out of range");
    }
    let set = match call.view::<SortedSet>(key)? {
        Some((set, _)) if count != 0 => set.clone(),
        _ => {
            call.reply.array(0);
            return Ok(());
        }
    };
    let wanted = call.wanted(count)?;
    let pairs = with_scores && call.reply.protocol() == Protocol::Resp3;
    let values_each = if with_scores && !pairs { 2 } else { 1 };
    let answer = |call: &mut Call<'_>, rank: usize| {
        let Some((member, score)) = set.get(rank) else {
            return;
        };
        if pairs {
            call.reply.array(2);
        }
        reply_member(call.reply, member);
        if with_scores {
            call.reply_double(score);
        }
    };
    if count < 0 {
        // Each is drawn on its own, so that members may come more than once.
        call.reply.array(wanted * values_each);
        for _ in 0..wanted {
            if call.reply.is_full() {
                break;
            }
            let rank = call.random_below(set.len());
            answer(call, rank);
        }
        return Ok(());
    }
    let wanted = wanted.min(set.len());
    call.reply.array(wanted * values_each);
    for rank in call.distinct_below(set.len(), wanted) {
        answer(call, rank);
    }
    Ok(())
}

pub(crate) fn zscan(call: &mut Call<'_>) {
    call.scan_collection(|set: &SortedSet, cursor, visit| {
        let is_packed = set.as_listpack().is_some();
        set.scan(cursor, &mut |member, score| {
            // A listpack's integers show as such, however long.
            let score = match number::double_to_integer(score) {
                Some(integer) if is_packed => integer.to_string(),
                _ => number::print_double(score),
            };
            visit(member, Some(score.as_bytes()));
        })
    });
}

impl Call<'_> {
    /// Reads a double, or answers with an error.
    pub(super) fn double(&mut self, text: &[u8]) -> Result<f64, Answered> {
        match number::parse_double(text) {
            Some(number) => Ok(number),
            None => self.refuse(NOT_A_FLOAT),
        }
    }

    /// Reads an integer from `min` to `max`, or answers with an error.
    pub(super) fn integer_within(
        &mut self,
        text: &[u8],
        min: i64,
        max: i64,
    ) -> Result<i64, Answered> {
        let number = self.integer(text).ok_or(Answered)?;
        if !(min..=max).contains(&number) {
            return self.refuse(&format!(
                "ERR value is out of range, value must between {min} and {max}"
            ));
        }
        Ok(number)
    }

    /// Answers with a double.
    pub(super) fn reply_double(&mut self, number: f64) {
        self.reply.double(&number::print_double(number));
    }

    /// Answers with a score, or that there is none.
    fn reply_score(&mut self, score: Option<f64>) {
        match score {
            Some(score) => self.reply_double(score),
            None => self.reply.null(),
        }
    }

    /// Tells of members that were removed from a sorted set, removes it if none is left, and answers with their number.
    fn after_removal(&mut self, key: &[u8], removed: usize, event: &'static str) {
        if removed > 0 {
            self.changed(self.db, key, removed as u64);
            self.notify(EventClass::SortedSet, event, self.db, key);
            self.remove_if_empty::<SortedSet>(key);
        }
        self.reply.integer(removed as i64);
    }

    /// A random number below `end`, which is not 0.
    fn random_below(&mut self, end: usize) -> usize {
        // The high half of a product is as even as the word.
        ((u128::from(self.keyspace.next_random()) * end as u128) >> 64) as usize
    }

    /// `count` different random numbers below `end`, all if there are no more.
    pub(super) fn distinct_below(&mut self, end: usize, count: usize) -> BTreeSet<usize> {
        if count >= end {
            return (0..end).collect();
        }
        // Floyd's method: every number is drawn once, a repeated one stands for the highest so far.
        let mut drawn = BTreeSet::new();
        for highest in end - count..end {
            let number = self.random_below(highest + 1);
            if !drawn.insert(number) {
                drawn.insert(highest);
            }
        }
        drawn
    }
}
