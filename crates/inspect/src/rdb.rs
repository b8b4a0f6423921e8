//! Snapshots: one record after the other, each with its parts.

mod stream;
mod value;

use std::io::Read;

use lastsave_keyspace::{Settings, glob};
use lastsave_rdb::walk::{
    self, Cursor, Fault, Refusal, Text, TextForm, module_opcode, opcode, value_type,
};

use crate::build::Builder;
use crate::inspector::Findings;
use crate::words::{escaped, moment, quoted};
use crate::{Limits, Node, NodeKind};

/// The newest version that is read.
const NEWEST_VERSION: u32 = 12;

/// The first version with a checksum at the end.
const FIRST_CHECKSUMMED_VERSION: u32 = 5;

/// Why a record cannot be read any further.
pub(crate) enum Stop {
    /// A primitive of the format.
    Fault(Fault),
    /// What it says is nothing that can be.
    Nonsense(String),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::Nonsense(text) => f.write_str(text),
        }
    }
}

/// What a record was.
pub(crate) enum Record {
    /// A key; its name, its type, where in the record its value begins.
    Key {
        name: Vec<u8>,
        kind: u8,
        value_at: usize,
        /// Milliseconds since the epoch.
        expires_at_ms: Option<i64>,
    },
    /// The keys behind it are in the database of this number.
    Database(u64),
    /// The last one of the snapshot.
    End,
    /// Anything else.
    Other,
}

/// A snapshot being read.
pub(crate) struct Snapshot<R> {
    cursor: Cursor<R>,
    version: u32,
    settings: Settings,
    /// The database that the keys are in.
    database: u64,
}

/// What a reading of the next record led to.
pub(crate) enum Step {
    /// A record, with its nodes if it is wanted.
    Record(Vec<Node>),
    /// The snapshot is over; its last nodes.
    End(Vec<Node>),
    /// It cannot be read any further; what there is of the record, up to the offset that it broke at.
    Broken(Vec<Node>, u64),
}

impl<R: Read> Snapshot<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            cursor: Cursor::new(reader),
            version: 0,
            settings: Settings::default(),
            database: 0,
        }
    }

    pub(crate) fn version(&self) -> u32 {
        self.version
    }

    pub(crate) fn database(&self) -> u64 {
        self.database
    }

    pub(crate) fn offset(&self) -> u64 {
        self.cursor.record_offset() + self.cursor.at() as u64
    }

    pub(crate) fn into_rest(self) -> (Vec<u8>, R) {
        self.cursor.into_rest()
    }

    /// Reads the header. The version is known then.
    pub(crate) fn header(
        &mut self,
        limits: &Limits,
        out: &mut Builder,
        findings: &mut Findings,
    ) -> Step {
        out.start(limits.window.start < walk::HEADER_LEN as u64 && limits.keys.is_none());
        let header = match self.cursor.array::<{ walk::HEADER_LEN }>() {
            Ok(header) => header,
            Err(fault) => return self.broken(out, findings, &fault.into()),
        };
        let Some(version) = walk::version(header) else {
            return self.broken(
                out,
                findings,
                &Stop::Nonsense("not the magic of a snapshot".into()),
            );
        };
        self.version = version;
        let text = escaped(&header, header.len());
        out.leaf(0..header.len() as u64, NodeKind::Header, "header", || {
            format!("{text}: a snapshot, format version {version}")
        });
        if !(1..=NEWEST_VERSION).contains(&version) {
            let stop = Stop::Nonsense(format!("format version {version} is not known"));
            return self.broken(out, findings, &stop);
        }
        Step::Record(out.take())
    }

    /// Reads the next record.
    pub(crate) fn record(
        &mut self,
        limits: &Limits,
        out: &mut Builder,
        findings: &mut Findings,
    ) -> Step {
        self.cursor.mark();
        let start = self.cursor.record_offset();
        if start >= limits.window.end {
            out.start(false);
            return self.read(out, findings);
        }
        if limits.window.start <= start && limits.keys.is_none() {
            out.start(true);
            return self.read(out, findings);
        }
        // Whether it is wanted is known only when it was read once.
        out.start(false);
        let mut unheard = Findings::default();
        let wanted = match walk_record(&mut self.cursor, self.version, out, &mut unheard) {
            Err(_) => true,
            Ok(record) => {
                let matches = limits.keys.as_deref().is_none_or(|pattern| match &record {
                    Record::Key { name, .. } => glob::matches(pattern, name, false),
                    _ => false,
                });
                matches && self.offset() > limits.window.start
            }
        };
        self.cursor.rewind();
        out.start(wanted);
        self.read(out, findings)
    }

    fn read(&mut self, out: &mut Builder, findings: &mut Findings) -> Step {
        let record = match walk_record(&mut self.cursor, self.version, out, findings) {
            Ok(record) => record,
            Err(stop) => return self.broken(out, findings, &stop),
        };
        match record {
            Record::Key {
                name,
                kind,
                value_at,
                expires_at_ms,
            } => {
                findings.keys += 1;
                findings.expiring += u64::from(expires_at_ms.is_some());
                let value = &self.cursor.record()[value_at..];
                if let Some(text) = self.unsound(kind, value) {
                    let range = self.cursor.record_offset() + value_at as u64..self.offset();
                    let mut nodes = out.take();
                    if let Some(node) = nodes.last_mut() {
                        node.children.push(error_node(range.clone(), &text));
                    }
                    findings.problem(range, Some(quoted(&name, 60)), text);
                    return Step::Record(nodes);
                }
                Step::Record(out.take())
            }
            Record::Database(database) => {
                self.database = database;
                Step::Record(out.take())
            }
            Record::End => Step::End(out.take()),
            Record::Other => Step::Record(out.take()),
        }
    }

    /// Why the loader would refuse a value whose parts could be read.
    fn unsound(&self, kind: u8, value: &[u8]) -> Option<String> {
        if matches!(kind, value_type::STRING | value_type::MODULE_2) && !is_compressed(value) {
            return None;
        }
        match walk::value(kind, value, &self.settings) {
            Err(Refusal::Unsound(text)) => Some(text.into_owned()),
            Err(Refusal::Empty) | Ok(_) => None,
        }
    }

    fn broken(&mut self, out: &mut Builder, findings: &mut Findings, stop: &Stop) -> Step {
        let at = self.offset();
        out.close_all(at);
        findings.problem(at..at, None, stop.to_string());
        Step::Broken(out.take(), at)
    }
}

