//! Replaying commands.

use std::io::Read;

use lastsave_aof::{Entry, ReadError};
use lastsave_keyspace::{
    Blocking, Call, Command, Handler, Origin, Resolved, ServerCommand, lookup, lookup_subcommand,
    resolve,
};
use lastsave_resp::{Args, ArgsBuf, Reply};

use super::Clock;
use super::snapshot::Rest;
use crate::Level;
use crate::engine::Engine;
use crate::faithful::Defect;
use crate::server::data_handler;

/// From so many keys on a table is given room for those to come.
const FIRST_RESERVE: usize = 4096;

/// What came of a file of commands.
pub(super) struct Replayed {
    /// How many commands, and keys of a snapshot before them, it has.
    pub(super) items: u64,
    /// What length it is to be cut to before anything is appended to it, if it is torn.
    pub(super) cut_to: Option<u64>,
    /// The offset behind its last checksum line, or of its first command.
    pub(super) unchecked_from: u64,
}

/// The loader's stand-in for a client: its database and its open transaction.
#[derive(Default)]
pub(super) struct Replayer {
    db: usize,
    /// The commands behind MULTI, and the file offset before it.
    transaction: Option<(u64, Vec<ArgsBuf>)>,
    reply: Reply,
    /// Whether a transaction was left open and reverted.
    reverted: bool,
}

impl Replayer {
    /// The database that the next command is about.
    pub(super) fn db(&self) -> usize {
        self.db
    }

    /// Goes on in this database.
    pub(super) fn select(&mut self, db: usize) {
        self.db = db;
    }

    /// Whether nothing was taken back.
    pub(super) fn ends_whole(&self) -> bool {
        !self.reverted
    }
}

impl Engine {
    /// Replays commands up to the end, or to a torn tail.
    pub(super) fn replay<R: Read>(
        &mut self,
        name: &str,
        rest: Rest<R>,
        replayer: &mut Replayer,
        clock: &mut Clock<'_>,
    ) -> Result<Replayed, String> {
        let preamble_len = rest.offset;
        let mut reader = lastsave_aof::Reader::new(rest.ahead, rest.reader, preamble_len)
            .strict(!self.repeats(Defect::LaxFraming));
        let mut commands = 0;
        // Up to where the keys of the commands to come were looked at, and up to where they were fetched.
        let (mut looked_to, mut fetched_to) = (preamble_len, preamble_len);
        let mut grows_at = FIRST_RESERVE.max(2 * self.keyspace.len());
        let torn_at = loop {
            let start = reader.offset();
            if start >= fetched_to {
                let buffered = reader.buffered();
                looked_to = looked_to.max(start);
                if looked_to == start {
                    looked_to += self
                        .ahead
                        .look_to_add(&self.keyspace, replayer.db, buffered)
                        as u64;
                }
                self.ahead.fetch(&self.keyspace);
                fetched_to = looked_to;
                // While these are replayed, the buckets of the next are on their way.
                if let Some(next) = buffered.get((looked_to - start) as usize..) {
                    looked_to += self.ahead.look_to_add(&self.keyspace, replayer.db, next) as u64;
                }
            }
            match reader.next_entry() {
                Ok(Some(Entry::Annotation(_))) => {}
                Ok(Some(Entry::Command(args))) => {
                    self.replay_command(name, start, args, replayer)?;
                    commands += 1;
                    self.command_loaded(reader.offset(), clock)?;
                    let table = &mut self.keyspace.databases[replayer.db].keys;
                    if table.len() >= grows_at {
                        // Once for all instead of in many small steps, as far as the log seems to go on as it began.
                        let total_bytes = self.loading.as_ref().map_or(0, |it| it.total_bytes);
                        let to_come = clock.to_come(table.len(), total_bytes);
                        table.reserve(to_come.min(table.len()));
                        grows_at = 2 * table.len();
                    }
                }
                Ok(None) => break None,
                Err(ReadError::Truncated { offset }) => break Some(offset),
                Err(ReadError::ZeroTail { offset }) if !self.repeats(Defect::ZerosAreBadFormat) => {
                    break Some(offset);
                }
                Err(ReadError::ZeroTail { .. } | ReadError::BadFormat { .. }) => {
                    return Err(format!(
                        "Bad file format reading the append only file {name}: make a backup of your AOF file, then use ./redis-check-aof --fix <filename.manifest>"
                    ));
                }
                Err(ReadError::WrongChecksum { range }) => {
                    let (from, to) = (range.start, range.end);
                    return Err(format!(
                        "Fatal error: the append only file {name} is damaged: its bytes {from} to {to} do not have the checksum that follows them. Nothing was changed. 'lastsave repair' shows what can be saved."
                    ));
                }
                Err(ReadError::Io(error)) => {
                    return Err(format!(
                        "Unrecoverable error reading the append only file {name}: {error}"
                    ));
                }
            }
        };
        clock.end_file(reader.offset());
        let mut cut_to = torn_at;
        if let Some((before_multi, _)) = replayer.transaction.take() {
            replayer.reverted = true;
            self.log(
                Level::Warning,
                format!("Revert incomplete MULTI/EXEC transaction in AOF file {name}"),
            );
            if torn_at.is_none() || !self.repeats(Defect::OpenMulti) {
                cut_to = Some(before_multi);
            }
        }
        if cut_to == Some(preamble_len) && self.repeats(Defect::PreambleCut) {
            cut_to = Some(0);
        }
        Ok(Replayed {
            items: commands,
            cut_to,
            unchecked_from: reader.unchecked_from(),
        })
    }

