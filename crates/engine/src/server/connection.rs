//! Commands about the connection that they come by: AUTH, HELLO, CLIENT, PING, RESET, SELECT.

use lastsave_keyspace::{Command, arity_error, number::parse_i64};
use lastsave_resp::{Args, Limits, Protocol};

use super::{SYNTAX_ERROR, help_for};
use crate::client::Client;
use crate::engine::Engine;
use crate::{ClientId, Output, REDIS_VERSION};

const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";
const BAD_NAME: &str = "ERR Client names cannot contain spaces, newlines or special characters.";
const WRONG_PASSWORD: &str = "WRONGPASS invalid username-password pair or user is disabled.";

impl Engine {
    pub(super) fn ping(&mut self, client: &mut Client, args: Args<'_>) {
        match args.len() {
            1 => client.reply.simple("PONG"),
            2 => client.reply.bulk(&args[1]),
            _ => self.reply_error(client, &arity_error("ping")),
        }
    }

    pub(super) fn select(&mut self, client: &mut Client, args: Args<'_>) {
        match parse_i64(&args[1]).filter(|number| i32::try_from(*number).is_ok()) {
            None => self.reply_error(client, "ERR value is not an integer or out of range"),
            Some(number) => match usize::try_from(number) {
                Ok(db) if db < self.keyspace.databases.len() => {
                    client.db = db;
                    client.reply.ok();
                }
                _ => self.reply_error(client, "ERR DB index is out of range"),
            },
        }
    }

    pub(super) fn auth(&mut self, client: &mut Client, args: Args<'_>) {
        if args.len() > 3 {
            self.reply_error(client, SYNTAX_ERROR);
            return;
        }
        if args.len() == 2 && self.config.requirepass.is_empty() {
            self.reply_error(client, "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?");
            return;
        }
        let (user, password) = if args.len() == 3 {
            (&args[1], &args[2])
        } else {
            (&b"default"[..], &args[1])
        };
        if self.accepts(user, password) {
            self.let_in(client);
            client.reply.ok();
        } else {
            self.reply_error(client, WRONG_PASSWORD);
        }
    }

    /// Whether a user and password are right. The time it takes does not depend on how much of the password is.
    fn accepts(&self, user: &[u8], password: &[u8]) -> bool {
        let expected = self.config.requirepass.as_bytes();
        let differing = expected
            .iter()
            .zip(password.iter().chain(std::iter::repeat(&0)))
            .fold(0, |sum, (a, b)| sum | (a ^ b));
        let right = differing == 0 && expected.len() == password.len();
        user == b"default" && (expected.is_empty() || right)
    }

    fn let_in(&self, client: &mut Client) {
        client.authenticated = true;
        client.new_limits = Some(Limits {
            max_bulk_len: self.config.proto_max_bulk_len as usize,
            ..Limits::default()
        });
    }

    pub(super) fn hello(&mut self, client: &mut Client, args: Args<'_>) {
        let mut protocol = None;
        if let Some(version) = args.get(1) {
            protocol = match parse_i64(version) {
                Some(2) => Some(Protocol::Resp2),
                Some(3) => Some(Protocol::Resp3),
                Some(_) => {
                    return self.reply_error(client, "NOPROTO unsupported protocol version");
                }
                None => {
                    return self.reply_error(
                        client,
                        "ERR Protocol version is not an integer or out of range",
                    );
                }
            };
        }
        let mut name = None;
        let mut index = 2;
        while let Some(option) = args.get(index) {
            if option.eq_ignore_ascii_case(b"AUTH") && index + 2 < args.len() {
                if !self.accepts(&args[index + 1], &args[index + 2]) {
                    return self.reply_error(client, WRONG_PASSWORD);
                }
                self.let_in(client);
                index += 3;
            } else if option.eq_ignore_ascii_case(b"SETNAME") && index + 1 < args.len() {
                let word = &args[index + 1];
                if !is_client_name(word) {
                    return self.reply_error(client, BAD_NAME);
                }
                name = Some(String::from_utf8_lossy(word).into_owned());
                index += 2;
            } else {
                let option = String::from_utf8_lossy(option).into_owned();
                return self.reply_error(
                    client,
                    &format!("ERR Syntax error in HELLO option '{option}'"),
                );
            }
        }
        if !client.authenticated {
            return self.reply_error(client, "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time");
        }
        if let Some(name) = name {
            client.name = name;
        }
        if let Some(protocol) = protocol {
            client.reply.set_protocol(protocol);
        }
        let id = client.id.0 as i64;
        let reply = &mut client.reply;
        let version = if reply.protocol() == Protocol::Resp3 {
            3
        } else {
            2
        };
        reply.map(7);
        reply.bulk(b"server");
        reply.bulk(b"redis");
        reply.bulk(b"version");
        reply.bulk(REDIS_VERSION.as_bytes());
        reply.bulk(b"proto");
        reply.integer(version);
        reply.bulk(b"id");
        reply.integer(id);
        reply.bulk(b"mode");
        reply.bulk(b"standalone");
        reply.bulk(b"role");
        reply.bulk(b"master");
        reply.bulk(b"modules");
        reply.array(0);
    }

