//! From bytes to executed commands: parsing, the checks before a command runs, transactions, and what a command did
//! on its way to the append-only file.

use lastsave_keyspace::{
    Blocking, Call, Command, CommandFlags, Handler, Origin, Propagated, Resolved, ServerCommand,
    lookup, lookup_subcommand, resolve,
};
use lastsave_resp::{Args, Limits};
use lastsave_vfs::Vfs;

use crate::Level;
use crate::client::{Answers, Client, Queued};
use crate::config::FsyncPolicy;
use crate::engine::Engine;
use crate::eviction::OUT_OF_MEMORY;
use crate::monitor::append_quoted;
use crate::server::data_handler;

/// Before AUTH a request may have at most so many words, and words of at most so many bytes, as in Redis.
const UNAUTHENTICATED_WORDS: usize = 10;
const UNAUTHENTICATED_WORD_LEN: usize = 16 << 10;

pub(crate) const RDB_MISCONF: &str = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.";

pub(crate) const LOADING: &str = "LOADING Redis is loading the dataset in memory";

/// What is logged when somebody talks HTTP to the server.
const CROSS_PROTOCOL: &str = "Possible SECURITY ATTACK detected. A browser may have been tricked into sending a request (POST, Host:) to Redis. Connection aborted.";

/// Has `input` take `len` more bytes. It grows by doubling, but not beyond what is missing of its last word, so that a long
/// word takes no more memory than it has bytes.
fn make_room_for(input: &mut Vec<u8>, len: usize, missing_len: usize) {
    if input.capacity() - input.len() < len && missing_len >= len {
        let doubled = (2 * input.capacity()).saturating_sub(input.len());
        input.reserve_exact(doubled.clamp(len, missing_len));
    }
}

/// Whether a request opens as a line of HTTP does that a page can have a browser send.
fn is_cross_protocol(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"host:") || name.eq_ignore_ascii_case(b"post")
}

impl Engine {
    /// What one request may cost, before or after its client has given the password.
    pub(crate) fn request_limits(&self, requires_login: bool) -> Limits {
        let limits = Limits {
            max_bulk_len: self.config.max_bulk_len(),
            ..Limits::default()
        };
        if requires_login {
            Limits {
                max_bulk_len: UNAUTHENTICATED_WORD_LEN,
                max_words: UNAUTHENTICATED_WORDS,
                unauthenticated: true,
                ..limits
            }
        } else {
            limits
        }
    }

    /// The limits of requests may have changed: every client, the one being served included, obeys them from its next.
    pub(crate) fn renew_request_limits(&mut self, served: &mut Client) {
        served.new_limits = Some(self.request_limits(self.requires_login(served)));
        for id in self.clients.ids() {
            if let Some(mut client) = self.clients.take(id) {
                client.new_limits = Some(self.request_limits(self.requires_login(&client)));
                self.clients.put_back(client);
            }
        }
    }

    /// Bytes have come from a client: executes the whole requests in what it had sent before and these, and keeps the
    /// rest.
    pub(crate) fn receive(&mut self, client: &mut Client, bytes: &[u8], vfs: &mut dyn Vfs) {
        client.last_seen_us = self.now_us;
        self.execute_input(client, bytes, vfs);
        if !client.closing && client.input.len() as u64 > self.config.client_query_buffer_limit {
            let mut beginning = Vec::new();
            append_quoted(&mut beginning, &client.input[..client.input.len().min(64)]);
            let text = format!(
                "Closing client that reached max query buffer length: {} (qbuf initial bytes: {})",
                self.describe(client),
                String::from_utf8_lossy(&beginning)
            );
            self.log(Level::Warning, text);
            self.stats.query_limit_disconnections += 1;
            client.closing = true;
            client.killed = true;
        }
    }

