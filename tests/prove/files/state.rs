//! What is in a server, as its answers tell it: every key's type, encoding, expiry and content.

use std::collections::{BTreeMap, BTreeSet};

use lastsave_tests::native::Reply;

use crate::compare::now_us;

/// The words of a request.
pub(crate) type Words = Vec<Vec<u8>>;

/// Something that answers requests.
pub(crate) trait Ask {
    /// Sends requests at once and returns their answers.
    fn ask(&mut self, requests: &[Words]) -> Vec<Reply>;
}

/// A request from its words.
pub(crate) fn words<W: AsRef<[u8]>>(words: &[W]) -> Words {
    words.iter().map(|word| word.as_ref().to_vec()).collect()
}

/// The data of a server, by database and key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State(BTreeMap<(usize, Vec<u8>), Facts>);

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Facts {
    kind: Reply,
    encoding: Reply,
    expires_at_ms: Reply,
    content: Vec<Reply>,
}

/// Databases that are looked at.
const DATABASES: usize = 16;

impl State {
    /// Asks for everything.
    pub(crate) fn of(server: &mut impl Ask) -> Self {
        let requests: Vec<Words> = (0..DATABASES)
            .flat_map(|db| [words(&["SELECT", &db.to_string()]), words(&["KEYS", "*"])])
            .collect();
        let mut state = BTreeMap::new();
        let answers = server.ask(&requests);
        let databases = answers.chunks(2).enumerate();
        for (db, keys) in databases.map(|(db, pair)| (db, texts(&pair[1]))) {
            if keys.is_empty() {
                continue;
            }
            let mut requests = vec![words(&["SELECT", &db.to_string()])];
            for key in &keys {
                requests.push(words(&[b"TYPE", &key[..]]));
                requests.push(words(&[&b"OBJECT"[..], b"ENCODING", key]));
                requests.push(words(&[b"PEXPIRETIME", &key[..]]));
            }
            let about: Vec<Reply> = server.ask(&requests).split_off(1);
            let questions: Vec<Vec<Words>> = keys
                .iter()
                .zip(about.chunks(3))
                .map(|(key, about)| content_of(key, &about[0]))
                .collect();
            let mut answers = server.ask(&questions.concat()).into_iter();
            for ((key, about), questions) in keys.into_iter().zip(about.chunks(3)).zip(&questions) {
                let content = answers.by_ref().take(questions.len());
                let facts = Facts {
                    kind: about[0].clone(),
                    encoding: about[1].clone(),
                    expires_at_ms: about[2].clone(),
                    content: content
                        .map(|reply| canonical(&about[0], &about[1], reply))
                        .collect(),
                };
                state.insert((db, key), facts);
            }
        }
        Self(state)
    }

    /// What is different in another server, if anything is.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        let keys: BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        keys.into_iter().find_map(|place| {
            let (here, there) = (self.0.get(place), other.0.get(place));
            (here != there).then(|| {
                let name = place.1.escape_ascii();
                let text = |facts: Option<&Facts>| {
                    let mut text = facts.map_or("no such key".into(), |facts| format!("{facts:?}"));
                    text.truncate(600);
                    text
                };
                format!(
                    "key {name} of database {}:\n    one   {}\n    other {}",
                    place.0,
                    text(here),
                    text(there)
                )
            })
        })
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The requests that show the content of a key of this type.
fn content_of(key: &[u8], kind: &Reply) -> Vec<Words> {
    let Reply::Simple(kind) = kind else {
        panic!("TYPE answers with a word: {kind:?}");
    };
    let about = |before: &[&str], after: &[&str]| -> Words {
        let mut request = words(before);
        request.push(key.to_vec());
        request.extend(words(after));
        request
    };
    match kind.as_str() {
        "string" => vec![about(&["GET"], &[])],
        "list" => vec![about(&["LRANGE"], &["0", "-1"])],
        "set" => vec![about(&["SMEMBERS"], &[])],
        "hash" => vec![about(&["HGETALL"], &[])],
        "zset" => vec![about(&["ZRANGE"], &["0", "-1", "WITHSCORES"])],
        "stream" => vec![about(&["XINFO", "STREAM"], &["FULL", "COUNT", "0"])],
        // It expired between two questions, or has a type that nobody knows.
        _ => vec![about(&["EXISTS"], &[])],
    }
}

/// Puts what comes in no particular order into one, and blots out when a consumer was last seen, and times of the last two
/// minutes: reading an append-only file counts as seeing a consumer, and a delivery in the future counts as one of now.
fn canonical(kind: &Reply, encoding: &Reply, reply: Reply) -> Reply {
    let unordered = *encoding == Reply::Bulk(Some(b"hashtable".to_vec()));
    match (kind, reply) {
        (Reply::Simple(kind), Reply::Array(Some(items))) if unordered => {
            let step = if kind == "hash" { 2 } else { 1 };
            let mut parts: Vec<Vec<Reply>> = items.chunks(step).map(<[_]>::to_vec).collect();
            parts.sort_by_key(|part| format!("{part:?}"));
            Reply::Array(Some(parts.concat()))
        }
        (Reply::Simple(kind), reply) if kind == "stream" => without_seen_times(reply),
        (_, reply) => reply,
    }
}

fn without_seen_times(reply: Reply) -> Reply {
    let Reply::Array(Some(mut items)) = reply else {
        return reply;
    };
    let seen = Reply::Bulk(Some(b"seen-time".to_vec()));
    for at in 1..items.len() {
        if items[at - 1] == seen {
            items[at] = Reply::Integer(0);
        }
    }
    let now_ms = (now_us() / 1_000) as i64;
    let blotted = items.into_iter().map(|item| match item {
        Reply::Integer(number) if (now_ms - 120_000..=now_ms).contains(&number) => {
            Reply::Integer(0)
        }
        item => without_seen_times(item),
    });
    Reply::Array(Some(blotted.collect()))
}

fn texts(reply: &Reply) -> Vec<Vec<u8>> {
    let Reply::Array(Some(items)) = reply else {
        panic!("no list of keys: {reply:?}");
    };
    let text = |item: &Reply| match item {
        Reply::Bulk(Some(text)) => text.clone(),
        other => panic!("no key: {other:?}"),
    };
    items.iter().map(text).collect()
}
