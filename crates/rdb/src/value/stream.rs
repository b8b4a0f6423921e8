//! Reading streams.
//!
//! ```text
//! <length> (<master ID, a string of 16 bytes> <listpack>) …     the nodes
//! <length>                                                      entries
//! <ID>                                                          the last one added
//! <ID> <ID> <length>                   types 13, 15             first entry, greatest deleted, entries ever added
//! <length> (                                                    the groups
//!   <string> <ID>                                               name, last delivered
//!   <length>                           types 13, 15             entries read
//!   <length> (<ID, 16 bytes> <ms, 8 bytes> <length>) …          pending: when and how often delivered
//!   <length> (                                                  consumers
//!     <string> <ms, 8 bytes>                                    name, last seen
//!     <ms, 8 bytes>                    type 15                  last active
//!     <length> (<ID, 16 bytes>) …                               its pending entries
//!   ) …
//! ) …
//! ```
//!
//! An ID is two lengths but where it has 16 bytes, big-endian. Times are little-endian.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::Read;

use lastsave_keyspace::values::Stream;
use lastsave_keyspace::values::stream::{Counters, Group, Inconsistent, StreamId};

use super::{ValueFault, Words, corrupt};
use crate::format::value_type;
use crate::input::{Fault, Input};

/// An input that iterators share, and the first fault that one of them met.
struct Shared<'a, R> {
    input: RefCell<&'a mut Input<R>>,
    fault: RefCell<Option<ValueFault>>,
}

impl<'a, R: Read> Shared<'a, R> {
    fn new(input: &'a mut Input<R>) -> Self {
        Self {
            input: RefCell::new(input),
            fault: RefCell::new(None),
        }
    }

    /// Yields what `read` reads, so many times or until there is a fault.
    fn repeat<T>(
        &self,
        count: impl FnOnce(&mut Input<R>) -> Result<u64, ValueFault>,
        mut read: impl FnMut(&mut Input<R>) -> Result<T, ValueFault>,
    ) -> impl Iterator<Item = T> {
        let mut count = Some(count);
        let mut left = 0;
        std::iter::from_fn(move || {
            if self.fault.borrow().is_some() {
                return None;
            }
            let input = &mut **self.input.borrow_mut();
            let next = (|| {
                if let Some(count) = count.take() {
                    left = count(input)?;
                }
                if left == 0 {
                    return Ok(None);
                }
                left -= 1;
                read(input).map(Some)
            })();
            next.unwrap_or_else(|fault| {
                *self.fault.borrow_mut() = Some(fault);
                None
            })
        })
    }

    /// What `built` is, unless a fault was met.
    fn finish<T>(
        self,
        built: Result<T, Inconsistent>,
        explain: impl FnOnce(Inconsistent) -> ValueFault,
    ) -> Result<T, ValueFault> {
        match self.fault.into_inner() {
            Some(fault) => Err(fault),
            None => built.map_err(explain),
        }
    }
}

/// A fault of a part that Redis has words for.
fn part<T>(read: Result<T, Fault>, line: u32, text: &'static str) -> Result<T, ValueFault> {
    read.map_err(|fault| {
        let text = text.into();
        ValueFault::ReadPart(fault, Words { line, text })
    })
}

pub(super) fn stream<R: Read>(input: &mut Input<R>, kind: u8) -> Result<Stream, ValueFault> {
    let mut stream = nodes(input)?;
    let counters = part(
        counters(input, kind, *stream.entries().counters()),
        2424,
        "Stream object metadata loading failed.",
    )?;
    stream
        .set_counters(counters)
        .map_err(|_| corrupt(2430, "Stream length inconsistent with rax entries"))?;

    let groups = part(input.length(), 2438, "Stream cgroup count loading failed.")?;
    for _ in 0..groups {
        let name = part(
            input.string(),
            2449,
            "Error reading the consumer group name from Stream",
        )?;
        let group = group(input, kind, &stream, &name)?;
        stream
            .add_group(&name, group)
            .map_err(|_| same_group_name(&name))?;
    }
    Ok(stream)
}

