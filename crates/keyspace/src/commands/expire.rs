//! Setting, asking and removing expiries.

use super::strings::invalid_expire_time;
use crate::call::EventClass;
use crate::{Call, Origin};

/// Sets the expiry of `key`, which is there.
pub(super) fn set_expiry(call: &mut Call<'_>, key: &[u8], expires_at_ms: u64) {
    if let Some(mut entry) = call.keyspace.databases[call.db].keys.get_mut(key) {
        entry.set_expires_at_ms(Some(expires_at_ms));
    }
    call.modified(EventClass::Generic, "expire", call.db, key);
}

/// Removes the expiry of `key`, which is there. Returns whether it had one.
pub(super) fn remove_expiry(call: &mut Call<'_>, key: &[u8]) -> bool {
    let keys = &mut call.keyspace.databases[call.db].keys;
    if keys
        .get(key)
        .is_none_or(|entry| entry.expires_at_ms().is_none())
    {
        return false;
    }
    if let Some(mut entry) = keys.get_mut(key) {
        entry.set_expires_at_ms(None);
    }
    call.modified(EventClass::Generic, "persist", call.db, key);
    true
}

/// Deletes `key`, which is there, because it was given a time in the past, and has that written instead.
pub(super) fn delete_now(call: &mut Call<'_>, key: &[u8]) {
    let lazily = call.keyspace.settings.lazy_expire;
    call.remove_and_free(call.db, key, lazily);
    call.modified(EventClass::Generic, "del", call.db, key);
    call.propagate_deletion(lazily, key);
}

/// NX, XX, GT and LT behind EXPIRE and its like.
#[derive(Clone, Copy, Default)]
struct Conditions {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

impl Conditions {
    /// Reads the options, or answers with an error.
    fn parse(call: &mut Call<'_>) -> Option<Self> {
        let mut conditions = Self::default();
        for word in call.args.skip(3).iter() {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            if is("NX") {
                conditions.nx = true;
            } else if is("XX") {
                conditions.xx = true;
            } else if is("GT") {
                conditions.gt = true;
            } else if is("LT") {
                conditions.lt = true;
            } else {
                call.reply
                    .error_bytes(&[b"ERR Unsupported option ", c_string(word)].concat());
                return None;
            }
        }
        let Self { nx, xx, gt, lt } = conditions;
        if nx && (xx || gt || lt) {
            call.reply
                .error("ERR NX and XX, GT or LT options at the same time are not compatible");
            return None;
        }
        if gt && lt {
            call.reply
                .error("ERR GT and LT options at the same time are not compatible");
            return None;
        }
        Some(conditions)
    }

    /// Whether a key with this expiry may be given that one. No expiry is later than any.
    fn allow(self, current_ms: Option<u64>, new_ms: i64) -> bool {
        let current_ms = current_ms.map(|current_ms| i64::try_from(current_ms).unwrap_or(i64::MAX));
        !(self.nx && current_ms.is_some()
            || self.xx && current_ms.is_none()
            || self.gt && current_ms.is_none_or(|current_ms| new_ms <= current_ms)
            || self.lt && current_ms.is_some_and(|current_ms| new_ms >= current_ms))
    }
}

/// EXPIRE and its like: `seconds` or milliseconds, from now if `relative`.
fn expire_generic(call: &mut Call<'_>, command: &str, seconds: bool, relative: bool) {
    let args = call.args;
    let key = &args[1];
    let Some(conditions) = Conditions::parse(call) else {
        return;
    };
    let Some(given) = call.integer(&args[2]) else {
        return;
    };
    let unit = if seconds { 1000 } else { 1 };
    let base = if relative { call.now_ms() as i64 } else { 0 };
    let Some(time) = given
        .checked_mul(unit)
        .and_then(|time| time.checked_add(base))
    else {
        return call.reply.error(&invalid_expire_time(command));
    };
    let Some(entry) = call.entry_mut(call.db, key) else {
        return call.reply.integer(0);
    };
    if !conditions.allow(entry.expires_at_ms(), time) {
        return call.reply.integer(0);
    }
    call.reply.integer(1);
    if call.origin == Origin::Client && time <= call.now_ms() as i64 {
        return delete_now(call, key);
    }
    set_expiry(call, key, time.max(0) as u64);
    if seconds || relative {
        let mut digits = itoa::Buffer::new();
        let time = digits.format(time).as_bytes();
        let words = [b"PEXPIREAT", key, time];
        call.propagate_instead(call.db, words.into_iter().chain(args.skip(3).iter()));
    }
}

/// What precedes the first NUL byte: all that Redis prints of a word in a message.
fn c_string(word: &[u8]) -> &[u8] {
    &word[..word
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(word.len())]
}

pub(crate) fn expire(call: &mut Call<'_>) {
    expire_generic(call, "expire", true, true);
}

pub(crate) fn expireat(call: &mut Call<'_>) {
    expire_generic(call, "expireat", true, false);
}

pub(crate) fn pexpire(call: &mut Call<'_>) {
    expire_generic(call, "pexpire", false, true);
}

pub(crate) fn pexpireat(call: &mut Call<'_>) {
    expire_generic(call, "pexpireat", false, false);
}

/// TTL and its like: milliseconds or rounded `seconds`, left from now if `relative`.
fn ttl_generic(call: &mut Call<'_>, seconds: bool, relative: bool) {
    let args = call.args;
    let now_ms = call.now_ms();
    call.peek(&args[1], |reply, entry| {
        reply.integer(match entry.map(|entry| entry.expires_at_ms()) {
            None => -2,
            Some(None) => -1,
            Some(Some(expires_at_ms)) => {
                let time = if relative {
                    expires_at_ms.saturating_sub(now_ms)
                } else {
                    expires_at_ms
                };
                (if seconds {
                    time.saturating_add(500) / 1000
                } else {
                    time
                }) as i64
            }
        });
    });
}

pub(crate) fn ttl(call: &mut Call<'_>) {
    ttl_generic(call, true, true);
}

pub(crate) fn pttl(call: &mut Call<'_>) {
    ttl_generic(call, false, true);
}

pub(crate) fn expiretime(call: &mut Call<'_>) {
    ttl_generic(call, true, false);
}

pub(crate) fn pexpiretime(call: &mut Call<'_>) {
    ttl_generic(call, false, false);
}

pub(crate) fn persist(call: &mut Call<'_>) {
    let args = call.args;
    let key = &args[1];
    let removed = call.exists(call.db, key) && remove_expiry(call, key);
    call.reply.integer(i64::from(removed));
}
