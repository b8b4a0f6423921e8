//! The slow log: the commands that took long.

use std::collections::VecDeque;

use lastsave_keyspace::{Command, Handler, ServerCommand};
use lastsave_resp::Args;

use crate::client::Client;
use crate::config::{Flags, parameter};

/// Of a longer command only so many words are kept, the last of which tells how many more there were.
const MOST_WORDS: usize = 32;

/// Of a longer word only so many bytes are kept.
const MOST_BYTES: usize = 128;

/// A command that took long.
#[derive(Clone, Debug)]
pub(crate) struct SlowCommand {
    pub(crate) id: u64,
    /// When it ended, seconds since the epoch.
    pub(crate) time_s: u64,
    pub(crate) duration_us: u64,
    /// Its words, trimmed.
    pub(crate) words: Vec<Vec<u8>>,
    pub(crate) address: String,
    pub(crate) client_name: String,
}

/// The latest of them, the newest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct SlowLog {
    entries: VecDeque<SlowCommand>,
    next_id: u64,
}

impl SlowLog {
    /// Notes a command.
    pub(crate) fn push(
        &mut self,
        client: &Client,
        command: &Command,
        args: Args<'_>,
        now_us: u64,
        duration_us: u64,
    ) {
        self.entries.push_front(SlowCommand {
            id: self.next_id,
            time_s: now_us / 1_000_000,
            duration_us,
            words: trimmed(command, args),
            address: client.address.clone(),
            client_name: client.name.clone(),
        });
        self.next_id += 1;
    }

    /// Forgets the oldest beyond `most`.
    pub(crate) fn trim(&mut self, most: usize) {
        self.entries.truncate(most);
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entries, the newest first.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &SlowCommand> {
        self.entries.iter()
    }
}

/// The words as the log keeps them.
fn trimmed(command: &Command, args: Args<'_>) -> Vec<Vec<u8>> {
    let too_many = args.len() > MOST_WORDS;
    let kept = if too_many { MOST_WORDS - 1 } else { args.len() };
    let mut words: Vec<Vec<u8>> = (0..kept)
        .map(|index| match &args[index] {
            _ if is_secret(command, args, index) => b"(redacted)".to_vec(),
            word if word.len() > MOST_BYTES => {
                let more = format!("... ({} more bytes)", word.len() - MOST_BYTES);
                [&word[..MOST_BYTES], more.as_bytes()].concat()
            }
            word => word.to_vec(),
        })
        .collect();
    if too_many {
        words.push(format!("... ({} more arguments)", args.len() - kept).into_bytes());
    }
    words
}

/// Whether the word at `index` is a password, which nobody shall read in a log.
pub(crate) fn is_secret(command: &Command, args: Args<'_>, index: usize) -> bool {
    let Handler::Server(server_command) = command.handler else {
        return false;
    };
    match server_command {
        ServerCommand::Auth => index > 0,
        ServerCommand::Config => {
            command.name == "set"
                && index >= 3
                && index % 2 == 1
                && parameter(&args[index - 1]).is_some_and(|row| row.flags.has(Flags::SENSITIVE))
        }
        ServerCommand::Hello => {
            let auth = |at: usize| {
                args.get(at)
                    .is_some_and(|word| word.eq_ignore_ascii_case(b"AUTH"))
            };
            index > 2 && (auth(index - 1) || auth(index - 2))
        }
        _ => false,
    }
}
