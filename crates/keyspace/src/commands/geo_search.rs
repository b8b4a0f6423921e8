//! Geospatial indexes: searching circles and rectangles, GEOSEARCH and the GEORADIUS family.

use super::SYNTAX_ERROR;
use super::geo::print_distance;
use crate::call::Answered;
use crate::geo::{Area, Place, Shape};
use crate::object::Collection;
use crate::partial_sort::partial_sort;
use crate::values::{SortedSet, SortedSetLimits};
use crate::{Call, EventClass, number};

/// Where a command has its arguments, and which it takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `key longitude latitude radius unit`, then options.
    AroundPlace { stores: bool },
    /// `key member radius unit`, then options.
    AroundMember { stores: bool },
    /// `key`, then options, the area among them.
    Search,
    /// `destination source`, then options, the area among them.
    SearchAndStore,
}

pub(crate) fn georadius(call: &mut Call<'_>) {
    _ = search(call, Form::AroundPlace { stores: true });
}

pub(crate) fn georadius_ro(call: &mut Call<'_>) {
    _ = search(call, Form::AroundPlace { stores: false });
}

pub(crate) fn georadiusbymember(call: &mut Call<'_>) {
    _ = search(call, Form::AroundMember { stores: true });
}

pub(crate) fn georadiusbymember_ro(call: &mut Call<'_>) {
    _ = search(call, Form::AroundMember { stores: false });
}

pub(crate) fn geosearch(call: &mut Call<'_>) {
    _ = search(call, Form::Search);
}

pub(crate) fn geosearchstore(call: &mut Call<'_>) {
    _ = search(call, Form::SearchAndStore);
}

/// What the words of a command ask for.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
struct Request<'a> {
    /// The centre is told, though it may be that of a member that is not there with its key.
    has_centre: bool,
    centre: Option<Place>,
    shape: Option<(Shape, f64)>,
    with_distance: bool,
    with_score: bool,
    with_place: bool,
    order: Order,
    /// 0: all.
    count: usize,
    /// As many as come first will do.
    any: bool,
    store_at: Option<&'a [u8]>,
    stores_distances: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Order {
    #[default]
    None,
    Ascending,
    Descending,
}

/// A member in the area.
struct Found {
    member: Vec<u8>,
    score: f64,
    place: Place,
    /// In metres.
    distance: f64,
}

fn search(call: &mut Call<'_>, form: Form) -> Result<(), Answered> {
    let args = call.args;
    let source = if form == Form::SearchAndStore { 2 } else { 1 };
    let set = call.view::<SortedSet>(&args[source])?;
    let set = set.map(|(set, _)| set.clone());
    let request = parse(call, form, set.as_ref())?;
    let area = match (request.centre, request.shape) {
        (Some(centre), Some((shape, unit))) => Area {
            centre,
            shape,
            unit,
        },
        // Without a key, the centre may be that of a member.
        _ => return answer_nothing(call, &request),
    };
    let Some(set) = set else {
        return answer_nothing(call, &request);
    };
    let mut found = find(&set, &area, if request.any { request.count } else { 0 });
    if found.is_empty() {
        return answer_nothing(call, &request);
    }
    // The nearest ones are asked for, unless any will do.
    let order = match request.order {
        Order::None if request.count > 0 && !request.any => Order::Ascending,
        order => order,
    };
    let wanted = match request.count {
        0 => found.len(),
        count => count.min(found.len()),
    };
    let nearest_first = |one: &Found, other: &Found| one.distance.total_cmp(&other.distance);
    match order {
        Order::None => {}
        Order::Ascending if wanted == found.len() => found.sort_by(nearest_first),
        Order::Descending if wanted == found.len() => {
            found.sort_by(|one, other| nearest_first(other, one));
        }
        Order::Ascending => partial_sort(&mut found, wanted, nearest_first),
        Order::Descending => {
            partial_sort(&mut found, wanted, |one, other| nearest_first(other, one));
        }
    }
    found.truncate(wanted);
    match request.store_at {
        Some(key) => {
            let event = match form {
                Form::Search | Form::SearchAndStore => "geosearchstore",
                Form::AroundPlace { .. } | Form::AroundMember { .. } => "georadiusstore",
            };
            store(call, key, &found, &request, area.unit, event);
        }
        None => answer(call, &found, &request, area.unit),
    }
    Ok(())
}

