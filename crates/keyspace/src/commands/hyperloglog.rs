//! The commands of HyperLogLog: see `values::hyperloglog`.

use crate::call::{Answered, EventClass};
use crate::values::hyperloglog::{self as sketch, Corrupted, Merged};
use crate::{Call, Keyspace};

const NOT_A_SKETCH: &str = "WRONGTYPE Key is not a valid HyperLogLog string value.";
const CORRUPTED: &str = "INVALIDOBJ Corrupted HLL object detected";

impl Call<'_> {
    /// Whether there is a sketch at `key`, which is about to be changed. Anything else that is there is answered with an
    /// error.
    fn sketch_to_edit(&mut self, key: &[u8]) -> Result<bool, Answered> {
        let found = self.text_to_edit(key, sketch::is_sketch)?;
        if found == Some(false) {
            self.reply.error(NOT_A_SKETCH);
            return Err(Answered);
        }
        Ok(found.is_some())
    }

    /// What `look` says of the sketch at `key`, if there is one: a read. Anything else that is there is answered with an
    /// error.
    fn read_sketch<R>(
        &mut self,
        key: &[u8],
        look: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>, Answered> {
        self.read_text(key, |reply, text| match text {
            None => Ok(None),
            Some(text) if sketch::is_sketch(text) => Ok(Some(look(text))),
            Some(_) => {
                reply.error(NOT_A_SKETCH);
                Err(Answered)
            }
        })?
    }

    fn or_corrupted<R>(&mut self, result: Result<R, Corrupted>) -> Result<R, Answered> {
        result.map_err(|Corrupted| {
            self.reply.error(CORRUPTED);
            Answered
        })
    }

    fn max_sparse_len(&self) -> usize {
        let max = self.keyspace.settings.hll_sparse_max_bytes;
        usize::try_from(max).unwrap_or(usize::MAX)
    }
}

pub(crate) fn pfadd(call: &mut Call<'_>) {
    let _answered = add(call);
}

fn add(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let (key, elements) = (&args[1], args.skip(2));
    let max_sparse_len = call.max_sparse_len();
    let add_all = |text: &mut Vec<u8>| {
        // What turns out corrupted halfway is left as it was.
        let before = (!sketch::is_dense(text)).then(|| text.clone());
        let mut changes = 0;
        for element in elements.iter() {
            match sketch::add(text, element, max_sparse_len) {
                Ok(changed) => changes += u64::from(changed),
                Err(corrupted) => {
                    *text = before.unwrap_or_default();
                    return Err(corrupted);
                }
            }
        }
        if changes > 0 {
            sketch::forget_count(text);
        }
        Ok(changes)
    };
    let changes = if call.sketch_to_edit(key)? {
        let added = call.edit_text(key, add_all);
        call.or_corrupted(added)?
    } else {
        let mut text = sketch::empty();
        let added = add_all(&mut text);
        sketch::forget_count(&mut text);
        call.put_raw_text(key, &text);
        call.or_corrupted(added)? + 1
    };
    if changes > 0 {
        call.changed(call.db, key, changes);
        call.notify(EventClass::String, "pfadd", call.db, key);
    }
    call.reply.integer(i64::from(changes > 0));
    Ok(())
}

pub(crate) fn pfcount(call: &mut Call<'_>) {
    let args = call.args;
    let counted = match args.len() {
        2 => count_one(call, &args[1]),
        _ => merge(call).map(|(merged, _)| merged.count()),
    };
    if let Ok(count) = counted {
        call.reply.integer(count as i64);
    }
}

/// The count of one sketch, which then remembers it: a read that changes the data.
fn count_one(call: &mut Call<'_>, key: &[u8]) -> Result<u64, Answered> {
    let found = call.read_sketch(key, |text| match sketch::remembered_count(text) {
        Some(count) => Ok((count, true)),
        None => sketch::count(text).map(|count| (count, false)),
    })?;
    let Some(counted) = found else { return Ok(0) };
    let (count, remembered) = call.or_corrupted(counted)?;
    if remembered {
        call.mark_raw(key);
    } else {
        call.edit_text(key, |text| sketch::remember_count(text, count));
        call.changed(call.db, key, 1);
    }
    Ok(count)
}

/// Merges the sketches at all keys of the call. Returns also whether any of them is dense.
fn merge(call: &mut Call<'_>) -> Result<(Merged, bool), Answered> {
    let mut merged = Merged::new();
    let mut any_dense = false;
    for key in call.args.skip(1).iter() {
        let found = call.read_sketch(key, |text| {
            any_dense |= sketch::is_dense(text);
            merged.merge(text)
        })?;
        call.or_corrupted(found.unwrap_or(Ok(())))?;
    }
    Ok((merged, any_dense))
}

