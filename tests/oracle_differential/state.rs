//! Everything that is in a server: each key's type, encoding, expiry and content.

use std::collections::BTreeMap;

use crate::compare::is_same_ttl;
use crate::side::Side;
use crate::value::Value;
use crate::{Words, words};

/// What is known of a key.
#[derive(Debug)]
pub(crate) struct Facts {
    kind: Value,
    encoding: Value,
    ttl_ms: Value,
    content: Value,
}

impl Facts {
    /// What is different, if anything is.
    fn difference(&self, redis: &Self) -> Option<&'static str> {
        match () {
            () if self.kind != redis.kind => Some("type"),
            () if self.encoding != redis.encoding => Some("encoding"),
            () if !is_same_ttl(&self.ttl_ms, &redis.ttl_ms) => Some("expiry"),
            () if self.content != redis.content => Some("content"),
            () => None,
        }
    }
}

pub(crate) type State = BTreeMap<(u32, Vec<u8>), Facts>;

/// The databases that a program uses.
const DATABASES: u32 = 3;

/// Looks at everything, and leaves database 0 selected. Nothing that has expired is met: DUMP of it is null.
pub(crate) fn of(side: &mut Side) -> State {
    let mut state = State::new();
    for db in 0..DATABASES {
        side.call(&["SELECT", &db.to_string()]);
        let keys = side.call(&["KEYS", "*"]);
        for key in keys.items() {
            let key = key.text().to_vec();
            let facts = facts(side, &key);
            state.insert((db, key), facts);
        }
    }
    side.call(&["SELECT", "0"]);
    state
}

fn facts(side: &mut Side, key: &[u8]) -> Facts {
    let about = |name: &[&str]| -> Words {
        let mut request = words(name);
        request.push(key.to_vec());
        request
    };
    let answers = side.call_all(&[
        about(&["TYPE"]),
        about(&["OBJECT", "ENCODING"]),
        about(&["PTTL"]),
    ]);
    let [kind, encoding, ttl_ms] = <[Value; 3]>::try_from(answers).expect("three answers");
    let request = match (kind.text(), encoding.text()) {
        (b"set", b"hashtable") => about(&["SMEMBERS"]),
        (b"hash", b"hashtable") => about(&["HGETALL"]),
        // Times are in what is saved of groups.
        (b"stream", _) => about(&["XINFO", "STREAM"]),
        _ => about(&["DUMP"]),
    };
    let content = side.call_all(&[request]).remove(0);
    let content = match (kind.text(), encoding.text()) {
        (b"set", b"hashtable") => in_order(&content, 1),
        (b"hash", b"hashtable") => in_order(&content, 2),
        (b"stream", _) => {
            let mut entries = about(&["XRANGE"]);
            entries.extend(words(&["-", "+"]));
            let more = side.call_all(&[entries, about(&["XINFO", "GROUPS"])]);
            Value::Array(b'*', [vec![content], more].concat())
        }
        _ => content,
    };
    Facts {
        kind,
        encoding,
        ttl_ms,
        content,
    }
}

fn in_order(value: &Value, step: usize) -> Value {
    let mut items: Vec<&[Value]> = value.items().chunks(step).collect();
    items.sort();
    Value::Array(b'*', items.concat())
}

/// The first key that is not the same in both.
pub(crate) fn difference(ours: &State, redis: &State) -> Option<String> {
    let keys: std::collections::BTreeSet<_> = ours.keys().chain(redis.keys()).collect();
    keys.into_iter().find_map(|place @ (db, key)| {
        let name = format!("key {} of database {db}", key.escape_ascii());
        match (ours.get(place), redis.get(place)) {
            (Some(ours), Some(redis)) => ours
                .difference(redis)
                .map(|what| format!("{name}: another {what}\n  ours  {ours:?}\n  redis {redis:?}")),
            (Some(_), None) => Some(format!("{name} is there, and not in redis")),
            (None, _) => Some(format!("{name} is missing")),
        }
    })
}
