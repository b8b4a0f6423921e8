//! Values: what each type is made of.

use std::io::Read;
use std::ops::Range;

use lastsave_keyspace::values::listpack::Item;
use lastsave_rdb::walk::{
    self, Cursor, Pack, Text, TextForm, container, module_opcode, text_score, value_type,
};

use super::{Stop, form, text_leaf};
use crate::NodeKind;
use crate::build::Builder;
use crate::words::{counted, escaped, quoted};

/// Bytes of a value that go into the line of its key.
const SHOWN_LEN: usize = 200;

/// Elements likewise.
const SHOWN_ELEMENTS: usize = 16;

/// How the entries of a pack belong together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Each is an element.
    Single(&'static str),
    /// Two are one: the name of the first, the name of the second.
    Pairs(&'static str, &'static str),
}

const FIELDS: Shape = Shape::Pairs("field", "value");
const MEMBERS: Shape = Shape::Pairs("member", "score");

/// Reads a value, and keeps its first elements for the line of its key.
pub(super) struct ValueWalk<'a, R> {
    pub(super) cursor: &'a mut Cursor<R>,
    pub(super) out: &'a mut Builder,
    /// Whether the line of the key is wanted.
    preview: bool,
    shown: Vec<String>,
    shown_len: usize,
    pub(super) elements: u64,
}

impl<'a, R: Read> ValueWalk<'a, R> {
    pub(super) fn new(cursor: &'a mut Cursor<R>, out: &'a mut Builder) -> Self {
        let preview = out.is_on();
        Self {
            cursor,
            out,
            preview,
            shown: Vec::new(),
            shown_len: 0,
            elements: 0,
        }
    }

    pub(super) fn here(&self) -> u64 {
        self.cursor.record_offset() + self.cursor.at() as u64
    }

    /// Counts an element, and keeps what it says while there is room in the line.
    pub(super) fn element(&mut self, text: impl FnOnce(&Cursor<R>) -> String) {
        self.elements += 1;
        if self.preview && self.shown.len() < SHOWN_ELEMENTS && self.shown_len < SHOWN_LEN {
            let text = text(self.cursor);
            self.shown_len += text.len();
            self.shown.push(text);
        }
    }

    /// The value in a line: `"5"`, `a hash {a: 1, b: 2}`.
    pub(super) fn shown(mut self, kind: u8) -> String {
        if !self.preview {
            return String::new();
        }
        let (name, open, close) = match kind {
            value_type::STRING => return self.shown.pop().unwrap_or_default(),
            value_type::MODULE | value_type::MODULE_2 => return "a module's value".into(),
            value_type::LIST
            | value_type::LIST_ZIPLIST
            | value_type::LIST_QUICKLIST
            | value_type::LIST_QUICKLIST_2 => ("list", '[', ']'),
            value_type::STREAM | value_type::STREAM_2 | value_type::STREAM_3 => {
                ("stream", '[', ']')
            }
            value_type::SET | value_type::SET_INTSET | value_type::SET_LISTPACK => {
                ("set", '{', '}')
            }
            value_type::HASH
            | value_type::HASH_ZIPMAP
            | value_type::HASH_ZIPLIST
            | value_type::HASH_LISTPACK => ("hash", '{', '}'),
            _ => ("zset", '{', '}'),
        };
        if (self.shown.len() as u64) < self.elements {
            self.shown.push(format!("… {} in all", self.elements));
        }
        format!("a {name} {open}{}{close}", self.shown.join(", "))
    }

