//! DUMP and RESTORE, except for what a payload is made of: the caller encodes and decodes.

use lastsave_dict::ValueRef;

use super::SYNTAX_ERROR;
use crate::call::Origin;
use crate::{Call, EventClass, Object, OwnedValue, Settings, Usage};

/// Why a payload is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayloadError {
    /// Its end is not a version that can be read and the checksum of the rest.
    VersionOrChecksum,
    /// It is not a whole and sound value. What the log is to say of it, if anything.
    Content(Option<String>),
}

/// Answers with the payload that `encode` makes of the value.
pub fn dump(call: &mut Call<'_>, encode: impl FnOnce(ValueRef<'_, Object>, &Settings) -> Vec<u8>) {
    let settings = call.keyspace.settings.clone();
    let args = call.args;
    let key = &args[1];
    call.read(key, |reply, entry| match entry {
        Some(entry) => reply.bulk(&encode(entry.value(), &settings)),
        None => reply.null(),
    });
}

/// What RESTORE is told behind the payload.
#[derive(Default)]
struct Options {
    replace: bool,
    absolute: bool,
    idle_s: Option<i64>,
    frequency: Option<i64>,
}

impl Options {
    /// Reads the options, or answers with an error.
    fn parse(call: &mut Call<'_>) -> Option<Self> {
        let mut options = Self::default();
        let mut words = call.args.skip(4).iter();
        while let Some(word) = words.next() {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            if is("REPLACE") {
                options.replace = true;
            } else if is("ABSTTL") {
                options.absolute = true;
            } else if is("IDLETIME")
                && options.frequency.is_none()
                && let Some(text) = words.next()
            {
                let idle_s = call.integer(text)?;
                if idle_s < 0 {
                    call.reply.error("ERR Invalid IDLETIME value, must be >= 0");
                    return None;
                }
                options.idle_s = Some(idle_s);
            } else if is("FREQ")
                && options.idle_s.is_none()
                && let Some(text) = words.next()
            {
                let frequency = call.integer(text)?;
                if !(0..=255).contains(&frequency) {
                    call.reply
                        .error("ERR Invalid FREQ value, must be >= 0 and <= 255");
                    return None;
                }
                options.frequency = Some(frequency);
            } else {
                call.reply.error(SYNTAX_ERROR);
                return None;
            }
        }
        Some(options)
    }
}

/// Puts the value that `decode` makes of the payload under the key.
pub fn restore(
    call: &mut Call<'_>,
    decode: impl FnOnce(&[u8], &Settings) -> Result<OwnedValue, PayloadError>,
) {
    let args = call.args;
    let (db, key) = (call.db, &args[1]);
    let Some(options) = Options::parse(call) else {
        return;
    };
    if !options.replace && call.exists(db, key) {
        return call.reply.error("BUSYKEY Target key name already exists.");
    }
    let Some(ttl_ms) = call.integer(&args[2]) else {
        return;
    };
    if ttl_ms < 0 {
        return call.reply.error("ERR Invalid TTL value, must be >= 0");
    }
    let value = match decode(&args[3], &call.keyspace.settings) {
        Ok(value) => value,
        Err(PayloadError::VersionOrChecksum) => {
            return call
                .reply
                .error("ERR DUMP payload version or checksum are wrong");
        }
        Err(PayloadError::Content(reason)) => {
            let internal = "Internal error in RDB reading offset 0";
            let line = reason.map(|reason| format!("{internal}, {reason}"));
            call.effects.log.extend(line);
            return call.reply.error("ERR Bad data format");
        }
    };

    let deleted = options.replace && call.remove(db, key);
    let expires_at_ms = match ttl_ms as u64 {
        0 => None,
        ttl_ms if options.absolute => Some(ttl_ms),
        ttl_ms => Some(ttl_ms.saturating_add(call.now_ms())),
    };
    call.reply.ok();
    if let Some(at_ms) = expires_at_ms
        && at_ms <= call.now_ms()
        && call.origin == Origin::Client
    {
        if deleted {
            call.modified(EventClass::Generic, "del", db, key);
            call.propagate_deletion(false, key);
        }
        return;
    }
    insert(call, value, expires_at_ms, &options);
    if let Some(at_ms) = expires_at_ms
        && !options.absolute
    {
        let mut digits = itoa::Buffer::new();
        let words = [&args[0], key, digits.format(at_ms).as_bytes()];
        let behind = args.skip(3).iter().chain([&b"ABSTTL"[..]]);
        call.propagate_instead(db, words.into_iter().chain(behind));
    }
    call.modified(EventClass::Generic, "restore", db, key);
}

fn insert(call: &mut Call<'_>, value: OwnedValue, expires_at_ms: Option<u64>, options: &Options) {
    let args = call.args;
    let key = &args[1];
    let usage = match (options.idle_s, options.frequency) {
        (Some(idle_s), _) => Usage::IdleSeconds(idle_s as u64),
        (None, Some(frequency)) => Usage::Frequency(frequency as u8),
        (None, None) => Usage::Unknown,
    };
    let tag = call.keyspace.usage_tag(usage, call.now_us);
    let mut text = Vec::new();
    let value = value.into_value(&mut text);
    call.insert(call.db, key, value, expires_at_ms, tag);
    // What was counted of an older key of this name is not this one's.
    if let Some(mut entry) = call.keyspace.databases[call.db].keys.get_mut(key) {
        entry.set_tag(tag);
    }
}
