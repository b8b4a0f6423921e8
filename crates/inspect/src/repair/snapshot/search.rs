//! Finding records in bytes of which nobody knows where one begins.

use std::collections::BTreeMap;

use lastsave_rdb::walk::{self, opcode};

use super::{Found, Salvage};

/// Records that must follow each other before another damage, for the first of them to be taken for a beginning.
pub(super) const LEAST_RUN: usize = 8;

/// How far behind the damage, and the first beginning that it found, a search looks on for a better one, in bytes.
const LOOK_ON: usize = 4 << 10;

impl Salvage<'_> {
    /// Finds records that follow each other to the end of the file, or a good many: those with the most keys before the
    /// next database. Damage shows at `at`.
    pub(super) fn find(&mut self, from: usize, at: usize) -> Option<Run> {
        // What is known of the records found: where the next begins, and how far they lead.
        let mut known: BTreeMap<usize, Link> = BTreeMap::new();
        let mut best: Option<(usize, Link)> = None;
        let mut stop = self.bytes.len();
        for start in from..self.bytes.len() {
            if start >= stop || self.effort == 0 {
                break;
            }
            if !may_begin(self.bytes[start]) || known.contains_key(&start) {
                continue;
            }
            let link = self.follow(start, &mut known);
            if !link.whole && (link.records < LEAST_RUN || !link.is_text) {
                continue;
            }
            if link.whole && best.is_none_or(|(_, best)| !best.whole) {
                stop = stop.min(start.max(at).saturating_add(LOOK_ON));
            }
            let rank = |link: &Link| (link.whole, link.records);
            if best.is_none_or(|(_, best)| rank(&link) > rank(&best)) {
                best = Some((start, link));
            }
        }
        let (start, _) = best?;
        let mut run = Run::of(start, &known, false);
        let begins_database = |(at, link): &(&usize, &Link)| {
            link.whole && link.kind == Kind::Boundary && self.bytes[**at] == opcode::SELECT_DB
        };
        run.databases = known
            .iter()
            .filter(begins_database)
            .map(|(at, _)| *at)
            .collect();
        run.beginnings = known
            .iter()
            .filter(|(_, link)| {
                link.whole
                    && !matches!(
                        link.kind,
                        Kind::Other
                            | Kind::Key {
                                name_is_text: false
                            }
                    )
            })
            .map(|(at, link)| (*at, link.keys))
            .collect();
        Some(run)
    }

    /// Follows records from `start` until one is known, cannot be read, or is the end.
    pub(super) fn follow(&mut self, start: usize, known: &mut BTreeMap<usize, Link>) -> Link {
        let mut chain = Vec::new();
        let mut at = start;
        let mut link = loop {
            if let Some(link) = known.get(&at) {
                break *link;
            }
            let dead = Link {
                next: at,
                kind: Kind::Boundary,
                whole: false,
                records: 0,
                is_text: true,
                keys: 0,
            };
            let Ok((found, end)) = self.read(at) else {
                self.effort = self.effort.saturating_sub(64);
                break dead;
            };
            self.effort = self.effort.saturating_sub((end - at) as u64);
            let kind = match found {
                Found::End => {
                    let next = self.bytes.get(end);
                    let whole = next.is_none_or(|byte| self.in_log && b"*#".contains(byte));
                    break Link {
                        whole,
                        records: usize::from(whole),
                        ..dead
                    };
                }
                Found::Refused(..) => break dead,
                Found::Database(_) => Kind::Boundary,
                Found::Key(key) => Kind::Key {
                    name_is_text: is_text(&key.name),
                },
                Found::SizeHint(_) | Found::Other | Found::Dropped => Kind::Other,
            };
            chain.push((at, end, kind));
            at = end;
        };
        if chain.is_empty() {
            known.insert(start, link);
        } else if link.records > 0 {
            known.insert(at, link);
        }
        for (at, next, kind) in chain.into_iter().rev() {
            link = Link {
                next,
                kind,
                whole: link.whole,
                records: link.records + 1,
                is_text: link.is_text
                    && kind
                        != (Kind::Key {
                            name_is_text: false,
                        }),
                keys: match kind {
                    Kind::Key { .. } => link.keys + 1,
                    Kind::Boundary => 0,
                    Kind::Other => link.keys,
                },
            };
            known.insert(at, link);
        }
        link
    }
}

/// A record that a search found.
#[derive(Clone, Copy)]
pub(super) struct Link {
    /// Where the next one begins.
    next: usize,
    kind: Kind,
    /// Whether the records from here on lead to the end of the file.
    pub(super) whole: bool,
    /// How many records there are from here on.
    pub(super) records: usize,
    /// Whether all names from here on are text.
    is_text: bool,
    /// How many keys there are before the next database.
    keys: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Key {
        name_is_text: bool,
    },
    /// A database, the end, or what cannot be read.
    Boundary,
    Other,
}

/// Records that follow each other.
pub(super) struct Run {
    /// Where the first begins.
    pub(super) start: usize,
    /// Where the keys before the next database begin.
    pub(super) keys: Vec<usize>,
    /// Where the next database begins, or the end.
    pub(super) boundary: usize,
    /// Where else records begin that lead to the end, and how many keys there are from there to the next database.
    pub(super) beginnings: Vec<(usize, usize)>,
    /// Where databases begin.
    pub(super) databases: Vec<usize>,
}

impl Run {
    /// The records from `start` on, without those at the beginning that are accidents, unless it is known for one.
    pub(super) fn of(start: usize, known: &BTreeMap<usize, Link>, is_certain: bool) -> Self {
        let mut run = Self {
            start,
            keys: Vec::new(),
            boundary: start,
            beginnings: Vec::new(),
            databases: Vec::new(),
        };
        let mut at = start;
        while let Some(link) = known
            .get(&at)
            .filter(|link| link.kind != Kind::Boundary && link.records > 0)
        {
            match link.kind {
                // Accidents have names that nobody gave.
                Kind::Key {
                    name_is_text: false,
                } if run.keys.is_empty() && !is_certain => run.start = link.next,
                Kind::Key { .. } => run.keys.push(at),
                _ => {}
            }
            at = link.next;
        }
        run.boundary = at;
        run
    }
}

/// Whether a name is one that people or programs write as text.
pub(super) fn is_text(name: &[u8]) -> bool {
    std::str::from_utf8(name)
        .is_ok_and(|name| !name.is_empty() && !name.chars().any(char::is_control))
}

/// Whether a record can begin with this byte.
fn may_begin(byte: u8) -> bool {
    walk::is_value_type(byte) || walk::is_readable_type(byte) || byte >= opcode::SLOT_INFO
}