    pub(super) fn reset(&mut self, client: &mut Client) {
        self.leave_transaction(client);
        client.db = 0;
        client.name.clear();
        client.no_evict = false;
        client.authenticated = self.config.requirepass.is_empty();
        client.reply.set_protocol(Protocol::Resp2);
        client.reply.simple("RESET");
    }

    pub(super) fn client_command(
        &mut self,
        client: &mut Client,
        command: &'static Command,
        args: Args<'_>,
    ) {
        match command.name {
            "id" => client.reply.integer(client.id.0 as i64),
            "getname" if client.name.is_empty() => client.reply.null(),
            "getname" => {
                let name = client.name.clone();
                client.reply.bulk(name.as_bytes());
            }
            "setname" if is_client_name(&args[2]) => {
                client.name = String::from_utf8_lossy(&args[2]).into_owned();
                client.reply.ok();
            }
            "setname" => self.reply_error(client, BAD_NAME),
            "list" => self.client_list(client, args),
            "info" => {
                let line = self.describe(client) + "\n";
                client.reply.verbatim("txt", line.as_bytes());
            }
            "kill" => self.client_kill(client, args),
            "no-evict" => {
                let on = args[2].eq_ignore_ascii_case(b"on");
                if on || args[2].eq_ignore_ascii_case(b"off") {
                    client.no_evict = on;
                    client.reply.ok();
                } else {
                    self.reply_error(client, SYNTAX_ERROR);
                }
            }
            _ => help_for("client", client),
        }
    }

    fn client_list(&mut self, client: &mut Client, args: Args<'_>) {
        let mut wanted: Option<Vec<ClientId>> = None;
        if let Some(option) = args.get(2) {
            if option.eq_ignore_ascii_case(b"TYPE") && args.len() == 4 {
                if args[3].eq_ignore_ascii_case(b"normal") {
                    // Every connection is one.
                } else if [&b"master"[..], b"replica", b"slave", b"pubsub"]
                    .iter()
                    .any(|kind| args[3].eq_ignore_ascii_case(kind))
                {
                    wanted = Some(Vec::new());
                } else {
                    let kind = String::from_utf8_lossy(&args[3]).into_owned();
                    return self.reply_error(client, &format!("ERR Unknown client type '{kind}'"));
                }
            } else if option.eq_ignore_ascii_case(b"ID") && args.len() > 3 {
                let ids: Option<Vec<_>> = args
                    .skip(3)
                    .iter()
                    .map(|word| {
                        parse_i64(word)
                            .filter(|id| *id > 0)
                            .map(|id| ClientId(id as u64))
                    })
                    .collect();
                match ids {
                    Some(ids) => wanted = Some(ids),
                    None => return self.reply_error(client, "ERR Invalid client ID"),
                }
            } else {
                return self.reply_error(client, SYNTAX_ERROR);
            }
        }
        let mut lines: Vec<(ClientId, String)> = self
            .clients
            .iter()
            .map(|other| (other.id, self.describe(other)))
            .collect();
        lines.push((client.id, self.describe(client)));
        lines.sort();
        let mut text = String::new();
        for (id, line) in lines {
            if wanted.as_ref().is_none_or(|ids| ids.contains(&id)) {
                text.push_str(&line);
                text.push('\n');
            }
        }
        client.reply.verbatim("txt", text.as_bytes());
    }