fn answer_nothing(call: &mut Call<'_>, request: &Request<'_>) -> Result<(), Answered> {
    match request.store_at {
        Some(key) => {
            if call.remove(call.db, key) {
                call.modified(EventClass::Generic, "del", call.db, key);
            }
            call.reply.integer(0);
        }
        None => call.reply.array(0),
    }
    Ok(())
}

/// The members in an area, in no particular order; if `limit` is not 0, only so many.
fn find(set: &SortedSet, area: &Area, limit: usize) -> Vec<Found> {
    let mut found = Vec::new();
    for (min, end) in area.score_ranges() {
        if limit > 0 && found.len() >= limit {
            break;
        }
        let first = set.count(|score, _| score < min);
        let entries = set.range(first..set.len());
        for (member, score) in entries.take_while(|(_, score)| *score < end) {
            let place = Place::from_score(score);
            if let Some(distance) = area.distance_within(place) {
                found.push(Found {
                    member: member.to_vec(),
                    score,
                    place,
                    distance,
                });
            }
            if limit > 0 && found.len() >= limit {
                break;
            }
        }
    }
    found
}

fn answer(call: &mut Call<'_>, found: &[Found], request: &Request<'_>, unit: f64) {
    let options = [
        request.with_distance,
        request.with_score,
        request.with_place,
    ];
    let options = options.iter().filter(|option| **option).count();
    call.reply.array(found.len());
    for point in found {
        if options > 0 {
            call.reply.array(1 + options);
        }
        call.reply.bulk(&point.member);
        if request.with_distance {
            let distance = print_distance(point.distance / unit);
            call.reply.bulk(distance.as_bytes());
        }
        if request.with_score {
            call.reply.integer(point.score as i64);
        }
        if request.with_place {
            call.reply_place(point.place);
        }
    }
}

fn store(
    call: &mut Call<'_>,
    key: &[u8],
    found: &[Found],
    request: &Request<'_>,
    unit: f64,
    event: &'static str,
) {
    let limits = SortedSetLimits::from(&call.keyspace.settings);
    let mut set = SortedSet::large();
    for point in found {
        let score = match request.stores_distances {
            true => point.distance / unit,
            false => point.score,
        };
        set.insert(&point.member, score, limits);
    }
    set.fit(limits);
    call.remove_if_due(call.db, key);
    call.put(call.db, key, set.into_object(), None);
    call.changed(call.db, key, found.len() as u64);
    call.notify(EventClass::SortedSet, event, call.db, key);
    call.reply.integer(found.len() as i64);
}

/// Reads a request, or answers with an error. `set`: what is searched, if it is there.
fn parse<'a>(
    call: &mut Call<'a>,
    form: Form,
    set: Option<&SortedSet>,
) -> Result<Request<'a>, Answered> {
    let args = call.args;
    let mut request = Request::default();
    let first = match form {
        Form::AroundPlace { .. } => {
            request.centre = Some(call.place(&args[2], &args[3])?);
            request.shape = Some(circle(call, &args[4], &args[5])?);
            6
        }
        Form::AroundMember { .. } => {
            if let Some(set) = set {
                request.centre = Some(place_of(call, set, &args[2])?);
                request.shape = Some(circle(call, &args[3], &args[4])?);
            }
            5
        }
        Form::Search => 2,
        Form::SearchAndStore => {
            request.store_at = args.get(1);
            3
        }
    };
    options(call, form, set, first, &mut request)?;
    check(call, form, &request)?;
    Ok(request)
}

