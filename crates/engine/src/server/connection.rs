//! Commands about the connection that they come by: AUTH, HELLO, PING, RESET, SELECT.

use lastsave_keyspace::{arity_error, number::parse_i64};
use lastsave_resp::{Args, Protocol};

use super::SYNTAX_ERROR;
use crate::REDIS_VERSION;
use crate::client::{Answers, Client};
use crate::engine::Engine;

pub(super) const BAD_NAME: &str =
    "ERR Client names cannot contain spaces, newlines or special characters.";
const WRONG_PASSWORD: &str = "WRONGPASS invalid username-password pair or user is disabled.";

impl Engine {
    pub(super) fn ping(&mut self, client: &mut Client, args: Args<'_>) {
        match args.len() {
            // Between messages in RESP2, an answer must look like one.
            1 | 2 if client.subscriber && client.reply.protocol() == Protocol::Resp2 => {
                client.reply.array(2);
                client.reply.bulk(b"pong");
                client.reply.bulk(args.get(1).unwrap_or(b""));
            }
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
        client.new_limits = Some(self.request_limits(false));
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
                client.name = String::from_utf8_lossy(word).into_owned();
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
        client.answers = Answers::On;
        self.forget_subscriptions(client);
        self.forget_monitor(client);
        client.authenticated = self.config.requirepass.is_empty();
        client.reply.set_protocol(Protocol::Resp2);
        client.reply.simple("RESET");
    }
}

/// Whether a word can name a connection: printable, without spaces.
pub(super) fn is_client_name(word: &[u8]) -> bool {
    word.iter().all(|byte| (b'!'..=b'~').contains(byte))
}
