//! The connections by number.

use std::collections::BTreeMap;

use crate::ClientId;
use crate::client::Client;

/// The connections. One that is being served is taken out meanwhile, so that the engine may be changed beside it.
#[derive(Default)]
pub(crate) struct Clients {
    by_id: BTreeMap<ClientId, Option<Box<Client>>>,
    last_id: u64,
    /// Connections with replies that wait for the log.
    waiting: Vec<ClientId>,
    /// Who watches which key: `(database, key)`.
    pub(crate) watchers: BTreeMap<(usize, Vec<u8>), Vec<ClientId>>,
}

impl Clients {
    pub(crate) fn next_id(&mut self) -> ClientId {
        self.last_id += 1;
        ClientId(self.last_id)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn insert(&mut self, client: Client) {
        self.by_id.insert(client.id, Some(Box::new(client)));
    }

    pub(crate) fn remove(&mut self, id: ClientId) {
        self.by_id.remove(&id);
    }

    pub(crate) fn take(&mut self, id: ClientId) -> Option<Box<Client>> {
        self.by_id.get_mut(&id)?.take()
    }

    pub(crate) fn put_back(&mut self, client: Box<Client>) {
        let place = self
            .by_id
            .get_mut(&client.id)
            .expect("a client keeps its place while served");
        *place = Some(client);
    }

    pub(crate) fn get(&self, id: ClientId) -> Option<&Client> {
        self.by_id.get(&id)?.as_deref()
    }

    pub(crate) fn get_mut(&mut self, id: ClientId) -> Option<&mut Client> {
        self.by_id.get_mut(&id)?.as_deref_mut()
    }

    /// The connections that are not being served, in the order they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Client> {
        self.by_id.values().filter_map(Option::as_deref)
    }

    /// The numbers of all connections.
    pub(crate) fn ids(&self) -> Vec<ClientId> {
        self.by_id.keys().copied().collect()
    }

    pub(crate) fn note_waiting(&mut self, id: ClientId) {
        if self.waiting.last() != Some(&id) {
            self.waiting.push(id);
        }
    }

    pub(crate) fn take_waiting(&mut self) -> Vec<ClientId> {
        std::mem::take(&mut self.waiting)
    }

    pub(crate) fn set_waiting(&mut self, waiting: Vec<ClientId>) {
        self.waiting = waiting;
    }

    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}