    fn replay_command(
        &mut self,
        name: &str,
        start: u64,
        args: Args<'_>,
        replayer: &mut Replayer,
    ) -> Result<(), String> {
        // What was written is known and has as many words as it should; what is not is looked at again, as Redis does.
        let resolved = resolve(args);
        if let (Ok(resolved), None) = (&resolved, &replayer.transaction)
            && !matches!(resolved.command.handler, Handler::Server(_))
        {
            return self.replay_one(name, start, args, Ok(*resolved), replayer);
        }
        let known_subcommand = |command: &&'static Command| {
            let word = args.get(1).filter(|_| !command.subcommands.is_empty());
            word.is_none_or(|word| lookup_subcommand(command, word).is_some())
        };
        let Some(command) = lookup(&args[0]).filter(known_subcommand) else {
            let word = String::from_utf8_lossy(&args[0]).into_owned();
            return Err(format!(
                "Unknown command '{word}' reading the append only file {name}"
            ));
        };
        let is = |server: ServerCommand| matches!(command.handler, Handler::Server(known) if known == server);
        match &mut replayer.transaction {
            Some(_) if is(ServerCommand::Exec) => {
                let (_, queued) = replayer.transaction.take().expect("just seen");
                for args in queued {
                    let args = args.as_args();
                    self.replay_one(name, start, args, resolve(args), replayer)?;
                }
            }
            Some((_, queued)) => queued.push(args.into()),
            None if is(ServerCommand::Multi) => replayer.transaction = Some((start, Vec::new())),
            None => self.replay_one(name, start, args, resolved, replayer)?,
        }
        Ok(())
    }

    fn replay_one(
        &mut self,
        name: &str,
        start: u64,
        args: Args<'_>,
        resolved: Result<Resolved, Vec<u8>>,
        replayer: &mut Replayer,
    ) -> Result<(), String> {
        let error = match self.execute_replayed(args, resolved, replayer) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if self.repeats(Defect::LaxFraming) {
            return Ok(());
        }
        // Only commands that succeeded were written: this is not what was.
        let word = String::from_utf8_lossy(&args[0]).into_owned();
        Err(format!(
            "Fatal error: the append only file {name} is damaged: the command '{word}' at offset {start} did not fail when it was written, and does now: {error}. Nothing was changed. 'lastsave repair' shows what can be saved; with redis-faithful yes it is passed over, as Redis does."
        ))
    }

    /// Runs one command of the log. `Err` says what it was answered.
    fn execute_replayed(
        &mut self,
        args: Args<'_>,
        resolved: Result<Resolved, Vec<u8>>,
        replayer: &mut Replayer,
    ) -> Result<(), String> {
        let Resolved { command, .. } =
            resolved.map_err(|error| String::from_utf8_lossy(&error).into_owned())?;
        let is = |server: ServerCommand| matches!(command.handler, Handler::Server(known) if known == server);
        match data_handler(command) {
            Some(handler) => {
                self.effects.clear();
                self.effects.unlogged = true;
                replayer.reply.buf_mut().clear();
                handler(&mut Call {
                    args,
                    keyspace: &mut self.keyspace,
                    db: replayer.db,
                    now_us: self.now_us,
                    origin: Origin::Replay,
                    blocking: Blocking::No,
                    reply: &mut replayer.reply,
                    effects: &mut self.effects,
                });
                self.saves.dirty += self.effects.dirty;
                if let Some(error) = replayer.reply.bytes().strip_prefix(b"-") {
                    return Err(String::from_utf8_lossy(error).trim_end().to_owned());
                }
            }
            None if is(ServerCommand::Select) => {
                let number = lastsave_keyspace::number::parse_i64(&args[1]);
                replayer.db = number
                    .and_then(|number| usize::try_from(number).ok())
                    .filter(|db| *db < self.keyspace.databases.len())
                    .ok_or("ERR DB index is out of range")?;
            }
            // No other command of the server is ever written to the log.
            None => {}
        }
        Ok(())
    }
}
