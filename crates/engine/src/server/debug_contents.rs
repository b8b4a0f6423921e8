//! DEBUG, as far as it looks into values: their digests and their packed forms.

use lastsave_dict::ValueRef;
use lastsave_keyspace::Object;
use lastsave_keyspace::values::Node;
use lastsave_keyspace::values::listpack::Listpack;
use lastsave_resp::Args;

use crate::Level;
use crate::client::Client;
use crate::digest::Digest;
use crate::engine::Engine;

const NO_SUCH_KEY: &str = "ERR no such key";

/// Bytes that a line of the log shows of an element.
const SHOWN_BYTES: usize = 40;

impl Engine {
    /// DEBUG DIGEST: of all databases.
    pub(super) fn debug_digest(&mut self, client: &mut Client) {
        let digest = Digest::of_databases(&self.keyspace.databases);
        client.reply.simple(&digest.to_string());
    }

    /// DEBUG DIGEST-VALUE: of single values, expired ones too.
    pub(super) fn debug_digest_value(&mut self, client: &mut Client, args: Args<'_>) {
        client.reply.array(args.len() - 2);
        for key in args.skip(2).iter() {
            let entry = self.keyspace.databases[client.db].keys.get(key);
            let digest = entry.map_or_else(Digest::default, |entry| Digest::of_value(&entry));
            client.reply.simple(&digest.to_string());
        }
    }

    /// DEBUG LISTPACK: what is packed goes into the log. Redis prints it, but a server that runs in a page has nowhere
    /// to print to.
    pub(super) fn debug_listpack(&mut self, client: &mut Client, key: &[u8]) {
        let Some(entry) = self.keyspace.databases[client.db].keys.get(key) else {
            return self.reply_error(client, NO_SUCH_KEY);
        };
        let pack = match entry.value() {
            ValueRef::Object(Object::Hash(hash)) => hash.as_listpack(),
            ValueRef::Object(Object::SortedSet(set)) => set.as_listpack(),
            _ => None,
        };
        let Some(pack) = pack else {
            return self.reply_error(client, "ERR Not a listpack encoded object.");
        };
        let lines = describe(pack);
        self.log_lines(lines);
        client.reply.simple("Listpack structure printed on stdout");
    }

    /// DEBUG QUICKLIST: likewise, with the elements only if asked for.
    pub(super) fn debug_quicklist(&mut self, client: &mut Client, key: &[u8], full: bool) {
        let Some(entry) = self.keyspace.databases[client.db].keys.get(key) else {
            return self.reply_error(client, NO_SUCH_KEY);
        };
        let ValueRef::Object(Object::List(list)) = entry.value() else {
            return self.reply_error(client, "ERR Not a quicklist encoded object.");
        };
        let mut lines = vec![format!(
            "{{count : {}}} {{len : {}}}",
            list.len(),
            list.nodes().len()
        )];
        for (index, node) in list.nodes().enumerate() {
            let (kind, bytes) = match node {
                Node::Plain(text) => ("PLAIN", text.len()),
                Node::Packed(pack) => ("PACKED", pack.byte_len()),
            };
            lines.push(format!(
                "{{quicklist node({index}) container : {kind}, size: {bytes}, count: {}}}",
                node.count()
            ));
            if let (Node::Packed(pack), true) = (node, full) {
                lines.extend(describe(pack));
            }
        }
        self.log_lines(lines);
        client.reply.simple("Quicklist structure printed on stdout");
    }

    fn log_lines(&mut self, lines: Vec<String>) {
        for line in lines {
            self.log(Level::Notice, line);
        }
    }
}

fn describe(pack: &Listpack) -> Vec<String> {
    let (bytes, count) = (pack.byte_len(), pack.len());
    let mut lines = vec![format!("{{total bytes {bytes}}} {{num entries {count}}}")];
    for (index, position) in pack.positions().enumerate() {
        let text = pack.get(position).to_vec();
        let shown = text[..text.len().min(SHOWN_BYTES)].escape_ascii();
        let len = Listpack::encoded_len(&text);
        let offset = position.offset();
        lines.push(format!(
            "{{index: {index}, offset: {offset}, len: {len}, [str]{shown}}}"
        ));
    }
    lines
}
