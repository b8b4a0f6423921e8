//! Strings as a whole: reading and replacing them.

use lastsave_resp::Reply;

use super::SYNTAX_ERROR;
use crate::call::EventClass;
use crate::object::{Text, text_value};
use crate::{Call, Origin, arity_error, number, tag};

/// What may make SET leave a key as it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Missing,
    Present,
}

/// What becomes of the expiry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expiry<'a> {
    /// SET removes it, GETEX keeps it.
    Unsaid,
    /// KEEPTTL.
    Keep,
    /// PERSIST.
    Remove,
    /// A time, still as text, in this form.
    At(TimeForm, &'a [u8]),
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct TimeForm {
    seconds: bool,
    relative: bool,
}

const EX: TimeForm = TimeForm {
    seconds: true,
    relative: true,
};
const PX: TimeForm = TimeForm {
    seconds: false,
    relative: true,
};
const EXAT: TimeForm = TimeForm {
    seconds: true,
    relative: false,
};
const PXAT: TimeForm = TimeForm {
    seconds: false,
    relative: false,
};

/// The options of SET and GETEX.
struct Options<'a> {
    condition: Option<Condition>,
    get: bool,
    expiry: Expiry<'a>,
}

const NO_OPTIONS: Options<'_> = Options {
    condition: None,
    get: false,
    expiry: Expiry::Unsaid,
};

/// Which of the two commands the options belong to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Optioned {
    Set,
    GetEx,
}

/// Reads the options from the word at `first` on, or answers with an error.
fn options<'a>(call: &mut Call<'a>, command: Optioned, first: usize) -> Option<Options<'a>> {
    let parsed = parse_options(call, command, first);
    if parsed.is_none() {
        call.reply.error(SYNTAX_ERROR);
    }
    parsed
}

fn parse_options<'a>(call: &Call<'a>, command: Optioned, first: usize) -> Option<Options<'a>> {
    let mut options = NO_OPTIONS;
    let mut words = call.args.skip(first).iter();
    while let Some(word) = words.next() {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        let set = command == Optioned::Set;
        if set && is("NX") && options.condition != Some(Condition::Present) {
            options.condition = Some(Condition::Missing);
        } else if set && is("XX") && options.condition != Some(Condition::Missing) {
            options.condition = Some(Condition::Present);
        } else if set && is("GET") {
            options.get = true;
        } else if set && is("KEEPTTL") && matches!(options.expiry, Expiry::Unsaid | Expiry::Keep) {
            options.expiry = Expiry::Keep;
        } else if !set && is("PERSIST") && matches!(options.expiry, Expiry::Unsaid | Expiry::Remove)
        {
            options.expiry = Expiry::Remove;
        } else {
            let forms = [("EX", EX), ("PX", PX), ("EXAT", EXAT), ("PXAT", PXAT)];
            let (_, form) = forms.into_iter().find(|(name, _)| is(name))?;
            // The same option again replaces the first; another one contradicts it.
            match options.expiry {
                Expiry::Unsaid => {}
                Expiry::At(earlier, _) if earlier == form => {}
                _ => return None,
            }
            options.expiry = Expiry::At(form, words.next()?);
        }
    }
    Some(options)
}

/// The absolute time that an option says, in milliseconds, or an error as the answer.
fn expires_at_ms(call: &mut Call<'_>, command: &str, form: TimeForm, text: &[u8]) -> Option<u64> {
    let given = call.integer(text)?;
    let unit = if form.seconds { 1000 } else { 1 };
    let base = if form.relative {
        call.now_ms() as i64
    } else {
        0
    };
    let time = Some(given)
        .filter(|given| *given > 0)
        .and_then(|given| given.checked_mul(unit))
        .and_then(|time| time.checked_add(base));
    if time.is_none() {
        call.reply.error(&invalid_expire_time(command));
    }
    time.map(|time| time as u64)
}

pub(super) fn invalid_expire_time(command: &str) -> String {
    format!("ERR invalid expire time in '{command}' command")
}

/// How the SET family answers.
enum Answer {
    /// `OK`, or null if the key was left alone.
    Status,
    /// 1 or 0.
    Flag,
}

