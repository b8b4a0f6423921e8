//! SORT: the elements of a list, set or sorted set in another order, or what other keys have to say about them.

use std::cmp::Ordering;

use lastsave_dict::ValueRef;

use super::SYNTAX_ERROR;
use crate::call::{Answered, EventClass, WRONG_TYPE};
use crate::number::{parse_double, parse_i64};
use crate::object::{Collection, Text};
use crate::values::listpack::Item;
use crate::values::{End, List, ListOptions, SortedSet};
use crate::{Call, Object};

const NO_NUMBER: &str = "ERR One or more scores can't be converted into double";

/// What stands behind the key.
#[derive(Default)]
struct Options<'a> {
    descending: bool,
    alphabetic: bool,
    /// The first element wanted, and how many; negative: all.
    limit: Option<(i64, i64)>,
    by: Option<&'a [u8]>,
    /// A BY without a star was among the options, whatever came behind it: the order stays as it is.
    unsorted: bool,
    get: Vec<&'a [u8]>,
    store: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(call: &Call<'a>, read_only: bool) -> Result<Self, &'static str> {
        let mut options = Self::default();
        let mut words = call.args.skip(2).iter();
        while let Some(word) = words.next() {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            if is("ASC") {
                options.descending = false;
            } else if is("DESC") {
                options.descending = true;
            } else if is("ALPHA") {
                options.alphabetic = true;
            } else if is("LIMIT") {
                let (start, count) = (words.next(), words.next());
                let (Some(start), Some(count)) = (start, count) else {
                    return Err(SYNTAX_ERROR);
                };
                let integer = |word: &[u8]| parse_i64(word).ok_or(super::NOT_AN_INTEGER);
                options.limit = Some((integer(start)?, integer(count)?));
            } else if is("STORE") && !read_only {
                options.store = Some(words.next().ok_or(SYNTAX_ERROR)?);
            } else if is("BY") {
                let pattern = words.next().ok_or(SYNTAX_ERROR)?;
                options.by = Some(pattern);
                options.unsorted |= !pattern.contains(&b'*');
            } else if is("GET") {
                options.get.push(words.next().ok_or(SYNTAX_ERROR)?);
            } else {
                return Err(SYNTAX_ERROR);
            }
        }
        Ok(options)
    }

    /// The indices of the elements wanted, of `len`.
    fn range(&self, len: usize) -> std::ops::Range<usize> {
        let Some((start, count)) = self.limit else {
            return 0..len;
        };
        let start = usize::try_from(start).unwrap_or(0).min(len);
        let count = usize::try_from(count).unwrap_or(len).min(len - start);
        start..start + count
    }
}

pub(crate) fn sort(call: &mut Call<'_>) {
    let _answered = run(call, false);
}

pub(crate) fn sort_ro(call: &mut Call<'_>) {
    let _answered = run(call, true);
}

fn run(call: &mut Call<'_>, read_only: bool) -> Result<(), Answered> {
    let args = call.args;
    let mut options = Options::parse(call, read_only).map_err(|error| {
        call.reply.error(error);
        Answered
    })?;
    let elements = call.read(&args[1], |reply, entry| {
        let Some(entry) = entry else {
            return Ok(Vec::new());
        };
        let ValueRef::Object(object) = entry.value() else {
            reply.error(WRONG_TYPE);
            return Err(Answered);
        };
        // What is stored must not depend on the order in which a set happens to be walked.
        if matches!(object, Object::Set(_)) && options.unsorted && options.store.is_some() {
            (options.unsorted, options.alphabetic, options.by) = (false, true, None);
        }
        elements_of(object, &options).ok_or_else(|| {
            reply.error(WRONG_TYPE);
            Answered
        })
    })?;
    // As in Redis, a sorted set is kept as a large one from now on.
    if call.holds::<SortedSet>(&args[1])
        && let Some(mut sorted_set) = call.edit::<SortedSet>(&args[1])?
    {
        sorted_set.unpack();
    }
    let elements = if options.unsorted {
        elements
    } else {
        let range = options.range(elements.len());
        let mut sorted = sorted(call, elements, &options)?;
        sorted.truncate(range.end);
        sorted.split_off(range.start)
    };
    match options.store {
        None => reply_elements(call, &elements, &options),
        Some(target) => store_elements(call, target, &elements, &options),
    }
    Ok(())
}

