//! CLIENT PAUSE: commands held up for a while.

use lastsave_keyspace::{Command, CommandFlags, Handler, ServerCommand};
use lastsave_resp::{Args, parse_i64};

use crate::client::{Client, Held};
use crate::engine::Engine;

/// Commands are held up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pause {
    /// Up to this time, microseconds since the epoch.
    pub(crate) until_us: u64,
    /// All of them, not only those that may write.
    pub(crate) all: bool,
}

impl Engine {
    /// CLIENT PAUSE milliseconds [WRITE|ALL].
    pub(crate) fn client_pause(&mut self, client: &mut Client, args: Args<'_>) {
        let all = match args.get(3) {
            None => true,
            Some(mode) if mode.eq_ignore_ascii_case(b"all") => true,
            Some(mode) if mode.eq_ignore_ascii_case(b"write") => false,
            Some(_) => {
                return self.reply_error(client, "ERR CLIENT PAUSE mode must be WRITE or ALL");
            }
        };
        match parse_i64(&args[2]) {
            None => self.reply_error(client, "ERR timeout is not an integer or out of range"),
            Some(..0) => self.reply_error(client, "ERR timeout is negative"),
            Some(ms) => {
                let until_us = match ms {
                    0 => 0,
                    ms => self.now_us.saturating_add((ms as u64).saturating_mul(1000)),
                };
                // A pause that is on is only ever made longer and stricter.
                let pause = match self.pause {
                    Some(on) => Pause {
                        until_us: on.until_us.max(until_us),
                        all: on.all || all,
                    },
                    None => Pause { until_us, all },
                };
                self.pause = Some(pause);
                self.keyspace.settings.keep_expired = true;
                client.reply.ok();
            }
        }
    }

    /// Ends the pause, if there is one: what was held up is executed by [`Engine::resume_held`].
    pub(crate) fn unpause(&mut self) {
        self.pause = None;
        self.keyspace.settings.keep_expired = false;
        for id in std::mem::take(&mut self.paused_clients) {
            if let Some(client) = self.clients.get_mut(id)
                && matches!(client.held, Some(Held::Paused))
            {
                client.held = None;
                self.waiters.resume(id);
            }
        }
    }

    /// Ends a pause whose time is over.
    pub(crate) fn unpause_if_due(&mut self) {
        if self
            .pause
            .is_some_and(|pause| pause.until_us <= self.now_us)
        {
            self.unpause();
        }
    }

    /// Whether a pause holds this command up.
    pub(crate) fn pauses(&self, client: &Client, command: &'static Command) -> bool {
        let Some(pause) = self.pause else {
            return false;
        };
        let writes = |flags: CommandFlags| {
            flags.has(CommandFlags::WRITE) || flags.has(CommandFlags::MAY_REPLICATE)
        };
        let is_exec = matches!(command.handler, Handler::Server(ServerCommand::Exec));
        let may_write = writes(command.flags)
            || (is_exec && client.queued.iter().any(|it| writes(it.command.flags)));
        pause.until_us > self.now_us && !client.monitor && (pause.all || may_write)
    }

    /// Holds a client's next command up.
    pub(crate) fn hold_up(&mut self, client: &mut Client) {
        client.held = Some(Held::Paused);
        self.paused_clients.push(client.id);
    }
}
