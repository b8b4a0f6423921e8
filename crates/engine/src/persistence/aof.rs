//! The append-only log while the server runs.

use lastsave_aof::{Manifest, Names, Offsets, SyncTicket, Writer};
use lastsave_keyspace::Propagated;
use lastsave_resp::{Args, ArgsBuf, append_request};
use lastsave_vfs::{Error, SyncKind, Vfs};

use crate::config::FsyncPolicy;
use crate::engine::Engine;
use crate::faithful::Defect;
use crate::{AofStatus, Event, ExitReason, Job, JobId, JobOutcome, Level};

/// So long a write waits for a sync at most, in seconds: see [`Defect::ReplyBeforeWrite`].
const LONGEST_POSTPONEMENT_S: u64 = 2;

/// A write error that lasts is logged at most this often.
const ERROR_LOG_INTERVAL_S: u64 = 30;

/// The append-only log, on or being switched on.
#[derive(Clone)]
pub(crate) struct Aof {
    pub(crate) names: Names,
    pub(crate) manifest: Manifest,
    /// Appends to the last incr file, or to the temporary one before the first rewrite has ended; `None` while a first
    /// rewrite is awaited that could not start yet.
    pub(crate) writer: Option<Writer>,
    /// CONFIG SET appendonly yes: the log holds nothing until the first rewrite has ended.
    pub(crate) waits_for_rewrite: bool,
    /// The files of the first rewrite stand and take commands, but the manifest that names them may not be durable: the
    /// log counts from the moment on at which it is.
    pub(crate) manifest_in_doubt: bool,
    /// The path that the writer appends to.
    pub(crate) incr_path: String,
    /// The sizes of the base and of the incr files before the last.
    pub(crate) older_len: u64,
    /// `aof_base_size`: the whole size after the last rewrite, or the base's after the start.
    pub(crate) base_size: u64,
    /// The database that the log's reader is in; `None` forces a SELECT.
    selected_db: Option<usize>,
    /// The second of the last timestamp written.
    last_timestamp_s: u64,
    words: ArgsBuf,

    /// Why the last write or sync failed, while it is not repaired.
    pub(crate) write_error: Option<Error>,
    pub(crate) sync_error: Option<Error>,
    error_logged_s: Option<u64>,
    sync_job: Option<(JobId, SyncTicket)>,
    /// When writing again what a failed sync left in doubt was last tried.
    last_repair_s: u64,
    /// The second since which the write waits for a sync to end, and how often that took too long: see
    /// [`Defect::ReplyBeforeWrite`].
    write_postponed_s: Option<u64>,
    pub(crate) delayed_fsyncs: u64,
    /// The second in which the last everysec sync was started.
    pub(crate) last_sync_s: u64,
    last_sync_us: Option<u64>,
}

/// DEBUG AOF-FLUSH-SLEEP: how long nobody is served before each write to the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct FlushSleep {
    /// Microseconds; 0 for no sleep.
    pub(crate) each_us: u64,
    /// While asleep, until when.
    pub(crate) until_us: Option<u64>,
}

impl Aof {
    /// A log with these files, none of them opened.
    pub(crate) fn new(names: Names, manifest: Manifest, now_s: u64) -> Self {
        Self {
            names,
            manifest,
            writer: None,
            waits_for_rewrite: false,
            manifest_in_doubt: false,
            incr_path: String::new(),
            older_len: 0,
            base_size: 0,
            selected_db: None,
            last_timestamp_s: 0,
            words: ArgsBuf::new(),
            write_error: None,
            sync_error: None,
            error_logged_s: None,
            sync_job: None,
            last_repair_s: 0,
            write_postponed_s: None,
            delayed_fsyncs: 0,
            last_sync_s: now_s,
            last_sync_us: None,
        }
    }

    /// Whether the log is complete, so that a recovery would be made from it.
    pub(crate) fn is_on(&self) -> bool {
        !self.waits_for_rewrite
    }