pub(crate) fn error_node(range: std::ops::Range<u64>, text: &str) -> Node {
    Node {
        range,
        decompressed: false,
        kind: NodeKind::Error,
        label: "error".into(),
        value: text.to_owned(),
        children: Vec::new(),
    }
}

/// Reads one record, what is said of a key's expiry and use included.
pub(crate) fn walk_record<R: Read>(
    cursor: &mut Cursor<R>,
    version: u32,
    out: &mut Builder,
    findings: &mut Findings,
) -> Result<Record, Stop> {
    let mut record = RecordWalk {
        start: cursor.record_offset(),
        cursor,
        out,
        expires_at_ms: None,
    };
    record.record(version, findings)
}

struct RecordWalk<'a, R> {
    cursor: &'a mut Cursor<R>,
    out: &'a mut Builder,
    /// The offset of the record.
    start: u64,
    expires_at_ms: Option<i64>,
}

impl<R: Read> RecordWalk<'_, R> {
    fn here(&self) -> u64 {
        self.start + self.cursor.at() as u64
    }

    /// Notes the field from `from` to the position.
    fn field(&mut self, from: u64, label: &'static str, value: impl FnOnce() -> String) {
        let range = from..self.here();
        self.out.leaf(range, NodeKind::Field, label, value);
    }

    fn record(&mut self, version: u32, findings: &mut Findings) -> Result<Record, Stop> {
        // What the record is shows only behind what is said of a key's expiry and use.
        let mut before = 0;
        loop {
            match self.cursor.byte()? {
                opcode::EXPIRE_TIME => self.cursor.bytes(4)?,
                opcode::EXPIRE_TIME_MS => self.cursor.bytes(8)?,
                opcode::FREQUENCY => self.cursor.bytes(1)?,
                opcode::IDLE => {
                    self.cursor.length()?;
                    0..0
                }
                code => {
                    self.cursor.rewind();
                    return self.record_of(code, before, version, findings);
                }
            };
            before += 1;
        }
    }

    fn record_of(
        &mut self,
        code: u8,
        before: usize,
        version: u32,
        findings: &mut Findings,
    ) -> Result<Record, Stop> {
        let (kind, label) = match code {
            opcode::AUX => (NodeKind::About, "aux"),
            opcode::SELECT_DB => (NodeKind::About, "database"),
            opcode::RESIZE_DB => (NodeKind::About, "size hint"),
            opcode::SLOT_INFO if version >= 12 => (NodeKind::About, "slot"),
            opcode::FUNCTION | opcode::FUNCTION2 => (NodeKind::Library, "functions"),
            opcode::MODULE_AUX => (NodeKind::Module, "module aux"),
            opcode::END => (NodeKind::End, "end"),
            _ if walk::is_value_type(code) || walk::is_readable_type(code) => {
                (NodeKind::Key, "key")
            }
            _ => {
                return Err(Stop::Nonsense(format!(
                    "no record begins with {code} ({code:#04x})"
                )));
            }
        };
        self.out.open(self.start, kind, label);
        for _ in 0..before {
            self.about_the_key()?;
        }
        let from = self.here();
        self.cursor.byte()?;
        match kind {
            NodeKind::Key => return self.key(code, from),
            NodeKind::End => return self.end(from, version, findings),
            NodeKind::Library => self.library(code, from)?,
            NodeKind::Module => self.module_aux(from)?,
            _ => {}
        }
        let record = match code {
            opcode::AUX => {
                self.field(from, "opcode", || "FA: an auxiliary field".into());
                let (name, value) = (self.cursor.text()?, self.cursor.text()?);
                self.text_leaf("name", &name)?;
                self.text_leaf("value", &value)?;
                let (name, value) = (self.cursor.content(&name)?, self.cursor.content(&value)?);
                let end = self.start + self.cursor.at() as u64;
                self.out.close(end, || {
                    format!("{} = {}", escaped(&name, 60), escaped(&value, 60))
                });
                Record::Other
            }
            opcode::SELECT_DB => {
                let db = self.number_field(from, "FE: a database")?;
                self.out
                    .close(self.start + self.cursor.at() as u64, || db.to_string());
                Record::Database(db)
            }
            opcode::RESIZE_DB => {
                let keys = self.number_field(from, "FB: how large the database is")?;
                let from = self.here();
                let expiring = self.cursor.length()?;
                self.field(from, "expiring", || expiring.to_string());
                self.out.close(self.start + self.cursor.at() as u64, || {
                    format!("{keys} keys, {expiring} of them expire")
                });
                Record::Other
            }
            opcode::SLOT_INFO => {
                let slot = self.number_field(from, "F4: a slot of a cluster")?;
                for label in ["keys", "expiring"] {
                    let from = self.here();
                    let number = self.cursor.length()?;
                    self.field(from, label, || number.to_string());
                }
                self.out
                    .close(self.start + self.cursor.at() as u64, || slot.to_string());
                Record::Other
            }
            _ => Record::Other,
        };
        Ok(record)
    }

    /// The opcode that began at `from`, and the length behind it.
    fn number_field(&mut self, from: u64, what: &'static str) -> Result<u64, Stop> {
        self.field(from, "opcode", || what.into());
        let from = self.here();
        let number = self.cursor.length()?;
        self.field(from, "number", || number.to_string());
        Ok(number)
    }

    /// Expiry, idle time or frequency of the key to come.
    fn about_the_key(&mut self) -> Result<(), Stop> {
        let from = self.here();
        match self.cursor.byte()? {
            code @ (opcode::EXPIRE_TIME | opcode::EXPIRE_TIME_MS) => {
                let (ms, code) = if code == opcode::EXPIRE_TIME {
                    let seconds = i32::from_le_bytes(self.cursor.array()?);
                    (i64::from(seconds) * 1000, "FD")
                } else {
                    (i64::from_le_bytes(self.cursor.array()?), "FC")
                };
                self.expires_at_ms = (ms != -1).then_some(ms);
                self.field(from, "expires", || {
                    format!("{code}: at {ms} ms, {}", moment(ms))
                });
            }
            opcode::FREQUENCY => {
                let [frequency] = self.cursor.array()?;
                self.field(from, "frequency", || format!("F9: {frequency}"));
            }
            _ => {
                let seconds = self.cursor.length()?;
                self.field(from, "idle", || format!("F8: {seconds} s"));
            }
        }
        Ok(())
    }

    fn key(&mut self, kind: u8, from: u64) -> Result<Record, Stop> {
        let type_name = walk::type_name(kind);
        self.field(from, "type", || format!("{kind}: {type_name}"));
        let text = self.cursor.text()?;
        self.text_leaf("name", &text)?;
        let name = self.cursor.content(&text)?.into_owned();
        let value_at = self.cursor.at();
        let mut walk = value::ValueWalk::new(self.cursor, self.out);
        walk.value(kind)?;
        let shown = walk.shown(kind);
        let end = self.here();
        let expires_at_ms = self.expires_at_ms;
        self.out.close(end, || {
            let expiry = match expires_at_ms {
                Some(at_ms) => format!(", expires at {at_ms} ms"),
                None => String::new(),
            };
            format!("{} = {shown}{expiry}", quoted(&name, 60))
        });
        Ok(Record::Key {
            name,
            kind,
            value_at,
            expires_at_ms,
        })
    }

    fn end(&mut self, from: u64, version: u32, findings: &mut Findings) -> Result<Record, Stop> {
        self.field(from, "opcode", || "FF: the end".into());
        if version < FIRST_CHECKSUMMED_VERSION {
            self.out.close(self.start + self.cursor.at() as u64, || {
                "versions before 5 have no checksum".into()
            });
            return Ok(Record::End);
        }
        let from = self.here();
        // Taken before the stored one is read: it is over everything before that.
        let actual = self.cursor.checksum();
        let stored = u64::from_le_bytes(self.cursor.array()?);
        let text = if stored == 0 {
            "and a checksum of zero: saved with rdbchecksum no".to_owned()
        } else if stored == actual {
            format!("and a checksum over everything before it: {stored:016x}, right")
        } else {
            findings.problem(
                from..self.here(),
                None,
                format!("wrong checksum: {stored:016x} is stored, {actual:016x} is the content's"),
            );
            format!("wrong checksum: {stored:016x} is stored, {actual:016x} is the content's")
        };
        if stored == 0 || stored == actual {
            self.field(from, "checksum", || format!("{stored:016x}"));
        } else {
            self.out
                .error(from..self.start + self.cursor.at() as u64, &text);
        }
        self.out
            .close(self.start + self.cursor.at() as u64, || text);
        Ok(Record::End)
    }

    fn library(&mut self, code: u8, from: u64) -> Result<(), Stop> {
        if code == opcode::FUNCTION2 {
            self.field(from, "opcode", || "F5: a library of functions".into());
            let source = self.cursor.text()?;
            self.text_leaf("source", &source)?;
            let content = self.cursor.content(&source)?;
            let end = self.start + self.cursor.at() as u64;
            self.out.close(end, || quoted(&content, 60));
            return Ok(());
        }
        self.field(from, "opcode", || {
            "F6: a library of functions, from before 7.0".into()
        });
        for label in ["name", "engine"] {
            let text = self.cursor.text()?;
            self.text_leaf(label, &text)?;
        }
        let from = self.here();
        let described = self.cursor.length()?;
        self.field(from, "described", || described.to_string());
        if described != 0 {
            let text = self.cursor.text()?;
            self.text_leaf("description", &text)?;
        }
        let text = self.cursor.text()?;
        self.text_leaf("source", &text)?;
        self.out.close(self.start + self.cursor.at() as u64, || {
            "from before 7.0".into()
        });
        Ok(())
    }

    fn module_aux(&mut self, from: u64) -> Result<(), Stop> {
        self.field(from, "opcode", || {
            "F7: data of a module outside the keys".into()
        });
        let from = self.here();
        let id = self.cursor.length()?;
        self.field(from, "module", || walk::module_name(id));
        let from = self.here();
        let when_opcode = self.cursor.length()?;
        let when = self.cursor.length()?;
        if when_opcode != module_opcode::UNSIGNED {
            return Err(Stop::Nonsense(
                "module data that does not say when it is loaded".into(),
            ));
        }
        self.field(from, "when", || when.to_string());
        value::module_data(self.cursor, self.out)?;
        self.out.close(self.start + self.cursor.at() as u64, || {
            walk::module_name(id)
        });
        Ok(())
    }

    fn text_leaf(&mut self, label: &'static str, text: &Text) -> Result<(), Stop> {
        text_leaf(self.cursor, self.out, label, text)
    }
}

