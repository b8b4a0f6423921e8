//! Places on the earth: their 52-bit geohashes, which are the scores of geospatial indexes, distances, and the cells
//! of the grid that cover an area.

use crate::number::trigonometry::{arc_sine, cosine, sine};

/// The highest longitude, in degrees; the lowest is its opposite.
pub(crate) const MAX_LONGITUDE: f64 = 180.0;

/// The highest latitude, in degrees, that the square map of the world (EPSG:3857) shows.
pub(crate) const MAX_LATITUDE: f64 = 85.051_128_78;

/// The mean radius that distances are computed with, in metres.
const EARTH_RADIUS: f64 = 6_372_797.560_856;

/// Half of the map's edge, in metres.
const MERCATOR_MAX: f64 = 20_037_726.37;

/// How often scores halve the map in each direction.
const MAX_STEPS: u32 = 26;

const DEGREE: f64 = std::f64::consts::PI / 180.0;

/// A place, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place {
    pub(crate) longitude: f64,
    pub(crate) latitude: f64,
}

/// A cell of the grid that halves the map `steps` times in each direction: the bits of its column and row interleaved,
/// the column's first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    bits: u64,
    steps: u32,
}

/// What a cell covers, in degrees.
struct Extent {
    west: f64,
    east: f64,
    south: f64,
    north: f64,
}

/// What is searched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Area {
    pub(crate) centre: Place,
    pub(crate) shape: Shape,
    /// Metres per unit of the shape.
    pub(crate) unit: f64,
}

/// The form of an [`Area`], in its unit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Circle { radius: f64 },
    Rectangle { width: f64, height: f64 },
}

impl Place {
    /// The place in the middle of the cell that a score stands for.
    pub(crate) fn from_score(score: f64) -> Self {
        let cell = Cell {
            bits: score_bits(score),
            steps: MAX_STEPS,
        };
        let extent = cell.extent();
        Self {
            longitude: f64::midpoint(extent.west, extent.east).clamp(-MAX_LONGITUDE, MAX_LONGITUDE),
            latitude: f64::midpoint(extent.south, extent.north).clamp(-MAX_LATITUDE, MAX_LATITUDE),
        }
    }

    /// The score that stands for the place.
    pub(crate) fn score(self) -> u64 {
        Cell::of(self, MAX_STEPS, MAX_LATITUDE).bits
    }

    /// The place as the eleven letters of a standard geohash.
    pub(crate) fn geohash(self) -> [u8; 11] {
        const LETTERS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        let bits = Cell::of(self, MAX_STEPS, 90.0).bits;
        // 52 bits are ten letters and a bit; the last letter is always the first of the alphabet.
        let mut text = [LETTERS[0]; 11];
        for (index, letter) in text.iter_mut().take(10).enumerate() {
            *letter = LETTERS[(bits >> (52 - (index + 1) * 5)) as usize & 31];
        }
        text
    }

    /// The distance on the sphere, in metres.
    pub(crate) fn distance(self, other: Self) -> f64 {
        let (my_longitude, longitude) = (self.longitude * DEGREE, other.longitude * DEGREE);
        let v = sine((longitude - my_longitude) / 2.0);
        if v == 0.0 {
            return latitude_distance(self.latitude, other.latitude);
        }
        let (my_latitude, latitude) = (self.latitude * DEGREE, other.latitude * DEGREE);
        let u = sine((latitude - my_latitude) / 2.0);
        let haversine = u * u + cosine(my_latitude) * cosine(latitude) * v * v;
        2.0 * EARTH_RADIUS * arc_sine(haversine.sqrt())
    }
}

fn latitude_distance(one: f64, other: f64) -> f64 {
    EARTH_RADIUS * (other * DEGREE - one * DEGREE).abs()
}

/// The bits of a score that need not come from a place, converted as x86 processors do in C.
fn score_bits(score: f64) -> u64 {
    const TWO_TO_63: f64 = (1u64 << 63) as f64;
    if score < TWO_TO_63 {
        score as i64 as u64
    } else if score < 2.0 * TWO_TO_63 {
        score as u64
    } else {
        0
    }
}

