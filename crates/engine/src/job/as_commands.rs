//! A snapshot as commands: a base without RDB (`aof-use-rdb-preamble no`).

mod stream;

use lastsave_aof::Checksum;
use lastsave_dict::{Object as _, Record, ValueRef};
use lastsave_keyspace::values::listpack::Item;
use lastsave_keyspace::{Object, number};

use stream::StreamRest;

/// Elements of a collection that one command adds at most.
const ELEMENTS_PER_COMMAND: usize = 64;

/// Values that take no more memory than this, in bytes, are written at once.
const SMALL_BYTES: usize = 64 << 10;

/// About so many bytes are added to the buffer by one [`CommandEncoder::advance`], and so many of a long string.
const ADVANCE_LEN: usize = 64 << 10;

/// Writes the commands that make keys what they are.
#[derive(Clone)]
pub(super) struct CommandEncoder {
    out: Words,
    selected_db: Option<usize>,
    /// A key whose large value is not written whole yet.
    open: Option<Open>,
    checksum: Option<Checksum>,
}

#[derive(Clone)]
struct Open {
    key: Vec<u8>,
    object: Object,
    expires_at_ms: Option<u64>,
    rest: Rest,
}

/// How far the writing of an object has come. An `index` counts the elements written.
#[derive(Clone)]
enum Rest {
    /// A string, from this offset on.
    Text(usize),
    /// A list, from this node on.
    Nodes { node: usize, index: usize },
    /// A hash or a set, from this cursor on.
    Table { cursor: u64, index: usize },
    /// A sorted set, from this rank on.
    Ranks(usize),
    /// Parts of a stream.
    Stream(StreamRest),
}

impl CommandEncoder {
    /// An encoder that has written at most a note of this time, in seconds since the epoch.
    pub(super) fn new(timestamp_s: Option<u64>, checksums: bool) -> Self {
        let note = timestamp_s.map(|timestamp_s| format!("#TS:{timestamp_s}\r\n"));
        Self {
            out: Words(note.unwrap_or_default().into_bytes()),
            selected_db: None,
            open: None,
            checksum: checksums.then(Checksum::new),
        }
    }

    /// Bytes written and not taken yet.
    pub(super) fn pending_len(&self) -> usize {
        self.out.0.len()
    }

    /// Takes the pending bytes out, leaving an empty buffer of `replacement`'s memory.
    pub(super) fn take(&mut self, replacement: Vec<u8>) -> Vec<u8> {
        if let Some(checksum) = &mut self.checksum {
            checksum.update(&self.out.0);
            // A line can stand only between commands.
            if self.open.is_none() {
                checksum.close(&mut self.out.0);
            }
        }
        std::mem::replace(&mut self.out.0, replacement)
    }

    /// One key: SELECT where needed, what makes its value, PEXPIREAT. A large value is left open.
    pub(super) fn begin(&mut self, db: usize, record: &Record<'_, Object>) {
        let mut digits = itoa::Buffer::new();
        if self.selected_db != Some(db) {
            self.out.command(&[b"SELECT", digits.format(db).as_bytes()]);
            self.selected_db = Some(db);
        }
        let (key, expires_at_ms) = (record.key, record.expires_at_ms);
        match record.value {
            ValueRef::Integer(value) => {
                self.out
                    .command(&[b"SET", key, digits.format(value).as_bytes()]);
            }
            ValueRef::Bytes(bytes) => self.out.command(&[b"SET", key, bytes]),
            ValueRef::Object(object) => {
                let mut rest = self.out.begin_object(key, object);
                if object.memory_bytes() > SMALL_BYTES {
                    self.open = Some(Open {
                        key: key.to_vec(),
                        object: object.clone(),
                        expires_at_ms,
                        rest,
                    });
                    return;
                }
                while let Some(next) = self.out.piece(key, object, rest) {
                    rest = next;
                }
            }
        }
        self.out.expiry(key, expires_at_ms);
    }

    /// Goes on with the value that is open. Returns false if there is none.
    pub(super) fn advance(&mut self) -> bool {
        let Some(mut open) = self.open.take() else {
            return false;
        };
        let enough = self.pending_len() + ADVANCE_LEN;
        while let Some(next) = self.out.piece(&open.key, &open.object, open.rest) {
            open.rest = next;
            if self.pending_len() >= enough {
                self.open = Some(open);
                return true;
            }
        }
        self.out.expiry(&open.key, open.expires_at_ms);
        true
    }
}