    /// Whether commands go into a file that no manifest names until its base stands.
    pub(crate) fn awaits_base(&self) -> bool {
        self.waits_for_rewrite && !self.manifest_in_doubt
    }

    pub(crate) fn offsets(&self) -> Option<Offsets> {
        self.writer.as_ref().map(Writer::offsets)
    }

    /// The sizes of all files together.
    pub(crate) fn current_size(&self) -> u64 {
        self.older_len + self.writer.as_ref().map_or(0, Writer::file_len)
    }

    pub(crate) fn sync_running(&self) -> bool {
        self.sync_job.is_some()
    }

    pub(crate) fn status(&self) -> AofStatus {
        AofStatus {
            offsets: self.offsets().unwrap_or_default(),
            current_size: self.current_size(),
            base_size: self.base_size,
            on: self.is_on(),
            last_write_ok: self.write_error.is_none() && self.sync_error.is_none(),
            delayed_fsyncs: self.delayed_fsyncs,
            sync_running: self.sync_running(),
            last_sync_us: self.last_sync_us,
            incr_path: self.incr_path.clone(),
        }
    }

    /// Closes the file appended to. A sync under way is of a file that no longer counts: its end will be nothing new.
    pub(crate) fn close_writer(&mut self, vfs: &mut dyn Vfs) {
        self.sync_job = None;
        if let Some(writer) = self.writer.take() {
            writer.close(vfs);
        }
    }

    /// The clock was set back, to this second.
    pub(crate) fn clock_was_set_back(&mut self, now_s: u64) {
        self.last_sync_s = self.last_sync_s.min(now_s);
        self.last_repair_s = self.last_repair_s.min(now_s);
        for since_s in [&mut self.error_logged_s, &mut self.write_postponed_s] {
            *since_s = since_s.map(|since_s| since_s.min(now_s));
        }
    }

    /// The log's reader starts anew behind a rotation: the next unit begins with SELECT.
    pub(crate) fn forget_selected_db(&mut self) {
        self.selected_db = None;
    }

    /// Appends one command as a unit of its own.
    pub(crate) fn append_command(
        &mut self,
        db: usize,
        args: Args<'_>,
        timestamp_s: Option<u64>,
    ) -> Option<u64> {
        let prefix = self.prefix(db, timestamp_s);
        let writer = self.writer.as_mut()?;
        Some(writer.append(|out| {
            out.extend_from_slice(&prefix);
            append_request(out, args);
        }))
    }

    /// Appends a unit: one command bare, several between MULTI and EXEC.
    pub(crate) fn append_unit(
        &mut self,
        unit: &[Propagated],
        transaction: bool,
        timestamp_s: Option<u64>,
    ) -> Option<u64> {
        self.writer.as_ref()?;
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(&self.prefix(unit[0].db, timestamp_s));
        if transaction {
            append_words(&mut bytes, &mut self.words, &[b"MULTI"]);
        }
        for propagated in unit {
            let select = self.prefix(propagated.db, None);
            bytes.extend_from_slice(&select);
            append_request(&mut bytes, propagated.args.as_args());
        }
        if transaction {
            append_words(&mut bytes, &mut self.words, &[b"EXEC"]);
        }
        Some(
            self.writer
                .as_mut()?
                .append(|out| out.extend_from_slice(&bytes)),
        )
    }

    /// What must stand before a command in database `db`: a timestamp when the second has changed, SELECT when the
    /// database has.
    fn prefix(&mut self, db: usize, timestamp_s: Option<u64>) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Some(now_s) = timestamp_s
            && now_s > self.last_timestamp_s
        {
            bytes.extend_from_slice(format!("#TS:{now_s}\r\n").as_bytes());
            self.last_timestamp_s = now_s;
        }
        if self.selected_db != Some(db) {
            let db_text = db.to_string();
            append_words(
                &mut bytes,
                &mut self.words,
                &[b"SELECT", db_text.as_bytes()],
            );
            self.selected_db = Some(db);
        }
        bytes
    }
}

