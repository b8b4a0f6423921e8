//! What is no longer needed and takes long to free.

use lastsave_dict::Dict;

use crate::Object;

/// Something to be dropped where that holds nobody up.
#[derive(Clone)]
pub enum Garbage {
    /// A value with many parts.
    Value(Object),
    /// All that a database held.
    Keys(Dict<Object>),
}

impl Garbage {
    /// How many values it is, as INFO `lazyfreed_objects` counts them.
    pub fn objects(&self) -> u64 {
        match self {
            Self::Value(_) => 1,
            Self::Keys(keys) => keys.len() as u64,
        }
    }
}

impl std::fmt::Debug for Garbage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Garbage({} objects)", self.objects())
    }
}

/// Values of no more parts than these are freed at once: handing them over would take as long.
const MOST_PARTS_AT_ONCE: usize = 64;

impl Object {
    /// Whether freeing it takes long enough to be done elsewhere.
    pub fn is_slow_to_free(&self) -> bool {
        self.parts() > MOST_PARTS_AT_ONCE
    }

    /// How many allocations it has, about.
    fn parts(&self) -> usize {
        match self {
            Self::Text(_) => 1,
            Self::Set(set) if set.encoding_name() == "hashtable" => set.len(),
            Self::Hash(hash) if hash.encoding_name() == "hashtable" => hash.len(),
            Self::SortedSet(members) if members.encoding_name() == "skiplist" => members.len(),
            Self::Set(_) | Self::Hash(_) | Self::SortedSet(_) => 1,
            Self::List(list) => list.nodes().len(),
            Self::Stream(stream) => {
                let groups = stream.groups();
                // The first group stands for all.
                let pending = groups
                    .iter()
                    .next()
                    .map_or(0, |(_, group)| group.pending_len());
                stream.entries().nodes_len() + groups.len() * (1 + pending)
            }
        }
    }
}
