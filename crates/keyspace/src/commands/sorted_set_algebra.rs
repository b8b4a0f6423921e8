//! Unions, intersections and differences of sorted sets, and of sets, whose members count with a score of 1.

use lastsave_dict::ValueRef;
use lastsave_resp::{Args, Protocol};

use super::SYNTAX_ERROR;
use super::sorted_set_ranges::reply_member;
use crate::call::{Answered, WRONG_TYPE};
use crate::values::{Set, SortedSet, SortedSetLimits};
use crate::{Call, Object, number};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

/// How the scores of a member that is in several sets become one.
#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn of(self, one: f64, other: f64) -> f64 {
        match self {
            // The sum of both infinities counts as 0.
            Self::Sum => zero_if_nan(one + other),
            Self::Min if other < one => other,
            Self::Max if other > one => other,
            Self::Min | Self::Max => one,
        }
    }
}

fn zero_if_nan(number: f64) -> f64 {
    if number.is_nan() { 0.0 } else { number }
}

/// What is under one of the keys.
enum Source {
    Missing,
    SortedSet(SortedSet),
    Set(Set),
}

impl Source {
    fn len(&self) -> usize {
        match self {
            Self::Missing => 0,
            Self::SortedSet(set) => set.len(),
            Self::Set(set) => set.len(),
        }
    }

    fn score(&self, member: &[u8]) -> Option<f64> {
        match self {
            Self::Missing => None,
            Self::SortedSet(set) => set.score(member),
            Self::Set(set) => set.contains(member).then_some(1.0),
        }
    }

    /// Hands members to `visit` until it returns false.
    fn for_each(&self, visit: &mut dyn FnMut(&[u8], f64) -> bool) {
        match self {
            Self::Missing => {}
            Self::SortedSet(set) => {
                for (member, score) in set.iter() {
                    if !visit(member.text(&mut itoa::Buffer::new()), score) {
                        return;
                    }
                }
            }
            Self::Set(set) => {
                for member in set.iter() {
                    if !visit(member.text(&mut itoa::Buffer::new()), 1.0) {
                        return;
                    }
                }
            }
        }
    }
}

struct Weighted {
    source: Source,
    weight: f64,
}

/// What the words of a command ask for.
struct Request {
    sources: Vec<Weighted>,
    aggregate: Aggregate,
    with_scores: bool,
    /// 0: no limit.
    limit: usize,
}

/// What becomes of the result.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Answered,
    Stored,
    Counted,
}

pub(crate) fn zunion(call: &mut Call<'_>) {
    _ = answer(call, Operation::Union);
}

pub(crate) fn zinter(call: &mut Call<'_>) {
    _ = answer(call, Operation::Intersection);
}

pub(crate) fn zdiff(call: &mut Call<'_>) {
    _ = answer(call, Operation::Difference);
}

pub(crate) fn zunionstore(call: &mut Call<'_>) {
    _ = store(call, Operation::Union, "zunionstore");
}

pub(crate) fn zinterstore(call: &mut Call<'_>) {
    _ = store(call, Operation::Intersection, "zinterstore");
}

pub(crate) fn zdiffstore(call: &mut Call<'_>) {
    _ = store(call, Operation::Difference, "zdiffstore");
}

pub(crate) fn zintercard(call: &mut Call<'_>) {
    if let Ok(request) = parse(call, Operation::Intersection, Use::Counted) {
        let mut count = 0;
        intersect(&request, &mut |_, _| {
            count += 1;
            count != request.limit
        });
        call.reply.integer(count as i64);
    }
}

fn answer(call: &mut Call<'_>, operation: Operation) -> Result<(), Answered> {
    let request = parse(call, operation, Use::Answered)?;
    let result = compute(&request, operation);
    // With scores, an array of pairs, or in RESP2 of both in turn.
    let pairs = request.with_scores && call.reply.protocol() == Protocol::Resp3;
    let values_each = if request.with_scores && !pairs { 2 } else { 1 };
    call.reply.array(result.len() * values_each);
    for (member, score) in result.iter() {
        if pairs {
            call.reply.array(2);
        }
        reply_member(call.reply, member);
        if request.with_scores {
            call.reply_double(score);
        }
    }
    Ok(())
}

fn store(call: &mut Call<'_>, operation: Operation, event: &'static str) -> Result<(), Answered> {
    let args = call.args;
    let request = parse(call, operation, Use::Stored)?;
    let mut result = compute(&request, operation);
    result.fit(SortedSetLimits::from(&call.keyspace.settings));
    call.store_sorted_set(&args[1], result, event);
    Ok(())
}

