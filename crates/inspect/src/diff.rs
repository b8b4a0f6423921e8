//! What two data sets differ in: keys that only one of them has, and what of the others is not the same.
//!
//! How a value is encoded makes no difference, nor do the times of use.

use lastsave_dict::ValueRef;
use lastsave_keyspace::values::listpack::Item;
use lastsave_keyspace::values::stream::StreamId;
use lastsave_keyspace::values::{Preview, Stream, value_digest};
use lastsave_keyspace::{Database, Keyspace, Object, Type, number};
use serde::Serialize;

use crate::words::{counted, grouped, moment, quoted};

/// What to look at.
#[derive(Clone, Copy, Debug)]
pub struct DiffOptions {
    /// Take keys for the same that differ in nothing but their expiry.
    pub ignore_ttl: bool,
    /// Parts of one value that are listed; the others are counted.
    pub parts: usize,
}

/// A key that is not the same in both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The database.
    pub db: usize,
    /// The key, in quotes, unprintable bytes escaped.
    pub key: String,
    /// Where it is, or in what it differs.
    #[serde(flatten)]
    pub what: What,
}

/// See [`Difference`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum What {
    /// Only the first has it: its type.
    OnlyInA {
        /// `string`, `list` …
        r#type: &'static str,
    },
    /// Only the second has it: its type.
    OnlyInB {
        /// `string`, `list` …
        r#type: &'static str,
    },
    /// Both have it.
    Different {
        /// In what it differs.
        parts: Vec<Part>,
        /// How many parts more differ.
        #[serde(skip_serializing_if = "is_zero")]
        more: u64,
    },
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it; on 64 bits only"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A part of a value, or of what is said of it, that differs. `None`: it is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Which.
    pub part: String,
    /// In the first.
    pub a: Option<String>,
    /// In the second.
    pub b: Option<String>,
}

/// How many keys there are of each sort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DiffCounts {
    /// The same in both.
    pub same: u64,
    /// Only in the first.
    pub only_in_a: u64,
    /// Only in the second.
    pub only_in_b: u64,
    /// In both, and not the same.
    pub different: u64,
}

impl DiffCounts {
    /// Whether the data sets are the same.
    pub fn are_same(&self) -> bool {
        self.only_in_a + self.only_in_b + self.different == 0
    }
}

impl std::fmt::Display for DiffCounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            same,
            only_in_a,
            only_in_b,
            different,
        } = *self;
        let verdict = if self.are_same() {
            "the same"
        } else {
            "NOT the same"
        };
        write!(
            f,
            "{verdict}: {} alike, {} different, {} only in the first, {} only in the second",
            counted(same, "key", "keys"),
            grouped(different),
            grouped(only_in_a),
            grouped(only_in_b)
        )
    }
}

/// Compares two data sets, database by database, key by key in the order of their bytes; tells `each` what differs.
pub fn diff(
    a: &Keyspace,
    b: &Keyspace,
    options: DiffOptions,
    each: &mut dyn FnMut(Difference),
) -> DiffCounts {
    let mut counts = DiffCounts::default();
    for db in 0..a.databases.len().max(b.databases.len()) {
        let (in_a, in_b) = (a.databases.get(db), b.databases.get(db));
        let mut keys: Vec<&[u8]> = in_a.iter().flat_map(|database| keys_of(database)).collect();
        let is_new = |key: &&[u8]| in_a.is_none_or(|database| database.keys.get(key).is_none());
        keys.extend(
            in_b.iter()
                .flat_map(|database| keys_of(database))
                .filter(is_new),
        );
        keys.sort_unstable();
        for key in keys {
            let a = in_a.and_then(|database| database.keys.get(key));
            let b = in_b.and_then(|database| database.keys.get(key));
            let what = match (a, b) {
                (Some(a), Some(b)) => {
                    let mut parts = Parts {
                        parts: Vec::new(),
                        more: 0,
                        most: options.parts,
                    };
                    if !options.ignore_ttl && a.expires_at_ms() != b.expires_at_ms() {
                        let shown = |ms: Option<u64>| ms.map(|ms| moment(ms.cast_signed()));
                        parts.add("expiry", shown(a.expires_at_ms()), shown(b.expires_at_ms()));
                    }
                    values(a.value(), b.value(), &mut parts);
                    if parts.parts.is_empty() && parts.more == 0 {
                        counts.same += 1;
                        continue;
                    }
                    counts.different += 1;
                    What::Different {
                        parts: parts.parts,
                        more: parts.more,
                    }
                }
                (Some(a), None) => {
                    counts.only_in_a += 1;
                    What::OnlyInA {
                        r#type: Type::of(a.value()).name(),
                    }
                }
                (None, Some(b)) => {
                    counts.only_in_b += 1;
                    What::OnlyInB {
                        r#type: Type::of(b.value()).name(),
                    }
                }
                (None, None) => continue,
            };
            each(Difference {
                db,
                key: quoted(key, 200),
                what,
            });
        }
    }
    counts
}