/// SET, SETNX, SETEX and PSETEX behind their syntax.
fn set_generic(
    call: &mut Call<'_>,
    command: &str,
    options: &Options<'_>,
    key: &[u8],
    value: &[u8],
    answer: &Answer,
) {
    let expires_at_ms = match options.expiry {
        Expiry::At(form, text) => match expires_at_ms(call, command, form, text) {
            Some(time) => Some(time),
            None => return,
        },
        _ => None,
    };
    if options.get {
        let Ok(()) = call.read_text(key, reply_text) else {
            return;
        };
    }
    if let Some(condition) = options.condition
        && call.exists(call.db, key) != (condition == Condition::Present)
    {
        match answer {
            _ if options.get => {}
            Answer::Status => call.reply.null(),
            Answer::Flag => call.reply.integer(0),
        }
        return;
    }
    let kept = options.expiry == Expiry::Keep;
    store(call, key, value, expires_at_ms, kept);
    call.modified(EventClass::String, "set", call.db, key);
    match answer {
        _ if options.get => {}
        Answer::Status => call.reply.ok(),
        Answer::Flag => call.reply.integer(1),
    }
    if let Some(time) = expires_at_ms {
        call.notify(EventClass::Generic, "expire", call.db, key);
        let mut digits = itoa::Buffer::new();
        let words = [b"SET", key, value, b"PXAT", digits.format(time).as_bytes()];
        call.propagate_instead(call.db, words);
    } else if options.get {
        let args = call.args;
        let is_get = |word: &[u8]| word.eq_ignore_ascii_case(b"GET");
        let words = args
            .iter()
            .enumerate()
            .filter(|(index, word)| *index < 3 || !is_get(word));
        call.propagate_instead(call.db, words.map(|(_, word)| word));
    }
}

/// Puts a string under `key` of the selected database, whatever was there. `keep_expiry`: with the expiry that
/// was there.
fn store(
    call: &mut Call<'_>,
    key: &[u8],
    text: &[u8],
    expires_at_ms: Option<u64>,
    keep_expiry: bool,
) {
    call.remove_if_due(call.db, key);
    let keys = &mut call.keyspace.databases[call.db].keys;
    let expires_at_ms = if keep_expiry {
        keys.get(key).and_then(|entry| entry.expires_at_ms())
    } else {
        expires_at_ms
    };
    let tag = tag::fresh(call.now_us);
    call.insert(call.db, key, text_value(text), expires_at_ms, tag);
}

fn reply_text(reply: &mut Reply, text: Option<&[u8]>) {
    match text {
        Some(text) => reply.bulk(text),
        None => reply.null(),
    }
}

pub(crate) fn set(call: &mut Call<'_>) {
    let args = call.args;
    if args.len() == 3 {
        return set_generic(
            call,
            "set",
            &NO_OPTIONS,
            &args[1],
            &args[2],
            &Answer::Status,
        );
    }
    let Some(options) = options(call, Optioned::Set, 3) else {
        return;
    };
    set_generic(call, "set", &options, &args[1], &args[2], &Answer::Status);
}

pub(crate) fn setnx(call: &mut Call<'_>) {
    let args = call.args;
    let options = Options {
        condition: Some(Condition::Missing),
        ..NO_OPTIONS
    };
    set_generic(call, "setnx", &options, &args[1], &args[2], &Answer::Flag);
}

pub(crate) fn setex(call: &mut Call<'_>) {
    let args = call.args;
    let options = Options {
        expiry: Expiry::At(EX, &args[2]),
        ..NO_OPTIONS
    };
    set_generic(call, "setex", &options, &args[1], &args[3], &Answer::Status);
}

pub(crate) fn psetex(call: &mut Call<'_>) {
    let args = call.args;
    let options = Options {
        expiry: Expiry::At(PX, &args[2]),
        ..NO_OPTIONS
    };
    set_generic(
        call,
        "psetex",
        &options,
        &args[1],
        &args[3],
        &Answer::Status,
    );
}

pub(crate) fn get(call: &mut Call<'_>) {
    let args = call.args;
    let _answered = call.read_text(&args[1], reply_text);
}

