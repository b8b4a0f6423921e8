//! Commands about the server and its files: saves, rewrites, CONFIG, COMMAND, INFO, SHUTDOWN.

use lastsave_keyspace::{Command, EvictionPolicy, Lfu};
use lastsave_resp::Args;
use lastsave_vfs::{Errno, OpenMode, SyncKind, Vfs, read_file, write_all};

use super::{SYNTAX_ERROR, help_for};
use crate::client::Client;
use crate::config::{self, Config, SetBy};
use crate::engine::Engine;
use crate::job::{JobKind, parent_dir};
use crate::shutdown::ShutdownFlags;

impl Engine {
    pub(super) fn save(&mut self, client: &mut Client, vfs: &mut dyn Vfs) {
        if self
            .snapshot
            .as_ref()
            .is_some_and(|snapshot| snapshot.kind == JobKind::Save)
        {
            self.reply_error(client, "ERR Background save already in progress");
            return;
        }
        self.saves.saves += 1;
        match self.save_now(vfs) {
            Ok(()) => client.reply.ok(),
            // Redis says `-ERR` and leaves the rest to its log.
            Err(_) => self.reply_error(client, "ERR"),
        }
    }

    pub(super) fn bgsave(&mut self, client: &mut Client, args: Args<'_>) {
        let schedule = match args.get(1) {
            None => false,
            Some(word) if args.len() == 2 && word.eq_ignore_ascii_case(b"schedule") => true,
            Some(_) => return self.reply_error(client, SYNTAX_ERROR),
        };
        match self.snapshot.as_ref().map(|snapshot| snapshot.kind) {
            Some(JobKind::Save) => {
                self.reply_error(client, "ERR Background save already in progress");
            }
            Some(JobKind::Rewrite) if !schedule && !self.in_exec => self.reply_error(
                client,
                "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible.",
            ),
            None if !self.in_exec => match self.start_background_save() {
                Ok(()) => client.reply.simple("Background saving started"),
                Err(()) => self.reply_error(client, "ERR"),
            },
            _ => {
                self.saves.scheduled = true;
                client.reply.simple("Background saving scheduled");
            }
        }
    }

    pub(super) fn bgrewriteaof(&mut self, client: &mut Client, vfs: &mut dyn Vfs) {
        match self.snapshot.as_ref().map(|snapshot| snapshot.kind) {
            Some(JobKind::Rewrite) => self.reply_error(
                client,
                "ERR Background append only file rewriting already in progress",
            ),
            None if !self.in_exec => match self.start_rewrite(vfs) {
                Ok(()) => client.reply.simple("Background append only file rewriting started"),
                Err(()) => self.reply_error(client, "ERR Can't execute an AOF background rewriting. Please check the server logs for more information."),
            },
            _ => {
                self.schedule_rewrite();
                client.reply.simple("Background append only file rewriting scheduled");
            }
        }
    }

    pub(super) fn shutdown(&mut self, client: &mut Client, args: Args<'_>, vfs: &mut dyn Vfs) {
        let mut flags = ShutdownFlags::default();
        let (mut abort, mut now) = (false, false);
        for word in args.skip(1).iter() {
            match word.to_ascii_lowercase().as_slice() {
                b"nosave" => flags.nosave = true,
                b"save" => flags.save = true,
                b"force" => flags.force = true,
                b"abort" => abort = true,
                // There are no replicas to wait for.
                b"now" => now = true,
                _ => return self.reply_error(client, SYNTAX_ERROR),
            }
        }
        let any = now || flags != ShutdownFlags::default();
        if (abort && any) || (flags.save && flags.nosave) {
            self.reply_error(client, SYNTAX_ERROR);
        } else if abort {
            if self.abort_shutdown() {
                client.reply.ok();
            } else {
                self.reply_error(client, "ERR No shutdown in progress.");
            }
        } else if self.in_exec && !now {
            self.reply_error(
                client,
                "ERR SHUTDOWN without NOW or ABORT isn't allowed for DENY BLOCKING client",
            );
        } else if self.shut_down(flags, vfs).is_err() {
            self.reply_error(client, "ERR Errors trying to SHUTDOWN. Check logs.");
        }
    }