    /// Executes the whole requests in what a client had sent before and `bytes`, and keeps the rest.
    pub(crate) fn execute_input(&mut self, client: &mut Client, bytes: &[u8], vfs: &mut dyn Vfs) {
        if client.closing {
            return;
        }
        if client.held.is_some() {
            client.input.extend_from_slice(bytes);
        } else if client.input.is_empty() {
            let taken = self.execute_requests(client, bytes, vfs);
            client.input.extend_from_slice(&bytes[taken..]);
        } else {
            let mut input = std::mem::take(&mut client.input);
            make_room_for(&mut input, bytes.len(), client.parser.missing_len());
            input.extend_from_slice(bytes);
            let taken = self.execute_requests(client, &input, vfs);
            input.drain(..taken);
            client.input = input;
        }
        if client.closing {
            client.input = Vec::new();
        } else if client.input.is_empty() {
            client.input.shrink_to(1024);
        }
    }

    /// Executes the input that DEBUG SLEEP held up.
    pub(crate) fn resume_input(&mut self, vfs: &mut dyn Vfs) {
        for id in self.clients.ids() {
            if let Some(mut client) = self.clients.take(id) {
                if !client.input.is_empty() {
                    self.execute_input(&mut client, &[], vfs);
                }
                self.put_back(client);
            }
        }
    }

    /// Executes the whole requests at the front of `input` and returns how many bytes they took.
    fn execute_requests(&mut self, client: &mut Client, input: &[u8], vfs: &mut dyn Vfs) -> usize {
        let mut parser = std::mem::take(&mut client.parser);
        let mut taken = 0;
        client.executing_len = input.len();
        let mut looked_to = std::mem::take(&mut client.looked_to).min(input.len());
        let mut fetched_to = looked_to;
        while !client.closing && client.held.is_none() && self.busy_until_us == 0 && !self.exited {
            if taken >= fetched_to && taken < input.len() {
                if taken == looked_to {
                    let next = &input[taken..];
                    looked_to += self.ahead.look(&self.keyspace, client.db, next);
                }
                self.ahead.fetch(&self.keyspace);
                fetched_to = looked_to;
                // While these are executed, the buckets of the next are on their way.
                let next = &input[looked_to..];
                looked_to += self.ahead.look(&self.keyspace, client.db, next);
            }
            if let Some(limits) = client.new_limits.take() {
                parser.set_limits(limits);
            }
            match parser.parse(&input[taken..]) {
                Ok(Some((args, len))) => {
                    if !args.is_empty() && !self.execute(client, args, vfs) {
                        // It is parsed again when it may run.
                        break;
                    }
                    taken += len;
                }
                Ok(None) => break,
                Err(error) => {
                    self.refuse(client, format!("ERR Protocol error: {error}").as_bytes());
                    client.gate_reply(None);
                    client.closing = true;
                }
            }
        }
        client.parser = parser;
        client.executing_len = 0;
        client.words_len = 0;
        taken
    }

    /// Executes one request of a client and decides what its reply waits for. Returns whether it was dealt with: a pause
    /// may hold it up.
    fn execute(&mut self, client: &mut Client, args: Args<'_>, vfs: &mut dyn Vfs) -> bool {
        let start = client.reply.bytes().len();
        client.words_len = args.iter().map(<[u8]>::len).sum();
        if self.config.maxmemory_clients != 0 || self.config.maxmemory_bytes != 0 {
            self.count_client_memory(client);
            self.evict_clients(Some(client));
            if client.killed {
                return true;
            }
        }
        self.make_room(Some(client));
        let renamed = self.under_own_name(args);
        let args = match &renamed {
            Ok(Some(renamed)) => renamed.as_args(),
            _ => args,
        };
        match renamed
            .as_ref()
            .map_or_else(|error| Err(error.clone()), |_| self.resolve(client, args))
        {
            Ok(command) if self.pauses(client, command) => {
                self.hold_up(client);
                return false;
            }
            Ok(command) => {
                let queues = client.in_multi
                    && !matches!(
                        command.handler,
                        Handler::Server(
                            ServerCommand::Exec
                                | ServerCommand::Discard
                                | ServerCommand::Multi
                                | ServerCommand::Watch
                                | ServerCommand::Quit
                                | ServerCommand::Reset
                        )
                    );
                if queues {
                    // What will not run need not be kept.
                    if !client.multi_refused && !client.watch_broken {
                        client.queue(Queued {
                            command,
                            args: args.into(),
                        });
                    }
                    client.reply.simple("QUEUED");
                } else {
                    self.call(client, command, args, vfs);
                }
            }
            Err(_) if is_cross_protocol(&args[0]) => {
                self.log(Level::Warning, CROSS_PROTOCOL);
                client.closing = true;
                client.killed = true;
            }
            Err(error) if args[0].eq_ignore_ascii_case(b"EXEC") => {
                // A transaction whose EXEC is refused is over, and says why.
                self.count_rejected(args);
                self.leave_transaction(client);
                let mut refusal = b"EXECABORT Transaction discarded because of: ".to_vec();
                refusal.extend_from_slice(error.strip_prefix(b"ERR ").unwrap_or(&error));
                self.refuse(client, &refusal);
            }
            Err(error) => {
                client.multi_refused |= client.in_multi;
                self.count_rejected(args);
                self.refuse(client, &error);
            }
        }
        self.end_unit(client, start);
        client.answers = match client.answers {
            Answers::SkipNext => Answers::Skip,
            Answers::Skip => Answers::On,
            answers => answers,
        };
        self.serve_waiters();
        self.deliver_late(client);
        true
    }