fn nodes<R: Read>(input: &mut Input<R>) -> Result<Stream, ValueFault> {
    let shared = Shared::new(input);
    let nodes = shared.repeat(
        |input| part(input.length(), 2327, "Stream listpacks len loading failed."),
        |input| {
            let id = part(
                input.string(),
                2338,
                "Stream master ID loading failed: invalid encoding or I/O error.",
            )?;
            let id = id.try_into().map_err(|_| {
                corrupt(2343, "Stream node key entry is not the size of a stream ID")
            })?;
            let bytes = part(input.string(), 2355, "Stream listpacks loading failed.")?;
            Ok((StreamId::from_be_bytes(id), bytes))
        },
    );
    let built = Stream::from_nodes(nodes);
    shared.finish(built, |Inconsistent(what)| {
        if what.contains("same ID") {
            corrupt(2386, "Listpack re-added with existing key")
        } else {
            corrupt(2362, "Stream listpack integrity check failed.")
        }
    })
}

fn counters<R: Read>(input: &mut Input<R>, kind: u8, found: Counters) -> Result<Counters, Fault> {
    let mut counters = Counters {
        length: input.any_length()?,
        last_id: id(input)?,
        ..found
    };
    if kind == value_type::STREAM {
        counters.entries_added = counters.length;
    } else {
        counters.first_id = id(input)?;
        counters.max_deleted_id = id(input)?;
        counters.entries_added = input.any_length()?;
    }
    Ok(counters)
}

fn id<R: Read>(input: &mut Input<R>) -> Result<StreamId, Fault> {
    Ok(StreamId::new(input.any_length()?, input.any_length()?))
}

fn same_group_name(name: &[u8]) -> ValueFault {
    let name = String::from_utf8_lossy(name);
    corrupt(2480, format!("Duplicated consumer group name {name}"))
}

fn group<R: Read>(
    input: &mut Input<R>,
    kind: u8,
    stream: &Stream,
    name: &[u8],
) -> Result<Group, ValueFault> {
    let last_id = part(id(input), 2458, "Stream cgroup ID loading failed.")?;
    let entries_read = if kind == value_type::STREAM {
        stream.entries().entries_read_up_to(last_id)
    } else {
        let read = part(
            input.any_length(),
            2469,
            "Stream cgroup offset loading failed.",
        )?;
        read.cast_signed()
    };
    if stream.groups().get(name).is_some() {
        return Err(same_group_name(name));
    }

    let shared = Shared::new(input);
    let pending = shared.repeat(
        |input| part(input.length(), 2495, "Stream PEL size loading failed."),
        |input| {
            let id = part(input.array(), 2502, "Stream PEL ID loading failed.")?;
            let delivered = (|| {
                let at_ms = i64::from_le_bytes(input.array()?);
                Ok((at_ms, input.any_length()?))
            })();
            let (at_ms, deliveries) = part(delivered, 2510, "Stream PEL NACK loading failed.")?;
            Ok((StreamId::from_be_bytes(id), at_ms, deliveries))
        },
    );
    let mut names = BTreeSet::new();
    let consumers = shared.repeat(
        |input| part(input.length(), 2527, "Stream consumers num loading failed."),
        |input| consumer(input, kind, &mut names),
    );
    let built = Group::from_parts(last_id, entries_read, pending, consumers);
    shared.finish(built, |Inconsistent(what)| match what {
        _ if what.contains("pending twice") => corrupt(
            2516,
            "Duplicated global PEL entry loading stream consumer group",
        ),
        _ if what.contains("not the group's") => {
            corrupt(2573, "Consumer entry not found in group global PEL")
        }
        _ if what.contains("two consumers") => corrupt(
            2583,
            "Stream consumer PEL entry already has a consumer assigned",
        ),
        _ => corrupt(2611, "Stream CG PEL entry without consumer"),
    })
}

fn consumer<R: Read>(
    input: &mut Input<R>,
    kind: u8,
    names: &mut BTreeSet<Vec<u8>>,
) -> Result<(Vec<u8>, i64, Vec<StreamId>), ValueFault> {
    let name = part(
        input.string(),
        2534,
        "Error reading the consumer name from Stream group.",
    )?;
    if !names.insert(name.clone()) {
        return Err(corrupt(2543, "Duplicate stream consumer detected."));
    }
    let seen = (|| {
        let seen_at_ms = i64::from_le_bytes(input.array()?);
        if kind == value_type::STREAM_3 {
            input.array::<8>()?;
        }
        Ok(seen_at_ms)
    })();
    let seen_at_ms = part(seen, 2549, "Stream short read reading seen time.")?;
    let count = part(
        input.length(),
        2558,
        "Stream consumer PEL num loading failed.",
    )?;
    let mut ids = Vec::new();
    for _ in 0..count {
        let id = part(
            input.array(),
            2566,
            "Stream short read reading PEL streamID.",
        )?;
        ids.push(StreamId::from_be_bytes(id));
    }
    Ok((name, seen_at_ms, ids))
}