    pub(super) fn value(&mut self, kind: u8) -> Result<(), Stop> {
        match kind {
            value_type::STRING => {
                let text = self.cursor.text()?;
                text_leaf(self.cursor, self.out, "value", &text)?;
                if self.preview {
                    let shown = match self.cursor.content(&text) {
                        Ok(content) => quoted(&content, 60),
                        Err(fault) => fault.to_string(),
                    };
                    self.shown.push(shown);
                }
                Ok(())
            }
            value_type::LIST => self.single("element"),
            value_type::SET => self.single("member"),
            value_type::HASH => self.pairs(FIELDS, Self::text),
            value_type::SORTED_SET => self.pairs(MEMBERS, Self::text_score),
            value_type::SORTED_SET_2 => self.pairs(MEMBERS, Self::score),
            value_type::HASH_ZIPMAP => self.whole_pack(Pack::Zipmap, FIELDS),
            value_type::LIST_ZIPLIST => self.whole_pack(Pack::Ziplist, Shape::Single("element")),
            value_type::SET_INTSET => self.whole_pack(Pack::IntSet, Shape::Single("member")),
            value_type::SET_LISTPACK => self.whole_pack(Pack::Listpack, Shape::Single("member")),
            value_type::SORTED_SET_ZIPLIST => self.whole_pack(Pack::Ziplist, MEMBERS),
            value_type::SORTED_SET_LISTPACK => self.whole_pack(Pack::Listpack, MEMBERS),
            value_type::HASH_ZIPLIST => self.whole_pack(Pack::Ziplist, FIELDS),
            value_type::HASH_LISTPACK => self.whole_pack(Pack::Listpack, FIELDS),
            value_type::LIST_QUICKLIST | value_type::LIST_QUICKLIST_2 => self.quicklist(kind),
            value_type::STREAM | value_type::STREAM_2 | value_type::STREAM_3 => self.stream(kind),
            value_type::MODULE_2 => {
                let from = self.here();
                let id = self.cursor.length()?;
                let range = from..self.here();
                self.out
                    .leaf(range, NodeKind::Field, "module", || walk::module_name(id));
                module_data(self.cursor, self.out)
            }
            value_type::MODULE => {
                let id = self.cursor.length()?;
                let name = walk::module_name(id);
                Err(Stop::Nonsense(format!(
                    "only the module {name} knows where its value ends"
                )))
            }
            _ => Err(Stop::Nonsense(format!("unknown type of value {kind}"))),
        }
    }

    /// The number that a collection begins with.
    pub(super) fn count(&mut self, label: &'static str) -> Result<u64, Stop> {
        let from = self.here();
        let count = self.cursor.length()?;
        let range = from..self.here();
        self.out
            .leaf(range, NodeKind::Field, label, || count.to_string());
        Ok(count)
    }

    fn single(&mut self, label: &'static str) -> Result<(), Stop> {
        for _ in 0..self.count("elements")? {
            let text = self.cursor.text()?;
            text_leaf(self.cursor, self.out, label, &text)?;
            self.element(|cursor| shown_text(cursor, &text));
        }
        Ok(())
    }

