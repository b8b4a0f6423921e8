//! Geospatial indexes: adding places, reading them, distances.

use lastsave_resp::ArgsBuf;

use super::{SYNTAX_ERROR, sorted_sets};
use crate::call::Answered;
use crate::geo::{MAX_LATITUDE, MAX_LONGITUDE, Place};
use crate::values::SortedSet;
use crate::{Call, number};

/// GEOADD is a ZADD of the scores that stand for the places, and is written so.
pub(crate) fn geoadd(call: &mut Call<'_>) {
    _ = add(call);
}

fn add(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let (mut only_new, mut only_existing) = (false, false);
    let mut first = 2;
    while let Some(word) = args.get(first) {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        match () {
            () if is("NX") => only_new = true,
            () if is("XX") => only_existing = true,
            () if is("CH") => {}
            () => break,
        }
        first += 1;
    }
    if !(args.len() - first).is_multiple_of(3) || (only_new && only_existing) {
        return call.refuse(SYNTAX_ERROR);
    }
    let mut words: ArgsBuf = [b"zadd".as_slice()].into_iter().collect();
    args.first(first)
        .skip(1)
        .iter()
        .for_each(|word| words.push(word));
    for at in (first..args.len()).step_by(3) {
        let place = call.place(&args[at], &args[at + 1])?;
        words.push(itoa::Buffer::new().format(place.score()).as_bytes());
        words.push(&args[at + 2]);
    }
    let dirty = call.effects.dirty;
    sorted_sets::zadd(&mut Call {
        args: words.as_args(),
        keyspace: call.keyspace,
        db: call.db,
        now_us: call.now_us,
        origin: call.origin,
        blocking: call.blocking,
        reply: call.reply,
        effects: call.effects,
    });
    if call.effects.dirty > dirty {
        call.propagate_instead(call.db, words.as_args().iter());
    }
    Ok(())
}

pub(crate) fn geopos(call: &mut Call<'_>) {
    let Ok(places) = members_places(call) else {
        return;
    };
    call.reply.array(places.len());
    for place in places {
        match place {
            Some(place) => call.reply_place(place),
            None => call.reply.null_array(),
        }
    }
}

pub(crate) fn geohash(call: &mut Call<'_>) {
    let Ok(places) = members_places(call) else {
        return;
    };
    call.reply.array(places.len());
    for place in places {
        match place {
            Some(place) => call.reply.bulk(&place.geohash()),
            None => call.reply.null(),
        }
    }
}

/// The places of the members that a request asks for.
fn members_places(call: &mut Call<'_>) -> Result<Vec<Option<Place>>, Answered> {
    let args = call.args;
    let set = call.view::<SortedSet>(&args[1])?;
    let score = |member| set.as_ref().and_then(|(set, _)| set.score(member));
    let members = args.skip(2).iter();
    Ok(members
        .map(|member| score(member).map(Place::from_score))
        .collect())
}

pub(crate) fn geodist(call: &mut Call<'_>) {
    _ = distance(call);
}

fn distance(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let unit = match args.len() {
        4 => 1.0,
        5 => call.unit(&args[4])?,
        _ => return call.refuse(SYNTAX_ERROR),
    };
    let set = call.view::<SortedSet>(&args[1])?;
    let score = |member| set.as_ref().and_then(|(set, _)| set.score(member));
    match (score(&args[2]), score(&args[3])) {
        (Some(one), Some(other)) => {
            let distance = Place::from_score(one).distance(Place::from_score(other));
            call.reply.bulk(print_distance(distance / unit).as_bytes());
        }
        _ => call.reply.null(),
    }
    Ok(())
}

/// A distance with four digits behind the point.
pub(super) fn print_distance(distance: f64) -> String {
    let scaled = (distance * 10_000.0).round_ties_even() as i64;
    format!("{}.{:04}", scaled / 10_000, scaled % 10_000)
}

impl Call<'_> {
    /// Reads a longitude and a latitude, or answers with an error.
    pub(super) fn place(&mut self, longitude: &[u8], latitude: &[u8]) -> Result<Place, Answered> {
        let (longitude, latitude) = (self.double(longitude)?, self.double(latitude)?);
        if longitude.abs() > MAX_LONGITUDE || latitude.abs() > MAX_LATITUDE {
            return self.refuse(&format!(
                "ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}"
            ));
        }
        Ok(Place {
            longitude,
            latitude,
        })
    }

    /// Reads a unit of length, in metres, or answers with an error.
    pub(super) fn unit(&mut self, name: &[u8]) -> Result<f64, Answered> {
        let is = |unit: &str| name.eq_ignore_ascii_case(unit.as_bytes());
        match () {
            () if is("m") => Ok(1.0),
            () if is("km") => Ok(1000.0),
            () if is("ft") => Ok(0.3048),
            () if is("mi") => Ok(1609.34),
            () => self.refuse("ERR unsupported unit provided. please use M, KM, FT, MI"),
        }
    }

    /// Answers with a longitude and a latitude.
    pub(super) fn reply_place(&mut self, place: Place) {
        self.reply.array(2);
        self.reply
            .double(&number::print_double_plainly(place.longitude));
        self.reply
            .double(&number::print_double_plainly(place.latitude));
    }
}
