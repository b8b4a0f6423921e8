//! Keys: comparing two data sets, and the keys tab.

use std::collections::BTreeSet;

use lastsave_dict::{EntryRef, ValueRef};
use lastsave_engine::Engine;
use lastsave_keyspace::glob;
use lastsave_keyspace::values::{Preview, value_digest};
use lastsave_keyspace::{Keyspace, Object, Type};

use super::World;
use crate::reply::escaped;
use crate::{KeyDetail, KeyRow, KeysRequest, KeysView};

/// How one data set differs from an earlier one. Keys whose time has come count in neither.
#[derive(Clone, Debug, Default)]
pub(super) struct Difference {
    /// Keys of the earlier one.
    pub(super) before: u64,
    /// Keys that are missing, with their databases.
    pub(super) gone: BTreeSet<(usize, Vec<u8>)>,
    /// Keys whose value or expiry differs.
    pub(super) changed: BTreeSet<(usize, Vec<u8>)>,
    /// Keys that the earlier one did not have.
    pub(super) unexpected: BTreeSet<(usize, Vec<u8>)>,
}

/// Compares the data of two processes.
pub(super) fn compare(before: &Keyspace, after: &Keyspace, now_ms: u64) -> Difference {
    let mut difference = Difference::default();
    for (db, database) in before.databases.iter().enumerate() {
        for entry in database.keys.iter().filter(|entry| is_alive(entry, now_ms)) {
            difference.before += 1;
            let there = after
                .databases
                .get(db)
                .and_then(|database| database.keys.get(entry.key()))
                .filter(|there| is_alive(there, now_ms));
            match there {
                None => {
                    difference.gone.insert((db, entry.key().to_vec()));
                }
                Some(there)
                    if there.expires_at_ms() != entry.expires_at_ms()
                        || !same_value(there.value(), entry.value()) =>
                {
                    difference.changed.insert((db, entry.key().to_vec()));
                }
                Some(_) => {}
            }
        }
    }
    for (db, database) in after.databases.iter().enumerate() {
        let alive = database.keys.iter().filter(|entry| is_alive(entry, now_ms));
        for entry in alive.filter(|entry| find(before, db, entry.key()).is_none()) {
            difference.unexpected.insert((db, entry.key().to_vec()));
        }
    }
    difference
}

fn is_alive(entry: &EntryRef<'_, Object>, now_ms: u64) -> bool {
    entry.expires_at_ms().is_none_or(|at_ms| at_ms > now_ms)
}

fn same_value(left: ValueRef<'_, Object>, right: ValueRef<'_, Object>) -> bool {
    match (left, right) {
        (ValueRef::Integer(left), ValueRef::Integer(right)) => left == right,
        (ValueRef::Bytes(left), ValueRef::Bytes(right)) => left == right,
        // Loading may turn digits into an integer that were built as text, and pack what was spread out.
        _ => Type::of(left) == Type::of(right) && value_digest(left) == value_digest(right),
    }
}

/// How many elements of a collection the keys tab shows.
const SHOWN_ELEMENTS: usize = 16;

/// The beginning of a value as the keys tab shows it: `hello`, `[a, b, …]`, `{field: value}`, `{1: member}`.
pub(crate) fn shown(value: ValueRef<'_, Object>) -> String {
    let Preview { len, elements } = Preview::of(value, SHOWN_ELEMENTS, SHOWN_LEN);
    let kind = Type::of(value);
    if kind == Type::String {
        let text = elements.concat().concat();
        let ellipsis = if (text.len() as u64) < len { "…" } else { "" };
        return format!("{}{ellipsis}", escaped(&text));
    }
    let mut shown: Vec<String> = Vec::new();
    let mut room = SHOWN_LEN;
    for parts in &elements {
        let words: Vec<String> = parts.iter().map(|part| escaped(part)).collect();
        let text = match (kind, &words[..]) {
            (Type::Hash | Type::SortedSet, [name, value]) => format!("{name}: {value}"),
            (Type::Stream, [id, fields @ ..]) => format!("{id} {}", fields.join(" ")),
            _ => words.concat(),
        };
        if room < text.len() && !shown.is_empty() {
            break;
        }
        room = room.saturating_sub(text.len());
        shown.push(text);
    }
    if (shown.len() as u64) < len {
        shown.push(format!("… {len} in all"));
    }
    let (open, close) = match kind {
        Type::List | Type::Stream => ('[', ']'),
        _ => ('{', '}'),
    };
    format!("{open}{}{close}", shown.join(", "))
}

/// A value longer than this is cut in the keys tab, in bytes.
const SHOWN_LEN: usize = 200;