    /// Elements of two parts, the second of which `second` reads.
    fn pairs(
        &mut self,
        shape: Shape,
        second: impl Fn(&mut Self, &'static str) -> Result<String, Stop>,
    ) -> Result<(), Stop> {
        let Shape::Pairs(first_label, second_label) = shape else {
            unreachable!("pairs have the shape of pairs");
        };
        for _ in 0..self.count("elements")? {
            let from = self.here();
            self.out.open(from, NodeKind::Element, first_label);
            let name = self.cursor.text()?;
            text_leaf(self.cursor, self.out, first_label, &name)?;
            let value = second(self, second_label)?;
            let shown = |cursor: &Cursor<R>| format!("{}: {value}", shown_text(cursor, &name));
            let end = self.here();
            let cursor = &*self.cursor;
            self.out.close(end, || shown(cursor));
            self.element(shown);
        }
        Ok(())
    }

    fn wants_words(&self) -> bool {
        self.preview
    }

    fn text(&mut self, label: &'static str) -> Result<String, Stop> {
        let text = self.cursor.text()?;
        text_leaf(self.cursor, self.out, label, &text)?;
        Ok(if self.wants_words() {
            shown_text(self.cursor, &text)
        } else {
            String::new()
        })
    }

    fn score(&mut self, label: &'static str) -> Result<String, Stop> {
        let from = self.here();
        let score = f64::from_le_bytes(self.cursor.array()?);
        let range = from..self.here();
        self.out.leaf(range, NodeKind::Text, label, || {
            format!("{score} (8 bytes)")
        });
        Ok(if self.wants_words() {
            score.to_string()
        } else {
            String::new()
        })
    }

    /// A score as versions before 8 have it.
    fn text_score(&mut self, label: &'static str) -> Result<String, Stop> {
        let from = self.here();
        let score = match self.cursor.byte()? {
            text_score::NEGATIVE_INFINITY => "-inf".to_owned(),
            text_score::INFINITY => "inf".to_owned(),
            text_score::NAN => "nan".to_owned(),
            len => {
                let place = self.cursor.bytes(u64::from(len))?;
                escaped(&self.cursor.record()[place], 60)
            }
        };
        let range = from..self.here();
        self.out.leaf(range, NodeKind::Text, label, || {
            format!("{score} (as text)")
        });
        Ok(score)
    }

    fn whole_pack(&mut self, pack: Pack, shape: Shape) -> Result<(), Stop> {
        let text = self.cursor.text()?;
        self.pack("value", &text, pack, shape)
    }

    fn quicklist(&mut self, kind: u8) -> Result<(), Stop> {
        for _ in 0..self.count("nodes")? {
            let from = self.here();
            self.out.open(from, NodeKind::Element, "node");
            let holder = match kind {
                value_type::LIST_QUICKLIST => container::PACKED,
                _ => {
                    let holder = self.cursor.length()?;
                    let range = from..self.here();
                    self.out
                        .leaf(range, NodeKind::Field, "container", || match holder {
                            container::PLAIN => "1: one large element".into(),
                            container::PACKED => "2: packed".into(),
                            other => format!("{other}: unknown"),
                        });
                    holder
                }
            };
            let before = self.elements;
            let text = self.cursor.text()?;
            if holder == container::PLAIN {
                text_leaf(self.cursor, self.out, "element", &text)?;
                self.element(|cursor| shown_text(cursor, &text));
            } else {
                let pack = match kind {
                    value_type::LIST_QUICKLIST => Pack::Ziplist,
                    _ => Pack::Listpack,
                };
                self.pack("packed", &text, pack, Shape::Single("element"))?;
            }
            let (end, count) = (self.here(), self.elements - before);
            self.out
                .close(end, || counted(count, "element", "elements"));
        }
        Ok(())
    }

    /// A string that is a pack.
    fn pack(
        &mut self,
        label: &'static str,
        text: &Text,
        pack: Pack,
        shape: Shape,
    ) -> Result<(), Stop> {
        if !self.preview {
            // Its inside is looked at when its value is decoded.
            return Ok(());
        }
        let content = match self.cursor.content(text) {
            Ok(content) => content.into_owned(),
            Err(_) => return text_leaf(self.cursor, self.out, label, text),
        };
        let mut inside = self.open_pack(label, text, pack, &content);
        let mut at = pack.header_len().min(content.len());
        let mut entries = pack.entries(&content);
        while let Some((place, item)) = entries.next() {
            at = place.end;
            match shape {
                Shape::Single(label) => {
                    inside.leaf(self.out, place, label, item);
                    self.element(|_| shown_item(item));
                }
                Shape::Pairs(first, second) => {
                    let Some((second_place, second_item)) = entries.next() else {
                        inside.leaf(self.out, place, first, item);
                        break;
                    };
                    at = second_place.end;
                    inside.open(self.out, place.start, NodeKind::Element, first);
                    inside.leaf(self.out, place, first, item);
                    inside.leaf(self.out, second_place, second, second_item);
                    let shown = || format!("{}: {}", shown_item(item), shown_item(second_item));
                    inside.close(self.out, at, shown);
                    self.element(|_| shown());
                }
            }
        }
        inside.rest(self.out, at, &content, pack);
        self.close_pack(text, pack, &content);
        Ok(())
    }

    /// Opens the node of a pack, and says where its entries are.
    pub(super) fn open_pack(
        &mut self,
        label: &'static str,
        text: &Text,
        pack: Pack,
        content: &[u8],
    ) -> Inside {
        let start = self.cursor.record_offset();
        let from = start + text.place.start as u64;
        let body = start + text.body.start as u64;
        self.out.open(from, NodeKind::Field, label);
        let plain = text.form == TextForm::Plain;
        self.out
            .leaf(from..body, NodeKind::Field, "length", || form(text));
        if !plain {
            let end = start + text.body.end as u64;
            let what = "compressed; what follows counts in the decompressed bytes";
            self.out
                .leaf(body..end, NodeKind::Field, "bytes", || what.into());
        }
        let mut inside = Inside {
            base: if plain { body } else { 0 },
            decompressed: !plain,
        };
        let header = 0..pack.header_len().min(content.len());
        inside.note(self.out, header.clone(), "header", || {
            pack_header(pack, &content[header])
        });
        inside
    }

    pub(super) fn close_pack(&mut self, text: &Text, pack: Pack, content: &[u8]) {
        let end = self.cursor.record_offset() + text.place.end as u64;
        let (name, len) = (pack.name(), content.len() as u64);
        self.out.close(end, || {
            let article = if pack == Pack::IntSet { "an" } else { "a" };
            format!("{article} {name} of {}", counted(len, "byte", "bytes"))
        });
    }
}

/// What the header of a pack says.
fn pack_header(pack: Pack, header: &[u8]) -> String {
    let u32_at = |at| {
        let bytes: Option<&[u8; 4]> = header.get(at..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
    };
    let u16_at = |at| {
        let bytes: Option<&[u8; 2]> = header.get(at..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u16::from_le_bytes(*bytes))
    };
    match pack {
        Pack::Listpack => format!("{} bytes, {} entries", u32_at(0), u16_at(4)),
        Pack::Ziplist => {
            format!(
                "{} bytes, the last entry at {}, {} entries",
                u32_at(0),
                u32_at(4),
                u16_at(8)
            )
        }
        Pack::Zipmap => format!("{} pairs", header.first().copied().unwrap_or(0)),
        Pack::IntSet => format!("{} bytes each, {} integers", u32_at(0), u32_at(4)),
    }
}

/// The bytes of a pack: where they are in the file, or that they were decompressed.
pub(super) struct Inside {
    base: u64,
    decompressed: bool,
}

impl Inside {
    fn place(&self, place: &Range<usize>) -> Range<u64> {
        self.base + place.start as u64..self.base + place.end as u64
    }

    pub(super) fn open(
        &mut self,
        out: &mut Builder,
        start: usize,
        kind: NodeKind,
        label: &'static str,
    ) {
        out.open(self.base + start as u64, kind, label);
    }

    pub(super) fn close(&mut self, out: &mut Builder, end: usize, value: impl FnOnce() -> String) {
        let end = self.base + end as u64;
        if self.decompressed {
            out.close_decompressed(end, value);
        } else {
            out.close(end, value);
        }
    }

    /// Notes an entry.
    pub(super) fn leaf(
        &mut self,
        out: &mut Builder,
        place: Range<usize>,
        label: &'static str,
        item: Item<'_>,
    ) {
        self.open(out, place.start, NodeKind::Text, label);
        self.close(out, place.end, || match item {
            Item::Integer(number) => format!("{number} (integer)"),
            Item::Bytes(bytes) => quoted(bytes, 60),
        });
    }

    fn note(
        &mut self,
        out: &mut Builder,
        place: Range<usize>,
        label: &'static str,
        value: impl FnOnce() -> String,
    ) {
        self.open(out, place.start, NodeKind::Field, label);
        self.close(out, place.end, value);
    }

    /// Notes what is behind the last entry: the end, or what is none.
    pub(super) fn rest(&mut self, out: &mut Builder, at: usize, content: &[u8], pack: Pack) {
        let rest = at..content.len();
        if rest.is_empty() {
            return;
        }
        if content[rest.clone()] == [0xff] && pack != Pack::IntSet {
            self.note(out, rest, "end", || "FF".into());
        } else {
            let place = self.place(&rest);
            let place = if self.decompressed { 0..0 } else { place };
            out.error(
                place,
                &format!("no sound entry begins at {at} of {}", content.len()),
            );
        }
    }
}

fn shown_text<R: Read>(cursor: &Cursor<R>, text: &Text) -> String {
    match cursor.content(text) {
        Ok(content) => escaped(&content, 60),
        Err(fault) => fault.to_string(),
    }
}

pub(super) fn shown_item(item: Item<'_>) -> String {
    match item {
        Item::Integer(number) => number.to_string(),
        Item::Bytes(bytes) => escaped(bytes, 60),
    }
}

/// What a module wrote, up to its end.
pub(super) fn module_data<R: Read>(cursor: &mut Cursor<R>, out: &mut Builder) -> Result<(), Stop> {
    loop {
        let start = cursor.record_offset();
        let from = start + cursor.at() as u64;
        let (label, value) = match cursor.length()? {
            module_opcode::END => {
                let to = start + cursor.at() as u64;
                out.leaf(from..to, NodeKind::Field, "end", || {
                    "0: of the module's data".into()
                });
                return Ok(());
            }
            module_opcode::SIGNED => ("signed", cursor.any_length()?.cast_signed().to_string()),
            module_opcode::UNSIGNED => ("unsigned", cursor.any_length()?.to_string()),
            module_opcode::FLOAT => ("float", f32::from_le_bytes(cursor.array()?).to_string()),
            module_opcode::DOUBLE => ("double", f64::from_le_bytes(cursor.array()?).to_string()),
            module_opcode::STRING => {
                let text = cursor.text()?;
                ("string", quoted(&cursor.content(&text)?, 60))
            }
            other => {
                return Err(Stop::Nonsense(format!(
                    "no part of a module's data begins with {other}"
                )));
            }
        };
        let to = start + cursor.at() as u64;
        out.leaf(from..to, NodeKind::Text, label, || value);
    }
}
