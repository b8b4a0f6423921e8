//! What the page and its worker say to each other, as plain data.

use lastsave_scenario::{
    BranchView, Completion, PastView, Progress, Span, TimelinePoint, View, ViewRequest,
};
use serde::{Deserialize, Serialize};
use serde_wasm_bindgen::{Error, Serializer};
use wasm_bindgen::JsValue;

/// A message as the browser carries it. Whole numbers travel as big integers: a trace hash does not fit into a float.
///
/// # Errors
/// None for the types of this module; the encoder's signature allows them.
pub(crate) fn encode(message: &impl Serialize) -> Result<JsValue, Error> {
    let serializer = Serializer::new().serialize_large_number_types_as_bigints(true);
    message.serialize(&serializer)
}

/// Reads a message that [`encode`] made.
///
/// # Errors
/// If it is none of this version of the program.
pub(crate) fn decode<T: for<'any> Deserialize<'any>>(message: JsValue) -> Result<T, Error> {
    serde_wasm_bindgen::from_value(message)
}

/// From the page to the worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum ToWorker {
    /// Puts a fresh machine in place of the one there is, and enters these lines.
    Load {
        /// The seed of everything random on it.
        seed: u64,
        /// Its first lines.
        lines: Vec<String>,
    },
    /// Enters lines as if they were typed. They queue up behind those still being carried out.
    Enter(Vec<String>),
    /// Gives up the line being carried out and those waiting, and stops playing.
    Interrupt,
    /// Asks what could stand at the end of a line; answered with the same number.
    Complete {
        /// Tells answers apart when several are under way.
        id: u32,
        /// The line up to the cursor.
        line: String,
    },
    /// Which parts of the machine the page shows from now on.
    Show(ViewRequest),
    /// Lets what is being carried out wait, or go on. An interrupt or a fresh machine waits no more.
    Hold(bool),
    /// Lets simulated time run at this multiple of real time, or stops it.
    Play(Option<f64>),
    /// Obeys a word of history (`back fsync`, `goto 03:12:07`, `undo`) at once, whatever is being carried out.
    Travel(String),
    /// Shows the machine as it was at this time, microseconds since the epoch, without a line for it.
    Seek(u64),
}

impl ToWorker {
    /// Whether this changes the machine, rather than asking about it.
    pub fn is_order(&self) -> bool {
        !matches!(self, Self::Complete { .. } | Self::Show(_) | Self::Hold(_))
    }
}

/// From the worker to the page.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum FromWorker {
    /// The worker listens. Sent once, first.
    Ready,
    /// Something happened. At most about ten a second.
    Update(Box<Update>),
    /// The answer to [`ToWorker::Complete`].
    Completed {
        /// The question's number.
        id: u32,
        /// What could stand there.
        completion: Completion,
    },
    /// The engine met a defect of its own and cannot go on. Sent once, last.
    Failed(String),
}

/// The state of the terminal and of the machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Update {
    /// Whether the machine is a fresh one: everything written before belongs to another.
    pub fresh: bool,
    /// What the terminal wrote since the last update.
    pub spans: Vec<Span>,
    /// How many orders the worker has taken: loads, lines, interrupts, changes of speed.
    pub taken: u32,
    /// The prompt.
    pub prompt: String,
    /// Whether something is being carried out.
    pub progress: Progress,
    /// For how long, in milliseconds of real time.
    pub running_ms: f64,
    /// The multiple of real time at which the clock runs by itself.
    pub playing: Option<f64>,
    /// The session's lines, if they are not what the page has entered: time was played, or history taken another way.
    pub lines: Option<Vec<String>>,
    /// What is known of the past, while it is looked at.
    pub past: Option<PastView>,
    /// What has been put aside.
    pub branches: Vec<BranchView>,
    /// What the page asked to see, without the timeline's curve; left out while that would cost more than it shows.
    pub view: Option<View>,
    /// The timeline's curve.
    pub curve: Curve,
}

/// A timeline's curve as bytes, sixteen a point: as objects its numbers would be most of what an update costs, on the page's
/// side too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Curve(Vec<u8>);

impl Curve {
    /// The curve through these points.
    pub(crate) fn of(points: &[TimelinePoint]) -> Self {
        let words = points.iter().flat_map(|it| [it.at_us, it.exposed]);
        Self(words.flat_map(u64::to_le_bytes).collect())
    }

    /// The points.
    pub(crate) fn points(&self) -> Vec<TimelinePoint> {
        let (words, _) = self.0.as_chunks();
        let words: Vec<u64> = words.iter().copied().map(u64::from_le_bytes).collect();
        let (pairs, _) = words.as_chunks();
        let points = pairs
            .iter()
            .map(|&[at_us, exposed]| TimelinePoint { at_us, exposed });
        points.collect()
    }
}

impl Serialize for Curve {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Curve {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Curve;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the bytes of a curve")
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Curve, E> {
                Ok(Curve(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn a_number_that_no_float_holds_arrives() {
        let message = ToWorker::Load {
            seed: u64::MAX - 1,
            lines: vec!["redis-server".into()],
        };
        let Ok(ToWorker::Load { seed, lines }) = decode(encode(&message).unwrap()) else {
            panic!("it was a load");
        };
        assert_eq!((seed, lines.len()), (u64::MAX - 1, 1));
    }

    #[test]
    fn a_curve_arrives() {
        let point = |at_us| TimelinePoint {
            at_us,
            exposed: u64::MAX - at_us,
        };
        let points: Vec<TimelinePoint> = (0..600).map(point).collect();
        let curve: Curve = decode(encode(&Curve::of(&points)).unwrap()).unwrap();
        assert_eq!(curve.points(), points);
    }
}