pub(crate) fn getex(call: &mut Call<'_>) {
    let args = call.args;
    let key = &args[1];
    let Some(options) = options(call, Optioned::GetEx, 2) else {
        return;
    };
    let Ok(value) = call.read_text(key, |_, text| text.map(<[u8]>::to_vec)) else {
        return;
    };
    let Some(value) = value else {
        return call.reply.null();
    };
    match options.expiry {
        Expiry::Unsaid | Expiry::Keep => call.reply.bulk(&value),
        Expiry::Remove => {
            call.reply.bulk(&value);
            if super::expire::remove_expiry(call, key) {
                call.propagate_instead(call.db, [b"PERSIST", key]);
            }
        }
        Expiry::At(form, text) => {
            let Some(time) = expires_at_ms(call, "getex", form, text) else {
                return;
            };
            call.reply.bulk(&value);
            if !form.relative && call.origin == Origin::Client && time <= call.now_ms() {
                super::expire::delete_now(call, key);
            } else {
                super::expire::set_expiry(call, key, time);
                let mut digits = itoa::Buffer::new();
                let time = digits.format(time).as_bytes();
                call.propagate_instead(call.db, [b"PEXPIREAT", key, time]);
            }
        }
    }
}

pub(crate) fn getdel(call: &mut Call<'_>) {
    let args = call.args;
    let key = &args[1];
    let Ok(()) = call.read_text(key, reply_text) else {
        return;
    };
    let lazily = call.keyspace.settings.lazy_user_del;
    if call.remove_and_free(call.db, key, lazily) {
        call.modified(EventClass::Generic, "del", call.db, key);
        call.propagate_deletion(lazily, key);
    }
}

pub(crate) fn getset(call: &mut Call<'_>) {
    let args = call.args;
    let (key, value) = (&args[1], &args[2]);
    let Ok(()) = call.read_text(key, reply_text) else {
        return;
    };
    store(call, key, value, None, false);
    call.modified(EventClass::String, "set", call.db, key);
    call.propagate_instead(call.db, [b"SET", key, value]);
}

pub(crate) fn mget(call: &mut Call<'_>) {
    let keys = call.args.skip(1);
    call.reply.array(keys.len());
    for key in keys.iter() {
        call.read(key, |reply, entry| {
            match entry.and_then(|entry| Text::of(entry.value())) {
                Some(mut text) => reply.bulk(text.as_bytes()),
                None => reply.null(),
            }
        });
    }
}

/// Whether the words behind the name are pairs; answers with an error if not.
fn are_pairs(call: &mut Call<'_>, command: &str) -> bool {
    let pairs = call.args.len() % 2 == 1;
    if !pairs {
        call.reply.error(&arity_error(command));
    }
    pairs
}

fn store_pairs(call: &mut Call<'_>) {
    let words = call.args.skip(1);
    for index in (0..words.len()).step_by(2) {
        store(call, &words[index], &words[index + 1], None, false);
        call.modified(EventClass::String, "set", call.db, &words[index]);
    }
}

pub(crate) fn mset(call: &mut Call<'_>) {
    if are_pairs(call, "mset") {
        store_pairs(call);
        call.reply.ok();
    }
}

pub(crate) fn msetnx(call: &mut Call<'_>) {
    if !are_pairs(call, "msetnx") {
        return;
    }
    let keys = call.args.skip(1).iter().step_by(2);
    for key in keys {
        if call.exists(call.db, key) {
            return call.reply.integer(0);
        }
    }
    store_pairs(call);
    call.reply.integer(1);
}

pub(crate) fn strlen(call: &mut Call<'_>) {
    let args = call.args;
    let _answered = call.read_text(&args[1], |reply, text| {
        reply.integer(text.map_or(0, <[u8]>::len) as i64);
    });
}

pub(crate) fn getrange(call: &mut Call<'_>) {
    let args = call.args;
    let Some(start) = call.integer(&args[2]) else {
        return;
    };
    let Some(end) = call.integer(&args[3]) else {
        return;
    };
    let _answered = call.read_text(&args[1], |reply, text| {
        reply.bulk(range_of(text.unwrap_or_default(), start, end));
    });
}

/// The bytes from `start` to `end`, both included, counted from the end where negative.
fn range_of(text: &[u8], start: i64, end: i64) -> &[u8] {
    if start < 0 && end < 0 && start > end {
        return b"";
    }
    let len = text.len() as i64;
    let from_front = |index: i64| {
        if index < 0 {
            (len + index.max(-len)).max(0)
        } else {
            index
        }
    };
    let (start, end) = (from_front(start), from_front(end).min(len - 1));
    if start > end {
        b""
    } else {
        &text[start as usize..=end as usize]
    }
}

/// Reads the integer that a string holds; what it holds otherwise is an error.
pub(super) fn integer_in(text: &mut Text<'_>) -> Option<i64> {
    match text {
        Text::Printed(_, number) => Some(*number),
        Text::Borrowed(bytes) => number::parse_i64(bytes),
    }
}
