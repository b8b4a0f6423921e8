//! DEBUG, as far as it shows or makes values.

use lastsave_dict::ValueRef;
use lastsave_keyspace::number::parse_i64;
use lastsave_keyspace::{Object, OwnedValue, Usage, encoding_name};
use lastsave_rdb::EncoderOptions;
use lastsave_resp::{Args, Protocol};

use crate::client::Client;
use crate::engine::Engine;

const NO_SUCH_KEY: &str = "ERR no such key";
const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";
const NOT_POSITIVE: &str = "ERR value is out of range, must be positive";

impl Engine {
    /// DEBUG OBJECT: how a value is kept. There are no addresses to tell: keys live in a table that moves them.
    pub(super) fn debug_object(&mut self, client: &mut Client, key: &[u8]) {
        let now_us = self.now_us;
        let Some(entry) = self.keyspace.databases[client.db].keys.get(key) else {
            return self.reply_error(client, NO_SUCH_KEY);
        };
        let mut encoded = Vec::new();
        let options = EncoderOptions {
            compression: self.config.rdbcompression,
            checksum: false,
            usage: None,
        };
        lastsave_rdb::encode_value(&mut encoded, entry.value(), options);
        let clock = entry.tag().0 & 0xff_ffff;
        let idle_s = ((now_us / 1_000_000) as u32).wrapping_sub(clock) & 0xff_ffff;
        let mut text = format!(
            "Value at:0x0 refcount:1 encoding:{} serializedlength:{} lru:{clock} lru_seconds_idle:{idle_s}",
            encoding_name(&entry),
            // The type in front is no part of the value.
            encoded.len() - 1,
        );
        if let ValueRef::Object(Object::List(list)) = entry.value() {
            let options = list.options();
            text.push_str(&format!(
                " ql_nodes:{} ql_avg_node:{:.2} ql_listpack_max:{} ql_compressed:{} ql_uncompressed_size:{}",
                list.nodes().len(),
                list.len() as f64 / list.nodes().len().max(1) as f64,
                options.fill,
                u8::from(options.compress_depth != 0),
                list.node_bytes(),
            ));
        }
        client.reply.simple(&text);
    }

    /// DEBUG SDSLEN: the lengths of a key and of a string.
    pub(super) fn debug_sdslen(&mut self, client: &mut Client, key: &[u8]) {
        let Some(entry) = self.keyspace.databases[client.db].keys.get(key) else {
            return self.reply_error(client, NO_SUCH_KEY);
        };
        let len = match entry.value() {
            ValueRef::Bytes(bytes) => bytes.len(),
            ValueRef::Object(Object::Text(text)) => text.len(),
            _ => return self.reply_error(client, "ERR Not an sds encoded string."),
        };
        client.reply.simple(&format!(
            "key_sds_len:{0}, key_sds_avail:0, key_zmalloc: {0}, val_sds_len:{len}, val_sds_avail:0, val_zmalloc: {len}",
            key.len(),
        ));
    }

    /// DEBUG POPULATE: many strings at once. As in Redis they are not written to the append-only file.
    pub(super) fn debug_populate(&mut self, client: &mut Client, args: Args<'_>) {
        let prefix = args.get(3).unwrap_or(b"key");
        let mut numbers = [0; 2];
        for (number, word) in numbers.iter_mut().zip([args.get(2), args.get(4)]) {
            match word.map(parse_i64) {
                None => {}
                Some(Some(parsed @ 0..)) => *number = parsed as usize,
                Some(Some(_)) => return self.reply_error(client, NOT_POSITIVE),
                Some(None) => return self.reply_error(client, NOT_AN_INTEGER),
            }
        }
        let [count, size] = numbers;
        self.keyspace.set_restore_time(self.now_us);
        for number in 0..count {
            let key = [prefix, b":", number.to_string().as_bytes()].concat();
            if self.keyspace.databases[client.db].keys.get(&key).is_some() {
                continue;
            }
            let mut text = format!("value:{number}").into_bytes();
            if size > 0 {
                text.resize(size, 0);
            }
            self.keyspace.restore(
                client.db,
                &key,
                OwnedValue::Text(text),
                None,
                Usage::Unknown,
            );
            self.break_watches_of(client.db, &key);
        }
        client.reply.ok();
    }

