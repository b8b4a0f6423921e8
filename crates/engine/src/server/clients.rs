//! CLIENT: what connections are, and what becomes of them.

use lastsave_keyspace::{Command, number::parse_i64};
use lastsave_resp::{Args, Protocol};

use super::connection::{BAD_NAME, is_client_name};
use super::{SYNTAX_ERROR, help_for, subcommand_syntax_error};
use crate::ClientId;
use crate::client::{Answers, Client, REPLY_ALLOWANCE};
use crate::engine::Engine;
use crate::limits::Class;

const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";

impl Engine {
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
            "reply" => self.client_reply(client, args),
            "pause" if args.len() <= 4 => self.client_pause(client, args),
            "unpause" => {
                self.unpause();
                client.reply.ok();
            }
            "unblock" if args.len() <= 4 => self.client_unblock(client, args),
            "pause" | "unblock" => {
                let error = subcommand_syntax_error(args);
                self.reply_error(client, &error);
            }
            _ => help_for("client", client),
        }
    }

    fn client_reply(&mut self, client: &mut Client, args: Args<'_>) {
        let is = |word: &[u8]| args[2].eq_ignore_ascii_case(word);
        if is(b"on") {
            client.answers = Answers::On;
            client.reply.ok();
        } else if is(b"off") {
            client.answers = Answers::Off;
        } else if !is(b"skip") {
            self.reply_error(client, SYNTAX_ERROR);
        } else if client.answers != Answers::Off {
            client.answers = Answers::SkipNext;
        }
    }

    fn client_unblock(&mut self, client: &mut Client, args: Args<'_>) {
        let error = match args.get(3) {
            None => None,
            Some(word) if word.eq_ignore_ascii_case(b"timeout") => None,
            Some(word) if word.eq_ignore_ascii_case(b"error") => {
                Some("UNBLOCKED client unblocked via CLIENT UNBLOCK")
            }
            Some(_) => {
                return self.reply_error(
                    client,
                    "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR",
                );
            }
        };
        let Some(id) = parse_i64(&args[2]) else {
            return self.reply_error(client, NOT_AN_INTEGER);
        };
        let mut unblocked = false;
        if let Ok(id) = u64::try_from(id)
            && let Some(mut other) = self.clients.take(ClientId(id))
        {
            unblocked = self.end_waiting(&mut other, error);
            self.put_back(other);
        }
        client.reply.integer(i64::from(unblocked));
    }

    fn client_list(&mut self, client: &mut Client, args: Args<'_>) {
        let mut lines: Vec<(ClientId, Class, String)> = self
            .clients
            .iter()
            .map(|other| (other.id, other.class(), self.describe(other)))
            .collect();
        lines.push((client.id, client.class(), self.describe(client)));
        lines.sort_by_key(|(id, _, _)| *id);
        let is = |word: &[u8]| {
            args.get(2)
                .is_some_and(|option| option.eq_ignore_ascii_case(word))
        };
        let mut text = String::new();
        if args.len() == 2 {
            for (_, _, line) in lines {
                text = text + &line + "\n";
            }
        } else if is(b"TYPE") && args.len() == 4 {
            let Some(class) = Class::named(&args[3]) else {
                return self.refuse_class(client, &args[3]);
            };
            for (_, _, line) in lines.iter().filter(|(_, of, _)| *of == class) {
                text = text + line + "\n";
            }
        } else if is(b"ID") && args.len() > 3 {
            for word in args.skip(3).iter() {
                let Some(id) = parse_i64(word) else {
                    return self.reply_error(client, "ERR Invalid client ID");
                };
                let found = lines.iter().find(|(of, _, _)| of.0 as i64 == id);
                if let Some((_, _, line)) = found {
                    text = text + line + "\n";
                }
            }
        } else {
            return self.reply_error(client, SYNTAX_ERROR);
        }
        client.reply.verbatim("txt", text.as_bytes());
    }

    fn refuse_class(&mut self, client: &mut Client, name: &[u8]) {
        let name = String::from_utf8_lossy(name).into_owned();
        self.reply_error(client, &format!("ERR Unknown client type '{name}'"));
    }

    /// A connection as CLIENT LIST shows it.
    pub(crate) fn describe(&self, client: &Client) -> String {
        let mut flags = String::new();
        for (set, flag) in [
            (client.monitor, 'O'),
            (client.subscriber, 'P'),
            (client.in_multi, 'x'),
            (client.held.is_some(), 'b'),
            (client.watch_broken, 'd'),
            (client.closing && !client.killed, 'c'),
            (client.killed, 'A'),
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
        let counts = client.subscriptions.counts();
        let parsed = client.parser.long_word_start();
        let input_len = client.input.len().max(client.executing_len);
        let input_len = input_len.saturating_sub(parsed);
        let unsent = client.unsent_len();
        let listed = client.output_memory_bytes();
        format!(
            "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={flags} db={} sub={} psub={} ssub={} multi={multi} qbuf={} qbuf-free={} argv-mem={} multi-mem={} rbs={} rbp={} obl={} oll={} omem={} tot-mem={} events=r cmd={} user=default redir=-1 resp={resp}",
            client.id.0,
            client.address,
            client.local_address,
            0,
            client.name,
            self.now_us.saturating_sub(client.created_us) / 1_000_000,
            self.now_us.saturating_sub(client.last_seen_us) / 1_000_000,
            client.db,
            counts.channels,
            counts.patterns,
            counts.shards,
            input_len,
            client.input.capacity().saturating_sub(input_len),
            client.words_len,
            client.transaction_memory_bytes(),
            REPLY_ALLOWANCE,
            unsent.min(REPLY_ALLOWANCE),
            unsent.min(REPLY_ALLOWANCE),
            listed.div_ceil(REPLY_ALLOWANCE),
            listed,
            client.promised_memory_bytes(),
            client
                .last_command
                .map_or_else(|| "NULL".into(), |resolved| resolved.full_name()),
        )
    }

    fn client_kill(&mut self, client: &mut Client, args: Args<'_>) {
        let wanted = match KillFilter::parse(args) {
            Ok(wanted) => wanted,
            Err(error) => return self.reply_error(client, &error),
        };
        let victims: Vec<ClientId> = self
            .clients
            .iter()
            .filter(|other| wanted.matches(other))
            .map(|other| other.id)
            .collect();
        let mut killed = victims.len();
        for victim in victims {
            self.kill_client(victim);
        }
        if !wanted.skip_me && wanted.matches(client) {
            client.closing = true;
            killed += 1;
        }
        if args.len() > 3 {
            client.reply.integer(killed as i64);
        } else if killed == 0 {
            self.reply_error(client, "ERR No such client");
        } else {
            client.reply.ok();
        }
    }
}

