//! DEBUG: what tests and the curious need.

use lastsave_resp::Args;
use lastsave_vfs::Vfs;

use super::SYNTAX_ERROR;
use crate::Level;
use crate::client::Client;
use crate::engine::Engine;

impl Engine {
    pub(super) fn debug(&mut self, client: &mut Client, args: Args<'_>, vfs: &mut dyn Vfs) {
        match args[1].to_ascii_lowercase().as_slice() {
            b"sleep" if args.len() == 3 => {
                let seconds: f64 = std::str::from_utf8(&args[2])
                    .ok()
                    .and_then(|text| text.parse().ok())
                    .unwrap_or(0.0);
                // A float is only the argument's notation: whole microseconds are what counts.
                let sleep_us = (seconds.clamp(0.0, 1e9) * 1e6) as u64;
                self.busy_until_us = self.now_us + sleep_us;
                self.observed.sleep(sleep_us);
                client.reply.ok();
            }
            b"set-active-expire" if args.len() == 3 => {
                self.active_expire = &args[2] != b"0";
                client.reply.ok();
            }
            b"reload" => self.debug_reload(client, args, vfs),
            b"loadaof" if args.len() == 2 => self.debug_loadaof(client, vfs),
            b"help" => debug_help(client),
            _ => {
                let name = String::from_utf8_lossy(&args[1][..args[1].len().min(128)]).into_owned();
                let error = format!(
                    "ERR unknown subcommand or wrong number of arguments for '{name}'. Try DEBUG HELP."
                );
                self.reply_error(client, &error);
            }
        }
    }

    fn debug_reload(&mut self, client: &mut Client, args: Args<'_>, vfs: &mut dyn Vfs) {
        let (mut save, mut flush, mut merge) = (true, true, false);
        for word in args.skip(2).iter() {
            match word.to_ascii_lowercase().as_slice() {
                b"nosave" => save = false,
                b"noflush" => flush = false,
                b"merge" => merge = true,
                _ => {
                    return self.reply_error(
                        client,
                        "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
                    );
                }
            }
        }
        if save && self.save_now(vfs).is_err() {
            return self.reply_error(client, "ERR");
        }
        match self.reload_rdb(flush, merge, vfs) {
            Ok(()) => {
                self.log(Level::Warning, "DB reloaded by DEBUG RELOAD");
                client.reply.ok();
            }
            Err(message) => {
                self.log(Level::Warning, message);
                self.reply_error(client, "ERR Error trying to load the RDB dump");
            }
        }
    }

    fn debug_loadaof(&mut self, client: &mut Client, vfs: &mut dyn Vfs) {
        if self.aof.is_none() {
            return self.reply_error(client, SYNTAX_ERROR);
        }
        self.flush_aof(vfs, true);
        match self.reload_aof(vfs) {
            Ok(()) => {
                self.saves.dirty = 0;
                self.log(Level::Warning, "Append Only File loaded by DEBUG LOADAOF");
                client.reply.ok();
            }
            Err(message) => {
                // Half a data set must not be served, saved or appended to.
                self.log(Level::Warning, message);
                self.log(
                    Level::Warning,
                    "Error trying to load the AOF files, check server logs.",
                );
                self.exit(1, crate::ExitReason::Fatal);
            }
        }
    }
}

/// DEBUG takes words that are in no table.
fn debug_help(client: &mut Client) {
    const LINES: &[&str] = &[
        "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "LOADAOF",
        "    Writes the append-only file's buffer and loads the data set from its files.",
        "RELOAD [NOSAVE] [NOFLUSH] [MERGE]",
        "    Saves the RDB file and loads it.",
        "SET-ACTIVE-EXPIRE <0|1>",
        "    Switches the removal of expired keys that nobody asks for.",
        "SLEEP <seconds>",
        "    Serves nobody for that long.",
        "HELP",
        "    Prints this help.",
    ];
    client.reply.array(LINES.len());
    for line in LINES {
        client.reply.simple(line);
    }
}