    /// Ends a unit: writes to the log what it did, and says what its reply, which begins at `start`, waits for.
    pub(crate) fn end_unit(&mut self, client: &mut Client, start: usize) {
        if client.answers != Answers::On {
            self.silence(client, start);
        }
        let appended = self.commit_unit(true);
        let gate = self.reply_gate(appended);
        client.gate_reply(gate);
        self.enforce_output_limit(client);
    }

    /// Takes an answer back that its client does not want: CLIENT REPLY. Messages are no answers.
    fn silence(&mut self, client: &mut Client, start: usize) {
        let last = client.last_command.map(|it| it.command.handler);
        let is_message = matches!(
            last,
            Some(Handler::Server(
                ServerCommand::Subscribe
                    | ServerCommand::Psubscribe
                    | ServerCommand::Ssubscribe
                    | ServerCommand::Unsubscribe
                    | ServerCommand::Punsubscribe
                    | ServerCommand::Sunsubscribe
            ))
        );
        if !is_message {
            client.reply.buf_mut().truncate(start);
        }
    }

    /// Finds the command's row and makes the checks that come before it runs, in Redis's order. An error is bytes, since it
    /// may quote the request.
    fn resolve(&self, client: &mut Client, args: Args<'_>) -> Result<&'static Command, Vec<u8>> {
        let resolved = resolve(args)?;
        client.last_command = Some(resolved);
        self.check(client, resolved).map_err(String::into_bytes)?;
        Ok(resolved.command)
    }

    /// Whether this client may run this command now.
    fn check(&self, client: &Client, resolved: Resolved) -> Result<(), String> {
        let command = resolved.command;
        let flags = command.flags;
        if matches!(command.handler, Handler::Server(ServerCommand::Debug))
            && !self.allows_debug(client)
        {
            return Err("ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.".into());
        }
        if self.requires_login(client) && !flags.has(CommandFlags::NO_AUTH) {
            return Err("NOAUTH Authentication required.".into());
        }
        if client.in_multi && flags.has(CommandFlags::NO_MULTI) {
            return Err("ERR Command not allowed inside a transaction".into());
        }
        if self.is_denied_memory(client, command) {
            return Err(OUT_OF_MEMORY.into());
        }
        let writes = flags.has(CommandFlags::WRITE)
            || (matches!(command.handler, Handler::Server(ServerCommand::Exec))
                && client
                    .queued
                    .iter()
                    .any(|queued| queued.command.flags.has(CommandFlags::WRITE)));
        if (writes || matches!(command.handler, Handler::Server(ServerCommand::Ping)))
            && let Some(error) = self.disk_error()
        {
            return Err(error);
        }
        if writes && self.config.min_replicas_to_write > 0 && self.config.min_replicas_max_lag_s > 0
        {
            return Err("NOREPLICAS Not enough good replicas to write.".into());
        }
        if client.subscriber
            && let Some(error) = Self::refuse_to_subscriber(client, &resolved.full_name())
        {
            return Err(error);
        }
        let needs_data = !flags.has(CommandFlags::LOADING)
            || (matches!(command.handler, Handler::Server(ServerCommand::Exec))
                && client
                    .queued
                    .iter()
                    .any(|queued| !queued.command.flags.has(CommandFlags::LOADING)));
        if self.is_loading() && needs_data {
            return Err(LOADING.into());
        }
        let touches_data =
            writes || flags.has(CommandFlags::READONLY) || flags.has(CommandFlags::MAY_REPLICATE);
        if client.monitor && touches_data {
            // To Redis, who monitors is a kind of replica.
            return Err("ERR Replica can't interact with the keyspace".into());
        }
        Ok(())
    }

    /// Whether a client must give a password first.
    pub(crate) fn requires_login(&self, client: &Client) -> bool {
        !client.authenticated && !self.config.requirepass.is_empty()
    }

    fn allows_debug(&self, client: &Client) -> bool {
        match self.config.enable_debug_command.as_str() {
            "yes" => true,
            "local" => client.is_local(),
            _ => false,
        }
    }

    /// Why writes are refused, if they are: MISCONF.
    pub(crate) fn disk_error(&self) -> Option<String> {
        if self.config.stop_writes_on_bgsave_error
            && !self.config.save.is_empty()
            && !self.saves.last_bgsave_ok
        {
            return Some(RDB_MISCONF.into());
        }
        self.aof_error_reply()
    }

    /// Runs a command, in a transaction or not, and gathers what it did. What is to happen before and behind each
    /// command stands in [`Engine::before_command`] and [`Engine::after_command`].
    pub(crate) fn call(
        &mut self,
        client: &mut Client,
        command: &'static Command,
        args: Args<'_>,
        vfs: &mut dyn Vfs,
    ) {
        let start = client.reply.bytes().len();
        self.before_command(client, command);
        let started_us = self.observed.start();
        match data_handler(command) {
            Some(handler) => {
                self.effects.clear();
                self.effects.unlogged = self.aof.is_none();
                handler(&mut Call {
                    args,
                    keyspace: &mut self.keyspace,
                    db: client.db,
                    now_us: self.now_us,
                    origin: Origin::Client,
                    blocking: if self.in_exec {
                        Blocking::No
                    } else {
                        Blocking::Yes
                    },
                    reply: &mut client.reply,
                    effects: &mut self.effects,
                });
                let block = self.effects.block.take();
                self.gather_effects(client, command, args, start);
                if let Some(block) = block {
                    self.park(client, command, args, block);
                }
                self.flushed_all |= self.effects.flushed_all;
                if !self.in_exec && std::mem::take(&mut self.flushed_all) {
                    self.after_flushall(vfs);
                }
            }
            None => {
                if let Handler::Server(server_command) = command.handler {
                    self.call_server(client, server_command, command, args, vfs);
                }
            }
        }
        let duration_us = self.observed.since(started_us);
        self.observe(client, command, args, start, duration_us);
        self.after_command(client, command, args);
    }

    /// What is done before each command, those inside a transaction included.
    #[inline]
    fn before_command(&mut self, client: &mut Client, command: &'static Command) {
        self.stats.commands += 1;
        self.unit_of_any_keys =
            !self.in_exec && command.flags.has(CommandFlags::TOUCHES_ARBITRARY_KEYS);
        client.reply.set_limit(self.longest_reply(client));
        if self.effects.watching && matches!(command.name, "flushall" | "flushdb" | "swapdb") {
            self.note_watched_keys();
        }
    }

    /// What is done behind each command, those inside a transaction included.
    #[inline]
    fn after_command(&mut self, client: &mut Client, command: &'static Command, args: Args<'_>) {
        client.reply.set_limit(usize::MAX);
        self.feed_monitors(client, command, args);
    }

    /// Takes up what a data command did: counters, watched keys, the unit for the append-only file.
    /// `start` is where its reply begins.
    pub(crate) fn gather_effects(
        &mut self,
        client: &mut Client,
        command: &'static Command,
        args: Args<'_>,
        start: usize,
    ) {
        let effects = &mut self.effects;
        self.stats.hits += effects.hits;
        self.stats.misses += effects.misses;
        self.stats.expired += effects.expired;
        let garbage = std::mem::take(&mut effects.garbage);
        self.saves.dirty += effects.dirty;
        if let Some(aof) = &mut self.aof {
            self.unit.append(&mut effects.ahead);
            let as_called = effects.instead.is_empty() && effects.dirty > 0 && !effects.suppressed;
            self.unit.append(&mut effects.instead);
            if as_called && self.unit.is_empty() && !self.in_exec {
                // By far the commonest unit, one command as it was called, is not copied on its way.
                let timestamp = self
                    .config
                    .aof_timestamp_enabled
                    .then_some(self.now_us / 1_000_000);
                self.appended = aof.append_command(client.db, args, timestamp);
            } else if as_called {
                self.unit.push(Propagated {
                    db: client.db,
                    args: args.into(),
                });
            }
        }
        self.unit_changed |= effects.dirty > 0;
        if !effects.touched.is_empty() || !effects.touched_dbs.is_empty() {
            self.gather_ready();
            self.break_watches(client);
        } else if !effects.ready.is_empty() {
            self.gather_ready();
        }
        self.free(garbage);
        for line in std::mem::take(&mut self.effects.log) {
            self.log(Level::Verbose, line);
        }
        self.publish_effects(client, command, start);
    }

    /// Appends the gathered unit to the append-only file: bare if it is one command, else between MULTI and EXEC.
    /// Returns the appended offset behind it, if anything was appended. `of_client` counts it among the writes.
    pub(crate) fn commit_unit(&mut self, of_client: bool) -> Option<u64> {
        if std::mem::take(&mut self.unit_changed) && of_client {
            self.stats.writes += 1;
        }
        if self.unit.is_empty() {
            return self.appended.take();
        }
        let timestamp = self.config.aof_timestamp_enabled.then_some(self.now_s());
        let transaction = self.unit.len() > 1 && !self.unit_of_any_keys;
        let aof = self
            .aof
            .as_mut()
            .expect("units are gathered only while the log is on");
        let offset = aof.append_unit(&self.unit, transaction, timestamp);
        self.unit.clear();
        offset
    }

    /// What a reply waits for: see the crate's documentation. Under `always` a read waits too while anything is
    /// unsynced, so that nobody acts on data that a power loss would take back.
    fn reply_gate(&self, appended: Option<u64>) -> Option<u64> {
        let aof = self.aof.as_ref()?;
        if !aof.is_on() {
            return None;
        }
        if appended.is_none() && self.effective_fsync_policy() == FsyncPolicy::Always {
            let offsets = aof.offsets()?;
            return (offsets.synced < offsets.appended).then_some(offsets.appended);
        }
        appended
    }

    /// Counts the command that was asked for as refused before it ran, if there is such a command.
    fn count_rejected(&mut self, args: Args<'_>) {
        let Some(mut command) = lookup(&args[0]) else {
            return;
        };
        if let Some(word) = args.get(1)
            && !command.subcommands.is_empty()
        {
            match lookup_subcommand(command, word) {
                Some(subcommand) => command = subcommand,
                None => return,
            }
        }
        self.observed.commands.of(command).rejected += 1;
    }

    /// Answers with an error outside a command's own execution. The error may quote the request's bytes.
    pub(crate) fn refuse(&mut self, client: &mut Client, error: &[u8]) {
        let reply_start = client.reply.bytes().len();
        client.reply.error_bytes(error);
        self.observe_reply(client, reply_start);
    }

    /// Answers with an error inside a command's execution, after which [`Engine::observe`] counts it.
    pub(crate) fn reply_error(&mut self, client: &mut Client, error: &str) {
        client.reply.error(error);
    }
}