/// Commands as bytes.
#[derive(Clone)]
struct Words(Vec<u8>);

impl Words {
    fn begin_object(&mut self, key: &[u8], object: &Object) -> Rest {
        match object {
            Object::Text(text) => {
                self.begin(3);
                self.word(b"SET");
                self.word(key);
                self.0.push(b'$');
                self.line(text.len());
                Rest::Text(0)
            }
            Object::List(_) => Rest::Nodes { node: 0, index: 0 },
            Object::Set(_) | Object::Hash(_) => Rest::Table {
                cursor: 0,
                index: 0,
            },
            Object::SortedSet(_) => Rest::Ranks(0),
            Object::Stream(_) => Rest::Stream(StreamRest::default()),
        }
    }

    /// Goes on with an object: some dozens of elements, or a part of a string. Returns what remains.
    fn piece(&mut self, key: &[u8], object: &Object, rest: Rest) -> Option<Rest> {
        let mut digits = itoa::Buffer::new();
        match (object, rest) {
            (Object::Text(text), Rest::Text(offset)) => {
                let end = text.len().min(offset + ADVANCE_LEN);
                self.0.extend_from_slice(&text[offset..end]);
                if end < text.len() {
                    return Some(Rest::Text(end));
                }
                self.0.extend_from_slice(b"\r\n");
                None
            }
            (Object::List(list), Rest::Nodes { node, mut index }) => {
                for item in list.node(node)?.items() {
                    self.element(b"RPUSH", key, list.len(), index, [item]);
                    index += 1;
                }
                let node = node + 1;
                Some(Rest::Nodes { node, index })
            }
            (Object::Set(set), Rest::Table { cursor, mut index }) => {
                let cursor = set.scan(cursor, &mut |member| {
                    self.element(b"SADD", key, set.len(), index, [member]);
                    index += 1;
                });
                (cursor != 0).then_some(Rest::Table { cursor, index })
            }
            (Object::Hash(hash), Rest::Table { cursor, mut index }) => {
                let cursor = hash.scan(cursor, &mut |field, value| {
                    self.element(b"HMSET", key, hash.len(), index, [field, value]);
                    index += 1;
                });
                (cursor != 0).then_some(Rest::Table { cursor, index })
            }
            (Object::SortedSet(set), Rest::Ranks(from)) => {
                let end = set.len().min(from + ELEMENTS_PER_COMMAND);
                for (index, (member, score)) in (from..).zip(set.range(from..end)) {
                    self.begin_batch(b"ZADD", key, set.len(), index, 2);
                    self.word(number::print_double(score).as_bytes());
                    self.word(member.text(&mut digits));
                }
                (end < set.len()).then_some(Rest::Ranks(end))
            }
            (Object::Stream(stream), Rest::Stream(rest)) => {
                self.stream_piece(key, stream, rest).map(Rest::Stream)
            }
            _ => unreachable!("the rest of an object is of its type"),
        }
    }

    /// Element number `index` of `count`, of so many words.
    fn element<const WORDS: usize>(
        &mut self,
        name: &[u8],
        key: &[u8],
        count: usize,
        index: usize,
        words: [Item<'_>; WORDS],
    ) {
        self.begin_batch(name, key, count, index, WORDS);
        for word in words {
            self.word(word.text(&mut itoa::Buffer::new()));
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

    fn expiry(&mut self, key: &[u8], expires_at_ms: Option<u64>) {
        if let Some(at_ms) = expires_at_ms {
            let mut digits = itoa::Buffer::new();
            self.command(&[b"PEXPIREAT", key, digits.format(at_ms).as_bytes()]);
        }
    }

    fn command(&mut self, words: &[&[u8]]) {
        self.begin(words.len());
        for word in words {
            self.word(word);
        }
    }

    fn begin(&mut self, words: usize) {
        self.0.push(b'*');
        self.line(words);
    }

    fn word(&mut self, word: &[u8]) {
        self.0.push(b'$');
        self.line(word.len());
        self.0.extend_from_slice(word);
        self.0.extend_from_slice(b"\r\n");
    }

    fn line(&mut self, number: usize) {
        self.0
            .extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        self.0.extend_from_slice(b"\r\n");
    }
}
