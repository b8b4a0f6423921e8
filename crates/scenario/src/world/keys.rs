//! Keys: comparing two data sets, and the keys tab.

use std::collections::BTreeSet;

use lastsave_dict::{EntryRef, ValueRef};
use lastsave_engine::Engine;
use lastsave_keyspace::values::{Preview, value_digest};
use lastsave_keyspace::{Keyspace, Object, Type};

use super::World;
use crate::reply::escaped;
use crate::{KeyRow, KeysRequest, KeysView};

/// How one data set differs from an earlier one. Keys whose time has come count in neither.
#[derive(Clone, Debug, Default)]
pub(super) struct Difference {
    /// Keys of the earlier one.
    pub(super) before: u64,
    /// Keys that are missing, with their databases.
    pub(super) gone: BTreeSet<(usize, Vec<u8>)>,
    /// Keys whose value or expiry differs.
    pub(super) changed: BTreeSet<(usize, Vec<u8>)>,
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
        let filter = request.filter.as_bytes();
        let matches = |key: &[u8]| {
            filter.is_empty() || key.windows(filter.len()).any(|window| window == filter)
        };
        let mut names: Vec<&[u8]> = shown
            .and_then(|shown| shown.databases.get(request.db))
            .into_iter()
            .flat_map(|database| database.keys.iter())
            .map(|entry| entry.key())
            .filter(|key| matches(key))
            .collect();
        if let (Some(running), Some(ended)) = (running, &self.ended) {
            let gone = ended.difference.gone.iter();
            names.extend(
                gone.filter(|(db, key)| *db == request.db && matches(key))
                    .map(|(_, key)| key.as_slice())
                    .filter(|key| find(running, request.db, key).is_none()),
            );
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
        }
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

fn find<'a>(keyspace: &'a Keyspace, db: usize, key: &[u8]) -> Option<EntryRef<'a, Object>> {
    keyspace.databases.get(db)?.keys.get(key)
}