    /// A connection as CLIENT LIST shows it.
    fn describe(&self, client: &Client) -> String {
        let mut flags = String::new();
        for (set, flag) in [
            (client.in_multi, 'x'),
            (client.watch_broken, 'd'),
            (client.closing, 'c'),
            (client.is_unix_socket(), 'U'),
            (client.no_evict, 'e'),
        ] {
            if set {
                flags.push(flag);
            }
        }
        if flags.is_empty() {
            flags.push('N');
        }
        let multi = if client.in_multi {
            client.queued.len() as i64
        } else {
            -1
        };
        let resp = if client.reply.protocol() == Protocol::Resp3 {
            3
        } else {
            2
        };
        format!(
            "id={} addr={} laddr={} fd=0 name={} age={} idle={} flags={flags} db={} sub=0 psub=0 ssub=0 multi={multi} qbuf={} qbuf-free={} argv-mem=0 multi-mem=0 rbs={} rbp={} obl={} oll=0 omem=0 tot-mem={} events=r cmd={} user=default redir=-1 resp={resp}",
            client.id.0,
            client.address,
            client.local_address,
            client.name,
            (self.now_us - client.created_us) / 1_000_000,
            (self.now_us - client.last_seen_us) / 1_000_000,
            client.db,
            client.input.len(),
            client.input.capacity() - client.input.len(),
            client.reply.bytes().len(),
            client.reply.bytes().len(),
            client.released_bytes().len(),
            client.memory_bytes(),
            client.last_command,
        )
    }

    fn client_kill(&mut self, client: &mut Client, args: Args<'_>) {
        let mut id = None;
        let mut address = None;
        let mut local_address = None;
        let mut skip_me = true;
        let old_style = args.len() == 3;
        if old_style {
            address = Some(args[2].to_vec());
            skip_me = false;
        } else {
            if !args.len().is_multiple_of(2) {
                return self.reply_error(client, SYNTAX_ERROR);
            }
            for index in (2..args.len()).step_by(2) {
                let (option, value) = (&args[index], &args[index + 1]);
                if option.eq_ignore_ascii_case(b"ID") {
                    match parse_i64(value) {
                        Some(number) if number > 0 => id = Some(ClientId(number as u64)),
                        Some(_) => {
                            return self
                                .reply_error(client, "ERR client-id should be greater than 0");
                        }
                        None => return self.reply_error(client, NOT_AN_INTEGER),
                    }
                } else if option.eq_ignore_ascii_case(b"ADDR") {
                    address = Some(value.to_vec());
                } else if option.eq_ignore_ascii_case(b"LADDR") {
                    local_address = Some(value.to_vec());
                } else if option.eq_ignore_ascii_case(b"SKIPME")
                    && (value.eq_ignore_ascii_case(b"yes") || value.eq_ignore_ascii_case(b"no"))
                {
                    skip_me = value.eq_ignore_ascii_case(b"yes");
                } else {
                    return self.reply_error(client, SYNTAX_ERROR);
                }
            }
        }
        let matches = |other: &Client| {
            id.is_none_or(|id| id == other.id)
                && address
                    .as_ref()
                    .is_none_or(|address| address == other.address.as_bytes())
                && local_address
                    .as_ref()
                    .is_none_or(|local| local == other.local_address.as_bytes())
        };
        let victims: Vec<ClientId> = self
            .clients
            .iter()
            .filter(|other| matches(other))
            .map(|other| other.id)
            .collect();
        let mut killed = victims.len();
        for victim in victims {
            self.outputs.push_back(Output::Close {
                client: victim,
                after_reply: false,
            });
        }
        if !skip_me && matches(client) {
            client.closing = true;
            killed += 1;
        }
        if !old_style {
            client.reply.integer(killed as i64);
        } else if killed == 0 {
            self.reply_error(client, "ERR No such client");
        } else {
            client.reply.ok();
        }
    }
}

/// Whether a word can name a connection: printable, without spaces.
fn is_client_name(word: &[u8]) -> bool {
    word.iter().all(|byte| (b'!'..=b'~').contains(byte))
}