fn keys_of(database: &Database) -> impl Iterator<Item = &[u8]> {
    database.keys.iter().map(|entry| entry.key())
}

/// The parts that differ, as many as are listed.
struct Parts {
    parts: Vec<Part>,
    more: u64,
    most: usize,
}

impl Parts {
    fn add(&mut self, part: impl Into<String>, a: Option<String>, b: Option<String>) {
        if a == b {
            return;
        }
        if self.parts.len() < self.most {
            self.parts.push(Part {
                part: part.into(),
                a,
                b,
            });
        } else {
            self.more += 1;
        }
    }
}

fn shown(item: Item<'_>) -> String {
    quoted(item.text(&mut itoa::Buffer::new()), 60)
}

fn values(a: ValueRef<'_, Object>, b: ValueRef<'_, Object>, parts: &mut Parts) {
    let (type_a, type_b) = (Type::of(a), Type::of(b));
    if type_a != type_b {
        return parts.add(
            "type",
            Some(type_a.name().into()),
            Some(type_b.name().into()),
        );
    }
    if value_digest(a) == value_digest(b) {
        return;
    }
    let before = parts.parts.len() as u64 + parts.more;
    match (a, b) {
        (ValueRef::Object(Object::List(a)), ValueRef::Object(Object::List(b))) => {
            parts.add(
                "length",
                Some(a.len().to_string()),
                Some(b.len().to_string()),
            );
            let (mut a, mut b) = (a.iter(), b.iter());
            for index in 0.. {
                let (a, b) = (a.next(), b.next());
                if a.is_none() && b.is_none() {
                    break;
                }
                if !same_text(a, b) {
                    parts.add(format!("element {index}"), a.map(shown), b.map(shown));
                }
            }
        }
        (ValueRef::Object(Object::Set(a)), ValueRef::Object(Object::Set(b))) => {
            for member in a.iter().filter(|member| !b.contains_item(*member)) {
                parts.add(
                    format!("member {}", shown(member)),
                    Some("there".into()),
                    None,
                );
            }
            for member in b.iter().filter(|member| !a.contains_item(*member)) {
                parts.add(
                    format!("member {}", shown(member)),
                    None,
                    Some("there".into()),
                );
            }
        }
        (ValueRef::Object(Object::Hash(a)), ValueRef::Object(Object::Hash(b))) => {
            let buffer = &mut itoa::Buffer::new();
            for (field, value) in a.iter() {
                let other = b.get(field.text(buffer));
                if !same_text(Some(value), other) {
                    parts.add(
                        format!("field {}", shown(field)),
                        Some(shown(value)),
                        other.map(shown),
                    );
                }
            }
            for (field, value) in b.iter() {
                if !a.contains(field.text(buffer)) {
                    parts.add(format!("field {}", shown(field)), None, Some(shown(value)));
                }
            }
        }
        (ValueRef::Object(Object::SortedSet(a)), ValueRef::Object(Object::SortedSet(b))) => {
            let buffer = &mut itoa::Buffer::new();
            let score = number::print_double;
            for (member, one) in a.iter() {
                let other = b.score(member.text(buffer));
                if other.is_none_or(|other| other.to_bits() != one.to_bits()) {
                    let name = format!("member {}", shown(member));
                    parts.add(
                        name,
                        Some(score(one).to_string()),
                        other.map(|other| score(other).to_string()),
                    );
                }
            }
            for (member, other) in b.iter() {
                if a.score(member.text(buffer)).is_none() {
                    parts.add(
                        format!("member {}", shown(member)),
                        None,
                        Some(score(other).to_string()),
                    );
                }
            }
        }
        (ValueRef::Object(Object::Stream(a)), ValueRef::Object(Object::Stream(b))) => {
            streams(a, b, parts);
        }
        _ => strings(&text_of(a), &text_of(b), parts),
    }
    if parts.parts.len() as u64 + parts.more == before {
        parts.add(
            "value",
            Some("not as in the other".into()),
            Some("not as in the first".into()),
        );
    }
}

