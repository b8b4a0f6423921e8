//! Clients that wait for a key: parked when their command found nothing, tried again when a key became ready, first
//! come first served.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use lastsave_dict::ValueRef;
use lastsave_keyspace::{
    Block, BlockedOn, Blocking, Call, Command, Handler, Object, Origin, TimedOut,
};
use lastsave_resp::{Args, ArgsBuf};
use lastsave_vfs::Vfs;

use crate::ClientId;
use crate::client::{Client, Held};
use crate::engine::Engine;

/// A command that waits.
#[derive(Clone)]
pub(crate) struct Parked {
    command: &'static Command,
    /// What is tried again.
    request: ArgsBuf,
    /// The database that it was sent in.
    db: usize,
    keys: Vec<Vec<u8>>,
    kind: BlockedOn,
    deadline_us: Option<u64>,
    on_timeout: TimedOut,
    also_when_deleted: bool,
}

/// Who waits for what, and whose turn it is.
#[derive(Clone, Default)]
pub(crate) struct Waiters {
    /// The clients that wait for a key, in the order they came.
    by_key: BTreeMap<(usize, Vec<u8>), Vec<ClientId>>,
    /// When their time runs out.
    deadlines: BTreeSet<(u64, ClientId)>,
    /// Those that are to hear when a key of theirs is deleted.
    for_deletion: BTreeSet<ClientId>,
    /// Keys that may have what somebody waits for, each once.
    ready: VecDeque<(usize, Vec<u8>)>,
    /// Clients whose held-up input is to be executed.
    resumed: VecDeque<ClientId>,
    /// The number of clients that wait for a key.
    parked: usize,
}

/// What a client can expect, for a driver that talks to the engine by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing: all that it sent has been executed, and all answers have been released.
    Idle,
    /// An answer when a key is ready, or at this time (microseconds since the epoch) at the latest, if any is set.
    WaitsForKey(Option<u64>),
    /// Answers that something else holds up: the log, a pause, DEBUG SLEEP.
    Busy,
}

impl Waiters {
    /// When the next client's time runs out, in microseconds since the epoch.
    pub(crate) fn next_deadline_us(&self) -> Option<u64> {
        self.deadlines.first().map(|(at_us, _)| *at_us)
    }

    /// The number of clients that wait for a key, and of those of them whose time will run out.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.parked, self.deadlines.len())
    }

    /// Says that a client is held up no longer.
    pub(crate) fn resume(&mut self, id: ClientId) {
        self.resumed.push_back(id);
    }

    /// Notes a key that somebody may wait for.
    fn note_ready(&mut self, key: (usize, Vec<u8>)) {
        if self.by_key.contains_key(&key) && !self.ready.contains(&key) {
            self.ready.push_back(key);
        }
    }

    fn add(&mut self, id: ClientId, parked: &Parked) {
        for key in &parked.keys {
            let ids = self.by_key.entry((parked.db, key.clone())).or_default();
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        if let Some(at_us) = parked.deadline_us {
            self.deadlines.insert((at_us, id));
        }
        if parked.also_when_deleted {
            self.for_deletion.insert(id);
        }
        self.parked += 1;
    }

    fn remove(&mut self, id: ClientId, parked: &Parked) {
        for key in &parked.keys {
            let place = (parked.db, key.clone());
            if let Some(ids) = self.by_key.get_mut(&place) {
                ids.retain(|other| *other != id);
                if ids.is_empty() {
                    self.by_key.remove(&place);
                }
            }
        }
        if let Some(at_us) = parked.deadline_us {
            self.deadlines.remove(&(at_us, id));
        }
        self.for_deletion.remove(&id);
        self.parked -= 1;
    }
}

impl Engine {
    /// What this client can expect.
    pub fn standing(&self, client: ClientId) -> Standing {
        match self.clients.get(client) {
            Some(client) => match &client.held {
                Some(Held::ForKeys(parked)) => Standing::WaitsForKey(parked.deadline_us),
                None if !client.is_waiting() && client.input.is_empty() => Standing::Idle,
                _ => Standing::Busy,
            },
            None => Standing::Idle,
        }
    }

    /// Has a client wait whose command found nothing: what it sends meanwhile is kept.
    pub(crate) fn park(
        &mut self,
        client: &mut Client,
        command: &'static Command,
        args: Args<'_>,
        block: Block,
    ) {
        let parked = Parked {
            command,
            request: block.request.unwrap_or_else(|| args.into()),
            db: client.db,
            keys: block.keys,
            kind: block.kind,
            deadline_us: block.deadline_us,
            on_timeout: block.on_timeout,
            also_when_deleted: block.also_when_deleted,
        };
        self.waiters.add(client.id, &parked);
        self.effects.someone_blocks = true;
        client.held = Some(Held::ForKeys(Box::new(parked)));
    }

    /// Ends a client's waiting. Its answer is the caller's to give.
    fn unpark(&mut self, client: &mut Client) -> Option<Box<Parked>> {
        match client.held.take() {
            Some(Held::ForKeys(parked)) => {
                self.waiters.remove(client.id, &parked);
                self.waiters.resume(client.id);
                self.effects.someone_blocks = self.waiters.parked > 0;
                Some(parked)
            }
            held => {
                client.held = held;
                None
            }
        }
    }

    /// A client that may wait for keys is about to go.
    pub(crate) fn forget_waiting(&mut self, client: &mut Client) {
        self.unpark(client);
    }