fn compute(request: &Request, operation: Operation) -> SortedSet {
    // Large at first: a score of -0 would not survive a listpack.
    let mut result = SortedSet::large();
    let limits = SortedSetLimits {
        entries: 0,
        value: 0,
    };
    match operation {
        Operation::Union => {
            for Weighted { source, weight } in &request.sources {
                source.for_each(&mut |member, score| {
                    let score = zero_if_nan(weight * score);
                    let score = match result.score(member) {
                        Some(other) => request.aggregate.of(other, score),
                        None => score,
                    };
                    result.insert(member, score, limits);
                    true
                });
            }
        }
        Operation::Intersection => intersect(request, &mut |member, score| {
            result.insert(member, score, limits);
            true
        }),
        Operation::Difference => {
            let (first, others) = request.sources.split_at(1);
            first[0].source.for_each(&mut |member, score| {
                let holds = |other: &Weighted| other.source.score(member).is_some();
                if !others.iter().any(holds) {
                    result.insert(member, score, limits);
                }
                true
            });
        }
    }
    result
}

/// Hands the members that are in all sources to `take`, with their scores, until it returns false.
fn intersect(request: &Request, take: &mut dyn FnMut(&[u8], f64) -> bool) {
    let (smallest, others) = request.sources.split_at(1);
    smallest[0].source.for_each(&mut |member, score| {
        let mut score = zero_if_nan(smallest[0].weight * score);
        for Weighted { source, weight } in others {
            match source.score(member) {
                Some(other) => score = request.aggregate.of(score, other * weight),
                None => return true,
            }
        }
        take(member, score)
    });
}

/// Reads `numkeys key [key ...]` and the options behind, or answers with an error.
fn parse(call: &mut Call<'_>, operation: Operation, used: Use) -> Result<Request, Answered> {
    let args = call.args;
    let first = if used == Use::Stored { 2 } else { 1 };
    let count = call.integer(&args[first]).ok_or(Answered)?;
    if count < 1 {
        let name = args[0].to_ascii_lowercase();
        let mut error = b"ERR at least 1 input key is needed for '".to_vec();
        error.extend_from_slice(&name);
        error.extend_from_slice(b"' command");
        call.reply.error_bytes(&error);
        return Err(Answered);
    }
    let behind = args.skip(first + 1);
    let count = match usize::try_from(count) {
        Ok(count) if count <= behind.len() => count,
        _ => return call.refuse(SYNTAX_ERROR),
    };
    let mut sources = Vec::with_capacity(count);
    for key in behind.first(count).iter() {
        let source = source(call, key)?;
        sources.push(Weighted {
            source,
            weight: 1.0,
        });
    }
    let mut request = Request {
        sources,
        aggregate: Aggregate::Sum,
        with_scores: false,
        limit: 0,
    };
    let weighs = operation != Operation::Difference && used != Use::Counted;
    options(call, behind.skip(count), &mut request, weighs, used)?;
    if operation != Operation::Difference {
        // Sums of floating-point numbers depend on the order: Redis's.
        request
            .sources
            .sort_by_key(|weighted| weighted.source.len());
    }
    Ok(request)
}

/// The value under a key, or an error is answered if it is of another type.
fn source(call: &mut Call<'_>, key: &[u8]) -> Result<Source, Answered> {
    let source = call.read(key, |_, entry| match entry.map(|entry| entry.value()) {
        None => Some(Source::Missing),
        Some(ValueRef::Object(Object::SortedSet(set))) => Some(Source::SortedSet(set.clone())),
        Some(ValueRef::Object(Object::Set(set))) => Some(Source::Set(set.clone())),
        Some(_) => None,
    });
    source.map_or_else(|| call.refuse(WRONG_TYPE), Ok)
}

fn options(
    call: &mut Call<'_>,
    words: Args<'_>,
    request: &mut Request,
    weighs: bool,
    used: Use,
) -> Result<(), Answered> {
    let mut at = 0;
    while at < words.len() {
        let is = |name: &str| words[at].eq_ignore_ascii_case(name.as_bytes());
        let left = words.len() - at - 1;
        if weighs && left >= request.sources.len() && is("WEIGHTS") {
            for weighted in &mut request.sources {
                at += 1;
                match number::parse_double(&words[at]) {
                    Some(weight) => weighted.weight = weight,
                    None => return call.refuse("ERR weight value is not a float"),
                }
            }
        } else if weighs && left >= 1 && is("AGGREGATE") {
            at += 1;
            let is = |name: &str| words[at].eq_ignore_ascii_case(name.as_bytes());
            request.aggregate = match () {
                () if is("SUM") => Aggregate::Sum,
                () if is("MIN") => Aggregate::Min,
                () if is("MAX") => Aggregate::Max,
                () => return call.refuse(SYNTAX_ERROR),
            };
        } else if used == Use::Answered && is("WITHSCORES") {
            request.with_scores = true;
        } else if used == Use::Counted && left >= 1 && is("LIMIT") {
            at += 1;
            match number::parse_i64(&words[at]).map(u64::try_from) {
                Some(Ok(limit)) => request.limit = usize::try_from(limit).unwrap_or(usize::MAX),
                _ => return call.refuse("ERR LIMIT can't be negative"),
            }
        } else {
            return call.refuse(SYNTAX_ERROR);
        }
        at += 1;
    }
    Ok(())
}