fn same_text(a: Option<Item<'_>>, b: Option<Item<'_>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => b.eq_text(a.text(&mut itoa::Buffer::new())),
        (None, None) => true,
        _ => false,
    }
}

fn text_of(value: ValueRef<'_, Object>) -> Vec<u8> {
    Preview::of(value, usize::MAX, usize::MAX)
        .elements
        .concat()
        .concat()
}

/// Long strings are shown from a little before the first byte that differs.
fn strings(a: &[u8], b: &[u8], parts: &mut Parts) {
    const SHOWN: usize = 60;
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    if a.len().max(b.len()) <= SHOWN {
        return parts.add("value", Some(quoted(a, SHOWN)), Some(quoted(b, SHOWN)));
    }
    if a.len() != b.len() {
        parts.add(
            "length",
            Some(a.len().to_string()),
            Some(b.len().to_string()),
        );
    }
    let from = same.saturating_sub(8);
    parts.add(
        format!("from byte {from}"),
        a.get(from..).map(|rest| quoted(rest, SHOWN)),
        b.get(from..).map(|rest| quoted(rest, SHOWN)),
    );
}

fn streams(a: &Stream, b: &Stream, parts: &mut Parts) {
    let id = |id: StreamId| Some(String::from_utf8_lossy(id.text().as_ref()).into_owned());
    let (one, other) = (a.entries().counters(), b.entries().counters());
    parts.add("last ID", id(one.last_id), id(other.last_id));
    parts.add(
        "greatest deleted ID",
        id(one.max_deleted_id),
        id(other.max_deleted_id),
    );
    parts.add(
        "entries added",
        Some(one.entries_added.to_string()),
        Some(other.entries_added.to_string()),
    );

    let entries = |stream: &Stream| -> std::collections::BTreeMap<StreamId, String> {
        let pair =
            |(field, value): (Item<'_>, Item<'_>)| format!("{} {}", shown(field), shown(value));
        let all = stream.entries().range(StreamId::MIN, StreamId::MAX);
        all.map(|entry| {
            (
                entry.id,
                entry.fields.map(pair).collect::<Vec<_>>().join(" "),
            )
        })
        .collect()
    };
    both(
        entries(a),
        entries(b),
        |at| format!("entry {}", id(at).unwrap_or_default()),
        parts,
    );

    let groups = |stream: &Stream| -> std::collections::BTreeMap<String, String> {
        let facts = stream.groups().iter().map(|(name, group)| {
            let pending: Vec<String> = group
                .pending_from(StreamId::MIN)
                .map(|(at, pending)| {
                    format!(
                        "{} for {}",
                        id(at).unwrap_or_default(),
                        quoted(pending.consumer(), 60)
                    )
                })
                .collect();
            let facts = format!(
                "delivered up to {}, pending: {}",
                id(group.last_id).unwrap_or_default(),
                if pending.is_empty() {
                    "none".into()
                } else {
                    pending.join(", ")
                }
            );
            (quoted(name, 60), facts)
        });
        facts.collect()
    };
    both(groups(a), groups(b), |name| format!("group {name}"), parts);
}