fn append_words(out: &mut Vec<u8>, words: &mut ArgsBuf, list: &[&[u8]]) {
    words.clear();
    for word in list {
        words.push(word);
    }
    append_request(out, words.as_args());
}

impl Engine {
    /// The policy in force now: `no-appendfsync-on-rewrite` suspends syncing while a snapshot is written.
    pub(crate) fn effective_fsync_policy(&self) -> FsyncPolicy {
        if self.config.no_appendfsync_on_rewrite && self.snapshot.is_some() {
            FsyncPolicy::No
        } else {
            self.config.appendfsync
        }
    }

    /// Why the log refuses writes, if it does.
    pub(crate) fn aof_error_reply(&self) -> Option<String> {
        let aof = self.aof.as_ref()?;
        let error = aof.write_error.as_ref().or(aof.sync_error.as_ref())?;
        Some(format!("MISCONF Errors writing to the AOF file: {error}"))
    }

    /// Writes what is buffered, starts a sync that is due (or, with `force_sync`, does it here and now), and releases
    /// the replies whose offset has been passed.
    pub(crate) fn flush_aof(&mut self, vfs: &mut dyn Vfs, force_sync: bool) {
        let policy = self.effective_fsync_policy();
        let began_us = self.begin_event();
        let saving = self.snapshot.is_some();
        if !force_sync && self.postpones_write() {
            self.release_replies();
            return;
        }
        if !force_sync && self.sleeps_before_write() {
            return;
        }
        let Some(aof) = &mut self.aof else { return };
        let Some(writer) = &mut aof.writer else {
            return;
        };
        let circumstances = if aof.sync_job.is_some() {
            "aof-write-pending-fsync"
        } else if saving {
            "aof-write-active-child"
        } else {
            "aof-write-alone"
        };
        let flushed = writer.flush(vfs);
        self.end_event(began_us, &[circumstances, "aof-write"]);
        let Some(aof) = &mut self.aof else { return };
        match flushed {
            Ok(()) => {
                if aof.write_error.take().is_some() {
                    aof.error_logged_s = None;
                    self.log(
                        Level::Warning,
                        "AOF write error looks solved. The server can write again.",
                    );
                }
            }
            Err(error) => {
                self.aof_write_failed(&error);
                if self.exited {
                    return;
                }
            }
        }
        if force_sync {
            self.sync_aof_now(vfs);
        } else {
            self.start_sync_if_due(policy);
        }
        self.release_replies();
    }

    /// DEBUG AOF-FLUSH-SLEEP: whether the write is still slept for.
    fn sleeps_before_write(&mut self) -> bool {
        let pending = self.aof_buffer_len() > 0;
        match self.flush_sleep.until_us {
            Some(until_us) if self.now_us < until_us => true,
            None if pending && self.flush_sleep.each_us > 0 => {
                let until_us = self.now_us + self.flush_sleep.each_us;
                self.flush_sleep.until_us = Some(until_us);
                self.busy_until_us = self.busy_until_us.max(until_us);
                true
            }
            _ => {
                self.flush_sleep.until_us = None;
                false
            }
        }
    }

    /// Whether the write waits for the sync under way, as Redis has it, instead of the replies waiting for the write.
    fn postpones_write(&mut self) -> bool {
        if !self.repeats(Defect::ReplyBeforeWrite)
            || self.config.appendfsync != FsyncPolicy::EverySec
        {
            return false;
        }
        let now_s = self.now_s();
        let Some(aof) = &mut self.aof else {
            return false;
        };
        let pending = aof
            .writer
            .as_ref()
            .is_some_and(|writer| !writer.buffered().is_empty());
        if aof.sync_job.is_none() || !pending {
            aof.write_postponed_s = None;
            return false;
        }
        let since_s = *aof.write_postponed_s.get_or_insert(now_s);
        if now_s < since_s + LONGEST_POSTPONEMENT_S {
            return true;
        }
        aof.write_postponed_s = None;
        aof.delayed_fsyncs += 1;
        self.log(Level::Notice, "Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF buffer without waiting for fsync to complete, this may slow down Redis.");
        false
    }

