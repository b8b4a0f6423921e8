//! Connections from the terminal: one request, its reply, and the messages that come by themselves.

use lastsave_engine::{ClientId, Standing};

use super::super::World;
use crate::reply::reply_len;

/// A connection from the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    client: ClientId,
    /// The process it leads to.
    pid: u32,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Called {
    /// The reply's bytes.
    Reply(Vec<u8>),
    /// The server closed the connection, or ended, without a reply.
    Closed,
    /// No reply came within a minute: the server waits for its disk.
    Waiting,
    /// There is no reply to this: CLIENT REPLY.
    Silent,
    /// It waits for a key, and none came in time; the connection was given up. Whether there was any hope: somebody else
    /// who could have brought it.
    WaitsForKey {
        /// Whether a workload was running.
        hope: bool,
    },
}

/// How long a person waits for a reply.
const PATIENCE_US: u64 = 60_000_000;

/// Events that a person watches go by while waiting, at most.
const PATIENCE_EVENTS: u64 = 4_000_000;

impl World {
    /// Opens a connection, if a server is running.
    pub(crate) fn connect(&mut self) -> Option<Connection> {
        let server = self.server.as_mut()?;
        let client = server.connect(self.now_us, true);
        Some(Connection {
            client,
            pid: server.pid,
        })
    }

    /// Closes a connection.
    pub(crate) fn disconnect(&mut self, connection: Connection) {
        if self.connected(connection)
            && let Some(server) = &mut self.server
        {
            server.clients.remove(&connection.client);
            server
                .engine
                .handle_disconnect(self.now_us, connection.client);
            self.settle_batch();
        }
    }

    /// Whether the connection still stands.
    pub(crate) fn connected(&self, connection: Connection) -> bool {
        self.server.as_ref().is_some_and(|server| {
            server.pid == connection.pid && server.clients.contains_key(&connection.client)
        })
    }

    /// Sends one request and waits for its reply, while everything else goes on.
    pub(crate) fn call(&mut self, connection: Connection, request: &[u8]) -> Called {
        if !self.connected(connection) {
            return Called::Closed;
        }
        self.send(connection.client, request);
        let mut patience_us = self.now_us + PATIENCE_US;
        for _ in 0..PATIENCE_EVENTS {
            if let Some(reply) = self.take_reply(connection.client) {
                return Called::Reply(reply);
            }
            if !self.connected(connection) {
                return Called::Closed;
            }
            match self.standing(connection) {
                Standing::Idle => return Called::Silent,
                Standing::WaitsForKey(None) if self.workload.is_none() => break,
                Standing::WaitsForKey(Some(deadline_us)) => {
                    patience_us = patience_us.max(deadline_us);
                }
                Standing::WaitsForKey(None) | Standing::Busy => {}
            }
            if !self.step(patience_us) {
                self.now_us = self.now_us.max(patience_us);
                break;
            }
        }
        let waits_for_key = matches!(self.standing(connection), Standing::WaitsForKey(_));
        self.disconnect(connection);
        if waits_for_key {
            let hope = self.workload.is_some();
            Called::WaitsForKey { hope }
        } else {
            Called::Waiting
        }
    }

    fn standing(&self, connection: Connection) -> Standing {
        self.server.as_ref().map_or(Standing::Idle, |server| {
            server.engine.standing(connection.client)
        })
    }

    /// Sends a request and returns the replies that come at once.
    pub(crate) fn call_for_all(&mut self, connection: Connection, request: &[u8]) -> Vec<Vec<u8>> {
        if self.connected(connection) {
            self.send(connection.client, request);
        }
        self.take_messages(connection)
    }

    /// How many messages a connection has not kept since the last call.
    pub(crate) fn take_missed(&mut self, connection: Connection) -> u64 {
        let client = self
            .server
            .as_mut()
            .filter(|server| server.pid == connection.pid)
            .and_then(|server| server.clients.get_mut(&connection.client));
        client.map_or(0, |client| std::mem::take(&mut client.missed))
    }

    /// What a connection has received and nobody has read.
    pub(crate) fn take_messages(&mut self, connection: Connection) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        if self.connected(connection) {
            while let Some(message) = self.take_reply(connection.client) {
                messages.push(message);
            }
        }
        messages
    }

    fn take_reply(&mut self, client: ClientId) -> Option<Vec<u8>> {
        let server = self.server.as_mut()?;
        let inbox = server.clients.get_mut(&client)?.inbox.as_mut()?;
        let len = reply_len(inbox)?;
        let rest = inbox.split_off(len);
        Some(std::mem::replace(inbox, rest))
    }
}
