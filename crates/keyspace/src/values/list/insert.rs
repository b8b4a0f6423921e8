//! Elements put inside a list: where a node is full it is split, and what became small is merged again.

use super::{End, List, Node};
use crate::values::listpack::Listpack;

impl List {
    /// Puts `text` beside the element number `index`, to its left or right. Nothing happens if there is no such
    /// element.
    pub fn insert(&mut self, index: usize, side: End, text: &[u8], large_len: u64) {
        let Some((at, offset)) = self.locate(index) else {
            return;
        };
        let (beside, outermost) = match side {
            End::Left => (at, 0),
            End::Right => (at + 1, self.nodes[at].count() - 1),
        };
        let at_edge = offset == outermost;
        if text.len() as u64 >= large_len {
            let node = Node::Plain(text.to_vec());
            if at_edge {
                self.insert_node(beside, node);
            } else {
                self.split(at, offset, side);
                self.insert_node(at + 1, node);
            }
        } else if self.has_room(at, text.len()) {
            self.change(at, |pack| insert_in_pack(pack, offset, side, text));
        } else if at_edge {
            self.insert_between(beside, side, text);
        } else {
            self.split(at, offset, side);
            match side {
                End::Left => {
                    self.change(at, |pack| pack.push_back(text));
                    self.merge_around(at + 1);
                }
                End::Right => {
                    self.change(at + 1, |pack| pack.push_front(text));
                    self.merge_around(at);
                }
            }
        }
    }

    /// Puts `text` in the place of the element number `index`. Returns whether there is one.
    pub fn replace(&mut self, index: usize, text: &[u8], large_len: u64) -> bool {
        let Some((at, offset)) = self.locate(index) else {
            return false;
        };
        let is_large = text.len() as u64 >= large_len;
        match (self.nodes[at].is_plain(), is_large) {
            (false, false) => self.change(at, |pack| {
                if let Some(position) = pack.seek(offset as i64) {
                    pack.replace(position, text);
                }
            }),
            (true, true) => {
                self.remove_node(at);
                self.insert_node(at, Node::Plain(text.to_vec()));
            }
            // The new element goes behind the old one, which then is the last of its node.
            _ => {
                self.insert(index, End::Right, text, large_len);
                let last = self.nodes[at].count() - 1;
                self.remove_in_node(at, last, 1);
            }
        }
        true
    }

    /// Adds an element between two nodes: `beside` is where a node of its own would be, and the node on `side` of
    /// that place takes it if it has room.
    fn insert_between(&mut self, beside: usize, side: End, text: &[u8]) {
        let neighbour = match side {
            End::Left => beside.wrapping_sub(1),
            End::Right => beside,
        };
        if self.has_room(neighbour, text.len()) {
            self.change(neighbour, |pack| match side {
                End::Left => pack.push_back(text),
                End::Right => pack.push_front(text),
            });
        } else {
            self.insert_node(beside, Node::of_one(text));
        }
    }

    /// Makes two nodes of the one at `at`. The element number `offset` is the first of the second if something is to
    /// go to its left, else the last of the first.
    fn split(&mut self, at: usize, offset: usize, side: End) {
        let cut = match side {
            End::Left => offset,
            End::Right => offset + 1,
        };
        let rest = self.change(at, |pack| pack.split_off(cut));
        self.insert_node(at + 1, Node::Packed(rest));
    }

    /// Merges the two nodes before the one at `center`, and the two behind it, and then it with its neighbours: each
    /// time if the two fit into one.
    fn merge_around(&mut self, center: usize) {
        let mut center = center;
        if center >= 2 && self.merge(center - 2) {
            center -= 1;
        }
        self.merge(center + 1);
        if center >= 1 && self.merge(center - 1) {
            center -= 1;
        }
        self.merge(center);
    }

    /// Merges the node at `at` with the next one if both are there and fit into one. Returns whether it did.
    fn merge(&mut self, at: usize) -> bool {
        /// Bytes of a header and an end, as Redis counts them here (its own are 7).
        const SAVED_BYTES: usize = 11;

        let (Some(left), Some(right)) = (self.nodes.get(at), self.nodes.get(at + 1)) else {
            return false;
        };
        let bytes = (left.byte_len() + right.byte_len()).saturating_sub(SAVED_BYTES);
        let count = left.count() + right.count();
        if left.is_plain() || right.is_plain() || !self.fits(bytes, || count) {
            return false;
        }
        if let Some(right) = self.remove_node(at + 1)
            && let Node::Packed(right) = &*right
        {
            self.change(at, |pack| pack.append(right));
        }
        true
    }
}

fn insert_in_pack(pack: &mut Listpack, offset: usize, side: End, text: &[u8]) {
    if let Some(position) = pack.seek(offset as i64) {
        match side {
            End::Left => pack.insert_before(position, text),
            End::Right => pack.insert_after(position, text),
        };
    }
}