    fn aof_write_failed(&mut self, error: &Error) {
        let now_s = self.now_s();
        let always = self.config.appendfsync == FsyncPolicy::Always;
        let aof = self.aof.as_mut().expect("only a log that is on fails");
        let must_log = (always && aof.is_on())
            || aof
                .error_logged_s
                .is_none_or(|logged_s| now_s >= logged_s + ERROR_LOG_INTERVAL_S);
        if must_log {
            aof.error_logged_s = Some(now_s);
        }
        aof.write_error = Some(error.clone());
        let written = aof.offsets().unwrap_or_default().written;
        let is_on = aof.is_on();
        if must_log {
            self.log(
                Level::Warning,
                format!("Error writing to the AOF file: {error}"),
            );
        }
        if always && is_on {
            self.log(Level::Warning, "Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...");
            self.exit(1, ExitReason::Fatal);
            return;
        }
        if self.repeats(Defect::ReplyBeforeWrite) {
            return;
        }
        let refusal = format!("MISCONF Errors writing to the AOF file: {error}");
        for id in self.clients.take_waiting() {
            if let Some(mut client) = self.clients.take(id) {
                client.refuse_waiting(written, &refusal);
                self.put_back(client);
            }
        }
    }

    fn start_sync_if_due(&mut self, policy: FsyncPolicy) {
        let now_s = self.now_s();
        let Some(aof) = &mut self.aof else { return };
        let Some(writer) = &mut aof.writer else {
            return;
        };
        let due = match policy {
            FsyncPolicy::Always => true,
            FsyncPolicy::EverySec => now_s > aof.last_sync_s,
            FsyncPolicy::No => false,
        };
        // Behind a rotation nothing is written until the old file is synced, whatever the policy.
        if (due || writer.held())
            && let Some(ticket) = writer.begin_sync()
        {
            aof.last_sync_s = now_s;
            self.start_sync(ticket);
        }
    }

    /// Has a file of the log synced elsewhere.
    pub(crate) fn start_sync(&mut self, ticket: SyncTicket) {
        let job = self.next_job();
        let aof = self.aof.as_mut().expect("only a log that is on is synced");
        aof.sync_job = Some((job, ticket));
        self.observed.sync_started_us = self.now_us;
        self.outputs
            .push_back(crate::Output::StartJob(job, Job::SyncAof(ticket)));
    }

    /// Syncs the log here and now. A sync under way elsewhere is taken over: its end will be nothing new. Returns whether
    /// everything appended is durable.
    pub(crate) fn sync_aof_now(&mut self, vfs: &mut dyn Vfs) -> bool {
        let Some(aof) = &mut self.aof else {
            return true;
        };
        let Some(writer) = &mut aof.writer else {
            return true;
        };
        if let Err(error) = writer.flush(vfs) {
            aof.write_error = Some(error);
            return false;
        }
        while let Some(ticket) = aof
            .sync_job
            .take()
            .map(|(_, ticket)| ticket)
            .or_else(|| writer.begin_sync())
        {
            let result = vfs.sync(ticket.file, SyncKind::Data);
            writer.sync_done(ticket, result.is_ok(), vfs);
            if let Err(error) = result {
                self.log(
                    Level::Warning,
                    format!("Fail to fsync the AOF file: {error}"),
                );
                self.aof.as_mut().expect("seen above").sync_error = Some(error);
                return false;
            }
            aof.last_sync_us = Some(self.now_us);
            // Behind a rotation the old file's sync lets the buffer go into the new one.
            if let Err(error) = writer.flush(vfs) {
                aof.write_error = Some(error);
                return false;
            }
        }
        let offsets = writer.offsets();
        self.event(Event::AofSynced {
            offset: offsets.synced,
        });
        offsets.synced == offsets.appended
    }