impl World {
    /// The page of keys asked for. While no server runs, and after a recovery, those that are gone are among them.
    pub(super) fn keys_view(&self, request: &KeysRequest) -> KeysView {
        let running = self.engine().map(Engine::keyspace);
        let lost = self.ended.as_ref().map(|ended| &*ended.keyspace);
        let mut databases = Vec::new();
        let shown = running.or(lost);
        for (db, database) in shown
            .iter()
            .flat_map(|shown| shown.databases.iter().enumerate())
        {
            if !database.keys.is_empty() {
                databases.push((db, database.keys.len() as u64));
            }
        }
        let difference = self.ended.as_ref().map(|ended| &ended.difference);
        let matches = |key: &[u8]| matches(request.filter.as_bytes(), key);
        let mut names: Vec<&[u8]> = Vec::new();
        if !request.changed_only {
            let present = shown
                .and_then(|shown| shown.databases.get(request.db))
                .into_iter()
                .flat_map(|database| database.keys.iter());
            names.extend(present.map(|entry| entry.key()).filter(|key| matches(key)));
        }
        let of_db = |keys: &BTreeSet<(usize, Vec<u8>)>| {
            keys.iter().filter(|(db, _)| *db == request.db).count() as u64
        };
        if let (Some(running), Some(difference)) = (running, difference) {
            let here = |(db, key): &&(usize, Vec<u8>)| *db == request.db && matches(key);
            let gone = difference.gone.iter().filter(here);
            names.extend(
                gone.map(|(_, key)| key.as_slice())
                    .filter(|key| find(running, request.db, key).is_none()),
            );
            if request.changed_only {
                let others = difference.changed.iter().chain(&difference.unexpected);
                names.extend(others.filter(here).map(|(_, key)| key.as_slice()));
            }
        }
        let total = names.len() as u64;
        let end = request.offset.saturating_add(request.limit);
        if end < names.len() {
            names.select_nth_unstable(end);
            names.truncate(end);
        }
        names.sort_unstable();
        let rows = names.iter().skip(request.offset);
        KeysView {
            total,
            databases,
            rows: rows.map(|key| self.key_row(request.db, key)).collect(),
            compared: running.is_some() && self.ended.as_ref().is_some_and(|ended| ended.settled),
            gone: difference.map_or(0, |difference| of_db(&difference.gone)),
            changed: difference.map_or(0, |difference| of_db(&difference.changed)),
            unexpected: difference.map_or(0, |difference| of_db(&difference.unexpected)),
            detail: request
                .selected
                .as_deref()
                .and_then(|name| self.key_detail(request.db, name)),
        }
    }

    /// The key that [`KeyRow::key`] names so, and its first elements.
    fn key_detail(&self, db: usize, name: &str) -> Option<KeyDetail> {
        let key = unescaped(name)?;
        let ended = self.ended.as_ref();
        let live = self
            .engine()
            .and_then(|engine| find(engine.keyspace(), db, &key));
        let old = ended.and_then(|ended| find(&ended.keyspace, db, &key));
        let row = self.key_row(db, &key);
        let before = old
            .as_ref()
            .filter(|_| row.fate == "changed")
            .map(|old| shown(old.value()));
        let entry = live.or(old)?;
        let kind = Type::of(entry.value());
        let Preview { len, elements } = Preview::of(entry.value(), DETAIL_ELEMENTS, DETAIL_LEN);
        let quoted = if key
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b":_-.{}/".contains(byte))
        {
            name.to_owned()
        } else {
            format!("\"{name}\"")
        };
        let line = match kind {
            Type::String => format!("GET {quoted}"),
            Type::List => format!("LRANGE {quoted} 0 -1"),
            Type::Set => format!("SMEMBERS {quoted}"),
            Type::SortedSet => format!("ZRANGE {quoted} 0 -1 WITHSCORES"),
            Type::Hash => format!("HGETALL {quoted}"),
            Type::Stream => format!("XRANGE {quoted} - +"),
        };
        Some(KeyDetail {
            elements: elements
                .iter()
                .map(|parts| parts.iter().map(|part| escaped(part)).collect())
                .collect(),
            row,
            len,
            before,
            line: if db == 0 {
                line
            } else {
                format!("redis-cli -n {db} {line}")
            },
        })
    }

    fn key_row(&self, db: usize, key: &[u8]) -> KeyRow {
        let live = self
            .engine()
            .and_then(|engine| find(engine.keyspace(), db, key));
        let ended = self.ended.as_ref();
        let old = ended.and_then(|ended| find(&ended.keyspace, db, key));
        let fate = match (&live, ended) {
            (None, Some(_)) => "gone",
            (Some(_), Some(ended)) if ended.difference.changed.contains(&(db, key.to_vec())) => {
                "changed"
            }
            (Some(_), Some(ended)) if ended.difference.unexpected.contains(&(db, key.to_vec())) => {
                "unexpected"
            }
            _ => "",
        };
        let Some(entry) = live.or(old) else {
            return KeyRow::default();
        };
        let now_ms = self.now_us() / 1000;
        KeyRow {
            key: escaped(key),
            kind: Type::of(entry.value()).name().into(),
            encoding: lastsave_keyspace::encoding_name(&entry).into(),
            value: shown(entry.value()),
            ttl_ms: entry
                .expires_at_ms()
                .map(|at_ms| at_ms.saturating_sub(now_ms)),
            fate: fate.into(),
        }
    }
}

/// Elements of a key's details, and bytes of each, at most.
const DETAIL_ELEMENTS: usize = 100;
const DETAIL_LEN: usize = 2_000;

/// Whether a key's name contains the text, or is one of the pattern.
fn matches(filter: &[u8], key: &[u8]) -> bool {
    let is_pattern = filter.iter().any(|byte| b"*?[".contains(byte));
    match is_pattern {
        true => glob::matches(filter, key, false),
        false => filter.is_empty() || key.windows(filter.len()).any(|window| window == filter),
    }
}

/// The bytes that [`escaped`] writes so.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        if letter != '\\' {
            let mut buffer = [0; 4];
            bytes.extend_from_slice(letter.encode_utf8(&mut buffer).as_bytes());
            continue;
        }
        bytes.push(match rest.next()? {
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'a' => 7,
            'b' => 8,
            'x' => {
                let high = rest.next()?.to_digit(16)?;
                (high * 16 + rest.next()?.to_digit(16)?) as u8
            }
            other => u8::try_from(other).ok()?,
        });
    }
    Some(bytes)
}

fn find<'a>(keyspace: &'a Keyspace, db: usize, key: &[u8]) -> Option<EntryRef<'a, Object>> {
    keyspace.databases.get(db)?.keys.get(key)
}