    pub(super) fn info(&mut self, client: &mut Client, args: Args<'_>) {
        let sections: Vec<&[u8]> = args.skip(1).iter().collect();
        let text = crate::info::info(&sections, &self.info_facts());
        client.reply.verbatim("txt", text.as_bytes());
    }

    pub(super) fn config_command(
        &mut self,
        client: &mut Client,
        command: &'static Command,
        args: Args<'_>,
        vfs: &mut dyn Vfs,
    ) {
        match command.name {
            "get" => {
                let patterns: Vec<&[u8]> = args.skip(2).iter().collect();
                let found = config::config_get(&self.config, &patterns);
                client.reply.map(found.len());
                for (name, value) in found {
                    client.reply.bulk(&name);
                    client.reply.bulk(value.as_bytes());
                }
            }
            "set" => self.config_set(client, args, vfs),
            "rewrite" => self.config_rewrite(client, false, vfs),
            "resetstat" => {
                self.stats.reset();
                self.observed.reset_stats();
                self.eviction.reset_stats();
                self.lazyfree.freed = 0;
                self.saves.saves = 0;
                self.rewrites.started = 0;
                self.rewrites.failures = 0;
                if let Some(aof) = &mut self.aof {
                    aof.delayed_fsyncs = 0;
                }
                client.reply.ok();
            }
            _ => help_for("config", client),
        }
    }

    fn config_set(&mut self, client: &mut Client, args: Args<'_>, vfs: &mut dyn Vfs) {
        let words: Vec<&[u8]> = args.skip(2).iter().collect();
        if !words.len().is_multiple_of(2) {
            return self.reply_error(client, SYNTAX_ERROR);
        }
        let pairs: Vec<(&[u8], &[u8])> = words.chunks(2).map(|pair| (pair[0], pair[1])).collect();
        let by = SetBy {
            local_client: client.is_local(),
            loading: self.is_loading(),
        };
        match config::config_set(&mut self.config, &pairs, by) {
            Ok(change) => match self.obey_change(&change.previous, vfs) {
                Ok(()) => {
                    self.renew_request_limits(client);
                    client.reply.ok();
                }
                Err((name, reason)) => {
                    if self.config.dir != change.previous.dir {
                        // It was there before.
                        let _ = vfs.change_dir(&change.previous.dir);
                    }
                    self.config = change.previous;
                    self.obey_config();
                    if let Some(hook) = &mut self.hooks.config {
                        // It did obey this configuration before.
                        let _ = hook(&self.config);
                    }
                    client
                        .reply
                        .error_bytes(&config::config_set_error(name, &reason));
                }
            },
            Err(error) => client.reply.error_bytes(&error),
        }
    }

    /// Passes on what other parts keep of the configuration.
    pub(crate) fn obey_config(&mut self) {
        let policy = EvictionPolicy::named(&self.config.maxmemory_policy);
        self.keyspace.set_eviction(policy);
        let counts_use = matches!(policy, EvictionPolicy::Lfu(_));
        let notes_use = counts_use || matches!(policy, EvictionPolicy::Lru(_));
        let settings = &mut self.keyspace.settings;
        *settings = lastsave_keyspace::Settings {
            max_string_len: self.config.max_bulk_len(),
            lazy_expire: self.config.lazyfree_lazy_expire,
            lazy_user_del: self.config.lazyfree_lazy_user_del,
            dump_compression: self.config.rdbcompression,
            lazy_server_del: self.config.lazyfree_lazy_server_del,
            lazy_user_flush: self.config.lazyfree_lazy_user_flush,
            eviction: policy,
            eviction_samples: self.config.maxmemory_samples as usize,
            lfu: counts_use.then_some(Lfu {
                log_factor: self.config.lfu_log_factor,
                decay_min: self.config.lfu_decay_time_min,
            }),
            shares_integers: self.config.maxmemory_bytes == 0 || !notes_use,
            // DEBUG's, not the configuration's.
            active_expire: settings.active_expire,
            list_packed_threshold: settings.list_packed_threshold,
            skip_payload_checksum: settings.skip_payload_checksum,
            keep_expired: settings.keep_expired,
            ..self.config.limits.clone()
        };
        self.effects.notifying = crate::notify::classes_of(&self.config.notify_keyspace_events);
    }