    /// DEBUG HTSTATS: how large the table of a database is.
    pub(super) fn debug_htstats(&mut self, client: &mut Client, number: &[u8]) {
        let Some(number) = parse_i64(number) else {
            return self.reply_error(client, NOT_AN_INTEGER);
        };
        let database = usize::try_from(number)
            .ok()
            .and_then(|number| self.keyspace.databases.get(number));
        let Some(database) = database else {
            return self.reply_error(client, "ERR Out of range database");
        };
        let text = format!(
            "[Dictionary HT]\n{}[Expires HT]\n{}",
            table_stats(database.keys.len()),
            table_stats(database.keys.expiring_len()),
        );
        client.reply.verbatim("txt", text.as_bytes());
    }

    /// DEBUG HTSTATS-KEY: how large the table of a value is.
    pub(super) fn debug_htstats_key(&mut self, client: &mut Client, key: &[u8]) {
        let Some(entry) = self.keyspace.databases[client.db].keys.get(key) else {
            return self.reply_error(client, NO_SUCH_KEY);
        };
        let is_table = matches!(encoding_name(&entry), "hashtable" | "skiplist");
        let len = match entry.value() {
            ValueRef::Object(Object::Set(set)) if is_table => set.len(),
            ValueRef::Object(Object::Hash(hash)) if is_table => hash.len(),
            ValueRef::Object(Object::SortedSet(members)) if is_table => members.len(),
            _ => {
                return self.reply_error(
                    client,
                    "ERR The value stored at the specified key is not represented using an hash table",
                );
            }
        };
        client.reply.verbatim("txt", table_stats(len).as_bytes());
    }

    /// DEBUG PROTOCOL: a reply of each type.
    pub(super) fn debug_protocol(&mut self, client: &mut Client, name: &[u8]) {
        let reply = &mut client.reply;
        let numbers = |reply: &mut lastsave_resp::Reply| {
            for number in 0..3 {
                reply.integer(number);
            }
        };
        match name.to_ascii_lowercase().as_slice() {
            b"string" => reply.bulk(b"Hello World"),
            b"integer" => reply.integer(12345),
            b"double" => reply.double("3.141"),
            b"bignum" => reply.big_number("1234567999999999999999999999999999999"),
            b"null" => reply.null(),
            b"array" => {
                reply.array(3);
                numbers(reply);
            }
            b"set" => {
                reply.set(3);
                numbers(reply);
            }
            b"map" => {
                reply.map(3);
                for number in 0..3 {
                    reply.integer(number);
                    reply.boolean(number == 1);
                }
            }
            b"attrib" => {
                if reply.protocol() == Protocol::Resp3 {
                    reply.attribute(1);
                    reply.bulk(b"key-popularity");
                    reply.array(2);
                    reply.bulk(b"key:123");
                    reply.integer(90);
                }
                reply.bulk(b"Some real reply following the attribute");
            }
            b"push" if reply.protocol() == Protocol::Resp2 => {
                reply.error("ERR RESP2 is not supported by this command");
            }
            b"push" => {
                reply.push(2);
                reply.bulk(b"server-cpu-usage");
                reply.integer(42);
                reply.bulk(b"Some real reply following the push reply");
            }
            b"true" => reply.boolean(true),
            b"false" => reply.boolean(false),
            b"verbatim" => reply.verbatim("txt", b"This is a verbatim\nstring"),
            _ => reply.error("ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false"),
        }
    }
}

/// What Redis tells first of a table of so many elements, whose size there is a power of two.
fn table_stats(len: usize) -> String {
    if len == 0 {
        return "Hash table 0 stats (main hash table):\nNo stats available for empty dictionaries\n"
            .into();
    }
    format!(
        "Hash table 0 stats (main hash table):\n table size: {}\n number of elements: {len}\n",
        len.next_power_of_two().max(4)
    )
}
