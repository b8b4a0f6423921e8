//! DEBUG: what tests and the curious need.

use lastsave_keyspace::number::parse_i64;
use lastsave_resp::Args;
use lastsave_vfs::Vfs;

use crate::Level;
use crate::client::Client;
use crate::dispatch::LOADING;
use crate::engine::Engine;

impl Engine {
    pub(super) fn debug(&mut self, client: &mut Client, args: Args<'_>, vfs: &mut dyn Vfs) {
        match args[1].to_ascii_lowercase().as_slice() {
            b"reload" | b"loadaof" | b"populate" if self.is_loading() => {
                self.reply_error(client, LOADING);
            }
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
            b"aof-flush-sleep" if args.len() == 3 => {
                self.flush_sleep.each_us = u64::try_from(number_in(&args[2])).unwrap_or(0);
                client.reply.ok();
            }
            b"set-active-expire" if args.len() == 3 => {
                self.keyspace.settings.active_expire = number_in(&args[2]) != 0;
                client.reply.ok();
            }
            b"change-repl-id" if args.len() == 2 => {
                self.log(
                    Level::Warning,
                    "Changing replication IDs after receiving DEBUG change-repl-id",
                );
                let words: Vec<String> = (0..3)
                    .map(|_| format!("{:016x}", self.keyspace.next_random()))
                    .collect();
                self.replication_id = words.concat()[..40].to_owned();
                client.reply.ok();
            }
            b"config-rewrite-force-all" if args.len() == 2 => {
                self.config_rewrite(client, true, vfs);
            }
            b"digest" if args.len() == 2 => self.debug_digest(client),
            b"digest-value" => self.debug_digest_value(client, args),
            b"error" if args.len() == 3 => client.reply.error_bytes(&args[2]),
            b"htstats" if args.len() == 3 => self.debug_htstats(client, &args[2]),
            b"htstats-key" if args.len() == 3 => self.debug_htstats_key(client, &args[2]),
            b"listpack" if args.len() == 3 => self.debug_listpack(client, &args[2]),
            b"log" if args.len() == 3 => {
                let text = String::from_utf8_lossy(&args[2]).into_owned();
                self.log(Level::Warning, format!("DEBUG LOG: {text}"));
                client.reply.ok();
            }
            b"object" if args.len() == 3 => self.debug_object(client, &args[2]),
            b"pause-cron" if args.len() == 3 => {
                self.cron_paused = number_in(&args[2]) != 0;
                client.reply.ok();
            }
            b"populate" if (3..=5).contains(&args.len()) => self.debug_populate(client, args),
            b"protocol" if args.len() == 3 => self.debug_protocol(client, &args[2]),
            b"quicklist" if (3..=4).contains(&args.len()) => {
                let full = args.get(3).is_some_and(|word| number_in(word) != 0);
                self.debug_quicklist(client, &args[2], full);
            }
            b"quicklist-packed-threshold" if args.len() == 3 => {
                self.debug_packed_threshold(client, &args[2]);
            }
            // Reply buffers here grow and shrink as they are needed.
            b"replybuffer" if args.len() == 4 => match args[2].to_ascii_lowercase().as_slice() {
                b"peak-reset-time" | b"resizing" => client.reply.ok(),
                _ => self.subcommand_syntax_error(client, args),
            },
            b"set-skip-checksum-validation" if args.len() == 3 => {
                self.keyspace.settings.skip_payload_checksum = number_in(&args[2]) != 0;
                client.reply.ok();
            }
            b"sdslen" if args.len() == 3 => self.debug_sdslen(client, &args[2]),
            b"reload" => self.debug_reload(client, args, vfs),
            b"loadaof" if args.len() == 2 => self.debug_loadaof(client, vfs),
            b"help" => debug_help(client),
            _ => self.subcommand_syntax_error(client, args),
        }
    }

    /// DEBUG QUICKLIST-PACKED-THRESHOLD: from which length on an element of a list has a node of its own. 0 is the default.
    fn debug_packed_threshold(&mut self, client: &mut Client, word: &[u8]) {
        const DEFAULT: u64 = 1 << 30;
        const MOST: u64 = (1 << 32) - (1 << 20);
        let bytes = std::str::from_utf8(word)
            .ok()
            .and_then(crate::config::parse_memory);
        match bytes {
            Some(0) => self.keyspace.settings.list_packed_threshold = DEFAULT,
            Some(bytes) if bytes <= MOST => self.keyspace.settings.list_packed_threshold = bytes,
            _ => {
                return self.reply_error(
                    client,
                    "ERR argument must be a memory value bigger than 1 and smaller than 4gb",
                );
            }
        }
        client.reply.ok();
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

/// A number as C's `atoi` reads it: 0 if it is none.
fn number_in(word: &[u8]) -> i64 {
    parse_i64(word).unwrap_or(0)
}

/// DEBUG takes words that are in no table.
fn debug_help(client: &mut Client) {
    const LINES: &[&str] = &[
        "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "AOF-FLUSH-SLEEP <microseconds>",
        "    Serves nobody for that long before each write to the append-only file.",
        "CHANGE-REPL-ID",
        "    Gives the server another replication ID.",
        "CONFIG-REWRITE-FORCE-ALL",
        "    As CONFIG REWRITE, with all parameters, those at their defaults too.",
        "DIGEST",
        "    A digest of all data.",
        "DIGEST-VALUE [<key> ...]",
        "    A digest of each of these values.",
        "ERROR <string>",
        "    Answers with this error.",
        "HTSTATS <db>",
        "    The size of a database's table.",
        "HTSTATS-KEY <key>",
        "    The size of a value's table.",
        "LISTPACK <key>",
        "    Writes the listpack that a value is kept as into the log.",
        "LOADAOF",
        "    Writes the append-only file's buffer and loads the data set from its files.",
        "LOG <message>",
        "    Writes a line into the log.",
        "OBJECT <key>",
        "    How a value is kept.",
        "PAUSE-CRON <0|1>",
        "    Stops the periodic work, or lets it go on.",
        "POPULATE <count> [<prefix>] [<size>]",
        "    Makes many strings.",
        "PROTOCOL <type>",
        "    A reply of this type.",
        "QUICKLIST <key> [<0|1>]",
        "    Writes the nodes of a list into the log, and with 1 their elements.",
        "QUICKLIST-PACKED-THRESHOLD <bytes>",
        "    From which length on an element of a list has a node of its own.",
        "RELOAD [NOSAVE] [NOFLUSH] [MERGE]",
        "    Saves the RDB file and loads it.",
        "REPLYBUFFER PEAK-RESET-TIME|RESIZING <value>",
        "    Taken and of no consequence: replies have no buffers of a fixed size.",
        "SDSLEN <key>",
        "    The lengths of a key and of its string.",
        "SET-ACTIVE-EXPIRE <0|1>",
        "    Switches the removal of expired keys that nobody asks for.",
        "SET-SKIP-CHECKSUM-VALIDATION <0|1>",
        "    Whether RESTORE takes payloads whose checksum is wrong.",
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
