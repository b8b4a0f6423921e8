//! LOLWUT: a picture after Georg Nees's "Schotter", squares that lose their order from row to row.

use lastsave_keyspace::number::parse_i64;
use lastsave_resp::Args;

use crate::REDIS_VERSION;
use crate::client::Client;

/// Columns of the terminal, squares in a row, and rows of squares, if the words do not say otherwise.
const DEFAULTS: [i64; 3] = [66, 8, 12];

/// More than that takes too long.
const LIMITS: [i64; 3] = [1000, 200, 200];

/// `LOLWUT [VERSION version] [columns] [squares-per-row] [rows]`: versions 5 and 6 had pictures, version 7 has none.
pub(super) fn lolwut(client: &mut Client, args: Args<'_>, mut random: u64) {
    let version = args.get(2).and_then(parse_i64);
    let with_version = args
        .get(1)
        .is_some_and(|word| word.eq_ignore_ascii_case(b"VERSION"))
        && args.len() > 2;
    if with_version && version.is_none() {
        return client
            .reply
            .error("ERR value is not an integer or out of range");
    }
    if !with_version || !matches!(version, Some(5 | 6)) {
        let text = format!("Redis ver. {REDIS_VERSION}\n");
        return client.reply.verbatim("txt", text.as_bytes());
    }
    let mut numbers = DEFAULTS;
    let words = args.skip(3);
    for ((number, limit), word) in numbers.iter_mut().zip(LIMITS).zip(words.iter()) {
        match parse_i64(word) {
            Some(given) => *number = given.clamp(1, limit),
            None => {
                return client
                    .reply
                    .error("ERR value is not an integer or out of range");
            }
        }
    }
    let [columns, per_row, rows] = numbers.map(|number| number as usize);
    let mut next = || {
        // Pictures need no better randomness than this.
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 40) as f64 / f64::from(1 << 23) - 1.0
    };
    let picture = schotter(columns, per_row, rows, &mut next);
    let text = format!(
        "{}\nAfter Georg Nees, Schotter, 1968. Redis ver. {REDIS_VERSION}\n",
        picture.to_text()
    );
    client.reply.verbatim("txt", text.as_bytes());
}

/// Dots, eight to a character.
struct Canvas {
    width: usize,
    height: usize,
    dots: Vec<bool>,
}

fn schotter(
    columns: usize,
    per_row: usize,
    rows: usize,
    random: &mut impl FnMut() -> f64,
) -> Canvas {
    let width = columns * 2;
    let margin = if width > 4 { 2.0 } else { 0.0 };
    let side = (width as f64 - 2.0 * margin) / per_row as f64;
    let height = (side * rows as f64 + 2.0 * margin) as usize + 1;
    let mut canvas = Canvas {
        width,
        height,
        dots: vec![false; width * height],
    };
    for row in 0..rows {
        let disorder = if row < 2 {
            0.0
        } else {
            row as f64 / rows as f64
        };
        for column in 0..per_row {
            let angle = random() * disorder;
            let x = margin + side * (column as f64 + 0.5 + random() * disorder / 3.0);
            let y = margin + side * (row as f64 + 0.5 + random() * disorder / 3.0);
            canvas.square(x, y, side, angle);
        }
    }
    canvas
}

impl Canvas {
    /// The outline of a square around `(x, y)`, turned by `angle` radians (at most about one).
    fn square(&mut self, x: f64, y: f64, side: f64, angle: f64) {
        // Computed by hand so that every platform draws the same.
        let square = angle * angle;
        let sin = angle * (1.0 - square / 6.0 * (1.0 - square / 20.0));
        let cos = 1.0 - square / 2.0 * (1.0 - square / 12.0);
        let half = side / 2.0;
        let steps = (side * 2.0) as usize + 1;
        for step in 0..=steps {
            let along = side * step as f64 / steps as f64 - half;
            for (dx, dy) in [(along, -half), (along, half), (-half, along), (half, along)] {
                self.set(x + dx * cos - dy * sin, y + dx * sin + dy * cos);
            }
        }
    }

    fn set(&mut self, x: f64, y: f64) {
        if x >= 0.0 && y >= 0.0 && (x as usize) < self.width && (y as usize) < self.height {
            self.dots[y as usize * self.width + x as usize] = true;
        }
    }

    /// The dots in Braille characters, two by four each.
    fn to_text(&self) -> String {
        /// The bit of each dot of a character, row by row.
        const BITS: [[u32; 2]; 4] = [[0, 3], [1, 4], [2, 5], [6, 7]];
        let dot = |x: usize, y: usize| y < self.height && self.dots[y * self.width + x];
        let mut text = String::new();
        for y in (0..self.height).step_by(4) {
            for x in (0..self.width).step_by(2) {
                let mut bits = 0;
                for (dy, row) in BITS.iter().enumerate() {
                    for (dx, bit) in row.iter().enumerate() {
                        bits |= u32::from(dot(x + dx, y + dy)) << bit;
                    }
                }
                text.push(char::from_u32(0x2800 + bits).unwrap_or(' '));
            }
            text.push('\n');
        }
        text
    }
}