pub(crate) fn pfmerge(call: &mut Call<'_>) {
    let args = call.args;
    let target = &args[1];
    let Ok((merged, any_dense)) = merge(call) else {
        return;
    };
    let max_sparse_len = call.max_sparse_len();
    let raise_all = |text: &mut Vec<u8>| {
        if any_dense {
            sketch::make_dense(text)?;
        }
        for (register, value) in merged.registers().iter().enumerate() {
            if *value > 0 {
                sketch::raise(text, register, *value, max_sparse_len)?;
            }
        }
        sketch::forget_count(text);
        Ok(())
    };
    let merged = if call.exists(call.db, target) {
        call.edit_text(target, raise_all)
    } else {
        let mut text = sketch::empty();
        let merged = raise_all(&mut text);
        call.put_raw_text(target, &text);
        merged
    };
    if call.or_corrupted(merged).is_ok() {
        call.modified(EventClass::String, "pfadd", call.db, target);
        call.reply.ok();
    }
}

pub(crate) fn pfdebug(call: &mut Call<'_>) {
    let _answered = debug(call);
}

fn debug(call: &mut Call<'_>) -> Result<(), Answered> {
    let args = call.args;
    let (subcommand, key) = (&args[1], &args[2]);
    if !call.sketch_to_edit(key)? {
        call.reply.error("ERR The specified key does not exist");
        return Ok(());
    }
    let is = |name: &str| subcommand.eq_ignore_ascii_case(name.as_bytes());
    if is("GETREG") {
        let values = call.edit_text(key, |text| {
            let was_dense = sketch::is_dense(text);
            sketch::make_dense(text)?;
            Ok((sketch::dense_values(text).collect::<Vec<u8>>(), was_dense))
        });
        let (values, was_dense) = call.or_corrupted(values)?;
        call.effects.dirty += u64::from(!was_dense);
        call.reply.array(values.len());
        for value in values {
            call.reply.integer(value.into());
        }
    } else if is("DECODE") {
        let decoded = call.text_to_edit(key, |text| {
            (!sketch::is_dense(text)).then(|| sketch::decoded(text))
        })?;
        match decoded.flatten() {
            Some(decoded) => call.reply.bulk(decoded.as_bytes()),
            None => call.reply.error("ERR HLL encoding is not sparse"),
        }
    } else if is("ENCODING") {
        let dense = call.text_to_edit(key, sketch::is_dense)?;
        call.reply.simple(match dense {
            Some(true) => "dense",
            _ => "sparse",
        });
    } else if is("TODENSE") {
        let converted = call.edit_text(key, |text| {
            let was_dense = sketch::is_dense(text);
            sketch::make_dense(text).map(|()| !was_dense)
        });
        let converted = call.or_corrupted(converted)?;
        call.effects.dirty += u64::from(converted);
        call.reply.integer(converted.into());
    } else {
        let error = [
            b"ERR Unknown PFDEBUG subcommand '".as_slice(),
            subcommand,
            b"'",
        ];
        call.reply.error_bytes(&error.concat());
    }
    Ok(())
}

/// A sketch is filled with so many elements while it is compared with what it should say.
const SELFTEST_ELEMENTS: u64 = 1_000_000;

pub(crate) fn pfselftest(call: &mut Call<'_>) {
    let max_sparse_len = call.max_sparse_len();
    match selftest(call.keyspace, max_sparse_len) {
        Ok(()) => call.reply.ok(),
        Err(failure) => call.reply.error(&format!("TESTFAILED {failure}")),
    }
}

fn selftest(keyspace: &mut Keyspace, max_sparse_len: usize) -> Result<(), String> {
    let corrupted = |Corrupted| "corrupted".to_owned();
    let (mut grown, mut dense) = (sketch::empty(), sketch::empty());
    sketch::make_dense(&mut dense).map_err(corrupted)?;
    let seed = keyspace.next_random();
    let mut checkpoint = 1;
    for number in 1..=SELFTEST_ELEMENTS {
        let element = (number ^ seed).to_le_bytes();
        sketch::add(&mut grown, &element, max_sparse_len).map_err(corrupted)?;
        sketch::add(&mut dense, &element, max_sparse_len).map_err(corrupted)?;
        if number < checkpoint {
            continue;
        }
        if sketch::is_dense(&grown) && number < max_sparse_len as u64 / 2 {
            return Err("sparse encoding not used".into());
        }
        let count = sketch::count(&dense).map_err(corrupted)?;
        if sketch::count(&grown) != Ok(count) {
            return Err("dense/sparse disagree".into());
        }
        // Six standard errors, which are 1.04 / sqrt(registers) each.
        let standard_error = 1.04 / (sketch::REGISTERS as f64).sqrt();
        let allowed = (6.0 * standard_error * checkpoint as f64).ceil() as u64;
        let error = count.abs_diff(checkpoint);
        if error > allowed {
            return Err(format!("Too big error. card:{checkpoint} abserr:{error}"));
        }
        checkpoint *= 10;
    }
    Ok(())
}