/// Whether a value is a string that is compressed: it might not decompress.
pub(crate) fn is_compressed(value: &[u8]) -> bool {
    value.first() == Some(&0xc3)
}

/// Notes a string. One that does not decompress is read past: whoever decodes the value will say so.
fn text_leaf<R: Read>(
    cursor: &Cursor<R>,
    out: &mut Builder,
    label: &'static str,
    text: &Text,
) -> Result<(), Stop> {
    let start = cursor.record_offset();
    let range = start + text.place.start as u64..start + text.place.end as u64;
    if !out.keeps(NodeKind::Text) {
        out.leaf(range, NodeKind::Text, label, String::new);
        return Ok(());
    }
    let content = match cursor.content(text) {
        Ok(content) => content,
        Err(fault) => {
            out.error(range, &fault.to_string());
            return Ok(());
        }
    };
    out.leaf(range, NodeKind::Text, label, || {
        format!("{} ({})", quoted(&content, 60), form(text))
    });
    Ok(())
}

/// How a string is written.
fn form(text: &Text) -> String {
    match text.form {
        TextForm::Plain => {
            let bits = match text.body.start - text.place.start {
                1 => 6,
                2 => 14,
                5 => 32,
                _ => 64,
            };
            format!("{bits}-bit length")
        }
        TextForm::Integer(bits) => format!("{bits}-bit integer"),
        TextForm::Lzf => format!("{} bytes as {} of LZF", text.len, text.body.len()),
    }
}
