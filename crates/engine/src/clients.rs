//! The connections by number.

use std::collections::BTreeMap;

use crate::ClientId;
use crate::client::Client;

/// The connections. One that is being served is taken out meanwhile, so that the engine may be changed beside it.
#[derive(Clone, Default)]
pub(crate) struct Clients {
    /// The numbers of the connections, ascending.
    ids: Vec<ClientId>,
    /// The connections, each where its number stands.
    places: Vec<Option<Box<Client>>>,
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
        self.ids.len()
    }

    /// Adds a connection, whose number is the last of [`Clients::next_id`].
    pub(crate) fn insert(&mut self, client: Client) {
        debug_assert!(self.ids.last().is_none_or(|last| *last < client.id));
        self.ids.push(client.id);
        self.places.push(Some(Box::new(client)));
    }

    pub(crate) fn remove(&mut self, id: ClientId) {
        if let Some(index) = self.index_of(id) {
            self.ids.remove(index);
            self.places.remove(index);
        }
    }

    pub(crate) fn take(&mut self, id: ClientId) -> Option<Box<Client>> {
        let index = self.index_of(id)?;
        self.places[index].take()
    }

    pub(crate) fn put_back(&mut self, client: Box<Client>) {
        let index = self
            .index_of(client.id)
            .expect("a client keeps its place while served");
        self.places[index] = Some(client);
    }

    pub(crate) fn get(&self, id: ClientId) -> Option<&Client> {
        self.places[self.index_of(id)?].as_deref()
    }

    pub(crate) fn get_mut(&mut self, id: ClientId) -> Option<&mut Client> {
        let index = self.index_of(id)?;
        self.places[index].as_deref_mut()
    }

    /// The connections that are not being served, in the order they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Client> {
        self.places.iter().filter_map(Option::as_deref)
    }

    /// The numbers of all connections.
    pub(crate) fn ids(&self) -> Vec<ClientId> {
        self.ids.clone()
    }

    /// Where a connection stands: as many places behind the first as numbers, unless others between have gone.
    #[inline]
    fn index_of(&self, id: ClientId) -> Option<usize> {
        let first = self.ids.first()?;
        let guess = id.0.checked_sub(first.0)? as usize;
        if self.ids.get(guess) == Some(&id) {
            return Some(guess);
        }
        self.ids.binary_search(&id).ok()
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
