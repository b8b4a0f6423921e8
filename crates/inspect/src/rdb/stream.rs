//! Streams: nodes of entries, counters, groups with their consumers.

use std::io::Read;
use std::ops::Range;

use lastsave_keyspace::values::listpack::Item;
use lastsave_rdb::walk::{Pack, value_type};

use super::value::{Inside, ValueWalk, shown_item};
use super::{Stop, text_leaf};
use crate::NodeKind;
use crate::build::Builder;
use crate::words::{counted, escaped, moment};

/// Flags of an entry: it is gone; it has the fields of the node's first.
const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;

impl<R: Read> ValueWalk<'_, R> {
    pub(super) fn stream(&mut self, kind: u8) -> Result<(), Stop> {
        for _ in 0..self.count("nodes")? {
            self.node()?;
        }
        self.count_of_any("entries")?;
        self.id("last ID")?;
        if kind != value_type::STREAM {
            self.id("first ID")?;
            self.id("deleted ID")?;
            self.count_of_any("added")?;
        }
        for _ in 0..self.count("groups")? {
            self.group(kind)?;
        }
        Ok(())
    }

    fn node(&mut self) -> Result<(), Stop> {
        self.out.open(self.here(), NodeKind::Element, "node");
        let master = self.cursor.text()?;
        let master_id = {
            let content = self.cursor.content(&master)?;
            let bytes: [u8; 16] = content.as_ref().try_into().map_err(|_| {
                Stop::Nonsense("the ID of a stream's node has 16 bytes; this has not".into())
            })?;
            id_of(&bytes)
        };
        let start = self.cursor.record_offset();
        let range = start + master.place.start as u64..start + master.place.end as u64;
        self.out
            .leaf(range, NodeKind::Field, "ID", || shown_id(master_id));
        let before = self.elements;
        let text = self.cursor.text()?;
        let content = match self.cursor.content(&text) {
            Ok(content) if self.out.is_on() => Some(content.into_owned()),
            Ok(_) => None,
            Err(_) => {
                text_leaf(self.cursor, self.out, "entries", &text)?;
                None
            }
        };
        if let Some(content) = content {
            let mut inside = self.open_pack("entries", &text, Pack::Listpack, &content);
            let at = self.entries(&mut inside, &content, master_id);
            inside.rest(self.out, at, &content, Pack::Listpack);
            self.close_pack(&text, Pack::Listpack, &content);
        }
        let count = self.elements - before;
        self.out.close(self.here(), || {
            format!(
                "{}: {}",
                shown_id(master_id),
                counted(count, "entry", "entries")
            )
        });
        Ok(())
    }

    /// The entries of a node, as far as they follow its plan. Returns where what was read ends.
    fn entries(&mut self, inside: &mut Inside, content: &[u8], master_id: (u64, u64)) -> usize {
        let mut items = Items {
            items: Pack::Listpack.entries(content),
            at: Pack::Listpack.header_len(),
        };
        let start = items.at;
        inside.open(self.out, start, NodeKind::Field, "fields");
        let mut fields = Vec::new();
        let master = (|| {
            items.number(inside, self.out, "live")?;
            items.number(inside, self.out, "deleted")?;
            let count = items.number(inside, self.out, "number")?;
            for _ in 0..count.max(0) {
                fields.push(shown_item(items.item(inside, self.out, "field")?));
            }
            items.number(inside, self.out, "items")
        })();
        inside.close(self.out, items.at, || fields.join(" "));
        if master.is_none() {
            return items.at;
        }
        loop {
            let start = items.at;
            let Some((place, flags)) = items.next() else {
                return items.at;
            };
            inside.open(self.out, start, NodeKind::Element, "entry");
            inside.leaf(self.out, place, "flags", flags);
            let flags = flags.integer().unwrap_or(0);
            let mut words = String::new();
            let entry = (|| {
                let ms = items.number(inside, self.out, "ms")?;
                let seq = items.number(inside, self.out, "seq")?;
                let id = (
                    master_id.0.wrapping_add_signed(ms),
                    master_id.1.wrapping_add_signed(seq),
                );
                words = shown_id(id);
                let same = flags & SAME_FIELDS != 0;
                let count = match same {
                    true => fields.len() as i64,
                    false => items.number(inside, self.out, "fields")?,
                };
                for index in 0..count.max(0) {
                    if same {
                        push_word(&mut words, &fields[index as usize]);
                    } else {
                        push_word(
                            &mut words,
                            &shown_item(items.item(inside, self.out, "field")?),
                        );
                    }
                    push_word(
                        &mut words,
                        &shown_item(items.item(inside, self.out, "value")?),
                    );
                }
                items.number(inside, self.out, "items")
            })();
            let deleted = flags & DELETED != 0;
            inside.close(self.out, items.at, || {
                if deleted {
                    format!("{words}, deleted")
                } else {
                    words.clone()
                }
            });
            if !deleted {
                self.element(|_| words);
            }
            if entry.is_none() {
                return items.at;
            }
        }
    }

    fn group(&mut self, kind: u8) -> Result<(), Stop> {
        self.out.open(self.here(), NodeKind::Element, "group");
        let name = self.name()?;
        self.id("delivered")?;
        if kind != value_type::STREAM {
            self.count_of_any("read")?;
        }
        let pending = self.count("pending")?;
        for _ in 0..pending {
            let from = self.here();
            let id = id_of(&self.cursor.array()?);
            let at_ms = i64::from_le_bytes(self.cursor.array()?);
            let times = self.cursor.any_length()?;
            let range = from..self.here();
            self.out.leaf(range, NodeKind::Text, "pending", || {
                let times = counted(times, "time", "times");
                format!(
                    "{}, delivered {times}, last at {}",
                    shown_id(id),
                    moment(at_ms)
                )
            });
        }
        for _ in 0..self.count("consumers")? {
            self.consumer(kind)?;
        }
        self.out
            .close(self.here(), || format!("{name}, {pending} pending"));
        Ok(())
    }

    fn consumer(&mut self, kind: u8) -> Result<(), Stop> {
        self.out.open(self.here(), NodeKind::Element, "consumer");
        let name = self.name()?;
        self.time("seen")?;
        if kind == value_type::STREAM_3 {
            self.time("active")?;
        }
        let pending = self.count("pending")?;
        for _ in 0..pending {
            let from = self.here();
            let id = id_of(&self.cursor.array()?);
            let range = from..self.here();
            self.out
                .leaf(range, NodeKind::Text, "pending", || shown_id(id));
        }
        self.out
            .close(self.here(), || format!("{name}, {pending} pending"));
        Ok(())
    }

    fn name(&mut self) -> Result<String, Stop> {
        let name = self.cursor.text()?;
        text_leaf(self.cursor, self.out, "name", &name)?;
        Ok(escaped(&self.cursor.content(&name)?, 60))
    }

    fn time(&mut self, label: &'static str) -> Result<(), Stop> {
        let from = self.here();
        let at_ms = i64::from_le_bytes(self.cursor.array()?);
        let range = from..self.here();
        self.out
            .leaf(range, NodeKind::Field, label, || moment(at_ms));
        Ok(())
    }

    fn id(&mut self, label: &'static str) -> Result<(), Stop> {
        let from = self.here();
        let id = (self.cursor.any_length()?, self.cursor.any_length()?);
        let range = from..self.here();
        self.out
            .leaf(range, NodeKind::Field, label, || shown_id(id));
        Ok(())
    }

    /// A number that may be -1.
    fn count_of_any(&mut self, label: &'static str) -> Result<(), Stop> {
        let from = self.here();
        let count = self.cursor.any_length()?.cast_signed();
        let range = from..self.here();
        self.out
            .leaf(range, NodeKind::Field, label, || count.to_string());
        Ok(())
    }
}

