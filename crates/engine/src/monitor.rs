//! MONITOR: every command shown to those who asked for it.

use lastsave_keyspace::{Command, CommandFlags, Handler, ServerCommand};
use lastsave_resp::Args;

use crate::client::Client;
use crate::engine::Engine;
use crate::pubsub::Message;

/// What stands where a password stood.
pub(crate) const REDACTED: &[u8] = b"(redacted)";

impl Engine {
    pub(crate) fn monitor_command(&mut self, client: &mut Client) {
        if self.in_exec {
            return self.reply_error(client, "ERR MONITOR isn't allowed for DENY BLOCKING client");
        }
        if !client.monitor {
            client.monitor = true;
            self.monitors.push(client.id);
            client.reply.ok();
        }
    }

    pub(crate) fn forget_monitor(&mut self, client: &mut Client) {
        if std::mem::take(&mut client.monitor) {
            self.monitors.retain(|id| *id != client.id);
        }
    }

    /// Shows a command that has run. Those of administrators stay unseen.
    #[inline]
    pub(crate) fn feed_monitors(
        &mut self,
        client: &mut Client,
        command: &'static Command,
        args: Args<'_>,
    ) {
        if !self.monitors.is_empty()
            && !command.flags.has(CommandFlags::ADMIN)
            && !command.flags.has(CommandFlags::SKIP_MONITOR)
        {
            self.show_to_monitors(client, command, args);
        }
    }

    fn show_to_monitors(&mut self, client: &mut Client, command: &'static Command, args: Args<'_>) {
        let (seconds, micros) = (self.now_us / 1_000_000, self.now_us % 1_000_000);
        let source = match client.address.strip_suffix(":0") {
            Some(path) if client.is_unix_socket() => format!("unix:{path}"),
            _ => client.address.clone(),
        };
        let mut line = format!("+{seconds}.{micros:06} [{} {source}]", client.db).into_bytes();
        let hidden = secrets(command, args);
        for (index, word) in args.iter().enumerate() {
            line.push(b' ');
            let word = if hidden.contains(&index) {
                REDACTED
            } else {
                word
            };
            append_quoted(&mut line, word);
        }
        line.extend_from_slice(b"\r\n");
        for id in self.monitors.clone() {
            self.deliver(&mut Some(&mut *client), id, &Message::Line(&line));
        }
    }
}

/// The indices of the words that must be shown to nobody.
pub(crate) fn secrets(command: &'static Command, args: Args<'_>) -> Vec<usize> {
    match command.handler {
        Handler::Server(ServerCommand::Auth) => (1..args.len()).collect(),
        Handler::Server(ServerCommand::Hello) => {
            let is_auth = |index: &usize| args[*index].eq_ignore_ascii_case(b"AUTH");
            match (2..args.len()).find(is_auth) {
                Some(auth) => (auth + 1..args.len().min(auth + 3)).collect(),
                None => Vec::new(),
            }
        }
        Handler::Server(ServerCommand::Config) if command.name == "set" => (2..args.len())
            .step_by(2)
            .filter(|index| {
                crate::config::parameter(&args[*index])
                    .is_some_and(|row| row.flags.has(crate::config::Flags::SENSITIVE))
            })
            .map(|index| index + 1)
            .filter(|index| *index < args.len())
            .collect(),
        _ => Vec::new(),
    }
}

/// Appends bytes in quotes, everything unprintable escaped.
pub(crate) fn append_quoted(line: &mut Vec<u8>, bytes: &[u8]) {
    line.push(b'"');
    for byte in bytes {
        match byte {
            b'\\' | b'"' => line.extend_from_slice(&[b'\\', *byte]),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            b'\t' => line.extend_from_slice(b"\\t"),
            0x07 => line.extend_from_slice(b"\\a"),
            0x08 => line.extend_from_slice(b"\\b"),
            b' '..=b'~' => line.push(*byte),
            _ => line.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
        }
    }
    line.push(b'"');
}