fn options<'a>(
    call: &mut Call<'a>,
    form: Form,
    set: Option<&SortedSet>,
    first: usize,
    request: &mut Request<'a>,
) -> Result<(), Answered> {
    let args = call.args;
    let searches = matches!(form, Form::Search | Form::SearchAndStore);
    let may_store = matches!(
        form,
        Form::AroundPlace { stores: true } | Form::AroundMember { stores: true }
    );
    let (mut from_member, mut from_place) = (false, false);
    let mut at = first;
    while at < args.len() {
        let is = |name: &str| args[at].eq_ignore_ascii_case(name.as_bytes());
        let left = args.len() - at - 1;
        if is("WITHDIST") {
            request.with_distance = true;
        } else if is("WITHHASH") {
            request.with_score = true;
        } else if is("WITHCOORD") {
            request.with_place = true;
        } else if is("ANY") {
            request.any = true;
        } else if is("ASC") {
            request.order = Order::Ascending;
        } else if is("DESC") {
            request.order = Order::Descending;
        } else if is("COUNT") && left >= 1 {
            let count = call.integer(&args[at + 1]).ok_or(Answered)?;
            if count <= 0 {
                return call.refuse("ERR COUNT must be > 0");
            }
            request.count = usize::try_from(count).unwrap_or(usize::MAX);
            at += 1;
        } else if may_store && left >= 1 && (is("STORE") || is("STOREDIST")) {
            request.stores_distances = is("STOREDIST");
            request.store_at = args.get(at + 1);
            at += 1;
        } else if form == Form::SearchAndStore && is("STOREDIST") {
            request.stores_distances = true;
        } else if searches && !from_place && left >= 1 && is("FROMMEMBER") {
            if let Some(set) = set {
                request.centre = Some(place_of(call, set, &args[at + 1])?);
            }
            (from_member, request.has_centre) = (true, true);
            at += 1;
        } else if searches && !from_member && left >= 2 && is("FROMLONLAT") {
            request.centre = Some(call.place(&args[at + 1], &args[at + 2])?);
            (from_place, request.has_centre) = (true, true);
            at += 2;
        } else if searches && !is_rectangle(request) && left >= 2 && is("BYRADIUS") {
            request.shape = Some(circle(call, &args[at + 1], &args[at + 2])?);
            at += 2;
        } else if searches && !is_circle(request) && left >= 3 && is("BYBOX") {
            let (width, height) = (&args[at + 1], &args[at + 2]);
            request.shape = Some(rectangle(call, width, height, &args[at + 3])?);
            at += 3;
        } else {
            return call.refuse(SYNTAX_ERROR);
        }
        at += 1;
    }
    Ok(())
}

/// Answers with an error if options do not go together or are missing.
fn check(call: &mut Call<'_>, form: Form, request: &Request<'_>) -> Result<(), Answered> {
    let args = call.args;
    let shows = request.with_distance || request.with_score || request.with_place;
    if request.store_at.is_some() && shows {
        let name = match form {
            Form::SearchAndStore => "GEOSEARCHSTORE",
            _ => "STORE option in GEORADIUS",
        };
        return call.refuse(&format!(
            "ERR {name} is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
        ));
    }
    if matches!(form, Form::Search | Form::SearchAndStore) {
        let missing = if !request.has_centre {
            Some("exactly one of FROMMEMBER or FROMLONLAT")
        } else if request.shape.is_none() {
            Some("exactly one of BYRADIUS and BYBOX")
        } else {
            None
        };
        if let Some(missing) = missing {
            let mut error = format!("ERR {missing} can be specified for ").into_bytes();
            error.extend_from_slice(&args[0]);
            call.reply.error_bytes(&error);
            return Err(Answered);
        }
    }
    if request.any && request.count == 0 {
        return call.refuse("ERR the ANY argument requires COUNT argument");
    }
    Ok(())
}

fn is_circle(request: &Request<'_>) -> bool {
    matches!(request.shape, Some((Shape::Circle { .. }, _)))
}

fn is_rectangle(request: &Request<'_>) -> bool {
    matches!(request.shape, Some((Shape::Rectangle { .. }, _)))
}

/// The place of a member, or an error is answered.
fn place_of(call: &mut Call<'_>, set: &SortedSet, member: &[u8]) -> Result<Place, Answered> {
    match set.score(member) {
        Some(score) => Ok(Place::from_score(score)),
        None => call.refuse("ERR could not decode requested zset member"),
    }
}

/// Reads a radius and its unit, or answers with an error.
fn circle(call: &mut Call<'_>, radius: &[u8], unit: &[u8]) -> Result<(Shape, f64), Answered> {
    let radius = length(call, radius, "ERR need numeric radius")?;
    if radius < 0.0 {
        return call.refuse("ERR radius cannot be negative");
    }
    Ok((Shape::Circle { radius }, call.unit(unit)?))
}

/// Reads a width and a height and their unit, or answers with an error.
fn rectangle(
    call: &mut Call<'_>,
    width: &[u8],
    height: &[u8],
    unit: &[u8],
) -> Result<(Shape, f64), Answered> {
    let width = length(call, width, "ERR need numeric width")?;
    let height = length(call, height, "ERR need numeric height")?;
    if width < 0.0 || height < 0.0 {
        return call.refuse("ERR height or width cannot be negative");
    }
    Ok((Shape::Rectangle { width, height }, call.unit(unit)?))
}

fn length(call: &mut Call<'_>, text: &[u8], error: &str) -> Result<f64, Answered> {
    match number::parse_double(text) {
        Some(length) => Ok(length),
        None => call.refuse(error),
    }
}