/// The entries of a listpack, taken one by one.
struct Items<'a> {
    items: Box<dyn Iterator<Item = (Range<usize>, Item<'a>)> + 'a>,
    /// Where the next one begins.
    at: usize,
}

impl<'a> Items<'a> {
    fn next(&mut self) -> Option<(Range<usize>, Item<'a>)> {
        let (place, item) = self.items.next()?;
        self.at = place.end;
        Some((place, item))
    }

    fn item(
        &mut self,
        inside: &mut Inside,
        out: &mut Builder,
        label: &'static str,
    ) -> Option<Item<'a>> {
        let (place, item) = self.next()?;
        inside.leaf(out, place, label, item);
        Some(item)
    }

    fn number(
        &mut self,
        inside: &mut Inside,
        out: &mut Builder,
        label: &'static str,
    ) -> Option<i64> {
        self.item(inside, out, label)?.integer()
    }
}

fn push_word(words: &mut String, word: &str) {
    words.push(' ');
    words.push_str(word);
}

fn id_of(bytes: &[u8; 16]) -> (u64, u64) {
    let id = u128::from_be_bytes(*bytes);
    ((id >> 64) as u64, id as u64)
}

fn shown_id((ms, seq): (u64, u64)) -> String {
    format!("{ms}-{seq}")
}