/// The elements of a collection: all of them if they are to be sorted, else those wanted, in order. `None` if a value of
/// this type cannot be sorted.
fn elements_of(object: &Object, options: &Options<'_>) -> Option<Vec<Vec<u8>>> {
    let sorts = !options.unsorted;
    Some(match object {
        Object::List(list) if sorts => list.iter().map(Item::to_vec).collect(),
        Object::List(list) => {
            let range = options.range(list.len());
            let items = if options.descending && !list.is_empty() {
                list.iter_back_from((list.len() - 1).saturating_sub(range.start))
            } else {
                list.iter_from(range.start)
            };
            items.take(range.len()).map(Item::to_vec).collect()
        }
        Object::Set(set) => {
            let mut members: Vec<_> = set.iter().map(Item::to_vec).collect();
            if !sorts {
                members = members.drain(options.range(set.len())).collect();
            }
            members
        }
        Object::SortedSet(sorted_set) => {
            let len = sorted_set.len();
            let range = if sorts { 0..len } else { options.range(len) };
            let members = |(item, _): (Item<'_>, f64)| item.to_vec();
            if options.descending && !sorts {
                let ranks = len - range.end..len - range.start;
                sorted_set.range(ranks).rev().map(members).collect()
            } else {
                sorted_set.range(range).map(members).collect()
            }
        }
        _ => return None,
    })
}

/// An element with what it is sorted by.
struct Sorted {
    element: Vec<u8>,
    score: f64,
    /// The text that BY finds, for alphabetic order.
    text: Option<Vec<u8>>,
}

fn sorted(
    call: &mut Call<'_>,
    elements: Vec<Vec<u8>>,
    options: &Options<'_>,
) -> Result<Vec<Vec<u8>>, Answered> {
    let mut all_numbers = true;
    let mut sorted: Vec<Sorted> = Vec::with_capacity(elements.len());
    for element in elements {
        let text = options
            .by
            .and_then(|pattern| looked_up(call, pattern, &element));
        let mut score = 0.0;
        if !options.alphabetic {
            let number = if options.by.is_some() {
                text.as_deref()
            } else {
                Some(&element[..])
            };
            match number.map(score_of) {
                Some(Some(number)) => score = number,
                Some(None) => all_numbers = false,
                None => {}
            }
        }
        sorted.push(Sorted {
            element,
            score,
            text,
        });
    }
    if !all_numbers {
        call.reply.error(NO_NUMBER);
        return Err(Answered);
    }
    let by_pattern = options.by.is_some();
    let compare = |one: &Sorted, other: &Sorted| -> Ordering {
        if !options.alphabetic {
            one.score
                .total_cmp(&other.score)
                .then_with(|| one.element.cmp(&other.element))
        } else if by_pattern {
            one.text.cmp(&other.text)
        } else {
            one.element.cmp(&other.element)
        }
    };
    if options.descending {
        sorted.sort_by(|one, other| compare(other, one));
    } else {
        sorted.sort_by(compare);
    }
    Ok(sorted.into_iter().map(|sorted| sorted.element).collect())
}

/// Reads a number as C's `strtod` does: after spaces, up to a NUL byte; nothing at all is 0. Both zeros are one.
fn score_of(text: &[u8]) -> Option<f64> {
    let end = text.iter().position(|byte| *byte == 0);
    let text = &text[..end.unwrap_or(text.len())];
    if text.is_empty() {
        return Some(0.0);
    }
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let start = text.iter().position(|byte| !is_space(byte))?;
    parse_double(&text[start..]).map(|number| number + 0.0)
}

/// What a pattern says about an element: the element itself for `#`, else the string at the key that comes of putting
/// it in the place of the star, or with `->` behind the star the field of the hash there.
fn looked_up(call: &mut Call<'_>, pattern: &[u8], element: &[u8]) -> Option<Vec<u8>> {
    if pattern == b"#" {
        return Some(element.to_vec());
    }
    let star = pattern.iter().position(|byte| *byte == b'*')?;
    let (before, behind) = (&pattern[..star], &pattern[star + 1..]);
    let arrow = memchr::memmem::find(behind, b"->").filter(|at| at + 2 < behind.len());
    let (behind, field) = match arrow {
        Some(at) => (&behind[..at], Some(&behind[at + 2..])),
        None => (behind, None),
    };
    let key = [before, element, behind].concat();
    call.read(&key, |_, entry| match (entry?.value(), field) {
        (value, None) => Text::of(value).map(|mut text| text.as_bytes().to_vec()),
        (ValueRef::Object(Object::Hash(hash)), Some(field)) => hash.get(field).map(Item::to_vec),
        _ => None,
    })
}

fn reply_elements(call: &mut Call<'_>, elements: &[Vec<u8>], options: &Options<'_>) {
    call.reply.array(elements.len() * options.get.len().max(1));
    for element in elements {
        if options.get.is_empty() {
            call.reply.bulk(element);
        }
        for pattern in &options.get {
            match looked_up(call, pattern, element) {
                Some(value) => call.reply.bulk(&value),
                None => call.reply.null(),
            }
        }
    }
}

fn store_elements(call: &mut Call<'_>, target: &[u8], elements: &[Vec<u8>], options: &Options<'_>) {
    let large_len = call.keyspace.settings.list_packed_threshold;
    // Whatever is configured: Redis's SORT does not look.
    let mut list = List::new(ListOptions::default());
    for element in elements {
        if options.get.is_empty() {
            list.push(End::Right, element, large_len);
        }
        for pattern in &options.get {
            let value = looked_up(call, pattern, element).unwrap_or_default();
            list.push(End::Right, &value, large_len);
        }
    }
    let len = list.len();
    if len > 0 {
        call.remove_if_due(call.db, target);
        call.put(call.db, target, list.into_object(), None);
        call.changed(call.db, target, len as u64);
        call.notify(EventClass::List, "sortstore", call.db, target);
    } else if call.remove(call.db, target) {
        call.modified(EventClass::Generic, "del", call.db, target);
    }
    call.reply.integer(len as i64);
}