    /// Takes up which keys the last command made ready.
    pub(crate) fn gather_ready(&mut self) {
        if self.waiters.parked == 0 {
            return;
        }
        for key in std::mem::take(&mut self.effects.ready) {
            self.waiters.note_ready(key);
        }
        // SWAPDB may have brought any key, FLUSHDB have taken it.
        for db in &self.effects.touched_dbs {
            let first = (*db, Vec::new());
            let keys = self.waiters.by_key.range(first..);
            let keys: Vec<_> = keys
                .map(|(key, _)| key)
                .take_while(|(of, _)| of == db)
                .cloned()
                .collect();
            for key in keys {
                self.waiters.note_ready(key);
            }
        }
    }

    /// Notes the keys that are gone, or are something else now, while somebody wants to hear of that.
    fn note_deleted(&mut self) {
        for id in self.waiters.for_deletion.clone() {
            let Some(Held::ForKeys(parked)) = self.clients.get(id).and_then(|it| it.held.as_ref())
            else {
                continue;
            };
            let (db, keys) = (parked.db, parked.keys.clone());
            for key in keys {
                if !self.holds(db, &key, BlockedOn::Stream) {
                    self.waiters.note_ready((db, key));
                }
            }
        }
    }

    /// A unit has ended: serves those who waited for the keys that it made ready, and those who waited for what that
    /// brought, and so on.
    #[inline]
    pub(crate) fn serve_waiters(&mut self) {
        if self.waiters.parked > 0 {
            self.serve_ready_keys();
        }
    }

    fn serve_ready_keys(&mut self) {
        self.note_deleted();
        while let Some((db, key)) = self.waiters.ready.pop_front() {
            let place = (db, key);
            let ids = self.waiters.by_key.get(&place).cloned().unwrap_or_default();
            for id in ids {
                if self.may_be_served(id, &place) {
                    self.try_again(id, &place.1);
                }
            }
            self.note_deleted();
        }
    }

    /// Whether it is worth trying a client's command again: the key holds what it waits for, or it wants to hear of
    /// anything that happens to it.
    fn may_be_served(&self, id: ClientId, (db, key): &(usize, Vec<u8>)) -> bool {
        let held = self.clients.get(id).and_then(|client| client.held.as_ref());
        let Some(Held::ForKeys(parked)) = held else {
            return false;
        };
        parked.also_when_deleted || self.holds(*db, key, parked.kind)
    }

    /// Whether a key holds a value of this kind.
    fn holds(&self, db: usize, key: &[u8], kind: BlockedOn) -> bool {
        let entry = self.keyspace.databases[db].keys.get(key);
        entry.is_some_and(|entry| {
            matches!(
                (entry.value(), kind),
                (ValueRef::Object(Object::List(_)), BlockedOn::List)
                    | (ValueRef::Object(Object::SortedSet(_)), BlockedOn::SortedSet)
                    | (ValueRef::Object(Object::Stream(_)), BlockedOn::Stream)
            )
        })
    }

    /// Runs a parked client's command again for a key that became ready. If there still is nothing for it, it keeps its
    /// place.
    fn try_again(&mut self, id: ClientId, key: &[u8]) {
        let Some(mut client) = self.clients.take(id) else {
            return;
        };
        if let Some(Held::ForKeys(parked)) = &client.held
            && let Handler::Data(handler) = parked.command.handler
        {
            let (db, request) = (parked.db, parked.request.clone());
            let start = client.reply.bytes().len();
            let command = parked.command;
            let started_us = self.observed.start();
            self.effects.clear();
            self.effects.unlogged = self.aof.is_none();
            self.effects.awaited = Some(key.to_vec());
            handler(&mut Call {
                args: request.as_args(),
                keyspace: &mut self.keyspace,
                db,
                now_us: self.now_us,
                origin: Origin::Client,
                blocking: Blocking::Again,
                reply: &mut client.reply,
                effects: &mut self.effects,
            });
            let served = self.effects.block.take().is_none();
            let took_us = self.observed.since(started_us);
            if served {
                self.unpark(&mut client);
                self.observe_answer(&client, command, request.as_args(), start, took_us);
            }
            self.gather_effects(&mut client, command, request.as_args(), start);
            self.end_unit(&mut client, start);
        }
        self.put_back(client);
    }

    /// The time has come for some to stop waiting.
    pub(crate) fn time_out_waiters(&mut self) {
        while let Some((at_us, id)) = self.waiters.deadlines.first().copied()
            && at_us <= self.now_us
        {
            self.waiters.deadlines.remove(&(at_us, id));
            if let Some(mut client) = self.clients.take(id) {
                self.end_waiting(&mut client, None);
                self.put_back(client);
            }
        }
    }

    /// Answers a waiting client as if its time had run out, or with an error. Returns whether it was waiting.
    pub(crate) fn end_waiting(&mut self, client: &mut Client, error: Option<&str>) -> bool {
        let Some(parked) = self.unpark(client) else {
            return false;
        };
        let start = client.reply.bytes().len();
        match (error, parked.on_timeout) {
            (Some(error), _) => self.reply_error(client, error),
            (None, TimedOut::Null) => client.reply.null(),
            (None, TimedOut::NullArray) => client.reply.null_array(),
        }
        self.observe_answer(client, parked.command, parked.request.as_args(), start, 0);
        self.end_unit(client, start);
        true
    }

    /// Executes what clients had sent that were held up until now.
    pub(crate) fn resume_held(&mut self, vfs: &mut dyn Vfs) {
        while self.busy_until_us == 0
            && !self.exited
            && let Some(id) = self.waiters.resumed.pop_front()
        {
            if let Some(mut client) = self.clients.take(id) {
                self.execute_input(&mut client, &[], vfs);
                self.put_back(client);
            }
        }
    }
}