/// Which connections CLIENT KILL is about.
#[derive(Default)]
struct KillFilter {
    id: Option<u64>,
    class: Option<Class>,
    address: Option<Vec<u8>>,
    local_address: Option<Vec<u8>>,
    skip_me: bool,
}

impl KillFilter {
    /// Reads the words behind CLIENT KILL: an address, or options. `Err` is the answer.
    fn parse(args: Args<'_>) -> Result<Self, String> {
        if args.len() == 3 {
            return Ok(Self {
                address: Some(args[2].to_vec()),
                ..Self::default()
            });
        }
        let mut filter = Self {
            skip_me: true,
            ..Self::default()
        };
        let mut words = args.skip(2).iter();
        while let Some(option) = words.next() {
            let value = words.next().ok_or(SYNTAX_ERROR)?;
            let text = || String::from_utf8_lossy(value).into_owned();
            match option.to_ascii_lowercase().as_slice() {
                b"id" => {
                    let id = parse_i64(value).filter(|id| *id > 0);
                    let id = id.ok_or("ERR client-id should be greater than 0")?;
                    filter.id = Some(id as u64);
                }
                b"type" => {
                    let class = Class::named(value);
                    filter.class =
                        Some(class.ok_or_else(|| format!("ERR Unknown client type '{}'", text()))?);
                }
                b"addr" => filter.address = Some(value.to_vec()),
                b"laddr" => filter.local_address = Some(value.to_vec()),
                // Everybody is the one user that there is.
                b"user" if value == b"default" => {}
                b"user" => return Err(format!("ERR No such user '{}'", text())),
                b"skipme" if value.eq_ignore_ascii_case(b"yes") => filter.skip_me = true,
                b"skipme" if value.eq_ignore_ascii_case(b"no") => filter.skip_me = false,
                _ => return Err(SYNTAX_ERROR.into()),
            }
        }
        Ok(filter)
    }

    fn matches(&self, client: &Client) -> bool {
        let is = |wanted: &Option<Vec<u8>>, address: &str| {
            wanted
                .as_ref()
                .is_none_or(|wanted| wanted == address.as_bytes())
        };
        self.id.is_none_or(|id| id == client.id.0)
            && self.class.is_none_or(|class| class == client.class())
            && is(&self.address, &client.address)
            && is(&self.local_address, &client.local_address)
    }
}