impl Area {
    /// The distance of a place from the centre, in metres, if it is within the area.
    pub(crate) fn distance_within(&self, place: Place) -> Option<f64> {
        match self.shape {
            Shape::Circle { radius } => {
                let distance = self.centre.distance(place);
                (distance <= radius * self.unit).then_some(distance)
            }
            Shape::Rectangle { width, height } => {
                let (width, height) = (width * self.unit, height * self.unit);
                if latitude_distance(place.latitude, self.centre.latitude) > height / 2.0 {
                    return None;
                }
                let beside = Place {
                    longitude: self.centre.longitude,
                    latitude: place.latitude,
                };
                if place.distance(beside) > width / 2.0 {
                    return None;
                }
                Some(self.centre.distance(place))
            }
        }
    }

    /// Ranges of scores, each from the first to before the second, that the places within the area are in. They are
    /// in the order that Redis looks at them, which shows where results are not sorted.
    pub(crate) fn score_ranges(&self) -> Vec<(f64, f64)> {
        let bounds = self.bounds();
        let radius = match self.shape {
            Shape::Circle { radius } => radius,
            Shape::Rectangle { width, height } => {
                ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt()
            }
        } * self.unit;
        let mut steps = steps_for(radius, self.centre.latitude);
        let mut centre = Cell::of(self.centre, steps, MAX_LATITUDE);
        // Where the centre is near the edge of its cell, its neighbours may not reach far enough.
        let falls_short = centre.moved(0, 1).extent().north < bounds.north
            || centre.moved(0, -1).extent().south > bounds.south
            || centre.moved(1, 0).extent().east < bounds.east
            || centre.moved(-1, 0).extent().west > bounds.west;
        if steps > 1 && falls_short {
            steps -= 1;
            centre = Cell::of(self.centre, steps, MAX_LATITUDE);
        }
        let extent = centre.extent();
        let is_useless = |column: i8, row: i8| {
            steps >= 2
                && ((row < 0 && extent.south < bounds.south)
                    || (row > 0 && extent.north > bounds.north)
                    || (column < 0 && extent.west < bounds.west)
                    || (column > 0 && extent.east > bounds.east))
        };
        let around = [
            (0, 0),
            (0, 1),
            (0, -1),
            (1, 0),
            (-1, 0),
            (1, 1),
            (-1, 1),
            (1, -1),
            (-1, -1),
        ];
        let mut ranges = Vec::new();
        // Around a huge area, neighbours are the same cell; Redis leaves one out if it looked at it just before, the
        // centre excepted.
        let mut last: Option<Cell> = None;
        for (index, (column, row)) in around.into_iter().enumerate() {
            let cell = centre.moved(column, row);
            if is_useless(column, row) || last == Some(cell) {
                continue;
            }
            ranges.push(cell.score_range());
            last = (index > 0).then_some(cell);
        }
        ranges
    }

    /// What the area covers.
    fn bounds(&self) -> Extent {
        let (width, height) = match self.shape {
            Shape::Circle { radius } => (radius, radius),
            Shape::Rectangle { width, height } => (width / 2.0, height / 2.0),
        };
        let (width, height) = (self.unit * width, self.unit * height);
        let Place {
            longitude,
            latitude,
        } = self.centre;
        let latitude_delta = height / EARTH_RADIUS / DEGREE;
        // A degree of longitude is shorter towards the pole.
        let widest = if latitude < 0.0 {
            latitude - latitude_delta
        } else {
            latitude + latitude_delta
        };
        let longitude_delta = width / EARTH_RADIUS / cosine(widest * DEGREE) / DEGREE;
        Extent {
            west: longitude - longitude_delta,
            east: longitude + longitude_delta,
            south: latitude - latitude_delta,
            north: latitude + latitude_delta,
        }
    }
}

/// How often to halve the map so that a cell and its neighbours cover so many metres around a place.
fn steps_for(radius: f64, latitude: f64) -> u32 {
    if radius == 0.0 {
        return MAX_STEPS;
    }
    let mut range = radius;
    let mut steps = 1i32;
    while range < MERCATOR_MAX {
        range *= 2.0;
        steps += 1;
    }
    steps -= 2;
    // Towards the poles cells are narrower.
    if latitude.abs() > 66.0 {
        steps -= 1;
        if latitude.abs() > 80.0 {
            steps -= 1;
        }
    }
    steps.clamp(1, MAX_STEPS as i32) as u32
}