    /// After a failed sync nobody knows what the device holds of the bytes it was for, and syncing again proves nothing:
    /// they are written again from memory, or, if that cannot be, a new base is made of the data. Called about once a
    /// second.
    pub(crate) fn repair_log(&mut self, vfs: &mut dyn Vfs) {
        let now_s = self.now_s();
        let Some(aof) = &mut self.aof else { return };
        let Some(writer) = &mut aof.writer else {
            return;
        };
        if writer.suspect().is_none() || now_s <= aof.last_repair_s || aof.sync_job.is_some() {
            return;
        }
        aof.last_repair_s = now_s;
        match writer.rewrite_suspect(vfs, &aof.incr_path) {
            Ok(true) => {
                if let Some(ticket) = writer.begin_sync() {
                    self.start_sync(ticket);
                }
            }
            Ok(false) => self.rewrite_scheduled = true,
            Err(error) => aof.sync_error = Some(error),
        }
    }

    /// A job that is not the snapshot has ended.
    pub(crate) fn sync_job_done(&mut self, job: JobId, outcome: &JobOutcome, vfs: &mut dyn Vfs) {
        let ok = matches!(outcome, JobOutcome::Done { .. });
        let counts = ok || self.repeats(Defect::FailedSyncCounts);
        let Some(aof) = &mut self.aof else { return };
        let Some((running, ticket)) = aof.sync_job else {
            return;
        };
        if running != job {
            return;
        }
        aof.sync_job = None;
        let Some(writer) = &mut aof.writer else {
            return;
        };
        writer.sync_done(ticket, counts, vfs);
        let offset = writer.offsets().synced;
        if ok {
            let recovered = aof.sync_error.take().is_some();
            aof.last_sync_us = Some(self.now_us);
            if self.config.appendfsync == FsyncPolicy::Always {
                let took_us = self.now_us.saturating_sub(self.observed.sync_started_us);
                self.observe_event("aof-fsync-always", took_us);
            }
            self.event(Event::AofSynced { offset });
            if recovered {
                self.log(
                    Level::Warning,
                    "AOF fsync error looks solved. The server can write again.",
                );
            }
            // The driver flushes next, which starts the sync of what has been written meanwhile.
        } else if let JobOutcome::Failed(error) = outcome {
            aof.sync_error = Some(error.clone());
            let (always, is_on) = (self.config.appendfsync == FsyncPolicy::Always, aof.is_on());
            if always && is_on {
                self.log(
                    Level::Warning,
                    format!("Can't persist AOF for fsync error when the AOF fsync policy is 'always': {error}. Exiting..."),
                );
                self.exit(1, ExitReason::Fatal);
                return;
            }
            self.log(
                Level::Warning,
                format!("Fail to fsync the AOF file: {error}"),
            );
        }
        self.release_replies();
    }

    /// Releases the replies whose offset the log has passed.
    pub(crate) fn release_replies(&mut self) {
        if !self.clients.has_waiting() {
            return;
        }
        let passed = match self
            .aof
            .as_ref()
            .filter(|aof| aof.is_on())
            .and_then(Aof::offsets)
        {
            Some(offsets) if self.effective_fsync_policy() == FsyncPolicy::Always => offsets.synced,
            Some(offsets) if !self.repeats(Defect::ReplyBeforeWrite) => offsets.written,
            Some(_) | None => u64::MAX,
        };
        let mut still_waiting = Vec::new();
        for id in self.clients.take_waiting() {
            let Some(client) = self.clients.get_mut(id) else {
                continue;
            };
            client.release_up_to(passed);
            let waits = client.is_waiting();
            let (announce, close) = (client.must_announce(), client.closing && !waits);
            if waits {
                still_waiting.push(id);
            }
            if announce {
                self.outputs.push_back(crate::Output::Reply(id));
            }
            if close {
                self.outputs.push_back(crate::Output::Close {
                    client: id,
                    after_reply: true,
                });
            }
        }
        self.clients.set_waiting(still_waiting);
    }
}