    /// Carries out a change of the configuration at run time; `Err` names the parameter that could not be.
    fn obey_change(
        &mut self,
        old: &Config,
        vfs: &mut dyn Vfs,
    ) -> Result<(), (&'static str, String)> {
        self.obey_config();
        if self.config.dir != old.dir {
            self.change_dir(vfs).map_err(|reason| ("dir", reason))?;
        }
        if let Some(hook) = &mut self.hooks.config {
            hook(&self.config)?;
        }
        if self.config.appendonly != old.appendonly {
            if self.config.appendonly {
                self.switch_aof_on(vfs).map_err(|()| {
                    let reason = "Unable to turn on AOF. Check server logs.";
                    ("appendonly", reason.to_owned())
                })?;
            } else {
                self.switch_aof_off(vfs);
            }
        }
        if old.aof_disable_auto_gc && !self.config.aof_disable_auto_gc {
            self.remove_kept_history(vfs);
        }
        if self.config.maxmemory_bytes != old.maxmemory_bytes {
            self.count_all_clients();
            self.make_room(None);
        }
        if self.config.appendfsync != old.appendfsync {
            self.release_replies();
        }
        if self.config.maxmemory_clients != old.maxmemory_clients {
            self.count_all_clients();
        }
        Ok(())
    }

    /// Goes to the folder that the configuration names now. A background save ends where it began.
    ///
    /// Redis goes with the append-only file on as well: it then writes on in the old folder, and the next manifest, in the
    /// new one, names files that are not there.
    fn change_dir(&mut self, vfs: &mut dyn Vfs) -> Result<(), String> {
        let rewriting = self
            .snapshot
            .as_ref()
            .is_some_and(|snapshot| snapshot.kind == JobKind::Rewrite);
        if self.aof.is_some() || rewriting || !self.unlinking.is_empty() {
            return Err(
                "the append-only file is being written there: set appendonly to no first".into(),
            );
        }
        self.config.dir = vfs
            .change_dir(&self.config.dir)
            .map_err(|error| error.to_string())?;
        Ok(())
    }

    /// CONFIG REWRITE, of `all` parameters or those that are not at their defaults: the new text goes beside the file, is synced, and takes its place.
    pub(super) fn config_rewrite(&mut self, client: &mut Client, all: bool, vfs: &mut dyn Vfs) {
        let path = self.host.config_path.clone();
        if path.is_empty() {
            return self.reply_error(client, "ERR The server is running without a config file");
        }
        let old = match read_file(vfs, &path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.errno == Errno::NotFound => String::new(),
            Err(error) => {
                return self.reply_error(client, &format!("ERR Rewriting config file: {error}"));
            }
        };
        let text = config::rewrite(&old, &self.config, all);
        let temp_path = format!("{path}-{}.tmp", self.host.pid);
        let result = vfs.open(&temp_path, OpenMode::Truncate).and_then(|file| {
            let result = write_all(vfs, file, text.as_bytes())
                .map_err(|(_, error)| error)
                .and_then(|()| vfs.sync(file, SyncKind::All));
            vfs.close(file);
            result?;
            vfs.rename(&temp_path, &path)?;
            vfs.sync_dir(parent_dir(&path))
        });
        match result {
            Ok(()) => {
                self.log(
                    crate::Level::Warning,
                    "CONFIG REWRITE executed with success.",
                );
                client.reply.ok();
            }
            Err(error) => {
                let _ = vfs.unlink(&temp_path);
                self.log(
                    crate::Level::Warning,
                    format!("CONFIG REWRITE failed: {error}"),
                );
                self.reply_error(client, &format!("ERR Rewriting config file: {error}"));
            }
        }
    }
}
