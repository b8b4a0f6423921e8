//! How commands reach strings: whatever form they are kept in, and with WRONGTYPE for anything else.

use std::sync::Arc;

use lastsave_resp::Reply;

use crate::call::{Answered, WRONG_TYPE};
use crate::object::{Text, bytes_value};
use crate::{Call, Object, Origin, tag};

/// What no string may exceed, replayed or not: a request has to hold it.
const MAX_LEN: u64 = u32::MAX as u64;

impl Call<'_> {
    /// Hands the string at `key`, if there is one, to `then` together with the reply. A read: it counts a hit or a miss and
    /// marks the key as used now. A value of another type is answered with an error.
    pub(super) fn read_text<R>(
        &mut self,
        key: &[u8],
        then: impl FnOnce(&mut Reply, Option<&[u8]>) -> R,
    ) -> Result<R, Answered> {
        self.read(key, |reply, entry| {
            let Some(entry) = entry else {
                return Ok(then(reply, None));
            };
            match Text::of(entry.value()) {
                Some(mut text) => Ok(then(reply, Some(text.as_bytes()))),
                None => {
                    reply.error(WRONG_TYPE);
                    Err(Answered)
                }
            }
        })
    }

    /// What `look` says of the string at `key`, if there is one, which is about to be changed. Counts no hit and no miss. A
    /// value of another type is answered with an error.
    pub(super) fn text_to_edit<R>(
        &mut self,
        key: &[u8],
        look: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>, Answered> {
        let Some(entry) = self.entry_mut(self.db, key) else {
            return Ok(None);
        };
        match Text::of(entry.value()) {
            Some(mut text) => Ok(Some(look(text.as_bytes()))),
            None => {
                self.reply.error(WRONG_TYPE);
                Err(Answered)
            }
        }
    }

    /// Lets `edit` change the bytes of the string at `key`, which is there: see [`Call::text_to_edit`]. The result is raw. A
    /// long string is changed where it is.
    pub(super) fn edit_text<R>(&mut self, key: &[u8], edit: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let keys = &mut self.keyspace.databases[self.db].keys;
        let mut entry = keys.get_mut(key).expect("the caller has looked the key up");
        entry.set_tag(tag::raw(entry.tag(), true));
        if let Some(mut object) = entry.object_mut()
            && let Object::Text(text) = &mut *object
        {
            return edit(Arc::make_mut(text));
        }
        let mut text = Text::of(entry.value()).expect("the caller has looked at the type");
        let mut bytes = text.as_bytes().to_vec();
        let result = edit(&mut bytes);
        entry.set_value(bytes_value(&bytes));
        result
    }

    /// Has the encoding of the string at `key` called raw, as if it had been changed.
    pub(super) fn mark_raw(&mut self, key: &[u8]) {
        let keys = &mut self.keyspace.databases[self.db].keys;
        let is_raw = |tag| tag::raw(tag, true) == tag;
        if keys.get(key).is_some_and(|entry| !is_raw(entry.tag()))
            && let Some(mut entry) = keys.get_mut(key)
        {
            entry.set_tag(tag::raw(entry.tag(), true));
        }
    }

    /// Puts a string that was built in place under `key`: it is raw however short it is.
    pub(super) fn put_raw_text(&mut self, key: &[u8], text: &[u8]) {
        let tag = tag::fresh_raw(self.now_us);
        self.insert(self.db, key, bytes_value(text), None, tag);
    }

    /// Lets `edit` change the string at `key`, an empty one if there is none. A value of another type is answered with an
    /// error. Returns what `edit` says, and whether the key is new or the string grew.
    pub(super) fn edit_or_new_text<R>(
        &mut self,
        key: &[u8],
        edit: impl FnOnce(&mut Vec<u8>) -> R,
    ) -> Result<(R, bool), Answered> {
        match self.text_to_edit(key, <[u8]>::len)? {
            Some(len) => Ok(self.edit_text(key, |text| {
                let result = edit(text);
                (result, text.len() != len)
            })),
            None => {
                let mut text = Vec::new();
                let result = edit(&mut text);
                self.put_raw_text(key, &text);
                Ok((result, true))
            }
        }
    }

    /// The longest string that may be built, in bytes.
    pub(super) fn max_text_len(&self) -> u64 {
        match self.origin {
            Origin::Client => (self.keyspace.settings.max_string_len as u64).min(MAX_LEN),
            Origin::Replay => MAX_LEN,
        }
    }
}