/// What two maps differ in.
fn both<K: Ord + Clone>(
    a: std::collections::BTreeMap<K, String>,
    mut b: std::collections::BTreeMap<K, String>,
    name: impl Fn(K) -> String,
    parts: &mut Parts,
) {
    for (key, one) in a {
        let other = b.remove(&key);
        if other.as_ref() != Some(&one) {
            parts.add(name(key), Some(one), other);
        }
    }
    for (key, other) in b {
        parts.add(name(key), None, Some(other));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{DataFiles, load};

    fn data_set(commands: &[&str]) -> Keyspace {
        let mut log = Vec::new();
        for command in commands {
            let words: Vec<&str> = command.split(' ').collect();
            log.extend(format!("*{}\r\n", words.len()).bytes());
            for word in words {
                log.extend(format!("${}\r\n{word}\r\n", word.len()).bytes());
            }
        }
        load(DataFiles::Log(log), 0).expect("it loads")
    }

    /// A line for each part of each difference.
    fn differences(a: &[&str], b: &[&str], ignore_ttl: bool) -> (Vec<String>, DiffCounts) {
        let options = DiffOptions {
            ignore_ttl,
            parts: 10,
        };
        let mut lines = Vec::new();
        let counts = diff(&data_set(a), &data_set(b), options, &mut |found| {
            let head = format!("{}/{}", found.db, found.key.trim_matches('"'));
            match found.what {
                What::OnlyInA { r#type } => lines.push(format!("{head} only in a: {type}")),
                What::OnlyInB { r#type } => lines.push(format!("{head} only in b: {type}")),
                What::Different { parts, .. } => lines.extend(parts.into_iter().map(|part| {
                    let side = |side: Option<String>| side.unwrap_or("-".into());
                    format!("{head} {}: {} {}", part.part, side(part.a), side(part.b))
                })),
            }
        });
        (lines, counts)
    }

    #[test]
    fn every_type_says_what_differs() {
        let a = [
            "SET s one",
            "RPUSH l a b",
            "SADD t 1 2",
            "HSET h f 1 g 2",
            "ZADD z 1 m 2 n",
            "XADD x 1-1 f v",
            "SET only 1",
            "SET same 1",
            "PEXPIREAT same 4000000000000",
        ];
        let b = [
            "SET s two",
            "RPUSH l a c d",
            "SADD t 2 3",
            "HSET h f 1 g 3",
            "ZADD z 1 m 3 n",
            "XADD x 1-1 f w",
            "SET same 1",
            "SELECT 2",
            "SADD only 1",
        ];
        let (lines, counts) = differences(&a, &b, false);
        assert_eq!(
            lines,
            [
                "0/h field \"g\": \"2\" \"3\"",
                "0/l length: 2 3",
                "0/l element 1: \"b\" \"c\"",
                "0/l element 2: - \"d\"",
                "0/only only in a: string",
                "0/s value: \"one\" \"two\"",
                "0/same expiry: 2096-10-02 07:06:40.000 UTC -",
                "0/t member \"1\": there -",
                "0/t member \"3\": - there",
                "0/x entry 1-1: \"f\" \"v\" \"f\" \"w\"",
                "0/z member \"n\": 2 3",
                "2/only only in b: set",
            ]
        );
        assert_eq!(
            (
                counts.same,
                counts.different,
                counts.only_in_a,
                counts.only_in_b
            ),
            (0, 7, 1, 1)
        );
        let (lines, counts) = differences(&a, &a, false);
        assert!(lines.is_empty() && counts.are_same() && counts.same == 8);
        assert_eq!(
            differences(&["SET k 1", "PEXPIRE k 9000"], &["SET k 1"], true)
                .1
                .same,
            1
        );
        assert_eq!(
            differences(&["SET k 1"], &["LPUSH k 1"], true).0,
            ["0/k type: string list"]
        );
    }

    #[test]
    fn encodings_make_no_difference() {
        let long = "v".repeat(100);
        let widened = format!("HSET h f {long}");
        let (lines, _) = differences(&["HSET h f 1"], &[&widened, "HSET h f 1"], false);
        assert!(lines.is_empty(), "{lines:?}");
    }
}