impl Cell {
    /// The cell of a place on a map that reaches up to `max_latitude`.
    fn of(place: Place, steps: u32, max_latitude: f64) -> Self {
        let cells = (1u64 << steps) as f64;
        let column = (place.longitude + MAX_LONGITUDE) / (2.0 * MAX_LONGITUDE) * cells;
        let row = (place.latitude + max_latitude) / (2.0 * max_latitude) * cells;
        Self {
            bits: spread(row as u32) | spread(column as u32) << 1,
            steps,
        }
    }

    fn extent(self) -> Extent {
        let cells = (1u64 << self.steps) as f64;
        let (row, column) = (gather(self.bits), gather(self.bits >> 1));
        let longitude =
            |column: u32| -MAX_LONGITUDE + (f64::from(column) / cells) * (2.0 * MAX_LONGITUDE);
        let latitude = |row: u32| -MAX_LATITUDE + (f64::from(row) / cells) * (2.0 * MAX_LATITUDE);
        Extent {
            west: longitude(column),
            east: longitude(column.wrapping_add(1)),
            south: latitude(row),
            north: latitude(row.wrapping_add(1)),
        }
    }

    /// The cell so many columns to the east and rows to the north; the map has no edges.
    fn moved(self, columns: i8, rows: i8) -> Self {
        let mask = (1u32 << self.steps) - 1;
        let moved = |index: u32, by: i8| index.wrapping_add_signed(by.into()) & mask;
        let (row, column) = (gather(self.bits), gather(self.bits >> 1));
        let row = if rows == 0 { row } else { moved(row, rows) };
        let column = if columns == 0 {
            column
        } else {
            moved(column, columns)
        };
        Self {
            bits: spread(row) | spread(column) << 1,
            steps: self.steps,
        }
    }

    /// The scores of the places in the cell.
    fn score_range(self) -> (f64, f64) {
        let shift = 2 * (MAX_STEPS - self.steps);
        let bound = |bits: u64| (bits << shift) as f64;
        (bound(self.bits), bound(self.bits + 1))
    }
}

/// The bits of a number at the even places of a longer one.
fn spread(number: u32) -> u64 {
    let mut bits = u64::from(number);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ] {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

/// The number whose bits are at the even places.
fn gather(bits: u64) -> u32 {
    let mut number = bits & 0x5555_5555_5555_5555;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        number = (number | number >> shift) & mask;
    }
    number as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const PALERMO: Place = Place {
        longitude: 13.361_389,
        latitude: 38.115_556,
    };
    const CATANIA: Place = Place {
        longitude: 15.087_269,
        latitude: 37.502_669,
    };

    /// The numbers are a real server's.
    #[test]
    fn scores_places_and_distances() {
        assert_eq!(PALERMO.score(), 3_479_099_956_230_698);
        assert_eq!(CATANIA.score(), 3_479_447_370_796_909);
        let palermo = Place::from_score(3_479_099_956_230_698.0);
        let catania = Place::from_score(3_479_447_370_796_909.0);
        assert_eq!(palermo.longitude, 13.361_389_338_970_184);
        assert_eq!(palermo.latitude, 38.115_556_395_496_3);
        assert_eq!(&palermo.geohash(), b"sqc8b49rny0");
        assert_eq!(format!("{:.4}", palermo.distance(catania)), "166274.1516");
    }

    #[test]
    fn bits_come_back_from_where_they_were_spread() {
        for number in [0, 1, 2, 0xffff_ffff, 0x1234_5678, 1 << 26] {
            assert_eq!(gather(spread(number)), number);
            assert_eq!(gather(spread(number) << 1 >> 1), number);
        }
    }

    #[test]
    fn every_score_is_a_place() {
        for score in [
            0.0,
            -1.0,
            0.5,
            1e18,
            1e19,
            1e20,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ] {
            let place = Place::from_score(score);
            assert!(place.longitude.abs() <= MAX_LONGITUDE && place.latitude.abs() <= MAX_LATITUDE);
        }
    }
}
