//! A snapshot as commands: a base without RDB (`aof-use-rdb-preamble no`).

use lastsave_aof::Checksum;
use lastsave_dict::{Record, ValueRef};
use lastsave_keyspace::values::listpack::Item;
use lastsave_keyspace::values::stream::{Group, StreamId};
use lastsave_keyspace::values::{SortedSet, Stream};
use lastsave_keyspace::{Object, number};

/// Elements of a collection that one command adds at most.
const ELEMENTS_PER_COMMAND: usize = 64;

/// Writes the commands that make keys what they are.
pub(super) struct CommandEncoder {
    out: Vec<u8>,
    selected_db: Option<usize>,
    checksum: Option<Checksum>,
}

impl CommandEncoder {
    /// An encoder that has written at most a note of this time, in seconds since the epoch.
    pub(super) fn new(timestamp_s: Option<u64>, checksums: bool) -> Self {
        let note = timestamp_s.map(|timestamp_s| format!("#TS:{timestamp_s}\r\n"));
        Self {
            out: note.unwrap_or_default().into_bytes(),
            selected_db: None,
            checksum: checksums.then(Checksum::new),
        }
    }

    /// Bytes written and not taken yet.
    pub(super) fn pending_len(&self) -> usize {
        self.out.len()
    }

    /// Takes the pending bytes out, leaving an empty buffer of `replacement`'s memory.
    pub(super) fn take(&mut self, replacement: Vec<u8>) -> Vec<u8> {
        if let Some(checksum) = &mut self.checksum {
            checksum.update(&self.out);
            checksum.close(&mut self.out);
        }
        std::mem::replace(&mut self.out, replacement)
    }

    /// One key: SELECT where needed, what makes its value, PEXPIREAT.
    pub(super) fn record(&mut self, db: usize, record: &Record<'_, Object>) {
        let mut digits = itoa::Buffer::new();
        if self.selected_db != Some(db) {
            self.command(&[b"SELECT", digits.format(db).as_bytes()]);
            self.selected_db = Some(db);
        }
        let key = record.key;
        match record.value {
            ValueRef::Integer(value) => {
                self.command(&[b"SET", key, digits.format(value).as_bytes()]);
            }
            ValueRef::Bytes(bytes) => self.command(&[b"SET", key, bytes]),
            ValueRef::Object(Object::Text(text)) => self.command(&[b"SET", key, text]),
            ValueRef::Object(Object::List(list)) => {
                self.elements(b"RPUSH", key, list.len(), list.iter().map(|item| [item]));
            }
            ValueRef::Object(Object::Set(set)) => {
                self.elements(b"SADD", key, set.len(), set.iter().map(|item| [item]));
            }
            ValueRef::Object(Object::Hash(hash)) => {
                let pairs = hash.iter().map(|(field, value)| [field, value]);
                self.elements(b"HMSET", key, hash.len(), pairs);
            }
            ValueRef::Object(Object::SortedSet(set)) => self.sorted_set(key, set),
            ValueRef::Object(Object::Stream(stream)) => self.stream(key, stream),
        }
        if let Some(at_ms) = record.expires_at_ms {
            self.command(&[b"PEXPIREAT", key, digits.format(at_ms).as_bytes()]);
        }
    }

    fn elements<'a, const WORDS: usize>(
        &mut self,
        name: &[u8],
        key: &[u8],
        count: usize,
        elements: impl Iterator<Item = [Item<'a>; WORDS]>,
    ) {
        let mut digits = itoa::Buffer::new();
        for (index, words) in elements.enumerate() {
            self.begin_batch(name, key, count, index, WORDS);
            for word in words {
                self.word(word.text(&mut digits));
            }
        }
    }

    fn sorted_set(&mut self, key: &[u8], set: &SortedSet) {
        let mut digits = itoa::Buffer::new();
        for (index, (member, score)) in set.iter().enumerate() {
            self.begin_batch(b"ZADD", key, set.len(), index, 2);
            self.word(number::print_double(score).as_bytes());
            self.word(member.text(&mut digits));
        }
    }

    /// Begins a command if the element number `index` of `count` needs one: each takes `words` words.
    fn begin_batch(&mut self, name: &[u8], key: &[u8], count: usize, index: usize, words: usize) {
        if index.is_multiple_of(ELEMENTS_PER_COMMAND) {
            let elements = (count - index).min(ELEMENTS_PER_COMMAND);
            self.begin(2 + elements * words);
            self.word(name);
            self.word(key);
        }
    }

    fn stream(&mut self, key: &[u8], stream: &Stream) {
        let mut digits = itoa::Buffer::new();
        for entry in stream.entries().range(StreamId::MIN, StreamId::MAX) {
            self.begin(3 + 2 * entry.fields.len());
            self.word(b"XADD");
            self.word(key);
            self.word(entry.id.text().as_ref());
            for (field, value) in entry.fields {
                self.word(field.text(&mut digits));
                self.word(value.text(&mut digits));
            }
        }
        if stream.entries().is_empty() {
            // An entry that is not kept makes an empty stream.
            self.command(&[b"XADD", key, b"MAXLEN", b"0", b"0-1", b"x", b"y"]);
        }
        let counters = stream.entries().counters();
        self.command(&[
            b"XSETID",
            key,
            counters.last_id.text().as_ref(),
            b"ENTRIESADDED",
            digits
                .format(counters.entries_added.cast_signed())
                .as_bytes(),
            b"MAXDELETEDID",
            counters.max_deleted_id.text().as_ref(),
        ]);
        for (name, group) in stream.groups().iter() {
            self.group(key, name, group);
        }
    }

    fn group(&mut self, key: &[u8], name: &[u8], group: &Group) {
        self.command(&[
            b"XGROUP",
            b"CREATE",
            key,
            name,
            group.last_id.text().as_ref(),
            b"ENTRIESREAD",
            itoa::Buffer::new().format(group.entries_read).as_bytes(),
        ]);
        for (consumer_name, consumer) in group.consumers() {
            if consumer.pending_len() == 0 {
                self.command(&[b"XGROUP", b"CREATECONSUMER", key, name, consumer_name]);
            }
            for id in consumer.pending_from(StreamId::MIN) {
                let pending = group
                    .pending(id)
                    .expect("what is pending for a consumer is pending in its group");
                self.command(&[
                    b"XCLAIM",
                    key,
                    name,
                    consumer_name,
                    b"0",
                    id.text().as_ref(),
                    b"TIME",
                    itoa::Buffer::new()
                        .format(pending.delivered_at_ms)
                        .as_bytes(),
                    b"RETRYCOUNT",
                    itoa::Buffer::new()
                        .format(pending.deliveries.cast_signed())
                        .as_bytes(),
                    b"JUSTID",
                    b"FORCE",
                ]);
            }
        }
    }

    fn command(&mut self, words: &[&[u8]]) {
        self.begin(words.len());
        for word in words {
            self.word(word);
        }
    }

    fn begin(&mut self, words: usize) {
        self.out.push(b'*');
        self.line(words);
    }

    fn word(&mut self, word: &[u8]) {
        self.out.push(b'$');
        self.line(word.len());
        self.out.extend_from_slice(word);
        self.out.extend_from_slice(b"\r\n");
    }

    fn line(&mut self, number: usize) {
        self.out
            .extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }
}
